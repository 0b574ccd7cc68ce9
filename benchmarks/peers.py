"""Other people's libraries, in an environment of their own (`make peers`), asked in a process of their own.

A peer's script reads its input from the `.npz` file named by its first argument and prints one JSON object as its last
line: `seconds` (of the work alone, imports and reading left out) and `answer`.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-peers/bin/python"
START = """
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
given = dict(np.load(sys.argv[1], allow_pickle=False))
def told(seconds, answer):
    print(json.dumps({"seconds": seconds, "answer": answer}))
"""
"""What every script begins with: its input as `given`, and `told(seconds, answer)` to end with."""


class NoPeers(RuntimeError):
    """The peers' environment was not made."""


def ask(script: str, *, timeout: float = 1800, **given: object) -> dict:
    """Run a peer's script on arrays; returns its `seconds` and `answer`.

    Raises:
        NoPeers: `make peers` was not run.
        RuntimeError: The script failed; with the end of what it said.
    """
    if not PYTHON.exists():
        raise NoPeers("no .venv-peers; run: make peers")
    with tempfile.TemporaryDirectory() as where:
        path = Path(where) / "given.npz"
        np.savez(path, **{name: np.asarray(value) for name, value in given.items()})
        done = subprocess.run(
            [PYTHON, "-c", START + script, path], capture_output=True, text=True, timeout=timeout, check=False,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
        )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.strip().splitlines()[-1])
