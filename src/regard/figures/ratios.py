"""How many times as often: a dot on its interval by a scale that halves and doubles, against once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, text_width, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import number

if TYPE_CHECKING:
    from collections.abc import Sequence

STOPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
LEAST, MOST = 0.02, 50.0
"""Ends beyond these are drawn as going on."""


@dataclass(frozen=True, kw_only=True)
class RatioMark:
    """One ratio.

    Attributes:
        label: What it is of.
        value: How many times as often; above 0.
        low: Lower end.
        high: Upper end.
        text: How it is written.
        note: What stands at the end of the row.
        marked: "bad" or "good" where it is beyond chance; empty where it is not.
        link: Where its customers are.
        key: What it stands for.
        tip: What the pointer is told.
    """

    label: str
    value: float
    low: float
    high: float
    text: str
    note: str = ""
    marked: str = ""
    link: str = ""
    key: str = ""
    tip: str = ""


def ratio_dots(
    marks: Sequence[RatioMark], *, title: str, alt: str = "", once: str = "as often", column: str = "", legend: str = ""
) -> Figure:
    """Draw ratios, each beneath its label.

    Args:
        marks: In the order shown.
        title: The finding.
        alt: What it shows.
        once: What a ratio of one is called.
        column: Head of the column at the end.
        legend: How to read it.
    """

    def draw(sheet: Sheet) -> None:
        if not marks:
            nothing(sheet, "Nothing to show beyond chance.")
            return
        ends = [v for m in marks for v in (m.low, m.high, m.value) if v > 0 and math.isfinite(v)]
        low, high = max(min(ends), LEAST), min(max(ends), MOST)
        notes = max(text_width(m.note, 12.5) for m in marks)
        room = 8.0 if is_narrow(sheet) else max(notes, text_width(column, 12)) + 24
        x = Scale(math.log(min(low / 1.15, 0.8)), math.log(max(high * 1.15, 1.6)), 6.0, sheet.width - room)
        y = _head(sheet, x, once, column, narrow=is_narrow(sheet))
        top, pitch = y - 8, 46.0
        foot = top + pitch * len(marks)
        for stop in (s for s in STOPS if x.low < math.log(s) < x.high and s != 1.0):
            sheet.line(x(math.log(stop)), top, x(math.log(stop)), foot, "rule")
        sheet.line(x(0.0), top, x(0.0), foot, "reference")
        for i, mark in enumerate(marks):
            _mark(sheet, mark, x, top + pitch * i)
        sheet.height = foot + 4
        for line in wrapped(legend, sheet.width, 11.5, lines=4) if legend else ():
            sheet.height += 17
            sheet.text(0, sheet.height - 3, line, "soft small")

    return finished(draw, title=title, alt=alt)


def _head(sheet: Sheet, x: Scale, once: str, column: str, *, narrow: bool) -> float:
    """Numbers of the scale, and where the rows begin."""
    half = text_width(once, 12) / 2
    middle = min(max(x(0.0), half), sheet.width - half)
    sheet.text(middle, 12, once, "accent-text label", anchor="middle")
    for stop in STOPS:
        at = math.log(stop)
        if x.low < at < x.high and stop != 1.0:
            sheet.text(x(at), 28, f"{number(stop)}×", "soft label", anchor="middle")
    sheet.text(x(0.0), 28, "1×", "accent-text label", anchor="middle")
    if column and not narrow:
        sheet.text(sheet.width, 12, column, "soft label", anchor="end")
    return 44.0


def _mark(sheet: Sheet, mark: RatioMark, x: Scale, top: float) -> None:
    narrow = is_narrow(sheet)
    y, look = top + 32, mark.marked or "quiet"
    sheet.open_mark(mark.link, mark.tip or f"{mark.label}: {mark.text}", key=mark.key or mark.label)
    sheet.hit(0, top + 2, sheet.width, 42)
    used = text_width(mark.note, 12.5) + 14 if narrow and mark.note else 0.0
    label = fitted(mark.label, (sheet.width if narrow else x.end) - used, 13.5)
    sheet.rect(0, top + 3, text_width(label, 13.5), 17, "halo")
    sheet.text(0, top + 16, label, "row")
    start, end = (x(math.log(min(max(v, math.exp(x.low)), math.exp(x.high)))) for v in (mark.low, mark.high))
    sheet.rect(start, y - 5, max(end - start, 1.0), 10, look, round_=5, strength=0.22)
    at = x(math.log(min(max(mark.value, math.exp(x.low)), math.exp(x.high))))
    sheet.circle(at, y, 5, look)
    tone = f"{mark.marked}-text strong" if mark.marked else "soft label"
    wide = text_width(mark.text, 12.5, strong=True)
    left = end + 9 if end + 9 + wide <= (sheet.width if narrow else x.end + 10) else start - 9 - wide
    sheet.rect(left - 1, y - 6, wide, 13, "halo")
    sheet.text(left, y + 4.5, mark.text, tone)
    if mark.note:
        sheet.text(sheet.width, top + (16 if narrow else 26), mark.note, "label", anchor="end")
    sheet.close_mark(mark.link)
