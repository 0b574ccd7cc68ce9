"""Files of bad rows and erasure: lines of a customer's rows go, also where their id does not stand on them."""

from __future__ import annotations

import csv

import pytest

from regard.errors import UnknownName
from regard.settings import Settings
from regard.signals.workspace import Workspace
from regard.sources.importing import Imported, run_import
from regard.sources.mapping import read_mapping
from regard.store import scrub

GIVEN = Settings(buckets=1, memory="300MB", threads=1)
MAPPING = """
name = "shop"
[[signal]]
kind = "order"
[signal.columns]
key = "id"
person = "who"
amount = "paid"
occurred_at = "day"
"""
ORDERS = """id,day,who,paid
1,2026-01-01,ann,10
2,2026-01-01,ann,ann's-secret-price
3,2026-01-01,bob,bobs-price
4,2026-01-01,ann,"two
lines"
5,2026-01-01,bob,20,extra-of-bob
6,2026-01-01,ann,3,extra
7,2026-01-01,bob,5
8,2026-01-01,eve,eves-price
"""
BOBS = ["5,2026-01-01,bob,20,extra-of-bob", "bobs-price", "eves-price"]


@pytest.fixture
def imported(tmp_path):
    """A workspace with bad rows of ann and bob; the file of bad rows."""
    file = tmp_path / "orders.csv"
    file.write_text(ORDERS)
    with Workspace.open(tmp_path / "ws", given=GIVEN) as company:
        *_, result = run_import(
            company.inbox, [file], read_mapping(MAPPING), rejects=company.root / "rejects",
            temporary=company.root / "spill", key=company.erasure_key(),
        )  # fmt: skip
        assert isinstance(result, Imported)
        list(company.settle())
        yield company, company.root / "rejects" / f"import-{result.batch}.csv"


def _values(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [row["value"] for row in csv.DictReader(file)]


def test_every_line_of_an_erased_customers_rows_goes_and_no_other(imported):
    company, path = imported
    assert len(_values(path)) == 6

    list(company.erase("ann"))

    assert sorted(_values(path)) == BOBS
    assert len(scrub.beside(path).read_text().splitlines()) == 3
    for where in company.root.rglob("*"):
        assert not (where.is_file() and b"secret-price" in where.read_bytes()), where


def test_whose_a_bad_row_was_is_kept_hashed_only(imported):
    company, path = imported
    told = scrub.beside(path).read_text()

    assert "ann" not in told
    assert scrub.tombstone(company.erasure_key(), "person", "ann")[:20] in told


def test_a_restored_backup_forgets_bad_rows_of_who_was_erased_since(imported, tmp_path):
    company, path = imported
    company.backup(tmp_path / "b.tar")
    list(company.erase("ann"))

    with Workspace.restore(tmp_path / "b.tar", tmp_path / "again") as restored:
        values = _values(restored.root / "rejects" / path.name)
        assert sorted(values) == BOBS


def test_interrupted_between_the_two_files_an_erasure_mixes_nothing_up(imported, monkeypatch):
    company, path = imported
    with monkeypatch.context() as patched:
        patched.setattr(scrub, "_write_lines", lambda *_: (_ for _ in ()).throw(OSError(5, "killed")))
        with pytest.raises(OSError, match="Input/output"):
            list(company.erase("ann"))
    with Workspace.open(company.root, given=GIVEN):
        assert sorted(_values(path)) == BOBS
        assert len(scrub.beside(path).read_text().splitlines()) == 3


def test_without_hashes_beside_it_lines_that_name_an_id_still_go(imported):
    company, path = imported
    scrub.beside(path).unlink()

    list(company.erase("bob"))

    assert not [v for v in _values(path) if "of-bob" in v]
    assert "ann's-secret-price" in _values(path)


def test_whoever_is_known_from_bad_rows_alone_can_be_erased(imported):
    company, path = imported

    list(company.erase("eve"))

    assert "eves-price" not in path.read_text()
    assert len(_values(path)) == 5
    with pytest.raises(UnknownName):
        list(company.erase("nobody"))


def test_an_import_says_what_was_held_back_and_what_was_refused_beyond_bad_rows(tmp_path):
    file = tmp_path / "events.csv"
    file.write_text("mid,day,who,what\n" + "".join(f"m{n},2026-01-01,ann,{w}\n" for n in range(4) for w in ("a", "b")))
    mapping = read_mapping(
        'name = "app"\n[[signal]]\nkind = "event"\n[signal.columns]\nmessage_id = "mid"\noccurred_at = "day"\n'
        'person = "who"\nname = "what"\n'
    )
    with Workspace.open(tmp_path / "ws", given=Settings(buckets=1, held_items=3)) as company:
        *_, result = run_import(
            company.inbox, [file], mapping, rejects=company.root / "rejects", temporary=company.root / "spill"
        )

    assert (result.held_back, result.refused) == (3, 1)
    assert [note for note in result.notes if note.startswith("3 held back")]
    assert [note for note in result.notes if note.startswith("1 refused")]
