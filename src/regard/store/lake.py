"""The lake: immutable files of columns, published as generations, read under leases, made again from the inbox.

A generation is a list of files that one transaction publishes. A reader holds a lease on its generation; what no
generation in use lists is removed. Nothing here is the truth: a damaged file is set aside and made again.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pyarrow.parquet as pq
import xxhash
from sqlalchemy import delete, func, insert, select

from regard.errors import Damaged
from regard.store import coded, disk, tables
from regard.store.state import inserted, now_text, read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pyarrow as pa
    from sqlalchemy import Connection

    from regard.store.state import State

LEASE_SECONDS = 24 * 3600
ROW_GROUP = 1 << 17


@dataclass(frozen=True, kw_only=True)
class LakeFile:
    """One file of the lake.

    ``role`` is base (one bucket's rows), run (recent rows of all buckets), hidden (positions of rows that no longer
    stand) or the name of a derived table. ``id`` is 0 until published.
    """

    id: int
    file: str
    kind: str
    role: str
    bucket: int | None
    rows: int
    size: int
    mtime_ns: int
    checksum: str


@dataclass(frozen=True, kw_only=True)
class Generation:
    """A published state of the lake: everything before ``position``, under a version of the declarations."""

    id: int
    position: int
    declarations: int
    published: str
    files: tuple[LakeFile, ...]

    def of(self, kind: str, *roles: str) -> list[LakeFile]:
        """Files of a kind in any of the roles."""
        return [f for f in self.files if f.kind == kind and f.role in roles]


class Lake:
    """The files of one workspace's lake.

    Args:
        directory: Where they are; made where missing.
        state: The workspace's state.
    """

    def __init__(self, directory: Path, state: State) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.state = state

    def write(self, table: pa.Table, *, kind: str, role: str, bucket: int | None = None) -> LakeFile:
        """Write a table as a file of the lake; it becomes visible when a generation lists it."""
        table = coded.coded(table)

        def fill(target: Path) -> None:
            coded.write(target, [table], row_group=ROW_GROUP)

        name = f"{kind}-{role}-{'' if bucket is None else f'{bucket:03d}-'}{uuid4().hex[:12]}.parquet"
        written = disk.publish(self.directory / name, fill)
        return LakeFile(
            id=0, file=name, kind=kind, role=role, bucket=bucket, rows=table.num_rows,
            size=written.size, mtime_ns=written.mtime_ns, checksum=written.checksum,
        )  # fmt: skip

    def path(self, file: LakeFile) -> Path:
        """Where a file is."""
        return self.directory / file.file

    def read(self, file: LakeFile, *, columns: Sequence[str] | None = None) -> pa.Table:
        """A file's rows.

        Args:
            file: Which.
            columns: Only these.

        Raises:
            OSError: It cannot be read; named.
        """
        path = self.path(file)
        with disk.named(path):
            return pq.read_table(path, columns=columns, partitioning=None)

    def newest(self, connection: Connection | None = None) -> Generation | None:
        """The newest generation, or None before the first.

        Raises:
            Damaged: Its list of files is not what was written.
        """
        if connection is None:
            with self.state.reading() as mine:
                return self.newest(mine)
        row = connection.execute(select(tables.generations).order_by(tables.generations.c.id.desc()).limit(1))
        found = row.mappings().first()
        if found is None:
            return None
        generation = Generation(**found, files=_files(connection, found["id"]))
        if read_meta(connection, "lake.seal") not in {"", _seal(generation)}:
            raise Damaged(
                "The list of the lake's files is not what was written.",
                where=str(self.state.path), hint="Make the lake again from the inbox: regard rebuild",
            )  # fmt: skip
        return generation

    def publish(
        self, *, position: int, declarations: int, files: Iterable[LakeFile], words: Mapping[str, str]
    ) -> Generation:
        """Make files the newest generation, and remember words about it, in one transaction."""
        with self.state.writing() as connection:
            for name, value in words.items():
                write_meta(connection, f"lake.{name}", value)
            row = {"position": position, "declarations": declarations, "published": now_text()}
            new = inserted(connection, tables.generations, row)
            listed = [file.id or _insert(connection, file) for file in files]
            if listed:
                rows = [{"generation": new, "lake_file": key} for key in listed]
                connection.execute(insert(tables.generation_files), rows)
            write_meta(connection, "lake.seal", "")
            published = self.newest(connection)
            if published:
                write_meta(connection, "lake.seal", _seal(published))
        assert published is not None  # noqa: S101  it was published above
        return published

    def lease(self) -> tuple[int, Generation | None]:
        """Hold the newest generation so that its files stay; returns the lease to give back, and the generation."""
        with self.state.writing() as connection:
            generation = self.newest(connection)
            if generation is None:
                return 0, None
            row = {
                "generation": generation.id,
                "pid": os.getpid(),
                "pid_started": _started(os.getpid()),
                "expires": int(time.time()) + LEASE_SECONDS,
            }
            return inserted(connection, tables.leases, row), generation

    def release(self, lease: int) -> None:
        """Give a lease back."""
        if lease:
            with self.state.writing() as connection:
                connection.execute(delete(tables.leases).where(tables.leases.c.id == lease))

    def outdated(self) -> bool:
        """Whether older generations are still kept: for a reader, or for one that is gone."""
        with self.state.reading() as connection:
            return int(connection.execute(select(func.count()).select_from(tables.generations)).scalar() or 0) > 1

    def collect(self) -> int:
        """Remove generations nobody holds (the newest stays) and files no generation lists.

        Call it while settling. Returns the number of files removed.
        """
        with self.state.writing() as connection:
            _drop_dead_leases(connection)
            newest = connection.execute(select(func.max(tables.generations.c.id))).scalar()
            held = set(connection.execute(select(tables.leases.c.generation)).scalars()) | {newest}
            old = tables.generation_files.c.generation.not_in(held)
            connection.execute(delete(tables.generation_files).where(old))
            connection.execute(delete(tables.generations).where(tables.generations.c.id.not_in(held)))
            listed = select(tables.generation_files.c.lake_file)
            connection.execute(delete(tables.lake_files).where(tables.lake_files.c.id.not_in(listed)))
            known = set(connection.execute(select(tables.lake_files.c.file)).scalars())
        before = sum(1 for _ in self.directory.iterdir())
        disk.clean(self.directory, known)
        return before - sum(1 for _ in self.directory.iterdir())

    def damaged(self, generation: Generation, *, thorough: bool = False) -> list[LakeFile]:
        """Files of a generation that are not what was written."""
        return [
            f
            for f in generation.files
            if not disk.is_as_written(
                self.path(f), size=f.size, mtime_ns=f.mtime_ns, digest=f.checksum, thorough=thorough
            )
        ]

    def set_aside(self, file: LakeFile) -> Path:
        """Rename a damaged file so that nothing reads it and a person can look at it; returns its new name."""
        path = self.path(file)
        aside = path.with_name(path.name + ".damaged")
        if path.exists():
            path.replace(aside)
        self.state.write_down("set_aside", json.dumps({"file": aside.name, "why": "not what was written"}))
        return aside

    def remember(self, name: str, value: str) -> None:
        """Remember a word about the lake."""
        with self.state.writing() as connection:
            write_meta(connection, f"lake.{name}", value)

    def recall(self, name: str) -> str:
        """A remembered word, or nothing."""
        with self.state.reading() as connection:
            return read_meta(connection, f"lake.{name}")


def _seal(generation: Generation) -> str:
    """A checksum of a generation's list, so that a list that lost a file is not read as a smaller company."""
    return xxhash.xxh3_128_hexdigest(repr(generation).encode())


def _insert(connection: Connection, file: LakeFile) -> int:
    row: dict[str, Any] = {name: getattr(file, name) for name in LakeFile.__dataclass_fields__ if name != "id"}
    return inserted(connection, tables.lake_files, row)


def _files(connection: Connection, generation: int) -> tuple[LakeFile, ...]:
    joined = tables.lake_files.join(
        tables.generation_files, tables.generation_files.c.lake_file == tables.lake_files.c.id
    )
    statement = select(tables.lake_files).select_from(joined)
    statement = statement.where(tables.generation_files.c.generation == generation).order_by(tables.lake_files.c.id)
    return tuple(LakeFile(**row) for row in connection.execute(statement).mappings())


def _started(pid: int) -> str:
    """When a process began, in the system's own words; "" where it is gone or the system does not say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return ""


def _drop_dead_leases(connection: Connection) -> None:
    now = int(time.time())
    dead = [
        row.id
        for row in connection.execute(select(tables.leases))
        if row.expires < now or not disk.lives(row.pid) or _started(row.pid) != row.pid_started
    ]
    if dead:
        connection.execute(delete(tables.leases).where(tables.leases.c.id.in_(dead)))
