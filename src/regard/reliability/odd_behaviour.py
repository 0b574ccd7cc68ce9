"""Odd behaviour: what one customer did that may be a mistake, for a polite check before they have to ask.

Rules: the same order again and again, the same failure again and again, far more in a day than the customer's own
habit. From which size on something is odd follows from how often the base's own past reached it.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from regard import wording
from regard.errors import Refusal
from regard.findings import Caution, Finding
from regard.questions import question
from regard.reliability.concerned import stake
from regard.reliability.detectors import Looking, detector
from regard.reliability.oddities import BURST, RULES, SAME_FAILURE, SAME_ORDER, Found, Oddity, oddities
from regard.reliability.raised import Certainty, Raised, Who, key
from regard.signals.ask import Ask
from regard.wording import count, number

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST = 200
METHOD = (
    "Clusters by customer; odd from the size on that the base's own 180 days before reached no more often than is "
    "accepted; a customer's own habit is exempt. Bursts by the tail of a negative binomial around the customer's habit."
)


class OddRow(msgspec.Struct, frozen=True, kw_only=True):
    """One customer's odd behaviour, and the words one could send."""

    customer: Annotated[str, Meta(description="Who.")]
    id: Annotated[str, Meta(description="Their id.")]
    rule: Annotated[str, Meta(description="same order again, same failure again, or much more than usual.")]
    happened: Annotated[str, Meta(description="What happened, to be read after who.")]
    began: Annotated[str, Meta(description="First of them, in the company's zone.")]
    ended: Annotated[str, Meta(description="Last of them.")]
    times: Annotated[int, Meta(description="How many.")]
    words: Annotated[str, Meta(description="A polite check one could send; put it in your own voice.")]
    key: Annotated[str, Meta(description="The same each time this is seen: who was asked once is not asked again.")]


class OddRule(msgspec.Struct, frozen=True, kw_only=True):
    """From which size on a rule calls something odd."""

    rule: Annotated[str, Meta(description="The rule.")]
    limit: Annotated[float, Meta(description="Smallest odd size: times, or for bursts tenfolds of surprise.")]
    past_a_month: Annotated[
        float | None, Meta(description="How often a month the base's past reached it, rightly or not.")
    ] = None
    months: Annotated[float, Meta(description="Months of past it rests on.")] = 0.0
    found: Annotated[int, Meta(description="How many are odd in the days looked at.")] = 0


class OddBehaviour(Finding, frozen=True, kw_only=True):
    """Customers whose behaviour may be a mistake."""

    found: Annotated[int, Meta(description="Oddities in the days looked at.")] = 0
    customers: Annotated[int, Meta(description="Customers concerned.")] = 0
    stated: Annotated[float | None, Meta(description="False alarms a month that are accepted, over all rules.")] = None
    rows: Annotated[tuple[OddRow, ...], Meta(description="The latest first.")] = ()
    rules: Annotated[tuple[OddRule, ...], Meta(description="From which size on each rule calls something odd.")] = ()


@question(title="Odd behaviour", needs=("order|event|contact",))
def odd_behaviour(
    *,
    ask: Ask,
    days: Annotated[int, Meta(description="Days looked at, up to the end of the period.", ge=1, le=90)] = 1,
    false_alarms: Annotated[
        float, Meta(description="False alarms a month that are accepted, over all customers.", gt=0, le=1000)
    ] = 4.0,
    order_seconds: Annotated[
        int, Meta(description="Seconds within which the same order again may be a mistake.", ge=1, le=86_400)
    ] = 60,
    failure_hours: Annotated[
        int, Meta(description="Hours within which the same failure again belongs together.", ge=1, le=168)
    ] = 24,
) -> OddBehaviour:
    """Is this a mistake: whose behaviour is odd enough for a polite check, before they have to ask?"""
    if not any(ask.count(kind) for kind in ("order", "event", "contact")):
        raise Refusal(
            "Nothing that customers did has come in yet.",
            hint="Import orders or contacts, or send events as they happen.",
        )
    found = oddities(
        ask, now=ask.scope.until, days=days, rate=false_alarms,
        seconds={SAME_ORDER: order_seconds, SAME_FAILURE: failure_hours * 3600},
    )  # fmt: skip
    rows = found.oddities
    return OddBehaviour(
        answer=_sentence(found, days),
        found=len(rows), customers=len({o.customer for o in rows}), stated=false_alarms,
        rows=tuple(_row(o, ask.scope.zone) for o in rows[:MOST]),
        rules=tuple(_rules(found)),
        next_step="Ask politely, once each: the words stand beside them." if rows else "",
        facts=_facts(found),
        cautions=tuple(_cautions(found)),
        evidence=ask.evidence(n=found.looked, kind="estimated", method=METHOD),
    )  # fmt: skip


@detector(title="Odd behaviour", kinds=("odd",), needs=("order|event|contact",))
def odd(*, looking: Looking) -> Iterator[Raised]:
    """What customers did in the last two days that may be a mistake, each once."""
    ask = looking.rows()
    found = oddities(
        ask, now=looking.now.astimezone(UTC).replace(tzinfo=None), days=2, rate=4.0,
        seconds={SAME_ORDER: 60, SAME_FAILURE: 86_400},
    )  # fmt: skip
    for one in found.oddities:
        at = found.limits[one.rule]
        yield Raised(
            cause=key("odd", one.key), kind="odd", what=one.sentence, since=one.began.replace(tzinfo=UTC),
            who=Who(words=one.name, count=1, customers=(one.id,)), at_stake=stake(ask, [one.customer]),
            certainty=Certainty(
                words=f"In the {count(round(at.months, 1), 'month')} before, as much was seen {number(at.rate, 2)} "
                "times a month, all customers together."
            ),
            next_step="Ask politely, once, before they have to.", notice=one.words, size=float(one.size),
            evidence={
                "question": "reliability/odd-behaviour", "arguments": {"days": 2}, "rule": one.rule, "what": one.what,
            },
        )  # fmt: skip


def _row(one: Oddity, zone: str) -> OddRow:
    return OddRow(
        customer=one.name, id=one.id, rule=one.rule, happened=one.sentence, times=one.size, words=one.words,
        began=wording.moment(one.began, zone), ended=wording.moment(one.ended, zone), key=one.key,
    )  # fmt: skip


def _rules(found: Found) -> Iterator[OddRule]:
    for rule in RULES:
        if rule in found.limits:
            at = found.limits[rule]
            yield OddRule(
                rule=rule, limit=at.size, months=at.months, past_a_month=at.rate if at.months > 0 else None,
                found=sum(o.rule == rule for o in found.oddities),
            )  # fmt: skip


def _sentence(found: Found, days: int) -> str:
    span = "the last day" if days == 1 else f"the last {number(days)} days"
    if not found.oddities:
        return f"Nobody's behaviour was odd in {span}."
    first = found.oddities[0]
    who = len({o.customer for o in found.oddities})
    if len(found.oddities) == 1:
        return f"{first.name} {first.sentence}: a polite check may be due."
    return (
        f"{count(len(found.oddities), 'oddity', 'oddities')} of {count(who, 'customer')} in {span}: the latest is "
        f"{first.name}, who {first.sentence}."
    )


def _facts(found: Found) -> tuple[str, ...]:
    told = []
    if SAME_ORDER in found.limits:
        told.append(f"The same order is odd from {number(found.limits[SAME_ORDER].size)} times on.")
    if SAME_FAILURE in found.limits:
        told.append(f"The same failure in a row is odd from {number(found.limits[SAME_FAILURE].size)} times on.")
    return tuple(told)


def _cautions(found: Found) -> Iterator[Caution]:
    short = [at for at in found.limits.values() if at.months < 1]
    if short:
        yield Caution(
            code="short_past", text="Less than a month of past: only what was never seen before counts as odd."
        )
    if any(o.rule == BURST for o in found.oddities):
        yield Caution(
            code="may_be_meant", text="Much more than usual may be meant: a season, a new team, a stocktaking."
        )
