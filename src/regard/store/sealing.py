"""Sealing: what the journal acknowledged becomes segments, ids and counts of the log.

One transaction of state brings in a portion of frames and says how far the journals are sealed, so that a process
killed between any two steps leaves each frame either sealed or not. Every row is classified once more: what a file
brought in the meantime is a duplicate here. Journals are removed when nothing of them is left; one that holds broken
bytes stays aside as ``*.damaged``.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
from sqlalchemy import insert, update

from regard.errors import Busy
from regard.store import coded, frames, heldback, ids, latest, log, tables
from regard.store.arrivals import ID_COLUMNS, Arrival, Origin, add_counts, batch_row
from regard.store.frames import Broken, Frame, Mark
from regard.store.log import OUTCOMES, Outcome
from regard.store.rows import Identities
from regard.store.state import inserted, now_text, read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from regard.errors import Damaged
    from regard.store.inbox import Inbox

ROWS, BYTES = 1 << 18, 64 << 20
"""Rows, and bytes of frames, sealed in one transaction, about."""

DAMAGED = ".damaged"


def seal(inbox: Inbox) -> list[Damaged]:
    """Bring everything acknowledged so far into the log.

    Returns:
        What of the journals was not what was written, newly found; it is in the record, too.

    Raises:
        Busy: Another process kept the inbox too long.
    """
    if not frames.journals(inbox.journal):
        return []
    with inbox.appending():
        return seal_held(inbox)


def seal_held(inbox: Inbox) -> list[Damaged]:
    """Seal, the right to append being held."""
    if not frames.journals(inbox.journal):
        return []
    told: list[Damaged] = []
    while (portion := _portion(inbox)) is not None:
        told += [broken.error() for broken in portion.broken]
        _bring_in(inbox, portion)
    _remove(inbox)
    return told


@dataclass
class _Portion:
    """Frames sealed together: received within the same minute, and not too many of them."""

    mark: Mark
    frames: list[tuple[Frame, memoryview]] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    rows: int = 0
    size: int = 0

    def takes(self, frame: Frame) -> bool:
        """Whether a frame may come in, too."""
        if not self.frames:
            return True
        same_minute = self.frames[0][0].head.at[:16] == frame.head.at[:16]
        return same_minute and self.rows < ROWS and self.size < BYTES

    def add(self, frame: Frame) -> None:
        """Take a frame in, or tell that it is broken."""
        body = frame.body()
        if body is None:
            self.broken.append(frame.broken())
        else:
            self.frames.append((frame, body))
            self.size += len(body)
            self.rows += sum(lot.rows + lot.repeats for lot in frame.head.lots)


def _mark(inbox: Inbox) -> Mark:
    return Mark.read(inbox.state.get(frames.MARK))


def _portion(inbox: Inbox) -> _Portion | None:
    """The next frames after the mark; None when there are none."""
    since = _mark(inbox)
    portion = _Portion(since)
    for number, path in frames.journals(inbox.journal):
        if number < since.journal:
            continue
        closed = frames.is_closed(path)  # asked first: what is closed now does not grow any more
        for found in frames.scan(path, since.offset if number == since.journal else 0):
            if isinstance(found, Broken):
                if found.tail and not closed:
                    break  # its writer may be in the middle of it
                if not found.torn:
                    portion.broken.append(found)
            elif portion.takes(found):
                portion.add(found)
            else:
                return portion
            portion.mark = Mark(number, found.end)
    return portion if portion.mark != since else None


def _bring_in(inbox: Inbox, portion: _Portion) -> None:
    with inbox.state.writing() as connection:
        outdated = _Sealing(inbox, connection, portion).run()
        for broken in portion.broken:
            told = {"file": f"journal/{broken.path.name}", "from": broken.offset, "to": broken.end}
            row = {"at": now_text(), "name": "damaged", "by": "", "arguments": json.dumps(told)}
            connection.execute(insert(tables.record).values(row))
        write_meta(connection, frames.MARK, str(portion.mark))
    inbox.forget_runs(outdated)


@dataclass
class _Group:
    """Rows of one source and kind, out of all frames of a portion."""

    rows: list[pa.Table] = field(default_factory=list)
    seen: list[memoryview] = field(default_factory=list)


class _Sealing:
    """A portion on its way into the log, in one transaction."""

    def __init__(self, inbox: Inbox, connection: Connection, portion: _Portion) -> None:
        self.inbox, self.connection = inbox, connection
        self.frames = portion.frames
        self.groups: dict[tuple[str, str], _Group] = {}
        self.held: dict[str, list[heldback.Held]] = {}

    def run(self) -> list[str]:
        """Bring everything in; returns runs of the id index to be removed."""
        if not self.frames:
            return []
        counts: dict[str, frames.Counts] = {}
        for frame, body in self.frames:
            frames.added(counts, frame.head.counts)
            self._unpack(frame, body)
        received = self.frames[0][0].head.at
        latest.keep(self.connection, [frame.head for frame, _ in self.frames])
        batches = {source: _batch_of(self.connection, source, received[:10]) for source in counts}
        total = {s: self._told(batches[s], s, counts[s]) for s in counts}
        runs, fresh = self.inbox.runs(self.connection), []
        for (source, kind), group in self.groups.items():
            outcome, new = self._enter(Origin(batches[source], source), kind, group, runs, received)
            total[source] += outcome
            fresh.append(new)
        for source, outcome in total.items():
            add_counts(self.connection, batches[source], outcome)
        new = ids.joined(fresh) if fresh else ids.NONE
        if not len(new):
            return []
        return self.inbox.remember(self.connection, new.sorted_newest(), until=log.position(self.connection))

    def _told(self, batch: int, source: str, counts: frames.Counts) -> Outcome:
        """The outcomes as they were told, but for rows stored: those are classified once more."""
        told = Outcome(**dict(zip(OUTCOMES, counts, strict=True)))
        items = self.held.get(source, [])
        over = len(items) - heldback.keep(self.connection, batch, items, most=self.inbox.most_held)
        return Outcome(
            received=told.received - told.stored,
            duplicate=told.duplicate,
            held_back=told.held_back - over,
            refused=told.refused + over,
        )

    def _unpack(self, frame: Frame, body: memoryview) -> None:
        at = 0
        for lot in frame.head.lots:
            group = self.groups.setdefault((lot.source, lot.kind), _Group())
            if lot.size:
                group.rows.append(pa.ipc.open_stream(pa.py_buffer(body[at : at + lot.size])).read_all())
            at += lot.size
            if lot.repeats:
                group.seen.append(body[at : at + 16 * lot.repeats])
            at += 16 * lot.repeats
        if frame.head.held:
            for item in msgspec.json.decode(body[at : at + frame.head.held], type=list[heldback.Held]):
                self.held.setdefault(item.source, []).append(item)

    def _enter(
        self, batch: Origin, kind: str, group: _Group, runs: list[ids.Ids], received: str
    ) -> tuple[Outcome, ids.Ids]:
        table = coded.joined(group.rows) if group.rows else pa.table(dict.fromkeys(ID_COLUMNS, _NO_IDS))
        identity = Identities(*(np.asarray(table[name]) for name in ID_COLUMNS))
        arrival = Arrival(self.inbox, batch, kind, table.drop_columns(list(ID_COLUMNS)), identity)
        return arrival.enter(self.connection, runs, received=received, seen=_seen(group.seen))


_NO_IDS = pa.array([], pa.uint64())


def _seen(parts: list[memoryview]) -> ids.Ids:
    """Ids of rows that were known when they came."""
    words = np.frombuffer(b"".join(parts), "<u8").reshape(-1, 2)
    nothing = np.zeros(len(words), np.int64)
    return ids.Ids(words[:, 0].copy(), words[:, 1].copy(), nothing, nothing.view(np.uint64))


def _batch_of(connection: Connection, source: str, day: str) -> int:
    """The batch of what a source sent on a day, begun with its first signal, and again once it was undone."""
    word = f"intake.{source}"
    known_day, _, known = read_meta(connection, word).partition(" ")
    if known:
        row = batch_row(connection, int(known))
        if known_day == day and row["undone"] is None:
            return int(known)
        if row["finished"] is None:
            found = update(tables.batches).where(tables.batches.c.id == int(known))
            connection.execute(found.values(finished=now_text()))
    new = {
        "source": source,
        "files": json.dumps([f"signals received on {day}"]),
        "mapping": "",
        "mapping_sha": "",
        "started": now_text(),
        **dict.fromkeys(OUTCOMES, 0),
    }
    key = inserted(connection, tables.batches, new)
    write_meta(connection, word, f"{day} {key}")
    return key


def _remove(inbox: Inbox) -> None:
    """Remove journals that are sealed to their end; set aside those that are damaged."""
    mark = _mark(inbox)
    for number, path in frames.journals(inbox.journal):
        if number > mark.journal or not frames.is_closed(path):
            continue
        if number == mark.journal and path.stat().st_size > mark.offset:
            continue
        if breaks(path):
            path.replace(path.with_name(path.name + DAMAGED))
        else:
            path.unlink(missing_ok=True)


def emptied(inbox: Inbox, *, wait: float = 30.0) -> None:
    """Seal, and wait until every journal begun before now is removed, sealed frames and all.

    Raises:
        Busy: Whoever takes signals in did not close its journal in time.
    """
    newest, until = frames.highest(inbox.journal), time.monotonic() + wait
    while True:
        seal(inbox)
        left = [path for number, path in frames.journals(inbox.journal) if number <= newest]
        if not any(path.stat().st_size for path in left if path.exists()):
            return
        if time.monotonic() > until:
            told = "The process that takes signals in keeps its journal open."
            raise Busy(told, where=str(left[0]), hint="Stop it, then try again.")
        time.sleep(0.05)


def damage(inbox: Inbox) -> Iterator[Damaged]:
    """What of the journals is not what was written, those set aside included."""
    for path in sorted(inbox.journal.glob(f"*{frames.ENDING}{DAMAGED}")):
        yield from (broken.error() for broken in breaks(path))
    for _, path in frames.journals(inbox.journal):
        yield from (broken.error() for broken in breaks(path) if not broken.tail or frames.is_closed(path))


def breaks(path: Path) -> list[Broken]:
    """What of a journal is not what was written; a torn tail was never acknowledged and is left out."""
    found: list[Broken] = []
    for each in frames.scan(path):
        if isinstance(each, Broken):
            found += [] if each.torn else [each]
        elif each.body() is None:
            found.append(each.broken())
    return found
