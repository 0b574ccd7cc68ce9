"""Many items held back corrected together: shown before, only what then fits, taken back as it was sent, replayed."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from regard.errors import BadInput, UnknownName
from regard.signals.workspace import Workspace
from regard.sources.correcting import correct_held, preview, uncorrect_held
from regard.sources.replaying import repair_held, replay_held
from regard.store import heldback
from regard.store.heldback import Held

GOOD = "2026-10-31T10:00:00Z"


def late(number, **more):
    item = {
        "type": "track",
        "event": "Opened",
        "userId": f"u{number}",
        "messageId": f"m{number}",
        "properties": {"n": number},
    }
    return Held(
        source="app", format="segment", code="future", reason="Late.", at="2026-11-01",
        item=json.dumps({**item, "timestamp": "2099-01-01T00:00:00Z", **more}),
    )  # fmt: skip


@pytest.fixture
def company(tmp_path):
    with Workspace.open(tmp_path / "workspace") as found:
        batch = found.inbox.begin(source="app")
        held = [late(n) for n in range(5)] + [late(5, userId=None), late(6, timestamp=GOOD)]
        batch.append("event", pa.table({"name": pa.array([], pa.string())}), held=held)
        batch.finish()
        yield found


def items(company, **which):
    with company.state.reading() as connection:
        return heldback.listed(connection, **which)


def ids(company):
    return [i.id for i in items(company)]


def test_a_preview_says_how_many_would_change_how_many_not_and_why_and_changes_nothing(company):
    before = items(company)
    found = preview(company, items=ids(company), field="timestamp", value=GOOD)

    assert (found.items, found.changes, found.same, found.unfit) == (7, 5, 1, 1)
    assert [(c.before, c.after) for c in found.shown] == [("2099-01-01T00:00:00Z", GOOD)] * 5
    assert "id" in found.problems[0].reason
    assert found.last == before[-1].id
    assert items(company) == before


def test_what_the_preview_counted_is_what_is_corrected_and_then_stored(company):
    found = preview(company, items=ids(company), field="timestamp", value=GOOD)
    done = correct_held(company, items=ids(company), field="timestamp", value=GOOD)
    assert len(done.items) == found.changes

    replayed = replay_held(company, items=done.items)
    assert replayed.stored == 5
    told = company.ledger("app")[0]
    assert (told["stored"], told["held_back"]) == (5, 2)


def test_a_correction_is_taken_back_as_it_was_sent_and_other_repairs_stay(company):
    first, second = ids(company)[:2]
    repair_held(company, item=first, changes={"event": "Renamed", "timestamp": GOOD})
    done = correct_held(company, items=[first, second], field="properties.n", value="77")
    assert done.items == (first,)  # the second would still lie in the future
    done = correct_held(company, items=[first, second], field="timestamp", value="2026-10-30T10:00:00Z")
    assert done.items == (first, second)

    assert uncorrect_held(company, entry=done.entry) == [first, second]
    one, two = items(company)[:2]
    assert json.loads(one.text)["event"] == "Renamed"
    assert json.loads(one.text)["properties"] == {"n": 77}
    assert json.loads(one.text)["timestamp"] == "2099-01-01T00:00:00Z"
    assert two.changed is None


def test_what_was_replayed_meanwhile_is_not_taken_back(company):
    done = correct_held(company, items=ids(company), field="timestamp", value=GOOD)
    replay_held(company, items=done.items[:3])
    assert uncorrect_held(company, entry=done.entry) == list(done.items[3:])
    assert uncorrect_held(company, entry=done.entry) == []


def test_a_new_field_inside_another_is_taken_out_again_whole(company):
    done = correct_held(company, items=ids(company)[6:], field="context.device.id", value="d1")
    assert json.loads(items(company)[6].text)["context"] == {"device": {"id": "d1"}}
    uncorrect_held(company, entry=done.entry)
    assert items(company)[6].changed is None or "d1" not in items(company)[6].text


def test_each_act_is_in_the_record_without_the_value(company):
    done = correct_held(company, items=ids(company), field="timestamp", value=GOOD, by="me")
    uncorrect_held(company, entry=done.entry, by="me")
    record = company.state.written_down(2)
    assert [r["name"] for r in record] == ["uncorrect_held", "correct_held"]
    assert all(r["by"] == "me" and GOOD not in r["arguments"] for r in record)


def test_a_field_or_a_correction_that_is_none_is_refused(company):
    with pytest.raises(BadInput, match="which field"):
        correct_held(company, items=ids(company), field=" ", value="x")
    with pytest.raises(UnknownName):
        uncorrect_held(company, entry=4711)
