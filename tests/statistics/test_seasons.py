"""Yearly seasons: what repeats is found and taken out, what changes is left."""

import numpy as np
import pytest

from regard.statistics.behaviour import chart, seasonable
from regard.statistics.seasons import season_of

REPEATING = np.sin(2 * np.pi * np.arange(12) / 12) * 10


def test_a_season_that_repeats_exactly_is_found_exactly():
    found = season_of([50 + np.tile(REPEATING, 4)[:40]], 12)

    assert found[0] == pytest.approx(np.tile(REPEATING - REPEATING.mean(), 4)[:40])


def test_adding_any_season_changes_what_is_found_by_that_season_and_what_is_left_by_nothing():
    """So draws without a season, treated alike, say what noise alone shows: whatever the season."""
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((5, 43))
    any_season = rng.standard_normal(12) * 100
    added = np.tile(any_season - any_season.mean(), 4)[:43]

    assert season_of(noise + added, 12) == pytest.approx(season_of(noise, 12) + added)


def test_one_odd_month_of_one_year_is_not_learnt_as_a_season():
    values = 50 + np.tile(REPEATING, 3)
    values[20] += 300

    learnt = season_of([values], 12)[0] - np.tile(REPEATING, 3)

    assert (
        np.abs(learnt).max() < 300 / 12 + 1e-9
    )  # the mean of its year moves by a twelfth, its month no more than that


def test_less_than_three_years_are_refused():
    with pytest.raises(ValueError, match="3 years"):
        season_of([np.arange(35.0)], 12)


def test_a_gap_or_a_short_past_has_no_season():
    assert seasonable(np.arange(36.0), 12)
    assert not seasonable(np.arange(35.0), 12)
    assert not seasonable(np.where(np.arange(40) == 20, np.nan, 1.0), 12)


def test_a_season_hides_a_step_until_it_is_taken_out():
    rng = np.random.default_rng(6)
    values = 50 + np.tile(REPEATING, 3) + rng.normal(0, 2, 36)
    values[26:] += 6

    assert not chart(values).signal
    found = chart(values, period=12)
    assert found.shifts == (26,)
    assert found.season[:12] == pytest.approx(REPEATING, abs=4)


def test_noise_without_a_season_is_charted_as_it_is():
    noise = np.random.default_rng(8).normal(size=40)

    assert chart(noise, period=12) == chart(noise)
