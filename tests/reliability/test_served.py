"""Who is served well, held to a slow count in plain Python on random logs."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from regard.errors import UnknownName
from regard.questions import find
from regard.reliability.served import figure
from regard.signals.ask import answer
from regard.signals.declarations import (
    Declarations,
    Dimension,
    Indicator,
    Moment,
    OpenTelemetry,
    Stage,
    Value,
)
from regard.signals.scope import Given
from regard.signals.workspace import parse_declarations
from regard.simulation import declarations as company_declarations
from regard.simulation import simulate, truth
from regard.sources import otlp
from regard.sources.limits import Wire
from regard.statistics.proportions import wilson
from regard.web.slices import Slice
from regard.web.trails import trails

DOCS = Path(__file__).parents[2] / "docs"

PAY = Stage(name="Buy", moments=(Moment(name="Pay", events=("checkout",)),))


def declared(*indicators, **more):
    return Declarations(
        indicators=indicators, stages=(PAY,), dimensions=(Dimension(name="region", of="signal"),), **more
    )


def served(view, *, indicator="", moment="", limit=50, **given):
    arguments = {"indicator": indicator, "moment": moment, "limit": limit}
    return answer(
        find("reliability/served"), view=view, given=Given(**{"period": "2026-09", **given}), arguments=arguments
    )


def checkout(person, day, *, error="", region="EU", month=9, **more):
    return {"name": "checkout", "person": person, "occurred_at": f"2026-{month:02}-{day:02}T10:00:00", "error": error or None,
            "labels": {"region": region}, **more}  # fmt: skip


# ---------------------------------------------------------------------- an oracle


def random_log(seed):
    chance = random.Random(seed)
    events, telemetry = [], []
    for number in range(chance.randrange(5, 60)):
        person = f"p{number}"
        for _ in range(chance.randrange(0, 9)):
            at = datetime(2026, 8, 1) + timedelta(seconds=chance.randrange(61 * 86_400))
            region = chance.choice(["EU", "US"])
            row = {
                "person": chance.choice([person, person, person, None]),
                "occurred_at": at,
                "labels": {"region": region},
            }
            row["weight"] = chance.choice([None, None, 3.0])
            if chance.random() < 0.6:
                error = chance.choice([None, None, None, "declined"])
                events.append({**row, "name": "checkout", "error": error, "duration": chance.choice([None, 0.5, 2.5])})
            else:
                total = chance.randrange(1, 9)
                telemetry.append({**row, "name": "checkout", "good": float(chance.randrange(total + 1)), "total": float(total),
                                  "value": chance.choice([None, 0.5, 2.5])})  # fmt: skip
    return events, telemetry


def stretch(at, each):
    return {"day": at.date(), "week": at.date() - timedelta(days=at.weekday()), "period": None}[each]


def slow(events, telemetry, one, region=None):
    """Customers who tried and who were served well, attempts and how many went well; of September, one by one."""
    tried = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
    for row in [*events, *telemetry]:
        if row["occurred_at"].month != 9 or row["person"] is None or region not in {None, row["labels"]["region"]}:
            continue
        took = row.get("duration", row.get("value"))
        late = one.within is not None and took is not None and took > one.within
        if "total" in row:
            total, good = row["total"], 0.0 if late else row["good"]
        else:
            total, good = 1.0, 0.0 if late or row["error"] else 1.0
        weight = row["weight"] or 1.0
        cell = tried[row["person"]][stretch(row["occurred_at"], one.each)]
        cell[0] += total * weight
        cell[1] += good * weight
    well = {p for p, cells in tried.items() if all(g >= one.needed * t - 1e-9 for t, g in cells.values())}
    return (
        set(tried),
        well,
        sum(t for c in tried.values() for t, _ in c.values()),
        sum(g for c in tried.values() for _, g in c.values()),
    )


@pytest.mark.parametrize("seed", range(8))
def test_shares_counts_and_names_are_those_of_a_slow_count(view_of, seed):
    chance = random.Random(f"indicator {seed}")
    one = Indicator(
        name="Checkout works", total="checkout", needed=chance.choice([1.0, 0.8, 0.5]), within=chance.choice([None, 1.0]),
        each=chance.choice(["period", "week", "day"]), target=0.8,
    )  # fmt: skip
    events, telemetry = random_log(seed)
    view = view_of(declarations=declared(one), event=events, telemetry=telemetry)

    finding = served(view, by="region", limit=1000)

    tried, well, total, good = slow(events, telemetry, one)
    row = finding.rows[0]
    assert (row.customers, row.not_served) == (len(tried), len(tried - well))
    assert row.attempts == pytest.approx(total)
    if len(tried) >= 5:
        interval = wilson(len(well), len(tried))
        assert (row.share, row.low, row.high) == pytest.approx((len(well) / len(tried), interval.low, interval.high))
        assert row.requests == pytest.approx(good / total)
    assert row.budget == int(0.2 * len(tried) + 1e-9)
    assert row.left == row.budget - row.not_served
    assert {w.id for w in finding.who} == tried - well
    for part in finding.rows[1:]:
        tried, well, total, _ = slow(events, telemetry, one, part.slice)
        assert (part.customers, part.not_served) == (len(tried), len(tried - well)), part.slice
        assert part.attempts == pytest.approx(total)


# ---------------------------------------------------------------------- what it says


def test_customers_are_told_not_requests(view_of):
    """One customer tries a hundred times and it works; nine try once, and three of them cannot."""
    rows = [checkout("loud", 1 + n % 28) for n in range(100)]
    rows += [checkout(f"p{n}", 3, error="declined" if n < 3 else "") for n in range(9)]
    view = view_of(declarations=declared(Indicator(name="Checkout works", total="checkout", target=0.9)), event=rows)

    finding = served(view)
    said = finding.answer.replace("\xa0", " ")

    assert finding.share == pytest.approx(0.7)
    assert finding.requests == pytest.approx(106 / 109)
    assert "70.0 % of customers are served well" in said
    assert "of their requests 97.2 % went well" in said
    assert "3 customers are not; the target of 90 % allows 1" in said
    assert [w.error for w in finding.who] == ["declined"] * 3
    assert finding.rows[0].left == -2


def test_a_bad_week_is_not_made_good_by_the_weeks_around_it(view_of):
    rows = [checkout("a", day) for day in range(1, 29)] + [checkout("a", 15, error="x"), checkout("a", 16, error="x")]
    rows += [checkout(f"p{n}", 2) for n in range(8)]
    whole = Indicator(name="whole", total="checkout", needed=0.9)
    weekly = Indicator(name="weekly", total="checkout", needed=0.9, each="week")

    finding = served(view_of(declarations=declared(whole, weekly), event=rows))

    assert {r.indicator: r.not_served for r in finding.rows} == {"whole": 0, "weekly": 1}


def test_who_is_not_served_well_stands_with_what_they_are_worth(view_of):
    rows = [checkout(f"p{n}", 4, error="declined" if n < 2 else "") for n in range(10)]
    orders = [
        {"person": f"p{n}", "key": f"o{n}", "occurred_at": "2026-06-01", "amount": 100.0 * (n + 1)} for n in range(10)
    ]
    one = Indicator(name="Checkout works", total="checkout")
    view = view_of(declarations=declared(one, value=Value(kind="trailing"), currency="EUR"), event=rows, order=orders)

    finding = served(view)

    assert [(w.id, w.value) for w in finding.who] == [("p1", 200.0), ("p0", 100.0)]
    assert (finding.value, finding.rows[0].value) == (300.0, 300.0)
    assert "worth" in finding.answer


def test_attempts_of_nobody_are_counted_and_said(view_of):
    rows = [checkout(f"p{n}", 4) for n in range(6)] + [checkout(None, 5, error="x") for _ in range(6)]
    finding = served(view_of(declarations=declared(Indicator(name="Checkout works", total="checkout")), event=rows))

    assert finding.share == 1.0
    assert finding.rows[0].unknown == pytest.approx(0.5)
    assert [c.code for c in finding.cautions] == ["nobody", "value_unknown"]
    assert finding.evidence.complete.startswith("50\xa0%")


def test_the_change_is_of_the_same_customers_and_a_slice_is_held_against_the_others(view_of):
    rows = []
    for n in range(60):
        region = "US" if n < 20 else "EU"
        rows.append(checkout(f"p{n}", 5, month=8, region=region))
        rows.append(checkout(f"p{n}", 5, region=region, error="slow" if n < 12 else ""))
    finding = served(
        view_of(declarations=declared(Indicator(name="Checkout works", total="checkout")), event=rows), by="region"
    )

    whole, *parts = finding.rows
    assert whole.change == pytest.approx(-0.2)
    assert whole.change_high < 0
    assert [(p.slice, p.not_served, p.verdict) for p in parts] == [
        ("US", 12, "worse than the others"),
        ("EU", 0, "better than the others"),
    ]
    assert any("region US is served worse" in fact for fact in finding.facts)
    assert figure(finding).title == finding.answer


def test_one_moment_or_one_indicator_is_asked_for_and_a_slip_is_told(view_of):
    declarations = declared(
        Indicator(name="Checkout works", total="checkout", moment="Pay"), Indicator(name="Search works", total="search")
    )
    view = view_of(declarations=declarations, event=[checkout(f"p{n}", 5) for n in range(6)])

    assert {r.indicator for r in served(view, moment="Pay").rows} == {"Checkout works"}
    assert {r.indicator for r in served(view, indicator="Checkout works").rows} == {"Checkout works"}
    with pytest.raises(UnknownName, match="Chekout") as slip:
        served(view, indicator="Chekout works")
    assert slip.value.hint.startswith("Did you mean Checkout works")
    assert served(view).cautions[0].code == "no_attempts"


def test_an_indicator_of_nothing_names_the_nearest(view_of):
    view = view_of(declarations=declared(Indicator(name="Checkout works", total="chekout")), event=[checkout("a", 5)])

    finding = served(view)

    assert finding.refused
    assert "Did you mean checkout?" in finding.next_step


def test_sampled_attempts_come_with_a_caution(view_of):
    rows = [checkout(f"p{n}", 5, weight=10.0) for n in range(6)]
    finding = served(view_of(declarations=declared(Indicator(name="Checkout works", total="checkout")), event=rows))

    assert finding.rows[0].attempts == 60.0
    assert "sampled" in {c.code for c in finding.cautions}


def test_the_indicators_of_the_docs_can_be_declared_and_asked_of_spans(view_of):
    """Spans as an exporter sends them, read by the intake's reader, asked by the lines of docs/reliability/served.md."""
    (toml,) = re.findall(r"```toml\n(.*?)```", (DOCS / "reliability" / "served.md").read_text("utf-8"), re.DOTALL)
    declarations = parse_declarations(toml, where="docs")
    quick = declarations.indicators[1]
    start = int(datetime(2026, 9, 8, tzinfo=UTC).timestamp() * 1e9)
    spans = [
        {"traceId": "1" * 32, "spanId": f"{n + 1:016x}", "name": "GET /search", "kind": 2, "startTimeUnixNano": str(start + n),
         "endTimeUnixNano": str(start + n + int(s * 1e9)), "attributes": [{"key": "user.id", "value": {"stringValue": f"u{n % 8}"}}]}
        for n, s in enumerate([0.2] * 38 + [1.6, 9.0])
    ]  # fmt: skip
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    parcel = otlp.read(
        body, signal="traces", media=otlp.JSON, received=start // 1000, limits=Wire(), rules=otlp.Rules(OpenTelemetry())
    )
    rows = parcel.rows["telemetry"].values
    for row in rows:
        row["occurred_at"] = datetime(1970, 1, 1) + timedelta(microseconds=row["occurred_at"])

    finding = served(view_of(telemetry=rows, declarations=declarations), indicator=quick.name)

    assert parcel.told == [None] * 40
    assert (finding.share, finding.requests) == (0.75, 0.95)  # two of eight met a slow one; needed are nine of ten
    assert {w.id for w in finding.who} == {"u6", "u7"}


def test_the_made_up_companys_till_fails_those_whose_till_forgot(view_of):
    """The planted disruption 'The tablet that forgot the till' (Isles, Till, on a floury tablet) is found by customers."""
    (planted,) = [d for d in truth(signals=60_000, seed=7).disruptions if d.indicator == "till_sync_ok"]
    made = {"telemetry": [], "profile": []}
    for kind, table in simulate(signals=60_000, seed=7):
        if kind in made:
            made[kind].append(table)
    tables = {kind: pa.concat_tables(parts) for kind, parts in made.items()}
    view = view_of(tables, declarations=company_declarations())

    finding = served(
        view, indicator="The till keeps up", period="", since=planted.start, until=planted.end, by="region"
    )

    parts = {r.slice: r for r in finding.rows[1:]}
    others = [r for name, r in parts.items() if name != "Isles"]
    assert parts["Isles"].not_served >= 3
    assert parts["Isles"].not_served / parts["Isles"].customers > 3 * max(
        r.not_served / r.customers for r in others if r.customers >= 5
    )
    assert finding.requests > finding.share  # a total of requests makes it smaller than it is


def test_every_customer_not_served_well_leads_to_their_record_and_an_indicator_to_itself():
    seen = Slice(scope={}, arguments={})

    way = trails("reliability/served", {"name": "Ada", "id": "p1", "indicator": "Checkout works"}, seen)
    row = trails("reliability/served", {"indicator": "Checkout works", "not_served": 3, "slice": "all"}, seen)

    assert way["name"] == "/customers/customer?id=p1"
    assert row["not_served"] == "/reliability/served?indicator=Checkout+works"
