"""Several processes add to one workspace at once."""

from __future__ import annotations

import subprocess
import sys

CHILD = """
import sys
import pyarrow as pa
from regard.signals.workspace import Workspace
with Workspace.open(sys.argv[1]) as workspace:
    batch = workspace.inbox.begin(source="shop")
    for part in range(8):
        keys = [f"k{n}" for n in range(part * 10, part * 10 + 10)]
        batch.append("order", pa.table({"key": keys, "person": keys, "amount": [1.0] * 10}))
        if part == 4:
            list(workspace.settle())
    batch.finish()
"""


def test_three_processes_with_the_same_rows_store_each_once(workspace, tools):
    command = [sys.executable, "-c", CHILD, str(workspace.root)]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(3)]
    for child in children:
        assert child.wait() == 0, child.stderr.read().decode()[-2000:]
        child.stderr.close()
    tools.settle(workspace)
    assert tools.query(workspace, "SELECT count(*), count(DISTINCT key) FROM lake_order") == [(80, 80)]
    total = workspace.ledger()[-1]
    assert (total["received"], total["stored"], total["duplicate"]) == (240, 80, 160)
