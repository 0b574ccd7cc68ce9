"""Sources and their write keys: shown once, several at a time, taken back and let in again, each act in the record."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from regard.acts import acts
from regard.errors import BadInput, UnknownName
from regard.signals.workspace import Workspace
from regard.signals.writers import add_key, add_source, hash_of, restore_key, revoke_key


@pytest.fixture
def company(tmp_path):
    with Workspace.open(tmp_path / "workspace") as found:
        yield found


def test_a_new_key_works_beside_the_old_one_until_that_is_taken_back(company):
    old = add_source(company, name="shop", what="website")
    new = add_key(company, source="shop")

    assert company.source_of(old.write_key) == company.source_of(new.write_key) == "shop"
    revoke_key(company, key=old.id)
    assert company.source_of(old.write_key) is None
    assert company.source_of(new.write_key) == "shop"


def test_a_key_taken_back_by_mistake_opens_again_and_only_its_own_source(company):
    made, other = add_source(company, name="shop"), add_source(company, name="app")
    revoke_key(company, key=made.id)
    restore_key(company, key=made.id)

    assert company.source_of(made.write_key) == "shop"
    assert company.source_of(other.write_key) == "app"


def test_nothing_of_a_key_is_kept_but_its_hash_and_its_last_four_characters(company):
    made = add_source(company, name="shop")

    kept = (company.root / "state.sqlite").read_bytes() + (company.root / "state.sqlite-wal").read_bytes()
    assert made.write_key.encode() not in kept
    assert made.write_key.encode() not in b"".join(p.read_bytes() for p in (company.root / "inbox").iterdir())
    assert company.sources()[0]["keys"][0].ending == made.write_key[-4:]


def test_every_act_leaves_one_entry_and_names_what_undoes_it(company):
    made = add_source(company, name="shop", by="me")
    add_key(company, source="shop", by="me")
    revoke_key(company, key=made.id, by="me")
    restore_key(company, key=made.id, by="me")

    record = [(r["name"], r["by"], json.loads(r["arguments"])) for r in reversed(company.state.written_down())]
    assert [name for name, _, _ in record] == ["add_source", "add_key", "revoke_key", "restore_key"]
    assert {by for _, by, _ in record} == {"me"}
    assert record[2][2] == {"source": "shop", "key": made.id}
    assert acts()["revoke_key"].undone_by == "restore_key"
    assert "rk_" not in json.dumps(record)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 81])
def test_a_name_that_is_none_is_refused(company, name):
    with pytest.raises(BadInput):
        add_source(company, name=name)
    assert company.sources() == []


def test_what_does_not_exist_or_is_so_already_is_told_and_changes_nothing(company):
    made = add_source(company, name="shop")
    with pytest.raises(BadInput, match="already"):
        add_source(company, name="shop")
    with pytest.raises(BadInput, match="already"):
        restore_key(company, key=made.id)
    with pytest.raises(UnknownName, match="shop"):
        add_key(company, source="shoop")
    with pytest.raises(UnknownName):
        revoke_key(company, key=4711)
    with pytest.raises(BadInput, match="no kind of source"):
        add_source(company, name="other", what="toaster")
    assert len(company.state.written_down()) == 1


LATER = ("alerts", "looks", "alert_events", "alert_answers", "receivers", "outbox")
"""Tables that migrations after 0004 made."""


def test_a_key_of_an_earlier_version_still_opens_its_source(tmp_path):
    with Workspace.open(tmp_path / "workspace") as company:
        made, gone = add_source(company, name="shop"), add_source(company, name="old")
        hashed = hash_of(made.write_key)
    plain = sqlite3.connect(tmp_path / "workspace" / "state.sqlite")
    with closing(plain), plain:
        plain.executescript(
            f"{' '.join(f'DROP TABLE {name};' for name in LATER)} "
            "DROP INDEX segments_by_end; ALTER TABLE segments DROP COLUMN positions; DROP TABLE write_keys; ALTER TABLE sources DROP COLUMN what; "
            "ALTER TABLE sources ADD COLUMN write_key_hash VARCHAR NOT NULL DEFAULT ''; "
            f"UPDATE sources SET write_key_hash = '{hashed}' WHERE name = 'shop'; "
            "UPDATE alembic_version SET version_num = '0002'"
        )

    with Workspace.open(tmp_path / "workspace") as company:
        assert company.source_of(made.write_key) == "shop"
        assert company.source_of(gone.write_key) is None
        assert [(s["name"], s["open"]) for s in company.sources()] == [("old", False), ("shop", True)]
        assert company.source_of(add_key(company, source="old").write_key) == "old"
    with Workspace.open(tmp_path / "workspace") as company:
        assert company.source_of(made.write_key) == "shop"
