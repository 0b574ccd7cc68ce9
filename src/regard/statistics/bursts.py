"""Clusters of the same thing in a short time, by customer: from which size on they are too rare to be usual.

The limit is the smallest size that the base's own past reached no more often than is accepted, and a customer's own
habit is exempt: who did the same before is not odd. Nothing is assumed of how things are spread; the past of the base
may hold true oddities, which makes the limit careful rather than loose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.statistics.estimates import Floats, Whole


@dataclass(frozen=True, kw_only=True)
class Limit:
    """From which size on a cluster is odd.

    Attributes:
        size: The smallest odd size.
        rate: How often a month the past reached it, all customers together.
        months: Length of that past.
    """

    size: float
    rate: float
    months: float


def limit(sizes: Floats, *, months: float, rate: float, least: float) -> Limit:
    """The smallest size at least `least` that the past reached at most `rate` times a month.

    Args:
        sizes: Sizes of the past's clusters, any order.
        months: Length of the past; with less than a quarter of one only a size never seen is odd.
        rate: Clusters a month that are accepted.
        least: No smaller size is ever odd.
    """
    ordered = np.sort(np.asarray(sizes, float))
    accepted = math.floor(rate * months) if months >= 0.25 else 0
    # The accepted largest may be reached; the next one below may not.
    size = least
    if len(ordered) > accepted:
        size = max(least, float(np.nextafter(ordered[len(ordered) - 1 - accepted], np.inf)))
        size = math.ceil(size) if np.all(ordered == np.round(ordered)) else size
    reached = int((ordered >= size).sum())
    return Limit(size=size, rate=reached / months if months > 0 else math.nan, months=months)


def habitual(customer: Whole, size: Floats, began: Floats, *, at: float) -> NDArray[np.bool_]:
    """Which clusters are no larger than one the same customer had at least twice before, and so are that one's habit.

    Args:
        customer: Number of the customer of each cluster.
        size: Its size.
        began: When it began.
        at: The size from which a cluster would be odd: smaller ones are left out of the comparison.
    """
    found = np.zeros(len(size), dtype=np.bool_)
    large = np.flatnonzero(size >= at)
    order = large[np.lexsort((began[large], customer[large]))]
    seen: dict[int, list[float]] = {}
    for i in order:
        before = seen.setdefault(int(customer[i]), [])
        found[i] = sum(s >= size[i] for s in before) >= 2
        before.append(float(size[i]))
    return found


def surprise(counts: Whole, expected: Floats, dispersion: float) -> Floats:
    """How surprising counts of a day are under their customers' habit, in tenfolds: 3 is one in a thousand.

    The upper tail of a negative binomial whose variance is mean + dispersion x mean squared.

    Args:
        counts: Counts of the day.
        expected: What the customer's habit leads one to expect.
        dispersion: Of counts around habits, pooled over the base; see `spread`.
    """
    mean = np.maximum(expected, 1e-9)
    if dispersion <= 1e-9:
        chance = special.pdtrc(np.maximum(counts - 1, 0), mean)
    else:
        size = 1 / dispersion
        chance = special.betainc(np.maximum(counts, 1), size, mean / (mean + size))
    found: Floats = np.where(counts > 0, -np.log10(np.maximum(chance, 1e-300)), 0.0)
    return found


def spread(total: Floats, squares: Floats, days: Floats, expected: Floats) -> float:
    """Dispersion of daily counts around habits: the moment estimate of variance = mean + dispersion x mean squared.

    Args:
        total: Things each customer did.
        squares: Sum of the squares of its daily counts.
        days: Days it was there, those without any thing among them.
        expected: What a day of it brings on average.
    """
    most = float((days * expected**2).sum())
    beyond = float((squares - 2 * expected * total + days * expected**2 - total).sum())
    return max(beyond / most, 0.0) if most > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What a day brings on average, by customer: its own past drawn towards the base's (gamma prior by moments).

    Attributes:
        pool: What a day of the base's brings.
        weight: Days of the base's past that a customer's own leans on.
    """

    pool: float
    weight: float

    def of(self, total: Floats, days: Floats) -> Floats:
        """What a day is expected to bring to customers who did so much in so many days."""
        found: Floats = (total + self.weight * self.pool) / (np.maximum(days, 0.0) + self.weight)
        return found


def habits(total: Floats, days: Floats) -> Habits:
    """What the base's past says of habits.

    Args:
        total: Things each customer did in the past.
        days: Days of it each was there.
    """
    pool = float(total.sum() / max(days.sum(), 1e-9))
    rates = total / np.maximum(days, 1.0)
    # Variance of rates beyond what counting alone brings; the prior's weight in days follows from it.
    beyond = float(np.average((rates - pool) ** 2, weights=days)) - pool * len(days) / max(days.sum(), 1e-9)
    return Habits(pool=pool, weight=pool / beyond if beyond > 0 else 1e6)
