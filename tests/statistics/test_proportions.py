"""Shares, net shares and means against published figures and an independent library."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.statistics import proportions as p

stats = pytest.importorskip("statsmodels.stats.proportion")


def test_wilson_of_none_in_ten_is_zero_to_278():
    """Closed form: z²/(n + z²) = 3.8415/13.8415 = .2775 (Wilson 1927)."""
    found = p.wilson(0, 10)
    assert found.low == 0
    assert found.high == pytest.approx(0.2775, abs=5e-5)


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (57, 123), (1, 5000)])
@pytest.mark.parametrize("method", ["wilson", "jeffreys"])
def test_intervals_of_a_share_agree_with_statsmodels(hits, n, method):
    """Oracle: statsmodels.stats.proportion.proportion_confint; Jeffreys differs at the ends by Brown et al.'s rule."""
    low, high = stats.proportion_confint(hits, n, method=method)
    found = getattr(p, method)(hits, n)
    assert found.low == pytest.approx(0 if hits == 0 else low, abs=1e-9)
    assert found.high == pytest.approx(1 if hits == n else high, abs=1e-9)


def test_net_share_of_50_30_20_is_30_with_error_781():
    """By hand: sqrt((.5 + .2 - .09) / 100) = .0781."""
    assert p.net_share(50, 30, 20).value == pytest.approx(0.30)
    assert p.net_error(50, 30, 20) == pytest.approx(0.0781, abs=5e-5)


def test_adjusted_wald_adds_three_answers():
    """By hand after Rocks (2016): (50.75 - 20.75)/103 = .29126, variance ((71.5)/103 - .29126²)/103."""
    found = p.net_share(50, 30, 20)
    assert found.centre == pytest.approx(30 / 103)
    assert found.error == pytest.approx(math.sqrt((71.5 / 103 - (30 / 103) ** 2) / 103))


def test_counts_and_answers_give_the_same_interval():
    values = np.repeat([1.0, 0.0, -1.0], [50, 30, 20])
    a, b = p.net_share(50, 30, 20), p.net_mean(values)
    assert (a.low, a.high) == pytest.approx((b.low, b.high), abs=2e-3)


def test_too_few_answers_are_refused_in_words():
    found = p.net_share(2, 1, 0)
    assert math.isnan(found.value)
    assert found.refused == "only 3 answers; at least 5 are needed"
    assert p.net_mean([]).refused == "only 0 answers; at least 5 are needed"
    assert p.mean([1, 2, 3], clusters=["a", "a", "a"]).refused.startswith("only 1 customer;")
    assert p.share([True] * 4).refused
    assert p.difference(found, p.net_share(50, 30, 20)).refused


def test_all_alike_still_has_width():
    found = p.net_mean(np.ones(10))
    assert found.value == 1
    assert found.low < 0.9
    assert found.high == 1


def test_a_clustered_mean_agrees_with_statsmodels():
    """Oracle: OLS on a constant with cov_type="cluster"; its factor G/(G-1)·(n-1)/(n-1) equals ours."""
    api = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(1)
    who = rng.integers(0, 40, 200)
    y = rng.normal(size=200) + rng.normal(size=40)[who]
    fit = api.OLS(y, np.ones(200)).fit(cov_type="cluster", cov_kwds={"groups": who}, use_t=True)
    found = p.mean(y, clusters=who)
    assert found.error == pytest.approx(fit.bse[0], rel=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(fit.conf_int()[0]), rel=1e-9)


def test_each_answer_given_twice_is_no_new_evidence():
    """Breaks independence: copies of the same answers must not shorten the clustered interval; they do the plain one."""
    rng = np.random.default_rng(2)
    y, who = rng.choice([-1.0, 0.0, 1.0], 100), np.arange(100)
    once, twice = p.net_mean(y, clusters=who), p.net_mean(np.tile(y, 2), clusters=np.tile(who, 2))
    naive = p.net_mean(np.tile(y, 2))
    assert twice.high - twice.low == pytest.approx(once.high - once.low, rel=0.02)
    assert naive.high - naive.low < 0.8 * (twice.high - twice.low)


def test_weights_are_not_frequencies():
    """Scaling all weights changes nothing; Kish's n of equal weights is n, of one dominant weight near 1."""
    rng = np.random.default_rng(3)
    y, w = rng.normal(size=80), rng.uniform(0.5, 3, 80)
    a, b = p.mean(y, weights=w), p.mean(y, weights=1000 * w)
    assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high))
    assert p.kish(np.ones(7)) == pytest.approx(7)
    assert p.kish([1000, 1, 1]) == pytest.approx(1.0, abs=0.01)


def test_equal_weights_change_nothing():
    y = np.random.default_rng(4).choice([-1.0, 0.0, 1.0], 60)
    a, b = p.net_mean(y), p.net_mean(y, weights=np.full(60, 2.5))
    assert (a.low, a.high) == pytest.approx((b.low, b.high))


def test_a_difference_adds_errors_in_quadrature():
    a, b = p.net_share(50, 30, 20), p.net_share(40, 30, 30)
    found = p.difference(a, b)
    assert found.value == pytest.approx(0.20)
    assert found.error == pytest.approx(math.hypot(a.error, b.error))


def test_linked_differences_end_at_welch_and_at_the_paired_test():
    """By hand: nobody in both gives the sum of both variances of means; everybody in both gives the paired error."""
    rng = np.random.default_rng(5)
    person = rng.normal(size=90)
    before, now = person + rng.normal(size=90) * 0.3, person + rng.normal(size=90) * 0.3
    who = np.arange(90)
    apart = p.linked_difference(now, who, before, who + 90)
    assert apart.error**2 == pytest.approx(now.var(ddof=0) / 90 + before.var(ddof=0) / 90, rel=0.02)
    paired = p.linked_difference(now, who, before, who)
    assert paired.error == pytest.approx((now - before).std(ddof=1) / math.sqrt(90), rel=1e-6)
    assert paired.error < apart.error / 2


def test_the_same_customers_are_counted_once_each():
    found = p.same_customers([1, 1, 5, 4, 3, 2, 9], list("aabcdez"), [0, 4, 4, 3, 2, 7], list("abcdey"), least=5)
    assert found.n == 5
    assert found.value == pytest.approx(np.mean([1, 1, 0, 0, 0]))
    assert p.same_customers([1, 2], ["a", "b"], [1, 2], ["c", "d"]).refused


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_a_net_share_is_within_its_interval_and_its_scale(top, middle, bottom):
    found = p.net_share(top, middle, bottom)
    if not found.refused:
        assert -1 <= found.low <= found.value <= found.high <= 1


@given(st.lists(st.sampled_from([-1.0, 0.0, 1.0, math.nan]), min_size=6, max_size=40), st.randoms())
def test_order_does_not_matter_and_missing_is_left_out(values, random):
    shuffled = values[:]
    random.shuffle(shuffled)
    a, b = p.net_mean(values), p.net_mean(shuffled)
    if not a.refused:
        assert (a.low, a.high, a.n) == pytest.approx((b.low, b.high, b.n))
        assert a.n == sum(not math.isnan(v) for v in values)
