"""Inputs that are joined or grouped: loaded into a database on disk that is thrown away afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from regard.errors import BadInput
from regard.sources.columns import Column, describe
from regard.sources.expressions import compile_when, read_number
from regard.sources.frames import Field, Frame
from regard.sources.inputs import Rows, file_frame, straight
from regard.sources.limits import LIMITS, Limits
from regard.sources.mapping import AGGREGATES, SOURCES, Aggregate, Expression, Join, Part, Signal
from regard.sources.mapping import Mapping as Map

if TYPE_CHECKING:
    import duckdb

    from regard.sources.chunks import Lines
    from regard.sources.reading import Detected

PLACE = "_file, _line"


class Tables:
    """The inputs of a mapping as tables t0, t1, ... of a database.

    Args:
        connection: The database; its file is the caller's to remove.
        mapping: The mapping.
        files: The files of each input.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        mapping: Map,
        files: Mapping[str, Sequence[Detected]],
        *,
        limits: Limits = LIMITS,
    ) -> None:
        self.connection, self.mapping, self.files, self.limits = connection, mapping, files, limits
        self.notes: list[str] = []
        self._made: dict[str, tuple[str, Frame]] = {}
        self._loaded: set[str] = set()
        self._used = used_names(mapping)

    def load(self, name: str, *, before: int = 0) -> Iterator[Rows]:
        """Loads the files an input rests on; yields what was read, for progress and bad rows."""
        source = self.mapping.inputs[name]
        for needed in [source.from_, *(j.with_ for j in source.join)]:
            if needed:
                for rows in self.load(needed, before=before):
                    before = max(before, rows.done)
                    yield rows
        if source.from_ or name in self._loaded:
            return
        sql, shapes = self._create(name)
        for found in self.files[name]:
            frame = file_frame(found, source, self.mapping, name=name)
            for rows in straight(found, frame, before=before, notes=self.notes, limits=self.limits):
                self._insert(sql, [c.name for c in shapes], rows)
                yield rows
            before += found.size

    def make_empty(self) -> None:
        """Makes every table without rows, to find out whether the mapping fits before anything is read."""
        for name, source in self.mapping.inputs.items():
            if not source.from_ and name in self.files and name not in self._loaded:
                self._create(name)

    def _create(self, name: str) -> tuple[str, list[Column]]:
        source = self.mapping.inputs[name]
        self._loaded.add(name)
        shapes = self._columns(name)
        sql = f"raw_{len(self._loaded)}"
        columns = "".join(f"c{i} VARCHAR, " for i in range(len(shapes)))
        self.connection.execute(f"CREATE TABLE {sql} ({columns}_file VARCHAR, _line BIGINT)")
        zone = source.zone or self.mapping.zone
        fields = [Field(name=c.name, sql=f"c{i}", shape=c, zone=zone) for i, c in enumerate(shapes)]
        self._made[f"={name}"] = (sql, Frame(fields, name=name))
        return sql, shapes

    def _columns(self, name: str) -> list[Column]:
        """The columns of an input's files that the mapping names, by the first file that has each."""
        shapes: dict[str, Column] = {}
        for found in self.files[name]:
            for column in found.columns:
                known = shapes.setdefault(column.name, column)
                if known.holds == column.holds == "time" and known.formats != column.formats:
                    self.notes.append(
                        f"{column.name} has other time formats in {found.name} than in the files before it."
                    )
                    both = tuple(dict.fromkeys((*known.formats, *column.formats)))
                    shapes[column.name] = msgspec_change(known, both)
        return [c for c in shapes.values() if _is_used(c.name, self._used)]

    def _insert(self, table: str, names: Sequence[str], rows: Rows) -> None:
        if not rows.table.num_rows:
            return
        at = {f.name: f.sql for f in rows.frame.fields}
        arrays = [rows.table[at[n]] if n in at else pa.nulls(rows.table.num_rows, pa.string()) for n in names]
        columns = [f"c{i}" for i in range(len(names))]
        lines = pa.array(rows.lines()[: rows.table.num_rows])
        file = pa.repeat(pa.scalar(str(rows.file)), rows.table.num_rows)
        piece = pa.Table.from_arrays([*arrays, file, lines], names=[*columns, "_file", "_line"])
        self.connection.register("piece", piece)
        self.connection.execute(f"INSERT INTO {table} SELECT * FROM piece")
        self.connection.unregister("piece")

    def table(self, name: str) -> tuple[str, Frame]:
        """The table of an input and its columns, joined and grouped as the mapping says; its files must be loaded."""
        if name not in self._made:
            source = self.mapping.inputs[name]
            made = self.table(source.from_) if source.from_ else self._made[f"={name}"]
            made = (made[0], Frame(made[1].fields, name=name))
            for number, join in enumerate(source.join):
                made = self._joined(name, made, join, number)
            if source.by:
                made = self._grouped(name, made)
            self._made[name] = made
        return self._made[name]

    def _joined(self, name: str, left: tuple[str, Frame], join: Join, number: int) -> tuple[str, Frame]:
        where = f"inputs.{name}.join"
        right_name, right = self.table(join.with_)
        pairs = {join.on: join.on} if isinstance(join.on, str) else join.on
        keys = pairs if isinstance(pairs, dict) else {k: k for k in pairs}
        if not keys:
            raise BadInput(f"The join of {name} with {join.with_} has no key.", where=where, hint='Add on = "KEY".')
        here = [left[1].find(k, where=where).sql for k in keys]
        there = [right.find(k, where=where).sql for k in keys.values()]
        right_name = self._one_each(right_name, there, join.with_, " and ".join(keys.values()))
        called = join.as_ or join.with_
        count = len(left[1].fields)
        added = [
            Field(name=f"{called}.{f.name}", sql=f"c{count + i}", shape=f.shape, zone=f.zone)
            for i, f in enumerate(right.fields)
        ]
        kept = ", ".join(f"l.{f.sql}" for f in left[1].fields)
        more = "".join(f", r.{f.sql} AS {a.sql}" for f, a in zip(right.fields, added, strict=True))
        on = " AND ".join(f"trim(l.{a}) = trim(r.{b})" for a, b in zip(here, there, strict=True))
        made = f"join_{len(self._made)}_{number}"
        self.connection.execute(
            f"CREATE VIEW {made} AS SELECT {kept}{more}, l._file, l._line "
            f"FROM {left[0]} l LEFT JOIN {right_name} r ON {on}"
        )
        return made, Frame([*left[1].fields, *added], name=name)

    def _one_each(self, table: str, keys: Sequence[str], name: str, called: str) -> str:
        """The right side of a join with one row for each key: the first, and it is said when there were more."""
        trimmed = ", ".join(f"trim({k})" for k in keys)
        filled = " AND ".join(f"{k} IS NOT NULL" for k in keys)
        counts = f"SELECT count(*) AS n FROM {table} WHERE {filled} GROUP BY {trimmed} HAVING count(*) > 1"
        sql = f"SELECT count(*), coalesce(sum(n - 1), 0) FROM ({counts})"
        repeated, extra = self.connection.execute(sql).fetchone() or (0, 0)
        if not repeated:
            return table
        self.notes.append(
            f"{name} has {repeated:,} {called} more than once; "
            f"the first row of each is joined, {int(extra):,} rows are left out."
        )
        made = f"one_{len(self._made)}_{table}"
        self.connection.execute(
            f"CREATE TABLE {made} AS SELECT * FROM {table} WHERE {filled} "
            f"QUALIFY row_number() OVER (PARTITION BY {trimmed} ORDER BY {PLACE}) = 1"
        )
        return made

    def _grouped(self, name: str, made: tuple[str, Frame]) -> tuple[str, Frame]:
        source, frame = self.mapping.inputs[name], made[1]
        where = f"inputs.{name}.by"
        keys = [frame.find(k, where=where) for k in ((source.by,) if isinstance(source.by, str) else source.by)]
        fields = [Field(name=k.name, sql=f"c{i}", shape=k.shape, zone=k.zone) for i, k in enumerate(keys)]
        columns = [f"{k.sql} AS {f.sql}" for k, f in zip(keys, fields, strict=True)]
        for i, (column, aggregate) in enumerate(source.columns.items(), len(keys)):
            sql, field = _aggregate(aggregate, frame, where=f"inputs.{name}.columns.{column}")
            columns.append(f"CAST({sql} AS VARCHAR) AS c{i}")
            fields.append(Field(name=column, sql=f"c{i}", shape=field.shape, zone=field.zone))
        table = f"group_{len(self._made)}"
        by = ", ".join(k.sql for k in keys)
        self.connection.execute(
            f"CREATE TABLE {table} AS SELECT {', '.join(columns)}, arg_min(_file, _line) AS _file, min(_line) AS _line "
            f"FROM {made[0]} GROUP BY {by} ORDER BY min(_line)"
        )
        return table, Frame(fields, name=name)

    def rows(self, name: str) -> Iterator[Rows]:
        """The rows of a joined or grouped input, in pieces."""
        table, frame = self.table(name)
        columns = "".join(f"{f.sql}, " for f in frame.fields)
        statement = f"SELECT {columns}{PLACE} FROM {table} ORDER BY {PLACE}"
        reader = self.connection.cursor().sql(statement).to_arrow_reader(self.limits.rows)
        for batch in reader:
            piece = pa.Table.from_batches([batch])
            if not piece.num_rows:
                continue
            lines = piece["_line"]
            place = pa.array(np.arange(piece.num_rows, dtype=np.int32))
            yield Rows(
                frame=frame,
                table=piece.drop_columns(["_file", "_line"]).append_column("_row", place),
                lines=_lines(lines),
                file=_Names(piece["_file"]),
            )


class _Names(Sequence[str]):
    """File names of rows, looked up only when a bad row asks."""

    def __init__(self, column: Any) -> None:
        self._column = column

    def __len__(self) -> int:
        return len(self._column)

    def __getitem__(self, at: Any) -> Any:
        return self._column[at].as_py()


def _lines(column: Any) -> Any:
    def lines() -> Lines:
        return np.asarray(column.to_numpy(), dtype=np.int64)

    return lines


def _aggregate(aggregate: Aggregate, frame: Frame, *, where: str) -> tuple[str, Field]:
    how = next(a for a in AGGREGATES if getattr(aggregate, a) is not None)
    field = frame.find(getattr(aggregate, how), where=where)
    holds = compile_when(aggregate.when, frame, where=where) if aggregate.when else "true"
    x = f"CASE WHEN {holds} THEN {field.sql} END"
    number = f"CASE WHEN {holds} THEN {read_number(field.sql, field.shape.decimal)} END"
    if how in {"min", "max"}:
        numeric = field.shape.holds in {"whole", "number"}
        return f"{how}({number if numeric else x})", field
    if how == "sum":
        return f"sum({number})", Field(name=field.name, sql="", shape=describe(field.name, ["1.5"]))
    if how == "count":
        return f"count({x})", Field(name=field.name, sql="", shape=describe(field.name, ["1"]))
    order = "_line"
    if aggregate.order:
        by = frame.find(aggregate.order, where=where)
        numeric = by.shape.holds in {"whole", "number"}
        order = f"({read_number(by.sql, by.shape.decimal) if numeric else by.sql}, _line)"
    pick = "arg_min" if how == "first" else "arg_max"
    return f"{pick}({field.sql}, {order}) FILTER ({holds} AND {field.sql} IS NOT NULL)", field


def msgspec_change(column: Column, formats: tuple[str, ...]) -> Column:
    """The column with these formats."""
    from msgspec.structs import replace  # noqa: PLC0415

    return replace(column, formats=formats)


def used_names(mapping: Map) -> set[str]:
    """Every column a mapping names, folded, so that the others need not be loaded."""
    names: set[str] = set()
    for source in mapping.inputs.values():
        names.update((source.by,) if isinstance(source.by, str) else source.by)
        for join in source.join:
            on = join.on
            names.update((on,) if isinstance(on, str) else on)
            names.update(on.values() if isinstance(on, dict) else ())
        for aggregate in source.columns.values():
            names.update(getattr(aggregate, a) or "" for a in (*AGGREGATES, "order"))
            names.update(aggregate.when)
    for signal in mapping.signal:
        _signal_names(signal, names)
    return {n.casefold() for n in names if n}


def _signal_names(signal: Signal, names: set[str]) -> None:
    names.update(signal.when)
    labels = signal.labels
    names.update(labels if not isinstance(labels, dict) else ())
    sources: list[Any] = [*signal.columns.values(), *(labels.values() if isinstance(labels, dict) else ())]
    for part in signal.parts.values():
        sources += [part] if isinstance(part, str) else [part.score, part.verbatim] if isinstance(part, Part) else []
    for source in sources:
        if isinstance(source, str):
            names.add(source)
        elif isinstance(source, Expression):
            names.update(source.when)
            for given in [getattr(source, name) for name in (*SOURCES[:1], *SOURCES[2:], "plus")]:
                names.update((given,) if isinstance(given, str) else given or ())


def _is_used(name: str, used: set[str]) -> bool:
    folded = name.casefold()
    return folded in used or any(u.endswith(f".{folded}") for u in used)
