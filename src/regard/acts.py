"""The registry of acts: changes a person makes, each named by a verb, each leaving one entry in the record.

An act lives beside what it changes. Its docstring says what it does; its typed, keyword-only signature is the source
of its form, command and Python call. ``undone_by`` names the act that takes it back, or says why none can.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from regard.errors import UnknownName

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, kw_only=True)
class Act:
    """One registered act."""

    name: str
    help: str
    undone_by: str
    do: Callable[..., Any]
    parameters: dict[str, inspect.Parameter]


MODULES = (
    "delivery.receivers",
    "reliability.answering",
    "signals.writers",
    "sources.correcting",
    "sources.replaying",
)
"""Where acts live."""

_registered: dict[str, Act] = {}


def act(*, undone_by: str) -> Callable[[F], F]:
    """Mark a function as an act.

    Args:
        undone_by: The name of the act that undoes it, or a sentence that says why it cannot be undone.
    """

    def register(function: F) -> F:
        name = function.__name__
        _registered[name] = Act(
            name=name,
            help=inspect.getdoc(function) or "",
            undone_by=undone_by,
            do=function,
            parameters=dict(inspect.signature(function).parameters),
        )
        return function

    return register


def acts() -> dict[str, Act]:
    """Every act by name; the modules they live in are read when the registry is asked for."""
    for module in MODULES:
        importlib.import_module(f"regard.{module}")
    return dict(sorted(_registered.items()))


def find(name: str) -> Act:
    """The act of that name.

    Raises:
        UnknownName: No such act; the nearest are suggested.
    """
    known = acts()
    if name not in known:
        raise UnknownName("act", name, known)
    return known[name]
