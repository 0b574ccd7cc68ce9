"""The made-up company as a stream of chunks, and the small one that tests use as their example."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from regard.simulation.blocks import ORDER, Block, blocks
from regard.simulation.truth import UNTIL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

ROWS = 200_000
"""Rows of a chunk at most."""


class Chunk(NamedTuple):
    """Signals of one kind: a table with columns of that kind."""

    kind: str
    table: pa.Table


def simulate(*, signals: int, seed: int, until: date = UNTIL) -> Iterator[Chunk]:
    """The signals of the company, in chunks; the same for the same arguments.

    Args:
        signals: How many rows in all, 1,000 or more; one bakery for every 250.
        seed: Seed of everything random.
        until: Day after the last one; the history is 670 days long.

    Raises:
        BadInput: Fewer than 1,000 signals are asked for.
    """
    for block in blocks(signals=signals, seed=seed, until=until):
        yield from cut(block)


def cut(block: Block, *, rows: int = ROWS) -> Iterator[Chunk]:
    """The block's tables, none longer than `rows`."""
    for kind in ORDER:
        table = block.tables[kind]
        for start in range(0, table.num_rows, rows):
            yield Chunk(kind, table.slice(start, rows))


@cache
def sample() -> dict[str, pa.Table]:
    """The example company of the tests: 20,000 signals, seed 7, one table per kind."""
    found: dict[str, list[pa.Table]] = {}
    for kind, table in simulate(signals=20_000, seed=7):
        found.setdefault(kind, []).append(table)
    return {kind: pa.concat_tables(tables).combine_chunks() for kind, tables in found.items()}
