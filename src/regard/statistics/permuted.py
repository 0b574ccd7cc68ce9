"""Whether amounts deviate anywhere more than chance, where no earlier periods tell: leaves trade places."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regard.statistics.additive import FLOOR, Deviations
from regard.statistics.cuboids import Cube
from regard.statistics.estimates import Floats

PERMUTATIONS = 199
CUT = 6.0
"""Standard deviations at which one leaf is cut: a lone leaf cannot be told from heavy tails without a past."""
BINS, FEWEST = 20, 20


@dataclass(frozen=True, kw_only=True)
class Permuted:
    """A verdict over all cells.

    Attributes:
        p: Chance of a maximum as high as this, were leaves of like size exchangeable.
        cell: The cell of the maximum.
        score: Its statistic, in nats less what having looked costs.
        limit: The statistic at the level asked for.
        permutations: Permutations the p rests on.
    """

    p: float
    cell: int
    score: float
    limit: float
    permutations: int


def permuted(cube: Cube, expected: Floats, found: Deviations, *, permutations: int = PERMUTATIONS, level: float = 0.05,
             seed: int = 0) -> Permuted:  # fmt: skip
    """The largest shared deviation of any cell, against leaves whose residuals trade places within a size.

    The statistic is the likelihood ratio of a shared shift within a cell, (sum z w)^2 / (2 sum w^2) with residuals z in
    units of the noise of leaves of like size and w of one over it, less the logarithm
    of the cells of its cuboid. A permutation test over
    the maximum (Westfall and Young 1993) has its level whatever the tails are, as long as residuals of leaves of like
    size are exchangeable where nothing happened; expectations that are off for a whole value look like a disruption.

    Args:
        cube: Leaves and cells.
        expected: (leaves,) expected amounts; decide what is of like size.
        found: The deviations.
        permutations: How often they trade places.
        level: Of the limit that is told.
        seed: Of the permutations.
    """
    order = np.argsort(expected, kind="stable")
    parts = [p for p in np.array_split(order, min(BINS, max(1, len(order) // FEWEST))) if len(p)]
    z, weight = np.zeros(len(order)), np.zeros(len(order))
    for part in parts:  # one scale and one weight a size, so that leaves within it are exchangeable
        away = found.x[part] - np.median(found.x[part])
        scale = max(1.4826 * float(np.median(np.abs(away))), FLOOR)
        z[part], weight[part] = np.clip(away / scale, -CUT, CUT), 1 / scale
    whole, squares = cube.depth > 0, np.maximum(cube.sums(weight**2), 1e-12)
    rng = np.random.default_rng(seed)

    def scores(columns: Floats) -> Floats:
        sums = cube.sums(columns * weight[:, None])
        return np.where(whole[:, None], sums**2 / (2 * squares[:, None]) - cube.crowd[:, None], -np.inf)

    own = scores(z[:, None])[:, 0]
    maxima = []
    for start in range(0, permutations, 32):
        columns = np.empty((len(z), min(32, permutations - start)))
        for k in range(columns.shape[1]):
            for part in parts:
                columns[part, k] = z[rng.permutation(part)]
        maxima.append(scores(columns).max(axis=0))
    null = np.concatenate(maxima)
    top = int(own.argmax())
    return Permuted(
        p=(1 + int((null >= own[top]).sum())) / (permutations + 1), cell=top, score=float(own[top]),
        limit=float(np.quantile(null, 1 - level, method="higher")), permutations=permutations,
    )  # fmt: skip
