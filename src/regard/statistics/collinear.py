"""How far drivers move together: the condition index of their correlations.

Reference: Belsley, Kuh, Welsch (1980), Regression Diagnostics, ch. 3: indices of 10 and more blur effects, 30 and more
leave next to nothing of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from regard.statistics.estimates import Floats


def condition_index(correlation: Floats) -> float:
    """The root of the largest over the smallest eigenvalue; infinite where one driver is the others' sum.

    Args:
        correlation: Shape (drivers, drivers).
    """
    values = np.linalg.eigvalsh(correlation)
    return float(np.sqrt(values[-1] / values[0])) if values[0] > 1e-10 else float("inf")


def correlations(x: Floats) -> Floats:
    """Correlations of columns with holes, each pair over the rows in which both are known; 0 where too few are.

    Args:
        x: Shape (rows, drivers), NaN where missing.
    """
    known = np.isfinite(x)
    if known.all():
        return np.atleast_2d(np.corrcoef(x.T))
    z = np.where(known, x - np.nanmean(x, axis=0), 0.0)
    both = known.astype(float)
    n = both.T @ both
    one, other = z.T @ both, both.T @ z
    covariance = z.T @ z - one * other / np.maximum(n, 1)
    spread = (z**2).T @ both - one**2 / np.maximum(n, 1)
    scale = np.sqrt(np.maximum(spread * spread.T, 0.0))
    found: Floats = np.divide(covariance, scale, out=np.zeros_like(scale), where=(scale > 0) & (n >= 3))
    np.fill_diagonal(found, 1.0)
    return found
