"""Drivers: a million answers by 12 parts through the Python door, and all-subsets shares beside a plain implementation.

The plain one is what the definition says: a least-squares fit for each subset of the parts, averaged over all orders.
"""

from __future__ import annotations

import statistics
import time
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np

from benchmarks.measuring import Row
from regard import trying
from regard.statistics.shares import lmg

ROWS, PARTS, MOST = 1_000_000, 12, 14


def measure(work: Path, *, rows: int = ROWS) -> list[Row]:
    """Both rows.

    Args:
        work: Not written to.
        rows: Answers.
    """
    del work
    return [_whole(rows), _shares()]


def _scored(rows: int, parts: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    mood = random.normal(size=(rows, 1))
    x = np.clip(np.round(5.5 + 1.6 * (0.6 * mood + 0.8 * random.normal(size=(rows, parts)))), 1, 10)
    y = x @ np.linspace(0.3, 0, parts) / 1.5 + 2 + 1.5 * random.normal(size=rows)
    return x, np.clip(np.round(y), 0, 10)


def _whole(rows: int) -> Row:
    x, y = _scored(rows, PARTS)
    names = tuple(f"part_{i}" for i in range(PARTS))
    table = {name: x[:, i].copy() for i, name in enumerate(names)} | {"overall": y}
    few = {name: column[:2000] for name, column in table.items()}
    trying.drivers(few, score="overall", parts=names)  # what is read once is read
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        found = trying.drivers(table, score="overall", parts=names)
        taken.append(time.perf_counter() - started)
    assert found.n == rows
    seconds = statistics.median(taken)
    return Row(
        name=f"drivers of {rows:,} answers x {PARTS} parts, whole analysis",
        figure=f"{seconds:.2f} s",
        target="< 5 s",
        met=seconds < 5,
        command="python -m benchmarks drivers",
        runs=taken,
    )


def plain(correlation: np.ndarray) -> np.ndarray:
    """Shares by their definition: a fit for every subset, the gain of each part averaged over all orders."""
    p = len(correlation) - 1
    x, r = correlation[:-1, :-1], correlation[:-1, -1]
    explained = {(): 0.0}
    for size in range(1, p + 1):
        for s in combinations(range(p), size):
            explained[s] = float(r[list(s)] @ np.linalg.solve(x[np.ix_(s, s)], r[list(s)]))
    found = np.zeros(p)
    for s, r2 in explained.items():
        if len(s) < p:
            weight = factorial(len(s)) * factorial(p - 1 - len(s)) / factorial(p)
            for j in set(range(p)) - set(s):
                found[j] += weight * (explained[tuple(sorted((*s, j)))] - r2)
    return found


def _shares() -> Row:
    x, y = _scored(20_000, MOST)
    correlation = np.corrcoef(np.column_stack([x, y]).T)
    ours, theirs = [], []
    for _ in range(3):
        started = time.perf_counter()
        found = lmg(correlation)
        ours.append(time.perf_counter() - started)
        started = time.perf_counter()
        other = plain(correlation)
        theirs.append(time.perf_counter() - started)
    gap = float(np.abs(found - other).max())
    mine, plains = (1000 * statistics.median(taken) for taken in (ours, theirs))
    ratio = plains / mine
    return Row(
        name=f"all-subsets shares of {MOST} parts against a fit for every subset",
        figure=f"{mine:.0f} ms against {plains:.0f} ms: {ratio:.0f} times",
        target="at least as fast, same answer",
        met=ratio >= 1 and gap < 1e-9,
        command="python -m benchmarks drivers",
        runs=ours,
        note=f"largest difference {gap:.1e}",
    )
