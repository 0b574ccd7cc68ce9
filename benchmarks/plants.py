"""``python -m benchmarks plants``: is what is planted into made-up companies found, how soon, and what rings besides.

Each company's raw signals come through the front door as they arrived, and rounds are run as its days go by
(`benchmarks.playback`); what was said is then held against ``truth.json``'s plants and the company's own troubles.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.playback import END, Heard, played
from regard.questions import find
from regard.reliability.raised import Raised
from regard.signals.ask import View, answer
from regard.signals.scope import Given
from regard.simulation import Plant, Plants, truth
from regard.statistics.proportions import wilson

SIGNALS, COMPANIES, DAYS = 200_000, 4, 42
QUIET, QUIET_SINCE, QUIET_UNTIL = 2, 76, 40
"""Companies without plants, and the days before their end that are played: none of their own disruptions is then."""
GRACE = timedelta(days=2)
CLEAR = 0.05
PLANTS = Plants(disruptions=4, odd=12, repairs=900, paths=2, days=DAYS, live=True)
CALM = Plants(disruptions=0, odd=0, repairs=900, paths=0, live=False)
"""Nothing is wrong but what always is: repairs that come late, days on which more fails than on others."""
WORKERS = 2
NOTES = (
    "Found: an alert about what was planted, in its time, and, where it names customers, mostly about its own.",
    "Right: an alert about something planted or about one of the company's own troubles; every alert opened counts,",
    "one that comes under another name counts again. Hours: from the beginning to the alert; for promises, from the",
    "first telling to the deadline. Promises: found are those that broke and were told before, right those told that",
    "broke. Ways are asked for once a week, four weeks against the four before: right is what touches a changed step.",
)
ZONE = ZoneInfo("Europe/Brussels")
ABOUT = {
    "oven_link_ok": ("The oven answers", "Four in the morning", "oven link"),
    "till_sync_ok": ("The till keeps up", "The queue at the counter", "till"),
    "jar_pulse_ok": ("The jar is awake", "Minding the jar", "starter"),
    "sign_in_ok": ("Signing in works",),
    "checkout_ok": ("The checkout works",),
}
OWN = ("oven_link_ok", "till_sync_ok", "jar_pulse_ok")
"""What of the company feels a disruption of that telemetry: its indicator, its moment, the area of contacts."""


@dataclass(kw_only=True)
class Tally:
    """One row of the table: what was planted, what of it was found and when, what rang and was right."""

    name: str
    planted: int = 0
    found: int = 0
    rang: int = 0
    right: int = 0
    named: int = 0
    hours: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Put another company's counts to it."""
        self.planted += other.planted
        self.found += other.found
        self.rang += other.rang
        self.right += other.right
        self.named += other.named
        self.hours += other.hours
        self.missed += other.missed
        self.strange += other.strange


def measure(
    work: Path, *, companies: int = COMPANIES, quiet: int = QUIET, days: int = DAYS, signals: int = SIGNALS
) -> tuple[list[Tally], dict[str, Any]]:
    """Play companies back, two at a time; the table's rows, and what rang in months without any plant."""
    rows: dict[str, Tally] = {}
    calm: dict[str, Any] = {"alarms": {}, "days": 0}
    with ProcessPoolExecutor(max_workers=WORKERS) as pool:
        parts = [pool.submit(company, work, 100 + n, days, signals) for n in range(companies)]
        silent = [pool.submit(quiet_company, work, 200 + n, signals) for n in range(quiet)]
        for part in parts:
            for tally in part.result():
                rows.setdefault(tally.name, Tally(name=tally.name)).add(tally)
                print(f"{tally.name}: {tally.found}/{tally.planted}, {tally.right}/{tally.rang} right", flush=True)
        for each in silent:
            calm["days"] += QUIET_SINCE - QUIET_UNTIL
            for detector, alarms in each.result().items():
                calm["alarms"].setdefault(detector, []).extend(alarms)
    return list(rows.values()), calm


def company(work: Path, seed: int, days: int, signals: int) -> list[Tally]:
    """One planted company, played back and held against its truth."""
    root = work / f"plants-{seed}"
    heard = played(root, signals=signals, seed=seed, plants=PLANTS, since=days, weekly=asked_weekly)
    rows = list(told(heard, own_troubles(heard, signals, seed)))
    for row in rows:
        row.missed, row.strange = ([f"{seed}: {line}" for line in each] for each in (row.missed, row.strange))
    return rows


def quiet_company(work: Path, seed: int, signals: int) -> dict[str, list[str]]:
    """What rang in one company without plants, by detector."""
    root = work / f"plants-{seed}"
    heard = played(root, signals=signals, seed=seed, plants=CALM, since=QUIET_SINCE, until=QUIET_UNTIL)
    found: dict[str, list[str]] = {}
    for row in _new(heard):
        found.setdefault(row["detector"], []).append(f"{seed} {row['opened'][:16]} {row['cause']}")
    return found


def told(heard: Heard, own: Sequence[Plant]) -> Iterator[Tally]:
    """Every row of the table for one company.

    Args:
        heard: What was said.
        own: The company's own troubles, as plants.
    """
    troubles = [*(p for p in heard.plants if p.kind == "disruption"), *own]
    yield _disrupted(heard, "disruptions", "disrupted subsets, by the subset finder", troubles)
    yield _disrupted(heard, "watch", "the same, by the watch of totals", troubles)
    yield _odd(heard, troubles)
    yield from _promises(heard)
    yield from _paths(heard)


def at(text: str, otherwise: datetime = END) -> datetime:
    """A moment of the truth; empty: the end of the log."""
    return datetime.fromisoformat(text) if text else otherwise


def _new(heard: Heard) -> list[dict[str, Any]]:
    """Alerts opened while looking; what stood when looking began is left out."""
    first = heard.since + timedelta(hours=12)
    return [r for r in heard.opened if datetime.fromisoformat(r["opened"]) > first]


def _said(heard: Heard, detector: str) -> Iterator[tuple[datetime, Raised]]:
    for who, now, raised in heard.said:
        if who == detector:
            yield now, raised


def _disrupted(heard: Heard, detector: str, name: str, troubles: Sequence[Plant]) -> Tally:
    row, met, first, named = Tally(name=name), set[str](), dict[str, datetime](), set[str]()
    for now, raised in _said(heard, detector):
        for plant in troubles:
            if is_it(plant, raised, now):
                met.add(raised.cause)
                first.setdefault(plant.name, now)
                if raised.who.slice == plant.where:
                    named.add(plant.name)
    for plant in troubles:
        if plant.customers and at(plant.since) >= heard.since:
            found = plant.name in first
            _count(
                row, plant, first[plant.name] if found else None, f"{len(plant.customers)} customers, {plant.size:.2f}"
            )
            row.named += plant.name in named
    # Contacts about the starter do rise, in every made-up company: the truth says so.
    _rang(row, heard, detector, lambda cause: cause in met or "contacts:starter" in cause)
    return row


def _count(row: Tally, plant: Plant, found: datetime | None, more: str = "") -> None:
    row.planted += 1
    if found is None:
        row.missed.append(f"{plant.name} ({more}) since {plant.since}")
    else:
        row.found += 1
        row.hours.append((found - at(plant.since)).total_seconds() / 3600)


def _rang(row: Tally, heard: Heard, detector: str, right: Callable[[str], bool]) -> None:
    for alert in _new(heard):
        if alert["detector"] == detector:
            row.rang += 1
            row.right += right(alert["cause"])
            if not right(alert["cause"]):
                row.strange.append(f"{alert['opened'][:16]} {alert['cause']}")


def is_it(plant: Plant, raised: Raised, now: datetime) -> bool:
    """Whether what was raised is this trouble: what it speaks of, its time, and, where told, mostly its customers."""
    if not at(plant.since) <= now or at(plant.until) + timedelta(days=8) < now:
        return False
    if raised.since > at(plant.until) or raised.since < at(plant.since) - 4 * GRACE:
        return False
    # The company's own disruptions let everything fail that their customers do, not their measurement alone.
    own_steps = raised.cause.startswith("indicator:failed:") and plant.about in OWN
    if not own_steps and not any(word.replace(" ", "_") in raised.cause for word in (plant.about, *ABOUT[plant.about])):
        return False
    if raised.kind != "disruption" or not raised.who.customers:
        return True
    own = len(set(raised.who.customers) & set(plant.customers))
    return own >= 0.4 * len(raised.who.customers)


def own_troubles(heard: Heard, signals: int, seed: int) -> list[Plant]:
    """The company's own disruptions that began while looking, with the bakeries that felt them."""
    found = []
    profiles = heard.tables["profile"].select(["account", "labels", "person"]).to_pylist()
    regions = {
        r["account"]: json.loads(r["labels"]).get("region", "") for r in profiles if r["labels"] and not r["person"]
    }
    rows = heard.tables["telemetry"].select(["account", "labels", "name", "occurred_at"]).to_pydict()
    times = heard.tables["telemetry"]["occurred_at"].cast("int64").to_numpy()
    for one in truth(signals=signals, seed=seed).disruptions:
        begin, end = (datetime.fromisoformat(d).replace(tzinfo=UTC) for d in (one.start, one.end))
        if end < heard.since:
            continue
        inside = np.flatnonzero((times >= begin.timestamp() * 1e6) & (times < end.timestamp() * 1e6))
        wanted = {k: v for k, v in one.where.items() if k != "region"}
        hit = {
            rows["account"][i] for i in inside
            if rows["name"][i] == one.indicator and regions.get(rows["account"][i]) == one.where["region"]
            and wanted.items() <= json.loads(rows["labels"][i]).items()
        }  # fmt: skip
        found.append(
            Plant(
                kind="disruption", name=one.name, about=one.indicator, where=one.where, customers=tuple(sorted(hit)),
                since=begin.isoformat(), until="" if end >= END else end.isoformat(), size=one.good_share,
            )
        )  # fmt: skip
    return found


def _odd(heard: Heard, troubles: Sequence[Plant]) -> Tally:
    row, met, first = Tally(name="odd customers"), set[str](), dict[str, datetime]()
    planted = [p for p in heard.plants if p.kind == "odd" and at(p.since) >= heard.since]
    for now, raised in _said(heard, "odd_behaviour"):
        for plant in planted:
            near = at(plant.since) - GRACE <= raised.since <= at(plant.until) + GRACE
            if near and raised.who.customers[:1] == plant.customers:
                met.add(raised.cause)
                first.setdefault(plant.name, now)
        for plant in troubles:  # who is disrupted does meet the same failure again and again
            if set(raised.who.customers) <= set(plant.customers) and at(plant.since) <= raised.since <= at(plant.until):
                met.add(raised.cause)
    for plant in planted:
        _count(row, plant, first.get(plant.name))
    _rang(row, heard, "odd_behaviour", met.__contains__)
    return row


def _promises(heard: Heard) -> Iterator[Tally]:
    """Per sort: of the promises that broke, those told before; of those told, those that broke."""
    kept: dict[str, tuple[str, datetime, datetime | None, bool]] = {}
    names = ("key", "version_at", "promise", "about", "due_at", "due_by", "kept_at", "withdrawn_at")
    table = heard.tables["promise"]
    columns = [table[n].to_pylist() if n in table.column_names else [None] * table.num_rows for n in names]
    order = np.argsort(table["version_at"].cast("int64").to_numpy(), kind="stable")
    for i in order:
        _, _, promise, about, due, by, done, off = (c[i] for c in columns)
        kept[about] = (promise, _deadline(due, by), done, off is not None)
    first: dict[str, datetime] = {}
    for now, raised in _said(heard, "promises_ahead"):
        for about in raised.evidence["about"]:
            first.setdefault(about, now)
    for sort in ("repair", "delivery", "first answer", "onboarding"):
        row = Tally(name=f"promises about to break: {sort}")
        for about, (promise, due, done, off) in kept.items():
            if promise != sort or off or not heard.since + GRACE <= due < heard.until:
                continue
            broke, rang = done is None or done > due, about in first and first[about] < due
            row.planted += broke
            row.rang += rang
            row.right += rang and broke
            row.found += rang and broke
            if rang and broke:
                row.hours.append((due - first[about]).total_seconds() / 3600)
        yield row


def _deadline(due: datetime, by: str) -> datetime:
    due = due.replace(tzinfo=UTC) if due.tzinfo is None else due
    if by != "day":
        return due
    local = due.astimezone(ZONE)
    return local.replace(hour=23, minute=59, second=59).astimezone(UTC)


# ------------------------------------------------------------------ ways that change


def asked_weekly(view: View, plants: tuple[Plant, ...]) -> Iterator[tuple[str, Any]]:
    """At the end of a week: what of the journey changed in four weeks against the four before, asked and unasked."""
    given = Given(period="4w")
    yield "discovered", answer(find("journey/discovered"), view=view, given=given, arguments={"window": "2h"})
    for plant in plants:
        if plant.kind == "path":
            start = plant.about.split(" → ")[0]
            asked = {"start": start, "depth": 2, "window": "2h"}
            yield plant.name, answer(find("journey/paths"), view=view, given=given, arguments=asked)


def _paths(heard: Heard) -> Iterator[Tally]:
    asked, unasked = Tally(name="ways that change, asked from A"), Tally(name="the same, on the whole map")
    ends: set[str] = set()
    for plant in heard.plants:
        if plant.kind != "path":
            continue
        a, b, rest = plant.about.split(" → ")
        new, old = rest.split(" instead of ")
        ends |= {b, new, old}
        if at(plant.since) < heard.since:
            continue
        ways = _clear_paths(heard, plant, {f"{a} → {b} → {new}": 1, f"{a} → {b} → {old}": -1})
        moves = _clear_moves(heard, {(b, new): 1, (b, old): -1})
        for row, hits in ((asked, ways), (unasked, moves)):
            after = [now for now in hits if now > at(plant.since)]
            _count(row, plant, min(after, default=None), plant.about)
    for name, now, finding in heard.answers:
        row = unasked if name == "discovered" else asked
        for line in finding.rows:
            if line.adjusted is not None and line.adjusted <= CLEAR:
                steps = {line.source, line.target} if row is unasked else set(line.path.split(" → "))
                row.rang += 1
                row.right += bool(steps & ends)
                if not steps & ends:
                    row.strange.append(f"{now:%F} {line.told}")
    yield asked
    yield unasked


def _clear_paths(heard: Heard, plant: Plant, wanted: dict[str, int]) -> list[datetime]:
    return [
        now for name, now, finding in heard.answers if name == plant.name
        for row in finding.rows
        if row.path in wanted and row.adjusted is not None and row.adjusted <= CLEAR
        and row.change * wanted[row.path] > 0
    ]  # fmt: skip


def _clear_moves(heard: Heard, wanted: dict[tuple[str, str], int]) -> list[datetime]:
    return [
        now for name, now, finding in heard.answers if name == "discovered"
        for row in finding.rows
        if (row.source, row.target) in wanted and row.adjusted is not None and row.adjusted <= CLEAR
        and row.change * wanted[row.source, row.target] > 0
    ]  # fmt: skip


# ------------------------------------------------------------------ the table


def share(hits: int, n: int) -> str:
    """A share in words, with its interval."""
    if not n:
        return "–"
    found = wilson(hits, n)
    return f"{hits} of {n}: {hits / n:.0%} ({found.low:.0%} to {found.high:.0%})"


def hours(values: Sequence[float]) -> str:
    """Median and quartiles of hours."""
    if not values:
        return "–"
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9])
    return f"{middle:.0f} h ({low:.0f} to {high:.0f})"


def lines(rows: Sequence[Tally], calm: dict[str, Any], command: str) -> Iterator[str]:
    """The page that is written."""
    yield f"Measured {time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Python {sys.version.split()[0]}: `{command}`."
    yield ""
    yield "| planted | found (95 %) | alarms that were right (95 %) | median hours (10 % to 90 %) |"
    yield "|---|---|---|---|"
    for row in rows:
        named = f"; {row.named} named exactly" if row.named else ""
        cells = (row.name, share(row.found, row.planted) + named, share(row.right, row.rang), hours(row.hours))
        yield f"| {' | '.join(cells)} |"
    yield from ("", *NOTES)
    months = calm["days"] / 30.4375
    yield from ("", f"Alarms a month without any plant, over {months:.1f} months of companies of their own:", "")
    yield from ("| detector | alarms a month | what rang |", "|---|---|---|")
    for name in ("disruptions", "watch", "odd_behaviour", "promises_ahead"):
        rang = calm["alarms"].get(name, [])
        what = "; ".join(sorted({r.split(" ")[2] for r in rang})) if name != "promises_ahead" else "one a sort and day"
        yield f"| {name} | {len(rang) / max(months, 1e-9):.1f} | {what} |"


def write(rows: Sequence[Tally], calm: dict[str, Any], path: Path, *, command: str) -> None:
    """Write the page, and everything behind it as JSON."""
    path.write_text("\n".join(lines(rows, calm, command)) + "\n", "utf-8")
    told_ = {"rows": [asdict(r) for r in rows], "calm": calm}
    path.with_suffix(".json").write_text(json.dumps(told_, indent=1, default=str) + "\n", "utf-8")
