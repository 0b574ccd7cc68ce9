"""Placebos in space and time, intervals, what would have been seen, and when there is no answer."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from regard.statistics import placebos
from regard.statistics.counterfactuals import fits
from regard.statistics.placebos import Block

SMOKING = Path(__file__).parents[2] / "../shared/data/prop99_smoking/smoking.csv"


def wandering(rng, *, units=20, times=24, treated=1, effect=0.0, before=18, scale=1.0):
    """Units around two common factors with errors that follow one another; the last `treated` gain the effect."""
    factors = rng.normal(size=(2, times)).cumsum(axis=1)
    e = rng.normal(size=(units, times))
    for t in range(1, times):
        e[:, t] = 0.6 * e[:, t - 1] + 0.8 * e[:, t]
    y = rng.normal(size=(units, 2)) @ factors + 3 * rng.normal(size=(units, 1)) + 0.5 * e
    on = np.arange(units) >= units - treated
    y[on] = y[on] * scale
    y[on, before:] += effect
    return Block(outcomes=y, before=before, treated=on)


@pytest.fixture(scope="module")
def california():
    if not SMOKING.exists():
        pytest.skip("the public data sets are not beside the project")
    with SMOKING.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    states = sorted({row["state"] for row in rows})
    sales = np.full((39, 31), np.nan)
    for row in rows:
        sales[states.index(row["state"]), int(float(row["year"])) - 1970] = float(row["cigsale"])
    return Block(outcomes=sales, before=19, treated=np.array([s == "California" for s in states]))


@pytest.mark.data
def test_the_standard_error_of_california_is_one_number_and_drawing_it_gives_all_those_quoted(california):
    """All 38 placebos: 9.37. Published 8.4 (Arkhangelsky and others 2021), azcausal 0.2.5 9.0, diff-diff 3.13 10.9 and
    9.7 (seeds 1 and 2) and 9.5 (2,000 draws): each draws 200 of the 38 with repetition, which lies in 7.9 to 10.9."""
    effects = placebos.in_space(california).fits.effect
    rng = np.random.default_rng(0)
    drawn = [rng.choice(effects, 200).std() for _ in range(3000)]

    assert len(effects) == 38
    assert effects.std() == pytest.approx(9.37, abs=0.01)
    assert np.quantile(drawn, [0.005, 0.995]) == pytest.approx([7.7, 11.1], abs=0.3)


@pytest.mark.data
def test_california_is_the_most_extreme_by_the_ratio_of_after_to_before(california):
    """Abadie, Diamond and Hainmueller (2010), figure 8: 1 of 39 by the ratio of the mean squared errors."""
    judged = placebos.judge(replace(california, method="sdid"))

    assert judged.rank_ratio == pytest.approx(1 / 39)
    assert judged.effect.low < -15.6 < judged.effect.high
    assert judged.worse < 1


@pytest.mark.data
def test_california_before_1989_shows_no_effect_and_no_donor_makes_the_result(california):
    past = placebos.in_time(california)
    at, without = placebos.without_each(california, california.own())

    assert all(e.low < 0 < e.high for e in past.effects)
    assert past.rank > 0.2
    assert not past.drift.clear
    assert len(at) > 10
    assert without.min() > -18
    assert without.max() < -13


@pytest.mark.parametrize("method", ["sdid", "sc", "did"])
def test_a_large_effect_is_covered_and_clear(method):
    found = placebos.judge(replace(wandering(np.random.default_rng(21), effect=12.0), method=method))

    assert found.effect.clear
    assert found.effect.low < 12 < found.effect.high
    assert found.rank == pytest.approx(1 / 20)


def test_an_effect_of_what_would_have_been_seen_is_seen_in_four_of_five_cases():
    rng, seen = np.random.default_rng(2), []
    for _ in range(150):
        block = wandering(rng)
        least = placebos.judge(block).least
        block.outcomes[-1, 18:] += least
        seen.append(placebos.judge(block).effect.low > 0)

    assert 0.7 < np.mean(seen) < 0.9


def test_a_treated_unit_unlike_all_donors_is_refused_and_one_rather_unlike_gets_a_wider_interval():
    far = replace(wandering(np.random.default_rng(3), scale=12.0), method="sc")
    found = placebos.judge(far)
    assert "the fit before the start is poor" in found.effect.refused
    assert np.isnan(found.effect.value)

    rng = np.random.default_rng(4)
    while True:
        block = wandering(rng, scale=2.0)
        found = placebos.judge(block)
        if placebos.WORSE["sdid"] < found.worse < placebos.POOR:
            break
    spread = np.sqrt(np.mean(found.space.fits.effect**2) * (1 + 1 / 19))
    assert found.effect.error == pytest.approx(spread * found.worse)


def test_too_few_donors_are_refused_in_words():
    block = wandering(np.random.default_rng(5), units=5)
    assert placebos.judge(block).effect.refused.startswith("only 4 donors")

    many = wandering(np.random.default_rng(5), units=14, treated=7)
    assert "too few for placebos" in placebos.judge(many).effect.refused

    none = wandering(np.random.default_rng(5), treated=0)
    assert placebos.judge(none).effect.refused == "no unit is treated"
    every = wandering(np.random.default_rng(5), units=6, treated=6)
    assert "every unit is treated" in placebos.judge(every).effect.refused


def test_many_treated_and_hardly_more_donors_are_judged_by_the_jackknife():
    block = wandering(np.random.default_rng(13), units=40, treated=22, effect=5.0)
    found = placebos.judge(block)

    assert "jackknife" in found.effect.method
    assert found.effect.low < 5 < found.effect.high
    assert np.isfinite(found.band).all()
    assert not placebos.in_time(block).drift.clear


def test_the_jackknife_is_the_definition_with_weights_kept():
    """Algorithm 3 written out: each unit left out, the donors' weights scaled to sum to one again."""
    block = wandering(np.random.default_rng(6), units=16, treated=5)
    fit = block.own()
    change = block.outcomes[:, 18:].mean(axis=1) - block.outcomes[:, :18] @ fit.times[0]
    left = []
    for i in range(16):
        keep = np.arange(16) != i
        w = fit.units[0][keep & ~block.treated]
        left.append(change[keep & block.treated].mean() - w @ change[keep & ~block.treated] / w.sum())
    error = np.sqrt(15 / 16 * ((left - np.mean(left)) ** 2).sum())

    assert placebos.jackknife(block, fit).error == pytest.approx(error)


def test_placebos_do_not_see_the_treated_and_same_seed_gives_the_same():
    block = wandering(np.random.default_rng(7), treated=3, effect=50.0)
    space = placebos.in_space(block)

    assert space.targets[:, block.treated].max() == 0
    assert space.fits.units[:, block.treated].max() == 0
    assert (space.targets * space.fits.units).max() == 0
    again = placebos.judge(replace(block, outcomes=block.outcomes.copy()))
    assert again.effect == placebos.judge(block).effect


def test_units_that_part_before_the_start_are_seen_by_their_drift_and_their_past():
    rng = np.random.default_rng(8)
    y = rng.normal(size=(20, 24)) + np.arange(24)
    y[-1] += 0.5 * np.arange(24)
    block = Block(outcomes=y, before=18, treated=np.arange(20) == 19, method="did")

    assert placebos.judge(block).effect.clear
    past = placebos.in_time(block)
    assert past.drift.clear
    assert past.drift.value == pytest.approx(0.5, abs=0.1)
    assert past.rank == pytest.approx(1 / 20)


def test_with_almost_no_past_nothing_is_tried_in_it():
    block = Block(
        outcomes=np.random.default_rng(9).normal(size=(12, 6)), before=2, treated=np.arange(12) == 0, method="did"
    )

    past = placebos.in_time(block)

    assert past.starts == ()
    assert past.drift.refused


def test_a_donor_hit_by_a_shock_of_its_own_is_the_one_that_moves_the_effect():
    block = wandering(np.random.default_rng(10))
    heavy = int(block.own().units[0].argmax())
    block.outcomes[heavy, 18:] += 30

    at, without = placebos.without_each(block, block.own())
    assert at[np.abs(without - block.own().effect[0]).argmax()] == heavy


def test_coverage_on_the_own_data_counts_two_hundred_runs_where_nothing_happened():
    found = placebos.own_coverage(wandering(np.random.default_rng(11), units=30, times=40, before=30, effect=100.0))

    assert found.runs + found.refused >= 200
    assert 0.9 < found.held <= 1


@pytest.mark.parametrize("method", ["sdid", "sc", "did"])
def test_outcomes_that_never_vary_are_refused_and_no_error(method):
    block = Block(outcomes=np.ones((8, 10)), before=7, treated=np.arange(8) == 0, method=method)
    assert placebos.judge(block).effect.refused == "the outcome is the same everywhere"


def test_donors_by_the_thousand_are_drawn():
    y = np.random.default_rng(12).normal(size=(1500, 8))
    block = Block(outcomes=y, before=5, treated=np.arange(1500) < 3, method="did")
    space = placebos.in_space(block)

    assert len(space.fits.effect) == placebos.DRAWS
    direct = fits(y, 5, space.targets[:1], ((space.targets[:1] == 0) & ~block.treated).astype(float), method="did")
    assert direct.effect[0] == pytest.approx(space.fits.effect[0])
