"""All combinations of a few dimensions: which leaves each cell holds, counted once where they hold the same."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from regard.statistics.estimates import Floats, Whole

DENSE = 1 << 22
"""Most combinations of a cuboid whose codes are marked in a table; above, they are sorted."""


@dataclass(frozen=True, kw_only=True)
class Cube:
    """Leaves (the finest combinations seen) and every cell above them.

    Attributes:
        codes: (leaves, dimensions) value of each leaf in each dimension, from 0.
        cuboids: Which dimensions each cuboid fixes, the shallow first; () is the total.
        cuboid: (cells,) the cuboid of a cell.
        first: (cells,) a leaf of the cell, which tells its values.
        inside: (cells, leaves) one where the leaf lies in the cell. Cells with the same leaves are one cell, the
            shallowest; the others are its twins.
        counts: (cuboids,) cells of a cuboid before twins were merged.
        twins: Of a cell, the deeper combinations that hold the same leaves: pairs of cuboid and leaf.
        naming: Dimensions whose values name cells; the others only tell leaves apart.
    """

    codes: Whole
    cuboids: tuple[tuple[int, ...], ...]
    cuboid: Whole
    first: Whole
    inside: sparse.csc_matrix
    counts: Whole
    twins: dict[int, tuple[tuple[int, int], ...]]
    naming: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.cuboid)

    @cached_property
    def rows(self) -> sparse.csr_matrix:
        """`inside` by cell, for many columns at once."""
        return self.inside.tocsr()

    @cached_property
    def depth(self) -> Whole:
        """(cells,) dimensions a cell fixes."""
        return np.array([len(c) for c in self.cuboids], np.int64)[self.cuboid]

    @cached_property
    def crowd(self) -> Floats:
        """(cells,) logarithm of the cells of its cuboid: what having looked at all of them costs."""
        return np.log(self.counts)[self.cuboid]

    def sums(self, values: Floats) -> Floats:
        """Sums over the leaves of each cell; (leaves,) to (cells,), (leaves, k) to (cells, k)."""
        return np.asarray((self.inside if values.ndim == 1 or values.shape[1] < 24 else self.rows) @ values)

    def leaves(self, cell: int) -> Whole:
        """The leaves of a cell."""
        return np.asarray(self.rows.indices[self.rows.indptr[cell] : self.rows.indptr[cell + 1]], np.int64)

    def cells_of(self, leaf: int) -> Whole:
        """The cells that hold a leaf."""
        return np.asarray(self.inside.indices[self.inside.indptr[leaf] : self.inside.indptr[leaf + 1]], np.int64)

    def values(self, cell: int) -> dict[int, int]:
        """Dimension to value of a cell."""
        return self.spelled(int(self.cuboid[cell]), int(self.first[cell]))

    def spelled(self, cuboid: int, leaf: int) -> dict[int, int]:
        """Dimension to value of the cell of a cuboid that holds a leaf."""
        return {d: int(self.codes[leaf, d]) for d in self.cuboids[cuboid]}

    def find(self, values: dict[int, int]) -> int:
        """The cell of these values, or the twin it was merged into; -1 where there is none (nobody, or too deep)."""
        if not values:
            return 0
        held = np.flatnonzero(np.all([self.codes[:, d] == v for d, v in values.items()], axis=0))
        around = self.cells_of(int(held[0])) if len(held) else ()
        return next((int(c) for c in around if np.array_equal(np.sort(self.leaves(int(c))), held)), -1)


def cube(codes: ArrayLike, *, depth: int | None = None, naming: tuple[int, ...] | None = None) -> Cube:
    """Every combination of up to `depth` dimensions that occurs among the leaves.

    A cell's number is compressed from the mixed-radix code of its values; cells that hold the same leaves are found by
    the sum of random keys of their leaves (64 bits) and merged into the shallowest, which comes first.

    Args:
        codes: (leaves, dimensions) values from 0; each row once.
        depth: Most dimensions fixed at once; None for all.
        naming: Dimensions whose values name cells; None for all. The others only tell leaves apart, such as how often
            somebody tried.
    """
    coded = np.asarray(codes, np.int64)
    leaves, dimensions = coded.shape
    open_ = tuple(range(dimensions)) if naming is None else naming
    deepest = len(open_) if depth is None else min(depth, len(open_))
    cuboids = [c for k in range(deepest + 1) for c in combinations(open_, k)]
    table = np.empty((leaves, len(cuboids)), np.int32)
    firsts, owner, start = [], [], 0
    sizes = coded.max(axis=0, initial=0) + 1
    for j, fixed in enumerate(cuboids):
        ids, first = _compressed(coded, fixed, sizes)
        table[:, j] = ids + start
        start += len(first)
        firsts.append(first)
        owner.append(np.full(len(first), j))
    return _merged(coded, tuple(cuboids), table, np.concatenate(firsts), np.concatenate(owner), naming=open_)


def _compressed(codes: Whole, fixed: tuple[int, ...], sizes: Whole) -> tuple[NDArray[np.int32], Whole]:
    """The number of each leaf's cell in a cuboid, from 0, and a leaf of each cell."""
    key = np.zeros(len(codes), np.int64)
    room = 1
    for d in fixed:
        if room > (1 << 62) // int(sizes[d]):
            key, room = np.unique(key, return_inverse=True)[1].astype(np.int64), len(codes)
        key = key * int(sizes[d]) + codes[:, d]
        room *= int(sizes[d])
    if room > DENSE:
        _, first, ids = np.unique(key, return_index=True, return_inverse=True)
        return ids.astype(np.int32), first.astype(np.int64)
    held = np.full(room, -1, np.int64)
    held[key[::-1]] = np.arange(len(key))[::-1]
    there = held >= 0
    numbered = np.cumsum(there, dtype=np.int32) - 1
    return numbered[key], held[there]


def _merged(codes: Whole, cuboids: tuple[tuple[int, ...], ...], table: NDArray[np.int32], first: Whole,
            owner: Whole, *, naming: tuple[int, ...]) -> Cube:  # fmt: skip
    leaves, width = table.shape
    keys = np.random.default_rng(7).integers(-(1 << 62), 1 << 62, leaves)
    indptr = np.arange(0, leaves * width + 1, width, dtype=np.int32)
    ones = np.ones(leaves * width)
    raw = sparse.csc_matrix((ones, table.reshape(-1), indptr), shape=(len(first), leaves))
    marks: Whole = _wrapped_sums(raw, np.asarray(keys, np.int64))
    _, shallow, inverse = np.unique(marks, return_index=True, return_inverse=True)
    kept = np.sort(shallow)
    new = np.full(len(first), -1, np.int32)
    new[kept] = np.arange(len(kept))
    counts = np.bincount(owner, minlength=len(cuboids))
    twins: dict[int, list[tuple[int, int]]] = {}
    for cell in np.flatnonzero(new < 0):
        twins.setdefault(int(new[shallow[inverse[cell]]]), []).append((int(owner[cell]), int(first[cell])))
    if twins:
        moved = new[table]
        there = moved >= 0
        indptr = np.concatenate([[0], np.cumsum(there.sum(axis=1))]).astype(np.int32)
        raw = sparse.csc_matrix((ones[: int(indptr[-1])], moved[there], indptr), shape=(len(kept), leaves))
    return Cube(
        codes=codes, cuboids=cuboids, cuboid=owner[kept], first=first[kept], inside=raw, counts=counts,
        twins={c: tuple(t) for c, t in twins.items()}, naming=naming,
    )  # fmt: skip


def _wrapped_sums(inside: sparse.csc_matrix, keys: Whole) -> Whole:
    """Sums of whole keys by cell; they wrap around, which is as good a mark."""
    whole = sparse.csc_matrix((inside.data.astype(np.int64), inside.indices, inside.indptr), shape=inside.shape)
    with np.errstate(over="ignore"):
        return np.asarray(whole @ keys)


def gathered(columns: ArrayLike, *values: ArrayLike) -> tuple[Whole, tuple[Floats, ...], Whole]:
    """Rows of any number as leaves: each combination of codes once, its values added up.

    Args:
        columns: (rows, dimensions) codes from 0.
        values: (rows,) numbers to be added up by leaf.

    Returns:
        Codes of the leaves, sums of each of `values` per leaf, and the leaf of each row.
    """
    coded = np.asarray(columns, np.int64)
    ids, first = _compressed(coded, tuple(range(coded.shape[1])), coded.max(axis=0, initial=0) + 1)
    sums = tuple(np.bincount(ids, np.asarray(v, float), len(first)).astype(float) for v in values)
    return coded[first], sums, ids.astype(np.int64)
