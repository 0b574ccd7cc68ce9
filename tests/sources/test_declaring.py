from __future__ import annotations

from datetime import datetime, timedelta

from regard.signals.declarations import CustomerBase, Declarations, Value
from regard.sources.declaring import propose

START = datetime(2024, 1, 1)


def day(n):
    return START + timedelta(days=n)


def test_a_shop_is_declared_by_orders_and_the_gaps_between_them(view_of):
    """20 customers come every 30 days: 19 of 20 gaps are 30 days, so 30 days of silence mean lost."""
    orders = [
        {"key": f"{c}-{n}", "person": f"c{c}", "occurred_at": day(30 * n + c % 3), "amount": 10, "currency": "eur",
         "labels": {"region": "EU" if c % 2 else "US", "basket": f"b{c}-{n}"}}
        for c in range(20) for n in range(6)
    ]  # fmt: skip
    reviews = [{"key": f"r{n}", "person": "c1", "occurred_at": day(n), "metric": "stars", "score": 4} for n in range(3)]

    found = propose(view_of(order=orders, review=reviews).connection, Declarations())

    declared = found.declarations
    assert (declared.customer, declared.currency, declared.metric) == ("person", "EUR", "stars")
    assert declared.value == Value(kind="trailing", days=365)
    assert declared.base == CustomerBase(lost="no order", days=30)
    assert [(d.name, d.of) for d in declared.dimensions] == [("region", "signal")]
    assert [s.name for s in declared.stages] == ["Buy", "Review"]
    assert any("20 customers who came back" in reason for reason in found.reasons)
    assert any("UTC" in reason for reason in found.reasons)


def test_customers_who_came_once_leave_loss_open_and_it_is_said(view_of):
    orders = [{"key": str(n), "person": f"c{n}", "occurred_at": day(n), "amount": 1} for n in range(50)]

    found = propose(view_of(order=orders).connection, Declarations())

    assert found.declarations.base == CustomerBase(lost="no order", days=365)
    assert any("came only once" in reason for reason in found.reasons)
    assert any("carry none" in reason for reason in found.reasons)


def test_contracts_of_accounts_make_the_account_the_customer(view_of):
    contracts = [
        {"key": f"s{n}", "subscription": f"s{n}", "account": f"a{n}", "person": f"p{n}", "occurred_at": day(n),
         "change": "start", "amount": 9, "every": "month", "currency": "CHF"}
        for n in range(10)
    ]  # fmt: skip
    people = [
        {"account": f"a{n}", "occurred_at": day(0), "labels": {"plan": "pro" if n % 2 else "free"}} for n in range(10)
    ]
    events = [
        {"name": name, "person": f"p{n}", "account": f"a{n}", "occurred_at": day(n + at)}
        for n in range(10)
        for name, at in (("signup_started", -5), ("signup_done", -4), ("report_created", 3))
    ]
    tickets = [
        {"key": f"t{n}", "account": f"a{n}", "occurred_at": day(n + 9), "area": "billing" if n % 2 else "sign-in"}
        for n in range(10)
    ]

    found = propose(
        view_of(subscription=contracts, profile=people, event=events, contact=tickets).connection, Declarations()
    )

    declared = found.declarations
    assert (declared.customer, declared.currency, declared.value.kind) == ("account", "CHF", "recurring")
    assert declared.base.lost == "subscription ends"
    assert [(d.name, d.of, d.title) for d in declared.dimensions] == [("plan", "customer", "Plan")]
    assert [s.name for s in declared.stages] == ["Signup", "Buy", "Report", "Get help", "Come back"]
    assert [m.events for m in declared.stages[0].moments] == [("signup_done",), ("signup_started",)]
    assert {m.areas for m in declared.stages[3].moments} == {("billing",), ("sign-in",)}


def test_what_a_person_declared_is_kept(view_of):
    orders = [
        {"key": str(n), "person": f"c{n % 5}", "occurred_at": day(n * 9), "amount": 1, "currency": "EUR"}
        for n in range(50)
    ]
    declared = Declarations(
        name="Ours", currency="USD", base=CustomerBase(lost="no order", days=77), time_zone="Europe/Paris"
    )

    found = propose(view_of(order=orders).connection, declared).declarations

    assert (found.name, found.currency, found.base.days, found.value.kind) == ("Ours", "USD", 77, "trailing")


def test_an_empty_log_proposes_nothing(view_of):
    found = propose(view_of().connection, Declarations())

    assert found.declarations == Declarations()
    assert found.reasons == ()


def test_indicators_are_proposed_from_measurements_and_from_events_with_errors(view_of):
    at = "2026-09-10"
    probes = [
        {"name": "till_ok", "person": f"p{n % 40}", "occurred_at": at, "good": 9.0 if n < 4 else 10.0, "total": 10.0}
        for n in range(120)
    ]
    paid = [
        {"name": "pay", "person": f"p{n % 40}", "occurred_at": at, "error": "declined" if n % 8 == 0 else None}
        for n in range(200)
    ]
    seen = [{"name": "seen", "person": f"p{n % 40}", "occurred_at": at} for n in range(200)]
    view = view_of(telemetry=probes, event=paid + seen)

    proposal = propose(view.connection, Declarations())

    found = {one.name: one for one in proposal.declarations.indicators}
    assert set(found) == {"Till works", "Pay works"}
    assert (found["Till works"].total, found["Till works"].needed) == ("till_ok", 1.0)
    assert found["Pay works"].needed == 0.8  # five of forty customers were declined every time
    assert any("Indicators: till_ok" in reason for reason in proposal.reasons)
