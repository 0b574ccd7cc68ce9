"""Whether an adjusted effect rests on models that are too plain: a richer model of what they leave over, on rows apart.

A doubly robust effect stands while one of its two models is right. That neither is cannot be seen from either alone;
but where a model with steps of every amount and products of any two predicts what the outcome model left over of rows
it has not seen, and the effect would move with it, both were too plain. Reference for the idea of a challenger on rows
apart: Hastie, Tibshirani and Friedman (2009), section 7.10; for adding what a second model explains, the same augmented
estimator (Robins, Rotnitzky and Zhao 1994).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.proportions import mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.statistics.estimates import Estimate, Floats, Whole

FOLDS = 5
STEPS = 8
PENALTIES = (10.0, 100.0, 1000.0)
MOST_COLUMNS = 12
MOST_ROWS = 40_000


@dataclass(frozen=True, kw_only=True)
class Richer:
    """What a richer model makes of what was left over.

    Attributes:
        gain: Share of the variance left over, among controls as weighted, that it predicts on rows apart.
        moves: By how much the effect would change with it.
    """

    gain: Estimate
    moves: float

    def matters(self, error: float) -> bool:
        """Whether it predicts beyond chance, and the effect would move by half a standard error or more."""
        return not self.gain.refused and self.gain.low > 0 and abs(self.moves) > error / 2


def richer(x: Floats, left: Floats, treated: Floats, weight: Floats, *, seed: int = 0) -> Richer | None:
    """What steps and products of the covariates say of what the outcome model left over; none where rows are many.

    Args:
        x: Covariates, shape (rows, columns).
        left: Outcome less what the model expects.
        treated: Whether each row was treated.
        weight: Weight of the controls; 0 for the treated.
        seed: Seed of the folds.
    """
    if len(left) > MOST_ROWS or not x.shape[1]:
        return None
    made = _shapes(x[:, :MOST_COLUMNS])
    fold = np.random.default_rng(seed).permutation(len(left)) % FOLDS
    at = np.flatnonzero((treated == 0) & (weight > 0))
    told = _predicted(made, left, at, fold, weight)
    own = weight[at] / weight[at].sum()
    best = min(told, key=lambda p: float(own @ (left[at] - told[p][at]) ** 2))
    base = left - own @ left[at]
    total = float(own @ base[at] ** 2)
    if total <= 0:
        return None
    gain = mean((base[at] ** 2 - (base - told[best])[at] ** 2) / total, weights=own * len(at))
    on = treated > 0
    return Richer(gain=gain, moves=float(own @ told[best][at]) - float(told[best][on].mean()))


def _shapes(x: Floats) -> Floats:
    """Steps of every column at its quantiles, and products of any two, scaled."""
    middle, spread = x.mean(axis=0), x.std(axis=0)
    scaled = (x - middle) / np.where(spread > 0, spread, 1.0)
    columns: list[Floats] = []
    for j in range(x.shape[1]):
        edges = np.unique(np.quantile(x[:, j], np.arange(1, STEPS) / STEPS))
        columns += [(x[:, j] > e).astype(float) for e in edges[edges < x[:, j].max()]]
    columns += [scaled[:, i] * scaled[:, j] for i, j in combinations(range(x.shape[1]), 2)]
    made = np.column_stack(columns) if columns else np.zeros((len(x), 0))
    off = made.std(axis=0)
    kept: Floats = ((made - made.mean(axis=0)) / np.where(off > 0, off, 1.0))[:, off > 0]
    return kept


def _predicted(made: Floats, left: Floats, at: Whole, fold: NDArray[np.int64], weight: Floats) -> dict[float, Floats]:
    """What a ridge of the shapes says of every row, fitted to the weighted controls of the other folds; by penalty."""
    told = {p: np.zeros(len(left)) for p in PENALTIES}
    for k in range(FOLDS):
        rows = at[fold[at] != k]
        w = weight[rows] / weight[rows].mean()
        x, y = made[rows], left[rows]
        centre, level = (w @ x) / w.sum(), float(w @ y) / float(w.sum())
        root = np.sqrt(w)
        pulled = (x - centre) * root[:, None]
        gram, cross = pulled.T @ pulled, pulled.T @ ((y - level) * root)
        out = fold == k
        for penalty, found in told.items():
            beta = np.linalg.solve(gram + penalty * np.eye(len(gram)), cross)
            found[out] = level + (made[out] - centre) @ beta
    return told
