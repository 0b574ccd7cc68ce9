"""One chunk on its way into the log: each row classified, the new ones written, all acknowledged at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb
import numpy as np
import pyarrow as pa
from sqlalchemy import insert, select, update

from regard.errors import BadInput, UnknownName
from regard.store import coded, disk, heldback, ids, log, tables
from regard.store.log import OUTCOMES, Liveness, Outcome
from regard.store.state import now_text, read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from regard.store.inbox import Batch, Inbox
    from regard.store.rows import Identities

ID_COLUMNS = ("id_high", "id_low", "id_check")
ERASED = "erased"
"""Column of a segment some rows of which were erased: those rows are empty."""


@dataclass
class Origin:
    """The batch rows come with, and its source."""

    id: int
    source: str

    @cached_property
    def engine(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB of its own."""
        return duckdb.connect()


@dataclass(frozen=True, kw_only=True)
class Classified:
    """What becomes of the rows of an arrival.

    Attributes:
        new: Rows to store, in the order of their ids.
        repeated: Positions of rows of other batches that came again, ascending.
        held: Rows in conflict with what is known, ascending.
        erased: For each row, whether it names somebody who was erased. Every other row is a duplicate.
    """

    new: NDArray[Any]
    repeated: NDArray[Any]
    held: NDArray[Any]
    erased: NDArray[np.bool_]


class Arrival:
    """One chunk on its way into the log: classified, written, acknowledged. Used under the inbox's lock."""

    def __init__(self, inbox: Inbox, batch: Batch | Origin, kind: str, table: pa.Table, identity: Identities) -> None:
        self.inbox, self.batch, self.kind, self.table, self.identity = inbox, batch, kind, table, identity

    def store(self) -> Outcome:
        """Give each row its outcome and acknowledge them all in one transaction."""
        from_index: list[str] = []
        with self.inbox.state.writing() as connection:
            outcome, fresh = self.enter(connection, self.inbox.runs(connection), received=now_text())
            if len(fresh):
                from_index = self.inbox.remember(connection, fresh, until=log.position(connection))
            add_counts(connection, self.batch.id, outcome)
        self.inbox.forget_runs(from_index)
        return outcome

    def enter(
        self, connection: Connection, runs: Sequence[ids.Ids], *, received: str, seen: ids.Ids | None = None
    ) -> tuple[Outcome, ids.Ids]:
        """Give each row its outcome and write the new ones; the caller counts and remembers them.

        Args:
            connection: A writing transaction.
            runs: The runs of the id index.
            received: When the rows were received.
            seen: Ids of rows that were known already when they came, and so are not in the chunk.

        Returns:
            The outcomes, and the ids of the new rows, sorted.
        """
        found = self.classified(connection, runs)
        held, dropped = len(found.held), int(found.erased.sum())
        kept = self._hold(connection, found.held, received)
        fresh = self.write(connection, runs, found, received=received, seen=seen)
        outcome = Outcome(
            received=self.table.num_rows,
            stored=len(found.new),
            held_back=kept,
            refused=dropped + held - kept,
            duplicate=self.table.num_rows - len(found.new) - held - dropped,
        )
        return outcome, fresh

    def write(
        self,
        connection: Connection,
        runs: Sequence[ids.Ids],
        found: Classified,
        *,
        received: str,
        seen: ids.Ids | None = None,
    ) -> ids.Ids:
        """Write the new rows and remember the repeated; takes the arguments of `enter`, returns the new ids, sorted."""
        fresh, repeated = self._write(connection, found.new, received), found.repeated
        if seen is not None and len(seen):
            repeated = np.union1d(repeated, self._seen(connection, [*runs, fresh], seen))
        if len(repeated):
            ranges = log.packed(repeated)
            connection.execute(insert(tables.repeats).values(batch=self.batch.id, ranges=ranges))
        return fresh

    def only(self, kept: NDArray[np.bool_]) -> Arrival:
        """Some of its rows, as an arrival of their own."""
        high, low, check = (half[kept] for half in (self.identity.high, self.identity.low, self.identity.check))
        identity = type(self.identity)(high, low, check)
        return Arrival(self.inbox, self.batch, self.kind, self.table.filter(pa.array(kept)), identity)

    def classified(self, connection: Connection, runs: Sequence[ids.Ids]) -> Classified:
        """What is to become of each row, by what the log holds now."""
        erased = self._erased(connection)
        identity = self.identity
        order = ids.order_of(identity.high, identity.low)
        order = order[~erased[order]] if erased.any() else order
        high, low, check = identity.high[order], identity.low[order], identity.check[order]
        first = np.ones(len(order), bool)
        first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        start = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
        position, known_check = ids.find(runs, high, low)
        known = position >= 0
        if known.any():
            known[known] = Liveness(connection).stands(position[known])
        held = np.where(known, known_check != check, check != check[start])
        new = first & ~known
        own = self._own_positions(connection, position)
        repeated = np.unique(position[known & ~held & ~own])
        return Classified(new=order[new], repeated=repeated, held=np.sort(order[held]), erased=erased)

    def _seen(self, connection: Connection, runs: Sequence[ids.Ids], seen: ids.Ids) -> NDArray[np.int64]:
        """Positions of rows known already; those a batch undone meanwhile had brought stand again."""
        order = ids.order_of(seen.high, seen.low)
        position, _ = ids.find(runs, seen.high[order], seen.low[order])
        position = position[position >= 0]
        position = np.unique(position[~self._own_positions(connection, position)])
        if len(position) and not Liveness(connection).stands(position).all():
            make_again(connection, self.kind)
            write_meta(connection, "position", str(log.position(connection) + 1))
        return position

    def _own_positions(self, connection: Connection, position: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which positions this very batch stored: repeating oneself needs no remembering."""
        if not np.any(position >= 0):
            return np.zeros(len(position), bool)
        return log.within(position, log.ranges(connection, tables.segments.c.batch == self.batch.id))

    def _erased(self, connection: Connection) -> NDArray[np.bool_]:
        hashes = list(connection.execute(select(tables.tombstones.c.hash)).scalars())
        if not hashes or not self.table.num_rows:
            return np.zeros(self.table.num_rows, bool)
        salt = connection.execute(select(tables.meta.c.value).where(tables.meta.c.name == "tombstone_key")).scalar()
        return erased_rows(self.batch.engine, self.table, str(salt), hashes)

    def _hold(self, connection: Connection, held: NDArray[Any], received: str) -> int:
        """Keep rows whose message id is known with other content; returns how many there was room for."""
        if not len(held):
            return 0
        aside = self.table.take(pa.array(held))
        items = heldback.of_rows(self.kind, aside, source=self.batch.source, at=received)
        return heldback.keep(connection, self.batch.id, items, most=self.inbox.most_held)

    def _write(self, connection: Connection, by_id: NDArray[Any], received: str) -> ids.Ids:
        """Write new rows, given in the order of their ids, as a segment in the order they came."""
        if not len(by_id):
            return ids.NONE
        first = log.position(connection)
        every = len(by_id) == self.table.num_rows
        new = np.arange(len(by_id)) if every else np.sort(by_id)
        chosen = self.table if every else self.table.take(pa.array(new))
        identity = self.identity
        columns = [identity.high[new], identity.low[new], identity.check[new]]
        for name, column in zip(ID_COLUMNS, columns, strict=True):
            chosen = chosen.append_column(name, pa.array(column))
        about = {"batch": self.batch.id, "kind": self.kind, "source": self.batch.source, "first_position": first}
        about |= {"received_at": received}
        name = f"{first:016d}-{self.kind}-{uuid4().hex[:8]}.parquet"
        written = write_segment(self.inbox.directory / name, chosen, about)
        row = {"batch": self.batch.id, "source": self.batch.source, "kind": self.kind, "file": name}
        row |= {"rows": len(new), "first_position": first, "last_position": first + len(new) - 1}
        connection.execute(insert(tables.segments).values(**row, received_at=received, **described(written)))
        write_meta(connection, "position", str(first + len(new)))
        position = first + (by_id if every else np.searchsorted(new, by_id))
        return ids.Ids(identity.high[by_id], identity.low[by_id], position, identity.check[by_id])


def make_again(connection: Connection, kind: str) -> None:
    """Have a kind settled again from the inbox: rows of it changed that were settled before."""
    again = set(filter(None, read_meta(connection, "lake.again").split(","))) | {kind}
    write_meta(connection, "lake.again", ",".join(sorted(again)))


def write_segment(path: Path, table: pa.Table, about: dict[str, Any]) -> disk.Written:
    """Write rows as a segment that describes itself."""
    table = coded.coded(table)
    words = {"regard": json.dumps(about)}
    return disk.publish(path, lambda target: coded.write(target, [table], row_group=table.num_rows, about=words))


def erased_rows(
    connection: duckdb.DuckDBPyConnection, table: pa.Table, salt: str, hashes: Sequence[str]
) -> NDArray[np.bool_]:
    """Which rows name somebody who was erased.

    Args:
        connection: Any DuckDB connection.
        table: Rows with any of the columns person, account, anonymous.
        salt: The key of the tombstones.
        hashes: sha256 of salt, space (person:, account: or anonymous:) and id.
    """
    found = np.zeros(table.num_rows, bool)
    wanted = pa.table({"hash": pa.array(hashes, pa.string())})
    asked = [("person", "person"), ("account", "account"), ("anonymous", "anonymous")]
    asked += [("into", "person"), ("into", "account")]
    for name, space in asked:
        if name not in table.column_names or not table.num_rows:
            continue
        column = table[name].combine_chunks().dictionary_encode()
        column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        known = pa.table({"id": column.dictionary, "place": np.arange(len(column.dictionary))})
        connection.register("known", known)
        connection.register("wanted", wanted)
        statement = f"SELECT place FROM known WHERE sha256($salt || '{space}:' || id) IN (SELECT hash FROM wanted)"
        hit = connection.execute(statement, {"salt": salt}).fetchnumpy()["place"]
        if len(hit):
            found |= np.isin(np.asarray(column.indices.fill_null(-1)), hit)
    return found


def described(written: disk.Written) -> dict[str, Any]:
    """What was written, as columns of state."""
    return {"size": written.size, "mtime_ns": written.mtime_ns, "checksum": written.checksum}


def batch_row(connection: Connection, batch: int) -> dict[str, Any]:
    """The row of a batch.

    Raises:
        UnknownName: No such batch.
    """
    row = connection.execute(select(tables.batches).where(tables.batches.c.id == batch)).mappings().first()
    if row is None:
        known = connection.execute(select(tables.batches.c.id)).scalars()
        raise UnknownName("batch", str(batch), [str(k) for k in known])
    return dict(row)


def check_open(row: dict[str, Any]) -> None:
    """Refuse a batch that takes nothing more."""
    if row["undone"] is not None or row["finished"] is not None:
        what = "undone" if row["undone"] is not None else "finished"
        raise BadInput(f"Batch {row['id']} is {what}; nothing can be added to it.", hint="Begin a new batch.")


def add_counts(connection: Connection, batch: int, outcome: Outcome) -> None:
    """Add outcomes to a batch's counts."""
    columns = tables.batches.c
    values = {name: columns[name] + getattr(outcome, name) for name in OUTCOMES if getattr(outcome, name)}
    if values:
        connection.execute(update(tables.batches).where(columns.id == batch).values(**values))
