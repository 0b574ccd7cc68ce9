"""When customers leave and why: survival with bands, hazards, competing reasons, what goes with leaving, what is at risk."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from regard.errors import BadInput
from regard.figures.staying import Staying, staying
from regard.findings import Interval
from regard.trying import leaving
from regard.trying.columns import Columns
from regard.trying.trials import Trial, trial
from regard.trying.valued import day_of
from regard.wording import number

if TYPE_CHECKING:
    from regard.figures.figure import Figure


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
    curve: Annotated[tuple[leaving.CurveStep, ...], Meta(description="The curve of those who stay, in steps.")] = ()


@trial(title="Churn", example="regard try churn customers.csv --customer id --start signed --end cancelled --reason why")
def churn(
    data: Columns,
    *,
    customer: Annotated[str, Meta(description="Column that names the customer; each row its own when left out.")] = "",
    start: Annotated[str, Meta(description="Column with the day a customer began.")] = "",
    end: Annotated[str, Meta(description="Column with the day they left; empty for those still there.")] = "",
    reason: Annotated[str, Meta(description="Column with the reason they left; empty where it is unknown.")] = "",
    parts: Annotated[
        tuple[str, ...],
        Meta(description="Columns that may go with leaving: numbers, texts, or days from which something held."),
    ] = (),
    value: Annotated[str, Meta(description="Column with a customer's value; each counts one when left out.")] = "",
    seen: Annotated[str, Meta(description="Column with the day a customer was first observed, if after the start.")] = "",
    until: Annotated[str, Meta(description="Day the data end, as 2026-09-30; the last day seen when left out.")] = "",
    tenure: Annotated[str, Meta(description="Column with the tenure so far, in place of start and end.")] = "",
    left: Annotated[str, Meta(description="Column that says whether they left (1 or 0), with the tenure.")] = "",
    ahead: Annotated[int, Meta(description="Days: the tenure the answer is about, and the time ahead at risk.", ge=1)] = 365,
) -> ChurnTrial:
    """When do customers leave, for which reasons, what goes with it, and how much is at risk?"""
    if bool(tenure) != bool(left):
        raise BadInput("--tenure and --left go together.", where="--tenure", hint="Name both, or --start and --end.")
    read = leaving.read(
        data, customer=customer, start=start, end=end, seen=seen, reason=reason, value=value, tenure=tenure, left=left,
        parts=parts, until=day_of(until),
    )  # fmt: skip
    return leaving.told(read, ahead=ahead, into=ChurnTrial)


def figure(found: ChurnTrial) -> Figure | None:
    """The curve of those who stay with its band; above it those who left, by reason."""
    names = [r.reason for r in found.reasons] if len(found.reasons) > 1 else []
    steps = [
        Staying(at=c.months, share=c.stay, low=c.low, high=c.high, gone=c.gone if names else ()) for c in found.curve
    ]
    unit = "months since the start" if found.until else "tenure"
    return staying(steps, title=found.answer, reasons=names, unit=unit, write=lambda v: number(round(v)))
