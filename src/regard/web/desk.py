"""What a worker can do for the pages: ask, search, tell the catalogue and the state of the log.

Every operation takes plain data and gives plain data; whatever computes, draws or reads the lake happens here, never in
the process that serves pages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from regard.errors import UnknownName
from regard.figures.figure import standalone
from regard.questions import find, questions
from regard.report import document
from regard.report.chapters import PLANS
from regard.sheets import csv_of
from regard.signals.ask import View, answer
from regard.signals.readiness import readiness
from regard.signals.scope import Given, groupings
from regard.web import arrivals, intake, repairs, watching
from regard.web.catalogue import Catalogue, Planned, code_version, told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from regard.findings import Finding
    from regard.opened import Company
    from regard.questions import Question
    from regard.signals.workspace import Workspace

CHOICES = 60


class Desk:
    """The operations of one worker.

    Args:
        path: The workspace, opened when first needed and made where missing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._company: Company | None = None
        own: dict[str, Callable[..., Any]] = {
            "catalogue": self.catalogue,
            "company": self.company,
            "ask": self.ask,
            "sheet": self.sheet,
            "document": self.document,
            "choices": self.choices,
            "search": self.search,
        }
        self._operations = own | intake.operations(self) | repairs.operations(self) | arrivals.operations(self)
        self._operations |= watching.operations(self)

    def do(self, name: str, given: dict[str, Any]) -> Any:
        """Carry out one operation.

        Raises:
            UnknownName: There is no such operation.
            RegardError: The operation refuses.
        """
        if name not in self._operations:
            raise UnknownName("operation", name, self._operations)
        return self._operations[name](**given)

    def interrupt(self) -> None:
        """Stop what the engine computes now; called from another thread."""
        if self._company is not None:
            self._company.view.connection.interrupt()

    @property
    def opened(self) -> Company:
        """The company, opened once."""
        if self._company is None:
            from regard.opened import open as open_company

            self._company = open_company(self._path, create=True)
        return self._company

    @property
    def workspace(self) -> Workspace:
        """Its workspace."""
        return self.opened.workspace

    def view(self, at: str = "") -> View:
        """The newest view; `at` is the pages' mark of the state they want, and a new mark moves the view on."""
        if at and at != getattr(self, "_at", ""):
            self.opened.refresh()
            self._at = at
        return self.opened.view

    def catalogue(self) -> Catalogue:
        """Every question, as the pages need it."""
        chapters = tuple(Planned(heading=p.heading, path=p.path, door=p.door) for p in PLANS)
        return Catalogue(code=code_version(), questions=tuple(told(q) for q in questions().values()), chapters=chapters)

    def company(self, at: str = "") -> dict[str, Any]:
        """The company's words, zone, currency and dimensions, and what there is in the log."""
        view = self.view(at)
        known = view.declarations
        return {
            "name": known.name,
            "called": known.called,
            "called_many": known.called_many,
            "currency": known.currency,
            "zone": known.time_zone,
            "position": view.position,
            "declarations": view.declarations_version,
            "last": view.last_day().isoformat(),
            "dimensions": [{"name": d.name, "title": d.title or d.name.replace("_", " ")} for d in known.dimensions],
            "groupings": groupings(known),
            **self._brought(),
        }

    def _brought(self) -> dict[str, Any]:
        """What is here, from where, and what is still to be said about it."""
        counts, known = self.workspace.counts(), self.view().declarations
        gaps = [] if known.name else ["the company's name"]
        if not known.currency and counts.get("order", 0) + counts.get("subscription", 0):
            gaps.append("its currency")
        return {
            "counts": {kind: n for kind, n in sorted(counts.items(), key=lambda item: -item[1]) if n},
            "sources": [str(r["source"]) for r in self.workspace.ledger()[:-1]],
            "gaps": gaps,
            "lacking": intake.lacking(readiness(counts=counts, declarations=known)),
        }

    def ask(
        self, path: str, arguments: dict[str, Any] | None = None, scope: dict[str, Any] | None = None, at: str = ""
    ) -> dict[str, Any]:
        """A finding and its figure in two widths, as plain data."""
        question = find(path)
        given = msgspec.convert(scope or {}, Given, strict=False)
        finding = answer(question, view=self.view(at), given=given, arguments=arguments)
        return {"finding": finding, "figure": drawn(question, finding)}

    def sheet(
        self,
        path: str,
        arguments: dict[str, Any] | None = None,
        scope: dict[str, Any] | None = None,
        table: str = "",
        at: str = "",
    ) -> str:
        """One table of a finding as CSV, the same as the command line prints."""
        given = msgspec.convert(scope or {}, Given, strict=False)
        return csv_of(answer(find(path), view=self.view(at), given=given, arguments=arguments), table)

    def document(self, scope: dict[str, Any] | None = None, at: str = "") -> str:
        """The State of the Customer as one HTML file that loads nothing."""
        given = msgspec.convert(scope or {}, Given, strict=False)
        finding: Any = answer(find("report/state"), view=self.view(at), given=given)
        return document.html(finding)

    def choices(self, at: str = "") -> dict[str, list[str]]:
        """The commonest values of each declared dimension, for the filters of the scope bar."""
        view = self.view(at)
        found = {}
        for dimension in view.declarations.dimensions:
            key = (dimension.label or dimension.name).replace('"', "")
            rows = view.connection.execute(
                "SELECT json_extract_string(labels, $path) AS value, count(*) FROM lake_customer "
                f"WHERE value IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {CHOICES}",
                {"path": f'$."{key}"'},
            ).fetchall()
            found[dimension.name] = sorted(str(r[0]) for r in rows)
        return found

    def search(self, text: str, limit: int = 8, at: str = "") -> list[dict[str, str]]:
        """Customers whose name or id begins with, or contains, the text; those who begin with it first."""
        view = self.view(at)
        rows = view.connection.execute(
            "SELECT id, coalesce(name, id), kind FROM lake_customer WHERE contains(lower(coalesce(name, id)), $text) "
            "OR starts_with(lower(id), $text) ORDER BY lower(coalesce(name, id)) NOT LIKE $text || '%', last_at DESC "
            "LIMIT $most",
            {"text": text.strip().lower().replace("%", "").replace("_", " "), "most": limit},
        ).fetchall()
        return [{"id": str(i), "name": str(n), "kind": str(k)} for i, n, k in rows]


def drawn(question: Question, finding: Finding) -> dict[str, Any] | None:
    """The question's figure as SVG, wide and narrow, with its title; None when there is nothing to draw."""
    if question.figure is None or finding.refused:
        return None
    figure = question.figure(finding)
    if figure is None:
        return None
    return {"title": figure.title, "wide": figure.svg, "narrow": figure.svg_narrow, "alone": standalone(figure)}
