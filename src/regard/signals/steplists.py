"""The lists of the column cache: which files hold the steps of a generation of the lake, and what they were made of."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import xxhash

from regard.store import disk
from regard.store.columnfiles import ColumnFile

if TYPE_CHECKING:
    from regard.signals.declarations import Declarations

FORMAT = 2
"""Raised when the files change shape: older ones are then made again."""


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """The files of one bucket of customers.

    Attributes:
        number: Which bucket.
        file: Its base.
        steps: How many steps its customers have.
        last: The last moment of what is no promise.
        tail: What came since the base was written, and how many steps lie there.
    """

    number: int
    file: ColumnFile
    steps: int
    last: int
    tail: ColumnFile | None = None
    tail_steps: int = 0


@dataclass(frozen=True, kw_only=True)
class Listed:
    """The list of a generation.

    Attributes:
        generation: Of the lake.
        position: How far the log goes in it.
        labels: What the labels are made of: dimensions and zone.
        names: Names of steps, in the order of their codes.
        values: Per dimension, its values.
        buckets: The files.
        seen: Per kind and role, the lake's files they are made of.
        hidden: File of the rows that were hidden then.
        standing: Checksum of the labels' file.
        boot: The machine's start: after another one every byte is looked at once.
    """

    generation: int
    position: int
    labels: str
    names: tuple[str, ...]
    values: dict[str, tuple[str, ...]]
    buckets: tuple[Bucket, ...]
    seen: dict[str, tuple[str, ...]]
    hidden: ColumnFile
    standing: str
    boot: str
    format: int = FORMAT

    def files(self) -> list[ColumnFile]:
        """Every file it names."""
        tails = (bucket.tail for bucket in self.buckets if bucket.tail)
        return [*(bucket.file for bucket in self.buckets), *tails, self.hidden]


def labels_of(declared: Declarations) -> str:
    """What the labels of steps, and the days promises fall due, are made of."""
    parts = [(d.name, d.label or d.name, d.of, d.when) for d in declared.dimensions]
    return json.dumps([declared.time_zone, *parts])


def boot() -> str:
    """Which start of the machine this is; "" where the system does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def path_of(directory: Path, generation: int, labels: str) -> Path:
    """Where the list of a generation is, with these labels."""
    return directory / f"{generation:08d}-{digest_of(labels)}.list"


def digest_of(labels: str) -> str:
    """What stands for labels in a list's name."""
    return xxhash.xxh3_64_hexdigest(labels.encode())


def generation_of(path: Path) -> int:
    """The generation whose list has this name."""
    return int(path.name.split("-")[0])


def read(path: Path) -> Listed | None:
    """A list as it was written, or None where it is not there, not that, or of another format."""
    try:
        seal, _, text = path.read_bytes().partition(b"\n")
        if seal.decode("ascii") != xxhash.xxh3_128_hexdigest(text):
            return None
        listed = msgspec.json.decode(text, type=Listed)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError):
        return None
    return listed if listed.format == FORMAT else None


def write(path: Path, listed: Listed) -> None:
    """Write a list; with it its files are there."""
    text = msgspec.json.encode(listed)
    seal = xxhash.xxh3_128_hexdigest(text).encode("ascii")
    temporary = path.with_name(path.name + disk.TEMPORARY)
    with disk.named(path):
        temporary.write_bytes(seal + b"\n" + text)  # not flushed, as the files are not: the seal tells
        temporary.rename(path)
