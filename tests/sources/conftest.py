"""What tests of sources share: an intake in memory, and an import from a mapping and files written by the test."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from regard.sources.importing import Imported, run_import
from regard.sources.limits import LIMITS
from regard.sources.mapping import read_mapping

DATA = Path(__file__).parents[2] / "../shared/data"


@dataclass
class Memory:
    """An intake that keeps what it is given."""

    id: int = 1
    tables: dict = field(default_factory=lambda: defaultdict(list))
    received: int = 0
    refused: int = 0
    begun: dict = field(default_factory=dict)

    def begin(self, *, source, files, mapping):
        self.begun = {"source": source, "files": list(files), "mapping": mapping}
        return self

    def append(self, kind, table, *, refused=0):
        self.tables[kind].append(table)
        self.received += table.num_rows + refused
        self.refused += refused

    def finish(self):
        return SimpleNamespace(
            received=self.received,
            stored=self.received - self.refused,
            duplicate=0,
            held_back=0,
            refused=self.refused,
        )

    def rows(self, kind):
        tables = [t for t in self.tables[kind] if t.num_rows]
        return pa.concat_tables(tables, promote_options="default").to_pylist() if tables else []


@pytest.fixture
def bring(tmp_path):
    """A function: mapping text and files → what the import did, and the intake."""

    def run(mapping, *files, limits=LIMITS):
        intake = Memory()
        chosen = read_mapping(mapping) if isinstance(mapping, str) else mapping
        *steps, result = run_import(
            intake, files, chosen, rejects=tmp_path / "rejects", temporary=tmp_path / "passing", limits=limits
        )
        assert isinstance(result, Imported)
        assert steps[-1].bytes_read == steps[-1].bytes_total
        return result, intake

    return run


@pytest.fixture
def written(tmp_path):
    """A function: name and content (text or bytes) → path of the file written."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def data():
    """A function: name of a public data set → its files, or the test is skipped."""

    def files(name, pattern="*.csv*"):
        directory = DATA / name
        if not directory.exists():
            pytest.skip(f"the data set {name} is not beside the project")
        return sorted(directory.glob(pattern))

    return files
