"""When customers leave and why: survival, hazards, competing reasons, what goes with leaving, what is at risk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from regard.errors import BadInput
from regard.figures.staying import Staying, staying
from regard.trying import leaving
from regard.trying.churned import ChurnTrial
from regard.trying.columns import Columns
from regard.trying.trials import trial
from regard.trying.valued import day_of
from regard.wording import number

if TYPE_CHECKING:
    from regard.figures.figure import Figure


@trial(
    title="Churn", example="regard try churn customers.csv --customer id --start signed --end cancelled --reason why"
)
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
    seen: Annotated[
        str, Meta(description="Column with the day a customer was first observed, if after the start.")
    ] = "",
    until: Annotated[str, Meta(description="Day the data end, as 2026-09-30; the last day seen when left out.")] = "",
    tenure: Annotated[str, Meta(description="Column with the tenure so far, in place of start and end.")] = "",
    left: Annotated[str, Meta(description="Column that says whether they left (1 or 0), with the tenure.")] = "",
    unit: Annotated[Literal["day", "week", "month", "year"], Meta(description="Unit of the tenure column.")] = "month",
    ahead: Annotated[
        int, Meta(description="Days: the tenure the answer is about, and the time ahead at risk.", ge=1)
    ] = 365,
) -> ChurnTrial:
    """When do customers leave, for which reasons, what goes with it, and how much is at risk?"""
    if bool(tenure) != bool(left):
        raise BadInput("--tenure and --left go together.", where="--tenure", hint="Name both, or --start and --end.")
    read = leaving.read(
        data, customer=customer, start=start, end=end, seen=seen, reason=reason, value=value, tenure=tenure, left=left,
        unit=unit, parts=parts, until=day_of(until),
    )  # fmt: skip
    return leaving.told(read, ahead=ahead)


def figure(found: ChurnTrial) -> Figure | None:
    """The curve of those who stay with its band; above it those who left, by reason."""
    names = [r.reason for r in found.reasons] if len(found.reasons) > 1 else []
    steps = [
        Staying(at=c.months, share=c.stay, low=c.low, high=c.high, gone=c.gone if names else ()) for c in found.curve
    ]
    unit = "months since the start" if found.until else "tenure"
    return staying(steps, title=found.answer, reasons=names, unit=unit, write=lambda v: number(round(v)))
