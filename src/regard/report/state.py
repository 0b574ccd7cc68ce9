"""The State of the Customer: the talk a chief customer officer gives, made of findings that can be reproduced."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from regard import wording
from regard.findings import Caution, Finding
from regard.questions import question
from regard.report.chapters import Chapter, told
from regard.signals.ask import Ask
from regard.wording import count, listed


class StateRow(msgspec.Struct, frozen=True, kw_only=True):
    """One chapter in a line."""

    number: Annotated[int, Meta(description="Its place.")]
    heading: Annotated[str, Meta(description="What it is about.")] = ""
    answer: Annotated[str, Meta(description="The chapter in one sentence, or what is missing.")] = ""
    question: Annotated[str, Meta(description="The question it tells: room/question.")] = ""
    n: Annotated[int, Meta(description="Rows its answer rests on.")] = 0
    answered: Annotated[bool, Meta(description="Whether it could be answered.")] = False


class State(Finding, frozen=True, kw_only=True):
    """The State of the Customer: dated, reproducible from the evidence of each chapter."""

    company: Annotated[str, Meta(description="Whose customers.")] = ""
    period: Annotated[str, Meta(description="The period, in words.")] = ""
    compared: Annotated[str, Meta(description="The period it is compared with, in words.")] = ""
    filters: Annotated[str, Meta(description="Which customers, where not all.")] = ""
    answered: Annotated[int, Meta(description="Chapters that could be answered.")] = 0
    rows: Annotated[tuple[StateRow, ...], Meta(description="The chapters in lines.")] = ()
    chapters: Annotated[tuple[Chapter, ...], Meta(description="The chapters with their findings.")] = ()


@question(title="State of the Customer")
def state(*, ask: Ask) -> State:
    """What is the state of our customers: does the base grow, how do they feel, where does it hurt, and why?"""
    chapters = told(ask)
    answered = [c for c in chapters if not c.refused]
    missing = [c for c in chapters if c.refused]
    scope, company = ask.scope, ask.declarations.name
    period = wording.period(scope.since, scope.until, scope.zone)
    refused = "" if answered else "Nothing about customers can be told yet."
    return State(
        answer=_sentence(ask, answered, missing, period), refused=refused,
        next_step=missing[0].next_step if missing else "", company=company, period=period,
        compared=wording.period(scope.before_since, scope.before_until, scope.zone),
        filters=listed(scope.told()["where"]), answered=len(answered), rows=tuple(_row(c) for c in chapters),
        chapters=chapters, facts=tuple(c.answer for c in answered[:3]), cautions=_cautions(missing),
        evidence=ask.evidence(
            n=sum(_n(c) for c in answered), kind="estimated" if answered else "refused",
            method="Each chapter is the finding of the question it names, asked with this scope.",
        ),
    )  # fmt: skip


def _sentence(ask: Ask, answered: list[Chapter], missing: list[Chapter], period: str) -> str:
    people = ask.declarations.called_many
    if not answered:
        return f"Nothing about {people} can be told yet: {missing[0].next_step or 'import what they did and said.'}"
    whose = f" of {ask.declarations.name}" if ask.declarations.name else ""
    told_ = f"The state of the {people}{whose}, {period}, in {count(len(answered), 'chapter')}"
    if missing:
        return f"{told_}; {listed([c.heading.lower() for c in missing])} cannot be told yet."
    return f"{told_}."


def _n(chapter: Chapter) -> int:
    return int(chapter.finding.get("evidence", {}).get("n", 0))


def _row(chapter: Chapter) -> StateRow:
    return StateRow(
        number=chapter.number, heading=chapter.heading, answer=chapter.answer, question=chapter.question,
        n=_n(chapter), answered=not chapter.refused,
    )  # fmt: skip


def _cautions(missing: list[Chapter]) -> tuple[Caution, ...]:
    return tuple(Caution(code=f"missing_{c.name}", text=f"{c.heading}: {c.refused}") for c in missing)
