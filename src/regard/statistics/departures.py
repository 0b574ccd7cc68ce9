"""How far trends may part after the start before an effect is gone: bounds in place of an assumption.

Reference: Rambachan and Roth (2023), Review of Economic Studies 90(5), 2555-2591, relative magnitudes: from the start
on, treated and compared part by no more than M times the largest step between two neighbouring times before, each time
anew, reckoned from the level before. The interval at M is the union over every step that may have been the largest,
both ways: it holds as often as each of them does, so at least as often as it says, and is wider than their hybrid one.
Beside it, the steady drift a time that would undo the effect. Neither is an estimate of how far trends do part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import LEVEL, quantile

if TYPE_CHECKING:
    from regard.statistics.estimates import Floats

RATIOS = (0.5, 1.0, 2.0)
"""How many times the largest step before is shown."""
MOST = 20.0
"""Beyond this many times no further breakdown is looked for."""


@dataclass(frozen=True, kw_only=True)
class Moves:
    """An effect and the steps before it, each with what it owes to each unit or placebo.

    Attributes:
        effect: The mean effect after the start.
        pull: What it owes to each: its standard error is the root of the sum of squares.
        steps: Steps between neighbouring times before the start.
        pulls: What those owe, shape (steps, units).
        reach: Steps between the level before and the middle of the times after.
        apart: Times between the middle of the level before and that of the times after.
        freedom: Degrees of freedom of the t.
    """

    effect: float
    pull: Floats
    steps: Floats
    pulls: Floats
    reach: float
    apart: float
    freedom: float


@dataclass(frozen=True, kw_only=True)
class Departures:
    """What the effect stands.

    Attributes:
        bounds: For each of `RATIOS`: the ratio, and both ends of the interval where trends may part so far.
        breakdown: Times the largest step before that trends may part, each time anew, before zero is held; 0 where it
            is held anyway; infinite beyond `MOST`.
        drift: Steady drift a time that would undo it; 0 where zero is held anyway.
        largest: The largest step before, as estimated.
        refused: Why nothing is told; empty when it is.
    """

    bounds: tuple[tuple[float, float, float], ...]
    breakdown: float
    drift: float
    largest: float
    refused: str = ""


def departures(moves: Moves, *, level: float = LEVEL) -> Departures:
    """Bounds of an effect under trends that part after the start.

    Assumes what the interval of the effect assumes, but that trends part as said. Thin evidence: with fewer than two
    steps before the start there is nothing to measure a departure by: refused.
    """
    if len(moves.steps) < 2 or not math.isfinite(moves.effect):
        why = f"only {len(moves.steps) + 1} times before the start" if len(moves.steps) < 2 else "no effect was told"
        return Departures(bounds=(), breakdown=math.nan, drift=math.nan, largest=math.nan, refused=why)
    low, high = ends(moves, 0.0, level=level)
    near = max(low, -high, 0.0)
    return Departures(
        bounds=tuple((m, *ends(moves, m, level=level)) for m in RATIOS),
        breakdown=_breakdown(moves, level) if near > 0 else 0.0,
        drift=near / moves.apart, largest=float(np.abs(moves.steps).max()),
    )  # fmt: skip


def ends(moves: Moves, ratio: float, *, level: float = LEVEL) -> tuple[float, float]:
    """The interval where trends may part by a multiple of the largest step before."""
    t = quantile(level, moves.freedom)
    moved = ratio * moves.reach
    values = np.concatenate([moves.effect - moved * moves.steps, moves.effect + moved * moves.steps])
    pulls = np.concatenate([moves.pull - moved * moves.pulls, moves.pull + moved * moves.pulls])
    half = t * np.sqrt((pulls**2).sum(axis=1))
    return float((values - half).min()), float((values + half).max())


def _breakdown(moves: Moves, level: float) -> float:
    """The ratio at which zero enters the interval, by halving."""

    def held(ratio: float) -> bool:
        low, high = ends(moves, ratio, level=level)
        return low <= 0 <= high

    if not held(MOST):
        return math.inf
    below, above = 0.0, MOST
    for _ in range(50):
        middle = (below + above) / 2
        below, above = (below, middle) if held(middle) else (middle, above)
    return (below + above) / 2


def words(found: Departures, *, unit: str = "time") -> str:
    """What the effect stands, as a sentence."""
    if found.refused:
        return f"How far trends may part cannot be told: {found.refused}."
    if found.breakdown <= 0:
        return "The interval holds zero as it is; trends that part only widen it."
    far = f"over {MOST:g}" if math.isinf(found.breakdown) else f"{found.breakdown:.2f}"
    return (
        f"Each {unit} after the start, trends may part by {far} times the largest step before ({found.largest:.3g}) "
        f"until zero is no longer ruled out; a steady drift of {found.drift:.3g} a {unit} would do so."
    )
