"""`regard serve` as a person runs it: the intake beside the pages, kept alive, told on the Sources page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from regard.errors import BadInput
from regard.signals.workspace import Workspace
from regard.web.supervisor import listen_for_signals


@pytest.fixture
def supervised(tmp_path):
    with Workspace.open(tmp_path / "workspace") as workspace:
        key = workspace.add_source("app")
    process = subprocess.Popen(
        [sys.executable, "-m", "regard.cli", "serve", "-w", str(tmp_path / "workspace"), "--port", "0"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    said = "".join(process.stdout.readline() for _ in range(3))
    link, address = re.search(r"http\S+sign-in\S+", said)[0], re.search(r"sent to (http\S+)", said)[1]
    yield process, link, address, key
    process.terminate()
    process.wait(20)
    process.stdout.close()


def sent(address, key, message, seconds=40):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            body = {"userId": "u1", "event": "Opened", "messageId": message}
            reply = httpx.post(f"{address}/v1/track", json=body, headers={"authorization": f"Bearer {key}"}, timeout=10)
            if reply.status_code == 200:
                return reply.json()["items"][0]["outcome"]
            assert reply.status_code in {429, 503}, reply.text
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError("the intake did not come back")


def children(process):
    """Pid of each child by its module."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if parent == str(process.pid) and b"-m" in words:
                found[words[words.index(b"-m") + 1].decode()] = int(entry.name)
    return found


def test_a_killed_intake_comes_back_at_the_same_address_and_knows_what_it_took(supervised):
    process, _, address, key = supervised
    assert sent(address, key, "m1") == "stored"

    os.kill(children(process)["regard.intake"], signal.SIGKILL)

    assert sent(address, key, "m1") == "duplicate"
    assert sent(address, key, "m2") == "stored"


def test_the_sources_page_shows_the_address_and_lines_to_copy_and_a_signal_arrives_in_the_answers(supervised):
    _, link, address, key = supervised
    with httpx.Client(timeout=30) as client:
        client.get(link)
        page = client.get(link.partition("/sign-in")[0] + "/sources/sender?source=app").text
        assert address in page
        assert f"Client(&#34;YOUR_WRITE_KEY&#34;, host=&#34;{address}&#34;)" in page

        assert sent(address, key, "m1") == "stored"
        until = time.monotonic() + 40
        while time.monotonic() < until:
            told = client.get(link.partition("/sign-in")[0] + "/sources/ledger.json").json()
            if told.get("stored") == 1:
                break
            time.sleep(0.3)
        assert told["received"] == told["stored"] == 1


def test_an_address_that_is_none_is_refused_in_words():
    with pytest.raises(BadInput, match="no address"):
        listen_for_signals("here", port=1)
    with pytest.raises(BadInput, match="cannot be used"):
        listen_for_signals("203.0.113.7:7789", port=1)
    assert listen_for_signals("off", port=1) is None
    with listen_for_signals("127.0.0.1:7789", port=0) as free:  # where the pages take any port, so does the intake
        assert free.getsockname()[0] == "127.0.0.1"
