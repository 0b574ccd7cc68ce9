"""What is lost, divided: against brute force, a formula of the literature, and an independent library."""

import numpy as np
import pytest
from statsmodels.discrete.conditional_models import ConditionalLogit

from regard.statistics.attributed import attributed, owen, undivided
from regard.statistics.risksets import NEAR, of_pauses, of_stays
from regard.statistics.stakes import shapley


def sampled(rng, *, sets=400, each=4, odds=(2.5, 1.0, 1.6), met=(0.3, 0.4, 0.2)):
    """Risk sets of whom one is lost by odds that multiply: the model itself."""
    size = each + 1
    x = rng.random((sets, size, len(met))) < np.array(met)
    chance = np.exp(x @ np.log(odds))
    gone = (chance.cumsum(axis=1) / chance.sum(axis=1, keepdims=True) < rng.random((sets, 1))).sum(axis=1)
    lost = np.arange(size) == gone[:, None]
    return x.reshape(-1, len(met)), np.repeat(np.arange(sets), size), lost.reshape(-1), np.arange(sets * size)


def test_parts_are_shapley_values_by_brute_force():
    left = np.array([[0.4, 0.7, 1.2, 0.9]])
    brute = shapley(lambda c: 1 - float(np.prod(left[0][list(c)])), 4)

    assert owen(left)[0] == pytest.approx(brute, abs=1e-12)


def test_ratios_are_those_of_an_independent_library():
    """statsmodels 0.15, ConditionalLogit; the weak prior and the draws may move a log ratio by a few hundredths."""
    x, sets, lost, who = sampled(np.random.default_rng(1), sets=900)
    found = attributed(x, sets, lost, who, seed=1)
    theirs = ConditionalLogit(lost.astype(float), x.astype(float), groups=sets).fit(disp=0)

    assert found.logs.mean(axis=0) == pytest.approx(theirs.params, abs=0.03)
    assert found.logs.std(axis=0) == pytest.approx(theirs.bse, rel=0.15)


def test_one_thing_alone_has_the_attributed_share_of_bruzzi():
    """Bruzzi et al. (1985): the share of those lost who had met it, times one less the inverse of the ratio."""
    x, sets, lost, who = sampled(np.random.default_rng(2), odds=(2.0,), met=(0.3,))
    found = attributed(x, sets, lost, who, seed=1)

    assert found.shares[0].value == pytest.approx(x[lost].mean() * (1 - 1 / found.ratios[0].value), abs=0.01)


def test_parts_add_up_and_those_of_some_add_up_to_what_ending_these_keeps():
    x, sets, lost, who = sampled(np.random.default_rng(3))
    found = attributed(x, sets, lost, who, seed=1)
    some = found.parts((0, 2))
    union = (found.held * (1 - np.exp(-found.logs[:, [0, 2]] @ found.met[:, [0, 2]].T))).sum(axis=1)

    assert sum(s.value for s in found.shares) == pytest.approx(found.whole.value)
    assert some.sum(axis=1) == pytest.approx(union)


def test_weights_are_what_is_lost_and_uncounted_losses_only_teach_ratios():
    x, sets, lost, who = sampled(np.random.default_rng(4), odds=(2.0,), met=(0.5,))
    heavy = np.where(x[:, 0], 9.0, 1.0)
    plain, weighed = (attributed(x, sets, lost, who, weight=w, seed=1) for w in (None, heavy))
    counted = attributed(x, sets, lost, who, counted=x[:, 0], seed=1)

    assert weighed.ratios[0].value == pytest.approx(plain.ratios[0].value)
    assert weighed.shares[0].value > plain.shares[0].value
    assert counted.shares[0].value == pytest.approx(1 - 1 / plain.ratios[0].value, abs=0.02)


def test_what_looks_largest_by_luck_is_drawn_in_and_what_stands_out_keeps_most_of_itself():
    rng = np.random.default_rng(5)
    for first, drawn_in in ((1.0, True), (3.0, False)):
        x, sets, lost, who = sampled(rng, odds=(first, *[1.0] * 11), met=(0.3,) * 12, sets=300)
        ours = attributed(x, sets, lost, who, seed=1).logs.mean(axis=0)
        theirs = ConditionalLogit(lost.astype(float), x.astype(float), groups=sets).fit(disp=0).params

        assert (np.ptp(ours) < 0.5 * np.ptp(theirs)) == drawn_in
        assert drawn_in or ours[0] > 0.75 * theirs[0]


def test_what_both_met_is_told_apart_from_what_comes_with_it():
    rng = np.random.default_rng(6)
    x, sets, lost, who = sampled(rng, odds=(2.5, 1.0), met=(0.3, 0.3), sets=900)
    x[:, 1] = np.where(rng.random(len(x)) < 0.7, x[:, 0], x[:, 1])
    found = attributed(x, sets, lost, who, seed=1)

    assert found.shares[0].low > 0
    assert found.shares[1].low < 0 < found.shares[1].high


@pytest.mark.parametrize(("sets", "things", "why"), [(20, 1, "30 are needed"), (60, 14, "70 are needed")])
def test_too_few_losses_are_refused(sets, things, why):
    x, number, lost, who = sampled(np.random.default_rng(7), sets=sets, odds=(2.0,) * things, met=(0.4,) * things)
    found = attributed(x, number, lost, who, seed=1)

    assert why in found.refused
    assert len(found.shares) == things


def test_what_something_else_tells_of_can_be_joined():
    found = undivided(np.array([1.0, 3.0]), seed=1)
    joined = found.joined(np.array([[True], [False]]), np.full((len(found.held), 1), np.log(2.0)))

    assert joined.parts((0,)).mean() == pytest.approx(0.5 * found.held[:, 0].mean())


def test_those_compared_were_there_at_that_moment_and_stayed():
    rng = np.random.default_rng(8)
    since = rng.uniform(0, 900, 2000)
    term = np.where(rng.random(2000) < 0.5, 365.0, 0.0)
    until = np.where(term > 0, since + 365 * rng.integers(1, 4, 2000), since + rng.uniform(10, 900, 2000))
    left = np.where(until < 1000, until, np.nan)
    chosen = np.flatnonzero(left > 600)
    found = of_stays(since, left, chosen, like=(term > 0).astype(int), term=term, controls=4, seed=1)
    case = found.row[found.lost][found.sets]
    other = ~found.lost

    assert set(found.row[found.lost]) <= set(chosen)
    assert len(found.row[found.lost]) > 0.95 * len(chosen)
    assert (since[found.row] < found.at).all()
    assert not (left[found.row[other]] <= found.at[other]).any()
    assert (term[found.row] == term[case]).all()
    yearly = other & (term[found.row] > 0)
    age = (found.at - since[found.row])[yearly] / 365
    assert age == pytest.approx(np.round(age), abs=1e-6)
    assert np.abs(found.at - left[case])[yearly].max() <= NEAR


def test_silence_for_good_is_held_against_silence_that_was_not():
    rng = np.random.default_rng(9)
    who = np.repeat(np.arange(600), 3)
    last = rng.uniform(0, 400, 1800)
    back = np.where(rng.random(1800) < 0.3, np.nan, last + rng.uniform(1, 89, 1800))
    chosen = np.flatnonzero(np.isnan(back))
    found = of_pauses(last, back, chosen, who=who, grace=20.0, most=90.0, controls=3, seed=1)
    other = ~found.lost

    assert (back[found.row[other]] - last[found.row[other]] >= 20).all()
    assert (found.at == last[found.row] + 20).all()
    assert (who[found.row[other]] != who[found.row[found.lost][found.sets[other]]]).all()
