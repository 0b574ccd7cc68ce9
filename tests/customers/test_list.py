"""The customers behind a number are the very ones the number counted."""

from __future__ import annotations

import pytest

from regard.errors import UnknownName
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import CustomerBase, Declarations, Moment, Stage, Value
from regard.signals.scope import Given

DECLARED = Declarations(
    value=Value(kind="recurring"),
    base=CustomerBase(lost="subscription ends"),
    metric="nps",
    stages=(
        Stage(name="Use", moments=(Moment(name="Report", events=("report*",)), Moment(name="Ask", kinds=("contact",)))),
    ),
)
TABLES = {
    "subscription": [
        {
            "key": "1",
            "subscription": "1",
            "person": "ana",
            "occurred_at": "2026-01-01",
            "change": "start",
            "amount": 10,
            "every": "month",
        },
        {
            "key": "2",
            "subscription": "2",
            "person": "bo",
            "occurred_at": "2026-08-01",
            "change": "start",
            "amount": 30,
            "every": "month",
        },
        {
            "key": "3",
            "subscription": "3",
            "person": "cy",
            "occurred_at": "2026-01-01",
            "change": "start",
            "amount": 20,
            "every": "month",
        },
        {"key": "4", "subscription": "3", "person": "cy", "occurred_at": "2026-08-05", "change": "end"},
    ],
    "answer": [
        {"key": "a", "person": "ana", "occurred_at": "2026-08-03", "metric": "nps", "score": 3},
        {"key": "b", "person": "bo", "occurred_at": "2026-08-03", "metric": "nps", "score": 9},
        {"key": "c", "person": "cy", "occurred_at": "2026-04-03", "metric": "nps", "score": 3},
    ],
    "contact": [
        {"key": "t1", "person": "ana", "occurred_at": "2026-08-04", "area": "billing"},
        {"key": "t2", "person": "bo", "occurred_at": "2026-08-04", "area": "billing", "solved_at": "2026-08-05"},
    ],
    "promise": [
        {"key": "p1", "person": "cy", "occurred_at": "2026-07-01", "due_at": "2026-07-10", "kept_at": "2026-07-11"},
        {
            "key": "p2",
            "person": "ana",
            "occurred_at": "2026-07-01",
            "due_at": "2026-07-10T09:00:00",
            "due_by": "day",
            "kept_at": "2026-07-10T20:00:00",
        },
    ],
    "event": [
        {"person": "ana", "occurred_at": "2026-08-04", "name": "report_made"},
        {"person": "cy", "occurred_at": "2026-08-04", "name": "other", "error": "oops"},
    ],
    "profile": [
        {"person": "ana", "occurred_at": "2026-01-01", "name": "Ana Čapek", "email": "ana@x.example"},
        {"person": "bo", "occurred_at": "2026-01-01", "name": "Bo Anand"},
    ],
}


def ask(view, **arguments):
    return answer(find("customers/list"), view=view, given=Given(period="2026-Q3"), arguments=arguments)


def ids(found):
    return [r.id for r in found.rows]


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("all", ["bo", "ana", "cy"]),
        ("base", ["bo", "ana"]),
        ("opening", ["cy", "ana"]),
        ("new", ["bo"]),
        ("lost", ["cy"]),
        ("promoters", ["bo"]),
        ("detractors", ["ana"]),
        ("passives", []),
        ("contacted", ["bo", "ana"]),
        ("waiting", ["ana"]),
        ("broken-promise", ["cy"]),
        ("met-error", ["cy"]),
        ("ordered", []),
    ],
)
def test_each_group_lists_its_own_most_valuable_first(view_of, who, expected):
    found = ask(view_of(TABLES, declarations=DECLARED), who=who)
    assert ids(found) == expected
    assert found.total == len(expected)


def test_the_customers_of_a_stage_or_a_moment(view_of):
    view = view_of(TABLES, declarations=DECLARED)
    assert ids(ask(view, who="stage", stage="Use")) == ["bo", "ana"]
    assert ids(ask(view, who="stage", stage="Use", moment="Report")) == ["ana"]
    with pytest.raises(UnknownName, match="no stage named"):
        ask(view, who="stage", stage="Usw")


def test_a_search_reads_names_mails_and_ids_without_accents_or_case(view_of):
    view = view_of(TABLES, declarations=DECLARED)
    assert ids(ask(view, q="capek")) == ["ana"]
    assert ids(ask(view, q="ANA@X")) == ["ana"]
    assert ids(ask(view, q="an")) == ["ana", "bo"]
    nobody = ask(view, q="zz")
    assert (nobody.total, nobody.refused) == (0, "")
    assert nobody.next_step


def test_a_long_list_can_be_read_on_and_says_that_it_is_cut(view_of):
    view = view_of(TABLES, declarations=DECLARED)
    one, two = ask(view, limit=2), ask(view, limit=2, skip=2)
    assert ids(one) + ids(two) == ["bo", "ana", "cy"]
    assert (one.total, two.total) == (3, 3)
    assert "cut_off" in {c.code for c in one.cautions}


def test_a_line_tells_value_score_and_open_contacts(view_of):
    row = ask(view_of(TABLES, declarations=DECLARED), q="capek").rows[0]
    assert (row.name, row.value, row.score, row.metric, row.open_contacts) == ("Ana Čapek", 120.0, 3, "nps", 1)


def test_the_ledger_and_its_lists_count_alike(view_of):
    view = view_of(TABLES, declarations=DECLARED)
    ledger = answer(find("customers/ledger"), view=view, given=Given(period="2026-Q3"))
    for row in ledger.rows:
        if row.line not in {"restated", "closing"}:
            assert ask(view, who=row.line).total == row.customers
    assert ask(view, who="base").total == ledger.customers


def test_without_the_rule_of_loss_lines_refuse_and_search_still_works(view_of):
    view = view_of(TABLES)
    assert "base.lost" in ask(view, who="new").refused
    assert ask(view, q="ana").total == 2


def test_an_empty_log_lists_nobody(view_of):
    found = ask(view_of())
    assert (found.total, found.rows) == (0, ())
