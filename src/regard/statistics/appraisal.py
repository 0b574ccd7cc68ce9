"""Options appraised by draws: which to choose, what it may turn out to be, what ranking by points loses, what to learn.

Draws keep two things apart: what is not known (values, chances, costs: knowing it would change the choice) and luck (a
chance of 60 % still fails in two of five: knowing it beforehand is nobody's). The choice, regret and the worth of
knowing rest on the first; the interval and P(net > 0) on both. Points multiplied with each other, as RICE and WSJF do,
are no estimate of anything here: they only order options, for comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.learning import Learned, partial
from regard.statistics.portfolios import (
    SMALL,
    WORST,
    Portfolio,
    Rules,
    Worth,
    best,
    credit,
    hindsight,
    in_order,
    nets,
    within,
)
from regard.statistics.ranges import Range, Shrunk, at_each, plain, shrunk, uniforms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Truths = NDArray[np.bool_]

MOST_SETS = 60
MOST_INPUTS = 45
JOBS = np.array([1, 2, 3, 5, 8, 13, 20])
"""The steps of relative sizes that WSJF is scored in."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """One option as its ranges.

    Attributes:
        name: What it is called.
        value: What it brings where it works.
        chance: Parameters of the beta of its chance to work; the chance itself where it is sure.
        cost: What it costs, works or not.
    """

    name: str
    value: Range
    chance: tuple[float, float] | float
    cost: Range


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Options in draws, each array of shape (draws, options).

    Attributes:
        value: Value where it works, after shrinkage.
        chance: Chance to work.
        cost: Cost.
        works: Whether it works, in this draw.
        shrinkage: What shrinkage did to the values.
    """

    value: Floats
    chance: Floats
    cost: Floats
    works: Truths
    shrinkage: Shrunk

    @property
    def worth(self) -> Worth:
        """What is not known, luck averaged out."""
        return Worth(value=self.value * self.chance, cost=self.cost)

    @property
    def outcome(self) -> Worth:
        """What may happen, luck included."""
        return Worth(value=self.value * self.works, cost=self.cost)


def drawn(options: tuple[Option, ...], *, n: int, seed: int, together: float = 0.0, shrink: bool = True) -> Drawn:
    """Draw options.

    Args:
        options: Their ranges.
        n: Draws.
        seed: Seed.
        together: Correlation of values with each other, and of costs with each other.
        shrink: Draw the values to what they have in common (the optimizer's curse).
    """
    rng = np.random.default_rng(seed)
    k = len(options)
    given = tuple(o.value for o in options)
    by_value, by_cost = (uniforms(n, k, together=together, rng=rng) for _ in range(2))
    found = shrunk(given, by_value, rng=rng) if shrink else plain(given, by_value, why_not="not asked for")
    chance = np.column_stack([
        np.full(len(by_value), o.chance) if isinstance(o.chance, float) else rng.beta(*o.chance, len(by_value))
        for o in options
    ])  # fmt: skip
    return Drawn(
        value=found.values,
        chance=chance, cost=at_each(tuple(o.cost for o in options), by_cost),
        works=rng.random(chance.shape) < chance, shrinkage=found,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A net value in draws: mean, 95 % interval, chance to be above zero, mean of the worst tenth."""

    mean: float
    low: float
    high: float
    positive: float
    worst: float


def outcome(net: Floats) -> Outcome:
    """The summary of draws."""
    return outcomes(net[:, None])[0]


def outcomes(nets: Floats) -> tuple[Outcome, ...]:
    """The summary of each column of draws, shape (draws, columns)."""
    each = np.sort(np.ascontiguousarray(nets.T), axis=1)
    low, high = np.quantile(each, (0.025, 0.975), axis=1)
    worst = each[:, : max(round(WORST * each.shape[1]), 1)].mean(axis=1)
    columns = (each.mean(axis=1), low, high, (each > 0).mean(axis=1), worst)
    return tuple(
        Outcome(mean=m, low=a, high=b, positive=p, worst=w)
        for m, a, b, p, w in zip(*(c.tolist() for c in columns), strict=True)
    )


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """What going down a list gives."""

    name: str
    order: tuple[int, ...]
    chosen: Truths
    net: float
    regret: float


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input's part in the doubt.

    Attributes:
        name: What it is.
        learned: What knowing it would be worth.
        low: Net value of the chosen set on average where the input is in its lowest tenth.
        high: The same for its highest tenth.
    """

    name: str
    learned: Learned
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Appraisal:
    """The answer.

    Attributes:
        portfolio: The chosen set.
        net: Its net value, luck included.
        spent: Its costs: mean and 95 % interval.
        within: Chance that its costs stay within the budget.
        alone: Net value of each option as the only one, luck included.
        credit: Each option's part in the set's mean net value; of others what they would add.
        included: Share of draws in which each belongs to the best set.
        ranks: Between which ranks by net value each lies in 95 % of the draws, shape (options, 2).
        regret: Mean of what the oracle, who knows all but luck, would have had more.
        regret_high: What it exceeds in one draw of twenty.
        right: Share of draws in which the chosen set is the oracle's.
        rankings: Lists by scores of points, with their regret.
        inputs: What is not known, the most worth learning first.
    """

    portfolio: Portfolio
    net: Outcome
    spent: tuple[float, float, float]
    within: float
    alone: tuple[Outcome, ...]
    credit: Floats
    included: Floats
    ranks: Floats
    regret: float
    regret_high: float
    right: float
    rankings: tuple[Ranking, ...]
    inputs: tuple[Input, ...]


def appraise(
    worth: Worth,
    luck: Worth,
    rules: Rules,
    *,
    lists: dict[str, Floats],
    inputs: dict[str, Floats],
    weights: Floats | None = None,
    cautious: float = 0.0,
) -> Appraisal | Portfolio:
    """Choose, and say how far to trust it.

    Args:
        worth: What is not known, in draws.
        luck: The same draws with luck.
        rules: What is allowed.
        lists: Priority scores to compare with, by their name: higher is sooner.
        inputs: Inputs in the same draws, by their name.
        weights: Strategic weight of each option's value in choosing; money is told without.
        cautious: Share of the objective that is the mean of the worst tenth.

    Returns:
        The appraisal; the refused portfolio where no set is allowed.
    """
    wanted = worth if weights is None else _weighted(worth, weights)
    chosen_from = _weighted(luck, weights) if cautious > 0 and weights is not None else luck if cautious > 0 else wanted
    found = best(chosen_from, rules, cautious=cautious)
    if found.refused:
        return found
    chosen = found.chosen
    oracle = hindsight(wanted, rules)
    step = len(worth.cost) // len(oracle.net) if len(oracle.net) < len(worth.cost) else 1
    kept = np.arange(0, len(worth.cost), step)[: len(oracle.net)]
    own = wanted.net(chosen)[kept]
    gap = np.maximum(oracle.net - own, 0.0)
    spent = worth.cost[:, chosen].sum(axis=1)
    plan = worth.cost.mean(axis=0)
    rankings = []
    for name, score in lists.items():
        order = [int(i) for i in np.argsort(-score, kind="stable") if np.isfinite(score[i])]
        taken = in_order(order, plan, rules)
        lost = float((oracle.net - wanted.net(taken)[kept]).mean())
        net = float(luck.net(taken).mean())
        rankings.append(Ranking(name=name, order=tuple(order), chosen=taken, net=net, regret=lost))
    sets = _candidates(wanted, rules, oracle.chosen, [chosen, *(r.chosen for r in rankings)])
    every = nets(wanted, sets)
    return Appraisal(
        portfolio=found, net=outcome(luck.net(chosen)),
        spent=(float(spent.mean()), float(np.quantile(spent, 0.025)), float(np.quantile(spent, 0.975))),
        within=float((spent <= rules.budget).mean()), alone=outcomes(luck.alone()),
        credit=credit(worth, chosen), included=oracle.included, ranks=_ranks(worth), regret=float(gap.mean()),
        regret_high=float(np.quantile(gap, 0.95)), right=float((oracle.chosen == chosen).all(axis=1).mean()),
        rankings=tuple(rankings), inputs=_inputs(every, wanted.net(chosen), inputs),
    )  # fmt: skip


def _ranks(worth: Worth) -> Floats:
    """Ranks by what each would bring alone, in draws: one that half of them contradict is no rank."""
    place = np.argsort(np.argsort(-worth.alone(), axis=1), axis=1) + 1
    return np.asarray(np.quantile(place, (0.025, 0.975), axis=0, method="nearest").T, np.float64)


def _weighted(worth: Worth, weights: Floats) -> Worth:
    # What an option wins of a shared pot is weighed as if it were alone: a weight is no share of money.
    won = np.einsum("sp,skp->sk", worth.pots, worth.part) if worth.shared else 0.0
    return replace(worth, value=worth.value * weights + (weights - 1) * won)


def _candidates(worth: Worth, rules: Rules, seen: Truths, more: list[Truths]) -> Truths:
    """Sets that are ever the best, the most frequent first, with those compared."""
    if worth.cost.shape[1] <= SMALL and len(every := within(worth, rules)) <= MOST_SETS:
        return every
    sets, counts = np.unique(seen, axis=0, return_counts=True)
    kept = sets[np.argsort(-counts, kind="stable")][:MOST_SETS]
    return np.unique(np.vstack([kept, *(m[None, :] for m in more)]), axis=0)


def _inputs(every: Floats, own: Floats, inputs: dict[str, Floats]) -> tuple[Input, ...]:
    found = []
    tenth = max(len(own) // 10, 1)
    for name in _weighty(every, inputs):
        known = inputs[name]
        order = np.argsort(known, kind="stable")
        found.append(Input(
            name=name, learned=partial(every, known), low=float(own[order[:tenth]].mean()),
            high=float(own[order[-tenth:]].mean()),
        ))  # fmt: skip
    return tuple(sorted(found, key=lambda i: (-round(i.learned.value, 9), -abs(i.high - i.low))))


def _weighty(every: Floats, inputs: dict[str, Floats]) -> list[str]:
    """The inputs that vary; of too many to look at each, those that move the sets apart most."""
    if not inputs:
        return []
    known, names = np.stack(list(inputs.values())), list(inputs)
    varying = np.flatnonzero(np.ptp(known, axis=1) > 0)
    if len(varying) <= MOST_INPUTS:
        return [names[i] for i in varying]
    known = known[varying]
    apart = every - every.mean(axis=1, keepdims=True)
    known -= known.mean(axis=1, keepdims=True)
    known /= known.std(axis=1, keepdims=True)
    moved = np.abs(known @ (apart - apart.mean(axis=0))).max(axis=1)
    return [names[varying[i]] for i in np.argsort(-moved, kind="stable")[:MOST_INPUTS]]


def by_points(value: Floats, chance: Floats, cost: Floats) -> dict[str, Floats]:
    """RICE and WSJF as teams compute them from single points.

    RICE (McBride 2016): reach times impact (here the likely value) times confidence, over effort (the likely cost).
    WSJF (Reinertsen 2009): cost of delay over job size, both in relative steps of 1, 2, 3, 5, 8, 13, 20. Options that
    their own points tell to lose are left out of both (NaN).
    """
    gains = value * chance > cost
    with np.errstate(divide="ignore", invalid="ignore"):
        rice = np.where(cost > 0, value * chance / cost, np.inf)
    return {"RICE": np.where(gains, rice, np.nan), "WSJF": np.where(gains, _steps(value) / _steps(cost), np.nan)}


def _steps(x: Floats) -> Floats:
    """The nearest step of the scale, the largest taken for 20."""
    top = float(np.max(np.abs(x))) or 1.0
    scaled = np.maximum(x, 0) / top * JOBS[-1]
    return np.asarray(
        JOBS[np.argmin(np.abs(np.log(np.maximum(scaled, 0.5))[:, None] - np.log(JOBS)), axis=1)], np.float64
    )
