"""The identity of rows: a 128-bit id of each, made of what was sent and nothing else.

The id of a row is made of its kind, its source and every column that has a value, except when it was sent. Columns
without a value add nothing, so that a kind may gain columns without changing the ids of what is already stored. A row
with a message id is known by that id, and its content is its *check*. A row with neither record key nor message id is
told from its equals by its ordinal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.errors import BadInput, UnknownName

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    from numpy.typing import NDArray

    from regard.store.ids import Ordinals

NOT_CONTENT = "sent_at"
"""Sent again later is still the same content."""

MORSEL = 1 << 14
"""Rows handed to one thread of the engine at a time."""

EMPTY_IS_NONE = ("key", "message_id", "person", "account", "anonymous", "labels")
"""Columns in which an empty text is no value."""


@dataclass(frozen=True)
class Identities:
    """Identity of each row: high and low half of its id, and the check of its content (0 without message id)."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    check: NDArray[np.uint64]


def fitted(kind: str, table: pa.Table, schema: pa.Schema) -> pa.Table:
    """A chunk as it will be stored: known columns in schema order and types; columns without any value left out.

    Raises:
        UnknownName: A column the kind does not have.
        BadInput: A column whose values do not fit its type.
    """
    for name in table.column_names:
        if name not in schema.names:
            raise UnknownName("column", name, schema.names, where=kind)
    columns: list[Any] = []
    fields: list[pa.Field] = []
    for field in schema:
        if field.name not in table.column_names:
            continue
        column = _fitted(kind, table[field.name], field)
        if column.null_count < len(column):
            columns.append(column)
            fields.append(field)
    if not fields and table.num_rows:
        raise BadInput("These rows have no value in any column.", where=kind)
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def _fitted(kind: str, column: Any, field: pa.Field) -> Any:
    try:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        column = column if column.type == field.type else column.cast(field.type)
    except pa.ArrowException as error:
        raise BadInput(f"The column {field.name} does not fit {field.type}: {error}", where=kind) from error
    if field.name in EMPTY_IS_NONE and column.null_count < len(column):
        empty = pc.equal(column, "")
        if pc.any(empty).as_py():
            column = pc.if_else(empty, pa.scalar(None, pa.string()), column)
    return column


def identify(
    connection: duckdb.DuckDBPyConnection, *, kind: str, source: str, table: pa.Table, ordinals: Ordinals
) -> Identities:
    """The identity of each row of a fitted chunk.

    Args:
        connection: Any DuckDB connection; nothing is kept in it.
        kind: Kind of signal.
        source: Where it comes from.
        table: The chunk, from `fitted`.
        ordinals: The batch's memory of equal rows.
    """
    high, low = content(connection, kind=kind, source=source, table=table)
    check = np.zeros(len(high), np.uint64)
    named = present(table, "message_id")
    plain = ~named & ~present(table, "key")
    if named.any():
        check[named] = low[named]
        message_high, message_low = _md5(connection, table, "$prefix || '#' || message_id", _prefix(kind, source))
        high[named], low[named] = message_high[named], message_low[named]
    if plain.any():
        ordinal = ordinals.of(high[plain]).astype(np.uint64)
        high[plain] += mixed(ordinal)
        low[plain] ^= mixed(ordinal)
    return Identities(high, low, check)


def content(
    connection: duckdb.DuckDBPyConnection, *, kind: str, source: str, table: pa.Table
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Two hashes of each row of a fitted chunk: of its kind, its source and every value, but for when it was sent."""
    prefix = _prefix(kind, source)
    texts = [f.name for f in table.schema if _is_text(f.type)]
    columns = ", ".join('"' + name.replace('"', '""') + '"' for name in texts)
    high, low = _md5(connection, table, f"concat({', '.join(filter(None, ['$prefix', columns]))})", prefix)
    _stir_lengths(high, low, table.select(texts))
    for field in table.schema:
        if field.name not in texts and field.name != NOT_CONTENT:
            _stir(high, low, field.name, table[field.name])
    return high, low


def of_messages(ids: Sequence[str], *, kind: str, source: str) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The identities of rows known by their message ids: the same as `identify` finds, for few rows quicker."""
    prefix = f"{_prefix(kind, source)}#".encode()
    digests = b"".join([hashlib.md5(prefix + i.encode(), usedforsecurity=False).digest() for i in ids])
    words = np.frombuffer(digests, "<u8").reshape(-1, 2)
    return words[:, 1].copy(), words[:, 0].copy()


def _prefix(kind: str, source: str) -> str:
    return f"{len(kind)}:{kind}{len(source)}:{source}"


def present(table: pa.Table, name: str) -> NDArray[np.bool_]:
    """Where a column has a value; nowhere when there is no such column."""
    if name not in table.column_names:
        return np.zeros(table.num_rows, bool)
    return np.asarray(table[name].is_valid())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_dictionary(kind))


def _salt(name: str) -> NDArray[np.uint64]:
    """Two numbers made of a column's name."""
    return np.frombuffer(hashlib.md5(name.encode()).digest(), "<u8")  # noqa: S324


def _stir_lengths(high: NDArray[np.uint64], low: NDArray[np.uint64], table: pa.Table) -> None:
    """Stir in, in place, where each text begins and ends.

    md5 went over the texts one after another; the sum of their lengths, each times an odd number of its column, tells
    in which columns they stood. Writing names and lengths between them for md5 costs three times as much.
    """
    sums = np.zeros((2, table.num_rows), np.uint64)
    for name in table.column_names:
        length = _lengths(table[name])
        sums += length * (_salt(name) | np.uint64(1))[:, None]
    high[:], low[:] = _stirred(high, sums[0]), _stirred(low, sums[1])


def _lengths(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    """Bytes of each text and one more; 0 for null."""
    column = column.combine_chunks()
    texts = column.dictionary if pa.types.is_dictionary(column.type) else column
    length: NDArray[np.uint64] = np.asarray(pc.fill_null(pc.add(pc.binary_length(texts), 1), 0)).astype(np.uint64)
    if texts is not column:
        length = np.append(length, np.uint64(0))[np.asarray(column.indices.fill_null(len(length)))]
    return length


def _stirred(half: NDArray[np.uint64], bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return mixed((half * np.uint64(0x9E3779B97F4A7C15)) ^ mixed(bits))


def _stir(high: NDArray[np.uint64], low: NDArray[np.uint64], name: str, column: pa.ChunkedArray) -> None:
    """Stir a column of numbers into the ids, in place, where it has values.

    The bits of each value and the column's name go through splitmix64's mixing, once per half: several times cheaper
    than writing numbers out for md5, which the texts go through.
    """
    salt = _salt(name)
    bits = _bits(column)
    there = column.is_valid().to_numpy()
    for half, by in ((high, salt[0]), (low, salt[1])):
        stirred = _stirred(half, bits + by)
        half[:] = stirred if there.all() else np.where(there, stirred, half)


def _bits(column: pa.ChunkedArray) -> NDArray[np.uint64]:
    """The 64 bits of each number, time or truth; 0 for null."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8()).cast(pa.int64())
    values = pc.fill_null(column, 0).to_numpy()
    if values.dtype == np.float64:
        values = values + 0.0  # -0.0 and 0.0 are one number
    bits: NDArray[np.uint64] = np.ascontiguousarray(values).view(np.uint64)
    return bits


def _md5(
    connection: duckdb.DuckDBPyConnection, table: pa.Table, text: str, prefix: str
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    statement = f"""
        SELECT coalesce((m >> 64)::UBIGINT, 0) AS high, coalesce((m & 18446744073709551615)::UBIGINT, 0) AS low
        FROM (SELECT md5_number({text}) AS m FROM chunk)"""
    connection.register("chunk", pa.Table.from_batches(table.to_batches(max_chunksize=MORSEL), table.schema))
    try:
        found = connection.execute(statement, {"prefix": prefix}).fetchnumpy()
    finally:
        connection.unregister("chunk")
    return np.array(np.ma.getdata(found["high"])), np.array(np.ma.getdata(found["low"]))


def mixed(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64 without its first step: 0 stays 0, so the first of equals keeps the plain id (Steele et al. 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))
