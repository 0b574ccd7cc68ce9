"""The examples of docs/intake.md run as they stand, with the address and the key put in."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TEXT = (Path(__file__).parents[2] / "docs" / "intake.md").read_text("utf-8")
BLOCKS = re.findall(r"```(python|sh|js)\n(.*?)```", TEXT, re.DOTALL)


def filled(served, code):
    return code.replace("http://127.0.0.1:7789", served.address).replace("YOUR_WRITE_KEY", served.key)


@pytest.mark.parametrize("code", [c for kind, c in BLOCKS if kind == "python"])
def test_the_python_delivers(served, code):
    before = served.ledger("app").get("stored", 0)

    done = subprocess.run(
        [sys.executable, "-c", filled(served, code)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    assert served.ledger("app")["stored"] > before


def test_the_curl_delivers_an_answer_and_a_contact(served):
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    (code,) = [c for kind, c in BLOCKS if kind == "sh"]

    done = subprocess.run(["sh", "-c", filled(served, code)], capture_output=True, text=True, timeout=30, check=False)

    assert '"stored":2' in done.stdout, done.stdout
    assert served.rows("contact", "subject") == [{"subject": "Where is my invoice?"}]


def test_every_client_of_the_page_is_made_as_the_docs_make_it():
    from regard.web.snippets import CLIENTS

    flat = " ".join(TEXT.split())
    for client in CLIENTS[:-1]:
        making = next(line for line in client.lines.splitlines() if "ADDRESS" in line)
        call = re.search(r"\w[\w.]*\(.*\)", making)[0].replace("ADDRESS", "http://127.0.0.1:7789")
        assert call in flat, client.name


@pytest.mark.parametrize("name", ["Segment · Python", "PostHog · Python", "curl"])
def test_the_lines_of_the_page_deliver_as_they_stand(served, name):
    from regard.web.snippets import snippets

    (lines,) = [str(s["lines"]) for s in snippets(served.address, key=served.key) if s["name"] == name]
    if name == "curl" and shutil.which("curl") is None:
        pytest.skip("no curl here")
    before = served.ledger("app").get("stored", 0)
    command = ["sh", "-c", lines] if name == "curl" else [sys.executable, "-c", lines]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    assert served.ledger("app")["stored"] > before
