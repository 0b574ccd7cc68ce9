"""The watch on made-up series whose incidents are known: rings, dates, sides, and what it refuses."""

import numpy as np
import pytest

from regard.statistics.onsets import onset
from regard.statistics.watching import watch

HOUR, DAY = 3600.0, 86_400.0


def hours(days, rng, *, level=10.0):
    """Amounts by hour with a day and a week in them."""
    t = np.arange(24 * days)
    week = np.where(t // 24 % 7 >= 5, -1.0, 0.0)
    return level + 2 * np.sin(2 * np.pi * t / 24) + week + rng.normal(size=len(t))


def counts(days, rng, *, per_hour=12.0):
    t = np.arange(24 * days)
    return rng.poisson(per_hour * np.exp(0.8 * np.sin(2 * np.pi * t / 24))).astype(float)


def test_a_quiet_series_with_a_day_and_a_week_stays_quiet_and_its_seasons_are_found():
    found = watch(hours(90, np.random.default_rng(1)), step=HOUR, per_month=0.1)
    assert found.alarms == ()
    assert found.seasons == ("hour of day", "day of week")
    assert not found.refused
    later = slice(24 * 60, None)
    t = np.arange(24 * 90)
    truth = 10 + 2 * np.sin(2 * np.pi * t / 24) + np.where(t // 24 % 7 >= 5, -1.0, 0.0)
    assert np.abs(found.expected[later] - truth[later]).mean() < 0.3


def test_a_shift_rings_once_with_its_side_and_since_when():
    x = hours(60, np.random.default_rng(2))
    x[1000:1120] += 3
    found = watch(x, step=HOUR, per_month=0.2)
    (alarm,) = [a for a in found.alarms if a.until < 0 or a.until > 1000]
    assert alarm.side == 1
    assert 1000 <= alarm.rang <= 1006
    assert alarm.onset.low <= 1000 <= alarm.onset.high
    assert 1115 <= alarm.until <= 1130
    assert alarm.onset.size_low < 3 < alarm.onset.size_high + 1


def test_what_is_usual_at_noon_rings_at_night():
    """The same value: the day's peak is expected, at the trough it is not."""
    x = hours(60, np.random.default_rng(3))
    x[24 * 50 + 18] = 12.0 + 4
    assert any(a.rang == 24 * 50 + 18 and a.chart == "spike" for a in watch(x, step=HOUR).alarms)
    calm = watch(hours(60, np.random.default_rng(3)), step=HOUR)
    assert not any(a.rang == 24 * 50 + 18 for a in calm.alarms)
    assert calm.high[24 * 50 + 6] > 14 > calm.high[24 * 50 + 18]


def test_the_incident_is_not_learned_and_what_lasts_becomes_the_habit():
    x = counts(80, np.random.default_rng(4))
    rng = np.random.default_rng(5)
    before = watch(x, step=HOUR, kind="count", per_month=0.2)
    x[1200:] = np.where(np.arange(len(x) - 1200) < 1e9, rng.poisson(2 * x[1200:]), 0)
    after = watch(x, step=HOUR, kind="count", per_month=0.2)
    during = slice(1210, 1400)
    assert after.expected[during].mean() == pytest.approx(before.expected[during].mean(), rel=0.1)
    first = next(a for a in after.alarms if a.rang >= 1200)
    assert first.settled
    assert first.until - first.rang == 14 * 24
    assert after.expected[-100:].mean() == pytest.approx(x[-100:].mean(), rel=0.15)


def test_a_share_is_watched_as_bad_of_total_whatever_the_total():
    rng = np.random.default_rng(6)
    total = rng.poisson(60 * np.exp(0.8 * np.sin(2 * np.pi * np.arange(24 * 60) / 24))).astype(float)
    bad = rng.binomial(total.astype(int), 0.03).astype(float)
    quiet = watch(bad, exposure=total, step=HOUR, kind="share", per_month=0.2)
    assert quiet.alarms == ()
    assert np.nanmean(quiet.expected) == pytest.approx(0.03, abs=0.008)
    bad[1200:1230] = rng.binomial(total[1200:1230].astype(int), 0.12)
    found = watch(bad, exposure=total, step=HOUR, kind="share", per_month=0.2)
    assert [a.side for a in found.alarms] == [1]
    assert 1200 <= found.alarms[0].rang < 1215


def test_a_gap_is_a_gap_not_a_fall():
    x = hours(60, np.random.default_rng(7))
    x[900:960] = np.nan
    found = watch(x, step=HOUR, per_month=0.2)
    assert found.alarms == ()
    assert (found.gaps, found.steps) == (60, len(x) - 60)
    assert np.isfinite(found.expected[900:960]).all()


def test_what_rang_stays_rung_when_more_comes_in():
    """The past is walked with what was chosen from its own past: later data cannot change it within a stretch."""
    x = hours(60, np.random.default_rng(8))
    x[700:760] -= 4
    early, late = watch(x[:1000], step=HOUR), watch(x[:1400], step=HOUR)
    assert [a.rang for a in early.alarms] == [a.rang for a in late.alarms if a.rang < 1000]


def test_a_rarer_rate_has_wider_limits():
    x = hours(60, np.random.default_rng(9))
    often, seldom = (watch(x, step=HOUR, per_month=p) for p in (4.0, 0.05))
    assert seldom.tails[0] > often.tails[0]
    assert len(seldom.alarms) <= len(often.alarms)


def test_heavy_tails_widen_the_limit_of_single_residuals():
    rng = np.random.default_rng(10)
    wild = watch(10 + rng.standard_t(3, 24 * 90), step=HOUR)
    calm = watch(10 + rng.normal(size=24 * 90), step=HOUR)
    assert wild.tails[0] > 1.3 * calm.tails[0]


def test_a_level_that_wanders_by_itself_is_told():
    rng = np.random.default_rng(11)
    assert watch(np.cumsum(rng.normal(size=2000)) + rng.normal(size=2000), step=HOUR).wander >= 0.1
    assert watch(10 + rng.normal(size=2000), step=HOUR).wander < 0.05


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.arange(30.0), "only 30 steps; at least 60"),
        (np.full(500, 7.0), "it never changed"),
        (np.full(500, np.nan), "only 0 steps"),
        (np.zeros(0), "only 0 steps"),
    ],
)
def test_too_little_is_refused_with_the_reason(values, why):
    found = watch(values, step=HOUR)
    assert found.refused.startswith(why)
    assert found.alarms == ()


def test_amounts_that_are_nought_most_of_the_time_do_not_ring_at_each_of_them():
    rng = np.random.default_rng(12)
    x = np.where(rng.random(24 * 120) < 0.05, rng.lognormal(0, 1, 24 * 120), 0.0)
    assert len(watch(x, step=HOUR).alarms) < 20


def test_the_onset_of_a_known_shift_is_dated_and_its_size_is_covered():
    """Two standard deviations from step 200 on, ringing at 206; by brute force over all pairs the date is the same."""
    e = np.random.default_rng(13).normal(size=240)
    e[200:] += 2
    found = onset(e, 206, 240)
    squares = [(e[k:240].sum() ** 2) / (240 - k) - np.log(240 - k) for k in range(207)]
    assert found.step == int(np.argmax(squares))
    assert found.low <= 200 <= found.high
    assert found.size_low <= 2 <= found.size_high


def test_the_onset_knows_that_an_autocorrelated_shift_shows_less_after_its_first_step():
    """Residuals after taking off .8 of the one before: 5 at the first step of a shift by 5, then 1."""
    e = np.random.default_rng(14).normal(size=300) * 0.3
    e[150], e[151:] = e[150] + 5, e[151:] + 1
    found = onset(e, 150, 300, memory=0.8)
    assert found.step == 150
    assert found.size == pytest.approx(5, abs=0.3)
