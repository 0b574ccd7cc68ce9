"""Friction: where effort is lost, where customers give up, and which of it goes with nothing that follows.

Errors met, steps done again at once, steps come back to, and, with a goal, journeys that stop without it. Each is held
against the same step done without it: whether the journey went on, and what those customers then scored, whether they
stayed, and what they spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from msgspec import Meta, Struct

from regard.errors import Refusal
from regard.figures.consequences import Consequence, Rub, consequences
from regard.findings import Caution, Finding
from regard.journey.aftermath import (
    KINDS,
    LEAST,
    MOST_EACH,
    After,
    Held,
    corrected,
    exposed,
    followed,
    gave_up,
    held,
    least_seen,
    rubbed,
    strata_of,
)
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.proportions import wilson
from regard.steps.frictions import OPEN
from regard.wording import Words, count, duration, listed, money, number, percent, signed, signed_money

if TYPE_CHECKING:
    from collections.abc import Iterator

    from regard.figures import Figure
    from regard.signals.stepscope import Stepped
    from regard.steps.frictions import Frictions

CLEAR = 0.05
MOST = 12
"""Steps told of each kind of friction: those where most customers met it."""
DRAWN = 14
WORSE, GAVE_UP, BETTER, NONE, FEW = (
    "worse later", "given up more often", "better after it", "no difference seen", "too few to say",
)  # fmt: skip
ORDER = (WORSE, GAVE_UP, BETTER, NONE, FEW)
NAMED = {
    "error": "an error at {}", "again": "{} again at once", "back": "coming back to {}", "stopped": "stopping at {}",
}  # fmt: skip
HEADS = {"ended": "ended there", "score": "score", "stayed": "stayed", "bought": "bought", "spent": "spent"}
ITSELF = {"order: ": ("bought", "spent"), "subscription: ": ("stayed",)}
"""What a step is of itself: that who orders again has bought again is no consequence of it."""
SHARES = {"ended": "go no further", "stayed": "stay", "bought": "buy again"}
"""What is a share, and how it is said."""


class FrictionRow(Struct, frozen=True, kw_only=True):
    """One friction: a kind of it at one step."""

    friction: Annotated[str, Meta(description="What was met, and at which step.")]
    step: Annotated[str, Meta(description="The step.")]
    kind: Annotated[
        str, Meta(description="error; again at once; back to it, others between; stopped, without the goal.")
    ]
    verdict: Annotated[
        str, Meta(description="What is known of what follows: worse later, given up more often, no difference, ...")
    ]
    customers: Annotated[int, Meta(description="Customers who met it in the period.")] = 0
    share: Annotated[float | None, Meta(description="Share of those who did the step.")] = None
    low: Annotated[float | None, Meta(description="Lower end of its interval.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    times: Annotated[int, Meta(description="How often it was met.")] = 0
    lost_seconds: Annotated[
        float | None, Meta(description="Seconds that passed until the step was done again, all together.")
    ] = None
    told: Annotated[str, Meta(description="What follows it, in words.")] = ""
    cell: Annotated[str, Meta(description="What customers/list takes as its path.")] = ""


class FollowsRow(Struct, frozen=True, kw_only=True):
    """One thing that follows one friction, beside the same step without it."""

    friction: Annotated[str, Meta(description="What was met, and at which step.")]
    follows: Annotated[str, Meta(description="ended: the journey went no further; score; stayed; bought; spent.")]
    met: Annotated[float, Meta(description="With it: a share, the score, or money each.")]
    without: Annotated[float, Meta(description="Without it, weighted to those who met it.")]
    change: Annotated[float, Meta(description="The first less the second.")]
    low: Annotated[float, Meta(description="Lower end of its interval.")]
    high: Annotated[float, Meta(description="Upper end.")]
    n: Annotated[int, Meta(description="Customers with it.")]
    n_without: Annotated[int, Meta(description="Customers without it.")]
    adjusted: Annotated[float, Meta(description="p-value, corrected for all frictions and all that follows.")]
    least: Annotated[float, Meta(description="Difference that would have been seen in four of five cases.")]


class Friction(Finding, frozen=True, kw_only=True):
    """Where effort is lost, and whether it matters."""

    customers: Annotated[int, Meta(description="Customers with a step in the period.")] = 0
    pause: Annotated[str, Meta(description="The pause that ends a journey.")] = ""
    start: Annotated[str, Meta(description="Steps journeys begin with; empty for any.")] = ""
    goal: Annotated[tuple[str, ...], Meta(description="Steps journeys are for; empty where none was named.")] = ()
    worse: Annotated[
        int, Meta(description="Frictions after which customers score, stay or spend less, beyond chance.")
    ] = 0
    given_up: Annotated[
        int, Meta(description="Frictions after which more go no further, and nothing later differs.")
    ] = 0
    silent: Annotated[int, Meta(description="Frictions after which nothing differs beyond chance.")] = 0
    metric: Annotated[str, Meta(description="Metric of the scores.")] = ""
    currency: Annotated[str, Meta(description="Currency of what was spent.")] = ""
    rows: Annotated[
        tuple[FrictionRow, ...], Meta(description="Frictions: those worse after it first, then by customers.")
    ] = ()
    after: Annotated[tuple[FollowsRow, ...], Meta(description="What follows each, with it and without.")] = ()


@question(title="Friction", needs=("event|order|contact",))
def friction(
    *,
    ask: Ask,
    start: Annotated[
        str, Meta(description="Steps journeys begin with: A, B; steps before are in none. Default: any.")
    ] = "",
    goal: Annotated[
        str,
        Meta(description="Steps a journey is for: A, B. With them, journeys that stop without any are friction, too."),
    ] = "",
    pause: Annotated[str, Meta(description="The pause that ends a journey: 30min, 12h.")] = "30min",
    then: Annotated[
        int, Meta(description="Days in which score, staying and spending are followed.", ge=1, le=730)
    ] = 30,
    metric: Annotated[str, Meta(description="nps, csat, ces, stars or your own; default the declared one.")] = "",
) -> Friction:
    """Where is effort lost, where do customers give up, and which friction goes with nothing that follows?"""
    if ask.scope.by:
        raise Refusal(f"Friction is not cut by {ask.scope.by}: what follows it would rest on too few in each group.",
                      hint=f"Ask for one group at a time with --where {ask.scope.by}=NAME.")  # fmt: skip
    stepped, aims, found = rubbed(ask, pause=pause, start=start, goal=goal)
    every = list(_met(found, aims))
    met = [m for m in every if [c for c, k in every if k == m[1]].index(m[0]) < MOST]
    if not met:
        raise Refusal(
            f"No friction was met by {LEAST} customers in such journeys of this period.",
            hint="Choose a longer period; errors are read from the error column of events.",
        )
    metric = metric or ask.declarations.metric or "nps"
    told = _after(ask, found, met, metric, then)
    rows = tuple(sorted((_row(found, *m, told, (ask, f"{start} → ", f" → {goal}", metric)) for m in met), key=_rank))
    after = tuple(_follows(told, *key) for key in told.held)
    return Friction(
        answer=_answer(ask, rows, len(every)), customers=len(np.unique(found.customers)), pause=pause, start=start,
        goal=aims, worse=sum(r.verdict == WORSE for r in rows), given_up=sum(r.verdict == GAVE_UP for r in rows),
        silent=sum(r.verdict == NONE for r in rows), metric=metric, currency=ask.declarations.currency, rows=rows,
        after=after, facts=(*_given_up(found, aims), *_facts(rows)),
        cautions=_cautions(stepped, found, aims, told, then),
        next_step="Follow the ways on from the first of these steps: journey/paths.",
        evidence=ask.evidence(
            n=int(found.count("times").sum()), customers=len(np.unique(found.customers)), kind="estimated",
            method="First journey of each customer with the step; others weighted to what they did in the 28 days "
            "before; differences of independent shares and means, corrected by Holm (1979).",
        ),
    )  # fmt: skip


def _met(found: Frictions, aims: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Step and kind of each friction met by enough customers, most first."""
    size = []
    for kind, bit in KINDS.items():
        if kind == "stopped" and not aims:
            continue
        customers = np.bincount(found.codes[found.having(bit)], minlength=len(found.names))
        size += [(-int(n), code, kind) for code, n in enumerate(customers.tolist()) if n >= LEAST]
    yield from ((code, kind) for _, code, kind in sorted(size))


@dataclass(frozen=True, kw_only=True)
class _Told:
    """All comparisons: (step, kind, what follows) to what was found and its corrected p-value."""

    held: dict[tuple[int, str, str], tuple[Held, float]]
    names: tuple[str, ...]
    factor: dict[str, float]
    tests: int
    drawn: bool


def _after(ask: Ask, found: Frictions, met: list[tuple[int, str]], metric: str, then: int) -> _Told:
    """Each friction beside the same step without it, all together."""
    rng, codes, drawn = np.random.default_rng(ask.seed), sorted({c for c, _ in met}), False
    chosen = []
    for code in codes:
        own = np.flatnonzero(found.codes == code)
        drawn |= len(own) > MOST_EACH
        chosen.append(own if len(own) <= MOST_EACH else np.sort(rng.choice(own, MOST_EACH, replace=False)))
    rows = np.concatenate(chosen)
    after = followed(ask, found.customers[rows], found.times[rows], metric=metric, days=then)
    made: dict[tuple[int, str, str], Held] = {}
    for code, kind in met:
        own = np.flatnonzero(found.codes[rows] == code)
        for what, got in _held(found, rows[own], own, kind, after):
            if not got.change.refused:
                made[code, kind, what] = got
    adjusted = corrected(list(made.values()))
    return _Told(
        held={k: (h, float(p)) for (k, h), p in zip(made.items(), adjusted, strict=True)}, names=found.names,
        factor={"ended": 1.0} | {w: f for w, (_, f) in after.forms.items()}, tests=len(made), drawn=drawn,
    )  # fmt: skip


def _held(found: Frictions, rows: Any, place: Any, kind: str, after: After) -> Iterator[tuple[str, Held]]:
    first = found.first[rows]
    met, strata = exposed(first, kind), strata_of(found.lively[rows], found.times[rows])
    known = (first & OPEN) == 0 if kind == "stopped" else np.ones(len(rows), bool)
    if kind == "error":  # what is done again is done later: that it is the last step says nothing
        yield "ended", gave_up(found.ends[rows], strata)
    if min(int((met & known).sum()), int((~met & known).sum())) < LEAST:
        return
    name = found.names[int(found.codes[rows[0]])]
    itself = next((told for start, told in ITSELF.items() if name.startswith(start)), ())
    for what, (form, _) in after.forms.items():
        if kind in {"again", "back"} and what in itself:
            continue
        yield what, held(np.where(known, after.of(what)[place], np.nan), met, strata, form=form)


def _row(found: Frictions, code: int, kind: str, told: _Told, how: tuple[Ask, str, str, str]) -> FrictionRow:
    ask, begins, goal, metric = how
    did = int((found.codes == code).sum())
    met = int(((found.codes == code) & found.having(KINDS[kind])).sum())
    name, share = found.names[code], wilson(met, did)
    lost = {"again": "lost_again", "back": "lost_back"}.get(kind)
    times = {"error": "errors", "stopped": "stopped"}.get(kind, kind)
    verdict, words = _verdict(told, code, kind, (metric, ask.declarations.currency))
    return FrictionRow(
        friction=NAMED[kind].format(name), step=name, kind=kind, verdict=verdict, customers=met, share=share.value,
        low=share.low, high=share.high, times=int(found.count(times)[code]),
        lost_seconds=float(found.count(lost)[code] / 1e6) if lost else None, told=words,
        cell=f"{begins}{kind}: {name}{goal}",
    )  # fmt: skip


def _verdict(told: _Told, code: int, kind: str, units: tuple[str, str]) -> tuple[str, str]:
    """Whether what follows is worse, and in words."""
    mine = {w: told.held[code, kind, w] for w in HEADS if (code, kind, w) in told.held}
    if not mine:
        return FEW, ""
    clear = {w: h for w, (h, p) in mine.items() if p <= CLEAR}
    if not clear:
        could = [f"{HEADS[w]} {_size(w, least_seen(h.change, told.tests), told, units)}" for w, (h, _) in mine.items()]
        return NONE, f"nothing beyond chance; would have been seen: {listed(could)}"
    bad = [w for w, h in clear.items() if (h.change.value > 0) == (w == "ended")]
    words = [_said(w, h, told, units) for w, h in sorted(clear.items(), key=lambda item: item[0] not in bad)]
    return (WORSE if set(bad) - {"ended"} else GAVE_UP if bad else BETTER), "; ".join(words)


def _said(what: str, found: Held, told: _Told, units: tuple[str, str]) -> str:
    factor, change = told.factor[what], found.change
    if what in SHARES:
        lead = SHARES[what]
        ends = f"{signed(100 * change.low)} to {signed(100 * change.high)}"
        return (
            f"{percent(found.met.value)} {lead}, {percent(found.without.value)} without it "
            f"({signed(100 * change.value)} points, {ends})"
        )

    def write(value: float) -> str:
        return signed_money(value, units[1]) if what == "spent" else signed(value, _digits(units[0]))

    ends = f"{write(factor * change.low)} to {write(factor * change.high)}"
    if what == "spent":
        levels = f"spend {money(found.met.value, units[1])} each, {money(found.without.value, units[1])} without it"
    else:
        tell = signed if units[0] == "nps" else number
        levels = (
            f"score {tell(factor * found.met.value, _digits(units[0]))}, "
            f"{tell(factor * found.without.value, _digits(units[0]))} without it"
        )
    return f"{levels} ({write(factor * change.value)}, {ends})"


def _digits(metric: str) -> int:
    return 0 if metric in {"nps", "csat"} else 2


def _size(what: str, size: float, told: _Told, units: tuple[str, str]) -> str:
    if what in SHARES:
        return f"{number(100 * size, 1 if size < 0.1 else 0)} points"
    if what == "spent":
        return money(size, units[1])
    return number(told.factor[what] * size, _digits(units[0]))


def _follows(told: _Told, code: int, kind: str, what: str) -> FollowsRow:
    (found, p), factor = told.held[code, kind, what], told.factor[what]
    return FollowsRow(
        friction=NAMED[kind].format(told.names[code]), follows=what, met=factor * found.met.value,
        without=factor * found.without.value, change=factor * found.change.value, low=factor * found.change.low,
        high=factor * found.change.high, n=found.met_n, n_without=found.without_n, adjusted=p,
        least=factor * least_seen(found.change, told.tests),
    )  # fmt: skip


def _rank(row: FrictionRow) -> tuple[int, int, str]:
    return ORDER.index(row.verdict), -row.customers, row.friction


def _answer(ask: Ask, rows: tuple[FrictionRow, ...], every: int) -> str:
    words = Words(ask.declarations.called, ask.declarations.called_many)
    silent = sum(r.verdict == NONE for r in rows)
    text = f"{count(every, 'friction')} {'was' if every == 1 else 'were'} met by {LEAST} {words.several} or more"
    text += f", the {len(rows)} most met are told" if every > len(rows) else ""
    for verdict, others in ((WORSE, "customers do worse later"), (GAVE_UP, "more go no further")):
        mine = [r for r in rows if r.verdict == verdict]
        if mine:
            first = mine[0]
            text += f". After {first.friction} ({words.count(first.customers)}) {first.told.split('; ')[0]}"
            text += f"; after {count(len(mine) - 1, 'other')}, {others}, too" if len(mine) > 1 else ""
    if not any(r.verdict == WORSE for r in rows):
        text += ". After none do customers score, stay or spend less beyond chance"
    return f"{text}; after {number(silent)} nothing differs." if silent else f"{text}."


def _given_up(found: Frictions, aims: tuple[str, ...]) -> tuple[str, ...]:
    """Where most of the journeys that are over and without the goal stop."""
    stopped = found.count("stopped")
    if not aims or not stopped.sum():
        return ()
    first = int(np.argmax(stopped))
    share = percent(float(stopped[first] / stopped.sum()))
    without = f"{count(int(stopped.sum()), 'journey')} without {listed(aims, last='or')}"
    return (f"Most stop at {found.names[first]}: {share} of {without}.",)


def _facts(rows: tuple[FrictionRow, ...]) -> tuple[str, ...]:
    told = []
    lost = max((r for r in rows if r.lost_seconds), key=lambda r: r.lost_seconds or 0.0, default=None)
    if lost is not None:
        what = f"{lost.friction[:1].upper()}{lost.friction[1:]}"
        told.append(f"{what} takes most time: {duration(lost.lost_seconds)} in all until it is done again.")
    quiet = next((r for r in rows if r.verdict == NONE), None)
    if quiet is not None:
        told.append(
            f"Met by most and with no consequence seen: {quiet.friction} ({count(quiet.customers, 'customer')})."
        )
    return tuple(told)


def _cautions(stepped: Stepped, found: Frictions, aims: tuple[str, ...], told: _Told, then: int) -> tuple[Caution, ...]:
    made = []
    text = (
        "What follows a friction need not come of it: who meets errors may be others than who does not. They are alike "
        "in how much they did before, not in all else; proof needs a declared comparison."
    )
    made.append(Caution(code="not_proof", text=text))
    if not aims:
        text = (
            "Without a goal every journey ends somewhere: what journeys stop short of is told with --start and --goal."
        )
        made.append(Caution(code="no_goal", text=text))
    waits = int(found.count("waiting").sum())
    if waits and aims:
        text = f"{count(waits, 'journey')} may yet go on when the log ends: not taken for stopped."
        made.append(Caution(code="still_open", text=text))
    if not any(w in {"stayed", "bought", "spent"} for *_, w in told.held):
        text = f"Staying and spending are not told: too few can be followed for {number(then)} days, or none is known."
        made.append(Caution(code="not_followed", text=text))
    if told.drawn:
        text = f"What follows is told of {number(MOST_EACH)} customers of a step, drawn, where there are more."
        made.append(Caution(code="drawn", text=text))
    made += stepped.cautions()
    return tuple(made)


def figure(finding: Friction) -> Figure | None:
    """Each friction with who met it, and what follows beside the same step without it."""
    if not finding.rows:
        return None
    by: dict[str, dict[str, FollowsRow]] = {}
    for row in finding.after:
        by.setdefault(row.friction, {})[row.follows] = row
    shown = finding.rows[:DRAWN]
    heads = [w for w in HEADS if any(w in by.get(r.friction, {}) for r in shown)]
    drawn = [_rub(r, by.get(r.friction, {}), heads, finding) for r in shown]
    legend = (
        "With the friction less without it, like customers, with intervals; filled where beyond chance, all together. "
        "Grey: no difference seen."
    )
    titles = [f"{HEADS[w]}{f' ({finding.metric.upper()})' if w == 'score' else ''}" for w in heads]
    return consequences(drawn, titles, title=finding.answer, legend=legend)


def _rub(row: FrictionRow, after: dict[str, FollowsRow], heads: list[str], finding: Friction) -> Rub:
    cells: list[Consequence | None] = []
    for what in heads:
        got = after.get(what)
        if got is None:
            cells.append(None)
            continue
        worse = (got.change > 0) == (what == "ended")
        clear = got.adjusted <= CLEAR
        cells.append(Consequence(
            value=got.change, low=got.low, high=got.high, text=_text(what, got.change, finding),
            tone=("bad" if worse else "good") if clear else "",
        ))  # fmt: skip
    return Rub(
        label=row.friction, size=row.customers, text=f"{number(row.customers)} ({percent(row.share)})",
        cells=tuple(cells), tip=f"{row.friction}: {count(row.customers, 'customer')}; {row.told or row.verdict}",
    )  # fmt: skip


def _text(what: str, change: float, finding: Friction) -> str:
    if what in SHARES:
        return f"{signed(100 * change)} pts"
    if what == "spent":
        return signed_money(change, finding.currency)
    return signed(change, _digits(finding.metric))
