"""What a file is, told from its content first and its name second, and its rows in chunks of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from regard.errors import BadInput
from regard.sources import columnar, jsonlines, workbooks
from regard.sources.bytestream import GZIP, ByteStream, open_file, sniff_encoding
from regard.sources.chunks import Chunk
from regard.sources.columns import Column, describe, settles_order
from regard.sources.delimited import Dialect, read_delimited
from regard.sources.dialects import Guess, guess_dialect
from regard.sources.limits import LIMITS, Limits

Format = Literal["csv", "jsonl", "json", "parquet", "xlsx"]


class Detected(msgspec.Struct, frozen=True, kw_only=True):
    """What a file was found to be. Shown to the person; every field above `columns` can be overridden."""

    path: Annotated[str, Meta(description="The file.")]
    size: Annotated[int, Meta(description="Its size in bytes.")]
    format: Annotated[Format, Meta(description="csv (delimited text), jsonl, json (an array), parquet or xlsx.")]
    gzipped: Annotated[bool, Meta(description="It is compressed with gzip.")] = False
    encoding: Annotated[str, Meta(description="Encoding of its text.")] = "utf-8"
    delimiter: Annotated[str, Meta(description="What stands between two values.")] = ","
    quote: Annotated[str, Meta(description="What surrounds a value that holds the delimiter.")] = '"'
    escape: Annotated[str, Meta(description="Backslash where quotes are escaped so.")] = ""
    skip: Annotated[int, Meta(description="Lines before the headings.")] = 0
    header: Annotated[int, Meta(description="Rows of headings: 0, 1 or 2.")] = 1
    sheet: Annotated[str, Meta(description="The sheet read, in a workbook.")] = ""
    sheets: Annotated[tuple[str, ...], Meta(description="All sheets of the workbook.")] = ()
    columns: Annotated[tuple[Column, ...], Meta(description="Its columns.")] = ()
    first_rows: Annotated[tuple[tuple[str | None, ...], ...], Meta(description="Its first rows, for showing.")] = ()
    sampled: Annotated[int, Meta(description="Rows the formats were decided on.")] = 0
    whole: Annotated[bool, Meta(description="The sample is the whole file.")] = False
    notes: Annotated[tuple[str, ...], Meta(description="What a person should know, in sentences.")] = ()

    @property
    def name(self) -> str:
        """The file's name without its directory."""
        return Path(self.path).name

    @property
    def names(self) -> tuple[str, ...]:
        """Its column names."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((c for c in self.columns if c.name == name), None)


OVERRIDES = ("format", "encoding", "delimiter", "quote", "escape", "skip", "header", "sheet")


def detect(path: Path, *, overrides: Mapping[str, Any] | None = None, limits: Limits = LIMITS) -> Detected:
    """What the file is, from its first bytes, a sample of its rows and its name.

    Args:
        path: The file.
        overrides: Fields of OVERRIDES a person or a mapping insists on.
        limits: What is refused.

    Raises:
        BadInput: It is missing, empty, of a format that is not read, damaged, or wider than the limit.
    """
    given = {k: v for k, v in (overrides or {}).items() if v is not None and v != ""}
    with open_file(path) as file:
        head = file.read(4096)
    stat = path.stat()
    return _found(path, (stat.st_size, stat.st_mtime_ns, head), tuple(sorted(given.items())), limits)


@lru_cache(maxsize=64)
def _found(
    path: Path, state: tuple[int, int, bytes], overrides: tuple[tuple[str, Any], ...], limits: Limits
) -> Detected:
    """What a file in this state is: looked at once, however many steps of an import ask."""
    given, (size, _, head) = dict(overrides), state
    if not head:
        raise BadInput(f"{path.name} is empty.", where=str(path), hint="Export it again, or leave it out.")
    gzipped = head.startswith(GZIP)
    kind: Format = given.get("format") or _format(path, head, gzipped=gzipped)
    found = Detected(path=str(path), size=size, format=kind, gzipped=gzipped)
    if kind == "parquet":
        found = _structured(found, columnar.sample(path, gzipped=gzipped))
    elif kind == "xlsx":
        book = workbooks.sample(path, sheet=str(given.get("sheet", "")), limits=limits)
        found = msgspec.structs.replace(_rows(found, book.guess), sheet=book.sheet, sheets=book.sheets)
    else:
        found = _text(found, path, given, limits)
    if len(found.columns) > limits.columns:
        raise BadInput(
            f"{path.name} has {len(found.columns):,} columns; at most {limits.columns} are read.",
            where=str(path),
            hint="Check the delimiter, or leave columns out of the export.",
        )
    return found


def _format(path: Path, head: bytes, *, gzipped: bool) -> Format:
    if gzipped:
        with closing(ByteStream(path, gzipped=True, encoding="utf-8", limits=LIMITS)) as stream:
            head = stream.read(4096)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        if path.suffix.lower() == ".zip":
            raise BadInput(
                f"{path.name} is a zip archive.", where=str(path), hint="Unpack it and import the files in it."
            )
        return "xlsx"
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise BadInput(
            f"{path.name} is a workbook of the old Excel format, or one with a password.",
            where=str(path),
            hint="Open it and save it as .xlsx or .csv without a password.",
        )
    for mark, what in (
        (b"%PDF", "a PDF"),
        (b"\x89PNG", "an image"),
        (b"\xff\xd8\xff", "an image"),
        (b"SQLite format 3", "a database"),
    ):
        if head.startswith(mark):
            raise BadInput(f"{path.name} is {what}, not a table.", where=str(path), hint="Export it as CSV.")
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"<"):
        raise BadInput(f"{path.name} is HTML or XML, not a table.", where=str(path), hint="Export it as CSV or Excel.")
    if start.startswith(b"{"):
        return "jsonl"
    if start.startswith(b"[") and start[1:].lstrip()[:1] in {b"{", b"]"}:
        return "json"
    return "csv"


def _text(found: Detected, path: Path, given: Mapping[str, Any], limits: Limits) -> Detected:
    head, tail = _samples(path, gzipped=found.gzipped, limits=limits)
    encoding, how = (given["encoding"], "given") if "encoding" in given else sniff_encoding(head, tail=tail)
    parts, total = [], 0
    with closing(_stream(found, str(encoding), path, limits)) as stream:
        while total < limits.sample_bytes and (more := stream.read(limits.sample_bytes)):
            parts.append(more)
            total += len(more)
    whole = total < limits.sample_bytes
    sample = b"".join(parts)[: limits.sample_bytes]
    notes = (f"Read as {encoding}, {how}.",) if str(encoding) != "utf-8" else ()
    found = msgspec.structs.replace(found, encoding=str(encoding), whole=whole, notes=notes)
    if found.format in {"jsonl", "json"}:
        kind, table = jsonlines.sample(sample, whole=whole, name=path.name, path=path, format_=found.format)
        return _structured(msgspec.structs.replace(found, format=kind), table)
    return _rows(found, guess_dialect(sample, whole=whole, given=given, name=path.name))


def _samples(path: Path, *, gzipped: bool, limits: Limits) -> tuple[bytes, bytes]:
    if gzipped:
        with closing(ByteStream(path, gzipped=True, encoding="utf-8", limits=limits)) as stream:
            return stream.read(limits.sample_bytes), b""
    with open_file(path) as file:
        head = file.read(limits.sample_bytes)
        size = path.stat().st_size
        if size <= 2 * limits.sample_bytes:
            return head + file.read(), b""
        file.seek(size - limits.sample_bytes)
        return head, file.read()


def _stream(found: Detected, encoding: str, path: Path, limits: Limits) -> ByteStream:
    try:
        return ByteStream(path, gzipped=found.gzipped, encoding=encoding, limits=limits)
    except LookupError as error:
        raise BadInput(
            f"No encoding is named {encoding!r}.", where=str(path), hint="Try utf-8, cp1252 or utf-16."
        ) from error


def _rows(found: Detected, guess: Guess) -> Detected:
    """Columns described from the rows of a guess."""
    names, notes = guess.names, list(found.notes)
    columns = _described(names, guess.rows)
    notes += guess.notes
    notes += [f"{c.name}: {c.note}." for c in columns if c.note]
    return msgspec.structs.replace(
        found,
        delimiter=guess.delimiter,
        quote=guess.quote,
        escape=guess.escape,
        skip=guess.skip,
        header=guess.header,
        columns=columns,
        first_rows=tuple(tuple(v or None for v in row) for row in guess.rows[:20]),
        sampled=len(guess.rows),
        notes=tuple(notes),
    )


def _structured(found: Detected, table: tuple[list[str], list[list[str | None]]]) -> Detected:
    names, rows = table
    columns = _described(names, rows)
    return msgspec.structs.replace(found, columns=columns, first_rows=tuple(map(tuple, rows[:20])), sampled=len(rows))


def _described(names: list[str], rows: list[list[str | None]] | list[list[str]]) -> tuple[Column, ...]:
    cells = [[row[i] if i < len(row) else None for row in rows] for i in range(len(names))]
    columns = [describe(name, column) for name, column in zip(names, cells, strict=True)]
    settled = next((order for c in columns if (order := settles_order(c)) is not None), None)
    if settled is not None:
        columns = [
            describe(c.name, column, day_first=settled) if "assumed" in c.note else c
            for c, column in zip(columns, cells, strict=True)
        ]
    return tuple(columns)


class Reading:
    """The rows of a detected file, and how far reading has come.

    Attributes:
        consumed: Bytes of the file read so far.
    """

    def __init__(self, detected: Detected, *, limits: Limits = LIMITS) -> None:
        self.detected = detected
        self.limits = limits
        self.consumed = 0
        self.notes: list[str] = []

    def __iter__(self) -> Iterator[Chunk]:
        found, path = self.detected, Path(self.detected.path)
        if found.format == "parquet":
            yield from self._counted(columnar.read(path, found.names, gzipped=found.gzipped, limits=self.limits))
            return
        if found.format == "xlsx":
            skip = found.skip + found.header
            yield from self._counted(workbooks.read(path, found.sheet, found.names, skip=skip, limits=self.limits))
            return
        with closing(_stream(found, found.encoding, path, self.limits)) as stream:
            for chunk in self._parsed(stream):
                self.consumed = stream.consumed
                yield chunk
        self.consumed = found.size
        if stream.replaced:
            self.notes.append(
                f"{found.name}: {stream.replaced:,} characters are not {found.encoding} and were replaced by �; "
                "set encoding in the mapping if it is another."
            )

    def _parsed(self, stream: ByteStream) -> Iterator[Chunk]:
        found = self.detected
        if found.format == "jsonl":
            return jsonlines.read_lines(stream, found.names, self.limits)
        if found.format == "json":
            return jsonlines.read_array(stream, found.names, self.limits)
        dialect = Dialect(
            names=found.names,
            delimiter=found.delimiter,
            quote=found.quote,
            escape=found.escape,
            skip=found.skip + found.header,
        )
        return read_delimited(stream, dialect, self.limits)

    def _counted(self, chunks: Iterator[tuple[Chunk, float]]) -> Iterator[Chunk]:
        for chunk, share in chunks:
            self.consumed = int(self.detected.size * share)
            yield chunk
        self.consumed = self.detected.size
