"""The process that serves the pages: ``python -m regard.web WORKSPACE PORT [SOCKET]``, started by the supervisor."""

from __future__ import annotations

import sys
from pathlib import Path

import uvicorn

from regard.settings import settings
from regard.web.app import create


def main() -> None:
    """Serve a workspace's pages on loopback, on a socket handed down or on the port."""
    workspace, port = Path(sys.argv[1]), int(sys.argv[2])
    known = settings(workspace=workspace)
    app = create(workspace, port=port, most=known.workers, idle=known.worker_idle, limit=known.question_seconds)
    uvicorn.run(
        app, host="127.0.0.1", port=port, fd=int(sys.argv[3]) if len(sys.argv) > 3 else None, log_level="warning",
        access_log=False, server_header=False, date_header=True, lifespan="on", proxy_headers=False, loop="asyncio",
        http="h11", ws="none", timeout_graceful_shutdown=3,
    )  # fmt: skip


if __name__ == "__main__":
    main()
