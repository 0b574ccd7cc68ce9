"""A made-up company as time passes: its signals come through the front door when they arrived, and rounds are run.

What every detector said at every look is kept, with the alerts that came of it, to be held against the truth.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from regard.errors import Refusal
from regard.opened import Company
from regard.reliability.detectors import detectors
from regard.reliability.rounds import look
from regard.signals.ask import View
from regard.signals.workspace import Workspace
from regard.simulation import UNTIL, declarations
from regard.simulation.blocks import blocks
from regard.simulation.planting import together
from regard.store import alerts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from regard.reliability.detectors import Detector, Looking
    from regard.reliability.raised import Raised
    from regard.simulation import Plant, Plants

END = datetime(UNTIL.year, UNTIL.month, UNTIL.day, tzinfo=UTC)
SELDOM = ("watch", "disruptions")
"""Detectors that cost seconds: they look at noon and at midnight, the others four times a day."""
HOURS = (6, 12, 18, 24)


@dataclass(kw_only=True)
class Heard:
    """What was said of a company while its days went by.

    Attributes:
        plants: What was planted into it.
        said: Every cause at every look: detector, moment, what was raised.
        opened: Alerts that came of it: detector, kind, cause, when opened and when ended (None: not).
        tables: Its signals, by kind.
        since, until: The days looked at.
        looks: How often which detector looked or not, and why.
        answers: What was asked in words besides, by name: moment and finding.
    """

    plants: tuple[Plant, ...]
    tables: dict[str, pa.Table]
    since: datetime
    until: datetime
    said: list[tuple[str, datetime, Raised]] = field(default_factory=list)
    opened: list[dict[str, Any]] = field(default_factory=list)
    looks: dict[tuple[str, str, str], int] = field(default_factory=dict)
    answers: list[tuple[str, datetime, Any]] = field(default_factory=list)


def made(*, signals: int, seed: int, plants: Plants | None) -> tuple[dict[str, pa.Table], tuple[Plant, ...]]:
    """The company's signals by kind, and what is planted in it."""
    found: dict[str, list[pa.Table]] = {}
    truth: list[Plant] = []
    for block in blocks(signals=signals, seed=seed, until=UNTIL, plants=plants):
        truth += block.planted
        for kind, table in block.tables.items():
            found.setdefault(kind, []).append(table)
    whole = {kind: pa.concat_tables(tables, promote_options="default") for kind, tables in found.items()}
    return whole, together(truth)


def arrived(table: pa.Table) -> np.ndarray:
    """When each row came in, microseconds: when it was sent, a version when it was made, else when it happened."""
    at = table["occurred_at"].cast(pa.int64())
    for name in ("version_at", "sent_at"):
        if name in table.column_names:
            at = pc.max_element_wise(at, table[name].cast(pa.int64()))
    return at.to_numpy()


def played(
    root: Path,
    *,
    signals: int,
    seed: int,
    plants: Plants | None,
    since: int,
    until: int = 0,
    hours: tuple[int, ...] = HOURS,
    seldom: tuple[str, ...] = SELDOM,
    weekly: Callable[[View, tuple[Plant, ...]], Iterator[tuple[str, Any]]] | None = None,
) -> Heard:
    """Play a company back.

    Args:
        root: An empty or missing directory for its workspace; it is made anew.
        signals: Its size.
        seed: Its seed.
        plants: What is planted; empty: nothing.
        since: Days before its end at which looking begins.
        until: Days before its end at which it stops.
        hours: Hours of the day, UTC, at which signals come in and detectors look.
        seldom: Detectors that look at noon and midnight only.
        weekly: Asked at the end of each week besides.
    """
    shutil.rmtree(root, ignore_errors=True)
    tables, truth = made(signals=signals, seed=seed, plants=plants)
    when = {kind: arrived(table) for kind, table in tables.items()}
    begin = END - timedelta(days=since)
    heard = Heard(plants=truth, tables=tables, since=begin, until=END - timedelta(days=until))
    with Workspace.open(root, create=True) as workspace:
        workspace.declare(declarations(planted=plants is not None), by="playback")
        with Company(workspace) as company:
            _bring(workspace, tables, when, None, begin)
            before = begin
            for day in range(since - until):
                for hour in hours:
                    now = begin + timedelta(days=day, hours=hour)
                    _bring(workspace, tables, when, before, now)
                    before = now
                    view = seen(company, now)
                    _look(workspace, view, now, heard, seldom if hour % 12 else ())
                if weekly and day % 7 == 6:
                    heard.answers += [(name, now, finding) for name, finding in weekly(view, truth)]
            with workspace.state.reading() as connection:
                heard.opened = [*alerts.open_of(connection), *alerts.ended(connection, limit=100_000)]
    shutil.rmtree(root, ignore_errors=True)
    return heard


def seen(company: Company, now: datetime) -> View:
    """The log as it is at that moment."""
    company.refresh()
    view = company.view
    return View(
        connection=view.connection, declarations=view.declarations, declarations_version=view.declarations_version,
        position=view.position, today=(now - timedelta(seconds=1)).date(), made_steps=view.made_steps,
    )  # fmt: skip


def _bring(
    workspace: Workspace,
    tables: dict[str, pa.Table],
    when: dict[str, np.ndarray],
    since: datetime | None,
    now: datetime,
) -> None:
    """Bring in what arrived in between, as one batch, and settle it."""
    low = -(2**62) if since is None else int(since.timestamp() * 1e6)
    high = int(now.timestamp() * 1e6)
    batch = workspace.inbox.begin(source="playback", files=[f"until {now:%Y-%m-%d %H:%M}"])
    for kind, table in tables.items():
        mask = (when[kind] >= low) & (when[kind] < high)
        if mask.any():
            batch.append(kind, table.filter(pa.array(mask)).combine_chunks())
    batch.finish()
    for _ in workspace.settle():
        pass


def _look(workspace: Workspace, view: View, now: datetime, heard: Heard, without: tuple[str, ...]) -> None:
    """One round, as `regard serve` runs it; who does not look now keeps the alerts it has."""
    chosen = [_noted(d, now, heard) for d in detectors() if d.name not in without]
    resting = [replace(d, detect=_rests) for d in detectors() if d.name in without]
    done = look(workspace, view=view, now=now, detectors_=[*chosen, *resting])
    for each in done.looks:
        if each.detector not in without:
            key = (each.detector, each.outcome, each.reason)
            heard.looks[key] = heard.looks.get(key, 0) + 1


def _rests(*, looking: Looking) -> Iterator[Raised]:  # noqa: ARG001 - as every detector
    """A detector that does not look this time: a refusal leaves its alerts as they are."""
    raise Refusal("It does not look this time.", hint="Look at noon.")


def _noted(detector: Detector, now: datetime, heard: Heard) -> Detector:
    """The detector, with what it says written down."""

    def detect(*, looking: Looking) -> Iterator[Raised]:
        for raised in detector.detect(looking=looking):
            heard.said.append((detector.name, now, raised))
            yield raised

    return replace(detector, detect=detect)
