"""A workspace where there should be none, that may not be written, that a newer version made: said, never a traceback."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from stranger import Shop, run

pytestmark = pytest.mark.promise("odd places")

QUESTIONS = (("ledger",), ("report",), ("customers", "ledger"), ("rebuild",), ("batches",))


def _refused(ran, *codes):
    assert ran.refused_clearly(), ran.said
    assert ran.code in codes, ran.said
    return ran.json["error"]


def test_a_workspace_that_is_a_file_is_refused(tmp_path, exports):
    path = tmp_path / "ws"
    path.write_text("mine", "utf-8")
    for words in (("ledger",), exports.bring, ("report",), ("backup", tmp_path / "b.tar"), ("erase", "x", "--yes")):
        _refused(Shop(path).run(*words), 1, 2)
    assert path.read_text("utf-8") == "mine"


def test_declarations_that_are_not_text_are_refused_by_byte(tmp_path, filled):
    shop = filled.copy(tmp_path / "ws")
    path = shop.root / "company.toml"
    path.write_bytes(path.read_bytes()[:20] + b"\xff" + path.read_bytes()[20:])
    error = _refused(shop.run("customers", "ledger"), 2)
    assert "byte 21" in error["message"]
    assert "company.toml" in error["where"]
    _refused(shop.run("declare", "--from", path), 2)


def test_a_workspace_inside_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine", "utf-8")
    _refused(Shop(tmp_path / "file" / "ws").run("ledger"), 1, 2)


def test_a_workspace_made_by_a_newer_version_is_refused_and_left_alone(tmp_path, filled):
    shop = filled.copy(tmp_path / "ws")
    path = shop.root / "state.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    for words in QUESTIONS:
        error = _refused(shop.run(*words), 1, 2, 4)
        assert "newer" in error["message"] + error["hint"], error
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("9999",)


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_workspace_one_may_not_write_is_refused_in_words(tmp_path, filled, mode):
    """Root may write anywhere unless it gives that right away, which setpriv does."""
    given_away = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner") if os.geteuid() == 0 else ()
    if given_away and not shutil.which("setpriv"):
        pytest.skip("root may write anywhere, and there is no setpriv here")
    shop = filled.copy(tmp_path / "ws")
    paths = [*shop.root.rglob("*"), shop.root]
    for path in paths:
        path.chmod(mode if path.is_dir() else mode & 0o444)
    try:
        for words in QUESTIONS:
            _refused(run(*words, "-w", shop.root, "--json", before=given_away), 1, 2, 5)
    finally:
        for path in reversed(paths):
            path.chmod(0o755 if path.is_dir() else 0o644)
