"""Lines to copy into the code people have: each client with this intake's address."""

from __future__ import annotations

CLIENTS = (
    ("Segment, Python", 'analytics = Client("YOUR_WRITE_KEY", host="ADDRESS")'),
    ("Segment, Node", 'const analytics = new Analytics({ writeKey: "YOUR_WRITE_KEY", host: "ADDRESS" })'),
    ("Segment, browser", 'AnalyticsBrowser.load({ writeKey: "YOUR_WRITE_KEY", cdnURL: "ADDRESS" })'),
    ("PostHog, Python", 'posthog = Posthog("YOUR_WRITE_KEY", host="ADDRESS")'),
    ("PostHog, Node", 'const client = new PostHog("YOUR_WRITE_KEY", { host: "ADDRESS" })'),
    ("PostHog, browser", 'posthog.init("YOUR_WRITE_KEY", { api_host: "ADDRESS" })'),
    (
        "Anything else",
        (
            "curl ADDRESS/v1/signals -H 'Authorization: Bearer YOUR_WRITE_KEY' "
            """-d '{"kind": "event", "person": "user-1", "name": "Report Created"}'"""
        ),
    ),
)


def snippets(address: str) -> list[tuple[str, str]]:
    """Each client's name and its line, for an address."""
    return [(name, line.replace("ADDRESS", address)) for name, line in CLIENTS]
