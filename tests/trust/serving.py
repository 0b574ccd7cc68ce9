"""`regard serve` as people run it, killed as a whole, and clients that send again what was not answered."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx

from regard.signals.workspace import Workspace

sys.path.insert(0, str(Path(__file__).parents[1] / "intake"))


def free_port():
    """A port of this machine that nobody listens at."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


class Serving:
    """A workspace with a source, served by all processes of ``regard serve`` at one address."""

    def __init__(self, root, **environment):
        self.root = root
        self.environment = {**os.environ, **environment}
        with Workspace.open(root) as workspace:
            self.key = workspace.add_source("app")
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        """Start it; it is not ready yet."""
        words = ["serve", "-w", str(self.root), "--port", "0", "--intake", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "regard.cli", *words], env=self.environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def running(self):
        """Pid of each process that works on the workspace, and its module."""
        found, mine = {}, str(self.root).encode()
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError, ValueError):
                    words = (entry / "cmdline").read_bytes().split(b"\0")
                    if mine in words:
                        found[int(entry.name)] = words[words.index(b"-m") + 1].decode()
        return found

    def kill(self):
        """``kill -9`` of every one of them; the modules of those that ran."""
        before = set()
        while running := self.running():
            before |= set(running.values())
            for pid in running:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.poll()
            time.sleep(0.002)
        self.process.wait(10)
        return before

    def stop(self):
        """End it as a person does."""
        self.process.terminate()
        assert self.process.wait(30) == 0


class Client(threading.Thread):
    """Sends batches and, as the official clients do, sends each again, ids and all, until it is taken.

    Args:
        serving: Where to.
        number: Which client this is; its seed, too.
        pause: Seconds between batches.
    """

    def __init__(self, serving, number, *, pause=0.03):
        super().__init__(name=f"client {number}", daemon=True)
        self.serving, self.number, self.pause = serving, number, pause
        self.done = threading.Event()
        self.taken = {"event": [], "profile": [], "merge": []}
        self.told, self.statuses = Counter(), Counter()
        self.sent = self.batches = 0

    def run(self):
        chance = random.Random(self.number)
        while not self.done.is_set():
            self._bring([self._call(chance) for _ in range(chance.randint(1, 20))])
            time.sleep(self.pause)

    def _call(self, chance):
        self.sent += 1
        user = f"u{self.number}-{chance.randrange(200)}"
        call = {"messageId": f"{self.number}-{self.sent}", "timestamp": "2026-01-05T10:00:00Z"}
        kind = chance.choices(["track", "identify", "alias"], [16, 3, 1])[0]
        if kind == "track":
            return call | {"type": kind, "event": "Opened", "userId": user, "properties": {"n": self.sent}}
        if kind == "alias":
            return call | {"type": kind, "previousId": f"old-{user}", "userId": user}
        return call | {"type": kind, "userId": user, "anonymousId": f"device-{user}", "traits": {"n": self.sent}}

    def _bring(self, calls):
        wait = 0.05
        while True:
            with suppress(httpx.HTTPError):
                headers = {"authorization": f"Bearer {self.serving.key}"}
                reply = httpx.post(
                    f"{self.serving.address}/v1/batch", json={"batch": calls}, headers=headers, timeout=20
                )
                self.statuses[reply.status_code] += 1
                if reply.status_code == 200:
                    return self._note(calls, reply.json())
                assert reply.status_code in {429, 503}, reply.text
            time.sleep(wait)
            wait = min(1.0, wait * 2)

    def _note(self, calls, told):
        assert told["received"] == len(calls)
        self.told.update(item["outcome"] for item in told["items"])
        kinds = {"track": ("event",), "identify": ("profile", "merge"), "alias": ("merge", "merge")}
        for call in calls:
            for kind in kinds[call["type"]]:
                self.taken[kind].append(call["messageId"])
        self.batches += 1
