"""Scores from one file: NPS, CSAT, CES, stars or one's own, with interval, change, and weights to the base."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal
from regard.figures.bars import GroupBar, group_bars
from regard.figures.line import Point, banded_line
from regard.findings import Caution, Interval
from regard.listening import compared, verdicts
from regard.listening.counted import Answers, change_of, enough, score_of
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
from regard.statistics.estimates import refusal
from regard.statistics.proportions import same_customers
from regard.statistics.weighting import tipping
from regard.trying import score_words
from regard.trying.answered import Read, read
from regard.trying.census import Weighted, weighted
from regard.trying.columns import Columns
from regard.trying.silence import silent_check
from regard.trying.trials import Trial, trial
from regard.wording import count

if TYPE_CHECKING:
    from regard.figures.figure import Figure

LOWER = (5.0, 10.0, 20.0, 40.0)
"""By how many points of a hundred the silent may lie lower, in the table that shows what that would do."""


class TippingRow(msgspec.Struct, frozen=True, kw_only=True):
    """The base's score if those who did not answer lie lower than those like them who did."""

    lower: Annotated[float, Meta(description="By how much the silent lie lower, in the score's units.")]
    score: Annotated[float, Meta(description="The score of the whole base then.")]


class ScoresTrial(Trial, frozen=True, kw_only=True):
    """How customers score the company, from one file. `rows` are the scores of everybody and of each group."""

    metric: Annotated[str, Meta(description="nps, csat, ces, stars or the company's own.")] = ""
    rule: Annotated[str, Meta(description="How it is counted.")] = ""
    unit: Annotated[str, Meta(description="points (of a hundred), percent, or points of the scale.")] = ""
    customers: Annotated[int | None, Meta(description="Known customers who answered.")] = None
    effective: Annotated[
        float | None, Meta(description="Independent, unweighted answers that would be as precise.")
    ] = None
    unweighted: Annotated[float | None, Meta(description="The score with every answer counted once.")] = None
    unweighted_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    design_effect: Annotated[float | None, Meta(description="Kish's design effect of the weights.")] = None
    since: Annotated[date | None, Meta(description="First day of what counts as now.")] = None
    against: Annotated[
        str, Meta(description="What now is compared with: the earlier half, or as many days before.")
    ] = ""
    before: Annotated[float | None, Meta(description="The score of that.")] = None
    change: Annotated[float | None, Meta(description="Score now less score before.")] = None
    change_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    verdict: Annotated[str, Meta(description="better, worse, about the same, cannot tell, or nothing to compare.")] = ""
    mix: Annotated[float | None, Meta(description="Part of the change that comes from who answered.")] = None
    mix_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    rate: Annotated[float | None, Meta(description="Part of the change that comes from what they answered.")] = None
    rate_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    twice: Annotated[int, Meta(description="Customers who answered in both.")] = 0
    same_change: Annotated[float | None, Meta(description="How far they moved on average.")] = None
    same_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    grain: Annotated[str, Meta(description="day, week, month or quarter: the trend's buckets.")] = ""
    answered: Annotated[float | None, Meta(description="Share of the base that answered, where it is counted.")] = None
    tips_at: Annotated[
        float | None, Meta(description="By how much lower the silent must lie for the base's score to fall below zero.")
    ] = None
    rows: Annotated[tuple[ScoreRow, ...], Meta(description="The score of everybody and of each group.")] = ()
    given: Annotated[tuple[GivenRow, ...], Meta(description="How many gave which score.")] = ()
    trend: Annotated[tuple[TrendRow, ...], Meta(description="The score over time.")] = ()
    groups: Annotated[tuple[SplitRow, ...], Meta(description="Each group's part in the change.")] = ()
    tipping: Annotated[tuple[TippingRow, ...], Meta(description="What the silent could do to the score.")] = ()


@trial(title="Scores", example="regard try scores answers.csv --score nps --customer customer --by plan")
def scores(
    data: Columns,
    *,
    score: Annotated[str, Meta(description="Column that holds the scores.")] = "",
    kind: Annotated[
        Literal["", "nps", "csat", "ces", "stars", "mean"],
        Meta(description="How scores are counted; told from heading and values when left out."),
    ] = "",
    time: Annotated[str, Meta(description="Column that says when they answered: brings trend and change.")] = "",
    by: Annotated[str, Meta(description="Column that cuts the score, and its change into mix and rate.")] = "",
    customer: Annotated[
        str, Meta(description="Column that says who answered: answers of one customer depend on each other.")
    ] = "",
    from_: Annotated[
        str,
        Meta(
            description="First day of what counts as now; the later half of the answers when left out.",
            extra={"option": "from", "metavar": "DAY"},
        ),
    ] = "",
    weights_to: Annotated[
        str,
        Meta(
            description="File that says what the base looks like: columns named as in FILE and a count, n.",
            extra={"metavar": "CENSUS.csv"},
        ),
    ] = "",
) -> ScoresTrial:
    """How do they score us, how sure is it, and has it changed?

    The interval holds for few answers and near the ends of the scale. Give --customer where customers answer more than
    once, --weights-to where those who answered do not look like the base.
    """
    found = read(data, score=score, kind=kind, customer=customer, time=time, by=by, from_=from_)
    why = enough(found.answers.of("now"))
    if why:
        raise Refusal(f"Too few answers to tell a score: {why}.", hint=_more(found))
    made = weighted(data, found, weights_to) if weights_to else None
    reading = made.read if made else found
    told = _tipped(_told(reading, made), reading.answers.of("now"), made)
    told = _changed(told, reading, by)
    told = msgspec.structs.replace(told, against="as many days before" if from_ else "the earlier half")
    check = silent_check(reading)
    told = msgspec.structs.replace(
        told, checks=(check,) if check else (), cautions=_cautions(reading, made, customer=customer, data=data)
    )
    return score_words.worded(told, by=by)


def _more(found: Read) -> str:
    if len(found.answers) > len(found.answers.of("now")):
        return "Count more of them as now: --from an earlier day."
    return "Bring more answers; a score of so few says more of chance than of customers."


def _told(found: Read, made: Weighted | None) -> ScoresTrial:
    """The score now, its interval, what it rests on; tables by group, as given, over time."""
    now, before = found.answers.of("now"), found.answers.of("before")
    estimate, rule = score_of(now), found.answers.rule
    plain = score_of(now, weighted=False) if now.weighted else None
    cut = compared.slices(found.answers) if len(np.unique(now.slice)) > 1 else []
    grain, buckets = compared.trend(found.answers, found.period) if found.period else ("", [])
    whole = compared.Slice(
        name="all", now=now, before=before, score=estimate, earlier=compared.told(before),
        change=refusal("too few", n=0) if enough(before) else change_of(now, before), q=np.nan, shrunk=np.nan,
    )  # fmt: skip
    return ScoresTrial(
        answer="", estimate=estimate.value, interval=interval_of(estimate), n=len(now),
        method="; ".join(t for t in (f"{estimate.method}, 95 %", _clustered(now), made.text if made else "") if t),
        metric=rule.metric, rule=rule.text, unit=rule.unit, customers=now.known_customers or None,
        effective=estimate.effective, unweighted=value_of(plain), unweighted_interval=interval_of(plain),
        design_effect=made.weights.effect if made else None, since=found.split, grain=grain,
        rows=(slice_row(whole, rule), *(slice_row(s, rule) for s in cut)), given=given_rows(now, before),
        trend=tuple(trend_row(b) for b in buckets),
    )  # fmt: skip


def _clustered(now: Answers) -> str:
    return "answers of one customer counted as dependent" if now.customers < len(now) else ""


def _tipped(told: ScoresTrial, now: Answers, made: Weighted | None) -> ScoresTrial:
    """What the silent could do to the score of the base, where its size is known."""
    if made is None or told.estimate is None:
        return told
    answered = min(now.customers / made.size, 1.0) if made.size else 0.0
    scale = 1.0 if now.rule.factor == 100 else (now.scale[1] - now.scale[0]) / 100
    rows = tuple(
        TippingRow(lower=d * scale, score=tipping(told.estimate, answered=answered, lower=d * scale)) for d in LOWER
    )
    falls = told.estimate / (1 - answered) if now.rule.kind == "net" and told.estimate > 0 and answered < 1 else None
    return msgspec.structs.replace(told, answered=answered if made.size else None, tipping=rows, tips_at=falls)


def _changed(told: ScoresTrial, found: Read, by: str) -> ScoresTrial:
    """The change against as many days before, and what it is made of."""
    now, before = found.answers.of("now"), found.answers.of("before")
    if enough(before):
        return msgspec.structs.replace(told, verdict="nothing to compare")
    rule, change = found.answers.rule, change_of(now, before)
    parts = compared.decomposed(found.answers) if by else None
    same = same_customers(now.value, now.customer, before.value, before.customer, least=10).times(rule.factor)
    mix = None if parts is None else parts.mix.times(rule.factor)
    rate = None if parts is None else parts.rate.times(rule.factor)
    return msgspec.structs.replace(
        told, before=value_of(score_of(before)), change=value_of(change), change_interval=interval_of(change),
        verdict=verdicts.verdict(change, rule, found.answers.scale), mix=value_of(mix), mix_interval=interval_of(mix),
        rate=value_of(rate), rate_interval=interval_of(rate), groups=group_rows(parts, rule),
        twice=len(np.intersect1d(now.customer[now.known], before.customer[before.known])),
        same_change=value_of(same), same_interval=interval_of(same),
    )  # fmt: skip


def _cautions(found: Read, made: Weighted | None, *, customer: str, data: Columns) -> tuple[Caution, ...]:
    answers = found.answers
    now = answers.of("now")
    told = {
        "few_answers": len(now) < 30
        and f"Only {count(len(now), 'answer')}: the interval is wide, and one more can move the score.",
        "off_scale": answers.left_out
        and f"{count(answers.left_out, 'score')} could not be counted by the rule: off the scale from "
        f"{answers.scale[0]:g} to {answers.scale[1]:g}.",
        "no_time": found.undated and f"{count(found.undated, 'answer')} without a time are left out.",
        "unweighted": made is None
        and "Those who answered are taken to be like those who did not; --weights-to a file of the base checks and "
        "corrects what it can.",
        "weights_cure": made is not None
        and "Weights cure only what their columns explain of who stays silent; see what the silent could do.",
        "all_alike": len(now) > 1
        and score_of(now).error == 0
        and "Every answer is the same: their spread, of which the interval is made, says nothing of the next answer.",
        "one_each": not customer
        and "customer" not in data.guessed
        and "Every answer is taken as a customer's only one; name --customer where some answer again.",
    }
    own = tuple(Caution(code=code, text=text) for code, text in told.items() if text)
    return (*(made.cautions if made else ()), *own)


def figure(found: ScoresTrial) -> Figure | None:
    """The score by group with intervals, else over time with its band, else as one bar."""
    write = rule_of(found.metric).write
    cut = [r for r in found.rows[1:] if r.score is not None] or [r for r in found.rows[:1] if r.score is not None]
    points = [Point(label=_label(t.since, found.grain), value=t.score, low=t.low, high=t.high) for t in found.trend]
    if len(found.rows) == 1 and sum(p.value is not None for p in points) > 1:
        alt = f"The score by {found.grain} with its 95 % interval"
        return banded_line(points, title=found.answer, alt=alt, write=write, write_axis=write)
    bars = [
        GroupBar(label=r.slice, value=r.score, low=r.low, high=r.high, note=count(r.n, "answer"))
        for r in sorted(cut, key=lambda r: -(r.score or 0.0))[:24]
    ]
    return group_bars(bars, title=found.answer, reference=found.estimate, reference_text="all", write=write)


def _label(day: date, grain: str) -> str:
    return score_words.bucket(day, grain)
