"""The parts of an experience in one table: their scores, and three kinds of nothing that are told apart.

*Not applicable* (a code such as 0, or words such as "n/a"): there was nothing to score. *Not asked*: a whole set of
parts is empty together, as in a questionnaire of modules. *Not answered*: a single part is empty.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.errors import BadInput
from regard.listening.rules import classes, rule_of
from regard.statistics.mentions import together_empty
from regard.trying.columns import Columns
from regard.wording import listed

WORDS = ("n/a", "na", "n.a.", "not applicable", "not applicable.", "does not apply", "not relevant")
LEVELS = 11
BLOCK = 0.1  # of the rows must lack a set of parts together for it to count as not asked
TOGETHER = 0.95  # of the rows in which either of two parts is empty both must be
MOST = 40


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Parts of an experience, one column each.

    Attributes:
        names: Their columns.
        value: Shape (rows, parts); NaN where there is no score.
        away: Where a part did not apply.
        unasked: Where it was not asked.
        level: -1 low, 0 middle, 1 high on the part's own scale; 0 where it did not apply; NaN where not known.
    """

    names: tuple[str, ...]
    value: NDArray[np.float64]
    away: NDArray[np.bool_]
    unasked: NDArray[np.bool_]
    level: NDArray[np.float64]

    def at(self, rows: NDArray[np.int64]) -> Parts:
        """The same of some rows, in their order; columns stay in one piece of memory each."""
        return Parts(
            names=self.names,
            **{k: getattr(self, k).T[:, rows].T for k in ("value", "away", "unasked", "level")},
        )

    @property
    def unanswered(self) -> NDArray[np.bool_]:
        """Where it was asked, applied, and was not answered."""
        found: NDArray[np.bool_] = np.isnan(self.value) & ~self.away & ~self.unasked
        return found


def parts_of(
    data: Columns, names: tuple[str, ...], *, outcome: str, skip: tuple[str, ...], not_applicable: tuple[str, ...]
) -> Parts:
    """The parts named, or the columns that look like parts.

    Args:
        data: The table.
        names: Columns of the parts; empty takes every column of whole numbers of few levels.
        outcome: Column of the score, which is no part of itself.
        skip: Columns that play another role.
        not_applicable: Codes that mean a part did not apply.

    Raises:
        UnknownName: A column that is not there.
        BadInput: No part, too many, one twice, or the score among them.
    """
    names = names or _guessed(data, (outcome, *skip))
    if outcome in names:
        raise BadInput(f"{outcome} is the score and cannot be a part of itself.", where="--parts", hint="Leave it out.")
    twice = [n for n in names if names.count(n) > 1]
    if twice or len(names) > MOST:
        raise BadInput(
            f"{twice[0]} is named twice." if twice else f"{len(names)} parts are named; at most {MOST} are weighed.",
            where="--parts",
            hint="Name each part once, those that matter most.",
        )
    value = np.empty((len(names), len(data)))
    away = np.zeros((len(names), len(data)), dtype=np.bool_)
    for j, name in enumerate(names):
        value[j], away[j] = _one(data, name, not_applicable)
    unasked = together_empty(np.isnan(value) & ~away, often=BLOCK, alike=TOGETHER)
    level = np.stack([_levels(v, a) for v, a in zip(value, away, strict=True)])
    return Parts(names=names, value=value.T, away=away.T, unasked=unasked.T, level=level.T)


def _guessed(data: Columns, skip: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for name in data.names:
        if name in skip or data.holds(name) not in {"whole", "number"}:
            continue
        values = data.numbers(name)
        known = np.unique(values[np.isfinite(values)])
        if 2 < len(known) <= LEVELS and known.min() >= 0 and known.max() <= 10 and (known == np.round(known)).all():
            found.append(name)
    if not found:
        raise BadInput(
            f"No column of {data.source} looks like a part.",
            where="--parts",
            hint=f"Name them: --parts A,B,... Columns: {listed(data.names, most=12)}.",
        )
    data.guessed["parts"] = listed(found, most=8)
    return tuple(found)


def _one(data: Columns, name: str, codes: tuple[str, ...]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A part's scores, and where it did not apply."""
    values = data.numbers(name, apart=(*WORDS, *(c.casefold() for c in codes)))
    away = data.among(name, (*WORDS, *(c.casefold() for c in codes)))
    for code in codes:
        try:
            away |= values == float(code.replace(",", "."))
        except ValueError:
            continue
    return np.where(away, np.nan, values), away


def _levels(value: NDArray[np.float64], away: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Low, middle and high on the scale the values span."""
    if not np.isfinite(value).any():
        return np.full(len(value), np.nan)
    ends = float(np.nanmin(value)), float(np.nanmax(value))
    level = classes(rule_of("part"), value, np.full(len(value), ends[0]), np.full(len(value), ends[1]))
    return np.where(away, 0.0, level)
