"""Passwords, keys and card numbers are taken out of what clients send, before anything is stored.

A value whose name says that it is a secret goes whole; a card number goes out of any text. Names are read as words, so
that ``authToken`` is a secret and ``author`` is not.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Any

REMOVED = "[removed]"
"""Stands where a secret stood."""

WORDS = frozenset(
    ("password", "passwd", "secret", "secrets", "credentials", "credential", "token", "bearer", "auth", "authorization",
     "apikey", "privatekey")
)  # fmt: skip
PAIRS = frozenset((("api", "key"), ("private", "key"), ("mysql", "pwd"), ("access", "key"), ("write", "key")))

SHORTEST_CARD = 14
"""Digits a card number has at least."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CARD = re.compile(r"(?<![\w.-])[3-6](?:[ -]?\d){13,18}(?![\w.-])")
_ENOUGH_DIGITS = re.compile(r"\d[\d -]{12}")


@lru_cache(maxsize=4096)
def is_secret(name: str) -> bool:
    """Whether a name says that its value is a secret."""
    words = [word.lower() for word in _WORD.findall(name)]
    return not WORDS.isdisjoint(words) or any(pair in PAIRS for pair in pairwise(words))


def without_cards(text: str) -> str:
    """A text without card numbers: 14 to 19 digits that begin as cards do and whose check digit is right."""
    if _ENOUGH_DIGITS.search(text) is None:
        return text
    return _CARD.sub(lambda found: REMOVED if _is_card(found[0]) else found[0], text)


def _is_card(text: str) -> bool:
    digits = [int(c) for c in text if c.isdigit()][::-1]
    return sum(d if n % 2 == 0 else (d * 2 - 9 if d > 4 else d * 2) for n, d in enumerate(digits)) % 10 == 0


def scrubbed(value: Any, name: str = "") -> Any:
    """A decoded JSON value without its secrets."""
    if name and is_secret(name):
        return REMOVED
    if isinstance(value, str):
        return without_cards(value)
    if isinstance(value, dict):
        return {k: scrubbed(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [scrubbed(v) for v in value]
    return value
