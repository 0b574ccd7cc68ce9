"""What each customer is worth from here on: purchases and money ahead, from one file of purchases or of contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from msgspec import Meta

from regard.errors import BadInput
from regard.figures.line import Point, banded_line
from regard.trying import contracts, purchases
from regard.trying.columns import Columns
from regard.trying.trials import trial
from regard.trying.valued import ValueTrial, day_of

if TYPE_CHECKING:
    from regard.figures.figure import Figure

CUSTOMER = ("customer", "customer id", "customer number", "account", "user", "person", "client", "member", "email")


@trial(title="Value", example="regard try value orders.csv --customer customer --time ordered --amount amount")
def value(
    data: Columns,
    *,
    customer: Annotated[str, Meta(description="Column that names the customer.")] = "",
    time: Annotated[str, Meta(description="Column with the day of each purchase.")] = "",
    amount: Annotated[str, Meta(description="Column with the amount of a purchase, or of a contract's renewal.")] = "",
    until: Annotated[
        str,
        Meta(description="Day the answer is as of, as 2026-09-30: what comes after is held out; else the last day."),
    ] = "",
    start: Annotated[str, Meta(description="Column with the start of a contract, in place of the time.")] = "",
    end: Annotated[str, Meta(description="Column with its end; empty where it runs.")] = "",
    period: Annotated[
        Literal["", "month", "quarter", "year"],
        Meta(description="How often contracts renew; told from how long those that ended lasted when left out."),
    ] = "",
    ahead: Annotated[int, Meta(description="Days ahead.", ge=1, le=3660)] = 365,
    discount: Annotated[float, Meta(description="Discount a year, as 0.1.", ge=0, le=1)] = 0.1,
    model: Annotated[
        Literal["bg/nbd", "pareto/nbd"], Meta(description="Model of purchases without a contract.")
    ] = "bg/nbd",
    held_out: Annotated[
        float, Meta(description="Share of the time held out, where --until leaves none.", gt=0, lt=1)
    ] = 0.5,
) -> ValueTrial:
    """What will each customer buy, what is it worth, and how far can that be trusted?"""
    if time and (start or end):
        raise BadInput(
            "Purchases have a --time; contracts have a --start and --end.",
            where="--time",
            hint="Name one or the other.",
        )
    customer = customer or data.guess("customer", CUSTOMER)
    if start or end:
        start = start or data.guess(
            "start", ("start", "started", "since", "begin", "signed"), "time", skip=(customer, end)
        )
        return contracts.told(
            data, customer=customer, start=start, end=end, amount=amount, until=day_of(until), period=period,
            ahead=ahead, discount=discount, held_out=held_out,
        )  # fmt: skip
    return purchases.told(
        data, customer=customer, time=time, amount=amount, until=day_of(until), ahead=ahead, discount=discount,
        model=model, held_out=held_out,
    )  # fmt: skip


def figure(found: ValueTrial) -> Figure | None:
    """What was expected of the time held out, beside what came."""
    if len(found.steps) < 2:
        return None
    made = [Point(label=f"{s.until:%d %b}", value=s.actual) for s in found.steps]
    told = [Point(label=f"{s.until:%d %b}", value=s.expected) for s in found.steps]
    return banded_line(made, before=told, before_name="expected", title=found.answer)
