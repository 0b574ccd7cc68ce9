"""Ways on from a step as a tree that is read from left to right: height is how many, each step beside the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from regard.figures.drawing import Sheet, fitted, text_width, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.figures.journey import Tone

if TYPE_CHECKING:
    from collections.abc import Iterator

TALL = 460.0
LEAST = 15.0
"""Lowest a step that has words of its own; lower ones are slivers, told by the table and to the pointer."""


@dataclass(frozen=True, kw_only=True)
class PathStep:
    """A step on a path, and the steps that follow it.

    Attributes:
        label: What people call it.
        volume: How many came.
        text: The volume and its share as they are written.
        note: Errors and time, as they are written.
        told: What they then scored, renewed or spent, as it is written.
        tone: Its colour, by the scale the legend states.
        change: What changed, as it is written; empty where nothing did beyond chance.
        stays: Whether it stands for those who went no further.
        key: What it stands for: its path.
        link: Where its customers are, or the next step of a walk.
        tip: What the pointer is told.
        ways: Steps that follow, the most taken first.
    """

    label: str
    volume: float
    text: str = ""
    note: str = ""
    told: str = ""
    tone: Tone = "none"
    change: str = ""
    stays: bool = False
    key: str = ""
    link: str = ""
    tip: str = ""
    ways: tuple[PathStep, ...] = field(default=())

    @property
    def words(self) -> str:
        """All it shows, in words."""
        return self.tip or ", ".join(w for w in (self.label, self.text, self.note, self.told, self.change) if w)


def path_tree(root: PathStep, *, title: str, alt: str = "", legend: str = "") -> Figure:
    """Draw the ways on from a step. Narrow places list them, set in.

    Args:
        root: The step they start from, with its ways.
        title: The finding.
        alt: What it shows.
        legend: How height and colour are to be read.
    """

    def draw(sheet: Sheet) -> None:
        if root.volume <= 0:
            nothing(sheet, f"No customer came to {root.label} in this period.")
            return
        if is_narrow(sheet):
            _listed(sheet, root)
        else:
            _across(sheet, root)
        words = legend.replace("Height:", "Bars:") if is_narrow(sheet) else legend
        for line in wrapped(words, sheet.width, 11.5, lines=3) if words else ():
            sheet.height += 17
            sheet.text(0, sheet.height - 3, line, "soft small")

    return finished(draw, title=title, alt=alt)


def _depth(step: PathStep) -> int:
    return 1 + max((_depth(w) for w in step.ways), default=0)


def _across(sheet: Sheet, root: PathStep) -> None:
    columns = max(_depth(root), 2)
    wide = sheet.width / columns
    scale = TALL / root.volume
    _block(sheet, root, (0.0, 0.0), wide, scale)
    sheet.height = TALL + 10


def _block(sheet: Sheet, step: PathStep, at: tuple[float, float], wide: float, scale: float) -> None:
    x, y = at
    tall = step.volume * scale
    gap = 1.5 if tall > 4 else 0.3
    sheet.open_mark(step.link, step.words, key=step.key)
    look = "washed" if step.stays else "path" if step.tone == "none" else step.tone
    strength = 1.0 if step.stays or step.tone == "none" else 0.55
    sheet.rect(x, y, wide - 3, max(tall - gap, 0.6), look, round_=2 if tall > 8 else 0, strength=strength)
    _words(sheet, step, (x + 8, y), (wide - 18, tall))
    sheet.close_mark(step.link)
    for way in step.ways:
        _block(sheet, way, (x + wide, y), wide, scale)
        y += way.volume * scale


def _words(sheet: Sheet, step: PathStep, at: tuple[float, float], size: tuple[float, float]) -> None:
    (x, y), (room, tall) = at, size
    if tall < LEAST:
        return
    if tall < 31:
        used = text_width(step.text, 11.5) + 8
        name = fitted(step.label, max(room - used, 40), 12, strong=True)
        sheet.text(x, y + tall / 2 + 4, name, "soft label" if step.stays else "strong label")
        if used + text_width(name, 12, strong=True) <= room + 8:
            sheet.text(x + room, y + tall / 2 + 4, step.text, "soft small", anchor="end")
        return
    lines = wrapped(step.label, room, 12.5, lines=2 if tall > 62 else 1, strong=True)
    given = ((step.text, "small"), (step.change, "strong small"), (step.note, "soft small"), (step.told, "soft small"))
    notes = [(text, look) for text, look in given if text]
    fits = int((tall - 8) // 14.5) - len(lines)
    y += 17
    for line in lines:
        sheet.text(x, y, line, "soft label" if step.stays else "strong label")
        y += 14.5
    for text, look in notes[: max(fits, 0)]:
        sheet.text(x, y, fitted(text, room, 11.5), look)
        y += 14.5


def _rows(step: PathStep, depth: int = 0) -> Iterator[tuple[int, PathStep]]:
    yield depth, step
    for way in step.ways:
        yield from _rows(way, depth + 1)


def _listed(sheet: Sheet, root: PathStep) -> None:
    """Steps from above, each set in under the one before, with a bar; the thinnest are left to the table."""
    y = 0.0
    for depth, step in _rows(root):
        if step.volume < 0.02 * root.volume:
            continue
        x = 12.0 * depth
        sheet.open_mark(step.link, step.words, key=step.key)
        sheet.hit(x, y, sheet.width - x, 30)
        used = text_width(step.text, 11.5) + 8
        look = "soft label" if step.stays else "strong label"
        sheet.text(x, y + 12, fitted(step.label, sheet.width - x - used, 12.5, strong=True), look)
        sheet.text(sheet.width, y + 12, step.text, "soft small", anchor="end")
        bar = "washed" if step.stays else "total" if step.tone == "none" else step.tone
        sheet.rect(x, y + 17, max((sheet.width - 12 * 6) * step.volume / root.volume, 1.5), 5, bar, round_=1)
        notes = " · ".join(t for t in (step.note, step.told, step.change) if t)
        if notes:
            sheet.text(x, y + 35, fitted(notes, sheet.width - x, 11.5), "soft small")
            y += 13
        sheet.close_mark(step.link)
        y += 32
    sheet.height = y
