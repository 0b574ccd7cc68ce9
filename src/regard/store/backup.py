"""Backup and restore of a workspace: one file with the truth; what is derived is made again."""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import delete, select, update

from regard.errors import BadInput, Damaged
from regard.store import disk, log, scrub, sealing, tables
from regard.store.state import State, read_meta, write_meta

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regard.store.inbox import Inbox

BESIDE = ".tombstones"
KEPT = ("uploads", "rejects")
STATE = "state.sqlite"


def write(inbox: Inbox, root: Path, target: Path) -> None:
    """Write a consistent backup while others read and write.

    Segments never change, so links to them are as good as copies; appends wait only while state is copied.

    Args:
        inbox: The workspace's inbox.
        root: Its directory.
        target: The tar file to write.

    Raises:
        BadInput: The target cannot be written.
    """
    if target.is_dir() or not target.parent.is_dir():
        raise BadInput("A backup is written to a file in a directory that exists.", where=str(target))
    with _staged(inbox, root) as staging:

        def fill(path: Path) -> None:
            with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
                tar.add(staging, arcname="workspace")

        disk.publish(target, fill)
    with inbox.state.writing() as connection:
        written = json.loads(read_meta(connection, "backups", "[]"))
        write_meta(connection, "backups", json.dumps(sorted({*written, str(target.resolve())})))


@contextmanager
def _staged(inbox: Inbox, root: Path) -> Iterator[Path]:
    staging = root / "spill" / f"{os.getpid()}-backup-{uuid4().hex}"
    (staging / "inbox").mkdir(parents=True)
    try:
        with inbox.appending():
            sealing.seal_held(inbox)  # so that no journal has to be copied while it grows
            inbox.state.copy_to(staging / STATE)
            with inbox.state.reading() as connection:
                found = log.segments(connection)
            for segment in found:
                os.link(inbox.directory / segment.file, staging / "inbox" / segment.file)
        for name in KEPT:
            if (root / name).is_dir():
                _copy(root / name, staging / name)
        if (root / "company.toml").exists():
            shutil.copy2(root / "company.toml", staging / "company.toml")
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a directory; of a file that cannot be copied the error names it, and nothing else."""
    target.mkdir()
    for path in sorted(source.iterdir()):
        if path.is_dir():
            _copy(path, target / path.name)
        else:
            with disk.named(target / path.name):
                shutil.copy2(path, target / path.name)


def tell(state: State) -> None:
    """Put tombstones beside every backup that still exists, so that a restore erases again what was erased since."""
    with state.reading() as connection:
        written = json.loads(read_meta(connection, "backups", "[]"))
        stones = list(connection.execute(select(tables.tombstones.c.hash)).scalars())
        key = read_meta(connection, "tombstone_key")
    text = json.dumps({"key": key, "hashes": stones})
    for name in written:
        path = Path(name)
        if path.exists():
            disk.publish(path.with_name(path.name + BESIDE), lambda target: _put(target, text))


def _put(target: Path, text: str) -> None:
    target.write_text(text, encoding="utf-8")


def unpack(source: Path, into: Path) -> None:
    """Unpack a backup into a new directory; the rest is made again when it is opened.

    Raises:
        BadInput: No such backup, or the directory holds something.
        Damaged: The backup, or a segment in it, is not what was written.
    """
    if not source.is_file():
        raise BadInput("There is no such backup.", where=str(source), hint="Name the file `regard backup` wrote.")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise BadInput("A backup is restored into a new or empty directory.", where=str(into), hint="Name another.")
    staging = into.with_name(f"{into.name}.{uuid4().hex[:8]}{disk.TEMPORARY}")
    try:
        _extract(source, staging)
        _forget_derived(staging / "workspace", source)
        if into.exists():
            into.rmdir()
        (staging / "workspace").rename(into)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _extract(source: Path, staging: Path) -> None:
    staging.mkdir(parents=True)
    try:
        with tarfile.open(source) as tar:
            tar.extractall(staging, filter="data")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise Damaged(f"The backup cannot be read: {error}.", where=str(source), hint="Try an older one.") from error
    if not (staging / "workspace" / STATE).is_file():
        raise Damaged(
            "This is not a backup of a workspace.", where=str(source), hint="Name what `regard backup` wrote."
        )


def _forget_derived(root: Path, source: Path) -> None:
    """Take over the copied files, forget what is not in a backup, and take in tombstones kept beside it."""
    state = State(root / STATE)
    try:
        with state.writing() as connection:
            for table in (
                tables.generation_files,
                tables.lake_files,
                tables.generations,
                tables.leases,
                tables.id_runs,
            ):
                connection.execute(delete(table))
            write_meta(connection, "ids_position", "0")
            for s in log.segments(connection):
                path = root / "inbox" / s.file
                if not disk.is_as_written(path, size=s.size, mtime_ns=-1, digest=s.checksum):
                    raise disk.refuse_damaged(path, "The backup is damaged; try an older one.")
                here = tables.segments.c.id == s.id
                connection.execute(update(tables.segments).where(here).values(mtime_ns=path.stat().st_mtime_ns))
            beside = source.with_name(source.name + BESIDE)
            if beside.is_file():
                told = json.loads(beside.read_text(encoding="utf-8"))
                write_meta(connection, "tombstone_key", told["key"])
                scrub.keep(connection, told["hashes"])
    finally:
        state.close()
