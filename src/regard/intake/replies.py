"""What senders are told: one outcome per item, in the shape their client expects around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regard.sources.items import Told

OUTCOMES = ("stored", "duplicate", "held_back", "refused")
DOCS = "docs/intake.md"

HINTS = {
    "key_unknown": "Add a source and give its key to the client: regard sources add NAME.",
    "key_missing": "Give the write key by basic auth, as a bearer token, or in the body as the client does.",
    "too_large": "Send smaller batches.",
    "too_many": "Send smaller batches.",
    "too_packed": "Send smaller batches.",
    "too_slow": "Send it again.",
    "busy": "Send it again after the seconds Retry-After says.",
    "too_fast": "Send it again after the seconds Retry-After says.",
    "not_ready": "Send it again in a moment.",
    "disk_full": "Nothing of it was kept: free space where the workspace lies, and send it again.",
    "cannot_keep": "Nothing of it was kept: send it again.",
    "no_such_address": "The addresses are listed at /openapi.json.",
}


def counts(told: Sequence[Told]) -> dict[str, int]:
    """How many items came, and how many met each outcome."""
    found = dict.fromkeys(OUTCOMES, 0)
    for item in told:
        found[item.outcome] += 1
    return {"received": len(told), **found}


def status(told: Sequence[Told]) -> int:
    """200; 400 where there were items and every one of them was refused: official clients then say so and move on."""
    return 400 if told and all(item.outcome == "refused" for item in told) else 200


def outcomes(told: Sequence[Told]) -> dict[str, Any]:
    """The reply to Segment's clients and to native senders."""
    return {"success": status(told) == 200, **counts(told), "items": told}


def posthog(told: Sequence[Told]) -> dict[str, Any]:
    """The reply to PostHog's clients, which look for ``status``."""
    return {"status": 1 if status(told) == 200 else 0, **counts(told), "items": told}


def posthog_events(told: Sequence[Told], names: Sequence[str]) -> dict[str, Any]:
    """The reply of PostHog's newer capture address: a result per event."""
    results = {"stored": "ok", "duplicate": "ok", "held_back": "warning", "refused": "drop"}
    listed = {
        name: {"result": results[item.outcome], **({"details": item.reason} if item.reason else {})}
        for name, item in zip(names, told, strict=True)
        if name
    }
    return {"results": listed, **counts(told), "items": told}


def with_hint(code: str, reason: str) -> str:
    """Why a request was answered as a whole, and what to do, in one text."""
    return f"{code}: {reason} {HINTS.get(code, f'See {DOCS}.')}"


def error(code: str, reason: str, *, where: str = "") -> dict[str, Any]:
    """A request answered as a whole: why, where, and what to do."""
    hint = HINTS.get(code, f"See {DOCS}.")
    return {
        "success": False, "status": 0,
        "error": {"kind": code, "code": code, "message": reason, "where": where, "hint": hint},
    }  # fmt: skip
