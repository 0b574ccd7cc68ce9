"""Items on their way in: what a client sent, one by one, as rows of kinds or as an outcome with its reason.

A request becomes a `Parcel`. Each item of it is either rows (one track call is one row; an identify that also joins two
ids is two) or has its outcome already: refused, where it cannot be used and only the sender can change that, or held
back, where somebody here can repair it. What an item is known by and its *check*, the hash of what was sent, are made
here, before the clock is corrected and secrets are taken out.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NoReturn
from uuid import uuid4

import msgspec
import xxhash

from regard.signals.identity import SHARED
from regard.signals.kinds import KINDS
from regard.sources.limits import Wire
from regard.sources.secrets import SHORTEST_CARD, is_secret, scrubbed, without_cards

Row = tuple[str, dict[str, Any]]
"""A kind, and values by the names of its columns; times in microseconds UTC."""

NAMES: dict[str, tuple[str, ...]] = {kind.name: tuple(c.name for c in kind.all_columns) for kind in KINDS}
NOBODY = frozenset((*SHARED, "true", "false", "nan", "nil", "[object object]", "distinct_id", "distinctid"))
"""Ids that stand for nobody, in lower case."""

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MICROSECOND = dt.timedelta(microseconds=1)
EARLIEST, LATEST = -2_208_988_800_000_000, 7_258_118_400_000_000  # 1900 and 2200
LEAP = r"(?:(?:19|20|21)(?:0[48]|[2468][048]|[13579][26])|2000)"
DAY = (
    r"(?:(?:19|20|21)[0-9]{2}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|"
    rf"(?:0[13578]|1[02])-31)|{LEAP}-02-29)"
)
CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?"
MOMENT = rf"^{DAY}(?:[Tt ]{CLOCK}(?:[Zz]| ?[+-](?:[01][0-9]|2[0-3])(?::?[0-5][0-9])?)?)?$"
"""A time as text: ISO 8601, of 1900 to 2199; the document of the intake says the same."""
HOUR = 3_600_000_000
RESENT = frozenset(("sentAt", "sent_at", "offset", "_metadata", "writeKey", "api_key", "token"))
"""Keys that differ when the same item is sent again."""

LEAST_KEY = 4
"""Bytes a key takes at least with its value, as in ``"":0``."""

_TEXTS = (msgspec.Raw, bytes)
COMMON = {"--T::.": (24, 27), "--T::Z": (20,)}
"""What stands between the digits of a time as nearly every client writes it, and how long that is."""

YEARS = frozenset(map(str, range(1900, 2200)))

_of_iso = dt.datetime.fromisoformat
_is_moment = re.compile(MOMENT.removesuffix("$") + r"\Z").match
_decode = msgspec.json.Decoder().decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_canonical = msgspec.json.Encoder(order="deterministic").encode
_hash = xxhash.xxh3_64_intdigest
encode = msgspec.json.encode


class Unfit(Exception):
    """An item, or a whole request, that cannot be stored as it is.

    Args:
        code: Why, as a word.
        reason: Why, as a sentence.
        where: The field concerned.
        held: Held back to be repaired here, instead of refused.
        status: The HTTP status where a whole request is concerned.
    """

    def __init__(self, code: str, reason: str, *, where: str = "", held: bool = False, status: int = 400) -> None:
        super().__init__(reason)
        self.code, self.reason, self.where, self.held, self.status = code, reason, where, held, status


class Told(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one item: stored, duplicate, held_back or refused, and why."""

    index: int
    outcome: str
    code: str = ""
    reason: str = ""
    where: str = ""


@dataclass(slots=True)
class Rows:
    """Rows of one kind, with the check of the item each came with and that item's place in the parcel."""

    values: list[dict[str, Any]] = field(default_factory=list)
    checks: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Parcel:
    """What one request brought.

    Attributes:
        format: segment, posthog or native.
        received: When, in microseconds UTC.
        key: The write key found inside the body, or nothing.
        rows: Rows to be stored, per kind.
        told: Per item its outcome, or None while it is not known.
        texts: The scrubbed JSON of items held back, by their index.
        names: Per item what the client calls it; empty where it does not.
        called: What people call an item that has its outcome already, by its index: an event by its name.
    """

    format: str
    received: int
    key: str = ""
    rows: dict[str, Rows] = field(default_factory=dict)
    told: list[Told | None] = field(default_factory=list)
    texts: dict[int, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    called: dict[int, str] = field(default_factory=dict)

    def refuse(self, unfit: Unfit) -> None:
        """Give the next item its outcome: refused, or held back."""
        outcome = "held_back" if unfit.held else "refused"
        told = Told(index=len(self.told), outcome=outcome, code=unfit.code, reason=unfit.reason, where=unfit.where)
        self.told.append(told)


Reader = Callable[[dict[str, Any], str], Sequence[Row]]
"""Reads one item, given what it is known by; raises `Unfit`."""


def bring(parcel: Parcel, raws: Sequence[Any], read: Reader, *, named: Callable[[dict[str, Any]], str], limits: Wire,
          more: dict[str, Any] | None = None) -> Parcel:  # fmt: skip
    """Read items into a parcel, each on its own.

    Args:
        parcel: Takes the rows and outcomes.
        raws: Each item's JSON, or what is to be refused of it.
        read: Makes rows of one item.
        named: What a client calls an item: its message id, or nothing.
        limits: What an item may be.
        more: What belongs to each item but was sent once for all; kept with those held back.
    """
    known = parcel.rows
    for raw in raws:
        index, item, name = len(parcel.told), None, ""
        try:
            item = opened(raw, limits)
            name = named(item)
            content = item if RESENT.isdisjoint(item) else {k: v for k, v in item.items() if k not in RESENT}
            check = _hash(_canonical(content)) or 1
            rows = read(item, name or unnamed(item, check))
        except Unfit as unfit:
            parcel.refuse(unfit)
            parcel.names.append(name)
            if item is not None:
                parcel.called[index] = called(item)
            if unfit.held and item is not None:
                parcel.texts[index] = encode(scrubbed({**(more or {}), **item})).decode()
            continue
        for kind, values in rows:
            into = known.get(kind)
            if into is None:
                into = known[kind] = Rows()
            into.values.append(values)
            into.checks.append(check)
            into.items.append(index)
        parcel.told.append(None)
        parcel.names.append(name)
    return parcel


def called(item: dict[str, Any]) -> str:
    """What people call an item: an event by its name, anything else by what it is."""
    found = next((v for n in ("event", "name", "kind", "type") if isinstance(v := item.get(n), str) and v), "")
    return "".join(c for c in found[:80] if c.isprintable())


def unnamed(item: dict[str, Any], check: int) -> str:
    """What an item without a message id is known by: its content where it says when it happened, else nothing else."""
    return f"={check:016x}" if item.get("timestamp") or item.get("occurred_at") else f"~{uuid4().hex}"


# ---------------------------------------------------------------------- JSON


class _NotANumber:
    """Stands where JSON said NaN or Infinity; cannot be written, so its item is refused."""


def split(given: Any, limits: Wire) -> list[Any]:
    """The items of a request, each as its JSON or, from `lenient`, as its value.

    Args:
        given: JSON of a list or of the one item that stands for itself; or the value of either.
        limits: How many they may be.

    Raises:
        Unfit: It is not JSON, or holds more items than allowed.
    """
    if isinstance(given, bytes):
        text = given.strip()
        listed = many(text) if text[:1] == b"[" else [text]
    else:
        listed = given if isinstance(given, list) else [given]
    if len(listed) > limits.batch_items:
        told = f"{len(listed):,} items are in this request; {limits.batch_items:,} are allowed."
        raise Unfit("too_many", told, where="batch", status=413)
    return listed


def many(text: bytes) -> list[Any]:
    """The elements of a JSON array, each as its text, or as its value where only a lenient reader understands it."""
    try:
        return list(_split(text))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        found = lenient(text)
    return found if isinstance(found, list) else [found]


def lenient(text: bytes) -> Any:
    """JSON as Python's own reader takes it: with NaN, Infinity and halves of characters, so that one item is refused.

    Raises:
        Unfit: It is not JSON.
    """
    try:
        return json.loads(text.decode("utf-8", "surrogateescape"), parse_constant=lambda _: _NotANumber())
    except json.JSONDecodeError as error:
        told = f"This is not JSON: {error.msg} at character {error.pos + 1}."
        raise Unfit("not_json", told, where=f"character {error.pos + 1}") from error
    except RecursionError as error:
        raise Unfit("too_deep", "This is nested too deep to be read.") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise Unfit("number_out_of_range", "A number is too large to be read.") from error


def opened(raw: Any, limits: Wire) -> dict[str, Any]:
    """One item as a dict, within the limits.

    Args:
        raw: Its JSON, or its value from `lenient`.
        limits: What it may be.

    Raises:
        Unfit: It is not an object, is beyond a limit, or holds what cannot be stored.
    """
    text = bytes(raw) if isinstance(raw, _TEXTS) else _written(raw)
    size = len(text)
    if size > limits.item_bytes:
        raise Unfit("item_too_large", f"This item has {size:,} bytes; {limits.item_bytes:,} are allowed.")
    try:
        item = _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        _refuse_text(text, error)
    if not isinstance(item, dict):
        raise Unfit("wrong_type", f"An item is a JSON object, not {_called(item)}.")
    if (
        (size > LEAST_KEY * limits.keys and text.count(b":") > limits.keys)
        or text.count(b"{") + (text.count(b"[") if b"[" in text else 0) > limits.depth
        or (b"\\" in text and b"\\u0000" in text)
    ):
        _walk(item, limits)
    return item


def _written(value: Any) -> bytes:
    try:
        return encode(value)
    except UnicodeEncodeError as error:
        if "\udc80" <= error.object[error.start] <= "\udcff":  # a byte that was no text, see `lenient`
            raise Unfit("not_utf8", "A text of this item is not UTF-8.") from error
        raise Unfit("lone_surrogate", "A text holds half of a character (a lone surrogate).") from error
    except TypeError as error:
        raise Unfit("not_a_number", "A value is NaN or infinite, which JSON cannot say.") from error
    except (OverflowError, RecursionError) as error:
        raise Unfit("number_out_of_range", "A number is too large to be read.") from error


def _refuse_text(text: bytes, error: Exception) -> NoReturn:
    if isinstance(error, RecursionError):
        raise Unfit("too_deep", "This item is nested too deep.") from error
    if isinstance(error, UnicodeDecodeError):
        raise Unfit("not_utf8", "A text of this item is not UTF-8.") from error
    if "out of range" in str(error):
        raise Unfit("number_out_of_range", "A number is too large to be read.") from error
    _written(lenient(text))  # names what is wrong
    raise Unfit("not_json", f"This is not JSON: {error}.") from error


def _walk(item: Any, limits: Wire) -> None:
    keys, level, below = 0, [item], 0
    while level:
        below += 1
        if below > limits.depth:
            raise Unfit("too_deep", f"Objects and lists lie more than {limits.depth} deep in one another.")
        inner: list[Any] = []
        for value in level:
            parts = value.values() if isinstance(value, dict) else value
            if isinstance(value, dict):
                keys += len(value)
                if any("\0" in k for k in value):
                    raise Unfit("nul", "A key holds a NUL character.")
            for part in parts:
                if isinstance(part, str) and "\0" in part:
                    raise Unfit("nul", "A text holds a NUL character.")
                if isinstance(part, dict | list):
                    inner.append(part)
        level = inner
    if keys > limits.keys:
        raise Unfit("too_many_keys", f"This item has {keys:,} keys; {limits.keys:,} are allowed.")


def _called(value: Any) -> str:
    if value is None:
        return "null"
    names = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "a text",
        list: "a list",
        dict: "an object",
    }
    return names.get(type(value), "that")


# ---------------------------------------------------------------------- values


def row(kind: str, **values: Any) -> Row:
    """A row of a kind by column names."""
    return kind, values


def object_of(item: dict[str, Any], name: str) -> dict[str, Any]:
    """An object inside an item; empty where there is none.

    Raises:
        Unfit: Something else is there.
    """
    found = item.get(name)
    if type(found) is dict:
        return found
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Unfit("wrong_type", f"{name} is an object, not {_called(found)}.", where=name)
    return found


def text_of(item: dict[str, Any], name: str) -> str:
    """A text inside an item; empty where there is none.

    Raises:
        Unfit: Something else is there.
    """
    found = item.get(name)
    if type(found) is str:
        return found
    if found is None:
        return ""
    if not isinstance(found, str):
        raise Unfit("wrong_type", f"{name} is a text, not {_called(found)}.", where=name)
    return found


def id_of(item: dict[str, Any], name: str, limits: Wire) -> str | None:
    """An id inside an item, as sent; a number becomes its digits.

    Raises:
        Unfit: It is neither text nor number, or too long.
    """
    found = item.get(name)
    if type(found) is str and 0 < len(found) <= limits.id_length:
        return found
    if found is None or found == "":
        return None
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        raise Unfit("wrong_type", f"{name} is a text, not {_called(found)}.", where=name)
    text = found if isinstance(found, str) else number_text(found)
    if len(text) > limits.id_length:
        raise Unfit("id_too_long", f"{name} is longer than {limits.id_length} characters.", where=name)
    return text


def is_somebody(id_: str | None) -> bool:
    """Whether an id stands for somebody in particular."""
    return id_ is not None and id_.strip().lower() not in NOBODY


def need_somebody(*ids: str | None, where: str) -> None:
    """Refuse an item none of whose ids stands for anybody.

    Raises:
        Unfit: None does.
    """
    for id_ in ids:
        if id_ is not None and id_.strip().lower() not in NOBODY:
            return
    given = next((i for i in ids if i is not None), None)
    told = f"Its id is {given!r}, which stands for nobody." if given is not None else "It has no id of anybody."
    raise Unfit("id_missing", told, where=where)


def need_distinct(source: str | None, into: str | None, *, where: str) -> None:
    """Hold back a joining of two ids one of which stands for nobody: it would make one customer of many.

    Raises:
        Unfit: One does not stand for anybody.
    """
    if source is None or into is None:
        raise Unfit("id_missing", "Joining two ids needs both of them.", where=where)
    for id_ in (source, into):
        if not is_somebody(id_):
            told = f"The id {id_!r} stands for nobody; joining it would make one customer of many."
            raise Unfit("shared_id", told, where=where, held=True)


def time_of(value: Any, where: str) -> int | None:
    """A time as microseconds UTC: ISO 8601 text, or seconds, milliseconds or microseconds since 1970.

    Raises:
        Unfit: It is none, or before 1900 or after 2200.
    """
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str):
            if len(value) in COMMON.get(value[4:20:3], ()) and value[-1] == "Z" and value[:4] in YEARS:
                since = _of_iso(value) - EPOCH
            else:
                moment = _of_iso(value.upper() if _is_moment(value) else "")
                since = (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)) - EPOCH
            return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
        if isinstance(value, int | float) and not isinstance(value, bool):
            size = abs(value)
            found = int(value * (1_000_000 if size < 1e11 else 1_000 if size < 1e14 else 1))
        else:
            raise Unfit("wrong_type", f"{where} is a time, not {_called(value)}.", where=where)
    except (ValueError, OverflowError) as error:
        told = f"{where} is no time: {str(value)[:40]!r}. Write it as 2026-11-26T09:30:00Z."
        raise Unfit("bad_time", told, where=where) from error
    if not EARLIEST <= found <= LATEST:
        raise Unfit("bad_time", f"{where} lies before 1900 or after 2200.", where=where)
    return found


def first_time(*given: tuple[dict[str, Any], str]) -> int | None:
    """The time of the first of some fields that says anything, each of them being a time or nothing; see `time_of`.

    Args:
        given: Objects, and the name of a field in each.
    """
    first = None
    for holder, name in given:
        found = holder.get(name)
        if found is not None:
            at = time_of(found, name)
            first = at if first is None else first
    return first


def in_time(occurred: int, received: int, limits: Wire, where: str) -> int:
    """A time that is not too far ahead.

    Raises:
        Unfit: It is; held back.
    """
    if occurred > received + limits.future_hours * HOUR:
        told = f"It happened more than {limits.future_hours} hours after it was received: a clock is wrong."
        raise Unfit("future", told, where=where, held=True)
    return occurred


def number_of(value: Any) -> float | None:
    """A number, also one written as text; None for anything else."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if -1e300 < found < 1e300 else None


def number_text(value: float) -> str:
    """A number as text, whole ones without a point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)


def labels_of(
    given: dict[str, Any], *, without: Collection[str] = (), into: dict[str, str] | None = None
) -> dict[str, str]:
    """Labels of an object's values: each a text, those of inner objects under ``outer.inner``, lists as JSON.

    Args:
        given: The object.
        without: Names left out.
        into: Labels they are added to; new ones where None.
    """
    labels = {} if into is None else into
    for name, value in given.items():
        if name in without:
            continue
        if type(value) is str:
            if value:
                labels[name] = value
        elif type(value) is int:
            labels[name] = str(value)
        else:
            _label(labels, name, value)
    return labels


def _label(labels: dict[str, str], name: str, value: Any) -> None:
    if isinstance(value, str):
        if value:
            labels[name] = value
    elif value is None:
        return
    elif isinstance(value, bool):
        labels[name] = "true" if value else "false"
    elif isinstance(value, int | float):
        labels[name] = number_text(value)
    elif isinstance(value, dict):
        for inner, below in value.items():
            _label(labels, f"{name}.{inner}", below)
    elif value:
        labels[name] = encode(value).decode()


def packed(labels: dict[str, str]) -> str | None:
    """Labels as a row holds them: scrubbed, as JSON; None without any."""
    if not labels:
        return None
    if _secret_among(tuple(labels)):
        return encode(scrubbed(labels)).decode()
    if max(map(len, labels.values())) >= SHORTEST_CARD:
        for value in labels.values():
            if len(value) >= SHORTEST_CARD and without_cards(value) != value:
                return encode(scrubbed(labels)).decode()
    return encode(labels).decode()


@lru_cache(maxsize=4096)
def _secret_among(names: tuple[str, ...]) -> bool:
    """Whether one of some names is a secret's; items of one kind have the same names again and again."""
    return any(map(is_secret, names))
