"""Lines to copy into the code people have: each client with this intake's address and the key."""

from __future__ import annotations

from typing import NamedTuple

KEY, ADDRESS = "YOUR_WRITE_KEY", "ADDRESS"


class Snippet(NamedTuple):
    """Lines for one client: what the tab says, how it is installed, the lines, and which sources it is for first."""

    name: str
    install: str
    lines: str
    first_for: str = ""


CLIENTS = (
    Snippet(
        "Segment · Python", "pip install segment-analytics-python",
        'from segment.analytics.client import Client\n'
        'analytics = Client("YOUR_WRITE_KEY", host="ADDRESS")\n'
        'analytics.track("user-1", "First Event"); analytics.flush()',
        "server",
    ),
    Snippet(
        "Segment · Node", "npm install @segment/analytics-node",
        'import { Analytics } from "@segment/analytics-node"\n'
        'const analytics = new Analytics({ writeKey: "YOUR_WRITE_KEY", host: "ADDRESS" })\n'
        'analytics.track({ userId: "user-1", event: "First Event" })',
    ),
    Snippet(
        "Segment · browser", "npm install @segment/analytics-next",
        'import { AnalyticsBrowser } from "@segment/analytics-next"\n'
        'const analytics = AnalyticsBrowser.load({ writeKey: "YOUR_WRITE_KEY", cdnURL: "ADDRESS" })\n'
        'analytics.track("First Event")',
        "website",
    ),
    Snippet(
        "PostHog · Python", "pip install posthog",
        'from posthog import Posthog\n'
        'posthog = Posthog("YOUR_WRITE_KEY", host="ADDRESS")\n'
        'posthog.capture("First Event", distinct_id="user-1"); posthog.flush()',
    ),
    Snippet(
        "PostHog · JavaScript", "npm install posthog-js",
        'import posthog from "posthog-js"\n'
        'posthog.init("YOUR_WRITE_KEY", { api_host: "ADDRESS" })\n'
        'posthog.capture("First Event")',
        "app",
    ),
    Snippet(
        "OpenTelemetry · Python", "pip install opentelemetry-sdk opentelemetry-exporter-otlp-proto-http",
        'from opentelemetry import trace\n'
        'from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter\n'
        'from opentelemetry.sdk.trace import TracerProvider\n'
        'from opentelemetry.sdk.trace.export import BatchSpanProcessor\n'
        'exporter = OTLPSpanExporter("ADDRESS/v1/traces", headers={"x-write-key": "YOUR_WRITE_KEY"})\n'
        'provider = TracerProvider()\n'
        'provider.add_span_processor(BatchSpanProcessor(exporter))\n'
        'with provider.get_tracer("app").start_as_current_span("POST /checkout", kind=trace.SpanKind.SERVER) as span:\n'
        '    span.set_attribute("user.id", "user-1")\n'
        'provider.shutdown()',
        "service",
    ),
    Snippet(
        "curl", "",
        "curl ADDRESS/v1/signals -H 'Authorization: Bearer YOUR_WRITE_KEY' \\\n"
        "  -H 'Content-Type: application/json' \\\n"
        """  -d '{"kind": "event", "person": "user-1", "name": "First Event"}'""",
        "survey tool",
    ),
)  # fmt: skip


def snippets(address: str, *, key: str = KEY, what: str = "") -> list[dict[str, object]]:
    """Each client's lines for an address and a key; the one for such a source is marked as the first to look at."""
    chosen = next((n for n, s in enumerate(CLIENTS) if what and s.first_for == what), 0)
    return [
        {
            "name": s.name,
            "install": s.install,
            "lines": s.lines.replace(ADDRESS, address).replace(KEY, key),
            "chosen": n == chosen,
        }
        for n, s in enumerate(CLIENTS)
    ]
