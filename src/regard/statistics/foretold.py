"""Whether chances to stay, told beforehand, come true where many are still there: Brier's score and ranks in the curve.

References: Graf, Schmoor, Sauerbrei and Schumacher (1999), Statistics in Medicine 18, 2529-2545, for Brier's score with
those cut off made good by the inverse of their chance not to be; the probability integral transform, with what is not
seen of those cut off drawn evenly (as in D'Agostino and Nam 2003, Handbook of Statistics 23), for the whole curve.
Assumes that cutting off does not depend on what would have come. Breslow (1974), Biometrics 30, 89-99, for the curve
that belongs to Cox's ratios.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics import hazards
from regard.statistics.estimates import LEVEL, Estimate, Floats, refusal
from regard.statistics.proportions import mean
from regard.statistics.survival import Tenures, kaplan_meier

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDS = 5
TENTHS = 10
LEAST = 50
LEAST_SEEN = 0.05
"""Chance not to be cut off by then, below which weights would hang on a few."""


@dataclass(frozen=True, kw_only=True)
class Foretold:
    """How well chances to stay were told.

    Attributes:
        brier: Mean squared error of the chances at the time, those cut off before made good.
        plain: The same where everybody is told the curve of all.
        gain: How much smaller the error is, as a share of the plain one, with its interval.
        p: How often chances that are right show ranks as uneven.
        ranks: Customers in each tenth of their own curve; even where the curve is right: shape (10,).
        n: Customers judged.
        refused: Why nothing was judged; empty when it was.
    """

    brier: float
    plain: float
    gain: Estimate
    p: float
    ranks: Floats
    n: int
    refused: str = ""


def brier_pulls(lived: Tenures, staying: Floats, at: float) -> Floats:
    """Each customer's part of Brier's score at a time: NaN for those who came to be seen late.

    Args:
        lived: Tenures; only those seen from the start are judged.
        staying: Chance of each to be still there at the time.
        at: The time.
    """
    cut = kaplan_meier(
        Tenures(entry=lived.entry, exit=lived.exit, ended=1 - lived.ended, reason=1 - lived.ended, left_out=0)
    )
    gone = (lived.exit <= at) & (lived.ended > 0)
    there = lived.exit > at
    # Just before an end, those cut off at the very same time were still under observation.
    seen = _at(cut.at, cut.share, np.where(gone, np.nextafter(lived.exit, -np.inf), at))
    error = np.where(gone, staying**2, np.where(there, (1 - staying) ** 2, 0.0))
    return np.where(lived.entry > 0, np.nan, error / np.maximum(seen, 1e-12))


def ranks_of(lived: Tenures, entry: Floats, leaving: Floats, *, seed: int = 0) -> Floats:
    """Where in their own curve each left: even from 0 to 1 where the curves are right; drawn for those still there.

    Args:
        lived: Tenures.
        entry: Chance of each to be there at their entry.
        leaving: Chance of each to be there just after their exit.
        seed: Seed of what is drawn.
    """
    share = np.clip(leaving / np.maximum(entry, 1e-12), 0.0, 1.0)
    drawn = np.random.default_rng(seed).random(lived.n)
    return np.asarray(np.where(lived.ended > 0, 1 - share, 1 - share * drawn), np.float64)


def uneven(ranks: Floats, apart: NDArray[np.bool_] | None = None) -> tuple[Floats, float]:
    """Ranks by tenth, and the p-value of their being even (chi square); in each of two groups where told apart,
    since what is too high for one and too low for the other is even together.
    """
    groups = [np.ones(len(ranks), bool)] if apart is None or apart.all() or not apart.any() else [apart, ~apart]
    held = np.array([
        np.bincount(np.minimum((ranks[g] * TENTHS).astype(int), TENTHS - 1), minlength=TENTHS) for g in groups
    ]).astype(float)  # fmt: skip
    expected = held.sum(axis=1, keepdims=True) / TENTHS
    odd = float(((held - expected) ** 2 / expected).sum())
    return held.sum(axis=0), float(special.chdtrc(len(groups) * (TENTHS - 1), odd))


def foretold(lived: Tenures, x: Floats, at: float, *, seed: int = 0, level: float = LEVEL) -> Foretold:
    """Chances to stay by Cox's ratios and Breslow's curve, told to folds they were not fitted to, and what came.

    Thin evidence: refused with fewer than 50 customers seen from the start, where a fold cannot be fitted, or where
    hardly anybody is under observation at the time.

    Args:
        lived: Tenures.
        x: Covariates, shape (n, k).
        at: Time at which the chance to stay is judged.
        seed: Seed of the folds.
        level: Confidence.
    """
    fold = np.random.default_rng(seed).permutation(lived.n) % FOLDS
    staying, plain, start, end = (np.full(lived.n, np.nan) for _ in range(4))
    for k in range(FOLDS):
        out, own = fold == k, fold != k
        fit = hazards.cox(_some(lived, own), x[own])
        if fit.refused:
            return _none(lived.n, level, fit.refused)
        times, total = _breslow(_some(lived, own), x[own], fit)
        curve = kaplan_meier(_some(lived, own))
        pull = np.exp(np.clip((x[out] - x[own].mean(axis=0)) @ fit.beta, -50, 50))
        staying[out], plain[out] = np.exp(-_upto(times, total, at) * pull), _at(curve.at, curve.share, np.array([at]))
        start[out] = np.exp(-_upto(times, total, lived.entry[out]) * pull)
        end[out] = np.exp(-_upto(times, total, lived.exit[out]) * pull)
    ours, theirs = brier_pulls(lived, staying, at), brier_pulls(lived, plain, at)
    judged = np.isfinite(ours)
    if judged.sum() < LEAST or float((lived.exit[judged] > at).mean()) < LEAST_SEEN:
        return _none(int(judged.sum()), level, "too few were under observation from the start and until then")
    base = float(theirs[judged].mean())
    gain = mean((theirs - ours)[judged] / base, level=level)
    held, p = uneven(ranks_of(lived, start, end, seed=seed), staying < np.median(staying))
    return Foretold(brier=float(ours[judged].mean()), plain=base, gain=gain, p=p, ranks=held, n=int(judged.sum()))


def _none(n: int, level: float, why: str) -> Foretold:
    return Foretold(
        brier=np.nan, plain=np.nan, gain=refusal(why, n=n, level=level), p=np.nan, ranks=np.zeros(TENTHS), n=n,
        refused=why,
    )  # fmt: skip


def _some(lived: Tenures, kept: NDArray[np.bool_]) -> Tenures:
    return Tenures(
        entry=lived.entry[kept], exit=lived.exit[kept], ended=lived.ended[kept], reason=lived.reason[kept], left_out=0
    )


def _breslow(lived: Tenures, x: Floats, fit: hazards.Effects) -> tuple[Floats, Floats]:
    """Times of ends and the cumulative hazard of somebody at the mean of all covariates from each on."""
    weight = np.exp(np.clip((x - x.mean(axis=0)) @ fit.beta, -50, 50))
    at, counts = np.unique(lived.exit[lived.ended > 0], return_counts=True)
    by_exit, by_entry = np.argsort(lived.exit), np.argsort(lived.entry)
    out = np.r_[0.0, np.cumsum(weight[by_exit])][np.searchsorted(lived.exit[by_exit], at, side="left")]
    came = np.r_[0.0, np.cumsum(weight[by_entry])][np.searchsorted(lived.entry[by_entry], at, side="left")]
    return at, np.cumsum(counts / np.maximum(came - out, 1e-12))


def _upto(times: Floats, total: Floats, when: Floats | float) -> Floats:
    return np.asarray(np.r_[0.0, total][np.searchsorted(times, when, side="right")], np.float64)


def _at(times: Floats, share: Floats, when: Floats) -> Floats:
    return np.asarray(np.r_[1.0, share][np.searchsorted(times, when, side="right")], np.float64)
