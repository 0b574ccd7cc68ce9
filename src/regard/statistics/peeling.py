"""Disruptions one after the other, why the total changed, and what would have been seen."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy import optimize, special

from regard.statistics.cuboids import Cube, cube
from regard.statistics.estimates import LEVEL, Floats, quantile
from regard.statistics.expectations import Expected, Past, expected_of, variance
from regard.statistics.naming import Named, Naming, name
from regard.statistics.scan import KAPPA, REPLICAS, Alarm, scan

MOST = 3
SHARE = 0.3
"""A further disruption counts if its excess is this share of the first's."""
POWER = 0.8
SIZES = (50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000)


@dataclass(frozen=True, kw_only=True)
class Change:
    """Why the total changed, adding up to the last digit.

    Attributes:
        before, now: Rate of the whole.
        mix: What other customers than before bring, each at the rate of its own past.
        season: What now's place in a season brings, where one is taken out.
        rate: What customers of the same kind do otherwise.
        p: One-sided p-value of the rate part being worse, with the dispersion of the total from its past.
    """

    before: float
    now: float
    mix: float
    rate: float
    p: float
    season: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Least:
    """The smallest disruption that would have been seen in four of five cases.

    Attributes:
        total: Customers or requests of the subset now.
        due: Bad ones expected among them.
        ratio: How many times as many as expected there had to be; infinite where none would do.
    """

    total: float
    due: float
    ratio: float


@dataclass(frozen=True, kw_only=True)
class Disruption:
    """One disruption: its alarm (over the leaves that were left) and its name."""

    alarm: Alarm
    naming: Naming

    @property
    def named(self) -> Named:
        """The name."""
        assert self.naming.best is not None  # noqa: S101 made so
        return self.naming.best


@dataclass(frozen=True, kw_only=True)
class Disruptions:
    """What is disrupted now.

    Attributes:
        first: The scan of all leaves, whether it rang or not.
        found: Disruptions, in the order they were found.
        change: Why the total changed.
        least: What would have been seen, by size.
        expected: What all was held against.
        level: False alarms over all combinations, at most.
    """

    first: Alarm
    found: tuple[Disruption, ...]
    change: Change
    least: tuple[Least, ...]
    expected: Expected
    level: float


def disruptions(whole: Cube, past: Past, *, level: float = 0.05, replicas: int = REPLICAS, most: int = MOST,
                sign: int = 1, seed: int = 0, rare: bool = False) -> Disruptions:  # fmt: skip
    """Scan; where it rings, name; take the named leaves out and scan the rest anew.

    Each further disruption has to ring by itself at the same level among the leaves that are left, so the family-wise
    rate of false alarms is that of the first scan.

    Args:
        whole: Leaves and cells.
        past: Counts now and earlier.
        level: False alarms over all combinations.
        replicas: Draws of the null.
        most: Most disruptions told.
        sign: 1 where more is worse, -1 where fewer is.
        seed: Of the draws.
        rare: As for `scan`.
    """
    expected = expected_of(whole, past)
    first = alarm = scan(whole, past, replicas=replicas, level=level, seed=seed, expected=expected, sign=sign,
                         rare=rare)  # fmt: skip
    found: list[Disruption] = []
    kept = np.ones(len(past.bad), bool)
    while alarm.p <= level and len(found) < most:
        part, rest, there = (whole, past, expected) if kept.all() else _left(whole, past, expected, kept)
        naming = name(part, rest, there, sign=sign)
        if naming.best is None or (found and not _large(naming.best, found[0].named, sign)):
            break
        found.append(Disruption(alarm=alarm, naming=_spread(naming, kept)))
        kept &= ~found[-1].named.leaves
        if len(found) == most or kept.sum() < 2 or past.total[kept].sum() <= 0:
            break
        part, rest, there = _left(whole, past, expected, kept)
        alarm = scan(part, rest, replicas=replicas, level=level, seed=seed + len(found), expected=there, sign=sign,
                     rare=rare)  # fmt: skip
    return Disruptions(
        first=first, found=tuple(found), change=change_of(past, expected, sign=sign),
        least=least_seen(whole, past, first, sign=sign), expected=expected, level=level,
    )  # fmt: skip


def _large(named: Named, first: Named, sign: int) -> bool:
    return sign * (named.seen - named.due) > SHARE * sign * (first.seen - first.due)


def _left(whole: Cube, past: Past, expected: Expected, kept: np.ndarray) -> tuple[Cube, Past, Expected]:
    part = cube(whole.codes[kept], depth=len(whole.cuboids[-1]), naming=whole.naming)
    return part, past.of(kept), replace(expected, rate=expected.rate[kept])


def _spread(naming: Naming, kept: np.ndarray) -> Naming:
    """The same over all leaves."""
    if kept.all():
        return naming

    def over(named: Named) -> Named:
        leaves = np.zeros(len(kept), bool)
        leaves[np.flatnonzero(kept)[named.leaves]] = True
        return Named(values=named.values, leaves=leaves, score=named.score, weight=named.weight, seen=named.seen,
                     due=named.due, total=named.total)  # fmt: skip

    assert naming.best is not None  # noqa: S101 asked before
    return Naming(best=over(naming.best), alternatives=tuple(map(over, naming.alternatives)),
                  worse_within=naming.worse_within, ranked=tuple(map(over, naming.ranked)))  # fmt: skip


def change_of(past: Past, expected: Expected, *, sign: int = 1) -> Change:
    """The change of the whole's rate as mix, season and rate; leaves at their own past's rate carry the mix."""
    n, tries = float(past.total.sum()), float(past.past_total.sum())
    level = (past.past_bad.sum() + KAPPA) / (float((past.tries.sum(axis=0) * expected.rate).sum()) + KAPPA)
    mixed = float((past.total * expected.rate).sum() * level)
    before, now = float(past.past_bad.sum()) / max(tries, 1e-12), float(past.bad.sum()) / max(n, 1e-12)
    due = mixed / max(n, 1e-12)
    spread = mixed * (max(0.0, 1 - due) if past.shares else 1.0)
    error = spread * (1 + mixed / max(past.past_bad.sum(), 1.0))
    error += mixed**2 * (expected.shared + expected.stray / max(len(past.bad), 1)) + 1e-12
    z = sign * (float(past.bad.sum()) - mixed) / np.sqrt(error)
    alike = float((past.past_total.sum(axis=0) * expected.rate).sum()) * level / max(tries, 1e-12)
    season = alike - before if past.season is not None else 0.0
    mix = due - before - season
    told = (float(each) for each in (before, now, mix, season, now - due, special.ndtr(-z)))
    return Change(**dict(zip(("before", "now", "mix", "season", "rate", "p"), told, strict=True)))


def least_seen(
    whole: Cube, past: Past, alarm: Alarm, *, sign: int = 1, sizes: tuple[int, ...] = SIZES
) -> tuple[Least, ...]:
    """For subsets of some sizes the smallest ratio whose score would pass the limit in four of five cases.

    From the limit of the null that was drawn, the price of a typical cell of that size, and the variance the scan
    gives to it; a subset of the rate of the whole.
    """
    expected = alarm.expected
    n, tries = float(past.total.sum()), float(past.past_total.sum())
    cells = whole.sums(past.total)
    found = []
    for size in sizes:
        if size > n / 2:
            break
        near = np.argsort(np.abs(np.log((cells + 0.5) / size)), kind="stable")[: max(5, len(cells) // 20)]
        price = float(np.median(whole.crowd[near]))
        typical = _Typical(
            size=size, due=float(size * alarm.due[0] / max(n, 1e-12)), times=tries / max(n, 1e-12),
            needed=price + alarm.limit, deep=float(np.median(expected.of_depth[whole.depth[near]])),
            leaves=max(1.0, float(np.median(np.diff(whole.rows.indptr)[near]))), stray=expected.stray,
            shares=past.shares, sign=sign,
        )  # fmt: skip
        found.append(typical.least())
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class _Typical:
    """A subset of some size as the scan sees it; `times`: totals of the past per total of now."""

    size: float
    due: float
    times: float
    needed: float
    deep: float
    leaves: float
    stray: float
    shares: bool
    sign: int

    def spread(self, mean: float, of: float) -> float:
        """Variance of the count about a mean, with what the past leaves open of it."""
        each = (self.size if self.shares else self.due) / self.leaves
        leafy = 1 + max(each - 1, 0.0) * self.stray if self.shares else 1 + each * self.stray
        return of * leafy + mean**2 * self.deep + leafy * mean**2 / (self.due * self.times + KAPPA)

    def over(self, ratio: float) -> float:
        """How far the statistic passes the limit in four of five cases."""
        size, due, mean = self.size, self.due, self.due * ratio
        share = max(1 - mean / size, 0.0) if self.shares else 1.0
        seen = mean - self.sign * float(special.ndtri(POWER)) * np.sqrt(self.spread(mean, mean * share))
        seen = min(max(seen, 0.0), size) if self.shares else max(seen, 0.0)
        if self.sign * (seen - due) <= 0:
            return -self.needed
        nats = float(special.xlogy(seen, seen / due))
        nats += float(special.xlogy(size - seen, (size - seen) / (size - due))) if self.shares else due - seen
        plain = due * (1 - due / size) if self.shares else due
        return nats * plain / self.spread(due, plain) - self.needed

    def least(self) -> Least:
        """The smallest ratio that would be seen."""
        far = (0.999 * self.size / self.due if self.shares else 1000.0) if self.sign > 0 else 0.0
        grid = 1 + (far - 1) * np.linspace(0, 1, 200) ** 2
        above = np.array([self.over(r) for r in grid]) >= 0
        if not above.any():
            return Least(total=self.size, due=self.due, ratio=math.inf if self.sign > 0 else math.nan)
        first = int(np.argmax(above))
        ratio = optimize.brentq(self.over, grid[first - 1], grid[first]) if first else grid[0]
        return Least(total=self.size, due=self.due, ratio=float(ratio))


def interval_of(past: Past, expected: Expected, named: Named, *, level: float = LEVEL) -> tuple[float, float]:
    """Interval of a name's ratio: counts with their dispersion, what its past leaves open, and shocks it shares.

    The name was picked for being high, so its lower end is no test; the alarm is.
    """
    leaves = named.leaves
    total, rate = past.total[leaves], expected.rate[leaves]
    plain = float(variance(rate, total, 0.0, shares=past.shares).sum())
    leafy = float(variance(rate, total, expected.stray, shares=past.shares).sum()) / max(plain, 1e-12)
    share = max(1 - named.seen / named.total, 0.0) if past.shares and named.total > 0 else 1.0
    before = float(past.past_bad[:, leaves].sum())
    square = leafy * share / max(named.seen, 1.0) + leafy / (before + KAPPA)
    square += expected.shared + len(named.values) * expected.by_value
    half = quantile(level) * math.sqrt(square)
    return named.ratio * math.exp(-half), named.ratio * math.exp(half)


def begins(past: Past, expected: Expected, named: Named, *, sign: int = 1) -> int:
    """The period since which a name has been hit without a break, counted from the first; now is the last.

    A period counts as hit where the logarithm of its ratio to the median past is at least half of what it is now.
    """
    bad, due, _ = over_time(past, expected, named.leaves)
    ratio = (bad + 0.5) / (due + 0.5)
    quiet = float(np.median(ratio[:-1]))
    now, first = ratio[-1] / quiet, len(bad) - 1
    if sign * math.log(max(now, 1e-9)) <= 0:
        return first
    while first > 0 and sign * math.log(max(ratio[first - 1] / quiet, 1e-9)) >= sign * math.log(max(now, 1e-9)) / 2:
        first -= 1
    return first


def over_time(past: Past, expected: Expected, leaves: np.ndarray) -> tuple[Floats, Floats, Floats]:
    """Of some leaves: bad, expected (their own level over the past, at the mix of each period) and total by period, the
    earlier ones first and now last."""
    bad = np.append(past.past_bad[:, leaves].sum(axis=1), past.bad[leaves].sum())
    total = np.append(past.past_total[:, leaves].sum(axis=1), past.total[leaves].sum())
    rates = expected.rate[leaves]
    due = np.append((past.tries[:, leaves] * rates).sum(axis=1), (past.total[leaves] * rates).sum())
    level = (bad[:-1].sum() + KAPPA) / (due[:-1].sum() + KAPPA)
    return bad, due * level, total
