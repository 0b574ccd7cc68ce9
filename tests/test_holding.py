"""``regard held``, as people and scripts type it: separate processes, standard output, exit codes."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from regard.sources.replaying import short

OLD = Path(__file__).parent / "store" / "workspace-0001.tar.gz"
"""A workspace that holds two rows back, made by the first version."""


@pytest.fixture
def where(tmp_path):
    with gzip.open(OLD) as packed, tarfile.open(fileobj=packed) as tar:
        tar.extractall(tmp_path, filter="data")
    return tmp_path / "workspace"


def run(where, *words):
    result = subprocess.run(
        [sys.executable, "-m", "regard.cli", *words, "-w", str(where)], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in result.stderr + result.stdout, result.stderr
    return result


def told(where, *words):
    value = json.loads(run(where, *words, "--json").stdout)
    assert isinstance(value, dict)
    return value


def _sums(where):
    found = told(where, "ledger")
    assert found["received"] == found["stored"] + found["duplicate"] + found["held_back"] + found["refused"]
    for source in found["sources"]:
        assert source["received"] == sum(source[o] for o in ("stored", "duplicate", "held_back", "refused"))
    return found


def test_items_are_listed_in_pages_shown_repaired_replayed_and_the_ledger_follows(where):
    first = told(where, "held", "--limit", "1")
    assert (first["held_back"], len(first["items"]), first["next"]) == (2, 1, 1)
    assert [i["id"] for i in told(where, "held", "--after", "1")["items"]] == [2]
    assert told(where, "held", "show", "1")["stored"]["name"] == "opened"
    assert "name: closed  (stored: opened)" in run(where, "held", "show", "1").stdout

    assert (
        told(where, "held", "repair", "1", "--set", "name=renamed", "--set", "labels.plan=pro")["changed"]["name"]
        == "renamed"
    )
    stays = run(where, "held", "replay", "1")
    assert (stays.returncode, "still held back" in stays.stdout) == (3, True)
    assert _sums(where)["held_back"] == 2
    assert told(where, "held", "replay", "1", "--anew")["stored"] == 1
    assert _sums(where)["held_back"] == 1
    assert run(where, "held", "replay", "1").returncode == 2


def test_everything_is_discarded_and_brought_back(where):
    assert told(where, "held", "discard", "--all") == {"discarded": [1, 2]}
    assert _sums(where)["refused"] == 2
    assert "Nothing is held back" in run(where, "held").stdout
    assert told(where, "held", "restore", "1", "2") == {"restored": [1, 2]}
    assert _sums(where)["held_back"] == 2


def test_a_whole_item_is_given_as_a_file_and_taken_back(where, tmp_path):
    file = tmp_path / "item.json"
    file.write_text('{"kind": "event", "name": "x", "person": "ada"}')
    assert told(where, "held", "repair", "1", "--file", str(file))["changed"] == json.loads(file.read_text())
    assert told(where, "held", "repair", "1", "--as-sent")["changed"] is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "99"), "99"),
        (("repair", "1"), "what to change"),
        (("repair", "1", "--set", "nothing"), "sets nothing"),
        (("repair", "1", "--set", "occurred_at=soon"), "soon"),
        (("repair", "1", "--set", "persn=x"), "persn"),
        (("replay",), "which items"),
        (("replay", "1", "--all"), "which items"),
        (("discard", "99"), "99"),
        (("restore",), "which items"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_next_step_and_changes_nothing(where, words, said):
    result = run(where, "held", *words)

    assert result.returncode == 2
    assert said in result.stderr
    assert "next:" in result.stderr
    assert json.loads(run(where, "held", *words, "--json").stdout)["error"]["message"]
    assert _sums(where)["held_back"] == 2


def test_an_item_is_told_in_a_line_as_people_would_say_it():
    item = (
        '{"kind": "event", "message_id": "m1", "sent_at": "2026-01-02T03:05:00Z", "name": "dough_scheduled", '
        '"person": "B1", "occurred_at": "2026-01-02T03:04:05.6Z", "labels": "{\\"oven_link\\": \\"yes\\"}"}'
    )

    assert short(item, 4) == "event, Dough scheduled, person B1, occurred at 2 Jan 2026, 03:04 UTC, oven link yes"
    assert short('{"kind": "event", "occurred_at": "0001-01-01T00:00:00+14:00"}').startswith("event, occurred at")
    assert short("no object") == ""
