"""Many series at a glance: small charts of one size, each with its usual range and where it was left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, short_number, text_width
from regard.figures.figure import Figure, finished, is_narrow, nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

TALL, GAP = 132.0, 26.0


@dataclass(frozen=True, kw_only=True)
class Small:
    """One small chart.

    Attributes:
        label: What is watched.
        values: One per step; None leaves a gap.
        low: Lower end of the usual range at each step.
        high: Upper end.
        since: Position since which it is off course; -1 where it is not.
        last: The last value in words.
        verdict: What it says, in words.
        tone: good, bad, or empty.
        link: Where it leads.
    """

    label: str
    values: Sequence[float | None]
    low: Sequence[float | None] = ()
    high: Sequence[float | None] = ()
    since: int = -1
    last: str = ""
    verdict: str = ""
    tone: str = ""
    link: str = ""


def small_multiples(
    charts: Sequence[Small], *, title: str, alt: str = "", ends: tuple[str, str] = ("", ""), empty: str = ""
) -> Figure:
    """Draw the charts in three columns, or below each other in narrow places.

    Args:
        charts: In reading order.
        title: The finding.
        alt: What it shows.
        ends: Words for the first and the last step, the same for all.
        empty: What to say where there is none.
    """

    def draw(sheet: Sheet) -> None:
        if not charts:
            nothing(sheet, empty or "Nothing is watched yet.")
            return
        columns = 1 if is_narrow(sheet) else 3
        width = (sheet.width - GAP * (columns - 1)) / columns
        for i, chart in enumerate(charts):
            row, column = divmod(i, columns)
            _chart(sheet, chart, column * (width + GAP), row * TALL, width)
        foot = -(-len(charts) // columns) * TALL
        sheet.text(0, foot + 4, ends[0], "soft label")
        sheet.text(sheet.width, foot + 4, ends[1], "soft label", anchor="end")
        sheet.height = foot + 12

    return finished(draw, title=title, alt=alt)


def _chart(sheet: Sheet, chart: Small, left: float, top: float, width: float) -> None:
    last = fitted(chart.last, width * 0.45, 13, strong=True)
    sheet.open_mark(chart.link, f"{chart.label}: {chart.last}, {chart.verdict}")
    sheet.rect(left, top, width, TALL - 14, "hit")
    name = fitted(chart.label, width - text_width(last, 13, strong=True) - 14, 13)
    sheet.text(left, top + 16, name, "row")
    sheet.text(left + width, top + 16, last, "strong", anchor="end")
    _plot(sheet, chart, (left + 2, left + width - 6), (top + 28, top + 84))
    mark = {"good": "▲ ", "bad": "▼ "}.get(chart.tone, "")
    look = f"{chart.tone}-text label" if chart.tone else "soft label"
    sheet.text(left, top + 104, fitted(f"{mark}{chart.verdict}", width, 12.5), look)
    sheet.close_mark(chart.link)


def _plot(sheet: Sheet, chart: Small, sides: tuple[float, float], place: tuple[float, float]) -> None:
    known = [i for i, v in enumerate(chart.values) if v is not None]
    if not known:
        sheet.line(sides[0], place[1], sides[1], place[1], "rule")
        return
    shown = [v for v in chart.values if v is not None]
    # A range far wider than what was ever seen is cut where it leaves the chart.
    least, most = min(shown), max(shown)
    ends = [v for v in (*chart.low, *chart.high) if v is not None]
    room = (most - least) or abs(most) or 1.0
    low, high = max(min([least, *ends]), least - room), min(max([most, *ends]), most + room)
    x = Scale(0, max(len(chart.values) - 1, 1), *sides)
    y = Scale(low, high, place[1], place[0])
    if 0 <= chart.since < len(chart.values):
        sheet.rect(x(chart.since), place[0] - 4, sides[1] - x(chart.since), place[1] - place[0] + 8, "washed")
    _range(sheet, chart, x, y, (low, high))
    run: list[tuple[float, float]] = []
    for i, value in enumerate([*chart.values, None]):
        if value is not None:
            run.append((x(i), y(value)))
        elif run:
            if len(run) > 1:
                sheet.polyline(run, "line")
            run = []
    sheet.line(sides[0], place[1] + 4, sides[1], place[1] + 4, "rule")
    sheet.circle(x(known[-1]), y(shown[-1]), 3.4, chart.tone or "accent")


def _range(sheet: Sheet, chart: Small, x: Scale, y: Scale, ends: tuple[float, float]) -> None:
    both = list(zip(chart.low, chart.high, strict=False))
    known = [i for i, (a, b) in enumerate(both) if a is not None and b is not None]
    if len(known) < 2:
        return

    def at(i: int, value: float | None) -> str:
        return f"{short_number(x(i))},{short_number(y(min(max(value or 0.0, ends[0]), ends[1])))}"

    upper = [at(i, both[i][1]) for i in known]
    lower = [at(i, both[i][0]) for i in reversed(known)]
    sheet.path("M" + " L".join(upper + lower) + "Z", "band")
