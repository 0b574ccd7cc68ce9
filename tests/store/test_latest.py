"""The last items of each source: before and after sealing, with what became of each, and nothing left of the erased."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from regard.signals.workspace import Workspace
from regard.store import latest
from regard.store.frames import TURNED, Turned
from regard.store.journal import Journal, Lot


@pytest.fixture
def company(tmp_path):
    with Workspace.open(tmp_path / "workspace") as found:
        yield found


def events(source, *names, person="p"):
    table = pa.table(
        {
            "message_id": [f"{source}-{n}" for n in names],
            "name": list(names),
            "person": [person] * len(names),
            "occurred_at": pa.array([datetime(2026, 11, 1, tzinfo=UTC)] * len(names), pa.timestamp("us", "UTC")),
        }
    )
    return Lot(source=source, kind="event", table=table)


def told(company, *sources):
    return latest.told(company.inbox, sources)


def test_items_are_told_before_they_are_sealed_and_the_same_afterwards(company):
    with Journal(company.inbox) as journal:
        journal.commit([events("app", "opened", "closed")])
        journal.commit(
            [events("app", "opened")],
            refused={"app": 1},
            turned=[Turned("app", "refused", "odd", "bad_time", "Why.", "timestamp")],
        )
        before = told(company, "app", "web")
        company.inbox.seal()
        after = told(company, "app", "web")

    for found in (before, after):
        items = found["app"].items
        assert sorted((i.outcome, i.name, i.who) for i in items) == [
            ("duplicate", "opened", ""), ("refused", "odd", ""), ("stored", "closed", "p"), ("stored", "opened", "p"),
        ]  # fmt: skip
        assert [(i.code, i.reason, i.where) for i in items if i.outcome == "refused"] == [
            ("bad_time", "Why.", "timestamp")
        ]
        assert found["app"].minute == 2
        assert found["app"].last_at
        assert found["web"].items == []
    assert latest.told(company.inbox, ["app"], most=0)["app"].last_at == after["app"].last_at
    assert company.ledger("app")[0]["received"] == len(before["app"].items)


def test_of_many_the_last_ten_are_told_newest_first_and_no_source_pushes_out_another(company):
    with Journal(company.inbox) as journal:
        journal.commit([events("quiet", "one")])
        for n in range(30):
            journal.commit([events("app", f"e{n}")])
        found = told(company, "app", "quiet")
        assert [i.name for i in found["app"].items] == [f"e{n}" for n in range(29, 19, -1)]
        assert [i.name for i in found["quiet"].items] == ["one"]
        company.inbox.seal()
        assert [i.name for i in told(company, "app")["app"].items] == [f"e{n}" for n in range(29, 19, -1)]


def test_no_more_than_ten_that_were_not_stored_are_kept_of_a_source(company):
    with Journal(company.inbox) as journal:
        journal.commit([events("app", *(f"e{n}" for n in range(50)))])
        for _ in range(3):
            journal.commit([events("app", *(f"e{n}" for n in range(50)))])
        company.inbox.seal()
    kept = json.loads(company.state.get("turned.app"))
    assert len(kept) == TURNED
    assert {k["outcome"] for k in kept} == {"duplicate"}


def test_what_a_source_sent_before_this_version_is_told_without_reasons(company):
    """Frames of earlier versions tell nothing of items that were not stored."""
    with Journal(company.inbox) as journal:
        journal.commit([events("app", "a")], refused={"app": 3})
        assert [i.outcome for i in told(company, "app")["app"].items] == ["stored"]


def test_after_an_erasure_nothing_of_the_erased_is_told(company):
    with Journal(company.inbox) as journal:
        journal.commit([events("app", "opened", person="gone")])
        journal.commit(
            [events("app", "closed", person="stays")], turned=[Turned("app", "refused", "gone", "x", "gone", "gone")]
        )
        journal.commit([], refused={"app": 1}, turned=[Turned("app", "refused", "gone", "x", "gone", "gone")])
        company.inbox.seal()
    for _ in company.settle():
        pass
    for _ in company.erase("gone"):
        pass
    assert [(i.name, i.who) for i in told(company, "app")["app"].items] == [("closed", "stays")]
    assert company.state.get("turned.app") == ""
