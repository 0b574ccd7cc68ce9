"""What the one process that takes signals in knows: ids of the log, ids not sealed yet, who was erased, room left.

A look at SQLite's own count of changes, some microseconds, tells whether state moved since; only then is it read again.
Runs of the id index are mapped here anew, under no lock: one that was merged away meanwhile only means to look again.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select

from regard.errors import Busy
from regard.store import disk, frames, heldback, ids, log, tables
from regard.store.arrivals import erased_rows
from regard.store.frames import Mark
from regard.store.log import Liveness
from regard.store.state import read_meta

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    import pyarrow as pa
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from regard.store.inbox import Inbox

UNSEALED = 1_000_000
"""Ids kept in memory until their journal is sealed; beyond that, more is refused for the moment."""

LOOKS = 5
FIRST_WAIT = 60.0
"""Seconds to wait at the start for whoever makes the index again."""


class Known:
    """Ids and the like, as one process keeps them in mind.

    Args:
        inbox: Whose.
        engine: A DuckDB to hash with.
    """

    def __init__(self, inbox: Inbox, engine: duckdb.DuckDBPyConnection) -> None:
        self._inbox, self._engine = inbox, engine
        path = f"{inbox.state.path.resolve().as_uri()}?mode=ro"
        self._watch = sqlite3.connect(path, uri=True, timeout=30, isolation_level=None, check_same_thread=False)
        self._version = -1
        self._runs: dict[str, ids.Ids] = {}
        self._alive: Liveness | None = None
        self._tombstones: list[str] = []
        self._salt = ""
        self._room: dict[str, int] = {}
        self._unsealed: dict[bytes, int] = {}
        self._frames: deque[tuple[Mark, tuple[bytes, ...], Mapping[str, int]]] = deque()

    def refresh(self) -> None:
        """Catch up with state where it moved.

        Raises:
            Busy: Sealing is so far behind that memory would run out.
        """
        version = self._watch.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._version = version if self._read() else -1
        if len(self._unsealed) > UNSEALED:
            told = "More was received than is sealed."
            raise Busy(told, hint="Try again in a few seconds. If it stays so, see whether settling fails.")

    def _read(self) -> bool:
        """Read state; False where the index is being made again, and what is known of it stays for the moment."""
        for _ in range(LOOKS):
            with self._inbox.state.reading() as connection:
                if self._open_runs(connection):
                    self._take(connection)
                    return True
        try:
            with self._inbox.appending(wait=FIRST_WAIT if self._alive is None else 0):
                with self._inbox.state.writing() as connection:
                    self._inbox.runs(connection)  # made whole from the segments
                with self._inbox.state.reading() as connection:
                    whole = self._open_runs(connection)
                    self._take(connection)
                    return whole
        except Busy:  # by whoever erases: rows of theirs are told by their tombstones, not by the index
            if self._alive is None:
                raise
            with self._inbox.state.reading() as connection:
                self._take_tombstones(connection)
            return False

    def _open_runs(self, connection: Connection) -> bool:
        """Map what is new of the index; False where it is not whole, or is being merged right now."""
        if int(read_meta(connection, "ids_position", "0")) < log.last_end(connection):
            return False
        runs: dict[str, ids.Ids] = {}
        for row in connection.execute(select(tables.id_runs).order_by(tables.id_runs.c.id)).mappings():
            name, path = row["file"], self._inbox.ids / row["file"]
            if name not in self._runs:
                if not disk.is_as_written(path, size=row["size"], mtime_ns=row["mtime_ns"], digest=row["checksum"]):
                    return False
                try:
                    runs[name] = ids.open_run(path, row["rows"])
                except (OSError, ValueError):
                    return False
            else:
                runs[name] = self._runs[name]
        self._runs = runs
        return True

    def _take(self, connection: Connection) -> None:
        self._alive = Liveness(connection)
        self._take_tombstones(connection)
        self._room = {}
        mark = Mark.read(read_meta(connection, frames.MARK))
        while self._frames and self._frames[0][0] <= mark:
            _, new, _ = self._frames.popleft()
            for key in new:
                self._unsealed.pop(key, None)

    def _take_tombstones(self, connection: Connection) -> None:
        self._tombstones = list(connection.execute(select(tables.tombstones.c.hash)).scalars())
        self._salt = read_meta(connection, "tombstone_key")

    # ------------------------------------------------------------------ asking

    def unsealed(self, key: bytes) -> int | None:
        """The check of an id that is in the journal only; None where it is not."""
        return self._unsealed.get(key)

    def find(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> tuple[NDArray[np.bool_], NDArray[np.uint64]]:
        """Whether the log holds each id, in a row that stands, and its check.

        Args:
            high: High halves, in any order.
            low: Low halves.
        """
        order = ids.order_of(high, low)
        position, check = ids.find(list(self._runs.values()), high[order], low[order])
        known = position >= 0
        if known.any() and self._alive is not None:
            known[known] = self._alive.stands(position[known])
        there, checks = np.empty(len(order), bool), np.empty(len(order), np.uint64)
        there[order], checks[order] = known, check
        return there, checks

    def erased(self, table: pa.Table) -> NDArray[np.bool_]:
        """Which rows name somebody who was erased."""
        if not self._tombstones:
            return np.zeros(table.num_rows, bool)
        return erased_rows(self._engine, table, self._salt, self._tombstones)

    def room(self, source: str) -> int:
        """How many more items of a source may be held back."""
        if source not in self._room:
            held = tables.held.c
            open_ = select(func.count()).where(held.state == heldback.OPEN, held.source == source)
            with self._inbox.state.reading() as connection:
                kept = int(connection.execute(open_).scalar_one())
            coming = sum(items.get(source, 0) for _, _, items in self._frames)
            self._room[source] = self._inbox.most_held - kept - coming
        return self._room[source]

    def remember(self, end: Mark, new: Mapping[bytes, int], held: Mapping[str, int]) -> None:
        """Keep in mind what a frame brought, until it is sealed.

        Args:
            end: Where the frame ends.
            new: Ids stored, and their checks.
            held: Items held back per source.
        """
        self._unsealed.update(new)
        self._frames.append((end, tuple(new), held))
        for source, items in held.items():
            if source in self._room:
                self._room[source] -= items

    def close(self) -> None:
        """Let go of state."""
        self._watch.close()
