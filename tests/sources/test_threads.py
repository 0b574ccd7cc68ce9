"""Conversations become contacts without a mapping, checked against the same found by hand."""

from __future__ import annotations

import csv
import gzip
from datetime import datetime
from pathlib import Path

import pytest

from regard.sources.importing import plan_import

DATA = Path(__file__).parents[2] / "../shared/data/twitter_customer_care"
CHAT = """conversation_id,role,speaker,sent_at,text,team
k1,customer,ann,2026-05-01T10:00:00Z,Where is my order please,Orders
k1,agent,bo,2026-05-01T10:30:00Z,It is on its way to you,Orders
k1,customer,ann,2026-05-01T11:00:00Z,Thank you very much,Orders
k2,customer,cy,2026-05-02T09:00:00Z,The page does not load,Web
k3,agent,bo,2026-05-03T08:00:00Z,We have news about the shop,Web
"""
TWEETS = """tweet_id,author_id,inbound,created_at,text,in_response_to_tweet_id
1,ann,True,2026-05-01T10:00:00Z,@shop where is my order please,
2,shop,False,2026-05-01T10:20:00Z,@ann we look into it now,1
3,shop,False,2026-05-01T12:00:00Z,@ann it is on its way to you,1
4,ann,True,2026-05-01T12:10:00Z,@shop thank you very much,3
5,cy,True,2026-05-02T09:00:00Z,@shop the page does not load,
"""


def clock(moment):
    return None if moment is None else moment.replace(tzinfo=None).isoformat()


def test_one_conversation_is_one_contact_with_who_asked_and_the_first_answer(bring, written):
    """k3 holds no word of a customer: nobody asked, so it is no contact."""
    file = written("chat.csv", CHAT)

    plan = plan_import([file])
    done, intake = bring(plan.toml, file)

    contacts = {r["key"]: r for r in intake.rows("contact")}
    assert (done.bad, done.kinds["contact"], set(contacts)) == (0, 2, {"k1", "k2"})
    first = contacts["k1"]
    assert (first["person"], first["verbatim"]) == ("ann", "Where is my order please")
    assert (clock(first["occurred_at"]), clock(first["answered_at"])) == ("2026-05-01T10:00:00", "2026-05-01T10:30:00")
    assert contacts["k2"]["answered_at"] is None
    assert any("one contact" in reason for reason in plan.reasons)


def test_replies_are_part_of_what_they_reply_to(bring, written):
    """Threads told by the id of the message replied to: two customers asked, one was answered after twenty minutes."""
    file = written("tweets.csv", TWEETS)

    plan = plan_import([file])
    done, intake = bring(plan.toml, file)

    contacts = {r["key"]: r for r in intake.rows("contact")}
    assert (done.bad, set(contacts)) == (0, {"1", "5"})
    assert clock(contacts["1"]["answered_at"]) == "2026-05-01T10:20:00"
    assert contacts["5"]["answered_at"] is None


@pytest.mark.data
@pytest.mark.parametrize("files", [("messages",), ("messages", "conversations")])
def test_conversations_on_twitter_become_contacts_as_counted_by_hand(bring, files):
    """Straight from the file: conversations in which a customer wrote, who did first, and when an agent first did."""
    if not DATA.exists():
        pytest.skip("public data sets are not beside the project")
    with gzip.open(DATA / "messages.csv.gz", "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    asked, answered = {}, {}
    for row in sorted(rows, key=lambda r: r["sent_at"]):
        first = asked if row["role"] == "customer" else answered if row["role"] == "agent" else {}
        first.setdefault(row["conversation_id"], row)
    paths = [DATA / f"{name}.csv.gz" for name in files]

    done, intake = bring(plan_import(paths).toml, *paths)

    contacts = {r["key"]: r for r in intake.rows("contact")}
    assert done.bad == 0
    if len(files) == 1:
        assert set(contacts) == set(asked)
    assert {k: c["person"] for k, c in contacts.items() if k in asked} == {k: r["speaker"] for k, r in asked.items()}
    times = {k: clock(c["answered_at"]) for k, c in contacts.items()}
    expected = {k: clock(datetime.fromisoformat(answered[k]["sent_at"])) if k in answered else None for k in contacts}
    assert times == expected
