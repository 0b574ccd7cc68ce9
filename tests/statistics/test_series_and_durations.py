"""Trends, limits, quantiles, times still running, and the bootstrap."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from regard.statistics import durations, resampling, series


def test_a_trend_agrees_with_scipy():
    """Oracle: scipy.stats.linregress."""
    y = np.array([3.0, 4.1, 4.7, 6.3, 6.9, 8.2])
    oracle = stats.linregress(np.arange(6), y)
    found = series.trend(y)
    assert (found.value, found.error, found.p) == pytest.approx((oracle.slope, oracle.stderr, oracle.pvalue))
    assert series.trend([1, 2, 3]).refused


def test_known_errors_of_the_points_keep_a_lucky_line_honest():
    assert series.trend([1, 2, 3, 4, 5], [3] * 5).clear is False
    assert series.trend([1, 2, 3, 4, 5.01]).clear is True


def test_the_median_has_its_order_statistics():
    """Published: for n = 20 the 95 % interval of a median is the 6th to the 15th value (Conover 1999, table A3)."""
    found = durations.sample_quantile(np.arange(1, 21))
    assert (found.low, found.high) == (6, 15)
    assert durations.sample_quantile([1, 2]).refused
    assert math.isinf(durations.sample_quantile([1, 2, 3, 4, 5], 0.9).high)


def test_kaplan_meier_by_hand():
    """Published: remission times under 6-MP (Freireich et al. 1963; Kalbfleisch and Prentice): median 23 weeks,
    S(6) = 18/21, S(7) = 18/21 · 16/17, S(10) = .753."""
    times = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
    ended = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]
    at, running, _ = durations.survival(times, ended)
    assert list(at) == [6, 7, 10, 13, 16, 22, 23]
    assert running[:3] == pytest.approx([18 / 21, 18 / 21 * 16 / 17, 0.7529], abs=1e-4)
    found = durations.median_time(times, ended)
    assert found.value == 23
    assert found.low == 13
    assert math.isinf(found.high)


def test_when_most_still_run_there_is_no_median():
    found = durations.median_time(np.arange(1, 31), [True] * 6 + [False] * 24)
    assert found.refused == "more than half are still running"


def test_the_bootstrap_agrees_with_scipy():
    """Oracle: scipy.stats.bootstrap (BCa) on the same skewed values, 5,000 replicates.

    The tolerance is the distance scipy's own ends keep between seeds (.042 seen over three).
    """
    y = np.random.default_rng(1).exponential(size=60)
    ours = resampling.bootstrap_mean(y, replicates=5000)
    theirs = stats.bootstrap((y,), np.mean, n_resamples=5000, random_state=1).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.045)
    assert ours.high - ours.value > ours.value - ours.low


def test_the_bootstrap_is_seeded_and_refuses_few():
    y = np.arange(20.0)
    assert resampling.bootstrap_mean(y, seed=3) == resampling.bootstrap_mean(y, seed=3)
    assert resampling.bootstrap_mean(y, clusters=[1] * 20).refused


def test_clusters_stay_whole_when_there_are_many():
    rng = np.random.default_rng(2)
    who = np.repeat(np.arange(5000), 2)
    block = resampling.blocks(who, len(who), rng, most=100)
    assert block.max() == 99
    assert (block[::2] == block[1::2]).all()
