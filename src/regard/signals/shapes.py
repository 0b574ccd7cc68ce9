"""Columns of each kind of signal as Arrow schemas: as they are sent, and as they lie in the lake."""

from __future__ import annotations

import pyarrow as pa

from regard.signals.kinds import KINDS

TYPES = {
    "text": pa.string(),
    "number": pa.float64(),
    "whole": pa.int64(),
    "time": pa.timestamp("us", "UTC"),
    "truth": pa.bool_(),
}

MOMENT = pa.timestamp("us")
"""Times in the lake are UTC without a zone type."""

SENT: dict[str, pa.Schema] = {
    kind.name: pa.schema([(column.name, TYPES[column.type]) for column in kind.all_columns]) for kind in KINDS
}

ADDED = (
    ("position", pa.int64()),
    ("batch", pa.int32()),
    ("source", pa.string()),
    ("customer", pa.int64()),
    ("received_at", MOMENT),
    ("moved", pa.int32()),
)
"""What settling adds. ``moved`` numbers the settlement that last gave the row to another customer, else 0: a row that
moves is written again, and the one before is hidden."""

HIDDEN = pa.schema([("position", pa.int64()), ("moved", pa.int32())])
"""Rows that no longer stand: superseded by a newer version of their record, or written again for another customer."""

MERGES = pa.schema(
    [
        ("source", pa.int64()),
        ("target", pa.int64()),
        ("undo", pa.bool_()),
        ("position", pa.int64()),
        ("device", pa.bool_()),
    ]
)
"""Merges as folded, so that segments long settled need not be read for them again."""


def _settled(schema: pa.Schema) -> pa.Schema:
    own = [(field.name, MOMENT if pa.types.is_timestamp(field.type) else field.type) for field in schema]
    return pa.schema([*own, *ADDED])


SETTLED: dict[str, pa.Schema] = {name: _settled(schema) for name, schema in SENT.items()}

KNOWN = pa.schema(
    [
        ("hash", pa.int64()),
        ("space", pa.string()),
        ("id", pa.string()),
        ("first_at", MOMENT),
        ("last_at", MOMENT),
        ("rows", pa.int64()),
        ("kind", pa.string()),
    ]
)
"""Every id seen in a kind, and the times it was the one a row is known by."""

PAIRS = pa.schema([("person", pa.int64()), ("account", pa.int64()), ("position", pa.int64()), ("stated", pa.bool_())])
"""Person and account seen together: at the first position, or the last where a profile states it."""

FOLD = pa.schema([("source", pa.int64()), ("target", pa.int64())])

CUSTOMER = pa.schema(
    [
        ("customer", pa.int64()),
        ("id", pa.string()),
        ("name", pa.string()),
        ("kind", pa.string()),
        ("account", pa.int64()),
        ("account_id", pa.string()),
        ("partner", pa.string()),
        ("first_at", MOMENT),
        ("last_at", MOMENT),
        ("labels", pa.string()),
    ]
)

STANDING = pa.schema([("customer", pa.int64()), ("since", MOMENT), ("until", MOMENT), ("labels", pa.string())])

SQL_TYPES = {
    pa.string(): "VARCHAR",
    pa.float64(): "DOUBLE",
    pa.int64(): "BIGINT",
    pa.int32(): "INTEGER",
    pa.bool_(): "BOOLEAN",
    MOMENT: "TIMESTAMP",
}


def empty_select(schema: pa.Schema) -> str:
    """SQL of a table with these columns and no rows."""
    columns = ", ".join(f'CAST(NULL AS {SQL_TYPES[field.type]}) AS "{field.name}"' for field in schema)
    return f"SELECT {columns} WHERE FALSE"
