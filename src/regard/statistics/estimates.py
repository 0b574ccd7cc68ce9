"""One estimated number: its interval, what it rests on, how it was made, or why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from regard.wording import count

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
LEVEL = 0.95
LEAST = 5


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """An estimate with its interval.

    Attributes:
        value: The estimate; NaN when refused.
        low: Lower end of the interval.
        high: Upper end.
        error: Standard error the interval is made from.
        centre: Middle the interval is made around (an adjusted estimate), for differences of estimates.
        n: Observations.
        effective: Observations a simple random sample would need for the same precision.
        freedom: Degrees of freedom of the interval; infinite for the normal.
        level: Confidence.
        method: The method in a few words.
        p: Two-sided p-value against zero, where the method tests; NaN otherwise.
        refused: Why there is no number; empty when there is one.
    """

    value: float
    low: float
    high: float
    error: float
    centre: float
    n: int
    effective: float
    freedom: float = math.inf
    level: float = LEVEL
    method: str = ""
    p: float = math.nan
    refused: str = ""

    @property
    def clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return not self.refused and (self.low > 0 or self.high < 0)

    def times(self, factor: float) -> Estimate:
        """The same estimate in another unit, such as points of a hundred; the factor must be positive."""
        return replace(
            self,
            value=self.value * factor,
            low=self.low * factor,
            high=self.high * factor,
            error=self.error * factor,
            centre=self.centre * factor,
        )


def refusal(why: str, *, n: int, method: str = "", level: float = LEVEL) -> Estimate:
    """An estimate without a number."""
    none = math.nan
    return Estimate(
        value=none,
        low=none,
        high=none,
        error=none,
        centre=none,
        n=n,
        effective=none,
        level=level,
        method=method,
        refused=why,
    )


def too_few(n: int, least: int, *, of: str = "answer", method: str = "", level: float = LEVEL) -> Estimate:
    """The refusal of the minimum-n rule, in words."""
    return refusal(f"only {count(n, of)}; at least {least} are needed", n=n, method=method, level=level)


def quantile(level: float, freedom: float = math.inf) -> float:
    """Two-sided quantile of the t distribution, or of the normal for infinite freedom."""
    upper = 0.5 + level / 2
    return float(special.ndtri(upper) if math.isinf(freedom) else special.stdtrit(freedom, upper))


def two_sided(ratio: float, freedom: float = math.inf) -> float:
    """Two-sided p-value of an estimate divided by its standard error."""
    if not math.isfinite(ratio):
        return math.nan if math.isnan(ratio) else 0.0
    tail = special.ndtr(-abs(ratio)) if math.isinf(freedom) else special.stdtr(freedom, -abs(ratio))
    return float(2 * tail)


def around(
    value: float,
    error: float,
    *,
    n: int,
    method: str,
    centre: float | None = None,
    effective: float | None = None,
    freedom: float = math.inf,
    level: float = LEVEL,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """A symmetric interval around a centre, cut at the ends of what is possible, with its test against zero."""
    middle = value if centre is None else centre
    half = quantile(level, freedom) * error
    return Estimate(
        value=value,
        low=max(within[0], min(middle - half, value)),
        high=min(within[1], max(middle + half, value)),
        error=error,
        centre=middle,
        n=n,
        effective=float(n) if effective is None else effective,
        freedom=freedom,
        level=level,
        method=method,
        p=two_sided(middle / error if error > 0 else (math.inf if middle else math.nan), freedom),
    )


def size_of(values: Floats) -> float:
    """The largest absolute value, to divide by before squares are taken, so that giants and dwarfs stay in range."""
    largest = float(np.abs(values).max(initial=0.0))
    return largest if largest > 0 and math.isfinite(largest) else 1.0


def codes(labels: object) -> tuple[Whole, NDArray[np.generic]]:
    """Labels of any kind as numbers from 0, with the labels in sorted order."""
    names, numbered = np.unique(np.asarray(labels), return_inverse=True)
    return numbered.astype(np.int64).reshape(-1), names
