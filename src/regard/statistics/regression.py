"""Linear regression with errors that hold when variances differ or customers answer several times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    n, k = len(y), x.shape[1] + 1
    cross, toward = np.zeros((k, k)), np.zeros(k)
    for at, rows in _pieces(x):
        cross += rows.T @ (rows * w[at, None])
        toward += rows.T @ (w[at] * y[at])
    bread = np.linalg.pinv(cross, hermitian=True)
    beta = bread @ toward
    residual = y - (beta[0] + x @ beta[1:])
    spread = float(w @ (y - np.average(y, weights=w)) ** 2)
    explained = 1 - float(w @ residual**2) / spread if spread > 0 else math.nan
    if clusters is None:
        strict, fair = _meat(x, w, residual, bread)
        # HC3 is too large on purpose; HC2 is right on average with equal variances, and noise is to be told rightly.
        chance = _chance(bread @ fair @ bread, cross, spread)
        return Fit(beta, bread @ strict @ bread, float(n - k), explained, chance, n)
    groups = int(clusters.max()) + 1
    pull = w * residual
    by = np.stack([np.bincount(clusters, pull, minlength=groups),
                   *(np.bincount(clusters, pull * x[:, j], minlength=groups) for j in range(k - 1))])  # fmt: skip
    factor = groups / (groups - 1) * (n - 1) / (n - k)
    covariance = bread @ (by @ by.T) @ bread * factor
    return Fit(beta, covariance, float(groups - 1), explained, _chance(covariance, cross, spread), n)


PIECE = 1 << 15


def _pieces(x: Floats) -> Iterator[tuple[slice, Floats]]:
    """The design with its column of ones, a piece at a time: a million rows never stand in memory twice."""
    for start in range(0, len(x), PIECE):
        at = slice(start, start + PIECE)
        rows = np.empty((len(x[at]), x.shape[1] + 1))
        rows[:, 0], rows[:, 1:] = 1.0, x[at]
        yield at, rows


def _meat(x: Floats, w: Floats, residual: Floats, bread: Floats) -> tuple[Floats, Floats]:
    """Cross products of the rows' pulls, with each residual made larger by its leverage: as HC3 has it, and HC2."""
    strict, fair = np.zeros(bread.shape), np.zeros(bread.shape)
    for at, rows in _pieces(x):
        lever = w[at] * np.einsum("ij,ij->i", rows @ bread, rows)
        left = np.maximum(1 - lever, 1e-9)
        square = (w[at] * residual[at]) ** 2
        strict += rows.T @ (rows * (square / left**2)[:, None])
        fair += rows.T @ (rows * (square / left)[:, None])
    return strict, fair


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
