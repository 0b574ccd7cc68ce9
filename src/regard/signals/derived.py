"""What is derived of rows while they settle: ids known, who belongs where, what is superseded, customers, standings."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.signals.identity import NOBODY, TEXTS, Membership, Raw, coded_hashes
from regard.signals.shapes import CUSTOMER, FOLD, HIDDEN, KNOWN, MOMENT, PAIRS, SETTLED, STANDING
from regard.signals.views import read, standing_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb
    from numpy.typing import NDArray

    from regard.signals.settling import Settlement
    from regard.store.lake import LakeFile
    from regard.store.log import Segment


LATE, EARLY = np.iinfo(np.int64).max, np.iinfo(np.int64).min
"""Stand for no moment, where the first or the last is looked for."""

SORTED = 16_000_000
"""Hashes sorted in memory; the engine groups more."""

CONDENSED = 500_000
"""Rows gathered before equal ones are joined."""


def statement(name: str) -> str:
    """The text of an SQL file beside this module."""
    return resources.files("regard.signals").joinpath(name).read_text(encoding="utf-8")


@dataclass(frozen=True)
class Seen:
    """Hashes of the ids of a segment's rows, and the rows' positions."""

    raw: Raw
    position: NDArray[np.int64]


def pairs(seen: Seen, segment: Segment) -> pa.Table:
    """Persons and accounts that rows name together, as PAIRS; a ``profile`` states it, other kinds only show it."""
    somebody = seen.raw.somebody()
    both = (somebody != NOBODY) & (seen.raw.account != NOBODY)
    if not both.any():
        return PAIRS.empty_table()
    stated = np.full(int(both.sum()), segment.kind == "profile")
    return pa.table([somebody[both], seen.raw.account[both], seen.position[both], stated], schema=PAIRS)


def condense(parts: list[pa.Table], join: Callable[[list[pa.Table]], pa.Table]) -> None:
    """Join gathered parts in place when they have grown, so that memory follows what is distinct."""
    if len(parts) > 1 and sum(part.num_rows for part in parts[1:]) > max(CONDENSED, parts[0].num_rows):
        parts[:] = [join(parts)]


def membership(parts: list[pa.Table]) -> Membership:
    """Pairs of all kinds as arrays."""
    every = pa.concat_tables([PAIRS.empty_table(), *parts])
    person, account, position = (every[name].to_numpy() for name in ("person", "account", "position"))
    return Membership(person, account, position, every["stated"].to_numpy())


def joined_pairs(connection: duckdb.DuckDBPyConnection, parts: list[pa.Table]) -> pa.Table:
    """Pairs of several chunks, once each: at the first position, or the last where a profile states it."""
    every = pa.concat_tables(parts)
    if not every.num_rows:
        return PAIRS.empty_table()
    connection.register("every", every)
    text = (
        "SELECT person, account, CASE WHEN stated THEN max(position) ELSE min(position) END AS position, stated "
        "FROM every GROUP BY person, account, stated ORDER BY position, person, account"
    )
    found = connection.sql(text).to_arrow_table().cast(PAIRS)
    connection.unregister("every")
    return found


def known(
    connection: duckdb.DuckDBPyConnection, table: pa.Table, raw: Raw, own: NDArray[np.int64], kind: str
) -> pa.Table:
    """The ids of a chunk, with the times each was the one its rows are known by, as KNOWN.

    Args:
        connection: Any DuckDB connection.
        table: Rows as sent.
        raw: Their hashes.
        own: The hash each row is known by.
        kind: Kind of signal.
    """
    texts = raw.texts
    if kind == "merge":
        into = coded_hashes(connection, "person", table["into"])[1]
        texts = pa.concat_tables([texts, into]).group_by(TEXTS.names).aggregate([]).select(TEXTS.names).cast(TEXTS)
    hashes, first, last, rows = _times(own, _moments(table))
    asked = texts["hash"].to_numpy()
    at = np.minimum(np.searchsorted(hashes, asked), max(len(hashes) - 1, 0))
    hit = hashes[at] == asked if len(hashes) else np.zeros(len(asked), bool)

    def column(values: NDArray[np.int64], missing: int | None) -> pa.Array:
        found = np.where(hit, values[at], missing or 0) if len(hashes) else np.full(len(asked), missing or 0)
        return pa.array(found, mask=None if missing is None else found == missing)

    times = [column(first, LATE).cast(MOMENT), column(last, EARLY).cast(MOMENT), column(rows, None)]
    return pa.table([*texts.columns, *times, pa.repeat(kind, len(asked))], schema=KNOWN)


def _moments(table: pa.Table) -> pa.Array:
    if "occurred_at" not in table.column_names:
        return pa.nulls(table.num_rows, pa.int64())
    return table["occurred_at"].cast(pa.int64()).combine_chunks()


def _times(own: NDArray[np.int64], moment: pa.Array) -> tuple[NDArray[np.int64], ...]:
    """Each hash once, ascending, with its first (else LATE) and last (else EARLY) moment and its number of rows."""
    order = np.argsort(own)
    hashes = own[order]
    starts = np.ones(len(hashes), bool)
    starts[1:] = hashes[1:] != hashes[:-1]
    edges = np.flatnonzero(starts)
    if not len(edges):
        return hashes, hashes, hashes, hashes
    first = np.minimum.reduceat(moment.fill_null(LATE).to_numpy()[order], edges)
    last = np.maximum.reduceat(moment.fill_null(EARLY).to_numpy()[order], edges)
    rows = np.diff(np.append(edges, len(hashes)))
    return hashes[edges], first, last, rows


def joined_known(parts: list[pa.Table]) -> pa.Table:
    """Known ids of several chunks of one kind, once each, by hash."""
    every = pa.concat_tables(parts)
    order = np.argsort(every["hash"].to_numpy(), kind="stable")
    hashes = every["hash"].to_numpy()[order]
    edges = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]])) if len(hashes) else order
    texts = every.select(["hash", "space", "id", "kind"]).combine_chunks().take(pa.array(order[edges]))

    def folded(name: str, fold: np.ufunc, missing: int) -> pa.Array:
        values = pc.fill_null(every[name].cast(pa.int64()), missing).to_numpy()[order]
        found = fold.reduceat(values, edges) if len(edges) else values
        return pa.array(found, mask=found == missing).cast(KNOWN.field(name).type)

    made = {
        "first_at": folded("first_at", np.minimum, LATE),
        "last_at": folded("last_at", np.maximum, EARLY),
        "rows": folded("rows", np.add, -1),
    }
    return pa.table({f.name: made[f.name] if f.name in made else texts[f.name] for f in KNOWN}).cast(KNOWN)


def superseded(
    settlement: Settlement, kind: str, *, old: list[LakeFile], new: list[LakeFile], hidden: list[LakeFile]
) -> list[LakeFile]:
    """The file of hidden rows with those that newer versions of their record supersede; looks at new rows' keys only.

    Returns:
        One file, or none when nothing is hidden.
    """
    connection, lake = settlement.connection, settlement.workspace.lake
    fresh = read(lake, new, SETTLED[kind])
    keys = f"SELECT source, key FROM ({fresh}) WHERE key IS NOT NULL"
    if not new or not connection.sql(f"{keys} LIMIT 1").fetchall():
        return hidden
    every = standing_rows(lake, [*old, *new], hidden, SETTLED[kind])
    again = "" if old else "HAVING count(*) > 1"
    concerned = f"SELECT source, key FROM ({fresh}) WHERE key IS NOT NULL GROUP BY source, key {again}"
    if not old and not _any_twice(connection, fresh, sum(f.rows for f in new)):
        return hidden
    text = f"""
        WITH concerned AS MATERIALIZED ({concerned})
        SELECT position, moved FROM ({every}) AS r SEMI JOIN concerned USING (source, key)
        QUALIFY row_number() OVER (
            PARTITION BY source, key ORDER BY coalesce(version_at, occurred_at) DESC NULLS LAST, position DESC) > 1"""
    return hide(settlement, kind, hidden, connection.sql(text).to_arrow_table())


def hide(settlement: Settlement, kind: str, hidden: list[LakeFile], more: pa.Table) -> list[LakeFile]:
    """The file of hidden rows with more of them, as HIDDEN."""
    if not more.num_rows:
        return hidden
    lake = settlement.workspace.lake
    before = [lake.read(f, columns=HIDDEN.names).cast(HIDDEN) for f in hidden]
    every = pa.concat_tables([*before, more.select(HIDDEN.names).cast(HIDDEN)])
    return [lake.write(every.sort_by("position"), kind=kind, role="hidden")]


def _any_twice(connection: duckdb.DuckDBPyConnection, rows: str, number: int) -> bool:
    """Whether any two rows may share a key: a look at hashes, several times cheaper than at the keys."""
    hashed = f"SELECT hash(source, key) AS h FROM ({rows}) WHERE key IS NOT NULL"
    if number > SORTED:
        return bool(connection.sql(f"SELECT 1 FROM ({hashed}) GROUP BY h HAVING count(*) > 1 LIMIT 1").fetchall())
    hashes = np.sort(np.asarray(connection.execute(hashed).fetchnumpy()["h"]))
    return bool(np.any(hashes[1:] == hashes[:-1]))


def write(settlement: Settlement) -> None:
    """Derive customers and their standings from what this settlement holds, and add their files."""
    connection, lake, files = settlement.connection, settlement.workspace.lake, settlement.files
    profile = [f for f in files if f.kind == "profile" and f.role in {"base", "run"}]
    hidden = [f for f in files if f.kind == "profile" and f.role == "hidden"]

    connection.execute(
        f"CREATE OR REPLACE TEMP VIEW profile AS {standing_rows(lake, profile, hidden, SETTLED['profile'])}"
    )
    connection.register("fold", _fold_table(settlement.fold.source, settlement.fold.target))
    connection.register("members", _fold_table(settlement.members.source, settlement.members.target))
    whose = {"customer": settlement.plan.customer}
    standing = connection.sql(statement("standing.sql"), params=whose).to_arrow_table().cast(STANDING)
    connection.register("standing", standing)
    known_files = [f for f in files if f.role == "known"]
    connection.execute(f"CREATE OR REPLACE TEMP VIEW known AS {read(lake, known_files, KNOWN)}")
    customers = connection.sql(statement("customer.sql"), params=whose)
    table = customers.to_arrow_table().cast(CUSTOMER)
    files.append(lake.write(standing, kind="derived", role="standing"))
    files.append(lake.write(table, kind="derived", role="customer"))


def _fold_table(source: NDArray[np.int64], target: NDArray[np.int64]) -> pa.Table:
    return pa.table([source, target], schema=FOLD)
