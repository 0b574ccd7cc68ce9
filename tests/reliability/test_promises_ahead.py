"""Promises about to break: who is told, how long before, and how well that was tried."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Dimension
from regard.signals.scope import Given

BEGIN = datetime(2026, 3, 1)
DECLARED = Declarations(dimensions=(Dimension(name="region"),))


def log(*, open_hours=(), days=200):
    """Three promises of ten hours a day, one in four broken, in the South one in two; some open at the end."""
    rng, promises, profiles = np.random.default_rng(1), [], []
    for day in range(days):
        for i in range(3):
            made = BEGIN + timedelta(days=day, hours=i)
            south = i == 2
            broken = rng.random() < (0.5 if south else 0.12)
            kept = made + timedelta(hours=float(rng.uniform(11, 20) if broken else rng.uniform(0.5, 7)))
            promises.append({"key": f"{day}-{i}", "person": f"P{i}", "promise": "answer", "about": f"T{day}-{i}",
                             "occurred_at": made.isoformat(), "due_at": (made + timedelta(hours=10)).isoformat(),
                             "kept_at": kept.isoformat()})  # fmt: skip
    for i in range(3):
        profiles.append({"person": f"P{i}", "name": f"Bakery {i}", "labels": {"region": "South" if i == 2 else "North"},
                         "occurred_at": BEGIN.isoformat()})  # fmt: skip
    end = BEGIN + timedelta(days=days)
    for i, hours in enumerate(open_hours):
        promises.append({"key": f"open-{i}", "person": "P2", "promise": "answer", "about": f"T-open-{i}",
                         "occurred_at": (end - timedelta(hours=10 - hours)).isoformat(),
                         "due_at": (end + timedelta(hours=hours)).isoformat()})  # fmt: skip
    return {"promise": promises, "profile": profiles}


def ask(view_of, tables, **arguments):
    view = view_of(declarations=DECLARED, **tables)
    given = Given(since="2026-06-01", until="2026-09-16")
    return answer(find("reliability/promises-ahead"), view=view, given=given, arguments=arguments)


def test_what_is_nearly_due_and_still_open_is_told_and_what_has_time_is_not(view_of):
    found = ask(view_of, log(open_hours=(9.5, 0.5)), chance=0.7)

    assert found.open == 2
    assert [(r.about, r.customer) for r in found.rows] == [("T-open-1", "Bakery 2")]
    assert found.rows[0].hours_left == pytest.approx(0.5)
    assert found.rows[0].chance > 0.8
    assert found.next_step.startswith("Write to the customers concerned")


def test_how_well_it_is_foretold_stands_beside_it(view_of):
    (rule,) = ask(view_of, log(open_hours=(1.0,))).rules

    assert rule.past == 600
    assert rule.group == "region"
    assert rule.precision > 0.7
    assert rule.recall > 0.9
    assert rule.lead_hours > 1


def test_what_happened_after_the_period_is_not_known_in_it(view_of):
    """A promise kept the day after the period's end is open in it."""
    tables = log(open_hours=(0.5,))
    tables["promise"][-1]["kept_at"] = (BEGIN + timedelta(days=201)).isoformat()

    assert ask(view_of, tables).open == 1


def test_a_promise_called_off_is_not_told(view_of):
    tables = log(open_hours=(0.5,))
    tables["promise"][-1]["withdrawn_at"] = (BEGIN + timedelta(days=199)).isoformat()

    assert ask(view_of, tables).open == 0


def test_a_short_past_is_refused_by_sort(view_of):
    found = ask(view_of, log(open_hours=(0.5,), days=5))

    assert "at least 30 are needed" in found.rules[0].refused
    assert found.rows == ()
