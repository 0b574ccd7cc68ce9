"""What the company itself writes down: who its customers are, what it wrote to them, what it did."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from regard.simulation import company
from regard.simulation.columns import DAY, HOUR, join, number_key, pick, scatter, table, text
from regard.simulation.truth import DISRUPTIONS, IMPROVEMENTS, PRICE_DAY
from regard.simulation.usage import trial_day
from regard.simulation.words import ANSWERS, letters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.simulation.almanac import Almanac
    from regard.simulation.help import Calls
    from regard.simulation.money import Parcels
    from regard.simulation.people import Bakeries, Staff
    from regard.simulation.usage import Events

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

TOPICS = ("newsletter", "renewal notice", "first steps", "thank you", "price notice")


@cache
def _labels() -> pa.Array:
    """JSON labels of accounts: region × plan (one more: none yet) × segment × language × product."""
    return pa.array(
        [
            json.dumps(
                {"region": r.name, "plan": p, "segment": s, "language": lang, "product": made},
                separators=(",", ":"),
                ensure_ascii=False,
            )
            for r in company.REGIONS
            for p in (*(plan.name for plan in company.PLANS), "none yet")
            for s in company.SEGMENTS
            for lang in company.LANGUAGES
            for made in company.PRODUCTS
        ]
    )


def _label_index(bakeries: Bakeries, account: Ints, plan: Ints) -> Ints:
    index = bakeries.region[account] * (len(company.PLANS) + 1) + plan
    index = index * len(company.SEGMENTS) + bakeries.segment[account]
    return (index * len(company.LANGUAGES) + bakeries.language[account]) * len(company.PRODUCTS) + bakeries.product[
        account
    ]


def profiles(bakeries: Bakeries, staff: Staff, almanac: Almanac) -> pa.Table:
    """Accounts when first known, again when they sign and when their plan changes; and their people."""
    everybody = np.arange(len(bakeries))
    new = bakeries.start > 0
    tried = everybody[new & (trial_day(bakeries) >= 0)]
    signed = everybody[bakeries.signs]
    changed = np.flatnonzero(bakeries.signs & (bakeries.change_day < np.minimum(bakeries.end, company.DAYS)))
    account = np.concatenate((tried, signed, changed))
    day = np.concatenate((trial_day(bakeries)[tried], bakeries.start[signed], bakeries.change_day[changed]))
    plan = np.concatenate(
        (np.full(len(tried), len(company.PLANS)), bakeries.plan[signed], bakeries.change_plan[changed])
    )
    accounts = table(
        "profile",
        {
            "occurred_at": almanac.at(day),
            "account": pick(bakeries.key, account),
            "labels": pick(_labels(), _label_index(bakeries, account, plan)),
            "name": pick(bakeries.name, account),
            "partner": pick(company.PARTNERS, bakeries.partner[account], bakeries.partner[account] > 0),
        },
    )
    known = np.where(bakeries.signs, bakeries.start, np.maximum(trial_day(bakeries), 0.1))
    people = table(
        "profile",
        {
            "occurred_at": almanac.at(known[staff.account]) - HOUR // 60,
            "person": staff.key,
            "account": pick(bakeries.key, staff.account),
            "labels": join('{"job":"', staff.job, '"}'),
            "name": staff.name,
            "email": staff.email,
            "role": pick(company.ROLES, staff.role),
        },
    )
    return pa.concat_tables([accounts, people], promote_options="default").combine_chunks()


def onboarding(bakeries: Bakeries, seen: Events, almanac: Almanac) -> pa.Table:
    """The promise to every newcomer: the first batch within seven days; a second version when it was baked."""
    account = np.flatnonzero(bakeries.signs & (bakeries.start > 0) & (bakeries.start < company.DAYS))
    baked = np.full(len(bakeries), -1, dtype=np.int64)
    first = seen.named("first_batch_baked")
    baked[seen.account[first]] = seen.at[first]
    row = np.concatenate((account, account[baked[account] >= 0]))
    second = np.arange(len(row)) >= len(account)
    start = almanac.at(bakeries.start[row])
    return table(
        "promise",
        {
            "key": join("onboarding-", pick(bakeries.key, row)),
            "occurred_at": start,
            "version_at": np.where(second, baked[row], start),
            "account": pick(bakeries.key, row),
            "promise": text("onboarding", len(row)),
            "about": join("S", pick(bakeries.key, row)),
            "due_at": almanac.at(np.floor(bakeries.start[row]) + 7.5),
            "due_by": text("day", len(row)),
            "kept_at": np.where(second, baked[row], -1),
        },
    )


def merges(rng: np.random.Generator, bakeries: Bakeries, staff: Staff, seen: Events, almanac: Almanac) -> pa.Table:
    """Visitors who turned out to be somebody; one in forty of them by mistake, taken back two days later."""
    met = np.unique(seen.visitor[seen.visitor >= 0])
    met = met[trial_day(bakeries)[met] > 0]
    at = almanac.at(trial_day(bakeries)[met] + 0.1)
    wrong = np.flatnonzero(rng.random(len(met)) < 0.025)
    visitor = np.concatenate((met, met[wrong], met[wrong]))
    into = np.concatenate(
        (staff.first[met], staff.first[(met[wrong] + 1) % len(bakeries)], staff.first[(met[wrong] + 1) % len(bakeries)])
    )
    times = np.concatenate((at, at[wrong] - 3 * DAY, at[wrong] - DAY))
    undo = np.arange(len(visitor)) >= len(met) + len(wrong)
    there = times >= almanac.since
    return table(
        "merge",
        {
            "occurred_at": times[there],
            "anonymous": pick(number_key("visitor-", bakeries.number[visitor], 6), np.flatnonzero(there)),
            "into": pick(staff.key, into[there]),
            "undo": pa.array(undo[there]),
        },
    )


def draw_letters(
    rng: np.random.Generator, bakeries: Bakeries, rate: NDArray[np.float32], *, rows: int, post: Ints
) -> tuple[Ints, Floats, Ints]:
    """What we write unasked: (account, day, topic). Notices first; about `rows` in all, news on `post` days."""
    groups: list[tuple[Ints, NDArray[Any], str]] = []
    for topic, day in (
        ("first steps", bakeries.start + 0.5),
        ("price notice", np.where(bakeries.raise_day > bakeries.start, bakeries.raise_day - 30.0, -1.0)),
        ("renewal notice", np.where(bakeries.yearly, _next_renewal(bakeries) - 30.0, -1.0)),
    ):
        who = np.flatnonzero((day > PRICE_DAY - 40 if topic == "price notice" else day > 0) & (day < company.DAYS))
        who = who[bakeries.alive(who, day[who])]
        groups.append((who, day[who], topic))
    rest = max(rows - sum(len(g[0]) for g in groups), 0)
    account, day = scatter(rng, (rate > 0).astype(np.float32), rest // 14)
    groups.append((account, day + 0.6, "thank you"))
    there, month = np.nonzero(rate[:, post] > 0)
    reads = rng.random(len(there)) < (rest - len(account)) / max(len(there), 1)
    groups.append((there[reads], post[month[reads]] + 0.375, "newsletter"))
    topics = np.repeat([TOPICS.index(g[2]) for g in groups], [len(g[0]) for g in groups])
    return np.concatenate([g[0] for g in groups]), np.concatenate([g[1] for g in groups]), topics


def _next_renewal(bakeries: Bakeries) -> Floats:
    """The last renewal day within the history, or the first after it."""
    return bakeries.start + 365.0 * np.maximum(np.floor((company.DAYS - bakeries.start) / 365.0), 1.0)


def messages(
    rng: np.random.Generator, bakeries: Bakeries, staff: Staff, written: tuple[Ints, Floats, Ints], almanac: Almanac
) -> pa.Table:
    """The letters as signals."""
    account, day, topic = written
    rows = len(account)
    return table(
        "message",
        {
            "key": join("L-", pick(bakeries.key, account), "-", np.arange(rows)),
            "occurred_at": almanac.at(day),
            "person": pick(staff.key, staff.first[account]),
            "account": pick(bakeries.key, account),
            "channel": pick(("email", "in app"), rng.random(rows) < 0.25),
            "topic": pick(TOPICS, topic),
            "verbatim": letters(TOPICS).pick(bakeries.language[account] * len(TOPICS) + topic, rng),
        },
    )


def replies(rng: np.random.Generator, bakeries: Bakeries, calls: Calls, keys: pa.Array, almanac: Almanac) -> pa.Table:
    """What we wrote back to each answered contact."""
    row = np.flatnonzero(calls.answered < almanac.until)
    account, about = calls.account[row], pick(keys, row)
    return table(
        "message",
        {
            "key": join("reply-", about),
            "occurred_at": calls.answered[row],
            "account": pick(bakeries.key, account),
            "channel": text("email", len(row)),
            "topic": text("reply", len(row)),
            "about": about,
            "verbatim": ANSWERS.pick(bakeries.language[account], rng),
        },
    )


def apologies(rng: np.random.Generator, bakeries: Bakeries, parcels: Parcels, almanac: Almanac) -> pa.Table:
    """Pretzels of apology: what the company did for one in eight of those whose parcel came late."""
    row = np.flatnonzero(parcels.late & (parcels.due + 2 * DAY < almanac.until) & (rng.random(len(parcels.at)) < 0.12))
    account = parcels.account[row]
    return table(
        "act",
        {
            "key": join("pretzel-", pick(bakeries.key, account), "-", row),
            "occurred_at": parcels.due[row] + 2 * DAY,
            "account": pick(bakeries.key, account),
            "name": text("Pretzel of apology", len(row)),
            "by": pick(company.AGENTS, rng.integers(0, len(company.AGENTS), len(row))),
            "verbatim": text("The parcel came late. A pretzel does not mend that, but it is a start.", len(row)),
        },
    )


def history(almanac: Almanac) -> pa.Table:
    """Releases, improvements, the price rise and how disruptions ended: acts of the company as a whole."""
    done = [
        (day, f"Release {v}", "Product", "Release notes: bread.")
        for v, day in zip(company.VERSIONS[1:], company.VERSION_DAYS[1:], strict=True)
    ]
    done += [(i.day, i.name, i.by, i.why) for i in IMPROVEMENTS]
    done += [
        (PRICE_DAY, "Price list 2026", "Management", "Flour, wages and servers cost eight per cent more. So do we.")
    ]
    done += [
        (d.day + d.days, f"Mended: {d.name}", "Engineering", "Found after a customer told us, which is too late.")
        for d in DISRUPTIONS
        if d.day + d.days < company.DAYS
    ]
    done.sort()
    return table(
        "act",
        {
            "key": pa.array([f"act-{place:02d}" for place in range(len(done))]),
            "occurred_at": almanac.at(np.array([d[0] for d in done])) + 9 * HOUR,
            "name": pa.array([d[1] for d in done]),
            "by": pa.array([d[2] for d in done]),
            "verbatim": pa.array([d[3] for d in done]),
        },
    )
