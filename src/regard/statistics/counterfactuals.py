"""What would have been without the treatment: synthetic difference in differences, synthetic control, differences.

References: Arkhangelsky, Athey, Hirshberg, Imbens and Wager (2021), AER 111(12), 4088-4118 (algorithm 1 with its
regularisation); Abadie, Diamond and Hainmueller (2010), JASA 105, 493-505 (weights on outcomes before only, no
predictors). Many fits with other targets and donors (placebos, donors left out, bootstrap samples) are made at once.

The weights solve a quadratic programme on the simplex exactly, by an active set; every fit carries its duality gap, so
that one which stopped too early is seen. One that is not solved says so and is not to be used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from regard.statistics.estimates import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

Method = Literal["sdid", "sc", "did"]
SMALL = 1e-6
"""Regularisation of time weights and of a synthetic control's unit weights, in standard deviations of noise."""

SOLVED = 1e-7
"""Largest duality gap of a solved fit, as a share of the variation of what is fitted."""

EXCHANGES = 12
"""Rounds in which many members may be exchanged, before single ones are."""

BLOCK = 4_000_000
"""Numbers held at once while time weights of many fits are solved."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Weights on a simplex, one row a problem.

    Attributes:
        weights: Shape (problems, members); rows sum to 1.
        gap: Frank-Wolfe duality gap of each problem, as a share of the variation of its target (or a ten-thousandth
            of the members', where the target hardly varies).
        steps: Steps of the active set in all.
    """

    weights: Floats
    gap: Floats
    steps: int


@dataclass(frozen=True, kw_only=True)
class Fits:
    """Fits of one panel, one row a target.

    Attributes:
        effect: Mean effect on the target after the start.
        apart: Target less its donors by time, less the level before: shape (fits, times).
        units: Unit weights, shape (fits, units).
        times: Time weights, shape (fits, times before).
        before: Root mean squared difference before the start (about its own level, but for a synthetic control).
        after: The same after the start.
        gap: The larger of both duality gaps.
    """

    effect: Floats
    apart: Floats
    units: Floats
    times: Floats
    before: Floats
    after: Floats
    gap: Floats

    @property
    def solved(self) -> NDArray[np.bool_]:
        """Which fits were solved to optimality."""
        return np.asarray(self.gap <= SOLVED, dtype=bool)


def noise_of(outcomes: Floats, before: int) -> float:
    """Standard deviation of the first differences of donors (units, times) before the start."""
    steps = np.diff(outcomes[:, :before], axis=1)
    return float(steps.std(ddof=1)) if steps.size > 1 else 0.0


def fits(
    outcomes: Floats,
    before: int,
    targets: Floats,
    donors: Floats,
    *,
    method: Method = "sdid",
    noise: float | None = None,
) -> Fits:
    """Fit every target to its donors.

    Assumes a block: every target is treated from column `before` on, no donor ever; effects do not reach donors.

    Args:
        outcomes: Shape (units, times), complete.
        before: Number of times before the start.
        targets: Shape (fits, units), rows sum to 1: the units whose mean is the target.
        donors: Shape (fits, units): how often each unit is a donor, 0 for not; more than once in bootstrap samples.
        method: Which estimator.
        noise: Standard deviation of first differences that sets the regularisation; of the first fit's donors if None.
    """
    y = np.asarray(outcomes, float)
    q, m = np.atleast_2d(np.asarray(targets, float)), np.atleast_2d(np.asarray(donors, float))
    sigma = noise_of(y[m[0] > 0], before) if noise is None else noise
    after = y.shape[1] - before
    treated = float((q[0] > 0).sum())
    units, gap = _unit_weights(y[:, :before], q, m, method, sigma * (treated * after) ** 0.25)
    times, other = _time_weights(y, before, m, method, sigma * SMALL)
    apart = (q - units) @ y
    level = (apart[:, :before] * times).sum(axis=1)
    apart = apart - level[:, None]
    own = apart[:, :before] if method == "sc" else apart[:, :before] - apart[:, :before].mean(axis=1, keepdims=True)
    return Fits(
        effect=apart[:, before:].mean(axis=1), apart=apart, units=units, times=times,
        before=np.sqrt((own**2).mean(axis=1)), after=np.sqrt((apart[:, before:] ** 2).mean(axis=1)),
        gap=np.maximum(gap, other),
    )  # fmt: skip


def _unit_weights(past: Floats, q: Floats, m: Floats, method: Method, zeta: float) -> tuple[Floats, Floats]:
    if method == "did":
        return m / m.sum(axis=1, keepdims=True), np.zeros(len(q))
    if method == "sc":
        zeta = SMALL * zeta
    x = past - past.mean(axis=1, keepdims=True) if method == "sdid" else past - past.mean()
    gram = x @ x.T
    ridge = past.shape[1] * zeta**2 / np.where(m > 0, m, 1.0)
    found = simplex(gram, q @ gram, ridge, m > 0, scale=((q @ x) ** 2).sum(axis=1), factor=x)
    return found.weights, found.gap


def _time_weights(y: Floats, before: int, m: Floats, method: Method, zeta: float) -> tuple[Floats, Floats]:
    if method != "sdid":
        return np.full((len(m), before), 1 / before if method == "did" else 0.0), np.zeros(len(m))
    x = np.column_stack([y[:, :before], y[:, before:].mean(axis=1)])
    x = x - x.mean(axis=0)
    rows, chunk = [], max(1, BLOCK // (before + 1) ** 2)
    same = bool((m == m[0]).all())
    for start in range(0, 1 if same else len(m), chunk):
        part = m[start : start + (1 if same else chunk)]
        gram = _weighted_gram(x, part)
        ridge = np.repeat(part.sum(axis=1)[:, None] * zeta**2, before, axis=1)
        free = np.ones((len(part), before), dtype=bool)
        rows.append(simplex(gram[:, :-1, :-1], gram[:, :-1, -1], ridge, free, scale=gram[:, -1, -1]))
    weights, gap = np.concatenate([r.weights for r in rows]), np.concatenate([r.gap for r in rows])
    return (np.repeat(weights, len(m), axis=0), np.repeat(gap, len(m))) if same else (weights, gap)


def _weighted_gram(x: Floats, m: Floats) -> Floats:
    """Products of columns about their mean over each row's donors: shape (rows, columns, columns)."""
    middle = (m @ x) / m.sum(axis=1, keepdims=True)
    found = np.empty((len(m), x.shape[1], x.shape[1]))
    for i, times in enumerate(m):
        off = (x - middle[i])[times > 0]
        found[i] = (off * times[times > 0, None]).T @ off
    return found


# ------------------------------------------------------------------------------------------------- weights on a simplex


def simplex(
    gram: Floats,
    linear: Floats,
    ridge: Floats,
    allowed: NDArray[np.bool_],
    *,
    scale: Floats,
    factor: Floats | None = None,
) -> Weights:
    """Minimise ½w'(G + diag(ridge))w − linear·w over the simplex of the allowed members, for many problems at once.

    A primal active set (Lawson and Hanson 1974, ch. 23, with the sum held at 1): exact but for rounding. The duality
    gap is computed afterwards from the gradient alone, so it does not trust the steps taken.

    Args:
        gram: Shape (members, members), shared, or (problems, members, members).
        linear: Shape (problems, members).
        ridge: Added to the diagonal, shape (problems, members).
        allowed: Which members may have weight, shape (problems, members).
        scale: Variation of each problem's target, which gaps are measured in.
        factor: What a shared gram is the product of, shape (members, rank); with few columns, first guesses are quick.
    """
    size = np.maximum(np.einsum("...ii->...i", gram).max(axis=-1), 1e-300) * np.ones(len(linear))
    ridge = ridge + 1e-13 * size[:, None]
    w = _start(gram, linear, ridge, allowed, factor if factor is not None and _narrow(factor) else None)
    steps, most = 0, 6 * gram.shape[-1] + 60
    open_ = np.arange(len(linear))
    support = w > 0
    while len(open_) and steps < most:
        steps += 1
        part = gram if gram.ndim == 2 else gram[open_]
        best, level = _on_support(part, linear[open_], ridge[open_], support[open_])
        w[open_], support[open_], kept = _towards(w[open_], best, support[open_])
        slope = _slope(part, linear[open_], ridge[open_], w[open_]) + level[:, None]
        slope = np.where(allowed[open_] & ~support[open_], slope, np.inf)
        least = slope.argmin(axis=1)
        lower = slope[np.arange(len(open_)), least] < -1e-11 * size[open_]
        grown = open_[kept & lower]
        support[grown, least[kept & lower]] = True
        open_ = open_[~(kept & ~lower)]
    gap = _gap(gram, linear, ridge, w, allowed)
    return Weights(weights=w, gap=gap / np.maximum(scale, 1e-4 * size), steps=steps)


def _narrow(factor: Floats) -> bool:
    """Whether a factor has so few columns that working with its products pays."""
    members, rank = factor.shape
    return bool(3 * rank < members and members * rank**2 <= BLOCK)


def _start(gram: Floats, linear: Floats, ridge: Floats, allowed: NDArray[np.bool_], factor: Floats | None) -> Floats:
    """The best single member; where the ridge is strong, by exchanging many members at once (Kim and Park 2011)."""
    diagonal = np.einsum("...ii->...i", gram)
    w = np.zeros(linear.shape)
    w[np.arange(len(w)), np.where(allowed, (diagonal + ridge) / 2 - linear, np.inf).argmin(axis=1)] = 1.0
    if np.where(allowed, ridge, np.inf).min() < 1e-4 * np.mean(diagonal):
        return w
    support, found = allowed.copy(), w
    products = None if factor is None else (factor[:, :, None] * factor[:, None, :]).reshape(len(factor), -1)
    for _ in range(EXCHANGES):
        if factor is None or products is None:
            free, level = _on_support(gram, linear, ridge, support)
        else:
            free, level = _by_factor(factor, products, linear, ridge, support)
        slope = _slope(gram, linear, ridge, free) + level[:, None]
        positive = np.maximum(free, 0.0)
        found = positive / positive.sum(axis=1, keepdims=True)
        exchanged = (support & (free > 0)) | (~support & allowed & (slope < 0))
        if (exchanged == support).all():
            break
        support = exchanged
    return found


def _on_support(gram: Floats, linear: Floats, ridge: Floats, support: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """The solution with the support free and the rest zero, and the multiplier of the sum."""
    problems, m = len(linear), int(support.sum(axis=1).max())
    at = np.argsort(~support, axis=1, kind="stable")[:, :m]
    real = np.take_along_axis(support, at, axis=1)
    rows = np.arange(problems)[:, None, None]
    block = gram[at[:, :, None], at[:, None, :]] if gram.ndim == 2 else gram[rows, at[:, :, None], at[:, None, :]]
    system = np.zeros((problems, m + 1, m + 1))
    system[:, :m, :m] = block * (real[:, :, None] & real[:, None, :])
    i = np.arange(m)
    system[:, i, i] += np.where(real, np.take_along_axis(ridge, at, axis=1), 1.0)
    system[:, :m, m] = system[:, m, :m] = real
    right = np.ones((problems, m + 1))
    right[:, :m] = np.where(real, np.take_along_axis(linear, at, axis=1), 0.0)
    solved = np.linalg.solve(system, right[:, :, None])[:, :, 0]
    w: Floats = np.zeros(linear.shape)
    np.put_along_axis(w, at, np.where(real, solved[:, :m], 0.0), axis=1)
    return w, np.asarray(solved[:, m], dtype=float)


def _by_factor(
    factor: Floats, products: Floats, linear: Floats, ridge: Floats, support: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """As `_on_support`, by the inverse of a low rank and a diagonal (Woodbury 1950): for strong ridges."""
    rank = factor.shape[1]
    light = support / ridge
    inner = (light @ products).reshape(len(light), rank, rank) + np.eye(rank)
    sides = np.stack([light * linear, light], axis=2)
    inside = np.linalg.solve(inner, np.einsum("pns,nk->pks", sides, factor, optimize=True))
    solved = sides - light[:, :, None] * np.einsum("nk,pks->pns", factor, inside, optimize=True)
    totals = solved.sum(axis=1)
    level = (totals[:, 0] - 1) / totals[:, 1]
    return solved[:, :, 0] - level[:, None] * solved[:, :, 1], np.asarray(level, dtype=float)


def _towards(
    w: Floats, best: Floats, support: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Go to the best point of the support, or as far as weights stay positive; who reached zero leaves the support."""
    under = support & (best <= 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(under, w / (w - best), np.inf)
    reach = np.where(under & ~np.isfinite(reach), 0.0, reach)
    step = np.minimum(reach.min(axis=1), 1.0)[:, None]
    moved = w + step * (best - w)
    out = under & (reach <= step)
    moved = np.where(out | ~support, 0.0, np.maximum(moved, 0.0))
    return moved, support & ~out, np.asarray(~under.any(axis=1), dtype=bool)


def _slope(gram: Floats, linear: Floats, ridge: Floats, w: Floats) -> Floats:
    product = w @ gram if gram.ndim == 2 else np.einsum("bi,bij->bj", w, gram)
    return np.asarray(product + ridge * w - linear, dtype=float)


def _gap(gram: Floats, linear: Floats, ridge: Floats, w: Floats, allowed: NDArray[np.bool_]) -> Floats:
    slope = _slope(gram, linear, ridge, w)
    return np.asarray((slope * w).sum(axis=1) - np.where(allowed, slope, np.inf).min(axis=1), dtype=float)
