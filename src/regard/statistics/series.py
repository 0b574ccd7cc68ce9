"""Short series: the slope of a trend, and limits that tell a signal from the ordinary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import LEVEL, Estimate, around, too_few

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


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
