"""Staying and leaving: latent satisfaction by month, what it does to contracts, and who would have left anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regard.simulation import company
from regard.simulation.money import REASONS
from regard.simulation.people import NEVER
from regard.simulation.truth import IMPROVEMENTS, LOSING, driver_effects

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.simulation.help import Calls
    from regard.simulation.money import Parcels
    from regard.simulation.people import Bakeries

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

MONTH = 30
MONTHS = -(-company.DAYS // MONTH)
LEVEL = 8.15
"""Latent score (0 to 10) of an average bakery to which nothing happens."""


@dataclass(kw_only=True)
class Loyalty:
    """What came of each account: one entry each; `pieces` are points of satisfaction in the month it was decided."""

    why: Ints
    closing: NDArray[np.bool_]
    anyway: NDArray[np.bool_]
    satisfaction: Floats
    pieces: dict[str, Floats]


def _months(account: Ints, day: Ints, rows: int) -> NDArray[np.bool_]:
    """Accounts × months: whether it happened in the 90 days up to the end of that month."""
    grid = np.zeros((rows, MONTHS), dtype=bool)
    grid[account, np.minimum(day // MONTH, MONTHS - 1)] = True
    recent = grid.copy()
    recent[:, 1:] |= grid[:, :-1]
    recent[:, 2:] |= grid[:, :-2]
    return recent


def _pieces(bakeries: Bakeries, parcels: Parcels, calls: Calls, errors: NDArray[np.float32]) -> dict[str, Floats]:
    """Points of latent satisfaction each cause takes or gives: accounts × months each."""
    effect = driver_effects()
    rows = len(bakeries)
    late, slow, again = parcels.late, calls.slow, calls.reopened > 0
    edges = np.arange(0, company.DAYS, MONTH)
    monthly = np.add.reduceat(errors, edges, axis=1) / np.diff(np.append(edges, company.DAYS))
    dearer = np.zeros((rows, MONTHS))
    month = np.arange(MONTHS)[None, :] * MONTH
    raised = bakeries.raise_day > bakeries.start
    dearer += (
        raised[:, None] & (month >= bakeries.raise_day[:, None] - MONTH) & (month < bakeries.raise_day[:, None] + 90)
    )
    return {
        "late deliveries": effect["late_delivery"] * _months(parcels.account[late], _due_day(parcels, late), rows),
        "slow answers": effect["slow_answer"] * _months(calls.account[slow], calls.day[slow], rows)
        + effect["reopened"] * _months(calls.account[again], calls.day[again], rows),
        "too many errors": effect["errors"] * np.minimum(100.0 * monthly, 15.0),
        "too expensive": effect["price_rise"] * dearer,
        "improvements": _improved(bakeries),
    }


def _due_day(parcels: Parcels, late: NDArray[np.bool_]) -> Ints:
    """Day the promise of each late parcel was broken."""
    return parcels.day[late] + (parcels.due[late] - parcels.at[late]) // 86_400_000_000


def _improved(bakeries: Bakeries) -> Floats:
    """Points from improvements that act on the score itself: accounts × months."""
    month = np.arange(MONTHS)[None, :] * MONTH
    points = np.zeros((len(bakeries), MONTHS))
    for done in IMPROVEMENTS:
        if done.target == "score" and done.effect:
            reached = bakeries.product == company.PRODUCTS.index(done.where["product"])
            points += done.effect * (reached[:, None] & (month >= done.day))
    return points


def draw_loyalty(
    rng: np.random.Generator, bakeries: Bakeries, parcels: Parcels, calls: Calls, errors: NDArray[np.float32]
) -> Loyalty:
    """Decide who leaves when, why, and who comes back; sets `end` and `back` of the bakeries."""
    rows = len(bakeries)
    pieces = _pieces(bakeries, parcels, calls, errors)
    own = LEVEL + bakeries.temper[:, None]
    actual = own + sum(pieces.values())
    untroubled = own + pieces["improvements"] + pieces["too expensive"] + np.maximum(pieces["too many errors"], -0.15)
    dearer: Floats = LOSING.price_rise * (pieces["too expensive"] < 0).astype(np.float64)
    draw = rng.random((rows, MONTHS))
    closes = np.where(rng.random((rows, MONTHS)) < LOSING.closing, np.arange(MONTHS)[None, :], MONTHS + 9)
    first_day = np.maximum(bakeries.start, 0.0)
    closes = np.where(closes * MONTH >= first_day[:, None], closes, MONTHS + 9).min(axis=1)
    month = _first(_leaves(bakeries, actual, dearer, draw))
    other = _first(_leaves(bakeries, untroubled, dearer, draw))
    closing = closes <= month
    at = np.minimum(np.minimum(month, closes), MONTHS - 1)
    bakeries.end = _last_day(rng, bakeries, month=month, closes=closes)
    returns = (rng.random(rows) < 0.13) & ~closing & (bakeries.end < company.DAYS)
    back = bakeries.end + rng.uniform(45, 170, rows)
    bakeries.back = np.where(returns & (back < company.DAYS), back, NEVER)
    chosen = {name: values[np.arange(rows), at] for name, values in pieces.items()}
    return Loyalty(
        why=_reasons(closing, chosen, bakeries.temper),
        closing=closing & (bakeries.end < company.DAYS),
        anyway=(bakeries.end < company.DAYS) & (closing | (np.minimum(other, closes) < MONTHS)),
        satisfaction=actual[np.arange(rows), at],
        pieces=chosen,
    )


def _leaves(bakeries: Bakeries, satisfaction: Any, dearer: Floats, draw: Floats) -> NDArray[np.bool_]:
    """Accounts × months: whether the account would decide to leave in that month, were it still there."""
    plan = np.array([p.leaving for p in company.PLANS])[bakeries.plan][:, None]
    yearly = bakeries.yearly[:, None]
    logit = np.where(yearly, LOSING.yearly, LOSING.monthly) + plan + dearer + LOSING.satisfaction * (7.5 - satisfaction)
    month = np.arange(MONTHS)[None, :]
    term = np.ceil((month * MONTH - bakeries.start[:, None]) / 365.0) * 365.0 + bakeries.start[:, None]
    due = (term < (month + 1) * MONTH) & (term > bakeries.start[:, None] + 1.0)
    old_enough = month * MONTH > bakeries.start[:, None] + 20.0
    may = np.where(yearly, due, old_enough) & bakeries.signs[:, None]
    leaves: NDArray[np.bool_] = may & (draw < 1.0 / (1.0 + np.exp(-logit)))
    return leaves


def _first(leaves: NDArray[np.bool_]) -> Ints:
    """The first month with True, or one that never comes."""
    return np.where(leaves.any(axis=1), leaves.argmax(axis=1), MONTHS + 9)


def _last_day(rng: np.random.Generator, bakeries: Bakeries, *, month: Ints, closes: Ints) -> Floats:
    """Day the contract ends: any day of the month decided on, a yearly one on its anniversary."""
    leaving = np.minimum(month, closes)
    day = leaving * MONTH + rng.uniform(0.2, MONTH - 0.2, len(month))
    term = np.ceil((leaving * MONTH - bakeries.start) / 365.0) * 365.0 + bakeries.start
    day = np.where(bakeries.yearly & (month < closes), term, day)
    day = np.maximum(day, np.maximum(bakeries.start + 21.0, 0.5))
    return np.where((leaving < MONTHS) & bakeries.signs & (day < company.DAYS), day, NEVER)


def _reasons(closing: NDArray[np.bool_], chosen: dict[str, Floats], temper: Floats) -> Ints:
    """Index into REASONS: the cause that took most in the month it was decided, if it took anything of weight."""
    causes = ("late deliveries", "slow answers", "too many errors", "too expensive")
    taken = np.stack([-chosen[cause] for cause in causes], axis=1)
    worst = np.array([REASONS.index(cause) for cause in causes])[taken.argmax(axis=1)]
    told = np.where(taken.max(axis=1) > np.maximum(0.42, -temper), worst, REASONS.index("back to the notebook"))
    return np.where(closing, REASONS.index("closing the bakery"), told)
