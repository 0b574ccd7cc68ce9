"""Excel workbooks (XLSX): one sheet, every cell as text."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError, XmlError, ZipError

from regard.errors import BadInput, UnknownName
from regard.sources.chunks import Chunk, Lines, text_table
from regard.sources.dialects import SAMPLE_ROWS, Guess, find_headings

if TYPE_CHECKING:
    from regard.sources.limits import Limits


@dataclass(kw_only=True)
class Book:
    """A workbook's sheets and what the one that is read holds."""

    sheet: str
    sheets: tuple[str, ...]
    guess: Guess


def sample(path: Path, *, sheet: str, limits: Limits) -> Book:
    """The sheet asked for, or the first that holds something, with its headings found.

    Raises:
        BadInput: It is damaged, protected, too large, or holds nothing.
        UnknownName: It has no sheet of that name.
    """
    book = _open(path, limits)
    names = tuple(book.sheet_names)
    if sheet and sheet not in names:
        raise UnknownName("sheet", sheet, names, where=str(path))
    for name in (sheet,) if sheet else names:
        try:
            opened = book.get_sheet_by_name(name)
            rows = [[as_text(v) or "" for v in row] for row in islice(_from_top(opened), SAMPLE_ROWS)]
        except (CalamineError, XmlError, ZipError) as error:
            raise _damaged(path, error) from error
        if any(any(row) for row in rows):
            guess = find_headings(Guess(names=[], rows=rows), {}, least_skip=0)
            if len(names) > 1:
                guess.notes.append(f"The sheet {name} is read; the workbook has {', '.join(names)}.")
            return Book(sheet=name, sheets=names, guess=guess)
    raise BadInput(
        f"{path.name} holds no cells.", where=str(path), hint="Choose another sheet: sheet = NAME in the mapping."
    )


def read(path: Path, sheet: str, names: tuple[str, ...], *, skip: int, limits: Limits) -> Iterator[tuple[Chunk, float]]:
    """Chunks of a sheet, each with the share of rows read so far."""
    book = _open(path, limits)
    opened = book.get_sheet_by_name(sheet)
    rows = enumerate(_from_top(opened), 1)
    total = max(opened.total_height, 1)
    next(islice(rows, skip, skip), None)
    while part := list(islice(rows, limits.rows)):
        kept = [(n, cells) for n, row in part if any(cells := _width([as_text(v) for v in row], len(names)))]
        lines = np.asarray([n for n, _ in kept], dtype=np.int64)
        yield Chunk(table=text_table(names, [cells for _, cells in kept]), lines=_given(lines)), part[-1][0] / total


def _given(lines: Lines) -> Any:
    return lambda: lines


def _width(cells: list[str | None], width: int) -> list[str | None]:
    return [*cells[:width], *[None] * (width - len(cells))]


def _from_top(sheet: CalamineSheet) -> Iterator[list[Any]]:
    """Rows with the empty ones above the first cell, so that row numbers are those that Excel shows."""
    start = sheet.start
    yield from ([] for _ in range(start[0] if start else 0))
    left = [""] * (start[1] if start else 0)
    for row in sheet.iter_rows():
        yield left + row


def as_text(value: Any) -> str | None:
    """A cell as text: whole numbers without a point, dates as ISO."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return str(value)


def _open(path: Path, limits: Limits) -> CalamineWorkbook:
    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(item.file_size for item in packed.infolist())
            if "xl/workbook.xml" not in packed.namelist():
                raise BadInput(
                    f"{path.name} is a zip archive, not an Excel workbook.",
                    where=str(path),
                    hint="Unpack it and import its files.",
                )
        size = path.stat().st_size
        if unpacked > limits.workbook_bytes or (
            unpacked > limits.inflate_free and unpacked > limits.inflate_ratio * size
        ):
            raise BadInput(
                f"{path.name} unpacks to {unpacked >> 20:,} MiB, which is more than is read from a workbook.",
                where=str(path),
                hint="Save the sheet as CSV.",
            )
        return CalamineWorkbook.from_path(str(path))
    except PasswordError as error:
        raise BadInput(
            f"{path.name} is protected by a password.", where=str(path), hint="Save it without one."
        ) from error
    except (zipfile.BadZipFile, CalamineError, XmlError, ZipError, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path.name} is not a workbook that can be read: {error}.", where=str(path), hint="Save it again.")
