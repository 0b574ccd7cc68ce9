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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

TAIL = 0.1
"""Chance that a quantity is below `low`, and that it is above `high`."""
Form = Literal["positive", "any", "pert", "sure"]


@dataclass(frozen=True, kw_only=True)
class Range:
    """One uncertain quantity.

    Attributes:
        low: Its 10 % quantile, or its least possible value (`pert`).
        likely: Its median, or its mode (`pert`).
        high: Its 90 % quantile, or its greatest possible value (`pert`).
        form: How it is distributed: positive, any, pert, or sure (one value).
        moved: Location and scale that shrinkage gave it on its own scale (log for positive ones): mean and weight.
    """

    low: float
    likely: float
    high: float
    form: Form
    moved: tuple[float, float] | None = None

    def at(self, p: ArrayLike) -> Floats:
        """Quantiles.

        Args:
            p: Probabilities, any shape.
        """
        place = np.asarray(p, np.float64)
        plain = self.plain(place)
        if self.moved is None or self.form == "sure":
            return plain
        mean, weight = self.moved
        if self.form == "positive":
            return np.asarray(np.exp(_pulled(np.log(plain), math.log(self.likely), mean, weight)), np.float64)
        return _pulled(plain, self.likely, mean, weight)

    def plain(self, p: Floats) -> Floats:
        """Quantiles before shrinkage."""
        if self.form == "sure":
            return np.full(p.shape, self.likely)
        if self.form == "pert":
            a, b = _pert(self.low, self.likely, self.high)
            return np.asarray(self.low + (self.high - self.low) * special.betaincinv(a, b, p), np.float64)
        z = special.ndtri(p)
        return _semibounded(self, z) if self.form == "positive" else _through(self, z)


def _pulled(x: Floats, middle: float, mean: float, weight: float) -> Floats:
    """A posterior of the same shape: its middle drawn to the mean, its spread narrowed by the root of the weight."""
    return np.asarray(mean + weight * (middle - mean) + math.sqrt(weight) * (x - middle), np.float64)


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
    reach = float(special.ndtri(1 - TAIL)) * error
    return ranged(mean - reach, mean, mean + reach, form="any")


def _pert(low: float, likely: float, high: float) -> tuple[float, float]:
    width = high - low
    return 1 + 4 * (likely - low) / width, 1 + 4 * (high - likely) / width


def _semibounded(r: Range, z: Floats) -> Floats:
    """Quantiles of J-QPD-S bounded below by zero."""
    c = float(special.ndtri(1 - TAIL))
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
    c = float(special.ndtri(1 - TAIL))
    up, down = r.high - r.likely, r.likely - r.low
    s = math.log(up / down) / c
    if abs(s) < 1e-9:
        return np.asarray(r.likely + up / c * z, np.float64)
    return np.asarray(r.likely + up * np.expm1(s * z) / math.expm1(s * c), np.float64)


def spread(r: Range) -> float:
    """Standard deviation a range implies on its own scale, from the distance of its ends (log for positive ones)."""
    if r.form == "sure":
        return 0.0
    c = float(special.ndtri(1 - TAIL))
    if r.form == "positive":
        return (math.log(r.high) - math.log(r.low)) / (2 * c)
    if r.form == "pert":
        low, high = (float(v) for v in r.plain(np.array([TAIL, 1 - TAIL])))
        return (high - low) / (2 * c)
    return (r.high - r.low) / (2 * c)


@dataclass(frozen=True, kw_only=True)
class Shrunk:
    """Ranges after shrinkage.

    Attributes:
        ranges: One for one with those given.
        weights: How much of its own distance from the mean each keeps; 1 is all.
        mean: The common mean on the scale shrunk on.
        between: Standard deviation of the true values around it.
        log: Whether that scale is the logarithm.
        why_not: Why nothing was shrunk; empty when something was.
    """

    ranges: tuple[Range, ...]
    weights: tuple[float, ...]
    mean: float
    between: float
    log: bool
    why_not: str = ""


def shrunk(ranges: tuple[Range, ...], *, least: int = 4) -> Shrunk:
    """Draw estimates to their common mean by empirical Bayes: the cure of the optimizer's curse.

    Reference: normal means with unequal errors (Morris 1983, JASA 78, 47-55), the spread between them by Paule & Mandel
    (1982). On the logarithm where all are positive. Assumes that ranges are honest errors of estimates of quantities
    that have something in common. Thin evidence: fewer than `least` uncertain ranges, nothing is shrunk and it is said.
    """
    free = [i for i, r in enumerate(ranges) if r.form != "sure"]
    ones = (1.0,) * len(ranges)
    if len(free) < least:
        why = f"{len(free)} uncertain estimates are too few to learn from each other; {least} are needed"
        return Shrunk(ranges=ranges, weights=ones, mean=math.nan, between=math.nan, log=False, why_not=why)
    log = all(ranges[i].form == "positive" for i in free)
    if not log:
        ranges = tuple(replace(r, form="any") if r.form == "positive" else r for r in ranges)
    middle = np.array([math.log(ranges[i].likely) if log else ranges[i].likely for i in free])
    error = np.array([spread(ranges[i]) for i in free])
    mean, between = _paule_mandel(middle, error)
    # The mean is itself estimated: Morris' factor keeps a little more of each estimate.
    own = (len(free) - 3) / (len(free) - 1) * error**2 / (error**2 + between**2)
    kept = 1 - own
    weights = list(ones)
    moved = list(ranges)
    for i, weight in zip(free, kept, strict=True):
        weights[i] = float(weight)
        moved[i] = replace(ranges[i], moved=(mean, float(weight)))
    return Shrunk(ranges=tuple(moved), weights=tuple(weights), mean=mean, between=between, log=log)


def _paule_mandel(middle: Floats, error: Floats) -> tuple[float, float]:
    """Mean and standard deviation between: the one at which the weighted squares are what chance gives."""

    def excess(variance: float) -> tuple[float, float]:
        w = 1 / (error**2 + variance)
        mean = float(w @ middle / w.sum())
        return float(w @ (middle - mean) ** 2) - (len(middle) - 1), mean

    low, high = 0.0, float(np.var(middle) * len(middle) + 1e-12)
    over, mean = excess(low)
    if over <= 0:
        return mean, 0.0
    while excess(high)[0] > 0:
        high *= 2
    for _ in range(80):
        half = (low + high) / 2
        over, mean = excess(half)
        low, high = (half, high) if over > 0 else (low, half)
    return mean, math.sqrt(high)


def chance(low: float, likely: float, high: float) -> tuple[float, float]:
    """A beta whose mean is `likely` and whose middle 80 % is as wide as from `low` to `high`.

    Returns:
        Its two parameters; (inf, inf) has no meaning for a sure thing, which is (0, 0): take `likely` itself.

    Raises:
        ValueError: They are not in order or not between 0 and 1.
    """
    if not 0 <= low <= likely <= high <= 1:
        raise ValueError("a chance lies between 0 and 1, low before likely before high")
    if low == high or likely in {0.0, 1.0}:
        return 0.0, 0.0
    least, most = 2.0, 1e6
    for _ in range(60):
        size = math.sqrt(least * most)
        a, b = likely * size, (1 - likely) * size
        wide = float(special.betaincinv(a, b, 1 - TAIL) - special.betaincinv(a, b, TAIL))
        least, most = (size, most) if wide > high - low else (least, size)
    return likely * size, (1 - likely) * size


def record(won: float, tried: float) -> tuple[float, float]:
    """The beta of a chance of which only past tries are known (Jeffreys' prior).

    Raises:
        ValueError: More won than tried, or less than nothing.
    """
    if not 0 <= won <= tried:
        raise ValueError("what worked lies between nothing and all that was tried")
    return won + 0.5, tried - won + 0.5


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
