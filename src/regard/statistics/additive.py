"""Which few combinations explain why amounts are not what was expected: a likelihood per leaf, peeled and refined."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from regard.statistics.cuboids import Cube
from regard.statistics.estimates import Floats, Whole

OUTLIER, HIT = 1e-4, 0.9
FLOOR, WITHIN = 0.001, 0.03
WIDE = 0.05
"""Noise above which no leaf need stand out alone, so that every deviation is tried."""
LEAST = 3.0
"""Nats beyond the logarithm of the cells looked at: about log(1 / .05)."""
MOST = 10
KEPT, ROUNDS = 24, 12
COARSE = (-1.0, -0.6, -0.3, -0.2, -0.1, 0.1, 0.2, 0.3, 0.6, 0.9)
PARTS = 8
MOVED = 0.6
"""Most parts an element is split into."""


@dataclass(frozen=True, kw_only=True)
class Deviations:
    """How far each leaf is from what was expected, and how far leaves stray by themselves.

    Attributes:
        x: (leaves,) (expected - actual) / expected, cut to [-2, 1]; positive is a fall.
        noise: (leaves,) standard deviation of x where nothing happened.
        drift: The deviation most leaves share; taken out of x.
    """

    x: Floats
    noise: Floats
    drift: float


@dataclass(frozen=True, kw_only=True)
class Element:
    """One explaining combination.

    Attributes:
        cell: The cell of the cube.
        deviation: Shared relative deviation, (expected - actual) / expected; positive is a fall.
        gain: Nats it explains beyond its price.
        actual, expected: Sums over its leaves.
    """

    cell: int
    deviation: float
    gain: float
    actual: float
    expected: float


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The fewest, largest combinations that explain what deviates.

    Attributes:
        elements: The strongest first; none lies inside another.
        within: Found, but inside one of the elements, where it is worse: pairs of element's cell and inner cell.
        drift: The relative deviation that most leaves share (positive is a fall), not explained by any element.
        noise: Median standard deviation of a leaf.
        deviations: What it was told from.
    """

    elements: tuple[Element, ...]
    within: tuple[tuple[int, int], ...]
    drift: float
    noise: float
    deviations: Deviations


def deviations(actual: Floats, expected: Floats, *, drift: bool = False) -> Deviations:
    """Deviations with their noise, sigma^2 = a + f / expected + g / expected^2 (relative
    noise, counts, rounding), robust to anything but half of the leaves moving.

    The noise is told from the shortest half of the leaves of like size rather than from the median, so that it stays
    that of the quiet ones when a third of the business moved one way.

    Args:
        actual: (leaves,) what was seen.
        expected: (leaves,) what was expected; not both zero.
        drift: Whether the deviation that most leaves share is taken out first.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        below = np.where(expected > 0, expected, np.maximum(np.abs(actual), 1e-12))
        x = np.clip((expected - actual) / below, -2.0, 1.0)
    shared = _middle(x) if drift else 0.0
    x = x - shared
    order = np.argsort(expected, kind="stable")
    parts = np.array_split(order, min(20, max(1, len(x) // 40)))
    sized = [p for p in parts if len(p)]
    spread = np.array([_spread(x[p]) for p in sized]) ** 2
    inverse = np.array([1 / max(np.median(expected[p]), 1e-9) for p in sized])
    a, f, g = _law(spread, inverse, np.array([len(p) for p in sized], float))
    one = 1 / np.maximum(expected, 1e-9)
    noise = np.sqrt(np.maximum(a + f * one + g * one**2, FLOOR**2))
    return Deviations(x=x, noise=np.minimum(noise, 1.0), drift=shared)


def _half(ordered: Floats) -> tuple[int, int]:
    """The shortest stretch that holds half of the sorted values."""
    take = len(ordered) // 2 + 1
    widths = ordered[take - 1 :] - ordered[: len(ordered) - take + 1]
    at = int(np.argmin(widths))
    return at, at + take


def _middle(x: Floats) -> float:
    """Mode by the shortest half (Grübel 1988), the median of it."""
    ordered = np.sort(x)
    low, high = _half(ordered)
    return float(np.median(ordered[low:high]))


def _spread(x: Floats) -> float:
    """Standard deviation by the median distance from zero; by half the shortest half's length where that is much less,
    because many moved. (Always taking the lesser would be too low by chance.)"""
    ordered = np.sort(x)
    low, high = _half(ordered)
    middle, shorth = float(np.median(np.abs(x))), float(ordered[high - 1] - ordered[low]) / 2
    return 1.4826 * (shorth if 0 < shorth < MOVED * middle else middle)


def _law(spread: Floats, inverse: Floats, weight: Floats) -> Floats:
    """Non-negative coefficients of spread = a + f / expected + g / expected^2, relative errors alike."""
    weight = np.sqrt(weight) / np.maximum(spread, FLOOR**2)
    design = np.column_stack([np.ones_like(inverse), inverse, inverse**2])
    return np.asarray(optimize.nnls(design * weight[:, None], spread * weight)[0], np.float64)


def grid_of(found: Deviations) -> Floats:
    """The deviations to be tried: where leaves stand out alone, those they show, with a coarse grid; else all."""
    noise = float(np.median(found.noise))
    if noise > WIDE:
        step = max(0.1, noise / 2)
        up = np.arange(step, 1 + 1e-9, step)
        return np.concatenate([-up[::-1], up])
    out = np.abs(found.x) > 4 * found.noise
    bins, counts = np.unique(np.round(found.x[out] * 10) / 10, return_counts=True)
    often = np.argsort(-counts, kind="stable")[:16]
    kept = bins[often][counts[often] >= max(2, 0.005 * out.sum())]
    kept = np.unique(np.concatenate([kept, COARSE]))
    return np.asarray(kept[kept != 0], np.float64)


def gains(found: Deviations, expected: Floats, grid: Floats, *, whole: bool) -> Floats:
    """(leaves, grid) nats by which a leaf speaks for sharing each deviation rather than for none.

    Outside: normal noise with a few outliers anywhere in the range of x. Inside: around the deviation with its own
    spread, where a share of the leaves is not hit. Whole numbers of size 1 or 2 cannot show a fall of 40 %, so such
    leaves (`whole`) have no veto.
    """
    x, noise = found.x[:, None], found.noise[:, None]
    quiet = (1 - OUTLIER) * _normal(x, 0.0, noise)
    outside = np.log(quiet + OUTLIER / 3)
    near = ((1 - grid) * noise) ** 2 + WITHIN**2
    hit = np.full((len(x), len(grid)), HIT)
    if whole:
        near = near + (0.3 / np.maximum(expected, 1e-9))[:, None] ** 2
        hit = HIT * special.expit(8 * (expected[:, None] * np.abs(grid) - 0.5))
    inside = hit * _normal(x, grid, np.sqrt(near)) + (1 - hit) * quiet + OUTLIER * hit
    return np.asarray(np.log(inside) - outside)


def _normal(x: Floats, mean: Floats | float, sd: Floats) -> Floats:
    return np.asarray(np.exp(-0.5 * ((x - mean) / sd) ** 2) / (2.5066282746310002 * sd))


@dataclass
class _Search:
    """The state of one explanation: gains per leaf and cell, the price of a cell, what was looked at."""

    cube: Cube
    gain: Floats
    sums: Floats
    price: float
    candidates: set[int] = field(default_factory=set)

    def of(self, leaves: Whole) -> float:
        """Best shared gain of some leaves."""
        return float(self.gain[leaves].sum(axis=0).max())

    def value(self, cells: tuple[int, ...]) -> float:
        """Objective of a set: each leaf explained by the best of the elements that hold it, less their prices."""
        best = np.full(self.gain.shape[0], -np.inf)
        for cell in cells:
            leaves = self.cube.leaves(cell)
            own = self.gain[leaves, int(self.sums[cell].argmax())]
            best[leaves] = np.maximum(best[leaves], own)
        return float(best[np.isfinite(best)].sum()) - self.price * len(cells)


def explain(cube: Cube, actual: ArrayLike, expected: ArrayLike, *, whole: bool = True, most: int = MOST,
            drift: bool = False) -> Explanation:  # fmt: skip
    """The fewest, largest combinations whose leaves share a relative deviation.

    The idea that all leaves below a cause move alike is the ripple effect of Li et al. (2019), Generic and robust
    localization of multi-dimensional root causes, ISSRE; here it is a likelihood per leaf with noise told from the
    leaves, searched over all cells, peeled greedily, then refined by dropping, adding, swapping, splitting and merging.
    A cell must explain more than log(cells) + 3 nats. This says *what explains best*, not whether anything happened:
    for that see `regard.statistics.permuted`.

    Args:
        cube: The leaves and cells.
        actual: (leaves,) what was seen.
        expected: (leaves,) what was expected.
        whole: Whether values are whole numbers or nearly so (small leaves cannot show a fall).
        most: Most elements peeled.
        drift: Whether the deviation most leaves share is taken out first.
    """
    seen, due = np.asarray(actual, float), np.asarray(expected, float)
    found = deviations(seen, due, drift=drift)
    grid = grid_of(found)
    gain = gains(found, due, grid, whole=whole)
    search = _Search(cube=cube, gain=gain, sums=cube.sums(gain), price=float(np.log(cube.counts.sum())) + LEAST)
    chosen = _refined(search, _peeled(search, most))
    elements = [_element(search, c, grid, seen, due) for c in chosen]
    outer, within = _outermost(cube, sorted(elements, key=lambda e: -e.gain))
    return Explanation(
        elements=outer, within=within, drift=found.drift, noise=float(np.median(found.noise)), deviations=found
    )


def _element(search: _Search, cell: int, grid: Floats, seen: Floats, due: Floats) -> Element:
    leaves = search.cube.leaves(cell)
    sums = search.sums[cell]
    return Element(
        cell=cell, deviation=float(grid[int(sums.argmax())]), gain=float(sums.max()) - search.price,
        actual=float(seen[leaves].sum()), expected=float(due[leaves].sum()),
    )  # fmt: skip


def _peeled(search: _Search, most: int) -> tuple[int, ...]:
    """The best cell, again and again, without the leaves of those before."""
    cube, left = search.cube, search.sums.copy()
    pool = np.ones(search.gain.shape[0], bool)
    chosen: list[int] = []
    for _ in range(most):
        best = left.max(axis=1)
        top = np.argpartition(-best, min(KEPT, len(best) - 1))[:KEPT]
        search.candidates |= {int(c) for c in top if best[c] > search.price}
        winner = int(best.argmax())
        winner = min(map(int, np.flatnonzero(best >= best[winner] - 1e-9)), key=lambda c: (int(cube.depth[c]), c))
        if best[winner] <= search.price:
            break
        chosen.append(winner)
        leaves = cube.leaves(winner)
        leaves = leaves[pool[leaves]]
        pool[leaves] = False
        part = cube.inside[:, leaves]
        left -= np.asarray(part @ search.gain[leaves])
    return tuple(chosen)


def _refined(search: _Search, chosen: tuple[int, ...]) -> tuple[int, ...]:
    """Moves that better the whole set, the best first."""
    if not chosen:
        return chosen
    cube = search.cube
    for cell in chosen:
        search.candidates |= {int(c) for c in _ancestors(cube, cell)}
    splits = {cell: _below(search, cell) for cell in chosen}
    value = search.value(chosen)
    for _ in range(ROUNDS):
        options = list(_moves(search, chosen, splits))
        values = [search.value(o) for o in options]
        if not values or max(values) <= value + 1e-9:
            break
        value = max(values)
        chosen = options[values.index(value)]
    return chosen


def _ancestors(cube: Cube, cell: int) -> Whole:
    """Cells that hold all leaves of a cell, other than itself."""
    around = cube.cells_of(int(cube.first[cell]))
    own = set(cube.values(cell).items())
    return np.array([c for c in around if c != cell and set(cube.values(int(c)).items()) < own], np.int64)


def _below(search: _Search, cell: int) -> tuple[int, ...]:
    """The greedy explanation of a cell's leaves by cells strictly inside it."""
    cube, leaves = search.cube, search.cube.leaves(cell)
    own = cube.values(cell)
    part = cube.inside[:, leaves]
    inner = np.unique(part.indices)
    whole = np.diff(cube.rows.indptr)
    inner = inner[(cube.depth[inner] > len(own)) & (whole[inner] < len(leaves))]
    held = cube.rows[inner][:, leaves]
    inner = inner[np.diff(held.indptr) == whole[inner]]
    gain = search.gain[leaves].copy()
    chosen: list[int] = []
    rows = cube.rows[inner][:, leaves]
    for _ in range(PARTS):
        if not len(inner):
            break
        best = np.asarray(rows @ gain).max(axis=1)
        top = int(best.argmax())
        if best[top] <= search.price:
            break
        chosen.append(int(inner[top]))
        gain[rows.indices[rows.indptr[top] : rows.indptr[top + 1]]] = 0.0
    return tuple(chosen)


def _moves(search: _Search, chosen: tuple[int, ...], splits: dict[int, tuple[int, ...]]) -> Iterator[tuple[int, ...]]:
    others = [c for c in search.candidates if c not in chosen]
    for i, cell in enumerate(chosen):
        rest = chosen[:i] + chosen[i + 1 :]
        yield rest
        if splits.get(cell):
            yield (*rest, *(c for c in splits[cell] if c not in rest))
        yield from ((*rest, other) for other in others)
    held = {c: set(search.cube.leaves(c).tolist()) for c in chosen}
    for other in others:
        yield (*chosen, other)
        own = set(search.cube.leaves(other).tolist())
        apart = tuple(c for c in chosen if not held[c] & own)
        if len(apart) < len(chosen) - 1:
            yield (*apart, other)


def _outermost(cube: Cube, elements: list[Element]) -> tuple[tuple[Element, ...], tuple[tuple[int, int], ...]]:
    """Elements that lie inside no other, and the pairs of outer and inner cell."""
    within = []
    for inner in elements:
        own = set(cube.leaves(inner.cell).tolist())
        for outer in elements:
            if outer is not inner and own < set(cube.leaves(outer.cell).tolist()):
                within.append((outer.cell, inner.cell))
                break
    inside = {pair[1] for pair in within}
    return tuple(e for e in elements if e.cell not in inside), tuple(within)
