"""Values that were not asked or not given: filled many times from what the others say, never by a mean.

References: Dempster, Laird, Rubin (1977) for EM under the normal; Honaker and King (2010), AJPS 54, 561-581, for EM on
bootstrap samples as draws of the parameters; Rubin (1987), ch. 3, for putting the fillings together.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from regard.statistics.estimates import Floats, Whole


def covariance(
    z: Floats, weights: Floats | None = None, *, steps: int = 60, close: float = 1e-4
) -> tuple[Floats, Floats]:
    """Mean and covariance of rows with holes (NaN), by EM under the normal.

    Assumes values missing at random given those seen. Columns never seen keep mean 0 and variance 1.

    Args:
        z: Shape (rows, columns).
        weights: How often each row counts.
        steps: Most steps.
        close: Largest relative change of the covariance that ends it.

    Returns:
        Mean (columns,) and covariance (columns, columns).
    """
    w = np.ones(len(z)) if weights is None else weights
    middle, spread = _start(z, w)
    patterns = list(_patterns(np.isfinite(z)))
    if len(patterns) == 1 and patterns[0][0].all():
        away = z - middle
        return middle, (away * w[:, None]).T @ away / w.sum()
    for _ in range(steps):
        filled, extra = _expected(z, w, patterns, middle, spread)
        middle = np.average(filled, axis=0, weights=w)
        away = filled - middle
        new = ((away * w[:, None]).T @ away + extra) / w.sum()
        done = float(np.abs(new - spread).max()) <= close * float(np.abs(spread).max())
        spread = new
        if done:
            break
    return middle, spread


def fillings(z: Floats, block: Whole, *, times: int, seed: int) -> Iterator[Floats]:
    """The rows with their holes filled by draws, several times.

    Each filling draws its parameters by EM on a bootstrap sample of blocks, so that between-filling variance is honest.

    Args:
        z: Shape (rows, columns), NaN where missing.
        block: The cluster of each row, resampled whole.
        times: How many fillings.
        seed: Seed of the generator.
    """
    rng = np.random.default_rng(seed)
    k = int(block.max()) + 1
    patterns = list(_patterns(np.isfinite(z)))
    for _ in range(times):
        drawn = rng.multinomial(k, np.full(k, 1 / k)).astype(float)[block]
        middle, spread = covariance(z, drawn)
        filled = z.copy()
        for seen, rows in patterns:
            if seen.all():
                continue
            guess, left = _given(z[rows][:, seen], seen, middle, spread)
            noise = rng.standard_normal(guess.shape) @ _root(left)
            filled[np.ix_(rows, ~seen)] = guess + noise
        yield filled


def pooled(values: Floats, variances: Floats) -> tuple[Floats, Floats, Floats]:
    """Rubin's rules: the mean of several estimates, their total variance and degrees of freedom.

    Args:
        values: Shape (fillings, parameters).
        variances: Their squared standard errors, same shape.
    """
    m = len(values)
    within = variances.mean(axis=0)
    if m == 1:
        return values[0], within, np.full(values.shape[1], math.inf)
    between = (1 + 1 / m) * values.var(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(between > 0, (m - 1) * (1 + within / between) ** 2, math.inf)
    return values.mean(axis=0), within + between, freedom


def _start(z: Floats, w: Floats) -> tuple[Floats, Floats]:
    seen = np.isfinite(z)
    weight = np.where(seen, w[:, None], 0.0)
    total = weight.sum(axis=0)
    clean = np.where(seen, z, 0.0)
    middle = np.divide((weight * clean).sum(axis=0), total, out=np.zeros(z.shape[1]), where=total > 0)
    square = (weight * np.where(seen, clean - middle, 0.0) ** 2).sum(axis=0)
    variance = np.divide(square, total, out=np.ones(z.shape[1]), where=total > 0)
    return middle, np.diag(np.maximum(variance, 1e-12))


def _patterns(seen: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], Whole]]:
    kinds, which = np.unique(seen, axis=0, return_inverse=True)
    which = which.reshape(-1)
    order = np.argsort(which, kind="stable")
    ends = np.cumsum(np.bincount(which, minlength=len(kinds)))
    for i, kind in enumerate(kinds):
        yield kind, order[ends[i - 1] if i else 0 : ends[i]]


def _given(known: Floats, seen: NDArray[np.bool_], middle: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Expected values of the holes given what is seen, and what variance is left."""
    hole = ~seen
    slope = np.linalg.pinv(spread[np.ix_(seen, seen)]) @ spread[np.ix_(seen, hole)]
    left = spread[np.ix_(hole, hole)] - spread[np.ix_(hole, seen)] @ slope
    return middle[hole] + (known - middle[seen]) @ slope, left


def _expected(
    z: Floats, w: Floats, patterns: list[tuple[NDArray[np.bool_], Whole]], middle: Floats, spread: Floats
) -> tuple[Floats, Floats]:
    filled, extra = z.copy(), np.zeros(spread.shape)
    for seen, rows in patterns:
        if seen.all():
            continue
        guess, left = _given(z[rows][:, seen], seen, middle, spread)
        filled[np.ix_(rows, ~seen)] = guess
        extra[np.ix_(~seen, ~seen)] += w[rows].sum() * left
    return filled, extra


def _root(left: Floats) -> Floats:
    """A matrix whose product with its transpose is the (perhaps singular) covariance."""
    values, vectors = np.linalg.eigh(left)
    root: Floats = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    return root
