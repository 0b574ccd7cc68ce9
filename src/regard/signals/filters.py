"""Whether anything ever had the values a scope filters by: a value nobody has is a slip, not an empty slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regard.errors import UnknownName
from regard.signals.kinds import KINDS
from regard.signals.scope import COMMON_GROUPINGS, Scope, label, quoted

if TYPE_CHECKING:
    from regard.signals.ask import View

MOST_VALUES = 10_000
"""So many values are looked through for near ones."""


def check_values(*, view: View, scope: Scope, nothing: bool) -> None:
    """Check that values filtered by occur somewhere in the log, in any period.

    A place where a value occurs is left at its first row; only a value that occurs nowhere costs a scan. Labels of
    customers are always looked up, for they are few; those of signals where it may matter.

    Args:
        view: The log.
        scope: The scope with its filters.
        nothing: Nothing was found with them.

    Raises:
        UnknownName: One does not, though others of its name do; the nearest are suggested.
    """
    for name, values in scope.where.items():
        dimension = view.declarations.dimension(name)
        few = dimension is not None and dimension.of == "customer"
        if not (nothing or few or len(values) > 1):  # of several, one that is nobody's would not be missed
            continue
        places = _places(view, name)
        for value in values:
            if any(_rows(view, f"{place} = {quoted(value)} LIMIT 1") for place in places):
                continue
            known = {row[0] for place in places for row in _rows(view, _distinct(place))}
            if known:
                raise UnknownName(name, value, known, where="where")


def _places(view: View, name: str) -> list[str]:
    """Where values of a name stand: statements that end in the expression to be compared."""
    dimension = view.declarations.dimension(name)
    column = (dimension.label or dimension.name) if dimension else name
    kinds = [kind for kind in KINDS if view.count(kind.name)]
    read = [
        (f"lake_{kind.name}", quoted(kind.name) if column == "kind" else f"CAST({column} AS VARCHAR)")
        for kind in kinds
        if column in COMMON_GROUPINGS or any(c.name == column for c in kind.columns)
    ]
    if dimension is not None:
        own = label("labels", dimension)
        read = [("lake_customer", own), ("lake_standing", own), *read]
        read += [(f"lake_{kind.name}", own) for kind in kinds if dimension.of == "signal"]
    return [f"SELECT {value} FROM {table} WHERE {value}" for table, value in read]


def _distinct(place: str) -> str:
    return f"SELECT DISTINCT v FROM ({place} IS NOT NULL) AS t(v) LIMIT {MOST_VALUES}"


def _rows(view: View, statement: str) -> list[tuple[str, ...]]:
    return view.connection.execute(statement).fetchall()
