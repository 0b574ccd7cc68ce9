"""Unhappy orders: money in orders with a low score, counted by hand and straight from Olist's files."""

import csv
import gzip
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import pytest

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations
from regard.signals.scope import Given

DATA = Path(__file__).parents[2] / "../shared/data"


def ask(view, given, **arguments):
    return answer(find("listening/unhappy"), view=view, given=given, arguments=arguments)


def shop():
    orders = [
        {"key": f"{o}-{i}", "order_id": o, "person": o, "seller": seller, "amount": amount, "occurred_at": "2026-10-01T10:00:00"}
        for o, seller, amounts in [("a", "North", (10.0, 5.0)), ("b", "South", (30.0,)), ("c", "South", (7.0,)), ("d", "North", (100.0,))]
        for i, amount in enumerate(amounts)
    ]  # fmt: skip
    reviews = [{"key": o, "about": o, "person": o, "score": s, "occurred_at": "2026-10-09T10:00:00"} for o, s in [("a", 1.0), ("b", 2.0), ("c", 5.0), ("d", 4.0)]]
    return {"order": orders, "review": reviews}


def test_orders_with_a_low_score_are_summed_by_seller(view_of):
    """By hand: a (15) and b (30) are low; c and d are not."""
    found = ask(view_of(shop(), declarations=Declarations(currency="EUR")), Given(period="2026-10", by="seller"))

    assert (found.amount, found.rows[0].orders, found.rows[0].scored) == (45, 2, 4)
    assert [(r.slice, r.amount) for r in found.rows[1:]] == [("South", 30), ("North", 15)]
    assert "South: €30" in found.answer


def test_an_order_reviewed_twice_is_counted_once_by_its_lowest_score(view_of):
    log = shop()
    again = log["review"][0] | {"key": "again", "score": 5.0}

    found = ask(view_of(log | {"review": [*log["review"], again]}), Given(period="2026-10"))

    assert (found.amount, found.rows[0].scored) == (45, 4)


def test_scores_about_nothing_are_refused_with_the_column_to_map(view_of):
    log = shop()
    found = ask(view_of(log | {"review": [r | {"about": None} for r in log["review"]]}), Given(period="2026-10"))

    assert found.refused
    assert "about" in found.next_step


@pytest.mark.data
def test_olist_sellers_that_lose_most_are_those_counted_from_its_files(view_of):
    """Brute force over the CSV files: order value (items and freight) with a lowest score of 2 or less, by seller."""
    if not (DATA / "olist").exists():
        pytest.skip("public data sets are not beside the project")

    def read(name):
        with gzip.open(DATA / f"olist/{name}.csv.gz", "rt", newline="") as file:
            return list(csv.DictReader(file))

    reviews, items = read("order_reviews"), read("order_items")
    lowest = defaultdict(lambda: 9.0)
    for r in reviews:
        lowest[r["order_id"]] = min(lowest[r["order_id"]], float(r["review_score"]))
    expected = defaultdict(float)
    for r in items:
        if lowest[r["order_id"]] <= 2:
            expected[r["seller_id"]] += float(r["price"]) + float(r["freight_value"])
    top = max(expected, key=expected.get)

    view = view_of(
        order=[
            {"key": f"{r['order_id']}{r['order_item_id']}", "order_id": r["order_id"], "person": r["order_id"], "seller": r["seller_id"],
             "amount": float(r["price"]) + float(r["freight_value"]), "occurred_at": "2018-01-01T00:00:00"} for r in items
        ],
        review=[
            {"key": f"{r['review_id']}{r['order_id']}", "about": r["order_id"], "person": r["order_id"], "score": float(r["review_score"]),
             "scale_min": 1.0, "scale_max": 5.0, "occurred_at": datetime.fromisoformat(r["review_answer_timestamp"])} for r in reviews
        ],
        declarations=Declarations(currency="BRL"),
    )  # fmt: skip

    found = ask(view, Given(since="2016-09-01", until="2018-12-31", by="seller"))

    assert found.amount == pytest.approx(sum(expected.values()))
    assert (found.rows[1].slice, found.rows[1].amount) == (top, pytest.approx(expected[top]))
