"""Scores: NPS, CSAT, CES, stars or one's own, with interval and change, and what the change is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.figures.bars import GroupBar, group_bars
from regard.figures.line import Point, banded_line
from regard.findings import Finding, Interval
from regard.listening import compared, verdicts
from regard.listening.counted import change_of, enough, metric_of, read, score_of
from regard.listening.reach import reaching
from regard.listening.rules import HIGH, LOW, rule_of
from regard.listening.verdicts import Reading
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.estimates import Estimate, refusal
from regard.statistics.proportions import same_customers
from regard.wording import count

if TYPE_CHECKING:
    from regard.figures.figure import Figure
    from regard.listening.counted import Answers
    from regard.listening.rules import Rule
    from regard.statistics.changes import Decomposition


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


class SurveyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A survey whose answers are counted."""

    survey: Annotated[str, Meta(description="Its name; 'reviews' are public reviews.")]
    n: Annotated[int, Meta(description="Answers now.")] = 0


class Scores(Finding, frozen=True, kw_only=True):
    """How customers score the company, and whether it has changed."""

    metric: Annotated[str, Meta(description="nps, csat, ces, stars or the company's own.")] = ""
    name: Annotated[str, Meta(description="What people call the metric.")] = ""
    rule: Annotated[str, Meta(description="How it is counted.")] = ""
    unit: Annotated[str, Meta(description="points (of a hundred), percent, or points of the scale.")] = ""
    score: Annotated[float | None, Meta(description="The score in the period.")] = None
    interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    unweighted: Annotated[
        float | None, Meta(description="The score with every answer counted once, where weights differ.")
    ] = None
    unweighted_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    n: Annotated[int, Meta(description="Answers in the period.")] = 0
    effective: Annotated[
        float | None, Meta(description="Independent, unweighted answers that would be as precise.")
    ] = None
    before: Annotated[float | None, Meta(description="The score in the period compared with.")] = None
    before_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    change: Annotated[float | None, Meta(description="Score now less score before.")] = None
    change_interval: Annotated[
        Interval | None, Meta(description="Its interval, of the adjusted difference where samples are small.")
    ] = None
    verdict: Annotated[str, Meta(description="better, worse, about the same, cannot tell, or nothing to compare.")] = ""
    split_by: Annotated[str, Meta(description="The dimension the change is split by.")] = ""
    mix: Annotated[float | None, Meta(description="Part of the change that comes from who answered.")] = None
    mix_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    rate: Annotated[float | None, Meta(description="Part of the change that comes from what they answered.")] = None
    rate_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    twice: Annotated[int, Meta(description="Customers who answered in both periods.")] = 0
    same_change: Annotated[float | None, Meta(description="How far they moved on average.")] = None
    same_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    asked: Annotated[int | None, Meta(description="Customers a survey was sent to, where messages tell.")] = None
    answered: Annotated[int | None, Meta(description="Of those asked, customers who answered since.")] = None
    grain: Annotated[str, Meta(description="day, week, month or quarter: the trend's buckets.")] = ""
    rows: Annotated[tuple[ScoreRow, ...], Meta(description="The score of everybody and of each slice.")] = ()
    trend: Annotated[tuple[TrendRow, ...], Meta(description="The score over time.")] = ()
    given: Annotated[tuple[GivenRow, ...], Meta(description="How many gave which score.")] = ()
    groups: Annotated[tuple[SplitRow, ...], Meta(description="Who answered and what they answered, by group.")] = ()
    surveys: Annotated[tuple[SurveyRow, ...], Meta(description="The surveys counted.")] = ()


@question(title="Scores", needs=("answer|review",))
def scores(
    *,
    ask: Ask,
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or your own; default the declared one.")] = "",
    survey: Annotated[str, Meta(description="One survey only; default every survey with this metric.")] = "",
    part: Annotated[str, Meta(description="The part of the experience rated; default the whole.")] = "",
) -> Scores:
    """How do customers score us, and has it changed?"""
    name = metric_of(ask, metric, survey, part)
    shown, first = compared.window(ask)
    ask = replace(ask, scope=msgspec.structs.replace(ask.scope, also=compared.also(ask)))
    answers = read(ask, metric=name, survey=survey, part=part, first=first)
    now = answers.of("now")
    why = enough(now)
    if why:
        return _too_few(ask, answers, why)
    reading = _reading(ask, answers)
    told = _told(reading)
    grain, buckets = compared.trend(answers, shown)
    cut = compared.slices(answers) if ask.scope.by else []
    asked = _asked(ask, survey)
    finding = msgspec.structs.replace(
        told,
        grain=grain,
        trend=tuple(_trend_row(b) for b in buckets),
        rows=(_total_row(reading), *(_slice_row(s, reading) for s in cut)),
        given=_given(now, reading.before),
        surveys=_surveys(now),
        asked=asked[0],
        answered=asked[1],
        cautions=verdicts.cautions(reading, answers, cut),
    )
    return msgspec.structs.replace(finding, answer=verdicts.sentence(reading), facts=verdicts.facts(reading, finding))


def _reading(ask: Ask, answers: Answers) -> Reading:
    now, before = answers.of("now"), answers.of("before")
    change = None if enough(before) else change_of(now, before)
    split_by, decomposition, tried = compared.split(ask, answers)
    same = same_customers(now.value, now.customer, before.value, before.customer, least=10)
    return Reading(
        ask=ask, rule=answers.rule, now=now, before=before, score=score_of(now), change=change,
        same=same.times(answers.rule.factor), verdict=verdicts.verdict(change, answers.rule, answers.scale),
        split_by=split_by, tried=tried, decomposition=decomposition,
    )  # fmt: skip


def _told(reading: Reading) -> Scores:
    """The finding's numbers; sentences and tables come after."""
    rule, score, change, parts = reading.rule, reading.score, reading.change, reading.decomposition
    plain = score_of(reading.now, weighted=False) if reading.now.weighted else None
    before = None if change is None else score_of(reading.before)
    mix = None if parts is None or parts.mix.refused else parts.mix.times(rule.factor)
    rate = None if parts is None or parts.rate.refused else parts.rate.times(rule.factor)
    customers = reading.now.known_customers
    return Scores(
        answer="", metric=rule.metric, name=rule.name, rule=rule.text, unit=rule.unit,
        score=score.value, interval=_interval(score), n=len(reading.now), effective=score.effective,
        unweighted=_value(plain), unweighted_interval=_interval(plain),
        before=_value(before), before_interval=_interval(before),
        change=_value(change), change_interval=_interval(change), verdict=reading.verdict,
        split_by=reading.split_by, mix=_value(mix), mix_interval=_interval(mix),
        rate=_value(rate), rate_interval=_interval(rate),
        groups=_groups(parts, rule),
        twice=len(np.intersect1d(reading.now.customer, reading.before.customer)),
        same_change=_value(reading.same), same_interval=_interval(reading.same),
        evidence=reading.ask.evidence(
            n=len(reading.now), customers=customers, kind="estimated", method=_method(reading),
            complete=f"{count(reading.now.left_out, 'score')} off the scale left out" if reading.now.left_out else "",
        ),
    )  # fmt: skip


def _method(reading: Reading) -> str:
    parts = [f"Interval: {reading.score.method}, 95 %"]
    if reading.now.customers < len(reading.now):
        parts.append("answers of one customer counted as dependent")
    if reading.now.weighted:
        parts.append("weighted")
    if reading.decomposition is not None:
        parts.append("change split by Kitagawa (1955)")
    return "; ".join(parts) + "."


def _value(estimate: Estimate | None) -> float | None:
    return None if estimate is None or estimate.refused or not np.isfinite(estimate.value) else estimate.value


def _interval(estimate: Estimate | None) -> Interval | None:
    if estimate is None or estimate.refused or not (np.isfinite(estimate.low) and np.isfinite(estimate.high)):
        return None
    return Interval(low=estimate.low, high=estimate.high, level=estimate.level)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _shares(answers: Answers) -> tuple[float | None, float | None]:
    total = answers.weight.sum()
    if not total:
        return None, None
    return float(answers.weight[answers.group == LOW].sum() / total), float(
        answers.weight[answers.group == HIGH].sum() / total
    )


def _total_row(reading: Reading) -> ScoreRow:
    cut = compared.Slice(
        name="all", now=reading.now, before=reading.before, score=reading.score, earlier=compared.told(reading.before),
        change=reading.change or refusal("nothing to compare", n=0), q=np.nan, shrunk=np.nan,
    )  # fmt: skip
    return msgspec.structs.replace(_slice_row(cut, reading), verdict=reading.verdict)


def _slice_row(cut: compared.Slice, reading: Reading) -> ScoreRow:
    low, high = _shares(cut.now)
    verdict = verdicts.verdict(None if cut.change.refused else cut.change, reading.rule, reading.now.scale)
    if verdict in {"better", "worse"} and np.isfinite(cut.q) and cut.q > 0.05:
        verdict = "cannot tell"
    change = cut.change if not cut.change.refused else None
    return ScoreRow(
        slice=cut.name, score=_value(cut.score), low=_finite(cut.score.low), high=_finite(cut.score.high),
        n=len(cut.now), customers=cut.now.known_customers, before=_value(cut.earlier), before_n=len(cut.before),
        change=_value(change), change_low=change.low if change else None, change_high=change.high if change else None,
        q=_finite(cut.q), verdict=verdict, shrunk=_finite(cut.shrunk), share_low=low, share_high=high,
    )  # fmt: skip


def _trend_row(bucket: compared.Bucket) -> TrendRow:
    periods, counts = np.unique(bucket.answers.period, return_counts=True)
    return TrendRow(
        since=bucket.first, score=_value(bucket.score), low=_finite(bucket.score.low),
        high=_finite(bucket.score.high), n=len(bucket.answers), period=str(periods[counts.argmax()]),
    )  # fmt: skip


def _given(now: Answers, before: Answers) -> tuple[GivenRow, ...]:
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


def _groups(parts: Decomposition | None, rule: Rule) -> tuple[SplitRow, ...]:
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


def _surveys(now: Answers) -> tuple[SurveyRow, ...]:
    names, counts = np.unique(now.survey, return_counts=True)
    rows = [SurveyRow(survey=str(n), n=int(c)) for n, c in zip(names, counts, strict=True)]
    return tuple(sorted(rows, key=lambda r: -r.n))


def _asked(ask: Ask, survey: str) -> tuple[int | None, int | None]:
    if not ask.count("message") or not ask.count("answer"):
        return None, None
    row = reaching(ask, "answer", by=False).rows("scores_asked.sql", survey=survey)[0]
    return (row["asked"], row["answered"]) if row["asked"] else (None, None)


def _too_few(ask: Ask, answers: Answers, why: str) -> Scores:
    """The refusal: no number, what there is, and what to do."""
    rule, now = answers.rule, answers.of("now")
    scope = ask.scope
    when = wording.period(scope.since, scope.until, scope.zone)
    text = f"Too few answers to tell a score for {when}: {why}."
    if answers.left_out and not len(now):
        text = f"No answer in {when} can be counted as {rule.name}: {rule.text}"
    near = len(answers) >= 10
    step = (
        "Widen the period, such as --period 1y, or take a filter away."
        if near
        else "Ask more customers, or import their answers: regard import FILE."
    )
    return Scores(
        answer=text, refused=text, next_step=step, metric=rule.metric, name=rule.name, rule=rule.text, unit=rule.unit,
        n=len(now), surveys=_surveys(now), verdict="nothing to compare",
        evidence=ask.evidence(n=len(now), customers=now.known_customers, kind="refused"),
    )  # fmt: skip


def figure(finding: Scores) -> Figure | None:
    """The score over time with its band; by slice with intervals where a grouping was chosen."""
    write = rule_of(finding.metric).write
    cut = [r for r in finding.rows[1:] if r.score is not None]
    if finding.refused or finding.score is None:
        return None
    if cut:
        bars = [
            GroupBar(label=r.slice, value=r.score, low=r.low, high=r.high, note=count(r.n, "answer"))
            for r in sorted(cut, key=lambda r: -(r.score or 0.0))[:24]
        ]
        return group_bars(bars, title=finding.answer, reference=finding.score, reference_text="all", write=write)
    points = [Point(label=_label(t.since, finding.grain), value=t.score, low=t.low, high=t.high) for t in finding.trend]
    if sum(p.value is not None for p in points) < 2:
        return None
    alt = f"{finding.name} by {finding.grain} with its 95 % interval"
    return banded_line(points, title=finding.answer, alt=alt, write=write, write_axis=write)


def _label(day: date, grain: str) -> str:
    if grain in {"day", "week"}:
        return wording.day(day).rsplit(" ", 1)[0]
    if grain == "quarter":
        return f"Q{(day.month + 2) // 3} {day.year}"
    return wording.month(day, year=day.month == 1)
