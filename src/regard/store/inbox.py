"""The inbox: every row ever acknowledged, in sealed segments, each row with one outcome.

A chunk of rows becomes one segment (Parquet, zstd, fsynced) and one transaction in state that also counts the outcomes:
that commit is the acknowledgement. A file no transaction knows, the redo log agreeing, was never acknowledged and is
cleaned away. Segments describe themselves (batch, kind, source and positions are in their metadata) and hold the ids of
their rows, so that everything else can be made again from them.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import delete, insert, select, update

from regard.errors import BadInput, Busy, Damaged, UnknownName
from regard.store import coded, disk, frames, heldback, ids, log, recovery, rows, sealing, tables
from regard.store.arrivals import ID_COLUMNS, Arrival, add_counts, batch_row, check_open, described
from regard.store.log import OUTCOMES, Outcome, Segment
from regard.store.state import inserted, now_text, read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection

    from regard.store.heldback import Held
    from regard.store.state import State

CHUNK = 1 << 18
"""Rows of one segment at most."""

LOOKS = 8
"""So often counts are read again because somebody sealed meanwhile; then sealing has to wait for them."""

SEGMENT_HINT = "The inbox is the truth and cannot be made again: restore it from a backup (regard restore)."


class Inbox:
    """The durable intake of one workspace.

    Args:
        root: The workspace's directory; ``inbox``, ``journal``, ``ids`` and ``rejects`` are made inside it.
        state: The workspace's state.
        schemas: Columns of each kind of signal.
        most_held: Open held-back items of one source at most.
    """

    def __init__(
        self, root: Path, state: State, schemas: Mapping[str, pa.Schema], *, most_held: int = heldback.MOST
    ) -> None:
        self.directory, self.ids, self.rejects = root / "inbox", root / "ids", root / "rejects"
        self.journal = root / "journal"
        self.spill = root / "spill" / str(os.getpid())
        for directory in (self.spill, self.directory, self.ids, self.rejects, self.journal):
            directory.mkdir(parents=True, exist_ok=True)
        self.state, self.most_held = state, most_held
        self.schemas = dict(schemas)
        self._lock = root / "inbox" / "append.lock"
        self._runs: dict[str, ids.Ids] = {}

    @contextmanager
    def appending(self, wait: float = 600.0) -> Iterator[None]:
        """Hold the right to append, undo or erase.

        Raises:
            Busy: Another process kept it longer than ``wait`` seconds.
        """
        with disk.locked(self._lock, what="adding signals", wait=wait):
            yield

    # ------------------------------------------------------------------ batches

    def begin(self, *, source: str, files: Sequence[str] = (), mapping: str = "") -> Batch:
        """Open a batch: rows that came together and can be undone together.

        Args:
            source: Where they come from; part of every row's identity.
            files: Names of the files, for people.
            mapping: The mapping used, as TOML.
        """
        if not source.strip():
            raise BadInput("A batch needs the name of its source.", where="source", hint="Such as: shop, zendesk.")
        row = {
            "source": source,
            "files": json.dumps(list(files)),
            "mapping": mapping,
            "mapping_sha": hashlib.sha256(mapping.encode()).hexdigest() if mapping else "",
            "started": now_text(),
            **dict.fromkeys(OUTCOMES, 0),
        }
        with self.state.writing() as connection:
            key = inserted(connection, tables.batches, row)
        return Batch(self, key, source)

    def batches(self) -> list[dict[str, Any]]:
        """Every batch, newest first, with its counts; ``files`` as a list."""
        with self.state.reading() as connection:
            found = connection.execute(select(tables.batches).order_by(tables.batches.c.id.desc())).mappings()
            return [{**row, "files": json.loads(row["files"])} for row in found]

    def undo(self, batch: int) -> None:
        """Take a batch back: its rows no longer stand, unless a batch that stands brought them too.

        Raises:
            UnknownName: No such batch.
            BadInput: It was undone before.
        """
        with self.appending():
            sealing.seal_held(self)
            self._undo(batch)

    def _undo(self, batch: int) -> None:
        with self.state.writing() as connection:
            row = batch_row(connection, batch)
            if row["undone"] is not None:
                raise BadInput(f"Batch {batch} was undone already.", where="batch", hint="Import its files again.")
            position = log.position(connection) + 1  # undoing moves the log: what was found before is found anew
            write_meta(connection, "position", str(position))
            found = update(tables.batches).where(tables.batches.c.id == batch)
            connection.execute(found.values(undone=now_text(), undone_position=position))
            heldback.undone(connection, batch)

    def ledger(self, source: str | None = None) -> list[dict[str, Any]]:
        """Outcomes per source, batches that were undone left out, and a last row of totals (source ``""``)."""
        counts = {s: c for s, c in self._counts().items() if source is None or s == source}
        rows = [{"source": s, **dict(zip(OUTCOMES, counts[s], strict=True))} for s in sorted(counts)]
        return [*rows, {"source": "", **{o: sum(row[o] for row in rows) for o in OUTCOMES}}]

    def _counts(self) -> dict[str, frames.Counts]:
        """Counts per source, sealed and not yet sealed: no frame twice, none left out, whoever seals meanwhile."""
        for _ in range(LOOKS):
            mark, total = self._sealed_counts()
            for frame in frames.unsealed(self.journal, mark):
                frames.added(total, frame.head.counts)
            if self._sealed_counts()[0] == mark:
                return total
        with self.appending():
            mark, total = self._sealed_counts()
            for frame in frames.unsealed(self.journal, mark):
                frames.added(total, frame.head.counts)
        return total

    def _sealed_counts(self) -> tuple[frames.Mark, dict[str, frames.Counts]]:
        """How far journals are sealed and the counts up to there, as of one moment."""
        columns = (tables.batches.c[name] for name in OUTCOMES)
        total: dict[str, frames.Counts] = {}
        with self.state.reading() as connection:
            mark = frames.Mark.read(read_meta(connection, frames.MARK))
            standing = select(tables.batches.c.source, *columns).where(tables.batches.c.undone.is_(None))
            for source, *counts in connection.execute(standing):
                frames.added(total, {source: (counts[0], counts[1], counts[2], counts[3], counts[4])})
        return mark, total

    def seal(self) -> list[Damaged]:
        """Bring what the journal holds into the log; see `sealing.seal`."""
        return sealing.seal(self)

    # ------------------------------------------------------------------ reading

    def read(self, segment: Segment, *, columns: Sequence[str] | None = None, codes: bool = False) -> pa.Table:
        """The rows of a segment as stored, with their ids.

        Args:
            segment: Which.
            columns: Only these, as far as they are there.
            codes: Leave texts that are stored as codes as such.

        Raises:
            Damaged: The file is not what was acknowledged.
        """
        path = self.directory / segment.file
        if not disk.is_as_written(path, size=segment.size, mtime_ns=segment.mtime_ns, digest=segment.checksum):
            raise disk.refuse_damaged(path, SEGMENT_HINT)
        try:
            with pq.ParquetFile(path, memory_map=True) as plain:
                file = plain
                if codes and (names := coded.columns_in(plain)):
                    file = pq.ParquetFile(path, memory_map=True, metadata=plain.metadata, read_dictionary=names)
                if columns is not None:
                    columns = [c for c in columns if c in file.schema_arrow.names]
                    if not columns:  # Arrow needs a column to know how many rows there are
                        return file.read(columns=[ID_COLUMNS[2]])
                return file.read(columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise disk.refuse_damaged(path, SEGMENT_HINT) from error

    # ------------------------------------------------------------------ opening

    def recover(self) -> None:
        """Clean away what an interrupted append left, unless somebody is appending now."""
        try:
            with self.appending(wait=0):
                self.sweep()
                heldback.take_over(self.state, self.rejects)
        except Busy:
            return

    def sweep(self) -> None:
        """Remove files that no transaction acknowledged. Call it while appending."""
        with self.state.reading() as connection:
            found = log.files(connection)
            runs = {row.file for row in connection.execute(select(tables.id_runs))}
            position = log.position(connection)
        if not self.state.followed:
            recovery.set_aside_later(self.state, self.directory, found, position)
        disk.clean(self.directory, found)
        disk.clean(self.ids, runs)
        for path in self.rejects.glob(f"*{disk.TEMPORARY}"):
            path.unlink(missing_ok=True)

    def damage(self, *, thorough: bool = False) -> Iterator[Damaged]:
        """Segments that are not what was acknowledged."""
        columns = (tables.segments.c[name] for name in ("file", "size", "mtime_ns", "checksum"))
        with self.state.reading() as connection:
            found = connection.execute(select(*columns).order_by(tables.segments.c.first_position)).all()
        for file, size, mtime_ns, digest in found:
            path = self.directory / file
            whole = disk.is_as_written(path, size=size, mtime_ns=mtime_ns, digest=digest, thorough=thorough)
            if not whole and self._is_listed(file):
                yield disk.refuse_damaged(path, SEGMENT_HINT)

    def _is_listed(self, file: str) -> bool:
        """Whether a segment is still one: it may have been merged away a moment ago."""
        with self.state.reading() as connection:
            return connection.execute(select(1).where(tables.segments.c.file == file)).first() is not None

    def runs(self, connection: Connection) -> list[ids.Ids]:
        """The runs of the id index, oldest first, made whole from the segments where something is missing or damaged.

        Call it while appending.
        """
        listed = self._listed(connection)
        if any(not self._opened(row) for row in listed):
            self.forget_ids(connection)
        covered = int(read_meta(connection, "ids_position", "0"))
        missing = log.segments(connection, since=covered)
        for some in _portions(missing):
            covered = max(covered, *(s.last_position + 1 for s in some))
            new = ids.joined([self.ids_of(s) for s in some]).sorted_newest()
            self.remember(connection, new, until=covered)
        if missing:
            listed = self._listed(connection)
            for row in listed:
                self._opened(row)
        self._runs = {row["file"]: self._runs[row["file"]] for row in listed}
        return list(self._runs.values())

    def _listed(self, connection: Connection) -> list[dict[str, Any]]:
        found = connection.execute(select(tables.id_runs).order_by(tables.id_runs.c.id)).mappings()
        return [dict(row) for row in found]

    def _opened(self, row: dict[str, Any]) -> bool:
        """Map a run into memory; False where it is damaged, and then it is set aside."""
        if row["file"] not in self._runs:
            path = self.ids / row["file"]
            if not disk.is_as_written(path, size=row["size"], mtime_ns=row["mtime_ns"], digest=row["checksum"]):
                if path.exists():
                    path.replace(path.with_name(path.name + ".damaged"))
                return False
            self._runs[row["file"]] = ids.open_run(path, row["rows"])
        return True

    def forget_ids(self, connection: Connection) -> None:
        """Drop the index; the next append makes it again from the segments."""
        connection.execute(delete(tables.id_runs))
        write_meta(connection, "ids_position", "0")

    def ids_of(self, segment: Segment) -> ids.Ids:
        """The ids of a segment's rows, sorted."""
        table = self.read(segment, columns=(*ID_COLUMNS, log.POSITION))
        high, low, check = (table[name].to_numpy() for name in ID_COLUMNS)
        return ids.Ids(high, low, segment.positions(table), check).sorted_newest()

    def merge_ids(self) -> None:
        """Merge runs of the index that grew, while others go on adding: only the exchange of files takes its turn.

        Another process that merges already is left to it.
        """
        try:
            with disk.locked(self.ids / "merge.lock", what="merging ids", wait=0):
                while self._merge_some():
                    pass
        except Busy:
            return

    def _merge_some(self) -> bool:
        """Merge one group of runs; False where none is due, or somebody took them away meanwhile."""
        with self.state.reading() as connection:
            listed = self._listed(connection)
        found = ids.due([row["rows"] for row in listed])
        if found is None:
            return False
        old = listed[found[0] : found[1]]
        path = self.spill / f"{uuid4().hex}.ids"
        try:
            rows = ids.merge(path, [ids.open_run(self.ids / row["file"], row["rows"]) for row in old])
            return self._exchange(old, path, rows)
        except (FileNotFoundError, ValueError):
            return False
        finally:
            path.unlink(missing_ok=True)

    def _exchange(self, old: list[dict[str, Any]], path: Path, rows: int) -> bool:
        """Put a merged run in the place of those it was made of; False where they are no longer there."""
        written = disk.settle(path)
        with self.appending(), self.state.writing() as connection:
            listed = self._listed(connection)
            if any(row not in listed for row in old):
                return False
            path.rename(self.ids / path.name)
            disk.sync_directory(self.ids)
            connection.execute(delete(tables.id_runs).where(tables.id_runs.c.id.in_([row["id"] for row in old])))
            new = {"id": old[0]["id"], "file": path.name, "rows": rows}
            connection.execute(insert(tables.id_runs).values(**new, **described(written)))
        self.forget_runs([row["file"] for row in old])
        return True

    def forget_runs(self, names: Sequence[str]) -> None:
        """Remove runs that a committed transaction merged into others."""
        for name in names:
            (self.ids / name).unlink(missing_ok=True)

    def remember(self, connection: Connection, new: ids.Ids, *, until: int) -> list[str]:
        """Add sorted ids to the index, merging runs as they grow.

        Args:
            connection: A writing transaction.
            new: The ids.
            until: The log position the index then covers.

        Returns:
            Names of files to remove once the transaction is committed.
        """
        listed = self._listed(connection)
        count = ids.to_merge([*(row["rows"] for row in listed), len(new)], most=ids.AT_ONCE)
        old = listed[len(listed) - (count - 1) :] if count > 1 else []
        if old:
            parts = [self._runs.get(row["file"]) or ids.open_run(self.ids / row["file"], row["rows"]) for row in old]
            new = ids.joined([*parts, new]).sorted_newest()
            connection.execute(delete(tables.id_runs).where(tables.id_runs.c.id.in_([row["id"] for row in old])))
        name, written = ids.write_run(self.ids, new)
        write_meta(connection, "ids_position", str(until))
        connection.execute(insert(tables.id_runs).values(file=name, rows=len(new), **described(written)))
        return [row["file"] for row in old]


def _portions(found: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Segments in their order, some at a time: as many as make a run of the index."""
    some: list[Segment] = []
    total = 0
    for segment in found:
        some.append(segment)
        total += segment.rows
        if total >= CHUNK:
            yield some
            some, total = [], 0
    if some:
        yield some


@dataclass
class Batch:
    """An open batch of one inbox."""

    inbox: Inbox
    id: int
    source: str

    def __post_init__(self) -> None:
        self._ordinals: dict[str, ids.Ordinals] = {}

    @cached_property
    def engine(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB of its own."""
        return duckdb.connect()

    def append(self, kind: str, table: pa.Table, *, refused: int = 0, held: Sequence[Held] = ()) -> Outcome:
        """Add rows of one kind; when this returns they are durable.

        Args:
            kind: Kind of signal.
            table: Its columns, or a subset of them.
            refused: Rows the caller read but refused, to be counted.
            held: Items the caller could not make rows of, to be kept and counted as held back.

        Raises:
            UnknownName: The kind or a column is unknown.
            BadInput: A column does not fit; the batch is finished or undone.
            Busy: Another process kept the inbox too long.
        """
        if kind not in self.inbox.schemas:
            raise UnknownName("kind of signal", kind, self.inbox.schemas)
        fitted = rows.fitted(kind, table, self.inbox.schemas[kind])
        total = self._count(refused, held)
        for start in range(0, fitted.num_rows, CHUNK):
            total += self._append(kind, coded.coded(fitted.slice(start, CHUNK)))
        return total

    def finish(self) -> Outcome:
        """Close the batch; returns its counts."""
        for ordinals in self._ordinals.values():
            ordinals.close()
        with self.inbox.state.writing() as connection:
            row = batch_row(connection, self.id)
            if row["finished"] is None:
                found = update(tables.batches).where(tables.batches.c.id == self.id)
                connection.execute(found.values(finished=now_text()))
        return Outcome(**{name: row[name] for name in OUTCOMES})

    def _count(self, refused: int, held: Sequence[Held]) -> Outcome:
        if not refused and not held:
            return Outcome()
        with self.inbox.state.writing() as connection:
            check_open(batch_row(connection, self.id))
            kept = heldback.keep(connection, self.id, held, most=self.inbox.most_held)
            outcome = Outcome(received=refused + len(held), refused=refused + len(held) - kept, held_back=kept)
            add_counts(connection, self.id, outcome)
        return outcome

    def _append(self, kind: str, table: pa.Table) -> Outcome:
        ordinals = self._ordinals.setdefault(kind, ids.Ordinals(self.inbox.spill))
        identity = rows.identify(self.engine, kind=kind, source=self.source, table=table, ordinals=ordinals)
        with self.inbox.appending():
            sealing.seal_held(self.inbox)  # an id known there is known here
            with self.inbox.state.reading() as connection:
                check_open(batch_row(connection, self.id))
            return Arrival(self.inbox, self, kind, table, identity).store()
