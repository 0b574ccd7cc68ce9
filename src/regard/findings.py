"""What a question answers: a frozen value with a sentence, fields with help, evidence and cautions.

A finding knows nothing of HTML. Doors derive everything from its type: field help (`msgspec.Meta`) becomes the JSON
schema, the column heading's tooltip and the reference; a field that holds a tuple of Structs is a table.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

Counted = Literal["counted", "estimated", "refused"]


class Caution(msgspec.Struct, frozen=True, kw_only=True):
    """Something the reader must know before leaning on the answer."""

    code: Annotated[str, Meta(description="Stable short name, such as few_answers or unweighted.")]
    text: Annotated[str, Meta(description="The caution in a plain sentence.")]


class Interval(msgspec.Struct, frozen=True):
    """A range that holds the truth with the stated confidence."""

    low: Annotated[float, Meta(description="Lower end.")]
    high: Annotated[float, Meta(description="Upper end.")]
    level: Annotated[float, Meta(description="Confidence, 0.95 for 95 %.")] = 0.95


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What it takes to reproduce a finding, and how complete it is."""

    question: Annotated[str, Meta(description="room/question")] = ""
    arguments: Annotated[dict[str, Any], Meta(description="The arguments as given.")] = {}
    scope: Annotated[dict[str, Any], Meta(description="Period, comparison, filters and grouping in force.")] = {}
    position: Annotated[int, Meta(description="Log position the answer was computed at.")] = 0
    declarations: Annotated[int, Meta(description="Version of the declarations in force.")] = 0
    version: Annotated[str, Meta(description="Version of Regard.")] = ""
    computed_at: Annotated[datetime | None, Meta(description="When it was computed, UTC.")] = None
    n: Annotated[int, Meta(description="Rows the answer rests on.")] = 0
    customers: Annotated[int | None, Meta(description="Distinct customers the answer rests on.")] = None
    kind: Annotated[Counted, Meta(description="counted: exact; estimated: with intervals; refused: no number.")] = (
        "counted"
    )
    method: Annotated[str, Meta(description="The method in one sentence, with its source where it is an estimate.")] = (
        ""
    )
    complete: Annotated[str, Meta(description="How complete the counted rows are, in words.")] = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to one question. Subclasses add typed fields; every field carries its help.

    A finding without a number (too little data, a missing declaration) has `refused` set to the reason.
    """

    answer: Annotated[str, Meta(description="The answer in one plain sentence.")]
    evidence: Annotated[Evidence, Meta(description="What reproduces this answer.")] = Evidence()
    cautions: Annotated[tuple[Caution, ...], Meta(description="What to know before leaning on it.")] = ()
    refused: Annotated[str, Meta(description="Why there is no number; empty when there is one.")] = ""
    next_step: Annotated[str, Meta(description="What to do next, when there is something to do.")] = ""
    facts: Annotated[tuple[str, ...], Meta(description="At most three supporting sentences.")] = ()


def field_help(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Field name to its help text, for a finding or a row of one."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: _description(hints[name]) for name in kind.__struct_fields__}


def _description(hint: Any) -> str:
    for extra in getattr(hint, "__metadata__", ()):
        if isinstance(extra, Meta) and extra.description:
            return extra.description
    return ""


def tables(kind: type[Finding]) -> dict[str, type[msgspec.Struct]]:
    """The fields of a finding that are tables, with the Struct of a row, in declared order."""
    found = {}
    for name, hint in get_type_hints(kind).items():
        if get_origin(hint) is tuple:
            row = get_args(hint)[0]
            if isinstance(row, type) and issubclass(row, msgspec.Struct) and row is not Caution:
                found[name] = row
    return found


def as_number(value: Any) -> Any:
    """What JSON holds of a value that it does not know: a number of an array's type is that number.

    Raises:
        NotImplementedError: It is no number.
    """
    if hasattr(value, "item"):
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} has no JSON")


def encoded(value: Any, *, order: Literal["deterministic"] | None = None) -> bytes:
    """A finding, or part of one, as JSON."""
    return msgspec.json.encode(value, enc_hook=as_number, order=order)
