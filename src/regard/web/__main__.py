"""The process that serves the pages: ``python -m regard.web WORKSPACE PORT SOCKET INTAKE``.

The supervisor starts it.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import uvicorn

from regard.settings import settings
from regard.web.app import create


def main() -> None:
    """Serve a workspace's pages on the listening socket that was handed down."""
    workspace, port, handle = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    known = settings(workspace=workspace)
    app = create(
        workspace, port=port, most=known.workers, idle=known.worker_idle, limit=known.question_seconds,
        intake=sys.argv[4] if len(sys.argv) > 4 else "",
    )  # fmt: skip
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="on", proxy_headers=False,
        loop="asyncio", http="h11", ws="none", timeout_graceful_shutdown=3,
    )  # fmt: skip
    # Not uvicorn's own `fd`: it takes every handle for a Unix socket, and replies then wait 40 ms for Nagle.
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=handle)])


if __name__ == "__main__":
    main()
