"""What a stranger can do: run ``regard`` commands as processes, kill them, look at the files that are left."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

import regard

REGARD = str(Path(sys.executable).with_name("regard"))

PASSING = {"arguments", "computed_at", "position", "exported", "command", "declarations", "seconds", "complete"}
"""What an answer says of when it was given; everything else must be the same."""


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str
    seconds: float = 0.0

    @property
    def json(self):
        """The one object on standard output."""
        return json.loads(self.out)

    @property
    def said(self):
        """Everything a person would have read."""
        return self.out + self.err

    def unforeseen(self):
        """Whether the product itself did not know what happened: a traceback, or words to that effect."""
        return "Traceback" in self.said or "did not foresee" in self.said

    def refused_clearly(self):
        """An error with one of the codes of the house that says what, where and what next."""
        if self.code not in {1, 2, 4, 6} or self.unforeseen():
            return False
        error = self.json["error"]
        return bool(error["message"] and error["where"] and error["hint"])


def environment(**given):
    """The environment of a command: small, and without what would turn errors into tracebacks."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("REGARD_")}
    return {**kept, "REGARD_MEMORY": "400MB", "REGARD_THREADS": "1", **given}


def start(*words, before=(), **given):
    """Start a command as the leader of a group of processes of its own; ``before`` are words that stand before it."""
    return subprocess.Popen(
        [*before, REGARD, *map(str, words)], env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True, **given,
    )  # fmt: skip


def ended(process, timeout=120):
    """Wait for a command; what it said."""
    out, err = process.communicate(timeout=timeout)
    return Ran(process.returncode, out, err)


def run(*words, timeout=120, **given):
    """Run a command to its end."""
    begun = time.monotonic()
    found = ended(start(*words, **given), timeout)
    return Ran(found.code, found.out, found.err, time.monotonic() - begun)


def kill_at(process, root, change, pause, observe=lambda: None):
    """Let a command work until so many changes of the files under a directory were seen, wait a little, look at what
    it acknowledged, and kill it with all its children.

    Counting changes, not seconds, reaches the moments that matter whether the machine is idle or busy.

    Returns:
        Whether it was killed while it worked; what was observed just before; the changes seen.
    """
    seen, count = _look(root), 0
    while process.poll() is None:
        now = _look(root)
        if now != seen:
            seen, count = now, count + 1
            if count >= change:
                time.sleep(pause)
                observed = observe()
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
                return process.returncode == -signal.SIGKILL, observed, count
        time.sleep(0.001)
    process.communicate()
    return False, observe(), count


def _look(root):
    """Names, sizes and times of everything under a directory, as far as it stands still while one looks."""
    found = set()
    for directory in [root, *(Path(d) for d in os.scandir(root) if d.is_dir())]:
        with suppress(OSError):
            for entry in os.scandir(directory):
                with suppress(OSError):
                    stat = entry.stat()
                    found.add((entry.path, stat.st_size, stat.st_mtime_ns))
    return found


def limited_to(size):
    """For a process to be: no file may grow beyond so many bytes."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


@dataclass(frozen=True)
class Shop:
    """A workspace, worked on by commands only.

    Where it is not thorough, counts are read from the database and one question, asked in this process, stands for
    all: a command takes a second to start, and ``make test`` has many checks to make.
    """

    root: Path
    thorough: bool = True

    def run(self, *words, **given):
        """Run a command on it, with its answer as JSON."""
        return run(*words, "-w", self.root, "--json", **given)

    def done(self, *words, **given):
        """Run a command that must succeed; its JSON."""
        ran = self.run(*words, **given)
        assert ran.code == 0, f"{words} ended with {ran.code}: {ran.said[-3000:]}"
        return ran.json

    def start(self, *words):
        """Start a command on it."""
        return start(*words, "-w", self.root, "--json")

    def copy(self, to):
        """A copy, times and all."""
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.root, to)
        return Shop(to, self.thorough)

    def ledger(self):
        """The four outcomes; that they add up is checked each time they are asked."""
        names = ("received", "stored", "duplicate", "held_back", "refused")
        if self.thorough:
            told = self.done("ledger")
            rows = [{n: row[n] for n in names} for row in (told, *told["sources"])]
        else:
            sums = ", ".join(f"coalesce(sum({n}), 0)" for n in names)
            rows = [
                dict(zip(names, r, strict=True)) for r in self.read(f"SELECT {sums} FROM batches WHERE undone IS NULL")
            ]
        for row in rows:
            assert row["received"] == row["stored"] + row["duplicate"] + row["held_back"] + row["refused"], rows
        return rows[0]

    @property
    def question(self):
        """The words of the question asked."""
        return ("report",) if self.thorough else ("journey", "map")

    def answers(self):
        """What it answers, without what differs from one asking to the next; through Python where not thorough."""
        if self.thorough:
            return settled(self.done(*self.question))
        with regard.open(self.root) as company:
            company.settle()
            return settled(msgspec.json.decode(msgspec.json.encode(company.ask("/".join(self.question)))))

    @staticmethod
    def settled(ran):
        """The same of a command that ran."""
        return settled(ran.json)

    def read(self, sql):
        """Rows of the workspace's database, as any other process can read them this moment."""
        with closing(sqlite3.connect(f"file:{self.root / 'state.sqlite'}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(sql).fetchall()

    def acknowledged(self):
        """Rows stored by now; 0 before there is a workspace."""
        try:
            return self.read("SELECT coalesce(sum(stored), 0) FROM batches")[0][0]
        except sqlite3.OperationalError:
            return 0

    def erasures(self):
        """How many erasures were begun."""
        return self.read("SELECT count(*) FROM record WHERE name = 'erase'")[0][0]

    def left_over(self):
        """Files that nobody will ever read again: temporary ones, and those no list names."""
        known = {
            name: {row[0] for row in self.read(f"SELECT file FROM {table}")}
            for name, table in (("inbox", "segments"), ("ids", "id_runs"), ("lake", "lake_files"))
        }
        found = list(self.root.rglob("*.tmp"))
        found += [p for p in (self.root / "spill").rglob("*") if p.is_file()]
        for name, files in known.items():
            found += [
                p for p in (self.root / name).iterdir() if p.suffix not in {".lock", ".log"} and p.name not in files
            ]
        return sorted(str(p.relative_to(self.root)) for p in found)


def settled(answer):
    """An answer without when it was given; numbers to nine digits, for sums depend on their order in the last ones."""
    if isinstance(answer, dict):
        return {k: settled(v) for k, v in answer.items() if k not in PASSING}
    if isinstance(answer, list):
        return [settled(v) for v in answer]
    return float(f"{answer:.9g}") if isinstance(answer, float) else answer


def mentions(root, words):
    """Files under a directory that hold any of the words: as bytes, unpacked, or in columns that compression hides.

    A file that claims to be Parquet and cannot be read is named as well: nobody can say what it holds.
    """
    found = []
    for path in sorted(Path(root).rglob("*")):
        if path.is_file():
            text = _everything_in(path)
            found += [f"{path.relative_to(root)}: {w}" for w in words if text is None or w.lower().encode() in text]
    return found


def _everything_in(path):
    """Name, bytes, and what compression hides, in small letters; None where that cannot be read."""
    raw = path.read_bytes()
    text = [str(path).lower().encode(), raw.lower()]
    if raw[:2] == b"\x1f\x8b":
        text.append(gzip.decompress(raw).lower())
    if raw[:4] == b"PAR1" or ".parquet" in path.name:
        try:
            table = pq.read_table(pa.BufferReader(raw))
        except (pa.ArrowException, OSError):
            return None
        for column in table.columns:
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_binary(kind):
                values = {v for chunk in column.chunks for v in chunk.cast(kind).unique().to_pylist() if v is not None}
                text += [str(v).lower().encode() for v in values]
    return b"\n".join(text)
