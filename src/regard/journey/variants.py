"""Whole ways: which whole journeys customers take, how few ways cover most of them, and what came of each.

A journey is what a customer does between two pauses, or from a start on, or from a start to an end. Two journeys went
the same way where their steps are the same in the same order, immediate repeats as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal
from regard.figures.waylist import WayMark, WayStep, way_list
from regard.findings import Caution, Finding
from regard.journey.afterwards import then_told
from regard.journey.flowing import CLEAR, ERRORS, tone
from regard.journey.stepnames import only_steps
from regard.journey.wholeways import (
    FOLLOWED,
    PAUSE,
    Sides,
    WayErrors,
    WholeWay,
    counted_ways,
    course_of,
    step_rows,
    way_rows,
    which_whole,
    with_outcomes,
)
from regard.questions import question
from regard.signals.ask import Ask
from regard.steps.columns import Selection
from regard.steps.journeys import Course, Journeys, journeys
from regard.wording import Words, count, duration, number, percent, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures import Figure
    from regard.signals.stepscope import Stepped


class WaysTaken(Finding, frozen=True, kw_only=True):
    """The whole ways customers take."""

    start: Annotated[str, Meta(description="The step journeys begin with; empty for any after a pause.")] = ""
    target: Annotated[str, Meta(description="The step they end with; empty for any.")] = ""
    window: Annotated[str, Meta(description="How long a journey is followed, or the pause that ends one.")] = ""
    customers: Annotated[int, Meta(description="Customers with a whole journey in the period.")] = 0
    journeys: Annotated[int, Meta(description="Whole journeys in the period.")] = 0
    ways: Annotated[int, Meta(description="Different ways they took.")] = 0
    covering: Annotated[int, Meta(description="How many ways, the most frequent first, cover the share asked for.")] = 0
    coverage: Annotated[float, Meta(description="The share of journeys asked for.")] = 0.0
    short: Annotated[int, Meta(description="Journeys of fewer steps than asked for, which are left out.")] = 0
    missed: Annotated[int, Meta(description="Journeys that were over without reaching the end.")] = 0
    still_open: Annotated[int, Meta(description="Journeys that may yet go on when the log ends.")] = 0
    groups: Annotated[tuple[str, ...], Meta(description="The groups compared, where the question is cut by one.")] = ()
    metric: Annotated[str, Meta(description="Metric of the scores.")] = ""
    currency: Annotated[str, Meta(description="Currency of what was spent.")] = ""
    rows: Annotated[tuple[WholeWay, ...], Meta(description="Ways, the most frequent first.")] = ()
    steps: Annotated[tuple[WayErrors, ...], Meta(description="The steps of the ways shown.")] = ()


FINE = 0.02
"""Differences below are told with a digit more."""


@question(title="Whole ways", needs=("event|order|contact|subscription",))
def variants(
    *,
    ask: Ask,
    start: Annotated[str, Meta(description="Step a journey begins with; default any after a pause.")] = "",
    target: Annotated[str, Meta(description="Step a journey ends with; others are counted as not arrived.")] = "",
    window: Annotated[
        str,
        Meta(description="With a start: how long it is followed, default 7d; else the pause that ends it, 30min."),
    ] = "",
    among: Annotated[
        str, Meta(description="Only these steps are looked at, others are as if they had not been: A, B, C.")
    ] = "",
    coverage: Annotated[
        float, Meta(description="Share of journeys whose ways are shown, the most frequent first.", ge=0.05, le=1)
    ] = 0.8,
    least: Annotated[int, Meta(description="Fewest steps of a journey that is looked at.", ge=1, le=20)] = 2,
    then: Annotated[
        int, Meta(description="Days in which score, staying and spending are followed.", ge=1, le=730)
    ] = 90,
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or your own; default the declared one.")] = "",
) -> WaysTaken:
    """Which whole ways do customers take, how few of them cover most, and what came of each?"""
    stepped = only_steps(ask.steps(), among)
    course = course_of(stepped, start, target, window)
    seen = _seen(ask, stepped, course, least)
    mine = seen.found.only(seen.now)
    if not len(mine):
        raise Refusal(_nothing(course, least), hint="Widen the period, choose a longer window, or fewer steps.")
    metric = metric or ask.declarations.metric or "nps"
    counted = counted_ways(stepped, seen, mine)
    rows, change = way_rows(seen, mine, counted, coverage)
    rows = with_outcomes(ask, rows, mine, counted.way[seen.now], (metric, then))
    found = WaysTaken(
        answer="", start="".join(course.start), target="".join(course.target), coverage=coverage,
        window=window or (FOLLOWED if course.start else PAUSE), customers=len(np.unique(mine.customers)),
        journeys=len(mine), ways=len(counted.counts), covering=_covering(counted.counts, coverage),
        short=seen.left_out[0], missed=seen.left_out[1], still_open=seen.left_out[2], groups=seen.groups, metric=metric,
        currency=ask.declarations.currency, rows=rows, steps=step_rows(rows, counted), facts=_facts(rows),
        next_step="See who took a way: its number leads to them. Walk on from a step: regard journey paths.",
        evidence=ask.evidence(
            n=len(seen.found), customers=len(np.unique(seen.found.customers)), kind="estimated",
            method=f"Whole journeys counted; between two sides, {change.method}.",
        ),
    )  # fmt: skip
    return msgspec.structs.replace(found, answer=_answer(ask, found), cautions=_cautions(found, stepped, least))


def _covering(counts: NDArray[np.int64], coverage: float) -> int:
    """How many of the most frequent ways make up a share of all journeys."""
    return int(np.searchsorted(np.cumsum(counts), coverage * counts.sum() - 1e-9)) + 1


def _nothing(course: Course, least: int) -> str:
    ends = f" from {course.start[0]}" if course.start else ""
    ends += f" to {course.target[0]}" if course.target else ""
    return f"No customer made a whole journey{ends} of {count(least, 'step')} or more in this period."


def _seen(ask: Ask, stepped: Stepped, course: Course, least: int) -> Sides:
    now, before = stepped.now, stepped.before
    both = now if ask.scope.by else Selection(
        since=min(now.since, before.since), until=max(now.until, before.until), customers=now.customers, rows=now.rows,
        end=now.end,
    )  # fmt: skip
    found = journeys(stepped.steps, course, selection=both)
    done = which_whole(found, course, least)
    later = (found.began >= now.since) & (found.began < now.until)
    over = later & ~found.open
    arrived = found.arrived if course.target else np.ones(len(found), np.bool_)
    told = (
        int((over & arrived & (found.length < least)).sum()), int((over & ~arrived).sum()),
        int((later & found.open).sum()),
    )  # fmt: skip
    if ask.scope.by:
        return _groups(ask, stepped, found.only(done), told)
    done &= later | ((found.began >= before.since) & (found.began < before.until))
    return Sides(found=found.only(done), now=later[done], left_out=told)


def _groups(ask: Ask, stepped: Stepped, found: Journeys, told: tuple[int, int, int]) -> Sides:
    """The largest group, by the label at the first step, and all others."""
    by = ask.scope.by
    code, values = np.zeros(len(found), np.int64), stepped.steps[0].labels[by].values if stepped.steps else ("",)
    for k, each in enumerate(stepped.steps):
        own = found.part == k
        code[own] = each.labels[by].codes[found.begins[own]]
    size = np.bincount(code[code > 0], minlength=len(values))
    if np.count_nonzero(size) < 2:
        raise Refusal(f"Whole journeys are of one {by}.", hint="Cut them by another dimension, or by none.")
    first, keep = int(np.argmax(size)), code > 0
    others = [values[i] for i in np.flatnonzero(size) if i != first]
    groups = (values[first], others[0] if len(others) == 1 else f"all other {by}s")
    return Sides(found=found.only(keep), now=code[keep] == first, groups=groups, left_out=told)


def _answer(ask: Ask, found: WaysTaken) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    first = found.rows[0]
    base = (
        f"{words.count(found.customers)} made {count(found.journeys, 'whole journey')} in "
        f"{count(found.ways, 'different way')}; {_cover(found)}"
    )
    clear = [r for r in found.rows if r.adjusted is not None and r.adjusted <= CLEAR and r.change is not None]
    if clear:
        most = min(clear, key=lambda r: (r.adjusted or 0.0, -abs(r.change or 0.0), r.path))
        return f"{base}. {_moved(most, found.groups)}."
    when = f" between {found.groups[0]} and {found.groups[1]}" if found.groups else " against the period before"
    quiet = f" No way differs beyond chance{when}." if any(r.adjusted is not None for r in found.rows) else ""
    return f"{base}. The commonest is {first.path}, {percent(first.share)} of them.{quiet}"


def _cover(found: WaysTaken) -> str:
    if found.covering == 1:
        return f"one way covers {percent(found.rows[0].share)} of them"
    return f"{number(found.covering)} ways cover {percent(found.coverage)} of them"


def _moved(row: WholeWay, groups: tuple[str, ...]) -> str:
    """A difference in words."""
    digits = 0 if abs(row.change or 0.0) >= FINE else 1
    ends = ""
    if row.change_low is not None and row.change_high is not None:
        ends = f", {signed(100 * row.change_low, digits)} to {signed(100 * row.change_high, digits)}"
    more = (row.change or 0.0) > 0
    told = f"{'More' if more else 'Fewer'} go {row.path}"
    if groups:
        told = f"{groups[0]} goes {row.path} {'more' if more else 'less'} often than {groups[1]}"
    against = "against" if groups else "after"
    return (
        f"{told}: {percent(row.now, digits)} of a customer's journeys {against} "
        f"{percent(row.before, digits)} ({signed(100 * (row.change or 0.0), digits)} points{ends})"
    )


def _facts(rows: tuple[WholeWay, ...]) -> tuple[str, ...]:
    told = []
    shown = [r for r in rows if r.shown]
    bad = max(shown, key=lambda r: r.errors, default=None)
    if bad is not None and bad.errors >= ERRORS[1][0]:
        told.append(f"{percent(bad.errors)} of the journeys {bad.path} met an error, most at {bad.worst_step}.")
    slow = max(shown, key=lambda r: r.median_seconds or 0.0, default=None)
    if slow is not None and slow.median_seconds:
        told.append(
            f"The slowest of those shown is {slow.path}: half take longer than {duration(slow.median_seconds)}."
        )
    return tuple(told)


def _cautions(found: WaysTaken, stepped: Stepped, least: int) -> tuple[Caution, ...]:
    told = []
    if found.missed:
        text = f"{count(found.missed, 'journey')} did not come to {found.target} in time: not among the ways."
        told.append(Caution(code="missed", text=text))
    if found.short:
        text = f"{count(found.short, 'journey')} of fewer than {count(least, 'step')} are left out."
        told.append(Caution(code="short", text=text))
    if found.still_open:
        text = f"{count(found.still_open, 'journey')} may yet go on when the log ends: left out."
        told.append(Caution(code="still_open", text=text))
    text = (
        "Ways that differ are no proof of a cause, and those who go another way are other customers: proof needs a "
        "comparison that was declared."
    )
    told.append(Caution(code="not_proof", text=text))
    told += stepped.cautions()
    return tuple(told)


def figure(finding: WaysTaken) -> Figure | None:
    """The ways as rows of steps, with how many take each and what came of it."""
    rows = [r for r in finding.rows if r.shown]
    if not rows:
        return None
    steps: dict[str, list[WayErrors]] = {}
    for step in finding.steps:
        steps.setdefault(step.path, []).append(step)
    usual = {s.step for s in steps[rows[0].path]}
    marks = [_mark(r, steps[r.path], usual, finding) for r in rows]
    return way_list(marks, title=finding.answer, legend=_legend(finding, rows))


def _mark(row: WholeWay, steps: Sequence[WayErrors], usual: set[str], finding: WaysTaken) -> WayMark:
    clear = row.adjusted is not None and row.adjusted <= CLEAR and row.change is not None
    up = (row.change or 0.0) > 0
    bad = f"{percent(row.errors)} met an error" if row.errors >= 0.005 else ""
    took = duration(row.median_seconds) if row.median_seconds else ""
    note = " · ".join(w for w in (count(row.times, "journey"), count(row.customers, "customer"), took, bad) if w)
    return WayMark(
        steps=tuple(
            WayStep(label=s.step, tone=tone(s.errors), fresh=s.step not in usual) for s in steps
        ),
        share=row.share, text=percent(row.share), note=note, key=row.path,
        told=then_told(row, finding.metric, finding.currency), grew=up,
        change=f"{'▲' if up else '▼'} {signed(100 * (row.change or 0.0))} points" if clear else "",
    )  # fmt: skip


def _legend(finding: WaysTaken, rows: Sequence[WholeWay]) -> str:
    told = (
        f"The {number(len(rows))} most frequent of {count(finding.ways, 'way')}, {percent(rows[-1].covered)} of "
        "journeys. Beneath each: how many, the median time, errors"
    )
    told += ", what they then scored, the share who stayed, what each spent." if any(r.followed for r in rows) else "."
    told += " Tinted: a step the commonest way has not."
    if any(s.errors >= ERRORS[1][0] for s in finding.steps):
        told += f" Red: the share that met an error there, strong {ERRORS[0][2]}, pale {ERRORS[1][2]}."
    if any(r.adjusted is not None for r in rows):
        told += " ▲▼: differs beyond chance, each customer a voice of one, all ways together."
    return told
