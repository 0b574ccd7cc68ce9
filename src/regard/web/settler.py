"""Settling as a process: brings what was received into the answers, then ends.

Started by the supervisor when something waits, so that nobody's page shares its memory or its turn.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path


def main() -> None:
    """Settle the workspace named on the command line until nothing waits."""
    from regard.errors import RegardError
    from regard.signals.workspace import Workspace

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        workspace = Workspace.open(Path(sys.argv[1]), create=False)
        for _ in workspace.settle():
            pass
        workspace.close()
    except RegardError as error:
        sys.stderr.write(f"regard: settling stopped: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
