"""Those to whom something happened beside like ones to whom it did not: the odds ratio within strata."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regard.statistics.estimates import LEVEL, Estimate, Whole, quantile, refusal, two_sided

LEAST = 5


def odds_ratio(
    case: NDArray[np.bool_], exposed: NDArray[np.bool_], stratum: Whole, *, level: float = LEVEL, least: int = LEAST
) -> Estimate:
    """How much more often something held for cases than for others of the same stratum.

    References: Mantel and Haenszel (1959), JNCI 22, 719-748; variance of the logarithm by Robins, Breslow and Greenland
    (1986), Biometrics 42, 311-323: good for few large strata and for many small ones. Assumes the same ratio in every
    stratum. Thin evidence: fewer than `least` cases that were exposed, or that were not, refused. The interval is made
    on the logarithm; `error` is that of the logarithm, `p` is against a ratio of one.

    Args:
        case: Whether it happened, shape (n,).
        exposed: Whether the fact held before.
        stratum: Number of the stratum, from 0.
        level: Confidence.
        least: Fewest cases with the fact, and without.
    """
    method = "Mantel-Haenszel, Robins-Breslow-Greenland variance"
    n = len(case)
    strata = int(stratum.max()) + 1 if n else 0
    with_, without = int((case & exposed).sum()), int((case & ~exposed).sum())
    if min(with_, without) < least:
        return refusal(
            f"only {min(with_, without)} on one side; at least {least} are needed", n=n, method=method, level=level
        )

    def cells(which: NDArray[np.bool_]) -> NDArray[np.float64]:
        return np.bincount(stratum[which], minlength=strata).astype(float)

    a, b = cells(case & exposed), cells(case & ~exposed)
    c, d = cells(~case & exposed), cells(~case & ~exposed)
    total = np.maximum(a + b + c + d, 1.0)
    p, q, r, s = (a + d) / total, (b + c) / total, a * d / total, b * c / total
    if r.sum() <= 0 or s.sum() <= 0:
        return refusal("no stratum holds both kinds", n=n, method=method, level=level)
    value = float(r.sum() / s.sum())
    spread = (p * r).sum() / (2 * r.sum() ** 2) + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
    spread += (q * s).sum() / (2 * s.sum() ** 2)
    error = float(np.sqrt(spread))
    half = quantile(level) * error
    return Estimate(value=value, low=float(value * np.exp(-half)), high=float(value * np.exp(half)), error=error,
                    centre=value, n=n, effective=float(with_), level=level, method=method,
                    p=two_sided(float(np.log(value)) / error))  # fmt: skip
