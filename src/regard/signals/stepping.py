"""The column cache: the steps of every customer as mapped columns, made of the lake, brought up to date with it.

One file a bucket of customers, one beside it of what came since, and one list a generation of the lake. A reader that
holds its generation finds the list
of it and maps the files: it takes no lock and waits for nobody. Whoever finds no list makes it, of the newest one
there is: files of rows that came since are woven in, rows hidden since are taken out, labels looked up again where
they changed. Where base files of the lake are others than before, all is made again. Nothing here is the truth: what is
damaged or half written is not listed, or is noticed, and is made again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from regard.signals import steplists
from regard.signals.arranging import arrange
from regard.signals.cluster import Cluster
from regard.signals.stepbuckets import mapped
from regard.store import disk, tables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from regard.signals.arranging import Arranged
    from regard.signals.declarations import Declarations
    from regard.signals.steplists import Listed
    from regard.signals.workspace import Workspace
    from regard.steps.columns import Elsewhere, Steps
    from regard.store.columnfiles import ColumnFile
    from regard.store.lake import Generation

DIRECTORY = "steps"
LOCK = "steps.lock"


@dataclass(frozen=True)
class Made:
    """The steps of one generation.

    Attributes:
        steps: One slice a bucket.
        busiest: Per slice, (c,) most steps of each customer in any 24 hours.
        end: The last moment something happened.
    """

    steps: tuple[Steps, ...]
    busiest: tuple[NDArray[np.int32], ...]
    end: int


NO_STEPS = Made((), (), 0)
"""Those of an empty log."""


class Stepping:
    """The column cache of one workspace.

    Args:
        workspace: Whose.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.directory = workspace.root / DIRECTORY
        self._open: tuple[str, Made] | None = None

    def of(self, generation: Generation, declared: Declarations) -> Made:
        """The steps of a generation the caller holds, made now where they are not yet."""
        for _ in self.bring(generation, declared):
            pass
        path = steplists.path_of(self.directory, generation.id, steplists.labels_of(declared))
        if self._open is None or self._open[0] != path.name:
            listed = steplists.read(path)
            assert listed is not None  # noqa: S101  it was brought a moment ago
            self._open = path.name, _mapped(self.directory, listed, self._elsewhere())
        return self._open[1]

    def bring(self, generation: Generation, declared: Declarations) -> Iterator[Arranged]:
        """Make the steps of a generation where they are not there, yielding progress."""
        labels = steplists.labels_of(declared)
        path = steplists.path_of(self.directory, generation.id, labels)
        if self._whole(path) is not None:
            return
        self.directory.mkdir(exist_ok=True)
        with disk.locked(self.directory / LOCK, what="arranging steps"):
            if self._whole(path) is None:
                yield from arrange(
                    self.workspace, self.directory, generation=generation, declared=declared, old=self._newest(labels)
                )
                self._collect()

    def refresh(self) -> Iterator[Arranged]:
        """Bring the steps to the newest generation, where anybody has asked for steps yet; yields progress."""
        newest = self.workspace.lake.newest()
        if newest is not None and self.directory.exists() and any(self.directory.glob("*.list")):
            yield from self.bring(newest, self.workspace.declarations()[1])

    def collect(self) -> None:
        """Remove lists of generations that are gone, and files no list names."""
        if self.directory.exists():
            with disk.locked(self.directory / LOCK, what="arranging steps"):
                self._collect()

    def damaged(self) -> list[Path]:
        """Files that are not what was written; every byte is read."""
        found = []
        for path in sorted(self.directory.glob("*.list")):
            listed = steplists.read(path)
            if listed is None:
                found.append(path)
                continue
            files = [self.directory / f.file for f in listed.files() if not self._as_written(f, thorough=True)]
            found += files
        return found

    def _whole(self, path: Path) -> Listed | None:
        """A list whose files are all as written, or None; a list that is not so is removed."""
        listed = steplists.read(path)
        if listed is not None:
            again = listed.boot != steplists.boot()
            if all(self._as_written(f, thorough=again) for f in listed.files()):
                if again:
                    steplists.write(path, replace(listed, boot=steplists.boot()))
                return listed
        path.unlink(missing_ok=True)
        return None

    def _as_written(self, file: ColumnFile, *, thorough: bool) -> bool:
        path = self.directory / file.file
        return disk.is_as_written(
            path, size=file.size, mtime_ns=file.mtime_ns, digest=file.checksum, thorough=thorough
        )  # fmt: skip

    def _elsewhere(self) -> Elsewhere | None:
        """A cluster to work on the slices, where this installation has one."""
        master = self.workspace.settings.cluster
        return Cluster(master) if master else None

    def _newest(self, labels: str) -> Listed | None:
        """The newest list with these labels whose files are as written."""
        for path in sorted(self.directory.glob(f"*-{steplists.digest_of(labels)}.list"), reverse=True):
            if listed := self._whole(path):
                return listed
        return None

    def _collect(self) -> None:
        with self.workspace.state.reading() as connection:
            held = set(connection.execute(select(tables.generations.c.id)).scalars())
        known = {LOCK}
        for path in self.directory.glob("*.list"):
            listed = steplists.read(path) if steplists.generation_of(path) in held else None
            if listed is not None:
                known |= {path.name, *(f.file for f in listed.files())}
        disk.clean(self.directory, known)


def _mapped(directory: Path, listed: Listed, elsewhere: Elsewhere | None) -> Made:
    """The slices of a list, mapped."""
    slices, most, place = [], [], str(directory.resolve())
    for bucket in listed.buckets:
        paths = [f"{place}/{f.file}" if f else "" for f in (bucket.file, bucket.tail)]
        given = (*paths, listed.names, listed.values)
        steps, busiest = mapped(Path(paths[0]), Path(paths[1]) if bucket.tail else None, listed.names, listed.values)
        slices.append(replace(steps, address=(opened, given), elsewhere=elsewhere))
        most.append(busiest)
    return Made(tuple(slices), tuple(most), max((b.last for b in listed.buckets), default=0))


def opened(path: str, tail: str, names: tuple[str, ...], values: Mapping[str, tuple[str, ...]]) -> Steps:
    """The steps of one bucket's files, mapped; any process that sees the files can do it.

    Args:
        path: The file of what was arranged.
        tail: That of what came since; "" for none.
        names: What the codes of steps mean.
        values: Per dimension, what its codes mean.
    """
    return mapped(Path(path), Path(tail) if tail else None, names, values)[0]
