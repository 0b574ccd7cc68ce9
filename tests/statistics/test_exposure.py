"""The rate of events by a number, against a closed form and a known truth."""

import math

import numpy as np
import pytest

from regard.statistics.exposure import rate_by


def test_two_groups_give_the_log_of_their_rate_ratio():
    """With a binary x the model is saturated: the slope is the log of the ratio of events per exposure."""
    events = np.array([1] * 30 + [0] * 70 + [1] * 10 + [0] * 90)
    x = np.array([0] * 100 + [1] * 100)

    found = rate_by(events, np.full(200, 2.0), x, np.arange(200))

    assert found.slope.value == pytest.approx(math.log(10 / 30))
    assert math.exp(found.level - found.slope.value * found.centre) == pytest.approx(30 / 200)


def test_a_known_slope_is_covered():
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        x, t = rng.uniform(0, 10, 600), rng.uniform(0.2, 1.0, 600)
        waits = rng.exponential(1 / (0.5 * np.exp(-0.2 * (x - 5))))
        found = rate_by(waits < t, np.minimum(waits, t), x, np.arange(600))
        held += found.slope.low <= -0.2 <= found.slope.high
    assert held >= 183


def test_nine_events_are_refused():
    assert "at least 10" in rate_by([1] * 9 + [0] * 50, np.ones(59), np.arange(59), np.arange(59)).refused
    assert rate_by([1] * 20, np.ones(20), np.ones(20), np.arange(20)).refused
