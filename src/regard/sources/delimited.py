"""Delimited text in blocks: Arrow reads what is well formed, a tolerant reader what is not, and both know their lines.

A block ends at a line break outside quotes. Where Arrow stumbles (a row of another width, a quote never closed, bytes
that are not text), that block alone is read again row by row: rows that cannot be read are reported with their line,
and reading resumes on the next one.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from regard.sources.chunks import BadRow, Chunk, Lines, ids_in, text_table
from regard.sources.limits import LIMITS, Limits

if TYPE_CHECKING:
    from regard.sources.bytestream import ByteStream

SHOWN = 200
PATCH = 1 << 16
csv.field_size_limit(LIMITS.row_bytes)  # Python's own default, 128 KiB, is below what Regard accepts


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How the text is delimited.

    Attributes:
        names: Column names.
        skip: Lines before the first row of data (headings included).
        escape: Backslash where quotes are escaped so, else empty.
    """

    names: tuple[str, ...]
    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    skip: int = 1


def read_delimited(stream: ByteStream, dialect: Dialect, limits: Limits) -> Iterator[Chunk]:
    """The rows of a stream in chunks of about a block each."""
    reader = _Blocks(stream, dialect, limits)
    while reader.skip_headings():
        pass
    while True:
        block, complete = reader.next_block()
        if not block:
            return
        chunk = _read_fast(block, reader.line, dialect, limits, stream.path.name) if complete else None
        if chunk is not None:
            reader.advance(block, len(block))
        else:
            patches = _Patches(block, reader.line, dialect, limits, stream.path.name)
            chunk = patches.read(last=reader.at_end and not reader.left)
            reader.advance(block, patches.used, swallow=patches.swallow)
        yield chunk


class _Patches:
    """A block with something broken in it, read in small patches: only those that are broken are read row by row.

    Attributes:
        used: Bytes of the block that were read.
        swallow: The block ended inside a line that is too long; the rest of it is to be dropped.
    """

    def __init__(self, block: bytes, line: int, dialect: Dialect, limits: Limits, file: str) -> None:
        self.block, self.line, self.dialect, self.limits, self.file = block, line, dialect, limits, file
        self.used = 0
        self.swallow = False

    def read(self, *, last: bool) -> Chunk:
        """Every row of the block that can be read, as one chunk."""
        chunks: list[Chunk] = []
        size = PATCH
        while self.used < len(self.block) and not self.swallow:
            patch, complete = self._patch(size)
            at_end = self.used + len(patch) == len(self.block)
            chunk = _read_fast(patch, self.line, self.dialect, self.limits, self.file) if complete else None
            used = len(patch)
            if chunk is None:
                rows = _Rows(patch, self.line, self.dialect, self.limits, self.file, last=last and at_end)
                chunk, used = rows.chunk(), rows.used
                if rows.swallow:  # the patch ends inside a line that is too long: to its end, here or in a later block
                    end = self.block.find(b"\n", self.used + used) + 1
                    used, self.swallow = (end or len(self.block)) - self.used, not end
            if not used:
                if at_end:
                    break  # the row goes on in the next block
                size *= 2
                continue
            self.line += self.block.count(b"\n", self.used, self.used + used)
            self.used, size = self.used + used, PATCH
            chunks.append(chunk)
        return _together(chunks, self.dialect.names)

    def _patch(self, size: int) -> tuple[bytes, bool]:
        quote = self.dialect.quote.encode()
        data = self.block[self.used : self.used + size]
        if self.used + size >= len(self.block):
            return data, not self.dialect.escape and not (quote and data.count(quote) % 2)
        cut, complete = _cut(data, quote, self.limits)
        return data[:cut], complete and not self.dialect.escape


def _together(chunks: Sequence[Chunk], names: tuple[str, ...]) -> Chunk:
    tables = [c.table for c in chunks]
    return Chunk(
        table=pa.concat_tables(tables) if tables else text_table(names, []),
        lines=lambda: np.concatenate([np.zeros(0, dtype=np.int64), *(c.lines() for c in chunks)]),
        bad=[row for c in chunks for row in c.bad],
    )


class _Blocks:
    """Cuts a stream into blocks that end where a row ends."""

    def __init__(self, stream: ByteStream, dialect: Dialect, limits: Limits) -> None:
        self.stream, self.dialect, self.limits = stream, dialect, limits
        self.left = b""
        self.line = 1
        self.at_end = False
        self._skipped = 0
        self._swallow = False

    def skip_headings(self) -> bool:
        """Drops one line before the data; false when none is left to drop."""
        if self._skipped >= self.dialect.skip:
            return False
        while b"\n" not in self.left and not self.at_end:
            self._fill(1 << 16)
            if len(self.left) > self.limits.row_bytes:
                break
        block = self.left[: self.limits.row_bytes]
        end = _row_end(block, self.dialect)
        self._skipped += 1
        dropped, self.left = self.left[:end], self.left[end:]
        self.line += dropped.count(b"\n")
        return bool(dropped)

    def next_block(self) -> tuple[bytes, bool]:
        """The next bytes, and whether they end where a row ends as far as quotes tell."""
        while len(self.left) < self.limits.block_bytes and not self.at_end:
            self._fill(self.limits.block_bytes - len(self.left))
        data = self.left
        if not data:
            return b"", True
        quote = self.dialect.quote.encode()
        if self.at_end:
            cut, complete = len(data), not quote or data.count(quote) % 2 == 0
        else:
            cut, complete = _cut(data, quote, self.limits)
        self.left = data[cut:]
        return data[:cut] if cut < len(data) else data, complete and not self.dialect.escape

    def advance(self, block: bytes, used: int, *, swallow: bool = False) -> None:
        """Takes note of what was read; the rest of the block comes again. Swallow: drop what is left of this line."""
        self.line += block.count(b"\n", 0, used)
        self.left = block[used:] + self.left
        self._swallow = swallow

    def _fill(self, size: int) -> None:
        more = self.stream.read(max(size, 1 << 16))
        self.at_end = not more
        if b"\r" in more and b"\n" not in more:
            more = more.replace(b"\r", b"\n")
        if self._swallow:
            end = more.find(b"\n") + 1
            self._swallow, more = not end, more[end:] if end else b""
            self.line += bool(end)
        self.left += more


def _cut(data: bytes, quote: bytes, limits: Limits) -> tuple[int, bool]:
    """The last line break outside quotes; where there is none near the end, the last one, and false."""
    last = data.rfind(b"\n") + 1
    cut, odd = last, data.count(quote, 0, last) % 2 if quote else 0
    while odd and cut > 0 and last - cut < limits.row_bytes:
        before = data.rfind(b"\n", 0, cut - 1) + 1
        odd = (odd + data.count(quote, before, cut)) % 2
        cut = before
    return (cut, True) if cut and not odd else (last or len(data), False)


def _row_end(block: bytes, dialect: Dialect) -> int:
    quote = dialect.quote.encode()
    end = block.find(b"\n") + 1
    while end and quote and block.count(quote, 0, end) % 2:
        end = block.find(b"\n", end) + 1
    return end or block.find(b"\n") + 1 or len(block)


def _read_fast(block: bytes, line: int, dialect: Dialect, limits: Limits, file: str) -> Chunk | None:
    if b"\r" in block and block.count(b"\r") != block.count(b"\r\n"):
        return None  # Arrow ends a row at a carriage return alone, wherever it stands
    names = [str(i) for i in range(len(dialect.names))]
    try:
        table = arrow_csv.read_csv(
            pa.py_buffer(block),
            read_options=arrow_csv.ReadOptions(column_names=names, block_size=limits.row_bytes),
            parse_options=arrow_csv.ParseOptions(
                delimiter=dialect.delimiter, quote_char=dialect.quote or False, newlines_in_values=True
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=True,
            ),
        )
    except pa.ArrowInvalid:
        return None
    if len(block) > limits.field_bytes and any(_longest(c) > limits.field_bytes for c in table.columns):
        return None
    if table.num_rows and str(table.columns[-1][-1]).endswith("\n"):
        return None  # Arrow closes an open quote at the end by itself; that row is to be reported
    table = table.rename_columns(list(dialect.names))
    return Chunk(table=table, lines=lambda: _lines(block, table, line, dialect=dialect, limits=limits, file=file))


def _longest(column: pa.ChunkedArray) -> int:
    return pc.max(pc.binary_length(column)).as_py() or 0


def _lines(block: bytes, table: pa.Table, first: int, *, dialect: Dialect, limits: Limits, file: str) -> Lines:
    """Where each row begins: a row is as many lines as line breaks in its values, and one."""
    breaks = block.count(b"\n") + (not block.endswith(b"\n"))
    tall = np.ones(table.num_rows, dtype=np.int64)
    if breaks != table.num_rows:
        for column in table.columns:
            tall += pc.fill_null(pc.count_substring(column, "\n"), 0).to_numpy()
        if tall.sum() != breaks:  # blank lines between rows: count them one by one
            return _Rows(block, first, dialect, limits, file, last=True).chunk().lines()
    return first + np.cumsum(tall) - tall


class _Unfinished(Exception):
    """The block ends inside a quoted value."""


class _TooLong(Exception):
    """A row passed the limit."""


class _Rows:
    """Reads a block row by row; after a row that cannot be read it resumes on the next line.

    Attributes:
        used: Bytes of the block that were read; a row cut off at the end is left for the next block.
        swallow: The block ended inside a line that is too long; the rest of it is to be dropped.
    """

    def __init__(self, block: bytes, line: int, dialect: Dialect, limits: Limits, file: str, *, last: bool) -> None:
        self.block, self.line, self.dialect, self.limits, self.file = block, line, dialect, limits, file
        self.last = last
        self.bad: list[BadRow] = []
        self.used = 0
        self.swallow = False

    def chunk(self) -> Chunk:
        """The readable rows, and the others as bad rows."""
        taken = list(self)
        lines = np.asarray([n for n, _ in taken], dtype=np.int64)
        table = text_table(self.dialect.names, [row for _, row in taken])
        return Chunk(table=table, lines=lambda: lines, bad=self.bad)

    def __iter__(self) -> Iterator[tuple[int, Sequence[str]]]:
        width = len(self.dialect.names)
        while self.used < len(self.block):
            try:
                cells, end = self._record()
                reason = "" if len(cells) == width else _width_reason(len(cells), width)
            except _Unfinished:
                if not self.last:
                    return
                cells, end, reason = [], self._line_end(self.used), "a quote is opened and never closed"
            except _TooLong:
                cells, end = [], self._line_end(self.used)
                reason = f"the row is longer than {self.limits.row_bytes:,} bytes, or its quote is never closed"
                self.swallow = end == len(self.block) and not self.block.endswith(b"\n")
            except UnicodeDecodeError as error:
                cells, end = [], self._line_end(self.used)
                reason = f"byte 0x{error.object[error.start]:02x} is not UTF-8; the file may be in another encoding"
            except csv.Error as error:
                cells, end, reason = [], self._line_end(self.used), f"it cannot be read ({error})"
            if not reason and any(len(cell) > self.limits.field_bytes for cell in cells):
                reason = f"a value is longer than {self.limits.field_bytes:,} bytes"
            if not reason:
                yield self.line, cells
            else:
                end = self._report(end, reason)
            self.line += self.block.count(b"\n", self.used, end)
            self.used = end

    def _record(self) -> tuple[list[str], int]:
        """The cells of the row that begins here and where it ends, by the rules of Python's csv module."""
        start = end = self.used

        def lines() -> Iterator[str]:
            nonlocal end
            while end < len(self.block):
                begin, end = end, self._line_end(end)
                if end - start > self.limits.row_bytes:
                    raise _TooLong
                if end == len(self.block) and not self.last and not self.block.endswith(b"\n"):
                    raise _Unfinished
                yield self.block[begin:end].decode("utf-8")
            raise _Unfinished

        quote = self.dialect.quote
        reader = csv.reader(
            lines(),
            delimiter=self.dialect.delimiter,
            quotechar=quote or None,
            quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
            escapechar=self.dialect.escape or None,
        )
        return next(reader), end

    def _line_end(self, start: int) -> int:
        return self.block.find(b"\n", start) + 1 or len(self.block)

    def _report(self, end: int, reason: str) -> int:
        """Notes a bad row; of one that spans lines only the first is lost: a stray quote may hold good rows."""
        first = self._line_end(self.used)
        raw = self.block[self.used : first]
        if first < end:
            reason += "; a quote opens on this line and closes on a later one"
        if raw.strip():
            value = raw[: SHOWN * 4].decode("utf-8", "replace").rstrip("\r\n")[:SHOWN]
            self.bad.append(BadRow(file=self.file, line=self.line, value=value, reason=reason, ids=ids_in(raw)))
        return first


def _width_reason(found: int, expected: int) -> str:
    return f"the row has {found} values where {expected} columns are expected"
