"""Made-up steps for the benchmark: customers of very different use, names that follow each other, in half a year."""

# ruff: noqa: NPY002  numba compiles the old generator alone

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np

from regard.steps.columns import Coded, Steps

NAMES = tuple(f"step_{i:02d}" for i in range(32))
PLANS = ("", "free", "team", "business", "enterprise")
FIRST = 1_767_225_600_000_000  # 2026-01-01, UTC
DAY = 86_400_000_000
LAST = FIRST + 180 * DAY


def sizes(events: int, customers: int) -> np.ndarray:
    """Steps per customer: as rank to the power of -0.75, three at least, in no order."""
    weight = np.arange(1, customers + 1, dtype=float) ** -0.75
    n = np.maximum((weight / weight.sum() * (events - 3 * customers)).astype(np.int64) + 3, 3)
    n[np.argmax(n)] += events - n.sum()
    return np.random.default_rng(1).permutation(n)


def made(events: int, customers: int, *, slices: int = 16, seed: int = 1) -> list[Steps]:
    """Slices of whole customers."""
    ids = np.sort(np.unique(np.random.default_rng(7).integers(-(1 << 63), (1 << 63) - 1, customers)))
    n = sizes(events, customers)

    def one(part: int) -> Steps:
        low, high = part * customers // slices, (part + 1) * customers // slices
        starts = np.append(0, np.cumsum(n[low:high]))
        times, codes = np.empty(starts[-1], np.int64), np.empty(starts[-1], np.uint16)
        _fill(starts, times, codes, seed * 1000 + part, len(NAMES))
        plan = (np.arange(low, high) * 7919 % 4 + 1).astype(np.uint16)
        labels = {"plan": Coded(np.repeat(plan, n[low:high]), PLANS)}
        failed = (times // 1000 + codes) % 97 == 0
        return Steps(ids[low:high], starts, times, codes, NAMES, failed, labels)

    with ThreadPoolExecutor(2) as threads:
        return list(threads.map(one, range(slices)))


@numba.njit(cache=True, nogil=True)
def _fill(starts, times, codes, seed, names):
    np.random.seed(seed)
    for c in range(len(starts) - 1):
        n = starts[c + 1] - starts[c]
        pause = (LAST - FIRST) / (0.2 * n + 1)
        t = FIRST + np.random.random() * pause
        code = np.random.randint(names)
        for i in range(starts[c], starts[c + 1]):
            t += np.random.exponential(pause) if np.random.random() < 0.2 else np.random.exponential(60e6)
            if t >= LAST:
                t = FIRST + np.random.random() * (LAST - FIRST)
            code = (code * 5 + 3) % names if np.random.random() < 0.4 else int(names * np.random.random() ** 2.5)
            times[i] = np.int64(t)
            codes[i] = code
        part = times[starts[c] : starts[c + 1]]
        part.sort()
