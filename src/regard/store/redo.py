"""The redo log: what every transaction changed of the truth in state, one checked line each, beside the segments.

A line is written after its commit and says nothing that was not acknowledged, so it need not be flushed: where it is
behind, state is the truth and the log is begun anew from it. Where the log is ahead, an older state was put back, and
the log brings it forward. It holds no more than state does; an erasure begins it anew.
"""

from __future__ import annotations

import base64
import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xxhash

from regard.errors import Damaged
from regard.store import disk
from regard.store.seals import Seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from regard.store.seals import Change, Row

NAME = "redo.log"
GROWN = 8 << 20
"""Bytes from which on a log is begun anew when it has grown to several times what it began with."""

WHOLE, CHANGED = "whole", "changed"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One transaction: the seal after it, the columns of tables where it begins a log, and rows set or gone."""

    seal: Seal
    kind: str
    text: str

    @property
    def columns(self) -> dict[str, list[str]]:
        """The columns of each table, told where a log begins."""
        return dict(json.loads(self.text).get("columns", {}))

    def rows(self) -> Iterator[tuple[str, Row | None, Row | None]]:
        """Table, key of a row that is gone (else None), and the row as it is (else None)."""
        for table, key, row in json.loads(self.text)["rows"]:
            yield table, _read(key), _read(row)


class Redo:
    """The redo log of one workspace.

    Args:
        path: The file; nothing is written while its directory does not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._limit = GROWN

    def exists(self) -> bool:
        """Whether there is one."""
        return self.path.exists()

    def lines(self) -> list[Line]:
        """Every line that is what was written, by number; whole ones before changes of the same number."""
        try:
            raw = self.path.read_bytes()
        except OSError:
            return []
        found = [line for text in raw.split(b"\n") if text and (line := _parsed(text))]
        self._limit = max([GROWN, *(4 * len(line.text) for line in found if line.kind == WHOLE)])
        return sorted(found, key=lambda line: (line.seal.number, line.kind != WHOLE))

    def begin(self, seal: Seal, rows: Iterable[tuple[str, Row]], columns: Mapping[str, list[str]]) -> None:
        """Begin the log anew with everything; call it while nobody can commit.

        Raises:
            OSError: It cannot be written; the log there was stays.
        """
        body = {"columns": dict(columns), "rows": [[table, None, _written(row)] for table, row in rows]}
        text = _line(seal, WHOLE, body)
        disk.publish(self.path, lambda target: _put(target, text))
        self._limit = max(GROWN, 4 * len(text))

    def append(self, seal: Seal, changes: list[Change], keys: Mapping[str, list[int]]) -> bool:
        """Add what a transaction changed; where that fails the log is behind, and is begun anew at the next opening.

        Args:
            seal: The seal after it.
            changes: What its triggers told.
            keys: Which columns are the key of each table.

        Returns:
            Whether the log has grown so much that it should be begun anew.
        """
        rows = []
        for change in changes:
            key = [change.old[n] for n in keys[change.table]] if change.old else None
            same = change.old and change.new and key == [change.new[n] for n in keys[change.table]]
            gone = None if key is None or same else _written(tuple(key))
            rows.append([change.table, gone, None if change.new is None else _written(change.new)])
        text = _line(seal, CHANGED, {"rows": rows})
        with suppress(OSError):
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(handle, text)
                return os.fstat(handle).st_size > self._limit
            finally:
                os.close(handle)
        return False


def follows(lines: list[Line], seal: Seal, *, where: Path) -> bool:
    """Whether a log tells everything up to a state's seal, without a gap.

    Args:
        lines: The log's, from `Redo.lines`.
        seal: The state's.
        where: The state's file, for the message.

    Raises:
        Damaged: The log is ahead, so the state is older than what was acknowledged; or the two do not belong together.
    """
    if not lines:
        return False
    if lines[-1].seal.number > seal.number:
        later = [line for line in lines if line.kind == CHANGED and line.seal.number > seal.number]
        raise Damaged(
            f"The state of this workspace is older than what was acknowledged: {_counted(later)} came after it.",
            where=str(where), hint="Bring it forward: regard rebuild --state",
        )  # fmt: skip
    if any(line.seal.number == seal.number and line.seal.total != seal.total for line in lines):
        raise Damaged(
            "The state of this workspace and its inbox do not belong together.",
            where=str(where), hint="Put back both, or restore a backup: regard restore BACKUP",
        )  # fmt: skip
    return len(whole(lines)) > 0 and lines[-1].seal.number == seal.number


def whole(lines: list[Line]) -> list[Line]:
    """The lines that tell everything up to the newest: the last one that begins a log, and all after it without a gap.

    Returns:
        None at all where a line is missing.
    """
    begins = [n for n, line in enumerate(lines) if line.kind == WHOLE]
    if not begins:
        return []
    first = lines[begins[-1]]
    later = [line for line in lines[begins[-1] + 1 :] if line.seal.number > first.seal.number]
    numbers = [line.seal.number for line in later]
    complete = numbers == list(range(first.seal.number + 1, first.seal.number + 1 + len(numbers)))
    return [first, *later] if complete else []


def _counted(lines: list[Line]) -> str:
    """Changes, and how many of them were segments."""
    changed = [each for line in lines for each in line.rows() if each[0] == "segments"]
    segments = sum(1 for _, gone, row in changed if row and not gone and row[-1] is None)  # else merged, not new
    told = f"{len(lines)} change{'s' if len(lines) != 1 else ''}"
    return f"{told}, among them {segments} segment{'s' if segments != 1 else ''}," if segments else told


def _put(target: Path, text: bytes) -> None:
    target.write_bytes(text)


def _line(seal: Seal, kind: str, body: Mapping[str, Any]) -> bytes:
    said = f"{seal.word()} {kind} {json.dumps(body, ensure_ascii=False, separators=(',', ':'))}".encode()
    return b"\n%s %s\n" % (xxhash.xxh3_128_hexdigest(said).encode(), said)


def _parsed(text: bytes) -> Line | None:
    digest, _, said = text.partition(b" ")
    if xxhash.xxh3_128_hexdigest(said).encode() != digest:
        return None
    number, total, kind, body = said.decode().split(" ", 3)
    return Line(seal=Seal.of(f"{number} {total}"), kind=kind, text=body)


def _written(row: Row) -> list[Any]:
    return [{"bytes": base64.b64encode(v).decode()} if isinstance(v, bytes) else v for v in row]


def _read(row: list[Any] | None) -> Row | None:
    if row is None:
        return None
    return tuple(base64.b64decode(v["bytes"]) if isinstance(v, dict) else v for v in row)
