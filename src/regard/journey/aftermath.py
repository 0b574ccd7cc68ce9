"""What followed a friction, beside what followed the same step done without it: like customers, one voice each.

A customer's first journey with the step in the period decides on which side they are, so who comes often has no more
chances to be counted as having met it. Those without it are weighted to how much those who met it did in the 28 days
before. That makes like customers, not the same: a difference goes with the friction, and need not come of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from regard.errors import BadInput
from regard.journey.afterwards import afterwards
from regard.journey.returns import theirs
from regard.journey.stepnames import known, several
from regard.periods import parse_span
from regard.statistics.comparisons import holm
from regard.statistics.estimates import Estimate, quantile, refusal
from regard.statistics.proportions import difference, mean, net_mean, share
from regard.steps.columns import Selection, codes_of
from regard.steps.frictions import AGAIN, BACK, ERROR, GOAL, LAST, OPEN, Frictions, frictions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from regard.signals.ask import Ask
    from regard.signals.stepscope import Stepped
    from regard.statistics.estimates import Floats, Whole

    Truths = NDArray[np.bool_]

KINDS = {"error": ERROR, "again": AGAIN, "back": BACK, "stopped": LAST}
TOLD = {"met-friction": "Met"}
LEAST = 10
BANDS = 5
MOST_EACH = 12_000
"""Customers of a step who are followed; of more, so many drawn."""
POWER = 0.8416
SKEWED = 25
"""Times the squared skewness: fewer than so many do not make a mean of skewed values near normal."""


@dataclass(frozen=True, kw_only=True)
class Held:
    """One thing that follows, with a friction and without.

    Attributes:
        met: Of those who met it.
        without: Of those who did the step without it, weighted.
        change: The first less the second; refused where either is.
        met_n: Customers behind the first.
        without_n: Customers behind the second.
    """

    met: Estimate
    without: Estimate
    change: Estimate
    met_n: int
    without_n: int


def held(value: Floats, met: Truths, strata: Whole, *, form: str, level: float = 0.95) -> Held:
    """Hold what followed with a friction against what followed without it.

    The others are weighted to the strata of those who met it; strata in which there are no others are left out on both
    sides. Intervals are those of the shares and means themselves, combined as of independent customers. Assumes that
    customers are independent and alike within a stratum but for the friction: the first can be seen to, the second is
    what nobody knows. A mean is refused where fewer than 25 times the squared skewness of all values stand on either
    side (Cochran 1977, Sampling Techniques, section 2.15): money that few spend has no near normal mean.

    Args:
        value: What followed, one a customer; NaN where it is not known.
        met: Whether they met it.
        strata: Number of each one's stratum.
        form: share (0 or 1), net (−1, 0, 1) or mean.
        level: Confidence of the intervals.
    """
    some = np.isfinite(value)
    both = np.intersect1d(strata[some & met], strata[some & ~met])
    some &= np.isin(strata, both)
    one, other = some & met, some & ~met
    cells, size = np.unique(strata[one], return_counts=True)
    place = np.searchsorted(cells, strata[other])
    weight = size[place] / np.bincount(place, minlength=len(cells))[place] if other.any() else np.ones(0)
    estimate = {"share": share, "net": net_mean, "mean": mean}[form]
    a = estimate(value[one], least=LEAST, level=level)
    b = estimate(value[other], weights=weight, least=LEAST, level=level)
    n = (int(one.sum()), int(other.sum()))
    change = difference(a, b)
    if form == "mean" and not change.refused and min(n) < SKEWED * _skewness(value[some]) ** 2:
        change = refusal("too few for values as skewed as these", n=sum(n), level=level)
    return Held(met=a, without=b, change=change, met_n=n[0], without_n=n[1])


def _skewness(values: Floats) -> float:
    away = values - values.mean()
    spread = float((away**2).mean())
    return float((away**3).mean()) / spread**1.5 if spread > 0 else 0.0


def least_seen(change: Estimate, tests: int) -> float:
    """The smallest difference that four of five times is beyond chance, all tests together (Bonferroni)."""
    return (quantile(1 - 0.05 / max(tests, 1)) + POWER) * change.error


def corrected(found: Sequence[Held]) -> Floats:
    """p-values of differences, corrected by Holm (1979) for all of them."""
    return holm([math.nan if h.change.refused else h.change.p for h in found])


def strata_of(lively: NDArray[np.int32], began: Whole) -> Whole:
    """Bands of how much customers did before, in each half of the time."""
    if not len(lively):
        return np.zeros(0, np.int64)
    edges = np.unique(np.quantile(lively, np.arange(1, BANDS) / BANDS))
    late = began > np.median(began)
    band: Whole = np.searchsorted(edges, lively, side="left") + (len(edges) + 1) * late
    return band


@dataclass(frozen=True, kw_only=True)
class After:
    """What followed each of some rows of `Frictions`.

    Attributes:
        score: First score given; NaN where none was.
        spent: What was spent; NaN where the days are not over.
        bought: Whether anything was; NaN where the days are not over.
        stayed: 1 or 0; NaN where there was no contract, or the days are not over.
        forms: Of each thing that can be told, the form of its values and what they are multiplied by.
    """

    score: Floats
    spent: Floats
    bought: Floats
    stayed: Floats
    forms: dict[str, tuple[str, float]]

    def of(self, what: str) -> Floats:
        """One of them."""
        found: Floats = getattr(self, what)
        return found


def followed(ask: Ask, customers: Whole, began: Whole, *, metric: str, days: int) -> After:
    """Read what customers did within so many days after they began.

    Args:
        ask: The slice.
        customers: Whose.
        began: When, microseconds UTC.
        metric: Of the scores.
        days: Within how many days.
    """
    told = afterwards(ask, customers, began, metric=metric, days=days)
    score, over = told.score, told.over
    forms = {"score": {"nps": ("net", 100.0), "csat": ("share", 100.0)}.get(metric, ("mean", 1.0))}
    if told.contracts:
        forms["stayed"] = ("share", 1.0)
    if told.orders:
        forms |= {"bought": ("share", 1.0), "spent": ("mean", 1.0)}
    if metric == "nps":
        score = score / 100
    elif metric == "csat":
        score = np.where(np.isfinite(score), score > 50, np.nan)
    spent = np.where(over, told.spent, np.nan)
    return After(
        score=score, forms=forms, spent=spent, bought=np.where(over, (spent > 0).astype(float), np.nan),
        stayed=np.where(over & (told.kept >= 0), told.kept.astype(float), np.nan),
    )  # fmt: skip


def exposed(first: NDArray[np.uint8], kind: str) -> Truths:
    """Which first journeys met a friction."""
    if kind == "stopped":
        stopped: Truths = (first & (LAST | GOAL | OPEN)) == LAST
        return stopped
    met: Truths = (first & KINDS[kind]) > 0
    return met


def gave_up(ends: NDArray[np.int32], strata: Whole) -> Held:
    """Share of journeys that went no further than the step, with an error there and without; each customer one voice.

    Args:
        ends: (m, 4) as `Frictions` has them, one row a customer.
        strata: (m,) of each customer.
    """
    with np.errstate(invalid="ignore"):
        met, without = ends[:, 1] / ends[:, 0], ends[:, 3] / ends[:, 2]
    sides = np.r_[np.ones(len(ends), bool), np.zeros(len(ends), bool)]
    return held(np.r_[met, without], sides, np.r_[strata, strata], form="share")


def rubbed(
    ask: Ask, *, pause: str, start: str = "", goal: str = "", only: str = ""
) -> tuple[Stepped, tuple[str, ...], Frictions]:
    """The frictions of the period, of what customers do themselves.

    Args:
        ask: The slice.
        pause: What ends a journey.
        start: Steps journeys begin with, with commas between; any where empty.
        goal: Steps a journey is for, with commas between.
        only: This step must be known; any where empty.

    Raises:
        UnknownName: A step is none of the log's.
        BadInput: The pause is no length of time.
    """
    stepped = ask.steps()
    begins, aims = several(stepped, start, where="start"), several(stepped, goal, where="goal")
    if only:
        known(stepped, (only,), where="path")
    within = parse_span(pause, where="pause")
    if within is None:
        raise BadInput("What pause ends a journey?", where="pause", hint="Write it like 30min, 12h or 7d.")
    return (
        stepped,
        aims,
        frictions(stepped.steps, pause=within, start=begins or None, goal=aims, selection=_own(stepped)),
    )


def moves(names: Sequence[str]) -> tuple[str, ...]:
    """Steps of a journey that customers take themselves; to answer a survey or write a review is to tell of one."""
    return tuple(n for n in theirs(names) if n != "answer" and not n.startswith(("answer: ", "review: ")))


def _own(stepped: Stepped) -> Selection:
    """The period, with only what customers do themselves."""
    now = stepped.now
    if not stepped.steps:
        return now
    own = codes_of(stepped.steps[0].names, moves(stepped.steps[0].names))
    if own.all():
        return now
    rows = [own[s.codes] if now.rows is None else own[s.codes] & now.rows[k] for k, s in enumerate(stepped.steps)]
    return Selection(since=now.since, until=now.until, customers=now.customers, rows=rows, end=now.end)


def behind_friction(ask: Ask, path: str, window: str) -> Whole:
    """Ids of customers who met a friction in the period, ascending.

    Args:
        ask: The slice.
        path: Kind and step, `error: payment_made`; before it what journeys begin with and →, after it → and the goal,
            where there are any.
        window: The pause that ends a journey; 30 minutes where empty.

    Raises:
        BadInput: It is not written so.
        UnknownName: A step is none of the log's.
    """
    parts = [part.strip() for part in path.replace("->", "→").split("→")]
    at = next((i for i, part in enumerate(parts) if part.partition(":")[0].strip() in KINDS), 0)
    kind, _, step = (part.strip() for part in parts[at].partition(":"))
    if kind not in KINDS or not step:
        raise BadInput(f"{path!r} names no friction.", where="path", hint="Write it like error: payment_made.")
    start, goal = (", ".join(some) for some in (parts[:at], parts[at + 1 :]))
    _, _, found = rubbed(ask, pause=window or "30min", start=start, goal=goal, only=step)
    mine = (found.codes == found.names.index(step)) & found.having(KINDS[kind])
    return np.unique(found.customers[mine])
