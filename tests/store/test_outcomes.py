"""The log against a model in plain Python (tests/store/conftest.py: `Model`): every outcome and what stands."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from regard.errors import BadInput, UnknownName
from regard.store import heldback
from regard.store.heldback import Held

OUTCOMES = ("stored", "duplicate", "held_back")


def _rows(chance, count):
    rows = []
    for _ in range(count):
        keyed = chance.random() < 0.5
        row = {
            "key": f"k{chance.randrange(6)}" if keyed else None,
            "message_id": f"m{chance.randrange(5)}" if chance.random() < 0.25 else None,
            "person": f"p{chance.randrange(4)}",
            "amount": float(chance.randrange(3)),
            "occurred_at": 1_700_000_000 + chance.randrange(3),
            "version_at": 1_700_000_100 + chance.randrange(3) if chance.random() < 0.4 else None,
        }
        rows.append(row)
    return rows


def _import(workspace, model, tools, chance, files):
    source, kind, rows = chance.choice(files)
    batch = workspace.inbox.begin(source=source, files=["f"])
    expected = Counter(model.add(batch.id, kind, source, row) for row in rows)
    total = Counter()
    step = chance.choice([len(rows), 3, 7])
    for start in range(0, len(rows), step):
        outcome = batch.append(kind, tools.table(rows[start : start + step]))
        total += Counter(outcome.as_dict())
    batch.finish()
    assert {o: total[o] for o in OUTCOMES} == {o: expected[o] for o in OUTCOMES}
    assert total["received"] == len(rows)


@pytest.mark.parametrize("seed", range(8))
def test_imports_undos_and_imports_again_agree_with_the_model(workspace, model, tools, seed):
    chance = random.Random(seed)
    files = [(chance.choice(["shop", "desk"]), chance.choice(["order", "event"]), _rows(chance, 14)) for _ in range(4)]
    for _ in range(14):
        choice = chance.random()
        standing = [b["id"] for b in workspace.inbox.batches() if b["undone"] is None]
        if choice < 0.25 and standing:
            undone = chance.choice(standing)
            workspace.inbox.undo(undone)
            model.undone.add(undone)
        elif choice < 0.45:
            tools.settle(workspace)
        else:
            _import(workspace, model, tools, chance, files)
    tools.settle(workspace)
    _compare(workspace, model, tools)
    list(workspace.rebuild())
    _compare(workspace, model, tools)
    for row in workspace.ledger():
        assert row["received"] == row["stored"] + row["duplicate"] + row["held_back"] + row["refused"]


def _compare(workspace, model, tools):
    for kind in ("order", "event"):
        found = Counter(tools.query(workspace, f"SELECT source, key, person, amount FROM lake_{kind}"))
        assert found == model.visible(kind)
        assert workspace.counts()[kind] == sum(found.values())


def test_the_same_file_twice_adds_nothing_and_equal_rows_of_one_file_are_both_kept(workspace, tools):
    rows = [{"person": "a", "name": "open"}] * 3 + [{"person": "b", "name": "open"}]
    assert tools.add(workspace, "event", rows)[1].stored == 4
    assert tools.add(workspace, "event", rows)[1].duplicate == 4
    assert tools.add(workspace, "event", [*rows, rows[0]])[1].stored == 1


def test_equal_rows_in_different_chunks_of_one_file_are_all_kept(workspace, tools):
    batch = workspace.inbox.begin(source="shop")
    row = [{"person": "a", "name": "open"}]
    assert [batch.append("event", tools.table(row)).stored for _ in range(10)] == [1] * 10
    again = workspace.inbox.begin(source="shop")
    assert again.append("event", tools.table(row * 10)).duplicate == 10


def test_a_message_sent_again_with_other_content_is_held_back_and_kept_aside(workspace, tools):
    tools.add(workspace, "event", [{"message_id": "m", "person": "a", "name": "x", "sent_at": 1}])
    assert (
        tools.add(workspace, "event", [{"message_id": "m", "person": "a", "name": "x", "sent_at": 2}])[1].duplicate == 1
    )
    assert tools.add(workspace, "event", [{"message_id": "m", "person": "a", "name": "y"}])[1].held_back == 1
    with workspace.state.reading() as connection:
        assert heldback.count(connection) == 1


def test_what_a_caller_refused_is_counted_and_the_outcomes_add_up(workspace, tools):
    batch = workspace.inbox.begin(source="shop")
    item = Held(source="shop", format="native", code="future", reason="Why.", item="{}", at="2026-01-01")
    outcome = batch.append("event", tools.table([{"person": "a", "name": "x"}]), refused=2, held=[item])
    assert outcome.as_dict() == {"received": 4, "stored": 1, "duplicate": 0, "held_back": 1, "refused": 2}
    assert batch.finish() == outcome


def test_a_finished_or_undone_batch_takes_nothing_more(workspace, tools):
    batch = workspace.inbox.begin(source="shop")
    batch.finish()
    with pytest.raises(BadInput, match="finished"):
        batch.append("event", tools.table([{"person": "a", "name": "x"}]))
    other = workspace.inbox.begin(source="shop")
    workspace.inbox.undo(other.id)
    with pytest.raises(BadInput, match="undone"):
        other.append("event", tools.table([{"person": "a", "name": "x"}]))
    with pytest.raises(BadInput, match="already"):
        workspace.inbox.undo(other.id)
    with pytest.raises(UnknownName):
        workspace.inbox.undo(99)


def test_unknown_kinds_and_columns_and_values_that_do_not_fit_are_named(workspace, tools):
    batch = workspace.inbox.begin(source="shop")
    with pytest.raises(UnknownName, match="evnt"):
        batch.append("evnt", tools.table([{"person": "a"}]))
    with pytest.raises(UnknownName, match="persn"):
        batch.append("event", tools.table([{"persn": "a"}]))
    with pytest.raises(BadInput, match="occurred_at"):
        batch.append("event", tools.table([{"person": "a"}]).append_column("occurred_at", [["yesterday"]]))


def test_many_small_appends_keep_the_index_small_and_right(workspace, tools):
    batch = workspace.inbox.begin(source="shop")
    for number in range(60):
        batch.append("event", tools.table([{"key": f"k{number}", "person": "a", "name": "x"}]))
    assert len(list((workspace.root / "ids").glob("*.ids"))) < 20
    rows = [{"key": f"k{number}", "person": "a", "name": "x"} for number in range(61)]
    assert tools.add(workspace, "event", rows)[1].duplicate == 60
