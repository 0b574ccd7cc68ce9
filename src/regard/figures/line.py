"""A measure over time with its band: what happened beside it, and the period before as a ghost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, short_number, text_width, ticks, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, kw_only=True)
class Point:
    """One step of time.

    Attributes:
        label: What stands under it: Sep.
        value: The measure; None leaves a gap (too little data).
        low: Lower end of its interval, if it has one.
        high: Upper end.
        link: Where its customers are.
        tip: What the pointer is told.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    link: str = ""
    tip: str = ""


@dataclass(frozen=True, kw_only=True)
class Notch:
    """Something that happened. `at` counts steps from the first point: 6.4 is after the seventh."""

    at: float
    label: str


@dataclass(frozen=True)
class _Frame:
    points: Sequence[Point]
    before: Sequence[Point]
    events: Sequence[Notch]
    before_name: str
    write: Callable[[float], str]
    write_axis: Callable[[float], str]
    x: Scale
    y: Scale


def banded_line(
    points: Sequence[Point],
    *,
    title: str,
    alt: str = "",
    before: Sequence[Point] = (),
    before_name: str = "a period before",
    events: Sequence[Notch] = (),
    write: Callable[[float], str] = number,
    write_axis: Callable[[float], str] = number,
) -> Figure:
    """Draw a line with its band; the last point carries its number.

    Args:
        points: The steps, in order.
        title: The finding.
        alt: What it shows.
        before: The same steps a period before, drawn as a dashed ghost.
        before_name: What the ghost is called.
        events: What happened beside it.
        write: How the last value is written.
        write_axis: How the axis is written.
    """

    def draw(sheet: Sheet) -> None:
        if not any(p.value is not None for p in points):
            nothing(sheet, "Not enough answers to draw a line yet.")
            return
        narrow = is_narrow(sheet)
        last = next(p for p in reversed(points) if p.value is not None)
        right = 14 + text_width(write(last.value or 0.0), 17, strong=True)
        plot = (34.0 if events else 14.0, 176.0 if narrow else 204.0)
        low, high = _range([*points, *before])
        lines = ticks(low, high, 3 if narrow else 4)
        left = max(text_width(write_axis(t), 12) for t in lines or [0.0]) + 10
        x = Scale(0, max(len(points) - 1, 1), left + 6, sheet.width - right)
        if len(points) == 1:
            x = Scale(-1, 1, x.start, x.end)
        frame = _Frame(points, before, events, before_name, write, write_axis, x, Scale(low, high, plot[1], plot[0]))
        _grid(sheet, frame, lines, left)
        _events(sheet, frame, plot)
        _ghost(sheet, frame)
        _band(sheet, frame)
        _marks(sheet, frame)
        sheet.height = plot[1] + 30

    return finished(draw, title=title, alt=alt)


def _range(points: Sequence[Point]) -> tuple[float, float]:
    edges = [v for p in points for v in (p.value, p.low, p.high) if v is not None and p.value is not None]
    low, high = min(edges), max(edges)
    more = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return low - more, high + more


def _grid(sheet: Sheet, frame: _Frame, lines: Sequence[float], left: float) -> None:
    for value in lines:
        y = frame.y(value)
        sheet.line(left, y, frame.x.end + 4, y, "rule")
        sheet.text(left - 8, y + 4, frame.write_axis(value), "soft label", anchor="end")
    pitch = (frame.x.end - frame.x.start) / max(len(frame.points) - 1, 1)
    widest = max(text_width(p.label, 12) for p in frame.points) + 12
    every = max(1, -(-int(widest) // max(int(pitch), 1)))
    count = len(frame.points)
    for i, point in enumerate(frame.points):
        if (count - 1 - i) % every == 0:
            sheet.text(frame.x(i), frame.y.start + 22, point.label, "soft label", anchor="middle")


def _events(sheet: Sheet, frame: _Frame, plot: tuple[float, float]) -> None:
    free = 0.0
    for event in sorted(frame.events, key=lambda e: e.at):
        x = frame.x(min(max(event.at, 0), max(len(frame.points) - 1, 0)))
        sheet.open_mark("", event.label)
        sheet.line(x, plot[0] - 16, x, plot[1], "event")
        sheet.path(f"M{short_number(x - 3.5)} {plot[0] - 20:.1f} h7 l-3.5 5z", "event-flag")
        # Words go to the right of their line, or to the left where there is more room there.
        right, left = sheet.width - x - 8, x - free - 8
        if x >= free and right >= min(text_width(event.label, 12), 110):
            words = fitted(event.label, right, 12)
            sheet.text(x + 7, plot[0] - 8, words, "note")
            free = x + 7 + text_width(words, 12)
        elif left > 60:
            sheet.text(x - 7, plot[0] - 8, fitted(event.label, left, 12), "note", anchor="end")
            free = x + 4
        sheet.close_mark("")


def _runs(points: Sequence[Point]) -> list[list[int]]:
    """Positions of points without a gap between them."""
    runs: list[list[int]] = [[]]
    for i, point in enumerate(points):
        if point.value is None:
            runs.append([])
        else:
            runs[-1].append(i)
    return [r for r in runs if r]


def _ghost(sheet: Sheet, frame: _Frame) -> None:
    for run in _runs(frame.before[: len(frame.points)]):
        places = [(frame.x(i), frame.y(frame.before[i].value or 0.0)) for i in run]
        if len(places) > 1:
            sheet.polyline(places, "ghost")
    known = [i for i, p in enumerate(frame.before[: len(frame.points)]) if p.value is not None]
    if known:
        # Its name stands where ghost and line are furthest apart, on the far side.
        i = max(
            known[: max(len(known) - 3, 1)],
            key=lambda k: abs((frame.before[k].value or 0.0) - (frame.points[k].value or 0.0)),
        )
        own = frame.points[i].value
        over = own is None or (frame.before[i].value or 0.0) > own
        y = frame.y(frame.before[i].value or 0.0) + (-8 if over else 17)
        sheet.text(frame.x(i), y, fitted(frame.before_name, frame.x.end - frame.x(i), 12), "note")


def _band(sheet: Sheet, frame: _Frame) -> None:
    for run in _runs(frame.points):
        with_band = [i for i in run if frame.points[i].low is not None and frame.points[i].high is not None]
        if len(with_band) > 1:
            upper = [(frame.x(i), frame.y(frame.points[i].high or 0.0)) for i in with_band]
            lower = [(frame.x(i), frame.y(frame.points[i].low or 0.0)) for i in reversed(with_band)]
            shape = " L".join(f"{short_number(x)},{short_number(y)}" for x, y in upper + lower)
            sheet.path(f"M{shape}Z", "band")
        elif with_band:
            point, x = frame.points[with_band[0]], frame.x(with_band[0])
            sheet.line(x, frame.y(point.low or 0.0), x, frame.y(point.high or 0.0), "whisker")
        if len(run) > 1:
            sheet.polyline([(frame.x(i), frame.y(frame.points[i].value or 0.0)) for i in run], "line")


def _marks(sheet: Sheet, frame: _Frame) -> None:
    known = [i for i, p in enumerate(frame.points) if p.value is not None]
    crowded = len(known) > 40
    for i in known:
        point, last = frame.points[i], i == known[-1]
        x, y = frame.x(i), frame.y(point.value or 0.0)
        if crowded and not last and not point.link:
            continue
        tip = point.tip or f"{point.label}: {frame.write(point.value or 0.0)}"
        sheet.open_mark(point.link, tip)
        sheet.hit(x - 12, y - 12, 24, 24)
        if last:
            sheet.circle(x, y, 6.5, "halo")
            sheet.circle(x, y, 4.5, "accent")
            for j, line in enumerate(wrapped(frame.write(point.value or 0.0), 90, 17, lines=1)):
                sheet.text(x + 11, y + 6 + 18 * j, line, "large strong")
            # The last step is not the whole period: it says which one it is.
            if len(known) > 1 and text_width(point.label, 12) <= sheet.width - x - 11:
                sheet.text(x + 11, y + 22, point.label, "soft label")
        elif not crowded:
            sheet.circle(x, y, 2.4, "accent")
        sheet.close_mark(point.link)
