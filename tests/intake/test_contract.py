"""The OpenAPI document of the intake, held to by schemathesis: its own command, every check, with a write key."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

LEFT_OUT = "negative_data_rejection,positive_data_acceptance"
"""A schema cannot say which ids stand for nobody, and official clients send more than any schema of theirs says: what is
taken and what is refused is tested by value in tests/sources. Every other check is run."""

EXAMPLES = "100" if os.environ.get("REGARD_TRUST") == "full" else "15"


def test_the_document_tells_of_every_address_that_takes_items(served):
    document = httpx.get(f"{served.address}/openapi.json").json()

    assert document["openapi"].startswith("3.1")
    assert {"/v1/track", "/v1/batch", "/batch", "/capture", "/v1/signals"} <= set(document["paths"])
    assert json.dumps(document).count("#/components/schemas/") > 10


def test_the_intake_keeps_to_its_document(served):
    tool = Path(sys.executable).with_name("schemathesis")
    if not tool.exists():
        pytest.skip("no schemathesis here")
    command = [
        tool, "run", f"{served.address}/openapi.json", "--checks", "all", "--max-examples", EXAMPLES, "--seed", "7",
        "--header", f"Authorization: Bearer {served.key}", "--suppress-health-check", "all", "--no-color",
        "--exclude-checks", LEFT_OUT,
    ]  # fmt: skip

    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)

    assert done.returncode == 0, re.sub(r"\n{2,}", "\n", done.stdout[-6000:])
