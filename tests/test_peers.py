"""The peers' environment: locked, and asked in a process of its own."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_lock_of_the_peers_holds_every_peer_with_its_hash():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]["peers"]
    locked = (ROOT / "requirements-peers.lock").read_text("utf-8").lower()
    for text in wanted:
        name = re.split(r"[<>=]", text)[0].strip().lower()
        assert re.search(rf"^{re.escape(name)}==\S+ \\\n\s+--hash=sha256:", locked, re.MULTILINE), (
            f"{name} is not locked"
        )


def test_a_peer_is_asked_on_arrays_and_one_that_fails_says_why(monkeypatch):
    import sys

    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks import peers

    monkeypatch.setattr(peers, "PYTHON", Path(sys.executable))
    assert peers.ask("told(0.5, float(given['y'].sum()))", y=[1.0, 2.0]) == {"seconds": 0.5, "answer": 3.0}
    with pytest.raises(RuntimeError, match="KeyError"):
        peers.ask("given['nothing']", y=[1.0])

    monkeypatch.setattr(peers, "PYTHON", ROOT / "nowhere")
    with pytest.raises(peers.NoPeers, match="make peers"):
        peers.ask("")
