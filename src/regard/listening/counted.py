"""Answers that count by a metric's rule, as arrays; which metric is asked for; the score of some and a change of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from regard.errors import Refusal, UnknownName
from regard.listening.reach import reaching
from regard.listening.rules import Rule, classes, rule_of, values
from regard.signals.voices import Count, weighing
from regard.statistics.estimates import LEVEL
from regard.statistics.proportions import difference, linked_difference, mean, net_mean, share
from regard.wording import count

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa
    from numpy.typing import NDArray

    from regard.signals.ask import Ask
    from regard.statistics.estimates import Estimate

LEAST = 10
"""Answers below which no share or mean is told: at ten its interval still holds 95 % (docs/listening/scores.md)."""
LEAST_NET = 5
"""Answers below which no net share is told: its interval holds from five on."""
LEAST_CUSTOMERS = 5


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Answers that count, one entry each.

    Attributes:
        rule: The metric's rule.
        score: As given.
        value: What it adds to the mean: see rules.values.
        group: -1 low, 0 middle, 1 high.
        weight: How many it stands for.
        customer: Who gave it; answers of nobody known have numbers of their own.
        known: Whether who gave it is known: numbers of customers have any sign, so they do not tell.
        period: now, before, earlier or later.
        slice: Value of the chosen dimension.
        slices: Values of each further dimension asked for, shape (answers, dimensions).
        survey: Which survey.
        day: Local day, as days since 1970.
        week: First day of its week.
        month: First day of its month.
        scale: Lowest and highest possible score.
        fitted: What the cells of the weights say of each value, where weights were made to stand for the base.
        left_out: Scores that could not be counted, all periods.
    """

    rule: Rule
    score: NDArray[np.float64]
    value: NDArray[np.float64]
    group: NDArray[np.float64]
    weight: NDArray[np.float64]
    customer: NDArray[np.int64]
    known: NDArray[np.bool_]
    period: NDArray[np.str_]
    slice: NDArray[np.str_]
    slices: NDArray[np.str_]
    survey: NDArray[np.str_]
    day: NDArray[np.int64]
    week: NDArray[np.int64]
    month: NDArray[np.int64]
    scale: tuple[float, float]
    fitted: NDArray[np.float64] | None = None
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.value)

    @cached_property
    def customers(self) -> int:
        """Distinct givers: customers, and every answer of nobody known as one of its own."""
        return len(np.unique(self.customer))

    @cached_property
    def known_customers(self) -> int:
        """Distinct customers whose name the log knows."""
        return len(np.unique(self.customer[self.known]))

    @cached_property
    def weighted(self) -> bool:
        """Whether weights differ."""
        return len(self) > 0 and bool(np.ptp(self.weight) > 0)

    def at(self, mask: NDArray[np.bool_]) -> Answers:
        """The answers at a mask."""
        names = (
            "score",
            "value",
            "group",
            "weight",
            "customer",
            "known",
            "period",
            "slice",
            "slices",
            "survey",
            "day",
            "week",
            "month",
        )
        fitted = None if self.fitted is None else self.fitted[mask]
        kept = {name: getattr(self, name)[mask] for name in names}
        return Answers(rule=self.rule, scale=self.scale, fitted=fitted, **kept)

    def of(self, period: str) -> Answers:
        """The answers of a period: now or before."""
        return self.at(self.period == period)


def metric_of(ask: Ask, metric: str, survey: str, part: str = "") -> str:
    """The metric asked for: the one named, else the declared one, else the one with most answers in the period.

    Raises:
        UnknownName: Nobody ever answered the metric or survey named.
        Refusal: There are no scores at all.
    """
    rows = reaching(ask, "answer", "review", by=False).rows("scores_metrics.sql")
    if not rows:
        raise Refusal(
            "No customer has given a score yet.",
            hint="Import a survey or reviews with a score column: regard import FILE.",
        )
    if part and part not in {r["part"] for r in rows}:
        raise UnknownName("part", part, {r["part"] for r in rows if r["part"]}, where="part")
    found = [r for r in rows if r["part"] == part]
    if survey and survey not in {r["survey"] for r in found}:
        raise UnknownName("survey", survey, {r["survey"] for r in found if r["survey"]}, where="survey")
    found = [r for r in found if not survey or r["survey"] == survey]
    known = {r["metric"] for r in found}
    if metric:
        if metric.lower() not in known:
            raise UnknownName("metric", metric, known, where="metric")
        return metric.lower()
    totals: dict[str, tuple[int, int]] = {}
    for row in found:
        now, ever = totals.get(row["metric"], (0, 0))
        totals[row["metric"]] = (now + row["now"], ever + row["ever"])
    declared = ask.declarations.metric.lower()
    if declared in totals:
        return declared
    if not totals:
        raise Refusal("Only parts of the experience were scored, never the whole.", hint="Name one with --part.")
    return max(totals, key=lambda name: totals[name])


def read(ask: Ask, *, metric: str, survey: str = "", part: str = "", first: datetime | None = None) -> Answers:
    """The scores of a metric from an instant on that count by its rule.

    Args:
        ask: What may be looked at; its grouping becomes `slice`, what it is also cut by `slices`.
        metric: Name of the metric.
        survey: One survey only; empty takes all.
        part: The part of the experience; empty is the whole.
        first: Instant of the first answer; None takes the beginning of the period before.
    """
    first = first or min(ask.scope.before_since, ask.scope.since)
    table = ask.table("scores.sql", metric=metric, survey=survey, part=part, first=first)
    rule = rule_of(metric)
    score, low, high = (_floats(table, name) for name in ("score", "scale_min", "scale_max"))
    low, high, scale = _scales(rule, low, high)
    group = classes(rule, score, low, high)
    keep = np.isfinite(group) & (low == scale[0]) & (high == scale[1]) if rule.kind == "mean" else np.isfinite(group)
    if rule.kind == "mean" and np.isnan(scale[0]):
        keep = np.isfinite(group)
    every = Answers(
        rule=rule, score=score, value=values(rule, score, group), group=group, weight=_floats(table, "weight"),
        customer=table.column("customer").to_numpy(),
        known=table.column("known").to_numpy(zero_copy_only=False),
        period=texts(table, "period"), slice=texts(table, "slice"), slices=_slices(table, len(ask.scope.also)),
        survey=texts(table, "survey"), day=_days(table, "day"), week=_days(table, "week"),
        month=_days(table, "month"), scale=scale,
    )  # fmt: skip
    return replace(every.at(keep), left_out=int((~keep).sum()))


def by_count(ask: Ask, answers: Answers, by: Count) -> Answers:
    """The answers with weights that count voices, customers or value in each period; those that weigh nothing go.

    Raises:
        MissingDeclaration: By value, and what a customer is worth is not declared.
    """
    if by == "voices":
        return answers
    weight = weighing(
        ask, by, customer=answers.customer, weight=answers.weight, among=answers.period, known=answers.known
    )
    return replace(replace(answers, weight=weight).at(weight > 0), left_out=answers.left_out)


def _scales(
    rule: Rule, low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], tuple[float, float]]:
    """Scales with the rule's own where the log says nothing, and the scale most answers were given on."""
    low, high = np.where(np.isnan(low), rule.scale[0], low), np.where(np.isnan(high), rule.scale[1], high)
    if not len(low):
        return low, high, rule.scale
    pairs, counts = np.unique(np.stack([low, high], axis=1), axis=0, return_counts=True)
    most = pairs[int(counts.argmax())]
    return low, high, (float(most[0]), float(most[1]))


def _floats(table: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(table.column(name).to_numpy(zero_copy_only=False), dtype=np.float64)


def _days(table: pa.Table, name: str) -> NDArray[np.int64]:
    return np.asarray(table.column(name).to_numpy(zero_copy_only=False)).astype("datetime64[D]").astype(np.int64)


def texts(table: pa.Table, name: str) -> NDArray[Any]:
    """A column of texts by way of its dictionary: a few distinct values in many rows; null is empty."""
    column = table.column(name).fill_null("").combine_chunks().dictionary_encode()
    pool = np.asarray(column.dictionary.to_pylist() or [""], dtype=str)
    found: NDArray[Any] = pool[np.asarray(column.indices)]
    return found


def _slices(table: pa.Table, number: int) -> NDArray[Any]:
    return np.asarray(table.column("slices").combine_chunks().flatten(), dtype=str).reshape(len(table), number)


def enough(answers: Answers) -> str:
    """Why these are too few to tell a score; empty when they are enough."""
    least = LEAST_NET if answers.rule.kind == "net" else LEAST
    if len(answers) < least:
        return f"only {count(len(answers), 'answer')}; at least {least} are needed"
    if answers.customers < LEAST_CUSTOMERS:
        return f"only {count(answers.customers, 'customer')} answered; at least {LEAST_CUSTOMERS} are needed"
    return ""


def score_of(answers: Answers, *, weighted: bool = True, level: float = LEVEL) -> Estimate:
    """The score with its interval in people's units: net by Tango, share by Wilson, mean by t; by customer."""
    method = {"net": net_mean, "share": share, "mean": mean}[answers.rule.kind]
    repeated = answers.customers < len(answers)
    found = method(
        answers.value,
        clusters=answers.customer if repeated else None,
        weights=answers.weight if weighted and answers.weighted else None,
        fitted=answers.fitted if weighted and answers.weighted else None,
        least=min(LEAST_CUSTOMERS, len(answers)),
        level=level,
    )
    return found.times(answers.rule.factor)


def change_of(now: Answers, before: Answers) -> Estimate:
    """The change of the score between two periods; customers who answered in both count as dependent."""
    shared = np.intersect1d(now.customer, before.customer)
    apart = difference(score_of(now), score_of(before))
    if not len(shared):
        return apart
    linked = linked_difference(
        now.value, now.customer, before.value, before.customer,
        now_weights=now.weight, before_weights=before.weight, least=LEAST_CUSTOMERS,
    ).times(now.rule.factor)  # fmt: skip
    # Answers that are all alike leave no spread to estimate from; the adjusted estimates do not trust that.
    return linked if not linked.refused and linked.error > 0 else apart
