"""The steps that lie in a time: how many there are, which rows they are, and who did what in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regard.steps.columns import EVERYTHING, Selection, Steps, Whole, codes_of
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces
from regard.steps.tables import span

if TYPE_CHECKING:
    from collections.abc import Sequence


def counted(steps: Sequence[Steps], *, selection: Selection = EVERYTHING) -> int:
    """How many steps lie in the selection's time; filters of steps are not looked at."""

    def work(piece: Piece) -> int:
        starts, stops, tails, ends, times, *_ = piece.read
        return int(_counted(starts, stops, tails, ends, times, piece.customers, selection.since, selection.until,
                            piece.first, piece.last))  # fmt: skip

    return sum(each_piece(work, pieces(steps, selection)))


def rows_within(steps: Sequence[Steps], *, selection: Selection = EVERYTHING) -> tuple[tuple[Whole, Whole], ...]:
    """Per slice, the rows of the steps in a selection, customer after customer, and each one's customer as a place."""

    def work(piece: Piece) -> tuple[Whole, Whole]:
        room = piece.room
        rows, whose = np.empty(room, np.int64), np.empty(room, np.int64)
        starts, stops, tails, ends, times, _, *masks = piece.read
        n = _listed(starts, stops, tails, ends, times, *masks, selection.since, selection.until, piece.first,
                    piece.last, rows, whose)  # fmt: skip
        return rows[:n].copy(), whose[:n].copy()

    cut = pieces(steps, selection)
    done, none = each_piece(work, cut), np.zeros(0, np.int64)
    parts = [[d for d, p in zip(done, cut, strict=True) if p.slice == number] for number in range(len(steps))]
    return tuple(
        (np.concatenate([none, *(d[0] for d in each)]), np.concatenate([none, *(d[1] for d in each)])) for each in parts
    )


def first_done(steps: Sequence[Steps], names: Sequence[str], *, selection: Selection = EVERYTHING) -> tuple[Whole, ...]:
    """Per slice, the row at which each customer first did any of some steps in a selection, (c,); -1 for never."""
    wanted = codes_of(steps[0].names if steps else (), names)

    def work(piece: Piece) -> Whole:
        found = np.full(len(piece.steps.customers), -1, np.int64)
        _first(*piece.read, wanted, selection.since, selection.until, piece.first, piece.last, found)
        return found[piece.first : piece.last]

    cut = pieces(steps, selection)
    done_, none = each_piece(work, cut), np.zeros(0, np.int64)
    return tuple(
        np.concatenate([none, *(d for d, p in zip(done_, cut, strict=True) if p.slice == number)])
        for number in range(len(steps))
    )


def done(steps: Sequence[Steps], *, of: str = "", selection: Selection = EVERYTHING) -> tuple[Whole, Whole]:
    """How often each step was done in a selection, and by how many different customers, both (names,).

    Args:
        steps: Slices of one log.
        of: A label whose values are counted instead of names.
        selection: Which steps.
    """
    size = 0 if not steps else len(steps[0].labels[of].values if of else steps[0].names)

    def work(piece: Piece) -> Whole:
        found, marks = np.zeros((2, size), np.int64), np.full(size, -1, np.int64)
        starts, stops, tails, ends, times, codes, *masks = piece.read
        codes = piece.steps.labels[of].codes if of else codes
        _did(starts, stops, tails, ends, times, codes, *masks, selection.since, selection.until, piece.first,
             piece.last, marks, found)  # fmt: skip
        return found

    found = sum(each_piece(work, pieces(steps, selection)), np.zeros((2, size), np.int64))
    return found[0], found[1]


@compiled("r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:b1", "i8", "i8", "i8", "i8")
def _counted(starts, stops, tails, ends, times, keep, since, until, first, last):
    n = 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            low, high = span(times, low, high, since, until)
            n += high - low
    return n


@compiled("r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:b1", "r:b1", "i8", "i8", "i8", "i8", "w:i8", "w:i8")
def _listed(starts, stops, tails, ends, times, keep, rows, since, until, first, last, found, whose):
    n = 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            low, high = span(times, low, high, since, until)
            for i in range(low, high):
                if not len(rows) or rows[i]:
                    found[n], whose[n] = i, c
                    n += 1
    return n


@compiled(*READ, "i8", "i8", "i8", "i8", "w:i8", "w2:i8")
def _did(starts, stops, tails, ends, times, codes, keep, rows, since, until, first, last, marks, found):
    """Marks: the last customer who did each."""
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            low, high = span(times, low, high, since, until)
            for i in range(low, high):
                if not len(rows) or rows[i]:
                    code = codes[i]
                    found[0, code] += 1
                    found[1, code] += marks[code] != c
                    marks[code] = c


@compiled(*READ, "r:b1", "i8", "i8", "i8", "i8", "w:i8")
def _first(starts, stops, tails, ends, times, codes, keep, rows, wanted, since, until, first, last, found):
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            low, high = span(times, low, high, since, until)
            for i in range(low, high):
                if wanted[codes[i]] and (not len(rows) or rows[i]):
                    found[c] = i
                    break
            if found[c] >= 0:
                break
