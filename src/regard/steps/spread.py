"""Quantiles of many groups at once, by one sort."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regard.steps.columns import Whole

Floats = NDArray[np.float64]
QUANTILES = (0.5, 0.9)


def quantiles(node: Whole, values: NDArray[np.float32], nodes: int) -> Floats:
    """Quantiles of the values of each node, (nodes, q), between neighbours in a straight line."""
    count = np.bincount(node, minlength=nodes)
    bounds = np.append(0, np.cumsum(count))[:-1]
    # seconds are never negative, so their bits sort as they do: one sort of whole numbers instead of two keys
    keys = np.sort(node.astype(np.uint64) << np.uint64(32) | values.view(np.uint32))
    placed = (keys & np.uint64(0xFFFFFFFF)).astype(np.uint32).view(np.float32).astype(np.float64)
    out = np.full((nodes, len(QUANTILES)), np.nan)
    some = np.flatnonzero(count)
    for q, share in enumerate(QUANTILES):
        at = share * (count[some] - 1)
        low = at.astype(np.int64)
        left, right = placed[bounds[some] + low], placed[bounds[some] + np.minimum(low + 1, count[some] - 1)]
        out[some, q] = left + (at - low) * (right - left)
    return out
