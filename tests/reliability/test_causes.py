"""What watch, promises ahead and odd behaviour say to the alerts: one cause each, the same key each time it is seen."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from regard.reliability import odd_behaviour, promises_ahead, watch
from regard.reliability.detectors import Looking, detectors
from regard.reliability.raised import check
from regard.signals.declarations import CustomerBase, Declarations, Moment, Stage, Value

BEGIN = datetime(2026, 8, 1)
DECLARED = Declarations(
    value=Value(kind="recurring"), base=CustomerBase(lost="subscription ends"), currency="EUR",
    stages=(Stage(name="Pay", moments=(Moment(name="Checks out", events=("checkout",)),)),),
)  # fmt: skip


def subscriptions(n):
    return [{"person": f"P{i}", "key": f"S{i}", "subscription": f"S{i}", "change": "start", "amount": 100, "every": "month",
             "currency": "EUR", "occurred_at": "2026-01-05"} for i in range(n)]  # fmt: skip


def checkouts(*, worse_from):
    rng, events = np.random.default_rng(1), []
    for day in range(100):
        for i in range(60):
            failed = rng.random() < (0.6 if day >= worse_from and i < 30 else 0.02)
            events.append({"person": f"P{i}", "name": "checkout", "error": "declined" if failed else None,
                           "occurred_at": (BEGIN + timedelta(days=day, minutes=23 * i)).isoformat()})  # fmt: skip
    return events


def looking(view_of, now, **tables):
    return Looking(view=view_of(declarations=DECLARED, today=now.date(), **tables), now=now.replace(tzinfo=UTC))


def test_the_three_detectors_are_registered_with_what_they_need():
    by = {d.name: d for d in detectors()}

    assert {"watch", "promises_ahead", "odd_behaviour"} <= set(by)
    assert by["promises_ahead"].needs == ("promise",)


def test_an_indicator_off_course_names_the_customers_and_what_they_are_worth(view_of):
    at = looking(view_of, BEGIN + timedelta(days=100), event=checkouts(worse_from=94), subscription=subscriptions(60))

    (found,) = [check(r) for r in watch.off_course(looking=at)]

    assert found.cause == "indicator:failed:Checks_out"
    assert found.since == datetime(2026, 11, 3, tzinfo=UTC)
    assert 25 <= found.who.count <= 45
    assert found.at_stake.amount == pytest.approx(1200 * found.who.count)
    assert "times" in found.what
    assert found.evidence["question"] == "reliability/watch"


def test_a_quiet_log_says_nothing(view_of):
    at = looking(view_of, BEGIN + timedelta(days=100), event=checkouts(worse_from=200), subscription=subscriptions(60))

    assert list(watch.off_course(looking=at)) == []


def promises(now, *, open_=2):
    rng, rows = np.random.default_rng(2), []
    for day in range(100):
        for i in range(3):
            made = now - timedelta(days=101 - day)
            late = rng.random() < 0.3
            rows.append(
                {
                    "key": f"{day}-{i}",
                    "person": f"P{i}",
                    "promise": "delivery",
                    "about": f"O{day}-{i}",
                    "occurred_at": made.isoformat(),
                    "due_at": (made + timedelta(hours=20)).isoformat(),
                    "kept_at": (
                        made + timedelta(hours=float(rng.uniform(21, 40) if late else rng.uniform(1, 12)))
                    ).isoformat(),
                }
            )
    for i in range(open_):
        rows.append(
            {
                "key": f"open-{i}",
                "person": f"P{i}",
                "promise": "delivery",
                "about": f"O-open-{i}",
                "occurred_at": (now - timedelta(hours=19)).isoformat(),
                "due_at": (now + timedelta(hours=1)).isoformat(),
            }
        )
    return rows  # fmt: skip


def test_promises_about_to_break_are_one_cause_for_each_sort_and_day(view_of):
    now = datetime(2026, 11, 10, 12)
    at = looking(view_of, now, promise=promises(now), subscription=subscriptions(3))

    (found,) = [check(r) for r in promises_ahead.about_to_break(looking=at)]

    assert found.cause == "promise:delivery:10_Nov_2026"
    assert found.who.customers == ("P0", "P1")
    assert found.who.words == "P0 and P1"
    assert found.at_stake.amount == 2400
    assert "10 Nov 2026" in found.notice


def test_odd_behaviour_is_one_cause_per_customer_and_the_same_each_time(view_of):
    now = datetime(2026, 11, 10, 12)
    orders = [{"person": "P1", "key": f"o{k}", "order_id": f"o{k}", "product": "Apron", "quantity": 1, "amount": 29.0,
               "occurred_at": (now - timedelta(hours=2) + timedelta(seconds=10 * k)).isoformat()} for k in range(3)]  # fmt: skip
    orders += [{"person": f"P{i}", "key": f"u{i}-{d}", "order_id": f"u{i}-{d}", "product": "Tin", "quantity": 1, "amount": 5.0,
                "occurred_at": (now - timedelta(days=d, hours=i)).isoformat()} for d in range(1, 90) for i in range(3)]  # fmt: skip

    first = [check(r) for r in odd_behaviour.odd(looking=looking(view_of, now, order=orders))]
    again = [check(r) for r in odd_behaviour.odd(looking=looking(view_of, now + timedelta(hours=20), order=orders))]

    assert [r.cause for r in first] == [r.cause for r in again] == ["odd:same_order_again:P1:Apron:2026-11-10T10:00:00"]
    assert first[0].who.customers == ("P1",)
    assert "Did you mean all of them?" in first[0].notice
