"""What a linear view of drivers misses: a richer model as its challenger, judged on rows neither has seen.

The challenger lets every driver have any shape (a step for each of its levels) and every pair work together (their
product), held back by a ridge penalty that is itself chosen on rows apart. Both models predict folds of customers they
were not fitted to; the challenger is told only where its errors are smaller beyond chance. References: Hastie,
Tibshirani, Friedman (2009), sections 3.4 and 7.10. Assumes independent customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.comparisons import holm
from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, codes, refusal
from regard.statistics.proportions import mean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FOLDS = 5
STEPS = 8
PENALTIES = (3.0, 30.0, 300.0, 3000.0)
MOST_ROWS = 20_000
LEAST = 150
LEAST_HOLES = 30
CLAIMED = 0.05


@dataclass(frozen=True, kw_only=True)
class Missed:
    """One thing the linear view misses.

    Attributes:
        drivers: One driver whose shape is not a line, or two that work together.
        gain: Rise of R² out of sample by it alone.
        residual: Outcome less what the linear view says, on average, at that end.
        where: "low" or "high": the end at which the linear view is furthest off.
    """

    drivers: tuple[str, ...]
    gain: Estimate
    residual: Estimate
    where: str


@dataclass(frozen=True, kw_only=True)
class Challenge:
    """Both models on rows they have not seen.

    Attributes:
        linear: R² of the linear view, out of sample.
        challenger: R² of the challenger.
        gain: The difference, with its interval.
        missed: What makes the difference, largest first; empty unless the challenger wins.
        n: Rows it was judged on.
        refused: Why nothing was compared; empty when it was.
    """

    linear: float
    challenger: float
    gain: Estimate
    missed: tuple[Missed, ...] = ()
    n: int = 0
    refused: str = ""

    @property
    def beats(self) -> bool:
        """Whether the challenger's errors are smaller beyond chance."""
        return not self.refused and self.gain.low > 0


def challenge(
    x: ArrayLike,
    y: ArrayLike,
    names: tuple[str, ...],
    *,
    clusters: ArrayLike | None = None,
    seed: int = 0,
    level: float = LEVEL,
) -> Challenge:
    """Whether shapes and pairs explain what the linear view does not.

    Args:
        x: Shape (rows, drivers); NaN are taken as the driver's mean, with an indicator of its own in both models: that
            a driver lacks is no shape of it.
        y: Shape (rows,); rows without it are left out.
        names: Names of the drivers.
        clusters: Who each row belongs to: a customer is wholly in one fold.
        seed: Seed of the folds and of the sample, where there are more than `MOST_ROWS` rows.
        level: Confidence.
    """
    rng = np.random.default_rng(seed)
    values, holes, outcome, who = _sampled(np.asarray(x, float), np.asarray(y, float), clusters, rng)
    people = int(who.max()) + 1 if len(who) else 0
    if people < LEAST or float(outcome.std()) == 0:
        why = f"only {people:,} customers; {LEAST} are needed to compare models on rows apart"
        return Challenge(linear=np.nan, challenger=np.nan, gain=refusal(why, n=len(outcome)), refused=why)
    design = _Design.of(values, holes, outcome - outcome.mean(), rng.permutation(people)[who] % FOLDS)
    straight, rich = design.errors(design.line), design.errors(np.arange(design.columns.shape[1]))
    total = float(outcome.var())
    gain = mean((straight**2 - rich**2) / total, clusters=who, level=level)
    found = Challenge(
        linear=1 - float((straight**2).mean()) / total, challenger=1 - float((rich**2).mean()) / total, gain=gain,
        n=len(outcome),
    )  # fmt: skip
    if not found.beats:
        return found
    return Challenge(**{**found.__dict__, "missed": _missed(design, straight, who, names, total)})


def _sampled(
    x: Floats, y: Floats, clusters: ArrayLike | None, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats, Whole]:
    """Rows with an outcome, at most `MOST_ROWS` of them, whole customers; holes at the mean, and where they were."""
    keep = np.flatnonzero(np.isfinite(y))
    who = np.arange(len(y)) if clusters is None else codes(np.asarray(clusters))[0]
    if len(keep) > MOST_ROWS:
        place = rng.permutation(int(who.max()) + 1)[who[keep]]
        keep = keep[np.argsort(place, kind="stable")[:MOST_ROWS]]
    values = x[keep]
    holes = ~np.isfinite(values)
    if holes.any():
        middle = np.nanmean(np.where(holes.all(axis=0), 0.0, values), axis=0)
        values = np.where(holes, middle, values)
    return values, _lacking(holes), y[keep], codes(who[keep])[0]


def _lacking(holes: NDArray[np.bool_]) -> Floats:
    """A centred indicator for each way in which drivers lack, of those in `LEAST_HOLES` rows or more."""
    found: list[NDArray[np.bool_]] = []
    for hole in holes.T:
        many = int(hole.sum())
        if LEAST_HOLES <= many <= len(hole) - LEAST_HOLES and not any(np.array_equal(hole, one) for one in found):
            found.append(hole)
    if not found:
        return np.empty((len(holes), 0))
    columns = np.column_stack(found).astype(float)
    centred: Floats = columns - columns.mean(axis=0)
    return centred


@dataclass(frozen=True)
class _Design:
    """Columns of both models: lines (drivers, what lacks), steps, products; cross products by fold."""

    columns: Floats
    outcome: Floats
    line: Whole
    steps: tuple[Whole, ...]
    pairs: dict[tuple[int, int], Whole]
    cross: Floats
    toward: Floats
    rows: tuple[Whole, ...]
    parts: tuple[Floats, ...]

    @classmethod
    def of(cls, values: Floats, holes: Floats, outcome: Floats, fold: Whole) -> _Design:
        spread = values.std(axis=0)
        z = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        blocks, steps, pairs = [z, holes], [], {}
        used = lines = z.shape[1] + holes.shape[1]
        for j in range(z.shape[1]):
            block = _steps(values[:, j])
            steps.append(np.arange(used, used + block.shape[1]))
            blocks.append(block)
            used += block.shape[1]
        for i, j in combinations(range(z.shape[1]), 2):
            product = z[:, i] * z[:, j]
            blocks.append((product - product.mean())[:, None])
            pairs[i, j] = np.array([used])
            used += 1
        columns = np.concatenate(blocks, axis=1)
        rows = tuple(np.flatnonzero(fold == f) for f in range(FOLDS))
        parts = tuple(columns[at] for at in rows)
        return cls(
            columns=columns, outcome=outcome, line=np.arange(lines), steps=tuple(steps), pairs=pairs, rows=rows,
            parts=parts, cross=np.array([c.T @ c for c in parts]),
            toward=np.array([c.T @ outcome[at] for at, c in zip(rows, parts, strict=True)]),
        )  # fmt: skip

    def errors(self, use: Whole) -> Floats:
        """Errors of the model of these columns on the fold it was not fitted to, its penalty chosen on another."""
        found = np.empty(len(self.outcome))
        ridge = (use >= len(self.line)).astype(float)
        for f in range(FOLDS):
            apart = (f + 1) % FOLDS
            penalty = (
                min(PENALTIES, key=lambda p: self._loss(use, ridge * p, {f, apart}, apart)) if ridge.any() else 0.0
            )
            beta = np.zeros(self.columns.shape[1])
            beta[use] = self._fit(use, ridge * penalty, {f})
            found[self.rows[f]] = self.outcome[self.rows[f]] - self.parts[f] @ beta
        return found

    def _loss(self, use: Whole, ridge: Floats, without: set[int], on: int) -> float:
        beta = self._fit(use, ridge, without)
        return float(beta @ self.cross[on][np.ix_(use, use)] @ beta - 2 * beta @ self.toward[on][use])

    def _fit(self, use: Whole, ridge: Floats, without: set[int]) -> Floats:
        folds = [f for f in range(FOLDS) if f not in without]
        cross = self.cross[folds].sum(axis=0)[np.ix_(use, use)] + np.diag(ridge + 1e-6)
        found: Floats = np.linalg.solve(cross, self.toward[folds].sum(axis=0)[use])
        return found


def _steps(values: Floats) -> Floats:
    """A centred column for each level of a driver, levels of many taken together."""
    levels = np.unique(values)
    if len(levels) > STEPS:
        levels = np.unique(np.quantile(values, np.linspace(0, 1, STEPS + 1)[:-1]))
    place = np.searchsorted(levels, values, side="right") - 1
    block = (place[:, None] == np.arange(len(levels))).astype(float)
    centred: Floats = block - block.mean(axis=0)
    return centred


def _missed(design: _Design, straight: Floats, who: Whole, names: tuple[str, ...], total: float) -> tuple[Missed, ...]:
    """Each shape and each pair by what it alone adds to the linear view, those beyond chance."""
    found, p = [], []
    single = [((j,), at) for j, at in enumerate(design.steps)]
    for members, at in [*single, *design.pairs.items()]:
        gain = mean((straight**2 - design.errors(np.concatenate([design.line, at])) ** 2) / total, clusters=who)
        found.append((members, gain))
        p.append(gain.p if gain.value > 0 else 1.0)
    stands = holm(p) <= CLAIMED
    kept = sorted((f for f, s in zip(found, stands, strict=True) if s), key=lambda f: -f[1].value)[:5]
    return tuple(_told(design, straight, who, names, members, gain) for members, gain in kept)


def _told(  # noqa: PLR0917 - one place calls it
    design: _Design, straight: Floats, who: Whole, names: tuple[str, ...], members: tuple[int, ...], gain: Estimate
) -> Missed:
    """Where the linear view is furthest off: where all of the drivers are low, or all are high."""
    ends = {}
    for where, sign in (("low", -1.0), ("high", 1.0)):
        at = np.ones(len(straight), dtype=np.bool_)
        for j in members:
            z = sign * design.columns[:, j]
            cut = np.quantile(z, 0.75 if len(members) == 1 else 0.67)
            beyond = z > cut
            at &= beyond if beyond.mean() >= 0.05 else z >= cut
        ends[where] = mean(straight[at], clusters=who[at])
    known = {w: e for w, e in ends.items() if not e.refused} or ends
    furthest = max(known, key=lambda w: abs(known[w].value) if not known[w].refused else -1.0)
    return Missed(drivers=tuple(names[j] for j in members), gain=gain, residual=known[furthest], where=furthest)
