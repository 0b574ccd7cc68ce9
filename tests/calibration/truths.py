"""Made-up truths against which the questions' own estimators are measured: how often right, how often a false alarm.

Every case draws one sample from a known truth and says 1 or 0: the interval held, the alarm rang, the driver was found.
`python tests/calibration/truths.py [runs]` measures all of them and prints docs/calibration.md; the tests run the same
cases with few runs. Cases of kind "breaks" break an assumption on purpose: their number is no target but a warning.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from regard.customers.losses import CLAIMED
from regard.journey.map import dropped
from regard.listening import compared, counted, verdicts, weighing
from regard.listening.facts import Fact, yes_or_no
from regard.listening.frequency import Active, Counts, dispersion
from regard.listening.past import Past, beyond
from regard.listening.rules import classes, rule_of, values
from regard.statistics import changes, durations, excess
from regard.statistics.estimates import LEVEL
from regard.statistics.importance import key_drivers
from regard.statistics.proportions import wilson
from regard.statistics.rates import rising

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import ModuleType

    from numpy.random import Generator


def beside(stem: str) -> ModuleType:
    """A module of this folder, which is no package, under its own name."""
    if stem not in sys.modules:
        spec = importlib.util.spec_from_file_location(stem, Path(__file__).parent / f"{stem}.py")
        sys.modules[stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[stem])
    return sys.modules[stem]


held, summed, Measured = (getattr(beside("held"), name) for name in ("held", "summed", "Measured"))

CASES: list[Case] = []


@dataclass(frozen=True, kw_only=True)
class Case:
    """One truth and what is measured on it.

    Attributes:
        name: Stable name.
        room: Question whose estimator is measured.
        method: The estimator.
        truth: What was drawn.
        kind: covers (interval holds nominally often), alarms (rings at most nominally often), finds (as often as
            possible; nominal is the least), breaks (an assumption is broken; nominal is what would hold if it were not).
        nominal: What is promised.
        runs: Runs of the big measurement.
        short: Runs of the short form, where a twentieth would take too long; 0: a twentieth, at least 25.
        once: One run.
    """

    name: str
    room: str
    method: str
    truth: str
    kind: Literal["covers", "alarms", "finds", "breaks"]
    nominal: float
    runs: int
    once: Callable[[Generator], float]
    short: int = 0

    def numbers(self, runs: int, seed: int = 1) -> Measured:
        """All the row tells of these runs."""
        rng = np.random.default_rng(seed)
        return summed([self.once(rng) for _ in range(runs)])

    def measured(self, runs: int, seed: int = 1) -> float:
        """Mean over runs."""
        return self.numbers(runs, seed).achieved

    def stands(self, achieved: float, runs: int) -> bool:
        """Whether the number is what was promised, within three Monte Carlo standard errors and two points of slack."""
        exact = self.runs == 1  # enumerated, not drawn
        slack = 0.0 if exact else 3 * math.sqrt(self.nominal * (1 - self.nominal) / runs)
        if self.kind == "covers":
            return achieved >= self.nominal - slack - 0.02
        return achieved <= self.nominal + slack if self.kind == "alarms" else achieved >= self.nominal - slack


def case(**about) -> Callable[[Callable[[Generator], float]], Callable[[Generator], float]]:
    def keep(once: Callable[[Generator], float]) -> Callable[[Generator], float]:
        CASES.append(Case(name=once.__name__, once=once, **{"nominal": 0.95, "runs": 2000} | about))
        return once

    return keep


def answers(metric: str, score, who, *, slices=None, weight=None) -> counted.Answers:
    """Answers as the questions read them."""
    rule, n = rule_of(metric), len(score)
    score = np.asarray(score, float)
    ends = np.full(n, np.nan)
    group = classes(rule, score, ends, ends)
    nothing = np.zeros(n, np.int64)
    return counted.Answers(
        rule=rule, score=score, value=values(rule, score, group), group=group,
        weight=np.ones(n) if weight is None else weight, customer=np.asarray(who), known=np.ones(n, bool),
        period=np.full(n, "now"), slice=np.full(n, "all") if slices is None else slices, survey=np.full(n, ""),
        day=nothing, week=nothing, month=nothing, scale=rule.scale, slices=np.zeros((n, 0), dtype=str),
    )  # fmt: skip


def nps_scores(lean) -> np.ndarray:
    """Scores of 0 to 10 from a leaning of mean 0."""
    return np.clip(np.round(8.1 + 1.9 * lean), 0, 10)


def leaning(rng: Generator, who, own: float = 0.7):
    """A leaning per answer; answers of one customer are alike by `own` (their correlation)."""
    person = rng.normal(size=int(who.max()) + 1)
    return math.sqrt(own) * person[who] + math.sqrt(1 - own) * rng.normal(size=len(who))


def halves(rng: Generator, metric: str, n: int, customers: int):
    """Two random halves of one stream in which nothing changed; customers answer in either or both."""
    who = rng.integers(0, customers, 2 * n)
    lean = leaning(rng, who)
    score = nps_scores(lean) if metric == "nps" else np.clip(np.round(3.9 + 0.9 * lean), 1, 5)
    return answers(metric, score[:n], who[:n]), answers(metric, score[n:], who[n:])


def rings(now: counted.Answers, before: counted.Answers) -> float:
    found = verdicts.verdict(counted.change_of(now, before), now.rule, now.scale)
    return float(found in {"better", "worse"})


def scored(given: counted.Answers, truth: float) -> float:
    """Whether the score's interval holds the truth."""

    def at(level: float):
        return counted.score_of(given, level=level)

    return held(at(LEVEL), truth, at)


# ------------------------------------------------------------------------------------------------------------- scores


@case(room="listening/scores", method="constrained score (Tango 1998)", truth="NPS +60 of 20 answers", kind="covers")
def nps_of_few(rng: Generator) -> float:
    return scored(answers("nps", rng.choice([9, 8, 5], 20, p=[0.7, 0.2, 0.1]), np.arange(20)), 60)


@case(room="listening/scores", method="Wilson", truth="CSAT 85 % of 25 answers", kind="covers")
def csat_of_few(rng: Generator) -> float:
    return scored(answers("csat", rng.choice([5, 3], 25, p=[0.85, 0.15]), np.arange(25)), 85)


@case(
    room="listening/scores",
    method="constrained score by customer",
    truth="40 customers, 1 to 6 answers alike each",
    kind="covers",
    runs=1000,
)
def nps_of_many_answers_each(rng: Generator) -> float:
    who = np.repeat(np.arange(40), rng.integers(1, 7, 40))
    return scored(answers("nps", np.where(leaning(rng, who) > 0, 9, 5), who), 0)


for _metric in ("nps", "csat", "stars"):

    @case(
        room="listening/scores",
        method="verdict better or worse",
        truth=f"{_metric}: two halves of one stream, 80 answers each",
        kind="alarms",
        nominal=0.05,
    )
    def _halves(rng: Generator, metric: str = _metric) -> float:
        return rings(*halves(rng, metric, 80, 100))

    CASES[-1] = Case(**{**CASES[-1].__dict__, "name": f"no_change_in_{_metric}"})


@case(
    room="listening/scores",
    method="verdict of any slice, q ≤ .05",
    truth="12 slices of 40 answers, nothing changed",
    kind="alarms",
    nominal=0.05,
    runs=600,
)
def no_change_in_twelve_slices(rng: Generator) -> float:
    both = []
    for period in ("now", "before"):
        who = rng.permutation(480)
        part = answers("nps", nps_scores(leaning(rng, who)), who, slices=np.repeat([f"s{i}" for i in range(12)], 40))
        both.append(counted.replace(part, period=np.full(480, period)))
    joined = {
        n: np.concatenate([getattr(a, n) for a in both])
        for n in (
            "score",
            "value",
            "group",
            "weight",
            "customer",
            "known",
            "period",
            "slice",
            "slices",
            "survey",
            "day",
            "week",
            "month",
        )
    }
    cut = compared.slices(counted.replace(both[0], **joined))
    return float(any(s.q <= 0.05 and s.change.clear for s in cut))


@case(
    room="listening/scores",
    method="verdict better or worse",
    truth="20 accounts of 8 people who answer alike, account not named",
    kind="breaks",
    nominal=0.05,
)
def people_of_one_account_taken_for_independent(rng: Generator) -> float:
    account = np.repeat(np.arange(20), 8)
    return rings(*(answers("nps", nps_scores(leaning(rng, account, 0.6)), np.arange(160) + k) for k in (0, 160)))


@case(
    room="listening/scores",
    method="weighted constrained score",
    truth="A answers thrice as often as B; weights know it",
    kind="covers",
    runs=1000,
)
def silence_that_weights_know(rng: Generator) -> float:
    is_a = rng.uniform(size=300) < 0.75
    high = rng.uniform(size=300) < np.where(is_a, 0.8, 0.4)
    weight = np.where(is_a, 0.5 / is_a.mean(), 0.5 / (~is_a).mean())
    return scored(answers("nps", np.where(high, 9, 5), np.arange(300), weight=weight), 20)


@case(
    room="listening/scores",
    method="weighted constrained score",
    truth="the unhappy answer half as often, whoever they are",
    kind="breaks",
    runs=1000,
)
def silence_of_the_unhappy(rng: Generator) -> float:
    high = rng.uniform(size=300) < 0.6 / (0.6 + 0.4 * 0.5)
    return scored(answers("nps", np.where(high, 9, 5), np.arange(300)), 20)


@case(
    room="listening/scores",
    method="Kitagawa, delta method: rate",
    truth="4 groups whose shares and means changed, 400 a period",
    kind="covers",
    runs=1000,
)
def rate_part_of_a_change(rng: Generator) -> float:
    share = np.array([[0.4, 0.3, 0.2, 0.1], [0.3, 0.3, 0.2, 0.2]])
    mean = np.array([[0.2, 0.4, 0.5, 0.7], [0.3, 0.35, 0.5, 0.6]])
    samples = []
    for t in (0, 1):
        group = rng.choice(4, 400, p=share[t])
        samples.append(changes.Sample(values=(rng.uniform(size=400) < mean[t][group]).astype(float), groups=group))
    return held(changes.decompose(*samples).rate, float((share.mean(axis=0) * (mean[1] - mean[0])).sum()))


# ----------------------------------------------------------------------------------------------------------- contacts


WEEKS = 13


def lived(rng: Generator, *, askers=12.0, earlier: int = 6, repeats: float = 1.0, swing=0.0, memory: float = 0.0,
          whole_periods: bool = False, together: float = 0.0, yearly: float = 0.0, now=1.0, late: float = 0.0):  # fmt: skip
    """Contacts of 25 cells by week: now, the period before, and so many more before it, 13 weeks each.

    Askers are Poisson with a rate that swings: log-normal by week with some memory (autoregressive), or by whole
    periods; `together` moves all cells alike, `yearly` peaks once a year, `late` swings only now and before.
    """
    periods = earlier + 2
    weeks = periods * WEEKS
    noise = rng.normal(size=(25, weeks))
    for t in range(1, weeks):
        noise[:, t] = memory * noise[:, t - 1] + math.sqrt(1 - memory**2) * noise[:, t]
    if whole_periods:
        noise = np.repeat(rng.normal(size=(25, periods)), WEEKS, axis=1)
    rate = np.broadcast_to(np.asarray(swing, float), (25,))[:, None] * noise
    rate += together * np.repeat(rng.normal(size=(1, periods)), WEEKS, axis=1)
    rate += yearly * np.sin(2 * np.pi * np.arange(weeks) / 52)
    rate[:, -2 * WEEKS :] += late * np.repeat(rng.normal(size=(25, 2)), WEEKS, axis=1)
    rate = np.exp(rate) * askers / WEEKS
    rate[:, -WEEKS:] *= np.broadcast_to(np.asarray(now, float), (25,))[:, None]
    asked = rng.poisson(rate)
    contacts, squares = asked.astype(float), asked.astype(float)
    if repeats < 1:
        each = [[rng.geometric(repeats, n).astype(float) for n in row] for row in asked]
        contacts = np.array([[e.sum() for e in row] for row in each])
        squares = np.array([[float(e @ e) for e in row] for row in each])
    return contacts, squares


def told_of(contacts, squares):
    """The question's own estimator on what was lived."""
    weeks = contacts.shape[1]
    none: list[float | None] = [None] * 25
    now, before = contacts[:, -WEEKS:].sum(axis=1), contacts[:, -2 * WEEKS : -WEEKS].sum(axis=1)
    names = np.array([f"a{i:02d}" for i in range(25)])
    cells = Counts(
        area=list(names), issue=[""] * 25, now=now, before=before, year=np.zeros(25),
        squares=squares[:, -2 * WEEKS :].sum(axis=1), customers=np.zeros(25), waited=none, solving=none, reopened=none,
    )  # fmt: skip
    span = ((0, 7 * WEEKS), (-7 * WEEKS, 0))
    spans = tuple(tuple((a - 7 * WEEKS * k, b - 7 * WEEKS * k) for a, b in span) for k in range(weeks // WEEKS - 1))
    day = np.repeat(7 * (np.arange(weeks - WEEKS) - (weeks - WEEKS)), 25)
    kept = contacts[:, :-WEEKS].T.ravel()
    areas = np.tile(names, weeks - WEEKS)
    nothing = np.full(len(areas), "", dtype=str)
    before_now = Past(
        spans=spans, begins=int(day[0]), day=day, contacts=kept, names=(areas, nothing, nothing),
        activity={"all": np.full(weeks, 1000.0)}, days=30,
    )  # fmt: skip
    around = Active(now=1000.0, before=1000.0, year=0.0, months=(3.0, 3.0, 0.0), how="active", slices={})
    return beyond(cells, around, before_now, of="cell", dispersion=dispersion(cells))


def any_called(rng: Generator, **how) -> float:
    return float(any(c.direction for c in told_of(*lived(rng, **how)).changes))


def quiet(name: str, truth: str, **how) -> None:
    """A truth in which nothing is to be called rising or falling."""

    def once(rng: Generator) -> float:
        return any_called(rng, **how)

    once.__name__ = name
    case(
        room="listening/contacts", method="score against own swings, any of 25 cells", truth=truth, kind="alarms",
        nominal=0.05, runs=1000,
    )(once)  # fmt: skip


MIXED = np.tile([0.06, 0.3, 0.6, 0.3, 0.06], 5)
quiet("no_cell_rises", "nothing changed, customers ask once; 6 earlier comparisons")
quiet("no_cell_rises_though_customers_repeat", "nothing changed, customers ask 2.5 times", repeats=0.4)
quiet("no_cell_rises_in_a_short_past", "nothing changed; 2 earlier comparisons, the fewest", earlier=2)
quiet("cells_that_swing_by_themselves", "every cell swings by a third from period to period, by itself",
      swing=0.33, whole_periods=True)  # fmt: skip
quiet("large_cells_that_swing", "as before, cells of 100", swing=0.33, whole_periods=True, askers=100.0)
quiet("weeks_that_remember", "weekly swings by .4, autocorrelated .6, cells of 60", swing=0.4, memory=0.6, askers=60.0)
quiet("weeks_that_remember_long", "weekly swings by .4, autocorrelated .95, cells of 60",
      swing=0.4, memory=0.95, askers=60.0)  # fmt: skip
quiet("some_calm_some_wild", "cells swing by .06, .3 or .6 from period to period, cells of 60",
      swing=MIXED, whole_periods=True, askers=60.0)  # fmt: skip
quiet("all_move_together", "all cells move together by a fifth, cells of 60", together=0.2, askers=60.0)
quiet("every_year_again", "all cells peak every year by .4, cells of 60", yearly=0.4, askers=60.0)

RISEN = np.where(np.arange(25) < 5, 3.0, 1.0)


@case(
    room="listening/contacts",
    method="share of claims that are false",
    truth="5 of 25 cells tripled",
    kind="alarms",
    nominal=0.05,
    runs=600,
)
def false_among_the_rising(rng: Generator) -> float:
    claimed = [i for i, c in enumerate(told_of(*lived(rng, now=RISEN, repeats=0.7)).changes) if c.direction]
    return sum(i >= 5 for i in claimed) / max(len(claimed), 1)


def found(name: str, truth: str, nominal: float, **how) -> None:
    """A truth in which the first cell has risen."""

    def once(rng: Generator) -> float:
        return float(told_of(*lived(rng, **how)).changes[0].direction == "rising")

    once.__name__ = name
    case(
        room="listening/contacts", method="score against own swings, all cells accounted for", truth=truth,
        kind="finds", nominal=nominal, runs=600,
    )(once)  # fmt: skip


ONE = np.where(np.arange(25) < 1, 1.0, 0.0)
found("a_tripled_cell_is_found", "one of 25 calm cells tripled, 12 to 36 askers", 0.4, now=1 + 2 * ONE)
found("five_tripled_cells_are_found", "5 of 25 calm cells tripled, 12 to 36 askers", 0.6, now=RISEN)
found("a_doubled_cell_is_found", "one of 25 calm cells doubled, 60 to 120 askers", 0.7, now=1 + ONE, askers=60.0)
found("a_doubled_cell_is_found_after_a_short_past", "the same with 2 earlier comparisons", 0.5, now=1 + ONE,
      askers=60.0, earlier=2)  # fmt: skip
found("a_tripled_cell_among_wild_ones", "one of 25 tripled, 60 to 180, all swing by .15 by themselves", 0.5,
      now=1 + 2 * ONE, askers=60.0, swing=0.15, whole_periods=True)  # fmt: skip


@case(
    room="listening/contacts",
    method="score against own swings, all cells accounted for",
    truth="one of 25 cells of 60 rises by what the finding says would be seen in four of five cases",
    kind="finds",
    nominal=0.75,
    runs=400,
)
def the_rise_said_to_be_seen_is_seen(rng: Generator) -> float:
    least = float(np.median(told_of(*lived(rng, askers=60.0)).least))
    return float(told_of(*lived(rng, askers=60.0, now=1 + (least - 1) * ONE)).changes[0].direction == "rising")


@case(
    room="listening/contacts",
    method="score against own swings, any of 25 cells",
    truth="cells of 100, calm in all the past, begin to swing by a third",
    kind="breaks",
    nominal=0.05,
    runs=600,
)
def cells_that_begin_to_swing(rng: Generator) -> float:
    return any_called(rng, askers=100.0, late=0.33)


@case(
    room="listening/contacts",
    method="exact test at the effective number only (what is not done)",
    truth="every cell swings by a third from period to period, by itself",
    kind="breaks",
    nominal=0.05,
    runs=600,
)
def swings_left_out_of_account(rng: Generator) -> float:
    contacts, squares = lived(rng, swing=0.33, whole_periods=True)
    now, before = contacts[:, -WEEKS:].sum(axis=1), contacts[:, -2 * WEEKS : -WEEKS].sum(axis=1)
    spread = squares[:, -2 * WEEKS :].sum(axis=1) / np.maximum(now + before, 1)
    called = rising(now, before, exposure_now=1.0, exposure_before=1.0, dispersion=spread)
    return float(any(c.direction for c in called))


# ------------------------------------------------------------------------------------------------------------ drivers


def facts(rng: Generator, n: int, count: int, lean=None) -> list[Fact]:
    """Yes-or-no facts that move together a little; none is missing."""
    shared = rng.normal(size=n) if lean is None else lean
    away = np.zeros(n, bool)
    return [
        yes_or_no(f"f{j}", f"f{j}", ("so", "not so"), 0.5 * shared + rng.normal(size=n) > 0.8, away)
        for j in range(count)
    ]


def keys(found: weighing.Family) -> set[str]:
    return {w.fact.name for w in found.weighed if w.key}


@case(
    room="listening/drivers",
    method="Holm over the effects, any fact key",
    truth="8 facts that move together, none matters",
    kind="alarms",
    nominal=0.05,
    runs=300,
)
def nothing_drives(rng: Generator) -> float:
    return float(bool(keys(weighing.weigh(facts(rng, 300, 8), rng.normal(size=300), np.arange(300), seed=1))))


@case(
    room="listening/drivers",
    method="effect and key",
    truth="one of 8 facts costs 1 of 2 standard deviations",
    kind="finds",
    nominal=0.9,
    runs=200,
)
def a_driver_is_found(rng: Generator) -> float:
    given = facts(rng, 300, 8)
    score = 2 * rng.normal(size=300) - 2.0 * (given[0].value > 0)
    return float("f0" in keys(weighing.weigh(given, score, np.arange(300), seed=1)))


def explained(rng: Generator, beta: list[float], n: int, each: int) -> Callable:
    """What key drivers are found, at a level; half of the noise is the customer's."""
    who = np.repeat(np.arange(n // each), each)
    x = rng.normal(size=(n, len(beta)))
    noise = (rng.normal(size=n) + rng.normal(size=n // each)[who]) / math.sqrt(2)
    y, names, seed = x @ np.array(beta) + noise, tuple(map(str, range(len(beta)))), int(rng.integers(1 << 30))

    def at(level: float):
        return key_drivers(x, y, names, clusters=who, replicates=120, seed=seed, least_per_driver=3, level=level)

    return at


def explained_held(at: Callable, truth: float) -> float:
    return held(at(LEVEL).explained, truth, lambda level: at(level).explained)


@case(
    room="listening/drivers",
    method="R² without what noise explains, bootstrap on Fisher's scale",
    truth="20 facts, 18 idle: R² .254, 300 answers",
    kind="covers",
    runs=400,
)
def variance_explained_among_many_idle_facts(rng: Generator) -> float:
    return explained_held(explained(rng, [0.5, 0.3, *[0.0] * 18], 300, 1), 0.34 / 1.34)


@case(
    room="listening/drivers",
    method="R² without what noise explains, bootstrap on Fisher's scale",
    truth="4 facts, 2 idle: R² .254, 200 customers twice",
    kind="covers",
    runs=400,
)
def variance_explained_with_answers_alike(rng: Generator) -> float:
    return explained_held(explained(rng, [0.5, 0.3, 0.0, 0.0], 400, 2), 0.34 / 1.34)


@case(
    room="listening/drivers",
    method="share, bootstrap on Fisher's scale",
    truth="two independent facts: share .187 of one",
    kind="covers",
    runs=400,
)
def share_of_one_driver(rng: Generator) -> float:
    at = explained(rng, [0.5, 0.3, 0.0], 300, 1)
    return held(at(LEVEL).drivers[0].share, 0.25 / 1.34, lambda level: at(level).drivers[0].share)


def parts(rng: Generator, mood: float):
    """Four parts scored 1 to 5; three matter, looks does not; a mood moves every part and the whole alike."""
    n = 1500
    feel = mood * rng.normal(size=n)
    true = rng.normal(size=(n, 4))
    score = 7 + true @ np.array([1.2, 1.0, 0.8, 0.0]) + 1.2 * feel + rng.normal(size=n)
    given = np.clip(np.round(3.3 + 0.8 * true + 0.8 * feel[:, None] + 0.5 * rng.normal(size=(n, 4))), 1, 5)
    away = np.zeros(n, bool)
    found = [
        Fact(name=name, title=name, words=("low", "high"), family="part", value=given[:, j], away=away,
             bad=given[:, j] <= 2, good=given[:, j] >= 4, more="better")
        for j, name in enumerate(("use", "help", "price", "looks"))
    ]  # fmt: skip
    return weighing.weigh(found, score, np.arange(n), seed=1)


@case(
    room="listening/drivers",
    method="key beyond the weakest part",
    truth="looks does not matter, but mood moves all parts",
    kind="alarms",
    nominal=0.05,
    runs=100,
)
def mood_does_not_make_looks_matter(rng: Generator) -> float:
    return float("looks" in keys(parts(rng, 0.8)))


@case(
    room="listening/drivers",
    method="key by its own effect only (what is not done)",
    truth="looks does not matter, but mood moves all parts",
    kind="breaks",
    nominal=0.05,
    runs=100,
)
def mood_left_out_of_account(rng: Generator) -> float:
    return float(next(w.effect.p for w in parts(rng, 0.8).weighed if w.fact.name == "looks") < 0.05 / 4)


@case(
    room="listening/drivers",
    method="Holm over the effects",
    truth="a fact without effect, moved by a cause that no log holds",
    kind="breaks",
    nominal=0.05,
    runs=100,
)
def a_cause_nobody_recorded(rng: Generator) -> float:
    hidden = rng.normal(size=400)
    given = facts(rng, 400, 1, hidden) + facts(rng, 400, 4)
    given = [
        given[0],
        *(
            Fact(**{**{f: getattr(g, f) for f in g.__dataclass_fields__}, "name": f"g{i}"})
            for i, g in enumerate(given[1:])
        ),
    ]
    return float("f0" in keys(weighing.weigh(given, hidden + rng.normal(size=400), np.arange(400), seed=1)))


# ---------------------------------------------------------------------------------------------- journey and customers

DAY = 86_400.0


@case(
    room="journey/map",
    method="Wilson over first arrivals with enough time",
    truth="30 % get no further; 60 arrivals, the last 30 days not judged",
    kind="covers",
)
def drop_off(rng: Generator) -> float:
    had = rng.uniform(0, 90, 60) * DAY
    took = np.where(rng.uniform(size=60) < 0.7, rng.uniform(0, 30, 60) * DAY, np.nan)
    found = dropped(np.where(took > had, np.nan, took), had, within=30)
    return held(found, 0.3, lambda level: wilson(found.value * found.n, found.n, level=level))


@case(
    room="journey/map",
    method="Kaplan and Meier's median",
    truth="exponential, median 10 days, cut off at 5 to 40 days",
    kind="covers",
    runs=1000,
)
def median_days(rng: Generator) -> float:
    took, had = rng.exponential(10 / math.log(2), 80), rng.uniform(5, 40, 80)
    return median_held(took, had, 10)


def median_held(took, had, truth: float) -> float:
    def at(level: float):
        return durations.median_time(np.minimum(took, had), took <= had, level=level)

    return held(at(LEVEL), truth, at)


@case(
    room="journey/map",
    method="Kaplan and Meier's median",
    truth="the slow leave the log early: not seen further, not there to be seen",
    kind="breaks",
    runs=1000,
)
def median_days_when_the_slow_vanish(rng: Generator) -> float:
    took = rng.exponential(10 / math.log(2), 200)
    had = np.where(took > 8, rng.uniform(4, 9, 200), 40)
    return median_held(took, had, 10)


@case(
    room="customers/losses",
    method="beta-binomial, any of 80 sellers beyond chance",
    truth="every seller's orders are scored low alike often",
    kind="alarms",
    nominal=0.05,
    runs=1000,
)
def no_seller_is_worse(rng: Generator) -> float:
    trials = rng.geometric(0.06, 80).astype(float)
    found = excess.excess(rng.binomial(trials.astype(int), 0.14).astype(float), trials)
    return float(np.nanmin(found.q) <= CLAIMED)


# -------------------------------------------------------------------------------------------------- others' own modules


def named(name: str) -> None:
    """Give the last row a name of its own, for rows made in a loop."""
    CASES[-1] = replace(CASES[-1], name=name)


for _path in sorted(Path(__file__).parent.glob("truths_*.py")):
    beside(_path.stem).register(case, named)


# -------------------------------------------------------------------------------------------------------------- table


ABOUT = """\
# Calibration

Measured on {day} with `make calibrate`. Each row draws samples from a made-up truth and puts them through the
estimators the questions use. *covers*: how often the 95 % interval holds the truth. *alarms*: how often something is claimed
where there is nothing (at most the nominal rate). *finds*: how often a planted effect is claimed (nominal: the least we
accept). *breaks*: an assumption is broken on purpose; the nominal rate is what would hold without that, and the
number shows what leaning on it costs.

*at .80*: how often the 80 % interval of the same method holds the truth; empty where the method gives no such interval.
*bias*: mean of estimate less truth, in standard deviations of that difference over the runs, so that rows compare; of
so many runs chance alone leaves about one divided by their root. Ratios are taken as logarithms; a row of one run is
enumerated, not drawn, and tells none. Both are of the runs that were answered: a refusal has no estimate. In *achieved*
of *covers* a refusal is no wrong interval and counts as held; how many runs were refused stands beside their number.

| room | method | truth | kind | nominal | achieved | at .80 | bias | runs |
| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: |
"""


def row(one: Case, found: Measured) -> str:
    """A case as a line of the table."""
    mark = "" if one.kind == "breaks" or one.stands(found.achieved, found.runs) else " **!**"
    narrow = "" if math.isnan(found.narrow) else f"{found.narrow:.3f}"
    refused = f", {found.refused:,} refused" if found.refused else ""
    bias = "" if math.isnan(found.bias) else f"{found.bias:+.2f}"
    return (
        f"| {one.room} | {one.method} | {one.truth} | {one.kind} | {one.nominal:g} | {found.achieved:.3f}{mark} "
        f"| {narrow} | {bias} | {found.runs:,}{refused} |"
    )


def timed(place: int) -> float:
    """Seconds that one run of a case takes; the first, which may import something, does not count."""
    rng, began = np.random.default_rng(1), 0.0
    for _ in range(min(CASES[place].runs, 2)):
        began = time.perf_counter()
        CASES[place].once(rng)
    return time.perf_counter() - began


def measure(place: int, runs: int) -> Measured:
    """One case, for another process: cases are known by their place, since functions made in loops do not travel."""
    return CASES[place].numbers(runs)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measured(places: Sequence[int], runs: int | None, processes: int) -> dict[int, Measured]:
    """Many cases, the longest first, in so many processes. Each has its own seed: neither number nor order matters."""
    found, began = {}, time.monotonic()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        say(f"{len(places)} cases in {processes} processes; one run of each first, to see how long they take")
        once = dict(zip(places, pool.map(timed, places), strict=True))
        long = {i: once[i] * (runs or CASES[i].runs) for i in places}
        say(f"about {sum(long.values()) / processes / 60:.0f} minutes")
        order = sorted(places, key=lambda i: -long[i])
        waiting = {pool.submit(measure, i, runs or CASES[i].runs): i for i in order}
        began, left = time.monotonic(), sum(long.values())
        for done in as_completed(waiting):
            i = waiting[done]
            found[i] = done.result()
            left -= long[i]
            pace = (time.monotonic() - began) / max(sum(long.values()) - left, 1e-9)
            say(f"{len(found)} of {len(places)}, about {pace * left / 60:.0f} minutes left: {CASES[i].name}")
    return found


def told(runs: int | None = None, *, processes: int = 1, only: str = "") -> str:
    """The measured table in Markdown.

    Args:
        runs: Runs of every case; None takes each case's own.
        processes: How many work at a time.
        only: Cases whose name or room has this in it.
    """
    places = [i for i, c in enumerate(CASES) if only in c.name or only in c.room]
    found = measured(places, runs, processes)
    return ABOUT.format(day=f"{date.today():%d %b %Y}") + "\n".join(row(CASES[i], found[i]) for i in places)


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description="Measure made-up truths; the table goes to standard output.")
    asked.add_argument("runs", nargs="?", type=int, help="runs of every case instead of its own number")
    asked.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="how many at a time (all cores)")
    asked.add_argument("--only", default="", help="cases whose name or room has this in it")
    print(told(**vars(asked.parse_args())))
