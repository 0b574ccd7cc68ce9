"""Made-up truths of disruptions in a workspace: quiet months looked at four times a day, beginnings, red subsets.

A world is lived for four months by a few hundred customers; the last month is looked at every six hours with everything
before. What rings again within three days with mostly the same customers is one alarm, as it is one alert.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from held import Ends, held

from regard.reliability.cubed import HISTORY, Met, Read
from regard.reliability.disrupted import alike, looks, subsets
from regard.statistics.onsets import rise

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

ROOM = "reliability/disruptions"
FINDER = "the day and the week against their past, all combinations"
METHOD = FINDER + ": false alarms a month, looked at every 6 hours"
BEGIN, MONTH = datetime(2026, 1, 1), 30
SIZES = (4, 3, 3)
BACK = 12
"""Looks within which the same is the same: three days, as of alerts."""
RATE = 0.5
"""False alarms a month that are accepted."""


def lived(rng: Generator, *, days: int, people: int = 300, tries: float = 0.7, bad: float = 0.06, shock: float = 0.0,
          weekday: float = 0.0, tails: bool = False, rollout: bool = False):  # fmt: skip
    """A world in which nothing happens: quarters of days, customers, codes and whether each attempt failed."""
    temper = np.exp(rng.normal(0, 0.5, people))
    labels = np.column_stack([rng.choice(n, people, p=rng.dirichlet(np.full(n, 3.0))) for n in SIZES])
    many = rng.poisson(tries * temper[:, None] * np.ones(days))
    who, day = np.nonzero(many)
    who, day = np.repeat(who, many[who, day]), np.repeat(day, many[who, day])
    codes = labels[who]
    if rollout:
        taken = rng.integers(days - MONTH - 20, days - 5, people)
        codes[:, 2] = (day >= taken[who]).astype(np.int64)
    drawn = rng.standard_t(3, days) if tails else rng.normal(size=days)
    level = bad * temper[who] * np.exp(shock * drawn[day])
    for d, n in enumerate(SIZES):
        level *= (
            np.exp(rng.normal(0, 0.3, n))[codes[:, d]] * np.exp(shock * rng.normal(size=(days, n)))[day, codes[:, d]]
        )
    level *= np.where(day % 7 == 6, np.exp(weekday), 1.0)
    quarter = 4 * day + rng.choice(4, len(day), p=(0.1, 0.4, 0.4, 0.1))
    return quarter, who, codes, rng.random(len(day)) < np.minimum(level, 0.9)


def read(world, at: int) -> Read:
    """What is known after so many quarters of a day."""
    quarter, who, codes, failed = world
    age = (at - 1 - quarter) // 4
    own = (age >= 0) & (quarter < at) & (age < HISTORY)
    met = Met(
        name="x", promise=False, needed=1.0, daily=False, customer=who[own], age=age[own], codes=codes[own],
        total=np.ones(int(own.sum())), good=1.0 - failed[own], unknown=0.0, heaviest=1.0,
    )  # fmt: skip
    labels = tuple(np.array([str(v) for v in range(int(codes[:, d].max()) + 1)], object) for d in range(codes.shape[1]))
    return Read(end=BEGIN + timedelta(hours=6 * at), dims=("a", "b", "c"), labels=labels, met=(met,), left_out=())


def alarms(world, days: int, *, every: int = 1) -> list[tuple[int, np.ndarray]]:
    """When something rang that had not rung lately, and for whom."""
    found: list[tuple[int, np.ndarray]] = []
    going: list[tuple[int, np.ndarray]] = []
    for at in range(4 * (days - MONTH), 4 * days + 1, every):
        seen = read(world, at)
        now = [s.hit for s in subsets(seen, looks(seen, lengths=(1, 7), depth=3, rate=RATE)) if not s.over]
        going = [(was, g) for was, g in going if at - was <= BACK]
        found += [(at, hit) for hit in now if not any(alike(hit, g) for _, g in going)]
        going += [(at, hit) for hit in now]
    return found


def month(rng: Generator, **world) -> float:
    """False alarms of one quiet month."""
    days = HISTORY + MONTH
    return float(len(alarms(lived(rng, days=days, **world), days)))


def found_in_time(rng: Generator) -> float:
    """Whether a subset of 24 of 300, hit on half of its attempts, rings within three days of its beginning."""
    days = HISTORY + 3
    quarter, who, codes, failed = lived(rng, days=days, bad=0.04)
    hit = who < 24
    codes[hit, 0], codes[hit, 1] = 0, 0
    codes[~hit & (codes[:, 0] == 0) & (codes[:, 1] == 0), 1] = 1
    since = 4 * (days - 3)
    failed = np.where(hit & (quarter >= since), rng.random(len(who)) < 0.5, failed)
    for at in range(since + 4, 4 * days + 1, 4):
        seen = read((quarter, who, codes, failed), at)
        told = subsets(seen, looks(seen, lengths=(1, 7), depth=3, rate=RATE))
        if any(s.where.get("a") == ("0",) and s.where.get("b") == ("0",) for s in told):
            return 1.0
    return 0.0


def begun(rng: Generator, stray: float = 0.0, slowly: bool = False) -> float:
    """Whether the interval holds the day a share rose from 3 % to 30 % among some forty a day."""
    truth, day = int(rng.integers(25, 40)), np.arange(57)
    total = rng.poisson(40, 57)
    share = 0.03 + 0.27 * np.clip((day - truth + 1) / (15 if slowly else 1), 0, 1)
    if stray:
        share = rng.beta(share / stray, (1 - share) / stray)
    found = rise(rng.binomial(total, share).astype(float), total.astype(float))
    return held(Ends(found.step, found.low, found.high), truth)


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table."""
    quiet = {"room": ROOM, "method": METHOD, "kind": "alarms", "nominal": RATE, "runs": 100, "short": 1}
    case(**quiet, truth="300 customers, 36 combinations' leaves, rates differ by customer and value")(month)
    named("quiet_month")
    case(**quiet, truth="the same, days stray by 15 %, whole and values; Sundays half as often again")(
        lambda rng: month(rng, shock=0.15, weekday=0.4)
    )
    named("quiet_month_astray")
    case(**quiet, truth="the same, everybody takes a new version within six weeks")(
        lambda rng: month(rng, rollout=True)
    )
    named("quiet_month_of_a_rollout")
    case(room=ROOM, method=FINDER, truth="24 of 300 whose attempts fail half of the time: named within three days",
         kind="finds", nominal=0.8, runs=100, short=4)(found_in_time)  # fmt: skip
    about = {"room": ROOM, "method": "change-point (Smith 1975)", "runs": 1000}
    case(**about, truth="a share rises from 3 % to 30 % of forty a day", kind="covers")(begun)
    case(**about, truth="the same, beta-binomial with correlation .05", kind="covers")(lambda rng: begun(rng, 0.05))
    named("begun_astray")
    case(**about, truth="the same share rises over 15 days", kind="breaks")(lambda rng: begun(rng, slowly=True))
    named("begun_slowly")
