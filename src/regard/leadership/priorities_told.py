"""The words of priorities: the sentence, the facts, and what to know before leaning on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regard.findings import Caution
from regard.leadership.at_stake import NEAR
from regard.wording import between, count, listed, money, number, percent, signed_money

if TYPE_CHECKING:
    from regard.leadership.at_stake import Stakes
    from regard.leadership.improvements import Options
    from regard.leadership.priorities import Priorities
    from regard.signals.ask import Ask
    from regard.statistics.appraisal import Appraisal


def span(years: float) -> str:
    """Over which time value counts."""
    return "in the first year" if years == 1 else f"in {number(years)} years"


def sentence(finding: Priorities) -> str:
    """The answer."""
    done = [r.improvement for r in finding.rows if r.chosen]
    within = f"Within {money(finding.budget, finding.currency)}" if finding.budget is not None else "Without a limit"
    if not done:
        best = max(finding.rows, key=lambda r: r.net or 0.0)
        if (best.net or 0.0) > 0:
            return f"{within}, nothing that is worth its cost can be done; {best.improvement} is expected to cost more."
        return (
            f"{within}, none of {count(len(finding.rows), 'improvement')} is expected to bring more than it costs; "
            f"the nearest is {best.improvement} ({signed_money(best.net, finding.currency)})."
        )
    ends = finding.interval
    told = between(ends.low if ends else None, ends.high if ends else None, lambda v: signed_money(v, finding.currency))
    hundred = round(100 * (finding.positive or 0.0))
    return (
        f"{within}, do {listed(done)}: {signed_money(finding.net, finding.currency)} net {span(finding.years)} "
        f"({told}), above zero in {hundred} of 100 cases."
    )


def facts(finding: Priorities) -> tuple[str, ...]:
    """What was not chosen, what to learn first, where most is at stake."""
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


def cautions(
    ask: Ask,
    held: Stakes,
    options: Options | None,
    found: Appraisal | None,
    *,
    budget: float | None = None,
    launches: str = "",
) -> tuple[Caution, ...]:
    """What to know before leaning on it."""
    people, currency = ask.declarations.called_many, ask.declarations.currency
    losses = count(held.losing.events, "loss", "losses")
    unknown = listed([i.name for i in options.improvements if not i.chance], most=3) if options else ""
    assumed = (
        f"that of past ones is taken, {launches}" if launches else "any is as likely as any other (--launches 12/20)"
    )
    spent, within = (money(found.spent[0], currency), percent(found.within, 0)) if found else ("", "")
    by_score = any(not s.direct for s in held.stakes)
    told = {
        "association": "What goes with losses, and what drives the score, are associations: try the first on some "
        f"{people} before all.",
        "few_losses": bool(held.staked.refused)
        and f"Losses cannot be divided by what came before them ({held.staked.refused}): all goes by way of the score, "
        "which understates.",
        "by_the_score": by_score and not held.staked.refused
        and f"What {people} do themselves is weighed by way of the score, not by losses (little use is how somebody "
        "leaves): it is understated, and stands beside the other, not added to it.",
        "noisy_scores": by_score and bool(held.alike.refused)
        and "One score is a noisy sign of how satisfied somebody is, and too few answered twice to correct for it: what"
        " goes by way of the score is understated.",
        "corrected": by_score and not held.alike.refused
        and f"Two answers of one {ask.declarations.called} within {NEAR} days agree by r = "
        f"{number(held.alike.value, 2)}: what a point means for losses is corrected for that, yet rather understated.",
        "losses_unclear": by_score and not held.losing.refused and not (held.losing.slope.high < 0)
        and f"Whether losses go with the score cannot be told yet ({losses} after an answer): all values by way of the "
        "score are in doubt together.",
        "chance_assumed": unknown and f"No chance of success is declared for {unknown}: {assumed}.",
        "no_budget": found is not None and budget is None
        and f"No budget: all that is worth its cost is chosen, {spent} in all.",
        "over_budget": found is not None and budget is not None and found.within < 0.9
        and f"Costs stay within the budget in {within} of cases; it binds what is expected.",
    }  # fmt: skip
    return tuple(Caution(code=code, text=text) for code, text in told.items() if text)
