"""What an argument takes, in words: told where a value was given that it does not take."""

from __future__ import annotations

from typing import Any

import msgspec.inspect as types

from regard.wording import listed, number


def wanted(annotation: Any) -> str:
    """What a typed argument takes, such as "a whole number from 1 to 8"; empty where its type says it no better.

    Args:
        annotation: Its type, bounds in msgspec's Meta.
    """
    return _told(types.type_info(annotation))


def _told(kind: types.Type) -> str:
    if isinstance(kind, types.Metadata):
        return _told(kind.type)
    if isinstance(kind, types.UnionType):
        return next((told for each in kind.types if (told := _told(each))), "")
    if isinstance(kind, types.LiteralType):
        choices = [str(value) for value in kind.values if value != ""]
        return f"one of {listed(choices, last='or')}" if len(choices) > 1 else f"{''.join(choices)} alone"
    if isinstance(kind, types.IntType | types.FloatType):
        return f"a {'whole ' if isinstance(kind, types.IntType) else ''}number{_bounds(kind)}"
    return "true or false" if isinstance(kind, types.BoolType) else ""


def _bounds(kind: types.IntType | types.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {number(kind.ge)} to {number(kind.le)}"
    low = f" above {number(kind.gt)}" if kind.gt is not None else ""
    low = f" of {number(kind.ge)} or more" if kind.ge is not None else low
    high = f" below {number(kind.lt)}" if kind.lt is not None else ""
    high = f" up to {number(kind.le)}" if kind.le is not None else high
    return f"{low} and{high}" if low and high else low or high
