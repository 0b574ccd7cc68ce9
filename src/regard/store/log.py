"""What the log holds, as state tells it: segments, batches, what was undone, what was repeated."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, select

from regard.store import tables
from regard.store.state import read_meta

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy import Connection

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
    """One sealed file of the inbox."""

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


def position(connection: Connection) -> int:
    """The log position: how many positions were given out."""
    return int(read_meta(connection, "position", "0"))


def last_end(connection: Connection) -> int:
    """The position after the last row: undoing and erasing give out positions that no row has."""
    last = connection.execute(select(func.max(tables.segments.c.last_position))).scalar()
    return 0 if last is None else int(last) + 1


def segments(connection: Connection, *, since: int = 0, kind: str | None = None) -> list[Segment]:
    """Segments from a position on, in log order."""
    table = tables.segments
    statement = select(table).where(table.c.first_position >= since).order_by(table.c.first_position)
    if kind is not None:
        statement = statement.where(table.c.kind == kind)
    return [Segment(**row) for row in connection.execute(statement).mappings()]


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
        self._first = np.zeros(0, np.int64)
        self._last = np.zeros(0, np.int64)
        self._kept = np.zeros((2, 0), np.int64)
        if self.undone:
            self._load(connection)

    def _load(self, connection: Connection) -> None:
        table, batches = tables.segments.c, tables.batches.c
        gone = select(table.first_position, table.last_position).join(tables.batches, batches.id == table.batch)
        gone = gone.where(batches.undone.is_not(None)).order_by(table.first_position)
        ranges = np.array([tuple(row) for row in connection.execute(gone)], np.int64).reshape(-1, 2)
        self._first, self._last = ranges[:, 0].copy(), ranges[:, 1].copy()
        blobs = select(tables.repeats.c.ranges).where(tables.repeats.c.batch.not_in(self.undone))
        kept = [unpacked(blob) for blob in connection.execute(blobs).scalars()]
        if kept:
            self._kept = _united(np.concatenate(kept, axis=1))

    def stands(self, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the row at each position stands; positions must be of the log."""
        if not self.undone or not len(self._first):
            return np.ones(len(positions), bool)
        place = np.searchsorted(self._first, positions, side="right") - 1
        dead = (place >= 0) & (positions <= self._last[np.maximum(place, 0)])
        if not dead.any() or not self._kept.shape[1]:
            return np.logical_not(dead)
        at = np.searchsorted(self._kept[0], positions, side="right") - 1
        kept = (at >= 0) & (positions <= self._kept[1][np.maximum(at, 0)])
        standing: NDArray[np.bool_] = ~dead | kept
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
