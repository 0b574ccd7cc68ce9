"""Made-up truths for `regard try experiment`, `effect` and `series`: coverage, false alarms, power, and what breaks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from held import Ends, held

from regard.statistics import adjusted, experiments, interrupted, sequences
from regard.statistics.estimates import LEVEL, quantile
from regard.statistics.overlap import Covariate

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

HALVES = {0.95: "", 0.8: " (80 %)"}
LEVELS = (0.95, 0.8)


def register(case: Callable, named: Callable) -> None:
    """Put this module's rows into the table."""
    _experiments(case, named)
    _looks(case)
    _effects(case, named)
    _series(case, named)
    _segments(case, named)


# -------------------------------------------------------------------------------------------------------- experiments


def arms(rng: Generator, sizes, draw):
    """Outcomes and labels of arms a, b, … of these sizes."""
    names = np.repeat(list("abcdef")[: len(sizes)], sizes)
    return draw(len(names)), names


def _experiments(case: Callable, named: Callable) -> None:
    for level in LEVELS:

        @case(
            room="try/experiment", method="score interval of two shares", kind="covers", nominal=level,
            truth=f"8 % of 30 against 20 % of 60{HALVES[level]}",
        )  # fmt: skip
        def _shares(rng: Generator, level: float = level) -> float:
            hits = int(rng.binomial(30, 0.08)), int(rng.binomial(60, 0.2))

            def at(level: float):
                return experiments.share_difference(hits[0], 30, hits[1], 60, level=level)

            return held(at(level), -0.12, at)

        named(f"two_shares_{round(100 * level)}")

        @case(
            room="try/experiment", method="Welch's t with CUPED", kind="covers", nominal=level,
            truth=f"25 against 40 customers, a measure from before explains half{HALVES[level]}",
        )  # fmt: skip
        def _cuped(rng: Generator, level: float = level) -> float:
            before = rng.normal(size=65)
            y, names = arms(rng, (25, 40), lambda n: before + rng.normal(size=n))
            found = experiments.compare(y + 0.5 * (names == "b"), names, "a", before=before, level=level)
            return held(found.arms[1].difference, 0.5)

        named(f"cuped_{round(100 * level)}")

    @case(room="try/experiment", method="Welch's t, freedom by kurtosis", kind="covers", runs=1000,
          truth="money (lognormal, σ 1.5), 500 against 500")  # fmt: skip
    def money_in_equal_arms(rng: Generator) -> float:
        y, names = arms(rng, (500, 500), lambda n: rng.lognormal(0, 1.5, n))
        return held(experiments.compare(y, names, "a").arms[1].difference, 0.0)

    @case(room="try/experiment", method="Welch's t, or refused for a loud row", kind="covers", runs=1000,
          truth="money (lognormal, σ 2), 50 against 500: refused or right")  # fmt: skip
    def money_in_unequal_arms(rng: Generator) -> float:
        y, names = arms(rng, (500, 50), lambda n: rng.lognormal(0, 2, n))
        found = experiments.compare(y, names, "a").arms[1].difference
        return held(found, 0.0, refused=1.0)

    @case(room="try/experiment", method="Holm, any of three arms", kind="alarms", nominal=0.05, runs=1000,
          truth="four arms of 60, nothing differs")  # fmt: skip
    def no_arm_differs(rng: Generator) -> float:
        found = experiments.compare(*arms(rng, (60, 60, 60, 60), lambda n: rng.normal(size=n)), "a")
        return float(min(a.p for a in found.arms[1:]) < 0.05)

    for apart in (False, True):

        @case(
            room="try/experiment", method="Welch's t, rows apart" if apart else "Welch's t, clustered by customer",
            kind="breaks" if apart else "covers", runs=600,
            truth="60 customers of 1 to 8 rows alike, counted as " + ("rows" if apart else "customers"),
        )  # fmt: skip
        def _rows(rng: Generator, apart: bool = apart) -> float:
            who = np.repeat(np.arange(60), rng.integers(1, 9, 60))
            y = rng.normal(size=60)[who] + 0.4 * rng.normal(size=len(who))
            names = np.where(who % 2, "b", "a")
            found = experiments.compare(y, names, "a", clusters=None if apart else who).arms[1].difference
            return held(found, 0.0)

        named("rows_counted_apart" if apart else "rows_of_customers")

    @case(room="try/experiment", method="sample ratio, p < .01", kind="alarms", nominal=0.01,
          truth="arms of 5,000 drawn half and half")  # fmt: skip
    def sizes_by_chance(rng: Generator) -> float:
        n = int(rng.binomial(10_000, 0.5))
        return float(experiments.sample_ratio([n, 10_000 - n]) < 0.01)

    @case(room="try/experiment", method="sample ratio, p < .01", kind="finds", nominal=0.95, runs=1000,
          truth="one arm of 20,000 loses a twentieth of its customers")  # fmt: skip
    def a_leaking_arm(rng: Generator) -> float:
        n = int(rng.binomial(40_000, 0.5))
        return float(experiments.sample_ratio([int(rng.binomial(n, 0.95)), 40_000 - n]) < 0.01)


DRAWS = {"numbers": lambda rng, n: rng.normal(size=n), "yes and no": lambda rng, n: (rng.uniform(size=n) < 0.2) * 1.0,
         "money (lognormal, σ 1.5)": lambda rng, n: rng.lognormal(0, 1.5, n)}  # fmt: skip


def _looks(case: Callable) -> None:
    for kind, draw in DRAWS.items():

        def always(rng: Generator, draw: Callable = draw) -> float:
            return float(any(k.clear for k in sequences.looks(draw(rng, 2000), rng.uniform(size=2000) < 0.5)))

        always.__name__ = f"twenty_looks_at_{kind.split()[0]}"
        case(room="try/experiment", method="confidence sequence, any of twenty looks", kind="alarms", nominal=0.05,
             runs=1000, truth=f"2,000 rows of {kind}, nothing differs")(always)  # fmt: skip

    @case(room="try/experiment", method="interval for one look, any of twenty looks", kind="breaks", nominal=0.05,
          runs=1000, truth="2,000 rows of numbers, nothing differs, looked at twenty times")  # fmt: skip
    def twenty_single_looks(rng: Generator) -> float:
        return float(any(k.clear_once for k in sequences.looks(rng.normal(size=2000), rng.uniform(size=2000) < 0.5)))

    @case(room="try/experiment", method="confidence sequence at the end", kind="finds", nominal=0.8, runs=600,
          truth="a difference of .2 standard deviations, 2,000 rows, watched all along")  # fmt: skip
    def a_watched_difference_is_found(rng: Generator) -> float:
        d = rng.uniform(size=2000) < 0.5
        return float(any(k.clear for k in sequences.looks(rng.normal(size=2000) + 0.2 * d, d)))


# ------------------------------------------------------------------------------------------------------------ effects

SHAPES = {
    "line": "use and outcome by amounts and a label",
    "bent": "both by squares and products of amounts",
    "outcome": "the outcome bends as no model of it does, use by a line",
    "use": "the outcome by a line, use bends as no model of it does",
    "tails": "errors of t with 2.5 degrees of freedom",
    "yes": "the outcome is yes or no",
    "both": "use and outcome bend alike, as neither model does",
}


def chosen(rng: Generator, n: int, shape: str, *, effect: float = 0.5, hidden: float = 0.0, apart: float = 0.0):
    """Customers who chose; the effect is the same for all, so that it is the effect on any part of them."""
    x, group, u = rng.normal(size=(n, 3)), rng.choice(list("abc"), n, p=[0.6, 0.3, 0.1]), rng.normal(size=n)
    lean = 0.6 * x[:, 0] - 0.4 * x[:, 1] + 0.5 * (group == "b") - 0.3
    mean = x[:, 0] + 0.5 * x[:, 1] + 0.5 * (group == "b")
    if shape == "bent":
        lean, mean = lean + 0.4 * (x[:, 2] ** 2 - 1), mean + 0.6 * x[:, 2] ** 2 + 0.5 * x[:, 0] * x[:, 1]
    if shape == "both":
        bend = np.sin(3 * x[:, 1]) + (x[:, 0] > 0.5)
        lean, mean = 0.9 * bend - 0.6, 1.5 * bend + x[:, 2]
    if shape == "outcome":
        mean = np.where(x[:, 0] > 0.5, 2.0, np.sin(3 * x[:, 1]))
    if shape == "use":
        lean = 0.8 * np.sign(x[:, 0] - 0.5) + 0.6 * np.sin(3 * x[:, 1])
    used = rng.uniform(size=n) < 1 / (1 + np.exp(-lean - hidden * u - apart * x[:, 0]))
    if shape == "yes":
        y = (rng.uniform(size=n) < np.clip(0.3 + 0.06 * mean, 0.02, 0.6) + 0.15 * used).astype(float)
        effect = 0.15
    else:
        noise = rng.standard_t(2.5, n) if shape == "tails" else rng.normal(size=n)
        y = mean + effect * used + hidden * u + noise
    known = [Covariate(name=f"x{i}", values=x[:, i]) for i in range(3)]
    return y, used, [*known, Covariate(name="group", values=group, is_label=True)], effect


def _effects(case: Callable, named: Callable) -> None:
    for shape, n, level in (
        ("line", 400, 0.95), ("line", 400, 0.8), ("bent", 1000, 0.95), ("outcome", 1000, 0.95), ("use", 1000, 0.95),
        ("tails", 500, 0.95), ("yes", 500, 0.95), ("line", 5000, 0.95),
    ):  # fmt: skip

        @case(
            room="try/effect", method="AIPW on the treated, cross-fitted", kind="covers", nominal=level, runs=400,
            truth=f"{n:,} rows: {SHAPES[shape]}{HALVES[level]}",
        )  # fmt: skip
        def _covered(rng: Generator, shape: str = shape, n: int = n, level: float = level) -> float:
            y, used, known, truth = chosen(rng, n, shape)
            found = adjusted.effect_on_treated(y, used, known, level=level, seed=int(rng.integers(1e9))).effect
            return held(found, truth, refused=1.0)

        named(f"effect_{shape}_{n}_{round(100 * level)}")

    @case(room="try/effect", method="AIPW on the treated, clustered", kind="covers", runs=300,
          truth="300 customers of three rows alike")  # fmt: skip
    def effect_of_customers_rows(rng: Generator) -> float:
        y, used, known, truth = chosen(rng, 300, "line")
        who = np.repeat(np.arange(300), 3)
        rows = [Covariate(name=c.name, values=np.asarray(c.values)[who], is_label=c.is_label) for c in known]
        y = y[who] + 0.5 * rng.normal(size=900)
        found = adjusted.effect_on_treated(y, used[who], rows, clusters=who, repeats=1).effect
        return held(found, truth, refused=1.0)

    @case(room="try/effect", method="AIPW on the treated, claims", kind="alarms", nominal=0.05, runs=600,
          truth="500 rows, use by amounts and a label, no effect")  # fmt: skip
    def no_effect_is_claimed(rng: Generator) -> float:
        y, used, known, _ = chosen(rng, 500, "line", effect=0.0)
        return float(adjusted.effect_on_treated(y, used, known, repeats=1).effect.clear)

    @case(room="try/effect", method="AIPW on the treated", kind="breaks", runs=400,
          truth=f"1,000 rows: {SHAPES['both']}: doubly wrong")  # fmt: skip
    def doubly_wrong(rng: Generator) -> float:
        y, used, known, truth = chosen(rng, 1000, "both")
        return held(adjusted.effect_on_treated(y, used, known, repeats=1).effect, truth)

    @case(room="try/effect", method="models told to be too plain", kind="finds", nominal=0.9, runs=300,
          truth=f"1,000 rows: {SHAPES['both']}")  # fmt: skip
    def doubly_wrong_is_told(rng: Generator) -> float:
        y, used, known, _ = chosen(rng, 1000, "both")
        found = adjusted.effect_on_treated(y, used, known, repeats=1)
        return float(found.richer.matters(found.effect.error))

    @case(room="try/effect", method="models told to be too plain", kind="alarms", nominal=0.05, runs=400,
          truth=f"1,000 rows: {SHAPES['line']}")  # fmt: skip
    def right_models_are_not_called_plain(rng: Generator) -> float:
        y, used, known, _ = chosen(rng, 1000, "line")
        found = adjusted.effect_on_treated(y, used, known, repeats=1)
        return float(found.richer.matters(found.effect.error))

    @case(room="try/effect", method="refused for want of overlap", kind="finds", nominal=0.95, runs=300,
          truth="800 rows, one amount decides nearly all by itself who uses it")  # fmt: skip
    def no_overlap_is_refused(rng: Generator) -> float:
        y, used, known, _ = chosen(rng, 800, "line", apart=40.0)
        return float(bool(adjusted.effect_on_treated(y, used, known, repeats=1).effect.refused))

    @case(room="try/effect", method="AIPW on the treated", kind="breaks", runs=300,
          truth="1,000 rows, something hidden decides use and outcome")  # fmt: skip
    def something_hidden(rng: Generator) -> float:
        y, used, known, truth = chosen(rng, 1000, "line", hidden=0.7)
        return held(adjusted.effect_on_treated(y, used, known, repeats=1).effect, truth)

    @case(room="try/effect", method="sensitivity: one as strong as a covariate undoes it", kind="finds", nominal=0.9,
          runs=300, truth="1,000 rows, no effect, something hidden two thirds as strong as a covariate")  # fmt: skip
    def something_hidden_is_warned_of(rng: Generator) -> float:
        y, used, known, _ = chosen(rng, 1000, "line", effect=0.0, hidden=0.4)
        found = adjusted.effect_on_treated(y, used, known, repeats=1)
        return float(found.sensitivity.benchmarks[0].share_left <= 0)


# ------------------------------------------------------------------------------------------------------------- series


def errors(rng: Generator, n: int, kind: str, size: float):
    """Errors of a series: independent, autocorrelated by `size`, or a walk of steps `size` beside noise of one."""
    e = rng.normal(size=n)
    if kind == "walk":
        return np.cumsum(size * rng.normal(size=n)) + e
    u = np.empty(n)
    u[0] = e[0] / np.sqrt(1 - size**2)
    for i in range(1, n):
        u[i] = size * u[i - 1] + e[i]
    return u


PATHS = {("walk", 0.1): "a level that walks by .1", ("walk", 0.3): "a level that walks by .3",
         ("walk", 1.0): "a level that walks by 1", ("carried", 0.0): "independent errors",
         ("carried", 0.6): "errors autocorrelated by .6"}  # fmt: skip


def _series(case: Callable, named: Callable) -> None:
    for path, told in PATHS.items():
        for level in (0.95, 0.8) if path == ("walk", 0.3) else (0.95,):

            @case(
                room="try/series", method="moving level, total effect", kind="covers", nominal=level, runs=400,
                truth=f"60 steps before, 12 after, a trend, {told}{HALVES[level]}",
            )  # fmt: skip
            def _total(rng: Generator, path: tuple = path, level: float = level) -> float:
                y = errors(rng, 72, *path) + 0.05 * np.arange(72) + 2.0 * (np.arange(72) >= 60)
                at = forecast_total(y, 60)
                return held(at(level), 24.0, at)

            named(f"series_{path[0]}_{path[1]}_{round(100 * level)}")

    @case(room="try/series", method="moving level, season and control", kind="covers", runs=300,
          truth="72 months before, 12 after, a season, a control that shares the level")  # fmt: skip
    def series_with_season_and_control(rng: Generator) -> float:
        t = np.arange(84)
        shared = np.cumsum(0.5 * rng.normal(size=84))
        y = shared + 3 * np.sin(2 * np.pi * t / 12) + errors(rng, 84, "walk", 0.1) + 1.5 * (t >= 72)
        control = shared + 0.3 * rng.normal(size=84)

        def at(level: float):
            return interrupted.interrupted(y, 72, controls=control, period=12, placebos=False, level=level).average

        return held(at(LEVEL), 1.5, at, refused=1.0)

    @case(room="try/series", method="moving level, claims", kind="alarms", nominal=0.05, runs=400,
          truth="60 steps before, 12 after, a level that walks by .3, nothing happened")  # fmt: skip
    def no_change_is_claimed(rng: Generator) -> float:
        return float(interrupted.interrupted(errors(rng, 72, "walk", 0.3), 60, placebos=False).average.clear)

    @case(room="try/series", method="refused for a break before", kind="alarms", nominal=0.02, runs=400,
          truth="60 steps before, a level that walks by .3, no break")  # fmt: skip
    def no_break_is_seen(rng: Generator) -> float:
        return float(bool(interrupted.interrupted(errors(rng, 72, "walk", 0.3), 60, placebos=False).average.refused))

    @case(room="try/series", method="refused for a break before", kind="finds", nominal=0.9, runs=300,
          truth="60 steps before, a break of eight standard deviations at the 30th")  # fmt: skip
    def a_break_before_is_refused(rng: Generator) -> float:
        y = errors(rng, 72, "walk", 0.1) + 8.0 * (np.arange(72) >= 30)
        return float(bool(interrupted.interrupted(y, 60, placebos=False).average.refused))

    @case(room="try/series", method="moving level, claims", kind="finds", nominal=0.8, runs=300,
          truth="60 steps before, 12 after, a level that walks by .1, an effect of three standard deviations")  # fmt: skip
    def a_large_change_is_found(rng: Generator) -> float:
        y = errors(rng, 72, "walk", 0.1) + 3.0 * (np.arange(72) >= 60)
        return float(interrupted.interrupted(y, 60, placebos=False).average.clear)

    @case(room="try/series", method="moving level, total effect", kind="breaks", runs=300,
          truth="something else of three standard deviations begins at the same date")  # fmt: skip
    def something_else_at_that_date(rng: Generator) -> float:
        y = errors(rng, 72, "walk", 0.1) + 5.0 * (np.arange(72) >= 60)
        at = forecast_total(y, 60)
        return held(at(LEVEL), 24.0, at)


def forecast_total(y, start: int) -> Callable:
    """The total effect of the moving level alone, at a level, without the looks at placebo dates and breaks."""
    seen = np.isfinite(y)
    columns = interrupted._columns(len(y), start, np.zeros((len(y), 0)), 0, seen)
    found = interrupted.forecast(y[:start], columns[:start], y[start:], columns[start:])
    return lambda level: interrupted._estimate(interrupted._last(found.totals), len(y), level)


def _segments(case: Callable, named: Callable) -> None:
    for carry in (0.0, 0.3, 0.6, 0.8):
        for level in (0.95, 0.8) if carry == 0.6 else (0.95,):

            @case(
                room="try/series", method="segmented regression, autocorrelation integrated out", kind="covers",
                nominal=level, runs=600,
                truth=f"60 steps, a jump at the 40th, a trend, autocorrelation {carry:g}{HALVES[level]}",
            )  # fmt: skip
            def _jump(rng: Generator, carry: float = carry, level: float = level) -> float:
                y, columns = jumped(rng, carry)

                def at(level: float):
                    return interrupted.segmented(y, 40, columns, level=level).jump

                return held(at(level), 1.0, at)

            named(f"segments_{carry}_{round(100 * level)}")

    @case(room="try/series", method="least squares (what is not done)", kind="breaks", runs=1000,
          truth="60 steps, a jump at the 40th, a trend, autocorrelation 0.6, by least squares")  # fmt: skip
    def a_jump_by_least_squares(rng: Generator) -> float:
        y, columns = jumped(rng, 0.6)
        x = np.column_stack([columns, np.arange(60) >= 40])
        inverse = np.linalg.inv(x.T @ x)
        beta = inverse @ x.T @ y
        error = np.sqrt(inverse[-1, -1] * ((y - x @ beta) ** 2).sum() / 57)

        def at(t: float):
            return Ends(beta[-1], beta[-1] - t * error, beta[-1] + t * error)

        return held(at(2.0025), 1.0, lambda level: at(quantile(level, 57)))


def jumped(rng: Generator, carry: float):
    t = np.arange(60)
    y = errors(rng, 60, "carried", carry) + 0.02 * t + 1.0 * (t >= 40)
    return y, np.column_stack([np.ones(60), t / 40 - 1])
