"""A finding as a page shows it: fields become words with their help, tables become rows of cells, CSV is made safe."""

from __future__ import annotations

import math
import re
import shlex
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from regard import wording
from regard.web.trails import FIRST_TABLES, SHEET_ONLY, trails

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regard.web.catalogue import Field, Told
    from regard.web.slices import Slice

SHOWN_ROWS = 200
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DATE = rf"\d{{1,2}}(?: – \d{{1,2}})? (?:{_MONTHS})\w*(?: \d{{4}})?|(?:{_MONTHS})\w* \d{{4}}|\d{{4}}-\d\d(?:-\d\d)?"
_MARK = r"(?:[+−-]\s?)?(?:[A-Z]{0,3}[$€£¥₹]\u00a0?|[A-Z]{3}\u00a0)?"
_NUMBERS = re.compile(
    rf"(?P<date>{_DATE})|(?<![\w.,])(?P<number>{_MARK}\d(?:[\d,.]*\d)?(?:\u00a0(?:%|[kMBT]\b))?)(?![\w])", re.IGNORECASE
)
_SHARE = re.compile(r"^(the )?share\b|\bshare of (one|1)\b|\bas a share\b|\bbetween 0 and 1\b", re.IGNORECASE)
_MONEY = re.compile(r"\bcurrency\b|\bmoney\b", re.IGNORECASE)
_SECONDS = re.compile(r"\bin seconds\b|\bseconds\b", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One shown value: its text, whether it is a number, and where it leads."""

    text: str
    number: bool = False
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a finding as a page shows it; `left` rows are only in the CSV."""

    name: str
    title: str
    help: str
    columns: Sequence[tuple[str, str, bool]]
    rows: Sequence[Sequence[Cell]]
    left: int
    quotes: Sequence[Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """Says values in the company's words: its currency and its zone."""

    currency: str = ""
    zone: str = "UTC"

    def beside(self, row: Mapping[str, Any]) -> Speaker:
        """Speaks of amounts in the row's own currency or unit, where it names one."""
        if "unit" not in row and "currency" not in row:
            return self
        named = row.get("currency") or row.get("unit")
        return Speaker(currency=named if isinstance(named, str) else "", zone=self.zone)

    def cell(self, value: Any, field: Field, href: str = "") -> Cell:
        """One value as its field means it."""
        return Cell(text=self.say(value, field), number=field.shape in {"number", "whole", "interval"}, href=href)

    def say(self, value: Any, field: Field) -> str:
        """One value in words."""
        if value is None or value == "":
            return wording.DASH
        if isinstance(value, dict) and {"low", "high"} <= value.keys():
            return f"{self._number(value['low'], field)} … {self._number(value['high'], field)}"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, int | float):
            return self._number(value, field)
        if isinstance(value, list):
            return ", ".join(self.say(v, field) for v in value) or wording.DASH
        if isinstance(value, dict):
            return ", ".join(f"{wording.title(str(k))} {self.say(v, field)}" for k, v in value.items())
        return self._text(str(value), field)

    def _text(self, text: str, field: Field) -> str:
        try:
            if field.shape == "time":
                return wording.moment(datetime.fromisoformat(text), self.zone)
            if field.shape == "day":
                return wording.day(date.fromisoformat(text))
        except ValueError:
            return text
        return text

    def _number(self, value: float, field: Field) -> str:
        unit = unit_of(field)
        if isinstance(value, float) and not math.isfinite(value):
            return wording.DASH
        if unit == "share":
            return wording.percent(value)
        if unit == "money":
            known = not self.currency or re.fullmatch(r"[A-Z]{3}", self.currency)
            return wording.money(value, self.currency) if known else f"{wording.number(value)} {self.currency}"
        if unit == "seconds":
            return wording.duration(value)
        if unit == "points":
            return wording.signed(value, 1)
        return str(value) if unit == "plain" else wording.number(value)

    def tables(self, finding: Mapping[str, Any], question: Told, seen: Slice) -> list[Table]:
        """The finding's tables that hold rows, in the order people read them."""
        first = FIRST_TABLES.get(question.path, ())
        fields = sorted(question.tables, key=lambda f: first.index(f.name) if f.name in first else len(first))
        return [self._table(finding[f.name], f, question, seen) for f in fields if finding.get(f.name)]

    def _table(self, rows: Sequence[Mapping[str, Any]], field: Field, question: Told, seen: Slice) -> Table:
        columns = [c for c in field.columns if any(_filled(r.get(c.name)) for r in rows)]
        if any(c.name == "name" for c in columns) and question.path != "customers/list":
            columns = [c for c in columns if c.name != "customer"]
        columns = [c for c in columns if c.name not in SHEET_ONLY.get(question.path, ())]
        shown = rows[:SHOWN_ROWS]
        led = [trails(question.path, r, seen) for r in shown]
        return Table(
            name=field.name,
            title="" if field.name in {"rows", "table"} else wording.title(field.name),
            help=field.help,
            columns=[(heading(c), c.help, c.shape in {"number", "whole", "interval"}) for c in columns],
            rows=[
                [self.beside(r).cell(r.get(c.name), c, way.get(c.name, "")) for c in columns]
                for r, way in zip(shown, led, strict=True)
            ],
            left=len(rows) - len(shown),
            quotes=self._quotes(shown, field, led),
        )

    def _quotes(
        self, rows: Sequence[Mapping[str, Any]], field: Field, led: Sequence[Mapping[str, str]]
    ) -> list[dict[str, str]]:
        """Rows that are somebody's own words, to be shown as such."""
        columns = {c.name: c for c in field.columns}
        if "verbatim" not in columns:
            return []
        return [
            {
                "words": r["verbatim"],
                "name": r.get("name") or r.get("customer") or "",
                "href": way.get("name", ""),
                "about": ", ".join(
                    self.say(r[n], columns[n]) for n in ("group", "place", "part", "area", "issue", "at") if r.get(n)
                ),
            }
            for r, way in zip(rows, led, strict=True)
            if r.get("verbatim")
        ]

    def numbers(self, finding: Mapping[str, Any], question: Told) -> list[tuple[str, str, str, str]]:
        """The finding's single numbers: heading, words, its interval in words, help; what is empty is left out."""
        fields = {f.name: f for f in question.fields}
        found = []
        for field in question.fields:
            if field.shape not in {"number", "whole"} or finding.get(field.name) is None:
                continue
            names = (f"{field.name}_interval", "interval" if field.name in {"score", question.name} else "")
            spread = next((finding[n] for n in names if n in fields and finding.get(n)), None)
            found.append((heading(field), self.say(finding[field.name], field), self.spread(spread, field), field.help))
        return found

    def spread(self, interval: Mapping[str, float] | None, field: Field) -> str:
        """An interval in words, or nothing."""
        return self.say(interval, field) if interval else ""

    def remarks(self, finding: Mapping[str, Any], question: Told) -> list[tuple[str, str]]:
        """The finding's short texts, for the evidence."""
        texts = [f for f in question.fields if f.shape in {"text", "truth", "day", "time"}]
        return [(heading(f), self.say(finding[f.name], f)) for f in texts if _filled(finding.get(f.name))]


def unit_of(field: Field) -> str:
    """What a number counts: as declared on the field, else as its help says."""
    if field.unit:
        return field.unit
    if field.shape == "whole":
        return "year" if field.name == "year" else "count"
    if _SHARE.search(field.help) or field.name.endswith(("_rate", "_share")) or field.name == "share":
        return "share"
    if _MONEY.search(field.help) or field.name.endswith(("value", "amount")):
        return "money"
    return "seconds" if _SECONDS.search(field.help) else "number"


def heading(field: Field) -> str:
    """A column's heading."""
    return {"n": "n", "q": "Words" if field.shape == "text" else "q"}.get(field.name, wording.title(field.name))


def _filled(value: Any) -> bool:
    return value not in (None, "", [], {})


def emphasised(text: str) -> Markup:
    """An answer with its numbers set off, so that the eye finds them."""
    parts: list[str] = []
    end = 0
    for match in _NUMBERS.finditer(text):
        if match["number"]:
            parts += [str(escape(text[end : match.start()])), f"<b>{escape(match[0])}</b>"]
            end = match.end()
    return Markup("".join([*parts, str(escape(text[end:]))]))  # noqa: S704 - every part is escaped above


def command(question: Told, scope: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """The command that prints the same."""
    words = ["regard", question.room, question.name]
    for name, value in [*scope.items(), *arguments.items()]:
        for item in value if isinstance(value, list | tuple) else [value]:
            if item not in (None, ""):
                words += [f"--{name.replace('_', '-')}", str(item)]
    return shlex.join(words)
