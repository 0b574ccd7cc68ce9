"""Priorities from one file: options with ranges, a budget, and which set to choose, without multiplying points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from regard.errors import Refusal
from regard.figures.choice import ChoiceBar, choice_bars
from regard.findings import Caution, Interval
from regard.statistics.appraisal import Appraisal, Drawn, appraise, by_points, drawn
from regard.statistics.portfolios import Rules, best
from regard.trying.columns import Columns
from regard.trying.options import NAMED, Named, Read, names_of, options_from
from regard.trying.trials import Check, Trial, trial
from regard.wording import between, count, listed, number, percent, signed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from regard.figures.figure import Figure

    Floats = NDArray[np.float64]

DRAWS, LEAST_DRAWS, MOST_DRAWN = 2000, 200, 600_000
PROVEN = 1e-6
MISSED = 0.25
"""Regret up to which, as a share of what an oracle would get, the choice is called robust."""
SHARES = (0.25, 0.5, 0.75, 1.0, 1.5)


class PriorityRow(msgspec.Struct, frozen=True, kw_only=True):
    """One option: where it ranks and why."""

    rank: Annotated[int, Meta(description="Its place: chosen ones first, by expected net value.")]
    option: Annotated[str, Meta(description="The option.")] = ""
    chosen: Annotated[bool, Meta(description="Whether it is in the portfolio.")] = False
    net: Annotated[float, Meta(description="Expected net value: value times chance, drawn, less cost.")] = 0.0
    low: Annotated[float, Meta(description="Lower end of what it may bring, 95 % of the draws, luck included.")] = 0.0
    high: Annotated[float, Meta(description="Upper end.")] = 0.0
    positive: Annotated[float, Meta(description="Chance, as a share, that it brings more than it costs.")] = 0.0
    included: Annotated[float, Meta(description="Share of the draws in which the best portfolio holds it.")] = 0.0
    cost: Annotated[float, Meta(description="Expected cost.")] = 0.0
    why: Annotated[str, Meta(description="Why it ranks there.")] = ""
    chance: Annotated[float, Meta(description="Mean chance, as a share, that it works.")] = 0.0
    kept: Annotated[float, Meta(description="How much of its own estimate shrinkage left, as a share.")] = 1.0
    rank_low: Annotated[int, Meta(description="Best place by net value it takes in 95 % of the draws.")] = 0
    rank_high: Annotated[int, Meta(description="Worst place it takes.")] = 0
    rice: Annotated[int | None, Meta(description="Its place by RICE; empty where its own points tell it to lose.")] = (
        None
    )
    wsjf: Annotated[int | None, Meta(description="Its place by WSJF.")] = None
    needs: Annotated[str, Meta(description="What it cannot do without.")] = ""


class LearnRow(msgspec.Struct, frozen=True, kw_only=True):
    """One input not known for sure."""

    what: Annotated[str, Meta(description="The input.")]
    worth: Annotated[float, Meta(description="Most that finding it out before choosing may cost (EVPPI).")] = 0.0
    changes: Annotated[float, Meta(description="Share of cases in which it would change the choice.")] = 0.0
    low: Annotated[float, Meta(description="Portfolio's net value where it is in its lowest tenth.")] = 0.0
    high: Annotated[float, Meta(description="Portfolio's net value where it is in its highest tenth.")] = 0.0


class ListRow(msgspec.Struct, frozen=True, kw_only=True):
    """A list by points, for comparison."""

    list: Annotated[str, Meta(description="RICE, WSJF or mentions.")]
    chosen: Annotated[str, Meta(description="What going down that list chooses within the budget.")] = ""
    net: Annotated[float, Meta(description="Expected net value of that.")] = 0.0
    regret: Annotated[float, Meta(description="What the oracle has more on average.")] = 0.0


class BudgetRow(msgspec.Struct, frozen=True, kw_only=True):
    """The choice under another budget."""

    budget: Annotated[float, Meta(description="The budget.")]
    chosen: Annotated[str, Meta(description="The best set within it.")] = ""
    cost: Annotated[float, Meta(description="Its expected cost.")] = 0.0
    net: Annotated[float, Meta(description="Its expected net value.")] = 0.0


class PrioritiesTrial(Trial, frozen=True, kw_only=True):
    """Which options to choose."""

    positive: Annotated[
        float | None, Meta(description="Chance, as a share, that the portfolio brings more than it costs.")
    ] = None
    cost: Annotated[float | None, Meta(description="Its expected cost.")] = None
    budget: Annotated[float | None, Meta(description="The budget; empty where none was given.")] = None
    worst: Annotated[float | None, Meta(description="Mean net value in the worst tenth of the draws.")] = None
    regret: Annotated[float | None, Meta(description="What an oracle who knows all but luck has more on average.")] = (
        None
    )
    rows: Annotated[tuple[PriorityRow, ...], Meta(description="The list, chosen ones first.")] = ()
    learn: Annotated[tuple[LearnRow, ...], Meta(description="What to find out first.")] = ()
    lists: Annotated[tuple[ListRow, ...], Meta(description="What lists by points lose.")] = ()
    budgets: Annotated[tuple[BudgetRow, ...], Meta(description="The choice under other budgets.")] = ()


@trial(title="Priorities", example="regard try priorities options.csv --budget 300")
def priorities(
    data: Columns,
    *,
    budget: Annotated[
        float | None, Meta(description="The most the chosen may be expected to cost; empty: no limit.", ge=0)
    ] = None,
    option: Annotated[str, Meta(description="Column that names the option.")] = "",
    value: Annotated[
        tuple[str, ...], Meta(description="Columns of what it brings where it works: low,likely,high, or one.")
    ] = (),
    chance: Annotated[
        tuple[str, ...],
        Meta(description="Columns of the chance that it works: low,likely,high, or one; may be missing."),
    ] = (),
    cost: Annotated[tuple[str, ...], Meta(description="Columns of what it costs: low,likely,high, or one.")] = (),
    needs: Annotated[
        str, Meta(description="Column that names options it cannot do without, apart by semicolons.")
    ] = "",
    excludes: Annotated[str, Meta(description="Column that names options of which only one can be done.")] = "",
    mentions: Annotated[str, Meta(description="Column that counts who asked for it, for comparison only.")] = "",
    weight: Annotated[str, Meta(description="Column of strategic weights: 1 is neutral; money is told without.")] = "",
    ends: Annotated[
        Literal["tenths", "ends"],
        Meta(description="What low and high are: one in ten lies beyond (tenths), or nothing does (ends)."),
    ] = "tenths",
    together: Annotated[
        float, Meta(description="Correlation of the options' values with each other, and of their costs.", ge=0, lt=1)
    ] = 0.0,
    cautious: Annotated[
        float, Meta(description="0: the greatest mean; up to 1: the more weight on the worst tenth.", ge=0, le=1)
    ] = 0.0,
    shrink: Annotated[
        Literal["yes", "no"],
        Meta(description="Draw values to what they have in common: the best looking was partly lucky."),
    ] = "yes",
    launches: Annotated[str, Meta(description="WORKED/TRIED of past launches, for chances that are missing.")] = "",
    seed: Annotated[int, Meta(description="Seed of the draws.")] = 20_261_126,
) -> PrioritiesTrial:
    """Which options are worth it within the budget, how sure is that, and what should we find out first?"""
    named = Named(
        option=option, value=value, chance=chance, cost=cost, needs=needs, excludes=excludes, mentions=mentions,
        weight=weight, ends=ends, launches=launches,
    )  # fmt: skip
    read = options_from(data, named)
    n = int(np.clip(MOST_DRAWN // len(read.options), LEAST_DRAWS, DRAWS))
    made = drawn(read.options, n=n, seed=seed, together=together, shrink=shrink == "yes")
    rules = Rules(
        budget=np.inf if budget is None else budget, needs=read.rules.needs, excludes=read.rules.excludes
    )  # fmt: skip
    lists = by_points(*read.points)
    if read.mentions is not None:
        lists["mentions"] = read.mentions
    found = appraise(
        made.worth, made.outcome, rules, lists=lists, inputs=_inputs(read, made), weights=read.weights,
        cautious=cautious,
    )  # fmt: skip
    if not isinstance(found, Appraisal):
        raise Refusal(f"Nothing can be chosen: {found.refused}.", hint="Raise the budget, or drop a rule.")
    return _told(read, made, found, rules, budget=budget, together=together)


def _inputs(read: Read, made: Drawn) -> dict[str, Floats]:
    parts = {"value": made.value, "chance": made.chance, "cost": made.cost}
    return {f"{what} of {o.name}": draws[:, i] for i, o in enumerate(read.options) for what, draws in parts.items()}


def _told(
    read: Read, made: Drawn, found: Appraisal, rules: Rules, *, budget: float | None, together: float
) -> PrioritiesTrial:
    rows = _rows(read, made, found)
    some = bool(found.portfolio.chosen.any())
    told = PrioritiesTrial(
        answer="", estimate=found.net.mean, interval=Interval(low=found.net.low, high=found.net.high),
        n=len(read.options), method=_method(made), positive=found.net.positive if some else None, cost=found.spent[0],
        budget=budget, worst=found.net.worst, regret=found.regret, rows=rows,
        learn=tuple(
            LearnRow(what=i.name, worth=i.learned.value, changes=i.learned.changes, low=i.low, high=i.high)
            for i in found.inputs[:15]
        ),
        lists=tuple(
            ListRow(list=r.name, chosen=names_of(read.options, r.chosen), net=r.net, regret=r.regret)
            for r in found.rankings
        ),
        budgets=_budgets(read, made, rules, budget), checks=_checks(made, found, budget),
        cautions=(*read.cautions, *_cautions(found, budget, together)),
    )  # fmt: skip
    return msgspec.structs.replace(
        told, answer=_sentence(told), facts=_facts(told),
        next_step="" if budget is not None else "Give the budget: --budget 300, say.",
    )  # fmt: skip


def _method(made: Drawn) -> str:
    how = "lognormal by log means" if made.shrinkage.log else "normal means"
    drawn_in = "" if made.shrinkage.why_not else f", values shrunk by a hierarchical model ({how})"
    return f"{count(len(made.cost), 'draw')} of value, chance and cost{drawn_in}; exact 0/1 choice (HiGHS or every set)"


def _rows(read: Read, made: Drawn, found: Appraisal) -> tuple[PriorityRow, ...]:
    chosen = found.portfolio.chosen
    cost, likely = made.cost.mean(axis=0), made.chance.mean(axis=0)
    net = (made.worth.value - made.cost).mean(axis=0)
    places = {r.name: {n: i + 1 for i, n in enumerate(r.order)} for r in found.rankings}
    rows = []
    for rank, n in enumerate(sorted(range(len(net)), key=lambda n: (not chosen[n], -net[n])), start=1):
        own = found.alone[n]
        rows.append(PriorityRow(
            rank=rank, option=read.options[n].name, chosen=bool(chosen[n]), net=float(net[n]), low=own.low,
            high=own.high, positive=own.positive, included=float(found.included[n]),
            cost=float(cost[n]), why=_why(read, found, net, n), chance=float(likely[n]),
            kept=made.shrinkage.weights[n], rank_low=int(found.ranks[n, 0]),
            rank_high=int(found.ranks[n, 1]), rice=places["RICE"].get(n), wsjf=places["WSJF"].get(n),
            needs=listed([read.options[j].name for j in read.needs(n)]),
        ))  # fmt: skip
    return tuple(rows)


def _why(read: Read, found: Appraisal, net: Floats, n: int) -> str:
    chosen, often = found.portfolio.chosen, percent(float(found.included[n]), 0)
    if chosen[n]:
        if net[n] < 0:
            return "loses by itself; others that are chosen need it, or its weight carries it"
        return f"in the best portfolio of {often} of the draws"
    if net[n] <= 0:
        return "expected to bring less than it costs"
    lacking = [read.options[j].name for j in read.needs(n) if not chosen[j]]
    against = [read.options[j].name for j in read.apart(n) if chosen[j]]
    if against:
        return f"instead of it: {listed(against)}"
    if lacking:
        return f"needs {listed(lacking)}, which is not chosen"
    return f"worth its cost, but the budget brings more elsewhere ({often} of the draws hold it)"


def _budgets(read: Read, made: Drawn, rules: Rules, budget: float | None) -> tuple[BudgetRow, ...]:
    whole = float(made.cost.mean(axis=0).sum()) if budget is None else budget
    rows = []
    for share in SHARES if budget is not None else SHARES[:4]:
        under = Rules(budget=share * whole, needs=rules.needs, excludes=rules.excludes)
        worth = made.worth
        weighed = type(worth)(value=worth.value * read.weights, cost=worth.cost)
        found = best(weighed, under)
        rows.append(BudgetRow(
            budget=share * whole, chosen=names_of(read.options, found.chosen),
            cost=float(made.cost[:, found.chosen].mean(axis=0).sum()), net=float(worth.net(found.chosen).mean()),
        ))  # fmt: skip
    return tuple(rows)


def _checks(made: Drawn, found: Appraisal, budget: float | None) -> tuple[Check, ...]:
    oracle = found.regret + max(float(made.worth.net(found.portfolio.chosen).mean()), 0.0)
    kept = float(np.mean(made.shrinkage.weights))
    missed = found.regret / oracle if oracle > 0 else 0.0
    told = [
        Check(
            name="optimal", passed=found.portfolio.gap <= PROVEN, value=found.portfolio.gap,
            text="The set is proven to be the best allowed." if found.portfolio.gap <= PROVEN
            else f"No allowed set brings over {percent(found.portfolio.gap)} more; so many are not gone through.",
        ),
        Check(
            name="shrunk", passed=None if made.shrinkage.why_not else True, value=kept,
            text=f"Values were not shrunk: {made.shrinkage.why_not}." if made.shrinkage.why_not
            else f"Values keep {percent(kept, 0)} of their distance from what they share.",
        ),
        Check(
            name="robust", passed=missed <= MISSED, value=missed,
            text=f"What is not known costs {percent(missed, 0)} of what an oracle would get; it would choose the very "
            f"same set in {percent(found.right, 0)} of the draws.",
        ),
    ]  # fmt: skip
    if budget is not None:
        told.append(Check(
            name="within_budget", passed=found.within >= 0.8, value=found.within,
            text=f"Costs stay within the budget in {percent(found.within, 0)} of the draws; it binds what is expected.",
        ))  # fmt: skip
    return tuple(told)


def _cautions(found: Appraisal, budget: float | None, together: float) -> tuple[Caution, ...]:
    told = []
    if budget is None:
        told.append(Caution(
            code="no_budget",
            text=f"No budget: all that is worth its cost is chosen, {number(found.spent[0])} in all. What a budget "
            "would change is in the table of budgets.",
        ))  # fmt: skip
    if not together and len(found.alone) > 1:
        told.append(Caution(
            code="independent", text="Options are drawn apart from each other; if they hang on the same thing, the "
            "whole is less sure: --together 0.5.",
        ))  # fmt: skip
    return tuple(told)


def _sentence(told: PrioritiesTrial) -> str:
    within = f"Within {number(told.budget)}" if told.budget is not None else "Without a limit"
    done = [r.option for r in told.rows if r.chosen]
    if not done:
        top = max(told.rows, key=lambda r: r.net)
        if top.net > 0:
            return f"{within}, nothing that is worth its cost can be done; {top.option} is expected to bring most."
        nearest = f"{top.option} ({signed(top.net, None)})"
        return f"{within}, nothing is expected to bring more than it costs; nearest is {nearest}."
    ends = told.interval
    span = between(ends.low if ends else None, ends.high if ends else None, lambda v: signed(v, None))
    return (
        f"{within}, choose {listed(done, most=NAMED)}: {signed(told.estimate, None)} net ({span}), above zero in "
        f"{round(100 * (told.positive or 0.0))} of 100 cases."
    )


def _facts(told: PrioritiesTrial) -> tuple[str, ...]:
    said = []
    near = [r.option for r in told.rows if not r.chosen and r.net > 0]
    lose = [r.option for r in told.rows if not r.chosen and r.net <= 0]
    parts = [f"worth their cost, but not within the budget and rules: {listed(near, most=4)}"] if near else []
    parts += [f"expected to lose: {listed(lose, most=4)}"] if lose else []
    if parts:
        said.append(f"Not chosen, {'; '.join(parts)}")
    worse = [r for r in told.lists if r.regret > (told.regret or 0.0) * 1.01 + 1e-9]
    if worse:
        lost = listed([f"{r.list} {number(r.regret - (told.regret or 0.0))}" for r in worse])
        said.append(f"Lists by points would bring less: {lost}")
    if told.learn and told.learn[0].worth > 0:
        first = told.learn[0]
        said.append(
            f"Knowing everything beforehand would add {number(told.regret)}; find out first the {first.what}, "
            f"worth up to {number(first.worth)}"
        )
    return tuple(said[:3])


def figure(found: PrioritiesTrial) -> Figure | None:
    """The list with its intervals, the chosen ones above the line."""
    if found.refused or not found.rows:
        return None
    bars = [
        ChoiceBar(
            label=r.option, value=r.net, low=r.low, high=r.high, chosen=r.chosen, note=f"costs {number(r.cost)}",
            more=f"pays in {percent(r.positive, 0)}", tip=r.why,
        ) for r in found.rows[:30]
    ]  # fmt: skip
    line = f"budget {number(found.budget)}" if found.budget is not None else "worth its cost"
    return choice_bars(
        bars, title=found.answer, line=line, write=lambda v: signed(v, None),
        alt="Net value of each option with its interval, chosen ones first",
    )  # fmt: skip
