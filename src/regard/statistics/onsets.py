"""Since when: the step at which a shift began, with an interval; from residuals that were ordinary before it, or from
counts whose share rose."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

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


@dataclass(frozen=True, kw_only=True)
class Rise:
    """When a share rose.

    Attributes:
        step: Most likely first step of it.
        low: Earliest step of the interval.
        high: Latest step of the interval.
        before: Share before the most likely first step.
        since: Share since then.
    """

    step: int
    low: int
    high: int
    before: float
    since: float


def rise(bad: Floats, total: Floats, *, level: float = 0.95) -> Rise:
    """Since when the share of bad ones is higher, given that it is now.

    One change-point in a row of binomials: both shares are integrated out under Jeffreys' prior, every step but the
    first is as likely as any other to be the first of the higher share (Smith 1975, Biometrika 62, 407-416), and the
    interval holds the most likely ones up to `level`. Where steps stray beyond binomial about the two shares, the
    logarithm of the likelihood is divided by how much. Assumes that the rise lasts to the end.

    Args:
        bad: Bad ones of each step; the last step is now.
        total: All of each step; steps with none say nothing.
        level: Of the interval.
    """
    c0, n0 = np.cumsum(bad)[:-1], np.cumsum(total)[:-1]
    c1, n1 = bad.sum() - c0, total.sum() - n0
    nats = _integrated(c0, n0) + _integrated(c1, n1)
    higher = (c1 + 0.5) / (n1 + 1.0) > (c0 + 0.5) / (n0 + 1.0)
    usable = higher & (n1 > 0) & (n0 > 0)
    if not usable.any():
        return Rise(step=len(bad) - 1, low=len(bad) - 1, high=len(bad) - 1, before=math.nan, since=math.nan)
    nats = np.where(usable, nats, -np.inf)
    best = int(nats.argmax())
    share = np.where(np.arange(len(bad)) <= best, (c0[best] + 0.5) / (n0[best] + 1), (c1[best] + 0.5) / (n1[best] + 1))
    mean = total * share
    seen = total > 0
    errors = (bad - mean)[seen] ** 2 / np.maximum(mean * (1 - share), 0.25)[seen]
    spread = max(1.0, float(errors.sum()) / max(int(seen.sum()) - 2, 1))
    chance = special.softmax(nats / spread)
    order = np.argsort(-chance, kind="stable")
    kept = order[: int(np.searchsorted(np.cumsum(chance[order]), level)) + 1]
    return Rise(step=best + 1, low=int(kept.min()) + 1, high=int(kept.max()) + 1,
                before=float(c0[best] / n0[best]), since=float(c1[best] / n1[best]))  # fmt: skip


def _integrated(hits: Floats, tries: Floats) -> Floats:
    """Logarithm of the likelihood of so many hits, their share integrated out."""
    return np.asarray(special.betaln(hits + 0.5, np.maximum(tries - hits, 0.0) + 0.5), np.float64)
