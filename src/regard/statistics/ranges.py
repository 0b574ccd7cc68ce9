"""Ranges three people could name (low, likely, high) as draws: values, costs and chances, never single points.

A range says: one in ten it is below `low`, one in two below `likely`, one in ten above `high`. Positive quantities
follow the semi-bounded distribution that has exactly these quantiles (J-QPD-S of Hadlock & Bickel 2017, Decision
Analysis 14, 35-51), which is the lognormal where the three are spaced evenly by ratio; those that may be negative
follow a shifted lognormal through the three. `pert` reads the ends as the least and the most possible (Malcolm et
al. 1959). A chance is a beta. The best looking of several noisy estimates was partly lucky (the optimizer's curse of
Smith & Winkler 2006, Management Science 52, 311-322): `shrunk` draws estimates to what they have in common, as far as
their own ranges leave room for it. Draws of several quantities may go together through a one-factor normal copula.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

TAIL = 0.1
"""Chance that a quantity is below `low`, and that it is above `high`."""
EDGE = float(special.ndtri(1 - TAIL))
"""The same in standard deviations of a normal."""
Form = Literal["positive", "any", "pert", "sure"]


@dataclass(frozen=True, kw_only=True)
class Range:
    """One uncertain quantity.

    Attributes:
        low: Its 10 % quantile, or its least possible value (`pert`).
        likely: Its median, or its mode (`pert`).
        high: Its 90 % quantile, or its greatest possible value (`pert`).
        form: How it is distributed: positive, any, pert, or sure (one value).
    """

    low: float
    likely: float
    high: float
    form: Form

    def at(self, p: ArrayLike) -> Floats:
        """Quantiles.

        Args:
            p: Probabilities, any shape.
        """
        place = np.asarray(p, np.float64)
        if self.form == "sure":
            return np.full(place.shape, self.likely)
        if self.form == "pert":
            a, b = _pert(self.low, self.likely, self.high)
            return np.asarray(self.low + (self.high - self.low) * special.betaincinv(a, b, place), np.float64)
        z = special.ndtri(place)
        return _semibounded(self, z) if self.form == "positive" else _through(self, z)


def ranged(low: float, likely: float, high: float, *, form: Literal["", "positive", "any", "pert"] = "") -> Range:
    """A range from its three points; the form is guessed from them when left out.

    Raises:
        ValueError: They are not finite, not in order, or not above zero where they must be.
    """
    if not all(math.isfinite(v) for v in (low, likely, high)):
        raise ValueError("low, likely and high must be numbers")
    if not low <= likely <= high:
        raise ValueError("low, likely and high must be in that order")
    if low == high:
        return Range(low=low, likely=likely, high=high, form="sure")
    chosen: Form = form or ("positive" if low > 0 else "any")
    if chosen == "positive" and low <= 0:
        raise ValueError("low must be above zero")
    if chosen != "pert" and not low < likely < high:
        # Two of the three alike leave no room for a spread on that side: the ends are then taken as what is possible.
        chosen = "pert"
    return Range(low=low, likely=likely, high=high, form=chosen)


def normal(mean: float, error: float) -> Range:
    """The range of an estimate with a standard error, as a statistic gives it."""
    reach = EDGE * error
    return ranged(mean - reach, mean, mean + reach, form="any")


def _pert(low: float, likely: float, high: float) -> tuple[float, float]:
    width = high - low
    return 1 + 4 * (likely - low) / width, 1 + 4 * (high - likely) / width


def _semibounded(r: Range, z: Floats) -> Floats:
    """Quantiles of J-QPD-S bounded below by zero."""
    c = EDGE
    low, middle, high = math.log(r.low), math.log(r.likely), math.log(r.high)
    side = float(np.sign(low + high - 2 * middle))
    reach = min(high - middle, middle - low)
    if abs(low + high - 2 * middle) < 1e-9 * (high - low):
        return np.asarray(r.likely * np.exp((high - low) / (2 * c) * z), np.float64)
    delta = math.sinh(math.acosh((high - low) / (2 * reach))) / c
    scale = reach / (delta * c)
    start = r.low if side > 0 else r.high
    turned = np.sinh(np.arcsinh(delta * z) + side * math.asinh(delta * c))
    return np.asarray(start * np.exp(scale * turned), np.float64)


def _through(r: Range, z: Floats) -> Floats:
    """Quantiles of the shifted lognormal (either way round), or the normal, through the three points."""
    c = EDGE
    up, down = r.high - r.likely, r.likely - r.low
    s = math.log(up / down) / c
    if abs(s) < 1e-9:
        return np.asarray(r.likely + up / c * z, np.float64)
    return np.asarray(r.likely + up * np.expm1(s * z) / math.expm1(s * c), np.float64)


def spread(r: Range) -> float:
    """Standard deviation a range implies on its own scale, from the distance of its ends (log for positive ones)."""
    if r.form == "sure":
        return 0.0
    c = EDGE
    if r.form == "positive":
        return (math.log(r.high) - math.log(r.low)) / (2 * c)
    if r.form == "pert":
        low, high = (float(v) for v in r.at(np.array([TAIL, 1 - TAIL])))
        return (high - low) / (2 * c)
    return (r.high - r.low) / (2 * c)


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """Draws of ranges after shrinkage.

    Attributes:
        values: The draws, shape (draws, ranges).
        weights: How much of its own distance from the mean each keeps on average; 1 is all.
        mean: The common mean on the scale shrunk on.
        between: Standard deviation of the true values around it: its median.
        log: Whether that scale is the logarithm.
        why_not: Why nothing was shrunk; empty when something was.
    """

    values: Floats
    weights: tuple[float, ...]
    mean: float
    between: float
    log: bool
    why_not: str = ""


def at_each(ranges: tuple[Range, ...], p: Floats) -> Floats:
    """Quantiles of several quantities: column i of `p` is for range i; shape (draws, ranges)."""
    found = np.empty((len(ranges), len(p)))
    for i, (r, place) in enumerate(zip(ranges, np.ascontiguousarray(p.T), strict=True)):
        found[i] = r.at(place)
    return np.ascontiguousarray(found.T)


def plain(ranges: tuple[Range, ...], p: Floats, *, why_not: str) -> Shrunk:
    """Draws without shrinkage.

    Args:
        ranges: The ranges.
        p: Probabilities, shape (draws, ranges).
        why_not: Why they are not shrunk.
    """
    values = at_each(ranges, p)
    return Shrunk(
        values=values, weights=(1.0,) * len(ranges), mean=math.nan, between=math.nan, log=False, why_not=why_not
    )  # fmt: skip


def shrunk(ranges: tuple[Range, ...], p: Floats, *, rng: np.random.Generator, least: int = 4) -> Shrunk:
    """Draw estimates to their common mean, as far as their errors leave room: the cure of the optimizer's curse.

    Reference: the normal hierarchical model with flat priors on the mean and on the standard deviation between (Gelman
    et al. 2013, Bayesian Data Analysis, 5.4): not knowing the two is in the draws, and makes them go together. On the
    logarithm where all are positive. Assumes that ranges are honest errors of estimates of quantities that have
    something in common. Thin evidence: fewer than `least` uncertain ranges, nothing is shrunk and it is said.

    Args:
        ranges: The ranges.
        p: Probabilities to draw them with, shape (draws, ranges).
        rng: The source of chance for what they have in common.
        least: The fewest to learn from.
    """
    free = [i for i, r in enumerate(ranges) if r.form != "sure"]
    if len(free) < least:
        why = f"{len(free)} uncertain estimates are too few to learn from each other; {least} are needed"
        return plain(ranges, p, why_not=why)
    log = all(ranges[i].form == "positive" for i in free)
    if not log:
        ranges = tuple(replace(r, form="any") if r.form == "positive" else r for r in ranges)
    middle = np.array([math.log(ranges[i].likely) if log else ranges[i].likely for i in free])
    error = np.array([spread(ranges[i]) for i in free])
    mean, between = _common(middle, error, len(p), rng)
    weight = between[:, None] ** 2 / (between[:, None] ** 2 + error**2)
    values = plain(ranges, p, why_not="").values
    own = np.log(values[:, free]) if log else values[:, free]
    drawn_in = mean[:, None] * (1 - weight) + weight * middle + np.sqrt(weight) * (own - middle)
    values[:, free] = np.exp(drawn_in) if log else drawn_in
    weights = np.ones(len(ranges))
    weights[free] = weight.mean(axis=0)
    return Shrunk(
        values=values, weights=tuple(float(w) for w in weights), mean=float(mean.mean()),
        between=float(np.median(between)), log=log,
    )  # fmt: skip


def _common(middle: Floats, error: Floats, n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Draws of the common mean and of the standard deviation between, from their posterior on a grid."""
    far = 4 * float(np.std(middle, ddof=1)) + float(error.max())
    grid = np.linspace(0, far, 400)
    w = 1 / (error**2 + grid[:, None] ** 2)
    total = w.sum(axis=1)
    centre = (w @ middle) / total
    away = (w * (middle - centre[:, None]) ** 2).sum(axis=1)
    likely = 0.5 * np.log(w).sum(axis=1) - 0.5 * np.log(total) - 0.5 * away
    mass = np.exp(likely - likely.max())
    at = np.searchsorted(np.cumsum(mass) / mass.sum(), rng.random(n), side="right").clip(0, len(grid) - 1)
    between = np.maximum(grid[at] + (rng.random(n) - 0.5) * grid[1], 0.0)
    return centre[at] + rng.standard_normal(n) / np.sqrt(total[at]), between


def chance(low: float, likely: float, high: float) -> tuple[float, float]:
    """A beta whose mean is `likely` and whose middle 80 % is as wide as from `low` to `high`.

    Returns:
        Its two parameters; (0, 0) for a sure thing: take `likely` itself.

    Raises:
        ValueError: They are not in order or not between 0 and 1.
    """
    if not 0 <= low <= likely <= high <= 1:
        raise ValueError("a chance lies between 0 and 1, low before likely before high")
    a, b = chances([low], [likely], [high])
    return float(a[0]), float(b[0])


def chances(low: ArrayLike, likely: ArrayLike, high: ArrayLike) -> tuple[Floats, Floats]:
    """As `chance`, for many at once: arrays of one length, already known to be in order."""
    # People name round chances: of thousands of options, few differ.
    pairs = np.column_stack([likely, np.asarray(high, np.float64) - np.asarray(low, np.float64)]).astype(np.float64)
    few, back = np.unique(np.round(pairs, 12), axis=0, return_inverse=True)
    a, b = _betas(few[:, 0], few[:, 1])
    return a[back.ravel()], b[back.ravel()]


def _betas(mean: Floats, wide: Floats) -> tuple[Floats, Floats]:
    sure = (wide <= 0) | (mean <= 0) | (mean >= 1)
    safe = np.where(sure, 0.5, mean)
    least, most = np.full(len(mean), math.log(2.0)), np.full(len(mean), math.log(1e6))
    for _ in range(26):
        size = np.exp((least + most) / 2)
        a, b = safe * size, (1 - safe) * size
        too_wide = special.betaincinv(a, b, 1 - TAIL) - special.betaincinv(a, b, TAIL) > wide
        least, most = np.where(too_wide, np.log(size), least), np.where(too_wide, most, np.log(size))
    return np.where(sure, 0.0, a), np.where(sure, 0.0, b)


def record(won: float, tried: float) -> tuple[float, float]:
    """The beta of a chance of which only past tries are known (Jeffreys' prior).

    Raises:
        ValueError: More won than tried, or less than nothing.
    """
    if not 0 <= won <= tried:
        raise ValueError("what worked lies between nothing and all that was tried")
    return won + 0.5, tried - won + 0.5


def record_of(text: str) -> tuple[float, float]:
    """As `record`, from words: WORKED/TRIED, or WORKED of TRIED.

    Raises:
        ValueError: It is no such record.
    """
    found = re.fullmatch(r"\s*(\d+)\s*(?:/|of)\s*(\d+)\s*", text)
    if not found:
        raise ValueError("write WORKED/TRIED, such as 12/20")
    return record(int(found[1]), int(found[2]))


def uniforms(n: int, k: int, *, together: float, rng: np.random.Generator) -> Floats:
    """Probabilities to draw k quantities with, shape (n, k): pairs of them correlate by `together` as normals.

    Halves mirror each other (antithetic draws), so that means of symmetric quantities come out exactly.

    Args:
        n: Draws; made even.
        k: Quantities.
        together: Correlation of any two, from 0 to under 1.
        rng: The source of chance.
    """
    half = (n + 1) // 2
    common = rng.standard_normal((half, 1))
    own = rng.standard_normal((half, k))
    z = math.sqrt(together) * common + math.sqrt(1 - together) * own
    return np.asarray(special.ndtr(np.concatenate([z, -z])), np.float64)
