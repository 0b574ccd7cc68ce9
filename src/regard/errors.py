"""Every error a person can meet, drawn as a tree.

    RegardError                 message, where, hint: what is wrong, where it is, what to do next
    ├── BadInput                a value, file or argument cannot be used as given (exit 2, HTTP 400)
    │   └── UnknownName         a name nobody knows; suggests the nearest ones (HTTP 404)
    ├── Refusal                 sound, but the data cannot answer it yet (exit 3, HTTP 200 as a finding)
    │   └── MissingDeclaration  a declaration the question rests on has not been made
    ├── NotPermitted            this reader may not do this (HTTP 403)
    ├── Busy                    somebody else holds what is needed; try again (HTTP 503)
    └── Damaged                 a stored file is not what was written; names it (exit 4, HTTP 500)

The one shape every door gives an error: ``{"error": {"kind", "message", "where", "hint"}}``.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class RegardError(Exception):
    """Something a person should know, in a sentence, with the next step.

    Args:
        message: What is wrong, as a full sentence.
        where: The file, line, column, argument or declaration concerned.
        hint: What to do next.
    """

    exit_code = 1
    status = 500

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        where = f" ({self.where})" if self.where else ""
        hint = f"\n{self.hint}" if self.hint else ""
        return f"{self.message}{where}{hint}"

    def as_json(self) -> dict[str, dict[str, str]]:
        """The one error shape of every door."""
        return {"error": {"kind": type(self).__name__, "message": self.message, "where": self.where, "hint": self.hint}}


class BadInput(RegardError):
    """A value, file or argument cannot be used as given."""

    exit_code = 2
    status = 400


class UnknownName(BadInput):
    """A name nobody knows.

    Args:
        what: What kind of name it is: "question", "dimension", "column".
        name: The name as given.
        known: The names that would have been right.
        where: Where it was given.
    """

    status = 404

    def __init__(self, what: str, name: str, known: Iterable[str], *, where: str = "") -> None:
        names = sorted(known)
        near = [n for n in names if n.casefold() == name.casefold()] or get_close_matches(name, names, n=3, cutoff=0.5)
        if near:
            hint = "Did you mean " + " or ".join(near) + "?"
        elif names:
            hint = f"Known: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}."
        else:
            hint = f"No {what} is known yet."
        super().__init__(f"There is no {what} named {name!r}.", where=where, hint=hint)
        self.near = near


class Refusal(RegardError):
    """The question is sound but cannot be answered with what is here."""

    exit_code = 3
    status = 200


class MissingDeclaration(Refusal):
    """The question rests on something a person has not declared yet.

    Args:
        declaration: Its key in company.toml, such as "value.kind".
        why: Why the question needs it.
    """

    def __init__(self, declaration: str, why: str) -> None:
        super().__init__(
            f"This needs the declaration {declaration}: {why}",
            where="company.toml",
            hint="See what was proposed from your data on the readiness page, or run: regard declare --proposed",
        )
        self.declaration = declaration


class NotPermitted(RegardError):
    """This reader may not do this."""

    exit_code = 5
    status = 403


class Busy(RegardError):
    """Somebody else holds what is needed; trying again helps."""

    exit_code = 6
    status = 503


class Damaged(RegardError):
    """A stored file is not what was written."""

    exit_code = 4
    status = 500
