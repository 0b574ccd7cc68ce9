"""kill -9 at seeded steps: nothing acknowledged is lost, nothing counts twice, the outcomes add up."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from interrupted import acts_told, check

KILLS = int(os.environ.get("REGARD_KILLS", "12"))
CHILD = Path(__file__).with_name("killed.py")
STEPS = 520


@pytest.mark.parametrize("seed", range(KILLS))
def test_killed_at_a_seeded_step_nothing_is_lost_or_counted_twice(tmp_path, seed):
    root, told = tmp_path / "ws", tmp_path / "told"
    step = random.Random(1000 + seed).randrange(1, STEPS)
    child = subprocess.run(
        [sys.executable, str(CHILD), str(root), str(told), str(seed), str(step)], capture_output=True, check=False
    )
    acts = acts_told(told)
    assert child.returncode == -9 or acts[-1]["act"] == "end", child.stderr.decode()[-2000:]
    check(root, acts)
