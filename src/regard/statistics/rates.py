"""Counts of events over exposure (contacts over active customers): comparing two periods, and a table of many cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.estimates import LEVEL, Estimate, Floats, refusal

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, kw_only=True)
class RateChange:
    """One cell's rate now against before.

    Attributes:
        rate_now: Events over exposure now.
        rate_before: Events over exposure before.
        ratio: Rate now over rate before with its interval; infinite where there were none before.
        p: Two-sided p-value of no change.
        q: The same with all comparisons of the table accounted for (false discovery rate).
        direction: "rising" or "falling" beyond chance, else empty.
        dispersion: How many times more variable than independent events; 1 is Poisson.
    """

    events_now: float
    events_before: float
    rate_now: float
    rate_before: float
    ratio: Estimate
    p: float
    q: float
    direction: str
    dispersion: float


def rate(events: float, exposure: float, *, dispersion: float = 1.0, level: float = LEVEL) -> Estimate:
    """A rate with Garwood's exact Poisson interval, widened for overdispersion.

    Reference: Garwood (1936), Biometrika 28, 437-442; counts and exposure are divided by the dispersion.
    Assumes independent events when dispersion is 1. Thin evidence: no exposure, refused; no events, low end 0.
    """
    if exposure <= 0:
        return refusal("nobody was exposed", n=int(events), method="exact Poisson", level=level)
    phi, tail = max(dispersion, 1.0), (1 - level) / 2
    x, size = events / phi, exposure / phi
    return Estimate(
        value=events / exposure,
        low=float(special.gammaincinv(x, tail) / size) if x > 0 else 0.0,
        high=float(special.gammaincinv(x + 1, 1 - tail) / size),
        error=math.sqrt(max(x, 0.5)) / size,
        centre=events / exposure,
        n=int(events),
        effective=x,
        level=level,
        method="exact Poisson" if phi == 1 else "exact Poisson at the effective number of events",
    )


def compare_rates(
    now: float,
    exposure_now: float,
    before: float,
    exposure_before: float,
    *,
    dispersion: float = 1.0,
    level: float = LEVEL,
    least: int = 1,
) -> RateChange:
    """Two rates compared exactly: given their sum, the events now are binomial.

    Reference: Przyborowski and Wilenski (1940), Biometrika 31, 313-323; Clopper-Pearson ends give those of the ratio.
    Overdispersion (several events of one customer, busy weeks) divides the counts by `dispersion`; estimate it with
    `cluster_dispersion` or `series_dispersion`. Thin evidence: fewer than `least` events together, refused.
    """
    return rising(
        [now],
        [before],
        exposure_now=exposure_now,
        exposure_before=exposure_before,
        dispersion=dispersion,
        level=level,
        least=least,
    )[0]


def rising(
    now: ArrayLike,
    before: ArrayLike,
    *,
    exposure_now: ArrayLike,
    exposure_before: ArrayLike,
    dispersion: ArrayLike = 1.0,
    claimed: float = 0.05,
    level: float = LEVEL,
    least: int = 5,
) -> tuple[RateChange, ...]:
    """Which cells of a table rise or fall beyond chance, with all cells accounted for.

    Each cell as in `compare_rates`; the false discovery rate is held by Benjamini and Hochberg over the cells that hold
    at least `least` events in both periods together (a choice made on the sum, so it does not bias the test).
    Thin evidence: cells below are shown without a test. Arrays of one shape, or numbers for all; flattened in order.

    Args:
        now: Events now.
        before: Events before.
        exposure_now: Exposure now (active customers times weeks, say).
        exposure_before: Exposure before.
        dispersion: Overdispersion per cell or for all; below 1 counts as 1.
        claimed: The false discovery rate held.
        level: Confidence of the ratio's intervals.
        least: Fewest events in both periods together that are tested.
    """
    arrays = np.broadcast_arrays(
        *(np.asarray(a, float) for a in (now, before, exposure_now, exposure_before, dispersion))
    )
    x1, x0, e1, e0, phi = (np.ravel(a) for a in arrays)
    phi = np.maximum(np.nan_to_num(phi, nan=1.0), 1.0)
    tested = (x1 + x0 >= max(least, 1)) & (e1 > 0) & (e0 > 0)
    p = np.where(tested, exact_p(x1 / phi, x0 / phi, e1, e0), np.nan)
    q = benjamini_hochberg(p)
    return tuple(
        change_of_cell(
            (x1[i], x0[i], e1[i], e0[i]), dispersion=float(phi[i]), p=float(p[i]), q=float(q[i]),
            claimed=claimed, level=level,
        )
        for i in range(len(x1))
    )  # fmt: skip


def cluster_dispersion(events_by_cluster: ArrayLike) -> float:
    """How much more variable a total is because one customer brings several events: sum of squares over sum.

    Reference: the cluster-robust variance of a Poisson total (a compound Poisson). One event each gives 1.
    """
    x = np.asarray(events_by_cluster, float)
    total = float(x.sum())
    return max(1.0, float(x @ x) / total) if total > 0 else 1.0


def series_dispersion(counts: ArrayLike, exposure: ArrayLike = 1.0, *, prior: float = 10.0) -> Floats:
    """Pearson overdispersion of counts by interval, per cell, drawn towards the table's own.

    Reference: McCullagh and Nelder (1989), section 6.2.3; cells with few events lean on the pooled value, with `prior`
    intervals' worth of weight. Assumes a steady rate within the series; a real change inside makes it larger (careful).

    Args:
        counts: Shape (intervals, cells).
        exposure: Shape (intervals,) or (intervals, cells), or one number.
        prior: Weight of the pooled value in degrees of freedom.

    Returns:
        Shape (cells,), at least 1.
    """
    x = np.asarray(counts, float)
    e = np.asarray(exposure, float)
    e = np.broadcast_to(e[:, None] if e.ndim == 1 else e, x.shape)
    if x.shape[0] < 3:
        return np.ones(x.shape[1])
    expected = e * (x.sum(axis=0) / e.sum(axis=0))
    terms = np.divide((x - expected) ** 2, expected, out=np.zeros(x.shape), where=expected > 0)
    free = float(x.shape[0] - 1)
    filled = x.sum(axis=0) > 0
    pooled = float(terms.sum() / (free * max(filled.sum(), 1)))
    found: Floats = np.maximum((terms.sum(axis=0) + prior * pooled) / (free + prior), 1.0)
    return found


def exact_p(x1: Floats, x0: Floats, e1: Floats, e0: Floats) -> Floats:
    """Two-sided p-values of equal rates: given their sum, the events now are binomial; twice the smaller tail."""
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = e1 / (e1 + e0)
        # P(X >= x) and P(X <= x) of a binomial by the incomplete beta, which also takes counts that are not whole.
        upper = np.where(x1 > 0, special.betainc(np.maximum(x1, 1e-300), x0 + 1, chance), 1.0)
        lower = np.where(x0 > 0, special.betainc(np.maximum(x0, 1e-300), x1 + 1, 1 - chance), 1.0)
    found: Floats = np.minimum(1.0, 2 * np.minimum(upper, lower))
    return found


def change_of_cell(
    cell: tuple[float, float, float, float],
    *,
    dispersion: float,
    p: float,
    q: float,
    expected: float = 1.0,
    claimed: float = 0.05,
    level: float = LEVEL,
) -> RateChange:
    """One cell's change from its events and exposures, now and before: (x1, x0, e1, e0).

    Args:
        cell: Events now and before, exposure now and before.
        dispersion: How many times more variable the events are than independent ones.
        p: p-value of no change.
        q: The same with all cells accounted for.
        expected: Ratio that stands for no change.
        claimed: The false discovery rate held.
        level: Confidence of the ratio's interval.
    """
    x1, x0, e1, e0 = (float(x) for x in cell)
    now, before = (x / e if e > 0 else math.nan for x, e in ((x1, e1), (x0, e0)))
    beyond = math.isfinite(q) and q <= claimed
    return RateChange(
        events_now=x1,
        events_before=x0,
        rate_now=now,
        rate_before=before,
        ratio=_ratio(x1, x0, e1, e0, phi=dispersion, level=level),
        p=float(p),
        q=float(q),
        direction="" if not beyond else "rising" if now > before * expected else "falling",
        dispersion=float(dispersion),
    )


def _ratio(x1: float, x0: float, e1: float, e0: float, *, phi: float, level: float) -> Estimate:
    method = "exact conditional binomial" + ("" if phi == 1 else " at the effective number of events")
    if x1 + x0 <= 0 or e1 <= 0 or e0 <= 0:
        return refusal("no events in either period", n=int(x1 + x0), method=method, level=level)
    a, b, tail = x1 / phi, x0 / phi, (1 - level) / 2
    low = float(special.betaincinv(a, b + 1, tail)) if a > 0 else 0.0
    high = float(special.betaincinv(a + 1, b, 1 - tail)) if b > 0 else 1.0
    value = (x1 / e1) / (x0 / e0) if x0 > 0 else math.inf
    return Estimate(
        value=value,
        low=low / (1 - low) * e0 / e1,
        high=high / (1 - high) * e0 / e1 if high < 1 else math.inf,
        error=math.nan,
        centre=value,
        n=int(x1 + x0),
        effective=a + b,
        level=level,
        method=method,
    )
