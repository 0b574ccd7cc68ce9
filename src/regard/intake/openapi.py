"""The intake described for machines: an OpenAPI document made from the limits and the kinds of signal.

It says what is taken and what is refused, so that a request is answered with 200 if and only if the document allows it:
tests hold the two to one another. Of a list one item must be of use; each of the others has its own outcome.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from regard.intake import otlp
from regard.signals.kinds import KINDS, Column, Kind
from regard.sources.items import EARLIEST, LATEST, MOMENT, NOBODY
from regard.sources.limits import Wire
from regard.sources.native import IDS
from regard.sources.native import SOMEBODY as SOMEBODY_NEEDED
from regard.sources.segment import CALLS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "pattern": r"^[^\x00]*$"}
ANY = {"$ref": "#/components/schemas/Value"}
TIME = {"$ref": "#/components/schemas/Time"}
ID = {"$ref": "#/components/schemas/Id"}
GIVEN = {"$ref": "#/components/schemas/GivenId"}
SOMEBODY = {"$ref": "#/components/schemas/Somebody"}
PLAIN: Schema = {"anyOf": [{"type": ["null", "boolean", "number"]}, TEXT, {"type": "array", "items": ANY}]}
NOTHING: Schema = {"enum": [None, ""]}
BLANK = r"[\s\x1c-\x1f\x85]"
WORD: Schema = {"type": "string", "pattern": r"^[^\x00]*[^\s\x00-\x20\x7f-\xa0][^\x00]*$"}
SECOND = 1_000_000


def document(limits: Wire) -> dict[str, Any]:
    """The document, in OpenAPI 3.1."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Regard intake", "version": "1",
            "description": "Signals in. Each request is answered once every item of it is durable, with one outcome per item.",
        },
        "security": [{"basic": []}, {"bearer": []}],
        "paths": _paths(limits),
        "components": {
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "The write key as the name, no password."},
                "bearer": {"type": "http", "scheme": "bearer", "description": "The write key."},
            },
            "schemas": _schemas(limits),
        },
    }  # fmt: skip


def _paths(limits: Wire) -> dict[str, Any]:
    listed: dict[str, Any] = {
        f"/v1/{call}": _post(f"Segment's {call} call.", f"#/components/schemas/{call}")
        for call in ("track", "identify", "group", "page", "screen", "alias")
    }
    listed["/v1/batch"] = _post("Several of Segment's calls.", "#/components/schemas/batch")
    listed["/batch"] = _post("PostHog's events, as server clients send them.", "#/components/schemas/posthog")
    listed["/capture"] = _post("One of PostHog's events.", "#/components/schemas/posthog", name="capture")
    listed["/v1/signals"] = _post("Signals of any kind: one, a list, or JSON Lines.", "#/components/schemas/signals")
    for signal, name in otlp.REJECTED.items():
        listed[signal] = _exports(signal, name)
    listed["/ready"] = {
        "get": {
            "summary": "Whether signals are taken now.", "operationId": "ready", "security": [],
            "responses": {"200": {"description": "They are.", "content": _json({"type": "object"})},
                          **_refusals("503", "507")},
        }
    }  # fmt: skip
    del limits
    return listed


def _post(summary: str, schema: str, name: str = "") -> dict[str, Any]:
    return {
        "post": {
            "summary": summary, "operationId": name or schema.rpartition("/")[2],
            "requestBody": {"required": True, "content": _json({"$ref": schema})},
            "responses": {
                "200": {"description": "Durable; the outcome of each item.",
                        "content": _json({"$ref": "#/components/schemas/outcomes"})},
                **_refusals("400", "401", "408", "413", "415", "429", "503", "507"),
            },
        }
    }  # fmt: skip


def _exports(path: str, rejected: str) -> dict[str, Any]:
    """An address of OpenTelemetry: each item is read on its own, so that a broken one does not refuse the request."""
    signal = path.rpartition("/")[2]
    inner = {"traces": ("resourceSpans", "scopeSpans", "spans"), "logs": ("resourceLogs", "scopeLogs", "logRecords"),
             "metrics": ("resourceMetrics", "scopeMetrics", "metrics")}[signal]  # fmt: skip
    schema: Schema = {}
    for name in reversed(inner):
        schema = {"type": "object", "properties": {name: {"type": ["array", "null"], "items": schema}}}
    partial = {rejected: {"type": "string"}, "errorMessage": {"type": "string"}}
    answer = {"type": "object", "properties": {"partialSuccess": {"type": "object", "properties": partial}}}
    status = {"type": "object", "required": ["code", "message"],
              "properties": {"code": {"type": "integer"}, "message": {"type": "string"}}}  # fmt: skip
    refused = {"anyOf": [status, {"$ref": "#/components/schemas/refused"}]}
    codes = ("400", "401", "408", "413", "415", "429", "503")
    return {
        "post": {
            "summary": f"OpenTelemetry's {signal}, as JSON; as application/x-protobuf, too.", "operationId": signal,
            "requestBody": {"required": True, "content": _json(schema)},
            "responses": {
                "200": {"description": "Durable; how many were refused, and why.", "content": _json(answer)},
                **{code: {"description": SAID[code], "content": _json(refused)} for code in codes},
            },
        }
    }  # fmt: skip


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


SAID = {
    "400": "Not to be read, or every item was refused.",
    "401": "No write key, or one that opens nothing.",
    "408": "The request came too slowly.",
    "413": "Larger than a limit.",
    "415": "Packed in a way nothing here unpacks.",
    "429": "Too much at once; try again after Retry-After.",
    "503": "Not now; try again after Retry-After.",
    "507": "The disk is full; nothing was kept.",
}


def _refusals(*codes: str) -> dict[str, Any]:
    refused = {"anyOf": [{"$ref": "#/components/schemas/refused"}, {"$ref": "#/components/schemas/outcomes"}]}
    return {code: {"description": SAID[code], "content": _json(refused)} for code in codes}


def _schemas(limits: Wire) -> Schema:
    return {**_values(limits), **_segment(limits), **_posthog(limits), **_signals(limits), **_answers()}


def _object(properties: Schema, **more: Any) -> Schema:
    return {"type": "object", "propertyNames": TEXT, "additionalProperties": ANY, "properties": properties, **more}


def _around(properties: Schema) -> Schema:
    """What stands around a batch: only this of it is read."""
    return {"type": "object", "required": ["batch"], "properties": properties}


def _or_null(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def _list(item: str, limits: Wire) -> Schema:
    """Items of which one at least is of use; none at all is fine, too."""
    useful = {"contains": {"$ref": f"#/components/schemas/{item}"}}
    told = f"At most {limits.batch_items:,}. Each has its own outcome; one at least must be of use."
    return {"type": "array", "description": told, "anyOf": [{"maxItems": 0}, useful]}


def _values(limits: Wire) -> Schema:
    size = {"maxLength": limits.id_length}
    words = "|".join("".join(f"[{c.upper()}{c}]" if c.isalpha() else re.escape(c) for c in w) for w in sorted(NOBODY))
    nobody = {"pattern": f"^{BLANK}*(?:{words})?{BLANK}*$"}
    number = {"type": "number", "not": {"const": 0}}
    return {
        "Value": {"anyOf": [{"type": ["null", "boolean", "number"]}, TEXT, {"type": "array", "items": ANY},
                            _object({})], "description": "Anything; no text of it holds a NUL character."},
        "Time": {"anyOf": [NOTHING, *_times()], "description": "ISO 8601, UTC where no zone is given; or seconds, "
                 "milliseconds or microseconds since 1970."},
        "Id": {"anyOf": [{"type": ["null", "number"]}, {**TEXT, **size}]},
        "GivenId": {"anyOf": [{"type": "number"}, {**TEXT, **size, "minLength": 1}]},
        "Somebody": {"anyOf": [number, {**TEXT, **size, "minLength": 1, "not": nobody}],
                     "description": "Whose it is. Ids such as null, guest or undefined stand for nobody."},
        "MessageId": {**_or_null(TEXT), **size, "description": "A repeat is told by it."},
    }  # fmt: skip


def _times() -> list[Schema]:
    spans = ((EARLIEST, LATEST, SECOND, 0), (EARLIEST, LATEST, 1_000, 10**11), (EARLIEST, LATEST, 1, 10**14))
    found: list[Schema] = [{"type": "string", "pattern": MOMENT}]
    for first, last, unit, least in spans:
        whole = {"minimum": first // unit, "maximum": last // unit}
        parts = [whole] if not least else [{**whole, "minimum": least}, {**whole, "maximum": -least}]
        found += [{"type": "number", **part} for part in parts]
    return found


# ---------------------------------------------------------------------- Segment


def _segment(limits: Wire) -> Schema:
    typed = [_call(call, {"const": call}, required=["type"]) for call in CALLS]
    untyped = _call("track", NOTHING)
    batch = _around({"batch": _list("typed", limits), "sentAt": TIME})
    alone = {call: _call(call, {"enum": [call, None, ""]}) for call in CALLS}
    return {**alone, "typed": {"anyOf": [*typed, untyped]}, "batch": batch}


def _call(call: str, typed: Schema, required: Sequence[str] = ()) -> Schema:
    context = {**_or_null(_object({"groupId": ID}))}
    shared = {
        "type": typed, "userId": ID, "anonymousId": ID, "context": context,
        "messageId": {"$ref": "#/components/schemas/MessageId"}, "sentAt": TIME, "timestamp": TIME, "originalTimestamp": TIME,
    }  # fmt: skip
    somebody = [{"required": [name], "properties": {name: SOMEBODY}} for name in ("userId", "anonymousId")]
    traits = _or_null(_object({"company": {"anyOf": [PLAIN, _object({"id": ID})]}}))
    properties, text = _or_null(_object({})), _or_null(TEXT)
    seen = {"name": text, "category": text, "properties": properties}
    own: dict[str, tuple[Schema, Schema]] = {
        "track": ({"event": WORD, "properties": properties}, {"required": ["event"], "anyOf": somebody}),
        "identify": ({"traits": traits}, {"anyOf": somebody}),
        "group": ({"groupId": SOMEBODY, "traits": traits}, {"required": ["groupId"]}),
        "page": (seen, {"anyOf": somebody}),
        "screen": (seen, {"anyOf": somebody}),
        "alias": ({"previousId": GIVEN, "userId": GIVEN}, {"required": ["previousId", "userId"]}),
    }
    given, needs = own[call]
    needs = {**needs, "required": [*needs.get("required", ()), *required]}
    return _object({**shared, **given}, **needs)


# ---------------------------------------------------------------------- PostHog


def _posthog(limits: Wire) -> Schema:
    listed = _list("posthog_event", limits)
    batch = _around({"batch": listed, "sent_at": TIME})
    alone = _posthog_event(batch={"not": {"type": "array"}})
    return {"posthog": {"anyOf": [batch, listed, alone]}, "posthog_event": _posthog_event()}


def _posthog_event(**more: Schema) -> Schema:
    object_ = _or_null(_object({}))
    inner = _or_null(_object({
        "$insert_id": {"$ref": "#/components/schemas/MessageId"}, "$sent_at": TIME, "$time": TIME,
        "$set": object_, "$set_once": object_,
        "$groups": {"type": ["object", "null"], "propertyNames": TEXT, "additionalProperties": ID},
    }))  # fmt: skip
    somebody = {"required": ["distinct_id"], "properties": {"distinct_id": SOMEBODY}}
    inside = {
        "required": ["properties"],
        "properties": {"distinct_id": NOTHING, "properties": {"type": "object", **somebody}},
    }
    return _object(
        {"event": WORD, "distinct_id": ID, "uuid": {"$ref": "#/components/schemas/MessageId"}, "timestamp": TIME,
         "sent_at": TIME, "properties": inner, "$set": object_, "$set_once": object_, **more},
        required=["event"], anyOf=[somebody, inside],
        description="Those whose names PostHog gives a meaning ($identify, $create_alias, $groupidentify) need what it needs.",
    )  # fmt: skip


# ---------------------------------------------------------------------- any kind


def _signals(limits: Wire) -> Schema:
    one = {"$ref": "#/components/schemas/signal"}
    kinds = {f"signal_{kind.name}": _kind(kind) for kind in KINDS}
    return {
        "signals": {"anyOf": [one, _list("signal", limits)]},
        "signal": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in kinds]},
        **kinds,
    }


def _kind(kind: Kind) -> Schema:
    properties = {c.name: {"description": c.help, **_column(c, needed=c.name in kind.needs)} for c in kind.all_columns}
    properties["labels"] = _or_null(_object({}))
    whose = ("person", "account", "anonymous")
    more: Schema = {"title": kind.name, "description": kind.help, "required": ["kind", *kind.needs]}
    if kind.name == "merge":
        more["anyOf"] = [{"required": [n], "properties": {n: GIVEN}} for n in whose]
    elif kind.name in SOMEBODY_NEEDED:
        more["anyOf"] = [{"required": [n], "properties": {n: SOMEBODY}} for n in whose]
    return _object({"kind": {"const": kind.name}, **properties}, **more)


def _column(column: Column, *, needed: bool) -> Schema:
    if column.name in IDS:
        return GIVEN if needed else ID
    if column.type == "time":
        return {"anyOf": _times()} if needed else TIME
    if column.type == "text":
        wanted = {"type": "number"} if needed else {"type": ["number", "null"]}
        return {"anyOf": [wanted, {**TEXT, "minLength": 1} if needed else TEXT]}
    type_ = {"number": "number", "whole": "number", "truth": "boolean"}[column.type]
    return {"type": type_ if needed else [type_, "null"]}


def _answers() -> dict[str, Any]:
    outcome = {"enum": ["stored", "duplicate", "held_back", "refused"]}
    told = {
        "type": "object", "required": ["index", "outcome"],
        "properties": {"index": {"type": "integer"}, "outcome": outcome, "code": {"type": "string"},
                       "reason": {"type": "string"}, "where": {"type": "string"}},
    }  # fmt: skip
    counts = {n: {"type": "integer", "minimum": 0} for n in ("received", "stored", "duplicate", "held_back", "refused")}
    texts = {n: {"type": "string"} for n in ("kind", "code", "message", "where", "hint")}
    return {
        "outcomes": {
            "type": "object", "required": ["items", *counts],
            "properties": {"success": {"type": "boolean"}, "status": {"enum": [0, 1]}, **counts,
                           "items": {"type": "array", "items": told}},
        },
        "refused": {"type": "object", "required": ["error"],
                    "properties": {"error": {"type": "object", "required": list(texts), "properties": texts}}},
    }  # fmt: skip
