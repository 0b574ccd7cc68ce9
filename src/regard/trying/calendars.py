"""Times that are written as a week or a quarter of a year: 2026-W05, 2026W5, 2026-Q1, Q1 2026."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEEK = re.compile(r"\s*(\d{4})[-_ ]?[Ww](\d{1,2})\s*")
QUARTER = re.compile(r"\s*(\d{4})[-_ ]?[Qq]([1-4])\s*")
TURNED = re.compile(r"\s*[Qq]([1-4])[-_ /]?(\d{4})\s*")


def begun(column: pa.Array) -> NDArray[np.datetime64] | None:
    """The first instant of each week (ISO, from Monday) or quarter; None where the column is not written so.

    Args:
        column: Texts; empty ones become NaT.
    """
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return None
    coded = pc.dictionary_encode(column)
    coded = coded.combine_chunks() if isinstance(coded, pa.ChunkedArray) else coded
    days = []
    for text in coded.dictionary.to_pylist():
        day = _day(text)
        if day is None and text.strip():
            return None
        days.append(np.datetime64(day, "us") if day else np.datetime64("NaT", "us"))
    if not days:
        return None
    places = coded.indices.fill_null(len(days)).to_numpy(zero_copy_only=False)
    found: NDArray[np.datetime64] = np.array([*days, np.datetime64("NaT", "us")], "datetime64[us]")[places]
    return found


def _day(text: str) -> date | None:
    try:
        if found := WEEK.fullmatch(text):
            return date.fromisocalendar(int(found[1]), int(found[2]), 1)
        if found := QUARTER.fullmatch(text):
            return date(int(found[1]), 3 * int(found[2]) - 2, 1)
        if found := TURNED.fullmatch(text):
            return date(int(found[2]), 3 * int(found[1]) - 2, 1)
    except ValueError:
        return None
    return None
