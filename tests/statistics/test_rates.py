"""Counts over exposure, one by one and in a table of many."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from regard.statistics import comparisons, rates


@pytest.mark.parametrize(("now", "before"), [(30, 15), (3, 12), (0, 6), (7, 0), (100, 100)])
def test_two_rates_agree_with_the_exact_binomial(now, before):
    """Oracle: scipy.stats.binomtest of the events now given their sum, doubled smaller tail, and its exact interval."""
    found = rates.compare_rates(now, 1000, before, 800)
    chance = 1000 / 1800
    tails = [stats.binomtest(now, now + before, chance, alternative=a).pvalue for a in ("less", "greater")]
    assert found.p == pytest.approx(min(1.0, 2 * min(tails)))
    ends = stats.binomtest(now, now + before).proportion_ci(0.95, "exact")
    low, high = (e / (1 - e) * 0.8 if e < 1 else math.inf for e in ends)
    assert (found.ratio.low, found.ratio.high) == pytest.approx((low, high))


def test_a_rate_has_garwoods_interval():
    """Published: 10 events give 4.795 to 18.39 (Garwood 1936, table 1)."""
    found = rates.rate(10, 1)
    assert (found.low, found.high) == pytest.approx((4.795, 18.39), abs=0.005)
    assert rates.rate(0, 100).low == 0
    assert rates.rate(1, 0).refused


def test_one_customer_who_writes_often_is_not_a_rise():
    """Breaks independence: 20 of 26 contacts are one customer's. As independent events it fires, with dispersion not."""
    events = np.array([20, 1, 1, 1, 1, 1, 1])
    dispersion = rates.cluster_dispersion(events)
    assert dispersion == pytest.approx(406 / 26)
    assert rates.compare_rates(26, 1000, 9, 1000).direction == "rising"
    assert rates.compare_rates(26, 1000, 9, 1000, dispersion=dispersion).direction == ""


def test_a_table_accounts_for_its_comparisons():
    found = rates.rising([30, 14, 8, 1], [9, 8, 8, 0], exposure_now=1000, exposure_before=1000)
    assert [c.direction for c in found] == ["rising", "", "", ""]
    assert found[0].q > found[0].p
    assert math.isnan(found[3].p)
    assert rates.rising([0], [0], exposure_now=1, exposure_before=1)[0].ratio.refused


def test_falling_is_named_too():
    assert rates.rising([9], [40], exposure_now=1000, exposure_before=1000)[0].direction == "falling"


def test_series_dispersion_finds_what_is_there():
    """Known truth: Poisson counts give 1; negative binomial ones with variance 3 times the mean give 3."""
    rng = np.random.default_rng(1)
    assert rates.series_dispersion(rng.poisson(20, (200, 5))) == pytest.approx(np.ones(5), abs=0.25)
    assert rates.series_dispersion(rng.negative_binomial(10, 1 / 3, (200, 5))) == pytest.approx(
        np.full(5, 3.0), rel=0.25
    )


def test_benjamini_hochberg_and_holm_agree_with_statsmodels():
    """Oracle: statsmodels.stats.multitest.multipletests."""
    multi = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(2).uniform(size=40) ** 2
    assert comparisons.benjamini_hochberg(p) == pytest.approx(multi.multipletests(p, method="fdr_bh")[1])
    assert comparisons.holm(p) == pytest.approx(multi.multipletests(p, method="holm")[1])


def test_comparisons_not_made_do_not_count():
    found = comparisons.benjamini_hochberg([0.01, math.nan, 0.04])
    assert found[[0, 2]] == pytest.approx([0.02, 0.04])
    assert math.isnan(found[1])
    assert len(comparisons.holm([])) == 0
