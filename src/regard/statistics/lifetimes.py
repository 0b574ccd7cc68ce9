"""Customers who buy without a contract and leave in silence: how often they buy, whether they still do, what follows.

Two models of the same story (a customer buys at random at an own rate until, unseen, they stop): BG/NBD (they stop
after a purchase) and Pareto/NBD (they stop at any moment). Times count from each customer's first purchase.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from regard.statistics.estimates import Floats, Whole
from regard.statistics.likelihood import Fit, fit

Model = Literal["bg/nbd", "pareto/nbd"]
LEAST = 20
"""Fewest customers with a repeat purchase that a purchase model is fitted to."""


@dataclass(frozen=True, kw_only=True)
class Histories:
    """What each customer did until the end of the data, in one unit of time.

    Attributes:
        repeats: Purchases after the first, shape (n,); several at one time count as one.
        recency: Time of the last purchase since the first, 0 where there was no other.
        age: Time from the first purchase to the end of the data.
    """

    repeats: Floats
    recency: Floats
    age: Floats

    @property
    def n(self) -> int:
        """Customers."""
        return len(self.repeats)

    def at(self, chosen: Whole) -> Histories:
        """Only these customers."""
        return Histories(repeats=self.repeats[chosen], recency=self.recency[chosen], age=self.age[chosen])


@dataclass(frozen=True, kw_only=True)
class Purchasing:
    """A fitted purchase model.

    Attributes:
        model: Which.
        fit: Parameters: r, alpha of the rate of buying; then a, b of the chance to stop after a purchase (BG/NBD), or
            s, beta of the rate of stopping (Pareto/NBD).
        repeaters: Customers with a repeat purchase.
        refused: Why there is no model.
    """

    model: Model
    fit: Fit
    repeaters: int
    refused: str = ""


def histories(customer: Whole, time: Floats, until: float) -> Histories:
    """Each customer's history from single purchases.

    Args:
        customer: Numbers from 0, one per purchase.
        time: Of each purchase, in the unit wanted.
        until: End of the data; purchases after it are not read.
    """
    seen = time <= until
    who, when = customer[seen], time[seen]
    pairs = np.unique(np.column_stack([who, when]), axis=0)
    whole = pairs[:, 0].astype(np.int64)
    first = np.full(int(customer.max()) + 1, np.inf)
    last = np.full(len(first), -np.inf)
    np.minimum.at(first, whole, pairs[:, 1])
    np.maximum.at(last, whole, pairs[:, 1])
    bought = np.bincount(whole, minlength=len(first)).astype(float)
    begun = bought > 0
    none = np.nan
    return Histories(
        repeats=np.where(begun, bought - 1, none),
        recency=np.where(begun, last - first, none),
        age=np.where(begun, until - first, none),
    )


def purchasing(lived: Histories, *, model: Model = "bg/nbd", least: int = LEAST) -> Purchasing:
    """Fit a purchase model by maximum likelihood.

    References: Fader, Hardie and Lee (2005), Marketing Science 24, 275-284 (BG/NBD); Schmittlein, Morrison and Colombo
    (1987), Management Science 33, 1-24 (Pareto/NBD). Assumes that each customer buys at a steady rate of their own
    while active, rates and chances to stop vary independently over customers, and nothing else changes: no season, no
    growth. Thin evidence: fewer than `least` customers who came again, refused; so is an unconverged fit.
    """
    repeaters = int((lived.repeats > 0).sum())
    rows = np.column_stack([lived.repeats, lived.recency, lived.age])
    alike, times = np.unique(rows, axis=0, return_counts=True)
    scale = float(np.median(lived.age)) if lived.n else 1.0
    start = np.array([0.5, scale / 4, 1.0, 2.0] if model == "bg/nbd" else [0.5, scale / 4, 0.6, scale / 2])
    if repeaters < least:
        none = Fit(
            values=np.full(4, np.nan), covariance=np.full((4, 4), np.nan), loglik=np.nan, slope=np.nan, n=lived.n
        )
        why = f"only {repeaters} customers bought again; at least {least} are needed"
        return Purchasing(model=model, fit=none, repeaters=repeaters, refused=why)
    x, recency, age = alike.T

    def loglik(theta: Floats) -> float:
        return float(times @ _loglik(model, np.exp(theta), x, recency, age))

    def gradient(theta: Floats) -> Floats:
        return _bg_gradient(np.exp(theta), x, recency, age, times)

    found = fit(loglik, start, n=lived.n, gradient=gradient if model == "bg/nbd" else None, centre=start)
    return Purchasing(model=model, fit=found, repeaters=repeaters, refused=found.refused)


def _loglik(model: Model, parameters: Floats, x: Floats, recency: Floats, age: Floats) -> Floats:
    with np.errstate(invalid="ignore"):  # far from the fit a search may meet parameters that give nothing
        return np.logaddexp(*_terms(model, parameters, x, recency, age))


def _terms(model: Model, parameters: Floats, x: Floats, recency: Floats, age: Floats) -> tuple[Floats, Floats]:
    """Log-likelihood of the history with the customer still active, and with them gone."""
    r, alpha, c, d = parameters
    shared = special.gammaln(r + x) - special.gammaln(r) + r * np.log(alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        if model == "bg/nbd":
            stays = special.betaln(c, d + x) - special.betaln(c, d)
            active = shared + stays - (r + x) * np.log(alpha + age)
            gone = shared + stays + np.log(c) - np.log(d + x - 1) - (r + x) * np.log(alpha + recency)
            return active, np.where(x > 0, gone, -np.inf)
        shared = shared + c * np.log(d)
        active = shared - (r + x) * np.log(alpha + age) - c * np.log(d + age)
        gone = shared + np.log(c) - np.log(r + c + x) + _log_gone(parameters, x, recency, age)
    return active, gone


def _log_gone(parameters: Floats, x: Floats, recency: Floats, age: Floats) -> Floats:
    """The Pareto/NBD's integral over the moment of leaving, in Gauss's hypergeometric function."""
    r, alpha, s, beta = parameters
    k = r + s + x
    most = max(alpha, beta)
    other = s + 1 if alpha >= beta else r + x
    early = special.hyp2f1(k, other, k + 1, abs(alpha - beta) / (most + recency))
    late = special.hyp2f1(k, other, k + 1, abs(alpha - beta) / (most + age))
    ratio = np.exp(k * (np.log(most + recency) - np.log(most + age)))
    found: Floats = np.log(np.maximum(early - late * ratio, 1e-300)) - k * np.log(most + recency)
    return found


def _bg_gradient(parameters: Floats, x: Floats, recency: Floats, age: Floats, times: Whole) -> Floats:
    r, alpha, a, b = parameters
    active, gone = _terms("bg/nbd", parameters, x, recency, age)
    left = np.exp(gone - np.logaddexp(active, gone))
    here = 1 - left
    until, since = alpha + age, alpha + recency
    digamma = special.digamma
    by_r = digamma(r + x) - digamma(r) + np.log(alpha) - here * np.log(until) - left * np.log(since)
    by_alpha = r / alpha - (r + x) * (here / until + left / since)
    by_a = digamma(a + b) - digamma(a + b + x) + left / a
    below = np.divide(1.0, b + x - 1, out=np.zeros_like(x), where=x > 0)
    by_b = digamma(b + x) - digamma(b) + digamma(a + b) - digamma(a + b + x) - left * below
    return np.array([times @ by_r, times @ by_alpha, times @ by_a, times @ by_b]) * parameters


def chance_active(model: Purchasing, lived: Histories) -> Floats:
    """Chance that each customer is still active at the end of the data: shape (n,)."""
    return _active(model.model, model.fit.values, lived)


def _active(model: Model, parameters: Floats, lived: Histories) -> Floats:
    active, gone = _terms(model, parameters, lived.repeats, lived.recency, lived.age)
    with np.errstate(invalid="ignore"):
        return np.exp(active - np.logaddexp(active, gone))


def expected(model: Purchasing, lived: Histories, ahead: float) -> Floats:
    """Purchases expected of each customer in the time `ahead` after the end of the data: shape (n,)."""
    return _expected(model.model, model.fit.values, lived, ahead)


def _expected(model: Model, parameters: Floats, lived: Histories, ahead: float) -> Floats:
    r, alpha, c, d = parameters
    x, age = lived.repeats, lived.age
    here = _active(model, parameters, lived)
    if model == "pareto/nbd":
        c = c + 1e-7 if abs(c - 1) < 1e-7 else c
        far = 1 - np.exp((c - 1) * (np.log(d + age) - np.log(d + age + ahead)))
        found: Floats = here * (r + x) * (d + age) / ((alpha + age) * (c - 1)) * far
        return found
    c = c + 1e-7 if abs(c - 1) < 1e-7 else c
    z = ahead / (alpha + age + ahead)
    shrink = np.exp((r + x) * (np.log(alpha + age) - np.log(alpha + age + ahead)))
    stays = (c + d + x - 1) / (c - 1) * (1 - shrink * special.hyp2f1(r + x, d + x, c + d + x - 1, z))
    return np.asarray(here * stays)


def expected_of_new(model: Purchasing, ages: Floats) -> Floats:
    """Repeat purchases expected of one new customer within each age: shape of `ages`."""
    r, alpha, c, d = model.fit.values
    c = c + 1e-7 if abs(c - 1) < 1e-7 else c
    if model.model == "pareto/nbd":
        found: Floats = r * d / (alpha * (c - 1)) * (1 - (d / (d + ages)) ** (c - 1))
        return found
    z = ages / (alpha + ages)
    return np.asarray((c + d - 1) / (c - 1) * (1 - (alpha / (alpha + ages)) ** r * special.hyp2f1(r, d, c + d - 1, z)))


def futures(
    model: Purchasing, lived: Histories, ahead: float, *, parameters: Floats, rng: np.random.Generator
) -> Floats:
    """Purchases of each customer in the time `ahead`, drawn given what they did: shape (draws, n).

    Each row is one future under one draw of the parameters, so that the spread holds both what is not known of the
    model and what chance does. A customer active now keeps a rate drawn from the gamma, and a chance (or rate) of
    stopping drawn from the beta (or gamma), updated by their own history.

    Args:
        model: Fitted.
        lived: The customers.
        ahead: Time ahead.
        parameters: Draws of the parameters (`Fit.draws`), one row per future.
        rng: Generator.
    """
    x, age = lived.repeats, lived.age
    found = np.empty((len(parameters), lived.n))
    for i, drawn in enumerate(parameters):
        chance = _active(model.model, drawn, lived)
        beyond = not np.isfinite(chance).all()  # drawn once in a great while: more than can be computed
        r, alpha, c, d = model.fit.values if beyond else drawn
        here = rng.random(lived.n) < (chance_active(model, lived) if beyond else chance)
        rate = rng.standard_gamma(r + x) / (alpha + age)
        if model.model == "pareto/nbd":
            stays = rng.standard_exponential(lived.n) * (d + age) / np.maximum(rng.standard_gamma(c, lived.n), 1e-300)
            bought = rng.poisson(rate * np.minimum(stays, ahead)).astype(float)
        else:
            stops = np.clip(rng.beta(c, d + x), 1e-12, 1.0)
            most = np.ceil(
                rng.standard_exponential(lived.n) / np.maximum(-np.log1p(-np.minimum(stops, 1 - 1e-12)), 1e-12)
            )
            bought = np.minimum(rng.poisson(rate * ahead), np.maximum(most, 1.0))
        found[i] = bought * here
    return found
