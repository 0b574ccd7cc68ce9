"""How long it takes from one step to the next of some kind, with those who have not done it yet counted as waiting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import EVERYTHING, Selection, Steps, Truths, Whole, codes_of, end_of
from regard.steps.compiled import compiled
from regard.steps.pieces import Piece, each_piece, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Gaps:
    """One wait a customer, from their first such step in the selection's time.

    Attributes:
        customers: (m,) who began, ascending.
        seconds: (m,) until the step waited for; until the end of the log where it has not come.
        came: (m,) whether it came. Those for whom it did not are censored, not lost: use a method that knows.
    """

    customers: Whole
    seconds: Floats
    came: Truths


def gaps(
    steps: Sequence[Steps], *, start: Sequence[str], to: Sequence[str] | None = None, selection: Selection = EVERYTHING
) -> Gaps:
    """How long from the first of some steps to the next of others.

    Args:
        steps: Slices of one log.
        start: Any of these begins the wait, in the selection's time.
        to: Any of these ends it, whenever it comes; any other row, the same step again included, where None.
        selection: Which steps.
    """
    names = steps[0].names if steps else ()
    begins, finals = codes_of(names, start), codes_of(names, names if to is None else to)
    last = end_of(steps, selection)

    def work(piece: Piece) -> tuple[Whole, Whole]:
        took = np.full(len(piece.steps.customers), -1, np.int64)
        began = np.full(len(piece.steps.customers), -1, np.int64)
        _wait(*piece.read, begins, finals, selection.since, selection.until, piece.first, piece.last, began, took)
        some = np.flatnonzero(began >= 0)
        waited = last - piece.steps.times[began[some]]
        return piece.steps.customers[some], np.where(took[some] >= 0, took[some], -1 - np.maximum(waited, 0))

    found = each_piece(work, pieces(steps, selection))
    whose = np.concatenate([np.zeros(0, np.int64), *(f[0] for f in found)])
    took = np.concatenate([np.zeros(0, np.int64), *(f[1] for f in found)])
    order = np.argsort(whose)
    came = took[order] >= 0
    return Gaps(customers=whose[order], seconds=np.where(came, took[order], -1 - took[order]) / 1e6, came=came)


@compiled(
    "r:i8",
    "r:i8",
    "r:i8",
    "r:i8",
    "r:i8",
    "r:u2",
    "r:b1",
    "r:b1",
    "r:b1",
    "r:b1",
    "i8",
    "i8",
    "i8",
    "i8",
    "w:i8",
    "w:i8",
)
def _wait(starts, stops, tails, ends, times, codes, keep, rows, begins, finals, since, until, first, last, began, took):
    """Per customer the row the wait begins with, and microseconds until it ends."""
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            for i in range(low, high):
                if len(rows) and not rows[i]:
                    continue
                if began[c] >= 0:
                    if finals[codes[i]]:
                        took[c] = times[i] - times[began[c]]
                        break
                elif begins[codes[i]] and times[i] >= since and times[i] < until:
                    began[c] = i
            if took[c] >= 0:
                break
