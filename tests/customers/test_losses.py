"""Money behind dissatisfied customers, counted by hand and by a slow loop."""

from __future__ import annotations

import random

import pytest

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations
from regard.signals.scope import Given

EUROS = Declarations(currency="EUR")
Q3 = {"period": "2026-Q3"}


def line(order, number, amount, seller, **more):
    return {
        "key": f"{order}-{number}",
        "order_id": order,
        "person": f"p{order}",
        "occurred_at": "2026-08-01",
        "amount": amount,
        "seller": seller,
        **more,
    }


def rated(order, score, at="2026-08-10", **more):
    return {
        "key": f"r{order}{at}",
        "about": order,
        "person": f"p{order}",
        "occurred_at": at,
        "score": score,
        "scale_min": 1,
        "scale_max": 5,
        **more,
    }


def ask(view, *, given=None, **arguments):
    return answer(find("customers/losses"), view=view, given=Given(**(given or Q3)), arguments=arguments)


def test_where_no_currency_is_declared_money_is_in_the_one_the_log_uses(view_of):
    """Two orders in BRL, one in USD: reais, and the dollars left out and said, not added to them."""
    given = [
        line("1", 1, 30, "A", currency="BRL"),
        line("2", 1, 50, "A", currency="BRL"),
        line("3", 1, 7, "A", currency="USD"),
    ]

    found = ask(view_of(order=given, review=[rated("1", 1), rated("2", 5), rated("3", 1)]))

    assert (found.currency, found.low_value) == ("BRL", 30)
    assert found.answer.startswith("R$")
    assert "value_unknown" in {c.code for c in found.cautions}


def test_the_value_of_low_orders_by_seller_is_the_plain_sum(view_of):
    """Order 1 (A 30, B 20) scored 1; order 2 (A 50) scored 5; order 3 (B 10) not scored; 4 (A 7): first 1, then 4."""
    view = view_of(
        declarations=EUROS,
        order=[
            line("1", 1, 30, "A"),
            line("1", 2, 20, "B"),
            line("2", 1, 50, "A"),
            line("3", 1, 10, "B"),
            line("4", 1, 7, "A"),
        ],
        review=[rated("1", 1), rated("2", 5), rated("4", 1, at="2026-08-05"), rated("4", 4)],
    )
    found = ask(view, given={**Q3, "by": "seller"})
    assert (found.low_value, found.low_share, found.rated_share) == (50, 50 / 107, 107 / 117)
    assert [(r.slice, r.low_value, r.low_orders, r.rated_orders, r.orders) for r in found.rows] == [
        ("A", 30, 1, 3, 3),
        ("B", 20, 1, 1, 2),
    ]
    assert ask(view, low=4).low_value == 57


def test_nps_counts_detractors_as_low(view_of):
    view = view_of(declarations=EUROS, order=[line("1", 1, 30, "A"), line("2", 1, 9, "A")],
                   answer=[rated("1", 6, metric="nps", scale_min=0, scale_max=10), rated("2", 7, metric="nps", scale_min=0, scale_max=10)])  # fmt: skip
    assert ask(view).low_value == 30


def test_a_tiny_seller_does_not_lead_by_chance_and_a_bad_one_is_named(view_of):
    rng = random.Random(5)
    orders, reviews = [], []
    for i in range(1500):
        seller = "bad" if i % 10 == 0 else "tiny" if i in {1, 2} else f"s{i % 7}"
        orders.append(line(str(i), 1, 10, seller))
        low = True if seller == "tiny" else rng.random() < (0.4 if seller == "bad" else 0.1)
        reviews.append(rated(str(i), 1 if low else 5))
    found = ask(view_of(declarations=EUROS, order=orders, review=reviews), given={**Q3, "by": "seller"}, rank="excess")
    rows = {r.slice: r for r in found.rows}
    assert [r.slice for r in found.rows if r.beyond_chance] == ["bad"]
    assert found.rows[0].slice == "bad"
    assert rows["tiny"].low_rate == 1.0
    assert rows["tiny"].shrunk_rate < rows["bad"].shrunk_rate + 0.3
    assert rows["tiny"].q is None


def test_weighted_and_unweighted_money_stand_side_by_side(view_of):
    view = view_of(
        declarations=EUROS,
        order=[line("1", 1, 30, "A", weight=10.0), line("2", 1, 30, "A", weight=1.0)],
        review=[rated("1", 1), rated("2", 5)],
    )
    found = ask(view)
    assert (found.low_value, found.low_value_unweighted) == (300, 30)
    assert found.low_share == pytest.approx(10 / 11)


def test_without_scored_orders_it_refuses_with_the_next_step(view_of):
    for view in (view_of(declarations=EUROS), view_of(declarations=EUROS, order=[line("1", 1, 30, "A")])):
        found = ask(view)
        assert found.refused
        assert "about" in found.next_step
        assert found.low_value is None


def test_money_without_a_rate_is_left_out_and_said(view_of):
    view = view_of(
        declarations=EUROS,
        order=[line("1", 1, 30, "A", currency="JPY"), line("2", 1, 5, "A")],
        review=[rated("1", 1), rated("2", 1)],
    )
    found = ask(view)
    assert found.low_value == 5
    assert "value_unknown" in {c.code for c in found.cautions}
