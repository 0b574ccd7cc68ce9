"""Rows of text into signals, a chunk at a time, in the engine; what cannot be converted becomes a bad row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from regard.signals.kinds import BY_NAME
from regard.sources.chunks import BadRow, Lines
from regard.sources.expressions import SQL_TYPES, VALUE, Compiled, compile_source, compile_when, literal
from regard.sources.frames import Frame
from regard.sources.mapping import Expression, Part, Signal, Source, needed

IDS = frozenset(
    {"key", "message_id", "person", "account", "anonymous", "about", "order_id", "response", "into", "subscription"}
)
WHOSE = {"person": ("person",), "account": ("account",), "anonymous": ("anonymous",), "into": ("person", "account")}
"""Columns that say whose a row is, and the spaces their ids belong to."""

ARROW_TYPES = {
    "text": pa.string(),
    "number": pa.float64(),
    "whole": pa.int64(),
    "time": pa.timestamp("us", tz="UTC"),
    "truth": pa.bool_(),
}


def connect(
    path: str = ":memory:", *, memory: str = "512MB", threads: int = 2, spill: str = ""
) -> duckdb.DuckDBPyConnection:
    """An engine for converting: in UTC, with bounded memory."""
    config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": memory, "threads": threads}
    if spill:
        config["temp_directory"] = spill
    connection = duckdb.connect(path, config=config)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # standard output belongs to whoever asked
    connection.execute("CREATE TEMP MACRO finite(v) AS CASE WHEN isfinite(v) THEN v END")
    connection.execute(
        "CREATE TEMP MACRO plausible(v) AS CASE WHEN v >= TIMESTAMPTZ '1800-01-01 00:00:00+00' "
        "AND v < TIMESTAMPTZ '9999-12-31 23:59:59.999+00' THEN v END"
    )
    return connection


@dataclass(kw_only=True)
class Plan:
    """One signal of a mapping, compiled for one frame."""

    kind: str
    targets: dict[str, Compiled]
    when: str
    needs: tuple[str, ...]
    skip_without: tuple[str, ...] = ()
    ordered: bool = False

    def sql(self) -> str:
        """The statement over the table `chunk`; its last column is the number of what is wrong with the row, or 0."""
        values = ", ".join(f"{c.sql} AS v{i}" for i, c in enumerate(self.targets.values()))
        out = ", ".join(f'v{i} AS "{name}"' for i, name in enumerate(self.targets))
        names = list(self.targets)
        bad = {name: c.bad.replace(VALUE, f"v{i}") for i, (name, c) in enumerate(self.targets.items()) if c.bad}
        wrong = [f"WHEN {condition} THEN {names.index(name) + 1}" for name, condition in bad.items()]
        wrong += [f"WHEN v{names.index(n)} IS NULL THEN {-names.index(n) - 1}" for n in self.needs]
        code = f"CASE {' '.join(wrong)} ELSE 0 END" if wrong else "0"
        filled = [f"v{names.index(n)} IS NOT NULL OR {bad.get(n, 'false')}" for n in self.skip_without]
        keep = " OR ".join(filled) or "true"
        inner = f"SELECT *, {values} FROM chunk WHERE {self.when}"
        order = " ORDER BY _row" if self.ordered else ""
        return f"SELECT _row, {out}, CAST({code} AS INTEGER) AS _wrong FROM ({inner}) WHERE {keep}{order}"


@dataclass(kw_only=True)
class Converted:
    """What a chunk became for one kind: the signals, and how many rows were refused."""

    kind: str
    table: pa.Table
    refused: int = 0
    bad: list[BadRow] = field(default_factory=list)


def plans(signal: Signal, frame: Frame, *, where: str) -> list[Plan]:
    """A signal compiled for a frame: one plan, or one for each part.

    Raises:
        UnknownName: It names a column the frame does not have.
    """
    kind = BY_NAME[signal.kind]
    types = {c.name: c.type for c in kind.all_columns}
    targets = {}
    for name, source in signal.columns.items():
        found = compile_source(source, types[name], frame, where=f"{where}.{name}")
        if (
            name in IDS
            and not signal.parts
            and isinstance(source, str)
            and frame.find(source, where=where).shape.holds == "number"
        ):
            found = Compiled(
                sql=f"regexp_replace({found.sql}, '^(\\d+)[.]0$', '\\1')", shown=found.shown, column=found.column
            )
        if name in IDS:
            found = Compiled(sql=f"nullif(trim({found.sql}), '')", shown=found.shown, column=found.column)
        targets[name] = found
    if signal.labels:
        targets["labels"] = Compiled(sql=_labels(signal, frame, where))
    targets |= _scale(signal.scale)
    when = compile_when(signal.when, frame, where=f"{where}.when")
    whole = Plan(kind=signal.kind, targets=targets, when=when, needs=needed(kind))
    if not signal.parts:
        return [whole]
    return [_part(whole, name, part, frame, where) for name, part in signal.parts.items()]


def _scale(scale: tuple[float, float] | None) -> dict[str, Compiled]:
    if scale is None:
        return {}
    low, high = (Compiled(sql=f"CAST({float(end)!r} AS DOUBLE)") for end in scale)
    return {"scale_min": low, "scale_max": high}


def _labels(signal: Signal, frame: Frame, where: str) -> str:
    sources: dict[str, Source] = (
        signal.labels if isinstance(signal.labels, dict) else {name.rpartition(".")[2]: name for name in signal.labels}
    )
    parts = []
    for label, source in sources.items():
        value = compile_source(source, "text", frame, where=f"{where}.labels.{label}").sql
        name = literal(_json_name(label))
        parts.append(f"CASE WHEN ({value}) IS NOT NULL THEN {name} || CAST(to_json({value}) AS VARCHAR) END")
    return f"nullif('{{' || concat_ws(',', {', '.join(parts)}) || '}}', '{{}}')"


def _json_name(label: str) -> str:
    escaped = label.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}":'


def _part(whole: Plan, name: str, given: str | Part, frame: Frame, where: str) -> Plan:
    part = Part(score=given) if isinstance(given, str) else given
    at = f"{where}.parts.{name}"
    targets = dict(whole.targets)
    key = targets.get("key")
    if key is not None:
        targets.setdefault("response", key)
        targets["key"] = Compiled(sql=f"({key.sql}) || '/' || {literal(name)}", shown=key.shown, column=key.column)
    else:
        targets.setdefault("response", Compiled(sql=_row_id(frame)))
    targets["part"] = Compiled(sql="CAST(NULL AS VARCHAR)" if part.whole else literal(name))
    if part.score is not None:
        targets["score"] = compile_source(part.score, "number", frame, where=at)
    if part.verbatim is not None:
        targets["verbatim"] = compile_source(part.verbatim, "text", frame, where=at)
    if part.metric:
        targets["metric"] = Compiled(sql=literal(part.metric))
    targets |= _scale(part.scale)
    filled = tuple(n for n in ("score", "verbatim") if getattr(part, n) is not None)
    return Plan(
        kind=whole.kind,
        targets=targets,
        when=whole.when,
        needs=whole.needs,
        skip_without=filled,
        ordered=key is None,  # counting equal rows may turn their order
    )


def _row_id(frame: Frame) -> str:
    """What holds the parts of one row together where no id does: a hash of the row, and its place among equals."""
    row = ", ".join(f"coalesce({f.sql}, '')" for f in frame.fields)
    digest = f"md5(concat_ws(chr(31), {row}))"
    return f"{digest} || '-' || CAST(row_number() OVER (PARTITION BY {digest} ORDER BY _row) AS VARCHAR)"


def convert(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    chunk: pa.Table,
    *,
    lines: Callable[[], Lines],
    file: str | Sequence[str],
    listed: int,
) -> Converted:
    """The rows of a chunk as signals of one kind.

    Args:
        connection: From `connect`.
        plan: What they become.
        chunk: Columns as the frame names them, and `_row`, their place in the chunk.
        lines: The line of each row.
        file: The file's name, or one for each row.
        listed: Most bad rows described; all are counted.
    """
    connection.register("chunk", chunk)
    result = connection.sql(plan.sql()).to_arrow_table()
    wrong = result["_wrong"]
    out = result.drop_columns(["_row", "_wrong"])
    codes = pc.not_equal(wrong, 0)
    refused = pc.sum(codes).as_py() or 0
    bad: list[BadRow] = []
    if refused:
        out = out.filter(pc.invert(codes))
        whose = [name for name in WHOSE if name in plan.targets]
        broken = result.select(["_row", "_wrong", *whose]).filter(codes)
        bad = _describe(connection, plan, broken, lines=lines, file=file, listed=listed)
    types = {c.name: ARROW_TYPES[c.type] for c in BY_NAME[plan.kind].all_columns}
    schema = pa.schema([(name, types[name]) for name in plan.targets])
    return Converted(kind=plan.kind, table=out.cast(schema), refused=refused, bad=bad)


def _describe(
    connection: duckdb.DuckDBPyConnection,
    plan: Plan,
    broken: pa.Table,
    *,
    lines: Callable[[], Lines],
    file: str | Sequence[str],
    listed: int,
) -> list[BadRow]:
    at = lines()
    found = []
    for code in pc.unique(broken["_wrong"]).to_pylist():
        alike = broken.filter(pc.equal(broken["_wrong"], code)).slice(0, listed)
        rows = alike["_row"]
        target, compiled = list(plan.targets.items())[abs(code) - 1]
        values = _shown(connection, compiled, rows)
        reason = compiled.reason if code > 0 else f"{target} is empty, and a signal of kind {plan.kind} needs it"
        for row, ids in zip(rows.to_pylist(), _ids(alike), strict=True):
            name = file if isinstance(file, str) else file[row]
            text = (values.get(row) or "")[:200]
            column = compiled.column or target
            found.append(BadRow(file=name, line=int(at[row]), column=column, value=text, reason=reason, ids=ids))
    return found


def _ids(broken: pa.Table) -> list[tuple[tuple[str, str], ...]]:
    """Whose each row is, as far as its ids could be read."""
    columns = [(space, broken[name].to_pylist()) for name, spaces in WHOSE.items() if name in broken.column_names
               for space in spaces]  # fmt: skip
    return [
        tuple((space, str(values[row])) for space, values in columns if values[row] is not None)
        for row in range(broken.num_rows)
    ]


def _shown(connection: duckdb.DuckDBPyConnection, compiled: Compiled, rows: pa.ChunkedArray) -> dict[int, str]:
    connection.register("broken", pa.table({"row": rows}))
    try:
        sql = f"SELECT _row, CAST({compiled.shown} AS VARCHAR) FROM chunk WHERE _row IN (SELECT row FROM broken)"
        return dict(connection.execute(sql).fetchall())
    finally:
        connection.unregister("broken")


def as_source(expression: Source) -> Expression:
    """A bare column name as the expression it stands for."""
    return Expression(column=expression) if isinstance(expression, str) else expression


__all__ = ["ARROW_TYPES", "SQL_TYPES", "Converted", "Plan", "as_source", "connect", "convert", "plans"]
