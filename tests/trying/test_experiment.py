"""What `regard try experiment` says, beyond what the battery holds of every trial."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regard import trying
from regard.errors import BadInput

CATS = Path(__file__).parents[3] / "shared/data/cookie_cats_ab/cookie_cats.csv.gz"


def drawn(n=2000, effect=0.0, **more):
    rng = np.random.default_rng(1)
    arm = np.where(rng.uniform(size=n) < 0.5, "new", "control")
    return {"arm": arm, "y": rng.normal(size=n) + effect * (arm == "new"), **more}


@pytest.mark.data
def test_cookie_cats_lowers_retention_and_is_flagged_for_its_sizes():
    """shared/data/cookie_cats_ab/README.md: day 7 −.82 points, p .0016; sizes p about .009."""
    if not CATS.exists():
        pytest.skip("the Cookie Cats experiment is not beside the project")
    found = trying.experiment(str(CATS), arm="version", outcome="retention_7")

    assert found.arm == "gate_40"
    assert found.control == "gate_30"
    assert found.estimate == pytest.approx(-0.0082, abs=5e-5)
    assert found.rows[1].p == pytest.approx(0.0016, abs=1e-4)
    assert found.interval.high < 0
    ratio = next(c for c in found.checks if c.name == "sample_ratio")
    assert ratio.passed is False
    assert ratio.value == pytest.approx(0.0086, abs=2e-4)
    assert "not of the sizes drawn" in found.answer
    assert "before acting" in found.next_step


def test_an_arm_that_does_nothing_is_not_said_to_do_something():
    found = trying.experiment(drawn(), arm="arm", outcome="y")

    assert found.answer.startswith("No difference in y can be told")
    assert found.detectable == pytest.approx(2.8 * 2 / np.sqrt(2000), rel=0.05)


def test_looks_widen_the_interval_and_are_told():
    once = trying.experiment(drawn(effect=0.1), arm="arm", outcome="y")
    often = trying.experiment(drawn(effect=0.1), arm="arm", outcome="y", looks=20)

    assert often.interval.high > once.interval.high
    assert len(often.looks) == 20
    assert any(c.code == "one_look" for c in once.cautions)
    assert once.anytime == often.interval


def test_sizes_are_held_against_the_shares_drawn():
    arm = np.r_[["new"] * 100, ["control"] * 900]
    table = {"arm": arm, "y": np.arange(1000) % 7}

    fair = trying.experiment(table, arm="arm", outcome="y", shares="90,10")
    unfair = trying.experiment(table, arm="arm", outcome="y")

    assert next(c for c in fair.checks if c.name == "sample_ratio").passed
    assert not next(c for c in unfair.checks if c.name == "sample_ratio").passed
    with pytest.raises(BadInput, match="2 arms"):
        trying.experiment(table, arm="arm", outcome="y", shares="50,30,20")


def test_customers_seen_in_both_arms_are_left_out_and_said():
    who = np.r_[np.arange(1000), np.arange(1000)]
    table = drawn(unit=who)
    found = trying.experiment(table, arm="arm", outcome="y", unit="unit")

    assert any(c.code == "in_two_arms" for c in found.cautions)
    assert found.n < 2000


def test_outcomes_that_are_missing_in_one_arm_fail_a_check():
    table = drawn()
    table["y"] = np.where((table["arm"] == "new") & (np.arange(2000) % 4 == 0), np.nan, table["y"])

    check = next(c for c in trying.experiment(table, arm="arm", outcome="y").checks if c.name == "outcomes")

    assert check.passed is False


def test_one_arm_alone_is_refused_and_a_strange_control_is_bad_input():
    one = trying.experiment({"arm": ["a"] * 50, "y": range(50)}, arm="arm", outcome="y")

    assert "1 arm" in one.refused
    with pytest.raises(BadInput, match="No arm is called 'old'"):
        trying.experiment(drawn(), arm="arm", outcome="y", control="old")


def test_several_arms_are_told_each_and_the_clearest_leads():
    rng = np.random.default_rng(3)
    arm = np.repeat(["control", "red", "blue"], 500)
    found = trying.experiment({"arm": arm, "y": rng.normal(size=1500) + 0.5 * (arm == "blue")}, arm="arm", outcome="y")

    assert found.arm == "blue"
    assert [r.arm for r in found.rows] == ["control", "blue", "red"]
    assert any(c.code == "several_arms" for c in found.cautions)


def test_arms_that_are_bare_numbers_are_told_with_their_column():
    table = drawn(effect=0.5)
    table["treat"] = (table.pop("arm") == "new").astype(int)
    found = trying.experiment(table, arm="treat", outcome="y")

    assert found.answer.startswith("treat 1 raises y by ")
    assert "against treat 0 (" in found.answer
    assert found.arm == "1"


def test_an_outcome_of_nought_and_ten_is_an_amount_and_not_a_share():
    table = drawn()
    table["y"] = 10.0 * (table["y"] > 0)
    found = trying.experiment(table, arm="arm", outcome="y")

    assert not found.is_share
    assert "%" not in found.facts[0]


def test_an_outcome_that_never_differs_is_refused():
    found = trying.experiment({**drawn(), "y": np.full(2000, 5.0)}, arm="arm", outcome="y")

    assert found.refused == "y is 5 in every row: nothing to compare."
