"""What a randomised change did: each arm against the control, with what would spoil the comparison.

Assumes that units (customers) were given their arm at random and that one's arm does not touch another's outcome. Means
by Welch's t, shares by the score interval; a measure taken before the experiment takes out the variance it explains
(CUPED) with one coefficient for all arms. Several arms: intervals hold together, p-values are Holm's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.comparisons import holm
from regard.statistics.estimates import (
    LEVEL,
    Estimate,
    Floats,
    Whole,
    around,
    codes,
    quantile,
    refusal,
    size_of,
    too_few,
    two_sided,
)
from regard.statistics.proportions import moments

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FEWEST = 5
LOUD = (
    "a single row makes more than 30 % of an arm's variance and the arms differ in size: no interval of the mean holds"
)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm.

    Attributes:
        name: Its label.
        n: Rows with an outcome.
        units: Units (customers) among them.
        mean: Mean outcome, as observed.
        difference: Against the control, adjusted where there is a measure from before; refused for the control itself.
        plain: The difference without that adjustment.
        trimmed: The difference when the pooled thousandth of largest and smallest values is cut to its bounds.
        p: Holm's p-value over all arms.
    """

    name: str
    n: int
    units: int
    mean: float
    difference: Estimate
    plain: Estimate
    trimmed: Estimate
    p: float


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """All arms against the control.

    Attributes:
        arms: The control first, then the others by name.
        is_share: Whether the outcome is 0 and 1 only.
        theta: CUPED's coefficient, the same in every arm; 0 without a measure from before.
        saved: Share of the variance the measure from before explains within arms.
        loudest: Largest share of an arm's variance that a single row makes.
        before: p-value of the arms differing on the measure from before, which chance alone should explain.
        skewness: Skewness of the most skewed comparison; the normal's error in each tail grows with it.
    """

    arms: tuple[Arm, ...]
    is_share: bool
    theta: float
    saved: float
    loudest: float
    before: float
    skewness: float


def compare(
    outcome: ArrayLike,
    arm: ArrayLike,
    control: str,
    *,
    before: ArrayLike | None = None,
    clusters: ArrayLike | None = None,
    level: float = LEVEL,
    least: int = FEWEST,
) -> Experiment:
    """Compare every arm with the control.

    References: Welch (1947); Miettinen and Nurminen (1985), Statistics in Medicine 4, 213-226, for shares; Deng, Xu,
    Kohavi and Walker (2013), WSDM, for CUPED; Bonferroni for intervals of several arms, Holm (1979) for their p-values.
    Thin evidence: an arm with fewer than `least` units is refused.

    Args:
        outcome: One per row; rows without are left out.
        arm: The label each row's unit was given.
        control: The label of the control.
        before: A measure from before the experiment; missing values take the mean, which costs variance only.
        clusters: The unit of each row, where a unit has several.
        level: Confidence of all intervals together.
        least: Fewest units an arm needs.
    """
    y, labels = np.asarray(outcome, float), np.asarray(arm).astype(str)
    keep = np.isfinite(y)
    is_share = set(np.unique(y[keep])) <= {0.0, 1.0}
    size = 1.0 if is_share else size_of(y[keep])
    y, labels = y[keep] / size, labels[keep]
    who = None if clusters is None else codes(np.asarray(clusters)[keep])[0]
    numbered, names = codes(labels)
    order = [str(n) for n in names if n == control] + [str(n) for n in names if n != control]
    at = {str(name): i for i, name in enumerate(names)}
    past = None if before is None else _filled(np.asarray(before, float)[keep])
    past_size = 1.0 if past is None else size_of(past)
    past = None if past is None else past / past_size
    theta, saved = (0.0, 0.0) if past is None else _coefficient(y, past, numbered)
    adjusted = y if past is None or theta == 0 else y - theta * (past - past.mean())
    shared = 1 - (1 - level) / max(len(order) - 1, 1)
    cut = np.clip(adjusted, *np.quantile(adjusted, [0.001, 0.999])) if len(y) else adjusted
    sides = {name: _side(name, numbered == at[name], (y, adjusted, cut), who) for name in order}
    found = [
        _arm(sides[name], sides[control], exact=is_share and who is None, level=shared, least=least) for name in order
    ]
    corrected = holm([a.difference.p for a in found])
    return Experiment(
        arms=tuple(_sized(replace(a, p=float(p)), size) for a, p in zip(found, corrected, strict=True)),
        is_share=is_share, theta=theta * size / past_size, saved=saved,
        loudest=max((_loudest(s.adjusted) for s in sides.values()), default=math.nan),
        before=math.nan if past is None else _apart(past, numbered, who),
        skewness=max((abs(_skewness(sides[n], sides[control])) for n in order[1:]), default=math.nan),
    )  # fmt: skip


def _sized(arm: Arm, size: float) -> Arm:
    """An arm back in the outcome's own units."""
    if size == 1.0:
        return arm
    return replace(
        arm,
        mean=arm.mean * size,
        difference=arm.difference.times(size),
        plain=arm.plain.times(size),
        trimmed=arm.trimmed.times(size),
    )


@dataclass(frozen=True)
class _Side:
    name: str
    raw: Floats
    adjusted: Floats
    cut: Floats
    who: Whole | None

    @property
    def changed(self) -> bool:
        return self.adjusted is not self.raw and not np.array_equal(self.adjusted, self.raw)

    @property
    def units(self) -> int:
        return len(self.raw) if self.who is None else len(np.unique(self.who))


def _side(name: str, rows: NDArray[np.bool_], values: tuple[Floats, Floats, Floats], who: Whole | None) -> _Side:
    raw, adjusted, cut = values
    return _Side(name, raw[rows], adjusted[rows], cut[rows], None if who is None else codes(who[rows])[0])


def _arm(side: _Side, control: _Side, *, exact: bool, level: float, least: int) -> Arm:
    few = min(side.units, control.units)
    mean = float(side.raw.mean()) if len(side.raw) else math.nan
    if side is control or few < max(least, 2):
        none = too_few(few, max(least, 2), of="unit", method="", level=level)
        if side is control:
            none = replace(none, refused="the control itself", n=side.units)
        return Arm(
            name=side.name, n=len(side.raw), units=side.units, mean=mean, difference=none, plain=none, trimmed=none,
            p=math.nan,
        )  # fmt: skip
    plain = (
        share_difference(int(side.raw.sum()), len(side.raw), int(control.raw.sum()), len(control.raw), level=level)
        if exact
        else _means(side.raw, control.raw, side.who, control.who, level)
    )
    changed = side.changed
    difference = _means(side.adjusted, control.adjusted, side.who, control.who, level) if changed else plain
    if changed:
        difference = replace(difference, method=f"{difference.method}, with CUPED")
    if not exact and _too_loud(side, control):
        difference = refusal(LOUD, n=difference.n, method=difference.method, level=level)
    return Arm(
        name=side.name, n=len(side.raw), units=side.units, mean=mean, difference=difference, plain=plain,
        trimmed=_means(side.cut, control.cut, side.who, control.who, level), p=math.nan,
    )  # fmt: skip


def _means(a: Floats, b: Floats, who_a: Whole | None, who_b: Whole | None, level: float) -> Estimate:
    """Welch's interval, with units' rows summed before they are squared."""
    sides = ((a, who_a), (b, who_b))
    one, two = (moments(v, np.ones(len(v)), None if w is None else w.astype(float)) for v, w in sides)
    variance = one.variance + two.variance
    slack = one.variance**2 / freedom_of(_pulls(*sides[0])) + two.variance**2 / freedom_of(_pulls(*sides[1]))
    return around(
        one.mean - two.mean, math.sqrt(variance), n=one.n + two.n, level=level,
        freedom=variance**2 / slack if slack > 0 else math.inf,
        method="Welch's t" if who_a is None else "Welch's t, clustered by unit",
    )  # fmt: skip


def _pulls(y: Floats, who: Whole | None) -> Floats:
    """What each unit adds to the mean less its expectation."""
    away: Floats = (y - y.mean()) / len(y)
    return away if who is None else np.bincount(who, away).astype(float)


def freedom_of(pulls: Floats) -> float:
    """Degrees of freedom of a variance: units less one, fewer where a few loud values make it (2n / (kurtosis - 1))."""
    n, square = len(pulls), float((pulls**2).mean())
    if square <= 0:
        return float(n - 1)
    kurtosis = float((pulls**4).mean()) / square**2
    return max(1.0, min(float(n - 1), 2 * n / max(kurtosis - 1, 1e-9)))


def share_difference(hits: int, n: int, hits0: int, n0: int, *, level: float = LEVEL) -> Estimate:
    """Difference of two independent shares: the score interval, all values that the score test does not reject.

    Reference: Miettinen and Nurminen (1985), Statistics in Medicine 4, 213-226. Assumes independent trials; holds for
    few trials and for shares near 0 or 1. Thin evidence: without trials in both, refused.
    """
    method = "score interval of two shares (Miettinen-Nurminen)"
    if min(n, n0) < 1:
        return too_few(min(n, n0), 1, of="trial", method=method, level=level)
    value, z = hits / n - hits0 / n0, quantile(level)
    counts = (hits, n, hits0, n0)
    low = -1.0 if value <= -1 else _end(counts, z, -1.0, value)
    high = 1.0 if value >= 1 else _end(counts, -z, value, 1.0)
    return Estimate(
        value=value, low=low, high=high, error=(high - low) / (2 * z), centre=value, n=n + n0,
        effective=float(n + n0), level=level, method=method, p=two_sided(_score(counts, 0.0)),
    )  # fmt: skip


def _end(counts: tuple[int, int, int, int], target: float, low: float, high: float) -> float:
    """Where the score falls through the target, by halving; the score falls as the shift grows."""
    if _score(counts, low) <= target:
        return low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _score(counts, middle) > target else (low, middle)
    return (low + high) / 2


def _score(counts: tuple[int, int, int, int], shift: float) -> float:
    """The score statistic of the shares differing by `shift`, at the likeliest shares that do."""
    x1, n1, x0, n0 = counts
    total = n1 + n0
    p0 = _restricted(counts, shift)
    p1 = min(max(p0 + shift, 0.0), 1.0)
    variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * total / max(total - 1, 1)
    away = x1 / n1 - x0 / n0 - shift
    if variance <= 0:
        return 0.0 if abs(away) < 1e-12 else math.copysign(math.inf, away)
    return away / math.sqrt(variance)


def _restricted(counts: tuple[int, int, int, int], shift: float) -> float:
    """The likeliest share of the control when the arms differ by `shift`: the cubic's root in closed form."""
    x1, n1, x0, n0 = counts
    total, hits = n1 + n0, x1 + x0
    square = (n1 + 2 * n0) * shift - total - hits
    linear = (n0 * shift - total - 2 * x0) * shift + hits
    constant = x0 * shift * (1 - shift)
    third = square / (3 * total)
    q = third**3 - linear * square / (6 * total**2) + constant / (2 * total)
    p = math.copysign(math.sqrt(max(third**2 - linear / (3 * total), 0.0)), q)
    angle = math.acos(min(max(q / p**3, -1.0), 1.0)) if p else math.pi / 2
    root = 2 * p * math.cos((math.pi + angle) / 3) - third
    return min(max(root, 0.0, -shift), 1.0, 1.0 - shift)


def sample_ratio(counts: ArrayLike, shares: ArrayLike | None = None) -> float:
    """p-value of the arms having the sizes they were drawn with: a chi-square test of the counts.

    Reference: Fabijan and others (2019), KDD, on sample-ratio mismatch: below .01, something besides chance decided who
    is counted, and the comparison is not to be trusted until it is found. Assumes units, not rows, are counted.

    Args:
        counts: Units by arm.
        shares: Shares they were drawn with, any scale; None takes equal ones.
    """
    n = np.asarray(counts, float)
    w = np.ones(len(n)) if shares is None else np.asarray(shares, float)
    expected = n.sum() * w / w.sum()
    if len(n) < 2 or not (expected > 0).all():
        return math.nan
    return float(special.chdtrc(len(n) - 1, float(((n - expected) ** 2 / expected).sum())))


def least_detectable(error: float, *, level: float = LEVEL, power: float = 0.8) -> float:
    """The smallest true difference that such an experiment finds with the given chance."""
    return error * (quantile(level) + float(special.ndtri(power)))


def _filled(x: Floats) -> Floats:
    known = np.isfinite(x)
    return np.where(known, x, x[known].mean() if known.any() else 0.0)


def _coefficient(y: Floats, x: Floats, arm: Whole) -> tuple[float, float]:
    """CUPED's theta, pooled within arms (an effect must not leak into it), and the share of variance it takes out."""
    size = np.bincount(arm)
    inner_y = y - (np.bincount(arm, y) / size)[arm]
    inner_x = x - (np.bincount(arm, x) / size)[arm]
    spread, total = float(inner_x @ inner_x), float(inner_y @ inner_y)
    if spread <= 0 or total <= 0:
        return 0.0, 0.0
    common = float(inner_x @ inner_y)
    return common / spread, common**2 / (spread * total)


def _apart(x: Floats, arm: Whole, who: Whole | None) -> float:
    """p-value of the arms differing on x (Welch's F is overkill: the largest of all pairs with the first, Holm's)."""
    first = arm == 0
    tests = [
        _means(x[arm == a], x[first], None if who is None else codes(who[arm == a])[0],
               None if who is None else codes(who[first])[0], LEVEL).p
        for a in range(1, int(arm.max()) + 1)
        if (arm == a).sum() > 1 and first.sum() > 1
    ]  # fmt: skip
    told = holm(tests)
    return float(np.nanmin(told)) if np.isfinite(told).any() else math.nan


def _loudest(y: Floats) -> float:
    away = (y - y.mean()) ** 2 if len(y) else y
    total = float(away.sum())
    return float(away.max()) / total if total > 0 else 0.0


def _too_loud(a: _Side, b: _Side) -> bool:
    """Whether a mean is not to be compared: with arms of one size skewness cancels out, with others it does not."""
    sizes = sorted((a.units, b.units))
    return sizes[1] > 2 * sizes[0] and sizes[0] >= 20 and max(_loudest(a.adjusted), _loudest(b.adjusted)) > 0.3


def _skewness(a: _Side, b: _Side) -> float:
    """Skewness of the difference of means."""
    third, variance = 0.0, 0.0
    for side, sign in ((a, 1.0), (b, -1.0)):
        n, away = len(side.adjusted), side.adjusted - side.adjusted.mean()
        third += sign * float((away**3).mean()) / n**2
        variance += float((away**2).mean()) / n
    return third / variance**1.5 if variance > 0 else 0.0
