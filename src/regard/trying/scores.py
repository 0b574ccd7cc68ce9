"""Scores from one file: NPS, CSAT, CES, stars or one's own, with interval and distribution."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal
from regard.figures.stacked import Distribution, stacked
from regard.findings import Interval
from regard.listening.counted import enough, score_of
from regard.trying.answered import answers_from
from regard.trying.columns import Columns
from regard.trying.trials import Trial, trial
from regard.wording import between, count

if TYPE_CHECKING:
    from regard.figures.figure import Figure


class ScoreGiven(msgspec.Struct, frozen=True, kw_only=True):
    """How many gave one score."""

    score: Annotated[float, Meta(description="The score as given.")]
    group: Annotated[str, Meta(description="What such an answer counts as: detractor, satisfied, low.")] = ""
    n: Annotated[int, Meta(description="Answers.")] = 0
    share: Annotated[float, Meta(description="Share of the answers.")] = 0.0


class ScoresTrial(Trial, frozen=True, kw_only=True):
    """How customers score the company, from one file."""

    metric: Annotated[str, Meta(description="nps, csat, ces, stars or the company's own.")] = ""
    rule: Annotated[str, Meta(description="How it is counted.")] = ""
    rows: Annotated[tuple[ScoreGiven, ...], Meta(description="How many gave which score.")] = ()


@trial(title="Scores", example="regard try scores answers.csv --score nps --kind nps --customer email")
def scores(
    data: Columns,
    *,
    score: Annotated[str, Meta(description="Column that holds the scores.")] = "",
    kind: Annotated[
        Literal["", "nps", "csat", "ces", "stars", "mean"],
        Meta(description="How scores are counted; told from the heading and the values when left out."),
    ] = "",
    customer: Annotated[
        str, Meta(description="Column that says who answered: answers of one customer depend on each other.")
    ] = "",
) -> ScoresTrial:
    """How do they score us, how sure is it, and what is it made of?"""
    answers = answers_from(data, score=score, kind=kind, customer=customer)
    why = enough(answers)
    if why:
        raise Refusal(f"Too few answers to tell a score: {why}.", hint="Bring more answers.")
    found = score_of(answers)
    rule = answers.rule
    ends = between(found.low, found.high, rule.write)
    levels, numbers = np.unique(answers.score, return_counts=True)
    group = dict(zip(answers.score, answers.group, strict=True))
    return ScoresTrial(
        answer=f"{rule.name} {rule.write(found.value)}, {ends}, from {count(len(answers), 'answer')}.",
        estimate=found.value,
        interval=Interval(low=found.low, high=found.high),
        n=len(answers),
        method=found.method,
        metric=rule.metric,
        rule=rule.text,
        rows=tuple(
            ScoreGiven(score=float(s), group=rule.classes[int(group[s]) + 1], n=int(k), share=float(k / len(answers)))
            for s, k in zip(levels, numbers, strict=True)
        ),
    )


def figure(found: ScoresTrial) -> Figure | None:
    """How many gave each kind of answer."""
    shares: dict[str, float] = {}
    for row in found.rows:
        shares[row.group] = shares.get(row.group, 0.0) + row.n
    bar = Distribution(label="all", parts=tuple(shares.values()), note=count(found.n, "answer"))
    return stacked([bar], tuple(shares), title=found.answer)
