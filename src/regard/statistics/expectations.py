"""What each leaf was to be expected to do, from earlier periods: its level, and how far it strays by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from regard.statistics.cuboids import Cube
from regard.statistics.estimates import Floats

STRENGTHS = (5.0, 10.0, 20.0, 50.0, 100.0, 300.0, 1000.0)
SWEEPS = 4
SUPPOSED = 0.05
"""What the log rates of the whole and of values stray by from period to period, where too few periods tell."""


@dataclass(frozen=True, kw_only=True)
class Past:
    """Counts of earlier periods and of now, per leaf: bad of total, or counts of something that has no total.

    Attributes:
        bad, total: (leaves,) now.
        past_bad, past_total: (periods, leaves) earlier; total of counts is the exposure, 1 where every period is alike.
        shares: Whether bad is out of total (binomial); else counts (Poisson) for an exposure.
        season: (periods, leaves), or (periods, 1) where leaves share it: what the rate of an earlier period is a
            multiple of now's by its place in a season (`regard.statistics.phases`); None where all are alike.
        spent: Of the earlier periods, how many the season was bought with.
        unsure: Variance of the logarithm of now's season that the past leaves open: of the whole, and of one value
            beyond it.
    """

    bad: Floats
    total: Floats
    past_bad: Floats
    past_total: Floats
    shares: bool = True
    season: Floats | None = None
    spent: float = 0.0
    unsure: tuple[float, float] = (0.0, 0.0)

    @property
    def tries(self) -> Floats:
        """(periods, leaves) earlier totals as many as now's rate would need for what they lead to expect."""
        return self.past_total if self.season is None else self.past_total * self.season

    def rates(self, rate: Floats) -> Floats:
        """Expected rates of the earlier periods, of leaves that have `rate` now: (periods, leaves), or (leaves,)."""
        if self.season is None:
            return rate
        return np.minimum(rate * self.season, 1 - 1e-6) if self.shares else np.asarray(rate * self.season)

    @property
    def places(self) -> float:
        """What a mean of squares about own levels is multiplied by, for what the levels were told from."""
        many = len(self.past_bad)
        return many / max(many - 1 - self.spent, 1.0)

    def of(self, kept: NDArray[np.bool_]) -> Past:
        """The same of some leaves."""
        season = self.season if self.season is None or self.season.shape[1] == 1 else self.season[:, kept]
        return replace(
            self, bad=self.bad[kept], total=self.total[kept], past_bad=self.past_bad[:, kept],
            past_total=self.past_total[:, kept], season=season,
        )  # fmt: skip

    def swapped(self, period: int) -> Past:
        """The same with an earlier period playing now, and now left out."""
        others = np.arange(len(self.past_bad)) != period
        season = None if self.season is None else self.season[others] / self.season[period]
        return Past(
            bad=self.past_bad[period], total=self.past_total[period], past_bad=self.past_bad[others],
            past_total=self.past_total[others], shares=self.shares, season=season, spent=self.spent,
            unsure=self.unsure,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Expected:
    """The level of every leaf and what it strays by.

    Attributes:
        rate: (leaves,) expected bad per total now, shrunk to what the leaf's values lead to expect.
        strength: Totals' worth of weight of that expectation.
        stray: Dispersion of a leaf between periods beyond its counts: the correlation of beta-binomials for shares,
            the squared coefficient of variation for counts.
        shared: Variance of the logarithm of the whole's rate per period.
        by_value: Variance of the logarithm of one value's rate per period, beyond the whole's.
        of_depth: (deepest + 1,) squared coefficient of variation of a cell of that depth between periods that
            neither counts nor `stray` explain.
        periods: Earlier periods it rests on.
    """

    rate: Floats
    strength: float
    stray: float
    shared: float
    by_value: float
    of_depth: Floats
    periods: int


def expected_of(cube: Cube, past: Past) -> Expected:
    """Leaf rates by empirical Bayes around main effects, and dispersion from how earlier periods strayed.

    The leaf's rate is its past drawn towards the product of its values' levels (iterative fitting), by a weight that
    maximises the marginal likelihood (beta-binomial for shares, gamma-Poisson for counts; Griffiths 1973). Dispersion
    is the squared error of each period from the others' level beyond sampling, pooled: of leaves, of values (what
    moves a whole value in one period) and of the total. With fewer than three earlier periods the first is told from
    now itself, robustly, and the others are taken to be a twentieth.
    """
    hits, tries = past.past_bad.sum(axis=0), past.tries.sum(axis=0)
    level = _main_effects(cube, hits, tries, shares=past.shares)
    strength = _strength(hits, tries, level, shares=past.shares)
    rate = (hits + strength * level) / (tries + strength)
    rate = np.clip(rate, 1e-9, 1 - 1e-6) if past.shares else np.maximum(rate, 1e-9)
    deepest = int(cube.depth.max(initial=0))
    if len(past.past_bad) < 3:
        stray = _stray_now(past, rate, strength)
        return Expected(rate=rate, strength=strength, stray=stray, shared=SUPPOSED**2, by_value=SUPPOSED**2,
                        of_depth=np.zeros(deepest + 1), periods=len(past.past_bad))  # fmt: skip
    shared, by_value = _shocks(cube, past, rate)
    dimensions = cube.codes.shape[1]
    stray = _stray(past, level, strength, shared + dimensions * by_value)
    whole, value = past.unsure
    depths = _of_depth(cube, past, rate, stray) + whole + value * np.arange(deepest + 1)
    return Expected(rate=rate, strength=strength, stray=stray, shared=shared + whole, by_value=by_value + value,
                    of_depth=depths, periods=len(past.past_bad))  # fmt: skip


def variance(rate: Floats, total: Floats, stray: float, *, shares: bool) -> Floats:
    """Variance of a leaf's count about its expectation."""
    mean = rate * total
    if shares:
        return np.asarray(mean * (1 - rate) * (1 + np.maximum(total - 1, 0) * stray))
    return np.asarray(mean * (1 + mean * stray))


def _main_effects(cube: Cube, hits: Floats, tries: Floats, *, shares: bool) -> Floats:
    level = np.full(len(hits), (hits.sum() + 0.5) / max(tries.sum() + 1.0, 1.0))
    for _ in range(SWEEPS):
        for d in range(cube.codes.shape[1]):
            code = cube.codes[:, d]
            seen, due = np.bincount(code, hits), np.bincount(code, level * tries)
            level = level * ((seen + 2) / (due + 2))[code]
    return np.asarray(np.clip(level, 1e-9, 1 - 1e-6) if shares else np.maximum(level, 1e-9), np.float64)


def _strength(hits: Floats, tries: Floats, level: Floats, *, shares: bool) -> float:
    def likelihood(k: float) -> float:
        a = k * level
        if shares:
            b = k * (1 - level)
            each = special.betaln(hits + a, np.maximum(tries - hits, 0) + b) - special.betaln(a, b)
        else:
            each = special.gammaln(hits + a) - special.gammaln(a) + a * np.log(k) - (hits + a) * np.log(tries + k)
        return float(each.sum())

    return max(STRENGTHS, key=likelihood)


def _shocks(cube: Cube, past: Past, rate: Floats) -> tuple[float, float]:
    """Variances of the log rate per period: of the whole, and of one value of one dimension beyond the whole's."""
    due = past.tries * rate
    seen, whole = past.past_bad.sum(axis=1), due.sum(axis=1)
    ratio = seen / np.maximum(whole, 1e-9)
    plain = variance(past.rates(rate), past.past_total, 0.0, shares=past.shares)
    noise = float(np.mean(plain.sum(axis=1) / np.maximum(whole, 1e-9) ** 2))
    logs = np.log((seen + 0.5) / (whole + 0.5))
    shared = max(0.0, float(np.var(logs)) * past.places - noise)
    error, base, inside = 0.0, 0.0, 0.0
    for d in range(cube.codes.shape[1]):
        code = cube.codes[:, d]
        by = np.zeros((len(code), int(code.max(initial=0)) + 1))
        by[np.arange(len(code)), code] = 1.0
        c, e = past.past_bad @ by, (due * ratio[:, None]) @ by
        e = e * ((c.sum(axis=0) + 2) / (e.sum(axis=0) + 2))
        part = e / np.maximum(e.sum(axis=1, keepdims=True), 1e-9)
        v = plain @ by * (1 - part)
        squares = (part**2).sum(axis=1, keepdims=True)
        error += float(((c - e) ** 2 * past.places - v).sum())
        base += float((e**2 * (1 - 2 * part + squares)).sum())  # a value's own shock moves the whole, too
        inside += float(squares.mean())
    by_value = max(0.0, error / base) if base > 0 else 0.0
    return max(0.0, shared - inside * by_value), by_value


def _stray(past: Past, level: Floats, strength: float, explained: float) -> float:
    """Dispersion of leaves from leaving out one period after the other; what shared shocks explain is taken off."""
    weights = past.tries
    hits, tries = past.past_bad.sum(axis=0), weights.sum(axis=0)
    over, room = 0.0, 0.0
    for c, n, weight in zip(past.past_bad, past.past_total, weights, strict=True):
        rest = tries - weight + strength
        rate = (hits - c + strength * level) / rest * (weight / np.maximum(n, 1e-12))
        rate = np.minimum(rate, 1 - 1e-6) if past.shares else rate
        spread = rate * (1 - rate) if past.shares else rate
        base = n * spread + n**2 * spread / rest
        square = np.minimum((c - n * rate) ** 2, 25 * base + 4)
        size = n * np.maximum(n - 1, 0) * spread if past.shares else (n * rate) ** 2
        over += float((square - base - (n * rate) ** 2 * explained).sum())
        room += float(size.sum())
    return float(np.clip(over / room, 0.0, 0.9 if past.shares else 9.0)) if room > 0 else 0.0


def _stray_now(past: Past, rate: Floats, strength: float) -> float:
    """The same from now alone, about the level of now, with the loudest tenth of the leaves cut down."""
    n, tries = past.total, past.tries.sum(axis=0) + strength
    shift = past.bad.sum() / max(float((n * rate).sum()), 1e-9)
    mean = np.minimum(rate * shift, 1 - 1e-6) if past.shares else rate * shift
    spread = mean * (1 - mean) if past.shares else mean
    base = n * spread + n**2 * spread / tries
    square = np.minimum((past.bad - n * mean) ** 2, 9 * base + 1)
    size = n * np.maximum(n - 1, 0) * spread if past.shares else (n * mean) ** 2
    return float(np.clip((square - base).sum() / size.sum(), 0.0, 0.9)) if size.sum() > 0 else 0.0


def _of_depth(cube: Cube, past: Past, rate: Floats, stray: float) -> Floats:
    """What cells of each depth stray by beyond their leaves: shocks that many leaves share."""
    c, e = cube.sums(past.past_bad.T), cube.sums((past.tries * rate).T)
    v = cube.sums(variance(past.rates(rate), past.past_total, stray, shares=past.shares).T)
    own = ((c.sum(axis=1) + 2) / (e.sum(axis=1) + 2))[:, None]
    e = e * own
    square = np.minimum((c - e) ** 2, 25 * v + 4) * past.places
    over, base = (square - v).sum(axis=1), (e**2).sum(axis=1)
    width = int(cube.depth.max(initial=0)) + 1
    excess, room = np.bincount(cube.depth, over, width), np.bincount(cube.depth, base, width)
    return np.where(room > 0, np.maximum(excess / np.maximum(room, 1e-12), 0.0), 0.0)


def in_units(past: Past) -> tuple[Past, float]:
    """Amounts as counts of a unit such that what a leaf varies by between periods is about its mean in units.

    The unit is the slope of the variance on the mean, beside its square (a quasi-Poisson scale), over leaves in groups
    of like mean. Counts are left as they are: their unit is one.

    Args:
        past: At least three earlier periods; no amount below zero.
    """
    mean = past.past_bad.mean(axis=0)
    spread = past.past_bad.var(axis=0, ddof=1)
    order = np.argsort(mean, kind="stable")
    order = order[mean[order] > 0]
    parts = [p for p in np.array_split(order, min(20, max(1, len(order) // 8))) if len(p)]
    if not parts:
        return past, 1.0
    x = np.array([mean[p].mean() for p in parts])
    y = np.array([spread[p].mean() for p in parts])
    slope, _ = optimize.nnls(np.column_stack([x, x**2]) / np.maximum(y, 1e-12)[:, None], np.ones(len(x)))[0]
    whole = bool((past.bad == np.round(past.bad)).all() and (past.past_bad == np.round(past.past_bad)).all())
    unit = 1.0 if whole and slope < 2 else float(slope) or float(np.median(y / x))
    if unit == 1.0 or unit <= 0:
        return past, 1.0
    return replace(past, bad=past.bad / unit, past_bad=past.past_bad / unit), unit
