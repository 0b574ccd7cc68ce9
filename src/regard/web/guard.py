"""What stands in front of every page: loopback only, the Host header, sign-in, Origin, and the headers that hold it.

Pure ASGI, so that nothing routed behind it can be reached around it.
"""

from __future__ import annotations

import ipaddress
import sys
import traceback
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from regard.web.signin import Door

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "cache-control": "private, no-store",
}
SAFE = {"GET", "HEAD"}
OPEN = ("/sign-in", "/static/", "/favicon.ico")
LONGEST_QUERY = 8192
LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")


def cookie_name(port: int) -> str:
    """The session cookie's name: cookies do not know ports, and several companies may be open at once."""
    return f"regard-{port}"


class Guard:
    """Refuses what may not pass, and gives every answer its headers.

    Args:
        app: The pages.
        door: Who is signed in.
        port: The port people use.
        refused: Makes the page of a refusal: status, what, next step → an ASGI app.
    """

    def __init__(self, app: ASGIApp, *, door: Door, port: int, refused: Callable[[int, str, str], ASGIApp]) -> None:
        self._app = app
        self._door = door
        self._port = port
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def sent(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _harden(message)
            await send(message)

        try:
            await (self._judge(scope) or self._app)(scope, receive, sent)
        except Exception:  # noqa: BLE001 - the last resort: the person gets a page, the terminal the details
            traceback.print_exc(file=sys.stderr)
            if not started:
                broken = self._refused(500, "Something broke while this page was made.", "Try it once more.")
                await broken(scope, receive, sent)

    def _judge(self, scope: Scope) -> ASGIApp | None:
        """The refusal of a request, or None for one that may pass."""
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        names = [f"{name}:{self._port}" for name in LOCAL_NAMES]
        if not _is_loopback(scope.get("client")) or headers.get("host", "").lower() not in names:
            return self._refused(
                421, "These pages answer on this machine only.", f"Open http://127.0.0.1:{self._port}/"
            )
        if len(scope.get("query_string", b"")) > LONGEST_QUERY:
            return self._refused(414, "This address is too long.", "Take some filters away.")
        cookie = session_cookie(headers.get("cookie", ""), self._port)
        signed_in = bool(cookie) and self._door.is_session(cookie)
        scope["regard.session"] = cookie if signed_in else ""
        if not signed_in and not scope["path"].startswith(OPEN):
            return self._refused(
                401,
                "Please sign in first.",
                "Use the link in the terminal that runs Regard, or start it again for a new one.",
            )
        if scope["method"] not in SAFE and not _same_origin(headers):
            return self._refused(403, "This form came from somewhere else.", "Open the page here and send it again.")
        return None


def session_cookie(header: str, port: int) -> str:
    """The value of the session cookie in a Cookie header, or nothing."""
    try:
        found = SimpleCookie(header).get(cookie_name(port))
    except CookieError:
        return ""
    return found.value if found else ""


def _harden(message: Message) -> None:
    given = {k.lower() for k, _ in message["headers"]}
    extra = [(k.encode(), v.encode()) for k, v in HEADERS.items() if k.encode() not in given]
    message["headers"] = [*message["headers"], *extra]


def _is_loopback(client: tuple[str, int] | None) -> bool:
    if client is None:
        return False
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False


def _same_origin(headers: dict[str, str]) -> bool:
    """A browser says where a form comes from; one that does not say is not believed."""
    origin = headers.get("origin", "")
    return origin.lower() == f"http://{headers.get('host', '').lower()}"
