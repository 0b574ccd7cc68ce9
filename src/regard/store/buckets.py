"""Customer-hash buckets: rows of one customer lie together, sorted by time, and one bucket can be read alone.

A bucket is the top bits of the customer's 64-bit hash, so rows sorted by customer are sorted by bucket as well. Rows of
nobody known have a bucket of their own, after the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.store import coded, disk
from regard.store.pace import abreast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from regard.store.lake import Lake, LakeFile

    Piece = tuple[int | None, pa.Table, NDArray[np.int64] | None]
    """A bucket, rows, and their order where it is known."""

IN_MEMORY = 2_000_000
"""Rows sorted in one piece; more go through one temporary file per bucket."""

PIECE = 1_000_000
"""Rows of a bucket sorted at once; a larger bucket becomes a few files."""

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
    if TIME not in table.column_names:
        moment = np.full(len(customer), missing)
    else:
        moment = pc.fill_null(table[TIME].cast(pa.int64()), missing).to_numpy()
    return customer, moment, table["position"].to_numpy()


def _ordered(customer: NDArray[np.int64], moment: NDArray[np.int64], position: NDArray[np.int64]) -> NDArray[np.int64]:
    """The order that sorts by the three; one quick sort of customer and time in one number where they fit into one."""
    if not np.all(position[1:] > position[:-1]):
        return np.lexsort((position, moment, customer))
    packed = _packed(customer, moment)
    if packed is None:  # sorting is stable: the position need not be looked at
        return np.lexsort((moment, customer))
    order = np.argsort(packed)
    same = packed[order[1:]] == packed[order[:-1]]
    if same.any():  # a quick sort is not stable: equal ones are put in the order of their positions
        run = np.concatenate([[0], np.cumsum(~same)])
        tied = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
        order[tied] = order[tied][np.lexsort((order[tied], run[tied]))]
    return order


def _packed(customer: NDArray[np.int64], moment: NDArray[np.int64]) -> NDArray[np.uint64] | None:
    """Rank of the customer above time since the first; None where the two need more than 64 bits."""
    if not len(customer):
        return None
    missing = np.iinfo(np.int64).max
    there = moment != missing
    first = int(moment[there].min()) if there.any() else 0
    reach = (int(moment[there].max()) - first + 2).bit_length() if there.any() else 1
    order = np.argsort(customer)
    ordered = customer[order]
    ranks = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])]).astype(np.uint64)
    if reach + int(ranks[-1]).bit_length() > 64:
        return None
    rank = np.empty(len(order), np.uint64)
    rank[order] = ranks
    since = np.where(there, moment - np.where(there, first, moment), (1 << (reach - 1)) * 2 - 1).astype(np.uint64)
    packed: NDArray[np.uint64] = (rank << np.uint64(reach)) | since
    return packed


class Sorter:
    """Takes rows in any order and writes them sorted, bucket by bucket.

    Args:
        lake: Where the files go.
        kind: Kind of signal.
        schema: Columns of the files; those the rows lack are written without values.
        buckets: How many buckets.
        expected: Rows to come, about; decides whether to go through temporary files.
    """

    def __init__(self, lake: Lake, *, kind: str, schema: pa.Schema, buckets: int, expected: int) -> None:
        self._lake, self._kind, self._schema, self._buckets = lake, kind, schema, buckets
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
        """Write base files: one per bucket that has rows, or a few where they are many."""
        if self.rows:
            pieces = self._from_memory() if self._spill is None else self._spill.pieces()
            yield from abreast(lambda piece: self._write(piece, "base"), pieces)

    def run(self) -> Iterator[LakeFile]:
        """Write all rows as one run, or as a few where they are many."""
        if self.rows and self._spill is None:
            table = self._in_one()
            yield self._write((None, table, order_of(table)), "run")
        elif self.rows and self._spill is not None:
            yield from abreast(lambda piece: self._write((None, *piece[1:]), "run"), self._spill.pieces())

    def _in_one(self) -> pa.Table:
        table = coded.joined(self._parts)
        self._parts = []
        return table

    def _write(self, piece: Piece, role: str) -> LakeFile:
        bucket, table, order = piece
        chosen = coded.taken(table, order_of(table) if order is None else order)
        whole = coded.like(chosen, coded.schema_of(chosen, self._schema))
        return self._lake.write(whole, kind=self._kind, role=role, bucket=bucket)

    def _from_memory(self) -> Iterator[Piece]:
        table = self._in_one()
        keys = _keys(table)
        bucket = bucket_of(table["customer"], self._buckets).astype(np.uint16)
        by_bucket = np.argsort(bucket, kind="stable")  # a radix sort, for so small a type
        edges = np.searchsorted(bucket[by_bucket], np.arange(self._buckets + 2))
        for number in range(self._buckets + 1):
            mine = by_bucket[edges[number] : edges[number + 1]]
            if len(mine):
                yield number, table, mine[_ordered(*(key[mine] for key in keys))]


class _Spill:
    """Rows parted by bucket in temporary files, read back bucket by bucket."""

    def __init__(self, directory: Path, buckets: int) -> None:
        self._directory, self._buckets = directory, buckets
        self._token = uuid4().hex
        self._open: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
        self._rows: dict[int, int] = {}
        self._schema: pa.Schema | None = None

    def _path(self, bucket: int) -> Path:
        return self._directory / f"{self._token}-{bucket}.spill{disk.TEMPORARY}"

    def add(self, table: pa.Table) -> None:
        if self._schema is None:
            self._schema = table.schema
        table = coded.joined([coded.like(table, self._schema)])
        bucket = bucket_of(table["customer"], self._buckets).astype(np.uint16)
        order = np.argsort(bucket, kind="stable")
        edges = np.searchsorted(bucket[order], np.arange(self._buckets + 2))
        for number in range(self._buckets + 1):
            mine = order[edges[number] : edges[number + 1]]
            if len(mine):
                self._writer(number).write_table(coded.taken(table, mine, codes=True))
                self._rows[number] = self._rows.get(number, 0) + len(mine)

    def _writer(self, number: int) -> pa.ipc.RecordBatchStreamWriter:
        if number not in self._open:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._open[number] = pa.ipc.new_stream(str(self._path(number)), self._schema, options=options)
        return self._open[number]

    def pieces(self) -> Iterator[Piece]:
        """Every bucket; one of very many rows in parts, by customer, or as rows came where nobody is known."""
        for writer in self._open.values():
            writer.close()
        for number in sorted(self._open):
            parts = -(-self._rows[number] // PIECE)
            for part in range(parts):
                yield number, self._part(number, part, parts), None
            self._path(number).unlink()

    def _part(self, number: int, part: int, parts: int) -> pa.Table:
        with pa.memory_map(str(self._path(number))) as file:
            stream = pa.ipc.open_stream(file)
            if parts == 1:
                return coded.joined([stream.read_all()])
            chosen, done = [], 0
            for batch in stream:
                table = pa.Table.from_batches([batch])
                if number == self._buckets:
                    part_of = (np.arange(done, done + len(table)) // PIECE).astype(np.int64)
                else:
                    part_of = self._share(table["customer"].to_numpy(), number, parts)
                done += len(table)
                chosen.append(coded.taken(coded.joined([table]), np.flatnonzero(part_of == part), codes=True))
            return coded.joined(chosen)

    def _share(self, customer: NDArray[np.int64], number: int, parts: int) -> NDArray[np.int64]:
        """Which of so many equal parts of a bucket's range each customer falls into."""
        low, high = bounds(number, self._buckets)
        share = (customer.astype(np.float64) - low) / (high - low)
        return np.clip((share * parts).astype(np.int64), 0, parts - 1)
