"""Checks made as a stranger would make them: through commands, as processes, on files.

``make test`` runs a short form, ``make trust`` the full one, whose results become RELIABILITY.md.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
sys.path.insert(0, str(Path(__file__).parent))

from shop import write_exports
from stranger import Shop

FULL = os.environ.get("REGARD_TRUST") == "full"
RESULTS = Path(os.environ.get("REGARD_TRUST_RESULTS", "") or os.devnull)


def pytest_configure(config):
    config.addinivalue_line("markers", "promise(name): a row of RELIABILITY.md this test keeps")
    config.stash[KEPT] = {}


KEPT = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    marker = item.get_closest_marker("promise")
    if marker and (report.when == "call" or report.outcome != "passed"):
        found = dict(report.user_properties).get("found", "")
        why = report.longrepr[2] if report.skipped and isinstance(report.longrepr, tuple) else ""
        row = {"test": item.name, "outcome": report.outcome, "found": found or why}
        item.config.stash[KEPT].setdefault(marker.args[0], []).append(row)
    return report


def pytest_sessionfinish(session):
    kept = session.config.stash[KEPT]
    if kept and RESULTS.name != Path(os.devnull).name:
        sampled = bool(os.environ.get("REGARD_TRUST_POINTS"))
        date = dt.datetime.now(dt.UTC).date().isoformat()
        told = {"date": date, "full": FULL, "sampled": sampled, "promises": kept}
        RESULTS.write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", "utf-8")


@pytest.fixture(scope="session")
def full():
    """Whether every point is tried, or a few of them."""
    return FULL


@pytest.fixture(scope="session")
def exports(tmp_path_factory):
    """The shop's files: 60,000 rows."""
    return write_exports(tmp_path_factory.mktemp("exports"), rows=60_000 if FULL else 12_000)


@pytest.fixture(scope="session")
def empty(tmp_path_factory, exports):
    """A workspace that knows what the company declares, and no signal yet. Copy it."""
    shop = Shop(tmp_path_factory.mktemp("empty") / "ws", FULL)
    shop.done("declare", "--from", exports.declared)
    return shop


@pytest.fixture(scope="session")
def filled(tmp_path_factory, exports, empty):
    """A workspace that holds the exports. Copy it."""
    shop = empty.copy(tmp_path_factory.mktemp("filled") / "ws")
    shop.done(*exports.bring)
    assert shop.ledger() == exports.told
    return shop


@pytest.fixture(scope="session")
def answers(filled):
    """What the filled workspace answers."""
    return filled.answers()
