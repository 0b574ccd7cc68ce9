"""The official clients for Node, with nothing changed but the address."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "clients" / "send.mjs"


def test_the_node_clients_deliver_every_kind_of_call(served, npm_packages):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here")

    done = subprocess.run(
        [node, SCRIPT, served.address, served.key], env={**os.environ, "REGARD_CLIENTS": str(npm_packages)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["errors"] == []
    assert not told["flag"]
    assert len(served.rows("event", "name", "person = 'node-1' AND name = 'Report Created'")) == 50
    assert len(served.rows("event", "name", "person = 'node-2' AND name = 'Report Created'")) == 30
    assert served.rows("answer", "score, metric", "person = 'node-2'") == [{"score": 10.0, "metric": "nps"}]
    accounts = {(r["account"], r["name"]) for r in served.rows("profile", "account, name", "name = 'Acme'")}
    assert accounts == {("acme-node", "Acme"), ("acme-ph", "Acme")}
    assert {m["into"] for m in served.rows("merge")} == {"node-1", "node-2"}
    assert {"n@example.com", "p@example.com"} <= {r["email"] for r in served.rows("profile", "email")}


def test_the_node_exporters_of_opentelemetry_deliver_json_and_protocol_buffers(served, npm_packages):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node here")

    done = subprocess.run(
        [node, SCRIPT.with_name("trace.mjs"), served.address, served.key],
        env={**os.environ, "REGARD_CLIENTS": str(npm_packages)}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    for name in ("json", "proto"):
        rows = served.rows("telemetry", "good, labels", f"person = 'js-{name}' AND name = 'POST /checkout'")
        assert [row["good"] for row in rows].count(0.0) == 3
        assert len(rows) == 30
        assert sum('"error":"no flour"' in row["labels"] for row in rows) == 3
