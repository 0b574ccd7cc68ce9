"""Seasons of rates: found where there is one, next to nothing where there is none, and not an outage on a Tuesday."""

from __future__ import annotations

import numpy as np
import pytest

from regard.simulation.cubes import World, made
from regard.statistics.cuboids import cube
from regard.statistics.expectations import Past, expected_of
from regard.statistics.peeling import change_of, disruptions
from regard.statistics.phases import seasoned
from regard.statistics.scan import scan

GRID = np.stack(np.meshgrid(np.arange(4), np.arange(3), indexing="ij"), -1).reshape(-1, 2)
WHOLE = cube(GRID)


def days(factor, *, periods=28, volume=3000, seed=1):
    """Counts of `periods` + 1 days; `factor` is (days, leaves) or what broadcasts to it."""
    rng = np.random.default_rng(seed)
    total = np.full((periods + 1, len(GRID)), float(volume))
    bad = rng.binomial(total.astype(int), np.minimum(0.05 * np.broadcast_to(factor, total.shape), 0.9)).astype(float)
    return Past(bad=bad[-1], total=total[-1], past_bad=bad[:-1], past_total=total[:-1])


WEEK = np.arange(29) % 7


def test_a_weekday_that_is_twice_as_bad_is_told_as_twice():
    past = days(np.where(WEEK == 0, 2.0, 1.0)[:, None])  # now is day 28, a weekday 0

    found = seasoned(WHOLE, past, WEEK)

    assert found.season[WEEK[:-1] == 0].mean() == pytest.approx(1.0, abs=0.02)
    assert found.season[WEEK[:-1] == 3].mean() == pytest.approx(0.5, abs=0.02)
    assert scan(WHOLE, found, replicas=99).p > 0.05


def test_a_season_of_one_value_is_taken_out_of_that_value_only():
    factor = np.where((WEEK == 0)[:, None] & (GRID[:, 0] == 1), 3.0, 1.0)

    found = seasoned(WHOLE, days(factor), WEEK)

    other = WEEK[:-1] == 4
    assert found.season[other][:, GRID[:, 0] == 1].mean() == pytest.approx(1 / 3, abs=0.05)
    assert found.season[other][:, GRID[:, 0] == 2].mean() == pytest.approx(1.0, abs=0.05)


def test_where_there_is_no_season_next_to_nothing_is_taken_out():
    found = seasoned(WHOLE, days(1.0), WEEK)
    assert found.season is None or np.abs(np.log(found.season)).max() < 0.05


def test_one_outage_on_a_monday_is_no_season_of_mondays():
    factor = np.ones((29, len(GRID)))
    factor[7] = 6.0

    found = seasoned(WHOLE, days(factor), WEEK)

    assert found.season is None or np.abs(np.log(found.season)).max() < 0.2


def test_a_disruption_on_a_quiet_weekday_is_seen_once_the_season_is_taken_out():
    factor = np.where(WEEK == 0, 0.4, 1.0)[:, None] * np.ones(len(GRID))
    factor[-1, GRID[:, 0] == 2] *= 2.0
    past = days(factor, volume=1500)

    found = disruptions(WHOLE, seasoned(WHOLE, past, WEEK))

    assert not disruptions(WHOLE, past).found
    assert found.found[0].named.values == {0: (2,)}
    assert found.found[0].named.ratio == pytest.approx(2.0, rel=0.2)


def test_the_parts_of_a_change_add_up_with_a_season():
    past = seasoned(WHOLE, days(np.where(WEEK == 0, 1.5, 1.0)[:, None]), WEEK)

    change = change_of(past, expected_of(WHOLE, past))

    assert change.mix + change.season + change.rate == pytest.approx(change.now - change.before)
    assert change.season == pytest.approx(0.05 * (1.5 - 7.5 / 7), abs=0.003)
    assert abs(change.rate) < 0.003


def test_hours_and_weekdays_are_taken_out_one_after_the_other():
    hours = np.arange(24 * 28 + 1)
    factor = (1 + 0.5 * np.sin(hours / 24 * 2 * np.pi)) * np.where(hours // 24 % 7 >= 5, 0.5, 1.0)
    past = days(factor[:, None], periods=24 * 28, volume=200)

    found = seasoned(WHOLE, past, np.column_stack([hours % 24, hours // 24 % 7]))

    assert np.log(found.season.mean(axis=1)) == pytest.approx(np.log(factor[:-1] / factor[-1]), abs=0.15)


def test_a_now_of_a_whole_week_has_the_mean_of_its_weekdays():
    past = days(np.where(WEEK == 0, 2.0, 1.0)[:, None])

    found = seasoned(WHOLE, past, np.concatenate([WEEK[:-1], np.arange(7)]))

    assert found.season[WEEK[:-1] == 3].mean() == pytest.approx(7 / 8, abs=0.02)


def test_seasons_of_some_leaves_and_of_a_turned_past_are_the_same_relations():
    drawn = made(np.random.default_rng(3), World(customers=20_000, periods=28, season=0.3))
    past = seasoned(drawn.cube, drawn.past, drawn.weekday)
    kept = drawn.cube.codes[:, 0] == 1

    assert past.of(kept).season == pytest.approx(past.season[:, kept])
    turned = past.swapped(5)
    assert turned.season[0] == pytest.approx(past.season[0] / past.season[5])
    assert past.rates(np.full(len(kept), 0.01))[5] == pytest.approx(0.01 * past.season[5])
