"""What an answer about value is made of, under contract or not."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from regard.findings import Finding, Interval
from regard.listening.staked import StakeRow


class CustomerWorth(msgspec.Struct, frozen=True, kw_only=True):
    """One customer."""

    id: Annotated[str, Meta(description="The customer's id.")]
    name: Annotated[str, Meta(description="What they are called.")]
    stay: Annotated[
        float, Meta(description="Chance to be there still after the days ahead, or to buy still, as a share.")
    ]
    ahead: Annotated[float | None, Meta(description="Amount expected in the days ahead, discounted, in money.")] = None
    ahead_interval: Annotated[Interval | None, Meta(description="Range that money will lie in.")] = None
    lifetime: Annotated[float | None, Meta(description="Amount expected within ten years, discounted, in money.")] = (
        None
    )
    value: Annotated[float | None, Meta(description="What they pay a year now.")] = None
    purchases: Annotated[float | None, Meta(description="Purchases expected in the days ahead.")] = None
    months: Annotated[float, Meta(description="Months they have been there.")] = 0.0
    last: Annotated[date | None, Meta(description="Day of the last purchase.")] = None


class ReasonStake(msgspec.Struct, frozen=True, kw_only=True):
    """What is at risk by one reason; the parts add up to all that is at risk."""

    reason: Annotated[str, Meta(description="The reason as given on leaving; unknown where none was.")]
    left: Annotated[int, Meta(description="Customers who left for it so far.")]
    gone: Annotated[float, Meta(description="Share of customers gone by it within a year of their start.")]
    interval: Annotated[Interval, Meta(description="Interval of that share.")]
    at_risk: Annotated[
        float | None, Meta(description="Money a year expected to be lost with it in the days ahead.")
    ] = None
    at_risk_interval: Annotated[Interval | None, Meta(description="Interval of that money.")] = None
    at_risk_share: Annotated[float | None, Meta(description="Its share of all that is at risk.")] = None


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """Customers who began in the same year, or stand under the same label."""

    cohort: Annotated[str, Meta(description="The year they began in; the slice, when cut.")]
    customers: Annotated[int, Meta(description="Customers.")]
    left: Annotated[int, Meta(description="Of them, those who left.")]
    value: Annotated[float | None, Meta(description="What those still there pay a year.")] = None
    stay: Annotated[
        float | None, Meta(description="Share that stays a year or longer; none where too few were seen.")
    ] = None
    interval: Annotated[Interval | None, Meta(description="Interval of that share.")] = None
    stay_two: Annotated[float | None, Meta(description="Share that stays two years or longer.")] = None
    interval_two: Annotated[Interval | None, Meta(description="Interval of that share.")] = None


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point of the curve of those who stay."""

    months: Annotated[float, Meta(description="Months since the start.")]
    stay: Annotated[float, Meta(description="Share that stays longer.")]
    low: Annotated[float, Meta(description="Lower end of its interval, as a share.")]
    high: Annotated[float, Meta(description="Upper end, as a share.")]
    gone: Annotated[tuple[float, ...], Meta(description="Share gone by each reason until then.")] = ()


class WorthTenth(msgspec.Struct, frozen=True, kw_only=True):
    """A tenth of the customers by what they are worth."""

    tenth: Annotated[int, Meta(description="10 the most valuable.")]
    customers: Annotated[int, Meta(description="Customers.")]
    value: Annotated[float, Meta(description="Amount expected of them in the days ahead, in money.")]


class Value(Finding, frozen=True, kw_only=True):
    """What customers are worth from here on."""

    customers: Annotated[int | None, Meta(description="Customers there now, or who ever bought.")] = None
    ahead: Annotated[int | None, Meta(description="Days ahead.")] = None
    value_ahead: Annotated[
        float | None, Meta(description="Amount expected in the days ahead, discounted, in money.")
    ] = None
    value_interval: Annotated[Interval | None, Meta(description="Range that money will lie in.")] = None
    lifetime_value: Annotated[
        float | None,
        Meta(description="Amount expected within ten years of those under contract, discounted, in money."),
    ] = None
    lifetime_interval: Annotated[Interval | None, Meta(description="Interval of that money.")] = None
    at_risk: Annotated[float | None, Meta(description="Money a year expected to be lost in the days ahead.")] = None
    at_risk_interval: Annotated[Interval | None, Meta(description="Interval of that money.")] = None
    stay: Annotated[float | None, Meta(description="Share of customers that stays a year or longer.")] = None
    stay_interval: Annotated[Interval | None, Meta(description="Interval of that share.")] = None
    top_share: Annotated[float | None, Meta(description="Share of the sum ahead that lies with the top tenth.")] = None
    currency: Annotated[str, Meta(description="Currency of every value.")] = ""
    rows: Annotated[tuple[CustomerWorth, ...], Meta(description="Customers, the most valuable first.")] = ()
    reasons: Annotated[tuple[ReasonStake, ...], Meta(description="What is at risk by reason: an association.")] = ()
    stakes: Annotated[
        tuple[StakeRow, ...],
        Meta(description="Money a year at stake with what customers met, of the whole base; the parts add up."),
    ] = ()
    cohorts: Annotated[
        tuple[Cohort, ...], Meta(description="Customers by the year they began in, or by slice when cut.")
    ] = ()
    tenths: Annotated[tuple[WorthTenth, ...], Meta(description="Tenths of the customers by value.")] = ()
    curve: Annotated[tuple[CurvePoint, ...], Meta(description="The curve of those who stay.")] = ()
