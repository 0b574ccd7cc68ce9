"""Counts that swing by themselves: is a change beyond what the same cell did between earlier periods?

The comparison asked about is made again at earlier times, where nothing is to be explained. How far those changes lie
from what independent events would give is the cell's own noise; the change asked about must stand out of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, special

from regard.statistics.comparisons import benjamini_hochberg
from regard.statistics.estimates import LEVEL, Floats, quantile
from regard.statistics.rates import RateChange, change_of_cell, exact_p

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

LEAST_PAIRS = 2
"""Fewest earlier comparisons; below, nothing is tested."""

INFORMATIVE = 5.0
"""Events (at their effective number) from which an earlier comparison says something about noise."""

LEAST_OWN = 0.25
"""Least variance of a cell's own that is believed, in units of independent events': counts more regular are luck."""

PRIOR_FREEDOM = np.array([1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 25.0, 60.0, 1e4])
"""Degrees of freedom of the cells' common noise that are weighed: few, cells differ; many, they are alike."""

POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """The same comparison of two periods at several times: column 0 as asked, the others earlier, latest first.

    Attributes:
        now: Events of the later period, shape (cells, times).
        before: Events of the earlier period.
        exposure_now: Exposure of the later period; broadcast to that shape.
        exposure_before: Exposure of the earlier period.
    """

    now: Floats
    before: Floats
    exposure_now: Floats
    exposure_before: Floats

    def arrays(self) -> tuple[Floats, Floats, Floats, Floats]:
        """All four in one shape."""
        x1, x0, e1, e0 = np.broadcast_arrays(self.now, self.before, self.exposure_now, self.exposure_before)
        return x1.astype(float), x0.astype(float), e1.astype(float), e0.astype(float)


@dataclass(frozen=True, kw_only=True)
class Swings:
    """What was found.

    Attributes:
        changes: One a cell.
        noise: Standard deviation of each cell's log ratio by itself, beyond that of independent events.
        least: The smallest ratio above 1 that would be called in four of five cases, were the cell the only one to
            rise; infinite where none would.
        pairs: Earlier comparisons used.
        season: Share of the change a year earlier that is expected again; 0 where it does not show, NaN where the past
            does not reach.
        refused: Why nothing was tested; empty when something was.
    """

    changes: tuple[RateChange, ...]
    noise: Floats
    least: Floats
    pairs: int
    season: float
    refused: str = ""


@dataclass(frozen=True)
class _Noise:
    """Variance of the normal scores: 1 + size · between, times what is each cell's own (at least its floor)."""

    between: float
    own: Floats
    floor: Floats
    freedom: Floats
    most: float


def beyond_swings(
    pairs: Pairs,
    *,
    dispersion: ArrayLike = 1.0,
    year: Pairs | None = None,
    claimed: float = 0.05,
    level: float = LEVEL,
    least: int = 5,
) -> Swings:
    """Which cells change beyond independent events and beyond their own swings, with all cells accounted for.

    Each comparison gives the normal score of the exact conditional test (Przyborowski and Wilenski 1940, counts divided
    by the dispersion). Of a cell that swings, its variance is 1 + h·V, with h the events it rests on and V the variance
    of the log ratio between two periods. V is estimated from the earlier comparisons of all cells; each cell's own
    factor is drawn to the others' (scaled F prior: Smyth 2004, SAGMB 3(1):3; of counts: Lund and others 2012, SAGMB
    11(5):8), the prior's freedom averaged by its likelihood. The score is then a t with as many degrees of freedom as
    the noise is known with; cells that move together count as fewer. False discovery rate by Benjamini and Hochberg.

    Season: with two or more earlier comparisons whose own year before is known, the share of a year-old change that
    comes again is estimated over all cells, and taken as expected where it stands (one-sided 5 %, clustered by time).

    Assumes that a cell's swings between periods are no larger now than they were, and not slower than the past shows.
    Thin evidence: fewer than `LEAST_PAIRS` earlier comparisons, no cell is tested and `refused` says so.

    Args:
        pairs: The comparison asked about, then the same at earlier times.
        dispersion: Overdispersion of each cell by several events of one customer; below 1 counts as 1.
        year: The same comparisons a year before each, in the same columns; NaN where the past does not reach.
        claimed: The false discovery rate held.
        level: Confidence of the ratio's intervals.
        least: Fewest events in both periods together that are tested.
    """
    x1, x0, e1, e0 = pairs.arrays()
    cells = len(x1)
    phi = np.broadcast_to(np.maximum(np.nan_to_num(np.asarray(dispersion, float), nan=1.0), 1.0), (cells,))[:, None]
    expected, share = _season(pairs, year, phi)
    raised = e1 * np.nan_to_num(expected, nan=1.0)
    score, size = _scores(x1 / phi, x0 / phi, raised, e0)
    score = np.where(np.isfinite(expected), score, np.nan)
    usable = int(np.isfinite(score[:, 1:]).any(axis=0).sum())
    refused = _too_little(usable)
    noise = _noise(score[:, 1:], size[:, 1:]) if not refused else None
    tested = (x1[:, 0] + x0[:, 0] >= max(least, 1)) & (e1[:, 0] > 0) & (e0[:, 0] > 0) & (noise is not None)
    exact = exact_p((x1 / phi)[:, 0], (x0 / phi)[:, 0], raised[:, 0], e0[:, 0])
    p, spread, freedom = _against(noise, exact, size[:, 0])
    p = np.where(tested, p, np.nan)
    q = benjamini_hochberg(p)
    wide = phi[:, 0] * spread * (_t(0.5 + level / 2, freedom) / quantile(level)) ** 2
    changes = tuple(
        change_of_cell(
            (x1[i, 0], x0[i, 0], e1[i, 0], e0[i, 0]), dispersion=float(wide[i]), p=float(p[i]), q=float(q[i]),
            expected=float(expected[i, 0]), claimed=claimed, level=level,
        )
        for i in range(cells)
    )  # fmt: skip
    beyond = np.sqrt(np.maximum(spread - 1, 0) / np.maximum(size[:, 0], 1e-9))
    with np.errstate(divide="ignore", invalid="ignore"):
        needed = _least(beyond, x0[:, 0] / phi[:, 0], (e1 / e0)[:, 0], freedom, claimed / max(int(tested.sum()), 1))
    return Swings(changes=changes, noise=beyond, least=needed, pairs=usable, season=share, refused=refused)


def _too_little(pairs: int) -> str:
    if pairs >= LEAST_PAIRS:
        return ""
    return f"the past allows {pairs} earlier comparisons of this kind; {LEAST_PAIRS} are needed"


def _scores(x1: Floats, x0: Floats, e1: Floats, e0: Floats) -> tuple[Floats, Floats]:
    """Normal scores of the mid-p conditional test, and the events each rests on (inverse variance of a log ratio)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        chance = e1 / (e1 + e0)
        high, low = _mid_tail(x1, x0, chance), _mid_tail(x0, x1, 1 - chance)
        score = np.where(high <= low, -special.ndtri(high), special.ndtri(low))
        size = (x1 + x0) * chance * (1 - chance)
    known = np.isfinite(chance) & (x1 + x0 >= INFORMATIVE)
    return np.where(known, score, np.nan), np.nan_to_num(size)


def _mid_tail(x: Floats, rest: Floats, chance: Floats) -> Floats:
    """P(X > x) and half of P(X = x), exact however small."""
    least = np.where(x > 0, special.betainc(np.maximum(x, 1e-300), rest + 1, chance), 1.0)
    above = np.where(rest > 0, special.betainc(x + 1, np.maximum(rest, 1e-300), chance), 0.0)
    return np.asarray(np.clip((least + above) / 2, 1e-300, 1.0), dtype=float)


def _noise(score: Floats, size: Floats) -> _Noise:
    known = np.isfinite(score)
    z2, h = np.where(known, score, 0.0) ** 2, np.where(known, size, 0.0)
    between = _between(z2[known], h[known])
    scaled = np.where(known, z2 / (1 + h * between), 0.0)
    times = known.sum(axis=1)
    # Differences of neighbouring periods share one of them: three tell as much as two that share none.
    freedom = times * 2 / 3
    own = np.divide(scaled.sum(axis=1), times, out=np.ones(len(times)), where=times > 0)
    most = float(freedom.sum()) / _together(score / np.sqrt(1 + size * between))
    independent = np.divide(
        (1 / (1 + h * between) * known).sum(axis=1), times, out=np.ones(len(times)), where=times > 0
    )
    return _Noise(between, own, LEAST_OWN * independent, freedom, max(most, 1e-9))


def _between(z2: Floats, h: Floats) -> float:
    """The variance of a log ratio over all cells, by the likelihood of normal scores with variance 1 + h·V."""
    if not len(z2):
        return 0.0

    def loss(root: float) -> float:
        variance = 1 + h * root * root
        return float((np.log(variance) + z2 / variance).sum())

    found = optimize.minimize_scalar(loss, bounds=(0.0, 3.0), method="bounded")
    return float(found.x**2) if found.fun < loss(0.0) else 0.0


def _together(score: Floats) -> float:
    """How many cells count as one because they move together: 1 + (cells - 1)·correlation², at least 1."""
    known = np.isfinite(score)
    z, n = np.where(known, score, 0.0), known.sum(axis=0).astype(float)
    couples = float((n * (n - 1)).sum())
    if couples <= 0:
        return 1.0
    joint = float((z.sum(axis=0) ** 2 - (z**2).sum(axis=0)).sum()) / couples
    spread = float((z**2).sum()) / max(float(n.sum()), 1.0)
    alike = min(max(joint / max(spread, 1e-9), 0.0), 1.0)
    return 1 + (float(n.mean()) - 1) * alike**2


def _against(noise: _Noise | None, exact: Floats, size: Floats) -> tuple[Floats, Floats, Floats]:
    """p-values, how many times more variable than independent events, and the freedom that is known with."""
    nothing = np.full(exact.shape, np.nan)
    if noise is None:
        return nothing, np.ones(exact.shape), np.full(exact.shape, np.inf)
    score = -special.ndtri(np.clip(np.nan_to_num(exact, nan=1.0) / 2, 1e-300, 0.5))
    weights, centres = _priors(noise)
    p, spread, freedom = (np.zeros(exact.shape) for _ in range(3))
    for weight, centre, prior in zip(weights, centres, PRIOR_FREEDOM, strict=True):
        own = (prior * centre + noise.freedom * noise.own) / (prior + noise.freedom)
        variance = np.maximum(own * (1 + size * noise.between), 1.0)
        known = np.minimum(prior + noise.freedom, noise.most)
        p += weight * 2 * special.stdtr(known, -score / np.sqrt(variance))
        spread += weight * variance
        freedom += weight / known
    return np.minimum(p, 1.0), spread, 1 / freedom


def _priors(noise: _Noise) -> tuple[Floats, list[float]]:
    """The likelihood of each freedom of the prior (sums to 1), and the prior's centre for each."""
    some = noise.freedom > 0
    s, d = np.maximum(noise.own, noise.floor)[some], noise.freedom[some]
    fits, centres = [], []
    for prior in PRIOR_FREEDOM:

        def loss(logarithm: float, prior: float = prior) -> float:
            return -float(_log_f(s / math.exp(logarithm), d, prior).sum() - logarithm * len(s))

        found = optimize.minimize_scalar(loss, bounds=(-8.0, 4.0), method="bounded") if len(s) else None
        fits.append(-float(found.fun) if found else 0.0)
        centres.append(math.exp(float(found.x)) if found else 1.0)
    likely = np.exp(np.array(fits) - max(fits))
    return likely / likely.sum(), centres


def _log_f(x: Floats, d1: Floats, d2: float) -> Floats:
    """Log density of the F distribution."""
    return np.asarray(
        d1 / 2 * np.log(d1 / d2) + (d1 / 2 - 1) * np.log(x) - (d1 + d2) / 2 * np.log1p(d1 * x / d2)
        - special.betaln(d1 / 2, d2 / 2), dtype=float,
    )  # fmt: skip


def _least(beyond: Floats, before: Floats, exposure: Floats, freedom: Floats, claimed: float) -> Floats:
    """Ratios that would be called with `POWER`: `beyond` is the noise of a log ratio beyond that of the counts."""
    out = _t(1 - claimed / 2, freedom) + _t(POWER, freedom)
    ratio = np.full(before.shape, 2.0)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(6):  # a larger rise brings more events, and is seen with less noise
            risen = ratio * before * exposure
            ratio = np.exp(np.minimum(out * np.sqrt(beyond**2 + 1 / before + 1 / risen), 30.0))
        return np.asarray(np.where((before > 0) & (ratio < 1e6), ratio, np.inf), dtype=float)


def _t(upper: float, freedom: Floats) -> Floats:
    finite = np.where(np.isfinite(freedom), np.minimum(freedom, 1e9), 1e9)
    return np.asarray(special.stdtrit(finite, upper), dtype=float)


def _season(pairs: Pairs, year: Pairs | None, phi: Floats) -> tuple[Floats, float]:
    """The factor expected of each comparison by what the year before did, and the share of that which comes again.

    Comparisons whose year before is not known are NaN: with the season still in them, they tell nothing of the rest.
    """
    x1, x0, e1, e0 = pairs.arrays()
    none = np.ones(x1.shape)
    if year is None or x1.shape[1] < 2:
        return none, math.nan
    own, weight = _log_ratios(x1 / phi, x0 / phi, e1, e0)
    old, known = _log_ratios(*(a / (phi if i < 2 else 1.0) for i, a in enumerate(year.arrays())))
    usable = np.isfinite(own) & np.isfinite(old)
    columns = usable[:, 1:].any(axis=0)
    if columns.sum() < 2 or not np.isfinite(old[:, 0]).any():
        return none, math.nan
    u, v, w = (np.where(usable, a, 0.0)[:, 1:] for a in (own, old, np.minimum(weight, known)))
    share = _again(u, v, w, int(columns.sum()))
    if share <= 0:
        return none, 0.0
    factor = np.exp(share * np.where(np.isfinite(old), old, 0.0))
    reached = np.asarray(np.isfinite(old).any(axis=0), dtype=bool)
    reached[0] = True
    return np.where(reached, factor, np.nan), share


def _again(u: Floats, v: Floats, w: Floats, times: int) -> float:
    """The slope of changes on those a year before, 0 to 1; 0 unless it stands with each time as one observation."""
    below = float((w * v * v).sum())
    slope = float((w * u * v).sum()) / below if below > 0 else 0.0
    pulls = (w * v * (u - slope * v)).sum(axis=0)
    error = math.sqrt(float(pulls @ pulls) * times / (times - 1)) / below if below > 0 else math.inf
    stands = error == 0 or slope / error > float(special.stdtrit(times - 1, 0.95))
    return min(slope, 1.0) if slope > 0 and stands else 0.0


def _log_ratios(x1: Floats, x0: Floats, e1: Floats, e0: Floats) -> tuple[Floats, Floats]:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.log((x1 + 0.5) / e1) - np.log((x0 + 0.5) / e0)
    some = np.isfinite(ratio) & (x1 + x0 >= INFORMATIVE)
    return np.where(some, ratio, np.nan), np.where(some, (x1 + 0.5) * (x0 + 0.5) / (x1 + x0 + 1), 0.0)
