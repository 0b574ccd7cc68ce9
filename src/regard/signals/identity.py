"""Who is who: ids as sent become customers, by a fold of merges and of who belongs to which account.

An id lives in a space: ``person``, ``account`` or ``anonymous``. Its hash is the lower 64 bits of the md5 of
``space:id`` as a signed integer, the same on every machine and in every engine. Rows keep their ids as sent; only
their `customer` follows the fold, so that a merge taken back leaves no trace.

Rules: the newest merge of an id says where it goes; chains are followed; a circle takes its smallest hash; ids that
stand for nobody in particular (``guest``, ``null``) and ids that join more than `CROWD` people are held back.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.signals.shapes import MERGES
from regard.store.coded import used_of

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

Space = Literal["person", "account", "anonymous"]
SPACES: tuple[Space, ...] = ("person", "account", "anonymous")

SHARED = ("", "0", "anonymous", "guest", "n/a", "na", "none", "null", "test", "undefined", "unknown")
"""Ids that stand for nobody in particular, whatever their case."""

CROWD = 50
"""An id that joins more people than this is a shared one."""

TEXTS = pa.schema([("hash", pa.int64()), ("space", pa.string()), ("id", pa.string())])

NOBODY = np.iinfo(np.int64).min
"""Stands for no customer in arrays of hashes."""


def customer_hash(space: Space, id_: str) -> int:
    """The hash of one id."""
    return int.from_bytes(hashlib.md5(f"{space}:{id_}".encode()).digest()[8:], "little", signed=True)  # noqa: S324


def hashes(connection: duckdb.DuckDBPyConnection, space: Space, column: pa.ChunkedArray) -> NDArray[np.int64]:
    """The hash of each id of a column; `NOBODY` for null and for shared ids.

    Args:
        connection: Any DuckDB connection.
        space: The space of the ids.
        column: Ids as text.
    """
    return coded_hashes(connection, space, column)[0]


def coded_hashes(
    connection: duckdb.DuckDBPyConnection, space: Space, column: pa.ChunkedArray
) -> tuple[NDArray[np.int64], pa.Table]:
    """The hash of each id of a column, and a table (hash, space, id) of the distinct ones that are somebody."""
    column = column.combine_chunks()
    codes = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    known = pa.table({"id": codes.dictionary})
    values = np.empty(len(known) + 1, np.int64)
    values[:-1] = _hashed(connection, space, known)
    shared = np.asarray(pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(codes.dictionary)), pa.array(SHARED)))
    values[:-1][shared] = NOBODY
    values[-1] = NOBODY
    result: NDArray[np.int64] = values[np.asarray(codes.indices.fill_null(len(known)))]
    kept = (values[:-1] != NOBODY) & used_of(codes.dictionary, codes.indices)
    texts = pa.table([values[:-1], pa.repeat(space, len(known)), codes.dictionary], schema=TEXTS)
    return result, texts if kept.all() else texts.filter(pa.array(kept))


def _hashed(connection: duckdb.DuckDBPyConnection, space: Space, ids: pa.Table) -> NDArray[np.int64]:
    """The lower half of the md5 of each id with its space; 0 for null. DuckDB's first number is what md5 ends with."""
    if not len(ids):
        return np.zeros(0, np.int64)
    connection.register("ids_", ids)
    statement = f"SELECT coalesce((md5_number('{space}:' || id) >> 64)::UBIGINT, 0) AS hash FROM ids_"
    found = connection.execute(statement).fetchnumpy()["hash"]
    connection.unregister("ids_")
    return np.asarray(np.ma.getdata(found)).astype(np.uint64).view(np.int64)


@dataclass(frozen=True)
class Raw:
    """Hashes of the ids of rows, one array per space; `NOBODY` where a row has none."""

    person: NDArray[np.int64]
    account: NDArray[np.int64]
    anonymous: NDArray[np.int64]
    texts: pa.Table
    """The distinct ids as (hash, space, id)."""

    def somebody(self) -> NDArray[np.int64]:
        """The person, else the device."""
        return np.where(self.person != NOBODY, self.person, self.anonymous)


def raw_ids(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> Raw:
    """The hashes of a table's ids, from whichever of the columns person, account, anonymous it has."""
    none = np.full(table.num_rows, NOBODY)
    found: dict[str, NDArray[np.int64]] = dict.fromkeys(SPACES, none)
    texts = [TEXTS.empty_table()]
    for space in SPACES:
        if space in table.column_names:
            found[space], distinct = coded_hashes(connection, space, table[space])
            texts.append(distinct)
    return Raw(found["person"], found["account"], found["anonymous"], pa.concat_tables(texts))


@dataclass(frozen=True)
class Fold:
    """Where ids go: sorted hashes and, for each, the customer it is. What is not listed is itself."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]

    def __call__(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The hash each id goes to."""
        if not len(self.source):
            return ids
        at = np.minimum(np.searchsorted(self.source, ids), len(self.source) - 1)
        return np.where(self.source[at] == ids, self.target[at], ids)

    def changed(self, other: Fold) -> NDArray[np.int64]:
        """Ids that go elsewhere under the other fold."""
        every = np.union1d(self.source, other.source)
        changed: NDArray[np.int64] = every[self(every) != other(every)]
        return changed


def empty_fold() -> Fold:
    """A fold in which everybody is themselves."""
    return Fold(np.zeros(0, np.int64), np.zeros(0, np.int64))


@dataclass(frozen=True)
class Merges:
    """Merge signals as columns: where from, where to, taken back, log position, whether a device goes."""

    source: NDArray[np.int64]
    target: NDArray[np.int64]
    undo: NDArray[np.bool_]
    position: NDArray[np.int64]
    device: NDArray[np.bool_]


def read_merges(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> Merges:
    """The merges of a chunk of ``merge`` rows; those of shared ids are left out.

    Args:
        connection: Any DuckDB connection.
        table: Columns person, account, anonymous, into, undo (any missing) and position.
    """
    raw = raw_ids(connection, table)
    into = table["into"]
    as_person, as_account = hashes(connection, "person", into), hashes(connection, "account", into)
    source, device = raw.somebody(), (raw.person == NOBODY) & (raw.anonymous != NOBODY)
    accounts = source == NOBODY
    source = np.where(accounts, raw.account, source)
    target = np.where(accounts, as_account, as_person)
    undo = np.zeros(len(source), bool)
    if "undo" in table.column_names:
        undo = pc.fill_null(table["undo"], False).to_numpy()
    keep = (source != NOBODY) & (target != NOBODY) & (source != target)
    position = table["position"].to_numpy()
    return Merges(source[keep], target[keep], undo[keep], position[keep], device[keep])


def merges_of(table: pa.Table) -> Merges:
    """Merges from their table, as MERGES."""
    return Merges(*(table[name].to_numpy(zero_copy_only=False) for name in MERGES.names))


def table_of(merges: Merges) -> pa.Table:
    """Merges as a table of MERGES."""
    return pa.table([getattr(merges, name) for name in MERGES.names], schema=MERGES)


def join_merges(parts: list[Merges]) -> Merges:
    """Merges one after another."""
    names = MERGES.names
    kinds = (np.int64, np.int64, np.bool_, np.int64, np.bool_)
    columns = [
        np.concatenate([np.zeros(0, kind), *(getattr(part, name) for part in parts)])
        for name, kind in zip(names, kinds, strict=True)
    ]
    return Merges(*columns)


def fold(merges: Merges) -> tuple[Fold, NDArray[np.int64]]:
    """Fold merges in log order.

    Returns:
        Where each merged id goes, and the ids held back because they join more than `CROWD` people.
    """
    order = np.lexsort((merges.position, merges.target, merges.source))
    source, target = merges.source[order], merges.target[order]
    last = np.ones(len(order), bool)
    last[:-1] = (source[1:] != source[:-1]) | (target[1:] != target[:-1])
    stands = last & ~merges.undo[order]
    source, target = source[stands], target[stands]
    position, device = merges.position[order][stands], merges.device[order][stands]
    crowded = _crowded(source, target, device)
    keep = ~np.isin(source, crowded) & ~np.isin(target, crowded)
    source, target, position = source[keep], target[keep], position[keep]
    order = np.lexsort((position, source))
    source, target = source[order], target[order]
    newest = np.ones(len(source), bool)
    newest[:-1] = source[1:] != source[:-1]
    return _followed(source[newest], target[newest]), crowded


def _crowded(source: NDArray[np.int64], target: NDArray[np.int64], device: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Ids that join too many: one id gone into many people, or many people gone into one; devices are not people."""
    leaving, left = np.unique(source, return_counts=True)
    entered, entering = np.unique(target[~device], return_counts=True)
    return np.union1d(leaving[left > CROWD], entered[entering > CROWD])


def _followed(source: NDArray[np.int64], target: NDArray[np.int64]) -> Fold:
    """Follow chains to their end by doubling; a circle ends at its smallest hash.

    Args:
        source: Distinct hashes, ascending.
        target: Where each goes, one step.
    """
    if not len(source):
        return empty_fold()
    nodes = np.union1d(source, target)
    step = np.arange(len(nodes))
    step[np.searchsorted(nodes, source)] = np.searchsorted(nodes, target)
    least = np.arange(len(nodes))  # the smallest node among the next 2^k steps; nodes are sorted by hash
    for _ in range(len(nodes).bit_length()):
        least = np.minimum(least, least[step])
        step = step[step]
    # After so many doublings every node stands in its circle or at its end, and `least` of such a node is final.
    end = least[step]
    at = np.searchsorted(nodes, source)
    moved = end[at] != at
    return Fold(source[moved], nodes[end[at]][moved])


@dataclass(frozen=True)
class Membership:
    """Who was seen with which account: person, account, the first position, and whether a profile says so."""

    person: NDArray[np.int64]
    account: NDArray[np.int64]
    position: NDArray[np.int64]
    stated: NDArray[np.bool_]


def belongs(members: Membership, merged: Fold) -> Fold:
    """The account of each person: what the newest profile says, else the first account a signal was seen with.

    The first, not the last, so that somebody who works with two accounts does not move back and forth.
    """
    person, account = merged(members.person), merged(members.account)
    rank = np.where(members.stated, -1 - members.position, members.position)  # profiles first, newest first
    order = np.lexsort((rank, ~members.stated, person))
    person, account = person[order], account[order]
    first = np.ones(len(person), bool)
    first[1:] = person[1:] != person[:-1]
    return Fold(person[first], account[first])


def resolve(
    raw: Raw, *, customer: Literal["person", "account"], whole: Fold
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The id each row is known by, and the customer it is of.

    Args:
        raw: Hashes of the row's ids.
        customer: What a customer is.
        whole: Merges and, where a customer is an account, membership, from `whole_fold`.
    """
    somebody = raw.somebody()
    if customer == "person":
        own = np.where(somebody != NOBODY, somebody, raw.account)
    else:
        own = np.where(raw.account != NOBODY, raw.account, somebody)
    return own, whole(own)


def whole_fold(merged: Fold, members: Fold, *, customer: Literal["person", "account"]) -> Fold:
    """One step from any id to its customer."""
    if customer == "person" or not len(members.source):
        return merged
    every = np.union1d(merged.source, members.source)
    target = members(merged(every))
    moved = target != every
    return Fold(every[moved], target[moved])
