"""A series as a moving level plus regression: what it would have gone on to be, with every uncertainty in the band.

The model: y = x'beta + level + noise, where the level walks at random or returns to the regression. Trend, season and
controls are columns of x with flat priors (a diffuse Kalman filter); the noise's size is integrated out (a t
distribution), and so is, over a grid, what has no closed form: how the level moves. Taking a single best value of it,
as maximum likelihood does, gives bands that are too narrow in short series. This is not the spike-and-slab regression
of Google's CausalImpact: every control named is in the model, and none is chosen.

References: Harvey (1989), Forecasting, Structural Time Series Models and the Kalman Filter; de Jong (1991), Annals of
Statistics 19, 1073-1083, for the filter with regression inside; Brodersen and others (2015), Annals of Applied
Statistics 9, 247-274, for effects as the difference from such a forecast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.estimates import LEVEL, Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Filtered:
    """Innovations of several series under several sizes of the level's movement.

    Attributes:
        white: Innovations over their standard deviation (of unit noise): shape (grid, steps seen, series).
        logdet: Logarithm of the determinant of the covariance: shape (grid,).
        ahead: Prediction of the step after the last: shape (grid, series).
        variance: Variance of the level at that step: shape (grid,).
    """

    white: Floats
    logdet: Floats
    ahead: Floats
    variance: Floats


@dataclass(frozen=True)
class Solved:
    """Regressions on whitened columns, one per point of the grid.

    Attributes:
        beta: Shape (grid, columns).
        inverse: Inverse cross products: shape (grid, columns, columns).
        scale: Residual variance: shape (grid,).
        score: Restricted log-likelihood: shape (grid,).
        freedom: Steps less columns.
    """

    beta: Floats
    inverse: Floats
    scale: Floats
    score: Floats
    freedom: int


@dataclass(frozen=True)
class Mixture:
    """t distributions that share their freedom, mixed by weights: shape (points, grid) and (grid,)."""

    place: Floats
    spread: Floats
    weights: Floats
    freedom: int

    @property
    def mean(self) -> Floats:
        """The mean of each point."""
        found: Floats = self.place @ self.weights
        return found

    @property
    def error(self) -> Floats:
        """The standard deviation of each point, of t's as normal ones."""
        about = self.spread**2 + (self.place - self.mean[:, None]) ** 2
        found: Floats = np.sqrt(about @ self.weights)
        return found

    def below(self, value: Floats) -> Floats:
        """Chance of lying below a value, per point."""
        away = (value[:, None] - self.place) / np.maximum(self.spread, 1e-300)
        found: Floats = special.stdtr(self.freedom, away) @ self.weights
        return found

    def quantile(self, share: float) -> Floats:
        """The value below which a share lies, per point, by halving; the smallest weights are left out."""
        heavy = self.weights > 1e-5 * self.weights.max()
        weights = self.weights[heavy] / self.weights[heavy].sum()
        part = Mixture(self.place[:, heavy], self.spread[:, heavy], weights, self.freedom)
        reach = float(special.stdtrit(self.freedom, max(share, 1 - share))) + 1.0
        low = (part.place - reach * part.spread).min(axis=1)
        high = (part.place + reach * part.spread).max(axis=1)
        for _ in range(44):
            middle = (low + high) / 2
            above = part.below(middle) > share
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        found: Floats = (low + high) / 2
        return found

    def interval(self, level: float = LEVEL) -> tuple[Floats, Floats]:
        """The interval with equal tails, per point."""
        return self.quantile((1 - level) / 2), self.quantile((1 + level) / 2)

    def p(self) -> Floats:
        """Twice the smaller chance of lying on one side of zero, per point."""
        under = self.below(np.zeros(len(self.place)))
        found: Floats = 2 * np.minimum(under, 1 - under)
        return found


@dataclass(frozen=True)
class Grid:
    """Ways the level may move, with what is thought of each before the series is seen.

    Attributes:
        keeps: What the level keeps of itself from step to step: 1 for a random walk, less for one that returns.
        movement: Variance of its step over that of the noise.
        prior: Weight before, summing to one.
    """

    keeps: Floats
    movement: Floats
    prior: Floats


def usual() -> Grid:
    """A level that walks (nine parts of ten before the series is seen), one that returns, and none that moves.

    A slow walk and a level that returns look alike in short series, and only the walk's band is wide enough for both:
    so the series must speak for the others before the band narrows. Within each, even in the level's share of what
    moves.
    """
    share = (np.arange(12) + 0.5) / 12
    walk = (share / (1 - share)) ** 2
    keeps = np.repeat([0.3, 0.5, 0.7, 0.85, 0.95], 6)
    part = np.tile((np.arange(6) + 0.5) / 6, 5)
    stays = (part / (1 - part)) ** 2 * (1 - keeps**2)
    return Grid(
        np.r_[1.0, keeps, np.ones(12)],
        np.r_[0.0, stays, walk],
        np.r_[0.02, np.full(30, 0.08 / 30), np.full(12, 0.9 / 12)],
    )


def filtered(series: Floats, grid: Grid, seen: NDArray[np.bool_] | None = None) -> Filtered:
    """Run the filter over several series at once, for every point of the grid.

    A level that walks starts at zero without variance: its start is a column of ones among the series.

    Args:
        series: Shape (steps, series).
        grid: Ways the level may move.
        seen: Steps with an observation; None takes all.
    """
    steps, count = series.shape
    g = len(grid.keeps)
    at = np.ones(steps, bool) if seen is None else seen
    white, logdet = np.empty((g, int(at.sum()), count)), np.zeros(g)
    returns = grid.keeps < 1
    variance = np.where(returns, grid.movement / np.where(returns, 1 - grid.keeps**2, 1.0), 0.0)
    ahead, row = np.zeros((g, count)), 0
    for t in range(steps):
        if at[t]:
            total = variance + 1.0
            away = series[t] - ahead
            white[:, row] = away / np.sqrt(total)[:, None]
            logdet += np.log(total)
            ahead = ahead + (variance / total)[:, None] * away
            variance = variance / total
            row += 1
        ahead = ahead * grid.keeps[:, None]
        variance = variance * grid.keeps**2 + grid.movement
    return Filtered(white, logdet, ahead, variance)


def solve(y: Floats, x: Floats, logdet: Floats) -> Solved:
    """Generalised least squares and restricted likelihood on whitened columns.

    Reference: Harville (1974), Biometrika 61, 383-385, for the restricted likelihood, noise variance profiled out.

    Args:
        y: Shape (grid, steps).
        x: Shape (grid, steps, columns).
        logdet: Shape (grid,).
    """
    turned = x.transpose(0, 2, 1)
    cross = turned @ x
    cross += 1e-10 * np.einsum("gii->gi", cross).max(axis=1)[:, None, None] * np.eye(x.shape[2])
    inverse = np.linalg.inv(cross).astype(float)
    beta = (inverse @ (turned @ y[:, :, None]))[:, :, 0]
    left = y - (x @ beta[:, :, None])[:, :, 0]
    freedom = y.shape[1] - x.shape[2]
    total = np.maximum((left**2).sum(axis=1), 1e-300).astype(float)
    _, size = np.linalg.slogdet(cross)
    score = -0.5 * (logdet + size + freedom * np.log(total))
    return Solved(beta, inverse, total / freedom, score, freedom)


def weighed(score: Floats, prior: Floats | None = None) -> Floats:
    """Weights of the grid: the likelihood times a prior, summing to one."""
    log = score + (0.0 if prior is None else np.log(prior))
    found: Floats = np.exp(log - special.logsumexp(log))
    return found


@dataclass(frozen=True)
class Forecast:
    """What the series would have gone on to be.

    Attributes:
        steps: The difference of what came from what would have, per later step (NaN where nothing came).
        totals: Its running sum over what came.
        weights: Of the grid.
        solved: The regressions on the steps before.
        white: One-step errors before over their standard deviation, at the likeliest point of the grid.
        errors: The same in the outcome's units.
    """

    steps: Mixture
    totals: Mixture
    weights: Floats
    solved: Solved
    white: Floats
    errors: Floats


def forecast(y: Floats, x: Floats, later_y: Floats, later_x: Floats, *, grid: Grid | None = None) -> Forecast:
    """Difference of later steps from what the earlier ones lead to expect.

    Args:
        y: Earlier outcomes: shape (steps,); NaN are steps not seen.
        x: Columns, a column of ones among them: shape (steps, columns).
        later_y: Later outcomes: shape (later,); NaN are left out of the sums.
        later_x: The same columns later.
        grid: Ways the level may move; None takes the usual ones.
    """
    ways = usual() if grid is None else grid
    seen = np.isfinite(y)
    run = filtered(np.column_stack([np.where(seen, y, 0.0), x]), ways, seen)
    fit = solve(run.white[:, :, 0], run.white[:, :, 1:], run.logdet)
    weights = weighed(fit.score, ways.prior)
    known = np.isfinite(later_y)
    left = ways.keeps[:, None] ** np.arange(len(later_y))[None, :]
    away_y = np.where(known, later_y, 0.0)[None, :] - run.ahead[:, :1] * left
    away_x = later_x[None, :, :] - run.ahead[:, None, 1:] * left[:, :, None]
    gap = away_y - (away_x @ fit.beta[:, :, None])[:, :, 0]
    single, summed = _spreads(run.variance, ways, known)
    total_x = np.cumsum(away_x * known[None, :, None], axis=1)
    scale = fit.scale[:, None]
    total = np.cumsum(np.where(known[None, :], gap, 0.0), axis=1)
    best = int(np.argmax(weights))
    white = run.white[best, :, 0] - run.white[best, :, 1:] @ fit.beta[best]
    return Forecast(
        steps=Mixture(
            np.where(known[None, :], gap, np.nan).T,
            np.sqrt(scale * (single + _pull(away_x, fit.inverse))).T,
            weights,
            fit.freedom,
        ),
        totals=Mixture(total.T, np.sqrt(scale * (summed + _pull(total_x, fit.inverse))).T, weights, fit.freedom),
        weights=weights,
        solved=fit,
        white=white / math.sqrt(fit.scale[best]),
        errors=white * _roots(ways, best, seen),
    )


def _pull(x: Floats, inverse: Floats) -> Floats:
    """Variance from the coefficients: x' V x for every step and point of the grid."""
    found: Floats = ((x @ inverse) * x).sum(axis=2)
    return found


def _roots(grid: Grid, point: int, seen: NDArray[np.bool_]) -> Floats:
    """Standard deviation of each one-step error over that of the noise, at one point of the grid."""
    keeps, movement = float(grid.keeps[point]), float(grid.movement[point])
    variance, found = (movement / (1 - keeps**2) if keeps < 1 else 0.0), []
    for each in seen:
        if each:
            found.append(math.sqrt(variance + 1.0))
            variance /= variance + 1.0
        variance = variance * keeps**2 + movement
    return np.asarray(found)


def _spreads(variance: Floats, grid: Grid, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Variances of each later step and of the running sum of those that came, over that of the noise."""
    level, common, total = variance.copy(), np.zeros_like(variance), np.zeros_like(variance)
    single, summed = [], []
    for each in known:
        # `common` is the covariance of the sum so far with the level now.
        if each:
            total = total + 2 * common + level + 1.0
            common = common + level
        single.append(level + 1.0)
        summed.append(total)
        common = common * grid.keeps
        level = level * grid.keeps**2 + grid.movement
    return np.array(single).T, np.array(summed).T
