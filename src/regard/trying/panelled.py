"""A table of long rows as a panel: units by times, who is treated since when, and what was left out on the way."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from regard import wording
from regard.errors import BadInput, Refusal, UnknownName
from regard.findings import Caution
from regard.statistics.panels import Every, Panel, floored, panel_of, starts_by_flag, starts_by_time
from regard.trying.columns import Columns
from regard.wording import count, listed

UNIT = (
    "unit",
    "state",
    "region",
    "store",
    "shop",
    "market",
    "country",
    "team",
    "segment",
    "account",
    "customer",
    "site",
)
TIME = ("time", "period", "month", "week", "quarter", "year", "date", "day", "answered at", "created at")
OUTCOME = ("outcome", "y", "score", "value", "sales", "nps", "csat", "rate", "amount", "revenue", "contacts")
TREATED = ("treated", "treatment", "first treated", "started", "start", "rolled out", "live since", "exposed", "policy")
STEPS: tuple[Every, ...] = ("day", "week", "month", "quarter", "year")
Times = NDArray[Any]
FILLED = 0.98
"""Share of cells that must have a row for a period to be chosen as the step of time."""


@dataclass
class Panelled:
    """A panel and how it came about.

    Attributes:
        panel: Complete in outcomes, with every unit's start.
        unit: Heading of the units.
        outcome: Heading of the outcome.
        every: Step times were put into; empty as given.
        cautions: What was left out, averaged or put together.
        rows: Rows used.
    """

    panel: Panel
    unit: str
    outcome: str
    every: str
    cautions: list[Caution] = field(default_factory=list)
    rows: int = 0

    def label(self, at: int) -> str:
        """A time in words."""
        return told(self.panel.times[at], self.every)


def told(time: Any, every: str = "") -> str:
    """A time in words: 1989, Mar 2026, 14 Sep 2026."""
    if time.dtype.kind != "M":
        value = float(time)
        return str(int(value)) if value.is_integer() else wording.number(value)
    day = time.astype("datetime64[D]").astype(object)
    if every == "year":
        return str(day.year)
    return wording.month(day, year=True) if every in {"month", "quarter"} else wording.day(day)


def read(
    data: Columns, *, unit: str, time: str, outcome: str, treated: tuple[str, ...], since: str, every: str
) -> Panelled:
    """The panel of a table.

    Args:
        data: The table.
        unit: Column of the units; guessed when empty.
        time: Column of the times; guessed when empty.
        outcome: Column of the outcome; guessed when empty.
        treated: Units that are treated, or one column that says so.
        since: Time from which the named units are treated.
        every: Step that times are put into; found when empty and they are days.

    Raises:
        BadInput: A column or a unit that is not there, a start that is no time.
        Refusal: Nobody treated, treated units with missing cells, treatment that ends again.
    """
    unit = unit or data.guess("unit", UNIT, skip=(time, outcome))
    time = time or data.guess("time", TIME, skip=(unit, outcome))
    outcome = outcome or data.guess("outcome", OUTCOME, "number", skip=(unit, time, *treated))
    names, when, y = data.text(unit), _times(data, time), data.numbers(outcome)
    known = np.array([n is not None for n in names], dtype=bool) & ~_empty(when) & np.isfinite(y)
    cautions = []
    if not known.all():
        lost = count(int((~known).sum()), "row")
        text = f"{lost} without {unit}, {time} or {outcome} left out."
        cautions.append(Caution(code="incomplete_rows", text=text))
    if not known.any():
        raise Refusal(f"No row of {data.source} has {unit}, {time} and {outcome}.", hint="Name the right columns.")
    labels: NDArray[np.str_] = names[known].astype(str)
    when, y = when[known], y[known]
    step = every or _step(labels, when)
    if step and when.dtype.kind == "M":
        when = floored(when, cast("Every", step))
    found = Panelled(panel_of(labels, when, y), unit, outcome, step, cautions, len(y))
    if not treated:
        guessed = data.guess("treated", TREATED, skip=(unit, time, outcome), needed=False)
        if not guessed:
            raise BadInput(
                "Which units were treated is not said.",
                where="--treated",
                hint=f"Name them (units are those of {unit}) and give --from, the first treated time; or name a column "
                "that tells it.",
            )
        treated = (guessed,)
    found.panel = _started(found, data, treated, since, (labels, when, known))
    _complete(found, time)
    return found


def _times(data: Columns, name: str) -> Times:
    return data.times(name) if data.holds(name) == "time" else data.numbers(name)


def _empty(when: Times) -> NDArray[np.bool_]:
    return np.asarray(np.isnat(when) if when.dtype.kind == "M" else ~np.isfinite(when), dtype=bool)


def _step(names: NDArray[np.str_], when: Times) -> str:
    """The finest step in which nearly every unit has every time; empty where times are no days or fit as they are."""
    if when.dtype.kind != "M":
        return ""
    days = when.astype("datetime64[D]")
    if (days == days.astype("datetime64[M]")).all():
        months = np.unique(days.astype("datetime64[M]").astype(int))
        return "year" if (months % 12 == 0).all() else "quarter" if (months % 3 == 0).all() else "month"
    for step in STEPS:
        panel = panel_of(names, floored(when, step), np.ones(len(when)))
        if np.mean(panel.rows > 0) >= FILLED:
            return step
    return "month"


def _started(
    found: Panelled, data: Columns, treated: tuple[str, ...], since: str,
    rows: tuple[NDArray[np.str_], Times, NDArray[np.bool_]],
) -> Panel:  # fmt: skip
    panel = found.panel
    if len(treated) == 1 and treated[0] in data.names and treated[0] not in panel.units:
        return _by_column(found, data, treated[0], since, rows)
    for name in treated:
        if name not in panel.units:
            raise UnknownName(f"unit or column for --treated (units are those of {found.unit})", name, panel.units)
    if not since:
        raise BadInput("--treated names units; since when?", where="--from", hint="Add --from, the first treated time.")
    start = _position(panel, since)
    starts = np.where(np.isin(panel.units, treated), start, len(panel.times))
    return replace(panel, starts=starts.astype(np.int64))


def _position(panel: Panel, since: str) -> int:
    try:
        at = np.datetime64(since) if panel.times.dtype.kind == "M" else np.float64(since)
    except ValueError as error:
        shown = told(panel.times[len(panel.times) // 2])
        raise BadInput(
            f"{since!r} is no time.", where="--from", hint=f"Give it as 2026-03-01 or as {shown}."
        ) from error
    position = panel.position(at)
    if not 0 < position < len(panel.times):
        first, last = told(panel.times[0]), told(panel.times[-1])
        raise Refusal(
            f"The times go from {first} to {last}; with a start at {since} nothing is left "
            f"{'before' if position <= 0 else 'after'} it.",
            hint="Choose a start with times before and after it.",
        )
    return position


def _by_column(
    found: Panelled, data: Columns, name: str, since: str,
    rows: tuple[NDArray[np.str_], Times, NDArray[np.bool_]],
) -> Panel:  # fmt: skip
    panel, (units, when, known) = found.panel, rows
    values = _times(data, name)[known]
    flag = values.dtype.kind != "M" and bool(np.isin(values[np.isfinite(values)], (0, 1)).all())
    if not flag:
        if values.dtype.kind == "M" and found.every:
            values = np.where(
                np.isnat(values), values, floored(values, cast("Every", found.every)).astype(values.dtype)
            )
        elif values.dtype.kind != "M":
            values = np.where(values > 0, values, np.nan)
        starts, unlike = starts_by_time(panel, units, values)
        if unlike:
            raise Refusal(f"{name} is not the same in all rows of {listed(unlike, most=5)}.", hint="One start a unit.")
        return replace(panel, starts=starts)
    starts, back = starts_by_flag(panel, units, when, values)
    if back:
        raise Refusal(
            f"{name} goes back to 0 for {listed(back, most=5)}: a treatment that ends is not estimated here.",
            hint="End the file where the treatment ends, or leave these units out.",
        )
    if since and set(starts.tolist()) <= {0, len(panel.times)}:
        starts = np.where(starts == 0, _position(panel, since), starts)
    elif (starts == 0).any() and set(starts.tolist()) <= {0, len(panel.times)}:
        raise BadInput(f"{name} is 1 from the first time on; since when?", where="--from", hint="Add --from.")
    return replace(panel, starts=starts.astype(np.int64))


def _complete(found: Panelled, time: str) -> None:
    """Leave donors with missing cells out, named; refuse where a treated unit has some. Nothing is filled in."""
    panel = found.panel
    if panel.never.all():
        raise Refusal("No unit is treated.", hint="Name them: --treated UNIT --from TIME, or --treated COLUMN.")
    gaps = panel.missing()
    several = int((panel.rows > 1).sum())
    if several:
        text = (
            f"{found.rows:,} rows are averaged into {int((panel.rows > 0).sum()):,} cells of {found.unit} and {time}."
        )
        found.cautions.append(Caution(code="averaged", text=text))
    if not gaps:
        return
    treated = [g for g in gaps if not panel.never[g[0]]]
    if treated:
        named = listed((f"{panel.units[u]} at {found.label(t)}" for u, t in treated), most=4)
        raise Refusal(
            f"{count(len(treated), 'cell')} of treated units have no {found.outcome}: {named}.",
            hint="Bring the missing rows, cut the file to times all have, or ask in longer steps with --every.",
        )
    out = np.zeros(len(panel.units), dtype=bool)
    out[[u for u, _ in gaps]] = True
    named = listed((panel.units[i] for i in np.flatnonzero(out)), most=5)
    first = f"{panel.units[gaps[0][0]]} at {found.label(gaps[0][1])}"
    text = (
        f"{count(int(out.sum()), 'donor')} with missing cells left out ({named}; {len(gaps):,} cells, the first "
        f"{first}). Nothing is filled in."
    )
    found.cautions.append(Caution(code="unbalanced", text=text))
    found.panel = panel.without(out)
