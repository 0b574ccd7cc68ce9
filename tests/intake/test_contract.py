"""The OpenAPI document of the intake is there, and tells of every address; tests/trust holds the intake to it."""

from __future__ import annotations

import json

import httpx


def test_the_document_tells_of_every_address_that_takes_items(served):
    document = httpx.get(f"{served.address}/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    assert {"/v1/track", "/v1/batch", "/batch", "/capture", "/v1/signals"} <= set(document["paths"])
    assert json.dumps(document).count("#/components/schemas/") > 10
