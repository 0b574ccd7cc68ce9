"""Segment's tracking API: track, identify, group, page, screen, alias and batches of them, as rows.

What happened when is corrected as Segment does: received - (sentAt - timestamp), so that a client whose clock is wrong
still tells the right time. E-commerce events of Segment's own list become orders where they say so without doubt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from regard.sources import orders
from regard.sources.items import (
    Parcel,
    Row,
    Unfit,
    bring,
    first_time,
    id_of,
    in_time,
    is_somebody,
    labels_of,
    lenient,
    need_distinct,
    need_somebody,
    number_of,
    object_of,
    packed,
    row,
    split,
    text_of,
    time_of,
)
from regard.sources.limits import Wire
from regard.sources.secrets import without_cards

CALLS = ("track", "identify", "group", "page", "screen", "alias")
CONTEXT: dict[str, tuple[tuple[str, str], ...]] = {
    "page": (("path", "path"),),
    "app": (("version", "version"),),
    "os": (("name", "os"),),
    "device": (("type", "device"),),
    "campaign": (("name", "campaign"), ("source", "campaign_source")),
    "library": (("name", "library"),),
}
"""Labels taken from a call's context, under the names they get; a property of the same name wins. So is ``locale``."""


class _Batch(msgspec.Struct, kw_only=True):
    batch: msgspec.Raw = msgspec.Raw()
    sentAt: Any = None  # noqa: N815 - as Segment writes it
    writeKey: Any = None  # noqa: N815
    context: Any = None


@dataclass(slots=True)
class _Around:
    """What all items of a request share: what was said once for all, when it was sent and received, and the limits."""

    more: dict[str, Any]
    sent: int | None
    received: int
    limits: Wire


COLUMNS = frozenset(("revenue", "value", "error", "duration"))
"""Properties that become columns of an event."""

_opened = msgspec.json.Decoder(_Batch).decode


def read(body: bytes, *, received: int, call: str = "batch", limits: Wire) -> Parcel:
    """The items of one request.

    Args:
        body: Its JSON.
        received: When it came, in microseconds UTC.
        call: The last part of its path: batch, or what its one item is.
        limits: What it may be.

    Raises:
        Unfit: It is no JSON, or not of that shape.
    """
    parcel = Parcel(format="segment", received=received)
    text = body.strip()
    once, batch = _whole(text)
    parcel.key = once["writeKey"] if isinstance(once["writeKey"], str) else ""
    if call == "batch":
        if not (batch[:1] == b"[" if isinstance(batch, bytes) else isinstance(batch, list)):
            raise Unfit("wrong_type", "A batch has a list of items named batch.", where="batch")
        raws = split(batch, limits)
    else:
        raws = [text]
    more = {n: v for n, v in once.items() if n != "writeKey" and v is not None} if call == "batch" else {}
    if not isinstance(more.get("context", {}), dict):
        del more["context"]
    return _bring(parcel, raws, call=call, more=more, limits=limits)


def again(text: str, *, received: int, limits: Wire) -> Parcel:
    """One item held back, read again; the arguments of `read`."""
    return _bring(Parcel(format="segment", received=received), [text.encode()], call="", more={}, limits=limits)


def _bring(parcel: Parcel, raws: Sequence[Any], *, call: str, more: dict[str, Any], limits: Wire) -> Parcel:
    given = "" if call == "batch" else call
    if given:
        more = {"type": given, **more}
    around = _Around(more, time_of(more.get("sentAt"), "sentAt"), parcel.received, limits)
    return bring(parcel, raws, partial(_rows, around), named=_named, limits=limits, more=more)


def _whole(text: bytes) -> tuple[dict[str, Any], Any]:
    """What is said once for all, and the list of items: its JSON, or its values where JSON is broken in one item."""
    if text[:1] != b"{":
        raise Unfit("wrong_type", "A request is a JSON object.")
    try:
        found = _opened(text)
        once = {"sentAt": found.sentAt, "writeKey": found.writeKey, "context": found.context}
        return once, bytes(found.batch) or None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        value = lenient(text)
        return {name: value.get(name) for name in ("sentAt", "writeKey", "context")}, value.get("batch")


def _named(item: dict[str, Any]) -> str:
    return text_of(item, "messageId")


def _rows(around: _Around, item: dict[str, Any], message: str) -> Sequence[Row]:
    more, sent, received, limits = around.more, around.sent, around.received, around.limits
    make = _MADE[_call(item, more)]
    if len(message) > limits.id_length:
        raise Unfit("id_too_long", f"messageId is longer than {limits.id_length} characters.", where="messageId")
    context = object_of(item, "context") or more.get("context") or {}
    if item.get("sentAt") is not None:
        own = time_of(item["sentAt"], "sentAt")
        sent = sent if own is None else own
    if "originalTimestamp" in item:
        stamp = first_time((item, "timestamp"), (item, "originalTimestamp"))
    else:
        stamp = time_of(item.get("timestamp"), "timestamp")
    occurred = received if stamp is None else stamp if sent is None else received - (sent - stamp)
    known = {
        "message_id": message,
        "occurred_at": occurred,
        "sent_at": sent,
        "person": id_of(item, "userId", limits) if "userId" in item else None,
        "anonymous": id_of(item, "anonymousId", limits) if "anonymousId" in item else None,
        "account": id_of(context, "groupId", limits) if "groupId" in context else None,
    }
    rows = make(item, context, known, limits)
    in_time(occurred, received, limits, "timestamp")  # last: what cannot be repaired here is refused, not held back
    return rows


def _call(item: dict[str, Any], more: dict[str, Any]) -> str:
    """Which of the six calls an item is; its address says so, or it does."""
    given, wanted = item.get("type"), more.get("type")
    if wanted is None and type(given) is str and given in _MADE:
        return given
    call = given if given is not None and given != "" else wanted or ("track" if "event" in item else "")
    if not isinstance(call, str) or call not in _MADE:
        raise Unfit("unknown_type", f"type is one of {', '.join(CALLS)}, not {str(call)[:40]!r}.", where="type")
    if wanted and call != wanted:
        raise Unfit("unknown_type", f"type is {call}, but this was sent where {wanted} calls are.", where="type")
    return call


# ---------------------------------------------------------------------- the six calls

Known = dict[str, Any]
_Maker = Callable[[dict[str, Any], dict[str, Any], Known, Wire], Sequence[Row]]


def _track(item: dict[str, Any], context: dict[str, Any], known: Known, _: Wire) -> Sequence[Row]:
    name = text_of(item, "event").strip()
    if not name:
        raise Unfit("name_missing", "A track call names its event.", where="event")
    need_somebody(known["person"], known["anonymous"], where="userId")
    properties = object_of(item, "properties")
    labels = _context_labels(context)
    if "order_id" in properties and (made := orders.rows(name, properties, known, labels)):
        return made
    if COLUMNS.isdisjoint(properties):
        known["name"], known["labels"] = name, packed(labels_of(properties, into=labels))
        return [("event", known)]
    amount = next((n for key in ("revenue", "value") if (n := number_of(properties.get(key))) is not None), None)
    error = properties.get("error")
    error = error if isinstance(error, str) and error else None
    duration = number_of(properties.get("duration"))
    taken = {n for n, v in (("error", error), ("duration", duration)) if v is not None}
    labels |= labels_of(properties, without=taken)
    return [
        row("event", **known, name=name, labels=packed(labels), amount=amount, duration=duration,
            error=without_cards(error) if error else None)
    ]  # fmt: skip


def _seen(item: dict[str, Any], context: dict[str, Any], known: Known, what: str) -> Sequence[Row]:
    need_somebody(known["person"], known["anonymous"], where="userId")
    properties = object_of(item, "properties")
    name = text_of(item, "name").strip() or str(properties.get("name") or "").strip()
    labels = _context_labels(context) | labels_of(properties)
    if category := text_of(item, "category"):
        labels.setdefault("category", category)
    return [row("event", **known, name=f"Viewed {name} {what}" if name else f"Viewed a {what}", labels=packed(labels))]


def _page(item: dict[str, Any], context: dict[str, Any], known: Known, _: Wire) -> Sequence[Row]:
    return _seen(item, context, known, "Page")


def _screen(item: dict[str, Any], context: dict[str, Any], known: Known, _: Wire) -> Sequence[Row]:
    return _seen(item, context, known, "Screen")


def _identify(item: dict[str, Any], _: dict[str, Any], known: Known, limits: Wire) -> Sequence[Row]:
    need_somebody(known["person"], known["anonymous"], where="userId")
    traits = object_of(item, "traits")
    rows = [row("profile", **{**known, **_profile(traits, limits, known)})]
    if known["person"] is not None and known["anonymous"] is not None:
        need_distinct(known["anonymous"], known["person"], where="userId")
        rows.append(_merge(known, anonymous=known["anonymous"], into=known["person"]))
    return rows


def _group(item: dict[str, Any], _: dict[str, Any], known: Known, limits: Wire) -> Sequence[Row]:
    account = id_of(item, "groupId", limits)
    need_somebody(account, where="groupId")
    traits = object_of(item, "traits")
    about = _profile(traits, limits, known)
    own = {**known, "person": None, "anonymous": None}
    rows = [row("profile", **{**own, **about, "account": account, "message_id": f"{known['message_id']}#account"})]
    if is_somebody(known["person"]) or is_somebody(known["anonymous"]):
        rows.append(row("profile", **{**known, "account": account}))
    return rows


def _alias(item: dict[str, Any], _: dict[str, Any], known: Known, limits: Wire) -> Sequence[Row]:
    previous, into = id_of(item, "previousId", limits), known["person"]
    need_distinct(previous, into, where="previousId")
    return merges(known, previous, into)


def merges(known: Known, previous: str | None, into: str | None) -> list[Row]:
    """One id goes into another: the client does not say whether it was a person's or a device's, so both do."""
    return [
        _merge(known, person=previous, into=into),
        _merge({**known, "message_id": f"{known['message_id']}#device"}, anonymous=previous, into=into),
    ]


def _merge(known: Known, **ids: str | None) -> Row:
    plain = {name: known[name] for name in ("message_id", "occurred_at", "sent_at")}
    return row("merge", **plain, **ids)


def _profile(traits: dict[str, Any], limits: Wire, known: Known) -> dict[str, Any]:
    """Columns of a profile from traits: name, email, account, the rest as labels."""
    first, last = traits.get("firstName"), traits.get("lastName")
    name = traits.get("name")
    if not isinstance(name, str) or not name:
        name = " ".join(part for part in (first, last) if isinstance(part, str) and part) or None
    email = traits.get("email")
    email = email if isinstance(email, str) and email else None
    company = traits.get("company")
    account = id_of(company, "id", limits) if isinstance(company, dict) else None
    without = {"name", "email"} if name else {"email"}
    labels = labels_of(traits, without=without)
    return {
        "name": name,
        "email": email,
        "account": account or known["account"],
        "labels": packed(labels),
    }


_MADE: dict[str, _Maker] = {
    "track": _track,
    "page": _page,
    "screen": _screen,
    "identify": _identify,
    "group": _group,
    "alias": _alias,
}


def _context_labels(context: dict[str, Any]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for part, value in context.items():
        if type(value) is dict and part in CONTEXT:
            for step, name in CONTEXT[part]:
                found = value.get(step)
                if found and isinstance(found, str):
                    labels[name] = found
    locale = context.get("locale")
    if locale and isinstance(locale, str):
        labels["locale"] = locale
    return labels
