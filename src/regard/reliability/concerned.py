"""Whom a cause concerns and what they are worth, for the alerts of watch, promises ahead and odd behaviour."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from regard import wording
from regard.journey.promises import zone_steps
from regard.periods import zone_of
from regard.reliability.lines import HOUR, Line
from regard.reliability.raised import MOST_CUSTOMERS, AtStake, Who
from regard.wording import count, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regard.signals.ask import Ask


def begins(line: Line, step: int, zone: str) -> datetime:
    """The instant a step began, UTC: for days and weeks the local midnight."""
    at = line.at(step)
    if line.step == HOUR:
        return at.replace(tzinfo=UTC)
    return at.replace(tzinfo=zone_of(zone)).astimezone(UTC)


def concerned(ask: Ask, line: Line, since: datetime) -> list[dict[str, Any]]:
    """The customers to whom an indicator went wrong since then: customer, id, name, n; most of it first."""
    start = since.replace(tzinfo=None)
    return ask.rows("concerned.sql", kind=line.kind, name=line.name, **{"from": start}, **zone_steps(ask))


def who(rows: Sequence[dict[str, Any]]) -> Who:
    """Them as an alert names them."""
    few = listed([str(r["name"]) for r in rows[:3]]) if 0 < len(rows) <= 3 else count(len(rows), "customer")
    return Who(words=few, count=len(rows), customers=tuple(str(r["id"]) for r in rows[:MOST_CUSTOMERS]))


def stake(ask: Ask, customers: Sequence[int]) -> AtStake | None:
    """What these customers are worth in all; None where no value is declared or nothing is known of theirs."""
    if not ask.declarations.value.kind or not customers:
        return None
    ask.keep("concerned", pa.table({"customer": pa.array(sorted(set(customers)), pa.int64())}))
    value = ask.rows("concerned_worth.sql")[0]["value"]
    if not value:
        return None
    currency = ask.declarations.currency
    words = f"{wording.money(float(value), currency)} a year" if ask.declarations.value.kind == "recurring" else (
        f"{wording.money(float(value), currency)} of the last {count(ask.declarations.value.days, 'day')}"
    )  # fmt: skip
    return AtStake(words=words, amount=float(value), currency=currency)


LINGERS = timedelta(hours=6)
"""How long a cause stays open that is not said any more: one at the edge of its limit does not open and end all day."""
