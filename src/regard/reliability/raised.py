"""What a detector says: one cause that holds now, who it concerns, and what to do.

A detector looks at the log and says everything that holds at the moment it looks, each time anew; it keeps nothing and
remembers nothing. What is an alert, and when it is opened, updated, ended or kept quiet, is decided from its causes by
`reliability.rounds`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Kind = Literal["disruption", "indicator", "odd", "promise"]
"""disruption: a subset of customers while the total may look fine; indicator: a series that left its limits; odd: one
customer's behaviour that may be a mistake; promise: about to break, or broken and not yet told."""

KINDS: dict[str, str] = {
    "disruption": "Disrupted customers",
    "indicator": "Indicator off course",
    "odd": "Odd behaviour",
    "promise": "Promise at risk",
}
"""What each kind is called."""

MOST_CUSTOMERS = 1000
"""Ids an alert carries; those concerned beyond them are counted and found by asking its question."""

_CAUSE = re.compile(r"[^\x00-\x20\x7f]{1,200}")


class Who(msgspec.Struct, frozen=True, kw_only=True):
    """The customers concerned."""

    words: Annotated[str, Meta(description="As a person would say it: 312 customers on the Team plan in Brazil.")]
    count: Annotated[int, Meta(description="How many customers.", ge=0)]
    customers: Annotated[
        tuple[str, ...],
        Meta(description="Their ids as customers/customer takes them, those with most at stake first."),
    ] = ()
    slice: Annotated[
        dict[str, str], Meta(description="The labels they share: {region: Brazil, plan: Team}; empty: none.")
    ] = {}


class AtStake(msgspec.Struct, frozen=True, kw_only=True):
    """What it may cost."""

    words: Annotated[str, Meta(description="As a person would say it: € 41,000 a year.")]
    amount: Annotated[float | None, Meta(description="In `currency`; empty where nobody can say.")] = None
    currency: Annotated[str, Meta(description="ISO code.")] = ""


class Certainty(msgspec.Struct, frozen=True, kw_only=True):
    """How sure it is."""

    words: Annotated[str, Meta(description="Such as: chance alone would show this once in 40 months.")]
    chance: Annotated[
        float | None, Meta(description="Chance that this shows while nothing is wrong, as measured; empty: counted.")
    ] = None


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """One cause that holds now.

    `what` and `who.words` make its title: "312 customers on the Team plan in Brazil cannot pay". Nothing that changes
    while the cause lasts (counts, dates, chances) may be part of ``cause``: it is the key one alert is kept under.
    """

    cause: Annotated[
        str,
        Meta(description="Stable key without blanks: disruption:checkout_worked:plan=Team,region=Brazil (see `key`)."),
    ]
    kind: Annotated[Kind, Meta(description="disruption, indicator, odd or promise.")]
    what: Annotated[str, Meta(description="What is off course, to be read after who: cannot pay.")]
    who: Annotated[Who, Meta(description="The customers concerned.")]
    since: Annotated[datetime, Meta(description="When it began, UTC.")]
    next_step: Annotated[str, Meta(description="What to do, one sentence.")]
    certainty: Annotated[Certainty, Meta(description="How sure it is.")]
    at_stake: Annotated[AtStake | None, Meta(description="What it may cost; empty where nobody can say.")] = None
    size: Annotated[
        float | None,
        Meta(description="How big it is, comparable within its kind: what grows when it gets worse; else who.count."),
    ] = None
    also: Annotated[
        tuple[str, ...], Meta(description="What else changed then, a sentence each: Release 8.2 began the same hour.")
    ] = ()
    notice: Annotated[
        str, Meta(description="Draft of what the customers concerned are told; empty takes the kind's own.")
    ] = ""
    evidence: Annotated[
        dict[str, Any],
        Meta(description="What shows it: question (its path), arguments, and figures by name; JSON values only."),
    ] = {}

    @property
    def bigness(self) -> float:
        """Its size, else how many customers it concerns."""
        return float(self.who.count) if self.size is None else self.size

    @property
    def title(self) -> str:
        """Who and what, in one sentence without its stop."""
        words = f"{self.who.words} {self.what}".strip().rstrip(".")
        return words[:1].upper() + words[1:]


def key(kind: Kind, about: str, slice_: dict[str, str] | None = None) -> str:
    """A stable key of a cause: the same trouble of the same customers, whenever it is seen.

    Args:
        kind: Its kind.
        about: What it is about: an indicator, a promise, a rule and its customer.
        slice_: The labels the customers share.
    """
    labels = ",".join(f"{name}={value}" for name, value in sorted((slice_ or {}).items()))
    words = ":".join(part for part in (kind, about, labels) if part)
    return re.sub(r"[\x00-\x20\x7f]+", "_", words)[:200]


def check(raised: Raised) -> Raised:
    """The same, as it may be kept: times in UTC, no more customers than an alert carries.

    Raises:
        ValueError: The detector broke its word: a key with blanks or none, or numbers that are none.
    """
    if not _CAUSE.fullmatch(raised.cause):
        raise ValueError(f"{raised.cause!r} is no key of a cause: 1 to 200 characters without blanks.")
    if not raised.what.strip() or not raised.who.words.strip():
        raise ValueError(f"{raised.cause} does not say who and what.")
    if not -float("inf") < raised.bigness < float("inf"):
        raise ValueError(f"{raised.cause} has no size.")
    since = raised.since.replace(tzinfo=UTC) if raised.since.tzinfo is None else raised.since.astimezone(UTC)
    who = msgspec.structs.replace(raised.who, customers=raised.who.customers[:MOST_CUSTOMERS])
    found = msgspec.structs.replace(raised, since=since, who=who)
    return msgspec.json.decode(msgspec.json.encode(found), type=Raised)
