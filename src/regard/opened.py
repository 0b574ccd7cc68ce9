"""The Python door: ``regard.open(path)`` gives a company one can ask.

>>> import regard
>>> company = regard.open("my-company")
>>> company.ask("listening/scores", since="2026-09-01", by="region").answer
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Self

from regard import wording
from regard.acts import find as find_act
from regard.errors import BadInput, UnknownName
from regard.questions import find, questions
from regard.reliability import alerts
from regard.reliability.rounds import look
from regard.signals.ask import View, answer
from regard.signals.scope import Given
from regard.signals.workspace import Reader, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from regard.findings import Finding
    from regard.reliability.alerts import Alerts
    from regard.reliability.rounds import Round

SCOPE = tuple(Given.__struct_fields__)


def split(arguments: dict[str, Any]) -> tuple[Given, dict[str, Any]]:
    """Part what belongs to the scope from what belongs to the question.

    Args:
        arguments: Names to values as a door collected them; None and empty texts count as not given.
    """
    scope = {k: v for k, v in arguments.items() if k in SCOPE and v not in (None, "", ())}
    if isinstance(scope.get("where"), str):
        scope["where"] = (scope["where"],)
    elif isinstance(scope.get("where"), dict):
        several = {k: [v] if isinstance(v, str) else v for k, v in scope["where"].items()}
        scope["where"] = tuple(f"{name}={value}" for name, values in several.items() for value in values)
    elif "where" in scope:
        scope["where"] = tuple(scope["where"])
    rest = {k: v for k, v in arguments.items() if k not in SCOPE and v is not None}
    return Given(**scope), rest


class Company:
    """One company's workspace, ready to be asked. Close it, or use it in a with block."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._reader: Reader | None = None
        self._view: View | None = None

    @property
    def view(self) -> View:
        """The log at the newest settled position, under a lease held until `refresh` or `close`."""
        if self._view is None:
            self._reader = self._reader or Reader(self.workspace)
            version, declarations = self.workspace.declarations()
            self._view = View(
                connection=self._reader.connection,
                declarations=declarations,
                declarations_version=version,
                position=self._reader.position,
                made_steps=self._reader.steps,
            )
        return self._view

    def refresh(self) -> None:
        """Move to the newest settled position and declarations; cheap when nothing changed since."""
        version, _ = self.workspace.declarations()
        moved = self._reader is not None and self._reader.refresh()
        if moved or (self._view is not None and self._view.declarations_version != version):
            self._view = None

    def ask(self, question: str, /, **arguments: Any) -> Finding:
        """Ask a question.

        Args:
            question: Its path, such as "listening/scores".
            arguments: The scope (since, until, period, against, where, by) and the question's own parameters.

        Returns:
            The finding: `answer` in words, typed fields, evidence, cautions.

        Raises:
            UnknownName: No such question, argument or dimension.
            BadInput: A value cannot be used as given.
        """
        given, rest = split(arguments)
        return answer(find(question), view=self.view, given=given, arguments=rest)

    def act(self, name: str, /, **arguments: Any) -> Any:
        """Do an act: answer an alert, name a receiver, repair an item. It leaves an entry in the record.

        Args:
            name: Its name, such as "answer_alert"; `regard.acts.acts` lists them.
            arguments: Its own; ``by`` is who does it.

        Returns:
            What the act returns.

        Raises:
            UnknownName: No such act or argument.
            RegardError: The act refuses.
        """
        found = find_act(name)
        taken = [n for n in found.parameters if n != "workspace"]
        for given in arguments:
            if given not in taken:
                raise UnknownName(f"argument of {name}", given, taken, where=given)
        lacking = [n for n in taken if n not in arguments and found.parameters[n].default is inspect.Parameter.empty]
        if lacking:
            raise BadInput(f"{name} needs {wording.listed(lacking)}.", where=lacking[0], hint=f"Give {lacking[0]}=...")
        return found.do(self.workspace, **{"by": "python", **arguments})

    def alerts(self) -> Alerts:
        """What is off course now, what lately was, and who looks."""
        return alerts.read(self.workspace)

    def look(self) -> Round:
        """Have every detector look now, at the newest settled position.

        Raises:
            Busy: Another round is running.
        """
        self.refresh()
        return look(self.workspace, view=self.view, wait=60)

    def questions(self) -> list[str]:
        """The paths of every question one can ask."""
        return list(questions())

    def settle(self) -> None:
        """Bring what was received into the answers, and move there."""
        for _ in self.workspace.settle():
            pass
        self.refresh()

    def close(self) -> None:
        """Give the lease back."""
        if self._reader is not None:
            self._reader.close()
        self._reader = self._view = None
        self.workspace.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[str]:
        return iter(questions())


def open(path: str | Path, *, create: bool = False) -> Company:  # noqa: A001 the door is called regard.open
    """Open a company's workspace.

    Args:
        path: Its directory.
        create: Make it when it does not exist.

    Raises:
        BadInput: There is no workspace there and `create` is false.
    """
    return Company(Workspace.open(path, create=create))
