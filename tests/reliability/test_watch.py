"""The watch over a log: what is off course, since when, what is left out, and what it refuses."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from regard.questions import find
from regard.reliability.lines import HOUR, lines
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Moment, Stage
from regard.signals.scope import Given

DECLARED = Declarations(
    time_zone="Europe/Berlin",
    stages=(Stage(name="Pay", moments=(Moment(name="Checks out", events=("checkout*",)),)),),
)
BEGIN = datetime(2026, 8, 1)


def log(days, rng, *, per_day=60, bad=0.03, worse_from=None, worse=0.5):
    """Checkouts by day, some failed; contacts; from a day on more fail."""
    events, contacts = [], []
    for day in range(days):
        share = worse if worse_from is not None and day >= worse_from else bad
        for i in range(per_day):
            at = BEGIN + timedelta(days=day, minutes=23 * i)
            failed = rng.random() < share
            events.append({"person": f"P{i}", "name": "checkout_done", "error": "declined" if failed else None,
                           "occurred_at": at.isoformat()})  # fmt: skip
        for i in range(rng.poisson(4)):
            contacts.append({"person": f"P{i}", "key": f"{day}-{i}", "area": "billing",
                             "occurred_at": (BEGIN + timedelta(days=day, hours=9 + i)).isoformat()})  # fmt: skip
    return {"event": events, "contact": contacts}


def ask(view_of, tables, until, **arguments):
    view = view_of(declarations=DECLARED, today=until, **tables)
    return answer(find("reliability/watch"), view=view, given=Given(until=until.isoformat()), arguments=arguments)


def test_a_moment_at_which_more_fails_is_off_course_since_the_day_it_began(view_of):
    tables = log(100, np.random.default_rng(1), worse_from=95)

    found = ask(view_of, tables, date(2026, 11, 8))

    (row,) = [r for r in found.rows if r.verdict == "off course"]
    assert (row.indicator, row.watched, row.side, row.every) == ("Checks out", "steps that failed", "worse", "day")
    assert row.since == "4 Nov 2026"
    assert row.times_usual > 8
    assert found.off_course == 1
    assert "Checks out" in found.answer
    assert "4 Nov 2026" in found.answer
    assert found.next_step


def test_a_quiet_log_is_usual_and_says_what_was_accepted(view_of):
    found = ask(view_of, log(100, np.random.default_rng(2)), date(2026, 11, 8), false_alarms=0.5)

    assert found.off_course == 0
    assert found.watched == 2
    assert found.stated == 0.5
    assert found.answer.startswith("Nothing is off course")
    billing = next(r for r in found.rows if r.indicator == "billing")
    assert billing.low <= billing.usual <= billing.high
    assert billing.usual == pytest.approx(4, abs=1.2)


def test_too_short_a_past_is_told_not_judged(view_of):
    found = ask(view_of, log(20, np.random.default_rng(3)), date(2026, 8, 20))

    assert found.refused
    assert all("at least 60 are needed" in r.verdict for r in found.rows)


def test_the_unfinished_day_is_left_out():
    """The log ends at noon: that day's few contacts are not held against whole days."""
    rows = [
        {"kind": "contacts", "name": "billing", "day": date(2026, 1, 1) + timedelta(days=d),
         "hour": datetime(2026, 1, 1, 9) + timedelta(days=d), "total": 5 + d % 2, "bad": 0, "value": None}
        for d in range(90)
    ]  # fmt: skip

    (line,) = lines(rows, last=datetime(2026, 3, 31, 12), zone="UTC", per_month=1.0)

    assert line.at(len(line.values) - 1) == datetime(2026, 3, 30)


def test_a_day_on_which_the_whole_log_is_silent_is_a_gap_and_one_without_contacts_is_nought():
    rows = []
    for d in range(90):
        at = datetime(2026, 1, 1, 9) + timedelta(days=d)
        if d == 40:
            continue
        rows.append(
            {"kind": "failed", "name": "checks", "day": at.date(), "hour": at, "total": 30, "bad": d % 3, "value": None}
        )
        if d != 50:
            rows.append(
                {
                    "kind": "contacts",
                    "name": "billing",
                    "day": at.date(),
                    "hour": at,
                    "total": 5 + d % 2,
                    "bad": 0,
                    "value": None,
                }
            )

    contacts = next(
        x for x in lines(rows, last=datetime(2026, 4, 1), zone="UTC", per_month=1.0) if x.kind == "contacts"
    )

    assert np.isnan(contacts.values[40])
    assert contacts.values[50] == 0


def test_hours_are_watched_where_enough_happens_in_one_with_the_companys_clock():
    rng = np.random.default_rng(5)
    rows = [
        {"kind": "failed", "name": "checks", "day": (BEGIN + timedelta(hours=h)).date(), "hour": BEGIN + timedelta(hours=h),
         "total": int(50 + 40 * np.sin(2 * np.pi * h / 24)), "bad": int(rng.poisson(1.5)), "value": None}
        for h in range(24 * 30)
    ]  # fmt: skip

    (line,) = lines(rows, last=BEGIN + timedelta(hours=24 * 30), zone="Europe/Berlin", per_month=1.0)

    assert line.step == HOUR
    assert line.found.steps == 24 * 30


def test_nothing_to_watch_is_refused_with_what_to_send(view_of):
    view = view_of(
        declarations=DECLARED,
        answer=[{"person": "a", "key": "1", "score": 9, "metric": "nps", "occurred_at": "2026-10-01"}],
    )

    found = answer(find("reliability/watch"), view=view, given=Given(), arguments={})

    assert found.refused
    assert "Send events" in found.next_step


def test_the_figure_marks_what_is_off_course(view_of):
    from regard.reliability.watch import figure

    found = ask(view_of, log(100, np.random.default_rng(1), worse_from=95), date(2026, 11, 8))

    svg = figure(found).svg
    assert svg.count("fig-washed") == 1
    assert "worse since 4 Nov 2026" in svg
