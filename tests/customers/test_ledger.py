"""The base ledger against hand-counted logs and against a slow replay in plain Python."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import CustomerBase, Declarations, Dimension, Rate, Value
from regard.signals.scope import Given

RATES = (
    Rate(currency="USD", since="2025-01-01", rate=0.9),
    Rate(currency="USD", since="2026-08-15", rate=0.8),
    Rate(currency="CHF", since="2025-01-01", rate=1.05),
)
CONTRACTS = Declarations(
    value=Value(kind="recurring"),
    base=CustomerBase(lost="subscription ends"),
    currency="EUR",
    rates=RATES,
    dimensions=(Dimension(name="region"),),
)
SHOP = Declarations(
    value=Value(kind="trailing", days=90),
    base=CustomerBase(lost="no order", days=60),
    currency="EUR",
    rates=RATES,
    dimensions=(Dimension(name="region"),),
)
Q3 = {"period": "2026-Q3"}


def change(person, at, what, amount=None, currency=None, contract=None, **more):  # noqa: PLR0917
    contract = contract or person
    return {
        "key": f"{contract} {at} {what}",
        "subscription": contract,
        "person": person,
        "occurred_at": at,
        "change": what,
        "amount": amount,
        "every": "month",
        "currency": currency,
        **more,
    }


def bought(person, at, amount, **more):
    return {"key": f"{person} {at}", "person": person, "occurred_at": at, "amount": amount, **more}


def lives(person, at, region):
    return {"person": person, "occurred_at": at, "labels": {"region": region}}


def ask(view, arguments=None, **given):
    return answer(find("customers/ledger"), view=view, given=Given(**given), arguments=arguments)


def lines(finding):
    return {row.line: (row.change, round(row.value, 6)) for row in finding.rows if row.change or row.value}


def test_a_quarter_of_five_contracts_adds_up_as_counted_by_hand(view_of):
    """By hand: a grows 10 to 20 USD a month while the dollar falls from 0.9 to 0.8 (exchange 120 × −0.1 = −12,
    growth 120 × 0.8 = 96); b (120) leaves; c (60) is new and stays; d (84) comes and leaves; e's end in October
    shows that it was there before (36)."""
    view = view_of(
        declarations=CONTRACTS,
        subscription=[
            change("a", "2026-01-01", "start", 10, "USD"),
            change("a", "2026-08-20", "change", 20),
            change("b", "2026-01-01", "start", 10),
            change("b", "2026-09-05", "end", reason="price", reason_from="stated"),
            change("c", "2026-09-05", "start", 5),
            change("d", "2026-09-02", "start", 7),
            change("d", "2026-09-22", "end"),
            change("e", "2026-10-01", "end", 3),
        ],
    )
    found = ask(view, **Q3)
    assert lines(found) == {
        "opening": (3, 264.0),
        "new": (2, 144.0),
        "lost": (-2, -204.0),
        "grown": (0, 96.0),
        "exchange": (0, -12.0),
        "closing": (3, 288.0),
    }
    assert [(r.reason, r.known_from, r.customers, r.value) for r in found.reasons] == [
        ("price", "stated", 1, 120.0),
        ("unknown", "unknown", 1, 84.0),
    ]
    assert (found.churn_rate, found.came_and_left) == (1 / 3, 1)
    assert {c.code for c in found.cautions} == {"contract_without_start"}


def test_who_moves_leaves_one_slice_at_the_opening_value_and_grows_in_the_other(view_of):
    view = view_of(
        declarations=CONTRACTS,
        subscription=[change("a", "2026-01-01", "start", 10), change("a", "2026-08-01", "change", 15)],
        profile=[lives("a", "2026-01-01", "EU"), lives("a", "2026-09-01", "US")],
    )
    slices = {s.slice: s for s in ask(view, by="region", **Q3).slices}
    assert (slices["EU"].moved_out, slices["EU"].opening_value, slices["EU"].closing_value) == (1, 120.0, 0.0)
    assert (slices["US"].moved_in, slices["US"].grown_value, slices["US"].closing_value) == (1, 60.0, 180.0)
    inside = ask(view, where=("region=US",), **Q3)
    assert lines(inside) == {"moved in": (1, 120.0), "grown": (0, 60.0), "closing": (1, 180.0)}
    assert "moved in" not in lines(ask(view, **Q3))


def test_a_slice_can_be_a_column_of_the_contracts_themselves(view_of):
    view = view_of(
        declarations=CONTRACTS,
        subscription=[
            change("a", "2026-01-01", "start", 10, plan="Bun"),
            change("a", "2026-08-01", "change", 15, plan="Loaf"),
        ],
    )
    slices = {s.slice: (s.opening, s.moved_in, s.moved_out, s.closing) for s in ask(view, by="plan", **Q3).slices}
    assert slices == {"Bun": (1, 0, 1, 0), "Loaf": (0, 1, 0, 1)}


def test_who_comes_back_after_the_rule_of_silence_has_returned(view_of):
    """By hand, lost 60 days after the last order: a's order of 1 March is lost on 30 April and returns in July;
    b ordered on 1 June, so is lost on 31 July; c bought first in September."""
    view = view_of(
        declarations=SHOP,
        order=[
            bought("a", "2026-03-01", 50),
            bought("a", "2026-09-10", 20),
            bought("b", "2026-04-20", 30),
            bought("b", "2026-06-01", 40, refunded=15),
            bought("c", "2026-09-20", 10, currency="USD"),
        ],
    )
    found = ask(view, **Q3)
    assert lines(found) == {
        "opening": (1, 55.0),
        "new": (1, 8.0),
        "returned": (1, 20.0),
        "lost": (-1, -55.0),
        "closing": (2, 28.0),
    }


def test_where_nearly_all_bought_once_no_rate_of_loss_is_given(view_of):
    orders = [bought(f"p{i}", f"2026-0{4 + i % 5}-15", 10) for i in range(20)]
    found = ask(view_of(declarations=SHOP, order=orders), **Q3)
    assert found.churn_rate is None
    caution = next(c for c in found.cautions if c.code == "bought_once")
    assert "20 of 20" in caution.text
    assert found.customers is not None


def test_a_log_shorter_than_the_rule_says_that_the_opening_is_not_known(view_of):
    found = ask(view_of(declarations=SHOP, order=[bought("a", "2026-06-15", 10)]), **Q3)
    assert "short_log" in {c.code for c in found.cautions}


def test_what_arrived_late_restates_the_opening_and_nothing_else(view_of):
    view = view_of(
        declarations=CONTRACTS,
        subscription=[change("a", "2026-01-01", "start", 10), change("b", "2026-02-01", "start", 20)],
    )
    view.connection.execute("UPDATE lake_subscription SET received_at = TIMESTAMP '2026-07-20' WHERE person = 'b'")
    found = ask(view, **Q3)
    assert lines(found) == {"opening": (1, 120.0), "restated": (1, 240.0), "closing": (2, 360.0)}
    assert found.restated_known


def test_history_imported_afterwards_restates_nothing_and_says_so(view_of):
    view = view_of(declarations=CONTRACTS, subscription=[change("a", "2026-01-01", "start", 10)])
    view.connection.execute("UPDATE lake_subscription SET received_at = TIMESTAMP '2026-11-01'")
    found = ask(view, **Q3)
    assert lines(found) == {"opening": (1, 120.0), "closing": (1, 120.0)}
    assert not found.restated_known
    assert "restated_unknown" in {c.code for c in found.cautions}


def test_the_closing_of_a_period_is_the_opening_of_the_next(view_of):
    view = view_of(
        declarations=CONTRACTS,
        subscription=[
            change("a", "2026-07-01", "start", 10, "USD"),
            change("b", "2026-01-01", "start", 10, "USD"),
            change("b", "2026-07-01", "end"),
        ],
    )
    one, two = ask(view, period="2026-Q2"), ask(view, period="2026-Q3")
    assert (one.customers, one.value) == (two.opening, two.opening_value) == (1, 108.0)


def test_without_the_rule_of_loss_it_refuses_and_names_it(view_of):
    found = ask(view_of(order=[bought("a", "2026-06-15", 10)]))
    assert "base.lost" in found.refused
    assert found.customers is None


def test_an_empty_log_is_refused_with_what_to_add(view_of):
    for declared in (CONTRACTS, SHOP):
        found = ask(view_of(declarations=declared))
        assert found.refused
        assert found.next_step
        assert not found.rows


def test_without_a_declared_value_heads_are_counted_and_money_is_left_out(view_of):
    declared = Declarations(base=CustomerBase(lost="no activity", days=30))
    view = view_of(
        declarations=declared,
        event=[
            {"person": "a", "occurred_at": "2026-06-20", "name": "x"},
            {"person": "b", "occurred_at": "2026-09-20", "name": "x"},
        ],
    )
    found = ask(view, **Q3)
    assert (found.opening, found.lost, found.customers, found.value) == (1, 1, 1, None)
    assert "€" not in found.answer


def test_money_without_a_rate_is_left_out_and_counted(view_of):
    view = view_of(declarations=CONTRACTS, subscription=[change("a", "2026-01-01", "start", 10, "JPY")])
    found = ask(view, **Q3)
    assert (found.customers, found.value) == (1, 0.0)
    assert "value_unknown" in {c.code for c in found.cautions}


# ------------------------------------------------------------------------------- a slow replay in plain Python

FACTOR = {"month": 12, "quarter": 4, "year": 1}
OPENS, CLOSES = datetime(2026, 7, 1), datetime(2026, 10, 1)


def history(rng, people=40):
    rows, profiles = [], []
    for number in range(people):
        person = f"p{number}"
        for contract in range(rng.choice((1, 1, 2, 3))):
            at = datetime(2026, 1, 1) + timedelta(days=rng.randrange(300), hours=rng.randrange(24))
            currency, name = rng.choice(("EUR", "USD", "CHF", None)), f"{person}-{contract}"
            rows.append(change(person, at, "start", rng.randrange(1, 50), currency, name))
            for _ in range(rng.randrange(4)):
                at += timedelta(days=rng.randrange(1, 80), hours=rng.randrange(5))
                what = rng.choice(("change", "renewal", "end", "start"))
                amount = None if what in ("end", "renewal") else rng.randrange(1, 50)
                rows.append(change(person, at, what, amount, None, name))
        if rng.random() < 0.3:
            rows = [r for r in rows if r["person"] != person or r["change"] != "start"]
        for _ in range(rng.randrange(3)):
            at = datetime(2026, 1, 1) + timedelta(days=rng.randrange(300))
            profiles.append(lives(person, at, rng.choice(("EU", "US"))))
    rng.shuffle(rows)
    return rows, profiles


def rate(currency, at):
    if currency in (None, "", "EUR"):
        return 1.0
    return max((r.since, r.rate) for r in RATES if r.currency == currency and datetime.fromisoformat(r.since) < at)[1]


def contracts_at(rows, person, at):
    """Contract → (yearly amount, currency) of those in force just before an instant."""
    held = {}
    for name in {r["subscription"] for r in rows if r["person"] == person}:
        steps = sorted((r for r in rows if r["subscription"] == name), key=lambda r: r["occurred_at"])
        state, amount, currency = steps[0]["change"] != "start", steps[0]["amount"], steps[0]["currency"]
        for step in steps:
            if step["occurred_at"] >= at:
                break
            state = step["change"] != "end"
            amount = step["amount"] if step["amount"] is not None else amount
            currency = step["currency"] or currency
        if state:
            held[name] = ((amount or 0) * 12, currency)
    return held


def worth_at(rows, person, at, priced_at=None):
    return sum(yearly * rate(c, priced_at or at) for yearly, c in contracts_at(rows, person, at).values())


def region_at(profiles, person, at):
    said = sorted((p for p in profiles if p["person"] == person), key=lambda p: p["occurred_at"])
    past = [p for p in said if p["occurred_at"] < at] or said[:1]
    return past[-1]["labels"]["region"] if past else "unknown"


def replay(rows, profiles, *, region=None):
    """The ledger by asking, for each customer, who they were after every single change."""
    total = dict.fromkeys(
        ("opening", "new", "returned", "moved in", "moved out", "lost", "grown", "shrunk", "exchange", "closing"),
        (0, 0.0),
    )

    def add(line, n, value):
        total[line] = total[line][0] + n, total[line][1] + value

    for person in {r["person"] for r in rows}:
        own = sorted({r["occurred_at"] for r in rows if r["person"] == person})
        tick = timedelta(microseconds=1)
        was = [
            bool(contracts_at(rows, person, t)) for t in [datetime(1950, 1, 1), *[t + tick for t in own if t < OPENS]]
        ]
        before, opened = any(was), bool(contracts_at(rows, person, OPENS))
        closed = bool(contracts_at(rows, person, CLOSES))
        old, new = worth_at(rows, person, OPENS), worth_at(rows, person, CLOSES)
        a = opened and region in (None, region_at(profiles, person, OPENS))
        b = closed and region in (None, region_at(profiles, person, CLOSES))
        if a:
            add("opening", 1, old)
        if b:
            add("closing", 1, new)
        if opened and closed:
            if a and not b:
                add("moved out", -1, -old)
            if b and not a:
                add("moved in", 1, old)
            if b:
                first, last = contracts_at(rows, person, OPENS), contracts_at(rows, person, CLOSES)
                same = [n for n in first if n in last and (first[n][1] or "EUR") == (last[n][1] or "EUR")]
                moved = sum(first[n][0] * (rate(first[n][1], CLOSES) - rate(first[n][1], OPENS)) for n in same)
                add("exchange", 0, moved)
                real = new - old - moved
                add("grown" if real > 0 else "shrunk", 0, real)
        elif a:
            add("lost", -1, -old)
        elif b:
            add("returned" if before else "new", 1, new)
        elif not opened and not closed and region in (None, region_at(profiles, person, CLOSES)):
            ends = [
                t
                for t in own
                if OPENS <= t < CLOSES and contracts_at(rows, person, t) and not contracts_at(rows, person, t + tick)
            ]
            if ends:
                value = worth_at(rows, person, ends[-1], priced_at=CLOSES)
                add("returned" if before else "new", 1, value)
                add("lost", -1, -value)
    return total


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("region", [None, "EU", "unknown"])
def test_random_histories_give_what_a_replay_gives(view_of, seed, region):
    rows, profiles = history(random.Random(seed))
    view = view_of(declarations=CONTRACTS, subscription=rows, profile=profiles)
    expected = replay(rows, profiles, region=region)
    if region is None:
        told = {r.line: (r.change, r.value) for r in ask(view, **Q3).rows}
        told.pop("restated")
    elif region == "unknown":
        slices = {s.slice: s for s in ask(view, by="region", **Q3).slices}
        told = {k: (getattr(slices[region], k.replace(" ", "_")), 0.0) for k in ("opening", "new", "lost", "closing")}
        expected = {k: (abs(expected[k][0]), 0.0) for k in told}
    else:
        told = {r.line: (r.change, r.value) for r in ask(view, where=(f"region={region}",), **Q3).rows}
        told.pop("restated")
    assert {k: v[0] for k, v in told.items()} == {k: v[0] for k, v in expected.items()}
    for line, (_, value) in told.items():
        assert value == pytest.approx(expected[line][1], abs=1e-6), line


@pytest.mark.parametrize("seed", range(4))
def test_random_orders_give_what_a_replay_gives(view_of, seed):
    rng = random.Random(seed)
    orders = [
        bought(
            f"p{rng.randrange(25)}", datetime(2026, 1, 1) + timedelta(hours=rng.randrange(300 * 24)), rng.randrange(90)
        )
        | {"key": str(i)}
        for i in range(120)
    ]
    found = ask(view_of(declarations=SHOP, order=orders), **Q3)

    def member(person, at):
        return any(
            o["person"] == person and o["occurred_at"] < at <= o["occurred_at"] + timedelta(days=60) for o in orders
        )

    def worth(person, at):
        near = (
            o
            for o in orders
            if o["person"] == person and o["occurred_at"] < at <= o["occurred_at"] + timedelta(days=90)
        )
        return sum(o["amount"] for o in near)

    people = {o["person"] for o in orders}
    for at, n, value in ((OPENS, found.opening, found.opening_value), (CLOSES, found.customers, found.value)):
        assert n == sum(member(p, at) for p in people)
        assert value == pytest.approx(sum(worth(p, at) for p in people if member(p, at)))
    for month in found.months:
        at = datetime.fromisoformat(month.day) + timedelta(days=1)
        assert month.customers == sum(member(p, at) for p in people)
    lost = sum(
        1
        for p in people
        if not member(p, CLOSES)
        and (member(p, OPENS) or any(o["person"] == p and OPENS <= o["occurred_at"] < CLOSES for o in orders))
    )
    assert found.lost == lost


@pytest.mark.parametrize("seed", range(3))
def test_random_activity_gives_what_a_replay_gives(view_of, seed):
    rng = random.Random(seed)
    days = rng.choice((7, 30, 45))
    declared = Declarations(base=CustomerBase(lost="no activity", days=days))
    signs = [
        {
            "person": f"p{rng.randrange(20)}",
            "occurred_at": datetime(2026, 1, 1) + timedelta(hours=rng.randrange(300 * 24)),
            "name": "x",
        }
        for _ in range(150)
    ]
    found = ask(view_of(declarations=declared, event=signs[:100], telemetry=signs[100:]), **Q3)
    people = {s["person"] for s in signs}
    stays = {}
    for person in people:
        for at in sorted(s["occurred_at"] for s in signs if s["person"] == person):
            spans = stays.setdefault(person, [])
            if spans and at <= spans[-1][1]:
                spans[-1][1] = at + timedelta(days=days)
            else:
                spans.append([at, at + timedelta(days=days)])

    def member(person, at):
        return any(since < at <= until for since, until in stays[person])

    came, lost, returned = 0, 0, 0
    for person in people:
        opened, closed = member(person, OPENS), member(person, CLOSES)
        inside = any(since >= OPENS and until < CLOSES for since, until in stays[person])
        before = stays[person][0][0] < OPENS
        if not opened and (closed or inside):
            came, returned = came + (not before), returned + before
        lost += not closed and (opened or inside)
    told = {r.line: r.customers for r in found.rows}
    assert (told["opening"], told["closing"]) == (
        sum(member(p, OPENS) for p in people),
        sum(member(p, CLOSES) for p in people),
    )
    assert (told["new"], told["returned"], told["lost"]) == (came, returned, lost)
    for month in found.months:
        at = datetime.fromisoformat(month.day) + timedelta(days=1)
        assert month.customers == sum(member(p, at) for p in people)
