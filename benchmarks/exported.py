"""OpenTelemetry in, beside events of Segment's clients in the same run: the same intake, the same connections.

Spans come as exporters send them: protocol buffers, packed with gzip, 512 at once; every one names a customer. The
decoder is measured against the library of OpenTelemetry on the same bytes, where that library is installed.
"""

from __future__ import annotations

import gzip
import random
import shutil
import time
from pathlib import Path

from benchmarks.floor import EVENTS, bodies
from benchmarks.intake import Load, served
from benchmarks.measuring import Row, cpu_seconds
from regard.settings import Settings
from regard.signals.declarations import OpenTelemetry
from regard.signals.workspace import Workspace
from regard.sources import otlp, otlpwire
from regard.sources.limits import Wire

try:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request
except ImportError:
    Request = None  # type: ignore[assignment, misc]

SPANS = 512
PREPARED = 700
SECONDS = 8.0
COMMAND = "python -m benchmarks otlp"


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _field(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(body)) + body


def _attribute(name: str, value: str | int) -> bytes:
    told = _field(1, value.encode()) if isinstance(value, str) else b"\x18" + _varint(value)
    return _field(1, name.encode()) + _field(2, told)


def spans(number: int, count: int = SPANS) -> bytes:
    """One request of so many spans with eight attributes each, as an exporter of a web server sends them."""
    chance, now = random.Random(number), time.time_ns()  # noqa: S311
    made = []
    for n in range(count):
        given = {
            "http.request.method": "POST", "http.route": f"/orders/{n % 40}", "url.scheme": "https",
            "http.response.status_code": 200, "user.id": f"user-{chance.randrange(20_000)}", "app.plan": "pro",
            "server.address": "shop.example", "network.protocol.version": "1.1",
        }  # fmt: skip
        times = b"\x39" + now.to_bytes(8, "little") + b"\x41" + (now + 5_000_000).to_bytes(8, "little")
        made.append(
            _field(1, chance.randbytes(16)) + _field(2, chance.randbytes(8)) + _field(5, b"POST /orders") + b"\x30\x02"
            + times + b"".join(_field(9, _attribute(k, v)) for k, v in given.items())
        )  # fmt: skip
    resource = _field(1, _attribute("service.name", "shop")) + _field(1, _attribute("service.version", "5.1"))
    return _field(1, _field(1, resource) + _field(2, b"".join(_field(2, span) for span in made)))


def measure(work: Path) -> list[Row]:
    """Spans a second over HTTP, CPU a span, and the same of events in the same run; the decoder beside the library."""
    home = work / "exported"
    shutil.rmtree(home, ignore_errors=True)
    with Workspace.open(home, given=Settings(buckets=16)) as workspace:
        key = workspace.add_source("bench")
    traced = iter([gzip.compress(spans(n), 1) for n in range(PREPARED)])
    events = iter(bodies(4_000, seed=3))
    figures = {}
    with served(home) as (address, process):
        head = "content-type: application/x-protobuf\r\ncontent-encoding: gzip\r\n"
        told = {"path": "/v1/traces", "head": head, "told": rb"stored=(\d+)"}
        Load(address, key, events).run(1.0)
        for name, ready, more in (("events", events, {}), ("spans", traced, told)):
            load, before = Load(address, key, ready, **more), cpu_seconds(process, "regard.intake")
            began = time.perf_counter()
            load.run(SECONDS)
            seconds = time.perf_counter() - began
            cpu = cpu_seconds(process, "regard.intake") - before
            sent = len(load.taken) * (SPANS if name == "spans" else EVENTS)
            figures[name] = (sent / seconds, cpu / max(1, sent), load)
    shutil.rmtree(home, ignore_errors=True)
    return [*_rows(figures), _decoding()]


def _rows(figures: dict[str, tuple[float, float, Load]]) -> list[Row]:
    (rate, cpu, load), (event_rate, event_cpu, _) = figures["spans"], figures["events"]
    assert load.stored == len(load.taken) * SPANS
    return [
        Row(
            name=f"Durable spans over HTTP, protocol buffers with gzip, {SPANS} at once, client and settling included",
            figure=f"{rate:,.0f} spans a second; {rate / event_rate:.2f} of the {event_rate:,.0f} events a second of "
            f"Segment's batches of {EVENTS} in the same run",
            target="at least 0.4", met=rate / event_rate >= 0.4, command=COMMAND,
            note=f"{load.refused} requests refused; p50 {load.at(0.5):.0f} ms, p99 {load.at(0.99):.0f} ms a request",
        ),
        Row(
            name="CPU of the process that takes signals in, a span",
            figure=f"{cpu * 1e6:.1f} µs; an event {event_cpu * 1e6:.1f} µs, {cpu / event_cpu:.2f} times that",
            target="at most 2.5 times", met=cpu / event_cpu <= 2.5, command=COMMAND,
        ),
    ]  # fmt: skip


def _best(do: object, runs: int = 7) -> float:
    found = []
    for _ in range(runs):
        began = time.process_time()
        do()  # type: ignore[operator]
        found.append(time.process_time() - began)
    return min(found)


def _decoding() -> Row:
    body, rules = spans(1, 1000), otlp.Rules(OpenTelemetry())
    own = _best(lambda: [lot.read(item) for lot in otlpwire.lots(body, "traces") for item in lot.items])
    whole = _best(
        lambda: otlp.read(
            body, signal="traces", media=otlp.PROTOBUF, received=time.time_ns() // 1000, limits=Wire(), rules=rules
        )
    )
    theirs = None if Request is None else _best(lambda: _of_library(Request.FromString(body)))
    beside = f"; the library and reading its fields {theirs * 1e3:.1f} µs" if theirs else "; the library is not here"
    return Row(
        name="Decoding a span of eight attributes, in one process",
        figure=f"{own * 1e3:.1f} µs{beside}; with what becomes of it {whole * 1e3:.1f} µs",
        target="no slower than the library", met=None if theirs is None else own <= theirs, command=COMMAND,
    )  # fmt: skip


def _of_library(request: object) -> list[tuple[object, ...]]:
    """The same fields, read from the library's objects."""
    return [
        (
            s.trace_id.hex(), s.span_id.hex(), s.parent_span_id.hex(), s.trace_state, s.name, s.kind,
            s.start_time_unix_nano, s.end_time_unix_nano, s.status.code, s.status.message, len(s.events),
            [(a.key, getattr(a.value, a.value.WhichOneof("value"))) for a in s.attributes],
        )
        for part in request.resource_spans for inner in part.scope_spans for s in inner.spans  # type: ignore[attr-defined]
    ]  # fmt: skip
