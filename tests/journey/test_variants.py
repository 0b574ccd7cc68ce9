"""Whole ways of the made-up company beside plain Python, a planted change, what came of each, and who is behind."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

import msgspec
import numpy as np
import pytest

from regard.errors import UnknownName
from regard.figures.waylist import WayMark, WayStep, way_list
from regard.journey.variants import figure
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Dimension
from regard.signals.scope import Given, resolve
from regard.simulation import declarations as company_declarations
from regard.simulation import sample
from regard.web.slices import Slice
from regard.web.trails import trails

PAUSE = 30 * 60 * 1_000_000
OCTOBER = {"period": "2026-10"}


def ask(view, question="journey/variants", /, *, given=None, **arguments):
    return answer(find(question), view=view, given=Given(**(given or {})), arguments=arguments)


def micros(at):
    return int((at - datetime(1970, 1, 1)).total_seconds()) * 1_000_000


def test_the_ways_of_the_made_up_company_are_those_of_plain_python(view_of):
    view = view_of(sample(), declarations=company_declarations())
    scope = resolve(Given(), declarations=view.declarations, last=view.last_day())
    since, until, end = micros(scope.since), micros(scope.until), view.made_steps().end
    times, people, seconds, failed = Counter(), defaultdict(set), defaultdict(list), Counter()
    for steps in view.made_steps().steps:
        for c, who in enumerate(steps.customers.tolist()):
            rows, run = [i for i in range(steps.starts[c], steps.starts[c + 1]) if steps.times[i] <= end], []
            rows.sort(key=lambda i: (steps.times[i], steps.names[steps.codes[i]]))  # of equal time, by name
            for i in [*rows, None]:
                if run and (i is None or steps.times[i] - steps.times[run[-1]] > PAUSE):
                    first, last = (int(steps.times[k]) for k in (run[0], run[-1]))
                    path = []
                    for k in run:
                        name = steps.names[steps.codes[k]]
                        if not path or path[-1] != name:
                            path.append(name)
                    if since <= first < until and end - last > PAUSE and len(path) > 1:
                        key = " → ".join(path)
                        times[key] += 1
                        people[key].add(who)
                        seconds[key].append((last - first) / 1e6)
                        failed[key] += any(steps.failed[k] for k in run)
                    run = []
                if i is not None:
                    run.append(i)
    found = ask(view, coverage=0.8)

    assert (found.journeys, found.ways) == (times.total(), len(times))
    assert found.customers == len(set().union(*people.values())) > 20
    for row in found.rows:
        assert (row.times, row.customers) == (times[row.path], len(people[row.path]))
        assert row.median_seconds == pytest.approx(float(np.median(seconds[row.path])))
        assert row.errors == pytest.approx(failed[row.path] / times[row.path])
    ordered = sorted(times.values(), reverse=True)
    assert found.covering == int(np.searchsorted(np.cumsum(ordered), 0.8 * sum(ordered) - 1e-9)) + 1
    assert [r.times for r in found.rows] == ordered[: len(found.rows)]


def log(n=60):
    """Everybody asks for help; in October they read and are done, in September half of them call first, with an error."""
    events, profiles, answers = [], [], []
    for i in range(n):
        who = f"p{i:02d}"
        for month in (9, 10):
            at = datetime(2026, month, 1 + i % 25, 10)
            names = ["help", "article", "done"] if month == 10 or i % 2 else ["help", "call", "call", "done"]
            events += [
                {"person": who, "occurred_at": str(at + timedelta(minutes=k)), "name": s, "error": "E" if s == "call" else ""}
                for k, s in enumerate(names)
            ]  # fmt: skip
        at = datetime(2026, 10, 3 + i % 25)
        answers.append({"person": who, "occurred_at": str(at), "metric": "nps", "score": 10 if i % 3 else 2})
        profiles.append({"person": who, "occurred_at": "2026-01-01", "labels": {"plan": "big" if i % 3 else "small"}})
    events.append({"person": "last", "occurred_at": "2026-12-01", "name": "other"})
    return {"event": events, "profile": profiles, "answer": answers}


PLANS = Declarations(dimensions=(Dimension(name="plan"),), metric="nps")
READ, CALLED = "help → article → done", "help → call → done"


def test_a_planted_change_is_told_with_what_came_of_each_way(view_of):
    found = ask(view_of(log(), declarations=PLANS), given=OCTOBER, start="help", target="done", window="1h", then=30)
    told = {r.path: r for r in found.rows}

    assert (told[READ].before, told[READ].now, told[READ].times) == (0.5, 1.0, 60)
    assert told[READ].adjusted <= 0.05
    assert told[READ].score == pytest.approx((40 - 20) / 60 * 100)
    assert "More go help → article → done" in found.answer
    assert found.missed == found.still_open == 0
    before = ask(
        view_of(log(), declarations=PLANS), given={"period": "2026-09"}, start="help", target="done", window="1h"
    )
    called = next(r for r in before.rows if r.path == CALLED)
    assert (called.errors, called.worst_step) == (1.0, "call")
    assert next(s.errors for s in before.steps if s.step == "call") == 1.0


def test_what_does_not_arrive_is_counted_and_no_way(view_of):
    given = log()
    given["event"] = [e for e in given["event"] if not (e["name"] == "done" and e["person"] < "p20")]
    found = ask(view_of(given, declarations=PLANS), given=OCTOBER, start="help", target="done", window="1h")

    assert (found.journeys, found.missed) == (40, 20)
    assert any(c.code == "missed" for c in found.cautions)


def test_groups_are_held_against_each_other(view_of):
    found = ask(view_of(log(), declarations=PLANS), given={**OCTOBER, "by": "plan"}, start="help", window="1h")

    assert found.groups == ("big", "small")
    assert found.journeys == 40
    assert all(r.adjusted is None or r.adjusted > 0.05 for r in found.rows)


def test_every_way_leads_to_those_who_went_it(view_of):
    view = view_of(sample(), declarations=company_declarations())
    found = ask(view)
    row = found.rows[0]
    way = trails("journey/variants", msgspec.to_builtins(row), Slice(scope={}, arguments={}))["customers"]
    listed = ask(view, "customers/list", who="way", path=row.path)

    assert "who=way" in way
    assert listed.total == row.customers
    from_start = ask(view, start=row.path.split(" → ")[0], window="2h")
    row = from_start.rows[0]
    listed = ask(view, "customers/list", who="way", path=row.path, start=from_start.start, window="2h")
    assert listed.total == row.customers


def test_only_some_steps_are_looked_at_and_an_unknown_one_is_named(view_of):
    view = view_of(log(), declarations=PLANS)
    found = ask(view, given=OCTOBER, start="help", window="1h", among="help, done")

    assert [r.path for r in found.rows] == ["help → done"]
    with pytest.raises(UnknownName, match="article"):
        ask(view, target="artikle")


def test_a_long_way_finds_its_room_and_says_what_it_leaves_out(view_of):
    found = ask(view_of(sample(), declarations=company_declarations()))
    drawn = figure(found)
    for svg in (drawn.svg, drawn.svg_narrow):
        ET.fromstring(svg)  # noqa: S314 it is our own
        assert svg.count("data-key") == sum(r.shown for r in found.rows)
    steps = tuple(WayStep(label=f"a rather long step {i}") for i in range(40))
    long = way_list([WayMark(steps=steps, share=1.0, text="100 %", change="▲ +3 points")], title="Long")

    assert "more steps" in long.svg
    assert "more steps" in long.svg_narrow
    for width, svg in ((920, long.svg), (340, long.svg_narrow)):
        ends = [float(d.split(" L")[1].split(",")[0]) for d in svg.split('<path d="')[1:]]
        assert max(ends) <= width + 0.5
