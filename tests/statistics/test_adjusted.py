"""The effect on those who chose it: published figures, both ways of being right, and when there is no answer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from regard.statistics import adjusted, experiments, overlap, unmeasured
from regard.statistics.overlap import Covariate

KNOWN = ("age", "educ", "black", "hisp", "marr", "nodegree", "re74", "re75")


@pytest.fixture(scope="module")
def lalonde():
    """LaLonde's job training: the experiment (Dehejia and Wahba's men) and the controls of the CPS."""
    data = pytest.importorskip("causaldata")
    drawn = data.nsw_mixtape.load_pandas().data
    survey = data.cps_mixtape.load_pandas().data
    return drawn, survey


@pytest.fixture(scope="module")
def observed(lalonde):
    drawn, survey = lalonde
    trained = drawn[drawn["treat"] == 1]
    y = np.r_[trained["re78"], survey["re78"]].astype(float)
    d = np.r_[np.ones(len(trained)), np.zeros(len(survey))]
    return y, d, [Covariate(name=k, values=np.r_[trained[k], survey[k]].astype(float)) for k in KNOWN]


def test_the_randomised_effect_of_training_is_1794(lalonde):
    """LaLonde (1986), Dehejia and Wahba (1999): 185 trained, 260 not, 1,794.34 dollars; s.e. 671.0."""
    drawn, _ = lalonde
    arm = np.where(drawn["treat"] == 1, "trained", "control")
    found = experiments.compare(drawn["re78"], arm, "control").arms[1].difference

    assert found.value == pytest.approx(1794.34, abs=0.005)
    assert found.error == pytest.approx(671.0, abs=0.05)


def test_controls_of_a_survey_are_8498_dollars_off_and_adjusting_brings_the_experiment_back(observed):
    """The project's methods, section C: naive −8,497.5; AIPW on the treated 1,489 (s.e. 670) untrimmed with its
    features, 1,734 (706) trimmed. Ours (squares, zeros, common support) must come within half a standard error of
    either, hold the experiment's 1,794, and leave every covariate balanced."""
    found = adjusted.effect_on_treated(*observed)

    assert found.naive.value == pytest.approx(-8497.5, abs=0.05)
    assert 1489 - 335 < found.effect.value < 1734 + 353
    assert found.effect.error == pytest.approx(700, abs=120)
    assert found.effect.low < 1794 < found.effect.high
    assert abs(found.worst) < 0.15
    assert max(abs(b.before) for b in found.balance) > 1.5
    assert found.kept_treated >= 180


def test_the_figures_on_record_are_those_of_plain_models_that_know_whose_income_was_zero(observed):
    """The project's methods, section C: AIPW on the treated 1,489, trimmed to .01 < chance < .9 1,734 (not split into
    folds, which random ones move by tens). The eight covariates as lines and whether each year's income was zero give
    both; squares, or no zeros, do not (1,485 and 1,567; 1,274 and 1,348)."""
    y, d, covariates = observed
    plain = np.column_stack([c.values for c in covariates])
    columns = np.column_stack([plain, plain[:, 6] == 0, plain[:, 7] == 0])
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    chance = overlap.chance_of(columns, overlap.chances(columns, d).beta)
    ones = np.column_stack([np.ones(len(y)), columns])
    left = y - ones @ np.linalg.lstsq(ones[d == 0], y[d == 0], rcond=None)[0]

    def on_treated(kept):
        w = (chance / (1 - chance) * (1 - d))[kept]
        return left[kept & (d > 0)].mean() - w @ left[kept] / w.sum()

    assert on_treated(np.ones(len(y), bool)) == pytest.approx(1489, abs=0.5)
    assert on_treated((chance > 0.01) & (chance < 0.9)) == pytest.approx(1734, abs=1.5)


def test_that_both_models_are_too_plain_is_seen_on_rows_apart_and_right_ones_are_left_alone():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(1500, 2))
    bend = np.sin(3 * x[:, 1]) + (x[:, 0] > 0.5)
    covariates = [Covariate(name=f"x{i}", values=x[:, i]) for i in range(2)]
    for shape, told in ((bend, True), (x[:, 0], False)):
        d = (rng.uniform(size=1500) < 1 / (1 + np.exp(-0.9 * shape + 0.5))).astype(float)
        y = 1.5 * shape + 0.5 * d + rng.normal(size=1500)
        found = adjusted.effect_on_treated(y, d, covariates, repeats=1)
        assert found.richer.matters(found.effect.error) is told
        if told:
            assert abs(found.effect.value + found.richer.moves - 0.5) < abs(found.effect.value - 0.5) / 2


def test_entropy_balancing_meets_the_means_and_the_figure_on_record(observed):
    """The project's methods, section C: entropy balance 1,428, effective 259 of 15,992 (its features: zeros beside
    the plain covariates; ours in the same form gives 1,406 and 269)."""
    y, d, covariates = observed
    plain = np.column_stack([c.values for c in covariates])
    columns = np.column_stack([plain, plain[:, 6] == 0, plain[:, 7] == 0])
    columns = (columns - columns.mean(axis=0)) / columns.std(axis=0)
    w, met = overlap.entropy_weights(columns, d)

    assert met
    assert np.abs(w @ columns - columns[d > 0].mean(axis=0)).max() < 1e-6
    assert y[d > 0].mean() - w @ y == pytest.approx(1428, abs=60)
    assert overlap.effective(w) == pytest.approx(259, abs=15)


def drawn(rng, n, *, who=None, hidden=0.0, shift=1.0):
    x = rng.normal(size=(n, 3))
    group = rng.choice(list("abc"), n)
    u = rng.normal(size=n)
    d = rng.uniform(size=n) < 1 / (1 + np.exp(-shift * (x[:, 0] - 0.5 * (group == "b")) - hidden * u))
    y = x[:, 0] + (group == "b") + 2.0 * d + hidden * u + rng.normal(size=n)
    known = [Covariate(name=f"x{i}", values=x[:, i]) for i in range(3)]
    return y, d, [*known, Covariate(name="group", values=group, is_label=True)]


def test_a_known_effect_is_found_among_labels_and_amounts():
    found = adjusted.effect_on_treated(*drawn(np.random.default_rng(1), 2000))

    assert found.effect.low < 2.0 < found.effect.high
    assert found.naive.low > 2.2
    assert found.second.value == pytest.approx(found.effect.value, abs=0.1)
    assert {b.name for b in found.balance} == {"x0", "x1", "x2", "group: a", "group: b", "group: c"}
    assert found.converged


def test_the_same_rows_in_another_order_give_nearly_the_same_and_the_same_seed_the_same():
    y, d, covariates = drawn(np.random.default_rng(2), 800)
    order = np.random.default_rng(3).permutation(800)
    mixed = [replace(c, values=np.asarray(c.values)[order]) for c in covariates]
    first = adjusted.effect_on_treated(y, d, covariates)

    assert adjusted.effect_on_treated(y, d, covariates).effect == first.effect
    assert adjusted.effect_on_treated(y[order], d[order], mixed).effect.value == pytest.approx(
        first.effect.value, abs=first.effect.error / 2
    )


def test_treated_and_controls_that_have_nothing_in_common_are_refused():
    y, d, covariates = drawn(np.random.default_rng(4), 1000, shift=9.0)
    apart = [replace(covariates[0], values=np.asarray(covariates[0].values) + 6.0 * d), *covariates[1:]]
    found = adjusted.effect_on_treated(y, d, apart)

    assert found.effect.refused.startswith("no overlap")
    assert math.isnan(found.effect.value)
    assert found.balance[0].name == "x0"


def test_a_handful_of_treated_is_refused():
    y, _, covariates = drawn(np.random.default_rng(5), 300)

    found = adjusted.effect_on_treated(y, np.arange(300) < 12, covariates)

    assert found.effect.refused == "only 12 rows; at least 20 are needed"


def test_several_rows_of_a_customer_widen_the_interval():
    rng = np.random.default_rng(6)
    y, d, covariates = drawn(rng, 300)
    who = np.repeat(np.arange(300), 5)
    many = [replace(c, values=np.asarray(c.values)[who]) for c in covariates]
    y5 = y[who] + 0.1 * rng.normal(size=1500)
    apart = adjusted.effect_on_treated(y5, d[who], many)
    together = adjusted.effect_on_treated(y5, d[who], many, clusters=who)

    assert together.effect.error > 1.8 * apart.effect.error


def test_missing_amounts_and_labels_are_kept_and_told():
    y, d, covariates = drawn(np.random.default_rng(7), 1000)
    x = np.where(np.arange(1000) % 7 == 0, np.nan, np.asarray(covariates[0].values))
    group = np.where(np.arange(1000) % 5 == 0, None, np.asarray(covariates[3].values, object))
    found = adjusted.effect_on_treated(
        y, d, [replace(covariates[0], values=x), *covariates[1:3], replace(covariates[3], values=group)]
    )

    assert {"x0 missing", "group: missing"} <= {b.name for b in found.balance}
    assert not found.effect.refused


def test_the_model_of_chance_is_the_maximum_likelihood_one():
    """statsmodels' Logit as an independent fit; ours carries a trace of ridge."""
    models = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(8)
    x = rng.normal(size=(500, 4))
    d = (rng.uniform(size=500) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
    theirs = models.Logit(d, models.add_constant(x)).fit(disp=0)
    ours = overlap.chances(x, d)

    assert ours.converged
    assert ours.beta == pytest.approx(theirs.params, abs=1e-3)


def test_separated_sides_do_not_break_the_model_of_chance():
    x = np.linspace(-3, 3, 200)[:, None]
    found = overlap.chances(x, (x[:, 0] > 0).astype(float))

    assert found.converged
    assert np.isfinite(found.beta).all()


def test_robustness_values_are_those_published_for_darfur():
    """Cinelli and Hazlett (2020), table 1: t 4.18, 783 degrees of freedom: 13.9 %, 7.6 %, partial R² 2.2 %."""
    t = 0.097315819 / 0.023256538

    assert unmeasured.robustness(t, 783) == pytest.approx(0.139, abs=0.0005)
    assert unmeasured.robustness(t, 783, level=0.95) == pytest.approx(0.076, abs=0.0005)
    assert t**2 / (t**2 + 783) == pytest.approx(0.022, abs=0.0005)


def test_something_hidden_as_strong_as_being_female_leaves_three_quarters_in_darfur():
    """The same paper's bound, 1 x female: partial R² .0092 and .1246, adjusted estimate .0752 of .0973."""
    t = 0.097315819 / 0.023256538
    by_d = 0.0091642 / 1.0091642
    shared = by_d**2 / (1 - by_d) ** 2
    pull = ((1 + math.sqrt(shared)) / math.sqrt(1 - shared)) ** 2
    by_y = 0.1246409 / pull / (1 + 0.1246409 / pull)

    assert unmeasured.bounded(by_d, by_y) == pytest.approx((0.0091642, 0.1246409))
    assert 0.097315819 * unmeasured._left(t, 783, by_d, by_y) == pytest.approx(0.0752, abs=0.00005)


def test_the_linear_effect_and_its_parts_are_those_of_least_squares():
    """statsmodels' OLS: estimate, error, and partial R² from t values."""
    models = pytest.importorskip("statsmodels.api")
    y, d, covariates = drawn(np.random.default_rng(9), 400)
    x = np.column_stack([c.values for c in covariates[:3]])
    found = unmeasured.sensitivity(y, d.astype(float), x, np.arange(3), ("x0", "x1", "x2"))
    outcome = models.OLS(y, np.column_stack([np.ones(400), x, d])).fit()
    chance = models.OLS(d.astype(float), np.column_stack([np.ones(400), x])).fit()

    assert found.estimate == pytest.approx(outcome.params[4])
    assert found.error == pytest.approx(outcome.bse[4])
    first = next(b for b in found.benchmarks if b.name == "x0")
    assert first.with_treated == pytest.approx(chance.tvalues[1] ** 2 / (chance.tvalues[1] ** 2 + chance.df_resid))
    assert first.with_outcome == pytest.approx(outcome.tvalues[1] ** 2 / (outcome.tvalues[1] ** 2 + outcome.df_resid))


def test_e_values_are_those_of_the_paper():
    """VanderWeele and Ding (2017): risk ratio 3.9 gives 7.2 (and its lower limit 1.8 gives 3.0)."""
    assert unmeasured.e_value(3.9) == pytest.approx(7.26, abs=0.01)
    assert unmeasured.e_value(1.8) == pytest.approx(3.0, abs=0.01)
    assert unmeasured.e_value(1 / 1.8) == pytest.approx(3.0, abs=0.01)
    assert unmeasured.e_value(1.0) == 1.0


def test_a_lone_row_far_out_does_not_outweigh_all_others(lalonde):
    """Dehejia and Wahba's experiment, adjusted: a control of 55 years with 3 of school is far from all others, and models
    fitted without him gave him the weight of forty, an effect of 494 to 1,571 dollars by the deal of the folds."""
    drawn, _ = lalonde
    known = [Covariate(name=k, values=drawn[k].to_numpy(float)) for k in KNOWN]
    found = adjusted.effect_on_treated(drawn["re78"], drawn["treat"], known)

    assert abs(found.worst) < 0.25
    assert found.effect.value == pytest.approx(1794, abs=671)
    assert found.effect.error < 1.4 * 671
    assert found.effective > 120
