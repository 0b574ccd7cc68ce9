"""Small segments merged into larger ones: what comes out is what came out before, whatever is done in between."""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from regard.errors import UnknownName
from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store import disk, ids, latest, log, merging, recovery, state
from regard.store.journal import Journal, Lot
from regard.store.log import Segment

GIVEN = Settings(buckets=2, memory="300MB", threads=1)
KINDS = ("order", "event", "profile", "merge")
CHILD = Path(__file__).with_name("killed_merge.py")
KILLS = int(os.environ.get("REGARD_KILLS", "10"))


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Nothing is too young to be merged."""
    monkeypatch.setattr(merging, "AGE", 0)


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved, so that two workspaces can be told the same."""
    found = SimpleNamespace(now=dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC))
    told = SimpleNamespace(UTC=dt.UTC, datetime=SimpleNamespace(now=lambda _zone: found.now))
    monkeypatch.setattr(state, "dt", told)
    return found


def _segments(workspace):
    with workspace.state.reading() as connection:
        return log.segments(connection)


def _row(chance, kind):
    person = {"person": f"p{chance.randrange(6)}", "occurred_at": 1_700_000_000 + chance.randrange(9)}
    if kind == "merge":
        return {"message_id": f"m{chance.randrange(40)}", "anonymous": f"a{chance.randrange(6)}", "into": "p1"}
    if kind == "profile":
        return {"message_id": f"m{chance.randrange(40)}", "account": f"c{chance.randrange(3)}", **person}
    keyed = {"key": f"k{chance.randrange(8)}"} if chance.random() < 0.4 else {"message_id": f"m{chance.randrange(30)}"}
    more = {"amount": float(chance.randrange(3))} if chance.random() < 0.5 else {}
    return {"anonymous": f"a{chance.randrange(6)}", **person, **keyed, **more}


class Twin:
    """One of two workspaces to which the same is done."""

    def __init__(self, root, tools):
        self.root, self.tools, self.copies = root, tools, 0
        self.workspace = Workspace.open(root, given=GIVEN)

    def close(self):
        self.workspace.close()

    def commit(self, lots):
        with Journal(self.workspace.inbox) as opened:
            given = [Lot(source=s, kind=k, table=self.tools.table(rows)) for s, k, rows in lots]
            found = [outcome.tolist() for outcome in opened.commit(given)]
        self.workspace.inbox.seal()
        return found

    def bring(self, rows):
        return self.tools.add(self.workspace, "order", rows)[1].as_dict()

    def undo(self, share):
        standing = [b["id"] for b in self.workspace.inbox.batches() if b["undone"] is None]
        if standing:
            self.workspace.inbox.undo(standing[int(share * len(standing))])

    def erase(self, person):
        try:
            list(self.workspace.erase(f"person:{person}"))
        except UnknownName:
            return "unknown"

    def settle(self):
        list(self.workspace.settle())

    def rebuild(self):
        list(self.workspace.rebuild())

    def forget_ids(self):
        with self.workspace.state.writing() as connection:
            self.workspace.inbox.forget_ids(connection)

    def restore(self):
        self.copies += 1
        saved, into = self.root.parent / f"{self.root.name}-{self.copies}.tar", f"{self.root.name}-{self.copies}"
        self.workspace.backup(saved)
        self.close()
        Workspace.restore(saved, self.root.parent / into).close()
        self.workspace = Workspace.open(self.root.parent / into, given=GIVEN)

    def put_back(self):
        """State of before the last settlement, with whatever it merged, is put back, and brought forward."""
        path = self.workspace.state.path
        self.workspace.state.copy_to(path.with_name("older"))
        self.settle()
        self.close()
        for old in path.parent.glob("state.sqlite*"):
            old.unlink()
        path.with_name("older").rename(path)
        Workspace.make_state_again(path.parent)
        self.workspace = Workspace.open(path.parent, given=GIVEN)

    def tells(self):
        """Everything it answers."""
        self.settle()
        names = [*(f"lake_{kind}" for kind in KINDS), "lake_customer", "lake_standing"]
        rows = {name: sorted(map(repr, self.tools.query(self.workspace, f"SELECT * FROM {name}"))) for name in names}
        known = {}
        for person in ("p1",):
            try:
                known[person] = self.workspace.export_customer(f"person:{person}") | {"exported": ""}
            except UnknownName:
                known[person] = None
        return rows, known, self.workspace.ledger(), self.workspace.counts(), self.workspace.position


def _acts(chance):
    """Something to be done, and how often it is chosen."""

    def commit():
        some = [(chance.choice(["shop", "desk"]), chance.choice(KINDS)) for _ in range(chance.randrange(1, 5))]
        return ("commit", [(s, k, [_row(chance, k) for _ in range(chance.randrange(1, 4))]) for s, k in some])

    def bring():
        return ("bring", [_row(chance, "order") for _ in range(4)])

    plain = ["settle", "settle", "rebuild", "forget_ids", "restore", "put_back"]
    other = [lambda: ("undo", chance.random()), lambda: ("erase", f"p{chance.randrange(6)}")]
    return chance.choice([commit] * 24 + [bring] * 2 + other + [lambda name=name: (name,) for name in plain])()


@pytest.mark.parametrize("seed", range(2))
def test_a_workspace_that_merges_answers_as_one_that_never_does(tmp_path, tools, clock, monkeypatch, seed):
    chance, merged = random.Random(seed), merging.merge
    monkeypatch.setattr(ids, "FAN", 3)

    def only_one(inbox, *, until):
        return merged(inbox, until=until, most=99) if "merges" in inbox.directory.parts[-2] else 0

    monkeypatch.setattr("regard.signals.settling.merging.merge", only_one)
    twins = [Twin(tmp_path / "merges", tools), Twin(tmp_path / "plain", tools)]
    for number in range(60):
        act, *given = _acts(chance)
        one, other = (getattr(twin, act)(*given) for twin in twins)
        assert one == other, act
        clock.now += dt.timedelta(minutes=chance.randrange(1, 90))
        if number % 30 == 29:
            one, other = (twin.tells() for twin in twins)
            assert one == other
    few, many = (len(_segments(twin.workspace)) for twin in twins)
    assert few < many * 0.7
    assert any(s.merged for s in _segments(twins[0].workspace))
    for twin in twins:
        twin.rebuild()
        assert not list(twin.workspace.verify())
    assert twins[0].tells() == twins[1].tells() == one
    for twin in twins:
        twin.close()


def _lived(workspace, tools):
    """Fourteen small segments of two kinds, their positions in turn, settled and not merged."""
    with Journal(workspace.inbox) as opened:
        for number in range(7):
            for kind in ("order", "event"):
                rows = [{"message_id": f"m{number}-{n}", "person": f"p{n}", "name": "x"} for n in range(3)]
                rows = [r if kind == "event" else {k: v for k, v in r.items() if k != "name"} for r in rows]
                opened.commit([Lot(source="shop", kind=kind, table=tools.table(rows))])
                workspace.inbox.seal()
    tools.settle(workspace)


@pytest.fixture
def unmerged(workspace, tools, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr("regard.signals.settling.merging.merge", lambda _inbox, *, until: until)
        _lived(workspace, tools)
    assert len(_segments(workspace)) == 14
    return workspace


def test_rows_keep_positions_and_moments_of_receipt_one_by_one(unmerged, tools):
    sql = "SELECT position, message_id, received_at, batch FROM lake_event ORDER BY position"
    before = tools.query(unmerged, sql)
    assert merging.merge(unmerged.inbox, until=unmerged.settled_position) == 14
    found = _segments(unmerged)
    assert [(s.kind, s.rows, s.first_position, s.last_position) for s in found] == [
        ("order", 21, 0, 38),
        ("event", 21, 3, 41),
    ]
    assert found[1].positions(unmerged.inbox.read(found[1])).tolist() == [row[0] for row in before]
    with unmerged.state.reading() as connection:
        assert log.ranges(connection).tolist() == [list(range(0, 42, 3)), list(range(2, 42, 3))]
    list(unmerged.rebuild())
    assert tools.query(unmerged, sql) == before
    assert len({row[2] for row in before}) == 7
    assert sorted(p.name for p in unmerged.inbox.directory.glob("*.parquet")) == sorted(s.file for s in found)


def test_what_is_not_settled_is_left_alone(unmerged):
    assert merging.merge(unmerged.inbox, until=0) == 0
    assert merging.merge(unmerged.inbox, until=18) == 0
    assert len(_segments(unmerged)) == 14


def test_what_came_in_the_last_minutes_is_left_alone_and_told_as_before(unmerged, monkeypatch):
    before = latest.told(unmerged.inbox, ["shop"], most=3)["shop"]
    monkeypatch.setattr(merging, "AGE", 60)
    assert merging.merge(unmerged.inbox, until=unmerged.settled_position) == 0
    monkeypatch.setattr(merging, "AGE", 0)
    assert merging.merge(unmerged.inbox, until=unmerged.settled_position) == 14
    after = latest.told(unmerged.inbox, ["shop"], most=3)["shop"]
    assert (after.items, after.last_at) == (before.items, before.last_at)


def test_a_damaged_segment_is_not_vouched_for_by_a_merged_one(unmerged):
    path = unmerged.inbox.directory / _segments(unmerged)[3].file
    raw, at = path.read_bytes(), path.stat()
    path.write_bytes(raw[:40] + bytes([raw[40] ^ 1]) + raw[41:])
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    assert merging.merge(unmerged.inbox, until=unmerged.settled_position) == 7
    assert [s.kind for s in _segments(unmerged) if not s.merged] == ["event"] * 7
    assert [path.name in str(error) for error in unmerged.verify()] == [True]


def test_opening_and_verifying_overlook_a_segment_that_is_merged_away_meanwhile(unmerged, monkeypatch):
    plain = disk.is_as_written

    def merging_first(*args, **kwargs):
        monkeypatch.setattr("regard.store.disk.is_as_written", plain)
        merging.merge(unmerged.inbox, until=unmerged.settled_position)
        return plain(*args, **kwargs)

    monkeypatch.setattr("regard.store.disk.is_as_written", merging_first)
    assert not list(unmerged.inbox.damage())
    assert len(_segments(unmerged)) == 2


def test_an_older_state_without_any_log_never_has_merged_segments_swept(unmerged, tmp_path):
    unmerged.state.copy_to(tmp_path / "older")
    merging.merge(unmerged.inbox, until=unmerged.settled_position)
    merged = {s.file for s in _segments(unmerged)}
    root = unmerged.root
    unmerged.close()
    shutil.copytree(root, tmp_path / "again", ignore=shutil.ignore_patterns("state.sqlite*", "redo.log"))
    shutil.copy2(tmp_path / "older", tmp_path / "again" / "state.sqlite")
    with pytest.raises(Exception, match="is missing"):
        Workspace.open(tmp_path / "again", given=GIVEN)
    assert {p.name for p in (tmp_path / "again" / recovery.ASIDE).iterdir()} == merged


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_any_step_of_merging_nothing_is_lost_or_there_twice(unmerged, tools, tmp_path, seed):
    root = unmerged.root
    sql = "SELECT position, message_id, received_at FROM lake_event ORDER BY ALL"
    before = tools.query(unmerged, sql), unmerged.ledger()
    unmerged.close()
    step = 1 + (seed * 97) % 83
    told = subprocess.run([sys.executable, str(CHILD), str(root), str(step)], capture_output=True, check=False)
    assert told.returncode == -9 or told.stdout == b"merged\n", told.stderr.decode()[-2000:]
    with Workspace.open(root, given=GIVEN) as workspace:
        files = {s.file for s in _segments(workspace)}
        assert {p.name for p in workspace.inbox.directory.glob("*.parquet")} == files
        list(workspace.rebuild())
        assert (tools.query(workspace, sql), workspace.ledger()) == before
        assert not list(workspace.verify())
        assert tools.add(workspace, "event", [{"message_id": "m3-1", "person": "p1", "name": "x"}])[1].duplicate == 1


# ---------------------------------------------------------------------- which are merged


def _small(rows, first=0):
    about = {"batch": 1, "source": "shop", "kind": "event", "file": "", "received_at": "", "mtime_ns": 0}
    return Segment(
        id=first, rows=rows, first_position=first, last_position=first + rows - 1, size=rows, checksum="", merged=False,
        **about,
    )  # fmt: skip


def test_each_row_is_written_again_a_few_times_and_segments_stay_few():
    chance, left, written, total = random.Random(1), [], 0, 0
    for _ in range(20_000):
        left.append(_small(chance.randrange(1, 40), total))
        total += left[-1].rows
        while found := merging.groups(left, finished=False):
            for group in found:
                rows = sum(s.rows for s in group)
                written += rows
                at = left.index(group[0])
                left[at : at + len(group)] = [_small(rows, group[0].first_position)]
            left = [s for s in left if s.rows * 2 < merging.ROWS]
    assert written < total * 12
    assert len(left) < 40


def test_what_remains_of_a_finished_batch_becomes_as_few_as_may_be():
    rows = [5, 4, 3]
    assert merging.groups([_small(n) for n in rows], finished=False) == []
    assert [[s.rows for s in g] for g in merging.groups([_small(n) for n in rows], finished=True)] == [rows]
    large = [_small(merging.ROWS // 2 - 1) for _ in range(5)]
    assert [len(g) for g in merging.groups(large, finished=True)] == [2, 2]


def test_ranges_tell_which_positions_lie_within_them():
    found = np.array([[0, 5, 9], [2, 5, 11]])
    assert log.within(np.arange(-1, 13), found).tolist() == [n in {0, 1, 2, 5, 9, 10, 11} for n in range(-1, 13)]


def test_what_came_again_after_an_undo_is_found_by_an_index_made_anew(workspace, tools):
    row = [{"message_id": "again", "person": "p", "name": "x"}]
    with Journal(workspace.inbox) as opened:
        for number in range(14):
            taken_back = tools.add(workspace, "event", row)[0] if number == 6 else None
            rows = row if number == 8 else [{"message_id": f"m{number}", "person": "p", "name": "x"}]
            opened.commit([Lot(source="shop", kind="event", table=tools.table(rows))])
            workspace.inbox.seal()
            if taken_back:
                workspace.inbox.undo(taken_back)
    tools.settle(workspace)
    for segments in ([7, 7], [7, 7]):
        assert [s.rows for s in _segments(workspace) if s.rows > 1] == segments
        assert tools.add(workspace, "event", row)[1].duplicate == 1
        with workspace.state.writing() as connection:
            workspace.inbox.forget_ids(connection)
