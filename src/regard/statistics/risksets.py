"""Those lost, each beside like ones who were there at the same moment and stayed: a sample of every risk set.

References: Thomas (1977), JRSS A 140, 469-491 (sampled controls); Langholz and Goldstein (1996), Statistical Science
11, 35-53. With m compared to each one lost the variance is about (m + 1) / m of what the whole base would give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import Floats, Whole

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

NEAR = 20.0
"""Days around a moment within which renewals of others fall due that it is compared with."""
SAME = 14.0
"""Days around a sign within which signs of others that were followed by silence are compared with it."""
DUE = 3.0
"""Days around an anniversary on which an end counts as a renewal not made."""


@dataclass(frozen=True, kw_only=True)
class RiskSets:
    """Rows to look at.

    Attributes:
        row: Which stay (or pause) each is of.
        at: The moment it is looked at, only what was before counts.
        sets: Number of its risk set, from 0.
        lost: Whether it is the one who was lost.
    """

    row: Whole
    at: Floats
    sets: Whole
    lost: NDArray[np.bool_]


def of_stays(
    since: Floats, left: Floats, chosen: Whole, *, like: Whole, term: Floats, controls: int, seed: int
) -> RiskSets:
    """Risk sets of stays that end on a day.

    Where a contract comes up for renewal only every `term` days, one not renewed is compared with those renewed within
    `NEAR` days of it, each looked at on its own day; one ended in between with those who were in between, too.

    Args:
        since: Day each stay began.
        left: Day it ended, NaN where it runs.
        chosen: The stays whose ends are looked at.
        like: Group of each: only the same is compared.
        term: Days from renewal to renewal; 0 where it may end on any day.
        controls: Most compared with each.
        seed: Of the sample.
    """
    rng = np.random.default_rng(seed)
    out = np.where(np.isnan(left), np.inf, left)
    phase = np.where(term > 0, since % np.where(term > 0, term, 1.0), 0.0)
    order = np.lexsort((phase, like))
    first = np.searchsorted(like[order], like[chosen], side="left")
    last = np.searchsorted(like[order], like[chosen], side="right")
    sets = _Sets()
    for i, a, b in zip(chosen, first, last, strict=True):
        t, length = left[i], term[i]
        members = order[a:b]
        due = length > 0 and _due(t, since[i], length)
        near = _around(phase[members], t % length, length) if due else None
        found = _some(members if near is None else members[near], controls, rng)
        own = since[found] + np.round((t - since[found]) / length) * length if due else np.full(len(found), t)
        ok = (since[found] < own - (length / 2 if due else 0)) & (out[found] > own) & (found != i)
        if due:
            ok &= np.abs(own - t) <= NEAR
        elif length > 0:
            ok &= ~_due(t, since[found], np.full(len(found), length))
        sets.add(i, t, found[ok][:controls], own[ok][:controls])
    return sets.told()


def _due(t: float, since: Floats, length: Floats) -> NDArray[np.bool_]:
    """Whether a renewal falls on that day."""
    age = t - since
    times = np.round(age / length)
    found: NDArray[np.bool_] = (times >= 1) & (np.abs(age - times * length) <= DUE)
    return found


def of_spells(
    entry: Floats, out: Floats, ended: NDArray[np.bool_], *, who: Whole, controls: int, seed: int
) -> RiskSets:
    """Risk sets of spells of tenure: those who left beside those under observation at the same tenure.

    Args:
        entry: Tenure from which each spell was under observation.
        out: Tenure at which it ended.
        ended: Whether it ended in leaving; a spell may also end where something began to hold.
        who: Whose each spell is: nobody is compared with themselves.
        controls: Most compared with each.
        seed: Of the sample.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(out, kind="stable")
    sets = _Sets()
    for i in np.flatnonzero(ended):
        later = order[np.searchsorted(out[order], out[i], side="left") :]
        found = _some(later, controls, rng)
        # A spell that ends there in leaving is no comparison; one that is only cut there still is.
        ok = (entry[found] < out[i]) & (who[found] != who[i]) & ~(ended[found] & (out[found] == out[i]))
        found = found[ok][:controls]
        sets.add(int(i), out[i], found, np.full(len(found), out[i]))
    return sets.told()


def of_pauses(
    last: Floats, back: Floats, chosen: Whole, *, who: Whole, grace: float, most: float, controls: int, seed: int
) -> RiskSets:
    """Risk sets of pauses: silence that was for good beside silence that began at the same time and was not.

    Both are looked at after `grace` days of it, when nobody could tell them apart.

    Args:
        last: Day of the sign before each pause.
        back: Day of the sign after it; NaN where there was none.
        chosen: The pauses for good that are looked at.
        who: Whose each pause is: nobody is compared with themselves.
        grace: Days of silence after which one is looked at.
        most: Days of silence after which one is lost.
        controls: Most compared with each.
        seed: Of the sample.
    """
    rng = np.random.default_rng(seed)
    came = np.flatnonzero((back - last >= grace) & (back - last <= most))
    came = came[np.argsort(last[came], kind="stable")]
    days = last[came]
    sets = _Sets()
    for i in chosen:
        a, b = np.searchsorted(days, [last[i] - SAME, last[i] + SAME])
        found = _some(came[a:b], controls, rng)
        found = found[who[found] != who[i]][:controls]
        sets.add(i, last[i] + grace, found, last[found] + grace)
    return sets.told()


def _around(phase: Floats, at: float, length: float) -> Whole:
    """Those whose renewals fall within `NEAR` days of a day of the term; their phases are in order."""
    low, high = at - NEAR, at + NEAR
    parts = [(low, high)]
    if low < 0:
        parts = [(0.0, high), (low + length, length)]
    elif high > length:
        parts = [(low, length), (0.0, high - length)]
    spans = [np.searchsorted(phase, ends) for ends in parts]
    return np.concatenate([np.arange(a, b) for a, b in spans])


def _some(members: Whole, controls: int, rng: Generator) -> Whole:
    """Enough of them, in any order, that `controls` should remain when the unfit are dropped."""
    tries = 6 * controls + 20
    if len(members) <= tries:
        return rng.permutation(members)
    picked = rng.integers(len(members), size=tries)
    return members[picked[np.sort(np.unique(picked, return_index=True)[1])]]


class _Sets:
    """Risk sets as they are found; one without anybody to compare with is left out."""

    def __init__(self) -> None:
        self.rows: list[Whole] = []
        self.days: list[Floats] = []

    def add(self, lost: int, day: float, others: Whole, days: Floats) -> None:
        if len(others):
            self.rows.append(np.r_[lost, others])
            self.days.append(np.r_[day, days])

    def told(self) -> RiskSets:
        size = np.array([len(r) for r in self.rows], np.int64)
        first = np.zeros(int(size.sum()), bool)
        first[np.cumsum(size) - size] = True
        joined = np.concatenate(self.rows) if self.rows else np.zeros(0)
        return RiskSets(
            row=joined.astype(np.int64), at=np.concatenate(self.days) if self.days else np.zeros(0),
            sets=np.repeat(np.arange(len(size)), size), lost=first,
        )  # fmt: skip
