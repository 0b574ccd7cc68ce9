"""Money and parcels: what bakeries order, whether it comes when promised, and what they subscribe to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from regard.simulation import company
from regard.simulation.columns import DAY, HOUR, choose, join, ordinal, pick, scatter, table, text
from regard.simulation.truth import IMPROVEMENTS, PRICE_FACTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.simulation.almanac import Almanac
    from regard.simulation.people import Bakeries, Staff

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


@dataclass(kw_only=True)
class Parcels:
    """Orders as parcels: one entry per order; times in microseconds."""

    account: Ints
    day: Ints
    at: Ints
    due: Ints
    kept: Ints
    late: Flags

    def keep(self, chosen: Flags | Ints) -> Parcels:
        """Only these, in that order."""
        return Parcels(**{name: values[chosen] for name, values in vars(self).items()})


def draw_parcels(rng: np.random.Generator, bakeries: Bakeries, almanac: Almanac) -> Parcels:
    """Orders over the whole possible life of each account, and whether each comes late."""
    rate = almanac.presence(bakeries) * (0.0126 * bakeries.energy[:, None]) * almanac.ordering[None, :]
    account, day = scatter(rng, rate)
    rows = len(account)
    chance = np.array([r.late for r in company.REGIONS])[bakeries.region[account]] * almanac.rush[day]
    for done in IMPROVEMENTS:
        if done.target == "late_delivery":
            reached = bakeries.region[account] == [r.name for r in company.REGIONS].index(done.where["region"])
            chance = np.where(reached & (day >= done.day), chance * done.factor, chance)
    late = rng.random(rows) < chance
    at = almanac.at(day) + ((6.0 + 14.0 * rng.beta(2, 2, rows)) * HOUR).astype(np.int64)
    due = (
        almanac.at(day + 2 + rng.integers(0, 3, rows)) + 12 * HOUR
    )  # noon: the same calendar day in every zone of theirs
    early = due + (rng.uniform(-30.0, 5.0, rows) * HOUR).astype(np.int64)
    behind = due + ((18.0 + rng.exponential(60.0, rows)) * HOUR).astype(np.int64)
    parcels = Parcels(
        account=account, day=day, at=at, due=due, kept=np.where(late, behind, np.maximum(early, at + HOUR)), late=late
    )
    return parcels.keep(np.argsort(at, kind="stable"))


def orders(rng: np.random.Generator, bakeries: Bakeries, staff: Staff, parcels: Parcels, almanac: Almanac) -> pa.Table:
    """One row per line of an order; some lines have a later version with money given back."""
    lines = 1 + (rng.random(len(parcels.at)) < 0.32) + (rng.random(len(parcels.at)) < 0.08)
    parcel = np.repeat(np.arange(len(lines)), lines)
    place = np.arange(len(parcel)) - np.repeat(np.cumsum(lines) - lines, lines)
    account = parcels.account[parcel]
    winter = almanac.stollen[parcels.day[parcel]]
    shares = np.tile(np.array([g[3] for g in company.GOODS]), (len(parcel), 1))
    shares[:, -1] *= winter
    good = (rng.random((len(parcel), 1)) * shares.sum(axis=1, keepdims=True) >= np.cumsum(shares, axis=1)).sum(axis=1)
    good = np.minimum(good, len(company.GOODS) - 1)
    quantity = 1 + rng.geometric(0.7, len(parcel)) * (rng.random(len(parcel)) < 0.2)
    price = np.array([g[2] for g in company.GOODS])[good] * np.array(company.LOCAL)[bakeries.currency[account]]
    amount = np.round(price * quantity, 2)
    back = rng.random(len(parcel)) < np.where(parcels.late[parcel], 0.09, 0.025)
    given = np.round(amount * np.where(rng.random(len(parcel)) < 0.7, 1.0, 0.3), 2)
    refunded_at = parcels.kept[parcel] + (rng.exponential(4.0, len(parcel)) * DAY).astype(np.int64)
    again = np.flatnonzero(back & (refunded_at < almanac.until))
    row = np.concatenate((np.arange(len(parcel)), again))
    second = np.arange(len(row)) >= len(parcel)
    order_id = join("O", pick(bakeries.key, account), "-", ordinal(parcels.account)[parcel])
    buyer = staff.somebody(account, rng)
    return table(
        "order",
        {
            "key": join(pick(order_id, row), place[row] + 1, between="/"),
            "occurred_at": parcels.at[parcel][row],
            "version_at": np.where(second, refunded_at[row], parcels.at[parcel][row]),
            "person": pick(staff.key, buyer[row]),
            "account": pick(bakeries.key, account[row]),
            "order_id": pick(order_id, row),
            "product": pick([g[0] for g in company.GOODS], good[row]),
            "category": pick([g[1] for g in company.GOODS], good[row]),
            "seller": pick(company.SELLERS, choose(rng, company.SELLER_SHARES, len(parcel))[row]),
            "quantity": quantity[row].astype(float),
            "amount": amount[row],
            "refunded": np.where(second, given[row], 0.0),
            "currency": pick(company.CURRENCIES, bakeries.currency[account[row]]),
            "status": pick(("shipped", "refunded"), second.astype(int)),
        },
    )


def deliveries(rng: np.random.Generator, bakeries: Bakeries, parcels: Parcels, almanac: Almanac) -> pa.Table:
    """The promise of each parcel: a version when promised and, when it came, one that says so; a few are called off."""
    rows = len(parcels.at)
    withdrawn = (rng.random(rows) < 0.012) & ~parcels.late
    arrived = np.flatnonzero((parcels.kept < almanac.until) | withdrawn)
    row = np.concatenate((np.arange(rows), arrived))
    second = np.arange(len(row)) >= rows
    called_off = np.minimum(parcels.at + 5 * HOUR, almanac.until - HOUR)
    order_id = join("O", pick(bakeries.key, parcels.account), "-", ordinal(parcels.account))
    kept = np.where(second & ~withdrawn[row], parcels.kept[row], -1)
    off = np.where(second & withdrawn[row], called_off[row], -1)
    return table(
        "promise",
        {
            "key": join("delivery-", pick(order_id, row)),
            "occurred_at": parcels.at[row],
            "version_at": np.where(second, np.maximum(kept, off), parcels.at[row]),
            "account": pick(bakeries.key, parcels.account[row]),
            "promise": text("delivery", len(row)),
            "about": pick(order_id, row),
            "due_at": parcels.due[row],
            "due_by": text("day", len(row)),
            "kept_at": kept,
            "withdrawn_at": off,
        },
    )


@dataclass(kw_only=True)
class Changes:
    """Changes of contracts, one entry per row."""

    account: Ints
    day: NDArray[np.float64]
    change: Ints
    reason: Ints
    extra: Flags
    again: Flags


CHANGES = ("start", "change", "renewal", "end")
REASONS = (
    "",
    "closing the bakery",
    "too many errors",
    "late deliveries",
    "slow answers",
    "too expensive",
    "back to the notebook",
    "price list 2026",
    "more ovens",
    "fewer ovens",
    "missed it",
)
"""Why contracts change: the first is none, then six for leaving, four for the rest."""


def changes(bakeries: Bakeries, why: Ints) -> Changes:
    """Everything that happens to the contracts of these accounts until the history ends.

    Args:
        bakeries: With the days they end and come back.
        why: Index into REASONS of what made each account leave.
    """
    everybody = np.flatnonzero(bakeries.signs)
    until = np.minimum(bakeries.end, company.DAYS)
    groups: list[tuple[Ints, NDArray[np.float64], str, Any, bool, bool]] = [
        (everybody, bakeries.start[everybody], "start", "", False, False)
    ]
    for year in (1, 2, 3, 4):
        day = bakeries.start + 365.0 * year
        who = np.flatnonzero(bakeries.signs & bakeries.yearly & (day < until))
        groups.append((who, day[who], "renewal", "", False, False))
    dearer = np.flatnonzero(
        bakeries.signs & ~bakeries.yearly & (bakeries.raise_day > bakeries.start) & (bakeries.raise_day < until)
    )
    groups.append((dearer, bakeries.raise_day[dearer], "change", "price list 2026", False, False))
    for up, name in ((True, "more ovens"), (False, "fewer ovens")):
        who = np.flatnonzero(
            bakeries.signs & (bakeries.change_day < until) & ((bakeries.change_plan > bakeries.plan) == up)
        )
        groups.append((who, bakeries.change_day[who], "change", name, False, False))
    extra = np.flatnonzero(bakeries.signs & (bakeries.extra_day < until) & (bakeries.extra_day > bakeries.start))
    groups.append((extra, bakeries.extra_day[extra], "start", "", True, False))
    for who, added in ((np.flatnonzero(bakeries.signs), False), (extra, True)):
        gone = who[bakeries.end[who] < company.DAYS]
        groups.append((gone, bakeries.end[gone], "end", why[gone], added, False))
    back = np.flatnonzero(bakeries.signs & (bakeries.back < company.DAYS))
    groups.append((back, bakeries.back[back], "start", "missed it", False, True))
    older = back[bakeries.yearly[back] & (bakeries.back[back] + 365.0 < company.DAYS)]
    groups.append((older, bakeries.back[older] + 365.0, "renewal", "", False, True))
    return _together(groups)


def _together(groups: list[tuple[Ints, NDArray[np.float64], str, Any, bool, bool]]) -> Changes:
    """The groups as one set of rows."""
    size = [len(g[0]) for g in groups]
    reason = [
        np.full(n, REASONS.index(g[3])) if isinstance(g[3], str) else g[3] for g, n in zip(groups, size, strict=True)
    ]
    return Changes(
        account=np.concatenate([g[0] for g in groups]),
        day=np.concatenate([g[1] for g in groups]),
        change=np.repeat([CHANGES.index(g[2]) for g in groups], size),
        reason=np.concatenate(reason).astype(np.int64),
        extra=np.repeat([g[4] for g in groups], size),
        again=np.repeat([g[5] for g in groups], size),
    )


def price(bakeries: Bakeries, account: Ints, day: NDArray[np.float64], extra: Flags) -> NDArray[np.float64]:
    """What an account pays per billing period from that day on, in its currency."""
    plan = np.array([p.monthly for p in company.PLANS])[bakeries.plan_at(account, day)]
    months = np.where(bakeries.yearly[account] & ~extra, company.YEARLY_MONTHS, 1)
    dearer = np.where((day >= bakeries.raise_day[account]) & ~extra, PRICE_FACTOR, 1.0)
    local = np.array(company.LOCAL)[bakeries.currency[account]]
    amount: NDArray[np.float64] = np.round(np.where(extra, company.ADDON.monthly, plan) * months * dearer * local, 2)
    return amount


def subscriptions(rng: np.random.Generator, bakeries: Bakeries, made: Changes, almanac: Almanac) -> pa.Table:
    """The changes of contracts as signals; what somebody says on leaving is stated for two in three, else observed."""
    account, day, rows = made.account, made.day, len(made.day)
    yearly = bakeries.yearly[account] & ~made.extra
    ends = made.change == CHANGES.index("end")
    contract = join(
        "S",
        pick(bakeries.key, account),
        pick(("", "-jar"), made.extra.astype(int)),
        pick(("", "-again"), made.again.astype(int)),
    )
    since = np.where(made.again, bakeries.back[account], bakeries.start[account])
    paid = since + 365.0 * (np.floor((day - since + 0.001) / 365.0) + 1.0)
    stated = rng.random(rows) < 0.66
    told = (made.reason > 0) & (rng.random(rows) < np.where(ends, 0.85, 1.0))
    plans = [p.name for p in company.PLANS]
    return table(
        "subscription",
        {
            "key": join(contract, "-", pick(CHANGES, made.change), "-", np.floor(day).astype(np.int64) + 2000),
            "occurred_at": almanac.at(day),
            "account": pick(bakeries.key, account),
            "subscription": contract,
            "change": pick(CHANGES, made.change),
            "plan": pick(
                [*plans, company.ADDON.name], np.where(made.extra, len(plans), bakeries.plan_at(account, day))
            ),
            "amount": np.where(ends, 0.0, price(bakeries, account, day, made.extra)),
            "every": pick(("month", "year"), yearly.astype(int)),
            "currency": pick(company.CURRENCIES, bakeries.currency[account]),
            "until": np.where(yearly & ~ends, almanac.at(paid), -1),
            "reason": pick(REASONS, made.reason, told),
            "reason_from": pick(("observed", "stated"), stated.astype(int), told),
        },
    )
