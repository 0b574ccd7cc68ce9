"""The ways customers go from a step, to a step, or between two: one walk each, as rows; and the tree they make.

The same walks as `regard.steps.walks` counts, one a customer, kept one by one: what compares two periods or joins what
customers then scored needs each customer's own way, not only how many went it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.steps import walks
from regard.steps.columns import EVERYTHING, Selection, Steps, end_of
from regard.steps.scanning import LAST
from regard.steps.singly import singly

if TYPE_CHECKING:
    from collections.abc import Sequence

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
SECOND = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Route:
    """Which walks are looked at.

    Attributes:
        start: Names they start with; empty where they are followed backwards from a target.
        target: Names they lead to.
        depth: Most steps that follow the first.
        within: Microseconds from the first step to any other; no bound where None.
    """

    start: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    depth: int = 4
    within: int | None = None

    @property
    def forward(self) -> bool:
        """Whether they are followed on, not back."""
        return bool(self.start)


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Walks, one a row.

    Attributes:
        customers: (w,) whose.
        began: (w,) microseconds UTC of the first step.
        codes: (w, depth + 1) what they did; -1 past their end.
        since: (w, depth + 1) seconds from the first step; NaN past their end.
        failed: (w, depth + 1) whether an error was met there, or at an immediate repeat.
        repeats: (w, depth + 1) immediate repeats shown as one.
        length: (w,) steps.
        why: (w,) why they stop.
        open: (w,) whether they may yet go on: the log ends before their time is over.
        recent: (w,) whether the log ends before their time is over, gone on or not. Shares of choices leave them out:
            of the recent, those who went on are known and those who stopped are not. False where time has no bound.
        rows: (w,) row of the first step in its slice, for labels.
        part: (w,) number of the slice.
        ties: Moves between steps of equal time: their order is the log's.
    """

    customers: Whole
    began: Whole
    codes: Whole
    since: Floats
    failed: Truths
    repeats: Whole
    length: Whole
    why: Whole
    open: Truths
    recent: Truths
    rows: Whole
    part: Whole
    ties: int

    def __len__(self) -> int:
        return len(self.customers)


def walked(steps: Sequence[Steps], route: Route, *, selection: Selection = EVERYTHING) -> Ways:
    """One walk of each customer who has one.

    From ``start``: the first in the selection's time, and up to ``depth`` steps that follow it in time. To ``target``
    alone: the same backwards from the first arrival. With both: from the first start from which the target is reached
    in time and depth. Immediate repeats of a step are one. Steps that follow may lie after the selection's time.

    Args:
        steps: Slices of one log.
        route: Names, depth, time.
        selection: Which steps.
    """
    found = singly(
        steps, walks.Route(start=route.start, target=route.target, depth=route.depth, within=route.within),
        selection=selection,
    )  # fmt: skip
    began, end = np.zeros(len(found.rows), np.int64), end_of(steps, selection)
    for number, each in enumerate(steps):
        own = found.part == number
        began[own] = each.times[found.rows[own]]
    bounded = route.within is not None and route.forward
    recent = (began > end - (route.within or 0)) & bounded
    return Ways(
        customers=found.customers, began=began, codes=found.codes,
        since=np.where(found.since < 0, np.nan, found.since / SECOND), failed=found.failed, repeats=found.repeats,
        length=found.length, why=found.why, recent=recent, rows=found.rows,
        open=(found.why == LAST) & (recent if bounded else route.forward), part=found.part, ties=found.ties,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The tree walks make; node 0 is before the first step, parents come before children.

    Attributes:
        parent: (m,) node before; -1 for node 0.
        code: (m,) the step; -1 for node 0.
        depth: (m,) steps from node 0.
        at: (w, depth + 1) node of each walk after each of its steps; -1 past its end.
    """

    parent: Whole
    code: Whole
    depth: Whole
    at: Whole

    def path(self, node: int) -> tuple[int, ...]:
        """Codes from the first step to a node."""
        found = []
        while node > 0:
            found.append(int(self.code[node]))
            node = int(self.parent[node])
        return tuple(reversed(found))


def tree_of(codes: Whole) -> Tree:
    """The tree of walks.

    Args:
        codes: (w, depth + 1) what each walk did; -1 past its end.
    """
    w, wide = codes.shape
    parent, code, depth = [np.array([-1])], [np.array([-1])], [np.array([0])]
    at = np.full((w, wide), -1, np.int64)
    above, size = np.zeros(w, np.int64), 1
    for k in range(wide):
        going = np.flatnonzero(codes[:, k] >= 0)
        names = int(codes[:, k].max(initial=0)) + 1
        keys, which = _different(above[going] * names + codes[going, k], size * names)
        at[going, k] = size + which
        above = np.where(at[:, k] >= 0, at[:, k], above)
        parent.append(keys // names)
        code.append(keys % names)
        depth.append(np.full(len(keys), k + 1))
        size += len(keys)
    return Tree(parent=np.concatenate(parent), code=np.concatenate(code), depth=np.concatenate(depth), at=at)


def _different(keys: Whole, bound: int) -> tuple[Whole, Whole]:
    """The different keys below a bound in order, and which of them each is."""
    if bound > 10_000_000:
        different, which = np.unique(keys, return_inverse=True)
        return different, which.reshape(-1)
    there = np.zeros(bound, np.bool_)
    there[keys] = True
    return np.flatnonzero(there), (np.cumsum(there) - 1)[keys]


def joined(one: Ways, other: Ways) -> Ways:
    """Walks of two periods as one."""
    columns = {
        name: np.concatenate([getattr(one, name), getattr(other, name)])
        for name in Ways.__dataclass_fields__
        if name != "ties"
    }
    return Ways(**columns, ties=one.ties + other.ties)
