"""Frames between the pages and their workers: four bytes of length, then JSON.

A call is answered by any number of progress replies and then one that is done or an error. Nothing but frames travels
on a worker's standard output; whatever a library prints goes to standard error.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from typing import BinaryIO

LENGTH = struct.Struct(">I")
LARGEST = 256 * 1024 * 1024


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a worker is asked to do; ``cancel`` stops the call of that id."""

    id: int
    do: str
    given: dict[str, Any] = {}


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker says about a call: progress, then done with its value, or an error in the one error shape."""

    id: int
    kind: Literal["progress", "done", "error"]
    value: msgspec.Raw = msgspec.Raw(b"null")


def framed(message: Call | Reply) -> bytes:
    """The message with its length in front.

    Raises:
        ValueError: It is larger than any frame may be.
    """
    body = msgspec.json.encode(message)
    if len(body) > LARGEST:
        raise ValueError(f"A message of {len(body)} bytes is too large.")
    return LENGTH.pack(len(body)) + body


def read_call(stream: BinaryIO) -> Call | None:
    """The next call from a pipe, or None when the other side has gone."""
    head = _exactly(stream, LENGTH.size)
    if head is None:
        return None
    body = _exactly(stream, LENGTH.unpack(head)[0])
    return None if body is None else msgspec.json.decode(body, type=Call)


def _exactly(stream: BinaryIO, size: int) -> bytes | None:
    parts: list[bytes] = []
    while size:
        block = stream.read(size)
        if not block:
            return None
        parts.append(block)
        size -= len(block)
    return b"".join(parts)
