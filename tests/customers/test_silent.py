"""Reasons of customers without a contract: lost by silence, and what they had met before they fell silent."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import CustomerBase, Declarations, Value
from regard.signals.scope import Given

BEGAN = datetime(2025, 1, 1)


def shop(rng, customers=400, *, after_late=0.45, otherwise=0.07):
    """Customers who order every month or so; each parcel may come late, and late ones drive off as often as is said."""
    orders, promises = [], []
    for c in range(customers):
        at = BEGAN + timedelta(days=float(rng.uniform(0, 300)))
        while at < datetime(2026, 11, 20):
            key, late = f"{c}-{len(orders)}", rng.random() < 0.15
            orders.append({"person": f"p{c}", "key": key, "order_id": key, "occurred_at": at, "amount": 20.0})
            due = at + timedelta(days=3)
            kept = due + timedelta(days=4 if late else -1)
            promises.append({
                "person": f"p{c}", "key": f"d{key}", "about": key, "promise": "delivery", "occurred_at": at,
                "due_at": due, "kept_at": kept,
            })  # fmt: skip
            if rng.random() < (after_late if late else otherwise):
                break
            at += timedelta(days=float(rng.uniform(20, 70)))
    return {"order": orders, "promise": promises}


def declared(**about):
    return Declarations(
        base=CustomerBase(lost="no order", days=90), value=Value(kind="trailing", days=365), currency="EUR", **about
    )


@pytest.fixture(scope="module")
def tables():
    return shop(np.random.default_rng(1))


def ask(view_of, tables, path="customers/reasons", declarations=None, **arguments):
    given = {k: arguments.pop(k) for k in ("period", "by") if k in arguments}
    view = view_of(tables, declarations=declarations or declared())
    return answer(find(path), view=view, given=Given(**given), arguments=arguments)


def test_what_drove_them_off_is_found_and_what_nobody_met_stays_unknown(view_of, tables):
    found = ask(view_of, tables, period="1y")
    late = next(s for s in found.seen if s.fact == "a broken delivery promise")

    assert late.beyond_chance
    assert late.share > late.stayers_share + 0.15
    assert late.interval.low < 0.45 / 0.07 < 1.6 * late.interval.high
    assert found.unknown_share == 1.0
    assert 0.2 < found.silent_share < 0.9
    assert "by_silence" in {c.code for c in found.cautions}
    assert found.stakes[0].name == "broken:delivery"


def test_those_lost_are_those_of_the_ledger(view_of, tables):
    """Brute force: whose last order is 90 days old or more, and became so in the year."""
    last = {}
    for order in tables["order"]:
        last[order["person"]] = max(order["occurred_at"], last.get(order["person"], BEGAN))
    found = ask(view_of, tables, period="1y")
    ledger = ask(view_of, tables, path="customers/ledger", period="1y")

    assert found.lost >= next(r.customers for r in ledger.rows if r.line == "lost")
    now = datetime(2026, 11, 23)
    gone = [at + timedelta(days=90) for at in last.values() if at + timedelta(days=90) < now]
    assert found.lost == pytest.approx(sum(at > now - timedelta(days=365) for at in gone), abs=3)


def test_a_reason_recorded_about_that_time_is_told_as_stated(view_of, tables):
    last = {}
    for order in tables["order"]:
        last[order["person"]] = max(order["occurred_at"], last.get(order["person"], BEGAN))
    ends = [
        {"person": p, "key": f"e{p}", "subscription": f"s{p}", "change": "end", "occurred_at": at + timedelta(days=5),
         "reason": "moved away", "reason_from": "stated"}
        for p, at in list(last.items())[:200]
    ]  # fmt: skip
    found = ask(view_of, {**tables, "subscription": ends}, period="1y")

    assert {(r.reason, r.known_from) for r in found.rows} == {("moved away", "stated"), ("unknown", "unknown")}
    assert 0 < found.stated_share < 1


def test_who_comes_back_whatever_happens_is_told_apart_from_who_does_not(view_of):
    """Late parcels that drive nobody off are seen before leaving no more often than before coming back."""
    found = ask(view_of, shop(np.random.default_rng(2), after_late=0.1, otherwise=0.1), period="1y")

    assert not any(s.beyond_chance for s in found.seen)


def test_slices_and_too_few(view_of, tables):
    few = {kind: rows[:60] for kind, rows in tables.items()}
    found = ask(view_of, few, period="2y")

    assert found.refused or not found.stakes


def test_value_and_what_is_at_risk_without_a_contract(view_of, tables):
    value = ask(view_of, tables, path="customers/value")
    reasons = ask(view_of, tables)

    assert value.at_risk > 0
    assert value.stakes == reasons.stakes
    assert sum(s.value for s in value.stakes) <= value.at_risk * 1.0001
