"""Parts of kernels: a table of whole numbers in an array, and the part of a customer's rows that lies in a time.

What is kept of a compiled kernel is known by its own file alone: whoever changes this one touches the modules that use
it, or removes the ``*.nbi`` files beside them.
"""

from __future__ import annotations

import numpy as np

from regard.steps.compiled import compiled


@compiled()
def slot(keys, key):
    """Where a key is or belongs; -1 marks an empty place."""
    mask = len(keys) - 1
    h = key * np.int64(-7046029254386353131)
    at = (h ^ (h >> 29)) & mask
    while keys[at] != key and keys[at] != -1:
        at = (at + 1) & mask
    return at


@compiled()
def wider(keys, values):
    """The same table with twice the room."""
    new, kept = np.full(2 * len(keys), -1, np.int64), np.zeros(2 * len(keys), np.int64)
    for i in range(len(keys)):
        if keys[i] >= 0:
            at = slot(new, keys[i])
            new[at], kept[at] = keys[i], values[i]
    return new, kept


@compiled()
def span(times, low, high, since, until):
    """The part of a customer's rows that lies in a time: their first row, and the row after the last."""
    if low < high and times[low] < since:
        a, b = low, high
        while a < b:
            middle = (a + b) // 2
            if times[middle] < since:
                a = middle + 1
            else:
                b = middle
        low = a
    if low < high and times[high - 1] >= until:
        a, b = low, high
        while a < b:
            middle = (a + b) // 2
            if times[middle] < until:
                a = middle + 1
            else:
                b = middle
        high = a
    return low, high
