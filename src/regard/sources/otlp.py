"""OpenTelemetry in: spans, log records and points of metrics as rows, each with one outcome.

A span of a request served, one without a parent and one that names a customer become telemetry: how it went, and how
long it took. Named in the declarations and with a customer, it is a step of theirs: an event. What tells of the inside
of the service only is refused, with its reason. Known are items by trace and span, else by their content and time, so
that a retry adds nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import xxhash

from regard.signals.declarations import OpenTelemetry
from regard.sources import otlpjson, otlpwire
from regard.sources.attributes import Roles, Whose, text_of, whose
from regard.sources.items import (
    EARLIEST,
    LATEST,
    Parcel,
    Row,
    Rows,
    Unfit,
    encode,
    in_time,
    is_somebody,
    packed,
)
from regard.sources.limits import Wire
from regard.sources.opentelemetry import (
    CONSUMER,
    CUMULATIVE,
    FAILED,
    NO_VALUE,
    OK,
    SERVER,
    Lot,
    Pairs,
    Point,
    Record,
    Signal,
    Span,
)
from regard.sources.sampling import weight_of
from regard.sources.secrets import scrubbed, without_cards

JSON, PROTOBUF = "application/json", "application/x-protobuf"
SEVERITIES = {"trace": 1, "debug": 5, "info": 9, "warn": 13, "error": 17, "fatal": 21}
FAILURE = SEVERITIES["error"]
LONGEST = 300
"""Characters of what a log record says that are kept, where it names no event."""


def _hash(said: str) -> int:
    """The check of what was sent; never 0."""
    return xxhash.xxh3_64_intdigest(said.encode("utf-8", "surrogatepass")) or 1


def _long(said: str) -> str:
    return xxhash.xxh3_128_hexdigest(said.encode("utf-8", "surrogatepass"))


class Rules:
    """What of OpenTelemetry is kept, from the declarations.

    Args:
        declared: What the company declares of it.
    """

    def __init__(self, declared: OpenTelemetry) -> None:
        self.roles = Roles(declared)
        self.every = declared.spans == "all"
        self.least = SEVERITIES[declared.logs]
        self._names = frozenset(name for name in declared.events if not name.endswith("*"))
        self._beginnings = tuple(name[:-1] for name in declared.events if name.endswith("*"))

    def is_step(self, name: str) -> bool:
        """Whether a span of that name is declared to be a step of the customer."""
        return name in self._names or (bool(self._beginnings) and name.startswith(self._beginnings))


@dataclass(slots=True)
class _Around:
    """What all items of a resource share."""

    whose: Whose
    mark: str
    rules: Rules
    received: int
    limits: Wire


def read(body: bytes, *, signal: Signal, media: str, received: int, limits: Wire, rules: Rules) -> Parcel:
    """The items of one request.

    Args:
        body: Protocol buffers or JSON.
        signal: What it brings.
        media: Which of the two: its content type.
        received: When it came, in microseconds UTC.
        limits: What it may be.
        rules: What is kept.

    Raises:
        Unfit: It is neither, or holds more than allowed.
    """
    lots = (otlpjson if media == JSON else otlpwire).lots(body, signal)
    items = sum(len(lot.items) for lot in lots)
    if items > limits.otlp_items:
        told = f"{items:,} items are in this request; {limits.otlp_items:,} are allowed."
        raise Unfit("too_many", told, where=signal, status=413)
    parcel = Parcel(format="native", received=received)  # what is held back is kept as the row it would have been
    make = _MADE[signal]
    for lot in lots:
        try:
            said = whose(lot.resource, rules.roles, limits, resource=True)
        except Unfit as unfit:
            for _ in lot.items:
                parcel.refuse(unfit)
            continue
        _bring(parcel, lot, make, _Around(said, _mark(lot.resource), rules, received, limits))
    return parcel


def _mark(resource: Pairs) -> str:
    """What tells a resource from another, for items known by their content."""
    return repr(sorted((name, text_of(value)) for name, value in resource if value is not None))


def _bring(parcel: Parcel, lot: Lot, make: Any, around: _Around) -> None:
    limits = around.limits
    for raw, size in zip(lot.items, lot.sizes, strict=True):
        item = row = None
        try:
            _check_size(size, limits)
            item = lot.read(raw)
            row, check = make(item, around)
            _check(row, limits)
            in_time(row[1]["occurred_at"], around.received, limits, "time")
        except Unfit as unfit:
            _turn_away(parcel, unfit, item, row)
            continue
        kind, values = row
        into = parcel.rows.get(kind)
        if into is None:
            into = parcel.rows[kind] = Rows()
        into.values.append(values)
        into.checks.append(check)
        into.items.append(len(parcel.told))
        parcel.told.append(None)


def _turn_away(parcel: Parcel, unfit: Unfit, item: Any, row: Row | None) -> None:
    index = len(parcel.told)
    parcel.refuse(unfit)
    if item is not None:
        name = item.event or "log record" if isinstance(item, Record) else item.name
        parcel.called[index] = "".join(c for c in name[:80] if c.isprintable())
    if unfit.held and row is not None:
        given = {"kind": row[0], **{name: value for name, value in row[1].items() if value is not None}}
        if labels := given.pop("labels", None):
            given["labels"] = json.loads(labels)
        parcel.texts[index] = encode(scrubbed(given)).decode()


def _check_size(size: int, limits: Wire) -> None:
    if size > limits.otlp_item_bytes:
        raise Unfit("item_too_large", f"This item has {size:,} bytes; {limits.otlp_item_bytes:,} are allowed.")


def _check(row: Row, limits: Wire) -> None:
    """Refuse a row that holds what cannot be stored."""
    values = row[1]
    labels = values["labels"] or ""
    if len(labels) > limits.item_bytes:
        told = f"Its labels have {len(labels):,} characters; {limits.item_bytes:,} are allowed."
        raise Unfit("item_too_large", told, where="attributes")
    if "\\u0000" in labels or "\0" in f"{values['name']}{values['person']}{values['account']}{values['anonymous']}":
        raise Unfit("nul", "A text holds a NUL character.")
    if not EARLIEST <= values["occurred_at"] <= LATEST:
        raise Unfit("bad_time", "Its time lies before 1900 or after 2200.", where="time")


# ---------------------------------------------------------------------- spans


def _span_row(span: Span, around: _Around) -> tuple[Row, int]:
    rules = around.rules
    if len(span.trace) != 32 or len(span.id) != 16 or not (_is_id(span.trace) and _is_id(span.id)):
        raise Unfit("id_missing", "A span has a trace id of 16 bytes and an id of 8, not all zero.", where="traceId")
    if not span.name:
        raise Unfit("name_missing", "A span has a name.", where="name")
    found = whose(span.attributes, rules.roles, around.limits, before=around.whose)
    step = rules.is_step(span.name)
    if not (span.kind in {SERVER, CONSUMER} or not span.parent or step or found.known or rules.every):
        told = "It tells of the inside of the service: no request served, nobody named, and not declared as a step."
        raise Unfit("inner_span", told, where="kind")
    error = _error(span)
    labels = found.labels
    labels.pop("error", None)  # what went wrong is said once: below, or in the event's own column
    check = _hash(repr((span.name, span.kind, span.start, span.end, span.status, span.message, span.attributes)))
    seconds = (span.end - span.start) / 1e9 if span.end >= span.start > 0 else None
    values = _values(f"{span.trace}-{span.id}", span.start or span.end, found, around)
    values["name"], values["weight"] = span.name, weight_of(span.state, span.attributes)
    if step and any(map(is_somebody, found.ids)):
        values["error"], values["duration"] = error, seconds
        kind = "event"
    else:
        values["good"], values["total"], values["value"] = 0.0 if error else 1.0, 1.0, seconds
        if error:
            labels["error"] = error
        kind = "telemetry"
    values["labels"] = packed(labels)
    return (kind, values), check


def _is_id(text: str) -> bool:
    """Whether an id is hexadecimal and not all zero."""
    try:
        return int(text, 16) != 0 and "_" not in text
    except ValueError:
        return False


def _error(span: Span) -> str | None:
    """The error a span ended with: of what type, else what was said of it."""
    named = span.exception
    for name, value in span.attributes:
        if name == "error.type" and value:
            named = text_of(value)
            break
    if span.status == FAILED:
        return without_cards((named or span.message or "error")[:LONGEST])
    return without_cards(named[:LONGEST]) if named and span.status != OK else None


def _values(message: str, at: int, found: Whose, around: _Around) -> dict[str, Any]:
    person, anonymous, account = found.ids
    return {
        "message_id": message,
        "occurred_at": at // 1000 if at else around.received,
        "person": person, "account": account, "anonymous": anonymous,
    }  # fmt: skip


# ---------------------------------------------------------------------- log records


def _record_row(record: Record, around: _Around) -> tuple[Row, int]:
    found = whose(record.attributes, around.rules.roles, around.limits, before=around.whose)
    labels = found.labels
    event = record.event or labels.pop("event.name", "")
    if not event and record.severity < around.rules.least:
        told = "It names no event, and is less severe than what is kept."
        raise Unfit("plain_log", told, where="severityNumber")
    said = f"{around.mark}{record!r}"
    values = _values(f"log-{_long(said)}", record.at or record.observed, found, around)
    failed = record.severity >= FAILURE
    error = without_cards((labels.get("exception") or labels.get("error") or "error")[:LONGEST]) if failed else None
    if record.severity:
        labels["severity"] = _severity(record.severity)
    values["name"] = event or labels.get("exception") or f"{_severity(record.severity)} logged"
    if event and any(map(is_somebody, found.ids)):
        values["error"] = error
        kind = "event"
    else:
        values["good"], values["total"] = 0.0 if failed else 1.0, 1.0
        if not event and record.body is not None:
            labels["said"] = text_of(record.body)[:LONGEST]
        kind = "telemetry"
    values["weight"] = weight_of("", record.attributes)
    values["labels"] = packed(labels)
    return (kind, values), _hash(said)


def _severity(number: int) -> str:
    return next((name for name, least in reversed(SEVERITIES.items()) if number >= least), "unknown")


# ---------------------------------------------------------------------- points of metrics


def _point_row(point: Point, around: _Around) -> tuple[Row, int]:
    if not point.name:
        raise Unfit("name_missing", "A metric has a name.", where="name")
    if point.flags & NO_VALUE or (point.value is None and point.count is None):
        raise Unfit("no_value", "This point has no value.", where="dataPoints")
    found = whose(point.attributes, around.rules.roles, around.limits, before=around.whose)
    labels, said = found.labels, f"{around.mark}{point!r}"
    values = _values(f"point-{_long(said)}", point.at, found, around)
    values["name"] = point.name
    if point.unit:
        labels["unit"] = point.unit
    _number(point, values, labels, around)
    values["weight"] = None
    values["labels"] = packed(labels)
    return (("telemetry", values), _hash(said))


def _number(point: Point, values: dict[str, Any], labels: dict[str, str], around: _Around) -> None:
    """What a point measured: counts that run on are kept as they are, with what tells one series from another."""
    running = point.temporality == CUMULATIVE and (point.form == "histogram" or point.monotonic)
    labels["otel.metric"] = f"running {point.form}" if running else point.form
    if running:
        pairs = sorted((name, text_of(value)) for name, value in point.attributes if value is not None)
        labels["otel.series"] = _long(repr((around.mark, point.name, pairs)))[:16]
        labels["otel.start"] = str(point.start // 1000)
    if point.form != "histogram":
        values["value"] = _finite(point.value)
        return
    count = point.count or 0
    values["value"] = _finite(point.sum / count) if point.sum is not None and count else None
    if running:
        labels["otel.count"] = str(count)
    else:
        values["total"] = float(count)
    if point.counts:
        bounds = [*point.bounds, float("inf")][: len(point.counts)]
        labels["otel.buckets"] = encode([[_bound(b), c] for b, c in zip(bounds, point.counts, strict=False)]).decode()


def _bound(bound: float) -> float | None:
    return bound if abs(bound) < 1e300 else None


def _finite(value: float | None) -> float:
    if value is None or not abs(value) < 1e300:
        raise Unfit("not_a_number", "Its value is NaN or infinite, or too large.", where="value")
    return value


_MADE: dict[str, Any] = {"traces": _span_row, "logs": _record_row, "metrics": _point_row}
SIGNALS: Sequence[Signal] = ("traces", "logs", "metrics")
