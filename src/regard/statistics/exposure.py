"""How often something happens per time at risk, by how high a number stands: Poisson regression with exposure.

Reference: McCullagh & Nelder (1989), Generalized Linear Models, ch. 6; errors by the sandwich over clusters (Zeger &
Liang 1986, Biometrika 73, 13-22) with the small-sample factor G/(G - 1). Newton's method, whose convergence is checked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import Estimate, around, codes, refusal
from regard.wording import count

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

LEAST = 10


@dataclass(frozen=True, kw_only=True)
class RateModel:
    """A rate as exp(level + slope · (x - centre)).

    Attributes:
        level: Log rate at the centre, per unit of exposure.
        slope: Change of the log rate per unit of x, with its interval.
        centre: Mean of x, by exposure.
        covariance: Of level and slope, shape (2, 2).
        events: How many events it rests on.
        refused: Why there is none; empty when there is one.
    """

    level: float
    slope: Estimate
    centre: float
    covariance: Floats
    events: int
    refused: str = ""

    def draws(self, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Level and slope in n draws of their normal approximation."""
        root = np.linalg.cholesky(self.covariance + 1e-12 * np.eye(2))
        found = np.array([self.level, self.slope.value]) + rng.standard_normal((n, 2)) @ root.T
        return found[:, 0], found[:, 1]


def rate_by(events: ArrayLike, exposure: ArrayLike, x: ArrayLike, clusters: ArrayLike) -> RateModel:
    """Fit the rate of events by x.

    Assumes a rate that is constant within each row's exposure and log-linear in x. Thin evidence: fewer than 10 events,
    refused; so is an x that does not vary, or a fit that does not converge.

    Args:
        events: 0 or 1 (or more) per row.
        exposure: Time at risk per row, above zero.
        x: What the rate is held against.
        clusters: Rows of one cluster depend on each other.
    """
    y, t, z = (np.asarray(v, np.float64) for v in (events, exposure, x))
    keep = np.isfinite(z) & (t > 0)
    y, t, z = y[keep], t[keep], z[keep]
    who, _ = codes(np.asarray(clusters)[keep])
    total = int(y.sum())
    if total < LEAST:
        return _none(total, f"only {count(total, 'event')} to learn from; at least {LEAST} are needed")
    if np.ptp(z) == 0:
        return _none(total, "what it is held against never varies")
    centre = float(z @ t / t.sum())
    design = np.column_stack([np.ones_like(z), z - centre])
    beta = np.array([math.log(total / t.sum()), 0.0])
    for _ in range(50):
        mean = t * np.exp(np.clip(design @ beta, -50, 50))
        bread = design.T @ (design * mean[:, None])
        step = np.linalg.solve(bread, design.T @ (y - mean))
        beta = beta + step
        if float(np.abs(step).max()) < 1e-10:
            break
    else:
        return _none(total, "the fit did not converge")
    mean = t * np.exp(design @ beta)
    pulls = np.column_stack([np.bincount(who, (y - mean) * design[:, j]) for j in range(2)])
    groups = len(pulls)
    inverse = np.linalg.inv(design.T @ (design * mean[:, None]))
    covariance = inverse @ (pulls.T @ pulls) @ inverse * groups / max(groups - 1, 1)
    slope = around(
        float(beta[1]), math.sqrt(covariance[1, 1]), n=len(y), freedom=max(groups - 2, 1),
        method="Poisson regression, errors by cluster",
    )  # fmt: skip
    return RateModel(level=float(beta[0]), slope=slope, centre=centre, covariance=covariance, events=total)


def reliability(first: ArrayLike, second: ArrayLike, *, mean: float, variance: float, least: int = 30) -> Estimate:
    """How much of a number's variance is what it stands for: the correlation of two measurements of the same thing.

    A slope on a noisy number divided by this is the slope on what it stands for (regression calibration: Rosner,
    Willett & Spiegelman 1989, Statistics in Medicine 8, 1051-1069). Assumes errors apart from each other and a thing
    that has not changed in between. Thin evidence: fewer than `least` pairs, refused.

    Args:
        first: The first of each pair.
        second: The second.
        mean: Of all measurements.
        variance: Of all measurements.
        least: The fewest pairs.
    """
    x, y = np.asarray(first, np.float64) - mean, np.asarray(second, np.float64) - mean
    n = len(x)
    if n < least or variance <= 0:
        return refusal(f"only {count(n, 'pair')} of measurements; at least {least} are needed", n=n)
    products = x * y / variance
    value, error = float(products.mean()), float(products.std(ddof=1)) / math.sqrt(n)
    return around(value, error, n=n, method="correlation of repeated measurements", within=(-1.0, 1.0))


def _none(events: int, why: str) -> RateModel:
    return RateModel(
        level=math.nan, slope=refusal(why, n=events), centre=math.nan, covariance=np.full((2, 2), math.nan),
        events=events, refused=why,
    )  # fmt: skip
