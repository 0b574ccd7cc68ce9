"""Planting into one block of bakeries: signals that are added, and ways that change, with the truth about them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from regard.simulation import company, odd
from regard.simulation.columns import DAY, HOUR, join, pick, scatter, table, text
from regard.simulation.plants import SEED, SERVICES, TROUBLE, Plant, Plants, Shock, detours, shocks
from regard.simulation.usage import NAMES, label_index, labels

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from regard.simulation.almanac import Almanac
    from regard.simulation.people import Bakeries
    from regard.simulation.usage import Events

    Ints = NDArray[np.int64]

BLOCK = 800
NOTHING = Plants(disruptions=0, odd=0, repairs=0, paths=0)
RATE = 1.0
"""Rows of sign-in and checkout a bakery sends a day, in the last 90 days; before them an eighth of it."""
RECENT = 90
AGAIN = 2.0
"""How many times as often those who are disrupted try: they come back to see."""
FAILS = 0.015
"""Share of attempts that fail on an average day; it strays over days for everybody at once, and for each alone."""
STRAYS, LASTS = 0.4, 0.85
SPREAD = 12.0
BROKEN = 0.2
"""Share of the repairs promised that come late."""
MENDED = 4.5
"""Days in which a jar is mended, as promised."""
HABIT = 0.6
"""Share of the bakeries, the busier ones, whose odd days are planted: an oddity needs a habit."""


@dataclass(kw_only=True)
class Planted:
    """What was added to a block, by kind, and the truth about it."""

    tables: dict[str, list[pa.Table]] = field(default_factory=dict)
    truth: list[Plant] = field(default_factory=list)

    def add(self, kind: str, made: pa.Table) -> None:
        """Add signals of a kind."""
        if made.num_rows:
            self.tables.setdefault(kind, []).append(made)


@dataclass(frozen=True, kw_only=True)
class Soil:
    """The block something is planted in."""

    plants: Plants
    seed: int
    number: int
    bakeries: Bakeries
    versions: NDArray[np.int8]
    days: Almanac

    def rng(self, part: int) -> np.random.Generator:
        """Its own draws, whatever else is drawn."""
        return np.random.default_rng([self.seed, SEED, part, self.number])

    def many(self, each: int) -> int:
        """So many for every 800 bakeries."""
        return round(each * len(self.bakeries) / BLOCK)

    def when(self, day: float) -> str:
        """A day of the history as an instant."""
        return moment(int(self.days.at(np.array([day]))[0]))


def moment(at: int) -> str:
    """Microseconds since 1970 as text."""
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="seconds")


def plant(soil: Soil) -> Planted:
    """Everything that is added to a block."""
    made = Planted()
    if soil.plants != NOTHING:
        _services(soil, made)
    _oddities(soil, made)
    _repairs(soil, made)
    return made


def _services(soil: Soil, made: Planted) -> None:
    """Signing in and checking out, of everybody; and not, in the subsets that are disrupted."""
    rng, bakeries = soil.rng(1), soil.bakeries
    day = np.arange(company.DAYS)
    here = bakeries.alive(np.arange(len(bakeries))[:, None], day[None, :])
    rate = here * RATE * np.where(day >= company.DAYS - RECENT, 1.0, 0.125)[None, :]
    account, on = scatter(rng, rate * _again(soil))
    at = soil.days.at(on) + (np.clip(rng.normal(9.0, 4.5, len(on)), 0.1, 23.8) * HOUR).astype(np.int64)
    service = rng.integers(0, len(SERVICES), len(on))
    weather = _weather(soil.seed)
    fails = np.minimum(FAILS * np.sqrt(bakeries.clumsy[account]) * weather[on, service], 0.2)
    share = 1.0 - rng.beta(fails * SPREAD, (1 - fails) * SPREAD)
    total = 1 + rng.poisson(6.0 * np.sqrt(bakeries.energy[account]))
    for shock in shocks(soil.plants, seed=soil.seed):
        touched = _touched(soil, shock, account, on, at) & (service == shock.service)
        share = np.where(touched, shock.good, share)
        total = total + touched * rng.poisson(1.0, len(total))  # who fails tries again
        made.truth.append(_told(soil, shock, account[touched]))
    version = soil.versions[account, on]
    made.add(
        "telemetry",
        table(
            "telemetry",
            {
                "occurred_at": at,
                "account": pick(bakeries.key, account),
                "labels": pick(labels(), label_index(version, bakeries.device[account], bakeries.product[account])),
                "name": pick(SERVICES, service),
                "good": rng.binomial(total, share).astype(float),
                "total": total.astype(float),
            },
        ),
    )


def _weather(seed: int) -> NDArray[np.float64]:
    """How many times the usual fails on each day, by service: it comes and goes over days, for everybody at once."""
    rng = np.random.default_rng([seed, SEED, 9])  # not of the block: all blocks have the same days
    found = np.zeros((company.DAYS, len(SERVICES)))
    for day in range(1, company.DAYS):
        found[day] = LASTS * found[day - 1] + rng.normal(0.0, STRAYS * math.sqrt(1 - LASTS**2), len(SERVICES))
    return np.exp(found)


def _again(soil: Soil) -> NDArray[np.float64]:
    """How many times as often as usual they try, who are disrupted: accounts × days."""
    account, on = np.arange(len(soil.bakeries))[:, None], np.arange(company.DAYS)[None, :]
    noon = soil.days.at(on) + 12 * HOUR
    times = np.ones((len(soil.bakeries), company.DAYS))
    for shock in shocks(soil.plants, seed=soil.seed):
        times = np.where(_touched(soil, shock, account, on, noon), AGAIN, times)
    return times


def _touched(soil: Soil, shock: Shock, account: Ints, on: Ints, at: Ints) -> NDArray[np.bool_]:
    """Which rows are of the subset in its time."""
    begin, end = (int(soil.days.at(np.array([d]))[0]) for d in (shock.day, shock.day + shock.days))
    bakeries = soil.bakeries
    found: NDArray[np.bool_] = (
        (at >= begin) & (at < end) & (bakeries.region[account] == shock.region)
        & (bakeries.plan_at(account, on) == shock.plan) & (soil.versions[account, on] == shock.version)
    )  # fmt: skip
    return found


def _told(soil: Soil, shock: Shock, account: Ints) -> Plant:
    keys = soil.bakeries.key.take(np.unique(account)).to_pylist()
    return Plant(
        kind="disruption", name=f"{', '.join(shock.where.values())}: {TROUBLE[shock.service]}",
        about=SERVICES[shock.service], where=shock.where, customers=tuple(keys), since=soil.when(shock.day),
        until="" if shock.ongoing else soil.when(shock.day + shock.days), size=shock.good,
    )  # fmt: skip


def _oddities(soil: Soil, made: Planted) -> None:
    """Odd customers, each once: the same order again, the same failure again, far more in a day than is their habit."""
    rng, wanted = soil.rng(2), soil.many(soil.plants.odd)
    live = min(2, wanted) if soil.plants.live and soil.number == 0 else 0
    busy = np.flatnonzero(soil.bakeries.energy >= np.quantile(soil.bakeries.energy, 1 - HABIT))
    for account in rng.permutation(busy):
        place = wanted - live - 1 - sum(plant.kind == "odd" for plant in made.truth)
        if place < -live:
            break
        soon = place < 0
        day = company.DAYS - float(rng.uniform(0.15, 0.7) if soon else rng.uniform(1.0, soil.plants.days - 1.0))
        if _settled(soil, int(account), day):
            # What still goes on at the end is an order and a payment: a burst takes the whole day.
            _one_odd(soil, made, rng, kind=-1 - place if soon else place % 4, account=int(account), day=day)


def _settled(soil: Soil, account: int, day: float) -> bool:
    """Whether somebody has been a customer for some weeks: an oddity needs a habit."""
    who, days = np.array([account] * 2), np.array([max(day - 45.0, 0.0), day])
    return bool(soil.bakeries.alive(who, days).all())


def _one_odd(soil: Soil, made: Planted, rng: np.random.Generator, *, kind: int, account: int, day: float) -> None:
    key = soil.bakeries.key[account].as_py()
    at = int(soil.days.at(np.array([day]))[0])
    if kind == 0:
        rule, size = odd.KINDS[0], int(rng.integers(3, 6))
        made.add("order", odd.same_orders(key, at, size, rng))
    elif kind == 1:
        rule, size = odd.KINDS[1], int(rng.integers(4, 9))
        made.add("event", _labelled(soil, odd.many_events(key, at, size, rng, failing=True), account, day))
    elif kind == 2:
        rule, size = odd.KINDS[2], int(rng.integers(15, 60))
        made.add("event", _labelled(soil, odd.many_events(key, at, size, rng, failing=False), account, day))
    else:
        rule, size = odd.KINDS[2], int(rng.integers(6, 12))
        made.add("order", odd.many_orders(key, at, size, rng))
    made.truth.append(
        Plant(
            kind="odd", name=f"{key}: {rule}, {size} times", about=rule, customers=(key,), since=moment(at),
            until=moment(at + (3 if kind == 1 else 8) * HOUR), size=size,
        )
    )  # fmt: skip


def _labelled(soil: Soil, events: pa.Table, account: int, day: float) -> pa.Table:
    """The events with the labels that all of that bakery's have."""
    on = min(int(day), company.DAYS - 1)
    index = label_index(
        soil.versions[[account], [on]], soil.bakeries.device[[account]], soil.bakeries.product[[account]]
    )
    return events.append_column("labels", pick(labels(), np.repeat(index, events.num_rows)))


def _repairs(soil: Soil, made: Planted) -> None:
    """Jars and sensors to be mended by a day that is promised; one in five is not. The last are open at the end."""
    rng, wanted = soil.rng(3), soil.many(soil.plants.repairs)
    day = rng.uniform(0.0, company.DAYS - 0.2, wanted)
    broken = rng.random(wanted) < BROKEN
    if soil.plants.live and soil.number == 0 and wanted >= 30:
        day[:4], broken[:4] = company.DAYS - rng.uniform(2.6, 3.2, 4), True
    account = rng.integers(0, len(soil.bakeries), wanted)
    everybody = np.arange(len(soil.bakeries))
    there = everybody[soil.bakeries.alive(everybody, np.full(len(everybody), company.DAYS - 1.0))]
    last = day >= company.DAYS - 3.2
    account[last] = rng.choice(there, int(last.sum()))
    here = soil.bakeries.alive(account, day)
    day, broken, account = day[here], broken[here], account[here]
    made_at = soil.days.at(day)
    due = soil.days.at(day + MENDED)
    soon = np.where(rng.random(len(day)) < 0.94, rng.uniform(0.1, 0.42, len(day)), rng.uniform(0.42, 0.98, len(day)))
    kept = np.where(broken, due + ((0.3 + rng.exponential(2.0, len(day))) * DAY).astype(np.int64),
                    made_at + (soon * MENDED * DAY).astype(np.int64))  # fmt: skip
    row = np.concatenate((np.arange(len(day)), np.flatnonzero(kept < soil.days.until)))
    second = np.arange(len(row)) >= len(day)
    key = join("repair-", pick(soil.bakeries.key, account), "-", made_at // 1_000_000)
    about = join("R", pick(soil.bakeries.key, account), "-", made_at // 1_000_000)
    columns: dict[str, Any] = {
        "key": pick(key, row), "occurred_at": made_at[row], "version_at": np.where(second, kept[row], made_at[row]),
        "account": pick(soil.bakeries.key, account[row]), "promise": text("repair", len(row)),
        "about": pick(about, row), "due_at": due[row], "due_by": text("instant", len(row)),
        "kept_at": np.where(second, kept[row], -1),
    }  # fmt: skip
    made.add("promise", table("promise", columns))
    for i in np.flatnonzero(broken):
        who = soil.bakeries.key[int(account[i])].as_py()
        made.truth.append(
            Plant(
                kind="promise", name=f"{who}: the repair came late", about=about[int(i)].as_py(), customers=(who,),
                since=moment(int(made_at[i])), until=moment(int(due[i])), size=1.0,
            )
        )  # fmt: skip


def rerouted(seen: Events, soil: Soil) -> tuple[Events, list[Plant]]:
    """The events as they are sent, once some ways have changed; and which."""
    name, truth = seen.name.copy(), []
    for place, one in enumerate(detours(soil.plants, seed=soil.seed)):
        first, second, third, fourth = (NAMES.index(step) for step in one.steps)
        follows = (
            (seen.name[:-2] == first) & (seen.name[1:-1] == second) & (seen.name[2:] == third)
            & (seen.account[:-2] == seen.account[2:]) & (seen.day[:-2] == seen.day[2:]) & (seen.at[:-2] <= seen.at[2:])
            & (seen.day[2:] >= one.day)
        )  # fmt: skip
        chosen = np.flatnonzero(follows & (soil.rng(10 + place).random(len(follows)) < one.share)) + 2
        name[chosen] = fourth
        steps = " → ".join(one.steps[:2])
        keys = soil.bakeries.key.take(np.unique(seen.account[chosen])).to_pylist()
        truth.append(
            Plant(
                kind="path", name=one.why, about=f"{steps} → {one.steps[3]} instead of {one.steps[2]}",
                customers=tuple(keys), since=soil.when(one.day), size=one.share,
            )
        )  # fmt: skip
    return replace(seen, name=name), truth


def together(plants: list[Plant]) -> tuple[Plant, ...]:
    """What was planted in every block: the same disruption and the same way with the customers of all of them."""
    found: dict[tuple[str, str, str], Plant] = {}
    for one in plants:
        key = (one.kind, one.name, one.since)
        if key in found and one.kind in {"disruption", "path"}:
            both = tuple(sorted({*found[key].customers, *one.customers}))
            found[key] = msgspec.structs.replace(one, customers=both)
        else:
            found[key] = one
    return tuple(sorted(found.values(), key=lambda p: (p.kind, p.since, p.name)))
