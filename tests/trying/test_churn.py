"""`regard try churn`: what is published of Rossi's data through the door; reasons, late entry, immortal time, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from regard import trying

ROSSI = Path(__file__).parents[1] / "statistics" / "data" / "rossi.csv"
DAY = np.datetime64("2020-01-01")


def told(start, life, *, until="2024-12-31", **more):
    begun = DAY + start.astype("timedelta64[D]")
    end = begun + np.maximum(life, 1).astype("timedelta64[D]")
    over = end <= np.datetime64(until)
    columns = {"start": begun.astype(str), "end": np.where(over, end.astype(str), "")}
    return pa.table(columns | {k: np.where(over, v, "") if k == "why" else v for k, v in more.items()}), until


def test_rossi_through_the_door_is_what_was_published():
    """Published: Fox (2002); the log partial likelihood and C as lifelines and statsmodels have them."""
    parts = ("fin", "age", "race", "wexp", "mar", "paro", "prio")
    found = trying.churn(ROSSI, tenure="week", left="arrest", unit="week", parts=parts)

    assert np.log([e.ratio for e in found.effects]) == pytest.approx(
        [-0.379, -0.057, 0.314, -0.150, -0.434, -0.085, 0.091], abs=6e-4
    )
    assert found.loglik == pytest.approx(-658.75, abs=0.005)
    assert found.concordance == pytest.approx(0.640, abs=5e-4)
    assert {e.part for e in found.effects if e.steady < 0.05} == {"age", "wexp"}


def test_reasons_add_up_in_shares_and_in_what_is_at_risk():
    rng = np.random.default_rng(2)
    n = 900
    why = rng.choice(["price", "bugs", ""], n, p=[0.5, 0.3, 0.2])
    table, until = told(rng.integers(0, 1500, n), rng.exponential(700, n), why=why, worth=rng.gamma(2, 100, n))
    found = trying.churn(table, start="start", end="end", reason="why", value="worth", until=until)

    assert [r.reason for r in found.reasons][-1] == "unknown"
    assert sum(r.share for r in found.reasons) == pytest.approx(1)
    assert sum(r.gone for r in found.reasons) == pytest.approx(1 - found.estimate)
    assert sum(r.at_risk for r in found.reasons) == pytest.approx(found.at_risk)
    assert found.interval.low < np.exp(-365 / 700) < found.interval.high


def test_those_first_seen_late_do_not_make_tenure_look_safe():
    rng = np.random.default_rng(4)
    n = 3000
    start, life = rng.integers(0, 1400, n), rng.exponential(400, n)
    seen = np.maximum(start, 1000)  # the export holds only those still there on day 1000
    there = start + life > 1000
    table, until = told(start[there], life[there])
    table = table.append_column("first", pa.array((DAY + seen[there].astype("timedelta64[D]")).astype(str)))
    honest = trying.churn(table, start="start", end="end", seen="first", until=until)
    careless = trying.churn(table, start="start", end="end", until=until)

    assert honest.interval.low < np.exp(-365 / 400) < honest.interval.high
    assert careless.interval.low > np.exp(-365 / 400) + 0.05


def test_a_part_given_by_its_day_is_no_immortal_time():
    """A success manager comes to some after 300 days and does nothing: as a flag it seems to keep customers, by its day not."""
    rng = np.random.default_rng(12)
    n = 1500
    start, life = rng.integers(0, 1200, n), rng.exponential(400, n)
    met = DAY + (start + 300).astype("timedelta64[D]")
    had = (life > 300) & (rng.random(n) < 0.7)
    table, until = told(start, life, had=had.astype(int))
    table = table.append_column("met", pa.array(np.where(had, met.astype(str), "")))
    flag = trying.churn(table, start="start", end="end", parts=("had",), until=until).effects[0]
    by_day = trying.churn(table, start="start", end="end", parts=("met",), until=until).effects[0]

    assert flag.interval.high < 0.7
    assert by_day.interval.low < 1 < by_day.interval.high


def test_parts_share_what_is_at_risk_and_add_up():
    rng = np.random.default_rng(6)
    n = 1200
    late = rng.integers(0, 2, n)
    table, until = told(rng.integers(0, 1200, n), rng.exponential(900 * np.exp(-0.8 * late)), late=late,
                        color=rng.choice(["red", "blue"], n))  # fmt: skip
    found = trying.churn(table, start="start", end="end", parts=("late", "color"), until=until)

    effect = next(e for e in found.effects if e.part == "late")
    assert effect.interval.low < np.exp(0.8) < effect.interval.high
    assert next(e for e in found.effects if e.part.startswith("color")).interval.low < 1
    assert found.stakes[0].part == "late"
    share = found.stakes[0]
    # Bruzzi et al. (1985): those who left and were late, times one less the inverse of the ratio.
    truth = np.mean(late[np.asarray([e != "" for e in table["end"].to_pylist()])]) * (1 - np.exp(-0.8))
    assert share.share_interval.low < truth < share.share_interval.high
    assert all(s.share is None for s in found.stakes if s.part != "late")
    assert sum(s.at_risk for s in found.stakes) == pytest.approx(found.at_risk, rel=0.1)


def test_too_few_who_left_are_refused():
    table, until = told(np.arange(40), np.full(40, 9000))
    found = trying.churn(table, start="start", end="end", until=until)

    assert "0 customers left" in found.refused
    assert found.next_step


def test_rows_that_end_before_they_start_are_counted_and_said():
    rng = np.random.default_rng(7)
    table, until = told(rng.integers(0, 900, 100), rng.exponential(300, 100))
    end = table["end"].to_pylist()
    end[0] = "2019-01-01"
    found = trying.churn(table.set_column(1, "end", pa.array(end)), start="start", end="end", until=until)

    assert any(c.code == "ends_first" and c.text.startswith("1 row") for c in found.cautions)


def test_start_and_end_that_were_swapped_are_hinted_at_where_too_few_are_left():
    table = {"start": ["2024-05-01"] * 40 + ["2024-01-01"] * 3, "end": ["2024-02-01"] * 40 + ["2024-03-01"] * 3}
    found = trying.churn(table, start="start", end="end")

    assert found.refused
    assert found.next_step.startswith("40 rows that end before they start are left out. Is that so?")
