"""Which options to choose under a budget: the exact best set, what it might turn out to be, and how much of it is luck.

A 0/1 knapsack with needs (one option only with another) and exclusions, solved exactly (`scipy.optimize.milp`, HiGHS;
small ones by going through every set). Options that reach the same people share *pots*: of a pot the best chosen option
counts, once (facility location), and credit for it is shared by Shapley's value. What is maximised is the mean of draws,
or a mixture with the mean of the worst of them (CVaR, Rockafellar & Uryasev 2000, Journal of Risk 2, 21-41).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Truths = NDArray[np.bool_]

SMALL = 14
"""Options up to which every set is gone through."""
WORST = 0.1
"""Share of the draws that are the bad cases."""
SCENARIOS = 300


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What sets are allowed.

    Attributes:
        budget: The most the expected costs may add up to; infinite where there is none.
        needs: Pairs (i, j): i only with j.
        excludes: Sets of options of which at most one is chosen.
        must: Options that are chosen whatever they are worth.
    """

    budget: float = math.inf
    needs: tuple[tuple[int, int], ...] = ()
    excludes: tuple[tuple[int, ...], ...] = ()
    must: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Worth:
    """Options in draws.

    Attributes:
        value: Value of each option on its own, shape (draws, options); what pots hold is not in it.
        cost: Its cost, same shape.
        pots: Shared values, shape (draws, pots): what there is to win.
        part: What part of each pot an option wins, shape (draws, options, pots); 0 where it does not reach it.
    """

    value: Floats
    cost: Floats
    pots: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    part: Floats = field(default_factory=lambda: np.zeros((0, 0, 0)))

    @property
    def shared(self) -> bool:
        """Whether options overlap."""
        return self.pots.size > 0

    def net(self, chosen: Truths) -> Floats:
        """Net value of a set in every draw."""
        total = self.value[:, chosen].sum(axis=1) - self.cost[:, chosen].sum(axis=1)
        if self.shared and chosen.any():
            total = total + (self.pots * self.part[:, chosen].max(axis=1)).sum(axis=1)
        return total

    def alone(self) -> Floats:
        """Net value of every option as if it were the only one, shape (draws, options)."""
        own = self.value - self.cost
        return own + np.einsum("sp,skp->sk", self.pots, self.part) if self.shared else own


@dataclass(frozen=True, kw_only=True)
class Portfolio:
    """The best set.

    Attributes:
        chosen: Which options.
        objective: What was maximised, at the optimum.
        gap: Relative distance to what could still be possible; 0 is proven optimal.
        refused: Why there is no set; empty when there is one.
    """

    chosen: Truths
    objective: float
    gap: float
    refused: str = ""


def allowed(k: int, rules: Rules) -> NDArray[np.bool_]:
    """Every set of k options that keeps the rules but the budget, shape (sets, k)."""
    sets = (np.arange(2**k)[:, None] >> np.arange(k) & 1).astype(bool)
    fine = np.ones(len(sets), bool)
    for i, j in rules.needs:
        fine &= ~sets[:, i] | sets[:, j]
    for group in rules.excludes:
        fine &= sets[:, list(group)].sum(axis=1) <= 1
    for i in rules.must:
        fine &= sets[:, i]
    return sets[fine]


def best(worth: Worth, rules: Rules, *, cautious: float = 0.0) -> Portfolio:
    """The set with the greatest mean net value, whose mean costs are within the budget.

    Args:
        worth: The options in draws.
        rules: What is allowed.
        cautious: Share of the objective that is the mean of the worst tenth of the draws instead.
    """
    k = worth.cost.shape[1]
    if k <= SMALL:
        return _among(worth, rules, cautious)
    if cautious > 0:
        step = max(len(worth.cost) // SCENARIOS, 1)
        worth = Worth(
            value=worth.value[::step], cost=worth.cost[::step],
            pots=worth.pots[::step] if worth.shared else worth.pots,
            part=worth.part[::step] if worth.shared else worth.part,
        )  # fmt: skip
    return _program(worth, rules, cautious)


def _nothing(k: int, why: str) -> Portfolio:
    return Portfolio(chosen=np.zeros(k, bool), objective=math.nan, gap=math.nan, refused=why)


def _among(worth: Worth, rules: Rules, cautious: float) -> Portfolio:
    k = worth.cost.shape[1]
    sets = allowed(k, rules)
    sets = sets[sets @ worth.cost.mean(axis=0) <= rules.budget * (1 + 1e-12) + 1e-12]
    if not len(sets):
        return _nothing(k, "no set of options keeps the rules within the budget")
    worthy = sets @ (worth.value - worth.cost).mean(axis=0)
    if worth.shared or cautious > 0:
        nets = np.stack([worth.net(s) for s in sets])
        worthy = nets.mean(axis=1)
        if cautious > 0:
            worthy = (1 - cautious) * worthy + cautious * np.array([tail_mean(n) for n in nets])
    at = int(np.argmax(worthy))
    return Portfolio(chosen=sets[at], objective=float(worthy[at]), gap=0.0)


def tail_mean(net: Floats, worst: float = WORST) -> float:
    """Mean of the worst share of draws (CVaR)."""
    count = max(int(round(worst * len(net))), 1)
    return float(np.partition(net, count - 1)[:count].mean())


def _program(worth: Worth, rules: Rules, cautious: float) -> Portfolio:
    """The same by mixed-integer programming: options x, who serves each pot y, and the tail's level t and shortfalls u."""
    from scipy import optimize, sparse

    draws, k = worth.cost.shape
    mean_pots = np.einsum("sp,skp->kp", worth.pots, worth.part) / draws if worth.shared else np.zeros((k, 0))
    serve = np.argwhere(mean_pots > 0)
    n = k + len(serve) + (1 + draws if cautious > 0 else 0)
    gain = np.zeros(n)
    own = worth.value - worth.cost
    gain[:k] = (1 - cautious) * own.mean(axis=0)
    gain[k : k + len(serve)] = (1 - cautious) * mean_pots[serve[:, 0], serve[:, 1]]
    rows = _rows(worth, rules, serve, n)
    if cautious > 0:
        at = k + len(serve)
        gain[at] = cautious
        gain[at + 1 :] = -cautious / (WORST * draws)
        served = (
            worth.pots[:, serve[:, 1]] * worth.part[:, serve[:, 0], serve[:, 1]] if len(serve) else np.zeros((draws, 0))
        )
        each = np.hstack([own, served, -np.ones((draws, 1)), np.eye(draws)])
        rows.append(optimize.LinearConstraint(sparse.csr_array(each), lb=0.0))
    low, high = np.zeros(n), np.ones(n)
    low[list(rules.must)] = 1.0
    if cautious > 0:
        low[k + len(serve)], high[k + len(serve) :] = -np.inf, np.inf
    whole = np.zeros(n)
    whole[:k] = 1
    found = optimize.milp(
        -gain, integrality=whole, bounds=optimize.Bounds(low, high), constraints=rows,
        options={"mip_rel_gap": 0.0, "time_limit": 20.0},
    )  # fmt: skip
    if found.x is None:
        return _nothing(k, "no set of options keeps the rules within the budget")
    gap = float(getattr(found, "mip_gap", 0.0) or 0.0)
    if gap > 1e-6:
        return _nothing(k, f"the search for the best set stopped {100 * gap:.1f} % short of proof")
    return Portfolio(chosen=found.x[:k] > 0.5, objective=float(-found.fun), gap=gap)


def _rows(worth: Worth, rules: Rules, serve: NDArray[np.int64], n: int) -> list[object]:
    from scipy import optimize, sparse

    k = worth.cost.shape[1]
    lines: list[tuple[Floats, float]] = []

    def line(places: list[int], weights: list[float], most: float) -> None:
        row = np.zeros(n)
        row[places] = weights
        lines.append((row, most))

    if math.isfinite(rules.budget):
        line(list(range(k)), list(worth.cost.mean(axis=0)), rules.budget)
    for i, j in rules.needs:
        line([i, j], [1.0, -1.0], 0.0)
    for group in rules.excludes:
        line(list(group), [1.0] * len(group), 1.0)
    for place, (i, _) in enumerate(serve):
        line([k + place, int(i)], [1.0, -1.0], 0.0)
    for pot in np.unique(serve[:, 1]) if len(serve) else []:
        at = [k + int(p) for p in np.flatnonzero(serve[:, 1] == pot)]
        line(at, [1.0] * len(at), 1.0)
    if not lines:
        return []
    matrix = sparse.csr_array(np.stack([row for row, _ in lines]))
    return [optimize.LinearConstraint(matrix, ub=np.array([most for _, most in lines]))]


@dataclass(frozen=True, kw_only=True)
class Hindsight:
    """What one would have chosen, had one known each draw.

    Attributes:
        chosen: Which options in which draw, shape (draws, options).
        net: Net value of that set in its draw.
    """

    chosen: Truths
    net: Floats

    @property
    def included(self) -> Floats:
        """Share of draws in which each option belongs to the best set."""
        return self.chosen.mean(axis=0)


def hindsight(worth: Worth, rules: Rules, *, most: int = 200) -> Hindsight:
    """The best set of every draw, knowing its values and costs; of at most `most` draws where options are many."""
    draws, k = worth.cost.shape
    if k <= SMALL:
        return _hindsight_small(worth, rules)
    step = max(draws // most, 1)
    chosen = np.zeros((len(range(0, draws, step)), k), bool)
    net = np.zeros(len(chosen))
    for row, at in enumerate(range(0, draws, step)):
        one = _one(worth, at)
        found = _program(one, rules, 0.0)
        # Where a draw's costs leave no allowed set (a must is dearer than the budget), nothing is chosen.
        chosen[row] = found.chosen if not found.refused else False
        net[row] = float(one.net(chosen[row])[0])
    return Hindsight(chosen=chosen, net=net)


def _one(worth: Worth, at: int) -> Worth:
    shared = worth.shared
    return Worth(
        value=worth.value[at : at + 1], cost=worth.cost[at : at + 1],
        pots=worth.pots[at : at + 1] if shared else worth.pots, part=worth.part[at : at + 1] if shared else worth.part,
    )  # fmt: skip


def _hindsight_small(worth: Worth, rules: Rules) -> Hindsight:
    draws, k = worth.cost.shape
    sets = allowed(k, rules)
    chosen, net = np.zeros((draws, k), bool), np.zeros(draws)
    step = max(1, 4_000_000 // max(len(sets), 1))
    number = sets.astype(np.float64)
    for start in range(0, draws, step):
        part = slice(start, start + step)
        nets = number @ (worth.value[part] - worth.cost[part]).T
        if worth.shared:
            for row, s in enumerate(sets):
                if s.any():
                    nets[row] += (worth.pots[part] * worth.part[part][:, s].max(axis=1)).sum(axis=1)
        if math.isfinite(rules.budget):
            nets[number @ worth.cost[part].T > rules.budget * (1 + 1e-12)] = -np.inf
        at = np.argmax(nets, axis=0)
        top = nets[at, np.arange(nets.shape[1])]
        chosen[part] = np.where(np.isfinite(top)[:, None], sets[at], False)
        net[part] = np.where(np.isfinite(top), top, 0.0)
    return Hindsight(chosen=chosen, net=net)


def in_order(order: list[int], cost: Floats, rules: Rules) -> Truths:
    """The set one gets by going down a list and taking what still fits: how priority scores are used.

    An option whose need is not chosen yet is passed over until it is; passes go on until nothing more fits.
    """
    k = len(cost)
    chosen = np.zeros(k, bool)
    chosen[list(rules.must)] = True
    spent = float(cost[chosen].sum())
    while True:
        for i in order:
            if chosen[i] or spent + cost[i] > rules.budget * (1 + 1e-12):
                continue
            met = all(chosen[j] for a, j in rules.needs if a == i)
            free = not any(chosen[j] for group in rules.excludes if i in group for j in group)
            if met and free:
                chosen[i] = True
                spent += float(cost[i])
                break
        else:
            return chosen


def credit(worth: Worth, chosen: Truths) -> Floats:
    """Each option's part in the mean net value of the chosen set: Shapley's value, so that parts add up to it.

    Options not chosen get what they would add to the set. A pot is shared as in the airport game (Littlechild & Owen
    1973), which is exact: who wins more of it shares only the difference.
    """
    k = worth.cost.shape[1]
    own = (worth.value - worth.cost).mean(axis=0)
    if not worth.shared:
        return np.asarray(own, np.float64)
    found = own.copy()
    inside = np.flatnonzero(chosen)
    if len(inside):
        part = worth.part[:, inside]
        order = np.argsort(part, axis=1)
        sorted_part = np.take_along_axis(part, order, axis=1)
        steps = np.diff(sorted_part, axis=1, prepend=0.0)
        left = np.arange(len(inside), 0, -1)[None, :, None]
        shares = np.cumsum(steps / left, axis=1)
        back = np.empty_like(shares)
        np.put_along_axis(back, order, shares, axis=1)
        found[inside] += (worth.pots[:, None, :] * back).sum(axis=2).mean(axis=0)
    before = worth.part[:, inside].max(axis=1) if len(inside) else np.zeros_like(worth.pots)
    for i in range(k):
        if not chosen[i]:
            found[i] += float((worth.pots * np.maximum(worth.part[:, i] - before, 0)).sum(axis=1).mean())
    return np.asarray(found, np.float64)


def cycle(needs: tuple[tuple[int, int], ...], k: int) -> tuple[int, ...]:
    """A circle among needs, as the options on it in order; empty where there is none."""
    after: dict[int, list[int]] = {i: [j for a, j in needs if a == i] for i in range(k)}
    for start in range(k):
        path, seen = [start], set()
        stack = [iter(after[start])]
        while stack:
            step = next(stack[-1], None)
            if step is None:
                stack.pop()
                path.pop()
            elif step == start:
                return tuple(path)
            elif step not in seen:
                seen.add(step)
                path.append(step)
                stack.append(iter(after[step]))
    return ()


def pairs(groups: tuple[tuple[int, ...], ...]) -> set[tuple[int, int]]:
    """Every pair of options that exclude each other."""
    return {pair for group in groups for pair in itertools.combinations(sorted(group), 2)}
