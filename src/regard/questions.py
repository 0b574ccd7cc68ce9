"""The registry of questions and the mark that puts a function on it.

A question lives in its stem, ``<room>/<name>.py``. Its docstring is the question in a person's words; its typed,
keyword-only signature is the only source for the page's form, the JSON parameters, the command's options and the
Python call. The first parameter is always ``ask``: what the question may look at.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

from regard.errors import UnknownName
from regard.findings import Finding

F = TypeVar("F", bound=Callable[..., Finding])

ROOMS = ("customers", "journey", "listening", "reliability", "leadership", "report")


@dataclass(frozen=True, kw_only=True)
class Question:
    """One registered question: where it is found, what it needs, how it is asked and what it gives back."""

    room: str
    name: str
    title: str
    help: str
    needs: tuple[str, ...]
    ask: Callable[..., Finding]
    finding: type[Finding]
    parameters: dict[str, inspect.Parameter]

    @property
    def path(self) -> str:
        """room/name: the URL, the command, the doc path and the JSON path."""
        return f"{self.room}/{self.name}"

    @property
    def figure(self) -> Callable[[Any], Any] | None:
        """The stem's ``figure(finding)``, if it draws one: a regard.figures.Figure or None."""
        return getattr(sys.modules[self.ask.__module__], "figure", None)


_registered: dict[str, Question] = {}


def question(*, title: str, needs: tuple[str, ...] = ()) -> Callable[[F], F]:
    """Mark a function as the question of its stem.

    Args:
        title: Short name on the page and in the palette.
        needs: What must be there to answer: kinds of signal ("answer", "order|subscription") and keys of the
            declarations ("value.kind"). The readiness page is made from it.
    """

    def register(function: F) -> F:
        hints = get_type_hints(function, include_extras=True)  # with the bounds an argument is held to
        parameters = dict(inspect.signature(function).parameters)
        parameters.pop("ask")
        resolved = {k: p.replace(annotation=hints.get(k, Any)) for k, p in parameters.items()}
        room, name = function.__module__.removeprefix("regard.").split(".")[:2]
        _registered[f"{room}/{name}"] = Question(
            room=room,
            name=name.replace("_", "-"),
            title=title,
            help=inspect.getdoc(function) or "",
            needs=needs,
            ask=function,
            finding=hints["return"],
            parameters=resolved,
        )
        return function

    return register


def questions() -> dict[str, Question]:
    """Every question by its path, rooms in their order, each room's as its ``QUESTIONS`` names them."""
    found = {}
    for room in ROOMS:
        try:
            stems = importlib.import_module(f"regard.{room}").QUESTIONS
        except ModuleNotFoundError as error:
            if error.name != f"regard.{room}":
                raise
            continue
        for stem in stems:
            importlib.import_module(f"regard.{room}.{stem}")
            question = _registered[f"{room}/{stem}"]
            found[question.path] = question
    return found


def find(path: str) -> Question:
    """The question at room/name.

    Raises:
        UnknownName: No such question; the nearest are suggested.
    """
    known = questions()
    if path not in known:
        raise UnknownName("question", path, known)
    return known[path]
