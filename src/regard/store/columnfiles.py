"""Files of plain columns, read by mapping them: derived data that is scanned often and made again when it is lost.

A file is a line of JSON that says where each column lies, then the columns, each beginning at a multiple of 64 bytes.
It is written under a passing name and takes its own when it is whole. It is not flushed, since what it says can be
made again: whoever keeps the list of files keeps their checksums, too, and looks at them again after a restart.
"""

from __future__ import annotations

import json
import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from regard.errors import Damaged
from regard.store import disk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

ALIGNED = 64
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
    digest = xxhash.xxh3_128(told)
    temporary = path.with_name(path.name + disk.TEMPORARY)
    with disk.named(path):
        with temporary.open("wb", buffering=0) as file:
            file.write(told)
            for column in columns.values():
                _put(file, digest, np.ascontiguousarray(column).view(np.uint8).data)
                _put(file, digest, memoryview(b"\0" * (-column.nbytes % ALIGNED)))
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
    with path.open("rb") as file:
        try:
            flags = mmap.MAP_SHARED | (getattr(mmap, "MAP_POPULATE", 0) if at_once else 0)
            mapped = memoryview(mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ))
            long = int(bytes(mapped[:HEAD]))
            places = json.loads(bytes(mapped[HEAD : HEAD + long]))
            begin = -(-(HEAD + long) // ALIGNED) * ALIGNED
            return {
                name: np.frombuffer(mapped, np.dtype(kind), number, begin + at) if number else np.zeros(0, kind)
                for name, (kind, at, number) in places.items()
            }
        except (ValueError, TypeError, AttributeError) as error:
            raise Damaged(f"The file {path.name} is not what was written.", where=str(path), hint=HINT) from error
