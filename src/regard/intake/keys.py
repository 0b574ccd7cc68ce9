"""Which source a write key belongs to: looked up by its hash, in memory, and read anew each second."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

LOOK_SECONDS = 1.0
LOOKS = 20
"""So many looks for unknown keys are made at once, and so many a second: what a flood of them costs at most."""

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
        self._looks, self._counted = float(LOOKS), time.monotonic()
        self._sources: dict[str, str] = {}

    def source(self, key: str) -> str | None:
        """The source of a key, or None: unknown, or revoked a second ago or earlier."""
        self._look(LOOK_SECONDS)
        found = self._find(key)
        if found is None and key and self._may_look():
            self._look(0.0)  # one made a moment ago opens its source: clients give up at the first refusal
            found = self._find(key)
        return found

    def _may_look(self) -> bool:
        now = time.monotonic()
        self._looks = min(self._looks + LOOKS * (now - self._counted), float(LOOKS))
        self._counted = now
        if self._looks < 1:
            return False
        self._looks -= 1
        return True

    def _look(self, seconds: float) -> None:
        """Read the keys anew where that was longer ago."""
        now = time.monotonic()
        if now - self._looked >= seconds:
            self._looked, self._known, self._sources = now, self._read(), {}

    def _find(self, key: str) -> str | None:
        found = self._sources.get(key)
        if found is None and key and len(key) <= LONGEST:
            found = self._known.get(hashlib.sha256(key.encode("utf-8", "replace")).hexdigest())
            if found is not None:
                self._sources[key] = found
        return found
