"""Every command and every Python example of the pages about `regard try` is run, on the examples' small files."""

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from regard.cli import regard

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS.parent / "README.md", DOCS / "try.md", *sorted((DOCS / "try").glob("*.md"))]
COMMANDS = [
    (page, line)
    for page in PAGES
    for line in re.findall(r"^(?:\$ )?(?:\.venv/bin/)?regard (try [^\n#]*)", page.read_text("utf-8"), re.MULTILINE)
    if "--help" not in line and "FILE" not in line
]
PYTHON = [
    (page, code)
    for page in PAGES[1:]
    for code in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
]


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=lambda x: x.name if isinstance(x, Path) else x)
def test_every_command_of_the_page_is_answered(page, line, files, tmp_path, monkeypatch):
    for file in files.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(regard, shlex.split(line))

    assert result.exit_code in {0, 3}, result.output or result.exception
    assert result.output.strip()


@pytest.mark.parametrize(("page", "code"), PYTHON, ids=lambda x: x.name if isinstance(x, Path) else "code")
def test_every_python_example_runs(page, code, files, monkeypatch):
    monkeypatch.chdir(files)

    exec(compile(code, page.name, "exec"), {})  # noqa: S102 it is ours
