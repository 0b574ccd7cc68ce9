"""What senders of OpenTelemetry are told, in its own protocol: protocol buffers or JSON, as they sent.

https://opentelemetry.io/docs/specs/otlp/#otlphttp-response
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from regard.intake.replies import counts
from regard.sources.items import Told, Unfit
from regard.sources.limits import Wire
from regard.sources.otlp import JSON, PROTOBUF

REJECTED = {"/v1/traces": "rejectedSpans", "/v1/logs": "rejectedLogRecords", "/v1/metrics": "rejectedDataPoints"}
"""The addresses, and what a reply calls the number of refused items."""

CODES = {400: 3, 401: 16, 404: 5, 405: 12, 408: 4, 413: 11, 415: 3, 429: 8, 503: 14}
"""Codes of google.rpc.Status for statuses."""

AGAIN = {507: 503}
"""Exporters send again after 429, 502, 503 and 504 only; a full disk may have space later."""

NAMED = 3
"""Reasons told of refused items."""


def limits_of(limits: Wire) -> Wire:
    """The limits with OpenTelemetry's own in the places of those for events."""
    return msgspec.structs.replace(limits, body_bytes=limits.otlp_bytes, inflated_bytes=limits.otlp_inflated_bytes)


def media_of(given: str) -> str:
    """Which of the two a content type is.

    Raises:
        Unfit: Neither.
    """
    media = given.partition(";")[0].strip().lower()
    if media in {JSON, PROTOBUF}:
        return media
    told = f"OpenTelemetry is sent as {PROTOBUF} or {JSON}, not {media[:60] or 'without a content type'}."
    raise Unfit("wrong_type", told, where="Content-Type", status=415)


def answer(told: Sequence[Told], *, path: str, media: str) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    """The reply where a request was read: how many of its items were refused and why, and what became of the others.

    Args:
        told: The outcome of each item.
        path: Where it was sent.
        media: How it was written.

    Returns:
        The body, and headers.
    """
    refused = sum(item.outcome == "refused" for item in told)
    said = _said(told)
    if media == JSON:
        partial = {**({REJECTED[path]: str(refused)} if refused else {}), **({"errorMessage": said} if said else {})}
        body = msgspec.json.encode({"partialSuccess": partial} if partial else {})
    else:
        inner = (b"\x08" + _varint(refused) if refused else b"") + (_text(2, said) if said else b"")
        body = b"\x0a" + _varint(len(inner)) + inner if inner else b""
    outcomes = ", ".join(f"{name}={number}" for name, number in counts(told).items())
    return body, (*_head(media), (b"x-regard-outcomes", outcomes.encode()))


def _said(told: Sequence[Told]) -> str:
    """Why items were refused or held back, the most frequent reasons first."""
    why: dict[tuple[str, str], int] = {}
    for item in told:
        if item.outcome in {"refused", "held_back"}:
            key = (item.outcome.replace("_", " "), item.reason)
            why[key] = why.get(key, 0) + 1
    most = sorted(why.items(), key=lambda found: -found[1])
    parts = [f"{number} {outcome}: {reason}" for (outcome, reason), number in most[:NAMED]]
    more = sum(number for _, number in most[NAMED:])
    return " ".join([*parts, *([f"{more} more for other reasons."] if more else [])])


def status(code: int, message: str, *, media: str) -> tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]:
    """The reply where a request is answered as a whole: a google.rpc.Status.

    Args:
        code: The HTTP status.
        message: Why, as a sentence.
        media: How the request was written; anything else than protocol buffers is answered as JSON.

    Returns:
        The HTTP status, the body, and headers.
    """
    code = AGAIN.get(code, code)
    number = CODES.get(code, 2)
    if media != PROTOBUF:
        return code, msgspec.json.encode({"code": number, "message": message}), _head(JSON)
    return code, b"\x08" + _varint(number) + _text(2, message), _head(PROTOBUF)


def _head(media: str) -> tuple[tuple[bytes, bytes], ...]:
    return (
        (b"content-type", media.encode()), (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"),
        (b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", b"retry-after, x-regard-outcomes"),
    )  # fmt: skip


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _text(field: int, text: Any) -> bytes:
    raw = str(text).encode("utf-8", "replace")
    return bytes((field << 3 | 2,)) + _varint(len(raw)) + raw
