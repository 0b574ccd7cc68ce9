"""The frame around every page: rail, scope bar, freshness, look; and how a template becomes a response."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import mimetypes
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from regard import wording
from regard.figures.figure import tokens
from regard.web import slices
from regard.web.catalogue import Catalogue, Told, code_version
from regard.web.headings import heading
from regard.web.pulse import MANY
from regard.web.telling import Speaker, command, emphasised, marked
from regard.web.trails import CUTS
from regard.web.workers import Failed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from regard.web.findings import Findings
    from regard.web.pulse import Pulse
    from regard.web.signin import Door
    from regard.web.workers import Workers

ROOMS = {
    "report": "State",
    "customers": "Customers",
    "journey": "Journey",
    "listening": "Listening",
    "reliability": "Reliability",
    "leadership": "Leadership",
}
ROOM_WORDS = {
    "customers": "Who they are, what they are worth, who came and who left.",
    "journey": "Where along the way it hurts, and what was promised.",
    "listening": "What they say, what they score, what they ask us for help with.",
    "reliability": "Whether the service works, as customers meet it.",
    "leadership": "What we do about it, and whether it works.",
}
ALWAYS = {"report", "reliability"}
"""Rooms that have a page whatever can be asked: the State, and alerts."""

MOST_KINDS, NOUNS = 4, {"telemetry": "reading", "answer": "survey answer"}
FIRST, GLANCE, AT_ONCE = 8.0, 0.5, 0.05
"""Seconds a page waits for the company's words: when none are known yet, and when those of last time are."""
LOOKS = {"theme": ("light", "dark"), "density": ("calm", "dense")}
ASSETS = ("regard.css", "figures.css", "regard.js", "icon.svg", "speculation.json")
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".json": "application/speculationrules+json",
}


class Company(msgspec.Struct, kw_only=True):
    """The company's own words, as a worker tells them."""

    name: str = ""
    called: str = "customer"
    called_many: str = "customers"
    currency: str = ""
    zone: str = "UTC"
    position: int = 0
    declarations: int = 0
    last: str = ""
    dimensions: list[dict[str, str]] = []
    groupings: list[str] = []
    counts: dict[str, int] = {}
    sources: list[str] = []
    gaps: list[str] = []
    lacking: dict[str, dict[str, str]] = {}

    @property
    def last_day(self) -> date:
        """The last day the data speaks about."""
        return date.fromisoformat(self.last) if self.last else datetime.now(UTC).date()

    @property
    def brought(self) -> str:
        """What is here, in words: 8,365 orders, 8,225 reviews and 2 more kinds."""
        said = [wording.count(n, NOUNS.get(kind, kind)) for kind, n in self.counts.items()]
        left = len(said) - MOST_KINDS
        return wording.listed([*said[:MOST_KINDS], wording.count(left, "more kind")] if left > 1 else said)

    @property
    def speaker(self) -> Speaker:
        """Says values in its currency and zone."""
        return Speaker(currency=self.currency, zone=self.zone)


@dataclass(frozen=True)
class Asset:
    """A static file under a name that changes with its content."""

    name: str
    body: bytes
    packed: bytes
    type: str

    @property
    def url(self) -> str:
        """Where it is served."""
        return f"/static/{hashlib.sha256(self.body).hexdigest()[:12]}/{self.name}"


@dataclass(kw_only=True)
class House:
    """What every page may use: workers, kept answers, the catalogue, sign-in, templates and static files."""

    workspace: Path
    port: int
    workers: Workers
    findings: Findings
    door: Door
    intake: str = ""
    jobs: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, tuple[str, dict[str, Any] | None]] = field(default_factory=dict)
    _catalogue: Catalogue | None = None
    _asked: asyncio.Lock = field(default_factory=asyncio.Lock)
    _company: Company = field(default_factory=Company)

    async def catalogue(self) -> Catalogue:
        """Every question; from the workspace's cache, else from a worker.

        Raises:
            Failed: No worker could tell.
        """
        if self._catalogue is None:
            async with self._asked:
                if self._catalogue is None:
                    self._catalogue = self._cached() or await self._told()
        return self._catalogue

    def _cached(self) -> Catalogue | None:
        with suppress(OSError, msgspec.DecodeError):
            known = msgspec.json.decode(self._cache_file.read_bytes(), type=Catalogue)
            if known.code == code_version():
                return known
        return None

    async def _told(self) -> Catalogue:
        body = await self.workers.call("catalogue")
        _write(self._cache_file, body)
        return msgspec.json.decode(body, type=Catalogue)

    @property
    def _cache_file(self) -> Path:
        return self.workspace / "pages" / "catalogue.json"

    async def company(self) -> Company:
        """The company's words; the last known while they are read again."""
        file, patience = self.workspace / "pages" / "company.json", GLANCE
        if not self._company.last:
            with suppress(OSError, msgspec.DecodeError):
                self._company = msgspec.json.decode(file.read_bytes(), type=Company)
            # The very first page rather waits than names days and words that are not the company's.
            patience = AT_ONCE if self._company.last else FIRST
        answered = await self.findings.get("company", {}, patience=patience)
        if answered.kept is not None:
            known = msgspec.json.decode(answered.kept.body, type=Company)
            if known != self._company:
                _write(file, answered.kept.body)
            self._company = known
        return self._company

    def renew(self) -> None:
        """Forget every answer and the company's words: what is here or what it means has been changed."""
        self.findings.forget()
        self._company = Company()
        (self.workspace / "pages" / "company.json").unlink(missing_ok=True)

    async def choices(self) -> dict[str, list[str]]:
        """The values of each dimension, for the filters; none while they are being counted."""
        answered = await self.findings.get("choices", {}, patience=GLANCE)
        return {} if answered.kept is None else msgspec.json.decode(answered.kept.body, type=dict[str, list[str]])

    @cached_property
    def assets(self) -> dict[str, Asset]:
        """The static files by name."""
        made = {}
        for name in ASSETS:
            room = "regard.figures" if name == "figures.css" else "regard.web"
            place = files(room).joinpath(name if name == "figures.css" else f"static/{name}")
            body = place.read_bytes() if place.is_file() else b""
            # The layers are put in order by the first line of the pages' own sheet, so the tokens follow it.
            body += tokens().encode() if name == "regard.css" else b""
            kind = TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
            made[name] = Asset(name, body, gzip.compress(body, 9, mtime=0), kind)
        return made

    @cached_property
    def templates(self) -> Environment:
        """The templates, escaping everything."""
        environment = Environment(
            loader=PackageLoader("regard.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, auto_reload=False,
        )  # fmt: skip
        environment.filters |= {
            "emphasised": emphasised,
            "marked": marked,
            "plainly": wording.plainly,
            "heading": heading,
            "title": wording.title,
            "day": wording.day,
            "customer": lambda id_: f"/customers/customer?{urlencode({'id': id_})}",
        }
        environment.globals |= {"wording": wording, "command": command, "CUTS": CUTS}
        return environment


def _write(file: Path, body: bytes) -> None:
    """Write a small file whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.write_bytes(body)
    temporary.replace(file)


def house(request: Request) -> House:
    """The house of a request."""
    found: House = request.app.state.house
    return found


def look(request: Request) -> dict[str, str]:
    """Theme and density, as this browser chose."""
    return {name: value if (value := request.cookies.get(name, "")) in known else "" for name, known in LOOKS.items()}


async def page(
    request: Request, template: str, *, title: str, status: int = 200, room: str = "", **more: Any
) -> HTMLResponse:
    """A whole page inside the frame."""
    made = await frame(request, room)
    if "slice" in more:
        made.pop("slice")
    body = house(request).templates.get_template(template).render(title=title, **made, **more)
    here = house(request)
    headers = {"speculation-rules": f'"{here.assets["speculation.json"].url}"', "vary": "cookie"}
    return HTMLResponse(body, status_code=status, headers=headers)


def part(
    request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **more: Any
) -> HTMLResponse:
    """A piece of a page, without the frame."""
    body = house(request).templates.get_template(template).render(token=token(request), **more)
    return HTMLResponse(body, status_code=status, headers=dict(headers or {}))


def token(request: Request) -> str:
    """What every form of this session carries."""
    session = request.scope.get("regard.session", "")
    return house(request).door.token(session) if session else ""


async def frame(request: Request, room: str) -> dict[str, Any]:
    """What base.html needs; a log or worker that cannot be reached leaves the frame standing."""
    here = house(request)
    seen = slices.read(request.query_params)
    catalogue, company = Catalogue(code="", questions=()), Company()
    choices: dict[str, list[str]] = {}
    if request.scope.get("regard.session"):
        with suppress(Failed):
            catalogue = await here.catalogue()
            company, choices = await asyncio.gather(here.company(), here.choices())
    rooms = [(name, words) for name, words in ROOMS.items() if catalogue.room(name) or name in ALWAYS]
    return {
        "assets": {name: asset.url for name, asset in here.assets.items()},
        "rooms": rooms,
        "room": room,
        "company": company,
        "choices": choices,
        "slice": seen,
        "look": look(request),
        "token": token(request),
        "signed_in": bool(request.scope.get("regard.session")),
        "path": request.url.path,
        "fresh": freshness(here.findings.pulse()),
        "held_back": waiting_for_a_decision(here.findings.pulse()) if request.scope.get("regard.session") else "",
        "to_act": _many(here.findings.pulse().alerts) if request.scope.get("regard.session") else "",
        "presets": slices.preset_names(company.last_day),
        "period": slices.period_words(seen.scope, company.last_day),
    }


def freshness(pulse: Pulse) -> dict[str, Any]:
    """How far the answers are, in words."""
    if pulse.settled_at is None:
        words = "settling the first signals" if pulse.unsettled else "no signals yet"
        return {"words": words, "position": 0, "waiting": pulse.received}
    age = max(0.0, time.time() - pulse.settled_at.timestamp())
    return {
        "words": f"settled {wording.ago(age)}",
        "position": pulse.position,
        "waiting": max(0, pulse.received - pulse.position),
    }


def waiting_for_a_decision(pulse: Pulse) -> str:
    """How many items are held back, for the rail; nothing where none is."""
    return _many(pulse.held)


def _many(n: int) -> str:
    return "" if not n else f"{MANY - 1}+" if n >= MANY else str(n)


async def static(request: Request) -> Response:
    """A static file; its address changes with its content, so it may be kept for ever."""
    asset = house(request).assets.get(request.path_params["name"])
    if asset is None:
        return Response(status_code=404)
    packed = "gzip" in request.headers.get("accept-encoding", "")
    headers = {"cache-control": "public, max-age=31536000, immutable", "vary": "accept-encoding"}
    if packed:
        headers["content-encoding"] = "gzip"
    return Response(asset.packed if packed else asset.body, media_type=asset.type, headers=headers)


def question_of(catalogue: Catalogue, room: str, name: str) -> Told | None:
    """A question by its two path segments; underscores and dashes are the same."""
    return catalogue.find(f"{room}/{name}") or catalogue.find(f"{room}/{name.replace('_', '-')}")
