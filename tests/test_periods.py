"""Days, periods, comparisons and zones. Expected instants are of the zone database, checked by hand."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.errors import BadInput, UnknownName
from regard.periods import Period, add_months, offsets, parse_period, zone_of

LAST = date(2026, 11, 15)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026-Q3", date(2026, 7, 1), date(2026, 9, 30)),
        ("2026-02", date(2026, 2, 1), date(2026, 2, 28)),
        ("2026-09-01..2026-11-30", date(2026, 9, 1), date(2026, 11, 30)),
        ("90d", date(2026, 8, 18), LAST),
        ("2w", date(2026, 11, 2), LAST),
        ("3m", date(2026, 8, 16), LAST),
        ("1y", date(2025, 11, 16), LAST),
    ],
)
def test_periods_are_read_as_people_write_them(text, first, last):
    assert parse_period(text, last=LAST) == Period(first, last)


def test_a_fiscal_quarter_begins_in_the_fiscal_years_month():
    assert parse_period("2026-Q1", last=LAST, fiscal_year_start=4) == Period(date(2026, 4, 1), date(2026, 6, 30))


@pytest.mark.parametrize("text", ["", "soon", "2026-13", "0d", "2026-11-30..2026-11-01", "1800", "2026-Q5", "9999y"])
def test_what_is_not_a_period_is_refused_with_the_forms(text):
    with pytest.raises(BadInput) as caught:
        parse_period(text, last=LAST)

    assert caught.value.hint


def test_whole_months_are_compared_with_whole_months():
    assert Period(date(2026, 3, 1), date(2026, 5, 31)).before() == Period(date(2025, 12, 1), date(2026, 2, 28))


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 800))
def test_the_period_before_is_as_long_and_ends_the_day_before(first, days):
    period = Period(first, date.fromordinal(first.toordinal() + days))
    before = period.before()

    assert (period.first - before.last).days == 1
    assert period.whole_months() or before.days == period.days


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_a_day_of_the_clock_change_has_23_or_25_hours(day, hours):
    since, until = Period(day, day).utc(ZoneInfo("Europe/Berlin"))

    assert (until - since).total_seconds() == hours * 3600


def test_offsets_change_at_the_instant_the_clock_does():
    found = offsets(ZoneInfo("Europe/Berlin"), datetime(2026, 1, 1), datetime(2026, 12, 31))

    assert found == [(None, 3600), (datetime(2026, 3, 29, 1), 7200), (datetime(2026, 10, 25, 1), 3600)]


def test_an_unknown_zone_suggests_the_nearest():
    with pytest.raises(UnknownName, match="Berlin") as caught:
        zone_of("Europe/Berlinn")

    assert "Europe/Berlin" in caught.value.hint


def test_the_31st_a_month_later_is_the_months_last_day():
    assert add_months(date(2026, 1, 31), 1) == date(2026, 2, 28)
