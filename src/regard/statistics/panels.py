"""Long rows as a panel of units by times: its shape, what is missing in it, and since when each unit is treated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from regard.statistics.estimates import Floats, Whole, codes

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Every = Literal["day", "week", "month", "quarter", "year"]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Units by times.

    Attributes:
        outcomes: Mean of each cell's rows, shape (units, times); NaN where there is none.
        rows: Rows in each cell.
        units: Names, sorted.
        times: Times, ascending: numbers or datetime64.
        starts: Position of each unit's first treated time; the number of times where it never was.
    """

    outcomes: Floats
    rows: Whole
    units: tuple[str, ...]
    times: NDArray[np.generic]
    starts: Whole

    @property
    def never(self) -> NDArray[np.bool_]:
        """Which units were never treated."""
        return np.asarray(self.starts >= len(self.times), dtype=bool)

    @property
    def groups(self) -> Whole:
        """The distinct starts of treated units."""
        return np.unique(self.starts[~self.never])

    def position(self, time: object) -> int:
        """Position of the first time that is not before the one given."""
        return int(np.searchsorted(self.times, np.asarray(time, self.times.dtype)))

    def without(self, units: NDArray[np.bool_]) -> Panel:
        """The panel without some units."""
        keep = np.flatnonzero(~units)
        return replace(
            self, outcomes=self.outcomes[keep], rows=self.rows[keep], units=tuple(self.units[i] for i in keep),
            starts=self.starts[keep],
        )  # fmt: skip

    def missing(self) -> list[tuple[int, int]]:
        """Cells without an outcome, as positions of unit and time."""
        return [(int(u), int(t)) for u, t in np.argwhere(~np.isfinite(self.outcomes))]


def panel_of(units: ArrayLike, times: ArrayLike, outcomes: ArrayLike) -> Panel:
    """Rows of unit, time and outcome as a panel in which nobody is treated yet.

    Several rows of a cell are averaged; rows without an outcome are no rows. A time nobody has is no time.
    """
    y = np.asarray(outcomes, float)
    keep = np.isfinite(y)
    u, names = codes(np.asarray(units)[keep].astype(str))
    t, when = codes(np.asarray(times)[keep])
    shape = (len(names), len(when))
    cell = u * shape[1] + t
    rows = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    sums = np.bincount(cell, y[keep], minlength=shape[0] * shape[1]).reshape(shape)
    means = np.divide(sums, rows, out=np.full(shape, np.nan), where=rows > 0)
    return Panel(
        outcomes=means, rows=rows.astype(np.int64), units=tuple(str(n) for n in names), times=when,
        starts=np.full(shape[0], shape[1], np.int64),
    )  # fmt: skip


def floored(times: NDArray[np.datetime64], every: Every) -> NDArray[np.datetime64]:
    """The first day of the period each time lies in; weeks start on Monday."""
    if every == "week":
        days = times.astype("datetime64[D]").astype(np.int64)
        return (days - (days + 3) % 7).astype("datetime64[D]")
    if every == "quarter":
        months = times.astype("datetime64[M]").astype(np.int64)
        return (months - months % 3).astype("datetime64[M]").astype("datetime64[D]")
    unit = {"day": "D", "month": "M", "year": "Y"}[every]
    return times.astype(f"datetime64[{unit}]").astype("datetime64[D]")


def starts_by_flag(panel: Panel, units: ArrayLike, times: ArrayLike, flags: ArrayLike) -> tuple[Whole, list[str]]:
    """Each unit's start from rows that say 0 or 1, and the units whose flag goes back to 0, which no method here takes.

    A cell counts as treated when most of its rows say so.
    """
    told = panel_of(units, times, flags)
    row = {name: i for i, name in enumerate(told.units)}
    column = np.searchsorted(panel.times, told.times)
    column, known = np.minimum(column, len(panel.times) - 1), column < len(panel.times)
    known &= panel.times[column] == told.times
    on = np.zeros(panel.outcomes.shape, dtype=bool)
    for i, name in enumerate(panel.units):
        if name in row:
            on[i, column[known]] = told.outcomes[row[name], known] > 0.5
    starts = np.where(on.any(axis=1), on.argmax(axis=1), len(panel.times))
    filled = np.arange(len(panel.times)) >= starts[:, None]
    back = (filled & ~on & np.isfinite(panel.outcomes)).any(axis=1)
    return starts.astype(np.int64), [panel.units[i] for i in np.flatnonzero(back)]


def starts_by_time(panel: Panel, units: ArrayLike, since: NDArray[np.generic]) -> tuple[Whole, list[str]]:
    """Each unit's start from rows that say since when (empty: never), and the units whose rows disagree."""
    empty = np.isnat(since) if since.dtype.kind == "M" else ~np.isfinite(since)
    names = np.asarray(units).astype(str)
    starts = np.full(len(panel.units), len(panel.times), np.int64)
    unlike = []
    for i, name in enumerate(panel.units):
        own = np.unique(since[(names == name) & ~empty])
        if len(own) > 1:
            unlike.append(name)
        if len(own):
            starts[i] = panel.position(own[0])
    return starts, unlike
