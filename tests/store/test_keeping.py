"""Backups, erasure, readers beside writers."""

from __future__ import annotations

import json
import threading

import pytest

from regard.errors import BadInput, Busy, Damaged, UnknownName
from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store import disk

GIVEN = Settings(buckets=2, memory="300MB", threads=1)
CANARY = "canary-4711"
ORDERS = "SELECT position, person, amount FROM lake_order ORDER BY 1"


def _fill(workspace, tools):
    people = [CANARY, "ann", "bob"]
    tools.add(workspace, "order", [{"key": f"o{i}", "person": people[i % 3], "amount": float(i)} for i in range(9)])
    tools.add(workspace, "profile", [{"person": CANARY, "name": f"Mr {CANARY}", "labels": json.dumps({"who": CANARY})}])
    tools.add(
        workspace, "event", [{"anonymous": f"device-{CANARY}", "name": "open"}, {"person": "ann", "name": "open"}]
    )
    tools.add(workspace, "merge", [{"anonymous": f"device-{CANARY}", "into": CANARY}])
    tools.add(workspace, "event", [{"message_id": "m", "person": "ann", "name": "a"}])
    tools.add(workspace, "event", [{"message_id": "m", "person": CANARY, "name": "b"}])  # held back
    (workspace.root / "uploads" / "old.csv").write_text(f"person,amount\n{CANARY},1\nann,2\n")
    tools.settle(workspace)


def _naming(root, word=CANARY):
    return [p.relative_to(root) for p in root.rglob("*") if p.is_file() and word.encode() in p.read_bytes()]


def test_an_erased_customer_is_nowhere_in_the_directory_and_stays_away(workspace, tools):
    _fill(workspace, tools)
    assert _naming(workspace.root)
    progress = list(workspace.erase(CANARY))
    assert progress
    assert not _naming(workspace.root)
    assert tools.query(workspace, "SELECT count(*) FROM lake_order") == [(6,)]
    assert (workspace.root / "uploads" / "old.csv").read_text() == "person,amount\nann,2\n"
    _, outcome = tools.add(workspace, "order", [{"key": "new", "person": CANARY, "amount": 1.0}])
    assert outcome.as_dict() == {"received": 1, "stored": 0, "duplicate": 0, "held_back": 0, "refused": 1}
    _, again = tools.add(workspace, "order", [{"key": "o1", "person": "ann", "amount": 1.0}])
    assert again.duplicate == 1
    list(workspace.erase(CANARY))  # interrupted, it is finished by itself: again is no mistake
    with pytest.raises(UnknownName):
        list(workspace.erase("nobody"))
    list(workspace.rebuild())
    assert not _naming(workspace.root)
    assert not list(workspace.verify())


def test_what_is_known_of_a_customer_is_exported_whole(workspace, tools):
    _fill(workspace, tools)
    known = workspace.export_customer(CANARY)
    assert known["customer"]["name"] == f"Mr {CANARY}"
    assert {i["space"] for i in known["ids"]} == {"person", "anonymous"}
    assert {kind: len(rows) for kind, rows in known["signals"].items()} == {
        "order": 3, "profile": 1, "event": 1, "merge": 1,
    }  # fmt: skip
    json.dumps(known)


def test_a_backup_restores_to_the_same_answers(workspace, tools, tmp_path):
    _fill(workspace, tools)
    before = tools.query(workspace, ORDERS)
    workspace.backup(tmp_path / "b.tar")
    with Workspace.restore(tmp_path / "b.tar", tmp_path / "other") as other:
        tools.settle(other)
        assert tools.query(other, ORDERS) == before
        assert other.ledger() == workspace.ledger()
        assert tools.add(other, "order", [{"key": "o1", "person": "ann", "amount": 1.0}])[1].duplicate == 1


def test_a_restored_backup_forgets_who_was_erased_since(workspace, tools, tmp_path):
    _fill(workspace, tools)
    workspace.backup(tmp_path / "b.tar")
    list(workspace.erase(CANARY))
    with Workspace.restore(tmp_path / "b.tar", tmp_path / "other") as other:
        tools.settle(other)
        assert tools.query(other, "SELECT count(*) FROM lake_order") == [(6,)]
        assert not [p for p in _naming(other.root) if p.parts[0] in {"inbox", "lake"}]


def test_a_damaged_backup_and_a_place_in_use_are_refused(workspace, tools, tmp_path):
    _fill(workspace, tools)
    workspace.backup(tmp_path / "b.tar")
    with pytest.raises(BadInput, match="empty"):
        Workspace.restore(tmp_path / "b.tar", workspace.root)
    with pytest.raises(BadInput, match="no such"):
        Workspace.restore(tmp_path / "none.tar", tmp_path / "other")
    data = (tmp_path / "b.tar").read_bytes()
    (tmp_path / "b.tar").write_bytes(data[: len(data) // 2])
    with pytest.raises(Damaged):
        Workspace.restore(tmp_path / "b.tar", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_backup_written_while_rows_arrive_is_consistent(workspace, tools, tmp_path):
    _fill(workspace, tools)
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            tools.add(workspace, "order", [{"key": f"w{number}", "person": "ann", "amount": 1.0}])
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        workspace.backup(tmp_path / "b.tar")
    finally:
        stop.set()
        writer.join()
    with Workspace.restore(tmp_path / "b.tar", tmp_path / "other") as other:
        tools.settle(other)
        assert other.ledger()[-1]["stored"] == other.position


def test_a_reader_keeps_its_generation_while_others_settle(workspace, tools):
    tools.add(workspace, "order", [{"key": "a", "person": "ann", "amount": 1.0}])
    tools.settle(workspace)
    with workspace.connect() as (connection, position):
        for number in range(4):
            tools.add(workspace, "order", [{"key": f"b{number}", "person": "bob", "amount": 1.0}])
            tools.settle(workspace)
            assert connection.execute("SELECT count(*) FROM lake_order").fetchall() == [(1,)]
        assert position < workspace.settled_position
    tools.settle(workspace)
    assert tools.query(workspace, "SELECT count(*) FROM lake_order") == [(5,)]
    workspace.lake.collect()
    listed = {f.file for f in workspace.lake.newest().files}
    assert {p.name for p in (workspace.root / "lake").iterdir()} == listed


def test_a_lease_of_a_process_that_died_holds_nothing(workspace, tools):
    from regard.store import tables

    tools.add(workspace, "order", [{"key": "a", "person": "ann", "amount": 1.0}])
    tools.settle(workspace)
    row = {"generation": 1, "pid": 2**22 - 3, "pid_started": "1", "expires": 2**40}
    with workspace.state.writing() as connection:
        connection.execute(tables.leases.insert().values(row))
    tools.add(workspace, "order", [{"key": "b", "person": "ann", "amount": 1.0}])
    tools.settle(workspace)
    with workspace.state.reading() as connection:
        assert not list(connection.execute(tables.leases.select()))


def test_only_one_settles_at_a_time(workspace):
    from regard.signals import settling

    with disk.locked(workspace.root / "settle.lock", what="settling"), pytest.raises(Busy, match="settling"):
        list(settling.settle(workspace, wait=0))


def test_a_write_key_is_shown_once_and_kept_as_a_hash(workspace):
    key = workspace.add_source("shop")
    assert workspace.source_of(key) == "shop"
    assert workspace.source_of("rk_wrong") is None
    assert not _naming(workspace.root, key)
    with pytest.raises(BadInput, match="already"):
        workspace.add_source("shop")


def test_declarations_edited_by_hand_are_a_new_version_and_mistakes_are_named(workspace):
    from regard.signals.declarations import Declarations, Stage

    assert workspace.declarations() == (0, Declarations())
    declared = Declarations(name='Proof "&" Crumb', customer="account", stages=(Stage(name="Start"),))
    assert workspace.declare(declared, by="ann") == 1
    assert workspace.declarations() == (1, declared)
    path = workspace.root / "company.toml"
    path.write_text(path.read_text().replace("Start", "Begin"))
    version, edited = workspace.declarations()
    assert (version, edited.stages[0].name) == (2, "Begin")
    assert workspace.declarations()[0] == 2
    path.write_text("name = \n")
    with pytest.raises(BadInput, match="line 1"):
        workspace.declarations()
    path.write_text('customer = "cat"')
    with pytest.raises(BadInput, match="customer"):
        workspace.declarations()


def test_migrations_make_the_tables_the_code_knows(tmp_path):
    """A new database is made at once, an old one by migrations: both must come out the same but for blanks."""
    from sqlalchemy import create_engine, text

    from regard.store.state import State, migrate

    blanks = "replace(replace(replace(sql, char(10), ''), char(9), ''), ' ', '')"
    tables = text(f"SELECT type, name, {blanks} FROM sqlite_master ORDER BY type, name")
    revision = text("SELECT version_num FROM alembic_version")
    state = State(tmp_path / "new.sqlite")
    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    with engine.begin() as connection:
        migrate(connection)
    with engine.connect() as migrated, state.reading() as made:
        assert made.execute(tables).fetchall() == migrated.execute(tables).fetchall()
        assert made.execute(revision).fetchall() == migrated.execute(revision).fetchall()
    state.close()
    engine.dispose()


def test_a_file_that_cannot_be_copied_into_a_backup_is_named(workspace, tmp_path, monkeypatch):
    (workspace.root / "rejects" / "import-1.csv").write_text("file,line\n")

    def failing(source, target):
        raise OSError(5, "Input/output error", str(target))

    monkeypatch.setattr("regard.store.backup.shutil.copy2", failing)
    with pytest.raises(OSError, match="Input/output") as told:
        workspace.backup(tmp_path / "b.tar")

    assert told.value.filename.endswith("rejects/import-1.csv")
    assert not (tmp_path / "b.tar").exists()
