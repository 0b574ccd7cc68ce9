"""Made-up truths for scores: an NPS of any size up to ±90 by exact enumeration, and who does not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import Held, held
from scipy import special

from regard.statistics.estimates import LEVEL
from regard.statistics.netshares import score_interval
from regard.statistics.proportions import difference, mean, net_mean
from regard.statistics.weighting import Margin, fit, rake

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

SIZES = (5, 10, 20, 50, 200, 1000)
MIDDLES = (0.0, 0.02, 0.1, 0.35, 0.65, 0.9, 0.98)
NETS = tuple(np.arange(0, 0.901, 0.025))


def outcomes(n: int, top: float, bottom: float):
    """Counts of n answers that are not hopelessly unlikely, and their chances."""
    reach = 8 * np.sqrt(n) + 4 if n > 60 else n
    low_t, low_b = max(0, int(n * top - reach)), max(0, int(n * bottom - reach))
    t = np.arange(low_t, min(n, int(n * top + reach)) + 1)
    b = np.arange(low_b, min(n, int(n * bottom + reach)) + 1)
    t, b = (x.ravel() for x in np.meshgrid(t, b))
    t, b = t[t + b <= n], b[t + b <= n]
    ways = special.gammaln(n + 1) - special.gammaln(t + 1) - special.gammaln(b + 1) - special.gammaln(n - t - b + 1)
    middle = max(1 - top - bottom, 0.0)
    return t, b, np.exp(ways + special.xlogy(t, top) + special.xlogy(b, bottom) + special.xlogy(n - t - b, middle))


def covered(n: int, net: float, middle: float, level: float) -> float:
    """How often the interval of n answers holds the net share: every outcome by its chance."""
    bottom = (1 - net) * (1 - middle) / 2
    t, b, chance = outcomes(n, bottom + net, bottom)
    likely = chance > 1e-9
    t, b, chance = t[likely], b[likely], chance[likely]
    low, high = score_interval(t, b, n, level=level)
    return float(chance[(low <= net + 1e-9) & (net - 1e-9 <= high)].sum())


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table. `named` gives the last row its own name."""
    for n in SIZES:

        @case(
            room="listening/scores", method="constrained score (Tango 1998), corrected, exact", kind="covers", runs=1,
            truth=f"{n} answers, NPS 0 to ±90, 0 to 98 % of the rest passive: where it holds least often",
        )  # fmt: skip
        def _grid(rng: Generator, n: int = n) -> float:
            nets, middles = (NETS, MIDDLES) if n < 100 else (NETS[::6], MIDDLES[::2])
            least = [min(covered(n, net, middle, at) for net in nets for middle in middles) for at in (LEVEL, 0.8)]
            answer = Held(least[0])
            answer.miss, answer.narrow = 0.0, least[1]  # a share of those who answered has no bias
            return answer

        named(f"nps_grid_{n}")
    _answering(case)


def sample(rng: Generator, lean_by: str, n: int = 2000):
    """A base of two plans, half and half, NPS +50 and -10; who answers depends on the plan, or on the score."""
    plan = rng.integers(0, 2, n)
    shares = np.array([[0.35, 0.2, 0.45], [0.1, 0.3, 0.6]])[plan]  # bottom, middle, top
    value = (rng.uniform(size=n)[:, None] > np.cumsum(shares, axis=1)).sum(axis=1) - 1.0
    chance = np.array([0.08, 0.24])[plan] if lean_by == "plan" else np.where(value < 0, 0.08, 0.2)
    answered = rng.uniform(size=n) < chance
    return plan, value, answered


TRUTH = ((0.45 - 0.35) + (0.6 - 0.1)) / 2


def weighted(plan, value) -> float:
    """Whether the interval of the raked score holds the truth."""
    made = rake([Margin(cell=plan, base=np.array([1.0, 1.0]), labels=("Free", "Team"))])
    fitted = fit(made.columns, value, made.weight)

    def at(level: float):
        return net_mean(value, weights=made.weight, fitted=fitted, level=level)

    return held(at(LEVEL), TRUTH, at)


def _answering(case: Callable) -> None:
    @case(
        room="try/scores", method="raked to the base, variance by linearisation", kind="covers", runs=1000,
        truth="one plan answers three times as often as the other; the base's plans are known",
    )  # fmt: skip
    def silence_by_plan_is_cured(rng: Generator) -> float:
        plan, value, answered = sample(rng, "plan")
        return weighted(plan[answered], value[answered])

    @case(
        room="try/scores", method="the same without weights (what is not done)", kind="breaks", runs=1000,
        truth="one plan answers three times as often as the other",
    )  # fmt: skip
    def silence_by_plan_unweighted(rng: Generator) -> float:
        _, value, answered = sample(rng, "plan")
        return held(net_mean(value[answered]), TRUTH, lambda level: net_mean(value[answered], level=level))

    @case(
        room="try/scores", method="raked to the base, variance by linearisation", kind="breaks", runs=1000,
        truth="detractors answer 2.5 times less often, whatever their plan: no weights cure it",
    )  # fmt: skip
    def silence_by_score_is_not_cured(rng: Generator) -> float:
        plan, value, answered = sample(rng, "score")
        return weighted(plan[answered], value[answered])

    _flagged(case)


def fell_silent(rng: Generator, lean_by: str) -> float:
    """Whether the check says that those who fell silent had scored lower within their plan."""
    plan, value, again = sample(rng, lean_by, 1200)
    level = np.array([value[plan == k].mean() for k in (0, 1)])
    told = value - level[plan]
    return float(difference(mean(told[~again]), mean(told[again])).clear)


def _flagged(case: Callable) -> None:
    @case(
        room="try/scores", method="last score of those who fell silent, within cells", kind="alarms", nominal=0.05,
        runs=1000, truth="who answers again depends on the plan alone",
    )  # fmt: skip
    def silence_by_plan_is_not_flagged(rng: Generator) -> float:
        return fell_silent(rng, "plan")

    @case(
        room="try/scores", method="last score of those who fell silent, within cells", kind="finds", nominal=0.8,
        runs=1000, truth="detractors answer again 2.5 times less often",
    )  # fmt: skip
    def silence_by_score_is_flagged(rng: Generator) -> float:
        return fell_silent(rng, "score")
