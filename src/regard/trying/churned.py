"""What an answer about churn is made of: tenures, reasons, what goes with leaving, what is at risk, the curve."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from regard.findings import Interval
from regard.trying.trials import Trial


class AtTenure(msgspec.Struct, frozen=True, kw_only=True):
    """A span of tenure."""

    months: Annotated[float, Meta(description="Months of tenure at its end.")]
    observed: Annotated[int, Meta(description="Customers under observation when it begins.")]
    left: Annotated[int, Meta(description="Customers who left within.")]
    stay: Annotated[float, Meta(description="Share of customers that stays beyond it.")]
    interval: Annotated[Interval, Meta(description="Interval of that share.")]
    hazard: Annotated[float | None, Meta(description="Share that leaves a month within it, of those there.")] = None
    hazard_interval: Annotated[Interval | None, Meta(description="Interval of that share.")] = None


class ReasonGone(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for leaving."""

    reason: Annotated[str, Meta(description="The reason as given; unknown where none was.")]
    left: Annotated[int, Meta(description="Customers who left for it.")]
    share: Annotated[float, Meta(description="Share of those who left.")]
    gone: Annotated[float, Meta(description="Share of customers gone by it within the time asked for.")]
    interval: Annotated[Interval, Meta(description="Interval of that share.")]
    value_left: Annotated[float | None, Meta(description="Value of those who left for it.")] = None
    at_risk: Annotated[float | None, Meta(description="Value, or customers, at risk by it in the time ahead.")] = None
    at_risk_interval: Annotated[Interval | None, Meta(description="Interval of that.")] = None
    at_risk_share: Annotated[float | None, Meta(description="Its share of all that is at risk.")] = None


class PartEffect(msgspec.Struct, frozen=True, kw_only=True):
    """What goes with leaving."""

    part: Annotated[str, Meta(description="The column, with the level where it holds text.")]
    ratio: Annotated[float, Meta(description="Hazard ratio: above 1 goes with leaving (Cox, Efron ties).")]
    interval: Annotated[Interval, Meta(description="Its interval.")]
    p: Annotated[float, Meta(description="p-value against 1.")]
    steady: Annotated[float, Meta(description="p-value of the ratio staying the same over tenure (Schoenfeld).")]
    monthly: Annotated[float | None, Meta(description="Hazard ratio of the month-by-month model.")] = None


class PartStake(msgspec.Struct, frozen=True, kw_only=True):
    """What is at risk together with one part; the rows add up to all that is at risk."""

    part: Annotated[str, Meta(description="The part; the rest is what a typical customer risks.")]
    at_risk: Annotated[float, Meta(description="Value, or customers, at risk that go with it: an association.")]
    share: Annotated[
        float | None,
        Meta(description="Of those who left, by value: the share that goes with it; of parts that hold or do not."),
    ] = None
    share_interval: Annotated[Interval | None, Meta(description="Interval of that share.")] = None


class CurveStep(msgspec.Struct, frozen=True, kw_only=True):
    """A point of the curve of those who stay, as it is drawn."""

    months: Annotated[float, Meta(description="Months of tenure.")]
    stay: Annotated[float, Meta(description="Share that stays beyond it.")]
    low: Annotated[float, Meta(description="Lower end of its interval, as a share.")]
    high: Annotated[float, Meta(description="Upper end, as a share.")]
    gone: Annotated[tuple[float, ...], Meta(description="Share gone by each reason until then.")] = ()


class ChurnTrial(Trial, frozen=True, kw_only=True):
    """When customers leave, why, and what is at risk."""

    until: Annotated[date | None, Meta(description="End of the data, where days were given.")] = None
    months: Annotated[float, Meta(description="Tenure, in months, that the estimate is about.")] = 0.0
    ended: Annotated[int, Meta(description="Customers who left.")] = 0
    median: Annotated[float | None, Meta(description="Months until half have left; empty where they have not.")] = None
    median_interval: Annotated[Interval | None, Meta(description="Interval of that.")] = None
    mean: Annotated[float | None, Meta(description="Mean months stayed within that tenure.")] = None
    mean_interval: Annotated[Interval | None, Meta(description="Interval of that.")] = None
    at_risk: Annotated[float | None, Meta(description="Value, or customers, expected to be lost ahead.")] = None
    at_risk_interval: Annotated[Interval | None, Meta(description="Interval of that.")] = None
    unit: Annotated[str, Meta(description="What is at risk: value or customers.")] = ""
    concordance: Annotated[float | None, Meta(description="How often the parts tell who leaves first.")] = None
    loglik: Annotated[float | None, Meta(description="Log partial likelihood of the parts' model.")] = None
    rows: Annotated[tuple[AtTenure, ...], Meta(description="Staying and leaving by tenure.")] = ()
    reasons: Annotated[tuple[ReasonGone, ...], Meta(description="Reasons, the most at risk first.")] = ()
    effects: Annotated[tuple[PartEffect, ...], Meta(description="What goes with leaving.")] = ()
    stakes: Annotated[tuple[PartStake, ...], Meta(description="What is at risk, by part.")] = ()
    curve: Annotated[tuple[CurveStep, ...], Meta(description="The curve of those who stay, in steps.")] = ()
