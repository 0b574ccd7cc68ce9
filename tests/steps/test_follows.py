"""The directly-follows map equals plain Python on random logs."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from slowly import follows as slow_follows
from slowly import random_log, runs

from regard.steps import follows
from regard.steps.columns import NEVER, of_arrays
from regard.steps.follows import QUANTILES, follow, following


@pytest.mark.parametrize("seed", range(40))
def test_the_map_is_what_plain_python_counts(seed, monkeypatch):
    log = random_log(seed)
    if seed % 4 > 1:
        monkeypatch.setattr(follows, "DENSE", 1)
        monkeypatch.setattr(follows, "TABLED", 1)  # as with very many names: transitions written down and sorted
    pause = [None, 20_000_000][seed % 2]

    found = follow(log.steps, pause=pause, times=True, threes=5, selection=log.selection)

    counts, customers, begins, ends, ties = slow_follows(log, NEVER if pause is None else pause)
    edges = [(found.names[a], found.names[b]) for a, b in zip(found.sources, found.targets, strict=True)]
    assert dict(zip(edges, found.counts.tolist(), strict=True)) == dict(counts)
    assert dict(zip(edges, found.customers.tolist(), strict=True)) == customers
    assert {n: c for n, c in zip(found.names, found.begins.tolist(), strict=True) if c} == dict(begins)
    assert {n: c for n, c in zip(found.names, found.ends.tolist(), strict=True) if c} == dict(ends)
    assert found.ties == ties
    assert found.journeys == sum(begins.values())
    assert sorted(found.counts.tolist(), reverse=True) == found.counts.tolist()
    assert dict(found.threes) == dict(_threes(log, NEVER if pause is None else pause))
    took = _times(log, NEVER if pause is None else pause)
    for number, edge in enumerate(edges):
        assert np.allclose(found.after[number], np.quantile(took[edge], QUANTILES), rtol=1e-6)
    if edges:
        assert set(following(log.steps, *edges[0], pause=pause, selection=log.selection).tolist()) == {
            w for w, run in runs(log, NEVER if pause is None else pause)
            for a, b in pairwise(run) if (a[1], b[1]) == edges[0]
        }  # fmt: skip
    if found.transitions:
        few = found.covering(0.8)
        assert found.counts[:few].sum() >= 0.8 * found.transitions > found.counts[: few - 1].sum()


def _threes(log, pause):
    counts = Counter()
    for _, run in runs(log, pause):
        names = [step[1] for step in run]
        counts.update(zip(names, names[1:], names[2:], strict=False))
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:5]


def _times(log, pause):
    took = defaultdict(list)
    for _, run in runs(log, pause):
        for a, b in pairwise(run):
            took[a[1], b[1]].append((b[0] - a[0]) / 1e6)
    return took


def test_many_names_are_counted_in_a_table_to_the_same(monkeypatch):
    log = random_log(4)
    dense = follow(log.steps, threes=7)
    monkeypatch.setattr(follows, "DENSE", 2)

    assert follow(log.steps, threes=7).threes == dense.threes
    assert len(dense.threes) == 7


def test_times_of_very_many_transitions_are_of_a_sample(monkeypatch):
    log = random_log(4)
    monkeypatch.setattr(follows, "SAMPLED", 20)

    found = follow(log.steps, times=True)

    assert found.sampled == found.transitions // 20 > 1


def test_a_log_of_very_many_names_is_counted_without_an_array_of_all_edges():
    names = np.array([f"page {n}" for n in range(30_000)])

    found = follow([of_arrays(np.zeros(30_000, np.int64), np.arange(30_000), names)], times=True, threes=1)

    assert found.transitions == len(found.counts) == 29_999
    assert found.customers.tolist() == [1] * 29_999
    assert found.threes == ((("page 0", "page 1", "page 2"), 1),)
