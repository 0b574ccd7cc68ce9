"""The tables of state: small, relational, the second truth beside the inbox."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
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

alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("cause", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("slice", String, nullable=False),
    Column("detector", String, nullable=False),
    Column("state", String, nullable=False),
    Column("quiet", String, nullable=False),
    Column("opened", String, nullable=False),
    Column("missing", String, nullable=False),
    Column("ended", String, nullable=False),
    Column("size", Float, nullable=False),
    Column("told_size", Float, nullable=False),
    Column("told_at", String, nullable=False),
    Column("raised", Text, nullable=False),
    Index("alerts_open", "cause", unique=True, sqlite_where=text("state = 'open'")),
    Index("alerts_by_cause", "cause"),
)

alert_events = Table(
    "alert_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alert", Integer, ForeignKey("alerts.id"), nullable=False),
    Column("at", String, nullable=False),
    Column("what", String, nullable=False),
    Column("words", Text, nullable=False),
    Index("alert_events_by_alert", "alert"),
)

alert_answers = Table(
    "alert_answers",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alert", Integer, ForeignKey("alerts.id"), nullable=False),
    Column("cause", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("slice", String, nullable=False),
    Column("answer", String, nullable=False),
    Column("why", Text, nullable=False),
    Column("since", String, nullable=False),
    Column("until", String, nullable=False),
    Column("again", String, nullable=False),
    Column("factor", Float, nullable=False),
    Column("size", Float, nullable=False),
    Column("at", String, nullable=False),
    Column("by", String, nullable=False),
    Column("undone", String, nullable=False),
    Index("alert_answers_by_cause", "cause"),
    Index("alert_answers_by_slice", "kind", "slice"),
)

looks = Table(
    "looks",
    metadata,
    Column("detector", String, primary_key=True),
    Column("at", String, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("since", String, nullable=False),
    Column("raised", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
)

receivers = Table(
    "receivers",
    metadata,
    Column("name", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("address", String, nullable=False),
    Column("secret", String, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("digest", String, nullable=False),
    Column("state", String, nullable=False),
    Column("why", Text, nullable=False),
    Column("created", String, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", String, primary_key=True),
    Column("number", BigInteger, nullable=False, unique=True),
    Column("receiver", String, ForeignKey("receivers.name"), nullable=False),
    Column("topic", String, nullable=False),
    Column("made", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("due", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("told", Text, nullable=False),
    Column("settled", String, nullable=False),
    Index("outbox_due", "state", "due"),
    Index("outbox_by_topic", "topic"),
)
