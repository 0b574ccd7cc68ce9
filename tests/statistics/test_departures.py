"""Bounds of an effect under trends that part: against the linear programme of another library, and by hand."""

import math

import numpy as np
import pytest

from regard.statistics import placebos
from regard.statistics.departures import Moves, departures, ends
from regard.statistics.placebos import Block, judge
from regard.statistics.staggered import staggered

BEFORE = np.array([0.3, -0.2, 0.1, 0.0])
AFTER = np.array([1.0, 1.4, 1.2, 1.6])


def known(**changed):
    sure = {
        "effect": float(AFTER.mean()), "pull": np.zeros(3), "steps": np.diff(BEFORE), "pulls": np.zeros((3, 3)),
        "reach": 2.5, "apart": 2.5, "freedom": math.inf,
    }  # fmt: skip
    return Moves(**(sure | changed))


def test_bounds_without_noise_are_those_of_rambachan_and_roths_linear_programme():
    """diff-diff 3.13.0, honest_did._solve_rm_bounds_union(BEFORE[:3], AFTER, [1/4] * 4, 3, Mbar)."""
    assert ends(known(), 0.5) == pytest.approx((0.675, 1.925))
    assert ends(known(), 1.0) == pytest.approx((0.05, 2.55))
    assert ends(known(), 2.0) == pytest.approx((-1.2, 3.8))


def test_the_breakdown_is_where_zero_comes_in():
    """By hand: 1.3 less M times 2.5 steps of 0.5 is nothing at M = 1.04; 1.3 over 2.5 times is a drift of 0.52."""
    found = departures(known())

    assert found.breakdown == pytest.approx(1.04)
    assert found.drift == pytest.approx(0.52)
    assert found.largest == pytest.approx(0.5)


def test_noise_widens_every_bound_and_one_that_holds_zero_breaks_down_at_once():
    noisy = known(pull=np.array([0.6, 0.0, 0.0]), pulls=np.full((3, 3), 0.1), freedom=10.0)

    for ratio in (0.0, 0.5, 1.0):
        low, high = ends(noisy, ratio)
        plain = ends(known(), ratio)
        assert low < plain[0]
        assert high > plain[1]
    assert departures(noisy).breakdown == 0.0
    assert departures(noisy).drift == 0.0


def test_two_times_before_are_too_few_to_measure_a_departure_by():
    assert "2 times" in departures(known(steps=np.array([0.1]), pulls=np.zeros((1, 3)))).refused


@pytest.mark.parametrize(("treated", "donors"), [(1, 25), (12, 14)], ids=["placebos", "jackknife"])
def test_at_no_departure_the_bounds_are_the_interval_itself(treated, donors):
    rng = np.random.default_rng(5)
    y = rng.normal(size=(treated + donors, 1)) + rng.normal(0, 0.3, (treated + donors, 20))
    on = np.arange(treated + donors) < treated
    y[on, 14:] += 2
    block = Block(outcomes=y, before=14, treated=on, method="did")
    judged = judge(block)

    low, high = ends(placebos.moves(block, judged), 0.0)

    assert (low, high) == pytest.approx((judged.effect.low, judged.effect.high), rel=0.06)
    assert departures(placebos.moves(block, judged)).breakdown > 0


def test_group_by_group_the_bounds_start_from_the_same_interval():
    rng = np.random.default_rng(6)
    starts = np.repeat([5, 8, 12], [10, 10, 20])
    y = rng.normal(size=(40, 1)) + rng.normal(0, 0.5, (40, 12))
    y += 1.5 * (np.arange(12) >= starts[:, None])
    found = staggered(y, starts)

    assert ends(found.moves, 0.0) == pytest.approx((found.effect.low, found.effect.high))
    assert 0 < departures(found.moves).breakdown < 20
