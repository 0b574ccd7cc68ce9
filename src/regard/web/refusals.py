"""Refusals and errors as pages and as JSON: what is wrong, where, and what to do next."""

from __future__ import annotations

from difflib import get_close_matches
from functools import wraps
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from regard.errors import RegardError
from regard.web.frame import ROOMS, house, page, part
from regard.web.workers import Failed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import ASGIApp, Receive, Scope, Send


TITLES = {400: "That cannot be read", 401: "Sign in", 403: "Not from here", 404: "Nothing here", 405: "Not this way",
          413: "Too large", 414: "Too long", 421: "This machine only", 503: "Not just now"}  # fmt: skip
TWINS = (".json", ".csv", ".svg")


def wants_json(path: str, accept: str) -> bool:
    """Whether an error should be told as JSON."""
    return path.endswith(TWINS) or ("application/json" in accept and "text/html" not in accept)


def from_guard(status: int, what: str, hint: str) -> ASGIApp:
    """The refusal of the guard, as an ASGI app."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        error = Failed(what, kind="NotPermitted", status=status, hint=hint)
        response = await told(request, error, plain=True)
        await response(scope, receive, send)

    return app


async def told(request: Request, error: RegardError, *, plain: bool = False, **more: Any) -> Response:
    """An error, the way this request wants it."""
    path, status = request.url.path, max(400, error.status)
    if wants_json(path, request.headers.get("accept", "")):
        return JSONResponse(error.as_json(), status)
    title = TITLES.get(status, "That did not work")
    if request.query_params.get("part"):
        return part(request, "_error.html", error=error, status=status, headers={"x-regard": "error"})
    if plain:
        here = house(request)
        assets = {name: asset.url for name, asset in here.assets.items()}
        return part(request, "plain.html", error=error, title=title, status=status, assets=assets)
    return await page(request, "error.html", title=title, status=status, error=error, near=more.get("near", []))


async def not_found(request: Request) -> Response:
    """A path nobody knows, with the nearest that exist."""
    wanted = request.url.path.strip("/").removesuffix(".json").removesuffix(".csv").removesuffix(".svg")
    catalogue = await house(request).catalogue()
    titles = {q.path: q.title for q in catalogue.questions}
    titles |= {n: w for n, w in ROOMS.items() if catalogue.room(n) and n != "report"}
    titles |= {
        "sources": "Sources",
        "sources/ledger": "Ledger",
        "sources/held": "Held back",
        "sources/readiness": "Readiness",
        "settings": "Settings",
    }
    found = get_close_matches(wanted, titles, n=4, cutoff=0.45)
    found += [p for p in titles if wanted and wanted.rpartition("/")[2] in p and p not in found][:3]
    error = Failed(f"There is no page at /{wanted}.", kind="UnknownName", status=404, where=request.url.path,
                   hint="These are near:" if found else "The rail on the left leads to every page.")  # fmt: skip
    return await told(request, error, near=[(f"/{p}", titles[p]) for p in found])


def designed(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint whose errors become pages."""

    @wraps(endpoint)
    async def safely(request: Request) -> Response:
        try:
            return await endpoint(request)
        except RegardError as error:
            return await told(request, error)

    return safely
