"""Ruff and mypy hold on the whole tree, as `make lint` runs them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent


def run(*command):
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout[-3000:] + result.stderr[-1000:]


def test_ruff_finds_nothing():
    assert run(BIN / "ruff", "check", "--no-cache", "src", "tests", "benchmarks") == (0, "All checks passed!\n")


def test_types_hold_strictly():
    code, told = run(BIN / "mypy")

    assert code == 0, told
