"""Scores as rows: by slice, over time, as given, and what a change is made of; for a workspace and for one file."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.findings import Interval
from regard.listening import compared, verdicts
from regard.listening.rules import HIGH, LOW

if TYPE_CHECKING:
    from regard.listening.counted import Answers
    from regard.listening.rules import Rule
    from regard.statistics.changes import Decomposition
    from regard.statistics.estimates import Estimate


class ScoreRow(msgspec.Struct, frozen=True, kw_only=True):
    """The score of one slice, now and before."""

    slice: Annotated[str, Meta(description="Value of the chosen dimension; 'all' is everybody.")]
    score: Annotated[float | None, Meta(description="The score; empty where too few answered.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    n: Annotated[int, Meta(description="Answers in the period.")] = 0
    before: Annotated[float | None, Meta(description="The score in the period compared with.")] = None
    change: Annotated[float | None, Meta(description="Score now less score before.")] = None
    change_low: Annotated[float | None, Meta(description="Lower end of the change's 95 % interval.")] = None
    change_high: Annotated[float | None, Meta(description="Upper end of the change's 95 % interval.")] = None
    verdict: Annotated[str, Meta(description="better, worse, about the same, cannot tell, or nothing to compare.")] = ""
    customers: Annotated[int, Meta(description="Known customers who gave them.")] = 0
    before_n: Annotated[int, Meta(description="Answers in the period compared with.")] = 0
    q: Annotated[float | None, Meta(description="p of no change, all slices accounted for (false discovery rate).")] = (
        None
    )
    shrunk: Annotated[
        float | None,
        Meta(description="The score drawn to the mean by how little the slice tells: rank by it."),
    ] = None
    share_low: Annotated[
        float | None, Meta(description="Share of low answers: detractors, dissatisfied, low stars.")
    ] = None
    share_high: Annotated[
        float | None, Meta(description="Share of high answers: promoters, satisfied, high stars.")
    ] = None


class TrendRow(msgspec.Struct, frozen=True, kw_only=True):
    """One point of the trend."""

    since: Annotated[date, Meta(description="First day of the bucket.")]
    score: Annotated[float | None, Meta(description="The score; empty where too few answered.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    n: Annotated[int, Meta(description="Answers.")] = 0
    period: Annotated[str, Meta(description="now, before or earlier: where most of its answers belong.")] = ""


class GivenRow(msgspec.Struct, frozen=True, kw_only=True):
    """How many gave one score."""

    score: Annotated[float, Meta(description="The score as given.")]
    group: Annotated[str, Meta(description="What such an answer counts as: detractor, satisfied, low.")] = ""
    n: Annotated[int, Meta(description="Answers now.")] = 0
    share: Annotated[float, Meta(description="Share of the answers now, weighted where weights differ.")] = 0.0
    share_before: Annotated[float | None, Meta(description="Share in the period compared with.")] = None


class SplitRow(msgspec.Struct, frozen=True, kw_only=True):
    """One group's part in the change of the score."""

    group: Annotated[str, Meta(description="Value of the dimension the change is split by.")]
    share_before: Annotated[float, Meta(description="Share of the answers before that are its.")] = 0.0
    share_now: Annotated[float, Meta(description="Share of the answers now that are its.")] = 0.0
    score_before: Annotated[float | None, Meta(description="Its score before.")] = None
    score_now: Annotated[float | None, Meta(description="Its score now.")] = None
    mix: Annotated[float, Meta(description="What its changed share did to the score.")] = 0.0
    rate: Annotated[float, Meta(description="What its changed answers did to the score.")] = 0.0


def value_of(estimate: Estimate | None) -> float | None:
    """The number of an estimate, None where it was refused."""
    return None if estimate is None or estimate.refused or not np.isfinite(estimate.value) else estimate.value


def interval_of(estimate: Estimate | None) -> Interval | None:
    """The interval of an estimate, None where it was refused."""
    if estimate is None or estimate.refused or not (np.isfinite(estimate.low) and np.isfinite(estimate.high)):
        return None
    return Interval(low=estimate.low, high=estimate.high, level=estimate.level)


def finite(value: float) -> float | None:
    """A number, None where it is none."""
    return float(value) if np.isfinite(value) else None


def _shares(answers: Answers) -> tuple[float | None, float | None]:
    total = answers.weight.sum()
    if not total:
        return None, None
    return float(answers.weight[answers.group == LOW].sum() / total), float(
        answers.weight[answers.group == HIGH].sum() / total
    )


def slice_row(cut: compared.Slice, rule: Rule) -> ScoreRow:
    """One slice's score now and before; its change is told only where it stands all slices accounted for."""
    low, high = _shares(cut.now)
    verdict = verdicts.verdict(None if cut.change.refused else cut.change, rule, cut.now.scale)
    if verdict in {"better", "worse"} and np.isfinite(cut.q) and cut.q > 0.05:
        verdict = "cannot tell"
    change = cut.change if not cut.change.refused else None
    return ScoreRow(
        slice=cut.name, score=value_of(cut.score), low=finite(cut.score.low), high=finite(cut.score.high),
        n=len(cut.now), customers=cut.now.known_customers, before=value_of(cut.earlier), before_n=len(cut.before),
        change=value_of(change), change_low=change.low if change else None, change_high=change.high if change else None,
        q=finite(cut.q), verdict=verdict, shrunk=finite(cut.shrunk), share_low=low, share_high=high,
    )  # fmt: skip


def trend_row(bucket: compared.Bucket) -> TrendRow:
    """One point of the trend."""
    periods, counts = np.unique(bucket.answers.period, return_counts=True)
    return TrendRow(
        since=bucket.first, score=value_of(bucket.score), low=finite(bucket.score.low),
        high=finite(bucket.score.high), n=len(bucket.answers), period=str(periods[counts.argmax()]),
    )  # fmt: skip


def given_rows(now: Answers, before: Answers) -> tuple[GivenRow, ...]:
    """How many gave which score; none where the scores are of many points."""
    points = np.unique(np.concatenate([now.score, before.score]))
    if len(points) > 21:
        return ()
    rows = []
    total, earlier = now.weight.sum(), before.weight.sum()
    for point in points:
        here, there = now.score == point, before.score == point
        group = now.group[here] if here.any() else before.group[there]
        rows.append(
            GivenRow(
                score=float(point),
                group=now.rule.classes[int(group[0]) + 1],
                n=int(here.sum()),
                share=float(now.weight[here].sum() / total),
                share_before=float(before.weight[there].sum() / earlier) if earlier else None,
            )
        )
    return tuple(rows)


def group_rows(parts: Decomposition | None, rule: Rule) -> tuple[SplitRow, ...]:
    """Each group's part in the change, the largest first."""
    if parts is None:
        return ()
    f = rule.factor
    rows = [
        SplitRow(
            group=g.group, share_before=g.share_before, share_now=g.share_now,
            score_before=g.mean_before * f if g.n_before else None, score_now=g.mean_now * f if g.n_now else None,
            mix=g.mix.value * f, rate=g.rate.value * f,
        )
        for g in parts.groups
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda r: -abs(r.mix + r.rate)))
