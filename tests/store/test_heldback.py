"""Items held back: kept with their counts, listed, repaired, discarded, erased, taken over from earlier versions."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path

import pytest

from regard.errors import BadInput, UnknownName
from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store import heldback
from regard.store.heldback import Held
from regard.store.inbox import Inbox

OLD = Path(__file__).with_name("workspace-0001.tar.gz")
"""A workspace of the first tables: batch 2 held two rows back in a file, batch 3 held one back and was undone."""


def _held(source="shop", code="future", **item):
    return Held(source=source, format="native", code=code, reason="Why.", item=json.dumps(item), at="2026-01-01")


def _open(workspace, **filters):
    with workspace.state.reading() as connection:
        return heldback.listed(connection, **filters)


def _ledger(workspace):
    total = workspace.ledger()[-1]
    assert total["received"] == total["stored"] + total["duplicate"] + total["held_back"] + total["refused"]
    assert total["held_back"] == len(_open(workspace, limit=100_000))
    return total


@pytest.fixture
def conflict(workspace, tools):
    tools.add(workspace, "event", [{"message_id": "m", "person": "ann", "name": "a", "occurred_at": 1_700_000_000}])
    rows = [{"message_id": "m", "person": "bob", "name": "b"}, {"message_id": "n", "person": "bob", "name": "c"}]
    return tools.add(workspace, "event", rows)[0]


def test_a_row_in_conflict_is_kept_as_it_was_sent_in_the_batch_it_came_with(workspace, conflict):
    (item,) = _open(workspace)

    assert (item.batch, item.source, item.format, item.code, item.state) == (
        conflict,
        "shop",
        "row",
        "id_conflict",
        "held",
    )
    assert json.loads(item.item) == {"kind": "event", "message_id": "m", "person": "bob", "name": "b"}
    assert _ledger(workspace)["held_back"] == 1
    assert not list((workspace.root / "rejects").iterdir())


def test_times_of_a_row_are_kept_to_the_microsecond(workspace, tools):
    tools.add(workspace, "event", [{"message_id": "m", "person": "ann", "name": "a"}])
    tools.add(workspace, "event", [{"message_id": "m", "person": "ann", "occurred_at": 1_700_000_000.123456}])

    assert json.loads(_open(workspace)[0].item)["occurred_at"] == "2023-11-14T22:13:20.123456Z"


def test_items_are_found_by_source_reason_batch_and_page(workspace, tools):
    batch = workspace.inbox.begin(source="shop")
    batch.append("event", tools.table([]), held=[_held(n=n) for n in range(5)] + [_held("desk", "id_conflict", n=9)])

    assert [json.loads(i.item)["n"] for i in _open(workspace, source="shop", limit=2)] == [0, 1]
    assert [json.loads(i.item)["n"] for i in _open(workspace, source="shop", after=_open(workspace)[1].id)] == [2, 3, 4]
    assert [json.loads(i.item)["n"] for i in _open(workspace, code="id_conflict", batch=batch.id)] == [9]
    with workspace.state.reading() as connection:
        assert [(g.source, g.code, g.items) for g in heldback.groups(connection)] == [
            ("shop", "future", 5),
            ("desk", "id_conflict", 1),
        ]
    assert _ledger(workspace)["received"] == 6


def test_beyond_the_cap_an_item_is_refused_and_the_outcomes_still_add_up(tmp_path, tools):
    with Workspace.open(tmp_path / "ws", given=Settings(buckets=1, held_items=3)) as workspace:
        tools.add(workspace, "event", [{"message_id": f"m{n}", "person": "ann", "name": "a"} for n in range(9)])
        rows = [{"message_id": f"m{n}", "person": "ann", "name": "b"} for n in range(5)]
        outcome = tools.add(workspace, "event", rows)[1]

        assert outcome.as_dict() == {"received": 5, "stored": 0, "duplicate": 0, "held_back": 3, "refused": 2}
        batch = workspace.inbox.begin(source="desk")
        assert batch.append("event", tools.table([]), held=[_held("desk")] * 4).held_back == 3
        assert _ledger(workspace)["refused"] == 3


def test_discarding_counts_as_refused_and_can_be_taken_back(workspace, conflict):
    item = _open(workspace)[0].id
    with workspace.state.writing() as connection:
        assert heldback.discard(connection, [item, item + 99], by="ann") == [item]
        assert heldback.discard(connection, [item]) == []
    assert (_ledger(workspace)["held_back"], _ledger(workspace)["refused"]) == (0, 1)
    with workspace.state.writing() as connection:
        assert heldback.bring_back(connection, [item]) == [item]
        assert heldback.bring_back(connection, [item]) == []
    assert (_ledger(workspace)["held_back"], _ledger(workspace)["refused"]) == (1, 0)
    assert _open(workspace)[0].outcome is None


def test_a_repair_is_kept_beside_what_was_sent_until_the_item_is_settled(workspace, conflict):
    item = _open(workspace)[0]
    with workspace.state.writing() as connection:
        assert heldback.repair(connection, item.id, changed='{"kind":"event"}').text == '{"kind":"event"}'
        assert heldback.one(connection, item.id).item == item.item
        heldback.discard(connection, [item.id])
        with pytest.raises(BadInput, match="discarded"):
            heldback.repair(connection, item.id, changed="{}")
        with pytest.raises(UnknownName):
            heldback.one(connection, 4711)


def test_undoing_a_batch_takes_what_it_held_back_along(workspace, conflict):
    item = _open(workspace)[0].id
    workspace.inbox.undo(conflict)

    assert _open(workspace) == []
    assert _ledger(workspace)["received"] == 1
    with workspace.state.writing() as connection:
        assert heldback.discard(connection, [item]) == []
        assert heldback.bring_back(connection, [item]) == []


def test_erasing_a_customer_removes_the_items_that_name_them_and_only_those(workspace, tools, conflict):
    batch = workspace.inbox.begin(source="app")
    items = [_held(userId="bob"), _held(properties={"deep": [{"distinct_id": "bob"}]}), _held(userId="bobby")]
    batch.append("event", tools.table([]), held=items)
    tools.settle(workspace)
    told = workspace.export_customer("bob")["held_back"]
    assert len(told) == 3
    assert told[0]["reason"]

    list(workspace.erase("bob"))

    assert [json.loads(i.item) for i in _open(workspace, state="")] == [{"userId": "bobby"}]
    assert _ledger(workspace)["refused"] == 3


def test_an_item_erased_since_a_backup_stays_erased_when_it_is_restored(workspace, tools, conflict, tmp_path):
    tools.settle(workspace)
    workspace.backup(tmp_path / "b.tar")
    list(workspace.erase("bob"))
    with Workspace.restore(tmp_path / "b.tar", tmp_path / "again") as restored:
        assert _open(restored, state="") == []
        assert _ledger(restored)["refused"] == 1


def test_backup_and_restore_carry_what_is_held_back(workspace, conflict, tmp_path):
    workspace.backup(tmp_path / "b.tar")
    with Workspace.restore(tmp_path / "b.tar", tmp_path / "again") as restored:
        assert _open(restored) == _open(workspace)


@pytest.fixture
def old(tmp_path):
    with gzip.open(OLD) as packed, tarfile.open(fileobj=packed) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / "workspace"


def test_a_workspace_of_the_first_tables_is_migrated_and_its_files_are_taken_over(old):
    for _ in range(2):
        with Workspace.open(old, given=Settings(buckets=1)) as workspace:
            kept = [(i.batch, json.loads(i.item)["person"]) for i in _open(workspace)]
            assert kept == [(2, "ada"), (2, "ben")]
            assert [i.batch for i in _open(workspace, state="undone")] == [3]
            assert _ledger(workspace)["stored"] == 3
            assert not list((old / "rejects").glob("held-*"))


def test_a_file_taken_over_just_before_a_crash_is_not_taken_over_again(old, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda *_args, **_given: (_ for _ in ()).throw(OSError("killed")))
        with pytest.raises(OSError, match="killed"):
            Workspace.open(old, given=Settings(buckets=1))
    with Workspace.open(old, given=Settings(buckets=1)) as workspace:
        assert len(_open(workspace)) == 2
        assert _ledger(workspace)["held_back"] == 2


def test_a_file_of_an_earlier_version_that_cannot_be_read_is_set_aside(old):
    path = next((old / "rejects").glob("held-2-*"))
    path.write_bytes(b"nothing")
    with Workspace.open(old, given=Settings(buckets=1)):
        assert path.with_name(path.name + ".damaged").exists()


def test_an_inbox_without_settings_has_the_documented_cap():
    assert Inbox.__init__.__kwdefaults__ == {"most_held": 100_000}


def test_whoever_is_known_from_held_back_items_alone_can_be_exported_and_erased(workspace, tools):
    batch = workspace.inbox.begin(source="app")
    batch.append("event", tools.table([]), held=[_held(userId="zoe"), _held(userId="max")])

    assert len(workspace.export_customer("zoe")["held_back"]) == 1
    list(workspace.erase("zoe"))

    assert [json.loads(i.item) for i in _open(workspace, state="")] == [{"userId": "max"}]
    assert _ledger(workspace)["refused"] == 1
