"""Variants, retention, waits, loops, drop-off and deflection equal plain Python on random logs."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import slowly

from regard.steps.columns import of_arrays
from regard.steps.gaps import gaps
from regard.steps.returning import calendar, returning

SEEDS = range(24)
SECOND = 1_000_000


@pytest.mark.parametrize("seed", SEEDS)
def test_retention_counts_who_is_seen_again(seed):
    log = slowly.random_log(seed)
    edges = np.array([[0, 100, 250, 400, 900], [0, 7, 14, 21, 28], [3, 200, 397, 594, 791]][seed % 5 % 3]) * SECOND
    days = [dt.date(2026, 1, n) for n in range(1, 5)]
    began, again = [(None, None), (("A", "B"), None), (("A",), ("C",))][seed % 3]

    found = returning(log.steps, (days, edges), began=began, again=again, selection=log.selection)

    slow_began, seen = slowly.retention(log, edges.tolist(), began or "ABCD", again or "ABCD")
    assert found.began.tolist() == [len(slow_began[p]) for p in range(4)]
    for p in range(4):
        assert found.seen[p, : 4 - p].tolist() == [len(seen[p, k]) for k in range(4 - p)]
        assert found.complete[p].tolist() == [p + k < 4 and edges[p + k + 1] <= log.end + 1 for k in range(4)]
    assert set(found.behind(0, 1).tolist()) == seen[0, 1]


def test_a_week_that_loses_an_hour_is_a_week():
    zone = ZoneInfo("Europe/Berlin")

    days, edges = calendar(dt.date(2026, 3, 25), dt.date(2026, 4, 7), by="week", zone=zone)

    assert days == [dt.date(2026, 3, 23), dt.date(2026, 3, 30), dt.date(2026, 4, 6)]
    hours = np.diff(edges) / (3600 * SECOND)
    assert hours.tolist() == [167, 168, 168]  # clocks go forward on 29 March
    sunday_night = dt.datetime(2026, 3, 29, 23, 30, tzinfo=zone).timestamp() * SECOND
    steps = of_arrays([1, 1], np.array([sunday_night, sunday_night + 3600 * SECOND]).astype(np.int64), ["A", "A"])
    assert returning([steps], (days, edges)).seen[0].tolist() == [1, 1, 0]


def test_months_and_days_are_local():
    days, edges = calendar(dt.date(2026, 1, 15), dt.date(2026, 2, 3), by="month", zone=ZoneInfo("America/New_York"))

    assert days == [dt.date(2026, 1, 1), dt.date(2026, 2, 1)]
    assert edges[0] == dt.datetime(2026, 1, 1, 5, tzinfo=dt.UTC).timestamp() * SECOND
    assert len(calendar(dt.date(2026, 1, 15), dt.date(2026, 1, 17), by="day", zone=ZoneInfo("UTC"))[0]) == 3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_wait_ends_or_is_still_on(seed):
    log = slowly.random_log(seed)
    to = [("B", "C"), None][seed % 2]

    found = gaps(log.steps, start=("A",), to=to, selection=log.selection)

    slow = slowly.gaps(log, "A", to or "ABCD")
    assert found.customers.tolist() == sorted(slow)
    wanted = [(max(s, 0), came) for s, came in (slow[w] for w in sorted(slow))]
    assert list(zip(found.seconds.tolist(), found.came.tolist(), strict=True)) == wanted
