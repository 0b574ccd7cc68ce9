"""How long customers without a contract have stayed, and when they fell silent: the base as it is declared.

A customer stays from the first sign on, until there was none for the declared days. When they were lost is known only
then; what drove them off came before they fell silent, so that is the day that is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regard.errors import Refusal
from regard.signals.tenures import Stays, day_of, days, numbered

if TYPE_CHECKING:
    import pyarrow as pa

    from regard.signals.ask import Ask
    from regard.statistics.estimates import Floats, Whole

SILENT = ("no order", "no activity")
GRACE = 30.0
"""Most days of silence after which one is looked at: those who came back later are like them until then."""


@dataclass(frozen=True, kw_only=True)
class Silences:
    """Stays of customers who say no goodbye, and every pause between their signs.

    Attributes:
        stays: Every stay; who is lost is lost so many days after the last sign.
        last: Day of each sign after which at least `grace` days were quiet.
        back: Day of the sign that followed; NaN where none did yet.
        stay: The stay each belongs to.
        grace: Days of silence after which one is looked at.
    """

    stays: Stays
    last: Floats
    back: Floats
    stay: Whole
    grace: float


def silences(ask: Ask) -> Silences:
    """Stays and pauses of the scope.

    Raises:
        Refusal: No sign of a known customer yet.
    """
    return ask.view.once(("silences", *ask.scope.key), lambda: _silences(replace(ask, package=__package__)))


def _silences(ask: Ask) -> Silences:
    base = ask.declarations.base
    table = ask.table("silences.sql", anything=base.lost == "no activity")
    if not len(table):
        raise Refusal(
            f"No {'order' if base.lost == 'no order' else 'sign'} of a known customer yet.",
            hint="Import orders or events with who they are of.",
        )
    who = table.column("customer").to_numpy()
    first, last, until = days(table, "first_at"), days(table, "last_at"), day_of(ask.scope.until)
    same = np.r_[False, who[1:] == who[:-1]]
    begins = ~same | np.r_[True, first[1:] - last[:-1] > base.days]
    stay = np.cumsum(begins) - 1
    back = np.where(np.r_[same[1:], False], np.r_[first[1:], np.nan], np.nan)
    grace = min(GRACE, base.days / 3)
    ends = np.r_[np.flatnonzero(begins)[1:] - 1, len(who) - 1]
    stays = _stays(ask, table, begins=np.flatnonzero(begins), ends=ends, until=until)
    quiet = ~(back - last < grace)
    return Silences(stays=stays, last=last[quiet], back=back[quiet], stay=stay[quiet], grace=grace)


def _stays(ask: Ask, table: pa.Table, *, begins: Whole, ends: Whole, until: float) -> Stays:
    who = table.column("customer").to_numpy()
    first, last = days(table, "first_at"), days(table, "last_at")
    gone = last[ends] + ask.declarations.base.days
    left = np.where(gone < until, gone, np.nan)
    people = ask.table("silences_people.sql")
    place = np.searchsorted(people.column("customer").to_numpy(), who[begins])
    told = people.take(place)
    reason, told_from, reasons = _told(ask, who[begins], last[ends], left)
    known = left[np.isfinite(left)]
    return Stays(
        customer=who[begins], id=told.column("id").to_pylist(), name=told.column("name").to_pylist(),
        slice=told.column("slice").to_pylist(), since=first[begins], left=left, reason=reason, told=told_from,
        value=_worth(ask, table, ends, np.where(np.isnan(left), until, last[ends])),
        every=np.full(len(begins), "", object), paid=np.full(len(begins), np.nan), reasons=reasons, until=until,
        watched=float(known.min()) - 1e-6 if len(known) else until, headless=0,
    )  # fmt: skip


def _worth(ask: Ask, table: pa.Table, ends: Whole, at: Floats) -> Floats:
    """What each was worth then: orders of the declared days up to it; unknown where value is no matter of orders."""
    if ask.declarations.value.kind != "trailing":
        return np.full(len(ends), np.nan)
    who, last = table.column("customer").to_numpy(), days(table, "last_at")
    amount = np.asarray(table.column("amount").to_numpy(zero_copy_only=False), float)
    summed = np.r_[0.0, np.cumsum(amount)]
    # One sorted key of customer and day: a span of days of one customer is a slice of it.
    _, code = np.unique(who, return_inverse=True)
    key = code.reshape(-1) * 1e6 + last
    from_ = np.searchsorted(key, code.reshape(-1)[ends] * 1e6 + at - ask.declarations.value.days, side="left")
    return np.where(from_ <= ends, summed[ends + 1] - summed[np.minimum(from_, ends + 1)], 0.0)


def _told(ask: Ask, who: Whole, last: Floats, left: Floats) -> tuple[Whole, np.ndarray, tuple[str, ...]]:
    """The reason somebody recorded about the time a customer fell silent, where one did."""
    given: list[str | None] = [None] * len(who)
    source = np.full(len(who), "", object)
    if ask.count("subscription"):
        table = ask.table("silences_told.sql")
        at = days(table, "at")
        rows = {int(c): i for i, c in enumerate(who)}  # the latest stay of each: rows are in order
        for c, day, text, from_ in zip(
            table.column("customer").to_pylist(), at, table.column("reason").to_pylist(),
            table.column("reason_from").to_pylist(), strict=True,
        ):  # fmt: skip
            i = rows.get(c, -1)
            if i >= 0 and last[i] - ask.declarations.base.days < day <= left[i]:
                given[i], source[i] = text, from_ or ""
    reason, reasons = numbered(given, np.isfinite(left))
    return reason, source, reasons
