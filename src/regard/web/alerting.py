"""Alerts as pages: short stories with their answers as buttons, one alert alone, and who is told."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from starlette.responses import JSONResponse, RedirectResponse, Response

from regard.errors import RegardError
from regard.web.forms import form_of
from regard.web.frame import House, house, page
from regard.web.workers import Failed
from regard.wording import ago, duration, moment

if TYPE_CHECKING:
    from starlette.requests import Request

    from regard.web.forms import Form

HERE = "/reliability/alerts"
MOST_NAMED = 60
"""Customers listed with an alert; the rest are counted."""

RECEIVERS = f"{HERE}/receivers"
FINDER = "reliability/disruptions"
OUTCOMES = {
    "": "It has not looked yet.",
    "looked": "",
    "waits": "Waits. ",
    "refused": "Cannot say. ",
    "failed": "Failed. ",
}
CHANGED = (("opened", "opened"), ("grew", "grown"), ("ended", "over"))
HAPPENED = {"opened": "opened", "grew": "has grown", "ended": "is over", "reopened": "is back"}
SAID = {
    "answered": "Kept. What follows from it is on the alert.",
    "undone": "Taken back: what was learned from it is forgotten.",
    "added": "They are told from now on. Send a trial to see that it arrives.",
    "stop": "Stopped. What waits for them stays.",
    "resume": "They are told again.",
    "again": "It is sent again, under its own id.",
}


async def alerts(request: Request) -> Response:
    """What is off course now."""
    here = house(request)
    told = await _call(here, "alerts", {})
    zone = (await here.company()).zone
    for story in (*told["open"], *told["quiet"], *told["ended"]):
        _worded(story, zone)
    await _name(here, [*told["open"], *told["quiet"]])
    for each in told["watched"]:
        each |= {"when": _when(each["at"], zone), "since_words": _when(each["since"], zone), "words": _went(each)}
    told["failed"] = [each for each in told["watched"] if each["outcome"] == "failed"]
    looked = max((each["at"] for each in told["watched"]), default="")
    return await page(
        request, "alerts.html", title="Alerts", room="reliability", told=told, said=_said(request), alone=False,
        looked=_ago(looked) if looked else "", finder=(await here.catalogue()).find(FINDER),
    )  # fmt: skip


def _went(each: dict[str, Any]) -> str:
    if each["outcome"] == "looked":
        return f"Looked; saw {each['raised'] or 'nothing'}. {each['reason']}".strip()
    return f"{OUTCOMES.get(each['outcome'], '')}{each['reason']}"


async def sheet_json(request: Request) -> Response:
    """The same as JSON, as the command line prints it."""
    return JSONResponse(await _call(house(request), "alerts", {}))


async def sheet_csv(request: Request) -> Response:
    """The same as CSV."""
    body = await _call(house(request), "alerts_sheet", {})
    headers = {"content-disposition": 'attachment; filename="alerts.csv"'}
    return Response(body, media_type="text/csv; charset=utf-8", headers=headers)


async def alert(request: Request) -> Response:
    """One alert with its history, its customers and what they are told."""
    return await _alert_page(request)


async def alert_json(request: Request) -> Response:
    """One alert as JSON."""
    return JSONResponse(await _call(house(request), "alert", {"alert": int(request.path_params["alert"])}))


async def _alert_page(request: Request, *, error: RegardError | None = None) -> Response:
    here, number = house(request), int(request.path_params["alert"])
    told = await _call(here, "alert", {"alert": number})
    _worded(told, (await here.company()).zone)
    await _name(here, [told])
    return await page(
        request, "alert.html", title=told["title"], room="reliability", a=told, said=_said(request), error=error,
        status=error.status if error else 200,
    )  # fmt: skip


async def answer(request: Request) -> Response:
    """Answer an alert."""
    form, number = await form_of(request), int(request.path_params["alert"])
    given: dict[str, Any] = {name: form.get(name, "").strip() for name in ("answer", "why", "since", "until", "again")}
    try:
        given["factor"] = _number(form)
        if given["answer"] != "expected":  # the fields stand beside every button; they are meant for one
            given |= {"since": "", "again": ""}
        await _call(house(request), "alert_answer", {"alert": number, **given})
    except RegardError as error:
        return await _alert_page(request, error=error)
    back = f"{HERE}/{number}" if form.get("back") == "alone" else HERE
    return RedirectResponse(f"{back}?said=answered", 303)


def _number(form: Form) -> float:
    try:
        return float(form.get("factor", "") or 2)
    except ValueError:
        return 0.0  # refused by the act, in its words


async def undo(request: Request) -> Response:
    """Take an answer back."""
    form = await form_of(request)
    await _call(house(request), "alert_undo", {"answer": _whole(form.get("answer", ""))})
    alone = _whole(form.get("alert", ""))
    return RedirectResponse(f"{HERE}/{alone}?said=undone" if alone else f"{HERE}?said=undone", 303)


async def look(request: Request) -> Response:
    """Have every detector look now."""
    await form_of(request)
    done = await _call(house(request), "alerts_look", {})
    told = {name: done[name] for name in ("opened", "grew", "ended") if done[name]}
    return RedirectResponse(f"{HERE}?{urlencode({'said': 'looked', **told})}", 303)


# ---------------------------------------------------------------------- who is told


async def receivers(request: Request) -> Response:
    """Who is told, and what became of messages."""
    return await _receivers_page(request)


async def receivers_json(request: Request) -> Response:
    """The same as JSON."""
    return JSONResponse(await _call(house(request), "receivers", {}))


async def _receivers_page(
    request: Request, *, error: RegardError | None = None, typed: Form | None = None, said: str = ""
) -> Response:
    here = house(request)
    told = await _call(here, "receivers", {})
    zone = (await here.company()).zone
    for each in told["messages"]:
        each["when"], each["next"] = _when(each["made"], zone), _when(each["due"], zone)
        number = str(each["topic"]).rpartition(":")[2]
        each["what"] = f"Alert {number} {HAPPENED.get(each['type'].rpartition('.')[2], each['type'])}"
    return await page(
        request, "receivers.html", title="Who is told", room="reliability", told=told, typed=typed or {}, error=error,
        said=said or _said(request), status=error.status if error else 200,
    )  # fmt: skip


async def tell(request: Request) -> Response:
    """Add a receiver, try, stop or resume it, or send a message again."""
    form, here = await form_of(request), house(request)
    do, name = form.get("do", "add"), form.get("name", "").strip()
    try:
        if do == "try":
            done = await _call(here, "receiver_try", {"name": name})
            words = f"{name}: {done['words'].rstrip('.')}."
            return await _receivers_page(request, said=words)
        if do in {"stop", "resume"}:
            await _call(here, "receiver_turn", {"name": name, "on": do == "resume"})
        elif do == "again":
            await _call(here, "message_again", {"message": form.get("message", "")})
        else:
            do, given = "added", {n: form.get(n, "").strip() for n in ("name", "address", "secret")}
            flags = {"private": form.get("private") == "yes", "digest": "daily" if form.get("daily") == "yes" else ""}
            await _call(here, "receiver_add", {**given, **flags})
    except RegardError as error:
        return await _receivers_page(request, error=error, typed=form)
    return RedirectResponse(f"{RECEIVERS}?said={do}", 303)


# ---------------------------------------------------------------------- words


def _worded(story: dict[str, Any], zone: str) -> None:
    """Add to a story what the page says of its moments."""
    since = _read(story["since"])
    until = _read(story["ended"]) if story["ended"] else datetime.now(UTC)
    story["since_words"], story["ended_words"] = moment(since, zone), _when(story["ended"], zone)
    story["lasts"] = duration(max(0.0, (until - since).total_seconds()))
    for each in (*story["history"], *story["answers"]):
        each["when"] = _when(each["at"], zone)
    story["shows"] = _shows(story["evidence"])


async def _name(here: House, stories: list[dict[str, Any]]) -> None:
    """Give the customers listed their names; ids stay where no worker can tell."""
    ids = {id_ for story in stories for id_ in story["who"]["customers"][:MOST_NAMED]}
    names: dict[str, str] = {}
    with suppress(Failed):
        names = await _call(here, "alert_names", {"ids": sorted(ids)}) if ids else {}
    for story in stories:
        listed = story["who"]["customers"][:MOST_NAMED]
        story["named"] = [{"id": id_, "name": names.get(id_, id_)} for id_ in listed]


def _shows(evidence: dict[str, Any]) -> str:
    """The page of the question that shows it."""
    question = str(evidence.get("question", ""))
    given = evidence.get("arguments")
    plain = {k: v for k, v in given.items() if isinstance(v, str | int | float)} if isinstance(given, dict) else {}
    return f"/{question}?{urlencode(plain)}".rstrip("?") if question.count("/") == 1 else ""


def _said(request: Request) -> str:
    query = request.query_params
    if query.get("said") == "looked":
        parts = [f"{n} {words}" for name, words in CHANGED if (n := _whole(query.get(name, "")))]
        return f"Looked: {', '.join(parts) or 'nothing changed'}."
    return SAID.get(query.get("said", ""), "")


def _read(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _when(text: str, zone: str) -> str:
    return moment(_read(text), zone) if text else ""


def _ago(text: str) -> str:
    return ago(max(0.0, (datetime.now(UTC) - _read(text)).total_seconds()))


def _whole(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 16 else 0


async def _call(here: House, do: str, given: dict[str, Any]) -> Any:
    return msgspec.json.decode(await here.workers.call(do, given))


GET, POST = ["GET"], ["POST"]
ROUTES: list[tuple[str, Any, list[str]]] = [
    (HERE, alerts, GET),
    (f"{HERE}.json", sheet_json, GET),
    (f"{HERE}.csv", sheet_csv, GET),
    (f"{HERE}/look", look, POST),
    (f"{HERE}/undo", undo, POST),
    (RECEIVERS, receivers, GET),
    (RECEIVERS, tell, POST),
    (f"{RECEIVERS}.json", receivers_json, GET),
    (f"{HERE}/{{alert:int}}", alert, GET),
    (f"{HERE}/{{alert:int}}", answer, POST),
    (f"{HERE}/{{alert:int}}.json", alert_json, GET),
]
