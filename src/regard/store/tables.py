"""The tables of state: small, relational, the second truth beside the inbox."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

metadata = MetaData()

meta = Table(
    "meta",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", Text, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("name", String, primary_key=True),
    Column("created", String, nullable=False),
    Column("what", String, nullable=False, server_default=""),
)

write_keys = Table(
    "write_keys",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String, nullable=False),
    Column("hash", String, nullable=False),
    Column("ending", String, nullable=False),
    Column("created", String, nullable=False),
    Column("revoked", String, nullable=False),
    Index("write_keys_by_source", "source"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", String, nullable=False),
    Column("files", Text, nullable=False),
    Column("mapping", Text, nullable=False),
    Column("mapping_sha", String, nullable=False),
    Column("started", String, nullable=False),
    Column("finished", String),
    Column("undone", String),
    Column("undone_position", BigInteger),
    Column("received", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("duplicate", BigInteger, nullable=False),
    Column("held_back", BigInteger, nullable=False),
    Column("refused", BigInteger, nullable=False),
)

segments = Table(
    "segments",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("batch", Integer, ForeignKey("batches.id"), nullable=False),
    Column("source", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("file", String, nullable=False, unique=True),
    Column("rows", BigInteger, nullable=False),
    Column("first_position", BigInteger, nullable=False),
    Column("last_position", BigInteger, nullable=False),
    Column("received_at", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("checksum", String, nullable=False),
    Column("positions", LargeBinary),
    Index("segments_by_position", "first_position"),
    Index("segments_by_end", "last_position"),
)

repeats = Table(
    "repeats",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("batch", Integer, ForeignKey("batches.id"), nullable=False),
    Column("ranges", LargeBinary, nullable=False),
)

id_runs = Table(
    "id_runs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("file", String, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("checksum", String, nullable=False),
)

generations = Table(
    "generations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("declarations", Integer, nullable=False),
    Column("published", String, nullable=False),
)

lake_files = Table(
    "lake_files",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("file", String, nullable=False, unique=True),
    Column("kind", String, nullable=False),
    Column("role", String, nullable=False),
    Column("bucket", Integer),
    Column("rows", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime_ns", BigInteger, nullable=False),
    Column("checksum", String, nullable=False),
)

generation_files = Table(
    "generation_files",
    metadata,
    Column("generation", Integer, ForeignKey("generations.id"), primary_key=True),
    Column("lake_file", Integer, ForeignKey("lake_files.id"), primary_key=True),
)

leases = Table(
    "leases",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("pid_started", String, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

declarations = Table(
    "declarations",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("toml", Text, nullable=False),
    Column("confirmed", String, nullable=False),
    Column("by", String, nullable=False),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("hash", String, primary_key=True),
    Column("erased", String, nullable=False),
    Column("done", Boolean, nullable=False),
)

held = Table(
    "held",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("batch", Integer, ForeignKey("batches.id"), nullable=False),
    Column("source", String, nullable=False),
    Column("at", String, nullable=False),
    Column("format", String, nullable=False),
    Column("code", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("item", Text, nullable=False),
    Column("changed", Text),
    Column("state", String, nullable=False),
    Column("outcome", String),
    Column("settled", String),
    Column("by", String),
    Index("held_by_state", "state", "source", "code"),
    Index("held_by_batch", "batch"),
)

record = Table(
    "record",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", String, nullable=False),
    Column("name", String, nullable=False),
    Column("by", String, nullable=False),
    Column("arguments", Text, nullable=False),
)
