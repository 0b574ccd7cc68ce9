"""Where journeys stop: the last step before a long silence, and whether the goal had been reached by then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.steps.columns import EVERYTHING, Selection, Steps, Whole, codes_of, end_of
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Dropoff:
    """Journeys by their last step; codes are places in ``names``.

    Attributes:
        names: What the codes mean.
        stopped: (names,) journeys that ended there without the goal: silence followed.
        customers: (names,) different customers of those.
        still_open: (names,) journeys that are there now, with the goal or without: the silence is not long enough to
            say that they are over.
        reached: (names,) journeys that ended there after the goal was reached.
        passed: (names,) journeys that did the step at all; those still open are left out, as they are of stopped.
    """

    names: tuple[str, ...]
    stopped: Whole
    customers: Whole
    still_open: Whole
    reached: Whole
    passed: Whole


def dropoff(
    steps: Sequence[Steps], *, silence: int, goal: Sequence[str] = (), selection: Selection = EVERYTHING
) -> Dropoff:
    """Count where journeys stop.

    Args:
        steps: Slices of one log.
        silence: Microseconds; a longer pause ends a journey.
        goal: A journey with any of these is no drop-off.
        selection: Which steps; a journey is open where the log's end, or the selection's, leaves less than silence.
    """
    names = steps[0].names if steps else ()
    wanted = codes_of(names, goal)
    end = int(min(end_of(steps, selection), selection.until))

    def work(piece: Piece) -> Whole:
        out, marks = np.zeros((5, len(names)), np.int64), np.full((2, len(names)), -1, np.int64)
        _stops(*piece.read, wanted, silence, end, selection.since, selection.until, piece.first, piece.last, out, marks)
        return out

    out = sum(each_piece(work, pieces(steps, selection)), np.zeros((5, len(names)), np.int64))
    return Dropoff(names=names, stopped=out[0], customers=out[1], still_open=out[2], reached=out[3], passed=out[4])


def stopped_at(
    steps: Sequence[Steps], name: str, *, silence: int, goal: Sequence[str] = (), selection: Selection = EVERYTHING
) -> Whole:
    """The customers with a journey that stopped at a step without the goal."""
    names = steps[0].names if steps else ()
    if name not in names:
        return np.zeros(0, np.int64)
    wanted = codes_of(names, goal)
    end = int(min(end_of(steps, selection), selection.until))

    def work(piece: Piece) -> Whole:
        found = np.zeros(len(piece.steps.customers), np.bool_)
        _stopped(*piece.read, wanted, silence, end, selection.since, selection.until, piece.first, piece.last,
                 names.index(name), found)  # fmt: skip
        return piece.steps.customers[found]

    return np.sort(np.concatenate([np.zeros(0, np.int64), *each_piece(work, pieces(steps, selection))]))


@compiled()
def _unpassed(times, codes, since, until, journey, low, high, out, marks):
    """The steps of a journey that is still open are not counted as passed."""
    for j in range(low, high):
        if marks[1, codes[j]] == journey and times[j] >= since and times[j] < until:
            marks[1, codes[j]] = -1
            out[4, codes[j]] -= 1


@compiled(*READ, "r:b1", "i8", "i8", "i8", "i8", "i8", "i8", "w2:i8", "w2:i8")
def _stops(
    starts, stops, tails, ends, times, codes, keep, rows, goal, silence, end, since, until, first, last, out, marks
):
    """Marks: the last customer who stopped at each step, and the last journey that did it."""
    journey = 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        before = np.int64(-1)
        then = np.int64(0)
        reached = False
        parts, began = 1 + (len(tails) > 0), starts[c]
        for part in range(parts):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            for i in range(low, high + (part + 1 == parts)):  # behind the last part: nothing more, which ends it, too
                over = i == high
                t = np.int64(0) if over else times[i]
                if not over and (t < since or t >= until or (len(rows) and not rows[i])):
                    continue
                if before >= 0 and (over or t - then > silence):
                    if over and end - then <= silence:
                        out[2, before] += 1
                        for again in range(parts):
                            a, b = (tails[c], ends[c]) if again else (starts[c], stops[c])
                            _unpassed(times, codes, since, until, journey, max(a, began), min(b, i), out, marks)
                    elif reached:
                        out[3, before] += 1
                    else:
                        out[0, before] += 1
                        if marks[0, before] != c:
                            marks[0, before] = c
                            out[1, before] += 1
                    before, reached = np.int64(-1), False
                if not over:
                    code = np.int64(codes[i])
                    if before < 0:
                        journey += 1
                        began = i
                    if marks[1, code] != journey:
                        marks[1, code] = journey
                        out[4, code] += 1
                    reached |= goal[code]
                    before, then = code, t


@compiled(*READ, "r:b1", "i8", "i8", "i8", "i8", "i8", "i8", "i8", "w:b1")
def _stopped(
    starts, stops, tails, ends, times, codes, keep, rows, goal, silence, end, since, until, first, last, code, found
):
    """Customers with a journey that stopped at one step."""
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        before = np.int64(-1)
        then = np.int64(0)
        reached = False
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            for i in range(low, high):
                t = times[i]
                if t < since or t >= until or (len(rows) and not rows[i]):
                    continue
                if before >= 0 and t - then > silence:
                    found[c] |= before == code and not reached
                    reached = False
                before, then = np.int64(codes[i]), t
                reached |= goal[before]
        found[c] |= before == code and not reached and end - then > silence
