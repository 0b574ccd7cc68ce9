"""Answers kept while they hold: computed once for all who ask, shown with their age while a newer one computes.

Kept in memory under a cap, by question, arguments and scope; each entry remembers the mark of the log it was computed
at (generation, position, declarations). Nothing is kept on disk, so an erasure leaves nothing here to erase.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from regard.web.pulse import Pulse, pulse
from regard.web.workers import Failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from regard.web.workers import Workers

LARGEST = 24 * 1024 * 1024
GRACE = 8.0
PATIENCE = 2.0
GLANCE = 0.3


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One answer as JSON, the mark it was computed at, and when."""

    body: bytes
    mark: str
    at: float

    @property
    def age(self) -> float:
        """Seconds since it was computed."""
        return time.monotonic() - self.at


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What can be shown now: an answer or none yet, and whether a newer one is being computed."""

    kept: Kept | None
    computing: bool


@dataclass(kw_only=True)
class _Running:
    task: asyncio.Task[bytes]
    mark: str
    wanted: float = field(default_factory=time.monotonic)


class Findings:
    """The answers of one workspace.

    Args:
        workspace: Its directory.
        workers: Who computes.
    """

    def __init__(self, workspace: Path, workers: Workers) -> None:
        self._workspace = workspace
        self._workers = workers
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._running: dict[str, _Running] = {}
        self._size = 0
        self._glance: tuple[float, Pulse] = (-1e9, Pulse())

    def pulse(self) -> Pulse:
        """How far the log is, looked up at most a few times a second."""
        at, known = self._glance
        if time.monotonic() - at > GLANCE:
            known = pulse(self._workspace)
            self._glance = (time.monotonic(), known)
        return known

    async def get(self, do: str, given: dict[str, Any], *, patience: float = PATIENCE) -> Answered:
        """The answer, if it is there within `patience` seconds; an older one at once while a newer computes.

        Raises:
            Failed: It cannot be computed.
        """
        key = msgspec.json.encode([do, given], order="deterministic").decode()
        mark = self.pulse().mark
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            if kept.mark == mark:
                return Answered(kept=kept, computing=False)
        running = self._run(key, do, given, mark)
        if kept is None or running.task.done():
            return await self._first(key, running, patience)
        return Answered(kept=kept, computing=True)

    async def all(self, do: str, given: dict[str, Any], *, gone: Callable[[], Awaitable[bool]] | None = None) -> Kept:
        """The newest answer, however long it takes; given up when the one who asked has gone.

        Raises:
            Failed: It cannot be computed.
        """
        while True:
            answered = await self.get(do, given, patience=1.0)
            if answered.kept is not None and not answered.computing:
                return answered.kept
            if gone is not None and await gone():
                raise asyncio.CancelledError
            if answered.computing and answered.kept is not None:
                await asyncio.sleep(0.05)

    def forget(self) -> None:
        """Drop every answer: somebody was erased."""
        self._kept.clear()
        self._size = 0

    def _run(self, key: str, do: str, given: dict[str, Any], mark: str) -> _Running:
        running = self._running.get(key)
        if running is None or running.task.cancelled() or (running.mark != mark and running.task.done()):
            task = asyncio.create_task(self._compute(key, do, given, mark))
            task.add_done_callback(_seen)
            running = self._running[key] = _Running(task=task, mark=mark)
        running.wanted = time.monotonic()
        return running

    async def _first(self, key: str, running: _Running, patience: float) -> Answered:
        await asyncio.wait({running.task}, timeout=patience)
        if not running.task.done():
            return Answered(kept=None, computing=True)
        if self._running.get(key) is running:
            del self._running[key]
        if running.task.cancelled():
            raise Failed("This was stopped before it was done.", kind="Stopped", status=503, hint="Reload the page.")
        running.task.result()
        kept = self._kept[key]
        return Answered(kept=kept, computing=kept.mark != self.pulse().mark)

    async def _compute(self, key: str, do: str, given: dict[str, Any], mark: str) -> bytes:
        call = asyncio.create_task(self._workers.call(do, given | {"at": mark}))
        try:
            while not call.done():
                await asyncio.wait({call}, timeout=0.5)
                running = self._running.get(key)
                unwanted = running is not None and time.monotonic() - running.wanted > GRACE
                if unwanted and not call.cancelling():
                    call.cancel()
            body = call.result()
        finally:
            call.cancel()
        self._keep(key, Kept(body=body, mark=mark, at=time.monotonic()))
        return body

    def _keep(self, key: str, kept: Kept) -> None:
        old = self._kept.pop(key, None)
        self._size += len(kept.body) - (len(old.body) if old else 0)
        self._kept[key] = kept
        while self._size > LARGEST and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped.body)


def _seen(task: asyncio.Task[bytes]) -> None:
    """Take note of an exception nobody waits for any more, so that it is not reported as lost."""
    if not task.cancelled():
        task.exception()
