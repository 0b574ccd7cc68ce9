"""Alerts as people read them: short stories with their history, what was answered, what was learned, and a draft of
what the customers concerned are told. Open ones first, those that somebody must act on before those that are quiet.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from regard import wording
from regard.errors import UnknownName
from regard.reliability import learned
from regard.reliability.detectors import detectors
from regard.reliability.notices import draft
from regard.reliability.raised import KINDS, AtStake, Certainty, Raised, Who
from regard.store import alerts

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from regard.signals.workspace import Workspace

RECENT = timedelta(days=90)
Row = dict[str, Any]


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened to an alert."""

    at: Annotated[str, Meta(description="When, UTC.")]
    what: Annotated[str, Meta(description="opened, grew, ended, reopened, quiet, answered or undone.")]
    words: Annotated[str, Meta(description="In a sentence.")]


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """An answer somebody gave."""

    id: Annotated[int, Meta(description="Its number, to take it back by.")]
    alert: Annotated[int, Meta(description="The alert's number.")]
    answer: Annotated[str, Meta(description="expected, known or not useful.")]
    why: Annotated[str, Meta(description="The reason given.")]
    at: Annotated[str, Meta(description="When, UTC.")]
    by: Annotated[str, Meta(description="Who.")]
    undone: Annotated[bool, Meta(description="Whether it was taken back.")]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One cause, as a short story."""

    id: Annotated[int, Meta(description="Its number.")]
    kind: Annotated[str, Meta(description="disruption, indicator, odd or promise.")]
    kind_name: Annotated[str, Meta(description="What the kind is called.")]
    title: Annotated[str, Meta(description="Who and what, in one sentence.")]
    state: Annotated[str, Meta(description="open or ended.")]
    acts: Annotated[bool, Meta(description="Whether somebody must act: it is open, and not quiet.")]
    quiet: Annotated[str, Meta(description="Why it is quiet, in a sentence; empty: it is not.")]
    since: Annotated[str, Meta(description="When the cause began, UTC.")]
    opened: Annotated[str, Meta(description="When the alert was opened, UTC.")]
    ended: Annotated[str, Meta(description="When it ended, UTC; empty while it lasts.")]
    size: Annotated[float, Meta(description="How big it is; what growing is measured by.")]
    who: Annotated[Who, Meta(description="The customers concerned.")]
    at_stake: Annotated[AtStake | None, Meta(description="What it may cost.")]
    certainty: Annotated[Certainty, Meta(description="How sure it is.")]
    also: Annotated[tuple[str, ...], Meta(description="What else changed then.")]
    next_step: Annotated[str, Meta(description="What to do.")]
    notice: Annotated[str, Meta(description="Draft of what the customers concerned are told.")]
    evidence: Annotated[dict[str, Any], Meta(description="What shows it.")]
    cause: Annotated[str, Meta(description="Its key.")]
    detector: Annotated[str, Meta(description="Who saw it.")]
    history: Annotated[tuple[Entry, ...], Meta(description="What happened to it, oldest first.")]
    answers: Annotated[tuple[Given, ...], Meta(description="What was answered, oldest first.")]


class Watch(msgspec.Struct, frozen=True, kw_only=True):
    """How a detector's last look went."""

    name: Annotated[str, Meta(description="Its name.")]
    title: Annotated[str, Meta(description="What it looks for.")]
    outcome: Annotated[str, Meta(description="looked, waits, refused, failed; empty: it has not looked yet.")]
    reason: Annotated[str, Meta(description="Why it did not look; where it looked, what it would have seen.")]
    at: Annotated[str, Meta(description="When it last looked, UTC.")]
    since: Annotated[str, Meta(description="Since when its looks have gone like that, UTC.")]
    raised: Annotated[int, Meta(description="Causes it said then.")]


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is off course now, what lately was, and who looks."""

    answer: Annotated[str, Meta(description="In one sentence.")]
    open: Annotated[tuple[Alert, ...], Meta(description="Open and not quiet: somebody must act. Most at stake first.")]
    quiet: Annotated[tuple[Alert, ...], Meta(description="Open, and quiet because of what was answered.")]
    ended: Annotated[tuple[Alert, ...], Meta(description="Ended within 90 days, newest first.")]
    learned: Annotated[tuple[str, ...], Meta(description="What was learned from answers, for kinds and slices.")]
    watched: Annotated[tuple[Watch, ...], Meta(description="How each detector's last look went.")]


def read(workspace: Workspace, *, now: datetime | None = None) -> Alerts:
    """Every alert that is open or ended lately.

    Args:
        workspace: Whose.
        now: The moment; empty takes the clock.
    """
    now = now or datetime.now(UTC)
    zone = workspace.declarations()[1].time_zone
    with workspace.state.reading() as connection:
        telling = _Telling(connection, now=now, zone=zone)
        opened = [telling.story(row) for row in alerts.open_of(connection)]
        after = (now - RECENT).isoformat(timespec="microseconds")
        ended = [telling.story(row) for row in alerts.ended(connection, after=after)]
        bars = learned.bars(telling.answers, now=now).values()
        looks = alerts.looks(connection)
    opened.sort(key=lambda a: (-(a.at_stake.amount or 0) if a.at_stake else 0, -a.size, a.id))
    loud, quiet = [a for a in opened if a.acts], [a for a in opened if not a.acts]
    watched = tuple(_watch(d.name, d.title, looks.get(d.name)) for d in detectors())
    return Alerts(
        answer=_sentence(loud, quiet, watched), open=tuple(loud), quiet=tuple(quiet), ended=tuple(ended),
        learned=tuple(bar.words() for bar in bars), watched=watched,
    )  # fmt: skip


def one(workspace: Workspace, alert: int, *, now: datetime | None = None) -> Alert:
    """An alert by its number.

    Raises:
        UnknownName: There is none.
    """
    with workspace.state.reading() as connection:
        row = alerts.one(connection, alert)
        if row is None:
            known = [str(each["id"]) for each in alerts.open_of(connection)]
            raise UnknownName("alert", str(alert), known, where="alert")
        zone = workspace.declarations()[1].time_zone
        return _Telling(connection, now=now or datetime.now(UTC), zone=zone).story(row)


class _Telling:
    """Makes stories of rows."""

    def __init__(self, connection: Connection, *, now: datetime, zone: str) -> None:
        self._connection, self._now, self._zone = connection, now, zone
        self._given = alerts.answers(connection, standing=False)
        self.answers = [row for row in self._given if not row["undone"]]

    def story(self, row: Row) -> Alert:
        raised = msgspec.json.decode(row["raised"], type=Raised)
        is_open = row["state"] == alerts.OPEN
        quiet = learned.quiet(row, self.answers, now=self._now) if is_open else None
        given = tuple(_given(each) for each in self._given if each["alert"] == row["id"])
        entries = tuple(_entry(each) for each in alerts.history(self._connection, row["id"]))
        return Alert(
            id=row["id"], kind=raised.kind, kind_name=KINDS[raised.kind], title=raised.title, state=row["state"],
            acts=is_open and quiet is None, quiet=quiet.words if quiet else "", since=_text(raised.since),
            opened=row["opened"], ended=row["ended"], size=row["size"], who=raised.who, at_stake=raised.at_stake,
            certainty=raised.certainty, also=raised.also, next_step=raised.next_step, evidence=raised.evidence,
            notice=draft(raised, since=wording.moment(raised.since, self._zone)), cause=row["cause"],
            detector=row["detector"], history=entries, answers=given,
        )  # fmt: skip


def _entry(row: Row) -> Entry:
    return Entry(at=row["at"], what=row["what"], words=row["words"])


def _given(row: Row) -> Given:
    told = {name: row[name] for name in ("id", "alert", "answer", "why", "at", "by")}
    return Given(**told, undone=bool(row["undone"]))


def _watch(name: str, title: str, row: Row | None) -> Watch:
    row = row or {"outcome": "", "reason": "", "at": "", "since": "", "raised": 0}
    told = {key: row[key] for key in ("outcome", "reason", "at", "since", "raised")}
    return Watch(name=name, title=title, **told)


def _sentence(loud: list[Alert], quiet: list[Alert], watched: tuple[Watch, ...]) -> str:
    are = "alert is" if len(quiet) == 1 else "alerts are"
    beside = f" {wording.number(len(quiet))} {are} quiet because of what was answered." if quiet else ""
    if loud:
        most = max(a.who.count for a in loud)
        told = f"; the largest concerns {wording.count(most, 'customer')}" if len(loud) > 1 and most else ""
        return f"{wording.count(len(loud), 'alert')} to act on{told}.{beside}"
    failed = [w for w in watched if w.outcome == "failed"]
    if failed:
        return f"Nothing we can see, but {wording.listed([w.title for w in failed])} could not look.{beside}"
    if not any(w.outcome == "looked" for w in watched):
        return f"Nobody has looked yet.{beside}"
    return f"Nothing we can see is off course.{beside}"


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")


COLUMNS = (
    "alert", "state", "kind", "title", "since", "opened", "ended", "customers", "size", "at_stake", "currency",
    "certainty", "next_step", "quiet_because", "slice", "cause",
)  # fmt: skip
"""Columns of alerts as a table."""


def sheet(found: Alerts) -> list[dict[str, Any]]:
    """Alerts as rows of a table, open ones first."""
    return [
        {
            "alert": a.id, "state": "quiet" if a.quiet else a.state, "kind": a.kind, "title": a.title,
            "since": a.since, "opened": a.opened, "ended": a.ended, "customers": a.who.count, "size": a.size,
            "at_stake": a.at_stake.amount if a.at_stake else None,
            "currency": a.at_stake.currency if a.at_stake else "", "certainty": a.certainty.words,
            "next_step": a.next_step, "quiet_because": a.quiet,
            "slice": json.dumps(a.who.slice, ensure_ascii=False, sort_keys=True) if a.who.slice else "",
            "cause": a.cause,
        }
        for a in (*found.open, *found.quiet, *found.ended)
    ]  # fmt: skip
