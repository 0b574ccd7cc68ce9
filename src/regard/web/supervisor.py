"""What ``regard serve`` runs: a light process that keeps the pages and the settler alive and prints the way in.

It holds the listening socket, so that a crashed pages process is replaced without the port ever being free, and it
imports neither the engine nor the web framework.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import webbrowser
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from regard.errors import BadInput
from regard.web.pulse import pulse
from regard.web.signin import Door

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
LOOK_SECONDS = 0.5
STOP_SECONDS = 8.0
SLOWEST_RESTART = 30.0


@dataclass
class Kept:
    """A child that is to be running: started again when it ends, later each time it ends soon."""

    arguments: list[str]
    sockets: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    wait: float = 0.0

    def ended(self) -> bool:
        """Whether it does not run."""
        return self.process is None or self.process.poll() is not None

    def start(self) -> None:
        """Start it unless it was started a moment ago and failed."""
        lived = time.monotonic() - self.started
        if self.process is not None:
            if lived > SLOWEST_RESTART:
                self.wait = 0.0
            if lived < self.wait:
                return
            self.wait = min(SLOWEST_RESTART, max(0.5, self.wait * 2))
        self.started = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", *self.arguments], pass_fds=self.sockets, start_new_session=True
        )

    def stop(self, number: int) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


@dataclass
class Supervisor:
    """The processes of one served workspace.

    Args:
        workspace: Its directory.
        listening: The socket people connect to.
    """

    workspace: Path
    listening: socket.socket
    _stopping: int = 0
    _children: dict[str, Kept] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The port people use."""
        return int(self.listening.getsockname()[1])

    def run(self) -> None:
        """Keep the children alive until told to stop, then stop them."""
        handle = self.listening.fileno()
        os.set_inheritable(handle, True)
        where = str(self.workspace)
        self._children = {
            "pages": Kept(["regard.web", where, str(self.port), str(handle)], (handle,)),
            "settler": Kept(["regard.web.settler", where]),
        }
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        while not self._stopping:
            self._look()
            time.sleep(LOOK_SECONDS)
        self._end()

    def _look(self) -> None:
        if self._children["pages"].ended():
            self._children["pages"].start()
        if self._children["settler"].ended() and pulse(self.workspace).unsettled:
            self._children["settler"].start()

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopping = number

    def _end(self) -> None:
        running = [c.process for c in self._children.values() if c.process is not None]
        for child in self._children.values():
            child.stop(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.listening.close()


def listen(port: int) -> socket.socket:
    """A socket on loopback; port 0 takes a free one.

    Raises:
        BadInput: The port is taken, or may not be used; it is named.
    """
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((HOST, port))
        made.listen(128)
    except (OSError, OverflowError) as error:
        made.close()
        raise BadInput(
            f"Port {port} cannot be used: {getattr(error, 'strerror', None) or error}.",
            where="--port",
            hint="Choose another with --port N, or --port 0 for any free one.",
        ) from error
    return made


def link(workspace: Path, port: int) -> str:
    """A new link that signs one browser in, once."""
    return f"http://{HOST}:{port}/sign-in?key={Door(workspace).new_key()}"


def serve(
    workspace: Path, *, port: int, open_browser: bool = False, say: Callable[[str], None] = print, note: str = ""
) -> None:
    """Serve a workspace's pages until interrupted.

    Args:
        workspace: Its directory; made where missing.
        port: On 127.0.0.1; 0 takes a free one.
        open_browser: Open the link in the person's browser as well.
        say: How lines reach the person.
        note: A line said before the link, such as what the demo is.

    Raises:
        BadInput: The port cannot be used, or the workspace cannot be made.
    """
    listening = listen(port)
    try:
        workspace.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        listening.close()
        raise BadInput(
            f"The workspace cannot be made: {error.strerror}.", where=str(workspace), hint="Name another with -w DIR."
        ) from error
    supervisor = Supervisor(workspace.resolve(), listening)
    address = link(workspace, supervisor.port)
    for line in filter(
        None, [note, f"Regard is open at   {address}", "The link signs one browser in, once. Ctrl-C stops."]
    ):
        say(line)
    if open_browser:
        webbrowser.open(address)
    supervisor.run()
