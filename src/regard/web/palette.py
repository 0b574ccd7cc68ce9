"""The command palette: customers by name, pages, questions and acts, in that order, each with its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from regard.web import slices
from regard.web.frame import ALWAYS, ROOMS, house, part

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from regard.web.catalogue import Catalogue

STATE = "report/state"
MOST = 20
PATIENCE = 1.5
"""Seconds the palette waits for customers before it shows the rest."""
KEYS = {"customers": "g c", "journey": "g j", "listening": "g l", "reliability": "g r", "leadership": "g e"}
PAGES = (
    ("/reliability/alerts", "Alerts: what is off course now", ""),
    ("/reliability/alerts/receivers", "Who is told of alerts", ""),
    ("/sources", "Sources", "g i"),
    ("/sources/ledger", "Ledger: what became of every signal", ""),
    ("/sources/held", "Held back: what waits to be mended", ""),
    ("/sources/readiness", "Readiness: what can be answered", ""),
    ("/settings", "Settings: what the company declares", "g ,"),
)
ACTS = (
    ("/sources#drop", "", "Bring files in", ""),
    ("/sources#brought", "", "Undo an import", ""),
    ("/report/state.html", "", "Save the State as one file", ""),
    ("#main", "copy", "Copy a link to this page", "y"),
    ("#main", "print", "Print this page", "Ctrl P"),
    ("#main", "theme", "Light or dark", "t"),
    ("#main", "density", "Calm or dense", "d"),
    ("#main", "keys", "All keys", "?"),
    ("#main", "out", "Sign out", ""),
)
"""Acts: where they lead, what the page does at once, their words and their key."""


async def palette(request: Request) -> Response:
    """What the command palette offers for a text."""
    here = house(request)
    text = request.query_params.get("q", "").replace("\0", "").strip()[:200]
    catalogue = await here.catalogue()
    customers: list[dict[str, str]] = []
    looking = False
    if text:
        answered = await here.findings.get("search", {"text": text}, patience=PATIENCE)
        customers = msgspec.json.decode(answered.kept.body) if answered.kept else []
        looking = answered.kept is None
    company, words = await here.company(), text.lower().split()
    pages = [p for p in _pages(catalogue) if _has(p[1], words)]
    asked = [q for q in catalogue.questions if q.path != STATE and _has(f"{q.title} {q.help} {q.room}", words)]
    acts = [a for a in ACTS if _has(a[2], words)]
    return part(
        request, "_palette.html", customers=customers, pages=pages, questions=asked[:MOST], acts=acts, text=text,
        looking=looking, called=company.called, called_many=company.called_many,
        slice=slices.read(request.query_params),
    )  # fmt: skip


def _pages(catalogue: Catalogue) -> list[tuple[str, str, str]]:
    there = [n for n in ROOMS if n != "report" and (catalogue.room(n) or n in ALWAYS)]
    rooms = [(f"/{n}", ROOMS[n], KEYS.get(n, "")) for n in there]
    return [("/", "State", "g s"), *rooms, *PAGES]


def _has(text: str, words: list[str]) -> bool:
    return all(w in text.lower() for w in words)
