"""`regard import` as a person meets it: what is proposed is said, mistakes are placed, the same rows add nothing."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from regard.cli import regard
from regard.errors import RegardError

ORDERS = "order_id,customer_id,order_date,amount,remark\n" + "".join(
    f"o{i},c{i % 3},2024-05-{i % 28 + 1:02d},5.00,x{i}\n" for i in range(120)
)


@pytest.fixture
def run(tmp_path):
    """A function: arguments of `regard import` → what it printed, or the error it ended with."""

    def ask(*words, expect=0):
        result = CliRunner().invoke(regard, ["import", *map(str, words), "-w", str(tmp_path / "workspace")])
        if isinstance(result.exception, RegardError):
            assert result.exception.exit_code == expect
            return result.exception
        assert result.exit_code == expect, result.output
        return result.stdout

    return ask


def test_what_is_proposed_and_what_is_left_out_is_said(run, written):
    out = run(written("orders.csv", ORDERS), "--yes")

    assert "taken for an order: person is customer_id" in out
    assert "Not used of orders.csv: remark (too many different values for a label)." in out


def test_json_carries_the_proposal_and_what_became_of_every_column(run, written):
    told = json.loads(run(written("orders.csv", ORDERS), "--yes", "--json"))

    assert told["stored"] == 120
    columns = {c["column"]: c["becomes"] for c in told["proposed"]["columns"]}
    assert columns["amount"] == "order: amount"
    assert columns["remark"] == "nothing"


def test_next_months_file_updates_the_records_it_shares(run, written):
    run(written("orders-may.csv", ORDERS), "--yes")
    renamed = json.loads(run(written("week 23.csv", ORDERS.replace("5.00", "6.00", 7)), "--yes", "--json"))
    other = json.loads(run(written("week 23.csv", ORDERS), "--yes", "--json", "--source", "elsewhere"))

    assert (renamed["source"], renamed["stored"], renamed["duplicate"]) == ("orders", 7, 113)
    assert "Taken for more of orders" in renamed["proposed"]["notes"][-1]
    assert (other["source"], other["stored"]) == ("elsewhere", 120)


def test_a_misspelt_column_is_placed_in_the_mapping(run, written):
    mapping = written(
        "m.toml", '[[signal]]\nkind = "order"\n[signal.columns]\noccurred_at = "order_date"\namount = "amont"\n'
    )

    error = run(written("orders.csv", ORDERS), "--mapping", mapping, expect=2)

    assert error.where == f"{mapping} line 5"
    assert "amount" in error.hint


@pytest.mark.parametrize("what", ["missing.toml", "."])
def test_a_mapping_that_cannot_be_read_is_bad_input(run, written, tmp_path, what):
    error = run(written("orders.csv", ORDERS), "--mapping", tmp_path / what, expect=2)

    assert error.where == str(tmp_path / what)
    assert "docs/sources/mapping.md" in error.hint


def test_a_directory_is_not_said_to_be_missing(run, tmp_path):
    error = run(tmp_path, "--yes", expect=2)

    assert "is a directory" in error.message


def test_a_mapping_that_cannot_be_kept_stops_before_anything_is_imported(run, written, tmp_path):
    error = run(written("orders.csv", ORDERS), "--yes", "--keep-mapping", tmp_path / "nowhere" / "m.toml", expect=2)

    assert "Nothing was imported" in error.hint


def test_a_full_disk_is_said_and_the_import_can_be_run_again(run, written, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    file = written("orders.csv", ORDERS)
    with monkeypatch.context() as patched:
        patched.setattr("regard.store.inbox.Batch.append", full)
        error = run(file, "--yes", expect=1)

    assert "no room left" in error.message
    assert json.loads(run(file, "--yes", "--json"))["stored"] == 120


def test_days_to_come_and_the_first_day_of_clocks_are_said(run, written):
    rows = "a,c,9999-12-30,5.00,x\nb,c,1970-01-01,5.00,x\n"

    told = json.loads(run(written("orders.csv", ORDERS + rows), "--yes", "--json"))

    assert [note.partition(":")[0] for note in told["notes"]] == [
        "In the future, the latest on 30 Dec 9999",
        "Dated 1 Jan 1970, which clocks begin with, so most likely an empty time",
    ]
