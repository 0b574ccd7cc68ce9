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
        n: Rows.
    """

    beta: Floats
    covariance: Floats
    freedom: float
    explained: float
    n: int


def least_squares(x: Floats, y: Floats, clusters: Whole | None = None) -> Fit:
    """Ordinary least squares with HC3 errors, or cluster-robust (CR1) when clusters are given.

    References: MacKinnon and White (1985) for HC3; Liang and Zeger (1986) with Stata's small-sample factor for CR1.
    Assumes a linear mean; collinear columns share their effect (minimum norm).

    Args:
        x: Shape (rows, columns), without a column of ones.
        y: Shape (rows,).
        clusters: Numbers from 0, one per row.
    """
    design = np.column_stack([np.ones(len(y)), x])
    n, k = design.shape
    bread = np.linalg.pinv(design.T @ design, hermitian=True)
    beta = bread @ (design.T @ y)
    residual = y - design @ beta
    spread = float(((y - y.mean()) ** 2).sum())
    explained = 1 - float(residual @ residual) / spread if spread > 0 else math.nan
    if clusters is None:
        lever = np.einsum("ij,jk,ik->i", design, bread, design)
        pull = design * (residual / np.maximum(1 - lever, 1e-9))[:, None]
        return Fit(beta, bread @ (pull.T @ pull) @ bread, float(n - k), explained, n)
    groups = int(clusters.max()) + 1
    pull = design * residual[:, None]
    by = np.column_stack([np.bincount(clusters, pull[:, j], minlength=groups) for j in range(k)])
    factor = groups / (groups - 1) * (n - 1) / (n - k)
    return Fit(beta, bread @ (by.T @ by) @ bread * factor, float(groups - 1), explained, n)


def wald(beta: Floats, covariance: Floats, freedom: float) -> float:
    """p-value of all the coefficients being zero together (an F test with robust covariance)."""
    q = len(beta)
    statistic = float(beta @ np.linalg.pinv(covariance, hermitian=True) @ beta) / q
    if math.isinf(freedom):
        return float(special.chdtrc(q, statistic * q))
    return float(special.fdtrc(q, freedom, statistic))
