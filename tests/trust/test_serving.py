"""The whole of `regard serve` killed again and again while clients send: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import random
import sqlite3
import time
from collections import Counter
from contextlib import closing

import pyarrow.parquet as pq
import pytest
from serving import Client, Serving

from regard.signals.workspace import Workspace

SEED = 20261126
CLIENTS = 4


@pytest.fixture
def found(record_property):
    return lambda said: record_property("found", said)


def kept(root):
    """Message ids per kind as settled, whose the events are, and the ledger of the source."""
    with Workspace.open(root) as workspace:
        for _ in workspace.settle():
            pass
        with workspace.connect() as (connection, _):
            whose = connection.execute(
                "SELECT count(*), count(DISTINCT customer), count(DISTINCT person) FROM lake_event"
            )
            events, customers, people = whose.fetchone()
        (ledger,) = (row for row in workspace.ledger() if row["source"] == "app")
        assert not list(workspace.verify())
    ids = {"event": [], "profile": [], "merge": []}
    with closing(sqlite3.connect(root / "state.sqlite")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for kind, file in connection.execute("SELECT kind, file FROM segments"):
            ids[kind] += pq.read_table(root / "inbox" / file, columns=["message_id"])["message_id"].to_pylist()
    assert events == len(ids["event"])
    return ids, (customers, people), ledger


def wait_for(clients, seconds=60):
    """Wait until a batch more was taken of anybody."""
    before, until = sum(c.batches for c in clients), time.monotonic() + seconds
    while sum(c.batches for c in clients) == before:
        assert time.monotonic() < until, "it did not come back"
        assert all(c.is_alive() for c in clients), "a client gave up"
        time.sleep(0.005)


def killed_while_sending(serving, clients, *, kills, chance):
    """Kill everything at seeded moments after it came back, or while it comes back; what was running then."""
    ran = Counter()
    for _ in range(kills):
        if chance.random() < 0.85:
            wait_for(clients)
            time.sleep(chance.random() ** 2 * 3)
        else:
            time.sleep(chance.uniform(0, 1.5))
        running = serving.kill()
        ran["while it settled" if "regard.web.settler" in running else
            "while it took signals in" if "regard.intake" in running else "while it started"] += 1  # fmt: skip
        serving.start()
    return ran


@pytest.mark.slow
@pytest.mark.promise("kills with clients")
def test_killed_as_a_whole_while_clients_send_and_merge_nothing_acknowledged_is_lost_or_doubled(tmp_path, full, found):
    serving = Serving(tmp_path / "workspace")
    clients = [Client(serving, number) for number in range(CLIENTS)]
    try:
        serving.start()
        for client in clients:
            client.start()
        kills = killed_while_sending(serving, clients, kills=200 if full else 10, chance=random.Random(SEED))
        wait_for(clients)
        for client in clients:
            client.done.set()
        for client in clients:
            client.join(60)
            assert not client.is_alive(), f"seed {SEED}: a client was not answered"
        serving.stop()
    finally:
        serving.kill()
    ids, (customers, people), ledger = kept(serving.root)

    told = sum((c.told for c in clients), Counter())
    assert set(told) <= {"stored", "duplicate"}
    for kind, there in ids.items():
        acknowledged = Counter(i for c in clients for i in c.taken[kind])
        stand = Counter(i.partition("#")[0] for i in there)
        assert stand - acknowledged == acknowledged - stand == Counter(), (kind, SEED)
    assert ledger["received"] == sum(ledger[n] for n in ("stored", "duplicate", "held_back", "refused"))
    assert ledger["stored"] == sum(map(len, ids.values()))
    assert customers == people
    found(
        f"{kills.total()} kills ({', '.join(f'{n} {when}' for when, n in sorted(kills.items()))}), "
        f"{sum(map(len, ids.values())):,} signals of {CLIENTS} clients, {ledger['duplicate']:,} sent again: "
        "0 lost, 0 doubled, difference of the ledger 0"
    )
