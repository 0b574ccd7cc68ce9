"""The ways customers go from a step, to a step, or between two: one walk each, as rows; and the tree they make.

The same walks as `regard.steps.walks` counts, one a customer, kept one by one: what compares two periods or joins what
customers then scored needs each customer's own way, not only how many went it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import EVERYTHING, NEVER, Selection, Steps, codes_of, end_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Whole = NDArray[np.int64]
Floats = NDArray[np.float64]
Truths = NDArray[np.bool_]
CLOSED, LAST, DEEPER, ARRIVED = 0, 1, 2, 3
"""Why a walk stops: nothing more in time, the customer's last step, more than is looked at, at the target."""
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
    names = steps[0].names if steps else ()
    entry = codes_of(names, route.start if route.forward else route.target)
    target = codes_of(names, route.target if route.forward else ())
    end = end_of(steps, selection)
    found = [
        _of_slice(_Kept(each, selection, number), number, entry, target, route, selection, end)
        for number, each in enumerate(steps)
    ]
    if not found:
        found = [_of_slice(_Kept(_nothing(), EVERYTHING, 0), 0, entry, target, route, EVERYTHING, 0)]
    columns = {k: np.concatenate([f[k] for f in found]) for k in found[0] if k != "ties"}
    return Ways(**columns, ties=sum(f["ties"] for f in found))


def _nothing() -> Steps:
    whole = np.zeros(0, np.int64)
    return Steps(whole, np.zeros(1, np.int64), whole, np.zeros(0, np.uint16), (), np.zeros(0, np.bool_))


class _Kept:
    """A slice's steps that a selection looks at, closed up."""

    def __init__(self, steps: Steps, selection: Selection, number: int) -> None:
        self.customers, self.starts = steps.customers, steps.starts
        self.times, self.codes, self.failed = steps.times, steps.codes, steps.failed
        self.rows: Whole | None = None
        self.able = None if selection.customers is None else selection.customers[number]
        if selection.rows is not None:
            mask = selection.rows[number]
            self.rows = np.flatnonzero(mask)
            self.times, self.codes, self.failed = steps.times[mask], steps.codes[mask], steps.failed[mask]
            self.starts = np.concatenate([[0], np.cumsum(mask, dtype=np.int64)])[steps.starts]

    def first(self, entry: Truths, since: int, until: int) -> tuple[Whole, Whole]:
        """Rows a walk may start at, in order, and the place of their customers."""
        if not entry.any():
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        able = self.codes == np.flatnonzero(entry)[0] if entry.sum() == 1 else entry[self.codes]
        at = np.flatnonzero(able)
        at = at[(self.times[at] >= since) & (self.times[at] < until)]
        owner = np.searchsorted(self.starts, at, side="right") - 1
        if self.able is not None:
            keep = self.able[owner]
            at, owner = at[keep], owner[keep]
        return at, owner


def _of_slice(  # noqa: PLR0917  one slice's share of what `walked` was given
    kept: _Kept, number: int, entry: Truths, target: Truths, route: Route, selection: Selection, end: int
) -> dict[str, Any]:
    at, owner = kept.first(entry, selection.since, selection.until)
    both = route.forward and bool(route.target)
    if not both:
        owner, which = np.unique(owner, return_index=True)
        at = at[which]
    found = _followed(kept, at, owner, target, route)
    if both:
        reached = np.flatnonzero(found["why"] == ARRIVED)
        owner, which = np.unique(owner[reached], return_index=True)
        at = at[reached[which]]
        found = {k: v[reached[which]] for k, v in found.items() if k != "tied"} | {
            "tied": found["tied"][reached[which]]
        }
    bounded = route.within is not None and route.forward
    recent = np.asarray(kept.times[at] > end - (route.within or 0)) & bounded
    tied = found.pop("tied")
    return found | {
        "customers": kept.customers[owner], "began": np.asarray(kept.times[at]), "ties": int(tied.sum()),
        "open": (found["why"] == LAST) & (recent if bounded else route.forward), "recent": recent,
        "part": np.full(len(at), number),         "rows": at if kept.rows is None else kept.rows[at],
    }  # fmt: skip


def _followed(kept: _Kept, at: Whole, owner: Whole, target: Truths, route: Route) -> dict[str, Any]:
    """Walk on from rows, all at once, step by step."""
    turn = 1 if route.forward else -1
    within = NEVER if route.within is None else route.within
    edge = kept.starts[owner + 1] if route.forward else kept.starts[owner] - 1
    w, wide = len(at), route.depth + 1
    codes, repeats = np.full((w, wide), -1, np.int64), np.zeros((w, wide), np.int64)
    since, failed = np.full((w, wide), np.nan), np.zeros((w, wide), np.bool_)
    why, length, tied = np.full(w, CLOSED), np.ones(w, np.int64), np.zeros(w, np.int64)
    begun = kept.times[at]
    going, here = np.arange(w), at.copy()
    codes[:, 0], since[:, 0], failed[:, 0] = kept.codes[at], 0.0, kept.failed[at]
    for k in range(1, wide + 1):
        here, going = _past_repeats(kept, here, going, (edge, begun, within, turn), codes[:, k - 1], repeats[:, k - 1],
                                    failed[:, k - 1], why)  # fmt: skip
        if k == wide:
            why[going] = DEEPER
            break
        codes[going, k], failed[going, k] = kept.codes[here], kept.failed[here]
        since[going, k] = np.abs(kept.times[here] - begun[going]) / SECOND
        tied[going] += kept.times[here] == kept.times[here - turn]
        length[going] += 1
        if len(target):
            there = target[kept.codes[here]]
            why[going[there]] = ARRIVED
            here, going = here[~there], going[~there]
    return {"codes": codes, "repeats": repeats, "since": since, "failed": failed, "why": why, "length": length,
            "tied": tied}  # fmt: skip


def _past_repeats(  # noqa: PLR0917  columns of one step
    kept: _Kept, here: Whole, going: Whole, bounds: tuple[Whole, Whole, int, int], code: Whole, repeats: Whole,
    failed: Truths, why: Whole,
) -> tuple[Whole, Whole]:  # fmt: skip
    """The next other step in time of each walk that has one; the others stop, and why is kept."""
    edge, begun, within, turn = bounds
    found_at, found_going = [], []
    here = here + turn
    while len(going):
        inside = here != edge[going]
        why[going[~inside]] = LAST
        here, going = here[inside], going[inside]
        early = np.abs(kept.times[here] - begun[going]) <= within
        why[going[~early]] = CLOSED
        here, going = here[early], going[early]
        same = kept.codes[here] == code[going]
        repeats[going[same]] += 1
        failed[going[same]] |= kept.failed[here[same]]
        found_at.append(here[~same])
        found_going.append(going[~same])
        here, going = here[same] + turn, going[same]
    if not found_at:
        return here, going
    at, going = np.concatenate(found_at), np.concatenate(found_going)
    order = np.argsort(going, kind="stable")
    return at[order], going[order]


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
        pairs, which = np.unique(np.column_stack([above[going], codes[going, k]]), axis=0, return_inverse=True)
        at[going, k] = size + which.reshape(-1)
        above = np.where(at[:, k] >= 0, at[:, k], above)
        parent.append(pairs[:, 0])
        code.append(pairs[:, 1])
        depth.append(np.full(len(pairs), k + 1))
        size += len(pairs)
    return Tree(parent=np.concatenate(parent), code=np.concatenate(code), depth=np.concatenate(depth), at=at)


def joined(one: Ways, other: Ways) -> Ways:
    """Walks of two periods as one."""
    columns = {
        name: np.concatenate([getattr(one, name), getattr(other, name)])
        for name in Ways.__dataclass_fields__
        if name != "ties"
    }
    return Ways(**columns, ties=one.ties + other.ties)
