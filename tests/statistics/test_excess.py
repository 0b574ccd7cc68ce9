"""Groups beyond chance: against scipy, a grid, and simulated groups."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regard.statistics.excess import excess


def test_p_values_are_the_binomial_tail_of_scipy():
    found = excess([4, 9], [10, 90], overall=0.1)
    assert found.p == pytest.approx([stats.binom.sf(3, 10, 0.1), stats.binom.sf(8, 90, 0.1)])


def test_the_prior_maximises_the_marginal_likelihood_over_a_grid():
    """Oracle: scipy's beta-binomial log-likelihood on a grid of precisions."""
    rng = np.random.default_rng(3)
    n = rng.integers(5, 80, 60)
    x = rng.binomial(n, rng.beta(2, 8, 60))
    found = excess(x, n)
    grid = np.exp(np.linspace(np.log(0.5), np.log(1000), 400))
    m = found.overall
    best = grid[np.argmax([stats.betabinom.logpmf(x, n, m * s, (1 - m) * s).sum() for s in grid])]
    assert found.strength == pytest.approx(best, rel=0.05)


def test_groups_that_do_not_differ_are_drawn_together_and_none_is_named():
    rng = np.random.default_rng(4)
    named = 0
    for _ in range(100):
        n = rng.integers(2, 60, 80)
        found = excess(rng.binomial(n, 0.15), n)
        named += bool(np.nanmin(found.q) <= 0.05)
    assert named <= 11  # 5 % of 100, and 2.8 standard errors


def test_a_group_of_two_out_of_two_stays_near_the_whole():
    rng = np.random.default_rng(5)
    n = np.append(rng.integers(20, 60, 50), 2)
    x = np.append(rng.binomial(n[:-1], 0.1), 2)
    found = excess(x, n)
    assert found.share[-1] == 1.0
    assert found.shrunk[-1] < 0.2
    assert np.isnan(found.q[-1])


def test_nothing_to_compare_gives_no_test():
    assert np.isnan(excess([], []).overall)
    assert np.isnan(excess([0, 0], [10, 20]).p).all()


def test_the_rate_said_to_be_seen_is_seen_in_four_of_five_cases():
    """Truth: one of 20 groups has the rate `least` says; drawn 400 times it is called as often as promised."""
    rng = np.random.default_rng(8)
    trials = np.full(20, 150)
    rate = np.full(20, 0.14)
    rate[0] = excess(rng.binomial(trials, 0.14), trials, overall=0.14).least[0]

    found = [excess(rng.binomial(trials, rate), trials, overall=0.14).q[0] <= 0.05 for _ in range(400)]

    assert 0.74 <= np.mean(found) <= 0.9
