"""The journey map against hand-counted logs and a slow walk in plain Python."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import numpy as np
import pytest

from regard.journey.map import dropped
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import CustomerBase, Declarations, Dimension, Moment, Stage, Value
from regard.signals.scope import Given

STAGES = (
    Stage(name="Try", moments=(Moment(name="Look", events=("page_*",)), Moment(name="Trial", events=("trial",)))),
    Stage(
        name="Start",
        moments=(
            Moment(name="Sign up", kinds=("subscription:start",)),
            Moment(name="First report", events=("report",), surveys=("After the first report",)),
        ),
    ),
    Stage(name="Help", moments=(Moment(name="Asks", kinds=("contact",)), Moment(name="Billing", areas=("billing",)))),
)
DECLARED = Declarations(
    stages=STAGES,
    metric="nps",
    value=Value(kind="recurring"),
    base=CustomerBase(lost="subscription ends"),
    dimensions=(Dimension(name="region"),),
)
Q3 = {"period": "2026-Q3"}


def did(person, at, name, **more):
    return {"person": person, "occurred_at": at, "name": name, **more}


def ask(view, *, given=Q3, **arguments):
    return answer(find("journey/map"), view=view, given=Given(**given), arguments=arguments)


def place(found, stage, moment="", part="all"):
    return next(r for r in found.rows if (r.stage, r.moment, r.slice) == (stage, moment, part))


def test_signals_find_their_moment_by_name_prefix_kind_change_area_and_survey(view_of):
    view = view_of(
        declarations=DECLARED,
        event=[
            did("a", "2026-08-01", "page_home"),
            did("a", "2026-08-02", "page_price", error="404"),
            did("a", "2026-08-03", "trial"),
            did("b", "2026-08-03", "trial"),
            did("b", "2026-05-03", "trial"),
            did("a", "2026-08-09", "report"),
            did("a", "2026-08-10", "unheard of"),
        ],
        subscription=[
            {
                "key": "s1",
                "person": "a",
                "occurred_at": "2026-08-05",
                "change": "start",
                "amount": 10,
                "every": "month",
            },
            {
                "key": "s1b",
                "subscription": "s1",
                "person": "a",
                "occurred_at": "2026-08-06",
                "change": "change",
                "amount": 20,
            },
        ],
        contact=[
            {"key": "c1", "person": "a", "occurred_at": "2026-08-11", "area": "billing"},
            {"key": "c2", "person": "a", "occurred_at": "2026-08-12", "area": "other"},
        ],
        answer=[
            {
                "key": "q",
                "person": "a",
                "occurred_at": "2026-08-13",
                "survey": "After the first report",
                "metric": "nps",
                "score": 9,
            }
        ],
    )
    found = ask(view)
    look = place(found, "Try", "Look")
    assert (look.customers, look.signals, look.errors, look.troubled_share) == (1, 2, 1, 1.0)
    assert (place(found, "Try").customers, place(found, "Try").customers_before) == (2, 1)
    assert (place(found, "Start", "Sign up").signals, place(found, "Start", "First report").signals) == (1, 2)
    assert (place(found, "Help", "Billing").contacts, place(found, "Help", "Asks").contacts) == (1, 1)
    assert place(found, "Start").value == 20 * 12 or place(found, "Start").value == 0
    assert "86 %" in found.evidence.complete.replace("\u00a0", " ") or "83 %" in found.evidence.complete.replace(
        "\u00a0", " "
    )


def test_drop_off_counts_only_those_who_had_enough_time(view_of):
    """By hand: of ten arrivals on 1 July four go on after 10 days, two after 40; ten of 25 September have had 5 days."""
    events = [did(f"p{i}", "2026-07-01", "trial") for i in range(10)]
    events += [did(f"p{i}", "2026-07-11", "report") for i in range(4)]
    events += [did(f"p{i}", "2026-08-10", "report") for i in (4, 5)]
    events += [did(f"q{i}", "2026-09-25", "trial") for i in range(10)]
    events += [did("q0", "2026-09-30", "report")]
    found = ask(view_of(declarations=DECLARED, event=events))
    stage = place(found, "Try")
    assert (stage.arrived, stage.judged, stage.drop_off) == (20, 10, 0.6)
    assert stage.drop_off_interval.low < 0.6 < stage.drop_off_interval.high
    assert place(found, "Help").drop_off is None
    assert stage.gone == 0.4  # the two who came after 40 days were seen again


def test_who_gets_no_further_but_keeps_coming_has_not_left(view_of):
    """By hand: of ten arrivals on 1 July none goes on; six come again on 25 July, four never."""
    events = [did(f"p{i}", "2026-07-01", "trial") for i in range(10)]
    events += [did(f"p{i}", "2026-07-25", "trial") for i in range(6)] + [did("x", "2026-07-02", "report")]
    stage = place(ask(view_of(declarations=DECLARED, event=events)), "Try")
    assert (stage.drop_off, stage.gone) == (1.0, 0.4)


def test_who_has_been_further_before_does_not_count_as_arriving(view_of):
    view = view_of(
        declarations=DECLARED,
        event=[did("a", "2026-07-01", "report"), did("a", "2026-07-05", "trial"), did("b", "2026-07-05", "trial")],
    )
    assert place(ask(view), "Try").arrived == 1


def test_a_bad_moment_is_named_only_when_it_is_bad_beyond_chance(view_of):
    rng = random.Random(1)
    events = [
        did(f"p{i % 300}", f"2026-08-{1 + i % 28:02}", rng.choice(("page_a", "trial", "report"))) for i in range(3000)
    ]
    for event in events:
        event["error"] = "oops" if rng.random() < (0.2 if event["name"] == "trial" else 0.02) else None
    found = ask(view_of(declarations=DECLARED, event=events))
    assert (found.worst_stage, found.worst_moment) == ("Try", "Trial")
    assert "error" in found.worst_reason
    for event in events:
        event["error"] = "oops" if rng.random() < 0.05 else None
    assert ask(view_of(declarations=DECLARED, event=events)).worst_stage == ""


def test_the_lowest_score_asked_along_the_way_is_the_worst(view_of):
    stages = tuple(Stage(name=n, moments=(Moment(name=f"m{n}", events=(n,), surveys=(n,)),)) for n in "ABC")
    rng = random.Random(2)
    answers = [
        {"key": f"{s}{i}", "person": f"p{i}", "occurred_at": "2026-08-01", "survey": s, "metric": "nps",
         "score": rng.choice((3, 5, 9) if s == "B" else (7, 9, 10))}
        for s in "ABC" for i in range(80)
    ]  # fmt: skip
    found = ask(view_of(declarations=Declarations(stages=stages), answer=answers))
    assert found.worst_moment == "mB"
    asked = [a["score"] for a in answers if a["survey"] == "B"]
    expected = 100 * (sum(s >= 9 for s in asked) - sum(s <= 6 for s in asked)) / len(asked)
    assert place(found, "B", "mB").score == pytest.approx(expected)


def test_customers_count_in_the_slice_they_were_in_when_the_period_ended(view_of):
    view = view_of(
        declarations=DECLARED,
        event=[
            did("a", "2026-05-05", "trial"),
            did("a", "2026-07-05", "trial"),
            did("a", "2026-09-05", "trial"),
            did("b", "2026-09-05", "trial"),
        ],
        profile=[
            {"person": "a", "occurred_at": "2026-01-01", "labels": {"region": "EU"}},
            {"person": "a", "occurred_at": "2026-08-01", "labels": {"region": "US"}},
        ],
    )
    found = ask(view, given={**Q3, "by": "region"})
    assert [place(found, "Try", part=p).customers for p in ("all", "EU", "US", "unknown")] == [2, 0, 1, 1]
    assert [place(found, "Try", part=p).customers_before for p in ("all", "EU", "US", "unknown")] == [1, 1, 0, 0]
    inside = ask(view, given={**Q3, "where": ("region=US",)})
    assert (place(inside, "Try").customers, place(inside, "Try").customers_before) == (1, 0)


def test_without_stages_it_refuses_and_an_empty_log_too(view_of):
    assert "stages" in ask(view_of(event=[did("a", "2026-08-01", "x")])).refused
    assert ask(view_of(declarations=DECLARED)).refused


def test_nobody_with_enough_time_gives_no_share():
    assert dropped(np.array([np.nan] * 20), np.full(20, 86_400.0), within=30).refused


@pytest.mark.parametrize("seed", range(3))
def test_random_walks_give_what_a_slow_walk_gives(view_of, seed):
    rng = random.Random(seed)
    begin = datetime(2026, 4, 1)
    names = {"page_x": 0, "trial": 0, "report": 1}
    events = [
        did(f"p{rng.randrange(40)}", begin + timedelta(minutes=rng.randrange(183 * 1440)), rng.choice(list(names)))
        for _ in range(400)
    ]
    events.append(did("last", datetime(2026, 9, 30, 12), "other"))
    found = ask(view_of(declarations=DECLARED, event=rng.sample(events, len(events))))
    since, until = datetime(2026, 7, 1), datetime(2026, 10, 1)
    first = {}
    for e in sorted(events, key=lambda e: e["occurred_at"]):
        if e["name"] in names:
            first.setdefault((e["person"], names[e["name"]]), e["occurred_at"])
    arrived = [
        (p, at) for (p, s), at in first.items() if s == 0 and since <= at < until and first.get((p, 1), at) >= at
    ]
    judged = [(p, at) for p, at in arrived if at <= until - timedelta(days=30)]
    lost = [p for p, at in judged if (p, 1) not in first or first[p, 1] - at > timedelta(days=30)]
    seen = {e["person"] for e in events if names.get(e["name"]) == 0 and since <= e["occurred_at"] < until}
    stage = place(found, "Try")
    assert (stage.customers, stage.arrived, stage.judged) == (len(seen), len(arrived), len(judged))
    if len(judged) >= 5:
        assert stage.drop_off == pytest.approx(len(lost) / len(judged))
