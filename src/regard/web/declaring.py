"""What the company declares: proposed from its data on the readiness page, edited as text on the settings page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import JSONResponse, RedirectResponse, Response

from regard.errors import RegardError
from regard.web import jobs
from regard.web.forms import form_of
from regard.web.frame import house, page

if TYPE_CHECKING:
    from starlette.requests import Request


async def readiness(request: Request) -> Response:
    """Which questions can be answered, what to add for the next, and what is proposed."""
    told = msgspec.json.decode(await house(request).workers.call("readiness"))
    return await page(request, "readiness.html", title="Readiness", room="sources", told=told)


async def readiness_json(request: Request) -> Response:
    """Readiness as JSON."""
    return JSONResponse(msgspec.json.decode(await house(request).workers.call("readiness")))


async def settings(request: Request) -> Response:
    """The declarations in force."""
    told = msgspec.json.decode(await house(request).workers.call("declared"))
    return await page(request, "settings.html", title="Settings", room="settings", told=told, error=None)


async def declare(request: Request) -> Response:
    """Confirm declarations, from fields or as text; what does not fit comes back with what is wrong with it."""
    form = await form_of(request)
    here = house(request)
    text = form.get("toml", "").replace("\r\n", "\n")
    answers = {k.removeprefix("set."): v for k, v in form.items() if k.startswith("set.")}
    try:
        if answers:
            given = {"toml": text, "answers": answers}
            text = msgspec.json.decode(await here.workers.call("filled", given), type=str)
        await here.workers.call("checked", {"toml": text})
    except RegardError as error:
        told = msgspec.json.decode(await here.workers.call("declared")) | {"toml": text}
        for field in told["fields"]:
            field["value"] = answers.get(field["name"], field["value"])
        return await page(
            request, "settings.html", title="Settings", room="settings", told=told, error=error, status=422
        )
    back = "/sources/readiness" if form.get("from") == "readiness" else "/settings"
    job = jobs.start(
        here, "Confirming what the company declares", "declare", {"toml": text, "by": "pages"}, back=back,
        finished=lambda _: here.renew(),
    )  # fmt: skip
    return RedirectResponse(f"/sources/work/{job.id}", 303)


ROUTES: list[tuple[str, Any, list[str]]] = [
    ("/sources/readiness", readiness, ["GET"]),
    ("/sources/readiness.json", readiness_json, ["GET"]),
    ("/settings", settings, ["GET"]),
    ("/settings", declare, ["POST"]),
]
