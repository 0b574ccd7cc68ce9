"""Steps in layers from left to right: what mostly comes first stands first, and few lines cross."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Link = tuple[str, str]
SWEEPS = 12
CROSSED = 0.3
"""What crossing a border between layers costs of a link's weight; running within a layer costs all of it."""


@dataclass
class Layers:
    """Where everything stands.

    Attributes:
        rows: Layer by layer, from above: names, or a link that passes through.
        layer: Layer of each name.
        through: Layers a link passes between its ends, in its own direction.
    """

    rows: list[list[str | tuple[Link, int]]]
    layer: dict[str, int]
    through: dict[Link, list[int]] = field(default_factory=dict)

    def way(self, link: Link) -> str:
        """How a link runs: on, level or back."""
        source, target = (self.layer[name] for name in link)
        return "on" if source < target else "back" if source > target else "level"


def layered(
    names: Sequence[str],
    links: dict[Link, float],
    *,
    first: str = "",
    last: str = "",
    most: int = 6,
    tallest: int = 7,
) -> Layers:
    """Lay out a flow.

    The order is that of Eades, Lin and Smyth (1993), Information Processing Letters 47, 319-323, by weight: few and
    thin links turn back. It is cut into layers where that costs least; the order within layers is Sugiyama's
    barycentre.

    Args:
        names: All names.
        links: (from, to) to weight; links from a name to itself are left out of account.
        first: A name that stands alone in front; empty for none.
        last: A name that stands alone at the end.
        most: Most layers, ends included.
        tallest: Most names in a layer, where layers are drawn together.
    """
    real = {link: w for link, w in links.items() if link[0] != link[1]}
    order = _order(names, real, first, last)
    layer = _layers(order, real, (first, last), most - bool(first) - bool(last), tallest)
    found = Layers(rows=[[] for _ in range(max(layer.values(), default=-1) + 1)], layer=layer)
    for name in order:
        found.rows[layer[name]].append(name)
    for link in real:
        low, high = sorted(layer[n] for n in link)
        if found.way(link) == "on":
            found.through[link] = list(range(low + 1, high))
            for at in found.through[link]:
                found.rows[at].append((link, at))
    _uncrossed(found, real)
    return found


def _order(names: Sequence[str], links: dict[Link, float], first: str, last: str) -> list[str]:
    """Names in an order against which little flows."""
    left = [n for n in names if n not in {first, last}]
    head, tail = [first] if first else [], [last] if last else []
    while left:
        inside = set(left)
        out: dict[str, float] = defaultdict(float)
        into: dict[str, float] = defaultdict(float)
        for (s, t), w in links.items():
            if s in inside and t in inside:
                out[s] += w
                into[t] += w
            elif t in inside and s == first:
                into[t] -= w  # whoever people begin with stands in front
            elif s in inside and t == last:
                out[s] -= w
        chosen = max(left, key=lambda n: (out[n] - into[n], -left.index(n)))
        left.remove(chosen)
        head.append(chosen)
    return head + tail


def _layers(
    order: list[str], links: dict[Link, float], ends: tuple[str, str], most: int, tallest: int
) -> dict[str, int]:
    """The order cut into layers so that as little as can be flows within a layer, and little far.

    What flows within a layer costs its weight, each border it crosses a part of it; the cheapest cut is exact.
    """
    inner = [n for n in order if n not in ends]
    place = {n: i for i, n in enumerate(inner)}
    flows = [(*sorted((place[s], place[t])), w) for (s, t), w in links.items() if s in place and t in place]
    n = len(inner)
    whole = sum(w for *_, w in flows) or 1.0
    crossing = [CROSSED * sum(w for a, b, w in flows if a < cut <= b) for cut in range(n + 1)]

    def within(low: int, high: int) -> float:
        size = high - low
        return sum(w for a, b, w in flows if low <= a and b < high) + whole * (0.004 * size**2 + max(size - tallest, 0))

    held = {(low, high): within(low, high) for low in range(n) for high in range(low + 1, min(n, low + 16) + 1)}
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for _ in range(min(most, n)):
        step: dict[int, tuple[float, int]] = {}
        for high in range(1, n + 1):
            ways = [
                (cost + held[low, high] + crossing[low], low)
                for low, (cost, _) in best[-1].items()
                if low < high and (low, high) in held
            ]
            if ways:
                step[high] = min(ways)
        best.append(step)
    layer = dict.fromkeys(inner, 1 if ends[0] else 0)
    able = [k for k in range(1, len(best)) if n in best[k]]
    k = min(able, key=lambda k: best[k][n][0]) if able else 0
    high, layers = n, k
    for number in range(k, 0, -1):
        low = best[number][high][1]
        for name in inner[low:high]:
            layer[name] = number - 1 + bool(ends[0])
        high = low
    if ends[0]:
        layer[ends[0]] = 0
    if ends[1]:
        layer[ends[1]] = layers + bool(ends[0])
    return layer


def _uncrossed(found: Layers, links: dict[Link, float]) -> None:
    """Order each layer by the weighted mean place of what it is linked to, from both sides in turn."""
    beside = neighbours(found, links)
    for sweep in range(SWEEPS):
        onward = sweep % 2 == 0
        numbers = range(1, len(found.rows)) if onward else range(len(found.rows) - 2, -1, -1)
        for at in numbers:
            other = found.rows[at - 1 if onward else at + 1]
            place: dict[object, float] = {item: i / max(len(other) - 1, 1) for i, item in enumerate(other)}
            row = found.rows[at]
            own: dict[object, float] = {item: i / max(len(row) - 1, 1) for i, item in enumerate(row)}
            row.sort(key=_mean_place(beside, place, own))


def _mean_place(
    beside: dict[object, list[tuple[object, float]]], place: dict[object, float], own: dict[object, float]
) -> Callable[[object], float]:
    def mean(item: object) -> float:
        known = [(place[o], w) for o, w in beside.get(item, ()) if o in place]
        total = sum(w for _, w in known)
        return sum(p * w for p, w in known) / total if total else own[item]

    return mean


def neighbours(found: Layers, links: dict[Link, float]) -> dict[object, list[tuple[object, float]]]:
    """What each name or passing link touches in the layers beside it, with the weight."""
    beside: dict[object, list[tuple[object, float]]] = defaultdict(list)
    for link, weight in links.items():
        if link[0] == link[1] or found.way(link) != "on":
            continue
        chain: list[object] = [link[0], *((link, at) for at in found.through[link]), link[1]]
        for one, other in pairwise(chain):
            beside[one].append((other, weight))
            beside[other].append((one, weight))
    return beside


def with_levels(
    found: Layers, links: dict[Link, float], beside: dict[object, list[tuple[object, float]]]
) -> dict[object, list[tuple[object, float]]]:
    """The same with links within a layer: they draw their ends together, too."""
    for link, weight in links.items():
        if link[0] != link[1] and found.way(link) == "level":
            beside[link[0]].append((link[1], weight))
            beside[link[1]].append((link[0], weight))
    return beside


def stacked_up(
    rows: Iterable[list[object]],
    tall: Callable[[object], float],
    beside: dict[object, list[tuple[object, float]]],
    gap: float,
) -> dict[object, float]:
    """The middle of everything, from above: near what it is linked to, in order, without overlaps.

    Args:
        rows: Layer by layer, from above.
        tall: Height of each.
        beside: What each is linked to, with weights.
        gap: Least room between two.
    """
    rows = [list(row) for row in rows]
    whole = max((sum(tall(i) for i in row) + gap * (len(row) - 1) for row in rows if row), default=0.0)
    at: dict[object, float] = {}
    for row in rows:
        y = (whole - sum(tall(i) for i in row) - gap * (len(row) - 1)) / 2
        for item in row:
            at[item] = y + tall(item) / 2
            y += tall(item) + gap
    for sweep in range(2 * SWEEPS):
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            wanted = [_mean(beside.get(item, ()), at) for item in row]
            known = [w for w in wanted if w is not None]
            loose = sum(known) / len(known) if known else 0.0
            _placed(row, [loose if w is None else w for w in wanted], tall, gap, at)
    top = min((at[i] - tall(i) / 2 for row in rows for i in row), default=0.0)
    return {item: y - top for item, y in at.items()}


def _mean(beside: Iterable[tuple[object, float]], at: dict[object, float]) -> float | None:
    pairs = [(at[other], weight) for other, weight in beside]
    total = sum(weight for _, weight in pairs)
    return sum(y * weight for y, weight in pairs) / total if total else None


def _placed(
    row: list[object], wanted: list[float], tall: Callable[[object], float], gap: float, at: dict[object, float]
) -> None:
    """Each where it wants to be; neighbours that would overlap move together (pooled, as in isotonic regression)."""
    shift, pools = 0.0, []
    for k, item in enumerate(row):
        if k:
            shift += (tall(row[k - 1]) + tall(item)) / 2 + gap
        pools.append([wanted[k] - shift, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            value, n = pools.pop()
            pools[-1] = [(pools[-1][0] * pools[-1][1] + value * n) / (pools[-1][1] + n), pools[-1][1] + n]
    k, shift = 0, 0.0
    for value, n in pools:
        for _ in range(int(n)):
            if k:
                shift += (tall(row[k - 1]) + tall(row[k])) / 2 + gap
            at[row[k]] = value + shift
            k += 1
