"""Requests turned away, in words: why, how many since when and from where, and what to do about it.

The ledger tells of none of them: their source was not known, or they are to be sent again.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import msgspec

from regard import wording
from regard.periods import zone_of
from regard.sources.remedies import OTHERWISE, REMEDIES
from regard.store import turnedaway

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from regard.store.turnedaway import Away

MAKE_A_KEY = "Give the sender the key of its source, or make one: page Sources, or regard sources key NAME."
AGAIN = "Nothing, if it was for a moment: official clients wait and send it again."
REASONS: dict[str, tuple[str, str]] = {
    "key_unknown": ("a write key that opens nothing", MAKE_A_KEY),
    "key_missing": ("no write key", "Give the client its source's write key; without one it may not send."),
    "too_large": ("a body larger than allowed", REMEDIES["too_large"]),
    "too_many": ("more items than allowed", REMEDIES["too_many"]),
    "too_packed": ("a body that unpacks to too much", REMEDIES["too_packed"]),
    "too_slow": ("a body that came too slowly", REMEDIES["too_slow"]),
    "broken_off": ("a sender that went away in the middle", "Let the client wait for its answer, some seconds."),
    "too_fast": ("more than a source may send", f"{AGAIN} If it goes on, send less or raise REGARD_LIMIT_SOURCE_RATE."),
    "busy": ("too much under way", f"{AGAIN} If it goes on, send from fewer places at once."),
    "not_ready": ("the intake just starting", AGAIN),
    "disk_full": ("no space left on the disk", "Free some space where the workspace lies; clients then send it again."),
    "cannot_keep": ("a disk that could not keep it", "See what `regard serve` says on its terminal, and the disk."),
    "no_such_address": ("an address nothing is at", "Give the client the address alone, without a path behind it."),
    "too_many_connections": ("more connections than allowed", "Keep connections open and use them again."),
    "headers_too_large": ("headers larger than allowed", "Send fewer headers and cookies; or let the proxy drop them."),
    "headers_too_slow": ("headers that never came whole", "Nothing, unless it is a client of yours."),
    "not_http": ("something that is no HTTP", "Send http://, not https://, unless a proxy with TLS stands in front."),
}  # fmt: skip
KEYS = ("key_unknown", "key_missing")
"""Reasons that may be a source's own though nobody knows whose they are."""

OTHER = "a body that could not be read"
NOT_COUNTED = "They are in none of the counts: their source was not known, or they are to be sent again."


def told(root: Path, *, zone: str = "UTC", now: dt.datetime | None = None) -> dict[str, Any]:
    """What was turned away in the last days: how many in all, since when, and a row per reason and source.

    Args:
        root: The workspace.
        zone: Whose days are meant.
        now: The end of them.
    """
    found = turnedaway.recent(root, now=now)
    rows = [_row(one, zone=zone, now=now) for one in found]
    first = min((one.first for one in found), default="")
    return {
        "requests": sum(one.requests for one in found), "since": first, "days": turnedaway.SHOWN_DAYS,
        "said": _said(found, zone=zone, now=now), "rows": rows,
    }  # fmt: skip


def _row(one: Away, *, zone: str, now: dt.datetime | None) -> dict[str, Any]:
    why, change = REASONS.get(one.code, (OTHER, REMEDIES.get(one.code, OTHERWISE)))
    given = msgspec.structs.asdict(one)
    del given["day"]
    return {**given, "why": why, "change": change, "when": since(one.first, zone=zone, now=now), "from": _places(one)}


def _said(found: Sequence[Away], *, zone: str, now: dt.datetime | None) -> str:
    """All of it in one sentence; the most frequent reason with what to do."""
    if not found:
        return ""
    total, most = sum(one.requests for one in found), found[0]
    row = _row(most, zone=zone, now=now)
    since_ = since(min(one.first for one in found), zone=zone, now=now)
    many = f"{wording.count(total, 'request')} {'was' if total == 1 else 'were'} turned away {since_}"
    if len(found) == 1:
        return f"{many}, {row['from']}: {row['why']}. {row['change']}"
    return f"{many}. Most often, {wording.count(most.requests, 'time')} {row['from']}: {row['why']}. {row['change']}"


def _places(one: Away) -> str:
    number = len(one.addresses)
    if not number:
        return "from an address nobody knows"
    if number == 1:
        return f"from {one.addresses[0]}"
    return f"from {number}{' or more' if number >= turnedaway.ADDRESSES else ''} addresses"


def since(at: str, *, zone: str = "UTC", now: dt.datetime | None = None) -> str:
    """Since when something goes on, as people say it: today, since yesterday, since a day of the week or a date."""
    place = zone_of(zone)
    day = dt.datetime.fromisoformat(at).astimezone(place).date()
    ago = ((now or dt.datetime.now(dt.UTC)).astimezone(place).date() - day).days
    if ago < 2:
        return "today" if ago < 1 else "since yesterday"
    return f"since {day:%A}" if ago < 7 else f"since {wording.day(day)}"
