"""Files that are not what was written are named and made again, or refused; never served."""

from __future__ import annotations

import errno
import json
import os
import sqlite3

import pytest
from sqlalchemy.exc import OperationalError

from regard.errors import Damaged, RegardError
from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store.lake import LakeFile

GIVEN = Settings(buckets=2, memory="300MB", threads=1)


def _truncate(path):
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _flip(path):
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 0xFF]))


DAMAGES = pytest.mark.parametrize("damage", [_truncate, _flip, lambda path: path.unlink()], ids=["cut", "flip", "gone"])


@pytest.fixture
def filled(tmp_path, tools, some_rows):
    with Workspace.open(tmp_path / "ws", given=GIVEN) as workspace:
        tools.add(workspace, "order", some_rows(1, 40))
        tools.add(workspace, "profile", [{"person": "p1", "name": "One", "labels": json.dumps({"region": "EU"})}])
        tools.settle(workspace)
        tools.add(workspace, "order", some_rows(2, 3))
        tools.settle(workspace)
    return tmp_path / "ws"


SQL = (
    "SELECT position, customer FROM lake_order ORDER BY 1",
    "SELECT * FROM lake_customer ORDER BY customer",
    "SELECT * FROM lake_standing ORDER BY customer, since",
)


@DAMAGES
def test_a_damaged_lake_file_is_set_aside_named_and_made_again(filled, tools, damage):
    with Workspace.open(filled, given=GIVEN) as workspace:
        before = [tools.query(workspace, sql) for sql in SQL]
        names = [f.file for f in workspace.lake.newest().files]
    for name in names:
        if not (filled / "lake" / name).exists():
            continue  # replaced when another was made again
        damage(filled / "lake" / name)
        with Workspace.open(filled, given=GIVEN) as workspace:
            assert [tools.query(workspace, sql) for sql in SQL] == before
            assert any(name in entry["arguments"] for entry in workspace.state.written_down())
            assert not list(workspace.verify())


@DAMAGES
def test_a_damaged_segment_is_refused_by_name_and_never_served(filled, damage):
    segment = min((filled / "inbox").glob("*.parquet"))
    damage(segment)
    with pytest.raises(Damaged, match=segment.name) as caught:
        Workspace.open(filled, given=GIVEN)
    assert "backup" in caught.value.hint


@DAMAGES
def test_a_damaged_id_run_is_made_again_and_duplicates_are_still_known(filled, tools, some_rows, damage):
    damage(min((filled / "ids").glob("*.ids")))
    with Workspace.open(filled, given=GIVEN) as workspace:
        assert tools.add(workspace, "order", some_rows(1, 40))[1].stored == 0


def test_a_touched_but_unchanged_file_is_fine(filled):
    for path in [*(filled / "lake").glob("*.parquet"), *(filled / "inbox").glob("*.parquet")]:
        os.utime(path)
    with Workspace.open(filled, given=GIVEN) as workspace:
        assert not list(workspace.verify())


def test_a_flip_that_leaves_size_and_time_is_found_by_verify(filled):
    path = min((filled / "inbox").glob("*.parquet"))
    stat = path.stat()
    _flip(path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with Workspace.open(filled, given=GIVEN) as workspace:
        assert [path.name in str(problem) for problem in workspace.verify()] == [True]


def test_state_that_is_no_database_is_named(filled):
    for path in filled.glob("state.sqlite*"):
        path.unlink()
    (filled / "state.sqlite").write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(Damaged, match="state"):
        Workspace.open(filled, given=GIVEN)


@pytest.mark.parametrize("failing", [(call, nth) for call in ("fsync", "rename") for nth in (1, 2, 3, 5, 8)])
def test_a_write_that_fails_leaves_everything_as_it_was(workspace, tools, some_rows, monkeypatch, failing):
    tools.add(workspace, "order", some_rows(1, 20))
    tools.settle(workspace)
    before = [tools.query(workspace, sql) for sql in SQL]
    with monkeypatch.context() as patch:
        _fail_at(patch, *failing)
        try:
            tools.add(workspace, "order", some_rows(5, 20))
            tools.settle(workspace)
        except OSError:
            failed = True
        else:
            failed = False
    if failed:
        assert [tools.query(workspace, sql) for sql in SQL] == before
    tools.add(workspace, "order", some_rows(5, 20))
    tools.settle(workspace)
    assert len(tools.query(workspace, SQL[0])) > len(before[0])
    keys = tools.query(workspace, "SELECT count(*) - count(DISTINCT key) FROM lake_order WHERE key IS NOT NULL")
    assert keys == [(0,)]
    for batch in workspace.inbox.batches():
        assert batch["received"] == batch["stored"] + batch["duplicate"] + batch["held_back"] + batch["refused"]


def _fail_at(patch, call, nth):
    import pathlib

    home, name = (os, "fsync") if call == "fsync" else (pathlib.Path, "rename")
    real, count = getattr(home, name), [0]

    def failing(*args, **kwargs):
        count[0] += 1
        if count[0] == nth:
            raise OSError(28, "No space left on device")
        return real(*args, **kwargs)

    patch.setattr(home, name, failing)


def test_a_file_of_the_lake_that_the_disk_does_not_give_is_named(tmp_path, monkeypatch):
    """Arrow says the number and the place in its words only: a person is told which file, by every door."""

    def failing(*_, **__):
        raise OSError("Failed to open local file 'x'. Detail: [errno 5] Input/output error")

    monkeypatch.setattr("regard.store.lake.pq.read_table", failing)
    file = LakeFile(id=1, file="fold.parquet", kind="derived", role="fold", bucket=None, rows=1, size=1, mtime_ns=1,
                    checksum="")  # fmt: skip
    with (
        Workspace.open(tmp_path / "workspace", given=GIVEN) as workspace,
        pytest.raises(OSError, match="error") as told,
    ):
        workspace.lake.read(file)

    assert (told.value.errno, told.value.filename) == (errno.EIO, str(workspace.lake.path(file)))


def test_a_disk_that_fails_while_the_log_of_state_is_emptied_is_told_as_such(tmp_path, monkeypatch):
    """An erasure ends with it: what failed is said in words, with where and what next."""

    def failing(*_, **__):
        raise OperationalError("PRAGMA", None, sqlite3.OperationalError("disk I/O error"))

    with Workspace.open(tmp_path / "workspace", given=GIVEN) as workspace:
        monkeypatch.setattr("sqlalchemy.engine.Connection.exec_driver_sql", failing)
        with pytest.raises(RegardError, match="disk I/O error") as told:
            workspace.state.truncate_log()
        monkeypatch.undo()

    assert (told.value.where, bool(told.value.hint)) == (str(workspace.state.path), True)
