"""A finding as a sheet: CSV for any door, aligned text for a terminal. Derived from the finding's type alone."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, get_type_hints

import msgspec

from regard.errors import UnknownName
from regard.findings import Finding, Interval, encoded, tables
from regard.units import Counted, by_row, described, settled
from regard.wording import count, duration, percent

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0", "＝", "＋", "－", "＠")
MOST_ROWS = 40
CELL = 44
"""Characters of a cell in a terminal."""
ARROW = " → "
SAID: dict[str, Callable[[float], str]] = {
    "share": percent,
    "seconds": duration,
    "days": lambda days: duration(86_400 * days),
    "whole": "{:,.0f}".format,
}
"""How a terminal writes what is neither a count nor a plain number."""


def csv_of(finding: Finding, table: str = "") -> str:
    """One table of a finding as CSV (RFC 4180, UTF-8).

    Args:
        finding: Any finding.
        table: The field that is the table; empty takes the first. A finding without tables gives its single values
            as name and value.

    Raises:
        UnknownName: The finding has no such table.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    found = tables(type(finding))
    if table and table not in found:
        raise UnknownName("table", table, found, where="table")
    if not found:
        writer.writerow(["name", "value"])
        writer.writerows([[name, safe(value)] for name, value in single_values(finding).items()])
        return out.getvalue()
    name = table or next(iter(found))
    writer.writerow(flat_names(found[name]))
    writer.writerows([safe(v) for v in flat_values(row)] for row in getattr(finding, name))
    return out.getvalue()


def csv_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Rows as CSV (RFC 4180, UTF-8), cells safe.

    Args:
        columns: Their names, in order.
        rows: A value for each.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([safe(row[name]) for name in columns] for row in rows)
    return out.getvalue()


def safe(value: Any) -> Any:
    """A cell no spreadsheet will run: a text that begins like a formula gets a leading quote; numbers stay."""
    if isinstance(value, str) and value.startswith(FORMULA):
        return "'" + value
    return "" if value is None else value


def flat_names(row: type[msgspec.Struct]) -> list[str]:
    """Column names of a row's Struct; an interval becomes name_low and name_high."""
    names: list[str] = []
    for field in msgspec.structs.fields(row):
        is_interval = Interval in getattr(field.type, "__args__", (field.type,)) or "Interval" in str(field.type)
        names += [f"{field.name}_low", f"{field.name}_high"] if is_interval else [field.name]
    return names


def flat_values(row: msgspec.Struct) -> list[Any]:
    """Values of a row in the order of `flat_names`."""
    values: list[Any] = []
    for field in msgspec.structs.fields(type(row)):
        value = getattr(row, field.name)
        if "Interval" in str(field.type):
            values += [value.low, value.high] if value else [None, None]
        elif isinstance(value, date | datetime):
            values.append(value.isoformat())
        elif isinstance(value, tuple | list | dict | msgspec.Struct):
            values.append(encoded(value).decode())
        else:
            values.append(value)
    return values


def single_values(finding: Finding) -> dict[str, Any]:
    """A finding's own fields that are neither tables nor part of every finding."""
    shared = set(Finding.__struct_fields__) | set(tables(type(finding)))
    values = {}
    for name in finding.__struct_fields__:
        value = getattr(finding, name)
        if name in shared or isinstance(value, dict | tuple | list):
            continue
        if isinstance(value, Interval):
            values[f"{name}_low"], values[f"{name}_high"] = value.low, value.high
        elif not isinstance(value, msgspec.Struct):
            values[name] = value
    return values


def text_of(rows: tuple[msgspec.Struct, ...], kind: type[msgspec.Struct], *, width: int = 100) -> list[str]:
    """A table as aligned lines of text, columns that do not fit left out and said, at most `MOST_ROWS` rows.

    Args:
        rows: The table.
        kind: The Struct of its rows.
        width: Columns of the terminal.
    """
    every, whole = flat_names(kind), [flat_values(row) for row in rows[:MOST_ROWS]]
    telling = [i for i, name in enumerate(every) if _tells(name, [v[i] for v in whole])]
    units = _units(kind)
    names, values = [every[i] for i in telling], [[v[i] for i in telling] for v in whole]
    units = [_shown_as(unit, [v[i] for v in whole]) for i, unit in enumerate(units)]
    measured = [getattr(row, "measured_in", "") for row in rows[:MOST_ROWS]]
    cells = [
        [_short(v, by_row(units[i], how)) for v, i in zip(row, telling, strict=True)]
        for row, how in zip(values, measured, strict=True)
    ]
    names = [n.removesuffix("_seconds") if units[i] == "seconds" else n for n, i in zip(names, telling, strict=True)]
    numeric = [all(_is_number(v) for v in column) for column in zip(*values, strict=True)]
    widths = [max(len(n), *(len(c[i]) for c in cells)) for i, n in enumerate(names)] if cells else []
    kept, used = 0, 0
    while kept < len(widths) and used + widths[kept] + 2 <= width:
        used += widths[kept] + 2
        kept += 1
    lines = ["  ".join(_set(n, w, right=r) for n, w, r in zip(names[:kept], widths, numeric, strict=False))]
    lines += [
        "  ".join(_set(c, w, right=r) for c, w, r in zip(row[:kept], widths, numeric, strict=False)) for row in cells
    ]
    if kept < len(names):
        left = count(len(names) - kept, "more column")
        lines.append(f"… {left} with --csv or --json: {', '.join(names[kept:][:6])}")
    if len(rows) > MOST_ROWS:
        lines.append(f"… {count(len(rows) - MOST_ROWS, 'more row')} with --csv or --json")
    return [line.rstrip() for line in lines]


def _tells(name: str, values: list[Any]) -> bool:
    """Whether a column says anything: not one that is empty throughout, nor a unit, nor the slice of a whole."""
    filled = [v for v in values if v not in (None, "")]
    return bool(filled) and name != "measured_in" and not (name == "slice" and set(filled) == {"all"})


def _units(kind: type[msgspec.Struct]) -> list[str]:
    """What each column of `flat_names` counts."""
    hints = get_type_hints(kind, include_extras=True)
    fields = []
    for field in msgspec.structs.fields(kind):
        help_, unit = described(hints[field.name])
        fields.append(Counted(field.name, help_, unit, whole=field.type is int))
    found: list[str] = []
    for field, unit in zip(msgspec.structs.fields(kind), settled(fields), strict=True):
        found += [unit, unit] if "Interval" in str(field.type) else [unit]
    return found


def _shown_as(unit: str, values: list[Any]) -> str:
    """A column of plain numbers that are all whole is shown without decimals."""
    numbers = [v for v in values if isinstance(v, float)]
    return "whole" if unit == "number" and numbers and all(v.is_integer() for v in numbers) else unit


def _short(value: Any, unit: str = "") -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float) and unit in SAID:
        return SAID[unit](value)
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 0.1 else f"{value:,.2f}"
    if isinstance(value, int):
        return f"{value:,}"
    text = " ".join(str(value).split())
    if len(text) <= CELL:
        return text
    return _way(text.split(ARROW)) if ARROW in text else text[: CELL - 1] + "…"


def _way(steps: list[str]) -> str:
    """A path in a cell: its first step and as many of the last as fit, since rows of one tree differ at an end."""
    for k in range(2, len(steps)):
        text = ARROW.join([steps[0], "…", *steps[k:]])
        if len(text) <= CELL:
            return text
    text, half = ARROW.join(steps), (CELL - 1) // 2
    return f"{text[:half]}…{text[-half:]}"


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool))


def _set(text: str, width: int, *, right: bool) -> str:
    return text.rjust(width) if right else text.ljust(width)
