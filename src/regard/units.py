"""What a number counts, by what its field says of it: a share, money, seconds, a chance, a year, or just a number.

One place for every door that writes numbers for people.
"""

from __future__ import annotations

import re
import types
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from msgspec import Meta

_SHARE = re.compile(r"^(the )?share\b|\bshare of (one|1)\b|\bas a share\b|\bbetween 0 and 1\b", re.IGNORECASE)
_MONEY = re.compile(r"\bcurrency\b|\bmoney\b", re.IGNORECASE)
_SECONDS = re.compile(r"\bseconds\b", re.IGNORECASE)
_BESIDE = ("_before", "_now", "_low", "_high", "_interval", "_unweighted", "_then")


MEASURED = {
    "measured": {"share": "share", "days": "days"},
    "difference": {"share": "share", "days": "share", "score": "points"},
}
"""Units that hang on the row: what its ``measured_in`` (share, days or score) makes of a value, and of a difference."""


def by_row(unit: str, measured_in: object) -> str:
    """A unit as it is in one row, whose measure may be a share, days or a score."""
    return MEASURED[unit].get(str(measured_in), "number") if unit in MEASURED else unit


class Counted(NamedTuple):
    """A field that holds a number.

    Attributes:
        name: The field's.
        help: Its description.
        declared: The unit it declares; empty where it leaves that to its words.
        whole: Whether it holds whole numbers only.
    """

    name: str
    help: str
    declared: str = ""
    whole: bool = False

    @property
    def unit(self) -> str:
        """What it counts: as declared, else as its help says; ``number`` where nothing is known."""
        if self.declared:
            return self.declared
        if self.whole:
            return "year" if self.name == "year" else "count"
        if self.name == "q":
            return "chance"
        if _SHARE.search(self.help) or self.name.endswith(("_rate", "_share")) or self.name == "share":
            return "share"
        if _MONEY.search(self.help) or self.name.endswith(("value", "amount")):
            return "money"
        return "seconds" if _SECONDS.search(self.help) else "number"


def settled(fields: Sequence[Counted]) -> list[str]:
    """The unit of each field of one row: the period before, or an interval's end, has its sibling's."""
    known = {f.name: f for f in fields}
    found: list[str] = []
    for field in fields:
        ends_one = field.name in {"low", "high"} and field.unit == "number" and found
        found.append(found[-1] if ends_one else _beside(field, known))
    return found


def _beside(field: Counted, known: dict[str, Counted]) -> str:
    unit = field.unit
    stem = next((field.name.removesuffix(end) for end in _BESIDE if field.name.endswith(end)), "")
    if unit != "number" or not stem:
        return unit
    others = [known.get(stem)] + [f for n, f in known.items() if n.startswith(f"{stem}_") and n != field.name]
    return next((u for o in others if o is not None and (u := o.unit) != "number"), unit)


def described(hint: Any) -> tuple[str, str]:
    """What a field's annotation says of it: its description, and the unit it declares."""
    text = unit = ""
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Meta):
            text = extra.description or text
            unit = str((extra.extra_json_schema or extra.extra or {}).get("unit", unit))
    if not text and get_origin(hint) in {Union, types.UnionType}:
        for part in get_args(hint):
            text, unit = described(part) if get_origin(part) is Annotated else (text, unit)
    return text, unit
