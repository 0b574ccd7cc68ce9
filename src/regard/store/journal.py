"""The journal: where signals are durable the moment they are acknowledged, before they are sealed into segments.

One process takes signals in. What came together, of many requests, sources and kinds, is one frame, written and flushed
once: after that flush every row of it is acknowledged with its outcome. So a commit costs one short write however large
the log is; segments, counts and the id index follow when the journal is sealed (`sealing`), in another process.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

import duckdb
import msgspec
import numpy as np
import pyarrow as pa

from regard.errors import RegardError, UnknownName
from regard.store import disk, frames, heldback, rows
from regard.store.arrivals import ID_COLUMNS
from regard.store.frames import Mark, Turned
from regard.store.known import Known
from regard.store.state import now_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from numpy.typing import NDArray

    from regard.store.heldback import Held
    from regard.store.inbox import Inbox

NOT_TAKEN, NOT_TAKEN_WHY = (
    "not_taken",
    "It names somebody who was erased, or too much of this source is held back already.",
)
STORED, DUPLICATE, HELD, REFUSED = 0, 1, 2, 3
"""Outcome of a row: kept; known already; kept aside, its message id being known with other content; not taken, because
it names somebody who was erased, or because too much of its source is held back."""

TOLD = {
    DUPLICATE: ("duplicate", "", ""),
    HELD: ("held_back", heldback.CONFLICT, heldback.CONFLICT_WHY),
    REFUSED: ("refused", NOT_TAKEN, NOT_TAKEN_WHY),
}
LONGEST_NAME = 80

FULL_BYTES = 64 << 20
FULL_SECONDS = 1.0
"""A journal of that size or age is closed and the next one begun."""


@dataclass(frozen=True, kw_only=True)
class Lot:
    """Rows of one source and kind that came together.

    Attributes:
        source: Where they come from; part of every row's identity.
        kind: Kind of signal.
        table: Columns of the kind, or some of them.
        check: Per row the hash of its content as sent, for rows with a message id; None takes the columns.
    """

    source: str
    kind: str
    table: pa.Table
    check: NDArray[np.uint64] | None = None


class Journal:
    """The journal of one workspace, open for writing: one process may. Use it from any thread.

    Args:
        inbox: The workspace's inbox.

    Raises:
        Busy: Another process takes signals in.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox, self._directory = inbox, inbox.journal
        self._stack = ExitStack()
        self._turn = threading.Lock()
        self._file: _File | None = None
        lock = disk.locked(self._directory / "writer.lock", what="taking signals in", wait=1.0)
        self._stack.enter_context(lock)
        with self._stack:  # given back where opening fails
            for left in self._directory.glob(f"*{disk.TEMPORARY}"):
                left.unlink()
            inbox.seal()  # what an earlier writer left: its ids are then in the index
            self._engine = self._stack.enter_context(duckdb.connect())
            self._known = Known(inbox, self._engine)
            self._stack.callback(self._known.close)
            self._stack = self._stack.pop_all()
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._turn_over, name="journal", daemon=True)
        self._watch.start()

    def commit(
        self,
        lots: Sequence[Lot],
        *,
        refused: Mapping[str, int] | None = None,
        held: Sequence[Held] = (),
        turned: Sequence[Turned] = (),
    ) -> list[NDArray[np.uint8]]:
        """Make everything durable at once; when this returns it is acknowledged.

        Args:
            lots: Rows to be stored; of equal ids the first one counts, in this order.
            refused: Items refused before they became rows, per source, to be counted.
            held: Items that cannot become rows, to be kept aside and counted.
            turned: What people are told of those refused and held.

        Returns:
            Per lot the outcome of each row: `STORED`, `DUPLICATE`, `HELD` or `REFUSED`.

        Raises:
            UnknownName: A kind or a column is unknown; nothing was kept.
            BadInput: A column does not fit; nothing was kept.
            Busy: Too much waits to be sealed; nothing was kept.
            RegardError: The disk is full or fails. Nothing was acknowledged, and sending it again is safe.
        """
        fitted = [_fitted(lot, self._inbox) for lot in lots]
        with self._turn:
            self._known.refresh()
            file = self._open()
            draft = _Draft(self._known, self._engine, place=f"{file.number}:{file.size}")
            outcomes = [draft.add(lot, table) for lot, table in zip(lots, fitted, strict=True)]
            draft.count(refused or {}, held)
            draft.turned += turned
            if draft.counts:
                self._write(file, draft)
            return outcomes

    def _write(self, file: _File, draft: _Draft) -> None:
        head, body = draft.packed()
        try:
            file.append(frames.encoded(head, body, offset=file.size))
        except OSError as error:
            self._close_file()
            hint = "Free some space; what was acknowledged is kept, and this can be sent again."
            told = f"The journal cannot be written: {error.strerror}."
            raise RegardError(told, where=str(self._directory), hint=hint) from error
        self._known.remember(Mark(file.number, file.size), draft.new, draft.items)

    def _open(self) -> _File:
        if self._file is not None and self._file.is_full():
            self._close_file()
        if self._file is None:
            sealed = Mark.read(self._inbox.state.get(frames.MARK)).journal
            number = max(sealed, frames.highest(self._directory)) + 1
            self._file = _File(self._directory, number)
        return self._file

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _turn_over(self) -> None:
        """Close a journal that has grown old, so that it can be removed though nothing more comes."""
        while not self._closed.wait(FULL_SECONDS / 4):
            with self._turn:
                if self._file is not None and self._file.size and self._file.is_full():
                    self._close_file()

    def close(self) -> None:
        """Write no more; what waits is sealed by whoever settles next."""
        self._closed.set()
        self._watch.join()
        with self._turn:
            self._close_file()
            self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _File:
    """A journal that may grow: nobody removes it while its lock is held."""

    def __init__(self, directory: Path, number: int) -> None:
        self.number, self.size, self.began = number, 0, time.monotonic()
        path = frames.path_of(directory, number)
        temporary = path.with_name(path.name + disk.TEMPORARY)
        try:
            self._handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with ExitStack() as undo:
                undo.callback(self.close)
                fcntl.flock(self._handle, fcntl.LOCK_EX)
                temporary.rename(path)  # only now does anybody see it, locked
                disk.sync_directory(directory)
                undo.pop_all()
        except OSError as error:
            hint = "Free some space, or check who may write there."
            raise RegardError(f"No journal can be begun: {error.strerror}.", where=str(path), hint=hint) from error

    def is_full(self) -> bool:
        """Whether the next one is to be begun."""
        return self.size > FULL_BYTES or (self.size > 0 and time.monotonic() - self.began > FULL_SECONDS)

    def append(self, data: bytes) -> None:
        """Add a frame, durably; where that fails, none of it stays if that can be helped.

        Raises:
            OSError: It could not be written. Use the file no more.
        """
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
            os.fdatasync(self._handle)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._handle, self.size)
            raise
        self.size += len(data)

    def close(self) -> None:
        """Grow no more."""
        os.close(self._handle)


@dataclass
class _Draft:
    """A frame being made: each row classified, nothing written yet."""

    known: Known
    engine: duckdb.DuckDBPyConnection
    place: str
    at: str = field(default_factory=now_text)
    new: dict[bytes, int] = field(default_factory=dict)
    items: dict[str, int] = field(default_factory=dict)
    counts: dict[str, frames.Counts] = field(default_factory=dict)
    lots: list[frames.LotHead] = field(default_factory=list)
    body: list[bytes | memoryview] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    turned: list[Turned] = field(default_factory=list)

    def add(self, lot: Lot, table: pa.Table) -> NDArray[np.uint8]:
        """Classify the rows of a lot, and keep what is to be written of them."""
        if not table.num_rows:
            return np.zeros(0, np.uint8)
        identity, single = self._identities(lot, table)
        keys = np.stack([identity.high, identity.low], axis=1).view("V16").ravel().tolist()
        erased = self.known.erased(table)
        outcome = self._classified(identity, keys, ~single & ~erased)
        outcome[erased] = REFUSED
        self._hold_rows(lot, table, outcome)
        self._turn(lot, table, outcome)
        stored = outcome == STORED
        self.new.update(self._ids(keys, identity.check, stored & ~single))
        self._keep(lot, table, identity, outcome)
        found = np.bincount(outcome, minlength=4).tolist()
        counts = (len(outcome), found[STORED], found[DUPLICATE], found[HELD], found[REFUSED])
        frames.added(self.counts, {lot.source: counts})
        return outcome

    def _identities(self, lot: Lot, table: pa.Table) -> tuple[rows.Identities, NDArray[np.bool_]]:
        """The identity of each row, and which rows have neither message id nor key: each is one of its own."""
        named = rows.present(table, "message_id")
        single = ~named & ~rows.present(table, "key")
        high, low, check = (np.zeros(table.num_rows, np.uint64) for _ in range(3))
        if not (named | single).all() or (named.any() and lot.check is None):
            high, low = rows.content(self.engine, kind=lot.kind, source=lot.source, table=table)
        if named.any():
            check[named] = low[named] if lot.check is None else np.asarray(lot.check, np.uint64)[named]
            messages = table["message_id"].drop_null().to_pylist()
            high[named], low[named] = rows.of_messages(messages, kind=lot.kind, source=lot.source)
        if single.any():
            place = f"journal {self.place}:{len(self.lots)}".encode()
            own = np.frombuffer(hashlib.md5(place, usedforsecurity=False).digest(), "<u8")
            number = rows.mixed(np.arange(1, 1 + int(single.sum()), dtype=np.uint64))
            high[single], low[single] = own[1] + number, own[0] ^ number
        return rows.Identities(high, low, check), single

    def _classified(self, identity: rows.Identities, keys: list[bytes], which: NDArray[np.bool_]) -> NDArray[np.uint8]:
        """The outcome of the chosen rows, in the order they came; `STORED` for the others."""
        outcome = np.zeros(len(keys), np.uint8)
        asked = np.flatnonzero(which)
        there, checks = self.known.find(identity.high[asked], identity.low[asked])
        own, first = identity.check.tolist(), self.new | {}
        unsealed = self.known.unsealed
        for row, known, check in zip(asked.tolist(), there.tolist(), checks.tolist(), strict=True):
            key = keys[row]
            before = first.get(key)
            if before is None:
                before = unsealed(key)
            if before is None and known:
                before = check
            if before is None:
                first[key] = own[row]
            else:
                outcome[row] = DUPLICATE if before == own[row] else HELD
        return outcome

    @staticmethod
    def _ids(keys: list[bytes], check: NDArray[np.uint64], which: NDArray[np.bool_]) -> dict[bytes, int]:
        chosen = np.flatnonzero(which)
        return dict(zip([keys[row] for row in chosen.tolist()], check[chosen].tolist(), strict=True))

    def _hold_rows(self, lot: Lot, table: pa.Table, outcome: NDArray[np.uint8]) -> None:
        """Keep rows aside whose message id is known with other content, as far as there is room."""
        aside = np.flatnonzero(outcome == HELD)
        if not len(aside):
            return
        room = max(0, self.known.room(lot.source) - self.items.get(lot.source, 0))
        outcome[aside[room:]] = REFUSED
        chosen = table.take(pa.array(aside[:room]))
        self.held += heldback.of_rows(lot.kind, chosen, source=lot.source, at=self.at)
        self.items[lot.source] = self.items.get(lot.source, 0) + len(aside[:room])

    def _turn(self, lot: Lot, table: pa.Table, outcome: NDArray[np.uint8]) -> None:
        """Say of the last rows that are not stored what they are called and what became of them."""
        last = np.flatnonzero(outcome != STORED)[-frames.TURNED :]
        if not len(last):
            return
        names = table["name"].take(pa.array(last)).to_pylist() if "name" in table.column_names else []
        for row, name in zip_longest(last.tolist(), names):
            told, code, reason = TOLD[int(outcome[row])]
            self.turned.append(Turned(lot.source, told, (name or lot.kind)[:LONGEST_NAME], code, reason))

    def _keep(self, lot: Lot, table: pa.Table, identity: rows.Identities, outcome: NDArray[np.uint8]) -> None:
        """The rows that are new as an Arrow stream, with their ids; the ids of those that are known."""
        new, seen = outcome == STORED, outcome == DUPLICATE
        size = 0
        if new.any():
            for name, column in zip(ID_COLUMNS, (identity.high, identity.low, identity.check), strict=True):
                table = table.append_column(name, pa.array(column))
            stream = _stream(table if new.all() else table.filter(pa.array(new)))
            size = len(stream)
            self.body.append(stream)
        if seen.any():
            self.body.append(np.stack([identity.high[seen], identity.low[seen]], axis=1).astype("<u8").tobytes())
        head = frames.LotHead(lot.source, lot.kind, int(new.sum()), size, int(seen.sum()))
        self.lots.append(head)

    def count(self, refused: Mapping[str, int], held: Sequence[Held]) -> None:
        """Count what never became rows."""
        for source, number in refused.items():
            if number:
                frames.added(self.counts, {source: (number, 0, 0, 0, number)})
        for item in held:
            frames.added(self.counts, {item.source: (1, 0, 0, 1, 0)})
            self.items[item.source] = self.items.get(item.source, 0) + 1
        self.held += held

    def packed(self) -> tuple[frames.Head, list[bytes | memoryview]]:
        """Head and body of the frame."""
        items = msgspec.json.encode(self.held) if self.held else b""
        head = frames.Head(at=self.at, counts=self.counts, lots=self.lots, held=len(items), turned=last(self.turned))
        return head, [*self.body, items]


def last(turned: Iterable[Turned]) -> list[Turned]:
    """The last of each source, as many as people are told of."""
    room: dict[str, int] = {}
    kept = []
    for item in reversed(list(turned)):
        if room.setdefault(item.source, frames.TURNED):
            room[item.source] -= 1
            kept.append(item)
    return kept[::-1]


def _fitted(lot: Lot, inbox: Inbox) -> pa.Table:
    if lot.kind not in inbox.schemas:
        raise UnknownName("kind of signal", lot.kind, inbox.schemas)
    return rows.fitted(lot.kind, lot.table, inbox.schemas[lot.kind])


def _stream(table: pa.Table) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return memoryview(sink.getvalue())
