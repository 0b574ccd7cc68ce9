"""The process that takes signals in: ``python -m regard.intake WORKSPACE SOCKET``, started by the supervisor."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import uvicorn

from regard.errors import RegardError
from regard.intake.app import App
from regard.intake.commits import Commits
from regard.intake.connections import settings_of
from regard.intake.keys import Keys
from regard.settings import settings
from regard.signals.workspace import Workspace
from regard.sources.limits import wire
from regard.sources.proxies import proxies
from regard.store import turnedaway
from regard.store.journal import Journal

DRAIN_SECONDS = 6
SWITCH_SECONDS = 0.001
"""So long a thread may compute before another gets its turn: requests are read while a commit is made."""


def opened(app: App, root: Path) -> tuple[Workspace, Journal] | None:
    """Open the workspace and its journal, and let the app take signals in; None where that cannot be."""
    try:
        workspace = Workspace.open(root)
        try:
            journal = Journal(workspace.inbox)
        except RegardError:
            workspace.close()
            raise
    except RegardError as error:
        app.problem = error.message
        sys.stderr.write(f"regard: the intake cannot start: {error}\n")
        return None
    app.keys = Keys(workspace.key_hashes)
    app.commits = Commits(journal)
    return workspace, journal


class Server(uvicorn.Server):
    """A server that leaves signals to us: what was taken is made durable before the process ends."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Nothing is captured."""
        yield


async def keep(tally: turnedaway.Tally, root: Path, ended: asyncio.Event) -> None:
    """Write down what was turned away, again and again, then once more; while the disk refuses, it waits in memory."""
    while not ended.is_set() or tally.changed:
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), turnedaway.WRITE_SECONDS)
        if tally.changed:
            try:
                await asyncio.to_thread(turnedaway.write, root, tally.packed())
            except OSError:
                tally.changed = not ended.is_set()


async def serve(root: Path, listening: socket.socket) -> int:
    """Take signals in until told to stop; what was taken is answered first."""
    limits = wire()
    app = App(root, limits=limits, proxies=proxies(settings().trusted_proxies))
    config = uvicorn.Config(
        app, log_level="critical", access_log=False, server_header=False, date_header=False, lifespan="off",
        proxy_headers=False, loop="asyncio", ws="none", timeout_graceful_shutdown=DRAIN_SECONDS, backlog=1024,
        **settings_of(limits, app.turned),
    )  # fmt: skip
    server = Server(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, partial(setattr, server, "should_exit", True))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    found = await asyncio.to_thread(opened, app, root)
    if found is None:
        server.should_exit = True
        await running
        return 1
    if app.commits is not None:
        app.commits.start()
    app.turned.load(root)
    ended = asyncio.Event()
    keeping = asyncio.create_task(keep(app.turned, root, ended))
    gc.collect()
    gc.freeze()
    await running
    ended.set()
    if app.commits is not None:
        await app.commits.close()
    await keeping
    await asyncio.to_thread(found[1].close)
    found[0].close()
    gc.unfreeze()  # else the engine's own types count as leaked, and say so at length, when the process ends
    return 0


def main() -> None:
    """Serve a workspace's intake on the listening socket that was handed down."""
    with suppress(ValueError, OSError):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 1 << 16), most))
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(50_000, 20, 100)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.current_thread().name = "intake"
    try:
        sys.exit(asyncio.run(serve(Path(sys.argv[1]), socket.socket(fileno=int(sys.argv[2])))))
    except RegardError as error:
        sys.stderr.write(f"regard: the intake cannot start: {error}\n")
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
