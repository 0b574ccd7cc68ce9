"""A column of times as evenly spaced steps, and a column of numbers by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from regard.errors import BadInput, Refusal
from regard.wording import count, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.trying.columns import Columns

Every = Literal["", "minute", "hour", "day", "week", "month", "quarter", "year"]
Unit = Literal["minute", "hour", "day", "week", "month", "quarter", "year", "step"]
DAY = 86_400_000_000
LENGTHS: dict[str, float] = {"minute": 1 / 1440, "hour": 1 / 24, "day": 1.0, "week": 7.0}
SEASONS: dict[str, int] = {"hour": 24, "day": 7, "week": 52, "month": 12, "quarter": 4}
SPARSE = 0.3


@dataclass(frozen=True, kw_only=True)
class Steps:
    """The axis of a series.

    Attributes:
        unit: What one step is.
        place: Step of each row, -1 where it has no time.
        count: Steps from the first to the last.
        rows: Rows of each step.
        origin: Number of the first step, in the unit's own count.
        length: Length of a step of numbers or odd times, in numbers or microseconds.
        of_numbers: Whether the axis is of numbers and not of times.
    """

    unit: Unit
    place: NDArray[np.int64]
    count: int
    rows: NDArray[np.int64]
    origin: float
    length: float
    of_numbers: bool

    def series(self, values: NDArray[np.float64], how: str) -> NDArray[np.float64]:
        """Values by step, as mean or sum of its rows; NaN where there are none."""
        good = (self.place >= 0) & np.isfinite(values)
        n = np.bincount(self.place[good], minlength=self.count)
        total = np.bincount(self.place[good], values[good], minlength=self.count)
        return np.where(n > 0, total / np.maximum(n, 1) if how == "mean" else total, np.nan)

    def at(self, text: str) -> int:
        """The step a date (or number) falls in, which may lie outside.

        Raises:
            BadInput: It is no date or number.
        """
        try:
            if self.of_numbers:
                return round((float(text) - self.origin) / self.length)
            when = np.datetime64(text.strip().replace(" ", "T"), "us")
        except ValueError as error:
            wanted = "number" if self.of_numbers else "date"
            raise BadInput(
                f"{text!r} is no {wanted}.", where="--from", hint="Give it as 2026-03-01, or as the time column counts."
            ) from error
        return int(np.floor(_counted(np.array([when]), self.unit, self.length)[0] - self.origin))

    def label(self, step: int) -> str:
        """What a step is called."""
        if self.of_numbers:
            value = self.origin + step * self.length
            return f"{value:g}"
        if self.unit == "step":
            start = np.datetime64(int((self.origin + step) * self.length), "us")
            return str(start.astype("datetime64[m]")).replace("T", " ")
        if self.unit in {"month", "quarter", "year"}:
            size = {"month": 1, "quarter": 3, "year": 12}[self.unit]
            month = np.datetime64(int(self.origin + step) * size, "M")
            return str(month)[:4] if self.unit == "year" else str(month)
        days = (self.origin + step) * LENGTHS[self.unit] - (3 if self.unit == "week" else 0)
        start = np.datetime64(round(days * DAY), "us")
        return str(start.astype("datetime64[D]" if self.unit in {"day", "week"} else "datetime64[m]")).replace("T", " ")


def steps_of(data: Columns, time: str, every: Every) -> Steps:
    """The steps of a time column; its unit is told from the times unless it is given.

    Raises:
        Refusal: No time, one step only, or times too irregular to be a series.
    """
    if data.holds(time) in {"whole", "number"} and not every:
        values = data.numbers(time)
        known = values[np.isfinite(values)]
        if len(known) and not (known.min() >= 1000 and known.max() <= 3000 and (known == known.round()).all()):
            return _numbered(values, time)
    when = data.times(time)
    known = np.unique(when[~np.isnat(when)])
    if len(known) < 2:
        raise Refusal(f"{time} holds {count(len(known), 'time')}; a series has more.", hint="Name it with --time.")
    gap = float(np.median(np.diff(known).astype(np.int64))) / DAY
    unit: Unit = every or _unit(gap)
    length = gap * DAY
    counted = np.full(len(when), np.nan)
    counted[~np.isnat(when)] = _counted(when[~np.isnat(when)], unit, length)
    return _made(np.floor(counted + 1e-9), unit, length, of_numbers=False, time=time)


def _numbered(values: NDArray[np.float64], time: str) -> Steps:
    known = np.unique(values[np.isfinite(values)])
    length = float(np.median(np.diff(known))) if len(known) > 1 else 1.0
    made = _made(np.round((values - known[0]) / length), "step", length, of_numbers=True, time=time)
    return Steps(**{**made.__dict__, "origin": float(known[0])})


def _made(counted: NDArray[np.float64], unit: Unit, length: float, *, of_numbers: bool, time: str) -> Steps:
    good = np.isfinite(counted)
    origin = float(counted[good].min())
    place = np.where(good, counted - origin, -1).astype(np.int64)
    total = int(place.max()) + 1
    rows = np.bincount(place[good], minlength=min(total, 2_000_000))
    filled = float((rows > 0).mean())
    if total < 2:
        raise Refusal(
            f"All rows have one {time}: no series.", hint="Name another column with --time, or a finer --every."
        )
    made = Steps(
        unit=unit, place=place, count=total, rows=rows, origin=origin, length=length, of_numbers=of_numbers
    )  # fmt: skip
    if filled < SPARSE and total > 30:
        raise Refusal(
            f"{time} is too irregular for a series: {percent(filled)} of its {unit}s from {made.label(0)} to "
            f"{made.label(total - 1)} hold a row.",
            hint="Gather them, --every week or --every month, or leave out times that stand far from the others.",
        )
    return made


def _unit(days: float) -> Unit:
    for unit, low, high in (
        ("year", 360, 370), ("quarter", 88, 94), ("month", 27.5, 31.5), ("week", 6.9, 7.1), ("day", 0.98, 1.02),
        ("hour", 0.98 / 24, 1.02 / 24), ("minute", 0.98 / 1440, 1.02 / 1440),
    ):  # fmt: skip
        if low <= days <= high:
            return unit  # type: ignore[return-value]
    return "step"


def _counted(when: NDArray[np.datetime64], unit: str, length: float) -> NDArray[np.float64]:
    """Times in a unit's own count, fractions kept; weeks begin on Monday."""
    if unit in {"month", "quarter", "year"}:
        months = when.astype("datetime64[M]").astype(np.int64)
        return np.floor(months / {"month": 1, "quarter": 3, "year": 12}[unit])
    micros = when.astype("datetime64[us]").astype(np.int64).astype(float)
    if unit == "step":
        return micros / length
    days = micros / DAY + (3 if unit == "week" else 0)
    return days / LENGTHS[unit]
