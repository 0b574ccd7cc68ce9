"""Whether a difference between products holds among like customers, and what one product's customers do differently."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.journey import flows
from regard.journey.stagerows import DAY, StageRows, stages_of
from regard.statistics.adjusted import effect_on_treated
from regard.statistics.choices import compare
from regard.statistics.estimates import Estimate, refusal
from regard.statistics.overlap import Covariate
from regard.steps.columns import Selection
from regard.steps.within import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regard.signals.ask import Ask
    from regard.signals.declarations import Stage
    from regard.signals.stepscope import Stepped

MOST_ROWS = 20_000
MOST_MOVES = 600_000
"""Steps in the period from which on one in so many customers is looked at."""
PAUSE = 7 * DAY


def among_like(
    ask: Ask, stepped: Stepped, rows: StageRows, outcome: NDArray[np.float64], ours: NDArray[np.bool_], *, by: str
) -> Estimate:
    """The difference of an outcome between one product's customers and like ones of all others.

    Like: by every other declared dimension of customers, how long they had been known, and how busy they had been. The
    effect on the treated, doubly robust; it is still no proof, since who chose the product may differ unseen.

    Args:
        ask: The scope.
        stepped: The steps.
        rows: One a customer and product at a stage.
        outcome: (n,) what is compared; NaN where not known.
        ours: (n,) which rows are the product's.
        by: The dimension of products.
    """
    some = np.flatnonzero(np.isfinite(outcome))
    if len(some) > MOST_ROWS:
        some = np.sort(np.random.default_rng(ask.seed).choice(some, MOST_ROWS, replace=False))
    kept = rows.only(some)
    given = [
        Covariate(name="days known", values=kept.known), Covariate(name="busy", values=np.log1p(kept.busy)),
        *(_labels(stepped, kept, d.name) for d in ask.declarations.dimensions if d.of == "customer" and d.name != by),
    ]  # fmt: skip
    try:
        return effect_on_treated(outcome[some], ours[some], given, clusters=kept.customer, seed=ask.seed).effect
    except (np.linalg.LinAlgError, ValueError):
        return refusal("the models found no answer", n=len(some), method="effect on the treated")


def _labels(stepped: Stepped, rows: StageRows, name: str) -> Covariate:
    code = np.zeros(len(rows), np.int64)
    for k, each in enumerate(stepped.steps):
        own = rows.part == k
        code[own] = each.labels[name].codes[rows.row[own]]
    return Covariate(name=name, values=code.astype(str), is_label=True)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A step, or a move from a step to the next, taken more by one side.

    Attributes:
        source: Code of the step before; -1 where the share is of all steps at the stage.
        step: Code of the step; below 0 where nothing follows.
        here: Share with the product.
        others: Share with all others.
        difference: Between the two, with its interval.
        adjusted: p-value, corrected for all.
    """

    source: int
    step: int
    here: float
    others: float
    difference: Estimate
    adjusted: float


def differences(
    stepped: Stepped, stages: Sequence[Stage], by: str, stage: int, label: int, *, shown: Sequence[int]
) -> tuple[Difference, ...]:
    """What customers of one product do differently at a stage: steps both sides take first, the clearest and largest.

    Args:
        stepped: The steps.
        stages: As declared.
        by: The dimension of products.
        stage: Number of the stage.
        label: Code of the product.
        shown: Codes of all products compared.
    """
    there = stages_of(stepped.steps[0].names, stages) == stage
    about = flows.Journeys(within=PAUSE, one_in=max(1, -(-_steps(stepped) // MOST_MOVES)))
    sides = [
        flows.moves(stepped.steps, about, selection=_of(stepped, by, codes))
        for codes in ([label], [c for c in shown if c != label])
    ]
    who, place, way, now = [], [], [], []
    for side, found in enumerate(sides):
        real = (found.target >= 0) & there[np.maximum(found.target, 0)]  # each step was come to by a move
        on = (found.source >= 0) & there[np.maximum(found.source, 0)]
        who += [found.who[real], found.who[on]]
        place += [np.full(int(real.sum()), -1), found.source[on]]
        way += [found.target[real], found.target[on]]
        now += [np.full(int(real.sum()) + int(on.sum()), side == 0)]
    every = compare(np.concatenate(who), np.concatenate(place), np.concatenate(way), np.concatenate(now))
    made = [
        Difference(
            source=w.place, step=w.way, here=w.now, others=w.before, difference=w.difference, adjusted=w.adjusted
        )
        for w in every.ways if not w.difference.refused and np.isfinite(w.adjusted)
    ]  # fmt: skip
    return tuple(
        sorted(
            made,
            key=lambda d: (d.adjusted > 0.05, min(d.here, d.others) <= 0, -abs(d.difference.value), d.source, d.step),
        )
    )


def _steps(stepped: Stepped) -> int:
    return counted(stepped.steps, selection=replace(stepped.now, customers=None))


def _of(stepped: Stepped, by: str, codes: Sequence[int]) -> Selection:
    masks = []
    for k, each in enumerate(stepped.steps):
        mask = np.isin(each.labels[by].codes, codes)
        masks.append(mask if stepped.now.rows is None else mask & stepped.now.rows[k])
    return replace(stepped.now, rows=masks)
