"""Process-behaviour charts: a series against its own past; signals told from what noise alone shows.

Reference: the X-mR chart of Wheeler (1993), Understanding Variation: natural limits are the mean of a baseline and 2.66
mean moving ranges to either side. Textbook rules ring at a point beyond the limits, and at eight points in a row on one
side of the mean; how often they ring on nothing grows with the points (`alarms`: on 24 points of pure noise more than
once in five). So what is told as a signal is what a stable process would hardly show in the whole chart: the furthest
point, the longest run and the clearest step (Sullivan & Woodall 1996, J. Quality Technology 28, 398-408) are held
against drawn processes of the same length, all three looks accounted for. Points that carry over from one to the next
ring false alarms (Maragah & Woodall 1992, J. Stat. Comput. Simul. 40, 29-42); the draws then carry over as much. A
confirmed step sets the limits anew from its first point on. A yearly season that noise would hardly show is taken out
first (`seasons`), of the draws, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.seasons import YEARS, season_of, strength
from regard.wording import count

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

LEAST = 8
"""Points below which nothing is told."""
RUN = 8
SIDE = 5
"""Points a step needs on either side."""
REACH = 2.66
DRAWS = 4000
CARRIED = 0.7
"""Carry-over above this many standard errors is reckoned with: careful, since a false alarm costs a meeting."""
ORDINARY = 0.05
"""Chance up to which a chart's signals are told as signals."""


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Points that one pair of limits is for.

    Attributes:
        start: Position of its first point.
        stop: Position after its last.
        centre: Mean of its baseline.
        low: Lower natural limit.
        high: Upper natural limit.
    """

    start: int
    stop: int
    centre: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A series with its limits and signals.

    Attributes:
        phases: Stretches with limits of their own, in order; the last is the present.
        beyond: Positions outside the limits of their phase.
        shifts: Positions at which a confirmed shift begins.
        chance: How often a stable process, carrying over as much, shows a point as far out or a run as long.
        plain: The same for independent points: what a textbook chart would believe.
        carry: Correlation of a point with the one before, its clearest step taken out.
        carried: Whether points carry over beyond chance.
        season: The yearly season's part of each point as given, NaN where the point is missing; empty where none was
            taken out. Limits and centres are without it.
        n: Points.
        refused: Why there is no chart; empty when there is.
    """

    phases: tuple[Phase, ...]
    beyond: tuple[int, ...]
    shifts: tuple[int, ...]
    chance: float
    plain: float
    carry: float
    carried: bool
    n: int
    season: tuple[float, ...] = ()
    refused: str = ""

    @property
    def signal(self) -> bool:
        """Whether the series says more than a stable process would."""
        return not self.refused and self.chance <= ORDINARY


def chart(values: ArrayLike, *, period: int = 0, seed: int = 20_261_126, draws: int = DRAWS) -> Chart:
    """Limits, signals and phases of a series, and how often noise alone looks like it.

    Assumes points a step apart without a trend of their own (chart the change of what grows). Thin evidence: fewer than
    8 points, refused. A series that never moves has no limits: refused. A season is looked for from three whole years
    without a gap on, and taken out where it is larger than noise shows in one of twenty.

    Args:
        values: In order of time; NaN are skipped.
        period: Points in a year, where a yearly season shall be looked for; 0 looks for none.
        seed: Seed of the draws.
        draws: How many stable processes are drawn.
    """
    y = np.asarray(values, np.float64)
    at = np.flatnonzero(np.isfinite(y))
    x = y[at]
    if len(x) < LEAST:
        return _none(len(x), f"only {count(len(x), 'point')}; at least {LEAST} are needed to know the ordinary")
    if np.abs(np.diff(x[: baseline(len(x))])).sum() == 0:
        return _none(len(x), "it has not moved, so there is no ordinary movement to hold it against")
    repeating = _season(x, period, draws, seed) if period and seasonable(y, period) else None
    if repeating is None:
        return _charted(x, at, _Draws(draws=draws, seed=seed))
    found = _charted(x - repeating, at, _Draws(draws=draws, seed=seed, period=period))
    told = np.full(len(y), np.nan)
    told[at] = repeating
    return replace(found, season=tuple(float(v) for v in told))


def seasonable(values: ArrayLike, period: int) -> bool:
    """Whether a yearly season can be told: three whole years or more, without a gap inside."""
    at = np.flatnonzero(np.isfinite(np.asarray(values, np.float64)))
    return len(at) >= YEARS * period and bool(len(at) == at[-1] - at[0] + 1)


def _season(x: Floats, period: int, draws: int, seed: int) -> Floats | None:
    """The season, if stable processes that carry over as much would hardly show one as large."""
    repeating = season_of(x[None, :], period)
    carry = _carry(x - repeating[0])
    made = _stable(len(x), carry if carry > CARRIED / math.sqrt(len(x)) else 0.0, draws, seed)
    chance = (strength(made, season_of(made, period)) >= strength(x[None, :], repeating)).mean()
    return np.asarray(repeating[0], np.float64) if chance <= ORDINARY else None


@dataclass(frozen=True, kw_only=True)
class _Draws:
    """Stable processes to hold a series against, their season taken out where that of the series is."""

    draws: int
    seed: int
    period: int = 0

    def __call__(self, n: int, carry: float) -> Floats:
        made = _stable(n, carry, self.draws, self.seed)
        return made - season_of(made, self.period) if self.period else made


def _charted(x: Floats, at: NDArray[np.int64], stable: _Draws) -> Chart:
    """The chart of points that are all there, each at a position."""
    carry = _carry(x)
    carried = carry > CARRIED / math.sqrt(len(x))
    plain = _chance(x, 0.0, stable)
    chance = max(plain, _chance(x, carry, stable)) if carried else plain
    cut = _cut(x, carry if carried else 0.0, stable) if chance <= ORDINARY else [0]
    phases = tuple(_phase(x, a, b, carry if carried else 0.0) for a, b in zip(cut, [*cut[1:], len(x)], strict=True))
    beyond = [i for p in phases for i in range(p.start, p.stop) if not p.low <= x[i] <= p.high]
    return Chart(
        phases=tuple(_placed(p, at) for p in phases), beyond=tuple(int(at[i]) for i in beyond),
        shifts=tuple(int(at[i]) for i in cut[1:]), chance=chance, plain=plain, carry=carry, carried=carried, n=len(x),
    )  # fmt: skip


def _none(n: int, why: str) -> Chart:
    nan = math.nan
    return Chart(
        phases=(), beyond=(), shifts=(), chance=nan, plain=nan, carry=nan, carried=False, n=n, refused=why
    )  # fmt: skip


def baseline(n: int) -> int:
    """How many first points of a stretch set its limits: half of them, at least 8 and at most 24."""
    return min(n, max(LEAST, min(n // 2, 24)))


def _phase(x: Floats, start: int, stop: int, carry: float) -> Phase:
    first = x[start : start + baseline(stop - start)]
    centre = float(first.mean())
    # Points that carry over move little from one to the next and much over time: their limits are wider.
    reach = REACH * float(np.abs(np.diff(first)).mean()) / math.sqrt(1 - carry)
    return Phase(start=start, stop=stop, centre=centre, low=centre - reach, high=centre + reach)


def _placed(phase: Phase, at: NDArray[np.int64]) -> Phase:
    return Phase(
        start=int(at[phase.start]),
        stop=int(at[phase.stop - 1]) + 1,
        centre=phase.centre,
        low=phase.low,
        high=phase.high,
    )


def _cut(x: Floats, carry: float, stable: _Draws) -> list[int]:
    """Where phases begin: at the clearest step of a stretch, if a stable process would hardly show it; then on."""
    cut = [0]
    while len(x) - cut[-1] >= 2 * SIDE:
        size, place = _step(x[None, cut[-1] :])
        drawn, _ = _step(stable(len(x), carry)[:, cut[-1] :])
        if not (1 + int((drawn >= size[0]).sum())) / (len(drawn) + 1) <= ORDINARY:
            break
        cut.append(cut[-1] + int(place[0]))
    return cut


def _step(made: Floats) -> tuple[Floats, NDArray[np.int64]]:
    """The clearest step of each series, over the moving range, and where it begins.

    Points far out are drawn in to three standard deviations of the median first: one wild point is no step.
    """
    n = made.shape[1]
    places = np.arange(SIDE, n - SIDE + 1)
    if not len(places):
        return np.zeros(len(made)), np.zeros(len(made), np.int64)
    middle = np.median(made, axis=1, keepdims=True)
    spread = np.median(np.abs(np.diff(made, axis=1)), axis=1, keepdims=True) / 0.954
    near = np.clip(made, middle - 3 * spread, middle + 3 * spread)
    sums = np.cumsum(near, axis=1)
    left = sums[:, places - 1] / places
    right = (sums[:, -1:] - sums[:, places - 1]) / (n - places)
    size = np.abs(right - left) / np.sqrt(1 / places + 1 / (n - places))
    at = np.argmax(size, axis=1)
    # The movement from point to point is hardly touched by a step, and so measures the noise beside it.
    move = np.abs(np.diff(near, axis=1)).mean(axis=1)
    return size[np.arange(len(made)), at] / np.maximum(move, 1e-300), places[at]


def _lengths(sides: Floats) -> NDArray[np.int64]:
    """For every point, how many points up to it have been on its side of the mean; rows are series."""
    length = np.zeros(sides.shape, np.int64)
    length[:, 0] = 1
    for i in range(1, sides.shape[1]):
        same = (sides[:, i] == sides[:, i - 1]) & (sides[:, i] != 0)
        length[:, i] = np.where(same, length[:, i - 1] + 1, 1)
    return length


def _carry(x: Floats) -> float:
    """Correlation with the point before, its clearest step taken out, be it real or not.

    Taking the clearest step out of what has none lowers the correlation, as short series do anyway (Kendall 1954,
    Biometrika 41, 403-404): together by about 3.5 (1 + 3r)/n, found by drawing series of 12 to 60 points with r from 0
    to 0.7, and made good here.
    """
    _, place = _step(x[None, :])
    begin = int(place[0])
    away = x - x.mean()
    if begin:
        away = np.concatenate([x[:begin] - x[:begin].mean(), x[begin:] - x[begin:].mean()])
    total = float(away @ away)
    if total == 0:
        return 0.0
    raw = float(away[1:] @ away[:-1]) / total
    return min(raw + 3.5 * (1 + 3 * max(raw, 0.0)) / len(x), 0.9)


def _chance(x: Floats, carry: float, stable: _Draws) -> float:
    """Share of drawn stable processes as odd in their oddest look as this one (min-p of Westfall & Young 1993)."""
    made = np.vstack([x[None, :], stable(len(x), carry)])
    first = made[:, : baseline(len(x))]
    centre = first.mean(axis=1, keepdims=True)
    move = np.abs(np.diff(first, axis=1)).mean(axis=1)
    far = np.abs(made - centre).max(axis=1) / np.maximum(move, 1e-300)
    long = _lengths(np.sign(made - centre)).max(axis=1)
    # The rules ring from a point on the limit and a run of eight on: less is no signal, however rare.
    looks = [np.where(far > REACH, far, 0.0), np.where(long >= RUN, long, 0), _step(made)[0]]
    rare = np.min([_rarity(look.astype(np.float64)) for look in looks], axis=0)
    return float((1 + int((rare[1:] <= rare[0]).sum())) / len(rare))


def _rarity(look: Floats) -> Floats:
    """For each, the share that is as large."""
    ordered = np.sort(look)
    return np.asarray((len(look) - np.searchsorted(ordered, look, side="left")) / len(look), np.float64)


def _stable(n: int, carry: float, draws: int, seed: int) -> Floats:
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((draws, n))
    if carry:
        for i in range(1, n):
            noise[:, i] = carry * noise[:, i - 1] + math.sqrt(1 - carry**2) * noise[:, i]
    return noise


def alarms(n: int, *, carry: float = 0.0, seed: int = 1, draws: int = DRAWS) -> float:
    """How often the two rules as such ring on a stable process of n points: what a textbook chart would cry wolf."""
    made = _stable(n, carry, draws, seed)
    first = made[:, : baseline(n)]
    centre = first.mean(axis=1, keepdims=True)
    step = np.abs(np.diff(first, axis=1)).mean(axis=1)
    far = np.abs(made - centre).max(axis=1) / step
    return float(((far > REACH) | (_lengths(np.sign(made - centre)).max(axis=1) >= RUN)).mean())
