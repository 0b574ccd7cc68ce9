"""What weighs in a count: of ten answers of one customer, one by customers; what customers are worth, by value."""

import numpy as np
import pytest

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Value
from regard.signals.scope import Given
from regard.signals.voices import once

PERIOD = Given(since="2026-03-01", until="2026-03-31")
DECLARED = Declarations(value=Value(kind="recurring"), currency="EUR", metric="nps")


def test_a_customers_rows_weigh_one_together_in_each_count():
    weight = once([7, 7, 7, 8, 7], np.array([1.0, 1, 1, 2, 3]), ["now", "now", "now", "now", "before"])

    assert weight == pytest.approx([1 / 3, 1 / 3, 1 / 3, 2, 3])


def contracts(worth):
    return [
        {"person": w, "key": w, "subscription": w, "change": "start", "amount": amount, "currency": "EUR",
         "every": "year", "occurred_at": "2026-01-05"} for w, amount in worth.items()
    ]  # fmt: skip


def answers(loud):
    """Twenty who answer once, half of them 10 and half 7; one who answers 0 as often as told."""
    calm = [
        {"person": f"p{i}", "key": f"p{i}", "score": 10 if i % 2 else 7, "metric": "nps", "occurred_at": "2026-03-05"}
        for i in range(20)
    ]
    return [
        *calm,
        *({"person": "loud", "key": f"loud{i}", "score": 0, "metric": "nps", "occurred_at": "2026-03-06"}
          for i in range(loud)),
    ]  # fmt: skip


def asked(view_of, path, count, **log):
    return answer(find(path), view=view_of(declarations=DECLARED, **log), given=PERIOD, arguments={"count": count})


def test_one_loud_customer_moves_a_score_by_voices_and_not_by_customers(view_of):
    def score(loud, count):
        return asked(view_of, "listening/scores", count, answer=answers(loud)).score

    assert score(1, "customers") == pytest.approx(score(40, "customers"))
    assert score(1, "voices") - score(40, "voices") > 50
    assert score(1, "customers") == pytest.approx(100 * (10 - 1) / 21)


def test_a_score_by_value_is_that_of_those_who_are_worth_something(view_of):
    worth = {"p1": 300, "p0": 100, "loud": 600}
    found = asked(view_of, "listening/scores", "value", answer=answers(3), subscription=contracts(worth) * 1)

    assert found.refused  # three customers are worth something: too few to tell
    more = worth | {f"p{i}": 100 for i in range(2, 20)}
    found = asked(view_of, "listening/scores", "value", answer=answers(3), subscription=contracts(more))
    promoters, total = 300 + 9 * 100, 300 + 100 + 600 + 18 * 100
    assert found.score == pytest.approx(100 * (promoters - 600) / total)
    assert "worth" in found.answer
    assert found.counted_by == "value"


def test_value_that_was_never_declared_is_asked_for(view_of):
    view = view_of(declarations=Declarations(metric="nps"), answer=answers(1))
    for path in ("listening/scores", "listening/drivers"):
        found = answer(find(path), view=view, given=PERIOD, arguments={"count": "value"})
        assert "value.kind" in found.refused


def promised(loud):
    """Ten kept promises to ten customers; one customer to whom so many were broken."""
    kept = [
        {"person": f"p{i}", "key": f"p{i}", "promise": "delivery", "due_at": "2026-03-10", "kept_at": "2026-03-09",
         "occurred_at": "2026-03-01"} for i in range(10)
    ]  # fmt: skip
    return [
        *kept,
        *({"person": "loud", "key": f"loud{i}", "promise": "delivery", "due_at": "2026-03-10",
           "kept_at": "2026-03-12", "occurred_at": "2026-03-01"} for i in range(loud)),
    ]  # fmt: skip


def test_one_customer_with_many_broken_promises_is_one_by_customers(view_of):
    def broken(loud, count):
        return asked(view_of, "journey/promises", count, promise=promised(loud)).broken_share

    assert broken(30, "voices") == pytest.approx(30 / 40)
    assert broken(30, "customers") == pytest.approx(1 / 11)


def test_losses_by_customers_count_each_who_scored_low_once(view_of):
    orders = [
        {"person": who, "key": f"{who}{i}", "order_id": f"{who}{i}", "amount": 10, "currency": "EUR", "seller": seller,
         "occurred_at": "2026-03-02"}
        for who, seller, n in [("loud", "a", 30), *((f"p{i}", "b", 1) for i in range(6))] for i in range(n)
    ]  # fmt: skip
    said = [
        {"person": o["person"], "key": f"r{o['key']}", "about": o["key"], "score": 1, "occurred_at": "2026-03-05"}
        for o in orders
    ]

    def first(count):
        view = view_of(declarations=DECLARED, order=orders, review=said)
        given = Given(since="2026-03-01", until="2026-03-31", by="seller")
        return answer(find("customers/losses"), view=view, given=given, arguments={"count": count})

    assert first("value").rows[0].slice == first("voices").rows[0].slice == "a"
    assert first("customers").rows[0].slice == "b"
    assert "6" in first("customers").answer


def test_drivers_by_customers_do_not_follow_who_answers_most(view_of):
    rng = np.random.default_rng(3)
    late = [bool(i % 2) for i in range(120)]
    said = [
        {"person": f"c{i}", "key": f"c{i}-{k}", "score": int(np.clip(9 - 3 * late[i] + rng.integers(-1, 2), 0, 10)),
         "metric": "nps", "occurred_at": "2026-03-20"}
        for i in range(120) for k in range(1)
    ]  # fmt: skip
    loud = [
        {"person": "c1", "key": f"c1-more{k}", "score": 10, "metric": "nps", "occurred_at": "2026-03-21"}
        for k in range(200)
    ]
    made = [
        {"person": f"c{i}", "key": f"d{i}", "promise": "delivery", "due_at": "2026-03-10",
         "kept_at": "2026-03-14" if late[i] else "2026-03-09", "occurred_at": "2026-03-01"} for i in range(120)
    ]  # fmt: skip

    def effect(count):
        found = asked(view_of, "listening/drivers", count, answer=[*said, *loud], promise=made)
        return next(r.effect for r in found.rows if r.family == "experience")

    assert effect("customers") < -2.5
    assert effect("voices") > effect("customers") + 1
