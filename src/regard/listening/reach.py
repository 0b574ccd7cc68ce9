"""A question that reads several kinds of signal keeps, for each statement, the part of the scope its nouns know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from regard.signals.kinds import BY_NAME

if TYPE_CHECKING:
    from regard.signals.ask import Ask


def reaching(ask: Ask, *kinds: str, by: bool = True) -> Ask:
    """The same ask with only the filters (and grouping) that declared dimensions or these kinds of signal know.

    Contacts of one area are divided by all active customers: who is active has no area.

    Args:
        ask: What the question may look at.
        kinds: Kinds of signal the statement reads.
        by: Whether the grouping is kept where it is known.
    """
    known = {d.name for d in ask.declarations.dimensions}
    for kind in kinds:
        known |= {c.name for c in BY_NAME[kind].columns if c.type == "text"} | {"source", "kind"}
    scope = ask.scope
    where = {name: values for name, values in scope.where.items() if name in known}
    grouping = scope.by if by and scope.by in known else ""
    return replace(ask, scope=msgspec.structs.replace(scope, where=where, by=grouping))
