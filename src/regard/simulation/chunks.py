"""The made-up company as a stream of chunks, and the small one that tests use as their example."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from regard.simulation.blocks import ORDER, blocks
from regard.simulation.truth import UNTIL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from regard.simulation.blocks import Block
    from regard.simulation.plants import Plants

ROWS = 200_000
"""Rows of a chunk at most."""


class Chunk(NamedTuple):
    """Signals of one kind: a table with columns of that kind."""

    kind: str
    table: pa.Table


def simulate(
    *, signals: int, seed: int, until: date = UNTIL, rows: int = ROWS, plants: Plants | None = None
) -> Iterator[Chunk]:
    """The signals of the company, in chunks; the same for the same arguments.

    Args:
        signals: How many rows in all, 1,000 or more; one bakery for every 250.
        seed: Seed of everything random.
        until: Day after the last one; the history is 670 days long.
        rows: Rows of a chunk at most; how it is cut changes nothing in what each kind holds, nor in which order.
        plants: What is planted beside it, in rows of its own; empty: nothing.

    Raises:
        BadInput: Fewer than 1,000 signals are asked for.
    """
    return cut(blocks(signals=signals, seed=seed, until=until, plants=plants), rows=rows)


def cut(made: Iterable[Block], *, rows: int = ROWS) -> Iterator[Chunk]:
    """The tables of these blocks as chunks of `rows`, kind by kind; what is left of each kind comes last."""
    waiting: dict[str, list[pa.Table]] = {kind: [] for kind in ORDER}
    for block in made:
        for kind in ORDER:
            waiting[kind].append(block.tables[kind])
            while sum(table.num_rows for table in waiting[kind]) >= rows:
                whole = pa.concat_tables(waiting[kind], promote_options="default")
                waiting[kind] = [whole.slice(rows)]
                yield Chunk(kind, whole.slice(0, rows).combine_chunks())
    for kind, tables in waiting.items():
        rest = pa.concat_tables(tables, promote_options="default").combine_chunks()
        if rest.num_rows:
            yield Chunk(kind, rest)


@cache
def sample() -> dict[str, pa.Table]:
    """The example company of the tests: 20,000 signals, seed 7, one table per kind."""
    found: dict[str, list[pa.Table]] = {}
    for kind, table in simulate(signals=20_000, seed=7):
        found.setdefault(kind, []).append(table)
    return {kind: pa.concat_tables(tables).combine_chunks() for kind, tables in found.items()}
