"""Counts of leaves as shocks that values share and an uneven effect within a set: how well a set explains them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, special

from regard.statistics.estimates import Floats, Whole
from regard.statistics.expectations import Expected, Past

Mask = NDArray[np.bool_]
LIFT = 1.2
"""Standard deviation of a log effect before seeing."""
PART = 1.0
"""Standard deviation of how much a part's log effect is beyond its rest's, before seeing."""
SHARED, BY_VALUE = 0.05, 0.03
"""Log rates of the whole and of values stray at least so much between periods, whatever a short past shows."""
LARGE = 1500
"""Leaves from which on those outside a set count by the curvature at their mode."""
SHOCKS, INNER = 150, 100
"""Most effects of shocks, and of unevenness in a set: of dimensions with very many values the rare ones have none; what
they stray by is hidden by their counts."""
STEPS, CLOSE = 12, 0.02
"""Most of Newton's steps; after one as small as this the next would change less than its square."""


@dataclass(frozen=True)
class Design:
    """Which effects each leaf has: ones in a few columns, so that sums are gathered rather than multiplied.

    Attributes:
        columns: (leaves, each) columns of a leaf; `width` where it has fewer.
        width: Columns there are.
    """

    columns: Whole
    width: int

    def of(self, effects: Floats) -> Floats:
        """(leaves,) sum of the effects of each leaf."""
        return np.asarray(np.append(effects, 0.0)[self.columns].sum(axis=1))

    def back(self, values: Floats) -> Floats:
        """(width,) sum of the values of the leaves that have each effect."""
        each = self.columns.shape[1]
        sums = np.bincount(self.columns.ravel(), np.repeat(values, each), self.width + 1)
        return np.asarray(sums[: self.width], np.float64)

    def curvature(self, weight: Floats) -> Floats:
        """(width, width) sum of weights of the leaves that have both effects."""
        codes, rows = self._pairs
        upper = np.bincount(codes, weight[rows], self.width**2).reshape(self.width, self.width)
        found = upper + upper.T
        found[np.diag_indices(self.width)] -= upper.diagonal()
        return np.asarray(found)

    @cached_property
    def _pairs(self) -> tuple[Whole, Whole]:
        """Number of each pair of columns that a leaf has, and the leaf."""
        first, second = np.triu_indices(self.columns.shape[1])
        one, other = self.columns[:, first], self.columns[:, second]
        there = (one < self.width) & (other < self.width)
        return (one * self.width + other)[there], np.nonzero(there)[0]


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A mode with what is around it.

    Attributes:
        found: (effects,) shocks of the whole and of values, the set's effect, its unevenness.
        curve: (effects, effects) minus the second derivative of the logarithm of the posterior there.
        nats: Logarithm of the integral, by Laplace's method.
    """

    found: Floats
    curve: Floats
    nats: float


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Leaves that are modelled one by one, and what the others add: slope and curvature at the calm mode."""

    bad: Floats
    total: Floats
    level: Floats
    design: Design
    slope: Floats
    curve: Floats
    rest: float


class ShockModel:
    """A mixed model (logistic for shares, log-linear for counts) with normal priors, integrated by Laplace's method.

    A leaf's own dispersion and what its past leaves open count as fewer customers. Reference: Breslow and Clayton
    (1993), Approximate inference in generalized linear mixed models, JASA 88.
    """

    def __init__(self, codes: Whole, past: Past, expected: Expected) -> None:
        self.kept = past.total * expected.rate > 0
        self.shares = past.shares
        open_ = 1 / (past.tries.sum(axis=0) + expected.strength + 1)
        if past.shares:
            over = 1 + np.maximum(past.total - 1, 0) * (expected.stray + open_)
            level = special.logit(expected.rate)
        else:
            over = 1 + past.total * expected.rate * (expected.stray + open_ / expected.rate)
            level = np.log(expected.rate)
        self.bad, self.total = (past.bad / over)[self.kept], (past.total / over)[self.kept]
        self.level, self.codes = level[self.kept], codes[self.kept]
        widths = codes.max(axis=0, initial=0) + 1
        self.starts = np.concatenate([[1], 1 + np.cumsum(widths)])
        self.columns = np.column_stack([np.zeros(len(self.codes), np.int64), self.codes + self.starts[:-1]])
        kept = self._often(np.arange(int(self.starts[-1])), np.ones(len(self.codes), bool), SHOCKS)
        place = np.full(int(self.starts[-1]), len(kept))
        place[kept] = np.arange(len(kept))
        self.shocks = Design(place[self.columns], len(kept))
        by_value = np.full(len(kept) - 1, 1 / (expected.by_value + BY_VALUE**2))
        self.priors = np.concatenate([[1 / (expected.shared + SHARED**2)], by_value])
        none = np.zeros(len(self.priors))
        whole = _Part(bad=self.bad, total=self.total, level=self.level, design=self.shocks, slope=none,
                      curve=np.zeros((len(none), len(none))), rest=0.0)  # fmt: skip
        self.calm = none
        fitted = self._fit(whole, self.priors, none)
        self.calm, self.base = fitted.found, fitted.nats
        self.mean, self.weight = _mean(self.level + self.shocks.of(self.calm), self.total, shares=self.shares)
        self.slope = self.shocks.back(self.bad - self.mean)
        self.curve = self.shocks.curvature(self.weight)
        self.each = _nats(self.bad, self.total, self.level + self.shocks.of(self.calm), shares=self.shares)

    def _often(self, columns: Whole, held: Mask, most: int) -> Whole:
        """Those columns that the most is expected of, in their order."""
        if len(columns) <= most:
            return columns
        due = (self.total * np.exp(np.minimum(self.level, 0.0)))[held]
        each = self.columns.shape[1]
        often = np.bincount(self.columns[held].ravel(), np.repeat(due, each), int(self.starts[-1]))[columns]
        return np.sort(columns[np.argsort(-often, kind="stable")[:most]])

    def first(self, leaves: Mask) -> float:
        """The log effect within some leaves over what shocks alone explain."""
        held = leaves[self.kept]
        return float(np.log((self.bad[held].sum() + 0.5) / (self.mean[held].sum() + 0.5)))

    def gain(self, fixed: Iterable[int], leaves: Mask, spreads: Iterable[float], sign: int,
             part: tuple[int, int] | None = None) -> list[float]:  # fmt: skip
        """Nats over shocks alone for each spread of unevenness; -inf where the set is not worse.

        Args:
            fixed: Dimensions the set fixes; its effect is uneven over the values of the others.
            leaves: (leaves,) the set.
            spreads: Of the effect by value, as shares of it.
            sign: 1 where more is worse, -1 where fewer is.
            part: Dimension and value of a part of the set that has an effect of its own beside it.
        """
        effect = self.first(leaves)
        if sign * effect <= 0:
            return [-np.inf for _ in spreads]
        whole, inner = self._part(set(fixed), leaves, part)
        found, nats = None, []
        for spread in spreads:
            priors, start = self._prior(effect, spread, len(inner), apart=part is not None)
            fitted = self._fit(whole, priors, start if found is None else found)
            found = fitted.found
            nats.append(fitted.nats - self.base)
        return nats

    def parts(self, fixed: Iterable[int], leaves: Mask, most: int) -> tuple[list[tuple[int, int]], int]:
        """Parts (dimension and value) that differ the most from the rest of a set, by at least half as many standard
        errors as the first, and how many parts there are."""
        held = leaves[self.kept]
        codes, bad, due = self.codes[held], self.bad[held], self.mean[held]
        fixed, found, many = set(fixed), [], 0
        for d in range(codes.shape[1]):
            if d in fixed:
                continue
            seen, expected = np.bincount(codes[:, d], bad), np.bincount(codes[:, d], due)
            there = np.flatnonzero((expected > 0) & (expected < due.sum() * (1 - 1e-9)))
            c, e, many = seen[there] + 0.5, expected[there] + 0.5, many + len(there)
            rest, left = bad.sum() - seen[there] + 0.5, due.sum() - expected[there] + 0.5
            z = (np.log(c / e) - np.log(rest / left)) / np.sqrt(1 / c + 1 / rest)
            found += [(float(x), d, int(v)) for x, v in zip(np.abs(z), there, strict=True)]
        first = sorted(found, reverse=True)[:most]
        return [(d, v) for z, d, v in first if z >= first[0][0] / 2], many

    def fitted(self, fixed: Iterable[int], leaves: Mask, spread: float) -> tuple[Fitted, Whole]:
        """The fit of one set, and which values' columns its unevenness has, in the order of the last effects."""
        part, inner = self._part(set(fixed), leaves)
        return self._fit(part, *self._prior(self.first(leaves), spread, len(inner))), inner

    def _part(self, fixed: set[int], leaves: Mask, apart: tuple[int, int] | None = None) -> tuple[_Part, Whole]:
        """Shocks, the effect, its unevenness by the values of other dimensions, and what a part has beside it."""
        held = leaves[self.kept]
        own = np.flatnonzero(held) if len(held) > LARGE else np.arange(len(held))
        free = [d + 1 for d in range(self.codes.shape[1]) if d not in fixed]
        inner = np.unique(self.columns[held][:, free]) if free else np.zeros(0, np.int64)
        inner, width = self._often(inner, held, INNER), self.shocks.width
        size = width + 1 + len(inner) + (apart is not None)
        place = np.full(int(self.starts[-1]), size)
        place[inner] = width + 1 + np.arange(len(inner))
        more = np.column_stack([np.full(len(own), width), place[self.columns[own][:, free]]])
        if apart:
            within = self.codes[own, apart[0]] == apart[1]
            more = np.column_stack([more, np.where(within, size - 1, size)])
        more[~held[own]] = size
        shared = self.shocks.columns[own]
        design = Design(np.column_stack([np.where(shared < width, shared, size), more]), size)
        slope, curve, rest = np.zeros(size), np.zeros((size, size)), 0.0
        if len(own) < len(held):
            shocks = Design(shared, width)
            slope[:width] = self.slope - shocks.back(self.bad[own] - self.mean[own])
            curve[:width, :width] = self.curve - shocks.curvature(self.weight[own])
            rest = float(self.each.sum() - self.each[own].sum())
        return _Part(bad=self.bad[own], total=self.total[own], level=self.level[own], design=design, slope=slope,
                     curve=curve, rest=rest), inner  # fmt: skip

    def _prior(self, effect: float, spread: float, inner: int, *, apart: bool = False) -> tuple[Floats, Floats]:
        """Precisions, and where Newton's steps begin."""
        width = max(spread * max(abs(effect), 0.25), 0.05)
        own = [1 / PART**2] if apart else []
        priors = np.concatenate([self.priors, [1 / LIFT**2], np.full(inner, 1 / width**2), own])
        start = np.concatenate([self.calm, [effect], np.zeros(inner + len(own))])
        return priors, start

    def _fit(self, part: _Part, priors: Floats, start: Floats) -> Fitted:
        """The mode by Newton's steps, and the logarithm of the integral around it."""
        found, calm = start, np.zeros(len(start))
        calm[: len(self.calm)] = self.calm
        for _ in range(STEPS):
            mean, weight = _mean(part.level + part.design.of(found), part.total, shares=self.shares)
            curve = part.design.curvature(weight) + part.curve
            curve[np.diag_indices(len(found))] += priors
            slope = part.design.back(part.bad - mean) + part.slope - part.curve @ (found - calm) - priors * found
            root = linalg.cho_factor(curve, check_finite=False)
            step = linalg.cho_solve(root, slope, check_finite=False)
            size = float(np.abs(step).max())
            found = found + step * min(1.0, 2 / max(size, 1e-12))
            if size < CLOSE:
                break
        away = found - calm
        nats = _nats(part.bad, part.total, part.level + part.design.of(found), shares=self.shares)
        fit = float(nats.sum()) + part.rest
        fit += float(part.slope @ away - 0.5 * away @ part.curve @ away)
        prior = -0.5 * float(priors @ found**2) + 0.5 * float(np.log(priors).sum())
        return Fitted(found=found, curve=curve, nats=fit + prior - float(np.log(root[0].diagonal()).sum()))


def _mean(eta: Floats, total: Floats, *, shares: bool) -> tuple[Floats, Floats]:
    """Expected counts and their variance."""
    if shares:
        p = special.expit(eta)
        return total * p, total * p * (1 - p)
    mean = total * np.exp(np.minimum(eta, 30))
    return mean, mean


def _nats(bad: Floats, total: Floats, eta: Floats, *, shares: bool) -> Floats:
    return bad * eta - total * (np.logaddexp(0, eta) if shares else np.exp(np.minimum(eta, 30)))
