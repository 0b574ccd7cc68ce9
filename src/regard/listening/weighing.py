"""Which facts move the score: those that vary, near-duplicates put together, weighed with their doubt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.asymmetry import penalty_reward
from regard.statistics.comparisons import benjamini_hochberg, holm
from regard.statistics.estimates import around, refusal, two_sided
from regard.statistics.importance import key_drivers
from regard.wording import percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.listening.facts import Fact
    from regard.statistics.asymmetry import Asymmetry
    from regard.statistics.estimates import Estimate
    from regard.statistics.importance import Driver, Importance

LEAST_SIDE = 15
"""Answers each side of a fact needs."""
LEAST_CUSTOMERS = 50
"""Customers below which nothing is weighed."""
MOST = 32
MOST_USED = 8
"""Features used that are weighed at most: they move together, and crowd out what the company did."""
TWINS = 0.95
CLAIMED = 0.05
REPLICATES = (120, 60)
"""Bootstrap replicates up to `MANY` answers and above: what they measure is then small, and known well enough."""
MANY = 5_000


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """One fact with what it weighs.

    Attributes:
        fact: The fact.
        twins: Titles of facts so like it that they cannot be told apart.
        together: Titles of facts that move with it.
        driver: Share, rank, effect of one unit more.
        sides: Penalty and reward.
        effect: Score on its bad side less on its good side, the others held still.
        q: p-value of that with every fact accounted for (false discovery rate).
        holm: The same holding the chance of even one false claim.
    """

    fact: Fact
    twins: tuple[str, ...]
    together: tuple[str, ...]
    driver: Driver
    sides: Asymmetry
    effect: Estimate
    q: float
    holm: float

    @property
    def key(self) -> bool:
        """Whether its effect stands after all facts are accounted for: not even one false claim, at 95 %."""
        return bool(np.isfinite(self.holm) and self.holm <= CLAIMED)


@dataclass(frozen=True, kw_only=True)
class Family:
    """The facts of one family, weighed together."""

    weighed: tuple[Weighed, ...]
    explained: Estimate
    left_out: tuple[tuple[str, str], ...]


def weigh(
    facts: list[Fact],
    score: NDArray[np.float64],
    customer: NDArray[np.int64],
    *,
    seed: int,
    weights: NDArray[np.float64] | None = None,
) -> Family:
    """Weigh the facts of one family against each other.

    Args:
        facts: Of the same answers.
        score: What was given.
        customer: Who gave it: answers of one customer depend on each other.
        seed: Seed of the bootstrap.
        weights: How many each answer stands for; None counts each once.
    """
    people = len(np.unique(customer))
    usable, left = _varying(facts, customer)
    usable, twins, more = _apart(usable)
    left += more
    most = min(MOST, max((people - 20) // 10, 0))
    usable, more = _widest(usable, most)
    left += more
    if not usable or people < LEAST_CUSTOMERS:
        return Family(weighed=(), explained=refusal("nothing to weigh", n=len(score)), left_out=tuple(left))
    usable = [_turned(fact, score) for fact in usable]
    applied = _applied(usable)
    names = (*(f.name for f in usable), *(f"applied:{i}" for i in range(len(applied))))
    found = key_drivers(
        np.column_stack([*(_filled(f) for f in usable), *applied]), score, names, clusters=customer,
        weights=weights, replicates=REPLICATES[len(score) > MANY], fillings_made=3, least_per_driver=8, seed=seed,
    )  # fmt: skip
    if found.refused:
        return Family(weighed=(), explained=found.explained, left_out=tuple(left))
    sides = {
        s.name: s
        for s in penalty_reward(
            np.column_stack([_levels(usable), *applied]),
            score,
            names,
            clusters=customer,
            weights=weights,
            least=LEAST_SIDE,
        )
    }
    return _family(usable, found, sides, twins, left)


def _family(
    usable: list[Fact],
    found: Importance,
    sides: dict[str, Asymmetry],
    twins: dict[str, tuple[str, ...]],
    left: list[tuple[str, str]],
) -> Family:
    titles = {f.name: f.title for f in usable}
    facts = {f.name: f for f in usable}
    drivers = [d for d in found.drivers if d.name in facts]
    groups = {n: tuple(titles[m] for m in g if m != n and m in titles) for g in found.groups for n in g}
    effects = {d.name: contrast(d, sides[d.name], better=facts[d.name].more != "worse") for d in drivers}
    p = [effects[d.name].p for d in drivers]
    if all(facts[d.name].family == "part" for d in drivers):
        p = beyond_mood([effects[d.name] for d in drivers])
    q, strict = benjamini_hochberg(p), holm(p)
    weighed = tuple(
        Weighed(
            fact=facts[d.name], twins=twins.get(d.name, ()), together=groups.get(d.name, ()), driver=d,
            sides=sides[d.name], effect=effects[d.name], q=float(q[i]),
            holm=float(strict[i]),
        )
        for i, d in enumerate(drivers)
    )  # fmt: skip
    lost = [(titles.get(name, name), why) for name, why in found.left_out]
    return Family(weighed=weighed, explained=found.explained, left_out=tuple(left + lost))


def beyond_mood(effects: list[Estimate]) -> list[float]:
    """p-values of parts scored in one breath: beyond zero, and beyond the part that matters least.

    Who is in a bad mood scores everything low, what does not matter, too (Thorndike's halo). What the weakest of three
    or more parts seems to cost is taken for that mood: a part counts only by what it costs more. This may hide a part
    that is as weak as the weakest; it does not make one up.
    """
    size = [abs(e.value) for e in effects]
    if len(effects) < 3:
        return [e.p for e in effects]
    least = min(range(len(effects)), key=size.__getitem__)
    found = []
    for i, effect in enumerate(effects):
        error = float(np.hypot(effect.error, effects[least].error))
        more = two_sided((size[i] - size[least]) / error, effect.freedom) if error > 0 else 0.0
        found.append(1.0 if i == least else max(effect.p, more))
    return found


def contrast(driver: Driver, sides: Asymmetry, *, better: bool = True) -> Estimate:
    """Bad side less good side, the others held still: below zero it costs points.

    Args:
        driver: Its effect by unit, for where neither side can be judged.
        sides: Its penalty and its reward.
        better: Whether more of it is better.
    """
    penalty, reward = sides.penalty, sides.reward
    if not penalty.refused and not reward.refused:
        # Var(a - b) = 2 Var(a) + 2 Var(b) - Var(a + b), and the last is known of the balance.
        variance = 2 * penalty.error**2 + 2 * reward.error**2 - sides.balance.error**2
        error = float(np.sqrt(max(variance, 0.0)))
        return around(
            penalty.value - reward.value, error, n=penalty.n, freedom=penalty.freedom, method=driver.effect.method
        )
    if not penalty.refused:
        return penalty
    if not reward.refused:
        return replace(reward, value=-reward.value, low=-reward.high, high=-reward.low, centre=-reward.centre)
    return (
        driver.effect
        if not better
        else replace(driver.effect, value=-driver.effect.value, low=-driver.effect.high, high=-driver.effect.low)
    )


def _levels(facts: list[Fact]) -> NDArray[np.float64]:
    """-1 bad, 1 good, 0 between; what did not apply is 0, too, and told apart by a column of its own; NaN is missing.

    Yes-or-no facts have one side: what went wrong can lose, what was done can win. So have those with next to nothing
    between their sides (one article or several): a penalty and a reward against an empty middle would mean nothing.
    """
    columns = []
    for fact in facts:
        level = np.where(fact.bad, -1.0, np.where(fact.good, 1.0, 0.0))
        between = np.isfinite(fact.value) & ~fact.away & ~fact.bad & ~fact.good
        if fact.plain or int(between.sum()) < LEAST_SIDE:
            level = np.where(fact.good, 1.0, 0.0) if fact.more == "better" else np.where(fact.bad, -1.0, 0.0)
        columns.append(np.where(np.isfinite(fact.value) | fact.away, level, np.nan))
    return np.column_stack(columns)


def _filled(fact: Fact) -> NDArray[np.float64]:
    """Its values, with the mean where it did not apply: whether it applied is a column of its own."""
    return np.where(fact.away, np.nanmean(fact.value), fact.value)


def _applied(facts: list[Fact]) -> list[NDArray[np.float64]]:
    """Which facts applied, once for all that share it, unless another fact says just that (asked for help)."""
    found: list[NDArray[np.float64]] = []
    for fact in facts:
        away = fact.away.astype(float)
        if not 0.005 < away.mean() < 0.995:
            continue
        others = [*found, *(_filled(f) for f in facts if np.isfinite(f.value).all())]
        if not any(np.ptp(o) > 0 and abs(np.corrcoef(o, away)[0, 1]) >= TWINS for o in others):
            found.append(away)
    return found


def _turned(fact: Fact, score: NDArray[np.float64]) -> Fact:
    """A fact whose good direction nobody knows is read in the direction the scores point."""
    if fact.more:
        return fact
    seen = np.isfinite(fact.value) & np.isfinite(score)
    if np.ptp(fact.value[seen]) > 0 and np.corrcoef(fact.value[seen], score[seen])[0, 1] > 0:
        return replace(fact, bad=fact.good, good=fact.bad, words=fact.words[::-1], more="better")
    return replace(fact, more="worse")


def _varying(facts: list[Fact], customer: NDArray[np.int64]) -> tuple[list[Fact], list[tuple[str, str]]]:
    usable, left = [], []
    for fact in facts:
        sides = [int(s.sum()) for s in (fact.bad, fact.good)]
        people = [len(np.unique(customer[s])) for s in (fact.bad, fact.good)]
        seen = float(np.isfinite(fact.value).mean())
        if min(sides) >= LEAST_SIDE and min(people) >= 5 and seen >= 0.1:
            usable.append(fact)
        elif max(sides):
            few = f"known of only {percent(seen)} of the answers" if seen < 0.1 else f"{min(sides)} answers on one side"
            left.append((fact.title, few))
    return usable, left


def _apart(facts: list[Fact]) -> tuple[list[Fact], dict[str, tuple[str, ...]], list[tuple[str, str]]]:
    """Facts so like an earlier one that no data could tell them apart are told under its name."""
    kept: list[int] = []
    twins: dict[str, tuple[str, ...]] = {}
    left: list[tuple[str, str]] = []
    alike = _alike(facts)
    for i, fact in enumerate(facts):
        j = next((k for k in kept if alike[k, i] and facts[k].family == fact.family), None)
        if j is None:
            kept.append(i)
            continue
        twins[facts[j].name] = (*twins.get(facts[j].name, ()), fact.title)
        left.append((fact.title, f"cannot be told apart from {facts[j].title}"))
    return [facts[i] for i in kept], twins, left


def _alike(facts: list[Fact]) -> NDArray[np.bool_]:
    """Which pairs correlate at TWINS or more where both are known, and are mostly known of the same answers.

    Facts of different answers (the contact itself, a recent one) are alike only where they mostly overlap.
    """
    if not facts:
        return np.zeros((0, 0), bool)
    value = np.column_stack([f.value for f in facts])
    known = np.isfinite(value).astype(float)
    value = np.where(known > 0, value - np.nanmean(value, axis=0), 0.0)
    both = np.maximum(known.T @ known, 1.0)
    mean = (value.T @ known) / both
    spread = np.maximum((value**2).T @ known / both - mean**2, 0.0)
    covariance = (value.T @ value) / both - mean * mean.T
    scale = np.sqrt(spread * spread.T)
    alike = np.abs(covariance) >= TWINS * np.maximum(scale, 1e-12)
    seen = known.sum(axis=0)
    found: NDArray[np.bool_] = alike & (both >= 0.9 * np.maximum(seen[:, None], seen[None, :]))
    return found


def _widest(facts: list[Fact], most: int) -> tuple[list[Fact], list[tuple[str, str]]]:
    """As many facts as the answers can carry, chosen without the score.

    What the company did comes before what the customer used; within a tier those seen on both sides most often first.
    """
    order = sorted(
        range(len(facts)), key=lambda i: (facts[i].tier, -min(int(facts[i].bad.sum()), int(facts[i].good.sum())))
    )
    used = [i for i in order if facts[i].tier == 2]
    order = [i for i in order if facts[i].tier < 2 or i in used[:MOST_USED]]
    kept = sorted(order[:most])
    lost = [(f.title, "more facts than these answers can carry") for i, f in enumerate(facts) if i not in kept]
    return [facts[i] for i in kept], lost
