"""A process that takes signals in, or seals them, and kills itself at a chosen step; run by test_journal_kills.

Usage: python killed_journal.py WORKSPACE ACKNOWLEDGED SEED STEP DO
DO is ``both`` (takes in and seals), ``take`` or ``seal``. Every write, flush, rename, removal and commit is a step; at
STEP the process dies as by kill -9. What was acknowledged is written to a file of its own as it happens.
"""

from __future__ import annotations

import json
import os
import pathlib
import random
import sys
import time

import pyarrow as pa
from dying import Steps

from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store import ids, journal, merging
from regard.store.journal import Journal, Lot

root, acknowledged, seed, last, do = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
steps = Steps(last)
plain_write = os.write


def torn_write(handle, data):
    """Half of it, a step, then the rest: the process may die in the middle of a frame."""
    steps()
    return plain_write(handle, bytes(data)[: max(1, len(data) // 2)])


os.write = torn_write
steps.watch(of_system=("fsync", "fdatasync", "rename"), of_paths=("rename", "replace", "unlink"))


def say(**told):
    handle = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    plain_write(handle, (json.dumps(told) + "\n").encode())
    os.close(handle)


def lots(chance):
    """A few lots of a small world of ids, so that repeats and conflicts are common."""
    found = []
    for _ in range(chance.randrange(1, 3)):
        numbers = [chance.randrange(150) for _ in range(chance.randrange(1, 6))]
        source = chance.choice(["shop", "desk"])
        rows = {
            "message_id": [f"m{n}" for n in numbers],
            "person": [f"p{n}" for n in numbers],
            "name": ["x"] * len(numbers),
        }
        found.append((source, numbers, Lot(source=source, kind="event", table=pa.table(rows))))
    return found


def take(opened, chance):
    given = lots(chance)
    outcomes = opened.commit([lot for *_, lot in given], refused={"desk": 1})
    say(
        act="took",
        lots=[[s, n, [int(o) for o in outcome]] for (s, n, _), outcome in zip(given, outcomes, strict=True)],
    )


chance = random.Random(seed)
journal.FULL_SECONDS = 0.05
ids.AT_ONCE = 40  # so that most runs are merged beside the log
merging.AGE = 0
ids.FAN = 3  # and that segments are merged, too
with Workspace.open(root, given=Settings(buckets=2, memory="300MB", threads=1)) as workspace:
    say(act="open")
    if do == "seal":
        until = time.monotonic() + 120
        while not pathlib.Path(root, "stop").exists() and time.monotonic() < until:
            workspace.inbox.seal()
            workspace.inbox.merge_ids()
            time.sleep(0.002)
    else:
        with Journal(workspace.inbox) as opened:
            for _ in range(60):
                take(opened, chance)
                if do == "both" and chance.random() < 0.2:
                    workspace.inbox.seal()
                    workspace.inbox.merge_ids()
                    merging.merge(workspace.inbox, until=workspace.position)
say(act="end", steps=steps.done)
