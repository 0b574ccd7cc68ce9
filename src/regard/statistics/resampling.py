"""The bootstrap, by cluster: intervals for whatever has no formula."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

from regard.statistics.estimates import LEAST, LEVEL, Estimate, Floats, Whole, codes, too_few

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Statistic = Callable[[Floats], float]
BLOCKS = 1000


def blocks(clusters: ArrayLike | None, n: int, rng: np.random.Generator, most: int = BLOCKS) -> Whole:
    """Clusters dealt at random into at most `most` blocks, each whole in one block.

    Resampling blocks in place of single clusters keeps the bootstrap's variance (with most - 1 degrees of freedom)
    while its cost no longer grows with the number of customers.
    """
    who = np.arange(n) if clusters is None else codes(clusters)[0]
    k = int(who.max()) + 1 if n else 0
    if k <= most:
        return who
    dealt: Whole = (rng.permutation(k) % most)[who]
    return dealt


def draws(k: int, replicates: int, rng: np.random.Generator) -> Floats:
    """How often each of k blocks is drawn in each replicate: shape (replicates, k)."""
    return rng.multinomial(k, np.full(k, 1 / k), size=replicates).astype(float)


def percentiles(replicated: Floats, level: float = LEVEL) -> tuple[float, float]:
    """The percentile interval of bootstrap replicates. Reference: Efron (1979)."""
    tail = (1 - level) / 2
    low, high = np.quantile(replicated[np.isfinite(replicated)], [tail, 1 - tail])
    return float(low), float(high)


def bca(value: float, replicated: Floats, left_out: Floats, level: float = LEVEL) -> tuple[float, float]:
    """The bias-corrected and accelerated interval.

    Reference: Efron (1987), JASA 82, 171-185. Falls back to percentiles when the statistic does not vary.

    Args:
        value: The statistic on the whole sample.
        replicated: On each bootstrap replicate.
        left_out: With each cluster (or block) left out in turn.
        level: Confidence.
    """
    below = float(np.mean(replicated < value) + np.mean(replicated == value) / 2)
    away = left_out.mean() - left_out
    size = float((away @ away) ** 1.5)
    if not 0 < below < 1 or size <= 0:
        return percentiles(replicated, level)
    bias, pull = float(special.ndtri(below)), float((away**3).sum()) / (6 * size)
    tails = (float(special.ndtri((1 - level) / 2)), float(special.ndtri((1 + level) / 2)))
    ends = [float(special.ndtr(bias + (bias + z) / (1 - pull * (bias + z)))) for z in tails]
    low, high = np.quantile(replicated, ends)
    return float(low), float(high)


def bootstrap(
    statistic: Statistic,
    n: int,
    *,
    clusters: ArrayLike | None = None,
    replicates: int = 999,
    seed: int = 0,
    level: float = LEVEL,
    kind: Literal["bca", "percentile"] = "bca",
    least: int = LEAST,
) -> Estimate:
    """Interval of a statistic by resampling clusters.

    Assumes independent clusters and a smooth statistic (not an extreme). Reference: Davison and Hinkley (1997), ch. 5.
    Thin evidence: fewer than `least` clusters, refused. Same seed, same interval.

    Args:
        statistic: Takes weights of the n rows (how often each counts) and returns a number.
        n: Rows.
        clusters: Who each row belongs to; None takes each as its own.
        replicates: Bootstrap replicates.
        seed: Seed of the generator.
        level: Confidence.
        kind: The kind of interval.
        least: Fewest clusters that are answered.
    """
    rng = np.random.default_rng(seed)
    block = blocks(clusters, n, rng)
    k = int(block.max()) + 1 if n else 0
    method = f"{'BCa' if kind == 'bca' else 'percentile'} bootstrap, {replicates} replicates"
    if k < max(least, 2):
        return too_few(k, max(least, 2), of="customer", method=method, level=level)
    value = statistic(np.ones(n))
    replicated = np.array([statistic(row[block]) for row in draws(k, replicates, rng)])
    replicated = replicated[np.isfinite(replicated)]
    if kind == "bca":
        left = np.array([statistic((block != b).astype(float)) for b in range(k)])
        low, high = bca(value, replicated, left[np.isfinite(left)], level)
    else:
        low, high = percentiles(replicated, level)
    error = float(replicated.std(ddof=1))
    return Estimate(
        value=value, low=low, high=high, error=error, centre=value, n=n, effective=float(k), level=level, method=method
    )


def bootstrap_mean(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    replicates: int = 999,
    seed: int = 0,
    level: float = LEVEL,
    least: int = LEAST,
) -> Estimate:
    """BCa interval of a weighted mean: for few, skewed values such as money or waiting times."""
    y = np.asarray(values, float)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    keep = np.isfinite(y) & (w > 0)
    y, w = y[keep], w[keep]
    who = None if clusters is None else np.asarray(clusters)[keep]

    def weighted(times: Floats) -> float:
        total = float(times @ w)
        return float(times @ (w * y)) / total if total > 0 else math.nan

    return bootstrap(weighted, len(y), clusters=who, replicates=replicates, seed=seed, level=level, least=least)
