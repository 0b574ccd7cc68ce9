"""The pages as one ASGI app: routes, start and end."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from regard.web import alerting, declaring, heldback, pages, palette, people, senders, sourcing
from regard.web.findings import Findings
from regard.web.forms import form_of
from regard.web.frame import LOOKS, House, house, part, static
from regard.web.guard import Guard, cookie_name
from regard.web.refusals import designed, from_guard, not_found, told
from regard.web.signin import SESSION_SECONDS, Door
from regard.web.workers import Failed, Workers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from starlette.requests import Request


async def sign_in(request: Request) -> Response:
    """Spend a link: set the cookie and go on. The page goes on by itself, so that the cookie counts as ours."""
    here = house(request)
    session = here.door.use_key(request.query_params.get("key", "")[:200]) if request.method == "GET" else None
    if session is None:
        if request.scope.get("regard.session"):
            return RedirectResponse("/", 303)
        raise Failed(
            "This link has been used, or is too old.", kind="NotPermitted", status=401,
            hint="Use the newest link in the terminal that runs Regard, or start it again for another one.",
        )  # fmt: skip
    assets = {name: asset.url for name, asset in here.assets.items()}
    response = part(request, "welcome.html", assets=assets)
    response.set_cookie(cookie_name(here.port), session, max_age=SESSION_SECONDS, httponly=True, samesite="strict")
    return response


async def sign_out(request: Request) -> Response:
    """End this browser's session."""
    await form_of(request)
    here = house(request)
    here.door.end(request.scope["regard.session"])
    response = RedirectResponse("/sign-in", 303)
    response.delete_cookie(cookie_name(here.port), httponly=True, samesite="strict")
    response.headers["clear-site-data"] = '"cache"'
    return response


async def change_look(request: Request) -> Response:
    """Remember the theme and density this browser chose, and go back."""
    form = await form_of(request)
    back = form.get("back", "/")
    local = back.startswith("/") and not back.startswith(("//", "/\\"))
    response = RedirectResponse(back if local else "/", 303)
    for name, known in LOOKS.items():
        if form.get(name) in known:
            response.set_cookie(name, form[name], max_age=SESSION_SECONDS * 12, samesite="strict")
        elif form.get(name) == "auto":
            response.delete_cookie(name, samesite="strict")
    return response


async def icon(request: Request) -> Response:
    """The sign browsers ask for by themselves."""
    return Response(house(request).assets["icon.svg"].body, media_type="image/svg+xml")


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return await not_found(request)
    what = {405: "This address does not take that kind of request."}.get(status, "That did not work.")
    return await told(request, Failed(what, kind="BadInput", status=status, hint="Go back and try again."))


def routes() -> list[Route]:
    """Every route; the tests walk this list."""
    get, post = ["GET"], ["POST"]
    listed: list[tuple[str, Any, list[str]]] = [
        ("/", pages.state, get),
        ("/sign-in", sign_in, get),
        ("/sign-out", sign_out, post),
        ("/look", change_look, post),
        ("/favicon.ico", icon, get),
        ("/static/{mark}/{name}", static, get),
        ("/palette", palette.palette, get),
        *sourcing.ROUTES,
        *senders.ROUTES,
        *heldback.ROUTES,
        *declaring.ROUTES,
        *people.ROUTES,
        *alerting.ROUTES,
        ("/{room}", pages.room, get),
        ("/{room}/{question}", pages.question, get),
    ]
    return [Route(path, designed(endpoint), methods=methods) for path, endpoint, methods in listed]


def create(
    workspace: Path,
    *,
    port: int,
    workers: Workers | None = None,
    most: int = 2,
    idle: float = 60.0,
    limit: float = 60.0,
    intake: str = "",
) -> Starlette:
    """The pages of one workspace.

    Args:
        workspace: Its directory.
        port: The port people use, for the Host header and the cookie.
        workers: Who computes; a pool is made when none is given.
        most: Workers of that pool.
        idle: Seconds before an idle worker stops.
        limit: Seconds one question may take.
        intake: The address signals are sent to; empty where none are taken.
    """
    pool = workers or Workers(workspace, most=most, idle=idle, limit=limit)
    door = Door(workspace)
    here = House(
        workspace=workspace, port=port, workers=pool, findings=Findings(workspace, pool), door=door, intake=intake
    )

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        warm = asyncio.create_task(_warm(here))
        yield
        warm.cancel()
        await pool.close()

    guard = Middleware(Guard, door=door, port=port, refused=from_guard)
    made = Starlette(
        routes=routes(), middleware=[guard], lifespan=life, exception_handlers={HTTPException: _http_error}
    )
    made.state.house = here
    return made


async def _warm(here: House) -> None:
    """Have templates and static files ready before the first page is asked for."""
    await asyncio.sleep(0)
    _ = here.assets
    for name in here.templates.list_templates():
        here.templates.get_template(name)
        await asyncio.sleep(0)
