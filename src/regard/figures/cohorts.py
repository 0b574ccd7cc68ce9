"""Who comes back: one curve with its band, and under it the cohorts it is made of, a row each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, short_number, text_width, ticks, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS, NARROW_COLUMNS = 14, 6
"""Most distances shown in wide and narrow places."""
ROWS = 26
ROW = 24.0
TALL, NARROW_TALL = 150.0, 120.0


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One cohort at one distance.

    Attributes:
        share: Share there again; None where it is not told: the time is not over, or there were too few.
        waiting: Whether the time is not over yet.
        thin: Whether it rests on few: written softly.
        mark: What stands behind it, where it differs beyond chance.
        tip: What the pointer is told.
        key: What it stands for, by which a page may let it lead somewhere.
    """

    share: float | None = None
    waiting: bool = False
    thin: bool = False
    mark: str = ""
    tip: str = ""
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """One row: those who began together; `short` is what they are called in narrow places."""

    label: str
    short: str
    size: str
    cells: tuple[Seen, ...]


@dataclass(frozen=True, kw_only=True)
class Bend:
    """One distance of the curve.

    Attributes:
        label: What stands under it: 1, 2, 3.
        share: Share there again; None leaves a gap.
        low: Lower end of its interval.
        high: Upper end.
        against: The same of those compared with; None leaves a gap.
        clear: Whether the two differ beyond chance.
        tip: What the pointer is told.
        key: What it stands for.
    """

    label: str
    share: float | None
    low: float | None = None
    high: float | None = None
    against: float | None = None
    clear: bool = False
    tip: str = ""
    key: str = ""


def cohort_figure(
    curve: Sequence[Bend], rows: Sequence[Cohort], *, title: str, unit: str, against: str = "", legend: str = "",
    alt: str = "",
) -> Figure:  # fmt: skip
    """Draw the share there again by distance, and the cohorts under it.

    Args:
        curve: The distances, the nearest first.
        rows: The cohorts, the first to begin first; each with a cell a distance.
        title: The finding.
        unit: What distances are counted in: weeks later.
        against: Whom the dashed line is of.
        legend: How to read it.
        alt: What it shows.
    """

    def draw(sheet: Sheet) -> None:
        narrow = is_narrow(sheet)
        most = NARROW_COLUMNS if narrow else COLUMNS
        bends = list(curve)[:most]
        if not any(b.share is not None for b in bends):
            nothing(sheet, "No time to come back is over yet.")
            return
        labels = 84.0 if narrow else 150.0
        pitch = (sheet.width - labels) / max(len(bends), 1)
        top = _curve(sheet, bends, labels, pitch, against)
        for j, bend in enumerate(bends):
            sheet.text(labels + pitch * (j + 0.5), top + 16, bend.label, "soft label", anchor="middle")
        sheet.text(0, top + 16, unit, "soft label")
        y = top + 26
        for row in list(rows)[-ROWS:]:
            _row(sheet, row, y, labels, pitch, most=len(bends))
            y += ROW
        sheet.height = y + 2
        if legend:
            for line in wrapped(legend, sheet.width, 11.5, lines=5 if narrow else 3):
                sheet.height += 17
                sheet.text(0, sheet.height - 3, line, "soft small")

    return finished(draw, title=title, alt=alt)


def _curve(sheet: Sheet, bends: Sequence[Bend], labels: float, pitch: float, against: str) -> float:
    """The curve; its foot."""
    narrow = is_narrow(sheet)
    tall = NARROW_TALL if narrow else TALL
    ends = [v for b in bends for v in (b.high, b.share, b.against) if v is not None]
    most = min(max(ends) * 1.12, 1.0) or 1.0
    y = Scale(0.0, most, tall, 22.0)
    for tick in ticks(0.0, most, 3 if narrow else 4):
        sheet.line(labels, y(tick), sheet.width, y(tick), "rule")
        sheet.text(labels - 8, y(tick) + 4, percent(tick), "soft label", anchor="end")
    at = [labels + pitch * (j + 0.5) for j in range(len(bends))]
    _ghost(sheet, bends, at, y, against)
    for run in _runs([b.share is not None for b in bends]):
        band = [(at[i], y(bends[i].high or 0.0)) for i in run]
        band += [(at[i], y(bends[i].low or 0.0)) for i in reversed(run)]
        sheet.path("M" + " L".join(f"{short_number(a)},{short_number(b)}" for a, b in band) + "Z", "band")
        sheet.polyline([(at[i], y(bends[i].share or 0.0)) for i in run], "line")
    for x, bend in zip(at, bends, strict=True):
        if bend.share is None:
            continue
        sheet.open_mark("", bend.tip, key=bend.key)
        sheet.hit(x - 14, y(bend.share) - 14, 28, 28)
        sheet.line(x, y(bend.low or 0.0), x, y(bend.high or 0.0), "whisker")
        sheet.circle(x, y(bend.share), 4.5 if bend.clear else 3.0, "bad" if bend.clear else "accent")
        sheet.text(x, y(bend.high or bend.share) - 6, percent(bend.share, 0), "strong label" if bend.clear else "label",
                   anchor="middle")  # fmt: skip
        sheet.close_mark("")
    return tall


def _ghost(sheet: Sheet, bends: Sequence[Bend], at: Sequence[float], y: Scale, against: str) -> None:
    known = [b.against is not None for b in bends]
    for run in _runs(known):
        if len(run) > 1:
            sheet.polyline([(at[i], y(bends[i].against or 0.0)) for i in run], "ghost")
        else:
            sheet.circle(at[run[0]], y(bends[run[0]].against or 0.0), 2.2, "quiet")
    if any(known) and against:
        words = f"dashed: {against}"
        sheet.text(sheet.width, 11, fitted(words, sheet.width - 8, 12), "note", anchor="end")


def _runs(known: Sequence[bool]) -> list[list[int]]:
    runs: list[list[int]] = [[]]
    for i, there in enumerate(known):
        if there:
            runs[-1].append(i)
        elif runs[-1]:
            runs.append([])
    return [r for r in runs if r]


def _row(sheet: Sheet, row: Cohort, y: float, labels: float, pitch: float, *, most: int) -> None:
    size = text_width(row.size, 12)
    name = row.short if is_narrow(sheet) else row.label
    sheet.text(0, y + 16, fitted(name, labels - size - 12, 12), "label")
    sheet.text(labels - 8, y + 16, row.size, "soft label", anchor="end")
    for j, cell in enumerate(row.cells[:most]):
        x = labels + pitch * j
        if cell.share is None and not cell.waiting and not cell.tip:
            continue
        sheet.open_mark("", cell.tip, key=cell.key)
        if cell.waiting:
            sheet.rect(x + 1, y + 1, pitch - 5, ROW - 5, "empty", round_=3)
        else:
            sheet.rect(x, y, pitch - 3, ROW - 3, "washed", round_=3)
            if cell.share:
                sheet.rect(x, y, pitch - 3, ROW - 3, "accent", round_=3, strength=0.04 + 0.5 * cell.share)
            words = f"{percent(cell.share, 0)} {cell.mark}".rstrip() if cell.share is not None else ""
            sheet.text(x + (pitch - 3) / 2, y + 15.5, words, "soft label" if cell.thin else "label", anchor="middle")
        sheet.close_mark("")
