"""Steps in two parts: what is arranged stays where it is, what came since lies behind it, customer by customer.

A customer who does something new keeps the rows they have; the new ones, and of the old ones those later than the
earliest new, stand in the *tail*. So a hundredth of new steps costs a hundredth of the work, late ones included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import EVER, NEVER, Codes, Later, Truths, Whole
from regard.steps.compiled import compiled
from regard.steps.weaving import DAY, places, united, whose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regard.steps.weaving import Spells

Columns = dict[str, NDArray[Any]]
OF_CUSTOMERS = frozenset({"customers", "starts", "cuts", "busiest"})
"""Columns with a value a customer; all others have one a step."""
NEW = -1
"""As a cut: the customer has no rows but those of the tail."""


@dataclass(frozen=True)
class Both:
    """The rows arranged once, and a tail of what came since.

    Attributes:
        base: customers (c,), starts (c + 1,), busiest (c,), and columns of steps.
        tail: customers (k,), cuts (k,) the base's row from which on none is theirs, or `NEW`, starts (k + 1,), busiest
            (k,), and the same columns of steps; None where nothing came.
    """

    base: Mapping[str, NDArray[Any]]
    tail: Mapping[str, NDArray[Any]] | None

    def parts(self, gap: int) -> tuple[Whole, Whole, Later | None, NDArray[np.int32]]:
        """Customers with steps, starts, parts, and busiest days.

        Args:
            gap: The row of the tail's first step, where both are seen as one array.
        """
        ids, starts, most = self.base["customers"], self.base["starts"], self.base["busiest"]
        if self.tail is None:
            return ids, starts, None, most
        who, cuts = self.tail["customers"], self.tail["cuts"]
        fresh = cuts == NEW
        if fresh.any():
            place = np.searchsorted(ids, who[fresh])
            ids, most = np.insert(ids, place, who[fresh]), np.insert(most, place, 0)
            starts = np.insert(starts, place, starts[place])
        at = np.searchsorted(ids, who)
        stops, tails, ends = starts[1:].copy(), np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
        stops[at[~fresh]] = cuts[~fresh]
        tails[at], ends[at] = gap + self.tail["starts"][:-1], gap + self.tail["starts"][1:]
        most = np.array(most)
        most[at] = self.tail["busiest"]
        there = (stops > starts[:-1]) | (ends > tails)
        if not there.all():
            ids, most, starts = ids[there], most[there], np.append(starts[:-1][there], starts[-1])
            stops, tails, ends = stops[there], tails[there], ends[there]
        return ids, starts, Later(stops, tails, ends), most


@dataclass(frozen=True)
class Moving:
    """Steps that leave the base for a tail, or, all of them, for a new base.

    Attributes:
        customers: (k,) whose, ascending.
        known: (k,) who is in the base.
        place: (k,) where there.
        begins: (k,) the base's first row of each; nothing for new ones.
        cuts: (k,) from which row of the base on they move.
        stops: (k,) the row after the last that has not moved yet.
        lows: (k,) first row in the tail there is.
        highs: (k,) row after the last in it.
    """

    customers: Whole
    known: Truths
    place: Whole
    begins: Whole
    cuts: Whole
    stops: Whole
    lows: Whole
    highs: Whole

    @property
    def rows(self) -> int:
        """How many steps move."""
        return int((self.stops - self.cuts).sum() + (self.highs - self.lows).sum())


def moving(both: Both, touched: Whole, since: Whole, differs: Whole | None = None) -> Moving:
    """What moves when some customers change: what has moved before, and their steps from the change on.

    Args:
        both: What there is.
        touched: (t,) customers who change, ascending.
        since: (t,) steps up to this moment stay, `NEVER` for all.
        differs: (c,) of each customer of the base the row from which on all must move; -1 for none.
    """
    base, tail = both.base, both.tail
    ids = touched if tail is None else united(tail["customers"], touched)
    if differs is not None:
        ids = united(ids, base["customers"][differs >= 0])
    place, known = places(base["customers"], ids)
    begins = np.where(known, base["starts"][place], 0)
    stops = np.where(known, base["starts"][np.minimum(place + 1, len(base["starts"]) - 1)], 0)
    lows, highs = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    if tail is not None:
        at = np.searchsorted(ids, tail["customers"])
        lows[at], highs[at] = tail["starts"][:-1], tail["starts"][1:]
        stops[at] = np.where(tail["cuts"] == NEW, stops[at], tail["cuts"])
    bound = np.full(len(ids), NEVER)
    bound[np.searchsorted(ids, touched)] = since
    cuts = np.empty(len(ids), np.int64)
    _cut(begins, stops, bound, base["times"], cuts)
    if differs is not None:
        first = np.where(known, differs[place], -1)
        cuts = np.where((first >= 0) & (first < cuts), first, cuts)
    return Moving(ids, known, place, begins, cuts, stops, lows, highs)


def everything(both: Both, touched: Whole) -> Moving:
    """All of both, and of customers who are new, to become one base."""
    every = united(both.base["customers"], touched)
    return moving(both, every, np.full(len(every), EVER))


def moved(both: Both, what: Moving) -> Columns:
    """The steps that move, closed up: customers (k,), starts (k + 1,), and columns of steps."""
    starts = np.append(0, np.cumsum(what.stops - what.cuts + what.highs - what.lows))
    found: Columns = {"customers": what.customers, "starts": starts}
    for name, column in both.base.items():
        if name in OF_CUSTOMERS:
            continue
        out = np.empty(int(starts[-1]), column.dtype)
        kind, move = {1: (np.uint8, _move_1), 2: (np.uint16, _move_2), 8: (np.int64, _move_8)}[column.dtype.itemsize]
        more = column[:0] if both.tail is None else both.tail[name]
        given = (what.cuts, what.stops, what.lows, what.highs, starts)
        move(*given, column.view(kind), more.view(kind), out.view(kind))
        found[name] = out
    return found


def busiest_after(
    both: Both, what: Moving, columns: Columns, touched: Whole, since: Whole, *, less: Truths
) -> NDArray[np.int32]:
    """The most steps in any 24 hours of customers whose steps moved, looked at again of those who changed.

    Args:
        both: What there was.
        what: What moved.
        columns: What became of that: customers, starts, times.
        touched: (t,) who changed, ascending.
        since: (t,) when the earliest change was.
        less: (t,) whether steps were taken from them, so that it may have become fewer.
    """
    found = np.where(what.known, both.base["busiest"][what.place], 0).astype(np.int32)
    if both.tail is not None:
        found[np.searchsorted(what.customers, both.tail["customers"])] = both.tail["busiest"]
    at = np.searchsorted(columns["customers"], touched)
    floor = np.where(less, 0, found[at]).astype(np.int32)
    bound = np.where(less, EVER, np.maximum(since, EVER + DAY) - DAY)
    now = np.zeros(len(touched), np.int32)
    _busiest(what.begins[at], what.cuts[at], both.base["times"], columns["starts"][at], columns["starts"][at + 1],
             columns["times"], bound, floor, now)  # fmt: skip
    found[at] = now
    return found


def differing(both: Both, name: str, spells: Spells | None, *, now: bool) -> Whole:
    """Per customer of the base, the first row whose label is another than the spells say; -1 for none.

    Args:
        both: What there is.
        name: Of the dimension.
        spells: What labels customers have; None where nothing is known of anybody.
        now: The last label of a customer holds for all steps.
    """
    base = both.base
    found = np.full(len(base["customers"]), -1, np.int64)
    stops = np.array(base["starts"][1:])
    if both.tail is not None:
        at, known = places(base["customers"], both.tail["customers"])
        stops[at[known]] = both.tail["cuts"][known]
    ids, edges = whose(spells.customers) if spells is not None else (np.zeros(0, np.int64), np.zeros(1, np.int64))
    at, known = places(ids, base["customers"])
    none, codes = np.zeros(0, np.int64), np.zeros(0, np.uint16)
    own: Codes = base.get(f"own.{name}", codes)
    first, last = (edges[at], edges[np.minimum(at + 1, len(edges) - 1)])
    given = (none, codes) if spells is None else (spells.since, spells.codes)
    _differ(base["starts"], stops, base["times"], first, last, known, *given, now, own, base[f"label.{name}"], found)
    return found


@compiled("r:i8", "r:i8", "r:i8", "r:i8", "w:i8")
def _cut(begins, stops, bound, times, cuts):
    """Per customer the row after the last that stays: those up to a moment do."""
    for j in range(len(begins)):
        low, high = begins[j], stops[j]
        if high == low or times[high - 1] <= bound[j]:
            low = high  # as most: what is new came after all there was
        while low < high:
            middle = (low + high) // 2
            if times[middle] <= bound[j]:
                low = middle + 1
            else:
                high = middle
        cuts[j] = low


def _move(cuts, stops, lows, highs, starts, base, tail, out):
    """Of each customer, the base's rows that move, then the tail's."""
    for j in range(len(cuts)):
        at = starts[j]
        for i in range(cuts[j], stops[j]):
            out[at] = base[i]
            at += 1
        for i in range(lows[j], highs[j]):
            out[at] = tail[i]
            at += 1


_move_1 = compiled("r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:u1", "r:u1", "w:u1")(_move)
_move_2 = compiled("r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:u2", "r:u2", "w:u2")(_move)
_move_8 = compiled("r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "w:i8")(_move)


@compiled()
def _time(base, first, length, tail, begin, k):
    """The time of a customer's k-th step."""
    return base[first + k] if k < length else tail[begin + k - length]


@compiled("r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:i4", "w:i4")
def _busiest(begins, cuts, base, lows, highs, tail, since, floor, found):
    """The widest window of a day that ends after a moment, or what is known of the others."""
    for j in range(len(begins)):
        first, length, begin = begins[j], cuts[j] - begins[j], lows[j]
        n, most = length + highs[j] - lows[j], int(floor[j])
        if length == 0 or base[cuts[j] - 1] <= since[j]:  # as most: all within a day of what is new lies in the tail
            low = begin
            for k in range(begin, highs[j]):
                while tail[k] - tail[low] >= 86_400_000_000:
                    low += 1
                most = max(most, k - low + 1)
            found[j] = most
            continue
        low, high, back = n, n, 64  # looked for from the end: it is near there
        while low > 0 and _time(base, first, length, tail, begin, low - 1) > since[j]:
            high, low, back = low, max(low - back, 0), 2 * back
        while low < high:
            middle = (low + high) // 2
            if _time(base, first, length, tail, begin, middle) <= since[j]:
                low = middle + 1
            else:
                high = middle
        for k in range(low, n):
            t = _time(base, first, length, tail, begin, k)
            while t - _time(base, first, length, tail, begin, low) >= 86_400_000_000:
                low += 1
            most = max(most, k - low + 1)
        found[j] = most


@compiled("r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "r:b1", "r:i8", "r:u2", "b1", "r:u2", "r:u2", "w:i8")
def _differ(starts, stops, times, first, last, known, since, codes, now, own, label, found):
    """Walk steps and spells side by side, up to the first step whose label is another."""
    for c in range(len(stops)):
        s = first[c]
        if known[c] and now:
            s = last[c] - 1
        for i in range(starts[c], stops[c]):
            while known[c] and not now and s + 1 < last[c] and since[s + 1] <= times[i]:
                s += 1
            is_ = codes[s] if known[c] else np.uint16(0)
            if len(own) and own[i] != 0:
                is_ = own[i]
            if label[i] != is_:
                found[c] = i
                break
