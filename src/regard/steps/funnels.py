"""Who goes through named stages in order, within a time, and how far the others get."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import BadInput
from regard.steps.columns import EVERYTHING, NEVER, Selection, Steps, Whole, codes_of, end_of
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Floats = NDArray[np.float64]
MOST_STAGES = 62
SECOND = 1_000_000
GATHERED = 1024
"""Steps of a customer looked through at once."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of a funnel.

    Attributes:
        names: Any of these steps is the stage.
        optional: Customers go on without it, too; how many did it on the way is counted.
    """

    names: tuple[str, ...]
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """Customers by stage. A customer counts once per stage, however often they tried.

    Attributes:
        stages: The stages.
        reached: (k,) customers who did the stages up to this one in order, within the time since the first.
        still_open: (k,) of those who go no further, how many might yet: their time was not over at the end of the log.
        median: (k,) seconds from the first stage to this one, of those who reached it; NaN where nobody did.
        values: Labels at the first stage of the try that went furthest, where asked for.
        by_value: (values, k) reached, by label.
        customers: Per slice, their ids.
        furthest: Per slice, (c,) the last stage reached without optional ones skipped counted; -1 for none.
        taken: Per slice, (k, c) microseconds from the first stage to each one reached; -1 where it was not.
        entries: Per slice, (c,) row of the first stage of the try that went furthest; -1 for none.
        latest: Per slice, (c,) when each customer last began; -1 for never.
    """

    stages: tuple[Stage, ...]
    reached: Whole
    still_open: Whole
    median: Floats
    values: tuple[str, ...]
    by_value: Whole
    customers: tuple[Whole, ...] = field(repr=False)
    furthest: tuple[NDArray[np.int8], ...] = field(repr=False)
    taken: tuple[Whole, ...] = field(repr=False)
    entries: tuple[Whole, ...] = field(repr=False)
    latest: tuple[Whole, ...] = field(repr=False)

    def behind(self, stage: int) -> Whole:
        """The customers who reached a stage."""
        return np.concatenate([c[t[stage] >= 0] for c, t in zip(self.customers, self.taken, strict=True)])

    def ended(self, stage: int) -> Whole:
        """The customers who reached a stage and none after it."""
        return np.concatenate([c[f == stage] for c, f in zip(self.customers, self.furthest, strict=True)])


def funnel(
    steps: Sequence[Steps],
    stages: Sequence[Stage],
    *,
    within: int | None = None,
    by: str = "",
    selection: Selection = EVERYTHING,
) -> Funnel:
    """How far customers go through stages in order.

    A stage is reached where some steps, one a stage and in this order, begin at a step of the first stage in the
    selection's time and end ``within`` that time after it; anything may lie between. Every beginning is tried. A step
    stands for one stage of a try only. Stages after the first may be done after the selection's time.

    Args:
        steps: Slices of one log.
        stages: Two or more, the first not optional.
        within: Microseconds from the first stage to any other; no bound where None.
        by: A label to divide by.
        selection: Which steps.

    Raises:
        BadInput: Fewer than one stage, more than 62, or the first is optional.
    """
    if not stages or len(stages) > MOST_STAGES or stages[0].optional:
        raise BadInput("A funnel has 1 to 62 stages, and the first is not optional.", hint="Name the first stage.")
    names = steps[0].names if steps else ()
    meant = np.zeros(max(len(names), 1), np.uint64)
    for number, stage in enumerate(stages):
        meant[: len(names)] |= codes_of(names, stage.names).astype(np.uint64) << np.uint64(number)
    optional = np.array([stage.optional for stage in stages], np.bool_)
    bound = NEVER if within is None else within
    made, cut = _room(steps, len(stages)), pieces(steps, selection)
    given = meant, optional, bound, selection.since, selection.until
    here = not cut or cut[0].steps.elsewhere is None
    found = each_piece(_work(given, made if here else None), cut)
    for piece, part in zip(cut, found, strict=True):
        if not here:
            made[piece.slice].put(part, piece.first, piece.last)
    return _told(steps, tuple(stages), made, by=by, bound=bound, end=end_of(steps, selection))


def _work(given: tuple[Any, ...], made: list[_Made] | None) -> Callable[[Piece], _Made]:
    """What is done with a piece: written where it belongs, or, where that is elsewhere, into room of its own."""

    def work(piece: Piece) -> _Made:
        out = _room([piece.steps], len(given[1]))[0] if made is None else made[piece.slice]
        _walk(*piece.read, *given, piece.first, piece.last, out.furthest, out.entry, out.latest, out.taken)
        return out

    return work


class _Made:
    """What the kernel writes about each customer of a slice: parts of arrays made for all slices at once."""

    def __init__(self, room: NDArray[np.int64], furthest: NDArray[np.int8], stages: int) -> None:
        n = len(furthest)
        self.furthest = furthest
        self.entry, self.latest = room[:n], room[n : 2 * n]
        self.taken = room[2 * n :].reshape(stages, n)

    def put(self, part: _Made, first: int, last: int) -> None:
        """Take over what was found elsewhere of some customers."""
        for name in ("furthest", "entry", "latest"):
            getattr(self, name)[first:last] = getattr(part, name)[first:last]
        self.taken[:, first:last] = part.taken[:, first:last]


def _room(steps: Sequence[Steps], stages: int) -> list[_Made]:
    edges = np.cumsum([0, *(len(each.customers) for each in steps)]).tolist()
    furthest, room = np.full(edges[-1], -1, np.int8), np.full((2 + stages) * edges[-1], -1, np.int64)
    width = 2 + stages
    return [_Made(room[width * a : width * b], furthest[a:b], stages) for a, b in pairwise(edges)]


def _told(
    steps: Sequence[Steps], stages: tuple[Stage, ...], made: list[_Made], *, by: str, bound: int, end: int
) -> Funnel:
    k = len(stages)
    reached, still_open = np.zeros(k, np.int64), np.zeros(k, np.int64)
    values = steps[0].labels[by].values if by and steps else ()
    by_value = np.zeros((len(values), k), np.int64)
    took: list[list[Whole]] = [[np.zeros(0, np.int64)] for _ in stages]
    for each, m in zip(steps, made, strict=True):
        waiting = (m.furthest >= 0) & (m.furthest < k - 1) & (m.latest > end - bound)
        still_open += np.bincount(m.furthest[waiting], minlength=k)
        code = each.labels[by].codes[np.maximum(m.entry, 0)] if by and len(each.times) else None
        for number in range(k):
            who = np.flatnonzero(m.taken[number] >= 0)
            reached[number] += len(who)
            took[number] += [m.taken[number][who]] if number else []
            if code is not None:
                by_value[:, number] += np.bincount(code[who], minlength=len(values))
    median = np.full(k, np.nan)
    median[:1] = 0 if reached[0] else np.nan
    for number in range(1, k):
        found = np.concatenate(took[number])
        median[number] = np.median(found) / SECOND if len(found) else np.nan
    return Funnel(
        stages=stages, reached=reached, still_open=still_open, median=median, values=values, by_value=by_value,
        customers=tuple(s.customers for s in steps), furthest=tuple(m.furthest for m in made),
        taken=tuple(m.taken for m in made), entries=tuple(m.entry for m in made),
        latest=tuple(m.latest for m in made),
    )  # fmt: skip


@compiled(
    *READ, "r:u8", "r:b1", "i8", "i8", "i8", "i8", "i8",
    "w:i1", "w:i8", "w:i8", "w2:i8",
)  # fmt: skip
def _walk(starts, stops, tails, ends, times, codes, keep, rows, meant, optional, within, since, until, first, last,
          furthest, entry, latest, taken):  # fmt: skip
    """Per customer, the steps that are stages are gathered, then looked at, both without a branch on what cannot be
    foreseen. ``begun[s + 1]`` is the latest beginning of a try whose last stage is s, ``begun[0]`` the step in hand."""
    k = len(optional)
    begun, gathered = np.full(k + 1, -1, np.int64), np.empty(GATHERED, np.int64)
    is_stage, one = _plain(meant, optional)
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            at = low
            while at < high:
                n, to = np.uint64(0), min(at + GATHERED, high)
                for j in range(np.uint64(at), np.uint64(to)):
                    gathered[n] = np.int64(j)
                    n += is_stage[codes[j]]
                at = to
                for g in range(n):
                    i = gathered[g]
                    if len(rows) and not rows[i]:
                        continue
                    s, t = one[codes[i]], times[i]
                    if s < 0:
                        _advance(
                            times, optional, within, begun, meant[codes[i]], i, c, since, until, furthest, entry, taken
                        )
                        continue
                    begun[0] = i
                    begin = begun[s]
                    goes_on = (begin >= 0) & (t - times[max(begin, 0)] <= within)
                    goes_on &= (s > 0) | ((t >= since) & (t < until))
                    begun[s + 1] = begin if goes_on else begun[s + 1]
                    if goes_on & (taken[s, c] < 0):
                        _reach(times, s, begin, i, c, furthest, entry, taken)
        if begun[1] >= 0:
            latest[c] = times[begun[1]]
        for s in range(k + 1):
            begun[s] = -1


@compiled()
def _plain(meant, optional):
    """Which names are stages, and of each the stage, where it is one alone and the one before is not optional."""
    is_stage, one = np.zeros(len(meant), np.uint64), np.full(len(meant), -1, np.int64)
    for code in range(len(meant)):
        is_stage[code] = np.uint64(meant[code] != 0)
        for s in range(len(optional)):
            if meant[code] == np.uint64(1) << np.uint64(s) and (s == 0 or not optional[s - 1]):
                one[code] = s
    return is_stage, one


@compiled()
def _advance(times, optional, within, begun, bits, i, c, since, until, furthest, entry, taken):
    """A step as all the stages it may be, the last first: it stands for one stage of a try."""
    for s in range(len(optional) - 1, -1, -1):
        if not (bits >> np.uint64(s)) & np.uint64(1):
            continue
        begin = i if s == 0 else np.int64(-1)
        for p in range(s - 1, -1, -1):
            begin = max(begin, begun[p + 1])
            if not optional[p]:
                break
        if begin < 0 or times[i] - times[begin] > within or (s == 0 and (times[i] < since or times[i] >= until)):
            continue
        begun[s + 1] = max(begun[s + 1], begin)  # of two tries with the same last stage the later has more time left
        if taken[s, c] < 0:
            _reach(times, s, begin, i, c, furthest, entry, taken)


@compiled()
def _reach(times, s, begin, i, c, furthest, entry, taken):
    """A stage is reached for the first time."""
    taken[s, c] = times[i] - times[begin]
    if s > furthest[c]:
        furthest[c], entry[c] = s, begin
