"""What the log holds, as state tells it: segments, batches, what was undone, what was repeated."""

from __future__ import annotations

import datetime as dt
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select

from regard.store import tables
from regard.store.state import read_meta

if TYPE_CHECKING:
    from collections.abc import Collection

    import pyarrow as pa
    from numpy.typing import NDArray
    from sqlalchemy import ColumnElement, Connection

POSITION, RECEIVED = "position", "received_at"
"""Columns of a merged segment that say of each row what of others is known of them all."""

OUTCOMES = ("received", "stored", "duplicate", "held_back", "refused")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of rows: received is always the sum of the other four."""

    received: int = 0
    stored: int = 0
    duplicate: int = 0
    held_back: int = 0
    refused: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(**{name: getattr(self, name) + getattr(other, name) for name in OUTCOMES})

    def as_dict(self) -> dict[str, int]:
        """The five counts by name."""
        return {name: getattr(self, name) for name in OUTCOMES}


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One sealed file of the inbox.

    Attributes:
        merged: Whether it was made of several: its rows then tell their positions and when they were received, in
            columns of the file, and positions between them may belong to other segments.
    """

    id: int
    batch: int
    source: str
    kind: str
    file: str
    rows: int
    first_position: int
    last_position: int
    received_at: str
    size: int
    mtime_ns: int
    checksum: str
    merged: bool

    def positions(self, rows: pa.Table) -> NDArray[np.int64]:
        """The position of each of its rows, ascending.

        Args:
            rows: All of them as read; those of a merged segment with the column of positions.
        """
        if self.merged:
            return np.asarray(rows[POSITION].to_numpy(), np.int64)
        return np.arange(self.first_position, self.last_position + 1)


def moment(received: str) -> dt.datetime:
    """A segment's moment of receipt as a time in UTC that names no zone, as the lake keeps it."""
    return dt.datetime.fromisoformat(received).astimezone(dt.UTC).replace(tzinfo=None)


def position(connection: Connection) -> int:
    """The log position: how many positions were given out."""
    return int(read_meta(connection, "position", "0"))


def last_end(connection: Connection) -> int:
    """The position after the last row: undoing and erasing give out positions that no row has."""
    last = connection.execute(select(func.max(tables.segments.c.last_position))).scalar()
    return 0 if last is None else int(last) + 1


def segments(
    connection: Connection, *, since: int = 0, kinds: Collection[str] | None = None, batch: int | None = None
) -> list[Segment]:
    """Segments with any row from a position on, in the order of their first rows; reads no more than those.

    Args:
        connection: A state connection.
        since: The position.
        kinds: Only these.
        batch: Only this one.
    """
    table = tables.segments
    plain = [column for column in table.columns if column.name != "positions"]
    statement = select(*plain, table.c.positions.is_not(None).label("merged")).order_by(table.c.first_position)
    if since:
        statement = statement.where(table.c.last_position >= since)
    if kinds is not None:
        statement = statement.where(table.c.kind.in_(kinds))
    if batch is not None:
        statement = statement.where(table.c.batch == batch)
    return [Segment(**row) for row in connection.execute(statement).mappings()]


def files(connection: Connection) -> set[str]:
    """The names of all segments' files."""
    return set(connection.execute(select(tables.segments.c.file)).scalars())


def ranges(connection: Connection, *which: ColumnElement[bool]) -> NDArray[np.int64]:
    """The positions of some segments' rows as disjoint ranges (first, last), ascending, shape (2, n)."""
    table = tables.segments.c
    statement = select(table.first_position, table.last_position, table.positions).where(*which)
    one, many = [], []
    for first, last, positions in connection.execute(statement):
        if positions is None:
            one.append((first, last))
        else:
            many.append(unpacked(positions))
    found = np.concatenate([np.array(one, np.int64).reshape(-1, 2).T, *many], axis=1)
    return np.ascontiguousarray(found[:, np.argsort(found[0], kind="stable")])


def within(positions: NDArray[np.int64], found: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which positions lie in any of the ranges."""
    if not found.shape[1]:
        return np.zeros(len(positions), bool)
    at = np.searchsorted(found[0], positions, side="right") - 1
    inside: NDArray[np.bool_] = (at >= 0) & (positions <= found[1][np.maximum(at, 0)])
    return inside


def packed(positions: NDArray[np.int64]) -> bytes:
    """Ascending positions as compressed ranges: repeats of a file mostly follow one another."""
    if not len(positions):
        return b""
    gap = np.flatnonzero(np.diff(positions) != 1)
    first = positions[np.concatenate([[0], gap + 1])]
    last = positions[np.concatenate([gap, [len(positions) - 1]])]
    ranges = np.stack([np.diff(first, prepend=0), last - first]).astype("<i8")
    return zlib.compress(ranges.tobytes(), 1)


def unpacked(data: bytes) -> NDArray[np.int64]:
    """The (first, last) ranges of `packed`, shape (2, n)."""
    if not data:
        return np.zeros((2, 0), np.int64)
    ranges = np.frombuffer(zlib.decompress(data), "<i8").reshape(2, -1)
    first = np.cumsum(ranges[0])
    return np.stack([first, first + ranges[1]])


class Liveness:
    """Which positions belong to rows that still stand, where batches were undone.

    A row stands when its batch stands, or when a batch that stands brought the same row again.

    Args:
        connection: A state connection.
    """

    def __init__(self, connection: Connection) -> None:
        batches = tables.batches
        undone = select(batches.c.id).where(batches.c.undone.is_not(None))
        self.undone = set(connection.execute(undone).scalars())
        self._gone = self._kept = np.zeros((2, 0), np.int64)
        if self.undone:
            self._load(connection)

    def _load(self, connection: Connection) -> None:
        undone = select(tables.batches.c.id).where(tables.batches.c.undone.is_not(None))
        self._gone = ranges(connection, tables.segments.c.batch.in_(undone))
        blobs = select(tables.repeats.c.ranges).where(tables.repeats.c.batch.not_in(undone))
        kept = [unpacked(blob) for blob in connection.execute(blobs).scalars()]
        if kept:
            self._kept = _united(np.concatenate(kept, axis=1))

    def stands(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the row at each position stands; positions must be of the log."""
        dead = within(positions, self._gone)
        if not dead.any() or not self._kept.shape[1]:
            return np.logical_not(dead)
        standing: NDArray[np.bool_] = ~dead | within(positions, self._kept)
        return standing


def _united(ranges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Overlapping ranges as disjoint ones, ascending."""
    ranges = ranges[:, np.argsort(ranges[0], kind="stable")]
    reach = np.maximum.accumulate(ranges[1])
    starts = np.ones(ranges.shape[1], bool)
    starts[1:] = ranges[0][1:] > reach[:-1]
    at = np.flatnonzero(starts)
    ends = np.concatenate([at[1:] - 1, [ranges.shape[1] - 1]])
    return np.stack([ranges[0][at], reach[ends]])
