"""A list of options with their intervals, and the line drawn under what was chosen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, text_width, ticks
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, kw_only=True)
class ChoiceBar:
    """One option.

    Attributes:
        label: What it is.
        value: What it is expected to bring.
        low: Lower end of what it may bring.
        high: Upper end.
        chosen: Whether it is chosen: drawn full, above the line.
        note: What stands beside it: its cost.
        more: What stands under the note in wide places: its chance.
        link: Where it leads.
        tip: What the pointer is told.
    """

    label: str
    value: float
    low: float
    high: float
    chosen: bool
    note: str = ""
    more: str = ""
    link: str = ""
    tip: str = ""


def choice_bars(
    bars: Sequence[ChoiceBar], *, title: str, line: str, alt: str = "", write: Callable[[float], str] = number
) -> Figure:
    """Draw options in their order, chosen ones first, a line under them.

    Args:
        bars: The options.
        title: The finding.
        line: What the line is: budget 60 k€.
        alt: What it shows.
        write: How values are written.
    """

    def draw(sheet: Sheet) -> None:
        if not bars:
            nothing(sheet, "Nothing to choose from yet.")
            return
        narrow = is_narrow(sheet)
        ends = [v for b in bars for v in (b.low, b.high, b.value)] + [0.0]
        low, high = min(ends), max(ends)
        more = (high - low) * 0.04 or 1.0
        labels = 0.0 if narrow else min(max(text_width(b.label, 13.5, strong=True) for b in bars) + 30, 300.0)
        notes = 0.0 if narrow else max(text_width(t, 12) for b in bars for t in (b.note, b.more)) + 24
        x = Scale(low - more, high + more, labels + 6, sheet.width - (72.0 if narrow else notes))
        pitch = 56.0 if narrow else 42.0
        y = 30.0
        for tick in ticks(x.low, x.high, 3 if narrow else 5):
            sheet.text(min(max(x(tick), 22), sheet.width - 22), 14, write(tick), "soft label", anchor="middle")
        top = y
        drawn = False
        for bar in bars:
            if not bar.chosen and not drawn:
                y = _line(sheet, y, line if top < y else "nothing chosen")
                drawn = True
            _bar(sheet, bar, x, y, write, narrow=narrow)
            y += pitch
        if not drawn:
            y = _line(sheet, y, line)
        if not narrow:  # in narrow places names stand over the bars, so each bar has its own piece of axis
            sheet.line(x(0.0), 22, x(0.0), y, "axis")
        sheet.height = y + 6

    return finished(draw, title=title, alt=alt)


def _line(sheet: Sheet, y: float, words: str) -> float:
    sheet.line(0, y + 12, sheet.width - text_width(words, 12) - 12, y + 12, "reference")
    sheet.text(sheet.width, y + 16, words, "accent-text label", anchor="end")
    return y + 26


def _bar(sheet: Sheet, bar: ChoiceBar, x: Scale, top: float, write: Callable[[float], str], *, narrow: bool) -> None:
    tone = "accent" if bar.chosen else "quiet"
    words = f"{bar.label}: {write(bar.value)}, {write(bar.low)} to {write(bar.high)}"
    sheet.open_mark(bar.link, f"{words}; {bar.tip}" if bar.tip else words, key=bar.label)
    sheet.hit(0, top, sheet.width, 40)
    room = sheet.width - text_width(bar.note, 12) - 34 if narrow else x.start - 34
    at = top + (14 if narrow else 25)
    if bar.chosen:  # a drawn tick: few fonts have one
        sheet.polyline([(1, at - 4.5), (4.5, at - 1), (11, at - 9)], "line")
    label = fitted(bar.label, room, 13.5, strong=bar.chosen)
    sheet.text(18, at, label, "row strong" if bar.chosen else "row")
    if narrow:
        sheet.text(sheet.width, top + 14, bar.note, "soft label", anchor="end")
    else:
        sheet.text(sheet.width, top + (16 if bar.more else 25), bar.note, "soft label", anchor="end")
        sheet.text(sheet.width, top + 33, bar.more, "soft label", anchor="end")
    y = top + (32 if narrow else 20)
    start, end = x(bar.low), x(bar.high)
    if narrow:
        sheet.line(x(0.0), y - 11, x(0.0), y + 11, "axis")
    sheet.rect(start, y - 5, end - start, 10, tone, round_=5, strength=0.22)
    sheet.circle(x(bar.value), y, 5, tone)
    text = write(bar.value)
    wide = text_width(text, 12.5, strong=True)
    if narrow:
        at = min(max(x(bar.high), x(bar.value)) + 8, sheet.width - wide)
        sheet.text(at, y + 4.5, text, "label strong")
    else:
        sheet.text(min(x(bar.value) + 9, x.end - wide), y - 8, text, "label strong")
    sheet.close_mark(bar.link)
