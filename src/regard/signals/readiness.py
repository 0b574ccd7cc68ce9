"""Which questions can be answered with what is here, and what to add for the next one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from regard.questions import Question, questions
from regard.signals.declarations import Declarations
from regard.signals.kinds import BY_NAME

WHAT_TO_ADD = {
    "event": "events (what customers did or met)",
    "answer": "survey answers",
    "contact": "contacts (tickets, calls, chats)",
    "review": "reviews",
    "order": "orders",
    "subscription": "subscriptions (starts, changes, renewals, ends)",
    "promise": "promises (what was promised for when, kept when)",
    "telemetry": "telemetry",
    "message": "messages you sent",
    "act": "acts (releases, improvements)",
    "profile": "profiles (names and labels of customers)",
    "merge": "merges of ids",
}


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one question can be answered."""

    path: Annotated[str, Meta(description="room/question")]
    title: Annotated[str, Meta(description="Its short name.")]
    help: Annotated[str, Meta(description="The question in a person's words.")]
    ready: Annotated[bool, Meta(description="Everything it needs is here.")]
    missing: Annotated[str, Meta(description="What is missing, in words.")] = ""
    add: Annotated[str, Meta(description="Kind of signal to add or declaration to make.")] = ""


def readiness(*, counts: dict[str, int], declarations: Declarations) -> tuple[Readiness, ...]:
    """Readiness of every question.

    Args:
        counts: Current signals per kind.
        declarations: Those in force.
    """
    return tuple(_of(question, counts, declarations) for question in questions().values())


def sentence(rows: tuple[Readiness, ...]) -> str:
    """Such as: 9 of 12 questions answerable; add reviews to open Scores."""
    ready = sum(row.ready for row in rows)
    text = f"{ready} of {len(rows)} questions answerable"
    gaps = [row for row in rows if not row.ready]
    return f"{text}; {gaps[0].missing} to open {gaps[0].title}." if gaps else f"{text}."


def _of(question: Question, counts: dict[str, int], declarations: Declarations) -> Readiness:
    for need in question.needs:
        missing, add = _missing(need, counts, declarations)
        if missing:
            return Readiness(
                path=question.path, title=question.title, help=question.help, ready=False, missing=missing, add=add
            )
    return Readiness(path=question.path, title=question.title, help=question.help, ready=True)


def _missing(need: str, counts: dict[str, int], declarations: Declarations) -> tuple[str, str]:
    names = need.split("|")
    if all(name in BY_NAME for name in names):
        if any(counts.get(name, 0) for name in names):
            return "", ""
        return "add " + " or ".join(WHAT_TO_ADD[name] for name in names), names[0]
    value: Any = declarations
    for part in need.split("."):
        value = getattr(value, part)
    return ("", "") if value not in (None, "", ()) else (f"declare {need}", need)
