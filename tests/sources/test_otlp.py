"""OpenTelemetry's messages, read without its library: the same as its library reads, and nothing breaks on nonsense."""

from __future__ import annotations

import json
import math
import random
import time

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from regard.signals.declarations import OpenTelemetry
from regard.sources import otlp, otlpjson, otlpwire
from regard.sources.items import Unfit
from regard.sources.limits import Wire
from regard.sources.otlp import JSON, PROTOBUF, Rules
from regard.sources.protobuf import Broken, message
from regard.sources.sampling import weight_of

NOW = 1_795_000_000_000_000_000
LIMITS = Wire()


def any_value(chance, deep=0):
    pick = chance.randrange(7 if deep < 3 else 5)
    value = AnyValue()
    if pick == 0:
        value.string_value = chance.choice(["", "pro", "Zürich 🥐", "x" * 300])
    elif pick == 1:
        value.bool_value = chance.random() < 0.5
    elif pick == 2:
        value.int_value = chance.choice([0, 1, -1, 200, -(2**63), 2**63 - 1])
    elif pick == 3:
        value.double_value = chance.choice([0.0, -1.5, 1e300, 3.14])
    elif pick == 4:
        value.bytes_value = chance.randbytes(5)
    elif pick == 5:
        value.array_value.values.extend(any_value(chance, deep + 1) for _ in range(chance.randrange(3)))
    else:
        for _ in range(chance.randrange(3)):
            value.kvlist_value.values.add(key=f"k{chance.randrange(9)}").value.CopyFrom(any_value(chance, deep + 1))
    return value


def dress(holder, chance, some=6):
    for _ in range(chance.randrange(some)):
        key = chance.choice(["user.id", "http.route", "error.type", "a", "b", "session.id", "url.full"])
        holder.attributes.add(key=key).value.CopyFrom(any_value(chance))


def plain(value):
    """A plain value as OpenTelemetry's own library tells it."""
    name = value.WhichOneof("value")
    if name is None:
        return None
    found = getattr(value, name)
    if name == "array_value":
        return [plain(v) for v in found.values]
    if name == "kvlist_value":
        return {pair.key: plain(pair.value) for pair in found.values}
    return found.hex() if name == "bytes_value" else found


def pairs(holder):
    return [(pair.key, plain(pair.value)) for pair in holder.attributes]


def spans(chance, count=30):
    made = ExportTraceServiceRequest()
    for _ in range(2):
        part = made.resource_spans.add(schema_url="https://x")
        dress(part.resource, chance)
        for _ in range(count // 2):
            span = part.scope_spans.add().spans.add(
                trace_id=chance.randbytes(16), span_id=chance.randbytes(8), name=chance.choice(["POST /buy", "brød", ""]),
                parent_span_id=chance.choice([b"", chance.randbytes(8)]), kind=chance.randrange(6),
                trace_state=chance.choice(["", "ot=th:8"]), flags=chance.choice([0, 257]),
                start_time_unix_nano=NOW + chance.randrange(10**10), end_time_unix_nano=NOW + chance.randrange(10**11),
            )  # fmt: skip
            dress(span, chance)
            span.status.code = chance.randrange(3)
            span.status.message = chance.choice(["", "no flour"])
            if chance.random() < 0.5:
                event = span.events.add(name=chance.choice(["exception", "seen"]), time_unix_nano=NOW)
                event.attributes.add(key="exception.type").value.string_value = "OvenError"
                span.links.add(trace_id=b"1" * 16)
    return made


def logs(chance, count=30):
    made = ExportLogsServiceRequest()
    part = made.resource_logs.add()
    dress(part.resource, chance)
    for _ in range(count):
        record = part.scope_logs.add().log_records.add(
            time_unix_nano=chance.choice([0, NOW]), observed_time_unix_nano=NOW, severity_number=chance.randrange(25),
            severity_text="X", event_name=chance.choice(["", "cart_seen"]), trace_id=chance.randbytes(16),
        )  # fmt: skip
        record.body.CopyFrom(any_value(chance))
        dress(record, chance)
    return made


def points(chance, count=30):
    made = ExportMetricsServiceRequest()
    part = made.resource_metrics.add()
    dress(part.resource, chance)
    for _ in range(count):
        metric = part.scope_metrics.add().metrics.add(name=chance.choice(["orders", "seconds"]), unit="s")
        form = getattr(metric, name := chance.choice(["gauge", "sum", "histogram", "exponential_histogram", "summary"]))
        if name in {"sum", "histogram", "exponential_histogram"}:
            form.aggregation_temporality = chance.randrange(3)
        if name == "sum":
            form.is_monotonic = chance.random() < 0.7
        point = form.data_points.add(time_unix_nano=NOW, start_time_unix_nano=NOW - 10**9)
        dress(point, chance)
        if name in {"gauge", "sum"}:
            if chance.random() < 0.5:
                point.as_int = chance.randrange(-5, 1000)
            else:
                point.as_double = chance.choice([1.5, math.nan, math.inf])
            continue
        point.count, point.sum = 6, 12.5
        if name == "histogram":
            point.explicit_bounds.extend([0.5, 1.0])
            point.bucket_counts.extend([1, 2, 3])
        elif name == "exponential_histogram":
            point.scale, point.zero_count, point.positive.offset = chance.choice([0, -1, 3]), 1, chance.randrange(-4, 4)
            point.positive.bucket_counts.extend([1, 0, 300])
            point.negative.bucket_counts.extend([2])
    return made


MADE = {"traces": spans, "logs": logs, "metrics": points}


def read(body, signal="traces", media=PROTOBUF, **declared):
    return otlp.read(
        body, signal=signal, media=media, received=NOW // 1000, limits=LIMITS, rules=Rules(OpenTelemetry(**declared))
    )


# ---------------------------------------------------------------------- against the library


def test_spans_are_read_as_the_library_reads_them():
    made = spans(random.Random(1), 200)

    lots = otlpwire.lots(made.SerializeToString(), "traces")

    for lot, part in zip(lots, made.resource_spans, strict=True):
        assert lot.resource == pairs(part.resource)
        for raw, given in zip(lot.items, (s for inner in part.scope_spans for s in inner.spans), strict=True):
            found = lot.read(raw)
            assert (found.trace, found.id, found.parent) == (
                given.trace_id.hex(),
                given.span_id.hex(),
                given.parent_span_id.hex(),
            )
            assert (found.name, found.kind, found.state) == (given.name, given.kind, given.trace_state)
            assert (found.start, found.end) == (given.start_time_unix_nano, given.end_time_unix_nano)
            assert (found.status, found.message) == (given.status.code, given.status.message)
            assert found.attributes == pairs(given)
            assert found.exception == ("OvenError" if any(e.name == "exception" for e in given.events) else "")


def test_log_records_are_read_as_the_library_reads_them():
    made = logs(random.Random(2), 200)

    (lot,) = otlpwire.lots(made.SerializeToString(), "logs")

    for raw, inner in zip(lot.items, made.resource_logs[0].scope_logs, strict=True):
        found, (given,) = lot.read(raw), inner.log_records
        assert (found.at, found.observed, found.severity) == (
            given.time_unix_nano,
            given.observed_time_unix_nano,
            given.severity_number,
        )
        assert (found.event, found.body, found.attributes) == (given.event_name, plain(given.body), pairs(given))


def test_points_are_read_as_the_library_reads_them():
    made = points(random.Random(3), 300)

    (lot,) = otlpwire.lots(made.SerializeToString(), "metrics")

    for raw, inner in zip(lot.items, made.resource_metrics[0].scope_metrics, strict=True):
        found, (metric,) = lot.read(raw), inner.metrics
        name = metric.WhichOneof("data")
        (given,) = getattr(metric, name).data_points
        assert (found.name, found.unit, found.at, found.start) == (metric.name, "s", NOW, NOW - 10**9)
        assert found.attributes == pairs(given)
        if name in {"gauge", "sum"}:
            wanted = getattr(given, given.WhichOneof("value"))
            assert found.value == wanted or (math.isnan(found.value) and math.isnan(wanted))
        else:
            assert (found.count, found.sum) == (6, 12.5)
        if name == "histogram":
            assert (found.bounds, found.counts) == ([0.5, 1.0], [1, 2, 3])
        if name == "exponential_histogram":
            growth = 2 ** (2**-given.scale)
            ends = [growth ** (given.positive.offset + n + 1) for n in (0, 2)]
            assert found.bounds == pytest.approx([-1.0, 0.0, *ends])
            assert found.counts == [2, 1, 1, 300]


@pytest.mark.parametrize("signal", list(MADE))
def test_json_says_the_same_as_protocol_buffers(signal):
    made = MADE[signal](random.Random(4), 100)
    as_json = MessageToDict(made)

    def hexadecimal(
        value,
    ):  # protobuf's own JSON writes bytes in base64; OpenTelemetry's JSON writes ids in hexadecimal
        import base64

        if isinstance(value, dict):
            for name in ("traceId", "spanId", "parentSpanId", "bytesValue"):
                if name in value:
                    value[name] = base64.b64decode(value[name]).hex()
            for inner in value.values():
                hexadecimal(inner)
        elif isinstance(value, list):
            for inner in value:
                hexadecimal(inner)

    hexadecimal(as_json)
    text = json.dumps(as_json).replace('"kind": "SPAN_KIND_', '"kind": "')
    for name, number in (
        ("UNSPECIFIED", 0),
        ("INTERNAL", 1),
        ("SERVER", 2),
        ("CLIENT", 3),
        ("PRODUCER", 4),
        ("CONSUMER", 5),
    ):
        text = text.replace(f'"kind": "{name}"', f'"kind": {number}')
    for name, number in (
        ("STATUS_CODE_OK", 1),
        ("STATUS_CODE_ERROR", 2),
        ("AGGREGATION_TEMPORALITY_DELTA", 1),
        ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
    ):
        text = text.replace(f'"{name}"', str(number))
    import re

    from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

    text = re.sub(r'"(SEVERITY_NUMBER_\w+)"', lambda m: str(SeverityNumber.Value(m[1])), text)

    one, other = read(made.SerializeToString(), signal), read(text.encode(), signal, JSON)

    assert [t and (t.outcome, t.code) for t in one.told] == [t and (t.outcome, t.code) for t in other.told]
    assert {k: r.values for k, r in one.rows.items()} == {k: r.values for k, r in other.rows.items()}
    assert {k: r.checks for k, r in one.rows.items()} == {k: r.checks for k, r in other.rows.items()}


# ---------------------------------------------------------------------- nonsense


def mutated(body, chance):
    found = bytearray(body)
    for _ in range(chance.choice([1, 1, 2, 8])):
        kind, at = chance.randrange(5), chance.randrange(len(found) + 1) if found else 0
        if kind == 0 and found:
            found[min(at, len(found) - 1)] = chance.randrange(256)
        elif kind == 1:
            del found[at : at + chance.choice([1, 3, 50])]
        elif kind == 2:
            found[at:at] = chance.randbytes(chance.choice([1, 2, 10]))
        elif kind == 3:
            found[at:at] = found[at // 2 : at // 2 + 20]
        elif found:
            found[min(at, len(found) - 1)] ^= 1 << chance.randrange(8)
    return bytes(found)


@pytest.mark.parametrize("media", [PROTOBUF, JSON])
@pytest.mark.parametrize("signal", list(MADE))
def test_whatever_is_mutated_every_item_has_one_outcome_or_the_request_is_refused(signal, media):
    chance = random.Random(f"{signal} {media}")
    refused = taken = tried = 0
    for _ in range(12):
        made = MADE[signal](chance, 8)
        body = made.SerializeToString() if media == PROTOBUF else json.dumps(MessageToDict(made)).encode()
        for _ in range(50):
            tried += 1
            try:
                parcel = read(mutated(body, chance), signal, media, spans="all", logs="trace")
            except Unfit as unfit:
                refused += unfit.status in {400, 413}
                continue
            taken += 1
            stored = [i for rows in parcel.rows.values() for i in rows.items]
            assert sorted(stored) == [n for n, told in enumerate(parcel.told) if told is None]
            for kind, rows in parcel.rows.items():
                for row in rows.values:
                    assert kind in {"event", "telemetry"}
                    assert "\0" not in row["name"]
                    json.loads(row["labels"] or "{}")

    assert refused + taken == tried
    assert min(refused, taken) > 0


@pytest.mark.parametrize(
    "body",
    [b"\x0a", b"\x0a\xff", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x0b", b"\x0c", b"\x0f", b"\x80" * 11,
     b"\x0d\x00", b"\x09\x00", b"\x0a\x05\x0a\x09"],
)  # fmt: skip
def test_bytes_that_are_no_message_are_refused(body):
    with pytest.raises(Unfit, match="no protocol buffers"):
        read(body)


def test_attributes_within_attributes_without_end_are_refused_by_themselves():
    deep = AnyValue()
    inner = deep
    for _ in range(60):
        inner = inner.array_value.values.add()
    made = ExportTraceServiceRequest()
    part = made.resource_spans.add().scope_spans.add()
    for n in (1, 2):
        span = part.spans.add(trace_id=b"1" * 16, span_id=bytes([n]) * 8, name="POST /buy", kind=2)
        if n == 1:
            span.attributes.add(key="deep").value.CopyFrom(deep)

    parcel = read(made.SerializeToString())

    assert [told and told.code for told in parcel.told] == ["too_deep", None]


def test_a_field_of_another_type_is_passed_over():
    assert message(b"\x08\x01\x0a\x01x", {0x0A: ("text", False)}) == {"text": b"x"}
    with pytest.raises(Broken):
        message(b"\x08", {})


# ---------------------------------------------------------------------- what becomes of them


def one_span(**changes):
    now = str(NOW)
    span = {"traceId": "1" * 32, "spanId": "2" * 16, "name": "POST /buy", "kind": 2, "startTimeUnixNano": now,
            "endTimeUnixNano": now} | changes  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()


def attribute(name, value):
    return {"key": name, "value": {"stringValue": value} if isinstance(value, str) else {"intValue": value}}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({}, None),
        ({"status": {"code": 2, "message": "no flour"}}, "no flour"),
        ({"status": {"code": 2}}, "error"),
        ({"attributes": [attribute("error.type", "500")]}, "500"),
        ({"attributes": [attribute("error.type", "500")], "status": {"code": 1}}, None),
        ({"status": {"code": 2}, "attributes": [attribute("error.type", "timeout")]}, "timeout"),
        ({"events": [{"name": "exception", "attributes": [attribute("exception.type", "OvenError")]}]}, "OvenError"),
        ({"events": [{"name": "exception"}], "status": {"code": 1}}, None),
    ],
)
def test_a_span_went_well_unless_its_status_its_error_type_or_its_exception_says_otherwise(changes, error):
    (row,) = read(one_span(**changes), media=JSON).rows["telemetry"].values

    assert json.loads(row["labels"] or "{}").get("error") == error
    assert (row["good"], row["total"]) == (0.0 if error else 1.0, 1.0)


@pytest.mark.parametrize(
    ("changes", "kept"),
    [
        ({}, True),
        ({"kind": 5, "parentSpanId": "a" * 16}, True),
        ({"kind": 1}, True),
        ({"kind": 1, "parentSpanId": "a" * 16}, False),
        ({"kind": 3, "parentSpanId": "a" * 16}, False),
        ({"kind": 3, "parentSpanId": "a" * 16, "attributes": [attribute("user.id", "u")]}, True),
    ],
)
def test_spans_of_requests_without_parent_or_with_a_customer_are_kept(changes, kept):
    (told,) = read(one_span(**changes), media=JSON).told

    assert (told is None) is kept
    assert kept or (told.outcome, told.code) == ("refused", "inner_span")
    assert read(one_span(**changes), media=JSON, spans="all").told == [None]


def test_ids_are_taken_from_the_first_attribute_declared_and_the_items_before_the_resources():
    body = json.loads(
        one_span(attributes=[attribute("enduser.id", "e"), attribute("user.id", "u"), attribute("tenant.id", 7)])
    )
    body["resourceSpans"][0]["resource"] = {
        "attributes": [attribute("user.id", "of the process"), attribute("session.id", "s")]
    }

    (row,) = read(json.dumps(body).encode(), media=JSON).rows["telemetry"].values

    assert (row["person"], row["account"], row["anonymous"]) == ("u", "7", "s")


def test_of_a_resource_the_well_known_and_the_declared_are_labels():
    body = json.loads(one_span())
    given = {
        "service.version": "5.1",
        "host.name": "a",
        "k8s.pod.name": "p",
        "k8s.cluster.name": "north",
        "shop.chain": "x",
    }
    body["resourceSpans"][0]["resource"] = {"attributes": [attribute(*one) for one in given.items()]}
    text = json.dumps(body).encode()

    def labels(**declared):
        (row,) = read(text, media=JSON, **declared).rows["telemetry"].values
        return json.loads(row["labels"])

    assert labels() == {"version": "5.1"}
    assert labels(called={"k8s.cluster.name": "cluster"}) == {"version": "5.1", "cluster": "north"}
    assert labels(labels=("shop.chain",)) == {"shop.chain": "x"}
    assert labels(labels=("version", "host.name")) == {"version": "5.1", "host.name": "a"}


def test_addresses_queries_and_secrets_are_no_labels():
    given = {"client.address": "192.0.2.1", "url.full": "https://x/?token=1", "db.query.text": "SELECT 1", "app.plan": "pro",
             "api_key": "abc", "note": "card 4111 1111 1111 1111"}  # fmt: skip

    (row,) = read(one_span(attributes=[attribute(k, v) for k, v in given.items()]), media=JSON).rows["telemetry"].values

    assert json.loads(row["labels"]) == {"app.plan": "pro", "api_key": "[removed]", "note": "card [removed]"}


@pytest.mark.parametrize(
    ("state", "weight"),
    [("", None), ("ot=th:0", None), ("ot=th:8", 2.0), ("ot=th:c", 4.0), ("ot=rv:1;th:fd70a4", 256 / 2.56), ("a=b,ot=p:4;r:5", 16.0),
     ("ot=th:zz", None), ("xot=th:8", None), ("ot=th:ffffffffffffff", None)],
)  # fmt: skip
def test_the_chance_a_span_was_kept_tells_how_many_it_stands_for(state, weight):
    """Thresholds and chances as the specification of tracestate probability sampling writes them (0.01 is fd70a4)."""
    found = weight_of(state, ())

    assert found == (None if weight is None else pytest.approx(weight, rel=1e-4))


def test_reading_a_span_costs_little():
    """About 13 µs when measured; 400 would be a mistake somewhere."""
    body = spans(random.Random(9), 1000).SerializeToString()

    began = time.process_time()
    read(body)

    assert time.process_time() - began < 0.4
    assert otlpjson.DEEPEST == otlpwire.DEEPEST
