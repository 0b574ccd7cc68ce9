"""One series in which something began on a date, from one file: what it did, graded by what it can support."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal
from regard.figures.interruption import Passed, interruption
from regard.findings import Caution, Interval
from regard.statistics.interrupted import BREAK, Interrupted, interrupted
from regard.trying.columns import Columns
from regard.trying.steps import SEASONS, Every, Steps, steps_of
from regard.trying.trials import Check, Trial, trial
from regard.wording import between, count, listed, number, percent, signed, signed_percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure

TIME = ("time", "date", "month", "week", "day", "year", "quarter", "period", "timestamp", "datetime", "when", "t")


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step from the date on."""

    step: Annotated[str, Meta(description="The step.")]
    value: Annotated[float | None, Meta(description="What was seen.")] = None
    expected: Annotated[float | None, Meta(description="What the past leads to expect.")] = None
    low: Annotated[float | None, Meta(description="Lower end of what was to be expected.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    effect: Annotated[float | None, Meta(description="The difference.")] = None
    total: Annotated[float | None, Meta(description="Differences added up until here.")] = None


class PastRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step before the date."""

    step: Annotated[str, Meta(description="The step.")]
    value: Annotated[float | None, Meta(description="What was seen.")] = None
    expected: Annotated[float | None, Meta(description="What the steps before it lead to expect.")] = None


class SegmentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One part of the segmented regression."""

    part: Annotated[
        str, Meta(description="Jump at the date, bend per step after it, or the mean over the steps after.")
    ]
    estimate: Annotated[float, Meta(description="The estimate.")]
    low: Annotated[float, Meta(description="Lower end of its interval.")]
    high: Annotated[float, Meta(description="Upper end.")]


class SeriesTrial(Trial, frozen=True, kw_only=True):
    """What something did to one series."""

    grade: Annotated[
        Literal["", "moderate", "weak", "cannot tell"],
        Meta(description="What the evidence is worth: one series alone is weak at best, with controls moderate."),
    ] = ""
    outcome: Annotated[str, Meta(description="Column of the outcome.")] = ""
    since: Annotated[str, Meta(description="First step of what happened.")] = ""
    unit: Annotated[str, Meta(description="What one step is.")] = ""
    season: Annotated[int, Meta(description="Steps of the season that is modelled; 0 for none.")] = 0
    before: Annotated[int, Meta(description="Steps seen before the date.")] = 0
    after: Annotated[int, Meta(description="Steps seen from the date on.")] = 0
    total: Annotated[float | None, Meta(description="Effect added up over all steps after.")] = None
    total_interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    relative: Annotated[float | None, Meta(description="The effect as a share of what was expected.")] = None
    rows: Annotated[tuple[StepRow, ...], Meta(description="Steps from the date on.")] = ()
    segments: Annotated[
        tuple[SegmentRow, ...], Meta(description="The other view: straight lines before and after.")
    ] = ()
    past: Annotated[tuple[PastRow, ...], Meta(description="Steps before the date.")] = ()


@dataclass(frozen=True)
class _Read:
    axis: Steps
    y: NDArray[np.float64]
    controls: NDArray[np.float64]
    names: tuple[str, ...]
    start: int
    outcome: str
    how: str

    def label(self, step: int) -> str:
        return self.axis.label(step)


@trial(title="Series", example="regard try series calls.csv --time month --outcome calls --from 2025-03-01")
def series(
    data: Columns,
    *,
    time: Annotated[str, Meta(description="Column of the time: dates, or a running number.")] = "",
    outcome: Annotated[str, Meta(description="Column of the outcome.")],
    from0: Annotated[
        str, Meta(description="When it began: a date, or a number as the time column counts.", extra={"option": "from"})
    ],
    controls: Annotated[
        tuple[str, ...], Meta(description="Columns of other series that cannot have been touched by it.")
    ] = (),
    every: Annotated[Every, Meta(description="Gather rows by this step; told from the times when left out.")] = "",
    how: Annotated[Literal["mean", "sum"], Meta(description="What several rows of one step make.")] = "mean",
    season: Annotated[
        int,
        Meta(description="Steps of a season, 0 for none; default a year of months or weeks, a week of days.", ge=-1),
    ] = -1,
) -> SeriesTrial:
    """What did it do to this series, and how much can one series say?"""
    time = time or data.guess("time", TIME, skip=(outcome, *controls))
    read = _read(data, time, outcome, from0, controls, every, how)
    period = SEASONS.get(read.axis.unit, 0) if season < 0 else season
    found = interrupted(read.y, read.start, controls=read.controls if controls else None, period=period)
    if found.average.refused:
        return _refused(read, found)
    grade = _grade(read, found)
    return SeriesTrial(
        answer=_answer(read, found, grade),
        estimate=found.average.value,
        interval=Interval(low=found.average.low, high=found.average.high),
        n=found.before + found.after,
        method=f"{found.average.method}; not Google's spike-and-slab",
        checks=_checks(read, found),
        cautions=_cautions(read, found, period),
        facts=_facts(read, found),
        next_step=_next(read, found, grade),
        grade=grade,
        outcome=outcome,
        since=read.label(read.start),
        unit=read.axis.unit,
        season=found.period,
        before=found.before,
        after=found.after,
        total=found.total.value,
        total_interval=Interval(low=found.total.low, high=found.total.high),
        relative=found.relative if math.isfinite(found.relative) else None,
        rows=_rows(read, found),
        segments=_segments(found),
        past=tuple(
            PastRow(step=read.label(i), value=_none(read.y[i]), expected=_none(found.expected[i]))
            for i in range(read.start)
        ),
    )


def _read(  # noqa: PLR0917 - one place calls it
    data: Columns, time: str, outcome: str, from0: str, controls: tuple[str, ...], every: Every, how: str
) -> _Read:
    axis = steps_of(data, time, every)
    y = axis.series(data.numbers(outcome), how)
    if not np.isfinite(y).any():
        raise Refusal(f"{outcome} is empty in every row.", hint="Name another outcome.")
    x = [axis.series(data.numbers(name), how) for name in controls]
    start = axis.at(from0)
    last = axis.count - 1
    if not 0 < start <= last:
        place = "before the first step" if start <= 0 else "after the last step"
        raise Refusal(
            f"{from0} lies {place} of {time}, which runs from {axis.label(0)} to {axis.label(last)}.",
            hint="Give a date inside with --from; what came before it is what the rest is held against.",
        )
    if every:
        y = _whole_ends(axis, y, start)
    made = np.column_stack(x) if x else np.zeros((len(y), 0))
    return _Read(axis, y, made, controls, start, outcome, how)


def _whole_ends(axis: Steps, y: NDArray[np.float64], start: int) -> NDArray[np.float64]:
    """The series without a first or last step that holds under half the usual rows: it is not whole."""
    usual = float(np.median(axis.rows[axis.rows > 0]))
    y = y.copy()
    for end in (0, len(y) - 1):
        if axis.rows[end] < usual / 2 and end != start:
            y[end] = np.nan
    return y


def _none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _grade(read: _Read, found: Interrupted) -> Literal["moderate", "weak", "cannot tell"]:
    if not found.average.clear:
        return "cannot tell"
    sound = not found.moving and (found.placebo is None or found.placebo.chance >= 0.05) and found.placebo is not None
    return "moderate" if read.names and sound else "weak"


def _answer(read: _Read, found: Interrupted, grade: str) -> str:
    a, a_step = found.average, f"a {read.axis.unit}"
    ends = between(a.low, a.high, lambda v: signed(v, None))
    since = read.label(read.start)
    if grade == "cannot tell":
        return f"No change of {read.outcome} from {since} on can be told: {signed(a.value, None)} {a_step} ({ends})."
    way = "above" if a.value > 0 else "below"
    share = f", {signed_percent(found.relative)}" if math.isfinite(found.relative) else ""
    worth = {
        "weak": "one series alone is weak evidence: anything else of that date would look the same"
        if not read.names
        else "the evidence is weak: a check failed",
        "moderate": "its controls and its past agree, which is moderate evidence",
    }[grade]
    return (
        f"From {since} on, {read.outcome} stood {number(abs(a.value))} {a_step} {way} what its past leads to expect "
        f"({ends}{share}); {worth}."
    )


def _checks(read: _Read, found: Interrupted) -> tuple[Check, ...]:
    checks = [_placebo(found), _break(read, found)]
    good = found.explained > 0.2
    checks.append(
        Check(
            name="fit_before", passed=good, value=found.explained,
            text=f"One step ahead, the model explains {percent(max(found.explained, 0))} of the variance before.",
        )
    )  # fmt: skip
    if math.isfinite(found.carry_p):
        free = found.carry_p >= 0.01
        checks.append(
            Check(
                name="errors_free", passed=free, value=found.carry_p,
                text=f"Its errors before the date {'show no' if free else 'still show a'} pattern over time "
                f"(Ljung-Box p {_p(found.carry_p)}).",
            )
        )  # fmt: skip
    if read.names:
        moved = [read.names[j] for j in found.moving]
        told = (
            f"{listed(moved)} left its own path at the date, too"
            if moved
            else "No control left its own path at the date"
        )
        checks.append(Check(name="controls_still", passed=not moved, text=f"{told}.", value=float(len(moved))))
    if found.segmented is not None:
        other = found.segmented.average
        same = other.low <= found.average.value <= other.high
        checks.append(
            Check(
                name="second_view", passed=same, value=other.value,
                text=f"Straight lines before and after say {signed(other.value, None)}, "
                f"{between(other.low, other.high, lambda v: signed(v, None))}.",
            )
        )  # fmt: skip
    return tuple(checks)


def _placebo(found: Interrupted) -> Check:
    if found.placebo is None:
        return Check(
            name="placebo_dates", passed=None, text="The past is too short to try dates at which nothing happened."
        )
    p = found.placebo
    return Check(
        name="placebo_dates", passed=p.chance >= 0.05, value=p.alarms / p.tried,
        text=f"At {count(p.tried, 'earlier date')} at which nothing happened, an effect would have been claimed "
        f"{count(p.alarms, 'time')}.",
    )  # fmt: skip


def _break(read: _Read, found: Interrupted) -> Check:
    if not math.isfinite(found.break_p):
        return Check(name="no_break_before", passed=None, text="The past is too short to look for a break in it.")
    return Check(
        name="no_break_before", passed=found.break_p >= 0.05, value=found.break_p,
        text=f"The clearest break of the level before the date is at {read.label(found.break_at)} "
        f"(p {_p(found.break_p)}, having looked everywhere).",
    )  # fmt: skip


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {number(value, 3)}"


def _cautions(read: _Read, found: Interrupted, period: int) -> tuple[Caution, ...]:
    told = [
        Caution(
            code="one_series",
            text="Nothing here went without it: whatever else began at that date is part of this number.",
        )
    ]
    if period > 1 and not found.period:
        text = f"A season of {period} steps is not modelled: the past holds fewer than two of them."
        told.append(Caution(code="no_season", text=text))
    if found.before < 2 * found.after:
        text = f"{found.before} steps before carry {found.after} after: the later ones are told by little."
        told.append(Caution(code="far_ahead", text=text))
    if (read.axis.rows > 1).any():
        text = f"Several rows of a {read.axis.unit} are taken together by their {read.how}."
        told.append(Caution(code="gathered", text=text))
    gaps = int((~np.isfinite(read.y)).sum())
    if gaps:
        told.append(Caution(code="gaps", text=f"{count(gaps, 'step')} of {len(read.y):,} are empty and bridged."))
    return tuple(told)


def _facts(read: _Read, found: Interrupted) -> tuple[str, ...]:
    t = found.total
    ends = between(t.low, t.high, lambda v: signed(v, None))
    told = [f"Added up over {count(found.after, read.axis.unit)}: {signed(t.value, None)}, {ends}."]
    told.append(f"Held against {count(found.before, read.axis.unit)} before" + (
        f", a season of {found.period} and {listed(read.names)}." if found.period and read.names
        else f" and a season of {found.period}." if found.period
        else f" and {listed(read.names)}." if read.names else "."
    ))  # fmt: skip
    return tuple(told)


def _next(read: _Read, found: Interrupted, grade: str) -> str:
    if found.placebo is not None and found.placebo.chance < 0.05:
        return "The model claims effects where nothing happened: add --controls or a --season before leaning on it."
    if grade == "cannot tell":
        return "Wait for more steps, or add --controls that move with the outcome."
    if not read.names:
        return (
            "Name series it cannot have touched with --controls, or compare units that went without: regard try proof."
        )
    return "Compare with units that went without it, if there are any: regard try proof."


def _rows(read: _Read, found: Interrupted) -> tuple[StepRow, ...]:
    rows = []
    for k, i in enumerate(range(read.start, len(read.y))):
        value, expected = _none(read.y[i]), _none(found.expected[i])
        rows.append(
            StepRow(
                step=read.label(i), value=value, expected=expected, low=_none(found.low[i]), high=_none(found.high[i]),
                effect=value - expected if value is not None and expected is not None else None,
                total=float(found.running[0, k]),
            )
        )  # fmt: skip
    return tuple(rows)


def _segments(found: Interrupted) -> tuple[SegmentRow, ...]:
    if found.segmented is None:
        return ()
    parts = (("jump", found.segmented.jump), ("bend", found.segmented.bend), ("mean after", found.segmented.average))
    return tuple(SegmentRow(part=name, estimate=e.value, low=e.low, high=e.high) for name, e in parts if not e.refused)


def _refused(read: _Read, found: Interrupted) -> SeriesTrial:
    why = found.average.refused
    step = "Bring more of the past."
    if math.isfinite(found.break_p) and found.break_p < BREAK:
        why = f"{why} (at {read.label(found.break_at)}, p {_p(found.break_p)})"
        step = "Find what happened there; give only the rows after it, or name a control that broke with it."
    elif "ever changed" in why:
        step = "Name another outcome: one that never moved cannot be held against its past."
    elif not found.after:
        step = "Wait until something is seen after the date."
    return SeriesTrial(
        answer=f"What it did to {read.outcome} cannot be told: {why}.", refused=why, next_step=step,
        method=found.average.method, outcome=read.outcome, since=read.label(read.start), unit=read.axis.unit,
        before=found.before, after=found.after,
    )  # fmt: skip


def figure(found: SeriesTrial) -> Figure | None:
    """The series over what was expected with its band, and the difference below."""
    past = [Passed(label=r.step, value=r.value, expected=r.expected) for r in found.past]
    later = [Passed(label=r.step, value=r.value, expected=r.expected, low=r.low, high=r.high) for r in found.rows]
    return interruption([*past, *later], len(past), title=found.answer, event=f"from {found.since}")
