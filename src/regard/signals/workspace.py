"""A workspace: one company, one directory. The inbox, the lake, the state and what the company declares."""

from __future__ import annotations

import os
import tomllib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
from sqlalchemy import func, insert, select

from regard.errors import BadInput, Damaged
from regard.settings import Settings, settings
from regard.signals import erasure, settling, writers
from regard.signals.attempts import check_indicators
from regard.signals.declarations import Declarations
from regard.signals.plans import FORMAT
from regard.signals.shapes import SENT, SETTLED
from regard.signals.stepping import NO_STEPS, Made, Stepping
from regard.signals.toml import written
from regard.signals.views import connect, make_views
from regard.store import backup, columnfiles, disk, log, recovery, scrub, sealing, tables
from regard.store.inbox import Inbox
from regard.store.lake import Lake
from regard.store.state import HINT, State, now_text, read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from regard.signals.settling import Progress
    from regard.store.lake import Generation

DECLARATIONS = "company.toml"
DIRECTORIES = ("inbox", "journal", "lake", "ids", "uploads", "rejects", "spill")


class Workspace:
    """One company's directory, open. Use `Workspace.open`."""

    def __init__(self, root: Path, state: State, given: Settings) -> None:
        self.root, self.state, self.settings = root, state, given
        self.inbox = Inbox(root, state, SENT, most_held=given.held_items)
        self.lake = Lake(root / "lake", state)
        self.stepping = Stepping(self)
        self.buckets = int(state.get("buckets") or given.buckets)

    @classmethod
    def open(cls, path: str | Path, *, create: bool = True, given: Settings | None = None) -> Workspace:
        """Open a workspace, making it on first use.

        Args:
            path: Its directory.
            create: Make it where it does not exist.
            given: Settings; the environment's where None.

        Raises:
            BadInput: There is no workspace and `create` is false, or something else is there.
            Damaged: A segment of the inbox is not what was acknowledged.
        """
        root = Path(path)
        is_new = not _holds_something(root / "state.sqlite")
        if is_new:
            _check_new(root, create=create)
        given = given or settings(workspace=root)
        _check_buckets(given.buckets)
        for name in DIRECTORIES:
            (root / name).mkdir(parents=True, exist_ok=True)
        state = State(root / "state.sqlite")
        if is_new:
            disk.sync_directory(root)
            with suppress(PermissionError):  # a place others may pass, not list
                disk.sync_directory(root.absolute().parent)
        if not state.get("buckets"):
            state.put("buckets", str(given.buckets))
        found = cls(root, state, given)
        found.inbox.recover()
        disk.sweep_by_process(root / "spill")
        for damage in found.inbox.damage():
            raise damage
        for _ in erasure.finish(found):
            pass
        settling.tidy(found)
        return found

    def close(self) -> None:
        """Let go of the state."""
        self.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def spill(self) -> Path:
        """The directory for this process's passing files; those of dead processes are swept on opening."""
        path = self.root / "spill" / str(os.getpid())
        path.mkdir(exist_ok=True)
        return path

    # ------------------------------------------------------------------ declarations

    def declarations(self) -> tuple[int, Declarations]:
        """The version in force and what it says; picks up ``company.toml`` where somebody edited it by hand.

        Raises:
            BadInput: The file is not valid; names the line or the declaration.
        """
        path = self.root / DECLARATIONS
        newest = self._newest_declarations()
        text = declarations_text(path) if path.exists() else ""
        if text and (newest is None or text != newest[1]):
            declared = parse_declarations(text, where=str(path))
            return self._confirm(text, by="company.toml"), declared
        if newest is None:
            return 0, Declarations()
        return newest[0], parse_declarations(newest[1], where=str(path))

    def declare(self, declared: Declarations, *, by: str = "") -> int:
        """Confirm declarations: a new version in state, and ``company.toml``; returns the version."""
        text = "# What this company declares. Edit and save: the next command picks it up.\n" + _toml(declared)
        path = self.root / DECLARATIONS
        version = self._confirm(text, by=by)
        temporary = path.with_suffix(".toml.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
        return version

    def _newest_declarations(self) -> tuple[int, str] | None:
        table = tables.declarations
        with self.state.reading() as connection:
            row = connection.execute(select(table.c.version, table.c.toml).order_by(table.c.version.desc())).first()
            return None if row is None else (int(row[0]), str(row[1]))

    def _confirm(self, text: str, *, by: str) -> int:
        with self.state.writing() as connection:
            version = int(connection.execute(select(func.max(tables.declarations.c.version))).scalar() or 0) + 1
            row = {"version": version, "toml": text, "confirmed": now_text(), "by": by}
            connection.execute(insert(tables.declarations).values(row))
            return version

    # ------------------------------------------------------------------ the log

    @property
    def position(self) -> int:
        """How far the log goes."""
        with self.state.reading() as connection:
            return log.position(connection)

    @property
    def settled_position(self) -> int:
        """How far the log is settled: what questions see."""
        newest = self.lake.newest()
        return newest.position if newest else 0

    def ledger(self, source: str | None = None) -> list[dict[str, Any]]:
        """Outcomes per source and in all; see `Inbox.ledger`."""
        return self.inbox.ledger(source)

    def counts(self) -> dict[str, int]:
        """Rows that stand, per kind, as settled."""
        newest = self.lake.newest()
        result = dict.fromkeys(SETTLED, 0)
        for file in newest.files if newest else ():
            if file.kind in result and file.role in {"base", "run"}:
                result[file.kind] += file.rows
            elif file.kind in result and file.role == "hidden":
                result[file.kind] -= file.rows
        return result

    def settle(self) -> Iterator[Progress]:
        """Bring what was received into the lake; see `settling.settle`."""
        return settling.settle(self)

    def rebuild(self) -> Iterator[Progress]:
        """Make the lake again from the inbox; the same answers come out."""
        return settling.rebuild(self)

    @contextmanager
    def connect(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, int]]:
        """A DuckDB connection over the newest generation, held under a lease, and its log position."""
        with Reader(self) as reader:
            yield reader.connection, reader.position

    # ------------------------------------------------------------------ one customer

    def erase(self, customer: str) -> Iterator[Progress]:
        """Forget a customer everywhere; see `erasure.erase`."""
        return erasure.erase(self, customer)

    def erasure_key(self) -> str:
        """The key under which ids are hashed for erasure."""
        with self.state.writing() as connection:
            return scrub.tombstone_key(connection)

    def export_customer(self, customer: str) -> dict[str, Any]:
        """Everything known of a customer; see `erasure.export`."""
        return erasure.export(self, customer)

    # ------------------------------------------------------------------ keeping

    def backup(self, path: str | Path) -> None:
        """Write a consistent backup, one tar file, while others read and write; see `backup.write`."""
        backup.write(self.inbox, self.root, Path(path))

    @classmethod
    def restore(cls, path: str | Path, into: str | Path) -> Workspace:
        """Unpack a backup into a new directory, erase again what was erased since, and open it.

        Raises:
            BadInput: No such backup, or the directory holds something.
            Damaged: The backup is not what was written.
        """
        backup.unpack(Path(path), Path(into))
        return cls.open(into)

    @classmethod
    def make_state_again(cls, root: Path) -> bool:
        """Make state again where it is gone, damaged or too old; see `recovery.make_state_again`."""
        return recovery.make_state_again(root / "state.sqlite")

    def verify(self) -> Iterator[Damaged]:
        """Read every byte of the journals, the inbox and the lake, yielding what is not what was written."""
        try:
            self.state.verify()
        except Damaged as error:
            yield error
        self.inbox.seal()
        yield from sealing.damage(self.inbox)
        yield from self.inbox.damage(thorough=True)
        newest = self.lake.newest()
        for file in self.lake.damaged(newest, thorough=True) if newest else []:
            yield disk.refuse_damaged(self.lake.path(file), "Make the lake again: regard rebuild")
        for path in self.stepping.damaged():
            yield disk.refuse_damaged(path, columnfiles.HINT)

    # ------------------------------------------------------------------ sources

    def add_source(self, name: str, *, what: str = "") -> str:
        """Add a source that may write here; returns its new write key, which is kept only as a hash.

        Raises:
            BadInput: The name is empty or taken.
        """
        return writers.add_source(self, name=name, what=what).write_key

    def revoke_key(self, name: str) -> None:
        """Let every write key of a source open nothing any more; what it brought stays.

        Raises:
            UnknownName: There is no such source.
        """
        with self.state.reading() as connection:
            found = writers.keys(connection, name)
        for key in found:
            if key.open:
                writers.revoke_key(self, key=key.id)

    def key_hashes(self) -> dict[str, str]:
        """The source of each write key that opens something, by the key's sha256."""
        with self.state.reading() as connection:
            return writers.opening(connection)

    def sources(self) -> list[dict[str, Any]]:
        """Sources that may write here: name, created, what, whether any key opens it, and its keys."""
        with self.state.reading() as connection:
            return writers.listed(connection)

    def source_of(self, key: str) -> str | None:
        """The source a write key belongs to, or None."""
        return self.key_hashes().get(writers.hash_of(key))

    def remembered(self, name: str) -> str:
        """A word kept beside the log by a door, or nothing."""
        with self.state.reading() as connection:
            return read_meta(connection, f"door.{name}")

    def remember(self, name: str, value: str) -> None:
        """Keep a word beside the log."""
        with self.state.writing() as connection:
            write_meta(connection, f"door.{name}", value)


class Reader:
    """A long-lived connection over the lake under a lease. `refresh` moves it to the newest generation."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        given = workspace.settings
        self.connection = connect(memory=given.memory, threads=given.threads, spill=workspace.spill())
        self._lease = 0
        self._generation: Generation | None = None
        self._made = False
        self.refresh()

    @property
    def position(self) -> int:
        """The settled log position the views show."""
        return self._generation.position if self._generation else 0

    def refresh(self) -> bool:
        """Move to the newest generation; False when there already."""
        newest = self._workspace.lake.newest()
        if self._made and (newest.id if newest else 0) == (self._generation.id if self._generation else 0):
            return False
        lease, generation = self._workspace.lake.lease()
        if generation is not None and self._unusable(generation):
            self._workspace.lake.release(lease)
            for _ in self._workspace.settle():  # makes it again, damaged files set aside
                pass
            lease, generation = self._workspace.lake.lease()
        make_views(self.connection, self._workspace.lake, generation)
        self._give_back()
        self._lease, self._generation, self._made = lease, generation, True
        return True

    def steps(self) -> Made:
        """The steps of what the views show, made now where they are not yet, or were damaged."""
        if self._generation is None:
            return NO_STEPS
        return self._workspace.stepping.of(self._generation, self._workspace.declarations()[1])

    def _unusable(self, generation: Generation) -> bool:
        """Whether files of a generation are damaged, or of a shape an earlier version wrote."""
        lake = self._workspace.lake
        return lake.recall("format") != FORMAT or bool(lake.damaged(generation))

    def _give_back(self) -> None:
        if self._lease:
            self._workspace.lake.release(self._lease)
            settling.tidy(self._workspace)

    def close(self) -> None:
        """Give the lease back."""
        self._give_back()
        self._lease = 0
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def declarations_text(path: Path) -> str:
    """What a file of declarations says.

    Raises:
        BadInput: It is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        told = f"{path.name} is not UTF-8 text (byte {error.start + 1})."
        raise BadInput(told, where=str(path), hint="Correct that place, or save it as UTF-8.") from error


def parse_declarations(text: str, *, where: str) -> Declarations:
    """Declarations from TOML.

    Raises:
        BadInput: Not TOML (names the line), or a declaration that does not fit (names it).
        UnknownName: An indicator belongs to a moment that nobody declared.
    """
    try:
        declared = msgspec.convert(tomllib.loads(text), Declarations, strict=True)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{DECLARATIONS} cannot be read: {error}.", where=where, hint="Correct that line.") from error
    except msgspec.ValidationError as error:
        raise BadInput(f"{DECLARATIONS} does not fit: {error}.", where=where, hint="Correct that entry.") from error
    check_indicators(declared)
    return declared


def _holds_something(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except (FileNotFoundError, NotADirectoryError):
        return False


def _check_new(root: Path, *, create: bool) -> None:
    # to a new state they would be strays
    if found := len([*root.glob("inbox/*.parquet"), *root.glob("journal/*.journal")]):
        told = f"The state of this workspace is missing, while its inbox holds {found} files."
        raise Damaged(told, where=str(root / "state.sqlite"), hint=HINT)
    if not create:
        raise BadInput("There is no workspace there.", where=str(root), hint=f"Make one: regard import FILE -w {root}")
    if root.exists() and not root.is_dir():
        raise BadInput("A workspace is a directory; this is a file.", where=str(root), hint="Name another place.")


def _check_buckets(buckets: int) -> None:
    if buckets < 1 or buckets > 1024 or buckets & (buckets - 1):
        raise BadInput(
            f"The number of buckets must be a power of two up to 1024, not {buckets}.",
            where="REGARD_BUCKETS", hint="Such as 16.",
        )  # fmt: skip


def _toml(declared: Declarations) -> str:
    return written(msgspec.to_builtins(declared))
