"""The days of the history: seasons, weekdays, rushes, holidays, versions out and subsets disrupted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from regard.simulation import company
from regard.simulation.columns import DAY
from regard.simulation.truth import DISRUPTIONS, first_day, midnight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.simulation.people import Bakeries

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

BASE_ERROR = 0.022
"""Chance of an error per event, for an average bakery on version 4.0 on a day when nothing is disrupted."""


@dataclass(kw_only=True, frozen=True)
class Almanac:
    """What each day of the history is like; arrays have one entry per day."""

    since: int
    until: int
    baking: Floats
    ordering: Floats
    rush: Floats
    stollen: Floats
    december: Floats
    summer: NDArray[np.bool_]
    post: Ints

    def at(self, day: NDArray[Any]) -> Ints:
        """Microseconds since 1970 of a day, fractions included."""
        whole = np.floor(day).astype(np.int64)
        stamp: Ints = self.since + whole * DAY + np.rint((day - whole) * DAY).astype(np.int64)
        return stamp

    def presence(self, bakeries: Bakeries) -> NDArray[np.float32]:
        """1 where the account has signed by that day, else 0: accounts × days."""
        days = np.arange(company.DAYS)[None, :]
        return (bakeries.signs[:, None] & (days >= bakeries.start[:, None])).astype(np.float32)

    def custom(self, bakeries: Bakeries) -> NDArray[np.float32]:
        """How busy each account is on each day: energy, season, weekday, August by region. Accounts × days."""
        august = np.array([r.august for r in company.REGIONS])[bakeries.region]
        shut = np.where(self.summer[None, :], august[:, None], 1.0)
        return (bakeries.energy[:, None] * shut * self.baking[None, :]).astype(np.float32)

    def versions(self, bakeries: Bakeries) -> NDArray[np.int8]:
        """Index of the version each account runs on each day: accounts × days."""
        days = np.arange(company.DAYS)[None, :]
        version = np.zeros((len(bakeries), company.DAYS), dtype=np.int8)
        for out in company.VERSION_DAYS[1:]:
            version += days >= out + bakeries.lag[:, None]
        return version


def almanac(until: date) -> Almanac:
    """The days that end before `until`."""
    begin = first_day(until)
    dates = [begin + timedelta(days=day) for day in range(company.DAYS)]
    weekday = np.array([d.weekday() for d in dates])
    year_day = np.array([d.timetuple().tm_yday for d in dates], dtype=float)
    month = np.array([d.month for d in dates])
    advent = np.exp(-(((year_day - 348) / 16.0) ** 2))
    easter = np.exp(-(((year_day - 95) / 9.0) ** 2))
    baking = np.array([0.5, 0.95, 1.0, 1.0, 1.15, 1.3, 0.9])[weekday] * (1.0 + 0.45 * advent + 0.2 * easter)
    ordering = np.array([1.6, 1.2, 1.1, 1.0, 0.9, 0.4, 0.4])[weekday] * (1.0 + 0.7 * advent)
    return Almanac(
        since=midnight(begin),
        until=midnight(until),
        baking=baking,
        ordering=ordering,
        rush=1.0 + 0.9 * advent,
        stollen=1.0 + 30.0 * advent,
        december=advent,
        summer=month == 8,
        post=np.flatnonzero((weekday == 1) & (np.array([d.day for d in dates]) <= 7)),
    )


def hit(
    index: int,
    *,
    bakeries: Bakeries,
    account: Ints,
    day: NDArray[Any],
    version: NDArray[Any],
    device: NDArray[Any] | None,
) -> NDArray[Any]:
    """Whether disruption `index` touches each row; where no device is known, the chance that it does."""
    disruption = DISRUPTIONS[index]
    names: dict[str, tuple[tuple[str, ...], NDArray[Any]]] = {
        "region": (tuple(r.name for r in company.REGIONS), bakeries.region[account]),
        "product": (company.PRODUCTS, bakeries.product[account]),
        "version": (company.VERSIONS, version),
    }
    touched = ((day >= disruption.day) & (day < disruption.day + disruption.days)).astype(float)
    for label, value in disruption.where.items():
        if label != "device":
            known, found = names[label]
            touched = touched * (found == known.index(value))
        elif device is not None:
            touched = touched * (device == company.DEVICES.index(value))
        else:
            own = bakeries.device[account] == company.DEVICES.index(value)
            touched = touched * (0.7 * own + 0.3 * company.DEVICE_SHARES[company.DEVICES.index(value)])
    return touched


def error_chance(bakeries: Bakeries, version: NDArray[np.int8]) -> NDArray[np.float32]:
    """Expected chance of an error per event of each account on each day, disruptions included: accounts × days."""
    calm = BASE_ERROR * bakeries.clumsy[:, None] * np.array(company.VERSION_ERRORS)[version]
    rows = np.arange(len(bakeries))[:, None]
    days = np.arange(company.DAYS)[None, :]
    for index, disruption in enumerate(DISRUPTIONS):
        share = hit(index, bakeries=bakeries, account=rows, day=days, version=version, device=None)
        calm = calm * (1.0 - share) + disruption.error_chance * share
    chance: NDArray[np.float32] = calm.astype(np.float32)
    return chance
