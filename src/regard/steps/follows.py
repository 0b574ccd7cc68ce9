"""What directly follows what: the map of what customers really do, declared by nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import EVER, EVERYTHING, NEVER, Selection, Steps, Whole
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces
from regard.steps.spread import QUANTILES, quantiles
from regard.steps.tables import slot, span, wider
from regard.steps.transitions import counted, times_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Floats = NDArray[np.float64]
DENSE = 100
"""Up to so many names, paths of three are counted in an array; more in a table."""
TABLED = 512
"""Up to so many names, edges are counted in an array; of more, transitions are written down and sorted."""
TIMED = 400
"""Edges whose times are told, the most frequent ones."""
SAMPLED = 4_000_000
"""Transitions whose times are looked at, about; of more, each so many-th: customers lie in no order."""


@dataclass(frozen=True, kw_only=True)
class Follows:
    """The directly-follows map.

    Attributes:
        names: What the codes mean.
        steps: (names,) how often each step was done.
        begins: (names,) journeys that begin with it.
        ends: (names,) journeys whose last step it is so far.
        sources: (e,) code of the step before, edges ordered by count, the largest first.
        targets: (e,) code of the step after.
        counts: (e,) how often.
        customers: (e,) different customers.
        after: (e, q) seconds from one to the other at `QUANTILES`, of the first 400 edges where asked for; else NaN.
        sampled: Each how many-th transition the times are of; 1 for all.
        threes: The most frequent paths of three steps with how often, where asked for.
        ties: Transitions between steps of equal time: their order is the log's.
        transitions: All transitions.
        journeys: Runs of steps with no longer pause than asked for.
    """

    names: tuple[str, ...]
    steps: Whole
    begins: Whole
    ends: Whole
    sources: Whole
    targets: Whole
    counts: Whole
    customers: Whole
    after: Floats
    sampled: int
    threes: tuple[tuple[tuple[str, ...], int], ...]
    ties: int
    transitions: int
    journeys: int

    def covering(self, share: float) -> int:
        """How many of the edges, the most frequent first, cover a share of all transitions."""
        if not self.transitions:
            return 0
        return int(np.searchsorted(np.cumsum(self.counts), share * self.transitions - 1e-9)) + 1


def follow(
    steps: Sequence[Steps],
    *,
    pause: int | None = None,
    times: bool = False,
    threes: int = 0,
    selection: Selection = EVERYTHING,
) -> Follows:
    """Count which step directly follows which, within a customer.

    Args:
        steps: Slices of one log.
        pause: Microseconds; a longer pause ends a journey. None: a customer's steps are one journey.
        times: Tell how long the transitions take, too.
        threes: How many of the most frequent paths of three steps to tell.
        selection: Which steps.
    """
    names = steps[0].names if steps else ()
    size, bound, cut = max(len(names), 1), NEVER if pause is None else pause, pieces(steps, selection)
    total = _total(cut, bound, selection, size, threes=threes > 0)
    first = np.searchsorted(total.edges, size * size)  # from there on: what journeys begin with
    edges, counts, customers = total.edges[:first], total.counts[:first], total.customers[:first]
    begins, done, left = (np.zeros(size, np.int64) for _ in range(3))
    np.add.at(begins, total.edges[first:] % size, total.counts[first:])
    np.add.at(done, total.edges % size, total.counts)
    np.add.at(left, edges // size, counts)
    rank = np.argsort(np.argsort(np.array(names or ("",))))  # codes are given as names come: ties go by name
    order = np.lexsort((rank[edges % size], rank[edges // size], -counts))
    edges, counts = edges[order], counts[order]
    after, each = _times(cut, edges, counts, bound, selection, size) if times else (None, 1)
    n = len(names)
    return Follows(
        names=names, steps=done[:n], begins=begins[:n], ends=(done - left)[:n], sources=edges // size,
        targets=edges % size, counts=counts, customers=customers[order],
        after=np.full((len(edges), len(QUANTILES)), np.nan) if after is None else after, sampled=each,
        threes=_top(total, names, size, threes), ties=total.ties, transitions=int(counts.sum()),
        journeys=int(begins.sum()),
    )  # fmt: skip


def following(
    steps: Sequence[Steps], first: str, then: str, *, pause: int | None = None, selection: Selection = EVERYTHING
) -> Whole:
    """The customers behind an edge: those who did one step directly after another."""
    names = steps[0].names if steps else ()
    if first not in names or then not in names:
        return np.zeros(0, np.int64)
    a, b, bound = names.index(first), names.index(then), NEVER if pause is None else pause

    def work(piece: Piece) -> Whole:
        found = np.zeros(len(piece.steps.customers), np.bool_)
        _followed(*piece.read, bound, selection.since, selection.until, a, b, piece.first, piece.last, found)
        return piece.steps.customers[found]

    return np.sort(np.concatenate([np.zeros(0, np.int64), *each_piece(work, pieces(steps, selection))]))


@dataclass(frozen=True)
class _Total:
    """Edges in order, as source times size plus target, where the source ``size`` is no step; and paths of three."""

    edges: Whole
    counts: Whole
    customers: Whole
    ties: int
    threes: NDArray[np.int32]
    tables: list[tuple[Whole, Whole]]


def _total(cut: list[Piece], pause: int, selection: Selection, size: int, *, threes: bool) -> _Total:
    dense = threes and size <= DENSE
    tables = each_piece(lambda piece: _hashed(piece, pause, selection, size), cut) if threes and not dense else []
    if size > TABLED:
        return _Total(*counted(cut, pause, selection, size), threes=np.zeros(0, np.int32), tables=tables)
    total = _Counted(size, dense=dense)
    for part in each_piece(lambda piece: _count(piece, pause, selection, size, dense=dense), cut):
        total.add(part)
    edges = np.flatnonzero(total.counts)
    return _Total(edges, total.counts[edges], total.customers[edges], int(total.ties[0]), total.threes, tables)


class _Counted:
    """Counts of edges; the last row of them stands for no step before, so it counts what journeys begin with."""

    def __init__(self, names: int, *, dense: bool) -> None:
        self.counts = np.zeros((names + 1) * names, np.int64)
        self.customers = np.zeros((names + 1) * names, np.int64)
        self.ties = np.zeros(1, np.int64)
        self.threes = np.zeros((names + 1) * names * names + names if dense else 0, np.int32)

    def add(self, other: _Counted) -> None:
        for name in ("counts", "customers", "ties", "threes"):
            getattr(self, name).__iadd__(getattr(other, name))


def _count(piece: Piece, pause: int, selection: Selection, size: int, *, dense: bool) -> _Counted:
    out = _Counted(size, dense=dense)
    marks = np.full((size + 1) * size, -1, np.int32)
    _pairs(*piece.read, pause, selection.since, selection.until, size, piece.first, piece.last, out.counts,
           out.customers, marks, out.ties, out.threes)  # fmt: skip
    if dense:
        edges = out.threes[:-size].reshape(size + 1, size * size).sum(axis=0, dtype=np.int64)
        out.counts[:] = np.append(edges, out.threes[-size:])
    return out


def _hashed(piece: Piece, pause: int, selection: Selection, size: int) -> tuple[Whole, Whole]:
    keys, counts = _threes(*piece.read, pause, selection.since, selection.until, size, piece.first, piece.last)
    return keys[keys >= 0], counts[keys >= 0]


def _top(total: _Total, names: tuple[str, ...], size: int, most: int) -> tuple[tuple[tuple[str, ...], int], ...]:
    """The most frequent paths of three; of equal ones, in the order of their names."""
    threes = total.threes[: size**3]  # behind them: those that begin with no step
    keys, counts = np.flatnonzero(threes), threes[threes > 0].astype(np.int64)
    if total.tables:
        keys, place = np.unique(np.concatenate([k for k, _ in total.tables]), return_inverse=True)
        counts = np.zeros(len(keys), np.int64)
        np.add.at(counts, place, np.concatenate([c for _, c in total.tables]))
    if not most or not len(keys):
        return ()
    least = np.sort(counts)[-min(most, len(counts))]
    chosen = np.flatnonzero(counts >= least)
    told = [(tuple(names[c] for c in _three(int(keys[k]), size)), int(counts[k])) for k in chosen.tolist()]
    return tuple(sorted(told, key=lambda each: (-each[1], each[0]))[:most])


def _three(key: int, size: int) -> tuple[int, int, int]:
    return key // (size * size), key // size % size, key % size


def _times(
    cut: list[Piece], edges: Whole, counts: Whole, pause: int, selection: Selection, size: int
) -> tuple[Floats, int]:
    """Quantiles of the first edges' times, and each how many-th transition they are of."""
    chosen = edges[:TIMED]
    each = max(int(counts[:TIMED].sum()) // SAMPLED, 1)
    out = np.full((len(edges), len(QUANTILES)), np.nan)
    if size > TABLED:
        out[: len(chosen)] = quantiles(*times_of(chosen, each, cut, pause, selection, size), len(chosen))
        return out, each
    place = np.full(size * size, -1, np.int32)
    place[chosen] = np.arange(len(chosen))

    def work(piece: Piece) -> tuple[Whole, NDArray[np.float32]]:
        room = int(piece.room) // each + 1
        which, seconds = np.empty(room, np.int64), np.empty(room, np.float32)
        n = _taken(*piece.read, pause, selection.since, selection.until, size, piece.first, piece.last, place, each,
                   which, seconds)  # fmt: skip
        return which[:n].copy(), seconds[:n].copy()

    found = each_piece(work, cut)
    which = np.concatenate([np.zeros(0, np.int64), *(f[0] for f in found)])
    seconds = np.concatenate([np.zeros(0, np.float32), *(f[1] for f in found)])
    out[: len(chosen)] = quantiles(which, seconds, len(chosen))
    return out, each


@compiled(
    *READ, "i8", "i8", "i8", "i8", "i8", "i8",
    "w:i8", "w:i8", "w:i4", "w:i8", "w:i4",
)  # fmt: skip
def _pairs(starts, stops, tails, ends, times, codes, keep, rows, pause, since, until, size, first, last,
           counts, customers, marks, ties, threes):  # fmt: skip
    """One look at each step. Where a journey ends cannot be foreseen, so nothing branches on it: the step before is
    then the one that stands for none, and a path of three that is none goes to the last places. Places are unsigned:
    a signed one would be looked at for being less than nothing each time."""
    masked, wide, nowhere, none = len(rows) > 0, len(threes) > 0, np.uint64(max(len(threes) - size, 0)), np.uint64(size)
    tied, bounded = 0, since > EVER or until < NEVER
    pause = min(pause, NEVER // 4)  # what comes first comes after longer than any pause
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        before, edge, then, whose = none, np.uint64(0), np.int64(EVER // 2), np.int32(c)
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            if bounded:
                low, high = span(times, low, high, since, until)
            for i in range(np.uint64(low), np.uint64(high)):
                if masked and not rows[i]:
                    continue
                t, code = times[i], np.uint64(codes[i])
                goes_on = t - then <= pause
                if wide:  # these count the edges, too: each path's last two; what begins has places of its own
                    threes[edge * none + code if goes_on else nowhere + code] += 1
                edge = (before if goes_on else none) * none + code
                if not wide:
                    counts[edge] += 1
                customers[edge] += marks[edge] != whose
                marks[edge] = whose
                tied += t == then
                before, then = code, t
    ties[0] += tied


@compiled(*READ, "i8", "i8", "i8", "i8", "i8", "i8")
def _threes(starts, stops, tails, ends, times, codes, keep, rows, pause, since, until, size, first, last):
    """Paths of three steps in a table, where an array of all there might be is too large."""
    keys, counts = np.full(4096, -1, np.int64), np.zeros(4096, np.int64)
    used = 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        before, edge = np.int64(-1), np.int64(-1)
        then = np.int64(0)
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            low, high = span(times, low, high, since, until)
            for i in range(low, high):
                if len(rows) and not rows[i]:
                    continue
                t, code = times[i], np.int64(codes[i])
                if before < 0 or t - then > pause:
                    edge = np.int64(-1)
                else:
                    if edge >= 0:
                        at = slot(keys, edge * size + code)
                        if keys[at] == -1:
                            keys[at] = edge * size + code
                            used += 1
                        counts[at] += 1
                        if 2 * used > len(keys):
                            keys, counts = wider(keys, counts)
                    edge = before * size + code
                before, then = code, t
    return keys, counts


@compiled(*READ, "i8", "i8", "i8", "i8", "i8", "i8", "r:i4", "i8", "w:i8", "w:f4")
def _taken(
    starts,
    stops,
    tails,
    ends,
    times,
    codes,
    keep,
    rows,
    pause,
    since,
    until,
    size,
    first,
    last,
    place,
    each,
    which,
    seconds,
):
    """Each so many-th transition of the edges chosen: which edge, and how long it took."""
    n, passed = 0, 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        before = np.int64(-1)
        then = np.int64(0)
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            low, high = span(times, low, high, since, until)
            for i in range(low, high):
                if len(rows) and not rows[i]:
                    continue
                t, code = times[i], np.int64(codes[i])
                if before >= 0 and t - then <= pause:
                    edge = place[before * size + code]
                    if edge >= 0:
                        if passed % each == 0:
                            which[n], seconds[n] = edge, (t - then) / 1e6
                            n += 1
                        passed += 1
                before, then = code, t
    return n


@compiled(*READ, "i8", "i8", "i8", "i8", "i8", "i8", "i8", "w:b1")
def _followed(starts, stops, tails, ends, times, codes, keep, rows, pause, since, until, a, b, first, last, found):
    """Customers with one edge."""
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        before = np.int64(-1)
        then = np.int64(0)
        for part in range(1 + (len(tails) > 0)):
            low, high = (tails[c], ends[c]) if part else (starts[c], stops[c])
            low, high = span(times, low, high, since, until)
            for i in range(low, high):
                if len(rows) and not rows[i]:
                    continue
                if before == a and codes[i] == b and times[i] - then <= pause:
                    found[c] = True
                    break
                before, then = np.int64(codes[i]), times[i]
