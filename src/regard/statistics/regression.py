"""Linear regression with errors that hold when variances differ or customers answer several times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from regard.statistics.estimates import Floats, Whole


@dataclass(frozen=True)
class Fit:
    """A least-squares fit.

    Attributes:
        beta: Coefficients, the intercept first: shape (columns + 1,).
        covariance: Their robust covariance.
        freedom: Degrees of freedom for t intervals.
        explained: R².
        chance: How much of the R² noise alone explains on average: the trace of the coefficients' robust covariance
            times the drivers' cross products, over the total sum of squares. R² less it is free of that bias; with
            equal variances and independent rows this is the adjusted R².
        n: Rows.
    """

    beta: Floats
    covariance: Floats
    freedom: float
    explained: float
    chance: float
    n: int


def least_squares(x: Floats, y: Floats, clusters: Whole | None = None, weights: Floats | None = None) -> Fit:
    """Least squares with HC3 errors, or cluster-robust (CR1) when clusters are given; weighted where weights are.

    References: MacKinnon and White (1985) for HC3; Liang and Zeger (1986) with Stata's small-sample factor for CR1.
    Assumes a linear mean; collinear columns share their effect (minimum norm).

    Args:
        x: Shape (rows, columns), without a column of ones.
        y: Shape (rows,).
        clusters: Numbers from 0, one per row.
        weights: Sampling weights, one per row; their scale does not matter.
    """
    w = np.ones(len(y)) if weights is None else weights * (len(y) / weights.sum())
    design = np.column_stack([np.ones(len(y)), x])
    n, k = design.shape
    weighed = design * w[:, None]
    cross = design.T @ weighed
    bread = np.linalg.pinv(cross, hermitian=True)
    beta = bread @ (weighed.T @ y)
    residual = y - design @ beta
    spread = float(w @ (y - np.average(y, weights=w)) ** 2)
    explained = 1 - float(w @ residual**2) / spread if spread > 0 else math.nan
    if clusters is None:
        lever = np.einsum("ij,jk,ik->i", weighed, bread, design)
        pull = weighed * (residual / np.maximum(1 - lever, 1e-9))[:, None]
        covariance = bread @ (pull.T @ pull) @ bread
        # HC3 is too large on purpose; HC2 is right on average with equal variances, and noise is to be told rightly.
        fair = weighed * (residual / np.sqrt(np.maximum(1 - lever, 1e-9)))[:, None]
        chance = _chance(bread @ (fair.T @ fair) @ bread, cross, spread)
        return Fit(beta, covariance, float(n - k), explained, chance, n)
    groups = int(clusters.max()) + 1
    pull = weighed * residual[:, None]
    by = np.column_stack([np.bincount(clusters, pull[:, j], minlength=groups) for j in range(k)])
    factor = groups / (groups - 1) * (n - 1) / (n - k)
    covariance = bread @ (by.T @ by) @ bread * factor
    return Fit(beta, covariance, float(groups - 1), explained, _chance(covariance, cross, spread), n)


def _chance(covariance: Floats, cross: Floats, spread: float) -> float:
    """R² that noise alone explains: the intercept's part, which no spread is about, is taken off the cross products."""
    about = cross[1:, 1:] - np.outer(cross[1:, 0], cross[0, 1:]) / cross[0, 0]
    return float((covariance[1:, 1:] * about).sum()) / spread if spread > 0 else math.nan


def wald(beta: Floats, covariance: Floats, freedom: float) -> float:
    """p-value of all the coefficients being zero together (an F test with robust covariance)."""
    q = len(beta)
    statistic = float(beta @ np.linalg.pinv(covariance, hermitian=True) @ beta) / q
    if math.isinf(freedom):
        return float(special.chdtrc(q, statistic * q))
    return float(special.fdtrc(q, freedom, statistic))
