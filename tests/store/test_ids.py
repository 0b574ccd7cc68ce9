"""The index of ids: runs stay few, merging keeps what is newest in bounded memory, and nobody waits for it."""

from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import select

from regard.store import ids, tables
from regard.store.ids import Ids


def _ids(chance, count, first=0):
    """Ids of a world so small that many are equal, or share their high half."""
    high = chance.integers(0, 50, count, np.uint64) << np.uint64(58)
    low = chance.integers(0, 4, count, np.uint64)
    position = np.arange(first, first + count)
    return Ids(high, low, position, position.astype(np.uint64))


def _dict(run):
    return {
        (int(h), int(o)): (int(p), int(c))
        for h, o, p, c in zip(run.high, run.low, run.position, run.check, strict=True)
    }


@pytest.mark.parametrize("seed", range(6))
def test_a_merged_run_is_what_a_dictionary_would_hold(tmp_path, seed, monkeypatch):
    monkeypatch.setattr(ids, "RANGE", 7)
    chance = np.random.default_rng(seed)
    parts = [_ids(chance, int(chance.integers(0, 60)), first=1000 * n).sorted_newest() for n in range(4)]
    wanted = {}
    for part in parts:
        wanted |= _dict(part)

    rows = ids.merge(tmp_path / "merged.ids", parts)
    merged = ids.open_run(tmp_path / "merged.ids", rows)

    assert _dict(merged) == wanted
    assert len(merged) == len(wanted)
    keys = list(zip(merged.high.tolist(), merged.low.tolist(), strict=True))
    assert keys == sorted(keys)
    assert [p.name for p in tmp_path.iterdir()] == ["merged.ids"]


def test_runs_stay_few_however_many_commits_of_one_size_come():
    runs, merged = [], 0
    for _ in range(5000):
        runs.append(2000)
        if count := ids.to_merge(runs):
            merged += sum(runs[-count:])
            runs[-count:] = [sum(runs[-count:])]
    assert sum(runs) == 5000 * 2000
    assert len(runs) <= (ids.FAN - 1) * 6
    assert merged <= 6 * sum(runs), "each id is rewritten once per order of size"


def test_what_is_too_large_to_merge_at_once_is_merged_beside_the_log(monkeypatch):
    runs = [9000, *[2000] * 5]
    assert ids.to_merge([*runs, 2000], most=5000) == 0
    assert ids.due([*runs, 2000]) == (1, 7)
    assert ids.due([*runs, 2000, 10]) == (1, 7)
    assert ids.due(runs) is None


def test_merging_beside_the_log_leaves_every_id_known_and_few_runs(workspace, tools, monkeypatch):
    monkeypatch.setattr(ids, "AT_ONCE", 0)

    def rows(number):
        return [{"message_id": f"m{number}-{n}", "name": "x"} for n in range(5)]

    for number in range(40):
        tools.add(workspace, "event", rows(number))
    with workspace.state.reading() as connection:
        assert len(connection.execute(select(tables.id_runs)).all()) == 40
    workspace.inbox.merge_ids()
    with workspace.state.reading() as connection:
        listed = connection.execute(select(tables.id_runs)).all()
    assert len(listed) < 12
    assert {row.file for row in listed} == {p.name for p in workspace.inbox.ids.glob("*.ids")}
    assert all(tools.add(workspace, "event", rows(number))[1].duplicate == 5 for number in range(0, 40, 7))


def test_ids_forgotten_while_they_were_merged_stay_forgotten(workspace, tools, monkeypatch):
    monkeypatch.setattr(ids, "AT_ONCE", 0)
    for number in range(8):
        tools.add(workspace, "event", [{"message_id": f"m{number}", "name": "x"}])
    plain = ids.merge

    def meanwhile(path, parts):
        with workspace.state.writing() as connection:
            workspace.inbox.forget_ids(connection)
        return plain(path, parts)

    monkeypatch.setattr(ids, "merge", meanwhile)
    workspace.inbox.merge_ids()
    with workspace.state.reading() as connection:
        assert connection.execute(select(tables.id_runs)).all() == []
    assert tools.add(workspace, "event", [{"message_id": "m3", "name": "x"}])[1].duplicate == 1
