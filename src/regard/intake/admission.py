"""Who may send how much now: bytes under way in all and per source, and a rate per source.

A request is counted as its bytes come, never by what it says it will bring, so that whoever sends slowly holds little.
Without a known source, the sender's address stands in for it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from regard.sources.limits import Wire

FORGET = 600.0
"""Seconds after which a sender that is silent is forgotten."""


class Overloaded(Exception):
    """Not now: answered with a status that makes clients wait and try again.

    Args:
        code: Why, as a word.
        reason: Why, as a sentence.
        wait: Seconds to wait.
        status: The HTTP status.
    """

    def __init__(self, code: str, reason: str, *, wait: float = 1.0, status: int = 429) -> None:
        super().__init__(reason)
        self.code, self.reason, self.status = code, reason, status
        self.wait = max(1, math.ceil(wait))


@dataclass(slots=True)
class Sender:
    """What one source, or one address, has under way, and what it has left of its rate."""

    left: float
    seen: float
    bytes: int = 0


@dataclass
class Admission:
    """Counts bytes under way.

    Args:
        limits: How many there may be.
        clock: Seconds.
    """

    limits: Wire
    clock: Callable[[], float] = time.monotonic
    bytes: int = 0
    _senders: dict[str, Sender] = field(default_factory=dict)
    _swept: float = 0.0

    def sender(self, name: str) -> Sender:
        """The account of a source or an address."""
        now = self.clock()
        found = self._senders.get(name)
        if found is None:
            if now - self._swept > FORGET / 10:
                self._sweep(now)
            found = self._senders[name] = Sender(left=self.limits.source_burst, seen=now)
        elif self.limits.source_rate:
            found.left = min(self.limits.source_burst, found.left + (now - found.seen) * self.limits.source_rate)
        found.seen = now
        return found

    def _sweep(self, now: float) -> None:
        self._swept = now
        gone = [name for name, s in self._senders.items() if not s.bytes and now - s.seen > FORGET]
        for name in gone:
            del self._senders[name]

    def check(self, name: str) -> None:
        """Refuse a sender that is above its rate.

        Raises:
            Overloaded: It is.
        """
        left = self.sender(name).left
        if self.limits.source_rate and left < 0:
            wait = -left / self.limits.source_rate
            raise Overloaded("too_fast", "This source sends faster than it may. Send this again later.", wait=wait)

    def charge(self, name: str, size: int) -> None:
        """Take unpacked bytes off what a sender has left; the next request is refused while that is below nothing."""
        if self.limits.source_rate:
            self.sender(name).left -= size


class Load:
    """The bytes of one request, counted for as long as it is under way. Use as a context manager.

    Args:
        admission: Where they are counted.
        name: The source, or the address.
    """

    def __init__(self, admission: Admission, name: str) -> None:
        self._admission, self._name, self._size = admission, name, 0

    def grow(self, size: int) -> None:
        """Count more bytes.

        Raises:
            Overloaded: Too much is under way, of this sender or in all.
        """
        limits, sender = self._admission.limits, self._admission.sender(self._name)
        if sender.bytes + size > limits.source_bytes:
            raise Overloaded("busy", "Too much of this source is under way. Send this again later.")
        if self._admission.bytes + size > limits.waiting_bytes:
            raise Overloaded("busy", "Too much is under way. Send this again later.")
        sender.bytes += size
        self._admission.bytes += size
        self._size += size

    def move(self, name: str) -> None:
        """Count it as another's from now on: its source has become known."""
        if name != self._name:
            size, self._size = self._size, 0
            self._admission.sender(self._name).bytes -= size
            self._admission.bytes -= size
            self._name = name
            self.grow(size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._admission.sender(self._name).bytes -= self._size
        self._admission.bytes -= self._size
        self._size = 0
