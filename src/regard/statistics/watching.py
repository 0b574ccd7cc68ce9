"""One series watched as it comes: what is usual now, and when it no longer is, with false alarms as rare as stated.

The habit (level, slope, hour of day, weekday) is followed by a walk that never learns an incident (`tracking`); which
seasons it has and how fast its level wanders is chosen by forecasts of the series' own past, again each time the past
has tripled, so that what rang stays rung when more comes in. A spike rings the chart of single residuals, a shift those
of two moving averages; the three share the rate of false alarms, each with the limit of its own run length
(`runlengths`). No holidays are assumed: an unannounced one rings.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from scipy import special

from regard.statistics.estimates import Floats, Whole
from regard.statistics.onsets import Onset, onset
from regard.statistics.runlengths import limit
from regard.wording import count

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Measured = Literal["amount", "count", "share", "duration"]
DAY, WEEK = 86_400.0, 604_800.0
MONTH = 30.4375 * DAY
FEWEST = 60
FIRST = 150
WANDERS = (0.0004, 0.004, 0.02, 0.1)
"""Gains of the level that are tried: from one that stands to one that follows within ten steps."""
METHOD = "robust scores, EWMA and tail limits by run length"
CHARTS = ("spike", "shift", "slow shift")
SHARED = 2.7
"""Charts that share the rate: three, of which the averages ring together (by simulation, docs/calibration.md)."""
REACH = (30, 60, 200)
"""Steps before its ringing that a spike, a shift and a slow shift may have begun; earlier it would have rung."""
PRIORS = {True: ((40.0, 8.0, 1.05), (60.0, 12.0, 1.0), (100.0, 20.0, 1.0)),
          False: ((40.0, 4.0, 1.15), (60.0, 8.0, 1.05), (100.0, 20.0, 1.0))}  # fmt: skip
"""Tails before there are any, of counts and shares (whose spread was made steady) and of amounts: steps' worth, degrees
of freedom of a t, scale; for single steps and for each average."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """One time the series left its habit.

    Attributes:
        rang: Step at which it rang.
        until: Step at which it was over; -1 while it lasts.
        side: 1 above, -1 below what was expected.
        chart: spike, shift or slow shift: what rang first.
        settled: Whether it ended because it had lasted so long that it is the habit now.
        onset: Since when, with its interval, and how large.
    """

    rang: int
    until: int
    side: int
    chart: str
    settled: bool
    onset: Onset

    @property
    def open(self) -> bool:
        """Whether it lasts."""
        return self.until < 0


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A series and its habit.

    Attributes:
        expected: What was expected at each step, in the series' own unit (a share as a share); NaN without history.
        low: Lower end of what a single step may show without ringing.
        high: Upper end.
        residual: Standardised residual after the one before it.
        ratio: Largest chart value over its limit, signed: beyond 1 in size it rings.
        alarms: In order of time.
        rate: False alarms a month the limits stand for, for this series.
        seasons: Those the past shows: "hour of day", "day of week".
        wander: Gain of the level: the share of a surprise that stays in it. Above .05 the level wanders by itself.
        memory: Autocorrelation of residuals from step to step.
        tails: Limits of a single residual above and below, in standard deviations; 4 or so for the normal.
        steps: Steps seen (gaps left out).
        gaps: Steps without a value.
        refused: Why there is no verdict; empty when there is one.
    """

    expected: Floats
    low: Floats
    high: Floats
    residual: Floats
    ratio: Floats
    alarms: tuple[Alarm, ...]
    rate: float
    seasons: tuple[str, ...]
    wander: float
    memory: float
    tails: tuple[float, float]
    steps: int
    gaps: int
    method: str = METHOD
    refused: str = ""

    @property
    def alarm(self) -> Alarm | None:
        """The alarm that lasts at the end, if any."""
        return self.alarms[-1] if self.alarms and self.alarms[-1].open else None


@dataclass(frozen=True, kw_only=True)
class _Series:
    """A series on the scale of steady spread, and where its steps lie in the day and the week."""

    kind: int
    y: Floats
    exposure: Floats
    hour: Whole
    week: Whole
    step: float
    logs: bool
    raw: Floats

    def head(self, n: int) -> _Series:
        """The first n steps."""
        parts = {k: getattr(self, k)[:n] for k in ("y", "exposure", "hour", "week", "raw")}
        return _Series(kind=self.kind, step=self.step, logs=self.logs, **parts)


def watch(
    values: ArrayLike,
    *,
    step: float,
    kind: Measured = "amount",
    exposure: ArrayLike | None = None,
    clock: ArrayLike | None = None,
    per_month: float = 1.0,
    since: int = 0,
) -> Watched:
    """The habit of a series, and when it was left.

    Assumes evenly spaced steps (NaN where nothing was seen), in order, complete up to the last one. Refused with fewer
    than 60 steps seen; a season of the day needs 3 days, one of the week 3 weeks, else it is not modelled and a
    regular peak may ring.

    Args:
        values: Amounts, durations in seconds, numbers of events, or how many of `exposure` were so (a share).
        step: Seconds from one step to the next.
        kind: What they are. Durations are watched as logarithms; amounts too, where their past is less lopsided so.
        exposure: What a count is a rate of, or the total of a share; default 1.
        clock: Seconds since a Monday midnight in local time of each step; default: the first step is one.
        per_month: False alarms a month that are accepted, for this series.
        since: First step that may ring.
    """
    series = _prepared(np.asarray(values, float), exposure, clock, step=step, kind=kind)
    n, seen = len(series.y), int(np.isfinite(series.y).sum())
    if seen < FEWEST or np.ptp(series.raw[np.isfinite(series.y)]) == 0:
        why = f"only {count(seen, 'step')}; at least {FEWEST} are needed" if seen < FEWEST else "it never changed"
        return _refused(why, n=n, seen=seen, per_month=per_month)
    return _watched(series, per_month=per_month, since=since, seen=seen)


def _prepared(x: Floats, exposure: Any, clock: Any, *, step: float, kind: Measured) -> _Series:
    e = np.ones(len(x)) if exposure is None else np.asarray(exposure, float)
    e = np.broadcast_to(e, x.shape).astype(float)
    at = step * np.arange(len(x)) if clock is None else np.asarray(clock, float)
    hour = (at % DAY // 3600 if step < DAY else np.zeros(len(x))).astype(np.int64)
    week = (at % WEEK // max(3600.0, min(step, DAY))).astype(np.int64) if step <= DAY else np.zeros(len(x), np.int64)
    logs, number = False, {"count": 1, "share": 2}.get(kind, 0)
    if kind == "count":
        y = np.where(e > 0, 2 * np.sqrt(np.maximum(x, 0) + 0.375), np.nan)
    elif kind == "share":
        part = np.clip((x + 0.375) / (e + 0.75), 0, 1)
        y = np.where(e > 0, 2 * np.sqrt(np.maximum(e, 0)) * np.arcsin(np.sqrt(part)), np.nan)
    else:
        logs = kind == "duration" or _rather_logs(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            y = np.where(x > 0, np.log(x), np.nan) if logs else x.copy()
    y = np.where(np.isfinite(x), y, np.nan)
    return _Series(
        kind=number, y=y, exposure=np.where(e > 0, e, 1.0), hour=hour, week=week, step=step, logs=logs, raw=x
    )


def _rather_logs(x: Floats) -> bool:
    """Whether the first part of a series is less lopsided as logarithms, by its outer quantiles."""
    first = x[np.isfinite(x)][: max(FIRST, len(x) // 4)]
    if len(first) < FEWEST or first.min() <= 0:
        return False
    return abs(_lopsided(np.log(first))) + 0.05 < abs(_lopsided(first))


def _lopsided(x: Floats) -> float:
    low, middle, high = np.quantile(x, (0.05, 0.5, 0.95))
    return float((high + low - 2 * middle) / (high - low)) if high > low else 0.0


def _kernel() -> Any:
    """The compiled walk; its compiler is heavy, so it is read when a series is watched, not before."""
    return importlib.import_module("regard.statistics.tracking")


@dataclass(kw_only=True)
class _Model:
    """What was chosen, and where the walk starts from."""

    wander: float
    daily: bool
    weekly: bool
    hours: Floats
    weeks: Floats
    state: Floats
    bumps: Floats
    tails: NDArray[np.float64]
    loss: float = math.inf


@lru_cache(maxsize=2)
def _priors(counted: bool) -> Floats:  # noqa: FBT001 - a local word
    """Tails before there are any, as histograms."""
    tracking = _kernel()
    edges = np.expm1(np.arange(tracking.BINS + 1) / tracking.FINE)
    edges[-1] = np.inf
    # Weights in steps; neighbours of an average say nearly the same, so its past counts less.
    sides = [
        weight * np.diff(2 * special.stdtr(freedom, edges * scale) - 1)
        for weight, freedom, scale in PRIORS[counted]
        for _ in range(2)
    ]
    return np.array(sides)


def _fresh(series: _Series) -> tuple[Floats, NDArray[np.float64]]:
    """The state before the first step: level and spread of the first steps, nothing learned."""
    tracking = _kernel()
    s = np.zeros(tracking.SIZE)
    first = np.flatnonzero(np.isfinite(series.y))[:FEWEST]
    if series.kind == tracking.AMOUNT:
        s[tracking.LEVEL] = np.median(series.y[first])
        s[tracking.GRIP] = 1.0
    else:
        total, much = np.sort(series.raw[first])[: int(0.9 * len(first))].sum(), 0.9 * series.exposure[first].sum()
        rate = (total + 0.5) / (much + (1.0 if series.kind == tracking.SHARE else 0.0))
        s[tracking.LEVEL] = math.log(rate) if series.kind == tracking.COUNT else special.logit(min(rate, 1 - 1e-6))
        share = float(special.expit(s[tracking.LEVEL]))
        heft = share * (1 - share) if series.kind == tracking.SHARE else rate
        s[tracking.GRIP] = heft * float(series.exposure[first].mean())
    middles = _middle(series, np.full(len(series.y), s[tracking.LEVEL]))[first]
    spread = 1.4826 * float(np.median(np.abs(series.y[first] - middles)))
    spread = spread or float(np.std(series.y[first])) or max(1e-9, 0.01 * abs(s[tracking.LEVEL]))
    s[tracking.RAW], s[tracking.SPREAD], s[tracking.LAG0] = spread**2, 1.0, 1.0
    s[tracking.ROUGH] = 0.8 * spread
    s[tracking.Q_FAST] = s[tracking.Q_SLOW] = 1.1
    s[tracking.UP :] = 6.0
    return s, _priors(series.kind != tracking.AMOUNT).copy()


def _walk(series: _Series, model: _Model, *, per_month: float, ring: int, loss: int) -> tuple[Floats, Floats]:
    """Walk with a model; its state, seasons and tails are where the walk ended."""
    tracking = _kernel()
    n = len(series.y)
    chance = per_month * series.step / MONTH
    length = max(SHARED / chance, 30.0)
    patience = min(max(14 * DAY / series.step, 28.0), 336.0)
    limits = [limit(share, length) for share in (1.0, tracking.FAST, tracking.SLOW)]
    rule = np.array([*limits, patience, *(special.ndtr(-at) for at in limits)])
    a_day = max(DAY / series.step / 24, 1.0)
    gains = np.array(
        [model.wander, 0.03 / a_day if model.daily else 0.0, 0.05 / a_day if model.weekly else 0.0, 0.01 / a_day]
    )
    out, rings = np.full((tracking.FIELDS, n), np.nan), np.zeros((max(400, n // 20), 5))
    found = tracking.walked(
        series.y, series.exposure, series.hour, series.week, series.kind, model.state, model.hours, model.weeks,
        model.bumps, model.tails, gains, rule, np.array([ring, loss]), out, rings,
    )  # fmt: skip
    model.loss = float(model.state[tracking.LOSS])
    return out, rings[:found]


def _started(series: _Series, *, wander: float, daily: bool, weekly: bool, like: _Model | None = None) -> _Model:
    """A model at the first step; seasons and unevenness may be those another one ended with."""
    state, tails = _fresh(series)
    hours = like.hours.copy() if like and daily else np.zeros(24)
    weeks = like.weeks.copy() if like and weekly else np.zeros(168)
    bumps = like.bumps.copy() if like else np.ones(24)
    if like:
        _levelled(series, state, hours, weeks)
    return _Model(
        wander=wander, daily=daily, weekly=weekly, hours=hours, weeks=weeks, state=state, bumps=bumps, tails=tails
    )


def _levelled(series: _Series, state: Floats, hours: Floats, weeks: Floats) -> None:
    """Take the season of the first steps off the level they show."""
    tracking = _kernel()
    first = np.flatnonzero(np.isfinite(series.y))[:FEWEST]
    away = hours[series.hour[first]] + weeks[series.week[first]]
    if series.kind == tracking.AMOUNT:
        state[tracking.LEVEL] = np.median(series.y[first] - away)
    else:
        state[tracking.LEVEL] -= float(np.mean(away))


def _chosen(series: _Series, n: int, *, per_month: float) -> _Model:
    """The model that forecasts the first n steps best, one step ahead; two thirds of them count."""
    past = series.head(n)
    days = n * series.step / DAY
    options = [(False, False)]
    if series.step < DAY and days >= 3:
        options.append((True, False))
    if series.step <= DAY and days >= 21:
        options.append((series.step < DAY, True))

    def tried(wander: float, daily: bool, weekly: bool, like: _Model | None) -> _Model:  # noqa: FBT001 - a local word
        model = _started(past, wander=wander, daily=daily, weekly=weekly, like=like)
        _walk(past, model, per_month=per_month, ring=n, loss=n // 3)
        return model

    best: _Model | None = None
    for daily, weekly in options:
        once = tried(WANDERS[1], daily, weekly, None)
        model = tried(WANDERS[1], daily, weekly, once) if daily or weekly else once
        # A season must earn its many numbers: by a hundredth of the spread for each step.
        if best is None or model.loss < best.loss - 0.01 * (n - n // 3):
            best = model
    assert best is not None  # noqa: S101 - the first option always is
    start = best
    for wander in (w for w in WANDERS if w != WANDERS[1]):
        model = tried(wander, start.daily, start.weekly, start)
        if model.loss < best.loss - 0.002 * (n - n // 3):
            best = model
    return best


def _watched(series: _Series, *, per_month: float, since: int, seen: int) -> Watched:
    tracking, n = _kernel(), len(series.y)
    out, limits = np.full((tracking.FIELDS, n), np.nan), np.full((2, n), np.nan)
    rings: list[Floats] = []
    low = FEWEST
    while True:
        chosen = _chosen(series, low, per_month=per_month)
        high = min(max(3 * low, FIRST), n)
        model = _started(series, wander=chosen.wander, daily=chosen.daily, weekly=chosen.weekly, like=chosen)
        part, found = _walk(series.head(high), model, per_month=per_month, ring=max(FEWEST, since), loss=high)
        out[:, low:high] = part[:, low:high]
        limits[:, low:high] = model.state[tracking.UP : tracking.UP + 2, None] * math.sqrt(model.state[tracking.SPREAD])
        rings = _joined(rings, found, low)
        if high >= n:
            return _told(series, out, limits, model, rings, per_month=per_month, seen=seen)
        low = high


def _joined(rings: list[Floats], found: Floats, low: int) -> list[Floats]:
    """Alarms told so far and those of the next stretch, which begins at `low`; one that lasts over it goes on."""
    if rings and rings[-1][3] < 0:
        still = [r for r in found if r[0] < low and (r[3] < 0 or r[3] >= low) and r[1] == rings[-1][1]]
        rings[-1][3:] = still[-1][3:] if still else (low, 0)
    return rings + [r.copy() for r in found if r[0] >= low]


def _told(
    series: _Series, out: Floats, limits: Floats, model: _Model, rings: list[Floats], *, per_month: float, seen: int
) -> Watched:
    tracking = _kernel()
    memory = float(np.clip(model.state[tracking.LAG1] / model.state[tracking.LAG0], -0.95, 0.95))
    middle = _middle(series, out[0])
    alarms = []
    for i, (rang, side, chart, until, settled) in enumerate(rings):
        first = max(FEWEST // 2, int(rang) - REACH[int(chart)], int(rings[i - 1][3]) if i else 0)
        end = int(until) if until >= 0 else len(series.y)
        since = onset(out[2], int(rang), max(end, int(rang) + 1), first=first, memory=memory)
        alarms.append(
            Alarm(
                rang=int(rang), until=int(until), side=int(side), chart=CHARTS[int(chart)], settled=bool(settled),
                onset=since,
            )
        )  # fmt: skip
    names = [name for name, has in (("hour of day", model.daily), ("day of week", model.weekly)) if has]
    return Watched(
        expected=_unit(series, middle),
        low=_unit(series, middle - limits[1] * out[1]),
        high=_unit(series, middle + limits[0] * out[1]),
        residual=out[2],
        ratio=out[3],
        alarms=tuple(alarms),
        rate=per_month,
        seasons=tuple(names),
        wander=model.wander,
        memory=memory,
        tails=(float(model.state[tracking.UP]), float(model.state[tracking.UP + 1])),
        steps=seen,
        gaps=len(series.y) - seen,
    )


def _middle(series: _Series, eta: Floats) -> Floats:
    """What is expected on the scale of steady spread."""
    tracking = _kernel()
    if series.kind == tracking.AMOUNT:
        return eta
    if series.kind == tracking.COUNT:
        return 2 * np.sqrt(series.exposure * np.exp(np.minimum(eta, 50.0)) + 0.375)
    middle: Floats = 2 * np.sqrt(series.exposure) * np.arcsin(np.sqrt(special.expit(eta)))
    return middle


def _unit(series: _Series, y: Floats) -> Floats:
    """Back from the scale of steady spread to the series' own unit; a share as a share."""
    tracking = _kernel()
    if series.kind == tracking.AMOUNT:
        return np.exp(np.minimum(y, 700.0)) if series.logs else y
    if series.kind == tracking.COUNT:
        return np.maximum(np.maximum(y, 0) ** 2 / 4 - 0.375, 0.0)
    part = np.clip(y / (2 * np.sqrt(series.exposure)), 0, math.pi / 2)
    share: Floats = np.sin(part) ** 2
    return share


def _refused(why: str, *, n: int, seen: int, per_month: float) -> Watched:
    none = np.full(n, np.nan)
    return Watched(
        expected=none, low=none, high=none, residual=none, ratio=none, alarms=(), rate=per_month, seasons=(),
        wander=math.nan, memory=math.nan, tails=(math.nan, math.nan), steps=seen, gaps=n - seen, refused=why,
    )  # fmt: skip
