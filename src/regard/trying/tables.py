"""Any table a person has, as an Arrow table and what its columns hold: files as an import reads them, data frames as
they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from regard.errors import BadInput
from regard.sources.chunks import BadRow, Lines
from regard.sources.columnar import as_text_column
from regard.sources.columns import Column, describe
from regard.sources.reading import Reading, detect
from regard.sources.xes import is_xes, read_xes

SAMPLED = 4000
TAKEN = "a path, a pandas or polars data frame, an Arrow table, or a mapping of column names to arrays"


@dataclass(kw_only=True)
class Table:
    """Rows of a person, as they came.

    Attributes:
        rows: The columns; those of files are text, those of data frames what they were.
        shapes: What each column holds, by name.
        source: What to call it.
        line: Line or row number of a row, from its place.
        bad: Rows that could not be read.
        notes: What reading it decided that a person should know.
    """

    rows: pa.Table
    shapes: dict[str, Column]
    source: str
    line: Callable[[int], int]
    bad: list[BadRow]
    notes: tuple[str, ...] = ()


def table_of(data: Any, *, reading: Mapping[str, Any] | None = None) -> Table:
    """A person's table.

    Args:
        data: A path, a pandas or polars data frame, an Arrow table, or a mapping of column names to arrays.
        reading: Of a path, what its detection is told: fields of `regard.sources.reading.OVERRIDES`.

    Raises:
        BadInput: It is not one that can be read.
    """
    if isinstance(data, str | PathLike):
        return _file(Path(data), reading or {})
    rows = _arrow(data)
    names = [str(name) for name in rows.column_names]
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise BadInput(f"Two columns are called {twice[0]!r}.", where="the table", hint="Rename one of them.")
    rows = rows.rename_columns(names)
    shapes = {name: _shape(name, rows.column(name)) for name in names}
    return Table(rows=rows, shapes=shapes, source="the table", line=lambda place: place + 1, bad=[])


def _file(path: Path, reading: Mapping[str, Any]) -> Table:
    if is_xes(path) and path.is_file() and not reading:
        return _texts(read_xes(path), path.name)
    found = detect(path, overrides=reading)
    chunks = list(Reading(found))
    rows = (
        pa.concat_tables([c.table for c in chunks])
        if chunks
        else pa.table({n: pa.array([], pa.string()) for n in found.names})
    )
    lines: list[Lines] = []

    def line(place: int) -> int:
        if not lines:  # counted only when a message needs one
            lines.append(np.concatenate([c.lines() for c in chunks]))
        return int(lines[0][place])

    shapes = {c.name: c for c in found.columns}
    bad = [row for c in chunks for row in c.bad]
    notes = tuple(n for n in found.notes if "assumed" in n or "is read as" in n or n.startswith("Read as"))
    return Table(rows=rows, shapes=shapes, source=path.name, line=line, bad=bad, notes=notes)


def _texts(rows: pa.Table, source: str) -> Table:
    shapes = {n: describe(n, rows.column(n).slice(0, SAMPLED).to_pylist()) for n in rows.column_names}
    return Table(rows=rows, shapes=shapes, source=source, line=lambda place: place + 1, bad=[])


def _arrow(data: Any) -> pa.Table:
    if isinstance(data, pa.Table):
        return data
    try:
        if type(data).__module__.partition(".")[0] == "pandas" and hasattr(data, "columns"):
            named = [name for name in data.index.names if name is not None]
            flat = data.reset_index() if named else data
            return pa.Table.from_pandas(flat.rename(columns=str), preserve_index=False)
        if isinstance(data, Mapping):
            return pa.table({str(name): _array(values) for name, values in data.items()})
        if hasattr(data, "__arrow_c_stream__"):
            return pa.table(data)
        if isinstance(data, list) and data and isinstance(data[0], Mapping):
            return pa.Table.from_pylist(data)
    except (pa.ArrowException, ValueError, TypeError) as error:
        what = str(error).split("\n", 1)[0]
        raise BadInput(f"The table cannot be read: {what}", where="the table", hint=f"Give {TAKEN}.") from error
    raise BadInput(f"{type(data).__name__} is not a table.", where="the table", hint=f"Give {TAKEN}.")


def _array(values: Any) -> pa.Array | pa.ChunkedArray:
    if hasattr(values, "__arrow_c_array__") or hasattr(values, "__arrow_c_stream__"):
        return pa.chunked_array(values) if hasattr(values, "__arrow_c_stream__") else pa.array(values)
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"each column is one-dimensional, not of shape {array.shape}")
    return pa.array(values if array.dtype == object else array, from_pandas=True)


def _shape(name: str, column: pa.ChunkedArray) -> Column:
    kind = column.type
    if pa.types.is_null(kind) or column.null_count == len(column):
        return Column(name=name, holds="empty")
    if pa.types.is_integer(kind):
        return Column(name=name, holds="whole")
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return Column(name=name, holds="number")
    if pa.types.is_boolean(kind):
        return Column(name=name, holds="truth")
    if pa.types.is_temporal(kind):
        return Column(name=name, holds="time", formats=("iso",))
    return describe(name, as_text_column(column.slice(0, SAMPLED).combine_chunks()).to_pylist())
