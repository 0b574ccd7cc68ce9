"""The commands others script against, as they script them: separate processes, standard output, exit codes."""

import json
import os
import subprocess
import sys

import pytest

import regard
from regard.cli import ROOM_HELP
from regard.questions import questions

CSV = """ticket_id,customer_email,created_at,status,category,type,subject,plan
T1,ann@example.org,2026-09-01 10:00:00,solved,billing,wrong data,Billed twice,Team
T2,bob@example.org,2026-09-02 11:30:00,open,sign-in,bug,Cannot sign in,Free
T3,ann@example.org,2026-09-03 09:15:00,solved,billing,how do i,Where is my invoice,Team
"""


def run(*words, cwd=None, **environment):
    result = subprocess.run(
        [sys.executable, "-m", "regard.cli", *map(str, words)],
        capture_output=True, text=True, check=False, cwd=cwd, env={**os.environ, **environment},
    )  # fmt: skip
    assert "Traceback" not in result.stderr + result.stdout, result.stderr
    return result


def told(result):
    """The one JSON object on standard output and nothing else."""
    value = json.loads(result.stdout)
    assert isinstance(value, dict)
    return value


@pytest.fixture(scope="module")
def tickets(tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "tickets.csv"
    path.write_text(CSV, "utf-8")
    return path


@pytest.fixture(scope="module")
def company(tmp_path_factory, tickets):
    where = tmp_path_factory.mktemp("company") / "workspace"
    assert run("import", tickets, "-w", where, "--yes").returncode == 0
    return where


def test_an_import_says_what_became_of_every_row_and_the_ledger_agrees(tmp_path, tickets):
    imported = told(run("import", tickets, "-w", tmp_path / "w", "--yes", "--json"))
    ledger = told(run("ledger", "-w", tmp_path / "w", "--json"))

    assert imported["received"] == 3
    assert {k: ledger[k] for k in ("received", "stored", "duplicate", "held_back", "refused")} == {
        "received": 3, "stored": 3, "duplicate": 0, "held_back": 0, "refused": 0,
    }  # fmt: skip


def test_the_same_file_twice_adds_nothing_and_undo_takes_it_back(tmp_path, tickets):
    first = told(run("import", tickets, "-w", tmp_path, "--yes", "--json"))
    second = told(run("import", tickets, "-w", tmp_path, "--yes", "--json"))

    assert (second["stored"], second["duplicate"]) == (0, 3)
    assert told(run("import", "--undo", second["batch"], "-w", tmp_path, "--json"))["undone"] == second["batch"]
    assert told(run("import", "--undo", first["batch"], "-w", tmp_path, "--json"))["undone"] == first["batch"]
    found = told(run("listening", "verbatims", "-w", tmp_path, "--json"))
    assert found["evidence"]["n"] == 0


def test_what_is_proposed_is_shown_and_nothing_imported_without_yes(tmp_path, tickets):
    result = run("import", tickets, "-w", tmp_path)

    assert result.returncode == 2
    assert 'kind = "contact"' in result.stdout
    assert "--yes" in result.stderr
    assert told(run("ledger", "-w", tmp_path, "--json"))["received"] == 0


def test_a_mapping_kept_is_used_again(tmp_path, tickets):
    run("import", tickets, "-w", tmp_path / "a", "--yes", "--keep-mapping", tmp_path / "m.toml")

    assert told(run("import", tickets, "-w", tmp_path / "b", "--mapping", tmp_path / "m.toml", "--json"))["stored"] == 3


def test_a_write_key_stands_alone_on_the_last_line(tmp_path):
    result = run("sources", "add", "shop", "-w", tmp_path)

    assert len(result.stdout.strip().splitlines()) == 1
    assert len(result.stdout.strip()) >= 20
    assert run("sources", "add", "shop", "-w", tmp_path).returncode == 2


def test_a_service_is_told_what_to_give_opentelemetrys_exporter(tmp_path):
    result = run("sources", "add", "till", "--what", "service", "-w", tmp_path)

    assert (
        "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:7789 OTEL_EXPORTER_OTLP_HEADERS=x-write-key=KEY" in result.stderr
    )


def test_the_workspace_comes_from_the_environment_too(company):
    assert told(run("ledger", "--json", REGARD_WORKSPACE=str(company)))["stored"] == 3


def test_a_finding_is_one_json_object_or_csv(company):
    finding = told(run("listening", "contacts", "-w", company, "--json"))
    sheet = run("listening", "contacts", "-w", company, "--csv").stdout

    assert finding["evidence"]["question"] == "listening/contacts"
    assert sheet.count("\n") >= 1


def test_a_figure_is_a_file_that_stands_alone(company, tmp_path):
    result = run("listening", "contacts", "-w", company, "--figure", tmp_path / "f.svg")

    if result.returncode == 0:
        assert (tmp_path / "f.svg").read_text("utf-8").startswith("<svg")
        assert "http-equiv" not in (tmp_path / "f.svg").read_text("utf-8")
    else:
        assert result.returncode in {2, 3}


def test_the_report_is_a_file_and_an_object(company, tmp_path):
    assert run("report", "-w", company, "--out", tmp_path / "state.html").returncode == 0
    page = (tmp_path / "state.html").read_text("utf-8")

    assert page.lower().startswith("<!doctype html>")
    assert "<script src" not in page
    assert told(run("report", "-w", company, "--json"))["chapters"]
    assert run("report", "-w", company, "--out", tmp_path / "state.doc").returncode == 2


def test_rebuild_backup_and_restore_give_the_same_answer(company, tmp_path):
    before = told(run("listening", "contacts", "-w", company, "--json"))["answer"]
    run("rebuild", "-w", company)
    run("backup", tmp_path / "b.tar", "-w", company)
    run("restore", tmp_path / "b.tar", "-w", tmp_path / "again")

    assert told(run("listening", "contacts", "-w", company, "--json"))["answer"] == before
    assert told(run("listening", "contacts", "-w", tmp_path / "again", "--json"))["answer"] == before
    assert told(run("verify", "-w", company, "--json")) == {"problems": []}


def test_who_was_erased_is_nowhere(tmp_path, tickets):
    run("import", tickets, "-w", tmp_path, "--yes")
    known = told(run("export", "ann@example.org", "-w", tmp_path))
    assert "Billed twice" in json.dumps(known)

    assert told(run("erase", "ann@example.org", "--yes", "-w", tmp_path, "--json")) == {"erased": "ann@example.org"}

    left = [p for p in tmp_path.rglob("*") if p.is_file() and b"ann@example.org" in p.read_bytes()]
    assert left == []


def test_erasing_nobody_is_an_error(company):
    result = run("erase", "nobody@example.org", "--yes", "-w", company)

    assert result.returncode == 2
    assert "nobody@example.org" in result.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["lstening", "scores"], "Did you mean listening"),
        (["listening", "scoers"], "Did you mean scores"),
        (["listening", "scores", "--by", "regoin"], "regoin"),
        (["listening", "scores", "--since", "yesterday"], "YYYY-MM-DD"),
        (["listening", "scores", "--since", "2026-10-01", "--until", "2026-09-01"], "Swap"),
        (["listening", "scores", "--where", "plan"], "NAME=VALUE"),
        (["import", "nothere.csv", "--yes"], "no such file"),
        (["import"], "--undo"),
        (["import", "--undo", "99"], "99"),
        (["listening", "scores", "--nonsense"], "--nonsense"),
    ],
)
def test_bad_input_is_named_with_the_next_step(words, says, company):
    result = run(*words, "-w", company)

    assert result.returncode == 2
    assert says in result.stderr
    assert "did not foresee" not in result.stderr


def test_an_error_is_one_json_object_too(company):
    result = run("listening", "scores", "--by", "regoin", "-w", company, "--json")

    assert result.returncode == 2
    assert set(told(result)["error"]) == {"kind", "message", "where", "hint"}


def test_every_question_is_a_command_with_help():
    for question in questions().values():
        if question.room in ROOM_HELP:
            assert "--since" in run(question.room, question.name, "--help").stdout


def test_python_asks_the_same(company):
    with regard.open(company) as opened:
        finding = opened.ask("listening/contacts")

    assert finding.answer == told(run("listening", "contacts", "-w", company, "--json"))["answer"]
