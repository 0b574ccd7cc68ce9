"""Names: the whole where a part is hit harder, sets of values, what cannot be told apart. Rates: docs/calibration.md."""

from __future__ import annotations

import numpy as np
import pytest

from regard.statistics import mixed
from regard.statistics.cuboids import cube
from regard.statistics.expectations import Past, expected_of
from regard.statistics.naming import name

GRID = np.stack(np.meshgrid(*(np.arange(n) for n in (5, 4, 3)), indexing="ij"), -1).reshape(-1, 3)


def named(lift, *, codes=GRID, seed=1, volume=150, rate=0.08):
    """The naming of counts whose rate now is multiplied by leaf."""
    rng = np.random.default_rng(seed)
    n = np.full((11, len(codes)), float(volume))
    p = np.full(n.shape, rate)
    p[-1] *= lift
    bad = rng.binomial(n.astype(int), np.minimum(p, 0.95)).astype(float)
    past = Past(bad=bad[-1], total=n[-1], past_bad=bad[:-1], past_total=n[:-1])
    whole = cube(codes, depth=3)
    return name(whole, past, expected_of(whole, past))


def test_a_part_hit_six_times_does_not_hide_that_its_whole_is_hit_twice():
    lift = np.where(GRID[:, 0] == 2, 2.0, 1.0) * np.where((GRID[:, 0] == 2) & (GRID[:, 1] == 1), 3.0, 1.0)

    found = named(lift)

    assert found.best.values == {0: (2,)}
    assert [(p.dimension, p.value) for p in found.worse_within] == [(1, 1)]
    assert found.worse_within[0].seen / found.worse_within[0].due == pytest.approx(6, rel=0.3)


def test_a_part_hit_alone_is_named_and_not_its_whole():
    found = named(np.where((GRID[:, 0] == 2) & (GRID[:, 1] == 1), 4.0, 1.0))
    assert found.best.values == {0: (2,), 1: (1,)}
    assert found.worse_within == ()


def test_two_values_of_one_dimension_are_one_name():
    found = named(np.where(np.isin(GRID[:, 0], (1, 3)), 2.2, 1.0))
    assert found.best.values == {0: (1, 3)}
    assert found.best.ratio == pytest.approx(2.2, rel=0.15)


def test_names_of_the_same_leaves_are_one_and_the_shortest_is_told():
    codes = np.column_stack([GRID, GRID[:, 0]])

    found = named(np.where(GRID[:, 0] == 2, 2.5, 1.0), codes=codes)

    assert len(found.best.values) == 1
    assert not any(np.array_equal(a.leaves, found.best.leaves) for a in found.alternatives)


def test_little_evidence_leaves_alternatives_and_much_does_not():
    hit = np.where((GRID[:, 0] == 2) & (GRID[:, 1] == 1), 3.0, 1.0)
    little, much = named(hit, volume=12), named(hit, volume=2000)
    assert len(little.alternatives) > 3
    assert much.alternatives == ()
    assert much.best.weight > 0.95


def test_nothing_worse_has_no_name():
    found = named(np.full(len(GRID), 0.2), volume=400)
    assert found.best is None or found.best.ratio < 1


def test_leaves_outside_a_set_may_count_by_their_curvature(monkeypatch):
    """Of many leaves only those of the set are modelled one by one; the nats are those of the full model."""
    rng = np.random.default_rng(5)
    n = np.full((9, len(GRID)), 300.0)
    p = np.full(n.shape, 0.08)
    hit = GRID[:, 0] == 2
    p[-1, hit] *= 1.8
    bad = rng.binomial(n.astype(int), p).astype(float)
    past = Past(bad=bad[-1], total=n[-1], past_bad=bad[:-1], past_total=n[:-1])
    expected = expected_of(cube(GRID), past)
    full = mixed.ShockModel(GRID, past, expected).gain([0], hit, (0.1, 0.5), 1)

    monkeypatch.setattr(mixed, "LARGE", 10)
    quick = mixed.ShockModel(GRID, past, expected).gain([0], hit, (0.1, 0.5), 1)

    assert quick == pytest.approx(full, abs=0.3)
    assert full[0] > 10


def test_dimensions_of_very_many_values_are_named_as_well_and_cost_no_more(monkeypatch):
    """Of 400 values only the frequent ones have effects of their own; the fit has no more columns than that."""
    rng = np.random.default_rng(8)
    codes = np.unique(np.column_stack([rng.integers(0, 400, 900), rng.integers(0, 5, 900)]), axis=0)
    widths = []
    fit = mixed.ShockModel._fit
    monkeypatch.setattr(mixed.ShockModel, "_fit", lambda self, *a: widths.append(len(a[1])) or fit(self, *a))

    found = named(np.where(codes[:, 1] == 3, 2.5, 1.0), codes=codes, volume=60)

    assert found.best.values == {1: (3,)}
    assert max(widths) <= mixed.SHOCKS + mixed.INNER + 2


def test_the_third_name_is_not_a_third_set_of_the_same_values():
    lift = np.where(GRID[:, 0] == 2, 2.0, 1.0) * np.where(np.isin(GRID[:, 1], (0, 1, 2)), 1.4, 1.0)
    found = named(lift, volume=60, seed=3)
    apart = {tuple((d, v) for d, v in n.values.items() if len(v) == 1) for n in found.ranked}
    assert len(found.ranked) == 3
    assert len(apart) > 1
