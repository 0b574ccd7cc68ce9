"""Weights stopped where those of the published figures are, so that a figure can be held against a paper or a program.

Reference: Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021), AER 111(12), and the program beside it: Frank and
Wolfe's steps from equal weights, small ones dropped after a hundred, until a step gains next to nothing or ten thousand
were made. They stop short of the optimum that `regard.statistics.counterfactuals` solves for: for California's
Proposition 99 by .002 packs (synthetic difference in differences) and .11 (synthetic control).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.statistics.counterfactuals import Fits, Method

SMALL = 1e-6
GAIN = 1e-5
"""Least gain of a step, in standard deviations of noise (squared)."""
FIRST, MOST = 100, 10_000
"""Steps before small weights are dropped, and after."""


def as_published(
    optimum: Fits, outcomes: Floats, before: int, treated: NDArray[np.bool_], *, method: Method, noise: float
) -> Fits:
    """The fit of the treated with weights stopped as published ones are.

    Args:
        optimum: The exact fit of the same; its duality gap is kept, since it says whether the programme was solved.
        outcomes: Shape (units, times), complete.
        before: Number of times before the start.
        treated: Which units are treated; all others are donors.
        method: `sdid` or `sc`; `did` has no weights to solve for.
        noise: Standard deviation of first differences of the donors before the start.
    """
    if method == "did":
        return optimum
    y = np.asarray(outcomes, float)
    donors = ~treated
    own, past, later = y[treated].mean(axis=0), y[donors, :before], y[donors, before:].mean(axis=1)
    after = y.shape[1] - before
    times = np.zeros(before)
    a, b, zeta = past.T - past.mean(), own[:before] - past.mean(), SMALL * noise
    if method == "sdid":
        times = _solved(past - past.mean(axis=0), later - later.mean(), SMALL * noise, noise)
        a, b = a - a.mean(axis=0), b - b.mean()
        zeta = (int(treated.sum()) * after) ** 0.25 * noise
    units = np.zeros(len(y))
    units[donors] = _solved(a, b, zeta, noise)
    apart = own - units @ y
    apart = apart - times @ apart[:before]
    off = apart[:before] if method == "sc" else apart[:before] - apart[:before].mean()
    return replace(
        optimum, effect=np.array([apart[before:].mean()]), apart=apart[None], units=units[None], times=times[None],
        before=np.array([np.sqrt((off**2).mean())]), after=np.array([np.sqrt((apart[before:] ** 2).mean())]),
    )  # fmt: skip


def _solved(a: Floats, b: Floats, zeta: float, noise: float) -> Floats:
    gram, linear, ridge = a.T @ a, b @ a, len(b) * zeta**2
    least = len(b) * (GAIN * noise) ** 2
    x = _steps(gram, linear, ridge, np.full(a.shape[1], 1 / a.shape[1]), least=least, most=FIRST)
    x[x <= x.max() / 4] = 0
    return _steps(gram, linear, ridge, x / x.sum(), least=least, most=MOST)


def _steps(gram: Floats, linear: Floats, ridge: float, start: Floats, *, least: float, most: int) -> Floats:
    """Towards the best corner with exact line search, until a step gains `least` or less, or `most` were made."""
    x, product = start.copy(), gram @ start
    for step in range(most):
        slope = product + ridge * x - linear
        corner = int(slope.argmin())
        way, turned = -x, gram[corner] - product
        way[corner] += 1.0
        down, bend = float(slope @ way), float(way @ turned + ridge * (way @ way))
        far = min(1.0, max(0.0, -down / bend)) if bend > 0 else 0.0
        x += far * way
        product += far * turned
        if step > 1 and -2 * far * down - far**2 * bend <= least:
            break
    return x
