"""What many small segments cost, and what merging them gives: opening, settling, the ledger, before and after.

So many segments of 20 rows each, of two sources and two kinds in turn, as unbroken HTTP traffic leaves them; 25,000 are
a day. They are written without flushing, many in one transaction, and counted as settled without a lake: what is
measured is what their number costs, not their rows.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import func, select

from benchmarks.measuring import Row, own_peak_mb
from regard.settings import Settings
from regard.signals import settling
from regard.signals.plans import FORMAT
from regard.signals.workspace import Workspace
from regard.store import ids, log, merging, tables
from regard.store.arrivals import Arrival, Origin, add_counts
from regard.store.inbox import Batch
from regard.store.rows import Identities

SEALS = 100_000
ROWS = 20
A_DAY = 25_000
AT_ONCE = 500
GIVEN = Settings(memory="1GB", threads=2)


def measure(work: Path, *, seals: int = SEALS) -> list[Row]:
    """One row: everything before and after merging."""
    root = work / "segments"
    shutil.rmtree(root, ignore_errors=True)
    with Workspace.open(root, given=GIVEN) as workspace, _unflushed():
        fill(workspace, seals)
    before = _looked_at(root)
    began, spent = time.perf_counter(), time.process_time()
    with Workspace.open(root, given=GIVEN) as workspace, _unflushed():
        while merging.merge(workspace.inbox, until=workspace.settled_position):
            pass
    told = f"merged in {time.perf_counter() - began:.0f} s ({time.process_time() - spent:.0f} CPU)"
    after = _looked_at(root)
    shutil.rmtree(root)
    figure = "; ".join(f"{what} {before[what]} → {after[what]}" for what in before)
    note = f"{told}, without flushing; peak {own_peak_mb():,.0f} MB; seconds, CPU seconds in brackets"
    return [
        Row(
            name=f"{seals:,} segments of {ROWS} rows, before → after merging", figure=figure, target="", met=None,
            command="python -m benchmarks segments", note=note,
        )
    ]  # fmt: skip


def fill(workspace: Workspace, seals: int) -> None:
    """So many segments, and a generation that counts them as settled."""
    batches: dict[tuple[int, str], Batch] = {}
    for first in range(0, seals, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, seals))
        origins = {}
        for day, source in {(n // A_DAY, _source(n)) for n in numbers}:
            if (day, source) not in batches:
                batches[day, source] = workspace.inbox.begin(source=source)
            origins[day, source] = Origin(batches[day, source].id, source)
        with workspace.state.writing() as connection:
            fresh = []
            for number in numbers:
                origin = origins[number // A_DAY, _source(number)]
                table, identity = _rows(number)
                arrival = Arrival(workspace.inbox, origin, ("event", "order")[number // 2 % 2], table, identity)
                at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=3.4 * number)
                outcome, new = arrival.enter(connection, [], received=at.isoformat(timespec="microseconds"))
                add_counts(connection, origin.id, outcome)
                fresh.append(new)
            new = ids.joined(fresh).sorted_newest()
            outdated = workspace.inbox.remember(connection, new, until=log.position(connection))
        workspace.inbox.forget_runs(outdated)
    words = {"format": FORMAT, "customer": "person", "again": ""}
    workspace.lake.publish(position=workspace.position, declarations=0, files=[], words=words)


def _source(number: int) -> str:
    return ("shop", "desk")[number % 2]


def _rows(number: int) -> tuple[pa.Table, Identities]:
    chance = np.random.default_rng(number)
    people = [f"p{n}" for n in chance.integers(0, 100_000, ROWS)]
    table = pa.table({"message_id": [f"m{number}-{n}" for n in range(ROWS)], "person": people})
    high, low = (chance.integers(0, 1 << 63, ROWS, np.uint64) for _ in range(2))
    return table, Identities(high, low, low)


def _looked_at(root: Path) -> dict[str, str]:
    """Seconds, and CPU seconds, of what is done often."""
    told: dict[str, str] = {}
    held: list[Workspace] = []
    _timed(told, "opening", lambda: held.append(Workspace.open(root, given=GIVEN)))
    workspace = held[0]
    _timed(told, "ledger", workspace.ledger)
    rows = {"message_id": [f"new-{time.time_ns()}-{n}" for n in range(ROWS)], "person": ["a"] * ROWS}
    workspace.inbox.begin(source="late").append("event", pa.table(rows))
    _timed(told, "settling 20 rows", lambda: list(_settled(workspace)))
    _timed(told, "verifying", lambda: list(workspace.verify()))
    with workspace.state.reading() as connection:
        told["segments"] = f"{connection.execute(select(func.count()).select_from(tables.segments)).scalar_one():,}"
    told["redo log MB"] = f"{workspace.state.redo.path.stat().st_size / 1e6:.1f}"
    workspace.close()
    return told


def _settled(workspace: Workspace) -> Iterator[Any]:
    """Settling as `settling.settle` does, without the merging that it ends with."""
    with settling.settling(workspace):
        yield from settling.settle_held(workspace)


def _timed(told: dict[str, str], name: str, act: Callable[[], Any]) -> None:
    began, spent = time.perf_counter(), time.process_time()
    act()
    told[name] = f"{time.perf_counter() - began:.2f} ({time.process_time() - spent:.2f})"


@contextmanager
def _unflushed() -> Iterator[None]:
    plain, os.fsync = os.fsync, lambda _handle: None
    try:
        yield
    finally:
        os.fsync = plain
