"""What one run of a truth says of an interval: whether it held, by how much the estimate missed, and the same at 80 %.

`held` gives a number, so that a row's mean is how often the interval held; the rest goes along for the table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from regard.statistics.estimates import Estimate, quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NARROW = 0.8


class Ends(NamedTuple):
    """An interval that comes without the rest of an `Estimate`."""

    value: float
    low: float
    high: float


class Held(float):
    """1 where the interval held the truth, else 0.

    Attributes:
        miss: Estimate less truth; NaN where the estimate was refused.
        narrow: Whether the 80 % interval held, 1 or 0; NaN where the method gives none.
    """

    miss: float = math.nan
    narrow: float = math.nan


def held(
    found: Estimate | Ends,
    truth: float,
    at: Callable[[float], Estimate | Ends] | None = None,
    *,
    refused: float = 0.0,
) -> Held:
    """Whether an interval holds the truth.

    Args:
        found: The interval, 95 % unless it says otherwise.
        truth: What it is of.
        at: The same interval at another level; not needed for one of so many standard errors about its centre.
        refused: What a refusal counts as in the row; it counts in neither the bias nor the 80 %.
    """
    if math.isnan(found.value):
        return Held(refused)
    answer = Held(_within(found, truth))
    answer.miss = float(found.value - truth)
    if getattr(found, "level", None) == NARROW:
        answer.narrow = float(answer)
    elif at is not None:
        answer.narrow = _within(at(NARROW), truth)
    elif isinstance(found, Estimate) and _by_errors(found):
        answer.narrow = float(abs(truth - found.centre) <= quantile(NARROW, found.freedom) * found.error)
    return answer


def _within(found: Estimate | Ends, truth: float) -> float:
    return float(found.low <= truth <= found.high)


def _by_errors(found: Estimate) -> bool:
    """Whether the ends are so many standard errors from the centre: only then do those of another level follow."""
    half = quantile(found.level, found.freedom) * found.error
    return bool(
        np.allclose([found.low, found.high], [found.centre - half, found.centre + half], rtol=0, atol=1e-9 * half)
    )


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A row's numbers.

    Attributes:
        achieved: Mean of the runs.
        bias: Mean of estimate less truth, in standard deviations of that over the runs; NaN where no estimate is told.
        narrow: How often the 80 % interval held, of the runs that were answered; NaN where the method gives none.
        runs: How many.
        refused: How many of them had no estimate; what the row says of them is in `achieved`.
    """

    achieved: float
    bias: float = math.nan
    narrow: float = math.nan
    runs: int
    refused: int = 0


def summed(runs: Sequence[float]) -> Measured:
    """The numbers of a row from its runs."""
    told = [one for one in runs if isinstance(one, Held)]
    answered = [one for one in told if not math.isnan(one.miss)]
    misses = np.array([one.miss for one in answered if math.isfinite(one.miss)])
    spread = float(misses.std(ddof=1)) if len(misses) > 1 else 0.0
    return Measured(
        achieved=float(np.mean(runs)),
        bias=float(misses.mean()) / spread if spread > 0 else math.nan,
        narrow=float(np.mean([one.narrow for one in answered])) if answered else math.nan,
        runs=len(runs),
        refused=len(told) - len(answered),
    )
