"""Texts as codes: a column in which few values repeat travels as a dictionary, which is several times cheaper to sort,
write and read. Only the form changes, never a value; files of both forms look the same to whoever reads them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from regard.store.pace import abreast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

SAMPLE = 2048
"""Rows looked at to tell whether a column repeats itself."""

REPEATS = 4
"""A column repeats itself where a value comes so many times on average."""

DICTIONARY_BYTES = 4 << 20
"""A column written as codes stays so up to this size of its dictionary."""


def coded(table: pa.Table) -> pa.Table:
    """The table with every text column that repeats itself as codes of 32 bits."""
    for number, field in enumerate(table.schema):
        column = table.column(number)
        if pa.types.is_string(field.type) and _repeats(column):
            one = column.combine_chunks().dictionary_encode()
            if len(one.dictionary) * REPEATS <= len(one):
                table = table.set_column(number, field.name, one)
    return table


def plain(table: pa.Table) -> pa.Table:
    """The table with codes as the texts they stand for."""
    for number, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(number, field.name, table.column(number).cast(field.type.value_type))
    return table


def like(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table in the form of a schema: coded or plain as that says, columns it lacks without any value."""
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
            continue
        column = table[field.name]
        if pa.types.is_dictionary(field.type) and not pa.types.is_dictionary(column.type):
            column = column.dictionary_encode()
        columns.append(column if column.type == field.type else column.cast(field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def schema_of(table: pa.Table, schema: pa.Schema) -> pa.Schema:
    """The columns of a schema, coded where the table's are, and where it has none (a dictionary costs nothing)."""
    code = pa.dictionary(pa.int32(), pa.string())
    types = {f.name: f.type for f in table.schema}
    either = [(f.name, types.get(f.name, code)) if pa.types.is_string(f.type) else (f.name, f.type) for f in schema]
    return pa.schema(either)


def joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Tables as one in one piece; a column may be coded here, plain there, and missing elsewhere."""
    types: dict[str, pa.DataType] = {}
    for field in (f for part in parts for f in part.schema):
        known = types.setdefault(field.name, field.type)
        if known != field.type and pa.types.is_dictionary(known):
            types[field.name] = field.type  # plain somewhere, so plain everywhere
    schema = pa.schema(list(types.items()))
    table = pa.concat_tables([part if part.schema.equals(schema) else like(part, schema) for part in parts])
    columns = list(abreast(_in_one, table.columns))  # taking from chunks would join them at every take
    return pa.Table.from_arrays(columns, schema=schema)


def _in_one(column: pa.ChunkedArray) -> pa.ChunkedArray:
    one = column.unify_dictionaries().combine_chunks()
    return one if isinstance(one, pa.ChunkedArray) else pa.chunked_array([one], type=column.type)


def _repeats(column: pa.ChunkedArray) -> bool:
    sample = column.slice(0, SAMPLE)
    return len(sample) >= REPEATS and pc.count_distinct(sample, mode="all").as_py() * REPEATS <= len(sample)


def taken(table: pa.Table, order: NDArray[np.int64], *, codes: bool = False) -> pa.Table:
    """Rows of a table in one piece, in this order.

    Args:
        table: From `joined`.
        order: Which rows.
        codes: Keep every coded column coded; else those with too many values for so few rows become texts.
    """
    index = pa.array(order)
    columns = []
    for column in table.columns:
        one = column.chunk(0) if column.num_chunks else column.combine_chunks()
        if not pa.types.is_dictionary(one.type) or len(one.dictionary) * REPEATS <= len(order):
            columns.append(one.take(index))
        elif codes:
            columns.append(_fewer(one.dictionary, one.indices.take(index)))
        else:
            columns.append(one.dictionary.take(one.indices.take(index)))
    return pa.Table.from_arrays(columns, names=table.column_names)


def _fewer(values: pa.Array, indices: pa.Array) -> pa.DictionaryArray:
    """Codes with only those values that are used."""
    used = used_of(values, indices)
    place = np.cumsum(used, dtype=np.int32) - np.int32(1)
    there = indices.is_valid()
    codes = place[np.asarray(indices.fill_null(0))] if len(values) else np.zeros(len(indices), np.int32)
    mask = None if indices.null_count == 0 else ~np.asarray(there)
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=mask), values.filter(pa.array(used)))


def used_of(values: pa.Array, indices: pa.Array) -> NDArray[np.bool_]:
    """Which values of a dictionary any code stands for."""
    used = np.zeros(len(values), bool)
    used[np.asarray(indices.drop_null())] = True
    return used


def write(
    path: Path,
    tables: Iterable[pa.Table],
    *,
    row_group: int,
    about: Mapping[str, str] | None = None,
) -> None:
    """Write tables of one form as a Parquet file: codes as dictionaries, limits kept of numbers and times alone.

    Args:
        path: The file.
        tables: At least one, all with the same columns, coded or not.
        row_group: Rows of a row group at most.
        about: Words kept in the file's metadata.
    """
    writer: pq.ParquetWriter | None = None
    try:
        for table in tables:
            if writer is None:
                writer = _writer(path, table)
                writer.add_key_value_metadata(dict(about or {}))
            writer.write_table(table, row_group_size=row_group)
    finally:
        if writer is not None:
            writer.close()


def _writer(path: Path, table: pa.Table) -> pq.ParquetWriter:
    numbers = [f.name for f in table.schema if not _textual(f.type)]
    repeating = [f.name for f in table.schema if pa.types.is_dictionary(f.type)]
    repeating += [name for name in numbers if _repeats(table[name])]
    return pq.ParquetWriter(
        path, table.schema, compression="zstd", compression_level=1, use_dictionary=repeating,
        write_statistics=numbers, dictionary_pagesize_limit=DICTIONARY_BYTES, store_schema=False,
    )  # fmt: skip


def _textual(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_null(kind))


def columns_in(file: pq.ParquetFile) -> list[str]:
    """The text columns a Parquet file holds as codes throughout."""
    if not file.metadata.num_row_groups:
        return []
    group = file.metadata.row_group(0)
    names = [group.column(i).path_in_schema for i in range(group.num_columns) if group.column(i).has_dictionary_page]
    return [name for name in names if pa.types.is_string(file.schema_arrow.field(name).type)]
