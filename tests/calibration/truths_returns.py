"""Made-up truths for who comes back: customers with habits of their own, whose shares at several distances hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import held

from regard.journey.returns import beside

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

LAGS = 8


def seen(rng: Generator, *, n: int, lift: float = 0.0, gathered: int = 1) -> list[tuple[int, int]]:
    """Those there again at each distance: a habit of each customer's own, which wanes; later ones of fewer customers.

    Args:
        rng: The generator.
        n: Customers.
        lift: How far the share at the first distance is raised.
        gathered: People of one account, who share its habit to the letter.
    """
    habit = np.repeat(rng.beta(0.8, 1.0, n // gathered), gathered)
    draw = np.repeat(rng.uniform(size=(n // gathered, LAGS)), gathered, axis=0)
    there = draw < habit[:, None] * 0.9 ** np.arange(LAGS)
    if lift:
        there[:, 0] |= rng.uniform(size=len(there)) < lift
    over = [int(n * (1 - k / (LAGS + 2))) for k in range(LAGS)]
    return [(int(there[:m, k].sum()), m) for k, m in enumerate(over)]


def register(case: Callable, named: Callable) -> None:
    """Put the rows of retention on the table."""
    room, method = "journey/retention", "any distance, difference of shares, Holm"
    quiet = {
        "nobody_comes_back_less": ("nothing changed, 200 customers a period", (200, 200)),
        "nobody_comes_back_less_of_few": ("nothing changed, 24 customers now, 60 before", (24, 60)),
    }
    for name, (truth, sizes) in quiet.items():

        @case(room=room, method=method, truth=truth, kind="alarms", nominal=0.05, runs=2000)
        def _quiet(rng: Generator, sizes: tuple[int, int] = sizes) -> float:
            return rings(rng, *sizes)

        named(name)

    @case(room=room, method=method, truth="people of accounts of 5 who come and go together, account not named",
          kind="breaks", nominal=0.05, runs=1000)  # fmt: skip
    def people_who_come_back_together(rng: Generator) -> float:
        return rings(rng, 200, 200, gathered=5)

    for n, least in ((200, 0.5), (800, 0.97)):

        @case(room=room, method=method, truth=f"a quarter more of the others come a week later, {n} a period",
              kind="finds", nominal=least, runs=500)  # fmt: skip
        def _found(rng: Generator, n: int = n) -> float:
            pairs = list(zip(seen(rng, n=n, lift=0.25), seen(rng, n=n), strict=True))
            return float(beside(pairs)[0].adjusted <= 0.05)

        named(f"a_lift_of_{n}_is_seen")

    @case(room=room, method="difference of independent shares", truth="a quarter more of the others, 60 now, 90 before",
          kind="covers", runs=1000)  # fmt: skip
    def how_many_more_come_back(rng: Generator) -> float:
        pair = (seen(rng, n=60, lift=0.25)[0], seen(rng, n=90)[0])
        usual = 0.8 / 1.8
        return held(beside([pair])[0].change, 0.25 * (1 - usual), lambda level: beside([pair], level=level)[0].change)


def rings(rng: Generator, now: int, before: int, **how: int) -> float:
    pairs = list(zip(seen(rng, n=now, **how), seen(rng, n=before, **how), strict=True))
    return float(any(b.adjusted <= 0.05 for b in beside(pairs)))
