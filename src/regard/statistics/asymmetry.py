"""Whether a driver loses when it goes badly more than it wins when it goes well."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.estimates import LEVEL, Estimate, Floats, around, codes, refusal, two_sided
from regard.statistics.regression import Fit, least_squares

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, kw_only=True)
class Asymmetry:
    """One driver's two sides, against the middle.

    Attributes:
        name: The driver.
        penalty: Outcome where it went badly less that in the middle; negative loses.
        reward: Outcome where it went well less that in the middle; positive wins.
        balance: penalty + reward: zero when both sides weigh the same.
        p: p-value of equal sides.
        q: Lower of both sides' p-values with all sides of all drivers accounted for.
        kind: "basic" (bad loses, good wins less), "excitement" (good wins, bad loses less), "performance" (both alike),
            "none" (neither side beyond chance).
    """

    name: str
    penalty: Estimate
    reward: Estimate
    balance: Estimate
    p: float
    q: float
    kind: str


def penalty_reward(
    levels: ArrayLike,
    y: ArrayLike,
    names: tuple[str, ...],
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: float = LEVEL,
    claimed: float = 0.05,
    least: int = 8,
) -> tuple[Asymmetry, ...]:
    """Penalty and reward of every driver, the others held still.

    One regression on two indicators per driver (low, high) with the middle as base. References: Brandt (1987); Anderson
    and Mittal (2000), Journal of Service Research 3, 107-120; Mikulić and Prebežac (2011), Managing Service Quality 21.
    Errors HC3, or cluster-robust given clusters. Rows in which a driver is missing keep an indicator of that, so they
    still inform the others; this assumes that being missing shifts the outcome alike everywhere.
    Thin evidence: a side seen in fewer than `least` rows is refused, the other still answered.

    Args:
        levels: Shape (rows, drivers): -1 low, 0 middle, 1 high, NaN missing.
        y: Shape (rows,).
        names: Names of the drivers.
        clusters: Who each row belongs to.
        weights: Sampling weights, one per row.
        level: Confidence.
        claimed: False discovery rate held over all sides.
        least: Rows a side needs.
    """
    outcome = np.asarray(y, float)
    keep = np.isfinite(outcome)
    sides = np.asarray(levels, float).reshape(len(outcome), -1)
    if not keep.all():
        sides, outcome = sides[keep], outcome[keep]
    who = None if clusters is None else codes(np.asarray(clusters)[keep])[0]
    w = None if weights is None else np.asarray(weights, float)[keep]
    columns, at = _indicators(sides, least)
    n, k = columns.shape
    if n < k + 20 or k == 0 or (who is not None and int(who.max()) < k + 10):
        return tuple(_nothing(name, n, level) for name in names)
    fit = least_squares(columns, outcome, who, w)
    found = [_sides(name, at[j], fit, sides[:, j], level) for j, name in enumerate(names)]
    q = benjamini_hochberg([side.p for a in found for side in (a.penalty, a.reward)]).reshape(-1, 2)
    return tuple(_judged(a, q[j], claimed) for j, a in enumerate(found))


def _indicators(sides: Floats, least: int) -> tuple[Floats, list[tuple[int, int]]]:
    """Columns of the design, and for each driver the positions of its low and high coefficient (0 for none)."""
    columns, used = np.empty((3 * sides.shape[1], len(sides))), 0
    at = []
    for j in range(sides.shape[1]):
        places = []
        spoken = [sides[:, j] == side for side in (-1, 1)]
        many = [int(which.sum()) for which in spoken]
        missing = np.isnan(sides[:, j])
        lost = int(missing.sum())
        middle = len(sides) - lost - sum(many)
        for which, size in zip(spoken, many, strict=True):
            # Without a middle to compare with (yes/no facts), the high side is the base.
            base = middle > 0 or which is spoken[0]
            if base and least <= size < len(sides):
                columns[used] = which
                used += 1
                places.append(used)
            else:
                places.append(0)
        if 0 < lost < len(sides):
            columns[used] = missing
            used += 1
        at.append((places[0], places[1]))
    return columns[:used].T, at


def _side(place: int, fit: Fit, n: int, level: float) -> Estimate:
    if place == 0:
        return refusal("too few on this side, or nothing to compare it with", n=n, method=_METHOD, level=level)
    error = math.sqrt(max(float(fit.covariance[place, place]), 0.0))
    return around(float(fit.beta[place]), error, n=n, freedom=fit.freedom, level=level, method=_METHOD)


_METHOD = "penalty and reward against the middle, the others held still"


def _sides(name: str, at: tuple[int, int], fit: Fit, side: Floats, level: float) -> Asymmetry:
    low, high = at
    penalty = _side(low, fit, int((side == -1).sum()), level)
    reward = _side(high, fit, int((side == 1).sum()), level)
    if low and high:
        variance = fit.covariance[low, low] + fit.covariance[high, high] + 2 * fit.covariance[low, high]
        value, error = float(fit.beta[low] + fit.beta[high]), math.sqrt(max(float(variance), 0.0))
        balance = around(value, error, n=fit.n, freedom=fit.freedom, level=level, method=_METHOD)
        p = two_sided(value / error, fit.freedom) if error > 0 else math.nan
    else:
        balance, p = refusal("one side is missing", n=fit.n, method=_METHOD, level=level), math.nan
    return Asymmetry(name=name, penalty=penalty, reward=reward, balance=balance, p=p, q=math.nan, kind="none")


def _judged(found: Asymmetry, q: Floats, claimed: float) -> Asymmetry:
    stands = [math.isfinite(v) and v <= claimed for v in q]
    kind = "none"
    if any(stands):
        unequal = math.isfinite(found.p) and found.p <= claimed
        kind = "performance"
        if (unequal and found.balance.value < 0) or (stands[0] and found.reward.refused):
            kind = "basic"
        elif (unequal and found.balance.value > 0) or (stands[1] and found.penalty.refused):
            kind = "excitement"
    known = [float(v) for v in q if math.isfinite(v)]
    return Asymmetry(**{**found.__dict__, "q": min(known) if known else math.nan, "kind": kind})


def _nothing(name: str, n: int, level: float) -> Asymmetry:
    no = refusal(f"only {n:,} rows: too few for two sides of every driver", n=n, method=_METHOD, level=level)
    return Asymmetry(name=name, penalty=no, reward=no, balance=no, p=math.nan, q=math.nan, kind="none")
