"""An existing Spark cluster that scans the steps of customers: one bucket a task, the same kernels, the same answers.

A task opens the file of its bucket, where base and runs of the lake are already merged per customer, so no customer is
ever split between tasks, and nothing is shuffled. What travels is the address of the file, the masks of the scope and
the counts found. The results are put together here, as those of this machine's threads are.
"""

from __future__ import annotations

import os
import sys
import threading
from itertools import groupby
from typing import TYPE_CHECKING, Any

from regard.errors import BadInput, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from regard.steps.pieces import Piece

NEEDS = "Its workers need Java, Python with Regard as here, and the workspace under the same path."
_SESSION = threading.Lock()


class Cluster:
    """Works on pieces of steps at a Spark cluster; stands where `Steps.elsewhere` is.

    Args:
        master: Its address, such as ``spark://host:7077``; ``local[2]`` takes two threads of this machine.
    """

    def __init__(self, master: str) -> None:
        self.master = master

    def __call__(self, work: Callable[[Piece], Any], cut: Sequence[Piece]) -> list[Any]:
        """The results of some work on each piece, in order; the pieces of one slice are one task.

        Raises:
            BadInput: Spark is not installed here.
            Refusal: The cluster cannot be reached, or a worker could not do its task.
        """
        tasks = [list(pieces) for _, pieces in groupby(cut, key=lambda piece: piece.slice)]
        spark = self._context()

        def done(task: list[Piece]) -> list[Any]:
            return [work(piece) for piece in task]

        try:
            found = spark.parallelize(tasks, len(tasks)).map(done).collect()
        except Exception as error:
            raise Refusal(
                f"The cluster {self.master} could not compute this: {_told(error)}",
                hint=f"{NEEDS} Without REGARD_CLUSTER the question is computed on this machine.",
            ) from error
        return [result for task in found for result in task]

    def _context(self) -> Any:
        """The session's context, begun by the first question of a process and kept until it ends."""
        try:
            from pyspark import SparkConf, SparkContext
        except ImportError as error:
            raise BadInput(
                f"REGARD_CLUSTER is {self.master}, and Spark is not installed here.",
                where="REGARD_CLUSTER",
                hint="Install it: pip install 'regard[cluster]'",
            ) from error
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        wanted = SparkConf().setAppName("Regard").setMaster(self.master).setIfMissing("spark.log.level", "ERROR")
        wanted = wanted.setIfMissing("spark.ui.showConsoleProgress", "false").setIfMissing("spark.ui.enabled", "false")
        with _SESSION:
            try:
                return SparkContext.getOrCreate(wanted)
            except Exception as error:
                raise Refusal(
                    f"The cluster {self.master} cannot be reached: {_told(error)}",
                    hint=f"Is it up, and is Java installed here? {NEEDS}",
                ) from error


def _told(error: Exception) -> str:
    """The one line of a long error that says what went wrong: the last of Python's, else the first there is."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    ours = [line for line in lines if line.partition(":")[0].endswith(("Error", "Damaged", "Exception"))]
    return (ours[-1] if ours else lines[0] if lines else type(error).__name__)[:300]
