"""Disrupted subsets of one file: rows apart or added up, amounts with and without forecast, what is refused."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from regard import trying
from regard.errors import BadInput

_spec = importlib.util.spec_from_file_location("example_subset", Path(__file__).with_name("example_subset.py"))
_example = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_example)
logins, orders = _example.logins, _example.orders

DIMS = ["plan", "country", "version"]


def rows_apart(lift=4.0, days=8):
    """One row per request; a customer has one to five a day. Web in the north is hit on the last day."""
    rng = np.random.default_rng(3)
    rows = {"at": [], "who": [], "channel": [], "region": [], "device": [], "failed": []}
    for day in range(days):
        for who in range(900):
            channel, region, device = ("web", "app", "shop")[who % 3], ("north", "south", "west")[who // 3 % 3], who % 2
            hit = day == days - 1 and (channel, region) == ("web", "north")
            for _ in range(int(rng.integers(1, 6))):
                rows["at"].append(f"2026-05-{day + 1:02d} {int(rng.integers(0, 24)):02d}:30:00")
                rows["who"].append(f"c{who}")
                rows["channel"].append(channel)
                rows["region"].append(region)
                rows["device"].append(("phone", "desk")[device])
                rows["failed"].append("yes" if rng.uniform() < 0.03 * (lift if hit else 1.0) else "no")
    return pa.table(rows)


def test_the_planted_subset_is_named_with_its_numbers_and_the_total_is_green():
    table = logins()
    found = trying.subset(table, dims=DIMS, bad="failed", total="logins", time="day")

    row = found.rows[0]

    assert found.disrupted
    assert found.total_green
    assert row.subset == {"plan": "Team", "country": "Brazil"}
    last = [r for r in table.to_pylist() if (r["day"], r["plan"], r["country"]) == ("2026-03-12", "Team", "Brazil")]
    assert row.seen == sum(r["failed"] for r in last)
    assert row.total == sum(r["logins"] for r in last)
    assert row.low < 2.6 < row.high
    assert row.since == "2026-03-12"
    assert found.mix + found.rate == pytest.approx(found.change)
    assert [r.period for r in found.periods][-1] == found.now == "2026-03-12"
    assert [r.ratio for r in found.least] == sorted((r.ratio for r in found.least), reverse=True)


def test_rows_apart_are_counted_by_customer_and_day():
    table = rows_apart()
    dims = ["channel", "region", "device"]

    found = trying.subset(table, dims=dims, bad="failed", time="at", every="day", customer="who")

    assert found.rows[0].subset == {"channel": "web", "region": "north"}
    assert found.rows[0].total == 100  # 900 customers, a third by channel, a third of them by region
    assert "100 customers" in found.answer


def test_without_a_disruption_it_says_what_would_have_been_seen():
    table = rows_apart(lift=1.0)

    found = trying.subset(table, dims=["channel", "region", "device"], bad="failed", time="at", every="day")

    assert not found.disrupted
    assert found.p > 0.05
    assert "would have been seen from" in found.answer
    assert len(found.rows) == 1
    assert not found.rows[0].disrupted


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_where_nothing_ever_went_wrong_nothing_is_computed_from_infinities():
    rows = [(f"2026-0{1 + t}-01", p, c, "yes") for t in range(6) for p in "ab" for c in "xy" for _ in range(30)]
    table = dict(zip(("at", "plan", "version", "kept"), map(list, zip(*rows, strict=True)), strict=True))
    found = trying.subset(table, dims="plan,version", bad="kept", direction="fewer", time="at", every="month")

    assert found.answer.startswith("Nothing we can see is disrupted")


def test_amounts_with_a_forecast_are_explained():
    found = trying.subset(orders(), dims=["channel", "partner", "region"], actual="orders", expected="forecast")
    assert [r.subset for r in found.rows] == [{"channel": "app", "partner": "C"}]
    assert found.rows[0].ratio == pytest.approx(0.5, abs=0.03)
    assert found.disrupted


def weekly(fall=0.4):
    """Orders by day with a week's season; on the last day those of one partner are missing in part."""
    rng = np.random.default_rng(6)
    rows = {"day": [], "partner": [], "region": [], "orders": []}
    for t in range(36):
        for p in range(6):
            for r in range(5):
                mean = 20 * (1 + p / 3) * (1.6 if t % 7 in (2, 3) else 0.8) * (fall if (t, p) == (35, 4) else 1.0)
                rows["day"].append(str(np.datetime64("2026-01-01") + t))
                rows["partner"].append(f"P{p}")
                rows["region"].append(f"R{r}")
                rows["orders"].append(int(rng.poisson(mean)))
    return pa.table(rows)


def test_counts_are_held_against_earlier_days_at_their_season():
    found = trying.subset(weekly(), dims=["partner", "region"], actual="orders", time="day")
    assert found.rows[0].subset == {"partner": "P4"}
    assert found.rows[0].ratio == pytest.approx(0.4, abs=0.12)
    assert any("season of 7" in c.text for c in found.cautions)


def test_what_cannot_be_told_is_refused_with_a_next_step():
    table = logins()
    without = trying.subset(table, dims=DIMS, bad="failed", total="logins")
    one_day = trying.subset(table.slice(0, 54), dims=DIMS, bad="failed", total="logins", time="day")
    for found in (without, one_day):
        assert found.refused
        assert found.next_step


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bad": "failed", "actual": "logins"}, "either --bad or --actual"),
        ({"bad": "logins", "total": "failed", "time": "day"}, "more logins than there are"),
        ({"bad": "failed", "total": "logins", "time": "day", "from0": "2031-01-01"}, "not within the times"),
        ({"bad": "failed", "total": "logins", "time": "day", "dims": ["plan", "plan"]}, "each once"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(BadInput, match=words):
        trying.subset(logins(), **{"dims": DIMS, **options})


def test_a_file_of_real_and_predicted_amounts_needs_no_column_named():
    table = orders().rename_columns({"orders": "real", "forecast": "predict"})
    found = trying.subset(table, dims=["channel", "partner", "region"])
    assert [r.subset for r in found.rows] == [{"channel": "app", "partner": "C"}]
    assert any("actual = real" in c.text and "expected = predict" in c.text for c in found.cautions)


def test_rows_at_times_of_their_own_are_gathered_as_their_span_has_it():
    apart = [f"{at[:13]}:{i % 60:02d}:{7 * i % 60:02d}" for i, at in enumerate(rows_apart()["at"].to_pylist())]
    table = rows_apart().set_column(0, "at", pa.array(apart))
    dims = ["channel", "region", "device"]

    asked = trying.subset(table, dims=dims, bad="failed", time="at", every="day")
    found = trying.subset(table, dims=dims, bad="failed", time="at")

    assert found.rows == asked.rows
    assert any("gathered by day" in c.text for c in found.cautions)


def test_weeks_written_as_weeks_are_periods():
    rng = np.random.default_rng(4)
    rows = [(f"2026-W{t + 1:02d}", f"store {s}", int(rng.binomial(300, 0.05 * (3 if (t, s) == (14, 7) else 1))), 300)
            for t in range(15) for s in range(12)]  # fmt: skip
    table = dict(zip(("week", "store", "returns", "sales"), map(list, zip(*rows, strict=True)), strict=True))

    found = trying.subset(table, dims="store", bad="returns", total="sales", time="week")

    assert found.rows[0].subset == {"store": "store 7"}
    assert found.now == "2026-04-06"


def test_many_dimensions_are_searched_so_deep_as_fits_and_it_is_told(monkeypatch):
    monkeypatch.setattr("regard.trying.cubed.MOST_HELD", 400)
    found = trying.subset(logins(), dims=DIMS, bad="failed", total="logins", time="day")
    assert found.rows[0].subset == {"plan": "Team", "country": "Brazil"}
    assert any("up to 2 dimensions" in c.text for c in found.cautions)


def test_a_weekday_with_more_failures_than_others_is_no_disruption():
    rng = np.random.default_rng(12)
    rows = []
    for t in range(36):
        for p in range(4):
            for r in range(5):
                rate = 0.05 * (2.0 if t % 7 == 0 else 1.0)  # the last day, 35, is such a day
                rows.append((str(np.datetime64("2026-01-01") + t), f"P{p}", f"R{r}", int(rng.binomial(150, rate)), 150))
    names = ("day", "plan", "region", "failed", "logins")
    table = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))

    found = trying.subset(table, dims="plan,region", bad="failed", total="logins", time="day")

    assert not found.disrupted
    assert found.total_green
    assert found.season > 0.02
    assert found.mix + found.season + found.rate == pytest.approx(found.change)
