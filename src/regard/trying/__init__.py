"""What one file can answer, with nothing set up: `regard try`, and the same from Python.

>>> from regard import trying
>>> trying.scores("answers.csv", score="nps").answer
>>> trying.scores(data_frame, score="nps", by="plan").rows

Every trial takes a path (CSV, Excel, JSON Lines, Parquet), a pandas or polars data frame, an Arrow table, or a mapping
of arrays. A trial is read when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from regard.trying.trials import NAMES, Check, Trial, find, known

if TYPE_CHECKING:
    from regard.trying.churn import churn
    from regard.trying.drivers import drivers
    from regard.trying.effect import effect
    from regard.trying.experiment import experiment
    from regard.trying.journey import journey
    from regard.trying.paths import paths
    from regard.trying.priorities import priorities
    from regard.trying.proof import proof
    from regard.trying.scores import scores
    from regard.trying.series import series
    from regard.trying.subset import subset
    from regard.trying.value import value

__all__ = [
    "NAMES", "Check", "Trial", "churn", "drivers", "effect", "experiment", "find", "journey", "known", "paths",
    "priorities", "proof", "scores", "series", "subset", "value",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """A trial by name; its stem is callable."""
    if name in NAMES:
        return importlib.import_module(f"regard.trying.{name}")
    raise AttributeError(f"module 'regard.trying' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *known()])
