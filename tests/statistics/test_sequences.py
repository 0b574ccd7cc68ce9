"""Confidence sequences: their boundary against closed forms, and what watching costs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from regard.statistics import sequences
from regard.statistics.estimates import around


def test_the_boundary_is_where_the_mixture_likelihood_ratio_meets_the_level():
    """Robbins (1970): the normal mixture's likelihood ratio of the estimate equals 1/alpha on the boundary."""
    variance, expected = 0.04, 0.15
    half = sequences.reach(variance, expected, 0.95)
    ratio = math.sqrt(variance / (variance + expected**2)) * math.exp(
        half**2 * expected**2 / (2 * variance * (variance + expected**2))
    )

    assert ratio == pytest.approx(20)
    assert sequences.always_valid_p(half, variance, expected) == pytest.approx(0.05)
    assert sequences.always_valid_p(0.0, variance, expected) == 1.0


def test_tuning_to_a_planned_size_makes_the_interval_narrowest_there():
    for planned in (200, 4000, 90_000):
        variance = 4 / planned
        best = min(np.geomspace(1e-4, 2, 2000), key=lambda e: sequences.reach(variance, e))

        assert sequences.reach(variance, sequences.tuned(1.0, planned)) <= sequences.reach(variance, best) * 1.002


def test_an_interval_for_any_time_is_wider_but_not_twice_as_wide():
    found = around(0.1, 0.02, n=4000, method="")
    wide = sequences.anytime(found, sequences.tuned(1.0))

    assert 1.3 < (wide.high - wide.low) / (found.high - found.low) < 2
    assert wide.value == found.value


def test_twenty_looks_at_nothing_alarm_seldom_where_single_looks_alarm_often():
    """The project's methods, section A: 24.8 % for the plain z test at twenty looks, at most 5 % here."""
    rng, once, always = np.random.default_rng(1), 0, 0
    for _ in range(200):
        seen = sequences.looks(rng.normal(size=2000), rng.uniform(size=2000) < 0.5)
        once += any(look.clear_once for look in seen)
        always += any(look.clear for look in seen)

    assert once / 200 > 0.15
    assert always / 200 <= 0.05


def test_the_last_look_is_the_whole_experiment():
    rng = np.random.default_rng(2)
    y, d = rng.normal(size=500), rng.uniform(size=500) < 0.5
    last = sequences.looks(y, d)[-1]

    assert last.n == 500
    assert last.value == pytest.approx(y[d].mean() - y[~d].mean())
    variance = y[d].var(ddof=1) / d.sum() + y[~d].var(ddof=1) / (~d).sum()
    assert (last.once_high - last.once_low) / 2 == pytest.approx(1.959964 * math.sqrt(variance))


def test_looks_with_few_rows_in_an_arm_are_left_out():
    d = np.arange(100) >= 60

    assert [look.n for look in sequences.looks(np.zeros(100), d, count=10)] == [80, 90, 100]


def test_an_early_look_without_enough_rows_is_refused():
    assert "at least 30" in sequences.anytime(around(1.0, 0.1, n=20, method=""), 0.1).refused
