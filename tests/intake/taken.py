"""An intake as people run it: a process of its own on a free port, over a workspace made for the test."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import httpx

from regard.signals.workspace import Workspace


class Served:
    """A running intake and its workspace."""

    def __init__(self, root, **environment):
        self.root = root
        self.environment = {**os.environ, **environment}
        with Workspace.open(root) as workspace:
            self.key = workspace.add_source("app")
        self.listen()
        self.start()

    def listen(self):
        """Take a free port."""
        self.listening = socket.socket()
        self.listening.bind(("127.0.0.1", 0))
        self.listening.listen(1024)
        self.address = f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def start(self):
        handle = self.listening.fileno()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "regard.intake", str(self.root), str(handle)],
            pass_fds=(handle,),
            env=self.environment,
        )
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            try:
                if httpx.get(f"{self.address}/ready", timeout=5).status_code in {200, 507}:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        self.process.kill()
        self.process.wait()
        self.listening.close()
        raise AssertionError("the intake did not become ready")

    def stop(self):
        self.process.terminate()
        return self.process.wait(20)

    def add(self, name):
        with Workspace.open(self.root) as workspace:
            key = workspace.add_source(name)
        time.sleep(1.1)  # keys are read anew each second
        return key

    def post(self, path, body=None, *, key=None, headers=None, **more):
        given = {"content-type": "application/json", **(headers or {})}
        given.setdefault("authorization", f"Bearer {self.key if key is None else key}")
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return httpx.post(self.address + path, headers=given, timeout=30, **content, **more)

    def ledger(self, source=""):
        with Workspace.open(self.root) as workspace:
            for _ in workspace.settle():
                pass
            row = {r["source"]: r for r in workspace.ledger()}.get(source, {})
            assert row.get("received", 0) == sum(row.get(n, 0) for n in ("stored", "duplicate", "held_back", "refused"))
            return row

    def rows(self, kind, columns="*", where="true"):
        """Settled rows as dicts."""
        with Workspace.open(self.root) as workspace:
            for _ in workspace.settle():
                pass
            with workspace.connect() as (connection, _):
                found = connection.execute(f"SELECT {columns} FROM lake_{kind} WHERE {where} ORDER BY position")
                names = [d[0] for d in found.description]
                return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def rss(self):
        """Bytes of memory the process holds."""
        with open(f"/proc/{self.process.pid}/statm") as file:  # noqa: PTH123 - not a path of ours
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def running(root, **environment):
    """An intake, stopped afterwards."""
    served = Served(root, **environment)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.process.kill()
            served.process.wait()
        served.listening.close()
