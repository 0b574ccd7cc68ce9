"""The ways from a step, to a step, or between two: who goes B and C, who goes B and D, and what came of it.

One walk a customer and period: the first. Steps that follow count within the window; those whose time is not over
when the log ends are still open, and neither stopped nor went on. What customers then spent, and whether they stayed,
is told of walks that began long enough before the end of the log for it to be known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal
from regard.figures import path_tree
from regard.findings import Caution, Finding
from regard.journey import treeing
from regard.journey.afterwards import afterwards, then_told
from regard.journey.portions import tested_on
from regard.journey.stepnames import known, only_steps, steps_named
from regard.journey.treeing import CLEAR, PathRow, most_clear, path_rows, tree_drawn
from regard.journey.ways import Route, Ways, joined, tree_of, walked
from regard.periods import parse_span
from regard.questions import question
from regard.signals.ask import Ask
from regard.steps.scanning import DEEPER
from regard.steps.weaving import united
from regard.steps.within import done
from regard.wording import Words, count, number, percent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures import Figure
    from regard.signals.stepscope import Stepped

OFFERED = 60


class WalkedRow(PathRow, frozen=True, kw_only=True):
    """One step of the tree, where it follows a path, and what its customers did afterwards."""

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


class StepOffered(msgspec.Struct, frozen=True, kw_only=True):
    """A step one may start from."""

    step: Annotated[str, Meta(description="The step.")]
    customers: Annotated[int, Meta(description="Customers who did it in the period.")] = 0


class Paths(Finding, frozen=True, kw_only=True):
    """The ways customers go."""

    start: Annotated[str, Meta(description="Where the ways start; a path, where one was walked along.")] = ""
    target: Annotated[str, Meta(description="The step they lead to; empty for any.")] = ""
    window: Annotated[str, Meta(description="How long after the first step the others count.")] = ""
    customers: Annotated[int, Meta(description="Customers with such a way in the period.")] = 0
    customers_before: Annotated[int, Meta(description="In the period, or of the other groups, compared with.")] = 0
    still_open: Annotated[int, Meta(description="Customers whose time was not over when the log ends.")] = 0
    groups: Annotated[tuple[str, ...], Meta(description="The groups compared, where the question is cut by one.")] = ()
    metric: Annotated[str, Meta(description="Metric of the scores.")] = ""
    currency: Annotated[str, Meta(description="Currency of what was spent.")] = ""
    rows: Annotated[tuple[WalkedRow, ...], Meta(description="Steps of the tree, the most taken first.")] = ()
    steps: Annotated[tuple[StepOffered, ...], Meta(description="Steps one may start from instead.")] = ()


@question(title="Paths", needs=("event|order|contact|subscription",))
def paths(
    *,
    ask: Ask,
    start: Annotated[
        str, Meta(description="Step the ways start from, or a path to walk on from: A → B. Default: the commonest.")
    ] = "",
    target: Annotated[str, Meta(description="Step they lead to; alone, the ways are followed back from it.")] = "",
    depth: Annotated[int, Meta(description="Most steps that follow.", ge=1, le=8)] = 3,
    window: Annotated[str, Meta(description="How long after the first step the others count: 2h, 7d.")] = "7d",
    among: Annotated[
        str, Meta(description="Only these steps are looked at, others are as if they had not been: A, B, C.")
    ] = "",
    then: Annotated[
        int, Meta(description="Days in which score, staying and spending are followed.", ge=1, le=730)
    ] = 90,
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or your own; default the declared one.")] = "",
) -> Paths:
    """Which ways do customers go from a step, has it changed, and what did they then score, renew and spend?"""
    stepped = only_steps(ask.steps(), among)
    offered = _offered(stepped)
    if not offered:
        raise Refusal("No customer took a step in this period.", hint="Widen the period, or bring in events or orders.")
    named = known(stepped, steps_named(start), where="start")
    goal = known(stepped, steps_named(target)[:1], where="target")
    if not named and not goal:
        named = (offered[0].step,)
    route = Route(
        start=named[:1], target=goal, depth=depth + max(len(named) - 1, 0), within=parse_span(window, where="window")
    )
    seen = _compared(ask, stepped, route, named)
    if not len(seen.found) or not seen.now.any():
        raise Refusal(
            f"No customer went this way in this period: {treeing.ARROW.join((*named, *goal))}.",
            hint="Choose another step, a longer window, or a longer period.",
        )
    rows, change = path_rows(stepped.steps[0].names, seen.found, seen.now, back=not route.forward)
    here = treeing.ARROW.join(named)
    rows = tuple(r for r in rows if not here or r.path == here or r.path.startswith(here + treeing.ARROW))
    told = _with_outcomes(ask, rows, seen, metric or ask.declarations.metric or "nps", then, back=not route.forward)
    return _finding(
        ask, told, seen, route, named, (window, then, metric, change.method if change else "", offered, stepped)
    )


def _offered(stepped: Stepped) -> tuple[StepOffered, ...]:
    """Steps by how many customers did them in the period."""
    if not stepped.steps:
        return ()
    names = stepped.steps[0].names
    _, found = done(stepped.steps, selection=stepped.now)
    order = np.lexsort((np.arange(len(names)), -found))
    return tuple(StepOffered(step=names[i], customers=int(found[i])) for i in order[:OFFERED] if found[i])


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """The walks, which of them are told of, and what they are held against."""

    found: Ways
    now: NDArray[np.bool_]
    groups: tuple[str, ...] = ()


def _compared(ask: Ask, stepped: Stepped, route: Route, named: tuple[str, ...]) -> _Seen:
    """Walks of the two periods; of groups, where the question is cut by one: the largest and all others."""
    now = _along(walked(stepped.steps, route, selection=stepped.now), stepped, named)
    if not ask.scope.by:
        before = _along(walked(stepped.steps, route, selection=stepped.before), stepped, named)
        return _Seen(found=joined(before, now), now=np.arange(len(before) + len(now)) >= len(before))
    code, values = np.zeros(len(now), np.int64), stepped.steps[0].labels[ask.scope.by].values
    for k, each in enumerate(stepped.steps):
        own = now.part == k
        code[own] = each.labels[ask.scope.by].codes[now.rows[own]]
    size = np.bincount(code[code > 0], minlength=len(values))
    if np.count_nonzero(size) < 2:
        raise Refusal(
            f"Customers who went this way are of one {ask.scope.by}.", hint="Cut it by another dimension, or by none."
        )
    first, keep = int(np.argmax(size)), code > 0
    others = [values[i] for i in np.flatnonzero(size) if i != first]
    against = others[0] if len(others) == 1 else f"all other {ask.scope.by}s"
    return _Seen(found=_only(now, keep), now=code[keep] == first, groups=(values[first], against))


def _only(ways: Ways, keep: NDArray[np.bool_]) -> Ways:
    columns = {n: getattr(ways, n)[keep] for n in Ways.__dataclass_fields__ if n != "ties"}
    return Ways(**columns, ties=ways.ties)


def _along(ways: Ways, stepped: Stepped, named: tuple[str, ...]) -> Ways:
    """Walks that begin with a path, seen from its last step on."""
    if len(named) < 2:
        return ways
    index = {name: code for code, name in enumerate(stepped.steps[0].names)}
    codes = np.array([index[n] for n in named])
    return _only(ways, (ways.codes[:, : len(codes)] == codes).all(axis=1))


def _with_outcomes(
    ask: Ask, rows: tuple[PathRow, ...], seen: _Seen, metric: str, days: int, *, back: bool
) -> tuple[WalkedRow, ...]:
    """Rows with what the customers of each then scored, spent, and whether they stayed."""
    mine = np.flatnonzero(seen.now)
    after = afterwards(ask, seen.found.customers[mine], seen.found.began[mine], metric=metric, days=days)
    tree = tree_of(seen.found.codes[mine])
    where = _nodes(tree, ask.steps().steps[0].names, back=back)
    fields = PathRow.__struct_fields__
    return tuple(
        WalkedRow(**{f: getattr(row, f) for f in fields}, **after.told(_walks(tree, where, row, seen.found, mine)))
        for row in rows
    )


def _nodes(tree: Any, names: tuple[str, ...], *, back: bool) -> dict[str, int]:
    found = {}
    for node in range(1, len(tree.parent)):
        steps = [names[c] for c in tree.path(node)]
        found[treeing.ARROW.join(steps[::-1] if back else steps)] = node
    return found


def _walks(tree: Any, where: dict[str, int], row: PathRow, found: Ways, mine: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which walks pass a row's node, or stop after it."""
    stops = row.step == treeing.STOPS
    node = where.get(row.after if stops else row.path)
    if node is None:
        return np.zeros(len(mine), np.bool_)
    passes: NDArray[np.bool_] = tree.at[:, tree.depth[node] - 1] == node
    if stops:
        last = tree.at[np.arange(len(mine)), found.length[mine] - 1] == node
        passes = last & (found.why[mine] < DEEPER) & ~found.open[mine]
    return passes


def _finding(  # noqa: PLR0917  what was found, then how it was asked
    ask: Ask, rows: tuple[WalkedRow, ...], seen: _Seen, route: Route, named: tuple[str, ...], asked: tuple[Any, ...]
) -> Paths:
    window, _, metric, method, offered, stepped = asked
    found = seen.found
    open_ = int((found.open & seen.now).sum())
    return Paths(
        answer=_answer(ask, rows, seen, named, route.target), start=treeing.ARROW.join(named),
        target=treeing.ARROW.join(route.target), window=window, customers=int(seen.now.sum()),
        customers_before=int((~seen.now).sum()), still_open=open_, groups=seen.groups,
        metric=metric or ask.declarations.metric or "nps", currency=ask.declarations.currency, rows=rows, steps=offered,
        facts=_facts(rows, treeing.ARROW.join(named) or rows[0].path), cautions=_cautions(seen, open_, stepped),
        next_step="Choose a step to walk on from there; its number leads to the customers.",
        evidence=ask.evidence(
            n=len(found), customers=len(united(found.customers, found.customers[:0])), kind="estimated",
            method=f"The first way of each customer; {method or 'shares with Wilson intervals'}.",
        ),
    )  # fmt: skip


def _answer(ask: Ask, rows: tuple[WalkedRow, ...], seen: _Seen, named: tuple[str, ...], goal: tuple[str, ...]) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    first = most_clear(rows)
    when = f"between {seen.groups[0]} and {seen.groups[1]}" if seen.groups else "since the period before"
    here = treeing.ARROW.join(named) if named else rows[0].path
    common = max((r for r in rows[1:] if r.after == here), key=lambda r: r.customers, default=None)
    base = f"{words.count(int(seen.now.sum()))} came to {named[-1] if named else goal[0]}"
    if common is not None and common.share is not None:
        base += f"; {percent(common.share)} {common.move}"
    if first is None or first.adjusted is None:
        return f"{base}."
    if first.adjusted > CLEAR:
        return f"{base}. No way changed beyond chance {when}."
    return f"{base}. {first.told[:1].upper()}{first.told[1:]}."


def _facts(rows: tuple[WalkedRow, ...], here: str) -> tuple[str, ...]:
    """What those of the two commonest ways then scored, where both are known."""
    told = [r for r in rows[1:] if r.after == here and r.score is not None]
    if len(told) < 2:
        return ()
    one, other = sorted(told, key=lambda r: -r.customers)[:2]
    scores = [number(round(r.score or 0.0)) for r in (one, other)]
    return (f"Those who {one.move} then score {scores[0]}, those who {other.move} {scores[1]}.",)


def _cautions(seen: _Seen, open_: int, stepped: Stepped) -> tuple[Caution, ...]:
    text = (
        "Ways that differ are no proof of a cause, and those who go another way are other customers: proof needs a "
        "comparison that was declared."
    )
    told = [Caution(code="not_proof", text=text), *tested_on(len(seen.found))]
    if open_:
        ways = count(int(seen.now.sum()), "way")
        text = (
            f"{number(open_)} of {ways} may yet go on when the log ends; walks begun within the window of its end make "
            "no share."
        )
        told.append(Caution(code="still_open", text=text))
    if seen.found.ties:
        text = f"{count(seen.found.ties, 'move')} between steps of equal time stand in the order of the log."
        told.append(Caution(code="equal_times", text=text))
    told += stepped.cautions()
    return tuple(told)


def figure(finding: Paths) -> Figure | None:
    """The tree of ways, with what their customers then did."""
    if not finding.rows:
        return None
    told = {r.path: then_told(r, finding.metric, finding.currency) for r in finding.rows}
    root = _with_told(tree_drawn(finding.rows, start=finding.start), told)
    words = treeing.legend(finding.rows)
    if any(told.values()):
        words += " Last line: what they then scored, the share who stayed, what each spent."
    return path_tree(root, title=finding.answer, legend=words)


def _with_told(step: Any, told: dict[str, str]) -> Any:
    words = told.get(step.key, "")
    tip = f"{step.tip}; {words}" if words else step.tip
    return replace(step, told=words, tip=tip, ways=tuple(_with_told(w, told) for w in step.ways))
