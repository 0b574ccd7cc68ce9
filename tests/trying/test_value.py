"""`regard try value`: what is published about CDNOW and about contracts, through the door; its refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from regard import trying
from regard.errors import BadInput

CDNOW = Path(__file__).parents[2].parent / "shared" / "data" / "cdnow"
needs_data = pytest.mark.skipif(not CDNOW.exists(), reason="the public data sets are not here")


@pytest.fixture(scope="module")
def cdnow():
    file = CDNOW / "transactions_sample_2357.csv.gz"
    return trying.value(file, customer="customer_id", time="date", amount="dollar_value", until="1997-09-30")


@needs_data
@pytest.mark.data
def test_cdnow_through_the_door_is_what_was_published(cdnow):
    """Published: Fader, Hardie and Lee (2005), both papers; in whole days, so to two digits."""
    found = {(p.model, p.name): p.value for p in cdnow.parameters}

    assert [found["bg/nbd", n] for n in ("r", "alpha", "a", "b")] == pytest.approx(
        [0.243, 4.414, 0.793, 2.426], abs=0.002
    )
    assert [found["gamma-gamma", n] for n in ("p", "q", "v")] == pytest.approx([6.25, 3.74, 15.45], abs=0.02)
    assert cdnow.customers == 2357
    assert cdnow.repeaters == 946
    assert cdnow.total_value is not None
    assert cdnow.interval.low < cdnow.total_value < cdnow.interval.high


@needs_data
@pytest.mark.data
def test_a_miss_on_the_time_held_out_widens_the_interval_and_is_told():
    file = CDNOW / "transactions_sample_2357.csv.gz"
    found = trying.value(file, customer="customer_id", time="date")
    held = next(c for c in found.checks if c.name == "held_out")

    assert held.passed is False
    assert any(c.code == "held_out_missed" for c in found.cautions)
    assert found.interval.high / found.estimate > held.value  # stretched by the ratio it was missed by
    assert sum(t.actual for t in found.tenths) == sum(s.actual for s in found.steps)


def orders(n=300, tied=False, seed=7):
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(n):
        at, rate = rng.uniform(0, 100), rng.gamma(1.5, 1 / 40)
        mean = 400 * rate * 20 if tied else rng.gamma(6, 8)
        while at < 365:
            rows.append((f"C{i}", np.datetime64("2025-01-01") + int(at), rng.gamma(8, mean / 8)))
            at += rng.exponential(1 / rate)
    who, day, paid = zip(*rows, strict=True)
    return pa.table({"customer": who, "date": np.array(day).astype(str), "amount": paid})


def test_spend_that_goes_with_frequency_is_refused_and_purchases_alone_are_told():
    refused = trying.value(orders(tied=True), amount="amount")
    alone = trying.value(orders(tied=True).drop_columns("amount"))

    assert "spend goes with frequency" in refused.refused
    assert "Leave --amount out" in refused.next_step
    assert not alone.refused
    assert alone.total_value is None


def test_purchases_after_the_day_of_the_answer_are_what_it_is_tried_on():
    table = orders()
    days = np.array(table["date"].to_pylist(), dtype="datetime64[D]")
    found = trying.value(table, until="2025-07-01")
    before = trying.value(table.filter(pa.array(days <= np.datetime64("2025-07-01"))), until="2025-07-01")

    assert found.until.isoformat() == "2025-07-01"
    assert any(c.code == "after_the_end" for c in found.cautions)
    assert found.parameters == before.parameters  # the answer itself rests on nothing later
    assert "until 1 Jul 2025" in next(c for c in found.checks if c.name == "held_out").text
    who = np.array(table["customer"].to_pylist())
    known = set(who[days <= np.datetime64("2025-07-01")])
    later = {(w, d) for w, d in zip(who, days, strict=True) if d > np.datetime64("2025-07-01") and w in known}
    assert sum(t.actual for t in found.tenths) == pytest.approx(len(later), abs=3)  # those of the very last day aside


@needs_data
@pytest.mark.data
def test_cdnow_is_tried_on_the_half_year_that_followed(cdnow):
    """Weeks 40 to 78 of the file: 1,882 days on which customers bought again, counted by hand."""
    held = next(c for c in cdnow.checks if c.name == "held_out")

    assert sum(t.actual for t in cdnow.tenths) == 1882
    assert "30 Sep 1997" in held.text


def test_contracts_are_tried_on_who_is_there_after_the_day_of_the_answer():
    rng = np.random.default_rng(9)
    start = np.datetime64("2018-01-01") + rng.integers(0, 1800, 900).astype("timedelta64[D]")
    end = start + (rng.geometric(rng.beta(1, 4, 900)) * 365.25).round().astype("timedelta64[D]")
    known = end < np.datetime64("2026-01-01")
    table = pa.table({
        "id": [f"c{i}" for i in range(900)], "start": start.astype(str),
        "end": np.where(known, end.astype(str), ""),
    })  # fmt: skip

    found = trying.value(table, customer="id", start="start", end="end", period="year", until="2023-06-30")

    held = next(c for c in found.checks if c.name == "held_out")
    assert "30 Jun 2023" in held.text
    there = (start < np.datetime64("2023-06-30")) & (end > np.datetime64("2023-06-30"))
    assert found.steps[-1].actual == pytest.approx((there & (end > np.datetime64("2025-12-31"))).sum(), abs=6)
    assert held.passed


def test_too_few_who_came_again_are_refused():
    found = trying.value(orders(n=12))

    assert "bought again" in found.refused
    assert found.next_step


def test_money_back_is_no_purchase():
    table = orders()
    paid = table["amount"].to_numpy().copy()
    paid[::10] = -5.0
    found = trying.value(table.set_column(2, "amount", pa.array(paid)), amount="amount")

    assert any(c.code == "taken_back" for c in found.cautions)
    assert sum(r.purchases for r in found.rows) <= int((paid >= 0).sum())


def test_a_time_and_a_start_are_not_both_taken():
    with pytest.raises(BadInput, match="--time"):
        trying.value(orders(), time="date", start="date")


def test_yearly_contracts_are_told_from_their_length():
    """A made-up cohort with a chance to leave of beta(0.7, 3.8): High End's, by the year."""
    rng = np.random.default_rng(3)
    n = 1500
    start = np.datetime64("2014-01-01") + rng.integers(0, 3650, n).astype("timedelta64[D]")
    years = rng.geometric(rng.beta(0.7, 3.8, n))
    end = start + np.round(years * 365.25).astype("timedelta64[D]")
    over = end < np.datetime64("2025-12-31")
    table = pa.table({"id": np.arange(n), "start": start.astype(str), "end": np.where(over, end.astype(str), "")})
    found = trying.value(table, customer="id", start="start", end="end", until="2025-12-31")

    alpha, beta = (p for p in found.parameters)
    assert alpha.interval.low < 0.7 < alpha.interval.high
    assert beta.interval.low < 3.8 < beta.interval.high
    assert next(c for c in found.checks if c.name == "held_out").passed
    assert [a.renews for a in found.ages] == sorted(a.renews for a in found.ages)
    assert found.rows[0].renews > 0.8


def test_an_option_beyond_its_bounds_is_named():
    with pytest.raises(BadInput, match="--ahead"):
        trying.value(orders(), ahead=-3)
    with pytest.raises(BadInput, match="--discount"):
        trying.value(orders(), discount="2")


def test_contracts_have_ranges_that_hold_what_they_expect():
    rng = np.random.default_rng(8)
    n = 400
    start = np.datetime64("2023-01-01") + rng.integers(0, 700, n).astype("timedelta64[D]")
    months = rng.geometric(rng.beta(1, 9, n))
    end = start + np.round(months * 30.4375).astype("timedelta64[D]")
    over = end < np.datetime64("2025-06-01")
    table = pa.table(
        {
            "id": np.arange(n),
            "start": start.astype(str),
            "end": np.where(over, end.astype(str), ""),
            "fee": np.full(n, 10.0),
        }
    )
    found = trying.value(table, customer="id", start="start", end="end", amount="fee", until="2025-06-01")

    assert all(r.range.low <= r.payments <= r.range.high for r in found.rows)
    assert all(r.value_range.low <= r.value <= r.value_range.high for r in found.rows)
    assert sum(r.value for r in found.rows) == pytest.approx(found.total_value)
