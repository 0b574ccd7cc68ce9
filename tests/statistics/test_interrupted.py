"""One series and a date: the filter against an independent one, real deaths, and every reason for no answer."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from regard.statistics import interrupted, statespace

DEATHS = Path(__file__).parents[3] / "shared/data/its_deaths_temps/deaths_and_temps_england_wales.csv"


def walk(rng, n, *, moves=0.3, effect=0.0, start=None, trend=0.05):
    y = np.cumsum(moves * rng.normal(size=n)) + rng.normal(size=n) + trend * np.arange(n)
    return y + effect * (np.arange(n) >= (start or n))


@pytest.mark.parametrize("gaps", [False, True])
def test_the_filter_forecasts_what_statsmodels_forecasts(gaps):
    """statsmodels' UnobservedComponents (exact diffuse start, regression in the state) at the same variances."""
    models = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(1)
    y = walk(rng, 72)
    x = np.column_stack([np.ones(72), np.arange(72) - 30.0])
    if gaps:
        y[[7, 20, 21, 40]] = np.nan
    grid = statespace.Grid(np.array([1.0]), np.array([0.25]), np.array([1.0]))
    ours = statespace.forecast(y[:60], x[:60], y[60:], x[60:], grid=grid)
    model = models.tsa.UnobservedComponents(y[:60], level="llevel", exog=x[:60, 1:], mle_regression=False)
    noise = float(ours.solved.scale[0])
    theirs = model.smooth([noise, 0.25 * noise]).get_forecast(12, exog=x[60:, 1:])

    assert ours.steps.mean == pytest.approx(y[60:] - theirs.predicted_mean, abs=1e-4)
    assert ours.steps.spread[:, 0] == pytest.approx(theirs.se_mean, abs=1e-4)


def test_likelihoods_of_two_movements_differ_as_statsmodels_says():
    """Diffuse log-likelihoods agree up to a constant, so their difference between two variance ratios must."""
    models = pytest.importorskip("statsmodels.api")
    rng = np.random.default_rng(2)
    y = walk(rng, 50, trend=0.0)
    q = np.array([0.1, 1.0])
    grid = statespace.Grid(np.ones(2), q, np.array([0.5, 0.5]))
    run = statespace.filtered(np.column_stack([y, np.ones(50)]), grid)
    ours = statespace.solve(run.white[:, :, 0], run.white[:, :, 1:], run.logdet)
    model = models.tsa.UnobservedComponents(y, level="llevel")
    theirs = [model.loglike([s, s * r]) for s, r in zip(ours.scale, q, strict=True)]

    assert ours.score[0] - ours.score[1] == pytest.approx(theirs[0] - theirs[1], abs=1e-4)


def test_a_running_total_is_as_sure_as_simulated_paths_say():
    """Variance of a sum of later steps against 20,000 drawn paths of the same model."""
    rng = np.random.default_rng(3)
    grid = statespace.Grid(np.array([1.0, 0.6]), np.array([0.3, 0.5]), np.array([0.5, 0.5]))
    for g, keeps in enumerate(grid.keeps):
        variance = np.array([0.4, 0.4])
        _, summed = statespace._spreads(variance, grid, np.array([True, False, True, True]))
        level = math.sqrt(0.4) * rng.normal(size=20_000)
        total = np.zeros(20_000)
        for seen in (True, False, True, True):
            total += (level + rng.normal(size=20_000)) * seen
            level = keeps * level + math.sqrt(grid.movement[g]) * rng.normal(size=20_000)
        assert summed[g, -1] == pytest.approx(total.var(), rel=0.04)


@pytest.mark.data
def test_deaths_rise_from_march_2020_on_and_not_at_dates_before():
    """shared/data/its_deaths_temps/README.md: no single published effect; placebo dates before 2020 show none."""
    if not DEATHS.exists():
        pytest.skip("the series of deaths is not beside the project")
    with DEATHS.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    y = np.array([float(r["deaths"]) for r in rows])
    warmth = np.array([[float(r["temp"])] for r in rows])
    month = [r["date"] for r in rows]
    start = month.index("2020-03-01")
    found = interrupted.interrupted(y, start, controls=warmth, period=12)

    assert found.average.low > 1000
    assert 90_000 < found.total.value < 160_000
    assert found.placebo.alarms <= 2
    assert found.moving == ()
    for date in ("2015-01-01", "2016-01-01", "2017-01-01", "2018-03-01"):
        at = month.index(date)
        assert not interrupted.interrupted(y[:start], at, controls=warmth[:start], period=12).average.clear


def test_an_effect_is_found_by_both_views():
    y = walk(np.random.default_rng(4), 80, moves=0.1, effect=5.0, start=60)
    found = interrupted.interrupted(y, 60)

    assert found.average.low < 5 < found.average.high
    assert found.average.clear
    assert found.segmented.average.low < 5 < found.segmented.average.high
    assert found.total.value == pytest.approx(20 * found.average.value)
    assert found.running[0, -1] == pytest.approx(found.total.value)
    assert np.nanmean((y - found.expected)[60:]) == pytest.approx(found.average.value)


def test_a_control_takes_out_what_it_shares():
    rng = np.random.default_rng(5)
    shared = np.cumsum(rng.normal(size=100))
    y = 2 * shared + 0.5 * rng.normal(size=100) + 3.0 * (np.arange(100) >= 70)
    alone, helped = (interrupted.interrupted(y, 70, controls=c) for c in (None, shared + 0.1 * rng.normal(size=100)))

    assert helped.average.error < alone.average.error / 4
    assert helped.average.low < 3 < helped.average.high
    assert helped.moving == ()


def test_a_control_that_was_touched_too_is_named():
    rng = np.random.default_rng(6)
    event = 6.0 * (np.arange(80) >= 60)
    x = np.column_stack([rng.normal(size=80), rng.normal(size=80) + event])

    assert interrupted.interrupted(rng.normal(size=80) + event, 60, controls=x).moving == (1,)


def test_a_break_before_the_date_is_refused_and_named():
    rng = np.random.default_rng(7)
    y = rng.normal(size=80) + 8.0 * (np.arange(80) >= 30)
    found = interrupted.interrupted(y, 60)

    assert found.average.refused == interrupted.BROKE
    assert abs(found.break_at - 30) <= 1
    assert found.break_p < 0.01


@pytest.mark.parametrize(
    ("steps", "start", "why"), [(40, 8, "only 8 steps before the date"), (40, 40, "nothing was seen from the date on")]
)
def test_too_short_a_past_and_nothing_after_are_refused(steps, start, why):
    found = interrupted.interrupted(np.random.default_rng(8).normal(size=steps), start)

    assert why in found.average.refused
    assert math.isnan(found.average.value)


def test_a_season_the_past_does_not_hold_twice_is_left_out():
    assert interrupted.interrupted(np.random.default_rng(9).normal(size=40), 20, period=12).period == 0
    assert interrupted.interrupted(np.random.default_rng(9).normal(size=60), 40, period=12).period == 12


def test_gaps_are_bridged_and_not_counted():
    y = walk(np.random.default_rng(10), 80, moves=0.1, effect=5.0, start=60)
    y[[5, 6, 33, 62, 70]] = np.nan
    found = interrupted.interrupted(y, 60)

    assert (found.before, found.after) == (57, 18)
    assert found.average.low < 5 < found.average.high
    assert found.total.value == pytest.approx(18 * found.average.value)


def test_autocorrelated_errors_are_carried_over_gaps_as_the_exact_covariance_says():
    """Whitening by first differences equals generalised least squares with the matrix of r to the distance."""
    at = np.array([0, 1, 2, 5, 6, 9])
    y = np.random.default_rng(11).normal(size=6)
    white, logdet = interrupted._carried(y[:, None], at)
    g = int(np.argmin(np.abs(interrupted.CARRIES - 0.585)))
    r = interrupted.CARRIES[g]
    matrix = r ** np.abs(at[:, None] - at[None, :]) / (1 - r**2)

    assert white[g, :, 0] @ white[g, :, 0] == pytest.approx(y @ np.linalg.solve(matrix, y))
    assert logdet[g] == pytest.approx(np.linalg.slogdet(matrix)[1])


def test_uncorrelated_errors_pass_and_correlated_ones_fail_the_portmanteau():
    """statsmodels' acorr_ljungbox gives the same p-value."""
    diagnostic = pytest.importorskip("statsmodels.stats.diagnostic")
    e = np.random.default_rng(12).normal(size=200)

    assert interrupted.ljung_box(e, 10) == pytest.approx(
        float(diagnostic.acorr_ljungbox(e, lags=[10])["lb_pvalue"].iloc[0])
    )
    assert interrupted.ljung_box(np.cumsum(e), 10) < 1e-6


def test_a_past_that_never_moved_is_refused_and_units_do_not_matter():
    y = walk(np.random.default_rng(13), 80, moves=0.1, effect=5.0, start=60)
    still = interrupted.interrupted(np.where(np.arange(80) < 60, 3.0, y), 60)
    giant = interrupted.interrupted(y * 1e150, 60)

    assert still.average.refused == "nothing ever changed before the date"
    assert giant.average.value / 1e150 == pytest.approx(interrupted.interrupted(y, 60).average.value)
