"""On which line of a TOML text a key stands, so that a mistake in a mapping can be pointed at."""

from __future__ import annotations

import re
import tomllib

Path = tuple[str | int, ...]
_KEY = re.compile(
    r"""\s*((?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'))*)\s*"""
)
_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'""")


def positions(text: str) -> dict[Path, int]:
    """Path of keys (numbers for places in arrays of tables) to its line, from 1. The text must be valid TOML."""
    found: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    pending = ""
    for number, line in enumerate(text.splitlines(), 1):
        if pending:  # inside a value that spans lines: it is over once what was gathered is valid TOML
            pending += "\n" + line
            pending = "" if _complete(pending) else pending
            continue
        stripped = line.strip()
        if stripped.startswith("[["):
            base = _resolve(_parts(stripped[2 : stripped.index("]]")]), counts)
            counts[base] = counts.get(base, -1) + 1
            table = (*base, counts[base])
            found[table] = number
        elif stripped.startswith("["):
            table = _resolve(_parts(stripped[1 : stripped.index("]")]), counts)
            found.setdefault(table, number)
        elif stripped and not stripped.startswith("#") and (match := _KEY.match(line)):
            for depth in range(1, len(parts := _parts(match[1])) + 1):
                found.setdefault((*table, *parts[:depth]), number)
            pending = "" if _complete(line) else line
    return found


def line_of(found: dict[Path, int], path: Path) -> int:
    """The line of a path, or of the nearest thing around it; 1 where nothing is known."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path, 1)


def place_in(text: str, dotted: str, *, name: str) -> str:
    """Where a mistake is: file and line for `signal.1.amount` as the code names it; as it is where it is not found."""
    parts = dotted.split(".")
    if parts[0] not in {"signal", "inputs", "zone"}:
        return dotted
    path: Path = tuple(int(p) - 1 if p.isdigit() and i == 1 else p for i, p in enumerate(parts))
    found = positions(text)
    inside: Path = (*path[:2], "columns", *path[2:])
    return f"{name} line {line_of(found, inside if inside in found else path)}"


def _parts(dotted: str) -> Path:
    return tuple(p[1:-1] if p[0] in "\"'" else p for p in _PART.findall(dotted))


def _resolve(parts: Path, counts: dict[Path, int]) -> Path:
    path: Path = ()
    for i, part in enumerate(parts):
        path = (*path, part)
        if path in counts and i < len(parts) - 1:
            path = (*path, counts[path])
    return path


def _complete(text: str) -> bool:
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    return True
