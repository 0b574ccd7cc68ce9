"""Who comes back: customers by the day, week or month they began in, and the share there again so much later.

A customer begins once, with the first such step in the whole log. Weeks and months are whole ones in the company's
zone; one that is not over when the log ends is left open: who has not come back yet may still do so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from msgspec import Meta, Struct

from regard import wording
from regard.errors import Refusal
from regard.figures.cohorts import Bend, Cohort, Seen, cohort_figure
from regard.findings import Caution, Finding
from regard.journey.returns import (
    LEAST,
    Back,
    Beside,
    Cohorts,
    asked_for,
    beginnings,
    beside,
    cohorts,
    groups,
    written,
)
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.proportions import wilson
from regard.statistics.survival import kaplan_meier, quantile_time, tenures
from regard.steps.gaps import gaps
from regard.wording import Words, count, duration, number, percent, signed

if TYPE_CHECKING:
    from datetime import date

    from regard.figures import Figure
    from regard.signals.stepscope import Stepped
    from regard.statistics.estimates import Estimate
    from regard.steps.columns import Selection

CLEAR = 0.05
GROUPS = 6
"""Largest groups told where the question is cut by one."""
EARLY = {"day": 7, "week": 28, "month": 92}
"""Days after the log begins in which who seems new may have been there before."""
POWER = 2.8
"""Standard errors of a difference that is seen in four of five cases: 1.96 and 0.84."""


class CohortRow(Struct, frozen=True, kw_only=True):
    """Those who began together, so much later."""

    cohort: Annotated[str, Meta(description="When they began.")]
    later: Annotated[int, Meta(description="How many days, weeks or months later.")]
    began: Annotated[int, Meta(description="Customers who began then.")]
    came: Annotated[int, Meta(description="Of them, there again so much later; so far, where that is not over.")]
    away: Annotated[int | None, Meta(description="Of them, not there; empty while that time is not over.")] = None
    share: Annotated[float | None, Meta(description="Share there again; empty while that time is not over.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    open: Annotated[bool, Meta(description="Whether that time is not over when the log ends.")] = False
    cell: Annotated[str, Meta(description="What customers/list takes as its cohort.")] = ""


class CurveRow(Struct, frozen=True, kw_only=True):
    """All cohorts whose time is over, so much later."""

    slice: Annotated[str, Meta(description="The group; all for the total.")] = "all"
    later: Annotated[int, Meta(description="How many days, weeks or months later.")]
    n: Annotated[int, Meta(description="Customers for whom that time is over.")] = 0
    came: Annotated[int, Meta(description="Of them, there again.")] = 0
    away: Annotated[int, Meta(description="Of them, not there.")] = 0
    share: Annotated[float | None, Meta(description="Share there again.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    before: Annotated[
        float | None, Meta(description="Share in the period compared with; of a group, that of all others.")
    ] = None
    change: Annotated[float | None, Meta(description="The difference to it, as a share.")] = None
    change_low: Annotated[float | None, Meta(description="Lower end of the interval of the difference.")] = None
    change_high: Annotated[float | None, Meta(description="Upper end.")] = None
    adjusted: Annotated[float | None, Meta(description="p-value, corrected for all distances and groups.")] = None
    cell: Annotated[str, Meta(description="What customers/list takes as its cohort; for the total only.")] = ""


class Retention(Finding, frozen=True, kw_only=True):
    """Who comes back."""

    customers: Annotated[int, Meta(description="Customers who began in the period.")] = 0
    customers_before: Annotated[
        int | None, Meta(description="Customers who began in the period compared with, where one is.")
    ] = None
    each: Annotated[str, Meta(description="What cohorts and distances are counted in: day, week or month.")] = ""
    start: Annotated[str, Meta(description="The steps that begin; empty for anything customers do.")] = ""
    back: Annotated[str, Meta(description="The steps that count as being there; empty for anything customers do.")] = ""
    groups: Annotated[tuple[str, ...], Meta(description="The groups compared, where the question is cut by one.")] = ()
    wait_seconds: Annotated[
        float | None, Meta(description="Seconds until half of them took the step that counts; where one was named.")
    ] = None
    wait_low: Annotated[float | None, Meta(description="Lower end of its interval, in seconds.")] = None
    wait_high: Annotated[float | None, Meta(description="Upper end, in seconds.")] = None
    curve: Annotated[tuple[CurveRow, ...], Meta(description="All cohorts together by distance; then each group.")] = ()
    rows: Annotated[tuple[CohortRow, ...], Meta(description="Each cohort at each distance.")] = ()


@question(title="Retention", needs=("event|order|contact|answer",))
def retention(
    *,
    ask: Ask,
    each: Annotated[
        Literal["day", "week", "month"], Meta(description="What cohorts and distances are counted in.")
    ] = "week",
    start: Annotated[
        str, Meta(description="Steps that begin: A, B; * at the end matches a prefix. Default: anything customers do.")
    ] = "",
    back: Annotated[
        str, Meta(description="Steps that count as being there again: A, B. Default: anything customers do.")
    ] = "",
) -> Retention:
    """Who comes back, how long after they began, and has it changed?"""
    stepped = ask.steps()
    asked = asked_for(stepped, each, start, back)
    now = cohorts(ask, stepped, ask.scope.period, asked, stepped.now)
    if now.customers < LEAST or not (now.lags and now.at(1)[1]):
        raise _refusal(ask, now, each)
    seen = _seen(ask, stepped, asked, now)
    wait = _wait(stepped, asked, now) if back.strip() else None
    rows = tuple(_cohort_rows(now, each))
    return Retention(
        answer=_answer(ask, now, seen, each, start), customers=now.customers,
        customers_before=None if ask.scope.by else seen.customers, each=each, start=start, back=back,
        groups=seen.groups, rows=rows, curve=seen.curve,
        wait_seconds=_known(wait.value) if wait else None, wait_low=_known(wait.low) if wait else None,
        wait_high=_known(wait.high) if wait else None, facts=_facts(wait, seen, each, back),
        cautions=_cautions(stepped, now, seen, each),
        next_step="Follow a cell to its customers: who was there again, and who was not.",
        evidence=ask.evidence(
            n=now.customers + seen.customers, customers=now.customers, kind="estimated",
            method="First such step of each customer in the whole log; Wilson intervals; differences of independent "
            "shares, corrected by Holm (1979).",
        ),
    )  # fmt: skip


def _refusal(ask: Ask, now: Cohorts, each: str) -> Refusal:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    if now.customers < LEAST:
        text = f"Only {words.count(now.customers)} began in this period; at least {LEAST} are needed."
        return Refusal(text, hint="Choose a longer period, or other steps that begin.")
    text = f"For nobody who began in this period the next {each} is over."
    return Refusal(text, hint="Choose an earlier period, or shorter times.")


@dataclass(frozen=True, kw_only=True)
class _Curve:
    """The curve, and what it was held against."""

    curve: tuple[CurveRow, ...]
    made: tuple[Beside, ...]
    customers: int
    groups: tuple[str, ...] = ()
    smaller: int = 0


def _seen(ask: Ask, stepped: Stepped, asked: Back, now: Cohorts) -> _Curve:
    """All distances of everybody beside the period before; cut by a dimension, each group beside all others."""
    lags = [k for k in range(1, now.lags + 1) if now.at(k)[1]]
    if not ask.scope.by:
        before = _before(ask, stepped, asked)
        made = beside([(now.at(k), before.at(k) if before else (0, 0)) for k in lags])
        rows = [_curve_row(k, now.at(k), m, asked.each) for k, m in zip(lags, made, strict=True)]
        return _Curve(curve=tuple(rows), made=tuple(made), customers=before.customers if before else 0)
    every = groups(stepped, ask.scope.by, asked.start, stepped.now)
    cut = [(v, cohorts(ask, stepped, ask.scope.period, asked, chosen)) for v, chosen in every[:GROUPS]]
    cut = [(v, c) for v, c in cut if c.customers >= LEAST]
    total = cohorts(ask, stepped, ask.scope.period, asked, _any(every, stepped))
    pairs = [(c.at(k), _less(total.at(k), c.at(k))) for _, c in cut for k in lags]
    made, plain = beside(pairs), beside([(now.at(k), (0, 0)) for k in lags])
    rows = [_curve_row(k, now.at(k), m, asked.each) for k, m in zip(lags, plain, strict=True)]
    names = [(v, k) for v, _ in cut for k in lags]
    rows += [
        _curve_row(k, pair[0], m, asked.each, slice_=v)
        for (v, k), pair, m in zip(names, pairs, made, strict=True)
        if pair[0][1] >= LEAST
    ]  # fmt: skip
    return _Curve(curve=tuple(rows), made=tuple(made), customers=0, groups=tuple(v for v, _ in cut),
                  smaller=max(len(every) - len(cut), 0))  # fmt: skip


def _any(every: list[tuple[str, Selection]], stepped: Stepped) -> Selection:
    """Everybody who has the label the question is cut by."""
    masks = [np.zeros(len(s.customers), np.bool_) for s in stepped.steps]
    for _, chosen in every:
        masks = [a | b for a, b in zip(masks, chosen.customers or (), strict=True)]
    return replace(stepped.now, customers=masks)


def _less(total: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
    return total[0] - part[0], total[1] - part[1]


def _before(ask: Ask, stepped: Stepped, asked: Back) -> Cohorts | None:
    """The cohorts of the period compared with; none where no whole one begins there."""
    try:
        return cohorts(ask, stepped, ask.scope.compared, asked, stepped.before)
    except Refusal:
        return None


def _curve_row(later: int, seen: tuple[int, int], made: Beside, each: str, *, slice_: str = "all") -> CurveRow:
    share = made.now
    row = CurveRow(
        slice=slice_, later=later, n=seen[1], came=seen[0], away=seen[1] - seen[0], share=_known(share.value),
        low=_known(share.low), high=_known(share.high),
        cell=written(None, each, later) if slice_ == "all" else "",
    )  # fmt: skip
    if made.against is None or made.change is None:
        return row
    fields = {f: getattr(row, f) for f in CurveRow.__struct_fields__}
    beyond = {
        "before": made.against.value, "change": made.change.value, "change_low": made.change.low,
        "change_high": made.change.high, "adjusted": _known(made.adjusted),
    }  # fmt: skip
    return CurveRow(**fields | beyond)


def _cohort_rows(now: Cohorts, each: str) -> list[CohortRow]:
    found = []
    for i, day in enumerate(now.days):
        began = int(now.began[i])
        for lag in range(1, min(now.lags, len(now.edges) - 2 - i) + 1):
            came, over = int(now.seen[i, lag]), bool(now.over[i, lag])
            share = wilson(came, began) if over and began else None
            found.append(CohortRow(
                cohort=_named(day, each), later=lag, began=began, came=came, away=began - came if over else None,
                share=share.value if share else None, low=share.low if share else None,
                high=share.high if share else None, open=not over,
                cell=written(day, each, lag),
            ))  # fmt: skip
    return found


def _named(day: date, each: str) -> str:
    return wording.month(day, year=True) if each == "month" else wording.day(day)


def _wait(stepped: Stepped, asked: Back, now: Cohorts) -> Estimate | None:
    """How long until half of those who began took a step that counts; who has not yet is still waiting."""
    begun = beginnings(stepped, asked.start, stepped.now)
    masks = []
    for each, (who, row) in zip(stepped.steps, begun, strict=True):
        at = each.times[row]
        mask = np.zeros(len(each.customers), np.bool_)
        mask[who[(at >= now.edges[0]) & (at < now.edges[len(now.days)])]] = True
        masks.append(mask)
    chosen = replace(stepped.now, customers=masks, since=int(now.edges[0]), until=int(now.edges[len(now.days)]))
    found = gaps(stepped.steps, start=asked.start, to=asked.back, selection=chosen)
    if len(found.seconds) < LEAST or not found.came.any():
        return None
    # a step at the very moment of the first is no wait of zero, which no curve could show
    return quantile_time(kaplan_meier(tenures(np.maximum(found.seconds, 1e-6), found.came)))


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _clear(seen: _Curve) -> list[CurveRow]:
    return [r for r in seen.curve if r.adjusted is not None and r.adjusted <= CLEAR and r.change is not None]


def _answer(ask: Ask, now: Cohorts, seen: _Curve, each: str, start: str) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    total = [r for r in seen.curve if r.slice == "all" and r.share is not None]
    text = f"{words.count(now.customers)} {f'began with {start}' if start else 'were first seen'} in this period"
    if total:
        told = [total[0], *([total[_later(total)]] if _later(total) else [])]
        said = [f"{percent(r.share)} {_range(r)} were there again {count(r.later, each)} later" for r in told]
        text += f": {said[0]}" + (f", {percent(told[1].share)} {_range(told[1])} {count(told[1].later, each)} later"
                                  if len(told) > 1 else "")  # fmt: skip
    clear = _clear(seen)
    if clear:
        return f"{text}. {_change(min(clear, key=lambda r: (r.adjusted or 0.0, r.slice, r.later)), seen, each)}."
    if any(r.adjusted is not None for r in seen.curve):
        return f"{text}. {_nothing(seen, each)}."
    return f"{text}."


def _later(total: list[CurveRow]) -> int:
    """The second distance that is told: the fourth, or the last that rests on half of the customers."""
    able = [i for i, r in enumerate(total[:4]) if i and r.n >= total[0].n / 2]
    return able[-1] if able else 0


def _range(row: CurveRow) -> str:
    return f"({number(100 * (row.low or 0.0), 0)} to {number(100 * (row.high or 0.0), 0)})"


def _change(row: CurveRow, seen: _Curve, each: str) -> str:
    way = "More" if (row.change or 0.0) > 0 else "Fewer"
    whose = f"{way} of {row.slice} come back than of all others" if seen.groups else f"{way} come back than before"
    ends = f"{signed(100 * (row.change_low or 0.0))} to {signed(100 * (row.change_high or 0.0))}"
    return (
        f"{whose}: {count(row.later, each)} later {percent(row.share)} against {percent(row.before)} "
        f"({signed(100 * (row.change or 0.0))} points, {ends})"
    )


def _nothing(seen: _Curve, each: str) -> str:
    """No difference beyond chance, and what size of one would have been seen at the nearest distance."""
    known = [r for r in seen.curve if r.adjusted is not None]
    near = min(known, key=lambda r: (r.later, -r.n))
    wide = ((near.change_high or 0.0) - (near.change_low or 0.0)) / 3.92 * POWER
    whom = "No group differs from the others" if seen.groups else "Against the period before nothing differs"
    return (
        f"{whom} beyond chance; a difference of {number(100 * wide, 0)} points {count(near.later, each)} later would "
        "have been seen in four of five cases"
    )


def _facts(wait: Estimate | None, seen: _Curve, each: str, back: str) -> tuple[str, ...]:
    told = []
    if wait is not None and not wait.refused:
        ends = f"{duration(wait.low)} to {duration(wait.high)}" if math.isfinite(wait.high) else "at least that long"
        told.append(f"Half of them came to {back} within {duration(wait.value)} ({ends}).")
    elif wait is not None:
        told.append(f"How long half of them take to come to {back} is not known: {wait.refused}.")
    return (*told, *(f"{_change(row, seen, each)}." for row in _clear(seen)[1:3]))


def _cautions(stepped: Stepped, now: Cohorts, seen: _Curve, each: str) -> tuple[Caution, ...]:
    told = []
    waiting = int(sum(n for n, over in zip(now.began.tolist(), now.over[:, 1].tolist(), strict=True) if not over))
    if waiting:
        text = (
            f"For {number(waiting)} of {number(now.customers)} the {each} after is not over when the log ends: they "
            "are in no share, and their cells are left open."
        )
        told.append(Caution(code="still_open", text=text))
    begun = min((int(s.times[rows].min()) for s in stepped.steps if len(rows := s.firsts)), default=0)
    if now.edges[0] - begun < EARLY[each] * 86_400_000_000:
        text = "The log begins shortly before: who seems to begin in the first of these may have been there earlier."
        told.append(Caution(code="log_begins", text=text))
    if len(seen.curve) > 1:
        text = f"Farther {each}s rest on fewer and earlier customers: a bend at the end may be theirs, not time's."
        told.append(Caution(code="fewer_later", text=text))
    text = "That more or fewer come back is no proof of why: others may have come. Proof needs a declared comparison."
    told.append(Caution(code="not_proof", text=text))
    if seen.smaller:
        text = f"Not told, but among the others: {count(seen.smaller, 'smaller group')}."
        told.append(Caution(code="smaller_groups", text=text))
    told += stepped.cautions()
    return tuple(told)


def figure(finding: Retention) -> Figure | None:
    """The share there again by distance, over the cohorts it is made of."""
    total = [r for r in finding.curve if r.slice == "all"]
    if not total:
        return None
    each = finding.each
    curve = [
        Bend(label=number(r.later), share=r.share, low=r.low, high=r.high, against=r.before, key=f"all · {r.later}",
             clear=r.adjusted is not None and r.adjusted <= CLEAR, tip=_tip(r, each))
        for r in total
    ]  # fmt: skip
    farthest = max((r.later for r in finding.rows if r.began), default=0)
    curve += [Bend(label=number(k), share=None) for k in range(total[-1].later + 1, farthest + 1)]
    cut = f"the {each} they began in"
    drawn = _drawn(finding, each)
    if finding.groups:
        cut, drawn = "group, marked where it differs from all others beyond chance", _grouped(finding, each)
    legend = (
        f"Above: share of customers there again so many {each}s after they began, with its interval. Below: the same "
        f"by {cut}, with how many; dashed cells are not over yet and count nowhere."
    )
    return cohort_figure(
        curve, drawn, title=finding.answer, unit=f"{each}s later", legend=legend,
        against="the period before" if any(r.before is not None for r in total) else "",
    )  # fmt: skip


def _drawn(finding: Retention, each: str) -> list[Cohort]:
    """A row a cohort."""
    rows: dict[str, list[CohortRow]] = {}
    for r in finding.rows:
        rows.setdefault(r.cohort, []).append(r)
    return [
        Cohort(label=name, short=name if each == "month" else name[:-5], size=number(cells[0].began),
               cells=tuple(_cell(c, each) for c in cells))
        for name, cells in rows.items()
    ]  # fmt: skip


def _grouped(finding: Retention, each: str) -> list[Cohort]:
    """A row a group."""
    found = []
    for name in finding.groups:
        own = {r.later: r for r in finding.curve if r.slice == name}
        cells = [
            Seen(share=own[k].share, tip=_tip(own[k], each), mark=_mark(own[k])) if k in own else Seen()
            for k in range(1, max(own) + 1)
        ]
        found.append(Cohort(label=name, short=name, size=number(own[min(own)].n), cells=tuple(cells)))
    return found


def _mark(row: CurveRow) -> str:
    if row.adjusted is None or row.adjusted > CLEAR:
        return ""
    return "▲" if (row.change or 0.0) > 0 else "▽"


def _tip(row: CurveRow, each: str) -> str:
    told = f"{count(row.later, each)} later: {percent(row.share)}, {number(row.came)} of {number(row.n)}"
    return told if row.before is None else f"{told}; before {percent(row.before)}"


def _cell(row: CohortRow, each: str) -> Seen:
    if not row.began:
        return Seen()
    began = f"Began {row.cohort}, {count(row.later, each)} later: "
    so = f"{number(row.came)} of {number(row.began)}"
    tip = f"{began}not over yet, {so} so far" if row.open else f"{began}{percent(row.share)}, {so}"
    return Seen(share=row.share, waiting=row.open, thin=row.began < LEAST, tip=tip, key=f"{row.cohort} · {row.later}")
