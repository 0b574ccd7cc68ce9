"""A process that merges segments and kills itself at a chosen step; run by test_merging.

Usage: python killed_merge.py WORKSPACE STEP
Every write, flush, rename, removal and commit is a step; at STEP the process dies as by kill -9.
"""

from __future__ import annotations

import os
import pathlib
import signal
import sys

from sqlalchemy import event
from sqlalchemy.engine import Engine

from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store import merging

root, last = sys.argv[1], int(sys.argv[2])
steps = 0


def step():
    global steps  # noqa: PLW0603
    steps += 1
    if steps == last:
        os.kill(os.getpid(), signal.SIGKILL)


def dangerous(function):
    def wrapped(*args, **kwargs):
        step()
        result = function(*args, **kwargs)
        step()
        return result

    return wrapped


merging.AGE = 0
with Workspace.open(root, given=Settings(buckets=2, memory="300MB", threads=1)) as workspace:
    for name in ("write", "fsync", "rename"):
        setattr(os, name, dangerous(getattr(os, name)))
    for name in ("rename", "unlink"):
        setattr(pathlib.Path, name, dangerous(getattr(pathlib.Path, name)))
    event.listen(Engine, "commit", lambda _connection: step())
    assert merging.merge(workspace.inbox, until=workspace.settled_position) == 14
    os.write(1, b"merged\n")
