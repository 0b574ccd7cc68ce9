"""State, rooms and questions: the pages that answer, and their twins in JSON, CSV and SVG."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import RedirectResponse, Response

from regard.errors import UnknownName
from regard.web import slices
from regard.web.days import days
from regard.web.frame import ALWAYS, ROOM_WORDS, ROOMS, house, page, part, question_of
from regard.web.marks import linked
from regard.web.refusals import not_found
from regard.web.trails import INVITES, marks
from regard.web.workers import Failed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from regard.web.catalogue import Told
    from regard.web.findings import Answered, Kept
    from regard.web.slices import Slice
    from regard.web.telling import Speaker

AFTER = "reliability/disruptions"
"""The chapter of the State that leads on to the alerts."""

STATE, PERSON = "report/state", "customers/customer"
VOICES = ("In their own words", "listening/verbatims", "All they said")
"""The closing chapter of the page: no finding to count, but nobody should leave without having heard a customer."""
FIRST_LOOK, GLANCE = 0.7, 0.15
"""Seconds a page waits for answers before it is sent without them; they come as parts."""
OLD = 5.0
"""Seconds from which a chapter or card rather waits for the newer answer than shows what held before."""
SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""A figure that stands alone carries its own style sheet; nothing else in it may do anything."""


async def state(request: Request) -> Response:
    """The State of the Customer, live: chapters as letters have them, each arriving when it is ready."""
    catalogue = await house(request).catalogue()
    pulse, company = house(request).findings.pulse(), await house(request).company()
    emptied = not company.counts and not pulse.unsettled and company.position == pulse.position
    if not pulse.received or emptied:
        return RedirectResponse("/sources", 303)
    seen = slices.read(request.query_params)
    planned = [*((c.heading, c.path, c.door) for c in catalogue.chapters), VOICES]
    words = {"customer": company.called, "customers": company.called_many}
    chapters = [(h.format(**words), door, q) for h, path, door in planned if (q := catalogue.find(path)) is not None]
    ready = await _ready(request, [q for _, _, q in chapters], seen, FIRST_LOOK)
    return await page(
        request, "state.html", title="State of the Customer", room="report", chapters=chapters, ready=ready, slice=seen,
        whole=catalogue.find(STATE), after=AFTER,
    )  # fmt: skip


async def room(request: Request) -> Response:
    """One room: its questions with their one-sentence answers, each arriving when it is ready."""
    name = request.path_params["room"]
    catalogue = await house(request).catalogue()
    listed = catalogue.room(name)
    if name == "report" or not (listed or name in ALWAYS):
        return await not_found(request)
    seen = slices.read(request.query_params)
    askable = [q for q in listed if not any(p.required for p in q.parameters)]
    other = [q for q in listed if q not in askable]
    ready = await _ready(request, askable, seen, GLANCE)
    return await page(
        request, "room.html", title=ROOMS.get(name, name.title()), room=name, askable=askable, other=other, slice=seen,
        words=ROOM_WORDS.get(name, ""), ready=ready,
    )  # fmt: skip


async def _ready(request: Request, asked: Sequence[Told], seen: Slice, patience: float) -> dict[str, Any]:
    """The answers that are there at once, or nearly; the others come later as parts."""
    here = house(request)
    company = await here.company()
    scope = slices.Slice(scope=seen.scope, arguments={})
    told = await asyncio.gather(
        *(here.findings.get("ask", _given(q, scope), patience=patience) for q in asked), return_exceptions=True
    )
    found = {}
    for question, answered in zip(asked, told, strict=True):
        if not isinstance(answered, BaseException) and answered.kept is not None and not answered.computing:
            found[question.path] = await _view(question, answered.kept, company.speaker, scope)
    return found


async def question(request: Request) -> Response:
    """One question: page, part of a page, or a twin."""
    name, _, twin = request.path_params["question"].partition(".")
    catalogue = await house(request).catalogue()
    found = question_of(catalogue, request.path_params["room"], name)
    if found is None or twin not in {"", "json", "csv", "svg", "html"} or (twin == "html" and found.path != STATE):
        return await not_found(request)
    if twin:
        return await _twin(request, found, twin)
    if found.path == STATE and not request.query_params.get("part"):
        return RedirectResponse(slices.read(request.query_params).with_arguments("/"), 307)
    return await _shown(request, found, template="question.html", title=found.title)


async def _shown(request: Request, question: Told, *, template: str, title: str) -> Response:
    here, seen = house(request), slices.read(request.query_params)
    piece = request.query_params.get("part", "")
    missing = [p for p in question.parameters if p.required and p.name not in seen.arguments]
    if missing:
        return await page(
            request, template, title=title, room=question.room, question=question, slice=seen, found=None,
            missing=missing, computing=False, error=None,
        )  # fmt: skip
    error: Failed | None = None
    answered: Answered | None = None
    try:
        answered = await here.findings.get("ask", _given(question, seen))
    except Failed as failed:
        if piece:
            raise
        error = failed
    if piece:
        return await _piece(request, question, seen, answered, piece)
    company = await here.company()
    kept, computing = (answered.kept, answered.computing) if answered else (None, False)
    return await page(
        request, template, title=title, room=question.room, question=question, slice=seen, missing=[], error=error,
        found=await _view(question, kept, company.speaker, seen) if kept else None, computing=computing,
        status=error.status if error and error.status >= 400 else 200,
    )  # fmt: skip


async def _piece(request: Request, question: Told, seen: Slice, answered: Answered | None, piece: str) -> Response:
    """A part of a page that a script swaps in: 202 while there is nothing newer than what it shows."""
    if answered is None or answered.kept is None:
        return Response(status_code=202)
    if answered.computing and (piece == "answer" or answered.kept.age > OLD):
        return Response(status_code=202)
    company = await house(request).company()
    found = await _view(question, answered.kept, company.speaker, seen)
    template = {"card": "_card.html", "chapter": "_chapter.html"}.get(piece, "_answer.html")
    planned = [*((c.path, c.door) for c in (await house(request).catalogue()).chapters), VOICES[1:]]
    door = next((door for path, door in planned if path == question.path), "")
    return part(
        request, template, question=question, found=found, slice=seen, company=company, computing=False, door=door
    )  # fmt: skip


async def _view(question: Told, kept: Kept, speaker: Speaker, seen: Slice) -> dict[str, Any]:
    """A kept answer as templates want it; a large one is taken apart outside the event loop's turn."""
    said = msgspec.json.decode(kept.body)
    finding = said["finding"]
    await asyncio.sleep(0)
    return {
        "finding": finding,
        "figure": _led(said["figure"], question.path, marks(question.path, finding, seen)),
        "numbers": speaker.numbers(finding, question, seen),
        "remarks": speaker.remarks(finding, question),
        "tables": speaker.tables(finding, question, seen),
        "days": days(finding.get("rows") or (), speaker) if question.path == PERSON else [],
        "age": kept.age,
    }


def _led(figure: dict[str, str] | None, path: str, ways: dict[str, str]) -> dict[str, str] | None:
    """The figure with its marks leading to the customers behind them."""
    if figure is None or not ways:
        return figure
    invite = INVITES.get(path, "show the customers")
    return figure | {place: linked(figure[place], ways, invite=invite) for place in ("wide", "narrow")}


async def _twin(request: Request, question: Told, twin: str) -> Response:
    here, given = house(request), _given(question, slices.read(request.query_params))
    if twin == "csv":
        table = request.query_params.get("table", "")
        kept = await here.findings.all("sheet", given | {"table": table}, gone=request.is_disconnected)
        name = f"{question.room}-{question.name}{'-' * bool(table)}{re.sub('[^a-z_]', '', table)}.csv"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return Response(msgspec.json.decode(kept.body, type=str), media_type="text/csv; charset=utf-8", headers=headers)
    if twin == "html":
        kept = await here.findings.all("document", {"scope": given["scope"]}, gone=request.is_disconnected)
        headers = {"content-disposition": 'attachment; filename="state-of-the-customer.html"'}
        return Response(
            msgspec.json.decode(kept.body, type=str), media_type="text/html; charset=utf-8", headers=headers
        )
    kept = await here.findings.all("ask", given, gone=request.is_disconnected)
    said = msgspec.json.decode(kept.body, type=_Said)
    if twin == "json":
        return Response(bytes(said.finding), media_type="application/json")
    figure = msgspec.json.decode(said.figure)
    if not figure:
        raise UnknownName("figure", question.path, [], where=request.url.path)
    return Response(figure["alone"], media_type="image/svg+xml", headers={"content-security-policy": SVG_POLICY})


class _Said(msgspec.Struct):
    finding: msgspec.Raw
    figure: msgspec.Raw


def _given(question: Told, seen: Slice) -> dict[str, Any]:
    scope = dict(sorted(seen.scope.items()))
    return {"path": question.path, "arguments": dict(sorted(seen.arguments.items())), "scope": scope}
