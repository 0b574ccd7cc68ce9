"""Contacts: rates by hand, cells that rise beyond chance, and customers who ask ten times."""

import csv
import gzip
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from regard.questions import find
from regard.signals.ask import answer
from regard.signals.declarations import Declarations, Dimension, Value
from regard.signals.scope import Given

DATA = Path(__file__).parents[2] / "../shared/data"
AUTUMN = Given(since="2026-09-01", until="2026-11-30")


def ask(view, given=AUTUMN, **arguments):
    return answer(find("listening/contacts"), view=view, given=given, arguments=arguments)


def tickets(n, *, area="billing", issue="bug", month="2026-10", who=None, **more):
    start = datetime.fromisoformat(f"{month}-02T09:00:00")
    return [
        {"person": who or f"{area}{issue}{month}{i}", "occurred_at": start + timedelta(hours=i), "area": area, "issue": issue,
         "key": f"{area}{issue}{month}{i}", "verbatim": f"{area} {i}"} | more
        for i in range(n)
    ]  # fmt: skip


def users(n=100):
    """The same hundred people, active in every month from June to November."""
    return [
        {"person": f"u{i}", "occurred_at": f"2026-{m:02d}-{d:02d}T08:00:00", "name": "used"}
        for i in range(n)
        for m in range(6, 12)
        for d in (5, 20, 29)
    ]


def test_rates_are_contacts_over_active_customers_and_months(view_of):
    """By hand: 30 contacts of a hundred active customers in three months (91 days): 30 / 100 / (91/30.4375) · 1000."""
    found = ask(view_of(contact=tickets(30), event=users()))

    assert (found.n, found.active) == (30, pytest.approx(100))
    assert found.rate == pytest.approx(30 / 100 / (91 / 30.4375) * 1000)
    assert found.rows[0].rate == pytest.approx(found.rate)
    assert found.interval.low < found.rate < found.interval.high


def month_names(first, last):
    """Months from first to last, YYYY-MM, both included."""
    year, month = (int(x) for x in first.split("-"))
    while f"{year}-{month:02d}" <= last:
        yield f"{year}-{month:02d}"
        year, month = (year + month // 12, month % 12 + 1)


def calm(n, *, first="2025-03", last="2026-11", swing=None, **more):
    """The same number of tickets every month, or as `swing` says of the month; spread over its days."""
    rows = []
    for month in month_names(first, last):
        count = n if swing is None else swing(month)
        rows += [
            row | {"occurred_at": datetime.fromisoformat(f"{month}-01T09:00:00") + timedelta(days=28 * i / count)}
            for i, row in enumerate(tickets(count, month=month, **more))
        ]
    return rows


def long_users(first="2024-06"):
    """A hundred people active in every month."""
    return [
        {"person": f"u{i}", "occurred_at": f"{m}-{d}T08:00:00", "name": "used"}
        for m in month_names(first, "2026-11")
        for i in range(100)
        for d in ("05", "20")
    ]


def test_a_cell_that_tripled_is_rising_with_its_ratio_and_words(view_of):
    """Nine cells of Poisson counts; one that was calm for fifteen months has three times its contacts since September."""
    rng = np.random.default_rng(5)
    rows = [r for k in range(9) for r in calm(0, area=f"a{k}", swing=lambda _: int(rng.poisson(8)))]
    rows += calm(8, swing=lambda m: 24 if m >= "2026-09" else 8)

    found = ask(view_of(contact=rows, event=long_users("2025-01")))

    top = found.rows[0]
    assert (top.area, top.direction) == ("billing", "rising")
    assert top.ratio == pytest.approx(3 / 91 * 92, rel=1e-6)
    assert found.earlier >= 3
    assert top.q <= 0.05
    assert 1 < top.least < 3
    assert "billing (bug) 3 times as often" in found.answer
    assert "own swings" in found.evidence.method
    assert any("10 cells tested against their own swings in" in fact for fact in found.facts)
    assert {s.area for s in found.said} == {"billing"}
    assert [r.area for r in found.rows if r.direction] == ["billing"]


def test_a_cell_that_swings_by_itself_is_not_rising_by_the_change_that_is_news_in_a_calm_one(view_of):
    """Both cells go from 8 a month to 24; one of them has gone up and down like that every three months before."""
    rows = [r for k in range(8) for r in calm(8, area=f"a{k}")]
    rows += calm(8, area="calm", swing=lambda m: 24 if m >= "2026-09" else 8)
    rows += calm(8, area="wild", swing=lambda m: 24 if (int(m[:4]) * 12 + int(m[5:]) - 9) // 3 % 2 == 0 else 8)

    found = ask(view_of(contact=rows, event=long_users("2025-01")))

    told = {r.area: r for r in found.rows}
    assert told["calm"].ratio == pytest.approx(told["wild"].ratio)
    assert (told["calm"].direction, told["wild"].direction) == ("rising", "")
    assert told["wild"].swings > 1.5 > told["calm"].swings


def test_with_too_little_past_nothing_is_called_rising_and_the_reason_is_said(view_of):
    """Tripled against the period before, but nothing says how the cell swings by itself."""
    rows = calm(40, first="2026-05", swing=lambda m: 120 if m >= "2026-09" else 40)

    found = ask(view_of(contact=rows, event=users()))

    assert found.rows[0].ratio > 2.5
    assert not [r for r in found.rows if r.direction]
    assert found.tested == 0
    assert "0 earlier comparisons" in found.untested
    assert "cannot be told yet" in found.answer
    assert "too_little_past" in {c.code for c in found.cautions}
    assert "30d" in found.next_step


def test_days_nobody_recorded_are_no_past(view_of):
    """One stray ticket of years ago does not make two years of silence."""
    rows = calm(20, first="2026-03") + tickets(1, month="2023-01")

    found = ask(view_of(contact=rows, event=long_users("2022-06")))

    assert found.tested == 0
    assert found.untested


def test_months_before_contacts_were_recorded_do_not_make_everything_rise(view_of):
    """Tickets come at one rate from August on, users from May: August alone is what now is compared with."""
    rows = [r for m in ("2026-08", "2026-09", "2026-10", "2026-11") for r in tickets(90, month=m)]

    found = ask(view_of(contact=[r | {"key": f"t{i}"} for i, r in enumerate(rows)], event=users()))

    assert "short_log" in {c.code for c in found.cautions}
    assert found.rows[0].direction == ""
    assert 0.7 < found.rows[0].ratio < 1.4


def test_where_nobody_recorded_contacts_before_nothing_is_said_to_rise(view_of):
    found = ask(view_of(contact=tickets(60), event=users()))

    assert not [r for r in found.rows if r.direction]
    assert "nothing in" in found.answer


def test_one_customer_asking_forty_times_is_not_a_rising_cell(view_of):
    rows = tickets(10, month="2026-07") + tickets(10) + tickets(40, who="ana", issue="bug")
    loud = [r | {"key": f"loud{i}"} for i, r in enumerate(rows)]

    found = ask(view_of(contact=loud, event=users()))

    assert found.rows[0].ratio > 4
    assert found.rows[0].direction == ""


def test_sixty_cells_of_noise_raise_no_alarm(view_of):
    rng = np.random.default_rng(3)
    rows = [r for cell in range(60) for r in calm(0, area=f"a{cell}", swing=lambda _: int(rng.poisson(4)))]

    found = ask(view_of(contact=rows, event=long_users("2025-01")))

    assert found.tested == 60
    assert [r for r in found.rows if r.direction] == []
    assert "nothing is rising beyond its usual swings" in found.answer


def test_what_falls_is_marked_too(view_of):
    rows = [r for k in range(9) for r in calm(8, area=f"a{k}")]
    rows += calm(24, swing=lambda m: 6 if m >= "2026-09" else 24)

    found = ask(view_of(contact=rows, event=long_users("2025-01")))

    assert [(r.area, r.direction) for r in found.rows if r.direction] == [("billing", "falling")]


def test_what_peaks_every_year_is_not_rising_where_the_past_shows_it(view_of):
    """Every cell of nine triples each autumn, by itself; one of them triples above that this year."""
    rng = np.random.default_rng(6)

    def swing(month, more=1):
        return int(rng.poisson(8 * (3 if month[5:] in {"09", "10", "11"} else 1) * more))

    rows = [r for k in range(8) for r in calm(0, first="2024-03", area=f"a{k}", swing=swing)]
    rows += calm(0, first="2024-03", swing=lambda m: swing(m, 3 if m >= "2026-09" else 1))

    found = ask(view_of(contact=rows, event=long_users("2024-01")))

    assert found.season > 0.7
    assert [(r.area, r.direction) for r in found.rows if r.direction] == [("billing", "rising")]
    assert all(r.ratio > 2 for r in found.rows)
    assert "year earlier" in found.evidence.method


def test_the_first_answer_counts_those_still_waiting_as_waiting(view_of):
    """Kaplan-Meier by hand: 30 answered after 1 h, 30 after 5 h, 20 never: half of 80 are answered by 5 h."""
    at = datetime(2026, 10, 2, 9)
    rows = tickets(30, answered_at=None) + tickets(30, issue="wish") + tickets(20, issue="how")
    rows = [
        r
        | {
            "occurred_at": at,
            "answered_at": at + timedelta(hours=1)
            if r["issue"] == "bug"
            else at + timedelta(hours=5)
            if r["issue"] == "wish"
            else None,
        }
        for r in rows
    ]

    found = ask(view_of(contact=rows, event=users()))

    first = next(t for t in found.times if t.measure == "first answer")
    assert (first.now, first.n) == (pytest.approx(5), 80)
    assert any("5\u00a0h" in f for f in found.facts)


def test_without_activity_rates_are_per_known_customer_and_say_so(view_of):
    found = ask(view_of(contact=tickets(30) + tickets(30, month="2026-07")))

    assert "active_unknown" in {c.code for c in found.cautions}
    assert found.rate is not None


def test_slices_have_their_own_active_customers(view_of):
    labels = {"region": "North"}
    north = [r | {"labels": labels} for r in tickets(30)]
    events = [r | {"labels": labels if int(r["person"][1:]) < 20 else {"region": "South"}} for r in users()]
    declared = Declarations(dimensions=(Dimension(name="region", of="signal"),))

    found = ask(
        view_of(contact=north, event=events, declarations=declared),
        given=Given(since="2026-09-01", until="2026-11-30", by="region"),
    )

    row = next(s for s in found.slices if s.slice == "North")
    assert row.rate == pytest.approx(30 / 20 / (91 / 30.4375) * 1000)


def test_no_contacts_at_all_are_refused_with_what_to_import(view_of):
    found = ask(view_of(event=users()))

    assert found.refused
    assert "regard import" in found.next_step


def test_a_single_contact_of_nobody_known_is_counted_and_nothing_claimed(view_of):
    found = ask(view_of(contact=[{"occurred_at": "2026-10-02T09:00:00", "key": "1"}]))

    assert found.n == 1
    assert found.rows[0].direction == ""
    assert "unsorted" in {c.code for c in found.cautions}


@pytest.mark.data
def test_the_incident_log_counts_each_incident_once(view_of):
    """Distinct incident numbers opened in the period, counted straight from the file."""
    path = DATA / "it_incident_log/incident_event_log.csv.gz"
    if not path.exists():
        pytest.skip("public data sets are not beside the project")
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))

    def time(text):
        return datetime.fromisoformat(text)

    contacts = [
        {"key": r["number"], "person": r["caller_id"], "area": r["category"], "issue": r["subcategory"], "occurred_at": time(r["opened_at"]),
         "version_at": time(r["sys_updated_at"]), "reopened": float(r["reopen_count"])}
        for r in rows
    ]  # fmt: skip

    found = ask(view_of(contact=contacts), given=Given(period="2016-04"))

    april = {r["number"] for r in rows if time(r["opened_at"]).strftime("%Y-%m") == "2016-04"}
    assert found.n == len(april)


def loud_and_many():
    """One customer who writes forty times about sign-in, ten who write once about billing, one rich about delivery."""
    loud = tickets(40, area="sign-in", who="loud")
    many = tickets(10, area="billing")
    rich = tickets(1, area="delivery", who="rich")
    return [*loud, *many, *rich]


def contracts():
    who = ["loud", "rich", *(f"billingbug2026-10{i}" for i in range(10))]
    return [
        {"person": w, "key": w, "subscription": w, "change": "start", "amount": 9000 if w == "rich" else 10,
         "currency": "EUR", "every": "month", "occurred_at": "2026-01-05"}
        for w in who
    ]  # fmt: skip


def test_one_loud_customer_leads_by_voices_and_not_by_customers(view_of):
    log = {"contact": loud_and_many(), "event": users()}

    voices, customers = ask(view_of(**log)), ask(view_of(**log), count="customers")

    assert voices.rows[0].area == "sign-in"
    assert customers.rows[0].area == "billing"
    assert "10 customers" in customers.answer


def test_by_value_the_worth_of_who_asked_leads_each_counted_once(view_of):
    declared = Declarations(value=Value(kind="recurring"), currency="EUR")
    found = ask(
        view_of(declarations=declared, contact=loud_and_many(), event=users(), subscription=contracts()), count="value"
    )

    worth = {r.area: r.value for r in found.rows}
    assert found.rows[0].area == "delivery"
    assert worth == {"delivery": pytest.approx(108_000), "billing": pytest.approx(1200), "sign-in": pytest.approx(120)}


def test_by_value_without_a_declared_value_is_refused_by_name(view_of):
    found = ask(view_of(contact=loud_and_many(), event=users()), count="value")

    assert "value.kind" in found.refused
