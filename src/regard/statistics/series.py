"""Short series: the slope of a trend, and limits that tell a signal from the ordinary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import LEVEL, Estimate, around, too_few

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """Natural process limits of a series.

    Attributes:
        centre: Mean of the baseline.
        low: Lower limit.
        high: Upper limit.
        beyond: Positions outside the limits.
        runs: Positions of the eighth point and on of a run on one side of the centre.
        refused: Why there are no limits; empty when there are.
    """

    centre: float
    low: float
    high: float
    beyond: tuple[int, ...]
    runs: tuple[int, ...]
    refused: str = ""


def trend(
    values: ArrayLike, errors: ArrayLike | None = None, *, at: ArrayLike | None = None, level: float = LEVEL
) -> Estimate:
    """Slope per step of a straight line through a short series.

    Reference: weighted least squares; the error is the larger of what the points' own errors imply and what the
    residuals show, with n - 2 degrees of freedom. Assumes points independent of each other (no carry-over), so moving
    windows must not overlap. Thin evidence: fewer than 4 points, refused.

    Args:
        values: One per step; NaN are left out.
        errors: Standard errors of the points, if known.
        at: Positions of the points; None takes 0, 1, 2, ….
        level: Confidence.
    """
    y = np.asarray(values, float)
    x = np.arange(len(y), dtype=float) if at is None else np.asarray(at, float)
    s = np.ones(len(y)) if errors is None else np.asarray(errors, float)
    keep = np.isfinite(y) & np.isfinite(s) & (s > 0)
    x, y, s = x[keep], y[keep], s[keep]
    n = len(y)
    if n < 4 or np.ptp(x) == 0:
        return too_few(n, 4, of="point", method="weighted least squares", level=level)
    w = 1 / s**2
    away = x - np.average(x, weights=w)
    pull = float(w @ away**2)
    slope = float(w @ (away * y)) / pull
    residual = y - np.average(y, weights=w) - slope * away
    shown = float(w @ residual**2) / (n - 2)
    error = math.sqrt((max(shown, 1.0) if errors is not None else shown) / pull)
    return around(slope, error, n=n, freedom=n - 2, level=level, method="weighted least squares")


def behaviour(values: ArrayLike, *, baseline: int | None = None, run: int = 8) -> Behaviour:
    """X-mR limits: the mean of the baseline and 2.66 mean moving ranges to either side.

    Reference: Wheeler (1993), Understanding Variation. Assumes a baseline without trend or season.
    Thin evidence: fewer than 6 points in the baseline, refused.

    Args:
        values: The series in order; NaN are skipped.
        baseline: How many first points set the limits; None takes all.
        run: How many points on one side of the centre make a signal.
    """
    y = np.asarray(values, float)
    first = y[: baseline or len(y)]
    first = first[np.isfinite(first)]
    if len(first) < 6:
        none = math.nan
        why = f"only {len(first)} points to learn the ordinary from; at least 6 are needed"
        return Behaviour(centre=none, low=none, high=none, beyond=(), runs=(), refused=why)
    centre = float(first.mean())
    reach = 2.66 * float(np.abs(np.diff(first)).mean())
    beyond = tuple(int(i) for i in np.flatnonzero((y > centre + reach) | (y < centre - reach)))
    length, side, runs = 0, 0.0, []
    for i, value in enumerate(y):
        if not math.isfinite(value):
            continue
        now = float(np.sign(value - centre))
        length, side = (length + 1 if now == side and now else 1), now
        if length >= run:
            runs.append(i)
    return Behaviour(centre=centre, low=centre - reach, high=centre + reach, beyond=beyond, runs=tuple(runs))
