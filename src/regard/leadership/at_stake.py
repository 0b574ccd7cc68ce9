"""What each driver of the score holds at stake: value a year that better experience would keep, customers counted once.

Three estimates make it, each drawn with its doubt: what a driver costs in points of the score (drivers, shrunk, since
the largest of several noisy ones was partly lucky); how much sooner customers a point less satisfied are lost (rate by
score in the log, corrected for how little one score says, by answers of the same customer soon after each other); and
how much of the base's value stands on its bad side (the customers who answered, one voice each, redrawn). What a
customer on the bad side of several drivers would take along is split among them, never counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from regard.customers.movements import movements
from regard.errors import Refusal
from regard.listening.counted import metric_of
from regard.listening.drivers import lived_through
from regard.periods import Period, midnight, zone_of
from regard.statistics.exposure import RateModel, rate_by, reliability
from regard.statistics.ranges import normal, shrunk, uniforms
from regard.wording import count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.customers.movements import Movements
    from regard.listening.drivers import Read
    from regard.listening.weighing import Weighed
    from regard.signals.ask import Ask
    from regard.signals.scope import Scope
    from regard.statistics.estimates import Estimate

    Floats = NDArray[np.float64]

DRAWS = 1000
YEAR = 365.25
FOLLOWED = 365
"""Days of answers that are weighed."""
NEAR = 45
"""Days within which two answers of one customer speak of the same satisfaction."""
SOME = 0.1
"""The least of a score's variance that is taken for satisfaction: a correction by more would be a guess."""


@dataclass(frozen=True, kw_only=True)
class Stake:
    """One driver.

    Attributes:
        weighed: The driver as listening weighs it.
        gain: Points of the score a customer would gain off its bad side, in draws.
        part: Part of the chance to be lost that this takes away, in draws.
        value: What the base would keep a year without it, in draws.
        bad: Who of the voices stands on its bad side.
    """

    weighed: Weighed
    gain: Floats
    part: Floats
    value: Floats
    bad: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Stakes:
    """All drivers, and the customers they share.

    Attributes:
        metric: The metric whose drivers they are.
        read: The answers.
        stakes: The drivers that could be weighed.
        losing: Rate of loss a year by score.
        alike: Correlation of two answers of one customer soon after each other: how much of a score is satisfaction.
        lost: Value expected to be lost a year as things are, in draws.
        voices: Customers of the base who answered, one row each: their share of the base's value, in draws.
        base: Value of the base, and how many customers it has.
        doubt: The draws of what all drivers share: how loss goes with the score.
    """

    metric: str
    read: Read
    stakes: tuple[Stake, ...]
    losing: RateModel
    alike: Estimate
    lost: Floats
    voices: Floats
    base: tuple[float, int]
    doubt: Floats

    def pots(self, among: tuple[int, ...]) -> Floats:
        """Value a year that ending each of these drivers would keep, customers on several bad sides counted once.

        Ending all keeps 1 - Π(1 - part) of what such a customer is expected to take along; each driver gets its part of
        that by its logarithm, so that the pots add up to the union and not beyond.

        Args:
            among: Positions of the drivers.

        Returns:
            Shape (draws, drivers).
        """
        found = np.zeros((len(self.voices), len(among)))
        under = np.column_stack([self.stakes[i].bad for i in among])
        for kind in np.unique(under, axis=0):
            if kind.any():
                held = self.voices[:, (under == kind).all(axis=1)].sum(axis=1)
                logs = np.column_stack([np.log1p(-self.stakes[i].part) * on for i, on in zip(among, kind, strict=True)])
                total = logs.sum(axis=1)
                small = np.abs(total) < 1e-9
                factor = np.where(small, -1.0, -np.expm1(total) / np.where(small, 1.0, total))
                found += (held * factor)[:, None] * logs
        return found


def stakes(ask: Ask, *, metric: str, days: int) -> Stakes:
    """Read and draw everything.

    Raises:
        Refusal: Too few answers, losses or drivers, with what to do.
        MissingDeclaration: Value or loss is not declared.
    """
    ask.need("value.kind", "it says what a customer is worth.")
    ask.need("base.lost", "it says when a customer is lost.")
    heard = replace(ask, package="regard.listening", scope=_year(ask))
    name = metric_of(heard, metric, "")
    read, drivers = lived_through(heard, metric=name, days=days)
    people = ask.declarations.called
    if not drivers:
        raise Refusal(
            f"What drives the score cannot be told: {count(read.people, people)} answered in the year up to the end.",
            hint="Import more answers, and what customers lived through before them.",
        )
    base = movements(replace(ask, package="regard.customers", scope=_ever(ask)))
    losing, alike = _losing(ask, name, base, days)
    if losing.refused:
        raise Refusal(
            f"How losses go with the score cannot be told: {losing.refused}.",
            hint="Import older answers and the ends of contracts, or take a filter away.",
        )
    return _drawn(ask, name, read, drivers, losing=losing, alike=alike, base=base)


def _year(ask: Ask) -> Scope:
    """The scope, widened to a year: what customers lived through in three months is too little to weigh."""
    scope = ask.scope
    if scope.period.days >= FOLLOWED:
        return msgspec.structs.replace(scope, by="")
    period = Period(scope.period.last - timedelta(days=FOLLOWED - 1), scope.period.last)
    before, zone = period.before(), zone_of(scope.zone)
    (since, until), (before_since, before_until) = period.utc(zone), before.utc(zone)
    return msgspec.structs.replace(
        scope, period=period, since=since, until=until, compared=before, before_since=before_since,
        before_until=before_until, by="",
    )  # fmt: skip


def _ever(ask: Ask) -> Scope:
    scope = ask.scope
    early = Period(scope.period.first.replace(year=scope.period.first.year - 5, day=1), scope.period.last)
    return msgspec.structs.replace(
        scope, period=early, since=midnight(early.first, zone_of(scope.zone)), by="",
    )  # fmt: skip


def _losing(ask: Ask, metric: str, base: Movements, days: int) -> tuple[RateModel, Estimate]:
    """Loss a year by score, and how much two answers soon after each other agree.

    Each answer is followed for as long as facts count, to the next answer, to a loss, or to the end of the log.
    """
    table = ask.table("priorities_answers.sql", metric=metric)
    who = table.column("customer").to_numpy()
    at = table.column("at").to_numpy().astype("datetime64[us]")
    score = np.asarray(table.column("score").to_numpy(), np.float64)
    if not len(who):
        return rate_by([], [], [], []), reliability([], [], mean=0.0, variance=0.0)
    left = dict(zip(base.column("customer").tolist(), base.column("left_at").astype("datetime64[us]"), strict=True))
    nat = np.datetime64("NaT", "us")
    gone = np.array([left.get(int(c), nat) for c in who])
    end = np.datetime64(ask.scope.until, "us")
    until = np.minimum(at + np.timedelta64(days, "D"), end)
    same = np.append(who[1:] == who[:-1], False)
    following = np.append(at[1:], end)
    until = np.where(same, np.minimum(until, following), until)
    lost = ~np.isnat(gone) & (gone >= at) & (gone <= until)
    member = np.isin(who, base.column("customer")) & (np.isnat(gone) | (gone >= at))
    stop = np.where(lost, gone, until)
    years = (stop - at) / np.timedelta64(1, "D") / YEAR
    soon = (who[1:] == who[:-1]) & (at[1:] - at[:-1] <= np.timedelta64(NEAR, "D"))
    alike = reliability(score[:-1][soon], score[1:][soon], mean=float(score.mean()), variance=float(score.var()))
    return rate_by(lost[member], np.maximum(years[member], 1 / YEAR), score[member], who[member]), alike


def _drawn(
    ask: Ask,
    metric: str,
    read: Read,
    drivers: tuple[Weighed, ...],
    *,
    losing: RateModel,
    alike: Estimate,
    base: Movements,
) -> Stakes:
    rng = np.random.default_rng(ask.seed)
    level, slope = losing.draws(DRAWS, rng)
    voice, worth = _voices(read, base)
    score = read.score[voice]
    redrawn = rng.exponential(size=(DRAWS, len(voice)))
    held = redrawn * worth
    total = float(base.column("closing").sum())
    rate = np.exp(np.clip(level[:, None] + slope[:, None] * (score - losing.centre), -20, 3))
    voices = total * held / held.sum(axis=1, keepdims=True) * -np.expm1(-rate)
    p = uniforms(DRAWS, len(drivers), together=0.0, rng=rng)
    cleared = slope if alike.refused else slope / np.clip(rng.normal(alike.value, alike.error, DRAWS), SOME, 1.0)
    gains = shrunk(tuple(normal(*_gain(w)) for w in drivers), p, rng=rng)
    found = []
    for i, w in enumerate(drivers):
        gain = gains.values[:, i]
        part = -np.expm1(np.clip(cleared * gain, -20, 3))
        bad = w.fact.bad[voice]
        found.append(Stake(weighed=w, gain=gain, part=part, value=part * voices[:, bad].sum(axis=1), bad=bad))
    return Stakes(
        metric=metric, read=read, stakes=tuple(found), losing=losing, alike=alike, voices=voices,
        lost=voices.sum(axis=1), base=(total, int(base.column("at_closing").sum())), doubt=cleared,
    )  # fmt: skip


def _gain(w: Weighed) -> tuple[float, float]:
    """Points a customer on the bad side would gain off it, and their standard error."""
    penalty, reward = w.sides.penalty, w.sides.reward
    if not penalty.refused and np.isfinite(penalty.value):
        return -penalty.value, max(penalty.error, 1e-6)
    if not reward.refused and np.isfinite(reward.value):
        return reward.value, max(reward.error, 1e-6)
    return -w.effect.value, max(w.effect.error, 1e-6)


def _voices(read: Read, base: Movements) -> tuple[NDArray[np.int64], Floats]:
    """The latest answer of every customer who is in the base and answered, and what that customer is worth."""
    worth = dict(zip(base.column("customer").tolist(), base.column("closing").tolist(), strict=True))
    known = np.flatnonzero(read.asked.known & np.isfinite(read.score))
    last = {int(read.customer[i]): int(i) for i in known}  # answers are in the order they came in
    kept = [(i, worth[c]) for c, i in sorted(last.items()) if worth.get(c, 0.0) > 0]
    if not kept:
        raise Refusal(
            "Nobody of those who answered is still in the base with a value.",
            hint="Import contracts or orders with the same customer ids as the answers.",
        )
    places, values = zip(*kept, strict=True)
    return np.array(places, np.int64), np.array(values, np.float64)
