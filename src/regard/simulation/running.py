"""The made-up company on its way into a workspace: through the same door as anyone's data, its truth beside it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow.parquet as pq

from regard.simulation.blocks import blocks
from regard.simulation.chunks import cut
from regard.simulation.company import declarations
from regard.simulation.planting import together
from regard.simulation.truth import UNTIL, truth
from regard.simulation.voice import FACTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from pathlib import Path

    from numpy.typing import NDArray

    from regard.signals.workspace import Workspace
    from regard.simulation.blocks import Block
    from regard.simulation.plants import Plant, Plants

TRUTH, ACCOUNTS = "truth.json", "truth-accounts.parquet"
"""Files of the truth in the workspace's directory."""


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """How far it is: signals done of signals to do, how many a second, seconds left."""

    what: str
    done: int
    total: int
    rate: float
    left: float


@dataclass(kw_only=True)
class Kept:
    """Blocks on their way through: keeps the truth of their accounts and counts what was sent."""

    path: Path
    sent: dict[str, int] = field(default_factory=dict)
    repeated: int = 0
    contradicting: int = 0
    points: NDArray[np.float64] | None = None
    planted: list[Plant] = field(default_factory=list)
    added: int = 0

    def passing(self, made: Iterator[Block]) -> Iterator[Block]:
        """The same blocks; the accounts' truth is written as they pass."""
        with ExitStack() as stack:
            writer: pq.ParquetWriter | None = None
            for block in made:
                if writer is None:
                    writer = stack.enter_context(pq.ParquetWriter(self.path, block.accounts.schema, compression="zstd"))
                writer.write_table(block.accounts)
                for kind, table in block.tables.items():
                    self.sent[kind] = self.sent.get(kind, 0) + table.num_rows
                self.repeated += block.repeated
                self.contradicting += block.contradicting
                self.planted += block.planted
                self.added += block.added
                self.points = block.points if self.points is None else self.points + block.points
                yield block

    def spread(self) -> dict[str, float]:
        """Standard deviation of the points of each fact over all relationship answers, largest first."""
        if self.points is None or not self.points[0].all():
            return {}
        number, total, squares = self.points
        spread = np.sqrt(np.maximum(squares / number - (total / number) ** 2, 0.0))
        order = np.argsort(-spread, kind="stable")
        return {FACTS[place]: round(float(spread[place]), 4) for place in order}


def run_simulation(
    workspace: Workspace, *, signals: int, seed: int, until: date = UNTIL, plants: Plants | None = None
) -> Iterator[Simulated]:
    """Fill a workspace with the made-up company; yields how far it is after each chunk.

    Declares the company, sends its signals as one batch of the source ``simulation``, and writes ``truth.json`` and
    ``truth-accounts.parquet`` into the workspace's directory. What is planted comes in rows of its own.

    Raises:
        BadInput: Fewer than 1,000 signals are asked for.
        Busy: Another process kept the inbox too long.
    """
    kept = Kept(path=workspace.root / ACCOUNTS)
    started, done = time.monotonic(), 0
    made = cut(kept.passing(blocks(signals=signals, seed=seed, until=until, plants=plants)))
    chunks = chain([next(made)], made)  # the first one is made before anything is written: a refusal leaves no trace
    workspace.declare(declarations(planted=plants is not None), by="simulation")
    batch = workspace.inbox.begin(source="simulation", files=[f"made up: {signals} signals, seed {seed}"])
    for kind, table in chunks:
        batch.append(kind, table)
        done += table.num_rows
        yield _progress(done, max(signals, done), started)
    batch.finish()
    known = truth(signals=signals, seed=seed, until=until)
    told = msgspec.structs.replace(
        known,
        sent=kept.sent,
        repeated=kept.repeated,
        contradicting=kept.contradicting,
        spread=kept.spread(),
        accounts_file=ACCOUNTS,
        plants=together(kept.planted),
        added=kept.added,
    )
    (workspace.root / TRUTH).write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
    yield _progress(done, done, started)


def _progress(done: int, total: int, started: float) -> Simulated:
    rate = done / max(time.monotonic() - started, 1e-9)
    left = (total - done) / rate if rate else 0.0
    return Simulated(what="making up signals", done=done, total=total, rate=rate, left=max(left, 0.0))
