"""The discovered journey of the made-up company beside plain Python, a planted change, and groups."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from regard.figures.flowmap import FlowStep
from regard.journey import discovered
from regard.journey.discovered import figure
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Dimension
from regard.signals.scope import Given, resolve
from regard.simulation import declarations as company_declarations
from regard.simulation import sample
from regard.web.slices import Slice
from regard.web.trails import marks

DAY = 86_400_000_000


def ask(view, *, given=None, **arguments):
    return answer(find("journey/discovered"), view=view, given=Given(**(given or {})), arguments=arguments)


def micros(at):
    return int((at - datetime(1970, 1, 1)).total_seconds()) * 1_000_000


def test_the_map_of_the_made_up_company_is_that_of_plain_python(view_of):
    view = view_of(sample(), declarations=company_declarations())
    scope = resolve(Given(), declarations=view.declarations, last=view.last_day())
    low, since, until = (micros(t) for t in (scope.before_since, scope.since, scope.until))
    times, voices, seconds = Counter(), defaultdict(lambda: defaultdict(Counter)), defaultdict(list)
    made = view.made_steps()
    for steps in made.steps:
        for c in range(len(steps.customers)):
            rows = [i for i in range(steps.starts[c], steps.starts[c + 1]) if low <= steps.times[i] < until]
            for i, j in pairwise(rows):
                a, b = steps.names[steps.codes[i]], steps.names[steps.codes[j]]
                gap = int(steps.times[j] - steps.times[i])
                if gap <= 7 * DAY and steps.times[i] >= since:
                    times[a, b] += 1
                    if steps.times[i] <= made.end - 7 * DAY:  # later, those who end are not known
                        voices[a][c][b] += 1
                    seconds[a, b].append(gap / 1e6)
    found = ask(view)
    inner = {(r.source, r.target): r for r in found.rows if r.source and r.target}

    assert {k: r.times for k, r in inner.items()} == dict(times)
    for (a, b), row in inner.items():
        assert row.median_seconds == pytest.approx(float(np.median(seconds[a, b])))
    ends = {r.source for r in found.rows if not r.target}
    for a, by in voices.items():
        if a not in ends:  # who ends there has a voice, too
            for b in {b for v in by.values() for b in v}:
                assert inner[a, b].share == pytest.approx(np.mean([v[b] / sum(v.values()) for v in by.values()]))


def log(n=60):
    """Everybody goes A, B; in October then C, in September then D for half of them; a plan each."""
    events, profiles = [], []
    for i in range(n):
        for month, late in ((9, False), (10, True)):
            at = datetime(2026, month, 1 + i % 25, 10)
            steps = ["A", "B", "C" if late or i % 2 else "D"]
            events += [
                {
                    "person": f"p{i:02d}",
                    "occurred_at": str(at + timedelta(minutes=k)),
                    "name": s,
                    "error": "E" if s == "B" and i % 5 == 0 else "",
                }
                for k, s in enumerate(steps)
            ]
        profiles.append(
            {"person": f"p{i:02d}", "occurred_at": "2026-01-01", "labels": {"plan": "big" if i % 3 else "small"}}
        )
    events.append({"person": "last", "occurred_at": "2026-12-01", "name": "E"})
    return {"event": events, "profile": profiles}


PLANS = Declarations(dimensions=(Dimension(name="plan"),))
OCTOBER = {"period": "2026-10"}


def test_a_planted_change_is_told_and_drawn(view_of):
    found = ask(view_of(log(), declarations=PLANS), given=OCTOBER, window="1h", coverage=1.0, changes=True)
    told = {(r.source, r.target): r for r in found.rows}

    assert (told["B", "C"].before, told["B", "C"].now) == (0.5, 1.0)
    assert told["B", "C"].adjusted <= 0.05
    assert told["A", "B"].adjusted is None or told["A", "B"].adjusted > 0.05
    assert told["A", "B"].errors == pytest.approx(0.2)
    assert "More go from B to C: 100" in found.answer
    drawn = figure(found)
    assert "points" in drawn.svg
    assert drawn.svg.count("<g transform=") == 2


def test_coverage_leads_to_more_and_fewer_lines(view_of):
    view = view_of(sample(), declarations=company_declarations())
    few, more = (ask(view, coverage=c) for c in (0.2, 0.7))

    assert 0 < sum(r.shown for r in few.rows) < sum(r.shown for r in more.rows) <= 45
    assert [r.times for r in few.rows] == [r.times for r in more.rows]


def test_groups_are_held_against_each_other(view_of):
    found = ask(view_of(log(), declarations=PLANS), given={**OCTOBER, "by": "plan"}, window="1h")

    assert found.groups == ("big", "all other plans")
    assert found.customers == 40
    assert all(r.adjusted is None or r.adjusted > 0.05 for r in found.rows)


def test_every_step_and_line_of_the_map_leads_somewhere(view_of):
    import msgspec

    found = ask(view_of(log(), declarations=PLANS), given=OCTOBER, window="1h", coverage=1.0)
    ways = marks("journey/discovered", msgspec.to_builtins(found), Slice(scope=OCTOBER, arguments={"window": "1h"}))

    assert ways["A"] == "/customers/list?period=2026-10&who=did&path=A"
    assert ways["A → B"].startswith("/journey/paths?period=2026-10&start=A")
    assert {s.step for s in found.steps} <= set(ways)
    assert isinstance(FlowStep(name="A", volume=1), FlowStep)


def test_what_begins_with_a_step_leaves_out_what_lies_before(view_of):
    found = ask(view_of(log(), declarations=PLANS), given=OCTOBER, start="B", window="1h")

    assert {r.source for r in found.rows} <= {"", "B", "C"}
    assert found.start == "B"


def test_the_map_is_coloured_by_what_customers_then_score(view_of):
    """In October every second customer calls instead of going on to C, and then scores low."""
    given = log(120)
    given["event"] = [
        {**e, "name": "call"} if e["name"] == "C" and e["occurred_at"] > "2026-10" and int(e["person"][1:]) % 2 else e
        for e in given["event"]
    ]
    given["answer"] = [
        {
            "person": f"p{i:02d}", "occurred_at": str(datetime(2026, 10, 27 + k, 9)), "metric": "nps",
            "score": (3 if i % 2 else 10) if k == 0 else 7,
        }
        for i in range(120) for k in (0, 1)
    ]  # fmt: skip
    view = view_of(given, declarations=PLANS)
    found = ask(view, given=OCTOBER, window="1h", coverage=1.0, colour="score")
    steps = {s.step: s for s in found.steps}
    lines = {(r.source, r.target): r for r in found.rows}

    assert found.metric == "nps"
    assert (steps["call"].score, steps["call"].apart) == (-100.0, "lower")
    assert (steps["C"].score, steps["C"].apart) == (100.0, "higher")
    assert (steps["A"].score, steps["A"].apart) == (0.0, "")  # everybody comes there: there are no others
    assert (lines["B", "call"].score, lines["B", "call"].apart) == (-100.0, "lower")
    assert "then scored NPS −100" in " ".join(found.facts)
    drawn = figure(found)
    assert "fig-flow-good" in drawn.svg
    assert "NPS" in drawn.svg
    assert not ask(view, given=OCTOBER, window="1h").metric
    few = ask(view, given=OCTOBER, window="1h", coverage=1.0, colour="score", then=1)
    assert {s.step for s in few.steps if s.score is not None} <= {"A", "B", "C", "call"}


def test_scores_on_the_map_are_those_of_plain_python(view_of):
    rng = np.random.default_rng(5)
    begin = datetime(2026, 1, 1)
    rows = [
        {
            "person": f"p{int(rng.integers(90)):02d}", "name": "ABCDEF"[int(rng.integers(6))],
            "occurred_at": str(begin + timedelta(minutes=int(rng.integers(300 * 1440)))),
        }
        for _ in range(900)
    ]  # fmt: skip
    answers = [
        {
            "person": f"p{int(rng.integers(90)):02d}", "metric": "nps", "score": int(rng.integers(11)),
            "occurred_at": str(begin + timedelta(minutes=int(rng.integers(300 * 1440)))),
        }
        for _ in range(250)
    ]  # fmt: skip
    view = view_of({"event": rows, "answer": answers}, declarations=PLANS)
    given = {"since": "2026-02-01", "until": "2026-08-31"}
    found = ask(view, given=given, window="60d", colour="score", coverage=1.0, then=60)
    scope = resolve(Given(**given), declarations=view.declarations, last=view.last_day())
    since, until = micros(scope.since), micros(scope.until)
    read = view.connection.execute(
        "SELECT customer, epoch_us(occurred_at), score FROM lake_answer WHERE metric = 'nps' AND coalesce(part, '') = '' "
        "AND score IS NOT NULL AND customer IS NOT NULL ORDER BY 1, 2, position"
    ).fetchall()
    given_by = defaultdict(list)
    for who, at, score in read:
        given_by[who].append((at, 100 if score >= 9 else -100 if score <= 6 else 0))
    told = defaultdict(list)
    for steps in view.made_steps().steps:
        for c, who in enumerate(steps.customers.tolist()):
            seen = {}
            for i in range(steps.starts[c], steps.starts[c + 1]):
                # A move belongs to the period its first step is in.
                before = i > steps.starts[c] and steps.times[i] - steps.times[i - 1] <= 60 * DAY
                if since <= steps.times[i - 1 if before else i] and steps.times[i] < until:
                    seen.setdefault(steps.names[steps.codes[i]], int(steps.times[i]))
            for name, at in seen.items():
                then = [
                    s for t, s in given_by[who] if at // 1_000_000 < t // 1_000_000 <= at // 1_000_000 + 60 * 86_400
                ]
                told[name] += then[:1]
    checked = [s for s in found.steps if s.score is not None]

    assert found.one_in == 1
    assert len(checked) > 3
    for step in checked:
        assert step.score == pytest.approx(float(np.mean(told[step.step])))
    assert all(
        len(told[s.step]) < 20
        for s in found.steps
        if s.score is None and any(s.step in {r.source, r.target} for r in found.rows if r.shown)
    )


def test_of_a_long_log_counts_are_of_all_and_shares_of_a_portion_which_is_said(view_of, monkeypatch):
    view = view_of(sample(), declarations=company_declarations())
    whole = ask(view)
    monkeypatch.setattr(discovered, "MOST", 2_000)

    some = ask(view)

    assert some.one_in > 1
    assert "one_in" in {c.code for c in some.cautions}
    all_ = {(r.source, r.target): (r.times, r.customers) for r in whole.rows}
    inner = [r for r in some.rows if r.source and r.target]
    assert inner
    assert all(all_[r.source, r.target] == (r.times, r.customers) for r in inner)
    steps = {s.step: (s.times, s.customers, s.again) for s in whole.steps}
    assert all(s.times >= steps[s.step][0] and s.customers >= steps[s.step][1] for s in some.steps)
    assert all(s.again == steps[s.step][2] for s in some.steps)
