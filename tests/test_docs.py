"""The docs cannot drift: the reference is what the code says, and every command in the docs exists."""

import importlib.util
import re
import shlex
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from regard.cli import ROOM_HELP, regard
from regard.errors import RegardError
from regard.signals.workspace import Workspace
from regard.simulation import run_simulation

DOCS = Path(__file__).parents[1] / "docs"
ROOT = DOCS.parent
PAGES = sorted(
    p
    for p in [ROOT / "README.md", *DOCS.rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
    if "reference" not in p.parts and "decisions" not in p.parts
)


def build():
    spec = importlib.util.spec_from_file_location("docs_build", DOCS / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.build()


def test_the_reference_is_what_the_code_says():
    stale = [
        name
        for name, text in build().items()
        if not (DOCS / "reference" / name).exists() or (DOCS / "reference" / name).read_text("utf-8") != text
    ]

    assert stale == [], "run: make docs"


def command(words):
    current, context = regard, click.Context(regard)
    for word in words:
        if not isinstance(current, click.Group) or (word.startswith("-") and current.invoke_without_command):
            return current
        current = current.get_command(context, word)
        if current is None:
            return None
    return current


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_command_a_page_shows_exists(page):
    unknown = []
    for line in re.findall(r"^(?:\$ )?(?:\.venv/bin/)?regard ([a-z][^\n#]*)", page.read_text("utf-8"), re.MULTILINE):
        words = line.split()
        found = command(words)
        options = {o for p in (found.params if found else []) for o in p.opts}
        used = {w.split("=")[0] for w in words if re.match(r"^--?[a-z]", w)}
        if found is None or used - options - {"--help", "-h"}:
            unknown.append(line)

    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    broken = [t for t in targets if not re.match(r"[a-z]+:", t) and not (page.parent / t).exists()]

    assert broken == []


ASKED = "|".join([*ROOM_HELP, "report", "questions", "ledger", "held", "batches", "declare"])
COMMAND = re.compile(rf"^ *(?:\$ )?(?:\.venv/bin/)?regard ((?:{ASKED})\b[^\n#]*)", re.MULTILINE)
SHOWN = [
    (page, line.strip())
    for page in PAGES
    if "examples" not in page.parts
    for line in COMMAND.findall(page.read_text("utf-8"))
    if not set("<>…[") & set(line) and "--from" not in line
]


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The made-up company, through the front door."""
    where = tmp_path_factory.mktemp("example") / "workspace"
    with Workspace.open(where) as company:
        for _ in run_simulation(company, signals=20_000, seed=7):
            pass
        for _ in company.settle():
            pass
    return where


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=lambda x: x.name if isinstance(x, Path) else x)
def test_every_question_a_page_asks_is_answered(page, line, example, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = shlex.split(line)
    if "-w" in words:
        del words[words.index("-w") : words.index("-w") + 2]
    name = words[words.index("--id") + 1] if "--id" in words else ""
    if name:
        with Workspace.open(example) as company, company.connect() as (connection, _):
            words[words.index("--id") + 1] = connection.execute("SELECT min(id) FROM lake_customer").fetchone()[0]

    if words[0] == "held":  # each of the page's lines goes on from the one before it
        example = Path(shutil.copytree(example, tmp_path / "own"))
        for before in [text for where, text in SHOWN[: SHOWN.index((page, line))] if where == page]:
            CliRunner().invoke(regard, [*shlex.split(before), "-w", str(example)])

    result = CliRunner().invoke(regard, [*words, "-w", str(example)])

    if isinstance(result.exception, RegardError):
        assert "--where" in words or "--by" in words, str(result.exception)  # the page cuts by its own company's labels
    else:
        assert result.exit_code in {0, 3}, result.output
        assert result.output.strip()


def test_the_python_of_the_readme_runs(example, monkeypatch, capsys):
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)[1]
    monkeypatch.chdir(example.parent)

    exec(compile(code.replace('"regard-workspace"', '"workspace"'), "README.md", "exec"), {})  # noqa: S102 it is ours

    assert capsys.readouterr().out.strip()
