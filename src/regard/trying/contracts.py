"""Value ahead of contracts that come up for renewal: the model, its check on time held out, and what is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from regard.errors import Refusal
from regard.findings import Caution, Interval
from regard.statistics import contracts as sbg
from regard.statistics import renewing
from regard.statistics.estimates import Floats, Whole
from regard.trying.columns import Columns
from regard.trying.trials import Check
from regard.trying.valued import (
    YEAR,
    AtAge,
    CustomerAhead,
    Parameter,
    StepAhead,
    ValueTrial,
    date_of,
    interval_of,
)
from regard.wording import between, count, day, number, percent

END = ("end", "ended", "cancelled", "canceled", "churned", "left", "closed", "stopped")
AMOUNT = ("amount", "value", "price", "fee", "mrr", "arr", "revenue", "paid")
DAYS = {"month": YEAR / 12, "quarter": YEAR / 4, "year": YEAR}


@dataclass(frozen=True, kw_only=True)
class _Read:
    start: Floats
    end: Floats
    amount: Floats | None
    labels: list[str]
    until: float
    cautions: tuple[Caution, ...]


def told(
    data: Columns, *, customer: str, start: str, end: str, amount: str, until: np.datetime64 | None,
    period: Literal["", "month", "quarter", "year"], ahead: int, discount: float, held_out: float,
) -> ValueTrial:  # fmt: skip
    """The trial of contracts.

    Raises:
        Refusal: Too few left, or the model does not fit.
        BadInput: A column is not what it should be.
    """
    end = end or data.guess("end", END, "time", skip=(customer, start))
    amount = amount or data.guess("amount", AMOUNT, "number", skip=(customer, start, end), needed=False)
    read = _read(data, (customer, start, end, amount), until)
    every = period or renewing.period_of(read.start, read.end)
    length = DAYS[every]
    now = renewing.as_of(read.start, read.end, until=read.until, length=length)
    found = sbg.contracts(now.renewed, now.left)
    if found.refused:
        raise Refusal(
            f"How contracts last cannot be told: {found.refused}.",
            hint="Bring contracts that ended, too, or a longer history.",
        )
    steps = max(round(ahead / length), 1)
    rate = (1 + discount) ** (length / YEAR) - 1
    here = np.nonzero(~now.left)[0]
    each = None if read.amount is None else read.amount[now.rows[here]]
    told_ = renewing.ahead(found, now.renewed[here], steps, amount=each, discount=rate)
    whole = _read(data, (customer, start, end, amount), None)
    rest = read.until if whole.until > read.until else None
    held = renewing.held_out(whole.start, whole.end, until=whole.until, length=length, share=1 - held_out, split=rest)
    main = told_.payments if each is None else told_.value
    life = sbg.remaining(found.fit.values, now.renewed[here], rate) if len(here) else np.zeros(0)
    return ValueTrial(
        answer=_sentence(told_, every, ahead, read, money=each is not None), estimate=main.value,
        interval=interval_of(main), n=len(now.left), until=date_of(read.until), ahead=ahead,
        method="shifted beta-geometric (Fader and Hardie 2007) by maximum likelihood; ranges from futures drawn under "
        "drawn parameters",
        customers=len(now.left), repeaters=int((now.renewed > 0).sum()), total_purchases=told_.payments.value,
        purchases_interval=interval_of(told_.payments), total_value=told_.value.value if each is not None else None,
        value_interval=interval_of(told_.value), lifetime_value=None if each is None else float(np.nansum(each * life)),
        rows=_rows(read, now, here, told_, each), steps=_steps(held), ages=tuple(_ages(found, now, rate)),
        parameters=tuple(_parameters(found)), checks=tuple(_checks(found, held)),
        facts=_facts(found, told_, every), cautions=read.cautions,
        next_step="" if each is not None else "Name the column of what a renewal pays with --amount.",
    )  # fmt: skip


def _read(data: Columns, names: tuple[str, str, str, str], until: np.datetime64 | None) -> _Read:
    customer, start, end, amount = names
    who, labels = data.codes(customer)
    begun, over = data.times(start).astype("datetime64[D]"), data.times(end).astype("datetime64[D]")
    paid = data.numbers(amount) if amount else None
    known = np.concatenate([begun[~np.isnat(begun)], over[~np.isnat(over)]])
    if not len(known):
        raise Refusal("No row holds a start.", hint=f"Look at {start}.")
    last = until if until is not None else known.max()
    over = np.where(over > last, np.datetime64("NaT"), over)
    lost = (who < 0) | np.isnat(begun)
    wrong = ~lost & (over < begun)
    later = ~lost & (begun >= last)
    keep = ~lost & ~wrong & ~later
    reasons = (
        (lost, "no_customer_or_start", "without a customer or a start are left out"),
        (wrong, "ends_first", "that end before they start are left out"),
        (later, "after_the_end", "that start at or after the end of the data are not part of the answer"),
    )
    told_ = [Caution(code=c, text=f"{count(int(r.sum()), 'row')} {w}.") for r, c, w in reasons if r.any()]
    if len(np.unique(who[keep])) < int(keep.sum()):
        several = int(keep.sum()) - len(np.unique(who[keep]))
        told_.append(
            Caution(
                code="several", text=f"{count(several, 'row')} are further contracts of a customer; each row counts."
            )
        )
    ended = np.where(np.isnat(over), np.nan, over.astype("datetime64[D]").astype(float))
    order = np.argsort(who[keep], kind="stable")
    return _Read(
        start=begun[keep].astype(float)[order], end=ended[keep][order],
        amount=None if paid is None else paid[keep][order],
        labels=[str(labels[k]) for k in who[keep][order]], until=float(last.astype("datetime64[D]").astype(np.int64)),
        cautions=tuple(told_),
    )  # fmt: skip


def _sentence(told_: renewing.Ahead, every: str, ahead: int, read: _Read, *, money: bool) -> str:
    who, when = count(told_.customers, "customer"), day(date_of(read.until))
    span = "the year" if ahead == 365 else f"the {number(ahead)} days"
    main = told_.value if money else told_.payments
    ends = between(main.low, main.high, lambda v: number(round(v)))
    if not money:
        return f"{who} under contract will renew {number(round(main.value))} times in {span} after {when}, {ends}."
    renewed = number(round(told_.payments.value))
    worth = f"{who} under contract are worth {number(round(main.value))} in {span} after {when}, {ends}"
    return f"{worth}: {renewed} renewals by the {every}."


def _rows(
    read: _Read, now: renewing.Standing, here: Whole, told_: renewing.Ahead, each: Floats | None
) -> tuple[CustomerAhead, ...]:
    worth = told_.each * (1.0 if each is None else each)
    order = np.lexsort((here, -np.nan_to_num(worth, nan=-1.0)))

    def one(i: int) -> CustomerAhead:
        paid = None if each is None or not np.isfinite(each[i]) else float(each[i])
        ends = [float(told_.paid[k[i]]) for k in (told_.low, told_.high)]
        return CustomerAhead(
            customer=read.labels[now.rows[here[i]]], renewals=int(now.renewed[here[i]]), renews=float(told_.renews[i]),
            payments=float(told_.counts[i]), spend=paid, range=Interval(float(told_.low[i]), float(told_.high[i])),
            value_range=None if paid is None else Interval(paid * ends[0], paid * ends[1]),
            value=None if paid is None else float(worth[i]),
        )  # fmt: skip

    return tuple(one(int(i)) for i in order)


def _ages(found: sbg.Contracts, now: renewing.Standing, rate: float) -> Iterator[AtAge]:
    oldest = int(now.renewed.max(initial=0))
    ages = np.arange(oldest + 1, dtype=float)
    drawn = found.fit.draws(400, np.random.default_rng(1))
    survive, renews = sbg.survival(found.fit.values, ages), sbg.renewal_rate(found.fit.values, ages)
    low, high = np.quantile(sbg.survival(drawn, ages), (0.025, 0.975), axis=0)
    down, up = np.quantile(sbg.renewal_rate(drawn, ages), (0.025, 0.975), axis=0)
    life = sbg.remaining(found.fit.values, ages, rate)
    for i in range(oldest + 1):
        yield AtAge(
            renewals=i, customers=int(((now.renewed == i) & ~now.left).sum()), survive=float(survive[i]),
            survive_interval=Interval(float(low[i]), float(high[i])), renews=float(renews[i]),
            renews_interval=Interval(float(down[i]), float(up[i])), lifetime=float(life[i]),
        )  # fmt: skip


def _steps(held: renewing.HeldOut | None) -> tuple[StepAhead, ...]:
    if held is None:
        return ()
    return tuple(
        StepAhead(until=date_of(t), expected=float(e), actual=float(a))
        for t, e, a in zip(held.at, held.expected, held.actual, strict=True)
    )


def _parameters(found: sbg.Contracts) -> Iterator[Parameter]:
    half = 1.959964 * np.sqrt(np.diag(found.fit.covariance))
    for name, v, h in zip(("alpha", "beta"), found.fit.values, half, strict=True):
        yield Parameter(
            model="sbg", name=name, value=float(v), interval=Interval(float(v * np.exp(-h)), float(v * np.exp(h)))
        )


def _checks(found: sbg.Contracts, held: renewing.HeldOut | None) -> Iterator[Check]:
    fit = found.fit
    yield Check(
        name="converged", passed=True, value=fit.slope,
        text=f"The fit stands at a maximum: log-likelihood {number(fit.loglik, 1)}, largest slope {fit.slope:.1e}.",
    )  # fmt: skip
    if fit.prior:
        yield Check(
            name="determined",
            passed=False,
            text="A weak prior keeps a parameter within reason that the data leave open.",
        )
    if held is None:
        yield Check(
            name="held_out", passed=None, text="The first part of the time is too thin to be tried on the rest."
        )
        return
    low, high = held.total.low, held.total.high
    yield Check(
        name="held_out", passed=bool(low <= held.actual[-1] <= high), value=float(held.actual[-1]),
        text=f"Fitted to the data until {day(date_of(held.split))}, it expected {number(round(held.total.value))} of "
        f"{number(held.customers)} customers still there at the end ({number(round(low))} to {number(round(high))}); "
        f"{number(held.actual[-1])} were.",
    )  # fmt: skip


def _facts(found: sbg.Contracts, told_: renewing.Ahead, every: str) -> tuple[str, ...]:
    first = float(sbg.renewal_rate(found.fit.values, np.zeros(1))[0])
    mean = float(np.mean(told_.renews)) if len(told_.renews) else np.nan
    ended = f"{number(found.left)} of {count(found.customers, 'contract')} have ended; contracts renew by the {every}."
    new = f"A new customer renews with a chance of {percent(first)}"
    return ended, f"{new}; those there now, of whom the fickle have left, with {percent(mean)} on average."
