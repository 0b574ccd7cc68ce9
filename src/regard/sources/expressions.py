"""Expressions of a mapping as SQL of the engine: no name and no value of a person reaches it unquoted.

Names of columns are replaced by our own (`Frame`), constants become quoted literals, so a mapping cannot run anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from regard.errors import BadInput
from regard.signals.kinds import Type
from regard.sources.columns import NOTHING
from regard.sources.frames import Field, Frame
from regard.sources.mapping import Condition, Expression, Scalar, Source, Test, When

SQL_TYPES = {"text": "VARCHAR", "number": "DOUBLE", "whole": "BIGINT", "time": "TIMESTAMPTZ", "truth": "BOOLEAN"}
_NOTHING = ", ".join("'" + word.replace("'", "''") + "'" for word in sorted(NOTHING))
_SPACES = "[ .''\u00a0\u202f]"
_GROUPS = "[ ,''\u00a0\u202f]"
_POINT = f"^[+-]?(?:\\d{{1,3}}(?:{_GROUPS}\\d{{3}})+(?:\\.\\d+)?|\\d+\\.?\\d*|\\.\\d+)$"
_COMMA = f"^[+-]?(?:\\d{{1,3}}(?:{_SPACES}\\d{{3}})+|\\d+)(?:,\\d+)?$"
_MONEY_BEFORE = "^([+-]?)\\s*([A-Z]{1,3}\\$|[A-Z]{3}|kr\\.?|\\p{Sc})\\s*"
_MONEY_AFTER = "\\s*([A-Z]{3}|kr\\.?|zł|\\p{Sc}|%)$"
_ZONED = "\\d:\\d\\d.*(Z|UTC|[+-]\\d\\d(:?\\d\\d)?)\\s*$"
VALUE = "\x01"  # stands for the value's own name in a condition about it
_LOOSE_OFFSET = "^(.*:\\d\\d(?:\\.\\d+)?)\\s*([+-]\\d\\d):?(\\d\\d)\\s*$"


def literal(text: str) -> str:
    """A text constant of SQL."""
    return "'" + text.replace("\x00", "").replace("'", "''") + "'"


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """An expression in SQL.

    Attributes:
        sql: Its value, of the target's type.
        bad: Condition that a value stands in the file but cannot be read; "" where that cannot happen. `VALUE` in it
            stands for the value.
        shown: The value as it stands in the file, as text.
        column: The column of the file it comes from, for a person.
        reason: What is wrong where it cannot be read.
    """

    sql: str
    bad: str = ""
    shown: str = "NULL"
    column: str = ""
    reason: str = ""

    @property
    def spelled(self) -> Compiled:
        """The same with a condition that spells the value out, for when the value is about to be wrapped."""
        return replace(self, bad=self.bad.replace(VALUE, f"({self.sql})"))


def compile_source(source: Source, kind: Type, frame: Frame, *, where: str) -> Compiled:
    """What fills a column of the given type.

    Raises:
        UnknownName: A column the files do not have.
        BadInput: A constant that is not of the type.
    """
    expression = Expression(column=source) if isinstance(source, str) else source
    found = _base(expression, kind, frame, where)
    if expression.map is not None:
        found = _mapped(expression, kind, frame, where)
    if expression.plus is not None and kind == "time":
        found = _later(found.spelled, expression, frame, where)
    elif expression.times is not None:
        found = replace(found, sql=f"({found.sql}) * {float(expression.times)!r}")
    if expression.default is not None and expression.map is None:
        found = found.spelled
        found = replace(found, sql=f"coalesce({found.sql}, {constant(expression.default, kind, where=where)})")
    if expression.when:
        holds = compile_when(expression.when, frame, where=where)
        bad = f"CASE WHEN {holds} THEN {found.bad} ELSE false END" if found.bad else ""
        found = replace(found, sql=f"CASE WHEN {holds} THEN {found.sql} END", bad=bad)
    return found


def _later(found: Compiled, expression: Expression, frame: Frame, where: str) -> Compiled:
    """A time and a number of seconds after it; no number, no time."""
    wait = _read(frame.find(str(expression.plus), where=where), "number", expression)
    micros = f"CAST(({wait.sql}) * {float(expression.times or 1) * 1e6!r} AS BIGINT)"
    both = f"({found.bad}) OR ({wait.spelled.bad})" if found.bad else wait.spelled.bad
    column = f"{found.column} + {wait.column}"
    shown = f"concat_ws(' + ', {found.shown}, {wait.shown})"
    return replace(found, sql=f"({found.sql}) + to_microseconds({micros})", bad=both, shown=shown, column=column)


def _base(expression: Expression, kind: Type, frame: Frame, where: str) -> Compiled:
    if expression.value is not None:
        return Compiled(sql=constant(expression.value, kind, where=where))
    if expression.column is not None:
        return _read(frame.find(expression.column, where=where), kind, expression)
    if expression.first is not None:
        return _several(expression.first, kind, expression, frame, where, shape="coalesce({})", between=", ")
    if expression.text is not None:
        fields = [frame.find(name, where=where) for name in expression.text]
        parts = ", ".join(f.sql for f in fields)
        joined = f"nullif(concat_ws({literal(expression.with_)}, {parts}), '')"
        return Compiled(sql=joined, shown=joined, column=" + ".join(f.name for f in fields))
    if expression.product is not None:
        return _cast(
            _several(expression.product, "number", expression, frame, where, shape="({})", between=" * "),
            "number",
            kind,
        )
    if expression.sum is not None:
        return _cast(_sum(expression.sum, expression, frame, where), "number", kind)
    start, end = expression.seconds or ("", "")
    both = _several((end, start), "time", expression, frame, where, between="\x00")
    left, right = both.sql.split("\x00")
    return _cast(replace(both, sql=f"(epoch_us({left}) - epoch_us({right})) / 1e6"), "number", kind)


def _cast(found: Compiled, given: Type, wanted: Type) -> Compiled:
    return found if given == wanted else replace(found, sql=f"try_cast({found.sql} AS {SQL_TYPES[wanted]})")


def _several(
    names: Sequence[str],
    kind: Type,
    expression: Expression,
    frame: Frame,
    where: str,
    *,
    shape: str = "{}",
    between: str,
) -> Compiled:
    parts = [_read(frame.find(name, where=where), kind, expression).spelled for name in names]
    return Compiled(
        sql=shape.format(between.join(p.sql for p in parts)),
        bad=" OR ".join(f"({p.bad})" for p in parts if p.bad),
        shown="concat_ws(' | ', " + ", ".join(p.shown for p in parts) + ")",
        column=" + ".join(p.column for p in parts),
        reason=next((p.reason for p in parts if p.reason), ""),
    )


def _sum(names: Sequence[str], expression: Expression, frame: Frame, where: str) -> Compiled:
    found = _several(names, "number", expression, frame, where, between="\x00")
    parts = found.sql.split("\x00")
    total = " + ".join(f"coalesce({p}, 0)" for p in parts)
    return replace(found, sql=f"CASE WHEN coalesce({', '.join(parts)}) IS NOT NULL THEN {total} END")


def _mapped(expression: Expression, kind: Type, frame: Frame, where: str) -> Compiled:
    plain = msgspec_replace(expression)
    text = _base(plain, "text", frame, where)
    cases = " ".join(
        f"WHEN {literal(key)} THEN {constant(value, kind, where=where)}"
        for key, value in (expression.map or {}).items()
    )
    other = Compiled(sql="NULL")
    if expression.default is not None:
        other = Compiled(sql=constant(expression.default, kind, where=where))
    elif expression.keep:
        other = _base(plain, kind, frame, where).spelled
    keys = ", ".join(literal(key) for key in expression.map or {})
    bad = f"({text.sql}) NOT IN ({keys}) AND ({other.bad})" if other.bad and keys else other.bad
    sql = f"CASE trim({text.sql}) {cases} ELSE {other.sql} END" if cases else other.sql
    return Compiled(sql=sql, bad=bad, shown=text.shown, column=text.column, reason=other.reason)


def msgspec_replace(expression: Expression) -> Expression:
    """The expression without its map and its default."""
    from msgspec.structs import replace as change  # noqa: PLC0415  the name is taken above

    return change(expression, map=None, default=None)


def _read(field: Field, kind: Type, expression: Expression) -> Compiled:
    """A column of the file as a type."""
    x = field.sql
    if kind == "text":
        return Compiled(sql=x, shown=x, column=field.name)
    if kind == "time":
        formats = (expression.format,) if isinstance(expression.format, str) else expression.format
        formats = tuple(f for f in formats if f) or field.shape.formats or ("iso",)
        sql = read_time(x, formats, expression.zone or field.zone or "UTC")
        reason = f"it is not a time between 1800 and 9999 in the format {' or '.join(formats)}"
    elif kind in {"number", "whole"}:
        decimal = expression.decimal or field.shape.decimal
        sql = read_number(x, decimal)
        reason = f"it is not a number with {decimal} as decimal mark"
        if kind == "whole":
            sql = f"try_cast({sql} AS BIGINT)"
    else:
        word = f"lower(trim({x}))"
        yes, no = "('true','t','yes','y','1')", "('false','f','no','n','0')"
        sql = f"CASE WHEN {word} IN {yes} THEN true WHEN {word} IN {no} THEN false END"
        reason = "it is neither true nor false"
    # a CASE, not an AND: words are compared only in the few rows without a value
    bad = f"CASE WHEN {VALUE} IS NULL AND {x} IS NOT NULL THEN lower(trim({x})) NOT IN ({_NOTHING}) ELSE false END"
    return Compiled(sql=sql, bad=bad, shown=x, column=field.name, reason=reason)


def read_number(x: str, decimal: str) -> str:
    """SQL of a number as people write it: groups of thousands, money signs, brackets for minus."""
    bare = f"regexp_replace(trim({x}), '^\\((.*)\\)$', '-\\1')"
    bare = f"regexp_replace(regexp_replace({bare}, '{_MONEY_BEFORE}', '\\1'), '{_MONEY_AFTER}', '')"
    # each piece stands once, else the engine takes out what repeats and computes it for every row
    if decimal == ",":
        digits = f"regexp_replace(regexp_extract({bare}, '{_COMMA}'), '{_SPACES}', '', 'g')"
        return f"try_cast(replace({digits}, ',', '.') AS DOUBLE)"
    digits = f"regexp_replace(regexp_extract({bare}, '{_POINT}'), '{_GROUPS}', '', 'g')"
    return f"finite(coalesce(try_cast({x} AS DOUBLE), try_cast({digits} AS DOUBLE)))"


def read_time(x: str, formats: Sequence[str], zone: str) -> str:
    """SQL of an instant: every format in turn, then ISO, which cannot be mistaken for another."""
    tries = [_try(x, f, zone) for f in formats]
    if not any(f == "iso" or f.startswith("epoch") for f in formats):
        tries.append(_try(x, "iso", zone))
    return f"plausible(coalesce({', '.join(tries)}))"


def _try(x: str, format_: str, zone: str) -> str:
    if format_ == "iso":
        loose = f"try_cast(regexp_replace({x}, '{_LOOSE_OFFSET}', '\\1\\2:\\3') AS TIMESTAMPTZ)"
        if zone == "UTC":
            return f"try_cast({x} AS TIMESTAMPTZ), {loose}"
        local = f"timezone({literal(zone)}, try_cast({x} AS TIMESTAMP))"
        zoned = f"coalesce(try_cast({x} AS TIMESTAMPTZ), {loose})"
        return f"CASE WHEN regexp_matches({x}, '{_ZONED}') THEN {zoned} ELSE {local} END"
    if format_.startswith("epoch"):
        size = {"epoch s": 1, "epoch": 1, "epoch ms": 1000, "epoch us": 1_000_000}.get(format_, 1)
        number = f"try_cast({x} AS DOUBLE)"
        return f"CASE WHEN {number} BETWEEN -5e9 * {size} AND 2e11 * {size} THEN to_timestamp({number} / {size}) END"
    if format_.endswith("GMT%z"):  # as forms of Google write it, GMT+3; the engine wants +03
        x = f"regexp_replace({x}, 'GMT([+-])(\\d)(:\\d\\d)?$', 'GMT\\10\\2\\3')"
    parsed = f"try_strptime({x}, {literal(format_)})"
    if "%z" in format_ or "%Z" in format_:
        return f"try_cast({parsed} AS TIMESTAMPTZ)"
    fixed = "UTC" if format_.endswith(("Z", "UTC", "GMT")) else zone
    return f"timezone({literal(fixed)}, {parsed})"


def constant(value: Scalar, kind: Type, *, where: str) -> str:
    """A constant as SQL of the type.

    Raises:
        BadInput: It is not of the type.
    """
    try:
        if kind == "text":
            text = ("true" if value else "false") if isinstance(value, bool) else str(value)
            return literal(text)
        if kind == "truth":
            if not isinstance(value, bool):
                raise ValueError(value)  # noqa: TRY301  one place turns it into a sentence
            return "true" if value else "false"
        if kind == "time":
            moment = datetime.fromisoformat(str(value))
            moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
            return f"TIMESTAMPTZ {literal(moment.astimezone(ZoneInfo('UTC')).isoformat())}"
        if isinstance(value, bool):
            raise TypeError(value)  # noqa: TRY301
        return f"CAST({float(value)!r} AS {SQL_TYPES[kind]})"
    except (ValueError, TypeError) as error:
        raise BadInput(
            f"{value!r} is not a {kind}.", where=where, hint="Correct the constant in the mapping."
        ) from error


def compile_when(when: When, frame: Frame, *, where: str) -> str:
    """A condition over a row: all of its tests hold."""
    tests = [_test(frame.find(name, where=where), condition) for name, condition in when.items()]
    return f"coalesce({' AND '.join(tests)}, false)" if tests else "true"


def _test(field: Field, condition: Condition) -> str:
    if not isinstance(condition, Test):
        values = condition if isinstance(condition, tuple) else (condition,)
        return _among(field, values)
    tests = []
    if condition.equals is not None:
        tests.append(_among(field, (condition.equals,)))
    if condition.not_ is not None:
        values = condition.not_ if isinstance(condition.not_, tuple) else (condition.not_,)
        tests.append(f"({field.sql} IS NULL OR NOT {_among(field, values)})")
    number = read_number(field.sql, field.shape.decimal)
    if condition.above is not None:
        tests.append(f"({number}) > {float(condition.above)!r}")
    if condition.below is not None:
        tests.append(f"({number}) < {float(condition.below)!r}")
    if condition.empty is not None:
        tests.append(f"{field.sql} IS {'' if condition.empty else 'NOT '}NULL")
    return "(" + (" AND ".join(tests) or "true") + ")"


def _among(field: Field, values: Sequence[Scalar]) -> str:
    texts = [literal(str(v)) for v in values if not isinstance(v, bool)]
    truths = [literal(str(v).lower()) for v in values if isinstance(v, bool)]
    numbers = [repr(float(v)) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    tests = []
    if texts:
        tests.append(f"trim({field.sql}) IN ({', '.join(texts)})")
    if truths:
        tests.append(f"lower(trim({field.sql})) IN ({', '.join(truths)})")
    if numbers:
        tests.append(f"coalesce(try_cast({field.sql} AS DOUBLE) IN ({', '.join(numbers)}), false)")
    return f"({' OR '.join(tests)})" if tests else "false"
