"""The inputs of a mapping: which files feed which, read straight through, or joined and grouped on disk."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from regard.errors import BadInput
from regard.sources.chunks import BadRow, Lines
from regard.sources.frames import Field, Frame
from regard.sources.limits import LIMITS, Limits
from regard.sources.mapping import Input
from regard.sources.mapping import Mapping as Map
from regard.sources.reading import Detected, Reading, detect

T = TypeVar("T")


@dataclass(kw_only=True)
class Rows:
    """Some rows of an input, on their way to becoming signals.

    Attributes:
        table: Columns as the frame names them, and `_row`.
        file: Name of the file, or one for each row.
        done: Bytes read so far, of all files.
    """

    frame: Frame
    table: pa.Table
    lines: Callable[[], Lines]
    file: str | Sequence[str]
    bad: Sequence[BadRow] = field(default_factory=list)
    done: int = 0


def matched(mapping: Map, paths: Sequence[Path]) -> dict[str, list[Path]]:
    """The files of each input that is made of files.

    Raises:
        BadInput: An input finds no file.
    """
    inputs = mapping.inputs or {"rows": Input()}
    found = {}
    for name, source in inputs.items():
        if source.from_:
            continue
        globs = (source.files,) if isinstance(source.files, str) else source.files
        files = [p for p in paths if not globs or any(_is(p, g) for g in globs)]
        if not files:
            raise BadInput(
                f"The input {name} needs {' or '.join(globs) or 'a file'}, and no such file was given.",
                where=f"inputs.{name}.files",
                hint=f"Given: {', '.join(p.name for p in paths) or 'nothing'}.",
            )
        found[name] = files
    return found


def _is(path: Path, glob: str) -> bool:
    plain = path.name.removesuffix(".gz")
    return any(fnmatch(name.casefold(), glob.casefold()) for name in (path.name, plain, str(path)))


def detect_for(path: Path, source: Input, *, limits: Limits = LIMITS) -> Detected:
    """A file as an input says it is, with the input's formats for numbers and times."""
    given = {
        k: getattr(source, k) for k in ("format", "encoding", "delimiter", "quote", "escape", "skip", "header", "sheet")
    }
    found = detect(
        path, overrides={k: v for k, v in given.items() if v is not None and (v != "" or k == "quote")}, limits=limits
    )
    formats = (source.times,) if isinstance(source.times, str) else source.times
    changes: dict[str, Any] = {}
    if formats and formats != ("",):
        changes["formats"] = tuple(formats)
    if source.decimal:
        changes["decimal"] = source.decimal
    columns = tuple(msgspec.structs.replace(c, **changes) for c in found.columns) if changes else found.columns
    return msgspec.structs.replace(found, columns=columns)


def file_frame(found: Detected, source: Input, mapping: Map, *, name: str) -> Frame:
    """The columns of a file as expressions see them."""
    zone = source.zone or mapping.zone
    return Frame([Field(name=c.name, sql=f"c{i}", shape=c, zone=zone) for i, c in enumerate(found.columns)], name=name)


def straight(
    found: Detected, frame: Frame, *, before: int = 0, notes: list[str], limits: Limits = LIMITS
) -> Iterator[Rows]:
    """The rows of one file, read straight through.

    Args:
        found: The file.
        frame: Its columns.
        before: Bytes of files read before.
        notes: Takes what a person should know afterwards.
        limits: Size of pieces.
    """
    reading = Reading(found, limits=limits)
    for chunk in ahead(reading):
        table = chunk.table.rename_columns([f"c{i}" for i in range(chunk.table.num_columns)])
        bad: Sequence[BadRow] = chunk.bad
        count = table.num_rows
        step = -(-count // max(1, -(-count // limits.rows)))  # alike, so that no step of the import waits for another
        start = 0
        while start < count or bad:
            part = table.slice(start, step)
            place = pa.array(np.arange(part.num_rows, dtype=np.int32))
            yield Rows(
                frame=frame,
                table=part.append_column("_row", place),
                lines=_from(chunk.lines, start),
                file=found.name,
                bad=bad,
                done=before + reading.consumed,
            )
            bad, start = [], start + max(1, step)
    notes += reading.notes


def ahead(chunks: Iterable[T]) -> Iterator[T]:
    """The same, each item made while the one before it is used; both halves leave Python's lock most of the time."""
    items = iter(chunks)
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="reading") as thread:
            following = thread.submit(next, items, None)
            while (item := following.result()) is not None:
                following = thread.submit(next, items, None)
                yield item
    finally:
        if isinstance(items, Generator):  # an import that is stopped lets its file go at once
            items.close()


def _from(lines: Callable[[], Lines], start: int) -> Callable[[], Lines]:
    return lambda: lines()[start:]


def is_straight(mapping: Map, name: str) -> bool:
    """Whether an input is read straight from its files, without a database on disk."""
    source = mapping.inputs.get(name, Input())
    return not (source.from_ or source.join or source.by)
