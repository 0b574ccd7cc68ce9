"""What a newcomer reads on a terminal: whole words on every line, answers before tables, and the next step."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from regard.cli import SECTIONS, SHORT, regard
from regard.findings import Caution, Evidence, Finding
from regard.terminal import tell


def run(*words, **environment):
    return subprocess.run(
        [sys.executable, "-m", "regard.cli", *words], capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL, env=os.environ | environment,
    )  # fmt: skip


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")


def test_nothing_said_is_help_and_no_error():
    told = run()

    assert told.returncode == 0
    assert told.stdout.startswith("Usage: regard [OPTIONS]")
    assert told.stderr == ""


def test_every_command_is_listed_once_and_whole_at_80_columns():
    told = run("--help", COLUMNS="80").stdout
    listed = [line.split()[0] for line in told.partition("Begin:")[2].splitlines() if re.match(r"  \S", line)]

    assert sorted(listed) == sorted(regard.list_commands(None))
    assert listed[:4] == ["demo", "try", "import", "serve"]
    assert "..." not in told.partition("Begin:")[2]


def test_what_is_listed_exists():
    known = set(regard.list_commands(None))

    assert set(SHORT) <= known
    assert {name for names in SECTIONS.values() for name in names} <= known


def test_a_refusal_is_said_once_with_the_next_step_of_an_empty_workspace(tmp_path):
    told = run("listening", "scores", "-w", str(tmp_path / "w")).stdout

    answer = told.splitlines()[0]
    assert told.count(answer) == 1
    assert "regard import FILE..." in told
    assert "regard demo" in told


def test_lines_break_between_words_within_the_width(narrow, capsys):
    words = "Customers whose promise was broken may differ in other ways; the difference is not proof of cause."
    tell(
        Finding(
            answer=words,
            facts=(words,),
            cautions=(Caution(code="a", text=f"Mind: {words}"),),
            evidence=Evidence(question="a/b"),
        )
    )

    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines) <= 60
    assert " ".join(lines).count("proof of cause") == 3


def test_the_state_is_read_chapter_by_chapter_on_a_terminal(tmp_path):
    where = str(tmp_path / "w")
    assert run("simulate", "-w", where, "--signals", "3000").returncode == 0

    told = run("report", "-w", where, NO_COLOR="1").stdout

    assert "How bakeries feel" in told
    assert "regard listening scores" in told
    assert "number  heading" not in told
    assert "\x1b" not in told


def test_part_of_a_name_names_those_who_are_called_so(tmp_path):
    where = str(tmp_path / "w")
    assert run("simulate", "-w", where, "--signals", "3000").returncode == 0
    listed = run("customers", "list", "-w", where, "--csv").stdout.splitlines()[1].split(",")
    some = max((w for w in listed[0].strip('"').split()), key=len)

    told = run("customers", "customer", "-w", where, "--id", some)

    assert told.returncode == 2
    assert "Give the id of one who is called so: " in told.stderr
    assert f"{some}" in told.stderr.partition("next:")[2]
