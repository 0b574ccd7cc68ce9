"""Who is silent, as far as one file tells: customers who no longer answer, by what they said the last time."""

from __future__ import annotations

import numpy as np

from regard.listening.counted import Answers
from regard.statistics.estimates import Estimate
from regard.statistics.proportions import difference, mean
from regard.trying.answered import Read
from regard.trying.trials import Check
from regard.wording import between, number

LEAST = 20


def silent_check(found: Read) -> Check | None:
    """Whether those who fell silent had scored lower; None where the table has no rows without a score.

    Rows without a score are customers asked who did not answer. Of every row after a customer's first answer, the last
    score before it is known: it is compared between rows with and without a score, within the cells of the weights.
    """
    silent = ~np.isfinite(found.given) & (found.who >= 0)
    if not silent.any() or found.day is None:
        return None
    name = "silence_by_score"
    gap = silence(found)
    if gap is None or gap.refused:
        text = (
            "Whether those who stay silent had scored lower cannot be told: too few answered before they fell silent."
        )
        return Check(name=name, passed=None, text=text)
    ends = between(gap.low, gap.high, lambda v: number(v, 2))
    text = f"Customers who fell silent had scored {number(abs(gap.value), 2)} "
    text += f"{'lower' if gap.value < 0 else 'higher'} the last time than those who answered again ({ends})"
    if gap.clear:
        return Check(
            name=name,
            passed=False,
            value=gap.value,
            text=f"{text}: silence depends on the score itself, which weights do not cure.",
        )
    return Check(name=name, passed=True, value=gap.value, text=f"{text}: no sign that silence depends on the score.")


def silence(found: Read) -> Estimate | None:
    """Mean of the last score before silence less that before another answer, in points of the scale."""
    last, cell = _before(found)
    known = np.isfinite(last)
    answered = np.isfinite(found.given)
    if (known & answered).sum() < LEAST or (known & ~answered).sum() < LEAST:
        return None
    told = last - _by_cell(last, cell, known)
    who = found.who
    quiet, heard = known & ~answered, known & answered
    return difference(mean(told[quiet], clusters=who[quiet]), mean(told[heard], clusters=who[heard]))


def _before(found: Read) -> tuple[np.ndarray, np.ndarray]:
    """For each row, the same customer's last score before it, and the cell that answer was weighted in."""
    rows = len(found.given)
    cell = np.full(rows, -1)
    cell[found.row] = _cells(found.answers)
    last, where = np.full(rows, np.nan), np.full(rows, -1)
    day = found.day if found.day is not None else np.zeros(rows, dtype=np.int64)
    order = np.lexsort((np.arange(rows), day, found.who))
    held: tuple[float, int] = (np.nan, -1)
    previous = -1
    for i in order:
        if found.who[i] < 0:
            continue
        if found.who[i] != previous:
            held, previous = (np.nan, -1), int(found.who[i])
        last[i], where[i] = held
        if np.isfinite(found.given[i]):
            held = (float(found.given[i]), int(cell[i]))
    return last, where


def _cells(answers: Answers) -> np.ndarray:
    """The cell of each answer, told by what the weights' cells say of it; one cell without weights."""
    if answers.fitted is None:
        return np.zeros(len(answers), dtype=np.int64)
    return np.unique(np.round(np.stack([answers.fitted, answers.weight]), 9), axis=1, return_inverse=True)[1].reshape(
        -1
    )


def _by_cell(last: np.ndarray, cell: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The mean of the last scores within each cell."""
    place = np.where(cell >= 0, cell, 0)
    total = np.bincount(place[known], last[known], minlength=int(place.max()) + 1)
    held = np.bincount(place[known], minlength=int(place.max()) + 1)
    return np.divide(total, held, out=np.zeros(len(total)), where=held > 0)[place]
