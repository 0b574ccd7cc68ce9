"""Protocol buffers as they lie on the wire, read without a library: a message is the values of the fields one asks for.

Fields nobody asks for are passed over, whatever they are. What is cut off, runs over its end or uses the groups of old
is refused, never guessed. The format: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import unpack_from
from typing import Any

VARINT, WIDE, BYTES, NARROW = 0, 1, 2, 5
"""Wire types: a number of variable length, eight bytes, bytes behind their length, four bytes."""

LONGEST = 10
"""Bytes of a number of variable length at most."""


class Broken(ValueError):
    """These bytes are no such message."""


Asked = Mapping[int, tuple[str, bool]]
"""The fields asked for: by their tag on the wire, their name and whether there may be several."""


def asked(*fields: tuple[int, int, str], several: tuple[str, ...] = ()) -> Asked:
    """Which fields are asked for.

    Args:
        fields: Number, wire type and name of each; one that may be packed is named once for each wire type.
        several: Names of which there may be several: their values become a list.
    """
    return {number << 3 | wire: (name, name in several) for number, wire, name in fields}


def message(body: bytes, wanted: Asked) -> dict[str, Any]:
    """The fields of a message that are there.

    Args:
        body: The message.
        wanted: The fields asked for.

    Returns:
        By name: whole numbers without a sign for variable lengths, else the bytes as they lie there. Of a field that
        comes twice, the last.

    Raises:
        Broken: It is none.
    """
    found: dict[str, Any] = {}
    at, end = 0, len(body)
    try:
        while at < end:
            tag = body[at]
            at += 1
            if tag > 127:
                tag, at = number(body, at - 1)
            wire = tag & 7
            value: Any
            if wire == BYTES:
                size = body[at]
                at += 1
                if size > 127:
                    size, at = number(body, at - 1)
                value = body[at : at + size]
                at += size
            elif wire == VARINT:
                value = body[at]
                at += 1
                if value > 127:
                    value, at = number(body, at - 1)
            else:
                size = 8 if wire == WIDE else 4 if wire == NARROW else _refuse(wire)
                value = body[at : at + size]
                at += size
            field = wanted.get(tag)
            if field is None:
                continue
            name, several = field
            if several:
                found.setdefault(name, []).append(value)
            else:
                found[name] = value
    except IndexError as error:
        raise Broken("it ends too early") from error
    if at > end:
        raise Broken("a field is longer than what is there")
    return found


def _refuse(wire: int) -> int:
    raise Broken(f"wire type {wire} is not used")


def number(body: bytes, at: int) -> tuple[int, int]:
    """A whole number of variable length, without a sign, and where it ends.

    Raises:
        Broken: It is longer than 64 bits.
        IndexError: It is cut off.
    """
    value = shift = 0
    for place in range(at, at + LONGEST):
        part = body[place]
        value |= (part & 127) << shift
        if part < 128:
            return value & 0xFFFF_FFFF_FFFF_FFFF, place + 1
        shift += 7
    raise Broken("a number is too long")


def signed(value: int, bits: int = 64) -> int:
    """A whole number with its sign, of one without."""
    return value - (1 << bits) if value >> (bits - 1) else value


def unzigzag(value: int) -> int:
    """A whole number with its sign, of one written zigzag."""
    return value >> 1 ^ -(value & 1)


def whole(value: bytes) -> int:
    """A whole number without a sign, of four or eight bytes."""
    return int.from_bytes(value, "little")


def real(value: bytes) -> float:
    """A number of eight bytes."""
    return float(unpack_from("<d", value)[0])


def wides(values: list[bytes], form: str) -> list[Any]:
    """Numbers of eight bytes each, packed or not; ``form`` is d, q or Q.

    Raises:
        Broken: They are cut off.
    """
    body = b"".join(values)
    if len(body) % 8:
        raise Broken("a list of numbers is cut off")
    return list(unpack_from(f"<{len(body) // 8}{form}", body))


def varints(values: list[Any]) -> list[int]:
    """Numbers of variable length, packed or not.

    Raises:
        Broken: One is cut off.
    """
    found: list[int] = []
    for value in values:
        if isinstance(value, int):
            found.append(value)
            continue
        at = 0
        try:
            while at < len(value):
                one, at = number(value, at)
                found.append(one)
        except IndexError as error:
            raise Broken("a list of numbers is cut off") from error
    return found
