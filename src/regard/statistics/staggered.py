"""Effects where units start at different times: group by group, against units not treated, never against treated ones.

Reference: Callaway and Sant'Anna (2021), Journal of Econometrics 225(2), 200-230, without covariates: the effect on
those who started at g, at time t, is their change since g − 1 less that of the comparison units. The usual two-way
regression is kept only to show what it would have said: where effects grow, it takes units treated earlier for
comparison and may turn the sign (Goodman-Bacon 2021; de Chaisemartin and D'Haultfoeuille 2020, AER 110(9)).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.departures import Moves
from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, around, quantile, refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

METHOD = "Callaway and Sant'Anna, group by group"
LEAST_COMPARED = 5
LEAST_TREATED = 4
"""Fewest treated units, in all, that carry a variance of their own."""


@dataclass(frozen=True, kw_only=True)
class GroupTime:
    """Those who started together, at one time."""

    start: int
    time: int
    units: int
    effect: Estimate


@dataclass(frozen=True, kw_only=True)
class Event:
    """All groups, so many times after their start; negative before it (−1 is what others are compared with)."""

    after: int
    effect: Estimate


@dataclass(frozen=True, kw_only=True)
class Staggered:
    """What was found.

    Attributes:
        effect: Mean over treated units and times since their start.
        cells: Every group at every time.
        events: By times since the start, with bands that hold jointly.
        before: p-value of the largest of the events before the start: whether they moved apart already.
        two_way: What the two-way regression says.
        negative: Share of treated cells that it gives a negative weight.
        compared: Who was compared with: never treated units, or those not treated yet.
        moves: The effect and the steps between neighbouring times before, for bounds.
        refused: Why there is no answer; empty when there is one.
    """

    effect: Estimate
    cells: tuple[GroupTime, ...]
    events: tuple[Event, ...]
    before: float
    two_way: float
    negative: float
    compared: str
    moves: Moves | None = None
    refused: str = ""


@dataclass(frozen=True)
class _Plan:
    """What all cells share: group sizes, starts of the units, degrees of freedom, level."""

    sizes: dict[int, float]
    starts: Whole
    freedom: float
    level: float


@dataclass(frozen=True)
class _Cell:
    """One group at one time, with each unit's pull on it (influence, of mean zero)."""

    start: int
    time: int
    units: int
    value: float
    pull: Floats


def staggered(outcomes: Floats, starts: Whole, *, level: float = LEVEL, seed: int = 0, draws: int = 999) -> Staggered:
    """Group-time effects, their mean, and the same by time since the start.

    Assumes that without treatment the groups would have moved as the comparison units did, no anticipation, and
    effects that stay with the treated. Compared with the never treated where there are `LEAST_COMPARED`, else with
    those not treated yet. Errors by influence functions per unit, so that a unit's times need not be independent; a
    group of one unit is given the spread of the comparison units. Refuses too few comparison or treated units.

    Args:
        outcomes: Shape (units, times), complete.
        starts: Position of each unit's first treated time; the number of times where never.
        level: Confidence.
        seed: Seed of the multiplier bootstrap of the joint bands.
        draws: Its replicates.
    """
    y, total = np.asarray(outcomes, float), outcomes.shape[1]
    never = starts >= total
    late = int((starts == 0).sum())
    usable = starts > 0
    few = int(never.sum()) < LEAST_COMPARED
    compared = "units not treated yet" if few else "units never treated"
    cells = _cells(y[usable], starts[usable], not_yet=few)
    treated = int((usable & ~never).sum())
    two_way, negative = regression(y, starts)
    why = _refused(cells, treated, late)
    if why:
        none = refusal(why, n=y.size, method=METHOD, level=level)
        return Staggered(
            effect=none, cells=(), events=(), before=math.nan, two_way=two_way, negative=negative, compared=compared,
            refused=why,
        )  # fmt: skip
    sizes = {g: float((starts == g).sum()) for g in {c.start for c in cells}}
    plan = _Plan(sizes, starts[usable], float(max(treated - 1, 1)), level)
    effect = _mean([c for c in cells if c.time >= c.start], plan)
    events, before = _events(cells, plan, draws=draws, seed=seed)
    rows = tuple(GroupTime(start=c.start, time=c.time, units=c.units, effect=_own(c, plan)) for c in cells)
    return Staggered(
        effect=effect, cells=rows, events=events, before=before, two_way=two_way, negative=negative, compared=compared,
        moves=_moves(cells, plan),
    )  # fmt: skip


def _refused(cells: list[_Cell], treated: int, late: int) -> str:
    if not any(c.time >= c.start for c in cells):
        more = f"; {late} units were treated from the first time on, so nothing is known of them before" if late else ""
        return f"no group has a time before its start and {LEAST_COMPARED} units to be compared with{more}"
    if treated < LEAST_TREATED:
        return f"only {treated} treated units; group by group at least {LEAST_TREATED} are needed"
    return ""


def _cells(y: Floats, starts: Whole, *, not_yet: bool) -> list[_Cell]:
    found, total = [], y.shape[1]
    for g in np.unique(starts[starts < total]).tolist():
        own = starts == g
        for t in range(total):
            if t == g - 1:
                continue
            others = starts > max(t, g) if not_yet else starts >= total
            if int(others.sum()) < LEAST_COMPARED:
                continue
            change = y[:, t] - y[:, g - 1]
            found.append(_Cell(g, t, int(own.sum()), *_compared(change, own, others)))
    return found


def _compared(change: Floats, own: NDArray[np.bool_], others: NDArray[np.bool_]) -> tuple[float, Floats]:
    """Difference of mean changes, and each unit's pull on it; what is left of small groups is scaled up."""
    pull = np.zeros(len(change))
    a, b, n1, n0 = change[own], change[others], int(own.sum()), int(others.sum())
    spread = float(b.std(ddof=1))
    left = (a - a.mean()) * math.sqrt(n1 / (n1 - 1)) if n1 > 1 else np.array([spread])
    pull[own] = left / n1
    pull[others] = -(b - b.mean()) * math.sqrt(n0 / (n0 - 1)) / n0
    return float(a.mean() - b.mean()), pull


def _own(cell: _Cell, plan: _Plan) -> Estimate:
    error = math.sqrt(float(cell.pull @ cell.pull))
    free = min(plan.freedom, max(cell.units - 1.0, 1.0))
    return around(cell.value, error, n=cell.units, freedom=free, level=plan.level, method=METHOD)


def _weighted(cells: list[_Cell], plan: _Plan) -> tuple[float, Floats]:
    """Mean of cells by group size, and each unit's pull; that the sizes are a sample, too, is part of it."""
    size = np.array([plan.sizes[c.start] for c in cells])
    share = size / size.sum()
    values, group = np.array([c.value for c in cells]), np.array([c.start for c in cells])
    mean = float(share @ values)
    pull = share @ np.array([c.pull for c in cells])
    drawn = ((plan.starts[:, None] == group) * (values - mean)).sum(axis=1) / size.sum()
    return mean, np.asarray(pull + drawn, dtype=float)


def _mean(cells: list[_Cell], plan: _Plan) -> Estimate:
    value, pull = _weighted(cells, plan)
    error, n = math.sqrt(float(pull @ pull)), len(plan.starts)
    return around(value, error, n=n, freedom=plan.freedom, level=plan.level, method=METHOD)


def _events(cells: list[_Cell], plan: _Plan, *, draws: int, seed: int) -> tuple[tuple[Event, ...], float]:
    steps = sorted({c.time - c.start for c in cells})
    parts = [[c for c in cells if c.time - c.start == e] for e in steps]
    found = [_weighted(part, plan) for part in parts]
    pulls, values = np.array([p for _, p in found]), np.array([v for v, _ in found])
    errors = np.maximum(np.sqrt((pulls**2).sum(axis=1)), 1e-300)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (draws, pulls.shape[1]))
    replicated = np.abs(signs @ pulls.T) / errors
    joint = float(np.quantile(replicated.max(axis=1), plan.level))
    # The bootstrap knows how the events move together; the t, on how few units each of them rests.
    units = [max(sum(c.units for c in part) - 1.0, 1.0) for part in parts]
    wide = errors * np.array([quantile(plan.level, u) for u in units]) / quantile(plan.level)
    events = tuple(
        Event(after=e, effect=_band(float(v), float(s), joint, plan))
        for e, v, s in zip(steps, values, wide, strict=True)
    )
    past = np.array(steps) < 0
    if not past.any():
        return events, math.nan
    largest = float((np.abs(values[past]) / wide[past]).max())
    return events, (1 + int((replicated[:, past].max(axis=1) >= largest).sum())) / (1 + draws)


def _moves(cells: list[_Cell], plan: _Plan) -> Moves:
    """The mean effect and the steps between neighbouring times before the start, with each unit's pull."""
    after = [c for c in cells if c.time >= c.start]
    value, pull = _weighted(after, plan)
    early = sorted({c.time - c.start for c in cells if c.time < c.start})
    found = [_weighted([c for c in cells if c.time - c.start == e], plan) for e in early]
    # The last time before is what all are compared with: nothing by definition.
    values = np.array([v for v, _ in found] + [0.0])
    pulls = np.array([p for _, p in found] + [np.zeros(len(pull))])
    beside = np.diff([*early, -1]) == 1
    size = np.array([plan.sizes[c.start] for c in after])
    since = float(size @ np.array([c.time - c.start + 1.0 for c in after]) / size.sum())
    return Moves(
        effect=value, pull=pull, steps=np.diff(values)[beside], pulls=np.diff(pulls, axis=0)[beside], reach=since,
        apart=since, freedom=plan.freedom,
    )  # fmt: skip


def _band(value: float, error: float, joint: float, plan: _Plan) -> Estimate:
    found = around(value, error, n=len(plan.starts), level=plan.level, method=f"{METHOD}; the bands hold jointly")
    half = joint * error
    return Estimate(**{**found.__dict__, "low": value - half, "high": value + half})


def regression(outcomes: Floats, starts: Whole) -> tuple[float, float]:
    """The two-way fixed effects coefficient, and the share of treated cells it weights negatively. Only to be shown."""
    on = (np.arange(outcomes.shape[1]) >= starts[:, None]).astype(float)
    off = on - on.mean(axis=1, keepdims=True) - on.mean(axis=0) + on.mean()
    square = float((off**2).sum())
    if square <= 0:
        return math.nan, math.nan
    return float((off * outcomes).sum()) / square, float((off[on > 0] < 0).mean())
