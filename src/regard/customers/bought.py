"""Value of customers who buy without a contract: the very models of `regard try value`, on the orders of the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np

from regard import wording
from regard.customers.contracted import tenths_of
from regard.customers.worths import CustomerWorth, Value
from regard.errors import Refusal
from regard.findings import Caution, Interval
from regard.signals.ask import Ask
from regard.statistics import worth
from regard.statistics.estimates import Estimate, Floats
from regard.statistics.lifetimes import Histories, histories, purchasing
from regard.statistics.spend import Spending, spending

WEEK = 7.0
YEAR = 365.25


def told(ask: Ask, *, ahead: int, discount: float) -> Value:
    """Value of customers who buy without a contract.

    Raises:
        Refusal: Too few bought again, or the model does not fit.
    """
    table = ask.table("value_orders.sql")
    if not len(table):
        raise Refusal("No order of a known customer yet.", hint="Import orders with who bought.")
    ids, codes = np.unique(table.column("id").to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    names = dict(zip(table.column("id").to_pylist(), table.column("name").to_pylist(), strict=True))
    days = table.column("day").to_numpy(zero_copy_only=False).astype("datetime64[D]").astype(float)
    amount = table.column("amount").to_numpy(zero_copy_only=False).astype(float)
    until = float(np.datetime64(ask.scope.until, "D").astype(float))
    bought = worth.bought(codes.reshape(-1).astype(np.int64), days / WEEK, amount)
    lived = histories(bought.customer, bought.time, until / WEEK)
    model = purchasing(lived)
    if model.refused:
        raise Refusal(
            f"What customers will buy cannot be told: {model.refused}.",
            hint="Declare what ends a customership if they are under contract, or bring a longer history.",
        )
    paid = worth.repeat_spend(bought, until / WEEK)
    spent = spending(*paid)
    rate = float(np.log1p(discount)) * WEEK / YEAR
    found = worth.forecast(model, lived, ahead / WEEK, spend=spent, paid=paid, discount=rate)
    held = worth.held_out(bought, until / WEEK)
    total = worth.widened(found.total_purchases if spent.refused else found.total_value, held)
    return Value(
        answer=_sentence(ask, lived, found, total, ahead, money=not spent.refused), customers=lived.n, ahead=ahead,
        value_ahead=None if spent.refused else total.value,
        value_interval=None if spent.refused else Interval(total.low, total.high),
        currency=ask.declarations.currency, rows=_rows(ids, names, lived, found, until),
        facts=_facts(lived, found, held),
        tenths=() if spent.refused else tenths_of(np.nan_to_num(found.value))[0],
        top_share=None if spent.refused else tenths_of(np.nan_to_num(found.value))[1],
        cautions=tuple(_cautions(spent, held)),
        next_step="" if spent.refused else "Try the same file with another model: regard try value.",
        evidence=ask.evidence(
            n=len(bought.customer), customers=lived.n, kind="estimated",
            method="BG/NBD (Fader, Hardie and Lee 2005) and Gamma-Gamma spend by maximum likelihood; ranges from "
            "futures drawn under drawn parameters, widened where the time held out was missed.",
        ),
    )  # fmt: skip


def _sentence(ask: Ask, lived: Histories, found: worth.Forecast, total: Estimate, ahead: int, *, money: bool) -> str:
    who = f"{wording.number(lived.n)} {ask.declarations.called_many}"
    span = "the year" if ahead == 365 else f"the {wording.number(ahead)} days"
    currency = ask.declarations.currency

    def write(v: float) -> str:
        return wording.money(v, currency) if money else wording.number(round(v))

    active = wording.number(round(float(found.active.sum())))
    ends = wording.between(total.low, total.high, write)
    what = f"are worth {write(total.value)}" if money else f"will buy {write(total.value)} times"
    return f"{who} who ever bought {what} in {span} ahead, {ends}; about {active} of them still buy."


def _rows(
    ids: np.ndarray, names: dict[str, str], lived: Histories, found: worth.Forecast, until: float
) -> tuple[CustomerWorth, ...]:
    money = np.isfinite(found.value)
    order = np.lexsort((ids, -np.where(money, found.value, found.purchases)))

    def one(i: int) -> CustomerWorth:
        told_ = bool(money[i])
        return CustomerWorth(
            id=str(ids[i]), name=names.get(str(ids[i])) or str(ids[i]), stay=float(found.active[i]),
            ahead=float(found.value[i]) if told_ else None,
            ahead_interval=Interval(float(found.value_low[i]), float(found.value_high[i])) if told_ else None,
            purchases=float(found.purchases[i]), months=float(lived.age[i] * WEEK / (YEAR / 12)),
            last=_day(until - (lived.age[i] - lived.recency[i]) * WEEK),
        )  # fmt: skip

    return tuple(one(int(i)) for i in order)


def _day(days: float) -> date:
    return date(1970, 1, 1) + timedelta(days=round(days))


def _facts(lived: Histories, found: worth.Forecast, held: worth.HeldOut | None) -> tuple[str, ...]:
    again = int((lived.repeats > 0).sum())
    gone = wording.number(round(float((1 - found.active).sum())))
    facts = [
        f"{wording.percent(again / lived.n)} of them bought again.",
        f"About {gone} have stopped without saying so.",
    ]
    if held is not None:
        came, told_ = (
            wording.number(float(held.actual.sum())),
            wording.number(round(held.forecast.total_purchases.value)),
        )
        facts.append(
            f"Fitted to the first half of the time, the model expected {told_} purchases in the second; {came} came."
        )
    return tuple(facts)


def _cautions(spent: Spending, held: worth.HeldOut | None) -> Iterator[Caution]:
    if spent.refused:
        yield Caution(code="no_money", text=f"No money is told: {spent.refused}.")
    elif spent.p < 0.01 and abs(spent.correlation) >= 0.1:
        how = wording.number(spent.correlation, 2)
        text = f"Spend goes with frequency a little (rank correlation {how}); the model has none."
        yield Caution(code="spend_tied", text=text)
    if held is None:
        yield Caution(
            code="not_held_out", text="Too short a time to fit the model to its first half and look at the second."
        )
    elif not held.held:
        yield Caution(
            code="held_out_missed",
            text="The second half of the time brought more or less than was expected: the interval is widened by it.",
        )


__all__ = ["Floats", "told"]
