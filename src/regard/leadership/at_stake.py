"""What each driver holds at stake: value a year that better experience would keep, customers counted once.

What customers met is divided by who was lost after it: the one source of all money at stake (`listening/staked`). What
they did themselves, and what too few losses tell of, is weighed by way of the score instead: what a driver costs in
points (drivers, shrunk, since the largest of several noisy ones was partly lucky), and how much sooner customers a
point less satisfied are lost (rate by score in the log, corrected for how little one score says). That is the smaller
number of the two ways, and it is said which way a number came.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from regard.errors import Refusal
from regard.listening.counted import metric_of
from regard.listening.lived import Lived, gain_of, lived_through, year_up_to
from regard.listening.staked import Staked, staked
from regard.statistics.attributed import Attributed, undivided
from regard.statistics.exposure import RateModel, rate_by, reliability
from regard.statistics.ranges import normal, shrunk, uniforms
from regard.wording import count

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.signals.ask import Ask
    from regard.signals.tenures import Stays
    from regard.statistics.estimates import Estimate

    Floats = NDArray[np.float64]

DRAWS = 1000
YEAR = 365.25
NEAR = 45
"""Days within which two answers of one customer speak of the same satisfaction."""
SOME = 0.1
"""The least of a score's variance that is taken for satisfaction: a correction by more would be a guess."""


@dataclass(frozen=True, kw_only=True)
class Stake:
    """One driver.

    Attributes:
        name: Its stable name.
        title: What people call it.
        key: Whether it stands beyond chance: by losses, or by its effect on the score.
        direct: Whether losses tell of it; else it comes by way of the score.
        gain: Points of the score a customer would gain off its bad side; NaN where no answers tell.
        log: Logarithm of how much sooner customers on its bad side are lost, in draws.
        value: What the base would keep a year without it, in draws.
        concerned: Customers of the base on its bad side; by the share of those who answered, where it is not direct.
    """

    name: str
    title: str
    key: bool
    direct: bool
    gain: float
    log: Floats
    value: Floats
    concerned: float


@dataclass(frozen=True, kw_only=True)
class Stakes:
    """All drivers, and the customers they share.

    Attributes:
        metric: The metric whose drivers they are.
        lived: The answers, and what was lived through before them.
        staked: The division of what is lost.
        stakes: The drivers that could be weighed: those that losses tell of first.
        found: What each customer lost had met of them all, with the draws.
        total: Value expected to be lost a year as things are, in draws.
        losing: Rate of loss a year by score.
        alike: Correlation of two answers of one customer soon after each other: how much of a score is satisfaction.
        doubt: The draws of what drivers weighed by the score share: how loss goes with it.
    """

    metric: str
    lived: Lived
    staked: Staked
    stakes: tuple[Stake, ...]
    found: Attributed
    total: Floats
    losing: RateModel
    alike: Estimate
    doubt: Floats

    def pots(self, among: tuple[int, ...]) -> Floats:
        """Value a year that ending each of these drivers would keep, customers who met several counted once.

        Args:
            among: Positions of the drivers.

        Returns:
            Shape (draws, drivers); they add up to what ending them all would keep.
        """
        return self.total[:, None] * self.found.parts(among)

    def concerned(self, among: tuple[int, ...]) -> float:
        """Customers of the base on the bad side of any of these drivers, as far as that is known of the base."""
        facts = self.staked.facts
        direct = [facts[d].bad[self.staked.now] for d in among if self.stakes[d].direct]
        some = float(np.logical_or.reduce(direct).mean()) * self.staked.here if direct else 0.0
        return max([some, *(self.stakes[d].concerned for d in among)], default=0.0)


def stakes(ask: Ask, *, metric: str, days: int) -> Stakes:
    """Read and draw everything.

    Raises:
        Refusal: Too few answers, losses or drivers, with what to do.
        MissingDeclaration: Value or loss is not declared.
    """
    ask.need("value.kind", "it says what a customer is worth.")
    held = staked(ask, days=days)
    heard = replace(ask, package="regard.listening", scope=year_up_to(ask.scope))
    name = metric_of(heard, metric, "")
    lived = lived_through(heard, metric=name, days=days, beside=_lost(held))
    losing, alike = _losing(ask, name, held.base, days)
    if not lived.weighed and held.refused:
        raise Refusal(
            f"What drives the score cannot be told: {count(lived.read.people, ask.declarations.called)} answered in "
            f"the year up to the end; nor what goes with losses: {held.refused}.",
            hint="Import more answers, older ends of contracts, and what customers lived through before them.",
        )
    if held.refused and losing.refused:
        raise Refusal(
            f"How losses go with the score cannot be told: {losing.refused}.",
            hint="Import older answers and the ends of contracts, or take a filter away.",
        )
    if not held.total.value > 0:
        raise Refusal(
            f"What is at risk cannot be told: {held.total.refused or 'nobody in the base is worth anything'}.",
            hint="Import contracts or orders with their amounts, and the ends of those who left.",
        )
    return _drawn(ask, name, held, lived, losing=losing, alike=alike)


def _lost(held: Staked) -> pa.Table:
    """Who was lost and when they are looked at."""
    rows = held.sets.lost
    at = pa.array((held.sets.at[rows] * 86_400e6).astype(np.int64), pa.timestamp("us"))
    return pa.table({"customer": held.base.customer[held.stay[rows]], "at": at})


def _losing(ask: Ask, metric: str, base: Stays, days: int) -> tuple[RateModel, Estimate]:
    """Loss a year by score, and how much two answers soon after each other agree.

    Each answer is followed for as long as facts count, to the next answer, to a loss, or to the end of the log.
    """
    table = ask.table("priorities_answers.sql", metric=metric)
    who = table.column("customer").to_numpy()
    at = table.column("at").to_numpy().astype("datetime64[us]").astype(np.int64) / 86_400e6
    score = np.asarray(table.column("score").to_numpy(), np.float64)
    stay, there = _stay_of(base, who, at)
    if not there.any():
        return rate_by([], [], [], []), reliability([], [], mean=0.0, variance=0.0)
    gone = np.where(there, base.left[stay], np.nan)
    until = np.minimum(at + days, base.until)
    same = np.append(who[1:] == who[:-1], False)
    until = np.where(same, np.minimum(until, np.append(at[1:], base.until)), until)
    lost = gone <= until
    years = (np.where(lost, gone, until) - at) / YEAR
    soon = (who[1:] == who[:-1]) & (at[1:] - at[:-1] <= NEAR)
    alike = reliability(score[:-1][soon], score[1:][soon], mean=float(score.mean()), variance=float(score.var()))
    return rate_by(lost[there], np.maximum(years[there], 1 / YEAR), score[there], who[there]), alike


def _stay_of(base: Stays, who: NDArray[np.int64], at: Floats) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The stay each customer was in at each moment, and whether they were in one."""
    people, code = np.unique(base.customer, return_inverse=True)
    far = 1e6
    key = code.reshape(-1) * far + base.since
    order = np.argsort(key, kind="stable")
    mine = np.searchsorted(people, who).clip(0, max(len(people) - 1, 0))
    stay = order[(np.searchsorted(key[order], mine * far + at, side="right") - 1).clip(0)]
    known = (people[mine] == who) & (base.customer[stay] == who) & (base.since[stay] <= at)
    return stay, known & ~(base.left[stay] < at)


def _drawn(ask: Ask, metric: str, held: Staked, lived: Lived, *, losing: RateModel, alike: Estimate) -> Stakes:
    rng = np.random.default_rng(ask.seed)
    direct = () if held.refused else held.facts
    told = {f.name for f in direct}
    gains = shrunk(
        tuple(normal(*gain_of(w)) for w in lived.weighed), uniforms(DRAWS, len(lived.weighed), together=0.0, rng=rng),
        rng=rng,
    ).values if lived.weighed else np.zeros((DRAWS, 0))  # fmt: skip
    slope = -_cleared(losing, alike, rng)
    beyond = [i for i, w in enumerate(lived.weighed) if w.fact.name not in told] if not losing.refused else []
    logs = np.clip(slope[:, None] * gains[:, beyond], -20, 20)
    found = held.found
    if held.refused:
        rows = held.sets.lost
        worth = np.nan_to_num(held.base.value[held.stay[rows]])
        found = undivided(worth if worth.sum() > 0 else np.ones(int(rows.sum())), seed=ask.seed)
    met = [lived.bad[lived.weighed[i].fact.name] for i in beyond]
    found = found.joined(np.column_stack(met) if met else np.zeros((len(found.met), 0), bool), logs)
    total = replace(held, found=found).totals()
    kept = total[:, None] * found.parts(tuple(range(len(direct))))
    scored = {w.fact.name for w in lived.weighed if w.key}
    gained = {w.fact.name: float(gains[:, i].mean()) for i, w in enumerate(lived.weighed)}
    rows_ = [
        Stake(
            name=f.name, title=f.title, key=_stands(held, j) or f.name in scored, direct=True,
            gain=gained.get(f.name, np.nan), log=found.logs[:, j], value=kept[:, j],
            concerned=float(f.bad[held.now].mean()) * held.here,
        ) for j, f in enumerate(direct)
    ]  # fmt: skip
    for n, i in enumerate(beyond):
        w, at = lived.weighed[i], len(direct) + n
        bad = w.fact.bad[np.isfinite(lived.read.score)]
        rows_.append(Stake(
            name=w.fact.name, title=w.fact.title, key=w.key, direct=False, gain=float(gains[:, i].mean()),
            log=found.logs[:, at], value=total * found.parts((at,))[:, 0],
            concerned=float(bad.mean()) * held.here if len(bad) else 0.0,
        ))  # fmt: skip
    return Stakes(
        metric=metric, lived=lived, staked=held, stakes=tuple(rows_), found=found, total=total, losing=losing,
        alike=alike, doubt=slope,
    )  # fmt: skip


def _stands(held: Staked, place: int) -> bool:
    share = held.found.shares[place]
    return share.clear and share.value > 0


def _cleared(losing: RateModel, alike: Estimate, rng: np.random.Generator) -> Floats:
    """Change of the log rate of loss for a point of what a score stands for, in draws; nothing where it is refused."""
    if losing.refused:
        return np.zeros(DRAWS)
    slope = losing.draws(DRAWS, rng)[1]
    if alike.refused:
        return slope
    cleared: Floats = slope / np.clip(rng.normal(alike.value, alike.error, DRAWS), SOME, 1.0)
    return cleared
