"""Chances of breaking: against counting by hand, on simulated truth, and what is refused."""

import numpy as np
import pytest

from regard.statistics.landmarks import Promised, breaking, foretold


def lived(rng, n=4000, *, late=0.2):
    """Promises of ten hours: kept at a uniform time, or late by a chance that one group doubles."""
    group = rng.integers(0, 2, n)
    broken = rng.random(n) < late * np.where(group == 1, 1.6, 0.4)
    lead = np.full(n, 36_000.0)
    early = np.where(broken, -rng.exponential(3600, n), lead * rng.random(n))
    return Promised(lead=lead, early=early, customer=rng.integers(0, n, n), group=group, due=np.arange(n, dtype=float))


def test_the_chance_is_the_share_of_those_still_open_that_broke():
    past = lived(np.random.default_rng(1))
    one = Promised(**{**past.__dict__, "group": np.zeros(4000, np.int64), "customer": np.arange(4000)})

    (found,) = breaking(one, remaining=np.array([0.3]), customer=np.array([-5]), group=np.array([0]))

    open_ = one.share_left < 0.3
    assert found == pytest.approx(one.broken.sum() / open_.sum(), abs=0.01)


def test_the_later_it_is_the_likelier_it_breaks_and_a_worse_group_is_likelier_still():
    past = lived(np.random.default_rng(2))
    looks = np.array([0.9, 0.5, 0.1, 0.1])

    early, middle, late, better = breaking(past, remaining=looks, customer=np.full(4, -1), group=np.array([1, 1, 1, 0]))

    assert early < middle < late
    assert better < late


def test_chances_are_as_often_right_as_they_say():
    """Learned on one half, said of the other: by fifths of what was said, as many broke."""
    past = lived(np.random.default_rng(3), n=8000)
    first = np.arange(8000) < 4000
    after = past.where(~first & (past.share_left < 0.2))
    said = breaking(
        past.where(first), remaining=np.full(len(after.lead), 0.2), customer=after.customer, group=after.group
    )

    for low in np.unique(said.round(1)):
        some = said.round(1) == low
        if some.sum() > 100:
            assert after.broken[some].mean() == pytest.approx(said[some].mean(), abs=0.09)


def test_a_customer_whose_promises_break_again_and_again_is_told_apart():
    rng = np.random.default_rng(4)
    past = lived(rng)
    unlucky = Promised(
        **{**past.__dict__, "customer": np.where(np.arange(4000) < 40, 7, 100 + np.arange(4000)),
           "early": np.where(np.arange(4000) < 40, -1.0, past.early)}
    )  # fmt: skip

    theirs, others = breaking(
        unlucky, remaining=np.array([0.5, 0.5]), customer=np.array([7, 8]), group=np.array([0, 0])
    )

    assert theirs > others + 0.2


def test_how_well_it_was_foretold_is_tried_on_later_promises():
    found = foretold(lived(np.random.default_rng(5)), chance=0.5)

    assert found.tried == 1200
    assert found.precision.value > 0.4
    assert found.recall.value > 0.6
    assert 0 < found.lead < 36_000


def test_a_short_past_is_refused():
    past = lived(np.random.default_rng(6), n=20)

    assert np.isnan(breaking(past, remaining=np.array([0.5]), customer=np.array([1]), group=np.array([0]))).all()
    assert "at least 60" in foretold(past, chance=0.5).precision.refused
