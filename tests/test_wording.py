"""Numbers, money, dates and names as people write them."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard import wording
from regard.wording import NBSP


def plain(text: str) -> str:
    return text.replace(NBSP, " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1204331, "1,204,331"),
        (29.44, "29.4"),
        (-0.2, "−0.2"),
        (0.0312345, "0.0312"),
        (12.50, "12.5"),
        (math.nan, "—"),
        (None, "—"),
        (-0.0, "0"),
    ],
)
def test_numbers_are_rounded_sensibly(value, text):
    assert wording.number(value) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(29, 0, "+29"), (-3.94, 1, "−3.9"), (0.2, 0, "0"), (-0.2, 0, "0"), (0, 0, "0"), (4812, 0, "+4,812")],
)
def test_signs_are_shown_and_a_rounded_nothing_has_none(value, digits, text):
    assert wording.signed(value, digits) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.27, "27 %"),
        (0.024, "2.4 %"),
        (0.9996, "99.9 %"),
        (1, "100 %"),
        (0, "0 %"),
        (0.00001, "< 0.1 %"),
        (-0.034, "−3.4 %"),
        (None, "—"),
    ],
)
def test_percent_never_claims_all_or_nothing_when_it_is_not(share, text):
    assert plain(wording.percent(share)) == text


def test_signed_percent_has_a_sign():
    assert plain(wording.signed_percent(0.12)) == "+12 %"
    assert plain(wording.signed_percent(-0.12)) == "−12 %"
    assert plain(wording.signed_percent(0.00001)) == "0.0 %"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1_240_331.5, "USD", "$1.24 M"),
        (412_000, "BRL", "R$ 412 k"),
        (96_000, "EUR", "€96 k"),
        (999_600, "USD", "$1.00 M"),
        (-168_432, "USD", "−$168 k"),
        (4_200, "CHF", "CHF 4.2 k"),
        (4.2, "GBP", "£4.20"),
        (4.2, "JPY", "¥4"),
        (0, "USD", "$0"),
        (12, "", "12"),
        (None, "USD", "—"),
    ],
)
def test_money_is_short_in_its_currency(amount, currency, text):
    assert plain(wording.money(amount, currency)) == text


def test_money_can_be_exact():
    """Minor units follow ISO 4217: none in JPY, three in KWD."""
    assert wording.money(1_240_331.5, "USD", exact=True) == "$1,240,331.50"
    assert wording.money(1_240_331.4, "JPY", exact=True) == "¥1,240,331"
    assert plain(wording.money(1.5, "KWD", exact=True)) == "KWD 1.500"
    assert wording.signed_money(190_000, "USD") == f"+$190{NBSP}k"


@pytest.mark.parametrize(
    ("since", "until", "text"),
    [
        (date(2026, 9, 1), date(2026, 12, 1), "Sep – Nov 2026"),
        (date(2026, 9, 1), date(2026, 10, 1), "Sep 2026"),
        (date(2026, 1, 1), date(2027, 1, 1), "2026"),
        (date(2025, 12, 1), date(2026, 3, 1), "Dec 2025 – Feb 2026"),
        (date(2026, 9, 1), date(2026, 9, 15), "1 – 14 Sep 2026"),
        (date(2026, 8, 28), date(2026, 9, 4), "28 Aug – 3 Sep 2026"),
        (date(2026, 9, 14), date(2026, 9, 15), "14 Sep 2026"),
        (date(2026, 9, 14), None, "since 14 Sep 2026"),
        (None, date(2026, 9, 15), "until 14 Sep 2026"),
        (None, None, "all time"),
    ],
)
def test_a_period_takes_as_few_words_as_it_can(since, until, text):
    assert wording.period(since, until) == text


def test_a_period_is_told_in_the_days_of_its_zone():
    since, until = datetime(2026, 9, 1, 3, tzinfo=UTC), datetime(2026, 10, 1, 3, tzinfo=UTC)
    assert wording.period(since, until, "America/Sao_Paulo") == "Sep 2026"
    assert wording.moment(since, "America/Sao_Paulo") == "1 Sep 2026, 00:00"
    assert wording.day(since, "Asia/Tokyo") == "1 Sep 2026"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.45, "450 ms"),
        (12, "12 s"),
        (59.7, "1 min"),
        (11400, "3 h 10 min"),
        (7200, "2 h"),
        (216000, "2.5 days"),
        (86400, "1 day"),
        (950400, "11 days"),
        (9e7, "2.9 years"),
        (-60, "−1 min"),
    ],
)
def test_durations_use_the_unit_a_person_would(seconds, text):
    assert plain(wording.duration(seconds)) == text


def test_intervals_and_lists_are_sentences():
    assert wording.between(21, 37, wording.signed) == "between +21 and +37"
    assert wording.between(None, 3) == "an unknown range"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"
    assert wording.listed(["a"]) == "a"
    assert wording.listed([]) == ""
    assert wording.listed("abcdef", most=3) == "a, b, c and 3 more"


def test_counts_use_the_companys_own_word():
    members = wording.Words("member", "members")
    assert members.count(1) == "1 member"
    assert members.count(4903) == "4,903 members"
    assert wording.count(1, "reply") == "1 reply"
    assert wording.count(0, "reply") == "0 replies"
    assert wording.count(3, "person") == "3 people"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("report_created", "Report created"),
        ("firstReport", "First report"),
        ("NPS", "NPS"),
        ("plan-EU", "Plan EU"),
        ("How do I", "How do I"),
        ("", ""),
    ],
)
def test_names_read_as_people_write_them(name, text):
    assert wording.title(name) == text


def test_a_quote_is_cut_at_a_whole_character():
    family = "👨‍👩‍👧"
    assert wording.truncated(family * 5, 3) == family * 2 + "…"
    assert wording.truncated("🇧🇷🇩🇪🇫🇷", 2) == "🇧🇷…"
    assert wording.quote("I was  billed\nagain") == "“I was billed again”"
    assert wording.quote("I was billed for seats we closed in May. Again.", 30) == "“I was billed for seats we…”"


@given(st.text(max_size=60), st.integers(1, 20))
def test_truncation_never_exceeds_its_length_and_graphemes_rebuild_the_text(text, most):
    assert "".join(wording.graphemes(text)) == text
    assert len(wording.graphemes(wording.truncated(text, most))) <= most


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_number_can_be_written(value):
    for write in (
        wording.number,
        wording.signed,
        wording.percent,
        wording.signed_percent,
        wording.short,
        wording.money,
        wording.duration,
    ):
        assert isinstance(write(value), str)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("the most with watches_gifts: R$ 66 k", "the most with watches gifts: R$ 66 k"),
        ("oven_link_ok", "oven link ok"),
        ("regard import my_file.csv", "regard import my_file.csv"),
        ("--low_value and lost.after_days", "--low_value and lost.after_days"),
        ("B000_117", "B000_117"),
    ],
)
def test_names_as_programs_write_them_become_words_but_paths_and_settings_stay(written, said):
    assert wording.plainly(written) == said
