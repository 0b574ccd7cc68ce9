"""Contracts that come up for renewal: the chance to renew as a contract ages, and how long it still lasts.

The shifted beta-geometric (sBG) model: each customer has an own chance to leave at every renewal; those who leave
easily leave first, so that the rate of renewal of a cohort rises with age though nobody changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.estimates import Floats
from regard.statistics.likelihood import Fit, fit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

LEAST = 10
FAR = 400
"""Renewals ahead that a remaining lifetime is summed over, before its tail."""


@dataclass(frozen=True, kw_only=True)
class Contracts:
    """A fitted sBG model.

    Attributes:
        fit: Parameters alpha and beta of the beta distribution of the chance to leave at a renewal.
        customers: Customers.
        left: Of them, those who left.
        refused: Why there is no model.
    """

    fit: Fit
    customers: int
    left: int
    refused: str = ""


def contracts(
    renewed: ArrayLike, left: ArrayLike, *, entered: ArrayLike | None = None, weight: ArrayLike | None = None,
    least: int = LEAST,
) -> Contracts:  # fmt: skip
    """Fit the sBG model by maximum likelihood.

    Reference: Fader and Hardie (2007), "How to project customer retention", Journal of Interactive Marketing 21, 76-90.
    Assumes that each customer's chance to leave stays the same at every renewal, and differs between customers as a
    beta distribution does. Those who have not left count as cut off, not as stayed for good. Thin evidence: fewer than
    `least` who left, refused; so is an unconverged fit.

    Args:
        renewed: Renewals survived so far, shape (n,).
        left: Whether they left at the next one.
        entered: Renewals already survived when first seen (left truncation); 0 when left out.
        weight: How many customers a row stands for.
        least: Fewest who left.
    """
    n, gone = np.asarray(renewed, float), np.asarray(left, bool)
    begun = np.zeros(len(n)) if entered is None else np.asarray(entered, float)
    each = np.ones(len(n)) if weight is None else np.asarray(weight, float)
    rows, alike = np.unique(np.column_stack([n, gone, begun]), axis=0, return_inverse=True)
    times = np.bincount(alike.reshape(-1), each)
    customers, ended = round(float(each.sum())), round(float(each[gone].sum()))
    if ended < least:
        nothing = Fit(
            values=np.full(2, np.nan), covariance=np.full((2, 2), np.nan), loglik=np.nan, slope=np.nan, n=customers
        )
        why = f"only {ended} left at a renewal; at least {least} are needed"
        return Contracts(fit=nothing, customers=customers, left=ended, refused=why)
    survived, is_gone, since = rows.T

    def loglik(theta: Floats) -> float:
        alpha, beta = np.exp(theta)
        end = np.where(is_gone > 0, special.betaln(alpha + 1, beta + survived), special.betaln(alpha, beta + survived))
        return float(times @ (end - special.betaln(alpha, beta + since)))

    start = np.array([1.0, max(1.0, float(times @ survived) / max(ended, 1))])
    found = fit(loglik, start, n=customers, centre=start)
    return Contracts(fit=found, customers=customers, left=ended, refused=found.refused)


def survival(parameters: Floats, renewals: Floats) -> Floats:
    """Share of a cohort that survives so many renewals: shape (..., len(renewals)) for parameters (..., 2)."""
    alpha, beta = np.asarray(parameters)[..., 0, None], np.asarray(parameters)[..., 1, None]
    found: Floats = np.exp(special.betaln(alpha, beta + renewals) - special.betaln(alpha, beta))
    return found


def renewal_rate(parameters: Floats, renewals: Floats) -> Floats:
    """Chance to renew once more after so many renewals: shape (..., len(renewals)) for parameters (..., 2)."""
    alpha, beta = np.asarray(parameters)[..., 0, None], np.asarray(parameters)[..., 1, None]
    found: Floats = (beta + renewals) / (alpha + beta + renewals)
    return found


def remaining(parameters: Floats, renewals: Floats, discount: float = 0.0, *, ahead: int = FAR) -> Floats:
    """Expected number of payments at the renewals to come, discounted, of a customer who has survived so many.

    Args:
        parameters: alpha, beta; shape (..., 2).
        renewals: Renewals survived, shape (m,).
        discount: Discount per renewal period, such as 0.1.
        ahead: Renewals ahead that count.

    Returns:
        Shape (..., m); payment k ahead counts 1 / (1 + discount)^k of itself.
    """
    alpha, beta = np.asarray(parameters)[..., 0, None, None], np.asarray(parameters)[..., 1, None, None]
    steps = np.arange(1, ahead + 1, dtype=float)
    begun = np.asarray(renewals, float)[:, None]
    alive = np.exp(special.betaln(alpha, beta + begun + steps) - special.betaln(alpha, beta + begun))
    found: Floats = (alive / (1 + discount) ** steps).sum(axis=-1)
    return found
