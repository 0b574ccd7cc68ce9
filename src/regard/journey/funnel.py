"""The funnel: who goes through steps in order within a time, and how far the others get.

Anything may lie between the steps; every beginning is tried, and a customer counts once a step, however often they
tried. A step that may be left out is told beside the others. Those whose time is not over when the log ends are still
open: they have not stopped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta, Struct, structs

from regard.errors import BadInput, Refusal
from regard.figures import StageMark, journey_band
from regard.findings import Caution, Finding, Interval
from regard.journey.portions import one_in, portion, tested_on
from regard.journey.stepnames import known, steps_named
from regard.periods import parse_span
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.choices import compare
from regard.statistics.proportions import wilson
from regard.steps.columns import end_of
from regard.steps.funnels import Funnel, Stage, funnel
from regard.steps.within import done
from regard.wording import Words, count, duration, number, percent, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from regard.figures import Figure
    from regard.signals.stepscope import Stepped
    from regard.steps.columns import Selection

CLEAR = 0.05
DEFAULT = 4
DAY = 86_400
WINDOWS = (("1h", 3600), ("12h", DAY // 2), *((f"{days}d", days * DAY) for days in (1, 3, 7, 14, 30, 60, 90, 180, 365)))


class FunnelRow(Struct, frozen=True, kw_only=True):
    """One step of the funnel, for everybody or one slice."""

    slice: Annotated[str, Meta(description="The slice; all for the total.")] = "all"
    stage: Annotated[str, Meta(description="The step.")]
    customers: Annotated[int, Meta(description="Customers who came so far, in order and in time.")] = 0
    share: Annotated[
        float | None, Meta(description="Share of those at the step before; of the optional one, beside.")
    ] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    whole: Annotated[float | None, Meta(description="Share of those who began.")] = None
    median_seconds: Annotated[float | None, Meta(description="Median seconds from the first step.")] = None
    open: Annotated[int, Meta(description="Customers who got no further, and may yet.")] = 0
    before: Annotated[float | None, Meta(description="The share in the period compared with.")] = None
    change: Annotated[float | None, Meta(description="The difference to it, as a share.")] = None
    adjusted: Annotated[float | None, Meta(description="p-value, corrected for all steps.")] = None
    change_low: Annotated[float | None, Meta(description="Lower end of the interval of the difference.")] = None
    change_high: Annotated[float | None, Meta(description="Upper end.")] = None
    optional: Annotated[bool, Meta(description="Whether customers go on without it, too.")] = False
    path: Annotated[str, Meta(description="The steps so far.")] = ""


class FunnelFinding(Finding, frozen=True, kw_only=True):
    """How far customers get."""

    customers: Annotated[int, Meta(description="Customers who began in the period.")] = 0
    finished: Annotated[int, Meta(description="Customers who went through all steps.")] = 0
    rate: Annotated[float | None, Meta(description="Share who went through all, of those whose time is over.")] = None
    interval: Annotated[Interval | None, Meta(description="Its interval.")] = None
    window: Annotated[str, Meta(description="How long after the first step the others count.")] = ""
    rows: Annotated[tuple[FunnelRow, ...], Meta(description="The steps in order; the total, then each slice.")] = ()


@question(title="Funnel", needs=("event|order|contact|subscription",))
def funnel_of(
    *,
    ask: Ask,
    steps: Annotated[
        str, Meta(description="The steps in order, arrows between: A → B? → C; one with ? may be left out.")
    ] = "",
    window: Annotated[
        str, Meta(description="How long after the first step the others count: 2h, 7d; empty: as these steps take.")
    ] = "",
) -> FunnelFinding:
    """How far do customers get through these steps, in what time, and has it changed?"""
    stepped = ask.steps()
    stages = _stages(ask, stepped, steps)
    window, by = window or _fitting(stepped, stages), ask.scope.by
    within = parse_span(window, where="window")
    now = funnel(stepped.steps, stages, within=within, by=by, selection=stepped.now)
    if not now.reached[0]:
        raise Refusal(f"No customer began with {_named(stages[0])} in this period.", hint="Choose another first step.")
    over = _over(stepped, now, stepped.now, within, by)
    before = funnel(stepped.steps, stages, within=within, selection=stepped.before)
    ways = _compared(over, _over(stepped, before, stepped.before, within))
    rows = (*_rows(now, over, ways), *(row for value in _values(now) for row in _slice(now, over, value)))
    rate = wilson(float(over.reached[-1]), int(over.reached[0])) if over.reached[0] else None
    return FunnelFinding(
        answer=_answer(ask, rows, now, window), customers=int(now.reached[0]), window=window,
        finished=int(now.reached[-1]),
        rate=rate.value if rate else None, interval=Interval(low=rate.low, high=rate.high) if rate else None, rows=rows,
        facts=_facts(rows), cautions=(*_cautions(now, over, stepped, window), *tested_on(_begun(now, before))),
        next_step=_next_step(stepped, now, within, window),
        evidence=ask.evidence(
            n=int(now.reached[0] + before.reached[0]), customers=int(now.reached[0]), kind="estimated",
            method="Ordered steps within a window, customers counted once; permuted labels by customer, step-down "
            "maximum over steps (Westfall and Young 1993).",
        ),
    )  # fmt: skip


def _stages(ask: Ask, stepped: Stepped, text: str) -> tuple[Stage, ...]:
    named = steps_named(text) or _declared(ask, stepped)
    if len(named) < 2:
        raise BadInput(
            "A funnel has two steps or more.", where="steps", hint="Write them with arrows: signup → first order."
        )
    bare = known(stepped, tuple(n.removesuffix("?").strip() for n in named), where="steps")
    found = tuple(Stage(names=(b,), optional=n.endswith("?")) for n, b in zip(named, bare, strict=True))
    if found[0].optional or found[-1].optional:
        raise BadInput("The first and the last step may not be left out.", where="steps", hint="Take the ? off.")
    return found


def _declared(ask: Ask, stepped: Stepped) -> tuple[str, ...]:
    """Without steps: the most frequent event of each declared stage, else the most frequent steps as they follow."""
    if not stepped.steps:
        return ()
    names = stepped.steps[0].names
    seen, _ = done(stepped.steps)
    found = []
    for stage in ask.declarations.stages:
        events = {e for m in stage.moments for e in m.events if e in names}
        if events:
            found.append(max(events, key=lambda e: (int(seen[names.index(e)]), e)))
    if len(found) >= 2:
        return tuple(dict.fromkeys(found))[:DEFAULT]
    return tuple(names[i] for i in np.argsort(-seen, kind="stable")[:2])


def _fitting(stepped: Stepped, stages: tuple[Stage, ...]) -> str:
    """The shortest usual window that is twice what half of those who get through take, given any time."""
    took = funnel(stepped.steps, stages, selection=stepped.now).median[-1]
    longest = 2 * float(took) if np.isfinite(took) else 0.0
    return next((text for text, seconds in WINDOWS if longest and seconds >= longest), "7d" if not longest else "365d")


def _named(stage: Stage) -> str:
    return stage.names[0]


def _values(now: Funnel) -> list[int]:
    if not len(now.by_value):
        return []
    return [i for i in np.argsort(-now.by_value[:, 0], kind="stable").tolist() if now.by_value[i, 0]]


def _before(stages: tuple[Stage, ...], k: int) -> int:
    """The step a step's share is of: the last one before it that is not optional."""
    return next((j for j in range(k - 1, -1, -1) if not stages[j].optional), 0)


def _over(stepped: Stepped, found: Funnel, selection: Selection, within: int | None, by: str = "") -> Funnel:
    """Of the beginnings whose time is over: of later ones, those who went on are known and others are not."""
    until = end_of(stepped.steps, selection) - (within or 0) + 1
    if until >= selection.until or not found.reached[0]:
        return found
    return funnel(stepped.steps, found.stages, within=within, by=by, selection=replace(selection, until=until))


def _rows(now: Funnel, over: Funnel, compared: dict[int, Any]) -> Iterator[FunnelRow]:
    for k, stage in enumerate(now.stages):
        base = int(over.reached[_before(now.stages, k)])
        share = wilson(float(over.reached[k]), base) if k and base else None
        row = FunnelRow(
            stage=_named(stage), customers=int(now.reached[k]), share=share.value if share else None,
            low=share.low if share else None, high=share.high if share else None,
            whole=float(over.reached[k] / over.reached[0]) if over.reached[0] else None,
            median_seconds=_known(now.median[k]) if k else None,
            open=int(now.still_open[k]), optional=stage.optional,
            path=" → ".join(_named(s) for s in now.stages[: k + 1] if not s.optional or s is stage),
        )  # fmt: skip
        way = compared.get(k)
        yield row if way is None else _beside(row, way)


def _beside(row: FunnelRow, way: Any) -> FunnelRow:
    given = not way.difference.refused
    return structs.replace(
        row, before=_known(way.before), adjusted=_known(way.adjusted),
        change=way.difference.value if given else None, change_low=way.difference.low if given else None,
        change_high=way.difference.high if given else None,
    )  # fmt: skip


def _begun(now: Funnel, before: Funnel) -> int:
    return int(now.reached[0] + before.reached[0])


def _compared(now: Funnel, before: Funnel) -> dict[int, Any]:
    """Each step in the two periods: of those at the step before, their time over, who went on."""
    parts: list[tuple[NDArray[Any], ...]] = []
    each = one_in(_begun(now, before))
    for later, found in ((False, before), (True, now)):
        for ids, taken in zip(found.customers, found.taken, strict=True):
            some = portion(ids, each)
            for k in range(1, len(found.stages)):
                at = np.flatnonzero(some & (taken[_before(found.stages, k)] >= 0))
                went = (taken[k][at] >= 0).astype(np.int64)
                parts.append((ids[at], np.full(len(at), k), went, np.full(len(at), later)))
    if not parts:
        return {}
    who, place, way, later_ = (np.concatenate([p[i] for p in parts]) for i in range(4))
    return {w.place: w for w in compare(who, place, way, later_).ways if w.way == 1}


def _slice(now: Funnel, over: Funnel, value: int) -> Iterator[FunnelRow]:
    reached = now.by_value[value]
    place = over.values.index(now.values[value]) if now.values[value] in over.values else -1
    done = over.by_value[place] if place >= 0 and len(over.by_value) else np.zeros(len(now.stages), np.int64)
    for k, stage in enumerate(now.stages):
        base = int(done[_before(now.stages, k)])
        share = wilson(float(done[k]), base) if k and base else None
        yield FunnelRow(
            slice=now.values[value] or "unknown", stage=_named(stage), customers=int(reached[k]),
            share=share.value if share else None, low=share.low if share else None, high=share.high if share else None,
            whole=float(done[k] / done[0]) if done[0] else None, optional=stage.optional,
        )  # fmt: skip


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _answer(ask: Ask, rows: tuple[FunnelRow, ...], now: Funnel, window: str) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    total = [r for r in rows if r.slice == "all"]
    must = [r for r in total[1:] if not r.optional and r.share is not None]
    lost = min(must, key=lambda r: r.share or 0.0, default=None)
    last = total[-1]
    took = f", half of them in {duration(last.median_seconds)}" if last.median_seconds else ""
    within = (parse_span(window, where="window") or 0) / 1e6
    text = f"Of {words.count(int(now.reached[0]))} who began with {total[0].stage}, {number(last.customers)} reached "
    text += f"{last.stage} within {duration(within)}{took}"
    if lost is not None and len(total) > 2:
        text += f"; most are lost before {lost.stage}: {percent(1 - (lost.share or 0.0))}"
    clear = [r for r in total if r.adjusted is not None and r.adjusted <= CLEAR and r.change is not None]
    if clear:
        most = max(clear, key=lambda r: abs(r.change or 0.0))
        points = 100 * (most.change or 0.0)
        text += f". {'More' if points > 0 else 'Fewer'} go on to {most.stage} than before ({signed(points)} points)"
    return f"{text}."


def _facts(rows: tuple[FunnelRow, ...]) -> tuple[str, ...]:
    beside = [r for r in rows if r.optional and r.slice == "all" and r.share is not None]
    return tuple(f"{percent(r.share)} did {r.stage} on the way." for r in beside[:2])


def _next_step(stepped: Stepped, now: Funnel, within: int | None, window: str) -> str:
    """What to ask then: a longer window where many who are not through within this one are so at their leisure."""
    through = int(now.reached[-1])
    if within is not None and 2 * through < now.reached[0]:
        ever = funnel(stepped.steps, now.stages, selection=stepped.now)
        many = int(ever.reached[-1])
        if 2 * many >= 3 * max(through, 1):
            took = f", half of them within {duration(ever.median[-1])}" if np.isfinite(ever.median[-1]) else ""
            return (
                f"Ask with a longer window: within {window} {number(through) if through else 'nobody'} reached "
                f"{_named(now.stages[-1])}, given more time {number(many)} did{took}."
            )
    return "See the ways they go instead: journey/paths from the step they stop at."


def _cautions(now: Funnel, over: Funnel, stepped: Stepped, window: str) -> tuple[Caution, ...]:
    told = []
    recent = int(now.reached[0] - over.reached[0])
    if recent:
        text = f"{count(recent, 'customer')} began within {window} of the log's end: counted, and left out of shares."
        if not over.reached[0]:
            text += " No share is known yet: ask with a shorter window or an earlier period."
        told.append(Caution(code="still_open", text=text))
    told += stepped.cautions()
    return tuple(told)


def figure(finding: FunnelFinding) -> Figure | None:
    """The funnel as a band: what turns off did not go on."""
    rows = [r for r in finding.rows if r.slice == "all" and not r.optional]
    if not rows:
        return None
    marks = []
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        drop = 1 - after.share if after is not None and after.share is not None else 0.0
        took = f"half within {duration(row.median_seconds)}" if row.median_seconds else ""
        marks.append(
            StageMark(
                label=row.stage, volume=row.customers, drop=drop, score_text=number(row.customers), score_range=took,
                drop_text=f"{percent(drop)} go no further" if after is not None else "",
            )
        )  # fmt: skip
    legend = "Height: customers who came so far; what turns off: those who went no further in time."
    return journey_band(marks, title=finding.answer, legend=legend)
