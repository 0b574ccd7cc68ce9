"""What is known of one person, whole; and once they are erased, nothing of them anywhere in the directory."""

from __future__ import annotations

import csv
import gzip
import shutil
import subprocess
import sys
from datetime import datetime

import pytest
from shop import CANARY, SECRETS
from stranger import mentions


def _sent(exports):
    """Rows of the person in the files, by kind, each once."""
    kinds = {"orders-1": "order", "orders-2": "order", "visits": "event", "answers": "answer", "people": "profile"}
    found = {}
    for path in exports.files:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["customer"] == CANARY]
        kind = found.setdefault(kinds[path.stem], [])
        kind += [row for row in rows if kind is not None and not ("order" in row and row in kind)]
    return found


@pytest.mark.promise("export")
def test_an_export_holds_every_row_that_was_sent(tmp_path, filled, exports, record_property):
    shop = filled.copy(tmp_path / "ws")
    told, sent = shop.done("export", CANARY), _sent(exports)
    assert {kind: len(rows) for kind, rows in told["signals"].items()} == {k: len(rows) for k, rows in sent.items()}
    assert sum(len(rows) for rows in sent.values()) == exports.canary_rows
    exported = {row["key"]: row for row in told["signals"]["order"]}
    for row in sent["order"]:
        assert exported[row["order"]]["amount"] == float(row["amount"])
        assert datetime.fromisoformat(exported[row["order"]]["occurred_at"]) == datetime.fromisoformat(
            row["ordered"] + "+00:00"
        )
    assert {row["verbatim"] for row in told["signals"]["answer"]} == {row["words"] for row in sent["answer"]}
    assert told["signals"]["profile"][0]["name"] == SECRETS[1]
    assert told["signals"]["profile"][0]["email"] == SECRETS[2]
    assert told["customer"]["id"] == CANARY
    record_property("found", f"{exports.canary_rows} of {exports.canary_rows} rows")


def _scattered(shop, exports, tmp_path):
    """Traces of the person wherever a workspace keeps things: bad rows, uploads, files set aside, a killed spill."""
    bad = tmp_path / "orders-9.csv"
    lines = exports.files[0].read_text("utf-8").splitlines()
    wrong = [f"x{n},{CANARY},not a day,,1,0,paid,north" for n in range(3)]
    bad.write_text("\n".join([lines[0], *wrong]) + "\n", "utf-8")
    shop.done("import", bad, "--mapping", exports.later_mapping)
    uploads = shop.root / "uploads" / ("a" * 24) / "files"
    uploads.mkdir(parents=True)
    for path in exports.files:
        shutil.copy(path, uploads / path.name)
        with gzip.open(uploads / f"{path.name}.gz", "wb") as packed:
            packed.write(path.read_bytes())
    damaged = max((shop.root / "lake").glob("order-base-*.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-9])
    for path in sorted((shop.root / "lake").glob("answer-base-*.parquet")):
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    shop.answers()  # sets the damaged files aside and makes them again


@pytest.mark.slow
@pytest.mark.promise("erasure")
def test_an_erased_person_is_nowhere_in_the_directory(tmp_path, filled, exports, record_property):
    shop = filled.copy(tmp_path / "ws")
    _scattered(shop, exports, tmp_path)
    assert {m.split("/")[0] for m in mentions(shop.root, SECRETS)} >= {"inbox", "lake", "uploads"}
    before = shop.ledger()
    shop.done("erase", CANARY, "--yes")
    assert mentions(shop.root, SECRETS) == []
    assert shop.ledger() == before
    shop.done("erase", CANARY, "--yes")  # again is no mistake
    unknown = shop.run("export", CANARY)
    assert unknown.code == 2, unknown.said
    again = shop.done(*exports.bring)
    assert (again["stored"], again["refused"]) == (0, exports.refused + exports.canary_rows)
    assert mentions(shop.root, SECRETS) == []
    assert shop.run("verify").code == 0
    assert shop.left_over() == []
    record_property("found", f"0 mentions in every file after {exports.canary_rows} rows were erased")


READER = """
import sys, regard
with regard.open(sys.argv[1]) as company:
    company.view
    print("reading", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.promise("erasure")
@pytest.mark.parametrize("end", ["closed", "killed"])
def test_what_a_reader_still_held_goes_with_it(tmp_path, filled, end):
    shop = filled.copy(tmp_path / "ws")
    with subprocess.Popen(
        [sys.executable, "-c", READER, shop.root], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "reading\n"
        shop.done("erase", CANARY, "--yes")
        assert {m.split("/")[0] for m in mentions(shop.root, SECRETS)} <= {"lake"}  # the reader may finish its answer
        if end == "killed":
            reader.kill()
        else:
            reader.stdin.write("\n")
    if end == "killed":
        shop.done("ledger")  # whoever opens the workspace next
    assert mentions(shop.root, SECRETS) == []
    assert shop.left_over() == []
