"""How sure an estimated effect is: the same estimator where nothing happened, in other units and at other times.

References: Arkhangelsky and others (2021), AER 111(12), algorithms 2 to 4 (bootstrap, jackknife, placebo variance);
Abadie, Diamond and Hainmueller (2010), JASA 105, for ranks among placebos; Bertrand, Duflo and Mullainathan (2004), QJE
119(1), for why errors that follow one another must not be counted as many: a placebo carries them as they are.

With one treated unit all placebos are enumerated: drawing 200 of them at random with repetition, as is often done, only
adds noise (of 38 donors, the standard error so drawn varies by a sixth from seed to seed).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from math import comb
from typing import TYPE_CHECKING

import numpy as np

from regard.statistics.counterfactuals import Fits, Method, fits, noise_of
from regard.statistics.departures import Moves
from regard.statistics.estimates import LEVEL, Estimate, Floats, Whole, around, quantile, refusal
from regard.statistics.stopped import as_published

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWS = 200
LEAST_DONORS = 5
WORSE = {"sdid": 1.1, "sc": 2.5, "did": 2.5}
"""From this many times the placebos' usual error before the start, the interval is widened by how much worse it is: a
unit that strays further from its fit before will do so after. Where levels or trends are not fitted (`sc`, `did`), the
error before says less of that, and more is allowed (measured: docs/calibration.md)."""

POOR = 4.0
"""From this many times the placebos' usual error before the start, there is no answer."""

MANY = 10
"""Fewest treated units, and donors, that a jackknife is believed with."""

POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class Block:
    """A panel where all treated units start at once.

    Attributes:
        outcomes: Shape (units, times), complete.
        before: Number of times before the start.
        treated: Which units are treated; the others are donors.
        method: Which estimator.
        seed: Seed of what is drawn.
        published: The treated's weights stop where published ones do; placebos' are at their optimum.
    """

    outcomes: Floats
    before: int
    treated: NDArray[np.bool_]
    method: Method = "sdid"
    seed: int = 0
    published: bool = False

    @property
    def donors(self) -> Whole:
        """Positions of the donors."""
        return np.flatnonzero(~self.treated)

    @property
    def noise(self) -> float:
        """What the regularisation rests on."""
        return noise_of(self.outcomes[self.donors], self.before)

    def fit(self, targets: Floats, donors: Floats) -> Fits:
        """Fits with this block's method and regularisation."""
        return fits(self.outcomes, self.before, targets, donors, method=self.method, noise=self.noise)

    def best(self) -> Fits:
        """The fit of the treated with weights at their optimum."""
        q = self.treated / self.treated.sum()
        return self.fit(q[None], (~self.treated)[None].astype(float))

    def own(self) -> Fits:
        """The fit of the treated."""
        best = self.best()
        if not self.published:
            return best
        return as_published(best, self.outcomes, self.before, self.treated, method=self.method, noise=self.noise)


@dataclass(frozen=True, kw_only=True)
class Space:
    """Placebos in space: donors taken for treated, with the rest as their donors.

    Attributes:
        fits: One row a placebo.
        targets: Which units each took for treated: shape (placebos, units).
        all: Whether these are all there are.
    """

    fits: Fits
    targets: Floats
    all: bool


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An effect, judged by placebos.

    Attributes:
        effect: The mean effect after the start, with its interval.
        fit: The fit itself, one row.
        space: The placebos.
        band: Half width of the band around each time's effect.
        rank: Share of placebos (and the treated) at least as far from zero: the permutation p-value.
        rank_ratio: The same by the ratio of differences after to differences before.
        worse: Fit before, as a multiple of the placebos'.
        least: The smallest effect that would have been seen in four of five cases.
    """

    effect: Estimate
    fit: Fits
    space: Space
    band: Floats
    rank: float
    rank_ratio: float
    worse: float
    least: float


def in_space(block: Block, *, draws: int = DRAWS) -> Space:
    """As many donors as there are treated units taken for treated: all such sets, or `draws` drawn ones."""
    donors, many = block.donors, int(block.treated.sum())
    if many == 1 and len(donors) <= draws:
        sets, every = donors[:, None], True
    else:
        rng = np.random.default_rng(block.seed)
        every = False
        size = min(draws, comb(len(donors), many))
        sets = np.array([rng.choice(donors, many, replace=False) for _ in range(size)])
    targets = np.zeros((len(sets), len(block.treated)))
    targets[np.arange(len(sets))[:, None], sets] = 1 / many
    rest = ((targets == 0) & ~block.treated).astype(float)
    return Space(fits=block.fit(targets, rest), targets=targets, all=every)


def by_jackknife(block: Block) -> bool:
    """Whether donors are too few for placebo groups of the treated's number, which are many enough without."""
    many, donors = int(block.treated.sum()), len(block.donors)
    return block.method != "sc" and many >= MANY and donors >= MANY and donors < 2 * many


def judge(block: Block, *, level: float = LEVEL, draws: int = DRAWS) -> Judged:
    """The effect with a placebo interval.

    The interval is the placebos' root mean square about zero times a t quantile with one fewer degrees than donors,
    widened for their number; it covers where treated and donors are alike in how far they stray from their fit. Where
    the treated's error before is `WORSE` times the placebos', it is widened by that ratio; from `POOR` on, refused.
    Where `by_jackknife`, by that: it lets the treated be noisier than the donors, but has no placebos to show.

    Refuses: fewer than `LEAST_DONORS` donors, an unsolved fit, a poor fit.
    """
    many, donors = int(block.treated.sum()), len(block.donors)
    if not many or not donors:
        why = "no unit is treated" if not many else "every unit is treated; units that never were are needed"
        return _without(block, None, None, why, level)
    fit, alone = block.own(), by_jackknife(block)
    space = in_space(block, draws=draws) if not alone and donors >= max(LEAST_DONORS, many + 2) else None
    refused = _refused(block, fit, space)
    if refused:
        return _without(block, fit, space, refused, level)
    if space is None:
        return _jackknifed(block, fit, level)
    placebo, worse = space.fits, worse_than(fit, space.fits)
    spread = math.sqrt(float(np.mean(placebo.effect**2)))
    wide = math.sqrt(1 + 1 / donors) * (worse if worse > WORSE[block.method] else 1.0)
    effect = around(
        float(fit.effect[0]), spread * wide, n=block.outcomes.size, effective=float(donors), freedom=float(donors - 1),
        level=level, method=f"{NAMES[block.method]}, placebo in space",
    )  # fmt: skip
    t = quantile(level, effect.freedom)
    return Judged(
        effect=effect, fit=fit, space=space, band=np.sqrt(np.mean(placebo.apart**2, axis=0)) * wide * t,
        rank=_rank(abs(fit.effect[0]), np.abs(placebo.effect)), rank_ratio=_rank(*_ratios(fit, placebo)), worse=worse,
        least=least_of(effect),
    )  # fmt: skip


def least_of(effect: Estimate) -> float:
    """The smallest effect that would be clear with `POWER`, given the estimate's error."""
    return (quantile(effect.level, effect.freedom) + quantile(2 * POWER - 1, effect.freedom)) * effect.error


def _jackknifed(block: Block, fit: Fits, level: float) -> Judged:
    each = np.eye(block.outcomes.shape[1])
    each[: block.before] -= fit.times[0][:, None]
    errors = [jackknife(block, fit, contrast=c, level=level).error for c in each.T]
    effect = jackknife(block, fit, level=level)
    empty = Space(fits=fit, targets=np.zeros((0, len(block.treated))), all=False)
    return Judged(
        effect=effect, fit=fit, space=empty, band=np.array(errors) * quantile(level, effect.freedom), rank=math.nan,
        rank_ratio=math.nan, worse=math.nan, least=least_of(effect),
    )  # fmt: skip


NAMES = {
    "sdid": "synthetic difference in differences",
    "sc": "synthetic control",
    "did": "difference in differences",
}


def worse_than(fit: Fits, placebo: Fits) -> float:
    """The treated's error before the start (root mean square), as a multiple of the placebos' median."""
    usual = float(np.median(placebo.before))
    return float(fit.before[0]) / usual if usual > 0 else (1.0 if fit.before[0] == 0 else math.inf)


def _refused(block: Block, fit: Fits, space: Space | None) -> str:
    many, donors = int(block.treated.sum()), len(block.donors)
    if donors < LEAST_DONORS:
        return f"only {donors} donors; at least {LEAST_DONORS} units that were never treated are needed"
    if np.ptp(block.outcomes) == 0:
        return "the outcome is the same everywhere"
    if space is None and not by_jackknife(block):
        return f"{donors} donors for {many} treated units are too few for placebos; more donors than treated are needed"
    if not fit.solved.all() or (space is not None and not space.fits.solved.all()):
        return "the weights could not be solved for"
    worse = worse_than(fit, space.fits) if space is not None else 0.0
    if worse > POOR:
        return f"the fit before the start is poor: its error is {worse:.1f} times the placebos'"
    return ""


def _without(block: Block, fit: Fits | None, space: Space | None, why: str, level: float) -> Judged:
    none = refusal(why, n=block.outcomes.size, method=NAMES[block.method], level=level)
    known = fit or _nothing(block)
    empty = space or Space(fits=known, targets=np.zeros((0, len(block.treated))), all=False)
    worse = worse_than(known, space.fits) if space else math.nan
    nothing = np.full(block.outcomes.shape[1], np.nan)
    return Judged(
        effect=none, fit=known, space=empty, band=nothing, rank=math.nan, rank_ratio=math.nan, worse=worse,
        least=math.nan,
    )  # fmt: skip


def _nothing(block: Block) -> Fits:
    units, times = block.outcomes.shape
    one = np.full(1, np.nan)
    return Fits(
        effect=one, apart=np.full((1, times), np.nan), units=np.zeros((1, units)), times=np.zeros((1, block.before)),
        before=one, after=one, gap=one,
    )  # fmt: skip


def _rank(own: float, others: Floats) -> float:
    return (1 + int((others >= own - 1e-12 * abs(own)).sum())) / (1 + len(others))


def _ratios(fit: Fits, placebo: Fits) -> tuple[float, Floats]:
    floor = 1e-9 * max(float(placebo.after.max()), 1e-300)
    return float(fit.after[0] / max(fit.before[0], floor)), placebo.after / np.maximum(placebo.before, floor)


# -------------------------------------------------------------------------------------------- resampling of the treated


def jackknife(block: Block, fit: Fits, *, contrast: Floats | None = None, level: float = LEVEL) -> Estimate:
    """Leaves out each unit in turn with the weights kept (algorithm 3); needs several treated units; not for `sc`.

    The t has the freedom of the treated units and one (they carry most of the variance).

    Args:
        block: The panel.
        fit: Its fit.
        contrast: Weights of the times that make the figure; the mean after less the weighted mean before if None.
        level: Confidence.
    """
    after = block.outcomes.shape[1] - block.before
    if contrast is None:
        contrast = np.r_[-fit.times[0], np.full(after, 1 / after)]
    w, treated, change = fit.units[0], block.treated, block.outcomes @ contrast
    many, own = int(treated.sum()), float(change[treated].mean())
    method = f"{NAMES[block.method]}, jackknife"
    if many < 2:
        return refusal("the jackknife needs two treated units", n=block.outcomes.size, method=method, level=level)
    synthetic = float(w @ change)
    rest = (synthetic - w * change) / np.maximum(1 - w, 1e-12)
    left = np.where(treated, (own * many - change) / (many - 1) - synthetic, own - rest)
    n = len(left)
    error = math.sqrt((n - 1) / n * float(((left - left.mean()) ** 2).sum()))
    return around(
        own - synthetic, error, n=block.outcomes.size, effective=float(n), freedom=float(many + 1), level=level,
        method=method,
    )  # fmt: skip


def bootstrap(block: Block, *, draws: int = DRAWS, level: float = LEVEL) -> Estimate:
    """Resamples units and fits anew (algorithm 2); needs several treated units."""
    rng, n = np.random.default_rng(block.seed), len(block.treated)
    q: list[Floats] = []
    m: list[Floats] = []
    method = f"{NAMES[block.method]}, bootstrap of units"
    if int(block.treated.sum()) < 2:
        return refusal("the bootstrap needs two treated units", n=block.outcomes.size, method=method, level=level)
    while len(q) < draws:
        times = np.bincount(rng.integers(0, n, n), minlength=n).astype(float)
        if times[block.treated].sum() and times[~block.treated].sum():
            q.append(times * block.treated / times[block.treated].sum())
            m.append(times * ~block.treated)
    found = block.fit(np.array(q), np.array(m))
    own = float(block.own().effect[0])
    return around(
        own, float(found.effect.std()), n=block.outcomes.size, effective=float(n),
        freedom=float(block.treated.sum() + 1), level=level, method=method,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------ other times


@dataclass(frozen=True, kw_only=True)
class Past:
    """The treated at made-up starts before the real one.

    Attributes:
        starts: Number of times before each made-up start.
        effects: What was found there, each with its placebo interval.
        rank: Share of donors (and the treated) whose largest effect, in placebos' spread, is at least as large.
        drift: Slope of treated less donors before the start, against the donors' own, as an estimate per time.
    """

    starts: tuple[int, ...]
    effects: tuple[Estimate, ...]
    rank: float
    drift: Estimate


def in_time(block: Block, judged: Judged | None = None, *, most: int = 6, level: float = LEVEL) -> Past:
    """Placebo in time: the start moved into the past, only what came before the real start used.

    Thin evidence: with fewer than four times before, no made-up start is possible, and `starts` is empty.
    """
    after = block.outcomes.shape[1] - block.before
    starts = made_up(block.before, after, most if len(block.donors) <= DRAWS // 2 else min(most, 3))
    own, others, effects = [], [], []
    for start in starts:
        end = min(block.before, start + after)
        moved = replace(block, outcomes=block.outcomes[:, :end], before=start)
        there = judge(moved, level=level, draws=DRAWS // 2)
        effects.append(there.effect)
        if len(there.space.targets):
            spread = math.sqrt(float(np.mean(there.space.fits.effect**2))) or 1.0
            own.append(abs(float(there.fit.effect[0])) / spread)
            others.append(np.abs(there.space.fits.effect) / spread)
    rank = _rank(max(own), np.array(others).max(axis=0)) if own else math.nan
    return Past(starts=starts, effects=tuple(effects), rank=rank, drift=drift(block, judged, level=level))


def made_up(before: int, after: int, most: int) -> tuple[int, ...]:
    """Made-up starts in the later half of the past, each with at least two times before and one after."""
    last = before - max(1, min(after, before // 4))
    first = max(2, before // 2)
    if last < first or before < 4:
        return ()
    return tuple(int(s) for s in np.unique(np.linspace(first, last, most).round()))


def drift(block: Block, judged: Judged | None = None, *, level: float = LEVEL) -> Estimate:
    """Whether treated and donors moved apart before the start already: slope of their difference, per time.

    For a difference in differences the donors' mean is subtracted; for the others, what is fitted. Against the slopes
    of placebos, so that donors that wander themselves do not make every drift an alarm.
    """
    if block.before < 3:
        return refusal("fewer than three times before the start", n=block.before, method="slope before", level=level)
    own = judged.fit if judged else block.own()
    at = np.arange(block.before) - (block.before - 1) / 2
    slope = at / float(at @ at)
    if by_jackknife(block):
        return jackknife(
            block, own, contrast=np.r_[slope, np.zeros(block.outcomes.shape[1] - block.before)], level=level
        )
    placebo = (judged.space if judged else in_space(block)).fits
    value = float(own.apart[0, : block.before] @ slope)
    spread = math.sqrt(float(np.mean((placebo.apart[:, : block.before] @ slope) ** 2)) * (1 + 1 / len(block.donors)))
    return around(
        value, spread, n=block.before, freedom=float(len(block.donors) - 1), level=level,
        method="slope before, against the donors'",
    )  # fmt: skip


def moves(block: Block, judged: Judged) -> Moves:
    """The effect and the steps before it with what they owe to placebos (to units, by the jackknife): for bounds."""
    before, after = block.before, block.outcomes.shape[1] - block.before
    own = judged.fit.apart[0]
    middle = float(np.arange(before) @ judged.fit.times[0]) if judged.fit.times[0].any() else before - 1.0
    shared = {
        "effect": judged.effect.value, "steps": np.diff(own[:before]), "reach": (after + 1) / 2,
        "apart": before + (after - 1) / 2 - middle, "freedom": judged.effect.freedom,
    }  # fmt: skip
    if not len(judged.space.targets):
        many, donors = float(block.treated.sum()), len(block.donors)
        weight = np.where(block.treated, 1 / many, -judged.fit.units[0])
        centred = judged.fit.units[0] @ block.outcomes
        off = block.outcomes - np.where(block.treated[:, None], block.outcomes[block.treated].mean(axis=0), centred)
        each = weight[:, None] * off * math.sqrt((many + donors) / max(many + donors - 1, 1))
        level = np.r_[-judged.fit.times[0], np.full(after, 1 / after)]
        return Moves(pull=each @ level, pulls=np.diff(each[:, :before], axis=1).T, **shared)
    apart, scale = judged.space.fits.apart, judged.effect.error / math.sqrt(float(np.sum(judged.space.fits.effect**2)))
    return Moves(pull=judged.space.fits.effect * scale, pulls=np.diff(apart[:, :before], axis=1).T * scale, **shared)


# ------------------------------------------------------------------------------------------------ donors, own coverage


def without_each(block: Block, fit: Fits, *, least: float = 1e-4) -> tuple[Whole, Floats]:
    """The effect with each donor that has weight left out in turn: their positions and the effects."""
    at = np.flatnonzero((fit.units[0] > least) & ~block.treated)
    if block.method == "did" and len(at) > 2 * DRAWS:
        at = at[:: -(-len(at) // DRAWS)]
    if len(block.donors) < 2 or not len(at):
        return at[:0], np.zeros(0)
    q = np.repeat((block.treated / block.treated.sum())[None], len(at), axis=0)
    m = np.repeat((~block.treated)[None].astype(float), len(at), axis=0)
    m[np.arange(len(at)), at] = 0
    return at, block.fit(q, m).effect


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """How often the interval held nothing where nothing happened: donors at made-up starts.

    Attributes:
        runs: Placebo runs that were answered.
        refused: Runs refused for a poor fit before.
        held: Share of the answered whose interval held zero.
        starts: Made-up starts used.
    """

    runs: int
    refused: int
    held: float
    starts: tuple[int, ...]


def own_coverage(block: Block, *, runs: int = DRAWS, most: int = 12, level: float = LEVEL) -> Coverage:
    """Every donor taken for treated, at made-up starts over the whole panel, each judged by the other donors.

    The treated unit is not used. Only for one treated unit's placebos; larger groups are judged by single donors, too.
    """
    total, after = block.outcomes.shape[1], block.outcomes.shape[1] - block.before
    donors = block.donors
    window = min(after, max(1, total // 3))
    first, last = max(2, total // 4), total - window
    wanted = min(most, -(-runs // max(min(len(donors), DRAWS // 2), 1)))
    starts = tuple(int(s) for s in np.unique(np.linspace(last, min(first, last), wanted).round())) if last >= 2 else ()
    held = answered = refused = 0
    for start in starts:
        alone = np.zeros(len(block.treated), dtype=bool)
        alone[np.flatnonzero(block.treated)[:1]] = True
        piece = replace(block, outcomes=block.outcomes[:, : start + window], before=start, treated=alone)
        kept = np.r_[np.flatnonzero(alone), donors]
        piece = replace(piece, outcomes=piece.outcomes[kept], treated=alone[kept])
        found = in_space(piece, draws=DRAWS // 2).fits
        n = len(found.effect)
        others = np.sqrt(np.maximum((found.effect**2).sum() - found.effect**2, 0) / (n - 1))
        fit = found.before / max(float(np.median(found.before)), 1e-300)
        half = (
            quantile(level, n - 2) * others * math.sqrt(1 + 1 / (n - 1)) * np.where(fit > WORSE[block.method], fit, 1.0)
        )
        fair = fit <= POOR
        held += int((np.abs(found.effect) <= half)[fair].sum())
        answered, refused = answered + int(fair.sum()), refused + int((~fair).sum())
    return Coverage(runs=answered, refused=refused, held=held / answered if answered else math.nan, starts=starts)
