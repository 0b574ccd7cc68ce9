"""Long rows as a panel."""

import numpy as np

from regard.statistics import panels


def test_rows_become_cells_and_what_is_missing_is_named():
    panel = panels.panel_of(["b", "a", "a", "b", "b"], [2021, 2020, 2021, 2021, 2022], [1.0, 2.0, 3.0, 5.0, 7.0])

    assert panel.units == ("a", "b")
    assert panel.times.tolist() == [2020, 2021, 2022]
    assert panel.outcomes[1, 1] == 3.0
    assert panel.rows[1, 1] == 2
    assert panel.missing() == [(0, 2), (1, 0)]


def test_a_row_without_an_outcome_is_no_row():
    panel = panels.panel_of(["a", "a", "b"], [1, 2, 2], [1.0, np.nan, 2.0])
    assert panel.missing() == [(0, 1), (1, 0)]


def test_a_flag_gives_each_unit_its_start_and_one_that_goes_back_is_named():
    units, times = np.repeat(["a", "b", "c"], 4), np.tile([1, 2, 3, 4], 3)
    panel = panels.panel_of(units, times, np.ones(12))

    starts, back = panels.starts_by_flag(panel, units, times, [0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1])

    assert starts.tolist() == [2, 4, 1]
    assert back == ["c"]


def test_a_column_of_starts_may_be_empty_and_must_be_one_a_unit():
    units, times = np.repeat(["a", "b", "c"], 3), np.tile([1, 2, 3], 3)
    panel = panels.panel_of(units, times, np.ones(9))
    since = np.array([2, 2, 2, np.nan, np.nan, np.nan, 1, 2, 2])

    starts, unlike = panels.starts_by_time(panel, units, since)

    assert starts.tolist() == [1, 3, 0]
    assert unlike == ["c"]


def test_times_are_floored_to_their_period_and_weeks_start_on_monday():
    times = np.array(["2026-11-26T10:00", "2026-11-29T23:59", "2026-11-30T00:00"], dtype="datetime64[us]")

    assert panels.floored(times, "week").astype(str).tolist() == ["2026-11-23", "2026-11-23", "2026-11-30"]
    assert panels.floored(times, "month").astype(str).tolist() == ["2026-11-01"] * 3
    assert panels.floored(times, "quarter").astype(str).tolist() == ["2026-10-01"] * 3
    assert panels.floored(times, "year").astype(str).tolist() == ["2026-01-01"] * 3


def test_a_unit_left_out_leaves_the_others_as_they_were():
    panel = panels.panel_of(["a", "b", "c"], [1, 1, 1], [1.0, 2.0, 3.0])
    rest = panel.without(np.array([False, True, False]))
    assert (rest.units, rest.outcomes[:, 0].tolist()) == (("a", "c"), [1.0, 3.0])
