"""What was lived through before the answers of a metric: read and weighed, for drivers and what builds on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.listening.counted import texts
from regard.listening.facts import Asked, Fact, collected, floats
from regard.listening.rules import Rule, classes, rule_of
from regard.listening.weighing import LEAST_CUSTOMERS, Family, Weighed, weigh
from regard.periods import Period, zone_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.signals.ask import Ask
    from regard.signals.scope import Scope
    from regard.signals.voices import Count

MOST = 8_000
ENOUGH = 300
FOLLOWED = 365
"""Days of answers that are weighed where others build on them."""
SPREAD = 1_000_003
"""A prime: a sample is the ids whose place after stirring by it comes first, the same at every asking."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """The answers to be explained: what was said, by whom, how much it stands for, and which facts are asked of it."""

    rule: Rule
    score: NDArray[np.float64]
    weight: NDArray[np.float64]
    customer: NDArray[np.int64]
    survey: NDArray[np.str_]
    at: NDArray[np.datetime64]
    asked: Asked
    total: int
    both: bool
    by: Count = "voices"
    weightless: int = 0

    @property
    def people(self) -> int:
        """Customers who gave them, unknown ones counted one by one."""
        return len(np.unique(self.customer))

    @property
    def weighted(self) -> bool:
        """Whether answers stand for differently many."""
        return len(self.weight) > 0 and bool(np.ptp(self.weight) > 0)

    @property
    def weights(self) -> NDArray[np.float64] | None:
        """What answers stand for; None where all stand for as many."""
        return self.weight if self.weighted else None

    @property
    def known_people(self) -> int:
        """Known customers who gave them."""
        return len(np.unique(self.customer[self.asked.known]))


@dataclass(frozen=True, kw_only=True)
class Lived:
    """What was lived through before the answers of a metric, weighed, and the same before other moments.

    Attributes:
        read: The answers.
        weighed: The facts as they weigh; none where too few answered.
        bad: By name of a weighed fact, which of the other moments stand on its bad side.
    """

    read: Read
    weighed: tuple[Weighed, ...]
    bad: dict[str, NDArray[np.bool_]]


def lived_through(ask: Ask, *, metric: str, days: int, beside: pa.Table | None = None) -> Lived:
    """What was lived through before the answers of a metric, weighed: for questions that build on drivers.

    Args:
        ask: Of this room's package.
        metric: As `metric_of` names it.
        days: Days before an answer in which facts count.
        beside: Customers and moments, `customer` and `at`, that are no answers and whose facts are read along.
    """
    read = read_answers(ask, metric, "", days, beside=beside)
    if read.people < LEAST_CUSTOMERS:
        return Lived(read=read, weighed=(), bad={})
    answers, more = len(read.asked.ids), 0 if beside is None else len(beside)
    ids = np.r_[read.asked.ids, read.asked.ids.max(initial=0) + 1 + np.arange(more)]
    asked = replace(read.asked, ids=ids, known=np.r_[read.asked.known, np.ones(more, bool)], answers=answers)
    found = [f for f in collected(ask, asked) if f.family == "experience"]
    weighed = families_of(ask, read, [f.first(answers) for f in found], ("experience",))["experience"].weighed
    whole = {f.name: f for f in found}
    bad = {w.fact.name: whole[w.fact.name].side_of(w.fact)[answers:] for w in weighed}
    return Lived(read=read, weighed=weighed, bad=bad)


def families_of(ask: Ask, read: Read, facts: list[Fact], names: tuple[str, ...]) -> dict[str, Family]:
    """The facts of each family, weighed against each other."""
    return {
        family: weigh(
            [f for f in facts if f.family == family],
            read.score,
            read.customer,
            seed=ask.seed,
            weights=read.weights,
        )
        for family in names
    }


def read_answers(ask: Ask, metric: str, survey: str, days: int, *, beside: pa.Table | None = None) -> Read:
    """The answers of the period; with the period before where they are few; a fixed sample where they are very many.

    They are kept as ``picked``, which every statement of facts reads; other moments stand after them there.
    """
    scope = ask.scope
    said = ask.table("drivers.sql", metric=metric, survey=survey)
    now = texts(said, "period") == "now"
    both = int(now.sum()) < ENOUGH and scope.before_until <= scope.until
    chosen = np.ones(len(said), bool) if both else now
    total = int(chosen.sum())
    if total > MOST:
        chosen &= said.column("id").to_numpy() % SPREAD * 7919 % SPREAD < SPREAD * MOST // total
    table = said.filter(chosen)
    ids = table.column("id").to_numpy()
    ask.keep("picked", table if beside is None else _after(table, beside))
    rule, score = rule_of(metric), floats(table, "score")
    on_scale = np.isfinite(classes(rule, score, floats(table, "scale_min"), floats(table, "scale_max")))
    known = np.asarray(table.column("customer").is_valid())
    first = min(scope.before_since, scope.since) if both else scope.since
    if beside is not None and len(beside):
        first = min(first, pc.min(beside.column("at")).as_py())
    asked = Asked(ids=ids, known=known, parameters={"days": days, "first": first - timedelta(days=days)}, days=days)
    # Facts are read for every answer; those off the scale count as missing outcome and are dropped by their score.
    return Read(
        rule=rule, score=np.where(on_scale, score, np.nan), weight=floats(table, "weight"),
        customer=np.where(known, table.column("customer").fill_null(0).to_numpy(), -ids),
        survey=texts(table, "survey"), at=np.asarray(table.column("at").to_numpy(zero_copy_only=False)),
        asked=asked, total=total, both=both,
    )  # fmt: skip


def _after(table: pa.Table, beside: pa.Table) -> pa.Table:
    ids = np.arange(len(beside)) + 1 + table.column("id").to_numpy().max(initial=0)
    more = beside.append_column("id", pa.array(ids, table.schema.field("id").type))
    return pa.concat_tables([table, more], promote_options="permissive")


def year_up_to(scope: Scope) -> Scope:
    """The scope, widened to a year: what customers lived through in three months is too little to weigh."""
    if scope.period.days >= FOLLOWED:
        return msgspec.structs.replace(scope, by="")
    period = Period(scope.period.last - timedelta(days=FOLLOWED - 1), scope.period.last)
    before, zone = period.before(), zone_of(scope.zone)
    (since, until), (before_since, before_until) = period.utc(zone), before.utc(zone)
    return msgspec.structs.replace(
        scope, period=period, since=since, until=until, compared=before, before_since=before_since,
        before_until=before_until, by="",
    )  # fmt: skip


def gain_of(w: Weighed) -> tuple[float, float]:
    """Points a customer on the bad side would gain off it, and their standard error."""
    penalty, reward = w.sides.penalty, w.sides.reward
    if not penalty.refused and np.isfinite(penalty.value):
        return -penalty.value, max(penalty.error, 1e-6)
    if not reward.refused and np.isfinite(reward.value):
        return reward.value, max(reward.error, 1e-6)
    return -w.effect.value, max(w.effect.error, 1e-6)
