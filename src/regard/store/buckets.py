"""Customer-hash buckets: rows of one customer lie together, sorted by time, and one bucket can be read alone.

A bucket is the top bits of the customer's 64-bit hash, so rows sorted by customer are sorted by bucket as well. Rows of
nobody known have a bucket of their own, after the others.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.store import disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from regard.store.lake import Lake, LakeFile

IN_MEMORY = 2_000_000
"""Rows sorted in one piece; more go through one temporary file per bucket."""

TIME = "occurred_at"


def bucket_of(customer: pa.ChunkedArray, buckets: int) -> NDArray[np.int64]:
    """Bucket of each customer hash; rows without customer get the one after the last.

    Args:
        customer: int64, with nulls.
        buckets: How many there are, a power of two.
    """
    bits = buckets.bit_length() - 1
    hashes = pc.fill_null(customer, 0).to_numpy()
    bucket = (hashes >> (64 - bits)) + (buckets >> 1) if bits else np.zeros(len(hashes), np.int64)
    return np.where(customer.is_valid().to_numpy(), bucket, buckets)


def bounds(bucket: int, buckets: int) -> tuple[int, int]:
    """Smallest and largest customer hash of a bucket."""
    width = (1 << 64) // buckets
    low = -(1 << 63) + bucket * width
    return low, low + width - 1


def order_of(table: pa.Table) -> NDArray[np.int64]:
    """The order that sorts rows by customer (none last), time (none last) and position."""
    return _ordered(*_keys(table))


def _keys(table: pa.Table) -> tuple[NDArray[np.int64], ...]:
    """Customer, time and position as numbers; what is missing comes last."""
    missing = np.iinfo(np.int64).max
    customer = pc.fill_null(table["customer"], missing).to_numpy()
    moment = pc.fill_null(table[TIME].cast(pa.int64()), missing).to_numpy()
    return customer, moment, table["position"].to_numpy()


def _ordered(customer: NDArray[np.int64], moment: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.int64]:
    if np.all(position[1:] > position[:-1]):  # sorting is stable: the position need not be looked at
        return np.lexsort((moment, customer))
    return np.lexsort((position, moment, customer))


class Sorter:
    """Takes rows in any order and writes them sorted, bucket by bucket.

    Args:
        lake: Where the files go.
        kind: Kind of signal.
        buckets: How many buckets.
        expected: Rows to come, about; decides whether to go through temporary files.
    """

    def __init__(self, lake: Lake, *, kind: str, buckets: int, expected: int) -> None:
        self._lake, self._kind, self._buckets = lake, kind, buckets
        self._parts: list[pa.Table] = []
        self._spill = _Spill(lake.directory, buckets) if expected > IN_MEMORY else None
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        """Take rows."""
        self.rows += table.num_rows
        if self._spill is None:
            self._parts.append(table)
        else:
            self._spill.add(table)

    def bases(self) -> Iterator[LakeFile]:
        """Write one base file per bucket that has rows."""
        if not self.rows:
            return
        if self._spill is None:
            yield from self._from_memory()
            return
        for bucket, table in self._spill.tables():
            chosen = table.take(pa.array(order_of(table)))
            yield self._lake.write(chosen, kind=self._kind, role="base", bucket=bucket)

    def run(self) -> Iterator[LakeFile]:
        """Write all rows as one run, or as a few where they are many."""
        if not self.rows:
            return
        if self._spill is None:
            table = pa.concat_tables(self._parts)
            yield self._lake.write(table.take(pa.array(order_of(table))), kind=self._kind, role="run")
            return
        for _, table in self._spill.tables():
            yield self._lake.write(table.take(pa.array(order_of(table))), kind=self._kind, role="run")

    def _from_memory(self) -> Iterator[LakeFile]:
        table = pa.concat_tables(self._parts).combine_chunks()  # taking from chunks would join them at every take
        self._parts = []
        keys = _keys(table)
        bucket = bucket_of(table["customer"], self._buckets).astype(np.uint16)
        by_bucket = np.argsort(bucket, kind="stable")  # a radix sort, for so small a type
        edges = np.searchsorted(bucket[by_bucket], np.arange(self._buckets + 2))

        def write(number: int) -> LakeFile:
            mine = by_bucket[edges[number] : edges[number + 1]]
            chosen = table.take(pa.array(mine[_ordered(*(key[mine] for key in keys))]))
            return self._lake.write(chosen, kind=self._kind, role="base", bucket=number)

        filled = [n for n in range(self._buckets + 1) if edges[n] < edges[n + 1]]
        with ThreadPoolExecutor(max_workers=2) as pool:
            yield from pool.map(write, filled)


class _Spill:
    """Rows parted by bucket in temporary files, read back bucket by bucket."""

    def __init__(self, directory: Path, buckets: int) -> None:
        self._directory, self._buckets = directory, buckets
        self._token = uuid4().hex
        self._open: dict[int, pa.ipc.RecordBatchFileWriter] = {}

    def _path(self, bucket: int) -> Path:
        return self._directory / f"{self._token}-{bucket}.spill{disk.TEMPORARY}"

    def add(self, table: pa.Table) -> None:
        bucket = bucket_of(table["customer"], self._buckets)
        order = np.argsort(bucket, kind="stable")
        table = table.take(pa.array(order)).combine_chunks()
        edges = np.searchsorted(bucket[order], np.arange(self._buckets + 2))
        for number in range(self._buckets + 1):
            if edges[number] < edges[number + 1]:
                if number not in self._open:
                    options = pa.ipc.IpcWriteOptions(compression="lz4")
                    self._open[number] = pa.ipc.new_file(str(self._path(number)), table.schema, options=options)
                self._open[number].write_table(table.slice(edges[number], edges[number + 1] - edges[number]))

    def tables(self) -> Iterator[tuple[int, pa.Table]]:
        for writer in self._open.values():
            writer.close()
        for number in sorted(self._open):
            with pa.memory_map(str(self._path(number))) as file:
                yield number, pa.ipc.open_file(file).read_all()
            self._path(number).unlink()
