"""One customer's record: found by any of their ids, everything in one timeline, what waits for us first."""

from __future__ import annotations

import pytest

from regard.errors import BadInput, UnknownName
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import CustomerBase, Declarations, Value

DECLARED = Declarations(
    customer="account", value=Value(kind="recurring"), base=CustomerBase(lost="subscription ends"), currency="EUR"
)
TABLES = {
    "profile": [
        {"account": "acme", "occurred_at": "2026-01-03", "name": "Acme", "partner": "Upper Crust", "labels": {"region": "EU"}},
        {"account": "acme", "person": "ana", "occurred_at": "2026-01-02", "name": "Ana", "role": "practitioner", "email": "ana@acme.example"},
        {"account": "acme", "person": "zoe", "occurred_at": "2026-01-02", "name": "Zoe", "role": "decision maker"},
        {"account": "twin-1", "occurred_at": "2026-01-01", "name": "Twin"},
        {"account": "twin-2", "occurred_at": "2026-01-01", "name": "Twin"},
    ],
    "event": [
        *({"account": "acme", "person": "ana", "occurred_at": f"2026-11-01T10:{m:02}:00", "name": "report"} for m in range(0, 20, 2)),
        {"account": "acme", "person": "ana", "occurred_at": "2026-11-01T10:18:30", "name": "export", "error": "timeout"},
        {"account": "acme", "person": "ana", "occurred_at": "2026-11-02T10:00:00", "name": "report"},
        {"account": "twin-1", "occurred_at": "2026-11-01", "name": "report"},
        {"account": "twin-2", "occurred_at": "2026-11-01", "name": "report"},
    ],
    "subscription": [
        {"key": "s", "subscription": "s", "account": "acme", "occurred_at": "2026-01-05", "change": "start", "amount": 50, "every": "month", "plan": "Team"},
    ],
    "order": [
        {"key": "o-1", "order_id": "o", "account": "acme", "occurred_at": "2026-10-05", "product": "Jar", "amount": 20, "refunded": 5},
        {"key": "o-2", "order_id": "o", "account": "acme", "occurred_at": "2026-10-05", "product": "Apron", "amount": 10},
    ],
    "contact": [
        {"key": "c1", "account": "acme", "occurred_at": "2026-10-20", "area": "billing", "issue": "bug", "subject": "Wrong sum", "status": "open"},
        {"key": "c2", "account": "acme", "occurred_at": "2026-10-21", "area": "billing", "solved_at": "2026-10-22"},
    ],
    "promise": [{"key": "p", "account": "acme", "promise": "first answer", "occurred_at": "2026-10-20", "due_at": "2026-10-21"}],
    "answer": [{"key": "a", "account": "acme", "occurred_at": "2026-10-25", "metric": "nps", "survey": "Autumn", "score": 4, "verbatim": "Slow, again."}],
    "message": [{"key": "m", "account": "acme", "occurred_at": "2026-10-26", "topic": "Sorry", "channel": "email"}],
}  # fmt: skip


@pytest.fixture
def view(view_of):
    return view_of(TABLES, declarations=DECLARED)


def ask(view, id_="acme", **arguments):
    return answer(find("customers/customer"), view=view, arguments={"id": id_, **arguments})


def test_the_record_says_who_they_are_and_what_they_are_worth(view):
    found = ask(view)
    assert (found.id, found.name, found.kind, found.partner) == ("acme", "Acme", "account", "Upper Crust")
    assert (found.value, found.last_score, found.last_metric) == (600.0, 4, "nps")
    assert [(p.name, p.role) for p in found.people] == [("Zoe", "decision maker"), ("Ana", "practitioner")]
    assert [(m.month, m.ordered) for m in found.months] == [("2026-10", 25.0)]
    assert [(x.name, x.value) for x in found.labels] == [("region", "EU")]
    assert [(c.contract, c.plan, c.state) for c in found.contracts] == [("s", "Team", "active")]


def test_what_waits_for_us_comes_first_and_overdue_promises_say_so(view):
    assert [(w.what, w.about, w.overdue) for w in ask(view).waiting] == [
        ("contact", "billing: bug", False),
        ("promise", "first answer", True),
    ]


def test_the_timeline_is_newest_first_and_folds_a_sitting_into_one_row(view):
    rows = ask(view).rows
    assert [r.instant for r in rows] == sorted((r.instant for r in rows), reverse=True)
    did = [r.what for r in rows if r.lane == "did"]
    assert len(did) == 2
    assert did[1].startswith("11 events in")
    assert [r.amount for r in rows if r.lane == "bought"] == [25.0, 50.0]
    assert {r.lane for r in rows} == {"did", "met trouble", "said", "asked", "bought", "promised", "we wrote"}


def test_the_timeline_can_be_cut_and_read_by_lane(view):
    found = ask(view, limit=1)
    assert [r.lane in {"did", "we wrote"} for r in found.rows].count(True) == 1
    assert len(found.rows) == 2, "one of what they did, and one of all else: use never hides a complaint"
    assert "cut_off" in {c.code for c in found.cautions}
    assert {r.lane for r in ask(view, lane="asked").rows} == {"asked"}
    with pytest.raises(UnknownName, match="lane"):
        ask(view, lane="askd")


@pytest.mark.parametrize("id_", ["acme", "ana", "ana@acme.example", "ACME", "zoe"])
def test_any_of_their_ids_finds_them(view, id_):
    assert ask(view, id_).id == "acme"


def test_an_unknown_one_suggests_the_nearest_and_a_shared_name_lists_the_ids(view):
    with pytest.raises(UnknownName) as unknown:
        ask(view, "acmee")
    assert "acme" in unknown.value.hint
    with pytest.raises(BadInput, match="2 customers are called") as several:
        ask(view, "Twin")
    assert "twin-1" in several.value.hint


def test_the_figure_draws_every_lane_that_has_something(view):
    found = find("customers/customer")
    drawn = found.figure(ask(view))
    assert "<svg" in drawn.svg


def test_an_empty_log_knows_nobody(view_of):
    with pytest.raises(UnknownName):
        ask(view_of(declarations=DECLARED))
