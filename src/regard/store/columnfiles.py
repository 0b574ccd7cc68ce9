"""Files of plain columns, read by mapping them: derived data that is scanned often and made again when it is lost.

A file is a line of JSON that says where each column lies, then the columns, each beginning at a page of memory: so the
columns of two files can be mapped one behind the other, and what lies in both is one array without being copied.
It is written under a passing name and takes its own when it is whole. It is not flushed, since what it says can be
made again: whoever keeps the list of files keeps their checksums, too, and looks at them again after a restart.
"""

from __future__ import annotations

import ctypes
import json
import mmap
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from regard.errors import Damaged
from regard.store import disk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    Place = tuple[str, int, int]
    """Kind, place in the file, and length of a column."""

ALIGNED = 4096
FIXED = 0x10
"""MAP_FIXED: a mapping at a place that was kept free for it."""
AT_ONCE = 4 << 20
"""Files up to so many bytes are written in one go."""
HEAD = 16
"""Bytes of the number that says how long the description is."""
HINT = "It is derived, and made again by the next question that needs it."


@dataclass(frozen=True, kw_only=True)
class ColumnFile:
    """A file as its list knows it."""

    file: str
    size: int
    mtime_ns: int
    checksum: str


def write(path: Path, columns: Mapping[str, NDArray[Any]]) -> ColumnFile:
    """Write columns as a file of this name; it is there whole or not at all.

    Args:
        path: The file.
        columns: One-dimensional arrays.
    """
    places, at = {}, 0
    for name, column in columns.items():
        places[name] = (column.dtype.str, at, len(column))
        at += -(-column.nbytes // ALIGNED) * ALIGNED
    told = json.dumps(places).encode()
    told = f"{len(told):{HEAD}d}".encode() + told
    told += b" " * (-len(told) % ALIGNED)
    parts = [memoryview(told)]
    for column in columns.values():
        parts += [np.ascontiguousarray(column).view(np.uint8).data, memoryview(bytes(-column.nbytes % ALIGNED))]
    if sum(map(len, parts)) <= AT_ONCE:
        parts = [memoryview(b"".join(parts))]
    digest, temporary = xxhash.xxh3_128(), path.with_name(path.name + disk.TEMPORARY)
    with disk.named(path):
        with temporary.open("wb", buffering=0) as file:
            for part in parts:
                _put(file, digest, part)
        temporary.rename(path)
    stat = path.stat()
    return ColumnFile(file=path.name, size=stat.st_size, mtime_ns=stat.st_mtime_ns, checksum=digest.hexdigest())


def _put(file: Any, digest: Any, data: memoryview) -> None:
    digest.update(data)
    while len(data):
        data = data[file.write(data) :]


def read(path: Path, *, at_once: bool = False) -> dict[str, NDArray[Any]]:
    """The columns of a file, mapped: nothing is read until it is looked at. The file may be removed meanwhile.

    Args:
        path: The file.
        at_once: All of it will be looked at now: have the system map it in one go, not page by page.

    Raises:
        Damaged: It is not such a file.
        OSError: It cannot be read.
    """
    with path.open("rb") as file, _whole(path):
        flags = mmap.MAP_SHARED | (getattr(mmap, "MAP_POPULATE", 0) if at_once else 0)
        mapped = memoryview(mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ))
        return _columns(mapped)


def behind(rows: int) -> int:
    """From which row on a second file's rows lie, where the first has so many: whole pages of every kind of column."""
    return -(-rows // ALIGNED) * ALIGNED


def read_both(
    path: Path, tail: Path, *, apart: frozenset[str]
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """The columns of two files, and those that both have as one array each.

    In that, the rows of the first file come first, from row `behind` on those of the second; between is nothing.

    Args:
        path: The first file.
        tail: The second.
        apart: Columns that are not put together.

    Raises:
        Damaged: One is not such a file.
        OSError: One cannot be read.
    """
    with path.open("rb") as one, tail.open("rb") as other:
        with _whole(path):
            first = memoryview(mmap.mmap(one.fileno(), 0, prot=mmap.PROT_READ))
            places, columns = _places(first), _columns(first)
        with _whole(tail):
            second = memoryview(mmap.mmap(other.fileno(), 0, prot=mmap.PROT_READ))
            further, more = _places(second), _columns(second)
        names = [name for name in places if name in further and name not in apart]
        placed = mmap.PAGESIZE <= ALIGNED and hasattr(mmap, "MAP_ANONYMOUS")
        if not placed or any(places[name][0] != further[name][0] for name in names):
            return columns, more, _copied(columns, more, names)
        return columns, more, _placed(one.fileno(), places, other.fileno(), further, names)


def _placed(
    one: int, first: dict[str, Place], other: int, second: dict[str, Place], names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """Columns of two files in one mapping, the second's pages placed behind the first's."""
    kinds = {name: np.dtype(first[name][0]) for name in names}
    room = {n: behind(first[n][2]) * k.itemsize + _pages(second[n][2] * k.itemsize) for n, k in kinds.items()}
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    region = mmap.mmap(-1, max(sum(room.values()), ALIGNED), flags=flags, prot=mmap.PROT_READ)
    begin, at, found = np.frombuffer(region, np.uint8).ctypes.data, 0, {}
    for name, kind in kinds.items():
        rows = behind(first[name][2])
        _put_at(begin + at, one, first[name])
        _put_at(begin + at + rows * kind.itemsize, other, second[name])
        found[name] = np.frombuffer(region, kind, rows + second[name][2], at)
        at += room[name]
    return found


def _pages(size: int) -> int:
    return -(-size // ALIGNED) * ALIGNED


def _copied(
    one: Mapping[str, NDArray[Any]], other: Mapping[str, NDArray[Any]], names: Sequence[str]
) -> dict[str, NDArray[Any]]:
    """The same by copying, where pages cannot be placed."""
    gap = {n: np.zeros(behind(len(one[n])) - len(one[n]), one[n].dtype) for n in names}
    return {n: np.concatenate([one[n], gap[n], other[n]]) for n in names}


@lru_cache
def _system() -> Any:
    """The system's own mmap: Python's takes no address."""
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    return library


def _put_at(address: int, descriptor: int, place: Place) -> None:
    """Map a file's column at an address that lies within a mapping of ours, which is given back as a whole."""
    kind, at, number = place
    if not number:
        return
    given = ctypes.c_void_p(address), ctypes.c_size_t(number * np.dtype(kind).itemsize), ctypes.c_int(mmap.PROT_READ)
    where = ctypes.c_int(descriptor), ctypes.c_long(at)
    if _system().mmap(*given, ctypes.c_int(mmap.MAP_SHARED | FIXED), *where) != address:
        raise OSError(ctypes.get_errno(), "A file's column cannot be mapped")


def _columns(mapped: memoryview) -> dict[str, NDArray[Any]]:
    return {
        name: np.frombuffer(mapped, np.dtype(kind), number, at) if number else np.zeros(0, kind)
        for name, (kind, at, number) in _places(mapped).items()
    }


def _places(mapped: memoryview) -> dict[str, Place]:
    """Kind, place in the file and length of each column."""
    long = int(bytes(mapped[:HEAD]))
    places = json.loads(bytes(mapped[HEAD : HEAD + long]))
    begin = -(-(HEAD + long) // ALIGNED) * ALIGNED
    return {name: (kind, begin + at, number) for name, (kind, at, number) in places.items()}


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise Damaged(f"The file {path.name} is not what was written.", where=str(path), hint=HINT) from error
