"""State that changed by itself is named; an older one put back is refused, and brought forward on demand."""

from __future__ import annotations

import random
import shutil
import sqlite3
from contextlib import closing, suppress

import pytest

from regard.errors import BadInput, Damaged
from regard.settings import Settings
from regard.signals.declarations import Declarations
from regard.signals.workspace import Workspace
from regard.store import recovery, seals
from regard.store.redo import Redo

GIVEN = Settings(buckets=2, memory="300MB", threads=1)
CANARY = "canary-4711"


def _open(root):
    return Workspace.open(root, given=GIVEN)


def _rows(tools, first, count=12):
    people = [CANARY, "ann", "bob"]
    return [
        {"key": f"o{n}", "person": people[n % 3], "amount": float(n), "occurred_at": 1_700_000_000 + n}
        for n in range(first, first + count)
    ]


def _acts(tools):
    """What is done to a workspace, one after another; an older state is put back after each."""
    return [
        ("import", lambda w: tools.add(w, "order", _rows(tools, 0))),
        ("repeat", lambda w: tools.add(w, "order", _rows(tools, 6))),
        ("settle", tools.settle),
        ("open batch", lambda w: tools.add(w, "order", _rows(tools, 30), finish=False)),
        ("undo", lambda w: w.inbox.undo(1)),
        ("declare", lambda w: w.declare(Declarations(name="Shop"))),
        ("source", lambda w: w.add_source("shop")),
        ("erase", lambda w: list(w.erase(CANARY))),
        ("import again", lambda w: tools.add(w, "order", _rows(tools, 40))),
    ]


def _answers(root, tools):
    with _open(root) as workspace:
        tools.settle(workspace)
        rows = tools.query(workspace, "SELECT key, person, amount FROM lake_order ORDER BY ALL")
        known = (workspace.ledger(), workspace.sources(), workspace.declarations(), workspace.position)
        again = tools.add(workspace, "order", [{"key": "x", "person": CANARY, "amount": 1.0}])[1].as_dict()
        return rows, known, again


def _put_back(root, saved):
    for path in root.glob("state.sqlite*"):
        path.unlink()
    shutil.copy2(saved, root / "state.sqlite")


@pytest.fixture(scope="module")
def lived(tmp_path_factory, tools):
    """A workspace to which everything was done, and its state before each act."""
    home = tmp_path_factory.mktemp("lived")
    saved = []
    for number, (name, act) in enumerate(_acts(tools)):
        with _open(home / "ws") as workspace:
            workspace.state.copy_to(home / f"{number}.sqlite")
            saved.append((name, home / f"{number}.sqlite"))
            act(workspace)
    return home / "ws", saved


@pytest.mark.parametrize("number", range(9))
def test_an_older_state_put_back_is_refused_and_brought_forward(tmp_path, lived, tools, number):
    made, saved = lived
    shutil.copytree(made, tmp_path / "ws")
    shutil.copytree(made, tmp_path / "ruler")
    root, wanted = tmp_path / "ws", _answers(tmp_path / "ruler", tools)
    _put_back(root, saved[number][1])
    before = {p.name: p.read_bytes() for p in (root / "inbox").iterdir()}
    with pytest.raises(Damaged, match="older") as refused:
        _open(root)
    assert "rebuild --state" in refused.value.hint
    assert {p.name: p.read_bytes() for p in (root / "inbox").iterdir()} == before
    assert Workspace.make_state_again(root)
    assert _answers(root, tools) == wanted
    assert not Workspace.make_state_again(root)
    assert not (root / "aside").exists()


def test_a_state_that_is_gone_is_made_again_from_what_lies_beside_it(tmp_path, lived, tools):
    shutil.copytree(lived[0], tmp_path / "ws")
    shutil.copytree(lived[0], tmp_path / "ruler")
    for path in (tmp_path / "ws").glob("state.sqlite*"):
        path.unlink()
    with pytest.raises(Damaged, match="missing"):
        _open(tmp_path / "ws")
    assert Workspace.make_state_again(tmp_path / "ws")
    assert _answers(tmp_path / "ws", tools) == _answers(tmp_path / "ruler", tools)
    with pytest.raises(BadInput, match="no workspace"):
        Workspace.make_state_again(tmp_path / "nowhere")


def _changed(value):
    """The value with its lowest bit or last letter changed."""
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return value[:-1] + chr(ord(value[-1]) ^ 1) if value else "x"


def test_any_value_of_the_truth_that_changes_by_itself_is_named(tmp_path, lived):
    """Every column of every sealed table, one row each: no digit may change unseen."""
    shutil.copytree(lived[0], tmp_path / "ws")
    path, tried = tmp_path / "ws" / "state.sqlite", 0
    clean = shutil.copy2(path, tmp_path / "clean")
    for table in seals.truths():
        for column in table.columns:
            _put_back(tmp_path / "ws", clean)
            with closing(sqlite3.connect(path)) as connection:
                where = f'"{column.name}" IS NOT NULL AND ({"1" if table.name != "meta" else _TRUTH})'
                found = connection.execute(
                    f'SELECT rowid, "{column.name}" FROM "{table.name}" WHERE {where}'
                ).fetchone()
                if found is None:
                    continue
                changed = (_changed(found[1]), found[0])
                connection.execute(f'UPDATE "{table.name}" SET "{column.name}" = ? WHERE rowid = ?', changed)
                connection.commit()
            tried += 1
            with pytest.raises(Damaged, match="not what was written") as refused:
                _open(tmp_path / "ws")
            assert refused.value.where == str(path)
    assert tried > 35
    _put_back(tmp_path / "ws", clean)
    _open(tmp_path / "ws").close()


_TRUTH = "name NOT IN ('seal', 'lake.seal', 'erasing')"


@pytest.mark.parametrize("share", range(4))
def test_a_flipped_bit_anywhere_in_the_file_is_named_or_changes_nothing(tmp_path, lived, tools, share):
    for name in ("ws", "ruler"):
        shutil.copytree(lived[0], tmp_path / name)
    wanted, data = _answers(tmp_path / "ruler", tools), (tmp_path / "ws" / "state.sqlite").read_bytes()
    for seed in range(share * 10, share * 10 + 10):
        chance = random.Random(seed)
        at = chance.choice([n for n in range(0, len(data), 32) if any(data[n : n + 32])]) + chance.randrange(32)
        shutil.copytree(tmp_path / "ws", tmp_path / "tried")
        flipped = data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        (tmp_path / "tried" / "state.sqlite").write_bytes(flipped)
        with suppress(Damaged):
            assert _answers(tmp_path / "tried", tools) == wanted, f"seed {seed}, byte {at}"
        shutil.rmtree(tmp_path / "tried")


def test_a_row_that_goes_missing_is_named_and_the_state_made_again(tmp_path, lived, tools):
    shutil.copytree(lived[0], tmp_path / "ws")
    shutil.copytree(lived[0], tmp_path / "ruler")
    with closing(sqlite3.connect(tmp_path / "ws" / "state.sqlite")) as connection:
        connection.execute("DELETE FROM segments WHERE id = (SELECT max(id) FROM segments)")
        connection.commit()
    with pytest.raises(Damaged, match="not what was written"):
        _open(tmp_path / "ws")
    assert Workspace.make_state_again(tmp_path / "ws")
    assert _answers(tmp_path / "ws", tools) == _answers(tmp_path / "ruler", tools)


def test_what_changes_while_a_workspace_is_open_is_not_settled(workspace, tools):
    tools.add(workspace, "order", _rows(tools, 0))
    with closing(sqlite3.connect(workspace.state.path)) as connection:
        connection.execute("UPDATE batches SET received = received + 1")
        connection.commit()
    with pytest.raises(Damaged, match="not what was written"):
        tools.settle(workspace)
    assert any("not what was written" in str(problem) for problem in workspace.verify())


@pytest.mark.parametrize("harm", ["gone", "cut", "blank", "behind", "flipped"])
def test_a_log_that_is_behind_or_damaged_is_begun_anew_from_state(tmp_path, lived, tools, harm):
    shutil.copytree(lived[0], tmp_path / "ws")
    log = tmp_path / "ws" / "inbox" / "redo.log"
    raw = log.read_bytes()
    lines = [line for line in raw.split(b"\n") if line]
    log.write_bytes(
        {
            "gone": b"",
            "cut": raw[: -len(lines[-1]) // 2],
            "blank": bytes(len(raw)),
            "behind": b"\n".join(lines[:-1]),
            "flipped": raw[:60] + bytes([raw[60] ^ 1]) + raw[61:],
        }[harm]
    )
    with _open(tmp_path / "ws") as workspace:
        ledger = workspace.ledger()
    (tmp_path / "ws" / "state.sqlite").unlink()
    assert Workspace.make_state_again(tmp_path / "ws")
    with _open(tmp_path / "ws") as workspace:
        assert workspace.ledger() == ledger


def test_an_older_state_without_any_log_sets_later_segments_aside_and_an_erasure_takes_them(tmp_path, lived, tools):
    made, saved = lived
    shutil.copytree(made, tmp_path / "ws")
    _put_back(tmp_path / "ws", dict(saved)["import again"])
    (tmp_path / "ws" / "inbox" / "redo.log").unlink()
    later = max(p.name for p in (tmp_path / "ws" / "inbox").glob("*.parquet"))
    with _open(tmp_path / "ws") as workspace:
        assert [p.name for p in (tmp_path / "ws" / "aside").iterdir()] == [later]
        assert any(later in entry["arguments"] for entry in workspace.state.written_down())
        tools.add(workspace, "order", _rows(tools, 40))
        list(workspace.erase("ann"))
    assert not list((tmp_path / "ws" / "aside").iterdir())


def test_the_log_holds_nothing_of_whom_was_erased(workspace, tools):
    workspace.inbox.begin(source="shop", files=["a.csv"])
    tools.add(workspace, "order", _rows(tools, 0))
    tools.settle(workspace)
    workspace.remember(CANARY, "seen")  # as any table may hold it while they are known
    log = workspace.root / "inbox" / "redo.log"
    assert CANARY.encode() in log.read_bytes()
    with workspace.state.writing() as connection:
        connection.exec_driver_sql("DELETE FROM meta WHERE name LIKE 'door.%'")
    list(workspace.erase(CANARY))
    assert CANARY.encode() not in log.read_bytes()


def test_a_process_that_has_the_old_file_open_writes_nothing_into_it(workspace, tools):
    tools.add(workspace, "order", _rows(tools, 0))
    workspace.state.truncate_log()
    path = workspace.state.path
    shutil.copy2(path, path.with_name("copy"))
    path.with_name("copy").replace(path)
    with pytest.raises(Exception, match="replaced"):
        tools.add(workspace, "order", _rows(tools, 50))


def test_a_log_that_grew_is_begun_anew(workspace, monkeypatch):
    monkeypatch.setattr("regard.store.redo.GROWN", 2000)
    workspace.state.begin_log()
    for number in range(100):
        workspace.state.put("door.x", f"{number}" * 20)
    assert workspace.state.redo.path.stat().st_size < 12_000
    lines = Redo(workspace.state.redo.path).lines()
    assert ("meta", ("door.x", "99" * 20)) in recovery.rows_of(lines)
