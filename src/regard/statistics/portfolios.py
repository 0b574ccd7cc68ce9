"""Which options to choose under a budget: the exact best set, what it might turn out to be, and how much of it is luck.

A 0/1 knapsack with needs (one option only with another) and exclusions, solved exactly (`scipy.optimize.milp`, HiGHS;
small ones by going through every set). Options that reach the same people share *pots*: each wins its part of what
the others left, so nothing is counted twice, and credit is Shapley's value (1953). What is maximised is the mean of
draws, or a mixture with the mean of the worst of them (CVaR, Rockafellar & Uryasev 2000, Journal of Risk 2, 21-41).
The budget binds what options are expected to cost, for everybody, the oracle included: so regret is never below zero.
"""

from __future__ import annotations

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
MANY = 400
NEAR = 1e-3
"""How near its best set the oracle of one draw may stop, where options are many."""


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
            total = total + (self.pots * (1 - (1 - self.part[:, chosen]).prod(axis=1))).sum(axis=1)
        return np.asarray(total, np.float64)

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
    if worth.shared:
        return _nothing(k, f"{k} options that share customers are more than can be gone through; at most {SMALL} can")
    if cautious > 0:
        step = max(len(worth.cost) // SCENARIOS, 1)
        worth = Worth(value=worth.value[::step], cost=worth.cost[::step])
    if k > MANY:
        return _many(worth, rules, cautious)
    return _program(worth, rules, cautious, worth.cost.mean(axis=0))


def _nothing(k: int, why: str) -> Portfolio:
    return Portfolio(chosen=np.zeros(k, bool), objective=math.nan, gap=math.nan, refused=why)


def _among(worth: Worth, rules: Rules, cautious: float) -> Portfolio:
    k = worth.cost.shape[1]
    sets = within(worth, rules)
    if not len(sets):
        return _nothing(k, "no set of options keeps the rules within the budget")
    if worth.shared or cautious > 0:
        every = nets(worth, sets)
        worthy = every.mean(axis=0)
        if cautious > 0:
            worthy = (1 - cautious) * worthy + cautious * np.array([tail_mean(n) for n in every.T])
    else:
        worthy = sets @ (worth.value - worth.cost).mean(axis=0)
    at = int(np.argmax(worthy))
    return Portfolio(chosen=sets[at], objective=float(worthy[at]), gap=0.0)


def within(worth: Worth, rules: Rules) -> Truths:
    """Every allowed set of few options whose expected costs are within the budget, shape (sets, options)."""
    sets = allowed(worth.cost.shape[1], rules)
    kept: Truths = sets[sets @ worth.cost.mean(axis=0) <= rules.budget * (1 + 1e-12) + 1e-12]
    return kept


def nets(worth: Worth, sets: Truths) -> Floats:
    """Net value of every set in every draw, shape (draws, sets)."""
    total: Floats = (worth.value - worth.cost) @ sets.T.astype(np.float64)
    if worth.shared:
        left = np.log1p(-np.minimum(worth.part, 1 - 1e-12))
        number = sets.T.astype(np.float64)
        for pot in range(worth.pots.shape[1]):
            reach = np.flatnonzero(worth.part[:, :, pot].any(axis=0))
            if len(reach):
                total -= worth.pots[:, [pot]] * np.expm1(left[:, reach, pot] @ number[reach])
    return total


def tail_mean(net: Floats, worst: float = WORST) -> float:
    """Mean of the worst share of draws (CVaR)."""
    count = max(round(worst * len(net)), 1)
    return float(np.partition(net, count - 1)[:count].mean())


def _program(worth: Worth, rules: Rules, cautious: float, plan: Floats, *, near: float = 0.0) -> Portfolio:
    """The same by mixed-integer programming: options x, and for caution the tail's level t and shortfalls u."""
    from scipy import optimize, sparse  # noqa: PLC0415 half a second that only many options need

    draws, k = worth.cost.shape
    own = worth.value - worth.cost
    n = k + (1 + draws if cautious > 0 else 0)
    gain, low, high = np.zeros(n), np.zeros(n), np.ones(n)
    gain[:k] = (1 - cautious) * own.mean(axis=0)
    rows = _rows(rules, plan, n)
    if cautious > 0:
        gain[k], gain[k + 1 :] = cautious, -cautious / (WORST * draws)
        low[k], high[k:] = -np.inf, np.inf
        each = np.hstack([own, -np.ones((draws, 1)), np.eye(draws)])
        rows.append(optimize.LinearConstraint(sparse.csr_array(each), lb=0.0))
    low[list(rules.must)] = 1.0
    found = optimize.milp(
        -gain, integrality=np.r_[np.ones(k), np.zeros(n - k)], bounds=optimize.Bounds(low, high), constraints=rows,
        options={"mip_rel_gap": near, "time_limit": 20.0},
    )  # fmt: skip
    if found.x is None:
        late = "the search for the best set did not end in time"
        return _nothing(k, late if found.status == 1 else "no set of options keeps the rules within the budget")
    gap = float(getattr(found, "mip_gap", 0.0) or 0.0)
    if gap > max(1e-6, near):
        return _nothing(k, f"the search for the best set stopped {100 * gap:.1f} % short of proof")
    return Portfolio(chosen=found.x[:k] > 0.5, objective=float(-found.fun), gap=gap)


def _rows(rules: Rules, plan: Floats, n: int) -> list[object]:
    from scipy import optimize, sparse  # noqa: PLC0415 half a second that only many options need

    rows: list[int] = []
    places: list[int] = []
    weights: list[float] = []
    most: list[float] = []

    def line(at: list[int], by: list[float], limit: float) -> None:
        rows.extend([len(most)] * len(at))
        places.extend(at)
        weights.extend(by)
        most.append(limit)

    if math.isfinite(rules.budget):
        line(list(range(len(plan))), list(plan), rules.budget)
    for i, j in rules.needs:
        line([i, j], [1.0, -1.0], 0.0)
    for group in rules.excludes:
        line(list(group), [1.0] * len(group), 1.0)
    if not most:
        return []
    matrix = sparse.csr_array((weights, (rows, places)), shape=(len(most), n))
    return [optimize.LinearConstraint(matrix, ub=np.array(most))]


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
        return np.asarray(self.chosen.mean(axis=0), np.float64)


def hindsight(worth: Worth, rules: Rules) -> Hindsight:
    """The best set of every draw, knowing its values and costs; of some of the draws where options are many."""
    draws, k = worth.cost.shape
    if k <= SMALL:
        sets = within(worth, rules)
        if not len(sets):
            return Hindsight(chosen=np.zeros((draws, k), bool), net=np.zeros(draws))
        every = nets(worth, sets)
        at = np.argmax(every, axis=1)
        return Hindsight(chosen=sets[at], net=every[np.arange(draws), at])
    plan = worth.cost.mean(axis=0)
    # Each is a search of its own: some hundred of few options, at least ten of very many.
    most = int(np.clip(4000 // k, 10, 100))
    places = range(0, draws, max(draws // most, 1))[:most]
    own = (worth.value - worth.cost)[list(places)]
    if k > MANY:
        chosen = np.stack([_by_ratio(net, plan, rules) for net in own])
    else:
        one = [Worth(value=worth.value[[i]], cost=worth.cost[[i]]) for i in places]
        chosen = np.stack([_program(w, rules, 0.0, plan, near=NEAR).chosen for w in one])
    return Hindsight(chosen=chosen, net=(own * chosen).sum(axis=1))


def _many(worth: Worth, rules: Rules, cautious: float) -> Portfolio:
    """Very many options: by net over cost, with the distance to Dantzig's (1957) bound, which no set can pass."""
    k = worth.cost.shape[1]
    if cautious > 0:
        return _nothing(k, f"caution can be weighed for at most {MANY} options, these are {k}")
    net, plan = (worth.value - worth.cost).mean(axis=0), worth.cost.mean(axis=0)
    chosen = _by_ratio(net, plan, rules)
    spent = float(plan[chosen].sum())
    if spent > rules.budget * (1 + 1e-12):
        return _nothing(k, "no set of options keeps the rules within the budget")
    got = float(net[chosen].sum())
    gains = net > 0
    order = np.argsort(-np.where(plan > 0, net / np.where(plan > 0, plan, 1.0), np.inf)[gains], kind="stable")
    room = np.clip(rules.budget - np.concatenate([[0.0], np.cumsum(plan[gains][order])[:-1]]), 0.0, None)
    share = np.minimum(room / np.where(plan[gains][order] > 0, plan[gains][order], 1e-300), 1.0)
    bound = float((net[gains][order] * share).sum())
    return Portfolio(chosen=chosen, objective=got, gap=max(bound - got, 0.0) / bound if bound > 0 else 0.0)


def _by_ratio(net: Floats, plan: Floats, rules: Rules) -> Truths:
    """By net over cost, which of very many options misses the best set by less than one of them."""
    with np.errstate(divide="ignore"):
        ratio = np.where(plan > 0, net / np.where(plan > 0, plan, 1.0), np.inf)
    return in_order([int(i) for i in np.argsort(-ratio, kind="stable") if net[i] > 0], plan, rules)


def in_order(order: list[int], cost: Floats, rules: Rules) -> Truths:
    """The set one gets by going down a list and taking what still fits: how priority scores are used.

    An option whose need is not chosen yet is passed over; passes go on until nothing more fits.
    """
    k = len(cost)
    chosen = np.zeros(k, bool)
    chosen[list(rules.must)] = True
    spent = float(cost[chosen].sum())
    wants: dict[int, list[int]] = {}
    for i, j in rules.needs:
        wants.setdefault(i, []).append(j)
    apart: dict[int, set[int]] = {}
    for group in rules.excludes:
        for i in group:
            apart.setdefault(i, set()).update(set(group) - {i})
    more = True
    while more:
        more = False
        for i in order:
            if chosen[i] or spent + cost[i] > rules.budget * (1 + 1e-12):
                continue
            if all(chosen[j] for j in wants.get(i, ())) and not any(chosen[j] for j in apart.get(i, ())):
                chosen[i] = True
                spent += float(cost[i])
                more = more or bool(wants)
    return chosen


def credit(worth: Worth, chosen: Truths) -> Floats:
    """Each option's part in the mean net value of the chosen set: Shapley's value, so that parts add up to it.

    Options not chosen get what they would add to the set. Exact up to the options that can be gone through.
    """
    own = (worth.value - worth.cost).mean(axis=0)
    if not worth.shared:
        return np.asarray(own, np.float64)
    inside = np.flatnonzero(chosen)
    sets = np.zeros((2 ** len(inside), len(chosen)), bool)
    sets[:, inside] = np.arange(len(sets))[:, None] >> np.arange(len(inside)) & 1
    worthy = nets(worth, sets).mean(axis=0)
    found = np.zeros(len(chosen))
    size = sets.sum(axis=1)
    for place, i in enumerate(inside):
        without = np.flatnonzero(~sets[:, i])
        gain = worthy[without + (1 << place)] - worthy[without]
        ways = np.array([math.factorial(int(n)) * math.factorial(len(inside) - 1 - int(n)) for n in size[without]])
        found[i] = float(gain @ ways) / math.factorial(len(inside))
    base = float(worth.net(chosen).mean())
    for i in np.flatnonzero(~chosen):
        more = chosen.copy()
        more[i] = True
        found[i] = float(worth.net(more).mean()) - base
    return found


def cycle(needs: tuple[tuple[int, int], ...], k: int) -> tuple[int, ...]:
    """A circle among needs, as the options on it in order; empty where there is none."""
    after: dict[int, list[int]] = {i: [] for i in range(k)}
    for i, j in needs:
        after[i].append(j)
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
