"""OpenTelemetry's protocol as JSON: ids hexadecimal, large whole numbers as texts, unknown fields ignored."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import msgspec

from regard.sources.items import Unfit
from regard.sources.opentelemetry import Lot, Pairs, Point, Record, Signal, Span
from regard.sources.otlpwire import DEEPEST, exponential
from regard.sources.protobuf import Broken

Whole = int | str | None
Real = float | int | str | None


class _Camel(msgspec.Struct, rename="camel", kw_only=True):
    pass


class _Value(_Camel):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: Whole = None
    double_value: Real = None
    array_value: _List | None = None
    kvlist_value: _Pairs | None = None
    bytes_value: str | None = None


class _List(_Camel):
    values: list[_Value] = []


class _Pair(_Camel):
    key: str = ""
    value: _Value | None = None


class _Pairs(_Camel):
    values: list[_Pair] = []


class _Resource(_Camel):
    attributes: list[_Pair] | None = None


class _Status(_Camel):
    code: int | None = None
    message: str | None = None


class _Event(_Camel):
    name: str | None = None
    attributes: list[_Pair] | None = None


class _Span(_Camel):
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    trace_state: str | None = None
    name: str | None = None
    kind: int | None = None
    start_time_unix_nano: Whole = None
    end_time_unix_nano: Whole = None
    attributes: list[_Pair] | None = None
    events: list[_Event] | None = None
    status: _Status | None = None


class _Record(_Camel):
    time_unix_nano: Whole = None
    observed_time_unix_nano: Whole = None
    severity_number: int | None = None
    event_name: str | None = None
    body: _Value | None = None
    attributes: list[_Pair] | None = None
    trace_id: str | None = None
    span_id: str | None = None


class _Buckets(_Camel):
    offset: Whole = None
    bucket_counts: list[Whole] | None = None


class _Point(_Camel):
    start_time_unix_nano: Whole = None
    time_unix_nano: Whole = None
    attributes: list[_Pair] | None = None
    as_double: Real = None
    as_int: Whole = None
    count: Whole = None
    sum: Real = None
    bucket_counts: list[Whole] | None = None
    explicit_bounds: list[Real] | None = None
    scale: int | None = None
    zero_count: Whole = None
    positive: _Buckets | None = None
    negative: _Buckets | None = None
    flags: int | None = None


class _Form(_Camel):
    data_points: list[msgspec.Raw] | None = None
    aggregation_temporality: int | None = None
    is_monotonic: bool | None = None


class _Metric(_Camel):
    name: str | None = None
    unit: str | None = None
    gauge: _Form | None = None
    sum: _Form | None = None
    histogram: _Form | None = None
    exponential_histogram: _Form | None = None
    summary: _Form | None = None


def _request_of(listed: str, items: str) -> msgspec.json.Decoder[Any]:
    """Reads a request as far as its items, each of which is read on its own."""
    scoped = msgspec.defstruct("_Scoped", [(items, list[msgspec.Raw] | None, None)], rename="camel")
    inner = list[scoped] | None  # type: ignore[valid-type]
    of_resource = [("resource", msgspec.Raw, msgspec.Raw()), (f"scope_{listed}", inner, None)]
    part = msgspec.defstruct("_Listed", of_resource, rename="camel")
    whole = list[part] | None  # type: ignore[valid-type]
    return msgspec.json.Decoder(msgspec.defstruct("_Request", [(f"resource_{listed}", whole, None)], rename="camel"))


_NAMES = {"traces": ("spans", "spans"), "logs": ("logs", "log_records"), "metrics": ("metrics", "metrics")}
_requests = {signal: _request_of(*names).decode for signal, names in _NAMES.items()}
_resource = msgspec.json.Decoder(_Resource | None).decode
_span = msgspec.json.Decoder(_Span).decode
_record = msgspec.json.Decoder(_Record).decode
_metric = msgspec.json.Decoder(_Metric).decode
_data_point = msgspec.json.Decoder(_Point).decode
_UNREADABLE = (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError, OverflowError, Broken)


def lots(body: bytes, signal: Signal) -> list[Lot]:
    """The items of a request, by resource.

    Args:
        body: The request.
        signal: What it brings.

    Raises:
        Unfit: It is no such request.
    """
    listed, items = _NAMES[signal]
    read = {"traces": span, "logs": record}.get(signal)
    try:
        parts = getattr(_requests[signal](body), f"resource_{listed}") or ()
    except _UNREADABLE as error:
        raise Unfit("not_json", f"This is no JSON of OpenTelemetry: {_said(error)}.") from error
    found = []
    for part in parts:
        raws = [raw for inner in getattr(part, f"scope_{listed}") or () for raw in getattr(inner, items) or ()]
        try:
            given = _resource(part.resource) if bytes(part.resource) else None
            resource = _pairs(given.attributes) if given else []
        except _UNREADABLE as error:
            unfit = Unfit("not_json", f"Its resource cannot be read: {_said(error)}.", where="resource")
            resource, raws = [], [unfit] * len(raws)
        found.append(_lot(resource, raws, read))
    return found


def _lot(resource: Pairs, raws: list[Any], read: Any) -> Lot:
    if read is None:
        return _metric_points(resource, raws)
    return Lot(resource, raws, partial(_whole, read), [_size(raw) for raw in raws])


def _size(raw: Any) -> int:
    return len(memoryview(raw)) if isinstance(raw, msgspec.Raw) else 0


def _said(error: BaseException) -> str:
    return "it is nested too deep" if isinstance(error, RecursionError) else str(error)[:200].rstrip(".")


def _metric_points(resource: Pairs, metrics: list[Any]) -> Lot:
    lot = Lot(resource, [], partial(_whole, _point))
    for raw in metrics:
        try:
            metric = _whole(_metric, raw)
        except Unfit as unfit:
            lot.items.append(unfit)
            lot.sizes.append(0)
            continue
        name = next((n for n in _FORMS if getattr(metric, n) is not None), "gauge")
        form = getattr(metric, name) or _Form()
        points = form.data_points or []
        lot.items += [(metric, form, name, point) for point in points]
        lot.sizes += map(_size, points)
    return lot


def _whole(read: Any, raw: Any) -> Any:
    if isinstance(raw, Unfit):
        raise raw
    try:
        return read(raw)
    except _UNREADABLE as error:
        raise Unfit("not_json", f"This item cannot be read: {_said(error)}.") from error


# ---------------------------------------------------------------------- attributes


def _pairs(values: list[_Pair] | None) -> list[tuple[str, Any]]:
    return [(pair.key, _plain(pair.value)) for pair in values or ()]


def _plain(value: _Value | None, deep: int = 0) -> Any:
    if value is None:
        return None
    if deep > DEEPEST:
        raise Unfit("too_deep", f"Lists and objects lie more than {DEEPEST} deep in an attribute.")
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return value.bool_value
    if value.int_value is not None:
        return _int(value.int_value)
    if value.double_value is not None:
        return _real(value.double_value)
    if value.bytes_value is not None:
        return value.bytes_value
    if value.array_value is not None:
        return [_plain(one, deep + 1) for one in value.array_value.values]
    if value.kvlist_value is not None:
        return {pair.key: _plain(pair.value, deep + 1) for pair in value.kvlist_value.values}
    return None


def _real(value: Real) -> float:
    found = float(value or 0.0)
    if isinstance(value, str) and math.isinf(found) and "inf" not in value.lower():
        raise OverflowError("a number is too large")
    return found


def _int(value: Whole) -> int:
    found = int(value or 0)
    if not -(1 << 63) <= found < 1 << 64:
        raise OverflowError("a number is larger than 64 bits hold")
    return found


# ---------------------------------------------------------------------- items


def span(raw: msgspec.Raw) -> Span:
    """A span."""
    s = _span(raw)
    status = s.status or _Status()
    return Span(
        trace=(s.trace_id or "").lower(), id=(s.span_id or "").lower(), parent=s.parent_span_id or "",
        state=s.trace_state or "", name=s.name or "", kind=s.kind or 0, start=_int(s.start_time_unix_nano),
        end=_int(s.end_time_unix_nano), attributes=_pairs(s.attributes), status=status.code or 0,
        message=status.message or "", exception=_exception(s.events),
    )  # fmt: skip


def _exception(events: list[_Event] | None) -> str:
    for event in reversed(events or ()):
        if event.name == "exception":
            return str(dict(_pairs(event.attributes)).get("exception.type") or "exception")
    return ""


def record(raw: msgspec.Raw) -> Record:
    """A log record."""
    r = _record(raw)
    return Record(
        at=_int(r.time_unix_nano), observed=_int(r.observed_time_unix_nano), severity=r.severity_number or 0,
        event=r.event_name or "", body=_plain(r.body), attributes=_pairs(r.attributes),
        trace=(r.trace_id or "").lower(), span=(r.span_id or "").lower(),
    )  # fmt: skip


_FORMS = {
    "gauge": "gauge", "sum": "sum", "histogram": "histogram", "exponential_histogram": "histogram",
    "summary": "histogram",
}  # fmt: skip


def _point(given: tuple[_Metric, _Form, str, msgspec.Raw]) -> Point:
    metric, form, name, raw = given
    p = _data_point(raw)
    point = Point(
        name=metric.name or "", unit=metric.unit or "", form=_FORMS[name],  # type: ignore[arg-type]
        temporality=2 if name == "summary" else form.aggregation_temporality or 0, monotonic=bool(form.is_monotonic),
        start=_int(p.start_time_unix_nano), at=_int(p.time_unix_nano), attributes=_pairs(p.attributes),
        flags=p.flags or 0,
    )  # fmt: skip
    if p.as_double is not None:
        point.value = _real(p.as_double)
    elif p.as_int is not None:
        point.value = float(_int(p.as_int))
    point.count = None if p.count is None else _int(p.count)
    point.sum = None if p.sum is None else _real(p.sum)
    if name == "histogram":
        point.bounds = [_real(bound) for bound in p.explicit_bounds or ()]
        point.counts = [_int(count) for count in p.bucket_counts or ()]
    elif name == "exponential_histogram":
        sides = [side or _Buckets() for side in (p.positive, p.negative)]
        positive, negative = (
            (_int(side.offset), [_int(count) for count in side.bucket_counts or ()]) for side in sides
        )
        point.bounds, point.counts = exponential(
            scale=p.scale or 0, zeros=_int(p.zero_count), positive=positive, negative=negative
        )
    return point
