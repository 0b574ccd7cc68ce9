"""Customers of each indicator by day or week and combination of dimensions, each once.

A customer counts as disrupted in a period when too few of their attempts in it went well (as the indicator declares),
or one of their promises was broken. Who has several combinations in a period (two devices, say) counts once in each, as
disrupted where too few went well there, too: where somebody counts must not depend on how it went.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa

from regard.journey.promises import zone_steps
from regard.statistics.cuboids import gathered
from regard.statistics.expectations import Past

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from regard.signals.ask import Ask

    Whole = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

DAY, WEEK = 1, 7
HISTORY = 91
"""Days read: thirteen weeks."""
MOST = {DAY: 57, WEEK: 13}
"""Most periods held against each other, now among them."""
MOST_DIMENSIONS, MOST_VALUES = 8, 200
OFTEN = 4
"""Doublings of attempts that are told apart; 16 and more are alike."""
LOOK_HOURS, SLACK = 6, timedelta(minutes=30)
"""Periods end at whole quarters of a day; signals may lag so much behind one that has just ended."""


@dataclass(frozen=True, kw_only=True)
class Met:
    """What customers met of one indicator: a row per customer, day and combination.

    Attributes:
        name: What it is called.
        promise: Whether it is a promise.
        needed: Share of attempts that must go well.
        daily: Whether they must on every day.
        customer, age: Who, and how many days before the end (0: the last 24 hours).
        codes: (rows, dimensions) place of each value in `labels`.
        total, good: Attempts, and those that went well.
        unknown: Share of attempts that carry no customer.
        heaviest: What the heaviest sampled attempt stands for.
    """

    name: str
    promise: bool
    needed: float
    daily: bool
    customer: Whole
    age: Whole
    codes: Whole
    total: Floats
    good: Floats
    unknown: float
    heaviest: float


@dataclass(frozen=True, kw_only=True)
class Read:
    """Every indicator's rows, and what they are cut by.

    Attributes:
        end: Where now ends, UTC.
        dims: Names of the dimensions.
        labels: Of each dimension, its values in order.
        met: The indicators.
        left_out: Dimensions with too many values, or beyond the most that are searched.
    """

    end: datetime
    dims: tuple[str, ...]
    labels: tuple[NDArray[np.object_], ...]
    met: tuple[Met, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """One indicator's customers by period of one length, each once a combination; now is the last period.

    Attributes:
        days: Length of a period in days.
        codes: (leaves, dimensions + 1) of the combinations seen; the last tells how often they tried, by doubling: who
            tries more meets more, and that is no disruption.
        past: Customers and those disrupted, per leaf, now and earlier.
        phase: (periods + 1,) weekday of each period, from 0; all alike for weeks.
        ages: (periods + 1,) periods before now.
        customer, period, leaf, bad: An entry per customer, period and combination; `period` counts as `ages` does.
    """

    days: int
    codes: Whole
    past: Past
    phase: Whole
    ages: Whole
    customer: Whole
    period: Whole
    leaf: Whole
    bad: Flags


def ends(last: datetime | None, until: datetime, now: datetime | None = None) -> datetime | None:
    """Where the last whole quarter of a day ends of which the log speaks, UTC; None where it never spoke."""
    if last is None:
        return None
    latest = min(x for x in (last + SLACK, until, now) if x is not None)
    midnight = until - timedelta(days=(until - latest).days + 1)  # midnights of the company, not of Greenwich
    quarters = int((latest - midnight).total_seconds() // (LOOK_HOURS * 3600))
    return min(midnight + timedelta(hours=LOOK_HOURS * quarters), until)


def read(ask: Ask, *, dims: Sequence[str], end: datetime, indicators: bool, promises: bool) -> Read:
    """What customers met in the weeks before the end.

    Args:
        ask: What may be looked at.
        dims: Names of the dimensions to cut by.
        end: Where now ends, UTC.
        indicators: Whether declared indicators are read.
        promises: Whether promises are.
    """
    names = tuple(dims[:MOST_DIMENSIONS])
    cut = replace(ask, scope=msgspec.structs.replace(ask.scope, also=names))
    bounds: dict[str, Any] = {"history": end - timedelta(days=HISTORY), "end": end}
    tables: list[tuple[pa.Table, Any, bool]] = []
    if indicators:
        table = cut.table("disruptions.sql", **bounds)
        tables.append((table, np.asarray(table.column("no").to_numpy(zero_copy_only=False)), False))
    if promises:
        table = cut.table("disruptions_promises.sql", **bounds, **zone_steps(ask))
        tables.append((table, np.array(table.column("promise").to_pylist(), dtype=str), True))
    codes, labels = _coded([t for t, _, _ in tables], len(names))
    kept = [d for d in range(len(names)) if len(labels[d]) <= MOST_VALUES]
    met: list[Met] = []
    start = 0
    for table, which, promise in tables:
        part = codes[start : start + len(table)][:, kept]
        start += len(table)
        met += list(_met(ask, table, which, part, promise=promise))
    left = (*(names[d] for d in range(len(names)) if d not in kept), *dims[MOST_DIMENSIONS:])
    return Read(end=end, dims=tuple(names[d] for d in kept), labels=tuple(labels[d] for d in kept), met=tuple(met),
                left_out=left)  # fmt: skip


def _coded(tables: Sequence[pa.Table], width: int) -> tuple[Whole, list[NDArray[np.object_]]]:
    """Values of each dimension as places in their sorted labels."""
    rows = sum(len(t) for t in tables)
    if not rows or not width:
        return np.zeros((rows, width), np.int64), [np.array([], object) for _ in range(width)]
    flat = pa.chunked_array([c.flatten() for t in tables for c in t.column("slices").chunks], pa.string())
    encoded = flat.combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    words = np.array(encoded.dictionary.to_pylist(), object)
    places = encoded.indices.to_numpy().reshape(rows, width)
    order = np.argsort(words.astype(str), kind="stable")
    rank = np.empty(len(words), np.int64)
    rank[order] = np.arange(len(words))
    codes, labels = np.empty((rows, width), np.int64), []
    for d in range(width):
        held, codes[:, d] = np.unique(rank[places[:, d]], return_inverse=True)
        labels.append(words[order][held])
    return codes, labels


def _met(ask: Ask, table: pa.Table, which: Any, codes: Whole, *, promise: bool) -> Iterator[Met]:
    customer = table.column("customer").fill_null(0).to_numpy()
    known = np.asarray(table.column("customer").is_valid().to_numpy(zero_copy_only=False))
    age, total, good, heavy = (
        table.column(n).to_numpy(zero_copy_only=False) for n in ("age", "total", "good", "heaviest")
    )
    declared = ask.declarations.indicators
    for number in sorted(set(which.tolist())) if promise else range(len(declared)):
        own = which == number
        at = np.flatnonzero(own & known)
        whole = float(total[own].sum())
        one = None if promise else declared[number]
        yield Met(
            name=str(number) if one is None else one.name, promise=promise, needed=1.0 if one is None else one.needed,
            daily=one is not None and one.each == "day", customer=customer[at].astype(np.int64),
            age=age[at].astype(np.int64), codes=codes[at], total=total[at].astype(float), good=good[at].astype(float),
            unknown=float(total[own & ~known].sum()) / whole if whole else 0.0,
            heaviest=float(heavy[own].max(initial=1.0)),
        )  # fmt: skip


def counted(met: Met, *, days: int, periods: int) -> Counted | None:
    """Customers by period and combination, each once there; None where nothing was met now or before.

    Args:
        met: What they met.
        days: Length of a period.
        periods: Whole periods the log covers.
    """
    age = met.age // days
    inside = age < min(periods, MOST[days])
    if not inside.any():
        return None
    who, customer = np.unique(met.customer[inside], return_inverse=True)
    codes, _, leaf = gathered(met.codes[inside])
    period, total, good = age[inside], met.total[inside], met.good[inside]
    _, (tried, went), key = gathered(np.column_stack([customer, period]), total, good)
    bad = went < met.needed * tried - 1e-9
    if met.daily and days > DAY:
        bad |= _bad_days(met, inside, key, len(bad))
    rows, (tried, went), _ = gathered(np.column_stack([customer, period, leaf, key]), total, good)
    wrong = bad[rows[:, 3]] & (went < (1.0 if met.daily else met.needed) * tried - 1e-9)
    there = tried > 0
    rows, often = rows[there], np.floor(np.log2(np.clip(tried[there], 1.0, 2.0**OFTEN))).astype(np.int64)
    leaves, _, leaf = gathered(np.column_stack([codes[rows[:, 2]], often]))
    return _held(leaves, days, period=rows[:, 1], customer=who[rows[:, 0]], leaf=leaf, bad=wrong[there])


def _bad_days(met: Met, inside: Flags, key: Whole, size: int) -> Flags:
    """Periods in which some day went badly, by the key of customer and period."""
    days = np.column_stack([np.unique(met.customer[inside], return_inverse=True)[1], met.age[inside]])
    _, (tried, went), day = gathered(days, met.total[inside], met.good[inside])
    wrong = ((went < met.needed * tried - 1e-9) & (tried > 0))[day]
    return np.bincount(key[wrong], minlength=size) > 0


def _held(codes: Whole, days: int, *, period: Whole, customer: Whole, leaf: Whole, bad: Flags) -> Counted | None:
    used, leaf = np.unique(leaf, return_inverse=True)
    ages = np.unique(period)
    if len(ages) < 2 or ages[0] != 0:
        return None
    ages = ages[::-1]  # the oldest first, now last
    place = np.zeros(int(ages.max()) + 1, np.int64)
    place[ages] = np.arange(len(ages))
    shape = (len(ages), len(used))
    flat = place[period] * shape[1] + leaf
    total = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape).astype(float)
    wrong = np.bincount(flat, bad.astype(float), shape[0] * shape[1]).reshape(shape).astype(float)
    past = Past(bad=wrong[-1], total=total[-1], past_bad=wrong[:-1], past_total=total[:-1])
    phase = (-ages) % 7 if days == DAY else np.zeros(len(ages), np.int64)
    return Counted(days=days, codes=codes[used], past=past, phase=phase, ages=ages, customer=customer, period=period,
                   leaf=leaf, bad=bad)  # fmt: skip
