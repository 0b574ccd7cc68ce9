"""Which source a write key belongs to: looked up by its hash, in memory, and read anew each second."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

LOOK_SECONDS = 1.0
AGAIN_SECONDS = 0.05
"""So long after a look an unknown key is looked for again: a flood of them costs twenty looks a second."""

LONGEST = 200


class Keys:
    """The write keys of a workspace.

    Args:
        read: Gives the source of each key's hash.
    """

    def __init__(self, read: Callable[[], dict[str, str]]) -> None:
        self._read = read
        self._known: dict[str, str] = {}
        self._looked = float("-inf")
        self._sources: dict[str, str] = {}

    def source(self, key: str) -> str | None:
        """The source of a key, or None: unknown, or revoked a second ago or earlier."""
        self._look(LOOK_SECONDS)
        found = self._find(key)
        if found is None and key:
            self._look(AGAIN_SECONDS)  # one made a moment ago opens its source: clients give up at the first refusal
            found = self._find(key)
        return found

    def _look(self, seconds: float) -> None:
        """Read the keys anew where that was longer ago."""
        now = time.monotonic()
        if now - self._looked > seconds:
            self._looked, self._known, self._sources = now, self._read(), {}

    def _find(self, key: str) -> str | None:
        found = self._sources.get(key)
        if found is None and key and len(key) <= LONGEST:
            found = self._known.get(hashlib.sha256(key.encode("utf-8", "replace")).hexdigest())
            if found is not None:
                self._sources[key] = found
        return found
