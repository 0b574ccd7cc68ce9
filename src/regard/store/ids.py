"""The index of ids: which rows the log already holds, and where.

An index of sorted, memory-mapped runs (a log-structured merge tree): each append adds a run, small neighbours are
merged into larger ones, large ones beside the log and in bounded memory, and a lookup is one vectorised binary search
per run (docs/decisions/0002-the-index-of-ids.md says why it is our own). A run is four columns of 64 bits: id
high, id low, log position, check. The *check* is the content of a row known by its message id, 0 for all others: the
same id with another check is another content. Everything here is derived and can be made again from the segments.
"""

from __future__ import annotations

import math
import shutil
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from regard.store import disk

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

U64 = np.dtype("<u8")
I64 = np.dtype("<i8")
FAN = 6
"""So many runs of one size are merged into one of the next."""

RANGE = 1 << 19
"""Rows merged in memory at a time."""

AT_ONCE = 1 << 19
"""Rows merged within the transaction that adds ids; larger runs are merged beside it (`Inbox.merge_ids`)."""


@dataclass(frozen=True)
class Ids:
    """Ids as columns of equal length: high and low half, log position, check."""

    high: NDArray[np.uint64]
    low: NDArray[np.uint64]
    position: NDArray[np.int64]
    check: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.high)

    def take(self, index: NDArray[Any]) -> Ids:
        """The chosen rows."""
        return Ids(self.high[index], self.low[index], self.position[index], self.check[index])

    def sorted_newest(self) -> Ids:
        """Sorted by id; of equal ids only the last given one stays."""
        order = order_of(self.high, self.low)
        high, low = self.high[order], self.low[order]
        last = np.ones(len(order), bool)
        last[:-1] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        return self.take(order[last])


NONE = Ids(np.zeros(0, U64), np.zeros(0, U64), np.zeros(0, I64), np.zeros(0, U64))
"""No ids at all."""


def order_of(high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The stable order that sorts ids; one fast sort of the high halves unless two of them are equal."""
    order = np.argsort(high)
    ordered = high[order]
    return np.lexsort((low, high)) if np.any(ordered[1:] == ordered[:-1]) else order


def joined(parts: Sequence[Ids]) -> Ids:
    """Ids one after another, oldest first."""
    return Ids(
        np.concatenate([p.high for p in parts]),
        np.concatenate([p.low for p in parts]),
        np.concatenate([p.position for p in parts]),
        np.concatenate([p.check for p in parts]),
    )


def write_run(directory: Path, ids: Ids) -> tuple[str, disk.Written]:
    """Write sorted ids as a run, durably.

    Returns:
        The file's name within the directory, and what was written.
    """
    name = f"{uuid4().hex}.ids"

    def write(path: Path) -> None:
        with path.open("wb") as file:
            for column in (ids.high, ids.low, ids.position, ids.check):
                file.write(np.ascontiguousarray(column).data)

    return name, disk.publish(directory / name, write)


def open_run(path: Path, rows: int) -> Ids:
    """Map a run into memory.

    Raises:
        OSError: The file is not there or shorter than ``rows``.
        ValueError: The file is shorter than ``rows``.
    """
    if rows == 0:
        return NONE
    words = np.memmap(path, dtype=U64, mode="r", shape=(4, rows)).view(np.ndarray)  # whose slices cost less
    return Ids(words[0], words[1], words[2].view(I64), words[3])


def find(runs: Sequence[Ids], high: NDArray[np.uint64], low: NDArray[np.uint64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Look ids up, in the newest run first.

    Args:
        runs: Sorted runs, oldest first.
        high: High halves, ascending (an ascending search walks each run once, which the page cache rewards).
        low: Low halves.

    Returns:
        Positions (-1 where unknown) and checks, in the order asked.
    """
    position = np.full(len(high), -1, I64)
    check = np.zeros(len(high), U64)
    open_ = np.arange(len(high))
    for run in reversed(runs):
        if not len(open_) or not len(run):
            continue
        at = _search(run, high[open_], low[open_])
        hit = at >= 0
        position[open_[hit]] = run.position[at[hit]]
        check[open_[hit]] = run.check[at[hit]]
        open_ = open_[~hit]
    return position, check


def _search(run: Ids, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Row of each id in one run, or -1."""
    at = np.searchsorted(run.high, high)
    found = np.full(len(high), -1, I64)
    asked = np.arange(len(high))
    while len(asked):
        inside = at < len(run)
        at, asked = at[inside], asked[inside]
        same = run.high[at] == high[asked]
        at, asked = at[same], asked[same]
        hit = run.low[at] == low[asked]
        found[asked[hit]] = at[hit]
        at, asked = at[~hit] + 1, asked[~hit]  # two ids may share their high half
    return found


def to_merge(rows: Sequence[int], *, most: float = math.inf) -> int:
    """How many of the newest runs to merge now; 0 for none.

    Six runs of one size become one of the next, which may be the sixth of its own size, and so on.

    Args:
        rows: Rows per run, oldest first.
        most: Merge no more rows than this.
    """
    left, result, merged = list(rows), 0, 0
    while count := _newest_tier(left):
        total = sum(left[-count:])
        if total > most:
            break
        result += count - merged
        left[-count:], merged = [total], 1
    return result


def _newest_tier(rows: Sequence[int]) -> int:
    """How many of the newest runs are no larger than the newest by an order; 0 where they are fewer than `FAN`."""
    count, tier = 0, 0
    for n in reversed(rows):
        mine = int(math.log(max(n, 1), FAN))
        if count and mine > tier:
            break
        tier = max(tier, mine)
        count += 1
    return count if count >= FAN else 0


def due(rows: Sequence[int]) -> tuple[int, int] | None:
    """Which neighbouring runs, newest or not, are to be merged: first, and after the last; None for none.

    Args:
        rows: Rows per run, oldest first.
    """
    for end in range(len(rows), 0, -1):
        if count := to_merge(rows[:end]):
            return end - count, end
    return None


def merge(path: Path, parts: Sequence[Ids]) -> int:
    """Merge runs into one file, a range of hashes at a time, so that memory stays the same however large they are.

    Args:
        path: The file to be written; others beside it, of its name and a number, are made and removed.
        parts: Sorted runs, oldest first; of equal ids the newest stays.

    Returns:
        Rows written.
    """
    columns = [path.with_name(f"{path.name}.{number}") for number in range(4)]
    total, rows = sum(len(p) for p in parts), 0
    ranges = max(1, -(-total // RANGE))
    with ExitStack() as stack:
        files = [stack.enter_context(column.open("wb")) for column in columns]
        for number in range(ranges):
            some = joined([_between(p, number, ranges) for p in parts]).sorted_newest()
            for file, words in zip(files, (some.high, some.low, some.position, some.check), strict=True):
                file.write(np.ascontiguousarray(words).data)
            rows += len(some)
    with path.open("wb") as whole:
        for column in columns:
            with column.open("rb") as part:
                shutil.copyfileobj(part, whole, 1 << 20)
            column.unlink()
    return rows


def _between(run: Ids, number: int, ranges: int) -> Ids:
    """Rows of a run in one of so many equal ranges of hashes."""
    first, last = (np.uint64(min(((1 << 64) * n) // ranges, (1 << 64) - 1)) for n in (number, number + 1))
    begin = int(np.searchsorted(run.high, first))
    end = len(run) if number + 1 == ranges else int(np.searchsorted(run.high, last))
    return run.take(np.arange(begin, end))


class Ordinals:
    """How often equal rows without a key came before, within one batch, in bounded memory.

    Sorted runs of row hashes; runs past a few megabytes live on disk and are mapped. Equal rows of one file are told
    apart by their ordinal, so that the same file twice adds nothing and a file with two equal rows keeps both.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._runs: list[NDArray[np.uint64]] = []
        self._files: list[Path | None] = []

    def of(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The ordinal of each hash among its equals so far; remembers them.

        Args:
            hashes: Row hashes in file order.
        """
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]
        starts = np.ones(len(ordered), bool)
        starts[1:] = ordered[1:] != ordered[:-1]
        first = np.maximum.accumulate(np.where(starts, np.arange(len(ordered)), 0))
        rank = np.arange(len(ordered)) - first
        for run in self._runs:
            left = np.searchsorted(run, ordered)
            rank += np.searchsorted(run, ordered, side="right") - left if _any_equal(run, ordered, left) else 0
        self._add(ordered)
        result = np.empty(len(order), I64)
        result[order] = rank
        return result

    def _add(self, ordered: NDArray[np.uint64]) -> None:
        self._runs.append(ordered)
        self._files.append(None)
        count = to_merge([len(run) for run in self._runs])
        if count:
            merged = np.sort(np.concatenate(self._runs[-count:]))
            old = self._files[-count:]
            del self._runs[-count:], self._files[-count:]
            run, path = self._settle(merged)
            self._runs.append(run)
            self._files.append(path)
            for path in old:
                if path is not None:
                    path.unlink(missing_ok=True)

    def _settle(self, run: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], Path | None]:
        if run.nbytes < 4 << 20:
            return run, None
        path = self._directory / f"{uuid4().hex}.ordinals{disk.TEMPORARY}"
        run.tofile(path)
        return np.memmap(path, dtype=U64, mode="r"), path

    def close(self) -> None:
        """Forget everything."""
        for path in self._files:
            if path is not None:
                path.unlink(missing_ok=True)
        self._runs, self._files = [], []


def _any_equal(run: NDArray[np.uint64], ordered: NDArray[np.uint64], left: NDArray[np.int64]) -> bool:
    inside = left < len(run)
    return bool(np.any(run[left[inside]] == ordered[inside]))
