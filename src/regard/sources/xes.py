"""Event logs of process mining (XES, IEEE 1849) as rows: one an event, with what its trace says of it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import IO, Any, Self, cast
from xml.etree.ElementTree import Element, ParseError, iterparse

import pyarrow as pa

from regard.errors import BadInput

ENDINGS = (".xes", ".xes.gz")
VALUES = {"string", "date", "int", "float", "boolean", "id"}
DECLARED = 4096


def is_xes(path: Path) -> bool:
    """Whether a file is an event log by its name."""
    return path.name.lower().endswith(ENDINGS)


def read_xes(path: Path) -> pa.Table:
    """The events of a log, all columns texts: ``case:`` and the key for what the trace says, the key for the event.

    Lists and containers inside attributes, extensions and classifiers are left out.

    Raises:
        BadInput: The file is no XES, is cut off, or defines entities of its own.
    """
    try:
        with _open(path) as file:
            rows = list(_events(file))
    except (ParseError, gzip.BadGzipFile, EOFError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path.name} cannot be read as XES: {error}.", where=str(path), hint="Export it again; it may be cut off."
        ) from error
    names = dict.fromkeys(name for row in rows for name in row)
    if not rows:
        raise BadInput(f"{path.name} holds no event.", where=str(path), hint="Give a log with <trace> and <event>.")
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


class _Plain:
    """A file whose head declares no entities: nothing in it can unfold to more than it is."""

    def __init__(self, file: IO[bytes], name: str) -> None:
        try:
            self._file, self._left = file, file.read(DECLARED)
        except (OSError, EOFError):
            file.close()
            raise
        if b"<!ENTITY" in self._left or b"<!DOCTYPE" in self._left:
            file.close()
            raise BadInput(f"{name} declares entities, which are not read.", where=name, hint="Export it without them.")

    def read(self, size: int = -1) -> bytes:
        """As a file does."""
        if self._left:
            given, self._left = self._left, b""
            return given
        return self._file.read(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _open(path: Path) -> _Plain:
    packed = path.name.lower().endswith(".gz")
    return _Plain(cast("IO[bytes]", gzip.open(path) if packed else path.open("rb")), path.name)


def _events(file: _Plain) -> Any:
    """One mapping an event; a trace's elements are let go of as soon as it is read."""
    for _, element in iterparse(cast("IO[bytes]", file)):  # noqa: S314  see _Plain
        tag = element.tag.rpartition("}")[2]
        if tag == "trace":
            own = {f"case:{k}": v for k, v in _said(element)}
            for event in element:
                if event.tag.rpartition("}")[2] == "event":
                    yield own | dict(_said(event))
            element.clear()


def _said(element: Element) -> Any:
    """Keys and values of an element's own attributes."""
    for child in element:
        if child.tag.rpartition("}")[2] in VALUES and child.get("key"):
            yield child.get("key"), child.get("value") or ""
