"""The intake as an ASGI app: addresses, who may send, and an answer once every item is durable."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from regard.errors import Busy, RegardError
from regard.intake import clients, openapi, otlp, replies
from regard.intake.admission import Admission, Load, Overloaded
from regard.intake.commits import Commits
from regard.intake.declared import Declared
from regard.intake.exchange import Exchange, Gone
from regard.intake.keys import Keys
from regard.intake.unpacking import unpacked
from regard.signals.declarations import OpenTelemetry
from regard.sources import native, posthog, segment
from regard.sources import otlp as exported
from regard.sources.items import Parcel, Told, Unfit
from regard.sources.limits import Wire
from regard.sources.opentelemetry import Signal
from regard.sources.proxies import NONE, Proxies
from regard.store.turnedaway import Tally

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

Read = Callable[[bytes, Exchange, int, Wire], Parcel]
LOOK_SECONDS = 0.5
SMALL_BYTES = 64 << 10
"""A body as large as this is read beside the loop, one after the other: a small request does not wait for it."""

PACKING = 8
"""So many times its size a packed body is taken to have."""

PATIENCE = 0.5
"""Seconds a source that sends too fast waits to be told so, to twice as many: a flood of refusals would keep others
waiting, and so would refusals told together, for their senders then come back together."""

SPREAD = (5**0.5 - 1) / 2
"""Multiples of it lie evenly between whole numbers, however many there are."""

ASKED = ("/", "/ready", "/openapi.json")
PLACE = re.compile(r"[^/]*[^/a-z_.-][^/]*(?<!v\d)(?=/|$)|(?<=/)[^/]{21,}", re.IGNORECASE)
"""A part of an address that may be somebody's id; ``v2`` is none."""

BROWSER = ("/e", "/i/v0/e")
"""Where PostHog's browser client sends: it gives events up on 429 and tries again on 503."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where items are sent: how they are read, and how the sender is told."""

    read: Read
    told: Callable[[Sequence[Told]], dict[str, Any]] = replies.posthog
    names: bool = False
    otlp: bool = False


def _segment(body: bytes, _: Exchange, received: int, limits: Wire, *, call: str) -> Parcel:
    return segment.read(body, received=received, call=call, limits=limits)


def _posthog(body: bytes, exchange: Exchange, received: int, limits: Wire) -> Parcel:
    parcel = posthog.read(body, received=received, limits=limits)
    parcel.key = parcel.key or exchange.query.get("token", "") or exchange.query.get("api_key", "")
    return parcel


def _native(body: bytes, exchange: Exchange, received: int, limits: Wire) -> Parcel:
    return native.read(body, received=received, media=exchange.header(b"content-type"), limits=limits)


def _otlp(body: bytes, exchange: Exchange, received: int, limits: Wire, *, signal: Signal) -> Parcel:
    rules = exchange.rules or exported.Rules(OpenTelemetry())
    return exported.read(body, signal=signal, media=exchange.media, received=received, limits=limits, rules=rules)


_capture = Address(read=_posthog)
SENDING: dict[str, Address] = {
    **{
        f"/v1/{name}": Address(read=partial(_segment, call=call), told=replies.outcomes)
        for call in (*segment.CALLS, "batch")
        for name in (call, call[0])
    },
    "/v1/import": Address(read=partial(_segment, call="batch"), told=replies.outcomes),
    **dict.fromkeys(("/capture", "/e", "/i/v0/e", "/batch", "/track", "/engage"), _capture),
    "/i/v1/analytics/events": Address(read=_posthog, names=True),
    "/v1/signals": Address(read=_native, told=replies.outcomes),
    **{f"/v1/{signal}": Address(read=partial(_otlp, signal=signal), otlp=True) for signal in exported.SIGNALS},
}
"""Addresses items are sent to, without a slash at the end."""


class App:
    """The intake of one workspace.

    Args:
        workspace: Its directory, for the space left.
        limits: What a sender may.
        proxies: Whose word is taken for where a request comes from.

    Attributes:
        turned: Counts the requests no ledger tells of.
    """

    def __init__(self, workspace: Path, *, limits: Wire, proxies: Proxies = NONE) -> None:
        self.workspace, self.limits, self.proxies = workspace, limits, proxies
        self.exported = otlp.limits_of(limits)
        self.declared = Declared(workspace)
        self.admission, self.turned = Admission(limits), Tally()
        self.keys: Keys | None = None
        self.commits: Commits | None = None
        self.problem = ""
        self._free, self._looked = 1 << 62, 0.0
        self._turned = 0.0
        self._reading = ThreadPoolExecutor(1, "reading")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send, proxies=self.proxies)
        try:
            await self._answer(exchange)
        except Gone:
            self._note(exchange, "broken_off")
        except Unfit as unfit:
            self._note(exchange, unfit.code)
            await self._refuse(exchange, unfit.status, unfit.code, unfit.reason, where=unfit.where)
        except Overloaded as over:
            self._note(exchange, over.code)
            exchange.whole = True  # the connection is kept: to make a new one costs more than to pass a body over
            if over.code == "too_fast":
                self._turned += SPREAD
                await asyncio.sleep(PATIENCE * (1 + self._turned % 1))
            browser = over.status == 429 and exchange.path.rstrip("/") in BROWSER
            status = 503 if browser else over.status
            await self._refuse(exchange, status, over.code, over.reason, wait=over.wait)
        except Exception:  # noqa: BLE001 - a sender gets an answer whatever happens; the terminal has the details
            traceback.print_exc(file=sys.stderr)
            self._note(exchange, "cannot_keep")
            await self._refuse(exchange, 503, "cannot_keep", "This could not be kept.", wait=5)

    @staticmethod
    async def _refuse(
        exchange: Exchange, status: int, code: str, reason: str, *, where: str = "", wait: int = 0
    ) -> None:
        """Answer a request as a whole, in the language of whoever sent it."""
        more = ((b"retry-after", str(wait).encode()),) if wait else ()
        if exchange.path.rstrip("/") in otlp.REJECTED:
            status, body, headers = otlp.status(status, replies.with_hint(code, reason), media=exchange.media)
            await exchange.reply_raw(status, body, (*headers, *more))
        else:
            await exchange.reply(status, replies.error(code, reason, where=where), more)

    def _note(self, exchange: Exchange, code: str) -> None:
        """Count a request that brought something and of which no ledger tells."""
        if exchange.counted or exchange.method != "POST":
            return
        path = PLACE.sub("…", exchange.path) if code == "no_such_address" else ""
        self.turned.count(
            code, source=exchange.source, address=exchange.address, client=exchange.header(b"user-agent"),
            key="" if exchange.source else exchange.tried, path=path,
        )  # fmt: skip

    async def _answer(self, exchange: Exchange) -> None:
        path = exchange.path.rstrip("/") or "/"
        if exchange.method == "OPTIONS":
            await exchange.preflight()
            return
        address = SENDING.get(path)
        if address is None:
            await self._ask(exchange, path)
        elif exchange.method == "POST":
            await self._take(exchange, address)
        else:
            allow = ((b"allow", b"POST, OPTIONS"),)
            told = replies.error("wrong_method", "Items are sent here with POST.")
            await exchange.reply(405, told, allow)

    # ------------------------------------------------------------------ sending

    async def _take(self, exchange: Exchange, address: Address) -> None:
        if address.otlp:
            exchange.media, exchange.rules = otlp.media_of(exchange.header(b"content-type")), self.declared.rules()
        keys, commits = self._ready()
        key = exchange.tried = exchange.key()
        source = keys.source(key) if key else None
        if key and source is None:
            raise _unknown(key)
        exchange.source = source or ""
        sender = source or f"address {exchange.address}"
        self.admission.check(sender)
        with Load(self.admission, sender) as load:
            try:
                parcel, size = await self._parcel(exchange, address, load)
            except Unfit as unfit:
                if source:
                    await self._count(commits, source, unfit)
                    exchange.counted = True
                raise
            if source is None:
                exchange.tried = parcel.key
                source = exchange.source = self._source_of(parcel, keys)
            load.move(source)
            self.admission.check(source)
            self.admission.charge(source, size)
            told = await self._bring(commits, source, parcel) if parcel.told else []
        if address.otlp:
            body, headers = otlp.answer(told, path=exchange.path.rstrip("/"), media=exchange.media)
            await exchange.reply_raw(200, body, headers)
        elif address.names:
            await exchange.reply(200, replies.posthog_events(told, parcel.names))
        else:
            await exchange.reply(replies.status(told), address.told(told))

    async def _parcel(self, exchange: Exchange, address: Address, load: Load) -> tuple[Parcel, int]:
        body = await exchange.body(load, self.exported if address.otlp else self.limits)
        opened = partial(self._opened, body, exchange, address, time.time_ns() // 1000)
        if len(body) * (1 if body[:1] in b"{[" else PACKING) < SMALL_BYTES:
            return opened()
        return await asyncio.get_running_loop().run_in_executor(self._reading, opened)

    def _opened(self, body: bytes, exchange: Exchange, address: Address, received: int) -> tuple[Parcel, int]:
        limits = self.exported if address.otlp else self.limits
        body = unpacked(
            body, encoding=exchange.header(b"content-encoding"), media=exchange.header(b"content-type"),
            compression=exchange.query.get("compression", ""), limits=limits,
        )  # fmt: skip
        if not body.strip() and exchange.media != exported.PROTOBUF:  # in protocol buffers, no bytes are no items
            raise Unfit("empty", "The request is empty.")
        return address.read(body, exchange, received, limits), len(body)

    @staticmethod
    def _source_of(parcel: Parcel, keys: Keys) -> str:
        if not parcel.key:
            raise Unfit("key_missing", "No write key came with this request.", status=401)
        source = keys.source(parcel.key)
        if source is None:
            raise _unknown(parcel.key)
        return source

    def _ready(self) -> tuple[Keys, Commits]:
        if self.keys is None or self.commits is None:
            raise Overloaded("not_ready", self.problem or "The intake is starting.", status=503)
        now = time.monotonic()
        if now - self._looked > LOOK_SECONDS:
            found = os.statvfs(self.workspace)
            self._free, self._looked = found.f_bavail * found.f_frsize, now
        if self._free < self.limits.free_bytes:
            raise Overloaded("disk_full", "There is no space left to keep this in.", wait=10, status=507)
        return self.keys, self.commits

    async def _bring(self, commits: Commits, source: str, parcel: Parcel) -> list[Any]:
        try:
            return await commits.bring(source, parcel)
        except Busy as error:
            raise Overloaded("busy", error.message, wait=2, status=503) from error
        except RegardError as error:
            self._looked = 0.0
            full = isinstance(error.__cause__, OSError) and error.__cause__.errno in {27, 28, 122}  # FBIG, NOSPC, DQUOT
            code, status = ("disk_full", 507) if full else ("cannot_keep", 503)
            raise Overloaded(code, error.message, wait=5, status=status) from error

    async def _count(self, commits: Commits, source: str, unfit: Unfit) -> None:
        """Enter a request refused as a whole in the ledger, as one item."""
        parcel = Parcel(format="", received=0)
        parcel.refuse(unfit)
        await self._bring(commits, source, parcel)

    # ------------------------------------------------------------------ asking

    async def _ask(self, exchange: Exchange, path: str) -> None:
        exchange.whole = True  # a body nobody wants is passed over
        if path in {"/flags", "/decide"}:
            await exchange.reply(200, clients.posthog_flags(exchange.query.get("token", "")))
        elif path in clients.EMPTY:
            await exchange.reply(200, clients.EMPTY[path])
        elif exchange.method not in {"GET", "HEAD"}:
            exchange.whole = False
            if path not in ASKED:
                raise _nothing(path)
            await exchange.reply(
                405, replies.error("wrong_method", "This is asked for with GET."), ((b"allow", b"GET"),)
            )
        else:
            await self._get(exchange, path)

    async def _get(self, exchange: Exchange, path: str) -> None:
        parts = path.split("/")
        if path == "/openapi.json":
            await exchange.reply(200, openapi.document(self.limits))
        elif path == "/ready":
            self._ready()
            await exchange.reply(200, {"ready": True})
        elif path == "/":
            await exchange.reply(200, {"regard": "Signals are sent here.", "addresses": "/openapi.json"})
        elif len(parts) == 5 and path.startswith("/v1/projects/") and parts[4] == "settings":
            scheme = exchange.header(b"x-forwarded-proto") or str(exchange.scope.get("scheme", "http"))
            told = clients.segment_settings(unquote(parts[3])[:200], host=exchange.header(b"host"), scheme=scheme)
            await exchange.reply(200, told)
        elif len(parts) == 4 and parts[1] == "array" and parts[3] in {"config", "config.js"}:
            token = unquote(parts[2])[:200]
            if parts[3] == "config":
                await exchange.reply(200, clients.posthog_config(token))
            else:
                script = ((b"content-type", b"text/javascript; charset=utf-8"), (b"access-control-allow-origin", b"*"))
                await exchange.reply_raw(200, clients.config_script(token), script)
        else:
            raise _nothing(path)


def _unknown(key: str) -> Unfit:
    shown = f"{key[:6]}…" if len(key) > 8 else "that"
    return Unfit("key_unknown", f"No source here has the write key {shown}.", where="Authorization", status=401)


def _nothing(path: str) -> Unfit:
    return Unfit("no_such_address", f"There is nothing at {path[:100]}.", where=path[:100], status=404)
