"""What bakeries do with it: sessions made of events, errors met on the way, and the pulse of the service they felt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.simulation import company
from regard.simulation.almanac import BASE_ERROR, hit
from regard.simulation.columns import DAY, HOUR, choose_each, join, number_key, only, pick, scatter, table
from regard.simulation.truth import DISRUPTIONS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.simulation.almanac import Almanac
    from regard.simulation.people import Bakeries, Staff

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

EVENTS: dict[str, tuple[float, str]] = {
    "page_visited": (25, "crumbs_in_cache"),
    "price_seen": (40, "crumbs_in_cache"),
    "bread_calculator_used": (90, "division_by_baguette"),
    "demo_watched": (150, "crumbs_in_cache"),
    "trial_started": (60, "form_rejected"),
    "sample_dough_planned": (120, "flour_type_unknown"),
    "trial_ended": (5, "crumbs_in_cache"),
    "account_opened": (80, "form_rejected"),
    "first_recipe_imported": (180, "flour_type_unknown"),
    "oven_connected": (240, "oven_not_found"),
    "team_invited": (45, "form_rejected"),
    "first_batch_baked": (600, "oven_not_found"),
    "day_planned": (110, "sync_timeout"),
    "dough_scheduled": (35, "flour_type_unknown"),
    "oven_preheated": (12, "oven_not_found"),
    "batch_baked": (20, "oven_not_found"),
    "burnt_batch_logged": (30, "sync_timeout"),
    "croissant_forecast_viewed": (22, "sync_timeout"),
    "waste_counted": (50, "sync_timeout"),
    "till_opened": (8, "drawer_stuck"),
    "tray_sold": (15, "sync_timeout"),
    "loyalty_stamp_given": (6, "sync_timeout"),
    "till_synced": (9, "sync_timeout"),
    "day_closed": (70, "day_does_not_add_up"),
    "starter_checked": (14, "jar_asleep"),
    "starter_fed": (30, "jar_asleep"),
    "starter_named": (55, "name_already_bubbling"),
    "bubble_alarm_raised": (4, "jar_asleep"),
    "help_opened": (20, "crumbs_in_cache"),
    "help_searched": (25, "nothing_found"),
    "article_read": (95, "crumbs_in_cache"),
    "invoice_opened": (30, "paper_jam"),
    "payment_made": (40, "card_declined"),
    "card_updated": (75, "card_declined"),
    "renewal_viewed": (60, "crumbs_in_cache"),
    "plan_compared": (80, "crumbs_in_cache"),
    "cancel_page_seen": (90, "crumbs_in_cache"),
}
"""Typical seconds and the error that can be met there."""
NAMES = tuple(EVENTS)
ERRORS = tuple(sorted({error for _, error in EVENTS.values()}))

SESSIONS: tuple[tuple[int, float, float, tuple[str, ...]], ...] = (
    (
        0,
        5.0,
        4.0,
        ("day_planned", "dough_scheduled", "dough_scheduled", "oven_preheated", "batch_baked", "batch_baked"),
    ),
    (0, 2.0, 4.4, ("oven_preheated", "batch_baked", "burnt_batch_logged", "dough_scheduled")),
    (0, 1.6, 14.0, ("croissant_forecast_viewed", "waste_counted", "day_planned")),
    (1, 5.0, 8.5, ("till_opened", "tray_sold", "loyalty_stamp_given", "tray_sold", "till_synced")),
    (1, 2.5, 17.5, ("till_synced", "day_closed", "waste_counted")),
    (1, 0.8, 14.0, ("croissant_forecast_viewed", "waste_counted")),
    (2, 5.0, 5.5, ("starter_checked", "starter_fed", "starter_checked")),
    (2, 1.5, 20.0, ("bubble_alarm_raised", "starter_checked", "starter_fed", "batch_baked")),
    (2, 0.4, 13.0, ("starter_named", "starter_checked")),
    (-1, 0.7, 13.5, ("help_opened", "help_searched", "article_read", "article_read")),
    (-1, 0.8, 14.5, ("invoice_opened", "payment_made")),
    (-1, 0.12, 14.5, ("invoice_opened", "payment_made", "card_updated", "payment_made")),
    (-1, 0.25, 15.0, ("renewal_viewed", "plan_compared")),
    (-1, 0.02, 15.0, ("renewal_viewed", "plan_compared", "cancel_page_seen")),
)
"""Product (-1: all), weight, usual hour, events in order. The last three are about staying or going."""
LEAVING = 2
"""How many of the last sessions become more frequent before an end."""


@dataclass(kw_only=True)
class Events:
    """Events of a block before they become columns; one entry each. `account` is -1 while the visitor is unknown."""

    account: Ints
    visitor: Ints
    at: Ints
    day: Ints
    name: Ints
    failed: NDArray[np.bool_]
    device: Ints

    def __len__(self) -> int:
        return len(self.at)

    def named(self, *names: str) -> NDArray[np.bool_]:
        """Which events have one of these names and went well."""
        return np.isin(self.name, [NAMES.index(name) for name in names]) & ~self.failed & (self.account >= 0)


def together(parts: list[Events], rows: int) -> Events:
    """The first `rows` events of these parts, one after the other."""
    return Events(**{name: np.concatenate([getattr(p, name) for p in parts])[:rows] for name in vars(parts[0])})


def activity(bakeries: Bakeries, almanac: Almanac) -> NDArray[np.float32]:
    """Relative rate of use of each account on each day, waning in the seven weeks before an end. Accounts × days."""
    day = np.arange(company.DAYS)[None, :]
    rows = np.arange(len(bakeries))[:, None]
    here = bakeries.alive(rows, day)
    wanes = (day > bakeries.end[:, None] - 48) & (day < bakeries.end[:, None])
    return (almanac.custom(bakeries) * here * np.where(wanes, 0.45, 1.0)).astype(np.float32)


def draw_sessions(
    rng: np.random.Generator,
    bakeries: Bakeries,
    rate: NDArray[np.float32],
    versions: NDArray[np.int8],
    almanac: Almanac,
    *,
    rows: int,
) -> Events:
    """At least `rows` events of everyday use, session by session in random order: cutting them off favours none."""
    count = int(rows / 2.4) + 60
    account, day = scatter(rng, rate, count)
    if not len(account):
        account, day = rng.integers(0, len(bakeries), count), rng.integers(0, company.DAYS, count)
    kinds = np.array([s[0] for s in SESSIONS])
    weights = np.array([s[1] for s in SESSIONS])[None, :] * (
        (kinds < 0) | (kinds == bakeries.product[account][:, None])
    )
    leaving = (bakeries.end[account] - day < 60) & (day < bakeries.end[account])
    weights[:, -LEAVING:] *= np.where(leaving, 6.0, 1.0)[:, None]
    kind = choose_each(rng, weights)
    hour = np.array([s[2] for s in SESSIONS])[kind] + rng.normal(0, 1.0, count)
    begin = almanac.at(day) + (np.clip(hour, 0.05, 23.5) * HOUR).astype(np.int64)
    own = rng.random(count) < 0.7
    device = np.where(
        own, bakeries.device[account], np.searchsorted(np.cumsum(company.DEVICE_SHARES[:-1]), rng.random(count))
    )
    steps = [[NAMES.index(e) for e in s[3]] for s in SESSIONS]
    return _walk(rng, bakeries, versions, account=account, day=day, begin=begin, device=device, kind=kind, steps=steps)


def _walk(
    rng: np.random.Generator, bakeries: Bakeries, versions: NDArray[np.int8], *, account: Ints, day: Ints, begin: Ints,
    device: Ints, kind: Ints, steps: list[list[int]],
) -> Events:  # fmt: skip
    """Sessions step by step: a person may stop at any step, and more readily after an error."""
    sizes = np.array([len(s) for s in steps])
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    flat = np.array([name for s in steps for name in s], dtype=np.int64)
    lengths = sizes[kind]
    session = np.repeat(np.arange(len(kind)), lengths)
    first = np.cumsum(lengths) - lengths
    place = np.arange(len(session)) - first[session]
    name = flat[starts[kind][session] + place]
    who, when = account[session], day[session]
    chance = _error_chance(bakeries, versions, who, when, device[session])
    failed = rng.random(len(session)) < chance * np.where(name == NAMES.index("payment_made"), 1.8, 1.0)
    stops = rng.random(len(session)) < np.where(failed, 0.45, 0.07)
    last = np.minimum.reduceat(np.where(stops, place, 99), first) if len(first) else first
    there = place <= last[session]
    seconds = np.array([EVENTS[n][0] for n in NAMES])[name] * rng.lognormal(0.0, 0.4, len(name))
    elapsed = np.cumsum(seconds) - seconds
    elapsed -= elapsed[first][session]
    return Events(
        account=who[there],
        visitor=np.full(int(there.sum()), -1),
        at=(begin[session] + (elapsed * 1e6).astype(np.int64))[there],
        day=when[there],
        name=name[there],
        failed=failed[there],
        device=device[session][there],
    )


def _error_chance(bakeries: Bakeries, versions: NDArray[np.int8], account: Ints, day: Ints, device: Ints) -> Floats:
    """Chance of an error of each event."""
    version = versions[account, day]
    chance = BASE_ERROR * bakeries.clumsy[account] * np.array(company.VERSION_ERRORS)[version]
    for index, disruption in enumerate(DISRUPTIONS):
        inside = hit(index, bakeries=bakeries, account=account, day=day, version=version, device=device)
        chance = np.where(inside > 0, disruption.error_chance, chance)
    result: Floats = np.minimum(chance, 0.5)
    return result


def draw_beginnings(rng: np.random.Generator, bakeries: Bakeries, almanac: Almanac) -> Events:
    """How newcomers find their way: visits without a name, a trial, and for those who sign the first batch."""
    new = np.flatnonzero(bakeries.start > 16)
    tries = new[rng.random(len(new)) < 0.9]
    signed = np.flatnonzero(bakeries.signs & (bakeries.start > 0))
    baked = signed[rng.random(len(signed)) < 0.94]
    quick = rng.random(len(baked)) < 0.62
    trial = trial_day(bakeries)
    finish = bakeries.start[baked] + np.where(
        quick, rng.uniform(0.3, 6.5, len(baked)), rng.uniform(8.0, 32.0, len(baked))
    )
    parts = [
        _moments(
            rng,
            new,
            trial[new] - rng.uniform(1.0, 6.0, len(new)),
            ("page_visited", "price_seen", "bread_calculator_used"),
            0.75,
            unknown=True,
        ),
        _moments(
            rng, tries, trial[tries], ("trial_started", "sample_dough_planned", "demo_watched", "trial_ended"), 0.8
        ),
        _moments(
            rng,
            signed,
            bakeries.start[signed],
            ("account_opened", "first_recipe_imported", "oven_connected", "team_invited"),
            0.85,
        ),
        _moments(rng, baked, finish, ("first_batch_baked",), 1.0),
    ]
    merged = together(parts, sum(len(part) for part in parts))
    merged.at = almanac.at(merged.at / DAY)
    inside = (merged.at >= almanac.since) & (merged.at < almanac.until)
    gone = np.where(merged.account >= 0, bakeries.end[np.maximum(merged.account, 0)], np.inf) <= merged.day
    keep = inside & ~gone
    return Events(**{name: values[keep] for name, values in vars(merged).items()})


def trial_day(bakeries: Bakeries) -> Floats:
    """Day each newcomer's trial began: nine days before signing, or when signing was due and never came."""
    return bakeries.start - 9.0


def _moments(
    rng: np.random.Generator,
    account: Ints,
    day: Floats,
    names: tuple[str, ...],
    onward: float,
    *,
    unknown: bool = False,
) -> Events:
    """The same steps for each account from that day on, each step reached with chance `onward` from the one before."""
    reach = (
        np.cumprod(rng.random((len(account), len(names))) < np.array([1.0] + [onward] * (len(names) - 1)), axis=1) > 0
    )
    row, step = np.nonzero(reach)
    when = day[row] + step * rng.uniform(0.002, 0.02, len(row)) + 0.05
    return Events(
        account=np.where(unknown, -1, account[row]),
        visitor=np.where(unknown, account[row], -1),
        at=(when * DAY).astype(np.int64),
        day=np.clip(np.floor(when), 0, company.DAYS - 1).astype(np.int64),
        name=np.array([NAMES.index(n) for n in names])[step],
        failed=rng.random(len(row)) < BASE_ERROR,
        device=rng.integers(0, 3, len(row)),
    )


@cache
def labels() -> pa.Array:
    """JSON labels of signals of use: version × device × product (one more: unknown product)."""
    return pa.array(
        [
            json.dumps({"version": v, "device": d} | ({"product": p} if p else {}), separators=(",", ":"))
            for v in company.VERSIONS
            for d in company.DEVICES
            for p in (*company.PRODUCTS, "")
        ]
    )


def label_index(version: NDArray[Any], device: NDArray[Any], product: NDArray[Any]) -> Ints:
    """Index into `labels`."""
    index: Ints = (version.astype(np.int64) * 3 + device) * 4 + product
    return index


@dataclass(frozen=True, kw_only=True)
class Sending:
    """How events are sent: how their message ids begin, how many come twice, how many twice with other content."""

    origin: str
    repeats: int
    contradictions: int


def events(
    rng: np.random.Generator,
    bakeries: Bakeries,
    staff: Staff,
    seen: Events,
    versions: NDArray[np.int8],
    *,
    sending: Sending,
) -> pa.Table:
    """The events as sent: phones send late and with a message id, some of them twice, a very few with other content."""
    account = np.maximum(seen.account, 0)
    known = seen.account >= 0
    phone = seen.device == company.DEVICES.index("phone")
    offline = phone & (rng.random(len(seen)) < 0.06)
    sent = seen.at + np.where(offline, rng.exponential(0.8, len(seen)) * DAY, rng.exponential(2e6, len(seen))).astype(
        np.int64
    )
    product = np.where(known, bakeries.product[account], len(company.PRODUCTS))
    anonymous = number_key("visitor-", bakeries.number[np.maximum(seen.visitor, 0)], 6)
    seconds = np.array([EVENTS[n][0] for n in NAMES])[seen.name] * rng.lognormal(0.0, 0.5, len(seen))
    sold = seen.name == NAMES.index("tray_sold")
    amount = np.where(sold, np.round(rng.lognormal(3.0, 0.6, len(seen)), 2), np.nan)
    codes = np.array([ERRORS.index(EVENTS[n][1]) for n in NAMES])[seen.name]
    made = table(
        "event",
        {
            "message_id": only(join(sending.origin, np.arange(len(seen))), phone),
            "occurred_at": seen.at,
            "sent_at": np.where(phone, sent, -1),
            "person": pick(staff.key, staff.somebody(account, rng), known),
            "account": pick(bakeries.key, account, known),
            "anonymous": only(anonymous, ~known),
            "labels": pick(labels(), label_index(versions[account, seen.day], seen.device, product)),
            "name": pick(NAMES, seen.name),
            "error": pick(ERRORS, codes, seen.failed),
            "duration": np.round(seconds * np.where(seen.failed, 2.5, 1.0), 1),
            "amount": amount,
        },
    )
    order = np.argsort(sent, kind="stable")
    phones = np.flatnonzero(phone[order])
    twice = sending.repeats + sending.contradictions
    again = rng.choice(phones, size=twice, replace=False) if len(phones) >= twice else phones[:0]
    return _resent(made.take(pa.array(order)), again[: sending.repeats], again[sending.repeats :])


def _resent(made: pa.Table, again: Ints, other: Ints) -> pa.Table:
    """The table with some rows sent a second time, and some a second time with another duration."""
    wrong = made.take(pa.array(other))
    at = wrong.schema.get_field_index("duration")
    wrong = wrong.set_column(at, wrong.schema.field(at), pc.add(wrong["duration"], 1.5))
    return pa.concat_tables([made, made.take(pa.array(again)), wrong]).combine_chunks()


def telemetry(
    rng: np.random.Generator,
    bakeries: Bakeries,
    rate: NDArray[np.float32],
    versions: NDArray[np.int8],
    almanac: Almanac,
    *,
    rows: int,
) -> pa.Table:
    """Daily measurements, one in four of the older ones kept: how often oven, till or jar answered, and how fast."""
    kept = np.where(np.arange(company.DAYS) > company.DAYS - 90, 4.0, 1.0)
    account, day = scatter(rng, rate * kept[None, :], rows)
    product = bakeries.product[account]
    own = rng.random(len(account)) < 0.7
    device = np.where(
        own, bakeries.device[account], np.searchsorted(np.cumsum(company.DEVICE_SHARES[:-1]), rng.random(len(account)))
    )
    version = versions[account, day]
    share = 0.992 - 0.004 * np.minimum(bakeries.clumsy[account] - 0.8, 1.0)
    for index, disruption in enumerate(DISRUPTIONS):
        inside = hit(index, bakeries=bakeries, account=account, day=day, version=version, device=device)
        share = np.where(inside > 0, disruption.good_share, share)
    total = 4 + rng.poisson(30.0 * bakeries.energy[account])
    good = rng.binomial(total, share)
    slow = np.where(share < 0.9, 2.4, 1.0)
    return table(
        "telemetry",
        {
            "occurred_at": almanac.at(day) + (rng.uniform(20.0, 23.9, len(day)) * HOUR).astype(np.int64),
            "account": pick(bakeries.key, account),
            "labels": pick(labels(), label_index(version, device, product)),
            "name": pick([name for name, _ in company.TELEMETRY], product),
            "good": good.astype(float),
            "total": total.astype(float),
            "value": np.round(rng.lognormal(-0.4, 0.35, len(day)) * slow, 3),
        },
    )
