"""Steps as people write them: names that are in the log, and paths with arrows between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from regard.errors import UnknownName
from regard.journey.treeing import ARROW
from regard.steps.columns import codes_of

if TYPE_CHECKING:
    from regard.signals.stepscope import Stepped


def steps_named(path: str) -> tuple[str, ...]:
    """The steps of a path as people write it: A → B → C, or with -> or > between."""
    plain = path.replace("->", "→")
    return tuple(part.strip() for part in plain.split("→") if part.strip())


def known(stepped: Stepped, names: tuple[str, ...], *, where: str) -> tuple[str, ...]:
    """Names that are steps of the log.

    Raises:
        UnknownName: One is not; the nearest are suggested.
    """
    there = stepped.steps[0].names if stepped.steps else ()
    for name in names:
        if name not in there:
            raise UnknownName("step", name, there, where=where)
    return names


def arrowed(names: tuple[str, ...]) -> str:
    """Steps as a path."""
    return ARROW.join(names)


def only_steps(stepped: Stepped, among: str) -> Stepped:
    """The same with only some steps looked at, named with commas between; all where none is.

    Raises:
        UnknownName: One is no step of the log.
    """
    named = known(stepped, tuple(n.strip() for n in among.split(",") if n.strip()), where="among")
    if not named:
        return stepped
    rows = []
    for k, each in enumerate(stepped.steps):
        mask = codes_of(each.names, named)[each.codes]
        rows.append(mask if stepped.now.rows is None else mask & stepped.now.rows[k])
    return replace(stepped, now=replace(stepped.now, rows=rows), before=replace(stepped.before, rows=rows))


def several(stepped: Stepped, text: str, *, where: str) -> tuple[str, ...]:
    """Steps named with commas between, * at the end of one for all that begin so; none where the text is empty.

    Raises:
        UnknownName: One is no step of the log; the nearest are suggested.
    """
    there = stepped.steps[0].names if stepped.steps else ()
    found: list[str] = []
    for name in (part.strip() for part in text.split(",")):
        if name.endswith("*"):
            like = [n for n in there if n.startswith(name[:-1])]
            found += like or known(stepped, (name,), where=where)
        elif name:
            found += known(stepped, (name,), where=where)
    return tuple(dict.fromkeys(found))
