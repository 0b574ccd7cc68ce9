"""A workspace whose one detector says what the test tells it to."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from raising import Watched

from regard.signals.ask import View
from regard.signals.kinds import KINDS


@pytest.fixture
def watched(tmp_path):
    made = []
    nothing = View(connection=None, _counts={kind.name: 0 for kind in KINDS})

    def make(**more):
        made.append(Watched(tmp_path / "ws", nothing, **more))
        return made[-1]

    yield make
    for each in made:
        each.workspace.close()
