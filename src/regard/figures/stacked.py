"""How answers are distributed: shares of a whole, from bad to good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Sheet, fitted, text_width
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

_TONES = {
    1: ("middling",),
    2: ("bad", "good"),
    3: ("bad", "middling", "good"),
    4: ("bad", "fairly-bad", "fairly-good", "good"),
    5: ("bad", "fairly-bad", "middling", "fairly-good", "good"),
}


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """One bar.

    Attributes:
        label: Whose answers: the group or the period.
        parts: Amounts from the worst level to the best; shares are made of them.
        note: What stands at the end of the row.
        link: Where its answers are.
        tip: What the pointer is told.
    """

    label: str
    parts: tuple[float, ...]
    note: str = ""
    link: str = ""
    tip: str = ""


def stacked(bars: Sequence[Distribution], levels: Sequence[str], *, title: str, alt: str = "") -> Figure:
    """Draw shares as one bar a row.

    Args:
        bars: The rows.
        levels: Names of the levels from the worst to the best: detractors, passives, promoters.
        title: The finding.
        alt: What it shows.
    """
    shown = [b for b in bars if sum(b.parts) > 0]

    def draw(sheet: Sheet) -> None:
        if not shown:
            nothing(sheet, "No answers in this period yet.")
            return
        narrow = is_narrow(sheet)
        labels = 0.0 if narrow else min(max(text_width(b.label, 13.5) for b in shown) + 18, 220.0)
        notes = 0.0 if narrow else max(text_width(b.note, 12) for b in shown) + 14
        y = _legend(sheet, levels, labels)
        for bar in shown:
            y = _bar(sheet, bar, levels, (labels, sheet.width - notes), y, narrow=narrow)
        sheet.height = y

    return finished(draw, title=title, alt=alt)


def _tone(i: int, levels: int) -> str:
    known = _TONES.get(levels)
    if known:
        return known[i]
    return _TONES[5][min(round(i * 4 / max(levels - 1, 1)), 4)]


def _legend(sheet: Sheet, levels: Sequence[str], left: float) -> float:
    x, y = left, 12.0
    for i, level in enumerate(levels):
        size = text_width(level, 12) + 30
        if x + size > sheet.width and x > left:
            x, y = left, y + 20
        sheet.rect(x, y - 9, 10, 10, _tone(i, len(levels)), round_=2)
        sheet.text(x + 15, y, fitted(level, sheet.width - 20, 12), "soft label")
        x += size
    return y + 12


def _bar(
    sheet: Sheet, bar: Distribution, levels: Sequence[str], place: tuple[float, float], y: float, *, narrow: bool
) -> float:
    left, right = place
    total = sum(bar.parts)
    words = ", ".join(f"{level} {percent(v / total)}" for level, v in zip(levels, bar.parts, strict=False))
    sheet.open_mark(bar.link, bar.tip or f"{bar.label}: {words}", key=bar.label)
    sheet.hit(0, y, sheet.width, 30)
    if narrow:
        note = fitted(bar.note, 150, 12)
        sheet.text(0, y + 15, fitted(bar.label, sheet.width - text_width(note, 12) - 12, 13.5), "row")
        sheet.text(sheet.width, y + 15, note, "soft label", anchor="end")
        y += 20
    else:
        sheet.text(0, y + 16, fitted(bar.label, left - 12, 13.5), "row")
        sheet.text(sheet.width, y + 16, bar.note, "soft label", anchor="end")
    x, width = left, right - left
    for i, part in enumerate(bar.parts):
        size = width * part / total
        sheet.rect(x, y + 2, max(size - 1.5, 0.0), 11, _tone(i, len(levels)), round_=2)
        shown = percent(part / total)
        if size > text_width(shown, 11.5) + 4:
            sheet.text(x, y + 26, shown, "soft small")
        x += size
    sheet.close_mark(bar.link)
    return y + 38
