"""What `regard try series` says, beyond what the battery holds of every trial."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regard import trying
from regard.errors import BadInput

SHARED = Path(__file__).parents[3] / "shared/data"
DEATHS = SHARED / "its_deaths_temps/deaths_and_temps_england_wales.csv"
CALLS = SHARED / "bank_call_volume/bank_calls.csv.gz"


def months(n=72, *, effect=0.0, start=54, broken=0.0, seed=2):
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    y = 100 + 10 * np.sin(2 * np.pi * t / 12) + np.cumsum(0.2 * rng.normal(size=n)) + 2 * rng.normal(size=n)
    y = y + effect * (t >= start) + broken * (t >= 20)
    return {"month": (np.datetime64("2020-01") + t).astype("datetime64[D]"), "y": y}


def ask(table, since="2024-07-01", **more):
    return trying.series(table, **{"time": "month", "outcome": "y", "from": since, **more})


@pytest.mark.data
def test_deaths_of_england_and_wales_are_above_their_past_from_march_2020_on():
    if not DEATHS.exists():
        pytest.skip("the series of deaths is not beside the project")
    found = trying.series(str(DEATHS), time="date", outcome="deaths", from0="2020-03-01", controls="temp")

    assert found.interval.low > 1000
    assert found.since == "2020-03"
    assert found.season == 12
    assert (found.before, found.after) == (170, 27)
    assert found.rows[1].effect > 40_000
    assert found.grade == "moderate"


@pytest.mark.data
def test_calls_gathered_by_day_show_nothing_at_a_date_at_which_nothing_is_known_to_have_happened():
    if not CALLS.exists():
        pytest.skip("the bank's calls are not beside the project")
    found = trying.series(str(CALLS), time="DateTime", outcome="Calls", from0="2003-08-04", every="day", how="sum")

    assert found.grade == "cannot tell"
    assert found.unit == "day"
    assert any(c.code == "gaps" for c in found.cautions)


def test_one_series_alone_is_weak_however_clear():
    found = ask(months(effect=30.0))

    assert found.interval.low > 15
    assert found.grade == "weak"
    assert "one series alone" in found.answer
    assert found.total == pytest.approx(18 * found.estimate)
    assert {s.part for s in found.segments} == {"jump", "bend", "mean after"}


def test_nothing_is_told_where_nothing_happened():
    found = ask(months())

    assert found.grade == "cannot tell"
    assert found.answer.startswith("No change of y from 2024-07 on can be told")


def test_a_break_before_the_date_is_refused_with_its_month():
    found = ask(months(broken=60.0))

    assert found.refused
    assert "2021-0" in found.refused
    assert "after it" in found.next_step


@pytest.mark.parametrize(
    ("since", "where"), [("2031-01-01", "after the last step"), ("2019-05-01", "before the first step")]
)
def test_a_date_outside_is_refused_and_the_range_is_told(since, where):
    found = ask(months(), since)

    assert where in found.refused
    assert "2020-01 to 2025-12" in found.refused


def test_too_short_a_past_is_refused():
    assert "only 7 steps before the date" in ask(months(), "2020-08-01").refused


def test_what_is_no_date_is_bad_input():
    with pytest.raises(BadInput, match="is no date"):
        ask(months(), "soon")


def test_a_running_number_is_an_axis_too():
    table = months(effect=30.0)
    table["month"] = np.arange(1, 73)
    found = ask(table, "55", season=12)

    assert found.since == "55"
    assert found.interval.low > 15


def test_rows_of_one_month_are_gathered_and_said():
    table = months(effect=30.0)
    twice = {"month": np.r_[table["month"], table["month"]], "y": np.r_[table["y"] + 1, table["y"] - 1]}
    once, both = ask(table), ask(twice)

    assert both.estimate == pytest.approx(once.estimate)
    assert any(c.code == "gathered" for c in both.cautions)


def test_weeks_begin_on_monday():
    days = np.datetime64("2024-01-01") + np.arange(400)
    found = trying.series(
        {"day": days, "y": np.random.default_rng(1).normal(size=400)}, time="day", outcome="y", from0="2024-12-18",
        every="week",
    )  # fmt: skip

    assert found.since == "2024-12-16"
    assert found.unit == "week"


def test_times_too_thin_for_a_series_are_refused_with_what_to_do():
    rng = np.random.default_rng(3)
    when = np.datetime64("2024-01-01T00:00:00") + np.sort(rng.integers(0, 3600 * 24 * 300, 200)).astype(
        "timedelta64[s]"
    )
    when[:100] = when[0] + np.arange(100).astype("timedelta64[s]")
    found = trying.series({"t": when, "y": rng.normal(size=200)}, time="t", outcome="y", from0="2024-06-01")

    assert "too irregular" in found.refused
    assert " of its steps from 2024-01-01 " in found.refused
    assert "--every" in found.next_step


def test_a_control_touched_by_the_event_fails_its_check():
    table = months(effect=30.0)
    table["other"] = np.random.default_rng(4).normal(size=72) + 8.0 * (np.arange(72) >= 54)
    check = next(c for c in ask(table, controls="other").checks if c.name == "controls_still")

    assert check.passed is False
    assert "other" in check.text
