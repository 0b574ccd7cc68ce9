"""How the steps of a generation are arranged as columns: all again from the lake, or what came since woven in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from regard.signals import steplists
from regard.signals.steplists import Bucket, Listed
from regard.signals.steprows import OTHERS, STEP_KINDS, Hidden, Rows, Source, Vocabulary, Words, together
from regard.signals.views import connect
from regard.steps.weaving import as_then, before, busiest, joined, whose, without, woven
from regard.store import columnfiles
from regard.store.buckets import bounds
from regard.store.pace import abreast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

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


class Lost(Exception):
    """A step that should be taken out is not where it should be: all is made again."""


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
    with connect(memory=given.memory, threads=given.threads, spill=workspace.spill()) as connection:
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
    spells: dict[str, Spells] = field(default_factory=dict)

    def run(self) -> Iterator[Arranged]:
        """Write every bucket's file."""
        lake, generation = self.source.lake, self.generation
        standing = generation.of("derived", "standing")
        self.standing = standing[0].checksum if standing else ""
        self.relabel = self.old is None or self.old.standing != self.standing
        self.hidden = {kind: Hidden.of(lake, generation.of(kind, HIDDEN)) for kind in STEP_KINDS}
        self._take_out()
        self._read_runs()
        if self.relabel or any(len(r.customer) for r in self.runs):
            self.spells = self.source.spells(generation)
        self.olds = {b.number: b for b in self.old.buckets} if self.old else {}
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

    def _read_runs(self) -> None:
        """What the files beside the bases hold, and, going on from a list, only what came since."""
        generation = self.generation
        files = {kind: self._fresh(kind) for kind in STEP_KINDS}
        since = (self.old.position, self.old.generation) if self.old else None
        for file in files["event"]:
            self.runs.append(self.source.events(file, self.hidden["event"], since=since))
        hidden = {kind: generation.of(kind, HIDDEN) for kind in OTHERS}
        self.runs.append(self.source.others({kind: files[kind] for kind in OTHERS}, hidden, since=since))

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
        """A bucket's file: the old one where nothing changed in it."""
        low, high = bounds(number, self.workspace.buckets)
        new = [part for rows in self.runs if len((part := rows.part(low, high)).customer)]
        if self.old is None:
            bases = [f for f in self.generation.of("event", BASE) if f.bucket == number]
            new += [self.source.events(f, self.hidden["event"]) for f in bases]
        gone = [g for g in (_between(g, low, high) for g in self.gone) if len(g[0])]
        old = self.olds.get(number)
        if old is not None and not new and not gone and not self.relabel:
            return number, old
        if old is None and not new:
            return number, None
        there = columnfiles.read(self.directory / old.file.file, at_once=True) if old else None
        for each in gone:
            there = self._without(there, each)
        columns = self._together(there, together(new) if new else None)
        last = max(old.last if old else 0, max((int(r.time[r.last].max()) for r in new if r.last.any()), default=0))
        file = columnfiles.write(self.directory / f"bucket-{number:03d}-{uuid4().hex[:12]}.steps", columns)
        return number, Bucket(number=number, file=file, steps=len(columns["times"]), last=last)

    def _without(
        self, there: dict[str, NDArray[Any]] | None, gone: tuple[Whole, Whole, Codes]
    ) -> dict[str, NDArray[Any]]:
        """A bucket's columns less what was taken out.

        Raises:
            Lost: It is not there.
        """
        if there is None:
            raise Lost
        stay = without(there["customers"], there["starts"], there["times"], there["codes"], gone)
        if stay is None:
            raise Lost
        left = np.add.reduceat(stay, there["starts"][:-1], dtype=np.int64) if len(stay) else np.zeros(0, np.int64)
        rowwise = {n: c[stay] for n, c in there.items() if n not in {"customers", "starts", "busiest"}}
        some = left > 0
        starts = np.append(0, np.cumsum(left[some]))
        most = busiest(starts, rowwise["times"], np.arange(int(some.sum())))
        return {"customers": there["customers"][some], "starts": starts, "busiest": most, **rowwise}

    def _together(self, there: dict[str, NDArray[Any]] | None, new: Rows | None) -> dict[str, NDArray[Any]]:
        """A bucket's columns with new rows woven in, and labels looked up where they may have changed."""
        if new is None:
            assert there is not None  # noqa: S101  one of the two is
            columns = dict(there)
        else:
            ids, edges = whose(new.customer)
            fresh: dict[str, NDArray[Any]] = {"times": new.time, "codes": new.code, "failed": new.failed}
            fresh |= {f"own.{name}": codes for name, codes in new.own.items()}
            fresh |= self._labelled(ids, edges, fresh)
            if there is None or not len(there["times"]):
                columns = {"customers": ids, "starts": edges, **fresh}
            else:
                place = before(there["customers"], there["starts"], there["times"], new.customer, new.time)
                customers, starts = joined(there["customers"], there["starts"], ids, edges)
                columns = {"customers": customers, "starts": starts}
                columns |= {name: woven(there[name], place, column) for name, column in fresh.items()}
            columns["busiest"] = _busiest(columns, there, ids)
        if self.relabel and there is not None:
            columns |= self._labelled(columns["customers"], columns["starts"], columns)
        return columns

    def _labelled(self, customers: Whole, starts: Whole, columns: dict[str, NDArray[Any]]) -> dict[str, Codes]:
        found = {}
        for d in self.source.dimensions:
            spells, own = self.spells.get(d.name), columns.get(f"own.{d.name}")
            if spells is None:
                found[f"label.{d.name}"] = np.zeros(len(columns["times"]), np.uint16) if own is None else own
            else:
                now = d.when == "now"
                found[f"label.{d.name}"] = as_then(customers, starts, columns["times"], spells, now=now, own=own)
        return found


def _busiest(columns: dict[str, NDArray[Any]], there: dict[str, NDArray[Any]] | None, touched: Whole) -> NDArray[Any]:
    """The busiest day of each customer, looked at again of those with new steps alone."""
    customers, starts, times = columns["customers"], columns["starts"], columns["times"]
    if there is None or len(touched) == len(customers):
        return busiest(starts, times, np.arange(len(customers)))
    found = np.zeros(len(customers), np.int32)
    found[np.searchsorted(customers, there["customers"])] = there["busiest"]
    at = np.searchsorted(customers, touched)
    found[at] = busiest(starts, times, at)
    return found


def _between(gone: tuple[Whole, Whole, Codes], low: int, high: int) -> tuple[Whole, Whole, Codes]:
    mine = (gone[0] >= low) & (gone[0] <= high)
    return gone[0][mine], gone[1][mine], gone[2][mine]


def _seen(generation: Generation) -> dict[str, tuple[str, ...]]:
    return {f"{kind} {role}": _files(generation, kind, role) for kind in STEP_KINDS for role in (BASE, RUN)}
