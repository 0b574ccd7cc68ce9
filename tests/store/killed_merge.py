"""A process that merges segments and kills itself at a chosen step; run by test_merging.

Usage: python killed_merge.py WORKSPACE STEP
Every write, flush, rename, removal and commit is a step; at STEP the process dies as by kill -9.
"""

from __future__ import annotations

import os
import sys

from dying import Steps

from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.store import merging

root, last = sys.argv[1], int(sys.argv[2])
merging.AGE = 0
with Workspace.open(root, given=Settings(buckets=2, memory="300MB", threads=1)) as workspace:
    Steps(last).watch(of_system=("write", "fsync", "rename"), of_paths=("rename", "unlink"))
    assert merging.merge(workspace.inbox, until=workspace.settled_position) == 14
    os.write(1, b"merged\n")
