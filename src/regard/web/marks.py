"""Marks of a figure that lead to the customers behind them: drawn without links by the rooms, linked here."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import TYPE_CHECKING

from regard.figures.drawing import safe_link

if TYPE_CHECKING:
    from collections.abc import Mapping

# A mark holds shapes and words only, never another group: its end is the next one.
_MARK = re.compile(r'<g class="fig-mark" data-key="([^"]*)">(?:<title>([^<]*)</title>)?(.*?)</g>', re.DOTALL)


def linked(svg: str, ways: Mapping[str, str], *, invite: str = "show the customers") -> str:
    """The drawing with every mark whose key is known made a link.

    Args:
        svg: A figure, wide or narrow.
        ways: Key to address; only addresses on this site are linked.
        invite: What following a mark does.
    """
    made = 0

    def link(found: re.Match[str]) -> str:
        nonlocal made
        key, words, drawn = found[1], found[2] or "", found[3]
        way = ways.get(unescape(key), "")
        if not safe_link(way):
            return found[0]
        made += 1
        told = escape(f"{unescape(words or key)}: {invite}", quote=True)
        title = f"<title>{told}</title>"
        return f'<a href="{escape(way, quote=True)}" class="fig-mark" aria-label="{told}">{title}{drawn}</a>'

    done = _MARK.sub(link, svg)
    # An image hides what is in it from the keyboard's tree, so a figure with links is a group with a name instead.
    return done.replace('role="img"', 'role="group"', 1) if made else done
