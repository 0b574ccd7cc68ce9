"""The scan: its statistic by hand, no alarm by mix, a red subset under a green total. Its levels: docs/calibration.md."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regard.simulation.cubes import World, made
from regard.statistics.cuboids import cube
from regard.statistics.expectations import Past, expected_of, in_units
from regard.statistics.peeling import disruptions, interval_of
from regard.statistics.scan import KAPPA, scan

GRID = np.stack(np.meshgrid(*(np.arange(n) for n in (4, 5, 3)), indexing="ij"), -1).reshape(-1, 3)


def counts(rng, *, now=1.0, volume=200, periods=8, rate=0.06, hit=None, lift=1.0):
    """Binomial counts; `now` multiplies volumes by leaf in the last period."""
    n = np.full((periods + 1, len(GRID)), float(volume))
    n[-1] *= now
    p = np.full(n.shape, rate) * (1 + 0.5 * (GRID[:, 0] == 1))
    if hit is not None:
        p[-1, hit] *= lift
    bad = rng.binomial(n.astype(int), p).astype(float)
    return Past(bad=bad[-1], total=n[-1].round(), past_bad=bad[:-1], past_total=n[:-1])


def test_without_dispersion_the_statistic_is_the_binomial_deviance_less_what_was_looked_at():
    """By hand for one cell: Kullback-Leibler of seen against expected from its own past, scaled by the part of the
    variance that the past leaves open."""
    past = counts(np.random.default_rng(1))
    whole = cube(GRID, depth=2)
    expected = expected_of(whole, past)
    calm = type(expected)(**{**expected.__dict__, "stray": 0.0, "of_depth": np.zeros(3)})

    found = scan(whole, past, expected=calm, replicas=19)

    cell = whole.find({0: 1, 1: 2})
    leaves = whole.leaves(cell)
    c, n, y = past.bad[leaves].sum(), past.total[leaves].sum(), past.past_bad[:, leaves].sum()
    e = (past.total * expected.rate)[leaves].sum()
    before = (past.past_total.sum(axis=0) * expected.rate)[leaves].sum()
    b = e * (y + KAPPA) / (before + KAPPA)
    kl = stats.entropy([c / n, 1 - c / n], [b / n, 1 - b / n]) * n
    plain = b * (1 - b / n)
    by_hand = kl * plain / (plain + b**2 / (y + KAPPA)) - np.log(20)
    assert found.due[cell] == pytest.approx(b)
    assert found.score[cell] == (pytest.approx(by_hand) if c > b else -np.inf)


def test_a_red_subset_under_a_green_total_is_found_and_the_total_stays_green():
    hit = (GRID[:, 0] == 2) & (GRID[:, 1] == 3)
    past = counts(np.random.default_rng(2), hit=hit, lift=2.0)

    found = disruptions(cube(GRID, depth=3), past, seed=1)

    assert found.first.p <= 0.05
    assert found.change.p > 0.05
    assert found.found[0].named.values == {0: (2,), 1: (3,)}
    low, high = interval_of(past, found.expected, found.found[0].named)
    assert low < 2.0 < high


def test_a_total_that_is_worse_by_mix_alone_is_called_mix_and_no_subset_rings():
    now = np.where(GRID[:, 0] == 1, 4.0, 0.6)
    past = counts(np.random.default_rng(3), now=now)
    whole = cube(GRID, depth=3)

    found = disruptions(whole, past, seed=1)

    naive = stats.binomtest(int(past.bad.sum()), int(past.total.sum()), past.past_bad.sum() / past.past_total.sum())
    assert naive.pvalue < 1e-4
    assert found.found == ()
    change = found.change
    assert change.mix > 3 * abs(change.rate)
    assert change.mix + change.rate == pytest.approx(change.now - change.before, abs=1e-12)


def test_two_disruptions_are_told_one_after_the_other():
    one, two = (GRID[:, 0] == 3) & (GRID[:, 2] == 1), GRID[:, 1] == 0
    rng = np.random.default_rng(4)
    past = counts(rng, hit=one, lift=4.0, volume=400)
    bad = past.bad.copy()
    bad[two & ~one] = rng.binomial(400, 0.06 * 2.5, int((two & ~one).sum()))
    past = Past(bad=bad, total=past.total, past_bad=past.past_bad, past_total=past.past_total)

    found = disruptions(cube(GRID, depth=3), past, seed=2)

    assert {tuple(d.named.values.items()) for d in found.found} == {((0, (3,)), (2, (1,))), ((1, (0,)),)}


def test_shared_shocks_are_told_from_history_as_large_as_they_are():
    """Truth: standard deviations of .1 for the whole and for each value."""
    found = [
        expected_of(m.cube, m.past)
        for seed in range(8)
        for m in [made(np.random.default_rng(seed), World(customers=20_000, shock=0.1, periods=12))]
    ]
    assert np.mean([e.by_value for e in found]) == pytest.approx(0.01, rel=0.3)
    assert np.mean([e.shared for e in found]) == pytest.approx(0.01, rel=0.6)


def test_the_same_seed_gives_the_same_p():
    past = counts(np.random.default_rng(5))
    whole = cube(GRID)
    assert scan(whole, past, replicas=39, seed=3).p == scan(whole, past, replicas=39, seed=3).p


def test_what_would_have_been_seen_falls_with_size():
    past = counts(np.random.default_rng(6))
    ratios = [x.ratio for x in disruptions(cube(GRID, depth=3), past).least]
    assert len(ratios) >= 5
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] > 1


def test_amounts_are_counted_in_the_unit_they_vary_by():
    """Orders are Poisson, each of 50 on average with a spread of 30: the variance is (50² + 30²) / 50 = 68 a unit."""
    rng = np.random.default_rng(7)
    orders = rng.poisson(np.exp(rng.normal(3, 1, 200)), (20, 200))
    money = np.array([[rng.gamma((5 / 3) ** 2 * max(n, 1e-9), 18.0) for n in row] for row in orders])
    ones = np.ones_like(money)
    past = Past(bad=money[-1], total=ones[-1], past_bad=money[:-1], past_total=ones[:-1], shares=False)

    _, unit = in_units(past)

    assert unit == pytest.approx(68, rel=0.25)


def test_falling_counts_ring_where_fewer_is_worse():
    rng = np.random.default_rng(8)
    seen = rng.poisson(30, (9, len(GRID))).astype(float)
    hit = GRID[:, 1] == 4
    seen[-1, hit] = rng.poisson(18, int(hit.sum()))
    ones = np.ones_like(seen)
    past = Past(bad=seen[-1], total=ones[-1], past_bad=seen[:-1], past_total=ones[:-1], shares=False)

    found = disruptions(cube(GRID, depth=3), past, sign=-1)

    assert found.found[0].named.values == {1: (4,)}
    assert found.found[0].named.ratio == pytest.approx(0.6, abs=0.12)


def test_where_the_whole_strays_widely_a_red_subset_is_told_from_outside_it():
    """Days stray by 60 % as a whole; today is a calm one, and three of sixty combinations fail five times as often."""
    rng = np.random.default_rng(17)
    days, volume = 25, 40
    hit = (GRID[:, 0] == 2) & (GRID[:, 1] == 3)
    share = 0.06 * np.exp(np.append(rng.normal(0, 0.6, days - 1), -0.3))[:, None]
    share = np.repeat(share, len(GRID), axis=1)
    share[-1, hit] *= 5
    bad = rng.binomial(volume, np.minimum(share, 0.9)).astype(float)
    total = np.full(bad.shape, float(volume))
    past = Past(bad=bad[-1], total=total[-1], past_bad=bad[:-1], past_total=total[:-1])
    whole = cube(GRID)

    plain = scan(whole, past, level=0.01)
    found = scan(whole, past, level=0.001, replicas=999, rare=True)

    assert found.p < 0.001
    assert whole.values(found.cell) == {0: 2, 1: 3}
    assert found.score[found.cell] > plain.score[found.cell] + 3


def test_a_p_far_below_one_in_the_draws_is_read_off_their_tail():
    """The oracle is ten times as many draws, counted."""
    rng = np.random.default_rng(18)
    past = counts(rng, hit=GRID[:, 0] == 3, lift=1.5)
    whole = cube(GRID)
    many = scan(whole, past, replicas=3000, seed=1)
    quick = scan(whole, past, replicas=300, level=0.001, rare=True, seed=2)

    assert quick.replicas <= 300
    assert quick.p == pytest.approx(many.p, abs=0.004)
