"""The mappings of examples/, run over the public data they are for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(bring, data):
    """A function: name of an example → what importing its data did, and the intake."""

    def run(name, pattern="*.csv*"):
        files = data(name, pattern)
        done, intake = bring((EXAMPLES / name / "mapping.toml").read_text("utf-8"), *files)
        assert (done.bad, done.notes) == (0, ())
        return done, intake

    return run


def test_olist_counts_are_those_of_its_readme(example):
    done, intake = example("olist")

    assert done.kinds == {"order": 8365, "promise": 8135, "profile": 8135, "review": 8225}
    orders, reviews, promises = (intake.rows(k) for k in ("order", "review", "promise"))
    assert len({r["key"] for r in orders}) == 8365
    assert len({r["key"] for r in reviews}) == 8225
    assert len({r["person"] for r in promises}) == 8016
    assert sum(1 for r in reviews if r["verbatim"]) == 4113
    statuses = Counter(r["weight"] for r in promises)
    # README: 625 canceled, 609 unavailable, 1,107 shipped, 314 invoiced, 301 processing, 5 created, 2 approved
    assert statuses == {1.0: 2963, 18.65: 8135 - 2963}
    assert sum(1 for r in promises if r["withdrawn_at"]) == 625 + 609
    assert {r["due_by"] for r in promises} == {"day"}
    assert {r["currency"] for r in orders} == {"BRL"}
    assert "health_beauty" in {r["category"] for r in orders}


def test_olist_scores_of_late_and_timely_orders_are_those_of_its_readme(example):
    """README: 8.0 % of delivered orders came after the estimated date; mean score 2.50 late, 4.28 on time."""
    _, intake = example("olist")

    score = {}
    for review in intake.rows("review"):
        score.setdefault(review["about"], []).append(review["score"])
    kept = [p for p in intake.rows("promise") if p["weight"] > 1 and p["kept_at"]]
    late = [s for p in kept if p["kept_at"] > p["due_at"] for s in score.get(p["about"], [])]
    timely = [s for p in kept if p["kept_at"] <= p["due_at"] for s in score.get(p["about"], [])]

    assert round(sum(p["kept_at"] > p["due_at"] for p in kept) / len(kept), 2) == 0.08
    assert (round(sum(late) / len(late), 2), round(sum(timely) / len(timely), 2)) == (2.5, 4.28)


def test_incident_updates_are_versions_of_one_contact(example):
    """README: 119,998 update rows of 20,769 incidents."""
    done, intake = example("it_incident_log")

    rows = intake.rows("contact")
    assert done.kinds == {"contact": 119_998}
    assert len({r["key"] for r in rows}) == 20_769
    assert sum(r["version_at"] < r["occurred_at"] for r in rows) == 5  # so they are in the file
    assert [r["key"] for r in rows] == sorted(r["key"] for r in rows)  # in the order of the file


def test_conversations_get_their_first_answer_from_their_messages(example):
    """README: 1,211 messages, 525 conversations."""
    done, intake = example("twitter_customer_care")

    contacts = intake.rows("contact")
    assert len(contacts) == 525
    assert done.kinds["message"] == sum(1 for r in intake.rows("message"))
    answered = [r for r in contacts if r["answered_at"]]
    assert len(answered) > 500
    assert all(r["answered_at"] >= r["occurred_at"] for r in answered)
    assert len({r["person"] for r in contacts}) > 400


def test_cd_purchases_add_up_to_the_readme(example):
    """README: 69,659 purchases of 23,570 customers, 2,500,315.63 USD in all."""
    _, intake = example("cdnow", "transactions.csv.gz")

    rows = intake.rows("order")
    assert (len(rows), len({r["person"] for r in rows})) == (69_659, 23_570)
    assert round(sum(r["amount"] for r in rows), 2) == 2_500_315.63
