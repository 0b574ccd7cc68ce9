"""Scores: NPS, CSAT, CES, stars or one's own, with interval and change, and what the change is made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.errors import BadInput
from regard.figures.bars import GroupBar, group_bars
from regard.figures.line import Point, banded_line
from regard.findings import Caution, Finding, Interval
from regard.listening import compared, standing, verdicts
from regard.listening.counted import by_count, change_of, enough, metric_of, read, score_of
from regard.listening.reach import reaching
from regard.listening.rules import rule_of
from regard.listening.tabled import (
    GivenRow,
    ScoreRow,
    SplitRow,
    TrendRow,
    given_rows,
    group_rows,
    interval_of,
    slice_row,
    trend_row,
    value_of,
)
from regard.listening.verdicts import Reading
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.voices import Count, cautions
from regard.signals.voices import told as counted_as
from regard.statistics.estimates import refusal
from regard.statistics.proportions import same_customers
from regard.wording import count

if TYPE_CHECKING:
    from regard.figures.figure import Figure
    from regard.listening.counted import Answers


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
    counted_by: Annotated[str, Meta(description="What weighs: voices, customers or value.")] = "voices"
    weighted_to: Annotated[str, Meta(description="Dimensions whose shares in the base the answers stand for.")] = ""
    design_effect: Annotated[float | None, Meta(description="Kish's design effect of these weights, 1 + cv².")] = None
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
    weights: Annotated[
        str,
        Meta(description="Dimensions whose shares in the base the answers are weighted to, such as plan,region."),
    ] = "",
    count: Annotated[
        Count, Meta(description="What weighs: voices (answers), customers (each once), or value (their worth).")
    ] = "voices",
) -> Scores:
    """How do customers score us, and has it changed?"""
    name, to = metric_of(ask, metric, survey, part), standing.dimensions(ask, weights)
    shown, first = compared.window(ask)
    also = tuple(dict.fromkeys((*compared.also(ask), *(d for d in to if d != ask.scope.by))))
    ask = replace(ask, scope=msgspec.structs.replace(ask.scope, also=also))
    if to and count == "value":
        raise BadInput("Answers are weighted to the base or counted by value, not both.", where="count, weights")
    given = read(ask, metric=name, survey=survey, part=part, first=first)
    answers = by_count(ask, given, count)
    made = standing.stand(answers, standing.base(ask, answers, to)) if to else None
    answers = made.answers if made else answers
    now = answers.of("now")
    why = enough(now)
    if why:
        return _too_few(ask, answers, why)
    reading = _reading(ask, answers, count)
    told = _told(reading)
    grain, buckets = compared.trend(answers, shown)
    cut = compared.slices(answers) if ask.scope.by else []
    asked = _asked(ask, survey)
    finding = msgspec.structs.replace(
        told,
        grain=grain,
        trend=tuple(trend_row(b) for b in buckets),
        rows=(_total_row(reading), *(slice_row(s, reading.rule) for s in cut)),
        given=given_rows(now, reading.before),
        surveys=_surveys(now),
        asked=asked[0],
        answered=asked[1],
        cautions=(
            *_counted(given, now, count, reading),
            *verdicts.cautions(reading, answers, cut, counted=count),
            *(made.cautions if made else ()),
        ),
        counted_by=count,
        weighted_to=", ".join(to),
        design_effect=made.weights.effect if made else None,
    )
    return msgspec.structs.replace(finding, answer=verdicts.sentence(reading), facts=verdicts.facts(reading, finding))


def _counted(given: Answers, now: Answers, by: Count, reading: Reading) -> tuple[Caution, ...]:
    every = len(given.of("now"))
    return cautions(by, reading.words, rows=every, weightless=every - len(now), what="answer")


def _reading(ask: Ask, answers: Answers, by: Count) -> Reading:
    now, before = answers.of("now"), answers.of("before")
    change = None if enough(before) else change_of(now, before)
    split_by, decomposition, tried = compared.split(ask, answers)
    same = same_customers(now.value, now.customer, before.value, before.customer, least=10)
    return Reading(
        ask=ask, rule=answers.rule, now=now, before=before, score=score_of(now), change=change,
        same=same.times(answers.rule.factor), verdict=verdicts.verdict(change, answers.rule, answers.scale),
        split_by=split_by, tried=tried, decomposition=decomposition, by=by,
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
        score=score.value, interval=interval_of(score), n=len(reading.now), effective=score.effective,
        unweighted=value_of(plain), unweighted_interval=interval_of(plain),
        before=value_of(before), before_interval=interval_of(before),
        change=value_of(change), change_interval=interval_of(change), verdict=reading.verdict,
        split_by=reading.split_by, mix=value_of(mix), mix_interval=interval_of(mix),
        rate=value_of(rate), rate_interval=interval_of(rate),
        groups=group_rows(parts, rule),
        twice=len(np.intersect1d(reading.now.customer, reading.before.customer)),
        same_change=value_of(reading.same), same_interval=interval_of(reading.same),
        evidence=reading.ask.evidence(
            n=len(reading.now), customers=customers, kind="estimated", method=_method(reading),
            complete=f"{count(reading.now.left_out, 'score')} off the scale left out" if reading.now.left_out else "",
        ),
    )  # fmt: skip


def _method(reading: Reading) -> str:
    parts = [f"Interval: {reading.score.method}, 95 %"]
    if reading.now.customers < len(reading.now):
        parts.append("answers of one customer counted as dependent")
    if reading.by != "voices":
        parts.append(counted_as(reading.by, reading.words))
    elif reading.now.weighted:
        parts.append("weighted")
    if reading.decomposition is not None:
        parts.append("change split by Kitagawa (1955)")
    return "; ".join(parts) + "."


def _total_row(reading: Reading) -> ScoreRow:
    cut = compared.Slice(
        name="all", now=reading.now, before=reading.before, score=reading.score, earlier=compared.told(reading.before),
        change=reading.change or refusal("nothing to compare", n=0), q=np.nan, shrunk=np.nan,
    )  # fmt: skip
    return msgspec.structs.replace(slice_row(cut, reading.rule), verdict=reading.verdict)


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
