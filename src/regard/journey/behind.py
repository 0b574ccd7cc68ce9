"""The customers behind a step, a move, a way or a funnel's stage: what every number of those pages leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from regard.errors import BadInput, UnknownName
from regard.journey.leaving import DAY, took_lately
from regard.journey.stagerows import stages_of
from regard.journey.stepnames import known, steps_named
from regard.journey.treeing import STOPS
from regard.journey.ways import Route, walked
from regard.journey.wholeways import course_of, whole
from regard.periods import parse_span
from regard.steps.funnels import Stage, funnel
from regard.steps.journeys import key_of
from regard.steps.scanning import DEEPER

if TYPE_CHECKING:
    from regard.signals.ask import Ask

LATELY = 60 * DAY
"""How far back `took` looks where no window is given."""
TOLD: dict[str, str] = {
    "did": "Did",
    "walked": "Went",
    "reached": "Reached",
    "took": "Here, and lately did",
    "way": "Went the whole way",
    "lived": "Took steps at",
}


def behind(ask: Ask, who: str, path: str, window: str, *, ends: tuple[str, str] = ("", "")) -> NDArray[np.int64]:
    """Ids of customers in the period, ascending.

    Args:
        ask: The slice.
        who: did: a step; walked: a way from its first step on, as journey/paths counts it; reached: stages in order
            with anything between, as journey/funnel does; took: steps one directly after another in the window before
            the end of the period, as journey/before-loss does; way: a whole journey, as journey/variants does.
        path: The steps, with arrows between; `(stops)` at the end for those who went no further.
        window: How long after the first step the others count; empty for any time.
        ends: For a whole journey: what it begins and ends with, as journey/variants was asked.

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
    if who == "way":
        course = course_of(stepped, *ends, window)
        made = whole(stepped, course, 1, stepped.now)
        return np.unique(made.customers[made.keys == np.uint64(key_of([index[n] for n in names]))])
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


def behind_stage(ask: Ask, stage: str) -> NDArray[np.int64]:
    """Ids of customers who took a step of a declared stage in the period, as journey/products counts them, ascending.

    Raises:
        UnknownName: No such stage is declared.
    """
    stages = [s.name for s in ask.declarations.stages]
    if stage not in stages:
        raise UnknownName("stage", stage, stages, where="path")
    stepped, found = ask.steps(), [np.zeros(0, np.int64)]
    of = stages_of(stepped.steps[0].names if stepped.steps else (), ask.declarations.stages)
    for k, each in enumerate(stepped.steps):
        here = (of == stages.index(stage))[each.codes] & (each.times >= stepped.now.since)
        here &= each.times < stepped.now.until
        if stepped.now.rows is not None:
            here &= stepped.now.rows[k]
        owner = np.unique(np.searchsorted(each.starts, np.flatnonzero(here), side="right") - 1)
        if stepped.now.customers is not None:
            owner = owner[stepped.now.customers[k][owner]]
        found.append(each.customers[owner])
    return np.sort(np.concatenate(found))
