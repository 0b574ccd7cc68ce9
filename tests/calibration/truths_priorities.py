"""Made-up truths for priorities and progress: worlds whose values are known, and processes in which nothing happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import Ends, held

from regard.statistics import behaviour
from regard.statistics.appraisal import Option, appraise, by_points, drawn
from regard.statistics.exposure import rate_by
from regard.statistics.portfolios import Rules
from regard.statistics.ranges import chance, ranged

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

TENTH = 1.2815515655446004


def world(rng: Generator, *, k: int = 8, error: float = 0.6, honest: float = 1.0):
    """Options with true values, costs and chances, and what their owners say of them.

    An estimate misses the true value by a lognormal error; the range told is that error's, times `honest`.
    """
    value, cost = rng.lognormal(4.5, 0.5, k), rng.lognormal(3.9, 0.4, k)
    seen, priced = value * rng.lognormal(0, error, k), cost * rng.lognormal(0, 0.25, k)
    sure = rng.beta(6, 4, k)
    tries = rng.binomial(20, sure)
    options = tuple(
        Option(
            name=str(i), chance=(6.0 + tries[i], 4.0 + 20 - tries[i]),
            value=ranged(*seen[i] * np.exp(TENTH * error * honest * np.array([-1, 0, 1]))),
            cost=ranged(*priced[i] * np.exp(TENTH * 0.25 * np.array([-1, 0, 1]))),
        ) for i in range(k)
    )  # fmt: skip
    return options, value, cost, sure


def chosen(rng: Generator, *, shrink: bool = True, **about):
    """A world, the appraisal of its options within two fifths of their costs, what then came of each, and the draws."""
    options, value, cost, sure = world(rng, **about)
    made = drawn(options, n=600, seed=int(rng.integers(1 << 30)), shrink=shrink)
    points = [[o.value.likely for o in options], made.chance.mean(axis=0), [o.cost.likely for o in options]]
    rules = Rules(budget=0.4 * float(made.cost.mean(axis=0).sum()))
    found = appraise(made.worth, made.outcome, rules, lists=by_points(*map(np.array, points)), inputs={})
    came = value * (rng.random(len(value)) < sure) - cost
    return found, came, value * sure - cost, made


def some(rng: Generator, **about):
    """As `chosen`, but a world in which something is chosen."""
    while True:
        found, came, worth, made = chosen(rng, **about)
        if found.portfolio.chosen.any():
            return found, came, worth, made


def holds(rng: Generator, **about) -> float:
    found, came, _, made = some(rng, **about)
    return net_held(found, made, came[found.portfolio.chosen].sum())


def net_held(found, made, truth: float) -> float:
    """Whether the net value of the chosen set lay in its range; that of another level is of the same draws."""
    net = made.outcome.net(found.portfolio.chosen)

    def at(level: float) -> Ends:
        return Ends(found.net.mean, *np.quantile(net, ((1 - level) / 2, (1 + level) / 2)))

    return held(Ends(found.net.mean, found.net.low, found.net.high), truth, at)


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table."""
    _portfolios(case)
    _charts(case, named)

    @case(
        room="leadership/priorities", method="Poisson regression, errors by cluster", runs=500, kind="covers",
        truth="loss falls by .15 a point of score; customers answer 1 to 4 times and differ besides",
    )  # fmt: skip
    def loss_by_score(rng: Generator) -> float:
        who = np.repeat(np.arange(250), rng.integers(1, 5, 250))
        own = rng.normal(0, 0.4, 250)[who]
        x, t = np.clip(np.round(7.5 + 2 * rng.normal(size=len(who))), 0, 10), rng.uniform(0.1, 0.6, len(who))
        waits = rng.exponential(1 / (0.3 * np.exp(-0.15 * (x - 7.5) + own)))
        found = rate_by(waits < t, np.minimum(waits, t), x, who)
        return held(found.slope, -0.15, refused=1.0)


def _portfolios(case: Callable) -> None:
    room = "leadership/priorities"

    @case(
        room=room, method="draws, values shrunk: net value of the chosen set", kind="covers", runs=1000,
        truth="8 options, values missed by a factor of 1.8, honest ranges",
    )  # fmt: skip
    def net_of_the_chosen(rng: Generator) -> float:
        return holds(rng)

    @case(
        room=room, method="draws, values shrunk: P(net > 0)", kind="covers", nominal=0.7, runs=1000,
        truth="options that are told to pay with a chance of .65 to .75",
    )  # fmt: skip
    def pays_as_often_as_told(rng: Generator) -> float:
        return _paid(rng)

    @case(
        room=room, method="draws, values not shrunk: net value of the chosen set", kind="breaks", runs=1000,
        truth="values missed by a factor of 2.7, chances near one: the three best looking of 8 were lucky",
    )  # fmt: skip
    def the_winners_curse(rng: Generator) -> float:
        return _sure(rng, 1.0, shrink=False)

    @case(
        room=room, method="draws, values shrunk: net value of the chosen set", kind="covers", runs=1000,
        truth="values missed by a factor of 2.7, chances near one: the same, shrunk",
    )  # fmt: skip
    def the_winners_curse_cured(rng: Generator) -> float:
        return _sure(rng, 1.0)

    @case(
        room=room, method="draws, values shrunk: net value of the chosen set", kind="breaks", runs=1000,
        truth="ranges a quarter as wide as the errors are, and no luck left to hide it: chances near one",
    )  # fmt: skip
    def ranges_too_narrow(rng: Generator) -> float:
        return _sure(rng, 0.25)

    @case(
        room=room, method="exact choice of draws against RICE: no smaller true value", kind="finds", nominal=0.65, runs=1000,
        truth="8 options within two fifths of their costs",
    )  # fmt: skip
    def beats_points(rng: Generator) -> float:
        found, _, worth, _ = some(rng)
        rice = next(r for r in found.rankings if r.name == "RICE")
        return float(worth[found.portfolio.chosen].sum() >= worth[rice.chosen].sum() - 1e-9)


def _paid(rng: Generator, **about) -> float:
    """Whether the first chosen option that is told to pay with a chance of .65 to .75 then paid."""
    while True:
        found, came, _, _ = some(rng, **about)
        at = [i for i, o in enumerate(found.alone) if found.portfolio.chosen[i] and 0.65 <= o.positive <= 0.75]
        if at:
            return float(came[at[0]] > 0)


def _charts(case: Callable, named: Callable) -> None:
    room = "leadership/progress"

    def stable(rng: Generator, n: int, carry: float):
        made = rng.standard_normal(n)
        for i in range(1, n):
            made[i] = carry * made[i - 1] + np.sqrt(1 - carry**2) * made[i]
        return made

    for n in (12, 24, 36):

        @case(
            room=room, method="process-behaviour chart, all looks accounted for", kind="alarms", nominal=0.05, runs=1000,
            truth=f"{n} months of white noise",
        )  # fmt: skip
        def _quiet(rng: Generator, n: int = n) -> float:
            return float(behaviour.chart(stable(rng, n, 0.0), draws=800, seed=int(rng.integers(1 << 30))).signal)

        named(f"quiet_{n}_months")

    @case(
        room=room, method="the same, carry-over reckoned with", kind="alarms", nominal=0.12, runs=1000,
        truth="24 months of noise that carries over by half, AR(.5)",
    )  # fmt: skip
    def carried_over(rng: Generator) -> float:
        return float(behaviour.chart(stable(rng, 24, 0.5), draws=800, seed=int(rng.integers(1 << 30))).signal)

    @case(
        room=room, method="the textbook's two rules alone", kind="breaks", nominal=0.05, runs=1000,
        truth="24 months of white noise: what the textbook rings",
    )  # fmt: skip
    def textbook_on_nothing(rng: Generator) -> float:
        return behaviour.alarms(24, seed=int(rng.integers(1 << 30)), draws=1)

    @case(
        room=room, method="the textbook's two rules alone", kind="breaks", nominal=0.05, runs=1000,
        truth="24 months of AR(.5): what the textbook rings",
    )  # fmt: skip
    def textbook_on_carry_over(rng: Generator) -> float:
        return behaviour.alarms(24, carry=0.5, seed=int(rng.integers(1 << 30)), draws=1)

    @case(
        room=room, method="process-behaviour chart, all looks accounted for", kind="breaks", nominal=0.05, runs=1000,
        truth="24 months that carry over almost whole, AR(.8): neither it nor its caution is enough",
    )  # fmt: skip
    def almost_a_random_walk(rng: Generator) -> float:
        return float(behaviour.chart(stable(rng, 24, 0.8), draws=800, seed=int(rng.integers(1 << 30))).signal)

    @case(
        room=room, method="process-behaviour chart, all looks accounted for", kind="finds", nominal=0.8, runs=1000,
        truth="a step of two standard deviations in the last 10 of 24 months",
    )  # fmt: skip
    def a_step(rng: Generator) -> float:
        made = stable(rng, 24, 0.0)
        made[14:] += 2
        return float(behaviour.chart(made, draws=800, seed=int(rng.integers(1 << 30))).signal)

    def seasonal(rng: Generator, step: float, period: int) -> float:
        made = stable(rng, 36, 0.0) + 1.5 * np.sin(2 * np.pi * (np.arange(36) + rng.integers(12)) / 12)
        made[26:] += step
        return float(behaviour.chart(made, period=period, draws=800, seed=int(rng.integers(1 << 30))).signal)

    @case(
        room=room, method="process-behaviour chart, season taken out where it is clear", kind="alarms", nominal=0.05,
        runs=1000, truth="36 months of noise with a yearly season of one standard deviation",
    )  # fmt: skip
    def every_year_alike(rng: Generator) -> float:
        return seasonal(rng, 0.0, 12)

    @case(
        room=room, method="process-behaviour chart, season taken out where it is clear", kind="finds", nominal=0.65,
        runs=1000, truth="the same with a step of two standard deviations in the last 10 months",
    )  # fmt: skip
    def a_step_beneath_a_season(rng: Generator) -> float:
        return seasonal(rng, 2.0, 12)

    @case(
        room=room, method="the same, season left in (what is not done)", kind="breaks", nominal=0.8, runs=1000,
        truth="the same season and step: the season hides the step",
    )  # fmt: skip
    def a_step_hidden_by_a_season(rng: Generator) -> float:
        return seasonal(rng, 2.0, 0)


def _sure(rng: Generator, honest: float, *, shrink: bool = True) -> float:
    """Whether the interval holds what the chosen are worth where nothing but their value is in doubt."""
    value, cost = rng.lognormal(4.5, 0.5, 8), np.full(8, 40.0)
    seen = value * rng.lognormal(0, 1.0, 8)
    options = tuple(
        Option(
            name=str(i), chance=chance(0.97, 0.99, 1.0), cost=ranged(40, 40, 40),
            value=ranged(*seen[i] * np.exp(TENTH * honest * np.array([-1, 0, 1]))),
        ) for i in range(8)
    )  # fmt: skip
    made = drawn(options, n=400, seed=int(rng.integers(1 << 30)), shrink=shrink)
    found = appraise(made.worth, made.outcome, Rules(budget=130.0), lists={}, inputs={})
    at = found.portfolio.chosen
    return net_held(found, made, (value - cost)[at].sum())
