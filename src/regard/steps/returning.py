"""Who comes back: customers by the day, week or month they began in, and the share seen again so much later."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from regard.periods import WEEKDAYS, add_months, midnight
from regard.steps.columns import EVERYTHING, Selection, Steps, Truths, Whole, codes_of, end_of
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces
from regard.steps.tables import span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from zoneinfo import ZoneInfo

By = Literal["day", "week", "month"]
EPOCH = datetime(1970, 1, 1)
BITS = 64
"""Periods that fit into one number."""


@dataclass(frozen=True, kw_only=True)
class Returning:
    """Retention: of those who began in a period, who was there in it and in each later one.

    Attributes:
        periods: First days of the periods, local.
        began: (p,) customers who began in each.
        seen: (p, p) of them, those with a step so many periods later; column 0 is the period itself.
        complete: (p, p) whether that later period was over at the end of the log; others may yet grow.
    """

    periods: tuple[date, ...]
    began: Whole
    seen: Whole
    complete: Truths
    _behind: Callable[[int, int], Whole] = field(repr=False)

    def behind(self, period: int, later: int) -> Whole:
        """The customers who began in a period and were seen so many periods later."""
        return self._behind(period, later)


def calendar(
    first: date, last: date, *, by: By, zone: ZoneInfo, week_start: str = "monday"
) -> tuple[list[date], Whole]:
    """Days, weeks or months between two days: their first days, and the instants between them.

    Args:
        first: A day of the first period.
        last: A day of the last.
        by: What a period is.
        zone: The company's: a day may have 23 or 25 hours.
        week_start: First day of a week.

    Returns:
        First days (p,), and (p + 1,) microseconds UTC, the last being when the last period ends.
    """
    day = first
    if by == "week":
        day -= timedelta(days=(first.isoweekday() - WEEKDAYS[week_start]) % 7)
    if by == "month":
        day = first.replace(day=1)
    days = [day]
    while days[-1] <= last:
        days.append(add_months(days[-1], 1) if by == "month" else days[-1] + timedelta(days=7 if by == "week" else 1))
    instants = [(midnight(d, zone) - EPOCH) // timedelta(microseconds=1) for d in days]
    return days[:-1], np.array(instants, np.int64)


def returning(
    steps: Sequence[Steps],
    periods: tuple[list[date], Whole],
    *,
    began: Sequence[str] | None = None,
    again: Sequence[str] | None = None,
    selection: Selection = EVERYTHING,
) -> Returning:
    """Count who is seen again.

    A customer begins with the first of the steps ``began`` in the whole log, not only in the periods: who was there
    before them is not new in any.

    Args:
        steps: Slices of one log.
        periods: From `calendar`.
        began: Steps that begin; any where None.
        again: Steps that count as being there; any where None.
        selection: Which customers and steps; its times are not used.
    """
    days, edges = periods
    names = steps[0].names if steps else ()
    begins = codes_of(names, names if began is None else began)
    returns = codes_of(names, names if again is None else again)
    whatever = bool(begins.all() and returns.all())
    cut = pieces(steps, selection)
    p = len(days)
    bins, shift = _bins(edges)

    def work(piece: Piece) -> Whole:
        seen = np.zeros((p, p + 1), np.int64)
        if whatever and not len(piece.rows) and p <= BITS:
            s = piece.steps
            _return_bits(*s.parts, s.times, piece.customers, edges, bins, shift, piece.first, piece.last, seen)
            return seen
        _return(*piece.read, begins, returns, edges, piece.first, piece.last, seen)
        return seen

    seen = sum(each_piece(work, cut), np.zeros((p, p + 1), np.int64))
    until = bisect_right(edges[1:].tolist(), end_of(steps, selection) + 1)

    def behind(period: int, later: int) -> Whole:
        def look(piece: Piece) -> Whole:
            found = np.zeros(len(piece.steps.customers), np.bool_)
            _returned(*piece.read, begins, returns, edges, period, later, piece.first, piece.last, found)
            return piece.steps.customers[found]

        return np.sort(np.concatenate([np.zeros(0, np.int64), *each_piece(look, cut)]))

    at = np.arange(p)
    return Returning(
        periods=tuple(days), began=seen[:, p], seen=seen[:, :p], complete=at[:, None] + at[None, :] < until,
        _behind=behind,
    )  # fmt: skip


def instant(at: datetime) -> int:
    """Microseconds since 1970 of a moment with a zone."""
    return (at.astimezone(UTC).replace(tzinfo=None) - EPOCH) // timedelta(microseconds=1)


def _bins(edges: Whole) -> tuple[Whole, int]:
    """For each span of a power of two of microseconds, the period it begins in; a span meets one edge at most."""
    shift = max(int(np.diff(edges).min()).bit_length() - 1, 0)
    begin = edges[0] + (np.arange(((int(edges[-1]) - int(edges[0])) >> shift) + 1) << shift)
    return np.searchsorted(edges, begin, side="right") - 1, shift


@compiled("r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:b1", "r:i8", "r:i8", "i8", "i8", "i8", "w2:i8")
def _return_bits(starts, stops, tails, ends, times, keep, edges, bins, shift, first, last, seen):
    """Where any step counts: a bit for each period somebody was there in, without a branch for each step."""
    periods = len(edges) - 1
    begin, final = edges[0], edges[periods]
    even = edges[1] - edges[0]  # all periods are as long, as where no clock is set forward or back: no table is needed
    for period in range(periods):
        if edges[period + 1] - edges[period] != even or even > 1 << 43:  # beyond, the half would drown in rounding
            even = 0
    share, eights = 1.0 / max(even, 1), (periods + 7) // 8
    told = np.zeros((periods, eights, 256), np.int32)
    for c in range(first, last):
        began = starts[c] if stops[c] > starts[c] or not len(tails) else tails[c]
        final_row = stops[c] if stops[c] > starts[c] or not len(tails) else ends[c]
        if (len(keep) and not keep[c]) or began == final_row or times[began] < begin or times[began] >= final:
            continue
        there = np.uint64(0)
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            low, high = span(times, low, high, begin, final)
            for i in range(np.uint64(low), np.uint64(high)):  # unsigned places need no look whether they are negative
                if even > 0:  # decided once, outside the loop
                    passed = times[i] - begin
                    k = np.int64((np.float64(passed) + 0.5) * share)  # half a microsecond away from where one begins
                    there |= np.uint64(1) << np.uint64(k)
                else:
                    at = np.uint64(bins[np.uint64(times[i] - begin) >> np.uint64(shift)])
                    at += np.uint64(times[i] >= edges[at + np.uint64(1)])
                    there |= np.uint64(1) << at
        cohort = bins[(times[began] - begin) >> shift]
        cohort += times[began] >= edges[cohort + 1]
        there >>= np.uint64(cohort)
        seen[cohort, periods] += 1
        for part in range(eights):
            told[cohort, part, (there >> np.uint64(8 * part)) & np.uint64(255)] += 1
    _unfolded(told, seen)


@compiled()
def _unfolded(told, seen):
    """Customers by cohort and eight periods at a time, each pattern of presence counted once, as counts a period."""
    for cohort in range(told.shape[0]):
        for part in range(told.shape[1]):
            for pattern in range(256):
                if told[cohort, part, pattern] == 0:
                    continue
                for bit in range(8):
                    if (pattern >> bit) & 1:
                        seen[cohort, 8 * part + bit] += told[cohort, part, pattern]


@compiled(*READ, "r:b1", "r:b1", "r:i8", "i8", "i8", "w2:i8")
def _return(starts, stops, tails, ends, times, codes, keep, rows, begins, returns, edges, first, last, seen):
    """Periods are walked beside a customer's steps; each counts once."""
    periods = len(edges) - 1
    final = edges[periods]
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        cohort = -1
        upper = np.int64(-9223372036854775807)
        at, over = 0, False
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            for i in range(low, high):
                t = times[i]
                if t < upper:
                    continue
                if (len(rows) and not rows[i]) or not (begins[codes[i]] if cohort < 0 else returns[codes[i]]):
                    continue
                over = t >= final or (cohort < 0 and t < edges[0])
                if over:
                    break
                while t >= edges[at + 1]:
                    at += 1
                if cohort < 0:
                    cohort = at
                    seen[cohort, periods] += 1
                    if not returns[codes[i]]:
                        continue
                seen[cohort, at - cohort] += 1
                upper = edges[at + 1]
            if over:
                break


@compiled(*READ, "r:b1", "r:b1", "r:i8", "i8", "i8", "i8", "i8", "w:b1")
def _returned(
    starts, stops, tails, ends, times, codes, keep, rows, begins, returns, edges, period, later, first, last, found
):
    """Customers who began in one period and were there so many later."""
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        begun = False
        other = False
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            for i in range(low, high):
                if len(rows) and not rows[i]:
                    continue
                if not begun and begins[codes[i]]:
                    if times[i] < edges[period] or times[i] >= edges[period + 1]:
                        other = True
                        break
                    begun = True
                inside = times[i] >= edges[period + later] and times[i] < edges[period + later + 1]
                if begun and returns[codes[i]] and inside:
                    found[c] = True
                    break
            if other or found[c]:
                break
