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
SECOND = 1_000_000


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
        out = _Counted(size)
        _pairs(*piece.read, NEVER if pause is None else pause, since, until, size,
               piece.first, piece.last, out.counts, out.customers, out.marks, out.steps, out.begins, out.ends,
               out.ties)  # fmt: skip
        return out

    found = each_piece(work, pieces(steps, selection))
    total = _Counted(size)
    for part in found:
        for name in ("counts", "customers", "steps", "begins", "ends", "ties"):
            getattr(total, name).__iadd__(getattr(part, name))
    edges = np.flatnonzero(total.counts)
    edges = edges[np.argsort(-total.counts[edges], kind="stable")]
    n = len(names)
    return Follows(
        names=names, steps=total.steps[:n], begins=total.begins[:n], ends=total.ends[:n],
        sources=edges // size, targets=edges % size, counts=total.counts[edges], customers=total.customers[edges],
        ties=int(total.ties[0]), transitions=int(total.counts.sum()), journeys=int(total.begins.sum()),
    )  # fmt: skip


class _Counted:
    def __init__(self, names: int) -> None:
        self.counts = np.zeros(names * names, np.int64)
        self.customers = np.zeros(names * names, np.int64)
        self.marks = np.full(names * names, -1, np.int32)
        self.steps, self.begins, self.ends = (np.zeros(names, np.int64) for _ in range(3))
        self.ties = np.zeros(1, np.int64)


@compiled(
    "r:i8", "r:i8", "r:u2", "r:b1", "r:b1", "i8", "i8", "i8", "i8", "i8", "i8",
    "w:i8", "w:i8", "w:i4", "w:i8", "w:i8", "w:i8", "w:i8",
)  # fmt: skip
def _pairs(starts, times, codes, keep, rows, pause, since, until, size, first, last,
           counts, customers, marks, done, begins, ends, ties):  # fmt: skip
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
                counts[edge] += 1
                ties[0] += t == then
                if marks[edge] != c:
                    marks[edge] = c
                    customers[edge] += 1
            before, then = code, t
        if before >= 0:
            ends[before] += 1
