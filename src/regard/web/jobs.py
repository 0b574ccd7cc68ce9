"""Long work a person waits for: an import, an undo, an erasure; run in a process of its own, its progress kept here."""

from __future__ import annotations

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from regard.errors import RegardError
from regard.web.workers import Failed

if TYPE_CHECKING:
    from collections.abc import Callable

    from regard.web.frame import House

KEPT = 40


@dataclass(kw_only=True)
class Job:
    """One piece of long work."""

    id: str
    title: str
    back: str
    started: float = field(default_factory=time.monotonic)
    progress: dict[str, Any] = field(default_factory=dict)
    result: Any = None
    error: RegardError | None = None
    done: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self.started

    @property
    def share(self) -> float | None:
        """How much is done, between 0 and 1, where that is known."""
        told = self.progress
        done, total = told.get("bytes_read", told.get("done")), told.get("bytes_total", told.get("total"))
        return min(1.0, done / total) if total and done is not None else None


def start(
    house: House,
    title: str,
    do: str,
    given: dict[str, Any],
    *,
    back: str,
    finished: Callable[[Any], None] | None = None,
) -> Job:
    """Start long work in a worker of its own.

    Args:
        house: Where it is kept.
        title: What it is, for the page.
        do: The operation.
        given: Its arguments.
        back: Where the person goes on afterwards.
        finished: Told the result.
    """
    job = Job(id=secrets.token_hex(8), title=title, back=back)
    house.jobs[job.id] = job
    for old in list(house.jobs)[:-KEPT]:
        if house.jobs[old].done:
            del house.jobs[old]

    async def run() -> None:
        try:
            body = await house.workers.job(do, given, progress=job.progress.update)
            job.result = msgspec.json.decode(body)
            if finished:
                finished(job.result)
        except RegardError as error:
            job.error = error
        except asyncio.CancelledError:
            job.error = Failed("This was stopped because Regard was stopped.", kind="Stopped", status=503)
            raise
        finally:
            job.done = True

    job.task = asyncio.create_task(run())
    return job
