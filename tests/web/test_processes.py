"""The processes behind the pages: up soon, small when idle, replaced when they die, stopped when told."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from regard.web.pulse import pulse
from regard.web.workers import Workers


def children(pid):
    """Process ids below one, with their commands."""
    found = subprocess.run(["ps", "-eo", "pid,ppid,rss,args"], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 3) for line in found.splitlines()[1:]]
    below, grew = {pid}, True
    while grew:
        more = {int(r[0]) for r in rows if int(r[1]) in below} - below
        below |= more
        grew = bool(more)
    return {int(r[0]): (int(r[2]), r[3]) for r in rows if int(r[0]) in below}


def until(true, limit=30.0):
    end = time.monotonic() + limit
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.1)
    return False


def workers(served):
    return [pid for pid, (_, what) in children(served.process.pid).items() if "regard.web.worker" in what]


def test_the_first_page_is_there_within_two_seconds(own):
    assert own().seconds < 2.0


def test_idle_it_takes_little_memory(own, company, monkeypatch):
    monkeypatch.setenv("REGARD_WORKER_IDLE", "1")
    served = own(company)
    served.answer("/listening/scores")

    assert until(lambda: not workers(served))
    sizes = {what: rss for rss, what in children(served.process.pid).values()}
    assert sum(sizes.values()) < 300 * 1024, sizes


def test_a_killed_worker_is_replaced_and_the_person_gets_an_answer(own, company):
    served = own(company)
    served.answer("/listening/scores")
    for pid in workers(served):
        os.kill(pid, signal.SIGKILL)

    assert served.answer("/listening/scores?period=1y").status_code == 200


def test_a_call_given_up_twice_leaves_no_worker_that_two_read_from(tmp_path):
    # Seen in use: a page left while its worker was still starting; every question after it broke.
    async def scenario():
        workers = Workers(tmp_path / "w", most=1)
        asked = asyncio.create_task(workers.call("company"))
        await asyncio.sleep(0.2)
        for _ in range(2):
            asked.cancel()
            await asyncio.sleep(0.05)
        with contextlib.suppress(asyncio.CancelledError):
            await asked
        found = [await workers.call("company"), await workers.call("company")]
        await workers.close()
        return found

    with ThreadPoolExecutor(1) as apart:  # a browser of another test may keep a loop running in this thread
        bodies = apart.submit(lambda: asyncio.run(scenario())).result(timeout=120)

    assert all(b'"position":0' in body for body in bodies)


def test_a_killed_pages_process_is_started_again_on_the_same_port(own):
    served = own()
    pages = next(
        p
        for p, (_, what) in children(served.process.pid).items()
        if what.endswith(f"{served.port} 3") or " -m regard.web " in what
    )
    os.kill(pages, signal.SIGKILL)

    with served.stranger(cookies=dict(served.client.cookies)) as again:
        assert again.get("/sources").status_code == 200
    assert pages not in children(served.process.pid)


def test_a_signal_stops_every_process(own):
    served = own()
    served.client.get("/sources")
    below = children(served.process.pid)

    served.process.send_signal(signal.SIGINT)
    served.process.wait(20)

    assert until(lambda: all(not Path(f"/proc/{pid}").exists() for pid in below if pid != served.process.pid), 10)


def _open(port):
    with socket.socket() as found:
        found.settimeout(1)
        return found.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="the system ends children with their parent on Linux alone")
def test_a_killed_supervisor_leaves_no_process_behind(own):
    served = own()
    below = children(served.process.pid)
    assert len(below) > 1

    served.process.kill()

    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below if pid != served.process.pid), 15)
    assert not _open(served.port)


def test_what_is_received_while_serving_is_settled_and_shown(own):
    from regard.signals.workspace import Workspace
    from regard.simulation import run_simulation

    served = own()
    with Workspace.open(served.workspace) as workspace:
        for _ in run_simulation(workspace, signals=3000, seed=1):
            pass

    assert until(lambda: pulse(served.workspace).position > 0 and not pulse(served.workspace).unsettled)
    assert "position" in served.client.get("/sources").text


def test_a_question_that_takes_too_long_is_stopped_in_words(own, company, monkeypatch):
    monkeypatch.setenv("REGARD_QUESTION_SECONDS", "0.01")
    served = own(company)

    reply = served.client.get("/listening/drivers.json")

    assert reply.status_code == 503
    assert reply.json()["error"]["kind"] == "TooLong"


def test_a_taken_port_is_a_sentence_not_a_traceback(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "regard.cli", "serve", "-w", str(tmp_path / "w"), "--port", str(port)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    assert done.returncode == 2
    assert f"Port {port} cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("there", ["missing", "empty"])
def test_the_pulse_of_a_workspace_without_state_is_flat(tmp_path, there):
    if there == "empty":
        (tmp_path / "state.sqlite").touch()

    assert pulse(tmp_path).position == 0
    assert not pulse(tmp_path).unsettled
