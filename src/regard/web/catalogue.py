"""The questions as the pages know them: told by a worker once per version of the code, kept as a file.

The pages never import a room. What they need of a question (title, help, parameters, the fields of its finding) is
plain data made here from the registry's types.
"""

from __future__ import annotations

import hashlib
import inspect
import types
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from regard.findings import Finding, Interval
from regard.units import described

if TYPE_CHECKING:
    from regard.questions import Question

Shape = Literal["text", "number", "whole", "truth", "day", "time", "interval", "list", "table", "record"]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of a finding or row, or one parameter of a question."""

    name: str
    shape: Shape
    help: str = ""
    unit: str = ""
    options: tuple[str, ...] = ()
    default: Any = None
    required: bool = False
    columns: tuple[Field, ...] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One question, as the pages need it."""

    path: str
    room: str
    name: str
    title: str
    help: str
    needs: tuple[str, ...]
    parameters: tuple[Field, ...]
    fields: tuple[Field, ...]
    figure: bool

    @property
    def tables(self) -> tuple[Field, ...]:
        """The fields that are tables; the first is the one a CSV holds."""
        return tuple(f for f in self.fields if f.shape == "table")


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """One chapter of the State of the Customer: its heading, the question it tells, the words on its door."""

    heading: str
    path: str
    door: str


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Every question there is, the chapters of the State, and the code they were made from."""

    code: str
    questions: tuple[Told, ...]
    chapters: tuple[Planned, ...] = ()

    def find(self, path: str) -> Told | None:
        """The question at room/name, or None."""
        return next((q for q in self.questions if q.path == path), None)

    def room(self, name: str) -> tuple[Told, ...]:
        """The questions of one room, in order."""
        return tuple(q for q in self.questions if q.room == name)


def code_version() -> str:
    """A short hash that changes whenever a module of the package does."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        found = path.stat()
        digest.update(f"{path.relative_to(root)}:{found.st_size}:{found.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def told(question: Question) -> Told:
    """What the pages need of one registered question."""
    own = [n for n in question.finding.__struct_fields__ if n not in Finding.__struct_fields__]
    hints = get_type_hints(question.finding, include_extras=True)
    asked = get_type_hints(question.ask, include_extras=True)
    room, _, name = question.path.partition("/")
    return Told(
        path=question.path,
        room=room,
        name=name,
        title=question.title,
        help=question.help,
        needs=question.needs,
        parameters=tuple(_parameter(p, asked.get(n, p.annotation)) for n, p in question.parameters.items()),
        fields=tuple(_field(n, hints[n]) for n in own),
        figure=question.figure is not None,
    )


def _parameter(parameter: inspect.Parameter, hint: Any) -> Field:
    required = parameter.default is inspect.Parameter.empty
    default = None if required else msgspec.to_builtins(parameter.default)
    made = _field(parameter.name, hint)
    return msgspec.structs.replace(made, default=default, required=required)


def _field(name: str, hint: Any) -> Field:
    help_, unit = described(hint)
    plain = _plain(hint)
    inner = get_args(plain)
    options: tuple[str, ...] = ()
    columns: tuple[Field, ...] = ()
    if get_origin(plain) is Literal:
        options = tuple(str(o) for o in inner)
    row = inner[0] if get_origin(plain) is tuple and inner else plain
    if isinstance(row, type) and issubclass(row, msgspec.Struct) and row is not Interval:
        hints = get_type_hints(row, include_extras=True)
        columns = tuple(_field(n, hints[n]) for n in row.__struct_fields__)
    return Field(name=name, shape=_shape(plain), help=help_, unit=unit, options=options, columns=columns)


def _plain(hint: Any) -> Any:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in {Union, types.UnionType}:
        parts = [p for p in get_args(hint) if p is not type(None)]
        return _plain(parts[0]) if parts else hint
    return hint


def _shape(plain: Any) -> Shape:
    if get_origin(plain) is Literal:
        return "text"
    if get_origin(plain) is tuple or plain in {tuple, list} or get_origin(plain) is list:
        inner = _plain(get_args(plain)[0]) if get_args(plain) else str
        return "table" if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else "list"
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return "interval" if plain is Interval else "record"
    known: dict[Any, Shape] = {
        str: "text", float: "number", int: "whole", bool: "truth", date: "day", datetime: "time",
    }  # fmt: skip
    return known.get(plain, "record" if get_origin(plain) is dict else "text")
