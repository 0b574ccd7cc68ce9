"""Paths before an end: sets of those at risk, their odds ratio beside statsmodels, and planted paths."""

import math

import numpy as np
import pytest
from statsmodels.discrete.conditional_models import ConditionalLogit

from regard.statistics.atrisk import Sets, at_risk, conditional_odds
from regard.statistics.motifs import Lives, _grams, before_end


def drawn(rng, sets=200, beta=1.0, controls=4):
    number = np.repeat(np.arange(sets), controls + 1)
    exposed = rng.uniform(size=len(number)) < 0.3
    case = np.zeros(len(number), bool)
    for s in range(sets):
        odds = np.exp(beta * exposed[number == s])
        case[s * (controls + 1) + rng.choice(controls + 1, p=odds / odds.sum())] = True
    return exposed, Sets(person=np.arange(len(number)), at=number, case=case, number=number, early=0, alone=0)


def test_the_odds_ratio_is_that_of_conditional_logistic_regression():
    exposed, sets = drawn(np.random.default_rng(1))
    found = conditional_odds(exposed, sets)
    oracle = ConditionalLogit(sets.case.astype(float), exposed.astype(float)[:, None], groups=sets.number).fit(disp=0)

    assert math.log(found.value) == pytest.approx(float(oracle.params[0]), abs=1e-4)
    assert found.error == pytest.approx(float(oracle.bse[0]), rel=1e-3)
    assert found.low < found.value < found.high


def test_the_ends_of_the_interval_are_where_the_score_test_turns():
    """The score statistic in plain Python at both ends is the normal quantile."""
    exposed, sets = drawn(np.random.default_rng(2), sets=60)
    found = conditional_odds(exposed, sets)
    for end, sign in ((found.low, 1), (found.high, -1)):
        gap = spread = 0.0
        for s in range(60):
            mine = sets.number == s
            k, m = int(exposed[mine].sum()), int(mine.sum())
            chance = k * end / (k * end + m - k)
            gap += float((exposed & sets.case)[mine].any()) - chance
            spread += chance * (1 - chance)
        assert sign * gap / math.sqrt(spread) == pytest.approx(1.959964, abs=1e-4)


def test_where_all_sets_agree_one_end_is_endless_and_the_estimate_is_not():
    _, sets = drawn(np.random.default_rng(3), sets=20)
    found = conditional_odds(sets.case.copy(), sets)

    assert found.high == math.inf
    assert 1 < found.low < found.value < math.inf
    assert conditional_odds(np.zeros(100, bool), sets).refused


def test_everybody_in_a_set_was_at_risk_and_seen_for_as_long():
    rng = np.random.default_rng(4)
    begin = rng.integers(0, 500, 900)
    end = begin + rng.integers(1, 600, 900)
    ended = (end < 700) & (rng.uniform(size=900) < 0.5)
    sets = at_risk(begin, np.minimum(end, 700), ended, seen=30, rng=rng)
    moment = np.minimum(end, 700)

    assert len(np.unique(sets.number[sets.case])) == sets.case.sum() == sets.number.max() + 1
    assert (sets.at - begin[sets.person] >= 30).all()
    others = ~sets.case
    assert (moment[sets.person[others]] > sets.at[others]).all()
    assert (moment[sets.person[sets.case]] == sets.at[sets.case]).all()
    tenure = sets.at - begin[sets.person]
    own = tenure[sets.case][sets.number]
    assert (np.abs(tenure - own) <= np.maximum(0.25 * own, 30)).all()
    assert sets.early + sets.alone + int(sets.case.sum()) == int(ended.sum())


def test_steps_in_a_row_never_cross_from_one_person_to_the_next():
    codes, whose = np.array([0, 1, 2, 0, 1]), np.array([0, 0, 0, 1, 1])
    key, who = _grams(codes, whose, 2, 4)

    assert list(zip(key.tolist(), who.tolist(), strict=True)) == [(1 * 4 + 2, 0), (2 * 4 + 3, 0), (1 * 4 + 2, 1)]


def planted(rng, n=1600, rate=0.3, gone=0.5):
    """Everybody takes a step a day for 100 days; some do 5, 6 on a day, and half of these leave within 10 days."""
    starts, times, codes, begin, end, ended = [0], [], [], [], [], []
    for _ in range(n):
        first = int(rng.integers(0, 60))
        at, what = np.arange(first, 160), rng.integers(0, 5, 160 - first)
        leaves, moment = False, int(rng.integers(25, 90)) + first
        if rng.uniform() < rate and moment + 2 < 160:
            what[moment - first : moment - first + 2] = [5, 6]
            leaves = rng.uniform() < gone
        leaves = leaves or rng.uniform() < 0.15
        until = min(moment + 2 + int(rng.integers(1, 10)), 150) if leaves else 150
        keep = at < until
        times.append(at[keep])
        codes.append(what[keep])
        starts.append(starts[-1] + int(keep.sum()))
        begin.append(first)
        end.append(until)
        ended.append(leaves and until < 150)
    return Lives(
        starts=np.array(starts), times=np.concatenate(times), codes=np.concatenate(codes), begin=np.array(begin),
        end=np.array(end), ended=np.array(ended),
    )  # fmt: skip


def test_a_planted_path_is_found_on_one_half_and_confirmed_on_the_other():
    found = before_end(planted(np.random.default_rng(6)), window=14, seed=2)

    first = found.rows[0]
    assert first.confirmed
    assert set(first.steps) <= {5, 6}
    assert first.cases > 2 * first.others
    assert first.odds.low > 2
    assert not any(r.confirmed and r.odds.value > 1 and not set(r.steps) & {5, 6} for r in found.rows)
    assert min(found.sets) >= 20


def test_what_is_done_right_before_leaving_can_be_left_out():
    """Everybody who leaves says so on the last day: with a lead of two days that is no path."""
    lives = planted(np.random.default_rng(7), rate=0.0)
    codes = lives.codes.copy()
    codes[lives.starts[1:][lives.ended] - 1] = 7
    said = Lives(**{**lives.__dict__, "codes": codes})

    assert any(7 in r.steps and r.confirmed for r in before_end(said, window=14, seed=2).rows)
    assert not any(7 in r.steps for r in before_end(said, window=14, lead=3, seed=2).rows)


def test_few_ends_are_refused():
    found = before_end(planted(np.random.default_rng(8), n=60), window=14)

    assert "at least 20" in found.refused
    assert found.rows == ()
