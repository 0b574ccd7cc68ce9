"""Priorities from one file: refusals and bad input by name, rules kept, points never multiplied."""

import numpy as np
import pytest

from regard import trying
from regard.errors import BadInput, UnknownName


def table(**more):
    return {
        "option": ["a", "b", "c", "d"],
        "value_low": [80, 40, 30, 5], "value": [100, 80, 50, 10], "value_high": [130, 160, 90, 20],
        "chance": [0.9, 0.6, 0.7, 0.5],
        "cost_low": [30, 20, 15, 25], "cost": [40, 30, 20, 30], "cost_high": [55, 50, 30, 45],
    } | more  # fmt: skip


def chosen(found):
    return {r.option for r in found.rows if r.chosen}


def test_the_budget_binds_and_every_option_says_why():
    found = trying.priorities(table(), budget=65)

    assert found.cost <= 65
    assert chosen(found) == {"a", "c"}
    assert all(r.why for r in found.rows)
    assert found.regret >= 0
    assert [r.name for r in found.checks] == ["optimal", "shrunk", "robust", "within_budget"]


def test_no_budget_says_what_one_would_change():
    found = trying.priorities(table())

    assert "d" not in chosen(found)
    assert "no_budget" in {c.code for c in found.cautions}
    assert len(found.budgets) == 4
    assert "--budget" in found.next_step


def test_needs_and_exclusions_are_kept():
    needs = trying.priorities(table(needs=["", "", "d", ""]), budget=60)
    apart = trying.priorities(table(excludes=["c; b", "", "", ""]))

    assert "d" in chosen(needs) if "c" in chosen(needs) else True
    assert not ({"a", "b"} <= chosen(apart))
    assert not ({"a", "c"} <= chosen(apart))


def test_net_values_are_those_of_draws_not_of_points_multiplied():
    """Skewed ranges: the mean of the draws is above the likely value's product, and the mean is what counts."""
    skewed = {
        "option": ["x"], "value_low": [10.0], "value": [50.0], "value_high": [250.0], "chance": [1.0],
        "cost_low": [1.0], "cost": [1.0], "cost_high": [1.0],
    }  # fmt: skip
    found = trying.priorities(skewed)

    sigma = np.log(5) / 1.2815515655446004
    assert found.estimate == pytest.approx(50 * np.exp(sigma**2 / 2) - 1, rel=0.05)


@pytest.mark.parametrize(
    ("change", "error", "why"),
    [
        ({"cost_low": [-5, 20, 15, 25]}, BadInput, "below zero"),
        ({"value_low": [200, 40, 30, 5]}, BadInput, "in that order"),
        ({"option": ["a", "b", "c", "c"]}, BadInput, "twice"),
        ({"needs": ["", "cc", "", ""]}, UnknownName, "c"),
        ({"needs": ["b", "c", "a", ""]}, BadInput, "circle"),
        ({"chance": [300, 60, 70, 50]}, BadInput, "100"),
    ],
)
def test_what_cannot_be_meant_is_named(change, error, why):
    with pytest.raises(error) as raised:
        trying.priorities(table(**change), budget=65)

    assert why in f"{raised.value.message} {raised.value.hint}"
    assert raised.value.hint


def test_two_ends_without_what_is_likely_are_named():
    with pytest.raises(BadInput, match="value_low and value_high have no likely value between them"):
        trying.priorities({k: v for k, v in table().items() if k != "value"})


def test_missing_chances_are_taken_from_past_launches_and_said():
    without = {k: v for k, v in table().items() if k != "chance"}
    found = trying.priorities(without, launches="15/20")

    assert all(r.chance == pytest.approx(15.5 / 21, abs=0.02) for r in found.rows)
    assert "chance_assumed" in {c.code for c in found.cautions}
    with pytest.raises(BadInput, match="no record"):
        trying.priorities(without, launches="most of them")


def test_options_that_hang_together_make_the_whole_less_sure():
    apart, together = trying.priorities(table()), trying.priorities(table(), together=0.8)

    wide = [f.interval.high - f.interval.low for f in (apart, together)]
    assert wide[1] > wide[0]


def test_no_complete_row_is_refused():
    found = trying.priorities(table(value=[None] * 4, value_low=[None] * 4, value_high=[None] * 4))

    assert found.refused
    assert found.next_step
