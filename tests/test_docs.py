"""The docs cannot drift: the reference is what the code says, and every command in the docs exists."""

import importlib.util
import re
from pathlib import Path

import click
import pytest

from regard.cli import regard

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
        if not isinstance(current, click.Group):
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
