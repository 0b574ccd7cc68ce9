"""One customer's time in lanes: did, said, asked, bought, promised, met trouble, we wrote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

from regard.figures.drawing import Scale, Sheet, fitted, short_number, text_width, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import day, month

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Tone = Literal["", "good", "bad"]
_MOST_NARROW = 24
_LEGIBLE = 14
"""Characters a cut label must keep; a stub of a word tells nothing."""


@dataclass(frozen=True, kw_only=True)
class TimelineMark:
    """One thing that happened.

    Attributes:
        lane: The lane it belongs to.
        at: When.
        until: When it ended, for things that last.
        label: A few words; empty for things that are many.
        tone: "bad" or "good" where it is one.
        link: Where it is told in full.
        tip: What the pointer is told.
    """

    lane: str
    at: datetime
    until: datetime | None = None
    label: str = ""
    tone: Tone = ""
    link: str = ""
    tip: str = ""


def timeline(
    marks: Sequence[TimelineMark],
    lanes: Sequence[str],
    *,
    title: str,
    alt: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
    zone: str = "UTC",
    begins: Mapping[str, str] | None = None,
) -> Figure:
    """Draw marks in lanes along time. Narrow places tell the latest as a list, newest first.

    Args:
        marks: What happened; UTC, all with or all without a zone.
        lanes: Names of the lanes in order; lanes without marks are drawn empty, others are left out.
        title: The finding.
        alt: What it shows.
        since: Start of the axis; the first mark when left out.
        until: End of the axis; the last mark when left out.
        zone: Zone days are told in.
        begins: A few words under the name of a lane whose older marks are left out.
    """
    known = sorted((m for m in marks if m.lane in lanes), key=lambda m: m.at)

    def draw(sheet: Sheet) -> None:
        if not known:
            nothing(sheet, "Nothing is known of this customer in this period.")
        elif is_narrow(sheet):
            _listed(sheet, known, zone)
        else:
            start = since or known[0].at
            end = max(until or known[-1].at, *(m.until or m.at for m in known), start + timedelta(hours=1))
            _laned(sheet, known, lanes, (start, end), begins or {})

    return finished(draw, title=title, alt=alt)


def _laned(
    sheet: Sheet,
    marks: Sequence[TimelineMark],
    lanes: Sequence[str],
    span: tuple[datetime, datetime],
    begins: Mapping[str, str],
) -> None:
    left = min(max(text_width(words, 12.5) for words in (*lanes, *begins.values())) + 20, 150.0)
    x = Scale(0.0, (span[1] - span[0]).total_seconds(), left + 8, sheet.width - 12)
    pitch, top = 34.0, 8.0
    foot = top + pitch * len(lanes)
    _calendar(sheet, span, x, (top - 2, foot))
    for i, lane in enumerate(lanes):
        y = top + pitch * (i + 0.5)
        sheet.line(0, top + pitch * (i + 1), sheet.width, top + pitch * (i + 1), "rule")
        own = [m for m in marks if m.lane == lane]
        late = begins.get(lane, "")
        sheet.text(0, y - 2 if late else y + 4, fitted(lane, left - 8, 12.5), "" if own else "soft")
        if late:
            sheet.text(0, y + 12, fitted(late, left - 8, 11.5), "soft small")
        _lane(sheet, own, i, x, span[0], y)
    sheet.height = foot + 24


def _calendar(sheet: Sheet, span: tuple[datetime, datetime], x: Scale, place: tuple[float, float]) -> None:
    """Months (quarters or years when there are many; days when there are few) under the lanes."""
    months = (span[1].year - span[0].year) * 12 + span[1].month - span[0].month
    if months < 2:
        _few_days(sheet, span, x, place)
        return
    every = next((e for e in (1, 2, 3, 6, 12, 24, 60) if months / e <= 13), 120)
    for k in range(months + 1):
        at = span[0].year * 12 + span[0].month - 1 + k
        first = span[0].replace(year=at // 12, month=at % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0)
        if at % every or first < span[0]:
            continue
        here = x((first - span[0]).total_seconds())
        sheet.line(here, place[0], here, place[1] + 4, "rule")
        words = str(first.year) if every >= 12 else month(first, year=first.month == 1 or k <= every)
        if here + text_width(words, 12) <= sheet.width + 4:
            sheet.text(here + 3, place[1] + 17, words, "soft label")


def _few_days(sheet: Sheet, span: tuple[datetime, datetime], x: Scale, place: tuple[float, float]) -> None:
    sheet.text(x.start, place[1] + 17, day(span[0]), "soft label")
    if span[1] - span[0] >= timedelta(days=1):
        sheet.text(x.end, place[1] + 17, day(span[1]), "soft label", anchor="end")


def _lane(  # noqa: PLR0917 - one place calls it
    sheet: Sheet, marks: Sequence[TimelineMark], lane: int, x: Scale, start: datetime, y: float
) -> None:
    """Marks of one lane: labels where there is room, marks that are many as a row of strokes."""
    places = [x(max((m.at - start).total_seconds(), 0.0)) for m in marks]
    crowded = sum(not m.label for m in marks) > 12
    free = 0.0
    for i, (mark, here) in enumerate(zip(marks, places, strict=True)):
        following = places[i + 1] if i + 1 < len(places) else sheet.width
        sheet.open_mark(mark.link, mark.tip or f"{day(mark.at)}: {mark.label or mark.lane}")
        if mark.until is not None:
            end = x((mark.until - start).total_seconds())
            sheet.line(here, y + 10, max(end, here + 2), y + 10, f"span-{mark.tone}" if mark.tone else "span")
        if mark.link:
            sheet.hit(here - 12, y - 12, 24, 24)
        _sign(sheet, lane, here, y, mark.tone, dense=crowded and not mark.label)
        room = following - here - 20
        words = fitted(mark.label, room, 11.5) if mark.label and here >= free and room > 34 else ""
        if words and (words == mark.label or len(words) >= _LEGIBLE):
            sheet.text(here + 9, y + 4, words, f"small {mark.tone}-text" if mark.tone else "small soft")
            free = here + 9 + text_width(words, 11.5)
        sheet.close_mark(mark.link)


def _sign(sheet: Sheet, lane: int, x: float, y: float, tone: str, *, dense: bool) -> None:
    """A sign by lane (disc, square, diamond, triangle), so that nothing depends on colour."""
    look = tone or "quiet"
    if dense:
        sheet.rect(x - 0.8, y - 6, 1.6, 12, look)
    elif lane % 4 == 0:
        sheet.circle(x, y, 3.6, look)
    elif lane % 4 == 1:
        sheet.rect(x - 3.4, y - 3.4, 6.8, 6.8, look, round_=1)
    elif lane % 4 == 2:
        sheet.path(f"M{short_number(x)} {y - 4.8:.1f} l4.8 4.8 l-4.8 4.8 l-4.8 -4.8z", look)
    else:
        sheet.path(f"M{short_number(x)} {y - 4.8:.1f} l4.6 8.4 h-9.2z", look)


def _listed(sheet: Sheet, marks: Sequence[TimelineMark], zone: str) -> None:
    told = [m for m in reversed(marks) if m.label][:_MOST_NARROW] or list(reversed(marks))[:_MOST_NARROW]
    y, last = 6.0, ""
    tops: list[float] = []
    for mark in told:
        when = day(mark.at, zone)
        if when != last:
            sheet.text(18, y + 14, when, "soft label")
            y, last = y + 22, when
        sheet.open_mark(mark.link, mark.tip or f"{when}: {mark.label or mark.lane}")
        lines = wrapped(f"{mark.lane}: {mark.label}" if mark.label else mark.lane, sheet.width - 22, 13)
        sheet.hit(0, y - 2, sheet.width, 18.0 * len(lines) + 6)
        if tops:
            sheet.line(5, tops[-1] + 6, 5, y + 3, "rule")
        tops.append(y + 9)
        sheet.circle(5, y + 9, 3.6, mark.tone or "quiet")
        for line in lines:
            sheet.text(18, y + 13, line, f"{mark.tone}-text" if mark.tone else "")
            y += 18
        y += 8
        sheet.close_mark(mark.link)
    if len(marks) > len(told):
        sheet.text(18, y + 12, f"and {len(marks) - len(told):,} more, in the table", "note")
        y += 20
    sheet.height = y
