"""A journey from one file of events: what directly follows what, and what of it changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated

import numpy as np
from msgspec import Meta

from regard.errors import Refusal
from regard.figures.flowmap import flow_change, flow_map
from regard.findings import Caution, Interval
from regard.journey import flows
from regard.journey.flowing import CLEAR, Drawn, LineRow, StepRow, drawn, legend, line_rows, step_rows
from regard.periods import parse_span
from regard.trying.columns import Columns
from regard.trying.logs import Log, log_of, split_at, tied
from regard.trying.trials import Check, Trial, trial
from regard.wording import count, day, duration, number, percent

if TYPE_CHECKING:
    from regard.figures.figure import Figure
    from regard.statistics.choices import Compared


class JourneyTrial(Trial, frozen=True, kw_only=True):
    """What customers really do, declared by nobody. `rows` are the moves from one step to the next."""

    customers: Annotated[int, Meta(description="Customers with a step that counts.")] = 0
    journeys: Annotated[int, Meta(description="Journeys they made.")] = 0
    still_open: Annotated[int, Meta(description="Journeys whose time was not over when the file ends.")] = 0
    variants: Annotated[int, Meta(description="Different whole sequences of steps among customers.")] = 0
    since: Annotated[
        date | None, Meta(description="First day of what counts as now, where two periods are compared.")
    ] = None
    coverage: Annotated[float, Meta(description="Share of all moves that the figure shows.")] = 0.0
    rows: Annotated[
        tuple[LineRow, ...], Meta(description="Moves from one step to the next, the most frequent first.")
    ] = ()
    steps: Annotated[tuple[StepRow, ...], Meta(description="The steps themselves, the most frequent first.")] = ()


@trial(title="Journey", example="regard try journey events.csv --customer user --time at --event name --from signup")
def journey(
    data: Columns,
    *,
    customer: Annotated[str, Meta(description="Column of the customer, case or session.")] = "",
    time: Annotated[str, Meta(description="Column of when.")] = "",
    event: Annotated[str, Meta(description="Column of what was done.")] = "",
    from_: Annotated[
        str,
        Meta(
            description="Step that journeys start with; default each customer's first.",
            extra={"option": "from", "metavar": "STEP"},
        ),
    ] = "",
    window: Annotated[
        str,
        Meta(description="How long after --from a journey is followed; without it, the pause that ends one: 7d, 12h."),
    ] = "",
    before_after: Annotated[
        str, Meta(description="First day of what counts as now: two periods are compared, YYYY-MM-DD.")
    ] = "",
    error: Annotated[str, Meta(description="Column that says whether the customer met an error.")] = "",
    coverage: Annotated[
        float, Meta(description="Share of all moves the figure shows, the most frequent first.", gt=0, le=1)
    ] = 0.8,
    most: Annotated[
        int, Meta(description="Customers with more steps than this on a day are left out: bots, batches.", ge=1)
    ] = 1000,
) -> JourneyTrial:
    """What do customers do, step by step, and what of it changed?"""
    log = log_of(data, customer=customer, time=time, event=event, error=error, most=most)
    start = log.known((from_,), "--from") if from_ else ()
    within = parse_span(window, where="--window")
    found = flows.moves([log.steps], flows.Journeys(start=start, within=within), selection=log.selection)
    if not (found.target >= 0).any() or not (found.source >= 0).any():
        raise Refusal("No customer takes two steps.", hint="Name another column of customers, or a longer --window.")
    split = split_at(before_after, where="--before-after", log=log) if before_after else None
    now = found.at >= split[1] if split else None
    told = _Told(log=log, found=found, split=split[0] if split else None, now=now)
    if now is not None:
        told = told.with_change(flows.changed(found, now))
    return _trial(told, coverage, within=within, start=from_)


@dataclass(frozen=True, kw_only=True)
class _Told:
    """What was counted and compared."""

    log: Log
    found: flows.Moves
    split: date | None
    now: np.ndarray | None
    change: Compared | None = None

    def with_change(self, change: Compared) -> _Told:
        return _Told(log=self.log, found=self.found, split=self.split, now=self.now, change=change)


def _trial(told: _Told, coverage: float, *, within: int | None, start: str) -> JourneyTrial:
    log, found = told.log, told.found
    lines = flows.lines_of(found if told.now is None else found.only(told.now))
    rows = line_rows(log.steps.names, flows.lines_of(found), lines if told.now is not None else None, told.change,
                     coverage=coverage)  # fmt: skip
    first = _first(rows, compared=told.change is not None)
    interval = None
    if first is not None:
        ends = (first.change_low, first.change_high) if told.change is not None else (first.low, first.high)
        interval = None if None in ends else Interval(*ends)  # type: ignore[arg-type]
    inner = int(((found.source >= 0) & (found.target >= 0)).sum())
    few, order = tied(found.ties, inner)
    return JourneyTrial(
        answer=_answer(told, first, rows),
        estimate=None if first is None else first.change if told.change is not None else first.share,
        interval=interval, n=len(set(found.who.tolist())), customers=log.customers, journeys=found.journeys,
        still_open=found.open, variants=_variants(log), since=told.split, coverage=coverage, rows=rows,
        steps=step_rows(log.steps.names, found), facts=_facts(told, start),
        method=(told.change.method if told.change is not None else "shares by person, Wilson"),
        checks=(Check(name="order", passed=few, text=order, value=found.ties / max(inner, 1)), *_open(found, within)),
        cautions=(*log.cautions, *_cautions(told)),
        next_step="Follow one step with --from, or compare two periods with --before-after."
        if told.change is None and not start
        else "See the ways on from one step: regard try paths FILE --from STEP.",
    )  # fmt: skip


def _first(rows: tuple[LineRow, ...], *, compared: bool) -> LineRow | None:
    """The move the answer is about: the clearest change, else the most frequent move between two steps."""
    inner = [r for r in rows if r.source and r.target]
    if compared:
        tested = [r for r in rows if r.adjusted is not None and r.change is not None]
        return min(tested, key=lambda r: (r.adjusted or 0.0, -abs(r.change or 0.0), r.source, r.target), default=None)
    return max([r for r in inner if r.source != r.target] or inner, key=lambda r: r.times, default=None)


def _answer(told: _Told, first: LineRow | None, rows: tuple[LineRow, ...]) -> str:
    if told.change is not None and told.split is not None:
        clear = [r for r in rows if r.adjusted is not None and r.adjusted <= CLEAR]
        when = day(told.split)
        if first is None:
            return f"Too few customers took any way before and after {when} to compare."
        if not clear:
            return (
                f"No way changed beyond chance since {when}: {count(told.change.tested, 'way')} of "
                f"{count(told.change.people, 'customer')} compared."
            )
        more = f"; {count(len(clear), 'way')} changed beyond chance" if len(clear) > 1 else ""
        return f"{first.told}{more}."
    if first is None:
        return "No move is frequent."
    if first.share is None:
        return f"{first.source} is most often followed by {first.target}; no share is known yet."
    how = "mostly" if first.share > 0.5 else "most often"
    return (
        f"{first.source} is {how} followed by {first.target}: {percent(first.share)} of "
        f"{count(first.stood, 'customer')} who were there go on to it ({percent(first.low)} to {percent(first.high)})"
        f"{_took(first.median_seconds)}."
    )


def _took(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f", half of them within {duration(seconds)}" if seconds else ", half of them at the same recorded time"


def _facts(told: _Told, start: str) -> tuple[str, ...]:
    log, found = told.log, told.found
    n = int(np.diff(log.steps.starts).sum())
    begun = f" that start with {start}" if start else ""
    kinds = count(len(log.steps.names), "kind")
    journeys = f"{count(found.journeys, 'journey')}{begun}"
    return (f"{count(log.customers, 'customer')}, {count(n, 'step')} of {kinds}, {journeys}.",)


def _open(found: flows.Moves, within: int | None) -> tuple[Check, ...]:
    if within is None:
        text = "Without a window no journey can be told to be over or still open: the last step seen is not its end."
        return (Check(name="over", passed=None, text=text),)
    text = f"{count(found.open, 'journey')} of {number(found.journeys)} had time left when the file ends."
    return (Check(name="over", passed=found.open <= 0.2 * found.journeys, text=text, value=float(found.open)),)


def _variants(log: Log) -> int:
    starts, codes = log.steps.starts.tolist(), log.steps.codes
    return len({codes[a:b].tobytes() for a, b in pairwise(starts) if b > a})


def _cautions(told: _Told) -> tuple[Caution, ...]:
    if told.change is None:
        return ()
    text = "A change of ways is no proof of its cause: other customers may have come, or something else have happened."
    few = count(told.change.thin, "way")
    thin = f"{few} too few customers took are not compared."
    return (
        Caution(code="not_proof", text=text),
        *((Caution(code="thin_ways", text=thin),) if told.change.thin else ()),
    )


def figure(found: JourneyTrial) -> Figure | None:
    """What follows what; of two periods what changed, over both beside each other."""
    if not found.rows:
        return None
    maps: Drawn = drawn(found.rows, found.steps)
    words = legend(found.rows, found.steps, change=found.since is not None)
    if maps.before is None or maps.change is None:
        return flow_map(maps.now, title=found.answer, legend=words)
    return flow_change(maps.before, maps.now, maps.change, title=found.answer, legend=words, like=maps.whole)
