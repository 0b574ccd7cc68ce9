"""Made-up counts by a few dimensions, with their truth: what a disruption looks like in small numbers of customers.

Calm cubes (nothing happened, or only the mix changed, or shocks that whole values share) and cubes with a cause: one
combination that is worse, a combination whose worst part is far worse than its rest, or several values of one dimension
at once. Effects are uneven within a cause, as they are in life.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from regard.statistics.cuboids import Cube, cube
from regard.statistics.estimates import Floats, Whole
from regard.statistics.expectations import Past

Mask = NDArray[np.bool_]
Kind = Literal["one", "child", "values"]


@dataclass(frozen=True, kw_only=True)
class MadeCube:
    """A cube with its truth.

    Attributes:
        cube: Leaves and cells, up to three dimensions deep.
        past: Counts now and earlier.
        cause: Dimension to the values that were hit; empty where nothing was.
        hit: (leaves,) whether the cause holds the leaf.
        weekday: (periods + 1,) weekday of each period, now the last.
    """

    cube: Cube
    past: Past
    cause: dict[int, tuple[int, ...]]
    hit: Mask
    weekday: Whole


@dataclass(frozen=True, kw_only=True)
class World:
    """What a cube is drawn from.

    Attributes:
        sizes: Values per dimension.
        leaves: Combinations that exist; None for all.
        customers: Expected customers a period.
        periods: Earlier periods.
        rate: Middle rate of bad ones.
        main, inner: Spread of log rates by value, and by leaf.
        stray: Correlation of a leaf's customers within a period.
        shock: Spread of log rates by period, of the whole and of each value.
        season: Spread of log rates by weekday, of the whole; that of each value beyond it is half of it.
        mix: Spread by which the log volume of each value changes now.
        depth: Most dimensions of a cell.
    """

    sizes: tuple[int, ...] = (6, 4, 5, 3, 3)
    leaves: int | None = None
    customers: float = 3000
    periods: int = 8
    rate: float = 0.08
    main: float = 0.3
    inner: float = 0.15
    stray: float = 0.0
    shock: float = 0.0
    season: float = 0.0
    mix: float = 0.0
    depth: int = 3


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a cause may be: leaves with what they expect now."""

    codes: Whole
    volume: Floats
    rate: Floats


def made(rng: Generator, world: World, *, cause: Kind | None = None, lift: tuple[float, float] = (2.5, 5.0),
         uneven: float = 0.0, least: float = 4.0, size: float | None = None) -> MadeCube:  # fmt: skip
    """Draw a cube.

    Args:
        rng: Source of randomness.
        world: What it is drawn from.
        cause: None for nothing; one: a combination of one to three values; child: a combination of which one value of
            another dimension (about half of it, as near as there is one) is hit three times as hard as its rest, so
            6x and 2x; values: two or three values of one dimension, or these within a value of another.
        lift: Least and most factor of the rate within the cause; that of child is its own.
        uneven: Spread of the log lift by value of the other dimensions, as a share of it.
        least: Fewest expected bad ones that a cause holds, before it is hit.
        size: Customers of the cause a period, about; None for any size between `least` and half of all.
    """
    codes, volume = _volumes(rng, world)
    leaf = np.log(world.rate) + sum(rng.normal(0, world.main, n)[codes[:, d]] for d, n in enumerate(world.sizes))
    leaf = np.minimum(leaf + rng.normal(0, world.inner, len(codes)), np.log(0.9))
    now = volume * np.exp(sum(rng.normal(0, world.mix, n)[codes[:, d]] for d, n in enumerate(world.sizes)))
    now *= volume.sum() / now.sum()
    total = np.array([rng.poisson(now if t == world.periods else volume) for t in range(world.periods + 1)], float)
    weekday = np.arange(world.periods + 1) % 7
    logs = leaf[None, :] + _shocks(rng, world, codes) + (_season(rng, world, codes)[weekday] if world.season else 0.0)
    values: dict[int, tuple[int, ...]] = {}
    hit = np.zeros(len(codes), bool)
    if cause:
        place = _Place(codes=codes, volume=now, rate=np.exp(leaf))
        values, hit = _cause(rng, world, place, cause, least=least, size=size)
        logs[-1] += hit * _effect(rng, place, values, hit, kind=cause, lift=lift, uneven=uneven)
    bad = _bad(rng, total, np.minimum(np.exp(logs), 0.95), world.stray)
    there = total.sum(axis=0) > 0
    past = Past(
        bad=bad[-1, there], total=total[-1, there], past_bad=bad[:-1, there], past_total=total[:-1, there]
    )  # fmt: skip
    return MadeCube(cube=cube(codes[there], depth=world.depth), past=past, cause=values, hit=hit[there],
                    weekday=weekday)  # fmt: skip


def _volumes(rng: Generator, world: World) -> tuple[Whole, Floats]:
    every = np.stack(np.meshgrid(*(np.arange(n) for n in world.sizes), indexing="ij"), -1).reshape(-1, len(world.sizes))
    share = np.exp(sum(rng.normal(0, 0.7, n)[every[:, d]] for d, n in enumerate(world.sizes)))
    share *= np.exp(rng.normal(0, 0.4, len(every)))
    kept = np.arange(len(every))
    if world.leaves and world.leaves < len(every):
        kept = np.sort(rng.choice(len(every), world.leaves, replace=False, p=share / share.sum()))
    codes = np.column_stack([np.unique(every[kept, d], return_inverse=True)[1] for d in range(every.shape[1])])
    return codes.astype(np.int64), share[kept] / share[kept].sum() * world.customers


def _shocks(rng: Generator, world: World, codes: Whole) -> Floats:
    found = np.repeat(rng.normal(0, world.shock, (world.periods + 1, 1)), len(codes), axis=1)
    for d, n in enumerate(world.sizes):
        found += rng.normal(0, world.shock, (world.periods + 1, n))[:, codes[:, d]]
    return found


def _season(rng: Generator, world: World, codes: Whole) -> Floats:
    found = np.repeat(rng.normal(0, world.season, (7, 1)), len(codes), axis=1)
    for d, n in enumerate(world.sizes):
        found += rng.normal(0, world.season / 2, (7, n))[:, codes[:, d]]
    return found


def _bad(rng: Generator, total: Floats, rate: Floats, stray: float) -> Floats:
    if stray > 0:
        size = 1 / stray - 1
        rate = rng.beta(rate * size, (1 - rate) * size)
    return rng.binomial(total.astype(np.int64), rate).astype(float)


def _cause(
    rng: Generator, world: World, place: _Place, kind: Kind, *, least: float, size: float | None
) -> tuple[dict[int, tuple[int, ...]], Mask]:
    """A cause of a size that small numbers can show at all."""
    codes, volume = place.codes, place.volume
    for _ in range(3000):
        depth = int(rng.integers(1, 3 if kind != "one" else 4))
        leaf = codes[rng.choice(len(codes), p=volume / volume.sum())]
        values: dict[int, tuple[int, ...]] = {}
        for d in sorted(rng.choice(len(world.sizes), depth, replace=False)):
            values[int(d)] = (int(leaf[d]),)
        wide = [d for d in values if world.sizes[d] >= 4]
        if kind == "values":
            if not wide:
                continue
            others = [int(v) for v in np.unique(codes[:, wide[0]]) if v != leaf[wide[0]]]
            more = rng.permutation(others)[: min(int(rng.integers(1, 3)), len(others) - 1)]
            values[wide[0]] = tuple(sorted({*values[wide[0]], *map(int, more)}))
        hit = np.all([np.isin(codes[:, d], v) for d, v in values.items()], axis=0)
        wanted = size is None or 0.8 * size < volume[hit].sum() < 1.25 * size
        enough = (volume * place.rate)[hit].sum() >= least and hit.sum() > 1
        if wanted and enough and volume[hit].sum() <= 0.5 * volume.sum():
            return values, hit
    raise RuntimeError("no cause of that size fits this world")


def _effect(
    rng: Generator, place: _Place, values: dict[int, tuple[int, ...]], hit: Mask, *, kind: Kind,
    lift: tuple[float, float], uneven: float,
) -> Floats:  # fmt: skip
    """(leaves,) log factor within the cause."""
    codes = place.codes
    log = np.full(len(codes), np.log(2.0 if kind == "child" else rng.uniform(*lift)))
    free = [d for d in range(codes.shape[1]) if d not in values]
    spread = np.ones(len(codes))
    for d in free:
        spread += rng.normal(0, uneven, int(codes[:, d].max()) + 1)[codes[:, d]]
    log = log * np.maximum(spread, 0.1)
    if kind == "child":
        whole = place.volume[hit].sum()
        parts = [
            (d, int(v), place.volume[hit & (codes[:, d] == v)].sum() / whole)
            for d in free
            for v in np.unique(codes[hit, d])
        ]
        dimension, value, _ = min(parts, key=lambda part: abs(part[2] - 0.5))
        log = log + np.log(3) * (codes[:, dimension] == value)
    return log
