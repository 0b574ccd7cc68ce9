"""One series in which something began on a known date: what it did, and how much one series can support.

Two views that err differently: the level walks and is forecast from before (`statespace`), and straight lines before
and after with autocorrelated errors (segmented regression). Neither can tell the event from anything else of that date;
a control series that the event cannot have touched helps, and units that went without it help more. What can be checked
is checked: dates at which nothing happened, a break before the date, controls that move themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.estimates import LEVEL, Estimate, Floats, refusal, size_of
from regard.statistics.statespace import Forecast, Grid, Mixture, Solved, filtered, forecast, solve, weighed
from regard.wording import count

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FEWEST = 12
TRENDS = 16
LONGEST = 1500
BREAK = 0.01


@dataclass(frozen=True, kw_only=True)
class Segmented:
    """Straight lines before and after, errors autocorrelated.

    Attributes:
        jump: Change of level at the date.
        bend: Change of slope per step; refused where fewer than 8 steps came after.
        average: Mean distance from the continued line over the steps after.
        carry: Autocorrelation of the errors from step to step, averaged over what the series allows.
    """

    jump: Estimate
    bend: Estimate
    average: Estimate
    carry: float


@dataclass(frozen=True, kw_only=True)
class Placebo:
    """The same analysis at dates before, at which nothing happened.

    Attributes:
        tried: How many dates.
        alarms: At how many of them an effect would have been claimed.
        p: Share of dates (the true one among them) whose effect is at least as clear as the true one's.
        chance: Chance of so many alarms or more if the intervals were right, by dates that do not overlap.
    """

    tried: int
    alarms: int
    p: float
    chance: float


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """What came after the date against what would have.

    Attributes:
        average: Mean effect per step after the date, from the moving level; refused with the reason.
        total: Its sum over the steps after.
        relative: The average as a share of what was expected.
        expected: What was expected: one step ahead before the date, from before the date after it; shape (steps,).
        low: Lower end of the band after the date (NaN before).
        high: Upper end.
        running: Running total after the date, with its ends: shape (3, steps after).
        segmented: The other view.
        placebo: Dates at which nothing happened; None where the past is too short for any.
        break_at: Step before the date at which the level broke most clearly; -1 where the past is too short to look.
        break_p: p-value of that break, corrected for having looked everywhere.
        carry_p: p-value of the one-step errors being uncorrelated (Ljung-Box).
        explained: Share of the variance before that the one-step forecast explains.
        moving: Control columns that move at the date themselves.
        before: Steps seen before the date that are used.
        after: Steps seen after it.
        period: Steps a season takes, 0 where none is modelled.
    """

    average: Estimate
    total: Estimate
    relative: float
    expected: Floats
    low: Floats
    high: Floats
    running: Floats
    segmented: Segmented | None
    placebo: Placebo | None
    break_at: int
    break_p: float
    carry_p: float
    explained: float
    moving: tuple[int, ...]
    before: int
    after: int
    period: int


METHOD = "local level with regression, forecast from before the date"


def interrupted(
    values: ArrayLike,
    start: int,
    *,
    controls: ArrayLike | None = None,
    period: int = 0,
    placebos: bool = True,
    level: float = LEVEL,
) -> Interrupted:
    """The effect of what began at step `start`.

    Assumes evenly spaced steps (NaN where nothing was seen), that the past would have gone on as it went, and controls
    that the event did not touch. References: Harvey (1989); Brodersen and others (2015); Wagner and others (2002),
    Journal of Clinical Pharmacy and Therapeutics 27, 299-309, for the segments; Andrews (1993), Econometrica 61,
    821-856, for the break at an unknown date.
    Thin evidence: refused with fewer than 12 steps before (or fewer than the model has columns and 8 more), with none
    after, and where the level broke before the date (p under .01): nothing that goes on from there can be forecast.

    Args:
        values: The outcome by step.
        start: First step of the event.
        controls: Other series by step, shape (steps, controls), not touched by the event.
        period: Steps of a season; 0 for none. Left out where the past holds fewer than two of them.
        placebos: Whether earlier dates are tried too, which takes twelve times as long.
        level: Confidence.
    """
    y = np.asarray(values, float)
    x = np.zeros((len(y), 0)) if controls is None else np.asarray(controls, float).reshape(len(y), -1)
    y = np.where(np.isfinite(x).all(axis=1), y, np.nan)
    size = size_of(y[:start][np.isfinite(y[:start])])
    return _sized(_looked_at(y / size, x, start, period, placebos=placebos, level=level), size)


def _sized(found: Interrupted, size: float) -> Interrupted:
    """Back in the outcome's own units."""
    lines = found.segmented
    return replace(
        found,
        average=found.average.times(size),
        total=found.total.times(size),
        expected=found.expected * size,
        low=found.low * size,
        high=found.high * size,
        running=found.running * size,
        segmented=lines
        and replace(lines, jump=lines.jump.times(size), bend=lines.bend.times(size), average=lines.average.times(size)),
    )


def _looked_at(y: Floats, x: Floats, start: int, period: int, *, placebos: bool, level: float) -> Interrupted:
    skipped = max(0, start - LONGEST)
    y, x, start = y[skipped:], np.where(np.isfinite(x[skipped:]), x[skipped:], 0.0), start - skipped
    seen = np.isfinite(y)
    before, after = int(seen[:start].sum()), int(seen[start:].sum())
    season = period if period > 1 and before >= 2 * period else 0
    columns = _columns(len(y), start, x, season, seen)
    need = max(FEWEST, columns.shape[1] + 8)
    if before < need or after < 1:
        few = f"only {count(before, 'step')} before the date; at least {need} are needed"
        said = few if before < need else "nothing was seen from the date on"
        why = refusal(said, n=before, method=METHOD, level=level)
        return _without(why, (before, after, season), len(y), -1, math.nan)
    if np.ptp(y[:start][seen[:start]]) == 0:
        why = refusal("nothing ever changed before the date", n=before + after, method=METHOD, level=level)
        return _without(why, (before, after, season), len(y), -1, math.nan)
    at, chance = broken(y[:start], columns[:start])
    if chance < BREAK:
        why = refusal(BROKE, n=before + after, method=METHOD, level=level)
        return _without(why, (before, after, season), len(y), at + skipped, chance)
    found = forecast(y[:start], columns[:start], y[start:], columns[start:])
    told = _told(found, (y, columns, start), (x, season), level)
    front = np.full(skipped, np.nan)
    return replace(
        told,
        placebo=_placebo(y[:start], columns[:start], len(y) - start, told.average) if placebos else None,
        expected=np.r_[front, told.expected],
        low=np.r_[front, told.low],
        high=np.r_[front, told.high],
        break_at=at + skipped if at >= 0 else -1,
        break_p=chance,
    )


BROKE = "the level broke before the date, so its past does not say how it would have gone on"


def _columns(steps: int, start: int, controls: Floats, period: int, seen: NDArray[np.bool_]) -> Floats:
    """Ones, a trend, the season and the controls, scaled by their past; without what the past does not tell of."""
    t = np.arange(steps, dtype=float)
    parts = [np.ones(steps)]
    if seen[:start].sum() >= TRENDS:
        parts.append((t - start) / max(start, 1))
    parts += _season(t, period)
    for column in controls.T:
        own = column / size_of(column)
        past = own[:start][seen[:start]]
        if len(past) and past.std() > 1e-12:
            parts.append((own - past.mean()) / past.std())
    made = np.column_stack(parts)
    told = np.abs(made[:start][seen[:start]]).max(axis=0, initial=0.0) > 0
    return made[:, told]


def _season(t: Floats, period: int) -> list[Floats]:
    """A level for every step of a short season, waves for a long one."""
    if period < 2:
        return []
    if period <= 13:
        place = t.astype(int) % period
        return [(place == j).astype(float) - 1 / period for j in range(1, period)]
    turns = [2 * math.pi * k * t / period for k in range(1, 4 if period <= 60 else 6)]
    return [wave for turn in turns for wave in (np.sin(turn), np.cos(turn))]


def _told(found: Forecast, series: tuple[Floats, Floats, int], extra: tuple[Floats, int], level: float) -> Interrupted:
    y, columns, start = series
    x, season = extra
    known = np.isfinite(y[start:])
    after, n = int(known.sum()), int(np.isfinite(y).sum())
    total = _estimate(_last(found.totals), n, level)
    average = total.times(1 / after)
    low, high = found.steps.interval(level)
    ends = found.totals.interval(level)
    expected = np.full(len(y), np.nan)
    expected[:start][np.isfinite(y[:start])] = (y[:start])[np.isfinite(y[:start])] - found.errors
    gap = np.where(known, found.steps.mean, np.nan)
    expected[start:] = y[start:] - gap
    mean = float(np.nansum(expected[start:][known]))
    past = y[:start][np.isfinite(y[:start])]
    pad = np.full(start, np.nan)
    return Interrupted(
        average=average,
        total=total,
        relative=total.value / abs(mean) if mean else math.nan,
        expected=expected,
        low=np.r_[pad, y[start:] - high],
        high=np.r_[pad, y[start:] - low],
        running=np.vstack([found.totals.mean, *ends]),
        segmented=segmented(y, start, columns, level=level),
        placebo=None,
        break_at=-1,
        break_p=math.nan,
        carry_p=ljung_box(found.white, 2 * season or 10),
        explained=1 - float(found.errors @ found.errors) / float(((past - past.mean()) ** 2).sum()),
        moving=_moving(x, start, season, np.isfinite(y)),
        before=len(past),
        after=after,
        period=season,
    )


def _last(mixture: Mixture) -> Mixture:
    return Mixture(mixture.place[-1:], mixture.spread[-1:], mixture.weights, mixture.freedom)


def _estimate(mixture: Mixture, n: int, level: float, method: str = METHOD) -> Estimate:
    low, high = (float(v[0]) for v in mixture.interval(level))
    value = float(mixture.mean[0])
    return Estimate(
        value=value, low=low, high=high, error=float(mixture.error[0]), centre=value, n=n, effective=float(n),
        freedom=float(mixture.freedom), level=level, method=method, p=float(mixture.p()[0]),
    )  # fmt: skip


CARRIES = np.linspace(-0.95, 0.99, 49)


def segmented(y: Floats, start: int, columns: Floats, *, level: float = LEVEL) -> Segmented:
    """Straight lines before and after with first-order autocorrelated errors.

    The autocorrelation is integrated out under a flat prior with its restricted likelihood; plugging in an estimate
    gives intervals that are too narrow at sixty steps, and robust ("HAC") errors are narrower still.
    """
    t = np.arange(len(y), dtype=float)
    seen = np.isfinite(y)
    event = (t >= start).astype(float)
    bends = int(seen[start:].sum()) >= 8
    extra = [event] + ([event * (t - start)] if bends else [])
    made = np.column_stack([columns, *extra])[seen]
    white, logdet = _carried(np.column_stack([y[seen], made]), np.flatnonzero(seen))
    fit = solve(white[:, :, 0], white[:, :, 1:], logdet)
    weights = weighed(fit.score)
    jump = np.zeros(made.shape[1])
    jump[columns.shape[1]] = 1.0
    bend, average = np.zeros_like(jump), jump.copy()
    if bends:
        bend[-1] = 1.0
        average[-1] = float((t[seen & (t >= start)] - start).mean())
    method, n = "segmented regression, autocorrelated errors integrated out", int(seen.sum())

    def told(pick: Floats) -> Estimate:
        return _estimate(_picked(fit, weights, pick), n, level, method)

    few = refusal("fewer than 8 steps came after the date", n=n, method=method, level=level)
    return Segmented(
        jump=told(jump), bend=told(bend) if bends else few, average=told(average), carry=float(CARRIES @ weights)
    )


def _carried(series: Floats, at: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Series whitened by each autocorrelation, over gaps as long as they are."""
    r = CARRIES[:, None]
    step = np.diff(at)[None, :]
    kept = r**step
    spread = np.sqrt((1 - kept**2) / (1 - r**2))
    white = np.empty((len(CARRIES), *series.shape))
    white[:, 0] = series[0] * np.sqrt(1 - r**2)
    white[:, 1:] = (series[None, 1:] - kept[:, :, None] * series[None, :-1]) / spread[:, :, None]
    return white, -np.log1p(-(CARRIES**2)) + 2 * np.log(spread).sum(axis=1)


def _picked(fit: Solved, weights: Floats, pick: Floats) -> Mixture:
    spread = np.sqrt(fit.scale * np.einsum("i,gij,j->g", pick, fit.inverse, pick))
    return Mixture((fit.beta @ pick)[None], spread[None], weights, fit.freedom)


def broken(y: Floats, columns: Floats, *, most: int = 60) -> tuple[int, float]:
    """The step at which the level broke most clearly, with its p-value for having looked everywhere.

    The likelihood ratio of a step against none, the level's movement fitted anew for each; its distribution is that of
    simulated series without a break (see the calibration). -1 and NaN with fewer than 20 steps.
    """
    seen = np.isfinite(y)
    n = int(seen.sum())
    if n < 20:
        return -1, math.nan
    inner = np.flatnonzero(seen)[max(4, n // 8) : n - max(4, n // 8)]
    tried = inner[np.unique(np.linspace(0, len(inner) - 1, min(most, len(inner))).round().astype(int))]
    steps = (np.arange(len(y))[:, None] >= tried[None, :]).astype(float)
    run = filtered(np.column_stack([np.where(seen, y, 0.0), columns, steps]), _coarse(), seen)
    k = columns.shape[1]
    x = run.white[:, :, 1 : 1 + k]
    inverse = np.linalg.inv(np.einsum("gti,gtj->gij", x, x) + 1e-9 * np.eye(k))
    rest = run.white[:, :, [0, *range(1 + k, run.white.shape[2])]]
    left = rest - np.einsum("gti,gij->gtj", x, np.einsum("gij,gtj,gtm->gim", inverse, x, rest))
    own, others = left[:, :, 0], left[:, :, 1:]
    total = np.maximum((own**2).sum(axis=1), 1e-300)
    taken = np.einsum("gt,gtm->gm", own, others) ** 2 / np.maximum((others**2).sum(axis=1), 1e-12)
    plain = -0.5 * (run.logdet + n * np.log(total))
    stepped = -0.5 * (run.logdet[:, None] + n * np.log(np.maximum(total[:, None] - taken, 1e-300)))
    ratio = 2 * (stepped.max(axis=0) - plain.max())
    best = int(np.argmax(ratio))
    return int(tried[best]), _break_p(float(ratio[best]))


def _break_p(ratio: float) -> float:
    """p-value of the largest likelihood ratio, at most: .05 at 15 and .01 at 20.5.

    The tail of the worst of many simulated series without a break (40 and 100 steps; errors independent, autocorrelated
    by .6, levels that walk); for independent errors alone 9 and 14 would do.
    """
    return min(1.0, 0.05 * math.exp(-0.293 * (ratio - 15.0)))


def _coarse() -> Grid:
    share = np.r_[0.05, 0.15, 0.3, 0.5, 0.7, 0.9]
    walk = (share / (1 - share)) ** 2
    returns = np.array([0.3, 0.6, 0.85])
    return Grid(np.r_[1.0, returns, np.ones(6)], np.r_[0.0, np.full(3, 9.0) * (1 - returns**2), walk], np.full(10, 0.1))


def _placebo(y: Floats, columns: Floats, horizon: int, real: Estimate) -> Placebo | None:
    n = len(y)
    ahead = min(horizon, n // 4)
    first = max(FEWEST + columns.shape[1], n // 2)
    if ahead < 1 or first + ahead > n:
        return None
    starts = np.unique(np.linspace(first, n - ahead, 12).round().astype(int))
    alarms, ratios = 0, []
    for start in starts:
        later = y[start : start + ahead]
        if not np.isfinite(later).any() or np.isfinite(y[:start]).sum() < FEWEST + columns.shape[1]:
            continue
        found = _last(forecast(y[:start], columns[:start], later, columns[start : start + ahead]).totals)
        p = float(found.p()[0])
        alarms += p < 0.05
        ratios.append(p)
    if not ratios:
        return None
    apart = max(1, (n - first) // ahead)
    scaled = math.ceil(alarms * min(1.0, apart / len(ratios)))
    return Placebo(
        tried=len(ratios),
        alarms=alarms,
        p=(1 + sum(p <= real.p for p in ratios)) / (1 + len(ratios)),
        chance=float(special.bdtrc(scaled - 1, apart, 0.05)) if scaled else 1.0,
    )


def _moving(controls: Floats, start: int, period: int, seen: NDArray[np.bool_]) -> tuple[int, ...]:
    """Controls that leave their own path at the date: they were touched, too, or something else happened."""
    found = []
    for j in range(controls.shape[1]):
        own = np.where(seen, controls[:, j], np.nan)
        columns = _columns(len(own), start, np.zeros((len(own), 0)), period, seen)
        totals = forecast(own[:start], columns[:start], own[start:], columns[start:]).totals
        if float(_last(totals).p()[0]) < BREAK:
            found.append(j)
    return tuple(found)


def ljung_box(white: Floats, lags: int) -> float:
    """p-value of no autocorrelation up to so many lags. Reference: Ljung and Box (1978), Biometrika 65, 297-303."""
    n = len(white)
    most = min(lags, n // 4)
    away = white - white.mean()
    total = float(away @ away)
    if most < 1 or total <= 0:
        return math.nan
    carried = [float(away[k:] @ away[:-k]) / total for k in range(1, most + 1)]
    q = n * (n + 2) * sum(r * r / (n - k) for k, r in enumerate(carried, start=1))
    return float(special.chdtrc(most, q))


def _without(why: Estimate, counts: tuple[int, int, int], steps: int, break_at: int, break_p: float) -> Interrupted:
    none = np.full(steps, np.nan)
    return Interrupted(
        average=why, total=why, relative=math.nan, expected=none, low=none, high=none, running=np.zeros((3, 0)),
        segmented=None, placebo=None, break_at=break_at, break_p=break_p, carry_p=math.nan, explained=math.nan,
        moving=(), before=counts[0], after=counts[1], period=counts[2],
    )  # fmt: skip
