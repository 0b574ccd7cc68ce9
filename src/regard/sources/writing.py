"""A mapping as TOML that a person can read, edit and run again, with a comment for each reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping as Table
from datetime import date, datetime
from typing import Any

import msgspec

from regard.sources.mapping import Mapping

_BARE = re.compile(r"[A-Za-z0-9_-]+$")


def write_mapping(mapping: Mapping, *, reasons: Table[str, str] | None = None) -> str:
    """The mapping as TOML text.

    Args:
        mapping: The mapping.
        reasons: Comments by path: "signal.1", "signal.1.columns.key", "inputs.orders".
    """
    why = reasons or {}
    lines = [f"name = {_value(mapping.name)}"]
    if mapping.zone != "UTC":
        lines.append(f"zone = {_value(mapping.zone)}")
    for name, source in mapping.inputs.items():
        lines += ["", *_comment(why.get(f"inputs.{name}", "")), f"[inputs.{_key(name)}]"]
        lines += _entries(_plain(source), f"inputs.{name}", why)
    for number, signal in enumerate(mapping.signal, 1):
        lines += ["", *_comment(why.get(f"signal.{number}", "")), "[[signal]]"]
        data = _plain(signal)
        tables = {k: data.pop(k) for k in ("columns", "labels", "parts") if isinstance(data.get(k), dict) and data[k]}
        lines += _entries(data, f"signal.{number}", why)
        for table, entries in tables.items():
            lines.append(f"[signal.{table}]")
            lines += _entries(entries, f"signal.{number}.{table}", why)
    return "\n".join(lines) + "\n"


def _plain(item: msgspec.Struct) -> dict[str, Any]:
    """A Struct as plain values, what stands at its default left out."""
    out: dict[str, Any] = {}
    for field in msgspec.structs.fields(item):
        value = getattr(item, field.name)
        default = field.default_factory() if field.default_factory is not msgspec.NODEFAULT else field.default
        if value is not None and value != default:
            out[field.encode_name] = _inner(value)
    return out


def _inner(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        return _plain(value)
    if isinstance(value, dict):
        return {k: _inner(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_inner(v) for v in value]
    return value


def _entries(data: Table[str, Any], path: str, why: Table[str, str]) -> list[str]:
    lines = []
    for key, value in data.items():
        comment = why.get(f"{path}.{key}", "")
        lines.append(f"{_key(key)} = {_value(value)}" + (f"  # {_one_line(comment)}" if comment else ""))
    return lines


def _comment(text: str) -> list[str]:
    return [f"# {_one_line(text)}"] if text else []


def _one_line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()


def _key(name: str) -> str:
    return name if _BARE.match(name) else _text(name)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{_key(str(k))} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    return repr(value)
