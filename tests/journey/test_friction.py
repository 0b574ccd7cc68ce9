"""Friction and what follows it, by hand, beside plain Python at the made-up company, and who is behind each row."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

import numpy as np
import pytest

from regard.errors import BadInput, UnknownName
from regard.journey.aftermath import held, least_seen, moves
from regard.journey.friction import figure
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations
from regard.signals.scope import Given, resolve
from regard.simulation import declarations as company_declarations
from regard.simulation import sample
from regard.statistics.estimates import quantile

AUTUMN = {"since": "2026-07-01", "until": "2026-11-20"}
MINUTE = 60_000_000


def ask(view, question="journey/friction", /, *, given=None, **arguments):
    return answer(find(question), view=view, given=Given(**(given or AUTUMN)), arguments=arguments)


def log(n=300, harm=True):
    """Each visits once: looks, pays, is done. A third meets an error at pay, and stops there or goes on; half look again.

    Who met the error then scores 2 of 10 and lets the contract go in four of five cases, the others 9 and one in five.
    """
    events, answers, contracts = [], [], []
    for i in range(n):
        at, who = datetime(2026, 7, 2, 8) + timedelta(hours=9 * i), f"p{i:03d}"
        bad, stops = i % 3 == 0, i % 6 == 0
        steps = ["look", *(["look"] if i % 2 else []), "pay", *([] if stops else ["done"])]
        for k, name in enumerate(steps):
            row = {"person": who, "occurred_at": str(at + timedelta(minutes=k)), "name": name}
            events.append(row | ({"error": "declined"} if bad and name == "pay" else {}))
        low = (i // 3) % 5 < (4 if bad and harm else 1)
        score = 2 if bad and harm and (i // 6) % 4 else 9
        answers.append({"key": who, "person": who, "metric": "nps", "score": score, "scale_min": 0, "scale_max": 10,
                        "occurred_at": str(at + timedelta(days=2))})  # fmt: skip
        start = {"person": who, "subscription": who, "key": f"{who}a", "change": "start", "occurred_at": "2026-01-01"}
        contracts.append(start | {"amount": 10})
        if low:
            end = {"key": f"{who}b", "change": "end", "occurred_at": str(at + timedelta(days=9))}
            contracts.append(start | end)
    events.append({"person": "end", "occurred_at": "2026-12-20 12:00", "name": "look"})
    return {"event": events, "answer": answers, "subscription": contracts}


def test_a_planted_harm_is_told_and_a_harmless_repeat_is_said_to_be_one(view_of):
    found = ask(view_of(log(), declarations=Declarations(), today=datetime(2026, 12, 21).date()))
    rows = {r.friction: r for r in found.rows}
    after = {(r.friction, r.follows): r for r in found.after}
    error, again = rows["an error at pay"], rows["look again at once"]
    stayed = after["an error at pay", "stayed"]

    assert (error.customers, error.times, error.share) == (100, 100, pytest.approx(1 / 3))
    assert error.verdict == "worse later"
    assert (stayed.met, stayed.n) == (pytest.approx(0.2, abs=0.05), pytest.approx(100, abs=12))
    assert stayed.without == pytest.approx(0.8, abs=0.05)
    assert stayed.low < stayed.change < stayed.high < 0
    assert after["an error at pay", "score"].met < after["an error at pay", "score"].without - 80
    gave = after["an error at pay", "ended"]
    assert (gave.met, gave.without) == (pytest.approx(0.5), 0.0)
    assert (again.verdict, again.customers) == ("no difference seen", 150)
    assert "would have been seen" in again.told
    assert again.lost_seconds == 150 * 60
    assert found.rows[0].friction == "an error at pay"
    assert "After an error at pay (100 customers)" in found.answer
    assert ("look again at once", "ended") not in after  # what is done again is done later: no giving up
    assert 'fig-bad"' in figure(found).svg
    assert any("need not come of it" in c.text for c in found.cautions)


def test_nothing_is_claimed_where_nothing_follows(view_of):
    found = ask(view_of(log(harm=False), declarations=Declarations(), today=datetime(2026, 12, 21).date()))

    assert found.worse == 0
    assert "After none do customers score, stay or spend less beyond chance" in found.answer


def test_with_a_goal_stopping_is_friction_and_open_journeys_are_not_stopped(view_of):
    tables = log()
    late = [{"person": f"late{i}", "occurred_at": "2026-11-19 11:50", "name": "pay"} for i in range(20)]
    events = [e for e in tables["event"] if e["person"] != "end"] + late
    events.append({"person": "late0", "occurred_at": "2026-11-19 11:58", "name": "look"})
    found = ask(view_of({**tables, "event": events}, declarations=Declarations()), goal="done")
    stopped = next(r for r in found.rows if r.friction == "stopping at pay")

    assert (stopped.customers, stopped.times) == (50, 50)
    assert any(c.code == "still_open" and "20 journeys" in c.text for c in found.cautions)
    assert not any(c.code == "no_goal" for c in found.cautions)
    assert found.facts[0] == "Most stop at pay: 100\u00a0% of 50 journeys without done."
    begun = ask(view_of({**tables, "event": events}, declarations=Declarations()), start="pay", goal="done")
    assert {r.step for r in begun.rows} == {"pay"}  # looking comes before, and is in no such journey
    assert next(r for r in begun.rows if r.kind == "stopped").customers == 50


def test_the_company_is_told_as_plain_python_counts_it(view_of):
    view = view_of(sample(), declarations=company_declarations())
    given = {"period": "1y"}
    scope = resolve(Given(**given), declarations=view.declarations, last=view.last_day())
    since, until = (int((t - datetime(1970, 1, 1)).total_seconds()) * 1_000_000 for t in (scope.since, scope.until))
    made, did, met, voices = view.made_steps(), defaultdict(set), defaultdict(set), defaultdict(lambda: [[], []])
    times = defaultdict(int)
    for steps in made.steps:
        own = set(moves(steps.names))
        for c, who in enumerate(steps.customers.tolist()):
            rows = [(int(steps.times[i]), steps.names[steps.codes[i]], bool(steps.failed[i]))
                    for i in range(steps.starts[c], steps.starts[c + 1])]  # fmt: skip
            rows = [r for r in rows if since <= r[0] < until and r[1] in own]
            runs = []
            for row in rows:
                if not runs or row[0] - runs[-1][-1][0] > 30 * MINUTE:
                    runs.append([])
                runs[-1].append(row)
            ended = defaultdict(lambda: ([], []))
            for number, run in enumerate(runs):
                waits = number + 1 == len(runs) and min(made.end, until) - run[-1][0] <= 30 * MINUTE
                bad = {n for _, n, failed in run if failed}
                for name in {r[1] for r in run}:
                    did[name].add(who)
                    if not waits:
                        ended[name][name in bad].append(run[-1][1] == name)
                before, seen = None, set()
                for t, name, failed in run:
                    if (t, name) != before:
                        times["error", name] += failed
                        if name in seen:
                            kind = "again" if before[1] == name else "back"
                            met[kind, name].add(who)
                            times[kind, name] += 1
                    if failed:
                        met["error", name].add(who)
                    seen.add(name)
                    before = (t, name)
            for name, sides in ended.items():
                for side in (0, 1):
                    voices[name][side] += [np.mean(sides[side])] if sides[side] else []
    found = ask(view, given=given)
    after = {(r.friction, r.follows): r for r in found.after}

    assert len(found.rows) > 10
    for row in found.rows:
        assert row.customers == len(met[row.kind, row.step])
        assert row.times == times[row.kind, row.step]
        assert row.share == row.customers / len(did[row.step])
        if gave := after.get((row.friction, "ended")):
            assert gave.n == len(voices[row.step][1])
            assert gave.met == pytest.approx(np.mean(voices[row.step][1]))
    behind = ask(view, "customers/list", given=given, who="met-friction", path=found.rows[0].cell, window="30min")
    assert behind.total == found.rows[0].customers
    assert "give up" not in found.answer or found.given_up


def test_others_are_weighted_to_what_those_who_met_it_did_before():
    value = np.array([1.0] * 20 + [0.0] * 20 + [1.0] * 90 + [0.0] * 10)
    met = np.arange(140) < 40
    strata = np.array([1] * 20 + [2] * 20 + [1] * 90 + [2] * 10)
    found = held(value, met, strata, form="share")

    assert (found.met_n, found.without_n) == (40, 100)
    assert found.without.value == pytest.approx(0.5)  # unweighted it would be 0.9
    assert found.change.value == pytest.approx(0.0)
    assert held(value, met, np.where(met, 1, 2), form="share").change.refused
    assert least_seen(found.change, 10) == pytest.approx((quantile(0.995) + 0.8416) * found.change.error)


def test_money_that_few_spend_has_no_mean_to_compare():
    rng = np.random.default_rng(1)
    value = np.where(rng.random(300) < 0.05, rng.lognormal(5, 1, 300), 0.0)

    assert "skewed" in held(value, np.arange(300) < 60, np.zeros(300, int), form="mean").change.refused
    assert not held(rng.normal(5, 1, 300), np.arange(300) < 60, np.zeros(300, int), form="mean").change.refused


def test_what_cannot_be_told_says_what_to_do(view_of):
    view = view_of(log(), declarations=Declarations())

    assert "--where plan=NAME" in ask(view_of(log(), declarations=company_declarations()),
                                      given=AUTUMN | {"by": "plan"}).next_step  # fmt: skip
    assert "No friction was met" in ask(view, given={"since": "2026-07-01", "until": "2026-07-03"}).refused
    with pytest.raises(UnknownName, match="doen"):
        ask(view, goal="doen")
    with pytest.raises(BadInput, match="names no friction"):
        ask(view, "customers/list", who="met-friction", path="pay")
    with pytest.raises(BadInput, match="length of time"):
        ask(view, pause="long")


def test_that_who_orders_again_has_bought_again_is_not_told_as_what_follows(view_of):
    start = datetime(2026, 9, 1, 9)
    times = [(i, timedelta(hours=i, minutes=k)) for i in range(300) for k in range(2 if i % 3 else 1)]
    times += [(i, timedelta(hours=i, days=2)) for i in range(0, 300, 6)]
    orders = [
        {
            "person": f"p{i}",
            "key": str(k),
            "order": str(k),
            "occurred_at": str(start + at),
            "amount": 20,
            "currency": "EUR",
        }
        for k, (i, at) in enumerate(times)
    ]
    late = {"person": "end", "occurred_at": "2026-12-20 12:00", "name": "look"}
    view = view_of({"order": orders, "event": [late]}, declarations=Declarations(currency="EUR"))
    found = ask(view, given={"since": "2026-09-01", "until": "2026-10-31"}, then=4)

    assert [(r.friction, r.customers) for r in found.rows] == [("order: placed again at once", 200)]
    assert {r.follows for r in found.after} & {"bought", "spent"} == set()
