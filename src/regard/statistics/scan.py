"""Whether any combination is worse than its past, with a stated rate of false alarms over all that were looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from regard.statistics.cuboids import Cube
from regard.statistics.estimates import Floats
from regard.statistics.expectations import Expected, Past, expected_of, variance

KAPPA = 2.0
REPLICAS = 199
SELDOM = 9999
"""Most draws where none of them tells anything."""
PLAIN, TELLING, CERTAIN = 10, 20, 192
"""Draws as high as the top after which no more are needed: it is no rare event; draws whose tail can be read; draws
after which a top far beyond all of them is beyond doubt."""
AT_ONCE, MUCH = 32, 2_000_000
"""Replicas scored at a time, so that their sums stay in the processor's cache; cells times replicas from which on
half of them do, where they leave no doubt."""
TURNS = 60
"""Most earlier periods that play now."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """The scan's verdict.

    Attributes:
        p: Chance of a maximum as high as this anywhere in the cube where nothing happened.
        cell: The cell of the maximum; what to call the disruption is another question (`naming`).
        score: (cells,) the statistic; -inf where not worse than expected.
        limit: The statistic at the level asked for.
        replicas: Replicas the p rests on.
        shift: What earlier periods showed beyond the replicas, added to them.
        expected: What it was held against.
        due: (cells,) expected count from the cell's own past and the mix of now.
        seen: (cells,) count.
    """

    p: float
    cell: int
    score: Floats
    limit: float
    replicas: int
    shift: float
    expected: Expected
    due: Floats
    seen: Floats


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """What does not change between replicas: sums of expectation now and before, and the variance law of each cell.

    Attributes:
        now, before: (cells, 1) expected now and over the past by leaf rates.
        total: (cells, 1) totals now.
        leafy: (cells, 1) variance per expected count of leaves.
        deep: (cells, 1) squared coefficient of variation of shocks.
        price: (cells, 1) logarithm of the cells looked at beside it.
        firm: Expected counts' worth of weight on the whole having had no shock; infinite where that is not asked.
    """

    now: Floats
    before: Floats
    total: Floats
    leafy: Floats
    deep: Floats
    price: Floats
    shares: bool
    sign: int
    firm: float


def _frame(cube: Cube, past: Past, expected: Expected, sign: int, *, beside: bool = False) -> _Frame:
    rate, deep = expected.rate, expected.of_depth[cube.depth][:, None]
    if beside:
        deep = np.maximum(deep - deep[0], 0.0)
        deep[0] = max(expected.of_depth[0], float(np.expm1(min(expected.shared, 2.0))))
    now = cube.sums(past.total * rate)
    spread = cube.sums(variance(rate, past.total, expected.stray, shares=past.shares))
    plain = cube.sums(variance(rate, past.total, 0.0, shares=past.shares))
    return _Frame(
        now=now[:, None], before=cube.sums(past.tries.sum(axis=0) * rate)[:, None],
        total=cube.sums(past.total)[:, None], leafy=(spread / np.maximum(plain, 1e-12))[:, None],
        deep=deep, price=cube.crowd[:, None], shares=past.shares, sign=sign,
        firm=1 / expected.shared if beside and expected.shared > 0 else np.inf,
    )  # fmt: skip


def _scores(frame: _Frame, seen: Floats, before: Floats) -> tuple[Floats, Floats]:
    """The statistic and the expectation of each cell, columns apart: deviance where worse, by the variance it strays
    with, less the price of having looked."""
    due = (before + KAPPA) * (frame.now / (frame.before + KAPPA))
    outside = None
    if np.isfinite(frame.firm):
        outside = np.maximum(seen[:1] - seen, 0.0) + frame.firm
        shock = outside / (np.maximum(due[:1] - due, 0.0) + frame.firm)
        shock[0], outside[0] = 1.0, np.inf
        due = due * shock
    if frame.shares:
        due = np.minimum(due, frame.total * (1 - 1e-9))
    score = np.full(due.shape, -np.inf)
    at = np.flatnonzero(((seen > due) if frame.sign > 0 else (seen < due)) & (due > 0))
    cell = at // due.shape[1]  # only where it is worse is there anything to compute: of small counts, seldom
    c, e, n, leafy = seen.ravel()[at], due.ravel()[at], frame.total[cell, 0], frame.leafy[cell, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        if frame.shares:
            plain = e * (1 - e / n)
            deviance = special.xlogy(c, c / e) + special.xlogy(n - c, (n - c) / (n - e))
        else:
            plain = e
            deviance = special.xlogy(c, c / e) - (c - e)
        own = leafy * e**2 / (before.ravel()[at] + KAPPA)
        whole = plain * leafy + e**2 * frame.deep[cell, 0] + own
        if outside is not None:
            whole += e**2 / outside.ravel()[at]
        score.ravel()[at] = deviance * plain / whole - frame.price[cell, 0]
    return score, due


def scan(cube: Cube, past: Past, *, replicas: int = REPLICAS, level: float = 0.05, seed: int = 0,
         expected: Expected | None = None, sign: int = 1, rare: bool = False) -> Alarm:  # fmt: skip
    """The worst cell, and how often nothing at all would have shown one as bad.

    Kulldorff's scan (1997) with the expectation of each cell from its own past carried to the mix of now, scaled by
    overdispersion, over all cells at once; the null is drawn: history and now from leaf rates with their dispersion,
    multiplied by shocks that a period's total and each value share, with variances from history. The maxima of earlier
    periods that play now are held against the replicas' and shift them, where they lie above.

    Args:
        cube: Leaves and cells.
        past: Counts now and earlier.
        replicas: Draws of the null.
        level: Of the limit that is told.
        seed: Of the draws.
        expected: Given where it is known already.
        sign: 1 where more is worse, -1 where fewer is.
        rare: Whether the level is far below one in the number of draws, and quiet cubes must be quick: draws end once
            enough of them reach the top (Besag and Clifford 1991); where hardly any does, p and limit are read off the
            tail of a Gumbel distribution with the draws' moments (Abrams, Kulldorff and Kleinman 2010). A shock of the
            whole is then told from outside a cell (a gamma prior of its variance), so that a red subset of a green
            total is seen where totals stray widely.
    """
    expected = expected or expected_of(cube, past)
    frame = _frame(cube, past, expected, sign, beside=rare)
    before = cube.sums(past.past_bad.sum(axis=0))
    seen = cube.sums(past.bad)
    score, due = (part[:, 0] for part in _scores(frame, seen[:, None], before[:, None]))
    rng, top, half = np.random.default_rng(seed), int(score.argmax()), replicas // 2
    if rare:
        null, shift = _until_plain(cube, past, expected, frame, replicas=replicas, rng=rng, top=float(score[top]),
                                   level=level)  # fmt: skip
        p, limit = _tail(null + shift, float(score[top]), level)
        return Alarm(p=p, cell=top, score=score, due=due, seen=seen, replicas=len(null), shift=shift, limit=limit,
                     expected=expected)  # fmt: skip
    null = _null(cube, past, expected, frame, replicas=replicas if len(cube) * replicas < MUCH else half, rng=rng)
    shift = _shift(cube, past, expected, null, sign)
    if len(null) < replicas and 0 < (null + shift >= score[top]).sum() < max(2 * level, 0.2) * half:
        null = np.concatenate([null, _null(cube, past, expected, frame, replicas=replicas - half, rng=rng)])
    replicas = len(null)
    at_least = int((null + shift >= score[top]).sum())
    return Alarm(
        p=(1 + at_least) / (replicas + 1), cell=top, score=score, due=due, seen=seen, replicas=replicas, shift=shift,
        limit=float(np.quantile(null + shift, 1 - level, method="higher")), expected=expected,
    )  # fmt: skip


def _until_plain(cube: Cube, past: Past, expected: Expected, frame: _Frame, *, replicas: int, rng: np.random.Generator,
                 top: float, level: float) -> tuple[Floats, float]:  # fmt: skip
    """Maxima of the null until enough of them reach the top, or it is far beyond them, or all are drawn; and the
    shift."""
    null = np.zeros(0)
    shift = -1.0
    # Where in most draws nothing can go wrong no tail can be read, and only their number tells how rare the top is.
    seldom = min(max(replicas, int(np.ceil(2 / level))), SELDOM)
    while len(null) < (replicas if np.isfinite(null).sum() >= TELLING else seldom):
        many = min(2 * AT_ONCE, seldom - len(null))
        null = np.concatenate([null, _null(cube, past, expected, frame, replicas=many, rng=rng)])
        if (null >= top).sum() >= PLAIN:
            break
        if shift < 0:
            shift = _shift(cube, past, expected, null, frame.sign, beside=True)
        reached = int((null + shift >= top).sum())
        if reached >= PLAIN or (
            not reached and len(null) >= CERTAIN and _tail(null + shift, top, level)[0] < level / CERTAIN
        ):
            break
    return null, max(shift, 0.0)


def _tail(null: Floats, top: float, level: float) -> tuple[float, float]:
    """The top's p and the limit at a level, from draws where they tell and from their Gumbel tail where not."""
    at_least = int((null >= top).sum())
    told = (1 + at_least) / (len(null) + 1)
    finite = null[np.isfinite(null)]
    if len(finite) < TELLING or not np.std(finite) > 0:
        limit = float(np.quantile(null, 1 - level, method="higher"))
        return told, limit if np.isfinite(limit) else float(finite.max(initial=0.0))
    share = (1 + len(finite)) / (len(null) + 1)  # in the other draws nothing could go wrong
    scale = float(np.std(finite, ddof=1)) * np.sqrt(6) / np.pi
    place = float(finite.mean()) - np.euler_gamma * scale
    limit = place - scale * float(np.log(-np.log1p(-min(level / share, 0.99))))
    if at_least >= PLAIN or not np.isfinite(top):
        return told, limit
    return share * float(-np.expm1(-np.exp(-(top - place) / scale))), limit


def _null(cube: Cube, past: Past, expected: Expected, frame: _Frame, *, replicas: int,
          rng: np.random.Generator) -> Floats:  # fmt: skip
    """Maxima of the statistic over replicas of a world where nothing happened."""
    found = []
    for start in range(0, replicas, AT_ONCE):
        many = min(AT_ONCE, replicas - start)
        now = _drawn(past.total, expected, _shock(cube, expected, 1.0, many, rng), rng, shares=past.shares)
        tries = past.past_total.sum(axis=0)
        weight = past.past_total.sum(axis=1) / max(float(tries.sum()), 1e-12)
        shock = _shock(cube, expected, float((weight**2).sum()), many, rng)
        level = 1.0 if past.season is None else past.tries.sum(axis=0) / np.maximum(tries, 1e-12)
        then = replace(expected, rate=expected.rate * level)
        before = _drawn(tries, then, shock, rng, shares=past.shares, periods=past.past_total)
        score, _ = _scores(frame, cube.sums(now), cube.sums(before))
        found.append(score.max(axis=0))
    return np.concatenate(found)


def _shock(cube: Cube, expected: Expected, part: float, many: int, rng: np.random.Generator) -> Floats:
    """(leaves, many) factors that a period's total and its values share; `part` of the variance is left of a mean over
    periods."""
    if expected.shared <= 0 and expected.by_value <= 0:
        return np.ones((1, many))
    logs = np.sqrt(expected.shared * part) * rng.normal(size=(1, many))
    if expected.by_value > 0:
        logs = np.repeat(logs, len(cube.codes), axis=0)
        for d in range(cube.codes.shape[1]):
            code = cube.codes[:, d]
            logs += (np.sqrt(expected.by_value * part) * rng.normal(size=(int(code.max()) + 1, many)))[code]
    return np.asarray(np.exp(logs))


def _drawn(total: Floats, expected: Expected, shock: Floats, rng: np.random.Generator, *, shares: bool,
           periods: Floats | None = None) -> Floats:  # fmt: skip
    """(leaves, many) counts; those of several periods at once, with the dispersion their sum has."""
    stray = np.full(len(total), expected.stray)
    if periods is not None:
        inner = (periods * np.maximum(periods - 1, 0)).sum(axis=0) if shares else (periods**2).sum(axis=0)
        outer = total * np.maximum(total - 1, 0) if shares else total**2
        stray = stray * np.where(outer > 0, inner / np.maximum(outer, 1e-12), 0.0)
    rate = np.broadcast_to(expected.rate[:, None] * shock, (len(total), shock.shape[1]))
    if shares:
        rate = np.minimum(rate, 1 - 1e-9)
        if expected.stray > 0:
            size = np.maximum(1 / np.maximum(stray, 1e-9) - 1, 1e-3)[:, None]
            rate = rng.beta(np.maximum(rate * size, 1e-9), np.maximum((1 - rate) * size, 1e-9))
        return np.asarray(rng.binomial(np.round(total).astype(np.int64)[:, None], rate), float)
    if expected.stray > 0:
        shape = (1 / np.maximum(stray, 1e-9))[:, None]
        rate = rate * rng.gamma(shape, 1 / shape, size=rate.shape)
    return np.asarray(rng.poisson(rate * total[:, None]), float)


def _shift(cube: Cube, past: Past, expected: Expected, null: Floats, sign: int, *, beside: bool = False) -> float:
    """How far the maxima of earlier periods, each playing now, lie above the replicas' on the whole; never below."""
    if len(past.past_bad) < 3:
        return 0.0
    maxima, many = [], len(past.past_bad)
    for t in np.unique(np.linspace(0, many - 1, min(many, TURNS)).astype(np.int64)):
        turned = past.swapped(t)
        then = expected if past.season is None else replace(expected, rate=past.rates(expected.rate)[t])
        frame = _frame(cube, turned, then, sign, beside=beside)
        score, _ = _scores(frame, cube.sums(turned.bad)[:, None], cube.sums(turned.past_bad.sum(axis=0))[:, None])
        maxima.append(float(score.max()))
    above, usual = float(np.median(maxima)), float(np.median(null))
    # Where nothing can go wrong in most replicas no subset has a score, and there is nothing to lie above.
    return max(0.0, above - usual) if np.isfinite(above) and np.isfinite(usual) else 0.0
