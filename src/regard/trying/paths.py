"""Ways from a step, to a step, or between two, from one file of events; two periods or groups compared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import BadInput, Refusal
from regard.figures.pathtree import path_tree
from regard.findings import Caution, Interval
from regard.journey import ways
from regard.journey.treeing import CLEAR, PathRow, legend, most_clear, path_rows, tree_drawn
from regard.periods import parse_span
from regard.trying.columns import Columns
from regard.trying.logs import Log, log_of, split_at, tied
from regard.trying.trials import Check, Trial, trial
from regard.wording import count, day, number, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure


class PathsTrial(Trial, frozen=True, kw_only=True):
    """The ways customers go. `rows` are the steps of their tree, each after the one it follows."""

    start: Annotated[str, Meta(description="The step the ways start from; empty where they are followed back.")] = ""
    target: Annotated[str, Meta(description="The step they lead to; empty for any.")] = ""
    customers: Annotated[
        int, Meta(description="Customers with such a way, in the later period where two are compared.")
    ] = 0
    still_open: Annotated[int, Meta(description="Customers whose time was not over when the file ends.")] = 0
    since: Annotated[
        date | None, Meta(description="First day of what counts as now, where two periods are compared.")
    ] = None
    groups: Annotated[
        tuple[str, ...], Meta(description="The two groups compared: the one asked about, and what it is held against.")
    ] = ()
    rows: Annotated[
        tuple[PathRow, ...], Meta(description="Steps of the tree: each, then what followed it, the most taken first.")
    ] = ()


@trial(title="Paths", example="regard try paths events.csv --from 'help opened' --before-after 2026-03-01")
def paths(
    data: Columns,
    *,
    customer: Annotated[str, Meta(description="Column of the customer, case or session.")] = "",
    time: Annotated[str, Meta(description="Column of when.")] = "",
    event: Annotated[str, Meta(description="Column of what was done.")] = "",
    from_: Annotated[
        str,
        Meta(
            description="Step the ways start from; default the most frequent first one.",
            extra={"option": "from", "metavar": "STEP"},
        ),
    ] = "",
    to: Annotated[
        str,
        Meta(description="Step they lead to; alone, the ways are followed back from it.", extra={"metavar": "STEP"}),
    ] = "",
    depth: Annotated[int, Meta(description="Most steps that follow.", ge=1, le=12)] = 3,
    window: Annotated[
        str, Meta(description="How long after the first step the others count: 30min, 7d. Default: any time.")
    ] = "",
    before_after: Annotated[
        str, Meta(description="First day of what counts as now: two periods are compared, YYYY-MM-DD.")
    ] = "",
    by: Annotated[
        str, Meta(description="Column of groups: the most frequent is held against the others together.")
    ] = "",
    error: Annotated[str, Meta(description="Column that says whether the customer met an error.")] = "",
    most: Annotated[
        int, Meta(description="Customers with more steps than this on a day are left out: bots, batches.", ge=1)
    ] = 1000,
) -> PathsTrial:
    """Which ways do customers go from a step, and what of it changed?"""
    if before_after and by:
        raise BadInput("Two periods or groups are compared, not both.", where="--by", hint="Leave one of them out.")
    log = log_of(data, customer=customer, time=time, event=event, error=error, by=by, most=most)
    start = from_ or ("" if to else _first_step(log))
    route = ways.Route(
        start=log.known((start,), "--from") if start else (), target=log.known((to,), "--to") if to else (),
        depth=depth, within=parse_span(window, where="--window"),
    )  # fmt: skip
    split = split_at(before_after, where="--before-after", log=log) if before_after else None
    told = _split(log, route, split) if split else _grouped(log, route) if by else _all(log, route)
    if not len(told.found):
        raise Refusal(
            f"No customer has a way {_named(start, to)}.", hint="Name other steps, a longer --window or more --depth."
        )
    rows, compared = path_rows(log.steps.names, told.found, told.now, back=not route.forward)
    found = _trial(log, told, rows, start=start, to=to, within=route.within)
    return msgspec.structs.replace(found, method=compared.method) if compared else found


def _first_step(log: Log) -> str:
    firsts = log.steps.codes[log.steps.starts[:-1][np.diff(log.steps.starts) > 0]]
    return log.steps.names[int(np.bincount(firsts).argmax())]


def _named(start: str, to: str) -> str:
    return " ".join(w for w in (f"from {start}" if start else "", f"to {to}" if to else "") if w)


@dataclass(frozen=True, kw_only=True)
class _Walked:
    """The ways, and which of them are of the later period or the group asked about."""

    found: ways.Ways
    now: NDArray[np.bool_] | None = None
    split: date | None = None
    groups: tuple[str, ...] = ()


def _all(log: Log, route: ways.Route) -> _Walked:
    return _Walked(found=ways.walked([log.steps], route, selection=log.selection))


def _split(log: Log, route: ways.Route, split: tuple[date, int]) -> _Walked:
    day_, at = split
    before = ways.walked([log.steps], route, selection=replace(log.selection, until=at))
    now = ways.walked([log.steps], route, selection=replace(log.selection, since=at))
    return _Walked(found=ways.joined(before, now), now=np.arange(len(before) + len(now)) >= len(before), split=day_)


def _grouped(log: Log, route: ways.Route) -> _Walked:
    found = ways.walked([log.steps], route, selection=log.selection)
    groups = log.groups if log.groups is not None else np.zeros(0, np.int64)
    group = groups[np.searchsorted(log.steps.customers, found.customers)]
    size = np.bincount(group[group >= 0], minlength=len(log.names))
    if np.count_nonzero(size) < 2:
        raise Refusal("All customers with such a way are of one group.", hint="Name another column with --by.")
    first = int(np.argmax(size))
    others = [log.names[i] for i in np.flatnonzero(size) if i != first]
    keep = group >= 0
    told = ways.Ways(
        **{k: getattr(found, k)[keep] for k in ways.Ways.__dataclass_fields__ if k != "ties"}, ties=found.ties
    )
    against = others[0] if len(others) == 1 else f"{count(len(others), 'other group')}"
    return _Walked(found=told, now=group[keep] == first, groups=(log.names[first], against))


def _trial(
    log: Log, told: _Walked, rows: tuple[PathRow, ...], *, start: str, to: str, within: int | None
) -> PathsTrial:
    compared = told.now is not None
    first = most_clear(rows) if compared else max(rows[1:], key=lambda r: r.customers, default=None)
    ends = () if first is None else (first.change_low, first.change_high) if compared else (first.low, first.high)
    inner = int((told.found.length - 1).sum())
    few, order = tied(told.found.ties, inner)
    now = told.found.open if told.now is None else told.found.open[told.now]
    return PathsTrial(
        answer=_answer(told, rows, first, _named(start, to)),
        estimate=None if first is None else first.change if compared else first.share,
        interval=Interval(*ends) if ends and None not in ends else None,  # type: ignore[arg-type]
        n=len(told.found), start=start, target=to, customers=len(now), still_open=int(now.sum()), since=told.split,
        groups=told.groups, rows=rows, method="one way a customer, Wilson",
        checks=(
            Check(name="order", passed=few, text=order, value=told.found.ties / max(inner, 1)), _open(told, within),
        ),
        cautions=(*log.cautions, *_cautions(told)),
        next_step="Compare two periods with --before-after, or groups with --by." if not compared else
        "A comparison with a control tells whether what you changed did it: regard try proof.",
    )  # fmt: skip


def _answer(told: _Walked, rows: tuple[PathRow, ...], first: PathRow | None, named: str) -> str:
    if told.now is None:
        if first is None:
            has = "has" if len(told.found) == 1 else "have"
            return f"Nobody goes on: {count(len(told.found), 'customer')} {has} a way {named}, of one step."
        goes = first.move if first.back else f"go to {first.step} next"
        return (
            f"Of {count(first.stood, 'customer')} at {first.after}, {percent(first.share)} {goes} "
            f"({percent(first.low)} to {percent(first.high)})."
        )
    when = f"since {day(told.split)}" if told.split else f"between {told.groups[0]} and {told.groups[1]}"
    if first is None:
        return f"Too few customers have a way {named} on both sides to compare."
    clear = [r for r in rows if r.adjusted is not None and r.adjusted <= CLEAR]
    if not clear:
        tested = sum(r.adjusted is not None for r in rows)
        what = "changed" if told.split else "differs"
        return f"No way {named} {what} beyond chance {when}: {count(tested, 'way')} compared, most of all {first.told}."
    more = f"; {count(len(clear), 'way')} in all {'changed' if told.split else 'differ'} beyond chance"
    return f"{first.told[:1].upper()}{first.told[1:]}{more if len(clear) > 1 else ''}."


def _open(told: _Walked, within: int | None) -> Check:
    if within is None:
        text = "Without --window nobody can be told to have stopped: whoever is last seen at a step may yet go on."
        return Check(name="over", passed=None, text=text)
    n, still = len(told.found), int(told.found.open.sum())
    text = f"{number(still)} of {count(n, 'way')} may yet go on when the file ends; they do not count as stopping."
    return Check(name="over", passed=still <= 0.2 * n, text=text, value=float(still))


def _cautions(told: _Walked) -> tuple[Caution, ...]:
    if told.now is None:
        return ()
    text = "A difference of ways is no proof of its cause: other customers may have come, or something else happened."
    return (Caution(code="not_proof", text=text),)


def figure(found: PathsTrial) -> Figure | None:
    """The tree of ways."""
    if not found.rows:
        return None
    return path_tree(tree_drawn(found.rows), title=found.answer, legend=legend(found.rows))
