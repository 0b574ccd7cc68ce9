"""Attempts say of every signal an indicator speaks of how many it stands for and how many went well."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import pytest

from regard.errors import BadInput, RegardError, UnknownName
from regard.signals.attempts import check_indicators, names_of, speaks_of
from regard.signals.declarations import Declarations, Indicator, Moment, OpenTelemetry, Stage
from regard.signals.scope import Given, nouns_of, resolve, scoped
from regard.signals.workspace import parse_declarations
from regard.sources import otlp
from regard.sources.limits import Wire

LAST = date(2026, 9, 30)
SECONDS = "http.server.request.duration"


def attempts(view, noun="attempts", **given):
    scope = resolve(Given(period="2026-09", **given), declarations=view.declarations, last=LAST)
    sql = scoped(f"SELECT * FROM {noun} ORDER BY no, occurred_at, position", scope, view.declarations)
    names = [d[0] for d in view.connection.execute(sql).description]
    return [dict(zip(names, row, strict=True)) for row in view.connection.fetchall()]


def counted(view, **given):
    """Attempts and how many went well, by indicator."""
    found = {}
    for row in attempts(view, **given):
        total, good = found.get(row["indicator"], (0.0, 0.0))
        found[row["indicator"]] = (total + row["total"], good + row["good"])
    return found


def test_events_and_measurements_are_attempts_by_name_error_and_time(view_of):
    declared = Declarations(indicators=(
        Indicator(name="alone", total="checkout"),
        Indicator(name="quick", total="checkout", within=2.0),
        Indicator(name="paired", total="checkout", good="checkout_ok"),
        Indicator(name="several", total="check* | probe"),
        Indicator(name="nothing", total="nowhere"),
    ))  # fmt: skip
    at = "2026-09-10T12:00:00"
    view = view_of(
        declarations=declared,
        event=[
            {"name": "checkout", "person": "a", "occurred_at": at, "duration": 1.0},
            {"name": "checkout", "person": "a", "occurred_at": at, "duration": 3.0},
            {"name": "checkout", "person": "b", "occurred_at": at, "error": "declined"},
            {"name": "checkout_ok", "person": "a", "occurred_at": at},
            {"name": "other", "person": "a", "occurred_at": at},
            {"name": "checkout", "person": "a", "occurred_at": "2026-01-01"},
        ],
        telemetry=[{"name": "probe", "person": "a", "occurred_at": at, "good": 8.0, "total": 10.0}],
    )

    assert counted(view) == {
        "alone": (3.0, 2.0), "quick": (3.0, 1.0), "paired": (3.0, 1.0), "several": (14.0, 11.0)
    }  # fmt: skip
    assert {r["indicator"] for r in attempts(view) if r["untimed"]} == {"quick"}
    assert sum(r["total"] for r in attempts(view, "attempts_ever") if r["indicator"] == "alone") == 4.0


def exported(points, temporality):
    """What a process exports of a counter, a histogram and a gauge that were fed `points`, at each time."""
    start, seen = datetime(2026, 8, 31, 12), []
    requests = []
    for step, new in enumerate(points):
        seen = [*seen, *new] if temporality == 2 else new
        at = int((start + timedelta(hours=20 * (step + 1))).timestamp() * 1e9)
        begun = int(start.timestamp() * 1e9) if temporality == 2 else at - 10**9
        times = {"startTimeUnixNano": str(begun), "timeUnixNano": str(at), "attributes": [
            {"key": "user.id", "value": {"stringValue": "ada"}}]}  # fmt: skip
        buckets = [sum(s <= 0.5 for s in seen), sum(0.5 < s <= 1 for s in seen), sum(s > 1 for s in seen)]
        metrics = [
            {"name": "tries", "sum": {"aggregationTemporality": temporality, "isMonotonic": True, "dataPoints": [
                {**times, "asInt": str(len(seen))}]}},
            {"name": SECONDS, "histogram": {"aggregationTemporality": temporality, "dataPoints": [
                {**times, "count": str(len(seen)), "sum": sum(seen), "explicitBounds": [0.5, 1], "bucketCounts": [str(b) for b in buckets]}]}},
            {"name": "queue", "gauge": {"dataPoints": [{**times, "asDouble": float(step)}]}},
        ]  # fmt: skip
        requests.append({"resourceMetrics": [{"scopeMetrics": [{"metrics": metrics}]}]})
    return requests


def rows_of(requests):
    found = []
    for request in requests:
        parcel = otlp.read(
            json.dumps(request).encode(), signal="metrics", media=otlp.JSON, received=1_800_000_000_000_000, limits=Wire(),
            rules=otlp.Rules(OpenTelemetry()),
        )  # fmt: skip
        assert parcel.told == [None] * 3
        found += parcel.rows["telemetry"].values
    for row in found:
        row["occurred_at"] = datetime(1970, 1, 1) + timedelta(microseconds=row["occurred_at"])
    return found


METRICS = Declarations(indicators=(
    Indicator(name="tries", total="tries"),
    Indicator(name="quick", total=SECONDS, within=0.5),
    Indicator(name="at all", total=SECONDS),
    Indicator(name="short queue", total="queue", within=1.0),
))  # fmt: skip
FED = ([0.1, 0.7], [0.2, 3.0, 0.4], [], [0.3])


@pytest.mark.parametrize("temporality", [1, 2], ids=["delta", "cumulative"])
def test_counts_that_run_on_say_the_same_as_those_that_start_anew(view_of, temporality):
    view = view_of(declarations=METRICS, telemetry=rows_of(exported(FED, temporality)))

    assert counted(view) == {
        "tries": (6.0, 6.0), "quick": (6.0, 4.0), "at all": (6.0, 6.0), "short queue": (4.0, 2.0)
    }  # fmt: skip


def test_a_count_that_runs_on_starts_anew_with_its_process_and_reaches_over_the_period(view_of):
    rows = rows_of(exported(FED, 2))
    again = [dict(row) for row in rows if row["name"] == "tries"][:2]  # another process: 2, then 5 in all
    for row in again:
        row["labels"] = json.dumps(json.loads(row["labels"]) | {"otel.start": "1788300000000000"})
        row["occurred_at"] += timedelta(days=8)
    before = dict(again[0], occurred_at=datetime(2026, 7, 1), labels=json.dumps({
        "otel.metric": "running sum", "otel.series": "other", "otel.start": "1780000000000000"}), value=40.0)  # fmt: skip
    later = dict(before, occurred_at=datetime(2026, 9, 2), value=47.0)
    fallen = dict(before, occurred_at=datetime(2026, 9, 3), value=3.0)
    view = view_of(declarations=METRICS, telemetry=[*rows, *again, before, later, fallen])

    assert counted(view)["tries"] == (6.0 + 5.0 + 7.0 + 3.0,) * 2


def test_filters_and_groupings_reach_attempts(view_of):
    view = view_of(
        declarations=Declarations(indicators=(Indicator(name="all", total="probe"),)),
        telemetry=[
            {"name": "probe", "person": p, "occurred_at": "2026-09-10", "good": 1.0, "total": 1.0} for p in ("a", "b")
        ],
        event=[{"name": "probe", "person": "a", "occurred_at": "2026-09-10"}],
    )

    assert nouns_of("SELECT * FROM attempts_ever") == ["attempts_ever"]
    assert {r["slice"] for r in attempts(view, by="kind")} == {"event", "telemetry"}
    assert len(attempts(view, where=("name=probe",))) == 3
    assert attempts(view_of()) == []


@pytest.mark.parametrize(
    ("indicators", "wrong", "hint"),
    [
        ((Indicator(name="x", total=" | "),), "does not say what an attempt is", "total ="),
        ((Indicator(name="x", total="*"),), "does not say what an attempt is", "total ="),
        ((Indicator(name=" ", total="a"),), "has no name", "name ="),
        ((Indicator(name="x", total="a"), Indicator(name="x", total="b")), "Two indicators are called x", "otherwise"),
        ((Indicator(name="x", total="a", moment="Pays"),), "no moment named 'Pays'", "Did you mean Pay?"),
    ],
)
def test_an_indicator_that_cannot_be_is_refused_with_what_to_do(indicators, wrong, hint):
    declared = Declarations(indicators=indicators, stages=(Stage(name="Buy", moments=(Moment(name="Pay"),)),))

    with pytest.raises(BadInput, match=wrong) as found:
        check_indicators(declared)

    assert hint in found.value.hint
    assert isinstance(found.value, UnknownName) is ("moment" in wrong)


def test_a_line_of_company_toml_declares_one():
    text = (
        '[[indicators]]\nname = "checkout works"\ntotal = "checkout"\ngood = "checkout_ok"\nwithin = 2\ntarget = 0.99\n'
    )

    (found,) = parse_declarations(text, where="company.toml").indicators

    assert (found.name, found.needed, found.each, found.target) == ("checkout works", 1.0, "period", 0.99)
    assert names_of(" a |b* ") == ("a", "b*")
    assert speaks_of(found, "checkout_ok")
    assert not speaks_of(found, "checkout_failed")
    with pytest.raises(RegardError, match="target"):
        parse_declarations(text.replace("0.99", "99"), where="company.toml")
