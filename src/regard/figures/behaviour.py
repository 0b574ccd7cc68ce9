"""Process-behaviour charts, one row per measure: each against its own past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

TALL = 74.0


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Points from `start` up to before `stop` with the limits that hold for them."""

    start: int
    stop: int
    centre: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class BehaviourRow:
    """One measure.

    Attributes:
        label: What is measured.
        values: One per step of time; None leaves a gap.
        stretches: Natural limits, in order.
        marked: Positions that are signals.
        last: The last value in words.
        verdict: What it says, in words.
        tone: good, bad, or empty where nothing has changed.
        tips: What the pointer is told at each step.
    """

    label: str
    values: Sequence[float | None]
    stretches: Sequence[Stretch] = ()
    marked: Sequence[int] = ()
    last: str = ""
    verdict: str = ""
    tone: str = ""
    tips: Sequence[str] = ()


def behaviour_rows(
    rows: Sequence[BehaviourRow], *, title: str, alt: str = "", ends: tuple[str, str] = ("", "")
) -> Figure:
    """Draw measures below each other over the same time: line, natural limits as a band, mean, signals marked.

    Args:
        rows: The measures; all over the same steps of time.
        title: The finding.
        alt: What it shows.
        ends: Words for the first and the last step.
    """

    def draw(sheet: Sheet) -> None:
        if not rows:
            nothing(sheet, "No measure has a past long enough to be held against yet.")
            return
        narrow = is_narrow(sheet)
        left, right = (4.0, sheet.width - 8) if narrow else (196.0, sheet.width - 262)
        y = 0.0
        for row in rows:
            y = (_narrow if narrow else _wide)(sheet, row, y, (left, right))
        sheet.text(left, y + 14, ends[0], "soft label")
        sheet.text(right, y + 14, ends[1], "soft label", anchor="end")
        sheet.height = y + 22

    return finished(draw, title=title, alt=alt)


def _wide(sheet: Sheet, row: BehaviourRow, top: float, sides: tuple[float, float]) -> float:
    names = wrapped(row.label, sides[0] - 18, 13.5, lines=2)
    start = top + (34 if len(names) == 1 else 24)
    for i, line in enumerate(names):
        sheet.text(0, start + 17 * i, line, "row")
    sheet.text(0, start + 17 * len(names) + 3, row.last, "strong")
    for i, line in enumerate(wrapped(_worded(row), sheet.width - sides[1] - 24, 12.5, lines=3)):
        sheet.text(sides[1] + 22, top + 30 + 17 * i, line, _look(row))
    _chart(sheet, row, (top + 10, top + TALL - 8), sides)
    sheet.line(0, top + TALL, sheet.width, top + TALL, "rule")
    return top + TALL


def _narrow(sheet: Sheet, row: BehaviourRow, top: float, sides: tuple[float, float]) -> float:
    sheet.text(0, top + 16, fitted(row.label, sheet.width - 110, 13.5), "row")
    sheet.text(sheet.width, top + 16, row.last, "strong", anchor="end")
    _chart(sheet, row, (top + 26, top + 80), sides)
    lines = wrapped(_worded(row), sheet.width, 12.5, lines=3)
    for i, line in enumerate(lines):
        sheet.text(0, top + 98 + 16 * i, line, _look(row))
    foot = top + 94 + 16 * len(lines)
    sheet.line(0, foot, sheet.width, foot, "rule")
    return foot


def _worded(row: BehaviourRow) -> str:
    mark = {"good": "▲ ", "bad": "▼ "}.get(row.tone, "")
    return f"{mark}{row.verdict}"


def _look(row: BehaviourRow) -> str:
    return f"{row.tone}-text label" if row.tone else "soft label"


def _chart(sheet: Sheet, row: BehaviourRow, place: tuple[float, float], sides: tuple[float, float]) -> None:
    known = [(i, v) for i, v in enumerate(row.values) if v is not None]
    if not known:
        sheet.line(sides[0], sum(place) / 2, sides[1], sum(place) / 2, "rule")
        return
    edges = [v for _, v in known] + [v for s in row.stretches for v in (s.low, s.high)]
    x = Scale(0, max(len(row.values) - 1, 1), sides[0], sides[1])
    y = Scale(min(edges), max(edges), place[1], place[0])
    half = (sides[1] - sides[0]) / max(len(row.values) - 1, 1) / 2
    for s in row.stretches:
        start, end = max(x(s.start) - half, sides[0]), min(x(s.stop - 1) + half, sides[1])
        sheet.rect(start, y(s.high), end - start, y(s.low) - y(s.high), "band")
        sheet.line(start, y(s.centre), end, y(s.centre), "reference")
    run: list[tuple[float, float]] = []
    for i, value in enumerate([*row.values, None]):
        if value is not None:
            run.append((x(i), y(value)))
        elif run:
            if len(run) > 1:
                sheet.polyline(run, "line")
            run = []
    last = known[-1][0]
    for i, value in known:
        marked = i in row.marked
        sheet.open_mark("", row.tips[i] if i < len(row.tips) else "")
        sheet.hit(x(i) - 5, y(value) - 12, 10, 24)
        if marked:
            sheet.circle(x(i), y(value), 6.0, "halo")
            sheet.circle(x(i), y(value), 4.2, row.tone or "accent")
        elif i == last:
            sheet.circle(x(i), y(value), 3.6, "accent")
        sheet.close_mark("")
