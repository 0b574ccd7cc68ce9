"""Any kind of signal as JSON: an object, a list, or JSON Lines, with the columns of its kind by their names.

Fields a kind does not have become labels, unless they look like a slip of one it has; then the item is refused and
the nearest name is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any

from regard.signals.kinds import BY_NAME, Column, Kind
from regard.sources.items import (
    Parcel,
    Row,
    Unfit,
    bring,
    id_of,
    in_time,
    labels_of,
    need_distinct,
    need_somebody,
    number_text,
    object_of,
    packed,
    row,
    split,
    time_of,
)
from regard.sources.limits import Wire
from regard.sources.secrets import without_cards

LINES = ("application/x-ndjson", "application/jsonl", "application/jsonlines", "application/x-jsonlines")
IDS = ("message_id", "key", "person", "account", "anonymous", "into", "about", "response", "order_id", "subscription")
WORDS = ("verbatim", "subject", "reason", "error")
SOMEBODY = ("event", "profile")
ENVELOPE = ("kind", "labels")
SLIP = 0.8
"""So near a name must be to be taken for a slip of it."""


def read(body: bytes, *, received: int, media: str = "", limits: Wire) -> Parcel:
    """The items of one request.

    Args:
        body: JSON or JSON Lines.
        received: When it came, in microseconds UTC.
        media: Its content type, which may say that it is JSON Lines.
        limits: What it may be.

    Raises:
        Unfit: It is neither.
    """
    parcel = Parcel(format="native", received=received)
    text = body.strip()
    lines = [line for part in text.split(b"\n") if (line := part.strip())] if text[:1] == b"{" else []
    alone = len(lines) < 2 or not all(line[:1] == b"{" and line[-1:] == b"}" for line in lines)
    if media.partition(";")[0].strip().lower() in LINES:
        lines, alone = [line for part in text.split(b"\n") if (line := part.strip())], False
    if alone and text[:1] not in {b"{", b"["}:
        raise Unfit("wrong_type", "A request is a JSON object, a list of them, or JSON Lines.")
    raws: Sequence[Any] = split(text, limits) if alone else lines
    if len(raws) > limits.batch_items:
        told = f"{len(raws):,} items are in this request; {limits.batch_items:,} are allowed."
        raise Unfit("too_many", told, where="batch", status=413)
    return _bring(parcel, raws, limits)


def again(text: str, *, received: int, limits: Wire) -> Parcel:
    """One item held back, read again; the arguments of `read`."""
    return _bring(Parcel(format="native", received=received), [text.encode()], limits)


def _bring(parcel: Parcel, raws: Sequence[Any], limits: Wire) -> Parcel:
    return bring(
        parcel, raws, partial(_rows, received=parcel.received, limits=limits), named=partial(_named, limits=limits),
        limits=limits,
    )  # fmt: skip


def _named(item: dict[str, Any], *, limits: Wire) -> str:
    named = id_of(item, "message_id", limits)
    if named is not None or not item.get("key"):
        return named or ""
    return "-"  # known by its record key: see `_rows`


def _rows(item: dict[str, Any], message: str, *, received: int, limits: Wire) -> Sequence[Row]:
    kind = _kind(item)
    values = {column.name: _value(item, column, limits) for column in kind.all_columns if column.name in item}
    values["labels"] = packed(_labels(item, kind))
    values["message_id"] = None if message == "-" else message
    occurred, sent = values.get("occurred_at"), values.get("sent_at")
    if occurred is not None and sent is not None:
        occurred = received - (sent - occurred)
    if occurred is None:
        occurred = values.get("version_at") or received
    values["occurred_at"] = occurred
    for name in kind.needs:
        if values.get(name) is None:
            raise Unfit("field_missing", f"A signal of the kind {kind.name} needs {name}.", where=name)
    _check_ids(kind, values)
    in_time(occurred, received, limits, "occurred_at")  # last: what cannot be repaired here is refused, not held back
    return [row(kind.name, **values)]


def _kind(item: dict[str, Any]) -> Kind:
    name = item.get("kind")
    kind = BY_NAME.get(name) if isinstance(name, str) else None
    if kind is None:
        told = f"kind is one of {', '.join(BY_NAME)}" + (f", not {str(name)[:40]!r}." if name is not None else ".")
        raise Unfit("unknown_kind", told, where="kind")
    return kind


def _check_ids(kind: Kind, values: dict[str, Any]) -> None:
    ids = [values.get(name) for name in ("person", "account", "anonymous")]
    if kind.name == "merge":
        given = [i for i in ids if i is not None]
        need_distinct(given[0] if given else None, values["into"], where="into")
    elif kind.name in SOMEBODY:
        need_somebody(*ids, where="person")


def _value(item: dict[str, Any], column: Column, limits: Wire) -> Any:
    name, value = column.name, item[column.name]
    if value is None or name == "labels":
        return None
    if name in IDS:
        return id_of(item, name, limits)
    if column.type == "time":
        return time_of(value, name)
    if column.type in {"number", "whole"}:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unfit("wrong_type", f"{name} is a number, not {str(value)[:40]!r}.", where=name)
        return _float(value, name)
    if column.type == "truth":
        if not isinstance(value, bool):
            raise Unfit("wrong_type", f"{name} is true or false, not {str(value)[:40]!r}.", where=name)
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Unfit("wrong_type", f"{name} is a text.", where=name)
    text = value if isinstance(value, str) else number_text(value)
    return (without_cards(text) if name in WORDS else text) or None


def _float(value: float, name: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise Unfit("number_out_of_range", f"{name} is too large a number.", where=name) from error


def _labels(item: dict[str, Any], kind: Kind) -> dict[str, str]:
    columns = {column.name for column in kind.all_columns}
    others = {name: value for name, value in item.items() if name not in columns and name not in ENVELOPE}
    for name in others:
        if near := get_close_matches(name, columns, n=1, cutoff=SLIP):
            told = f"A signal of the kind {kind.name} has no {name}. Did you mean {near[0]}? Else put it into labels."
            raise Unfit("unknown_field", told, where=name)
    return labels_of(others) | labels_of(object_of(item, "labels"))
