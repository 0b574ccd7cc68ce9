"""Asking for help: which area and issue, when the first answer comes and whether it was promised sooner."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from regard.simulation import company
from regard.simulation.columns import HOUR, Pool, choose_each, join, ordinal, pick, scatter, table, text
from regard.simulation.truth import IMPROVEMENTS, RISING
from regard.simulation.words import tickets

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.simulation.almanac import Almanac
    from regard.simulation.people import Bakeries, Staff

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

CELLS = (
    ("oven link", "does not work", 1.5, 0, 0.0),
    ("oven link", "how do I", 0.9, 0, 0.0),
    ("forecast", "wrong numbers", 0.8, 0, 0.0),
    ("forecast", "wish", 0.4, 0, 0.0),
    ("recipes", "how do I", 0.8, 0, 0.0),
    ("till", "does not work", 2.2, 1, 0.0),
    ("till", "how do I", 1.4, 1, 2.0),
    ("till", "wrong numbers", 0.9, 1, 0.0),
    ("starter", "will not rise", 0.55, -1, 0.0),
    ("starter", "how do I", 1.6, 2, 0.0),
    ("starter", "alarm at night", 1.1, 2, 0.0),
    ("billing", "wrong numbers", 0.8, -1, 0.0),
    ("billing", "how do I", 0.5, -1, 0.0),
    ("delivery", "where is it", 1.1, -1, 2.5),
    ("delivery", "arrived broken", 0.4, -1, 0.0),
    ("sign-in", "does not work", 0.7, -1, 0.0),
    ("sign-in", "wish", 0.2, -1, 0.0),
)
"""Area, issue, weight, product that asks it (-1: all), how much more in mid December."""
SLOW = (0.30, 0.24, 0.18, 0.14)
"""Chance by plan that the first answer comes after its promise."""
CHANNELS = ("ticket", "call", "chat", "email")
PRIORITIES = ("warm", "hot", "on fire")


@dataclass(kw_only=True)
class Calls:
    """Contacts, one entry each; times in microseconds."""

    account: Ints
    day: Ints
    at: Ints
    cell: Ints
    due: Ints
    answered: Ints
    solved: Ints
    slow: Flags
    reopened: Ints

    def keep(self, chosen: Flags) -> Calls:
        """Only these."""
        return Calls(**{name: values[chosen] for name, values in vars(self).items()})


@cache
def _words() -> tuple[Pool, Pool]:
    return tickets(tuple((area, issue) for area, issue, *_ in CELLS))


def _weights(bakeries: Bakeries, account: Ints, day: Ints, almanac: Almanac) -> NDArray[np.float64]:
    """Weight of each cell for each row: product, season, what is rising."""
    product = np.array([cell[3] for cell in CELLS])
    fits = (product[None, :] < 0) | (product[None, :] == bakeries.product[account][:, None])
    season = 1.0 + np.array([cell[4] for cell in CELLS])[None, :] * almanac.december[day][:, None]
    weights: NDArray[np.float64] = np.array([cell[2] for cell in CELLS])[None, :] * fits * season
    for rising in RISING:
        column = [cell[:2] for cell in CELLS].index((rising.area, rising.issue))
        progress = np.clip((day - rising.day) / (company.DAYS - rising.day), 0.0, 1.0)
        weights[:, column] *= 1.0 + (rising.factor - 1.0) * progress
    return weights


def draw_calls(rng: np.random.Generator, bakeries: Bakeries, almanac: Almanac, errors: NDArray[np.float32]) -> Calls:
    """Contacts over the whole possible life of each account: more where it errs, more in the first month."""
    days = np.arange(company.DAYS)
    young = 1.0 + 1.4 * ((days[None, :] - bakeries.start[:, None]) < 35)
    rate = almanac.presence(bakeries) * young * (0.0029 + 0.14 * errors) * np.sqrt(bakeries.energy)[:, None]
    busiest = 2.0
    account, day = scatter(rng, rate * busiest)
    weights = _weights(bakeries, account, day, almanac)
    usual = np.array([sum(c[2] for c in CELLS if c[3] in {-1, p}) for p in range(len(company.PRODUCTS))])
    kept = rng.random(len(account)) * busiest < weights.sum(axis=1) / usual[bakeries.product[account]]
    account, day, weights = account[kept], day[kept], weights[kept]
    at = almanac.at(day) + (_hour(rng, len(day)) * HOUR).astype(np.int64)
    order = np.argsort(at, kind="stable")
    account, day, weights, at = account[order], day[order], weights[order], at[order]
    return _answered(rng, bakeries, account=account, day=day, at=at, cell=choose_each(rng, weights))


def _hour(rng: np.random.Generator, rows: int) -> NDArray[np.float64]:
    """Hour of a call for help: before dawn or after lunch."""
    early = rng.random(rows) < 0.55
    return np.where(early, rng.normal(4.8, 1.3, rows), rng.normal(13.5, 2.4, rows)).clip(0.1, 23.8)


def _answered(rng: np.random.Generator, bakeries: Bakeries, *, account: Ints, day: Ints, at: Ints, cell: Ints) -> Calls:
    """When each is answered and solved, and how often it came back."""
    rows = len(at)
    plan = bakeries.plan_at(account, day)
    chance = np.array(SLOW)[plan]
    for done in IMPROVEMENTS:
        if done.target == "slow_answer":
            reached = bakeries.region[account] == [r.name for r in company.REGIONS].index(done.where["region"])
            chance = np.where(reached & (day >= done.day), chance * done.factor, chance)
    slow = rng.random(rows) < chance
    hours = np.array([p.answer_hours for p in company.PLANS])[plan].astype(float)
    wait = hours * np.where(slow, 1.15 + rng.exponential(0.9, rows), rng.beta(1.3, 2.6, rows) * 0.97 + 0.01)
    answered = at + (wait * HOUR).astype(np.int64)
    return Calls(
        account=account,
        day=day,
        at=at,
        cell=cell,
        due=at + (hours * HOUR).astype(np.int64),
        answered=answered,
        solved=answered + (rng.lognormal(2.2, 1.1, rows) * HOUR).astype(np.int64),
        slow=slow,
        reopened=rng.poisson(np.where(slow, 0.2, 0.11)),
    )


def _versions(calls: Calls, until: int) -> tuple[Ints, Ints, Ints]:
    """(row, stage, time) of every version: 0 as opened, 1 answered, 2 solved; what lies after the end is left out."""
    rows = len(calls.at)
    row = np.tile(np.arange(rows), 3)
    stage = np.repeat(np.arange(3), rows)
    time = np.concatenate((calls.at, calls.answered, calls.solved))
    there = time < until
    return row[there], stage[there], time[there]


def contacts(rng: np.random.Generator, bakeries: Bakeries, staff: Staff, calls: Calls, almanac: Almanac) -> pa.Table:
    """Every contact in the versions it had: as opened, as answered, as solved."""
    row, stage, time = _versions(calls, almanac.until)
    rows = len(calls.at)
    subjects, says = _words()
    group = bakeries.language[calls.account] * len(CELLS) + calls.cell
    who = staff.somebody(calls.account, rng)
    hot = np.minimum((rng.random(rows) < 0.4).astype(int) + (calls.reopened > 0), 2)
    agent = rng.integers(0, len(company.AGENTS), rows)
    channel = np.minimum((rng.exponential(1.1, rows)).astype(np.int64), 3)
    product = [f'{{"product":"{name}"}}' for name in company.PRODUCTS]
    again = np.where(calls.reopened[row] > 0, 3, 2)
    done = stage == 2
    return table(
        "contact",
        {
            "key": pick(call_keys(bakeries, calls), row),
            "occurred_at": calls.at[row],
            "version_at": time,
            "person": pick(staff.key, who[row]),
            "account": pick(bakeries.key, calls.account[row]),
            "labels": pick(product, bakeries.product[calls.account[row]]),
            "channel": pick(CHANNELS, channel[row]),
            "area": pick([c[0] for c in CELLS], calls.cell[row]),
            "issue": pick([c[1] for c in CELLS], calls.cell[row]),
            "status": pick(("open", "answered", "solved", "solved at last"), np.where(done, again, stage)),
            "priority": pick(PRIORITIES, hot[row]),
            "subject": pick(subjects.pick(group, rng), row),
            "verbatim": pick(says.pick(group, rng), row),
            "answered_at": np.where(stage >= 1, calls.answered[row], -1),
            "solved_at": np.where(done, calls.solved[row], -1),
            "reopened": np.where(done, calls.reopened[row], 0).astype(float),
            "handovers": np.where(stage >= 1, np.minimum(calls.reopened[row] + hot[row] // 2, 4), 0).astype(float),
            "agent": pick(company.AGENTS, agent[row], stage >= 1),
        },
    )


def call_keys(bakeries: Bakeries, calls: Calls) -> pa.Array:
    """Record keys of the contacts: the account and the how manieth of it."""
    return join("T", pick(bakeries.key, calls.account), "-", ordinal(calls.account))


def answer_promises(bakeries: Bakeries, calls: Calls, almanac: Almanac) -> pa.Table:
    """The promise of a first answer: a version when opened, one when answered."""
    row, stage, time = _versions(calls, almanac.until)
    chosen = stage < 2
    row, stage, time = row[chosen], stage[chosen], time[chosen]
    about = pick(call_keys(bakeries, calls), row)
    return table(
        "promise",
        {
            "key": join("answer-", about),
            "occurred_at": calls.at[row],
            "version_at": time,
            "account": pick(bakeries.key, calls.account[row]),
            "promise": text("first answer", len(row)),
            "about": about,
            "due_at": calls.due[row],
            "due_by": text("instant", len(row)),
            "kept_at": np.where(stage == 1, calls.answered[row], -1),
        },
    )
