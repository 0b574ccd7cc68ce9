"""The intake does what its OpenAPI document says, and refuses what it does not: schemathesis, every check, signed in."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "intake"))

from taken import running

SEED = "7"


@pytest.mark.slow
@pytest.mark.promise("contract")
def test_the_intake_takes_what_its_document_allows_and_nothing_else(tmp_path, full, record_property):
    """Every check there is: what the document forbids is refused, what it allows is taken, in sequences, too."""
    tool = Path(sys.executable).with_name("schemathesis")
    if not tool.exists():
        pytest.skip("no schemathesis here")
    with running(tmp_path / "workspace") as served:
        command = [
            tool, "run", f"{served.address}/openapi.json", "--checks", "all", "--max-examples", "100" if full else "5",
            "--seed", SEED, "--header", f"Authorization: Bearer {served.key}", "--suppress-health-check", "all",
            "--no-color", "--phases", "examples,coverage,fuzzing,stateful" if full else "coverage,fuzzing",
        ]  # fmt: skip
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=1800, check=False)
        ledger = served.ledger("app")

    assert done.returncode == 0, re.sub(r"\n{2,}", "\n", done.stdout[-6000:])
    assert ledger["stored"] > 0
    operations = re.search(r"Tested: (\d+)", done.stdout)[1]
    cases = re.search(r"([\d,]+) generated", done.stdout)[1]
    record_property("found", f"{operations} operations, {cases} requests, seed {SEED}: 0 failures")
