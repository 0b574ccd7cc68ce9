"""Weights to the base: by hand, against the literature's example, and what they cost."""

import numpy as np
import pytest

from regard.statistics.proportions import mean
from regard.statistics.weighting import Margin, collapse, fit, rake, tipping


def margin(cell, base, labels=None):
    return Margin(cell=np.array(cell), base=np.array(base, float), labels=labels or tuple("abcdefgh"[: len(base)]))


def test_one_margin_is_post_stratification_by_hand():
    """8 of a and 12 of b where the base holds them half and half: weights .5·20/8 and .5·20/12."""
    found = rake([margin([0] * 8 + [1] * 12, [1, 1])])

    assert found.weight[0] == pytest.approx(1.25)
    assert found.weight[-1] == pytest.approx(10 / 12)
    assert found.converged
    assert found.effect == pytest.approx(1 + np.var(found.weight))
    assert found.effective == pytest.approx(20 / found.effect)


def test_two_margins_meet_the_base_in_both():
    random = np.random.default_rng(1)
    a, b = random.integers(0, 3, 400), random.integers(0, 2, 400)

    found = rake([margin(a, [5, 3, 2]), margin(b, [7, 3])])

    for cell, base in ((a, (0.5, 0.3, 0.2)), (b, (0.7, 0.3))):
        assert np.bincount(cell, found.weight) / 400 == pytest.approx(base, abs=1e-5)
    assert found.gap < 1e-6


def test_raking_keeps_the_odds_ratio():
    """Deming and Stephan (1940): iterative proportional fitting leaves the interaction of the cells as it was."""
    a, b = np.repeat([0, 0, 1, 1], [40, 10, 20, 30]), np.repeat([0, 1, 0, 1], [40, 10, 20, 30])

    w = rake([margin(a, [1, 1]), margin(b, [1, 1])]).weight
    cell = np.bincount(2 * a + b, w)

    assert cell[0] * cell[3] / (cell[1] * cell[2]) == pytest.approx(40 * 30 / (10 * 20), rel=1e-4)


def test_thin_cells_are_taken_together_and_named():
    merged, names = collapse(margin([0] * 30 + [1] * 2 + [3] * 9, [5, 1, 1, 3], ("a", "b", "c", "d")), 5)

    assert names == ("b", "c", "d")
    assert merged.base.tolist() == [5, 5]
    assert np.bincount(merged.cell).tolist() == [30, 11]


def test_a_weight_beyond_the_cap_is_cut_and_the_cell_then_misses():
    found = rake([margin([0] * 95 + [1] * 5, [1, 1])], most=3)

    assert found.trimmed == 5
    assert found.weight.max() <= 3.0001 * found.weight.mean()
    assert found.gap > 0.3


def test_margins_that_contradict_each_other_do_not_converge():
    """The same cells twice, with two different bases: no weights can meet both."""
    cell = [0] * 10 + [1] * 10

    assert not rake([margin(cell, [1, 1]), margin(cell, [3, 1])]).converged


def test_an_unknown_cell_keeps_the_mean_weight():
    found = rake([margin([0] * 8 + [1] * 12 + [-1] * 5, [1, 1])])

    assert found.unknown == 5
    assert found.weight[-1] == pytest.approx(1.0)


def test_what_the_cells_explain_does_not_vary():
    """Values that are the cells themselves: the calibrated mean is the base's own, without error."""
    cell = np.repeat([0, 1], [30, 70])
    found = rake([margin(cell, [1, 1])])
    y = cell.astype(float)

    calibrated = mean(y, weights=found.weight, fitted=fit(found.columns, y, found.weight))

    assert calibrated.value == pytest.approx(0.5)
    assert calibrated.error == pytest.approx(0.0, abs=1e-9)
    assert mean(y, weights=found.weight).error > 0.04


def test_the_calibrated_error_agrees_with_redrawing_and_raking_again():
    """Replication: the spread of the estimate over samples drawn and weighted anew is the error that is told."""
    random = np.random.default_rng(3)
    told, estimates = [], []
    for _ in range(400):
        cell = (random.uniform(size=300) < 0.75).astype(int)
        y = 2.0 * cell + random.normal(size=300)
        made = rake([margin(cell, [1, 1])])
        found = mean(y, weights=made.weight, fitted=fit(made.columns, y, made.weight))
        told.append(found.error)
        estimates.append(found.value)

    assert np.mean(told) == pytest.approx(np.std(estimates), rel=0.12)


def test_the_silent_pull_the_base_by_their_share():
    assert tipping(30.0, answered=0.25, lower=20.0) == pytest.approx(15.0)
