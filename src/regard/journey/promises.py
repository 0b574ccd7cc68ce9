"""Promises: what we said would happen by when, what became of it, and what customers say of those kept and broken.

A promise counts in the period it falls due in. Rule by day (``due_by`` day): kept until the calendar day ends in the
company's zone. Scores meet promises in what both are about; the interval of the difference is cluster-robust by
customer (`statistics.proportions`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.errors import Refusal
from regard.figures import Distribution, Figure, stacked
from regard.findings import Caution, Finding, Interval
from regard.periods import offsets, zone_of
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.voices import Count, cautions, told
from regard.statistics.estimates import Estimate
from regard.statistics.proportions import linked_difference, mean, wilson
from regard.wording import Words

OUTCOMES = ("kept", "late", "never", "withdrawn", "at risk", "open")
NAMES = {
    "kept": "kept",
    "late": "broken, kept late",
    "never": "broken, never kept",
    "missing": "still missing when asked",
}


class PromiseRow(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the promises of one sort in one slice."""

    promise: Annotated[str, Meta(description="What was promised.")]
    slice: Annotated[str, Meta(description="The slice; all when not cut.")]
    broken_share: Annotated[
        float | None, Meta(description="Late and never of those due; weighted where the log is a weighted sample.")
    ]
    never_share: Annotated[
        float | None, Meta(description="Share never kept, of those due; weighted where the log is a weighted sample.")
    ]
    due: Annotated[int, Meta(description="Promises that fell due in the period and were not called off in time.")]
    kept: Annotated[int, Meta(description="Kept in time.")]
    late: Annotated[int, Meta(description="Broken: kept, but late.")]
    never: Annotated[int, Meta(description="Broken: past due and not kept.")]
    withdrawn: Annotated[int, Meta(description="Called off before they fell due.")]
    at_risk: Annotated[int, Meta(description="Not kept yet, due within the days ahead.")]
    open: Annotated[int, Meta(description="Not kept yet, due later than that.")]
    broken_interval: Annotated[
        Interval | None, Meta(description="Wilson's interval, as a share and as if promises were independent.")
    ]
    broken_unweighted: Annotated[float | None, Meta(description="The share without weights.")]
    broken_before: Annotated[float | None, Meta(description="The share in the period compared with.")]
    median_late_days: Annotated[
        float | None, Meta(description="Half of those kept late came later than this many days.")
    ]
    long_late_days: Annotated[float | None, Meta(description="One in ten of those kept late came later than this.")]


class PromiseScore(msgspec.Struct, frozen=True, kw_only=True):
    """What customers say of promises of one outcome."""

    outcome: Annotated[
        str,
        Meta(description="kept; broken, kept late; broken, never kept; still missing when asked (part of those)."),
    ]
    answers: Annotated[int, Meta(description="Scored answers about them.")]
    score: Annotated[float | None, Meta(description="Mean score, weighted where the log is a weighted sample.")]
    interval: Annotated[Interval | None, Meta(description="Interval of the mean, by customer.")]
    unweighted: Annotated[float | None, Meta(description="Mean score without weights.")]


class PromiseAhead(msgspec.Struct, frozen=True, kw_only=True):
    """A promise that falls due soon and is not kept."""

    customer: Annotated[str, Meta(description="Who it was made to.")]
    id: Annotated[str, Meta(description="Their id.")]
    promise: Annotated[str, Meta(description="What was promised.")]
    about: Annotated[str, Meta(description="What it is about.")]
    due: Annotated[str, Meta(description="When it falls due, in the company's zone.")]


class Promises(Finding, frozen=True, kw_only=True):
    """Promises kept, broken and at risk."""

    due: Annotated[int | None, Meta(description="Promises that fell due in the period.")] = None
    broken_share: Annotated[
        float | None, Meta(description="Share broken; weighted where the log is a weighted sample.")
    ] = None
    broken_unweighted: Annotated[
        float | None, Meta(description="Share broken without weights, where weights differ.")
    ] = None
    at_risk: Annotated[int | None, Meta(description="Not kept yet, due within the days ahead.")] = None
    counted_by: Annotated[str, Meta(description="What weighs: voices, customers or value.")] = "voices"
    metric: Annotated[str, Meta(description="The score the outcomes are compared by.")] = ""
    score_difference: Annotated[float | None, Meta(description="Mean score of broken (late) less kept promises.")] = (
        None
    )
    score_interval: Annotated[Interval | None, Meta(description="Interval of the difference, by customer.")] = None
    score_difference_unweighted: Annotated[float | None, Meta(description="The difference without weights.")] = None
    rows: Annotated[tuple[PromiseRow, ...], Meta(description="Per promise and slice, most broken first.")] = ()
    scores: Annotated[tuple[PromiseScore, ...], Meta(description="What customers say, by outcome.")] = ()
    ahead: Annotated[tuple[PromiseAhead, ...], Meta(description="What falls due next.")] = ()


@question(title="Promises", needs=("promise",))
def promises(
    *,
    ask: Ask,
    promise: Annotated[str, Meta(description="Only promises of this name, such as delivery.")] = "",
    days: Annotated[int, Meta(description="Days ahead in which an open promise counts as at risk.", ge=1, le=365)] = 3,
    rule: Annotated[
        Literal["", "day", "instant"],
        Meta(description="day: kept until its calendar day ends; instant: to the second; empty: as each was promised."),
    ] = "",
    metric: Annotated[
        str, Meta(description="Score to compare outcomes by; empty takes the one most answers carry.")
    ] = "",
    count: Annotated[
        Count, Meta(description="What weighs: voices (promises), customers (each once), or value (their worth).")
    ] = "voices",
) -> Promises:
    """Do we keep our promises, which are at risk, and what do customers say of those we break?"""
    if not ask.count("promise"):
        raise Refusal("No promises have come in yet.", hint="Import what was promised for when, and when it was kept.")
    given = {"kind": promise, "days": days, "rule": rule, **zone_steps(ask)}
    if count == "value":
        ask.need("value.kind", "it says what a customer is worth, by which promises are to be counted.")
    counted = ask.rows("promises.sql", count=count, **given)
    rows = _rows(counted)
    total = _row("all promises", "all", counted)
    ahead = ask.rows("promises_ahead.sql", kind=promise, days=days, most=20)
    if not total.due:
        return _nothing_due(ask, rows, total)
    asked = _scores(ask.table("promises_scores.sql", **given), metric)
    return _finding(ask, counted, rows, total, asked, ahead, by=count)


def zone_steps(ask: Ask) -> dict[str, Any]:
    """The zone's offsets as a table of steps, for statements that need local days of several times."""
    steps = offsets(zone_of(ask.scope.zone), datetime(1990, 1, 1), datetime(ask.scope.until.year + 2, 1, 1))
    return {
        "zone_since": [at or datetime(1900, 1, 1) for at, _ in steps],
        "zone_seconds": [seconds for _, seconds in steps],
    }


def _rows(counted: list[dict[str, Any]]) -> tuple[PromiseRow, ...]:
    keys = dict.fromkeys((r["promise"], r["slice"]) for r in counted)
    rows = [_row(name, part, [r for r in counted if (r["promise"], r["slice"]) == (name, part)]) for name, part in keys]
    return tuple(sorted(rows, key=lambda r: (-(r.broken_share or 0) if r.due >= 5 else 1, r.promise, r.slice)))


def _row(promise: str, part: str, counted: list[dict[str, Any]]) -> PromiseRow:
    n = {outcome: _sum(counted, "n", outcome, "now", "ahead") for outcome in OUTCOMES}
    due = int(n["kept"] + n["late"] + n["never"])
    weighted, unweighted = _broken(counted, "weight", "now"), _broken(counted, "n", "now")
    # Kish: a weighted sample tells as much as (sum of weights)² / sum of squares independent promises.
    judged = ("kept", "late", "never")
    weight, squares = (sum(_sum(counted, c, o, "now") for o in judged) for c in ("weight", "squares"))
    size = weight**2 / squares if squares else 0.0
    interval = wilson((weighted or 0.0) * size, size) if due else None
    lateness = [(r["n"], r["lateness"]) for r in counted if r["period"] == "now" and r["lateness"]]
    return PromiseRow(
        promise=promise,
        slice=part,
        due=due,
        kept=int(n["kept"]),
        late=int(n["late"]),
        never=int(n["never"]),
        withdrawn=int(n["withdrawn"]),
        at_risk=int(n["at risk"]),
        open=int(n["open"]),
        broken_share=weighted,
        never_share=_sum(counted, "weight", "never", "now") / weight if weight else None,
        broken_interval=Interval(interval.low, interval.high) if interval else None,
        broken_unweighted=unweighted,
        broken_before=_broken(counted, "weight", "before"),
        median_late_days=_days(lateness, 0),
        long_late_days=_days(lateness, 1),
    )


def _sum(counted: list[dict[str, Any]], column: str, outcome: str, *periods: str) -> float:
    return float(sum(r[column] for r in counted if r["outcome"] == outcome and r["period"] in periods))


def _broken(counted: list[dict[str, Any]], column: str, period: str) -> float | None:
    broken = _sum(counted, column, "late", period) + _sum(counted, column, "never", period)
    due = broken + _sum(counted, column, "kept", period)
    return broken / due if due else None


def _days(lateness: list[tuple[int, list[float]]], which: int) -> float | None:
    """One group's quantile; over several groups it cannot be had from theirs, so it is left out."""
    return lateness[0][1][which] / 86400 if len(lateness) == 1 else None


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the scored answers say."""

    metric: str
    scores: tuple[PromiseScore, ...]
    gap: Estimate | None
    gap_unweighted: float | None
    weighted: bool
    other: int


def _scores(table: Any, metric: str) -> _Asked:
    """Mean score per outcome and the difference of late and kept, for one metric."""
    metrics = table.column("metric").to_numpy(zero_copy_only=False)
    names, sizes = np.unique(metrics.astype(str), return_counts=True)
    chosen = metric or (str(names[np.argmax(sizes)]) if len(names) else "")
    at = np.flatnonzero(metrics == chosen)
    part = {
        c: table.column(c).to_numpy(zero_copy_only=False)[at]
        for c in ("customer", "score", "weight", "outcome", "missing")
    }
    groups = {o: part["outcome"] == o for o in ("kept", "late", "never")} | {"missing": part["missing"].astype(bool)}
    weighted = bool(len(at)) and bool(np.any(part["weight"] != part["weight"][0]))
    gap = unweighted = None
    if groups["kept"].any() and groups["late"].any():
        late, kept = ({k: v[groups[o]] for k, v in part.items()} for o in ("late", "kept"))
        gap = linked_difference(
            late["score"], late["customer"], kept["score"], kept["customer"],
            now_weights=late["weight"], before_weights=kept["weight"],
        )  # fmt: skip
        unweighted = float(late["score"].mean() - kept["score"].mean())
    return _Asked(
        metric=chosen,
        scores=tuple(_score(NAMES[o], part, mask, weighted=weighted) for o, mask in groups.items() if mask.any()),
        gap=gap,
        gap_unweighted=unweighted if weighted else None,
        weighted=weighted,
        other=len(metrics) - len(at),
    )


def _score(name: str, part: dict[str, Any], mask: Any, *, weighted: bool) -> PromiseScore:
    found = mean(part["score"][mask], clusters=part["customer"][mask], weights=part["weight"][mask])
    return PromiseScore(
        outcome=name,
        answers=int(mask.sum()),
        score=None if found.refused else found.value,
        interval=None if found.refused else Interval(found.low, found.high),
        unweighted=float(part["score"][mask].mean()) if weighted and not found.refused else None,
    )


def _finding(  # noqa: PLR0917 - the parts in the order they were read
    ask: Ask,
    counted: list[dict[str, Any]],
    rows: tuple[PromiseRow, ...],
    total: PromiseRow,
    asked: _Asked,
    ahead: list[dict[str, Any]],
    *,
    by: Count,
) -> Promises:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    weightless = sum(r["weightless"] for r in counted if r["period"] == "now")
    weighted = total.broken_unweighted != total.broken_share
    gap = asked.gap if asked.gap and not asked.gap.refused else None
    known = sum(r["known"] for r in counted if r["period"] == "now")
    n = sum(r["n"] for r in counted if r["period"] == "now")
    return Promises(
        answer=_sentence(total, asked, gap, told(by, words)),
        counted_by=by,
        due=total.due,
        broken_share=total.broken_share,
        broken_unweighted=total.broken_unweighted if weighted else None,
        at_risk=total.at_risk,
        metric=asked.metric,
        score_difference=gap.value if gap else None,
        score_interval=Interval(gap.low, gap.high) if gap else None,
        score_difference_unweighted=asked.gap_unweighted if gap else None,
        rows=rows,
        scores=asked.scores,
        ahead=tuple(
            PromiseAhead(
                customer=r["name"] or "unknown", id=r["id"] or "", promise=r["promise"] or "promise",
                about=r["about"] or "", due=wording.moment(r["due_at"], ask.scope.zone),
            )
            for r in ahead
        ),
        facts=_facts(total, asked),
        cautions=(
            *cautions(by, words, rows=n, weightless=weightless, what="promise"),
            *_cautions(rows, asked, weighted=weighted and by == "voices"),
        ),
        evidence=ask.evidence(
            n=n,
            kind="estimated" if gap else "counted",
            method="Promises counted where they fell due; difference of mean scores with its cluster-robust interval.",
            complete=f"{wording.percent(known / n)} of the promises carry a known customer",
        ),
    )  # fmt: skip


def _sentence(total: PromiseRow, asked: _Asked, gap: Estimate | None, counted: str) -> str:
    broken = total.late + total.never
    weighted = f"{counted or 'weighted'}; in rows " if total.broken_unweighted != total.broken_share else ""
    text = (
        f"We broke {wording.percent(total.broken_share)} of what we promised "
        f"({weighted}{wording.number(broken)} of {wording.number(total.due)} that fell due)"
    )
    by = {s.outcome: s.score for s in asked.scores}
    if gap is None:
        return f"{text}."
    late, kept = (wording.number(by[NAMES[o]], 2) for o in ("late", "kept"))
    if asked.metric == "stars":
        return f"{text}; customers give {late} stars where kept late, {kept} where in time."
    name = asked.metric.upper() if len(asked.metric) <= 4 else asked.metric
    return f"{text}; the mean {name} answer is {late} where kept late, {kept} where in time."


def _facts(total: PromiseRow, asked: _Asked) -> tuple[str, ...]:
    found = []
    missing = next((s for s in asked.scores if s.outcome == NAMES["missing"]), None)
    if missing and missing.score is not None:
        found.append(
            f"Asked while it was still missing, they give {wording.number(missing.score, 2)}: "
            f"{wording.count(missing.answers, 'answer')}."
        )
    if total.never:
        rows = " (rows of the sample)" if total.broken_unweighted != total.broken_share else ""
        found.append(f"{wording.number(total.never)} were not kept at all{rows}, as far as the log knows.")
    if total.at_risk:
        found.append(f"{wording.count(total.at_risk, 'open promise')} at risk: due in the next days and not kept yet.")
    return tuple(found[:3])


def _cautions(rows: tuple[PromiseRow, ...], asked: _Asked, *, weighted: bool) -> Iterator[Caution]:
    if weighted:
        yield Caution(
            code="weighted",
            text="The log is a weighted sample: shares are weighted, counts are rows; unweighted shares stand beside.",
        )
    if asked.other:
        yield Caution(
            code="other_metrics",
            text=f"{wording.count(asked.other, 'answer')} with another metric than {asked.metric} left out.",
        )
    if asked.gap is None:
        yield Caution(
            code="no_scores",
            text="No scored answers are about promises both kept and broken: what breaking one costs is unknown.",
        )
    elif asked.gap.refused:
        yield Caution(
            code="few_answers", text=f"The scores of kept and broken promises are not compared: {asked.gap.refused}."
        )
    else:
        yield Caution(
            code="association",
            text="Customers whose promise was broken may differ in other ways; the difference is not proof of cause.",
        )
    if any(0 < r.due < 5 for r in rows):
        yield Caution(
            code="few_promises", text="Slices with fewer than 5 promises due stand last: their shares say little."
        )


def _nothing_due(ask: Ask, rows: tuple[PromiseRow, ...], total: PromiseRow) -> Promises:
    text = (
        f"No promise fell due in this period; {wording.number(total.at_risk)} are at risk "
        f"and {wording.number(total.open)} open."
    )
    return Promises(
        answer=text,
        refused="" if total.at_risk + total.open else "No promise fell due in this period.",
        next_step="" if total.at_risk + total.open else "Choose another period: promises count where they fall due.",
        due=0 if total.at_risk + total.open else None,
        at_risk=total.at_risk if total.at_risk + total.open else None,
        rows=rows if total.at_risk + total.open else (),
        evidence=ask.evidence(n=total.at_risk + total.open),
    )


def _parts(row: PromiseRow) -> tuple[float, float, float]:
    """Never kept, kept late and kept in time as shares, weighted as the sentence is."""
    if row.broken_share is None or row.never_share is None:
        return (row.never, row.late, row.kept)
    return (row.never_share, max(row.broken_share - row.never_share, 0.0), 1.0 - row.broken_share)


def figure(finding: Promises) -> Figure | None:
    """What became of the promises that fell due, per sort and slice."""
    if not finding.due:
        return None
    bars = [
        Distribution(
            label=r.promise if r.slice == "all" else f"{r.promise}, {r.slice}",
            parts=_parts(r),
            note=f"{wording.percent(r.broken_share)} broken",
        )
        for r in finding.rows[:15]
        if r.due
    ]
    return stacked(bars, ("never kept", "kept late", "kept in time"), title=finding.answer)
