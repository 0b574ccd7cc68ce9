"""Differences of ways between two periods, beside enumeration, published intervals and a plain step-down."""

import itertools
import math

import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from regard.statistics.choices import _p_values, compare


def two_groups(hits, n, hits0, n0):
    """One choice each at one place, way 1 or 0."""
    way = np.r_[np.arange(n) < hits, np.arange(n0) < hits0].astype(int)
    return np.arange(n + n0), np.zeros(n + n0, int), way, np.arange(n + n0) < n


def row(found, place=0, way=1):
    return next(w for w in found.ways if (w.place, w.way) == (place, way))


def test_the_interval_of_independent_shares_is_newcombes():
    """Newcombe (1998), 56 of 70 against 48 of 80: .0524 to .3339; statsmodels says the same."""
    told = row(compare(*two_groups(56, 70, 48, 80))).difference
    low, high = confint_proportions_2indep(56, 70, 48, 80, method="newcomb")

    assert (told.low, told.high) == pytest.approx((low, high), abs=1e-9)
    assert (told.low, told.high) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert told.value == pytest.approx(0.2)


def test_each_person_has_one_voice_however_often_they_come():
    """Ten who come once and go to 1, and ten who come a hundred times and go there every fourth time."""
    who = np.r_[np.arange(20), np.arange(10, 20), np.arange(20, 40)]
    way = np.r_[np.ones(10, int), np.ones(10, int), np.zeros(10, int), np.zeros(20, int)]
    times = np.r_[np.ones(10), np.full(10, 25), np.full(10, 75), np.ones(20)]
    found = row(compare(who, np.zeros(50, int), way, np.arange(50) < 30, times=times))

    assert (found.n_now, found.n_before) == (20, 20)
    assert found.now == pytest.approx((10 * 1 + 10 * 0.25) / 20)
    assert found.before == 0


def ratio(now, before):
    """The studentised difference in plain Python, of people seen in one period only."""

    def spread(y):
        more = [*y, 1, 0]
        middle = sum(more) / len(more)
        return sum((v - middle) ** 2 for v in more) / (len(more) - 1)

    gap = sum(now) / len(now) - sum(before) / len(before)
    return gap / math.sqrt(spread(now) / len(now) + spread(before) / len(before))


def test_p_is_that_of_all_permutations():
    """Ten against ten: all 184,756 ways to deal the labels, in plain Python over their distinct outcomes."""
    now, before = [1] * 8 + [0] * 2, [1] * 3 + [0] * 7
    seen, hits = abs(ratio(now, before)), sum(now) + sum(before)
    exact = sum(
        math.comb(hits, k) * math.comb(20 - hits, 10 - k)
        for k in range(11)
        if abs(ratio([1] * k + [0] * (10 - k), [1] * (hits - k) + [0] * (10 - hits + k))) >= seen - 1e-12
    ) / math.comb(20, 10)

    found = compare(*two_groups(8, 10, 3, 10), draws=20_000, seed=3)

    assert row(found).difference.p == pytest.approx(exact, abs=3 * math.sqrt(exact * (1 - exact) / 20_000) + 1e-4)


def test_p_of_the_same_people_is_that_of_all_swaps():
    """Twelve people in both periods: 4,096 swaps of their sides, in plain Python."""
    rng = np.random.default_rng(2)
    before, now = rng.integers(0, 2, 12), (rng.uniform(size=12) < 0.75).astype(int)

    def paired(one, other):
        def mean(y):
            return sum(y) / len(y)

        m1, m0 = mean(one), mean(other)
        shared = sum((a - m1) * (b - m0) for a, b in zip(one, other, strict=True)) / 144

        def spread(y):
            more = [*y, 1, 0]
            return sum((v - mean(more)) ** 2 for v in more) / (len(more) - 1) / 12

        return (m1 - m0) / math.sqrt(max(spread(one) + spread(other) - 2 * shared, 1e-12))

    seen, over = abs(paired(list(now), list(before))), 0
    for coins in itertools.product((0, 1), repeat=12):
        one = [b if c else a for a, b, c in zip(now, before, coins, strict=True)]
        other = [a if c else b for a, b, c in zip(now, before, coins, strict=True)]
        over += abs(paired(one, other)) >= seen - 1e-12

    who, period = np.r_[np.arange(12), np.arange(12)], np.r_[np.zeros(12, bool), np.ones(12, bool)]
    found = compare(who, np.zeros(24, int), np.r_[before, now], period, draws=20_000, seed=1)

    assert found.both == 12
    assert row(found).difference.p == pytest.approx(over / 4096, abs=0.015)


def test_corrected_p_values_are_the_step_down_maximum():
    """Westfall and Young's algorithm 4.1, written out: successive maxima over what is left, made monotone."""
    rng = np.random.default_rng(5)
    seen, null = rng.normal(size=6) * 2, rng.normal(size=(300, 6))
    raw, adjusted = _p_values(seen, null)
    order = sorted(range(6), key=lambda i: -abs(seen[i]))
    running = 0.0
    for at, i in enumerate(order):
        left = order[at:]
        over = sum(max(abs(null[b][j]) for j in left) >= abs(seen[i]) for b in range(300))
        running = max(running, (1 + over) / 301)
        assert adjusted[i] == pytest.approx(running)
        assert raw[i] == pytest.approx((1 + sum(abs(null[:, i]) >= abs(seen[i]))) / 301)


def many(rng, n=600, shift=0.0):
    who = np.repeat(np.arange(n), 6)
    now = np.arange(6 * n) % 2 == 1
    place, way = rng.integers(0, 3, 6 * n), rng.integers(0, 3, 6 * n)
    moved = now & (place == 1) & (rng.uniform(size=6 * n) < shift)
    return who, place, np.where(moved, 2, way), now


def test_the_normal_limit_says_what_permutations_say():
    choices = many(np.random.default_rng(8), shift=0.3)
    permuted, limit = (compare(*choices, draws=2000, exact=n) for n in (10**6, 0))

    for one, other in zip(permuted.ways, limit.ways, strict=True):
        assert one.adjusted == pytest.approx(other.adjusted, abs=0.05)
    assert row(limit, 1, 2).adjusted < 0.01
    assert "normal limit" in limit.method


def test_labels_do_not_matter_and_the_seed_does_not_change():
    who, place, way, now = many(np.random.default_rng(9), n=100)
    order = np.random.default_rng(1).permutation(len(who))
    one = compare(who, place, way, now, seed=4)
    other = compare(np.array([f"c{w:04d}" for w in who])[order], place[order], way[order], now[order], seed=4)

    assert [w.adjusted for w in one.ways] == [w.adjusted for w in other.ways]


def test_thin_ways_are_not_tested_and_nothing_to_test_is_refused():
    few = compare(*two_groups(3, 9, 2, 30))
    assert few.refused
    assert row(few).difference.refused
    assert math.isnan(row(few).adjusted)
    assert compare([], [], [], []).refused
    rare = compare(*two_groups(2, 40, 2, 40))
    assert rare.thin == 1
    assert math.isnan(row(rare).adjusted)
