"""Whether told chances come true: reliability by group, Brier's score and what it gains on a plain rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, quantile
from regard.statistics.proportions import wilson

GROUPS = 10


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """Told chances against what came.

    Attributes:
        group: Group of each row by its told chance, 0 the least: shape (n,).
        told: Mean chance told in each group.
        came: Share that came, with its interval.
        rows: Rows of each group.
        brier: Mean squared error of the chances.
        plain: That of the plain rates they are compared with.
        expected: How many were expected in all.
        happened: How many came.
        z: How far what came lies from what was expected, in standard errors of chance alone.
    """

    group: Whole
    told: Floats
    came: tuple[Estimate, ...]
    rows: Whole
    brier: float
    plain: float
    expected: float
    happened: int
    z: float

    @property
    def gain(self) -> float:
        """Share of the plain rates' squared error that the chances save; below nothing they are worse."""
        return 1 - self.brier / self.plain if self.plain > 0 else 0.0


def reliability(
    chance: Floats, came: Floats, plain: Floats, *, groups: int = GROUPS, level: float = LEVEL
) -> Reliability:
    """Reliability of chances told beforehand.

    References: Brier (1950), Monthly Weather Review 78, 1-3; Spiegelhalter (1986), Statistics in Medicine 5, 421-433,
    for the test of the whole. Each group's interval is Wilson's.

    Args:
        chance: Told for each row, shape (n,).
        came: Whether it came, 0 or 1.
        plain: The chance each row would be told without the model.
        groups: Groups of about as many rows, by told chance; equal chances stay together.
        level: Confidence.
    """
    order = np.sort(chance)
    cuts = np.unique(order[(np.arange(1, groups) * len(order)) // groups]) if len(order) else order
    group = np.searchsorted(cuts, chance, side="right").astype(np.int64)
    _, group = np.unique(group, return_inverse=True)
    group = group.reshape(-1).astype(np.int64)
    size = np.bincount(group)
    told = np.bincount(group, chance) / size
    happened = np.bincount(group, came)
    spread = float(np.sqrt((chance * (1 - chance)).sum()))
    z = float((came - chance).sum()) / spread if spread > 0 else 0.0
    return Reliability(
        group=group, told=told,
        came=tuple(wilson(float(k), float(n), level=level) for k, n in zip(happened, size, strict=True)),
        rows=size, brier=float(np.mean((chance - came) ** 2)), plain=float(np.mean((plain - came) ** 2)),
        expected=float(chance.sum()), happened=int(came.sum()), z=z,
    )  # fmt: skip


def total_of(
    chance: Floats, weight: Floats, slopes: Floats, covariance: Floats, *, level: float = LEVEL
) -> tuple[float, float, float]:
    """A sum over rows that each come by chance: the expectation, and the range that holds what happens.

    The range holds the luck of each row and what is not known of the model, which moves all rows together.

    Args:
        chance: Of each row, shape (n,).
        weight: What each brings when it comes.
        slopes: Of each chance in the model's parameters, shape (n, k).
        covariance: Of the parameters, shape (k, k).
        level: Confidence.
    """
    value = float(chance @ weight)
    pull = weight @ slopes
    spread = float(np.sqrt((weight**2 * chance * (1 - chance)).sum() + max(float(pull @ covariance @ pull), 0.0)))
    half = quantile(level) * spread
    return value, max(value - half, 0.0), min(value + half, float(weight.sum()))
