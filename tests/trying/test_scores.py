"""Scores from one file: the same numbers as the workspace's, weights to the base, who is silent."""

import numpy as np
import pytest

from regard import trying
from regard.errors import BadInput
from regard.statistics.proportions import net_share


def table(scores, **more):
    return {"nps": np.asarray(scores, float), **more}


def census(tmp_path, text):
    path = tmp_path / "census.csv"
    path.write_text(text)
    return str(path)


def test_an_nps_is_the_statistic_of_the_workspace():
    found = trying.scores(table([9] * 50 + [8] * 30 + [3] * 20))
    same = net_share(50, 30, 20)

    assert found.estimate == pytest.approx(30)
    assert (found.interval.low, found.interval.high) == pytest.approx((100 * same.low, 100 * same.high))
    assert found.metric == "nps"


def test_five_answers_are_told_and_four_refused():
    assert trying.scores(table([9, 9, 8, 3, 10])).estimate == pytest.approx(40)

    refused = trying.scores(table([9, 9, 8, 3]))

    assert "only 4 answers" in refused.refused
    assert refused.estimate is None


def test_answers_of_one_customer_are_dependent():
    scores = np.tile([9, 9, 8, 3, 10, 2, 9, 7], 20)
    once = trying.scores(table(scores))
    again = trying.scores(table(scores, customer=np.tile(np.arange(16), 10)))

    assert again.interval.high - again.interval.low > 2 * (once.interval.high - once.interval.low)
    assert "dependent" in again.method
    assert again.effective < 20


def test_the_kind_is_told_from_heading_and_values():
    assert trying.scores({"csat": [5, 4, 3, 5, 4] * 4}).metric == "csat"
    assert trying.scores({"rating": [5, 4, 3, 1, 4] * 4}).metric == "stars"
    assert trying.scores({"ces": [7, 6, 5, 6, 7] * 4}).metric == "ces"
    assert trying.scores({"How likely are you to recommend us?": [7, 6, 5, 6, 7] * 4}).metric == "nps"
    assert trying.scores({"x": [1.5, 2.5] * 10, "y": ["a"] * 20}, score="x", kind="mean").estimate == pytest.approx(2)


def test_a_change_is_split_into_who_answered_and_what_they_answered():
    """Half of A gives 9 and half of B gives 0 throughout; only the mix moves: all of the change is mix."""
    day = np.repeat(["2026-01-10", "2026-06-10"], 100)
    plan = np.repeat(["A", "B", "A", "B"], [80, 20, 20, 80])
    score = np.where(plan == "A", 9, 3)

    found = trying.scores(table(score, date=day, plan=plan), time="date", by="plan")

    assert found.change == pytest.approx(-120)
    assert found.mix == pytest.approx(-120)
    assert found.rate == pytest.approx(0, abs=1e-9)
    assert found.verdict == "worse"
    assert {r.slice for r in found.rows} == {"all", "A", "B"}


def test_the_same_customers_who_changed_their_mind_are_told():
    """Thirty customers answer twice and move from passive to promoter or stay: the mean move is by hand 100 · 20/30."""
    who = [f"C{i}" for i in range(30)]
    scores = [8] * 30 + [9] * 20 + [8] * 10
    found = trying.scores(table(scores, customer=who * 2, date=["2026-01-10"] * 30 + ["2026-06-10"] * 30), time="date")

    assert found.twice == 30
    assert found.same_change == pytest.approx(100 * 20 / 30)
    assert any("changed their mind" in fact for fact in found.facts)


def test_what_counts_as_now_can_be_given():
    day = np.repeat(["2026-01-10", "2026-02-10", "2026-03-10"], 40)
    found = trying.scores(table([9] * 40 + [8] * 40 + [2] * 40, date=day), time="date", from_="2026-03-01")

    assert found.estimate == pytest.approx(-100)
    assert str(found.since) == "2026-03-01"
    with pytest.raises(BadInput, match="lies outside"):
        trying.scores(table([9] * 120, date=day), time="date", from_="2027-01-01")


def test_weights_bring_the_base_back(tmp_path):
    """A gives +100 and answers four times as often as B, which gives -100; the base is half and half: 0, not +60."""
    plan = np.repeat(["A", "B"], [80, 20])
    path = census(tmp_path, "plan,n\nA,5000\nB,5000\n")

    found = trying.scores(table(np.where(plan == "A", 10, 0), plan=plan), weights_to=path)

    assert found.unweighted == pytest.approx(60)
    assert found.estimate == pytest.approx(0, abs=1e-9)
    assert found.design_effect == pytest.approx(1.5625)
    assert found.answered == pytest.approx(0.01)
    assert found.tipping[1].score == pytest.approx(-9.9)


def test_a_base_of_one_row_a_customer_and_one_of_margins_say_the_same(tmp_path):
    random = np.random.default_rng(2)
    plan, region = random.choice(["A", "B"], 300, p=[0.8, 0.2]), random.choice(["N", "S"], 300)
    rows = table(random.integers(0, 11, 300), plan=plan, region=region)
    margins = census(tmp_path, "column,value,n\nplan,A,60\nplan,B,40\nregion,N,70\nregion,S,30\n")
    one = trying.scores(rows, weights_to=margins)
    (tmp_path / "people.csv").write_text("plan,region\n" + "A,N\n" * 42 + "A,S\n" * 18 + "B,N\n" * 28 + "B,S\n" * 12)
    other = trying.scores(rows, weights_to=str(tmp_path / "people.csv"))

    assert "raked to plan and region" in one.method
    assert one.estimate == pytest.approx(other.estimate, abs=3)


def test_thin_cells_and_labels_nobody_knows_are_said(tmp_path):
    plan = np.repeat(["A", "B", "C", "X"], [60, 30, 2, 8])
    path = census(tmp_path, "plan,n\nA,50\nB,40\nC,5\nD,5\n")

    found = trying.scores(table(np.tile([9, 3], 50), plan=plan), weights_to=path)

    assert {"cells_collapsed", "cell_unknown"} <= {c.code for c in found.cautions}


def test_a_base_without_a_shared_column_says_what_to_give(tmp_path):
    path = census(tmp_path, "tier,n\nA,50\n")

    with pytest.raises(BadInput, match="share no column") as caught:
        trying.scores(table([9] * 20, plan=["A"] * 20), weights_to=path)

    assert "plan" in caught.value.hint


def waves(seed, by_score):
    """600 customers asked twice; whether they answer again depends on their score, or on their plan alone."""
    random = np.random.default_rng(seed)
    plan = random.integers(0, 2, 600)
    first = np.clip(np.round(random.normal(6.5 + 2 * plan, 2)), 0, 10)
    lean = (first - 7) / 2 if by_score else np.where(plan == 1, 0.8, -0.8)
    again = random.uniform(size=600) < 1 / (1 + np.exp(-lean))
    second = np.where(again, np.clip(first + random.integers(-1, 2, 600), 0, 10), np.nan)
    who = [f"C{i}" for i in range(600)]
    return {
        "nps": np.concatenate([first, second]),
        "customer": who * 2,
        "plan": np.tile(np.array(["Free", "Team"])[plan], 2),
        "date": ["2026-01-15"] * 600 + ["2026-05-15"] * 600,
    }


def test_silence_that_depends_on_the_score_is_flagged(tmp_path):
    path = census(tmp_path, "plan,n\nFree,300\nTeam,300\n")

    found = trying.scores(waves(1, by_score=True), time="date", weights_to=path)

    check = {c.name: c for c in found.checks}["silence_by_score"]
    assert check.passed is False
    assert check.value < -1
    assert "fell silent" in found.next_step


def test_silence_that_depends_on_the_plan_is_cured_and_not_flagged(tmp_path):
    path = census(tmp_path, "plan,n\nFree,300\nTeam,300\n")

    flagged = [
        trying.scores(waves(s, by_score=False), time="date", weights_to=path).checks[0].passed is False
        for s in range(2, 22)
    ]

    assert sum(flagged) <= 4  # 1 in 20 by chance; 5 or more of 20 have a chance of .003


def test_an_impossible_date_does_not_move_the_halves():
    day = ["1970-01-01"] + ["2026-01-10"] * 60 + ["2026-02-10"] * 70
    found = trying.scores(table([9] * 61 + [2] * 70, date=day), time="date")

    assert str(found.since) == "2026-02-10"
    assert found.before == pytest.approx(100)
    assert found.estimate == pytest.approx(-100)


def test_answers_all_alike_are_not_passed_off_as_certain():
    found = trying.scores({"stars": [5] * 60}, score="stars", kind="stars")

    assert any(c.code == "all_alike" for c in found.cautions)
    assert not any(c.code == "all_alike" for c in trying.scores({"stars": [5, 4] * 30}, score="stars").cautions)


def test_the_question_is_taken_for_the_score_before_the_number_of_the_answer():
    table = {"Answer Nr": list(range(60)), "How likely (0-10)?": [10, 9, 3] * 20}

    assert "score = How likely (0-10)?" in " ".join(c.text for c in trying.scores(table).cautions)
