"""Journeys one by one: where each begins and ends, which whole way it took, and whether it was over.

Steps of equal time stand in the order of their names: the log's order says nothing of what came first, and would make
ways of one journey.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import EVERYTHING, NEVER, Selection, Steps, Truths, Whole, codes_of, end_of
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import NONE, Piece, each_piece, pieces
from regard.steps.scanning import beside, reach

if TYPE_CHECKING:
    from collections.abc import Sequence

Keys = NDArray[np.uint64]
SEED, MIXER = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9


@dataclass(frozen=True, kw_only=True)
class Course:
    """What is one journey.

    Attributes:
        start: Names it begins with; empty where it begins with a customer's first step after a pause.
        target: Names it ends with; empty where it ends when its time is over.
        within: Microseconds: with a start how long it is followed from there, without one the pause that ends it. No
            bound where None.
    """

    start: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    within: int | None = None


@dataclass(frozen=True, kw_only=True)
class Journeys:
    """Journeys that begin in the selection's time, one an entry.

    Attributes:
        customers: (j,) whose.
        keys: (j,) sixty-four bits of its steps in order, immediate repeats as one: alike where the way is.
        part: (j,) number of the slice.
        begins: (j,) row of its first step in the slice.
        lasts: (j,) row of its last step.
        length: (j,) steps, immediate repeats as one.
        began: (j,) microseconds UTC of the first step.
        seconds: (j,) from the first step to the last.
        failed: (j,) whether an error was met on the way.
        arrived: (j,) whether it ended with a step asked for.
        open: (j,) whether it may yet go on: the log ends before its time is over.
    """

    customers: Whole
    keys: Keys
    part: Whole
    begins: Whole
    lasts: Whole
    length: Whole
    began: Whole
    seconds: NDArray[np.float64]
    failed: Truths
    arrived: Truths
    open: Truths

    def __len__(self) -> int:
        return len(self.customers)

    def only(self, which: NDArray[Any]) -> Journeys:
        """Some of them."""
        return Journeys(**{name: getattr(self, name)[which] for name in Journeys.__dataclass_fields__})


def journeys(steps: Sequence[Steps], course: Course, *, selection: Selection = EVERYTHING) -> Journeys:
    """Every journey that begins in the selection's time; its other steps may lie after it.

    With a start, a journey begins with it where none runs, and takes what follows in time; with a target it is over
    there. Without a start it begins with any step after a pause (or after a target).

    Args:
        steps: Slices of one log.
        course: What is one journey.
        selection: Which steps; its time is that of the first.
    """
    names = steps[0].names if steps else ()
    entry = codes_of(names, course.start) if course.start else NONE
    target = codes_of(names, course.target) if course.target else NONE
    bound, end = NEVER if course.within is None else course.within, end_of(steps, selection)
    cut = pieces(steps, selection)

    def work(piece: Piece) -> tuple[NDArray[Any], ...]:
        room = piece.room
        whole = [np.empty(room, np.int64) for _ in range(4)]
        truths = [np.empty(room, np.bool_) for _ in range(3)]
        keys = np.empty(room, np.uint64)
        codes, failed, rows = untied(piece.steps, piece.rows)
        read = (*piece.steps.parts, piece.steps.times, codes, piece.customers, rows, failed)
        n = _cut(*read, entry, target, bound, selection.since, selection.until, end, piece.first, piece.last, keys,
                 *whole, *truths)  # fmt: skip
        owner, begins, lasts, length = (w[:n] for w in whole)
        began = piece.steps.times[begins]
        seconds = (piece.steps.times[lasts] - began) / 1e6
        return (piece.steps.customers[owner], keys[:n].copy(), np.full(n, piece.slice), begins.copy(), lasts.copy(),
                length.copy(), began, seconds, *(t[:n].copy() for t in truths))  # fmt: skip

    found = each_piece(work, cut)
    kinds: dict[str, Any] = {"keys": np.uint64, "seconds": float, "failed": bool, "arrived": bool, "open": bool}
    columns: dict[str, Any] = {
        name: np.concatenate([np.zeros(0, kinds.get(name, np.int64)), *(f[k] for f in found)])
        for k, name in enumerate(Journeys.__dataclass_fields__)
    }
    return Journeys(**columns)


def untied(steps: Steps, rows: Truths = NONE) -> tuple[NDArray[np.uint16], Truths, Truths]:
    """Codes, errors and a mask of steps with those of equal time in the order of their names.

    Args:
        steps: One slice.
        rows: (r,) mask of its rows, or none.
    """
    same = np.zeros(len(steps.times), np.bool_)
    same[1:] = steps.times[1:] == steps.times[:-1]
    for edges in steps.parts:  # no two steps of equal time lie in different parts
        same[edges[edges < len(same)]] = False
    if not same.any():
        return steps.codes, steps.failed, rows
    tied = same.copy()
    tied[:-1] |= same[1:]
    at = np.flatnonzero(tied)
    rank = np.argsort(np.argsort(np.array(steps.names)))
    source = at[np.lexsort((rank[steps.codes[at]], np.cumsum(~same[at])))]
    codes, failed = steps.codes.copy(), steps.failed.copy()
    codes[at], failed[at] = steps.codes[source], steps.failed[source]
    if len(rows):
        kept, rows = rows, rows.copy()
        rows[at] = kept[source]
    return codes, failed, rows


def key_of(codes: Sequence[int]) -> int:
    """The sixty-four bits of a way."""
    key = SEED
    for code in codes:
        key = ((key ^ (code + 1)) * MIXER) & 0xFFFFFFFFFFFFFFFF
        key ^= key >> 31
    return key


def steps_of(
    steps: Sequence[Steps], found: Journeys, some: Sequence[int], *, selection: Selection = EVERYTHING
) -> list[tuple[int, ...]]:
    """What some journeys did, as codes.

    Args:
        steps: Slices of one log.
        found: Journeys of it.
        some: Which.
        selection: As the journeys were made with.
    """
    made: dict[int, tuple[int, ...]] = {}
    for part, each in enumerate(steps):
        mine = [one for one in some if found.part[one] == part]
        if not mine:
            continue
        codes, _, rows = untied(each, NONE if selection.rows is None else selection.rows[part])
        for one in mine:
            own = _rows(each, int(found.begins[one]), int(found.lasts[one]))
            kept = codes[own][rows[own]] if len(rows) else codes[own]
            fresh = np.append(np.True_, kept[1:] != kept[:-1])
            made[one] = tuple(kept[fresh].tolist())
    return [made[one] for one in some]


def errors_along(
    steps: Sequence[Steps], found: Journeys, way: Whole, shape: tuple[int, int], *, selection: Selection = EVERYTHING
) -> Whole:
    """How many journeys of each way met an error at each of its steps, shape (ways, most steps).

    Args:
        steps: Slices of one log.
        found: Journeys of it.
        way: (j,) number of each one's way; below 0 for none that is counted.
        shape: Ways, and the steps of the longest that are counted.
        selection: As the journeys were made with.
    """
    total = np.zeros(shape, np.int64)
    for part, each in enumerate(steps):
        mine = np.flatnonzero((found.part == part) & (way >= 0))
        codes, failed, rows = untied(each, NONE if selection.rows is None else selection.rows[part])
        begins, none = found.begins[mine], np.full(len(mine), -1, np.int64)
        whose = each.owners(begins) if each.later is not None else none
        stops, tails = (none, none) if each.later is None else (each.later.stops[whose], each.later.tails[whose])
        _met(codes, failed, rows, begins, found.lasts[mine], stops, tails, way[mine].astype(np.int64), total)
    return total


def _rows(steps: Steps, first: int, last: int) -> Whole:
    """The rows of a customer's steps from one to another."""
    if steps.later is None:
        return np.arange(first, last + 1)
    rows = steps.rows_of(int(steps.owners(np.array([first]))[0]))
    return rows[(rows >= first) & (rows <= last)]


@compiled()
def _mixed(key, code):
    """The bits of a way with one more step."""
    key = (key ^ np.uint64(code + 1)) * np.uint64(0xBF58476D1CE4E5B9)
    return key ^ (key >> np.uint64(31))


@compiled(
    *READ, "r:b1", "r:b1", "r:b1", "i8", "i8", "i8", "i8", "i8", "i8",
    "w:u8", "w:i8", "w:i8", "w:i8", "w:i8", "w:b1", "w:b1", "w:b1",
)  # fmt: skip
def _cut(
    starts, stops, tails, ends, times, codes, keep, rows, failed, entry, target, within, since, until, end, first, last,
    keys, owner, begins, lasts, length, bad, arrived, still,
):  # fmt: skip
    """Journeys of some customers; how many there are."""
    n = 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        running, counted, key, begun, then, before = False, False, np.uint64(0), np.int64(0), np.int64(0), np.int64(-1)
        following, final, gap, tail = reach(starts, stops, tails, ends, c)
        while following < final:
            i, following = following, beside(following, 1, gap, tail)
            if len(rows) and not rows[i]:
                continue
            t, code = times[i], np.int64(codes[i])
            if running and t - (begun if len(entry) else then) > within:
                n += counted
                running = False
            fresh = not running
            if fresh:
                if len(entry) and not entry[code]:
                    continue
                if t >= until:
                    break
                running, begun, before, counted = True, t, np.int64(-1), t >= since
                key = np.uint64(0x9E3779B97F4A7C15)
                if counted:
                    owner[n], begins[n], length[n], bad[n], arrived[n] = c, i, 0, False, False
            if code != before:
                key = _mixed(key, code)
                if counted:
                    length[n] += 1
            before, then = code, t
            if counted:
                keys[n], lasts[n], still[n] = key, i, end - (begun if len(entry) else t) <= within
                bad[n] |= failed[i]
            if len(target) and target[code] and not (fresh and len(entry)):
                if counted:
                    arrived[n], still[n] = True, False
                n += counted
                running = False
        n += running and counted
    return n


@compiled("r:u2", "r:b1", "r:b1", "r:i8", "r:i8", "r:i8", "r:i8", "r:i8", "w2:i8")
def _met(codes, failed, rows, begins, lasts, stops, tails, way, total):
    """Add up the errors at each step of the journeys' ways."""
    for j in range(len(begins)):
        place, before, met = -1, np.int64(-1), False
        for part in range(2):
            split = begins[j] < stops[j] <= lasts[j]  # it goes over from the first part of its customer's steps
            low, high = (tails[j], lasts[j] + 1) if part else (begins[j], stops[j] if split else lasts[j] + 1)
            for i in range(low, high if part == 0 or split else low):
                if len(rows) and not rows[i]:
                    continue
                code = np.int64(codes[i])
                if code != before:
                    place += 1
                    met = False
                before = code
                if failed[i] and not met and place < total.shape[1]:
                    total[way[j], place] += 1
                    met = True
