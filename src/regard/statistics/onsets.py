"""Since when: the step at which a shift began, with an interval, from residuals that were ordinary before it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from regard.statistics.estimates import Floats

FURTHEST = 200


@dataclass(frozen=True, kw_only=True)
class Onset:
    """When a shift began and how large it is.

    Attributes:
        step: Most likely first step of it.
        low: Earliest step of the interval.
        high: Latest step of the interval.
        size: Mean shift since then, in standard deviations of a residual.
        size_low: Lower end of its interval.
        size_high: Upper end.
    """

    step: int
    low: int
    high: int
    size: float
    size_low: float
    size_high: float


def onset(
    residuals: Floats, rang: int, until: int, *, first: int = 0, memory: float = 0.0, level: float = 0.95
) -> Onset:
    """Since when, for an alarm that rang at a step.

    Every step from `first` up to the one that rang may be the first of the shift. Its size is integrated out under a
    flat prior, each possible first step is as likely as any other beforehand, and the interval holds the most likely
    ones up to `level` (Chernoff and Zacks 1964, Annals of Mathematical Statistics 35, 999-1018). Assumes a shift that
    stays until `until`; residuals are cut at four standard deviations, so that one spike does not carry the date.

    Args:
        residuals: Standardised residuals after the one before each; NaN where nothing was seen.
        rang: Step that rang.
        until: Step after the last that belongs to it.
        first: First step that may be the onset.
        memory: Autocorrelation that was taken off: a shift shows in full at first, then by what is left.
        level: Of the interval.
    """
    begin = max(first, rang - FURTHEST)
    e = np.clip(residuals[begin:until], -4.0, 4.0)
    seen = np.isfinite(e)
    e = np.where(seen, e, 0.0)
    shows = np.where(seen, 1 - memory, 0.0)
    # Sums from each possible first step on; the first step itself shows the shift in full.
    squares = np.cumsum((shows**2)[::-1])[::-1] - shows**2 + seen
    products = np.cumsum((shows * e)[::-1])[::-1] - shows * e + e
    several = rang - begin + 1
    squares, products = squares[:several], products[:several]
    usable = squares > 0
    likely = np.where(usable, products**2 / np.where(usable, 2 * squares, 1.0), -np.inf)
    likely = likely - 0.5 * np.log(np.where(usable, squares, 1.0))
    chance = np.exp(likely - likely.max())
    chance /= chance.sum()
    order = np.argsort(-chance, kind="stable")
    kept = order[: int(np.searchsorted(np.cumsum(chance[order]), level)) + 1]
    best = int(order[0])
    size, error = products[best] / squares[best], 1 / math.sqrt(squares[best])
    return Onset(
        step=begin + best, low=begin + int(kept.min()), high=begin + int(kept.max()),
        size=float(size), size_low=float(size - 1.96 * error), size_high=float(size + 1.96 * error),
    )  # fmt: skip
