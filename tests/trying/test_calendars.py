"""Weeks and quarters that are written as such are the day they begin on; anything else is left to the reader of times."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from regard.trying.calendars import begun


@pytest.mark.parametrize(
    ("texts", "day"),
    [
        (["2026-W01"], date.fromisocalendar(2026, 1, 1)),
        (["2026W53"], date.fromisocalendar(2026, 53, 1)),
        (["2026-Q3"], date(2026, 7, 1)),
        (["Q1 2026"], date(2026, 1, 1)),
    ],
)
def test_a_week_or_a_quarter_is_the_day_it_begins_on(texts, day):
    assert begun(pa.array(texts))[0] == np.datetime64(day, "us")


def test_empty_ones_have_no_time_and_rows_keep_their_order():
    found = begun(pa.array(["2026-W02", None, " ", "2026-W01"]))
    assert list(np.isnat(found)) == [False, True, True, False]
    assert found[0] - found[3] == np.timedelta64(7, "D")


@pytest.mark.parametrize("texts", [["2026-01-01"], ["2026-W54"], ["2026-W02", "later"], []])
def test_what_is_not_written_so_is_not_read_so(texts):
    assert begun(pa.array(texts, pa.string())) is None


def test_numbers_are_no_weeks():
    assert begun(pa.array([202601])) is None
