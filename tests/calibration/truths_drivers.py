"""Made-up truths for drivers of one file: what a line misses, and sides that weigh alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import held

from regard.statistics.asymmetry import penalty_reward
from regard.statistics.challenger import challenge
from regard.statistics.mentions import mentions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

NAMES = tuple("abcdef")
MIDDLE = 3.0586
SLOPE = np.array([0.8, 0.4, 0.2, 0.1, 0.0, 0.0])


def scored(rng: Generator, n: int = 800):
    """Six parts of five points that move with a mood, and a score that is a line in them."""
    x = np.clip(np.round(3 + 0.5 * rng.normal(size=(n, 1)) + 0.9 * rng.normal(size=(n, 6))), 1, 5)
    return x, x @ SLOPE + rng.normal(size=n)


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table."""

    @case(
        room="try/drivers", method="challenger of shapes and pairs, out of sample", kind="alarms", nominal=0.05, runs=400,
        truth="six parts, a straight truth, 800 answers: it claims to beat the line",
    )  # fmt: skip
    def line_is_enough(rng: Generator) -> float:
        x, y = scored(rng)
        return float(challenge(x, y, NAMES, seed=int(rng.integers(1 << 30))).beats)

    @case(
        room="try/drivers", method="challenger of shapes and pairs, out of sample", kind="finds", nominal=0.8, runs=200,
        truth="two parts low together cost 1.5 of 1.5 standard deviations more, 1,500 answers",
    )  # fmt: skip
    def pair_is_found(rng: Generator) -> float:
        x, y = scored(rng, 1500)
        y -= 1.5 * ((x[:, 1] <= 2) & (x[:, 2] <= 2))
        found = challenge(x, y, NAMES, seed=int(rng.integers(1 << 30)))
        return float(bool(found.missed) and found.missed[0].drivers == ("b", "c"))

    _sides(case, named)
    _mentioned(case)


def _sides(case: Callable, named: Callable) -> None:
    def levels(x):
        return np.where(x <= 2, -1.0, np.where(x >= 4, 1.0, 0.0))

    @case(
        room="try/drivers", method="penalty and reward of one size, t test", kind="alarms", nominal=0.05, runs=1000,
        truth="both sides of a part weigh alike, 800 answers",
    )  # fmt: skip
    def sides_alike(rng: Generator) -> float:
        x, _ = scored(rng)
        y = levels(x) @ SLOPE + rng.normal(size=len(x))
        return float(penalty_reward(levels(x), y, NAMES)[0].p <= 0.05)

    @case(
        room="try/drivers", method="penalty against the middle", kind="covers", runs=1000,
        truth="a part that only loses, by 1.5, 800 answers",
    )  # fmt: skip
    def penalty_held(rng: Generator) -> float:
        x, y = scored(rng)
        y = y - x[:, 0] * SLOPE[0] - 1.5 * (x[:, 0] <= 2)
        return held(penalty_reward(levels(x), y, NAMES)[0].penalty, -1.5)

    wanted = ("basic", "performance", "excitement", "none", "none", "none")

    def classed(rng: Generator) -> list[str]:
        """A part that only loses, one that does both, one that only wins, three that do nothing."""
        x, _ = scored(rng, 1500)
        side = levels(x)
        y = -1.5 * (side[:, 0] < 0) + 0.8 * side[:, 1] + 1.5 * (side[:, 2] > 0) + rng.normal(0, 1.5, len(x))
        return [found.kind for found in penalty_reward(side, y, NAMES)]

    for place, kind in enumerate(wanted[:3]):

        @case(
            room="try/drivers", method=f"kind of a part: {kind}", kind="finds", nominal=0.9, runs=500,
            truth="1,500 answers, one part that only loses, one that does both, one that only wins, three idle",
        )  # fmt: skip
        def _told(rng: Generator, place: int = place) -> float:
            return float(classed(rng)[place] == wanted[place])

        named(f"a_part_told_{kind}")

    @case(
        room="try/drivers", method="kind of a part: share of those told that are idle (q ≤ .05)", kind="alarms",
        nominal=0.05, runs=500, truth="the same 1,500 answers",
    )  # fmt: skip
    def idle_parts_told(rng: Generator) -> float:
        told = [kind != "none" for kind in classed(rng)]
        return sum(told[3:]) / max(sum(told), 1)


def _mentioned(case: Callable) -> None:
    def spoken(rng, n, *, mention=-0.5, decided=0.0):
        """Three parts; the first is mentioned by some, more where the second is high, or by what the score is.

        The mean of its score among those who mention it is `MIDDLE`, from two million draws.
        """
        x = np.clip(np.round(3 + 0.5 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 3))), 1, 5)
        lean = 0.5 * (x[:, 1] - 3) - 0.3
        noise = rng.normal(size=n)
        if decided:
            y = 0.6 * (x[:, 0] - 3) + 0.4 * (x[:, 1] - 3) + noise
            speaks = rng.uniform(size=n) < 1 / (1 + np.exp(decided * y))
        else:
            speaks = rng.uniform(size=n) < 1 / (1 + np.exp(-lean))
            y = mention * speaks + 0.6 * np.where(speaks, x[:, 0] - MIDDLE, 0) + 0.4 * x[:, 1] + noise
        x[~speaks, 0] = np.nan
        return x, y

    def found(rng, n, **more):
        return mentions(*spoken(rng, n, **more), ("a", "b", "c"))[0]

    @case(
        room="try/drivers", method="effect of being mentioned", kind="covers", runs=2000,
        truth="mentioned by 43 %, more where another part is high; to mention it costs half a point, 120 answers",
    )  # fmt: skip
    def mention_held(rng: Generator) -> float:
        return held(found(rng, 120).mention, -0.5)

    @case(
        room="try/drivers", method="effect of what is said, of those who mention it", kind="covers", runs=2000,
        truth="mentioned by 43 %, one more point of it brings .6, 120 answers",
    )  # fmt: skip
    def valence_held(rng: Generator) -> float:
        return held(found(rng, 120).valence, 0.6)

    @case(
        room="try/drivers", method="mention and valence of one part, Holm", kind="alarms", nominal=0.05, runs=2000,
        truth="being mentioned has no effect, what is said has, 400 answers: mention is told",
    )  # fmt: skip
    def mention_without_effect(rng: Generator) -> float:
        return float(found(rng, 400, mention=0.0).told in {"mention", "both"})

    @case(
        room="try/drivers", method="effect of what is said, of those who mention it", kind="breaks", runs=1000,
        truth="the score itself decides who mentions it: the unhappy speak up, 400 answers",
    )  # fmt: skip
    def valence_of_a_chosen_few(rng: Generator) -> float:
        return held(found(rng, 400, decided=1.5).valence, 0.6)

    @case(
        room="try/drivers", method="who mentions it differs by score", kind="finds", nominal=0.8, runs=1000,
        truth="the score decides who mentions it, by a third as much, 200 answers: it is said",
    )  # fmt: skip
    def choice_is_seen(rng: Generator) -> float:
        return float(found(rng, 200, decided=0.5).selection <= 0.05)
