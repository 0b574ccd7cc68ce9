"""Work over slices in pieces: whole customers, a few million steps at a time, in as many threads as there are cores."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import EVERYTHING, Selection, Steps, Truths

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Done = TypeVar("Done")
PIECE = 4_000_000
"""Steps in a piece, about: small enough to keep two threads evenly busy."""
NONE = np.zeros(0, np.bool_)
"""Stands for a mask that leaves nothing out."""


@dataclass(frozen=True)
class Piece:
    """Customers ``first`` to ``last`` (not included) of a slice, with what a kernel reads of them.

    Attributes:
        slice: Number of the slice.
        steps: The slice.
        customers: Mask of its customers, or none.
        rows: Mask of its steps, or none.
        first: First customer.
        last: Customer after the last.
    """

    slice: int
    steps: Steps
    customers: Truths
    rows: Truths
    first: int
    last: int

    @property
    def read(self) -> tuple[NDArray[Any], ...]:
        """The parts of customers' steps, times, codes, and the two masks: the arrays each kernel begins with."""
        return *self.steps.parts, self.steps.times, self.steps.codes, self.customers, self.rows

    @property
    def room(self) -> int:
        """No fewer than the piece has steps."""
        starts, stops, tails, ends = (part[self.first : self.last] for part in self.steps.parts)
        return int((stops - starts).sum() + (ends - tails).sum()) if len(tails) else int(stops[-1] - starts[0])


def pieces(steps: Sequence[Steps], selection: Selection = EVERYTHING, *, size: int = PIECE) -> list[Piece]:
    """All slices cut into pieces of whole customers."""
    found = []
    for number, each in enumerate(steps):
        customers = NONE if selection.customers is None else selection.customers[number]
        rows = NONE if selection.rows is None else selection.rows[number]
        last = int(each.starts[-1])
        wanted = np.arange(size, last + size, size)
        edges = np.unique(np.append(0, np.searchsorted(each.starts, np.minimum(wanted, last))))
        edges[-1] = len(each.customers)
        found += [Piece(number, each, customers, rows, a, b) for a, b in pairwise(edges.tolist())]
    return found


def each_piece(work: Callable[[Piece], Done], cut: Sequence[Piece]) -> list[Done]:
    """The results of some work on each piece, in order; kernels leave Python's lock, so cores are used.

    Where the steps are worked on elsewhere, the work travels there: it returns what it finds, and holds no steps.
    """
    if cut and cut[0].steps.elsewhere is not None:
        return cut[0].steps.elsewhere(work, cut)
    if len(cut) < 2:
        return [work(piece) for piece in cut]
    with ThreadPoolExecutor(min(len(cut), os.cpu_count() or 1), thread_name_prefix="steps") as threads:
        return list(threads.map(work, cut))
