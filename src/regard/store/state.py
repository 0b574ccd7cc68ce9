"""State: one SQLite database per workspace, durable at every commit, moved forward by migrations."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, insert, select, text, update
from sqlalchemy.exc import DatabaseError

from regard.errors import BadInput, Busy, Damaged, RegardError
from regard.store import redo, seals, tables
from regard.store.redo import NAME, Redo
from regard.store.seals import SEAL, Seal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy import Connection, Engine, Table

    from regard.store.redo import Line
    from regard.store.seals import Change, Row

REVISION = "0005"
"""The newest migration in `migrations/versions`; a database that says otherwise is migrated on opening."""

HINT = "Make it again from what lies beside it (regard rebuild --state), or restore a backup (regard restore BACKUP)."


SIGNS = (
    "malformed",
    "unsupported file format",
    "no such table",
    "no such column",
    "foreign key mismatch",
    "Could not decode",
)
"""What SQLite says of a file that changed by itself: its list of tables is text like any other."""


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
        self.redo = Redo(path.parent / "inbox" / NAME)
        lines = self.redo.lines()  # before state is read: it can only be ahead of these
        self.followed = bool(lines)
        self._engine = _engine(path)
        try:
            if self._revision() != REVISION:
                self._migrate()
            self._file = _identity(path)
            self._check()
            self._compare(lines)
        except BaseException:
            self.close()
            raise

    def _revision(self) -> str | None:
        with self.reading() as connection:
            return _revision_of(connection)

    def _check(self) -> None:
        """Read every page once, indexes against their tables: what is damaged is named now, not where it is met."""
        with self.reading() as connection:
            found = connection.execute(text("PRAGMA integrity_check(1)")).scalar()
        if found != "ok":
            raise Damaged(f"The state of this workspace is damaged: {found}.", where=str(self.path), hint=HINT)

    def verify(self) -> None:
        """Sum every row of the truth again.

        Raises:
            Damaged: A row is not what was written.
        """
        with self.reading() as connection:
            seal = Seal.of(read_meta(connection, SEAL))
            if seal.number and seals.summed(connection) != seal.total:
                what = "A row of the state is not what was written."
                raise Damaged(what, where=str(self.path), hint=HINT)

    def _compare(self, lines: list[Line]) -> None:
        """Refuse state that is damaged or older than its log; begin the log anew where that is behind."""
        self.verify()
        with self.reading() as connection:
            seal = Seal.of(read_meta(connection, SEAL))
        if not redo.follows(lines, seal, where=self.path):
            with suppress(OSError, RegardError):  # no room, or busy: it is begun at the next opening
                self.begin_log()

    def begin_log(self) -> None:
        """Begin the redo log anew with the truth of now; nothing older stays in it.

        Raises:
            OSError: It cannot be written.
            RegardError: The state is busy or cannot be written.
        """
        with self._transaction() as connection:
            seal = Seal.of(read_meta(connection, SEAL))
            if not seal.number:
                seal = self._sealed(connection)
            if self.redo.path.parent.is_dir():
                columns = {table.name: [c.name for c in table.columns] for table in seals.truths()}
                self.redo.begin(seal, seals.rows(connection), columns)

    def fill(self, rows: Iterable[tuple[str, Row]], seal: Seal) -> None:
        """Put the rows of a redo log into a new state.

        Raises:
            Damaged: They are not what the seal says.
        """
        with self._transaction() as connection:
            for table in reversed(seals.truths()):
                connection.execute(table.delete())
            for table, row in rows:
                places = ", ".join("?" * len(row))
                connection.exec_driver_sql(f'INSERT INTO "{table}" VALUES ({places})', row)
            if seals.summed(connection) != seal.total:
                raise Damaged("The redo log is not whole.", where=str(self.path), hint=HINT)
            write_meta(connection, SEAL, seal.word())

    def _sealed(self, connection: Connection) -> Seal:
        """Seal what is there, as after a migration."""
        before = Seal.of(read_meta(connection, SEAL))
        seal = Seal(number=before.number + 1, total=seals.summed(connection))
        write_meta(connection, SEAL, seal.word())
        return seal

    def _migrate(self) -> None:
        with self._transaction() as connection:
            if connection.execute(text("SELECT 1 FROM sqlite_master LIMIT 1")).first() is None:
                _make(connection)
            else:
                migrate(connection)
            self._sealed(connection)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one consistent state.

        Raises:
            RegardError: The database is busy, damaged, or has no room; see `_told`.
        """
        try:
            with self._engine.connect() as connection:
                yield connection
        except (DatabaseError, UnicodeDecodeError) as error:
            raise _told(error, self.path) from error

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start and commits, durably, at its end.

        Raises:
            RegardError: The database is busy (for half a minute), damaged, or cannot be written; see `_told`.
        """
        seal: Seal | None = None
        changes: list[Change] = []
        with self._transaction(changes) as connection:
            yield connection
            if changes:
                seal = seals.moved(Seal.of(read_meta(connection, SEAL)), changes)
                write_meta(connection, SEAL, seal.word())
        if seal and self.redo.append(seal, changes, seals.keys()):
            with suppress(OSError, RegardError):
                self.begin_log()

    @contextmanager
    def _transaction(self, changes: list[Change] | None = None) -> Iterator[Connection]:
        """A writing transaction; ``changes`` is filled with what it changes of the truth."""
        try:
            with self._engine.connect() as plain:
                if changes is not None:
                    self._check_file()
                    seals.watch(plain.connection.driver_connection, plain.info, changes)
                connection = plain.execution_options(immediate=True)
                with connection.begin():
                    yield connection
        except (DatabaseError, UnicodeDecodeError) as error:
            raise _told(error, self.path) from error

    def _check_file(self) -> None:
        """Refuse to write to a file that is no longer the one opened: nobody would ever read it."""
        if _identity(self.path) != self._file:
            what = "The state of this workspace was replaced while this was running."
            raise RegardError(what, where=str(self.path), hint="Start it again.")

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
        """Fold the write-ahead log into the database and empty it, so that what was overwritten is gone.

        Raises:
            RegardError: The disk fails; see `_told`.
        """
        with self.reading() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def _identity(path: Path) -> tuple[int, int]:
    """Which file it is, whatever it is called."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return 0, 0
    return stat.st_dev, stat.st_ino


def _told(error: DatabaseError | UnicodeDecodeError, path: Path) -> Exception:
    """What a person is told when SQLite fails; mistakes in our own statements stay what they are."""
    where = str(path)
    if isinstance(error, UnicodeDecodeError):
        return Damaged("The state of this workspace cannot be read: a text is not UTF-8.", where=where, hint=HINT)
    what = str(error.orig)
    if "locked" in what:
        return Busy("The state of this workspace is busy.", where=where, hint="Try again.")
    if "readonly" in what or "unable to open" in what:
        return RegardError(f"The state cannot be written: {what}.", where=where, hint="Check who may write there.")
    if "full" in what or "disk I/O" in what:
        hint = "Free some space and run it again: what was acknowledged is kept."
        return RegardError(f"The state cannot be written: {what}.", where=where, hint=hint)
    if type(error) is DatabaseError or any(sign in what for sign in SIGNS):
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
