"""``regard alerts`` from the command line: told, answered, sent."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from regard.cli import regard
from regard.errors import RegardError
from regard.reliability.rounds import look
from regard.signals.ask import View
from regard.signals.kinds import KINDS
from regard.signals.workspace import Workspace

sys.path[:0] = [str(Path(__file__).parent / room) for room in ("reliability", "delivery")]


@pytest.fixture
def where(tmp_path):
    from raising import Says, raised

    with Workspace.open(tmp_path / "ws") as company:
        view = View(connection=None, _counts={kind.name: 0 for kind in KINDS})
        look(company, view=view, detectors_=[Says(raised()).detector])
    return str(tmp_path / "ws")


def run(*words, code=0):
    done = CliRunner().invoke(regard, words)
    if isinstance(done.exception, RegardError):
        raise done.exception
    assert done.exit_code == code, (done.output, done.exception)
    return done.stdout


def test_an_alert_is_listed_shown_answered_and_taken_back(where):
    assert "1 alert to act on" in run("alerts", "-w", where)
    assert "Draft for them: We see that something" in run("alerts", "show", "1", "-w", where)
    answered = json.loads(run("alerts", "answer", "1", "not-useful", "--why", "a test", "--json", "-w", where))
    assert answered["words"] == "Not useful (a test); told again above 390."
    assert "quiet because of what was answered" in run("alerts", "-w", where)
    assert "Told as before" in run("alerts", "undo", str(answered["id"]), "-w", where)
    assert [a["id"] for a in json.loads(run("alerts", "--json", "-w", where))["open"]] == [1]


def test_a_receiver_is_named_tried_and_told_what_failed(where, tmp_path):
    from listening import receiver

    secret = tmp_path / "hook.secret"
    run("alerts", "secret", str(secret))
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    with pytest.raises(RegardError, match="file there already"):
        run("alerts", "secret", str(secret))
    with receiver(["ok", "broken"]) as there:
        run("alerts", "tell", "here", there.url, "--secret", f"file:{secret}", "--private", "-w", where)
        assert run("alerts", "try", "here", "-w", where) == "here answered 200 OK.\n"
        assert "500" in run("alerts", "try", "here", "-w", where, code=1)
    assert secret.read_text().strip() not in run("alerts", "receivers", "--json", "-w", where)
    assert "stopped" in run("alerts", "stop", "here", "-w", where) + run("alerts", "receivers", "-w", where)
    assert run("alerts", "messages", "-w", where) == "No message.\n"


def test_looking_by_hand_looks_with_every_detector_and_says_what_changed(where):
    told = json.loads(run("alerts", "look", "--json", "-w", where))

    assert told["round"]["ended"] == 1, "nobody looks for what the test raised"
    assert "looked" in run("alerts", "look", "-w", where)
