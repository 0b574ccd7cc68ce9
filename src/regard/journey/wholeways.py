"""Whole journeys as the ways they went: counted, compared, and what came of each; the same for every page of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.journey.afterwards import afterwards
from regard.journey.stepnames import arrowed, known, steps_named
from regard.periods import parse_span
from regard.statistics.choices import Compared, Way, compare, shares
from regard.steps.columns import Selection
from regard.steps.journeys import Course, Journeys, errors_along, journeys, steps_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.signals.ask import Ask
    from regard.signals.stepscope import Stepped

TOLD = 40
"""Ways told one by one, the most taken; all count in what covers how much."""
DRAWN = 14
LONGEST = 60
"""Steps of a way whose errors are told."""
PAUSE, FOLLOWED = "30min", "7d"


class WholeWay(msgspec.Struct, frozen=True, kw_only=True):
    """One whole way, and who took it."""

    path: Annotated[str, Meta(description="Its steps in order, immediate repeats as one.")]
    times: Annotated[int, Meta(description="Journeys that went it.")] = 0
    customers: Annotated[int, Meta(description="Different customers.")] = 0
    share: Annotated[float, Meta(description="Share of all whole journeys.")] = 0.0
    covered: Annotated[float, Meta(description="Share that it and all more frequent ways make up.")] = 0.0
    median_seconds: Annotated[float | None, Meta(description="Median seconds from first to last step.")] = None
    slow_seconds: Annotated[float | None, Meta(description="Seconds within which nine of ten are done.")] = None
    errors: Annotated[float, Meta(description="Share of its journeys that met an error.")] = 0.0
    worst_step: Annotated[str, Meta(description="The step most of them met one at; empty for none.")] = ""
    voice: Annotated[
        float | None, Meta(description="Share of each customer's journeys that went it, on average over customers.")
    ] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    before: Annotated[float | None, Meta(description="That share before, or of the group held against.")] = None
    now: Annotated[float | None, Meta(description="That share now, or of the group asked about.")] = None
    change: Annotated[float | None, Meta(description="Now less before, as a share.")] = None
    change_low: Annotated[float | None, Meta(description="Lower end of the interval of the change.")] = None
    change_high: Annotated[float | None, Meta(description="Upper end.")] = None
    adjusted: Annotated[
        float | None, Meta(description="p-value, corrected for all ways; empty where too few to compare.")
    ] = None
    score: Annotated[float | None, Meta(description="Score they then gave first: NPS, CSAT in points.")] = None
    score_low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    score_high: Annotated[float | None, Meta(description="Upper end.")] = None
    scored: Annotated[int, Meta(description="Customers who then gave a score.")] = 0
    stayed: Annotated[float | None, Meta(description="Share of those with a contract who still had one.")] = None
    stayed_low: Annotated[float | None, Meta(description="Lower end of its interval, as a share.")] = None
    stayed_high: Annotated[float | None, Meta(description="Upper end, as a share.")] = None
    spent: Annotated[float | None, Meta(description="What each of them then spent, on average.")] = None
    spent_low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    spent_high: Annotated[float | None, Meta(description="Upper end.")] = None
    followed: Annotated[int, Meta(description="Customers of whom it is known what they then did.")] = 0
    shown: Annotated[bool, Meta(description="Whether the figure shows it.")] = False


class WayErrors(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a way that the figure shows."""

    path: Annotated[str, Meta(description="The way.")]
    place: Annotated[int, Meta(description="Number of the step on it, from 1.")]
    step: Annotated[str, Meta(description="The step.")]
    errors: Annotated[float, Meta(description="Share of the journeys that met an error there.")] = 0.0


def course_of(stepped: Stepped, start: str, target: str, window: str) -> Course:
    """What is one journey, as it was asked.

    Raises:
        UnknownName: A step is none of the log's.
        BadInput: The window is no length of time.
    """
    first = known(stepped, steps_named(start)[:1], where="start")
    last = known(stepped, steps_named(target)[:1], where="target")
    within = parse_span(window or (FOLLOWED if first else PAUSE), where="window")
    return Course(start=first, target=last, within=within)


def whole(stepped: Stepped, course: Course, least: int, selection: Selection) -> Journeys:
    """Whole journeys: over, where they were to end, and of enough steps."""
    found = journeys(stepped.steps, course, selection=selection)
    return found.only(which_whole(found, course, least))


def which_whole(found: Journeys, course: Course, least: int) -> NDArray[np.bool_]:
    """Which journeys are whole."""
    done = ~found.open & (found.length >= least)
    return done & found.arrived if course.target else done


@dataclass(frozen=True, kw_only=True)
class Sides:
    """Whole journeys of two periods or groups.

    Attributes:
        found: The journeys.
        now: (j,) which are told of; the others are what they are held against.
        left_out: Journeys now that were too short, that did not arrive, that may yet go on.
        groups: What the two sides are called, where they are groups.
    """

    found: Journeys
    now: NDArray[np.bool_]
    left_out: tuple[int, int, int]
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Counted:
    """Ways by how often they were taken now.

    Attributes:
        keys: (v,) their bits.
        counts: (v,) journeys now.
        paths: Codes of those told.
        way: (j,) number of each journey's way among those told, of both sides; -1 for another.
        names: What codes mean.
        failed: (told, steps) journeys now that met an error at each step.
    """

    keys: NDArray[np.uint64]
    counts: NDArray[np.int64]
    paths: tuple[tuple[int, ...], ...]
    way: NDArray[np.int64]
    names: tuple[str, ...]
    failed: NDArray[np.int64]


def counted_ways(stepped: Stepped, seen: Sides, mine: Journeys) -> Counted:
    """The ways of one side by how often they were taken, those told as steps.

    Args:
        stepped: The steps.
        seen: Both sides.
        mine: The journeys of the side told of.
    """
    keys, first, counts = np.unique(mine.keys, return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    least = counts[order[TOLD - 1]] if len(order) > TOLD else 0
    some = order[counts[order] >= least][: 4 * TOLD].tolist()  # of equally frequent ones, the order of names decides
    names, rows = stepped.steps[0].names, Selection(rows=stepped.now.rows)
    told_as = steps_of(stepped.steps, mine, [int(first[i]) for i in some], selection=rows)
    path = dict(zip(some, told_as, strict=True))
    some.sort(key=lambda i: (-counts[i], tuple(names[c] for c in path[i])))
    told, rest = some[:TOLD], [i for i in order.tolist() if i not in set(some[:TOLD])]
    place = np.full(len(keys), -1)
    place[told] = np.arange(len(told))
    at = np.minimum(np.searchsorted(keys, seen.found.keys), len(keys) - 1)
    way = np.where(keys[at] == seen.found.keys, place[at], -1)
    wide = min(max((len(path[i]) for i in told), default=1), LONGEST)
    failed = errors_along(stepped.steps, mine, way[seen.now], (len(told), wide), selection=rows)
    every = np.array([*told, *rest], np.int64)
    return Counted(
        keys=keys[every], counts=counts[every], paths=tuple(path[i] for i in told), way=way, names=names, failed=failed
    )


def _voices(seen: Sides, counted: Counted) -> tuple[Compared, dict[int, tuple[float, float]]]:
    """Each customer a voice of one, the share of their journeys that went each way: compared, and intervals of now."""
    wide = len(counted.paths) + 1
    who = np.unique(seen.found.customers, return_inverse=True)[1].reshape(-1)
    pairs, times = np.unique((who * wide + counted.way + 1) * 2 + seen.now, return_counts=True)
    now, pairs = pairs % 2 == 1, pairs // 2
    place, way = np.zeros(len(pairs), np.int64), pairs % wide - 1
    found = shares(pairs[now] // wide, place[now], way[now], times=times[now])
    return (
        compare(pairs // wide, place, way, now, times=times),
        {s.way: (s.share.low, s.share.high) for s in found},
    )


def way_rows(seen: Sides, mine: Journeys, counted: Counted, coverage: float) -> tuple[tuple[WholeWay, ...], Compared]:
    """The ways told, with how often and how long, and how they differ."""
    change, ends = _voices(seen, counted)
    beside = {w.way: w for w in change.ways}
    way, total = counted.way[seen.now], int(counted.counts.sum())
    covered = np.cumsum(counted.counts) / total
    drawn = min(int(np.searchsorted(covered, coverage - 1e-9)) + 1, DRAWN)
    order = np.lexsort((mine.seconds, way))
    edges = np.searchsorted(way[order], np.arange(len(counted.paths) + 1))
    rows = []
    for k, path in enumerate(counted.paths):
        own = order[edges[k] : edges[k + 1]]
        seconds, n = mine.seconds[own], len(own)
        worst = int(np.argmax(counted.failed[k])) if len(path) else 0
        low, high = ends.get(k, (None, None))
        row = WholeWay(
            path=arrowed(tuple(counted.names[c] for c in path)), times=n, customers=len(np.unique(mine.customers[own])),
            share=n / total, covered=float(covered[k]), median_seconds=float(np.median(seconds)),
            slow_seconds=float(np.quantile(seconds, 0.9)), errors=float(mine.failed[own].mean()), low=low, high=high,
            worst_step=counted.names[path[worst]] if counted.failed[k, worst] else "", shown=k < drawn,
        )  # fmt: skip
        rows.append(_beside(row, beside.get(k)))
    return tuple(rows), change


def _beside(row: WholeWay, way: Way | None) -> WholeWay:
    if way is None:
        return row
    given = not way.difference.refused
    return msgspec.structs.replace(
        row, voice=_finite(way.now), before=_finite(way.before), now=_finite(way.now), adjusted=_finite(way.adjusted),
        change=way.difference.value if given else None, change_low=way.difference.low if given else None,
        change_high=way.difference.high if given else None,
    )  # fmt: skip


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def with_outcomes(
    ask: Ask, rows: tuple[WholeWay, ...], mine: Journeys, way: NDArray[np.int64], asked: tuple[str, int]
) -> tuple[WholeWay, ...]:
    """Rows with what the customers of each did after their first journey that way."""
    metric, days = asked
    some = np.flatnonzero(way >= 0)
    some = some[np.lexsort((mine.began[some], mine.customers[some], way[some]))]
    fresh = np.ones(len(some), np.bool_)
    fresh[1:] = (np.diff(way[some]) != 0) | (np.diff(mine.customers[some]) != 0)
    some = some[fresh]
    after = afterwards(ask, mine.customers[some], mine.began[some], metric=metric, days=days)
    return tuple(msgspec.structs.replace(row, **after.told(way[some] == k)) for k, row in enumerate(rows))


def step_rows(rows: tuple[WholeWay, ...], counted: Counted) -> tuple[WayErrors, ...]:
    """The steps of the ways shown, with how often an error was met there."""
    return tuple(
        WayErrors(path=row.path, place=i + 1, step=counted.names[code], errors=_at(counted, k, i) / row.times)
        for k, (row, path) in enumerate(zip(rows, counted.paths, strict=True)) if row.shown
        for i, code in enumerate(path)
    )  # fmt: skip


def _at(counted: Counted, way: int, place: int) -> int:
    return int(counted.failed[way, place]) if place < counted.failed.shape[1] else 0
