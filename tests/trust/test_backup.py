"""A backup taken while an import runs, restored elsewhere; and whoever was erased since stays erased."""

from __future__ import annotations

import shutil
import time

import pytest
from shop import CANARY, SECRETS
from stranger import Shop, ended, mentions


@pytest.mark.slow
@pytest.mark.promise("backup")
def test_a_backup_taken_while_an_import_runs_is_whole(tmp_path, filled, exports, answers, record_property):
    """The import either is in it or is not; imported again there, both come to the same."""
    shop = filled.copy(tmp_path / "ws")
    importing = shop.start(*exports.update)
    time.sleep(1.0)  # a command takes that long to begin its work
    shop.done("backup", tmp_path / "shop.tar")
    while_it_ran = importing.poll() is None
    assert ended(importing).code == 0
    there = Shop(tmp_path / "elsewhere" / "ws", shop.thorough)
    there.root.parent.mkdir()
    there.done("restore", tmp_path / "shop.tar")
    stored = there.ledger()["stored"]
    assert exports.stored <= stored <= shop.ledger()["stored"]
    if stored == exports.stored:
        assert there.answers() == answers
    there.done(*exports.update)
    assert there.answers() == shop.answers()
    assert there.ledger()["stored"] == shop.ledger()["stored"]
    assert there.run("verify").code == 0
    assert there.left_over() == []
    record_property("found", f"same answers elsewhere (taken {'while' if while_it_ran else 'after'} the import ran)")


@pytest.mark.slow
@pytest.mark.promise("restored erasure")
def test_who_was_erased_after_the_backup_stays_erased_when_it_is_restored(tmp_path, filled, exports, record_property):
    shop, tar = filled.copy(tmp_path / "ws"), tmp_path / "shop.tar"
    shop.done("backup", tar)
    shop.done("erase", CANARY, "--yes")
    there = Shop(tmp_path / "there", shop.thorough)
    there.done("restore", tar)
    assert mentions(there.root, SECRETS) == []
    assert there.answers() == shop.answers()
    again = there.done(*exports.bring)
    assert again["refused"] == exports.refused + exports.canary_rows
    assert again["stored"] == 0
    assert mentions(there.root, SECRETS) == []
    record_property("found", f"0 mentions after restore; {exports.canary_rows} rows refused when imported again")


@pytest.mark.promise("damaged backup")
@pytest.mark.parametrize("damage", ["cut", "not a backup", "gone"])
def test_a_backup_that_is_not_whole_is_refused_and_leaves_nothing(tmp_path, filled, damage, record_property):
    tar = tmp_path / "shop.tar"
    filled.copy(tmp_path / "ws").done("backup", tar)
    if damage == "cut":
        tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2])
    elif damage == "gone":
        tar.unlink()
    else:
        tar.write_bytes(b"something else entirely" * 999)
    there = Shop(tmp_path / "there")
    ran = there.run("restore", tar)
    assert ran.refused_clearly(), ran.said
    assert "shop.tar" in ran.json["error"]["where"], ran.said
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
        {"ws", "shop.tar"} - ({"shop.tar"} if damage == "gone" else set())
    )
    record_property("found", "refused by name, nothing left behind")


@pytest.mark.promise("backup")
def test_a_backup_is_not_restored_over_a_workspace(tmp_path, filled):
    shop = filled.copy(tmp_path / "ws")
    shop.done("backup", tmp_path / "shop.tar")
    ran = shop.run("restore", tmp_path / "shop.tar")
    assert ran.code == 2
    assert ran.refused_clearly(), ran.said
    assert shop.ledger() == filled.ledger()
    shutil.rmtree(shop.root)
    shop.done("restore", tmp_path / "shop.tar")
    assert shop.ledger() == filled.ledger()
