"""How the explained variance divides among correlated drivers: exact over all subsets, or by relative weights.

Both work on correlation matrices, many at once (bootstrap replicates), and on drivers that are blocks of columns.
"""

from __future__ import annotations

from math import factorial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.statistics.estimates import Floats

LMG_MOST = 14


def explained_by_subset(correlation: Floats, sizes: tuple[int, ...]) -> Floats:
    """R² of every subset of drivers.

    One pass over the drivers keeps, for each subset of those passed, the matrix of the others and the outcome with the
    subset swept out (a block Cholesky): the whole costs about 12 · 2^p operations instead of 2^p inversions.

    Args:
        correlation: Shape (matrices, columns + 1, columns + 1), the outcome last.
        sizes: Columns of each driver, in order.

    Returns:
        Shape (matrices, 2^drivers); bit j of the position says whether driver j is in.
    """
    state = correlation[:, None, :, :]
    for size in sizes:
        within = state
        for _ in range(size):
            pivot = within[..., :1, :1]
            # A column that the subset already explains adds nothing: its sweep is left out.
            scale = np.where(pivot > 1e-9, 1 / np.where(pivot > 1e-9, pivot, 1.0), 0.0)
            within = within[..., 1:, 1:] - within[..., 1:, :1] * within[..., :1, 1:] * scale
        # Subsets without this driver first, with it second: its bit is above those of the drivers before it.
        state = np.concatenate([state[..., size:, size:], within], axis=1)
    found: Floats = correlation[:, -1, -1][:, None] - state[..., 0, 0]
    return found


def lmg(correlation: Floats, sizes: tuple[int, ...] | None = None) -> Floats:
    """Each driver's share of R², averaged over all orders in which drivers can be added (Shapley's value).

    Reference: Lindeman, Merenda, Gold (1980); Grömping (2006), JSS 17(1). Sums to R². A driver without effect of its
    own still takes some from its neighbours: shares are association, not effect.

    Args:
        correlation: Shape (..., columns + 1, columns + 1), the outcome last.
        sizes: Columns of each driver; None takes one each.

    Returns:
        Shape (..., drivers).
    """
    stacked = correlation.reshape(-1, *correlation.shape[-2:])
    sizes = sizes or (1,) * (correlation.shape[-1] - 1)
    p = len(sizes)
    subsets = np.arange(2**p)
    members = np.array([int(s).bit_count() for s in subsets])
    weight = np.array([factorial(k) * factorial(p - 1 - k) / factorial(p) for k in range(p)])
    found = np.empty((len(stacked), p))
    for start in range(0, len(stacked), 64):
        r2 = explained_by_subset(stacked[start : start + 64], sizes)
        for j in range(p):
            without = subsets[(subsets >> j) & 1 == 0]
            gain = r2[:, without | (1 << j)] - r2[:, without]
            found[start : start + 64, j] = gain @ weight[members[without]]
    return found.reshape(*correlation.shape[:-2], p)


def relative_weights(correlation: Floats, sizes: tuple[int, ...] | None = None) -> Floats:
    """Johnson's relative weights: near the exact shares at a fraction of the cost, for many drivers.

    Reference: Johnson (2000), Multivariate Behavioral Research 35, 1-19. Sums to R². Same shapes as `lmg`.
    """
    x, r = correlation[..., :-1, :-1], correlation[..., :-1, -1]
    values, vectors = np.linalg.eigh(x)
    root = np.sqrt(np.maximum(values, 0.0))
    turned = np.einsum("...ij,...i->...j", vectors, r)
    beta = np.einsum("...ij,...j->...i", vectors, turned * np.where(root > 1e-6, 1 / np.maximum(root, 1e-6), 0.0))
    link = np.einsum("...ij,...j,...kj->...ik", vectors, root, vectors)
    columns = np.einsum("...ik,...k->...i", link**2, beta**2)
    sizes = sizes or (1,) * x.shape[-1]
    found: Floats = np.add.reduceat(columns, np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(int), axis=-1)
    return found


def shares(correlation: Floats, sizes: tuple[int, ...] | None = None) -> Floats:
    """`lmg` up to LMG_MOST drivers, `relative_weights` above."""
    p = len(sizes) if sizes else correlation.shape[-1] - 1
    return lmg(correlation, sizes) if p <= LMG_MOST else relative_weights(correlation, sizes)


def as_correlation(covariance: Floats) -> Floats:
    """Covariance to correlation; a column that does not vary is uncorrelated with everything."""
    spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0.0))
    scale = np.where(spread > 1e-12, 1 / np.where(spread > 1e-12, spread, 1.0), 0.0)
    found = covariance * scale[..., :, None] * scale[..., None, :]
    at: NDArray[np.int64] = np.arange(found.shape[-1])
    found[..., at, at] = 1.0
    return found
