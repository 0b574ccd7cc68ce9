"""Made-up truths of the disrupted subset finder: false alarms over all combinations, power, and the right name.

500 cubes a row where nothing happened; names are chosen on other seeds than these (the penalties of `naming` were set
on draws of a generator seeded otherwise).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from regard.simulation.cubes import World, made
from regard.statistics.additive import deviations
from regard.statistics.cuboids import cube
from regard.statistics.expectations import Past, expected_of
from regard.statistics.naming import name
from regard.statistics.peeling import change_of, least_seen
from regard.statistics.permuted import permuted
from regard.statistics.phases import seasoned
from regard.statistics.scan import scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

ROOM = "try/subset"
SCAN = "scan with drawn null, any of about 890 combinations"
REPLICAS = 99
FULL = np.stack(np.meshgrid(*(np.arange(n) for n in (6, 12, 5, 4)), indexing="ij"), -1).reshape(-1, 4)

CALM = {
    "binomial_500": ("500 customers a period, 8 earlier periods, 8 %", World(customers=500)),
    "binomial_3000": ("3,000 customers a period, 8 %", World()),
    "binomial_20000": ("20,000 customers a period, 8 %", World(customers=20_000)),
    "seldom": ("3,000 customers, 2 %", World(rate=0.02)),
    "often": ("3,000 customers, 30 %", World(rate=0.3)),
    "beta_binomial_01": ("20,000 customers, beta-binomial, correlation .01", World(customers=20_000, stray=0.01)),
    "beta_binomial_05": ("20,000 customers, beta-binomial, correlation .05", World(customers=20_000, stray=0.05)),
    "one_period": ("3,000 customers, one earlier period", World(periods=1)),
    "four_periods": ("3,000 customers, 4 earlier periods", World(periods=4)),
    "interactions": ("3,000 customers, leaves differ by .6 beyond their values", World(inner=0.6)),
    "mix_3000": ("3,000 customers, only the mix changes now, by .5 a value", World(mix=0.5)),
    "mix_20000": ("20,000 customers, only the mix changes now, by .5 a value", World(mix=0.5, customers=20_000)),
    "shocks_3000": ("3,000 customers, shocks of 10 % a period, of the whole and of every value", World(shock=0.1)),
    "shocks_20000": ("20,000 customers, the same shocks", World(shock=0.1, customers=20_000)),
    "shocks_short": ("20,000 customers, the same shocks, 4 earlier periods",
                     World(shock=0.1, customers=20_000, periods=4)),
}  # fmt: skip


def rang(rng: Generator, world: World, **cause) -> bool:
    """Whether the scan rings at 5 %."""
    drawn = made(rng, world, **cause)
    return scan(drawn.cube, drawn.past, replicas=REPLICAS, seed=int(rng.integers(1 << 30))).p <= 0.05


def weekly(rng: Generator, shock: float, **cause) -> bool:
    """Whether the scan rings at 5 % where weekdays differ and their season is taken out."""
    drawn = made(rng, World(customers=20_000, periods=28, season=0.3, shock=shock), **cause)
    past = seasoned(drawn.cube, drawn.past, drawn.weekday)
    return scan(drawn.cube, past, replicas=REPLICAS, seed=int(rng.integers(1 << 30))).p <= 0.05


def amounts(rng: Generator, kind: str) -> bool:
    """Whether amounts that stray by themselves ring at 5 %."""
    due = np.exp(rng.normal(3, 1.5, len(FULL)))
    noise = {
        "gaussian": lambda: due * (1 + 0.1 * rng.normal(size=len(due))),
        "poisson": lambda: rng.poisson(due).astype(float),
        "t3": lambda: due * (1 + 0.05 * rng.standard_t(3, size=len(due))),
        "laplace": lambda: due * (1 + 0.05 * rng.laplace(size=len(due))),
        "drift": lambda: due * 1.05 * (1 + 0.05 * rng.normal(size=len(due))),
        "biased": lambda: due * np.exp(rng.normal(0, 0.05, 12)[FULL[:, 1]]) * (1 + 0.05 * rng.normal(size=len(due))),
    }[kind]()
    found = deviations(noise, due, drift=True)
    return permuted(AMOUNTS, due, found, permutations=REPLICAS, seed=int(rng.integers(1 << 30))).p <= 0.05


AMOUNTS = cube(FULL)


def sparse_world(rng: Generator, shock: float) -> World:
    """Small numbers: 80 to 350 combinations of 3 to 5 dimensions, 5 to 19 earlier periods."""
    sizes = tuple(int(x) for x in rng.integers(3, 9, int(rng.integers(3, 6))))
    customers, rate = np.exp(rng.uniform(np.log(2000), np.log(20000))), np.exp(rng.uniform(np.log(0.03), np.log(0.3)))
    return World(
        sizes=sizes, leaves=int(rng.integers(80, 351)), customers=float(customers), periods=int(rng.integers(5, 20)),
        rate=float(rate), inner=0.2, stray=0.002, shock=shock,
    )  # fmt: skip


def planted(rng: Generator, kind: str, shock: float, uneven: float):
    """A sparse cube with a cause that holds at least 5 expected bad ones and is hit by 1.5 to 5."""
    while True:
        try:
            return made(rng, sparse_world(rng, shock), cause=kind, uneven=uneven, least=5.0, lift=(1.5, 5.0))
        except RuntimeError:  # no cause of that size in this world
            continue


def rank(drawn) -> int:
    """Place of the true cause among the names told; 9 where it is none of them."""
    found = name(drawn.cube, drawn.past, expected_of(drawn.cube, drawn.past))
    return next((i for i, n in enumerate(found.ranked) if np.array_equal(n.leaves, drawn.hit)), 9)


def counts(rng: Generator) -> bool:
    """Counts without a total, with levels by value that stray; nothing happened."""
    level = np.exp(rng.normal(0.5, 0.8, 6)[FULL[:, 0]] + rng.normal(0, 0.5, 12)[FULL[:, 1]])
    each = rng.poisson(level * rng.gamma(20, 1 / 20, (9, len(level)))).astype(float)
    ones = np.ones_like(each)
    past = Past(bad=each[-1], total=ones[-1], past_bad=each[:-1], past_total=ones[:-1], shares=False)
    sign = int(rng.choice([-1, 1]))
    whole = cube(FULL, depth=3)
    return scan(whole, past, replicas=REPLICAS, seed=int(rng.integers(1 << 30)), sign=sign).p <= 0.05


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table."""
    for stem, (truth, world) in CALM.items():
        about = {"room": ROOM, "method": SCAN, "truth": truth, "kind": "alarms", "nominal": 0.05, "runs": 500}
        _named(case, f"no_subset_{stem}", about, lambda rng, world=world: float(rang(rng, world)))
    for kind, truth in (
        ("gaussian", "expected amounts with normal noise of 10 %"), ("poisson", "expected counts, Poisson"),
        ("t3", "expected amounts, noise with tails (t of 3)"), ("laplace", "expected amounts, noise with tails (Laplace)"),
        ("drift", "expected amounts, all 5 % above"),
    ):  # fmt: skip
        about = {"room": ROOM, "method": "leaves trade places, any of 2,730 combinations", "truth": truth,
                 "kind": "alarms", "nominal": 0.05, "runs": 500}  # fmt: skip
        _named(case, f"no_subset_{kind}", about, lambda rng, kind=kind: float(amounts(rng, kind)))
    about = {"room": ROOM, "method": SCAN, "kind": "alarms", "nominal": 0.05, "runs": 500,
             "truth": "counts without a total that stray by 22 %, either direction"}  # fmt: skip
    _named(case, "no_subset_of_counts", about, lambda rng: float(counts(rng)))
    for stem, shock, about_ in (("weekdays", 0.0, ""), ("weekdays_shocks", 0.1, ", and shocks of 10 %")):
        about = {"room": ROOM, "method": SCAN + ", season taken out", "kind": "alarms", "nominal": 0.05, "runs": 500,
                 "truth": f"20,000 customers, 28 days, rates differ by weekday, by value, too{about_}"}  # fmt: skip
        _named(case, f"no_subset_{stem}", about, lambda rng, shock=shock: float(weekly(rng, shock)))
    about = {"room": ROOM, "method": "leaves trade places, any of 2,730 combinations", "kind": "breaks",
             "nominal": 0.05, "runs": 500, "truth": "expected amounts that are off by 5 % for whole values"}  # fmt: skip
    _named(case, "expectations_off_for_whole_values", about, lambda rng: float(amounts(rng, "biased")))
    _found(case)
    _names(case)


def _named(case: Callable, stem: str, about: dict, once: Callable) -> None:
    once.__name__ = stem
    case(**about)(once)


def _found(case: Callable) -> None:
    about = {"room": ROOM, "method": SCAN, "kind": "finds"}

    def hit(rng: Generator, customers: float, size: float, lift: float) -> float:
        return float(rang(rng, World(customers=customers), cause="one", size=size, lift=(lift, lift), least=0.0))

    @case(**about, truth="200 of 20,000 customers at three times their 8 %: total green", nominal=0.85, runs=300)
    def two_hundred_at_three_times(rng: Generator) -> float:
        return hit(rng, 20_000, 200, 3.0)

    @case(**about, truth="500 of 20,000 customers at twice their 8 %", nominal=0.8, runs=300)
    def five_hundred_at_twice(rng: Generator) -> float:
        return hit(rng, 20_000, 500, 2.0)

    @case(**about, truth="500 of 20,000 customers at twice their rate, weekdays differ", nominal=0.7, runs=300)
    def twice_whatever_the_weekday(rng: Generator) -> float:
        return float(weekly(rng, 0.0, cause="one", size=500, lift=(2.0, 2.0), least=0.0))

    @case(
        **about, truth="a subset of 200 at the ratio it says would be seen in four of five cases", nominal=0.7, runs=300
    )
    def what_would_have_been_seen(rng: Generator) -> float:
        world = World(customers=20_000)
        calm = made(rng, world)
        alarm = scan(calm.cube, calm.past, replicas=REPLICAS)
        ratio = next(x.ratio for x in least_seen(calm.cube, calm.past, alarm) if x.total == 200)
        return hit(rng, 20_000, 200, ratio)

    @case(
        **{**about, "kind": "alarms"}, nominal=0.05, runs=500,
        truth="20,000 customers, only the mix changes: the total's rate part is called worse",
    )  # fmt: skip
    def mix_called_rate(rng: Generator) -> float:
        drawn = made(rng, World(mix=0.5, customers=20_000))
        return float(change_of(drawn.past, expected_of(drawn.cube, drawn.past)).p <= 0.05)


def _names(case: Callable) -> None:
    about = {"room": ROOM, "method": "mixed model over names", "kind": "finds", "runs": 400}
    first = {
        "one": (0.70, "one combination, shocks .1, uneven effects .25: named exactly"),
        "child": (0.65, "a part hit 6 times, the rest of its whole twice: the whole is named"),
        "values": (0.50, "two or three values of one dimension: exactly these are named"),
    }
    for kind, (nominal, truth) in first.items():
        _named(case, f"named_{kind}", {**about, "truth": truth, "nominal": nominal},
               lambda rng, kind=kind: float(rank(planted(rng, kind, 0.1, 0.25)) == 0))  # fmt: skip
    _named(case, "named_in_three", {**about, "nominal": 0.9,
           "truth": "one combination, shocks .1, uneven effects .25: within the first three"},
           lambda rng: float(rank(planted(rng, "one", 0.1, 0.25)) < 3))  # fmt: skip
