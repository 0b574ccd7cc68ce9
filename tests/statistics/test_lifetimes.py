"""Purchases and spend of customers who leave in silence."""

from __future__ import annotations

import csv
import gzip
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from scipy import integrate, special

from regard.statistics import lifetimes, spend, worth
from regard.statistics.lifetimes import Histories

CDNOW = Path(__file__).parents[2].parent / "shared" / "data" / "cdnow"
needs_data = pytest.mark.skipif(not CDNOW.exists(), reason="the public data sets are not here")


@pytest.fixture(scope="module")
def summary():
    data = np.genfromtxt(CDNOW / "summary_sample_2357.csv", delimiter=",", names=True)
    return Histories(repeats=data["frequency"], recency=data["recency"], age=data["T"])


@pytest.fixture(scope="module")
def purchases():
    with gzip.open(CDNOW / "transactions_sample_2357.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    who = np.unique([r["customer_id"] for r in rows], return_inverse=True)[1].reshape(-1)
    week = np.array([date.fromisoformat(r["date"]).toordinal() for r in rows]) / 7
    return worth.bought(who, week, np.array([float(r["dollar_value"]) for r in rows]))


def made_up(n=300, seed=1, ages=(20.0, 40.0)):
    """Customers of a BG/NBD world with r .8, alpha 6, a 1, b 4."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(*ages, n)
    rate, stops = rng.gamma(0.8, 1 / 6, n), rng.beta(1, 4, n)
    repeats, recency = np.zeros(n), np.zeros(n)
    for i in range(n):
        t = 0.0
        while (t := t + rng.exponential(1 / rate[i])) < age[i]:
            repeats[i] += 1
            recency[i] = t
            if rng.random() < stops[i]:
                break
    return Histories(repeats=repeats, recency=recency, age=age)


@needs_data
@pytest.mark.data
def test_bg_nbd_on_cdnow_is_what_its_authors_published(summary):
    """Published: Fader, Hardie and Lee (2005), Marketing Science 24, table 2."""
    found = lifetimes.purchasing(summary)

    assert found.fit.values == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=5e-4)
    assert found.fit.loglik == pytest.approx(-9582.4, abs=0.05)
    assert found.fit.slope < 1e-6
    assert not found.fit.prior


@needs_data
@pytest.mark.data
def test_pareto_nbd_on_cdnow_is_what_was_published(summary):
    """Published: Fader, Hardie and Lee (2005), table 2: r .553, alpha 10.578, s .606, beta 11.669, LL -9595.0."""
    found = lifetimes.purchasing(summary, model="pareto/nbd")

    assert found.fit.values == pytest.approx([0.553, 10.578, 0.606, 11.668], abs=2e-3)
    assert found.fit.loglik == pytest.approx(-9595.0, abs=0.05)


@needs_data
@pytest.mark.data
def test_gamma_gamma_on_cdnow_is_what_was_published(purchases):
    """Published: Fader, Hardie and Lee (2005), JMR 42: p 6.25, q 3.74, gamma 15.44, on the 946 who bought again."""
    until = date(1997, 9, 30).toordinal() / 7
    found = spend.spending(*worth.repeat_spend(purchases, until))

    assert found.customers == 946
    assert found.fit.values == pytest.approx([6.25, 3.74, 15.45], abs=0.01)
    assert not found.refused


@needs_data
@pytest.mark.data
def test_purchases_become_the_published_histories(summary, purchases):
    """The summary file of the same customers, in weeks rounded to hundredths."""
    lived = lifetimes.histories(purchases.customer, purchases.time, date(1997, 9, 30).toordinal() / 7)

    assert lived.repeats == pytest.approx(summary.repeats)
    assert lived.recency == pytest.approx(summary.recency, abs=0.006)
    assert lived.age == pytest.approx(summary.age, abs=0.006)


@needs_data
@pytest.mark.data
def test_customer_1516_is_expected_to_buy_1_2_times(summary):
    """Published: Fader, Hardie and Lee's spreadsheet note: x 2, t_x 30.43, T 38.86 gives 1.226 in 39 weeks."""
    found = lifetimes.purchasing(summary)
    one = Histories(repeats=np.array([2.0]), recency=np.array([30.43]), age=np.array([38.86]))

    assert lifetimes.expected(found, one, 39.0) == pytest.approx([1.226], abs=1e-3)


@needs_data
@pytest.mark.data
def test_the_second_half_of_cdnow_is_told_and_where_the_model_falls_short_is_told_too(purchases):
    found = worth.held_out(purchases, float(purchases.time.max()))

    assert found.typical_error < found.plain_error
    assert found.group.max() == 9
    assert found.by_step[1].sum() == found.actual.sum()
    assert not found.held  # it bought 15 % more than expected: a Christmas that no steady rate knows of


@pytest.mark.parametrize("model", ["bg/nbd", "pareto/nbd"])
def test_expected_purchases_are_the_mean_of_drawn_futures(model):
    lived = made_up()
    found = lifetimes.purchasing(lived, model=model)
    rng = np.random.default_rng(3)
    same = np.tile(found.fit.values, (2000, 1))
    drawn = lifetimes.futures(found, lived, 26.0, parameters=same, rng=rng).sum(axis=1)

    error = drawn.std() / np.sqrt(len(drawn))
    assert lifetimes.expected(found, lived, 26.0).sum() == pytest.approx(drawn.mean(), abs=4 * error)


def test_pareto_nbd_agrees_with_the_integral_it_stands_for():
    """Oracle: the integral over rates of buying and stopping, by scipy.integrate.dblquad."""
    r, alpha, s, beta, x, recency, age = 0.7, 5.0, 1.4, 9.0, 3.0, 4.0, 10.0

    def inside(stop, rate):
        ends = rate**x * stop / (rate + stop) * np.exp(-(rate + stop) * recency)
        goes_on = rate ** (x + 1) / (rate + stop) * np.exp(-(rate + stop) * age)
        prior = rate ** (r - 1) * np.exp(-alpha * rate) * alpha**r / special.gamma(r)
        return (ends + goes_on) * prior * stop ** (s - 1) * np.exp(-beta * stop) * beta**s / special.gamma(s)

    oracle = integrate.dblquad(inside, 0, 8, 0, 6, epsabs=1e-12, epsrel=1e-9)[0]
    arrays = [np.array([v]) for v in (x, recency, age)]
    found = lifetimes._loglik("pareto/nbd", np.array([r, alpha, s, beta]), *arrays)
    assert np.exp(found[0]) == pytest.approx(oracle, rel=1e-6)


def test_few_who_came_again_are_refused():
    lived = Histories(repeats=np.r_[np.ones(10), np.zeros(90)], recency=np.r_[np.full(10, 3.0), np.zeros(90)],
                      age=np.full(100, 9.0))  # fmt: skip

    assert "only 10 customers bought again" in lifetimes.purchasing(lived).refused


def test_the_first_purchase_is_when_a_life_begins():
    """By hand: bought at 2, 5, 5 and 9; the end is 8. One repeat at 3 since the first, 6 old; the second not begun."""
    who, time = np.array([0, 0, 0, 0, 1]), np.array([2.0, 5.0, 5.0, 9.0, 9.0])
    lived = lifetimes.histories(who, time, 8.0)

    assert (lived.repeats[0], lived.recency[0], lived.age[0]) == (1, 3, 6)
    assert np.isnan(lived.age[1])


def test_spend_that_goes_with_frequency_is_refused():
    rng = np.random.default_rng(4)
    times = rng.integers(1, 12, 400).astype(float)

    assert "spend goes with frequency" in spend.spending(times, 10 + 5 * times + rng.normal(size=400)).refused
    assert not spend.spending(times, rng.gamma(5, 10, 400)).refused
    assert "at least 20" in spend.spending(times[:9], times[:9]).refused
    assert "worth the same" in spend.spending(times, np.full(400, 9.9)).refused


def test_where_the_data_leave_a_parameter_open_a_weak_prior_helps_and_is_told():
    """Everybody buys to the end: nothing says how fast customers stop, only that they hardly do."""
    rng = np.random.default_rng(1)
    age, rate = rng.uniform(20, 40, 300), rng.gamma(2, 0.1, 300)
    repeats = rng.poisson(rate * age).astype(float)
    recency = np.where(repeats > 0, age * rng.beta(np.maximum(repeats, 1), 1), 0.0)
    lived = Histories(repeats=repeats, recency=recency, age=age)
    found = lifetimes.purchasing(lived, model="pareto/nbd")

    assert found.fit.prior
    assert not found.refused
    assert lifetimes.expected(found, lived, 20.0).sum() == pytest.approx(20 * rate.sum(), rel=0.08)


def test_expected_spend_lies_between_own_mean_and_the_mean_of_all():
    """By hand: p 6, q 4, v 15 has mean 6 × 15 / 3 = 30; two purchases of 60 pull to 6 (15 + 120) / (12 + 3) = 54."""
    found = spend.expected_spend(np.array([6.0, 4.0, 15.0]), np.array([0.0, 2.0]), np.array([np.nan, 60.0]))
    assert found == pytest.approx([30, 54])


def test_money_later_counts_less():
    lived = made_up()
    model = lifetimes.purchasing(lived)
    rng = np.random.default_rng(5)
    paid = (lived.repeats, rng.gamma(6, 5, lived.n))
    spent = spend.spending(*paid)
    plain = worth.forecast(model, lived, 52.0, spend=spent, paid=paid, draws=100)
    later = worth.forecast(model, lived, 52.0, spend=spent, paid=paid, discount=np.log(1.2) / 52, draws=100)

    ratio = later.total_value.value / plain.total_value.value
    assert 1 / 1.2 < ratio < 1 / 1.05
    assert (plain.value_low <= plain.value_high).all()
    assert plain.total_value.low < plain.total_value.value < plain.total_value.high


def test_purchases_of_one_day_are_one():
    found = worth.bought(np.array([1, 0, 1]), np.array([3.0, 1.0, 3.0]), np.array([4.0, 5.0, 6.0]))
    assert found.amount.tolist() == [5.0, 10.0]
