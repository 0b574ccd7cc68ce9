"""Merging: small segments of one batch and kind become larger ones, so that what looks at each looks at few.

Signals that come without a pause make a segment per source and kind every few seconds. Whoever settles merges those
that are settled: six of one size become one of the next, up to the size of a chunk, so that each row is written again
a few times at most. Positions of several sources and kinds interleave: a merged segment tells the position of each row,
and when it was received, in columns of its own, and state keeps the ranges. It takes the place of the small ones in one
transaction; only then do their files go. Killed between any two steps, the one or the others are there, never both.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import delete, func, select, update

from regard.errors import Busy, Damaged
from regard.store import coded, disk, ids, log, tables
from regard.store.arrivals import ERASED, described, write_segment
from regard.store.log import POSITION, RECEIVED, Segment
from regard.store.state import now_text, read_meta

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from regard.store.inbox import Inbox

ROWS, BYTES = 1 << 18, 64 << 20
"""Rows and bytes of a merged segment at most: those of a chunk, so that it costs no more memory to read."""

FILES = 512
"""Segments merged into one at most."""

AT_ONCE = 1024
"""Segments merged in one settlement, about: a backlog is worked off in portions, so that nobody waits for it."""


AGE = 120.0
"""Seconds since rows were received until they are merged: of the last minute people are told segment by segment."""


@contextmanager
def paused(inbox: Inbox, *, wait: float = 600.0) -> Iterator[None]:
    """Have no segment merged away meanwhile.

    Raises:
        Busy: Another process merges, or keeps others from it, longer than ``wait`` seconds.
    """
    with disk.locked(inbox.directory / "merge.lock", what="merging segments", wait=wait):
        yield


def merge(inbox: Inbox, *, until: int, most: int = AT_ONCE) -> int:
    """Merge what is due, in memory bounded by `ROWS`; call it while settling.

    Damaged segments are left as they are, and their neighbours with them: verifying names them.

    Args:
        inbox: Whose; the right to append is taken for moments only.
        until: The position up to which the log is settled.
        most: Begin no more when so many were merged.

    Returns:
        How many segments were merged into others.
    """
    done, merged, spoiled = 0, True, set[int]()
    while merged and done < most:
        merged = False
        for group in _due(inbox, until):
            if done < most and spoiled.isdisjoint(s.id for s in group):
                try:
                    merged = _merge_one(inbox, group) or merged
                    done += len(group)
                except Damaged:
                    spoiled.update(s.id for s in group)
                except Busy:
                    return done  # somebody appends or exports: the next settlement goes on
    return done


# ---------------------------------------------------------------------- what is due


def _due(inbox: Inbox, until: int) -> list[list[Segment]]:
    """Groups of neighbours to be merged now, each of one batch and kind."""
    with inbox.state.reading() as connection:
        until = min(until, int(read_meta(connection, "ids_position", "0")))
        recent = (dt.datetime.fromisoformat(now_text()) - dt.timedelta(seconds=AGE)).isoformat(timespec="microseconds")
        undone = tables.batches.c.undone_position
        breaks = sorted(connection.execute(select(undone).where(undone.is_not(None))).scalars())
        found: list[list[Segment]] = []
        for batch, kind, finished in _crowded(connection, until, recent):
            segments = log.segments(connection, kinds=[kind], batch=batch)
            ripe = [s for s in segments if s.last_position < until and s.received_at <= recent]
            for stretch in _stretches(ripe, breaks):
                found += groups(stretch, finished=finished)
    return found


def _crowded(connection: Connection, until: int, recent: str) -> list[tuple[int, str, bool]]:
    """Batches and kinds of which there are several small segments, and whether the batch takes nothing more."""
    segments, batches = tables.segments.c, tables.batches.c
    ended = batches.finished.is_not(None) | batches.undone.is_not(None)
    small = (segments.rows * 2 < ROWS) & (segments.size * 2 < BYTES)
    statement = (
        select(segments.batch, segments.kind, ended)
        .join(tables.batches, batches.id == segments.batch)
        .where(small, segments.last_position < until, segments.received_at <= recent)
        .group_by(segments.batch, segments.kind)
        .having(func.count() > 1)
    )
    return [(int(row[0]), str(row[1]), bool(row[2])) for row in connection.execute(statement)]


def _stretches(found: Sequence[Segment], breaks: Sequence[int]) -> Iterator[list[Segment]]:
    """Neighbours that may be merged: small ones, with no batch undone between them.

    What was undone may have come again since, under the same ids: the index, made again in the order of segments, must
    find the later ones later.
    """
    stretch: list[Segment] = []
    for segment in found:
        small = segment.rows * 2 < ROWS and segment.size * 2 < BYTES
        apart = stretch and bisect_right(breaks, segment.last_position) > bisect_right(
            breaks, stretch[-1].last_position
        )
        if stretch and (apart or not small):
            yield stretch
            stretch = []
        if small:
            stretch.append(segment)
    if stretch:
        yield stretch


def groups(stretch: Sequence[Segment], *, finished: bool) -> list[list[Segment]]:
    """Which neighbours to merge now: what is due by size; of a batch that takes nothing more, all that remains.

    Args:
        stretch: Neighbours of one batch and kind, each smaller than half of what one may be.
        finished: Whether nothing more will come.
    """
    due = ids.due([s.rows for s in stretch])
    if due is not None:
        some = list(_filled(stretch[due[0] : due[1]]))
        return [group for group in some if len(group) > 1]
    return [group for group in _filled(stretch) if len(group) > 1] if finished else []


def _filled(found: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Neighbours as groups none of which is too large."""
    group: list[Segment] = []
    rows = size = 0
    for segment in found:
        if group and (len(group) == FILES or rows + segment.rows > ROWS or size + segment.size > BYTES):
            yield group
            group, rows, size = [], 0, 0
        group.append(segment)
        rows, size = rows + segment.rows, size + segment.size
    yield group


# ---------------------------------------------------------------------- merging


def _merge_one(inbox: Inbox, group: Sequence[Segment]) -> bool:
    """Merge a group into one segment; False where some of it is no longer there."""
    path = inbox.spill / f"{group[0].first_position:016d}-{group[0].kind}-{uuid4().hex[:8]}.parquet"
    with paused(inbox, wait=0):
        try:
            table = joined([_read(inbox, segment) for segment in group])
            about = {name: getattr(group[0], name) for name in ("batch", "kind", "source", "first_position")}
            about |= {"received_at": group[-1].received_at, "merged": True}
            written = write_segment(path, table, about)
            if not _exchange(inbox, group, path, written, table[POSITION].to_numpy()):
                return False
        finally:
            path.unlink(missing_ok=True)
        for segment in group:
            (inbox.directory / segment.file).unlink(missing_ok=True)
    return True


def _read(inbox: Inbox, segment: Segment) -> pa.Table:
    """The rows of a segment with what they need to tell themselves in a merged one.

    Raises:
        Damaged: It is not what was acknowledged, looked at byte by byte: the sum of a merged one would vouch for it.
    """
    path = inbox.directory / segment.file
    written = {"size": segment.size, "mtime_ns": segment.mtime_ns}
    if not disk.is_as_written(path, **written, digest=segment.checksum, thorough=True):
        raise disk.refuse_damaged(path, "Verify the workspace: regard verify")
    table = inbox.read(segment)
    if segment.merged:
        return table
    received = pa.scalar(log.moment(segment.received_at), pa.timestamp("us"))
    table = table.append_column(POSITION, pa.array(segment.positions(table)))
    return table.append_column(RECEIVED, pa.repeat(received, table.num_rows))


def joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Rows of several segments, in their order."""
    table = coded.joined(parts)
    if ERASED in table.column_names:
        erased = pc.fill_null(table[ERASED], False)
        table = table.set_column(table.column_names.index(ERASED), ERASED, erased)
    return table


def _exchange(
    inbox: Inbox, group: Sequence[Segment], path: Path, written: disk.Written, positions: NDArray[np.int64]
) -> bool:
    """Put a merged segment in the place of those it was made of; False where they are no longer there."""
    packed, numbers = log.packed(positions), [s.id for s in group]
    table = tables.segments
    with inbox.appending(wait=5.0), inbox.state.writing() as connection:
        there = select(table.c.id, table.c.file).where(table.c.id.in_(numbers))
        if {row.id: row.file for row in connection.execute(there)} != {s.id: s.file for s in group}:
            return False
        path.rename(inbox.directory / path.name)
        disk.sync_directory(inbox.directory)
        connection.execute(delete(table).where(table.c.id.in_(numbers[1:])))
        new = {
            "received_at": group[-1].received_at,
            "file": path.name,
            "rows": len(positions),
            "positions": packed,
            "last_position": int(positions[-1]),
        }
        connection.execute(update(table).where(table.c.id == numbers[0]).values(**new, **described(written)))
    return True
