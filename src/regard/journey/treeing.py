"""Ways as the rows of a tree and as a figure: the same for one file and for a workspace."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from regard.figures.pathtree import PathStep
from regard.journey.flowing import CLEAR, ERRORS, tone
from regard.journey.portions import one_in, portion
from regard.journey.ways import Tree, Ways, tree_of
from regard.statistics.choices import Compared, compare
from regard.statistics.proportions import wilson
from regard.steps.scanning import DEEPER
from regard.wording import count, duration, number, percent, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["CLEAR", "PathRow", "legend", "most_clear", "path_rows", "tree_drawn"]

STOPS = "(stops)"
MOST_ROWS = 400
ARROW = " → "


class PathRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the tree, where it follows a path."""

    path: Annotated[str, Meta(description="The steps up to it, with arrows between.")]
    customers: Annotated[int, Meta(description="Customers who came this way; now, where two are compared.")] = 0
    share: Annotated[float | None, Meta(description="Share of those at the step before that came this way.")] = None
    median_seconds: Annotated[float | None, Meta(description="Median seconds since the step before.")] = None
    errors: Annotated[float | None, Meta(description="Share of those customers that met an error at this step.")] = None
    before: Annotated[float | None, Meta(description="The share before, or of the group held against.")] = None
    now: Annotated[float | None, Meta(description="The share now, or of the group asked about.")] = None
    change: Annotated[float | None, Meta(description="The difference of the two, as a share.")] = None
    adjusted: Annotated[
        float | None, Meta(description="p-value, corrected for all ways; empty where too few to compare.")
    ] = None
    change_low: Annotated[float | None, Meta(description="Lower end of its interval, as a share.")] = None
    change_high: Annotated[float | None, Meta(description="Upper end, as a share.")] = None
    stood: Annotated[int, Meta(description="Customers at the step before of whom it is known how they went on.")] = 0
    low: Annotated[float | None, Meta(description="Lower end of the interval of the share.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    slow_seconds: Annotated[float | None, Meta(description="Seconds within which nine of ten came.")] = None
    repeats: Annotated[float | None, Meta(description="Immediate repeats of the step, for each customer.")] = None
    open: Annotated[int, Meta(description="Customers who are there and may yet go on.")] = 0
    depth: Annotated[int, Meta(description="Steps after the first.")]
    step: Annotated[str, Meta(description="The step; (stops) for those who went no further in the time.")]
    after: Annotated[str, Meta(description="The path it follows.")] = ""

    @property
    def back(self) -> bool:
        """Whether it was followed back: its step stands before what it follows."""
        return bool(self.after) and not self.path.startswith(self.after + ARROW)

    @property
    def move(self) -> str:
        """What those who came this way did, from the step it follows."""
        if self.back:
            return "began there" if self.step == STOPS else f"came from {self.step}"
        return "stop there" if self.step == STOPS else f"go on to {self.step}"

    @property
    def told(self) -> str:
        """A difference in words."""
        if self.before is None or self.now is None or self.change is None:
            return self.path
        ends = ""
        if self.change_low is not None and self.change_high is not None:
            ends = f", {signed(100 * self.change_low)} to {signed(100 * self.change_high)}"
        return (
            f"{'more' if self.change > 0 else 'fewer'} {self._where()}: {percent(self.now)} against "
            f"{percent(self.before)} ({signed(100 * self.change)} points{ends})"
        )

    def _where(self) -> str:
        if self.back:
            return f"began with {self.after}" if self.step == STOPS else f"came to {self.after} from {self.step}"
        return f"stop after {self.after}" if self.step == STOPS else f"go on from {self.after} to {self.step}"


def path_rows(
    names: tuple[str, ...], found: Ways, now: NDArray[np.bool_] | None, *, back: bool = False, seed: int = 0
) -> tuple[tuple[PathRow, ...], Compared | None]:
    """The tree of ways as rows, each step followed by its ways on; of two sides the later one, beside the comparison.

    Args:
        names: What the codes mean.
        found: Ways of one or of both sides.
        now: Which are of the later side; None where there is one.
        back: Whether they were followed back from a target.
        seed: Seed of the permutations.
    """
    tree = tree_of(found.codes)
    shown = np.ones(len(found), np.bool_) if now is None else now
    place, way, whose = _choices(tree, found)
    some = portion(found.customers, one_in(len(found)))[whose]
    tested = found.customers[whose[some]], place[some], way[some]
    change = None if now is None else compare(*tested, now[whose[some]], seed=seed)
    counted = _Counted(tree, found, shown, (place, way, whose))
    ways = {(w.place, w.way): w for w in change.ways} if change else {}
    rows: list[PathRow] = []
    waiting = [0]
    while waiting and len(rows) < MOST_ROWS:
        node = waiting.pop()
        if node < 0:
            rows.append(_stop_row(names, tree, -node, counted, ways.get((-node, -1)), back=back))
            continue
        if node:
            rows.append(_row(names, tree, node, counted, ways.get((int(tree.parent[node]), node)), back=back))
        after = np.flatnonzero(tree.parent == node)
        order = after[np.lexsort((tree.code[after], -counted.both[after]))]
        stops = [-node] if node and counted.stops_either.get(node) and len(after) else []
        waiting += [*stops, *order[::-1].tolist()]
    return tuple(rows), change


def _choices(tree: Tree, found: Ways) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Every choice: the node stood at, the node gone to (-1: stopped), and the walk.

    Walks whose time is not over make none, not even where they went on: those among them who stop are not known yet.
    """
    walk, k = np.nonzero((tree.at[:, 1:] >= 0) & ~found.recent[:, None])
    place, way = tree.at[walk, k], tree.at[walk, k + 1]
    over = np.flatnonzero((found.why < DEEPER) & ~found.open)
    last = tree.at[over, found.length[over] - 1]
    return np.concatenate([place, last]), np.concatenate([way, np.full(len(over), -1)]), np.concatenate([walk, over])


class _Counted:
    """Numbers by node."""

    def __init__(self, tree: Tree, found: Ways, shown: NDArray[np.bool_], choices: tuple[NDArray[Any], ...]) -> None:
        size = len(tree.parent)
        walk, k = np.nonzero(tree.at >= 0)
        node = tree.at[walk, k]
        self.both = np.bincount(node, minlength=size)
        mine = shown[walk]
        walk, k, node = walk[mine], k[mine], node[mine]
        self.n = np.bincount(node, minlength=size)
        self.failed = np.bincount(node, found.failed[walk, k], minlength=size)
        self.repeats = np.bincount(node, found.repeats[walk, k], minlength=size)
        gone = np.where(k > 0, found.since[walk, k] - found.since[walk, np.maximum(k - 1, 0)], np.nan)
        order = np.argsort(node, kind="stable")
        edges = np.searchsorted(node[order], np.arange(size + 1))
        self._after = [gone[order[a:b]] for a, b in pairwise(edges)]
        place, way, whose = choices
        own = shown[whose]
        self.stood = np.bincount(place[own], minlength=size)
        self.went = np.bincount(way[own & (way >= 0)], minlength=size)
        self.stops = np.bincount(place[own & (way < 0)], minlength=size)
        either = np.bincount(place[way < 0], minlength=size)
        self.stops_either = {int(i): int(either[i]) for i in np.flatnonzero(either)}
        open_ = np.flatnonzero(found.open & shown)
        self.open = np.bincount(tree.at[open_, found.length[open_] - 1], minlength=size)

    def took(self, node: int) -> tuple[float | None, float | None]:
        """Median and ninth tenth of the seconds since the step before."""
        known = self._after[node][np.isfinite(self._after[node])]
        return (float(np.median(known)), float(np.quantile(known, 0.9))) if len(known) else (None, None)


def _path(names: tuple[str, ...], tree: Tree, node: int, *, back: bool) -> str:
    steps = [names[c] for c in tree.path(node)]
    return ARROW.join(steps[::-1] if back else steps)


def _row(names: tuple[str, ...], tree: Tree, node: int, counted: _Counted, way: Any, *, back: bool) -> PathRow:
    above, n = int(tree.parent[node]), int(counted.n[node])
    stood = int(counted.stood[above]) if above > 0 else 0
    share = wilson(int(counted.went[node]), stood) if stood else None
    median, slow = counted.took(node)
    row = PathRow(
        path=_path(names, tree, node, back=back), depth=int(tree.depth[node]) - 1, step=names[tree.code[node]],
        after=_path(names, tree, above, back=back) if above > 0 else "", customers=n, stood=stood,
        share=share.value if share else None, low=share.low if share else None, high=share.high if share else None,
        errors=float(counted.failed[node] / n) if n else None, median_seconds=median, slow_seconds=slow,
        repeats=float(counted.repeats[node] / n) if n else None, open=int(counted.open[node]),
    )  # fmt: skip
    return _beside(row, way)


def _stop_row(names: tuple[str, ...], tree: Tree, node: int, counted: _Counted, way: Any, *, back: bool) -> PathRow:
    n, stood, path = int(counted.stops[node]), int(counted.stood[node]), _path(names, tree, node, back=back)
    share = wilson(n, stood) if stood else None
    row = PathRow(
        path=f"{STOPS}{ARROW}{path}" if back else f"{path}{ARROW}{STOPS}", depth=int(tree.depth[node]), step=STOPS,
        after=path, customers=n, stood=stood, share=share.value if share else None, low=share.low if share else None,
        high=share.high if share else None,
    )  # fmt: skip
    return _beside(row, way)


def _beside(row: PathRow, way: Any) -> PathRow:
    if way is None:
        return row
    given = not way.difference.refused
    return msgspec.structs.replace(
        row, before=_known(way.before), now=_known(way.now), adjusted=_known(way.adjusted),
        change=way.difference.value if given else None, change_low=way.difference.low if given else None,
        change_high=way.difference.high if given else None,
    )  # fmt: skip


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def most_clear(rows: Sequence[PathRow]) -> PathRow | None:
    """The way that differs most clearly."""
    tested = [r for r in rows if r.adjusted is not None and r.change is not None]
    return min(tested, key=lambda r: (r.adjusted or 0.0, -abs(r.change or 0.0), r.path), default=None)


def tree_drawn(rows: Sequence[PathRow], *, start: str = "", least: float = 0.004) -> PathStep:
    """Rows as a tree to draw, from the first or from a path on; what hardly anybody took stays in the table."""
    root = next((r for r in rows if r.path == start), rows[0])
    below: dict[str, list[PathRow]] = {}
    for row in rows[1:]:
        if row.customers >= least * root.customers:
            below.setdefault(row.after, []).append(row)

    def step(row: PathRow) -> PathStep:
        ways = tuple(step(r) for r in below.get(row.path, ())) if row.step != STOPS else ()
        return replace(_drawn(row), ways=ways)

    return step(root)


def _drawn(row: PathRow) -> PathStep:
    share = f" · {percent(row.share)}" if row.share is not None else ""
    bad = f"{percent(row.errors)} met an error" if row.errors is not None and row.errors >= 0.005 else ""
    took = duration(row.median_seconds) if row.median_seconds is not None else ""
    again = f"again {number(round(row.repeats, 1))}×" if row.repeats and row.repeats >= 0.1 else ""
    clear = row.adjusted is not None and row.adjusted <= CLEAR and row.change is not None
    change = f"{'▲' if (row.change or 0) > 0 else '▼'} {signed(100 * (row.change or 0.0))} points" if clear else ""
    said = [f"{row.path}: {count(row.customers, 'customer')}{share}", took, bad, again, change]
    return PathStep(
        label=row.step if row.step != STOPS else "begins here" if row.back else "stops here", volume=row.customers,
        text=f"{number(row.customers)}{share}", note=" · ".join(w for w in (took, bad, again) if w),
        tone=tone(row.errors or 0.0), change=change, stays=row.step == STOPS, key=row.path,
        tip=", ".join(w for w in said if w),
    )  # fmt: skip


def legend(rows: Sequence[PathRow]) -> str:
    """How a tree is to be read."""
    told = "Height: customers. In a step: customers, share of those at the step before, median time since it."
    if any((r.errors or 0.0) >= ERRORS[1][0] for r in rows):
        told += f" Colour: share that met an error, red {ERRORS[0][2]}, pale red {ERRORS[1][2]}."
    if any(r.adjusted is not None for r in rows):
        told += " ▲▼: changed beyond chance, all ways together."
    return told
