"""Parquet, row group by row group, every value as text."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from regard.errors import BadInput
from regard.sources.chunks import Chunk, counted_from
from regard.sources.jsonlines import as_text

if TYPE_CHECKING:
    from regard.sources.limits import Limits

SAMPLE_ROWS = 4000


def sample(path: Path, *, gzipped: bool) -> tuple[list[str], list[list[str | None]]]:
    """Column names and sample rows of a Parquet file.

    Raises:
        BadInput: It is damaged.
    """
    file = _open(path, gzipped=gzipped)
    names = list(file.schema_arrow.names)
    try:
        batch = next(file.iter_batches(batch_size=SAMPLE_ROWS), None)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error
    if batch is None:
        return names, []
    columns = [as_text_column(batch.column(i)).to_pylist() for i in range(len(names))]
    return names, [list(row) for row in zip(*columns, strict=True)]


def read(path: Path, names: tuple[str, ...], *, gzipped: bool, limits: Limits) -> Iterator[tuple[Chunk, float]]:
    """Chunks of a Parquet file, each with the share of rows read so far."""
    file = _open(path, gzipped=gzipped)
    total, done = max(file.metadata.num_rows, 1), 0
    batches = file.iter_batches(batch_size=limits.rows)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(path, error) from error
        if batch is None:
            return
        table = pa.Table.from_arrays([as_text_column(column) for column in batch.columns], names=list(names))
        chunk = Chunk(table=table, lines=counted_from(done + 1, batch.num_rows))
        done += batch.num_rows
        yield chunk, done / total


def as_text_column(column: pa.Array) -> pa.Array:
    """Any column as text: times as ISO, nested values as JSON, empty text as null."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_text_column(column.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = column.cast(pa.string())
        return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.array([_loose(value) for value in column.to_pylist()], pa.string())
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        column = column.cast(pa.timestamp("us", tz="UTC"), safe=False)
    return column.cast(pa.string())


def _loose(value: Any) -> str | None:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else as_text(value)


def _open(path: Path, *, gzipped: bool) -> parquet.ParquetFile:
    try:
        if gzipped:
            with gzip.open(path) as packed:
                return parquet.ParquetFile(io.BytesIO(packed.read(1 << 30)))
        return parquet.ParquetFile(path)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> BadInput:
    what = str(error).split("\n", 1)[0]
    return BadInput(
        f"{path.name} is not a Parquet file that can be read: {what}", where=str(path), hint="Export it again."
    )
