"""Whether told chances come true; those who left beside like ones who stayed."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from statsmodels.stats.contingency_tables import StratifiedTable

from regard.statistics import hazards, matched, reliability


def test_the_matched_odds_ratio_agrees_with_statsmodels():
    """Oracle: statsmodels StratifiedTable, pooled odds ratio and its interval (Robins, Breslow and Greenland)."""
    rng = np.random.default_rng(1)
    stratum = rng.integers(0, 12, 900)
    exposed = rng.random(900) < 0.2 + 0.02 * stratum
    case = rng.random(900) < np.where(exposed, 0.3, 0.15)
    tables = [
        [[(case & exposed)[s].sum(), (case & ~exposed)[s].sum()], [(~case & exposed)[s].sum(), (~case & ~exposed)[s].sum()]]
        for s in (stratum == k for k in range(12))
    ]  # fmt: skip
    oracle = StratifiedTable([np.array(t) for t in tables])
    found = matched.odds_ratio(case, exposed, stratum)

    assert found.value == pytest.approx(oracle.oddsratio_pooled)
    assert (found.low, found.high) == pytest.approx(oracle.oddsratio_pooled_confint())
    assert matched.odds_ratio(case[:9], exposed[:9], stratum[:9]).refused


def test_what_differs_only_between_strata_is_no_ratio():
    """Old customers leave more and have more promises broken: within an age there is nothing."""
    rng = np.random.default_rng(2)
    old = rng.random(8000) < 0.5
    exposed = rng.random(8000) < np.where(old, 0.6, 0.2)
    case = rng.random(8000) < np.where(old, 0.3, 0.1)
    found = matched.odds_ratio(case, exposed, old.astype(np.int64))
    plain = matched.odds_ratio(case, exposed, np.zeros(8000, np.int64))

    assert found.low < 1 < found.high
    assert plain.low > 1.3


def test_reliability_by_hand():
    """Chances .1 and .5, ten each, of which 1 and 6 came: Brier (9 × .01 + .81 + 10 × .25) / 20 = .17; 6 expected."""
    chance = np.repeat([0.1, 0.5], 10)
    came = np.r_[[1.0] + [0.0] * 9, [1.0] * 6 + [0.0] * 4]
    found = reliability.reliability(chance, came, np.full(20, 0.35), groups=2)

    assert found.brier == pytest.approx(0.17)
    assert found.plain == pytest.approx((7 * 0.65**2 + 13 * 0.35**2) / 20)
    assert (found.expected, found.happened, found.rows.tolist()) == (6.0, 7, [10, 10])
    assert [c.value for c in found.came] == [0.1, 0.6]
    assert found.z == pytest.approx(1 / np.sqrt(10 * 0.09 + 10 * 0.25))
    assert 0 < found.gain < 1


def test_chances_that_are_told_too_high_are_seen():
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.02, 0.3, 4000)
    came = (rng.random(4000) < truth).astype(float)

    assert abs(reliability.reliability(truth, came, np.full(4000, 0.16)).z) < 3
    assert reliability.reliability(np.minimum(1.4 * truth, 1), came, np.full(4000, 0.16)).z < -5


def test_told_chances_have_the_intervals_of_statsmodels():
    """Oracle: statsmodels GLM, interval of the mean made on the link."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(700, 2))
    span = rng.integers(0, 3, 700)
    y = (rng.random(700) < 1 / (1 + np.exp(2 - 0.7 * x[:, 0] - 0.3 * span))).astype(float)
    design = np.column_stack([np.eye(3)[span], x])
    oracle = sm.GLM(y, design, family=sm.families.Binomial()).fit()
    found = hazards.discrete(y, span, x, link="logit")
    told, low, high, _ = hazards.told_chances(found, span[:5], x[:5], link="logit")
    frame = oracle.get_prediction(design[:5]).summary_frame()

    assert told == pytest.approx(frame["mean"].to_numpy(), abs=1e-6)
    assert low == pytest.approx(frame["mean_ci_lower"].to_numpy(), abs=1e-5)
    assert high == pytest.approx(frame["mean_ci_upper"].to_numpy(), abs=1e-5)


def test_a_total_of_chances_holds_what_happens():
    """By hand: two certain of ten, one even: 20 + 5, give or take 1.96 × 5."""
    value, low, high = reliability.total_of(
        np.array([1.0, 1.0, 0.5]), np.full(3, 10.0), np.zeros((3, 1)), np.ones((1, 1))
    )
    assert (value, low) == pytest.approx((25.0, 25 - 1.959964 * 5))
    assert high == 30.0  # never more than there is
