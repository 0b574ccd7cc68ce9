"""What to call a disruption: the combination that best explains which leaves are worse, and what else might."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import special

from regard.statistics.cuboids import Cube
from regard.statistics.estimates import Floats
from regard.statistics.expectations import Expected, Past
from regard.statistics.mixed import Mask, ShockModel

Values = dict[int, tuple[int, ...]]
"""Dimension to the values it may have; a dimension that is not named may have any."""

KAPPA = 2.0
UNEVEN = (0.1, 0.25, 0.5, 0.8, 1.3)
"""Spread of the effect over the values of other dimensions, as shares of it; each is as likely before seeing."""
PER_DIMENSION, PER_VALUE = 0.0, 2.0
"""Nats that a further dimension, or a further value of one, must earn beyond the count of alternatives."""
PARTLY = 0.5
"""Chance, before seeing, that one part of what is hit is hit otherwise than its rest, beyond what is uneven anyhow."""
PARTS, CLOSE = 2, 12
FIRST, NEAR, ROUNDS = 40, 6, 2
FAR, SHARE = 25.0, 0.25
"""Nats below the first from which on a name is not looked at closely; share of the best contrast below which, and so
far, a name is not tried at all."""


@dataclass(frozen=True, kw_only=True)
class Named:
    """One possible name of a disruption.

    Attributes:
        values: Dimension to the values that are hit.
        leaves: (leaves,) whether the name holds the leaf.
        score: Nats by which it explains the leaves better than shared shocks alone, less its length.
        weight: How probable this name is among those tried, were there one cause.
        seen, due: Bad ones, and those expected from its own past and the mix of now.
        total: Customers or requests now.
    """

    values: Values
    leaves: Mask
    score: float
    weight: float
    seen: float
    due: float
    total: float

    @property
    def ratio(self) -> float:
        """How many times as many as expected."""
        return self.seen / self.due if self.due > 0 else float("inf")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part within a name that is hit otherwise than its rest.

    Attributes:
        dimension, value: The part.
        seen, due, total: Its counts; `due` as of names.
        low, high: 95 % interval of its effect over the name's, as a ratio.
    """

    dimension: int
    value: int
    seen: float
    due: float
    total: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Naming:
    """The name, what else the data cannot rule out, and where within it is worse.

    Attributes:
        best: The most probable name; None where no combination is worse than its past.
        alternatives: Others until together with the best they hold 95 % of the probability; each holds other leaves.
        worse_within: Parts of the best that are hit harder than its rest, the clearest first.
        ranked: The three most probable names, however sure the first is; where the first two name several values of
            one dimension and else the same, the third is the most probable one that does not.
    """

    best: Named | None
    alternatives: tuple[Named, ...]
    worse_within: tuple[Part, ...]
    ranked: tuple[Named, ...] = ()


def contrast(cube: Cube, past: Past, expected: Expected, *, sign: int = 1) -> tuple[Floats, Floats, Floats]:
    """Kulldorff's likelihood ratio of inside against outside per cell (not scaled by its dispersion), with sums.

    Returns:
        (cells,) nats less the logarithm of the cuboid's cells, -inf where not worse than outside; seen; expected.
    """
    tries = past.tries.sum(axis=0)
    now, before = cube.sums(past.total * expected.rate), cube.sums(tries * expected.rate)
    due = now * (cube.sums(past.past_bad.sum(axis=0)) + KAPPA) / (before + KAPPA)
    seen, n = cube.sums(past.bad), cube.sums(past.total)
    with np.errstate(divide="ignore", invalid="ignore"):
        each = _divergence(seen, due, n, shares=past.shares)
        rest = _divergence(seen[0] - seen, np.maximum(due[0] - due, 1e-9), n[0] - n, shares=past.shares)
        whole = _divergence(seen[:1], due[:1], n[:1], shares=past.shares)
        worse = sign * (seen / due - (seen[0] - seen) / np.maximum(due[0] - due, 1e-9)) > 0
        nats = each + rest - whole - cube.crowd
    return np.where(worse & (n > 0) & (cube.depth > 0), nats, -np.inf), seen, due


def _divergence(seen: Floats, due: Floats, total: Floats, *, shares: bool) -> Floats:
    if not shares:
        return np.asarray(special.xlogy(seen, seen / due) - (seen - due))
    due = np.clip(due, 1e-9, np.maximum(total - 1e-9, 2e-9))
    rest = np.maximum(total - seen, 0)
    return np.asarray(special.xlogy(seen, seen / due) + special.xlogy(rest, rest / np.maximum(total - due, 1e-9)))


class _Tried:
    """Names tried so far: of those that hold the same leaves only the shortest."""

    def __init__(self, cube: Cube, past: Past, expected: Expected, sign: int) -> None:
        self.cube, self.sign, self.model = cube, sign, ShockModel(cube.codes, past, expected)
        now, before = past.total * expected.rate, past.tries.sum(axis=0) * expected.rate
        self.shares = past.shares
        self.sums = np.stack([past.bad, past.total, now, before, past.past_bad.sum(axis=0)])
        self.all = self.sums.sum(axis=1)
        self.least = -math.inf
        self.widths = cube.codes.max(axis=0, initial=0) + 1
        self.names: dict[bytes, tuple[Values, Mask, float]] = {}
        self.gains: dict[bytes, list[float]] = {}
        self.parts: dict[bytes, float] = {}
        self.full: set[bytes] = set()

    def take(self, values: Values) -> None:
        """Try one name with a middling unevenness."""
        leaves = self.mask(values)
        if not leaves.any() or (leaves.all() and values):
            return
        mark, price = leaves.tobytes(), self.price(values)
        known = self.names.get(mark)
        if known is None or price < known[2] - 1e-9:
            if known is None and self.nats(leaves) < self.least:
                return
            self.names[mark] = (values, leaves, price)
            if mark in self.gains and known is not None and known[0] == values:
                return
            self.gains[mark] = self.model.gain(values, leaves, UNEVEN[2:3], self.sign)
            self.full.discard(mark)
            self.parts.pop(mark, None)

    def nats(self, leaves: Mask) -> float:
        """The contrast of some leaves, whose effect is one."""
        inside = self.sums @ leaves.astype(float)
        both = np.stack([inside, self.all], axis=1)
        seen, total, due = both[0], both[1], both[2] * (both[4] + KAPPA) / (both[3] + KAPPA)
        seen, total, due = (np.array([x[0], x[1] - x[0], x[1]]) for x in (seen, total, due))
        with np.errstate(divide="ignore", invalid="ignore"):
            each, rest, whole = _divergence(seen, np.maximum(due, 1e-9), total, shares=self.shares)
        return float(each + rest - whole)

    def mask(self, values: Values) -> Mask:
        found = np.ones(len(self.cube.codes), bool)
        for d, held in values.items():
            column = self.cube.codes[:, d]
            found &= column == held[0] if len(held) == 1 else np.isin(column, held)
        return found

    def price(self, values: Values) -> float:
        """Length of a name in nats: how many like it there are, and what a further dimension or value must earn."""
        among = sum(_log_ways(int(self.widths[d]), len(held)) for d, held in values.items())
        return among + PER_DIMENSION * len(values) + PER_VALUE * sum(len(held) - 1 for held in values.values())

    def score(self, mark: bytes) -> float:
        """Nats less length, over the spreads of unevenness that were tried, and with a part or without."""
        whole = _mean(self.gains[mark])
        if mark in self.parts and math.isfinite(whole):
            whole = _mean((whole, self.parts[mark]), (1 - PARTLY, PARTLY))
        return whole - self.names[mark][2]

    def best(self, many: int) -> list[bytes]:
        """The names of the highest scores, those near the top with every unevenness and with parts."""
        order = sorted(self.names, key=self.score, reverse=True)
        if order and np.isfinite(top := self.score(order[0])):
            for mark in order:
                if self.score(mark) < top - FAR:
                    break
                if mark not in self.full:
                    values, leaves, _ = self.names[mark]
                    self.gains[mark] = self.model.gain(values, leaves, UNEVEN, self.sign)
                    self.full.add(mark)
            order = sorted(self.names, key=self.score, reverse=True)
            for mark in order[:CLOSE]:
                if mark not in self.parts and np.isfinite(self.score(mark)):
                    self.parts[mark] = self._with_parts(mark)
            order = sorted(self.names, key=self.score, reverse=True)
        return [m for m in order[:many] if np.isfinite(self.score(m))]

    def _with_parts(self, mark: bytes) -> float:
        """Nats where one part has an effect of its own, each part as likely; those that stand out the most are tried,
        and the others add nothing."""
        values, leaves, _ = self.names[mark]
        parts, many = self.model.parts(values, leaves, PARTS)
        nats = [_mean(self.model.gain(values, leaves, UNEVEN[:3:2], self.sign, part)) for part in parts]
        return _mean(nats) + math.log(len(nats) / many) if nats else -math.inf


def _mean(nats: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """Logarithm of the mean of likelihoods."""
    top = max(nats)
    if math.isinf(top):
        return -math.inf
    weights = weights or [1 / len(nats)] * len(nats)
    return top + math.log(sum(w * math.exp(g - top) for g, w in zip(nats, weights, strict=True)))


def _log_ways(width: int, many: int) -> float:
    return float(special.gammaln(width + 1) - special.gammaln(many + 1) - special.gammaln(width - many + 1))


def name(cube: Cube, past: Past, expected: Expected, *, sign: int = 1) -> Naming:
    """The most probable name of one disruption, its alternatives, and where within it is worse.

    Every name tried is a hypothesis about all leaves at once: outside it only the shocks that periods and values share
    by their own history, inside it an effect that is uneven over the values of other dimensions. So a part that is hit
    three times as hard as its rest does not hide that the rest is hit, too; nor does one part with an effect of its own
    (as likely as none, before seeing); and several values of one dimension are one name. Candidates are the cells of
    the highest contrast (Kulldorff 1997), all cells above them, sets of values of one dimension in order of their ratio
    (linear-time subset scanning, Neill 2012), and neighbours of the best of them, until none is better.

    This gives a name to what rang (`scan`); it does not say whether anything happened.

    Args:
        cube: Leaves and cells.
        past: Counts now and earlier.
        expected: What the scan held them against.
        sign: 1 where more is worse, -1 where fewer is.
    """
    nats, _, _ = contrast(cube, past, expected, sign=sign)
    tried = _Tried(cube, past, expected, sign)
    tried.least = SHARE * float(nats.max(initial=0.0)) - FAR
    order = [int(c) for c in np.argsort(-nats, kind="stable")[:FIRST] if np.isfinite(nats[c])]
    sets = _Sets(cube, past, expected, sign)
    for i, cell in enumerate(order):
        values: Values = {d: (v,) for d, v in cube.values(cell).items()}
        tried.take(values)
        if i < FIRST // 2:
            for other in (*_above(values), *sets.around(values)):
                tried.take(other)
    seen: set[bytes] = set()
    for _ in range(ROUNDS):
        fresh = [m for m in tried.best(NEAR) if m not in seen]
        if not fresh:
            break
        seen |= set(fresh)
        for mark in fresh:
            for other in sets.near(tried.names[mark][0]):
                tried.take(other)
    return _told(past, expected, tried)


def _above(values: Values) -> Iterator[Values]:
    for many in range(1, len(values)):
        for kept in combinations(values.items(), many):
            yield dict(kept)


class _Sets:
    """Sets of values and neighbours of a name, ordered by how much worse values are."""

    def __init__(self, cube: Cube, past: Past, expected: Expected, sign: int) -> None:
        self.codes, self.seen, self.due, self.sign = cube.codes, past.bad, past.total * expected.rate, sign
        self.widths = cube.codes.max(axis=0, initial=0) + 1
        self.deepest, self.open = len(cube.cuboids[-1]), cube.naming

    def ordered(self, dimension: int, rest: Values) -> list[int]:
        """Values of a dimension within the rest of a name, the worst first."""
        held = np.ones(len(self.codes), bool)
        for d, v in rest.items():
            held &= np.isin(self.codes[:, d], v)
        width = int(self.widths[dimension])
        seen = np.bincount(self.codes[held, dimension], self.seen[held], width)
        due = np.bincount(self.codes[held, dimension], self.due[held], width)
        ratio = (seen + 0.5) / (due + 0.5)
        return [int(v) for v in np.argsort(-self.sign * ratio, kind="stable") if due[v] > 0]

    def around(self, values: Values, most: int = 4) -> Iterator[Values]:
        """For each dimension the first two, three and four values by their ratio, the others held."""
        for d in values:
            rest = {k: v for k, v in values.items() if k != d}
            order = self.ordered(d, rest)
            for many in range(2, min(most, len(order) - 1) + 1):
                yield dict(sorted({**rest, d: tuple(sorted(order[:many]))}.items()))

    def near(self, values: Values) -> Iterator[Values]:
        """One dimension less, one more, one value more, one less."""
        yield from _above(values)
        for d, held in values.items():
            rest = {k: v for k, v in values.items() if k != d}
            others = [v for v in self.ordered(d, rest) if v not in held]
            for v in others[:2] if len(others) > 1 else ():
                yield dict(sorted({**rest, d: tuple(sorted((*held, v)))}.items()))
            if len(held) > 1:
                for v in held:
                    yield {**values, d: tuple(w for w in held if w != v)}
        if len(values) < self.deepest:
            for d in self.open:
                if d not in values:
                    for v in self.ordered(d, values)[:2]:
                        yield dict(sorted({**values, d: (v,)}.items()))


def _told(past: Past, expected: Expected, tried: _Tried) -> Naming:
    order = tried.best(30)
    if not order:
        return Naming(best=None, alternatives=(), worse_within=())
    scores = np.array([tried.score(m) for m in order])
    weights = special.softmax(scores)
    names = []
    for mark, score, weight in zip(order, scores, weights, strict=True):
        values, leaves, _ = tried.names[mark]
        seen, due, total = counted(past, expected, leaves)
        names.append(Named(values=values, leaves=leaves, score=float(score), weight=float(weight), seen=seen, due=due,
                           total=total))  # fmt: skip
    enough = int(np.searchsorted(np.cumsum(weights), 0.95)) + 1
    return Naming(
        best=names[0],
        alternatives=tuple(names[1 : max(enough, 1)]),
        worse_within=_within(past, expected, tried, names[0]),
        ranked=_three(names),
    )


def _three(names: list[Named]) -> tuple[Named, ...]:
    """The first three, not all of them sets of values of one dimension that are alike otherwise."""
    first, rest = names[:2], names[2:]
    kinds = {_kind(n.values) for n in first}
    other = next((n for n in rest if _kind(n.values) not in kinds), None)
    if len(first) < 2 or len(kinds) == 2 or other is None:
        return tuple(names[:3])
    return (*first, other)


def _kind(values: Values) -> tuple[tuple[int, tuple[int, ...]], ...]:
    """What a name has beside its sets of values; of a name without any, all of it, and a mark."""
    alone = tuple(sorted((d, held) for d, held in values.items() if len(held) == 1))
    return alone if len(alone) < len(values) else (*alone, (-1, ()))


def counted(past: Past, expected: Expected, leaves: Mask) -> tuple[float, float, float]:
    """Seen, expected from the set's own past carried to the mix of now, and total of some leaves."""
    now = float((past.total * expected.rate)[leaves].sum())
    before = float((past.tries.sum(axis=0) * expected.rate)[leaves].sum())
    due = now * (float(past.past_bad[:, leaves].sum()) + KAPPA) / (before + KAPPA)
    return float(past.bad[leaves].sum()), due, float(past.total[leaves].sum())


def _within(past: Past, expected: Expected, tried: _Tried, best: Named) -> tuple[Part, ...]:
    """Parts of a name whose effect is clearly above the name's own."""
    model, gains = tried.model, tried.gains[best.leaves.tobytes()]
    spread = UNEVEN[int(np.argmax(gains))] if len(gains) == len(UNEVEN) else UNEVEN[2]
    fitted, inner = model.fitted(best.values, best.leaves, spread)
    found, error = fitted.found, np.sqrt(np.diag(np.linalg.inv(fitted.curve)))
    parts = []
    first = len(found) - len(inner)
    for i in sorted(range(len(inner)), key=lambda i: -tried.sign * found[first + i] / error[first + i]):
        at, sd = tried.sign * found[first + i], error[first + i]
        if at - 1.96 * sd <= 0.1:
            break
        dimension = int(np.searchsorted(model.starts, inner[i], side="right")) - 1
        value = int(inner[i] - model.starts[dimension])
        leaves = best.leaves & (tried.cube.codes[:, dimension] == value)
        seen, due, total = counted(past, expected, leaves)
        ends = np.exp(tried.sign * np.array([at - 1.96 * sd, at + 1.96 * sd]))
        parts.append(Part(dimension=dimension, value=value, seen=seen, due=due, total=total, low=float(ends.min()),
                          high=float(ends.max())))  # fmt: skip
    return tuple(parts)
