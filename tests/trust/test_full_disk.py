"""No room left while an import runs: said clearly, what was acknowledged is kept, and it goes on once there is room."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager

import pytest
from stranger import ended, limited_to, start


def _goes_on(shop, exports, answers, ran):
    """It said so, kept what it had, and the same command again adds exactly what is missing."""
    assert ran.code == 1, ran.said
    assert not ran.unforeseen(), ran.said
    error = ran.json["error"]
    assert "space" in error["message"] + error["hint"], error
    kept = shop.acknowledged()
    assert shop.ledger()["stored"] == kept
    shop.done(*exports.bring)
    assert shop.ledger()["stored"] == exports.stored
    assert shop.answers() == answers
    assert shop.left_over() == []


@pytest.mark.slow
@pytest.mark.promise("full disk")
@pytest.mark.parametrize("room", [8_000, 40_000, 150_000])
def test_a_file_that_may_not_grow_is_said_and_the_import_goes_on_later(  # noqa: PLR0917
    tmp_path, empty, exports, answers, room, record_property
):
    shop = empty.copy(tmp_path / "ws")
    words = (*exports.bring, "-w", shop.root, "--json")
    ran = ended(start(*words, preexec_fn=limited_to(room)))
    if ran.code == 0:
        pytest.skip(f"{room} bytes were enough")
    _goes_on(shop, exports, answers, ran)
    record_property("found", f"stopped at {room} bytes a file: kept, and gone on")


@contextmanager
def _small_disk(path, size):
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", path], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("only root can mount a small disk")
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", path], check=True)


@pytest.mark.slow
@pytest.mark.promise("full disk")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("free", [100_000, 600_000])
def test_a_full_disk_is_said_and_the_import_goes_on_once_there_is_room(  # noqa: PLR0917
    tmp_path, empty, exports, answers, free, record_property
):
    with _small_disk(tmp_path / "disk", "32m") as disk:
        shop = empty.copy(disk / "ws")
        filler = disk / "filler"
        filler.write_bytes(b"\0" * (shutil.disk_usage(disk).free - free))
        ran = shop.run(*exports.bring)
        assert ran.code != 0, "there was room"
        filler.unlink()
        _goes_on(shop, exports, answers, ran)
    record_property("found", f"{free // 1000} kB free: said, kept, and gone on")
