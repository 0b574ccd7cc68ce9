"""What directly follows what: every move from one step to the next, and the lines they make, in one or two periods."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.journey.portions import portion
from regard.statistics.choices import EXACT, Compared, compare, shares
from regard.statistics.estimates import Estimate, refusal
from regard.steps.columns import EVERYTHING, NEVER, Selection, Steps, codes_of, end_of
from regard.steps.within import rows_within

if TYPE_CHECKING:
    from collections.abc import Sequence

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
BEGIN, END = -1, -2
"""Stand for the beginning and the end of a journey beside the codes of steps."""
SECOND = 1_000_000
TOO_RECENT = refusal("The log ends before the time after each of them is over.", n=0)


@dataclass(frozen=True, kw_only=True)
class Journeys:
    """What counts as one journey.

    Attributes:
        start: Names it starts with; empty where a customer's first step does.
        within: Microseconds from a start that are followed; without a start, the longest pause within a journey.
        one_in: Only one of so many customers, told by their id; for logs too long to look at every move.
    """

    start: tuple[str, ...] = ()
    within: int | None = None
    one_in: int = 1


@dataclass(frozen=True, kw_only=True)
class Moves:
    """Every move, a row.

    Attributes:
        who: (n,) customer.
        source: (n,) code of the step before, or `BEGIN`.
        target: (n,) code of the step after, or `END`.
        at: (n,) microseconds UTC of the step before; of the first step where it begins.
        seconds: (n,) between the two; NaN at beginning and end.
        failed: (n,) whether an error was met at the step after.
        recent: (n,) whether the log ends before the time after the step before is over. Shares leave them out: of the
            recent, moves on are known and ends are not. False at beginnings, and where time has no bound.
        ties: Moves between steps of equal time: their order is the log's.
        journeys: Journeys.
        open: Journeys that may yet go on: the log ends before their time is over.
    """

    who: Whole
    source: Whole
    target: Whole
    at: Whole
    seconds: Floats
    failed: Truths
    recent: Truths
    ties: int
    journeys: int
    open: int

    def only(self, which: Truths) -> Moves:
        """Some of the moves; what is counted of the whole stays."""
        return Moves(
            who=self.who[which], source=self.source[which], target=self.target[which], at=self.at[which],
            seconds=self.seconds[which], failed=self.failed[which], recent=self.recent[which], ties=self.ties,
            journeys=self.journeys, open=self.open,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Line:
    """All moves from one step to another.

    Attributes:
        source: Code of the step before, or `BEGIN`.
        target: Code of the step after, or `END`.
        times: How often.
        customers: Different customers.
        share: Of those who stood at the step before, each a voice of one, the share that went this way.
        median: Median seconds; NaN at beginning and end.
        slow: Seconds within which nine of ten are done.
        errors: Share of the moves that met an error at the step after.
    """

    source: int
    target: int
    times: int
    customers: int
    share: Estimate
    median: float
    slow: float
    errors: float


def moves(steps: Sequence[Steps], about: Journeys, *, selection: Selection = EVERYTHING) -> Moves:
    """All moves of a log.

    Args:
        steps: Slices of one log.
        about: What counts as one journey.
        selection: Which steps; a move counts where both its steps are looked at.
    """
    names = steps[0].names if steps else ()
    entry = codes_of(names, about.start) if about.start else None
    end = end_of(steps, selection)
    chosen = _only_some(steps, about.one_in, selection)
    rows = rows_within(steps, selection=chosen)
    parts = [_of_slice(each, *mine, about, entry, end) for each, mine in zip(steps, rows, strict=True)]
    columns = ("who", "source", "target", "at", "seconds", "failed", "recent")
    empty = {"seconds": np.zeros(0), "failed": np.zeros(0, np.bool_), "recent": np.zeros(0, np.bool_)}
    found = {
        name: np.concatenate([empty.get(name, np.zeros(0, np.int64)), *(getattr(p, name) for p in parts)])
        for name in columns
    }
    ties, journeys, still = (sum(getattr(p, name) for p in parts) for name in ("ties", "journeys", "open"))
    return Moves(**found, ties=ties, journeys=journeys, open=still)


def _only_some(steps: Sequence[Steps], one_in: int, selection: Selection) -> Selection:
    """The same of one in so many customers."""
    if one_in <= 1:
        return selection
    masks = []
    for number, each in enumerate(steps):
        mask = portion(each.customers, one_in)
        masks.append(mask if selection.customers is None else mask & selection.customers[number])
    return replace(selection, customers=masks)


def _of_slice(  # noqa: PLR0917  one slice's share of what `moves` was given
    each: Steps, rows: Whole, owner: Whole, about: Journeys, entry: Truths | None, end: int
) -> Moves:
    time, code, bad = each.times[rows], each.codes[rows].astype(np.int64), each.failed[rows]
    fresh = np.ones(len(owner), np.bool_)
    fresh[1:] = owner[1:] != owner[:-1]
    within, bounded = NEVER if about.within is None else about.within, about.within is not None
    begun = np.maximum.accumulate(np.where(fresh, np.arange(len(owner)), 0)) if len(owner) else owner
    if entry is None:
        fresh[1:] |= time[1:] - time[:-1] > within
        return _moves(each.customers[owner], time, code, bad, fresh, time > end - within, bounded=bounded)
    last = np.maximum.accumulate(np.where(entry[code], np.arange(len(code)), -1)) if len(code) else owner
    inside = last >= begun
    inside[inside] &= time[inside] - time[last[inside]] <= within
    before = np.concatenate([[False], inside[:-1]])
    starts = (fresh | ~before)[inside]
    still = time[np.maximum(last, 0)][inside] > end - within
    return _moves(
        each.customers[owner][inside], time[inside], code[inside], bad[inside], starts, still, bounded=bounded
    )


def _moves(  # noqa: PLR0917  columns of steps
    who: Whole, time: Whole, code: Whole, bad: Truths, fresh: Truths, still: Truths, *, bounded: bool
) -> Moves:
    """Moves within journeys, and their beginnings and ends; `still`: the journey's time may not be over."""
    on = np.flatnonzero(~fresh)
    ends = np.flatnonzero(np.append(fresh[1:], np.True_)) if len(who) else on
    over = ends[~still[ends]]
    first = np.flatnonzero(fresh)
    none, known = np.full(len(first) + len(over), np.nan), np.zeros(len(first) + len(over), np.bool_)
    gap = (time[on] - time[on - 1]) / SECOND
    return Moves(
        who=np.concatenate([who[on], who[first], who[over]]),
        source=np.concatenate([code[on - 1], np.full(len(first), BEGIN), code[over]]),
        target=np.concatenate([code[on], code[first], np.full(len(over), END)]),
        at=np.concatenate([time[on - 1], time[first], time[over]]),
        seconds=np.concatenate([gap, none]),
        failed=np.concatenate([bad[on], bad[first], np.zeros(len(over), np.bool_)]),
        recent=np.concatenate([still[on - 1] & bounded, known]), ties=int((gap == 0).sum()), journeys=len(first),
        open=len(ends) - len(over),
    )  # fmt: skip


def lines_of(found: Moves) -> tuple[Line, ...]:
    """The lines that moves make, the most frequent first."""
    if not len(found.who):
        return ()
    wide = int(max(found.source.max(), found.target.max())) + 3
    key, place = np.unique((found.source + 2) * wide + found.target + 2, return_inverse=True)
    place = place.reshape(-1)
    times = np.bincount(place)
    person = np.unique(found.who, return_inverse=True)[1].reshape(-1)
    customers = np.bincount(np.unique(person * len(key) + place) % len(key), minlength=len(key))
    errors = np.bincount(place, found.failed) / times
    middle, slow = _quantiles(place, found.seconds, len(key))
    over = ~found.recent
    voice = {(s.place, s.way): s.share for s in shares(found.who[over], found.source[over], found.target[over])}
    made = [
        Line(
            source=int(k // wide - 2), target=int(k % wide - 2), times=int(times[i]), customers=int(customers[i]),
            share=voice.get((int(k // wide - 2), int(k % wide - 2)), TOO_RECENT), median=float(middle[i]),
            slow=float(slow[i]), errors=float(errors[i]),
        )
        for i, k in enumerate(key)
    ]  # fmt: skip
    return tuple(sorted(made, key=lambda x: (-x.times, x.source, x.target)))


def _quantiles(place: Whole, values: Floats, size: int) -> tuple[Floats, Floats]:
    """Median and ninth tenth of values by place; NaN where none is known."""
    known = np.isfinite(values)
    place, values = place[known], values[known]
    order = np.lexsort((values, place))
    values = values[order]
    n = np.bincount(place, minlength=size)
    first = np.cumsum(n) - n
    found = []
    for level in (0.5, 0.9):
        at = first + level * np.maximum(n - 1, 0)
        low, high = (np.minimum(f(at).astype(np.int64), max(len(values) - 1, 0)) for f in (np.floor, np.ceil))
        part = at - np.floor(at)
        value = values[low] * (1 - part) + values[high] * part if len(values) else np.zeros(size)
        found.append(np.where(n > 0, value, np.nan))
    return found[0], found[1]


def changed(found: Moves, now: Truths, *, seed: int = 0, exact: int = EXACT) -> Compared:
    """Where customers went on, in two periods or groups.

    Args:
        found: The moves.
        now: (n,) whether a move is of the second.
        seed: Seed of the permutations.
        exact: Most people whose labels are permuted, as of `compare`.
    """
    over = ~found.recent
    return compare(found.who[over], found.source[over], found.target[over], now[over], seed=seed, exact=exact)


def covering(lines: Sequence[Line], share: float) -> tuple[Line, ...]:
    """The most frequent lines that together cover a share of all moves."""
    total, reached, kept = sum(line.times for line in lines), 0, []
    for line in lines:
        if reached >= share * total - 1e-9:
            break
        kept.append(line)
        reached += line.times
    return tuple(kept)
