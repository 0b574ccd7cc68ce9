"""The journal against a model in plain Python, its damage, and everything that has to seal before it reads."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pytest
from sqlalchemy import select

from regard.errors import BadInput, Busy, RegardError, UnknownName
from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store import frames, journal, tables
from regard.store.frames import Broken, Frame
from regard.store.heldback import Held
from regard.store.journal import DUPLICATE, HELD, REFUSED, STORED, Journal, Lot
from regard.web.pulse import pulse

GIVEN = Settings(buckets=4, memory="500MB", threads=2)
CODES = {"stored": STORED, "duplicate": DUPLICATE, "held_back": HELD}


def _row(chance):
    keyed = chance.random() < 0.3
    return {
        "key": f"k{chance.randrange(4)}" if keyed else None,
        "message_id": f"m{chance.randrange(9)}" if chance.random() < 0.6 else None,
        "person": f"p{chance.randrange(3)}",
        "amount": float(chance.randrange(2)),
        "occurred_at": 1_700_000_000 + chance.randrange(2),
    }


class Played:
    """A workspace and the model of what it must say, played with at random."""

    def __init__(self, workspace, model, tools, chance):
        self.workspace, self.model, self.tools, self.chance = workspace, model, tools, chance
        self.journal = Journal(workspace.inbox)
        self.days, self.own = Counter(), 0
        model.identity = self._identity(model.identity)

    def _identity(self, plain):
        def identity(batch, kind, source, row):
            if isinstance(batch, tuple) and not row["message_id"] and not row["key"]:
                self.own += 1  # of a journal, a row without id or key is one of its own
                return ("own", self.own), ()
            return plain(batch, kind, source, row)

        return identity

    def commit(self):
        lots = [
            (self.chance.choice(["shop", "desk"]), self.chance.choice(["order", "event"]),
             [_row(self.chance) for _ in range(self.chance.randrange(6))])
            for _ in range(self.chance.randrange(4))
        ]  # fmt: skip
        given = [Lot(source=s, kind=k, table=self.tools.table(rows)) for s, k, rows in lots if rows]
        found = self.journal.commit(given, refused={"desk": self.chance.randrange(2)})
        wanted = [[CODES[self.model.add((s, self.days[s]), k, s, row)] for row in rows] for s, k, rows in lots if rows]
        assert [outcome.tolist() for outcome in found] == wanted

    def reopen(self):
        self.journal.close()
        self.journal = Journal(self.workspace.inbox)

    def bring(self):
        """A file with some of the same ids."""
        source, kind, rows = "shop", "order", [_row(self.chance) for _ in range(5)]
        batch = self.workspace.inbox.begin(source=source)
        expected = Counter(self.model.add(batch.id, kind, source, row) for row in rows)
        outcome = batch.append(kind, self.tools.table(rows)).as_dict()
        batch.finish()
        assert {name: outcome[name] for name in CODES} == {name: expected[name] for name in CODES}

    def undo(self):
        self.workspace.inbox.seal()
        standing = [b for b in self.workspace.inbox.batches() if b["undone"] is None]
        if not standing:
            return
        batch = self.chance.choice(standing)
        self.workspace.inbox.undo(batch["id"])
        of_day = batch["files"] and batch["files"][0].startswith("signals received")
        self.model.undone.add((batch["source"], self.days[batch["source"]]) if of_day else batch["id"])
        self.days[batch["source"]] += bool(of_day)

    def compare(self):
        list(self.workspace.settle())
        for kind in ("order", "event"):
            found = Counter(self.tools.query(self.workspace, f"SELECT source, key, person, amount FROM lake_{kind}"))
            assert found == self.model.visible(kind)


@pytest.mark.parametrize("seed", range(8))
def test_commits_seals_imports_and_undos_in_any_order_agree_with_the_model(workspace, model, tools, seed):
    chance = random.Random(seed)
    played = Played(workspace, model, tools, chance)
    acts = [played.commit] * 6 + [workspace.inbox.seal, played.reopen, played.bring, played.undo, played.compare]
    for _ in range(30):
        chance.choice(acts)()
        for row in workspace.ledger():
            assert row["received"] == row["stored"] + row["duplicate"] + row["held_back"] + row["refused"]
    before = workspace.ledger()
    played.compare()
    assert workspace.ledger() == before
    list(workspace.rebuild())
    played.compare()
    played.journal.close()


# ---------------------------------------------------------------------- ids and outcomes


def _rows(*numbers, **more):
    return [{"message_id": f"m{n}", "person": f"p{n}", "name": "x", **more} for n in numbers]


@pytest.fixture
def opened(workspace):
    with Journal(workspace.inbox) as found:
        yield found


def _lot(tools, rows, *, source="shop", check=None):
    return Lot(source=source, kind="event", table=tools.table(rows), check=check)


def test_an_id_given_twice_in_one_commit_is_stored_once_and_another_content_is_held(opened, tools, workspace):
    found = opened.commit(
        [_lot(tools, _rows(1, 1)), _lot(tools, _rows(1, amount=2.0)), _lot(tools, _rows(1), source="b")]
    )

    assert [o.tolist() for o in found] == [[STORED, DUPLICATE], [HELD], [STORED]]
    workspace.inbox.seal()
    with workspace.state.reading() as connection:
        items = list(connection.execute(select(tables.held)).mappings())
    assert [(i["source"], i["code"], json.loads(i["item"])["amount"]) for i in items] == [("shop", "id_conflict", 2.0)]


def test_content_is_compared_as_sent_where_the_caller_tells_its_hash(opened, tools):
    same, other = np.array([7], np.uint64), np.array([8], np.uint64)

    assert opened.commit([_lot(tools, _rows(1), check=same)])[0].tolist() == [STORED]
    assert opened.commit([_lot(tools, _rows(1, occurred_at=5), check=same)])[0].tolist() == [DUPLICATE]
    assert opened.commit([_lot(tools, _rows(1), check=other)])[0].tolist() == [HELD]


def test_a_message_is_known_whether_it_came_by_journal_or_by_file(opened, tools, workspace):
    opened.commit([_lot(tools, _rows(1, 2))])
    assert tools.add(workspace, "event", _rows(1, 2, 3))[1].duplicate == 2
    assert opened.commit([_lot(tools, _rows(3))])[0].tolist() == [DUPLICATE]


def test_rows_without_id_or_key_are_each_their_own(opened, tools, workspace):
    rows = [{"person": "a", "name": "open"}] * 3
    for _ in range(2):
        assert opened.commit([_lot(tools, rows), _lot(tools, rows)])[1].tolist() == [STORED] * 3
    tools.settle(workspace)
    assert workspace.counts()["event"] == 12


def test_items_refused_and_held_back_are_counted_with_the_rest(opened, tools, workspace):
    item = Held(source="desk", format="native", code="future", reason="In the future.", item="{}", at="2026-01-01")
    opened.commit([_lot(tools, _rows(1))], refused={"shop": 2}, held=[item])
    told = {"source": "shop", "received": 3, "stored": 1, "duplicate": 0, "held_back": 0, "refused": 2}
    before = workspace.ledger()
    assert told in before
    workspace.inbox.seal()
    assert workspace.ledger() == before
    assert workspace.ledger()[0]["held_back"] == 1


def test_rows_beyond_what_may_be_held_back_are_refused(tmp_path, tools):
    with Workspace.open(tmp_path / "ws", given=Settings(buckets=2, held_items=2)) as workspace:
        with Journal(workspace.inbox) as opened:
            opened.commit([_lot(tools, _rows(1))])
            assert opened.commit([_lot(tools, _rows(1, amount=1.0))])[0].tolist() == [HELD]
            workspace.inbox.seal()
            again = [_lot(tools, _rows(1, 1, amount=2.0)), _lot(tools, _rows(1, amount=3.0))]
            assert [o.tolist() for o in opened.commit(again)] == [[HELD, REFUSED], [REFUSED]]
            before = workspace.ledger()
        workspace.inbox.seal()
        assert workspace.ledger() == before


def test_a_commit_that_does_not_fit_keeps_nothing(opened, tools, workspace):
    with pytest.raises(UnknownName, match="kind of signal"):
        opened.commit([_lot(tools, _rows(1)), Lot(source="shop", kind="evnt", table=tools.table(_rows(2)))])
    with pytest.raises(BadInput):
        opened.commit([_lot(tools, _rows(1)), _lot(tools, [{"message_id": "a", "duration": "no number"}])])
    assert workspace.ledger()[-1]["received"] == 0


def test_only_one_process_takes_signals_in(opened, workspace):
    with pytest.raises(Busy):
        Journal(workspace.inbox)


def test_too_much_unsealed_is_refused_for_the_moment_and_taken_once_it_is_sealed(opened, tools, workspace, monkeypatch):
    monkeypatch.setattr("regard.store.known.UNSEALED", 3)
    opened.commit([_lot(tools, _rows(1, 2, 3, 4))])
    with pytest.raises(Busy):
        opened.commit([_lot(tools, _rows(5))])
    workspace.inbox.seal()
    assert opened.commit([_lot(tools, _rows(5, 4))])[0].tolist() == [STORED, DUPLICATE]


# ---------------------------------------------------------------------- what reads seals first


def test_what_was_undone_after_it_was_repeated_still_stands_with_the_repeat(opened, tools, workspace):
    batch, _ = tools.add(workspace, "event", _rows(1, 2))
    tools.settle(workspace)
    opened.commit([_lot(tools, _rows(1))])
    workspace.inbox._undo(batch)  # as another process would between commit and seal
    tools.settle(workspace)
    assert tools.query(workspace, "SELECT person FROM lake_event") == [("p1",)]


def test_a_backup_holds_what_is_not_sealed_yet(opened, tools, workspace, tmp_path):
    opened.commit([_lot(tools, _rows(1, 2))])
    workspace.backup(tmp_path / "backup.tar")
    with Workspace.restore(tmp_path / "backup.tar", tmp_path / "restored") as restored:
        assert restored.ledger() == workspace.ledger()
        with Journal(restored.inbox) as again:
            assert again.commit([_lot(tools, _rows(2, 3))])[0].tolist() == [DUPLICATE, STORED]


def test_whoever_is_erased_is_nowhere_in_the_journal_and_is_refused_from_then_on(opened, tools, workspace):
    opened.commit([_lot(tools, [*_rows(1), {"message_id": "c", "person": "canary-person", "name": "x"}])])
    list(workspace.erase("canary-person"))
    found = [p for p in workspace.root.rglob("*") if p.is_file() and b"canary-person" in p.read_bytes()]
    assert found == []
    rows = [*_rows(2), {"message_id": "d", "person": "canary-person", "name": "x"}]
    assert opened.commit([_lot(tools, rows)])[0].tolist() == [STORED, REFUSED]
    assert opened.commit([_lot(tools, _rows(1, 2))])[0].tolist() == [DUPLICATE, DUPLICATE]


def test_the_pulse_notices_the_journal_and_the_settler_brings_it_into_the_answers(opened, tools, workspace):
    assert not pulse(workspace.root).unsettled
    opened.commit([_lot(tools, _rows(1, 2))])
    assert pulse(workspace.root).unsettled
    done = subprocess.run(
        [sys.executable, "-m", "regard.web.settler", workspace.root], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert not pulse(workspace.root).unsettled
    assert workspace.counts()["event"] == 2


def test_a_journal_nothing_more_comes_into_is_closed_and_removed(opened, tools, workspace, monkeypatch):
    monkeypatch.setattr(journal, "FULL_SECONDS", 0.1)
    opened.commit([_lot(tools, _rows(1))])
    until = time.monotonic() + 10
    while frames.journals(workspace.inbox.journal):
        workspace.inbox.seal()
        assert time.monotonic() < until
    opened.commit([_lot(tools, _rows(2))])
    assert [number for number, _ in frames.journals(workspace.inbox.journal)] == [2]


# ---------------------------------------------------------------------- damage


@pytest.fixture
def written(tmp_path, tools):
    """A workspace whose journal holds three frames that nobody sealed, and where they begin."""
    with Workspace.open(tmp_path / "ws", given=GIVEN) as workspace:
        with Journal(workspace.inbox) as opened:
            for number in range(3):
                opened.commit([_lot(tools, _rows(number, number + 10))])
        ((_, path),) = frames.journals(workspace.inbox.journal)
    return path, [found.offset for found in frames.scan(path)]


def _whole(path):
    return [f.offset for f in frames.scan(path) if isinstance(f, Frame) and f.body() is not None]


def test_cut_at_every_byte_of_the_last_frame_the_others_stay_and_the_tail_is_told_as_torn(written, tmp_path):
    path, offsets = written
    data, copy = path.read_bytes(), tmp_path / "copy.journal"
    for cut in range(offsets[2] + 1, len(data)):
        copy.write_bytes(data[:cut])
        found = list(frames.scan(copy))
        assert [f.offset for f in found[:2]] == offsets[:2]
        assert isinstance(found[2], Broken)
        assert (found[2].torn, found[2].tail, found[2].offset, found[2].end) == (True, True, offsets[2], cut)
        assert len(found) == 3


@pytest.mark.parametrize("which", range(3))
def test_flipped_at_every_byte_a_frame_is_named_and_the_others_go_on(written, tmp_path, which):
    path, offsets = written
    data, copy = path.read_bytes(), tmp_path / "copy.journal"
    begin, end = offsets[which], [*offsets, len(data)][which + 1]
    for at in range(begin, end):
        copy.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        assert _whole(copy) == [o for o in offsets if o != begin]
        ((broken),) = [f for f in frames.scan(copy) if isinstance(f, Broken) or f.body() is None]
        assert (broken.offset, broken.end) == (begin, end)
        assert not isinstance(broken, Broken) or not broken.torn


def test_zeros_after_the_last_frame_were_never_written(written, tmp_path):
    path, offsets = written
    with path.open("ab") as file:
        file.write(bytes(5000))
    *whole, last = frames.scan(path)
    assert [f.offset for f in whole] == offsets
    assert last.torn


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_a_torn_tail_is_left_out_and_nothing_is_told_as_damaged(written, tools, cut):
    path, offsets = written
    with path.open("r+b") as file:
        file.truncate(offsets[2] + cut)
    with Workspace.open(path.parents[1], given=GIVEN) as workspace:
        with Journal(workspace.inbox) as opened:
            found = opened.commit([_lot(tools, _rows(0, 10, 1, 11, 2, 12))])[0].tolist()
        assert found == [DUPLICATE] * 4 + [STORED] * 2
        workspace.inbox.seal()
        assert workspace.ledger()[-1]["stored"] == 6
        assert list(workspace.verify()) == []
        assert frames.journals(workspace.inbox.journal) == []


@pytest.mark.parametrize("which", range(3))
def test_a_damaged_frame_is_named_set_aside_and_the_rest_is_sealed(written, tools, which):
    path, offsets = written
    at = offsets[which] + 300
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 0xFF]))
    with Workspace.open(path.parents[1], given=GIVEN) as workspace:
        (told,) = workspace.inbox.seal()
        assert path.name in told.message
        assert told.where == f"{path}, byte {offsets[which]}"
        assert workspace.ledger()[-1]["stored"] == 4
        assert [path.name in str(problem) for problem in workspace.verify()] == [True]
        assert [e["name"] for e in workspace.state.written_down()] == ["damaged"]
        assert [p.suffix for p in workspace.inbox.journal.glob("*.journal*")] == [".damaged"]
        with Journal(workspace.inbox) as opened:
            opened.commit([_lot(tools, _rows(which))])
        assert workspace.inbox.seal() == []
        assert workspace.ledger()[-1]["stored"] == 5


def test_a_workspace_that_lost_its_state_is_not_taken_for_a_new_one(written):
    path, _ = written
    for lost in path.parents[1].glob("state.sqlite*"):
        lost.unlink()
    with pytest.raises(RegardError, match="state of this workspace is missing"):
        Workspace.open(path.parents[1], given=GIVEN)


@pytest.mark.parametrize("call", ["write", "fdatasync"])
def test_what_could_not_be_written_was_not_acknowledged_and_can_be_sent_again(
    opened, tools, workspace, monkeypatch, call
):
    opened.commit([_lot(tools, _rows(1))])

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal.os, call, full)
        with pytest.raises(RegardError, match="No space left"):
            opened.commit([_lot(tools, _rows(2))])
    assert opened.commit([_lot(tools, _rows(1, 2))])[0].tolist() == [DUPLICATE, STORED]
    workspace.inbox.seal()
    counts = {"received": 3, "stored": 2, "duplicate": 1, "held_back": 0, "refused": 0}
    assert workspace.ledger()[-1] == {"source": "", **counts}
    assert not os.access(workspace.inbox.journal / "000000000001.journal", os.F_OK)


def test_a_long_backlog_is_sealed_a_portion_at_a_time_and_stays_whole(opened, tools, workspace, monkeypatch):
    monkeypatch.setattr("regard.store.sealing.BYTES", 4000)
    for number in range(20):
        opened.commit([_lot(tools, _rows(number, number + 100)), _lot(tools, _rows(number), source="desk")])
    before = workspace.ledger()
    workspace.inbox.seal()
    assert workspace.ledger() == before
    assert len(list(workspace.inbox.directory.glob("*.parquet"))) > 2
    tools.settle(workspace)
    assert workspace.counts()["event"] == 60


def test_where_no_journal_can_be_begun_it_is_said_and_tried_again(opened, tools, workspace, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal.disk, "sync_directory", full)
        with pytest.raises(RegardError, match="No journal can be begun"):
            opened.commit([_lot(tools, _rows(1))])
    assert opened.commit([_lot(tools, _rows(1))])[0].tolist() == [STORED]
    workspace.inbox.seal()
    assert workspace.ledger()[-1]["stored"] == 1
