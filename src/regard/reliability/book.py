"""The book of alerts inside one transaction: opened, updated, grown, ended, back; and told, where that is not quiet."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from regard import wording
from regard.findings import encoded
from regard.reliability import learned, messages
from regard.reliability.raised import Raised
from regard.store import alerts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

Row = dict[str, Any]

GROWN = 1.5
"""How many times as large as when it was last told an alert must be to be told again."""

BACK = timedelta(days=3)
"""A cause that comes back within this is the same alert, opened again."""

ALIKE = 0.5
"""Share of the fewer customers from which on two disruptions are one that is named otherwise."""

SOON = timedelta(days=1)
"""One that comes back within this is not told again, unless it has grown."""


class Book:
    """The alerts of a workspace while one transaction changes them.

    Args:
        connection: The transaction.
        now: The moment.
        zone: The company's.
        answers: What people answered and did not take back, oldest first.
    """

    def __init__(self, connection: Connection, *, now: datetime, zone: str, answers: Sequence[Row]) -> None:
        self.connection, self.counts = connection, Counter[str]()
        self._now, self._zone, self._answers = now, zone, answers
        self._at = now.isoformat(timespec="microseconds")

    def reconcile(self, detector: str, raised: Mapping[str, Raised], *, lingers: timedelta) -> None:
        """Make a detector's alerts what it says now.

        Args:
            detector: Its name.
            raised: Every cause that holds, by its key.
            lingers: How long one it no longer says stays open.
        """
        raised = self._kept(detector, raised)
        for found in raised.values():
            self._meet(detector, found)
        for row in alerts.open_of(self.connection, detector):
            if row["cause"] not in raised:
                self._miss(row, lingers)

    def _kept(self, detector: str, raised: Mapping[str, Raised]) -> dict[str, Raised]:
        """What is raised, under the key it is kept by: a subset that is named otherwise today is the same cause."""
        waiting = {
            row["cause"]: msgspec.json.decode(row["raised"], type=Raised)
            for row in alerts.open_of(self.connection, detector)
            if row["cause"] not in raised and row["kind"] == "disruption"
        }
        found: dict[str, Raised] = {}
        for key, each in raised.items():
            known = alerts.newest_of(self.connection, key)
            home = next((k for k, old in waiting.items() if known is None and same_cause(old, each)), None)
            if home is not None:
                del waiting[home]
                each = msgspec.structs.replace(each, cause=home)  # noqa: PLW2901
            found[each.cause] = each
        return found

    def leave(self, detectors: set[str]) -> None:
        """End the alerts of detectors that are no more."""
        for row in alerts.open_of(self.connection):
            if row["detector"] not in detectors:
                self._end(row, "Nobody looks for this any more.")

    def review(self) -> None:
        """See anew which open alerts are quiet, after an answer or one taken back; tells nobody."""
        for row in alerts.open_of(self.connection):
            quiet = learned.quiet(row, self._answers, now=self._now)
            if (rule := quiet.rule if quiet else "") != row["quiet"]:
                alerts.change(self.connection, row["id"], quiet=rule)

    def _meet(self, detector: str, raised: Raised) -> None:
        row = alerts.newest_of(self.connection, raised.cause)
        if row is None:
            self._open(detector, raised)
        elif row["state"] == alerts.OPEN:
            self._update(row, detector, raised)
        elif self._now - datetime.fromisoformat(row["ended"]) <= BACK:
            self._reopen(row, detector, raised)
        else:
            self._open(detector, raised)

    def _open(self, detector: str, raised: Raised) -> None:
        row: Row = {
            "cause": raised.cause, "kind": raised.kind, "slice": _slice(raised), "detector": detector,
            "state": alerts.OPEN, "quiet": "", "opened": self._at, "missing": "", "ended": "",
            "size": raised.bigness, "told_size": 0.0, "told_at": "", "raised": _text(raised),
        }  # fmt: skip
        row["id"] = alerts.add(self.connection, row)
        self.counts["opened"] += 1
        hushed = self._quieted(row)
        self._tell(row, raised, what="opened", words=f"{raised.title}.")
        self._hush(row, hushed)

    def _update(self, row: Row, detector: str, raised: Raised) -> None:
        was_quiet = row["quiet"]
        new = {
            "detector": detector, "missing": "", "size": raised.bigness, "slice": _slice(raised),
            "raised": _text(raised),
        }  # fmt: skip
        if any(row[name] != value for name, value in new.items()):
            alerts.change(self.connection, row["id"], **new)
        row = {**row, **new}
        self._hush(row, self._quieted(row))
        if row["quiet"]:
            return
        if not row["told_at"]:
            self._tell(row, raised, what="opened", words=f"{raised.title}; quiet until now.")
        elif was_quiet == learned.KNOWN or row["size"] >= GROWN * row["told_size"]:
            self.counts["grew"] += 1
            grown = f"from {wording.number(row['told_size'])} to {wording.number(row['size'])}"
            self._tell(row, raised, what="grew", words=f"It has grown {grown}: {raised.title}.")

    def _reopen(self, row: Row, detector: str, raised: Raised) -> None:
        away = self._now - datetime.fromisoformat(row["ended"])
        new = {
            "state": alerts.OPEN, "ended": "", "missing": "", "detector": detector, "size": raised.bigness,
            "raised": _text(raised), "slice": _slice(raised),
        }  # fmt: skip
        alerts.change(self.connection, row["id"], **new)
        row = {**row, **new}
        self.counts["reopened"] += 1
        hushed = self._quieted(row)
        words = f"It is back after {wording.duration(away.total_seconds())}: {raised.title}."
        loud = away > SOON or row["size"] >= GROWN * row["told_size"]
        self._tell(row, raised, what="reopened", words=words, quietly=not loud)
        self._hush(row, hushed)

    def _miss(self, row: Row, lingers: timedelta) -> None:
        since = row["missing"] or self._at
        if self._now - datetime.fromisoformat(since) >= lingers:
            self._end(row, "It is over.")
        elif not row["missing"]:
            alerts.change(self.connection, row["id"], missing=self._at)

    def _end(self, row: Row, words: str) -> None:
        alerts.change(self.connection, row["id"], state=alerts.ENDED, ended=self._at, missing="")
        self.counts["ended"] += 1
        raised = msgspec.json.decode(row["raised"], type=Raised)
        lasted = wording.duration(max(0.0, (self._now - raised.since).total_seconds()))
        told = f"{words} It lasted {lasted}: {raised.title}."
        self._tell({**row, "ended": self._at}, raised, what="ended", words=told, quietly=not row["told_at"])

    def _quieted(self, row: Row) -> str:
        """See whether an alert is quiet now; says why where it has just become so."""
        quiet = learned.quiet(row, self._answers, now=self._now)
        rule, before = (quiet.rule if quiet else ""), row["quiet"]
        row["quiet"] = rule
        if rule != before:
            alerts.change(self.connection, row["id"], quiet=rule)
        return quiet.words if quiet and rule != before else ""

    def _hush(self, row: Row, words: str) -> None:
        if words:
            alerts.tell(self.connection, row["id"], at=self._at, what="quiet", words=words)

    def _tell(self, row: Row, raised: Raised, *, what: str, words: str, quietly: bool = False) -> None:
        """Add to the history; and, unless it is quiet, tell the receivers."""
        alerts.tell(self.connection, row["id"], at=self._at, what=what, words=words)
        if quietly or row["quiet"]:
            return
        self.counts["messages"] += messages.put(
            self.connection, alert=row["id"], what=what, words=words, raised=raised, now=self._now, zone=self._zone
        )
        alerts.change(self.connection, row["id"], told_size=row["size"], told_at=self._at)


def same_cause(one: Raised, other: Raised) -> bool:
    """Whether two disruptions are one by another name: the same question says mostly the same customers, or of the same
    thing one slice within the other."""
    asked = one.evidence.get("question")
    if {one.kind, other.kind} != {"disruption"} or not asked or asked != other.evidence.get("question"):
        return False
    mine, theirs = set(one.who.customers), set(other.who.customers)
    if mine and theirs and len(mine & theirs) >= ALIKE * min(len(mine), len(theirs)):
        return True
    about = [each.evidence.get("arguments") for each in (one, other)]
    within = one.who.slice.items() <= other.who.slice.items() or other.who.slice.items() <= one.who.slice.items()
    return about[0] == about[1] and bool(about[0]) and within


def _slice(raised: Raised) -> str:
    return json.dumps(raised.who.slice, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _text(raised: Raised) -> str:
    return encoded(raised).decode()
