"""What `regard try subset` answers: its rows and tables."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from regard.trying.trials import Trial

Subset = dict[str, str | tuple[str, ...]]


class SubsetRow(msgspec.Struct, frozen=True, kw_only=True):
    """One disrupted subset; where nothing is disrupted, the most suspicious one."""

    text: Annotated[str, Meta(description="The subset in words.")]
    subset: Annotated[Subset, Meta(description="Dimension to value, or to several values.")] = {}
    seen: Annotated[float, Meta(description="Bad ones, count or amount now.")]
    expected: Annotated[float, Meta(description="What its own past and the mix of now lead to expect.")]
    ratio: Annotated[float, Meta(description="Seen as a multiple of expected.")]
    low: Annotated[float | None, Meta(description="Lower end of the ratio's 95 % interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    total: Annotated[float | None, Meta(description="All of which bad ones are part.")] = None
    rate: Annotated[float | None, Meta(description="Bad per total now.")] = None
    usual: Annotated[float | None, Meta(description="Expected bad per total.")] = None
    p: Annotated[
        float | None,
        Meta(description="Chance of so clear a subset anywhere among the combinations where nothing happened."),
    ] = None
    probability: Annotated[
        float | None, Meta(description="How probable this name is among all that were tried, were there one cause.")
    ] = None
    since: Annotated[str, Meta(description="First period of it without a break; empty without times.")] = ""
    same_as: Annotated[
        Subset, Meta(description="Values all of them share besides: adding these names nobody else.")
    ] = {}
    disrupted: Annotated[bool, Meta(description="Whether it is beyond chance.")] = True


class OtherRow(msgspec.Struct, frozen=True, kw_only=True):
    """Another name that the data cannot rule out."""

    text: Annotated[str, Meta(description="The subset in words.")]
    subset: Annotated[Subset, Meta(description="Dimension to value, or to several values.")] = {}
    instead_of: Annotated[str, Meta(description="The subset it may be instead of.")] = ""
    seen: Annotated[float, Meta(description="Bad ones, count or amount now.")]
    expected: Annotated[float, Meta(description="Expected ones.")]
    ratio: Annotated[float, Meta(description="Seen as a multiple of expected.")]
    probability: Annotated[float, Meta(description="How probable this name is.")]


class PartRow(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a disrupted subset that is hit harder than its rest."""

    text: Annotated[str, Meta(description="The part in words.")]
    subset: Annotated[Subset, Meta(description="Dimension to value.")] = {}
    within: Annotated[str, Meta(description="The subset it is part of.")] = ""
    seen: Annotated[float, Meta(description="Bad ones, count or amount now.")]
    expected: Annotated[float, Meta(description="Expected ones.")]
    ratio: Annotated[float, Meta(description="Seen as a multiple of expected.")]


class LeastRow(msgspec.Struct, frozen=True, kw_only=True):
    """The smallest disruption of a size that would have been seen in four of five cases."""

    total: Annotated[float, Meta(description="Customers or requests of the subset now.")]
    expected: Annotated[float, Meta(description="Bad ones expected among them.")]
    ratio: Annotated[float | None, Meta(description="From how many times as many on; empty where none would do.")] = (
        None
    )


class PeriodRow(msgspec.Struct, frozen=True, kw_only=True):
    """One period of the first subset."""

    period: Annotated[str, Meta(description="The period; now is the last.")]
    seen: Annotated[float, Meta(description="Bad ones, count or amount.")]
    expected: Annotated[float, Meta(description="At its own level over the past.")]
    total: Annotated[float | None, Meta(description="All of which bad ones are part.")] = None


class SubsetTrial(Trial, frozen=True, kw_only=True):
    """Who is disrupted now."""

    disrupted: Annotated[bool, Meta(description="Whether any subset is worse beyond chance.")] = False
    p: Annotated[
        float | None, Meta(description="Chance of so clear a subset among all combinations where nothing happened.")
    ] = None
    level: Annotated[float, Meta(description="False alarms over all combinations together, at most.")] = 0.05
    combinations: Annotated[int, Meta(description="Combinations looked at.")] = 0
    total_green: Annotated[bool | None, Meta(description="Whether the total is within what it strays by itself.")] = (
        None
    )
    whole_ratio: Annotated[float | None, Meta(description="The total as a multiple of what was expected.")] = None
    change: Annotated[float | None, Meta(description="Change of the total's rate against its past.")] = None
    mix: Annotated[float | None, Meta(description="Part of it that other customers than before bring.")] = None
    rate: Annotated[float | None, Meta(description="Part of it that the same kind of customers do otherwise.")] = None
    season: Annotated[float | None, Meta(description="Part of it that now's hour or weekday brings, as before.")] = None
    now: Annotated[str, Meta(description="The period that counts as now.")] = ""
    rows: Annotated[tuple[SubsetRow, ...], Meta(description="The disrupted subsets, the clearest first.")] = ()
    alternatives: Annotated[tuple[OtherRow, ...], Meta(description="Other names the data cannot rule out.")] = ()
    within: Annotated[tuple[PartRow, ...], Meta(description="Where within them it is worse.")] = ()
    least: Annotated[tuple[LeastRow, ...], Meta(description="The smallest disruption that would have been seen.")] = ()
    periods: Annotated[tuple[PeriodRow, ...], Meta(description="The first subset over time.")] = ()
