"""One bucket of the column cache: its base, what came since in a tail, and how both are brought up to date."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

from regard.signals.steplists import Bucket
from regard.signals.steprows import together
from regard.steps.columns import NEVER, Coded, Steps
from regard.steps.tailing import (
    NEW,
    OF_CUSTOMERS,
    Both,
    Moving,
    busiest_after,
    differing,
    everything,
    moved,
    moving,
)
from regard.steps.weaving import as_then, before, busiest, whose, without, woven
from regard.store import columnfiles

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from regard.signals.declarations import Dimension
    from regard.signals.steprows import Rows
    from regard.steps.columns import Codes, Truths, Whole
    from regard.steps.tailing import Columns
    from regard.steps.weaving import Spells

MOST = 0.2
"""A tail as large as this share of its base becomes part of it. Until then it is read beside it, which costs little."""
SOON = 0.04
"""Of tails from this share on, the largest becomes part of its base with each refresh: one bucket at a time."""

Gone = tuple["Whole", "Whole", "Codes"]


class Lost(Exception):
    """A step that should be taken out is not where it should be: all is made again."""


@dataclass(frozen=True)
class Bucketing:
    """What is the same for all buckets of one refresh.

    Attributes:
        directory: Where the files are.
        dimensions: Those declared.
        spells: Per dimension, what labels customers have.
        relabel: Those of steps there are may have changed.
    """

    directory: Path
    dimensions: tuple[Dimension, ...]
    spells: Mapping[str, Spells]
    relabel: bool

    def made(self, number: int, rows: Rows) -> Bucket:
        """A bucket of these rows alone."""
        ids, columns = self._fresh(rows)
        columns = {**columns, "busiest": busiest(columns["starts"], columns["times"], np.arange(len(ids)))}
        return self._written(number, columns, None, 0, _last(rows))

    def refreshed(self, old: Bucket, rows: Rows | None, gone: Sequence[Gone], *, fold: bool) -> Bucket:
        """A bucket with rows that came and without those that went.

        Args:
            old: What there is.
            rows: New ones.
            gone: Customers, times and codes of those that no longer stand.
            fold: Base and tail become one.

        Raises:
            Lost: A step to be taken out is not there.
        """
        both = opened(self.directory, old)
        touched, since, less = _touched(rows, gone)
        what = moving(both, touched, since, self._differing(both) if self.relabel else None)
        more = 0 if rows is None else len(rows.time)
        fold = fold or what.rows + more > MOST * len(both.base["times"])
        if not fold and not len(touched) and not what.rows:
            return old
        what = everything(both, touched) if fold else what
        columns = self._together(_without(moved(both, what), gone), rows)
        if self.relabel:
            columns |= self._labelled(columns["customers"], columns["starts"], columns)
        most = busiest_after(both, what, columns, touched, since, less=less)
        columns = {"customers": columns["customers"], "starts": columns["starts"], "busiest": most, **columns}
        last = max(old.last, _last(rows))
        if fold:
            return self._written(old.number, _somebodys(columns), None, 0, last)
        stays = old.steps - old.tail_steps - _left(what)
        columns["cuts"] = np.where(what.known, what.cuts, NEW)
        return self._written(old.number, columns, old, stays, last)

    def _differing(self, both: Both) -> Whole:
        """The first row of each customer whose label in any dimension is another now; -1 for none."""
        found = np.full(len(both.base["customers"]), NEVER)
        for d in self.dimensions:
            if d.name in self.spells:
                first = differing(both, d.name, self.spells[d.name], now=d.when == "now")
                found = np.minimum(found, np.where(first < 0, NEVER, first))
        return np.where(found == NEVER, -1, found)

    def _written(self, number: int, columns: Columns, old: Bucket | None, stays: int, last: int) -> Bucket:
        """A new base, or, beside that of an old bucket, a new tail."""
        name = f"{'bucket' if old is None else 'tail'}-{number:03d}-{uuid4().hex[:12]}.steps"
        file, n = columnfiles.write(self.directory / name, columns), len(columns["times"])
        if old is None:
            return Bucket(number=number, file=file, steps=n, last=last)
        return Bucket(number=number, file=old.file, steps=stays + n, last=last, tail=file, tail_steps=n)

    def _fresh(self, rows: Rows) -> tuple[Whole, Columns]:
        """Rows as columns of whole customers, with labels."""
        ids, edges = whose(rows.customer)
        fresh: Columns = {"times": rows.time, "codes": rows.code, "failed": rows.failed}
        fresh |= {f"own.{name}": codes for name, codes in rows.own.items()}
        fresh |= self._labelled(ids, edges, fresh)
        return ids, {"customers": ids, "starts": edges, **fresh}

    def _together(self, there: Columns, rows: Rows | None) -> Columns:
        """Columns with new rows woven in."""
        if rows is None:
            return there
        ids, fresh = self._fresh(rows)
        place = before(there["customers"], there["starts"], there["times"], rows.customer, rows.time)
        more = np.zeros(len(there["customers"]), np.int64)
        more[np.searchsorted(there["customers"], ids)] = np.diff(fresh["starts"])  # all are there
        starts = there["starts"] + np.append(0, np.cumsum(more))
        columns: Columns = {"customers": there["customers"], "starts": starts}
        return columns | {n: woven(there[n], place, c) for n, c in fresh.items() if n not in OF_CUSTOMERS}

    def _labelled(self, customers: Whole, starts: Whole, columns: Columns) -> dict[str, Codes]:
        found = {}
        for d in self.dimensions:
            spells, own = self.spells.get(d.name), columns.get(f"own.{d.name}")
            if spells is None:
                found[f"label.{d.name}"] = np.zeros(len(columns["times"]), np.uint16) if own is None else own
            else:
                now = d.when == "now"
                found[f"label.{d.name}"] = as_then(customers, starts, columns["times"], spells, now=now, own=own)
        return found


def opened(directory: Path, bucket: Bucket) -> Both:
    """A bucket's files, mapped."""
    base = columnfiles.read(directory / bucket.file.file)
    return Both(base, columnfiles.read(directory / bucket.tail.file) if bucket.tail else None)


def mapped(
    base: Path, tail: Path | None, names: tuple[str, ...], values: Mapping[str, tuple[str, ...]]
) -> tuple[Steps, NDArray[np.int32]]:
    """The steps of one bucket and the busiest day of each customer; any process that sees the files can do it.

    Args:
        base: The file of what was arranged.
        tail: That of what came since.
        names: What the codes of steps mean.
        values: Per dimension, what its codes mean.
    """
    if tail is None:
        found = columnfiles.read(base)
        customers, starts, later, most = Both(found, None).parts(0)
    else:
        first, since, found = columnfiles.read_both(base, tail, apart=OF_CUSTOMERS)
        customers, starts, later, most = Both(first, since).parts(columnfiles.behind(len(first["times"])))
    labels = {name: Coded(found[f"label.{name}"], texts) for name, texts in values.items()}
    steps = Steps(customers, starts, found["times"], found["codes"], names, found["failed"], labels, later)
    return steps, most


def _touched(rows: Rows | None, gone: Sequence[Gone]) -> tuple[Whole, Whole, Truths]:
    """Who changes, up to which moment their steps stay, and of whom any are taken out."""
    none = np.zeros(0, np.int64)
    ids, edges = whose(rows.customer) if rows is not None else (none, none)
    since = none if rows is None else rows.time[edges[:-1]] - 1  # those of equal time lie in one part
    if not gone:
        return ids, since, np.zeros(len(ids), np.bool_)
    leavers = np.concatenate([g[0] for g in gone])
    every, place = np.unique(np.concatenate([ids, leavers]), return_inverse=True)
    until = np.full(len(every), NEVER)
    np.minimum.at(until, place, np.concatenate([since, *(g[1] - 1 for g in gone)]))
    less = np.zeros(len(every), np.bool_)
    less[place[len(ids) :]] = True
    return every, until, less


def _without(there: Columns, gone: Sequence[Gone]) -> Columns:
    """Columns less what was taken out; customers who have none left stay.

    Raises:
        Lost: It is not there.
    """
    for each in gone:
        stay = without(there["customers"], there["starts"], there["times"], there["codes"], each)
        if stay is None:
            raise Lost
        starts = np.append(0, np.cumsum(stay))[there["starts"]]
        rows = {n: c[stay] for n, c in there.items() if n not in OF_CUSTOMERS}
        there = {"customers": there["customers"], "starts": starts, **rows}
    return there


def _left(what: Moving) -> int:
    """How many of the base's steps stay no longer."""
    return int((what.stops - what.cuts)[what.known].sum())


def _somebodys(columns: Columns) -> Columns:
    """The same without customers who have no step left."""
    some = np.diff(columns["starts"]) > 0
    if some.all():
        return columns
    starts = np.append(columns["starts"][:-1][some], columns["starts"][-1])
    return columns | {"customers": columns["customers"][some], "starts": starts, "busiest": columns["busiest"][some]}


def _last(rows: Rows | None) -> int:
    """The last moment of what is no promise."""
    return int(rows.time[rows.last].max(initial=0)) if rows is not None else 0


def rows_of(parts: Sequence[Rows]) -> Rows | None:
    """Rows of several places in order, or nothing."""
    return together(parts) if parts else None
