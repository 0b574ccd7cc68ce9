"""The same comparison at earlier times: what each cell of contacts does by itself, with nothing to explain."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from regard.listening.reach import reaching
from regard.statistics.swings import LEAST_PAIRS, Pairs, Swings, beyond_swings

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa
    from numpy.typing import NDArray

    from regard.listening.frequency import Active, Counts
    from regard.signals.ask import Ask

    Floats = NDArray[np.float64]

MOST_PAIRS = 12
"""Earlier comparisons made at most."""
YEAR = 364
"""Days to the same weekday a year earlier."""
SAMPLED = 40_000
"""Customers whose activity in the past is looked at; where there are many more, a share of them stands for all."""
THIN = 0.1
"""An earlier period with less than this of the later ones' contacts was not recorded, or not all of it."""

BETWEEN = "\x1f"

Of = Literal["cell", "slice", "all"]
Span = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Past:
    """Contacts before the period, by day; days are counted from its first, so they are negative.

    Attributes:
        spans: Later and earlier span of days of each comparison: the one asked about, then the same before it.
        begins: The first day contacts were recorded all day.
        day: Day of each row, ascending.
        contacts: Contacts of each row.
        names: Area, issue and slice of each row.
        activity: Active customers of each stretch of `days` days counted back from the period, by slice.
        days: Length of a stretch; 0 where nothing says who is active.
    """

    spans: tuple[tuple[Span, Span], ...]
    begins: int
    day: NDArray[np.int64]
    contacts: Floats
    names: tuple[NDArray[np.str_], ...]
    activity: dict[str, Floats]
    days: int

    def pairs(self, cells: Counts, around: Active, of: Of) -> tuple[Pairs, Pairs]:
        """Every comparison of these cells, and the same a year before each."""
        code, slices = self._codes(cells, of), cells.area if of == "slice" and self.activity.keys() - {"all"} else []
        columns = [self._columns(code, len(cells.area), slices, span) for span in self.spans[1:]]
        first = (cells.now, cells.before, around.exposure("now"), around.exposure("before"))
        asked = [np.broadcast_to(np.asarray(x, float), cells.now.shape) for x in first]
        years = [self._columns(code, len(cells.area), slices, _shifted(span, YEAR)) for span in self.spans]
        return _stacked([asked, *columns]), _stacked(years)

    def _codes(self, cells: Counts, of: Of) -> NDArray[np.int64]:
        """Which cell each row belongs to; -1 for none of them."""
        if of == "all":
            return np.zeros(len(self.day), np.int64)
        area, issue, slice_ = self.names
        keys = slice_ if of == "slice" else np.char.add(np.char.add(area, BETWEEN), issue)
        wanted = (
            cells.area if of == "slice" else [f"{a}{BETWEEN}{i}" for a, i in zip(cells.area, cells.issue, strict=True)]
        )
        at = {name: i for i, name in enumerate(wanted)}
        names, coded = np.unique(keys, return_inverse=True)
        return np.array([at.get(str(n), -1) for n in names], np.int64)[coded.reshape(-1)]

    def _columns(self, code: NDArray[np.int64], cells: int, slices: list[str], span: tuple[Span, Span]) -> list[Floats]:
        if min(s[0] for s in span) < self.begins or max(s[1] for s in span) > 0:
            return [np.full(cells, np.nan)] * 4
        sums = [self.sum(code, cells, s) for s in span]
        return [*sums, *(self._exposure(cells, slices, s) for s in span)]

    def sum(self, code: NDArray[np.int64], cells: int, span: Span) -> Floats:
        """Contacts of each cell in a span of days, given the cell of each row."""
        low, high = np.searchsorted(self.day, span)
        inside = code[low:high]
        return np.bincount(inside[inside >= 0], self.contacts[low:high][inside >= 0], minlength=cells).astype(float)

    def _exposure(self, cells: int, slices: list[str], span: Span) -> Floats:
        if not self.days:
            return np.full(cells, float(span[1] - span[0]))
        stretch = -np.arange(span[0] + 1, span[1] + 1) // self.days
        whole = [self.activity.get(name, np.zeros(1)) for name in slices] or [sum(self.activity.values(), np.zeros(1))]
        found = np.array([a[np.minimum(stretch, len(a) - 1)].sum() for a in whole])
        return found if slices else np.full(cells, found[0])


def _stacked(columns: list[list[Floats]]) -> Pairs:
    now, before, exposure_now, exposure_before = (np.column_stack([c[i] for c in columns]) for i in range(4))
    return Pairs(now=now, before=before, exposure_now=exposure_now, exposure_before=exposure_before)


def _shifted(span: tuple[Span, Span], days: int) -> tuple[Span, Span]:
    (a, b), (c, d) = span
    return (a - days, b - days), (c - days, d - days)


def past(ask: Ask, around: Active) -> Past:
    """Read what came before the period."""
    first = around.contacts_begin
    begins = 0 if first is None else -(ask.scope.since - first).days
    spans = _spans(ask, begins)
    reads = len(spans) > LEAST_PAIRS
    table = ask.table("contacts_past.sql", first=_day(ask, begins)) if reads else None
    day, contacts, names = _rows(table)
    found = Past(spans=spans, begins=begins, day=day, contacts=contacts, names=names, activity={}, days=0)
    found = _recorded(found)
    if len(found.spans) <= LEAST_PAIRS:
        return _but(found, spans=found.spans[:1])
    activity, days = _activity(ask, around, _day(ask, begins))
    return _but(found, activity=activity, days=days)


def _but(found: Past, **changed: object) -> Past:
    return Past(**{**{f: getattr(found, f) for f in Past.__dataclass_fields__}, **changed})


def _day(ask: Ask, day: int) -> datetime:
    return ask.scope.since + timedelta(days=day)


def _spans(ask: Ask, begins: int) -> tuple[tuple[Span, Span], ...]:
    """The comparison asked about and the same earlier: no two later spans overlap, weekdays are kept of few days."""
    scope = ask.scope
    now = (0, (scope.until - scope.since).days)
    before = tuple((t - scope.since).days for t in (scope.before_since, scope.before_until))
    asked = (now, (before[0], before[1]))
    step = now[1] if now[1] >= 28 else -(-now[1] // 7) * 7
    earlier: list[tuple[Span, Span]] = []
    for k in range(1, 4 * MOST_PAIRS):
        span = _shifted(asked, k * step)
        if max(s[1] for s in span) <= 0 and len(earlier) < MOST_PAIRS:
            if min(s[0] for s in span) < begins:
                break
            earlier.append(span)
    return (asked, *earlier)


def _rows(table: pa.Table | None) -> tuple[NDArray[np.int64], Floats, tuple[NDArray[np.str_], ...]]:
    if table is None or not table.num_rows:
        none = np.zeros(0, dtype=str)
        return np.zeros(0, np.int64), np.zeros(0), (none, none, none)
    names = tuple(np.asarray(table.column(n).to_pylist(), dtype=str) for n in ("area", "issue", "slice"))
    return (
        table.column("day").to_numpy().astype(np.int64),
        table.column("contacts").to_numpy().astype(float),
        names,
    )


def _recorded(found: Past) -> Past:
    """Only the comparisons back to where contacts were being recorded as they are later."""
    code = np.zeros(len(found.day), np.int64)
    kept, later = [found.spans[0]], list[float]()
    for span in found.spans[1:]:
        daily = [float(found.sum(code, 1, s)[0]) / max(s[1] - s[0], 1) for s in span]
        if min(daily) <= THIN * (sum(later + daily) / len(later + daily)):
            break
        later += daily
        kept.append(span)
    return _but(found, spans=tuple(kept))


def _activity(ask: Ask, around: Active, first: datetime) -> tuple[dict[str, Floats], int]:
    days = ask.declarations.base.active_days
    if around.how == "active":
        share = min(1.0, SAMPLED / max(around.customers, 1))
        most = min(int(2.0**64 * share), 2**64 - 1) - 2**63
        rows = reaching(ask).rows("contacts_past_active.sql", days=days, first=first, most=most)
        found: dict[str, Floats] = {}
        for row in rows:
            one = found.setdefault(row["slice"], np.zeros(max(r["stretch"] for r in rows) + 1))
            one[row["stretch"]] = row["customers"]
        return found, days
    if around.how == "known":
        rows = reaching(ask, by=False).rows("contacts_past_known.sql", days=days)
        new = np.zeros(max((r["stretch"] for r in rows), default=0) + 2)
        for row in rows:
            new[row["stretch"]] = row["customers"]
        return {"all": np.cumsum(new[::-1])[::-1].astype(float)}, days
    return {}, 0


def beyond(cells: Counts, around: Active, before: Past, *, of: Of, dispersion: Floats) -> Swings:
    """Each cell's change against what it does by itself, with all cells accounted for."""
    pairs, year = before.pairs(cells, around, of)
    return beyond_swings(pairs, dispersion=dispersion, year=year)
