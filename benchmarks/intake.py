"""Intake over HTTP, client included: batches of 100 events with 50 M ids known, while what comes in is settled.

The floor (one process, no HTTP) is measured in the same run, before and after. Load is full when 24 connections send
as fast as they are answered, and half when they are paced to half of what full load reached.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

from benchmarks.floor import EVENTS, bodies, known_ids
from benchmarks.floor import measure as measure_floor
from benchmarks.measuring import REGARD, Row, cpu_seconds, tree_mb
from regard.settings import Settings
from regard.signals.workspace import Workspace

CONNECTIONS = 24
SECONDS = 20.0
PREPARED = 14_000
"""Bodies made ready; each is sent once."""


@dataclass
class Load:
    """Sends prepared bodies over connections that are kept open, each answered before the next is sent on it."""

    address: str
    key: str
    bodies: Iterator[bytes]
    rate: float = 0.0
    path: str = "/v1/batch"
    head: str = ""
    told: bytes = rb'"stored":(\d+)'
    taken: list[float] = field(default_factory=list)
    stored: int = 0
    refused: int = 0
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _next: float = 0.0

    def run(self, seconds: float) -> float:
        """Send for so long; returns events answered a second."""
        began = self._next = time.perf_counter()
        threads = [threading.Thread(target=self._send, args=(began + seconds,)) for _ in range(CONNECTIONS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(self.taken) * EVENTS / (time.perf_counter() - began)

    def _send(self, until: float) -> None:
        where = urlsplit(self.address)
        head = (
            f"POST {self.path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self.key}\r\n{self.head}content-length: "
        )
        with socket.create_connection((where.hostname, where.port)) as made:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (due := self._due()) < until and (body := self._body()) is not None:
                if due > time.perf_counter():
                    time.sleep(due - time.perf_counter())
                began = due if self.rate else time.perf_counter()  # waiting for a connection counts as well
                made.sendall(head.encode() + str(len(body)).encode() + b"\r\n\r\n" + body)
                self._note(_answer(made), time.perf_counter() - began)

    def _due(self) -> float:
        if not self.rate:
            return time.perf_counter()
        with self._turn:
            self._next += EVENTS / self.rate
            return self._next

    def _body(self) -> bytes | None:
        with self._turn:
            return next(self.bodies, None)

    def _note(self, answer: bytes, seconds: float) -> None:
        stored = re.search(self.told, answer)
        with self._turn:
            if stored is None:
                self.refused += 1
            else:
                self.taken.append(seconds)
                self.stored += int(stored[1])

    def at(self, share: float) -> float:
        """The time within which so many of the requests were answered, in milliseconds."""
        ordered = sorted(self.taken)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def _answer(made: socket.socket) -> bytes:
    got = b""
    while b"\r\n\r\n" not in got:
        got += _more(made)
    head, _, body = got.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head)
    while found and len(body) < int(found[1]):
        body += _more(made)
    return head + b"\r\n\r\n" + body


def _more(made: socket.socket) -> bytes:
    part = made.recv(1 << 16)
    if not part:
        raise ConnectionError("the intake closed the connection")
    return part


@contextmanager
def served(home: Path) -> Iterator[tuple[str, int]]:
    """`regard serve`: the address of the intake, and the process."""
    environment = {**os.environ, "REGARD_LIMIT_SOURCE_RATE": "0"}
    process = subprocess.Popen(
        [*REGARD, "serve", "-w", str(home), "--port", "0"], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    address = ""
    while not address:
        found = re.search(r"sent to (http\S+)", process.stdout.readline())
        address = found[1] if found else ""
    while True:
        try:
            with urlopen(f"{address}/ready", timeout=10):  # noqa: S310 - our own address
                break
        except OSError:
            time.sleep(0.2)
    try:
        yield address, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def fresh(home: Path, address: str, key: str) -> float:
    """Seconds from the answer to a signal until it is in the settled log."""
    body = b'{"userId": "fresh", "event": "Fresh Signal", "messageId": "fresh-%d"}' % time.time_ns()
    where = urlsplit(address)
    head = f"POST /v1/track HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((where.hostname, where.port)) as made:
        made.sendall(head.encode() + body)
        assert b'"stored":1' in _answer(made)
    began = time.perf_counter()
    with Workspace.open(home) as workspace:
        while time.perf_counter() - began < 120:
            with workspace.connect() as (connection, _):
                (there,) = connection.execute("SELECT count(*) FROM lake_event WHERE name = 'Fresh Signal'").fetchone()
            if there:
                return time.perf_counter() - began
            time.sleep(0.25)
    return 120.0


def measure(work: Path, *, known: int, seconds: float = SECONDS) -> list[Row]:
    """Events a second over HTTP, its ratio to the floor, latencies, and how fresh answers are."""
    floors = [_floor(work, known)]
    home = work / "intake"
    shutil.rmtree(home, ignore_errors=True)
    with Workspace.open(home, given=Settings(buckets=16)) as workspace:
        key = workspace.add_source("bench")
        known_ids(workspace.inbox, known)
    ready = iter(bodies(PREPARED, seed=2))
    waited: list[float] = []
    with served(home) as (address, process):
        Load(address, key, ready).run(2.0)
        full, before = Load(address, key, ready), cpu_seconds(process, "regard.intake")
        rate = full.run(seconds)
        cpu = (cpu_seconds(process, "regard.intake") - before) / max(1, len(full.taken) * EVENTS)
        half = Load(address, key, ready, rate=rate / 2)
        watching = threading.Thread(target=lambda: waited.append(fresh(home, address, key)))
        watching.start()
        half.run(seconds)
        watching.join()
        memory = tree_mb(process)
    floors.append(_floor(work, known))
    shutil.rmtree(home, ignore_errors=True)
    rows = _rows(
        full, half, known=known, rate=rate, floor=sum(f[0] for f in floors) / 2, waited=waited[0], memory=memory
    )
    return [*rows, _cpu_row(cpu, 2 / sum(f[1] for f in floors))]


def _floor(work: Path, known: int) -> tuple[float, float]:
    """Events a second of the floor, and per CPU second."""
    figure = measure_floor(work, known=known, count=500)[0].figure
    wall, cpu = re.findall(r"([\d,]+) (?:events a second|per CPU second)", figure)[:2]
    return float(wall.replace(",", "")), float(cpu.replace(",", ""))


def _cpu_row(cpu: float, floor: float) -> Row:
    """What the process that takes signals in costs, which a busy machine changes less than how fast it is."""
    return Row(
        name="CPU of the process that takes signals in, an event, at full load",
        figure=f"{cpu * 1e6:.1f} µs; the floor {floor * 1e6:.1f} µs, {floor / cpu:.2f} of it",
        target="said", met=None, command="python -m benchmarks intake",
    )  # fmt: skip


def _rows(full: Load, half: Load, *, known: int, rate: float, floor: float, waited: float, memory: float) -> list[Row]:
    command = "python -m benchmarks intake"
    return [
        Row(
            name=f"Durable intake over HTTP, batches of 100, {known:,} ids known, client and settling included",
            figure=f"{rate:,.0f} events a second", target="at least 20,000", met=rate >= 20_000, command=command,
            note=f"{full.refused + half.refused} requests refused; the whole of `regard serve` {memory:,.0f} MB",
        ),
        Row(
            name="The same as a share of the floor in the same run", figure=f"{rate / floor:.2f} of {floor:,.0f}",
            target="at least 0.4", met=rate / floor >= 0.4, command=command,
        ),
        Row(
            name="Time to answer a batch of 100, made durable",
            figure=f"half load: p50 {half.at(0.5):.0f} ms, p99 {half.at(0.99):.0f} ms; "
            f"full load: p50 {full.at(0.5):.0f} ms, p99 {full.at(0.99):.0f} ms",
            target="said", met=None, command=command,
        ),
        Row(
            name="A fresh signal is in the answers, at half load", figure=f"{waited:.1f} s after it was answered",
            target="within 10 s", met=waited <= 10, command=command,
        ),
    ]  # fmt: skip
