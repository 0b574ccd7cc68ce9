"""What every trial's tests share: the small files of the examples, and the trials that are there."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv

HERE = Path(__file__).parent


@dataclass
class Example:
    """What ``example_<trial>.py`` says of a trial.

    FILES: file name to a function that makes its rows as an Arrow table; the docs' commands run on these.
    FILE: the one the battery asks about. OPTIONS: how it asks. NUMBER: the option whose column must hold numbers.
    """

    name: str
    file: str
    options: dict
    number: str
    files: dict = field(default_factory=dict)

    @property
    def table(self) -> pa.Table:
        return self.files[self.file]()


def examples():
    found = {}
    for path in sorted(HERE.glob("example_*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        name = path.stem.removeprefix("example_")
        found[name] = Example(name, module.FILE, module.OPTIONS, module.NUMBER, module.FILES)
    return found


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """A directory with every example's files."""
    where = tmp_path_factory.mktemp("files")
    for example in examples().values():
        for name, make in example.files.items():
            csv.write_csv(make(), where / name)
    return where
