"""The challenger wins only where there is something to win, and says where; how far drivers move together."""

import numpy as np
import pytest

from regard.statistics.challenger import challenge
from regard.statistics.collinear import condition_index, correlations

NAMES = tuple("abcd")


def made(seed, n=1000):
    random = np.random.default_rng(seed)
    x = np.clip(np.round(3 + 0.6 * random.normal(size=(n, 1)) + 0.9 * random.normal(size=(n, 4))), 1, 5)
    return x, x @ np.array([0.8, 0.4, 0.2, 0.0]) + random.normal(size=n)


def test_a_straight_truth_is_rarely_beaten():
    assert sum(challenge(*made(s), NAMES, seed=s).beats for s in range(30)) <= 3


def test_a_shape_that_is_no_line_is_found_and_placed():
    x, y = made(1, n=3000)
    y = y + 1.5 * (x[:, 0] >= 5)

    found = challenge(x, y, NAMES)

    assert found.beats
    assert found.missed[0].drivers == ("a",)


def test_r2_out_of_sample_is_near_the_truth():
    """By hand: with slopes b and unit noise the line explains b'Vb / (b'Vb + 1)."""
    x, y = made(2, n=20_000)
    b = np.array([0.8, 0.4, 0.2, 0.0])
    signal = b @ np.cov(x.T) @ b

    assert challenge(x, y, NAMES).linear == pytest.approx(signal / (signal + 1), abs=0.015)


def test_a_customer_is_wholly_in_one_fold():
    """Rows twice over, each pair one customer: nothing is learned of a row from its twin, so R² is as with one each."""
    x, y = made(3)
    random = np.random.default_rng(0)
    noise = random.normal(size=(1000, 6))
    wide = np.column_stack([x, noise])

    once = challenge(wide, y, tuple("abcdefghij"), seed=1)
    twice = challenge(
        np.tile(wide, (2, 1)), np.tile(y, 2), tuple("abcdefghij"), clusters=np.tile(np.arange(1000), 2), seed=1
    )

    assert twice.challenger == pytest.approx(once.challenger, abs=0.02)


def test_few_customers_are_refused():
    x, y = made(4, n=100)

    assert "only 100 customers" in challenge(x, y, NAMES).refused


def test_the_condition_index_by_hand_and_of_a_sum():
    """Two columns with correlation r: eigenvalues 1 ± r, so the index of .8 is sqrt(1.8 / .2) = 3."""
    assert condition_index(np.array([[1, 0.8], [0.8, 1]])) == pytest.approx(3)
    x, _ = made(5)
    assert condition_index(correlations(np.column_stack([x, x.sum(axis=1)]))) == float("inf")


def test_correlations_with_holes_agree_with_pandas():
    """Oracle: pandas' DataFrame.corr leaves holes out pair by pair."""
    pd = pytest.importorskip("pandas")
    x, _ = made(6)
    x[np.random.default_rng(1).uniform(size=x.shape) < 0.2] = np.nan

    assert correlations(x) == pytest.approx(pd.DataFrame(x).corr().to_numpy(), abs=1e-9)


def test_that_a_driver_lacks_is_no_shape_of_it():
    """Mention costs a point, its score nothing: a line with an indicator of what lacks says so, and nothing is missed."""
    x, y = made(3, n=2000)
    lacks = np.random.default_rng(0).uniform(size=2000) < 0.5
    y = y + lacks
    x[lacks, 0] = np.nan

    found = challenge(x, y, NAMES)

    assert found.missed == ()
    assert not found.beats
