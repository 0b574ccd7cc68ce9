"""Contracts on the calendar: where each stands, what renewals are ahead, and how well that was told before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from regard.statistics.contracts import Contracts, contracts, renewal_rate, survival
from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, refusal

YEAR = 365.25
GRACE = 0.1
"""Share of a period by which an end may miss its renewal and still be taken for it."""
DRAWS = 400
STEPS = 8


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where contracts stand on one day.

    Attributes:
        rows: Which contracts had begun by then.
        renewed: Renewals each survived.
        left: Whether it had ended.
    """

    rows: Whole
    renewed: Floats
    left: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """What renewals are ahead.

    Attributes:
        customers: Customers under contract.
        renews: Chance of each to renew at the next renewal: shape (n,).
        counts: Renewals expected of each within the steps ahead.
        each: The same, discounted.
        low: Lower end of the range their renewals will lie in.
        high: Upper end.
        paid: What so many renewals count, discounted: shape (steps + 1,).
        payments: Renewals of all, with the range that holds what happens.
        value: Amounts of all, discounted, with that range; refused without amounts.
    """

    customers: int
    renews: Floats
    counts: Floats
    each: Floats
    low: Whole
    high: Whole
    paid: Floats
    payments: Estimate
    value: Estimate


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """How a model fitted to the first part of the time did on the rest.

    Attributes:
        split: Day it ends.
        customers: Customers under contract then.
        at: Days looked at since, the last the end of the data.
        expected: Customers expected to be still there on each.
        actual: Customers who were.
        total: Those expected at the end, with the range that holds what happens.
    """

    split: float
    customers: int
    at: Floats
    expected: Floats
    actual: Floats
    total: Estimate


def period_of(start: Floats, end: Floats) -> Literal["month", "quarter", "year"]:
    """How often contracts renew, told from how long those that ended lasted: the longest period most of them fit."""
    lasted = (end - start)[np.isfinite(end)]
    lasted = lasted[lasted > 20]
    names: tuple[Literal["year", "quarter"], ...] = ("year", "quarter")
    for name in names:
        length = YEAR if name == "year" else YEAR / 4
        away = np.abs(lasted - length * np.maximum(np.round(lasted / length), 1))
        if len(lasted) and float(np.mean(away <= length * 0.03 + 1)) >= 0.6:
            return name
    return "month"


def as_of(start: Floats, end: Floats, *, until: float, length: float) -> Standing:
    """Where contracts stood on a day; an end after it has not happened yet.

    Args:
        start: Day each began.
        end: Day it ended, NaN while it runs.
        until: The day.
        length: Days between renewals.
    """
    rows = np.nonzero(start < until)[0]
    over = np.isfinite(end[rows]) & (end[rows] <= until)
    lasted = (np.where(over, end[rows], until) - start[rows]) / length
    # An end at its renewal, or a little after it, did not survive that renewal.
    renewed = np.where(over, np.maximum(np.ceil(lasted - GRACE) - 1, 0), np.floor(lasted + 1e-9))
    return Standing(rows=rows, renewed=renewed, left=over)


def ahead(
    model: Contracts, renewed: Floats, steps: int, *, amount: Floats | None = None, discount: float = 0.0,
    level: float = LEVEL, seed: int = 0,
) -> Ahead:  # fmt: skip
    """Renewals and money within so many renewals ahead, of customers who are there now.

    Args:
        model: Fitted.
        renewed: Renewals each survived so far.
        steps: Renewals ahead.
        amount: What a renewal of each pays; unknown ones are NaN and count for nothing.
        discount: Per renewal period.
        level: Confidence of the ranges, which hold what chance does besides what is not known of the model.
        seed: Seed of the futures drawn.
    """
    weights = (1 + discount) ** -np.arange(1, steps + 1, dtype=float)
    alive = np.exp(_log_alive(model.fit.values, renewed, steps))
    counts, each = alive.sum(axis=1), alive @ weights
    drawn = _futures(model, renewed, steps, seed)
    method = "sBG, futures drawn under drawn parameters"
    value = refusal("no amounts were given", n=len(renewed), level=level)
    counted = np.concatenate([[0.0], np.cumsum(weights)])
    tails = ((1 - level) / 2, (1 + level) / 2)
    low, high = np.quantile(drawn, tails, axis=0, method="inverted_cdf") if len(renewed) else (drawn[:0], drawn[:0])
    if amount is not None:
        paid = np.nan_to_num(amount)
        money = counted[drawn] @ paid
        value = _told(float(each @ paid), money, len(renewed), level, method)
    return Ahead(
        customers=len(renewed), renews=renewal_rate(model.fit.values, renewed), counts=counts, each=each, value=value,
        low=low.astype(np.int64), high=high.astype(np.int64), paid=counted,
        payments=_told(float(counts.sum()), drawn.sum(axis=1).astype(float), len(renewed), level, method),
    )  # fmt: skip


def _log_alive(parameters: Floats, renewed: Floats, steps: int) -> Floats:
    """Log of the chance to survive each of the steps ahead: shape (n, steps)."""
    ages, where = np.unique(renewed, return_inverse=True)
    further = ages[:, None] + np.arange(1, steps + 1)
    logs = (
        np.log(np.maximum([survival(parameters, row) for row in further], 1e-300))
        - np.log(np.maximum(survival(parameters, ages), 1e-300))[:, None]
    )
    found: Floats = logs[where.reshape(-1)]
    return found


def _futures(model: Contracts, renewed: Floats, steps: int, seed: int) -> Whole:
    """Renewals survived by each customer within the steps, drawn: shape (draws, n)."""
    rng = np.random.default_rng(seed)
    found = np.empty((DRAWS, len(renewed)), dtype=np.int64)
    for i, (alpha, beta) in enumerate(model.fit.draws(DRAWS, rng)):
        leaves = np.clip(rng.beta(alpha, beta + renewed), 1e-12, 1 - 1e-12)
        found[i] = np.minimum(np.floor(rng.standard_exponential(len(renewed)) / -np.log1p(-leaves)), steps)
    return found


def held_out(
    start: Floats,
    end: Floats,
    *,
    until: float,
    length: float,
    share: float = 0.5,
    split: float | None = None,
    level: float = LEVEL,
    seed: int = 0,
) -> HeldOut | None:
    """Fit to what was known on an earlier day, and look who is still there since; none where that was too thin.

    The day is `split`, or after `share` of the time.
    """
    split = float(start.min()) + share * (until - float(start.min())) if split is None else split
    then = as_of(start, end, until=split, length=length)
    found = contracts(then.renewed, then.left)
    here = np.nonzero(~then.left)[0]
    if found.refused or not len(here):
        return None
    rows, renewed = then.rows[here], then.renewed[here]
    at = np.linspace(split, until, STEPS + 1)[1:]
    due = np.floor((at[:, None] - start[rows]) / length + 1e-9) - renewed
    steps = max(int(due.max(initial=1)), 1)
    alive = np.concatenate([np.ones((len(rows), 1)), np.exp(_log_alive(found.fit.values, renewed, steps))], axis=1)
    told = np.array([alive[np.arange(len(rows)), d.astype(np.int64)].sum() for d in due])
    # Who ends a little after a renewal did not survive it, so that grace is given before counting.
    gone = np.where(np.isfinite(end[rows]), end[rows], np.inf)
    came = np.array([float((gone > t).sum()) for t in at])
    last = (_futures(found, renewed, steps, seed) >= due[-1]).sum(axis=1).astype(float)
    total = _told(float(told[-1]), last, len(rows), level, "sBG, futures drawn under drawn parameters")
    return HeldOut(split=split, customers=len(rows), at=at, expected=told, actual=came, total=total)


def _told(value: float, drawn: Floats, n: int, level: float, method: str) -> Estimate:
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value),
                    error=float(drawn.std(ddof=1)), centre=value, n=n, effective=float(n), level=level,
                    method=method)  # fmt: skip
