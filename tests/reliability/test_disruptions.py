"""Disruptions of a workspace: found, named, dated, valued; silent where only the mix moved; refused where too short."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from regard.errors import UnknownName
from regard.questions import find
from regard.reliability import disruptions
from regard.reliability.cubed import Met, counted, ends
from regard.reliability.detectors import Looking
from regard.reliability.disruptions import disrupted, figure
from regard.signals.ask import answer
from regard.signals.declarations import Change, Declarations, Dimension, Indicator, Value
from regard.signals.scope import Given
from regard.statistics.calm import calm
from regard.statistics.cuboids import cube
from regard.statistics.expectations import Past
from regard.statistics.onsets import rise

BEGIN = datetime(2026, 8, 1)
DAYS = 70
LAST = (BEGIN + timedelta(days=DAYS - 1)).date()
DECLARED = Declarations(
    currency="EUR", value=Value(kind="recurring"), called="member", called_many="members",
    dimensions=(Dimension(name="region"), Dimension(name="plan"), Dimension(name="version", of="signal")),
    indicators=(Indicator(name="Checkout works", total="checkout"),),
    changes=(Change(name="New checkout", on="2026-10-05", by="region", reached=("EU",)),),
)  # fmt: skip
REGIONS, PLANS, VERSIONS = ("EU", "US", "BR", "IN"), ("Team", "Solo", "Pro", "Free", "Club", "Kiosk"), ("1.0", "2.0")
PEOPLE = 480


def people():
    return [(f"P{i}", REGIONS[i % 4], PLANS[i // 4 % 6]) for i in range(PEOPLE)]


def log(*, seed=1, hit=None, since=DAYS, bad=0.06, worse=0.7, days=DAYS, share=0.45, sunday=1.0, grows=None):
    """Checkouts by person and day; from a day on those that are hit fail more often; `grows` tries more then."""
    rng = np.random.default_rng(seed)
    rows = {"person": [], "name": [], "occurred_at": [], "error": [], "labels": []}
    for day in range(days):
        day_of = 40 + np.arange(PEOPLE) % 15
        for i, (who, region, plan) in enumerate(people()):
            tries = share * (2.0 if grows and day >= since and grows(region, plan) else 1.0)
            if rng.random() >= tries:
                continue
            chance = bad(region, plan) if callable(bad) else bad
            chance *= sunday if day % 7 == (DAYS - 1) % 7 else 1.0
            failed = rng.random() < (worse if hit and day >= since and hit(region, plan) else chance)
            rows["person"].append(who)
            rows["name"].append("checkout")
            rows["occurred_at"].append(BEGIN + timedelta(days=day, minutes=10 + 3 * i % 1425))
            rows["error"].append("declined" if failed else None)
            rows["labels"].append(f'{{"version":"{VERSIONS[int(day >= day_of[i])]}"}}')
    return pa.table({**rows, "occurred_at": pa.array(rows["occurred_at"], pa.timestamp("us"))})


def profiles():
    return [
        {"person": p, "name": f"Name of {p}", "occurred_at": "2026-07-01", "labels": {"region": r, "plan": t}}
        for p, r, t in people()
    ]


def contracts():
    return [
        {"person": p, "key": p, "subscription": p, "change": "start", "amount": 10.0, "every": "month", "currency": "EUR",
         "occurred_at": "2026-07-01", "until": "2027-07-01"}
        for p, _, _ in people()
    ]  # fmt: skip


def ask(view_of, events, *, until=LAST, declared=DECLARED, where=(), more=None, **arguments):
    view = view_of(declarations=declared, today=until, event=events, profile=profiles(), subscription=contracts(),
                   **(more or {}))  # fmt: skip
    given = Given(until=until.isoformat(), where=where)
    return answer(find("reliability/disruptions"), view=view, given=given, arguments=arguments)


def brazil_team(region, plan):
    return region == "BR" and plan == "Team"


def test_a_red_subset_of_a_green_total_is_found_with_who_since_when_and_what_is_at_stake(view_of):
    acts = [{"key": "1", "name": "Release 8.2", "occurred_at": "2026-10-06T09:00:00"}]

    found = ask(view_of, log(seed=26, hit=brazil_team, since=DAYS - 4, bad=0.09, worse=0.9), more={"act": acts})

    (row,) = found.rows
    assert row.where == ("region=BR", "plan=Team")
    assert (row.indicator, row.total) == ("Checkout works", "green")
    assert row.disrupted > 0.5 * row.customers
    assert row.usual < 0.4
    assert row.times_low < row.times < row.times_high
    assert row.since == "6 Oct 2026"
    assert found.value == pytest.approx(row.disrupted * 120)
    assert found.disrupted == row.disrupted == len(found.who)
    assert {c.id for c in found.who} <= {p for p, r, t in people() if brazil_team(r, t)}
    assert all(c.failed > 0 for c in found.who)
    assert {(c.kind, c.what) for c in found.changed} >= {("act", "Release 8.2"), ("declared change", "New checkout")}
    assert "with region BR and plan Team are not served well by “Checkout works” since 6 Oct 2026" in found.answer
    assert "green" in found.answer
    assert figure(found) is not None


def test_where_the_total_is_red_and_all_are_hit_alike_it_is_everybody(view_of):
    found = ask(view_of, log(seed=5, hit=lambda *_: True, since=DAYS - 5, bad=0.06, worse=0.3))

    assert [(r.subset, r.where, r.total) for r in found.rows] == [("everybody", (), "red")]
    assert found.rows[0].disrupted > 0.25 * found.rows[0].customers
    assert "of every kind are not served well" in found.answer
    assert "The total is red, too." in found.answer or "the total is red, too." in found.answer
    assert found.next_step.startswith("Look at what changed for everybody")


def test_a_subset_hit_much_harder_than_a_red_total_keeps_its_name(view_of):
    found = ask(
        view_of, log(seed=6, hit=lambda region, plan: region in {"BR", "IN"}, since=DAYS - 5, bad=0.05, worse=0.8)
    )

    assert ("region=BR", "region=IN") in [r.where for r in found.rows]
    assert {r.total for r in found.rows} == {"red"}


def test_a_quiet_log_tells_the_smallest_disruption_that_would_have_been_seen(view_of):
    found = ask(view_of, log(seed=2))

    assert found.rows == ()
    assert found.found == 0
    assert "would be usual, it would have been seen" in found.answer
    sizes = [r for r in found.least if r.now == "last 7 days" and r.seen_from is not None]
    assert [r.times for r in sizes] == sorted((r.times for r in sizes), reverse=True), "larger ones show sooner"
    assert figure(found) is not None


def test_a_change_of_mix_is_told_as_mix_and_rings_nothing(view_of):
    """Solo always fails more; today twice as many of them try."""

    def bad(region, plan):
        return 0.6 if plan == "Solo" else 0.02

    found = ask(view_of, log(seed=3, bad=bad, since=DAYS - 1, grows=lambda region, plan: plan == "Solo"), now="day")

    assert found.rows == ()
    (look,) = found.looked
    assert look.mix > 0.03
    assert abs(look.service) < look.mix
    assert look.rate - look.before == pytest.approx(look.mix + look.service)
    assert any("because other members tried" in f for f in found.facts)


def test_who_tries_more_meets_more_and_that_is_no_disruption(view_of):
    """Every attempt must go well: twice as many of them fail twice as many customers in a week."""
    found = ask(view_of, log(seed=3, since=DAYS - 7, grows=lambda region, plan: plan == "Solo"))

    assert found.rows == ()
    week = next(r for r in found.looked if r.now == "last 7 days")
    assert week.mix > 0.01


def test_a_weekday_that_is_always_worse_is_no_disruption(view_of):
    found = ask(view_of, log(seed=4, bad=0.04, sunday=4.0), now="day")

    assert found.rows == ()
    (look,) = found.looked
    assert look.season > 1.5
    assert look.rate > 0.1


def test_last_months_incident_does_not_hide_todays(view_of):
    events = log(seed=5, hit=lambda r, t: r == "US", since=30, worse=0.9, days=37)
    later = log(seed=6, hit=brazil_team, since=DAYS - 2, worse=0.9)
    times = later.column("occurred_at").to_numpy()
    both = pa.concat_tables([events, later.filter(pa.array(times >= np.datetime64(BEGIN + timedelta(days=37))))])

    found = ask(view_of, both)

    assert [r.where for r in found.rows] == [("region=BR", "plan=Team")]


def test_a_promise_is_an_indicator_of_its_own(view_of):
    rng = np.random.default_rng(7)
    rows = []
    for day in range(DAYS):
        for who, region, plan in people():
            if rng.random() < 0.15:
                due = BEGIN + timedelta(days=day, hours=12)
                late = rng.random() < (0.8 if day >= DAYS - 7 and region == "IN" and plan == "Pro" else 0.05)
                rows.append({"person": who, "key": f"{who}-{day}", "promise": "delivery", "due_at": due,
                             "occurred_at": due - timedelta(days=3),
                             "kept_at": due + timedelta(hours=5 if late else -5)})  # fmt: skip

    found = ask(view_of, [], declared=DECLARED, more={"promise": rows})

    assert [(r.indicator, r.where) for r in found.rows] == [("delivery", ("region=IN", "plan=Pro"))]
    assert "broken" in found.answer


def test_too_short_a_past_and_too_few_customers_are_refused_with_the_reason(view_of):
    short = ask(view_of, log(days=8), until=(BEGIN + timedelta(days=7)).date())
    few = ask(view_of, log(share=0.003))

    assert short.refused
    assert "earlier" in short.refused
    assert short.next_step
    assert few.refused
    assert "needed" in few.refused


def test_a_name_that_is_none_is_told_with_the_nearest(view_of):
    with pytest.raises(UnknownName, match="Checkout works"):
        ask(view_of, log(days=20), indicator="Checkout work")
    with pytest.raises(UnknownName, match="region"):
        ask(view_of, log(days=20), dims="regoin")


def test_a_filter_searches_within_the_slice(view_of):
    found = ask(view_of, log(hit=brazil_team, since=DAYS - 4), where=("region=BR",))

    assert [r.where for r in found.rows] == [("plan=Team",)]


def test_the_detector_says_one_cause_with_its_customers_and_what_changed(view_of):
    view = view_of(declarations=DECLARED, today=LAST, event=log(hit=brazil_team, since=DAYS - 4), profile=profiles(),
                   subscription=contracts())  # fmt: skip
    looking = Looking(view=view, now=datetime(2026, 10, 10, tzinfo=UTC))

    (raised,) = list(disrupted(looking=looking))

    assert raised.cause == "disruption:Checkout_works:plan=Team,region=BR"
    assert raised.who.slice == {"region": "BR", "plan": "Team"}
    assert raised.who.count == len(raised.who.customers) > 5
    assert raised.at_stake.amount == pytest.approx(120 * raised.who.count)
    assert raised.since == datetime(2026, 10, 6, tzinfo=UTC)
    assert any("New checkout" in a for a in raised.also)
    assert not looking.said


def test_a_quiet_detector_says_what_would_have_been_seen(view_of):
    looking = Looking(
        view=view_of(declarations=DECLARED, today=LAST, event=log(seed=8), profile=profiles()),
        now=datetime(2026, 10, 10, tzinfo=UTC),
    )

    assert list(disrupted(looking=looking)) == []
    assert "would have been seen" in looking.said[0]


def test_now_ends_with_the_last_whole_quarter_of_a_day_in_the_companys_midnights():
    until = datetime(2026, 10, 9, 22)  # midnight in Berlin

    assert ends(datetime(2026, 10, 9, 21, 55), until) == until
    assert ends(datetime(2026, 10, 9, 12, 10), until) == datetime(2026, 10, 9, 10)
    assert ends(datetime(2026, 10, 3, 3), until) == datetime(2026, 10, 2, 22)
    assert ends(datetime(2026, 10, 9, 21, 55), until, datetime(2026, 10, 8, 5)) == datetime(2026, 10, 8, 4)
    assert ends(None, until) is None


def test_customers_count_once_a_combination_and_period_as_a_plain_loop_counts_them():
    """The oracle is a loop over customers, periods and combinations in plain Python."""
    rng = np.random.default_rng(9)
    n = 600
    met = Met(
        name="x", promise=False, needed=0.8, daily=False, customer=rng.integers(-5, 20, n), age=rng.integers(0, 35, n),
        codes=rng.integers(0, 3, (n, 2)), total=rng.integers(0, 4, n).astype(float), good=np.zeros(n), unknown=0.0,
        heaviest=1.0,
    )  # fmt: skip
    met = Met(**{**met.__dict__, "good": np.floor(met.total * rng.random(n) ** 0.3 + 0.3)})

    found = counted(met, days=7, periods=5)

    whole, cells = {}, {}
    for i in range(n):
        key = (int(met.customer[i]), int(met.age[i]) // 7)
        for sums, at in ((whole, key), (cells, (*key, tuple(met.codes[i].tolist())))):
            was = sums.get(at, (0.0, 0.0))
            sums[at] = (was[0] + met.total[i], was[1] + met.good[i])

    def wrong(sums):
        return sums[1] < 0.8 * sums[0] - 1e-9

    told = {
        (int(c), int(p), tuple(found.codes[leaf, :2].tolist())): bool(bad)
        for c, p, leaf, bad in zip(found.customer, found.period, found.leaf, found.bad, strict=True)
    }
    often = {at: int(np.log2(min(sums[0], 16))) for at, sums in cells.items() if sums[0] > 0}
    assert [int(found.codes[leaf, 2]) for leaf in found.leaf] == [often[at] for at in told]
    assert told == {at: wrong(sums) and wrong(whole[at[:2]]) for at, sums in cells.items() if sums[0] > 0}
    assert len(told) == len(found.customer)
    assert found.past.total.sum() + found.past.past_total.sum() == len(told)
    assert found.past.bad.sum() + found.past.past_bad.sum() == sum(told.values())


def test_the_beginning_of_a_rise_is_held_to_every_split_in_plain_python():
    """The oracle integrates both shares over a fine grid (Smith 1975), one split after the other."""
    bad = np.array([1, 0, 2, 1, 0, 1, 6, 9, 7.0])
    total = np.array([20, 18, 22, 20, 19, 21, 20, 22, 20.0])
    grid = (np.arange(20_000) + 0.5) / 20_000
    jeffreys = 1 / np.sqrt(grid * (1 - grid))

    def integral(c, n):
        return np.log(np.mean(jeffreys * grid**c * (1 - grid) ** (n - c)))

    nats = [
        integral(bad[:k].sum(), total[:k].sum()) + integral(bad[k:].sum(), total[k:].sum()) for k in range(1, len(bad))
    ]

    found = rise(bad, total)

    assert found.step == 1 + int(np.argmax(nats)) == 6
    assert found.low <= 6 <= found.high
    assert found.since == pytest.approx(22 / 62)


def test_incidents_of_the_past_are_taken_out_and_noise_is_not():
    rng = np.random.default_rng(11)
    codes = np.array([(a, b) for a in range(5) for b in range(4)])
    whole, total = cube(codes), np.full((40, 20), 60.0)
    bad = rng.binomial(60, 0.02, (40, 20)).astype(float)
    hit = codes[:, 0] == 2
    bad[10:16, hit] = rng.binomial(60, 0.4, (6, 4))
    past = Past(bad=bad[-1], total=total[-1], past_bad=bad[:-1], past_total=total[:-1])

    found = calm(whole, past)

    assert found.incidents[10:16][:, hit].all()
    assert found.incidents.sum() == 6 * hit.sum()
    assert found.past.past_total[10:16][:, hit].sum() == 0
    noise = Past(**{**past.__dict__, "past_bad": rng.binomial(60, 0.02, (39, 20)).astype(float)})
    assert not calm(whole, noise).incidents.any()


def test_every_question_argument_is_told_by_the_module():
    assert disruptions.LENGTHS == {"": (1, 7), "day": (1,), "week": (7,)}
    assert date(2026, 10, 9) == LAST
