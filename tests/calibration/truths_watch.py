"""Made-up truths for the watch: series in which nothing happens, and some in which it does.

A series is lived for 60 days of hours, and watched over the 30 that follow. One false alarm in four months is accepted,
so a quiet month should show a quarter of one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import Ends, held

from regard.statistics.watching import watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

PAST, MONTH = 60 * 24, 30 * 24
LIVED = PAST + MONTH
RATE = 0.25
T = np.arange(LIVED)
ROOM = "reliability/watch"
METHOD = "robust scores, EWMA and tail limits by run length: false alarms a month"


def season(size: float = 1.0) -> np.ndarray:
    """A day with two humps, and calm weekends."""
    day = np.sin(2 * np.pi * T / 24) + 0.3 * np.sin(4 * np.pi * T / 24 + 1)
    return size * (day - np.where(T // 24 % 7 >= 5, 0.8, 0.0))


def carried(rng: Generator, memory: float, noise: np.ndarray) -> np.ndarray:
    """Noise of variance one that remembers the step before."""
    x = np.empty(len(noise))
    x[0] = noise[0]
    for t in range(1, len(noise)):
        x[t] = memory * x[t - 1] + noise[t]
    return x * np.sqrt(1 - memory**2)


def rung(values: np.ndarray, *, rate: float = RATE, **how) -> float:
    """Alarms in the last month."""
    found = watch(values, step=3600.0, per_month=rate, **how)
    return float(sum(a.rang >= PAST for a in found.alarms))


def normal(rng: Generator, memory: float = 0.0) -> np.ndarray:
    return 10 + season(2.0) + carried(rng, memory, rng.normal(size=LIVED))


def shaky(rng: Generator, per_hour: float = 12.0) -> np.ndarray:
    """Counts that vary twice as much as independent ones, and whose rate remembers."""
    rate = per_hour * np.exp(0.8 * season() + 0.3 * carried(rng, 0.7, rng.normal(size=LIVED)))
    return rng.poisson(rate).astype(float)


def shares(rng: Generator, bad: float = 0.05):
    """Bad of total: totals with a season, shares overdispersed beyond the binomial."""
    total = rng.poisson(np.exp(5 + 0.8 * season())).astype(float)
    part = rng.beta(bad * 80, (1 - bad) * 80, LIVED)
    return rng.binomial(total.astype(int), part).astype(float), total


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table."""
    _quiet(case, named)
    _broken(case, named)
    _eventful(case, named)


def _quiet(case: Callable, named: Callable) -> None:
    def quiet(name: str, truth: str, once: Callable, runs: int = 500) -> None:
        case(room=ROOM, method=METHOD, truth=truth, kind="alarms", nominal=RATE, runs=runs)(once)
        named(name)

    quiet("quiet_normal", "hours with a day and a week, normal noise", lambda rng: rung(normal(rng)))
    quiet("quiet_memory", "the same, autocorrelated .6", lambda rng: rung(normal(rng, 0.6)))
    quiet("quiet_long_memory", "the same, autocorrelated .9", lambda rng: rung(normal(rng, 0.9)))
    quiet(
        "quiet_heavy_tails", "the same, noise of a t with 3 degrees of freedom",
        lambda rng: rung(10 + season(2.0) + rng.standard_t(3, LIVED) / np.sqrt(3)),
    )  # fmt: skip
    quiet(
        "quiet_skewed", "amounts, log-normal noise of .6 with a day in them",
        lambda rng: rung(np.exp(3 + 0.5 * season() + rng.normal(0, 0.6, LIVED))),
    )  # fmt: skip
    quiet(
        "quiet_counts",
        "12 events an hour, overdispersed and autocorrelated .7",
        lambda rng: rung(shaky(rng), kind="count"),
    )
    quiet(
        "quiet_few", "half an event an hour, by a day's season",
        lambda rng: rung(rng.poisson(0.5 * np.exp(0.8 * season())).astype(float), kind="count"),
    )  # fmt: skip

    def few_bad(rng: Generator) -> float:
        bad, total = shares(rng)
        return rung(bad, exposure=total, kind="share")

    quiet("quiet_shares", "5 % bad of 20 to 400 an hour, overdispersed", few_bad)
    quiet(
        "quiet_growth", "12 events an hour, growing by 20 % a month",
        lambda rng: rung(rng.poisson(12 * np.exp(0.8 * season() + 0.18 * T / MONTH)).astype(float), kind="count"),
    )  # fmt: skip
    quiet(
        "quiet_wandering", "a level that wanders by itself, by .08 of the noise an hour",
        lambda rng: rung(normal(rng) + 0.08 * np.cumsum(rng.normal(size=LIVED))),
    )  # fmt: skip

    def moving(rng: Generator) -> float:
        late = 2 * np.pi * (T / 24 - T / (24 * 7 * 24))  # an hour a week
        return rung(10 + 4 * np.sin(late) + rng.normal(size=LIVED))

    quiet("quiet_moving_day", "a season that drifts: the day's peak, 4 of noise high, an hour later each week", moving)

    quiet(
        "quiet_bursts", "one hour in a hundred bursts, of infinite variance (Pareto 1.5)",
        lambda rng: rung(10 + 0.1 * rng.normal(size=LIVED) + 5 * (rng.random(LIVED) < 0.01) * rng.pareto(1.5, LIVED)),
    )  # fmt: skip


def _broken(case: Callable, named: Callable) -> None:
    def broken(name: str, truth: str, once: Callable) -> None:
        case(room=ROOM, method=METHOD, truth=truth, kind="breaks", nominal=RATE, runs=500)(once)
        named(name)

    def holidays(rng: Generator) -> float:
        off = np.isin(T // 24, rng.choice(np.arange(60, 90), 2, replace=False))
        return rung(np.where(off, 8.4, 10 + season(2.0)) + rng.normal(size=LIVED))

    broken("unannounced_holidays", "two days of the month are like Sundays, unannounced", holidays)


def _eventful(case: Callable, named: Callable) -> None:
    def found(name: str, truth: str, nominal: float, once: Callable) -> None:
        case(
            room=ROOM, method="the same: found while it lasts", truth=truth, kind="finds", nominal=nominal, runs=500
        )(once)  # fmt: skip
        named(name)

    def shifted(rng: Generator, size: float, hours: int, memory: float = 0.0):
        at = PAST + int(rng.integers(0, 240))
        values = normal(rng, memory)
        values[at : at + hours] += size
        return values, at, at + hours

    def finds(values: np.ndarray, at: int, end: int, **how) -> float:
        alarms = watch(values, step=3600.0, per_month=RATE, **how).alarms
        return float(any(at <= a.rang < end or (a.rang < at and (a.until < 0 or a.until > at)) for a in alarms))

    found("finds_a_shift", "a shift by 1 of noise over 5 days", 0.8, lambda rng: finds(*shifted(rng, 1.0, 120)))
    found("finds_an_hour", "one hour 7 of noise off", 0.8, lambda rng: finds(*shifted(rng, 7.0, 1)))
    found(
        "finds_though_it_remembers", "a shift by 4 of noise over a day, autocorrelated .9", 0.6,
        lambda rng: finds(*shifted(rng, 4.0, 24, 0.9)),
    )  # fmt: skip

    def doubled(rng: Generator) -> float:
        at, counts = PAST + int(rng.integers(0, 240)), shaky(rng)
        counts[at : at + 24] += rng.poisson(counts[at : at + 24])
        return finds(counts, at, at + 24, kind="count")

    def worse(rng: Generator) -> float:
        at, (bad, total) = PAST + int(rng.integers(0, 240)), shares(rng)
        bad[at : at + 12] = rng.binomial(total[at : at + 12].astype(int), 0.15)
        return finds(bad, at, at + 12, exposure=total, kind="share")

    found(
        "finds_doubled_counts", "12 events an hour, overdispersed and autocorrelated, doubled for a day", 0.3, doubled
    )
    found("finds_worse_shares", "5 % bad become 15 % for 12 hours", 0.8, worse)

    def dated(rng: Generator, size: float, memory: float = 0.0) -> float:
        values, at, end = shifted(rng, size, 72, memory)
        alarms = [a for a in watch(values, step=3600.0, per_month=RATE).alarms if at <= a.rang < end]
        if not alarms:
            return held(Ends(float("nan"), float("nan"), float("nan")), at, refused=1.0)
        since = alarms[0].onset
        return held(Ends(since.step, since.low, since.high), at)

    for size, memory in ((1.0, 0.0), (2.0, 0.0), (2.0, 0.6)):
        case(
            room=ROOM, method="since when, posterior of the first step", kind="covers", runs=500,
            truth=f"a shift by {size:.0f} of noise over 3 days, autocorrelated {memory:.1f}; of those found",
        )(lambda rng, size=size, memory=memory: dated(rng, size, memory))  # fmt: skip
        named(f"since_when_{size:.0f}_{memory * 10:.0f}")
