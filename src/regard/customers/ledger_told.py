"""The words of the base ledger: its sentence, its facts and what to know before leaning on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from regard import wording
from regard.findings import Caution

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from regard.customers.movements import Line
    from regard.signals.ask import Ask

ONCE = 0.5
"""Above this share of customers with a single purchase, silence cannot tell the lost from the done."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the base is counted from."""

    rows: int
    known: int
    begins: datetime | None
    live: tuple[str, ...]
    late: int
    weighted: bool
    buyers: int
    once: int
    headless: int
    overdue: int
    unvalued: int

    @property
    def once_share(self) -> float:
        """Share of buyers who have bought exactly once."""
        return self.once / self.buyers if self.buyers else 0.0

    @property
    def complete(self) -> str:
        """How complete the counted signals are, in words."""
        if not self.rows:
            return "nothing to count yet"
        return f"{wording.percent(self.known / self.rows)} of them carry a known customer"


def sentence(ask: Ask, total: dict[str, Line], *, worth: bool) -> str:
    """The answer."""
    declared = ask.declarations
    words = wording.Words(declared.called, declared.called_many)
    opening, closing = total["opening"], total["closing"]
    before = wording.day(ask.scope.period.first - timedelta(days=1))
    compared = _compared(closing.customers - opening.customers)
    text = f"You have {words.count(closing.customers)}, {compared} than on {before}"
    if not worth:
        return f"{text}."
    change = closing.value - opening.value
    per = " a year" if declared.value.kind == "recurring" else f" over {wording.count(declared.value.days, 'day')}"
    amount = wording.money(abs(change), declared.currency)
    moved = "the same as then" if not round(change) else f"{amount} {'more' if change > 0 else 'less'}"
    return f"{text}, and they are worth {wording.money(closing.value, declared.currency)}{per}, {moved}."


def _compared(change: int) -> str:
    return (
        "no more and no fewer" if not change else f"{wording.number(abs(change))} {'more' if change > 0 else 'fewer'}"
    )


def told(ask: Ask, facts: Facts, total: dict[str, Line], reasons: list[tuple[str, int]]) -> tuple[str, ...]:
    """At most three supporting sentences."""
    declared, lost = ask.declarations, total["lost"]
    found = []
    if lost.customers:
        amount = f" ({wording.money(-lost.value, declared.currency)})" if declared.value.kind else ""
        parts = [
            f"{wording.number(n)} {'reason unknown' if reason == 'unknown' else reason}" for reason, n in reasons[:4]
        ]
        rest = sum(n for _, n in reasons[4:])
        parts += [f"{wording.number(rest)} for other reasons"] if rest else []
        gone = "left" if declared.base.lost == "subscription ends" else "have gone silent"
        why = wording.listed(parts) if any(reason != "unknown" for reason, _ in reasons) else "why is not known"
        found.append(f"{wording.number(lost.customers)} {gone}{amount}: {why}.")
    came = total["new"].customers, total["returned"].customers
    if any(came):
        found.append(f"{wording.number(came[0])} came for the first time and {wording.number(came[1])} came back.")
    found.append(f"Counted from {wording.count(facts.rows, 'signal')}; {facts.complete}.")
    return tuple(found[:3])


def method(ask: Ask) -> str:
    """How it was counted."""
    lost, days = ask.declarations.base.lost, ask.declarations.base.days
    rule = "the last contract ends" if lost == "subscription ends" else f"{lost} for {days} days"
    return f"State of every customer just before each end of the period, from signals; lost when {rule}."


def cautions(ask: Ask, facts: Facts) -> tuple[Caution, ...]:
    """What to know before leaning on it."""
    return (*_about_log(ask, facts), *_about_contracts(facts), *_about_value(ask, facts), *_about_late(facts))


def _about_log(ask: Ask, facts: Facts) -> Iterator[Caution]:
    scope, declared = ask.scope, ask.declarations
    days = declared.base.days if declared.base.lost != "subscription ends" else 0
    if facts.begins is None:
        yield Caution(code="nothing_yet", text="No signal before the end of the period makes anybody a customer.")
    elif facts.begins > scope.since - timedelta(days=days):
        yield Caution(
            code="short_log",
            text=f"The log begins on {wording.day(facts.begins, scope.zone)}: the opening holds only those seen since, "
            "and some who count as new may have been customers before.",
        )
    if facts.once_share > ONCE:
        yield Caution(
            code="bought_once",
            text=f"{wording.number(facts.once)} of {wording.count(facts.buyers, 'buyer')} "
            f"({wording.percent(facts.once_share)}) have bought exactly once. Silence for {declared.base.days} days "
            "cannot tell who is lost from who had all they wanted, so no rate of loss is given.",
        )
    if facts.weighted:
        yield Caution(code="weighted", text="The log is a weighted sample; the ledger counts the rows as they are.")


def _about_contracts(facts: Facts) -> Iterator[Caution]:
    if facts.headless:
        yield Caution(
            code="contract_without_start",
            text=f"{wording.count(facts.headless, 'contract')} without a start in the log: "
            "counted as there from before it.",
        )
    if facts.overdue:
        yield Caution(
            code="renewal_not_seen",
            text=f"{wording.count(facts.overdue, 'contract')} paid until a day that has passed, "
            "with neither renewal nor end in the log: still counted.",
        )


def _about_value(ask: Ask, facts: Facts) -> Iterator[Caution]:
    kind = ask.declarations.value.kind
    if kind is None:
        yield Caution(
            code="no_value",
            text="What a customer is worth has not been declared (value.kind), so this counts heads only.",
        )
    if facts.unvalued:
        yield Caution(
            code="value_unknown",
            text=f"{wording.count(facts.unvalued, 'contract' if kind == 'recurring' else 'order line')} at the closing "
            "without a value: no amount, no billing period or no exchange rate.",
        )


def _about_late(facts: Facts) -> Iterator[Caution]:
    if not facts.live:
        yield Caution(
            code="restated_unknown",
            text="Nothing was being received yet when the period began, so what arrived late cannot be told: "
            "restated is 0.",
        )
    elif facts.late:
        yield Caution(
            code="restated",
            text=f"{wording.count(facts.late, 'signal')} from before the period arrived after it began.",
        )
