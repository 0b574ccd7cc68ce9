"""The intake described for machines: an OpenAPI document made from the limits and the kinds of signal."""

from __future__ import annotations

from typing import Any

from regard.signals.kinds import KINDS, Column, Kind
from regard.sources.items import NOBODY
from regard.sources.limits import Wire

TEXT = {"type": "string", "pattern": r"^[^\x00]*$"}
MOMENT = r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$"
ANY = {"$ref": "#/components/schemas/Value"}
TIME = {"type": "string", "pattern": MOMENT, "description": "ISO 8601; without a zone it is UTC."}


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
    listed["/batch"] = _post("PostHog's events, as server clients send them.", "#/components/schemas/posthog_batch")
    listed["/capture"] = _post("One of PostHog's events.", "#/components/schemas/posthog_event")
    listed["/v1/signals"] = _post("Signals of any kind: one, a list, or JSON Lines.", "#/components/schemas/signals")
    listed["/ready"] = {
        "get": {
            "summary": "Whether signals are taken now.", "operationId": "ready", "security": [],
            "responses": {"200": {"description": "They are.", "content": _json({"type": "object"})},
                          **_refusals("503", "507")},
        }
    }  # fmt: skip
    del limits
    return listed


def _post(summary: str, schema: str) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary, "operationId": schema.rpartition("/")[2],
            "requestBody": {"required": True, "content": _json({"$ref": schema})},
            "responses": {
                "200": {"description": "Durable; the outcome of each item.",
                        "content": _json({"$ref": "#/components/schemas/outcomes"})},
                **_refusals("400", "401", "408", "413", "415", "429", "503", "507"),
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


def _schemas(limits: Wire) -> dict[str, Any]:
    id_ = {
        **TEXT, "minLength": 1, "maxLength": limits.id_bytes // 4, "pattern": "^[A-Za-z0-9@._:-]+$",
        "not": {"enum": sorted(NOBODY)},
        "description": "Whose it is. Ids such as null, guest or undefined stand for nobody.",
    }  # fmt: skip
    object_ = {"type": "object", "additionalProperties": ANY, "maxProperties": 20}
    shared = {
        "userId": id_, "anonymousId": id_, "messageId": {**id_, "description": "A repeat is told by it."},
        "timestamp": TIME, "sentAt": TIME, "context": object_,
    }  # fmt: skip
    calls = _calls(id_, object_, shared)
    schemas: dict[str, Any] = {
        "Value": {"anyOf": [{"type": ["null", "boolean"]}, {"type": "number", "minimum": -1e15, "maximum": 1e15},
                            {**TEXT, "maxLength": 200}]},
        **calls,
        "batch": {
            "type": "object", "required": ["batch"],
            "properties": {"batch": {"type": "array", "maxItems": limits.batch_items, "items": {"$ref": "#/components/schemas/typed"}},
                           "sentAt": TIME},
        },
        "typed": {"anyOf": [
            {"allOf": [{"$ref": f"#/components/schemas/{c}"}, {"type": "object", "required": ["type"], "properties": {"type": {"const": c}}}]}
            for c in calls
        ]},
        "posthog_event": _posthog(id_, object_),
        "posthog_batch": {
            "type": "object", "required": ["batch"],
            "properties": {"batch": {"type": "array", "maxItems": limits.batch_items, "items": {"$ref": "#/components/schemas/posthog_event"}},
                           "sent_at": TIME},
        },
        "signals": {"anyOf": [{"$ref": "#/components/schemas/signal"},
                              {"type": "array", "maxItems": limits.batch_items, "items": {"$ref": "#/components/schemas/signal"}}]},
        "signal": {"oneOf": [_kind(kind, id_) for kind in KINDS]},
        **_answers(),
    }  # fmt: skip
    return schemas


def _calls(id_: dict[str, Any], object_: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    somebody = {"anyOf": [{"required": ["userId"]}, {"required": ["anonymousId"]}]}
    name = {**TEXT, "minLength": 1, "maxLength": 200, "pattern": r"^[A-Za-z][^\x00]*$"}
    return {
        "track": {"type": "object", **somebody, "required": ["event"], "properties": {**shared, "event": name, "properties": object_}},
        "identify": {"type": "object", **somebody, "properties": {**shared, "traits": object_}},
        "group": {"type": "object", "required": ["groupId"], "properties": {**shared, "groupId": id_, "traits": object_}},
        "page": {"type": "object", **somebody, "properties": {**shared, "name": name, "properties": object_}},
        "screen": {"type": "object", **somebody, "properties": {**shared, "name": name, "properties": object_}},
        "alias": {"type": "object", "required": ["previousId", "userId"], "properties": {**shared, "previousId": id_}},
    }  # fmt: skip


def _posthog(id_: dict[str, Any], object_: dict[str, Any]) -> dict[str, Any]:
    name = {**TEXT, "minLength": 1, "maxLength": 200, "pattern": r"^[A-Za-z][^\x00]*$"}
    return {
        "type": "object", "required": ["event", "distinct_id"],
        "properties": {"event": name, "distinct_id": id_, "uuid": id_, "timestamp": TIME, "properties": object_},
    }  # fmt: skip


def _kind(kind: Kind, id_: dict[str, Any]) -> dict[str, Any]:
    properties = {c.name: _column(c, id_) for c in kind.all_columns if c.name != "labels"}
    needs = ["kind", *kind.needs]
    made: dict[str, Any] = {
        "type": "object", "title": kind.name, "description": kind.help, "required": needs, "additionalProperties": False,
        "properties": {"kind": {"const": kind.name}, **properties,
                       "labels": {"type": "object", "additionalProperties": ANY, "maxProperties": 20}},
    }  # fmt: skip
    if kind.name in {"event", "profile", "merge"}:
        made["anyOf"] = [{"required": [n]} for n in ("person", "account", "anonymous")]
    return made


def _column(column: Column, id_: dict[str, Any]) -> dict[str, Any]:
    types: dict[str, dict[str, Any]] = {
        "text": {**TEXT, "maxLength": 500},
        "number": {"type": "number", "minimum": -1e15, "maximum": 1e15},
        "whole": {"type": "integer", "minimum": -(10**15), "maximum": 10**15},
        "time": TIME,
        "truth": {"type": "boolean"},
    }
    whose = column.name in {"person", "account", "anonymous", "into", "message_id", "key"}
    return {**(id_ if whose else types[column.type]), "description": column.help}


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
