"""The scope as the address bar has it: read from a query string, written back into links, told in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from regard import wording
from regard.errors import RegardError
from regard.periods import Period, parse_period

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import QueryParams

NAMES = ("period", "since", "until", "against", "where", "by")
OWN = ("part", "q", "table")
PRESETS = ("30d", "3m", "6m", "1y", "2y")
DEFAULT = "3m"


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The scope and the other arguments of one address."""

    scope: dict[str, Any]
    arguments: dict[str, str]

    def link(self, path: str, extra: Mapping[str, Any] | None = None, **changed: Any) -> str:
        """A path with this scope, and the changes; an empty change takes a part of the scope away."""
        parts = {**self.scope, **(extra or {}), **changed}
        query = urlencode([(k, v) for k, v in parts.items() if v not in (None, "", (), [])], doseq=True)
        return f"{path}?{query}" if query else path

    def with_arguments(self, path: str, **changed: Any) -> str:
        """A path with this scope and these arguments."""
        return self.link(path, self.arguments, **changed)

    def answered(self, finding: Mapping[str, Any]) -> Slice:
        """This slice with the window that was answered for: a question may choose one that fits."""
        window = finding.get("window")
        if not window or self.arguments.get("window"):
            return self
        return Slice(scope=self.scope, arguments={**self.arguments, "window": str(window)})

    @property
    def filters(self) -> dict[str, list[str]]:
        """Dimension to the values it is filtered by."""
        found: dict[str, list[str]] = {}
        for text in self.scope.get("where", []):
            name, _, value = text.partition("=")
            found.setdefault(name, []).append(value)
        return found

    def without(self, name: str, value: str) -> dict[str, Any]:
        """The filters when one is taken away."""
        return {"where": [w for w in self.scope.get("where", []) if w != f"{name}={value}"]}


def read(query: QueryParams) -> Slice:
    """The slice a query string asks for; empty fields count as not given."""
    scope: dict[str, Any] = {}
    arguments: dict[str, str] = {}
    for name, value in query.multi_items():
        text = value.replace("\0", "").strip()
        if not text or name in OWN:
            continue
        if name == "where":
            scope.setdefault("where", [])
            if text not in scope["where"]:
                scope["where"].append(text)
        elif name in NAMES:
            scope[name] = text
        else:
            arguments[name] = text
    if "period" in scope:
        scope.pop("since", None)
        scope.pop("until", None)
    return Slice(scope=scope, arguments=arguments)


def preset_names(last: date, fiscal: int = 1) -> list[tuple[str, str, str]]:
    """The periods on offer: value, what it is called, its days in words."""
    year = last.year
    offered = [*PRESETS, f"{year}-{last.month:02d}", str(year), str(year - 1)]
    return [(text, _called(text), _words(parse_period(text, last=last, fiscal_year_start=fiscal))) for text in offered]


def period_words(scope: Mapping[str, Any], last: date) -> str:
    """The period in view, in words; what cannot be read is shown as it was written."""
    since, until = scope.get("since"), scope.get("until")
    try:
        if "period" in scope:
            return _words(parse_period(scope["period"], last=last))
        if since or until:
            end = date.fromisoformat(until) if until else last
            return _words(Period(date.fromisoformat(since), end) if since else parse_period(DEFAULT, last=end))
        return _words(parse_period(DEFAULT, last=last))
    except (RegardError, ValueError):
        return str(scope.get("period") or f"{since or '…'} – {until or '…'}")


def _words(period: Period) -> str:
    return wording.period(period.first, date.fromordinal(period.last.toordinal() + 1))


def _called(text: str) -> str:
    units = {"d": "day", "w": "week", "m": "month", "y": "year"}
    if text[-1] in units and text[:-1].isdigit():
        count, unit = int(text[:-1]), units[text[-1]]
        return f"Last {unit}" if count == 1 else f"Last {wording.count(count, unit)}"
    return ""
