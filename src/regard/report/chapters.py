"""The chapters of the State of the Customer: which question each tells, and what a chapter is."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

from regard.errors import RegardError, UnknownName
from regard.findings import Caution, Finding, encoded
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.scope import Given

if TYPE_CHECKING:
    from regard.figures.figure import Figure
    from regard.questions import Question
    from regard.signals.ask import Ask


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a chapter is to tell: name, heading, question, the words on its door, the table its figure draws."""

    name: str
    heading: str
    path: str
    door: str
    table: str = ""


PLANS = (
    Plan(name="base", heading="The {customer} base", path="customers/ledger", door="The base, line by line"),
    Plan(name="leave", heading="Why {customers} leave", path="customers/reasons", door="Every reason"),
    Plan(name="worth", heading="What they are worth", path="customers/value", door="Value and its risk"),
    Plan(name="ahead", heading="Renewals ahead", path="customers/renewals", door="Whom to talk to"),
    Plan(name="feel", heading="How {customers} feel", path="listening/scores", door="All scores", table="trend"),
    Plan(name="hurts", heading="Where it hurts", path="journey/map", door="The whole journey"),
    Plan(name="drives", heading="What drives it", path="listening/drivers", door="Every driver"),
    Plan(name="help", heading="What they ask us for help with", path="listening/contacts", door="All contacts"),
    Plan(name="disrupted", heading="Disrupted now", path="reliability/disruptions", door="Who, and what changed then"),
    Plan(name="heard", heading="Who is not heard", path="listening/silence", door="Who is silent", table="bands"),
    Plan(name="promises", heading="What we promised", path="journey/promises", door="Every promise"),
    Plan(
        name="progress",
        heading="Against our own past",
        path="leadership/progress",
        door="Every measure",
        table="points",
    ),
    Plan(name="proof", heading="What worked", path="leadership/proof", door="Every check"),
    Plan(name="priorities", heading="What to do first", path="leadership/priorities", door="The whole list"),
)


class Chapter(msgspec.Struct, frozen=True, kw_only=True):
    """One chapter: a sentence, what shows it, at most three facts, and a door to the room."""

    number: Annotated[int, Meta(description="Its place.")]
    name: Annotated[str, Meta(description="Its short name: base, feel, hurts.")]
    heading: Annotated[str, Meta(description="What it is about.")]
    answer: Annotated[str, Meta(description="The chapter in one sentence.")] = ""
    facts: Annotated[tuple[str, ...], Meta(description="At most three supporting sentences.")] = ()
    cautions: Annotated[tuple[Caution, ...], Meta(description="What to know before leaning on it.")] = ()
    refused: Annotated[str, Meta(description="What is missing, when it cannot be answered yet.")] = ""
    next_step: Annotated[str, Meta(description="What to do next, when there is something to do.")] = ""
    question: Annotated[str, Meta(description="The question it tells: room/question.")] = ""
    door: Annotated[str, Meta(description="Path and query of the page that tells more.")] = ""
    door_words: Annotated[str, Meta(description="What stands on the door.")] = ""
    command: Annotated[str, Meta(description="The command that prints the same.")] = ""
    finding: Annotated[dict[str, Any], Meta(description="The whole finding, as its own JSON.")] = {}


def told(ask: Ask) -> tuple[Chapter, ...]:
    """Every chapter whose question stands, in order, each asked with the same scope.

    A question that is not part of this installation is left out; one that cannot be answered says what is missing.
    """
    found: list[Chapter] = []
    for plan in PLANS:
        question = standing(plan.path)
        if question is not None:
            found.append(_chapter(ask, plan, question, len(found) + 1))
    return tuple(found)


def standing(path: str) -> Question | None:
    """The question at a path, or None where it does not stand."""
    try:
        return find(path)
    except UnknownName:
        return None


def _chapter(ask: Ask, plan: Plan, question: Question, number: int) -> Chapter:
    scope = ask.scope.told()
    given = Given(
        since=scope["since"],
        until=scope["until"],
        against=scope["against"].replace(" ", ""),
        where=tuple(scope["where"]),
    )
    words = {"customer": ask.declarations.called, "customers": ask.declarations.called_many}
    chapter = Chapter(
        number=number, name=plan.name, heading=plan.heading.format(**words), question=plan.path,
        door=_door(plan.path, given), door_words=plan.door, command=_command(plan.path, given),
    )  # fmt: skip
    try:
        finding = answer(question, view=ask.view, given=given)
    except RegardError as error:
        # A filter this question does not know, say: the chapter tells it, the others go on.
        return msgspec.structs.replace(chapter, answer=error.message, refused=error.message, next_step=error.hint)
    plain = msgspec.json.decode(encoded(finding))
    return msgspec.structs.replace(
        chapter, answer=finding.answer, facts=finding.facts[:3], cautions=finding.cautions, refused=finding.refused,
        next_step=finding.next_step if finding.refused else "", finding=plain,
    )  # fmt: skip


def _pairs(given: Given) -> list[tuple[str, str]]:
    single = [(n, v) for n in ("since", "until", "against") if (v := getattr(given, n))]
    return single + [("where", w) for w in given.where]


def _door(path: str, given: Given) -> str:
    return f"/{path}?{urlencode(_pairs(given))}"


def _command(path: str, given: Given) -> str:
    room, _, name = path.partition("/")
    options = [word for option, value in _pairs(given) for word in (f"--{option}", value)]
    return shlex.join(["regard", room, name, *options])


def finding_of(chapter: Chapter) -> Finding | None:
    """The chapter's finding as its own type, or None where its question was not asked or does not stand here."""
    question = standing(chapter.question)
    if question is None or not chapter.finding:
        return None
    return msgspec.convert(chapter.finding, question.finding)


def table_of(chapter: Chapter) -> str:
    """The finding's table that its figure draws; empty is the first."""
    return next((p.table for p in PLANS if p.name == chapter.name), "")


def figure_of(chapter: Chapter) -> Figure | None:
    """The chapter's figure, drawn from its finding; None where there is nothing to draw."""
    question, finding = standing(chapter.question), finding_of(chapter)
    if question is None or finding is None or finding.refused or question.figure is None:
        return None
    figure: Figure | None = question.figure(finding)
    return figure
