"""What follows each of some things that happen to people: a row each, and a column for every thing that may follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, text_width, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

ROW, NARROW_ROW = 38.0, 60.0


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """One difference: what followed with it, less without it.

    Attributes:
        value: The difference.
        low: Lower end of its interval.
        high: Upper end.
        text: How it is written.
        tone: "bad" or "good" where it is beyond chance.
    """

    value: float
    low: float
    high: float
    text: str
    tone: str = ""


@dataclass(frozen=True, kw_only=True)
class Rub:
    """One row.

    Attributes:
        label: What happened.
        size: To how many.
        text: How that is written.
        cells: One a column; None where it is not known.
        tip: What the pointer is told.
    """

    label: str
    size: float
    text: str
    cells: tuple[Consequence | None, ...]
    tip: str = ""


def consequences(rows: Sequence[Rub], columns: Sequence[str], *, title: str, legend: str = "", alt: str = "") -> Figure:
    """Draw who met what, and what followed; each column has a scale of its own around no difference.

    Args:
        rows: In the order of their weight.
        columns: What may follow.
        title: The finding.
        legend: How to read it.
        alt: What it shows.
    """

    def draw(sheet: Sheet) -> None:
        if not rows:
            nothing(sheet, "No friction was met by enough customers.")
            return
        narrow = is_narrow(sheet)
        start = 0.0 if narrow else min(max(text_width(r.label, 13.5) for r in rows) + 14, 270.0) + 128
        wide = (sheet.width - start) / max(len(columns), 1)
        scales = [_scale([r.cells[j] for r in rows], start + wide * j, wide) for j in range(len(columns))]
        _heads(sheet, columns, scales, start, wide)
        pitch, top = (NARROW_ROW if narrow else ROW), 34.0
        most = max(r.size for r in rows) or 1.0
        foot = top + pitch * len(rows)
        for scale in () if narrow else scales:
            sheet.line(scale(0.0), top - 4, scale(0.0), foot, "axis")
        for i, row in enumerate(rows):
            _row(sheet, row, scales, top + pitch * i, (start, most))
        sheet.height = foot + 4
        for line in wrapped(legend, sheet.width, 11.5, lines=4 if narrow else 2) if legend else ():
            sheet.height += 17
            sheet.text(0, sheet.height - 3, line, "soft small")

    return finished(draw, title=title, alt=alt)


def _scale(cells: Sequence[Consequence | None], start: float, wide: float) -> Scale:
    reach = max((max(abs(c.low), abs(c.high)) for c in cells if c is not None), default=1.0) or 1.0
    pad = min(wide * 0.12, 16.0)
    return Scale(-reach, reach, start + pad, start + wide - pad)


def _heads(sheet: Sheet, columns: Sequence[str], scales: Sequence[Scale], start: float, wide: float) -> None:
    for name, scale in zip(columns, scales, strict=True):
        lines = wrapped(name, wide - 8, 12, lines=2)
        for k, line in enumerate(lines):
            sheet.text(scale(0.0), 20 - 14 * (len(lines) - 1 - k), line, "soft label", anchor="middle")
    if start:
        sheet.text(start - 14, 20, "customers", "soft label", anchor="end")


def _row(sheet: Sheet, row: Rub, scales: Sequence[Scale], top: float, place: tuple[float, float]) -> None:
    start, most = place
    narrow = is_narrow(sheet)
    y = top + (44 if narrow else 24)
    sheet.open_mark("", row.tip, key=row.label)
    sheet.hit(0, top, sheet.width, NARROW_ROW - 4 if narrow else ROW - 2)
    room = sheet.width - text_width(row.text, 12) - 14 if narrow else start - 138
    sheet.text(0, top + (15 if narrow else 22), fitted(row.label, room, 13.5), "row")
    if narrow:
        sheet.text(sheet.width, top + 15, row.text, "soft label", anchor="end")
    else:
        long = 106.0 * row.size / most
        sheet.rect(start - 120, top + 25, 106, 4, "washed", round_=2)
        sheet.rect(start - 120, top + 25, long, 4, "quiet", round_=2)
        sheet.text(start - 14, top + 19, row.text, "label", anchor="end")
    for cell, scale in zip(row.cells, scales, strict=True):
        if narrow:
            sheet.line(scale(0.0), y - 8, scale(0.0), y + 8, "axis")
        if cell is not None:
            _cell(sheet, cell, scale, y)
    sheet.close_mark("")
    sheet.line(
        0, top + (NARROW_ROW if narrow else ROW) - 2, sheet.width, top + (NARROW_ROW if narrow else ROW) - 2, "rule"
    )


def _cell(sheet: Sheet, cell: Consequence, scale: Scale, y: float) -> None:
    tone = cell.tone or "quiet"
    low, high = scale(cell.low), scale(cell.high)
    sheet.rect(low, y - 4, high - low, 8, tone, round_=4, strength=0.25 if cell.tone else 0.16)
    if cell.tone:
        sheet.circle(scale(cell.value), y, 4.5, tone)
    else:
        sheet.circle(scale(cell.value), y, 2.6, tone)
    wide = text_width(cell.text, 11.5, strong=bool(cell.tone)) / 2
    x = min(max(scale(cell.value), scale.start - 10 + wide), scale.end + 10 - wide)
    look = f"{cell.tone}-text strong edge" if cell.tone else "soft edge"
    sheet.text(x, y - 8, cell.text, look, anchor="middle")
