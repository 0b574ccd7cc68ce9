"""Where customers go round: the same step at once again, and steps back to one they had left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.steps.columns import EVERYTHING, NEVER, Selection, Steps, Whole
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Loops:
    """Friction, per step; codes are places in ``names``.

    Attributes:
        names: What the codes mean.
        steps: (names,) how often it was done.
        customers: (names,) by how many different customers.
        repeats: (names,) how often at once again.
        repeating: (names,) by how many customers.
        returns: (names,) how often come back to in the same journey, other steps between.
        returning: (names,) by how many customers.
        failed: (names,) how often an error was met.
    """

    names: tuple[str, ...]
    steps: Whole
    customers: Whole
    repeats: Whole
    repeating: Whole
    returns: Whole
    returning: Whole
    failed: Whole


def loops(steps: Sequence[Steps], *, pause: int | None = None, selection: Selection = EVERYTHING) -> Loops:
    """Count immediate repeats and steps back.

    Args:
        steps: Slices of one log.
        pause: Microseconds; a longer pause ends a journey. None: a customer's steps are one journey.
        selection: Which steps.
    """
    names = steps[0].names if steps else ()
    bound = NEVER if pause is None else pause

    def work(piece: Piece) -> Whole:
        out, marks = np.zeros((7, len(names)), np.int64), np.full((4, len(names)), -1, np.int64)
        _round(*piece.read, piece.steps.failed, bound, selection.since, selection.until, piece.first, piece.last,
               out, marks)  # fmt: skip
        return out

    out = sum(each_piece(work, pieces(steps, selection)), np.zeros((7, len(names)), np.int64))
    return Loops(names=names, steps=out[0], customers=out[1], repeats=out[2], repeating=out[3], returns=out[4],
                 returning=out[5], failed=out[6])  # fmt: skip


def looping(steps: Sequence[Steps], name: str, *, pause: int | None = None, selection: Selection = EVERYTHING) -> Whole:
    """The customers who repeated a step at once or came back to it."""
    names = steps[0].names if steps else ()
    if name not in names:
        return np.zeros(0, np.int64)
    code, bound = names.index(name), NEVER if pause is None else pause

    def work(piece: Piece) -> Whole:
        found = np.zeros(len(piece.steps.customers), np.bool_)
        _rounded(*piece.read, code, bound, selection.since, selection.until, piece.first, piece.last, found)
        return piece.steps.customers[found]

    return np.sort(np.concatenate([np.zeros(0, np.int64), *each_piece(work, pieces(steps, selection))]))


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
    "i8",
    "i8",
    "i8",
    "i8",
    "i8",
    "w2:i8",
    "w2:i8",
)
def _round(starts, stops, tails, ends, times, codes, keep, rows, failed, pause, since, until, first, last, out, marks):
    """Marks: the last customer who did, repeated, came back to each step; the last journey each was done in."""
    journey = 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        before = np.int64(-1)
        then = np.int64(0)
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            for i in range(low, high):
                t = times[i]
                if t < since or t >= until or (len(rows) and not rows[i]):
                    continue
                code = np.int64(codes[i])
                if before < 0 or t - then > pause:
                    journey += 1
                    before = np.int64(-1)
                out[0, code] += 1
                out[6, code] += failed[i]
                if marks[0, code] != c:
                    marks[0, code] = c
                    out[1, code] += 1
                if code == before:
                    out[2, code] += 1
                    if marks[1, code] != c:
                        marks[1, code] = c
                        out[3, code] += 1
                elif marks[3, code] == journey:
                    out[4, code] += 1
                    if marks[2, code] != c:
                        marks[2, code] = c
                        out[5, code] += 1
                marks[3, code] = journey
                before, then = code, t


@compiled(*READ, "i8", "i8", "i8", "i8", "i8", "i8", "w:b1")
def _rounded(starts, stops, tails, ends, times, codes, keep, rows, code, pause, since, until, first, last, found):
    """A second time in one journey is a repeat or a step back."""
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        then = np.int64(0)
        done, begun = False, False
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            for i in range(low, high):
                t = times[i]
                if t < since or t >= until or (len(rows) and not rows[i]):
                    continue
                if begun and t - then > pause:
                    done = False
                begun, then = True, t
                if codes[i] == code:
                    if done:
                        found[c] = True
                        break
                    done = True
