"""How long a chart runs before chance alone makes it ring: limits for a stated rate of false alarms.

The mean run length of an exponentially weighted moving average of independent standard normals is the solution of a
linear equation over a grid of its values, the Markov chain of Brook and Evans (1972), Biometrika 59, 539-549, as used
for this chart by Lucas and Saccucci (1990), Technometrics 32, 1-12, whose table the tests repeat.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from scipy import optimize, special

STATES = 161


def run_length(share: float, limit: float, *, states: int = STATES) -> float:
    """Mean number of steps until |average| passes its limit though nothing happens.

    Args:
        share: Weight of the newest value, in (0, 1]; 1 is the plain (Shewhart) chart.
        limit: Limit in standard deviations of the average.
        states: Cells of the grid; an odd number.
    """
    if share >= 1:
        return 1 / (2 * float(special.ndtr(-limit)))
    edge = limit * math.sqrt(share / (2 - share))
    width = 2 * edge / states
    middle = -edge + width * (np.arange(states) + 0.5)
    # From a cell's middle to every other cell: the newest value must land there once averaged in.
    upper = (middle[None, :] + width / 2 - (1 - share) * middle[:, None]) / share
    lower = (middle[None, :] - width / 2 - (1 - share) * middle[:, None]) / share
    stays = special.ndtr(upper) - special.ndtr(lower)
    lengths = np.linalg.solve(np.eye(states) - stays, np.ones(states))
    return float(lengths[states // 2])


@lru_cache(maxsize=256)
def limit(share: float, length: float) -> float:
    """The limit, in standard deviations of the average, at which chance alone rings once in so many steps.

    Args:
        share: Weight of the newest value, in (0, 1].
        length: Mean run length in steps; at least 2.

    Raises:
        ValueError: A run length below 2: such a chart always rings.
    """
    if length < 2:
        raise ValueError("a run length below 2 steps cannot be held")
    plain = float(-special.ndtri(1 / (2 * length)))
    if share >= 1:
        return plain
    # An average needs no wider limit than single values do; far beyond, run lengths are past what doubles tell.
    return float(optimize.brentq(lambda at: math.log(run_length(share, at) / length), 0.05, plain + 0.05, xtol=1e-6))
