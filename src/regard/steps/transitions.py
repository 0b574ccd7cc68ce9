"""Transitions written down one by one and sorted: for logs with so many names that no array holds all edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import Selection, Whole
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece
from regard.steps.tables import span

if TYPE_CHECKING:
    from collections.abc import Sequence

Seconds = NDArray[np.float32]


def counted(cut: Sequence[Piece], pause: int, selection: Selection, size: int) -> tuple[Whole, Whole, Whole, int]:
    """Edges in order, as source times size plus target, how often, by how many customers; and ties.

    The source ``size`` is no step: what a journey begins with.
    """

    def work(piece: Piece) -> tuple[Whole, Whole, Whole, int]:
        keys, owners, _, ties = _of(piece, pause, selection, size)
        order = np.argsort(keys, kind="stable")  # customers stay in order within an edge
        keys, owners = keys[order], owners[order]
        first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
        another = first | np.append(True, owners[1:] != owners[:-1])[: len(keys)]
        at = np.flatnonzero(first)
        customers = np.add.reduceat(another, at, dtype=np.int64) if len(at) else np.zeros(0, np.int64)
        return keys[at], np.diff(np.append(at, len(keys))), customers, ties

    found = each_piece(work, cut)
    edges, place = np.unique(np.concatenate([np.zeros(0, np.int64), *(f[0] for f in found)]), return_inverse=True)
    counts, customers = np.zeros(len(edges), np.int64), np.zeros(len(edges), np.int64)
    np.add.at(counts, place, np.concatenate([np.zeros(0, np.int64), *(f[1] for f in found)]))
    np.add.at(customers, place, np.concatenate([np.zeros(0, np.int64), *(f[2] for f in found)]))
    return edges, counts, customers, sum(f[3] for f in found)


def times_of(
    chosen: Whole, each: int, cut: Sequence[Piece], pause: int, selection: Selection, size: int
) -> tuple[Whole, Seconds]:
    """Each so many-th transition of some edges: which of them, and the seconds it took."""
    order = np.argsort(chosen)
    ordered = chosen[order]

    def work(piece: Piece) -> tuple[Whole, Seconds]:
        keys, _, seconds, _ = _of(piece, pause, selection, size)
        at = np.minimum(np.searchsorted(ordered, keys), len(ordered) - 1)
        there = np.flatnonzero(ordered[at] == keys)[::each]
        return order[at[there]], seconds[there]

    found = each_piece(work, cut) if len(chosen) else []
    which = np.concatenate([np.zeros(0, np.int64), *(f[0] for f in found)])
    return which, np.concatenate([np.zeros(0, np.float32), *(f[1] for f in found)])


def _of(piece: Piece, pause: int, selection: Selection, size: int) -> tuple[Whole, NDArray[np.int32], Seconds, int]:
    room = piece.room
    keys, owners, seconds = np.empty(room, np.int64), np.empty(room, np.int32), np.empty(room, np.float32)
    n, ties = _listed(*piece.read, pause, selection.since, selection.until, size, piece.first, piece.last, keys, owners,
                      seconds)  # fmt: skip
    return keys[:n], owners[:n], seconds[:n], int(ties)


@compiled(*READ, "i8", "i8", "i8", "i8", "i8", "i8", "w:i8", "w:i4", "w:f4")
def _listed(
    starts, stops, tails, ends, times, codes, keep, rows, pause, since, until, size, first, last, keys, owners, seconds
):
    n, ties = 0, 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        before, then = size, np.int64(0)
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            low, high = span(times, low, high, since, until)
            for i in range(low, high):
                if len(rows) and not rows[i]:
                    continue
                t, code = times[i], np.int64(codes[i])
                if before != size and t - then > pause:
                    before = size
                keys[n], owners[n], seconds[n] = before * size + code, c, (t - then) / 1e6
                ties += before != size and t == then
                n += 1
                before, then = code, t
    return n, ties
