"""Seals: the sum of a checksum of every row of state that is truth, so that what changed by itself is found.

SQLite keeps no checksums of its pages: a bit that flips and leaves a page well-formed is a digit of a count. Triggers
of each connection tell every row written and what it was before; the seal moves with them inside the same transaction.
On opening, all rows are summed again. The lists of the lake's files are left out: they have a seal of their own, and
are made again where it is broken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xxhash

from regard.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Table

SEAL = "seal"
DERIVED = {"generations", "lake_files", "generation_files", "leases", "looks"}
PASSING = {SEAL, "lake.seal", "erasing", "looked"}
"""Words of meta that are seals, are found again by looking, or must not outlive their act (ids of who is erased)."""

LIMIT = 1 << 128

Row = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True)
class Seal:
    """How many transactions changed the truth, and the sum of its rows' checksums."""

    number: int = 0
    total: int = 0

    @classmethod
    def of(cls, word: str) -> Seal:
        """From how it is kept; no word is no seal: number 0."""
        number, _, total = word.partition(" ")
        try:
            return cls(number=int(number), total=int(total, 16))
        except ValueError:
            return cls()

    def word(self) -> str:
        """How it is kept."""
        return f"{self.number} {self.total:032x}"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One row of the truth as it was (None: it was not) and as it is (None: it is gone)."""

    table: str
    old: Row | None
    new: Row | None


def truths() -> list[Table]:
    """The tables sealed, parents first."""
    return [table for table in tables.metadata.sorted_tables if table.name not in DERIVED]


def keys() -> dict[str, list[int]]:
    """Which columns are the key of each table sealed."""
    return {t.name: [n for n, c in enumerate(t.columns) if c.primary_key] for t in truths()}


def watch(connection: Any, seen: dict[Any, Any], changes: list[Change]) -> None:
    """Have a connection tell what it changes from now on; call it outside a transaction.

    Args:
        connection: SQLite's own connection.
        seen: A dictionary that lives as long as the connection.
        changes: Filled by the next transaction.
    """
    first = SEAL not in seen
    seen[SEAL] = changes

    def told(table: str, old: int, new: int, *values: Any) -> None:
        half = len(values) // (old + new)
        was, now = values[:half] if old else None, values[half * old :] if new else None
        seen[SEAL].append(Change(table=table, old=was, new=now))

    if first:
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA recursive_triggers = ON")  # a row replaced is a row deleted, too
        connection.create_function("regard_told", -1, told)
        for table in truths():
            for statement in _triggers(table):
                connection.execute(statement)


def _triggers(table: Table) -> Iterator[str]:
    for event, old, new in (("INSERT", 0, 1), ("UPDATE", 1, 1), ("DELETE", 1, 0)):
        values = [f'OLD."{c.name}"' for c in table.columns] * old + [f'NEW."{c.name}"' for c in table.columns] * new
        row = "NEW" if new else "OLD"
        when = f"WHEN {_is_truth(f'{row}.name')}" if table is tables.meta else ""
        name = f"told_{table.name}_{event}"
        yield (
            f'CREATE TEMP TRIGGER IF NOT EXISTS "{name}" AFTER {event} ON main."{table.name}" {when} '
            f"BEGIN SELECT regard_told('{table.name}', {old}, {new}, {', '.join(values)}); END"
        )


def _is_truth(name: str) -> str:
    passing = ", ".join(f"'{word}'" for word in sorted(PASSING))
    return f"{name} NOT IN ({passing})"


def moved(before: Seal, changes: list[Change]) -> Seal:
    """The seal after a transaction that changed something of the truth."""
    total = sum(_weight(c.table, c.new) - _weight(c.table, c.old) for c in changes)
    return Seal(number=before.number + 1, total=(before.total + total) % LIMIT)


def rows(connection: Connection) -> Iterator[tuple[str, Row]]:
    """Every row of the truth, with its table's name."""
    for table in truths():
        columns = ", ".join(f'"{column.name}"' for column in table.columns)
        where = f"WHERE {_is_truth('name')}" if table is tables.meta else ""
        for row in connection.exec_driver_sql(f'SELECT {columns} FROM "{table.name}" {where}'):
            yield table.name, tuple(row)


def summed(connection: Connection) -> int:
    """What the seal's total must be."""
    return sum(_weight(name, row) for name, row in rows(connection)) % LIMIT


def _weight(table: str, row: Row | None) -> int:
    return 0 if row is None else xxhash.xxh3_128_intdigest(repr((table, row)).encode())
