"""What is watched, as series: by the hour where enough happens in one, else by day, else by week.

A step that had not ended when the log did is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from regard.periods import offsets, zone_of
from regard.statistics.watching import DAY, WEEK, Measured, Watched, watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

Kind = Literal["indicator", "failed", "measured", "contacts", "promises"]
HOUR = 3600.0
BUSY = 20.0
"""Attempts in a usual hour from which hours are watched; below, days are."""
QUIET = 1.0
"""Attempts, or contacts, of a usual day below which weeks are watched."""
HOURS = 180
"""Days of hours that are looked back over."""
MONDAY = 345_600
"""Seconds from the start of 1970, a Thursday, to its first Monday."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One watched series.

    Attributes:
        kind: indicator (declared), failed (steps of a moment), measured (telemetry), contacts or promises.
        name: The moment, indicator, area or promise.
        step: Seconds of a step: an hour, a day or a week.
        starts: Start of each step: instants in UTC for hours, else local days, in seconds since 1970.
        values: How many went wrong, how many contacts, or a mean.
        totals: Of how many; 1 where values are not counts of something.
        measured: What the values are to the watch.
        found: The watch's verdict.
    """

    kind: Kind
    name: str
    step: float
    starts: Whole
    values: Floats
    totals: Floats
    measured: Measured
    found: Watched

    @property
    def shown(self) -> Floats:
        """The values in the unit a person reads: shares as shares."""
        if self.measured != "share":
            return self.values
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(self.totals > 0, self.values / self.totals, np.nan)

    def at(self, step: int) -> datetime:
        """When a step began: an instant in UTC, or the midnight of its local day."""
        return datetime.fromtimestamp(int(self.starts[min(max(step, 0), len(self.starts) - 1)]), UTC).replace(
            tzinfo=None
        )


def lines(rows: Sequence[dict[str, Any]], *, last: datetime, zone: str, per_month: float) -> tuple[Line, ...]:
    """Every series in the rows, watched.

    Args:
        rows: kind, name, day (local), hour (UTC), total, bad, value; one per series and hour.
        last: The log's last signal, UTC: steps that had not ended then are left out.
        zone: The company's.
        per_month: False alarms a month over all of them, shared out equally.
    """
    series: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        series.setdefault((row["kind"], row["name"]), []).append(row)
    clock = _Clock.of(rows, last, zone)
    each = per_month / max(len(series), 1)
    return tuple(_line(kind, name, part, clock, each) for (kind, name), part in series.items())


@dataclass(frozen=True, kw_only=True)
class _Clock:
    """When the log speaks, and what local time it is there."""

    last: int
    day: int
    hours: set[int]
    days: set[int]
    zone: list[tuple[datetime | None, int]]

    @classmethod
    def of(cls, rows: Sequence[dict[str, Any]], last: datetime, zone: str) -> _Clock:
        steps = offsets(zone_of(zone), datetime(1990, 1, 1), datetime(last.year + 2, 1, 1))
        local = _seconds(last) + _shift(np.array([_seconds(last)]), steps)[0]
        # A day is whole when the log goes on into its last two hours.
        whole = int((local + 2 * HOUR) // DAY)
        return cls(
            last=_seconds(last) // 3600, day=whole, zone=steps,
            hours={_seconds(r["hour"]) // 3600 for r in rows if r["kind"] != "promises"},
            days={_day(r["day"]) for r in rows},
        )  # fmt: skip


def _seconds(at: datetime) -> int:
    return int(at.replace(tzinfo=UTC).timestamp())


def _day(day: Any) -> int:
    return int((day - datetime(1970, 1, 1).date()).days)


def _shift(at: Whole, steps: list[tuple[datetime | None, int]]) -> Whole:
    """Seconds that local time is ahead at these instants."""
    begins = np.array([_seconds(since) if since else -(2**60) for since, _ in steps])
    ahead = np.array([seconds for _, seconds in steps])
    found: Whole = ahead[np.searchsorted(begins, at, side="right") - 1]
    return found


def _line(kind: Any, name: str, rows: list[dict[str, Any]], clock: _Clock, per_month: float) -> Line:
    hours = np.array([_seconds(r["hour"]) // 3600 for r in rows])
    step = _step(kind, rows, hours, clock)
    place, last, spoke = _places(step, rows, hours, clock)
    begin = max(int(place.min()), last - HOURS * 24) if step == HOUR else int(place.min())
    steps = max(last - begin, 0)
    bad, total, value = _summed(rows, place - begin, steps)
    silent = np.array([begin + i not in spoke for i in range(steps)], dtype=np.bool_)
    measured, values, totals = _read(kind, bad, total, value, silent)
    starts = ((begin + np.arange(steps)) * step).astype(np.int64) + (MONDAY if step == WEEK else 0)
    local = starts + _shift(starts, clock.zone) if step == HOUR else starts
    found = watch(
        values, step=step, kind=measured, exposure=totals, clock=(local - MONDAY) % WEEK, per_month=per_month
    )  # fmt: skip
    return Line(
        kind=kind, name=name, step=step, starts=starts, values=values, totals=totals, measured=measured, found=found
    )


def _step(kind: str, rows: list[dict[str, Any]], hours: Whole, clock: _Clock) -> float:
    """The shortest step in which enough happens, by the last 60 days."""
    since = max(int(hours.min()), clock.last - 60 * 24)
    span = clock.last - since + 1
    busy = sum(float(r["total"] or 1) for r, hour in zip(rows, hours, strict=True) if hour >= since) / span
    if kind != "promises" and span > 24 * 7 and busy >= BUSY:
        return HOUR
    return DAY if busy * 24 >= QUIET else WEEK


def _places(step: float, rows: list[dict[str, Any]], hours: Whole, clock: _Clock) -> tuple[Whole, int, set[int]]:
    """The step each row lies in, the first step that is not whole, and the steps in which the log spoke at all."""
    if step == HOUR:
        return hours, clock.last, clock.hours
    days = np.array([_day(r["day"]) for r in rows])
    if step == DAY:
        return days, clock.day, clock.days
    first = MONDAY // 86_400
    return (days - first) // 7, (clock.day - first) // 7, {(day - first) // 7 for day in clock.days}


def _summed(rows: list[dict[str, Any]], place: Whole, steps: int) -> tuple[Floats, Floats, Floats]:
    """Bad, total and sum of values by step."""
    inside = (place >= 0) & (place < steps)

    def summed(column: str) -> Floats:
        weights = np.array([float(r[column]) if r[column] is not None else 0.0 for r in rows])
        return np.bincount(place[inside], weights=weights[inside], minlength=steps)[:steps].astype(float)

    return summed("bad"), summed("total"), summed("value")


def _read(
    kind: str, bad: Floats, total: Floats, value: Floats, silent: NDArray[np.bool_]
) -> tuple[Measured, Floats, Floats]:
    """What the watch is given: shares of totals, counts (nought where the log spoke and this did not), or means."""
    if kind == "contacts":
        return "count", np.where(silent, np.nan, total), np.ones(len(total))
    if kind == "measured" and not bad.any() and value.any():
        with np.errstate(invalid="ignore", divide="ignore"):
            return "amount", np.where(total > 0, value / total, np.nan), np.ones(len(total))
    return "share", np.where(total > 0, bad, np.nan), total


def spread_over(line: Line, first: int) -> float:
    """What was seen since a step over what was expected."""
    until = len(line.values)
    seen, expected = line.values[first:until], line.found.expected[first:until]
    if line.measured == "share":
        expected = expected * line.totals[first:until]
    known = np.isfinite(seen) & np.isfinite(expected)
    due = float(expected[known].sum())
    return float(seen[known].sum()) / due if due > 0 else float("nan")


def months(line: Line) -> float:
    """Months it was watched for."""
    return float(len(line.values) * line.step / (30.4375 * DAY))
