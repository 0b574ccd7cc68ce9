"""Many comparisons at once: p-values that account for how many were made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from regard.statistics.estimates import Floats


def benjamini_hochberg(p: ArrayLike) -> Floats:
    """Adjusted p-values (q) that hold the false discovery rate.

    Reference: Benjamini and Hochberg (1995), JRSS B 57, 289-300; valid for independent or positively dependent tests.
    NaN are comparisons that were not made: they stay NaN and do not count.
    """
    return _stepped(p, lambda ranked: np.minimum.accumulate((ranked * len(ranked) / _ranks(ranked))[::-1])[::-1])


def holm(p: ArrayLike) -> Floats:
    """Adjusted p-values that hold the chance of even one false claim, under any dependence.

    Reference: Holm (1979), Scandinavian Journal of Statistics 6, 65-70. NaN stay NaN and do not count.
    """
    return _stepped(p, lambda ranked: np.maximum.accumulate(ranked * (len(ranked) + 1 - _ranks(ranked))))


def _ranks(ranked: Floats) -> Floats:
    return np.arange(1, len(ranked) + 1, dtype=float)


def _stepped(p: ArrayLike, adjust: object) -> Floats:
    given = np.asarray(p, float)
    found = np.full(given.shape, np.nan)
    at = np.flatnonzero(np.isfinite(given))
    order = at[np.argsort(given.flat[at], kind="stable")]
    if len(order):
        found.flat[order] = np.minimum(adjust(given.flat[order]), 1.0)  # type: ignore[operator]
    return found
