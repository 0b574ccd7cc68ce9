"""Made-up truths for what is at stake: bases whose every loss has known causes, and histories of the made-up company."""

from __future__ import annotations

import importlib.util
import math
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
from held import Ends, held

from regard.listening.staked import staked
from regard.signals.ask import Ask, View
from regard.signals.kinds import KINDS
from regard.signals.scope import Given, resolve
from regard.simulation import blocks, company, declarations, loyalty, money, people, simulate
from regard.simulation import help as asking
from regard.simulation.almanac import almanac, error_chance
from regard.simulation.truth import UNTIL, account_count
from regard.statistics.attributed import attributed, owen
from regard.statistics.risksets import of_stays

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

ROOM = "leadership/priorities"
WEEKS, WINDOW = 104, 13
LOGS = (math.log(2.5), 0.0, math.log(1.6))
"""What is met thrice as much in one region, what does nothing and comes with it, and a third that is apart."""


@dataclass(frozen=True)
class Base:
    """A base week by week: who had met what in the 13 weeks before each, when they came and when they were lost."""

    met: np.ndarray
    since: np.ndarray
    left: np.ndarray


def lived(rng: Generator, n: int, *, logs=LOGS, hidden: float = 0.0, base: float = 0.005) -> Base:
    """A base of n over two years.

    Args:
        rng: Of everything.
        n: Customers.
        logs: Log ratios of the three things.
        hidden: Log ratio of something nobody measures, which half of the first region has: they meet the first more.
        base: Chance to be lost in a week without any.
    """
    far = rng.random(n) < 0.4
    unseen = far & (rng.random(n) < 0.5)
    rates = np.column_stack([0.012 + 0.024 * far, 0.02 + 0.03 * far, np.full(n, 0.02)])
    rates[:, 0] += 0.03 * unseen * (hidden > 0)
    happened = rng.random((n, WEEKS, 3)) < rates[:, None, :]
    happened[:, :, 1] |= happened[:, :, 0] & (rng.random((n, WEEKS)) < 0.4)
    counted = np.concatenate([np.zeros((n, 1, 3)), happened.cumsum(axis=1)], axis=1)
    met = counted[:, np.arange(WEEKS)] - counted[:, np.maximum(np.arange(WEEKS) - WINDOW, 0)] > 0
    hazard = base * np.exp(met @ np.array(logs) + hidden * unseen[:, None] + 0.3 * rng.normal(size=n)[:, None])
    since = np.where(rng.random(n) < 0.6, 0, rng.integers(0, WEEKS - 10, n))
    goes = (rng.random((n, WEEKS)) < hazard) & (np.arange(WEEKS) > since[:, None])
    left = np.where(goes.any(axis=1), goes.argmax(axis=1).astype(float), np.nan)
    return Base(met=met, since=since.astype(float), left=left)


def divided(world: Base, seed: int):
    """The division, by the very functions the workspace uses; losses of the second year are counted."""
    n = len(world.since)
    chosen = np.flatnonzero(world.left >= WINDOW)
    sets = of_stays(
        world.since, world.left, chosen, like=np.zeros(n, int), term=np.zeros(n), controls=8, seed=seed
    )  # fmt: skip
    return attributed(
        world.met[sets.row, sets.at.astype(int)], sets.sets, sets.lost, sets.row, counted=sets.at >= WEEKS / 2,
        seed=seed,
    )  # fmt: skip


@cache
def shares(logs: tuple[float, ...] = LOGS) -> np.ndarray:
    """The true parts: of a base of 100,000, from its losses and the true ratios."""
    found = np.zeros(3)
    losses = 0
    for block in range(5):
        world = lived(np.random.default_rng([77, block]), 20_000, logs=logs)
        lost = np.flatnonzero(world.left >= WEEKS / 2)
        met = world.met[lost, world.left[lost].astype(int)]
        found += owen(np.exp(-np.array(logs) * met)).sum(axis=0)
        losses += len(lost)
    return found / losses


def told(rng: Generator, place: int, *, n: int = 900, **about):
    """Whether the interval of a part held (the last place is the whole), and the same at 80 %."""
    world, seed = lived(rng, n, **about), int(rng.integers(1 << 30))
    truth = np.append(shares(), shares().sum())[place]

    parts = divided(world, seed).parts((0, 1, 2))
    drawn = np.column_stack([parts, parts.sum(axis=1)])[:, place]

    def at(level: float) -> Ends:
        return Ends(float(drawn.mean()), *np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2)))

    return held(at(0.95), truth, at)


@contextmanager
def without(cause: str):
    """A world in which a cause takes nothing from anybody: all else, every draw included, stays as it is."""
    original = loyalty._pieces

    def pieces(*given):
        found = original(*given)
        return found | {cause: 0 * found[cause]} if cause else found

    loyalty._pieces = pieces
    try:
        yield
    finally:
        loyalty._pieces = original


def losses(signals: int, seed: int, cause: str = "", *, histories: int = 12) -> int:
    """Bakeries lost in the last year of a company, or of the same without a cause: who meets what stays as it is.

    One history says it with its own luck, so the last draw, who leaves of those about to, is made again and again.
    """
    accounts, days, found = account_count(signals), almanac(UNTIL), 0
    for number, low in enumerate(range(0, accounts, blocks.BLOCK)):
        rng = np.random.default_rng([seed, number])
        bakeries = people.draw_bakeries(rng, low=low, high=min(low + blocks.BLOCK, accounts))
        people.draw_staff(rng, bakeries)
        errors = error_chance(bakeries, days.versions(bakeries))
        parcels = money.draw_parcels(rng, bakeries, days)
        calls = asking.draw_calls(rng, bakeries, days, errors)
        with without(cause):
            for history in range(histories):
                loyalty.draw_loyalty(np.random.default_rng([seed, number, history]), bakeries, parcels, calls, errors)
                gone = bakeries.signs & (bakeries.end < company.DAYS) & (bakeries.end >= company.DAYS - 365)
                found += int(gone.sum())
    return found


def loading():
    """What tests share, to make a view of tables."""
    if "shared_by_tests" not in sys.modules:
        path = Path(__file__).parents[1] / "conftest.py"
        spec = importlib.util.spec_from_file_location("shared_by_tests", path)
        sys.modules["shared_by_tests"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["shared_by_tests"])
    return sys.modules["shared_by_tests"]


def company_of(signals: int, seed: int):
    """What Regard makes of a made-up company's signals: the division of its losses, each counted as one."""
    shared, found = loading(), {}
    for kind, table in simulate(signals=signals, seed=seed):
        found.setdefault(kind, []).append(table)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for kind in KINDS:
            tables = found.get(kind.name)
            given = pa.concat_tables(tables).combine_chunks() if tables else None
            shared._load(connection, kind, given, shared.HASH.format("'account:' || account"))
        shared._derive(connection)
        view = View(connection=connection, declarations=declarations(), today=UNTIL)
        scope = resolve(Given(), declarations=view.declarations, last=view.last_day())
        made = staked(Ask(view=view, scope=scope))
        worth = np.nan_to_num(made.base.value[made.stay[made.sets.lost]])
        heads = made.found.held / np.where(worth > 0, worth, 1.0)
        return made, replace(made.found, held=heads / heads.sum(axis=1, keepdims=True))


def history(rng: Generator, cause: str, names: tuple[str, ...], *, signals: int = 250_000):
    """Whether the share told for a cause holds the share of losses that a history without it does not have."""
    seed = int(rng.integers(1, 1 << 20))
    as_it_was = losses(signals, seed)
    truth = 1 - losses(signals, seed, cause) / as_it_was
    made, by_heads = company_of(signals, seed)
    places = [i for i, f in enumerate(made.facts) if f.name in names]
    drawn = by_heads.parts(tuple(range(len(made.facts))))[:, places].sum(axis=1)

    def at(level: float) -> Ends:
        return Ends(float(drawn.mean()), *np.quantile(drawn, ((1 - level) / 2, (1 + level) / 2)))

    return held(at(0.95), truth, at)


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table."""
    del named
    method = "sampled risk sets, Shapley parts"

    @case(
        room=ROOM, method=f"{method}: share of what drives off", kind="covers", runs=500,
        truth="900 customers over two years, some 370 of them lost; ratio 2.5, 1 and 1.6, two of them together",
    )  # fmt: skip
    def what_drives_off(rng: Generator) -> float:
        return told(rng, 0)

    @case(
        room=ROOM, method=f"{method}: share of what only comes with it", kind="covers", runs=500,
        truth="the same 900: the second does nothing and comes with the first",
    )  # fmt: skip
    def what_comes_with_it(rng: Generator) -> float:
        return told(rng, 1)

    @case(
        room=ROOM, method=f"{method}: all together", kind="covers", runs=500,
        truth="the same 900: what goes with any of the three",
    )  # fmt: skip
    def all_that_goes_with_any(rng: Generator) -> float:
        return told(rng, 3)

    @case(
        room=ROOM, method=f"{method}: share of what drives off", kind="breaks", runs=500,
        truth="the same, and an unmeasured cause of the region that meets the first most: what is told is an association",
    )  # fmt: skip
    def an_unmeasured_cause(rng: Generator) -> float:
        return told(rng, 0, n=1500, hidden=1.2)

    @case(
        room=ROOM, method=f"{method}: late deliveries, from raw signals", kind="covers", runs=24, short=1,
        truth="made-up companies of 250,000 signals against their own histories without late deliveries",
    )  # fmt: skip
    def histories_without_late_deliveries(rng: Generator) -> float:
        return history(rng, "late deliveries", ("broken:delivery",))

    @case(
        room=ROOM, method=f"{method}: slow answers, from raw signals", kind="covers", runs=24, short=1,
        truth="made-up companies of 250,000 signals against their own histories without slow and reopened answers",
    )  # fmt: skip
    def histories_without_slow_answers(rng: Generator) -> float:
        slow = ("broken:first answer", "waited:recent", "solving:recent", "reopened:recent", "unsolved:recent")
        return history(rng, "slow answers", slow)
