"""What directly follows what: the map of what customers really do, declared by nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import EVERYTHING, NEVER, Selection, Steps, Whole
from regard.steps.compiled import compiled
from regard.steps.pieces import Piece, each_piece, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]
TABLED = 512
"""Names up to which all edges are counted in a table; of more, each transition is written down and sorted."""


@dataclass(frozen=True, kw_only=True)
class Follows:
    """The directly-follows map.

    Attributes:
        names: What the codes mean.
        steps: (names,) how often each step was done.
        begins: (names,) journeys that begin with it.
        ends: (names,) journeys whose last step it is so far.
        sources: (e,) code of the step before, edges ordered by count, the largest first.
        targets: (e,) code of the step after.
        counts: (e,) how often.
        customers: (e,) different customers.
        ties: Transitions between steps of equal time: their order is the log's.
        transitions: All transitions.
        journeys: Runs of steps with no longer pause than asked for.
    """

    names: tuple[str, ...]
    steps: Whole
    begins: Whole
    ends: Whole
    sources: Whole
    targets: Whole
    counts: Whole
    customers: Whole
    ties: int
    transitions: int
    journeys: int

    def covering(self, share: float) -> int:
        """How many of the edges, the most frequent first, cover a share of all transitions."""
        if not self.transitions:
            return 0
        return int(np.searchsorted(np.cumsum(self.counts), share * self.transitions - 1e-9)) + 1


def follow(steps: Sequence[Steps], *, pause: int | None = None, selection: Selection = EVERYTHING) -> Follows:
    """Count which step directly follows which, within a customer.

    Args:
        steps: Slices of one log.
        pause: Microseconds; a longer pause ends a journey. None: a customer's steps are one journey.
        selection: Which steps.
    """
    names = steps[0].names if steps else ()
    size = max(len(names), 1)
    since, until = selection.since, selection.until

    def work(piece: Piece) -> _Counted:
        room = 0 if size <= TABLED else int(piece.steps.starts[piece.last] - piece.steps.starts[piece.first])
        out = _Counted(size, room)
        _pairs(*piece.read, NEVER if pause is None else pause, since, until, size, piece.first, piece.last,
               out.counts, out.customers, out.marks, out.keys, out.owners, out.steps, out.begins, out.ends,
               out.told)  # fmt: skip
        return out.gathered()

    found = [_Counted(size, 0).gathered(), *each_piece(work, pieces(steps, selection))]
    edges, place = np.unique(np.concatenate([f.keys for f in found]), return_inverse=True)
    counts, customers = np.zeros(len(edges), np.int64), np.zeros(len(edges), np.int64)
    np.add.at(counts, place, np.concatenate([f.counts for f in found]))
    np.add.at(customers, place, np.concatenate([f.customers for f in found]))
    done, begins, ends = (sum(getattr(f, name) for f in found)[: len(names)] for name in ("steps", "begins", "ends"))
    order = np.argsort(-counts, kind="stable")
    edges = edges[order]
    return Follows(
        names=names, steps=done, begins=begins, ends=ends,
        sources=edges // size, targets=edges % size, counts=counts[order], customers=customers[order],
        ties=sum(int(f.told[0]) for f in found), transitions=int(counts.sum()), journeys=int(begins.sum()),
    )  # fmt: skip


class _Counted:
    """What the kernel writes about a piece: a table of all edges where names are few, else each transition.

    Args:
        names: How many names.
        room: Transitions there may be; 0 counts in a table.
    """

    def __init__(self, names: int, room: int) -> None:
        cells = 0 if room else min(names, TABLED) ** 2
        self.counts, self.customers = np.zeros(cells, np.int64), np.zeros(cells, np.int64)
        self.marks = np.full(cells, -1, np.int32)
        self.keys, self.owners = np.zeros(room, np.int64), np.zeros(room, np.int32)
        self.steps, self.begins, self.ends = (np.zeros(names, np.int64) for _ in range(3))
        self.told = np.zeros(2, np.int64)

    def gathered(self) -> _Counted:
        """The same with what it says of each edge alone, edges in order in ``keys``."""
        if not len(self.keys):
            self.keys = np.flatnonzero(self.counts)
            self.counts, self.customers = self.counts[self.keys], self.customers[self.keys]
        else:
            keys, owners = self.keys[: self.told[1]], self.owners[: self.told[1]]
            order = np.argsort(keys, kind="stable")  # customers stay in order within an edge
            keys, owners = keys[order], owners[order]
            first = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
            another = first | np.append(True, owners[1:] != owners[:-1])[: len(keys)]
            at = np.flatnonzero(first)
            self.keys, self.counts = keys[at], np.diff(np.append(at, len(keys)))
            self.customers = np.add.reduceat(another, at, dtype=np.int64) if len(at) else np.zeros(0, np.int64)
        self.marks = self.owners = np.zeros(0, np.int32)
        return self


@compiled(
    "r:i8", "r:i8", "r:u2", "r:b1", "r:b1", "i8", "i8", "i8", "i8", "i8", "i8",
    "w:i8", "w:i8", "w:i4", "w:i8", "w:i4", "w:i8", "w:i8", "w:i8", "w:i8",
)  # fmt: skip
def _pairs(starts, times, codes, keep, rows, pause, since, until, size, first, last,
           counts, customers, marks, keys, owners, done, begins, ends, told):  # fmt: skip
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        before = np.int64(-1)
        then = np.int64(0)
        for i in range(starts[c], starts[c + 1]):
            t = times[i]
            if t < since or t >= until or (len(rows) and not rows[i]):
                continue
            code = np.int64(codes[i])
            done[code] += 1
            if before < 0 or t - then > pause:
                if before >= 0:
                    ends[before] += 1
                begins[code] += 1
            else:
                edge = before * size + code
                told[0] += t == then
                if len(keys):
                    keys[told[1]], owners[told[1]] = edge, c
                    told[1] += 1
                else:
                    counts[edge] += 1
                    if marks[edge] != c:
                        marks[edge] = c
                        customers[edge] += 1
            before, then = code, t
        if before >= 0:
            ends[before] += 1
