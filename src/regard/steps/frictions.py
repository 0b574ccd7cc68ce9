"""Friction of each customer at each step: errors, doing it again, coming back to it, and where journeys stop.

One row a customer and step: what their first journey with it was like, which is what others' first journeys can be held
against, and what they met there in any journey.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import EVERYTHING, Codes, Selection, Steps, Truths, Whole, codes_of, end_of
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces
from regard.steps.scanning import beside, reach

if TYPE_CHECKING:
    from collections.abc import Sequence

LIVELY = 28 * 86_400_000_000
"""How far back a customer's steps are counted."""
ERROR, AGAIN, BACK, LAST, GOAL, OPEN = 1, 2, 4, 8, 16, 32
"""Bits: an error met at the step; done at once again; come back to, others between; the journey's last step; the
journey reached the goal; its silence is not long enough yet to say that it is over."""
UNKNOWN = 255
COUNTS = ("times", "errors", "again", "back", "lost_again", "lost_back", "journeys", "stopped", "waiting")


@dataclass(frozen=True, kw_only=True)
class Frictions:
    """Rows in order of customer; counts by step, whose codes are places in ``names``.

    Attributes:
        names: What the codes mean.
        customers: (m,) whose.
        codes: (m,) which step.
        times: (m,) when they first did it in the selection's time, microseconds UTC.
        first: (m,) bits of the journey of that time.
        ever: (m,) ERROR, AGAIN, BACK of any journey; LAST where one that is over stopped there without the goal.
        lively: (m,) steps they took in the 28 days before.
        ends: (m, 4) journeys with it that are over: with an error there, of them stopped there without the goal; and
            the same of those without an error there.
        counts: (names, 9) in the order of `COUNTS`: how often done, with an error, again at once, come back to;
            microseconds from a step to the same again, and back to it; journeys with it, those that are over and
            stopped there without the goal, those of which that is not known yet.
    """

    names: tuple[str, ...]
    customers: Whole
    codes: Codes
    times: Whole
    first: NDArray[np.uint8]
    ever: NDArray[np.uint8]
    lively: NDArray[np.int32]
    ends: NDArray[np.int32]
    counts: Whole

    def count(self, what: str) -> Whole:
        """One of the counts, by step."""
        found: Whole = self.counts[:, COUNTS.index(what)]
        return found

    def having(self, bit: int) -> Truths:
        """Rows of customers who ever met it there."""
        return (self.ever & bit) > 0


def frictions(
    steps: Sequence[Steps],
    *,
    pause: int,
    start: Sequence[str] | None = None,
    goal: Sequence[str] = (),
    selection: Selection = EVERYTHING,
) -> Frictions:
    """What customers met at each step. A step at the very moment of the same step before it is that step.

    Args:
        steps: Slices of one log.
        pause: Microseconds; a longer pause ends a journey.
        start: Journeys begin with any of these: steps before are in none; any step where None.
        goal: A journey with any of these did not stop without it.
        selection: Which steps.
    """
    names = steps[0].names if steps else ()
    wanted, end = codes_of(names, goal), int(min(end_of(steps, selection), selection.until))
    begins = codes_of(names, names if start is None else start)

    def work(piece: Piece) -> tuple[NDArray[Any], ...]:
        bounds = (selection.since, selection.until, piece.first, piece.last)
        read = (*piece.read, piece.steps.failed)
        m = int(_pairs(*piece.read, len(names), *bounds))
        rows, codes = np.zeros(m, np.int64), np.zeros(m, np.uint16)
        owner, lively, bits = np.zeros(m, np.int64), np.zeros(m, np.int32), np.zeros((m, 2), np.uint8)
        counts, ends = np.zeros((len(names), len(COUNTS)), np.int64), np.zeros((m, 4), np.int32)
        m = _frictions(*read, begins, wanted, pause, end, *bounds, rows, codes, owner, lively, bits, ends, counts)
        s, met = piece.steps, bits[:m]
        return s.customers[owner[:m]], codes[:m], s.times[rows[:m]], met[:, 0], met[:, 1], lively[:m], ends[:m], counts

    done = each_piece(work, pieces(steps, selection))
    types = (np.int64, np.uint16, np.int64, np.uint8, np.uint8, np.int32)
    who, codes, times, first, ever, lively = (
        np.concatenate([np.zeros(0, kind), *(d[i] for d in done)]) for i, kind in enumerate(types)
    )
    ends = np.concatenate([np.zeros((0, 4), np.int32), *(d[6] for d in done)])
    counts = sum((d[7] for d in done), np.zeros((len(names), len(COUNTS)), np.int64))
    return Frictions(names=names, customers=who, codes=codes, times=times, first=first, ever=ever, lively=lively,
                     ends=ends, counts=counts)  # fmt: skip


@compiled(*READ, "i8", "i8", "i8", "i8", "i8")
def _pairs(starts, stops, tails, ends, times, codes, keep, rows, names, since, until, first, last):
    """How many customers did each step, all steps together."""
    mark, found = np.full(names, -1, np.int64), 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            for i in range(low, high):
                t = times[i]
                if t < since or t >= until or (len(rows) and not rows[i]):
                    continue
                if mark[codes[i]] != c:
                    mark[codes[i]] = c
                    found += 1
    return found


@compiled(
    *READ, "r:b1", "r:b1", "r:b1", "i8", "i8", "i8", "i8", "i8", "i8", "w:i8", "w:u2", "w:i8", "w:i4", "w2:u1",
    "w2:i4", "w2:i8",
)  # fmt: skip
def _frictions(starts, stops, tails, finals, times, codes, keep, rows, failed, begins, goal, pause, end, since, until,
               first, last, out, code_of, owner, lively, bits, ends, counts):  # fmt: skip
    """Per step: the row of the customer's own, the journey it was last done in, what that journey met there so far."""
    names = len(goal)
    mine, whose = np.zeros(names, np.int64), np.full(names, -1, np.int64)
    begun, met, at = np.full(names, -1, np.int64), np.zeros(names, np.uint8), np.zeros(names, np.int64)
    stack, journey, m = np.zeros(names, np.int64), 0, 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        low, final, gap, tail = reach(starts, stops, tails, finals, c)
        following, over, near, depth = low, False, 0, 0
        before, then, reached = np.int64(-1), np.int64(0), False
        while not over:
            i, over = following, following >= final
            following = beside(i, 1, gap, tail)
            t = np.int64(0) if over else times[i]
            if not over and len(rows) and not rows[i]:
                continue
            if not over and t < since:
                near += 1
                continue
            over = over or t >= until
            if before >= 0 and (over or t - then > pause):
                _close(stack[:depth], before, reached, over and end - then <= pause, mine, met, bits, ends, counts)
                before, depth, reached = np.int64(-1), 0, False
                journey += 1
            if over:
                break
            low, near = _recent(times, rows, low, near, t, gap, tail)
            near += 1
            k = np.int64(codes[i])
            if before < 0 and not begins[k]:
                continue
            if whose[k] != c:
                whose[k], mine[k] = c, m
                out[m], code_of[m], owner[m], lively[m], bits[m, 0] = i, k, c, near - 1, UNKNOWN
                m += 1
            depth = _take(k, t, before, then, failed[i], journey, depth, begun, met, at, stack, counts)
            reached |= goal[k]
            before, then, at[k] = k, t, t
    return m


@compiled()
def _recent(times, rows, low, near, t, gap, tail):
    """The first row of the 28 days before a moment, and how many steps looked at there are from it on."""
    while times[low] < t - LIVELY:
        near -= not len(rows) or rows[low]
        low = beside(low, 1, gap, tail)
    return low, near


@compiled()
def _take(k, t, before, then, failed, journey, depth, begun, met, at, stack, counts):
    """A step is done: what is met by it, and how many different steps the journey then has."""
    if begun[k] != journey:
        begun[k], met[k], stack[depth] = journey, 0, k
        depth += 1
        counts[k, 0] += 1
        counts[k, 1] += failed
    elif k != before or t != then:
        counts[k, 0] += 1
        counts[k, 1] += failed
        again = k == before
        met[k] |= 2 if again else 4
        counts[k, 2 if again else 3] += 1
        counts[k, 4 if again else 5] += t - at[k]
    if failed:
        met[k] |= 1
    return depth


@compiled()
def _close(stack, before, reached, waits, mine, met, bits, ends, counts):
    """A journey is over, or the log is: what it met is written to the customer's rows."""
    for k in stack:
        row, stops = mine[k], k == before and not reached
        if bits[row, 0] == UNKNOWN:
            bits[row, 0] = met[k] | (8 if k == before else 0) | (16 if reached else 0) | (32 if waits else 0)
        bits[row, 1] |= met[k]
        counts[k, 6] += 1
        if waits:
            counts[k, 8] += stops
            continue
        side = 0 if met[k] & 1 else 2
        ends[row, side] += 1
        ends[row, side + 1] += stops
        counts[k, 7] += stops
        if stops:
            bits[row, 1] |= 8
