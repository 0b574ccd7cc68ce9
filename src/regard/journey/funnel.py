"""The funnel: who goes through steps in order within a time, and how far the others get.

Anything may lie between the steps; every beginning is tried, and a customer counts once a step, however often they
tried. A step that may be left out is told beside the others. Those whose time is not over when the log ends are still
open: they have not stopped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta, Struct, structs

from regard.errors import BadInput, Refusal
from regard.figures import StageMark, journey_band
from regard.findings import Caution, Finding, Interval
from regard.journey.behind import known, steps_named
from regard.periods import parse_span
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.choices import compare
from regard.statistics.proportions import wilson
from regard.steps.columns import EVER, NEVER, Selection, Steps, codes_of
from regard.steps.funnels import Funnel, Stage, funnel
from regard.wording import Words, count, duration, number, percent, signed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from regard.figures import Figure
    from regard.signals.stepscope import Stepped

CLEAR = 0.05
DEFAULT = 4


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
    window: Annotated[str, Meta(description="How long after the first step the others count: 2h, 7d.")] = "7d",
) -> FunnelFinding:
    """How far do customers get through these steps, in what time, and has it changed?"""
    stepped = ask.steps()
    stages = _stages(ask, stepped, steps)
    within, by = parse_span(window, where="window"), ask.scope.by
    now = funnel(stepped.steps, stages, within=within, by=by, selection=stepped.now)
    if not now.reached[0]:
        raise Refusal(f"No customer began with {_named(stages[0])} in this period.", hint="Choose another first step.")
    before = funnel(stepped.steps, stages, within=within, selection=stepped.before)
    ways = _compared(stepped, now, before, within)
    rows = (*_rows(now, ways), *(row for value in _values(now) for row in _slice(now, value)))
    over = int(now.reached[0]) - _waiting(now)
    rate = wilson(float(now.reached[-1]), over) if over >= max(int(now.reached[-1]), 1) else None
    return FunnelFinding(
        answer=_answer(ask, rows, now), customers=int(now.reached[0]), finished=int(now.reached[-1]), window=window,
        rate=rate.value if rate else None, interval=Interval(low=rate.low, high=rate.high) if rate else None, rows=rows,
        facts=_facts(rows), cautions=_cautions(now, stepped),
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
    seen = np.zeros(len(names), np.int64)
    for each in stepped.steps:
        seen += np.bincount(each.codes, minlength=len(names))
    found = []
    for stage in ask.declarations.stages:
        events = {e for m in stage.moments for e in m.events if e in names}
        if events:
            found.append(max(events, key=lambda e: (int(seen[names.index(e)]), e)))
    if len(found) >= 2:
        return tuple(dict.fromkeys(found))[:DEFAULT]
    return tuple(names[i] for i in np.argsort(-seen, kind="stable")[:2])


def _named(stage: Stage) -> str:
    return stage.names[0]


def _values(now: Funnel) -> list[int]:
    if not len(now.by_value):
        return []
    return [i for i in np.argsort(-now.by_value[:, 0], kind="stable").tolist() if now.by_value[i, 0]]


def _waiting(now: Funnel) -> int:
    return int(now.still_open[:-1].sum())


def _before(stages: tuple[Stage, ...], k: int) -> int:
    """The step a step's share is of: the last one before it that is not optional."""
    return next((j for j in range(k - 1, -1, -1) if not stages[j].optional), 0)


def _rows(now: Funnel, compared: dict[int, Any]) -> Iterator[FunnelRow]:
    for k, stage in enumerate(now.stages):
        base = _before(now.stages, k)
        over = int(now.reached[base]) - (int(now.still_open[base:k].sum()) if k else 0)
        share = wilson(float(now.reached[k]), over) if k and over >= now.reached[k] and over else None
        row = FunnelRow(
            stage=_named(stage), customers=int(now.reached[k]), share=share.value if share else None,
            low=share.low if share else None, high=share.high if share else None,
            whole=float(now.reached[k] / now.reached[0]), median_seconds=_known(now.median[k]) if k else None,
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


def _compared(stepped: Stepped, now: Funnel, before: Funnel, within: int | None) -> dict[int, Any]:
    """Each step in the two periods: of those at the step before who went on or whose time is over, who went on."""
    parts: list[tuple[NDArray[Any], ...]] = []
    bound = NEVER if within is None else within
    for later, found, selection in ((False, before, stepped.before), (True, now, stepped.now)):
        end = selection.end or 0
        latest = [_latest(s, found.stages[0].names, selection) for s in stepped.steps]
        for ids, taken, furthest, last in zip(found.customers, found.taken, found.furthest, latest, strict=True):
            waiting = (furthest < len(found.stages) - 1) & (last > end - bound)
            for k in range(1, len(found.stages)):
                at = np.flatnonzero((taken[_before(found.stages, k)] >= 0) & ((furthest >= k) | ~waiting))
                went = (taken[k][at] >= 0).astype(np.int64)
                parts.append((ids[at], np.full(len(at), k), went, np.full(len(at), later)))
    if not parts:
        return {}
    who, place, way, later_ = (np.concatenate([p[i] for p in parts]) for i in range(4))
    return {w.place: w for w in compare(who, place, way, later_).ways if w.way == 1}


def _latest(steps: Steps, names: tuple[str, ...], selection: Selection) -> NDArray[np.int64]:
    """When each customer of a slice last began, whatever the filters."""
    found = np.full(len(steps.customers), EVER)
    at = np.flatnonzero(codes_of(steps.names, names)[steps.codes])
    at = at[(steps.times[at] >= selection.since) & (steps.times[at] < selection.until)]
    np.maximum.at(found, np.searchsorted(steps.starts, at, side="right") - 1, steps.times[at])
    return found


def _slice(now: Funnel, value: int) -> Iterator[FunnelRow]:
    reached = now.by_value[value]
    for k, stage in enumerate(now.stages):
        base = int(reached[_before(now.stages, k)])
        share = wilson(float(reached[k]), base) if k and base >= reached[k] and base else None
        yield FunnelRow(
            slice=now.values[value] or "unknown", stage=_named(stage), customers=int(reached[k]),
            share=share.value if share else None, low=share.low if share else None, high=share.high if share else None,
            whole=float(reached[k] / reached[0]) if reached[0] else None, optional=stage.optional,
        )  # fmt: skip


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _answer(ask: Ask, rows: tuple[FunnelRow, ...], now: Funnel) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    total = [r for r in rows if r.slice == "all"]
    must = [r for r in total[1:] if not r.optional and r.share is not None]
    lost = min(must, key=lambda r: r.share or 0.0, default=None)
    last = total[-1]
    took = f", half of them within {duration(last.median_seconds)}" if last.median_seconds else ""
    text = f"Of {words.count(int(now.reached[0]))} who began with {total[0].stage}, {number(last.customers)} reached "
    text += f"{last.stage}{took}"
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
    """What to ask then: a longer window where nobody is through within this one, but some are at their leisure."""
    if within is not None and not now.reached[-1]:
        ever = funnel(stepped.steps, now.stages, selection=stepped.now).reached[-1]
        if ever:
            last = _named(now.stages[-1])
            return (
                f"Ask with a longer window: within {window} nobody reached {last}, given more time {number(ever)} did."
            )
    return "See the ways they go instead: journey/paths from the step they stop at."


def _cautions(now: Funnel, stepped: Stepped) -> tuple[Caution, ...]:
    told = []
    if _waiting(now):
        text = f"{count(_waiting(now), 'customer')} may yet go on when the log ends: left out of shares."
        told.append(Caution(code="still_open", text=text))
    if stepped.machines:
        many = count(stepped.machines, "customer")
        text = f"{many} with more than {number(stepped.busiest)} steps in a day are left out."
        told.append(Caution(code="machines", text=text))
    return tuple(told)


def figure(finding: FunnelFinding) -> Figure | None:
    """The funnel as a band: what turns off did not go on."""
    rows = [r for r in finding.rows if r.slice == "all" and not r.optional]
    if not rows:
        return None
    marks = []
    for row, after in zip(rows, [*rows[1:], None], strict=True):
        drop = 1 - after.share if after is not None and after.share is not None else 0.0
        took = f"within {duration(row.median_seconds)}" if row.median_seconds else ""
        marks.append(
            StageMark(
                label=row.stage, volume=row.customers, drop=drop, score_text=number(row.customers), score_range=took,
                drop_text=f"{percent(drop)} go no further" if after is not None else "",
            )
        )  # fmt: skip
    legend = "Height: customers who came so far; what turns off: those who went no further in time."
    return journey_band(marks, title=finding.answer, legend=legend)
