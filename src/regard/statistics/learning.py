"""What knowing more before choosing is worth: all of it (EVPI), or one input of it (EVPPI).

Reference: Howard (1966), IEEE Transactions SSC-2, 22-26; one input at a time by regression of the net values on it
(Strong, Oakley & Brennan 2014, Medical Decision Making 34, 311-326): what the best choice would gain on average, had
one known the input, over the choice made now. It bounds from above what a study, a pilot or a test may cost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What an input is worth knowing.

    Attributes:
        value: Expected gain, in the units of the net values; never below zero.
        error: Monte Carlo standard error of it.
        changes: Share of draws in which knowing it would change the choice.
    """

    value: float
    error: float
    changes: float


def perfect(nets: Floats) -> Learned:
    """What knowing everything is worth.

    Args:
        nets: Net value of every choice in every draw, shape (draws, choices).
    """
    now = int(np.argmax(nets.mean(axis=0)))
    gain = nets.max(axis=1) - nets[:, now]
    return Learned(value=float(gain.mean()), error=_error(gain), changes=float((np.argmax(nets, axis=1) != now).mean()))


def partial(nets: Floats, known: Floats, *, knots: int = 5) -> Learned:
    """What knowing one input is worth.

    The expected net of each choice given the input is a natural cubic spline with few knots: smooth enough not to take
    noise for knowledge. Each choice is counted against the one made now, whose draws it shares.

    Args:
        nets: Net value of every choice in every draw, shape (draws, choices).
        known: The input in the same draws.
        knots: Of the spline.
    """
    if np.ptp(known) == 0:
        return Learned(value=0.0, error=0.0, changes=0.0)
    now = int(np.argmax(nets.mean(axis=0)))
    against = nets - nets[:, [now]]
    basis, _ = np.linalg.qr(_spline(known, knots))
    gain = _gain(basis, against, now)
    # Noise in the fit alone lifts the maximum: what a shuffled input would seem worth is taken off.
    rng = np.random.default_rng(0)
    idle = _gain(basis[rng.permutation(len(basis))], against, now)
    value = max(float(gain.mean()) - float(idle.mean()), 0.0)
    return Learned(value=value, error=_error(gain), changes=float((gain > 0).mean()))


def _gain(basis: Floats, against: Floats, now: int) -> Floats:
    """What the best choice is expected to gain over the one made now, given the columns of an orthonormal basis."""
    expected = basis @ (basis.T @ against)
    expected[:, now] = 0.0
    best: Floats = expected.max(axis=1)
    return best


def _error(gain: Floats) -> float:
    return float(gain.std(ddof=1)) / math.sqrt(len(gain)) if len(gain) > 1 else 0.0


def _spline(x: Floats, knots: int) -> Floats:
    """Natural cubic spline of x on its own quantiles, with a constant; fewer columns where x takes few values."""
    distinct = np.unique(x)
    if len(distinct) <= knots:
        return np.asarray(x[:, None] == distinct[None, :], np.float64)
    z = (x - x.mean()) / x.std()
    at = np.unique(np.quantile(z, np.linspace(0.03, 0.97, knots)))
    if len(at) < 3:
        return np.column_stack([np.ones_like(z), z])
    last, before = at[-1], at[-2]

    def bend(knot: float) -> Floats:
        return np.asarray((np.maximum(z - knot, 0) ** 3 - np.maximum(z - last, 0) ** 3) / (last - knot), np.float64)

    return np.column_stack([np.ones_like(z), z, *(bend(k) - bend(before) for k in at[:-2])])
