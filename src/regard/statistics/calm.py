"""A past without its incidents: what went wrong for many at once is neither usual nor noise to allow for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy import stats

from regard.statistics.cuboids import Cube
from regard.statistics.estimates import Floats
from regard.statistics.expectations import Past

FEWEST = 8
"""Earlier periods below which nothing is taken for an incident."""
TIMES, CHANCE = 4.0, 1e-9
"""How many times the calm level, and how far beyond its Poisson chance, an incident of the past is."""
FLOOR = 0.7
"""Mean of a count of which half of the periods show none, at most."""
MOST = 8


@dataclass(frozen=True, kw_only=True)
class Calm:
    """A past without its incidents.

    Attributes:
        past: The same, where incidents were there is nobody.
        incidents: (periods, leaves) what was taken out.
    """

    past: Past
    incidents: np.ndarray


def calm(cube: Cube, past: Past) -> Calm:
    """Take incidents out of earlier periods: leaves of combinations with at least four times their calm level.

    The calm level of a combination is its share over the calmer half of the periods, put right for having chosen the
    calmer half as for a Poisson count. A period counts as an incident where so many have a Poisson chance below one in
    a billion at one and a half times that level, so shocks that a level takes every now and then stay. Of the
    combinations that show it, the one with the largest likelihood ratio (Kulldorff 1997) is taken out, then the next.

    Assumes that incidents fill less than half of the earlier periods. With fewer than eight nothing is done.

    Args:
        cube: Leaves and cells.
        past: Counts now and earlier; a season it has is allowed for.
    """
    out = np.zeros(past.past_bad.shape, bool)
    if len(past.past_bad) < FEWEST:
        return Calm(past=past, incidents=out)
    seen, tries = cube.sums(past.past_bad.T), cube.sums(past.tries.T)
    usual = np.maximum(_calm_rate(seen, tries)[:, None] * tries, 1e-9)
    odd = _odd(seen, usual)
    for t in np.flatnonzero(odd.any(axis=0)):
        left = past.past_bad[t].copy()
        for _ in range(MOST):
            c, m = cube.sums(left), usual[:, t]
            cells = np.flatnonzero(_odd(c, m))
            if not len(cells):
                break
            nats = c[cells] * np.log(c[cells] / m[cells]) - (c[cells] - m[cells])
            leaves = cube.leaves(int(cells[int(nats.argmax())]))
            out[t, leaves] = True
            left[leaves] = 0.0
    if not out.any():
        return Calm(past=past, incidents=out)
    kept = replace(past, past_bad=np.where(out, 0.0, past.past_bad), past_total=np.where(out, 0.0, past.past_total))
    return Calm(past=kept, incidents=out)


def _odd(seen: Floats, usual: Floats) -> np.ndarray:
    likely = 1.5 * np.maximum(usual, FLOOR)
    maybe = seen >= np.maximum(TIMES * np.maximum(usual, FLOOR), 1.0)
    found = np.zeros(seen.shape, bool)
    found[maybe] = stats.poisson.sf(seen[maybe] - 1, likely[maybe]) < CHANCE
    return found


def _calm_rate(seen: Floats, tries: Floats) -> Floats:
    """(cells,) share over the calmer half of the periods, put right for the choice."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(tries > 0, seen / tries, np.inf)
    order = np.argsort(share, axis=1, kind="stable")
    there = (tries > 0).sum(axis=1)
    half = np.arange(seen.shape[1])[None, :] < np.maximum((there + 1) // 2, 1)[:, None]
    hits = np.where(half, np.take_along_axis(seen, order, axis=1), 0.0).sum(axis=1)
    room = np.where(half, np.take_along_axis(tries, order, axis=1), 0.0).sum(axis=1)
    each = hits / np.maximum(half.sum(axis=1), 1)
    lower, mean = _lower_half()
    right = np.where(each > 0, np.interp(each, lower, mean) / np.maximum(each, 1e-12), 1.0)
    return np.asarray(hits * np.where(each > lower[-1], 1.0, right) / np.maximum(room, 1e-12))


@cache
def _lower_half() -> tuple[Floats, Floats]:
    """Mean of the lower half of a Poisson count, and the mean of the whole it belongs to."""
    means = np.geomspace(0.01, 400, 120)
    halves = []
    for m in means:
        k = np.arange(int(m + 12 * np.sqrt(m) + 20))
        p = stats.poisson.pmf(k, m)
        before = np.concatenate([[0.0], np.cumsum(p)[:-1]])
        halves.append(float((k * np.clip(0.5 - before, 0.0, p)).sum() / 0.5))
    lower, kept = np.unique(np.array(halves), return_index=True)
    return lower, means[kept]
