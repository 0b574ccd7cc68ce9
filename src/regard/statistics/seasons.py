"""A yearly season told from years that look alike, and taken out without taking a change with it.

The level beside a point is the mean of the whole year around it (of the first or last whole year at the ends), in
which any season that repeats adds up to nothing; what a place in the year usually has beyond its level is the median of
its years, so that one odd point or a step in one year is not learnt as a season. Adding any repeating season to a
series changes what is found by exactly that season, and what is left by nothing: so processes drawn without one,
treated alike, say what noise alone would show. Reference: the classical decomposition (Macaulay 1931; Cleveland and
Tiao 1976, JASA 71, 581-587), with medians over years.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

YEARS = 3
"""Whole years below which a season cannot be told from a change."""


def season_of(made: ArrayLike, period: int) -> Floats:
    """The repeating part of each series, one value per point, adding up to nothing over a year.

    Args:
        made: (k, n) series in order of time, all points finite.
        period: Points in a year.

    Returns:
        (k, n) array.

    Raises:
        ValueError: Fewer than three whole years of points.
    """
    y = np.asarray(made, np.float64)
    n = y.shape[1]
    if n < YEARS * period:
        raise ValueError(f"{n} points are fewer than {YEARS} years of {period}")
    away = y - _level(y, period)
    padded = np.full((len(y), -(-n // period) * period), np.nan)
    padded[:, :n] = away
    usual = np.nanmedian(padded.reshape(len(y), -1, period), axis=1)
    usual -= usual.mean(axis=1, keepdims=True)
    return np.tile(usual, (1, padded.shape[1] // period))[:, :n]


def strength(made: Floats, season: Floats) -> Floats:
    """How large the season of each series is beside its movement from point to point once it is taken out."""
    left = np.asarray(made, np.float64) - season
    move = np.abs(np.diff(left, axis=1)).mean(axis=1)
    return np.asarray(season.std(axis=1) / np.maximum(move, 1e-300), np.float64)


def _level(y: Floats, period: int) -> Floats:
    """The mean of the whole year that is nearest around each point."""
    n = y.shape[1]
    sums = np.cumsum(np.pad(y, ((0, 0), (1, 0))), axis=1)
    years = (sums[:, period:] - sums[:, :-period]) / period
    first = np.clip(np.arange(n) - period // 2, 0, n - period)
    return np.asarray(years[:, first], np.float64)
