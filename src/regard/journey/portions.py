"""One in so many customers, told by their id: for comparisons that gain nothing from looking at everybody."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regard.findings import Caution
from regard.wording import number

MIXER = 0x9E3779B97F4A7C15
MOST = 60_000
"""Customers of whom a change is tested; of more, one in so many: intervals are then as narrow as anybody can use."""


def one_in(customers: int, *, most: int = MOST) -> int:
    """Of how many customers one is looked at, so that they are no more than so many."""
    return max(1, -(-customers // most))


def portion(customers: NDArray[np.int64], each: int) -> NDArray[np.bool_]:
    """Which customers are among one in so many; the same ones whatever is asked."""
    if each <= 1:
        return np.ones(len(customers), np.bool_)
    mixed = (customers.astype(np.uint64) * np.uint64(MIXER)) >> np.uint64(40)
    found: NDArray[np.bool_] = mixed % np.uint64(each) == 0
    return found


def tested_on(customers: int) -> list[Caution]:
    """What is said where changes are tested on some customers alone."""
    each = one_in(customers)
    if each == 1:
        return []
    text = f"Customers are many: changes are tested on one in {number(each)} of them, numbers and shares are of all."
    return [Caution(code="one_in", text=text)]
