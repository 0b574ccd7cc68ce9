"""Value ahead of customers who buy without a contract: the models, their check on time held out, and what is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from regard.errors import Refusal
from regard.findings import Caution, Interval
from regard.statistics import worth
from regard.statistics.estimates import Estimate, Floats, Whole
from regard.statistics.lifetimes import Histories, Model, Purchasing, expected, histories, purchasing
from regard.statistics.likelihood import Fit
from regard.statistics.spend import Spending, spending
from regard.trying.columns import Columns
from regard.trying.trials import Check
from regard.trying.valued import (
    WEEK,
    YEAR,
    CustomerAhead,
    Parameter,
    StepAhead,
    Tenth,
    ValueTrial,
    date_of,
    interval_of,
)
from regard.wording import between, count, day, listed, number, percent

TIME = (
    "order date", "ordered", "purchased", "purchase", "date", "day", "time", "created at", "timestamp", "when",
)  # fmt: skip
AMOUNT = ("amount", "value", "revenue", "sales", "total", "price", "spend", "spent", "paid")
NAMES = {"bg/nbd": ("r", "alpha", "a", "b"), "pareto/nbd": ("r", "alpha", "s", "beta")}
DRAWS = 400


@dataclass(frozen=True, kw_only=True)
class _Read:
    bought: worth.Bought
    labels: list[str]
    until: float
    cautions: tuple[Caution, ...]


@dataclass(frozen=True, kw_only=True)
class _Tried:
    """What a model is tried on: the rest of the data where the answer ends before them, else a part it is fitted to."""

    whole: _Read
    share: float

    def on(self, read: _Read, model: Model) -> worth.HeldOut | None:
        if read.until < self.whole.until:
            return worth.held_out(self.whole.bought, self.whole.until, split=read.until, model=model)
        return worth.held_out(read.bought, read.until, share=self.share, model=model)


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    lived: Histories
    model: Purchasing
    spend: Spending | None
    paid: tuple[Floats, Floats] | None
    held: worth.HeldOut | None
    ahead: worth.Forecast
    other: float | None
    """What the other model expects of all, where it could be fitted."""


def told(
    data: Columns, *, customer: str, time: str, amount: str, until: np.datetime64 | None, ahead: int, discount: float,
    model: Model, held_out: float,
) -> ValueTrial:  # fmt: skip
    """The trial of purchases.

    Raises:
        Refusal: Too few bought again, the models do not fit, or spend goes with frequency.
        BadInput: A column is not what it should be.
    """
    time = time or data.guess("time", TIME, "time", skip=(customer,))
    named = bool(amount)
    amount = amount or data.guess("amount", AMOUNT, "number", skip=(customer, time), needed=False)
    read = _read(data, customer, time, amount, until)
    whole = _read(data, customer, time, amount, None)
    fitted = _fit(read, ahead / WEEK, discount, model, _Tried(whole=whole, share=1 - held_out), named=named)
    money = not fitted.ahead.total_value.refused
    total, value = (worth.widened(t, fitted.held) for t in (fitted.ahead.total_purchases, fitted.ahead.total_value))
    main = value if money else total
    return ValueTrial(
        answer=_sentence(read, fitted, total, value if money else None, ahead), estimate=main.value,
        interval=interval_of(main), n=fitted.lived.n, method=_method(model, money=money, held=fitted.held),
        until=date_of(read.until * WEEK), ahead=ahead, customers=fitted.lived.n, repeaters=fitted.model.repeaters,
        total_purchases=total.value, purchases_interval=interval_of(total),
        total_value=value.value if money else None, value_interval=interval_of(value),
        rows=_rows(read, fitted), tenths=_tenths(fitted.held), steps=_steps(fitted.held),
        parameters=tuple(_parameters(fitted)), checks=tuple(_checks(fitted)), facts=_facts(fitted),
        cautions=(*read.cautions, *_cautions(fitted, named=named)),
        next_step="" if money else "Name the column of amounts with --amount to put money on it.",
    )  # fmt: skip


def _read(data: Columns, customer: str, time: str, amount: str, until: np.datetime64 | None) -> _Read:
    who, labels = data.codes(customer)
    when = data.times(time).astype("datetime64[D]")
    amounts = data.numbers(amount) if amount else None
    last = until if until is not None else (np.nanmax(when) if (~np.isnat(when)).any() else np.datetime64("NaT"))
    lost = (who < 0) | np.isnat(when)
    later = ~lost & (when > last)
    back = np.zeros(len(who), bool) if amounts is None else ~lost & ~later & (amounts < 0)
    keep = ~lost & ~later & ~back
    if not keep.any():
        raise Refusal("No row holds both a customer and a day.", hint=f"Look at {customer} and {time}.")
    known, coded = np.unique(who[keep], return_inverse=True)
    weeks = when[keep].astype(np.int64) / WEEK
    bought = worth.bought(coded.reshape(-1), weeks, None if amounts is None else amounts[keep])
    reasons = (
        (lost, "no_customer_or_day", "without a customer or a day are left out"),
        (later, "after_the_end", "after --until are what the answer is tried on, and not what it is made of"),
        (back, "taken_back", "with an amount below nothing are taken for money back, not for purchases"),
    )
    cautions = tuple(
        Caution(code=code, text=f"{count(int(rows.sum()), 'row')} {words}.")
        for rows, code, words in reasons
        if rows.any()
    )
    end = float(last.astype("datetime64[D]").astype(np.int64)) / WEEK
    return _Read(bought=bought, labels=[str(labels[k]) for k in known], until=end, cautions=cautions)


def _fit(read: _Read, ahead: float, discount: float, model: Model, tried: _Tried, *, named: bool) -> _Fitted:
    lived = histories(read.bought.customer, read.bought.time, read.until)
    found = purchasing(lived, model=model)
    if found.refused:
        raise Refusal(
            f"What customers will buy cannot be told: {found.refused}.",
            hint="Bring a longer history, in which more customers came again.",
        )
    paid = worth.repeat_spend(read.bought, read.until) if len(read.bought.amount) else None
    spend = spending(*paid) if paid is not None else None
    if spend is not None and spend.refused and named:
        raise Refusal(
            f"What a purchase is worth cannot be told: {spend.refused}.",
            hint="Leave --amount out for purchases alone, or split the customers into like ones and ask of each part.",
        )
    rate = float(np.log1p(discount)) * WEEK / YEAR
    told_ = worth.forecast(found, lived, ahead, spend=spend, paid=paid, discount=rate, draws=DRAWS)
    second = purchasing(lived, model="pareto/nbd" if model == "bg/nbd" else "bg/nbd")
    return _Fitted(
        lived=lived, model=found, spend=spend, paid=paid, ahead=told_,
        held=tried.on(read, model),
        other=None if second.refused else float(expected(second, lived, ahead).sum()),
    )  # fmt: skip


def _sentence(read: _Read, fitted: _Fitted, total: Estimate, value: Estimate | None, ahead: int) -> str:
    who, when = count(fitted.lived.n, "customer"), day(date_of(read.until * WEEK))
    bought = f"{count(round(total.value), 'purchase')} ({number(round(total.low))} to {number(round(total.high))})"
    span = "the year" if ahead == 365 else f"the {number(ahead)} days"
    if value is None:
        return f"{who} will make {bought} in {span} after {when}."
    ends = between(value.low, value.high, lambda v: number(round(v)))
    return f"{who} are worth {number(round(value.value))} in {span} after {when}, {ends}: {bought}."


def _method(model: str, *, money: bool, held: worth.HeldOut | None) -> str:
    names = {"bg/nbd": "BG/NBD (Fader, Hardie and Lee 2005)", "pareto/nbd": "Pareto/NBD (Schmittlein et al. 1987)"}
    spend = " and Gamma-Gamma spend" if money else ""
    wider = ", widened by how far the time held out was missed" if held is not None and not held.held else ""
    return f"{names[model]}{spend} by maximum likelihood; ranges from futures drawn under drawn parameters{wider}"


def _rows(read: _Read, fitted: _Fitted) -> tuple[CustomerAhead, ...]:
    told_, lived = fitted.ahead, fitted.lived
    money = not told_.total_value.refused
    order = np.lexsort((np.arange(lived.n), -(told_.value if money else told_.purchases)))
    last = (read.until - lived.age + lived.recency) * WEEK

    def one(i: int) -> CustomerAhead:
        worth_ = told_.value[i] if money and np.isfinite(told_.value[i]) else None
        return CustomerAhead(
            customer=read.labels[i], purchases=int(lived.repeats[i]) + 1, last=date_of(last[i]),
            active=float(told_.active[i]), expected=float(told_.purchases[i]),
            range=Interval(low=float(told_.purchases_low[i]), high=float(told_.purchases_high[i])),
            spend=float(told_.spend[i]) if worth_ is not None else None,
            value=None if worth_ is None else float(worth_),
            value_range=Interval(low=float(told_.value_low[i]), high=float(told_.value_high[i])) if money else None,
        )  # fmt: skip

    return tuple(one(int(i)) for i in order)


def _tenths(held: worth.HeldOut | None) -> tuple[Tenth, ...]:
    if held is None:
        return ()
    groups: list[Whole] = [np.nonzero(held.group == g)[0] for g in range(int(held.group.max()) + 1)]
    return tuple(
        Tenth(
            tenth=i,
            customers=len(g),
            expected=float(held.forecast.purchases[g].sum()),
            actual=float(held.actual[g].sum()),
        )
        for i, g in enumerate((g for g in groups if len(g)), start=1)
    )


def _steps(held: worth.HeldOut | None) -> tuple[StepAhead, ...]:
    if held is None:
        return ()
    return tuple(
        StepAhead(until=date_of((held.split + e) * WEEK), expected=float(t), actual=float(m))
        for e, t, m in zip(held.edges[1:], *held.by_step, strict=True)
    )


def _parameters(fitted: _Fitted) -> Iterator[Parameter]:
    found: list[tuple[str, tuple[str, ...], Fit]] = [(fitted.model.model, NAMES[fitted.model.model], fitted.model.fit)]
    if fitted.spend is not None and not fitted.spend.refused:
        found.append(("gamma-gamma", ("p", "q", "v"), fitted.spend.fit))
    for model, names, fit in found:
        half = 1.959964 * np.sqrt(np.diag(fit.covariance))
        for name, v, h in zip(names, fit.values, half, strict=True):
            ends = Interval(low=float(v * np.exp(-h)), high=float(v * np.exp(h)))
            yield Parameter(model=model, name=name, value=float(v), interval=ends)


def _checks(fitted: _Fitted) -> Iterator[Check]:
    fit, held = fitted.model.fit, fitted.held
    yield Check(
        name="converged", passed=True, value=fit.slope,
        text=f"The fit stands at a maximum: log-likelihood {number(fit.loglik, 1)}, largest slope {fit.slope:.1e}.",
    )  # fmt: skip
    yield Check(
        name="determined", passed=not fit.prior, text="The data alone determine every parameter."
        if not fit.prior else "The data alone leave a parameter open; a weak prior keeps it within reason.",
    )  # fmt: skip
    if held is None:
        yield Check(
            name="held_out", passed=None, text="The first part of the time is too thin to be tried on the rest."
        )
    else:
        yield from _held(held)
    if fitted.other is not None:
        own = fitted.ahead.total_purchases
        yield Check(
            name="other_model", passed=own.low <= fitted.other <= own.high, value=fitted.other,
            text=f"The other model of the same story expects {number(round(fitted.other))} purchases.",
        )  # fmt: skip
    if fitted.spend is not None:
        s = fitted.spend
        yield Check(
            name="spend_independent", passed=not (s.p < 0.01 and abs(s.correlation) >= 0.1), value=s.correlation,
            text=f"Spend goes with frequency at a rank correlation of {number(s.correlation, 2)}; the model has none.",
        )  # fmt: skip


def _held(held: worth.HeldOut) -> Iterator[Check]:
    total = held.forecast.total_purchases
    came = float(held.actual.sum())
    yield Check(
        name="held_out", passed=held.held, value=came / total.value if total.value else None,
        text=f"Fitted to the data until {day(date_of(held.split * WEEK))}, it expected {number(round(total.value))} "
        f"purchases ({number(round(total.low))} to {number(round(total.high))}) since; {number(came)} came.",
    )  # fmt: skip
    yield Check(
        name="beats_own_rate", passed=held.typical_error < held.plain_error, value=held.typical_error,
        text=f"It missed a customer by {number(held.typical_error, 2)} purchases; "
        f"everyone going on at their own rate, by {number(held.plain_error, 2)}.",
    )  # fmt: skip


def _facts(fitted: _Fitted) -> tuple[str, ...]:
    gone = float((1 - fitted.ahead.active).sum())
    share = percent(fitted.model.repeaters / fitted.lived.n)
    first = f"{number(fitted.model.repeaters)} of {count(fitted.lived.n, 'customer')} ({share}) bought again."
    second = f"About {number(round(gone))} have stopped buying without saying so."
    return first, second


def _cautions(fitted: _Fitted, *, named: bool) -> Iterator[Caution]:
    held = fitted.held
    failed = []
    if held is not None and not held.held:
        ratio = float(held.actual.sum()) / held.forecast.total_purchases.value
        failed.append(
            f"the time held out brought {number(ratio, 2)} times what was expected, and the interval is widened by it"
        )
    if fitted.spend is not None and fitted.spend.refused and not named:
        yield Caution(code="no_money", text=f"No money is told: {fitted.spend.refused}.")
    if failed:
        yield Caution(code="held_out_missed", text=f"Buying is not as steady as the model takes it: {listed(failed)}.")
    if fitted.model.fit.prior:
        yield Caution(code="weak_prior", text="A weak prior keeps a parameter within reason that the data leave open.")
