"""Sources that send from code: made on the page, their keys, lines to copy, and what arrives, seen within seconds."""

from __future__ import annotations

import secrets
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import JSONResponse, RedirectResponse, Response

from regard.errors import RegardError
from regard.periods import zone_of
from regard.web.forms import form_of
from regard.web.frame import House, house, page, part
from regard.web.pulse import trace
from regard.web.snippets import KEY, snippets
from regard.wording import moment

if TYPE_CHECKING:
    from starlette.requests import Request

HERE = "/sources/sender"
WHAT = ("website", "app", "server", "service", "survey tool")
TURN = 15
"""Seconds after which what came in the last minute is counted again, though nothing more came."""

MOST_SHOWN = 20
"""Keys that wait to be shown; each is shown once."""


async def senders(here: House) -> list[dict[str, Any]]:
    """Every source that was added, for the page of all."""
    found: list[dict[str, Any]] = msgspec.json.decode(await here.workers.call("senders"))
    zone = (await here.company()).zone
    for row in found:
        row["last"] = _clock(row["last_at"], zone)
        row["href"] = _address(row["source"])
    return found


async def turned_away(here: House, source: str = "") -> dict[str, Any]:
    """What was turned away in the last days, in words."""
    zone = (await here.company()).zone
    found: dict[str, Any] = msgspec.json.decode(
        await here.workers.call("turned_away", {"zone": zone, "source": source})
    )
    for row in found["rows"]:
        row["clock"] = _clock(row["last"], zone)
    return found


async def sender(request: Request) -> Response:
    """One source: what arrived last, lines to copy, its keys."""
    here, query = house(request), request.query_params
    mark, turn = trace(here.workspace), str(int(time.time() // TURN))
    piece = query.get("part") == "arrivals"
    if piece and query.get("seen") in {mark, f"{mark}.{turn}"}:
        return Response(status_code=202)
    told = await _told(here, query.get("source", ""))
    seen = f"{mark}.{turn}" if told["minute"] else mark
    if piece:
        return part(request, "_arrivals.html", s=told, intake=here.intake, headers={"x-regard-seen": seen})
    made = _shown(request)
    key = made["write_key"] if made else ""
    return await page(
        request, "sender.html", title=told["source"], room="sources", s=told, intake=here.intake, seen=seen, key=key,
        snippets=snippets(here.intake or "http://127.0.0.1:7789", key=key or KEY, what=told["what"]),
    )  # fmt: skip


async def sender_json(request: Request) -> Response:
    """One source as JSON."""
    told = await _told(house(request), request.query_params.get("source", ""))
    return JSONResponse({name: value for name, value in told.items() if name != "here"})


async def _told(here: House, source: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(await here.workers.call("sender", {"source": source}))
    zone = (await here.company()).zone
    for item in found["items"]:
        item["clock"] = _clock(item["at"], zone)
    for key in found["keys"]:
        key["made"] = moment(datetime.fromisoformat(key["created"]), zone)
        key["gone"] = moment(datetime.fromisoformat(key["revoked"]), zone) if key["revoked"] else ""
    found["added"] = moment(datetime.fromisoformat(found["created"]), zone)
    found["here"] = _address(source)
    found["turned_away"] = (await turned_away(here, source))["rows"]
    return found


def _clock(at: str, zone: str) -> str:
    """A moment of today as hours, minutes and seconds; of another day with its date."""
    if not at:
        return ""
    local = datetime.fromisoformat(at).astimezone(zone_of(zone))
    today = datetime.now(zone_of(zone)).date()
    return f"{local:%H:%M:%S}" if local.date() == today else moment(local, zone)


def _address(source: str, **more: str) -> str:
    return f"{HERE}?{urlencode({'source': source, **more})}"


def _shown(request: Request) -> dict[str, Any] | None:
    """The key that was just made, once, to the session that made it."""
    session, made = house(request).shown.pop(request.query_params.get("shown", ""), ("", None))
    return made if made and session == request.scope.get("regard.session") else None


def _show(request: Request, made: dict[str, Any]) -> Response:
    """Go on to the source's page, which shows the key."""
    shown, word = house(request).shown, secrets.token_hex(16)
    shown[word] = (request.scope.get("regard.session", ""), made)
    for old in list(shown)[:-MOST_SHOWN]:
        del shown[old]
    return RedirectResponse(_address(made["source"], shown=word), 303)


async def add(request: Request) -> Response:
    """Make a source."""
    form = await form_of(request)
    given = {"name": form.get("name", ""), "what": form.get("what", "")}
    try:
        made = msgspec.json.decode(await house(request).workers.call("sender_add", given))
    except RegardError as error:
        if error.status >= 500:
            raise
        return await page(
            request, "sender_new.html", title="Make a source", room="sources", error=error, given=given, status=422,
            kinds=WHAT,
        )  # fmt: skip
    return _show(request, made)


async def add_key(request: Request) -> Response:
    """Make another key for a source."""
    form = await form_of(request)
    made = msgspec.json.decode(await house(request).workers.call("key_add", {"source": form.get("source", "")}))
    return _show(request, made)


async def move_key(request: Request) -> Response:
    """Take a key back, or let it in again."""
    form = await form_of(request)
    given = {"key": int(request.path_params["key"]), "restore": form.get("do") == "restore"}
    found = msgspec.json.decode(await house(request).workers.call("key_move", given))
    return RedirectResponse(_address(found["source"], moved=str(found["id"])) + "#keys", 303)


GET, POST = ["GET"], ["POST"]
ROUTES: list[tuple[str, Any, list[str]]] = [
    (HERE, sender, GET),
    (f"{HERE}.json", sender_json, GET),
    ("/sources/senders", add, POST),
    ("/sources/keys", add_key, POST),
    ("/sources/keys/{key:int}", move_key, POST),
]
