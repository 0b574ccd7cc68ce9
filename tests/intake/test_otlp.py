"""OpenTelemetry's own exporters for Python, with nothing changed but the address and a header."""

from __future__ import annotations

import gzip
import json
import logging
import shutil
import time
from contextlib import contextmanager

import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry import trace
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from taken import running

SHOP = Resource.create({"service.name": "shop", "service.version": "5.1", "deployment.environment.name": "live"})
PROTOBUF = "application/x-protobuf"


@pytest.fixture(autouse=True)
def quiet():
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def headers(served):
    return {"Authorization": f"Bearer {served.key}"}


@contextmanager
def tracer(served, compression=Compression.Gzip):
    exporter = OTLPSpanExporter(
        endpoint=f"{served.address}/v1/traces", headers=headers(served), compression=compression
    )
    provider = TracerProvider(resource=SHOP)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    yield provider.get_tracer("shop")
    assert provider.force_flush(10_000)
    provider.shutdown()


def labels_of(row):
    return json.loads(row["labels"])


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip, Compression.Deflate])
def test_spans_arrive_with_their_customer_error_time_and_labels(served, compression):
    who = f"ada-{compression.value}"
    with tracer(served, compression) as shop:
        for n in range(40):
            with shop.start_as_current_span("POST /checkout", kind=trace.SpanKind.SERVER) as span:
                span.set_attributes({"user.id": who, "account.id": "acme", "app.plan": "pro", "n": n})
                with shop.start_as_current_span("SELECT orders", kind=trace.SpanKind.CLIENT):
                    pass
        with pytest.raises(RuntimeError), shop.start_as_current_span("POST /pay", kind=trace.SpanKind.SERVER) as span:
            span.set_attribute("user.id", who)
            raise RuntimeError("card 4111 1111 1111 1111 declined")

    rows = served.rows("telemetry", "*", f"person = '{who}'")
    assert len(rows) == 41
    good = [row for row in rows if row["name"] == "POST /checkout"]
    assert {(row["good"], row["total"], row["account"]) for row in good} == {(1.0, 1.0, "acme")}
    assert all(0 <= row["value"] < 5 for row in rows)
    assert {
        "service": "shop",
        "version": "5.1",
        "environment": "live",
        "app.plan": "pro",
        "n": "0",
    }.items() <= labels_of(good[0]).items()
    (bad,) = [row for row in rows if row["name"] == "POST /pay"]
    assert (bad["good"], labels_of(bad)["error"]) == (0.0, "RuntimeError")
    assert not served.rows("telemetry", "name", "name = 'SELECT orders'")


def test_what_came_adds_up_and_a_retry_adds_nothing(run_intake):
    mine = run_intake()
    caught = []

    class Twice(OTLPSpanExporter):
        def export(self, spans):
            caught.append(spans)
            assert super().export(spans) is SpanExportResult.SUCCESS
            return super().export(spans)

    provider = TracerProvider(resource=SHOP)
    provider.add_span_processor(BatchSpanProcessor(Twice(endpoint=f"{mine.address}/v1/traces", headers=headers(mine))))
    shop = provider.get_tracer("shop")
    for n in range(30):
        outer = shop.start_as_current_span("GET /cart", kind=trace.SpanKind.SERVER, attributes={"user.id": f"u{n}"})
        with outer, shop.start_as_current_span("cache"):
            pass
    provider.shutdown()

    assert sum(map(len, caught)) == 60
    row = mine.ledger("app")
    assert {n: row[n] for n in ("received", "stored", "duplicate", "held_back", "refused")} == {
        "received": 120, "stored": 30, "duplicate": 30, "held_back": 0, "refused": 60,
    }  # fmt: skip


def test_log_records_become_events_of_their_customer_and_failures_of_the_service(served):
    provider = LoggerProvider(resource=SHOP)
    provider.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(endpoint=f"{served.address}/v1/logs", headers=headers(served)))
    )
    logger = provider.get_logger("shop")
    now = time.time_ns()

    def emit(severity, body, event=None, **attributes):
        logger.emit(
            LogRecord(
                timestamp=now, severity_number=severity, body=body, event_name=event,
                attributes={n.replace("_", "."): v for n, v in attributes.items()},
            )
        )  # fmt: skip

    emit(SeverityNumber.INFO, "saw the cart", event="cart_seen", user_id="log-1", plan="pro")
    emit(SeverityNumber.ERROR, "no", event="payment_failed", user_id="log-1", error_type="CardDeclined")
    emit(SeverityNumber.ERROR, "the till is stuck")
    emit(SeverityNumber.INFO, "started")
    provider.shutdown()

    events = served.rows("event", "name, error, labels", "person = 'log-1'")
    assert {(e["name"], e["error"]) for e in events} == {("cart_seen", None), ("payment_failed", "CardDeclined")}
    (failed,) = served.rows("telemetry", "*", "name = 'error logged'")
    assert (failed["good"], failed["total"], labels_of(failed)["said"]) == (0.0, 1.0, "the till is stuck")
    assert not served.rows("telemetry", "name", "labels LIKE '%started%'")


@pytest.mark.parametrize("temporality", [AggregationTemporality.CUMULATIVE, AggregationTemporality.DELTA])
def test_points_of_metrics_arrive_as_measurements(served, temporality):
    exporter = OTLPMetricExporter(
        endpoint=f"{served.address}/v1/metrics", headers=headers(served), compression=Compression.Gzip,
        preferred_temporality={Counter: temporality, Histogram: temporality},
    )  # fmt: skip
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    provider = MeterProvider(resource=SHOP, metric_readers=[reader])
    meter, mark = provider.get_meter("shop"), temporality.name.lower()
    counter = meter.create_counter(f"orders_{mark}")
    histogram = meter.create_histogram(f"seconds_{mark}", unit="s", explicit_bucket_boundaries_advisory=[0.5, 1.0])
    gauge = meter.create_gauge(f"queue_{mark}")
    for n in (1, 2):
        counter.add(5 * n, {"user.id": "met-1"})
        for value in (0.2, 0.7, 3.0):
            histogram.record(value, {"user.id": "met-1"})
        gauge.set(7)
        assert reader.force_flush()
    provider.shutdown()

    orders = served.rows("telemetry", "value, labels, person", f"name = 'orders_{mark}'")
    running = temporality is AggregationTemporality.CUMULATIVE
    assert [o["value"] for o in orders][:2] == ([5.0, 15.0] if running else [5.0, 10.0])
    assert {o["person"] for o in orders} == {"met-1"}
    if running:
        assert len({(labels_of(o)["otel.series"], labels_of(o)["otel.start"]) for o in orders}) == 1
    seconds = served.rows("telemetry", "total, value, labels", f"name = 'seconds_{mark}'")[:2]
    assert [round(s["value"], 3) for s in seconds] == [1.3, 1.3]
    assert [s["total"] for s in seconds] == ([None, None] if running else [3.0, 3.0])
    assert json.loads(labels_of(seconds[0])["otel.buckets"]) == [[0.5, 1], [1.0, 1], [None, 1]]
    assert served.rows("telemetry", "value", f"name = 'queue_{mark}'")[0]["value"] == 7.0


# ---------------------------------------------------------------------- the collector's and the browser's JSON


def span(number=1, **changes):
    now = time.time_ns()
    return {
        "traceId": f"{number:032x}", "spanId": f"{number:016x}", "name": "POST /checkout", "kind": 2,
        "startTimeUnixNano": str(now - 20_000_000), "endTimeUnixNano": str(now),
        "attributes": [{"key": "user.id", "value": {"stringValue": f"json-{number}"}},
                       {"key": "http.response.status_code", "value": {"intValue": 200}}],
        "status": {}, "unheardOf": [1],
    } | changes  # fmt: skip


def request(*spans):
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "web"}, "spans": list(spans)}]}]}


def test_json_as_the_collector_and_the_browser_write_it_is_taken(served):
    body = gzip.compress(
        json.dumps(request(span(11), span(12, kind=1, parentSpanId="00000000000000aa", attributes=[]))).encode()
    )

    reply = served.post("/v1/traces", body, headers={"content-encoding": "gzip"})

    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert "inside of the service" in reply.json()["partialSuccess"]["errorMessage"]
    assert reply.headers["x-regard-outcomes"] == "received=2, stored=1, duplicate=0, held_back=0, refused=1"
    (row,) = served.rows("telemetry", "*", "person = 'json-11'")
    assert labels_of(row) == {"service": "shop", "http.response.status_code": "200"}
    assert row["value"] == pytest.approx(0.02)
    assert served.post("/v1/traces", request(span(11, startTimeUnixNano="1", endTimeUnixNano="2"))).json() == {
        "partialSuccess": {"errorMessage": "1 held back: This message id is known with other content."}
    }


def test_the_same_span_in_either_form_is_one_span(served):
    given = span(77, startTimeUnixNano="1700000000000000000", endTimeUnixNano="1700000000500000000")
    message = ExportTraceServiceRequest()
    made = message.resource_spans.add().scope_spans.add().spans.add(
        trace_id=(77).to_bytes(16, "big"), span_id=(77).to_bytes(8, "big"), name="POST /checkout", kind=2,
        start_time_unix_nano=1700000000000000000, end_time_unix_nano=1700000000500000000,
    )  # fmt: skip
    made.attributes.add(key="user.id").value.string_value = "json-77"
    made.attributes.add(key="http.response.status_code").value.int_value = 200

    first = served.post("/v1/traces", request(given))
    second = served.post("/v1/traces", message.SerializeToString(), headers={"content-type": PROTOBUF})

    assert first.json() == {}
    assert (second.status_code, second.content, second.headers["content-type"]) == (200, b"", PROTOBUF)
    assert "duplicate=1" in second.headers["x-regard-outcomes"]


def test_what_is_passed_over_as_expected_does_not_hide_what_arrived(run_intake):
    from regard.signals.workspace import Workspace
    from regard.store import latest

    mine = run_intake()
    inner = [span(n, kind=1, parentSpanId="00000000000000aa", attributes=[], name="SELECT") for n in range(10, 40)]
    mine.post("/v1/traces", request(span(1), span(2), *inner))
    with Workspace.open(mine.root) as workspace:
        items = latest.told(workspace.inbox, ["app"], most=10)["app"].items

    assert sorted((item.name, item.outcome) for item in items) == [
        ("POST /checkout", "stored"), ("POST /checkout", "stored"), ("SELECT", "refused"),
    ]  # fmt: skip


def test_one_broken_span_is_refused_and_its_neighbours_are_stored(served):
    message = ExportTraceServiceRequest()
    inner = message.resource_spans.add().scope_spans.add()
    for n in (501, 502, 503):
        inner.spans.add(trace_id=n.to_bytes(16, "big"), span_id=n.to_bytes(8, "big"), name=f"mark-{n}", kind=2)
    body = message.SerializeToString().replace(b"mark-502", b"\xff\xffrk-502")

    reply = served.post("/v1/traces", body, headers={"content-type": PROTOBUF})

    told = ExportTraceServiceResponse.FromString(reply.content).partial_success
    assert (reply.status_code, told.rejected_spans) == (200, 1)
    assert "UTF-8" in told.error_message
    assert {row["name"] for row in served.rows("telemetry", "name", "name LIKE 'mark-%'")} == {"mark-501", "mark-503"}


# ---------------------------------------------------------------------- refusals in its own words


@pytest.mark.parametrize("media", [PROTOBUF, "application/json"])
def test_a_request_that_cannot_be_read_is_answered_with_a_status(served, media):
    reply = served.post("/v1/logs", b"{not it at all", headers={"content-type": media})

    assert (reply.status_code, reply.headers["content-type"]) == (400, media)
    if media == PROTOBUF:
        said = Status.FromString(reply.content)
        assert (said.code, "OpenTelemetry" in said.message) == (3, True)
    else:
        assert reply.json()["code"] == 3


def test_a_wrong_key_a_wrong_type_and_no_items_are_told_apart(served):
    wrong = served.post("/v1/traces", b"", key="rk_wrong", headers={"content-type": PROTOBUF})
    text = served.post("/v1/traces", b"x", headers={"content-type": "text/plain"})
    empty = served.post("/v1/traces", b"", headers={"content-type": PROTOBUF})

    assert (wrong.status_code, Status.FromString(wrong.content).code) == (401, 16)
    assert (text.status_code, text.json()["code"]) == (415, 3)
    assert (empty.status_code, empty.content) == (200, b"")


def test_too_much_at_once_is_answered_so_that_exporters_send_it_again(run_intake):
    mine = run_intake(source_rate=1, source_burst=1, free_bytes=1)
    first = mine.post("/v1/traces", request(span(1)))
    again = mine.post("/v1/traces", request(span(2)))
    full = run_intake(free_bytes=shutil.disk_usage("/").total * 2).post("/v1/traces", request(span(3)))
    many = run_intake(otlp_items=2).post("/v1/traces", request(span(1), span(2), span(3)))

    assert first.status_code == 200
    assert (again.status_code, again.json()["code"], int(again.headers["retry-after"]) > 0) == (429, 8, True)
    assert (full.status_code, full.json()["code"], int(full.headers["retry-after"]) > 0) == (503, 14, True)
    assert (many.status_code, "2 are allowed" in many.json()["message"]) == (413, True)


def test_a_span_of_the_future_is_held_back_and_can_be_repaired(served):
    from regard.signals.workspace import Workspace
    from regard.sources.replaying import repair_held, replay_held
    from regard.store import heldback

    late = str(time.time_ns() + 3 * 86_400 * 10**9)
    reply = served.post("/v1/traces", request(span(900, startTimeUnixNano=late, endTimeUnixNano=late)))

    assert "held back" in reply.json()["partialSuccess"]["errorMessage"]
    assert "rejectedSpans" not in reply.json()["partialSuccess"]
    served.ledger("app")
    with Workspace.open(served.root) as workspace:
        with workspace.state.reading() as connection:
            (item,) = [i for i in heldback.listed(connection) if "json-900" in i.item]
        repair_held(workspace, item=item.id, changes={"occurred_at": "2026-11-20T12:00:00Z"})
        assert replay_held(workspace, items=[item.id]).stored == 1
    assert served.rows("telemetry", "name, person", "person = 'json-900'") == [
        {"name": "POST /checkout", "person": "json-900"}
    ]


def test_what_is_declared_decides_whose_a_span_is_and_what_it_becomes(tmp_path):
    with running(tmp_path / "workspace") as mine:
        (mine.root / "company.toml").write_text(
            '[opentelemetry]\nperson = ["app.member"]\nevents = ["POST /check*"]\nlabels = ["app.plan"]\n'
            'called = { "app.plan" = "plan" }\n'
        )
        time.sleep(1.1)
        given = {"app.member": "m-1", "app.plan": "pro", "user.id": "nobody's", "other": "x"}
        attributes = [{"key": k, "value": {"stringValue": v}} for k, v in given.items()]
        failed = {"code": 2, "message": "no flour"}
        assert (
            mine.post(
                "/v1/traces", request(span(1, attributes=attributes, status=failed), span(2, attributes=[]))
            ).json()
            == {}
        )

        (row,) = mine.rows("event", "person, name, error, duration, labels")
        assert (row["person"], row["name"], row["error"]) == ("m-1", "POST /checkout", "no flour")
        assert row["duration"] == pytest.approx(0.02)
        assert labels_of(row) == {"plan": "pro"}
        (nameless,) = mine.rows("telemetry", "person, customer, good")
        assert nameless == {"person": None, "customer": None, "good": 1.0}


def test_a_sampled_span_weighs_as_much_as_it_stands_for(served):
    served.post("/v1/traces", request(
        span(301, traceState="vendor=1,ot=th:c"), span(302, traceState="ot=p:3;r:62"), span(303, traceState="ot=th:0"),
        span(304, attributes=[{"key": "SampleRate", "value": {"intValue": "20"}}]),
    ))  # fmt: skip

    rows = served.rows(
        "telemetry",
        "weight",
        "message_id LIKE '0000000000000000000000000000012%' OR message_id LIKE '0000000000000000000000000000013%'",
    )
    assert [row["weight"] for row in rows] == [4.0, 8.0, None, 20.0]


def test_the_intake_tells_of_the_addresses(served):
    document = httpx.get(f"{served.address}/openapi.json").json()

    assert {"/v1/traces", "/v1/logs", "/v1/metrics"} <= set(document["paths"])
