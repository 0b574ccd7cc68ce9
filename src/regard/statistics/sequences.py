"""Intervals that hold however often one looks: confidence sequences for a mean and for the difference of two.

Reference: Robbins (1970), Annals of Mathematical Statistics 41, 1397-1409, for the normal mixture boundary; Johari,
Koomen, Pekelis and Walsh (2022), Operations Research 70, 1806-1821, for its use on experiments (mSPRT); Waudby-Smith,
Arbour, Sinha, Kennedy and Ramdas (2024), Annals of Statistics 52, 2613-2640, for estimated variances of any
distribution (asymptotic confidence sequences).

The interval is valid at all looks at once: the chance that it ever leaves the truth out is at most one less the
level, so an experiment may be watched and ended at any time. The price is width: about 1.5 times that of one look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, quantile, refusal, size_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

EXPECTED = 0.1
FEWEST = 30


@dataclass(frozen=True, kw_only=True)
class Look:
    """What one look at a running experiment shows.

    Attributes:
        n: Observations until then, both arms.
        value: The difference.
        low: Lower end of the interval that holds at all looks.
        high: Upper end.
        once_low: Lower end of the interval for a single look, which does not.
        once_high: Its upper end.
    """

    n: int
    value: float
    low: float
    high: float
    once_low: float
    once_high: float

    @property
    def clear(self) -> bool:
        """Whether the anytime interval leaves zero out."""
        return self.low > 0 or self.high < 0

    @property
    def clear_once(self) -> bool:
        """Whether the single-look interval leaves zero out."""
        return self.once_low > 0 or self.once_high < 0


def reach(variance: float, expected: float, level: float = LEVEL) -> float:
    """Half-width that holds at every look: of an estimate with this variance so far.

    Args:
        variance: Squared standard error of the estimate at this look.
        expected: Effect the boundary is tuned to (the standard deviation of the mixture), in the units of the estimate;
            must not depend on the estimate. A wrong one costs width, never validity.
        level: Confidence over all looks together.
    """
    if not (variance > 0 and expected > 0):
        return 0.0 if variance == 0 else math.inf
    mixed = expected**2
    return math.sqrt(variance * (variance + mixed) / mixed * (math.log1p(mixed / variance) - 2 * math.log(1 - level)))


def always_valid_p(value: float, variance: float, expected: float) -> float:
    """p-value that may be read at any look: the inverse of the mixture likelihood ratio, at most 1."""
    if not (variance > 0 and expected > 0):
        return math.nan
    mixed = expected**2
    shift = value**2 * mixed / (2 * variance * (variance + mixed))
    return min(1.0, math.exp(min(0.0, 0.5 * math.log1p(mixed / variance) - shift)))


def tuned(spread: float, planned: float | None = None, level: float = LEVEL) -> float:
    """Effect to tune the boundary to: a tenth of the outcome's standard deviation, or what is best at a planned size.

    Reference: Waudby-Smith and others (2024), section 2.3, for the best mixture at a given sample size.

    Args:
        spread: Standard deviation of the outcome.
        planned: Observations of both arms together at which the interval is to be narrowest.
        level: Confidence.
    """
    if planned is None or planned <= 0:
        return EXPECTED * spread
    tail = -2 * math.log(1 - level)
    return spread * math.sqrt(4 * (tail + math.log1p(tail)) / planned)


def anytime(found: Estimate, expected: float) -> Estimate:
    """The same estimate with the interval that holds at every look; p is the always-valid one.

    Assumes that the estimate is near normal from the first look on: fewer than 30 observations are refused.
    """
    method = "asymptotic confidence sequence (normal mixture)"
    if found.refused:
        return refusal(found.refused, n=found.n, method=method, level=found.level)
    if found.n < FEWEST:
        why = f"only {found.n} observations; looking early needs at least {FEWEST}"
        return refusal(why, n=found.n, method=method, level=found.level)
    half = reach(found.error**2, expected, found.level)
    return Estimate(
        value=found.value, low=found.value - half, high=found.value + half, error=found.error, centre=found.value,
        n=found.n, effective=found.effective, level=found.level, method=method,
        p=always_valid_p(found.value, found.error**2, expected),
    )  # fmt: skip


def looks(
    values: ArrayLike,
    treated: ArrayLike,
    *,
    count: int = 20,
    expected: float | None = None,
    planned: float | None = None,
    level: float = LEVEL,
) -> tuple[Look, ...]:
    """What each of several evenly spaced looks at a running experiment would have shown.

    Assumes independent rows in the order they came in. Looks with fewer than 15 rows in an arm are left out.

    Args:
        values: The outcome, in order of arrival.
        treated: Whether each row is of the arm in question (else of the control).
        count: How many looks.
        expected: Effect the boundary is tuned to; None takes a tenth of the standard deviation, or the best at
            `planned`.
        planned: Rows planned, if known before.
        level: Confidence.
    """
    y, d = np.asarray(values, float), np.asarray(treated, bool)
    keep = np.isfinite(y)
    size = size_of(y[keep])
    y, d = y[keep] / size, d[keep]
    ends = np.unique(np.linspace(0, len(y), count + 1).round().astype(int)[1:])
    sizes, means, variances = _running(y, d, ends)
    once = quantile(level)
    found = []
    for i in np.flatnonzero((sizes >= 15).all(axis=0)):
        n1, n0 = sizes[:, i]
        variance = float(variances[0, i] / n1 + variances[1, i] / n0)
        spread = math.sqrt(float(variances[:, i] @ sizes[:, i]) / float(n1 + n0))
        half = reach(variance, tuned(spread, planned, level) if expected is None else expected / size, level)
        value, narrow = size * float(means[0, i] - means[1, i]), size * once * math.sqrt(variance)
        half *= size
        found.append(
            Look(
                n=int(n1 + n0),
                value=value,
                low=value - half,
                high=value + half,
                once_low=value - narrow,
                once_high=value + narrow,
            )
        )
    return tuple(found)


def _running(y: Floats, d: Floats, ends: Whole) -> tuple[Floats, Floats, Floats]:
    """Sizes, means and variances of both arms (treated first) at each end: shape (2, ends)."""
    middle = float(y.mean()) if len(y) else 0.0
    sizes, means, variances = [], [], []
    for arm in (d, np.logical_not(d)):
        n = np.cumsum(arm)[ends - 1].astype(float)
        away = np.where(arm, y - middle, 0.0)
        total, squares = np.cumsum(away)[ends - 1], np.cumsum(away**2)[ends - 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = total / n
            variances.append(np.maximum(squares - n * mean**2, 0) / (n - 1))
        sizes.append(n)
        means.append(mean + middle)
    return np.array(sizes), np.array(means), np.array(variances)
