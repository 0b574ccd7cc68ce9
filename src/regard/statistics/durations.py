"""How long things take: quantiles with intervals that assume nothing, and times of which some are still running."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.estimates import LEVEL, Estimate, Floats, quantile, refusal, too_few

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def sample_quantile(values: ArrayLike, share: float = 0.5, *, level: float = LEVEL, least: int = 5) -> Estimate:
    """A quantile (the median by default) with its distribution-free interval.

    Reference: the order statistics around it by the binomial; Conover (1999), section 3.2. Assumes independent values.
    Thin evidence: below `least` values, refused; an end no order statistic can hold is open (infinite).
    """
    y = np.sort(np.asarray(values, float))
    y = y[np.isfinite(y)]
    n, tail = len(y), (1 - level) / 2
    method = "order statistics"
    if n < max(least, 1):
        return too_few(n, max(least, 1), of="value", method=method, level=level)
    below = special.bdtr(np.arange(n + 1), n, share)
    first = int(np.searchsorted(below, tail, side="right"))
    last = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return Estimate(
        value=float(np.quantile(y, share)),
        low=float(y[first - 1]) if first >= 1 else -math.inf,
        high=float(y[last - 1]) if last <= n else math.inf,
        error=math.nan,
        centre=float(np.quantile(y, share)),
        n=n,
        effective=float(n),
        level=level,
        method=method,
    )


def survival(durations: ArrayLike, ended: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Kaplan and Meier's curve: times of ends, share still running after each, and Greenwood's error of its logarithm.

    Reference: Kaplan and Meier (1958), JASA 53, 457-481. Assumes that those cut off would have gone on like the others.

    Args:
        durations: How long each lasted so far.
        ended: Whether it ended (else it still runs and is cut off here).
    """
    d, e = np.asarray(durations, float), np.asarray(ended, bool)
    keep = np.isfinite(d)
    d, e = d[keep], e[keep]
    at, numbered = np.unique(d, return_inverse=True)
    ends = np.bincount(numbered, e, minlength=len(at))
    risk = len(d) - np.concatenate([[0.0], np.cumsum(np.bincount(numbered, minlength=len(at)))[:-1]])
    some = ends > 0
    at, ends, risk = at[some], ends[some], risk[some]
    running = np.cumprod(1 - ends / risk)
    left = risk - ends
    terms = np.divide(ends, risk * left, out=np.full(len(at), np.inf), where=left > 0)
    return at, running, np.sqrt(np.cumsum(terms))


def median_time(durations: ArrayLike, ended: ArrayLike, *, level: float = LEVEL, least: int = 5) -> Estimate:
    """Median time until the end when some have not ended, with the log-log interval.

    Reference: Brookmeyer and Crowley (1982), Biometrics 38, 29-41. Thin evidence: fewer than `least` ends, refused; a
    curve that never falls to a half is refused too: more than half are still running.
    """
    e = np.asarray(ended, bool)
    method = "Kaplan-Meier, log-log interval"
    if int(e.sum()) < max(least, 1):
        return too_few(int(e.sum()), max(least, 1), of="end", method=method, level=level)
    at, running, spread = survival(durations, ended)
    if not (running <= 0.5).any():
        return refusal("more than half are still running", n=len(e), method=method, level=level)
    with np.errstate(divide="ignore", invalid="ignore"):
        half = quantile(level) * spread / np.abs(np.log(running))
        low, high = running ** np.exp(half), running ** np.exp(-half)
    low = np.where(np.isfinite(low), low, 0.0)
    high = np.where(np.isfinite(high), high, np.where(running > 0, 1.0, 0.0))
    value = float(at[np.argmax(running <= 0.5)])
    return Estimate(
        value=value,
        low=float(at[np.argmax(low <= 0.5)]) if (low <= 0.5).any() else value,
        high=float(at[np.argmax(high <= 0.5)]) if (high <= 0.5).any() else math.inf,
        error=math.nan,
        centre=value,
        n=len(e),
        effective=float(e.sum()),
        level=level,
        method=method,
    )
