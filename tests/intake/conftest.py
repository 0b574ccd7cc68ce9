"""What tests of the intake share: a running one, and the official packages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from packages import install
from taken import running


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """An intake shared by the tests of a module."""
    with running(tmp_path_factory.mktemp("served") / "workspace") as found:
        yield found


def _starting(directory, opened):
    def start(**limits):
        environment = {f"REGARD_LIMIT_{name.upper()}": str(value) for name, value in limits.items()}
        context = running(directory / f"workspace-{len(opened)}", **environment)
        opened.append(context)
        return context.__enter__()

    return start


@pytest.fixture
def run_intake(tmp_path):
    """A function that starts an intake of the test's own, with the limits given."""
    opened = []
    yield _starting(tmp_path, opened)
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def run_for_all(tmp_path_factory):
    """The same, for all tests of a module."""
    opened = []
    yield _starting(tmp_path_factory.mktemp("for-all"), opened)
    for context in opened:
        context.__exit__(None, None, None)


@pytest.fixture(scope="session")
def npm_packages():
    """The directory of the official npm packages."""
    found, why = install()
    if found is None:
        pytest.skip(why)
    return found
