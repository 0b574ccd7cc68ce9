"""Requests turned away and in no ledger: counted by reason, source and day, in one small file beside the log.

A request whose source is not known, or that is to be sent again, has no row and no place among the four outcomes. The
intake counts it in memory, some additions a request, and writes the whole within seconds: the file survives a restart,
and of a process that is killed the last `WRITE_SECONDS` are lost. It stays small whoever sends whatever.
"""

from __future__ import annotations

import datetime as dt
import os
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import xxhash

from regard.store import disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

FILE = "turned-away.json"
WRITE_SECONDS = 1.0
KEPT_DAYS = 30
SHOWN_DAYS = 7
ADDRESSES = 20
"""Addresses kept of one reason, source and day: beyond them it is "so many or more"."""

ENTRIES = 100
"""Reasons and sources told apart on one day; any beyond them are counted by reason alone."""

LONGEST = 60
BEGINNING = 6
"""Characters of a write key that are kept, so that people know which one it was."""


class Away(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Requests of one source turned away for one reason, on one day or on several.

    Attributes:
        day: UTC, YYYY-MM-DD; of several the first.
        code: Why, as a word.
        source: Whose they are; empty where that was not known.
        requests: How many.
        first: When the first came, UTC, ISO 8601.
        last: When the last came.
        addresses: Where they came from, `ADDRESSES` at most.
        address: Where the last came from.
        client: How the last sender called itself.
        key: How the last write key began.
        path: What the last was sent to, ids left out.
    """

    day: str
    code: str
    source: str = ""
    requests: int = 0
    first: str = ""
    last: str = ""
    addresses: list[str] = []
    address: str = ""
    client: str = ""
    key: str = ""
    path: str = ""


class Tally:
    """Counts what is turned away. Use it from one thread.

    Args:
        clock: The moment, UTC.
    """

    def __init__(self, clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)) -> None:
        self._clock = clock
        self._found: dict[tuple[str, str, str], Away] = {}
        self._today, self._of_today = "", 0
        self.changed = False

    def load(self, root: Path) -> None:
        """Go on from what was written; a file that is not what was written is set aside."""
        path = root / FILE
        path.with_name(f"{FILE}{disk.TEMPORARY}").unlink(missing_ok=True)  # of a process that was killed
        found = _read(path)
        if found is None:
            with suppress(OSError):
                path.rename(path.with_name(f"{FILE}.damaged"))
        for one in found or ():
            self._add(one)

    def count(
        self, code: str, *, source: str = "", address: str = "", client: str = "", key: str = "", path: str = ""
    ) -> None:
        """Count one request.

        Args:
            code: Why it was turned away.
            source: Whose it is, where that is known.
            address: Where it came from.
            client: How the sender calls itself.
            key: The write key it came with; its beginning is kept.
            path: What it was sent to, where that says something.
        """
        now = self._clock().isoformat(timespec="seconds")
        day = now[:10]
        if day != self._today:
            self._begin(day)
        if (day, code, source) not in self._found and self._of_today >= ENTRIES:
            source = ""
        self._add(
            Away(
                day=day, code=code, source=source, requests=1, first=now, last=now, address=address,
                addresses=[address] if address else [], client=_plain(client), key=_plain(key)[:BEGINNING],
                path=_plain(path),
            )
        )  # fmt: skip
        self.changed = True

    def _begin(self, day: str) -> None:
        oldest = (dt.date.fromisoformat(day) - dt.timedelta(days=KEPT_DAYS - 1)).isoformat()
        self._found = {key: one for key, one in self._found.items() if key[0] >= oldest}
        self._today, self._of_today = day, sum(key[0] == day for key in self._found)

    def _add(self, one: Away) -> None:
        key = (one.day, one.code, one.source)
        known = self._found.get(key)
        if known is None:
            self._found[key] = one
            self._of_today += one.day == self._today
        else:
            _merge(known, one)

    def packed(self) -> bytes:
        """All of it as the file holds it; nothing is new after that."""
        self.changed = False
        text = msgspec.json.encode(sorted(self._found.values(), key=lambda one: (one.day, one.code, one.source)))
        return xxhash.xxh3_128_hexdigest(text).encode() + b"\n" + text + b"\n"


def write(root: Path, packed: bytes) -> None:
    """Keep what `Tally.packed` gave.

    Raises:
        OSError: It could not be written; the file is as it was.
    """
    disk.publish(root / FILE, lambda target: _put(target, packed))


def every(root: Path) -> list[Away]:
    """What a workspace counted, per day; nothing where the file is not what was written."""
    return _read(root / FILE) or []


def recent(root: Path, *, days: int = SHOWN_DAYS, now: dt.datetime | None = None) -> list[Away]:
    """What was turned away in the last days, by reason and source, most requests first.

    Args:
        root: The workspace.
        days: How many, today included.
        now: The end of them.
    """
    since = ((now or dt.datetime.now(dt.UTC)).date() - dt.timedelta(days=days - 1)).isoformat()
    found: dict[tuple[str, str], Away] = {}
    for one in every(root):
        if one.day < since:
            continue
        known = found.get((one.code, one.source))
        if known is None:
            found[one.code, one.source] = one
        else:
            _merge(known, one)
    return sorted(found.values(), key=lambda one: (-one.requests, one.code, one.source))


def mark(root: Path) -> str:
    """A text that changes whenever the file does."""
    try:
        return str((root / FILE).stat().st_mtime_ns)
    except OSError:
        return ""


def _merge(into: Away, one: Away) -> None:
    into.requests += one.requests
    into.first = min(into.first, one.first)
    if one.last >= into.last:
        into.last, into.address = one.last, one.address
        into.client, into.key, into.path = one.client, one.key, one.path
    if len(into.addresses) < ADDRESSES:
        into.addresses += _new(one.addresses, into.addresses)[: ADDRESSES - len(into.addresses)]


def _new(given: Iterable[str], known: list[str]) -> list[str]:
    return [address for address in given if address not in known]


def _plain(text: str) -> str:
    return "".join(c for c in text[:LONGEST] if c.isprintable())


def _put(target: Path, packed: bytes) -> None:
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(packed)


def _read(path: Path) -> list[Away] | None:
    """What a file holds; None where it is not what was written."""
    try:
        digest, _, text = path.read_bytes().partition(b"\n")
    except OSError:
        return []
    text = text.removesuffix(b"\n")
    if xxhash.xxh3_128_hexdigest(text).encode() != digest:
        return None
    try:
        return msgspec.json.decode(text, type=list[Away])
    except msgspec.DecodeError:
        return None
