"""The acts by which an alert is answered, and an answer taken back; what is learned from them is in `learned`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import select, update

from regard.acts import act
from regard.errors import BadInput, UnknownName
from regard.periods import Period, parse_day, zone_of
from regard.reliability import learned
from regard.reliability.book import Book
from regard.store import alerts, tables
from regard.store.state import inserted, write_down

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from regard.signals.workspace import Workspace

Answer = Literal["expected", "known", "not useful"]
ANSWERS: tuple[Answer, ...] = ("expected", "known", "not useful")
AGAIN = ("", "weekly", "yearly")
LONGEST_WHY = 500


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """An answer as it is kept: its number, the alert's, and what follows from it."""

    id: int
    alert: int
    answer: str
    words: str


@act(undone_by="undo_answer")
def answer_alert(
    workspace: Workspace,
    *,
    alert: int,
    answer: str,
    why: str = "",
    since: str = "",
    until: str = "",
    again: str = "",
    factor: float = 2.0,
    by: str = "",
) -> Answered:
    """Answer an alert: it is expected, known, or not useful. Regard learns from it, and says what.

    Args:
        workspace: Where.
        alert: Its number.
        answer: expected: it is quiet within the window, or as long as it lasts; known: quiet until it has grown by
            ``factor``; not useful: quiet until it is larger, and where most alerts of this kind about the same slice
            were not useful, all of them have to be larger.
        why: A reason, shown beside it: Christmas week.
        since: First day of the window, YYYY-MM-DD; empty: when the alert began.
        until: Its last day, included; of *known*, the last day it is quiet.
        again: weekly or yearly: the same window comes again. Needs ``until``.
        factor: How many times as large it must be to be told again, of *known*.
        by: Who.

    Raises:
        UnknownName: There is no such alert.
        BadInput: The answer or its window cannot be used.
    """
    now = datetime.now(UTC)
    zone = workspace.declarations()[1].time_zone
    if answer not in ANSWERS:
        raise BadInput(f"{answer!r} is no answer.", where="answer", hint=f"One of: {', '.join(ANSWERS)}.")
    if len(why) > LONGEST_WHY:
        raise BadInput(f"A reason is up to {LONGEST_WHY} characters.", where="why", hint="Say it shorter.")
    if not 1 < factor <= 1000:
        raise BadInput("It is told again when it has grown: give more than 1.", where="factor", hint="Such as 2.")
    with workspace.state.writing() as connection:
        row = _alert(connection, alert)
        window = _window(row, since=since, until=until, again=again, zone=zone, answer=answer)
        kept = {
            "alert": alert, "cause": row["cause"], "kind": row["kind"], "slice": row["slice"], "answer": answer,
            "why": why.strip(), **window, "factor": float(factor), "size": row["size"],
            "at": now.isoformat(timespec="microseconds"), "by": by, "undone": "",
        }  # fmt: skip
        number = inserted(connection, tables.alert_answers, kept)
        _review(connection, now=now, zone=zone)
        words = _words(connection, alert, now) or f"Answered: {answer}."
        told = f"{by or 'Somebody'} answered “{answer}”. {words}"
        alerts.tell(connection, alert, at=kept["at"], what="answered", words=told)
        arguments = {"alert": alert, "answer": number, "said": answer}
        write_down(connection, "answer_alert", json.dumps(arguments, ensure_ascii=False), by=by)
    return Answered(id=number, alert=alert, answer=answer, words=words)


@act(undone_by="answer_alert, given again")
def undo_answer(workspace: Workspace, *, answer: int, by: str = "") -> Answered:
    """Take an answer back: what was learned from it is forgotten.

    Args:
        workspace: Where.
        answer: Its number.
        by: Who.

    Raises:
        UnknownName: There is no such answer.
        BadInput: It was taken back before.
    """
    now = datetime.now(UTC)
    zone = workspace.declarations()[1].time_zone
    table = tables.alert_answers
    with workspace.state.writing() as connection:
        row = connection.execute(select(table).where(table.c.id == answer)).mappings().first()
        if row is None:
            known = connection.execute(select(table.c.id)).scalars()
            raise UnknownName("answer", str(answer), [str(k) for k in known])
        if row["undone"]:
            raise BadInput("It was taken back before.", where=f"answer {answer}", hint="Answer it again instead.")
        at = now.isoformat(timespec="microseconds")
        connection.execute(update(table).where(table.c.id == answer).values(undone=at))
        _review(connection, now=now, zone=zone)
        words = _words(connection, row["alert"], now) or "Told as before."
        told = f"{by or 'Somebody'} took “{row['answer']}” back. {words}"
        alerts.tell(connection, row["alert"], at=at, what="undone", words=told)
        arguments = {"alert": row["alert"], "answer": answer}
        write_down(connection, "undo_answer", json.dumps(arguments, ensure_ascii=False), by=by)
    return Answered(id=answer, alert=row["alert"], answer=row["answer"], words=words)


def _alert(connection: Connection, alert: int) -> dict[str, Any]:
    found = alerts.one(connection, alert)
    if found is None:
        known = [str(row["id"]) for row in alerts.open_of(connection)]
        raise UnknownName("alert", str(alert), known, where="alert")
    return found


def _review(connection: Connection, *, now: datetime, zone: str) -> None:
    Book(connection, now=now, zone=zone, answers=alerts.answers(connection)).review()


def _words(connection: Connection, alert: int, now: datetime) -> str:
    row = alerts.one(connection, alert)
    quiet = learned.quiet(row, alerts.answers(connection), now=now) if row else None
    return quiet.words if quiet else ""


def _window(row: dict[str, Any], *, since: str, until: str, again: str, zone: str, answer: str) -> dict[str, str]:
    """The window of an answer as moments: whole days in the company's zone."""
    if again not in AGAIN:
        raise BadInput(f"{again!r} is not how often.", where="again", hint="weekly, yearly, or nothing.")
    if (again or since) and answer != learned.EXPECTED:
        raise BadInput("Only what is expected has a window that begins or comes again.", where="since, again",
                       hint="Answer expected, or leave them out.")  # fmt: skip
    if again and not until:
        raise BadInput("A window that comes again needs an end.", where="until", hint="Its last day, YYYY-MM-DD.")
    began = datetime.fromisoformat(json.loads(row["raised"])["since"])
    local = began.astimezone(zone_of(zone)).date()
    first = parse_day(since, where="since") if since else local
    start = Period(first, first).utc(zone_of(zone))[0]
    if not until:
        return {"since": _moment(start), "until": "", "again": ""}
    last = parse_day(until, where="until")
    end = Period(last, last).utc(zone_of(zone))[1]
    if last < first:
        raise BadInput("The window ends before it begins.", where="until", hint=f"It begins on {first}.")
    most = {"weekly": 7, "yearly": 365}.get(again)
    if most and end - start > timedelta(days=most):
        raise BadInput(f"A {again} window is shorter than that.", where="until", hint="Give an earlier last day.")
    return {"since": _moment(start), "until": _moment(end), "again": again}


def _moment(moment: datetime) -> str:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat(timespec="microseconds")
