"""Whole journeys, alike ones together: how many different ones there are, and how few of them cover most."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import EVERYTHING, NEVER, Selection, Steps, Whole
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Variants:
    """Journeys by the order of their steps, the most frequent first.

    Attributes:
        paths: The most frequent, as names; as many as were asked for.
        counts: (v,) journeys of each variant, all of them.
        customers: (v,) different customers.
        journeys: All journeys.
    """

    paths: tuple[tuple[str, ...], ...]
    counts: Whole
    customers: Whole
    journeys: int
    _of: NDArray[np.uint64] = field(repr=False)
    _owner: Whole = field(repr=False)
    _keys: NDArray[np.uint64] = field(repr=False)

    @property
    def coverage(self) -> Floats:
        """(v,) share of all journeys that the variants up to each one cover."""
        return np.cumsum(self.counts) / max(self.journeys, 1)

    def behind(self, variant: int) -> Whole:
        """The customers with a journey of a variant."""
        return np.unique(self._owner[self._of == self._keys[variant]])


def variants(
    steps: Sequence[Steps],
    *,
    pause: int | None = None,
    collapse: bool = True,
    most: int = 100,
    selection: Selection = EVERYTHING,
) -> Variants:
    """Count journeys that take the same steps in the same order.

    Two journeys are the same where 64 bits made of their steps are: of ten million different ones, the chance that any
    two are taken for one is about one in half a million.

    Args:
        steps: Slices of one log.
        pause: Microseconds; a longer pause ends a journey. None: a customer's steps are one journey.
        collapse: Immediate repeats of a step count as one.
        most: Variants whose path is told.
        selection: Which steps.
    """
    cut = pieces(steps, selection)
    bound = NEVER if pause is None else pause

    def work(piece: Piece) -> tuple[NDArray[Any], ...]:
        room = piece.room
        keys, rows, owner = np.empty(room, np.uint64), np.empty(room, np.int64), np.empty(room, np.int64)
        n = _signed(*piece.read, bound, collapse, selection.since, selection.until, piece.first, piece.last,
                    keys, rows, owner)  # fmt: skip
        return keys[:n].copy(), rows[:n].copy(), piece.steps.customers[owner[:n]]

    found = each_piece(work, cut)
    keys = np.concatenate([np.zeros(0, np.uint64), *(f[0] for f in found)])
    owner = np.concatenate([np.zeros(0, np.int64), *(f[2] for f in found)])
    different, first, counts = np.unique(keys, return_index=True, return_counts=True)
    pairs = np.unique(np.stack([np.searchsorted(different, keys), owner]), axis=1)[0] if len(keys) else keys
    customers = np.bincount(pairs.astype(np.int64), minlength=len(different))
    edges = np.cumsum([0, *(len(f[0]) for f in found)])
    chosen = np.argsort(-counts, kind="stable")
    top = counts[chosen[most - 1]] if len(chosen) > most else 0
    told = [(int(c), _path(cut, found, edges, int(first[c]), bound, selection, collapse=collapse))
            for c in chosen[counts[chosen] >= top].tolist()[: 4 * most]]  # fmt: skip
    told.sort(key=lambda each: (-counts[each[0]], each[1]))
    order = np.array([*(c for c, _ in told), *chosen[len(told) :].tolist()], np.int64)
    return Variants(
        paths=tuple(p for _, p in told[:most]), counts=counts[order], customers=customers[order],
        journeys=len(keys), _of=keys, _owner=owner, _keys=different[order],
    )  # fmt: skip


def _path(
    cut: list[Piece], found: list[Any], edges: Whole, at: int, pause: int, selection: Selection, *, collapse: bool
) -> tuple[str, ...]:
    """The names of the journey that begins with some row."""
    number = int(np.searchsorted(edges, at, side="right")) - 1
    piece = cut[number]
    row = int(found[number][1][at - edges[number]])
    _, stops, tails, ends = piece.steps.parts
    c = int(piece.steps.owners(np.array([row]))[0])
    after = range(int(tails[c]), int(ends[c])) if len(tails) else range(0)
    codes: list[int] = []
    last = int(piece.steps.times[row])
    for i in (*range(row, int(stops[c])), *(i for i in after if i >= row)):
        t = int(piece.steps.times[i])
        if t >= selection.until or t - last > pause:
            break
        if len(piece.rows) and not piece.rows[i]:
            continue
        last = t
        code = int(piece.steps.codes[i])
        if not (collapse and codes and codes[-1] == code):
            codes.append(code)
    return tuple(piece.steps.names[c] for c in codes)


@compiled(*READ, "i8", "b1", "i8", "i8", "i8", "i8", "w:u8", "w:i8", "w:i8")
def _signed(
    starts,
    stops,
    tails,
    ends,
    times,
    codes,
    keep,
    rows,
    pause,
    collapse,
    since,
    until,
    first,
    last,
    keys,
    begins,
    owner,
):
    """Sixty-four bits of each journey, the row it begins with and whose it is; how many there are."""
    n = 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        before = np.int64(-1)
        then = np.int64(0)
        key = np.uint64(0)
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            for i in range(low, high):
                t = times[i]
                if t < since or t >= until or (len(rows) and not rows[i]):
                    continue
                code = np.int64(codes[i])
                if before >= 0 and t - then > pause:
                    keys[n] = key
                    n += 1
                    before = np.int64(-1)
                if before < 0:
                    key = np.uint64(0x9E3779B97F4A7C15)
                    begins[n], owner[n] = i, c
                if not (collapse and code == before):
                    key = (key ^ np.uint64(code + 1)) * np.uint64(0xBF58476D1CE4E5B9)
                    key ^= key >> np.uint64(31)
                before, then = code, t
        if before >= 0:
            keys[n] = key
            n += 1
    return n
