"""From an opening to a closing, step by step: in count above, in value below, on the same columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import number, signed

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Step:
    """One column. A total stands on the ground; a change starts where the one before ended.

    Attributes:
        label: What it is: Opening, New, Lost.
        amount: The total, or the change with its sign.
        text: How the amount is written; empty writes it as a number.
        total: Whether it is a total.
        link: Where its customers are.
        tip: What the pointer is told.
    """

    label: str
    amount: float
    text: str = ""
    total: bool = False
    link: str = ""
    tip: str = ""

    @property
    def words(self) -> str:
        """The amount as it is written."""
        return self.text or (number(self.amount) if self.total else signed(self.amount, None))


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One measure's steps: customers, or value."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class _Bar:
    step: Step
    low: float
    high: float
    end: float


def waterfall(panels: Sequence[Panel], *, title: str, alt: str = "") -> Figure:
    """Draw one or two waterfalls that share their columns.

    Where the totals dwarf the changes the ground is cut, and the cut is drawn. Narrow places turn it on its side.
    """
    shown = [p for p in panels if p.steps]

    def draw(sheet: Sheet) -> None:
        if not shown:
            nothing(sheet, "No customers in this period yet.")
        elif is_narrow(sheet):
            _lying(sheet, shown)
        else:
            _standing(sheet, shown)

    return finished(draw, title=title, alt=alt)


def _bars(steps: Sequence[Step]) -> list[_Bar]:
    level, found = 0.0, []
    for step in steps:
        start = 0.0 if step.total else level
        level = step.amount if step.total else level + step.amount
        found.append(_Bar(step, min(start, level), max(start, level), level))
    return found


def _ground(bars: Sequence[_Bar]) -> tuple[float, float, bool]:
    """Lowest and highest value shown, and whether the ground was cut."""
    top = max(*(b.high for b in bars), 0.0)
    moving = [b for b in bars if not b.step.total]
    edges = [e for b in moving for e in (b.low, b.high)] or [top]
    span = max(edges) - min(edges)
    lowest = min(*edges, *(b.end for b in bars))
    if lowest > 0 and span > 0 and lowest > 1.2 * span:
        return lowest - 0.32 * max(span, top - lowest), top, True
    return min(0.0, *(b.low for b in bars)), top or 1.0, False


def _columns(panels: Sequence[Panel]) -> list[str]:
    """All labels in one order: a later panel's own steps follow the step they come after there."""
    order = [s.label for s in panels[0].steps]
    for panel in panels[1:]:
        before = ""
        for step in panel.steps:
            if step.label not in order:
                order.insert(order.index(before) + 1 if before else 0, step.label)
            before = step.label
    return order


def _standing(sheet: Sheet, panels: Sequence[Panel]) -> None:
    labels = _columns(panels)
    left = 74.0 if len(panels) > 1 else 0.0
    pitch = (sheet.width - left) / len(labels)
    size, tall = pitch * 0.72, 104.0 if len(panels) > 1 else 130.0
    at = {label: left + pitch * i + (pitch - size) / 2 for i, label in enumerate(labels)}
    top = 22.0
    for panel in panels:
        if len(panels) > 1:
            for i, line in enumerate(wrapped(panel.name, left - 10, 12)):
                sheet.text(0, top + tall - 4 + 15 * i - 15, line, "soft label")
        _stand(sheet, panel, at, size, (top, top + tall))
        top += tall + 30
    for label, x in at.items():
        for i, line in enumerate(wrapped(label, pitch - 6, 12)):
            sheet.text(x + size / 2, top - 8 + 15 * i, line, "soft label", anchor="middle")
    sheet.height = top + 16


def _stand(sheet: Sheet, panel: Panel, at: dict[str, float], size: float, place: tuple[float, float]) -> None:
    top, foot = place
    bars = _bars(panel.steps)
    low, high, cut = _ground(bars)
    y = Scale(low, high, foot, top)
    sheet.line(min(at.values()), y(max(low, 0.0)), max(at.values()) + size, y(max(low, 0.0)), "rule")
    for i, bar in enumerate(bars):
        x, step = at[bar.step.label], bar.step
        if i + 1 < len(bars):
            sheet.line(x + size, y(bar.end), at[bars[i + 1].step.label], y(bar.end), "bridge")
        upper, lower = y(bar.high), y(max(bar.low, low))
        sheet.open_mark(step.link, step.tip or f"{step.label}: {step.words}", key=step.label)
        sheet.hit(x, upper, size, lower - upper)
        sheet.rect(x, upper, size, max(lower - upper, 1.5), _tone(step), round_=1.5)
        if cut and step.total:
            sheet.path(f"M{x - 3:.1f} {foot - 12:.1f} l{size / 2 + 3:.1f} -6 v7 l{size / 2 + 3:.1f} -6", "cut")
        sheet.text(x + size / 2, upper - 7, step.words, _words(step), anchor="middle")
        sheet.close_mark(step.link)


def _lying(sheet: Sheet, panels: Sequence[Panel]) -> None:
    y = 4.0
    for panel in panels:
        bars = _bars(panel.steps)
        low, high, cut = _ground(bars)
        x = Scale(low, high, 96, sheet.width - 62)
        sheet.text(0, y + 12, fitted(panel.name, sheet.width, 12.5, strong=True), "strong")
        y += 24
        for i, bar in enumerate(bars):
            _lie(sheet, bar, x, y, cut=cut)
            if i + 1 < len(bars):
                sheet.line(x(bar.end), y + 19, x(bar.end), y + 29, "bridge")
            y += 28
        y += 14
    sheet.height = y - 10


def _lie(sheet: Sheet, bar: _Bar, x: Scale, y: float, *, cut: bool) -> None:
    step, start, end = bar.step, x(max(bar.low, x.low)), x(bar.high)
    sheet.open_mark(step.link, step.tip or f"{step.label}: {step.words}", key=step.label)
    sheet.hit(0, y, sheet.width, 24)
    sheet.text(0, y + 15, fitted(step.label, 90), "soft")
    sheet.rect(start, y + 2, max(end - start, 1.5), 17, _tone(step), round_=1.5)
    if cut and step.total:
        sheet.path(f"M{start + 10:.1f} {y - 1:.1f} l4 11.5 h-6 l4 11.5", "cut")
    sheet.text(sheet.width, y + 15, step.words, _words(step), anchor="end")
    sheet.close_mark(step.link)


def _tone(step: Step) -> str:
    return "total" if step.total else "bad" if step.amount < 0 else "good"


def _words(step: Step) -> str:
    return "strong" if step.total else "bad-text" if step.amount < 0 else "good-text"
