"""What was held back, as a page: grouped by reason, each item a small form, repaired, replayed, discarded."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import JSONResponse, RedirectResponse, Response

from regard.errors import RegardError
from regard.web import jobs
from regard.web.forms import form_of
from regard.web.frame import House, house, page
from regard.web.workers import Failed
from regard.wording import moment

if TYPE_CHECKING:
    from starlette.requests import Request

    from regard.web.forms import Form

HERE = "/sources/held"
FEW = 200
"""So many items are replayed while the person waits; more become a piece of long work."""

TOLD = (
    "stored",
    "duplicate",
    "refused",
    "held_back",
    "discarded",
    "restored",
    "entry",
    "corrected",
    "correction",
    "uncorrected",
)


async def held(request: Request) -> Response:
    """What waits for a decision, by source and reason."""
    query = request.query_params
    given = {"source": query.get("source", ""), "code": query.get("code", ""), "after": _whole(query.get("after", ""))}
    told = await _call(house(request), "held", given)
    zone = (await house(request).company()).zone
    for shown in (item for group in told["groups"] for item in group["shown"]):
        shown["when"] = _when(shown["at"], zone)
    done = {name: _whole(query.get(name, "")) for name in TOLD if name in query}
    return await page(
        request, "held.html", title="Held back", room="sources", told=told, done=done, unticked="none" in query
    )


async def held_json(request: Request) -> Response:
    """What waits for a decision, as JSON."""
    query = request.query_params
    given = {"source": query.get("source", ""), "code": query.get("code", ""), "after": _whole(query.get("after", ""))}
    return JSONResponse(msgspec.json.decode(await house(request).workers.call("held", given)))


def _when(at: str, zone: str) -> str:
    found = datetime.fromisoformat(at)
    return moment(found if found.tzinfo else found.replace(tzinfo=UTC), zone)


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 16 else 0


async def settle(request: Request) -> Response:
    """Replay or discard several items, or every one of a group."""
    form = await form_of(request)
    here = house(request)
    everything = form.get("all") == "yes"
    items = [_whole(i) for i in form.lists.get("item", [])]
    group = {"source": form.get("source", ""), "code": form.get("code", "")}
    given: dict[str, Any] = {"items": items, **group, "everything": everything}
    if not items and not everything:
        return RedirectResponse(_back(none="yes"), 303)
    if form.get("do") == "discard":
        return RedirectResponse(_back(**await _call(here, "held_discard", given)), 303)
    if form.get("do", "").startswith("correct"):
        return await _correct(request, form, given)
    given["anew"] = form.get("do") == "anew"
    if everything or len(items) > FEW:
        title = f"Replaying what was held back of {group['source']}"
        job = jobs.start(here, title, "held_replay", given, back=HERE)
        return RedirectResponse(f"/sources/work/{job.id}", 303)
    return RedirectResponse(_back(**_outcomes(await _call(here, "held_replay", given))), 303)


async def _correct(request: Request, form: Form, given: dict[str, Any]) -> Response:
    """Show what setting a field of the chosen items would do; or, once that was seen, do it."""
    here = house(request)
    given |= {"field": form.get("field", ""), "value": form.get("value", "")}
    if form.get("do") == "correct":
        told = await _call(here, "held_preview", given)
        return await page(
            request, "held_correct.html", title="Correct together", room="sources", told=told, given=given
        )
    given |= {"last": _whole(form.get("last", "")), "replay": form.get("do") == "correct_replay"}
    if given["everything"] or len(given["items"]) > FEW:
        job = jobs.start(
            here, f"Correcting {given['field']} in items of {given['source']}", "held_correct", given, back=HERE
        )
        return RedirectResponse(f"/sources/work/{job.id}", 303)
    done = await _call(here, "held_correct", given)
    told = {name: done[name] for name in ("corrected", "correction")} | (_outcomes(done) if "replayed" in done else {})
    return RedirectResponse(_back(**told), 303)


async def uncorrect(request: Request) -> Response:
    """Take a correction back: the field is as it was sent."""
    form = await form_of(request)
    done = await _call(house(request), "held_uncorrect", {"entry": _whole(form.get("entry", ""))})
    return RedirectResponse(_back(**done), 303)


async def _call(here: House, do: str, given: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(await here.workers.call(do, given))
    return found


def _outcomes(done: dict[str, Any]) -> dict[str, Any]:
    return {name: n for name, n in done["replayed"].items() if name != "problems" and n}


def _back(**told: object) -> str:
    return f"{HERE}?{urlencode(told)}"


async def item(request: Request) -> Response:
    """One item: its fields, the one that is wrong, what is stored in its place, and what can be done."""
    still = request.query_params.get("still", "") == "yes"
    return await _item_page(request, still=still, saved="saved" in request.query_params)


async def _item_page(
    request: Request, *, error: RegardError | None = None, typed: dict[str, str] | None = None, text: str = "",
    still: bool = False, saved: bool = False,
) -> Response:  # fmt: skip
    number = int(request.path_params["item"])
    told = await _call(house(request), "held_item", {"item": number})
    return await page(
        request, "held_item.html", title=f"Held-back item {number}", room="sources", i=told, error=error,
        typed=typed or {}, text=text or told["text"], still=still, saved=saved, status=422 if error else 200,
    )  # fmt: skip


async def repair(request: Request) -> Response:
    """Keep a repair, replay, discard, or hold an item back again."""
    form = await form_of(request)
    here, number = house(request), int(request.path_params["item"])
    do = form.get("do", "save")
    if do == "discard":
        return RedirectResponse(_back(**await _call(here, "held_discard", {"items": [number]})), 303)
    changes = _typed(form)
    try:
        await _repair(here, number, form, changes)
    except RegardError as error:
        if error.status >= 500 or (error.status == 404 and error.where == ""):
            raise
        return await _item_page(request, error=error, typed=changes, text=form.get("text", ""))
    if do not in {"replay", "anew"}:
        return RedirectResponse(f"{HERE}/{number}?saved=yes", 303)
    done = await _call(here, "held_replay", {"items": [number], "anew": do == "anew"})
    if done["replayed"]["held_back"]:
        return RedirectResponse(f"{HERE}/{number}?still=yes", 303)
    return RedirectResponse(_back(**_outcomes(done)), 303)


def _typed(form: Form) -> dict[str, str]:
    """Field to what was written: line breaks as they are kept, not as forms send them."""
    changes = {k.removeprefix("set."): v.replace("\r\n", "\n") for k, v in form.items() if k.startswith("set.")}
    if form.get("add") and form.get("added"):
        changes[form["add"]] = form["added"]
    return changes


async def _repair(here: House, number: int, form: Form, changes: dict[str, str]) -> None:
    do = form.get("do", "save")
    given: dict[str, Any] = {"item": number}
    if do == "as_sent":
        given["as_sent"] = True
    elif do == "text":
        given["text"] = form.get("text", "").strip()
        if not given["text"]:
            raise Failed(
                "An item cannot be empty.", kind="BadInput", status=400, where="text", hint="Discard it instead."
            )
    else:
        given["changes"] = changes
    await _call(here, "held_repair", given)


async def restore(request: Request) -> Response:
    """Take a discarding back."""
    form = await form_of(request)
    done = await _call(house(request), "held_restore", {"entry": _whole(form.get("entry", ""))})
    return RedirectResponse(_back(**done), 303)


GET, POST = ["GET"], ["POST"]
ROUTES: list[tuple[str, Any, list[str]]] = [
    (HERE, held, GET),
    (HERE, settle, POST),
    (f"{HERE}.json", held_json, GET),
    (f"{HERE}/restore", restore, POST),
    (f"{HERE}/uncorrect", uncorrect, POST),
    (f"{HERE}/{{item:int}}", item, GET),
    (f"{HERE}/{{item:int}}", repair, POST),
]
