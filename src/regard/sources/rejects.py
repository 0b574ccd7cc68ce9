"""The file of bad rows: where each stood, what was wrong, safe to open in a spreadsheet.

Beside it lies whose rows they were: hashes of ids under the key of the workspace's tombstones. By them an
erasure finds the lines of a customer whose id does not stand on them (`store.scrub`).
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TextIO

import msgspec
from msgspec import Meta

from regard.sources.chunks import BadRow
from regard.sources.limits import LIMITS, Limits
from regard.store import scrub

HEADINGS = ("file", "line", "column", "value", "reason")
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n")


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """How often one thing was wrong."""

    file: Annotated[str, Meta(description="Name of the file.")]
    column: Annotated[str, Meta(description="Column concerned; empty where it is the whole row.")]
    reason: Annotated[str, Meta(description="What is wrong.")]
    rows: Annotated[int, Meta(description="Rows concerned; all are counted.")]
    listed: Annotated[int, Meta(description="Rows written to the file of bad rows; the first ones.")]
    first_line: Annotated[int, Meta(description="Line of the first.")]
    value: Annotated[str, Meta(description="Value of the first.")]

    def __str__(self) -> str:
        where = f"{self.file} line {self.first_line}" + (f", {self.column}" if self.column else "")
        shown = f" ({self.value[:60]!r})" if self.value else ""
        more = f", and {self.rows - 1:,} more row{'s' if self.rows > 2 else ''}" if self.rows > 1 else ""
        return f"{where}{shown}: {self.reason}{more}."


def cell(text: str) -> str:
    """A cell that a spreadsheet takes for text and never for a formula."""
    return f"'{text}" if text.startswith(RISKY) else text


class Rejects:
    """Writes bad rows as they come; the file is made with the first one.

    Attributes:
        counted: Bad rows in all.
    """

    def __init__(self, path: Path, *, limits: Limits = LIMITS, key: str = "") -> None:
        self.path, self.key = path, key
        self._beside: TextIO | None = None
        self.limits = limits
        self.counted = 0
        self._rows: Counter[tuple[str, str, str]] = Counter()
        self._first: dict[tuple[str, str, str], BadRow] = {}
        self._file: TextIO | None = None

    def add(self, bad: Iterable[BadRow], *, unlisted: int = 0) -> None:
        """Takes bad rows.

        Args:
            bad: The rows.
            unlisted: Rows of the same reason as the last one that were counted and not described.
        """
        key = None
        for row in bad:
            key = (row.file, row.column, row.reason)
            self._rows[key] += 1
            self._first.setdefault(key, row)
            self.counted += 1
            if self._rows[key] <= self.limits.rejects_listed:
                self._write(row)
        if key is not None and unlisted:
            self._rows[key] += unlisted
            self.counted += unlisted

    def _write(self, row: BadRow) -> None:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", newline="", encoding="utf-8")
            csv.writer(self._file).writerow(HEADINGS)
            if self.key:
                self._beside = scrub.beside(self.path).open("w", encoding="ascii")
        cells = (cell(row.file), str(row.line), cell(row.column), cell(row.value.replace("\x00", "")), row.reason)
        csv.writer(self._file).writerow(cells)
        if self._beside is not None:
            self._beside.write(scrub.whose(self.key, cells, row.ids) + "\n")

    def close(self) -> tuple[Reason, ...]:
        """Closes the file; what was wrong, commonest first."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._beside is not None:
            self._beside.close()
            self._beside = None
        return tuple(
            Reason(
                file=file,
                column=column,
                reason=reason,
                rows=rows,
                listed=min(rows, self.limits.rejects_listed),
                first_line=self._first[file, column, reason].line,
                value=self._first[file, column, reason].value,
            )
            for (file, column, reason), rows in self._rows.most_common()
        )
