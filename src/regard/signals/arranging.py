"""How the steps of a generation are arranged as columns: all again from the lake, or what came since woven in."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from regard.signals import steplists
from regard.signals.stepbuckets import SOON, Bucketing, Lost, rows_of
from regard.signals.steplists import Bucket, Listed
from regard.signals.steprows import OTHERS, STEP_KINDS, Hidden, Rows, Source, Vocabulary, Words
from regard.signals.views import connect
from regard.steps.weaving import united, whose
from regard.store import columnfiles
from regard.store.buckets import bounds
from regard.store.pace import abreast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    import duckdb

    from regard.signals.declarations import Declarations, Dimension
    from regard.signals.workspace import Workspace
    from regard.steps.columns import Codes, Whole
    from regard.steps.weaving import Spells
    from regard.store.columnfiles import ColumnFile
    from regard.store.lake import Generation, LakeFile

BASE, RUN, HIDDEN = "base", "run", "hidden"


@dataclass(frozen=True, kw_only=True)
class Arranged:
    """How far the arranging of steps is: buckets done of all."""

    done: int
    total: int
    what: str = "arranging steps"


def arrange(
    workspace: Workspace, directory: Path, *, generation: Generation, declared: Declarations, old: Listed | None
) -> Iterator[Arranged]:
    """Write the steps of a generation and their list, yielding progress.

    Args:
        workspace: Whose.
        directory: Where the files go.
        generation: Of the lake; held by the caller.
        declared: Dimensions and time zone.
        old: The list to go on from; None makes all again.
    """
    continued = old if old is not None and _continues(old, generation) else None
    given = workspace.settings
    with ExitStack() as opened:

        def connection() -> duckdb.DuckDBPyConnection:
            return opened.enter_context(connect(memory=given.memory, threads=given.threads, spill=workspace.spill()))

        for start in (continued, None) if continued else (None,):
            words = _words(declared.dimensions, start)
            source = Source(workspace.lake, connection, declared.dimensions, words, declared.time_zone)
            try:
                making = Making(workspace, directory, generation, source, start)
                yield from making.run()
                listed = making.listed(steplists.labels_of(declared))
                steplists.write(steplists.path_of(directory, generation.id, listed.labels), listed)
            except Lost:
                continue
            return


def _continues(old: Listed, generation: Generation) -> bool:
    """Whether what came since can be told: the bases are the same, but for kinds that had no rows before."""
    if old.generation >= generation.id:
        return False
    for kind in STEP_KINDS:
        had, has = set(_names(old.seen, kind, role=BASE)), set(_files(generation, kind, BASE))
        first = not had and not _names(old.seen, kind, role=RUN)
        if had - has or (has - had and not first):
            return False
    return True


def _names(seen: dict[str, tuple[str, ...]], kind: str, *, role: str) -> tuple[str, ...]:
    return seen.get(f"{kind} {role}", ())


def _files(generation: Generation, kind: str, role: str) -> tuple[str, ...]:
    return tuple(f.file for f in generation.of(kind, role))


def _words(dimensions: tuple[Dimension, ...], old: Listed | None) -> Words:
    values = old.values if old else {}
    named = {d.name: Vocabulary(values.get(d.name) or ("",)) for d in dimensions}
    return Words(Vocabulary(old.names if old else ()), named)


@dataclass
class Making:
    """The making of one list.

    Attributes:
        workspace: Whose.
        directory: Where the files go.
        generation: Of the lake.
        source: Where rows come from.
        old: The list to go on from, or None.
    """

    workspace: Workspace
    directory: Path
    generation: Generation
    source: Source
    old: Listed | None
    made: list[Bucket] = field(default_factory=list)
    runs: list[Rows] = field(default_factory=list)
    gone: list[tuple[Whole, Whole, Codes]] = field(default_factory=list)

    def run(self) -> Iterator[Arranged]:
        """Write every bucket's file."""
        lake, generation = self.source.lake, self.generation
        standing = generation.of("derived", "standing")
        self.standing = standing[0].checksum if standing else ""
        self.relabel = self.old is None or self.old.standing != self.standing
        self.hidden = {kind: Hidden.of(lake, generation.of(kind, HIDDEN)) for kind in STEP_KINDS}
        self._take_out()
        self._read_runs()
        self.bucketing = Bucketing(self.directory, self.source.dimensions, self._spells(), self.relabel)
        self.olds = {b.number: b for b in self.old.buckets} if self.old else {}
        self.folding = _ripe(self.olds.values()) if self.runs or self.gone else None
        total = self.workspace.buckets
        for number, bucket in abreast(self._bucket, range(total)):
            self.made += [bucket] if bucket else []
            yield Arranged(done=number + 1, total=total)

    def listed(self, labels: str) -> Listed:
        """The list of what was made."""
        words = self.source.words
        return Listed(
            generation=self.generation.id, position=self.generation.position, labels=labels,
            names=tuple(words.names.texts), values={n: tuple(v.texts) for n, v in words.values.items()},
            buckets=tuple(self.made), seen=_seen(self.generation), hidden=self._keep_hidden(),
            standing=self.standing, boot=steplists.boot(),
        )  # fmt: skip

    # ------------------------------------------------------------------ what changed

    def _spells(self) -> dict[str, Spells]:
        """Labels of everybody, or, where nobody's changed, of those with new steps."""
        if self.relabel:
            return self.source.spells(self.generation)
        if not self.runs or not self.standing:
            return {}
        ids = np.zeros(0, np.int64)
        for rows in self.runs:
            ids = united(ids, whose(rows.customer)[0])
        return self.source.spells(self.generation, ids)

    def _read_runs(self) -> None:
        """What the files beside the bases hold, and, going on from a list, only what came since."""
        generation = self.generation
        files = {kind: self._fresh(kind) for kind in STEP_KINDS}
        since = (self.old.position, self.old.generation) if self.old else None
        for file in files["event"]:
            self.runs.append(self.source.events(file, self.hidden["event"], since=since))
        if any(files[kind] for kind in OTHERS):
            hidden = {kind: generation.of(kind, HIDDEN) for kind in OTHERS}
            self.runs.append(self.source.others({kind: files[kind] for kind in OTHERS}, hidden, since=since))
        self.runs = [rows for rows in self.runs if len(rows.customer)]

    def _fresh(self, kind: str) -> list[LakeFile]:
        """Files to be read before the buckets: those not seen before; of events made again, the runs alone."""
        roles = (RUN,) if kind == "event" and self.old is None else (BASE, RUN)
        seen = {name for role in roles for name in (_names(self.old.seen, kind, role=role) if self.old else ())}
        return [f for f in self.generation.of(kind, *roles) if f.file not in seen]

    def _take_out(self) -> None:
        """What was hidden since the list that is gone on from."""
        if self.old is None:
            return
        kept = columnfiles.read(self.directory / self.old.hidden.file)
        for number, kind in enumerate(STEP_KINDS):
            mine = kept["kind"] == number
            new = self.hidden[kind].less(Hidden(kept["position"][mine], kept["moved"][mine]))
            new = new.those((new.position < self.old.position) & (new.moved <= self.old.generation))
            if len(new.position):
                self.gone.append(self.source.taken_out(kind, self.generation.of(kind, BASE, RUN), new))

    def _keep_hidden(self) -> ColumnFile:
        parts = [self.hidden[kind] for kind in STEP_KINDS]
        columns = {
            "kind": np.repeat(np.arange(len(parts)), [len(p.position) for p in parts]),
            "position": np.concatenate([p.position for p in parts]),
            "moved": np.concatenate([p.moved for p in parts]),
        }
        return columnfiles.write(self.directory / f"hidden-{uuid4().hex[:12]}.steps", columns)

    # ------------------------------------------------------------------ one bucket

    def _bucket(self, number: int) -> tuple[int, Bucket | None]:
        """A bucket's files: the old ones where nothing changed in it."""
        low, high = bounds(number, self.workspace.buckets)
        new = [part for rows in self.runs if len((part := rows.part(low, high)).customer)]
        if self.old is None:
            bases = [f for f in self.generation.of("event", BASE) if f.bucket == number]
            new += [self.source.events(f, self.hidden["event"]) for f in bases]
        gone = [g for g in (_between(g, low, high) for g in self.gone) if len(g[0])]
        old, rows = self.olds.get(number), rows_of(new)
        if old is None:
            if gone:
                raise Lost
            return number, None if rows is None else self.bucketing.made(number, rows)
        fold = number == self.folding
        if rows is None and not gone and not self.relabel and not fold:
            return number, old
        return number, self.bucketing.refreshed(old, rows, gone, fold=fold)


def _ripe(buckets: Iterable[Bucket]) -> int | None:
    """The bucket whose tail is the largest beside its base, where that is worth writing it anew."""
    shares = [(b.tail_steps / max(b.steps, 1), b.number) for b in buckets if b.tail]
    share, number = max(shares, default=(0.0, 0))
    return number if share > SOON else None


def _between(gone: tuple[Whole, Whole, Codes], low: int, high: int) -> tuple[Whole, Whole, Codes]:
    mine = (gone[0] >= low) & (gone[0] <= high)
    return gone[0][mine], gone[1][mine], gone[2][mine]


def _seen(generation: Generation) -> dict[str, tuple[str, ...]]:
    return {f"{kind} {role}": _files(generation, kind, role) for kind in STEP_KINDS for role in (BASE, RUN)}
