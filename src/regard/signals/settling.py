"""Settling: what was received becomes the lake that questions read.

Costs what is new, not what is old: new rows become a run beside the bases, and only when runs outgrow a tenth of the
bases are they merged. Where two ids are merged, the rows that move are written again in the run and hidden where they
were. A batch taken back makes the kinds it concerns again.
Everything a settlement writes becomes visible in one transaction, or not at all.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.errors import Busy
from regard.signals import derived, identity
from regard.signals.plans import FORMAT, Plan, make_plan
from regard.signals.shapes import FOLD, HIDDEN, SETTLED
from regard.signals.views import connect, standing_rows
from regard.store import disk, ids, log, merging
from regard.store.arrivals import ERASED, ID_COLUMNS
from regard.store.buckets import IN_MEMORY, PIECE, Sorter, bounds
from regard.store.pace import abreast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    import duckdb

    from regard.signals.workspace import Workspace
    from regard.store.lake import LakeFile
    from regard.store.log import Segment

OUTGROWN = 10
"""Runs are merged into bases when they hold more than one row in so many."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A segment on its way: rows as they lie in the lake, ids known, pairs of person and account (None: known)."""

    rows: pa.Table
    known: pa.Table
    pairs: pa.Table | None


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a settlement is: rows done of rows to do, and what is being done."""

    done: int
    total: int
    what: str


def settle(workspace: Workspace, *, wait: float = 600.0) -> Iterator[Progress]:
    """Bring everything received into the lake, yielding progress.

    Raises:
        Busy: Another process is settling and still is after ``wait`` seconds.
        Damaged: A segment of the inbox is not what was acknowledged.
    """
    workspace.inbox.seal()
    with settling(workspace, wait=wait):
        yield from settle_held(workspace)
        merging.merge(workspace.inbox, until=workspace.settled_position)
    workspace.inbox.merge_ids()


def settling(workspace: Workspace, *, wait: float = 600.0) -> AbstractContextManager[None]:
    """Hold the right to settle."""
    return disk.locked(workspace.root / "settle.lock", what="settling", wait=wait)


def settle_held(workspace: Workspace) -> Iterator[Progress]:
    """Settle, the right to do so being held."""
    workspace.lake.collect()
    plan = make_plan(workspace)
    if plan is None:
        return
    given = workspace.settings
    with (
        disk.named(workspace.lake.directory),  # whatever fails in it and names no file
        connect(memory=given.memory, threads=given.threads, spill=workspace.spill()) as connection,
    ):
        yield from Settlement(workspace, plan, connection).run()
    workspace.lake.collect()
    with suppress(OSError):  # what is settled stands: who needs the steps arranges them, and meets what went wrong
        for arranged in workspace.stepping.refresh():
            yield Progress(done=arranged.done, total=arranged.total, what=arranged.what)
        workspace.stepping.collect()


def tidy(workspace: Workspace) -> None:
    """Remove what only readers that are gone still held: rows of somebody who was erased go with their last reader."""
    if not workspace.lake.outdated():
        return
    try:
        with settling(workspace, wait=0):
            workspace.lake.collect()
            workspace.stepping.collect()
    except Busy:
        return  # whoever settles now collects, too


def rebuild(workspace: Workspace) -> Iterator[Progress]:
    """Make the whole lake again from the inbox."""
    workspace.lake.remember("format", "")
    workspace.lake.remember("seal", "")  # whatever the list of files says, nothing of it is used
    yield from settle(workspace)


class Settlement:
    """One settlement under way.

    Args:
        workspace: Whose.
        plan: What to do.
        connection: A DuckDB of its own.
    """

    def __init__(self, workspace: Workspace, plan: Plan, connection: duckdb.DuckDBPyConnection) -> None:
        self.workspace, self.plan, self.connection = workspace, plan, connection
        self.files: list[LakeFile] = []
        self.total = sum(s.rows for s in plan.segments)
        self.done = 0
        self.fold = identity.empty_fold()
        self.merged = self.members = self.before = self.fold
        self._seen: dict[int, derived.Seen] = {}
        self._pairs: dict[str, list[pa.Table]] = {}

    def run(self) -> Iterator[Progress]:
        """Do it all and publish."""
        yield Progress(done=0, total=self.total, what="reading who is who")
        crowded = self._who_is_who()
        for kind in SETTLED:
            yield from self._kind(kind)
        if self.plan.customer == "person":  # nobody moves by their account: it could wait until the rows were read
            self.members = self._members()
        yield Progress(done=self.total, total=self.total, what="writing customers")
        self._keep(pa.table([self.fold.source, self.fold.target], schema=FOLD), kind="derived", role="fold")
        self._keep(pa.table({"hash": crowded}), kind="derived", role="crowded")
        derived.write(self)
        self._publish()

    def _keep(self, table: pa.Table, *, kind: str, role: str) -> None:
        self.files.append(self.workspace.lake.write(table, kind=kind, role=role))

    def _publish(self) -> None:
        self.workspace.lake.publish(
            position=self.plan.position,
            declarations=self.plan.declarations,
            files=self.files,
            words={"format": FORMAT, "customer": self.plan.customer, "again": ""},
        )

    # ------------------------------------------------------------------ who is who

    def _who_is_who(self) -> np.ndarray[Any, Any]:
        """Fold all merges, and memberships where they matter, and find the rows it moves; returns ids held back."""
        self.merged, crowded = identity.fold(self._merges())
        if self.plan.customer == "account":
            for segment in self.plan.segments:
                if segment.kind != "merge":
                    self._keep_pairs(segment.kind, derived.pairs(self._ids(segment), segment))
            self.members = self._members()
        self.fold = identity.whole_fold(self.merged, self.members, customer=self.plan.customer)
        self.before = self._old_fold()
        self.moved = np.unique(self.before(self.before.changed(self.fold)))
        return crowded

    def _old_fold(self) -> identity.Fold:
        files = self.plan.generation.of("derived", "fold") if self.plan.generation else []
        if not files:
            return identity.empty_fold()
        table = self.workspace.lake.read(files[0])
        return identity.Fold(table["source"].to_numpy(), table["target"].to_numpy())

    def _merges(self) -> identity.Merges:
        """Every merge of the log: those of old segments from the file that keeps them, then those of new ones."""
        kept, segments = self.plan.old("merge", "merges"), self.plan.of("merge")
        if not kept:
            with self.workspace.state.reading() as connection:
                segments = [
                    s for s in log.segments(connection, kinds=["merge"]) if s.first_position < self.plan.position
                ]
        elif not segments:
            self.files += kept
        old = [identity.merges_of(self.workspace.lake.read(f)) for f in kept]
        new = [identity.read_merges(self.connection, self._read(s)) for s in segments]
        merges = identity.join_merges([*old, *new])
        if segments:
            self._keep(identity.table_of(merges), kind="merge", role="merges")
        return merges

    def _keep_pairs(self, kind: str, pairs: pa.Table) -> None:
        parts = self._pairs.setdefault(kind, [])
        parts.append(pairs)
        derived.condense(parts, lambda tables: derived.joined_pairs(self.connection, tables))

    def _members(self) -> identity.Fold:
        """The account of everybody seen with one, old and new; keeps one file of pairs per kind."""
        parts = []
        for kind in SETTLED:
            found = [self.workspace.lake.read(f) for f in self.plan.old(kind, "pairs")]
            new = self._pairs.pop(kind, [])
            if any(table.num_rows for table in new):
                found = [derived.joined_pairs(self.connection, [*found, *new])]
                self._keep(found[0], kind=kind, role="pairs")
            else:
                self.files += self.plan.old(kind, "pairs")
            parts += found
        return identity.belongs(derived.membership(parts), self.merged)

    def _ids(self, segment: Segment) -> derived.Seen:
        """Hashes of a segment's ids; remembered while the settlement is small enough."""
        seen = self._seen.get(segment.id)
        if seen is None:
            table = self._read(segment, columns=(*identity.SPACES, ERASED))
            raw = identity.raw_ids(self.connection, table)
            seen = derived.Seen(raw, table["position"].to_numpy())
            if self.total <= IN_MEMORY:
                self._seen[segment.id] = seen
        return seen

    # ------------------------------------------------------------------ rows

    def _read(self, segment: Segment, *, columns: tuple[str, ...] | None = None) -> pa.Table:
        """Rows of a segment that stand, with their positions."""
        asked = None if columns is None else (*columns, log.POSITION)
        table = self.workspace.inbox.read(segment, columns=asked, codes=True)
        position = segment.positions(table)
        if not segment.merged:
            table = table.append_column(log.POSITION, pa.array(position))
        keep = self.plan.liveness.stands(position) & (position >= self.plan.since(segment.kind))
        if ERASED in table.column_names:
            keep &= ~table[ERASED].to_numpy()
        table = table.drop_columns([c for c in (*ID_COLUMNS, ERASED) if c in table.column_names])
        return table if keep.all() else table.filter(pa.array(keep))

    def _kind(self, kind: str) -> Iterator[Progress]:
        """Settle one kind: its new rows, the rows that move, what they supersede, and merging when it is due."""
        old, segments, moving = self.plan.old(kind, "base", "run"), self.plan.of(kind), self._moving(kind)
        if not segments and not moving:
            self.files += self.plan.old(kind, "base", "run", "hidden", "known")
            return
        sorter = self._sorter(kind, sum(s.rows for s in segments) + moving)
        known: list[pa.Table] = []
        for segment, rows in abreast(self._lake_rows, segments):
            if rows.pairs is not None:
                self._keep_pairs(kind, rows.pairs)
            known.append(rows.known)
            derived.condense(known, derived.joined_known)
            sorter.add(rows.rows)
            self.done += segment.rows
            yield Progress(done=self.done, total=self.total, what=f"settling {kind}")
        left = [HIDDEN.empty_table()]
        for there, here in self._moved_rows(kind, moving):
            left.append(there)
            sorter.add(here)
        new = list(sorter.run() if old else sorter.bases())
        self._keep_known(kind, known)
        yield from self._arrange(kind, old, new, left=pa.concat_tables(left))

    def _sorter(self, kind: str, expected: int) -> Sorter:
        schema, buckets = SETTLED[kind], self.workspace.buckets
        return Sorter(self.workspace.lake, kind=kind, schema=schema, buckets=buckets, expected=expected)

    def _moving(self, kind: str) -> int:
        """How many settled rows of a kind are of customers from whom somebody goes, at most."""
        old = self.plan.old(kind, "known")
        if not len(self.moved) or not old:
            return 0
        table = self.workspace.lake.read(old[0], columns=["hash", "rows"])
        concerned = np.isin(self.before(table["hash"].to_numpy()), self.moved)
        return int(pc.fill_null(table["rows"], 0).to_numpy()[concerned].sum())

    def _lake_rows(self, segment: Segment) -> tuple[Segment, Prepared]:
        """Rows of a segment as they lie in the lake, and what they tell; runs beside others in a thread."""
        table = self._read(segment)
        with self.connection.cursor() as connection:
            seen = self._seen.pop(segment.id, None)
            raw = seen.raw if seen else identity.raw_ids(connection, table)
            own, customer = identity.resolve(raw, customer=self.plan.customer, whole=self.fold)
            known = derived.known(connection, table, raw, own, segment.kind)
        made = {
            "batch": pa.repeat(pa.scalar(segment.batch, pa.int32()), table.num_rows),
            "source": _one_text(segment.source, table.num_rows),
            "customer": _hashes(customer),
            "received_at": _received(segment, table),
            "moved": pa.repeat(pa.scalar(0, pa.int32()), table.num_rows),
        }
        pairs = None
        if self.plan.customer == "person" and segment.kind != "merge":
            pairs = derived.pairs(derived.Seen(raw, table["position"].to_numpy()), segment)
        return segment, Prepared(rows=_shaped(table, SETTLED[segment.kind], made), known=known, pairs=pairs)

    def _moved_rows(self, kind: str, moving: int) -> Iterator[tuple[pa.Table, pa.Table]]:
        """Settled rows that go to another customer: what is hidden for them, and the rows as they are now."""
        if not moving:
            return
        old = self.plan.old(kind, "base", "run")
        self.connection.register("going", pa.table({"customer": self.moved}))
        concerned = f"{self._standing(kind, old)} SEMI JOIN going USING (customer)"
        number = self.plan.generation.id + 1 if self.plan.generation else 1  # larger than any a row moved with before
        for _, where in [(0, "TRUE")] if moving <= IN_MEMORY else self._shares(old):
            table = self.connection.sql(f"SELECT * FROM ({concerned}) WHERE {where}").to_arrow_table()
            raw = identity.raw_ids(self.connection, table)
            _, customer = identity.resolve(raw, customer=self.plan.customer, whole=self.fold)
            goes = pc.fill_null(table["customer"], identity.NOBODY).to_numpy() != customer
            moved = pa.repeat(pa.scalar(number, pa.int32()), table.num_rows)
            again = _shaped(table, table.schema, {"customer": _hashes(customer), "moved": moved})
            yield tuple(t.filter(pa.array(goes)) for t in (table.select(HIDDEN.names), again))

    def _shares(self, files: list[LakeFile]) -> Iterator[tuple[int, str]]:
        """Shares of the rows of files, as bucket and condition: ranges of customers, or of positions without any."""
        buckets, rows = self.workspace.buckets, sum(f.rows for f in files)
        parts = 1 << (max(rows // (buckets * PIECE), 1) - 1).bit_length()
        for share in range(buckets * parts):
            low, high = bounds(share, buckets * parts)
            yield share // parts, f"customer BETWEEN {low} AND {high}"
        count = -(-rows // PIECE)  # how many of them nobody sent is not known
        step = -(-max(self.plan.position, 1) // max(count, 1))
        for first in range(0, max(self.plan.position, 1), step):
            yield buckets, f"customer IS NULL AND position >= {first} AND position < {first + step}"

    def _standing(self, kind: str, files: list[LakeFile]) -> str:
        hidden = [f for f in self.files if f.kind == kind and f.role == "hidden"] or self.plan.old(kind, "hidden")
        return f"SELECT * FROM ({standing_rows(self.workspace.lake, files, hidden, SETTLED[kind])})"

    def _keep_known(self, kind: str, new: list[pa.Table]) -> None:
        old = self.plan.old(kind, "known")
        if not new:
            self.files += old
            return
        parts = [self.workspace.lake.read(f) for f in old]
        table = derived.joined_known([*parts, *new])
        if table.num_rows:
            self._keep(table, kind=kind, role="known")

    # ------------------------------------------------------------------ arranging files

    def _arrange(self, kind: str, old: list[LakeFile], new: list[LakeFile], *, left: pa.Table) -> Iterator[Progress]:
        """Hide what moved rows left behind and what new rows supersede; merge runs that have grown."""
        hidden = derived.hide(self, kind, self.plan.old(kind, "hidden"), left)
        self.files += derived.superseded(self, kind, old=old, new=new, hidden=hidden)
        bases = [f for f in [*old, *new] if f.role == "base"]
        runs = [f for f in [*old, *new] if f.role == "run"]
        if sum(f.rows for f in runs) * OUTGROWN > sum(f.rows for f in bases):
            if runs:
                yield Progress(done=self.done, total=self.total, what=f"merging {kind}")
                bases, runs = list(self._merged(kind, bases + runs)), []
                self.files = [f for f in self.files if not (f.kind == kind and f.role == "hidden")]
        elif count := ids.to_merge([f.rows for f in runs]):
            runs[-count:] = self._one_run(kind, runs[-count:])
        self.files += bases + runs

    def _merged(self, kind: str, files: list[LakeFile]) -> Iterator[LakeFile]:
        """Runs and bases as new bases, bucket by bucket, without the rows that no longer stand."""
        sql = self._standing(kind, files)
        order = "ORDER BY customer NULLS LAST, occurred_at NULLS LAST, position"
        for bucket, where in self._shares(files):
            table = self.connection.sql(f"{sql} WHERE {where} {order}").to_arrow_table()
            if table.num_rows:
                yield self.workspace.lake.write(table, kind=kind, role="base", bucket=bucket)

    def _one_run(self, kind: str, files: list[LakeFile]) -> list[LakeFile]:
        if sum(f.rows for f in files) > IN_MEMORY:
            return files
        sorter = self._sorter(kind, 0)
        for file in files:
            sorter.add(self.workspace.lake.read(file))
        return list(sorter.run())


def _hashes(values: np.ndarray[Any, Any]) -> pa.Array:
    return pa.array(values, pa.int64(), mask=values == identity.NOBODY)


def _one_text(text: str, rows: int) -> pa.Array:
    """The same text so many times."""
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), rows), pa.array([text]))


def _received(segment: Segment, rows: pa.Table) -> pa.ChunkedArray | pa.Array:
    """When each row was received."""
    if segment.merged:
        return rows[log.RECEIVED]
    return pa.repeat(pa.scalar(log.moment(segment.received_at), pa.timestamp("us")), rows.num_rows)


def _shaped(table: pa.Table, schema: pa.Schema, made: dict[str, pa.Array]) -> pa.Table:
    """The columns of a schema a table has or are made, cast where needed; texts may be coded."""
    found = {name: table[name] for name in schema.names if name in table.column_names} | made
    columns = {field.name: found[field.name] for field in schema if field.name in found}
    for field in schema:
        column = columns.get(field.name)
        if column is not None and column.type != field.type and not pa.types.is_dictionary(column.type):
            columns[field.name] = pc.cast(column, field.type)
    return pa.table(columns)
