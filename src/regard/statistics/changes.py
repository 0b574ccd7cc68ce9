"""What a change between two periods is made of: who answered (mix) and what they answered (rate).

Reference: Kitagawa (1955), JASA 50, 1168-1194, in the symmetric form of Das Gupta (1993): for a group g with shares w
and means m, rate_g = (w0 + w1)/2 · (m1 - m0) and mix_g = (w1 - w0) · ((m0 + m1)/2 - grand mean). The parts add up to
the change exactly, without an interaction term. Errors by the delta method, with the uncertainty of the shares in them
and, given clusters, with the covariance of customers who answered in both periods.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import LEAST, LEVEL, Estimate, Floats, Whole, around, codes, refusal

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One period's answers.

    Attributes:
        values: One number per answer; NaN are left out.
        groups: The group of each answer, any labels; missing ones should carry a label of their own.
        clusters: Who answered; None takes every answer as its own.
        weights: Sampling weights; None takes all alike.
    """

    values: ArrayLike
    groups: ArrayLike
    clusters: ArrayLike | None = None
    weights: ArrayLike | None = None


@dataclass(frozen=True, kw_only=True)
class GroupChange:
    """One group's part in the change. A group that vanished or is new has its other period's mean in both."""

    group: str
    share_before: float
    share_now: float
    mean_before: float
    mean_now: float
    n_before: int
    n_now: int
    mix: Estimate
    rate: Estimate


@dataclass(frozen=True, kw_only=True)
class Decomposition:
    """A change, split: ``change.value == mix.value + rate.value`` to rounding, and so the groups to each."""

    change: Estimate
    mix: Estimate
    rate: Estimate
    groups: tuple[GroupChange, ...]


@dataclass(frozen=True)
class _Period:
    values: Floats
    weights: Floats
    group: Whole
    who: NDArray[np.generic] | None
    share: Floats
    mean: Floats
    total: float
    counts: Whole


def decompose(before: Sample, now: Sample, *, level: float = LEVEL, least: int = LEAST) -> Decomposition:
    """Split the change of a mean into mix and rate.

    Assumes independent clusters and enough answers for the delta method (30 or more a period is safe).
    Thin evidence: fewer than `least` answers in either period: everything refused, no groups.
    """
    (b, n), names = _periods(before, now)
    few = min(len(b.values), len(n.values))
    if few < max(least, 2):
        total = len(b.values) + len(n.values)
        no = refusal(f"only {few} answers in one of the two periods; at least {least} are needed", n=total, level=level)
        return Decomposition(change=no, mix=no, rate=no, groups=())
    m0, m1 = np.where(b.counts > 0, b.mean, n.mean), np.where(n.counts > 0, n.mean, b.mean)
    rate = (b.share + n.share) / 2 * (m1 - m0)
    mix = (n.share - b.share) * ((m0 + m1) / 2 - (b.total + n.total) / 2)
    errors = _errors(b, n, m0, m1)
    size, free = len(b.values) + len(n.values), float(_independent(b, n) - 2)

    def part(value: float, error: float) -> Estimate:
        return around(value, error, n=size, freedom=free, level=level, method="Kitagawa, delta method")

    k = len(names)
    groups = tuple(
        GroupChange(
            group=str(names[g]),
            share_before=float(b.share[g]),
            share_now=float(n.share[g]),
            mean_before=float(m0[g]),
            mean_now=float(m1[g]),
            n_before=int(b.counts[g]),
            n_now=int(n.counts[g]),
            mix=part(float(mix[g]), errors[3 + g]),
            rate=part(float(rate[g]), errors[3 + k + g]),
        )
        for g in range(k)
    )
    return Decomposition(
        change=part(n.total - b.total, errors[0]),
        mix=part(float(mix.sum()), errors[1]),
        rate=part(float(rate.sum()), errors[2]),
        groups=groups,
    )


def _periods(before: Sample, now: Sample) -> tuple[tuple[_Period, _Period], NDArray[np.generic]]:
    raw = [_clean(before), _clean(now)]
    group, names = codes(np.concatenate([raw[0][2], raw[1][2]]))
    cut = len(raw[0][0])
    numbered = (group[:cut], group[cut:])
    return (_period(raw[0], numbered[0], len(names)), _period(raw[1], numbered[1], len(names))), names


def _clean(sample: Sample) -> tuple[Floats, Floats, NDArray[np.str_], NDArray[np.generic] | None]:
    y = np.asarray(sample.values, float)
    w = np.ones(len(y)) if sample.weights is None else np.asarray(sample.weights, float)
    keep = np.isfinite(y) & (w > 0)
    who = None if sample.clusters is None else np.asarray(sample.clusters)[keep]
    return y[keep], w[keep], np.asarray(sample.groups).astype(str)[keep], who


def _period(raw: tuple[Floats, Floats, NDArray[np.str_], NDArray[np.generic] | None], group: Whole, k: int) -> _Period:
    y, w, _, who = raw
    weight = np.bincount(group, w, minlength=k)
    sums = np.bincount(group, w * y, minlength=k)
    mean = np.divide(sums, weight, out=np.zeros(k), where=weight > 0)
    total = float(w.sum()) or 1.0
    counts = np.bincount(group, minlength=k).astype(np.int64)
    return _Period(y, w / total, group, who, weight / total, mean, float(sums.sum()) / total, counts)


def _errors(b: _Period, n: _Period, m0: Floats, m1: Floats) -> list[float]:
    """Standard errors of change, mix and rate, then of each group's mix and each group's rate.

    An answer in group h pulls a part by const[h] + slope[h]·(value - mean of h); a customer's pulls are summed over
    both periods before they are squared.
    """
    k = len(m0)
    pulls0, pulls1 = _pulls(b, n, m0, m1)
    who = None
    if b.who is not None and n.who is not None:
        who, _ = codes(np.concatenate([b.who, n.who]))
    residual0, residual1 = b.values - b.mean[b.group], n.values - n.mean[n.group]
    found = []
    for part in range(3 + 2 * k):
        const0, slope0 = pulls0[0][part], pulls0[1][part]
        const1, slope1 = pulls1[0][part], pulls1[1][part]
        pull0 = b.weights * (const0[b.group] + slope0[b.group] * residual0)
        pull1 = n.weights * (const1[n.group] + slope1[n.group] * residual1)
        if who is None:
            found.append(math.sqrt(_spread(pull0) + _spread(pull1)))
        else:
            found.append(math.sqrt(_spread(np.bincount(who, np.concatenate([pull0, pull1])).astype(float))))
    return found


def _spread(pull: Floats) -> float:
    return float(pull @ pull) * len(pull) / max(len(pull) - 1, 1)


def _pulls(b: _Period, n: _Period, m0: Floats, m1: Floats) -> tuple[tuple[Floats, Floats], tuple[Floats, Floats]]:
    """For both periods, const and slope of every part by group: shape (3 + 2k, k)."""
    k = len(m0)
    middle, step, shift = (m0 + m1) / 2, m1 - m0, n.share - b.share
    weight = (b.share + n.share) / 2
    grand = (b.total + n.total) / 2
    found = []
    for period, other, sign in ((b, n, -1.0), (n, b, 1.0)):
        const, slope = np.zeros((3 + 2 * k, k)), np.zeros((3 + 2 * k, k))
        here = period.counts > 0
        # A group absent in the other period lends its mean to it: the other's gradient by the mean comes here.
        both = np.where(other.counts > 0, 1.0, 2.0)
        per = np.divide(1.0, period.share, out=np.zeros(k), where=here)
        by_mean_rate = np.where(other.counts > 0, sign * weight, 0.0)
        by_mean_mix = shift / 2 * both
        const[0], slope[0] = sign * (period.mean - period.total), sign
        const[1], slope[1] = sign * (middle - period.share @ middle), by_mean_mix * per
        const[2], slope[2] = step / 2 - period.share @ (step / 2), by_mean_rate * per
        own = np.eye(k)
        away = period.mean - period.total
        mix_share = sign * (middle - grand)
        const[3 : 3 + k] = mix_share[:, None] * (own - period.share[:, None]) - np.outer(shift / 2, away)
        slope[3 : 3 + k] = own * (by_mean_mix * per) - np.repeat((shift / 2)[:, None], k, axis=1)
        const[3 + k :] = (step / 2)[:, None] * (own - period.share[:, None])
        slope[3 + k :] = own * (by_mean_rate * per)
        found.append((const * here, slope * here))
    return found[0], found[1]


def _independent(b: _Period, n: _Period) -> int:
    if b.who is None or n.who is None:
        return max(len(b.values) + len(n.values), 4)
    return max(len(np.unique(np.concatenate([b.who, n.who]))), 4)
