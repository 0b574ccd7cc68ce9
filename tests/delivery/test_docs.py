"""The receiver of docs/webhooks.md runs as it stands: it takes what is ours, refuses the rest, and knows a repeat."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from regard.delivery import webhooks
from regard.delivery.receivers import add_receiver
from regard.delivery.sending import knock
from regard.signals.workspace import Workspace

TEXT = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text("utf-8")


@pytest.fixture
def documented():
    """The receiver, running, with its port and secret."""
    (code,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    secret = webhooks.new_secret()
    running = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "HOOK_SECRET": secret, "PORT": str(port)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until = time.monotonic() + 20
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.05)
    yield port, secret, running
    running.terminate()
    running.communicate()


def test_the_documented_receiver_takes_what_is_ours_once(documented, tmp_path):
    port, secret, running = documented
    body = re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)[1].encode()
    given = {"secret": secret, "id_": "msg_1", "body": body, "private": True}
    address = f"http://127.0.0.1:{port}/"

    assert webhooks.send(address, **given).taken
    assert webhooks.send(address, **given).taken, "a repeat is taken, too, and passed over"
    refused = webhooks.send(address, **{**given, "secret": webhooks.new_secret()})
    assert (refused.taken, refused.words) == (False, "answered 401 Unauthorized")
    (tmp_path / "hook").write_text(secret)
    with Workspace.open(tmp_path / "ws") as company:
        named = add_receiver(company, name="here", address=address, secret=f"file:{tmp_path / 'hook'}", private=True)
        assert knock(company, named).taken

    running.terminate()
    said, _ = running.communicate(timeout=10)
    assert said.splitlines() == ["312 customers on the Team plan in Brazil cannot pay", "A trial from Regard"]


def test_an_old_message_is_refused_by_the_documented_receiver(documented):
    port, secret, _ = documented
    headers = webhooks.headers(secret, id_="msg_1", body=b"{}", at=time.time() - 400)
    request = urllib.request.Request(f"http://127.0.0.1:{port}/", b"{}", headers)

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=5)

    caught.value.close()
    assert caught.value.code == 401


def test_the_documented_message_has_the_fields_of_a_real_one():
    from datetime import UTC, datetime

    from regard.reliability.messages import payload
    from regard.reliability.raised import Certainty, Raised, Who

    now = datetime.now(UTC)
    raised = Raised(
        cause="a:b", kind="disruption", what="cannot pay", who=Who(words="Some", count=1), since=now, next_step="Ask.",
        certainty=Certainty(words="Sure."),
    )  # fmt: skip
    real = payload(alert=1, what="opened", words="Some cannot pay.", raised=raised, now=now)
    told = json.loads(re.search(r"```json\n(.*?)```", TEXT, re.DOTALL)[1])

    assert set(told) == set(real)
    assert set(told["data"]) == set(real["data"])
    assert set(told["data"]["who"]) == set(real["data"]["who"])
