"""Being mentioned and what is said: both effects come back, each by itself, and thin or blurred evidence is refused."""

import numpy as np
import pytest

from regard.statistics.mentions import LEAST, mentions, together_empty
from regard.statistics.proportions import difference, mean


def answers(seed=0, n=1500, *, mention=-0.8, valence=0.6):
    """Two parts everyone scores, and one that is mentioned more by those whose second part is high."""
    rng = np.random.default_rng(seed)
    x = np.clip(np.round(3 + 0.5 * rng.normal(size=(n, 1)) + rng.normal(size=(n, 3))), 1, 5)
    speaks = rng.uniform(size=n) < 1 / (1 + np.exp(0.4 - 0.6 * (x[:, 1] - 3)))
    y = mention * speaks + valence * np.where(speaks, x[:, 0] - x[speaks, 0].mean(), 0) + 0.5 * x[:, 1]
    x[~speaks, 0] = np.nan
    return x, y + rng.normal(size=n)


def one(x, y, **more):
    found = mentions(x, y, tuple("abc")[: x.shape[1]], **more)
    assert len(found) == 1
    return found[0]


def test_both_effects_are_those_of_the_regression_written_out_by_hand():
    x, y = answers()
    said = np.isfinite(x[:, 0])
    centred = np.where(said, x[:, 0] - x[said, 0].mean(), 0)
    by_hand = np.linalg.lstsq(np.column_stack([np.ones(len(y)), said, centred, x[:, 1:]]), y, rcond=None)[0]

    found = one(x, y)

    assert found.mention.value == pytest.approx(by_hand[1])
    assert found.valence.value == pytest.approx(by_hand[2])
    assert (found.asked, found.mentioned) == (len(y), said.sum())
    assert found.told == "both"


def test_alone_the_mention_effect_is_the_difference_of_two_means_with_its_doubt():
    """Without neighbours: mean of those who mention it less mean of the others, and the same error but for HC3."""
    x, y = answers()
    said = np.isfinite(x[:, 0])
    plain = difference(mean(y[said]), mean(y[~said]))

    found = one(x[:, :1], y)

    assert found.mention.value == pytest.approx(plain.value)
    assert found.mention.error == pytest.approx(plain.error, rel=0.03)


def test_a_part_that_only_its_mention_or_only_its_score_speaks_for_is_told_so():
    assert one(*answers(1, valence=0.0)).told == "mention"
    assert one(*answers(1, mention=0.0)).told == "valence"
    assert one(*answers(1, mention=0.0, valence=0.0)).told == "neither"


def test_answers_of_one_customer_counted_ten_times_do_not_narrow_the_intervals():
    x, y = answers(n=300)
    once = one(x, y, clusters=np.arange(300))
    often = one(np.repeat(x, 10, axis=0), np.repeat(y, 10), clusters=np.repeat(np.arange(300), 10))

    for effect in ("mention", "valence"):
        assert getattr(often, effect).error == pytest.approx(getattr(once, effect).error, rel=0.03)


def test_weights_count_like_repeated_rows_in_the_effects():
    x, y = answers(n=400)
    weight = np.random.default_rng(2).integers(1, 4, 400)

    weighted = one(x, y, weights=weight)
    repeated = one(np.repeat(x, weight, axis=0), np.repeat(y, weight))

    assert weighted.mention.value == pytest.approx(repeated.mention.value)
    assert weighted.valence.value == pytest.approx(repeated.valence.value)
    assert weighted.share == pytest.approx(repeated.share)


def test_silence_by_design_is_not_silence():
    """A part asked of half the answers, all of whom score it, is no part of two effects; nor counts who was not asked."""
    x, y = answers(n=1000)
    unasked = np.zeros(x.shape, bool)
    unasked[:500, 0] = True
    x[:500, 0] = np.nan

    found = one(x, y, exempt=unasked)

    assert found.asked == 500
    assert found.share == pytest.approx(np.isfinite(x[500:, 0]).mean())
    x[500:, 0] = np.where(np.isnan(x[500:, 0]), 3, x[500:, 0])
    assert mentions(x, y, tuple("abc"), exempt=unasked) == ()


def test_a_part_nearly_all_or_nearly_none_mention_is_left_to_the_other_tables():
    x, y = answers(n=1000, mention=0)
    nearly_all, nearly_none = x.copy(), x.copy()
    nearly_all[:, 0] = np.where(np.arange(1000) < 90, np.nan, 3 + np.arange(1000) % 2)
    nearly_none[:, 0] = np.where(np.arange(1000) < 910, np.nan, 3 + np.arange(1000) % 2)

    assert mentions(nearly_all, y, tuple("abc")) == ()
    assert mentions(nearly_none, y, tuple("abc")) == ()


def test_too_few_who_mention_it_or_do_not_are_refused_and_said():
    x, y = answers(n=100)
    few, many = x.copy(), x.copy()
    few[: 100 - LEAST + 1, 0], few[100 - LEAST + 1 :, 0] = np.nan, 4 + np.arange(LEAST - 1) % 2
    many[: LEAST - 1, 0], many[LEAST - 1 :, 0] = np.nan, 4 + np.arange(100 - LEAST + 1) % 2

    assert "only 29 answers mention it; 30 are needed" in one(few, y).mention.refused
    assert "only 29 answers mention it" in one(few, y).valence.refused
    assert "only 29 answers do not mention it" in one(many, y).mention.refused
    assert not one(many, y).valence.refused


def test_few_customers_who_answer_often_are_refused():
    x, y = answers(n=600)
    speaks = np.isfinite(x[:, 0])
    who = np.where(speaks, np.arange(600) % 15, 100 + np.arange(600))

    assert "of 15 customers mention it; 30 of 20 are needed" in one(x, y, clusters=who).mention.refused


def test_a_score_that_never_varies_has_a_mention_effect_only():
    x, y = answers()
    x[np.isfinite(x[:, 0]), 0] = 4

    found = one(x, y)

    assert "alike" in found.valence.refused
    assert found.mention.clear


def test_parts_mentioned_by_the_same_answers_cannot_be_told_apart():
    x, y = answers()
    x[:, 1] = np.where(np.isfinite(x[:, 0]), x[:, 1], np.nan)

    found = mentions(x, y, tuple("abc"))

    assert len(found) == 2
    assert all("told apart" in m.mention.refused for m in found)
    assert not any(m.valence.refused for m in found)


@pytest.mark.parametrize("bent", [False, True])
def test_mention_that_the_outcome_decides_is_seen_straight_or_bent(bent):
    rng = np.random.default_rng(5)
    x = np.clip(np.round(3 + rng.normal(size=(1500, 2))), 1, 5)
    y = 0.6 * x[:, 0] + rng.normal(size=1500)
    z = (y - y.mean()) / y.std()
    blind, chosen = x.copy(), x.copy()
    blind[rng.uniform(size=1500) < 0.5, 0] = np.nan
    chosen[rng.uniform(size=1500) < 1 / (1 + np.exp(1 - z**2 if bent else z)), 0] = np.nan

    assert one(blind, y).selection > 0.05
    assert one(chosen, y).selection < 0.001
    if not bent:
        assert one(chosen, y).lower < one(chosen, y).upper - 0.1


def test_sets_that_lack_together_are_found_and_a_part_that_lacks_alone_is_not():
    rng = np.random.default_rng(0)
    module = rng.uniform(size=500) < 0.4
    empty = np.stack([module, module, rng.uniform(size=500) < 0.4, np.zeros(500, bool)])

    found = together_empty(empty)

    assert np.array_equal(found[0], module)
    assert np.array_equal(found[1], module)
    assert not found[2:].any()
