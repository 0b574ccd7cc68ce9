"""OpenTelemetry's protocol as protocol buffers: a request taken apart into items, each read on its own.

Items are found first and read one by one, so that a broken one is refused and those around it are stored. The same
attributes come again and again in one request: what an attribute says is kept by its bytes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from regard.sources.items import Unfit
from regard.sources.opentelemetry import Lot, Pairs, Point, Record, Signal, Span
from regard.sources.protobuf import (
    BYTES,
    VARINT,
    WIDE,
    Asked,
    Broken,
    asked,
    message,
    real,
    signed,
    unzigzag,
    varints,
    whole,
    wides,
)

_LISTED = asked((1, BYTES, "resource"), (2, BYTES, "inner"), several=("inner",))
_FIRST = asked((1, BYTES, "values"), several=("values",))
_SECOND = asked((2, BYTES, "values"), several=("values",))
_KEY = asked((1, BYTES, "key"), (2, BYTES, "value"))
_VALUE = asked(
    (1, BYTES, "text"), (2, VARINT, "truth"), (3, VARINT, "whole"), (4, WIDE, "real"), (5, BYTES, "list"),
    (6, BYTES, "pairs"), (7, BYTES, "bytes"),
)  # fmt: skip
_SPAN = asked(
    (1, BYTES, "trace"), (2, BYTES, "id"), (3, BYTES, "state"), (4, BYTES, "parent"), (5, BYTES, "name"),
    (6, VARINT, "kind"), (7, WIDE, "start"), (8, WIDE, "end"), (9, BYTES, "attributes"), (11, BYTES, "events"),
    (15, BYTES, "status"), several=("attributes", "events"),
)  # fmt: skip
_EVENT = asked((2, BYTES, "name"), (3, BYTES, "attributes"), several=("attributes",))
_STATUS = asked((2, BYTES, "message"), (3, VARINT, "code"))
_RECORD = asked(
    (1, WIDE, "at"), (11, WIDE, "observed"), (2, VARINT, "severity"), (5, BYTES, "body"), (6, BYTES, "attributes"),
    (9, BYTES, "trace"), (10, BYTES, "span"), (12, BYTES, "event"), several=("attributes",),
)  # fmt: skip
_METRIC = asked(
    (1, BYTES, "name"), (3, BYTES, "unit"), (5, BYTES, "gauge"), (7, BYTES, "sum"), (9, BYTES, "histogram"),
    (10, BYTES, "exponential"), (11, BYTES, "summary"),
)  # fmt: skip
_FORM = asked((1, BYTES, "points"), (2, VARINT, "temporality"), (3, VARINT, "monotonic"), several=("points",))
_TIMES = ((2, WIDE, "start"), (3, WIDE, "at"))
_NUMBER = asked(
    *_TIMES, (7, BYTES, "attributes"), (4, WIDE, "real"), (6, WIDE, "whole"), (8, VARINT, "flags"),
    several=("attributes",),
)  # fmt: skip
_HISTOGRAM = asked(
    *_TIMES, (9, BYTES, "attributes"), (4, WIDE, "count"), (5, WIDE, "sum"), (6, BYTES, "counts"), (6, WIDE, "counts"),
    (7, BYTES, "bounds"), (7, WIDE, "bounds"), (10, VARINT, "flags"), several=("attributes", "counts", "bounds"),
)  # fmt: skip
_EXPONENTIAL = asked(
    *_TIMES, (1, BYTES, "attributes"), (4, WIDE, "count"), (5, WIDE, "sum"), (6, VARINT, "scale"), (7, WIDE, "zeros"),
    (8, BYTES, "positive"), (9, BYTES, "negative"), (10, VARINT, "flags"), several=("attributes",),
)  # fmt: skip
_BUCKETS = asked((1, VARINT, "offset"), (2, BYTES, "counts"), (2, VARINT, "counts"), several=("counts",))
_SUMMARY = asked(
    *_TIMES, (7, BYTES, "attributes"), (4, WIDE, "count"), (5, WIDE, "sum"), (8, VARINT, "flags"),
    several=("attributes",),
)  # fmt: skip

DEEPEST = 16
"""Lists and objects inside one another in one attribute."""

KEPT = 8192
"""Attributes kept by their bytes; then they are forgotten and kept anew."""

LONGEST = 120
"""Bytes of an attribute that is kept: longer ones hardly ever come again."""

SCALES = range(-10, 21)
"""Scales of an exponential histogram that the protocol allows."""

_kept: dict[bytes, tuple[str, Any]] = {}


def lots(body: bytes, signal: Signal) -> list[Lot]:
    """The items of a request, by resource.

    Args:
        body: The request.
        signal: What it brings.

    Raises:
        Unfit: It is no such request.
    """
    read = {"traces": span, "logs": record}.get(signal)
    found = []
    try:
        for raw in message(body, _FIRST).get("values", ()):
            part = message(raw, _LISTED)
            items = [item for inner in part.get("inner", ()) for item in message(inner, _SECOND).get("values", ())]
            resource: Pairs = []
            try:
                resource = _pairs(message(part.get("resource", b""), _FIRST).get("values", ()))
            except (Broken, UnicodeDecodeError, Unfit) as error:
                items = [Unfit("not_protobuf", f"Its resource cannot be read: {error}.", where="resource")] * len(items)
            found.append(_lot(resource, items, read))
    except Broken as error:
        raise Unfit("not_protobuf", f"This is no protocol buffers message of OpenTelemetry: {error}.") from error
    return found


def _lot(resource: Pairs, items: list[Any], read: Any) -> Lot:
    if read is None:
        return _metric_points(resource, items)
    return Lot(resource, items, partial(_whole, read), [_size(item) for item in items])


def _size(item: Any) -> int:
    return 0 if isinstance(item, Unfit) else len(item)


def _metric_points(resource: Pairs, metrics: list[Any]) -> Lot:
    """The points of metrics, each by itself; a metric that cannot be read stands as one."""
    lot = Lot(resource, [], partial(_whole, _point))
    for raw in metrics:
        try:
            metric, name, form = _whole(_opened, raw)
        except Unfit as unfit:
            lot.items.append(unfit)
            lot.sizes.append(0)
            continue
        points = form.get("points", ())
        lot.items += [(metric, form, name, point) for point in points]
        lot.sizes += map(len, points)
    return lot


def _opened(raw: bytes) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """A metric, what form its points have, and them."""
    metric = message(raw, _METRIC)
    name = next((n for n in _READ if n in metric), "")
    return metric, name, message(metric.get(name, b""), _FORM)


def _whole(read: Any, raw: Any) -> Any:
    """An item read, or a reason why it cannot be.

    Raises:
        Unfit: It cannot.
    """
    if isinstance(raw, Unfit):
        raise raw
    try:
        return read(raw)
    except Broken as error:
        raise Unfit("not_protobuf", f"This item cannot be read: {error}.") from error
    except UnicodeDecodeError as error:
        raise Unfit("not_utf8", "A text of this item is not UTF-8.") from error


# ---------------------------------------------------------------------- attributes


def _pairs(values: Any) -> list[tuple[str, Any]]:
    found = []
    for raw in values:
        pair = _kept.get(raw)
        if pair is None:
            pair = _pair(raw)
            if len(raw) <= LONGEST and type(pair[1]) in {str, int, float, bool}:
                if len(_kept) >= KEPT:
                    _kept.clear()
                _kept[raw] = pair
        found.append(pair)
    return found


def _pair(raw: bytes, deep: int = 0) -> tuple[str, Any]:
    part = message(raw, _KEY)
    return part.get("key", b"").decode(), _value(part.get("value", b""), deep)


def _value(raw: bytes, deep: int = 0) -> Any:
    """A plain value: text, number, truth, list or dict; bytes as hexadecimal text.

    Raises:
        Broken: It is none.
        Unfit: It lies too deep.
    """
    if deep > DEEPEST:
        raise Unfit("too_deep", f"Lists and objects lie more than {DEEPEST} deep in an attribute.")
    part = message(raw, _VALUE)
    if not part:
        return None
    name, value = next(reversed(part.items()))
    if name == "text":
        return value.decode()
    if name == "truth":
        return bool(value)
    if name == "whole":
        return signed(value)
    if name == "real":
        return real(value)
    if name == "bytes":
        return value.hex()
    inner = message(value, _FIRST).get("values", ())
    if name == "list":
        return [_value(one, deep + 1) for one in inner]
    return dict(_pair(one, deep + 1) for one in inner)


# ---------------------------------------------------------------------- items


def span(raw: bytes) -> Span:
    """A span."""
    part = message(raw, _SPAN)
    get = part.get
    status = message(part["status"], _STATUS) if "status" in part else {}
    return Span(
        trace=get("trace", b"").hex(), id=get("id", b"").hex(), parent=get("parent", b"").hex(),
        state=get("state", b"").decode(), name=get("name", b"").decode(), kind=get("kind", 0),
        start=whole(get("start", b"")), end=whole(get("end", b"")), attributes=_pairs(get("attributes", ())),
        status=status.get("code", 0), message=status.get("message", b"").decode(),
        exception=_exception(part["events"]) if "events" in part else "",
    )  # fmt: skip


def _exception(events: list[bytes]) -> str:
    for raw in reversed(events):
        part = message(raw, _EVENT)
        if part.get("name") == b"exception":
            told = dict(_pairs(part.get("attributes", ())))
            return str(told.get("exception.type") or "exception")
    return ""


def record(raw: bytes) -> Record:
    """A log record."""
    get = message(raw, _RECORD).get
    return Record(
        at=whole(get("at", b"")), observed=whole(get("observed", b"")), severity=get("severity", 0),
        event=get("event", b"").decode(), body=_value(get("body", b"")), attributes=_pairs(get("attributes", ())),
        trace=get("trace", b"").hex(), span=get("span", b"").hex(),
    )  # fmt: skip


def _point(given: tuple[dict[str, Any], dict[str, Any], str, bytes]) -> Point:
    metric, form, name, raw = given
    fields, read = _READ[name]
    part = message(raw, fields)
    point = Point(
        name=metric.get("name", b"").decode(), unit=metric.get("unit", b"").decode(), form=read,
        temporality=form.get("temporality", 0), monotonic=bool(form.get("monotonic", 0)),
        start=whole(part.get("start", b"")), at=whole(part.get("at", b"")),
        attributes=_pairs(part.get("attributes", ())), flags=part.get("flags", 0),
    )  # fmt: skip
    if "real" in part:
        point.value = real(part["real"])
    elif "whole" in part:
        point.value = float(signed(whole(part["whole"])))
    if "count" in part:
        point.count = whole(part["count"])
    if "sum" in part:
        point.sum = real(part["sum"])
    if name == "histogram":
        point.bounds, point.counts = wides(part.get("bounds", []), "d"), wides(part.get("counts", []), "Q")
    elif name == "exponential":
        point.bounds, point.counts = _exponential(part)
    elif name == "summary":
        point.temporality = 2  # a summary counts since its start
    return point


_READ: dict[str, tuple[Asked, Any]] = {
    "gauge": (_NUMBER, "gauge"), "sum": (_NUMBER, "sum"), "histogram": (_HISTOGRAM, "histogram"),
    "exponential": (_EXPONENTIAL, "histogram"), "summary": (_SUMMARY, "histogram"),
}  # fmt: skip


def _exponential(part: dict[str, Any]) -> tuple[list[float], list[int]]:
    sides = []
    for name in ("positive", "negative"):
        side = message(part.get(name, b""), _BUCKETS)
        sides.append((unzigzag(side.get("offset", 0)), varints(side.get("counts", []))))
    return exponential(
        scale=unzigzag(part.get("scale", 0)), zeros=whole(part.get("zeros", b"")), positive=sides[0], negative=sides[1]
    )


def exponential(
    *, scale: int, zeros: int, positive: tuple[int, list[int]], negative: tuple[int, list[int]]
) -> tuple[list[float], list[int]]:
    """An exponential histogram with upper bounds as a plain one has: bucket i ends at 2^(2^-scale · (i + 1)).

    Args:
        scale: How fine it is.
        zeros: How many were about nothing.
        positive: The number of the first bucket above nothing, and how many each holds.
        negative: The same below nothing.

    Raises:
        Broken: The scale is none the protocol allows, or a bucket lies beyond any number.
    """
    if scale not in SCALES:
        raise Broken(f"a scale of {scale} is not allowed")
    growth = 2.0**-scale
    try:
        below = [(-(2.0 ** (growth * (negative[0] + n))), count) for n, count in enumerate(negative[1]) if count]
        above = [(2.0 ** (growth * (positive[0] + n + 1)), count) for n, count in enumerate(positive[1]) if count]
    except OverflowError as error:
        raise Broken("a bucket lies beyond any number") from error
    found = [*below[::-1], *([(0.0, zeros)] if zeros else []), *above]
    return [bound for bound, _ in found], [count for _, count in found]
