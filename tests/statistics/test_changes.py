"""A change split into who answered and what they answered."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regard.statistics.changes import Sample, decompose


def sample(rng, n, groups="abc", clusters=None, shift=0.0):
    return Sample(values=rng.choice([-1.0, 0.0, 1.0], n) + shift, groups=rng.choice(list(groups), n), clusters=clusters)


@given(st.integers(0, 10_000), st.sampled_from(["abc", "abd", "xyz", "a"]))
def test_the_parts_add_up_to_the_change_also_when_groups_vanish(seed, groups):
    rng = np.random.default_rng(seed)
    before, now = sample(rng, 40), sample(rng, 60, groups)
    found = decompose(before, now)
    assert found.mix.value + found.rate.value == pytest.approx(found.change.value, abs=1e-12)
    assert sum(g.mix.value for g in found.groups) == pytest.approx(found.mix.value, abs=1e-12)
    assert sum(g.rate.value for g in found.groups) == pytest.approx(found.rate.value, abs=1e-12)
    assert {g.group for g in found.groups} == set(before.groups) | set(now.groups)


def test_only_the_mix_changed():
    """By hand: means 1 and 0 in both periods, shares .5/.5 then .8/.2: change .3, all of it mix."""
    before = Sample(values=[1.0] * 50 + [0.0] * 50, groups=["a"] * 50 + ["b"] * 50)
    now = Sample(values=[1.0] * 80 + [0.0] * 20, groups=["a"] * 80 + ["b"] * 20)
    found = decompose(before, now)
    assert found.mix.value == pytest.approx(0.3)
    assert found.rate.value == pytest.approx(0.0)
    assert found.rate.error == pytest.approx(0.0, abs=1e-12)


def test_only_the_answers_changed():
    before = Sample(values=[1.0, 0.0] * 50, groups=["a", "a", "b", "b"] * 25)
    now = Sample(values=[1.0, 1.0, 1.0, 0.0] * 25, groups=["a", "a", "b", "b"] * 25)
    found = decompose(before, now)
    assert found.mix.value == pytest.approx(0.0)
    assert found.rate.value == pytest.approx(0.25)
    assert next(g for g in found.groups if g.group == "a").rate.value == pytest.approx(0.25)


@pytest.mark.parametrize("groups", ["abc", "abd"])
def test_errors_agree_with_a_bootstrap(groups):
    """Independent computation: the standard deviation over 600 resamples of each period, within 12 %.

    Groups differ in mean and in share: where neither does, mix is a product of two nearly-zero numbers, and the
    bootstrap overstates it (E of the squared estimates doubles the term). Coverage there is in tests/calibration.
    """
    rng = np.random.default_rng(7)
    means = dict(zip("abcd", (-0.6, 0.1, 0.7, 0.4), strict=True))

    def uneven(n, names, shares, shift):
        group = rng.choice(list(names), n, p=shares)
        return Sample(values=np.array([means[g] for g in group]) + shift + rng.normal(size=n), groups=group)

    before, now = uneven(500, "abc", (0.5, 0.3, 0.2), 0.0), uneven(400, groups, (0.3, 0.3, 0.4), 0.3)
    found = decompose(before, now)
    drawn = []
    for _ in range(600):
        i, j = rng.integers(0, 500, 500), rng.integers(0, 400, 400)
        d = decompose(
            Sample(values=before.values[i], groups=before.groups[i]), Sample(values=now.values[j], groups=now.groups[j])
        )
        drawn.append([d.change.value, d.mix.value, d.rate.value, d.groups[0].mix.value, d.groups[0].rate.value])
    expected = np.std(drawn, axis=0)
    first = found.groups[0]
    given_ = [found.change.error, found.mix.error, found.rate.error, first.mix.error, first.rate.error]
    assert given_ == pytest.approx(expected, rel=0.12)


def test_the_same_customers_in_both_periods_shorten_the_error_of_the_change():
    rng = np.random.default_rng(8)
    person, who = rng.normal(size=300), np.arange(300)
    groups = rng.choice(list("ab"), 300)
    values = [person + 0.3 * rng.normal(size=300) for _ in range(2)]
    linked = decompose(*(Sample(values=v, groups=groups, clusters=who) for v in values))
    apart = decompose(*(Sample(values=v, groups=groups) for v in values))
    assert linked.change.error < apart.change.error / 2
    paired = (values[1] - values[0]).std(ddof=1) / math.sqrt(300)
    assert linked.change.error == pytest.approx(paired, rel=1e-6)


def test_too_few_answers_are_refused():
    rng = np.random.default_rng(9)
    found = decompose(sample(rng, 3), sample(rng, 50))
    assert found.groups == ()
    assert "only 3 answers" in found.change.refused
