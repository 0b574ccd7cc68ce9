"""How much of what was lost goes with which of the things met before: parts that add up, and what is not known of them.

Everyone who was lost is held against like ones who were there at the same moment and stayed (a sample of each risk
set), by what both had met before. Time is thereby matched exactly, and nobody's later life tells of an earlier moment.

References: Langholz and Goldstein (1996), Statistical Science 11, 35-53 (sampled risk sets); Bruzzi et al. (1985),
American Journal of Epidemiology 122, 904-914 (the attributed share, from those lost and the ratios alone); Eide and
Gefeller (1995), Journal of Clinical Epidemiology 48, 227-232 (its average over all orders: the value of Shapley), here
in closed form by the integral of Owen (1972), Management Science 18, 64-79; Gelman et al. (2013), Bayesian Data
Analysis, 5.4 (the luckiest of several estimates is drawn in by a normal prior whose spread is not known).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, refusal
from regard.wording import count

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

LEAST = 30
"""Fewest losses that anything is told from."""
EACH = 5
"""Fewest losses for each thing met."""
WIDE = 2.0
"""Standard deviation of the weak prior on a log ratio: keeps a ratio finite where one side lost nobody."""
LOOSE = 5.0
"""The same for what is adjusted for."""
SHARED = 4
"""Fewest things met from which it is learnt how far apart they are."""
DRAWS = 1000
NODES, WEIGHTS = np.polynomial.legendre.leggauss(6)
METHOD = "sampled risk sets (conditional logistic), drawn in, Shapley parts of the attributed share"


@dataclass(frozen=True, kw_only=True)
class Attributed:
    """What was lost, divided among what was met before.

    Attributes:
        ratios: Ratio of the hazard with it to the hazard without, by thing met, after drawing in.
        shares: Its part of what was lost, of weight: negative where fewer were lost with it. They add up to `whole`.
        whole: The part of what was lost that goes with any of them.
        logs: Draws of the logarithms of the ratios: shape (draws, things).
        met: What each of those lost had met: shape (losses, things).
        held: Share of the weight that each of them makes up, in draws: shape (draws, losses).
        kept: How much of each log ratio is its own, 0 to 1: the rest was drawn in.
        losses: How many losses it rests on.
        refused: Why there is none.
    """

    ratios: tuple[Estimate, ...]
    shares: tuple[Estimate, ...]
    whole: Estimate
    logs: Floats
    met: NDArray[np.bool_]
    held: Floats
    kept: Floats
    losses: int
    refused: str = ""

    def parts(self, among: tuple[int, ...]) -> Floats:
        """Shares of what is lost that ending these would keep, each with its Shapley part: they add up to the union.

        Args:
            among: Positions of the things met.

        Returns:
            Shape (draws, things among).
        """
        found = np.zeros((len(self.logs), len(among)))
        if not among:
            return found
        left = np.exp(-np.clip(self.logs[:, list(among)], -20, 20))
        kinds, held = _kinds(self.met[:, list(among)], self.held)
        for k, kind in enumerate(kinds):
            on = np.flatnonzero(kind)
            if len(on):
                found[:, on] += held[:, k, None] * owen(left[:, on])
        return found

    def joined(self, met: NDArray[np.bool_], logs: Floats) -> Attributed:
        """The same with more things met, of whose ratios something else tells.

        Args:
            met: Which of those lost had met them: shape (losses, more).
            logs: Draws of the logarithms of their ratios: shape (draws, more).
        """
        return replace(self, met=np.column_stack([self.met, met]), logs=np.column_stack([self.logs, logs]))


def owen(left: Floats) -> Floats:
    """Shapley parts of 1 - Π left: shape (rows, players), each row a game of its own.

    Exact up to eleven players; beyond, the rule of integration errs by less than the draws do.
    """
    found = np.zeros_like(left)
    for node, weight in zip((NODES + 1) / 2, WEIGHTS / 2, strict=True):
        mixed = 1 - node + node * left
        found += weight * (1 - left) * (mixed.prod(axis=1, keepdims=True) / mixed)
    return found


def attributed(
    met: NDArray[np.bool_],
    sets: Whole,
    lost: NDArray[np.bool_],
    who: Whole,
    *,
    weight: Floats | None = None,
    beside: Floats | None = None,
    hints: Floats | None = None,
    counted: NDArray[np.bool_] | None = None,
    seed: int,
    draws: int = DRAWS,
    level: float = LEVEL,
) -> Attributed:
    """Divide what was lost among what was met before.

    Assumes that ratios are the same for everybody and multiply, and that what makes people meet a thing does not make
    them leave besides (beyond what is matched and adjusted for): an association unless it was assigned by chance. What
    lies between a thing met and leaving (how satisfied they were) must not be adjusted for. Thin evidence: fewer than
    `LEAST` losses, or than `EACH` a thing met, refused.

    Args:
        met: Who had met what: shape (rows, things).
        sets: Number of the risk set of each row, from 0: one who was lost and those compared with them.
        lost: Who was lost: one in each set.
        who: Rows of one customer depend on each other.
        weight: What each row counts for among those lost, as money; 1 when left out.
        beside: What is adjusted for: shape (rows, adjusters).
        hints: What else is known of how much each thing matters, such as the points of a score it costs: shape
            (things, 2), value and standard error. Log ratios are then drawn towards a multiple of it that is learnt
            from all of them, else to none.
        counted: Losses whose share is told, all when left out; ratios rest on all.
        seed: Of the draws.
        draws: How many.
        level: Of the intervals.
    """
    losses, k = int(lost.sum()), met.shape[1]
    if not k:
        return _none("nothing that was met before is known", 0, losses)
    if losses < max(LEAST, EACH * k):
        need = max(LEAST, EACH * k)
        return _none(f"only {count(losses, 'loss', 'losses')}; at least {need} are needed", k, losses)
    rng = np.random.default_rng(seed)
    x = met.astype(float) if beside is None else np.column_stack([met.astype(float), beside])
    fit = _fitted(x, sets, lost, k)
    if fit is None:
        return _none("the comparison of those lost with those who stayed did not converge", k, losses)
    beta, inverse, pulls = fit
    pushed, given = _redrawn(pulls @ inverse, lost, who, draws, rng)
    # Few clusters make the sandwich small: where the model's own error is larger, it holds; and every coefficient takes
    # one loss from those the errors rest on.
    pushed *= np.maximum(np.sqrt(np.diag(inverse)) / np.maximum(pushed.std(axis=0), 1e-12), 1.0)
    pushed *= np.sqrt(losses / max(losses - x.shape[1], losses / 2))
    variance = np.cov(pushed[:, :k], rowvar=False).reshape(k, k) + 1e-9 * np.eye(k)
    logs, kept = _together(beta[:k], variance, pushed[:, :k], hints, rng)
    chosen = np.ones(losses, bool) if counted is None else counted[lost]
    worth = (np.ones(losses) if weight is None else weight[lost]) * chosen
    held = given * worth
    found = Attributed(
        ratios=(), shares=(), whole=refusal("", n=losses), logs=logs, met=met[lost], kept=kept, losses=losses,
        held=held / held.sum(axis=1, keepdims=True),
    )  # fmt: skip
    return _told(found, level)


def _fitted(x: Floats, sets: Whole, lost: NDArray[np.bool_], k: int) -> tuple[Floats, Floats, Floats] | None:
    """Conditional logistic regression by Newton's method: coefficients, inverse information, pulls of rows."""
    order = np.argsort(sets, kind="stable")
    z, y = x[order], lost[order].astype(float)
    starts = np.flatnonzero(np.r_[True, np.diff(sets[order]) > 0])
    size = np.diff(np.r_[starts, len(z)])
    ridge = np.r_[np.full(k, WIDE**-2.0), np.full(z.shape[1] - k, LOOSE**-2.0)]
    beta = np.zeros(z.shape[1])

    def at(beta: Floats) -> tuple[float, Floats, Floats, Floats]:
        linear = z @ beta
        linear -= np.repeat(np.maximum.reduceat(linear, starts), size)
        share = np.exp(linear)
        total = np.add.reduceat(share, starts)
        share /= np.repeat(total, size)
        middle = np.add.reduceat(z * share[:, None], starts)
        value = float(linear @ y - np.log(total).sum() - ridge @ beta**2 / 2)
        away = z - np.repeat(middle, size, axis=0)
        pulls = (y - share)[:, None] * away
        information = (away * share[:, None]).T @ away + np.diag(ridge)
        return value, z.T @ (y - share) - ridge * beta, information, pulls

    value, slope, information, pulls = at(beta)
    for _ in range(50):
        step = np.linalg.solve(information, slope)
        factor, tried = 1.0, at(beta + step)
        while tried[0] < value - 1e-10 and factor > 1e-4:
            factor /= 2
            tried = at(beta + factor * step)
        beta = beta + factor * step
        value, slope, information, pulls = tried
        if float(np.abs(step).max()) < 1e-8:
            back = np.empty_like(pulls)
            back[order] = pulls
            return beta, np.asarray(np.linalg.inv(information), np.float64), back
    return None


def _redrawn(pulls: Floats, lost: NDArray[np.bool_], who: Whole, draws: int, rng: Generator) -> tuple[Floats, Floats]:
    """Customers drawn again (Bayesian bootstrap): what it does to coefficients in one step, and weights of the losses.

    Those lost are drawn one by one, since both their coefficients and their shares go by them; what those who stayed do
    is many small pulls, drawn as the normal they add up to.
    """
    people, own = np.unique(who, return_inverse=True)
    own = own.reshape(-1)
    summed = np.zeros((len(people), pulls.shape[1]))
    np.add.at(summed, own, pulls)
    gone, place = np.unique(own[lost], return_inverse=True)
    rest = np.delete(summed, gone, axis=0)
    # G / (G - 1) for those lost: their number is what the precision hangs on.
    wide = np.sqrt(len(gone) / max(len(gone) - 1, 1))
    given = rng.exponential(size=(draws, len(gone)))
    moved = wide * (given - 1) @ summed[gone]
    if len(rest):
        values, vectors = np.linalg.eigh(rest.T @ rest)
        moved += rng.standard_normal((draws, len(values))) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    return moved, given[:, place.reshape(-1)]


def _together(
    beta: Floats, variance: Floats, pushed: Floats, hints: Floats | None, rng: Generator
) -> tuple[Floats, Floats]:
    """Draws of the coefficients, drawn towards none or what hints tell; and how much of itself each keeps.

    How far apart the true ones are, and what a unit of the hints is worth, are drawn, too, from flat priors (Fay and
    Herriot 1979, JASA 74, 269-277). Each draw is of the posterior under what it was given (perturbed and solved again:
    Papandreou and Yuille 2010), with the very perturbation the redrawn customers brought, so that ratios and shares go
    together.
    """
    k, n = len(beta), len(pushed)
    if k < SHARED:
        return beta + pushed, np.ones(k)
    grid = np.linspace(0.0, 1.5, 61)
    values, vectors = np.linalg.eigh(variance)
    rotated = vectors.T @ beta
    w = 1 / (values + grid[:, None] ** 2)
    told = np.zeros(k) if hints is None else vectors.T @ hints[:, 0]
    known = w @ told**2
    some = bool((known > 0).all())
    centre = (w @ (told * rotated)) / known if some else np.zeros(len(grid))
    likely = 0.5 * np.log(w).sum(axis=1) - 0.5 * (w * (rotated - centre[:, None] * told) ** 2).sum(axis=1)
    if some:
        likely -= 0.5 * np.log(known)
    mass = np.cumsum(np.exp(likely - likely.max()))
    at = np.searchsorted(mass / mass[-1], rng.random(n), side="right").clip(0, len(grid) - 1)
    spread = np.maximum(grid[at] + (rng.random(n) - 0.5) * grid[1], 0.0)[:, None]
    own = spread**2 / (spread**2 + values)
    unit = centre[at] + (rng.standard_normal(n) / np.sqrt(known[at]) if some else 0.0)
    doubt = 0.0 if hints is None else (hints[:, 1] * rng.standard_normal((n, k))) @ vectors
    towards = unit[:, None] * (told + doubt) + spread * rng.standard_normal((n, k))
    drawn = own * (rotated + pushed @ vectors) + (1 - own) * towards
    return drawn @ vectors.T, (vectors**2) @ own.mean(axis=0)


def _kinds(met: NDArray[np.bool_], held: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Losses that had met the same, taken together: the kinds, and what they hold in each draw."""
    kinds, at = np.unique(met, axis=0, return_inverse=True)
    order = np.argsort(at.reshape(-1), kind="stable")
    starts = np.searchsorted(at.reshape(-1)[order], np.arange(len(kinds)))
    return kinds, np.add.reduceat(held[:, order], starts, axis=1)


def _told(found: Attributed, level: float) -> Attributed:
    """With its intervals."""
    parts = found.parts(tuple(range(found.logs.shape[1])))
    ratios = [_estimate(np.exp(log), found.losses, level, middle=float(np.exp(log.mean()))) for log in found.logs.T]
    return replace(
        found, ratios=tuple(ratios), shares=tuple(_estimate(part, found.losses, level) for part in parts.T),
        whole=_estimate(parts.sum(axis=1), found.losses, level),
    )  # fmt: skip


def undivided(weight: Floats, *, seed: int, draws: int = DRAWS) -> Attributed:
    """Those lost with nothing they met, in draws: what something else tells of may be joined.

    Args:
        weight: What each counts for: shape (losses,).
        seed: Of the draws.
        draws: How many.
    """
    held = np.random.default_rng(seed).exponential(size=(draws, len(weight))) * weight
    return replace(
        _none("nothing that was met before is known", 0, len(weight)), logs=np.zeros((draws, 0)),
        met=np.zeros((len(weight), 0), bool), held=held / held.sum(axis=1, keepdims=True),
    )  # fmt: skip


def _estimate(drawn: Floats, n: int, level: float, *, middle: float | None = None) -> Estimate:
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    value = float(drawn.mean()) if middle is None else middle
    return Estimate(
        value=value, low=float(min(low, value)), high=float(max(high, value)), error=float(drawn.std(ddof=1)),
        centre=value, n=n, effective=float(n), level=level, method=METHOD,
    )  # fmt: skip


def _none(why: str, k: int, losses: int) -> Attributed:
    none = refusal(why, n=losses, method=METHOD)
    return Attributed(
        ratios=(none,) * k, shares=(none,) * k, whole=none, logs=np.zeros((0, k)), met=np.zeros((0, k), bool),
        held=np.zeros((0, 0)), kept=np.zeros(k), losses=losses, refused=why,
    )  # fmt: skip
