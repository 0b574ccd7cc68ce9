"""The customers behind a step, a move, a way or a funnel's stage: what every number of those pages leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.errors import BadInput, UnknownName
from regard.journey.leaving import DAY, took_lately
from regard.journey.treeing import ARROW, STOPS
from regard.journey.ways import DEEPER, Route, walked
from regard.periods import parse_span
from regard.steps.funnels import Stage, funnel

if TYPE_CHECKING:
    from regard.signals.ask import Ask
    from regard.signals.stepscope import Stepped

LATELY = 60 * DAY
"""How far back `took` looks where no window is given."""
TOLD: dict[str, str] = {"did": "Did", "walked": "Went", "reached": "Reached", "took": "Here, and lately did"}


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


def behind(ask: Ask, who: str, path: str, window: str) -> NDArray[np.int64]:
    """Ids of customers in the period, ascending.

    Args:
        ask: The slice.
        who: did: a step; walked: a way from its first step on, as journey/paths counts it; reached: stages in order
            with anything between, as journey/funnel does; took: steps one directly after another in the window before
            the end of the period, as journey/before-loss does.
        path: The steps, with arrows between; `(stops)` at the end for those who went no further.
        window: How long after the first step the others count; empty for any time.

    Raises:
        BadInput: No step is named.
        UnknownName: A step is none of the log's.
    """
    stepped = ask.steps()
    named = steps_named(path)
    stops = bool(named) and named[-1] == STOPS
    names = known(stepped, named[:-1] if stops else named, where="path")
    if not names:
        raise BadInput("Which step?", where="path", hint="Name one, or several with arrows: A → B.")
    within = parse_span(window, where="window")
    index = {name: code for code, name in enumerate(stepped.steps[0].names)}
    if who == "took":
        ids, took = took_lately(stepped, [tuple(index[n] for n in names)], within or LATELY)
        return ids[took[:, 0]]
    if who == "reached" and len(names) > 1:
        stages = tuple(Stage(names=(name,)) for name in names)
        found = funnel(stepped.steps, stages, within=within, selection=stepped.now)
        return np.sort(found.behind(len(names) - 1))
    ways = walked(stepped.steps, Route(start=names[:1], depth=max(len(names), 1), within=within), selection=stepped.now)
    codes = np.array([index[n] for n in names], dtype=np.int64)
    went = (ways.codes[:, : len(codes)] == codes).all(axis=1)
    if stops:
        went &= (ways.length == len(codes)) & (ways.why < DEEPER) & ~ways.open
    return np.sort(ways.customers[went])


def arrowed(names: tuple[str, ...]) -> str:
    """Steps as a path."""
    return ARROW.join(names)


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
