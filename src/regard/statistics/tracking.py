"""The walk along one series: forecast, compare, ring or learn. Compiled; `watching` is the way in.

Level, hour and weekday are followed by robust scores (Gelper, Fried and Croux 2010, Journal of Forecasting 29,
285-300; Harvey 2013, *Dynamic Models for Volatility and Heavy Tails*): a residual counts with at most twice its spread,
and nothing is learned while an alarm is open, so that the incident never becomes the habit. What remains of a residual
after the one before it (autocorrelation) goes to three charts: itself, and two moving averages of it. Their limits
follow the series: the tail of single residuals by peaks over a threshold (Hosking and Wallis 1987, Technometrics 29,
339-349), that of the averages likewise, beside their own spread.
"""

# Kernels are typed by their compiler, take their arguments by position and as many as the walk needs.
# ruff: noqa: ANN001, ANN201, PLR0917
from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

AMOUNT, COUNT, SHARE = 0, 1, 2
FAST, SLOW = 0.25, 0.04
CUT = 6.25
KEPT = 0.97756
"""Mean of a squared standard normal that is cut at 6.25 (2.5 squared)."""
BINS, FINE = 256, 32
(LEVEL, SLOPE, SEEN, SPREAD, RAW, LAG0, LAG1, LAST, E_FAST, E_SLOW, Q_FAST, Q_SLOW, GRIP, OPEN, RANG, CALM, MEAN, LOSS,
 NEXT, ROUGH, HEFT, UP) = range(22)  # fmt: skip
SIZE = UP + 6
"""From UP on the limits: of single residuals above and below, of the fast average, of the slow one."""
FIELDS = 4
HEAVIER = 0.5
"""Standard errors, half of one, by which a tail is taken for heavier than it looks: the dearer mistake."""


def _compiled(function: Any) -> Any:
    """Compile when first called, and keep what was compiled where there is a place to keep it."""
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError as error:
        if "locator" not in str(error):
            raise
        return numba.njit(nogil=True)(function)


@_compiled
def predicted(kind, eta, exposure):  # type: ignore[no-untyped-def]
    """What is expected on the scale of steady spread, and how much a step says of the predictor (information)."""
    if kind == AMOUNT:
        return eta, 1.0
    if kind == COUNT:
        mean = exposure * math.exp(min(eta, 50.0))
        return 2 * math.sqrt(mean + 0.375), mean
    share = 1 / (1 + math.exp(-eta))
    return 2 * math.sqrt(exposure) * math.asin(math.sqrt(share)), exposure * share * (1 - share)


@_compiled
def away_by(kind, y, middle, exposure):  # type: ignore[no-untyped-def]
    """Seen less expected, in the series' own unit: the score of the predictor."""
    if kind == AMOUNT:
        return y - middle
    if kind == COUNT:
        return (y * y - middle * middle) / 4
    half = 2 * math.sqrt(exposure)
    return exposure * (math.sin(y / half) ** 2 - math.sin(middle / half) ** 2)


@_compiled
def tail(counts, steps, chance, heaviest):  # type: ignore[no-untyped-def]
    """Size that a residual of one side passes with a chance per step: a generalised Pareto tail on a histogram."""
    total = counts.sum()
    beyond, first = 0.0, BINS - 1
    while first > 0 and beyond + counts[first] <= max(0.1 * total, 25.0):
        beyond += counts[first]
        first -= 1
    threshold = math.expm1((first + 1) / FINE)
    if beyond <= 0:
        return threshold
    # Probability-weighted moments: the mean excess, and the same weighted by the share that is larger.
    mean = weighted = above = 0.0
    for b in range(BINS - 1, first, -1):
        away = math.expm1((b + 0.5) / FINE) - threshold
        mean += counts[b] * away
        weighted += counts[b] * away * (above + counts[b] / 2) / beyond
        above += counts[b]
    mean, weighted = mean / beyond, weighted / beyond
    shape = 2 - mean / max(mean - 2 * weighted, 1e-9 * mean)
    shape = min(max(shape + HEAVIER / math.sqrt(beyond), 0.0), heaviest)
    rarer = beyond / steps / chance
    if rarer <= 1:
        return threshold
    if shape < 1e-3:
        return threshold + mean * math.log(rarer)
    return threshold + mean * (1 - shape) / shape * (rarer**shape - 1)


@_compiled
def clipped(x, at):  # type: ignore[no-untyped-def]
    """x, at most `at` away from zero."""
    return min(max(x, -at), at)


@_compiled
def charted(s, a):  # type: ignore[no-untyped-def]
    """The charts with the newest residual in them: the largest of value over limit, signed, and which chart it is."""
    kept = clipped(a, 3.0)
    s[E_FAST] += FAST * (kept - s[E_FAST])
    s[E_SLOW] += SLOW * (kept - s[E_SLOW])
    most, which, fast = 0.0, 0, 0.0
    for chart in range(3):
        value = charting(s, a, chart)
        value /= s[UP + 2 * chart] if value > 0 else s[UP + 2 * chart + 1]
        if chart == 1:
            fast = value
        if abs(value) > abs(most):
            most, which = value, chart
    return most, which, fast


@_compiled
def charting(s, a, chart):  # type: ignore[no-untyped-def]
    """What a chart shows, in standard deviations."""
    if chart == 0:
        return a
    if chart == 1:
        return s[E_FAST] / math.sqrt(FAST / (2 - FAST) * max(s[Q_FAST], 0.7))
    return s[E_SLOW] / math.sqrt(SLOW / (2 - SLOW) * max(s[Q_SLOW], 0.7))


@_compiled
def spread_learned(s, r, a, tails, rule):  # type: ignore[no-untyped-def]
    """Spread, autocorrelation, the averages' own spread and the tails, with the newest residual."""
    gain = max(1 / 2500, 1 / (s[SEEN] + 25))
    s[RAW] *= 1 + gain * (min(r * r, CUT) / KEPT - 1)
    s[SPREAD] *= 1 + gain * (min(a * a, CUT) / KEPT - 1)
    now, last = clipped(r, 2.5), clipped(s[LAST], 2.5)
    s[LAG0] += gain * (now * now - s[LAG0])
    s[LAG1] += gain * (now * last - s[LAG1])
    slower = max(1 / 5000, 1 / (s[SEEN] + 150))
    s[Q_FAST] += slower * (min(s[E_FAST] ** 2 * (2 - FAST) / FAST, 9.0) - s[Q_FAST])
    s[Q_SLOW] += slower * (min(s[E_SLOW] ** 2 * (2 - SLOW) / SLOW, 9.0) - s[Q_SLOW])
    tallied(s, a, tails, rule)


@_compiled
def tallied(s, a, tails, rule):  # type: ignore[no-untyped-def]
    """The tails of the three charts with the newest residual, and their limits from time to time."""
    for chart in range(3):
        value = charting(s, a, chart)
        at = min(int(FINE * math.log1p(abs(value))), BINS - 1)
        tails[2 * chart + (0 if value > 0 else 1), at] += 1
    s[SEEN] += 1
    if s[SEEN] < s[NEXT]:
        return
    steps = tails[0].sum() + tails[1].sum()
    for side in range(6):
        s[UP + side] = max(tail(tails[side], steps, rule[4 + side // 2], 0.8 if side < 2 else 0.15), rule[side // 2])
    s[NEXT] = s[SEEN] * 1.08 + 10
    if steps > 40_000:
        tails *= 0.7


@_compiled
def habit_learned(s, pull, hour, week, hours, weeks, seen, gains):  # type: ignore[no-untyped-def]
    """Level, slope, hour of day and weekday, moved by one cut residual (in units of the predictor)."""
    gain = max(gains[0], 1 / (s[SEEN] + 3))
    s[LEVEL] += gain * pull
    if s[SEEN] > 60:
        s[SLOPE] += gain * gain / 8 * pull
    if gains[1] > 0:
        hours[hour] += max(gains[1], 1 / (seen[0, hour] + 3)) * pull
        seen[0, hour] += 1
    if gains[2] > 0:
        weeks[week] += max(gains[2], 1 / (seen[1, week] + 4)) * pull
        seen[1, week] += 1


@_compiled
def state_of(s, ratio, fast, t, patience):  # type: ignore[no-untyped-def]
    """Whether the open alarm goes on (0), is over (1), or has lasted so long that it is the new habit (2)."""
    side = s[OPEN]
    if t - s[RANG] >= patience:
        return 2
    still = ratio * side >= 0.5
    s[CALM] = 0 if still and fast * side >= 0.4 else s[CALM] + 1
    if not still and s[CALM] >= 3:
        return 1
    return 1 if s[CALM] >= 24 else 0


@_compiled
def lived_with(s, kind, away, wide, told, t):  # type: ignore[no-untyped-def]
    """How far the series has been off while the alarm lasts: kept apart, in case it becomes the habit."""
    gain = max(0.05, 1 / (t - s[RANG] + 1))
    s[MEAN] += clipped(away - s[MEAN], 3 * wide * math.sqrt(told + (kind > 0))) * gain
    s[HEFT] += (told - s[HEFT]) * gain


@_compiled
def moved_on(s, how, kind):  # type: ignore[no-untyped-def]
    """Close the alarm; a new habit takes the level it had and is learned afresh."""
    if how == 2:
        step = s[MEAN] / max(s[HEFT], 1e-9)
        if kind == COUNT:
            step = math.log(max(1 + step, 0.05))
        s[LEVEL] += step if kind == AMOUNT else clipped(step, 3.0)
        s[SEEN] = min(s[SEEN], 30.0)
        s[LAST] = 0.0
    s[OPEN] = s[CALM] = s[MEAN] = s[HEFT] = s[E_FAST] = s[E_SLOW] = 0.0


@_compiled
def walked(y, exposure, hour, week, kind, s, hours, weeks, bumps, tails, gains, rule, begin, out, rings):  # type: ignore[no-untyped-def]
    """Walk the whole series; returns how many alarms there were.

    Args:
        y: (n,) values on the scale of steady spread; NaN where nothing was seen.
        exposure: (n,) exposure or total.
        hour: (n,) slot of the day.
        week: (n,) slot of the week.
        kind: AMOUNT, COUNT or SHARE.
        s: (SIZE,) the state, changed in place.
        hours: Slots of the day, in units of the predictor.
        weeks: Slots of the week.
        bumps: Spread by slot of the day, squared, around 1.
        tails: (6, BINS) what the three charts showed above and below.
        gains: Of level, hour, week; 0 for a season leaves it out.
        rule: Least limits of the three charts, the patience in steps, the charts' chances per step and side.
        begin: First step that may ring, first whose loss counts.
        out: (FIELDS, n) predictor, spread, residual, largest value over limit.
        rings: (k, 5) step, side, chart, last step (-1 while open), 1 where it became the habit.
    """
    found = 0
    seen = np.full((2, max(len(hours), len(weeks))), 0.0)
    for t in range(len(y)):
        s[LEVEL] += s[SLOPE]
        eta = s[LEVEL] + hours[hour[t]] + weeks[week[t]]
        middle, told = predicted(kind, eta, exposure[t])
        wide = math.sqrt(s[RAW] * bumps[hour[t]])
        carry = clipped(s[LAG1] / s[LAG0], 0.95)
        out[0, t], out[1, t] = eta, wide
        if math.isnan(y[t]):
            out[2, t] = out[3, t] = np.nan
            s[LAST] *= carry
            continue
        r = (y[t] - middle) / wide
        a = (r - carry * s[LAST]) / math.sqrt(s[SPREAD])
        ratio, chart, fast = charted(s, a)
        out[2, t], out[3, t] = a, ratio
        if t >= begin[1]:
            s[LOSS] += math.log(wide * math.sqrt(s[SPREAD])) + 0.5 * min(a * a, 9.0)
        if s[OPEN] == 0 and t >= begin[0] and abs(ratio) >= 1 and found < len(rings):
            rings[found, 0], rings[found, 1], rings[found, 2], rings[found, 3] = t, 1 if ratio > 0 else -1, chart, -1
            found += 1
            s[OPEN], s[RANG], s[CALM], s[MEAN] = (1.0 if ratio > 0 else -1.0), t, 0, 0
            tallied(s, a, tails, rule)
            roughened(s, r, wide)
        if s[OPEN] == 0:
            pull = pulled(s, kind, away_by(kind, y[t], middle, exposure[t]), wide, told)
            habit_learned(s, pull, hour[t], week[t], hours, weeks, seen, gains)
            learned(s, r, a, wide, hour[t], bumps, tails, gains, rule)
            continue
        lived_with(s, kind, away_by(kind, y[t], middle, exposure[t]), wide, told, t)
        s[LAST] = clipped(r, 20.0)
        how = state_of(s, ratio, fast, t, rule[3])
        if how > 0:
            # What was calm at the end is over already: it took those steps to tell.
            rings[found - 1, 3], rings[found - 1, 4] = (t - s[CALM] + 1 if how == 1 else t), how - 1
            moved_on(s, how, kind)
    return found


@_compiled
def pulled(s, kind, away, wide, told):  # type: ignore[no-untyped-def]
    """How far one step pulls the predictor: its score, cut at two spreads, over what a usual step says of it."""
    s[GRIP] += max(1 / 2500, 1 / (s[SEEN] + 2)) * (told - s[GRIP])
    if kind == AMOUNT:
        return clipped(away, 2 * wide)
    # Of few events a single one is many spreads away, and yet no outlier: cut, it would never count.
    pull = clipped(away, max(2 * wide * math.sqrt(told), 2.0)) / max(s[GRIP], 1e-6)
    return clipped(pull, 5.0)


@_compiled
def learned(s, r, a, wide, hour, bumps, tails, gains, rule):  # type: ignore[no-untyped-def]
    """Spreads and tails, from one ordinary step."""
    bumps[hour] = min(max(bumps[hour] * (1 + gains[3] * (min(r * r, CUT) / KEPT - 1)), 0.1), 10.0)
    spread_learned(s, r, a, tails, rule)
    roughened(s, r, wide)
    s[LAST] = clipped(r, 20.0)


@_compiled
def roughened(s, r, wide):  # type: ignore[no-untyped-def]
    """The least spread: where most residuals are nought a robust one would be, too; a tenth of their mean size."""
    s[ROUGH] += max(1 / 2500, 1 / (s[SEEN] + 2)) * (abs(r) * wide - s[ROUGH])
    s[RAW] = max(s[RAW], 0.01 * s[ROUGH] ** 2)
