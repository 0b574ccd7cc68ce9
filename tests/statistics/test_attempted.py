"""The share of attempts that went well, customers being independent and not their attempts."""

from __future__ import annotations

import numpy as np
import pytest

from regard.statistics.attempted import attempted
from regard.statistics.proportions import wilson


def test_with_one_attempt_each_it_is_wilsons_interval():
    """Of 100 customers who tried once, 20 failed: the variance is p (1 - p) / (n - 1), so 99 of them count."""
    found = attempted(np.repeat([1.0, 0.0], [80, 20]), np.ones(100))
    plain = wilson(0.8 * 99, 99)

    assert (found.value, found.low, found.high) == pytest.approx((0.8, plain.low, plain.high))
    assert found.effective == pytest.approx(99)


def test_where_few_met_failures_their_number_is_what_the_variance_rests_on():
    """200 customers try ten times; 4 of them fail, once each: t of 5 degrees at .975 is 2.5706 (Student's table)."""
    good = np.full(200, 10.0)
    good[:4] = 9.0
    share, variance = 1996 / 2000, (4 * 0.098**2 + 196 * 0.002**2) / 200**2 * 200 / 199

    found = attempted(good, np.full(200, 10.0))

    size = min(share * (1 - share) / variance, 2000)
    assert found.effective == pytest.approx(size * (1.959964 / 2.570582) ** 2, rel=1e-5)
    assert found.low < share < found.high


def test_attempts_that_go_alike_count_as_one():
    """Ten times as many attempts of the same customers, all alike, tell nothing more."""
    luck = np.repeat([1.0, 0.0], [80, 20])

    once, often = attempted(luck, np.ones(100)), attempted(10 * luck, np.full(100, 10.0))

    assert (often.value, often.low, often.high) == pytest.approx((once.value, once.low, once.high))


def test_when_all_went_well_customers_are_counted_not_attempts():
    found = attempted(np.full(50, 1000.0), np.full(50, 1000.0))

    assert (found.value, found.low) == pytest.approx((1.0, wilson(50, 50).low))


def test_one_loud_customer_makes_it_wide():
    calm, loud = np.full(40, 5.0), np.concatenate([np.full(39, 5.0), [800.0]])

    assert attempted(loud - 0.1 * loud, loud).low < attempted(calm - 0.1 * calm, calm).low


def test_few_customers_are_refused_and_those_who_never_tried_do_not_count():
    assert attempted([1, 1], [1, 1]).refused
    assert attempted([1, 1, 1, 1, 0], [1, 1, 1, 1, 0], least=5).refused
