"""Which source a write key belongs to: looked up by its hash, in memory, and read anew each second."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable

LOOK_SECONDS = 1.0
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
        now = time.monotonic()
        if now - self._looked > LOOK_SECONDS:
            self._looked, self._known, self._sources = now, self._read(), {}
        found = self._sources.get(key)
        if found is None and key and len(key) <= LONGEST:
            found = self._known.get(hashlib.sha256(key.encode("utf-8", "replace")).hexdigest())
            if found is not None:
                self._sources[key] = found
        return found
