"""How far the log is: a glance at the workspace's state that costs a millisecond and loads nothing.

The supervisor and the pages must know when something was received or settled, without the store and the engine in
their memory. They read five words of state through Python's own SQLite, and the sizes of journals; they never write,
and never wait.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regard.store import turnedaway
from regard.store.frames import Mark, journals, waiting

if TYPE_CHECKING:
    from pathlib import Path

STATE = "state.sqlite"
JOURNALS = "journal"
MANY = 1000
_HELD = f"SELECT count(*) FROM (SELECT 1 FROM held WHERE state = 'held' LIMIT {MANY})"
_ALERTS = f"SELECT count(*) FROM (SELECT 1 FROM alerts WHERE state = 'open' AND quiet = '' LIMIT {MANY})"
_LOOKED = """
SELECT (SELECT value FROM meta WHERE name = 'looked'),
       (SELECT min(o.due) FROM outbox AS o JOIN receivers AS r ON r.name = o.receiver
        WHERE o.state = 'waiting' AND r.state = 'on')
"""
_GLANCE = """
SELECT (SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'position'),
       (SELECT max(version) FROM declarations),
       (SELECT value FROM meta WHERE name = 'journal'),
       g.id, g.position, g.declarations, g.published
FROM (SELECT 1) LEFT JOIN (SELECT * FROM generations ORDER BY id DESC LIMIT 1) AS g
"""


@dataclass(frozen=True, kw_only=True)
class Pulse:
    """How far a workspace is.

    Attributes:
        received: Log position: how many signals were acknowledged.
        position: Position of the newest settled generation: what answers rest on.
        generation: Its number.
        declarations: Version of the declarations in force.
        settled_with: Version of the declarations the generation was settled with.
        settled_at: When it was published.
        unsealed: Whether the journal holds signals that are not in the log yet.
        held: Items held back that wait for a decision; counted up to `MANY`.
        alerts: Open alerts that somebody must act on; counted up to `MANY`.
    """

    received: int = 0
    position: int = 0
    generation: int = 0
    declarations: int = 0
    settled_with: int = 0
    settled_at: datetime | None = None
    unsealed: bool = False
    held: int = 0
    alerts: int = 0

    @property
    def mark(self) -> str:
        """A text that changes whenever an answer may change."""
        return f"{self.generation}.{self.position}.{self.declarations}"

    @property
    def unsettled(self) -> bool:
        """Whether something acknowledged is not in the answers yet."""
        return (
            self.unsealed
            or self.received > self.position
            or (self.generation > 0 and self.settled_with < self.declarations)
        )


def pulse(workspace: Path) -> Pulse:
    """Take a workspace's pulse; a workspace without state, or one that is being made, has none yet."""
    path = workspace / STATE
    if not path.exists():
        return Pulse()
    try:
        connection = _reading(path)
        try:
            row = connection.execute(_GLANCE).fetchone()
            held, alerts = _counted(connection, _HELD), _counted(connection, _ALERTS)
        finally:
            connection.close()
    except sqlite3.Error:
        return Pulse()
    received, declarations, sealed, generation, position, settled_with, published = row
    return Pulse(
        received=received or 0,
        position=position or 0,
        generation=generation or 0,
        declarations=declarations or 0,
        settled_with=settled_with or 0,
        settled_at=datetime.fromisoformat(published).astimezone(UTC) if published else None,
        unsealed=waiting(workspace / JOURNALS, Mark.read(sealed or "")),
        held=held,
        alerts=alerts,
    )


def trace(workspace: Path) -> str:
    """A text that changes whenever anything was acknowledged, sealed, done or turned away; a look at one word and at
    sizes."""
    path = workspace / STATE
    seal = ""
    if path.exists():
        with suppress(sqlite3.Error), closing(_reading(path)) as connection:
            found = connection.execute("SELECT value FROM meta WHERE name = 'seal'").fetchone()
            seal = str(found[0]) if found else ""
    sizes = []
    for number, journal in journals(workspace / JOURNALS):
        with suppress(FileNotFoundError):  # sealed meanwhile
            sizes.append(f"{number}:{journal.stat().st_size}")
    return hashlib.sha256(" ".join((seal, turnedaway.mark(workspace), *sizes)).encode()).hexdigest()[:24]


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=0.2)


def _counted(connection: sqlite3.Connection, statement: str) -> int:
    """How many there are; none where an earlier version made the workspace."""
    try:
        return int(connection.execute(statement).fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@dataclass(frozen=True, kw_only=True)
class Watched:
    """When detectors last looked, at which log position and how long; and when the next message is due."""

    position: int = -1
    at: datetime | None = None
    seconds: float = 0.0
    due: datetime | None = None


def watched(workspace: Path) -> Watched:
    """When a workspace's detectors last looked; nothing where it has none, or an earlier version made it."""
    path = workspace / STATE
    if not path.exists():
        return Watched()
    try:
        with closing(_reading(path)) as connection:
            looked, due = connection.execute(_LOOKED).fetchone()
    except sqlite3.Error:
        return Watched()
    position, at, seconds, *_ = [*str(looked or "").split(" "), "", "", ""]
    return Watched(
        position=int(position) if position.lstrip("-").isdecimal() else -1,
        at=datetime.fromisoformat(at) if at else None,
        seconds=float(seconds or 0),
        due=datetime.fromisoformat(due) if due else None,
    )
