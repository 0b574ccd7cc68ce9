"""One walk of each customer, kept one by one, for what is joined with whatever else is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import EVERYTHING, NEVER, Selection, Steps, Truths, Whole, codes_of
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces
from regard.steps.scanning import ARRIVED, beside, reach, scan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regard.steps.walks import Route


@dataclass(frozen=True, kw_only=True)
class Single:
    """Walks, one a row, customers in order within a slice.

    Attributes:
        part: (w,) number of the slice.
        rows: (w,) row of the first step there.
        customers: (w,) whose.
        codes: (w, depth + 1) what they did; -1 past their end.
        since: (w, depth + 1) microseconds from the first step; -1 past their end.
        failed: (w, depth + 1) whether an error was met there, or at an immediate repeat.
        repeats: (w, depth + 1) immediate repeats shown as one.
        length: (w,) steps.
        why: (w,) why they stop, as of `regard.steps.scanning`.
        ties: Moves between steps of equal time: their order is the log's.
    """

    part: Whole
    rows: Whole
    customers: Whole
    codes: Whole
    since: Whole
    failed: Truths
    repeats: Whole
    length: Whole
    why: Whole
    ties: int


def singly(steps: Sequence[Steps], route: Route, *, selection: Selection = EVERYTHING) -> Single:
    """The first walk of each customer who has one, as `regard.steps.walks.walk` counts them.

    Args:
        steps: Slices of one log.
        route: Names, depth, time; one walk a customer, whatever its ``every`` says.
        selection: Which steps.
    """
    names = steps[0].names if steps else ()
    forward = bool(route.start)
    entry = codes_of(names, route.start if forward else route.target)
    target = codes_of(names, route.target if forward else ())
    within = NEVER if route.within is None else route.within
    towards = bool(route.start and route.target)

    def work(piece: Piece) -> tuple[NDArray[np.int64], int]:
        out = np.full((piece.last - piece.first, 4 + 4 * (route.depth + 1)), -1, np.int64)
        given = entry, target, towards, route.depth, within, forward, selection.since, selection.until
        n, ties = _walks(*piece.read, piece.steps.failed, *given, piece.first, piece.last, out)
        found = out[:n].copy()
        found[:, 0] = piece.steps.customers[found[:, 0]]
        return found, int(ties)

    cut, wide = pieces(steps, selection), route.depth + 1
    done = each_piece(work, cut)
    every = np.concatenate([np.zeros((0, 4 + 4 * wide), np.int64), *(d[0] for d in done)])
    parts = [every[:, 4 + k * wide : 4 + (k + 1) * wide] for k in range(4)]
    return Single(
        part=np.repeat([p.slice for p in cut], [len(d[0]) for d in done]) if cut else np.zeros(0, np.int64),
        customers=every[:, 0], rows=every[:, 1], length=every[:, 2], why=every[:, 3], codes=parts[0],
        since=parts[1], failed=parts[2] > 0, repeats=np.maximum(parts[3], 0), ties=sum(d[1] for d in done),
    )  # fmt: skip


@compiled(
    *READ, "r:b1", "r:b1", "r:b1", "b1", "i8", "i8", "b1",
    "i8", "i8", "i8", "i8", "w2:i8",
)  # fmt: skip
def _walks(starts, stops, tails, ends, times, codes, keep, rows, failed, entry, target, towards, depth, within, forward,
           since, until, first, last, out):  # fmt: skip
    """A row a walk: whose, where it begins, its length, why it stops, then codes, times, errors and repeats."""
    seen, at = np.zeros(depth + 2, np.int64), np.zeros(depth + 2, np.int64)
    bad, again = np.zeros(depth + 2, np.bool_), np.zeros(depth + 2, np.int64)
    n, ties, wide = 0, 0, depth + 1
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        i, final, stop, tail = reach(starts, stops, tails, ends, c)
        edge = final if forward else i - 1
        while i < final:
            if not (entry[codes[i]] and times[i] >= since and times[i] < until and not (len(rows) and not rows[i])):
                i = beside(i, 1, stop, tail)
                continue
            length, why = scan(times, codes, failed, rows, i, edge, stop, tail, target, depth, within, True, forward,
                               seen, at, bad, again)  # fmt: skip
            if towards and why != ARRIVED:
                i = beside(i, 1, stop, tail)
                continue
            out[n, 0], out[n, 1], out[n, 2], out[n, 3] = c, i, length, why
            for k in range(length):
                out[n, 4 + k], out[n, 4 + wide + k] = seen[k], abs(times[at[k]] - times[i])
                out[n, 4 + 2 * wide + k], out[n, 4 + 3 * wide + k] = bad[k], again[k]
                if k:
                    j = beside(at[k], -1 if forward else 1, stop, tail)
                    while len(rows) and not rows[j]:
                        j = beside(j, -1 if forward else 1, stop, tail)
                    ties += times[j] == times[at[k]]
            n += 1
            break
    return n, ties
