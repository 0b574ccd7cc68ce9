"""A line as small as a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, short_number
from regard.figures.figure import Figure, composed

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 120.0, 26.0


def sparkline(
    values: Sequence[float | None],
    *,
    title: str,
    alt: str = "",
    low: Sequence[float | None] = (),
    high: Sequence[float | None] = (),
) -> Figure:
    """Draw values as a small line with its last point, and their band when ends are given; None leaves a gap."""
    sheet = Sheet(WIDTH, HEIGHT)
    _draw(sheet, values, low, high)
    return composed(sheet, sheet, title=title, alt=alt, place="spark")


def _draw(
    sheet: Sheet, values: Sequence[float | None], low: Sequence[float | None], high: Sequence[float | None]
) -> None:
    edges = [v for v in (*values, *low, *high) if v is not None]
    known = [i for i, v in enumerate(values) if v is not None]
    if not known:
        sheet.line(2, HEIGHT / 2, WIDTH - 2, HEIGHT / 2, "rule")
        return
    x = Scale(0, max(len(values) - 1, 1), 3, WIDTH - 5)
    y = Scale(min(edges), max(edges), HEIGHT - 4, 4)
    for run in _runs(values):
        banded = [i for i in run if i < len(low) and i < len(high) and low[i] is not None and high[i] is not None]
        if len(banded) > 1:
            ends = [(x(i), y(high[i] or 0.0)) for i in banded] + [(x(i), y(low[i] or 0.0)) for i in reversed(banded)]
            sheet.path("M" + " L".join(f"{short_number(a)},{short_number(b)}" for a, b in ends) + "Z", "band")
        if len(run) > 1:
            sheet.polyline([(x(i), y(values[i] or 0.0)) for i in run], "line")
    sheet.circle(x(known[-1]), y(values[known[-1]] or 0.0), 2.8, "accent")


def _runs(values: Sequence[float | None]) -> list[list[int]]:
    """Positions of values without a gap between them: a gap in the line is a gap in its band."""
    runs: list[list[int]] = [[]]
    for i, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(i)
    return [run for run in runs if run]
