"""What an answer about value is made of: customers, the check on time held out, contracts by age, parameters."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import BadInput
from regard.findings import Interval
from regard.statistics.estimates import Estimate
from regard.trying.trials import Trial

WEEK = 7.0
YEAR = 365.25


class CustomerAhead(msgspec.Struct, frozen=True, kw_only=True):
    """One customer, and what is expected of them."""

    customer: Annotated[str, Meta(description="The customer.")]
    purchases: Annotated[int | None, Meta(description="Purchases so far; those of one day are one.")] = None
    last: Annotated[date | None, Meta(description="Day of the last one.")] = None
    active: Annotated[float | None, Meta(description="Chance that they still buy.")] = None
    expected: Annotated[float | None, Meta(description="Purchases expected in the time ahead.")] = None
    range: Annotated[Interval | None, Meta(description="Range their purchases, or renewals, will lie in.")] = None
    renewals: Annotated[int | None, Meta(description="Renewals survived so far.")] = None
    renews: Annotated[float | None, Meta(description="Chance to renew at the next renewal.")] = None
    payments: Annotated[float | None, Meta(description="Renewals expected within the time ahead.")] = None
    spend: Annotated[float | None, Meta(description="Expected amount of a purchase, or of a renewal.")] = None
    value: Annotated[float | None, Meta(description="Expected amount in the time ahead, discounted.")] = None
    value_range: Annotated[Interval | None, Meta(description="Range that amount will lie in.")] = None


class Tenth(msgspec.Struct, frozen=True, kw_only=True):
    """A tenth of the customers by what was expected of them, and what they did."""

    tenth: Annotated[int, Meta(description="1 the least expected of, 10 the most; equal customers stay together.")]
    customers: Annotated[int, Meta(description="Customers.")]
    expected: Annotated[float, Meta(description="Purchases expected of them in the time held out.")]
    actual: Annotated[float, Meta(description="Purchases they made.")]


class StepAhead(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the time held out."""

    until: Annotated[date, Meta(description="Day it ends.")]
    expected: Annotated[float, Meta(description="Purchases expected in it; for contracts, customers still there.")]
    actual: Annotated[float, Meta(description="What came.")]


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter of the fitted models."""

    model: Annotated[str, Meta(description="Whose it is.")]
    name: Annotated[str, Meta(description="Its name in the literature; times are in weeks.")]
    value: Annotated[float, Meta(description="Its value.")]
    interval: Annotated[Interval, Meta(description="Its interval, from the observed information.")]


class AtAge(msgspec.Struct, frozen=True, kw_only=True):
    """Contracts after so many renewals."""

    renewals: Annotated[int, Meta(description="Renewals survived.")]
    customers: Annotated[int, Meta(description="Customers who are there now.")]
    survive: Annotated[float, Meta(description="Share of a cohort that comes this far.")]
    survive_interval: Annotated[Interval, Meta(description="Its interval, as a share.")]
    renews: Annotated[float, Meta(description="Chance to renew once more.")]
    renews_interval: Annotated[Interval, Meta(description="Its interval, as a share.")]
    lifetime: Annotated[float, Meta(description="Renewals still expected, discounted, without end.")]


class ValueTrial(Trial, frozen=True, kw_only=True):
    """What the customers of one file are worth from here on."""

    until: Annotated[date | None, Meta(description="End of the data: what is ahead begins here.")] = None
    ahead: Annotated[int, Meta(description="Days ahead.")] = 0
    customers: Annotated[int, Meta(description="Customers.")] = 0
    repeaters: Annotated[int | None, Meta(description="Of them, those who bought again.")] = None
    total_purchases: Annotated[float | None, Meta(description="Purchases, or renewals, expected of all.")] = None
    purchases_interval: Annotated[Interval | None, Meta(description="Range they will lie in.")] = None
    total_value: Annotated[float | None, Meta(description="Amount expected of all, discounted.")] = None
    value_interval: Annotated[Interval | None, Meta(description="Range it will lie in.")] = None
    lifetime_value: Annotated[
        float | None, Meta(description="Amount expected of contracts without end, discounted; empty for purchases.")
    ] = None
    rows: Annotated[tuple[CustomerAhead, ...], Meta(description="Customers, the most valuable first.")] = ()
    tenths: Annotated[tuple[Tenth, ...], Meta(description="How the model did on the time held out.")] = ()
    steps: Annotated[tuple[StepAhead, ...], Meta(description="Expected and actual over the time held out.")] = ()
    ages: Annotated[tuple[AtAge, ...], Meta(description="Contracts by renewals survived.")] = ()
    parameters: Annotated[tuple[Parameter, ...], Meta(description="Parameters of the fitted models.")] = ()


def day_of(text: str) -> np.datetime64 | None:
    """A day as people write it on the command line.

    Raises:
        BadInput: It is no day.
    """
    if not text:
        return None
    try:
        return np.datetime64(date.fromisoformat(text[:10]), "D")
    except ValueError as error:
        raise BadInput(f"{text!r} is no day.", where="--until", hint="Write it as 2026-09-30.") from error


def interval_of(estimate: Estimate, level: float = 0.95) -> Interval | None:
    """The interval of an estimate; none where it was refused."""
    return None if estimate.refused else Interval(low=float(estimate.low), high=float(estimate.high), level=level)


def date_of(days: float) -> date:
    """The day so many days after 1970."""
    return date.fromordinal(date(1970, 1, 1).toordinal() + round(days))
