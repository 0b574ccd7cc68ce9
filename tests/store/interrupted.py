"""What must hold after `killed.py` was interrupted, wherever that was."""

from __future__ import annotations

import json
from collections import Counter

import pyarrow as pa

from regard.settings import Settings
from regard.signals.workspace import Workspace


def acts_told(told):
    """What the process had told the world outside."""
    lines = told.read_text().splitlines() if told.exists() else []
    return [json.loads(line) for line in lines]


def check(root, acts):
    """Nothing acknowledged is lost, nothing counts twice, who was erased is gone, the same files add what is missing."""
    with Workspace.open(root, given=Settings(buckets=2, memory="300MB", threads=1)) as workspace:
        _check_standing(workspace, acts)
        erased = any(a["act"] == "erasing" for a in acts)
        if erased and workspace.state.get("tombstone_key"):
            assert not _mentioned(root, b"canary-person")
        _import_again(workspace)


def _chunk(number):
    rows = range(number * 10, number * 10 + 10)
    people = ["canary-person" if r % 7 == 0 else f"p{r % 5}" for r in rows]
    keys = [f"k{r}" if r % 2 else None for r in rows]
    return pa.table({"key": keys, "person": people, "name": [f"n{r}" for r in rows]})


def _names(number):
    return {f"n{r}" for r in range(number * 10, number * 10 + 10)}


def _canaries(number):
    return {f"n{r}" for r in range(number * 10, number * 10 + 10) if r % 7 == 0}


def _check_standing(workspace, acts):
    """Every acknowledged part stands unless its batches were undone; each row stands once."""
    list(workspace.settle())
    with workspace.connect() as (connection, _):
        found = Counter(r[0] for r in connection.execute("SELECT name FROM lake_event").fetchall())
    assert set(found.values()) <= {1}
    stands = {b["id"]: b["undone"] is None for b in workspace.inbox.batches()}
    for act in acts:
        if act["act"] == "undone":
            assert not stands[act["batch"]]
        if act["act"] == "added" and stands[act["batch"]]:
            gone = _canaries(act["part"]) if any(a["act"] == "erasing" for a in acts) else set()
            assert _names(act["part"]) - gone <= set(found)
    for batch in workspace.inbox.batches():
        parts = (batch[name] for name in ("stored", "duplicate", "held_back", "refused"))
        assert batch["received"] == sum(parts)


def _import_again(workspace):
    """The same files again add exactly what is missing."""
    batch = workspace.inbox.begin(source="shop")
    for part in range(8):
        batch.append("event", _chunk(part))
    outcome = batch.finish()
    list(workspace.settle())
    with workspace.connect() as (connection, _):
        found = Counter(r[0] for r in connection.execute("SELECT name FROM lake_event").fetchall())
    wanted = set().union(*map(_names, range(8)))
    gone = set().union(*map(_canaries, range(8))) if outcome.refused else set()
    assert set(found) == wanted - gone
    assert set(found.values()) == {1}
    assert outcome.received == 80


def _mentioned(root, word):
    return [p for p in root.rglob("*") if p.is_file() and word in p.read_bytes()]
