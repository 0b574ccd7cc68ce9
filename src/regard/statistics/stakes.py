"""Value at risk per reason: what is likely to be lost, divided among the reasons so that the parts add up.

The part of a reason is its Shapley value in the game of leaving: what the loss would be without it, averaged over all
orders in which reasons could be taken away. It says what goes with a reason, not what removing it would bring.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise
from math import factorial
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import LEVEL, Estimate, Floats, refusal
from regard.statistics.survival import Tenures

if TYPE_CHECKING:
    from collections.abc import Callable

LEAST = 10
BINS = 200
SPANS = 8
NODES, WEIGHTS = np.polynomial.legendre.leggauss(8)
MOST_PARTS = 10


@dataclass(frozen=True, kw_only=True)
class Stakes:
    """What is at risk of those who are still there, within a time ahead.

    Attributes:
        total: Value expected to be lost.
        reasons: Each reason's part; the values add up to the total.
        value: Value of all who are still there.
        customers: Who is still there.
    """

    total: Estimate
    reasons: tuple[Estimate, ...]
    value: float
    customers: int


def spans_of(lived: Tenures, most: int = SPANS) -> Floats:
    """Edges of spans of tenure that hold about as many ends each, at least five; the last is open."""
    ends = np.sort(lived.exit[lived.ended > 0])
    count = int(np.clip(len(ends) // 5, 1, most))
    inner = np.unique(ends[(np.arange(1, count) * len(ends)) // count]) if len(ends) else np.zeros(0)
    return np.concatenate([[0.0], inner[inner > 0], [np.inf]])


def stakes(
    lived: Tenures, tenure: Floats, value: Floats, ahead: float, *, reasons: int, level: float = LEVEL,
    draws: int = 400, seed: int = 0, least: int = LEAST,
) -> Stakes:  # fmt: skip
    """Value expected to be lost within the time ahead, by reason.

    Hazards are steady within spans of tenure, by reason; the last span goes on. Each customer's loss is one minus the
    chance that none of the reasons takes them, and its Shapley parts have a closed form: an integral over a polynomial,
    done exactly (Owen, 1972, Management Science 18, 64-79). The interval comes from gamma draws of the hazards, which
    carry the uncertainty of the counts; it is of the expectation, not of one year's luck. Assumes that without one
    reason the others' hazards would stay as they are, and that value and leaving do not go together within a tenure.
    Thin evidence: fewer than `least` ends, refused.

    Args:
        lived: All tenures, with numbered reasons from 1.
        tenure: Tenure now of each customer still there: shape (m,).
        value: Value of each.
        ahead: Time ahead, in the unit of tenures.
        reasons: Number of reasons.
        level: Confidence.
        draws: Draws of the hazards.
        seed: Seed.
        least: Fewest ends.
    """
    method = "hazards by tenure and reason, Shapley parts, gamma draws of hazards"
    ended = int(lived.ended.sum())
    whole = float(value.sum())
    if ended < least:
        none = refusal(f"only {ended} ends; at least {least} are needed", n=lived.n, method=method, level=level)
        return Stakes(total=none, reasons=(none,) * reasons, value=whole, customers=len(tenure))
    edges = spans_of(lived)
    ends, exposed = exposures(lived, edges, reasons)
    at, worth = _binned(tenure, value)
    overlap = np.maximum(np.minimum(at[:, None] + ahead, edges[1:]) - np.maximum(at[:, None], edges[:-1]), 0.0)
    best = _parts(overlap @ (ends / exposed[:, None]), worth)
    rng = np.random.default_rng(seed)
    drawn = np.array(
        [_parts(overlap @ (rng.standard_gamma(ends) / exposed[:, None]), worth) for _ in range(draws)]
    )  # a reason never seen in a span stays at nothing there
    found = [_told(float(best[k]), drawn[:, k], lived.n, level, method) for k in range(reasons)]
    total = _told(float(best.sum()), drawn.sum(axis=1), lived.n, level, method)
    return Stakes(total=total, reasons=tuple(found), value=whole, customers=len(tenure))


def exposures(lived: Tenures, edges: Floats, reasons: int) -> tuple[Floats, Floats]:
    """Ends by span and reason, and time under observation by span: shapes (spans, reasons) and (spans,)."""
    exposed = np.zeros(len(edges) - 1)
    ends = np.zeros((len(edges) - 1, reasons))
    for g, (start, stop) in enumerate(pairwise(edges)):
        exposed[g] = np.maximum(np.minimum(lived.exit, stop) - np.maximum(lived.entry, start), 0.0).sum()
        inside = (lived.exit > start) & (lived.exit <= stop) & (lived.reason > 0)
        ends[g] = np.bincount(lived.reason[inside] - 1, minlength=reasons)[:reasons]
    return ends, np.maximum(exposed, 1e-12)


def _binned(tenure: Floats, value: Floats) -> tuple[Floats, Floats]:
    """Customers of like tenure taken together: their mean tenure and summed value."""
    if len(tenure) <= BINS:
        return tenure, value
    order = np.lexsort((value, tenure))
    group = (np.arange(len(tenure)) * BINS) // len(tenure)
    size = np.bincount(group)
    return np.bincount(group, tenure[order]) / size, np.bincount(group, value[order]).astype(float)


def _parts(hazard: Floats, worth: Floats) -> Floats:
    """Shapley parts of the loss by reason, summed over customers: hazard (m, reasons) to shape (reasons,)."""
    stay = np.exp(-hazard)
    found = np.zeros(hazard.shape[1])
    for node, weight in zip((NODES + 1) / 2, WEIGHTS / 2, strict=True):
        mixed = 1 - node + node * stay
        others = np.prod(mixed, axis=1, keepdims=True) / mixed
        found += weight * (worth @ ((1 - stay) * others))
    return found


def _told(value: float, drawn: Floats, n: int, level: float, method: str) -> Estimate:
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value=value, low=float(min(low, value)), high=float(max(high, value)),
                    error=float(drawn.std(ddof=1)), centre=value, n=n, effective=float(n), level=level,
                    method=method)  # fmt: skip


def shapley(loss: Callable[[tuple[int, ...]], float], players: int) -> Floats:
    """Shapley values of any game by all its coalitions: shape (players,).

    Reference: Shapley (1953). The values add up to what all bring beyond nobody.

    Args:
        loss: What a coalition brings, given its players in order.
        players: At most `MOST_PARTS`, since all 2^players coalitions are asked.
    """
    worth = {c: loss(c) for size in range(players + 1) for c in combinations(range(players), size)}
    found = np.zeros(players)
    for coalition, value in worth.items():
        for player in range(players):
            if player not in coalition:
                joined = tuple(sorted((*coalition, player)))
                weight = factorial(len(coalition)) * factorial(players - len(coalition) - 1) / factorial(players)
                found[player] += weight * (worth[joined] - value)
    return found
