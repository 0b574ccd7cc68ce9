"""Renewals ahead: the truth of the made-up company recovered end to end, and refusals."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pytest

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import CustomerBase, Declarations, Dimension, Value
from regard.signals.scope import Given
from regard.simulation import declarations as company_declarations
from regard.simulation import simulate

SIGNALS, SEED = 400_000, 20
CONTRACTS = Declarations(
    currency="EUR", customer="account", value=Value(kind="recurring"), base=CustomerBase(lost="subscription ends")
)


def ask(path, view, *, given=None, **arguments):
    return answer(find(path), view=view, given=Given(**(given or {})), arguments=arguments)


@pytest.fixture(scope="module")
def company():
    found = {}
    for kind, table in simulate(signals=SIGNALS, seed=SEED):
        found.setdefault(kind, []).append(table)
    return {kind: pa.concat_tables(tables) for kind, tables in found.items()}


@pytest.mark.slow
def test_what_makes_bakeries_leave_is_found_and_chances_come_true(view_of, company):
    """Truth: satisfaction falls by late deliveries (1.44), slow answers (1.08) and errors; each point is .75 on the logit."""
    view = view_of(company, declarations=company_declarations())
    found = ask("customers/renewals", view)
    effects = {e.fact: e for e in found.effects}

    for fact in ("a broken delivery promise", "a broken first answer promise"):
        assert effects[fact].interval.low > 1, fact
    assert effects["each error in a hundred steps"].ratio > 1  # a customer's own share of errors is a noisy one
    assert effects["a broken delivery promise"].interval.low < 2.7183 ** (0.75 * 1.44)
    assert (
        effects["a broken onboarding promise"].interval.low < 1 < effects["a broken onboarding promise"].interval.high
    )
    assert found.gain > 0
    assert not any(c.code == "off_target" for c in found.cautions)
    held = [r.interval.low <= r.chance <= r.interval.high for r in found.reliability]
    assert sum(held) >= len(held) - 2
    assert found.stay_interval.low < found.stay < found.stay_interval.high
    assert [r.at_risk for r in found.rows] == sorted((r.at_risk for r in found.rows), reverse=True)

    leavers = ask("customers/reasons", view, given={"period": "1y"})
    seen = {s.fact for s in leavers.seen if s.beyond_chance}
    assert {"a broken delivery promise", "a broken first answer promise"} <= seen
    assert "a low last score" not in seen or leavers.lost > 200
    assert 0.08 < leavers.unknown_share < 0.25  # 15 of 100 leave without a word
    assert sum(r.customers for r in leavers.rows) == leavers.lost
    assert sum(r.value for r in leavers.rows) == pytest.approx(leavers.lost_value)
    ledger = ask("customers/ledger", view, given={"period": "1y"})
    assert leavers.lost >= ledger.lost - ledger.came_and_left


@pytest.mark.slow
def test_value_at_risk_told_a_year_ago_is_what_was_then_lost(view_of, company):
    """Told with what was known a year before the end of the history; counted from what came after."""
    view = view_of(company, declarations=company_declarations())
    then = "2025-11-14"
    told = ask("customers/value", view, given={"since": "2025-08-15", "until": then})
    now = ask("customers/reasons", view, given={"since": "2025-11-15", "until": "2026-11-14"})

    assert sum(r.at_risk for r in told.reasons) == pytest.approx(told.at_risk)
    # Those who came later and left again within the year are in what was lost, not in what was told: so the loose bound.
    assert 0.6 * now.lost_value < told.at_risk < 1.25 * now.lost_value
    assert told.value_interval.low < told.value_ahead < told.value_interval.high < told.lifetime_value


def contract(who, start, end="", *, amount=10.0, why="", told="", every="month"):
    rows = [{"key": f"{who}s", "account": who, "subscription": who, "change": "start", "occurred_at": start,
             "amount": amount, "every": every}]  # fmt: skip
    if end:
        rows.append({"key": f"{who}e", "account": who, "subscription": who, "change": "end", "occurred_at": end,
                     "reason": why, "reason_from": told})  # fmt: skip
    return rows


def test_reasons_are_told_as_given_and_the_rest_is_unknown(view_of):
    """By hand: A pays 10 a month and said price; B 20, seen to be bugs; C 30 said nothing; D stays."""
    rows = [
        *contract("A", "2026-01-01", "2026-08-02", why="price", told="stated"),
        *contract("B", "2026-01-01", "2026-08-03", amount=20.0, why="bugs", told="observed"),
        *contract("C", "2026-01-01", "2026-09-04", amount=30.0),
        *contract("D", "2026-01-01"),
    ]
    found = ask("customers/reasons", view_of(subscription=rows, declarations=CONTRACTS), given={"period": "2026-Q3"})

    assert [(r.reason, r.known_from, r.customers, r.value) for r in found.rows] == [
        ("bugs", "observed", 1, 240), ("price", "stated", 1, 120), ("unknown", "unknown", 1, 360),
    ]  # fmt: skip
    assert (found.lost, found.lost_value) == (3, 720)
    assert (found.stated_share, found.unknown_share, found.silent_share) == pytest.approx((1 / 6, 1 / 2, 1 / 2))


def test_a_reason_for_a_change_is_none_for_the_end(view_of):
    rows = contract("A", "2026-01-01", "2026-08-02")
    rows.insert(1, {"key": "Ac", "account": "A", "subscription": "A", "change": "change", "occurred_at": "2026-05-01",
                    "amount": 12.0, "every": "month", "reason": "price list", "reason_from": "stated"})  # fmt: skip
    view = view_of(subscription=rows, declarations=CONTRACTS)

    assert [r.reason for r in ask("customers/reasons", view, given={"period": "2026-Q3"}).rows] == ["unknown"]
    assert [r.reason for r in ask("customers/ledger", view, given={"period": "2026-Q3"}).reasons] == ["unknown"]


def test_contracts_that_touch_are_one_stay(view_of):
    """The second contract begins the day the first ends: nobody left."""
    rows = [*contract("A", "2026-01-01", "2026-07-10"), *contract("B", "2026-01-01", "2026-08-10")]
    rows += [{"key": "A2", "account": "A", "subscription": "A2", "change": "start", "occurred_at": "2026-07-10",
              "amount": 10.0, "every": "month"}]  # fmt: skip
    found = ask("customers/reasons", view_of(subscription=rows, declarations=CONTRACTS), given={"period": "2026-Q3"})

    assert found.lost == 1


def test_too_few_ends_are_refused_with_what_to_do(view_of):
    rows = [r for i in range(40) for r in contract(f"A{i}", str(date(2025, 1, 1) + timedelta(days=7 * i)))]
    rows += contract("Z", "2025-01-01", "2026-08-01")
    view = view_of(subscription=rows, declarations=CONTRACTS)

    for path in ("customers/renewals", "customers/value"):
        found = ask(path, view, given={"period": "2026-Q3"})
        assert found.refused
        assert found.next_step


def test_reasons_by_slice_add_up(view_of):
    labels = [
        {"account": a, "labels": {"region": r}, "occurred_at": "2025-12-01"}
        for a, r in (("A", "Alps"), ("B", "Alps"), ("C", "Isles"))
    ]
    rows = [
        *contract("A", "2026-01-01", "2026-08-02", why="price", told="stated"),
        *contract("B", "2026-01-01", "2026-08-03", amount=20.0),
        *contract("C", "2026-01-01", "2026-09-04", amount=30.0, why="bugs", told="stated"),
    ]
    declared = Declarations(
        currency="EUR", customer="account", value=Value(kind="recurring"), base=CustomerBase(lost="subscription ends"),
        dimensions=(Dimension(name="region"),),
    )  # fmt: skip
    view = view_of(subscription=rows, profile=labels, declarations=declared)
    found = ask("customers/reasons", view, given={"period": "2026-Q3", "by": "region"})
    one = ask("customers/reasons", view, given={"period": "2026-Q3", "where": ("region=Alps",)})

    assert [(s.slice, s.customers, s.value, s.reason) for s in found.slices] == [
        ("Alps", 2, 360, "price"), ("Isles", 1, 360, "bugs"),
    ]  # fmt: skip
    assert found.slices[0].unknown_share == pytest.approx(2 / 3)
    assert one.lost_value == 360
