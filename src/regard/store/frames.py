"""The journal's form on disk: frames, one after another, each whole and checked by itself.

A frame is a prefix of fixed length (magic, lengths, its own offset, three checksums), a head in JSON (when it was
received, outcomes per source, what lies in the body) and a body (per lot an Arrow stream of the rows stored and the
ids of the rows that were known, then items held back). The head can be read without the body: counting costs little.

A frame that ends before its length says so is a *torn tail*: the process died while it wrote, and nobody was told that
it is kept. Anything else that does not fit its checksum was damaged later, and is told as such, never passed over.
"""

from __future__ import annotations

import fcntl
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import xxhash

from regard.errors import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from io import FileIO
    from pathlib import Path

MAGIC = b"RGF1"
_FIXED = struct.Struct("<4sIQQQQ")  # magic, length of head, offset of the frame, length of body, xxh3 of head and body
_CHECK = struct.Struct("<I")  # xxh32 of the above
PREFIX = _FIXED.size + _CHECK.size
ENDING = ".journal"
MARK = "journal"
"""The word in state that says how far journals are sealed."""

TURNED = 10
"""So many items of a source that were not stored are told of, the last ones."""

Counts = tuple[int, int, int, int, int]
"""Received, stored, duplicate, held back, refused: `log.OUTCOMES`."""


class LotHead(msgspec.Struct, frozen=True, array_like=True):
    """What one lot of a frame's body is: rows stored, bytes of their Arrow stream, and how many rows were known."""

    source: str
    kind: str
    rows: int
    size: int
    repeats: int


class Turned(msgspec.Struct, frozen=True, array_like=True):
    """An item that was not stored, as people are told of it: no id of anybody, no value but its own name.

    Attributes:
        source: Where it came from.
        outcome: duplicate, held_back or refused.
        name: What it is called: an event's name, else its kind; empty where it could not be read.
        code: Why, as a word.
        reason: Why, as a sentence.
        where: The field concerned.
    """

    source: str
    outcome: str
    name: str = ""
    code: str = ""
    reason: str = ""
    where: str = ""


class Head(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The head of a frame: when it was received, outcomes per source, its lots, bytes of the items held back.

    ``turned`` are the last items of each source that were not stored, `TURNED` at most.
    """

    at: str
    counts: dict[str, Counts]
    lots: list[LotHead]
    held: int = 0
    turned: list[Turned] = []


@dataclass(frozen=True, order=True)
class Mark:
    """A place in the journals: number of the journal, offset in it. Everything before the mark of state is sealed."""

    journal: int = 0
    offset: int = 0

    @classmethod
    def read(cls, word: str) -> Mark:
        """From its text."""
        journal, _, offset = word.partition(":")
        return cls(int(journal or 0), int(offset or 0))

    def __str__(self) -> str:
        return f"{self.journal}:{self.offset}"


@dataclass(frozen=True, kw_only=True)
class Frame:
    """A frame whose head is what was written."""

    path: Path
    offset: int
    end: int
    head: Head
    size: int
    check: int

    def body(self) -> memoryview | None:
        """Its body, or None where that is not what was written."""
        with self.path.open("rb") as file:
            found = os.pread(file.fileno(), self.size, self.end - self.size)
        return memoryview(found) if xxhash.xxh3_64_intdigest(found) == self.check else None

    def broken(self) -> Broken:
        """The frame as one whose body is not what was written."""
        return Broken(path=self.path, offset=self.offset, end=self.end)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """Bytes of a journal that are not what was written.

    Attributes:
        path: The journal.
        offset: The first of them.
        end: The next one that is whole again, or the end.
        tail: Whether nothing whole follows.
        torn: Whether they only stop short: the process died, or has not yet finished, while it wrote them.
    """

    path: Path
    offset: int
    end: int
    tail: bool = False
    torn: bool = False

    def error(self) -> Damaged:
        """The error that names them."""
        told = f"The journal {self.path.name} is not what was written from byte {self.offset:,} to {self.end:,}."
        return Damaged(told, where=f"{self.path}, byte {self.offset}", hint=HINT)


HINT = "What stood there is lost unless a backup holds it; everything before and after was kept. The file stays aside."


def encoded(head: Head, body: Sequence[bytes | memoryview], *, offset: int) -> bytes:
    """A frame as bytes.

    Args:
        head: Its head.
        body: The pieces of its body.
        offset: Where in the journal it will lie.
    """
    words = msgspec.json.encode(head)
    whole = b"".join(body)
    checks = xxhash.xxh3_64_intdigest(words), xxhash.xxh3_64_intdigest(whole)
    fixed = _FIXED.pack(MAGIC, len(words), offset, len(whole), *checks)
    return b"".join((fixed, _CHECK.pack(xxhash.xxh32_intdigest(fixed)), words, whole))


def path_of(directory: Path, number: int) -> Path:
    """Where the journal of a number lies."""
    return directory / f"{number:012d}{ENDING}"


def journals(directory: Path) -> list[tuple[int, Path]]:
    """Every journal that was not removed yet, by number."""
    try:
        names = [path.name for path in directory.iterdir()]
    except FileNotFoundError:
        return []
    found = [name for name in names if name.endswith(ENDING) and name[: -len(ENDING)].isdigit()]
    return [(int(name[: -len(ENDING)]), directory / name) for name in sorted(found)]


def highest(directory: Path) -> int:
    """The highest number any journal there has, those set aside included; 0 for none."""
    names = [path.name.partition(".")[0] for path in directory.glob(f"*{ENDING}*")]
    return max((int(name) for name in names if name.isdigit()), default=0)


def is_closed(path: Path) -> bool:
    """Whether nobody writes a journal any more: its writer holds a lock on it while it may grow."""
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(handle)


def scan(path: Path, start: int = 0) -> Iterator[Frame | Broken]:
    """The frames of a journal from an offset on, heads checked and bodies not, and what is broken between and after.

    Args:
        path: The journal.
        start: Where a frame begins, or the file ends.
    """
    with path.open("rb", buffering=0) as file:
        size, at = os.fstat(file.fileno()).st_size, start
        while at < size:
            found = _frame(path, file, at, size)
            if isinstance(found, Broken) and (after := _next(path, file, at + 1, size)) is not None:
                found = Broken(path=path, offset=at, end=after)
            yield found
            at = found.end


def _frame(path: Path, file: FileIO, at: int, size: int) -> Frame | Broken:
    fixed = os.pread(file.fileno(), PREFIX, at)
    if len(fixed) < PREFIX:
        return _tail(path, file, at, size, torn=fixed[:4] == MAGIC[: len(fixed)])
    magic, head, offset, body, head_check, body_check = _FIXED.unpack_from(fixed)
    fits = _CHECK.unpack_from(fixed, _FIXED.size)[0] == xxhash.xxh32_intdigest(fixed[: _FIXED.size])
    if magic != MAGIC or offset != at or not fits:
        return _tail(path, file, at, size, torn=False)
    end = at + PREFIX + head + body
    if end > size:
        return _tail(path, file, at, size, torn=True)
    words = os.pread(file.fileno(), head, at + PREFIX)
    if xxhash.xxh3_64_intdigest(words) != head_check:
        return _tail(path, file, at, size, torn=False)
    return Frame(path=path, offset=at, end=end, head=msgspec.json.decode(words, type=Head), size=body, check=body_check)


def _tail(path: Path, file: FileIO, at: int, size: int, *, torn: bool) -> Broken:
    """Everything from here on; what a file system filled with zeros was never written either."""
    torn = torn or not os.pread(file.fileno(), size - at, at).strip(b"\0")
    return Broken(path=path, offset=at, end=size, tail=True, torn=torn)


def _next(path: Path, file: FileIO, at: int, size: int) -> int | None:
    """Where the next frame begins whose head is what was written."""
    rest = os.pread(file.fileno(), size - at, at)
    found = rest.find(MAGIC)
    while found >= 0:
        fixed = rest[found : found + PREFIX]  # most of what looks like a frame is told by its offset alone
        told = len(fixed) == PREFIX and _FIXED.unpack_from(fixed)[2] == at + found
        if told and isinstance(_frame(path, file, at + found, size), Frame):
            return at + found
        found = rest.find(MAGIC, found + 1)
    return None


def unsealed(directory: Path, mark: Mark) -> Iterator[Frame]:
    """Every frame after a mark whose head is what was written, for counting; bodies are not looked at."""
    for number, path in journals(directory):
        if number >= mark.journal:
            try:
                for found in scan(path, mark.offset if number == mark.journal else 0):
                    if isinstance(found, Frame):
                        yield found
            except FileNotFoundError:
                continue  # sealed meanwhile: whoever counts looks again


def waiting(directory: Path, mark: Mark) -> bool:
    """Whether any journal holds something after a mark; a look at names and sizes."""
    for number, path in journals(directory):
        try:
            if number > mark.journal or path.stat().st_size > mark.offset:
                return True
        except FileNotFoundError:
            continue
    return False


def added(total: dict[str, Counts], counts: Mapping[str, Counts]) -> None:
    """Add counts per source to a total, in place."""
    for source, more in counts.items():
        before = total.get(source, (0, 0, 0, 0, 0))
        total[source] = (
            before[0] + more[0], before[1] + more[1], before[2] + more[2], before[3] + more[3], before[4] + more[4],
        )  # fmt: skip
