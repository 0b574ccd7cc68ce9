"""The journey as one band: its width is volume, colour and word are the score, what falls off turns away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from regard.figures.drawing import Sheet, fitted, short_number, text_width, wrapped
from regard.figures.figure import Figure, finished, is_narrow, nothing

if TYPE_CHECKING:
    from collections.abc import Sequence

Tone = Literal["good", "fairly-good", "middling", "fairly-bad", "bad", "none"]


@dataclass(frozen=True, kw_only=True)
class StageMark:
    """One stage.

    Attributes:
        label: What people call it: Start.
        volume: Customers who reached it.
        drop: Share of them that went no further, 0 to 1.
        score_text: The score as it is written; empty where too few answered.
        score_range: Its interval as it is written.
        word: The score in a word: worst, weak, fair, good.
        tone: Its colour.
        drop_text: The drop as it is written: 27 % leave.
        contacts: Contacts per 1,000 customers, one dot each.
        contacts_text: The contacts as they are written.
        link: Where its customers are.
        tip: What the pointer is told.
    """

    label: str
    volume: float
    drop: float = 0.0
    score_text: str = ""
    score_range: str = ""
    word: str = ""
    tone: Tone = "none"
    drop_text: str = ""
    contacts: float = 0.0
    contacts_text: str = ""
    link: str = ""
    tip: str = ""

    @property
    def look(self) -> str:
        """The class of its colour."""
        return "total" if self.tone == "none" else self.tone

    @property
    def text_look(self) -> str:
        """The class of its word."""
        return "bad-text" if self.tone in {"bad", "fairly-bad"} else "good-text" if "good" in self.tone else "soft"

    @property
    def told(self) -> str:
        """Everything it shows, in words."""
        score = " ".join(w for w in (self.score_text, self.score_range, self.word) if w) or "no score yet"
        return self.tip or ", ".join(w for w in (f"{self.label}: {score}", self.drop_text, self.contacts_text) if w)


def journey_band(
    stages: Sequence[StageMark],
    *,
    title: str,
    alt: str = "",
    legend: str = "Height: customers who came; what turns off: those who left. ● Contacts per 1,000 customers.",
) -> Figure:
    """Draw the journey. Narrow places turn it downwards, one stage a row.

    Args:
        stages: In order.
        title: The finding.
        alt: What it shows.
        legend: How to read it, under the band; empty leaves it out.
    """

    def draw(sheet: Sheet) -> None:
        if not stages or not any(s.volume > 0 for s in stages):
            nothing(sheet, "No customer has passed a stage in this period.")
        elif is_narrow(sheet) or len(stages) > 12:
            _downwards(sheet, stages)
        else:
            _across(sheet, stages)
        if legend and any(s.volume > 0 for s in stages):
            asked = any(s.contacts > 0 for s in stages)
            _legend(sheet, legend if asked else legend.partition(" ●")[0])

    return finished(draw, title=title, alt=alt)


def _legend(sheet: Sheet, legend: str) -> None:
    words = legend.replace("Height", "Width") if is_narrow(sheet) else legend
    sheet.height += 6
    for line in wrapped(words, sheet.width, 11.5, lines=2):
        sheet.height += 17
        sheet.text(0, sheet.height - 3, line, "soft small")


def _across(sheet: Sheet, stages: Sequence[StageMark]) -> None:
    most = max(s.volume for s in stages)
    tall, top, gap = 78.0, 26.0, 2.5
    pitch = sheet.width / len(stages)
    heights = [max(tall * s.volume / most, 4.0) for s in stages]
    foot = top + max(h + (_TURN if s.drop > 0 else 0) for h, s in zip(heights, stages, strict=True))
    more = 15 * (max(len(_lines(s, pitch)) for s in stages) - 1)
    for i, stage in enumerate(stages):
        x = pitch * i
        sheet.open_mark(stage.link, stage.told, key=stage.label)
        sheet.hit(x, 0, pitch - gap, foot + 66 + more)
        sheet.text(x, 14, fitted(stage.label, pitch - 12, 13.5, strong=True), "strong row")
        _segment(sheet, stage, (x, x + pitch - gap), top, heights[i])
        _figures(sheet, stage, x, foot + 24, pitch)
        _dots(sheet, stage, x, foot + 55 + more, pitch - 14)
        sheet.close_mark(stage.link)
    sheet.height = foot + 62 + more


_TURN = 20.0


def _segment(sheet: Sheet, stage: StageMark, across: tuple[float, float], top: float, came: float) -> None:
    """One stage: those who came, those who go on, and those who leave, turning off downwards."""
    x, right = across
    lost = came * min(max(stage.drop, 0.0), 1.0)
    on, inner = came - lost, 6.0
    tip = min(2 + lost / 3, 7.0)
    if lost < 0.7:
        sheet.rect(x, top, right - x, came, stage.look)
        return
    turn = right - inner - lost
    low = top + came
    sheet.path(f"M{_p(x, top)} H{_n(right)} V{_n(top + on)} H{_n(turn)} V{_n(low)} H{_n(x)}Z", stage.look)
    outer = inner + lost
    sheet.path(
        f"M{_p(turn, top + on)} A{_n(outer)} {_n(outer)} 0 0 1 {_p(right, top + on + outer)} "
        f"V{_n(low + _TURN - tip)} L{_p(right - lost / 2, low + _TURN)} L{_p(right - lost, low + _TURN - tip)} "
        f"V{_n(low + inner)} A{_n(inner)} {_n(inner)} 0 0 0 {_p(turn, low)}Z",
        "falling",
    )


def _n(value: float) -> str:
    return short_number(value)


def _p(x: float, y: float) -> str:
    return f"{short_number(x)},{short_number(y)}"


def _figures(sheet: Sheet, stage: StageMark, x: float, y: float, pitch: float) -> None:
    score = stage.score_text or "no score"
    sheet.text(x, y, score, "large strong" if stage.score_text else "soft label")
    for i, (line, look) in enumerate(_lines(stage, pitch)):
        sheet.text(x, y + 17 + 15 * i, line, look)


def _lines(stage: StageMark, pitch: float) -> list[tuple[str, str]]:
    """What stands under the score, line by line, each with its look: how sure it is, its word, who left."""
    told = [(stage.score_range, "soft small")] if stage.score_range else []
    told += [(stage.word, f"{stage.text_look} label strong")] if stage.word and stage.score_text else []
    return [(fitted(t, pitch - 8, 12), look) for t, look in told] + [
        (line, "soft label") for line in wrapped(stage.drop_text, pitch - 8, 12)
    ]


def _dots(sheet: Sheet, stage: StageMark, x: float, y: float, room: float) -> None:
    """One dot a contact per 1,000 customers, as many as there is room for; then the number in their place."""
    n = round(stage.contacts)
    step = 7.0
    if n * step <= room:
        for i in range(n):
            sheet.circle(x + 2.5 + step * i, y, 2.4, "quiet")
        if n == 0 and stage.contacts_text:
            sheet.text(x, y + 4, fitted(stage.contacts_text, room, 11.5), "soft small")
        return
    sheet.circle(x + 2.5, y, 2.4, "quiet")
    sheet.text(x + 9, y + 4, fitted(f"{n:,} per 1,000", room, 11.5), "soft small")


def _downwards(sheet: Sheet, stages: Sequence[StageMark]) -> None:
    most = max(s.volume for s in stages)
    more = 14.0 if any(s.score_range for s in stages) else 0.0  # a line for how sure scores are
    pitch = 74.0 + more
    for i, stage in enumerate(stages):
        top = pitch * i
        size = max((sheet.width - 4) * stage.volume / most, 6.0)
        on = size * (1 - min(max(stage.drop, 0.0), 1.0))
        sheet.open_mark(stage.link, stage.told, key=stage.label)
        sheet.hit(0, top, sheet.width, pitch - 6)
        score = stage.score_text or "no score"
        words = f"{stage.word}\u2002" if stage.word and stage.score_text else ""
        used = text_width(words, 12, strong=True) + text_width(score, 17, strong=True)
        sheet.text(0, top + 16, fitted(stage.label, sheet.width - used - 20, 13.5, strong=True), "strong row")
        end = sheet.width - text_width(score, 17 if stage.score_text else 12, strong=True) - 9
        sheet.text(sheet.width, top + 16, score, "large strong" if stage.score_text else "soft label", anchor="end")
        if words:
            sheet.text(end, top + 16, stage.word, f"{stage.text_look} label strong", anchor="end")
        sheet.text(sheet.width, top + 31, stage.score_range, "soft small", anchor="end")
        top += more
        sheet.rect(0, top + 24, on, 18, stage.look, round_=1.5)
        if size - on > 0.8:
            foot = f"L{_p(max(size - 8, on), top + 42)} H{short_number(on)}Z"
            sheet.path(f"M{_p(on, top + 24)} H{short_number(size)} {foot}", "falling")
        sheet.text(0, top + 58, fitted(stage.drop_text, 150, 12), "soft label")
        room = sheet.width - max(text_width(stage.drop_text, 12), 90) - 24
        _dots(sheet, stage, sheet.width - min(7.0 * round(stage.contacts), room), top + 54, room)
        sheet.close_mark(stage.link)
    sheet.height = pitch * len(stages) - 8
