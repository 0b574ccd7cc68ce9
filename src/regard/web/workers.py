"""The pool of workers: started on demand, stopped when idle, replaced when they die, killed when they take too long."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import msgspec

from regard.errors import RegardError
from regard.web.wire import LARGEST, LENGTH, Call, Reply, framed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CANCEL_SECONDS = 3.0


class Failed(RegardError):
    """A call a worker could not finish, in the one error shape.

    Args:
        kind: Name of the error as its room raised it.
        status: HTTP status it has.
    """

    def __init__(self, message: str, *, kind: str = "", status: int = 500, where: str = "", hint: str = "") -> None:
        super().__init__(message, where=where, hint=hint)
        self.kind = kind or type(self).__name__
        self.status = status

    def as_json(self) -> dict[str, dict[str, str]]:
        """The one error shape, under the name the room gave it."""
        return {"error": {"kind": self.kind, "message": self.message, "where": self.where, "hint": self.hint}}


class Child:
    """One worker process and its two pipes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.used_at = time.monotonic()
        self._next = 0
        self._killed = False

    @classmethod
    async def start(cls, workspace: Path) -> Child:
        """Start a worker for a workspace."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "regard.web.worker", str(workspace),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=1 << 20,
            # small matrices: threads of the linear algebra cost more than they bring
            env={"OPENBLAS_NUM_THREADS": "1"} | os.environ | {"MALLOC_ARENA_MAX": "2"},
        )  # fmt: skip
        return cls(process)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.returncode is None and not self._killed

    async def call(self, do: str, given: dict[str, Any], progress: Callable[[Any], None] | None) -> bytes:
        """Send a call and wait for its answer.

        Raises:
            Failed: The worker answered with an error.
            ConnectionError: It died.
        """
        self._next += 1
        call = Call(id=self._next, do=do, given=given)
        await self._send(call)
        try:
            return await self._answer(call.id, progress)
        except asyncio.CancelledError:
            stopping = asyncio.ensure_future(self._cancel(call.id))
            try:
                await asyncio.shield(stopping)
            except asyncio.CancelledError:
                # Given up a second time while it stops: its pipe is still being read, so nobody else may use it.
                self.kill()
                stopping.cancel()
            raise

    async def _answer(self, number: int, progress: Callable[[Any], None] | None) -> bytes:
        while True:
            reply = await self._receive()
            if reply.id != number:
                continue
            if reply.kind == "done":
                return bytes(reply.value)
            value = msgspec.json.decode(reply.value)
            if reply.kind == "error":
                told = value["error"]
                raise Failed(
                    told["message"], kind=told["kind"], status=value["status"], where=told["where"], hint=told["hint"]
                )
            if progress:
                progress(value)

    async def _cancel(self, number: int) -> None:
        """Interrupt the running call; a worker that does not answer in time is killed."""
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await self._send(Call(id=0, do="cancel", given={"id": number}))
                with contextlib.suppress(Failed):
                    await self._answer(number, None)
        except (TimeoutError, ConnectionError, asyncio.CancelledError):
            self.kill()

    async def _send(self, call: Call) -> None:
        assert self.process.stdin is not None  # noqa: S101 - started with a pipe
        self.process.stdin.write(framed(call))
        await self.process.stdin.drain()

    async def _receive(self) -> Reply:
        assert self.process.stdout is not None  # noqa: S101 - started with a pipe
        try:
            size = LENGTH.unpack(await self.process.stdout.readexactly(LENGTH.size))[0]
            if size > LARGEST:
                raise ConnectionError("A frame from the worker has no believable length.")
            return msgspec.json.decode(await self.process.stdout.readexactly(size), type=Reply)
        except (asyncio.IncompleteReadError, msgspec.DecodeError, RuntimeError) as error:
            raise ConnectionError("The worker has gone.") from error

    def kill(self) -> None:
        """End the process now."""
        self._killed = True
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()

    async def close(self) -> None:
        """Close its input, which ends it; wait, and kill it if it lingers."""
        if self.process.stdin is not None:
            self.process.stdin.close()
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.kill()
            await self.process.wait()


class Workers:
    """A pool of at most `most` workers.

    Args:
        workspace: The workspace they open.
        most: How many may compute at once.
        idle: Seconds without a call before a worker is stopped.
        limit: Seconds one call may take.
    """

    def __init__(self, workspace: Path, *, most: int = 2, idle: float = 60.0, limit: float = 60.0) -> None:
        self._workspace = workspace
        self._most = asyncio.Semaphore(most)
        self._idle = idle
        self._limit = limit
        self._free: list[Child] = []
        self._all: set[Child] = set()
        self._reaper: asyncio.Task[None] | None = None

    async def call(
        self,
        do: str,
        given: dict[str, Any] | None = None,
        *,
        limit: float | None = None,
        progress: Callable[[Any], None] | None = None,
    ) -> bytes:
        """Have a worker do something.

        Args:
            do: What: an operation of the desk.
            given: Its arguments.
            limit: Seconds it may take, if not the usual.
            progress: Told each step of a long operation.

        Returns:
            The answer as JSON.

        Raises:
            Failed: The worker refused, died or took too long.
        """
        async with self._most:
            return await self._with_child(do, given or {}, limit or self._limit, progress)

    async def job(self, do: str, given: dict[str, Any], *, progress: Callable[[Any], None]) -> bytes:
        """As `call`, in a worker of its own outside the pool and without a time limit: imports, erasures.

        Raises:
            Failed: The worker refused or died.
        """
        child = await self._start()
        try:
            return await child.call(do, given, progress)
        except ConnectionError as error:
            raise _died(child) from error
        finally:
            await self._end(child)

    async def _with_child(
        self, do: str, given: dict[str, Any], limit: float, progress: Callable[[Any], None] | None
    ) -> bytes:
        while True:
            used = bool(self._free)
            child = await self._take()
            try:
                async with asyncio.timeout(limit):
                    return await child.call(do, given, progress)
            except TimeoutError as error:
                raise Failed(
                    f"This took longer than {limit:g} s and was stopped.", kind="TooLong", status=503,
                    hint="Choose a shorter period or fewer filters, or ask on the command line, where no limit holds.",
                ) from error  # fmt: skip
            except ConnectionError as error:
                child.kill()
                # One that had been idle may have died long ago; a new one is asked once before anybody is told.
                if not used:
                    raise _died(child) from error
            finally:
                self._give_back(child)

    async def _take(self) -> Child:
        while self._free:
            child = self._free.pop()
            if child.alive:
                return child
            self._all.discard(child)
        return await self._start()

    async def _start(self) -> Child:
        child = await Child.start(self._workspace)
        self._all.add(child)
        if self._reaper is None or self._reaper.done():
            self._reaper = asyncio.create_task(self._reap())
        return child

    def _give_back(self, child: Child) -> None:
        child.used_at = time.monotonic()
        if child.alive:
            self._free.append(child)
        else:
            self._all.discard(child)

    async def _reap(self) -> None:
        while self._all:
            await asyncio.sleep(min(1.0, self._idle / 2))
            late = time.monotonic() - self._idle
            for child in [c for c in self._free if c.used_at < late or not c.alive]:
                self._free.remove(child)
                await self._end(child)

    async def _end(self, child: Child) -> None:
        self._all.discard(child)
        await child.close()

    async def close(self) -> None:
        """Stop every worker."""
        if self._reaper:
            self._reaper.cancel()
        for child in list(self._all):
            await self._end(child)


def _died(child: Child) -> Failed:
    return Failed(
        "The process that computed this has ended unexpectedly.", kind="WorkerGone", status=503,
        where=f"process {child.process.pid}", hint="Reload the page: a new one answers. Nothing received is lost.",
    )  # fmt: skip
