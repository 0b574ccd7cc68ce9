"""Each case beside others at risk at that moment: sets matched on calendar time and tenure, and their odds ratio."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, quantile, refusal, two_sided

if TYPE_CHECKING:
    from numpy.typing import NDArray

BAND = 0.25
"""Tenures this far apart, as a share of the case's, still count as alike."""
TRIES = 20
FARTHEST = 14.0
LEAST = 5


@dataclass(frozen=True, kw_only=True)
class Sets:
    """Matched sets, one row a member.

    Attributes:
        person: Place of each member among the people, shape (m,).
        at: The moment its set is about: the case's end, shape (m,).
        case: Whether the member is the case of its set.
        number: Number of the member's set, from 0.
        early: Cases left out because they were not there for long enough before.
        alone: Cases left out because nobody at risk was like them.
    """

    person: Whole
    at: Whole
    case: NDArray[np.bool_]
    number: Whole
    early: int
    alone: int


def at_risk(
    begin: Whole, end: Whole, ended: NDArray[np.bool_], *, seen: int, controls: int = 4, rng: np.random.Generator
) -> Sets:
    """Draw, for every end, people at risk at that moment who had been there about as long.

    A control is there and has not ended at the case's moment, whatever becomes of it later, began within a quarter of
    the case's tenure of it (or `seen`, where that is more), and was there for the whole of `seen` before, as the case
    was: nobody is given time in which nothing could have happened to them (immortal time). Somebody may be a control at
    several moments: drawing each only once would use up those who stay long. Reference: incidence density sampling,
    Prentice and Breslow (1978), Biometrika 65, 153-158.

    Args:
        begin: When each began, shape (n,), in any unit.
        end: When each ended or was last known to go on.
        ended: Whether it ended there, or only the log did.
        seen: How long before the moment somebody must have been there.
        controls: Most controls a case.
        rng: The generator.
    """
    order = np.argsort(begin, kind="stable")
    begun = begin[order]
    members: list[tuple[int, int, bool, int]] = []
    early = alone = number = 0
    for case in rng.permutation(np.flatnonzero(ended)).tolist():
        moment = int(end[case])
        if moment - seen < begin[case]:
            early += 1
            continue
        reach = max(int(BAND * (moment - int(begin[case]))), seen)
        first = int(np.searchsorted(begun, int(begin[case]) - reach, side="left"))
        last = int(np.searchsorted(begun, min(int(begin[case]) + reach, moment - seen), side="right"))
        people = _some(order[first:last], controls, rng)
        chosen = people[(end[people] > moment) & (people != case)][:controls].tolist()
        if not chosen:
            alone += 1
            continue
        members.append((case, moment, True, number))
        members.extend((one, moment, False, number) for one in chosen)
        number += 1
    table = np.array(members, dtype=np.int64).reshape(-1, 4)
    return Sets(
        person=table[:, 0], at=table[:, 1], case=table[:, 2].astype(bool), number=table[:, 3], early=early, alone=alone
    )


def _some(people: Whole, most: int, rng: np.random.Generator) -> Whole:
    """People in a random order: of few all, of many as many as will hold enough who are at risk."""
    if len(people) <= TRIES * most:
        return rng.permutation(people)
    return people[rng.choice(len(people), TRIES * most, replace=False)]


def conditional_odds(exposed: NDArray[np.bool_], sets: Sets, *, level: float = LEVEL, least: int = LEAST) -> Estimate:
    """How much higher the odds of being the case are with a fact than without, within matched sets.

    The conditional maximum likelihood of one yes-or-no fact; the interval inverts its score test, so that it stands
    where sets are few or nearly all agree. Where every set that can tell says the same, the estimate is the penalised
    one (Firth 1993, Biometrika 80, 27-38) and one end is endless. References: Breslow and Day (1980), Statistical
    Methods in Cancer Research 1, chapter 5 and 7. Assumes the same ratio in all sets. Thin evidence: fewer than `least`
    sets whose members differ, refused. `error` is that of the logarithm, `p` against a ratio of one.

    Args:
        exposed: Whether the fact held for each member.
        sets: The sets.
        level: Confidence.
        least: Fewest sets whose members differ.
    """
    method = "conditional odds ratio in matched sets, score interval (Breslow and Day 1980)"
    number = int(sets.number.max()) + 1 if len(sets.number) else 0
    size = np.bincount(sets.number, minlength=number).astype(float)
    k = np.bincount(sets.number[exposed], minlength=number).astype(float)
    hit = np.bincount(sets.number[exposed & sets.case], minlength=number) > 0
    tells = (k > 0) & (k < size)
    if tells.sum() < least:
        return refusal(f"only {int(tells.sum())} sets differ; at least {least} are needed", n=number, method=method)
    k, rest, seen = k[tells], (size - k)[tells], float(hit[tells].sum())

    def score(beta: float) -> tuple[float, float]:
        chance = k / (k + rest * math.exp(-beta))
        return seen - float(chance.sum()), float((chance * (1 - chance)).sum())

    all_alike = seen in {0.0, float(len(k))}
    beta = _root(lambda b: score(b)[0] + (_pull(b, k, rest) if all_alike else 0.0))
    z = quantile(level)
    low = _root(lambda b: score(b)[0] - z * math.sqrt(score(b)[1]))
    high = _root(lambda b: score(b)[0] + z * math.sqrt(score(b)[1]))
    null, spread = score(0.0)
    return Estimate(
        value=math.exp(beta), low=0.0 if low <= -FARTHEST else math.exp(low),
        high=math.inf if high >= FARTHEST else math.exp(high), error=1 / math.sqrt(max(score(beta)[1], 1e-12)),
        centre=math.exp(beta), n=number, effective=float(len(k)), level=level, method=method,
        p=two_sided(null / math.sqrt(spread)),
    )  # fmt: skip


def _pull(beta: float, k: Floats, rest: Floats) -> float:
    """Firth's penalty on the score: half the slope of the logarithm of the information."""
    chance = k / (k + rest * math.exp(-beta))
    held = chance * (1 - chance)
    return float((held * (1 - 2 * chance)).sum() / (2 * max(float(held.sum()), 1e-300)))


def _root(falling: Callable[[float], float]) -> float:
    """Where a falling function crosses zero between the farthest ends; the end where it does not."""
    low, high = -FARTHEST, FARTHEST
    if falling(high) >= 0:
        return high
    if falling(low) <= 0:
        return low
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2
