"""The discovered journey: what customers really do, step by step, without anything declared.

Every move from a step to the next within a journey; a journey ends where a pause is longer than the window, or, from a
chosen step on, where the window is over. Of logs of many moves, shares, times and changes are told from one in so many
customers, whole customers each, and how many is said; how often steps and moves happened is of all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta, structs

from regard.errors import Refusal
from regard.figures import flow_change, flow_map
from regard.findings import Caution, Finding
from regard.journey import flows
from regard.journey.flowing import CLEAR, LineRow, StepRow, drawn, legend, line_rows, points, step_rows
from regard.journey.scored import Scored, scored
from regard.journey.stepnames import known, steps_named
from regard.periods import parse_span
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.choices import EXACT
from regard.steps.columns import Selection
from regard.steps.follows import follow
from regard.steps.within import counted, done
from regard.wording import Words, between, count, number, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures import Figure
    from regard.signals.stepscope import Stepped

MOST = 250_000
"""Steps in the two periods from which on one in so many customers is looked at."""
PERMUTED = 2_000
"""Customers of a portion up to whom labels are permuted: above, the limit of it is quicker and the same to the eye."""
DRAWN = 45
"""Most lines a map shows and can still be read."""


class Discovered(Finding, frozen=True, kw_only=True):
    """What customers do, declared by nobody."""

    start: Annotated[str, Meta(description="The step journeys start with; empty for any.")] = ""
    window: Annotated[
        str, Meta(description="How long after the start a journey is followed, or the pause that ends it.")
    ] = ""
    customers: Annotated[int, Meta(description="Customers with a step in the period.")] = 0
    journeys: Annotated[int, Meta(description="Journeys in the two periods together.")] = 0
    still_open: Annotated[int, Meta(description="Journeys whose time was not over when the log ends.")] = 0
    one_in: Annotated[int, Meta(description="One of so many customers was looked at; 1 is all.")] = 1
    coverage: Annotated[float, Meta(description="Share of all moves that the figure shows.")] = 0.0
    groups: Annotated[tuple[str, ...], Meta(description="The groups compared, where the question is cut by one.")] = ()
    compared: Annotated[bool, Meta(description="Whether the figure shows what changed.")] = False
    metric: Annotated[str, Meta(description="Metric of the scores it is coloured by; empty where by errors.")] = ""
    rows: Annotated[
        tuple[LineRow, ...], Meta(description="Moves from one step to the next, the most frequent first.")
    ] = ()
    steps: Annotated[tuple[StepRow, ...], Meta(description="The steps themselves, the most frequent first.")] = ()


@question(title="Discovered journey", needs=("event|order|contact|subscription",))
def discovered(
    *,
    ask: Ask,
    start: Annotated[str, Meta(description="Step journeys start with; default each customer's first.")] = "",
    window: Annotated[
        str, Meta(description="From start on, how long a journey is followed; else the pause that ends one: 12h, 7d.")
    ] = "7d",
    coverage: Annotated[
        float, Meta(description="Share of all moves the map shows, the most frequent first.", ge=0.05, le=1)
    ] = 0.6,
    changes: Annotated[
        bool, Meta(description="Draw what changed against the period before, or between groups.")
    ] = False,
    colour: Annotated[
        Literal["errors", "score"], Meta(description="What steps and lines are coloured by: errors met, or the score.")
    ] = "errors",
    then: Annotated[int, Meta(description="Days after coming to a step in which a score counts.", ge=1, le=730)] = 90,
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or your own; default the declared one.")] = "",
) -> Discovered:
    """What do customers really do, step by step, and what of it changed?"""
    stepped = ask.steps()
    named = known(stepped, steps_named(start)[:1], where="start")
    about = flows.Journeys(start=named, within=parse_span(window, where="window"), one_in=_one_in(stepped))
    seen = _moved(ask, stepped, about)
    if not (seen.now & (seen.found.source >= 0) & (seen.found.target >= 0)).any():
        raise Refusal("No customer took two steps in this period.", hint="Widen the period, or choose a longer window.")
    names = stepped.steps[0].names
    mine = seen.found.only(seen.now)
    change = flows.changed(seen.found, seen.now, exact=PERMUTED if about.one_in > 1 else EXACT)
    lines = flows.lines_of(mine)
    rows = line_rows(names, lines, None, change, coverage=coverage)
    rows = tuple(r if not r.shown or i < DRAWN else _hidden(r) for i, r in enumerate(rows))
    steps = step_rows(names, mine)
    if about.one_in > 1 and not named and not seen.groups:
        rows, steps = _of_all(stepped, about, rows, steps)
    metric = (metric or ask.declarations.metric or "nps") if colour == "score" else ""
    if metric:
        rows, steps = _with_scores(ask, names, mine, (rows, steps), metric=metric, days=then)
    return Discovered(
        answer=_answer(ask, rows, mine, seen), start=named[0] if named else "", window=window,
        customers=len(np.unique(mine.who)) * about.one_in, journeys=seen.found.journeys,
        still_open=seen.found.open, one_in=about.one_in, coverage=coverage, groups=seen.groups, compared=changes,
        metric=metric, rows=rows, steps=steps, facts=(*_facts(rows), *_scored(steps, metric))[:3],
        cautions=_cautions(seen.found, stepped, about.one_in),
        next_step="Follow the ways on from a step: choose it on the map.",
        evidence=ask.evidence(
            n=len(seen.found.who), customers=len(np.unique(seen.found.who)), kind="estimated",
            method=f"Moves from each step to the next; {change.method}.",
        ),
    )  # fmt: skip


def _of_all(
    stepped: Stepped, about: flows.Journeys, rows: tuple[LineRow, ...], steps: tuple[StepRow, ...]
) -> tuple[tuple[LineRow, ...], tuple[StepRow, ...]]:
    """How often, and by how many customers, as everybody did it; what is shared and compared stays of some."""
    whole = follow(stepped.steps, pause=about.within, selection=stepped.now)
    pairs = zip(whole.sources.tolist(), whole.targets.tolist(), strict=True)
    place = {(whole.names[a], whole.names[b]): i for i, (a, b) in enumerate(pairs)}
    did = dict(zip(whole.names, zip(*done(stepped.steps, selection=stepped.now), strict=True), strict=True))
    lines = [
        structs.replace(r, times=int(whole.counts[i]), customers=int(whole.customers[i])) if i is not None
        else structs.replace(r, times=r.times * about.one_in, customers=r.customers * about.one_in)
        for r in rows for i in [place.get((r.source, r.target))]
    ]  # fmt: skip
    boxes = [
        structs.replace(
            s, times=int(did[s.step][0]), customers=int(did[s.step][1]), begins=s.begins * about.one_in,
            ends=s.ends * about.one_in, again=int(whole.counts[i]) if i is not None else 0,
        )
        for s in steps for i in [place.get((s.step, s.step))]
    ]  # fmt: skip
    by_step = sorted(boxes, key=lambda s: (-s.times, s.step))
    return tuple(sorted(lines, key=lambda r: (-r.times, r.source, r.target))), tuple(by_step)


def _with_scores(
    ask: Ask, names: tuple[str, ...], mine: flows.Moves, told: tuple[tuple[LineRow, ...], tuple[StepRow, ...]], *,
    metric: str, days: int,
) -> tuple[tuple[LineRow, ...], tuple[StepRow, ...]]:  # fmt: skip
    """Rows with the score of those who went each shown line and came to each step on them."""
    rows, steps = told
    index = {name: code for code, name in enumerate(names)} | {"": -3}
    shown = [i for i, r in enumerate(rows) if r.shown and r.source and r.target]
    there = [i for i, s in enumerate(steps) if any(s.step in {rows[k].source, rows[k].target} for k in shown)]
    wide = len(names) + 1
    group = np.full(len(names), -1)
    group[[index[steps[i].step] for i in there]] = np.arange(len(there))
    line = np.full(wide * wide, -1)
    line[[index[rows[i].source] * wide + index[rows[i].target] for i in shown]] = np.arange(len(shown)) + len(there)
    real = mine.target >= 0
    inner = real & (mine.source >= 0)
    # A move is dated by its first step: one comes to the second some seconds later.
    arrived = mine.at + np.nan_to_num(mine.seconds * 1e6).astype(np.int64)
    found = scored(
        ask, np.concatenate([mine.who[real], mine.who[inner]]), np.concatenate([arrived[real], arrived[inner]]),
        np.concatenate([group[mine.target[real]], line[mine.source[inner] * wide + mine.target[inner]]]),
        groups=len(there) + len(shown), metric=metric, days=days,
    )  # fmt: skip
    lines, boxes = list(rows), list(steps)
    for k, i in enumerate(there):
        boxes[i] = msgspec.structs.replace(boxes[i], **_told_score(found[k]))
    for k, i in enumerate(shown):
        lines[i] = msgspec.structs.replace(lines[i], **_told_score(found[len(there) + k]))
    return tuple(lines), tuple(boxes)


def _told_score(found: Scored) -> dict[str, Any]:
    if found.score is None:
        return {}
    return {
        "score": found.score.value,
        "score_low": found.score.low,
        "score_high": found.score.high,
        "apart": found.apart,
    }


def _scored(steps: tuple[StepRow, ...], metric: str) -> tuple[str, ...]:
    """The step whose customers then score furthest below the others."""
    clear = [s for s in steps if s.apart]
    if not metric:
        return ()
    if not clear:
        return ("The scores that followed differ by no step beyond chance.",)
    low = min(clear, key=lambda s: (s.apart != "lower", s.score or 0.0))
    ends = between(low.score_low, low.score_high, lambda v: points(v, metric))
    return (
        f"Those who came to {low.step} then scored {points(low.score, metric)} ({ends}), {low.apart} than the others.",
    )


def _hidden(row: LineRow) -> LineRow:
    return LineRow(**{f: getattr(row, f) for f in LineRow.__struct_fields__ if f != "shown"}, shown=False)


def _one_in(stepped: Stepped) -> int:
    return max(1, -(-counted(stepped.steps, selection=_both(stepped)) // MOST))


def _both(stepped: Stepped) -> Selection:
    """The two periods and what lies between."""
    return replace(stepped.now, since=min(stepped.now.since, stepped.before.since))


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """The moves, which are told of, and what they are held against."""

    found: flows.Moves
    now: NDArray[np.bool_]
    groups: tuple[str, ...] = ()


def _moved(ask: Ask, stepped: Stepped, about: flows.Journeys) -> _Seen:
    """Moves of the two periods; of groups, where the question is cut by one: the largest and all others."""
    if not ask.scope.by or not stepped.steps:
        found = flows.moves(stepped.steps, about, selection=_both(stepped))
        since, until = stepped.before.since, stepped.before.until
        now = found.at >= stepped.now.since
        keep = now | ((found.at >= since) & (found.at < until))
        return _Seen(found=found.only(keep), now=now[keep])
    values = stepped.steps[0].labels[ask.scope.by].values
    size, _ = done(stepped.steps, of=ask.scope.by)
    size[0] = 0
    first = int(np.argmax(size))
    groups = [_of(stepped, ask.scope.by, first, own=own) for own in (True, False)]
    parts = [flows.moves(stepped.steps, about, selection=selection) for selection in groups]
    columns = ("who", "source", "target", "at", "seconds", "failed", "recent")
    both = flows.Moves(
        **{name: np.concatenate([getattr(p, name) for p in parts]) for name in columns},
        ties=sum(p.ties for p in parts), journeys=sum(p.journeys for p in parts), open=sum(p.open for p in parts),
    )  # fmt: skip
    now = np.arange(len(both.who)) < len(parts[0].who)
    return _Seen(found=both, now=now, groups=(values[first], f"all other {ask.scope.by}s"))


def _of(stepped: Stepped, by: str, value: int, *, own: bool) -> Selection:
    """Steps of one group, or of all others that have one."""
    masks = []
    for k, steps in enumerate(stepped.steps):
        codes = steps.labels[by].codes
        mask = codes == value if own else (codes != value) & (codes > 0)
        masks.append(mask if stepped.now.rows is None else mask & stepped.now.rows[k])
    return replace(stepped.now, rows=masks)


def _answer(ask: Ask, rows: tuple[LineRow, ...], mine: flows.Moves, seen: _Seen) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    first = max(
        (r for r in rows if r.source and r.target and r.source != r.target), key=lambda r: r.times, default=None
    )
    base = f"{words.count(len(np.unique(mine.who)))} took {count(len(mine.who), 'step')}"
    if first is not None:
        base += f"; {first.source} is most often followed by {first.target} ({percent(first.share)} of those there)"
    clear = [r for r in rows if r.adjusted is not None and r.adjusted <= CLEAR and r.change is not None]
    when = f"between {seen.groups[0]} and {seen.groups[1]}" if seen.groups else "against the period before"
    if not clear:
        return f"{base}. Nothing differs beyond chance {when}."
    most = min(clear, key=lambda r: (r.adjusted or 0.0, -abs(r.change or 0.0), r.source, r.target))
    return f"{base}. {most.told}."


def _facts(rows: tuple[LineRow, ...]) -> tuple[str, ...]:
    """The move that most often meets an error, and the slowest of the frequent ones."""
    told = []
    inner = [r for r in rows if r.shown and r.source and r.target]
    worst = max((r for r in inner if r.customers >= 20), key=lambda r: r.errors, default=None)
    if worst is not None and worst.errors >= 0.03:
        told.append(f"{percent(worst.errors)} of the moves from {worst.source} to {worst.target} meet an error.")
    again = max((r for r in rows if r.source and r.source == r.target), key=lambda r: r.times, default=None)
    if again is not None:
        told.append(f"{again.source} is directly repeated {count(again.times, 'time')}.")
    return tuple(told)


def _cautions(found: flows.Moves, stepped: Stepped, one_in: int) -> tuple[Caution, ...]:
    told = []
    if one_in > 1:
        text = (
            f"The log is long: shares, times and changes are of one in {number(one_in)} customers, "
            "whole customers each; how often steps and moves happened is of all."
        )
        told.append(Caution(code="one_in", text=text))
    if found.open:
        text = f"{count(found.open, 'journey')} of {number(found.journeys)} may yet go on when the log ends."
        told.append(Caution(code="still_open", text=text))
    if found.ties:
        moves = int(((found.source >= 0) & (found.target >= 0)).sum())
        text = f"{number(found.ties)} of {count(moves, 'move')} have equal times, their order is the log's."
        told.append(Caution(code="equal_times", text=text))
    told += stepped.cautions()
    return tuple(told)


def figure(finding: Discovered) -> Figure | None:
    """What follows what; asked for changes, what changed over both periods beside each other."""
    if not finding.rows:
        return None
    maps = drawn(finding.rows, finding.steps, metric=finding.metric)
    words = legend(finding.rows, finding.steps, change=finding.compared, metric=finding.metric)
    if not finding.compared or maps.before is None or maps.change is None:
        return flow_map(maps.whole, title=finding.answer, legend=words)
    return flow_change(maps.before, maps.now, maps.change, title=finding.answer, legend=words, like=maps.whole)
