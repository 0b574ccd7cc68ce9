"""The rules of the house, held by tests rather than by memory."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "regard"
MODULES = sorted(SOURCE.rglob("*.py"))
VAGUE = re.compile(r"manager|service|handler|processor|utils?$|helpers?$|^common$|^base$|^core$", re.IGNORECASE)


def functions(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def body_lines(node):
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_imports_go_down_only_and_siblings_stay_apart():
    tool = Path(sys.executable).with_name("lint-imports")

    result = subprocess.run([tool, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout[-3000:]


def test_no_function_body_is_longer_than_forty_lines():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {body_lines(node)}"
        for path in MODULES
        for node in functions(path)
        if body_lines(node) > 40
    ]

    assert long == []


def test_no_module_is_longer_than_four_hundred_code_lines():
    def code_lines(path):
        text = path.read_text("utf-8")
        prose = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ) and ast.get_docstring(node):
                prose |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
        lines = enumerate(text.splitlines(), start=1)
        return sum(1 for n, line in lines if n not in prose and line.strip() and not line.strip().startswith("#"))

    assert [(str(p.relative_to(ROOT)), n) for p in MODULES if (n := code_lines(p)) > 400] == []


def test_no_module_or_class_is_named_after_nothing():
    names = [p.stem for p in MODULES]
    for path in MODULES:
        names += [n.name for n in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(n, ast.ClassDef)]

    assert [n for n in names if VAGUE.search(n)] == []


def test_no_package_import_hides_inside_a_function_unless_it_is_heavy():
    hidden = []
    for path in MODULES:
        if (
            path.name
            in {
                "alerting.py",
                "cli.py",
                "keeping.py",
                "bringing.py",
                "holding.py",
                "sourcing.py",
                "terminal.py",
                "tryouts.py",
                "__init__.py",
            }
            or path.parts[-2] == "web"
        ):
            continue  # commands and pages start fast by importing what they need when they need it
        for function in functions(path):
            for node in ast.walk(function):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("regard"):
                    hidden.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.module}")

    assert hidden == []


def test_rooms_statistics_and_store_never_print_or_log():
    quiet = ("customers", "journey", "leadership", "listening", "statistics", "store", "figures", "signals", "report")
    loud = []
    for path in MODULES:
        if path.relative_to(SOURCE).parts[0] not in quiet:
            continue
        text = path.read_text("utf-8")
        loud += [str(path.relative_to(ROOT)) for _ in re.findall(r"^\s*print\(|^import logging", text, re.MULTILINE)]

    assert loud == []


def test_the_tree_in_architecture_is_the_tree_on_disk():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    told = set(re.findall(r"^(?:├──|└──|│   ├──|│   └──)? ?([a-z_]+(?:/|\.py))\s", text, re.MULTILINE))
    on_disk = {p.name + "/" for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    on_disk |= {p.name for p in SOURCE.glob("*.py") if p.name != "__init__.py"}

    assert on_disk <= told, f"ARCHITECTURE.md does not tell of {sorted(on_disk - told)}"
    assert {t for t in told if (t.endswith(".py") and not (SOURCE / t).exists())} == set()


def test_no_file_names_a_machine_or_a_path_of_it():
    result = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.skip("not a git checkout")
    words = re.compile(r"(?<![\w.])/work" + "/|farm" + "-|\\.library" + "|/root" + "/")
    found = []
    for name in result.stdout.split():
        path = ROOT / name
        if path.name != "test_house.py" and path.is_file() and path.suffix not in {".png", ".svg", ".lock"}:
            found += [name for _ in words.findall(path.read_text("utf-8", errors="ignore"))]

    assert found == []


def test_locks_hold_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    locked = (ROOT / "requirements.lock").read_text("utf-8").lower()

    for text in project["project"]["dependencies"]:
        name = re.split(r"[<>=]", text)[0].strip().lower()
        assert re.search(rf"^{re.escape(name)}==", locked, re.MULTILINE), f"{name} is not locked"


def declared():
    """The distributions that come with an installation: those declared and what they require in turn."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    found = set()
    while wanted:
        name = re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~;! (]", wanted.pop().lower())[0])
        if name not in found:
            found.add(name)
            with suppress(PackageNotFoundError):
                wanted = [*wanted, *(line for line in requires(name) or [] if "extra ==" not in line)]
    return found


def test_every_module_loads_with_what_is_declared_alone():
    known = declared()
    others = {
        module
        for module, owners in packages_distributions().items()
        if module != "regard" and not {re.sub(r"[-_.]+", "-", owner.lower()) for owner in owners} & known
    }
    code = (
        "import importlib, sys\n"
        f"others = {others!r}\n"
        "class Refused:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in others: raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Refused())\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
    )
    names = [
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
        for path in MODULES
        if "migrations" not in path.parts  # alembic's own, run by it alone
    ]

    result = subprocess.run([sys.executable, "-c", code, *names], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stderr[-800:]
