"""Lines and steps of a flow as a finding's rows and as a map: the same for one file and for a workspace."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard.figures.flowmap import Flow, FlowLine, FlowStep
from regard.figures.journey import Tone
from regard.journey.flows import BEGIN, END, Line, Moves, covering
from regard.wording import count, duration, number, percent, signed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from regard.statistics.choices import Compared

CLEAR = 0.05
BEGINS, ENDS = "begin", "end"
ERRORS: tuple[tuple[float, Tone, str], ...] = (
    (0.1, "bad", "10 % and more"),
    (0.03, "fairly-bad", "3 % to 10 %"),
    (0.0, "none", "under 3 %"),
)
"""Share of steps that met an error, from which on a colour holds."""


class LineRow(msgspec.Struct, frozen=True, kw_only=True):
    """All moves from one step to the next."""

    source: Annotated[str, Meta(description="The step before; empty where the journey begins with the next.")]
    target: Annotated[str, Meta(description="The step after; empty where the journey ends.")]
    times: Annotated[int, Meta(description="How often.")]
    customers: Annotated[int, Meta(description="Different customers.")]
    share: Annotated[
        float | None,
        Meta(description="Share of those before whose time is over that went this way next, each a voice of one."),
    ] = None
    median_seconds: Annotated[float | None, Meta(description="Median seconds between the two.")] = None
    errors: Annotated[float, Meta(description="Share of the moves that met an error at the step after.")] = 0.0
    before: Annotated[float | None, Meta(description="The share in the period, or of the group, compared with.")] = None
    now: Annotated[float | None, Meta(description="The share now, or of the group named first.")] = None
    change: Annotated[float | None, Meta(description="Now less before, as a share.")] = None
    adjusted: Annotated[
        float | None, Meta(description="p-value, corrected for all ways; empty where too few to compare.")
    ] = None
    change_low: Annotated[float | None, Meta(description="Lower end of the interval of the change.")] = None
    change_high: Annotated[float | None, Meta(description="Upper end.")] = None
    stood: Annotated[int, Meta(description="Customers who were at the step before, their time over.")]
    low: Annotated[float | None, Meta(description="Lower end of the interval of the share.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    slow_seconds: Annotated[float | None, Meta(description="Seconds within which nine of ten are done.")] = None
    shown: Annotated[bool, Meta(description="Whether it is among the most frequent that the figure shows.")] = False
    score: Annotated[
        float | None, Meta(description="Score those who went it then gave first; told where the map is coloured by it.")
    ] = None
    score_low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    score_high: Annotated[float | None, Meta(description="Upper end.")] = None
    apart: Annotated[
        str, Meta(description="higher or lower than those who did not go it, beyond chance; empty: cannot be told.")
    ] = ""

    @property
    def told(self) -> str:
        """A change in words."""
        where = f"from {self.source} to {self.target}" if self.source and self.target else self._end
        if self.before is None or self.now is None or self.change is None:
            return where
        ends = ""
        if self.change_low is not None and self.change_high is not None:
            ends = f", {signed(100 * self.change_low)} to {signed(100 * self.change_high)}"
        way = "More" if self.change > 0 else "Fewer"
        return (
            f"{way} go {where}: {percent(self.now)} after {percent(self.before)} "
            f"({signed(100 * self.change)} points{ends})"
        )

    @property
    def _end(self) -> str:
        return f"no further than {self.source}" if self.source else f"to {self.target} first"


class StepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One step."""

    step: Annotated[str, Meta(description="The step.")]
    times: Annotated[int, Meta(description="How often it was done.")]
    customers: Annotated[int, Meta(description="Different customers.")]
    begins: Annotated[int, Meta(description="Journeys that begin with it.")] = 0
    ends: Annotated[int, Meta(description="Journeys that are over and end with it.")] = 0
    again: Annotated[int, Meta(description="How often it directly followed itself.")] = 0
    errors: Annotated[float, Meta(description="Share of the times it was done that met an error.")] = 0.0
    score: Annotated[
        float | None, Meta(description="Score those who came there then gave first; where the map is coloured by it.")
    ] = None
    score_low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    score_high: Annotated[float | None, Meta(description="Upper end.")] = None
    apart: Annotated[
        str,
        Meta(description="higher or lower than those who did not come there, beyond chance; empty: cannot be told."),
    ] = ""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Rows as maps: now, and of two periods before and what changed."""

    whole: Flow
    now: Flow
    before: Flow | None = None
    change: Flow | None = None


def line_rows(
    names: tuple[str, ...], lines: Sequence[Line], now: Sequence[Line] | None, change: Compared | None, *,
    coverage: float,
) -> tuple[LineRow, ...]:  # fmt: skip
    """Lines as rows.

    Args:
        names: What the codes mean.
        lines: The lines of the whole time.
        now: Those of the later period, where two are compared; they make what is told beside the change.
        change: How the two compare.
        coverage: Share of all moves whose most frequent lines are shown.
    """
    known = {(x.source, x.target): x for x in (lines if now is None else now)}
    ways = {(w.place, w.way): w for w in change.ways} if change else {}
    shown = {(x.source, x.target) for x in covering(lines, coverage)}
    found = []
    for line in lines:
        key = (line.source, line.target)
        told, way = known.get(key, line), ways.get(key)
        row = LineRow(
            source=name_of(names, line.source), target=name_of(names, line.target), times=line.times,
            customers=line.customers, stood=told.share.n, share=_known(told.share.value),
            low=_known(told.share.low), high=_known(told.share.high), median_seconds=_known(told.median),
            slow_seconds=_known(told.slow), errors=told.errors, shown=key in shown,
        )  # fmt: skip
        if way is not None:
            given = not way.difference.refused
            row = msgspec.structs.replace(
                row, before=_known(way.before), now=_known(way.now), adjusted=_known(way.adjusted),
                change=way.difference.value if given else None, change_low=way.difference.low if given else None,
                change_high=way.difference.high if given else None,
            )  # fmt: skip
        found.append(row)
    return tuple(found)


def name_of(names: tuple[str, ...], code: int) -> str:
    """A step's name; empty for beginning and end."""
    return "" if code in {BEGIN, END} else names[code]


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def step_rows(names: tuple[str, ...], found: Moves) -> tuple[StepRow, ...]:
    """The steps of a flow, the most frequent first: each was arrived at by a move, or began a journey."""
    wide = len(names)
    real = found.target >= 0
    times = np.bincount(found.target[real], minlength=wide)
    bad = np.bincount(found.target[real], found.failed[real], minlength=wide)
    person = np.unique(found.who[real], return_inverse=True)[1].reshape(-1)
    customers = np.bincount(np.unique(person * wide + found.target[real]) % max(wide, 1), minlength=wide)
    begins = np.bincount(found.target[real & (found.source == BEGIN)], minlength=wide)
    ends = np.bincount(found.source[found.target == END], minlength=wide)
    again = np.bincount(found.target[real & (found.source == found.target)], minlength=wide)
    rows = [
        StepRow(
            step=names[i], times=int(times[i]), customers=int(customers[i]), begins=int(begins[i]), ends=int(ends[i]),
            again=int(again[i]), errors=float(bad[i] / times[i]),
        )
        for i in np.flatnonzero(times)
    ]  # fmt: skip
    return tuple(sorted(rows, key=lambda r: (-r.times, r.step)))


def drawn(rows: Sequence[LineRow], steps: Sequence[StepRow], *, metric: str = "") -> Drawn:
    """Rows as maps of the lines that are shown, coloured by errors, or by the score of a metric."""
    shown = [r for r in rows if r.shown]
    named = {n for r in shown for n in (r.source, r.target) if n}
    boxes = [_box(s, metric) for s in steps if s.step in named]
    begun, ended = sum(s.begins for s in steps), sum(s.ends for s in steps)
    if any(not r.source for r in shown):
        boxes.append(
            FlowStep(name=BEGINS, volume=begun, text=number(begun), end="begin", tip=f"Begin: {number(begun)}")
        )
    if any(not r.target for r in shown):
        boxes.append(FlowStep(name=ENDS, volume=ended, text=number(ended), end="end"))
    now = Flow(steps=tuple(boxes), lines=tuple(_line(r, metric) for r in shown))
    if not any(r.now is not None for r in rows):
        return Drawn(whole=now, now=now)
    both = [(r, _moved(r)) for r in shown]
    return Drawn(
        whole=now, now=Flow(steps=now.steps, lines=tuple(_part(r, r.now) for r in shown if r.now)),
        before=Flow(steps=now.steps, lines=tuple(_part(r, r.before) for r in shown if r.before)),
        change=Flow(steps=now.steps, lines=tuple(line for _, line in both)),
    )  # fmt: skip


def _ends(row: LineRow) -> tuple[str, str]:
    return row.source or BEGINS, row.target or ENDS


def _box(step: StepRow, metric: str = "") -> FlowStep:
    notes = [f"{percent(step.errors)} errors"] if step.errors >= ERRORS[1][0] and not metric else []
    notes += [points(step.score, metric)] if metric and step.score is not None else []
    notes += [f"again {number(step.again)}×"] if step.again and not metric else []
    return FlowStep(
        name=step.step, volume=step.customers, text=number(step.customers), note=" · ".join(notes),
        tone=_apart(step) if metric else tone(step.errors),
        tip=f"{step.step}: {count(step.customers, 'customer')}, {count(step.times, 'time')}"
        + "".join(f", {n}" for n in notes),
    )  # fmt: skip


def tone(errors: float) -> Tone:
    """The colour of a share of errors."""
    return next(look for least, look, _ in ERRORS if errors >= least)


def _apart(row: LineRow | StepRow) -> Tone:
    """The colour of a score: only where it differs beyond chance."""
    looks: dict[str, Tone] = {"higher": "good", "lower": "bad"}
    return looks.get(row.apart, "none")


def points(score: float | None, metric: str) -> str:
    """A score with its metric: NPS +31."""
    name = metric.upper() if len(metric) <= 4 else metric
    return f"{name} {signed(round(score)) if metric == 'nps' else number(round(score, 1))}" if score is not None else ""


def _line(row: LineRow, metric: str = "") -> FlowLine:
    source, target = _ends(row)
    took = f" · {duration(row.median_seconds)}" if row.median_seconds is not None and row.median_seconds >= 1 else ""
    bad = f", {percent(row.errors)} met an error" if row.errors >= 0.005 else ""
    then = f", {points(row.score, metric)} then" if metric and row.score is not None else ""
    slow = f", nine of ten within {duration(row.slow_seconds)}" if row.slow_seconds is not None else ""
    return FlowLine(
        source=source, target=target, volume=row.times, text=f"{percent(row.share)}{took}",
        tone=_apart(row) if metric else tone(row.errors),
        tip=f"{source} → {target}: {count(row.customers, 'customer')}, {percent(row.share)} of those there"
        f"{took}{slow}{bad}{then}",
    )  # fmt: skip


def _part(row: LineRow, share: float) -> FlowLine:
    source, target = _ends(row)
    return FlowLine(source=source, target=target, volume=share, text=percent(share))


def _moved(row: LineRow) -> FlowLine:
    source, target = _ends(row)
    change = row.change or 0.0
    clear = row.adjusted is not None and row.adjusted <= CLEAR
    points = f"{signed(100 * change)} points"
    beyond = "beyond chance" if clear else "within chance"
    tip = f"{source} → {target}: {percent(row.before)} before, {percent(row.now)} now, {points}, {beyond}"
    return FlowLine(
        source=source, target=target, volume=abs(change), text=points if clear else "", tip=tip,
        change=("grew" if change > 0 else "shrank") if clear else "",
    )  # fmt: skip


def legend(rows: Sequence[LineRow], steps: Sequence[StepRow], *, change: bool, metric: str = "") -> str:
    """How a map is to be read; of what changed, or of what is."""
    shown = sum(r.shown for r in rows)
    if change:
        return (
            "Width: how far the share of those at a step that went that way moved; coloured and labelled where it is "
            "beyond chance, each customer a voice of one, all ways together. Beneath: turning back."
        )
    colours = ""
    there = {r.source for r in rows if r.shown} | {r.target for r in rows if r.shown}
    if metric:
        name = metric.upper() if len(metric) <= 4 else metric
        colours = (
            f" In a step: the {name} its customers then gave. Colour: green higher, red lower than of those who did "
            "not come there, beyond chance with all steps and lines together."
        )
    elif any(s.errors >= ERRORS[1][0] and s.step in there for s in steps):
        colours = " Colour: share that met an error, " + ", ".join(f"{words} {look}" for look, words in _scale()) + "."
    return (
        f"Width: moves. On a line: share of customers there that went that way next, and the median time. Beneath: "
        f"turning back.{colours} The {number(shown)} most frequent of {number(len(rows))} lines, "
        f"{percent(sum(r.times for r in rows if r.shown) / max(sum(r.times for r in rows), 1))} of moves."
    )


def _scale() -> list[tuple[Literal["grey", "pale red", "red"], str]]:
    return [("red", ERRORS[0][2]), ("pale red", ERRORS[1][2]), ("grey", ERRORS[2][2])]
