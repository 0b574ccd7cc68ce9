"""Value of customers who buy: the same numbers as `regard try value` gives on the same orders."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from regard import trying
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import CustomerBase, Declarations
from regard.signals.scope import Given

_spec = importlib.util.spec_from_file_location(
    "example_value", Path(__file__).parents[1] / "trying" / "example_value.py"
)
example = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(example)


def test_orders_of_the_log_are_worth_what_the_file_says(view_of):
    orders = example.orders()
    rows = [
        {"key": f"o{i}", "order_id": f"o{i}", "person": r["shopper"], "occurred_at": f"{r['ordered']}T10:00:00",
         "amount": r["amount"]}
        for i, r in enumerate(orders.to_pylist())
    ]  # fmt: skip
    view = view_of(order=rows, declarations=Declarations(base=CustomerBase(lost="no order")))
    last = max(r["occurred_at"][:10] for r in rows)
    found = answer(find("customers/value"), view=view, given=Given(until=last), arguments={"limit": 1000})
    # The log's day ends at midnight; the file's data end with its last day.
    same = trying.value(orders, customer="shopper", time="ordered", amount="amount", until=str(view.last_day()))

    assert found.customers == same.customers
    assert found.value_ahead == pytest.approx(same.total_value, rel=0.03)
    assert {r.id: r.purchases for r in found.rows}["S001"] == pytest.approx(
        {r.customer: r.expected for r in same.rows}["S001"], rel=0.05
    )
    assert found.tenths[-1].value / sum(t.value for t in found.tenths) == pytest.approx(found.top_share)
