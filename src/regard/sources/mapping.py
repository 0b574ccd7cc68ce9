"""A mapping: which files are what, and which column becomes what of a signal. A short TOML file, kept and run again.

    name = "shop"                                   # the source; records are keyed within it

    [inputs.orders]                                 # a named input: files by name or glob
    files = "orders*.csv"
    join = [{ with = "customers", on = "customer_id" }]   # columns of customers become customers.COLUMN

    [inputs.customers]
    files = "customers.csv"

    [[signal]]                                      # what a row becomes; one input may feed several
    kind = "order"
    from = "orders"
    labels = ["state"]
    [signal.columns]
    key = "order_id"                                # a column
    occurred_at = { column = "paid_on", format = "%d/%m/%Y", zone = "Europe/Paris" }
    amount = { sum = ["price", "freight"] }
    currency = { value = "EUR" }                    # a constant

A mapping is data: nothing in it is run, and no name in it reaches the engine's SQL.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date, datetime
from datetime import time as clock
from typing import Annotated, Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from regard.errors import BadInput, UnknownName
from regard.signals.kinds import BY_NAME, Kind
from regard.sources.tomlpositions import line_of, positions

Scalar = str | int | float | bool
Names = str | tuple[str, ...]
Places = tuple[str | int, ...]


class Test(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on one column, beyond being equal to a value or one of several."""

    __test__ = False  # not one of pytest's

    equals: Annotated[Scalar | None, Meta(description="Equal to this text.")] = None
    not_: Annotated[
        Scalar | tuple[Scalar, ...] | None, Meta(description="Not this, or none of these; empty cells pass.")
    ] = msgspec.field(default=None, name="not")
    above: Annotated[float | None, Meta(description="A number greater than this.")] = None
    below: Annotated[float | None, Meta(description="A number less than this.")] = None
    empty: Annotated[bool | None, Meta(description="true: the cell is empty; false: it is not.")] = None


Condition = Scalar | tuple[Scalar, ...] | Test
When = dict[str, Condition]


class Expression(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What fills a column of a signal. Exactly one of the first seven says where the value comes from."""

    column: Annotated[str | None, Meta(description="The value of a column.")] = None
    value: Annotated[Scalar | None, Meta(description="The same value for every row.")] = None
    first: Annotated[tuple[str, ...] | None, Meta(description="The first of these columns that is not empty.")] = None
    text: Annotated[tuple[str, ...] | None, Meta(description="These columns as one text, joined by `with`.")] = None
    sum: Annotated[tuple[str, ...] | None, Meta(description="The sum of these columns; empty ones count nothing.")] = (
        None
    )
    product: Annotated[tuple[str, ...] | None, Meta(description="The product of these columns.")] = None
    seconds: Annotated[tuple[str, str] | None, Meta(description="Seconds from the first time to the second.")] = None
    with_: Annotated[str, Meta(description="What stands between joined texts.")] = msgspec.field(
        default="/", name="with"
    )
    map: Annotated[dict[str, Scalar] | None, Meta(description="What each value becomes; others become `default`.")] = (
        None
    )
    default: Annotated[Scalar | None, Meta(description="What an empty cell, or a value not in `map`, becomes.")] = None
    keep: Annotated[bool, Meta(description="Values not in `map` stay as they are.")] = False
    when: Annotated[When, Meta(description="Only for rows where this holds; empty for others.")] = {}
    format: Annotated[
        Names, Meta(description="Formats of times: iso, epoch s, epoch ms, or as strptime writes them.")
    ] = ()
    zone: Annotated[str, Meta(description="Time zone of times that carry none.")] = ""
    decimal: Annotated[str, Meta(description="Decimal mark of numbers: . or ,")] = ""
    plus: Annotated[
        str | None, Meta(description="For times: a column of seconds (see `times` for minutes) that is added.")
    ] = None
    times: Annotated[float | None, Meta(description="Number multiplied with this: 0.01 for cents.")] = None


Source = str | Expression
SOURCES = ("column", "value", "first", "text", "sum", "product", "seconds")


class Join(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A left join: every row stays, columns of the matching row are added."""

    with_: Annotated[str, Meta(description="The input joined.")] = msgspec.field(name="with")
    on: Annotated[
        str | tuple[str, ...] | dict[str, str],
        Meta(description="Key columns; a table where the names differ: here = there."),
    ]
    as_: Annotated[str, Meta(description="Its name in columns; empty takes the input's.")] = msgspec.field(
        default="", name="as"
    )


class Aggregate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column of an input that is grouped `by` keys. Exactly one of the first six is given."""

    first: Annotated[str | None, Meta(description="The first value that is not empty, in `order`.")] = None
    last: Annotated[str | None, Meta(description="The last value that is not empty, in `order`.")] = None
    min: Annotated[
        str | None, Meta(description="The smallest: of numbers where all are, else of texts; ISO times sort as texts.")
    ] = None
    max: Annotated[str | None, Meta(description="The largest, as for min.")] = None
    sum: Annotated[str | None, Meta(description="The sum of numbers.")] = None
    count: Annotated[str | None, Meta(description="How many are not empty.")] = None
    order: Annotated[str, Meta(description="Column that orders the rows; empty takes the file's order.")] = ""
    when: Annotated[When, Meta(description="Only rows where this holds.")] = {}


AGGREGATES = ("first", "last", "min", "max", "sum", "count")


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named table of rows: of files, or of another input, joined and grouped."""

    files: Annotated[
        Names, Meta(description="Names or globs of its files, matched with the files given; empty takes all.")
    ] = ()
    from_: Annotated[str, Meta(description="The input it is made of, instead of files.")] = msgspec.field(
        default="", name="from"
    )
    join: Annotated[tuple[Join, ...], Meta(description="Inputs joined to it.")] = ()
    by: Annotated[Names, Meta(description="Key columns it is grouped by: one row for each.")] = ()
    columns: Annotated[dict[str, Aggregate], Meta(description="Columns of the groups.")] = {}
    format: Annotated[
        Literal["csv", "jsonl", "json", "parquet", "xlsx"] | None, Meta(description="Format, if not as detected.")
    ] = None
    encoding: Annotated[str, Meta(description="Encoding, if not as detected.")] = ""
    delimiter: Annotated[str, Meta(description="Delimiter, if not as detected.")] = ""
    quote: Annotated[str | None, Meta(description="Quote, if not as detected; empty for none.")] = None
    escape: Annotated[str | None, Meta(description="Escape before quotes, if not as detected.")] = None
    skip: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="Lines before the headings, if not as detected.")
    ] = None
    header: Annotated[
        Annotated[int, Meta(ge=0, le=2)] | None, Meta(description="Rows of headings: 0, 1 or 2, if not as detected.")
    ] = None
    sheet: Annotated[str, Meta(description="Sheet of a workbook.")] = ""
    times: Annotated[Names, Meta(description="Formats of its times, if not as detected.")] = ()
    zone: Annotated[str, Meta(description="Time zone of its times that carry none; empty takes the mapping's.")] = ""
    decimal: Annotated[str, Meta(description="Decimal mark of its numbers, if not as detected.")] = ""


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One part of a survey response, where each part is a column."""

    score: Annotated[Source | None, Meta(description="Column of its score.")] = None
    verbatim: Annotated[Source | None, Meta(description="Column of its words.")] = None
    metric: Annotated[
        str, Meta(description="nps, csat, ces, stars or the company's own; empty takes the signal's.")
    ] = ""
    scale: Annotated[
        tuple[float, float] | None, Meta(description="Lowest and highest possible score; empty takes the signal's.")
    ] = None
    whole: Annotated[bool, Meta(description="It is about the whole, not a part: the part's name stays empty.")] = False


class Signal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the rows of an input become."""

    kind: Annotated[str, Meta(description="Kind of signal: order, answer, contact, ...")]
    from_: Annotated[str, Meta(description="The input; may be left out where there is one.")] = msgspec.field(
        default="", name="from"
    )
    columns: Annotated[dict[str, Source], Meta(description="Column of the signal = where its value comes from.")] = {}
    labels: Annotated[
        tuple[str, ...] | dict[str, Source],
        Meta(description="Columns kept as labels, or a table of label = where from."),
    ] = ()
    when: Annotated[When, Meta(description="Only rows where this holds become a signal.")] = {}
    scale: Annotated[tuple[float, float] | None, Meta(description="Lowest and highest possible score.")] = None
    parts: Annotated[dict[str, str | Part], Meta(description="A response in one row: part = column of its score.")] = {}


class Mapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Files into signals."""

    name: Annotated[str, Meta(description="Name of the source; records are keyed within it.")] = "files"
    zone: Annotated[str, Meta(description="Time zone of times that carry none.")] = "UTC"
    inputs: Annotated[dict[str, Input], Meta(description="The named tables of rows.")] = {}
    signal: Annotated[tuple[Signal, ...], Meta(description="What becomes of them.")] = ()


def read_mapping(text: str, *, name: str = "mapping.toml") -> Mapping:
    """A mapping from its text, checked as far as it can be without the files.

    Raises:
        BadInput: Not TOML, an unknown key, a wrong type or an impossible value; says the line and the nearest name.
    """
    try:
        data = _plain(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            f"{name} is not valid TOML: {error}.", where=name, hint='Strings are quoted: key = "value".'
        ) from error
    found = positions(text)
    _known_keys(data, Mapping, (), found, name)
    try:
        mapping = msgspec.convert(data, Mapping)
    except msgspec.ValidationError as error:
        message, path = _blame(data, Mapping, ()) or (str(error), ())
        raise BadInput(
            f"{_dotted(path)} is not as a mapping needs it: {message}.",
            where=f"{name} line {line_of(found, path)}",
            hint="See docs/sources/mapping.md for what it may be.",
        ) from error
    check(mapping, name=name, lines=found)
    return mapping


def _plain(value: Any) -> Any:
    """TOML's own dates and times as ISO text, which is how a mapping keeps them."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value.isoformat() if isinstance(value, (datetime, date, clock)) else value


def _blame(value: Any, hint: Any, path: Places) -> tuple[str, Places] | None:
    """What of a value does not fit its type, and the path to it; None where it fits."""
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        for key, inner, inner_hint in _inside(value, hint):
            found = _blame(inner, inner_hint, (*path, key))
            if found is not None:
                return found
        return str(error).partition(" - at ")[0], path
    return None


def _inside(value: Any, hint: Any) -> Iterator[tuple[str | int, Any, Any]]:
    """What a value holds, each with its key and its type."""
    for option in (hint, *get_args(hint)):
        args = get_args(option)
        if isinstance(option, type) and issubclass(option, msgspec.Struct) and isinstance(value, dict):
            types = {f.encode_name: f.type for f in msgspec.structs.fields(option)}
            yield from ((k, v, types[k]) for k, v in value.items() if k in types)
        elif get_origin(option) is dict and isinstance(value, dict):
            yield from ((k, v, args[1]) for k, v in value.items())
        elif get_origin(option) is tuple and isinstance(value, list):
            yield from (
                (i, v, args[min(i, len(args) - 1)] if args[-1] is not ... else args[0]) for i, v in enumerate(value)
            )


def _dotted(path: Places) -> str:
    return ".".join(str(p + 1) if isinstance(p, int) else p for p in path) or "The mapping"


def _known_keys(data: Any, kind: type, path: Places, found: dict[Places, int], name: str) -> None:
    """Names the unknown key and the nearest known one, which msgspec alone does not."""
    if not isinstance(data, dict):
        return
    fields = {f.encode_name: f.type for f in msgspec.structs.fields(kind)}
    for key, value in data.items():
        if key not in fields:
            raise UnknownName("key", key, fields, where=f"{name} line {line_of(found, (*path, key))}")
        for inner, several in _structs(fields[key]):
            if several == "dict" and isinstance(value, dict):
                for k, v in value.items():
                    if inner is not Test:
                        _known_keys(v, inner, (*path, key, k), found, name)
            elif several == "tuple" and isinstance(value, list):
                for i, v in enumerate(value):
                    _known_keys(v, inner, (*path, key, i), found, name)


def _structs(hint: Any) -> list[tuple[type, str]]:
    """Structs inside a type of several: [(Signal, "tuple")]."""
    out = []
    for option in (hint, *get_args(hint)):
        origin = getattr(option, "__origin__", None)
        if origin in {dict, tuple}:
            for inner in get_args(option):
                leaves = (inner, *get_args(inner))
                found = [x for x in leaves if isinstance(x, type) and issubclass(x, msgspec.Struct)]
                out += [(leaf, origin.__name__) for leaf in found]
    return out


class _Check:
    """Where a mistake is said to be."""

    def __init__(self, name: str, lines: dict[Places, int]) -> None:
        self.name, self.lines = name, lines

    def at(self, *path: str | int) -> str:
        return f"{self.name} line {line_of(self.lines, path)}" if self.lines else f"{self.name} {_dotted(path)}"


def check(mapping: Mapping, *, name: str = "mapping", lines: dict[Places, int] | None = None) -> None:
    """Everything about a mapping that does not need the files.

    Raises:
        BadInput, UnknownName: What is wrong, where, and the nearest right name.
    """
    say = _Check(name, lines or {})
    if not mapping.signal:
        raise BadInput(
            "The mapping makes no signal.", where=name, hint='Add a section: [[signal]] with kind = "order".'
        )
    _zone(mapping.zone, say.at("zone"))
    for key, source in mapping.inputs.items():
        _check_input(key, source, mapping, say)
    for number, signal in enumerate(mapping.signal):
        _check_signal(number, signal, mapping, say)


def _zone(zone: str, where: str) -> None:
    if not zone:
        return
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadInput(
            f"No time zone is named {zone!r}.", where=where, hint="Like Europe/Paris or America/Sao_Paulo."
        ) from error


def _check_input(key: str, source: Input, mapping: Mapping, say: _Check) -> None:
    if source.files and source.from_:
        raise BadInput(
            f"The input {key} has both files and from.", where=say.at("inputs", key), hint="Keep one of them."
        )
    _zone(source.zone, say.at("inputs", key, "zone"))
    seen: list[str] = []
    step = key
    while step:  # an input made of itself would never end
        if step not in mapping.inputs:
            raise UnknownName("input", step, mapping.inputs, where=say.at("inputs", key, "from"))
        if step in seen:
            raise BadInput(
                f"The input {key} is made of itself.",
                where=say.at("inputs", key, "from"),
                hint="Name files in one of them.",
            )
        seen.append(step)
        step = mapping.inputs[step].from_
    for number, join in enumerate(source.join):
        if join.with_ not in mapping.inputs:
            raise UnknownName("input", join.with_, mapping.inputs, where=say.at("inputs", key, "join", number))
        if join.with_ == key or any(j.with_ == key for j in mapping.inputs[join.with_].join):
            raise BadInput(
                f"The inputs {key} and {join.with_} join each other.",
                where=say.at("inputs", key, "join"),
                hint="Join one way.",
            )
    if source.columns and not source.by:
        raise BadInput(
            f"The input {key} has columns but no keys to group by.", where=say.at("inputs", key), hint='Add by = "KEY".'
        )
    for column, aggregate in source.columns.items():
        if sum(getattr(aggregate, a) is not None for a in AGGREGATES) != 1:
            raise BadInput(
                f"The column {column} of input {key} needs exactly one of {', '.join(AGGREGATES)}.",
                where=say.at("inputs", key, "columns", column),
                hint='Like: answered = { min = "sent_at", when = { role = "agent" } }',
            )


def _check_signal(number: int, signal: Signal, mapping: Mapping, say: _Check) -> None:
    if signal.kind not in BY_NAME:
        raise UnknownName("kind of signal", signal.kind, BY_NAME, where=say.at("signal", number, "kind"))
    kind = BY_NAME[signal.kind]
    if not signal.from_ and len(mapping.inputs) > 1:
        raise BadInput(
            f"Signal {number + 1} ({signal.kind}) does not say from which input.",
            where=say.at("signal", number),
            hint=f'Add from = "{next(iter(mapping.inputs))}".',
        )
    if signal.from_ and signal.from_ not in mapping.inputs:
        raise UnknownName("input", signal.from_, mapping.inputs, where=say.at("signal", number, "from"))
    known = {c.name: c for c in kind.all_columns}
    for target, source in signal.columns.items():
        where = say.at("signal", number, "columns", target)
        if target not in known or target == "labels":
            raise UnknownName(f"column of {signal.kind}", target, set(known) - {"labels"}, where=where)
        _check_expression(target, source, where)
    if isinstance(signal.labels, dict):
        for label, source in signal.labels.items():
            _check_expression(label, source, say.at("signal", number, "labels", label))
    if signal.parts and signal.kind != "answer":
        raise BadInput("Only answers have parts.", where=say.at("signal", number, "parts"), hint='Use kind = "answer".')
    if signal.scale is not None and "scale_min" not in known:
        raise BadInput(
            f"A signal of kind {signal.kind} has no scale.",
            where=say.at("signal", number, "scale"),
            hint="Leave it out.",
        )
    _check_needs(number, signal, kind, say)


def needed(kind: Kind) -> tuple[str, ...]:
    """The columns a signal of this kind cannot do without."""
    timeless = {"profile", "merge"}
    return (*kind.needs, *(() if kind.name in timeless else ("occurred_at",)))


def _check_needs(number: int, signal: Signal, kind: Kind, say: _Check) -> None:
    missing = [n for n in needed(kind) if n not in signal.columns]
    if missing:
        raise BadInput(
            f"Signal {number + 1} ({signal.kind}) does not fill {' and '.join(missing)}.",
            where=say.at("signal", number),
            hint=f'Under [signal.columns] add: {missing[0]} = "COLUMN"',
        )


def _check_expression(target: str, source: Source, where: str) -> None:
    if isinstance(source, str):
        return
    given = [name for name in SOURCES if getattr(source, name) is not None]
    if len(given) != 1:
        raise BadInput(
            f"{target} needs exactly one of {', '.join(SOURCES)}, not {' and '.join(given) or 'none'}.",
            where=where,
            hint=f'Like: {target} = {{ column = "NAME" }}',
        )
    if source.decimal not in {"", ".", ","}:
        raise BadInput(f"The decimal mark of {target} must be . or ,", where=where, hint='decimal = ","')
    _zone(source.zone, where)
