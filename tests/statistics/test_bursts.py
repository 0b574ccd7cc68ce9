"""Limits from the base's own past, habits that are exempt, and days held against a customer's own."""

import numpy as np
import pytest
from scipy import stats

from regard.statistics.bursts import habits, habitual, limit, spread, surprise


def test_the_limit_is_the_smallest_size_the_past_reached_no_more_often_than_accepted():
    sizes = np.array([2.0] * 500 + [3.0] * 20 + [4.0] * 3 + [7.0])

    assert limit(sizes, months=6, rate=1.0, least=2).size == 4
    assert limit(sizes, months=6, rate=1.0, least=2).rate == pytest.approx(4 / 6)
    assert limit(sizes, months=6, rate=0.2, least=2).size == 5
    assert limit(sizes, months=6, rate=10.0, least=3).size == 3


def test_with_hardly_any_past_only_what_was_never_seen_is_odd():
    assert limit(np.array([2.0, 5.0]), months=0.1, rate=100.0, least=2).size == 6
    assert limit(np.array([]), months=0.0, rate=1.0, least=3).size == 3


def test_who_did_the_same_twice_before_has_a_habit_of_it():
    customer, size, began = np.array([1, 1, 1, 2, 2]), np.array([5.0, 5, 5, 5, 5]), np.array([1.0, 2, 3, 1, 2])

    assert habitual(customer, size, began, at=4).tolist() == [False, False, True, False, False]


def test_a_surprise_is_the_tail_of_the_negative_binomial():
    """scipy.stats counts the same from the other end."""
    mean, dispersion = 2.0, 0.5
    counts = np.array([0, 1, 5, 20])
    tail = stats.nbinom.sf(counts - 1, 1 / dispersion, 1 / (1 + dispersion * mean))

    assert surprise(counts, np.full(4, mean), dispersion) == pytest.approx(
        np.where(counts > 0, -np.log10(tail), 0), rel=1e-6
    )
    assert surprise(counts, np.full(4, mean), 0.0)[2] == pytest.approx(-np.log10(stats.poisson.sf(4, 2.0)), rel=1e-6)


def test_habits_and_dispersion_of_a_simulated_base_are_found_again():
    """Rates of a gamma with mean 1 and variance .5, daily counts with dispersion .4 around them."""
    rng = np.random.default_rng(1)
    days, customers = 120, 3000
    rate = rng.gamma(2.0, 0.5, customers)
    daily = rng.poisson(rate[:, None] * rng.gamma(2.5, 0.4, (customers, days)))
    total, squares, there = (
        daily.sum(axis=1).astype(float),
        (daily.astype(float) ** 2).sum(axis=1),
        np.full(customers, days, float),
    )

    base = habits(total, there)

    assert base.pool == pytest.approx(1.0, rel=0.05)
    assert base.weight == pytest.approx(2.0, rel=0.15)
    assert np.corrcoef(base.of(total, there), rate)[0, 1] > 0.95
    assert spread(total, squares, there, base.of(total, there)) == pytest.approx(0.4, rel=0.15)
