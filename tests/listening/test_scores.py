"""Scores: exact rules, intervals, changes, and when there is no number."""

import csv
import re
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from regard.errors import UnknownName
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Dimension, Value
from regard.signals.scope import Given

DATA = Path(__file__).parents[2] / "../shared/data"
SUMMER = Given(since="2026-09-01", until="2026-11-30")


def ask(view, given=SUMMER, **arguments):
    return answer(find("listening/scores"), view=view, given=given, arguments=arguments)


def answers(scores, *, at="2026-10-05T10:00:00", metric="nps", prefix="p", **more):
    low, high = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}.get(metric, (1, 5))
    start = datetime.fromisoformat(at)
    return [
        {"occurred_at": start + timedelta(minutes=i), "person": f"{prefix}{i}", "metric": metric, "score": float(s),
         "scale_min": float(low), "scale_max": float(high), "key": f"{prefix}{i}-{at}-{metric}"} | more
        for i, s in enumerate(scores)
    ]  # fmt: skip


def test_nps_counts_nine_and_ten_less_nought_to_six_with_the_score_interval(view_of):
    """50 promoters, 30 passives, 20 detractors: NPS 30. At each end the corrected score statistic is the quantile."""
    found = ask(view_of(answer=answers([10] * 25 + [9] * 25 + [8] * 15 + [7] * 15 + [6] * 10 + [0] * 10)))

    assert found.score == pytest.approx(30)
    ends = ((found.interval.low / 100, 29.75, 50, 20), (-found.interval.high / 100, -30.25, 20, 50))
    for end, near, top, bottom in ends:
        second, third = -70 + (200 - top + bottom) * end, -bottom * end * (1 - end)
        q = ((second**2 - 800 * third) ** 0.5 - second) / 400  # Tango (1998), the likeliest share at the bottom
        error = (100 * (2 * q + end * (1 - end))) ** 0.5
        assert (near - 100 * end) / error == pytest.approx(1.959964 * (100 / 99) ** 0.5, abs=1e-6)
    assert (found.n, found.evidence.customers, found.evidence.kind) == (100, 100, "estimated")
    assert {(g.score, g.group, g.n) for g in found.given} >= {
        (6.0, "detractor", 10),
        (9.0, "promoter", 25),
        (7.0, "passive", 15),
    }


def test_csat_is_the_two_highest_of_five_with_wilsons_interval(view_of):
    """Interval from statsmodels 0.14 proportion_confint(method='wilson')."""
    found = ask(view_of(answer=answers([5] * 30 + [4] * 11 + [3] * 5 + [1] * 4, metric="csat")))

    low, high = proportion_confint(41, 50, method="wilson")
    assert found.score == pytest.approx(82)
    assert (found.interval.low, found.interval.high) == pytest.approx((100 * low, 100 * high), abs=1e-6)


@pytest.mark.parametrize(
    ("low", "high", "top"),
    [(0, 1, [1]), (1, 3, [3]), (1, 4, [3, 4]), (1, 7, [6, 7]), (0, 10, [8, 9, 10]), (1, 10, [8, 9, 10])],
)
def test_csat_on_other_scales_counts_what_its_rule_says(view_of, low, high, top):
    given = list(range(low, high + 1)) * 12

    found = ask(view_of(answer=answers(given, metric="csat", scale_min=float(low), scale_max=float(high))))

    assert found.score == pytest.approx(100 * len(top) / (high - low + 1))


def test_ces_is_a_mean_with_a_t_interval(view_of):
    """By hand: 20 answers with mean 5.5, standard deviation of 10 sixes and 10 fives, t(19) = 2.093."""
    found = ask(view_of(answer=answers([6] * 10 + [5] * 10, metric="ces")))

    half = 2.0930240544 * np.std([6] * 10 + [5] * 10, ddof=1) / 20**0.5
    assert found.score == pytest.approx(5.5)
    assert found.interval.high - found.score == pytest.approx(half, rel=1e-6)


def test_reviews_count_as_stars(view_of):
    rows = [{k: v for k, v in r.items() if k != "metric"} for r in answers([5] * 20 + [1] * 10, metric="stars")]

    found = ask(view_of(review=rows))

    assert (found.metric, found.score) == ("stars", pytest.approx(11 / 3))
    assert found.rows[0].share_low == pytest.approx(1 / 3)


def test_ten_customers_who_answer_ten_times_each_are_ten_customers_not_a_hundred(view_of):
    """Cluster-robust variance by hand: influence of each customer summed, then squared; G/(G-1)."""
    rows = []
    for day in range(10):
        rows += answers([10] * 5 + [0] * 5, at=f"2026-10-{day + 1:02d}T10:00:00")
    once = ask(view_of(answer=answers([10] * 50 + [0] * 50)))
    many = ask(view_of(answer=rows))

    assert many.score == once.score == 0
    assert many.evidence.customers == 10
    assert many.effective == pytest.approx(9, rel=0.05)
    assert many.interval.high > 2.5 * once.interval.high


def test_customers_are_counted_once_and_answers_of_nobody_known_beside_them(view_of):
    """40 answers: 30 customers, five of them twice, and five answers without any id."""
    given = (
        answers([9] * 30)
        + answers([3] * 5, at="2026-11-01T10:00:00")
        + answers([7] * 5, at="2026-11-02T10:00:00", person=None)
    )

    found = ask(view_of(answer=given))

    assert found.n == 40
    assert found.evidence.customers == found.rows[0].customers == 30
    assert "35 answers from 30 customers, 5 from nobody known" in found.facts


def test_the_parts_of_a_change_add_up_as_they_are_written(view_of):
    """NPS 20 with 60/40 becomes 44.4: the change in the sentence is the sum of its two parts, to the digit shown."""
    declared = Declarations(dimensions=(Dimension(name="region", of="signal"),))
    now = answers([9] * 40 + [3] * 14, labels={"region": "N"}) + answers(
        [9] * 25 + [3] * 11, prefix="q", labels={"region": "S"}
    )
    then = answers([9] * 30 + [3] * 13, at="2026-07-05T10:00:00", prefix="x", labels={"region": "N"})
    then += answers([9] * 21 + [3] * 23, at="2026-07-05T10:00:00", prefix="y", labels={"region": "S"})

    found = ask(view_of(answer=now + then, declarations=declared))

    told = next(f for f in found.facts if "from what they answered" in f)
    numbers = [
        float(x.replace("\u2212", "-").replace("+", ""))
        for x in re.findall(r"(?<![\w.])[+\u2212][\d.]+", told.split("(by")[0])
    ]
    assert len(numbers) in {3, 5}
    assert numbers[0] == pytest.approx(numbers[-2] + numbers[-1], abs=0.051)


def test_weighted_and_unweighted_scores_stand_side_by_side(view_of):
    rows = answers([10] * 20, prefix="a", weight=3.0) + answers([0] * 20, prefix="b", weight=1.0)

    found = ask(view_of(answer=rows))

    assert (found.score, found.unweighted) == (pytest.approx(50), pytest.approx(0))
    assert "weighted" in {c.code for c in found.cautions}


def test_under_five_answers_there_is_no_number(view_of):
    found = ask(view_of(answer=answers([10] * 4)))

    assert found.refused
    assert found.score is None
    assert "4 answers" in found.answer
    assert found.next_step
    assert found.evidence.kind == "refused"


def test_an_empty_log_says_what_to_add(view_of):
    found = ask(view_of())

    assert found.refused
    assert "regard import" in found.next_step


def test_one_customer_is_not_enough_however_often_they_answer(view_of):
    rows = [r | {"person": "ana"} for r in answers([10] * 40)]

    found = ask(view_of(answer=rows))

    assert "1 customer" in found.refused


def test_a_clear_fall_is_called_worse_and_a_small_one_cannot_be_told(view_of):
    before = answers([10] * 60 + [0] * 40, at="2026-07-05T10:00:00", prefix="b")
    fell = ask(view_of(answer=before + answers([10] * 30 + [0] * 70)))
    moved = ask(view_of(answer=before + answers([10] * 58 + [0] * 42)))

    assert (fell.verdict, fell.change) == ("worse", pytest.approx(-60))
    assert "much worse" in fell.answer
    assert (moved.verdict, moved.change) == ("cannot tell", pytest.approx(-4))
    assert "cannot be told" in moved.answer


def test_the_same_customers_changed_their_mind_only_where_the_same_answered_twice(view_of):
    before, now = [9] * 20 + [5] * 20, [6] * 20 + [5] * 20
    twice = ask(view_of(answer=answers(before, at="2026-07-05T10:00:00") + answers(now)))
    apart = ask(view_of(answer=answers(before, at="2026-07-05T10:00:00", prefix="b") + answers(now)))

    assert (twice.twice, twice.same_change) == (40, pytest.approx(-100))
    assert any("changed their mind" in f for f in twice.facts)
    assert (apart.twice, apart.same_change) == (0, None)
    assert not any("mind" in f for f in apart.facts)


def regional(scores_by_region, at):
    rows = []
    for region, given in scores_by_region.items():
        rows += answers(given, at=at, prefix=f"{region}{at[:7]}", labels={"region": region})
    return rows


REGION = Declarations(dimensions=(Dimension(name="region", of="signal"),), metric="nps")


def test_a_fall_from_who_answered_is_mix_and_not_rate(view_of):
    """Groups keep their scores (+100 and -100); shares go from 3:1 to 1:3: the whole change of -100 is mix."""
    before = regional({"North": [10] * 75, "South": [0] * 25}, "2026-07-05T10:00:00")
    now = regional({"North": [10] * 25, "South": [0] * 75}, "2026-10-05T10:00:00")

    found = ask(view_of(answer=before + now, declarations=REGION))

    assert found.split_by == "region"
    assert (found.mix, found.rate) == (pytest.approx(-100), pytest.approx(0))
    assert found.mix + found.rate == pytest.approx(found.change, abs=1e-9)


def test_slices_show_their_scores_and_thin_ones_show_none(view_of):
    now = regional({"North": [10] * 40 + [0] * 10, "South": [0] * 30, "Isles": [10] * 3}, "2026-10-05T10:00:00")

    found = ask(
        view_of(answer=now, declarations=REGION), given=Given(since="2026-09-01", until="2026-11-30", by="region")
    )

    rows = {r.slice: r for r in found.rows}
    assert (rows["North"].score, rows["South"].score) == (pytest.approx(60), pytest.approx(-100))
    assert (rows["Isles"].score, rows["Isles"].n) == (None, 3)
    assert found.rows[0].slice == "all"


def test_many_slices_without_any_change_are_hardly_ever_called_changed(view_of):
    """40 slices of pure noise: with the false discovery rate held at 5 %, one claim or none (seeded)."""
    rng = np.random.default_rng(5)
    draw = lambda: list(rng.choice([10, 8, 3], size=60, p=[0.5, 0.3, 0.2]))  # noqa: E731
    before = regional({f"r{i}": draw() for i in range(40)}, "2026-07-05T10:00:00")
    now = regional({f"r{i}": draw() for i in range(40)}, "2026-10-05T10:00:00")

    found = ask(
        view_of(answer=before + now, declarations=REGION),
        given=Given(since="2026-09-01", until="2026-11-30", by="region"),
    )

    claimed = [r for r in found.rows[1:] if r.verdict in {"better", "worse"}]
    assert len(claimed) <= 1
    assert any(r.change_low > 0 or r.change_high < 0 for r in found.rows[1:])


def test_an_answer_off_the_scale_is_left_out_and_said(view_of):
    found = ask(view_of(answer=answers([10] * 20 + [11] * 2)))

    assert (found.n, found.score) == (20, pytest.approx(100))
    assert "off_scale" in {c.code for c in found.cautions}


def test_asking_for_a_metric_nobody_answered_names_the_near_one(view_of):
    from regard.errors import UnknownName

    with pytest.raises(UnknownName, match="npx"):
        ask(view_of(answer=answers([10] * 20)), metric="npx")


def test_the_declared_metric_comes_first_even_with_fewer_answers(view_of):
    rows = answers([10] * 20) + answers([5] * 60, metric="csat", prefix="c")

    assert ask(view_of(answer=rows, declarations=Declarations(metric="nps"))).metric == "nps"
    assert ask(view_of(answer=rows)).metric == "csat"


def test_parts_are_left_out_of_the_whole_and_can_be_asked_for(view_of):
    rows = answers([10] * 20) + answers([1] * 30, metric="stars", prefix="d", part="delivery")
    view = view_of(answer=rows)

    assert (ask(view).metric, ask(view).n) == ("nps", 20)
    assert ask(view, part="delivery").score == pytest.approx(1)


def test_the_share_of_those_asked_who_answered_is_told_when_messages_know(view_of):
    sent = [{"occurred_at": "2026-10-01T08:00:00", "person": f"p{i}", "topic": "survey"} for i in range(80)]

    found = ask(view_of(answer=answers([10] * 20), message=sent))

    assert (found.asked, found.answered) == (80, 20)
    assert any("25\u00a0% of the 80 asked" in f for f in found.facts)


def test_the_trend_takes_buckets_wide_enough_to_tell_something(view_of):
    rows = [
        r for m in range(1, 12) for r in answers([10] * 20 + [0] * 10, at=f"2026-{m:02d}-10T10:00:00", prefix=f"m{m}")
    ]

    found = ask(view_of(answer=rows))

    assert found.grain == "month"
    assert all(t.score == pytest.approx(100 / 3) for t in found.trend)
    assert [t.period for t in found.trend][-3:] == ["now"] * 3 or found.trend[-1].period == "now"


@pytest.mark.data
def test_the_recommend_question_of_the_european_index_gives_plus_fourteen(view_of):
    """README of ecsi_mobile: CUSL3, 9-10 minus 1-6, gives +14."""
    path = DATA / "ecsi_mobile/mobi.csv"
    if not path.exists():
        pytest.skip("public data sets are not beside the project")
    with path.open(newline="") as file:
        given = [float(row["CUSL3"]) for row in csv.DictReader(file)]

    found = ask(view_of(answer=answers(given, scale_min=1.0)))

    assert found.n == 250
    assert round(found.score) == 14


def unlike_the_base(answering_a=80, answering_b=20):
    """A base of 200, half on plan A and half on B; A gives 10 and answers four times as often as B, which gives 0."""
    log = {"subscription": [], "profile": [], "answer": []}
    for i in range(200):
        who, plan = f"P{i:03d}", "A" if i < 100 else "B"
        log["subscription"].append({"person": who, "key": who, "subscription": who, "change": "start", "amount": 10,
                                    "currency": "EUR", "every": "month", "occurred_at": "2026-01-05"})  # fmt: skip
        log["profile"].append({"person": who, "labels": {"plan": plan}, "occurred_at": "2026-01-01"})
        if i % 100 < (answering_a if plan == "A" else answering_b):
            score = 10 if plan == "A" else 0
            log["answer"].append({"person": who, "score": score, "metric": "nps", "occurred_at": "2026-10-05"})
    return log


def weighted(view_of, weights, **log):
    declared = Declarations(value=Value(kind="recurring"), currency="EUR", dimensions=(Dimension(name="plan"),))
    given = Given(since="2026-09-01", until="2026-11-20")
    view = view_of(declarations=declared, **log)
    return answer(find("listening/scores"), view=view, given=given, arguments={"weights": weights})


def test_weights_to_the_base_bring_back_who_answers_less(view_of):
    """Post-stratification by hand: half of the base gives +100, half -100, so the base stands at 0, not at +60."""
    found = weighted(view_of, "plan", **unlike_the_base())

    assert found.unweighted == pytest.approx(60)
    assert found.score == pytest.approx(0, abs=1e-6)
    assert found.design_effect == pytest.approx(1.5625)
    assert found.weighted_to == "plan"
    assert "weighted" in {c.code for c in found.cautions}


def test_a_plan_that_next_to_nobody_answers_from_is_taken_together_and_said(view_of):
    found = weighted(view_of, "plan", **unlike_the_base(answering_b=2))

    assert "cells_collapsed" in {c.code for c in found.cautions}


def test_weights_to_an_unknown_dimension_name_the_nearest(view_of):
    with pytest.raises(UnknownName, match="plann"):
        weighted(view_of, "plann", **unlike_the_base())
