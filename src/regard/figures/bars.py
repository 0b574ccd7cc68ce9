"""Bars that draw how sure they are: what loses and wins, and one measure by group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, text_width, ticks
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import between, number, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a driver, in the outcome's units with their sign.

    Faded when its interval crosses zero: it may not matter at all.
    """

    value: float
    low: float
    high: float

    @property
    def faded(self) -> bool:
        """Whether zero is within the interval."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, kw_only=True)
class DriverBar:
    """One driver: what it loses when it goes badly, what it wins when it goes well.

    Attributes:
        label: What customers experience: Invoice is right.
        losing: The side of going badly, if known.
        winning: The side of going well, if known.
        column: What stands at the end of the row: money moved a year.
        link: Where its customers are.
        tip: What the pointer is told.
    """

    label: str
    losing: Side | None = None
    winning: Side | None = None
    column: str = ""
    link: str = ""
    tip: str = ""


@dataclass(frozen=True, kw_only=True)
class GroupBar:
    """One group's value with its interval.

    Attributes:
        label: The group.
        value: The measure; None when refused.
        low: Lower end.
        high: Upper end.
        text: How the value is written; empty uses the figure's way.
        note: What stands at the end of the row: 312 answers, or why there is no number.
        link: Where its customers are.
        tip: What the pointer is told.
        marked: "bad" or "good" when it differs from the rest beyond chance.
    """

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    text: str = ""
    note: str = ""
    link: str = ""
    tip: str = ""
    marked: str = ""


def interval_bars(
    bars: Sequence[DriverBar],
    *,
    title: str,
    alt: str = "",
    left: str = "loses customers",
    right: str = "wins customers",
    column: str = "",
    write: Callable[[float], str] = signed,
) -> Figure:
    """Draw drivers: losing to the left, winning to the right, both with whiskers.

    Args:
        bars: The drivers, the most important first.
        title: The finding.
        alt: What it shows.
        left: What the left side means.
        right: What the right side means.
        column: Head of the column at the end; empty leaves it out.
        write: How values are written in tips.
    """
    words = (left, right, column)

    def draw(sheet: Sheet) -> None:
        sides = [s for b in bars for s in (b.losing, b.winning) if s is not None]
        if not sides:
            nothing(sheet, "Not enough answers to say what drives the score yet.")
            return
        reach = max(max(abs(s.low), abs(s.high), abs(s.value)) for s in sides) or 1.0
        (_drivers_narrow if is_narrow(sheet) else _drivers_wide)(sheet, bars, reach, words, write)

    return finished(draw, title=title, alt=alt)


def _drivers_wide(
    sheet: Sheet, bars: Sequence[DriverBar], reach: float, words: tuple[str, str, str], write: Callable[[float], str]
) -> None:
    left, right, column = words
    room = max(96.0, *(text_width(b.column, 13) for b in bars), text_width(column, 12)) + 20 if column else 8.0
    labels = min(max(text_width(b.label, 13.5) for b in bars) + 18, 280.0)
    x = Scale(-reach, reach, labels + 8, sheet.width - room)
    zero, foot = x(0), 28 + 32 * len(bars)
    sheet.text(zero - 10, 12, f"← {left}", "bad-text label", anchor="end")
    sheet.text(zero + 10, 12, f"{right} →", "good-text label")
    if column:
        sheet.text(sheet.width, 12, column, "soft label", anchor="end")
    for i, bar in enumerate(bars):
        y = 44 + 32 * i
        tip = _driver_tip(bar, write)
        sheet.line(0, y + 16, sheet.width, y + 16, "rule")
        sheet.open_mark(bar.link, tip, key=bar.label)
        sheet.hit(0, y - 14, sheet.width, 28)
        sheet.text(0, y + 4.5, fitted(bar.label, labels - 6, 13.5), "row")
        _pair(sheet, bar, x, y, 15)
        sheet.text(sheet.width, y + 4.5, bar.column if column else "", "row", anchor="end")
        sheet.close_mark(bar.link)
    sheet.line(zero, 22, zero, foot, "axis")
    sheet.height = foot + 6


def _drivers_narrow(
    sheet: Sheet, bars: Sequence[DriverBar], reach: float, words: tuple[str, str, str], write: Callable[[float], str]
) -> None:
    left, right, column = words
    x = Scale(-reach, reach, 2, sheet.width - 2)
    zero, y = x(0), 12.0
    sheet.text(zero - 8, y, f"← {fitted(left, zero - 26, 12)}", "bad-text label", anchor="end")
    sheet.text(zero + 8, y, f"{fitted(right, zero - 26, 12)} →", "good-text label")
    if column:
        y += 18
        sheet.text(sheet.width, y, column, "soft label", anchor="end")
    for bar in bars:
        y += 26
        room = text_width(bar.column, 13) + 10 if column else 0
        sheet.open_mark(bar.link, _driver_tip(bar, write), key=bar.label)
        sheet.hit(0, y - 14, sheet.width, 36)
        sheet.text(0, y, fitted(bar.label, sheet.width - room, 13.5), "row")
        if column:
            sheet.text(sheet.width, y, bar.column, "row", anchor="end")
        y += 15
        _pair(sheet, bar, x, y, 13)
        sheet.line(zero, y - 9, zero, y + 9, "axis")
        sheet.close_mark(bar.link)
    sheet.height = y + 14


def _pair(sheet: Sheet, bar: DriverBar, x: Scale, y: float, thick: float) -> None:
    for side in (bar.losing, bar.winning):
        if side is None:
            continue
        start, end = sorted((x(0), x(side.value)))
        # The colour follows what it does, whichever side it was given as.
        tone = "bad" if side.value < 0 else "good"
        sheet.rect(start, y - thick / 2, max(end - start, 1.0), thick, f"{tone} faded" if side.faded else tone)
        sheet.whisker(x(side.low), x(side.high), y)


def _driver_tip(bar: DriverBar, write: Callable[[float], str]) -> str:
    if bar.tip:
        return bar.tip
    parts = [bar.label]
    for side, name in ((bar.losing, "when it goes badly"), (bar.winning, "when it goes well")):
        if side is not None:
            thin = "; it may not matter" if side.faded else ""
            parts.append(f"{name} {write(side.value)}, {between(side.low, side.high, write)}{thin}")
    return ". ".join(parts)


def group_bars(
    bars: Sequence[GroupBar],
    *,
    title: str,
    alt: str = "",
    reference: float | None = None,
    reference_text: str = "",
    write: Callable[[float], str] = number,
) -> Figure:
    """Draw one measure by group: a dot on its interval, against a reference line.

    Args:
        bars: The groups in the order shown.
        title: The finding.
        alt: What it shows.
        reference: A value all are held against: that of everybody.
        reference_text: What it is called.
        write: How values are written.
    """

    def draw(sheet: Sheet) -> None:
        known = [v for b in bars for v in (b.value, b.low, b.high) if v is not None]
        if not known:
            nothing(sheet, "No group has enough answers yet.")
            return
        known += [reference] if reference is not None else []
        low, high = min(known), max(known)
        more = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
        narrow = is_narrow(sheet)
        labels = min(max(text_width(b.label, 13.5) for b in bars) + 18, 250.0)
        notes = max((text_width(b.note, 12) for b in bars), default=0.0) + 20
        start, end = (6.0, sheet.width - 66) if narrow else (labels, sheet.width - notes - 70)
        x = Scale(low - more, high + more, start, end)
        head = 34.0
        pitch = 46.0 if narrow else 30.0
        _group_frame(sheet, x, (head, head + pitch * len(bars)), reference, reference_text, write)
        for i, bar in enumerate(bars):
            _group(sheet, bar, x, head + pitch * i, write, narrow=narrow)
        sheet.height = head + pitch * len(bars) + 4

    return finished(draw, title=title, alt=alt)


def _group_frame(  # noqa: PLR0917 - one place calls it
    sheet: Sheet,
    x: Scale,
    place: tuple[float, float],
    reference: float | None,
    reference_text: str,
    write: Callable[[float], str],
) -> None:
    for tick in ticks(x.low, x.high, 4):
        sheet.line(x(tick), place[0] - 6, x(tick), place[1], "rule")
        near = reference is not None and abs(x(tick) - x(reference)) < 34
        if not near or not reference_text:
            sheet.text(x(tick), 26, write(tick), "soft label", anchor="middle")
    if reference is not None:
        at = x(reference)
        sheet.line(at, place[0] - 6, at, place[1], "reference")
        words = reference_text or write(reference)
        half = text_width(words, 12) / 2
        sheet.text(min(max(at, half), sheet.width - half), 12, words, "accent-text label", anchor="middle")


def _group(sheet: Sheet, bar: GroupBar, x: Scale, top: float, write: Callable[[float], str], *, narrow: bool) -> None:
    y = top + (33 if narrow else 14)
    words = bar.text or (write(bar.value) if bar.value is not None else "")
    told = bar.tip or ", ".join(w for w in (f"{bar.label}: {words or 'no number'}", bar.note) if w)
    sheet.open_mark(bar.link, told, key=bar.label)
    sheet.hit(0, top + 1, sheet.width, 44 if narrow else 28)
    room = sheet.width if narrow else x.start - 14
    note = fitted(bar.note, 190, 12)
    label = fitted(bar.label, room - (text_width(note, 12) + 12 if narrow else 0), 13.5)
    sheet.text(0, top + (14 if narrow else 18.5), label, "row")
    if bar.note:
        sheet.text(sheet.width, top + (14 if narrow else 18.5), note, "soft label", anchor="end")
    if bar.value is not None:
        if bar.low is not None and bar.high is not None:
            start, end = x(bar.low), x(bar.high)
            sheet.rect(start, y - 5, end - start, 10, bar.marked or "accent", round_=5, strength=0.22)
        sheet.circle(x(bar.value), y, 5, bar.marked or "accent")
        tone = f"{bar.marked}-text strong" if bar.marked else "strong"
        arrow = {"bad": " ▼", "good": " ▲"}.get(bar.marked, "")
        after = max(x(bar.value), x(bar.high) if bar.high is not None else 0.0)
        sheet.text(after + 9, y + 4.5, f"{words}{arrow}", tone)
    sheet.close_mark(bar.link)
