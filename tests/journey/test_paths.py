"""Paths of the made-up company beside plain Python, and what customers then did by hand."""

from collections import Counter, defaultdict
from datetime import datetime, timedelta

import pytest

from regard.errors import BadInput
from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Dimension
from regard.signals.scope import Given, resolve
from regard.simulation import declarations as company_declarations
from regard.simulation import sample

DAY = 86_400_000_000


@pytest.fixture(scope="module")
def company():
    return sample()


def ask(view, question="journey/paths", /, *, given=None, **arguments):
    return answer(find(question), view=view, given=Given(**(given or {})), arguments=arguments)


def micros(at):
    return int((at - datetime(1970, 1, 1)).total_seconds()) * 1_000_000


def journeys(view):
    """customer -> [(time, name, failed)] in order."""
    found = {}
    for steps in view.made_steps().steps:
        for c, who in enumerate(steps.customers.tolist()):
            rows = range(steps.starts[c], steps.starts[c + 1])
            found[who] = [(int(steps.times[i]), steps.names[steps.codes[i]], bool(steps.failed[i])) for i in rows]
    return found


def walks(view, start, *, depth, window, since, until):
    """customer -> (path, whether it is open), of the first start in a period; one step at a time."""
    found, end = {}, view.made_steps().end
    for who, steps in journeys(view).items():
        first = next((i for i, (t, n, _) in enumerate(steps) if n == start and since <= t < until), None)
        if first is None:
            continue
        began, path, more = steps[first][0], [start], False
        for t, name, _ in steps[first + 1 :]:
            if t - began > window:
                more = True
                break
            if name == path[-1]:
                continue
            if len(path) > depth:
                more = True
                break
            path.append(name)
        found[who] = (tuple(path), not more and began > end - window)
    return found


def test_the_tree_of_the_made_up_company_is_that_of_plain_python(view_of, company):
    view = view_of(company, declarations=company_declarations())
    scope = resolve(Given(), declarations=view.declarations, last=view.last_day())
    names = Counter(n for steps in journeys(view).values() for _, n, _ in steps)
    start = next(n for n, _ in names.most_common() if not n.startswith(("order", "promise")))
    found = ask(view, start=start, depth=2, window="7d")
    expected = walks(view, start, depth=2, window=7 * DAY, since=micros(scope.since), until=micros(scope.until))
    passing, went = Counter(), defaultdict(Counter)
    for path, still in expected.values():
        for k in range(1, len(path) + 1):
            passing[path[:k]] += 1
        for k in range(1, len(path)):
            went[path[:k]][path[k]] += 1
        if len(path) <= 2 and not still:
            went[path][None] += 1

    assert found.customers == len(expected) > 20
    assert found.still_open == sum(still for _, still in expected.values())
    for row in found.rows:
        steps = tuple(row.path.split(" → "))
        if row.step == "(stops)":
            assert row.customers == went[steps[:-1]][None]
        else:
            assert row.customers == passing[steps]
        if row.after:
            before = tuple(row.after.split(" → "))
            assert row.stood == sum(went[before].values())


def event(person, at, name, **more):
    return {"person": person, "occurred_at": at, "name": name, **more}


HELP = "help"
READ, CALLED = "article", "call"


def two_ways(n=40):
    """In October half read the article and half call; readers then score 10 and spend 20, callers score 3; all have a
    contract, which callers end."""
    events, answers, orders, contracts = [], [], [], []
    for i in range(n):
        who, reads = f"p{i:03d}", i % 2 == 0
        at = datetime(2026, 8, 1, 10) + timedelta(hours=i)
        events += [
            event(who, str(at), HELP),
            event(who, str(at + timedelta(minutes=5)), READ if reads else CALLED, error="" if reads else "E1"),
        ]
        answers.append(
            {"person": who, "occurred_at": str(at + timedelta(days=2)), "metric": "nps", "score": 10 if reads else 3}
        )
        answers.append({"person": who, "occurred_at": str(at + timedelta(days=9)), "metric": "nps", "score": 7})
        contracts.append(
            {
                "person": who,
                "subscription": who,
                "occurred_at": "2026-01-01",
                "change": "start",
                "amount": 1,
                "every": "month",
            }
        )
        if reads:
            orders.append(
                {
                    "person": who,
                    "key": who,
                    "occurred_at": str(at + timedelta(days=3)),
                    "amount": 20.0,
                    "currency": "EUR",
                }
            )
        else:
            contracts.append(
                {"person": who, "subscription": who, "occurred_at": str(at + timedelta(days=20)), "change": "end"}
            )
    events.append(event("later", "2026-11-20", "other"))
    return {"event": events, "answer": answers, "order": orders, "subscription": contracts}


def test_what_they_then_scored_spent_and_whether_they_stayed(view_of):
    view = view_of(two_ways(), declarations=Declarations(currency="EUR", metric="nps"))
    found = ask(view, start=HELP, window="1h", depth=1, then=30, given={"period": "2026-08"})
    told = {r.step: r for r in found.rows}

    assert (told[READ].customers, told[READ].share, told[READ].errors) == (20, 0.5, 0.0)
    assert told[CALLED].errors == 1.0
    assert (told[READ].score, told[CALLED].score) == (100.0, -100.0)
    assert (told[READ].stayed, told[CALLED].stayed) == (1.0, 0.0)
    assert (told[READ].spent, told[CALLED].spent or 0.0) == (20.0, 0.0)
    assert told[HELP].score == 0.0
    assert told[HELP].stayed == 0.5
    assert told[READ].median_seconds == 300


def test_each_number_leads_to_its_customers(view_of):
    view = view_of(two_ways(), declarations=Declarations(currency="EUR", metric="nps"))
    for path, n in (
        (f"{HELP} → {READ}", 20),
        (HELP, 40),
        (f"{HELP} → {READ} → (stops)", 20),
        (f"{HELP} -> {CALLED}", 20),
    ):
        found = ask(view, "customers/list", given={"period": "2026-08"}, who="walked", path=path, window="1h")
        assert found.total == n


def test_a_path_walked_along_begins_where_it_ends(view_of):
    view = view_of(two_ways(), declarations=Declarations(currency="EUR"))
    found = ask(view, start=f"{HELP} → {CALLED}", window="3d", depth=1, given={"period": "2026-08"})

    assert found.customers == 20
    assert {r.path for r in found.rows if r.depth == 2} == {f"{HELP} → {CALLED} → answer: nps"}


def test_two_periods_and_groups_are_compared(view_of):
    tables = two_ways(60)
    moved = [
        {
            **e,
            "occurred_at": str(datetime.fromisoformat(e["occurred_at"]) - timedelta(days=31)),
            "person": "b" + e["person"],
        }
        for e in tables["event"][:-1]
    ]
    for e in moved:
        e["name"] = {CALLED: READ}.get(e["name"], e["name"])
    plans = [
        {"person": p, "occurred_at": "2026-01-01", "labels": {"plan": "big" if p < "p030" else "small"}}
        for p in {e["person"] for e in tables["event"]}
    ]
    view = view_of(
        {**tables, "event": tables["event"] + moved, "profile": plans},
        declarations=Declarations(dimensions=(Dimension(name="plan"),)),
    )
    found = ask(view, start=HELP, window="1h", depth=1, given={"period": "2026-08"})
    told = {r.step: r for r in found.rows}
    by = ask(view, start=HELP, window="1h", depth=1, given={"period": "2026-08", "by": "plan"})

    assert (told[READ].before, told[READ].now) == (1.0, 0.5)
    assert told[READ].adjusted <= 0.05
    assert "Fewer go on from help to article" in found.answer
    assert set(by.groups) == {"big", "small"}
    assert all(r.adjusted is None or r.adjusted > 0.05 for r in by.rows)


def test_a_step_nobody_knows_names_the_nearest(view_of):
    from regard.errors import UnknownName

    view = view_of(two_ways(), declarations=Declarations())
    with pytest.raises(UnknownName, match="helpp"):
        ask(view, start="helpp")


@pytest.mark.parametrize("depth", [0, "0", 9, "many"])
def test_a_depth_out_of_its_bounds_is_refused_and_not_taken(view_of, company, depth):
    with pytest.raises(BadInput, match="cannot be used for depth"):
        ask(view_of(company, declarations=company_declarations()), depth=depth)
