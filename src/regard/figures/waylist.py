"""Whole ways, one beneath the other: each a row of steps that point on, beside how many take it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Sheet, fitted, short_number, text_width, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.figures.journey import Tone

if TYPE_CHECKING:
    from collections.abc import Sequence

ASIDE = 128.0
"""Room at the left for how many."""
TALL, POINT, GAP = 25.0, 8.0, 3.0
MOST_LINES = 4
"""Lines of steps a way takes at most; what is beyond is told as a number."""


@dataclass(frozen=True, kw_only=True)
class WayStep:
    """One step of a way.

    Attributes:
        label: What people call it.
        tone: Its colour, by the scale the legend states.
        fresh: Whether the commonest way has no such step.
        tip: What the pointer is told.
    """

    label: str
    tone: Tone = "none"
    fresh: bool = False
    tip: str = ""


@dataclass(frozen=True, kw_only=True)
class WayMark:
    """One way.

    Attributes:
        steps: What it is made of.
        share: Share of all journeys, for its bar.
        text: The share as it is written.
        note: How many, how long, errors, as they are written.
        told: What they then scored, renewed or spent, as it is written.
        change: What changed, as it is written; empty where nothing did beyond chance.
        grew: Whether that was more.
        key: What it stands for.
        link: Where its customers are.
        tip: What the pointer is told.
    """

    steps: tuple[WayStep, ...]
    share: float
    text: str
    note: str = ""
    told: str = ""
    change: str = ""
    grew: bool = False
    key: str = ""
    link: str = ""
    tip: str = ""

    @property
    def words(self) -> str:
        """All it shows, in words."""
        path = " → ".join(s.label for s in self.steps)
        return self.tip or ", ".join(w for w in (f"{path}: {self.text}", self.note, self.told, self.change) if w)


def way_list(ways: Sequence[WayMark], *, title: str, alt: str = "", legend: str = "") -> Figure:
    """Draw ways.

    Args:
        ways: The most taken first.
        title: The finding.
        alt: What it shows.
        legend: How to read it.
    """

    def draw(sheet: Sheet) -> None:
        if not ways:
            nothing(sheet, "Nobody went a whole way in this period.")
            return
        most, y = max(w.share for w in ways) or 1.0, 2.0
        for i, way in enumerate(ways):
            if i:
                sheet.line(0, y, sheet.width, y, "rule")
            y = _way(sheet, way, y + 8, most) + 8
        sheet.height = y
        for line in wrapped(legend, sheet.width, 11.5, lines=5) if legend else ():
            sheet.height += 17
            sheet.text(0, sheet.height - 3, line, "soft small")

    return finished(draw, title=title, alt=alt)


def _way(sheet: Sheet, way: WayMark, top: float, most: float) -> float:
    narrow = is_narrow(sheet)
    left = 0.0 if narrow else ASIDE
    lines = _placed(way.steps, left, sheet.width)
    below = [t for t in (way.note, way.told) if t]
    head = 24.0 if narrow else 0.0
    tall = head + len(lines) * (TALL + 4) + 16 * (len(_notes(sheet, below, left))) + 2
    sheet.open_mark(way.link, way.words, key=way.key)
    sheet.hit(0, top, sheet.width, max(tall, 24))
    _share(sheet, way, top, most, narrow=narrow)
    y = top + head
    for line in lines:
        for x, wide, step, first in line:
            _step(sheet, step, (x, y), wide, first=first)
        y += TALL + 4
    for note in _notes(sheet, below, left):
        sheet.text(left + 2, y + 11, note, "soft small")
        y += 16
    sheet.close_mark(way.link)
    return max(y, top + head + (48 if way.change and not narrow else 30))


def _notes(sheet: Sheet, parts: list[str], left: float) -> list[str]:
    """What stands beneath the steps: on one line where it fits."""
    room = sheet.width - left - 4
    one = " · ".join(parts)
    if not parts or text_width(one, 11.5) <= room:
        return [one] if parts else []
    return [fitted(p, room, 11.5) for p in parts]


def _share(sheet: Sheet, way: WayMark, top: float, most: float, *, narrow: bool) -> None:
    room = sheet.width if narrow else ASIDE - 24
    sheet.text(0, top + 13, way.text, "strong row")
    look = "accent-text strong small" if way.grew else "bad-text strong small"
    bar = max(room * way.share / most, 1.5)
    if narrow:
        start = text_width(way.text, 13.5, strong=True) + 10
        used = text_width(way.change, 11.5, strong=True) + 8 if way.change else 0.0
        sheet.rect(start, top + 5, max((room - start - used) * way.share / most, 1.5), 7, "total", round_=1)
        if way.change:
            sheet.text(sheet.width, top + 13, way.change, look, anchor="end")
        return
    sheet.rect(0, top + 20, bar, 7, "total", round_=1)
    if way.change:
        sheet.text(0, top + 43, fitted(way.change, ASIDE - 8, 11.5, strong=True), look)


_Line = list[tuple[float, float, WayStep, bool]]


def _placed(steps: tuple[WayStep, ...], left: float, right: float) -> list[_Line]:
    """Steps from left to right, on as many lines as they need: where each begins and how wide it is."""
    lines: list[_Line] = [[]]
    x = left
    for i, step in enumerate(steps):
        label = fitted(step.label, right - left - 3 * POINT, 12)
        wide = text_width(label, 12) + 12 + 2 * POINT
        if x > left and x + wide > right:
            if len(lines) == MOST_LINES:
                _rest(lines[-1], len(steps) - i, (x, right))
                break
            lines.append([])
            x = left
        lines[-1].append((x, wide, step, i == 0))
        x += wide - POINT + GAP
    return lines


def _rest(line: _Line, hidden: int, at: tuple[float, float]) -> None:
    """What finds no room, as a number at the end of the last line; steps make way for it."""
    x, right = at
    wide = text_width("and 999 more steps", 12) + 12 + 2 * POINT
    while line and x + wide > right:
        x = line.pop()[0]
        hidden += 1
    line.append((x, wide, WayStep(label=f"and {hidden} more steps"), False))


def _step(sheet: Sheet, step: WayStep, at: tuple[float, float], wide: float, *, first: bool) -> None:
    x, y = at
    n = short_number
    notch = "" if first else f"L{n(x + POINT)},{n(y + TALL / 2)} "
    d = (
        f"M{n(x)},{n(y)} H{n(x + wide - POINT)} L{n(x + wide)},{n(y + TALL / 2)} L{n(x + wide - POINT)},{n(y + TALL)} "
        f"H{n(x)} {notch}Z"
    )
    toned = step.tone != "none"
    look = step.tone if toned else "fresh" if step.fresh else "path"
    sheet.path(d, f"{look} thin" if toned else look)
    label = fitted(step.label, wide - 12 - POINT, 12)
    sheet.text(x + 6 + (4 if first else POINT), y + 16.5, label, "label")
