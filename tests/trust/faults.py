"""A disk that fails when it is told to, and one whose power goes: `faults.c`, built with the machine's own compiler.

A trace of every operation of one process lets any moment be made again as it would lie on the disk had the power gone:
of each file what was flushed and a prefix of what came after, of each directory the names that were flushed and a
prefix, in order, of later ones.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("faults.c")
NAMES = {"rename", "link", "unlink", "mkdir", "rmdir", "create"}


def built(directory):
    """The library; skips the test where it cannot be built or would not be loaded."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not Path("/proc/self/fd").exists():
        pytest.skip("a failing disk needs a C compiler and Linux")
    target = Path(directory) / "faults.so"
    if not target.exists():
        words = [compiler, "-shared", "-fPIC", "-O1", "-o", str(target), str(SOURCE), "-ldl", "-lpthread"]
        made = subprocess.run(words, capture_output=True, text=True, check=False)
        if made.returncode:
            pytest.skip(f"the failing disk cannot be built here: {made.stderr[:200]}")
    return target


def failing(library, root, *, at=0, how="eio", count=None, trace=None):
    """The environment of a process whose disk fails at an operation below a directory."""
    given = {"LD_PRELOAD": str(library), "FAULTS_ROOT": str(root), "FAULTS_AT": str(at), "FAULTS_HOW": how}
    given |= {"FAULTS_COUNT": str(count)} if count else {}
    return given | ({"FAULTS_TRACE": str(trace)} if trace else {})


@dataclass
class _File:
    """What one file holds, what of it was flushed, and what was asked since."""

    flushed: bytes = b""
    since: list = field(default_factory=list)

    def with_first(self, number, chance=None):
        """Its bytes with so many of the later operations done, the last of them by half where chance says so."""
        data = bytearray(self.flushed)
        for n, (where, new) in enumerate(self.since[:number]):
            if new is None:
                del data[where:]
                data.extend(bytes(where - len(data)))
                continue
            part = new[: len(new) // 2] if chance and n == number - 1 and chance.random() < 0.5 else new
            data.extend(bytes(max(0, where - len(data))))
            data[where : where + len(part)] = part
        return bytes(data)


class Trace:
    """Every operation of a process, in order.

    Args:
        path: What `faults.c` wrote.
        root: The directory it looked at.
    """

    def __init__(self, path, root):
        self.root, self.steps = Path(root), []
        data, at = Path(path).read_bytes(), 0
        while at < len(data):
            end = data.index(b"\n", at)
            word, *rest = data[at:end].decode().split("\t")
            at = end + 1
            if word == "write":
                number, where, length = map(int, rest)
                self.steps.append((word, number, where, data[at : at + length]))
                at += length + 1
            else:
                self.steps.append((word, int(rest[0]), *rest[1:]))

    def write_image(self, directory, upto, seed, *, everything=()):
        """Write what lies on the disk when the power goes after so many operations.

        Args:
            directory: Where to.
            upto: How many operations were done.
            seed: Which of the unflushed ones reached the disk; None: not one.
            everything: Names of files of which all is there, flushed or not: what the world outside was told.
        """
        files, names, pending = self._replay(upto, everything)
        chance = random.Random(seed) if seed is not None else None
        for step in pending[: chance.randrange(len(pending) + 1) if chance else 0]:
            _name(names, step)
        for path, number in names.items():
            target = Path(directory) / Path(path).relative_to(self.root)
            if number == "directory":
                target.mkdir(parents=True, exist_ok=True)
            elif not path.endswith("-shm"):  # shared memory is made again
                target.parent.mkdir(parents=True, exist_ok=True)
                file = files.get(number, _File())
                whole = Path(path).name in everything
                kept = len(file.since) if whole else chance.randrange(len(file.since) + 1) if chance else 0
                target.write_bytes(file.with_first(kept, None if whole else chance))

    def _replay(self, upto, everything):
        files, names, pending = {}, {}, []
        for step in self.steps[:upto]:
            word, number = step[:2]
            if word == "write":
                files.setdefault(number, _File()).since.append((step[2], step[3]))
            elif word == "truncate":
                files.setdefault(number, _File()).since.append((int(step[2]), None))
            elif word == "sync":
                file = files.setdefault(number, _File())
                file.flushed, file.since = file.with_first(len(file.since)), []
            elif word == "list":
                for one in [s for s in pending if step[2] in _parents(s)]:
                    _name(names, one)
                pending = [s for s in pending if step[2] not in _parents(s)]
            elif word in NAMES:
                if Path(step[2]).name in everything:
                    _name(names, step)
                else:
                    pending.append(step)
        return files, names, pending


def _parents(step):
    return {str(Path(path).parent) for path in step[2:] if path}


def _name(names, step):
    """One change of names."""
    word, number, first, *second = step
    if word == "create":
        names[first] = number
    elif word == "mkdir":
        names[first] = "directory"
    elif word in {"unlink", "rmdir"}:
        names.pop(first, None)
    elif first in names:
        names[second[0]] = names[first]
        if word == "rename":
            del names[first]


def traced(library, root, words, trace):
    """Run a process under a trace; what it wrote down."""
    environment = {**os.environ, **failing(library, root, trace=trace)}
    ran = subprocess.run([str(w) for w in words], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return Trace(trace, root)
