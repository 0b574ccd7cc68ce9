"""Experiments: published figures, hand-checkable cases, and what spoils a comparison."""

from __future__ import annotations

import csv
import gzip
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from regard.statistics import experiments

CATS = Path(__file__).parents[3] / "shared/data/cookie_cats_ab/cookie_cats.csv.gz"


@pytest.fixture(scope="module")
def cats():
    if not CATS.exists():
        pytest.skip("the Cookie Cats experiment is not beside the project")
    with gzip.open(CATS, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


@pytest.mark.data
def test_cookie_cats_retention_is_what_is_known_of_it(cats):
    """shared/data/cookie_cats_ab/README.md, recomputed there: day 1 −.59 points, p .074; day 7 −.82, p .0016."""
    for column, value, p in (("retention_1", -0.0059, 0.074), ("retention_7", -0.0082, 0.0016)):
        found = experiments.compare(cats[column] == "True", cats["version"], "gate_30").arms[1]

        assert found.name == "gate_40"
        assert found.difference.value == pytest.approx(value, abs=5e-5)
        assert found.p == pytest.approx(p, abs=0.0005)


@pytest.mark.data
def test_cookie_cats_groups_are_not_of_the_sizes_drawn(cats):
    """shared/data/cookie_cats_ab/README.md: 44,700 against 45,489, p about .009."""
    _, sizes = np.unique(cats["version"], return_counts=True)

    assert sizes.tolist() == [44_700, 45_489]
    assert experiments.sample_ratio(sizes) == pytest.approx(0.0086, abs=0.0002)


@pytest.mark.data
def test_one_player_of_49_854_rounds_is_seen_to_make_the_variance(cats):
    found = experiments.compare(cats["sum_gamerounds"].astype(float), cats["version"], "gate_30")

    assert found.loudest == pytest.approx(0.84, abs=0.01)
    assert abs(found.arms[1].trimmed.value) < 0.2 < abs(found.arms[1].difference.value)


def test_means_are_compared_as_scipy_compares_them():
    """Welch's t as scipy.stats.ttest_ind(equal_var=False) computes it; freedom may only be fewer, for loud values."""
    rng = np.random.default_rng(1)
    a, b = rng.normal(1, 2, 60), rng.normal(0, 1, 40)
    found = experiments.compare(np.r_[a, b], np.r_[["b"] * 60, ["a"] * 40], "a").arms[1].difference
    theirs = stats.ttest_ind(a, b, equal_var=False)

    assert found.value / found.error == pytest.approx(theirs.statistic)
    assert found.freedom <= theirs.df + 1e-9
    assert found.p == pytest.approx(theirs.pvalue, rel=0.3)


def test_the_score_interval_is_that_of_the_paper():
    """Newcombe (1998), Statistics in Medicine 17, 873-890, table II, method 6 (Miettinen-Nurminen): 56/70 against
    48/80 gives .0528 to .3382."""
    found = experiments.share_difference(56, 70, 48, 80)

    assert found.value == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0528, 0.3382), abs=0.00006)


@pytest.mark.parametrize("counts", [(0, 10, 0, 20), (10, 10, 0, 20), (0, 5, 5, 5), (3, 3, 4, 4)])
def test_shares_of_none_or_all_keep_an_interval_around_them(counts):
    found = experiments.share_difference(*counts)

    assert -1 <= found.low <= found.value <= found.high <= 1
    assert found.high - found.low > 0.05


def test_a_measure_from_before_takes_out_the_variance_it_explains_and_not_the_effect():
    """With correlation .9 the variance falls by .81 (Deng and others 2013, equation 5)."""
    rng = np.random.default_rng(2)
    before = rng.normal(size=20_000)
    arm = np.where(rng.uniform(size=20_000) < 0.5, "b", "a")
    y = before + 0.4843 * rng.normal(size=20_000) + 0.1 * (arm == "b")
    found = experiments.compare(y, arm, "a", before=before)
    one = found.arms[1]

    assert found.saved == pytest.approx(0.81, abs=0.01)
    assert (one.difference.error / one.plain.error) ** 2 == pytest.approx(0.19, abs=0.01)
    assert one.difference.low < 0.1 < one.difference.high
    assert found.theta == pytest.approx(1, abs=0.02)


def test_an_effect_on_one_arm_does_not_leak_into_the_coefficient():
    """Theta is pooled within arms: an effect of 50 standard deviations leaves it alone."""
    rng = np.random.default_rng(3)
    before, arm = rng.normal(size=4000), np.repeat(["a", "b"], 2000)
    y = 2 * before + rng.normal(size=4000)

    with_effect = experiments.compare(y + 50 * (arm == "b"), arm, "a", before=before)

    assert with_effect.theta == pytest.approx(experiments.compare(y, arm, "a", before=before).theta)
    assert with_effect.arms[1].difference.value == pytest.approx(50, abs=0.15)


def test_missing_values_before_cost_precision_only():
    rng = np.random.default_rng(4)
    before, arm = rng.normal(size=4000), np.repeat(["a", "b"], 2000)
    y = before + 0.3 * rng.normal(size=4000)
    gaps = np.where(rng.uniform(size=4000) < 0.3, np.nan, before)
    whole, less = (experiments.compare(y, arm, "a", before=b).arms[1].difference for b in (before, gaps))

    assert whole.error < less.error < experiments.compare(y, arm, "a").arms[1].difference.error


def test_several_arms_widen_each_others_intervals():
    rng = np.random.default_rng(5)
    arm, y = np.repeat(list("abcd"), 200), rng.normal(size=800)
    four = experiments.compare(y, arm, "a").arms
    two = experiments.compare(y[:400], arm[:400], "a").arms

    assert [a.name for a in four] == ["a", "b", "c", "d"]
    assert four[1].difference.high > two[1].difference.high
    assert four[1].p >= two[1].p
    assert math.isnan(four[0].p)


def test_rows_of_one_customer_are_not_counted_as_many():
    rng = np.random.default_rng(6)
    who = np.repeat(np.arange(100), 10)
    arm = np.where(who % 2, "a", "b")
    y = rng.normal(size=100)[who] + 0.1 * rng.normal(size=1000)
    apart = experiments.compare(y, arm, "a").arms[1]
    together = experiments.compare(y, arm, "a", clusters=who).arms[1]

    assert together.difference.error > 2.5 * apart.difference.error
    assert together.units == 50


def test_a_mean_ruled_by_one_row_is_refused_between_arms_of_unequal_size():
    y = np.r_[np.ones(50), np.arange(200) % 3, 1e6].astype(float)
    found = experiments.compare(y, np.r_[["b"] * 50, ["a"] * 201], "a").arms[1]

    assert "single row" in found.difference.refused
    assert math.isnan(found.difference.value)


def test_an_arm_of_four_is_refused():
    found = experiments.compare(np.arange(104.0), np.r_[["b"] * 4, ["a"] * 100], "a").arms[1]

    assert found.difference.refused == "only 4 units; at least 5 are needed"


def test_the_least_detectable_difference_is_2_8_errors():
    """z(.975) + z(.8) = 1.960 + .842."""
    assert experiments.least_detectable(1.0) == pytest.approx(2.8016, abs=1e-3)


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e150])
def test_giants_and_dwarfs_are_compared_like_anything_else(size):
    rng = np.random.default_rng(7)
    y, arm = rng.normal(size=200), np.repeat(["a", "b"], 100)
    plain = experiments.compare(y, arm, "a").arms[1].difference
    sized = experiments.compare(y * size, arm, "a", before=y * 1e120).arms[1].plain

    assert sized.value / size == pytest.approx(plain.value)
    assert sized.high / size == pytest.approx(plain.high)
