"""Writes the small subset of TOML that declarations and mappings need; the standard library only reads."""

from __future__ import annotations

import json
from typing import Any


def written(document: dict[str, Any]) -> str:
    """A document as TOML: plain values first, then tables; None is left out.

    Args:
        document: Texts, numbers, truths, lists and dictionaries of them, nested.
    """
    return "\n".join(_table(document, ())) + "\n"


def _table(table: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    lines: list[str] = []
    nested: list[tuple[str, Any]] = []
    for key, value in table.items():
        if value is None or (isinstance(value, list | tuple) and not value):
            continue
        if isinstance(value, dict) or _is_tables(value):
            nested.append((key, value))
        else:
            lines.append(f"{_key(key)} = {_value(value)}")
    for key, value in nested:
        name = ".".join(_key(part) for part in (*path, key))
        for item in value if isinstance(value, list | tuple) else [value]:
            header = f"[[{name}]]" if isinstance(value, list | tuple) else f"[{name}]"
            lines += ["", header, *_table(item, (*path, key))]
    return lines


def _is_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and all(isinstance(item, dict) for item in value)


def _key(key: str) -> str:
    bare = key and all(c.isascii() and (c.isalnum() or c in "-_") for c in key)
    return key if bare else _text(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    return repr(value)


def _text(value: str) -> str:
    """A basic string: TOML's escapes are those of JSON, but for DEL."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
