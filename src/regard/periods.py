"""Periods, comparisons and time zones: the only place that knows what a day, a week or a quarter is.

Days are calendar days in the company's zone; a period runs from its first day to its last day, both included.
The lake is in UTC; `Period.utc` gives the half-open instants.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from regard.errors import BadInput, UnknownName

WEEKDAYS = {"monday": 1, "saturday": 6, "sunday": 7}


@dataclass(frozen=True)
class Period:
    """Calendar days from `first` to `last`, both included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    def utc(self, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """Half-open instants in UTC, without zone type: first midnight included, the midnight after the last not."""
        return midnight(self.first, zone), midnight(self.last + timedelta(days=1), zone)

    def whole_months(self) -> int:
        """How many whole calendar months it covers exactly; 0 when it does not."""
        if self.first.day != 1 or self.last.day != monthrange(self.last.year, self.last.month)[1]:
            return 0
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    def before(self) -> Period:
        """The period of the same length that ends the day before: as many months if it is whole months, else days."""
        end = self.first - timedelta(days=1)
        months = self.whole_months()
        return Period(add_months(self.first, -months) if months else self.first - timedelta(days=self.days), end)

    def year_before(self) -> Period:
        """The same days a year earlier."""
        return Period(add_months(self.first, -12), add_months(self.last, -12))


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The instant a local day begins, in UTC without zone type."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).replace(tzinfo=None)


def add_months(day: date, months: int) -> date:
    """The same day of the month so many months later, or the month's last day where it has no such day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def zone_of(name: str) -> ZoneInfo:
    """The IANA zone of that name.

    Raises:
        UnknownName: No such zone; the nearest are suggested.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownName("time zone", name, available_timezones(), where="time_zone") from error


def parse_day(text: str, *, where: str) -> date:
    """A day written YYYY-MM-DD.

    Raises:
        BadInput: It is not one.
    """
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        raise BadInput(
            f"{text!r} is not a day.", where=where, hint="Write it as YYYY-MM-DD, such as 2026-09-01."
        ) from error


_FORMS = "Write 2026, 2026-Q3, 2026-09, 2026-09-01..2026-11-30, 90d, 13w, 3m or 1y."


def parse_period(text: str, *, last: date, fiscal_year_start: int = 1, where: str = "period") -> Period:
    """A period as people write it.

    Args:
        text: ``2026``, ``2026-Q3`` (fiscal quarter), ``2026-09``, ``2026-09-01..2026-11-30``, ``90d``, ``13w``,
            ``3m``, ``1y`` (the latter four end with `last`).
        last: The last day there is data for.
        fiscal_year_start: Month the fiscal year starts with; 2026-Q1 begins in that month of 2026.
        where: Where it was given, for the error.

    Raises:
        BadInput: None of these forms.
    """
    text = text.strip()
    if ".." in text:
        first, _, end = text.partition("..")
        return checked(Period(parse_day(first, where=where), parse_day(end, where=where)), where=where)
    if match := re.fullmatch(r"(\d{1,4})([dwmy])", text, re.IGNORECASE):
        return _ending(last, int(match[1]), match[2].lower(), where=where)
    if match := re.fullmatch(r"(\d{4})(?:-(?:Q([1-4])|(0[1-9]|1[0-2])))?", text, re.IGNORECASE):
        return _calendar(int(match[1]), match[2], match[3], fiscal_year_start, where=where)
    raise BadInput(f"{text!r} is not a period.", where=where, hint=_FORMS)


def _ending(last: date, count: int, unit: str, *, where: str) -> Period:
    if count == 0 or count > {"d": 9999, "w": 2000, "m": 480, "y": 40}[unit]:
        raise BadInput(f"{count}{unit} is not a usable period.", where=where, hint=_FORMS)
    if unit in "dw":
        return Period(last - timedelta(days=count * (7 if unit == "w" else 1) - 1), last)
    start = add_months(last + timedelta(days=1), -count * (12 if unit == "y" else 1))
    return Period(start, last)


def _calendar(year: int, quarter: str | None, month: str | None, fiscal: int, *, where: str) -> Period:
    if not 1900 <= year <= 2200:
        raise BadInput(f"{year} is not a usable year.", where=where, hint=_FORMS)
    if month:
        first, months = date(year, int(month), 1), 1
    elif quarter:
        first, months = add_months(date(year, fiscal, 1), 3 * (int(quarter) - 1)), 3
    else:
        first, months = date(year, fiscal, 1), 12
    return Period(first, add_months(first, months) - timedelta(days=1))


def checked(period: Period, *, where: str) -> Period:
    """The period, if it runs forward.

    Raises:
        BadInput: It ends before it begins, or lies outside the years 1900 to 2200.
    """
    if period.last < period.first:
        raise BadInput(
            f"The period ends ({period.last}) before it begins ({period.first}).",
            where=where,
            hint="Swap the two days; both are included.",
        )
    if period.first.year < 1900 or period.last.year > 2200:
        raise BadInput(
            f"The period {period.first} to {period.last} lies outside 1900 to 2200.",
            where=where,
            hint="Check the years.",
        )
    return period


@lru_cache(maxsize=256)
def offsets(zone: ZoneInfo, first: datetime, last: datetime) -> list[tuple[datetime | None, int]]:
    """The zone's offsets between two instants: (UTC instant it begins, None for the earliest; seconds east of UTC).

    Statements add these to UTC instants to get local days, so that every engine counts the same days. The list is
    shared between callers: read it, do not change it.
    """
    found: list[tuple[datetime | None, int]] = [(None, _offset(zone, first))]
    step = timedelta(days=1)
    at = first
    while at < last:
        to = min(at + step, last)
        if _offset(zone, to) != found[-1][1]:
            change = _bisect(zone, at, to)
            found.append((change, _offset(zone, change)))
        at = to
    return found


def _offset(zone: ZoneInfo, instant: datetime) -> int:
    delta = instant.replace(tzinfo=UTC).astimezone(zone).utcoffset()
    return int(delta.total_seconds()) if delta else 0


def _bisect(zone: ZoneInfo, low: datetime, high: datetime) -> datetime:
    start = _offset(zone, low)
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle <= low:
            break
        low, high = (middle, high) if _offset(zone, middle) == start else (low, middle)
    return high


def grain(period: Period) -> str:
    """The bucket a trend over the period reads best in: day up to 45 days, week up to 200 days, else month."""
    if period.days <= 45:
        return "day"
    return "week" if period.days <= 200 else "month"


UNITS = {"s": 1, "min": 60, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
LONG = {"day": "d", "days": "d", "hour": "h", "hours": "h", "week": "w", "weeks": "w", "minutes": "min"}


def parse_span(text: str, *, where: str) -> int | None:
    """A length of time in microseconds; None where empty.

    Raises:
        BadInput: It is no length of time.
    """
    if not text:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", text.lower())
    unit = found[2] if found else ""
    unit = LONG.get(unit, unit)
    if found is None or unit not in UNITS or float(found[1]) <= 0:
        raise BadInput(f"{text!r} is no length of time.", where=where, hint="Write it like 30min, 12h, 7d or 2w.")
    return int(float(found[1]) * UNITS[unit] * 1_000_000)
