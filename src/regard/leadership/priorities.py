"""Priorities: which improvements to make within a budget, what they are expected to bring, and what was not chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal
from regard.figures.choice import ChoiceBar, choice_bars
from regard.findings import Evidence, Finding, Interval
from regard.leadership import priorities_told as told
from regard.leadership.at_stake import Stakes, stakes
from regard.leadership.improvements import LeftRow, Options, checked, launched, lists, options_of, rules
from regard.leadership.proof import proof
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.appraisal import Appraisal, appraise
from regard.statistics.portfolios import SMALL
from regard.wording import between, count, listed, money, number, percent, signed_money

if TYPE_CHECKING:
    from regard.figures.figure import Figure

MOST = 15
ZONES = {
    "now": "what customers pay for today",
    "efficient": "the same for less",
    "next": "tried, to be grown",
    "new": "a bet",
}


class OptionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One improvement: where it ranks and why."""

    rank: Annotated[int, Meta(description="Its place: chosen ones first, by what they add.")]
    improvement: Annotated[str, Meta(description="What could be done.")] = ""
    chosen: Annotated[bool, Meta(description="Whether it is in the portfolio.")] = False
    net: Annotated[
        float | None,
        Meta(description="Its part in the portfolio's net value, else what it would add; in the company's currency."),
    ] = None
    low: Annotated[
        float | None,
        Meta(description="Lower end of what it alone may bring, 95 % of the draws; in the company's currency."),
    ] = None
    high: Annotated[float | None, Meta(description="Upper end; in the company's currency.")] = None
    positive: Annotated[
        float | None, Meta(description="Chance that it alone brings more than it costs, as a share.")
    ] = None
    included: Annotated[float | None, Meta(description="Share of the draws in which the best portfolio holds it.")] = (
        None
    )
    cost: Annotated[float | None, Meta(description="Its expected cost, in the company's currency.")] = None
    chance: Annotated[float | None, Meta(description="Mean chance that it works, as a share.")] = None
    why: Annotated[str, Meta(description="Why it ranks there.")] = ""
    customers: Annotated[float | None, Meta(description="Customers on the bad side of what it moves, of the base.")] = (
        None
    )
    rank_low: Annotated[int, Meta(description="Best place by net value it takes in 95 % of the draws.")] = 0
    rank_high: Annotated[int, Meta(description="Worst place it takes.")] = 0
    moves: Annotated[str, Meta(description="Drivers it works on.")] = ""
    zone: Annotated[str, Meta(description="now, efficient, next or new.")] = ""
    weight: Annotated[float, Meta(description="Its strategic weight in choosing.")] = 1.0


class StakeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One driver: what better experience there would keep."""

    title: Annotated[str, Meta(description="The driver.")]
    value: Annotated[
        float, Meta(description="Value a year the base would keep without it, in the company's currency.")
    ] = 0.0
    low: Annotated[float, Meta(description="Lower end of its 95 % interval, in the company's currency.")] = 0.0
    high: Annotated[float, Meta(description="Upper end, in the company's currency.")] = 0.0
    gain: Annotated[
        float | None, Meta(description="Points of the score it costs those concerned, shrunk; none where unknown.")
    ] = None
    customers: Annotated[float, Meta(description="Customers of the base on its bad side.")] = 0.0
    key: Annotated[
        bool, Meta(description="Whether it stands beyond chance: by losses, or by its effect on the score.")
    ] = False
    by: Annotated[
        str, Meta(description="What tells of it: losses (the rows add up), or the score (beside them, not added).")
    ] = ""
    name: Annotated[str, Meta(description="Its stable name.")] = ""
    improvements: Annotated[str, Meta(description="Improvements declared for it.")] = ""


class LearnRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing not known."""

    what: Annotated[str, Meta(description="What is not known.")]
    worth: Annotated[
        float,
        Meta(description="What knowing it beforehand is worth, in the company's currency: the most a study may cost."),
    ] = 0.0
    changes: Annotated[float, Meta(description="Share of cases in which it would change the choice.")] = 0.0
    low: Annotated[float, Meta(description="Net value where it is in its lowest tenth, in the company's currency.")] = (
        0.0
    )
    high: Annotated[
        float, Meta(description="Net value where it is in its highest tenth, in the company's currency.")
    ] = 0.0


class ListRow(msgspec.Struct, frozen=True, kw_only=True):
    """A list made by points, for comparison."""

    list: Annotated[str, Meta(description="RICE, WSJF or mentions.")]
    chosen: Annotated[str, Meta(description="What going down that list would choose.")] = ""
    net: Annotated[float, Meta(description="Expected net value of that, in the company's currency.")] = 0.0
    regret: Annotated[
        float, Meta(description="What the oracle would have more on average, in the company's currency.")
    ] = 0.0


class ZoneRow(msgspec.Struct, frozen=True, kw_only=True):
    """One zone: what is done in it and what is not."""

    zone: Annotated[str, Meta(description="now, efficient, next or new, and what it means.")]
    chosen: Annotated[str, Meta(description="What is chosen.")] = ""
    cost: Annotated[float, Meta(description="What it is expected to cost, in the company's currency.")] = 0.0
    net: Annotated[float, Meta(description="Its part in the net value, in the company's currency.")] = 0.0
    not_chosen: Annotated[str, Meta(description="What we chose not to be great at, for now.")] = ""


class Priorities(Finding, frozen=True, kw_only=True):
    """What to do first."""

    net: Annotated[
        float | None, Meta(description="Expected net value of the portfolio, in the company's currency.")
    ] = None
    interval: Annotated[Interval | None, Meta(description="Where it lies in 95 % of the draws.")] = None
    positive: Annotated[
        float | None, Meta(description="Chance that the portfolio brings more than it costs, as a share.")
    ] = None
    cost: Annotated[float | None, Meta(description="Its expected cost, in the company's currency.")] = None
    budget: Annotated[
        float | None, Meta(description="The budget, in the company's currency; empty where none was given.")
    ] = None
    regret: Annotated[
        float | None,
        Meta(
            description="What an oracle would have more on average, in the company's currency: all there is to learn."
        ),
    ] = None
    lost: Annotated[
        float | None, Meta(description="Value expected to be lost a year as things are, in the company's currency.")
    ] = None
    currency: Annotated[str, Meta(description="Currency of the values.")] = ""
    years: Annotated[float, Meta(description="Years of kept value that count.")] = 1.0
    rows: Annotated[tuple[OptionRow, ...], Meta(description="The list, chosen ones first.")] = ()
    at_stake: Annotated[tuple[StakeRow, ...], Meta(description="What each driver holds.")] = ()
    learn: Annotated[tuple[LearnRow, ...], Meta(description="What to learn first.")] = ()
    zones: Annotated[tuple[ZoneRow, ...], Meta(description="By zone.")] = ()
    lists: Annotated[tuple[ListRow, ...], Meta(description="What lists by points would have lost.")] = ()
    left_out: Annotated[tuple[LeftRow, ...], Meta(description="Improvements that could not be weighed.")] = ()


@question(title="Priorities", needs=("answer|review", "value.kind", "base.lost"))
def priorities(
    *,
    ask: Ask,
    budget: Annotated[
        float | None, Meta(description="The most the chosen may be expected to cost; empty: no limit.")
    ] = None,
    years: Annotated[float, Meta(description="Years of kept value that count.", ge=0.25, le=10)] = 1.0,
    cautious: Annotated[
        float, Meta(description="0: the greatest mean; up to 1: the more weight on the worst tenth.", ge=0, le=1)
    ] = 0.0,
    launches: Annotated[
        str, Meta(description="WORKED/TRIED of past improvements, such as 12/20, where no chance is declared.")
    ] = "",
    metric: Annotated[str, Meta(description="The score drivers are weighed by; default the declared one.")] = "",
    days: Annotated[int, Meta(description="Days before an answer in which facts count.", ge=1, le=730)] = 90,
) -> Priorities:
    """What should we do first within the budget, and what is it expected to bring?"""
    held = stakes(ask, metric=metric, days=days)
    declared = ask.declarations.improvements
    checked(declared)
    launches = launches or _proven(ask)
    options = options_of(ask, held, declared, years=years, unknown=launched(launches))
    if not options.improvements:
        return _only_stakes(ask, held, options.left, years)
    k = len(options.improvements)
    if k > SMALL:
        text = f"{k} improvements share customers; at most {SMALL} can be weighed at once."
        return _refused(ask, held, text, "Leave the least likely ones out of company.toml.")
    found = appraise(
        options.worth, options.luck, rules(options.improvements, budget), lists=lists(held, options),
        inputs=options.inputs, weights=np.array([i.weight for i in options.improvements]), cautious=cautious,
    )  # fmt: skip
    if not isinstance(found, Appraisal):
        return _refused(ask, held, f"Nothing can be chosen: {found.refused}.", "Raise the budget.")
    return _finding(ask, held, options, found, budget=budget, years=years, launches=launches)


def _proven(ask: Ask) -> str:
    """What past changes achieved by their grade of proof, WORKED/TRIED, where a chance is missing; else empty."""
    declared = ask.declarations
    if not declared.changes or all(i.chance for i in declared.improvements):
        return ""
    try:
        grades = [row.grade for row in proof(ask=ask).rows]
    except Refusal:
        return ""
    worked = sum(g in {"proven", "likely"} for g in grades)
    tried = worked + sum(g in {"no effect", "harmed"} for g in grades)
    return f"{worked}/{tried}" if tried else ""


def _finding(
    ask: Ask, held: Stakes, options: Options, found: Appraisal, *, budget: float | None, years: float, launches: str
) -> Priorities:
    rows = _rows(held, options, found)
    currency = ask.declarations.currency
    net = found.net
    some = any(r.chosen for r in rows)
    finding = Priorities(
        answer="", net=net.mean, interval=Interval(low=net.low, high=net.high), positive=net.positive if some else None,
        cost=found.spent[0], budget=budget, regret=found.regret, lost=held.staked.total.value, currency=currency,
        years=years, rows=rows, at_stake=_stakes(held, options, years), learn=_learn(found), zones=_zones(rows),
        lists=tuple(
            ListRow(
                list=r.name, net=r.net, regret=r.regret,
                chosen=listed([i.name for i, c in zip(options.improvements, r.chosen, strict=True) if c]) or "nothing",
            ) for r in found.rankings
        ),
        left_out=options.left, evidence=_evidence(ask, held),
        cautions=told.cautions(ask, held, options, found, budget=budget, launches=launches),
    )  # fmt: skip
    return msgspec.structs.replace(
        finding, answer=told.sentence(finding), facts=told.facts(finding),
        next_step="" if budget is not None else "Give a budget, such as 50,000 (--budget 50000).",
    )  # fmt: skip


def _evidence(ask: Ask, held: Stakes) -> Evidence:
    base = count(held.staked.here, ask.declarations.called, ask.declarations.called_many)
    losses, read = held.staked.found.losses, held.lived.read
    return ask.evidence(
        n=losses + len(read.score), customers=held.staked.here, kind="estimated",
        method="Draws of what goes with losses (everyone lost beside like ones of the same moment, ratios shrunk,"
        " customers drawn again, Shapley parts); of effect on the score and of loss by score where losses cannot tell;"
        " of cost, share and chance as declared; best set by going through all.",
        complete=f"{count(losses, 'loss', 'losses')} of a base of {base}, and {count(read.people, 'voice')}",
    )  # fmt: skip


def _rows(held: Stakes, options: Options, found: Appraisal) -> tuple[OptionRow, ...]:
    chosen = found.portfolio.chosen
    order = sorted(range(len(chosen)), key=lambda n: (not chosen[n], -found.credit[n]))
    rows = []
    for rank, n in enumerate(order, start=1):
        i, own = options.improvements[n], found.alone[n]
        rows.append(OptionRow(
            rank=rank, improvement=i.name, chosen=bool(chosen[n]), why=_why(options, found, n),
            net=float(found.credit[n]), low=own.low, high=own.high, positive=own.positive,
            included=float(found.included[n]), cost=float(options.worth.cost[:, n].mean()),
            chance=float(options.chance[:, n].mean()),
            customers=float(round(held.concerned(options.moves[n]))) if options.moves[n] else None,
            rank_low=int(found.ranks[n, 0]), rank_high=int(found.ranks[n, 1]),
            moves=listed([held.stakes[d].title for d in options.moves[n]]), zone=i.zone, weight=i.weight,
        ))  # fmt: skip
    return tuple(rows)


def _why(options: Options, found: Appraisal, n: int) -> str:
    chosen, i = found.portfolio.chosen, options.improvements[n]
    if chosen[n]:
        often = percent(float(found.included[n]), 0)
        if found.credit[n] < 0:
            return f"others need it; in the best portfolio of {often} of the draws"
        return f"in the best portfolio of {often} of the draws"
    names = {o.name: m for m, o in enumerate(options.improvements)}
    lacking = [o for o in i.needs if not chosen[names[o]]]
    against = [
        o.name
        for m, o in enumerate(options.improvements)
        if chosen[m] and (o.name in i.instead_of or i.name in o.instead_of)
    ]
    if found.credit[n] <= 0:
        shared = found.alone[n].mean > 0
        return "the others leave it too little" if shared else "expected to bring less than it costs"
    if against:
        return f"instead of it: {listed(against)}"
    if lacking:
        return f"needs {listed(lacking)}, which is not chosen"
    return "worth its cost, but the budget brings more elsewhere"


def _stakes(held: Stakes, options: Options | None, years: float) -> tuple[StakeRow, ...]:
    """What each holds; money of what losses tell of is that of every other page (`listening/staked`)."""
    told_so = {r.name: r for r in held.staked.rows()} if any(s.direct for s in held.stakes) else {}
    rows = []
    for n, s in enumerate(held.stakes):
        value, (low, high) = float(s.value.mean()), np.quantile(s.value, (0.025, 0.975))
        one = told_so.get(s.name)
        if one is not None and one.value is not None and one.interval is not None:
            value, low, high = one.value, one.interval.low, one.interval.high
        named = [i.name for i, m in zip(options.improvements, options.moves, strict=True) if n in m] if options else []
        rows.append(StakeRow(
            title=s.title, value=years * value, low=years * float(low), high=years * float(high),
            gain=s.gain if np.isfinite(s.gain) else None, customers=float(round(s.concerned)), key=s.key,
            improvements=listed(named), by="losses" if s.direct else "the score", name=s.name,
        ))  # fmt: skip
    # A driver whose bad side loses nothing holds nothing; it is among listening/drivers all the same.
    held_up = [r for r in rows if r.key or r.value > 0 or r.improvements]
    return tuple(sorted(held_up, key=lambda r: (not r.key, r.by != "losses", -r.value))[:MOST])


def _learn(found: Appraisal) -> tuple[LearnRow, ...]:
    return tuple(
        LearnRow(what=i.name, worth=i.learned.value, changes=i.learned.changes, low=i.low, high=i.high)
        for i in found.inputs[:12]
    )


def _zones(rows: tuple[OptionRow, ...]) -> tuple[ZoneRow, ...]:
    found = []
    for zone, meaning in ZONES.items():
        own = [r for r in rows if r.zone == zone]
        done = [r for r in own if r.chosen]
        if own:
            found.append(ZoneRow(
                zone=f"{zone}: {meaning}", chosen=listed([r.improvement for r in done]),
                cost=sum(r.cost or 0.0 for r in done), net=sum(r.net or 0.0 for r in done),
                not_chosen=listed([r.improvement for r in own if not r.chosen]),
            ))  # fmt: skip
    return tuple(found)


def _only_stakes(ask: Ask, held: Stakes, left: tuple[LeftRow, ...], years: float) -> Priorities:
    rows = _stakes(held, None, years)
    if not rows:
        return _refused(ask, held, "Nothing known of those who answered holds value at stake.", "Import older answers.")
    top = rows[0]
    currency = ask.declarations.currency
    ends = between(top.low, top.high, lambda v: money(v, currency))
    most = f"{money(top.value, currency)} {told.span(years)} ({ends})"
    sure = "" if top.key else ", though no driver stands beyond chance"
    what = "no improvement that could be weighed is declared" if left else "no improvement is declared yet"
    return Priorities(
        answer=f"Most is at stake with {top.title}: {most}{sure}; {what}.",
        lost=held.staked.total.value, currency=currency, years=years, at_stake=rows, left_out=left,
        next_step="Declare what could be done in company.toml: [[improvements]] with name, moves, share and cost.",
        cautions=told.cautions(ask, held, None, None), evidence=_evidence(ask, held),
    )  # fmt: skip


def _refused(ask: Ask, held: Stakes, text: str, step: str) -> Priorities:
    return Priorities(
        answer=text, refused=text, next_step=step, currency=ask.declarations.currency,
        at_stake=_stakes(held, None, 1.0), evidence=_evidence(ask, held),
    )  # fmt: skip


def figure(finding: Priorities) -> Figure | None:
    """The list with its intervals, the chosen ones above the line; what drivers hold where nothing is declared."""
    if finding.refused:
        return None
    if finding.rows:
        bars = [
            ChoiceBar(
                label=r.improvement, value=r.net or 0.0, low=r.low or 0.0, high=r.high or 0.0, chosen=r.chosen,
                note=f"costs {money(r.cost, finding.currency)}", more=f"pays in {percent(r.positive, 0)}", tip=r.why,
            ) for r in finding.rows
        ]  # fmt: skip
        line = f"budget {money(finding.budget, finding.currency)}" if finding.budget is not None else "worth its cost"
    else:
        bars = [
            ChoiceBar(
                label=s.title, value=s.value, low=s.low, high=s.high, chosen=s.key,
                note=f"{number(s.customers, 0)} concerned",
            ) for s in finding.at_stake[:12]
        ]  # fmt: skip
        line = "stands beyond chance"
    return choice_bars(
        bars, title=finding.answer, line=line, write=lambda v: signed_money(v, finding.currency),
        alt="Net value of each improvement with its interval, chosen ones first",
    )  # fmt: skip
