"""What was and what would have been: the treated and their synthetic twin; the difference, placebos behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from regard.figures.drawing import Scale, Sheet, fitted, short_number, text_width, ticks
from regard.figures.figure import Figure, finished, is_narrow, nothing
from regard.wording import number, signed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, kw_only=True)
class Lived:
    """One time.

    Attributes:
        label: What stands under it.
        outcome: What was; None where there is only an effect.
        without: What would have been.
        effect: The difference.
        low: Lower end of its band.
        high: Upper end.
        after: Whether the treatment had started.
    """

    label: str
    outcome: float | None = None
    without: float | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    after: bool = False


@dataclass(frozen=True)
class _Frame:
    times: Sequence[Lived]
    x: Scale
    y: Scale
    left: float
    write: Callable[[float], str]


def counterfactual(
    times: Sequence[Lived], *, title: str, who: str = "treated", placebos: Sequence[Sequence[float]] = (), alt: str = ""
) -> Figure:
    """Draw outcome and counterfactual above, the effect below.

    Args:
        times: In order.
        title: The finding.
        who: What the treated are called.
        placebos: Placebo effects by time, drawn thin behind the effect; each as long as `times`.
        alt: What it shows.
    """

    def draw(sheet: Sheet) -> None:
        known = [t for t in times if t.effect is not None]
        if not known:
            nothing(sheet, "No effect to draw.")
            return
        narrow = is_narrow(sheet)
        both = all(t.outcome is not None and t.without is not None for t in times)
        top, high = 34.0, (150.0 if narrow else 190.0)
        lines = [line for line in placebos if len(line) == len(times)]
        left = _margin(times, lines, narrow=narrow)
        x = Scale(0, max(len(times) - 1, 1), left + 6, sheet.width - (64 if narrow else 110))
        if both:
            _outcomes(sheet, _framed(times, x, (top, top + high), left, _levels(times)), who, narrow=narrow)
            top += high + 44
        _effects(sheet, _framed(times, x, (top, top + high), left, _spread(times, lines)), lines, narrow=narrow)
        sheet.height = top + high + 34

    return finished(draw, title=title, alt=alt)


def _levels(times: Sequence[Lived]) -> list[float]:
    return [v for t in times for v in (t.outcome, t.without) if v is not None]


def _spread(times: Sequence[Lived], lines: Sequence[Sequence[float]]) -> list[float]:
    own = [v for t in times for v in (t.effect, t.low, t.high) if v is not None]
    room = max(abs(v) for v in own) * 1.6
    return [0.0, *own, *(max(min(v, room), -room) for line in lines for v in line)]


def _framed(
    times: Sequence[Lived], x: Scale, plot: tuple[float, float], left: float, values: Sequence[float]
) -> _Frame:
    low, high = min(values), max(values)
    more = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return _Frame(times, x, Scale(low - more, high + more, plot[1], plot[0]), left, number)


def _margin(times: Sequence[Lived], lines: Sequence[Sequence[float]], *, narrow: bool) -> float:
    values = [*_levels(times), *_spread(times, lines)]
    marks = [*ticks(min(values), max(values), 3 if narrow else 4), 0.0]
    return max(text_width(number(t), 12) for t in marks) + 12


def _grid(sheet: Sheet, frame: _Frame, *, narrow: bool, labels: bool) -> None:
    for value in ticks(frame.y.low, frame.y.high, 3 if narrow else 4):
        sheet.line(frame.left, frame.y(value), frame.x.end + 4, frame.y(value), "rule")
        sheet.text(frame.left - 8, frame.y(value) + 4, frame.write(value), "soft label", anchor="end")
    start = next((i for i, t in enumerate(frame.times) if t.after), 0)
    if start:
        at = frame.x(start - 0.5)
        sheet.line(at, frame.y.end - 14, at, frame.y.start, "event")
    if not labels:
        return
    widest = max(text_width(t.label, 12) for t in frame.times) + 12
    pitch = (frame.x.end - frame.x.start) / max(len(frame.times) - 1, 1)
    every = max(1, -(-int(widest) // max(int(pitch), 1)))
    for i in range(len(frame.times) - 1, -1, -every):
        sheet.text(frame.x(i), frame.y.start + 22, frame.times[i].label, "soft label", anchor="middle")


def _outcomes(sheet: Sheet, frame: _Frame, who: str, *, narrow: bool) -> None:
    _grid(sheet, frame, narrow=narrow, labels=False)
    own = [(frame.x(i), frame.y(t.outcome or 0.0)) for i, t in enumerate(frame.times)]
    twin = [(frame.x(i), frame.y(t.without or 0.0)) for i, t in enumerate(frame.times)]
    sheet.polyline(twin, "ghost")
    sheet.polyline(own, "line")
    room = sheet.width - frame.x.end - 8
    above = own[-1][1] <= twin[-1][1]
    close = abs(own[-1][1] - twin[-1][1]) < 15
    shift = (8 if close else 0) * (-1 if above else 1)
    sheet.text(frame.x.end + 8, own[-1][1] + 4 + shift, fitted(who, room, 12), "accent-text label")
    sheet.text(frame.x.end + 8, twin[-1][1] + 4 - shift, fitted("without it", room, 12), "soft label")
    first = next((i for i, t in enumerate(frame.times) if t.after), 0)
    if first:
        sheet.text(frame.x(first - 0.5) + 6, frame.y.end - 6, f"from {frame.times[first].label}", "note")


def _effects(sheet: Sheet, frame: _Frame, lines: Sequence[Sequence[float]], *, narrow: bool) -> None:
    _grid(sheet, frame, narrow=narrow, labels=True)
    low, high = frame.y.low, frame.y.high
    for line in lines:
        places = [(frame.x(i), frame.y(max(min(v, high), low))) for i, v in enumerate(line)]
        sheet.polyline(places, "placebo")
    known = [i for i, t in enumerate(frame.times) if t.low is not None and t.high is not None]
    if len(known) > 1:
        upper = [(frame.x(i), frame.y(frame.times[i].high or 0.0)) for i in known]
        lower = [(frame.x(i), frame.y(frame.times[i].low or 0.0)) for i in reversed(known)]
        sheet.path("M" + " L".join(f"{short_number(x)},{short_number(y)}" for x, y in upper + lower) + "Z", "band")
    sheet.line(frame.left, frame.y(0.0), frame.x.end + 4, frame.y(0.0), "axis")
    sheet.polyline([(frame.x(i), frame.y(t.effect or 0.0)) for i, t in enumerate(frame.times)], "line")
    for i, time in enumerate(frame.times):
        sheet.open_mark("", f"{time.label}: {signed(time.effect, 2)}")
        sheet.hit(frame.x(i) - 12, frame.y(time.effect or 0.0) - 12, 24, 24)
        sheet.circle(frame.x(i), frame.y(time.effect or 0.0), 2.4 if len(frame.times) <= 40 else 1.6, "accent")
        sheet.close_mark("")
    last = frame.times[-1]
    room = sheet.width - frame.x.end - 8
    sheet.text(frame.x.end + 8, frame.y(last.effect or 0.0) + 4, fitted("effect", room, 12), "accent-text label")
    words = "effect, with placebos behind it" if lines else "effect, with its band"
    sheet.text(frame.left, frame.y.end - 8, fitted(words, frame.x.end - frame.left, 12), "note")
