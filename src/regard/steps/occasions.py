"""Occasions: a step of some kind, once in a time, and whether another kind came within that time after it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.steps.columns import EVERYTHING, Selection, Steps, Truths, Whole, codes_of, end_of
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces
from regard.steps.scanning import beside, reach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DAY = 86_400_000_000
LIVELY = 28 * DAY
"""How far back a customer's steps are counted."""


@dataclass(frozen=True, kw_only=True)
class Occasions:
    """Occasions, one a row, customers ascending within a slice and each one's in order of time.

    Attributes:
        customers: (m,) whose.
        times: (m,) when, microseconds UTC.
        kinds: (m,) of which kind.
        came: (m,) whether the step waited for came in time.
        code: (m,) which one came first; -1 where none did.
        over: (m,) whether the time was over when the log ends. Those of whom it is not are in no share, whether it
            came already or not: who has come early would stand for all.
        lively: (m,) steps the customer took in the 28 days before.
        rows: (m,) row in its slice, for labels.
        part: (m,) number of the slice.
    """

    customers: Whole
    times: Whole
    kinds: Whole
    came: Truths
    code: Whole
    over: Truths
    lively: Whole
    rows: Whole
    part: Whole

    def __len__(self) -> int:
        return len(self.customers)

    def only(self, keep: Truths | Whole) -> Occasions:
        """Some of them."""
        return Occasions(**{n: getattr(self, n)[keep] for n in Occasions.__dataclass_fields__})


def occasions(
    steps: Sequence[Steps],
    kinds: Mapping[str, int],
    *,
    awaited: Sequence[str],
    without: Sequence[str] = (),
    within: int,
    selection: Selection = EVERYTHING,
) -> Occasions:
    """Each occasion in the selection's time; again within the time, it is the same occasion.

    Args:
        steps: Slices of one log.
        kinds: Steps that are occasions, and the number of the kind each is of.
        awaited: Steps that may come afterwards, whenever they come.
        without: An occasion is none where one of these steps came within the time before it, or after it before the
            awaited one.
        within: Microseconds.
        selection: Which steps.
    """
    names = steps[0].names if steps else ()
    key = np.array([kinds.get(name, -1) for name in names], np.int64)
    asked, barred, end = codes_of(names, awaited), codes_of(names, without), end_of(steps, selection)
    groups = int(key.max(initial=-1)) + 1

    def work(piece: Piece) -> tuple[int, Whole]:
        s = piece.steps
        out, n = np.empty((piece.room, 6), np.int64), np.zeros(1, np.int64)
        _occasions(*piece.read, key, asked, barred, groups, within, end, selection.since, selection.until, piece.first,
                   piece.last, out, n)  # fmt: skip
        kept = out[: n[0]]
        found = np.column_stack([kept, s.customers[kept[:, 1]], s.times[kept[:, 0]]])
        return piece.slice, found

    done = each_piece(work, pieces(steps, selection))
    table = np.concatenate([np.zeros((0, 8), np.int64), *(rows for _, rows in done)])
    part = np.repeat([number for number, _ in done], [len(rows) for _, rows in done])
    return Occasions(
        customers=table[:, 6], times=table[:, 7], kinds=table[:, 2], came=table[:, 3] >= 0, code=table[:, 3],
        over=table[:, 4] > 0, lively=table[:, 5], rows=table[:, 0], part=part.astype(np.int64),
    )  # fmt: skip


@compiled(
    *READ, "r:i8", "r:b1", "r:b1", "i8", "i8", "i8", "i8", "i8", "i8", "i8", "w2:i8", "w:i8",
)  # fmt: skip
def _occasions(starts, stops, tails, ends, times, codes, keep, rows, key, asked, barred, groups, within, end, since,
               until, first, last, out, n):  # fmt: skip
    """Pointers run ahead to the next awaited and the next unwanted step, and behind to the steps of 28 days."""
    began, whose = np.zeros(groups, np.int64), np.full(groups, -1, np.int64)
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        begin, stop, gap, tail = reach(starts, stops, tails, ends, c)
        ahead, bar, low, lively = begin, begin, begin, 0
        seen, before = False, np.int64(0)
        following = begin
        while following < stop:
            i, following = following, beside(following, 1, gap, tail)
            if len(rows) and not rows[i]:
                continue
            code, t = codes[i], times[i]
            while low < i and times[low] < t - LIVELY:
                lively -= not len(rows) or rows[low]
                low = beside(low, 1, gap, tail)
            k = key[code]
            if k >= 0 and t >= since and t < until and not (whose[k] == c and t - began[k] <= within):
                began[k], whose[k] = t, c
                ahead, bar = max(ahead, following), max(bar, following)
                while ahead < stop and (not asked[codes[ahead]] or (len(rows) and not rows[ahead])):
                    ahead = beside(ahead, 1, gap, tail)
                while bar < stop and (not barred[codes[bar]] or (len(rows) and not rows[bar])):
                    bar = beside(bar, 1, gap, tail)
                came = ahead < stop and times[ahead] - t <= within
                spoilt = bar < stop and times[bar] - t <= within and (not came or bar < ahead)
                if not spoilt and not (seen and t - before <= within):
                    m = n[0]
                    out[m, 0], out[m, 1], out[m, 2] = i, c, k
                    out[m, 3] = np.int64(codes[ahead]) if came else -1
                    out[m, 4], out[m, 5] = t <= end - within, lively
                    n[0] = m + 1
            if barred[code]:
                seen, before = True, t
            lively += 1
