"""Run rounds that are killed at every statement in turn; print what became of the alerts. A process of its own, with one
thread, so that it may fork."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from raising import BEGAN, Says, raised
from sqlalchemy import event

from regard.delivery import outbox
from regard.delivery.receivers import add_receiver
from regard.reliability.rounds import look
from regard.signals.ask import View
from regard.signals.kinds import KINDS
from regard.signals.workspace import Workspace
from regard.store import alerts

SIGKILLED = 9


def view():
    return View(connection=None, _counts={kind.name: 0 for kind in KINDS})


def run(root, size, *, die_at=None):
    """One round of two detectors; dies before statement number ``die_at``. Returns the statements it took."""
    workspace = Workspace.open(root)
    count = [0]

    def before(*_):
        count[0] += 1
        if count[0] == die_at:
            os.kill(os.getpid(), SIGKILLED)

    engine = workspace.state._engine
    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "commit", before)
    one = Says(raised("a:x", size), raised("b:x", size), name="one").detector
    two = Says(raised("c:x", size), name="two").detector
    look(workspace, view=view(), now=BEGAN, detectors_=[one, two])
    workspace.close()
    return count[0]


def forked(root, size, die_at):
    child = os.fork()
    if child == 0:
        run(root, size, die_at=die_at)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def main():
    root = Path(sys.argv[1])
    with Workspace.open(root / "first") as workspace:
        add_receiver(workspace, name="ops", address="ops@example.com")
    sys.stdout.write(json.dumps(_killed_everywhere(root)))


def _killed_everywhere(root):
    kills, size, die_at = 0, 10.0, 0
    while True:
        die_at += 1
        if not forked(root / "first", int(size), die_at):
            break
        kills += 1
        if die_at % 2:
            size *= 1.6  # every second death is in a round in which all have grown; the next goes on from there
    with Workspace.open(root / "first") as workspace, workspace.state.reading() as connection:
        workspace.state.verify()
        opened = alerts.open_of(connection)
        told = [(m.topic, m.type) for m in outbox.listed(connection, limit=100000)]
        events = {a["cause"]: [e["what"] for e in alerts.history(connection, a["id"])] for a in opened}
    return {"kills": kills, "causes": [a["cause"] for a in opened], "told": told, "events": events}


if __name__ == "__main__":
    main()
