"""Made-up truths for effects on treated units: panels with factors, errors that follow one another, shocks, spillover.

The first rows are the benchmark of the authors of synthetic difference in differences: their package's coverage check
draws 110 units by 140 times, rank 2, autocorrelation .7, 10 units treated for 20 times with an effect of 1; recorded
there, over 1,000 samples: SC bootstrap .954, placebo .939; DID jackknife .933, bootstrap .920, placebo .951; SDID
.932, .938, .937 (SC jackknife 1.000: not offered here).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from held import Ends, held

from regard.leadership.proof_checks import checks_of
from regard.signals.declarations import Change
from regard.statistics import placebos
from regard.statistics.departures import ends
from regard.statistics.estimates import quantile
from regard.statistics.grades import Design, graded
from regard.statistics.placebos import Block
from regard.statistics.staggered import regression, staggered

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

RECORDED = {
    ("sc", "bootstrap"): ".954", ("sc", "placebo"): ".939", ("did", "jackknife"): ".933", ("did", "bootstrap"): ".920",
    ("did", "placebo"): ".951", ("sdid", "jackknife"): ".932", ("sdid", "bootstrap"): ".938", ("sdid", "placebo"): ".937",
}  # fmt: skip
ROOM = "try/proof"


def errors(rng: Generator, units: int, times: int, follow: float) -> np.ndarray:
    """Normal errors of variance 1 that follow one another."""
    e = rng.normal(size=(units, times))
    for t in range(1, times):
        e[:, t] = follow * e[:, t - 1] + math.sqrt(1 - follow**2) * e[:, t]
    return e


def low_rank(
    rng: Generator,
    *,
    donors: int = 100,
    treated: int = 10,
    before: int = 120,
    after: int = 20,
    effect: float = 1.0,
    noise: float = 0.5,
) -> Block:
    """The random low-rank panel of the authors' coverage check, of any size. The treated come last."""  # fmt: skip
    n, total = donors + treated, before + after
    load = rng.poisson(np.sqrt(rng.permutation(n) + 1)[:, None] / math.sqrt(n), (n, 2))
    factor = rng.poisson(np.sqrt(np.arange(1, total + 1))[:, None] / math.sqrt(total), (total, 2))
    level = 10 * (rng.permutation(n) + 1)[:, None] / n + 10 * np.arange(1, total + 1) / total
    y = load @ factor.T + level + noise * errors(rng, n, total, 0.7)
    on = np.arange(n) >= donors
    y[on, before:] += effect
    return Block(outcomes=y, before=before, treated=on, seed=int(rng.integers(1 << 30)))


def interval(block: Block, way: str):
    """The interval by one of the ways."""
    if way == "jackknife":
        return placebos.jackknife(block, block.own())
    if way == "bootstrap":
        return placebos.bootstrap(block, draws=60)
    return placebos.judge(block, draws=60).effect


def answered(rng: Generator, draw: Callable[[], Block]):
    """The first sample that is answered at all, with its answer; what is refused has no interval to hold."""
    while True:
        block = draw()
        found = placebos.judge(block)
        if not found.effect.refused:
            return block, found


def clear_and_unflagged(block: Block, *, seen: placebos.Judged | None = None) -> bool:
    """What is claimed: the interval leaves zero out, and treated and donors did not part before."""
    found = seen or placebos.judge(block)
    return found.effect.clear and not placebos.in_time(block).drift.clear


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table. `named` gives the last row its own name."""
    _recorded(case, named)
    _one_treated(case, named)
    _nothing_happened(case)
    _found(case)
    _graded(case)
    _broken(case)
    _staggered(case)
    _parting(case)


def _recorded(case: Callable, named: Callable) -> None:
    for (method, way), theirs in RECORDED.items():

        @case(
            room=ROOM, method=f"{method.upper()}, {way}", runs=500, kind="covers",
            truth=f"the authors' low-rank panel, 110 by 140, 10 treated ({method.upper()} {way}; they recorded {theirs})",
        )  # fmt: skip
        def _low_rank(rng: Generator, method: str = method, way: str = way) -> float:
            return held(interval(replace(low_rank(rng), method=method), way), 1.0)

        named(f"low_rank_{method}_{way}")


def _one_treated(case: Callable, named: Callable) -> None:
    for method in ("sdid", "sc", "did"):

        @case(
            room=ROOM, method=f"{method.upper()}, placebo in space", runs=1000, kind="covers",
            truth=f"low-rank panel, one treated of 21, 24 times before, 6 after ({method.upper()})",
        )  # fmt: skip
        def _alone(rng: Generator, method: str = method) -> float:
            def draw() -> Block:
                return replace(low_rank(rng, donors=20, treated=1, before=24, after=6), method=method)

            return held(answered(rng, draw)[1].effect, 1.0)

        named(f"one_treated_{method}")

    @case(room=ROOM, method="SDID, placebo in space", truth="the same with 10 donors", kind="covers", runs=1000)
    def one_treated_of_few(rng: Generator) -> float:
        return held(answered(rng, lambda: low_rank(rng, donors=10, treated=1, before=24, after=6))[1].effect, 1.0)

    @case(
        room=ROOM, method="SDID, widened by its fit", kind="covers", nominal=0.9, runs=1000,
        truth="low-rank panel; outside the regime: the treated unit is twice as noisy as its 30 donors (.75 unwidened)",
    )  # fmt: skip
    def a_noisy_treated_unit(rng: Generator) -> float:
        def draw() -> Block:
            block = low_rank(rng, donors=30, treated=1, before=24, after=6)
            block.outcomes[-1] += math.sqrt(3) * 0.5 * errors(rng, 1, 30, 0.7)[0]
            return block

        return held(answered(rng, draw)[1].effect, 1.0)


def _nothing_happened(case: Callable) -> None:
    @case(
        room=ROOM, method="SDID, clear and not flagged", kind="alarms", nominal=0.05, runs=1000,
        truth="nothing happened; 30 donors, errors that follow one another by .9",
    )  # fmt: skip
    def nothing_and_long_memory(rng: Generator) -> float:
        y = errors(rng, 31, 30, 0.9)
        return float(clear_and_unflagged(Block(outcomes=y, before=20, treated=np.arange(31) == 30)))

    @case(
        room=ROOM, method="DID, clear and not flagged", kind="alarms", nominal=0.05, runs=1000,
        truth="nothing happened; 25 of 50 treated, 20 times, errors that follow one another by .8",
    )  # fmt: skip
    def nothing_and_half_treated(rng: Generator) -> float:
        block = Block(outcomes=errors(rng, 50, 20, 0.8), before=10, treated=np.arange(50) >= 25, method="did")
        return float(clear_and_unflagged(block))

    @case(
        room=ROOM, method="DID, rows taken for independent (what is not done)", kind="breaks", nominal=0.05, runs=1000,
        truth="the same: Bertrand, Duflo and Mullainathan's false alarms",
    )  # fmt: skip
    def rows_taken_for_independent(rng: Generator) -> float:
        y, on = errors(rng, 50, 20, 0.8), np.arange(50) >= 25
        off = y - y.mean(axis=1, keepdims=True) - y.mean(axis=0) + y.mean()
        d = np.outer(on - 0.5, (np.arange(20) >= 10) - 0.5)
        slope = float((d * off).sum() / (d**2).sum())
        return float(abs(slope) > 1.96 * float((off - slope * d).std()) / math.sqrt(float((d**2).sum())))

    @case(
        room=ROOM, method="DID, clear and not flagged", kind="alarms", nominal=0.05, runs=1000,
        truth="nothing happened, but the treated unit grows by a third of the noise more each time",
    )  # fmt: skip
    def unequal_trends(rng: Generator) -> float:
        return float(clear_and_unflagged(parting(rng)))

    @case(
        room=ROOM, method="DID without the look at the past (what is not done)", kind="breaks", nominal=0.05, runs=1000,
        truth="the same: the treated unit grows by a third of the noise more each time",
    )  # fmt: skip
    def unequal_trends_unseen(rng: Generator) -> float:
        return float(placebos.judge(parting(rng)).effect.clear)


def parting(rng: Generator) -> Block:
    y = errors(rng, 25, 24, 0.3) + 0.5 * np.arange(24)
    y[-1] += np.arange(24) / 3
    return Block(outcomes=y, before=18, treated=np.arange(25) == 24, method="did")


def _found(case: Callable) -> None:
    @case(
        room=ROOM, method="SDID, clear", kind="finds", nominal=0.75, runs=1000,
        truth="an effect as large as the finding says would be seen in four of five cases; 30 donors",
    )  # fmt: skip
    def what_would_have_been_seen(rng: Generator) -> float:
        block, found = answered(rng, lambda: low_rank(rng, donors=30, treated=1, before=24, after=6, effect=0.0))
        block.outcomes[-1, 24:] += found.least
        return float(placebos.judge(block).effect.low > 0)

    @case(
        room=ROOM, method="share of own placebo runs whose interval holds zero", kind="covers", runs=300,
        truth="the report on the own data itself, 30 donors (mean of the shares)",
    )  # fmt: skip
    def coverage_on_the_own_data(rng: Generator) -> float:
        return placebos.own_coverage(low_rank(rng, donors=30, treated=1, before=24, after=6)).held


def _graded(case: Callable) -> None:
    change = Change(name="it", on="2026-01-01", by="region", reached=("r0",), declared="2025-12-01")
    steps = [str(i) for i in range(22)]

    def claims(rng: Generator, regions: int) -> float:
        lean = 0.7 + 0.05 * errors(rng, regions, 22, 0.5)
        y = 100 * rng.binomial(40, np.clip(lean, 0, 1)) / 40
        block = Block(outcomes=y, before=12, treated=np.arange(regions) == 0)
        found = placebos.judge(block)
        if found.effect.refused:
            return 0.0
        checks = checks_of(block, found, tuple(f"r{i}" for i in range(regions)), change, steps, controls={})
        failed = sum(c.passed is False and c.counts for c in checks)
        return float(graded(found.effect, Design(beforehand=True), failed=failed) != "cannot tell")

    @case(
        room="leadership/proof", method="graded proven, likely or harmed", kind="alarms", nominal=0.05, runs=1000,
        truth="nothing happened; promises kept in 12 regions over 22 months, 40 a month, months alike by .5",
    )  # fmt: skip
    def nothing_to_grade(rng: Generator) -> float:
        return claims(rng, 12)

    @case(
        room="leadership/proof", method="graded proven, likely or harmed", kind="alarms", nominal=0.05, runs=1000,
        truth="nothing happened; the same in 6 regions, the fewest that are graded",
    )  # fmt: skip
    def nothing_to_grade_in_six(rng: Generator) -> float:
        return claims(rng, 6)


def _broken(case: Callable) -> None:
    @case(
        room=ROOM, method="SDID, placebo in space", kind="breaks", runs=1000,
        truth="half of the effect (of 3) reaches the donors, too: spillover",
    )  # fmt: skip
    def spillover(rng: Generator) -> float:
        block = low_rank(rng, donors=30, treated=1, before=24, after=6, effect=3.0)
        block.outcomes[:-1, 24:] += 1.5
        return held(placebos.judge(block).effect, 3.0)

    @case(
        room=ROOM, method="SDID, placebo in space", kind="breaks", runs=1000,
        truth="something else (of 1.5) happened to the treated at the same time: a hidden shock",
    )  # fmt: skip
    def hidden_shock(rng: Generator) -> float:
        block = low_rank(rng, donors=30, treated=1, before=24, after=6, effect=1.0)
        block.outcomes[-1, 24:] += 1.5
        return held(placebos.judge(block).effect, 1.0)


def roll_out(rng: Generator, *, growth: float = 0.3) -> tuple[np.ndarray, np.ndarray, float]:
    """60 units, two thirds starting at one of three times; the effect grows with the time since."""
    starts = np.repeat([4, 8, 12, 16], [12, 14, 14, 20])
    effect = growth * np.maximum(0.0, np.arange(16) - starts[:, None] + 1)
    y = 2 * rng.normal(size=(60, 1)) + 0.2 * np.arange(16) + errors(rng, 60, 16, 0.7) + effect
    treated = np.arange(16) >= starts[:, None]
    return y, starts, float(effect[treated].mean())


def _staggered(case: Callable) -> None:
    @case(
        room=ROOM, method="Callaway and Sant'Anna", kind="covers", runs=1000,
        truth="three starts, an effect that grows, errors that follow one another by .7",
    )  # fmt: skip
    def growing_effects(rng: Generator) -> float:
        y, starts, truth = roll_out(rng)
        return held(staggered(y, starts, draws=99).effect, truth)

    @case(
        room=ROOM, method="two-way regression, clustered (what is not done)", kind="breaks", runs=1000,
        truth="the same: it takes units treated earlier for comparison",
    )  # fmt: skip
    def growing_effects_by_regression(rng: Generator) -> float:
        y, starts, truth = roll_out(rng)
        left = [regression(np.delete(y, i, axis=0), np.delete(starts, i))[0] for i in range(60)]
        error = math.sqrt(59 / 60 * float(((np.array(left) - np.mean(left)) ** 2).sum()))
        found = regression(y, starts)[0]

        def at(t: float) -> Ends:
            return Ends(found, found - t * error, found + t * error)

        return held(at(2.0), truth, lambda level: at(quantile(level, 59)))

    @case(
        room=ROOM, method="Callaway and Sant'Anna", kind="alarms", nominal=0.05, runs=1000,
        truth="three starts, nothing happened",
    )  # fmt: skip
    def nothing_at_three_starts(rng: Generator) -> float:
        y, starts, _ = roll_out(rng, growth=0.0)
        return float(staggered(y, starts, draws=99).effect.clear)

    @case(
        room=ROOM, method="joint bands by time since the start, before it", kind="alarms", nominal=0.05, runs=500,
        truth="three starts: any of the times before looks moved, though none is",
    )  # fmt: skip
    def nothing_before_the_start(rng: Generator) -> float:
        y, starts, _ = roll_out(rng)
        return float(staggered(y, starts, draws=199).before <= 0.05)

    @case(
        room=ROOM, method="Callaway and Sant'Anna", kind="covers", runs=1000,
        truth="an early and a late start, effects that grow ever faster and are above zero everywhere, ten never",
    )  # fmt: skip
    def a_sign_that_holds(rng: Generator) -> float:
        y, starts, truth = fast(rng)
        return held(staggered(y, starts, draws=99).effect, truth)

    @case(
        room=ROOM, method="two-way regression (what is not done): its sign", kind="breaks", nominal=0.95, runs=1000,
        truth="the same: how often the regression has the right sign",
    )  # fmt: skip
    def a_sign_that_turns(rng: Generator) -> float:
        y, starts, _ = fast(rng)
        return float(regression(y, starts)[0] > 0)


def fast(rng: Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """50 units, 25 from the third time on, 15 from the eleventh of 14, ten never; effects grow as times squared."""
    starts = np.repeat([2, 10, 14], [25, 15, 10])
    effect = 0.06 * np.maximum(0.0, np.arange(14) - starts[:, None] + 1) ** 2
    y = 2 * rng.normal(size=(50, 1)) + 0.2 * np.arange(14) + errors(rng, 50, 14, 0.5) + effect
    return y, starts, float(effect[np.arange(14) >= starts[:, None]].mean())


def _parting(case: Callable) -> None:
    """Trends that part after the start by as much as they did before, each time anew, always the same way."""

    def parted(rng: Generator, follow: float) -> tuple[Block, float]:
        drift = rng.normal(0, 0.4, 11)
        path = np.concatenate([[0.0], np.cumsum(drift)])
        worst = np.abs(drift).max()
        away = np.concatenate([path, path[-1] + worst * np.arange(1, 5)]) - path.mean()
        y = errors(rng, 31, 16, follow) * 0.5
        y[0] += away
        y[0, 12:] += 3.0 - path[-1] + path.mean()  # reckoned from the level before, as the bounds are
        treated = np.arange(31) == 0
        return Block(outcomes=y, before=12, treated=treated, method="did"), 3.0

    @case(
        room=ROOM, method="bounds at once the largest step before", kind="covers", runs=1000,
        truth="after the start trends part by the largest step before, each time anew, 30 donors",
    )  # fmt: skip
    def trends_that_part(rng: Generator) -> float:
        block, truth = parted(rng, 0.3)
        return held(Ends(truth, *ends(placebos.moves(block, placebos.judge(block)), 1.0)), truth)

    @case(
        room=ROOM, method="DID without bounds", kind="breaks", runs=1000,
        truth="the same: trends that part, taken for parallel",
    )  # fmt: skip
    def trends_that_part_unsaid(rng: Generator) -> float:
        block, truth = parted(rng, 0.3)
        low, high = ends(placebos.moves(block, placebos.judge(block)), 0.0)
        return held(Ends((low + high) / 2, low, high), truth)
