"""The rate of events by a number, against a closed form and a known truth."""

import math

import numpy as np
import pytest

from regard.statistics.exposure import rate_by, reliability


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


def test_a_slope_on_a_noisy_number_is_made_good_by_its_reliability():
    """Rosner, Willett and Spiegelman (1989): slope on the noisy number = slope on the true one times reliability."""
    rng = np.random.default_rng(5)
    true = rng.normal(0, 1, 20_000)
    seen, again = (true + rng.normal(0, 1.5, 20_000) for _ in range(2))
    waits = rng.exponential(1 / (0.4 * np.exp(-0.5 * true)))
    found = rate_by(waits < 0.25, np.minimum(waits, 0.25), seen, np.arange(20_000))
    alike = reliability(seen[:500], again[:500], mean=float(seen.mean()), variance=float(seen.var()))

    assert alike.value == pytest.approx(1 / (1 + 1.5**2), abs=3 * alike.error)
    assert found.slope.value / alike.value == pytest.approx(-0.5, abs=0.15)
    assert reliability([1.0] * 5, [1.0] * 5, mean=0, variance=1).refused
