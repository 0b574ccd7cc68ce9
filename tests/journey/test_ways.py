"""Walks kept one by one are those the kernel counts, on random logs with ties, masks and bounds of time."""

import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "steps"))
from slowly import random_log

from regard.journey.ways import Route, joined, tree_of, walked
from regard.steps import walks

ROUTES = [
    {"start": ("A",), "depth": 1},
    {"start": ("A", "B"), "depth": 3, "within": 40_000_000},
    {"target": ("C",), "depth": 3},
    {"target": ("C", "D"), "depth": 2, "within": 25_000_000},
    {"start": ("A",), "target": ("D",), "depth": 3},
    {"start": ("A",), "target": ("B", "D"), "depth": 2, "within": 60_000_000},
]


def told(steps, route, selection):
    """What the kernel says: path to customers, errors, repeats, ends, still open, goes on."""
    tree = walks.walk(steps, walks.Route(**route), selection=selection)
    return {
        tree.path(node): tuple(
            int(getattr(tree, k)[node]) for k in ("customers", "failed", "repeats", "ended", "still_open", "goes_on")
        )
        for node in range(1, len(tree.parent))
    }


def counted(ways, names):
    found = {}
    tree = tree_of(ways.codes)
    ends = {c: Counter() for c in ("ended", "open", "on")}
    for w in range(len(ways)):
        last = int(tree.at[w, ways.length[w] - 1])
        which = "open" if ways.open[w] else "on" if ways.why[w] == 2 else "ended" if ways.why[w] != 3 else ""
        if which:
            ends[which][last] += 1
    for node in range(1, len(tree.parent)):
        here = tree.at == node
        found[tuple(names[c] for c in tree.path(node))] = (
            len(set(ways.customers[here.any(axis=1)].tolist())),
            int(ways.failed[here].sum()), int(ways.repeats[here].sum()), ends["ended"][node], ends["open"][node], ends["on"][node],
        )  # fmt: skip
    return found


@pytest.mark.parametrize("route", ROUTES, ids=str)
@pytest.mark.parametrize("seed", range(12))
def test_walks_as_rows_are_the_walks_the_kernel_counts(seed, route):
    log = random_log(seed)
    ways = walked(log.steps, Route(**route), selection=log.selection)

    assert counted(ways, log.steps[0].names) == told(log.steps, route, log.selection)


def test_times_rows_and_ties_are_those_of_the_steps():
    log = random_log(1)
    ways = walked(log.steps, Route(start=("A",), depth=2), selection=log.selection)
    for w in range(len(ways)):
        steps = log.steps[ways.part[w]]
        assert steps.times[ways.rows[w]] == ways.began[w]
        assert steps.names[steps.codes[ways.rows[w]]] == "A"
        journey = [j for j in log.journeys[int(ways.customers[w])] if j[0] >= ways.began[w]]
        assert ways.since[w, 0] == 0
        if ways.length[w] > 1:
            others = [t for t, name, *_ in journey if name != "A"]
            assert ways.since[w, 1] == (others[0] - ways.began[w]) / 1e6
    assert 0 <= ways.ties <= len(ways) * 2


def test_two_periods_lie_under_one_another():
    log = random_log(1)
    one = walked(log.steps, Route(start=("A",), depth=2), selection=log.selection)
    both = joined(one, one)

    assert len(both) == 2 * len(one)
    assert np.array_equal(both.codes[: len(one)], both.codes[len(one) :])
    assert len(walked([], Route(start=("A",)))) == 0
