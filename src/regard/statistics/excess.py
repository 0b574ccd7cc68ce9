"""Groups whose share of bad ones is beyond what chance explains: shrinkage, so that the tiny do not lead by luck."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.estimates import LEVEL, Floats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, kw_only=True)
class Excess:
    """Groups compared with the whole.

    Attributes:
        overall: Share over all groups.
        strength: Trials' worth of weight of the overall share (the prior's precision); large: groups hardly differ.
        share: Each group's share as observed; NaN without trials.
        shrunk: Each group's share drawn towards the overall one by how little it tells (posterior mean).
        low, high: Equal-tailed posterior interval of the shrunk share.
        p: One-sided p-value of a share no higher than overall; NaN where not tested.
        q: The same with all groups accounted for (false discovery rate).
        least: Smallest true share that would be called in four of five cases, were the group the only one; NaN where
            not tested.
    """

    overall: float
    strength: float
    share: Floats
    shrunk: Floats
    low: Floats
    high: Floats
    p: Floats
    q: Floats
    least: Floats


def excess(
    hits: ArrayLike, trials: ArrayLike, *, overall: float | None = None, level: float = LEVEL, least: float = 5
) -> Excess:
    """Beta-binomial empirical Bayes shares of groups, and which exceed the overall share beyond chance.

    References: Griffiths (1973), Biometrics 29, 637-648 (marginal likelihood of the beta-binomial); Casella (1985), The
    American Statistician 39, 83-87 (empirical Bayes); Benjamini and Hochberg (1995). The prior's mean is the overall
    share, its precision maximises the likelihood. Assumes independent trials given the group; counts may be fractional
    (effective counts of weighted samples). Thin evidence: groups below `least` trials are shrunk, not tested.

    Args:
        hits: Bad ones per group.
        trials: All of a group.
        overall: Share to compare with; None takes that of all groups together.
        level: Probability the intervals hold.
        least: Fewest trials of a group that is tested; chosen on trials alone, so the tests stay honest.
    """
    x, n = np.asarray(hits, float), np.asarray(trials, float)
    total = float(n.sum())
    if overall is None:
        overall = float(x.sum() / total) if total > 0 else np.nan
    strength = _strength(x, n, overall)
    a, b = x + overall * strength, n - x + (1 - overall) * strength
    tail = (1 - level) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        # P(X >= x) of a binomial by the incomplete beta, which also takes counts that are not whole.
        tested = (n >= max(least, 1)) & np.isfinite(overall) & (0 < overall < 1)
        p = np.where(tested, np.where(x > 0, special.betainc(np.maximum(x, 1e-300), n - x + 1, overall), 1.0), np.nan)
        return Excess(
            overall=overall,
            strength=strength,
            share=np.where(n > 0, x / np.maximum(n, 1e-300), np.nan),
            shrunk=a / (a + b),
            low=special.betaincinv(a, b, tail),
            high=special.betaincinv(a, b, 1 - tail),
            p=p,
            q=benjamini_hochberg(p),
            least=_least(overall, np.where(tested, n, np.nan)),
        )


def _least(overall: float, n: Floats, claimed: float = 0.05, power: float = 0.8) -> Floats:
    """On the scale of the arcsine of roots, where a share's error does not depend on it (Cohen 1988, chapter 6)."""
    tests = max(int(np.isfinite(n).sum()), 1)
    out = special.ndtri(1 - claimed / tests) + special.ndtri(power)
    angle = np.arcsin(np.sqrt(overall)) + out / (2 * np.sqrt(n))
    return np.asarray(np.sin(np.minimum(angle, np.pi / 2)) ** 2, dtype=float)


def _strength(x: Floats, n: Floats, overall: float) -> float:
    """The prior's precision by marginal likelihood; 1e5 stands for groups that do not differ beyond chance."""
    some = n > 0
    if some.sum() < 2 or not 0 < overall < 1:
        return 1e5
    x, n = x[some], n[some]

    def loss(logarithm: float) -> float:
        s = float(np.exp(logarithm))
        a, b = overall * s, (1 - overall) * s
        return -float(np.sum(special.betaln(x + a, n - x + b) - special.betaln(a, b)))

    found = optimize.minimize_scalar(loss, bounds=(np.log(0.5), np.log(1e5)), method="bounded")
    return float(np.exp(found.x))
