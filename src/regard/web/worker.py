"""A worker: a child process that holds the engine, answers calls from its standard input and ends when that closes.

A thread reads the calls, so that a cancellation reaches the engine while it computes, and so that a worker whose
pages have gone ends at once instead of finishing for nobody.
"""

from __future__ import annotations

import os
import queue
import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from regard.errors import RegardError
from regard.web.desk import Desk
from regard.web.wire import Call, Reply, framed, read_call

if TYPE_CHECKING:
    from typing import BinaryIO


class Worker:
    """Answers calls one after the other.

    Args:
        desk: What carries the calls out.
        calls: Where they come from.
        replies: Where the answers go.
    """

    def __init__(self, desk: Desk, calls: BinaryIO, replies: BinaryIO) -> None:
        self._desk = desk
        self._calls = calls
        self._replies = replies
        self._waiting: queue.Queue[Call] = queue.Queue()
        self._running = 0

    def run(self) -> None:
        """Serve until the pages close the pipe."""
        threading.Thread(target=self._read, daemon=True).start()
        while True:
            self._answer(self._waiting.get())

    def _read(self) -> None:
        while (call := read_call(self._calls)) is not None:
            if call.do == "cancel":
                if call.given.get("id") == self._running:
                    self._desk.interrupt()
            else:
                self._waiting.put(call)
        os._exit(0)

    def _answer(self, call: Call) -> None:
        self._running = call.id
        try:
            value = self._desk.do(call.do, call.given)
            if isinstance(value, Iterator):
                value = self._progress(call, value)
            self._send(Reply(id=call.id, kind="done", value=msgspec.Raw(_encoded(value))))
        except RegardError as error:
            self._send(Reply(id=call.id, kind="error", value=msgspec.Raw(_encoded(error.as_json() | _status(error)))))
        except Exception as error:  # noqa: BLE001 - whatever a question meets, the person gets a designed error
            traceback.print_exc(file=sys.stderr)
            self._send(Reply(id=call.id, kind="error", value=msgspec.Raw(_encoded(unexpected(error)))))
        finally:
            self._running = 0

    def _progress(self, call: Call, steps: Iterator[Any]) -> Any:
        last: Any = None
        for step in steps:
            last = step
            self._send(Reply(id=call.id, kind="progress", value=msgspec.Raw(_encoded(step))))
        return last

    def _send(self, reply: Reply) -> None:
        self._replies.write(framed(reply))
        self._replies.flush()


def unexpected(error: Exception) -> dict[str, Any]:
    """An error nobody foresaw, in the one error shape, without its insides."""
    return {
        "error": {
            "kind": "Unexpected",
            "message": "This could not be computed.",
            "where": type(error).__name__,
            "hint": "Nothing was changed. The terminal that runs Regard shows the details.",
        },
        "status": 500,
    }


def _status(error: RegardError) -> dict[str, int]:
    return {"status": error.status}


def _encoded(value: Any) -> bytes:
    return value if isinstance(value, bytes) else msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    """What JSON does not know: a number of an array's type is that number, all else its words."""
    return value.item() if hasattr(value, "item") else str(value)


def main() -> None:
    """Run a worker for the workspace named on the command line."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    Worker(Desk(Path(sys.argv[1])), sys.stdin.buffer, replies).run()


if __name__ == "__main__":
    main()
