"""Steps put together: new ones woven into those there are, some taken out, labels as they were then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import Codes, Truths, Whole
from regard.steps.compiled import compiled

if TYPE_CHECKING:
    from collections.abc import Sequence

DAY = 86_400_000_000


@dataclass(frozen=True)
class Spells:
    """What labels customers had, from when on, ordered by customer and moment.

    Attributes:
        customers: (s,) whose.
        since: (s,) from when on, microseconds UTC; the first spell of a customer holds for all time before, too.
        codes: (s,) the label's code.
    """

    customers: Whole
    since: Whole
    codes: Codes


def whose(customer: Whole) -> tuple[Whole, Whole]:
    """The different customers of rows ordered by customer, and where each one's rows begin."""
    edges = np.flatnonzero(np.append(True, customer[1:] != customer[:-1])) if len(customer) else np.zeros(0, np.int64)
    return customer[edges], np.append(edges, len(customer))


def places(ids: Whole, wanted: Whole) -> tuple[Whole, Truths]:
    """Where ids are among ascending ones, and whether they are."""
    if not len(ids):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    at = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
    return at, ids[at] == wanted


def united(ids: Whole, more: Whole) -> Whole:
    """Two lots of ascending ids as one."""
    every = np.sort(np.concatenate([ids, more]), kind="stable")
    return every[np.append(True, every[1:] != every[:-1])] if len(every) else every


def before(customers: Whole, starts: Whole, times: Whole, customer: Whole, time: Whole) -> Whole:
    """How many of the steps there are come before each new one; of equal time, those there are come first.

    Args:
        customers: (c,) ids, ascending.
        starts: (c + 1,) where their steps begin.
        times: (n,) their times.
        customer: (m,) whose the new ones are, ascending.
        time: (m,) when, ascending within a customer.
    """
    found = np.empty(len(customer), np.int64)
    _before(starts, times, *places(customers, customer), time, found)
    return found


def woven(there: NDArray[Any], place: Whole, new: NDArray[Any]) -> NDArray[Any]:
    """A column with new values put in before the places given, which ascend."""
    out = np.empty(len(there) + len(new), there.dtype)
    size = there.dtype.itemsize
    kind, weave = {1: (np.uint8, _weave_1), 2: (np.uint16, _weave_2), 8: (np.int64, _weave_8)}[size]
    weave(there.view(kind), place, np.ascontiguousarray(new, there.dtype).view(kind), out.view(kind))
    return out


def without(
    customers: Whole, starts: Whole, times: Whole, codes: Codes, gone: tuple[Whole, Whole, Codes]
) -> Truths | None:
    """Which steps stay when some are taken out; None where one of those is not there.

    Args:
        customers: (c,) ids.
        starts: (c + 1,) where their steps begin.
        times: (n,) their times.
        codes: (n,) their names.
        gone: Customer, time and code of each step to take out; each takes one out.
    """
    stay = np.ones(len(times), np.bool_)
    found = np.isin(gone[0], customers).all()
    if not found or not _without(starts, times, codes, np.searchsorted(customers, gone[0]), gone[1], gone[2], stay):
        return None
    return stay


def busiest(starts: Whole, times: Whole, which: Whole) -> NDArray[np.int32]:
    """The most steps some customers, by their place, did in any 24 hours."""
    found = np.zeros(len(which), np.int32)
    _busiest(starts, times, which, found)
    return found


def as_then(customers: Whole, starts: Whole, times: Whole, spells: Spells, *, now: bool, own: Codes | None) -> Codes:
    """The label of each step: its own where it has one, else its customer's as it was then, or is now.

    Args:
        customers: (c,) ids.
        starts: (c + 1,) where their steps begin.
        times: (n,) their times.
        spells: What labels customers had.
        now: The last label of a customer holds for all steps.
        own: (n,) labels of the steps themselves, 0 for none.
    """
    found = np.zeros(len(times), np.uint16) if own is None else np.array(own, np.uint16)
    ids, edges = whose(spells.customers)
    at = np.minimum(np.searchsorted(ids, customers), max(len(ids) - 1, 0))
    known = ids[at] == customers if len(ids) else np.zeros(len(customers), np.bool_)
    if len(ids):
        _as_then(starts, times, edges[at], edges[at + 1], known, spells.since, spells.codes, now, found)
    return found


@compiled("r:i8", "r:i8", "r:i8", "r:b1", "r:i8", "w:i8")
def _before(starts, times, place, known, time, found):
    """A search within each new step's customer."""
    for j in range(len(time)):
        low = starts[place[j]]
        high = starts[place[j] + 1] if known[j] else low
        if high > low and times[high - 1] <= time[j]:
            low = high  # as most new steps are: after all there were
        while low < high:
            middle = (low + high) // 2
            if times[middle] <= time[j]:
                low = middle + 1
            else:
                high = middle
        found[j] = low


def _weave(there, place, new, out):
    """Stretches of what is there, with the new values between."""
    done = 0
    for j in range(len(place)):
        for i in range(done, place[j]):
            out[i + j] = there[i]
        done = place[j]
        out[done + j] = new[j]
    for i in range(done, len(there)):
        out[i + len(place)] = there[i]


_weave_1 = compiled("r:u1", "r:i8", "r:u1", "w:u1")(_weave)
_weave_2 = compiled("r:u2", "r:i8", "r:u2", "w:u2")(_weave)
_weave_8 = compiled("r:i8", "r:i8", "r:i8", "w:i8")(_weave)


@compiled("r:i8", "r:i8", "r:u2", "r:i8", "r:i8", "r:u2", "w:b1")
def _without(starts, times, codes, place, time, code, stay):
    """Take out, for each, the first such step that is still there; false where there is none."""
    for j in range(len(time)):
        low, high = starts[place[j]], starts[place[j] + 1]
        while low < high:
            middle = (low + high) // 2
            if times[middle] < time[j]:
                low = middle + 1
            else:
                high = middle
        end = starts[place[j] + 1]
        while low < end and times[low] == time[j] and not (codes[low] == code[j] and stay[low]):
            low += 1
        if low == end or times[low] != time[j]:
            return False
        stay[low] = False
    return True


@compiled("r:i8", "r:i8", "r:i8", "w:i4")
def _busiest(starts, times, which, found):
    """The widest window of a day."""
    for k in range(len(which)):
        c = which[k]
        low = starts[c]
        most = 0
        for i in range(starts[c], starts[c + 1]):
            while times[i] - times[low] >= 86_400_000_000:
                low += 1
            most = max(most, i - low + 1)
        found[k] = most


@compiled("r:i8", "r:i8", "r:i8", "r:i8", "r:b1", "r:i8", "r:u2", "b1", "w:u2")
def _as_then(starts, times, first, last, known, since, codes, now, found):
    """Walk steps and spells side by side."""
    for c in range(len(starts) - 1):
        if not known[c]:
            continue
        s = last[c] - 1 if now else first[c]
        for i in range(starts[c], starts[c + 1]):
            while not now and s + 1 < last[c] and since[s + 1] <= times[i]:
                s += 1
            if found[i] == 0:
                found[i] = codes[s]


def ordered(keys: Sequence[Whole]) -> Whole | None:
    """The order that sorts rows by customer, time and position; None where they are in it."""
    customer, time, position = keys
    same = customer[1:] == customer[:-1]
    tied = same & (time[1:] == time[:-1])
    right = (customer[1:] > customer[:-1]) | (same & (time[1:] > time[:-1])) | (tied & (position[1:] > position[:-1]))
    return None if right.all() else np.lexsort((position, time, customer))
