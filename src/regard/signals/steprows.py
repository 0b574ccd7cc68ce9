"""Rows of the lake as steps: read, named and coded, one bucket of customers at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from regard.signals.derived import statement
from regard.signals.scope import label
from regard.signals.shapes import SETTLED
from regard.signals.views import read, standing_rows
from regard.steps.columns import EVER, MOST_NAMES, OTHER, Codes, Truths, Whole
from regard.steps.weaving import Spells, ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb

    from regard.signals.declarations import Dimension
    from regard.store.lake import Generation, Lake, LakeFile

STEP_KINDS = ("event", "contact", "order", "answer", "subscription", "review", "message", "promise")
"""Kinds of signal that are steps of a journey."""
OTHERS = STEP_KINDS[1:]


class Vocabulary:
    """Texts and their codes, which once given stay. Several threads may ask.

    Args:
        texts: Those known already, in the order of their codes.
    """

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self.texts = list(texts)
        self._codes = {text: code for code, text in enumerate(self.texts)}
        self._giving = threading.Lock()

    def code(self, text: str) -> int:
        """The code of a text; of more than can be told apart, that of all others."""
        found = self._codes.get(text)
        if found is not None:
            return found
        with self._giving:
            if len(self.texts) >= MOST_NAMES and text != OTHER:
                text = OTHER
            if text not in self._codes:
                self.texts.append(text)
                self._codes[text] = len(self.texts) - 1
            return self._codes[text]

    def codes(self, column: Any) -> Codes:
        """The codes of a column of texts; null is like an empty text."""
        one = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        one = one.chunk(0) if isinstance(one, pa.ChunkedArray) and one.num_chunks else one
        if not pa.types.is_dictionary(one.type):
            one = one.cast(pa.string()).dictionary_encode()
        indices = pc.fill_null(one.indices, -1).to_numpy(zero_copy_only=False)
        used = np.zeros(len(one.dictionary) + 1, np.bool_)
        used[indices] = True  # the last stands for null
        table = np.zeros(len(used), np.uint16)
        texts = [*one.dictionary.to_pylist(), ""]
        for place in np.flatnonzero(used).tolist():
            table[place] = self.code(texts[place] or "")
        found: Codes = table[indices]
        return found


@dataclass
class Words:
    """The vocabularies of one cache: names, and per dimension its values, of which the first is ""."""

    names: Vocabulary
    values: dict[str, Vocabulary]


@dataclass(frozen=True)
class Rows:
    """Steps in order of customer, time and position; ``last`` says which may be the log's last: no promise may."""

    customer: Whole
    time: Whole
    position: Whole
    code: Codes
    failed: Truths
    last: Truths
    own: dict[str, Codes] = field(default_factory=dict)

    def part(self, low: int, high: int) -> Rows:
        """The rows of customers from one hash to another, both included."""
        a, b = np.searchsorted(self.customer, low), np.searchsorted(self.customer, high, side="right")
        own = {name: codes[a:b] for name, codes in self.own.items()}
        return _rows({name: getattr(self, name)[a:b] for name in _COLUMNS}, own)


_COLUMNS = ("customer", "time", "position", "code", "failed", "last")


def together(parts: Sequence[Rows]) -> Rows:
    """Rows of several places in order."""
    names = parts[0].own if parts else {}
    if len(parts) == 1:
        columns, own = {name: getattr(parts[0], name) for name in _COLUMNS}, parts[0].own
    else:
        columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in _COLUMNS}
        own = {n: np.concatenate([p.own[n] for p in parts]) for n in names}
    order = ordered([columns[name] for name in ("customer", "time", "position")])
    if order is not None:
        columns, own = {n: c[order] for n, c in columns.items()}, {n: c[order] for n, c in own.items()}
    return _rows(columns, own)


def _rows(columns: dict[str, NDArray[Any]], own: dict[str, Codes]) -> Rows:
    return Rows(**columns, own=own)


class Source:
    """What steps are read from: some files of the lake.

    Args:
        lake: Where the files are.
        connecting: Opens a DuckDB, where one is needed.
        dimensions: Those declared.
        words: Vocabularies, which grow.
        zone: The company's time zone.
    """

    def __init__(
        self,
        lake: Lake,
        connecting: Callable[[], duckdb.DuckDBPyConnection],
        dimensions: Sequence[Dimension],
        words: Words,
        zone: str,
    ) -> None:
        self.lake, self.words, self.zone = lake, words, zone
        self._connecting, self._opening = connecting, threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self.dimensions = tuple(dimensions)
        self.signal = tuple(d for d in dimensions if d.of == "signal")

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB, opened by who needs it first."""
        with self._opening:
            if self._connection is None:
                self._connection = self._connecting()
            return self._connection

    def events(self, file: LakeFile, hidden: Hidden, *, since: tuple[int, int] | None = None) -> Rows:
        """The events of a file that stand, in order.

        Args:
            file: Base or run.
            hidden: Rows that no longer stand.
            since: Only rows from this position on, or moved by a settlement after this generation.
        """
        wanted = ["customer", "occurred_at", "position", "name", "error"]
        wanted += ["moved"] if len(hidden.position) or since else []
        wanted += ["labels"] if self.signal else []
        texts = [name for name in ("name", "error", "labels") if name in wanted]
        with pq.ParquetFile(self.lake.path(file), read_dictionary=texts) as parquet:
            table = parquet.read(columns=wanted, use_threads=False)
        keep = pc.and_(table["customer"].is_valid(), table["occurred_at"].is_valid()).to_numpy()
        if len(hidden.position):
            keep &= ~hidden.has(table["position"].to_numpy(), table["moved"].to_numpy())
        if since is not None:
            keep &= (table["position"].to_numpy() >= since[0]) | (table["moved"].to_numpy() > since[1])
        table = table if keep.all() else table.filter(pa.array(keep))
        every = np.ones(table.num_rows, np.bool_)
        return together([self._rows(table, table["occurred_at"].cast(pa.int64()), _met(table["error"]), every)])

    def _rows(self, table: pa.Table, time: Any, failed: Truths, last: Truths) -> Rows:
        own = {}
        for dimension in self.signal:
            own[dimension.name] = self._own(table["labels"], dimension)
        codes = self.words.names.codes(table["name"])
        return Rows(
            table["customer"].to_numpy(), time.to_numpy(), table["position"].to_numpy(), codes, failed, last, own
        )

    def _own(self, labels: Any, dimension: Dimension) -> Codes:
        """A dimension's label on the signals themselves; each different text of labels is read once."""
        one = labels.combine_chunks()
        one = one.chunk(0) if isinstance(one, pa.ChunkedArray) and one.num_chunks else one
        if not pa.types.is_dictionary(one.type):
            one = one.cast(pa.string()).dictionary_encode()
        texts = pa.table({"n": np.arange(len(one.dictionary)), "labels": one.dictionary})
        with self.connection.cursor() as cursor:
            cursor.register("texts", texts)
            safe = "CASE WHEN json_valid(labels) THEN labels END"
            found = cursor.sql(f"SELECT {label(safe, dimension)} AS v FROM texts ORDER BY n").to_arrow_table()["v"]
        codes = np.append(self.words.values[dimension.name].codes(found), np.uint16(0))
        mine: Codes = codes[pc.fill_null(one.indices, -1).to_numpy(zero_copy_only=False)]
        return mine

    def others(
        self,
        files: dict[str, list[LakeFile]],
        hidden: dict[str, list[LakeFile]],
        *,
        since: tuple[int, int] | None = None,
    ) -> Rows:
        """The steps that are no events, in order.

        Args:
            files: Per kind, base files and runs.
            hidden: Per kind, files of rows that no longer stand.
            since: As of `events`.
        """
        new = f" WHERE position >= {since[0]} OR moved > {since[1]}" if since else ""
        with self.connection.cursor() as cursor:
            for kind in OTHERS:
                text = standing_rows(self.lake, files.get(kind, []), hidden.get(kind, []), SETTLED[kind])
                cursor.execute(f"CREATE OR REPLACE TEMP VIEW step_{kind} AS SELECT * FROM ({text}){new}")
            table = cursor.sql(statement("stepping.sql"), params={"zone": self.zone}).to_arrow_table()
        never = np.zeros(table.num_rows, np.bool_)
        return self._rows(table, table["time"], never, ~table["promised"].to_numpy())

    def taken_out(self, kind: str, files: list[LakeFile], gone: Hidden) -> tuple[Whole, Whole, Codes]:
        """Customer, time and code of steps hidden since, found where they still lie."""
        listed = pa.table({"position": gone.position, "moved": gone.moved.astype(np.int32)})
        with self.connection.cursor() as cursor:
            cursor.register("gone", listed)
            rows = (
                f"SELECT r.* FROM ({read(self.lake, files, SETTLED[kind])}) AS r SEMI JOIN gone USING (position, moved)"
            )
            if kind == "event":
                table = cursor.sql(
                    f"SELECT customer, epoch_us(occurred_at) AS time, name FROM ({rows}) "
                    "WHERE customer IS NOT NULL AND occurred_at IS NOT NULL"
                ).to_arrow_table()
            else:
                for other in OTHERS:
                    text = rows if other == kind else read(self.lake, [], SETTLED[other])
                    cursor.execute(f"CREATE OR REPLACE TEMP VIEW step_{other} AS {text}")
                table = cursor.sql(statement("stepping.sql"), params={"zone": self.zone}).to_arrow_table()
        return table["customer"].to_numpy(), table["time"].to_numpy(), self.words.names.codes(table["name"])

    def spells(self, generation: Generation, customers: Whole | None = None) -> dict[str, Spells]:
        """Per dimension, what labels customers had and from when on.

        Args:
            generation: Of the lake.
            customers: Only theirs, ascending; everybody's where None.
        """
        if not self.dimensions:
            return {}
        tables = [self._standing(f, customers) for f in generation.of("derived", "standing")]
        if not tables:
            return {}
        table = pa.concat_tables(tables)
        customer, since = table["customer"].to_numpy(), table["since"].cast(pa.int64()).to_numpy()
        order = ordered([customer, since, since])
        order = np.arange(len(customer)) if order is None else order
        since = np.where(since < -_FINITE, EVER, since)
        return {
            d.name: Spells(customer[order], since[order], self._own(table["labels"], d)[order]) for d in self.dimensions
        }

    def _standing(self, file: LakeFile, customers: Whole | None) -> pa.Table:
        """Labels of some customers as they were, from a file of them."""
        with pq.ParquetFile(self.lake.path(file), read_dictionary=["labels"]) as parquet:
            table = parquet.read(columns=["customer", "since", "labels"], use_threads=False)
        if customers is None:
            return table
        whose = table["customer"].to_numpy()
        at = np.minimum(np.searchsorted(customers, whose), len(customers) - 1)
        return table.filter(pa.array(customers[at] == whose))


@dataclass(frozen=True)
class Hidden:
    """Rows that no longer stand, by position and by the settlement that moved them."""

    position: Whole
    moved: Whole

    @classmethod
    def of(cls, lake: Lake, files: Sequence[LakeFile]) -> Hidden:
        """Those of some files."""
        tables = [lake.read(f, columns=["position", "moved"]) for f in files]
        if not tables:
            return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))
        every = pa.concat_tables(tables)
        return cls(every["position"].to_numpy(), every["moved"].to_numpy().astype(np.int64))

    def has(self, position: Whole, moved: NDArray[Any]) -> Truths:
        """Which rows are among them."""
        return np.isin(position * _ODD + moved, self.position * _ODD + self.moved)

    def those(self, mask: Truths) -> Hidden:
        """Some of them."""
        return Hidden(self.position[mask], self.moved[mask])

    def less(self, others: Hidden) -> Hidden:
        """Those that are not among others."""
        return self.those(~others.has(self.position, self.moved))


_FINITE = 1 << 62
"""Microseconds beyond which a moment stands for ever."""
_ODD = 1 << 24
"""Settlements are far fewer, positions far below 2^39: the two make one number."""


def _met(error: Any) -> Truths:
    """Whether an error was met: there is a text, and it is not empty."""
    if error.null_count == len(error):
        return np.zeros(len(error), np.bool_)
    one = error.combine_chunks()
    one = one.chunk(0) if isinstance(one, pa.ChunkedArray) and one.num_chunks else one
    some = np.append(np.array([bool(t) for t in one.dictionary.to_pylist()], np.bool_), False)
    found: Truths = some[pc.fill_null(one.indices, -1).to_numpy(zero_copy_only=False)]
    return found
