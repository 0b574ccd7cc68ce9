"""An older state put back, or none at all: refused by name, nothing swept away, and brought forward by one command."""

from __future__ import annotations

import shutil

import pytest
from shop import CANARY, SECRETS
from stranger import mentions

ACTS = ("nothing", "update", "undo", "erase")


def _words(act, exports):
    return {
        "update": exports.update,
        "undo": ("import", "--undo", "1"),
        "erase": ("erase", CANARY, "--yes"),
    }[act]


def _put_back(shop, saved):
    for path in shop.root.glob("state.sqlite*"):
        path.unlink()
    if saved:
        shutil.copy2(saved, shop.root / "state.sqlite")


@pytest.fixture(scope="module")
def lived(tmp_path_factory, exports, filled):
    """The shop after an import, an update, an undo and an erasure, its state before each, and what it answers."""
    home = tmp_path_factory.mktemp("lived")
    shop, saved = filled.copy(home / "ws"), {"nothing": None}
    for act in ACTS[1:]:
        saved[act] = shutil.copy2(shop.root / "state.sqlite", home / act)
        shop.done(*_words(act, exports))
    return shop, saved, shop.ledger(), shop.answers()


@pytest.mark.slow
@pytest.mark.promise("older state")
@pytest.mark.parametrize("act", ACTS)
def test_an_older_state_is_refused_and_brought_forward(tmp_path, lived, act, record_property):
    made, saved, ledger, answers = lived
    shop = made.copy(tmp_path / "ws")
    _put_back(shop, saved[act])
    before = {p.name: p.read_bytes() for p in (shop.root / "inbox").iterdir()}
    for words in (("ledger",), shop.question, ("rebuild",), ("verify",)):
        ran = shop.run(*words)
        assert ran.code == 4, ran.said
        assert ran.refused_clearly(), ran.said
        assert "rebuild --state" in ran.json["error"]["hint"]
    assert {p.name: p.read_bytes() for p in (shop.root / "inbox").iterdir()} == before
    shop.done("rebuild", "--state")
    assert shop.ledger() == ledger
    assert shop.answers() == answers
    assert mentions(shop.root / "inbox", SECRETS) == []
    record_property("found", f"before {act}: refused, then the same" if saved[act] else "none: refused, then the same")
