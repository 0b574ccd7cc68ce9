"""Occasions and what came after them equal plain Python on random logs."""

from __future__ import annotations

import pytest
import slowly

from regard.steps.occasions import LIVELY, occasions

SECOND = 1_000_000


def plainly(log, kinds, awaited, without, within):
    """Each occasion: (whose, when, kind, what came, whether the time is over, steps in the 28 days before)."""
    found = []
    for whose, journey in log.journeys.items():
        began = {}
        for i, (t, name, *_) in enumerate(journey):
            kind = kinds.get(name)
            if kind is None or not log.selection.since <= t < log.selection.until:
                continue
            if kind in began and t - began[kind] <= within:
                continue
            began[kind] = t
            after = [(j, u, n) for j, (u, n, *_) in enumerate(journey) if j > i and u - t <= within]
            came = next(((j, n) for j, _, n in after if n in awaited), None)
            spoilt = any(n in without and (came is None or j < came[0]) for j, _, n in after)
            spoilt |= any(n in without and t - u <= within for u, n, *_ in journey[:i])
            if not spoilt:
                lively = sum(t - u <= LIVELY for u, *_ in journey[:i])
                found.append((whose, t, kind, came[1] if came else "", t <= log.end - within, lively))
    return sorted(found)


@pytest.mark.parametrize("seed", range(24))
def test_occasions_are_those_of_plain_python(seed):
    log = slowly.random_log(seed)
    within = [3, 40, 400][seed % 3] * SECOND
    kinds = [{"A": 0, "B": 1}, {"A": 0, "B": 0}][seed % 2]
    without = [(), ("D",)][seed // 2 % 2]

    found = occasions(log.steps, kinds, awaited=("C",), without=without, within=within, selection=log.selection)

    names = log.steps[0].names
    told = [
        (whose, t, kind, names[code] if code >= 0 else "", over, lively)
        for whose, t, kind, code, over, lively in zip(
            found.customers.tolist(), found.times.tolist(), found.kinds.tolist(), found.code.tolist(),
            found.over.tolist(), found.lively.tolist(), strict=True,
        )
    ]  # fmt: skip
    assert sorted(told) == plainly(log, kinds, ("C",), without, within)
    for row, part, when in zip(found.rows.tolist(), found.part.tolist(), found.times.tolist(), strict=True):
        assert log.steps[part].times[row] == when
