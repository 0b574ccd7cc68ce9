"""Who comes back, beside plain Python on random logs, by hand, and the customers behind each cell."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from regard.errors import BadInput, UnknownName
from regard.journey.retention import figure
from regard.journey.returns import beside, theirs
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Dimension
from regard.signals.scope import Given
from regard.web.slices import Slice
from regard.web.trails import marks

PLANS = Declarations(dimensions=(Dimension(name="plan"),), time_zone="Europe/Brussels")
AUTUMN = {"since": "2026-09-01", "until": "2026-10-25", "against": "2026-07-01..2026-08-31"}


def ask(view, question="journey/retention", /, *, given=None, **arguments):
    return answer(find(question), view=view, given=Given(**(given or AUTUMN)), arguments=arguments)


def random_log(seed, n=90):
    """Customers who begin some day between June and November and come again at random, some at the turn of a week."""
    rng = np.random.default_rng(seed)
    events, profiles = [], []
    for i in range(n):
        at = datetime(2026, 6, 1) + timedelta(minutes=int(rng.integers(0, 150 * 24 * 60)))
        for _ in range(int(rng.integers(1, 9))):
            if rng.random() < 0.1:
                at = at.replace(hour=21, minute=59) + timedelta(minutes=int(rng.integers(0, 3)))
            name = str(rng.choice(["sign up", "use", "read"], p=[0.2, 0.5, 0.3]))
            events.append({"person": f"p{i:03d}", "occurred_at": str(at), "name": name})
            at += timedelta(minutes=int(rng.integers(0, 20 * 24 * 60)))
        plan = str(rng.choice(["big", "small"]))
        profiles.append({"person": f"p{i:03d}", "occurred_at": "2026-01-01", "labels": {"plan": plan}})
    events = [e for e in events if e["occurred_at"] < "2026-11-20"]
    return {"event": events, "profile": profiles}


def plainly(tables, *, each, start, back, since, until, over):
    """cohort's first day → (customers who began, later → those there); and which of these times are over."""
    zone, journeys = ZoneInfo("Europe/Brussels"), defaultdict(list)
    for e in tables["event"]:
        local = datetime.fromisoformat(e["occurred_at"]).replace(tzinfo=UTC).astimezone(zone).date()
        journeys[e["person"]].append((e["occurred_at"], local, e["name"]))

    def first(day):
        return day.replace(day=1) if each == "month" else day - timedelta(days=day.weekday()) if each == "week" else day

    def apart(a, b):
        if each == "month":
            return (b.year - a.year) * 12 + b.month - a.month
        return (b - a).days // (7 if each == "week" else 1)

    began, there = defaultdict(set), defaultdict(set)
    for who, steps in journeys.items():
        steps.sort()
        begins = next((i for i, s in enumerate(steps) if s[2] in start), None)
        if begins is None or not since <= first(steps[begins][1]) <= until:
            continue
        cohort = first(steps[begins][1])
        began[cohort].add(who)
        for _, day, name in steps[begins:]:
            if name in back:
                there[cohort, apart(cohort, first(day))].add(who)

    def done(cohort, lag):
        after = cohort
        for _ in range(lag + 1):
            after = first(after + timedelta(days=32 if each == "month" else 7 if each == "week" else 1))
        return after <= over + timedelta(days=1)

    return began, there, done


@pytest.mark.parametrize("seed", range(6))
def test_cells_are_those_of_plain_python(view_of, seed):
    tables = random_log(seed)
    each = ["week", "month", "week", "day", "week", "month"][seed]
    start, back = [("", ""), ("sign up", ""), ("sign up", "use, read"), ("", "use"), ("us*", "read"), ("", "")][seed]
    given = (
        AUTUMN if each != "day" else {"since": "2026-09-01", "until": "2026-10-20", "against": "2026-07-01..2026-08-19"}
    )
    view = view_of(tables, declarations=PLANS)
    found = ask(view, each=each, start=start, back=back, given=given)
    every = ("sign up", "use", "read")
    last = max(e["occurred_at"] for e in tables["event"])
    over = datetime.fromisoformat(last).replace(tzinfo=UTC).astimezone(ZoneInfo("Europe/Brussels")).date()
    began, there, done = plainly(
        tables, each=each, since=date.fromisoformat(given["since"]), until=date.fromisoformat(given["until"]), over=over,
        start={"": every, "us*": ("use",)}.get(start, (start,)), back=tuple(back.split(", ")) if back else every,
    )  # fmt: skip

    assert found.customers == sum(len(w) for w in began.values())
    for row in found.rows:
        cohort = date.fromisoformat(row.cell.split()[1])
        assert row.began == len(began[cohort]), row
        assert row.came == len(there[cohort, row.later]), row
        assert row.open is not done(cohort, row.later), row
        assert row.share == (row.came / row.began if row.began and not row.open else None)
    for row in found.curve:
        closed = [c for c in {date.fromisoformat(r.cell.split()[1]) for r in found.rows} if done(c, row.later)]
        assert row.n == sum(len(began[c]) for c in closed)
        assert row.came == sum(len(there[c, row.later]) for c in closed)
    shown = next(r for r in found.rows if r.came and r.away)
    path = {"path": f"{start} → {back}", "cohort": shown.cell, "given": given}
    cohort = date.fromisoformat(shown.cell.split()[1])
    came = ask(view, "customers/list", who="came-back", limit=500, **path)
    missing = ask(view, "customers/list", who="stayed-away", limit=500, **path)
    assert {r.id for r in came.rows} == there[cohort, shown.later]
    assert {r.id for r in missing.rows} == began[cohort] - there[cohort, shown.later]
    everybody = ask(view, "customers/list", who="stayed-away", **path | {"cohort": found.curve[0].cell})
    assert everybody.total == found.curve[0].away


def log(now=0.9, before=0.4, n=60):
    """So many begin each period; the share that comes again a week later, and at no other time, differs."""
    events, profiles = [], []
    for month, share in ((7, before), (9, now)):
        for i in range(n):
            at = datetime(2026, month, 7 if month == 9 else 6, 12) + timedelta(days=i % 5)
            who = f"m{month}p{i:02d}"
            events.append({"person": who, "occurred_at": str(at), "name": "begin"})
            if i < share * n:
                events.append({"person": who, "occurred_at": str(at + timedelta(days=7)), "name": "again"})
            label = "big" if i % 2 else "small"
            profiles.append({"person": who, "occurred_at": "2026-01-01", "labels": {"plan": label}})
    events.append({"person": "m9p00", "occurred_at": "2026-10-20 12:00", "name": "late"})
    return {"event": events, "profile": profiles}


def test_a_planted_change_is_told_with_its_interval_and_none_is_not_invented(view_of):
    given = {"since": "2026-09-01", "until": "2026-09-30", "against": "2026-07-01..2026-07-31"}
    changed = ask(view_of(log(), declarations=PLANS), given=given)
    same = ask(view_of(log(before=0.9), declarations=PLANS), given=given)
    near = changed.curve[0]

    assert (near.n, near.came, near.share, near.before) == (60, 54, 0.9, 0.4)
    assert near.change == pytest.approx(0.5)
    assert near.change_low < 0.5 < near.change_high
    assert near.adjusted < 0.001
    assert "More come back than before: 1 week later 90" in changed.answer
    assert all(r.adjusted is None or r.adjusted > 0.05 for r in same.curve)
    assert "nothing differs beyond chance; a difference of" in same.answer


def test_weeks_that_are_not_over_are_open_and_no_drop(view_of):
    found = ask(view_of(log(), declarations=PLANS, today=date(2026, 10, 20)), each="week",
                given={"since": "2026-09-01", "until": "2026-10-20"})  # fmt: skip
    cells = {(r.cohort, r.later): r for r in found.rows}
    last = cells["7 Sep 2026", 6]

    assert (last.open, last.share, last.away, last.came) == (True, None, None, 1)
    assert cells["7 Sep 2026", 5].share == 0.0
    assert [r.later for r in found.curve] == [1, 2, 3, 4, 5]
    assert figure(found).svg.count("fig-empty") == 1  # dashed, not a zero


def test_groups_are_held_against_all_others_and_marks_lead_to_customers(view_of):
    tables = log()
    for row in tables["event"]:
        if row["name"] == "again" and row["person"].startswith("m9") and int(row["person"][3:]) % 2 == 0:
            row["name"] = "elsewhere"
    view = view_of(tables, declarations=PLANS)
    found = ask(view, back="again", given={"since": "2026-09-01", "until": "2026-09-30", "by": "plan"})
    big = next(r for r in found.curve if r.slice == "big" and r.later == 1)
    ways = marks("journey/retention", {"rows": [{"cell": r.cell, "cohort": r.cohort, "later": r.later,
                 "came": r.came} for r in found.rows], "curve": []}, Slice(scope={}, arguments={"back": "again"}))  # fmt: skip

    assert set(found.groups) == {"big", "small"}
    assert (big.share, big.before) == (pytest.approx(27 / 30), 0.0)
    assert big.adjusted < 0.001
    assert "More of big come back than of all others" in found.answer
    assert "who=came-back" in ways["7 Sep 2026 · 1"]


def test_how_long_half_of_them_take_counts_those_who_wait(view_of):
    found = ask(view_of(log(), declarations=PLANS), start="begin", back="again",
                given={"since": "2026-09-01", "until": "2026-09-30"})  # fmt: skip

    assert found.wait_seconds == 7 * 86_400
    assert found.facts[0].startswith("Half of them came to again within 7 days")


def test_what_we_write_or_promise_is_nobody_coming_back():
    assert theirs(["message", "message: offer", "message_opened", "promise: x kept", "subscription: end", "use"]) == (
        "message_opened", "use",
    )  # fmt: skip


def test_too_little_is_refused_with_the_next_step(view_of):
    few = ask(view_of(log(n=4), declarations=PLANS), given={"since": "2026-09-01", "until": "2026-09-30"})
    early = ask(view_of(log(), declarations=PLANS), given={"since": "2026-10-14", "until": "2026-10-18"})
    young = ask(view_of(log(), declarations=PLANS, today=date(2026, 10, 20)), each="month",
                given={"since": "2026-09-01", "until": "2026-10-20"})  # fmt: skip

    assert "Only 4 customers began" in few.refused
    assert "No whole week begins" in early.refused
    assert "next month is over" in young.refused
    with pytest.raises(BadInput, match="92 days"):
        ask(view_of(log(), declarations=PLANS), each="day", given={"since": "2026-07-01", "until": "2026-09-30"})
    with pytest.raises(UnknownName, match="agein"):
        ask(view_of(log(), declarations=PLANS), back="agein")


def test_corrected_comparisons_stay_silent_where_thin():
    found = beside([((8, 10), (40, 100)), ((3, 9), (40, 100)), ((5, 10), (5, 10))])

    assert found[1].change is None
    assert np.isnan(found[1].adjusted)
    assert found[2].adjusted == 1.0
    assert found[0].adjusted == pytest.approx(min(2 * found[0].change.p, 1.0))
