"""Priorities: which improvements to make within a budget, what they are expected to bring, and what was not chosen."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import BadInput, UnknownName
from regard.figures.choice import ChoiceBar, choice_bars
from regard.findings import Caution, Finding, Interval
from regard.leadership.at_stake import DRAWS, Stakes, stakes
from regard.questions import question
from regard.signals.ask import Ask
from regard.statistics.appraisal import Appraisal, appraise, by_points
from regard.statistics.portfolios import SMALL, Rules, Worth, cycle
from regard.statistics.ranges import Range, chance, ranged, uniforms
from regard.wording import between, count, listed, money, number, percent, signed_money

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure
    from regard.signals.declarations import Improvement

    Floats = NDArray[np.float64]

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
    why: Annotated[str, Meta(description="Why it ranks there.")] = ""
    net: Annotated[float | None, Meta(description="Its part in the portfolio's net value; else what it would add.")] = (
        None
    )
    low: Annotated[float | None, Meta(description="Lower end of its own net value, 95 % of the draws.")] = None
    high: Annotated[float | None, Meta(description="Upper end.")] = None
    positive: Annotated[float | None, Meta(description="Chance that it alone brings more than it costs.")] = None
    included: Annotated[float | None, Meta(description="Share of the draws in which the best portfolio holds it.")] = (
        None
    )
    cost: Annotated[float | None, Meta(description="Its expected cost.")] = None
    chance: Annotated[float | None, Meta(description="Mean chance that it works.")] = None
    customers: Annotated[float | None, Meta(description="Customers on the bad side of what it moves, of the base.")] = (
        None
    )
    moves: Annotated[str, Meta(description="Drivers it works on.")] = ""
    zone: Annotated[str, Meta(description="now, efficient, next or new.")] = ""
    weight: Annotated[float, Meta(description="Its strategic weight in choosing.")] = 1.0


class StakeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One driver: what better experience there would keep."""

    title: Annotated[str, Meta(description="The driver.")]
    value: Annotated[float, Meta(description="Value a year the base would keep without it.")] = 0.0
    low: Annotated[float, Meta(description="Lower end of its 95 % interval.")] = 0.0
    high: Annotated[float, Meta(description="Upper end.")] = 0.0
    gain: Annotated[float, Meta(description="Points of the score it costs those concerned, shrunk.")] = 0.0
    customers: Annotated[float, Meta(description="Customers of the base on its bad side.")] = 0.0
    key: Annotated[bool, Meta(description="Whether its effect on the score stands after all are accounted for.")] = (
        False
    )
    improvements: Annotated[str, Meta(description="Improvements declared for it.")] = ""


class LearnRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing not known."""

    what: Annotated[str, Meta(description="What is not known.")]
    worth: Annotated[
        float, Meta(description="What knowing it before choosing is worth: the most a study may cost.")
    ] = 0.0
    changes: Annotated[float, Meta(description="Share of cases in which it would change the choice.")] = 0.0
    low: Annotated[float, Meta(description="Net value where it is in its lowest tenth.")] = 0.0
    high: Annotated[float, Meta(description="Net value where it is in its highest tenth.")] = 0.0


class ListRow(msgspec.Struct, frozen=True, kw_only=True):
    """A list made by points, for comparison."""

    list: Annotated[str, Meta(description="RICE, WSJF or mentions.")]
    chosen: Annotated[str, Meta(description="What going down that list would choose.")] = ""
    net: Annotated[float, Meta(description="Expected net value of that.")] = 0.0
    regret: Annotated[float, Meta(description="What the oracle would have more on average.")] = 0.0


class ZoneRow(msgspec.Struct, frozen=True, kw_only=True):
    """One zone: what is done in it and what is not."""

    zone: Annotated[str, Meta(description="now, efficient, next or new, and what it means.")]
    chosen: Annotated[str, Meta(description="What is chosen.")] = ""
    cost: Annotated[float, Meta(description="What it is expected to cost.")] = 0.0
    net: Annotated[float, Meta(description="Its part in the net value.")] = 0.0
    not_chosen: Annotated[str, Meta(description="What we chose not to be great at, for now.")] = ""


class LeftRow(msgspec.Struct, frozen=True, kw_only=True):
    """An improvement that could not be weighed."""

    improvement: Annotated[str, Meta(description="What could be done.")]
    why: Annotated[str, Meta(description="Why not.")] = ""


class Priorities(Finding, frozen=True, kw_only=True):
    """What to do first."""

    net: Annotated[float | None, Meta(description="Expected net value of the portfolio, in the first years.")] = None
    interval: Annotated[Interval | None, Meta(description="Where it lies in 95 % of the draws.")] = None
    positive: Annotated[float | None, Meta(description="Chance that the portfolio brings more than it costs.")] = None
    cost: Annotated[float | None, Meta(description="Its expected cost.")] = None
    budget: Annotated[float | None, Meta(description="The budget; empty where none was given.")] = None
    regret: Annotated[
        float | None, Meta(description="What an oracle would have more on average: all there is to learn.")
    ] = None
    lost: Annotated[float | None, Meta(description="Value expected to be lost a year as things are.")] = None
    currency: Annotated[str, Meta(description="Currency of the values.")] = ""
    years: Annotated[float, Meta(description="Years of kept value that count.")] = 1.0
    rows: Annotated[tuple[OptionRow, ...], Meta(description="The list, chosen ones first.")] = ()
    at_stake: Annotated[tuple[StakeRow, ...], Meta(description="What each driver holds.")] = ()
    learn: Annotated[tuple[LearnRow, ...], Meta(description="What to learn first.")] = ()
    zones: Annotated[tuple[ZoneRow, ...], Meta(description="By zone.")] = ()
    lists: Annotated[tuple[ListRow, ...], Meta(description="What lists by points would have lost.")] = ()
    left_out: Annotated[tuple[LeftRow, ...], Meta(description="Improvements that could not be weighed.")] = ()


@dataclass(frozen=True, kw_only=True)
class _Options:
    """Improvements in draws."""

    improvements: tuple[Improvement, ...]
    moves: tuple[tuple[int, ...], ...]
    worth: Worth
    luck: Worth
    chance: Floats
    inputs: dict[str, Floats]
    left: tuple[LeftRow, ...]


@question(title="Priorities", needs=("answer|review", "value.kind", "base.lost"))
def priorities(
    *,
    ask: Ask,
    budget: Annotated[
        float | None, Meta(description="The most the chosen may be expected to cost; empty: no limit.", ge=0)
    ] = None,
    years: Annotated[float, Meta(description="Years of kept value that count.", ge=0.25, le=10)] = 1.0,
    cautious: Annotated[
        float, Meta(description="0: the greatest mean; up to 1: the more weight on the worst tenth.", ge=0, le=1)
    ] = 0.0,
    metric: Annotated[str, Meta(description="The score drivers are weighed by; default the declared one.")] = "",
    days: Annotated[int, Meta(description="Days before an answer in which facts count.", ge=1, le=730)] = 90,
) -> Priorities:
    """What should we do first within the budget, and what is it expected to bring?"""
    held = stakes(ask, metric=metric, days=days)
    declared = ask.declarations.improvements
    _checked(declared)
    options = _options(ask, held, declared, years)
    if not options.improvements:
        return _only_stakes(ask, held, options.left, years)
    k = len(options.improvements)
    if k > SMALL:
        text = f"{k} improvements share customers; at most {SMALL} can be weighed at once."
        return _refused(ask, held, text, "Leave the least likely ones out of company.toml.")
    found = appraise(
        options.worth, options.luck, _rules(options.improvements, budget), lists=_lists(held, options),
        inputs=options.inputs, weights=np.array([i.weight for i in options.improvements]), cautious=cautious,
    )  # fmt: skip
    if not isinstance(found, Appraisal):
        return _refused(ask, held, f"Nothing can be chosen: {found.refused}.", "Raise the budget.")
    return _finding(ask, held, options, found, budget, years)


def _checked(declared: tuple[Improvement, ...]) -> None:
    """Names that are needed exist, are used once, and do not need each other in a circle.

    Raises:
        UnknownName: A needed or excluded improvement is not declared.
        BadInput: A name twice, a circle, a number that is none.
    """
    names = [i.name for i in declared]
    twice = next((n for n in names if names.count(n) > 1), "")
    if twice:
        raise BadInput(f"The improvement {twice!r} is declared twice.", where="improvements", hint="Name each once.")
    for i in declared:
        for other in (*i.needs, *i.instead_of):
            if other not in names:
                raise UnknownName("improvement", other, names, where=f"improvements: {i.name}")
        if i.cost and min(i.cost) < 0:
            raise BadInput(
                f"The cost of {i.name!r} is below zero.", where="improvements",
                hint="Put what it saves under value, and what it costs under cost.",
            )  # fmt: skip
    circle = cycle(_needs(declared), len(declared))
    if circle:
        told = " needs ".join(names[i] for i in (*circle, circle[0]))
        raise BadInput(
            f"Improvements need each other in a circle: {told}.", where="improvements", hint="Drop one need."
        )


def _needs(improvements: tuple[Improvement, ...]) -> tuple[tuple[int, int], ...]:
    at = {i.name: n for n, i in enumerate(improvements)}
    return tuple((at[i.name], at[other]) for i in improvements for other in i.needs if other in at)


def _rules(improvements: tuple[Improvement, ...], budget: float | None) -> Rules:
    at = {i.name: n for n, i in enumerate(improvements)}
    apart = tuple((at[i.name], at[o]) for i in improvements for o in i.instead_of if o in at)
    return Rules(budget=np.inf if budget is None else budget, needs=_needs(improvements), excludes=apart)


def _points(given: tuple[float, ...], where: str, name: str) -> tuple[float, float, float]:
    if len(given) == 1:
        return given[0], given[0], given[0]
    if len(given) != 3 or sorted(given) != list(given):
        raise BadInput(
            f"The {where} of {name!r} is neither one number nor low, likely, high in that order.",
            where="improvements", hint=f"Write {where} = [LOW, LIKELY, HIGH].",
        )  # fmt: skip
    return given[0], given[1], given[2]


def _options(ask: Ask, held: Stakes, declared: tuple[Improvement, ...], years: float) -> _Options:
    kept, moves, left = [], [], []
    for i in declared:
        places, why = _moved(held, i)
        if why:
            left.append(LeftRow(improvement=i.name, why=why))
            continue
        kept.append(i)
        moves.append(places)
    gone = {row.improvement for row in left}
    while missing := [i for i in kept if gone & set(i.needs)]:
        left += [LeftRow(improvement=i.name, why=f"it needs {listed(sorted(gone & set(i.needs)))}") for i in missing]
        gone |= {i.name for i in missing}
        moves = [m for m, i in zip(moves, kept, strict=True) if i not in missing]
        kept = [i for i in kept if i not in missing]
    return _drawn(ask, held, tuple(kept), tuple(moves), tuple(left), years)


def _moved(held: Stakes, improvement: Improvement) -> tuple[tuple[int, ...], str]:
    """Which drivers it moves, or why it cannot be weighed."""
    if not improvement.cost:
        return (), "its cost is not declared"
    if not improvement.moves and not improvement.value:
        return (), "neither what it moves nor what it brings is declared"
    known = {}
    for n, s in enumerate(held.stakes):
        known |= {s.weighed.fact.name.casefold(): n, s.weighed.fact.title.casefold(): n}
    places = []
    for name in improvement.moves:
        if name.casefold() not in known:
            near = difflib.get_close_matches(name, [s.weighed.fact.title for s in held.stakes], n=2, cutoff=0.5)
            more = f"; did you mean {listed(near, last='or')}?" if near else ""
            return (), f"{name} could not be weighed as a driver{more}"
        places.append(known[name.casefold()])
    return tuple(places), ""


def _drawn(
    ask: Ask, held: Stakes, kept: tuple[Improvement, ...], moves: tuple[tuple[int, ...], ...],
    left: tuple[LeftRow, ...], years: float,
) -> _Options:  # fmt: skip
    rng = np.random.default_rng(ask.seed + 1)
    k = len(kept)
    p = {what: uniforms(DRAWS, k, together=0.0, rng=rng) for what in ("value", "cost", "share", "chance")}
    value, cost, share, works = (np.zeros((DRAWS, k)) for _ in range(4))
    inputs: dict[str, Floats] = {"How losses go with the score": held.doubt} if any(moves) else {}
    for n, i in enumerate(kept):
        value[:, n] = years * _range(i.value, "value", i.name).at(p["value"][:, n]) if i.value else 0.0
        cost[:, n] = _range(i.cost, "cost", i.name).at(p["cost"][:, n])
        share[:, n] = _share(i.share, "share", i.name, p["share"][:, n])
        works[:, n] = _share(i.chance or (0.05, 0.5, 0.95), "chance", i.name, p["chance"][:, n])
        inputs |= {
            f"Chance of {i.name}": works[:, n], f"Cost of {i.name}": cost[:, n],
            f"Value of {i.name}": value[:, n] if i.value else share[:, n],
        }  # fmt: skip
    among = tuple(sorted({d for m in moves for d in m}))
    inputs |= {f"Points lost by: {held.stakes[d].weighed.fact.title}": held.stakes[d].gain for d in among}
    pots, under = held.pots(among)
    part = np.zeros((DRAWS, k, pots.shape[1]))
    for n, m in enumerate(moves):
        for pot in range(pots.shape[1]):
            kept_on = np.ones(DRAWS)
            for d in m:
                if under[pot, among.index(d)]:
                    kept_on = kept_on * (1 - share[:, n] * held.stakes[d].part)
            part[:, n, pot] = 1 - kept_on
    lucky = rng.random((DRAWS, k)) < works
    return _Options(
        improvements=kept, moves=moves, chance=works, inputs=inputs, left=left,
        worth=Worth(value=value * works, cost=cost, pots=years * pots, part=part * works[:, :, None]),
        luck=Worth(value=value * lucky, cost=cost, pots=years * pots, part=part * lucky[:, :, None]),
    )  # fmt: skip


def _range(given: tuple[float, ...], where: str, name: str) -> Range:
    low, likely, high = _points(given, where, name)
    return ranged(low, likely, high)


def _share(given: tuple[float, ...], where: str, name: str, p: Floats) -> Floats:
    from scipy import special

    low, likely, high = _points(given, where, name)
    try:
        a, b = chance(low, likely, high)
    except ValueError as error:
        raise BadInput(
            f"The {where} of {name!r} lies outside 0 to 1.", where="improvements", hint="Write a half as 0.5."
        ) from error
    return np.full(len(p), likely) if not a else np.asarray(special.betaincinv(a, b, p), np.float64)


def _lists(held: Stakes, options: _Options) -> dict[str, Floats]:
    """What teams would rank by: RICE and WSJF of single points, and the most customers concerned."""
    alone = Worth(
        value=options.worth.value, cost=np.zeros_like(options.worth.cost), pots=options.worth.pots,
        part=options.worth.part,
    ).alone().mean(axis=0)  # fmt: skip
    sure = options.chance.mean(axis=0)
    found = by_points(alone / np.maximum(sure, 1e-9), sure, options.worth.cost.mean(axis=0))
    concerned = [len(_concerned(held, m)) for m in options.moves]
    return found | {"mentions": np.array(concerned, float)}


def _concerned(held: Stakes, moves: tuple[int, ...]) -> NDArray[np.int64]:
    bad = np.zeros(held.voices.shape[1], bool)
    for d in moves:
        bad |= held.stakes[d].bad
    return np.flatnonzero(bad)


def _finding(
    ask: Ask, held: Stakes, options: _Options, found: Appraisal, budget: float | None, years: float
) -> Priorities:
    rows = _rows(held, options, found)
    currency = ask.declarations.currency
    net = found.net
    some = any(r.chosen for r in rows)
    finding = Priorities(
        answer="", net=net.mean, interval=Interval(low=net.low, high=net.high), positive=net.positive if some else None,
        cost=found.spent[0], budget=budget, regret=found.regret, lost=float(held.lost.mean()), currency=currency,
        years=years, rows=rows, at_stake=_stakes(held, options, years), learn=_learn(found), zones=_zones(rows),
        lists=tuple(
            ListRow(
                list=r.name, net=r.net, regret=r.regret,
                chosen=listed([i.name for i, c in zip(options.improvements, r.chosen, strict=True) if c]) or "nothing",
            ) for r in found.rankings
        ),
        left_out=options.left, cautions=_cautions(ask, held, options, found, budget), evidence=_evidence(ask, held),
    )  # fmt: skip
    return msgspec.structs.replace(
        finding, answer=_sentence(finding), facts=_facts(finding),
        next_step="" if budget is not None else "Give the budget: --budget 50000, say.",
    )  # fmt: skip


def _evidence(ask: Ask, held: Stakes):  # type: ignore[no-untyped-def] # noqa: ANN202
    return ask.evidence(
        n=len(held.read.score), customers=held.read.known_people, kind="estimated",
        method="Draws of effect on the score (least squares, shrunk by empirical Bayes), of loss by score (Poisson), of "
        "who is concerned (Bayesian bootstrap), of cost, share and chance as declared; best set by going through all.",
        complete=f"{number(held.voices.shape[1])} of {count(held.base[1], ask.declarations.called, ask.declarations.called_many)} of the base answered",
    )  # fmt: skip


def _rows(held: Stakes, options: _Options, found: Appraisal) -> tuple[OptionRow, ...]:
    chosen = found.portfolio.chosen
    share = held.base[1] / max(held.voices.shape[1], 1)
    order = sorted(range(len(chosen)), key=lambda n: (not chosen[n], -found.credit[n]))
    rows = []
    for rank, n in enumerate(order, start=1):
        i, own = options.improvements[n], found.alone[n]
        rows.append(OptionRow(
            rank=rank, improvement=i.name, chosen=bool(chosen[n]), why=_why(options, found, n),
            net=float(found.credit[n]), low=own.low, high=own.high, positive=own.positive,
            included=float(found.included[n]), cost=float(options.worth.cost[:, n].mean()),
            chance=float(options.chance[:, n].mean()),
            customers=float(round(share * len(_concerned(held, options.moves[n])))) if options.moves[n] else None,
            moves=listed([held.stakes[d].weighed.fact.title for d in options.moves[n]]), zone=i.zone, weight=i.weight,
        ))  # fmt: skip
    return tuple(rows)


def _why(options: _Options, found: Appraisal, n: int) -> str:
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


def _stakes(held: Stakes, options: _Options | None, years: float) -> tuple[StakeRow, ...]:
    share = held.base[1] / max(held.voices.shape[1], 1)
    rows = []
    for n, s in enumerate(held.stakes):
        low, high = np.quantile(s.value, (0.025, 0.975))
        named = [i.name for i, m in zip(options.improvements, options.moves, strict=True) if n in m] if options else []
        rows.append(StakeRow(
            title=s.weighed.fact.title, value=years * float(s.value.mean()), low=years * float(low),
            high=years * float(high), gain=float(s.gain.mean()), customers=float(round(share * int(s.bad.sum()))),
            key=s.weighed.key, improvements=listed(named),
        ))  # fmt: skip
    return tuple(sorted(rows, key=lambda r: (not r.key, -r.value)))


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


def _span(years: float) -> str:
    return "in the first year" if years == 1 else f"in {number(years)} years"


def _sentence(finding: Priorities) -> str:
    done = [r.improvement for r in finding.rows if r.chosen]
    within = f"Within {money(finding.budget, finding.currency)}" if finding.budget is not None else "Without a limit"
    if not done:
        best = max(finding.rows, key=lambda r: r.net or 0.0)
        return (
            f"{within}, none of {count(len(finding.rows), 'improvement')} is expected to bring more than it costs; "
            f"the nearest is {best.improvement} ({signed_money(best.net, finding.currency)})."
        )
    ends = finding.interval
    told = between(ends.low if ends else None, ends.high if ends else None, lambda v: signed_money(v, finding.currency))
    hundred = round(100 * (finding.positive or 0.0))
    return (
        f"{within}, do {listed(done)}: {signed_money(finding.net, finding.currency)} net {_span(finding.years)} ({told}), "
        f"above zero in {hundred} of 100 cases."
    )


def _facts(finding: Priorities) -> tuple[str, ...]:
    told = []
    rest = [f"{r.improvement} ({r.why})" for r in finding.rows if not r.chosen]
    if rest:
        told.append(f"Not chosen: {listed(rest, most=3)}")
    if finding.regret is not None and finding.learn and finding.learn[0].worth > 0:
        first = finding.learn[0]
        told.append(
            f"Knowing everything beforehand would add {money(finding.regret, finding.currency)}; learn first: "
            f"{first.what[:1].lower()}{first.what[1:]}, worth up to {money(first.worth, finding.currency)}"
        )
    top = next((s for s in finding.at_stake if s.key), None)
    if top:
        ends = between(top.low, top.high, lambda v: money(v, finding.currency))
        told.append(f"Most at stake: {top.title}, {money(top.value, finding.currency)} a year ({ends})")
    return tuple(told[:3])


def _cautions(
    ask: Ask, held: Stakes, options: _Options | None, found: Appraisal | None, budget: float | None
) -> tuple[Caution, ...]:
    people = ask.declarations.called_many
    told = {
        "association": "What drives the score, and how losses go with it, are associations: try the first on some "
        f"{people} before all.",
        "noisy_scores": "One score is a noisy sign of how satisfied somebody is: what is at stake is understated rather.",
        "losses_unclear": not (held.losing.slope.high < 0)
        and f"Whether losses go with the score cannot be told yet ({count(held.losing.events, 'loss', 'losses')} after an "
        "answer): all values are in doubt together.",
        "chance_assumed": options is not None and any(not i.chance for i in options.improvements)
        and f"No chance of success is declared for {listed([i.name for i in options.improvements if not i.chance], most=3)}: "
        "anything from 5 to 95 % is assumed.",
        "no_budget": options is not None and budget is None and found is not None
        and f"No budget: all that is worth its cost is chosen, {money(found.spent[0], ask.declarations.currency)} in all.",
        "over_budget": budget is not None and found is not None and found.within < 0.9
        and f"Costs stay within the budget in {percent(found.within if found else 0, 0)} of cases; it binds what is expected.",
    }  # fmt: skip
    return tuple(Caution(code=code, text=text) for code, text in told.items() if text)


def _only_stakes(ask: Ask, held: Stakes, left: tuple[LeftRow, ...], years: float) -> Priorities:
    rows = _stakes(held, None, years)
    top = rows[0]
    currency = ask.declarations.currency
    ends = between(top.low, top.high, lambda v: money(v, currency))
    sure = "" if top.key else ", though no driver stands beyond chance"
    what = "no improvement that could be weighed is declared" if left else "no improvement is declared yet"
    return Priorities(
        answer=f"Most is at stake with {top.title}: {money(top.value, currency)} {_span(years)} ({ends}){sure}; {what}.",
        lost=float(held.lost.mean()), currency=currency, years=years, at_stake=rows, left_out=left,
        next_step="Declare what could be done in company.toml: [[improvements]] with name, moves, share and cost.",
        cautions=_cautions(ask, held, None, None, None), evidence=_evidence(ask, held),
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
            ChoiceBar(label=s.title, value=s.value, low=s.low, high=s.high, chosen=s.key, note=f"{number(s.customers, 0)} concerned")
            for s in finding.at_stake[:12]
        ]  # fmt: skip
        line = "stands beyond chance"
    return choice_bars(
        bars, title=finding.answer, line=line, write=lambda v: signed_money(v, finding.currency),
        alt="Net value of each improvement with its interval, chosen ones first",
    )  # fmt: skip
