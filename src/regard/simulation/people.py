"""Bakeries and the people in them: who they are, where, on which plan, since when, and how easily pleased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.simulation import company
from regard.simulation.columns import choose, choose_each, join, number_key, pick
from regard.simulation.truth import PRICE_DAY
from regard.simulation.words import NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

NEVER = 99_999.0
"""A day that does not come."""


@dataclass(kw_only=True)
class Bakeries:
    """One block of accounts; every array has one entry per account, days count from the first day of the history."""

    number: Ints
    key: pa.Array
    name: pa.Array
    region: Ints
    segment: Ints
    language: Ints
    currency: Ints
    partner: Ints
    product: Ints
    plan: Ints
    yearly: Flags
    start: Floats
    signs: Flags
    change_day: Floats
    change_plan: Ints
    extra_day: Floats
    raise_day: Floats
    temper: Floats
    energy: Floats
    clumsy: Floats
    lag: Floats
    device: Ints
    end: Floats
    back: Floats

    def __len__(self) -> int:
        return len(self.number)

    def alive(self, account: NDArray[Any], day: NDArray[Any]) -> Flags:
        """Whether the account is a customer on that day: signed, not gone, or back again."""
        here = (day >= self.start[account]) & (day < self.end[account])
        there: Flags = self.signs[account] & (here | (day >= self.back[account]))
        return there

    def plan_at(self, account: NDArray[Any], day: NDArray[Any]) -> Ints:
        """Index of the plan the account is on that day."""
        plan: Ints = np.where(day >= self.change_day[account], self.change_plan[account], self.plan[account])
        return plan


@dataclass(kw_only=True)
class Staff:
    """The people of a block; one entry per person, people of an account are neighbours."""

    account: Ints
    key: pa.Array
    name: pa.Array
    email: pa.Array
    role: Ints
    job: pa.Array
    temper: Floats
    first: Ints
    count: Ints

    def somebody(self, account: NDArray[Any], rng: np.random.Generator) -> Ints:
        """Index of a person of each account; the first one does a good half of the work."""
        draw = np.maximum(rng.random(len(account)) * 1.8 - 0.8, 0.0) / 1.0001
        person: Ints = self.first[account] + (draw * self.count[account]).astype(np.int64)
        return person


def draw_bakeries(rng: np.random.Generator, *, low: int, high: int) -> Bakeries:
    """The accounts numbered low to high."""
    rows = high - low
    region = choose(rng, [r.share for r in company.REGIONS], rows)
    plan = choose(rng, [p.share for p in company.PLANS], rows)
    language = choose_each(rng, _shares("languages", company.LANGUAGES)[region])
    segment = choose(rng, company.SEGMENT_SHARES, rows)
    start, signs = _starts(rng, rows)
    yearly = rng.random(rows) < np.array([p.yearly for p in company.PLANS])[plan]
    change_day, change_plan = _plan_changes(rng, start, plan)
    number = np.arange(low, high, dtype=np.int64)
    return Bakeries(
        number=number,
        key=number_key("B", number, 6),
        name=_names(rng, language, segment),
        region=region,
        segment=segment,
        language=language,
        currency=choose_each(rng, _shares("currencies", company.CURRENCIES)[region]),
        partner=choose(rng, company.PARTNER_SHARES, rows),
        product=choose(rng, company.PRODUCT_SHARES, rows),
        plan=plan,
        yearly=yearly,
        start=start,
        signs=signs,
        change_day=change_day,
        change_plan=change_plan,
        extra_day=np.where(
            rng.random(rows) < company.ADDON.share, np.maximum(start, 0) + rng.uniform(20, 300, rows), NEVER
        ),
        raise_day=_raises(rng, start, yearly),
        temper=rng.normal(0.0, 0.55, rows),
        energy=rng.lognormal(0.0, 0.45, rows) * np.array([0.75, 1.0, 1.4, 1.9])[plan],
        clumsy=rng.lognormal(-0.18, 0.6, rows),
        lag=rng.exponential(22.0, rows) + 1.0,
        device=choose(rng, company.DEVICE_SHARES, rows),
        end=np.full(rows, NEVER),
        back=np.full(rows, NEVER),
    )


def _shares(field: str, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Shares per region (rows) of each name (columns)."""
    return np.array([[dict(getattr(r, field)).get(name, 0.0) for name in names] for r in company.REGIONS])


def _starts(rng: np.random.Generator, rows: int) -> tuple[Floats, Flags]:
    """Day each account signs: two in five before the history opens, ever more later; one newcomer in six never does."""
    days = np.arange(company.DAYS)
    season = 1.0 + 0.35 * np.cos(2 * np.pi * (days - 30) / 365.0) + 0.9 * days / company.DAYS
    edges = np.cumsum(season)
    new = np.searchsorted(edges, rng.random(rows) * edges[-1]) + rng.uniform(0.3, 0.75, rows)
    carried = rng.random(rows) < 0.42
    start = np.where(carried, np.floor(-rng.uniform(2.0, 950.0, rows)) + rng.uniform(0.3, 0.75, rows), new)
    return start, carried | (rng.random(rows) > 0.16)


def _plan_changes(rng: np.random.Generator, start: Floats, plan: Ints) -> tuple[Floats, Ints]:
    """One change of plan for one account in five: seven of ten upwards."""
    rows = len(start)
    step = np.where(rng.random(rows) < 0.7, 1, -1)
    target = np.clip(plan + step, 0, len(company.PLANS) - 1)
    changes = (rng.random(rows) < 0.22) & (target != plan)
    day = np.maximum(start, 0.0) + rng.uniform(50, 420, rows)
    return np.where(changes, day, NEVER), target


def _raises(rng: np.random.Generator, start: Floats, yearly: Flags) -> Floats:
    """Day the dearer price list reaches each account: its start, within a month, or its next renewal."""
    rows = len(start)
    renewal = start + 365.0 * np.maximum(np.ceil((PRICE_DAY - start) / 365.0), 1.0)
    running = np.where(yearly, renewal, PRICE_DAY + rng.uniform(0, 30, rows))
    return np.where(start >= PRICE_DAY, start, running)


def _names(rng: np.random.Generator, language: Ints, segment: Ints) -> pa.Array:
    """Names of bakeries: what it is, what it is called, sometimes where."""
    fixed, kind, called, place = (NAMES.pools[part].pick(language, rng) for part in ("shop", "kind", "called", "place"))
    whole = np.asarray(rng.random(len(language)) < 0.35)
    stem = pc.if_else(pa.array(whole), fixed, join(kind, called, between=" "))
    where = rng.random(len(language)) < np.where(segment == 3, 0.9, 0.6)
    return pc.if_else(pa.array(where), join(stem, place, between=", "), stem)


def draw_staff(rng: np.random.Generator, bakeries: Bakeries) -> Staff:
    """The people of these accounts: one at least, more on the larger plans."""
    more = rng.poisson(np.array([p.people for p in company.PLANS])[bakeries.plan])
    count = 1 + np.minimum(more, 9).astype(np.int64)
    first = np.concatenate(([0], np.cumsum(count)[:-1]))
    account = np.repeat(np.arange(len(bakeries)), count)
    ordinal = np.arange(len(account)) - first[account]
    role = np.where(ordinal == 0, 0, np.where(rng.random(len(account)) < 0.12, 2, 1))
    language = bakeries.language[account]
    given, family = (NAMES.pools[part].pick(language, rng) for part in ("given", "family"))
    key = join(pick(bakeries.key, account), ordinal + 1, between=".")
    jobs = [job for group in company.JOBS for job in group]
    starts, sizes = np.array([0, 3, 6]), np.array([3, 3, 1])
    return Staff(
        account=account,
        key=key,
        name=join(given, family, between=" "),
        email=join(pc.utf8_lower(key), "@oven.example"),
        role=role,
        job=pick(jobs, starts[role] + (rng.random(len(account)) * sizes[role]).astype(np.int64)),
        temper=rng.normal(0.0, 0.35, len(account)),
        first=first,
        count=count,
    )
