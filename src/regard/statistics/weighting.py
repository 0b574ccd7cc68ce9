"""Weights that make those who answered look like the base: post-stratification and raking, with what they cost.

References: Deming and Stephan (1940), Annals of Mathematical Statistics 11, 427-444 (raking); Deville and Särndal
(1992), JASA 87, 376-382 (the variance of a calibrated mean is that of its residuals from the cells); Kish (1965),
section 11.7 (design effect 1 + cv² of the weights). Assumes that within a cell those who answered are like those who
did not: weights cure what the cells explain of who is silent, and nothing else; `tipping` says what else it would take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regard.statistics.estimates import Floats, Whole
from regard.statistics.proportions import kish

ROUNDS = 200
CLOSE = 1e-6  # share of the base by which a cell may miss
LEAST_CELL = 5
MOST_WEIGHT = 5.0


@dataclass(frozen=True, kw_only=True)
class Margin:
    """One way in which the base is known: how it divides into cells.

    Attributes:
        cell: The cell of every answer, from 0; -1 where it is not known.
        base: What the base holds of each cell, in any unit.
        labels: What each cell is called.
    """

    cell: Whole
    base: Floats
    labels: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weights of mean 1, and how they came about.

    Attributes:
        weight: One for each answer.
        columns: Indicators of the cells, shape (answers, columns), for `fit`.
        converged: Whether every cell has its share of the base within `CLOSE`, before trimming.
        rounds: How many rounds raking took.
        gap: By how much of the base the worst cell misses its share, after trimming.
        effect: Kish's design effect, 1 + cv².
        effective: Answers without weights that would be as precise, by Kish.
        trimmed: How many weights were cut at `MOST_WEIGHT` times the mean.
        collapsed: Cells too thin to stand alone, which were taken together, by margin.
        unknown: Answers whose cell is not known in some margin; they keep the mean weight there.
    """

    weight: Floats
    columns: Floats
    converged: bool
    rounds: int
    gap: float
    effect: float
    effective: float
    trimmed: int
    collapsed: tuple[tuple[str, ...], ...]
    unknown: int


def rake(
    margins: Sequence[Margin], *, start: Floats | None = None, least: int = LEAST_CELL, most: float = MOST_WEIGHT
) -> Weights:
    """Weights under which every margin divides as the base does; one margin alone is post-stratification.

    Cells with fewer than `least` answers are first taken together with the next thinnest of their margin. Weights
    beyond `most` times the mean are cut there, and the rest raked again.

    Args:
        margins: At least one, all over the same answers.
        start: Weights the answers have already; None takes them alike.
        least: Fewest answers a cell stands on.
        most: Largest weight, in means.
    """
    told = [collapse(m, least) for m in margins]
    merged = [m for m, _ in told]
    n = len(margins[0].cell)
    weight, converged, rounds = _raked(np.ones(n) if start is None else start / start.mean(), merged)
    trimmed = np.zeros(n, dtype=np.bool_)
    for _ in range(20):
        over = weight > most * (1 + 1e-9)  # the mean is 1
        if not over.any():
            break
        trimmed |= over
        weight = np.minimum(weight, most)
        weight, _, _ = _raked(weight, merged, free=~trimmed)
    effective = kish(weight)
    return Weights(
        weight=weight, columns=_columns(merged), converged=converged, rounds=rounds, gap=_gap(weight, merged),
        effect=n / effective, effective=effective, trimmed=int(trimmed.sum()),
        collapsed=tuple(names for _, names in told),
        unknown=int(np.any([m.cell < 0 for m in margins], axis=0).sum()),
    )  # fmt: skip


def collapse(margin: Margin, least: int) -> tuple[Margin, tuple[str, ...]]:
    """A margin without cells too thin to weight: each is taken together with the next thinnest.

    Returns:
        The margin, and the cells that were taken together; none where every one stands.
    """
    held = np.bincount(margin.cell[margin.cell >= 0], minlength=len(margin.base))
    order = np.argsort(held, kind="stable")
    together = list(order[held[order] < least])
    for cell in order[len(together) :]:
        if not together or held[together].sum() >= least:
            break
        together.append(cell)
    if not together:
        return margin, ()
    place = np.arange(len(margin.base))
    place[together] = together[0]
    kept, number = np.unique(place, return_inverse=True)
    base = np.bincount(number, margin.base, minlength=len(kept)).astype(float)
    cell = np.where(margin.cell >= 0, number[margin.cell], -1)
    names = tuple(margin.labels[i] for i in sorted(together))
    labels = tuple("other" if k == together[0] else margin.labels[k] for k in kept)
    return Margin(cell=cell, base=base, labels=labels), names


def fit(columns: Floats, values: Floats, weight: Floats) -> Floats:
    """What the cells say of each answer's value: the weighted regression on them; its residuals carry the variance."""
    root = np.sqrt(weight)
    found = np.linalg.lstsq(columns * root[:, None], values * root, rcond=None)[0]
    fitted: Floats = columns @ found
    return fitted


def tipping(score: float, *, answered: float, lower: float) -> float:
    """The base's score if those who are silent lie lower than those like them who answered.

    Args:
        score: The weighted score.
        answered: Share of the base that answered.
        lower: By how much the silent lie lower.
    """
    return score - (1 - answered) * lower


def _raked(
    weight: Floats, margins: Sequence[Margin], free: NDArray[np.bool_] | None = None
) -> tuple[Floats, bool, int]:
    weight, n = weight.copy(), float(len(weight))
    free = np.ones(len(weight), dtype=np.bool_) if free is None else free
    for turn in range(1, ROUNDS + 1):
        for m in margins:
            known = m.cell >= 0
            total = weight[known].sum()
            wanted = m.base / m.base.sum() * total
            fixed = np.bincount(m.cell[known & ~free], weight[known & ~free], minlength=len(m.base))
            loose = np.bincount(m.cell[known & free], weight[known & free], minlength=len(m.base))
            factor = np.divide(np.maximum(wanted - fixed, 0), loose, out=np.ones(len(loose)), where=loose > 0)
            at = known & free
            weight[at] *= factor[m.cell[at]]
        weight[free] *= (n - weight[~free].sum()) / weight[free].sum()
        if _gap(weight, margins) < CLOSE:
            return weight, True, turn
    return weight, False, ROUNDS


def _gap(weight: Floats, margins: Sequence[Margin]) -> float:
    worst = 0.0
    for m in margins:
        known = m.cell >= 0
        have = np.bincount(m.cell[known], weight[known], minlength=len(m.base))
        if have.sum() > 0:
            worst = max(worst, float(np.abs(have / have.sum() - m.base / m.base.sum()).max()))
    return worst


def _columns(margins: Sequence[Margin]) -> Floats:
    """Indicators of every cell, unknown ones in a column of their own; rank is left to the regression."""
    blocks = [np.eye(len(m.base) + 1)[m.cell] for m in margins]
    return np.concatenate(blocks, axis=1)
