"""A process that works on a workspace and kills itself at a chosen step; run by test_kills.

Usage: python killed.py WORKSPACE ACKNOWLEDGED SEED STEP
Every durable step (fsync, rename, removal, commit) counts; at STEP the process dies as by kill -9. What was
acknowledged is
written to a file of its own as it happens.
"""

from __future__ import annotations

import json
import os
import random
import sys

import pyarrow as pa
from dying import Steps

from regard.settings import Settings
from regard.signals.workspace import Workspace

root, acknowledged, seed, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
steps = Steps(last)
steps.watch(of_system=("fsync",), of_paths=("rename", "replace", "unlink"))


def say(**told):
    handle = os.open(acknowledged, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (json.dumps(told) + "\n").encode())
    os.close(handle)


def chunk(number):
    rows = range(number * 10, number * 10 + 10)
    return pa.table(
        {
            "key": [f"k{r}" if r % 2 else None for r in rows],
            "person": ["canary-person" if r % 7 == 0 else f"p{r % 5}" for r in rows],
            "name": [f"n{r}" for r in rows],
        }
    )


chance = random.Random(seed)
workspace = Workspace.open(root, given=Settings(buckets=2, memory="300MB", threads=1))
say(act="open")
for number in range(6):
    batch = workspace.inbox.begin(source="shop")
    say(act="begin", batch=batch.id)
    for part in (number, number + 1):
        say(act="adding", part=part)
        outcome = batch.append("event", chunk(part))
        say(act="added", batch=batch.id, part=part, **outcome.as_dict())
    batch.finish()
    if chance.random() < 0.4:
        say(act="undoing", batch=batch.id)
        workspace.inbox.undo(batch.id)
        say(act="undone", batch=batch.id)
    if chance.random() < 0.5:
        list(workspace.settle())
        say(act="settled")
    if number == 3:
        list(workspace.settle())
        known = any(b["undone"] is None for b in workspace.inbox.batches())
        if known and chance.random() < 0.7:
            say(act="erasing")
            try:
                list(workspace.erase("canary-person"))
                say(act="erased")
            except LookupError:
                pass
say(act="end", steps=steps.done)
