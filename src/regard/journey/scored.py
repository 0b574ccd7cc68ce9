"""What customers then scored, by the steps and moves they came along: told beside those who did not come there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.journey.afterwards import scored_as
from regard.statistics.comparisons import holm
from regard.statistics.estimates import Estimate
from regard.statistics.proportions import difference

if TYPE_CHECKING:
    from regard.signals.ask import Ask

LEAST = 20
"""Fewest customers with a score there, and elsewhere, for the two to be compared."""
CLEAR = 0.05
SECONDS = 86_400

Whole = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Scored:
    """The score of one group.

    Attributes:
        score: First score each gave in the days after they first came there; None where too few did.
        apart: "higher" or "lower" than customers who did not come there, beyond chance with all groups; else empty.
    """

    score: Estimate | None = None
    apart: str = ""


def scored(ask: Ask, who: Whole, at: Whole, group: Whole, *, groups: int, metric: str, days: int) -> list[Scored]:
    """The score of each group of customers.

    Args:
        ask: The scope.
        who: (n,) customer of each time somebody came somewhere.
        at: (n,) when, microseconds UTC.
        group: (n,) where; below 0 for places not told of.
        groups: How many there are.
        metric: Of the scores.
        days: Days after the first time there in which a score counts.
    """
    people, person = np.unique(who, return_inverse=True)
    read = ask.table("discovered.sql", metric=metric, days=days)
    owner = read["customer"].to_numpy()
    mine = np.isin(owner, people)
    owner, time = np.searchsorted(people, owner[mine]), read["at"].to_numpy()[mine] // 1_000_000
    given = read["score"].to_numpy()[mine]
    start = int(min(at.min(initial=0), 0))
    wide = int(max(time.max(initial=0), at.max(initial=0) // 1_000_000)) + days * SECONDS + 2 - start
    key = owner * wide + time

    def then(persons: Whole, since: Whole) -> NDArray[np.float64]:
        """The first score of each after a moment, in the days; NaN for none."""
        if not len(key):
            return np.full(len(persons), np.nan)
        second = since // 1_000_000
        place = np.searchsorted(key, persons * wide + second, side="right")
        at_ = np.minimum(place, len(key) - 1)
        found = (place < len(key)) & (owner[at_] == persons) & (time[at_] <= second + days * SECONDS)
        return np.where(found, given[at_], np.nan)

    order = np.lexsort((at, person.reshape(-1), group))
    group, persons, at = group[order], person.reshape(-1)[order], at[order]
    fresh = np.ones(len(group), np.bool_)
    fresh[1:] = (np.diff(group) != 0) | (np.diff(persons) != 0)
    first = np.full(len(people), np.iinfo(np.int64).max)
    np.minimum.at(first, persons, at)
    base, scores = then(np.arange(len(people)), first), then(persons, at)
    return _apart(group[fresh], persons[fresh], scores[fresh], base, groups=groups, metric=metric)


def _apart(
    group: Whole, persons: Whole, scores: NDArray[np.float64], base: NDArray[np.float64], *, groups: int, metric: str
) -> list[Scored]:
    """Each group's score beside that of all who did not come there."""
    edges = np.searchsorted(group, np.arange(groups + 1))
    found, p, signs = [], [], []
    for k in range(groups):
        own = slice(edges[k], edges[k + 1])
        there = scores[own][np.isfinite(scores[own])]
        away = np.ones(len(base), np.bool_)
        away[persons[own]] = False
        others = base[away & np.isfinite(base)]
        score = scored_as(there, metric) if len(there) >= LEAST else None
        gap = difference(score, scored_as(others, metric)) if score is not None and len(others) >= LEAST else None
        told = gap is not None and not gap.refused
        found.append(None if score is None or score.refused else score)
        p.append(gap.p if gap is not None and told else np.nan)
        signs.append(gap.value if gap is not None and told else 0.0)
    clear = holm(np.array(p)) <= CLEAR
    return [
        Scored(score=score, apart=("higher" if sign > 0 else "lower") if one else "")
        for score, sign, one in zip(found, signs, clear.tolist(), strict=True)
    ]
