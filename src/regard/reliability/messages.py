"""What receivers are told of an alert: a message when it opens, has grown, is over, or is back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

from regard.delivery import outbox, receivers
from regard.findings import as_number
from regard.store import alerts

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from regard.reliability.raised import Raised

DIGEST_HOUR = 8
MOST_NAMED = 100
"""Ids of customers a message carries; the page has them all."""


def put(
    connection: Connection, *, alert: int, what: str, words: str, raised: Raised, now: datetime, zone: str = "UTC"
) -> int:
    """Put what happened to an alert in the outbox of every receiver; returns how many are told.

    Args:
        connection: The transaction in which it happened.
        alert: Its number.
        what: opened, grew, ended or reopened.
        words: What happened, in a sentence.
        raised: The cause as it is.
        now: When.
        zone: Whose mornings digests are sent in.
    """
    body = payload(alert=alert, what=what, words=words, raised=raised, now=now)
    told = [receiver for receiver in receivers.listed(connection) if receiver.on]
    for receiver in told:
        due = next_digest(now, zone) if receiver.digest else None
        outbox.put(connection, receiver=receiver.name, topic=alerts.topic(alert), body=body, now=now, due=due)
    return len(told)


def payload(*, alert: int, what: str, words: str, raised: Raised, now: datetime) -> dict[str, Any]:
    """A message as it is sent; type and timestamp as Standard Webhooks proposes."""
    told: dict[str, Any] = msgspec.to_builtins(raised, enc_hook=as_number)
    told["who"]["customers"] = told["who"]["customers"][:MOST_NAMED]
    told.pop("notice")
    return {
        "type": f"alert.{what}",
        "timestamp": outbox.text(now),
        "data": {"alert": alert, "title": raised.title, "words": words, "size": raised.bigness, **told},
    }


def next_digest(now: datetime, zone: str) -> datetime:
    """The next eight o'clock in a zone."""
    local = now.astimezone(ZoneInfo(zone))
    morning = local.replace(hour=DIGEST_HOUR, minute=0, second=0, microsecond=0)
    if morning <= local:
        morning = (morning.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=ZoneInfo(zone))
    return morning.astimezone(now.tzinfo)
