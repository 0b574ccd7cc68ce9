"""Connections that cannot be held open for nothing: a deadline for headers, and no more of them than allowed.

What ends here never becomes a request. It is counted beside those that are turned away (`regard.store.turnedaway`).
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from regard.sources.limits import Wire
from regard.store.turnedaway import Tally

FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n"
    b"access-control-allow-origin: *\r\n\r\n"
)
LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
HIGH_WATER = 1 << 18
"""Bytes that may come at once."""


class Together:
    """A connection's transport that sends what is written in one turn of the loop at once: a head and its body cost one
    call of the system, not two, and a client wakes up once.

    Args:
        transport: What sends.
        loop: Whose turns.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """Send this with whatever else is written now."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def _flush(self) -> None:
        if self._parts:
            parts, self._parts = self._parts, []
            self._transport.write(b"".join(parts))

    def close(self) -> None:
        """Send what was written, then close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once, whatever was written."""
        self._parts = []
        self._transport.abort()


class Connection(HttpToolsProtocol):
    """A connection whose headers must be there in time."""

    limits: Wire
    turned: Tally
    _deadline: asyncio.TimerHandle | None = None
    _head: int = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Greet it, or turn it away."""
        if full := len(self.connections) >= self.limits.connections:
            transport.write(FULL)
            transport.close()
        super().connection_made(Together(transport, self.loop))  # type: ignore[arg-type]
        if full:
            self._turn_away("too_many_connections")
        self._await_headers()

    def _turn_away(self, code: str) -> None:
        self.turned.count(code, address=self.client[0] if self.client else "")

    def _await_headers(self) -> None:
        self._deadline = self.loop.call_later(self.limits.header_seconds, self._too_slow)

    def _too_slow(self) -> None:
        self._deadline = None
        if self.transport is not None and not self.transport.is_closing():
            if self._head:  # browsers open connections they never use
                self._turn_away("headers_too_slow")
            self.transport.abort()

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        if self._deadline is not None:
            self._head += len(data)
            if self._head > self.limits.header_bytes + HIGH_WATER:  # the first bytes of a body count, too
                self._turn_away("headers_too_large")
                self.transport.write(LONG)
                self.transport.close()
                return
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._turn_away("not_http")
        super().send_400_response(msg)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        if self._deadline is None:  # the next request of a connection kept open
            self._head = 1
            self._await_headers()

    def on_headers_complete(self) -> None:
        """Its headers are there."""
        self._in_time()
        self._head = 0
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._in_time()
        super().connection_lost(exc)


def protocol(limits: Wire, turned: Tally) -> type[Connection]:
    """The protocol of one connection, within limits; what is turned away is counted."""
    return type("Connection", (Connection,), {"limits": limits, "turned": turned})


def settings_of(limits: Wire, turned: Tally) -> dict[str, Any]:
    """What the server is told of the limits, and of who counts what they turn away."""
    return {"http": protocol(limits, turned), "timeout_keep_alive": int(limits.idle_seconds)}
