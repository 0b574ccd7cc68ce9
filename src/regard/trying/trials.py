"""What a trial answers, and the mark that puts a function on the list of `regard try`.

A trial answers one question from one file or data frame, without a workspace. It lives in its stem,
``trying/<name>.py``: its docstring is the question, its typed, keyword-only signature is the only source of the
command's options, the Python call and the reference. The mark gives every trial the same manners: any table is taken,
arguments are typed and unknown ones named, a refusal becomes a trial without a number, and what was guessed or left out
is said.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import inspect
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import wraps
from importlib.metadata import version
from types import ModuleType
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import BadInput, Refusal, UnknownName
from regard.findings import Finding, Interval
from regard.trying.columns import Columns, columns_of
from regard.wanted import wanted

P = ParamSpec("P")
R = TypeVar("R", bound="Trial")

NAMES = (
    "scores",
    "drivers",
    "value",
    "churn",
    "proof",
    "series",
    "effect",
    "experiment",
    "priorities",
    "journey",
    "paths",
    "subset",
)
"""Every trial, in the order a newcomer meets them."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was checked before the answer was given."""

    name: Annotated[str, Meta(description="Stable short name, such as fit_before or sample_ratio.")]
    passed: Annotated[bool | None, Meta(description="Whether it passed; empty where it could not be checked.")] = None
    text: Annotated[str, Meta(description="What was checked and what came out, in a plain sentence.")]
    value: Annotated[float | None, Meta(description="The figure it was judged by.")] = None


class Trial(Finding, frozen=True, kw_only=True):
    """What `regard try` answers. Subclasses add `rows`, the main table, and further named tables."""

    estimate: Annotated[float | None, Meta(description="The estimate; empty when refused.")] = None
    interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    n: Annotated[int, Meta(description="Rows, customers or units the estimate rests on.")] = 0
    method: Annotated[str, Meta(description="The method in a few words, with its source.")] = ""
    checks: Annotated[tuple[Check, ...], Meta(description="What was checked, and what came out.")] = ()


@dataclass(frozen=True, kw_only=True)
class Marked:
    """One registered trial: its name, title, question, options and what it gives back.

    Attributes:
        ask: The function as people call it: any table first, then options.
        options: Option name (as Python spells it) to its parameter, annotations resolved, descriptions kept.
    """

    name: str
    title: str
    help: str
    example: str
    ask: Callable[..., Trial]
    trial: type[Trial]
    options: dict[str, inspect.Parameter]

    @property
    def figure(self) -> Callable[[Any], Any] | None:
        """The stem's ``figure(trial)``, if it draws one: a regard.figures.Figure or None."""
        return getattr(sys.modules[self.ask.__module__], "figure", None)

    def spelled(self, name: str) -> str:
        """An option as the command line spells it, without its dashes in front: from0 may be called from."""
        extra = meta_of(self.options[name].annotation).extra or {}
        return str(extra.get("option", name)).strip("_").replace("_", "-")


_registered: dict[str, Marked] = {}


class Stem(ModuleType):
    """A stem that is called like its function, so that ``trying.scores(...)`` is the trial, not the module."""

    def __call__(self, *given: Any, **options: Any) -> Any:
        """Ask the trial of this stem."""
        return _registered[self.__name__.rpartition(".")[2]].ask(*given, **options)


def trial(
    *, title: str, example: str = ""
) -> Callable[[Callable[Concatenate[Columns, P], R]], Callable[Concatenate[Any, P], R]]:
    """Mark a function as the trial of its stem.

    Args:
        title: Short name in lists.
        example: A command to copy, shown under its help.
    """

    def register(function: Callable[Concatenate[Columns, P], R]) -> Callable[Concatenate[Any, P], R]:
        hints = typing.get_type_hints(function, include_extras=True)
        parameters = list(inspect.signature(function).parameters.values())[1:]
        name = function.__module__.rpartition(".")[2]

        @wraps(function)
        def ask(data: Any, /, **options: Any) -> Trial:
            return answer(_registered[name], function, data, options)

        _registered[name] = Marked(
            name=name,
            title=title,
            help=inspect.getdoc(function) or "",
            example=example,
            ask=ask,
            trial=hints["return"],
            options={p.name: p.replace(annotation=hints[p.name]) for p in parameters},
        )
        stem = sys.modules[function.__module__]
        stem.__class__ = Stem
        stem.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        return typing.cast("Callable[Concatenate[Any, P], R]", ask)

    return register


def known() -> tuple[str, ...]:
    """The names of all trials, without reading them."""
    return tuple(n for n in NAMES if importlib.util.find_spec(f"regard.trying.{n}") is not None)


def find(name: str) -> Marked:
    """The trial of that name, read when it is first asked for.

    Raises:
        UnknownName: No such trial; the nearest are suggested.
    """
    if name not in known():
        raise UnknownName("trial", name, known())
    importlib.import_module(f"regard.trying.{name}")
    return _registered[name]


def answer(marked: Marked, function: Callable[..., Trial], data: Any, options: dict[str, Any]) -> Trial:
    """Ask a trial: the same way for the command line and for Python.

    Args:
        marked: The trial.
        function: What computes it, from columns and typed options.
        data: A path, or any table `columns_of` takes.
        options: Option name to value; texts are converted to the option's type.

    Returns:
        The trial with its evidence. A refusal is a trial without a number.

    Raises:
        BadInput: The table, a column or an option cannot be used as given.
    """
    typed = _typed(marked, options)
    columns = columns_of(data)
    try:
        _some(columns)
        found = function(columns, **typed)
    except Refusal as refusal:
        found = marked.trial(answer=refusal.message, refused=refusal.message, next_step=refusal.hint)
    evidence = msgspec.structs.replace(
        found.evidence,
        question=f"try/{marked.name}",
        arguments={k: list(v) if isinstance(v, tuple) else msgspec.to_builtins(v) for k, v in typed.items()},
        version=version("regard"),
        computed_at=datetime.now(UTC).replace(microsecond=0),
        n=found.n,
        kind="refused" if found.refused else "estimated",
        method=found.method,
    )
    cautions = tuple(dict.fromkeys((*found.cautions, *columns.cautions())))
    return msgspec.structs.replace(found, evidence=evidence, cautions=cautions)


def _some(columns: Columns) -> None:
    if not len(columns):
        raise Refusal(f"{columns.source} holds headings but no rows.", hint="Export it again, with its rows.")


def _typed(marked: Marked, options: dict[str, Any]) -> dict[str, Any]:
    spelled = {marked.spelled(name): name for name in marked.options}
    typed = {}
    for given, value in options.items():
        name = given if given in marked.options else spelled.get(given.strip("_").replace("_", "-"), "")
        if not name:
            raise UnknownName(f"option of try {marked.name}", given, spelled, where=given)
        if value is not None:
            typed[name] = _converted(marked, name, value)
    for name, parameter in marked.options.items():
        if name not in typed and parameter.default is parameter.empty:
            option = f"--{marked.spelled(name)}"
            raise BadInput(
                f"try {marked.name} needs {option}: {_lowered(meta_of(parameter.annotation).description or name)}",
                where=option,
                hint=f"regard try {marked.name} --help shows all options.",
            )
    return typed


def _converted(marked: Marked, name: str, value: Any) -> Any:
    hint = marked.options[name].annotation
    if typing.get_origin(hint) is Annotated:
        hint = typing.get_args(hint)[0]
    try:
        found = msgspec.convert(_plain(value, hint), hint, strict=False)
        return msgspec.convert(found, marked.options[name].annotation) if hint in {int, float} else found
    except msgspec.ValidationError as error:
        taken = wanted(marked.options[name].annotation)
        why = f"it takes {taken}" if taken else str(error).split(" - ")[0]
        raise BadInput(
            f"{value!r} cannot be used for --{marked.spelled(name)}: {why}.",
            where=f"--{marked.spelled(name)}",
            hint="Give it as the help shows.",
        ) from error


def _plain(value: Any, hint: Any) -> Any:
    """What people pass from Python or a shell as what msgspec converts: lists of names, dates, numpy's numbers."""
    several = tuple in {typing.get_origin(hint), *map(typing.get_origin, typing.get_args(hint))}
    if several and isinstance(value, str):
        return [part.strip() for part in next(csv.reader([value], skipinitialspace=True), []) if part.strip()]
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, date | datetime):
        return value.isoformat()
    if hint is str and isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return list(value) if several and not isinstance(value, list | tuple) else value


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def meta_of(hint: Any) -> Meta:
    """The Meta an annotated hint carries; an empty one where it carries none."""
    return next((m for m in getattr(hint, "__metadata__", ()) if isinstance(m, Meta)), Meta())
