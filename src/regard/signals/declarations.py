"""What the company declares: the meaning of its numbers, kept in ``company.toml`` and versioned in state.

Proposed from the data, confirmed or edited by a person. A question that needs a missing one raises
`MissingDeclaration` and names it.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer is worth."""

    kind: Annotated[
        Literal["recurring", "trailing"] | None,
        Meta(
            description="recurring: a year of active subscriptions; trailing: orders of the last `days`, less refunds."
        ),
    ] = None
    days: Annotated[int, Meta(description="Days looked back for trailing value.", ge=1)] = 365


class CustomerBase(msgspec.Struct, frozen=True, kw_only=True):
    """When somebody is in the customer base."""

    lost: Annotated[
        Literal["subscription ends", "no order", "no activity"] | None,
        Meta(description="What ends a customership: the last subscription ends, or no order / no activity for `days`."),
    ] = None
    days: Annotated[int, Meta(description="Days of silence after which a customer without contract is lost.", ge=1)] = (
        365
    )
    active_days: Annotated[
        int, Meta(description="A customer is active when any event, order or telemetry came within so many days.", ge=1)
    ] = 30


class Dimension(msgspec.Struct, frozen=True, kw_only=True):
    """A label customers or signals are cut by."""

    name: Annotated[str, Meta(description="Its name in commands and pages: region.")]
    label: Annotated[str, Meta(description="The label or column it reads; empty takes the name.")] = ""
    title: Annotated[str, Meta(description="What people call it: Region.")] = ""
    of: Annotated[
        Literal["customer", "signal"],
        Meta(description="customer: from profiles; signal: on the signal itself, else from profiles."),
    ] = "customer"
    when: Annotated[
        Literal["then", "now"], Meta(description="As it was when the signal occurred, or as it is now.")
    ] = "then"


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a stage: which signals belong to it."""

    name: Annotated[str, Meta(description="What people call it: First report.")]
    events: Annotated[
        tuple[str, ...], Meta(description="Event names that belong to it; * at the end matches a prefix.")
    ] = ()
    kinds: Annotated[
        tuple[str, ...],
        Meta(description="Kinds of signal that belong to it whole: order, contact, subscription:start."),
    ] = ()
    surveys: Annotated[tuple[str, ...], Meta(description="Surveys asked at this moment.")] = ()
    areas: Annotated[tuple[str, ...], Meta(description="Contact areas that belong to it.")] = ()
    promises: Annotated[tuple[str, ...], Meta(description="Promises made or kept here.")] = ()


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """A stage of the journey, as the customer lives it."""

    name: Annotated[str, Meta(description="What people call it: Start.")]
    moments: Annotated[tuple[Moment, ...], Meta(description="Its moments, in order.")] = ()


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """What working means, as a customer meets it: what an attempt is, and when one went well."""

    name: Annotated[str, Meta(description="What people call it: Checkout works.")]
    total: Annotated[
        str,
        Meta(
            description="What an attempt is: names of events, of telemetry (spans are) or of metrics, with | between "
            "them; * at the end matches a prefix."
        ),
    ]
    good: Annotated[
        str, Meta(description="What says that one went well, likewise; empty: the attempt itself, without an error.")
    ] = ""
    within: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        Meta(description="Seconds it may take (of a gauge: the most it may be); longer did not go well."),
    ] = None
    moment: Annotated[str, Meta(description="The moment of the journey it belongs to.")] = ""
    needed: Annotated[
        float,
        Meta(description="Share of a customer's attempts that must go well for them to be served well.", gt=0, le=1),
    ] = 1.0
    each: Annotated[
        Literal["period", "week", "day"],
        Meta(description="Stretch of time that share must hold in: every week of the period, every day, or the whole."),
    ] = "period"
    target: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(description="Share of customers that should be served well: 0.99."),
    ] = None


class Improvement(msgspec.Struct, frozen=True, kw_only=True):
    """Something the company could do, to be weighed against the rest. Ranges are one number or low, likely, high."""

    name: Annotated[str, Meta(description="What people call it: Vans for Iberia.")]
    moves: Annotated[
        tuple[str, ...],
        Meta(description="Drivers it works on, as listening/drivers names them, or a stage or moment of the journey."),
    ] = ()
    share: Annotated[
        tuple[float, ...],
        Meta(description="Share of what goes wrong there that it ends where it works: 0.5, or low, likely, high."),
    ] = (0.5,)
    value: Annotated[
        tuple[float, ...],
        Meta(
            description="What else it brings a year, in the company's currency, whatever it moves: low, likely, high."
        ),
    ] = ()
    cost: Annotated[
        tuple[float, ...],
        Meta(description="What it costs, in the company's currency: one in ten less, likely, one in ten more."),
    ] = ()
    chance: Annotated[
        tuple[float, ...], Meta(description="Chance that it works: 0.6, or low, likely, high; empty: not known.")
    ] = ()
    needs: Annotated[tuple[str, ...], Meta(description="Improvements it cannot do without.")] = ()
    instead_of: Annotated[tuple[str, ...], Meta(description="Improvements of which only one can be done.")] = ()
    zone: Annotated[
        Literal["now", "efficient", "next", "new"],
        Meta(description="now: what customers pay for today; efficient: the same for less; next: tried; new: a bet."),
    ] = "now"
    weight: Annotated[
        float, Meta(description="Strategic weight of its value in choosing; money is told without it.", gt=0, le=10)
    ] = 1.0


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Something that was changed, or will be, for some customers and not for others: graded by leadership/proof."""

    name: Annotated[str, Meta(description="What people call it: More vans in Iberia.")]
    on: Annotated[str, Meta(description="The day it took hold, YYYY-MM-DD.")]
    by: Annotated[str, Meta(description="Dimension whose values it reached or did not: region.")]
    reached: Annotated[tuple[str, ...], Meta(description="The values it reached: Iberia.")]
    compared: Annotated[
        tuple[str, ...], Meta(description="The values to compare with; empty: all it did not reach.")
    ] = ()
    measure: Annotated[
        Literal["score", "promises", "path"],
        Meta(description="What it should move: the declared score, promises kept, or which of two ways people go."),
    ] = "score"
    promise: Annotated[str, Meta(description="Which promise, where it is about one: delivery.")] = ""
    after: Annotated[
        tuple[str, ...], Meta(description="path: the one or two events that people come along: help opened, form sent.")
    ] = ()
    reaches: Annotated[str, Meta(description="path: the event they should go on to.")] = ""
    instead: Annotated[str, Meta(description="path: the event they should not go on to.")] = ""
    unmoved: Annotated[
        tuple[str, ...],
        Meta(description="Negative controls: what it cannot move: score, promises, or the name of another promise."),
    ] = ()
    margin: Annotated[
        Annotated[float, Meta(ge=0)] | None,
        Meta(description="A change no larger than this, in points, counts as none."),
    ] = None
    declared: Annotated[
        str, Meta(description="The day this was declared; only what was declared beforehand can be proven.")
    ] = ""
    randomised: Annotated[bool, Meta(description="Whether lots decided whom it reached.")] = False


class OpenTelemetry(msgspec.Struct, frozen=True, kw_only=True):
    """What of OpenTelemetry is kept, whose it is, and how its attributes are called here."""

    person: Annotated[
        tuple[str, ...], Meta(description="Attributes that hold the person's id; the first that is there counts.")
    ] = ("user.id", "enduser.id")
    anonymous: Annotated[tuple[str, ...], Meta(description="Attributes that hold the id of a device or session.")] = (
        "session.id", "device.id", "app.installation.id",
    )  # fmt: skip
    account: Annotated[tuple[str, ...], Meta(description="Attributes that hold the account's id.")] = (
        "account.id", "tenant.id",
    )  # fmt: skip
    events: Annotated[
        tuple[str, ...],
        Meta(
            description="Names of spans that are steps of the customer: with a customer they become events, not "
            "telemetry; * at the end matches a prefix."
        ),
    ] = ()
    spans: Annotated[
        Literal["served", "all"],
        Meta(
            description="served: spans of a request served, those without a parent, with a customer, or named in "
            "`events`; all: inner ones, too."
        ),
    ] = "served"
    logs: Annotated[
        Literal["trace", "debug", "info", "warn", "error", "fatal"],
        Meta(description="Least severity of a log record that is kept though it names no event."),
    ] = "error"
    labels: Annotated[
        tuple[str, ...],
        Meta(description="Attributes kept as labels; empty: all but addresses, queries and places in code."),
    ] = ()
    called: Annotated[
        dict[str, str], Meta(description="What an attribute is called here: service.version is version.")
    ] = {}


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A dated exchange rate."""

    currency: Annotated[str, Meta(description="ISO code of the money converted from.")]
    since: Annotated[str, Meta(description="First day it holds, YYYY-MM-DD.")]
    rate: Annotated[float, Meta(description="Units of the company's currency for one unit.", gt=0)]


class Declarations(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a company declares."""

    name: Annotated[str, Meta(description="Name of the company.")] = ""
    customer: Annotated[Literal["person", "account"], Meta(description="What a customer is.")] = "person"
    called: Annotated[str, Meta(description="What one customer is called: customer, member, student.")] = "customer"
    called_many: Annotated[str, Meta(description="What many are called.")] = "customers"
    time_zone: Annotated[str, Meta(description="IANA zone days and weeks are counted in.")] = "UTC"
    week_start: Annotated[Literal["monday", "sunday", "saturday"], Meta(description="First day of a week.")] = "monday"
    fiscal_year_start: Annotated[int, Meta(description="Month the fiscal year starts with.", ge=1, le=12)] = 1
    currency: Annotated[str, Meta(description="ISO code of the company's currency.")] = ""
    rates: Annotated[tuple[Rate, ...], Meta(description="Dated exchange rates into it.")] = ()
    value: Annotated[Value, Meta(description="What a customer is worth.")] = Value()
    base: Annotated[CustomerBase, Meta(description="When somebody is in the base.")] = CustomerBase()
    metric: Annotated[str, Meta(description="The score shown first: nps, csat, ces, stars.")] = ""
    dimensions: Annotated[tuple[Dimension, ...], Meta(description="What customers are cut by.")] = ()
    stages: Annotated[tuple[Stage, ...], Meta(description="The journey.")] = ()
    most_steps_a_day: Annotated[
        Annotated[int, Meta(ge=1)] | None,
        Meta(
            description="Who does more steps in any 24 hours is taken for a machine: left out of paths, and counted; "
            "empty: 2,000 where customers are people, 50,000 where they are accounts."
        ),
    ] = None
    indicators: Annotated[tuple[Indicator, ...], Meta(description="What working means, for reliability/served.")] = ()
    improvements: Annotated[
        tuple[Improvement, ...], Meta(description="What could be done, for leadership/priorities.")
    ] = ()
    changes: Annotated[
        tuple[Change, ...], Meta(description="What was or will be changed for some customers, for leadership/proof.")
    ] = ()
    opentelemetry: Annotated[OpenTelemetry, Meta(description="What of OpenTelemetry is kept, and whose it is.")] = (
        OpenTelemetry()
    )

    def dimension(self, name: str) -> Dimension | None:
        """The declared dimension of that name, or None."""
        return next((d for d in self.dimensions if d.name == name), None)
