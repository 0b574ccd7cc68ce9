"""Shares, net shares and means with intervals that hold for small, weighted and clustered samples.

Assumes that clusters (customers) are drawn independently of each other; answers of one cluster may depend on each
other as they like. Weights are sampling weights, never frequencies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.estimates import (
    LEAST,
    LEVEL,
    Estimate,
    Floats,
    around,
    codes,
    quantile,
    refusal,
    too_few,
)
from regard.statistics.netshares import score_interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Moments:
    """A weighted mean with what its precision rests on."""

    mean: float
    variance: float
    spread: float
    n: int
    clusters: int

    @property
    def effective(self) -> float:
        """Size of the simple random sample that would be as precise; never more than was observed."""
        if self.variance <= 0 or self.spread <= 0:
            return float(self.clusters)
        return min(self.spread / self.variance, float(self.n))


def wilson(hits: float, n: float, *, level: float = LEVEL, least: int = 1) -> Estimate:
    """Wilson's score interval of a share.

    Reference: Wilson (1927), JASA 22, 209-212. Assumes independent trials.
    Thin evidence: below `least` trials, refused; none or all hits keep an honest interval (0/10 gives 0 to .278).

    Args:
        hits: Successes; may be fractional for weighted samples.
        n: Trials, or the effective number of them.
        level: Confidence.
        least: Fewest trials that are answered.
    """
    if n < least or n <= 0:
        return too_few(int(n), max(least, 1), method="Wilson", level=level)
    share, z2 = hits / n, quantile(level) ** 2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(share * (1 - share) * z2 / n + z2 * z2 / (4 * n * n)) / (1 + z2 / n)
    return Estimate(
        value=share,
        low=0.0 if hits == 0 else max(0.0, middle - half),
        high=1.0 if hits == n else min(1.0, middle + half),
        error=half / math.sqrt(z2),
        centre=middle,
        n=round(n),
        effective=float(n),
        level=level,
        method="Wilson",
    )


def jeffreys(hits: float, n: float, *, level: float = LEVEL, least: int = 1) -> Estimate:
    """Jeffreys' equal-tailed interval of a share (a Beta(1/2, 1/2) prior).

    Reference: Brown, Cai, DasGupta (2001), Statistical Science 16, 101-133. Assumes independent trials.
    Thin evidence: below `least` trials, refused; with none (all) hits the lower (upper) end is exactly 0 (1).
    """
    if n < least or n <= 0:
        return too_few(int(n), max(least, 1), method="Jeffreys", level=level)
    a, b, tail = hits + 0.5, n - hits + 0.5, (1 - level) / 2
    return Estimate(
        value=hits / n,
        low=0.0 if hits == 0 else float(special.betaincinv(a, b, tail)),
        high=1.0 if hits == n else float(special.betaincinv(a, b, 1 - tail)),
        error=math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))),
        centre=a / (a + b),
        n=round(n),
        effective=float(n),
        level=level,
        method="Jeffreys",
    )


def net_share(top: float, middle: float, bottom: float, *, level: float = LEVEL, least: int = LEAST) -> Estimate:
    """Share at the top minus share at the bottom, from counts, with the constrained score interval.

    Reference: Tango (1998), with corrections for few answers: see `netshares`. Assumes independent answers; use
    `net_mean` where customers answer several times. Thin evidence: below `least` answers, refused. Exact coverage of
    95 % intervals is .93 or more from five answers on, up to net shares of ±.9.

    Returns:
        On the scale -1 to 1. `centre` and `error` are those of the adjusted estimate of Rocks (2016), The American
        Statistician 70, 365-372 (three answers are added, 3/4 to the top, 3/4 to the bottom), which differences take.
    """
    n = top + middle + bottom
    if n < least or n <= 0:
        return too_few(int(n), least, method=_SCORE, level=level)
    return _net((top - bottom) / n, (top + bottom) / n, n=round(n), effective=n, freedom=math.inf, level=level)


def net_error(top: float, middle: float, bottom: float) -> float:
    """Plain standard error of a net share, the root of (p+ + p- - net²) / n. Assumes independent answers."""
    n = top + middle + bottom
    return math.sqrt(((top + bottom) / n - ((top - bottom) / n) ** 2) / n) if n > 0 else math.nan


_SCORE = "constrained score (Tango 1998)"


def net_mean(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    fitted: ArrayLike | None = None,
    level: float = LEVEL,
    least: int = LEAST,
) -> Estimate:
    """Mean of values that are -1, 0 or 1, weighted and clustered, with the constrained score interval.

    The effective number of answers is what the linearised cluster-robust variance says; the interval is made at that
    number. References: Tango (1998), see `netshares`; Binder (1983), Int. Stat. Review 51, 279-292.
    Assumes independent clusters. Thin evidence: fewer than `least` clusters, refused.

    Args:
        values: One per answer; NaN are left out.
        clusters: Who answered, one per answer; None takes every answer as its own.
        weights: Sampling weights, one per answer.
        fitted: What the cells that the weights were made of say of each value (`weighting.fit`); None where weights
            came from elsewhere.
        level: Confidence.
        least: Fewest clusters that are answered.
    """
    y, w, c = _sample(values, weights, clusters)
    m = moments(y, w, c, _with(fitted, values, weights))
    if m.clusters < least:
        return too_few(m.clusters, least, of=_of(clusters), method=_SCORE, level=level)
    outer = float(np.average(np.abs(y), weights=w))
    freedom = math.inf if clusters is None else m.clusters - 1
    return _net(m.mean, outer, n=m.n, effective=m.effective, freedom=freedom, level=level)


def share(
    hits: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    fitted: ArrayLike | None = None,
    level: float = LEVEL,
    least: int = LEAST,
) -> Estimate:
    """Share of truths, weighted and clustered: Wilson's interval at the effective number of answers.

    Reference: Korn and Graubard (1998), Survey Methodology 24, 193-201 (effective n in an exact or score interval).
    Assumes independent clusters. Thin evidence: fewer than `least` clusters, refused.
    """
    y, w, c = _sample(hits, weights, clusters)
    m = moments(y, w, c, _with(fitted, hits, weights))
    if m.clusters < least:
        return too_few(m.clusters, least, of=_of(clusters), method="Wilson", level=level)
    found = wilson(m.mean * m.effective, m.effective, level=level, least=0)
    plain = clusters is None and weights is None
    method = "Wilson" if plain else "Wilson at the effective number of answers"
    return Estimate(**{**found.__dict__, "n": m.n, "method": method})


def mean(
    values: ArrayLike,
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    fitted: ArrayLike | None = None,
    level: float = LEVEL,
    least: int = LEAST,
) -> Estimate:
    """Weighted mean with a t interval from the linearised, cluster-robust variance.

    Reference: Binder (1983). Assumes independent clusters and a mean that is near normal: for few, skewed values use
    `resampling.bootstrap_mean`. Thin evidence: fewer than `least` clusters, refused.
    """
    y, w, c = _sample(values, weights, clusters)
    m = moments(y, w, c, _with(fitted, values, weights))
    if m.clusters < max(least, 2):
        return too_few(m.clusters, max(least, 2), of=_of(clusters), method="t interval", level=level)
    method = "t interval" if clusters is None else "t interval, cluster-robust"
    return around(
        m.mean, math.sqrt(m.variance), n=m.n, effective=m.effective, freedom=m.clusters - 1, level=level, method=method
    )


def difference(now: Estimate, before: Estimate) -> Estimate:
    """Difference of two independent estimates: adjusted centres, errors added in quadrature, Welch's freedom.

    Reference: Rocks (2016) for net shares; Welch (1947) for the degrees of freedom.
    Thin evidence: refused when either side is.
    """
    if now.refused or before.refused:
        return refusal(now.refused or before.refused, n=now.n + before.n, method="difference", level=now.level)
    a, b = now.error**2, before.error**2
    slack = a * a / now.freedom + b * b / before.freedom
    return around(
        now.value - before.value,
        math.sqrt(a + b),
        centre=now.centre - before.centre,
        n=now.n + before.n,
        effective=min(now.effective, before.effective),
        freedom=(a + b) ** 2 / slack if slack > 0 else math.inf,
        level=now.level,
        method="difference of independent samples",
    )


def linked_difference(
    now: ArrayLike,
    now_clusters: ArrayLike,
    before: ArrayLike,
    before_clusters: ArrayLike,
    *,
    now_weights: ArrayLike | None = None,
    before_weights: ArrayLike | None = None,
    level: float = LEVEL,
    least: int = LEAST,
) -> Estimate:
    """Difference of two means when some or all customers answered in both periods.

    Each customer's influence on both means is summed before it is squared, so the covariance of the same customers'
    answers is in the error (cluster-robust linearisation, Binder 1983). Paired and independent samples are its ends.
    Assumes independent customers. Thin evidence: fewer than `least` customers in either period, refused.
    """
    y1, w1, _ = _sample(now, now_weights, now_clusters)
    y0, w0, _ = _sample(before, before_weights, before_clusters)
    who, _ = codes(np.concatenate([_kept(now, now_clusters), _kept(before, before_clusters)]))
    few = min(len(np.unique(who[: len(y1)])), len(np.unique(who[len(y1) :])))
    method = "difference with the covariance of customers in both"
    if few < max(least, 2):
        return too_few(few, max(least, 2), of="customer", method=method, level=level)
    m1, m0 = np.average(y1, weights=w1), np.average(y0, weights=w0)
    pull = np.concatenate([w1 * (y1 - m1) / w1.sum(), -w0 * (y0 - m0) / w0.sum()])
    by = np.bincount(who, pull)
    error = math.sqrt(len(by) / (len(by) - 1) * float(by @ by))
    return around(float(m1 - m0), error, n=len(pull), freedom=few - 1, level=level, method=method)


def same_customers(
    now: ArrayLike,
    now_clusters: ArrayLike,
    before: ArrayLike,
    before_clusters: ArrayLike,
    *,
    level: float = LEVEL,
    least: int = LEAST,
) -> Estimate:
    """Mean change within the customers who answered in both periods, each counted once.

    Reference: the paired t interval. Says nothing of those who answered once only.
    Thin evidence: fewer than `least` customers in both, refused.
    """
    method = "paired t interval of the same customers"
    c1, c0 = _kept(now, now_clusters), _kept(before, before_clusters)
    names, n1 = np.unique(c1, return_inverse=True)
    others, n0 = np.unique(c0, return_inverse=True)
    y1, y0 = _sample(now, None, None)[0], _sample(before, None, None)[0]
    _, at1, at0 = np.intersect1d(names, others, return_indices=True)
    if len(at1) < max(least, 2):
        return too_few(len(at1), max(least, 2), of="customer in both periods", method=method, level=level)
    change = (np.bincount(n1, y1) / np.bincount(n1))[at1] - (np.bincount(n0, y0) / np.bincount(n0))[at0]
    error = float(change.std(ddof=1)) / math.sqrt(len(change))
    return around(float(change.mean()), error, n=len(change), freedom=len(change) - 1, level=level, method=method)


def kish(weights: ArrayLike) -> float:
    """Kish's effective sample size, the sum squared over the sum of squares. Reference: Kish (1965), section 11.7."""
    w = np.asarray(weights, float)
    squares = float(w @ w)
    return float(w.sum()) ** 2 / squares if squares > 0 else 0.0


def moments(y: Floats, w: Floats, c: Floats | None, fitted: Floats | None = None) -> Moments:
    """Weighted mean with its linearised variance; sums the residuals of a cluster before squaring.

    Where the weights were calibrated, residuals are taken from what the cells say (Deville and Särndal 1992): what the
    cells explain of the values cannot vary, since the weights hold the cells at the base's shares.
    """
    if len(y) == 0:
        return Moments(mean=math.nan, variance=math.nan, spread=math.nan, n=0, clusters=0)
    middle = float(np.average(y, weights=w))
    pull = w * (y - (middle if fitted is None else fitted)) / w.sum()
    by = pull if c is None else np.bincount(c.astype(np.int64), pull)
    k = len(by)
    variance = float(by @ by) * k / (k - 1) if k > 1 else math.nan
    spread = float(np.average((y - middle) ** 2, weights=w)) * (len(y) / (len(y) - 1) if len(y) > 1 else 1)
    return Moments(mean=middle, variance=variance, spread=spread, n=len(y), clusters=k)


def _net(net: float, outer: float, *, n: int, effective: float, freedom: float, level: float) -> Estimate:
    """The score interval of a net share at an effective n; centre and error as Rocks (2016) adjusts them."""
    size = effective + 3
    centre = net * effective / size
    error = math.sqrt(((outer * effective + 1.5) / size - centre**2) / size)
    adjusted = around(
        net, error, centre=centre, n=n, effective=effective, freedom=freedom, level=level, method=_SCORE, within=(-1, 1)
    )
    top, bottom = (outer + net) / 2 * effective, (outer - net) / 2 * effective
    low, high = score_interval(max(top, 0.0), max(bottom, 0.0), effective, level=level, freedom=freedom)
    return replace(adjusted, low=float(low[0]), high=float(high[0]))


def _sample(
    values: ArrayLike, weights: ArrayLike | None, clusters: ArrayLike | None
) -> tuple[Floats, Floats, Floats | None]:
    """Values, weights and cluster numbers without the rows whose value is missing or whose weight is not positive."""
    y = np.asarray(values, float)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    keep = np.isfinite(y) & (w > 0)
    c = None if clusters is None else codes(np.asarray(clusters)[keep])[0].astype(float)
    return y[keep], w[keep], c


def _with(fitted: ArrayLike | None, values: ArrayLike, weights: ArrayLike | None) -> Floats | None:
    """What the cells say of the values `_sample` keeps."""
    if fitted is None:
        return None
    keep = np.isfinite(np.asarray(values, float))
    if weights is not None:
        keep &= np.asarray(weights, float) > 0
    found: Floats = np.asarray(fitted, float)[keep]
    return found


def _kept(values: ArrayLike, clusters: ArrayLike) -> Floats:
    found: Floats = np.asarray(clusters)[np.isfinite(np.asarray(values, float))]
    return found


def _of(clusters: ArrayLike | None) -> str:
    return "answer" if clusters is None else "customer"
