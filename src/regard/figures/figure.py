"""A finished figure: the same drawing for wide and for narrow places, and as a file that stands alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

from regard.figures.drawing import NARROW, WIDE, Sheet, clean, short_number, wrapped

if TYPE_CHECKING:
    from collections.abc import Callable

# The tokens of a file that has no page around it; pages bring their own.
_TOKENS = """
svg{--paper:#fbfaf7;--ink:#1d2129;--soft:#626770;--line:#dddbd5;--accent:#006672;--good:#2f8983;--bad:#b75637;--wash:#f5eeea}
@media(prefers-color-scheme:dark){svg{--paper:#101419;--ink:#e6e3dc;--soft:#9fa3a8;--line:#30363d;--accent:#68bdc9;--good:#4ba29c;--bad:#d97e57;--wash:#2c1f1a}}
.fig-paper{fill:var(--paper)}
"""


@dataclass(frozen=True)
class Figure:
    """A figure for a page.

    Attributes:
        svg: The drawing for places of 620 pixels and more.
        title: The finding it states, in words.
        alt: What it shows, for those who do not see it.
        width: Width of the drawing's own units.
        height: Height of the drawing's own units.
        svg_narrow: The drawing for narrow places, down to 320 pixels.
    """

    svg: str
    title: str
    alt: str
    width: float
    height: float
    svg_narrow: str

    @property
    def inline(self) -> str:
        """Both drawings in one element; `figures.css` shows the one that fits where it stands."""
        if self.svg == self.svg_narrow:
            return self.svg
        return f'<div class="fig">{self.svg}{self.svg_narrow}</div>'


def finished(draw: Callable[[Sheet], None], *, title: str, alt: str = "") -> Figure:
    """Draw on a wide and on a narrow sheet.

    Args:
        draw: Draws on the sheet it is given, reads its width, and sets its height.
        title: The finding the figure states.
        alt: What it shows; empty repeats the title.
    """
    sheets = []
    for width in (WIDE, NARROW):
        sheet = Sheet(width)
        draw(sheet)
        sheets.append(sheet)
    return composed(sheets[0], sheets[1], title=title, alt=alt)


def composed(wide: Sheet, narrow: Sheet, *, title: str, alt: str = "", place: str = "") -> Figure:
    """A figure of two drawn sheets; a `place` of its own is for one that is the same everywhere."""
    words = clean(alt or title)
    return Figure(
        svg=_markup(wide, clean(title), words, place or "wide"),
        title=clean(title),
        alt=words,
        width=wide.width,
        height=wide.height,
        svg_narrow=_markup(narrow, clean(title), words, place or "narrow"),
    )


def is_narrow(sheet: Sheet) -> bool:
    """Whether the sheet is the one for narrow places."""
    return sheet.width <= NARROW


def nothing(sheet: Sheet, words: str) -> None:
    """Draw the empty state: what is missing, in words."""
    lines = wrapped(words, sheet.width - 24, 13, lines=3)
    sheet.height = 56 + 18 * len(lines)
    sheet.rect(0.5, 0.5, sheet.width - 1, sheet.height - 1, "empty", round_=6)
    for i, line in enumerate(lines):
        sheet.text(sheet.width / 2, 40 + 18 * i, line, "soft", anchor="middle")


def standalone(figure: Figure, *, narrow: bool = False) -> str:
    """The figure as an SVG file of its own: style, background, light and dark by the reader's system."""
    svg = figure.svg_narrow if narrow else figure.svg
    head, _, body = svg.partition(">")
    pad, (width, height) = 20.0, _size(svg)
    head = head.replace(
        f'viewBox="0 0 {short_number(width)} {short_number(height)}"',
        f'xmlns="http://www.w3.org/2000/svg" viewBox="{short_number(-pad)} {short_number(-pad)} '
        f'{short_number(width + 2 * pad)} {short_number(height + 2 * pad)}" '
        f'width="{short_number(width + 2 * pad)}" height="{short_number(height + 2 * pad)}"',
    )
    paper = (
        f'<rect x="{short_number(-pad)}" y="{short_number(-pad)}" width="{short_number(width + 2 * pad)}" '
        f'height="{short_number(height + 2 * pad)}" class="fig-paper"/>'
    )
    # Nothing outside a page's own CSS can restyle a file, so the rules travel in it, without the layer around them.
    return f"{head}><style>{_TOKENS}{_rules()}</style>{paper}{body}\n"


@cache
def _rules() -> str:
    """The rules of figures.css, safe inside XML (`>` is allowed there, `<` and `&` are not used)."""
    return stylesheet().replace("&", "&amp;").replace("<", "&lt;")


@cache
def stylesheet() -> str:
    """The style sheet of all figures, for pages to serve."""
    return files("regard.figures").joinpath("figures.css").read_text(encoding="utf-8")


def tokens() -> str:
    """Colours and typefaces as custom properties, the same for pages and documents."""
    return files("regard.figures").joinpath("tokens.css").read_text(encoding="utf-8")


def _size(svg: str) -> tuple[float, float]:
    box = svg.partition('viewBox="')[2].partition('"')[0].split(" ")
    return float(box[2]), float(box[3])


def _markup(sheet: Sheet, title: str, alt: str, place: str) -> str:
    # An image hides what is in it from the keyboard's tree, so a figure with links is a group with a name instead.
    role = "group" if sheet.linked else "img"
    label = alt if alt.startswith(title) else f"{title}. {alt}"
    return (
        f'<svg class="fig-svg fig-{place}" viewBox="0 0 {short_number(sheet.width)} {short_number(sheet.height)}" '
        f'role="{role}" aria-label="{escape(label, quote=True)}"><title>{escape(title, quote=False)}</title>'
        f"<desc>{escape(alt, quote=False)}</desc>{''.join(sheet.parts)}</svg>"
    )
