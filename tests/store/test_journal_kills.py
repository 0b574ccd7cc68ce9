"""kill -9 while signals are taken in and sealed: nothing acknowledged is lost, nothing counts twice, counts add up."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store.journal import DUPLICATE, STORED, Journal, Lot

KILLS = int(os.environ.get("REGARD_KILLS", "10"))
CHILD = Path(__file__).with_name("killed_journal.py")
STEPS = 1400
GIVEN = Settings(buckets=2, memory="300MB", threads=1)
NAMES = ("received", "stored", "duplicate", "held_back", "refused")


def _start(root, told, seed, step, do):
    words = [sys.executable, str(CHILD), str(root), str(told), str(seed), str(step), do]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _acts(told):
    return [json.loads(line) for line in told.read_text().splitlines()] if told.exists() else []


def _acknowledged(acts):
    """What was told, per source: ids stored, and all outcomes by count."""
    ids, counts = Counter(), Counter()
    for act in acts:
        for source, numbers, outcomes in act.get("lots", []):
            ids.update((source, n) for n, o in zip(numbers, outcomes, strict=True) if o == STORED)
            counts.update("stored" if o == STORED else "duplicate" for o in outcomes)
            counts["received"] += len(outcomes)
        if act["act"] == "took":
            counts.update(received=1, refused=1)
    return ids, counts


def _standing(workspace):
    list(workspace.settle())
    with workspace.connect() as (connection, _):
        return Counter(connection.execute("SELECT source, message_id FROM lake_event").fetchall())


def _check(root, acts):
    ids, counts = _acknowledged(acts)
    assert set(ids.values()) <= {1}, "an id was acknowledged as new twice"
    with Workspace.open(root, given=GIVEN) as workspace:
        before = workspace.ledger()
        found = _standing(workspace)
        assert workspace.ledger() == before, "sealing changed what the ledger says"
        assert set(found.values()) <= {1}
        assert {(s, f"m{n}") for s, n in ids} <= set(found)
        total = before[-1]
        assert total["received"] == sum(total[name] for name in NAMES[1:])
        # what was written when the process died may be there without having been told
        assert 0 <= total["received"] - counts["received"] <= 11
        assert len(found) == total["stored"]
        assert total["stored"] >= counts["stored"]
        assert total["duplicate"] >= counts["duplicate"]
        _send_again(workspace, found)


def _send_again(workspace, found):
    """The same ids again: each is a duplicate where it stands and stored where it does not."""
    with Journal(workspace.inbox) as opened:
        for source in ("shop", "desk"):
            names = [f"m{n}" for n in range(150)]
            rows = {"message_id": names, "person": [f"p{n}" for n in range(150)], "name": ["x"] * 150}
            (outcome,) = opened.commit([Lot(source=source, kind="event", table=pa.table(rows))])
            assert outcome.tolist() == [DUPLICATE if (source, name) in found else STORED for name in names]
    assert set(_standing(workspace).values()) == {1}
    assert len(_standing(workspace)) == 300


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_a_seeded_step_while_taking_in_and_sealing(tmp_path, seed):
    root, told = tmp_path / "ws", tmp_path / "told"
    step = random.Random(5000 + seed).randrange(1, STEPS)
    child = _start(root, told, seed, step, "both")
    _, error = child.communicate()
    acts = _acts(told)
    assert child.returncode == -9 or acts[-1]["act"] == "end", error.decode()[-2000:]
    _check(root, acts)


@pytest.mark.parametrize("seed", range(max(1, KILLS // 5)))
def test_two_processes_one_taking_in_and_one_sealing_both_killed_while_a_third_reads_the_ledger(tmp_path, seed):
    chance = random.Random(7000 + seed)
    root, told, sealed = tmp_path / "ws", tmp_path / "told", tmp_path / "sealed"
    Workspace.open(root, given=GIVEN).close()
    sealer = _start(root, sealed, seed, chance.randrange(50, 900), "seal")
    taker = _start(root, told, seed, chance.randrange(200, 900), "take")
    looks = 0
    with Workspace.open(root, given=GIVEN) as reader:
        while taker.poll() is None:
            before = _acknowledged(_acts(told))[1]["received"]
            ledger = reader.ledger()[-1]["received"]
            alive = taker.poll() is None
            after = _acknowledged(_acts(told))[1]["received"]
            assert before <= ledger
            assert not alive or ledger <= after + 11, (before, ledger, after)
            looks += 1
            time.sleep(0.01)
        (root / "stop").touch()
        for child in (taker, sealer):
            _, error = child.communicate()
            assert child.returncode in (0, -9), error.decode()[-2000:]
    assert looks > 3
    (root / "stop").unlink()
    _check(root, _acts(told))
