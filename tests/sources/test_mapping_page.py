"""docs/sources/mapping.md: every mapping it shows is run over the rows it shows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs/sources/mapping.md").read_text("utf-8")
EXAMPLE = re.compile(r"((?:```csv \S+\n.*?```\s+)+)```toml\n(.*?)```\s+Makes ([^.]+)\.", re.DOTALL)
EXAMPLES = EXAMPLE.findall(PAGE)


def test_every_mapping_of_the_page_is_an_example_that_runs():
    assert len(EXAMPLES) == PAGE.count("```toml")


@pytest.mark.parametrize(("files", "mapping", "makes"), EXAMPLES)
def test_an_example_makes_what_the_page_says(bring, written, files, mapping, makes):
    paths = [written(name, rows) for name, rows in re.findall(r"```csv (\S+)\n(.*?)```", files, re.DOTALL)]

    done, _ = bring(mapping, *paths)

    assert ", ".join(f"{n} {kind}" for kind, n in done.kinds.items()) == makes
    assert (done.bad, done.notes) == (0, ())
