"""Made-up truths for stages across products: customers who live them alike with every product, or do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import Ends, held

from regard.journey.beside import Products, compared
from regard.journey.stagerows import StageRows
from regard.statistics.proportions import linked_difference

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

STAGES = ("Start", "Use", "Pay")
NAMES = ("", "A", "B", "C")


def lived(rng: Generator, *, n: int = 300, errs: float = 1.0, care: float = 0.0):
    """Customers with one product, a quarter with a second; one in ten does much; each has an error rate of their own.

    Args:
        rng: The generator.
        n: Customers.
        errs: How many times as often a step with B meets an error.
        care: How far those who have trouble whatever they use choose B.
    """
    trouble = rng.beta(1.5, 20, n)
    odds = np.stack([np.ones(n), np.exp(care * (trouble - trouble.mean()) / trouble.std()), np.ones(n)], axis=1)
    own = (rng.uniform(size=n)[:, None] > np.cumsum(odds / odds.sum(axis=1, keepdims=True), axis=1)).sum(axis=1)
    uses = np.zeros((n, 3), bool)
    uses[np.arange(n), own] = True
    uses[np.arange(n), (own + rng.integers(1, 3, n)) % 3] |= rng.uniform(size=n) < 0.25
    who, product = np.nonzero(uses)
    stage = np.repeat(np.arange(3), len(who))
    who, product = np.tile(who, 3), np.tile(product, 3)
    m = len(who)
    times = 1 + rng.poisson(np.where(who % 10 == 0, 20, 3), m)
    failed = rng.binomial(times, np.minimum(trouble[who] * np.where(product == 1, errs, 1.0), 0.9))
    none = np.zeros(m, np.int64)
    rows = StageRows(
        customer=who, part=none, row=none, stage=stage, label=product + 1, at=none, times=times, failed=failed,
        asked=(rng.uniform(size=m) < 2 * trouble[who]).astype(float), gone=(rng.uniform(size=m) < 0.2).astype(float),
        days=np.exp(rng.normal(1, 1, m)), known=none.astype(float), busy=none.astype(float),
    )  # fmt: skip
    mood = rng.normal(size=n) - 3 * (trouble - trouble.mean()) / trouble.std()
    score = np.where(mood > 0, 100.0, np.where(mood > -2, 0.0, -100.0))
    score[rng.uniform(size=n) < 0.5] = np.nan
    values = {"errors": failed / times, "help": rows.asked, "gone": rows.gone, "days": np.log(rows.days),
              "score": score[who]}  # fmt: skip
    made = Products(ask=None, stepped=None, lived=rows, by="product", names=NAMES, stages=STAGES, metric="nps")
    return made, values


def claims(rng: Generator, **how) -> list:
    rows, _ = compared(*lived(rng, **how))
    return [r for r in rows if r.verdict]


def register(case: Callable, named: Callable) -> None:
    """Put the rows of products on the table."""
    room, method = "journey/products", "any product told better or worse, all measures and stages, Holm"
    for n in (300, 90):

        @case(room=room, method=method, kind="alarms", nominal=0.05, runs=500,
              truth=f"products are alike, {n} customers, a quarter with two")  # fmt: skip
        def _quiet(rng: Generator, n: int = n) -> float:
            return float(bool(claims(rng, n=n)))

        named(f"products_are_alike_{n}")

    @case(room=room, method=method, kind="breaks", nominal=0.05, runs=200,
          truth="products are alike; those who have trouble whatever they use choose one of them")  # fmt: skip
    def trouble_chooses_a_product(rng: Generator) -> float:
        return float(bool(claims(rng, care=1.0)))

    for n, errs, least in ((300, 2.0, 0.75),):

        @case(room=room, method="the worse product is told", kind="finds", nominal=least, runs=200,
              truth=f"with one of three products steps err {errs:g} times as often, {n} customers")  # fmt: skip
        def _found(rng: Generator, n: int = n, errs: float = errs) -> float:
            return float(
                any((r.product, r.measure, r.verdict) == ("B", "errors", "worse") for r in claims(rng, n=n, errs=errs))
            )

        named(f"a_product_that_errs_{errs:g}")

    @case(room=room, method="difference to all others, customers of several in it", kind="covers", runs=500,
          truth="with one of three products steps err twice as often, a quarter of 300 customers have two")  # fmt: skip
    def the_difference_of_a_product(rng: Generator) -> float:
        made, values = lived(rng, errs=2.0)
        own = (made.lived.label == 2) & (made.lived.stage == 0)
        rest = (made.lived.label != 2) & (made.lived.stage == 0)
        who, x = made.lived.customer, values["errors"]

        def ends(level: float) -> Ends:
            row = linked_difference(x[own], who[own], x[rest], who[rest], level=level)
            return Ends(row.value, row.low, row.high)

        return held(ends(0.95), 1.5 / 21.5, ends)
