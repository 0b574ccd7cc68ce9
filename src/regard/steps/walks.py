"""The ways customers go from a step, to a step, or between two: a tree of paths with what happens at each node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard.errors import BadInput
from regard.steps.columns import EVERYTHING, NEVER, Selection, Steps, Whole, codes_of, end_of
from regard.steps.compiled import READ, compiled
from regard.steps.pieces import Piece, each_piece, pieces
from regard.steps.scanning import ARRIVED, CLOSED, DEEPER, LAST, beside, reach, scan
from regard.steps.spread import quantiles
from regard.steps.tables import slot, wider

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Floats = NDArray[np.float64]
SECOND = 1_000_000
DEEPEST = 64


@dataclass(frozen=True, kw_only=True)
class Walks:
    """A tree of paths; node 0 is before the first step. Parents come before children, larger children first.

    Attributes:
        names: What the codes mean.
        parent: (m,) node before; -1 for node 0.
        code: (m,) the step; -1 for node 0.
        depth: (m,) steps from node 0.
        arrivals: (m,) walks that pass the node.
        customers: (m,) different customers.
        failed: (m,) arrivals that met an error there.
        repeats: (m,) further immediate repeats of the step that are shown as this one.
        ended: (m,) walks that end there: nothing more in time.
        still_open: (m,) walks that end there so far: the log stops before their time is over.
        goes_on: (m,) walks that go on past the deepest node shown.
        after: (m, q) seconds since the step before, at `QUANTILES`; NaN for the first steps.
        since_start: (m, q) seconds since the first step.
        entered: Customers with a first step; of them only those in node 0 reached the target, where there is one.
    """

    names: tuple[str, ...]
    parent: Whole
    code: Whole
    depth: Whole
    arrivals: Whole
    customers: Whole
    failed: Whole
    repeats: Whole
    ended: Whole
    still_open: Whole
    goes_on: Whole
    after: Floats
    since_start: Floats
    entered: int
    _behind: Callable[[Whole, bool], Whole] = field(repr=False)

    def path(self, node: int) -> tuple[str, ...]:
        """The names from the first step to a node."""
        found = []
        while node > 0:
            found.append(self.names[self.code[node]])
            node = int(self.parent[node])
        return tuple(reversed(found))

    def children(self, node: int) -> Whole:
        """The nodes after a node, those with most customers first."""
        return np.flatnonzero(self.parent == node)

    def find(self, path: Sequence[str]) -> int | None:
        """The node of a path, or None where nobody went it."""
        node = 0
        for name in path:
            node = next((int(n) for n in self.children(node) if self.names[self.code[n]] == name), -1)
            if node < 0:
                return None
        return node

    def behind(self, node: int, *, ended: bool = False) -> Whole:
        """The customers who pass a node; with ``ended``, those of them whose walk stops there."""
        wanted = []
        while node > 0:
            wanted.append(int(self.code[node]))
            node = int(self.parent[node])
        return self._behind(np.array(wanted[::-1], np.int64), ended)


@dataclass(frozen=True, kw_only=True)
class Route:
    """Which walks are looked at; see `walk`."""

    start: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    depth: int = 5
    within: int | None = None
    collapse: bool = True
    every: bool = False


def walk(steps: Sequence[Steps], route: Route, *, selection: Selection = EVERYTHING) -> Walks:
    """The tree of what customers do from a step, before a step, or between two.

    From ``start``: the steps that follow, up to ``depth`` of them, within a time of the first. To ``target`` alone:
    the same backwards, the tree beginning with the target. With both: walks that begin at a start and reach the
    target; the first start of a customer from which it is reached in time and depth counts. One walk a customer, or,
    with ``every``, one from each start that is not part of a walk before. ``collapse`` shows immediate repeats of a
    step as one. The first step lies in the selection's time; those that follow may lie after it.

    Args:
        steps: Slices of one log.
        route: Names the walk starts with or leads to, depth, microseconds, and how it is counted.
        selection: Which steps.

    Raises:
        BadInput: Neither start nor target, or a depth out of 1 to 64.
    """
    if not (route.start or route.target) or not 1 <= route.depth <= DEEPEST:
        raise BadInput("A walk needs a step to start from or lead to, and a depth of 1 to 64.", hint="Name a step.")
    cut = pieces(steps, selection)
    settings = _Settings(steps, route, selection)
    planted = each_piece(lambda piece: _plant(*piece.read, piece.steps.failed, *settings.given(piece)), cut)
    return _told(planted, settings, cut)


class _Settings:
    """A route as the kernels take it."""

    def __init__(self, steps: Sequence[Steps], route: Route, selection: Selection) -> None:
        names = steps[0].names if steps else ()
        forward = bool(route.start)
        entry = codes_of(names, route.start if forward else route.target)
        target = codes_of(names, route.target if forward else ())
        within = NEVER if route.within is None else route.within
        self.names = names
        self.fixed = (
            entry, target, bool(route.start and route.target), route.depth, within, route.collapse, route.every,
            forward, selection.since, selection.until, end_of(steps, selection),
        )  # fmt: skip

    def given(self, piece: Piece) -> tuple[Any, ...]:
        return (*self.fixed, piece.first, piece.last)


def _told(planted: list[Any], settings: _Settings, cut: list[Piece]) -> Walks:
    bounds = np.cumsum([0, *(p[1] for p in planted)])
    tree, size, place = _merged(bounds, np.concatenate([np.full((10, 0), -1), *(p[0][:, : p[1]] for p in planted)], 1))
    tree = tree[:, :size]
    parent, code = tree[0], tree[1]
    depth = np.zeros(len(parent), np.int64)
    for node in range(1, len(parent)):
        depth[node] = depth[parent[node]] + 1
    rank = np.append(np.argsort(np.argsort(np.array(settings.names or ("",)))), -1)  # codes are given as names come
    order = np.lexsort((rank[code], -tree[4], parent, depth))
    moved = np.empty(len(order), np.int64)
    moved[order] = np.arange(len(order))
    nodes = [moved[place[low + p[2]]] for low, p in zip(bounds[:-1], planted, strict=True)]
    arrivals = np.concatenate([np.zeros(0, np.int64), *nodes])
    times = [np.concatenate([np.zeros(0, np.float32), *(p[k] for p in planted)]) for k in (3, 4)]
    after, since_start = (quantiles(arrivals, values, len(parent)) for values in times)
    after[depth[order] <= 1] = np.nan

    def behind(path: Whole, ended: bool) -> Whole:  # noqa: FBT001
        def work(piece: Piece) -> Whole:
            found = np.zeros(len(piece.steps.customers), np.bool_)
            _passes(*piece.read, piece.steps.failed, *settings.given(piece), path, ended, found)
            return piece.steps.customers[found]

        return np.sort(np.concatenate([np.zeros(0, np.int64), *each_piece(work, cut)]))

    told = {name: tree[k][order] for k, name in enumerate(_NUMBERS, start=3)}
    return Walks(
        names=settings.names, parent=np.append(-1, moved[parent[order][1:]]), code=code[order], depth=depth[order],
        after=after, since_start=since_start, entered=sum(int(p[5]) for p in planted), _behind=behind, **told,
    )  # fmt: skip


_NUMBERS = ("arrivals", "customers", "failed", "repeats", "ended", "still_open", "goes_on")
"""Rows of a tree from the fourth on; before them parent, code, and the last customer who came by."""


@compiled()
def _longer(array):
    new = np.zeros(2 * len(array), array.dtype)
    for i in range(len(array)):
        new[i] = array[i]
    return new


@compiled(
    *READ, "r:b1", "r:b1", "r:b1", "b1", "i8", "i8", "b1", "b1", "b1", "i8", "i8",
    "i8", "i8", "i8",
)  # fmt: skip
def _plant(starts, stops, tails, ends, times, codes, keep, rows, failed, entry, target, towards, depth, within,
           collapse, every, forward, since, until, end, first, last):  # fmt: skip
    """A piece's tree (10, m), see `_NUMBERS`; per arrival its node and seconds; customers who entered."""
    keys, nodes = np.full(1024, -1, np.int64), np.zeros(1024, np.int64)
    tree = _seed()
    which, after, since_start = np.zeros(512, np.int64), np.zeros(512, np.float32), np.zeros(512, np.float32)
    seen, at = np.zeros(depth + 2, np.int64), np.zeros(depth + 2, np.int64)
    bad, again = np.zeros(depth + 2, np.bool_), np.zeros(depth + 2, np.int64)
    size, arrived, entered = 1, 0, 0
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        i, final, stop, tail = reach(starts, stops, tails, ends, c)
        begun, edge = False, final if forward else i - 1
        while i < final:
            begins = entry[codes[i]] and times[i] >= since and times[i] < until and not (len(rows) and not rows[i])
            begun |= begins
            if begins:
                length, why = scan(times, codes, failed, rows, i, edge, stop, tail, target, depth, within, collapse,
                                    forward, seen, at, bad, again)  # fmt: skip
            if not begins or (towards and why != ARRIVED):
                i = beside(i, 1, stop, tail)
                continue
            while arrived + length > len(which):
                which, after, since_start = _longer(which), _longer(after), _longer(since_start)
            _arrive(tree, 0, c, False, 0)
            node = 0
            for k in range(length):
                keys, nodes, tree, size, node = _branch(keys, nodes, tree, size, node, seen[k])
                _arrive(tree, node, c, bad[k], again[k])
                which[arrived] = node
                after[arrived] = abs(times[at[k]] - times[at[max(k - 1, 0)]]) / 1e6
                since_start[arrived] = abs(times[at[k]] - times[i]) / 1e6
                arrived += 1
            _stop(tree, node, why, forward, times[i] > end - within)
            if not every:
                break
            i = _next(codes, rows, i, final, stop, tail, at[length - 1], collapse, forward)
        entered += begun
    return tree, size, which[:arrived], after[:arrived], since_start[:arrived], entered


@compiled()
def _next(codes, rows, i, edge, stop, tail, end, collapse, forward):
    """Where to look for the next walk: behind a walk forwards; backwards, behind the immediate repeats of its step."""
    i = max(i, end) if forward else i
    here, j = codes[i], beside(i, 1, stop, tail)
    while collapse and j < edge and (codes[j] == here or (len(rows) and not rows[j])):
        j = beside(j, 1, stop, tail)
    return j


@compiled()
def _child(keys, nodes, node, code, size):
    """The child of a node by a step; a new one takes the number ``size``."""
    key = node * 65536 + code
    at = slot(keys, key)
    if keys[at] == -1:
        keys[at], nodes[at] = key, size
    return nodes[at]


@compiled()
def _branch(keys, nodes, tree, size, above, code):
    """Go from a node by a step, making what is not there: the table, the tree, its size, and the node."""
    node = _child(keys, nodes, above, code, size)
    if node == size:
        if size == tree.shape[1]:
            tree = _broader(tree)
        tree[0, size], tree[1, size] = above, code
        size += 1
        if 2 * size > len(keys):
            keys, nodes = wider(keys, nodes)
    return keys, nodes, tree, size, node


@compiled()
def _seed():
    """Room for a tree: parent, code and last customer unknown, the numbers 0."""
    tree = np.zeros((10, 512), np.int64)
    for k in range(3):
        for node in range(512):
            tree[k, node] = -1
    return tree


@compiled()
def _broader(tree):
    new = np.zeros((tree.shape[0], 2 * tree.shape[1]), np.int64)
    for k in range(tree.shape[0]):
        for node in range(new.shape[1]):
            new[k, node] = tree[k, node] if node < tree.shape[1] else -(k < 3)
    return new


@compiled()
def _arrive(tree, node, c, failed, repeats):
    """Count a walk that passes a node."""
    tree[3, node] += 1
    if tree[2, node] != c:
        tree[2, node] = c
        tree[4, node] += 1
    tree[5, node] += failed
    tree[6, node] += repeats


@compiled()
def _stop(tree, node, why, forward, recent):
    """Count how a walk stops at its last node."""
    if why == DEEPER:
        tree[9, node] += 1
    elif why == LAST and forward and recent:
        tree[8, node] += 1
    elif why != ARRIVED:
        tree[7, node] += 1


@compiled("r:i8", "r2:i8")
def _merged(bounds, trees):
    """Trees one behind the other as one tree; also where each node went."""
    keys, nodes = np.full(1024, -1, np.int64), np.zeros(1024, np.int64)
    tree = _seed()
    place = np.zeros(trees.shape[1], np.int64)
    size = 1
    for part in range(len(bounds) - 1):
        low = bounds[part]
        for i in range(low, bounds[part + 1]):
            node = 0
            if i > low:
                above = place[low + trees[0, i]]
                keys, nodes, tree, size, node = _branch(keys, nodes, tree, size, above, trees[1, i])
            place[i] = node
            for k in range(3, 10):
                tree[k, node] += trees[k, i]
    return tree, size, place


@compiled(
    *READ, "r:b1", "r:b1", "r:b1", "b1", "i8", "i8", "b1", "b1", "b1", "i8", "i8",
    "i8", "i8", "i8", "r:i8", "b1", "w:b1",
)  # fmt: skip
def _passes(starts, stops, tails, ends, times, codes, keep, rows, failed, entry, target, towards, depth, within,
            collapse, every, forward, since, until, _end, first, last, path, ended, found):  # fmt: skip
    """Customers with a walk that begins with a path, or, ``ended``, is the path and goes no further."""
    seen, at = np.zeros(depth + 2, np.int64), np.zeros(depth + 2, np.int64)
    bad, again = np.zeros(depth + 2, np.bool_), np.zeros(depth + 2, np.int64)
    for c in range(first, last):
        if len(keep) and not keep[c]:
            continue
        i, final, stop, tail = reach(starts, stops, tails, ends, c)
        edge = final if forward else i - 1
        while i < final:
            begins = entry[codes[i]] and times[i] >= since and times[i] < until and not (len(rows) and not rows[i])
            if begins:
                length, why = scan(times, codes, failed, rows, i, edge, stop, tail, target, depth, within, collapse,
                                    forward, seen, at, bad, again)  # fmt: skip
            if not begins or (towards and why != ARRIVED):
                i = beside(i, 1, stop, tail)
                continue
            fits = len(path) <= length and (not ended or (len(path) == length and why in (CLOSED, LAST)))
            for k in range(min(len(path), length)):
                fits = fits and seen[k] == path[k]
            found[c] |= fits
            if not every:
                break
            i = _next(codes, rows, i, final, stop, tail, at[length - 1], collapse, forward)
