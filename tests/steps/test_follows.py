"""The directly-follows map equals plain Python on random logs."""

from __future__ import annotations

import numpy as np
import pytest
from slowly import follows as slow_follows
from slowly import random_log

from regard.steps import follows
from regard.steps.columns import NEVER, of_arrays
from regard.steps.follows import follow


@pytest.mark.parametrize("seed", range(40))
def test_the_map_is_what_plain_python_counts(seed, monkeypatch):
    log = random_log(seed)
    if seed % 4 > 1:
        monkeypatch.setattr(follows, "TABLED", 1)  # as with many names: transitions written down and sorted
    pause = [None, 20_000_000][seed % 2]

    found = follow(log.steps, pause=pause, selection=log.selection)

    counts, customers, begins, ends, ties = slow_follows(log, NEVER if pause is None else pause)
    edges = [(found.names[a], found.names[b]) for a, b in zip(found.sources, found.targets, strict=True)]
    assert dict(zip(edges, found.counts.tolist(), strict=True)) == dict(counts)
    assert dict(zip(edges, found.customers.tolist(), strict=True)) == customers
    assert {n: c for n, c in zip(found.names, found.begins.tolist(), strict=True) if c} == dict(begins)
    assert {n: c for n, c in zip(found.names, found.ends.tolist(), strict=True) if c} == dict(ends)
    assert found.ties == ties
    assert found.journeys == sum(begins.values())
    assert sorted(found.counts.tolist(), reverse=True) == found.counts.tolist()
    if found.transitions:
        few = found.covering(0.8)
        assert found.counts[:few].sum() >= 0.8 * found.transitions > found.counts[: few - 1].sum()


def test_a_log_of_very_many_names_is_counted_without_a_table_of_all_edges():
    names = np.array([f"page {n}" for n in range(30_000)])

    found = follow([of_arrays(np.zeros(30_000, np.int64), np.arange(30_000), names)])

    assert found.transitions == len(found.counts) == 29_999
    assert found.customers.tolist() == [1] * 29_999
