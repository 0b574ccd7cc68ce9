"""Units that start at different times: group by group, and what the two-way regression makes of it."""

import numpy as np
import pytest

from regard.statistics.staggered import regression, staggered


def growing(rng, noise=0.3):
    """Two groups, early and late, and some never; the effect grows by 1 a time: its mean over treated cells."""
    starts = np.repeat([3, 8, 12], [20, 20, 8])
    effect = np.maximum(0.0, np.arange(12) - starts[:, None] + 1)
    y = 2 * rng.normal(size=(48, 1)) + 0.4 * np.arange(12) + noise * rng.normal(size=(48, 12)) + effect
    return y, starts, effect[effect > 0].mean()


def test_the_effect_of_each_group_is_a_difference_of_two_differences():
    y, starts, _ = growing(np.random.default_rng(1))
    found = staggered(y, starts)
    cell = next(c for c in found.cells if (c.start, c.time) == (8, 10))
    change = y[:, 10] - y[:, 7]

    assert cell.effect.value == pytest.approx(change[starts == 8].mean() - change[starts == 12].mean())


def test_effects_that_grow_are_covered_and_the_mean_is_that_over_treated_cells():
    y, starts, truth = growing(np.random.default_rng(2))
    found = staggered(y, starts)

    assert found.effect.low < truth < found.effect.high
    after = {e.after: e.effect for e in found.events}
    assert all(after[k].low < k + 1 < after[k].high for k in range(4))
    assert all(after[k].low < 0 < after[k].high for k in (-4, -3, -2))
    assert found.before > 0.05


def test_two_way_regression_turns_the_sign_where_all_are_treated_in_the_end():
    """De Chaisemartin and D'Haultfoeuille (2020): effects that are all positive, a coefficient that is negative. Three
    times; one group starts at the second with an effect of 1 and then 4, the other at the third with 1: −0.5."""
    y = np.zeros((40, 3))
    starts = np.repeat([1, 2], 20)
    y[starts == 1] += [0, 1, 4]
    y[starts == 2] += [0, 0, 1]

    coefficient, negative = regression(y, starts)

    assert coefficient == pytest.approx(-0.5)
    assert negative == pytest.approx(1 / 3)
    found = staggered(y + 1e-3 * np.random.default_rng(1).normal(size=y.shape), starts)
    assert found.effect.value == pytest.approx(1.0, abs=0.01)
    assert found.compared == "units not treated yet"


def test_errors_of_one_unit_that_follow_one_another_are_not_counted_as_many():
    """A level shared by all of a unit's later times: the error does not shrink with the number of times."""
    rng = np.random.default_rng(3)
    starts = np.repeat([5, 40], [15, 15])
    short, long = [], []
    for _ in range(40):
        step = rng.normal(size=(30, 1)) * (np.arange(40) >= 5)
        y = step + 0.1 * rng.normal(size=(30, 40))
        long.append(staggered(y, starts).effect.error)
        short.append(staggered(y[:, :8], np.minimum(starts, 8)).effect.error)

    assert np.mean(long) == pytest.approx(np.mean(short), rel=0.05)


def test_groups_that_moved_apart_before_are_told():
    y, starts, _ = growing(np.random.default_rng(4))
    y = y + np.where(starts < 12, 0.5, 0.0)[:, None] * np.arange(12)

    assert staggered(y, starts).before < 0.01


def test_a_group_of_one_unit_is_given_the_spread_of_those_it_is_compared_with():
    y, starts, _ = growing(np.random.default_rng(5))
    starts = np.where(np.arange(48) == 0, 6, starts)
    cell = next(c for c in staggered(y, starts).cells if (c.start, c.time) == (6, 7))
    change = y[:, 7] - y[:, 5]

    assert cell.effect.error > change[starts == 12].std(ddof=1)


def test_too_few_treated_or_compared_units_are_refused():
    y = np.random.default_rng(6).normal(size=(20, 6))
    assert "only 2 treated units" in staggered(y, np.where(np.arange(20) < 2, 3, 6)).refused
    assert "no group has a time before its start" in staggered(y, np.zeros(20, dtype=int)).refused
    assert "no group" in staggered(y, np.full(20, 3)).refused
