"""One request and its answer, as the server gives and takes them: headers, key, body within limits, a JSON reply."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import msgspec

from regard.intake.admission import Load
from regard.sources.items import Unfit
from regard.sources.limits import Wire
from regard.sources.otlp import Rules
from regard.sources.proxies import NONE, Proxies

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"retry-after"),
)
PREFLIGHT = (
    *CORS,
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-max-age", b"86400"),
    (b"vary", b"origin, access-control-request-headers"),
)
PLAIN = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    *CORS,
)


PASSED_OVER = 4
"""A body that says it is up to so many times as large as allowed is read to its end before it is refused: a sender
whose connection is closed while it still sends, or its proxy, never sees why."""


class Gone(Exception):
    """The client went away before its request was whole: there is nobody to answer."""


class Exchange:
    """A request as it comes in, and its answer.

    Args:
        scope: What the server says of it.
        receive: Gives its body.
        send: Takes the answer.
        proxies: Whose word is taken for where a request comes from.

    Attributes:
        whole: Whether the request was read to its end.
        source: Whose it is, once that is known.
        tried: The write key it came with.
        counted: Whether the ledger tells of it already.
        media: For OpenTelemetry, how it is written.
        rules: For OpenTelemetry, what of it is kept.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, proxies: Proxies = NONE) -> None:
        self.scope, self._receive, self._send, self._proxies = scope, receive, send, proxies
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.whole = False
        self.source, self.tried, self.counted = "", "", False
        self.media = ""
        self.rules: Rules | None = None

    def header(self, name: bytes) -> str:
        """A header's value; empty where it is not there."""
        return self.headers.get(name, b"").decode("latin-1")

    @property
    def query(self) -> dict[str, str]:
        """The last value of each parameter of the address."""
        raw = self.scope["query_string"]
        if not raw:
            return {}
        try:
            found = parse_qs(raw.decode("latin-1"), keep_blank_values=True, max_num_fields=50)
        except ValueError:
            return {}
        return {name: values[-1] for name, values in found.items()}

    @property
    def address(self) -> str:
        """Where it comes from: what a declared proxy says, else the other end of the connection."""
        client = self.scope.get("client")
        peer = str(client[0]) if client else ""
        if not self._proxies or peer not in self._proxies:
            return peer
        said = [value.decode("latin-1") for name, value in self.scope["headers"] if name == b"x-forwarded-for"]
        return self._proxies.sender(",".join(said), peer=peer)

    def key(self) -> str:
        """The write key in the headers: basic auth, bearer or a header of its own; empty where there is none."""
        scheme, _, value = self.header(b"authorization").partition(" ")
        value = value.strip()
        if scheme.lower() == "bearer":
            return value
        if scheme.lower() == "basic":
            try:
                return base64.b64decode(value, validate=True).decode("utf-8", "replace").partition(":")[0]
            except (binascii.Error, ValueError):
                return ""
        return self.header(b"x-write-key")

    async def body(self, load: Load, limits: Wire) -> bytes:
        """The whole body, within its limits of size and time.

        Raises:
            Unfit: It is too large, or comes too slowly.
            Overloaded: Too much is under way.
            Gone: The client went away.
        """
        text = self.header(b"content-length")
        length = int(text) if text.isdigit() else 0
        if length > PASSED_OVER * limits.body_bytes:
            raise _too_large(limits)
        try:
            async with asyncio.timeout(limits.body_seconds):
                if length > limits.body_bytes:
                    await self._pass_over()
                    raise _too_large(limits)
                return await self._read(load, limits)
        except TimeoutError as error:
            told = f"The request was not whole within {limits.body_seconds:g} seconds."
            raise Unfit("too_slow", told, status=408) from error

    async def _pass_over(self) -> None:
        """Read a body to its end and keep nothing of it."""
        while not self.whole:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            self.whole = not message.get("more_body", False)

    async def _read(self, load: Load, limits: Wire) -> bytes:
        parts: list[bytes] = []
        size = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            part = message.get("body", b"")
            if part:
                size += len(part)
                if size > limits.body_bytes:
                    raise _too_large(limits)
                load.grow(len(part))
                parts.append(part)
            if not message.get("more_body", False):
                self.whole = True
                return parts[0] if len(parts) == 1 else b"".join(parts)

    async def reply(self, status: int, told: Any, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Answer with JSON."""
        await self.reply_raw(status, msgspec.json.encode(told), (*PLAIN, *headers))

    async def reply_raw(self, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        """Answer with bytes. A connection whose request was not read to its end is closed."""
        more = [*headers, (b"content-length", str(len(body)).encode())]
        if not self.whole and self.method == "POST":
            more.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": status, "headers": more})
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def preflight(self) -> None:
        """Answer a browser that asks whether it may send from another site."""
        asked = self.headers.get(b"access-control-request-headers", b"content-type, authorization")[:1000]
        more = [(b"access-control-allow-headers", asked)]
        if self.headers.get(b"access-control-request-private-network") == b"true":
            more.append((b"access-control-allow-private-network", b"true"))
        await self._send({"type": "http.response.start", "status": 204, "headers": [*PREFLIGHT, *more]})
        await self._send({"type": "http.response.body", "body": b""})


def _too_large(limits: Wire) -> Unfit:
    return Unfit("too_large", f"This request is larger than {limits.body_bytes:,} bytes.", status=413)
