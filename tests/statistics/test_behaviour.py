"""Process-behaviour charts against worked numbers and drawn processes."""

import numpy as np
import pytest

from regard.statistics import behaviour
from regard.statistics.behaviour import chart


def test_limits_are_the_mean_and_2_66_mean_moving_ranges():
    """Wheeler (1993): X-mR by hand: mean 5.5, mean moving range 1, so 5.5 ± 2.66."""
    found = chart([5, 6] * 5, draws=200)

    assert (found.phases[0].centre, found.phases[0].low, found.phases[0].high) == pytest.approx((5.5, 2.84, 8.16))
    assert not found.signal


def test_a_point_far_out_is_a_signal_and_its_place_is_told():
    rng = np.random.default_rng(1)
    values = rng.normal(50, 2, 24)
    values[20] = 75

    found = chart(values)

    assert found.signal
    assert 20 in found.beyond


def test_a_clear_step_sets_new_limits_from_its_first_point():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(50, 2, 14), rng.normal(60, 2, 10)])

    found = chart(values)

    assert found.signal
    assert found.shifts == (14,)
    assert found.phases[-1].centre == pytest.approx(60, abs=2)


def test_gaps_are_skipped_and_positions_stay_those_of_the_series():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(50, 2, 14), rng.normal(60, 2, 10)])
    holed = np.insert(values, 5, np.nan)

    assert chart(holed).shifts == (15,)


def test_what_carries_over_has_wider_limits_and_says_so():
    rng = np.random.default_rng(4)
    noise = rng.normal(size=40)
    for i in range(1, 40):
        noise[i] += 0.8 * noise[i - 1]

    found = chart(noise)

    assert found.carried
    assert found.carry > 0.4
    assert found.chance >= found.plain


@pytest.mark.parametrize(("values", "why"), [([1, 2, 3], "only 3 points"), ([4.0] * 12, "not moved"), ([], "0 points")])
def test_what_cannot_be_charted_says_why(values, why):
    assert why in chart(values).refused


def test_textbook_rules_ring_often_on_nothing():
    """Measured, not claimed: on 24 points of white noise the two rules ring in about a fifth of charts."""
    assert 0.15 < behaviour.alarms(24) < 0.3
    assert behaviour.alarms(24, carry=0.5) > 0.5
