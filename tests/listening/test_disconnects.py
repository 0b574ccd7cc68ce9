"""Customers whose use and score disagree."""

import pytest
from scipy import stats

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Value
from regard.signals.scope import Given

GIVEN = Given(since="2026-09-01", until="2026-11-29", against="2026-06-03..2026-08-31")


def days(who, n, first):
    from datetime import date, timedelta

    start = date.fromisoformat(first)
    return [{"person": who, "name": "used", "occurred_at": f"{start + timedelta(days=i)}T09:00:00"} for i in range(n)]


def company(scores, used, before):
    log = {"answer": [], "event": []}
    for i, (s, u, b) in enumerate(zip(scores, used, before, strict=True)):
        who = f"P{i:02d}"
        log["answer"].append({"person": who, "score": s, "metric": "nps", "occurred_at": "2026-10-05T10:00:00"})
        log["event"] += days(who, u, "2026-09-02") + days(who, b, "2026-06-10")
    return log


NOTHING = Declarations()


def ask(view_of, log, declarations=NOTHING):
    return answer(find("listening/disconnects"), view=view_of(declarations=declarations, **log), given=GIVEN)


def test_engaged_but_unhappy_and_happy_but_gone_quiet_are_found(view_of):
    scores = [10] * 20 + [8] * 10 + [2] * 10
    used = [10] * 18 + [0, 1] + [10] * 10 + [20] * 4 + [1] * 6
    before = [10] * 18 + [30, 30] + [10] * 20

    found = ask(view_of, company(scores, used, before))
    groups = {g.how: g for g in found.groups}

    assert (groups["engaged but unhappy"].customers, groups["engaged but unhappy"].of) == (4, 10)
    assert (groups["happy but gone quiet"].customers, groups["happy but gone quiet"].of) == (2, 20)
    assert {r.id for r in found.rows if r.how == "happy but gone quiet"} == {"P18", "P19"}
    assert found.next_step.startswith("Ask P")


def test_a_small_fall_is_chance_and_nobody_is_called_quiet(view_of):
    found = ask(view_of, company([10] * 40, [8] * 40, [10] * 40))

    assert found.groups[1].customers == 0


def test_the_agreement_is_spearmans_with_its_interval(view_of):
    """Oracle: scipy.stats.spearmanr."""
    scores = [10, 9, 8, 7, 3, 2, 1, 0] * 5
    used = [20, 3, 15, 8, 9, 2, 4, 1] * 5

    found = ask(view_of, company(scores, used, [5] * 40))

    assert found.agreement == pytest.approx(stats.spearmanr(scores, used).statistic)
    assert found.interval.low < found.agreement < found.interval.high


def test_the_most_valuable_come_first(view_of):
    log = company([2] * 40, [10] * 40, [10] * 40)
    log["subscription"] = [
        {"person": f"P{i:02d}", "key": f"P{i:02d}", "subscription": f"P{i:02d}", "change": "start",
         "amount": 900 if i == 7 else 10, "currency": "EUR", "every": "month", "occurred_at": "2026-01-05"}
        for i in range(40)
    ]  # fmt: skip

    found = ask(view_of, log, Declarations(value=Value(kind="recurring"), currency="EUR"))

    assert found.rows[0].id == "P07"
    assert found.rows[0].value == pytest.approx(10_800)


def test_few_customers_are_refused(view_of):
    found = ask(view_of, company([10] * 5, [3] * 5, [3] * 5))

    assert "5 customers" in found.refused
