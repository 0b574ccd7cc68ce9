"""Odd behaviour: what rings, what is habit, what is asked once, and how many of those planted are found."""

from datetime import datetime, timedelta

import pytest

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations
from regard.signals.scope import Given
from regard.simulation import declarations, sample
from regard.simulation.odd import KINDS, planted

END = datetime(2026, 11, 20)
GIVEN = Given(since="2026-08-20", until="2026-11-19")


def order(who, at, number, product="Apron"):
    return {"person": who, "key": f"{who}-{number}", "order_id": f"{who}-{number}", "product": product, "quantity": 1,
            "amount": 29.0, "occurred_at": at.isoformat()}  # fmt: skip


def ordinary(days=120):
    """Ten customers who order once a day each, and pay."""
    orders, events = [], []
    for day in range(days):
        for i in range(10):
            at = END - timedelta(days=days - day) + timedelta(hours=8 + i / 2)
            orders.append(order(f"P{i}", at, f"usual-{day}"))
            events.append({"person": f"P{i}", "name": "payment_made", "occurred_at": at.isoformat(),
                           "error": "declined" if (day * 7 + i) % 40 == 0 else None})  # fmt: skip
    return orders, events


def ask(view_of, orders, events, **arguments):
    view = view_of(declarations=Declarations(), order=orders, event=events, today=END.date())
    return answer(find("reliability/odd-behaviour"), view=view, given=GIVEN, arguments=arguments)


def thrice(who, at, product="Banneton"):
    return [order(who, at + timedelta(seconds=15 * k), f"again-{at:%d%H}-{k}", product) for k in range(3)]


def test_three_identical_orders_in_a_minute_ask_for_a_polite_check(view_of):
    orders, events = ordinary()

    found = ask(view_of, orders + thrice("P3", END - timedelta(hours=5)), events)

    (row,) = found.rows
    assert (row.id, row.rule, row.times) == ("P3", "same order again", 3)
    assert "3 times within 30" in row.happened
    assert "Did you mean all of them?" in row.words
    assert found.answer.startswith("P3 placed the same order of Banneton")


def test_two_of_them_or_three_over_an_hour_or_three_different_ones_do_not(view_of):
    orders, events = ordinary()
    at = END - timedelta(hours=5)
    orders += thrice("P1", at)[:2]
    orders += [order("P2", at + timedelta(minutes=20 * k), f"slow-{k}") for k in range(3)]
    orders += [order("P4", at + timedelta(seconds=k), f"other-{k}", product=f"Tin {k}") for k in range(3)]

    assert ask(view_of, orders, events).rows == ()


def test_what_a_customer_does_all_the_time_is_habit(view_of):
    orders, events = ordinary()
    for day in range(3, 60, 10):
        orders += thrice("P5", END - timedelta(days=day))

    assert ask(view_of, orders + thrice("P5", END - timedelta(hours=5)), events, false_alarms=12).rows == ()


def test_the_same_payment_failing_again_and_again_rings_until_it_went_well(view_of):
    orders, events = ordinary()
    at = END - timedelta(hours=6)

    def tries(who, errors):
        return [{"person": who, "name": "payment_made", "error": e, "occurred_at": (at + timedelta(minutes=9 * k)).isoformat()}
                for k, e in enumerate(errors)]  # fmt: skip

    events += tries("P6", ["declined"] * 5) + tries("P4", ["declined", "declined", None, "declined", "declined"])

    (row,) = [r for r in ask(view_of, orders, events).rows if r.rule == "same failure again"]

    assert (row.id, row.times) == ("P6", 5)
    assert "We are sorry" in row.words


def test_it_is_the_same_oddity_however_often_it_is_seen(view_of):
    orders, events = ordinary()
    more = orders + thrice("P3", END - timedelta(hours=5))
    later = [*more, order("P3", END - timedelta(hours=5) + timedelta(seconds=45), "again-4", "Banneton")]

    first, second = ask(view_of, more, events), ask(view_of, later, events, days=2)

    assert first.rows[0].key == second.rows[0].key
    assert second.rows[0].times == 4


def test_a_sudden_burst_is_held_against_the_customers_own_habit(view_of):
    orders, events = ordinary()
    at = END - timedelta(hours=8)
    events += [
        {"person": "P8", "name": "dough", "occurred_at": (at + timedelta(minutes=k)).isoformat()} for k in range(60)
    ]

    (row,) = ask(view_of, orders, events).rows

    assert (row.id, row.rule) == ("P8", "much more than usual")
    assert "61 steps in a day" in row.happened or "60 steps in a day" in row.happened


def test_of_those_planted_into_the_made_up_company_nearly_all_are_found_and_hardly_anybody_else(view_of):
    tables, truth = planted(sample(), each=8, seed=3)
    view = view_of(tables, declarations=declarations())

    found = answer(find("reliability/odd-behaviour"), view=view, given=Given(), arguments={"days": 60})

    told = {(r.id, r.rule) for r in found.rows}
    wanted = {(o.account, o.rule) for o in truth}
    assert len(told & wanted) >= 0.9 * len(wanted)
    assert len(told & wanted) >= 0.9 * len(told)
    assert {o.rule for o in truth} == set(KINDS)


def test_planting_leaves_the_company_as_it_was():
    tables, _ = planted(sample(), each=2, seed=1)

    for kind in ("order", "event"):
        assert tables[kind].slice(0, len(sample()[kind])).equals(sample()[kind])
    assert tables["answer"] is sample()["answer"]


def test_nothing_done_is_refused(view_of):
    found = ask(view_of, [], [])

    assert found.refused
    assert found.next_step


@pytest.mark.parametrize("rate", [0.5, 30.0])
def test_a_higher_rate_of_false_alarms_has_no_higher_limits(view_of, rate):
    orders, events = ordinary()
    for day in range(20, 110, 3):
        orders += thrice(f"P{day % 10}", END - timedelta(days=day))

    found = ask(view_of, orders, events, false_alarms=rate)

    by = {r.rule: r.limit for r in found.rules}
    assert by["same order again"] == (4 if rate < 1 else 3)
