"""Simulated truth: do 95 % intervals hold 95 % of the time, and are false alarms as rare as promised?

Tolerances are three Monte Carlo standard errors around the nominal or the published value. Where an assumption is
broken on purpose, the plain method must be seen to fail and the robust one to hold.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from regard.statistics import changes, proportions, rates
from regard.statistics.importance import key_drivers


def tolerance(coverage: float, runs: int) -> float:
    return 3 * math.sqrt(coverage * (1 - coverage) / runs)


def clustered(rng, customers):
    """Answers of -1, 0, 1, between one and eight a customer, those of a customer much alike; the mean is zero."""
    size = rng.integers(1, 9, customers)
    who = np.repeat(np.arange(customers), size)
    lean = rng.normal(size=customers)[who] + 0.5 * rng.normal(size=len(who))
    return np.sign(lean) * (np.abs(lean) > 0.4), who


def test_several_answers_of_one_customer_break_the_plain_interval_and_not_the_clustered():
    runs, rng, plain, robust = 500, np.random.default_rng(3), 0, 0
    for _ in range(runs):
        y, who = clustered(rng, 60)
        a, b = proportions.net_mean(y), proportions.net_mean(y, clusters=who)
        plain += a.low <= 0 <= a.high
        robust += b.low <= 0 <= b.high
    assert plain / runs < 0.85
    assert robust / runs == pytest.approx(0.95, abs=tolerance(0.95, runs) + 0.01)


def test_weights_cure_a_response_that_depends_on_a_known_group_and_the_interval_holds():
    """Non-response by plan: half of the base is A (mean .6), half B (mean -.2); A answers three times as often."""
    runs, rng, held, biased = 500, np.random.default_rng(4), 0, 0
    for _ in range(runs):
        is_a = rng.uniform(size=300) < 0.75
        mean = np.where(is_a, 0.6, -0.2)
        y = np.where(rng.uniform(size=300) < (1 + mean) / 2, 1.0, -1.0)
        weights = np.where(is_a, 0.5 / is_a.mean(), 0.5 / (~is_a).mean())
        found, plain = proportions.net_mean(y, weights=weights), proportions.net_mean(y)
        held += found.low <= 0.2 <= found.high
        biased += plain.low <= 0.2 <= plain.high
    assert held / runs == pytest.approx(0.95, abs=tolerance(0.95, runs) + 0.015)
    assert biased / runs < 0.5


def test_a_change_of_the_same_customers_is_covered_and_the_independent_interval_is_too_wide():
    runs, rng, held, wide = 500, np.random.default_rng(5), 0, 0
    for _ in range(runs):
        person, who = rng.normal(size=80), np.arange(80)
        y0, y1 = person + 0.5 * rng.normal(size=80), person + 0.2 + 0.5 * rng.normal(size=80)
        found = proportions.linked_difference(y1, who, y0, who)
        held += found.low <= 0.2 <= found.high
        apart = proportions.difference(proportions.mean(y1), proportions.mean(y0))
        wide += apart.low <= 0.2 <= apart.high
    assert held / runs == pytest.approx(0.95, abs=tolerance(0.95, runs))
    assert wide / runs > 0.99


def test_decomposition_intervals_cover():
    """The project's methods, section A: mix .947, rate .959 with 600 answers a period and 4 groups."""
    shares, means = (
        np.array([[0.4, 0.3, 0.2, 0.1], [0.3, 0.3, 0.2, 0.2]]),
        np.array([[0.2, 0.4, 0.5, 0.7], [0.3, 0.35, 0.5, 0.6]]),
    )
    rate = float(((shares[0] + shares[1]) / 2 * (means[1] - means[0])).sum())
    mix = float(((shares[1] - shares[0]) * (means[0] + means[1]) / 2).sum())
    runs, rng, held = 400, np.random.default_rng(6), np.zeros(3)
    for _ in range(runs):
        samples = []
        for t in (0, 1):
            groups = rng.choice(4, 600, p=shares[t])
            samples.append(
                changes.Sample(values=(rng.uniform(size=600) < means[t][groups]).astype(float), groups=groups)
            )
        found = changes.decompose(*samples)
        for i, (part, truth) in enumerate(((found.mix, mix), (found.rate, rate), (found.change, mix + rate))):
            held[i] += part.low <= truth <= part.high
    assert held / runs == pytest.approx(np.full(3, 0.95), abs=tolerance(0.95, runs))


def test_decomposition_intervals_do_not_fall_short_where_nothing_changed():
    """Mix is second order there (equal shares, equal means): its interval may be too wide, never too narrow."""
    runs, rng, held = 400, np.random.default_rng(11), np.zeros(3)
    for _ in range(runs):
        pair = [
            changes.Sample(values=rng.choice([-1.0, 0.0, 1.0], 300), groups=rng.choice(list("abc"), 300))
            for _ in (0, 1)
        ]
        found = changes.decompose(*pair)
        held += [part.low <= 0 <= part.high for part in (found.mix, found.rate, found.change)]
    assert (held / runs >= 0.95 - tolerance(0.95, runs)).all()


@pytest.mark.parametrize("bursts", [False, True])
def test_tables_without_change_raise_few_alarms(bursts):
    """Null streams: 25 cells, no change. With bursts (a customer brings a geometric number of contacts) the plain test
    alarms often; with the dispersion by customer the family-wise rate stays at 5 %."""
    runs, rng, plain, robust = 300, np.random.default_rng(7), 0, 0
    for _ in range(runs):
        tables, squares, total = [], 0.0, 0.0
        for _ in range(2):
            customers = rng.poisson(12, 25)
            each = [rng.geometric(0.35, c) if bursts else np.ones(c) for c in customers]
            tables.append([float(e.sum()) for e in each])
            squares += sum(float(e @ e) for e in each)
            total += sum(tables[-1])
        settings = {"exposure_now": 1000, "exposure_before": 1000}
        plain += any(c.direction for c in rates.rising(*tables, **settings))
        robust += any(c.direction for c in rates.rising(*tables, dispersion=squares / total, **settings))
    assert robust / runs <= 0.05 + tolerance(0.05, runs)
    if bursts:
        assert plain / runs > 0.2


def test_drivers_without_effect_are_seldom_called_key():
    """Five correlated drivers, none with an effect: at least one is called key in at most 5 % of the samples."""
    runs, rng, alarms = 200, np.random.default_rng(8), 0
    for _ in range(runs):
        x = rng.normal(size=(200, 5)) + rng.normal(size=(200, 1))
        alarms += any(d.key for d in key_drivers(x, rng.normal(size=200), tuple("abcde"), replicates=2).drivers)
    assert alarms / runs <= 0.05 + tolerance(0.05, runs)


def test_clustered_drivers_break_the_plain_test_and_not_the_clustered():
    """A driver constant within the customer and answers of a customer alike: no effect, six answers each."""
    runs, rng, plain, robust = 200, np.random.default_rng(9), 0, 0
    for _ in range(runs):
        who = np.repeat(np.arange(80), 6)
        x = rng.normal(size=(80, 2))[who]
        y = rng.normal(size=80)[who] + 0.5 * rng.normal(size=len(who))
        plain += any(d.key for d in key_drivers(x, y, ("a", "b"), replicates=2).drivers)
        robust += any(d.key for d in key_drivers(x, y, ("a", "b"), clusters=who, replicates=2).drivers)
    assert plain / runs > 0.3
    assert robust / runs <= 0.05 + tolerance(0.05, runs) + 0.02


def test_bootstrap_intervals_of_shares_cover_a_share_that_is_not_zero():
    """Known truth: two independent drivers with effects 1 and .5 and noise 1 have shares 1/2.25 and .25/2.25."""
    runs, rng, held = 200, np.random.default_rng(10), np.zeros(2)
    truth = np.array([1.0, 0.25]) / 2.25
    for _ in range(runs):
        x = rng.normal(size=(300, 2))
        found = key_drivers(x, x @ [1, 0.5] + rng.normal(size=300), ("a", "b"), replicates=200)
        for j, driver in enumerate(found.drivers):
            held[j] += driver.share.low <= truth[j] <= driver.share.high
    assert held / runs == pytest.approx(np.full(2, 0.95), abs=tolerance(0.95, runs) + 0.02)
