"""PostHog's capture API: events, identification, groups, aliases and survey answers, as rows.

A body is one event, a list of them, or an object that holds them as ``batch``, ``data`` or ``events``; the key of the
project stands on it, on the first event or among its properties. Times are corrected by ``sent_at``, or by the
``offset`` a browser gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from regard.sources import polled
from regard.sources.items import (
    Parcel,
    Row,
    Unfit,
    bring,
    first_time,
    id_of,
    in_time,
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
)
from regard.sources.limits import Wire
from regard.sources.secrets import without_cards
from regard.sources.segment import merges

ACCOUNT_GROUPS = ("account", "company", "organization", "organisation", "customer", "workspace", "team", "tenant")
"""Group types that are the account, the first one given wins; others become labels."""

NOT_LABELS = frozenset(
    (
        "token", "distinct_id", "$insert_id", "$time", "$set", "$set_once", "$unset", "$groups", "$group_set",
        "$anon_distinct_id", "$is_identified", "$process_person_profile", "$device_id", "$user_id", "$window_id",
        "$pageview_id", "$sent_at", "$ignore_sent_at", "$lib_custom_api_host", "$lib_rate_limit_remaining_tokens",
        "$config_defaults", "$elements", "$elements_chain", "$exception_list", "$exception_message",
        "$exception_values", "$exception_types", "$active_feature_flags", "$feature_flag_payloads",
        "$replay_sample_rate", "$session_recording_start_reason", "$recording_status", "$raw_user_agent",
        "$autocapture_disabled_server_side", "$web_vitals_enabled_server_side",
        "$exception_capture_enabled_server_side",
        "$dead_clicks_enabled_server_side", "$web_vitals_allowed_metrics", "$user_agent", "$initialization_time",
    )
)  # fmt: skip
"""Properties about a client's own workings, or kept in columns."""

NOT_TAKEN = {
    "$snapshot": "Session recordings are not taken.",
    "$performance_event": "Recorded network traffic is not taken.",
    "$$heatmap": "Heat maps are not taken.",
}
AHEAD = ("$sdk_debug", "$survey_", "$feature/", "$session_recording", "$snapshot")


class _Body(msgspec.Struct, kw_only=True):
    batch: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()
    events: msgspec.Raw = msgspec.Raw()
    api_key: Any = None
    token: Any = None
    sent_at: Any = None


_opened = msgspec.json.Decoder(_Body).decode


def read(body: bytes, *, received: int, sent: int | None = None, limits: Wire) -> Parcel:
    """The items of one request.

    Args:
        body: Its JSON, unpacked.
        received: When it came, in microseconds UTC.
        sent: When the client says it was sent, where a header or the address says it.
        limits: What it may be.

    Raises:
        Unfit: It is no JSON, or not of that shape.
    """
    parcel = Parcel(format="posthog", received=received)
    once, listed = _whole(body.strip())
    parcel.key = next((k for name in ("api_key", "token") if isinstance(k := once.get(name), str) and k), "")
    at = first_time((once, "sent_at"))  # one that is none is refused at once
    more = {"sent_at": once["sent_at"] if at is not None else sent}
    more = {} if more["sent_at"] is None else more
    raws = split(listed, limits)
    parcel.key = parcel.key or (_key_in(raws[0]) if raws else "")
    one = partial(_rows, more=more, received=received, limits=limits)
    return bring(parcel, raws, one, named=_named, limits=limits, more=more)


def again(text: str, *, received: int, limits: Wire) -> Parcel:
    """One item held back, read again; the arguments of `read`."""
    parcel = Parcel(format="posthog", received=received)
    one = partial(_rows, more={}, received=received, limits=limits)
    return bring(parcel, [text.encode()], one, named=_named, limits=limits)


def _whole(text: bytes) -> tuple[dict[str, Any], Any]:
    """What is said once for all, and the items as JSON, or as values where JSON is broken in one of them."""
    if text[:1] == b"[":
        return {}, text
    if text[:1] != b"{":
        raise Unfit("wrong_type", "A request is a JSON object or a list of them.")
    try:
        found = _opened(text)
        once = {"api_key": found.api_key, "token": found.token, "sent_at": found.sent_at}
        listed = bytes(found.batch) or bytes(found.data) or bytes(found.events)
        return once, listed if listed[:1] == b"[" else text
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        value = lenient(text)
        return value, next((v for n in ("batch", "data", "events") if isinstance(v := value.get(n), list)), value)


def _key_in(raw: Any) -> str:
    try:
        item = msgspec.json.decode(raw) if isinstance(raw, bytes | msgspec.Raw) else raw
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return ""
    if not isinstance(item, dict):
        return ""
    properties = item.get("properties")
    places = (item, properties if isinstance(properties, dict) else {})
    return next((k for p in places for n in ("api_key", "token") if isinstance(k := p.get(n), str) and k), "")


def _named(item: dict[str, Any]) -> str:
    own, inner = text_of(item, "uuid"), text_of(object_of(item, "properties"), "$insert_id")
    return own or inner


def _rows(item: dict[str, Any], message: str, *, more: dict[str, Any], received: int, limits: Wire) -> Sequence[Row]:
    name = text_of(item, "event").strip()
    if not name:
        raise Unfit("name_missing", "An event has a name.", where="event")
    if name in NOT_TAKEN:
        raise Unfit("not_taken", NOT_TAKEN[name], where="event")
    if len(message) > limits.id_length:
        raise Unfit("id_too_long", f"uuid is longer than {limits.id_length} characters.", where="uuid")
    properties = object_of(item, "properties")
    known = {
        "message_id": message,
        **_times(item, properties, more, received),
        **_who(item, properties, limits),
        "account": _account(object_of(properties, "$groups"), limits),
    }
    rows = _MADE.get(name, _event)(name, item, properties, known, limits)
    in_time(known["occurred_at"], received, limits, "timestamp")  # last: what cannot be repaired here is refused
    return rows


def _times(item: dict[str, Any], properties: dict[str, Any], more: dict[str, Any], received: int) -> dict[str, Any]:
    sent = first_time((item, "sent_at"), (more, "sent_at"), (properties, "$sent_at"))
    stamp = first_time((item, "timestamp"), (properties, "$time"))
    options = item.get("options")
    exact = bool(
        properties.get("$ignore_sent_at") or (isinstance(options, dict) and options.get("disable_skew_correction"))
    )
    offset = number_of(item.get("offset"))
    if stamp is None:
        occurred = received - int((offset or 0) * 1000)
    elif sent is None or exact:
        occurred = stamp
    else:
        occurred = received - (sent - stamp)
    return {"occurred_at": occurred, "sent_at": sent}


def _who(item: dict[str, Any], properties: dict[str, Any], limits: Wire) -> dict[str, str | None]:
    """Person or device: before somebody is identified, the id is the device's."""
    holder = item if item.get("distinct_id") not in (None, "") else properties
    id_ = id_of(holder, "distinct_id", limits)
    options = item.get("options")
    processed = options.get("process_person_profile") if isinstance(options, dict) else None
    device = (
        properties.get("$process_person_profile") is False
        or processed is False
        or properties.get("$is_identified") is False
        or (id_ is not None and properties.get("$device_id") == id_)
    )
    return {"person": None if device else id_, "anonymous": id_ if device else None}


def _account(groups: dict[str, Any], limits: Wire) -> str | None:
    for name in groups:
        id_of(groups, name, limits)
    kind = next((k for k in ACCOUNT_GROUPS if k in groups), next(iter(groups), None) if len(groups) == 1 else None)
    return id_of(groups, kind, limits) if kind else None


# ---------------------------------------------------------------------- what an event is

Known = dict[str, Any]
_Maker = Callable[[str, dict[str, Any], dict[str, Any], Known, Wire], Sequence[Row]]


def _event(name: str, item: dict[str, Any], properties: dict[str, Any], known: Known, _: Wire) -> Sequence[Row]:
    need_somebody(known["person"], known["anonymous"], where="distinct_id")
    labels = {n: v for n, v in labels_of(properties, without=NOT_LABELS).items() if not n.startswith(AHEAD)}
    labels |= {f"group.{k}": str(v) for k, v in object_of(properties, "$groups").items() if v != known["account"]}
    amount = next(
        (n for k in ("revenue", "$revenue", "amount", "value") if (n := number_of(properties.get(k))) is not None), None
    )
    made = row("event", **known, name=name, labels=packed(labels), amount=amount,
               duration=number_of(properties.get("duration")), error=_error(properties))  # fmt: skip
    return [made, *_traits(item, properties, known)]


def _error(properties: dict[str, Any]) -> str | None:
    said: Any = properties.get("$exception_message")
    listed = properties.get("$exception_list") or properties.get("$exception_values")
    if not said and isinstance(listed, list) and listed:
        said = listed[0].get("value") or listed[0].get("type") if isinstance(listed[0], dict) else listed[0]
    said = said or properties.get("error")
    return without_cards(said)[:1000] if isinstance(said, str) and said else None


def _traits(item: dict[str, Any], properties: dict[str, Any], known: Known, *, mark: str = "#set") -> list[Row]:
    """The profile that comes with an event, if one does."""
    once = {**object_of(properties, "$set_once"), **object_of(item, "$set_once")}
    traits = {**once, **object_of(properties, "$set"), **object_of(item, "$set")}
    traits = {n: v for n, v in traits.items() if not n.startswith(("$initial_", "$current_"))}
    if not traits:
        return []
    name, email = (v if isinstance(v := traits.get(n), str) and v else None for n in ("name", "email"))
    labels = packed(labels_of(traits, without={"name", "email"}))
    told = {"message_id": known["message_id"] + mark, "name": name, "email": email, "labels": labels}
    return [row("profile", **{**known, **told})]


def _identify(_: str, item: dict[str, Any], properties: dict[str, Any], known: Known, limits: Wire) -> Sequence[Row]:
    known = {**known, "person": known["person"] or known["anonymous"], "anonymous": None}
    need_somebody(known["person"], where="distinct_id")
    rows = _traits(item, properties, known, mark="")
    before = id_of(properties, "$anon_distinct_id", limits)
    if before is not None and before != known["person"]:
        need_distinct(before, known["person"], where="$anon_distinct_id")
        plain = {n: known[n] for n in ("message_id", "occurred_at", "sent_at")}
        rows.append(row("merge", **plain, anonymous=before, into=known["person"]))
    return rows or [row("profile", **known)]


def _set(_: str, item: dict[str, Any], properties: dict[str, Any], known: Known, __: Wire) -> Sequence[Row]:
    need_somebody(known["person"], known["anonymous"], where="distinct_id")
    return _traits(item, properties, known, mark="") or [row("profile", **known)]


def _alias(_: str, __: dict[str, Any], properties: dict[str, Any], known: Known, limits: Wire) -> Sequence[Row]:
    previous, into = id_of(properties, "alias", limits), known["person"] or known["anonymous"]
    need_distinct(previous, into, where="alias")
    return merges(known, previous, into)


def _group(_: str, __: dict[str, Any], properties: dict[str, Any], known: Known, limits: Wire) -> Sequence[Row]:
    kind, account = text_of(properties, "$group_type"), id_of(properties, "$group_key", limits)
    need_somebody(account, where="$group_key")
    told = object_of(properties, "$group_set")
    name = told.get("name")
    labels = labels_of(told, without={"name"} if isinstance(name, str) else ())
    if kind and kind not in ACCOUNT_GROUPS:
        labels["group"] = kind
    plain = {n: known[n] for n in ("message_id", "occurred_at", "sent_at")}
    return [
        row("profile", **plain, account=account, name=name if isinstance(name, str) else None, labels=packed(labels))
    ]


def _survey(name: str, item: dict[str, Any], properties: dict[str, Any], known: Known, limits: Wire) -> Sequence[Row]:
    answers = polled.rows(properties, known)
    return [*answers, *_traits(item, properties, known)] if answers else _event(name, item, properties, known, limits)


_MADE: dict[str, _Maker] = {
    "$identify": _identify,
    "$set": _set,
    "$create_alias": _alias,
    "$merge_dangerously": _alias,
    "$groupidentify": _group,
    "survey sent": _survey,
    "survey dismissed": _survey,
}
