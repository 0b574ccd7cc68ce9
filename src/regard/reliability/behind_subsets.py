"""What is behind a disrupted subset: who its customers are, what they are worth, and what else changed then."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from scipy.stats import binomtest

from regard import wording
from regard.periods import parse_day
from regard.reliability.disrupted import causes
from regard.statistics.comparisons import benjamini_hochberg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from regard.reliability.cubed import Read
    from regard.reliability.disrupted import Look, Subset
    from regard.signals.ask import Ask

AROUND = timedelta(days=2)
"""How long before the earliest and after the latest beginning something counts as having changed then."""
LONG = 28
"""Most days before a beginning that tell what was usual of errors and contacts."""
CLAIMED, LEAST_TIMES, LEAST_SEEN, MOST = 0.05, 1.5, 5, 4
MOSTLY = 0.5
"""Share of the disrupted from which on a new value they have tells of them."""
NEW_AFTER = 7
"""Days into the log read from which on a value that was not there before is new."""
SOON = timedelta(days=42)
"""How long before a disruption a new version may have been seen first: customers take it one after the other."""


@dataclass(frozen=True, kw_only=True)
class People:
    """Customers of some subsets: name and id of each, what they are worth, and whether value is known at all."""

    names: dict[int, tuple[str, str]] = field(default_factory=dict)
    worth: dict[int, float] = field(default_factory=dict)
    valued: bool = False

    def worth_of(self, customers: Sequence[int]) -> float | None:
        """What some of them are worth in all; None where value is not known."""
        return float(sum(self.worth.get(c, 0.0) for c in customers)) if self.valued else None


@dataclass(frozen=True, kw_only=True)
class Changed:
    """Something that changed when a disruption began.

    Attributes:
        kind: act, declared change, first seen, errors or contacts.
        what: What it is.
        when: Its day or moment (UTC), where it has one.
        before, since: Customers a day that met it.
        q: p of no change among all that was looked at.
    """

    kind: str
    what: str
    when: date | datetime | None = None
    before: float | None = None
    since: float | None = None
    q: float | None = None


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a look over the whole workspace found, before it is put into words.

    Attributes:
        seen: What customers met.
        looked: Every indicator with every length of now.
        subsets: The subsets that rang, each once.
        people: Who is in them.
    """

    seen: Read
    looked: tuple[Look, ...]
    subsets: tuple[Subset, ...]
    people: People

    @property
    def causes(self) -> tuple[tuple[Subset, ...], ...]:
        """Subsets by cause, those that are over left out."""
        return causes([s for s in self.subsets if not s.over])


def people(ask: Ask, found: Sequence[Subset]) -> People:
    """Who the disrupted customers are and what they are worth at the end of the period."""
    ids = sorted({int(c) for one in found for c in one.hit})
    if not ids:
        return People(valued=bool(ask.declarations.value.kind))
    ask.keep("disrupted", pa.table({"customer": pa.array(ids, pa.int64())}))
    names = {r["customer"]: (r["name"] or "unknown", r["id"] or "") for r in ask.rows("disruptions_who.sql")}
    kind = ask.declarations.value.kind or ""
    if not kind or not ask.count("subscription" if kind == "recurring" else "order"):
        return People(names=names)
    ask.keep("unserved", pa.table({"customer": pa.array(ids, pa.int64())}))
    table = ask.table("served_worth.sql")
    worth = dict(zip(table.column("customer").to_pylist(), table.column("value").to_pylist(), strict=True))
    return People(names=names, worth={c: float(v or 0.0) for c, v in worth.items()}, valued=True)


def since_then(ask: Ask, seen: Read, one: Subset) -> tuple[Changed, ...]:
    """What else changed when a subset's disruption began.

    Acts and declared changes about then; values of its dimensions that were first seen then or in the weeks before;
    errors and contacts of its customers that grew, by an exact test of customers a day before and since, false
    discoveries at 5 %.
    """
    return (*_acts(ask, one), *_declared(ask, one), *_first_seen(seen, one), *_met(ask, seen, one))


def _acts(ask: Ask, one: Subset) -> Iterator[Changed]:
    if not ask.count("act"):
        return
    for row in ask.rows("disruptions_acts.sql", start=one.since_low - AROUND, stop=one.since_high + AROUND):
        yield Changed(kind="act", what=row["name"], when=row["occurred_at"])


def _declared(ask: Ask, one: Subset) -> Iterator[Changed]:
    for change in ask.declarations.changes:
        day = parse_day(change.on, where="changes.on")
        if (one.since_low - AROUND).date() <= day <= (one.since_high + AROUND).date():
            yield Changed(kind="declared change", what=change.name, when=day)


def _first_seen(seen: Read, one: Subset) -> Iterator[Changed]:
    """Values that name the subset, or that most of the disrupted have, and that are new: a version just released."""
    met = one.met
    oldest = int(met.age.max(initial=0))
    mine = (met.age < one.counted.days) & np.isin(met.customer, one.hit)
    for d, dimension in enumerate(seen.dims):
        for value in np.unique(met.codes[mine, d]):
            label = str(seen.labels[d][value])
            own = met.codes[:, d] == value
            shared = len(np.unique(met.customer[mine & own])) >= MOSTLY * len(one.hit)
            last = int(met.age[own].max())
            if not (shared or label in one.where.get(dimension, ())) or oldest - last < NEW_AFTER:
                continue
            first = seen.end - timedelta(days=last + 1)
            if one.since_low - SOON <= first <= one.since_high + AROUND:
                yield Changed(kind="first seen", what=f"{dimension} {label}", when=first)


def _met(ask: Ask, seen: Read, one: Subset) -> Iterator[Changed]:
    """Errors and contacts of the subset's customers that grew since it began."""
    if not len(one.customers):
        return
    since = max((seen.end - one.since).total_seconds() / 86_400, 1.0)
    before = min(float(LONG), max(3 * since, 14.0))
    ask.keep("members", pa.table({"customer": pa.array(np.unique(one.customers), pa.int64())}))
    rows = ask.rows("disruptions_also.sql", since=one.since, end=seen.end, start=one.since - timedelta(days=before))
    rows = [r for r in rows if r["since"] + r["before"] >= LEAST_SEEN]
    share = since / (since + before)
    p = [binomtest(r["since"], r["since"] + r["before"], share, alternative="greater").pvalue for r in rows]
    found = [
        Changed(kind=r["kind"], what=wording.plainly(r["what"]), before=r["before"] / before, since=r["since"] / since,
                q=float(q))
        for r, q in zip(rows, benjamini_hochberg(p) if p else (), strict=True)
        if q <= CLAIMED and r["since"] / since >= LEAST_TIMES * max(r["before"], 0.5) / before
    ]  # fmt: skip
    yield from sorted(found, key=lambda c: (c.q or 0.0, c.kind, c.what))[:MOST]
