"""Of those who began within a window of the log's end, who went on is known and who stopped is not: no share has them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.journey.test_funnel import PLANS

from regard.questions import find
from regard.signals.ask import Given, answer

LAST = {"since": "2026-11-01", "until": "2026-11-30"}


def log(days=60):
    """Four customers a day begin at A; half of them go on to B within the hour, today as ever."""
    events = []
    for day in range(days):
        at = datetime(2026, 10, 2, 9) + timedelta(days=day)
        for i in range(4):
            one = {"person": f"p{day:02d}{i}", "occurred_at": str(at), "name": "A"}
            events.append(one)
            if i % 2:
                events.append({**one, "occurred_at": str(at + timedelta(minutes=20)), "name": "B"})
    return {"event": events, "profile": [{"person": e["person"], "plan": "x"} for e in events if e["name"] == "A"]}


def ask(view, path, **arguments):
    return answer(find(path), view=view, given=Given(**LAST), arguments=arguments)


@pytest.fixture
def view(view_of):
    return view_of(log(), declarations=PLANS)


def test_a_funnel_tells_one_half_and_no_change(view):
    found = ask(view, "journey/funnel", steps="A → B", window="14d")
    last = found.rows[1]

    assert (found.rows[0].customers, last.customers) == (120, 60)
    assert (last.share, last.whole, found.rate, last.before) == (0.5, 0.5, 0.5, 0.5)
    assert last.change == pytest.approx(0, abs=1e-9)
    assert "began within 14d of the log's end" in found.cautions[0].text


def test_ways_from_a_step_tell_one_half_and_no_change(view):
    found = ask(view, "journey/paths", start="A", window="14d")
    on = next(r for r in found.rows if r.step == "B")

    assert (on.customers, on.share, on.before, on.change) == (60, 0.5, 0.5, pytest.approx(0, abs=1e-9))


def test_the_map_tells_one_half_and_no_change(view):
    found = ask(view, "journey/discovered", window="14d")
    on = next(r for r in found.rows if (r.source, r.target) == ("A", "B"))

    assert (on.times, on.share, on.before, on.change) == (60, 0.5, 0.5, pytest.approx(0, abs=1e-9))


def test_where_nobody_s_time_is_over_no_share_is_told(view):
    found = ask(view, "journey/funnel", steps="A → B", window="90d")

    assert (found.rows[1].customers, found.rows[1].share, found.rate) == (60, None, None)
    assert "No share is known yet" in found.cautions[0].text
