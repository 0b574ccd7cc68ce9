"""The effect on those who did something nobody drew lots for: adjusted for what was known of them before.

The estimate is right when either the model of who does it or the model of the outcome is (doubly robust); both are
judged on rows they were not fitted to (cross-fitted). Assumes that, given the covariates, nothing else decided both who
did it and the outcome. That cannot be tested: `unmeasured` says how far it would have to fail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, around, codes, refusal, size_of, too_few
from regard.statistics.experiments import freedom_of
from regard.statistics.overlap import (
    COMPARABLE,
    HIGHEST,
    SHARED,
    Balance,
    Covariate,
    Design,
    Fitted,
    balance,
    chance_of,
    chances,
    common_support,
    curvature,
    design,
    effective,
    entropy_weights,
    odds,
)
from regard.statistics.richer import Richer, richer
from regard.statistics.unmeasured import Sensitivity, sensitivity

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

FEWEST = 20
EFFECTIVE = 15
FOLDS = 5
FEW_LEFT_OUT = 0.9


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """The effect on the treated, with what it rests on.

    Attributes:
        effect: Doubly robust effect on those of the treated who have comparable controls.
        naive: Difference of means without any adjustment.
        second: The same by entropy balancing, another way altogether; refused where weights do not exist.
        treated: Treated rows.
        controls: Control rows.
        kept_treated: Treated rows with comparable controls: those the effect is about.
        kept_controls: Controls compared with.
        effective: Controls that would be as precise unweighted.
        balance: Standardised differences by covariate, before and after.
        worst: The largest of them after.
        missed: Name of the covariate it belongs to.
        counterfactual: Mean outcome that the treated would have had without.
        spread: Standard deviation of the outcome among the controls as weighted.
        sensitivity: What something hidden would have to be; None when refused.
        converged: Whether the models of chance reached their maximum.
        richer: What a richer model says of what the models left over; None where it was not asked.
    """

    effect: Estimate
    naive: Estimate
    second: Estimate
    treated: int
    controls: int
    kept_treated: int
    kept_controls: int
    effective: float
    balance: tuple[Balance, ...]
    worst: float
    missed: str
    counterfactual: float
    spread: float
    sensitivity: Sensitivity | None
    converged: bool
    richer: Richer | None = None


@dataclass(frozen=True)
class _Rows:
    y: Floats
    d: Floats
    made: Design
    who: Whole | None

    def of(self, keep: NDArray[np.bool_], covariates: Sequence[Covariate]) -> _Rows:
        """Those rows alone. Where many are left out, columns are made anew, scaled by who is compared."""
        if keep.all():
            return self
        who = None if self.who is None else codes(self.who[keep])[0]
        if keep.mean() > FEW_LEFT_OUT:
            return _Rows(self.y[keep], self.d[keep], self.made.of(np.flatnonzero(keep)), who)
        left = [Covariate(name=c.name, values=np.asarray(c.values)[keep], is_label=c.is_label) for c in covariates]
        return _Rows(self.y[keep], self.d[keep], design(left, most=_room(self.d[keep])), who)


def effect_on_treated(
    outcome: ArrayLike,
    treated: ArrayLike,
    covariates: Sequence[Covariate],
    *,
    clusters: ArrayLike | None = None,
    highest: float = HIGHEST,
    repeats: int | None = None,
    seed: int = 0,
    level: float = LEVEL,
) -> Adjusted:
    """Doubly robust, cross-fitted effect on the treated.

    References: Robins, Rotnitzky and Zhao (1994), JASA 89, 846-866; Chernozhukov and others (2018), Econometrics
    Journal 21, C1-C68, for cross-fitting and the median over splits. Models: logistic and linear regression on
    `overlap.design`. Intervals by the influence function with degrees of freedom from its kurtosis.
    Thin evidence: refused with fewer than 20 treated or controls, where fewer than half of the treated have comparable
    controls (no overlap), where the weighted controls count for fewer than 15, or where weighting leaves a covariate
    0.25 standard deviations apart (and further than chance would).

    Args:
        outcome: One per row; rows without are left out.
        treated: Whether each row was treated.
        covariates: What was known before; NaN and empty labels are kept as such.
        clusters: The customer of each row, where one has several.
        highest: Chance of treatment above which a row has no counterpart.
        repeats: How many random splits the estimate is the median of; None takes three, one beyond 50,000 rows.
        seed: Seed of the splits.
        level: Confidence.
    """
    y, d = np.asarray(outcome, float), np.asarray(treated, float)
    keep = np.isfinite(y) & np.isfinite(d)
    given = [Covariate(name=c.name, values=np.asarray(c.values)[keep], is_label=c.is_label) for c in covariates]
    who = None if clusters is None else codes(np.asarray(clusters)[keep])[0]
    size = size_of(y[keep])
    rows = _Rows(y[keep] / size, d[keep], design(given, most=_room(d[keep])), who)
    return _sized(_estimated(rows, given, (highest, repeats, seed), level), size)


def _sized(found: Adjusted, size: float) -> Adjusted:
    """Back in the outcome's own units."""
    hidden = found.sensitivity
    return replace(
        found,
        effect=found.effect.times(size),
        naive=found.naive.times(size),
        second=found.second.times(size),
        counterfactual=found.counterfactual * size,
        spread=found.spread * size,
        richer=found.richer and replace(found.richer, moves=found.richer.moves * size),
        sensitivity=hidden and replace(hidden, estimate=hidden.estimate * size, error=hidden.error * size),
    )


def _estimated(rows: _Rows, given: list[Covariate], how: tuple[float, int | None, int], level: float) -> Adjusted:
    highest, repeats, seed = how
    who = rows.who
    order = _order(rows)
    rows = _Rows(rows.y[order], rows.d[order], rows.made.of(order), None if who is None else who[order])
    given = [Covariate(name=c.name, values=np.asarray(c.values)[order], is_label=c.is_label) for c in given]
    few = int(min(rows.d.sum(), len(rows.d) - rows.d.sum()))
    if few < FEWEST:
        return _without(rows, too_few(few, FEWEST, of="row", method=METHOD, level=level), level)
    first = chances(rows.made.columns, rows.d)
    support = common_support(chance_of(rows.made.columns, first.beta), rows.d, highest=highest)
    share = float(rows.d[support].sum() / rows.d.sum())
    controls = int((1 - rows.d[support]).sum())
    if share < 0.5 or controls < FEWEST:
        why = f"no overlap: only {share:.0%} of the treated have controls like them ({controls:,} rows)"
        return _without(rows, refusal(why, n=len(rows.y), method=METHOD, level=level), level)
    kept = rows.of(support, given)
    times = repeats or (1 if len(kept.y) > 50_000 else 3)
    rng = np.random.default_rng(seed)
    near = first.beta if kept.made.columns.shape[1] + 1 == len(first.beta) else None
    whole = first if kept is rows else chances(kept.made.columns, kept.d, start=near)
    splits = [_split(kept, whole, rng) for _ in range(times)]
    return _judged((rows, kept, support), splits, ([c.name for c in given], whole.beta), level)


def _order(rows: _Rows) -> Whole:
    """An order of the rows by what they hold, so that the same rows in another order are dealt the same folds."""
    weights = np.sqrt(np.arange(2.0, 2 + rows.made.columns.shape[1]))
    spread = float(rows.y.std()) or 1.0
    key = rows.made.columns @ weights + (rows.y - rows.y.mean()) / spread
    found: Whole = np.argsort(np.round(key, 9), kind="stable")
    return found


def _room(d: Floats) -> int:
    """Columns the smaller side can bear: one for every twenty rows."""
    return int(min(d.sum(), len(d) - d.sum()) // 20)


METHOD = "AIPW, effect on the treated, cross-fitted"


@dataclass(frozen=True)
class _Split:
    value: float
    pulls: Floats
    weights: Floats
    expected: Floats
    converged: bool


def _split(rows: _Rows, whole: Fitted, rng: np.random.Generator) -> _Split:
    """One cross-fitted estimate. What a fold leaves out is taken off the sums of all rows, not summed anew."""
    fold = _folds(rows, rng)
    x, y, d = rows.made.columns, rows.y, rows.d
    ones = np.column_stack([np.ones(len(x)), x])
    near = special.expit(ones @ whole.beta)
    chance, expected, fine = np.empty(len(y)), np.empty(len(y)), whole.converged
    parts = [_sums(ones[fold == k], y[fold == k], d[fold == k], near[fold == k]) for k in range(FOLDS)]
    total = [np.sum([p[i] for p in parts], axis=0) for i in range(3)]
    for k in range(FOLDS):
        out = fold == k
        gram, cross, bent = (t - p for t, p in zip(total, parts[k], strict=True))
        fit = chances(x[~out], d[~out], start=whole.beta, curve=bent)
        fine &= fit.converged
        chance[out] = special.expit(ones[out] @ fit.beta)
        gram[np.diag_indices(len(gram))] += np.r_[0.0, np.full(len(gram) - 1, 1e-6 * max(float(gram[0, 0]), 1.0))]
        expected[out] = ones[out] @ np.linalg.solve(gram, cross)
    # A lone row far out may get a chance near one from a model that has not seen it, and then outweigh all others: no
    # control counts for more than the one that counts for most where the model knows every row.
    w = odds(np.minimum(chance, near[d == 0].max()), d)
    left = y - expected
    on, off = float(left[d > 0].mean()), float(w @ left / w.sum())
    n = len(y)
    pulls = d * (left - on) / (d.mean() * n) - w * (left - off) / w.sum()
    return _Split(on - off, pulls, w, expected, fine)


def _folds(rows: _Rows, rng: np.random.Generator) -> Whole:
    """Folds with treated and controls dealt evenly; rows of one customer stay together."""
    if rows.who is not None:
        found: Whole = rng.permutation(np.arange(int(rows.who.max()) + 1) % FOLDS)[rows.who]
        return found
    fold = np.empty(len(rows.d), np.int64)
    for side in (0.0, 1.0):
        at = np.flatnonzero(rows.d == side)
        fold[rng.permutation(at)] = np.arange(len(at)) % FOLDS
    return fold


def _sums(x: Floats, y: Floats, d: Floats, near: Floats) -> tuple[Floats, Floats, Floats]:
    """Of a fold: cross products of its controls, those with the outcome, and the curvature of the model of chance."""
    c = x[d == 0]
    return c.T @ c, c.T @ y[d == 0], curvature(x, near)


def _judged(
    compared: tuple[_Rows, _Rows, NDArray[np.bool_]],
    splits: Sequence[_Split],
    known: tuple[Sequence[str], Floats],
    level: float,
) -> Adjusted:
    (rows, kept, support), (names, beta) = compared, known
    weights = np.mean([s.weights / s.weights.sum() for s in splits], axis=0)
    spread = np.zeros(len(rows.y))
    spread[support] = weights
    told = balance(rows.made.plain, rows.made.names, rows.d, spread, support)
    worst = max(told, key=lambda b: abs(b.after), default=None)
    size = effective(weights)
    why = ""
    if not all(s.converged for s in splits):
        why = "the model of who was treated did not reach its maximum"
    elif size < EFFECTIVE:
        why = f"no overlap: the controls like the treated count for {size:.0f} rows; at least {EFFECTIVE} are needed"
    elif worst is not None and abs(worst.after) > max(COMPARABLE, 3 * math.sqrt(1 / kept.d.sum() + 1 / size)):
        why = f"no balance: {worst.name} stays {abs(worst.after):.2f} standard deviations apart"
    n = len(kept.y)
    effect = refusal(why, n=n, method=METHOD, level=level) if why else _median(splits, kept, size, level)
    control = kept.d == 0
    middle = float(weights[control] @ kept.y[control])
    return Adjusted(
        effect=effect,
        naive=_naive(rows, level),
        second=_balanced(kept, beta, level),
        treated=int(rows.d.sum()),
        controls=int((1 - rows.d).sum()),
        kept_treated=int(kept.d.sum()),
        kept_controls=int(control.sum()),
        effective=size,
        balance=told,
        worst=worst.after if worst else 0.0,
        missed=worst.name if worst else "",
        counterfactual=float(kept.y[kept.d > 0].mean()) - effect.value,
        spread=math.sqrt(float(weights[control] @ (kept.y[control] - middle) ** 2)),
        sensitivity=_sensitivity(kept, names, level),
        converged=all(s.converged for s in splits),
        richer=None if why or kept.who is not None else richer(
            kept.made.plain, kept.y - splits[0].expected, kept.d, splits[0].weights
        ),
    )  # fmt: skip


def _sensitivity(rows: _Rows, names: Sequence[str], level: float) -> Sensitivity:
    alone = rows.made.owner != SHARED
    return sensitivity(rows.y, rows.d, rows.made.columns[:, alone], rows.made.owner[alone], names, level=level)


def _median(splits: Sequence[_Split], rows: _Rows, size: float, level: float) -> Estimate:
    value = float(np.median([s.value for s in splits]))
    pulls = [_by_customer(s.pulls, rows.who) for s in splits]
    variances = [float(p @ p) + (s.value - value) ** 2 for p, s in zip(pulls, splits, strict=True)]
    middle = int(np.argsort(variances)[len(variances) // 2])
    return around(
        value, math.sqrt(variances[middle]), n=len(rows.y), effective=float(rows.d.sum()) + size, level=level,
        freedom=_freedom(pulls[middle], rows), method=METHOD,
    )  # fmt: skip


def _by_customer(pulls: Floats, who: Whole | None) -> Floats:
    return pulls if who is None else np.bincount(who, pulls).astype(float)


def _freedom(pulls: Floats, rows: _Rows) -> float:
    """Welch's freedom of the two sides' variances, each with its own; of customers together where rows are theirs."""
    if rows.who is not None:
        return freedom_of(pulls)
    parts = [pulls[rows.d > 0], pulls[rows.d == 0]]
    variances = [float(p @ p) for p in parts]
    slack = sum(v**2 / freedom_of(p) for v, p in zip(variances, parts, strict=True))
    return sum(variances) ** 2 / slack if slack > 0 else math.inf


def _balanced(rows: _Rows, beta: Floats, level: float) -> Estimate:
    """Entropy balancing; its error from the residuals of the weighted regression that it equals."""
    method = "entropy balancing"
    w, met = entropy_weights(rows.made.columns, rows.d, start=beta[1:])
    if not met:
        why = "no weights of the controls meet the means of the treated"
        return refusal(why, n=len(rows.y), method=method, level=level)
    x = np.column_stack([np.ones(len(rows.y)), rows.made.columns])
    pull = x * w[:, None]
    left = rows.y - x @ (np.linalg.pinv(pull.T @ x, hermitian=True) @ (pull.T @ rows.y))
    on = float(left[rows.d > 0].mean())
    value = on - float(w @ left)
    pulls = rows.d * (left - on) / rows.d.sum() - w * (left - float(w @ left))
    pulls = _by_customer(pulls, rows.who)
    error = math.sqrt(float(pulls @ pulls))
    return around(
        value, error, n=len(rows.y), effective=float(rows.d.sum()) + effective(w), level=level, method=method,
        freedom=_freedom(pulls, rows),
    )  # fmt: skip


def _naive(rows: _Rows, level: float) -> Estimate:
    on, off = rows.d > 0, rows.d == 0
    if min(on.sum(), off.sum()) < 2:
        return refusal("one side has fewer than two rows", n=len(rows.y), method="difference of means", level=level)
    pulls = (rows.y - rows.y[on].mean()) * on / on.sum() - (rows.y - rows.y[off].mean()) * off / off.sum()
    pulls = _by_customer(pulls, rows.who)
    return around(
        float(rows.y[on].mean() - rows.y[off].mean()), math.sqrt(float(pulls @ pulls)), n=len(rows.y), level=level,
        freedom=_freedom(pulls, rows), method="difference of means",
    )  # fmt: skip


def _without(rows: _Rows, refused: Estimate, level: float) -> Adjusted:
    both = rows.d.min(initial=1.0) < rows.d.max(initial=0.0)
    even = np.where(rows.d > 0, 0.0, 1.0)
    every = np.ones(len(rows.y), bool)
    told = balance(rows.made.plain, rows.made.names, rows.d, even, every) if both and rows.d.sum() > 1 else ()
    worst = max(told, key=lambda b: abs(b.after), default=None)
    return Adjusted(
        effect=refused, naive=_naive(rows, level), second=refusal(refused.refused, n=len(rows.y), level=level),
        treated=int(rows.d.sum()), controls=int((1 - rows.d).sum()), kept_treated=0, kept_controls=0, effective=0.0,
        balance=told, worst=worst.after if worst else math.nan, missed=worst.name if worst else "",
        counterfactual=math.nan, spread=math.nan, sensitivity=None, converged=True,
    )  # fmt: skip
