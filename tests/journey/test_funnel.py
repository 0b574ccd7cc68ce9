"""The funnel by hand, beside a plain count, in two periods, with optional steps and slices."""

from datetime import datetime, timedelta

import pytest

from regard.errors import BadInput, UnknownName
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Dimension
from regard.signals.scope import Given
from regard.simulation import declarations as company_declarations
from regard.simulation import sample

PLANS = Declarations(dimensions=(Dimension(name="plan"),))
OCTOBER = {"period": "2026-10"}


def ask(view, question="journey/funnel", /, *, given=None, **arguments):
    return answer(find(question), view=view, given=Given(**(given or OCTOBER)), arguments=arguments)


def log(n=80):
    """In October 60 of 80 go from A to C within the hour, half of these by B; in September 40 of 80; the last begins late."""
    events, profiles = [], []
    for i in range(n):
        for month in (9, 10):
            at = datetime(2026, month, 1 + i % 25, 10)
            goes = i < (60 if month == 10 else 40)
            steps = ["A", "x", *(["B"] if i % 2 else []), *(["C"] if goes else ["y"])]
            events += [
                {"person": f"p{i:02d}", "occurred_at": str(at + timedelta(minutes=10 * k)), "name": s}
                for k, s in enumerate(steps)
            ]
        profiles.append(
            {"person": f"p{i:02d}", "occurred_at": "2026-01-01", "labels": {"plan": "big" if i % 4 else "small"}}
        )
    events.append({"person": "late", "occurred_at": "2026-10-31 23:50", "name": "A"})
    events.append({"person": "end", "occurred_at": "2026-11-01 00:10", "name": "z"})
    return {"event": events, "profile": profiles}


def test_steps_shares_times_and_the_change_by_hand(view_of):
    found = ask(view_of(log(), declarations=PLANS, today=datetime(2026, 11, 1).date()), steps="A → B? → C", window="2h")
    a, b, c = (r for r in found.rows if r.slice == "all")

    assert (a.customers, b.customers, c.customers) == (81, 40, 60)
    assert a.open == 1
    assert c.share == pytest.approx(60 / 80)
    assert (b.optional, b.share) == (True, pytest.approx(40 / 80))
    assert (c.before, c.change) == (pytest.approx(0.5), pytest.approx(0.25))
    assert c.adjusted <= 0.05
    assert c.median_seconds in {1200.0, 1500.0, 1800.0}
    assert found.finished == 60
    assert "Of 81 customers who began with A, 60 reached C" in found.answer
    assert "More go on to C than before" in found.answer


def test_a_window_too_short_and_another_order_lead_nowhere(view_of):
    view = view_of(log(), declarations=PLANS)

    hasty = ask(view, steps="A → C", window="10min")

    assert [r.customers for r in hasty.rows][:2] == [81, 0]
    assert hasty.next_step.startswith("Ask with a longer window: within 10min nobody reached C, given more time ")
    assert ask(view, steps="C → A", window="1min").finished == 0
    assert [r.customers for r in ask(view, steps="C → A", window="2h").rows][:2] == [60, 0]


def test_slices_add_up_and_numbers_lead_to_their_customers(view_of):
    view = view_of(log(), declarations=PLANS)
    found = ask(view, given={**OCTOBER, "by": "plan"}, steps="A → C", window="2h")
    cut = {(r.slice, r.stage): r.customers for r in found.rows if r.slice != "all"}
    behind = ask(view, "customers/list", who="reached", path="A → C", window="2h")

    assert cut["big", "C"] + cut["small", "C"] == 60
    assert cut["small", "A"] == 20
    assert behind.total == 60


def test_without_steps_the_declared_stages_are_taken(view_of):
    found = ask(view_of(sample(), declarations=company_declarations()), given={"period": "1y"}, window="90d")

    assert len([r for r in found.rows if r.slice == "all"]) >= 2
    assert found.customers > 0


def test_wrong_steps_say_what_to_do(view_of):
    view = view_of(log(), declarations=PLANS)
    with pytest.raises(BadInput, match="two steps or more"):
        ask(view, steps="A")
    with pytest.raises(BadInput, match="may not be left out"):
        ask(view, steps="A? → C")
    with pytest.raises(UnknownName, match="Cc"):
        ask(view, steps="A → Cc")
