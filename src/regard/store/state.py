"""State: one SQLite database per workspace, durable at every commit, moved forward by migrations."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, insert, select, text, update
from sqlalchemy.exc import DatabaseError

from regard.errors import BadInput, Busy, Damaged, RegardError
from regard.store import tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Engine, Table

REVISION = "0002"
"""The newest migration in `migrations/versions`; a database that says otherwise is migrated on opening."""

HINT = "Restore it from a backup: regard restore BACKUP -w DIR"


def now_text() -> str:
    """This moment in UTC as ISO 8601 text with microseconds."""
    return dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")


class State:
    """The relational state of one workspace.

    Args:
        path: The SQLite file; made and migrated where it is missing or old.

    Raises:
        Damaged: The file is not a database, or is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _engine(path)
        if self._revision() != REVISION:
            self._migrate()
        self._check()

    def _revision(self) -> str | None:
        with self.reading() as connection:
            return _revision_of(connection)

    def _check(self) -> None:
        """Read every page once: what is damaged is named now, not where it is met (a megabyte takes milliseconds)."""
        with self.reading() as connection:
            found = connection.execute(text("PRAGMA quick_check(1)")).scalar()
        if found != "ok":
            raise Damaged(f"The state of this workspace is damaged: {found}.", where=str(self.path), hint=HINT)

    def _migrate(self) -> None:
        with self.writing() as connection:
            if connection.execute(text("SELECT 1 FROM sqlite_master LIMIT 1")).first() is None:
                _make(connection)
            else:
                migrate(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one consistent state.

        Raises:
            RegardError: The database is busy, damaged, or has no room; see `_told`.
        """
        try:
            with self._engine.connect() as connection:
                yield connection
        except DatabaseError as error:
            raise _told(error, self.path) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start and commits, durably, at its end.

        Raises:
            RegardError: The database is busy (for half a minute), damaged, or cannot be written; see `_told`.
        """
        try:
            with self._engine.connect() as plain:
                connection = plain.execution_options(immediate=True)
                with connection.begin():
                    yield connection
        except DatabaseError as error:
            raise _told(error, self.path) from error

    def get(self, name: str, default: str = "") -> str:
        """A remembered word, or the default."""
        with self.reading() as connection:
            return read_meta(connection, name, default)

    def put(self, name: str, value: str) -> None:
        """Remember a word."""
        with self.writing() as connection:
            write_meta(connection, name, value)

    def write_down(self, name: str, arguments: str, *, by: str = "") -> int:
        """Enter an act in the record.

        Args:
            name: The act.
            arguments: Its arguments, a JSON object.
            by: Who did it.
        """
        with self.writing() as connection:
            return write_down(connection, name, arguments, by=by)

    def written_down(self, limit: int = 1000) -> list[dict[str, Any]]:
        """The newest entries of the record, newest first."""
        with self.reading() as connection:
            statement = select(tables.record).order_by(tables.record.c.id.desc()).limit(limit)
            return [dict(row) for row in connection.execute(statement).mappings()]

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy of the whole database while others read and write."""
        with self.reading() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("VACUUM INTO ?", (str(path),))

    def truncate_log(self) -> None:
        """Fold the write-ahead log into the database and empty it, so that what was overwritten is gone."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def _told(error: DatabaseError, path: Path) -> Exception:
    """What a person is told when SQLite fails; mistakes in our own statements stay what they are."""
    what, where = str(error.orig), str(path)
    if "locked" in what:
        return Busy("The state of this workspace is busy.", where=where, hint="Try again.")
    if "readonly" in what or "unable to open" in what:
        return RegardError(f"The state cannot be written: {what}.", where=where, hint="Check who may write there.")
    if "full" in what or "disk I/O" in what:
        hint = "Free some space and run it again: what was acknowledged is kept."
        return RegardError(f"The state cannot be written: {what}.", where=where, hint=hint)
    if type(error) is DatabaseError or "malformed" in what:
        return Damaged(f"The state of this workspace cannot be read: {what}.", where=where, hint=HINT)
    return error


def _revision_of(connection: Connection) -> str | None:
    there = text("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'")
    if connection.execute(there).first() is None:
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _make(connection: Connection) -> None:
    """The tables of a new database as the newest migration leaves them: a tenth of a second less than all of them."""
    tables.metadata.create_all(connection)
    connection.execute(
        text(
            "CREATE TABLE alembic_version "
            "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": REVISION})


def migrate(connection: Connection) -> None:
    """Bring a database, empty or old, to the newest revision.

    Raises:
        BadInput: A newer version made it.
    """
    from alembic import command  # noqa: PLC0415  heavy, and needed once in a database's life
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util.exc import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:  # it knows every revision but those of the future
        where = str(connection.engine.url.database)
        hint = "Install that version or a newer one; this one leaves it alone."
        raise BadInput("This workspace was made by a newer version of Regard.", where=where, hint=hint) from error


def inserted(connection: Connection, table: Table, row: Mapping[str, Any]) -> int:
    """Insert a row inside a transaction; returns its new id."""
    found = connection.execute(insert(table).values(dict(row)).returning(table.c.id)).scalar_one()
    return int(found)


def write_down(connection: Connection, name: str, arguments: str, *, by: str = "") -> int:
    """Enter an act in the record inside a transaction; see `State.write_down`."""
    row = {"at": now_text(), "name": name, "by": by, "arguments": arguments}
    return inserted(connection, tables.record, row)


def read_meta(connection: Connection, name: str, default: str = "") -> str:
    """A remembered word inside a transaction."""
    value = connection.execute(select(tables.meta.c.value).where(tables.meta.c.name == name)).scalar()
    return default if value is None else str(value)


def write_meta(connection: Connection, name: str, value: str) -> None:
    """Remember a word inside a transaction."""
    changed = connection.execute(update(tables.meta).where(tables.meta.c.name == name).values(value=value))
    if changed.rowcount == 0:
        connection.execute(insert(tables.meta).values(name=name, value=value))


def _engine(path: Path) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 30000")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA secure_delete = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine
