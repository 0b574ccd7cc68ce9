"""How far apart two sides were, covariate by covariate, before and after weighting; on top, what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.bars import Side
from regard.figures.drawing import Scale, Sheet, fitted, text_width, ticks
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BALANCED = 0.1


@dataclass(frozen=True, kw_only=True)
class Gap:
    """One covariate: how many standard deviations the sides are apart, before and after."""

    label: str
    before: float
    after: float


def balance_plot(
    gaps: Sequence[Gap],
    *,
    title: str,
    estimates: Sequence[tuple[str, Side]] = (),
    alt: str = "",
    write: Callable[[float], str] = number,
) -> Figure:
    """Draw estimates on their intervals, and below each covariate's gap before (hollow) and after (filled).

    Args:
        gaps: The covariates, the largest gap first.
        title: The finding.
        estimates: Names and values to draw above: the adjusted one first.
        alt: What it shows.
        write: How an estimate is written.
    """

    def draw(sheet: Sheet) -> None:
        if not gaps:
            nothing(sheet, "No covariates to compare.")
            return
        names = [g.label for g in gaps] + [name for name, _ in estimates]
        labels = min(max(text_width(n, 13.5) for n in names) + 18, 130.0 if is_narrow(sheet) else 260.0)
        head = _estimates(sheet, estimates, labels, write) if estimates else 0.0
        _gaps(sheet, gaps, labels, head)

    return finished(draw, title=title, alt=alt)


def _estimates(
    sheet: Sheet, estimates: Sequence[tuple[str, Side]], labels: float, write: Callable[[float], str]
) -> float:
    known = [v for _, s in estimates for v in (s.low, s.high, s.value, 0.0)]
    low, high = min(known), max(known)
    more = (high - low) * 0.06 or 1.0
    room = max(text_width(write(s.value), 12.5, strong=True) for _, s in estimates) + 16
    x = Scale(low - more, high + more, labels, sheet.width - room)
    foot = 24.0 + 30 * len(estimates)
    for tick in ticks(x.low, x.high, 3 if is_narrow(sheet) else 5):
        sheet.line(x(tick), 22, x(tick), foot, "rule")
        sheet.text(x(tick), 14, write(tick), "soft label", anchor="middle")
    sheet.line(x(0), 22, x(0), foot, "reference")
    for i, (name, side) in enumerate(estimates):
        y = 40.0 + 30 * i
        look = "quiet" if i else "accent"
        sheet.open_mark("", f"{name}: {write(side.value)}, from {write(side.low)} to {write(side.high)}")
        sheet.text(0, y + 4.5, fitted(name, labels - 10, 13.5), "row")
        sheet.rect(x(side.low), y - 5, x(side.high) - x(side.low), 10, look, round_=5, strength=0.22)
        sheet.circle(x(side.value), y, 5, look)
        sheet.text(sheet.width, y + 4.5, write(side.value), "strong", anchor="end")
        sheet.close_mark("")
    return foot + 22


def _gaps(sheet: Sheet, gaps: Sequence[Gap], labels: float, head: float) -> None:
    most = max(0.25, *(abs(v) for g in gaps for v in (g.before, g.after))) * 1.05
    x = Scale(0, most, labels, sheet.width - 12)
    top, foot = head + 40, head + 40 + 24 * len(gaps)
    sheet.text(0, head + 10, "Standard deviations apart", "soft label")
    sheet.circle(x.end - 150, head + 6, 4, "hollow")
    sheet.text(x.end - 142, head + 10, "before", "soft label")
    sheet.circle(x.end - 84, head + 6, 4, "accent")
    sheet.text(x.end - 76, head + 10, "as weighted", "soft label")
    for tick in ticks(0, most, 3 if is_narrow(sheet) else 5):
        sheet.line(x(tick), top - 8, x(tick), foot, "rule")
        sheet.text(x(tick), top - 14, number(tick), "soft label", anchor="middle")
    sheet.line(x(BALANCED), top - 8, x(BALANCED), foot, "reference")
    for i, gap in enumerate(gaps):
        y = top + 12 + 24 * i
        a, b = x(abs(gap.before)), x(abs(gap.after))
        sheet.open_mark("", f"{gap.label}: {number(gap.before, 2)} before, {number(gap.after, 2)} as weighted")
        sheet.text(0, y + 4.5, fitted(gap.label, labels - 10, 13.5), "row")
        sheet.line(min(a, b), y, max(a, b), y, "bridge")
        sheet.circle(a, y, 4.5, "hollow")
        sheet.circle(b, y, 4.5, "accent")
        sheet.close_mark("")
    sheet.height = foot + 8
