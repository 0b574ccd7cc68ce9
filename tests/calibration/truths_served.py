"""Made-up truths for reliability/served: shares near 100 %, of customers who try more or less often, of two periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import held

from regard.statistics.attempted import attempted
from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.proportions import difference, linked_difference, share

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

ROOM = "reliability/served"


def tries(rng: Generator, n: int):
    """How often each of n customers tries: most a few times, some a hundred."""
    return np.ceil(rng.lognormal(1.0, 1.2, n))


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table."""
    for n, p, alike, words in (
        (100, 0.98, 0.0, "attempts of a customer no more alike than others'"),
        (100, 0.98, 8.0, "some customers much luckier (beta, 8 attempts' worth)"),
        (1000, 0.999, 8.0, "some customers much luckier (beta, 8 attempts' worth)"),
    ):

        @case(
            room=ROOM, method="Wilson at the effective number of attempts", kind="covers",
            truth=f"requests: {n:,} customers, {100 * p:g} % went well, {words}",
        )  # fmt: skip
        def _requests(rng: Generator, n: int = n, p: float = p, alike: float = alike) -> float:
            total = tries(rng, n)
            luck = rng.beta(p * alike, (1 - p) * alike, n) if alike else np.full(n, p)
            good = rng.binomial(total.astype(int), luck)
            return held(attempted(good, total), p, lambda level: attempted(good, total, level=level))

        named(f"served_requests_{n}_{alike:g}")
    _customers(case)


def _customers(case: Callable) -> None:
    @case(
        room=ROOM, method="Wilson at the effective number of attempts", kind="breaks",
        truth="requests: 100 customers taken for independent are five companies with a service of their own each",
    )  # fmt: skip
    def served_shared_fate(rng: Generator) -> float:
        total = tries(rng, 100)
        luck = rng.beta(0.9 * 4, 0.1 * 4, 5)[rng.integers(0, 5, 100)]
        good = rng.binomial(total.astype(int), luck)
        return held(attempted(good, total), 0.9, lambda level: attempted(good, total, level=level))

    @case(
        room=ROOM, method="difference with the covariance of customers in both", kind="covers",
        truth="customers served well: 100 of them, 98 % in both periods, the same luck in both",
    )  # fmt: skip
    def served_change(rng: Generator) -> float:
        luck, who = rng.beta(0.98 * 8, 0.02 * 8, 100), np.arange(100)
        now, before = ((rng.random(100) < luck).astype(float) for _ in range(2))
        return held(
            linked_difference(now, who, before, who), 0.0,
            lambda level: linked_difference(now, who, before, who, level=level),
        )  # fmt: skip

    @case(
        room=ROOM, method="slice against the others, any with q ≤ .05", kind="alarms", nominal=0.05, runs=1000,
        truth="customers served well: 6 slices of about 20 customers, 95 % in each",
    )  # fmt: skip
    def served_slices_alike(rng: Generator) -> float:
        return claims(rng, np.full(6, 0.95)).any()

    @case(
        room=ROOM, method="slice against the others, any with q ≤ .05", kind="finds", nominal=0.8, runs=1000,
        truth="customers served well: 6 slices of about 20 customers, 98 % in each but 60 % in one",
    )  # fmt: skip
    def served_slice_found(rng: Generator) -> float:
        return float(claims(rng, np.array([0.6, 0.98, 0.98, 0.98, 0.98, 0.98]))[0])


def claims(rng: Generator, chance):
    """Which slices are said to be served otherwise than the others."""
    part = rng.integers(0, len(chance), 20 * len(chance))
    well = (rng.random(len(part)) < chance[part]).astype(float)
    found = [difference(share(well[part == k]), share(well[part != k])) for k in range(len(chance))]
    return benjamini_hochberg([1.0 if e.refused or not np.isfinite(e.p) else e.p for e in found]) <= 0.05
