"""What ``regard serve`` runs: a light process that keeps the pages and the settler alive and prints the way in.

It holds the listening socket, so that a crashed pages process is replaced without the port ever being free, and it
imports neither the engine nor the web framework.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import webbrowser
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from regard.errors import BadInput
from regard.settings import Settings, settings
from regard.sources.limits import wire
from regard.sources.proxies import proxies
from regard.web.pulse import pulse, watched
from regard.web.signin import Door
from regard.web.watcher import has_to_watch

if TYPE_CHECKING:
    from collections.abc import Callable

    from regard.web.pulse import Pulse

HOST = "127.0.0.1"
LOOK_SECONDS = 0.5
STOP_SECONDS = 8.0
SLOWEST_RESTART = 30.0
FIRST_PAGE_SECONDS = 60.0
"""Nothing is watched for so long: whoever opens the first pages does not wait for it."""

PR_SET_PDEATHSIG = 1
"""From Linux's prctl.h."""


def _end_with_parent() -> None:
    """Have the system end this child when its parent is gone, however it went: nobody else would end it."""
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


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
            [sys.executable, "-m", *self.arguments],
            pass_fds=self.sockets,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 one thread, one call
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
        intake: The socket signals are sent to, if they are.
    """

    workspace: Path
    listening: socket.socket
    intake: socket.socket | None = None
    _stopping: int = 0
    _began: float = field(default_factory=time.monotonic)
    _children: dict[str, Kept] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The port people use."""
        return int(self.listening.getsockname()[1])

    def run(self) -> None:
        """Keep the children alive until told to stop, then stop them."""
        handle = self.listening.fileno()
        where = str(self.workspace)
        told = address_of(self.intake) if self.intake else ""
        self._children = {
            "pages": Kept(["regard.web", where, str(self.port), str(handle), told], (handle,)),
            "settler": Kept(["regard.web.settler", where]),
            "watcher": Kept(["regard.web.watcher", where]),
        }
        if self.intake is not None:
            taken = self.intake.fileno()
            self._children["intake"] = Kept(["regard.intake", where, str(taken)], (taken,))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        while not self._stopping:
            self._look()
            time.sleep(LOOK_SECONDS)
        self._end()

    def _look(self) -> None:
        for name in ("intake", "pages"):
            if name in self._children and self._children[name].ended():
                self._children[name].start()
        now = pulse(self.workspace)
        if self._children["settler"].ended() and now.unsettled:
            self._children["settler"].start()
        up = time.monotonic() - self._began
        if up > FIRST_PAGE_SECONDS and self._children["watcher"].ended() and self._has_to_watch(now):
            self._children["watcher"].start()

    def _has_to_watch(self, now: Pulse) -> bool:
        return has_to_watch(now, watched(self.workspace), datetime.now(UTC))

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
        if self.intake is not None:
            self.intake.close()


def listen(port: int, *, host: str = HOST, option: str = "--port", waiting: int = 128) -> socket.socket:
    """A socket, on loopback unless another address is given; port 0 takes a free one.

    Args:
        port: Its port.
        host: The address to listen at.
        option: What the person gave it with, to be named.
        waiting: Connections that may wait to be accepted.

    Raises:
        BadInput: The port is taken, or the address may not be used; it is named.
    """
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((host, port))
        made.listen(waiting)
    except (OSError, OverflowError) as error:
        made.close()
        what = f"Port {port}" if option == "--port" else f"{host}:{port}"
        n = "N" if option == "--port" else "HOST:N"
        raise BadInput(
            f"{what} cannot be used: {getattr(error, 'strerror', None) or error}.",
            where=option,
            hint=f"Choose another with {option} {n}, or {option} {n.replace('N', '0')} for any free one.",
        ) from error
    return made


def listen_for_signals(given: str, *, port: int) -> socket.socket | None:
    """The socket of the intake; None where none is wanted.

    Args:
        given: HOST:PORT, or ``off``. The default takes any free port where the pages do.
        port: What was given for the pages.

    Raises:
        BadInput: It is not of that form, or cannot be used; or a limit or a proxy in the environment cannot.
    """
    if given == "off":
        return None
    wire(), proxies(settings().trusted_proxies)  # said now, to whoever starts it, not by a process that cannot start
    host, colon, number = given.rpartition(":")
    if not colon or not number.isdigit():
        raise BadInput(f"{given!r} is no address.", where="--intake", hint="Such as --intake 0.0.0.0:7789, or off.")
    wanted = 0 if port == 0 and given == Settings.intake else int(number)
    return listen(wanted, host=host.strip("[]") or HOST, option="--intake", waiting=1024)


def address_of(intake: socket.socket) -> str:
    """The address clients are given."""
    host, port = intake.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def link(workspace: Path, port: int) -> str:
    """A new link that signs one browser in, once."""
    return f"http://{HOST}:{port}/sign-in?key={Door(workspace).new_key()}"


def serve(
    workspace: Path,
    *,
    port: int,
    intake: str = "off",
    open_browser: bool = False,
    say: Callable[[str], None] = print,
    note: str = "",
) -> None:
    """Serve a workspace's pages, and take signals in, until interrupted.

    Args:
        workspace: Its directory; made where missing.
        port: On 127.0.0.1; 0 takes a free one.
        intake: HOST:PORT signals are sent to; `off` takes none.
        open_browser: Open the link in the person's browser as well.
        say: How lines reach the person.
        note: A line said before the link, such as what the demo is.

    Raises:
        BadInput: The port cannot be used, or the workspace cannot be made.
    """
    listening = listen(port)
    taking = None
    try:
        taking = listen_for_signals(intake, port=port)
        workspace.mkdir(parents=True, exist_ok=True)
    except BadInput:
        listening.close()
        raise
    except OSError as error:
        listening.close()
        raise BadInput(
            f"The workspace cannot be made: {error.strerror}.", where=str(workspace), hint="Name another with -w DIR."
        ) from error
    supervisor = Supervisor(workspace.resolve(), listening, taking)
    address = link(workspace, supervisor.port)
    signals = f"Signals are sent to {address_of(taking)}" if taking else ""
    lines = [note, f"Regard is open at   {address}", signals, "The link signs one browser in, once. Ctrl-C stops."]
    for line in filter(None, lines):
        say(line)
    if open_browser:
        webbrowser.open(address)
    supervisor.run()
