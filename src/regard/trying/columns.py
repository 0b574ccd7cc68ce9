"""The columns of one table as arrays: numbers, times, texts, codes; what was guessed or left out is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from regard.errors import BadInput
from regard.findings import Caution
from regard.sources.columnar import as_text_column
from regard.sources.columns import Holds, describe
from regard.sources.converting import connect
from regard.sources.expressions import VALUE, compile_source
from regard.sources.frames import Field, Frame
from regard.sources.naming import plain
from regard.trying.calendars import begun
from regard.trying.tables import SAMPLED, Table, table_of
from regard.wording import count, listed

Kind = Literal["number", "time", "text", "any"]
FEW = 0.1  # more unreadable values than this, and it is not a column of that kind
HOLDS: dict[Kind, tuple[Holds, ...]] = {
    "number": ("whole", "number", "truth"),
    "time": ("time", "whole"),
    "text": ("text", "whole", "number", "truth", "email", "url"),
}


def columns_of(data: Any, *, reading: Mapping[str, Any] | None = None) -> Columns:
    """The columns of a path, a data frame, an Arrow table or a mapping of arrays; columns are handed on.

    Args:
        data: The table.
        reading: Of a path, what its detection is told: encoding, delimiter, skip, sheet and the like.

    Raises:
        BadInput: It is no table that can be read.
    """
    return data if isinstance(data, Columns) else Columns(table_of(data, reading=reading))


class Columns:
    """One table's columns as arrays, all as long as the table.

    Attributes:
        names: Its headings, in their order.
        source: What to call it: the file's name, or "the table".
        guessed: Role to column, for every column that was not named.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._cautions: dict[str, Caution] = {}
        self._connection: duckdb.DuckDBPyConnection | None = None
        self.names: tuple[str, ...] = tuple(table.rows.column_names)
        self.source = table.source
        self.guessed: dict[str, str] = {}
        self._asked: set[str] = set()

    def __len__(self) -> int:
        return int(self._table.rows.num_rows)

    def holds(self, name: str) -> Holds:
        """What a column holds: empty, text, whole, number, time, truth, email or url.

        Raises:
            UnknownName: There is no such column; the nearest are suggested.
        """
        return self._field(name).shape.holds

    def text(self, name: str) -> NDArray[np.object_]:
        """A column as text; None where it is empty.

        Raises:
            UnknownName: There is no such column; the nearest are suggested.
        """
        column = as_text_column(self._column(name))
        trimmed = pc.utf8_trim_whitespace(column)
        filled = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)
        return np.asarray(filled.to_numpy(zero_copy_only=False), dtype=object)

    def codes(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
        """A column as numbers from 0, -1 where it is empty, and the labels they stand for, in sorted order.

        Raises:
            UnknownName: There is no such column; the nearest are suggested.
        """
        column = pc.utf8_trim_whitespace(as_text_column(self._column(name)))
        coded = pc.dictionary_encode(pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column))
        labels = coded.dictionary.to_numpy(zero_copy_only=False).astype(object)
        order = np.argsort(labels.astype(str), kind="stable") if len(labels) else np.zeros(0, dtype=np.int64)
        place = np.empty(len(labels) + 1, dtype=np.int64)
        place[order], place[-1] = np.arange(len(labels)), -1
        raw = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
        return place[raw], labels[order]

    def numbers(self, name: str, *, apart: tuple[str, ...] = ()) -> NDArray[np.float64]:
        """A column as numbers; NaN where it is empty. Decimal commas, groups of thousands and money signs are read.

        A value that is no number is left out and said, unless they are many.

        Args:
            name: The column.
            apart: Words, in small letters, that mean something of their own and are read as empty: "not applicable".

        Raises:
            UnknownName: There is no such column; the nearest are suggested.
            BadInput: It does not hold numbers.
        """
        if apart:
            return self._without(name, apart).numbers(name)
        column, field = self._column(name), self._field(name)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        if pa.types.is_decimal(column.type) or pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
            found = column.cast(pa.float64(), safe=False)
        elif pa.types.is_null(column.type):
            return np.full(len(self), np.nan)
        elif field.shape.holds == "truth" and not pa.types.is_temporal(column.type):
            return self._floats(name, "truth")
        else:
            try:
                if field.shape.decimal != ".":
                    raise pa.ArrowInvalid  # noqa: TRY301  the engine reads decimal commas
                found = as_text_column(column).cast(pa.float64())
            except pa.ArrowInvalid:
                return self._floats(name, "number")
        values = np.array(found.to_numpy(zero_copy_only=False), dtype=np.float64)
        endless = np.isinf(values)
        if endless.any():
            self._left_out(name, endless, "they are infinite", "numbers")
            values[endless] = np.nan
        return values

    def whole(self, name: str) -> NDArray[np.int64]:
        """A column as whole numbers.

        Raises:
            UnknownName: There is no such column; the nearest are suggested.
            BadInput: A value is empty or no whole number.
        """
        values = self.numbers(name)
        wrong = ~np.isfinite(values) | (values != np.floor(values))
        if wrong.any():
            place = int(np.argmax(wrong))
            shown = self._shown(name, place)
            raise BadInput(
                f"{name} needs a whole number in every row; {self._at(place)} holds {shown or 'nothing'}.",
                where=self.source,
                hint="Correct it, or name another column.",
            )
        return values.astype(np.int64)

    def times(self, name: str) -> NDArray[np.datetime64]:
        """A column as instants in UTC, to the microsecond; NaT where it is empty. Whole years read as 1 January,
        weeks and quarters as their first day.

        Raises:
            UnknownName: There is no such column; the nearest are suggested.
            BadInput: It does not hold times.
        """
        column, field = self._column(name), self._field(name)
        if pa.types.is_temporal(column.type) and not pa.types.is_time(column.type):
            if pa.types.is_timestamp(column.type) and column.type.tz is not None:
                column = column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.timestamp("us"))
            found = column.cast(pa.timestamp("us"), safe=False)
            return np.asarray(found.to_numpy(zero_copy_only=False)).astype("datetime64[us]")
        if pa.types.is_null(column.type) or field.shape.holds == "empty":
            return np.full(len(self), np.datetime64("NaT", "us"))
        if field.shape.holds == "whole":
            years = self.numbers(name)
            known = years[np.isfinite(years)]
            if len(known) and known.min() >= 1000 and known.max() <= 3000:
                told = np.where(np.isfinite(years), years, 1970).astype(np.int64) - 1970
                instants: NDArray[np.datetime64] = told.astype("datetime64[Y]").astype("datetime64[us]")
                instants[~np.isfinite(years)] = np.datetime64("NaT")
                return instants
        if (written := begun(column)) is not None:
            return written
        found = self._read(name, "time").cast(pa.timestamp("us", tz="UTC")).cast(pa.timestamp("us"))
        return np.asarray(found.to_numpy(zero_copy_only=False)).astype("datetime64[us]")

    def guess(
        self, role: str, words: tuple[str, ...], kind: Kind = "any", *, skip: tuple[str, ...] = (), needed: bool = True
    ) -> str:
        """The column that most likely plays a role nobody named; it is told with the answer.

        Args:
            role: What it is, as its option is called: ``score``.
            words: Headings that mean it, the best first, in small letters: ``("nps", "score", "rating")``.
            kind: What it must hold.
            skip: Columns that play another role already.
            needed: Whether the trial cannot do without.

        Returns:
            Its name; empty where nothing fits and it is not needed.

        Raises:
            BadInput: Nothing fits, and it is needed.
        """
        able = [n for n in self.names if n not in skip and self._able(n, kind)]
        headings = {n: f" {plain(n)} " for n in able}
        found = [n for word in words for n in able if headings[n] == f" {word} "]
        found += [n for word in words for n in able if f" {word} " in headings[n]]
        alone = [n for n in able if self._table.shapes[n].holds in {"whole", "number", "time"}]
        if not found and needed and kind not in {"any", "text"} and len(alone) == 1:
            found = alone
        if found:
            self.guessed[role] = found[0]
            return found[0]
        if needed:
            raise BadInput(
                f"No column of {self.source} looks like the {role}.",
                where=f"--{role}",
                hint=f"Name it: --{role} COLUMN. Columns: {listed(self.names, most=12)}.",
            )
        return ""

    def cautions(self) -> tuple[Caution, ...]:
        """What a reader must know of the table: what was guessed, left out, or could be read two ways."""
        told = []
        if self.guessed:
            named = listed(f"{role} = {name}" for role, name in self.guessed.items())
            told.append(
                Caution(code="guessed", text=f"Columns guessed from their headings: {named}. Name them to be sure.")
            )
        if self._table.bad:
            first, lost = self._table.bad[0], count(len(self._table.bad), "row")
            at = f"the first is line {first.line}: {first.reason}"
            text = f"{lost} of {self.source} could not be read and are left out; {at}."
            told.append(Caution(code="unreadable_rows", text=text))
        # There is no mapping here: the step a mapping would need is one in the file.
        notes = [n.replace("set times in the mapping", "write days as 2026-03-01") for n in self._table.notes]
        told += [Caution(code="read_as", text=note) for note in notes if self._concerns(note)]
        return (*told, *self._cautions.values())

    def _concerns(self, note: str) -> bool:
        name = note.partition(":")[0]
        return name not in self.names or name in self._asked

    def among(self, name: str, words: tuple[str, ...]) -> NDArray[np.bool_]:
        """Rows in which a column of texts holds one of some words, however they are written; none in one of numbers.

        Args:
            name: The column.
            words: In small letters.
        """
        column = self._column(name)
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            return np.zeros(len(self), dtype=np.bool_)
        found = pc.is_in(pc.utf8_lower(pc.utf8_trim_whitespace(column)), pa.array(words, column.type))
        return np.array(found.to_numpy(zero_copy_only=False), dtype=np.bool_)

    def _without(self, name: str, apart: tuple[str, ...]) -> Columns:
        """The same with a column's own words taken out, and its shape told from what is left."""
        worded = self.among(name, apart)
        if not worded.any():
            return self
        column = self._column(name)
        left = pc.if_else(pa.array(worded), pa.scalar(None, column.type), column)
        place = self.names.index(self._field(name).name)
        rows = self._table.rows.set_column(place, self.names[place], left)
        shape = describe(self.names[place], left.slice(0, SAMPLED).to_pylist())
        found = Columns(replace(self._table, rows=rows, shapes={**self._table.shapes, shape.name: shape}))
        found._cautions = self._cautions
        return found

    def _able(self, name: str, kind: Kind) -> bool:
        holds = self._table.shapes[name].holds
        return holds == "empty" or kind == "any" or holds in HOLDS[kind]

    def _field(self, name: str) -> Field:
        frame = Frame([Field(name=n, sql="value", shape=self._table.shapes[n]) for n in self.names])
        return frame.find(name, where=self.source)

    def _column(self, name: str) -> pa.Array:
        found = self._field(name).name
        self._asked.add(found)
        column = self._table.rows.column(found)
        return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)

    def _floats(self, name: str, kind: Literal["number", "truth"]) -> NDArray[np.float64]:
        found = self._read(name, kind).cast(pa.float64())
        return np.array(found.to_numpy(zero_copy_only=False), dtype=np.float64)

    def _read(self, name: str, kind: Literal["number", "time", "truth"]) -> pa.Array:
        """Values as the engine reads them in an import, by what the column's sample showed."""
        compiled = compile_source(name, kind, Frame([self._field(name)]), where=self.source)
        self._connection = self._connection or connect()
        self._connection.register("chunk", pa.table({"value": as_text_column(self._column(name))}))
        wrong = compiled.bad.replace(VALUE, "v") or "false"
        read = f"SELECT v, {wrong} AS wrong FROM (SELECT *, {compiled.sql} AS v FROM chunk)"
        rows = self._connection.sql(read).to_arrow_table()
        self._connection.unregister("chunk")
        bad = rows["wrong"].to_numpy()
        if bad.any():
            self._left_out(name, bad, compiled.reason, {"number": "numbers", "time": "times"}.get(kind, "yes or no"))
        return rows["v"].combine_chunks()

    def _left_out(self, name: str, wrong: NDArray[np.bool_], reason: str, wanted: str) -> None:
        """Say that a few values are left out; refuse the column where they are many."""
        place, n = int(np.argmax(wrong)), int(wrong.sum())
        filled = len(self) - self._column(name).null_count
        if n > FEW * filled:
            raise BadInput(
                f"{name} does not hold {wanted}: {self._at(place)} holds {self._shown(name, place)!r}.",
                where=self.source,
                hint="Name another column, or correct the values.",
            )
        are = "value is" if n == 1 else "values are"
        text = (
            f"{n:,} {are} left out of {name}, the first in {self._at(place)}: {self._shown(name, place)!r} ({reason})."
        )
        self._cautions[name] = Caution(code="left_out", text=text)

    def _at(self, place: int) -> str:
        return f"line {self._table.line(place):,}"

    def _shown(self, name: str, place: int) -> str:
        value = self._column(name)[place].as_py()
        return "" if value is None else str(value)[:60]
