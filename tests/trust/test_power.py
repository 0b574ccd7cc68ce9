"""The power goes at seeded moments: what was not flushed is lost, in part or whole; what was acknowledged is not."""

from __future__ import annotations

import random
import shutil
import sys
from collections import Counter
from pathlib import Path

import pytest
from faults import built, traced
from interrupted import acts_told, check

STORE = Path(__file__).parents[1] / "store"


def _moments(trace, chance, count):
    """Half of them right after something was told to the world outside, the moment it must hold."""
    told = [n for n, step in enumerate(trace.steps) if step[0] == "write" and b'"act"' in step[3][:8]]
    after = [chance.choice(told) + 1 for _ in range(count // 2)]
    return after + [chance.randrange(len(trace.steps) + 1) for _ in range(count - len(after))]


@pytest.mark.slow
@pytest.mark.promise("power")
@pytest.mark.parametrize("seed", [3, 5, 8])
def test_when_the_power_goes_nothing_acknowledged_is_lost(tmp_path_factory, tmp_path, full, seed, record_property):
    if not full and seed != 3:
        pytest.skip("in full only")
    library = built(tmp_path_factory.getbasetemp())
    home = tmp_path / "disk"
    home.mkdir()
    words = (sys.executable, STORE / "killed.py", home / "ws", home / "told", seed, 10**9)
    trace = traced(library, home, words, tmp_path / "trace")
    chance, done = random.Random(seed), Counter()
    for number, upto in enumerate(_moments(trace, chance, 100 if full else 8)):
        image = tmp_path / f"image-{number}"
        image.mkdir()
        trace.write_image(image, upto, number if number % 3 else None, everything=("told",))
        try:
            acts = acts_told(image / "told")
            check(image / "ws", acts)
        except Exception as error:
            raise AssertionError(f"seed {seed}, moment {upto}, image {number}: {error!r}") from error
        done[acts[-1]["act"] if acts else "nothing"] += 1
        shutil.rmtree(image)
    told = ", ".join(f"{n} after {name}" for name, n in sorted(done.items()))
    record_property("found", f"{sum(done.values())} moments ({told}): 0 lost, 0 twice")
