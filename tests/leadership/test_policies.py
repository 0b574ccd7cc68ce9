"""Policies: what one did for those it was used for, against customers in the same kind of trouble."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from regard.errors import UnknownName
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Value
from regard.signals.scope import Given
from regard.simulation import declarations, sample

BEGIN = datetime(2024, 1, 1)
OF_CONTRACTS = Declarations(value=Value(kind="recurring"))


def log(n=900, *, effect=0.25, lost_early=False, by_orders=False, seed=1):
    """Customers with a contract and one trouble; those who had more contacts before are helped more often, and leave more.

    With `lost_early`, a third leave within ten days of the trouble, and the policy takes twenty days to be used.
    """
    rng = np.random.default_rng(seed)
    rows = {"subscription": [], "contact": [], "act": [], "order": []}
    for i in range(n):
        who, at = f"p{i}", BEGIN + timedelta(days=int(rng.integers(200, 420)))
        earlier = int(rng.poisson(1.5))
        rows["subscription"].append(
            {"occurred_at": BEGIN + timedelta(days=int(rng.integers(0, 150))), "person": who, "key": f"s{i}",
             "subscription": f"s{i}", "change": "start", "amount": 20.0, "every": "month"}
        )  # fmt: skip
        rows["contact"] += [
            {"occurred_at": at - timedelta(days=40 * (k + 1)), "person": who, "key": f"c{i}-{k}", "area": f"a{k}"}
            for k in range(earlier)
        ]
        rows["contact"].append({"occurred_at": at, "person": who, "key": f"c{i}", "area": "billing"})
        gone = lost_early and rng.uniform() < 0.33
        used = not gone and rng.uniform() < 1 / (1 + np.exp(-(earlier - 2)))
        if used:
            rows["act"].append(
                {"occurred_at": at + timedelta(days=20 if lost_early else 2), "person": who, "key": f"u{i}",
                 "name": "Refund without questions", "by": "care"}
            )  # fmt: skip
        stays = rng.uniform() < 0.75 - 0.1 * min(earlier, 4) + effect * used
        if gone or not (stays or by_orders):
            rows["subscription"].append(
                {"occurred_at": at + timedelta(days=5 if gone else 90), "person": who, "key": f"e{i}",
                 "subscription": f"s{i}", "change": "end"}
            )  # fmt: skip
        if by_orders:
            days = [-60, 100] if stays else [-60]
            rows["order"] += [
                {"occurred_at": at + timedelta(days=d), "person": who, "key": f"o{i}{d}", "amount": 10.0} for d in days
            ]
    return rows


def told(view_of, rows, declared=OF_CONTRACTS, **given):
    view = view_of(rows, declarations=declared, today=date(2026, 6, 1))
    return answer(find("leadership/policies"), view=view, given=Given(), arguments=given)


def test_a_policy_that_keeps_customers_is_told_though_it_is_used_for_those_who_leave(view_of):
    """The truth: 25 points; without adjustment it looks smaller, as those helped had more trouble before."""
    found = told(view_of, log(), follow=150)

    assert found.policy == "Refund without questions"
    assert found.outcome == "stays"
    assert found.interval.low < 0.25 < found.interval.high
    assert found.interval.low > 0.05
    assert found.naive < found.estimate - 0.03
    assert found.used + found.not_used >= 800
    assert "more customers stayed" in found.answer
    contacts = next(r for r in found.balance if r.known == "contacts in a year")
    assert abs(contacts.before) > 0.8
    assert abs(contacts.after) < 0.2
    assert find("leadership/policies").figure(found).title == found.answer


def test_having_stayed_long_enough_to_be_helped_is_no_effect(view_of):
    """A third leave before the policy could be used: counted, they would make it look like a cure."""
    found = told(view_of, log(effect=0.0, lost_early=True), follow=150)

    assert found.interval.low < 0 < found.interval.high
    assert found.answer.startswith("Whether Refund without questions keeps customers cannot be told")


def test_buying_again_is_judged_where_customers_are_worth_by_orders(view_of):
    declared = Declarations(value=Value(kind="trailing"))
    found = told(view_of, log(by_orders=True, effect=0.25), declared)

    assert found.outcome == "buys again"
    assert found.interval.low < 0.25 < found.interval.high
    assert "bought again" in found.answer


def test_a_few_uses_are_refused_with_their_number(view_of):
    rows = log()
    rows["act"] = rows["act"][:7]
    found = told(view_of, rows)

    assert found.refused.endswith("troubles that could be followed; 20 are needed")
    assert found.used <= 7
    assert found.estimate is None
    assert found.rows[0].uses == 7


def test_without_uses_it_says_how_to_record_them(view_of):
    rows = log()
    rows["act"] = [{"occurred_at": BEGIN, "key": "a", "name": "Release 2"}]

    assert "kind act" in told(view_of, rows).next_step


def test_an_unknown_policy_names_the_nearest(view_of):
    with pytest.raises(UnknownName, match="Refund"):
        told(view_of, log(n=60), policy="Refund without question")


def test_the_pretzel_of_the_made_up_company_is_judged_or_refused_honestly(view_of):
    view = view_of(sample(), declarations=declarations())
    found = answer(find("leadership/policies"), view=view, given=Given())

    assert found.policy == "Pretzel of apology"
    assert found.refused
    assert found.next_step
