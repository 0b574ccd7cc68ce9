"""The disk fails or is full while signals come in over HTTP: no wrong 2xx, nothing acknowledged lost, no restart needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "intake"))

from faults import built, failing
from taken import running

HOW = ("eio", "full", "short")


@contextmanager
def small_disk(path, size):
    """A disk in memory of so many bytes."""
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


def batch(tag, number, *, size=20):
    """A batch of tracks, each by its message id."""
    calls = [
        {"type": "track", "messageId": f"{tag}-{number}-{n}", "userId": f"u{n}", "event": "Opened",
         "timestamp": "2026-01-05T10:00:00Z", "properties": {"pad": f"{number:06}" * 20}}
        for n in range(size)
    ]  # fmt: skip
    return {"batch": calls}


def send(mine, tag, number, taken, **more):
    """Send a batch; its status, what was acknowledged noted by id."""
    body = batch(tag, number, **more)
    reply = mine.post("/v1/batch", body)
    if reply.status_code == 200:
        assert {item["outcome"] for item in reply.json()["items"]} <= {"stored", "duplicate"}
        taken.update(call["messageId"] for call in body["batch"])
    else:
        assert reply.status_code in {503, 507}, (reply.status_code, reply.text)
        assert int(reply.headers["retry-after"]) >= 1
        error = reply.json()["error"]
        assert error["message"]
        assert error["hint"]
    return reply.status_code


@pytest.mark.slow
@pytest.mark.promise("full disk over HTTP")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
@pytest.mark.parametrize("watched", [0, 1 << 20])
def test_a_full_disk_is_told_to_senders_and_the_intake_goes_on_once_there_is_room(tmp_path, watched, record_property):
    """Once as the free space is looked at before, once as the disk itself says so in the middle of a write."""
    taken = set()
    with (
        small_disk(tmp_path / "disk", "48m") as disk,
        running(disk / "ws", REGARD_LIMIT_FREE_BYTES=str(watched)) as mine,
    ):
        assert send(mine, "before", 0, taken) == 200
        filler = disk / "filler"
        with filler.open("wb") as file:
            file.write(b"\0" * (shutil.disk_usage(disk).free - 400_000))
        statuses = [send(mine, "full", number, taken, size=200) for number in range(40)]
        assert statuses[-1] == 507
        ready = httpx.get(f"{mine.address}/ready", timeout=10)
        assert ready.status_code == (507 if watched else 200)
        assert httpx.get(f"{mine.address}/openapi.json", timeout=10).status_code == 200
        filler.unlink()
        time.sleep(1.1)
        assert [send(mine, "full", number, taken, size=200) for number in range(40)] == [200] * 40
        kept = [row["message_id"] for row in mine.rows("event", "message_id")]
        ledger = mine.ledger("app")

    assert sorted(kept) == sorted(taken)
    assert ledger["stored"] == len(taken)
    refused = sum(status != 200 for status in statuses)
    record_property(
        "found", f"{refused} requests told so ({'watched' if watched else 'met in a write'}), 0 lost, gone on"
    )


def tried(library, root, at, how):
    """What became of requests while the N-th operation of the intake fails: statuses, what was acknowledged, what is kept."""
    taken, statuses = set(), []
    with running(root) as mine:
        mine.stop()
        mine.environment |= failing(library, root, at=at, how=how)
        try:
            mine.start()
        except AssertionError:
            statuses.append("not started")
            mine.listen()
        else:
            for number in range(6):
                statuses.append(send(mine, "a", number, taken))
                time.sleep(0.02)
            mine.stop()
        for name in ("LD_PRELOAD", "FAULTS_ROOT", "FAULTS_AT", "FAULTS_HOW"):
            mine.environment.pop(name, None)
        mine.start()
        for number in range(6):
            assert send(mine, "a", number, taken) == 200, (at, how)
        mine.stop()
        kept = [row["message_id"] for row in mine.rows("event", "message_id")]
        ledger = mine.ledger("app")
    assert sorted(kept) == sorted(taken), (at, how, statuses)
    assert ledger["stored"] == len(taken)
    return statuses


@pytest.mark.slow
@pytest.mark.promise("faults over HTTP")
def test_whatever_operation_of_the_intake_fails_nothing_acknowledged_is_lost(tmp_path, full, record_property):
    library = built(tmp_path)
    most = 200 if full else 60
    some = int(os.environ.get("REGARD_TRUST_POINTS", "0")) or most
    points = sorted({1 + n * (most - 1) // (some - 1) for n in range(some)}) if full else range(1, most + 1, 12)
    refused = stopped = 0
    for at in points:
        statuses = tried(library, tmp_path / f"ws-{at}", at, HOW[at % len(HOW)])
        stopped += "not started" in statuses
        refused += sum(status in {503, 507} for status in statuses)
    found = f"{len(points)} points: {refused} requests refused, {stopped} starts told and refused, 0 lost, 0 twice"
    record_property("found", found)
