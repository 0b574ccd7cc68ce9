"""Who stays and who has gone, over time: the line of those who stay with its band, above it the gone by reason."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, short_number, text_width, ticks
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import percent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TONES = ("bad", "fairly-bad", "quiet faded", "fairly-good", "total", "middling")
_UNKNOWN = "washed"


@dataclass(frozen=True, kw_only=True)
class Staying:
    """One step of tenure.

    Attributes:
        at: The tenure, in the axis' unit.
        share: Share that stays beyond it.
        low: Lower end of its interval.
        high: Upper end.
        gone: Share gone by each reason until then; with the share they make one.
    """

    at: float
    share: float
    low: float
    high: float
    gone: tuple[float, ...] = ()


def staying(
    steps: Sequence[Staying],
    *,
    title: str,
    reasons: Sequence[str] = (),
    alt: str = "",
    unit: str = "",
    write: Callable[[float], str] = short_number,
) -> Figure:
    """Draw the curve of those who stay.

    Args:
        steps: Tenures in order, from 0 on.
        title: The finding.
        reasons: Names of the reasons, in the order of `gone`; an unknown one is pale.
        alt: What it shows.
        unit: What tenure is counted in: months.
        write: How a tenure is written.
    """

    def draw(sheet: Sheet) -> None:
        if len(steps) < 2:
            nothing(sheet, "Too few have left to draw how long customers stay.")
            return
        narrow = is_narrow(sheet)
        top = _legend(sheet, reasons) if reasons else 10.0
        bottom = top + (160.0 if narrow else 210.0)
        last = percent(steps[-1].share)
        x = Scale(steps[0].at, steps[-1].at, 46.0, sheet.width - text_width(last, 17, strong=True) - 16)
        y = Scale(0.0, 1.0, bottom, top)
        _grid(sheet, x, y, write, unit)
        _gone(sheet, steps, reasons, x, y)
        _band(sheet, steps, x, y)
        sheet.polyline(_stairs([(x(s.at), y(s.share)) for s in steps]), "line")
        sheet.text(x.end + 10, y(steps[-1].share) + 6, last, "large strong")
        _marks(sheet, steps, x, y, unit)
        sheet.height = bottom + (40.0 if unit else 28.0)

    return finished(draw, title=title, alt=alt)


def _tone(i: int, name: str) -> str:
    return _UNKNOWN if name == "unknown" else _TONES[i % len(_TONES)]


def _legend(sheet: Sheet, reasons: Sequence[str]) -> float:
    x, y = 46.0, 12.0
    for i, reason in enumerate(reasons):
        size = min(text_width(reason, 12) + 30, sheet.width - 50)
        if x + size > sheet.width and x > 46:
            x, y = 46.0, y + 20
        sheet.rect(x, y - 9, 10, 10, _tone(i, reason), round_=2)
        sheet.text(x + 15, y, fitted(reason, size - 16, 12), "soft label")
        x += size
    return y + 14


def _grid(sheet: Sheet, x: Scale, y: Scale, write: Callable[[float], str], unit: str) -> None:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        sheet.line(x.start, y(share), x.end, y(share), "rule")
        sheet.text(x.start - 8, y(share) + 4, percent(share), "soft label", anchor="end")
    for at in ticks(x.low, x.high, 4 if is_narrow(sheet) else 7):
        sheet.text(x(at), y.start + 18, write(at), "soft label", anchor="start" if at <= x.low else "middle")
    if unit:
        sheet.text((x.start + x.end) / 2, y.start + 34, unit, "note", anchor="middle")


def _stairs(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """What holds until the next step, as stairs."""
    found = [places[0]]
    for here, after in pairwise(places):
        found += [(after[0], here[1]), after]
    return found


def _area(upper: Sequence[tuple[float, float]], lower: Sequence[tuple[float, float]]) -> str:
    outline = [*_stairs(upper), *reversed(_stairs(lower))]
    return "M" + " L".join(f"{short_number(a)},{short_number(b)}" for a, b in outline) + "Z"


def _gone(sheet: Sheet, steps: Sequence[Staying], reasons: Sequence[str], x: Scale, y: Scale) -> None:
    """Areas from the line upwards: the last reason at the top."""
    floor = [s.share for s in steps]
    for i, reason in enumerate(reasons):
        ceiling = [f + s.gone[i] for f, s in zip(floor, steps, strict=True)]
        upper = [(x(s.at), y(min(c, 1.0))) for s, c in zip(steps, ceiling, strict=True)]
        lower = [(x(s.at), y(min(f, 1.0))) for s, f in zip(steps, floor, strict=True)]
        sheet.open_mark("", f"{reason}: {percent(steps[-1].gone[i])} gone by then", key=reason)
        sheet.path(_area(upper, lower), _tone(i, reason))
        sheet.close_mark("")
        floor = ceiling


def _band(sheet: Sheet, steps: Sequence[Staying], x: Scale, y: Scale) -> None:
    upper = [(x(s.at), y(s.high)) for s in steps]
    lower = [(x(s.at), y(s.low)) for s in steps]
    sheet.path(_area(upper, lower), "band")


def _marks(sheet: Sheet, steps: Sequence[Staying], x: Scale, y: Scale, unit: str) -> None:
    for s in steps[:: max(len(steps) // 24, 1)]:
        words = f"{short_number(s.at)} {unit}: {percent(s.share)} stay ({percent(s.low)} to {percent(s.high)})"
        sheet.open_mark("", words)
        sheet.hit(x(s.at) - 8, y(s.share) - 10, 16, 20)
        sheet.close_mark("")
