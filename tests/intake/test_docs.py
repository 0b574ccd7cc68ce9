"""The examples of docs/intake.md run as they stand, with the address and the key put in."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
TRACED = (DOCS / "opentelemetry.md").read_text("utf-8")
TEXT = (Path(__file__).parents[2] / "docs" / "intake.md").read_text("utf-8")
BLOCKS = re.findall(r"```(python|sh|js)\n(.*?)```", TEXT, re.DOTALL)


def filled(served, code):
    return code.replace("http://127.0.0.1:7789", served.address).replace("YOUR_WRITE_KEY", served.key)


@pytest.mark.parametrize(
    "code",
    [c for kind, c in [*BLOCKS, *re.findall(r"```(python|sh)\n(.*?)```", TRACED, re.DOTALL)] if kind == "python"],
)
def test_the_python_delivers(served, code):
    before = served.ledger("app").get("stored", 0)

    done = subprocess.run(
        [sys.executable, "-c", filled(served, code)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert served.ledger("app")["stored"] > before


def test_the_curl_delivers_an_answer_and_a_contact(served):
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    (code,) = [c for kind, c in BLOCKS if kind == "sh"]

    done = subprocess.run(["sh", "-c", filled(served, code)], capture_output=True, text=True, timeout=30, check=False)

    assert '"stored":2' in done.stdout, done.stdout
    assert served.rows("contact", "subject") == [{"subject": "Where is my invoice?"}]


def test_every_client_of_the_page_is_made_as_the_docs_make_it():
    from regard.web.snippets import CLIENTS

    flat = " ".join(TEXT.split())
    for client in CLIENTS[:-1]:
        making = next(line for line in client.lines.splitlines() if "ADDRESS" in line)
        call = re.search(r"\w[\w.]*\(.*\)", making)[0].replace("ADDRESS", "http://127.0.0.1:7789")
        assert call in flat, client.name


@pytest.mark.parametrize("name", ["Segment · Python", "PostHog · Python", "OpenTelemetry · Python", "curl"])
def test_the_lines_of_the_page_deliver_as_they_stand(served, name):
    from regard.web.snippets import snippets

    (lines,) = [str(s["lines"]) for s in snippets(served.address, key=served.key) if s["name"] == name]
    if name == "curl" and shutil.which("curl") is None:
        pytest.skip("no curl here")
    before = served.ledger("app").get("stored", 0)
    command = ["sh", "-c", lines] if name == "curl" else [sys.executable, "-c", lines]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert served.ledger("app")["stored"] > before


PROGRAM = """
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
provider.get_tracer("shop").start_span("GET /by-environment", kind=trace.SpanKind.SERVER).end()
provider.shutdown()
"""


def test_the_environment_of_the_page_is_all_an_exporter_needs(served):
    (code,) = re.findall(r"```sh\n(.*?)```", TRACED, re.DOTALL)
    script = f"{filled(served, code)}exec {sys.executable} -c '{PROGRAM}'"

    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
    assert served.rows("telemetry", "name", "name = 'GET /by-environment'")


def test_what_the_collectors_config_sends_is_taken(served):
    """The config of the page says where, how packed and with which header; what a collector then sends is sent so."""
    import gzip

    import httpx
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    (config,) = re.findall(r"```yaml\n(.*?)```", filled(served, TRACED), re.DOTALL)
    told = dict(re.findall(r"^ +([\w-]+): (\S+)$", config, re.MULTILINE))
    body = ExportTraceServiceRequest()
    inner = body.resource_spans.add().scope_spans.add()
    for n in range(1, int(told["send_batch_max_size"]) + 1):
        inner.spans.add(trace_id=b"c" * 16, span_id=n.to_bytes(8, "big"), name="GET /collected", kind=2)
    head = {
        "content-type": "application/x-protobuf",
        "content-encoding": told["compression"],
        "x-write-key": told["x-write-key"],
    }

    reply = httpx.post(f"{told['endpoint']}/v1/traces", content=gzip.compress(body.SerializeToString()), headers=head)

    assert (reply.status_code, reply.content) == (200, b"")
    assert reply.headers["x-regard-outcomes"].startswith("received=2000, stored=2000")


def test_the_declarations_of_the_page_can_be_declared():
    from regard.signals.workspace import parse_declarations

    (toml,) = re.findall(r"```toml\n(.*?)```", TRACED, re.DOTALL)

    assert parse_declarations(toml, where="docs").opentelemetry.called == {"app.plan": "plan"}
