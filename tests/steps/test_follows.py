"""The directly-follows map equals plain Python on random logs."""

from __future__ import annotations

import pytest
from slowly import follows as slow_follows
from slowly import random_log

from regard.steps.columns import NEVER
from regard.steps.follows import follow


@pytest.mark.parametrize("seed", range(40))
def test_the_map_is_what_plain_python_counts(seed):
    log = random_log(seed)
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
