from __future__ import annotations

import datetime as dt
import random
from collections import Counter

import pyarrow as pa
import pytest

from regard.settings import Settings
from regard.signals.workspace import Workspace

UTC_TIME = pa.timestamp("us", "UTC")


def make_table(rows):
    """Dictionaries as a chunk; times are given in seconds."""
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if name.endswith("_at"):
            times = [None if v is None else dt.datetime.fromtimestamp(v, dt.UTC) for v in values]
            columns[name] = pa.array(times, UTC_TIME)
        elif name in {"amount", "score"}:
            columns[name] = pa.array(values, pa.float64())
        elif name == "undo":
            columns[name] = pa.array(values, pa.bool_())
        else:
            columns[name] = pa.array(values, pa.string())
    return pa.table(columns)


def settle_all(workspace):
    return list(workspace.settle())


def add(workspace, kind, rows, *, source="shop", finish=True):
    batch = workspace.inbox.begin(source=source)
    outcome = batch.append(kind, make_table(rows))
    if finish:
        batch.finish()
    return batch.id, outcome


def query(workspace, sql):
    with workspace.connect() as (connection, _):
        return connection.execute(sql).fetchall()


class Tools:
    table = staticmethod(make_table)
    settle = staticmethod(settle_all)
    add = staticmethod(add)
    query = staticmethod(query)


class Model:
    """What the log must say, in plain Python: one row at a time, no index, no files."""

    def __init__(self):
        self.rows = []  # (identity, check, batch, row, position)
        self.undone = set()
        self.repeats = set()  # (batch, index of the row)
        self.ordinals = Counter()

    def identity(self, batch, kind, source, row):
        content = tuple(sorted((k, v) for k, v in row.items() if v is not None and k != "sent_at"))
        if row.get("message_id"):
            return ("message", kind, source, row["message_id"]), content
        if row.get("key"):
            return ("row", kind, source, content), ()
        ordinal = self.ordinals[batch, kind, content]
        self.ordinals[batch, kind, content] += 1
        return ("row", kind, source, content, ordinal), ()

    def stands(self, index):
        batch = self.rows[index][2]
        return batch not in self.undone or any(i == index and b not in self.undone for b, i in self.repeats)

    def add(self, batch, kind, source, row):
        identity, check = self.identity(batch, kind, source, row)
        for index in range(len(self.rows) - 1, -1, -1):
            if self.rows[index][0] == identity and self.stands(index):
                if self.rows[index][1] != check:
                    return "held_back"
                if self.rows[index][2] != batch:
                    self.repeats.add((batch, index))
                return "duplicate"
        self.rows.append((identity, check, batch, {**row, "kind": kind, "source": source}))
        return "stored"

    def visible(self, kind):
        best, result = {}, []
        for index, (_, _, _, row) in enumerate(self.rows):
            if row["kind"] != kind or not self.stands(index):
                continue
            if row.get("key"):
                record = (row["source"], row["key"])
                at = row.get("version_at") or row.get("occurred_at")
                rank = (at is not None, at or 0, index)
                if record not in best or rank > best[record][0]:
                    best[record] = (rank, row)
            else:
                result.append(row)
        result += [row for _, row in best.values()]
        return Counter((r["source"], r.get("key"), r.get("person"), r.get("amount")) for r in result)


@pytest.fixture
def model():
    return Model()


@pytest.fixture(scope="session")
def tools():
    return Tools


@pytest.fixture
def workspace(tmp_path):
    with Workspace.open(tmp_path / "ws", given=Settings(buckets=4, memory="500MB", threads=2)) as opened:
        yield opened


@pytest.fixture
def some_rows():
    def make(seed, count, *, people=12):
        chance = random.Random(seed)
        return [
            {
                "key": f"k{chance.randrange(count)}" if chance.random() < 0.6 else None,
                "message_id": None,
                "person": f"p{chance.randrange(people)}",
                "amount": float(chance.randrange(4)),
                "occurred_at": 1_700_000_000 + chance.randrange(5),
            }
            for _ in range(count)
        ]

    return make
