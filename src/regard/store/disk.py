"""Files that are either wholly there or not there at all, their checksums, and locks between processes.

Every durable write of the store goes through `publish`: a temporary file, fsync, rename, fsync of the directory. So a
process killed at any point leaves the old file, the new file, or a ``*.tmp`` that the next opening cleans away.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xxhash

from regard.errors import Busy, Damaged, RegardError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TEMPORARY = ".tmp"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a file looked like when it was written: size in bytes, mtime in ns, xxh3 of its bytes as hex."""

    size: int
    mtime_ns: int
    checksum: str


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Have errors of the disk say which file they are of: flushing names none, and Arrow says numbers in words only."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or isinstance(error, RegardError):
            raise
        said = re.search(r"\[errno (\d+)\]", str(error), re.IGNORECASE)
        number = error.errno or (int(said.group(1)) if said else errno.EIO)
        raise OSError(number, os.strerror(number), str(path)) from error


def checksum(path: Path) -> str:
    """The xxh3-128 of a file's bytes, as hex.

    Raises:
        OSError: The file cannot be read.
    """
    digest = xxhash.xxh3_128()
    with named(path), path.open("rb", buffering=0) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sync_file(path: Path) -> None:
    """Make a file's content durable.

    Raises:
        OSError: It could not be flushed.
    """
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_directory(path: Path) -> None:
    """Make renames and new names in a directory durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        with named(path):
            os.fsync(handle)
    finally:
        os.close(handle)


def publish(path: Path, write: Callable[[Path], None]) -> Written:
    """Write a file durably: ``write`` fills a temporary path, which then takes the name.

    Args:
        path: The final name; replaced where it exists.
        write: Writes the whole file to the path it is given.

    Returns:
        Size, time and checksum of what is now on disk.
    """
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with named(path):
            write(temporary)
            digest = checksum(temporary)
            sync_file(temporary)
            temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)
    stat = path.stat()
    return Written(size=stat.st_size, mtime_ns=stat.st_mtime_ns, checksum=digest)


def settle(path: Path) -> Written:
    """Flush a file that is wholly written; returns what it is. Its name is made durable by whoever gives it one."""
    sync_file(path)
    stat = path.stat()
    return Written(size=stat.st_size, mtime_ns=stat.st_mtime_ns, checksum=checksum(path))


def is_as_written(path: Path, *, size: int, mtime_ns: int, digest: str, thorough: bool = False) -> bool:
    """Whether a file is what was written; its bytes are read only when size or time differ, or when thorough."""
    try:
        stat = path.stat()
    except (OSError, ValueError):  # a name out of a damaged database need not be a name at all
        return False
    if stat.st_size != size:
        return False
    if stat.st_mtime_ns == mtime_ns and not thorough:
        return True
    return checksum(path) == digest


def refuse_damaged(path: Path, hint: str) -> Damaged:
    """The error for a file that is not what was written."""
    what = "is not what was written" if path.exists() else "is missing"
    return Damaged(f"The file {path.name} {what}.", where=str(path), hint=hint)


@contextmanager
def locked(path: Path, *, what: str, wait: float = 600.0) -> Iterator[None]:
    """Hold a lock between processes and threads.

    Args:
        path: The lock file; made where missing, never removed.
        what: What is being waited for, for the message.
        wait: Seconds to wait; 0 gives up at once.

    Raises:
        Busy: Somebody else still holds it after ``wait`` seconds.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _wait_for(handle, what=what, wait=wait)
        yield
    finally:
        os.close(handle)


def _wait_for(handle: int, *, what: str, wait: float) -> None:
    until = time.monotonic() + wait
    pause = threading.Event()
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise Busy(f"Another process is {what}.", hint="Try again in a moment.") from None
            pause.wait(0.005)
        else:
            return


def clean(directory: Path, known: set[str]) -> None:
    """Remove what an interrupted write left: temporary files, and files nobody acknowledged.

    Files set aside as ``*.damaged``, lock files and logs stay. Call it only under the lock of the directory's writers.
    """
    for path in directory.iterdir():
        if path.is_file() and path.name not in known and path.suffix not in {".damaged", ".lock", ".log"}:
            path.unlink(missing_ok=True)


def sweep_by_process(directory: Path) -> None:
    """Remove passing files of processes that are gone: entries whose name begins with their process id."""
    for path in directory.iterdir():
        pid = path.name.split("-")[0]
        if pid.isdigit() and not lives(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def lives(pid: int) -> bool:
    """Whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
