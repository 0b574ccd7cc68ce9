"""The words of the made-up company, read from the TOML files beside this module: one per language."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from regard.simulation.columns import Pool
from regard.simulation.company import LANGUAGES

CAUSES = (
    "late_delivery",
    "slow_answer",
    "reopened",
    "errors",
    "price_rise",
    "forecast",
    "quick_start",
    "nothing",
    "grudge",
)
"""What a verbatim speaks about: the facts that move the score, or nothing in particular, in good mood or bad."""
MOODS = ("bad", "so_so", "good")


@dataclass(frozen=True)
class Words:
    """Pools of texts by name; the groups of each pool are said where it is made."""

    pools: dict[str, Pool]


@cache
def _read(language: str) -> dict[str, Any]:
    text = resources.files("regard.simulation").joinpath("texts", f"{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _by_language(section: str, part: str) -> Pool:
    """A pool whose groups are the languages."""
    return Pool([_read(language)[section][part] for language in LANGUAGES])


def _by_mood(section: str) -> Pool:
    """A pool whose groups are language × mood."""
    return Pool([_read(language)[section][mood] for language in LANGUAGES for mood in MOODS])


NAMES = Words({part: _by_language("names", part) for part in ("shop", "kind", "called", "place", "given", "family")})
"""Groups are the languages."""
OPENERS = _by_mood("openers")
"""Groups are language × mood."""
CLOSERS = _by_mood("closers")
"""Groups are language × mood."""
BECAUSE = Pool([_read(language)["because"][cause] for language in LANGUAGES for cause in CAUSES])
"""Groups are language × cause."""
ANSWERS = Pool([_read(language)["replies"]["texts"] for language in LANGUAGES])
"""What we write back; groups are the languages."""


def tickets(cells: tuple[tuple[str, str], ...]) -> tuple[Pool, Pool]:
    """Subjects and verbatims of contacts; groups are language × cell of area and issue."""
    sections = [_read(language)["tickets"][f"{area} × {issue}"] for language in LANGUAGES for area, issue in cells]
    return Pool([s["subjects"] for s in sections]), Pool([s["says"] for s in sections])


def letters(topics: tuple[str, ...]) -> Pool:
    """What we write unasked; groups are language × topic."""
    return Pool([_read(language)["letters"][topic] for language in LANGUAGES for topic in topics])
