"""Made-up truths for deflection: views and looking for help, customers with a leaning to ask, and one nobody sees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import held as holds

from regard.listening.reading import WEEK, bands, held
from regard.steps.occasions import Occasions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

WEEKS = 13


def met(rng: Generator, *, n: int, base: int, rate: float, late: float = 0.0, harder: float = 0.0) -> Occasions:
    """Occasions of some customers, a few each; who does much asks more, and more is asked in later weeks.

    Args:
        rng: The generator.
        n: Occasions.
        base: Number of the first customer.
        rate: Share that asks, on average.
        late: How far the occasions crowd in the later weeks.
        harder: How much more they have to ask, which nobody sees.
    """
    who = rng.integers(0, n // 2, n)
    own = rng.beta(2, 2, n // 2)[who]
    week = np.minimum((WEEKS * rng.uniform(size=n) ** (1 / (1 + late))).astype(int), WEEKS - 1)
    lively = rng.poisson(np.where(own > 0.5, 30, 8))
    chance = np.clip(rate * (0.5 + own) * np.where(lively > 18, 1.4, 0.6) * (0.6 + 0.8 * week / WEEKS) + harder, 0, 1)
    came = rng.uniform(size=n) < chance
    zero = np.zeros(n, np.int64)
    return Occasions(
        customers=who + base, times=(week * WEEK + rng.integers(0, WEEK, n)).astype(np.int64), kinds=zero, came=came,
        code=np.where(came, 0, -1), over=np.ones(n, bool), lively=lively, rows=zero, part=zero,
    )  # fmt: skip


def register(case: Callable, named: Callable) -> None:
    """Put the rows of deflection on the table."""
    room, method = "listening/deflection", "difference to like customers, weighted by week and use"
    quiet = {
        "articles_that_change_nothing": ("reading changes nothing; readers come later and do as much", 0.15, 400),
        "articles_that_change_nothing_of_few": ("reading changes nothing, 80 views, one in 20 asks", 0.05, 80),
    }
    for name, (truth, rate, n) in quiet.items():

        @case(room=room, method=method, truth=truth, kind="alarms", nominal=0.05, runs=1000)
        def _quiet(rng: Generator, rate: float = rate, n: int = n) -> float:
            views = met(rng, n=n, base=0, rate=rate, late=1.0)
            return float(held(views, bands(views), met(rng, n=3 * n, base=n, rate=rate)).change.p <= 0.05)

        named(name)

    @case(room=room, method="difference to all who looked for help, unweighted (what is not done)", kind="breaks",
          nominal=0.05, runs=500, truth="reading changes nothing; readers come later, when more is asked")  # fmt: skip
    def readers_of_other_weeks(rng: Generator) -> float:
        views = met(rng, n=1600, base=0, rate=0.25, late=4.0)
        others = met(rng, n=4800, base=1600, rate=0.25)
        same = {"times": np.zeros(4800, np.int64), "lively": np.zeros(4800, np.int64)}
        plain = Occasions(**{**others.__dict__, **same})
        still = Occasions(**{**views.__dict__, "times": np.zeros(1600, np.int64), "lively": np.zeros(1600, np.int64)})
        return float(held(still, bands(still), plain).change.p <= 0.05)

    @case(room=room, method=method, kind="breaks", nominal=0.05, runs=500,
          truth="reading changes nothing; who finds no article has the harder question")  # fmt: skip
    def the_easier_question_finds_an_article(rng: Generator) -> float:
        views = met(rng, n=400, base=0, rate=0.15)
        return float(held(views, bands(views), met(rng, n=1200, base=400, rate=0.15, harder=0.1)).change.p <= 0.05)

    @case(room=room, method=method, kind="finds", nominal=0.95, runs=300,
          truth="reading halves what is asked, three in ten else, 400 views")  # fmt: skip
    def an_article_that_halves_contacts(rng: Generator) -> float:
        views = met(rng, n=400, base=0, rate=0.15)
        found = held(views, bands(views), met(rng, n=1200, base=400, rate=0.3))
        return float(found.change.p <= 0.05 and found.change.value > 0)

    @case(room=room, method=method, kind="covers", runs=1000,
          truth="reading changes nothing, 300 views, readers come later")  # fmt: skip
    def what_reading_changes(rng: Generator) -> float:
        views = met(rng, n=300, base=0, rate=0.2, late=1.0)
        return holds(held(views, bands(views), met(rng, n=900, base=300, rate=0.2)).change, 0.0)
