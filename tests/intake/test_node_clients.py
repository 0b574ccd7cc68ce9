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
