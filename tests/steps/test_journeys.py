"""Variants, retention, waits, loops, drop-off and deflection equal plain Python on random logs."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import slowly

from regard.steps.columns import NEVER, of_arrays
from regard.steps.deflected import contacted_after, deflected
from regard.steps.dropoff import dropoff, stopped_at
from regard.steps.gaps import gaps
from regard.steps.loops import looping, loops
from regard.steps.returning import calendar, returning
from regard.steps.variants import variants

SEEDS = range(24)
SECOND = 1_000_000


def counted(names, numbers):
    return {n: c for n, c in zip(names, numbers.tolist(), strict=True) if c}


@pytest.mark.parametrize("seed", SEEDS)
def test_variants_are_journeys_that_are_alike(seed):
    log = slowly.random_log(seed)
    pause, collapse = [None, 20 * SECOND][seed % 2], seed % 3 == 0

    found = variants(log.steps, pause=pause, collapse=collapse, selection=log.selection, most=10_000)

    counts, customers = Counter(), defaultdict(set)
    for whose, run in slowly.runs(log, NEVER if pause is None else pause):
        path = []
        for _, name, *_ in run:
            if not (collapse and path and path[-1] == name):
                path.append(name)
        counts[tuple(path)] += 1
        customers[tuple(path)].add(whose)
    assert dict(zip(found.paths, found.counts.tolist(), strict=True)) == dict(counts)
    assert dict(zip(found.paths, found.customers.tolist(), strict=True)) == {p: len(c) for p, c in customers.items()}
    assert sorted(found.counts.tolist(), reverse=True) == found.counts.tolist()
    if found.paths:
        assert found.coverage[-1] == pytest.approx(1)
        assert set(found.behind(0).tolist()) == customers[found.paths[0]]


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


@pytest.mark.parametrize("seed", SEEDS)
def test_loops_are_repeats_and_steps_back(seed):
    log = slowly.random_log(seed)
    pause = [None, 20 * SECOND][seed % 2]

    found = loops(log.steps, pause=pause, selection=log.selection)

    repeats, repeating, returns, back = slowly.loops(log, NEVER if pause is None else pause)
    assert counted(found.names, found.repeats) == dict(repeats)
    assert counted(found.names, found.returns) == dict(returns)
    assert counted(found.names, found.repeating) == {n: len(w) for n, w in repeating.items()}
    assert counted(found.names, found.returning) == {n: len(w) for n, w in back.items()}
    assert set(looping(log.steps, "A", pause=pause, selection=log.selection).tolist()) == repeating["A"] | back["A"]
    every = [(w, s) for w, run in slowly.runs(log) for s in run]
    assert counted(found.names, found.failed) == dict(Counter(s[1] for _, s in every if s[2]))
    assert counted(found.names, found.customers) == dict(Counter(n for _, n in {(w, s[1]) for w, s in every}))


@pytest.mark.parametrize("seed", SEEDS)
def test_journeys_stop_are_open_or_have_reached_their_goal(seed):
    log = slowly.random_log(seed)
    silence, goal = 30 * SECOND, [(), ("D",)][seed % 2]

    found = dropoff(log.steps, silence=silence, goal=goal, selection=log.selection)

    stopped, still, reached, passed = slowly.dropoff(log, silence, goal)
    assert counted(found.names, found.stopped) == {n: len(w) for n, w in stopped.items()}
    assert counted(found.names, found.customers) == {n: len(set(w)) for n, w in stopped.items()}
    assert counted(found.names, found.still_open) == dict(still)
    assert counted(found.names, found.reached) == dict(reached)
    assert counted(found.names, found.passed) == dict(passed)
    behind = stopped_at(log.steps, "A", silence=silence, goal=goal, selection=log.selection)
    assert set(behind.tolist()) == set(stopped["A"])


@pytest.mark.parametrize("seed", SEEDS)
def test_an_article_answers_where_no_contact_follows(seed):
    log = slowly.random_log(seed)
    within = [25 * SECOND, 0][seed % 4 == 3]
    given = {"contacts": ("C",), "within": within, "selection": log.selection}

    found = deflected(log.steps, articles=("A", "B"), **given)

    views, contacted, still = slowly.deflected(log, "AB", "C", within)
    assert counted(found.names, found.views) == {n: len(w) for n, w in views.items()}
    assert counted(found.names, found.contacted) == {n: len(w) for n, w in contacted.items() if w}
    assert counted(found.names, found.still_open) == dict(still)
    assert counted(found.names, found.customers) == {n: len(set(w)) for n, w in views.items()}
    assert set(contacted_after(log.steps, "A", **given).tolist()) == set(contacted["A"])
