"""What `reliability/disruptions` answers: its rows and tables."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from regard.findings import Finding


class DisruptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One disrupted subset."""

    subset: Annotated[str, Meta(description="The subset in words: region Iberia and version 5.1.")]
    indicator: Annotated[str, Meta(description="The indicator or promise that does not hold for them.")]
    disrupted: Annotated[int, Meta(description="Customers in it that are disrupted.")]
    customers: Annotated[int, Meta(description="Customers in it that tried.")]
    rate: Annotated[float, Meta(description="Share of them that is disrupted.")]
    rate_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    rate_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    usual: Annotated[float, Meta(description="Share that was to be expected from their own past.")] = 0.0
    times: Annotated[float | None, Meta(description="Disrupted as a multiple of expected.")] = None
    times_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    times_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    since: Annotated[str, Meta(description="When it began, most likely.")] = ""
    since_between: Annotated[str, Meta(description="The interval that holds its beginning, 95 %.")] = ""
    value: Annotated[float | None, Meta(description="What the disrupted customers are worth.")] = None
    total: Annotated[str, Meta(description="green: the indicator as a whole is as usual; red: it is worse, too.")] = ""
    over: Annotated[bool, Meta(description="Whether the last 24 hours show that it is over.")] = False
    now: Annotated[str, Meta(description="What now is: the last 24 hours or the last 7 days.")] = ""
    months: Annotated[
        float | None, Meta(description="Chance alone would show one so clear, anywhere, once in so many months.")
    ] = None
    also: Annotated[str, Meta(description="Other indicators that do not hold for mostly the same customers.")] = ""
    instead: Annotated[str, Meta(description="Other names that the data cannot rule out.")] = ""
    worse_within: Annotated[str, Meta(description="Where within it is worse.")] = ""
    where: Annotated[tuple[str, ...], Meta(description="The subset as filters of any question: region=Iberia.")] = ()
    cause: Annotated[int, Meta(description="Number of the cause; subsets of one cause have mostly the same customers.")]


class ChangedRow(msgspec.Struct, frozen=True, kw_only=True):
    """Something else that changed when a disruption began."""

    subset: Annotated[str, Meta(description="The subset it is about.")]
    kind: Annotated[str, Meta(description="act, declared change, first seen, errors, or contacts.")]
    what: Annotated[str, Meta(description="What it is.")]
    when: Annotated[str, Meta(description="When, where it has a day.")] = ""
    before: Annotated[float | None, Meta(description="Customers a day that met it before.")] = None
    since: Annotated[float | None, Meta(description="Customers a day that met it since.")] = None
    q: Annotated[float | None, Meta(description="p of no change, all that was looked at accounted for.")] = None


class DisruptedCustomer(msgspec.Struct, frozen=True, kw_only=True):
    """One disrupted customer."""

    name: Annotated[str, Meta(description="Who.")]
    id: Annotated[str, Meta(description="Id to look the customer up by.")]
    subset: Annotated[str, Meta(description="The subset they are in.")]
    indicator: Annotated[str, Meta(description="What does not hold for them.")]
    attempts: Annotated[float, Meta(description="How often they tried, or how many promises fell due.")]
    failed: Annotated[float, Meta(description="How often it did not go well.")]
    value: Annotated[float | None, Meta(description="What they are worth.")] = None


class LookRow(msgspec.Struct, frozen=True, kw_only=True):
    """One indicator looked at."""

    indicator: Annotated[str, Meta(description="The indicator or promise.")]
    now: Annotated[str, Meta(description="What now is: the last 24 hours or the last 7 days.")]
    customers: Annotated[int | None, Meta(description="Customers that tried now.")] = None
    disrupted: Annotated[int | None, Meta(description="Of them, those it did not hold for.")] = None
    rate: Annotated[float | None, Meta(description="Their share.")] = None
    rate_low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    rate_high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    before: Annotated[float | None, Meta(description="The share before.")] = None
    mix: Annotated[
        float | None,
        Meta(description="Part of the change that other customers than before bring, or other numbers of attempts."),
    ] = None
    service: Annotated[
        float | None, Meta(description="Part of the change that the same kind of customers meet otherwise.")
    ] = None
    total: Annotated[str, Meta(description="green or red: whether the total strays beyond what it does by itself.")] = (
        ""
    )
    found: Annotated[int, Meta(description="Disrupted subsets found.")] = 0
    p: Annotated[float | None, Meta(description="Chance of so clear a subset where nothing is wrong.")] = None
    combinations: Annotated[int | None, Meta(description="Combinations looked at.")] = None
    periods: Annotated[int | None, Meta(description="Earlier periods it was held against.")] = None
    season: Annotated[
        float | None, Meta(description="Usual rate of now's weekday as a multiple of the average day's.")
    ] = None
    refused: Annotated[str, Meta(description="Why nothing is told; empty when it is.")] = ""


class LeastRow(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest disruption of a size that would have been seen in four of five cases."""

    indicator: Annotated[str, Meta(description="The indicator or promise.")]
    now: Annotated[str, Meta(description="What now is: the last 24 hours or the last 7 days.")]
    customers: Annotated[int, Meta(description="Customers in the subset.")]
    usual: Annotated[float, Meta(description="How many of them are disrupted on usual days.")]
    seen_from: Annotated[float | None, Meta(description="Disrupted from which on it is seen; empty: not at all.")] = (
        None
    )
    times: Annotated[float | None, Meta(description="The same as a multiple of usual.")] = None


class DisruptionPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One day of a disrupted subset."""

    subset: Annotated[str, Meta(description="The subset.")]
    indicator: Annotated[str, Meta(description="The indicator or promise.")]
    day: Annotated[str, Meta(description="The day, or the 24 hours that ended on it.")]
    customers: Annotated[int, Meta(description="Customers in it that tried.")]
    disrupted: Annotated[int, Meta(description="Of them, those disrupted.")]
    rate: Annotated[float | None, Meta(description="Their share.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end of its 95 % interval.")] = None
    since: Annotated[bool, Meta(description="Whether the disruption had begun.")] = False


class Disruptions(Finding, frozen=True, kw_only=True):
    """Who is disrupted now."""

    found: Annotated[int, Meta(description="Causes found; subsets of one cause count once.")] = 0
    disrupted: Annotated[int | None, Meta(description="Customers disrupted in all of them.")] = None
    value: Annotated[float | None, Meta(description="What these customers are worth.")] = None
    currency: Annotated[str, Meta(description="Currency of the values.")] = ""
    until: Annotated[str, Meta(description="When now ends: the last whole quarter of a day of the log.")] = ""
    stated: Annotated[
        float | None, Meta(description="False alarms a month that are accepted, over everything looked at.")
    ] = None
    combinations: Annotated[int | None, Meta(description="Combinations looked at, over all indicators.")] = None
    rows: Annotated[tuple[DisruptionRow, ...], Meta(description="The disrupted subsets, most customers first.")] = ()
    changed: Annotated[tuple[ChangedRow, ...], Meta(description="What else changed when they began.")] = ()
    who: Annotated[tuple[DisruptedCustomer, ...], Meta(description="Who is disrupted, most valuable first.")] = ()
    least: Annotated[tuple[LeastRow, ...], Meta(description="The smallest disruption that would have been seen.")] = ()
    looked: Annotated[tuple[LookRow, ...], Meta(description="Every indicator, and its total.")] = ()
    points: Annotated[tuple[DisruptionPoint, ...], Meta(description="The subsets over time.")] = ()
