"""What a purchase is worth, customer by customer: the Gamma-Gamma model of spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.estimates import Floats, two_sided
from regard.statistics.likelihood import Fit, fit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

LEAST = 20
TIED = 0.3
"""Correlation of spend with frequency from which the model's answer would be wrong, not only imprecise."""


@dataclass(frozen=True, kw_only=True)
class Spending:
    """A fitted spend model.

    Attributes:
        fit: Parameters p, q, v.
        customers: Customers it was fitted to.
        correlation: Spearman's, of mean spend with the number of purchases.
        p: Two-sided p-value of that correlation.
        refused: Why there is no model.
    """

    fit: Fit
    customers: int
    correlation: float
    p: float
    refused: str = ""


def spending(purchases: ArrayLike, mean: ArrayLike, *, least: int = LEAST, tied: float = TIED) -> Spending:
    """Fit the Gamma-Gamma model to customers' mean spend by maximum likelihood.

    Reference: Fader, Hardie and Lee (2005), Journal of Marketing Research 42, 415-430; Fader and Hardie (2013), "The
    Gamma-Gamma model of monetary value". Assumes that what a customer spends does not go with how often they buy, and
    does not change. Thin evidence: fewer than `least` customers, refused; so is a correlation of `tied` or more that
    is beyond chance, and an unconverged fit. Customers without purchases or of no positive spend are left out.

    Args:
        purchases: Purchases behind each mean: the repeat purchases, shape (n,).
        mean: Mean amount per purchase.
        least: Fewest customers.
        tied: Rank correlation with frequency that is refused.
    """
    x, m = np.asarray(purchases, float), np.asarray(mean, float)
    keep = (x > 0) & (m > 0) & np.isfinite(m)
    x, m = x[keep], m[keep]
    n = len(x)
    nothing = Fit(values=np.full(3, np.nan), covariance=np.full((3, 3), np.nan), loglik=np.nan, slope=np.nan, n=n)
    if n < least:
        why = f"only {n} customers with a repeat purchase and an amount; at least {least} are needed"
        return Spending(fit=nothing, customers=n, correlation=np.nan, p=np.nan, refused=why)
    if float(m.std()) < 1e-9 * float(m.mean()):
        why = f"every purchase is worth the same, {float(m[0]):g}: multiply purchases by it"
        return Spending(fit=nothing, customers=n, correlation=0.0, p=1.0, refused=why)
    together = _rank_correlation(x, m)
    chance = two_sided(together * np.sqrt((n - 2) / max(1 - together**2, 1e-12)), float(n - 2))

    def loglik(theta: Floats) -> float:
        p, q, v = np.exp(theta)
        each = (
            special.gammaln(p * x + q) - special.gammaln(p * x) - special.gammaln(q) + q * np.log(v)
            + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(v + x * m)
        )  # fmt: skip
        return float(each.sum())

    start = np.array([5.0, 4.0, 3.0 * float(m.mean()) / 5.0])
    found = fit(loglik, start, n=n, centre=start)
    refused = found.refused
    if abs(together) >= tied and chance < 0.01:
        refused = f"spend goes with frequency (rank correlation {together:.2f}); the model takes them as independent"
    return Spending(fit=found, customers=n, correlation=together, p=chance, refused=refused)


def expected_spend(parameters: Floats, purchases: Floats, mean: Floats) -> Floats:
    """Expected amount of a customer's next purchase, given their mean so far: shape (n,).

    Without a purchase to go by it is the mean of all; NaN where the model has none (q at most 1).
    """
    p, q, v = parameters
    told = np.where(purchases > 0, np.nan_to_num(mean) * purchases, 0.0)
    below = p * np.where(purchases > 0, purchases, 0.0) + q - 1
    found: Floats = p * (v + told) / np.where(below > 0, below, np.nan)
    return found


def amounts(bought: Floats, *, parameters: Floats, purchases: Floats, mean: Floats, rng: np.random.Generator) -> Floats:
    """What drawn purchases come to, given each customer's spend so far: shape of `bought` (draws, n)."""
    x = np.where(purchases > 0, purchases, 0.0)
    told = np.where(x > 0, np.nan_to_num(mean) * x, 0.0)
    found = np.zeros_like(bought)
    for i, (p, q, v) in enumerate(parameters):
        some = bought[i] > 0
        scale = rng.standard_gamma(p * x[some] + q) / (v + told[some])
        found[i, some] = rng.standard_gamma(p * bought[i, some]) / np.maximum(scale, 1e-300)
    return found


def _rank_correlation(x: Floats, y: Floats) -> float:
    a, b = _ranks(x), _ranks(y)
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: Floats) -> Floats:
    _, numbered, times = np.unique(values, return_inverse=True, return_counts=True)
    after = np.cumsum(times)
    middle: Floats = (after - (times - 1) / 2)[numbered]
    return middle
