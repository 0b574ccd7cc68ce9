"""Parts of kernels: a customer's steps walked from one row on, or back, and where two parts of them meet.

As of `regard.steps.tables`: whoever changes this touches the modules that use it.
"""

from __future__ import annotations

import numpy as np

from regard.steps.compiled import compiled

CLOSED, LAST, DEEPER, ARRIVED = 0, 1, 2, 3
"""Why a walk stops: nothing more in time, the customer's last step, more than is looked at, at the target."""


@compiled()
def reach(starts, stops, tails, ends, c):
    """A customer's first row, the row after the last; of two parts, where the first ends and the second begins."""
    if not len(tails) or tails[c] == ends[c]:
        return starts[c], stops[c], np.int64(-9), np.int64(-9)
    if starts[c] == stops[c]:
        return tails[c], ends[c], np.int64(-9), np.int64(-9)
    return starts[c], ends[c], stops[c], tails[c]


@compiled()
def beside(j, step, stop, tail):
    """The row after or before one, over the gap between the two parts of a customer's steps."""
    j += step
    if step > 0 and j == stop:
        return tail
    if step < 0 and j == tail - 1:
        return stop - 1
    return j


@compiled()
def scan(times, codes, failed, rows, i, edge, stop, tail, target, depth, within, collapse, forward,
          seen, at, bad, again):  # fmt: skip
    """The walk from row i: fills what was seen, where, with an error, how often again; its length and why it stops."""
    step = 1 if forward else -1
    seen[0], at[0], bad[0], again[0] = codes[i], i, failed[i], 0
    length = 1
    j = beside(i, step, stop, tail)
    while j != edge:
        if len(rows) and not rows[j]:
            j = beside(j, step, stop, tail)
            continue
        if abs(times[j] - times[i]) > within:
            return length, CLOSED
        if collapse and codes[j] == seen[length - 1]:
            again[length - 1] += 1
            bad[length - 1] |= failed[j]
        else:
            if length > depth:
                return length, DEEPER
            seen[length], at[length], bad[length], again[length] = codes[j], j, failed[j], 0
            length += 1
            if target[codes[j]]:
                return length, ARRIVED
        j = beside(j, step, stop, tail)
    return length, LAST
