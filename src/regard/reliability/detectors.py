"""Detectors: functions that look at the log and say every cause that holds now.

A detector lives beside the question it rests on; ``DETECTORS`` of the room names its module. It is marked like a
question::

    @detector(title="Disrupted subsets", kinds=("disruption",), needs=("event",))
    def disrupted(*, looking: Looking) -> Iterator[Raised]:
        finding = looking.ask("reliability/disruptions", period="14d")
        ...

It says everything that holds, each time anew. What it no longer says is over (after ``lingers``). One that cannot look
yet raises `Refusal`; one that fails is told, its alerts stay as they are, and the others go on.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from regard import reliability
from regard.questions import find
from regard.reliability.raised import Raised
from regard.signals.ask import Ask, View, answer
from regard.signals.scope import Given, resolve

if TYPE_CHECKING:
    from regard.findings import Finding

Detect = Callable[..., Iterable[Raised]]


@dataclass(frozen=True, kw_only=True)
class Looking:
    """What a detector may look at.

    Attributes:
        view: The log at one settled position.
        now: The moment of looking, UTC. Rounds of a made-up company or an old export look at the end of their data.
        said: What the detector said beside its causes.
    """

    view: View
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    said: list[str] = field(default_factory=list)

    def say(self, words: str) -> None:
        """Tell beside the causes, such as what would have been seen where nothing was: it stands on the alerts page."""
        if words:
            self.said.append(words)

    def ask(self, question: str, /, *, given: Given | None = None, **arguments: Any) -> Finding:
        """Ask a question, as at any door; a refusal is a finding with `refused` set.

        Args:
            question: Its path.
            given: The scope.
            arguments: The question's own parameters.

        Raises:
            BadInput: An argument or the scope cannot be used.
        """
        return answer(find(question), view=self.view, given=given or Given(), arguments=arguments)

    def rows(self, given: Given | None = None, *, package: str = "regard.reliability") -> Ask:
        """What runs the statements beside a detector (`Ask.rows`, `Ask.table`), for a scope."""
        scope = resolve(given or Given(), declarations=self.view.declarations, last=self.view.last_day())
        return Ask(view=self.view, scope=scope, package=package)


@dataclass(frozen=True, kw_only=True)
class Detector:
    """One registered detector."""

    name: str
    title: str
    help: str
    kinds: tuple[str, ...]
    needs: tuple[str, ...]
    lingers: timedelta
    detect: Detect


_registered: dict[str, Detector] = {}


def detector(
    *, title: str, kinds: tuple[str, ...], needs: tuple[str, ...] = (), lingers: timedelta = timedelta(0)
) -> Callable[[Detect], Detect]:
    """Mark a function as the detector of its module.

    Args:
        title: What it is called on the page: Disrupted subsets.
        kinds: The kinds of cause it says.
        needs: What must be there, as for a question; without it the detector is not run.
        lingers: How long a cause it no longer says stays open, lest one at the edge opens and ends all day.
    """

    def register(function: Detect) -> Detect:
        name = function.__module__.rpartition(".")[2]
        _registered[name] = Detector(
            name=name,
            title=title,
            help=inspect.getdoc(function) or "",
            kinds=kinds,
            needs=needs,
            lingers=lingers,
            detect=function,
        )
        return function

    return register


def detectors() -> tuple[Detector, ...]:
    """Every detector, in the order of the room's ``DETECTORS``."""
    for name in reliability.DETECTORS:
        importlib.import_module(f"regard.reliability.{name}")
    return tuple(_registered[name] for name in reliability.DETECTORS)
