"""Which columns of a table a page shows, and in what order: the telling ones first, the others folded behind them.

Nothing is lost: the page can unfold every column, and CSV and JSON always hold all of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from regard import wording
from regard.units import Counted, settled
from regard.web.trails import LEADING, SHEET_ONLY, STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regard.web.catalogue import Field

NUMBERS = frozenset({"number", "whole", "interval"})
MOST, BEARABLE = 8, 10
"""Columns shown when there are too many, and how many are not yet too many."""
LONG = 34
"""Characters from which a column of words needs room to be read."""
SPARSE = 0.34


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column as a page shows it.

    Attributes:
        field: What it holds, with its unit settled.
        low: Field that holds the lower end of its interval; none where it has no interval of its own.
        high: Field that holds the upper end.
        deeper: Fields that name a part of what this one names: the moment of a stage.
        folded: Whether it is shown only when all columns are.
        long: Whether it holds words that need room.
    """

    field: Field
    low: str = ""
    high: str = ""
    deeper: str = ""
    folded: bool = False
    long: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it is set as numbers are."""
        return self.field.shape in NUMBERS

    @property
    def look(self) -> str:
        """Its class on the page."""
        looks = ("r" if self.is_number else "t" if self.long else "", "more" if self.folded else "")
        return " ".join(word for word in looks if word)

    def ends(self, row: Mapping[str, Any]) -> tuple[float, float] | None:
        """The interval of one row, if it has one."""
        if not self.low:
            return None
        if self.low == self.high:
            found = row.get(self.low) or {}
            low, high = found.get("low"), found.get("high")
        else:
            low, high = row.get(self.low), row.get(self.high)
        return None if low is None or high is None else (low, high)


def columns_of(fields: Sequence[Field], rows: Sequence[Mapping[str, Any]], path: str) -> list[Column]:
    """The columns of a table, those worth reading first in front.

    Args:
        fields: Everything a row holds.
        rows: The rows.
        path: The question, for the columns known to matter there.
    """
    filled = [f for f in with_units(fields) if any(is_filled(r.get(f.name)) for r in rows)]
    filled = [f for f in filled if f.name not in SHEET_ONLY.get(path, ())]
    if any(f.name == "name" for f in filled) and path != "customers/list":
        filled = [f for f in filled if f.name != "customer"]
    return _folded(_paired(filled, STEPS.get(path, {})), rows, LEADING.get(path, ()))


def _paired(fields: Sequence[Field], steps: Mapping[str, str]) -> list[Column]:
    """One column for a number and its interval, and for a thing and its part."""
    names = {f.name for f in fields}
    found: list[Column] = []
    taken = {deeper for name, deeper in steps.items() if name in names}
    before = ""
    for field in fields:
        if field.name in taken:
            continue
        low, high = _ends(field, names)
        if field.shape == "interval" and before and _belongs(field.name, before):
            found[-1] = Column(field=found[-1].field, low=field.name, high=field.name)
            continue
        if before and field.name == "low" and "high" in names and not found[-1].low:
            found[-1] = Column(field=found[-1].field, low="low", high="high")
            taken |= {"low", "high"}
            continue
        taken |= {low, high} - {""}
        found.append(Column(field=field, low=low, high=high, deeper=steps.get(field.name, "")))
        before = field.name if field.shape == "number" else ""
    return found


def _ends(field: Field, names: set[str]) -> tuple[str, str]:
    low, high, both = f"{field.name}_low", f"{field.name}_high", f"{field.name}_interval"
    if field.shape != "number":
        return "", ""
    if low in names and high in names:
        return low, high
    return (both, both) if both in names else ("", "")


def _belongs(interval: str, number: str) -> bool:
    stem = interval.removesuffix("_interval")
    return interval == "interval" or number.startswith(f"{stem}_")


def _folded(columns: list[Column], rows: Sequence[Mapping[str, Any]], leading: Sequence[str]) -> list[Column]:
    longs = {c.field.name for c in columns if _longest(c.field, rows) > LONG}
    named = [Column(**{**_plain(c), "long": c.field.name in longs}) for c in columns]
    if len(named) <= BEARABLE and not leading:
        return named
    first = [c for name in leading for c in named if c.field.name == name]
    rest = [c for c in named if c not in first]
    telling = [c for c in rest if _tells(c.field, rows)] if not leading else []
    shown = (first or named[:1]) + [c for c in telling if c not in named[:1] or first]
    shown = shown[: max(MOST, len(first))]
    folded = [Column(**{**_plain(c), "folded": True}) for c in named if c not in shown]
    return [*shown, *folded]


def _plain(column: Column) -> dict[str, Any]:
    return {name: getattr(column, name) for name in column.__dataclass_fields__}


def _tells(field: Field, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a column differs from row to row and is filled often enough to be read."""
    values = [str(r.get(field.name)) for r in rows if is_filled(r.get(field.name))]
    if len(rows) < 3:
        return bool(values)
    return len(set(values)) > 1 and len(values) >= SPARSE * len(rows)


def _longest(field: Field, rows: Sequence[Mapping[str, Any]]) -> int:
    return max((len(str(r.get(field.name) or "")) for r in rows), default=0) if field.shape == "text" else 0


def with_units(fields: Sequence[Field]) -> list[Field]:
    """The fields, each with its unit: a value of the period before, or the end of an interval, has its sibling's."""
    found = settled([Counted(f.name, f.help, f.unit, f.shape == "whole") for f in fields])
    return [msgspec.structs.replace(f, unit=u) if u != f.unit else f for f, u in zip(fields, found, strict=True)]


def unit_of(field: Field) -> str:
    """What a number counts: as declared on the field, else as its help says."""
    return Counted(field.name, field.help, field.unit, field.shape == "whole").unit


def places(low: float, high: float) -> int | None:
    """Decimals worth writing where an interval is known: two figures of its width."""
    width, size = abs(high - low), max(abs(low), abs(high))
    if not math.isfinite(width) or width <= 1e-6 * size:
        return None
    most = 2 - math.floor(math.log10(size))
    return min(6, max(0, min(most, 1 - math.floor(math.log10(width)))))


def steady(column: Column, rows: Sequence[Mapping[str, Any]]) -> int | None:
    """Decimals for a whole column of plain numbers, so that it can be compared by eye; None leaves each to itself."""
    values = [v for r in rows if isinstance(v := r.get(column.field.name), float) and math.isfinite(v)]
    if unit_of(column.field) != "number" or all(v.is_integer() for v in values):
        return None
    most = max(abs(v) for v in values)
    return 0 if most >= 1000 else 1 if most >= 10 else 2


def is_filled(value: Any) -> bool:
    """Whether there is something to show."""
    return value not in (None, "", [], {})


def chance(value: float) -> str:
    """A chance as people write it: never more digits than it bears."""
    return "< 0.001" if value < 0.001 else wording.number(value, 3 if value < 0.1 else 2)
