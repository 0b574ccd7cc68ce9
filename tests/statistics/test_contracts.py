"""Contracts that come up for renewal."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regard.statistics import contracts

HIGH_END = np.array([1000, 869, 743, 653, 593, 551, 517, 491])
REGULAR = np.array([1000, 631, 468, 382, 326, 289, 262, 241])
"""Survivors of 1,000 customers after each of seven years: Fader and Hardie (2007), table 1."""


def fitted(survivors):
    renewed = np.r_[np.arange(7), 7]
    return contracts.contracts(renewed, np.r_[np.ones(7), 0], weight=np.r_[-np.diff(survivors), survivors[-1]])


@pytest.mark.parametrize(
    ("survivors", "alpha", "beta", "loglik"), [(HIGH_END, 0.668, 3.806, -1611.2), (REGULAR, 0.704, 1.182, -1680.3)]
)
def test_sbg_is_what_its_authors_published(survivors, alpha, beta, loglik):
    """Published: Fader and Hardie (2007), "How to project customer retention", table 3."""
    found = fitted(survivors)

    assert found.fit.values == pytest.approx([alpha, beta], abs=6e-4)
    assert found.fit.loglik == pytest.approx(loglik, abs=0.05)


def test_projected_survival_is_near_what_happened_in_years_it_never_saw():
    """Published: 12 years of the same table: 38.6 % of High End, 15.9 % of Regular survive; 1/churn would say far less."""
    assert contracts.survival(fitted(HIGH_END).fit.values, np.array([12.0])) == pytest.approx([0.386], abs=0.02)
    assert contracts.survival(fitted(REGULAR).fit.values, np.array([12.0])) == pytest.approx([0.159], abs=0.03)


def test_payments_to_come_are_the_sum_of_chances_to_be_there():
    """Oracle: scipy.stats.betabinom for survival, summed by hand at 10 % discount."""
    k = np.arange(1, 401)
    alive = np.array([stats.betabinom.pmf(0, n, 0.7, 1.2) for n in range(406)])
    oracle = (alive[5 + k] / alive[5] / 1.1**k).sum()

    assert contracts.remaining(np.array([0.7, 1.2]), np.array([5.0]), 0.1) == pytest.approx([oracle], rel=1e-6)


def test_contracts_first_seen_late_do_not_make_all_look_safe():
    rng = np.random.default_rng(2)
    chance = rng.beta(1, 3, 6000)
    life = rng.geometric(chance) - 1
    seen = life >= 3
    renewed, left = np.minimum(life[seen], 12), life[seen] < 12
    honest = contracts.contracts(renewed, left, entered=np.full(seen.sum(), 3))
    careless = contracts.contracts(renewed, left)

    first = np.array([0.0])
    assert contracts.renewal_rate(honest.fit.values, first) == pytest.approx([0.75], abs=0.12)
    assert contracts.renewal_rate(careless.fit.values, first) > 0.87


def test_a_handful_of_losses_is_refused():
    assert "only 2 left" in contracts.contracts([1, 2, 3, 3], [1, 1, 0, 0]).refused
