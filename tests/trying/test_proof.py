"""Proofs from one file: what is answered, what is refused and named, and that nothing is filled in or called clear that is not."""

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from regard import trying
from regard.errors import BadInput, UnknownName

SMOKING = Path(__file__).parents[2] / "../shared/data/prop99_smoking/smoking.csv"
_spec = importlib.util.spec_from_file_location("example_proof", Path(__file__).with_name("example_proof.py"))
example = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(example)
ASKED = {"unit": "shop", "time": "month", "outcome": "minutes"}


def shops(**changed):
    table = example.shops().to_pydict()
    return {k: list(v) for k, v in (table | changed).items()}


def named(found, name):
    return next(c for c in found.checks if c.name == name)


@pytest.mark.data
def test_proposition_99_is_answered_from_the_file_as_it_is():
    """Arkhangelsky and others (2021): −15.6 and −19.6; digits as azcausal 0.2.5 prints them."""
    if not SMOKING.exists():
        pytest.skip("the public data sets are not beside the project")
    asked = {"unit": "state", "time": "year", "outcome": "cigsale", "treated": "California", "from": "1989"}

    found = trying.proof(str(SMOKING), **asked)

    assert found.estimate == pytest.approx(-15.6038, abs=1e-4)
    assert found.rows[0].time == "1970"
    assert found.donors[0].unit == "Nevada"
    assert found.verdict == "not clear"
    assert found.interval.low < found.estimate < found.interval.high
    assert trying.proof(str(SMOKING), **asked, method="sc").estimate == pytest.approx(-19.6197, abs=1e-4)
    assert trying.proof(str(SMOKING), **asked, method="did").estimate == pytest.approx(-27.3491, abs=1e-3)


def test_a_planted_effect_is_found_and_the_flag_column_says_the_same_as_names():
    found = trying.proof(shops(), **ASKED, treated=["Lakeside"], from_="2025-07")
    flagged = trying.proof(shops(), **ASKED, treated="second_till")

    assert found.interval.low < -1.5 < found.interval.high
    assert found.verdict == "likely"
    assert flagged.estimate == pytest.approx(found.estimate)
    assert found.since == "Jul 2025"
    assert found.coverage_runs >= 200


def test_an_outcome_that_the_treatment_cannot_move_and_that_moved_speaks_against_it():
    table = shops()
    rng = np.random.default_rng(2)
    calm = rng.normal(20, 1, len(table["minutes"])).round(2)
    moved = calm + np.where(table["second_till"], 6.0, 0.0)
    table |= {"rain": calm.tolist(), "roadworks": moved.tolist()}

    found = trying.proof(table, **ASKED, treated="second_till", unaffected=("rain", "roadworks"))
    clean = trying.proof(table, **ASKED, treated="second_till", unaffected=("rain",))

    assert found.verdict == "cannot tell"
    assert "roadworks" in named(found, "negative_control").text
    assert clean.verdict == "likely"
    assert [c.outcome for c in found.unaffected] == ["rain", "roadworks"]


def test_how_far_trends_may_part_is_told_with_every_effect():
    found = trying.proof(shops(), **ASKED, treated=["Lakeside"], from_="2025-07")
    rolled = trying.proof(example.regions(), unit="region", time="quarter", outcome="nps", treated="live_since")

    for told in (found, rolled):
        assert told.breakdown > 0
        assert told.drift_undoes > 0
        widths = [b.high - b.low for b in told.bounds]
        assert widths == sorted(widths)
        assert widths[0] > told.interval.high - told.interval.low
    assert named(found, "placebo_treatment").passed is True or named(found, "placebo_treatment").passed is None


def test_two_starts_are_answered_group_by_group_and_with_what_the_regression_would_have_said():
    table = example.regions()
    found = trying.proof(table, unit="region", time="quarter", outcome="nps", treated="live_since")

    assert "Callaway" in found.method
    assert found.two_way is not None
    assert {g.units for g in found.groups} == {12}
    truth = np.mean([0.5 * k for k in [*range(1, 9), *range(1, 5)]])
    assert found.interval.low < truth < found.interval.high


def test_treated_controls_are_refused_by_name_when_one_start_is_asked_for():
    found = trying.proof(
        example.regions(), unit="region", time="quarter", outcome="nps", treated="live_since", method="sdid"
    )

    assert "Not all start at once" in found.refused
    assert "R12 from" in found.refused
    assert "staggered" in found.next_step


def test_a_treated_cell_that_is_missing_is_named_and_a_donor_with_one_is_left_out():
    table = shops()
    gone = next(
        i
        for i, (s, m) in enumerate(zip(table["shop"], table["month"], strict=True))
        if (s, m) == ("Lakeside", "2024-05")
    )
    table["minutes"][gone] = None
    refused = trying.proof(table, **ASKED, treated=["Lakeside"], from_="2025-07")
    assert "Lakeside at May 2024" in refused.refused

    table = shops()
    table["minutes"][24 + 3] = None
    found = trying.proof(table, **ASKED, treated=["Lakeside"], from_="2025-07")
    caution = next(c for c in found.cautions if c.code == "unbalanced")
    assert "Shop 01 at Apr 2024" in caution.text
    assert "Shop 01" not in {d.unit for d in found.donors}
    assert len(found.donors) == 22


def test_rows_of_one_cell_are_averaged_and_that_is_said():
    table = shops()
    doubled = {k: v + v for k, v in table.items()}
    doubled["minutes"] = [m - 1 for m in table["minutes"]] + [m + 1 for m in table["minutes"]]

    found = trying.proof(doubled, **ASKED, treated=["Lakeside"], from_="2025-07")

    once = trying.proof(table, **ASKED, treated=["Lakeside"], from_="2025-07")
    assert found.estimate == pytest.approx(once.estimate)
    assert any(c.code == "averaged" for c in found.cautions)


def test_days_are_put_into_months_that_every_unit_fills():
    random = np.random.default_rng(1)
    table = {"shop": [], "day": [], "minutes": []}
    for s in range(12):
        for month in range(18):
            for d in random.choice(27, 4, replace=False):
                table["shop"].append(f"S{s:02d}")
                table["day"].append(f"{2024 + month // 12}-{month % 12 + 1:02d}-{d + 1:02d}")
                table["minutes"].append(float(random.normal() + s))
    found = trying.proof(table, unit="shop", time="day", outcome="minutes", treated="S03", from_="2025-01-01")

    assert len(found.rows) == 18
    assert any("a month" in c.text for c in found.cautions)


def test_units_that_part_before_are_refused_by_differences_and_never_likely_by_the_others():
    random = np.random.default_rng(2)
    y = random.normal(0, 0.5, (20, 24))
    y[0] += 0.4 * np.arange(24)
    table = {
        "unit": np.repeat([f"U{i:02d}" for i in range(20)], 24), "time": np.tile(np.arange(24), 20), "y": y.ravel(),
    }  # fmt: skip
    asked = {"unit": "unit", "time": "time", "outcome": "y", "treated": ["U00"], "from_": "18"}

    did = trying.proof(table, **asked, method="did")

    assert "moved apart" in did.refused or "poor" in did.refused
    assert trying.proof(table, **asked).verdict != "likely"
    assert trying.proof(table, **asked, method="sc").verdict != "likely"


def test_no_effect_is_said_only_inside_a_margin_given_beforehand():
    random = np.random.default_rng(3)
    table = {
        "unit": np.repeat([f"U{i:02d}" for i in range(30)], 24), "time": np.tile(np.arange(24), 30),
        "y": random.normal(size=720),
    }  # fmt: skip
    asked = {"unit": "unit", "time": "time", "outcome": "y", "treated": ["U00"], "from_": "12"}

    assert trying.proof(table, **asked).verdict == "not clear"
    assert trying.proof(table, **asked, margin=3).verdict == "no effect"
    assert trying.proof(table, **asked, margin=0.1).verdict == "not clear"


def test_a_treatment_that_ends_again_is_refused():
    table = shops()
    table["second_till"][23] = 0
    assert "goes back to 0 for Lakeside" in trying.proof(table, **ASKED, treated="second_till").refused


def test_an_unknown_unit_names_the_nearest_and_a_start_outside_is_told():
    with pytest.raises(UnknownName, match="Lakeside"):
        trying.proof(shops(), **ASKED, treated=["Lakesyde"], from_="2025-07")
    with pytest.raises(BadInput, match="since when"):
        trying.proof(shops(), **ASKED, treated=["Lakeside"])
    with pytest.raises(BadInput, match="no time"):
        trying.proof(shops(), **ASKED, treated=["Lakeside"], from_="summer")
    assert "nothing is left" in trying.proof(shops(), **ASKED, treated=["Lakeside"], from_="2023-01").refused
    assert "nothing is left" in trying.proof(shops(), **ASKED, treated=["Lakeside"], from_="2027-01").refused


def test_without_a_past_a_clear_effect_is_not_called_likely():
    random = np.random.default_rng(5)
    y = random.normal(0, 0.1, (20, 4))
    y[0, 2:] += 5
    table = {
        "unit": np.repeat([f"U{i:02d}" for i in range(20)], 4), "time": np.tile(np.arange(4), 20), "y": y.ravel(),
    }  # fmt: skip
    found = trying.proof(table, unit="unit", time="time", outcome="y", treated=["U00"], from_="2")

    assert found.interval.low > 0
    assert found.verdict == "cannot tell"
    assert "too little past" in found.answer


def test_a_treated_unit_that_never_varies_is_answered():
    y = np.vstack([np.ones((1, 20)), np.random.default_rng(6).normal(size=(15, 20))])
    table = {
        "unit": np.repeat([f"U{i:02d}" for i in range(16)], 20), "time": np.tile(np.arange(20), 16), "y": y.ravel(),
    }  # fmt: skip
    found = trying.proof(table, unit="unit", time="time", outcome="y", treated=["U00"], from_="14")
    assert not found.refused


def test_four_donors_are_too_few():
    table = shops()
    keep = [i for i, s in enumerate(table["shop"]) if s in {"Lakeside", "Shop 01", "Shop 02", "Shop 03", "Shop 04"}]
    few = {k: [v[i] for i in keep] for k, v in table.items()}
    found = trying.proof(few, **ASKED, treated=["Lakeside"], from_="2025-07")

    assert found.refused.startswith("only 4 donors")
    assert found.next_step


def test_the_figure_has_treated_twin_band_and_placebos():
    found = trying.proof(shops(), **ASKED, treated=["Lakeside"], from_="2025-07")
    drawn = trying.find("proof").figure(found)

    assert drawn.svg.count("fig-line") == 2
    assert drawn.svg.count("fig-ghost") == 1
    assert drawn.svg.count("fig-band") == 1
    assert drawn.svg.count("fig-placebo") == 23
    assert "Lakeside" in drawn.svg
    assert len(found.rows) == 24


def test_a_shape_of_ten_thousand_rows_is_read(tmp_path):
    random = np.random.default_rng(4)
    with (tmp_path / "big.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["unit", "time", "y"])
        rows.writerows((f"U{u:03d}", t, round(random.normal() + u / 50, 4)) for u in range(200) for t in range(50))
    found = trying.proof(str(tmp_path / "big.csv"), unit="unit", time="time", outcome="y", treated="U007", from_="40")

    assert found.n == 10_000
    assert found.estimate is not None


def test_when_nobody_says_who_was_treated_units_are_asked_for():
    table = {"unit": ["a", "a", "b", "b"], "time": [1, 2, 1, 2], "y": [1.0, 2.0, 1.0, 2.0]}
    with pytest.raises(BadInput, match="Which units were treated is not said") as told:
        trying.proof(table, unit="unit", time="time", outcome="y")

    assert "--from" in told.value.hint
