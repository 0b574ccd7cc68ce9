"""How often customers ask for help: cells over active customers and months."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from regard.listening.reach import reaching
from regard.statistics.estimates import Estimate
from regard.statistics.rates import rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from regard.signals.ask import Ask

MONTH = 30.4375
UNSEEN = 20
"""Contacts expected before the first one from which their absence means that nobody recorded them."""
PERIODS = ("now", "before", "year")


@dataclass(frozen=True, kw_only=True)
class Active:
    """Active customers of each period and how long it was.

    Attributes:
        now: On average over the period.
        before: In the period compared with.
        year: A year earlier.
        months: Months of now, before and a year earlier in which contacts were being recorded.
        how: active (declared activity), known (customers known by then), or nothing.
        slices: The same by slice.
        begins: When contacts began to be recorded.
        contacts_begin: When the first contact came.
        customers: Customers there are.
    """

    now: float | NDArray[np.float64]
    before: float | NDArray[np.float64]
    year: float | NDArray[np.float64]
    months: tuple[float, float, float]
    how: str
    slices: dict[str, tuple[float, float, float]]
    begins: datetime | None = None
    contacts_begin: datetime | None = None
    customers: int = 0

    @property
    def known(self) -> bool:
        """Whether there is anything to divide by."""
        return self.how != "nothing"

    def exposure(self, period: str) -> Any:
        """Active customers times months."""
        return getattr(self, period) * self.months[PERIODS.index(period)]

    def by_slice(self, names: Sequence[str]) -> Active:
        """Active customers of these slices, in order; slices nobody active belongs to have none."""
        rows = np.array([self.slices.get(n, (0.0, 0.0, 0.0)) for n in names]).reshape(-1, 3)
        return replace(self, now=rows[:, 0], before=rows[:, 1], year=rows[:, 2])


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Contacts by cell: one entry each; `squares` sum each customer's contacts squared, now and before."""

    area: list[str]
    issue: list[str]
    now: NDArray[np.float64]
    before: NDArray[np.float64]
    year: NDArray[np.float64]
    squares: NDArray[np.float64]
    customers: NDArray[np.float64]
    waited: list[float | None]
    solving: list[float | None]
    reopened: list[float | None]

    @classmethod
    def of_slices(cls, rows: list[dict[str, Any]]) -> Counts:
        """Counts of slices in the place of areas."""
        return _gathered([r | {"area": r["slice"], "issue": ""} for r in rows])


def total(ask: Ask) -> Counts:
    """All contacts as one cell."""
    whole = replace(ask, scope=msgspec.structs.replace(ask.scope, by=""))
    return Counts.of_slices(whole.rows("contacts_slices.sql"))


def counts(ask: Ask) -> Counts:
    """Contacts by area and issue, now, before and a year earlier."""
    since, until = _year(ask)
    return _gathered(ask.rows("contacts.sql", year_since=since, year_until=until))


def _year(ask: Ask) -> tuple[datetime, datetime]:
    return ask.scope.since - timedelta(days=365), ask.scope.until - timedelta(days=365)


def _gathered(rows: list[dict[str, Any]]) -> Counts:
    names = sorted({(r["area"], r["issue"]) for r in rows})
    at = {name: i for i, name in enumerate(names)}
    sums = {n: np.zeros(len(names)) for n in ("now", "before", "year", "squares", "customers")}
    medians: dict[str, list[float | None]] = {n: [None] * len(names) for n in ("waited", "solving", "reopened")}
    for row in rows:
        i = at[row["area"], row["issue"]]
        sums[row["period"]][i] += row["contacts"]
        if row["period"] in {"now", "before"}:
            sums["squares"][i] += row["squares"]
        if row["period"] == "now":
            sums["customers"][i] = row.get("customers", 0)
            for name, unit in (("waited", 3600), ("solving", 3600), ("reopened", 1)):
                value = row.get(name)
                medians[name][i] = None if value is None else float(value) / unit
    return Counts(
        area=[n[0] for n in names], issue=[n[1] for n in names], now=sums["now"], before=sums["before"],
        year=sums["year"], squares=sums["squares"], customers=sums["customers"], waited=medians["waited"],
        solving=medians["solving"], reopened=medians["reopened"],
    )  # fmt: skip


def active(ask: Ask) -> Active:
    """Active customers by declaration; customers known by then where no activity is recorded."""
    scope = ask.scope
    year = _year(ask)
    spans = ((scope.since, scope.until), (scope.before_since, scope.before_until), year)
    start = reaching(ask, by=False).rows("contacts_begins.sql")[0]
    begins, compared = _begins(ask, start)
    # Days nobody watched are no exposure: counted as such they would make everything seem to rise.
    months = [max((u - max(s, begins or s)).total_seconds(), 0.0) / 86400 / MONTH for s, u in spans]
    found = _who(ask, spans)
    return replace(
        found, months=(months[0], months[1] if compared else 0.0, months[2]), begins=begins,
        contacts_begin=start["contacts"], customers=int(start["customers"]),
    )  # fmt: skip


def _who(ask: Ask, spans: Sequence[tuple[datetime, datetime]]) -> Active:
    """Who there was to ask for help in each span; its months are filled in by `active`."""
    none = (0.0, 0.0, 0.0)
    if ask.count("event") or ask.count("order") or ask.count("telemetry"):
        days = ask.declarations.base.active_days
        points = {
            f"{name}_{i}": since + (until - since) * i / 3
            for name, (since, until) in zip(PERIODS, spans, strict=True)
            for i in (1, 2, 3)
        }
        first = min(points.values()) - timedelta(days=days)
        rows = reaching(ask).rows("contacts_active.sql", days=days, first=first, **points)
        slices = {r["slice"]: (r["now"], r["before"], r["year"]) for r in rows}
        now, before, last = (float(sum(v[k] for v in slices.values())) for k in range(3))
        if now and before:
            return Active(now=now, before=before, year=last, months=none, how="active", slices=slices)
    row = reaching(ask).rows("contacts_known.sql", year_until=spans[2][1])[0]
    if row["now"] and row["before"]:
        found = (float(row["now"]), float(row["before"]), float(row["year"]))
        return Active(now=found[0], before=found[1], year=found[2], months=none, how="known", slices={})
    return Active(now=1.0, before=1.0, year=1.0, months=none, how="nothing", slices={})


def _begins(ask: Ask, row: dict[str, Any]) -> tuple[datetime | None, int]:
    """When contacts began to be recorded, and how many there were in the period compared with.

    That is when the log begins; but when the first contact came if, at the rate that followed, `UNSEEN` or more would
    have been expected by then: nobody recorded them.
    """
    first, before, end = row["contacts"], int(row["before"]), ask.scope.before_until
    log = min((t for t in (row["log"], first) if t), default=None)
    if first is None or log is None or not before or first <= ask.scope.before_since or first >= end:
        return log, before
    silent = (first - max(log, ask.scope.before_since)).total_seconds()
    expected = before * silent / (end - first).total_seconds()
    return (first if expected >= UNSEEN else log), before


def dispersion(cells: Counts) -> NDArray[np.float64]:
    """How much more variable a cell is because one customer asks several times: sum of squares over sum."""
    sums = cells.now + cells.before
    return np.where(sums > 0, np.maximum(cells.squares / np.maximum(sums, 1), 1.0), 1.0)


def rates(cells: Counts, around: Active) -> list[Estimate]:
    """Each cell's rate now with its interval."""
    exposure = np.broadcast_to(np.asarray(around.exposure("now"), dtype=float), cells.now.shape)
    spread = dispersion(cells)
    return [rate(float(n), float(e), dispersion=float(d)) for n, e, d in zip(cells.now, exposure, spread, strict=True)]
