"""Changes against what the same cells did by themselves at earlier times."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from regard.statistics import swings


def pairs(series, exposure=1000.0):
    """Neighbouring periods of a series per cell, latest first."""
    latest = np.asarray(series, float)[:, ::-1]
    level = np.full(latest[:, 1:].shape, exposure)
    return swings.Pairs(now=latest[:, :-1], before=latest[:, 1:], exposure_now=level, exposure_before=level)


def swinging(rng, cells, periods, mean, sd):
    return rng.poisson(mean * np.exp(sd * rng.normal(size=(cells, periods))))


def test_the_planted_noise_is_found_again():
    """Truth: log-normal rates of sd .3, so the log ratio of two periods varies by .3·√2 beyond Poisson."""
    found = swings.beyond_swings(pairs(swinging(np.random.default_rng(1), 80, 14, 300.0, 0.3)))

    assert found.pairs == 12
    assert np.median(found.noise) == pytest.approx(0.3 * math.sqrt(2), rel=0.15)


def test_without_swings_it_is_the_exact_test_with_hardly_any_loss():
    """Oracle: scipy.stats.binomtest of the change alone; p is no smaller, and little larger."""
    series = np.random.default_rng(2).poisson(100, (200, 14))
    series[0, -2:] = (100, 150)

    found = swings.beyond_swings(pairs(series)).changes[0]

    oracle = stats.binomtest(150, 250).pvalue
    assert oracle <= found.p <= 3 * oracle


def test_the_same_change_is_news_in_a_calm_cell_only():
    rng = np.random.default_rng(3)
    series = np.vstack([rng.poisson(100, (20, 10)), swinging(rng, 5, 10, 100.0, 0.6)])
    series[[0, -1], -2:] = (100, 210)

    found = swings.beyond_swings(pairs(series))

    assert [found.changes[i].direction for i in (0, -1)] == ["rising", ""]
    assert found.noise[-1] > 3 * found.noise[0]
    assert found.least[-1] > 1.5 * found.least[0]


def test_cells_that_move_together_know_their_noise_less_well():
    """One common move per period: 20 cells tell no more of it than one, so the threshold is further out."""
    rng = np.random.default_rng(4)
    shared = np.exp(0.3 * rng.normal(size=(1, 6)))
    together = rng.poisson(400 * np.repeat(shared, 20, axis=0))
    apart = swinging(rng, 20, 6, 400.0, 0.3)

    assert np.median(swings.beyond_swings(pairs(together)).least) > np.median(swings.beyond_swings(pairs(apart)).least)


@pytest.mark.parametrize("periods", [2, 3])
def test_too_little_past_refuses_and_still_gives_the_ratio(periods):
    found = swings.beyond_swings(pairs([[10] * (periods - 1) + [80]]))

    assert "2 are needed" in found.refused
    assert math.isnan(found.changes[0].q)
    assert found.changes[0].direction == ""
    assert found.changes[0].ratio.value == 8


def test_a_yearly_peak_is_expected_again_and_what_is_above_it_is_told():
    """Four periods a year; every cell doubles in each fourth one, the first one doubles once more in the last."""
    rng = np.random.default_rng(5)
    mean = np.where(np.arange(16) % 4 == 3, 200.0, 100.0) * np.ones((12, 1))
    mean[0, -1] *= 2
    asked = pairs(rng.poisson(mean))
    old = {
        name: np.column_stack([getattr(asked, name)[:, 4:], np.full((12, 4), np.nan)])
        for name in ("now", "before", "exposure_now", "exposure_before")
    }

    found = swings.beyond_swings(asked, year=swings.Pairs(**old))

    assert found.season > 0.8
    assert [c.direction for c in found.changes] == ["rising"] + [""] * 11
    assert found.pairs == 10


def test_an_extreme_change_keeps_its_order_and_no_number_breaks():
    series = np.random.default_rng(6).poisson(1000, (10, 8))
    series[0, -1], series[1, -1] = 9000, 0

    found = swings.beyond_swings(pairs(series)).changes

    assert [c.direction for c in found[:2]] == ["rising", "falling"]
    assert all(np.isfinite(c.p) for c in found)
    assert found[1].ratio.value == 0
