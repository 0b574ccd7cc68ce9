"""What every reader hands on: a chunk of rows as text, where each row stands in its file, and the bad rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from msgspec import Meta

MOST_OF_A_ROW, MOST_IDS = 1 << 16, 1000
Lines = npt.NDArray[np.int64]


class BadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row, or a value of it, that could not be used."""

    file: Annotated[str, Meta(description="Name of the file.")]
    line: Annotated[int, Meta(description="Line the row begins on, from 1; the row number for Parquet and Excel.")]
    column: Annotated[str, Meta(description="Column concerned; empty where it is the whole row.")] = ""
    value: Annotated[str, Meta(description="The value as it stands in the file.")] = ""
    reason: Annotated[str, Meta(description="What is wrong with it.")]
    ids: Annotated[
        tuple[tuple[str, str], ...],
        Meta(description="Whose row it is, as far as could be read: space (empty: any) and id. Kept hashed only."),
    ] = ()


@dataclass(kw_only=True)
class Chunk:
    """Some rows of a file.

    Attributes:
        table: The columns of the file, all text, empty cells null; names as detected.
        lines: Gives the line each row begins on, counted only when asked for.
        bad: Rows that could not be read.
    """

    table: pa.Table
    lines: Callable[[], Lines]
    bad: Sequence[BadRow] = field(default_factory=list)


def ids_in(raw: bytes) -> tuple[tuple[str, str], ...]:
    """What may be ids in a row that could not be read: its words, and its cells as a whole."""
    text = raw[:MOST_OF_A_ROW].decode("utf-8", "replace")
    cells = [cell.strip(" \"'{}[]\r\n") for cell in re.split(r"[,;|\t:]", text)]
    found = dict.fromkeys([*re.findall(r"[\w@.+-]+", text), *cells])
    return tuple(("", word) for word in list(found)[:MOST_IDS] if word)


def text_table(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> pa.Table:
    """Rows of equal width as a table of text columns; empty text becomes null."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    arrays = [pa.array([v or None for v in column], pa.string()) for column in columns]
    return pa.Table.from_arrays(arrays, names=list(names))


def counted_from(first: int, count: int) -> Callable[[], Lines]:
    """Lines of rows that stand one below the other."""
    return lambda: np.arange(first, first + count, dtype=np.int64)
