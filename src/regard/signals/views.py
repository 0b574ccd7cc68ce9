"""A DuckDB connection over one generation of the lake: a view per kind, customers and their standings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb

from regard.signals.shapes import CUSTOMER, SETTLED, STANDING, empty_select

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from regard.store.lake import Generation, Lake, LakeFile


def connect(*, memory: str, threads: int, spill: Path) -> duckdb.DuckDBPyConnection:
    """An empty DuckDB within the settings' bounds, that keeps file metadata between statements."""
    connection = duckdb.connect()
    connection.execute(f"SET memory_limit = '{memory}'")
    if threads:
        connection.execute(f"SET threads = {int(threads)}")
    connection.execute(f"SET temp_directory = '{_escaped(spill)}'")
    connection.execute("SET enable_progress_bar = false")  # standard output belongs to answers
    connection.execute("SET parquet_metadata_cache = true")
    connection.execute("SET preserve_insertion_order = false")
    return connection


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")


def read(lake: Lake, files: Sequence[LakeFile], schema: pa.Schema) -> str:
    """SQL that reads files of one shape; typed and empty where there are none."""
    if not files:
        return empty_select(schema)
    listed = ", ".join(f"'{_escaped(lake.path(f))}'" for f in files)
    columns = ", ".join(f'"{field.name}"' for field in schema)
    return f"SELECT {columns} FROM read_parquet([{listed}])"


def standing_rows(lake: Lake, files: Sequence[LakeFile], hidden: Sequence[LakeFile], schema: pa.Schema) -> str:
    """SQL of the rows that stand: those of the files, less hidden ones."""
    rows = read(lake, files, schema)
    if not hidden:
        return rows
    gone = ", ".join(f"'{_escaped(lake.path(f))}'" for f in hidden)
    return (
        f"SELECT r.* FROM ({rows}) AS r "
        f"ANTI JOIN (SELECT position, moved FROM read_parquet([{gone}])) AS h USING (position, moved)"
    )


def make_views(connection: duckdb.DuckDBPyConnection, lake: Lake, generation: Generation | None) -> None:
    """Make or replace ``lake_<kind>``, ``lake_customer``, ``lake_standing`` for a generation; empty ones for None."""
    for kind, schema in SETTLED.items():
        files = generation.of(kind, "base", "run") if generation else []
        hidden = generation.of(kind, "hidden") if generation else []
        standing = standing_rows(lake, files, hidden, schema)
        connection.execute(f"CREATE OR REPLACE VIEW lake_{kind} AS SELECT * EXCLUDE (moved) FROM ({standing})")
    for name, schema in (("customer", CUSTOMER), ("standing", STANDING)):
        files = generation.of("derived", name) if generation else []
        connection.execute(f"CREATE OR REPLACE VIEW lake_{name} AS {read(lake, files, schema)}")
