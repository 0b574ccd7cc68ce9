"""The floor of intake: one process, no HTTP. Decode bodies of 100 events, check for duplicates, append, flush.

What a server adds to this is its own cost: the figure over HTTP stands beside this one, measured in the same run.
`known_ids` makes a workspace that knows so many ids, for whoever measures with them.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from datetime import datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
from sqlalchemy import insert

from benchmarks.ids import PIECES, SHARES, piece
from benchmarks.measuring import Row, own_peak_mb
from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store import ids, tables
from regard.store.arrivals import described
from regard.store.inbox import Inbox
from regard.store.journal import STORED, Journal, Lot
from regard.store.state import write_meta

EVENTS = 100
BODIES = 2_000
GROUP = 20
"""Bodies committed together, as concurrent requests are."""

REPEATED = 0.02
TIME = pa.timestamp("us", "UTC")


class Event(msgspec.Struct, rename="camel"):
    """An event as Segment's clients send it, as far as it is stored."""

    type: str
    message_id: str
    event: str
    timestamp: datetime
    user_id: str | None = None
    anonymous_id: str | None = None
    properties: msgspec.Raw = msgspec.Raw(b"{}")


class Body(msgspec.Struct, rename="camel"):
    """A batch of them."""

    batch: list[Event]
    sent_at: datetime


decode = msgspec.json.Decoder(Body).decode


def known_ids(inbox: Inbox, known: int) -> None:
    """Have a new workspace's index know so many ids, in runs as they lie after growing."""
    with inbox.state.writing() as connection:
        for number, share in enumerate(SHARES):
            per = int(known * share) // PIECES
            parts = [piece(n, per, seed=number) for n in range(PIECES)]
            high, low = (np.concatenate([p[i] for p in parts]) for i in range(2))
            new = ids.Ids(high, low, np.arange(len(high)), np.zeros(len(high), np.uint64))
            name, written = ids.write_run(inbox.ids, new)
            connection.execute(insert(tables.id_runs).values(file=name, rows=len(new), **described(written)))
        write_meta(connection, "position", str(known))
        write_meta(connection, "ids_position", str(known))


def bodies(count: int, *, seed: int = 1) -> list[bytes]:
    """Bodies of `EVENTS` events, about 450 bytes each; some events were sent before."""
    chance = random.Random(seed)  # noqa: S311
    made: list[bytes] = []
    for number in range(count):
        batch = []
        for n in range(EVENTS):
            id_ = number * EVENTS + n
            if chance.random() < REPEATED and id_ > 1000:
                id_ -= chance.randrange(1, 1000)
            batch.append(_event(id_))
        made.append(json.dumps({"batch": batch, "sentAt": "2026-11-26T12:00:01.000Z"}).encode())
    return made


def _event(number: int) -> dict[str, object]:
    """An event that is the same whenever it is sent."""
    person = number * 2_654_435_761 % 20_000
    return {
        "type": "track",
        "messageId": f"ajs-next-{number:012d}-8d1f3c9a",
        "anonymousId": f"507f191e-810c-4729-b6f4-{person:012d}",
        "userId": f"user-{person}",
        "event": f"Feature Used {person % 40}",
        "timestamp": f"2026-11-26T11:{number % 60:02d}:00.123Z",
        "properties": {"plan": ["free", "team", "pro"][person % 3], "region": "EU", "count": number % 9},
        "context": {"library": {"name": "analytics.js", "version": "2.11.1"}, "locale": "en-GB", "ip": "192.0.2.1"},
        "integrations": {},
    }


def table_of(given: list[Body]) -> pa.Table:
    """Decoded bodies as columns of the kind event."""
    events = [e for body in given for e in body.batch]
    sent = [body.sent_at for body in given for _ in body.batch]
    return pa.table(
        {
            "message_id": [e.message_id for e in events],
            "occurred_at": pa.array([e.timestamp for e in events], TIME),
            "sent_at": pa.array(sent, TIME),
            "person": [e.user_id for e in events],
            "anonymous": [e.anonymous_id for e in events],
            "name": [e.event for e in events],
            "labels": [bytes(e.properties).decode() for e in events],
        }
    )


def measure(work: Path, *, known: int, count: int = BODIES) -> list[Row]:
    """Events a second, by the wall clock and by the CPU, with so many ids known."""
    home = work / "floor"
    shutil.rmtree(home, ignore_errors=True)
    given = bodies(count)
    with Workspace.open(home, given=Settings(buckets=16, memory="1GB", threads=1)) as workspace:
        known_ids(workspace.inbox, known)
        with Journal(workspace.inbox) as journal:
            spent, wall, stored, slowest = _run(journal, given)
        began = time.process_time()
        workspace.inbox.seal()
        sealed = time.process_time() - began
        assert workspace.ledger()[-1]["stored"] == stored
    shutil.rmtree(home, ignore_errors=True)
    events = count * EVENTS
    return [
        Row(
            name=f"Floor of intake: decode, duplicate check against {known:,} ids, append, flush; one process, no HTTP",
            figure=f"{events / wall:,.0f} events a second; {events / spent:,.0f} per CPU second; "
            f"a commit of {GROUP * EVENTS:,} at most {slowest * 1000:.0f} ms",
            target="at least 100,000 rows per CPU second", met=events / spent >= 100_000,
            command="python -m benchmarks floor",
            note=f"sealing costs {sealed / events * 1e6:.1f} µs CPU an event more; peak {own_peak_mb():,.0f} MB, "
            f"the mapped index included; {sum(map(len, given)) / events:.0f} bytes an event",
        )
    ]  # fmt: skip


def _run(journal: Journal, given: list[bytes]) -> tuple[float, float, int, float]:
    stored, slowest, spent, wall = 0, 0.0, time.process_time(), time.perf_counter()
    for start in range(0, len(given), GROUP):
        began = time.perf_counter()
        table = table_of([decode(body) for body in given[start : start + GROUP]])
        (outcome,) = journal.commit([Lot(source="bench", kind="event", table=table)])
        stored += int((outcome == STORED).sum())
        slowest = max(slowest, time.perf_counter() - began)
    return time.process_time() - spent, time.perf_counter() - wall, stored, slowest
