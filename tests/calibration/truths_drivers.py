"""Made-up truths for drivers of one file: what a line misses, and sides that weigh alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.asymmetry import penalty_reward
from regard.statistics.challenger import challenge

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

NAMES = tuple("abcdef")
SLOPE = np.array([0.8, 0.4, 0.2, 0.1, 0.0, 0.0])


def scored(rng: Generator, n: int = 800):
    """Six parts of five points that move with a mood, and a score that is a line in them."""
    x = np.clip(np.round(3 + 0.5 * rng.normal(size=(n, 1)) + 0.9 * rng.normal(size=(n, 6))), 1, 5)
    return x, x @ SLOPE + rng.normal(size=n)


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table."""

    @case(
        room="try/drivers", method="challenger of shapes and pairs, out of sample", kind="alarms", nominal=0.05, runs=400,
        truth="six parts, a straight truth, 800 answers: it claims to beat the line",
    )  # fmt: skip
    def line_is_enough(rng: Generator) -> float:
        x, y = scored(rng)
        return float(challenge(x, y, NAMES, seed=int(rng.integers(1 << 30))).beats)

    @case(
        room="try/drivers", method="challenger of shapes and pairs, out of sample", kind="finds", nominal=0.8, runs=200,
        truth="two parts low together cost 1.5 of 1.5 standard deviations more, 1,500 answers",
    )  # fmt: skip
    def pair_is_found(rng: Generator) -> float:
        x, y = scored(rng, 1500)
        y -= 1.5 * ((x[:, 1] <= 2) & (x[:, 2] <= 2))
        found = challenge(x, y, NAMES, seed=int(rng.integers(1 << 30)))
        return float(bool(found.missed) and found.missed[0].drivers == ("b", "c"))

    _sides(case)


def _sides(case: Callable) -> None:
    def levels(x):
        return np.where(x <= 2, -1.0, np.where(x >= 4, 1.0, 0.0))

    @case(
        room="try/drivers", method="penalty and reward of one size, t test", kind="alarms", nominal=0.05, runs=1000,
        truth="both sides of a part weigh alike, 800 answers",
    )  # fmt: skip
    def sides_alike(rng: Generator) -> float:
        x, _ = scored(rng)
        y = levels(x) @ SLOPE + rng.normal(size=len(x))
        return float(penalty_reward(levels(x), y, NAMES)[0].p <= 0.05)

    @case(
        room="try/drivers", method="penalty against the middle", kind="covers", runs=1000,
        truth="a part that only loses, by 1.5, 800 answers",
    )  # fmt: skip
    def penalty_held(rng: Generator) -> float:
        x, y = scored(rng)
        y = y - x[:, 0] * SLOPE[0] - 1.5 * (x[:, 0] <= 2)
        found = penalty_reward(levels(x), y, NAMES)[0].penalty
        return float(found.low <= -1.5 <= found.high)
