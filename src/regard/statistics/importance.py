"""Which drivers go with an outcome, by how much each on its own, and whether bad loses more than good wins.

Three questions with three answers, never one "importance": the share of explained variance (association), the effect
with the others held still, and the asymmetry of penalty and reward. None of them is causal. A driver is *key* only
when its own effect stands after all drivers tested are accounted for (Benjamini and Hochberg), so that a driver
without effect that merely moves with its neighbours is not.

Missing values are of two kinds. *Not applicable* gets an indicator of its own, and the driver is the block of both.
*Missing* (not asked, not answered) is taken as missing at random and filled several times (`missing.fillings`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.comparisons import benjamini_hochberg, holm
from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, around, codes, quantile, refusal
from regard.statistics.missing import fillings, pooled
from regard.statistics.regression import least_squares, wald
from regard.statistics.resampling import blocks, draws, percentiles
from regard.statistics.shares import LMG_MOST, as_correlation, shares

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, kw_only=True)
class Driver:
    """One driver.

    Attributes:
        name: Its name.
        share: Share of the outcome's variance that goes with it (association), what noise alone explains taken off;
            adds up to `Importance.explained`.
        rank: 1 for the largest share.
        first: Chance, over bootstrap replicates, that it is the largest.
        ranks: Chance of each rank, the first first.
        effect: Change of the outcome for one more unit of the driver, the others held still.
        standardised: The same in standard deviations of both.
        p: p-value of no effect (of the whole block).
        q: The same with all drivers accounted for (false discovery rate).
        holm: The same holding the chance of even one false claim.
        key: Whether its effect stands after accounting for all drivers.
        inflation: Variance inflation factor: how much its neighbours blur its effect; above 5 read the group instead.
        group: Number of the group of drivers that move together.
        seen: Rows in which it was answered.
    """

    name: str
    share: Estimate
    rank: int
    first: float
    ranks: tuple[float, ...]
    effect: Estimate
    standardised: Estimate
    p: float
    q: float
    holm: float
    key: bool
    inflation: float
    group: int
    seen: int


@dataclass(frozen=True, kw_only=True)
class Importance:
    """All drivers of an outcome.

    Attributes:
        drivers: In the order given; empty when refused.
        explained: R² without what noise alone explains, with its interval.
        groups: Names of drivers that move together (correlation .7 or more), only groups of two or more.
        group_shares: Share of each of these groups.
        n: Rows.
        clusters: Customers.
        method: How the shares were made.
        refused: Why there is no answer; empty when there is one.
        left_out: Drivers that could not be judged, with the reason.
    """

    drivers: tuple[Driver, ...]
    explained: Estimate
    groups: tuple[tuple[str, ...], ...] = ()
    group_shares: tuple[float, ...] = ()
    n: int = 0
    clusters: int = 0
    method: str = ""
    refused: str = ""
    left_out: tuple[tuple[str, str], ...] = ()


def key_drivers(
    x: ArrayLike,
    y: ArrayLike,
    names: tuple[str, ...],
    *,
    clusters: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    not_applicable: ArrayLike | None = None,
    replicates: int = 400,
    fillings_made: int = 10,
    seed: int = 0,
    level: float = LEVEL,
    claimed: float = 0.05,
    least_per_driver: int = 10,
) -> Importance:
    """Shares, effects and ranks of drivers of one outcome.

    Shares: all subsets up to 14 drivers (`shares.lmg`), Johnson's weights above. On any sample they are too large, for
    noise explains something, too: the sum is brought down by what the robust covariance says it does (with equal
    variances the adjusted R² of Wherry 1931), each share by its own excess over bootstrap samples (Efron and
    Tibshirani 1993, ch. 10). Intervals by cluster bootstrap on Fisher's scale; they do not hold for a share of true
    zero (a share is never negative): judge by `key`, not by them.
    Effects: least squares with HC3 or cluster-robust errors. Assumes a linear mean and independent clusters.
    Thin evidence: fewer than `least_per_driver` customers per driver plus 20, refused; drivers that do not vary or are
    answered in less than a tenth of the rows are left out and named.

    Args:
        x: Shape (rows, drivers), NaN where missing.
        y: Shape (rows,), the outcome; rows without it are left out.
        names: Names of the drivers.
        clusters: Who each row belongs to.
        weights: Sampling weights, one per row: shares and effects then stand for whom the rows stand for.
        not_applicable: Shape of x: True where the driver did not apply (rather than was not answered).
        replicates: Bootstrap replicates.
        fillings_made: Fillings of missing values, when there are any.
        seed: Seed of the generator.
        level: Confidence.
        claimed: False discovery rate held for `key`.
        least_per_driver: Customers needed per driver.
    """
    table = _table(x, y, names, clusters, not_applicable, weights)
    thin = _thin(table, least_per_driver, level)
    if thin:
        return thin
    filled = _filled(table, fillings_made, seed)
    effects, deviations, chance = _effects(filled, table, own=clusters is not None)
    raw, replicated = _shares(filled, table, replicates, seed)
    observed = _freed(raw, replicated, chance)
    inflation, group = _neighbours(filled, table)
    p_values = np.array([e.p for e in effects])
    q, h = benjamini_hochberg(p_values), holm(p_values)
    order, places = _places(observed[None])[0], _places(replicated)
    shown = _estimates(observed, replicated, table, level)
    drivers = tuple(
        Driver(
            name=name,
            share=shown[j],
            rank=int(order[j]) + 1,
            first=float((places[:, j] == 0).mean()),
            ranks=tuple(float((places[:, j] == r).mean()) for r in range(len(order))),
            effect=effects[j].estimate(level, len(table.y)),
            standardised=effects[j].estimate(level, len(table.y)).times(deviations[j]),
            p=float(p_values[j]),
            q=float(q[j]),
            holm=float(h[j]),
            key=bool(q[j] <= claimed),
            inflation=float(inflation[j]),
            group=int(group[j]),
            seen=int(table.seen[j]),
        )
        for j, name in enumerate(table.names)
    )
    return _whole(drivers, table, observed, shown[-1])


def _thin(table: _Table, least_per_driver: int, level: float) -> Importance | None:
    """The refusal, when the evidence is too thin for these drivers."""
    k, p = table.customers, len(table.names)
    need = 20 + least_per_driver * max(p, 1)
    if p and k >= need and table.y.std() > 0:
        return None
    why = f"only {k:,} customers with an outcome; {need:,} are needed for {p} drivers"
    why = "no driver varies" if not p else "the outcome does not vary" if k >= need else why
    return Importance(
        drivers=(),
        explained=refusal(why, n=len(table.y), level=level),
        n=len(table.y),
        clusters=k,
        method=table.method,
        refused=why,
        left_out=table.left_out,
    )


def _places(given: Floats) -> Whole:
    """Rank of each driver in each row of shares, 0 the largest."""
    found: Whole = np.argsort(np.argsort(-given, axis=1, kind="stable"), axis=1, kind="stable")
    return found


def _whole(drivers: tuple[Driver, ...], table: _Table, observed: Floats, explained: Estimate) -> Importance:
    members: dict[int, list[int]] = {}
    for j, driver in enumerate(drivers):
        members.setdefault(driver.group, []).append(j)
    together = [g for g in members.values() if len(g) > 1]
    return Importance(
        drivers=drivers,
        explained=explained,
        groups=tuple(tuple(table.names[j] for j in g) for g in together),
        group_shares=tuple(float(observed[g].sum()) for g in together),
        n=len(table.y),
        clusters=table.customers,
        method=table.method,
        left_out=table.left_out,
    )


@dataclass(frozen=True)
class _Table:
    """Drivers as blocks of columns: the value, an indicator where it may not apply; the outcome last."""

    columns: Floats
    sizes: tuple[int, ...]
    y: Floats
    who: Whole
    names: tuple[str, ...]
    seen: Whole
    left_out: tuple[tuple[str, str], ...]
    weights: Floats | None = None

    @property
    def customers(self) -> int:
        return int(self.who.max()) + 1 if len(self.who) else 0

    @property
    def method(self) -> str:
        return "all subsets (LMG)" if len(self.names) <= LMG_MOST else "relative weights (Johnson)"


@dataclass(frozen=True)
class _Effect:
    value: float
    variance: float
    freedom: float
    p: float

    def estimate(self, level: float, n: int) -> Estimate:
        return around(
            self.value,
            math.sqrt(max(self.variance, 0.0)),
            n=n,
            freedom=self.freedom,
            level=level,
            method="least squares, the others held still",
        )


def _table(  # noqa: PLR0917 - key_drivers' own arguments, in their order
    x: ArrayLike,
    y: ArrayLike,
    names: tuple[str, ...],
    clusters: ArrayLike | None,
    not_applicable: ArrayLike | None,
    weights: ArrayLike | None,
) -> _Table:
    values, outcome = np.asarray(x, float).reshape(len(np.asarray(y)), -1), np.asarray(y, float)
    away = np.zeros(values.shape, bool) if not_applicable is None else np.asarray(not_applicable, bool)
    keep = np.isfinite(outcome)
    if not keep.all():
        values, outcome, away = values[keep], outcome[keep], away[keep]
    who = np.arange(len(outcome)) if clusters is None else codes(np.asarray(clusters)[keep])[0]
    sizes, kept, seen, left = [], [], [], []
    most = len(names) + int(away.any(axis=0).sum())
    stacked, used = np.empty((most + 1, len(outcome))), 0  # each column in one piece of memory, the outcome last
    for j, name in enumerate(names):
        share = float(away[:, j].mean())
        column = np.where(away[:, j], np.nan, values[:, j]) if share > 0 else np.ascontiguousarray(values[:, j])
        answered = column[np.isfinite(column)]
        why = _unfit(answered, len(outcome))
        if why:
            left.append((name, why))
            continue
        stacked[used] = np.where(away[:, j], answered.mean(), column) if share > 0 else column
        if share > 0:
            stacked[used + 1] = away[:, j]
        sizes.append(2 if share > 0 else 1)
        used += sizes[-1]
        kept.append(name)
        seen.append(len(answered))
    stacked[used] = outcome
    weighed = None if weights is None else np.asarray(weights, float)[keep]
    return _Table(
        stacked[: used + 1].T, tuple(sizes), outcome, who, tuple(kept), np.array(seen, np.int64), tuple(left), weighed
    )


def _unfit(answered: Floats, n: int) -> str:
    if len(answered) < max(10, 0.1 * n):
        return f"answered in only {len(answered):,} of {n:,} rows"
    return "does not vary" if float(np.ptp(answered)) == 0 else ""


def _filled(table: _Table, times: int, seed: int) -> list[Floats]:
    """Drivers and outcome side by side, without holes, once or several times."""
    z = table.columns
    if np.isfinite(z).all():
        return [z]
    return list(fillings(z, table.who, times=times, seed=seed))


def _effects(filled: list[Floats], table: _Table, *, own: bool) -> tuple[list[_Effect], Floats, float]:
    """Each driver's effect, standard deviations in units of the outcome's, and the R² that noise alone explains."""
    fits = [least_squares(z[:, :-1], z[:, -1], table.who if own else None, table.weights) for z in filled]
    values, variance, freedom = pooled(
        np.array([f.beta[1:] for f in fits]), np.array([np.diag(f.covariance)[1:] for f in fits])
    )
    freedom = np.minimum(freedom, fits[0].freedom)
    between = np.cov(np.array([f.beta[1:] for f in fits]).T).reshape(len(values), -1) if len(fits) > 1 else 0.0
    covariance = np.mean([f.covariance[1:, 1:] for f in fits], axis=0) + (1 + 1 / len(fits)) * between
    spread = np.array([column.std() for column in filled[0].T])
    spread = spread[:-1] / spread[-1]
    found, at, deviations = [], 0, []
    for size in table.sizes:
        block = slice(at, at + size)
        p = wald(values[block], covariance[block, block], float(freedom[block].min()))
        found.append(_Effect(float(values[at]), float(variance[at]), float(freedom[at]), p))
        deviations.append(float(spread[at]))
        at += size
    return found, np.array(deviations), float(np.mean([f.chance for f in fits]))


def _shares(filled: list[Floats], table: _Table, replicates: int, seed: int) -> tuple[Floats, Floats]:
    """Shares on the data (drivers,) and on bootstrap replicates of all fillings (replicates, drivers)."""
    rng = np.random.default_rng(seed)
    block = blocks(table.who, len(table.y), rng)
    k = int(block.max()) + 1
    w = np.ones(len(table.y)) if table.weights is None else table.weights
    size = np.bincount(block, w)
    observed, replicated = [], []
    for z in filled:
        middle = np.array([np.average(column, weights=table.weights) for column in z.T])
        sums, cross = _crossed(z, middle, table.weights, block, k)
        times = draws(k, -(-replicates // len(filled)), rng)
        counts = (times @ size)[:, None]
        middle = times @ sums / counts
        covariance = (times @ cross / counts).reshape(-1, z.shape[1], z.shape[1])
        covariance -= middle[:, :, None] * middle[:, None, :]
        observed.append(shares(as_correlation(cross.sum(axis=0).reshape(z.shape[1], -1)), table.sizes))
        replicated.append(shares(as_correlation(covariance), table.sizes))
    return np.mean(observed, axis=0), np.concatenate(replicated)


def _crossed(z: Floats, middle: Floats, weights: Floats | None, block: Whole, k: int) -> tuple[Floats, Floats]:
    """Columns and their cross products, summed within each block: (blocks, columns), (blocks, columns squared)."""
    order = np.argsort(block.astype(np.int16 if k < 1 << 15 else np.int64), kind="stable")
    ends = np.cumsum(np.bincount(block, minlength=k))
    sums, cross = np.empty((k, z.shape[1])), np.empty((k, z.shape[1] ** 2))
    start = 0
    for b, end in enumerate(ends):
        at = order[start:end]
        rows = z[at] - middle
        weighed = rows if weights is None else rows * weights[at, None]
        sums[b] = weighed.sum(axis=0)
        cross[b] = (weighed.T @ rows).ravel()
        start = end
    return sums, cross


def _freed(observed: Floats, replicated: Floats, chance: float) -> Floats:
    """Shares without what noise alone explains.

    A bootstrap sample explains too much twice over: once as any sample does, once more as a sample of the sample. Its
    excess over the observed share tells how much is too much, driver by driver; the whole is told by `chance`.
    """
    whole = max(float(observed.sum()) - chance, 0.0)
    freed = np.maximum(2 * observed - replicated.mean(axis=0), 0.0)
    total = float(freed.sum())
    return freed * (whole / total) if total > 0 else observed * 0.0


def _estimates(freed: Floats, replicated: Floats, table: _Table, level: float) -> list[Estimate]:
    """The share of every driver, and last their sum (R²), with their intervals.

    On Fisher's scale, the inverse hyperbolic tangent of the root, the spread of R² hardly depends on R²: so that of
    the bootstrap, whose R² is too large, can be laid about the share without its bias. Fitted columns use up freedom.
    Near zero that scale is too steep for a share: the percentiles, moved to the share, take over where they are wider.
    """
    columns = np.column_stack([replicated, replicated.sum(axis=1)])
    free = max(table.customers - sum(table.sizes) - 1, 1)
    spread = _fisher(columns).std(axis=0, ddof=1) * math.sqrt(table.customers / free)
    half = quantile(level, free) * spread
    found = []
    for value, away, drawn in zip([*freed, freed.sum()], half, columns.T, strict=True):
        middle = float(_fisher(np.array(value)))
        below, above = percentiles(drawn - drawn.mean() + value, level)
        estimate = Estimate(
            value=float(value),
            low=max(0.0, min(below, math.tanh(max(middle - away, 0.0)) ** 2)),
            high=min(1.0, max(above, math.tanh(middle + away) ** 2)),
            error=float(drawn.std(ddof=1)),
            centre=float(value),
            n=len(table.y),
            effective=float(table.customers),
            level=level,
            method=f"{table.method}, cluster bootstrap",
        )
        found.append(estimate)
    return found


def _fisher(share: Floats) -> Floats:
    found: Floats = np.arctanh(np.sqrt(np.clip(share, 0.0, 1 - 1e-9)))
    return found


def _neighbours(filled: list[Floats], table: _Table) -> tuple[Floats, Whole]:
    """Variance inflation of each driver's value and the number of the group it moves with (|r| of .7 or more)."""
    first = np.concatenate([[0], np.cumsum(table.sizes)[:-1]]).astype(int)
    r = as_correlation(np.mean([np.atleast_2d(np.cov(z[:, :-1].T)) for z in filled], axis=0))
    inflation = np.diag(np.linalg.pinv(r, hermitian=True))[first]
    near: NDArray[np.bool_] = np.abs(r[np.ix_(first, first)]) >= 0.7
    for _ in range(len(first)):
        near = near.astype(int) @ near.astype(int) > 0
    group = np.unique(near, axis=0, return_inverse=True)[1].reshape(-1)
    return inflation, group.astype(np.int64)
