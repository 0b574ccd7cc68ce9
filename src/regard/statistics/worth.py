"""What customers will be worth: purchases and money ahead with their intervals, and how well that went last time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, refusal
from regard.statistics.lifetimes import (
    Histories,
    Model,
    Purchasing,
    chance_active,
    expected,
    expected_of_new,
    futures,
    histories,
    purchasing,
)
from regard.statistics.spend import Spending, amounts, expected_spend

CELLS = 4_000_000
"""Draws in all, customers times futures: fewer futures are drawn of many customers."""
STEPS = 8
GROUPS = 10


@dataclass(frozen=True, kw_only=True)
class Bought:
    """Purchases in one unit of time; several of a customer at one time are taken as one of their sum.

    Attributes:
        customer: Numbers from 0, rising: shape (rows,).
        time: Of each.
        amount: Of each; NaN where it is not known, empty where amounts were not given.
    """

    customer: Whole
    time: Floats
    amount: Floats

    @property
    def customers(self) -> int:
        """Customers."""
        return int(self.customer.max()) + 1 if len(self.customer) else 0


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is expected of each customer, and of all together.

    Attributes:
        active: Chance to be active at the end of the data: shape (n,).
        purchases: Purchases expected ahead.
        purchases_low: Lower end of the range that holds what happens, with the level's chance.
        purchases_high: Upper end.
        spend: Expected amount of a purchase; NaN without amounts.
        value: Expected amount ahead, discounted; NaN without amounts.
        value_low: Lower end of its range.
        value_high: Upper end.
        total_purchases: Of all customers together, with the interval that holds what happens.
        total_value: Likewise.
    """

    active: Floats
    purchases: Floats
    purchases_low: Floats
    purchases_high: Floats
    spend: Floats
    value: Floats
    value_low: Floats
    value_high: Floats
    total_purchases: Estimate
    total_value: Estimate


def bought(customer: Whole, time: Floats, amount: Floats | None = None) -> Bought:
    """Purchases in order, those of one customer at one time added up."""
    order = np.lexsort((time, customer))
    who, when = customer[order], time[order]
    starts = np.r_[True, (who[1:] != who[:-1]) | (when[1:] != when[:-1])] if len(who) else np.zeros(0, bool)
    first = np.nonzero(starts)[0]
    sums = np.zeros(0) if amount is None else np.add.reduceat(amount[order], first)
    return Bought(customer=who[first], time=when[first], amount=sums)


def repeat_spend(purchases: Bought, until: float) -> tuple[Floats, Floats]:
    """Repeat purchases with an amount, and their mean amount, per customer: the first purchase is left out.

    Reference: Fader and Hardie leave the first purchase out, since it differs from those that follow.
    """
    n = purchases.customers
    first = np.r_[True, purchases.customer[1:] != purchases.customer[:-1]]
    use = ~first & (purchases.time <= until) & np.isfinite(purchases.amount) & (purchases.amount > 0)
    times = np.bincount(purchases.customer[use], minlength=n).astype(float)
    sums = np.bincount(purchases.customer[use], purchases.amount[use], minlength=n)
    return times, np.divide(sums, times, out=np.full(n, np.nan), where=times > 0)


def forecast(
    model: Purchasing, lived: Histories, ahead: float, *, spend: Spending | None = None,
    paid: tuple[Floats, Floats] | None = None, discount: float = 0.0, level: float = LEVEL, draws: int = 400,
    seed: int = 0,
) -> Forecast:  # fmt: skip
    """Purchases and money in the time ahead, per customer and in all.

    The ranges are made of futures drawn under drawn parameters (`lifetimes.futures`), so that they hold what chance
    will do besides what is not known of the model. Money is discounted by when purchases are expected to come.

    Args:
        model: Fitted purchase model.
        lived: The customers.
        ahead: Time ahead, in the unit of the histories.
        spend: Fitted spend model; none: no money.
        paid: Repeat purchases with an amount, and their mean, per customer.
        discount: Continuous rate per unit of time: log(1 + yearly rate) / units in a year.
        level: Confidence of the ranges.
        draws: Futures drawn, at most `CELLS` cells of them.
        seed: Seed of the draws.
    """
    rng = np.random.default_rng(seed)
    count = int(np.clip(CELLS // max(lived.n, 1), 100, draws))
    some = model.fit.draws(count, rng)
    mean = expected(model, lived, ahead)
    rows = futures(model, lived, ahead, parameters=some, rng=rng)
    tails = ((1 - level) / 2, (1 + level) / 2)
    low, high = np.quantile(rows, tails, axis=0, method="inverted_cdf")  # whole purchases
    worth = each = np.full(lived.n, np.nan)
    money_low = money_high = each
    total_value = refusal("no amounts were given", n=lived.n, level=level)
    if spend is not None and paid is not None and not spend.refused:
        each = expected_spend(spend.fit.values, *paid)
        later = _discounted(model, lived, ahead, mean, discount)
        worth = mean * later * each
        money = amounts(rows, parameters=spend.fit.draws(count, rng), purchases=paid[0], mean=paid[1], rng=rng) * later
        money_low, money_high = np.quantile(money, tails, axis=0)
        total_value = _total(float(worth.sum()), money.sum(axis=1), lived.n, level, f"{model.model} and Gamma-Gamma")
    return Forecast(
        active=chance_active(model, lived), purchases=mean, purchases_low=low, purchases_high=high, spend=each,
        value=worth, value_low=money_low, value_high=money_high, total_value=total_value,
        total_purchases=_total(float(mean.sum()), rows.sum(axis=1), lived.n, level, model.model),
    )  # fmt: skip


def _total(value: float, drawn: Floats, n: int, level: float, method: str) -> Estimate:
    """A total with the range of what was drawn, moved onto the expectation at the fitted parameters."""
    if not np.isfinite(value):
        return refusal("the model gives no mean spend (q at most 1)", n=n, method=method, level=level)
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value=value, low=min(float(low), value), high=max(float(high), value),
                    error=float(drawn.std(ddof=1)), centre=value, n=n, effective=float(n), level=level,
                    method=f"{method}, futures drawn under drawn parameters")  # fmt: skip


def _discounted(model: Purchasing, lived: Histories, ahead: float, mean: Floats, rate: float) -> Floats:
    """How much a purchase ahead counts, per customer, by when it is expected."""
    if rate <= 0:
        return np.ones(lived.n)
    edges = np.linspace(0, ahead, STEPS + 1)
    until = np.array([np.zeros(lived.n), *(expected(model, lived, t) for t in edges[1:])])
    parts = np.diff(until, axis=0)
    weights = np.exp(-rate * (edges[:-1] + edges[1:]) / 2)
    found: Floats = np.divide(weights @ parts, mean, out=np.ones(lived.n), where=mean > 0)
    return found


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """How a model fitted to the first part of the data did on the rest.

    Attributes:
        model: Fitted to the first part.
        split: Time it ends at.
        until: End of the data.
        customers: Customers who had begun by then.
        forecast: What was expected of them.
        actual: Purchases they made in the rest: shape (n,).
        group: Tenth of the customers by what was expected of them, 0 the least; ties stay together.
        edges: Ends of the steps of time, from the split: shape (k + 1,).
        by_step: Purchases expected in each step, and made: shape (2, k).
        typical_error: Mean absolute error per customer.
        plain_error: That of the plain guess that everyone goes on at their own rate so far.
    """

    model: Purchasing
    split: float
    until: float
    customers: Whole
    forecast: Forecast
    actual: Floats
    group: Whole
    edges: Floats
    by_step: Floats
    typical_error: float
    plain_error: float

    @property
    def held(self) -> bool:
        """Whether the purchases made lie in the interval that was given for them."""
        total = self.forecast.total_purchases
        return bool(total.low <= self.actual.sum() <= total.high)


def held_out(
    purchases: Bought,
    until: float,
    *,
    share: float = 0.5,
    split: float | None = None,
    model: Model = "bg/nbd",
    steps: int = 13,
    seed: int = 0,
) -> HeldOut | None:
    """Fit to the first part of the time and look at the rest; none where the first part is too thin.

    The split is by time, never by customer: a customer drawn at random shares the very weeks that are to be told.

    Args:
        purchases: All of them, those held out included.
        until: End of the time held out.
        share: How much of the time is fitted to.
        split: Where the time held out begins, in place of the share.
        model: Model of purchases.
        steps: Steps the time held out is shown in.
        seed: Seed of the draws.
    """
    begin = float(purchases.time.min())
    split = begin + share * (until - begin) if split is None else split
    lived = histories(purchases.customer, purchases.time, split)
    known = np.nonzero(np.isfinite(lived.age) & (lived.age > 0))[0]
    lived = lived.at(known)
    found = purchasing(lived, model=model)
    if found.refused:
        return None
    told = forecast(found, lived, until - split, seed=seed)
    place = np.full(purchases.customers, -1)
    place[known] = np.arange(len(known))
    later = (purchases.time > split) & (purchases.time <= until) & (place[purchases.customer] >= 0)
    actual = np.bincount(place[purchases.customer[later]], minlength=len(known)).astype(float)
    edges = np.linspace(0, until - split, steps + 1)
    within = np.array([0.0, *(float(expected(found, lived, t).sum()) for t in edges[1:])])
    made = np.histogram(purchases.time[later] - split, bins=edges)[0].astype(float)
    plain = lived.repeats / lived.age * (until - split)
    return HeldOut(
        model=found, split=split, until=until, customers=known, forecast=told, actual=actual,
        group=_tenths(told.purchases), edges=edges, by_step=np.array([np.diff(within), made]),
        typical_error=float(np.abs(told.purchases - actual).mean()), plain_error=float(np.abs(plain - actual).mean()),
    )  # fmt: skip


def _tenths(values: Floats) -> Whole:
    """Tenths by size; equal values stay in one."""
    order = np.sort(values)
    cut = order[np.minimum((np.arange(1, GROUPS) * len(order)) // GROUPS, len(order) - 1)] if len(order) else order
    found: Whole = np.searchsorted(np.unique(cut), values, side="right").astype(np.int64)
    return found


def tracked(model: Purchasing, purchases: Bought, until: float, *, steps: int = 26) -> tuple[Floats, Floats, Floats]:
    """Repeat purchases expected and made, by step of time: the edges, and both as shape (steps,).

    What is expected comes from the fitted model alone, for customers who begin when they did.
    """
    begin = float(purchases.time.min())
    edges = np.linspace(begin, until, steps + 1)
    first = np.r_[True, purchases.customer[1:] != purchases.customer[:-1]]
    starts = purchases.time[first]
    whole = np.array([float(expected_of_new(model, np.maximum(e - starts, 0.0)).sum()) for e in edges])
    made = np.histogram(purchases.time[~first], bins=edges)[0].astype(float)
    return edges, np.diff(whole), made


def widened(total: Estimate, held: HeldOut | None) -> Estimate:
    """A total's interval stretched to where a miss like that on the time held out would put it.

    The interval of a model holds what chance does if the model is right. Where the time held out fell outside what was
    given for it, the model is not: each end is moved out by the ratio of what came to what was expected.
    """
    if held is None or held.held or total.refused:
        return total
    came, told = float(held.actual.sum()), held.forecast.total_purchases.value
    ratio = came / told if told > 0 and came > 0 else 1.0
    stretch = max(ratio, 1 / ratio)
    return replace(total, low=total.low / stretch, high=total.high * stretch)
