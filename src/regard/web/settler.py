"""Settling as a process: brings what was received into the answers, waits a little for more, then ends.

Started by the supervisor when something waits, so that nobody's page shares its memory or its turn. While it settles,
a thread goes on sealing, so that a long settlement never lets the journal grow.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regard.signals.workspace import Workspace

NICE = 4
"""Settling gives way to what people and clients wait for."""

ROUND_SECONDS = 3.0
"""Rounds begin no closer together: many small segments and runs cost more than few."""

LINGER_SECONDS = 6.0
"""After the last round it waits so long for more: to start again costs more than to wait."""

LOOK_SECONDS = 0.25


def main() -> None:
    """Settle the workspace named on the command line until nothing waits."""
    from regard.errors import RegardError
    from regard.signals.workspace import Workspace

    os.nice(NICE)
    told = threading.Event()

    def stop(*_: object) -> None:
        told.set()
        sys.exit(0)

    signal.signal(signal.SIGTERM, stop)
    try:
        workspace = Workspace.open(Path(sys.argv[1]), create=False)
        _settle(workspace)
        workspace.close()
    except RegardError as error:
        if told.is_set():
            sys.exit(0)
        sys.stderr.write(f"regard: settling stopped: {error}\n")
        sys.exit(error.exit_code)
    except Exception:
        if told.is_set():  # told to stop in the middle of a statement, SQLite makes an error of its own of that
            sys.exit(0)
        raise


def _settle(workspace: Workspace) -> None:
    from regard.web.pulse import pulse

    until = 0.0
    while True:
        began, before = time.monotonic(), pulse(workspace.root)
        if before.unsettled:
            _round(workspace)
            if pulse(workspace.root) == before:
                return  # nothing more can be done for now: the supervisor tries again, later each time
            until = time.monotonic() + LINGER_SECONDS
            time.sleep(max(0.0, began + ROUND_SECONDS - time.monotonic()))
        elif began > until:
            return
        else:
            time.sleep(LOOK_SECONDS)


def _round(workspace: Workspace) -> None:
    """Seal and settle once, sealing on while it settles."""
    _seal(workspace)
    settled = threading.Event()
    sealing = threading.Thread(target=_keep_sealing, args=(workspace, settled), daemon=True)
    sealing.start()
    try:
        for _ in workspace.settle():
            pass
    finally:
        settled.set()
        sealing.join()


def _keep_sealing(workspace: Workspace, settled: threading.Event) -> None:
    from regard.errors import RegardError

    while not settled.wait(ROUND_SECONDS):
        try:
            _seal(workspace)
        except RegardError as error:
            sys.stderr.write(f"regard: sealing waits: {error}\n")


def _seal(workspace: Workspace) -> None:
    for damage in workspace.inbox.seal():
        sys.stderr.write(f"regard: {damage}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
