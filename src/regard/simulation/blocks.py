"""One block of bakeries from first visit to last loaf: everything about an account is made within its block.

Blocks do not know each other and each has its own seed, so a log of any size needs the memory of one block, and what
comes out does not depend on how it is cut into chunks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from regard.errors import BadInput
from regard.simulation import help as asking
from regard.simulation import money, records, usage, voice
from regard.simulation.almanac import Almanac, almanac, error_chance
from regard.simulation.columns import pick
from regard.simulation.loyalty import Loyalty, draw_loyalty
from regard.simulation.people import draw_bakeries, draw_staff
from regard.simulation.planting import Soil, plant, rerouted
from regard.simulation.truth import account_count

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from numpy.typing import NDArray

    from regard.simulation.people import Bakeries, Staff
    from regard.simulation.plants import Plant, Plants

BLOCK = 800
"""Accounts in a block: about 200,000 signals."""
LEAST = 1000
"""Fewer signals than this are no company."""
ORDER = (
    "profile",
    "merge",
    "subscription",
    "order",
    "promise",
    "event",
    "telemetry",
    "contact",
    "message",
    "answer",
    "review",
    "act",
)
"""Kinds in the order they are sent."""


@dataclass(kw_only=True)
class Block:
    """The signals of a block of accounts by kind, in the order of ORDER, and the truth about each account.

    `points` are number, sum and sum of squares (rows) of what each fact (columns) put on or took off the scores given;
    `planted` is what was planted, with so many rows `added`.
    """

    tables: dict[str, pa.Table]
    accounts: pa.Table
    repeated: int
    contradicting: int
    points: NDArray[np.float64]
    planted: list[Plant]
    added: int


def blocks(*, signals: int, seed: int, until: date, plants: Plants | None = None) -> Iterator[Block]:
    """All blocks of the company of that size, one after the other.

    Args:
        signals: How many rows in all, those of the plants not counted.
        seed: Seed of everything random.
        until: Day after the last one.
        plants: What is planted beside; empty: nothing.

    Raises:
        BadInput: Fewer than 1,000 signals are asked for.
    """
    if signals < LEAST:
        raise BadInput(
            f"A company of {signals} signals is too small to look like one.",
            where="signals",
            hint=f"Ask for {LEAST:,} or more.",
        )
    accounts = account_count(signals)
    days = almanac(until)
    for number, low in enumerate(range(0, accounts, BLOCK)):
        high = min(low + BLOCK, accounts)
        budget = signals * high // accounts - signals * low // accounts
        yield _block(
            seed=seed, number=number, low=low, high=high, budget=budget, days=days, plants=plants
        )  # fmt: skip


def _block(*, seed: int, number: int, low: int, high: int, budget: int, days: Almanac, plants: Plants | None) -> Block:
    """The block's signals: exactly `budget` rows; what everything else leaves over becomes events and telemetry."""
    rng = np.random.default_rng([seed, number])
    world = _draw(rng, low=low, high=high, days=days)
    made = _written(rng, world)
    if number == 0:
        made["act"].append(records.history(days))
    given = voice.draw_relationship(rng, world.bakeries, world.staff, days)
    rate = usage.activity(world.bakeries, days)
    written = _letters(rng, world, rate, made, budget)
    repeats, contradictions = budget // 1000, budget // 15_000
    rest = budget - _rows(made) - _expected(world, given) - budget * 8 // 100 - repeats - contradictions
    seen = usage.draw_sessions(rng, world.bakeries, rate, world.versions, days, rows=max(rest, 0))
    seen = usage.together([world.started, seen], max(rest, 0))
    sent = usage.Sending(origin=f"m{seed}-{number}-", repeats=repeats, contradictions=contradictions)
    soil = plants and Soil(
        plants=plants, seed=seed, number=number, bakeries=world.bakeries, versions=world.versions, days=days
    )
    going, planted = rerouted(seen, soil) if soil else (seen, [])
    made["event"].append(usage.events(rng, world.bakeries, world.staff, going, world.versions, sending=sent))
    lived = voice.Lived(
        bakeries=world.bakeries, parcels=world.parcels, calls=world.calls, events=seen,
        messages=(written[0], days.at(written[1])), almanac=days,
    )  # fmt: skip
    made["review"].append(voice.reviews(rng, lived, world.staff))
    whole, points = voice.relationship(rng, lived, world.staff, given)
    made["answer"] += [whole, voice.after_contact(rng, lived, world.staff), voice.after_start(rng, lived, world.staff)]
    left = max(budget - _rows(made), 0)
    made["telemetry"].append(usage.telemetry(rng, world.bakeries, rate, world.versions, days, rows=left))
    rows = _rows(made)
    if soil:
        planted += _planted(soil, made)
    return Block(
        tables={kind: _one(tables) for kind, tables in made.items()},
        accounts=account_truth(world.bakeries, world.loyal, days),
        repeated=repeats,
        contradicting=contradictions,
        points=np.stack([np.ones_like(points).sum(axis=0), points.sum(axis=0), (points**2).sum(axis=0)]),
        planted=planted,
        added=_rows(made) - rows,
    )


def _planted(soil: Soil, made: dict[str, list[pa.Table]]) -> list[Plant]:
    """Add what is planted to what was made; says what it is."""
    found = plant(soil)
    for kind, tables in found.tables.items():
        made[kind] += tables
    return found.truth


def _expected(world: _World, given: voice.Response) -> int:
    """About how many rows the answers will be: facts behind them need the events first; telemetry evens it out."""
    baked = int(world.started.named("first_batch_baked").sum())
    return int(3.4 * len(given.at) + 0.36 * len(world.calls.at) + 0.5 * baked)


@dataclass(kw_only=True)
class _World:
    """A block before it is written down."""

    bakeries: Bakeries
    staff: Staff
    versions: NDArray[np.int8]
    parcels: money.Parcels
    calls: asking.Calls
    loyal: Loyalty
    started: usage.Events
    days: Almanac


def _draw(rng: np.random.Generator, *, low: int, high: int, days: Almanac) -> _World:
    """Who is there, what happens to them, and who leaves because of it; what comes after an end is dropped."""
    bakeries = draw_bakeries(rng, low=low, high=high)
    staff = draw_staff(rng, bakeries)
    versions = days.versions(bakeries)
    errors = error_chance(bakeries, versions)
    parcels = money.draw_parcels(rng, bakeries, days)
    calls = asking.draw_calls(rng, bakeries, days, errors)
    loyal = draw_loyalty(rng, bakeries, parcels, calls, errors)
    parcels = parcels.keep(bakeries.alive(parcels.account, parcels.day) & (parcels.at < days.until))
    calls = calls.keep(bakeries.alive(calls.account, calls.day) & (calls.at < days.until))
    started = usage.draw_beginnings(rng, bakeries, days)
    return _World(
        bakeries=bakeries, staff=staff, versions=versions, parcels=parcels, calls=calls,
        loyal=loyal, started=started, days=days,
    )  # fmt: skip


def _written(rng: np.random.Generator, world: _World) -> dict[str, list[pa.Table]]:
    """Everything whose number does not hang on the budget."""
    bakeries, staff, parcels, calls, days = world.bakeries, world.staff, world.parcels, world.calls, world.days
    made: dict[str, list[pa.Table]] = {kind: [] for kind in ORDER}
    made["profile"].append(records.profiles(bakeries, staff, days))
    made["merge"].append(records.merges(rng, bakeries, staff, world.started, days))
    made["subscription"].append(money.subscriptions(rng, bakeries, money.changes(bakeries, world.loyal.why), days))
    made["order"].append(money.orders(rng, bakeries, staff, parcels, days))
    made["promise"] += [money.deliveries(rng, bakeries, parcels, days), asking.answer_promises(bakeries, calls, days)]
    made["promise"].append(records.onboarding(bakeries, world.started, days))
    made["contact"].append(asking.contacts(rng, bakeries, staff, calls, days))
    made["message"].append(records.replies(rng, bakeries, calls, asking.call_keys(bakeries, calls), days))
    made["act"].append(records.apologies(rng, bakeries, parcels, days))
    return made


def _letters(
    rng: np.random.Generator, world: _World, rate: NDArray[np.float32], made: dict[str, list[pa.Table]], budget: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Adds what was written unasked: with the replies one signal in twenty."""
    wanted = max(budget // 20 - made["message"][0].num_rows, 0)
    written = records.draw_letters(rng, world.bakeries, rate, rows=wanted, post=world.days.post)
    made["message"].append(records.messages(rng, world.bakeries, world.staff, written, world.days))
    return written


def _rows(made: dict[str, list[pa.Table]]) -> int:
    return sum(t.num_rows for tables in made.values() for t in tables)


def _one(tables: list[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def account_truth(bakeries: Bakeries, loyal: Loyalty, days: Almanac) -> pa.Table:
    """The truth of each account: when it began, ended and came back, why, whether it had left anyway, how it felt.

    `anyway` is the same account in a world without late parcels, slow answers and more than the usual errors; `points`
    are points of latent satisfaction in the month it was decided, or in the last one.
    """
    never = 90_000.0

    def time(day: NDArray[np.float64]) -> pa.Array:
        stamps = np.where(day < never, days.at(np.where(day < never, day, 0.0)), -1)
        return pa.array(stamps, mask=stamps < 0).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC"))

    gone = bakeries.signs & (bakeries.end < never)
    columns = {
        "account": bakeries.key,
        "signed": pa.array(bakeries.signs),
        "started_at": time(np.where(bakeries.signs, bakeries.start, never + 1)),
        "ended_at": time(np.where(bakeries.signs, bakeries.end, never + 1)),
        "returned_at": time(np.where(bakeries.signs, bakeries.back, never + 1)),
        "why": pick(money.REASONS, loyal.why, gone),
        "closing": pa.array(loyal.closing & gone),
        "anyway": pa.array(loyal.anyway & gone),
        "satisfaction": pa.array(np.round(loyal.satisfaction, 3)),
        "temper": pa.array(np.round(bakeries.temper, 3)),
    }
    points = {f"points {name}": pa.array(np.round(values, 3)) for name, values in loyal.pieces.items()}
    return pa.table(columns | points)
