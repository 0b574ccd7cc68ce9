"""Command-line options made from signatures: the scope's, then the question's own."""

from __future__ import annotations

import typing
from typing import Any

import click
import msgspec

from regard.opened import SCOPE
from regard.questions import Question
from regard.signals.scope import Given


def parameters_of(question: Question) -> list[click.Parameter]:
    """The scope's options, then the question's own, made from its signature."""
    options: list[click.Parameter] = []
    hints = typing.get_type_hints(Given, include_extras=True)
    for name in SCOPE:
        many = name == "where"
        options.append(
            click.Option([f"--{name}"], multiple=many, default=() if many else "", help=help_of(hints[name]))
        )
    for name, parameter in question.parameters.items():
        required = parameter.default is parameter.empty
        options.append(
            click.Option(
                [f"--{name.replace('_', '-')}"],
                default=None if required or parameter.default is None else str(parameter.default),
                show_default=not required and parameter.default not in (None, ""),
                required=False,
                help=help_of(_hints(question).get(name)),
            )
        )
    return options


def _hints(question: Question) -> dict[str, Any]:
    return typing.get_type_hints(question.ask, include_extras=True)


def help_of(hint: Any) -> str:
    """The description an annotated hint carries, or nothing."""
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, msgspec.Meta) and extra.description:
            return extra.description
    return ""
