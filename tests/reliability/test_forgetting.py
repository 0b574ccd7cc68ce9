"""A customer who is erased is nowhere in alerts, and what is known of them can be exported before."""

from __future__ import annotations

import pyarrow as pa
import pytest
from raising import Says, raised

from regard.delivery.receivers import add_receiver
from regard.reliability.answering import answer_alert
from regard.reliability.rounds import look
from regard.settings import Settings
from regard.signals.ask import View
from regard.signals.kinds import KINDS
from regard.signals.workspace import Workspace
from regard.store import alerts


@pytest.fixture
def company(tmp_path):
    with Workspace.open(tmp_path / "ws", given=Settings(buckets=1, threads=1)) as found:
        batch = found.inbox.begin(source="shop")
        people = ["canary-7", "c2", "c3"]
        batch.append("event", pa.table({"person": people, "name": ["opened"] * 3, "message_id": ["a", "b", "c"]}))
        batch.finish()
        for _ in found.settle():
            pass
        add_receiver(found, name="ops", address="ops@example.com")
        shared = raised("disruption:checkout", 3, customers=("canary-7", "c2", "c3"))
        own = raised("odd:orders:canary-7", 1, kind="odd", customers=("canary-7",), words="Cana Rysson", slice_={})
        view = View(connection=None, _counts={kind.name: 0 for kind in KINDS})
        look(found, view=view, detectors_=[Says(shared, own).detector])
        answer_alert(found, alert=2, answer="known")
        grown = [raised("disruption:late", n, customers=("canary-7", "c2")[:n], words=w)
                 for n, w in ((1, "Cana Rysson"), (2, "2 customers"))]  # fmt: skip
        for each in grown:
            look(found, view=view, detectors_=[Says(shared, own, each).detector])
        yield found


def test_what_alerts_know_of_a_customer_is_exported(company):
    told = company.export_customer("canary-7")["alerts"]

    assert [(each["kind"], each["what"]) for each in told] == [
        ("disruption", "cannot pay"), ("odd", "cannot pay"), ("disruption", "cannot pay"),
    ]  # fmt: skip
    assert [each["kind"] for each in company.export_customer("c2")["alerts"]] == ["disruption", "disruption"]


def test_an_erased_customer_leaves_alerts_their_history_answers_and_messages(company):
    for _ in company.erase("canary-7"):
        pass

    with company.state.reading() as connection:
        left, late = alerts.open_of(connection)
        assert alerts.history(connection, late["id"])[0]["words"] == alerts.SILENCED
        assert alerts.answers(connection, standing=False) == []
    assert (left["cause"], "canary-7" in left["raised"], "c2" in left["raised"]) == ("disruption:checkout", False, True)
    company.state.verify()
    company.state.close()
    found = [p for p in company.root.rglob("*") if p.is_file()]
    assert [p.name for p in found if b"canary-7" in p.read_bytes()] == []
    assert [p.name for p in found if b"Cana Rysson" in p.read_bytes()] == []
