"""A series, what it would have gone on to be with its band, and below the difference step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, short_number, text_width, ticks
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import number, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, kw_only=True)
class Passed:
    """One step of the series.

    Attributes:
        label: What it is called: Mar 2020.
        value: What was seen; None leaves a gap.
        expected: What was expected; None where nothing was.
        low: Lower end of the band, after the date.
        high: Upper end.
    """

    label: str
    value: float | None
    expected: float | None = None
    low: float | None = None
    high: float | None = None


def interruption(
    steps: Sequence[Passed], start: int, *, title: str, event: str = "", alt: str = "", most: int = 260
) -> Figure:
    """Draw the series over what was expected, and the difference below.

    Args:
        steps: The steps in order.
        start: First step of what happened.
        title: The finding.
        event: What happened, in a word or its date.
        alt: What it shows.
        most: Steps drawn; earlier ones are left out.
    """
    left_out = max(0, len(steps) - most) if len(steps) - start < most else 0
    shown, at = steps[left_out:], start - left_out

    def draw(sheet: Sheet) -> None:
        if not any(s.value is not None for s in shown):
            nothing(sheet, "Nothing was seen.")
            return
        narrow = is_narrow(sheet)
        upper = (26.0, 190.0 if narrow else 230.0)
        lower = (upper[1] + 42, upper[1] + 138)
        edges = [v for s in shown for v in (s.value, s.expected, s.low, s.high) if v is not None]
        gaps = [s.value - s.expected for s in shown if s.value is not None and s.expected is not None]
        gaps += [0.0, *(end for s in shown for end in _ends(s))]
        left = max(text_width(number(t), 12) for t in ticks(min(edges), max(edges), 4)) + 14
        left = max(left, *(text_width(signed(t, None), 12) + 14 for t in ticks(min(gaps), max(gaps), 3)))
        x = Scale(0, max(len(shown) - 1, 1), left, sheet.width - 8)
        _upper(sheet, shown, x, _scale(edges, upper), at)
        _lower(sheet, shown, x, _scale(gaps, lower), at)
        where = x(at - 0.5)
        sheet.line(where, 14, where, lower[1], "event")
        anchor = "end" if where > sheet.width * 0.6 else "start"
        sheet.text(where + (-6 if anchor == "end" else 6), 12, fitted(event, 220, 12), "note", anchor=anchor)
        _labels(sheet, shown, x, lower[1] + 20)
        sheet.height = lower[1] + 28

    return finished(draw, title=title, alt=alt)


def _ends(step: Passed) -> tuple[float, ...]:
    if step.value is None or step.low is None or step.high is None:
        return ()
    return step.value - step.high, step.value - step.low


def _scale(values: Sequence[float], place: tuple[float, float]) -> Scale:
    more = (max(values) - min(values)) * 0.06 or 1.0
    return Scale(min(values) - more, max(values) + more, place[1], place[0])


def _grid(sheet: Sheet, x: Scale, y: Scale, write: Callable[[float], str], about: int) -> None:
    for tick in ticks(y.low, y.high, about):
        sheet.line(x.start, y(tick), x.end, y(tick), "rule")
        sheet.text(x.start - 8, y(tick) + 4, write(tick), "soft label", anchor="end")


def _area(sheet: Sheet, upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]) -> None:
    if len(upper) > 1:
        shape = " L".join(f"{short_number(a)},{short_number(b)}" for a, b in [*upper, *reversed(lower)])
        sheet.path(f"M{shape}Z", "band")


def _line(sheet: Sheet, points: Sequence[tuple[float, float] | None], look: str) -> None:
    run: list[tuple[float, float]] = []
    for point in [*points, None]:
        if point is not None:
            run.append(point)
            continue
        if len(run) > 1:
            sheet.polyline(run, look)
        elif run:
            sheet.circle(*run[0], 2, "accent")
        run = []


def _upper(sheet: Sheet, steps: Sequence[Passed], x: Scale, y: Scale, start: int) -> None:
    _grid(sheet, x, y, number, 4)
    band = [(x(i), s) for i, s in enumerate(steps) if i >= start and s.low is not None and s.high is not None]
    _area(sheet, [(a, y(s.high or 0.0)) for a, s in band], [(a, y(s.low or 0.0)) for a, s in band])
    _line(sheet, [None if s.expected is None else (x(i), y(s.expected)) for i, s in enumerate(steps)], "ghost")
    _line(sheet, [None if s.value is None else (x(i), y(s.value)) for i, s in enumerate(steps)], "line")


def _lower(sheet: Sheet, steps: Sequence[Passed], x: Scale, y: Scale, start: int) -> None:
    sheet.text(x.start, y.end - 10, "Difference from what was expected", "soft label")
    _grid(sheet, x, y, lambda v: signed(v, None), 3)
    sheet.line(x.start, y(0), x.end, y(0), "reference")
    ends = [(x(i), _ends(s)) for i, s in enumerate(steps) if i >= start and len(_ends(s)) == 2]
    _area(sheet, [(a, y(e[1])) for a, e in ends], [(a, y(e[0])) for a, e in ends])
    gaps = [
        None if s.value is None or s.expected is None else (x(i), y(s.value - s.expected)) for i, s in enumerate(steps)
    ]
    _line(sheet, gaps[:start], "ghost")
    _line(sheet, [None] * start + gaps[start:], "line")


def _labels(sheet: Sheet, steps: Sequence[Passed], x: Scale, y: float) -> None:
    widest = max(text_width(s.label, 12) for s in steps) + 18
    every = max(1, -(-int(widest) // max(int((x.end - x.start) / max(len(steps) - 1, 1)), 1)))
    pitch = (x.end - x.start) / max(len(steps) - 1, 1)
    every = max(every, -(-int(widest * 100) // max(int(pitch * 100), 1)))
    for i in range(len(steps) - 1, -1, -every):
        if x(i) - widest / 2 >= x.start - 40:
            anchor = "end" if i == len(steps) - 1 else "middle"
            sheet.text(x(i) + (6 if anchor == "end" else 0), y, steps[i].label, "soft label", anchor=anchor)
