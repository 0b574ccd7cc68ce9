"""Curves, hazards, competing reasons, effects on the hazard, value at risk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight, survdiff

from regard.statistics import hazards, stakes, survival

NAMES = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]


@pytest.fixture(scope="module")
def rossi():
    """Rossi, Berk and Lenihan (1980): 432 people released from prison; the file is from lifelines (MIT licence)."""
    data = np.genfromtxt(Path(__file__).parent / "data" / "rossi.csv", delimiter=",", names=True)
    return survival.tenures(data["week"], data["arrest"]), np.column_stack([data[n] for n in NAMES])


def drawn(n=500, seed=1, reasons=2):
    rng = np.random.default_rng(seed)
    life, cut = rng.exponential(10, n).round(1) + 0.1, rng.uniform(1, 20, n).round(1) + 0.1
    return survival.tenures(np.minimum(life, cut), life <= cut, reason=rng.integers(1, reasons + 1, n))


def test_cox_on_rossi_is_what_was_published(rossi):
    """Published: Fox (2002), "Cox proportional-hazards regression", with Efron's ties; C .640 as lifelines has it."""
    lived, x = rossi
    found = hazards.cox(lived, x)

    assert found.beta == pytest.approx([-0.379, -0.057, 0.314, -0.150, -0.434, -0.085, 0.091], abs=6e-4)
    assert found.error == pytest.approx([0.191, 0.022, 0.308, 0.212, 0.382, 0.196, 0.029], abs=6e-4)
    assert found.loglik == pytest.approx(-658.75, abs=0.005)
    assert hazards.concordance(lived, x @ found.beta) == pytest.approx(0.640, abs=5e-4)


def test_cox_agrees_with_statsmodels_where_customers_enter_late():
    """Oracle: statsmodels PHReg with entry times and Efron's ties."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(400, 2))
    life = rng.exponential(10 * np.exp(-0.5 * x[:, 0])).round() + 1
    entry = np.minimum(rng.integers(0, 4, 400), life - 1) + 0.5
    oracle = PHReg(life, x, np.ones(400), entry=entry, ties="efron").fit()
    found = hazards.cox(survival.tenures(life, np.ones(400), entry=entry), x)

    assert found.beta == pytest.approx(oracle.params, rel=1e-5)
    assert found.error == pytest.approx(oracle.bse, rel=1e-4)


def test_age_and_work_break_proportional_hazards_on_rossi(rossi):
    """Published: lifelines' documentation of `proportional_hazard_test` on Rossi (rank transform): age and wexp fail."""
    lived, x = rossi
    p = hazards.proportional(lived, x, hazards.cox(lived, x))

    assert {n for n, each in zip(NAMES, p, strict=True) if each < 0.05} == {"age", "wexp"}


def test_kaplan_meier_agrees_with_statsmodels(rossi):
    """Oracle: statsmodels SurvfuncRight."""
    lived, _ = rossi
    oracle = SurvfuncRight(lived.exit, lived.ended)
    found = survival.kaplan_meier(lived)

    assert found.share == pytest.approx(oracle.surv_prob)
    spread = oracle.surv_prob_se[-1] / found.share[-1] / abs(np.log(found.share[-1]))
    assert found.low[-1] == pytest.approx(found.share[-1] ** np.exp(1.959964 * spread))
    assert survival.quantile_time(found).refused


def test_reasons_and_survivors_add_up_to_one_and_agree_with_statsmodels():
    """Oracle: statsmodels CumIncidenceRight for shares and errors."""
    lived = drawn()
    curves = survival.aalen_johansen(lived, reasons=2)
    oracle = CumIncidenceRight(lived.exit, lived.reason)

    whole = survival.kaplan_meier(lived).share + sum(c.share for c in curves)
    assert whole == pytest.approx(np.ones(len(whole)))
    for k in (0, 1):
        assert curves[k].share[-1] == pytest.approx(oracle.cinc[k][-1])
        at, risk, ends = survival.counted(lived)
        before = np.r_[1, np.cumprod(1 - ends / risk)[:-1]]
        error = np.sqrt(survival._incidence_variance(before, curves[k].share, curves[k].ends, ends, risk))
        assert error[-5] == pytest.approx(oracle.cinc_se[k][np.searchsorted(oracle.times, at[-5])], rel=1e-6)


def test_log_rank_agrees_with_statsmodels():
    """Oracle: statsmodels survdiff."""
    lived = drawn(reasons=1)
    group = (np.arange(lived.n) % 3).astype(np.int64)

    assert survival.log_rank(lived, group) == pytest.approx(survdiff(lived.exit, lived.ended, group))


def test_the_restricted_mean_is_the_area_under_the_curve():
    """By hand: ends at 1 and 3 of four, others cut off at 4: 1 + .75 × 2 + .5 × 1 = 3 within 4."""
    curve = survival.kaplan_meier(survival.tenures([1, 3, 4, 4], [1, 1, 0, 0]))
    assert survival.restricted_mean(curve, 4.0, least=1).value == pytest.approx(3.0)
    assert survival.restricted_mean(curve, 4.0).refused


def test_customers_first_seen_late_count_from_then_on_only():
    """A constant hazard of .1, half of the customers first seen at tenure 10; those who left before are not there."""
    rng = np.random.default_rng(8)
    life = rng.exponential(10, 6000)
    entry = np.where(np.arange(6000) < 3000, 0.0, 10.0)
    seen = life > entry
    honest = survival.kaplan_meier(survival.tenures(life[seen], np.ones(seen.sum()), entry=entry[seen]))
    careless = survival.kaplan_meier(survival.tenures(life[seen], np.ones(seen.sum())))

    assert honest.value([10.0])[0] == pytest.approx(np.exp(-1), abs=0.03)
    assert careless.value([10.0])[0] > 0.5


def test_a_lone_early_customer_who_leaves_does_not_end_the_curve():
    """One customer is seen from the start and leaves at 2; a hundred enter at 3. Nobody can tell the first three."""
    entry = np.r_[0.0, np.full(100, 3.0)]
    out = np.r_[2.0, 3 + np.linspace(1, 20, 100)]
    curve = survival.kaplan_meier(survival.tenures(out, np.r_[1, np.tile([1, 0], 50)], entry=entry))

    assert curve.at[0] > 3
    assert 0.3 < curve.value([13.0])[0] < 0.9


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 40), st.integers(0, 3)), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_reasons_always_add_up_and_intervals_are_in_order(rows):
    """Whatever the tenures: those who stay and those gone by each reason are all; parts at risk are what is at risk."""
    start, length, reason = (np.array(v, float) for v in zip(*rows, strict=True))
    lived = survival.tenures(start / 4 + length, reason > 0, entry=start / 4, reason=reason.astype(int))
    curve = survival.kaplan_meier(lived)
    gone = survival.aalen_johansen(lived, reasons=3)

    if len(curve.at):
        assert curve.share + sum(c.share for c in gone) == pytest.approx(np.ones(len(curve.at)))
        assert (curve.low <= curve.share + 1e-12).all()
        assert (curve.share <= curve.high + 1e-12).all()
        assert (np.diff(curve.share) <= 1e-12).all()
        for c in gone:
            assert (c.low <= c.share + 1e-9).all()
            assert (c.share <= c.high + 1e-9).all()
    found = stakes.stakes(lived, lived.exit, np.ones(lived.n), 5.0, reasons=3, draws=20, least=1)
    if not found.total.refused:
        assert sum(r.value for r in found.reasons) == pytest.approx(found.total.value)
        assert found.total.value <= lived.n


def test_hazards_by_tenure_have_exact_intervals():
    """By hand: one end in 3 years under observation in the first span, none in 1; Garwood's interval .025 to 5.57."""
    found = survival.hazards(survival.tenures([1, 2, 1], [1, 0, 0]), [0, 1, 2])
    assert found.exposed.tolist() == [3, 1]
    assert found.rate.tolist() == pytest.approx([1 / 3, 0])
    assert (found.low[0], found.high[0]) == pytest.approx((0.0253178 / 3, 5.5716434 / 3), rel=1e-5)


def test_the_discrete_hazard_agrees_with_statsmodels():
    """Oracle: statsmodels GLM, binomial with complementary log-log and logit links."""
    import statsmodels.api as sm

    lived = drawn(800, reasons=1)
    x = np.random.default_rng(2).normal(size=(lived.n, 2))
    rows = hazards.person_periods(lived, 1.0)
    span = np.minimum(rows.period // 4, 2)
    design = np.column_stack([np.eye(3)[span], x[rows.customer]])
    for link, there in (("cloglog", sm.families.links.CLogLog()), ("logit", sm.families.links.Logit())):
        seen = rows.exposed if link == "cloglog" else None
        offset = None if seen is None else np.log(seen)
        oracle = sm.GLM(rows.ended, design, family=sm.families.Binomial(there), offset=offset).fit()
        found = hazards.discrete(rows.ended, span, x[rows.customer], link=link, exposed=seen)
        assert found.beta == pytest.approx(oracle.params[3:], abs=1e-5)
        assert found.error == pytest.approx(oracle.bse[3:], rel=2e-3)
        assert found.baseline == pytest.approx(oracle.params[:3], abs=1e-5)


def test_a_covariate_that_separates_those_who_left_is_refused():
    lived = drawn(reasons=1)
    x = lived.ended[:, None].astype(float)
    rows = hazards.person_periods(lived, 1.0)

    assert hazards.discrete(rows.ended, rows.period * 0, rows.ended[:, None].astype(float)).refused
    assert "only" in hazards.cox(survival.tenures([1, 2], [1, 0]), x[:2]).refused


def test_a_period_cut_off_in_its_middle_counts_for_the_share_seen():
    """By hand: cut off at 2.5 counts two periods and a half; ended at 2.5 counts three, the last with its end."""
    rows = hazards.person_periods(survival.tenures([2.5, 2.5], [0, 1]), 1.0)
    assert rows.customer.tolist() == [0, 0, 0, 1, 1, 1]
    assert rows.ended.tolist() == [0, 0, 0, 0, 0, 1]
    assert rows.exposed.tolist() == [1, 1, 0.5, 1, 1, 1]
    assert len(rows.whole().customer) == 5


def test_parts_of_reasons_add_up_and_are_shapley_values():
    """Oracle: the sum over all coalitions."""
    rng = np.random.default_rng(0)
    hazard, value = rng.gamma(1, 0.2, (50, 4)), rng.gamma(1, 1, 50)

    def loss(these):
        return float(value @ (1 - np.exp(-hazard[:, list(these)].sum(axis=1))))

    found = stakes._parts(hazard, value)
    assert found == pytest.approx(stakes.shapley(loss, 4))
    assert found.sum() == pytest.approx(loss((0, 1, 2, 3)))


def test_value_at_risk_is_what_a_steady_hazard_takes():
    """By hand: hazard .1 a year by two reasons, 2 to 1: of 1,000 a year 1,000 (1 − e^−.1) = 95, two thirds by the first."""
    rng = np.random.default_rng(3)
    life = rng.exponential(10, 8000)
    lived = survival.tenures(np.minimum(life, 5), life < 5, reason=np.where(rng.random(8000) < 2 / 3, 1, 2))
    found = stakes.stakes(lived, rng.uniform(0, 5, 1000), np.ones(1000), 1.0, reasons=2)

    assert found.total.value == pytest.approx(95, abs=4)
    assert found.total.low < 95.2 < found.total.high
    assert sum(r.value for r in found.reasons) == pytest.approx(found.total.value)
    assert found.reasons[0].value / found.total.value == pytest.approx(2 / 3, abs=0.03)
    assert stakes.stakes(survival.tenures([1.0], [1]), life[:9], life[:9], 1.0, reasons=1).total.refused


def test_a_reason_nobody_has_left_by_yet_is_not_told_to_be_impossible():
    """Nobody of thirty: up to 11.6 % (Clopper and Pearson 1934, upper end of 0 of 30)."""
    exit_ = np.r_[1.0, np.full(29, 5.0)]
    first = np.arange(30) == 0
    lived = survival.tenures(exit_, first, reason=first.astype(int))
    never = survival.aalen_johansen(lived, reasons=2)[1]

    assert never.low[0] == never.share[0] == 0
    assert never.high[0] == pytest.approx(0.1157, abs=1e-4)
