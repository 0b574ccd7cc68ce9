"""Paper, ink and measuring: what every figure is drawn with.

Colours and type come from CSS classes (`figures.css`); a sheet writes geometry only, so that inline figures pass a
strict content security policy. Everything that came from people or data is escaped here and nowhere else.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

from regard.wording import graphemes, plainly

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDE = 920.0
NARROW = 340.0
_THIN = frozenset("iljtfrI.,:;'’‘|!()[]{}/\\ ·")
_BROAD = frozenset("mwMW@%—–…")


def short_number(value: float) -> str:
    """A coordinate, at most one decimal, without trailing zeros."""
    text = f"{value:.1f}"
    text = text.removesuffix(".0")
    return "0" if text == "-0" else text


def clean(text: str) -> str:
    """The text without characters XML cannot hold, on one line; names as programs write them become words."""
    text = plainly(text)
    return " ".join("".join(c if unicodedata.category(c) not in {"Cc", "Cs"} else " " for c in text).split(" ")).strip()


def text_width(text: str, size: float = 12.5, *, strong: bool = False) -> float:
    """Width of a text in a grotesque such as Inter, within a few percent, erring wide."""
    total = 0.0
    for char in text:
        if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
            continue
        if unicodedata.east_asian_width(char) in {"W", "F"}:
            total += 1.02
        elif char in _THIN:
            total += 0.33
        elif char in _BROAD:
            total += 0.9
        elif char.isupper():
            total += 0.7
        else:
            total += 0.6
    return total * size * (1.05 if strong else 1.0)


def fitted(text: str, width: float, size: float = 12.5, *, strong: bool = False) -> str:
    """The text, ended by an ellipsis where it would not fit the width."""
    text = clean(text)
    if text_width(text, size, strong=strong) <= width:
        return text
    parts = graphemes(text)
    while parts and text_width("".join(parts).rstrip() + "…", size, strong=strong) > width:
        parts.pop()
    return "".join(parts).rstrip(" ,;:·") + "…"


def wrapped(text: str, width: float, size: float = 12.5, *, lines: int = 2, strong: bool = False) -> list[str]:
    """The text broken at spaces into at most so many lines; the last one ends by an ellipsis when there is more."""
    found: list[str] = []
    words = clean(text).split(" ")
    while words and len(found) < lines - 1:
        line = words.pop(0)
        while words and text_width(f"{line} {words[0]}", size, strong=strong) <= width:
            line = f"{line} {words.pop(0)}"
        found.append(fitted(line, width, size, strong=strong))
    if words:
        found.append(fitted(" ".join(words), width, size, strong=strong))
    return found or [""]


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round numbers from low to high, about so many."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low] if math.isfinite(low) else []
    rough = (high - low) / max(about, 1)
    size = 10 ** math.floor(math.log10(rough))
    step = next((m * size for m in (1, 2, 2.5, 5, 10) if m * size >= rough * 0.999), 10 * size)
    first = math.ceil(low / step - 1e-9)
    return [round(i * step, 12) for i in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Scale:
    """From values to positions."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The position of a value."""
        span = self.high - self.low
        at = (value - self.low) / span if span else 0.5
        return self.start + at * (self.end - self.start)


@dataclass
class Sheet:
    """One drawing in the making."""

    width: float
    height: float = 0.0
    parts: list[str] = field(default_factory=list)
    linked: bool = False

    def raw(self, markup: str) -> None:
        """Add markup made by another sheet's method."""
        self.parts.append(markup)

    def text(self, x: float, y: float, words: str, look: str = "", *, anchor: str = "start") -> None:
        """Add words; `look` names classes without their prefix."""
        end = f' text-anchor="{anchor}"' if anchor != "start" else ""
        kind = f' class="{_classes(look)}"' if look else ""
        self.parts.append(
            f'<text x="{short_number(x)}" y="{short_number(y)}"{kind}{end}>{escape(clean(words), quote=False)}</text>'
        )

    def rect(
        self, x: float, y: float, width: float, height: float, look: str, *, round_: float = 0.0, strength: float = 1.0
    ) -> None:
        """Add a rectangle; `strength` is the opacity of its fill."""
        extra = f' rx="{short_number(round_)}"' if round_ else ""
        extra += f' fill-opacity="{strength:.2f}"' if strength < 1 else ""
        at = f'x="{short_number(x)}" y="{short_number(y)}"'
        size = f'width="{short_number(max(width, 0.0))}" height="{short_number(max(height, 0.0))}"'
        self.parts.append(f'<rect {at} {size} class="{_classes(look)}"{extra}/>')

    def line(self, x1: float, y1: float, x2: float, y2: float, look: str) -> None:
        """Add a straight line."""
        at = " ".join(f'{k}="{short_number(v)}"' for k, v in (("x1", x1), ("y1", y1), ("x2", x2), ("y2", y2)))
        self.parts.append(f'<line {at} class="{_classes(look)}"/>')

    def circle(self, x: float, y: float, radius: float, look: str) -> None:
        """Add a disc."""
        at = f'cx="{short_number(x)}" cy="{short_number(y)}" r="{short_number(radius)}"'
        self.parts.append(f'<circle {at} class="{_classes(look)}"/>')

    def path(self, d: str, look: str) -> None:
        """Add a path."""
        self.parts.append(f'<path d="{d}" class="{_classes(look)}"/>')

    def stroke(self, d: str, look: str, width: float) -> None:
        """Add a path drawn with a pen of some width."""
        self.parts.append(f'<path d="{d}" class="{_classes(look)}" stroke-width="{short_number(max(width, 0.1))}"/>')

    def polyline(self, points: Sequence[tuple[float, float]], look: str) -> None:
        """Add a line through points."""
        self.path("M" + " L".join(f"{short_number(x)},{short_number(y)}" for x, y in points), look)

    def whisker(self, start: float, end: float, y: float, *, tick: float = 3.5) -> None:
        """Add a horizontal interval with small ends."""
        self.line(start, y, end, y, "whisker")
        for x in (start, end):
            self.line(x, y - tick, x, y + tick, "whisker")

    def open_mark(self, link: str, tip: str, *, label: str = "", key: str = "") -> None:
        """Begin a mark: a link when it leads somewhere, with its words for pointer and screen reader.

        Args:
            link: Where it leads, within the site.
            tip: What the pointer is told.
            label: What a screen reader is told; empty repeats the tip.
            key: What it stands for, by which a page may let it lead somewhere later.
        """
        words = f"<title>{escape(clean(tip), quote=False)}</title>" if tip else ""
        if safe_link(link):
            self.linked = True
            name = escape(clean(label or tip), quote=True)
            self.parts.append(f'<a href="{escape(link, quote=True)}" class="fig-mark" aria-label="{name}">{words}')
        else:
            known = f' data-key="{escape(clean(key), quote=True)}"' if key else ""
            self.parts.append(f'<g class="fig-mark"{known}>{words}')

    def close_mark(self, link: str) -> None:
        """End a mark begun with the same link."""
        self.parts.append("</a>" if safe_link(link) else "</g>")

    def hit(self, x: float, y: float, width: float, height: float) -> None:
        """Add an unseen area of at least 24 by 24, so that a thin mark can be pointed at."""
        more_x, more_y = max(24 - width, 0) / 2, max(24 - height, 0) / 2
        self.rect(x - more_x, y - more_y, width + 2 * more_x, height + 2 * more_y, "hit")


def safe_link(link: str) -> bool:
    """Whether a link stays on this site: a path, a query or an anchor. Schemes and other hosts are not linked."""
    return bool(link) and link[0] in "/?#" and not link.startswith("//") and "\\" not in link


def _classes(look: str) -> str:
    return " ".join(f"fig-{name}" for name in look.split())
