"""Maximum likelihood for a few positive parameters: the fit, whether it really stands at a maximum, and its spread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from regard.statistics.estimates import Floats

LogLikelihood = Callable[[Floats], float]
Gradient = Callable[[Floats], Floats]
FLAT = 1e-4
"""Largest slope per observation, in the logarithms of the parameters, that counts as standing at the top."""
WIDE = 3.0
"""Standard error of a parameter's logarithm beyond which the data do not say its order of magnitude."""
BOUND = 12.0


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fit by maximum likelihood, or by the mode of the posterior where a weak prior had to help.

    Attributes:
        values: The parameters, all positive: shape (k,).
        covariance: Of their logarithms, from the observed information: shape (k, k).
        loglik: Log-likelihood there, the prior left out.
        slope: Largest slope of the objective per observation there.
        n: Observations.
        prior: Whether a weak prior was used.
        refused: Why there is no fit; empty when there is one.
    """

    values: Floats
    covariance: Floats
    loglik: float
    slope: float
    n: int
    prior: bool = False
    refused: str = ""

    def errors(self) -> Floats:
        """Standard errors of the parameters themselves (delta method)."""
        found: Floats = self.values * np.sqrt(np.diag(self.covariance))
        return found

    def draws(self, count: int, rng: np.random.Generator) -> Floats:
        """Parameters drawn from their large-sample distribution, log-normal: shape (count, k)."""
        drawn = rng.multivariate_normal(np.log(self.values), self.covariance, size=count, method="cholesky")
        return np.asarray(np.exp(np.clip(drawn, -BOUND, BOUND)))


def fit(
    loglik: LogLikelihood,
    start: Floats,
    *,
    n: int,
    gradient: Gradient | None = None,
    centre: Floats | None = None,
    spread: float = 2.0,
) -> Fit:
    """The parameters of the greatest likelihood, checked.

    The fit is refused unless the slope vanishes and the observed information is positive definite. Where the likelihood
    is so flat that a parameter's order of magnitude stays open, a weak log-normal prior around `centre` is added, and
    said (`prior`).

    Args:
        loglik: Log-likelihood of the logarithms of the parameters.
        start: Where to start: positive, shape (k,).
        n: Observations, for the scale of the slope.
        gradient: Its gradient in the logarithms; by differences when left out.
        centre: Middle of the weak prior; none: never helped.
        spread: Standard deviation of the prior in logarithms.
    """
    found = _fit(loglik, start, n=n, gradient=gradient, centre=None, spread=spread)
    loose = found.refused or float(np.sqrt(np.diag(found.covariance)).max()) > WIDE
    return (
        _fit(loglik, centre, n=n, gradient=gradient, centre=centre, spread=spread)
        if loose and centre is not None
        else found
    )


def _fit(
    loglik: LogLikelihood, start: Floats, *, n: int, gradient: Gradient | None, centre: Floats | None, spread: float
) -> Fit:
    middle = None if centre is None else np.log(centre)

    def objective(theta: Floats) -> float:
        penalty = 0.0 if middle is None else float(((theta - middle) ** 2).sum()) / (2 * spread**2)
        value = -(loglik(theta) - penalty) / n
        return value if np.isfinite(value) else 1e10

    def slope(theta: Floats) -> Floats:
        if gradient is None:
            return _differences(objective, theta)
        pull: Floats | float = 0.0 if middle is None else (theta - middle) / spread**2
        return np.asarray(-(gradient(theta) - pull) / n)

    begun = np.log(np.asarray(start, float))
    best = optimize.minimize(objective, begun, jac=slope, method="L-BFGS-B", bounds=[(-BOUND, BOUND)] * len(begun),
                             options={"maxiter": 500, "ftol": 1e-14, "gtol": 1e-7})  # fmt: skip
    theta = np.asarray(best.x)
    information = n * _curvature(slope, theta)
    steep = float(np.abs(slope(theta)).max())
    refused = _refusal(theta, information, steep)
    covariance = np.full(information.shape, np.nan, dtype=np.float64)
    if not refused:
        covariance[:] = np.linalg.inv(information)
    return Fit(values=np.exp(theta), covariance=covariance, loglik=float(loglik(theta)), slope=steep, n=n,
               prior=middle is not None, refused=refused)  # fmt: skip


def _refusal(theta: Floats, information: Floats, steep: float) -> str:
    if not np.isfinite(information).all() or steep > FLAT:
        return "the fit did not converge: the likelihood still rises where the search stopped"
    if (np.abs(theta) > BOUND - 0.01).any() or float(np.linalg.eigvalsh(information).min()) <= 0:
        return "the fit ran to the edge: these data do not determine the model's parameters"
    return ""


def _differences(objective: LogLikelihood, theta: Floats, step: float = 1e-5) -> Floats:
    steps = step * np.eye(len(theta))
    return np.array([(objective(theta + s) - objective(theta - s)) / (2 * step) for s in steps])


def _curvature(slope: Gradient, theta: Floats, step: float = 1e-3) -> Floats:
    steps = step * np.eye(len(theta))
    rows = np.array([(slope(theta + s) - slope(theta - s)) / (2 * step) for s in steps])
    found: Floats = (rows + rows.T) / 2
    return found
