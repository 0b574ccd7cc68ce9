"""What `regard try effect` says, beyond what the battery holds of every trial."""

from __future__ import annotations

import numpy as np
import pytest

from regard import trying
from regard.errors import BadInput


def people(n=1500, *, effect=1.0, hidden=0.0, apart=0.0, seed=2):
    """Customers with an amount, a label and something nobody measured."""
    rng = np.random.default_rng(seed)
    x, u, group = rng.normal(size=n), rng.normal(size=n), rng.choice(["north", "south", "west"], n)
    used = rng.uniform(size=n) < 1 / (1 + np.exp(-(0.5 * x + 0.5 * (group == "west") + hidden * u)))
    y = x + (group == "west") + effect * used + hidden * u + rng.normal(size=n)
    return {"y": y, "used": np.where(used, "yes", "no"), "x": x + apart * used, "group": group}


def ask(table, **more):
    return trying.effect(table, **{"outcome": "y", "used": "used", "covariates": ("x", "group"), **more})


def test_training_against_a_survey_is_told_with_what_would_undo_it():
    """LaLonde's men against the CPS: the experiment says 1,794 (Dehejia and Wahba 1999), the plain difference −8,498."""
    data = pytest.importorskip("causaldata")
    pandas = pytest.importorskip("pandas")
    drawn, survey = data.nsw_mixtape.load_pandas().data, data.cps_mixtape.load_pandas().data
    table = pandas.concat([drawn[drawn["treat"] == 1], survey])
    names = "age,educ,black,hisp,marr,nodegree,re74,re75"
    found = trying.effect(table, outcome="re78", used="treat", covariates=names)

    assert found.interval.low < 1794 < found.interval.high
    assert found.estimate == pytest.approx(1489, abs=350)
    views = {row.view: row.estimate for row in found.views}
    assert views["not adjusted"] == pytest.approx(-8497.5, abs=0.05)
    assert found.answer.startswith("No effect on re78 can be told")
    assert found.users == 185
    assert found.hidden[0].covariate == "re75"


def test_an_effect_is_found_where_the_plain_difference_exaggerates():
    found = ask(people())

    assert found.interval.low < 1.0 < found.interval.high
    assert next(r for r in found.views if r.view == "not adjusted").low > 1.1
    assert all(c.passed for c in found.checks)
    assert {r.covariate for r in found.rows} == {"x", "group: north", "group: south", "group: west"}


def test_no_effect_is_not_claimed():
    assert ask(people(effect=0.0)).answer.startswith("No effect on y can be told")


def test_something_hidden_makes_a_false_effect_and_the_sensitivity_line_says_how_little_it_takes():
    """Hidden cause of strength .8 on both, no effect at all: the interval is wrong, and the answer must not be calm."""
    found = ask(people(effect=0.0, hidden=0.8, n=3000))

    assert found.interval.low > 0
    assert found.robustness < 0.3
    assert found.e_value < 3
    assert any(c.code == "not_randomised" for c in found.cautions)
    assert "explain" in next(c for c in found.checks if c.name == "unmeasured").text


def test_users_and_others_without_anything_in_common_are_refused():
    found = ask(people(apart=8.0))

    assert found.refused.startswith("no overlap")
    assert found.estimate is None
    assert found.next_step
    assert found.rows[0].covariate == "x"


def test_columns_nobody_named_are_taken_and_said():
    table = people()
    table["customer"] = [f"c{i}" for i in range(1500)]
    found = trying.effect(table, outcome="y", used="used")

    guessed = next(c for c in found.cautions if c.code == "covariates_guessed")
    assert "x and group" in guessed.text
    assert "customer" not in guessed.text


def test_codes_may_be_named_as_labels():
    table = people()
    table["group"] = np.unique(table["group"], return_inverse=True)[1]

    assert len(ask(table, labels="group").rows) == 4
    assert len(ask(table).rows) == 2


def test_three_kinds_of_use_and_a_covariate_that_is_the_outcome_are_bad_input():
    table = people()
    with pytest.raises(BadInput, match="3 labels"):
        ask(table, used="group", covariates="x")
    with pytest.raises(BadInput, match="its own covariate"):
        ask(table, covariates="x,y")


def test_how_often_counts_as_used_from_once_on():
    table = people()
    often = {**table, "used": np.where(table["used"] == "yes", 3, 0)}

    assert ask(often).estimate == pytest.approx(ask(table).estimate)


def test_an_outcome_that_never_differs_is_refused():
    found = ask({**people(), "y": np.full(1500, 5.0)})

    assert found.refused == "y is the same in every row: nothing to compare."
