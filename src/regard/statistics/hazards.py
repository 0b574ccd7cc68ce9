"""What goes with leaving: hazards by covariates, in continuous time (Cox) and period by period (discrete)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special

from regard.statistics.estimates import LEVEL, Floats, Whole, quantile
from regard.statistics.survival import Tenures

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Link = Literal["cloglog", "logit"]
EACH = 5
"""Fewest ends for each coefficient."""
PAIRS = 2_000
FLAT = 1e-6
SEPARATED = 20.0
"""Standard error of a standardised coefficient that only a covariate that separates brings about."""


@dataclass(frozen=True, kw_only=True)
class Effects:
    """Fitted coefficients on the hazard.

    Attributes:
        beta: Log hazard ratios (Cox, cloglog) or log odds ratios (logit), one per covariate: shape (k,).
        error: Their standard errors.
        covariance: Shape (k, k).
        baseline: Intercept of each span of tenure (discrete hazard); empty for Cox.
        loglik: Log (partial) likelihood.
        n: Customers, or periods of customers.
        ended: Ends.
        slope: Largest slope of the log-likelihood per observation where the search stopped.
        method: In a few words.
        refused: Why there are none.
    """

    beta: Floats
    error: Floats
    covariance: Floats
    baseline: Floats
    loglik: float
    n: int
    ended: int
    slope: float
    method: str
    refused: str = ""
    joint: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    """Covariance of the span's intercepts and the coefficients together, about `middle` (discrete hazard)."""
    middle: Floats = field(default_factory=lambda: np.zeros(0))

    def interval(self, level: float = LEVEL) -> tuple[Floats, Floats]:
        """Interval of each coefficient."""
        half = quantile(level) * self.error
        return self.beta - half, self.beta + half

    def p(self) -> Floats:
        """Two-sided p-value of each coefficient against zero."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = 2 * special.ndtr(-np.abs(self.beta / self.error))
        return found


def _none(why: str, k: int, n: int, ended: int, method: str) -> Effects:
    nothing = np.full(k, np.nan)
    return Effects(beta=nothing, error=nothing, covariance=np.full((k, k), np.nan), baseline=np.zeros(0), loglik=np.nan,
                   n=n, ended=ended, slope=np.nan, method=method, refused=why)  # fmt: skip


def cox(lived: Tenures, x: Floats, *, each: int = EACH) -> Effects:
    """Proportional hazards by Newton's method, ties after Efron, entry late allowed.

    References: Cox (1972), JRSS B 34, 187-220; Efron (1977), JASA 72, 557-565. Assumes hazard ratios that stay the same
    over tenure (`proportional` tests it), covariates known at entry, and cutting off that does not depend on what would
    have come. Thin evidence: fewer than `each` ends per covariate, refused; so is a fit that does not converge, as when
    a covariate separates those who left.

    Args:
        lived: Tenures.
        x: Covariates, shape (n, k).
        each: Fewest ends per covariate.
    """
    ended, k = int(lived.ended.sum()), x.shape[1]
    method = "Cox, Efron ties"
    if ended < each * max(k, 1):
        return _none(f"only {ended} ends for {k} covariates; {each} each are needed", k, lived.n, ended, method)
    scale = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    z = (x - x.mean(axis=0)) / scale
    beta, risks = np.zeros(k), _risk_sets(lived)
    value, slope, information = _partial(beta, z, risks)
    for _ in range(50):
        step = np.linalg.lstsq(information, slope, rcond=None)[0]
        factor = 1.0
        while factor > 1e-4:
            tried = _partial(beta + factor * step, z, risks)
            if tried[0] >= value - 1e-12:
                break
            factor /= 2
        beta = beta + factor * step
        value, slope, information = tried
        if float(np.abs(slope).max()) < FLAT:
            break
    steep = float(np.abs(slope).max()) / lived.n
    if steep > FLAT or np.abs(beta).max() > 20 or np.linalg.cond(information) > 1e12:
        return _none("the fit did not converge: a covariate separates those who left", k, lived.n, ended, method)
    spread = np.linalg.inv(information) / np.outer(scale, scale)
    return Effects(beta=beta / scale, error=np.sqrt(np.diag(spread)), covariance=spread, baseline=np.zeros(0),
                   loglik=value, n=lived.n, ended=ended, slope=steep, method=method)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Risks:
    at: Floats
    by_exit: Whole
    by_entry: Whole
    first_out: Whole
    first_in: Whole
    ends: list[Whole]


def _risk_sets(lived: Tenures) -> _Risks:
    at = np.unique(lived.exit[lived.ended > 0])
    by_exit, by_entry = np.argsort(lived.exit), np.argsort(lived.entry)
    gone = np.nonzero(lived.ended > 0)[0]
    gone = gone[np.argsort(lived.exit[gone], kind="stable")]
    ends = np.split(gone, np.searchsorted(lived.exit[gone], at[1:], side="left"))
    return _Risks(at=at, by_exit=by_exit, by_entry=by_entry,
                  first_out=np.searchsorted(lived.exit[by_exit], at, side="left"),
                  first_in=np.searchsorted(lived.entry[by_entry], at, side="left"), ends=ends)  # fmt: skip


def _under(values: Floats, risks: _Risks) -> Floats:
    """Sums over those under observation just before each time of an end: shape (times, ...)."""
    nothing = np.zeros((1, *values.shape[1:]))
    out = np.concatenate([nothing, np.cumsum(values[risks.by_exit], axis=0)])
    came = np.concatenate([nothing, np.cumsum(values[risks.by_entry], axis=0)])
    found: Floats = came[risks.first_in] - out[risks.first_out]
    return found


def _partial(beta: Floats, z: Floats, risks: _Risks) -> tuple[float, Floats, Floats]:
    """Efron's log partial likelihood with its slope and information."""
    linear = np.clip(z @ beta, -50, 50)
    weight = np.exp(linear)
    k = z.shape[1]
    s0, s1 = _under(weight, risks), _under(weight[:, None] * z, risks)
    s2 = _under(weight[:, None] * (z[:, :, None] * z[:, None, :]).reshape(len(z), -1), risks).reshape(-1, k, k)
    sizes = np.array([len(dead) for dead in risks.ends])
    dead, time = np.concatenate(risks.ends), np.repeat(np.arange(len(sizes)), sizes)
    first = np.cumsum(sizes) - sizes
    own = np.add.reduceat(weight[dead], first)
    own1 = np.add.reduceat(weight[dead][:, None] * z[dead], first)
    own2 = np.add.reduceat(weight[dead][:, None, None] * z[dead][:, :, None] * z[dead][:, None, :], first)
    # Efron: of those who end together, each next one is out of the risk set by as much as went before.
    part = (np.arange(len(dead)) - first[time]) / sizes[time]
    d0 = s0[time] - part * own[time]
    mean = (s1[time] - part[:, None] * own1[time]) / d0[:, None]
    whole, gone = np.add.reduceat(1 / d0, first), np.add.reduceat(part / d0, first)
    value = float(linear[dead].sum() - np.log(d0).sum())
    slope = z[dead].sum(axis=0) - mean.sum(axis=0)
    information = np.tensordot(whole, s2, 1) - np.tensordot(gone, own2, 1) - mean.T @ mean
    return value, slope, information


def proportional(lived: Tenures, x: Floats, effects: Effects) -> Floats:
    """p-value per covariate that its hazard ratio stays the same over tenure: Schoenfeld's residuals against rank.

    Reference: Grambsch and Therneau (1994), Biometrika 81, 515-526, with ranks of the times of ends. Shape (k,).
    """
    risks = _risk_sets(lived)
    weight = np.exp(np.clip((x - x.mean(axis=0)) @ effects.beta, -50, 50))
    mean = _under(weight[:, None] * x, risks) / _under(weight, risks)[:, None]
    residual = np.concatenate([x[dead] - mean[j] for j, dead in enumerate(risks.ends)])
    # The scaled residual is the covariance times the residual times the ends, about the coefficient.
    scaled = len(residual) * residual @ effects.covariance
    sizes = np.array([len(dead) for dead in risks.ends])
    rank = np.repeat(np.cumsum(sizes) - (sizes - 1) / 2, sizes)
    away = rank - rank.mean()
    chi = (away @ scaled) ** 2 / (len(residual) * np.diag(effects.covariance) * float(away @ away))
    return np.asarray(special.chdtrc(1, chi))


def concordance(lived: Tenures, score: Floats, *, seed: int = 0) -> float:
    """Of two customers of whom it is known who left first, how often the higher score left first (Harrell's C).

    Reference: Harrell, Lee and Mark (1996), Statistics in Medicine 15, 361-387. Ends beyond `PAIRS` are sampled.
    """
    ends = np.nonzero(lived.ended > 0)[0]
    if len(ends) > PAIRS:
        ends = np.random.default_rng(seed).choice(ends, PAIRS, replace=False)
    won = known = 0.0
    for i in ends:
        later = (lived.exit > lived.exit[i]) | ((lived.exit == lived.exit[i]) & (lived.ended == 0))
        later &= lived.entry < lived.exit[i]
        later[i] = False
        known += float(later.sum())
        won += float((score[i] > score[later]).sum()) + 0.5 * float((score[i] == score[later]).sum())
    return won / known if known else np.nan


@dataclass(frozen=True, kw_only=True)
class Periods:
    """One row per customer and period of tenure that they were under observation in.

    Attributes:
        customer: Row of the customer.
        period: Number of the period of tenure, from 0.
        ended: Whether they left in it.
        exposed: Share of the period in which leaving would have been seen: below 1 where they came or were cut off in
            its middle.
    """

    customer: Whole
    period: Whole
    ended: Whole
    exposed: Floats

    def whole(self) -> Periods:
        """Only periods seen from beginning to end, for links that take no share of a period."""
        keep = self.exposed > 1 - 1e-6
        return Periods(customer=self.customer[keep], period=self.period[keep], ended=self.ended[keep],
                       exposed=self.exposed[keep])  # fmt: skip


def person_periods(lived: Tenures, length: float) -> Periods:
    """Customers spread into periods of tenure; a period cut off in its middle counts for the share that was seen."""
    entry, out = lived.entry / length, lived.exit / length
    first, last = np.floor(entry + 1e-9).astype(np.int64), np.ceil(out - 1e-9).astype(np.int64)
    times = np.maximum(last - first, 0)
    customer = np.repeat(np.arange(lived.n), times)
    offset = np.arange(len(customer)) - np.repeat(np.cumsum(times) - times, times)
    period = first[customer] + offset
    over = (lived.ended[customer] > 0) & (offset == times[customer] - 1)
    end = np.where(over, period + 1.0, np.minimum(out[customer], period + 1.0))
    exposed = end - np.maximum(entry[customer], period)
    keep = exposed > 1e-6
    return Periods(customer=customer[keep], period=period[keep], ended=over.astype(np.int64)[keep],
                   exposed=np.minimum(exposed[keep], 1.0))  # fmt: skip


def discrete(
    ended: ArrayLike,
    span: Whole,
    x: Floats,
    *,
    link: Link = "cloglog",
    exposed: Floats | None = None,
    each: int = EACH,
    penalty: float = 0.0,
    kept: float = 1.0,
) -> Effects:
    """Hazard per period by covariates: a binary regression on periods, with an intercept per span of tenure.

    References: Prentice and Gloeckler (1978), Biometrics 34, 57-67 (complementary log-log: hazard ratios); Cox (1972),
    section 6, and Singer and Willett (1993) (logit). Covariates may differ from period to period; each must be known
    when its period begins. Periods of one customer need no correction: the likelihood is a product of conditional
    chances. Thin evidence: fewer than `each` ends per coefficient, refused; so is a fit that does not converge.

    Args:
        ended: Whether each period ended in leaving, shape (rows,).
        span: Number of the span of tenure of each row, from 0; spans without an end are to be joined beforehand.
        x: Covariates, shape (rows, k).
        link: cloglog or logit.
        exposed: Share of each period that was seen, for cloglog: a steady hazard within the period; 1 when left out.
        each: Fewest ends per covariate.
        penalty: Ridge on the coefficients of standardised covariates, none by default.
        kept: Share of the periods without an end that are among the rows, for the logit: all ends are kept and the
            rest was thinned by chance: the intercepts are those of all (Prentice and Pyke 1979, Biometrika 66).
    """
    y = np.asarray(ended, float)
    spans, k = int(span.max()) + 1 if len(span) else 1, x.shape[1]
    method = f"discrete-time hazard, {link}"
    if y.sum() < each * max(k, 1):
        why = f"only {int(y.sum())} ends for {k} covariates; {each} each are needed"
        return _none(why, k, len(y), int(y.sum()), method)
    middle = x.mean(axis=0)
    scale = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    design = np.column_stack([np.eye(spans)[span], (x - middle) / scale])
    ridge = np.concatenate([np.full(spans, 1e-9), np.full(k, max(penalty, 1e-9))])
    seen = np.zeros(len(y)) if exposed is None else np.log(exposed)
    if link == "logit" and seen.any():
        raise ValueError("the logit takes whole periods only: Periods.whole")
    if kept < 1:
        if link != "logit":
            raise ValueError("only the logit stands for all after thinning")
        seen = np.full(len(y), -np.log(kept))
    theta, value, slope, information = _scored(design, y, seen, ridge, link=link, spans=spans)
    steep = float(np.abs(slope).max()) / len(y)
    if steep > FLAT or np.abs(theta[spans:]).max(initial=0.0) > 15:
        return _none("the fit did not converge: a covariate separates those who left", k, len(y), int(y.sum()), method)
    whole = np.linalg.inv(information)
    spread = whole[spans:, spans:]
    if float(np.diag(spread).max(initial=0.0)) > SEPARATED**2:
        return _none("the fit did not converge: a covariate separates those who left", k, len(y), int(y.sum()), method)
    spread = spread / np.outer(scale, scale)
    beta, unit = theta[spans:] / scale, np.concatenate([np.ones(spans), scale])
    return Effects(beta=beta, error=np.sqrt(np.diag(spread)), covariance=spread, baseline=theta[:spans] - middle @ beta,
                   joint=whole / np.outer(unit, unit), middle=middle,
                   loglik=value, n=len(y), ended=int(y.sum()), slope=steep, method=method)  # fmt: skip


def _scored(
    design: Floats, y: Floats, seen: Floats, ridge: Floats, *, link: Link, spans: int
) -> tuple[Floats, float, Floats, Floats]:
    """Fisher scoring with step halving."""
    rate = np.clip(y.mean(), 1e-9, 1 - 1e-9)
    theta = np.zeros(design.shape[1])
    theta[:spans] = np.log(-np.log1p(-rate)) if link == "cloglog" else special.logit(rate)

    def at(theta: Floats) -> tuple[float, Floats, Floats]:
        chance, slope_of = _linked(design @ theta + seen, link)
        value = float((y * np.log(chance) + (1 - y) * np.log1p(-chance)).sum()) - float(ridge @ theta**2) / 2
        pull = (y - chance) * slope_of / (chance * (1 - chance))
        weight = slope_of**2 / (chance * (1 - chance))
        return value, design.T @ pull - ridge * theta, (design.T * weight) @ design + np.diag(ridge)

    value, slope, information = at(theta)
    for _ in range(60):
        step = np.linalg.solve(information, slope)
        factor = 1.0
        tried = at(theta + step)
        while tried[0] < value - 1e-10 and factor > 1e-4:
            factor /= 2
            tried = at(theta + factor * step)
        theta = theta + factor * step
        value, slope, information = tried
        if float(np.abs(slope).max()) < FLAT * len(y) / 100:
            break
    return theta, value, slope, information


def _linked(linear: Floats, link: Link) -> tuple[Floats, Floats]:
    """The chance of a period, and its slope in the linear predictor."""
    eta = np.clip(linear, -30, 30 if link == "logit" else 3.3)
    chance = -np.expm1(-np.exp(eta)) if link == "cloglog" else special.expit(eta)
    chance = np.clip(chance, 1e-13, 1 - 1e-13)
    return chance, np.exp(eta) * (1 - chance) if link == "cloglog" else chance * (1 - chance)


def chances(effects: Effects, span: Whole, x: Floats, *, link: Link = "cloglog") -> Floats:
    """Chance of leaving in a period, given its span of tenure and covariates: shape (rows,)."""
    return _linked(effects.baseline[span] + x @ effects.beta, link)[0]


def split_at(lived: Tenures, when: Floats) -> tuple[Tenures, Whole, Floats]:
    """Tenures cut where something happened to the customer, so that it counts from then on and not before.

    Whoever counts as touched from the start because it happened later on cannot have left before: that is immortal
    time, and makes anything look as if it kept customers.

    Args:
        lived: Tenures.
        when: Tenure at which it happened, NaN or infinite where it did not: shape (n,).

    Returns:
        The pieces, the row each comes from, and whether it had happened: shapes (m,).
    """
    at = np.where(np.isfinite(when), when, np.inf)
    cut = (at > lived.entry) & (at < lived.exit)
    rows = np.concatenate([np.arange(lived.n), np.nonzero(cut)[0]])
    second = np.concatenate([np.zeros(lived.n, bool), np.ones(int(cut.sum()), bool)])
    entry = np.where(second, at[rows], lived.entry[rows])
    exit_ = np.where(~second & cut[rows], at[rows], lived.exit[rows])
    last = second | ~cut[rows]
    had = (second | (at[rows] <= lived.entry[rows])).astype(float)
    pieces = Tenures(entry=entry, exit=exit_, ended=np.where(last, lived.ended[rows], 0),
                     reason=np.where(last, lived.reason[rows], 0), left_out=lived.left_out)  # fmt: skip
    return pieces, rows, had


def told_chances(
    effects: Effects, span: Whole, x: Floats, *, link: Link = "cloglog", level: float = LEVEL
) -> tuple[Floats, Floats, Floats, Floats]:
    """Chances with what is not known of the model.

    The interval of a chance is made on the scale of the link (delta method); whether a row leaves is chance beside it.

    Returns:
        The chance of each row, the ends of its interval, and its slopes in the model's intercepts and coefficients, of
        which `Effects.joint` is the covariance: for sums over rows. Shapes (n,), (n,), (n,), (n, k).
    """
    rows = np.column_stack([np.eye(len(effects.baseline))[span], x - effects.middle])
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", rows, effects.joint, rows), 0.0))
    linear = effects.baseline[span] + x @ effects.beta
    half = quantile(level) * error
    chance, slope = _linked(linear, link)
    return chance, _linked(linear - half, link)[0], _linked(linear + half, link)[0], slope[:, None] * rows
