"""Items held back, read again into rows of signals, each format by the reader it first came through.

A row of a file or of the log is a JSON object: its ``kind`` and the columns of that kind, times in ISO 8601. Every
value is checked strictly: what does not fit is named by its field, for a person to repair.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import TYPE_CHECKING, Any

from regard.errors import BadInput, UnknownName
from regard.signals.kinds import BY_NAME, Column, Kind
from regard.sources import native, posthog, segment
from regard.sources.items import EPOCH, MICROSECOND, NAMES
from regard.sources.limits import wire
from regard.store.replays import Again

if TYPE_CHECKING:
    from regard.store.heldback import Item
    from regard.store.replays import Row

LABELS = "labels"
LONGEST = 1 << 20
"""Characters of one text."""


def read(item: Item) -> Again:
    """The rows an item stands for, as repaired.

    Raises:
        BadInput: It cannot be read; ``where`` is the field concerned.
    """
    if item.format == "row":
        return Again(id=item.id, rows=_own(item))
    reader = READERS.get(item.format)
    if reader is None:
        hint = f"Known: row, {', '.join(READERS)}. Discard it, or send it again."
        raise BadInput(f"Nothing here reads the format {item.format!r}.", where="format", hint=hint)
    _parsed(item.text)
    received = int((dt.datetime.fromisoformat(item.at).replace(tzinfo=dt.UTC) - EPOCH) / MICROSECOND)
    parcel = reader(item.text, received=received, limits=wire())
    for told in filter(None, parcel.told):
        raise BadInput(told.reason, where=told.where, hint="Correct it there, or discard the item.")
    rows: tuple[Row, ...] = tuple(
        (kind, {n: v for n in NAMES[kind] if (v := values.get(n)) is not None})
        for kind, found in parcel.rows.items()
        for values in found.values
    )
    if not rows:
        raise BadInput("Nothing to store is in this item.", hint="Discard it.")
    return Again(id=item.id, rows=rows, check=next(c for found in parcel.rows.values() for c in found.checks))


def _parsed(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The item is not JSON: {error}.", hint="Correct that place.") from error
    if not isinstance(found, dict):
        raise BadInput("The item is no JSON object.", hint='Such as {"kind": "event", "name": "opened"}.')
    return found


def _own(item: Item) -> tuple[Row, ...]:
    found = _parsed(item.text)
    kind = found.pop("kind", None)
    if not isinstance(kind, str) or kind not in BY_NAME:
        raise UnknownName("kind of signal", str(kind or ""), BY_NAME, where="kind")
    return ((kind, _columns(BY_NAME[kind], found)),)


def _columns(kind: Kind, given: dict[str, Any]) -> dict[str, Any]:
    known = {column.name: column for column in kind.all_columns}
    row: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise UnknownName("column", name, known, where=name)
        if value is not None:
            row[name] = _checked(known[name], value)
    for name in kind.needs:
        if row.get(name) in (None, ""):
            raise BadInput(f"An item of kind {kind.name} needs {name}.", where=name, hint=known[name].help)
    return row


def _checked(column: Column, value: Any) -> Any:
    """A JSON value as the column takes it.

    Raises:
        BadInput: It does not fit.
    """
    if column.type == "text":
        return _text(column, value)
    if column.type == "truth":
        if isinstance(value, bool):
            return value
        raise _unfit(column, value, "true or false")
    if column.type == "time":
        return _time(column, value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not -sys.float_info.max <= value <= sys.float_info.max
    ):
        raise _unfit(column, value, "a number")
    return float(value)


def _text(column: Column, value: Any) -> str:
    if column.name == LABELS and isinstance(value, dict):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str):
        raise _unfit(column, value, "a text")
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise BadInput(f"{column.name} holds a character no text may hold.", where=column.name, hint="Take it out.")
    if len(value) > LONGEST:
        raise BadInput(f"{column.name} is longer than {LONGEST:,} characters.", where=column.name, hint="Shorten it.")
    if column.name == LABELS and not _is_object(value):
        raise _unfit(column, value, "a JSON object")
    return value


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _time(column: Column, value: Any) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise _unfit(column, value, "a time such as 2026-09-01T12:00:00Z") from error
    found = found if found.tzinfo else found.replace(tzinfo=dt.UTC)
    try:
        return found.astimezone(dt.UTC)
    except OverflowError as error:
        raise _unfit(column, value, "a time between the years 1 and 9999") from error


def _unfit(column: Column, value: Any, wanted: str) -> BadInput:
    shown = json.dumps(value, ensure_ascii=False)
    shown = shown if len(shown) <= 60 else shown[:59] + "…"
    return BadInput(f"{column.name} is {shown}, not {wanted}.", where=column.name, hint=column.help)


READERS = {"native": native.again, "segment": segment.again, "posthog": posthog.again}
"""Who reads which format over HTTP."""

MESSAGE_FIELDS = {"segment": "messageId", "posthog": "uuid"}


def message_field(format_: str) -> str:
    """The field of a format that holds the message id."""
    return MESSAGE_FIELDS.get(format_, "message_id")


def typed(format_: str, kind: object, name: str, text: str, *, was: Any) -> Any:
    """A value a person wrote, as the field takes it: by its column's type, else by the type it had.

    Args:
        format_: The item's format.
        kind: Its kind of signal, where it has one.
        name: The field, by its dotted name.
        text: What was written.
        was: The value before.
    """
    columns = BY_NAME[kind].all_columns if format_ in {"row", "native"} and kind in BY_NAME else ()
    types = {column.name: column.type for column in columns}
    if types.get(name, "number") in {"text", "time"} or (name not in types and (was is None or isinstance(was, str))):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text  # reading says what is wrong with it
