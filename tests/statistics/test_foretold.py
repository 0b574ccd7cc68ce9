"""Whether chances to stay come true: against numbers by hand, and on lives that were drawn from the very curves."""

import numpy as np
import pytest

from regard.statistics.foretold import brier_pulls, foretold, ranks_of, uneven
from regard.statistics.survival import tenures


def lives(rng, n, *, ratio=2.0, bent=False):
    """Exponential lives whose hazard is `ratio` times as high for half of them; cut off at 5 to 40 months."""
    x = rng.integers(0, 2, n).astype(float)
    life = rng.exponential(20 / ratio**x)
    if bent:
        life = np.where(x > 0, 20 * rng.weibull(3.0, n), 20 * rng.weibull(0.5, n))
    cut = rng.uniform(5, 40, n)
    return tenures(np.minimum(life, cut), life <= cut), x[:, None]


def test_with_nobody_cut_off_it_is_the_plain_mean_square():
    lived = tenures([1.0, 2.0, 3.0, 4.0], [True] * 4)
    told = np.array([0.2, 0.4, 0.7, 0.9])

    found = brier_pulls(lived, told, 2.5)

    assert found == pytest.approx([0.2**2, 0.4**2, 0.3**2, 0.1**2])


def test_those_cut_off_are_made_good_by_those_like_them():
    """By hand (Graf and others 1999): one of four cut off at 2; the chance not to be by then is 3/3 before, 2/3 after.

    Left at 1: weight 1; cut off at 2: nothing; there at 2.5: each weight 3/2.
    """
    lived = tenures([1.0, 2.0, 3.0, 4.0], [True, False, True, True])

    found = brier_pulls(lived, np.full(4, 0.5), 2.5)

    assert found == pytest.approx([0.25, 0.0, 0.375, 0.375])


def test_ranks_are_even_under_the_true_curve_and_uneven_under_another():
    rng = np.random.default_rng(4)
    lived, x = lives(rng, 2000)
    hazard = 2.0 ** x[:, 0] / 20
    right = ranks_of(lived, np.ones(2000), np.exp(-hazard * lived.exit))
    fast = ranks_of(lived, np.ones(2000), np.exp(-1.6 * hazard * lived.exit))
    alike = ranks_of(lived, np.ones(2000), np.exp(-hazard.mean() * lived.exit))

    assert uneven(right)[1] > 0.01
    assert uneven(fast)[1] < 1e-6
    assert uneven(alike, x[:, 0] > 0)[1] < 1e-6  # too high for one half, too low for the other


def test_what_goes_with_leaving_foretells_it_and_what_does_not_does_not():
    rng = np.random.default_rng(5)
    lived, x = lives(rng, 1500, ratio=4.0)
    idle = rng.normal(size=(1500, 1))

    assert foretold(lived, x, 12.0).gain.low > 0.02
    assert foretold(lived, x, 12.0).p > 0.01
    assert not foretold(lived, idle, 12.0).gain.low > 0


def test_a_ratio_that_changes_over_tenure_shows_in_the_ranks():
    lived, x = lives(np.random.default_rng(6), 3000, bent=True)

    assert foretold(lived, x, 12.0).p < 1e-6


def test_a_few_customers_are_not_judged():
    lived, x = lives(np.random.default_rng(7), 40)

    assert foretold(lived, x, 12.0).refused
