"""The N-th write, flush, rename or opening fails, for every N: said clearly, nothing lost or counted twice, gone on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from faults import built, failing
from shop import CANARY
from stranger import Shop

HOW = ("eio", "full", "short")
ACTS = ("import", "settle", "undo", "erase", "backup")
MOST, FEW = 500, 10
"""Points of one act: every N up to the first in full, so many spread over the act in short."""


def _words(act, exports, home):
    return {
        "import": exports.update,
        "settle": ("rebuild",),
        "undo": ("import", "--undo", "2"),
        "erase": ("erase", CANARY, "--yes"),
        "backup": ("backup", home / "b.tar"),
    }[act]


@pytest.fixture(scope="module")
def updated(tmp_path_factory, filled, exports):
    """The shop after next month's orders, and what it answers."""
    shop = plain(filled.copy(tmp_path_factory.mktemp("updated") / "ws"))
    shop.done(*exports.update)
    return shop, shop.ledger(), shop.answers()


def plain(shop):
    """The same shop, asked the one question `faulty.py` asks at every point: in full, too."""
    return Shop(shop.root, thorough=False)


SAMPLE = int(os.environ.get("REGARD_TRUST_POINTS", "0"))
"""So many points instead, spread over all operations of an act, also those beyond the most: what was found says so."""


def _points(operations, full):
    """Every operation up to the most, or some spread over all; how they fail goes round."""
    last = operations if full and SAMPLE else min(operations, MOST)
    if full and not SAMPLE:
        return [(n, HOW[n % len(HOW)]) for n in range(1, last + 1)]
    some = SAMPLE if full else FEW
    chosen = sorted({1 + n * (last - 1) // (some - 1) for n in range(some)})
    return [(n, HOW[place % len(HOW)]) for place, n in enumerate(chosen)]


@pytest.mark.slow
@pytest.mark.promise("faults")
@pytest.mark.parametrize("act", ACTS)
def test_whatever_operation_fails_nothing_is_lost_or_counted_twice(  # noqa: PLR0917
    tmp_path_factory, tmp_path, filled, updated, exports, full, act, record_property
):
    library = built(tmp_path_factory.getbasetemp())
    before, _, answered = updated
    before = filled if act == "import" else before
    words = [str(w) for w in _words(act, exports, tmp_path)]
    ruler = plain(before.copy(tmp_path / "ruler"))
    environment = {**os.environ, **failing(library, ruler.root, count=tmp_path / "count")}
    said = subprocess.run(
        [sys.executable, "-m", "regard.cli", *words, "-w", str(ruler.root), "--json"], env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    operations = sum(map(int, (tmp_path / "count").read_text().split()))
    (tmp_path / "b.tar").unlink(missing_ok=True)
    spec = {
        "act": act, "words": words, "before": str(before.root), "home": str(tmp_path / "tried"),
        "ledger": ruler.ledger(), "answers": ruler.answers(), "answered": answered,
        "points": _points(operations, full),
    }  # fmt: skip
    (tmp_path / "tried").mkdir()
    (tmp_path / "spec.json").write_text(json.dumps(spec), "utf-8")
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("faulty.py")), str(tmp_path / "spec.json")],
        env={**os.environ, **failing(library, tmp_path / "nowhere"), "REGARD_THREADS": "1", "REGARD_MEMORY": "400MB"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    told = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(told) == len(spec["points"]), ran.stderr[-2000:]
    broken = [t for t in told if t["broken"]]
    assert not broken, f"{len(broken)} of {len(told)}: {json.dumps(broken[:5], indent=1)}"
    became = Counter(t["became"] for t in told)
    assert became["refused"], "no failure was ever noticed"
    record_property("found", f"{act}: {len(told)} of {operations:,} operations failed, {became['refused']} said so")
