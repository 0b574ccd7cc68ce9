"""Webhooks as Standard Webhooks has them (https://www.standardwebhooks.com): an id, a time and a signature in headers.

The signature is the HMAC-SHA256 of ``id.timestamp.body`` under the receiver's secret. A reply of 200 to 299 is the
acknowledgement; nothing is read from it, no redirect is followed, and it has to come within a time that no sender of
single bytes can stretch.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import http.client
import secrets
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from regard.delivery import addresses
from regard.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regard.delivery.addresses import Place, Resolve

PREFIX = "whsec_"
TOLERANCE = 300
"""Seconds a message's time may differ from the receiver's clock."""

SECONDS = 15.0
MOST_READ = 64 * 1024
GONE = 410
RETRY_AFTER = {429, 503}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came of a try: taken or not, in words; seconds to wait where the receiver says; whether to give up."""

    taken: bool
    words: str
    wait: float = 0.0
    gone: bool = False
    reached: bool = True


def new_secret() -> str:
    """A new secret: 32 bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def key(secret: str) -> bytes:
    """The bytes of a secret.

    Raises:
        BadInput: It is none.
    """
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not secret.startswith(PREFIX) or not 24 <= len(found) <= 64:
        hint = "Make one: regard alerts secret. It is whsec_ and 24 to 64 bytes in base64."
        raise BadInput("This is no secret of a webhook.", where="secret", hint=hint)
    return found


def sign(secret: str, *, id_: str, timestamp: int, body: bytes) -> str:
    """The signature of a message: ``v1,`` and the HMAC-SHA256 of id, time and body, in base64."""
    said = b".".join((id_.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key(secret), said, hashlib.sha256).digest()).decode()


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> str:
    """The id of a message that is what was sent, by whoever has the secret, lately.

    Args:
        secret: The receiver's.
        headers: As they came; names in any case.
        body: As it came, unread.
        now: Seconds since 1970; empty takes the clock.

    Raises:
        BadInput: It is not; says why.
    """
    given = {name.lower(): value for name, value in headers.items()}
    id_, at, signed = (given.get(f"webhook-{name}", "") for name in ("id", "timestamp", "signature"))
    if not id_ or not at.isascii() or not at.isdecimal() or not signed:
        raise BadInput("A header is missing.", where="webhook-id, -timestamp, -signature", hint="Read all three.")
    if abs((time.time() if now is None else now) - int(at)) > TOLERANCE:
        raise BadInput("The message is too old or too new.", where="webhook-timestamp", hint="Check the clock.")
    wanted = sign(secret, id_=id_, timestamp=int(at), body=body)
    if not any(hmac.compare_digest(wanted.encode(), each.encode()) for each in signed.split()):
        raise BadInput("The signature is not ours.", where="webhook-signature", hint="Check the secret and raw body.")
    return id_


def headers(secret: str, *, id_: str, body: bytes, at: float) -> dict[str, str]:
    """What a message carries beside its body."""
    stamp = int(at)
    return {
        "content-type": "application/json",
        "user-agent": "Regard",
        "webhook-id": id_,
        "webhook-timestamp": str(stamp),
        "webhook-signature": sign(secret, id_=id_, timestamp=stamp, body=body),
    }


def send(
    address: str,
    *,
    secret: str,
    id_: str,
    body: bytes,
    private: bool = False,
    seconds: float = SECONDS,
    resolve: Resolve = addresses.system_resolve,
    context: ssl.SSLContext | None = None,
) -> Reply:
    """Try once to deliver a message.

    Args:
        address: The receiver's.
        secret: Its secret.
        id_: The message's id, the same at every try.
        body: What is sent.
        private: Whether the receiver is in one's own network.
        seconds: How long it may take in all.
        resolve: How names become addresses.
        context: What is trusted; empty takes the system's.
    """
    found = addresses.place(address, private=private)
    try:
        to = addresses.pinned(found, private=private, resolve=resolve)
    except BadInput as error:
        return Reply(taken=False, words=error.message, reached=False)
    except OSError as error:
        return Reply(taken=False, words=f"{found.host} cannot be found: {error}", reached=False)
    carried = headers(secret, id_=id_, body=body, at=time.time())
    try:
        with _Line(found, str(to), seconds=seconds, context=context) as line:
            return line.post(body, carried)
    except ssl.SSLError as error:
        return Reply(taken=False, words=f"no secure connection: {error.reason or error}", reached=False)
    except TimeoutError:
        return Reply(taken=False, words=f"no reply within {seconds:.0f} s", reached=False)
    except (OSError, http.client.HTTPException) as error:
        return Reply(taken=False, words=f"the connection failed: {error or type(error).__name__}", reached=False)


class _Line:
    """One connection to a pinned address, cut when its time is over."""

    def __init__(self, found: Place, to: str, *, seconds: float, context: ssl.SSLContext | None) -> None:
        self._place, self._over = found, threading.Event()
        self._socket = socket.create_connection((to, found.port), timeout=seconds)
        self._cut = threading.Timer(seconds, self._end)
        self._cut.daemon = True
        self._cut.start()
        try:
            if found.scheme == "https":
                trusted = context or ssl.create_default_context()
                secured = trusted.wrap_socket(self._socket, server_hostname=found.host, do_handshake_on_connect=False)
                self._socket = secured
                secured.do_handshake()
        except BaseException as error:
            self.__exit__()
            raise (TimeoutError() if self._over.is_set() else error) from error

    def _end(self) -> None:
        self._over.set()
        with suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cut.cancel()
        with suppress(OSError):
            self._socket.close()

    def post(self, body: bytes, carried: Mapping[str, str]) -> Reply:
        connection = http.client.HTTPConnection(self._place.host, self._place.port)
        connection.sock = self._socket
        try:
            connection.request("POST", self._place.path, body, {"host": self._place.authority, **carried})
            reply = connection.getresponse()
            if not reply.read(MOST_READ + 1)[MOST_READ:] and reply.length:  # it broke off: it may not have been kept
                raise http.client.IncompleteRead(b"", reply.length)
        except (OSError, ValueError, http.client.HTTPException):  # ValueError: of a socket cut while it was read
            if self._over.is_set():
                raise TimeoutError from None
            raise
        if self._over.is_set():
            raise TimeoutError
        return _judged(reply)


def _judged(reply: http.client.HTTPResponse) -> Reply:
    words = f"answered {reply.status} {reply.reason}".strip()
    if 200 <= reply.status < 300:
        return Reply(taken=True, words=words)
    if 300 <= reply.status < 400:
        return Reply(taken=False, words=f"{words}; redirects are not followed")
    wait = reply.headers.get("retry-after", "")
    asked = (
        float(wait) if reply.status in RETRY_AFTER and wait.isascii() and wait.isdecimal() and len(wait) < 9 else 0.0
    )
    return Reply(taken=False, words=words, wait=asked, gone=reply.status == GONE)
