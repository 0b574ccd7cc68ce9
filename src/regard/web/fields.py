"""What a company declares, as a form: the declarations that matter most, each a field in plain words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from regard.signals.declarations import Declarations
from regard.wording import title

if TYPE_CHECKING:
    from collections.abc import Mapping

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
          "November", "December")  # fmt: skip
CURRENCIES = ("EUR", "USD", "GBP", "BRL", "CHF", "JPY", "CNY", "INR", "CAD", "AUD", "SEK", "NOK", "DKK", "PLN", "MXN")
METRICS = {"": "the one answered most", "nps": "NPS", "csat": "CSAT", "ces": "CES", "stars": "stars"}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One declaration as a field.

    Attributes:
        name: Its path in the declarations: base.lost.
        label: What a person reads beside it.
        options: Value and words of each choice; none where it is written freely.
        suggestions: What is offered while it is written.
        whole: Whether it is a whole number.
        beside: The field it completes, and stands next to.
        hint: What to know before filling it in.
    """

    name: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    suggestions: tuple[str, ...] = ()
    whole: bool = False
    beside: str = ""
    hint: str = ""


ZONES = ("UTC", "Europe/Berlin", "Europe/London", "America/New_York", "America/Sao_Paulo", "Asia/Kolkata", "Asia/Tokyo",
         "Australia/Sydney")  # fmt: skip
WHAT = (("person", "a person"), ("account", "an account, with people in it"))
LOST = (
    ("", "not said yet"),
    ("subscription ends", "the last subscription ends"),
    ("no order", "nothing was ordered for"),
    ("no activity", "nothing was heard for"),
)
WORTH = (
    ("", "not said yet"),
    ("recurring", "a year of their subscriptions"),
    ("trailing", "what they ordered in the last"),
)
DAYS = tuple((day, title(day)) for day in ("monday", "sunday", "saturday"))
ENTRIES = (
    Entry(name="name", label="The company is called"),
    Entry(name="currency", label="Its money", suggestions=CURRENCIES, hint="Three letters, such as EUR."),
    Entry(name="customer", label="A customer is", options=WHAT),
    Entry(name="called", label="We call one a", hint="customer, member, student"),
    Entry(name="called_many", label="and several"),
    Entry(name="base.lost", label="A customer is lost when", options=LOST, hint="Opens the customer base."),
    Entry(name="base.days", label="days", whole=True, beside="base.lost"),
    Entry(name="value.kind", label="A customer is worth", options=WORTH, hint="Puts value beside every count."),
    Entry(name="value.days", label="days", whole=True, beside="value.kind"),
    Entry(name="base.active_days", label="Active if seen within so many days", whole=True),
    Entry(name="metric", label="The score shown first", options=tuple(METRICS.items())),
    Entry(name="time_zone", label="Days are counted in", suggestions=ZONES, hint="A zone such as Europe/Berlin."),
    Entry(name="week_start", label="A week starts on", options=DAYS),
    Entry(
        name="fiscal_year_start",
        label="The fiscal year starts in",
        options=tuple((str(i), month) for i, month in enumerate(MONTHS, 1)),
        whole=True,
    ),
)


def fields_of(declared: Declarations) -> list[dict[str, Any]]:
    """Every field with the value it holds; a value that is no choice of its field becomes one."""
    found = []
    for entry in ENTRIES:
        value: Any = declared
        for part in entry.name.split("."):
            value = getattr(value, part)
        text = "" if value is None else str(value)
        field = asdict(entry) | {"value": text}
        if entry.options and text not in dict(entry.options):
            field["options"] = (*entry.options, (text, text))
        found.append(field)
    return found


def filled(declared: Declarations, answers: Mapping[str, str]) -> dict[str, Any]:
    """The declarations with the fields as a person filled them in, as plain data still to be checked.

    Args:
        declared: What they are filled into; whatever the form does not hold stays.
        answers: Field name to what was written; unknown names are left alone.
    """
    plain: dict[str, Any] = msgspec.to_builtins(declared)
    for entry in ENTRIES:
        if entry.name not in answers:
            continue
        text = answers[entry.name].strip()
        place, _, name = entry.name.rpartition(".")
        holder = plain[place] if place else plain
        if entry.whole:
            holder[name] = int(text) if text.isdecimal() and len(text) < 7 else text
        else:
            holder[name] = (text or None) if entry.name in {"base.lost", "value.kind"} else text
    return plain
