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
from regard.units import by_row
from regard.web.columns import chance, columns_of, is_filled, places, steady, unit_of, with_units
from regard.web.headings import heading
from regard.web.trails import FIRST_TABLES, behind, trails

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from regard.web.catalogue import Field, Told
    from regard.web.columns import Column
    from regard.web.slices import Slice

SHOWN_ROWS = 200
METRICS = {"nps", "csat", "ces"}
"""Metrics known by their letters."""
AS_WRITTEN = {"id", "key", "customer", "contract", "email", "verbatim", "words", "name"}
"""Fields whose text is an id or somebody's own words, never to be reworded."""
SHORT = 20
"""Characters up to which a cell of words is kept on one line."""
_MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_DATE = rf"\d{{1,2}}(?: – \d{{1,2}})? (?:{_MONTHS})\w*(?: \d{{4}})?|(?:{_MONTHS})\w* \d{{4}}|\d{{4}}-\d\d(?:-\d\d)?"
_MARK = r"(?:[+−-]\s?)?(?:[A-Z]{0,3}[$€£¥₹]\u00a0?|[A-Z]{3}\u00a0)?"
_NUMBERS = re.compile(
    rf"(?P<date>{_DATE})|(?<![\w.,])(?P<number>{_MARK}\d(?:[\d,.]*\d)?(?:\u00a0(?:%|[kMBT]\b))?)(?![\w])", re.IGNORECASE
)
_ID = re.compile(r"(?<![\w-])(?=[0-9a-f-]*\d)[0-9a-f][0-9a-f-]{22,}[0-9a-f](?![\w-])")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One shown value: its text, whether it is a number, and where it leads."""

    text: str
    number: bool = False
    href: str = ""
    spread: str = ""
    look: str = ""
    deep: bool = False


@dataclass(frozen=True, kw_only=True)
class Head:
    """One column's heading: its words, its help, and how it is set."""

    words: str
    help: str = ""
    look: str = ""


@dataclass(frozen=True, kw_only=True)
class Number:
    """One single number of a finding: what it is called, how it is written, and the customers behind it."""

    words: str
    text: str
    spread: str = ""
    level: str = ""
    help: str = ""
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a finding as a page shows it; `left` rows are only in the CSV."""

    name: str
    title: str
    help: str
    columns: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    left: int
    quotes: Sequence[Mapping[str, str]]

    @property
    def folded(self) -> int:
        """How many columns are shown only when all are asked for."""
        return sum("more" in c.look for c in self.columns)


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """Says values in the company's words: its currency and its zone."""

    currency: str = ""
    zone: str = "UTC"
    measured: str = ""

    def beside(self, row: Mapping[str, Any]) -> Speaker:
        """Speaks of amounts in the row's own currency or unit, where it names one."""
        if "measured_in" in row:
            return Speaker(currency=self.currency, zone=self.zone, measured=str(row["measured_in"]))
        if "unit" not in row and "currency" not in row:
            return self
        named = row.get("currency") or row.get("unit")
        return Speaker(currency=named if isinstance(named, str) else "", zone=self.zone)

    def cell(self, row: Mapping[str, Any], column: Column, way: Mapping[str, str], digits: int | None = None) -> Cell:
        """One cell: the value as its field means it, its interval beside it, and where it leads."""
        field, ends = column.field, column.ends(row)
        part = row.get(column.deeper) if column.deeper else None
        value = part or row.get(field.name)
        text, spread = self.say(value, field), ""
        if digits is not None and isinstance(value, int | float) and not ends:
            text = self._number(value, field, digits)
        if ends and isinstance(value, int | float):
            digits = places(*ends)
            text = self._number(value, field, digits)
            spread = " to ".join(self._number(end, field, digits) for end in ends) if ends[0] != ends[1] else ""
        href = way.get(column.deeper if part else field.name, "")
        short = "" if column.is_number or column.long or len(text) > SHORT else "k"
        look = " ".join(word for word in (column.look, short) if word)
        return Cell(text=text, number=column.is_number, href=href, spread=spread, look=look, deep=bool(part))

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
        if field.name == "metric" and text in METRICS:
            return text.upper()
        return text if field.name in AS_WRITTEN else wording.plainly(text)

    def _number(self, value: float, field: Field, digits: int | None = None) -> str:
        unit = by_row(unit_of(field), self.measured)
        if isinstance(value, float) and not math.isfinite(value):
            return wording.DASH
        if unit == "share":
            return wording.percent(value)
        if unit == "money":
            known = not self.currency or re.fullmatch(r"[A-Z]{3}", self.currency)
            return wording.money(value, self.currency) if known else f"{wording.number(value)} {self.currency}"
        if unit in {"seconds", "days"}:
            return wording.duration(value * (86_400 if unit == "days" else 1))
        if unit == "points":
            return wording.signed(value, 1)
        if unit == "chance":
            return chance(value)
        return str(value) if unit == "plain" else wording.number(value, digits)

    def tables(self, finding: Mapping[str, Any], question: Told, seen: Slice) -> list[Table]:
        """The finding's tables that hold rows, in the order people read them."""
        first, seen = FIRST_TABLES.get(question.path, ()), seen.answered(finding)
        fields = sorted(question.tables, key=lambda f: first.index(f.name) if f.name in first else len(first))
        return [self._table(finding[f.name], f, question, seen) for f in fields if finding.get(f.name)]

    def _table(self, rows: Sequence[Mapping[str, Any]], field: Field, question: Told, seen: Slice) -> Table:
        columns = columns_of(field.columns, rows, question.path)
        shown = rows[:SHOWN_ROWS]
        led = [trails(question.path, r, seen) for r in shown]
        digits = [steady(c, shown) for c in columns]
        return Table(
            name=field.name,
            title="" if field.name in {"rows", "table"} else heading(field, question.path),
            help=field.help,
            columns=[Head(words=heading(c.field, question.path), help=c.field.help, look=c.look) for c in columns],
            rows=[
                [self.beside(r).cell(r, c, way, d) for c, d in zip(columns, digits, strict=True)]
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
        seen: set[tuple[str, str]] = set()
        return [
            {
                "words": r["verbatim"],
                "name": shortened(str(r.get("name") or r.get("customer") or "")),
                "href": way.get("name", ""),
                "about": " · ".join(
                    [
                        *scored(r),
                        *(self.say(r[n], columns[n]) for n in ("place", "part", "area", "issue", "at") if r.get(n)),
                    ]
                ),
            }
            for r, way in zip(rows, led, strict=True)
            if r.get("verbatim") and _is_new(seen, r)
        ]

    def numbers(self, finding: Mapping[str, Any], question: Told, seen: Slice) -> list[Number]:
        """The finding's single numbers; what is empty is left out."""
        fields, ways = {f.name: f for f in question.fields}, behind(question.path, finding, seen)
        found = []
        for field in with_units(question.fields):
            if field.shape not in {"number", "whole"} or finding.get(field.name) is None:
                continue
            names = (f"{field.name}_interval", "interval" if field.name in {"score", question.name} else "")
            spread = next((finding[n] for n in names if n in fields and finding.get(n)), None)
            found.append(
                Number(
                    words=heading(field, question.path),
                    text=self._number(finding[field.name], field, digits := places(*_ends(spread)) if spread else None),
                    spread=self.spread(spread, field, digits),
                    level=wording.percent(spread.get("level", 0.95)) if spread else "",
                    help=field.help,
                    href=ways.get(field.name, ""),
                )
            )
        return found

    def spread(self, interval: Mapping[str, float] | None, field: Field, digits: int | None) -> str:
        """An interval in words, with the decimals its number has; or nothing."""
        return " … ".join(self._number(end, field, digits) for end in _ends(interval)) if interval else ""

    def remarks(self, finding: Mapping[str, Any], question: Told) -> list[tuple[str, str]]:
        """The finding's short texts, for the evidence."""
        texts = [f for f in question.fields if f.shape in {"text", "truth", "day", "time"}]
        return [
            (heading(f, question.path), self.say(finding[f.name], f)) for f in texts if is_filled(finding.get(f.name))
        ]


def scored(row: Mapping[str, Any]) -> list[str]:
    """The score somebody's words came with: `4 stars`, `NPS 9, promoter`; empty where there is none."""
    score, metric, group = row.get("score"), str(row.get("metric") or ""), str(row.get("group") or "")
    if score is None:
        return [group] if group else []
    if metric == "stars":
        return [wording.count(score, "star")]
    number = f"{metric.upper() if metric in METRICS else wording.title(metric)} {wording.number(score)}".strip()
    return [f"{number}, {group}" if group else number]


def _ends(interval: Mapping[str, float]) -> tuple[float, float]:
    return interval["low"], interval["high"]


def _is_new(seen: set[tuple[str, str]], row: Mapping[str, Any]) -> bool:
    """Whether these words of this customer were not there yet; one review of several orders is said once."""
    key = (str(row["verbatim"]), str(row.get("customer") or row.get("name") or ""))
    known = key in seen
    seen.add(key)
    return not known


def shortened(text: str) -> str:
    """The text with ids that are only letters and digits by the dozen cut to what tells them apart."""
    return _ID.sub(lambda found: f"{found[0][:8]}…", text)


def emphasised(text: str) -> Markup:
    """An answer with its numbers set off, so that the eye finds them."""
    parts: list[str] = []
    end, text = 0, wording.plainly(shortened(text))
    for match in _NUMBERS.finditer(text):
        if match["number"]:
            parts += [str(escape(text[end : match.start()])), f"<b>{escape(match[0])}</b>"]
            end = match.end()
    return Markup("".join([*parts, str(escape(text[end:]))]))  # noqa: S704 - every part is escaped above


def marked(text: str, words: str) -> Markup:
    """The text with every occurrence of the words searched for set off."""
    found = [w for w in words.split() if w]
    if not found:
        return Markup(escape(text))  # noqa: S704 - escaped
    parts = re.split(f"({'|'.join(re.escape(w) for w in found)})", text, flags=re.IGNORECASE)
    return Markup("".join(f"<mark>{escape(p)}</mark>" if i % 2 else str(escape(p)) for i, p in enumerate(parts)))  # noqa: S704 - every part is escaped


def command(question: Told, scope: Mapping[str, Any], arguments: Mapping[str, Any]) -> str:
    """The command that prints the same."""
    words = ["regard", question.room, question.name]
    for name, value in [*scope.items(), *arguments.items()]:
        for item in value if isinstance(value, list | tuple) else [value]:
            if item not in (None, ""):
                words += [f"--{name.replace('_', '-')}", str(item)]
    return shlex.join(words)
