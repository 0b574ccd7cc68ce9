"""Sources: files dropped on the page, the mapping beside the first rows, imports with progress and undo, the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response

from regard.errors import RegardError
from regard.web import jobs, uploads
from regard.web.forms import form_of
from regard.web.frame import House, house, page, part
from regard.web.jobs import Job
from regard.web.senders import WHAT, senders, turned_away
from regard.web.workers import Failed
from regard.wording import listed, moment

if TYPE_CHECKING:
    from starlette.requests import Request


async def sources(request: Request) -> Response:
    """Bring files in, and what was brought so far."""
    here = house(request)
    uploads.sweep(here.workspace)
    batches = msgspec.json.decode(await here.workers.call("batches"))
    kept = {batch: upload.id for upload in uploads.all_of(here.workspace) for batch in upload.batches}
    zone = (await here.company()).zone
    for batch in batches:
        batch["when"] = moment(datetime.fromisoformat(batch["started"]), zone)
        batch["upload"] = kept.get(batch["id"], "")
        batch["rejects"] = (here.workspace / "rejects" / f"import-{batch['id']}.csv").exists()
    waiting = [u for u in uploads.all_of(here.workspace) if u.is_here and not u.batches][:5]
    running = [j for j in here.jobs.values() if not j.done]
    return await page(
        request, "sources.html", title="Sources", room="sources", batches=batches, waiting=waiting, running=running,
        most=uploads.LARGEST, days=uploads.KEPT_DAYS, intake=here.intake, senders=await senders(here), kinds=WHAT,
        away=await turned_away(here),
    )  # fmt: skip


async def upload(request: Request) -> Response:
    """Take files in."""
    made = await uploads.receive(request, house(request).workspace)
    where = f"/sources/files/{made.id}"
    if "x-regard-token" in request.headers:
        return JSONResponse({"location": where})
    return RedirectResponse(where, 303)


async def files(request: Request) -> Response:
    """What the files are, the mapping proposed, and what will become of them."""
    found = uploads.find(house(request).workspace, request.path_params["upload"])
    return await _mapping_page(request, found, found.toml)


async def _mapping_page(request: Request, found: uploads.Upload, toml: str, status: int = 200) -> Response:
    paths = [str(p) for p in found.files]
    try:
        told = msgspec.json.decode(await house(request).workers.call("recognise", {"files": paths, "toml": toml}))
    except RegardError as error:
        # People know their file by its name; where it lies here is nobody's concern.
        error.where = error.where.replace(f"{found.directory / 'files'}/", "")
        raise
    return await page(
        request, "mapping.html", title="What these files are", room="sources", upload=found, told=told,
        status=422 if told["error"] else status,
    )  # fmt: skip


async def edit(request: Request) -> Response:
    """Keep an edited mapping: as text, or through the choices beside the columns; or import with it."""
    form = await form_of(request)
    here = house(request)
    found = uploads.find(here.workspace, request.path_params["upload"])
    toml = form.get("toml", "")
    changes = {k.removeprefix("to."): v for k, v in form.items() if k.startswith("to.")}
    if changes or form.get("source"):
        given = {"toml": toml, "changes": changes, "name": form.get("source", "")}
        toml = msgspec.json.decode(await here.workers.call("remap", given), type=str)
    paths = [str(p) for p in found.files]
    told = msgspec.json.decode(await here.workers.call("recognise", {"files": paths, "toml": toml}))
    if told["error"]:
        return await _mapping_page(request, found, toml)
    found.keep(toml)
    if form.get("do") != "import":
        return RedirectResponse(f"/sources/files/{found.id}#signals", 303)
    title = f"Importing {listed([p.name for p in found.files], most=3)}"
    job = jobs.start(here, title, "bring", {"files": paths, "toml": toml}, back="/", finished=_noted(here, found))
    return RedirectResponse(f"/sources/work/{job.id}", 303)


def _noted(here: House, found: uploads.Upload) -> Any:
    def note(result: dict[str, Any]) -> None:
        here.renew()
        if result.get("imported"):
            found.note(int(result["imported"]["batch"]))
            found.drop()

    return note


async def mapping(request: Request) -> Response:
    """The mapping files were imported with, to be kept and run again."""
    text = uploads.mapping(house(request).workspace, request.path_params["upload"])
    headers = {"content-disposition": 'attachment; filename="mapping.toml"'}
    return Response(text, media_type="application/toml", headers=headers)


async def undo(request: Request) -> Response:
    """Take a batch back everywhere."""
    await form_of(request)
    batch, here = int(request.path_params["batch"]), house(request)
    job = jobs.start(
        here, f"Taking batch {batch} back", "undo", {"batch": batch}, back="/sources",
        finished=lambda _: here.renew(),
    )  # fmt: skip
    return RedirectResponse(f"/sources/work/{job.id}", 303)


def job_of(here: House, name: str) -> Job:
    """The job of that name.

    Raises:
        Failed: There is none.
    """
    found = here.jobs.get(name)
    if not isinstance(found, Job):
        raise Failed(
            "This work is not known any more.", kind="UnknownName", status=404,
            hint="The list of batches on the Sources page tells what was done.",
        )  # fmt: skip
    return found


async def work(request: Request) -> Response:
    """How far an import or another long piece of work is."""
    job = job_of(house(request), request.path_params["job"])
    if request.query_params.get("part"):
        return part(request, "_work.html", job=job, headers={"x-regard-done": "yes" if job.done else "no"})
    return await page(request, "work.html", title=job.title, room="sources", job=job)


async def rejects(request: Request) -> Response:
    """The bad rows of a batch, with file, line, column, value and reason."""
    batch = int(request.path_params["batch"])
    path = house(request).workspace / "rejects" / f"import-{batch}.csv"
    if not path.exists():
        raise Failed(
            f"Batch {batch} has no bad rows.", kind="UnknownName", status=404, hint="Nothing was refused in it."
        )
    return FileResponse(path, media_type="text/csv; charset=utf-8", filename=path.name)


async def ledger(request: Request) -> Response:
    """What was received, and what became of it."""
    told = msgspec.json.decode(await house(request).workers.call("ledger"))
    return await page(
        request, "ledger.html", title="Ledger", room="sources", told=told, away=await turned_away(house(request))
    )


async def ledger_json(request: Request) -> Response:
    """The ledger as JSON."""
    told = msgspec.json.decode(await house(request).workers.call("ledger"))
    total = {k: v for k, v in told["total"].items() if k != "source"}
    away = await turned_away(house(request))
    return JSONResponse({**total, "sources": told["sources"], "turned_away": away})


GET, POST = ["GET"], ["POST"]
ROUTES: list[tuple[str, Any, list[str]]] = [
    ("/sources", sources, GET),
    ("/sources/upload", upload, POST),
    ("/sources/files/{upload}", files, GET),
    ("/sources/files/{upload}", edit, POST),
    ("/sources/files/{upload}/mapping.toml", mapping, GET),
    ("/sources/batches/{batch:int}/undo", undo, POST),
    ("/sources/batches/{batch:int}/rejects.csv", rejects, GET),
    ("/sources/work/{job}", work, GET),
    ("/sources/ledger", ledger, GET),
    ("/sources/ledger.json", ledger_json, GET),
]
