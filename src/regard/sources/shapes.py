"""Known exports recognised by their headings, and fitted to the headings a file has."""

from __future__ import annotations

import re
from collections.abc import Container
from zoneinfo import available_timezones

import msgspec

from regard.sources.exports import Shape
from regard.sources.mapping import Condition, Expression, Signal, Source, Test
from regard.sources.naming import plain
from regard.sources.survey_exports import SHAPES

_ZONE = re.compile(r"(?P<name>.*\S)\s*\((?P<zone>[A-Za-z]+(?:/[A-Za-z0-9_+-]+)*)\)\s*")


def zone_in(heading: str) -> tuple[str, str]:
    """A heading without the time zone some tools write behind it in brackets, and that zone, else empty."""
    match = _ZONE.fullmatch(heading)
    if match is None or match["zone"] not in available_timezones():
        return heading, ""
    return match["name"], match["zone"]


def recognise(names: tuple[str, ...]) -> Shape | None:
    """The known export with these headings, or None."""
    have = set(_headings(names))
    for shape in SHAPES:
        if all(_find(needed, have) for needed in shape.signature):
            return shape
    return None


def _headings(names: tuple[str, ...]) -> dict[str, str]:
    """Each heading by its plain name; of times, also without the zone some tools write behind it."""
    bare = {plain(name) or name: name for name in reversed(names)}
    return {plain(zone_in(name)[0]).removesuffix(" utc"): name for name in bare.values()} | bare


def _find(alternatives: str, have: Container[str]) -> str:
    return next((p for a in alternatives.split("|") if (p := plain(a) or a) in have), "")


class Fitting:
    """Fits a known export's signals to the headings a file has: alternatives chosen, what is missing left out."""

    def __init__(self, names: tuple[str, ...], *, empty: Container[str] = ()) -> None:
        self._by_plain = _headings(names)
        self._filled = {p: name for p, name in self._by_plain.items() if name not in empty}
        self.used: set[str] = set()

    def heading(self, alternatives: str) -> str | None:
        """The heading of the file for `a|b`, one that is filled before one that is not; or None."""
        found = _find(alternatives, self._filled) or _find(alternatives, self._by_plain)
        if not found:
            return None
        self.used.add(self._by_plain[found])
        return self._by_plain[found]

    def signal(self, signal: Signal) -> Signal | None:
        """The signal with the file's headings; None where the file lacks what its condition or its time needs."""
        when: dict[str, Condition] = {}
        for alternatives, condition in signal.when.items():
            heading = self.heading(alternatives)
            if heading is None:
                if isinstance(condition, Test):
                    return None
                continue
            when[heading] = condition
        columns = {
            target: fitted for target, source in signal.columns.items() if (fitted := self._source(source)) is not None
        }
        labels = tuple(dict.fromkeys(h for name in signal.labels if (h := self.heading(name)) is not None))
        return msgspec.structs.replace(signal, when=when, columns=columns, labels=labels)

    def _source(self, source: Source) -> Source | None:
        if isinstance(source, str):
            heading = self.heading(source)
            return self._at_zone(Expression(column=heading)) if heading and zone_in(heading)[1] else heading
        if source.column is not None:
            column = self.heading(source.column)
            if column is None:
                return (
                    Expression(value=source.default) if source.default is not None and source.map is not None else None
                )
            plus = None if source.plus is None else self.heading(source.plus)
            if source.plus is not None and plus is None:
                return None
            return self._at_zone(msgspec.structs.replace(source, column=column, plus=plus))
        if source.text is not None:
            found = tuple(h for name in source.text if (h := self.heading(name)) is not None)
            return msgspec.structs.replace(source, text=found) if found else None
        return source

    @staticmethod
    def _at_zone(source: Expression) -> Expression:
        """Times under a heading that names their zone are of that zone."""
        zone = zone_in(source.column or "")[1]
        return msgspec.structs.replace(source, zone=zone) if zone and not source.zone else source
