"""The last items of each source, with what became of each: read from the journal, the log and what sealing kept.

Nothing is counted here. Stored items are the newest rows of the log and of frames that nobody has sealed yet. Of items
that were not stored, each frame tells the last ones (`frames.Turned`); sealing keeps them, `TURNED` of a source, in the
transaction that counts them. An erasure forgets what is kept of them.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
from sqlalchemy import delete, func, select

from regard.store import frames, tables
from regard.store.arrivals import ERASED
from regard.store.frames import TURNED, Mark
from regard.store.log import RECEIVED
from regard.store.state import read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from regard.store.frames import Frame, Head
    from regard.store.inbox import Inbox

WORD = "turned."
"""In front of a source's name: the word of state that keeps its last items that were not stored."""

SHOWN = ("name", "person", "account", "anonymous", "occurred_at")
NEWEST = 3
"""Segments of a source that are looked at."""

LOOKS = 5
MINUTE = 60


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One item as people are told of it.

    Attributes:
        source: Where it came from.
        outcome: stored, duplicate, held_back or refused.
        at: When it was received, UTC, ISO 8601; of a stored one to the minute.
        name: What it is called.
        who: The first id it names; empty where it was not stored.
        code: Why, as a word.
        reason: Why, as a sentence.
        where: The field concerned.
    """

    source: str
    outcome: str
    at: str
    name: str = ""
    who: str = ""
    code: str = ""
    reason: str = ""
    where: str = ""


@dataclass
class Told:
    """Of one source: its last items, newest first, when the last came, and how many rows were stored in a minute."""

    items: list[Item] = field(default_factory=list)
    last_at: str = ""
    minute: int = 0


# ---------------------------------------------------------------------- kept when sealing


def keep(connection: Connection, heads: Iterable[Head]) -> None:
    """Keep what frames about to be sealed tell of items that were not stored."""
    new: dict[str, list[Item]] = {}
    for head in heads:
        for item in _turned(head):
            new.setdefault(item.source, []).append(item)
    for source, items in new.items():
        kept = [*_kept(connection, source), *items][-TURNED:]
        write_meta(connection, WORD + source, msgspec.json.encode(kept).decode())


def forget(connection: Connection) -> None:
    """Keep nothing of them any more: what a sender wrote in a wrong place may have named somebody."""
    connection.execute(delete(tables.meta).where(tables.meta.c.name.startswith(WORD, autoescape=True)))


def _kept(connection: Connection, source: str) -> list[Item]:
    word = read_meta(connection, WORD + source)
    return msgspec.json.decode(word, type=list[Item]) if word else []


def _turned(head: Head) -> list[Item]:
    return [
        Item(source=t.source, outcome=t.outcome, at=head.at, name=t.name, code=t.code, reason=t.reason, where=t.where)
        for t in head.turned
    ]


# ---------------------------------------------------------------------- looking


def told(
    inbox: Inbox, sources: Sequence[str], *, most: int = TURNED, now: dt.datetime | None = None
) -> dict[str, Told]:
    """The last items of sources, as of one moment: no frame is left out or told twice, whoever seals meanwhile.

    Args:
        inbox: Whose.
        sources: Their names.
        most: Items of each at most; with 0 no row is read.
        now: The end of the minute that is counted.
    """
    since = ((now or dt.datetime.now(dt.UTC)) - dt.timedelta(seconds=MINUTE)).isoformat(timespec="microseconds")
    for _ in range(LOOKS):
        mark, found = _sealed(inbox, sources, most, since)
        waiting = list(frames.unsealed(inbox.journal, mark))
        if Mark.read(inbox.state.get(frames.MARK)) == mark:
            break
    for frame in reversed(waiting):
        _add(found, frame, most, since)
    return {source: _newest(found[source], most) for source in sources}


def _newest(told: Told, most: int) -> Told:
    told.last_at = max([told.last_at, *(i.at for i in told.items)])
    told.items = sorted(told.items, key=lambda i: i.at, reverse=True)[:most]
    return told


def _sealed(inbox: Inbox, sources: Sequence[str], most: int, since: str) -> tuple[Mark, dict[str, Told]]:
    """How far journals are sealed, and what the log tells up to there."""
    segments = tables.segments
    found = {source: Told() for source in sources}
    files: dict[str, list[Any]] = {}
    with inbox.state.reading() as connection:
        mark = Mark.read(read_meta(connection, frames.MARK))
        recent = select(segments.c.source, func.sum(segments.c.rows)).where(segments.c.received_at >= since)
        for source, rows in connection.execute(recent.group_by(segments.c.source)):
            if source in found:
                found[source].minute = int(rows)
        for source in sources:
            found[source].items = _kept(connection, source)[::-1]
            wanted = select(segments).where(segments.c.source == source)
            newest = wanted.order_by(segments.c.last_position.desc()).limit(NEWEST)
            files[source] = list(connection.execute(newest).mappings())
    for source, rows in files.items():
        found[source].last_at = rows[0]["received_at"] if rows else ""
        for row in rows if most else ():
            found[source].items += _rows_of(inbox, row, most)
    return mark, found


def _rows_of(inbox: Inbox, segment: Any, most: int) -> list[Item]:
    """The last rows of a segment; none of one that was merged or rewritten a moment ago."""
    from pyarrow import parquet  # noqa: PLC0415  heavy, and for those who look

    try:
        with parquet.ParquetFile(inbox.directory / segment["file"], memory_map=True) as file:
            columns = [c for c in (*SHOWN, ERASED, RECEIVED) if c in file.schema_arrow.names]
            table = file.read(columns=columns)
    except (OSError, pa.ArrowException):
        return []
    return _items(table, segment["source"], segment["kind"], segment["received_at"], most)


def _items(table: pa.Table, source: str, kind: str, at: str, most: int) -> list[Item]:
    """The last rows of a table as items, newest first; those erased left out."""
    last = table.slice(max(0, table.num_rows - most))
    found = []
    for row in reversed(last.to_pylist()):
        if row.get(ERASED):
            continue
        who = next((str(row[n]) for n in ("person", "account", "anonymous") if row.get(n)), "")
        own = row.get(RECEIVED)  # in a merged segment
        moment = own.replace(tzinfo=dt.UTC).isoformat(timespec="microseconds") if own else at
        found.append(Item(source=source, outcome="stored", at=moment, name=str(row.get("name") or kind), who=who))
    return found


def _add(found: dict[str, Told], frame: Frame, most: int, since: str) -> None:
    """What a frame that is not sealed tells."""
    head = frame.head
    for item in reversed(_turned(head)):
        if item.source in found:
            found[item.source].items.append(item)
    body: memoryview | None = None
    at = 0
    for lot in head.lots:
        told_ = found.get(lot.source)
        if told_ is not None and lot.size:
            told_.minute += lot.rows if head.at >= since else 0
            told_.last_at = max(told_.last_at, head.at)
            if sum(i.at >= head.at for i in told_.items) < most:
                body = body if body is not None else frame.body()
                if body is not None:
                    rows = pa.ipc.open_stream(pa.py_buffer(body[at : at + lot.size])).read_all()
                    told_.items += _items(rows, lot.source, lot.kind, head.at, most)
        at += lot.size + 16 * lot.repeats
