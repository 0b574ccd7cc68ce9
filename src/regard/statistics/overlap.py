"""Whether those who did and those who did not can be compared: chances of doing it, overlap, weights, balance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from regard.statistics.estimates import Floats, size_of
from regard.statistics.proportions import kish

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

RIDGE = 0.01
HIGHEST = 0.9
COMPARABLE = 0.25
SHARED = -1


@dataclass(frozen=True, kw_only=True)
class Covariate:
    """Something known of every row before the treatment.

    Attributes:
        name: What it is called.
        values: Numbers (NaN is missing), or labels of any kind.
        is_label: Whether the values are labels and not amounts.
    """

    name: str
    values: ArrayLike
    is_label: bool = False


@dataclass(frozen=True)
class Design:
    """Covariates as columns of mean 0 and variance 1.

    Attributes:
        columns: Shape (rows, columns): amounts, labels as yes or no, squares, and whether an amount is zero or missing.
        plain: The same before scaling, without squares: what balance is told about; shape (rows, parts).
        names: Names of the plain columns.
        owner: Covariate of each column of `columns`, as position; `SHARED` for products of two.
    """

    columns: Floats
    plain: Floats
    names: tuple[str, ...]
    owner: NDArray[np.int64]

    def of(self, rows: NDArray[np.int64]) -> Design:
        """Those rows, in that order."""
        return Design(self.columns[rows], self.plain[rows], self.names, self.owner)


@dataclass(frozen=True, kw_only=True)
class Balance:
    """One covariate (or one label of it) among the treated and the controls.

    Attributes:
        name: Its name.
        treated: Mean among the treated who are compared.
        controls: Mean among all controls.
        weighted: Mean among the controls as weighted.
        before: Standardised difference before weighting, in standard deviations of the treated.
        after: The same after.
    """

    name: str
    treated: float
    controls: float
    weighted: float
    before: float
    after: float


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A maximum with the proof that it is one.

    Attributes:
        beta: Coefficients, the intercept first.
        gradient: Largest slope left, per row.
        converged: Whether it is small enough to be a maximum.
    """

    beta: Floats
    gradient: float
    converged: bool


def design(covariates: Sequence[Covariate], *, most: int, labels: int = 30) -> Design:
    """Covariates as the columns that models of chance and of outcome are made from.

    Amounts come with their square (of values within four standard deviations, so that one giant does not bend it) and,
    where a twentieth or more are exactly zero, with whether they are. Missing amounts take the mean and a column that
    says so; missing labels are a label. Labels held by few rows (under 10, or beyond the commonest 30) are one label.
    Products of every two amounts are added where no more than `most` columns come of it.
    """
    columns: list[Floats] = []
    plain: list[Floats] = []
    names: list[str] = []
    owner: list[int] = []
    for at, one in enumerate(covariates):
        own, extra, called = _labelled(one, labels) if one.is_label else _amounts(one)
        plain += own
        names += called
        columns += own + extra
        owner += [at] * (len(own) + len(extra))
    n = len(np.asarray(covariates[0].values)) if covariates else 0
    wide = np.column_stack(columns + _products(covariates, most - len(columns))) if columns else np.zeros((n, 0))
    owner += [SHARED] * (wide.shape[1] - len(owner))
    wide = wide / np.array([size_of(column) for column in wide.T]) if wide.size else wide
    spread = wide.std(axis=0)
    keep = spread > 1e-12
    scaled = (wide[:, keep] - wide[:, keep].mean(axis=0)) / spread[keep]
    return Design(
        scaled, np.column_stack(plain) if plain else np.zeros((n, 0)), tuple(names), np.asarray(owner, np.int64)[keep]
    )


def _amounts(one: Covariate) -> tuple[list[Floats], list[Floats], list[str]]:
    x = np.asarray(one.values, float)
    missing = ~np.isfinite(x)
    known = x[~missing]
    size = size_of(known)
    x = np.where(missing, (known / size).mean() * size if len(known) else 0.0, x)
    own, called = [x], [one.name]
    if missing.any():
        own.append(missing.astype(float))
        called.append(f"{one.name} missing")
    if len(np.unique(known[:5000])) <= 2:
        return own, [], called
    extra = [_clipped(x) ** 2]
    if 0.05 <= float((known == 0).mean()) <= 0.95:
        extra.append((x == 0).astype(float))
    return own, extra, called


def _clipped(x: Floats) -> Floats:
    """Standard deviations from the mean, four at most."""
    x = x / size_of(x)
    found: Floats = np.clip((x - x.mean()) / (x.std() or 1.0), -4, 4)
    return found


def _products(covariates: Sequence[Covariate], room: int) -> list[Floats]:
    """Products of every two amounts, each held within four standard deviations."""
    amounts = [_amounts(c)[0][0] for c in covariates if not c.is_label]
    if not 0 < len(amounts) * (len(amounts) - 1) // 2 <= room:
        return []
    scaled = [_clipped(x) for x in amounts]
    return [scaled[i] * scaled[j] for i in range(len(scaled)) for j in range(i)]


def _labelled(one: Covariate, most: int) -> tuple[list[Floats], list[Floats], list[str]]:
    names, numbered, sizes = _counted(np.asarray(one.values))
    ranked = np.argsort(-sizes, kind="stable")
    alone = [int(i) for i in ranked[:most] if sizes[i] >= 10]
    rest = ~np.isin(numbered, alone)
    # The commonest label is what the others are held against, but balance is told of each.
    own = [(numbered == i).astype(float) for i in alone]
    called = [f"{one.name}: {names[i] or 'missing'}" for i in alone]
    if rest.any():
        own.append(rest.astype(float))
        called.append(f"{one.name}: other")
    if len(own) == 2:
        own, called = own[:1], called[:1]
    return own, [], called


def _counted(values: NDArray[np.generic]) -> tuple[NDArray[np.str_], NDArray[np.int64], NDArray[np.int64]]:
    """Labels in sorted order, the number of each row's, and how many rows each has; missing ones are empty."""
    seen: dict[object, int] = {}
    raw = np.fromiter((seen.setdefault(v, len(seen)) for v in values.tolist()), np.int64, len(values))
    text = np.array(["" if v is None or v != v else str(v) for v in seen])  # noqa: PLR0124 - NaN
    names, place = np.unique(text, return_inverse=True)
    numbered = place.reshape(-1)[raw]
    return names, numbered, np.bincount(numbered, minlength=len(names))


def chances(columns: Floats, treated: Floats, *, start: Floats | None = None, curve: Floats | None = None) -> Fitted:
    """Logistic regression of being treated, with a trace of ridge so that it exists under separation.

    Newton's method with halved steps; converged when no slope per row is above 1e-8.

    Args:
        columns: Shape (rows, columns), scaled, without a column of ones.
        treated: 0 or 1 per row.
        start: Coefficients to begin with.
        curve: Second derivatives near the maximum, when known: steps then need no new ones.
    """
    a = np.column_stack([np.ones(len(columns)), columns])
    n, k = a.shape
    share = min(max(float(treated.mean()), 1e-6), 1 - 1e-6)
    beta = np.zeros(k) if start is None else start.copy()
    if start is None:
        beta[0] = math.log(share / (1 - share))
    ridge = np.full(k, RIDGE)
    ridge[0] = 0.0
    loss, line = _loss(a @ beta, treated, beta, ridge), a @ beta
    slope = np.zeros(k)
    for turn in range(60):
        p = special.expit(line)
        slope = a.T @ (treated - p) - ridge * beta
        if np.abs(slope).max() <= 1e-8 * n:
            break
        bent = curve if curve is not None and turn < 20 else curvature(a, p, ridge)
        step = np.linalg.solve(bent, slope)
        moved, size = a @ step, 1.0
        while size > 1e-6 and _loss(line + size * moved, treated, beta + size * step, ridge) > loss:
            size /= 2
        beta, line = beta + size * step, line + size * moved
        loss = _loss(line, treated, beta, ridge)
    worst = float(np.abs(slope).max()) / n
    return Fitted(beta=beta, gradient=worst, converged=worst <= 1e-6)


def curvature(a: Floats, p: Floats, ridge: Floats | float = RIDGE) -> Floats:
    """Second derivatives of the negative log-likelihood, for columns with the ones among them."""
    bent: Floats = (a * (p * (1 - p))[:, None]).T @ a
    bent[np.diag_indices(len(bent))] += ridge + 1e-9 * len(a)
    return bent


def _loss(line: Floats, treated: Floats, beta: Floats, ridge: Floats) -> float:
    return float(np.logaddexp(0, line).sum() - treated @ line + 0.5 * (ridge @ beta**2))


def chance_of(columns: Floats, beta: Floats) -> Floats:
    """Chance of being treated, per row."""
    found: Floats = special.expit(beta[0] + columns @ beta[1:])
    return found


def common_support(chance: Floats, treated: Floats, *, highest: float = HIGHEST) -> NDArray[np.bool_]:
    """Rows that have somebody to be compared with.

    Above `highest` there are nearly only treated rows: those have no counterpart and are left out, so that the effect
    is that on the treated who have one. Controls less likely to be treated than any treated row stand for nobody.
    Reference: Crump, Hotz, Imbens and Mitnik (2009), Biometrika 96, 187-199 (0.1 to 0.9 for the effect on everybody).
    """
    inside = chance <= highest
    least = float(chance[(treated > 0) & inside].min()) if ((treated > 0) & inside).any() else 0.0
    found: NDArray[np.bool_] = inside & ((treated > 0) | (chance >= least))
    return found


def odds(chance: Floats, treated: Floats) -> Floats:
    """Weights that make the controls like the treated: the odds of being treated; 0 for the treated."""
    return np.where(treated > 0, 0.0, chance / np.maximum(1 - chance, 1e-12))


def effective(weights: Floats) -> float:
    """Controls a sample without weights would need for the same precision (Kish)."""
    return kish(weights[weights > 0]) if (weights > 0).any() else 0.0


def balance(
    plain: Floats, names: Sequence[str], treated: Floats, weights: Floats, kept: NDArray[np.bool_]
) -> tuple[Balance, ...]:
    """Standardised differences, among all before, and of the treated who are kept and the weighted controls after.

    Reference: Austin (2009), Statistics in Medicine 28, 3083-3107: below 0.1 is taken as balanced. The covariate that
    was furthest apart before comes first.

    Args:
        plain: Shape (rows, parts).
        names: Names of the parts.
        treated: 0 or 1 per row.
        weights: Per row; those of controls count.
        kept: Rows compared.
    """
    size = np.array([size_of(column) for column in plain.T])
    plain = plain / size
    t, c = plain[treated > 0], plain[treated == 0]
    w = np.where(kept, weights, 0.0)[treated == 0]
    spread = t.std(axis=0, ddof=1)
    # Something that does not vary among the treated is measured by its spread among all.
    spread = np.where(spread > 1e-9, spread, np.maximum(plain.std(axis=0, ddof=1), 1e-12))
    mean_t, mean_c, mean_k = t.mean(axis=0), c.mean(axis=0), plain[(treated > 0) & kept].mean(axis=0)
    mean_w = np.average(c, axis=0, weights=w)
    rows = [
        Balance(
            name=name,
            treated=float(mean_k[j] * size[j]),
            controls=float(mean_c[j] * size[j]),
            weighted=float(mean_w[j] * size[j]),
            before=float((mean_t[j] - mean_c[j]) / spread[j]),
            after=float((mean_k[j] - mean_w[j]) / spread[j]),
        )
        for j, name in enumerate(names)
    ]
    return tuple(sorted(rows, key=lambda row: -abs(row.before)))


def entropy_weights(columns: Floats, treated: Floats, *, start: Floats | None = None) -> tuple[Floats, bool]:
    """Weights of the controls whose means equal those of the treated in every column, as even as such weights can be.

    Reference: Hainmueller (2012), Political Analysis 20, 25-46. Newton's method on the dual, which is near the slopes
    of the logistic model of chance: `start` may give them.

    Returns:
        Weights per row that sum to 1 (0 for the treated), and whether the means were met to 1e-6 standard deviations.
    """
    aim = columns[treated > 0].mean(axis=0)
    gap = columns[treated == 0] - aim
    beta = np.zeros(gap.shape[1]) if start is None else start.copy()
    value, w = _tilted(gap, beta)
    for _ in range(200):
        slope = gap.T @ w
        if np.abs(slope).max(initial=0.0) < 1e-8:
            break
        curve = (gap * w[:, None]).T @ gap - np.outer(slope, slope)
        curve[np.diag_indices(len(beta))] += 1e-8
        step, size = -np.linalg.solve(curve, slope), 1.0
        while size > 1e-8 and _tilted(gap, beta + size * step)[0] > value + 1e-4 * size * float(slope @ step):
            size /= 2
        beta = beta + size * step
        value, w = _tilted(gap, beta)
    found = np.zeros(len(treated))
    found[treated == 0] = w
    return found, bool(np.abs(gap.T @ w).max(initial=0.0) < 1e-6)


def _tilted(gap: Floats, beta: Floats) -> tuple[float, Floats]:
    line = gap @ beta
    total = float(special.logsumexp(line))
    return total, np.exp(line - total)
