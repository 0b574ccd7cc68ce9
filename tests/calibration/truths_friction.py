"""Made-up truths for friction: customers who do much and little, errors that harm or do not, and money few spend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import held as holds

from regard.journey.aftermath import corrected, gave_up, held, strata_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from regard.journey.aftermath import Held

STEPS = 8


def lived(
    rng: Generator, *, n: int = 600, rate: float = 0.15, harm: float = 0.0, unseen: float = 0.0, weighted: bool = True
) -> list[Held]:
    """What followed an error at each of eight steps: staying, a score, buying and spending.

    Who does much meets more errors, stays more, scores higher and spends more.

    Args:
        rng: The generator.
        n: Customers of a step.
        rate: Share who meet an error, on average.
        harm: How many of those who would stay leave for an error at the first step.
        unseen: How much a trait nobody sees makes customers both err and leave.
        weighted: Whether others are weighted to what those who met it did before.
    """
    found: list[Held] = []
    for step in range(STEPS):
        much = rng.gamma(2.0, 10.0, n)
        trait = rng.random(n) < 0.3
        met = rng.random(n) < np.clip(rate * (0.4 + much / 33) + unseen * trait, 0, 1)
        lively, began = rng.poisson(much).astype(np.int32), rng.integers(0, 90, n)
        strata = strata_of(lively, began) if weighted else np.zeros(n, np.int64)
        stay = rng.random(n) < np.clip(0.55 + much / 100 - unseen * trait, 0, 0.97)
        if step == 0 and harm:
            stay &= ~(met & (rng.random(n) < harm))
        lean = rng.normal(0.3 + much / 60, 1.0)
        score = np.where(rng.random(n) < 0.3, np.sign(np.round(lean)), np.nan)
        spent = np.where(rng.random(n) < 0.1 + much / 200, rng.lognormal(3.0, 1.0, n), 0.0)
        found += [
            held(stay.astype(float), met, strata, form="share"), held(score, met, strata, form="net"),
            held((spent > 0).astype(float), met, strata, form="share"), held(spent, met, strata, form="mean"),
        ]  # fmt: skip
    return found


def rings(found: list[Held]) -> float:
    return float(np.nanmin(corrected([h for h in found if not h.change.refused])) <= 0.05)


def voices(rng: Generator, n: int, more: float) -> Held:
    """Journeys of customers of different patience that ended at a step, with an error and without."""
    own, many = rng.beta(1, 6, n), rng.geometric(0.15, n)
    bad = rng.binomial(many, 0.1)
    ends = np.column_stack([
        bad, rng.binomial(bad, np.clip(own + more, 0, 1)), many - bad, rng.binomial(many - bad, own),
    ]).astype(np.int32)  # fmt: skip
    return gave_up(ends, strata_of(many.astype(np.int32), rng.integers(0, 90, n)))


def register(case: Callable, named: Callable) -> None:
    """Put the rows of friction on the table."""
    room, method = "journey/friction", "anything after any error, weighted by use, Holm"
    for name, truth, how in (
        ("no_friction_matters", "nothing follows an error; who does much errs, stays, scores and spends more", {}),
        ("no_friction_matters_of_few", "the same, 120 customers of a step", {"n": 120, "rate": 0.2}),
    ):

        @case(room=room, method=method, truth=truth, kind="alarms", nominal=0.05, runs=600)
        def _quiet(rng: Generator, how: dict = how) -> float:
            return rings(lived(rng, **how))

        named(name)

    @case(room=room, method=method, kind="breaks", nominal=0.05, runs=200,
          truth="nothing follows an error, but a trait nobody sees makes customers err and leave")  # fmt: skip
    def who_errs_leaves_anyway(rng: Generator) -> float:
        return rings(lived(rng, unseen=0.3))

    @case(room=room, method="the same without weights (what is not done)", kind="breaks", nominal=0.05, runs=200,
          truth="nothing follows an error; who does much errs, stays, scores and spends more")  # fmt: skip
    def who_does_much_errs_and_stays(rng: Generator) -> float:
        return rings(lived(rng, weighted=False))

    for n, least in ((600, 0.8), (200, 0.2)):

        @case(room=room, method="the friction that harms is told", kind="finds", nominal=least, runs=300,
              truth=f"three in ten leave for an error that 15 % meet, {n:,} customers of a step")  # fmt: skip
        def _found(rng: Generator, n: int = n) -> float:
            found = lived(rng, n=n, harm=0.3)
            shown = [h for h in found if not h.change.refused]
            return float(shown[0] is found[0] and corrected(shown)[0] <= 0.05 and found[0].change.value < 0)

        named(f"a_harm_among_{n}_is_told")

    @case(room=room, method="share that went no further, each customer one voice", kind="alarms", nominal=0.05,
          runs=1000, truth="errors stop nobody; customers of different patience, many journeys each")  # fmt: skip
    def errors_that_stop_nobody(rng: Generator) -> float:
        return float(voices(rng, 300, 0.0).change.p <= 0.05)

    @case(room=room, method="share that went no further, each customer one voice", kind="covers", runs=1000,
          truth="a fifth more go no further, 200 customers")  # fmt: skip
    def how_many_more_give_up(rng: Generator) -> float:
        return holds(voices(rng, 200, 0.2).change, 0.2)
