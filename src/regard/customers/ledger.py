"""The base ledger: opening + new + returned + moved in − moved out − lost = closing, in count and in value.

Rests on `movements`: every line is counted from signals and checked to add up; the trend counts both ends again in a
statement of its own, and the two must agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from regard import wording
from regard.customers.ledger_told import ONCE, Facts, cautions, method, sentence, told
from regard.customers.movements import (
    LINES,
    Line,
    Movements,
    check,
    movements,
    parameters,
)
from regard.errors import Damaged, Refusal
from regard.figures import Figure, Panel, Step, waterfall
from regard.findings import Finding
from regard.periods import add_months, midnight, zone_of
from regard.questions import question
from regard.signals.ask import Ask
from regard.signals.rates import currencies, rate_at

_WANTED = {"subscription ends": "subscriptions", "no order": "orders", "no activity": "events or orders"}


class LedgerRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger."""

    line: Annotated[
        str,
        Meta(
            description="opening, restated, new, returned, moved in, moved out, lost, grown, shrunk, exchange, closing."
        ),
    ]
    customers: Annotated[int, Meta(description="Customers who make the line.")]
    change: Annotated[
        int, Meta(description="What the line does to the count; opening and closing are the count itself.")
    ]
    value: Annotated[float | None, Meta(description="What the line does to the value, in the company's currency.")]


class LedgerSlice(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger of one slice, in count and value."""

    slice: Annotated[str, Meta(description="The slice; labels as they were at each end of the period.")]
    opening: Annotated[int, Meta(description="Customers at the opening.")]
    restated: Annotated[int, Meta(description="Change of the opening by what arrived after the period began.")]
    new: Annotated[int, Meta(description="Came for the first time.")]
    returned: Annotated[int, Meta(description="Had been lost and came back.")]
    moved_in: Annotated[int, Meta(description="Came from another slice.")]
    moved_out: Annotated[int, Meta(description="Went to another slice.")]
    lost: Annotated[int, Meta(description="Left the base.")]
    closing: Annotated[int, Meta(description="Customers at the closing.")]
    opening_value: Annotated[float | None, Meta(description="Value at the opening.")]
    closing_value: Annotated[float | None, Meta(description="Value at the closing.")]
    lost_value: Annotated[float | None, Meta(description="Value of those who left.")]
    grown_value: Annotated[float | None, Meta(description="Value gained with customers who stayed.")]
    shrunk_value: Annotated[float | None, Meta(description="Value given up by customers who stayed.")]


class BaseAt(msgspec.Struct, frozen=True, kw_only=True):
    """The base at the end of a day."""

    day: Annotated[str, Meta(description="Last day counted, YYYY-MM-DD.")]
    customers: Annotated[int, Meta(description="Customers in the base when that day ended.")]
    value: Annotated[float | None, Meta(description="Their value, in the company's currency.")]


class LossReason(msgspec.Struct, frozen=True, kw_only=True):
    """Why customers left."""

    reason: Annotated[str, Meta(description="The reason as recorded; unknown where none was.")]
    known_from: Annotated[
        str, Meta(description="stated by the customer, observed, inferred, recorded without saying, or unknown.")
    ]
    customers: Annotated[int, Meta(description="How many left for it.")]
    value: Annotated[
        float | None,
        Meta(description="What they were worth at the opening, or when they left if they came in between."),
    ]


class Ledger(Finding, frozen=True, kw_only=True):
    """The base ledger of a period."""

    customers: Annotated[int | None, Meta(description="Customers in the base at the closing.")] = None
    opening: Annotated[
        int | None, Meta(description="Customers at the opening, as it was known when the period began.")
    ] = None
    value: Annotated[float | None, Meta(description="Value of the base at the closing.")] = None
    opening_value: Annotated[float | None, Meta(description="Value of the base at the opening.")] = None
    currency: Annotated[str, Meta(description="Currency of every value.")] = ""
    change_before: Annotated[int | None, Meta(description="Net change of the count in the period compared with.")] = (
        None
    )
    churn_rate: Annotated[
        float | None, Meta(description="Lost of those in the base at the opening; none where it would mislead.")
    ] = None
    lost: Annotated[int | None, Meta(description="Customers who left.")] = None
    lost_value: Annotated[float | None, Meta(description="What they were worth.")] = None
    came_and_left: Annotated[
        int | None, Meta(description="Counted both as come and as lost: in the base for part of the period only.")
    ] = None
    restated_known: Annotated[
        bool, Meta(description="Whether late signals could be told at all; if not, restated is 0.")
    ] = False
    rows: Annotated[tuple[LedgerRow, ...], Meta(description="The ledger, line by line.")] = ()
    slices: Annotated[
        tuple[LedgerSlice, ...], Meta(description="The ledger of each slice, when cut by a dimension.")
    ] = ()
    reasons: Annotated[tuple[LossReason, ...], Meta(description="Why customers left, dearest first.")] = ()
    months: Annotated[
        tuple[BaseAt, ...], Meta(description="The base at the end of each of the last twelve months.")
    ] = ()


@dataclass(frozen=True, kw_only=True)
class _Counted:
    """Everything counted for one ledger."""

    ask: Ask
    facts: Facts
    moved: Movements
    total: dict[str, Line]
    slices: dict[str, dict[str, Line]]
    trend: dict[datetime, tuple[int, float]]

    def amount(self, value: float) -> float | None:
        """The value, where the company has said what value is."""
        return value + 0.0 if self.ask.declarations.value.kind else None


@question(title="Customer base", needs=("base.lost", "subscription|order|event"))
def ledger(*, ask: Ask) -> Ledger:
    """Does our customer base grow or shrink, in count and in value, and why?"""
    ask.need("base.lost", "it says when a customer is lost.")
    moved = movements(ask)
    facts = _facts(ask, moved)
    if not facts.rows:
        raise Refusal(
            "There is nothing yet that makes anybody a customer before the end of this period.",
            hint=f"Import {_WANTED[ask.declarations.base.lost or '']}, or choose a later period.",
        )
    known = movements(ask, as_known=True, live=facts.live) if facts.late else None
    counted = _Counted(
        ask=ask,
        facts=facts,
        moved=moved,
        total=_restated(moved, known, sliced=False)["all"],
        slices=_restated(moved, known, sliced=True) if ask.scope.by else {},
        trend=_trend(ask, facts),
    )
    _agree(counted)
    return _finding(counted)


def _facts(ask: Ask, moved: Movements) -> Facts:
    given = parameters(ask)
    sources = ask.rows("ledger_facts.sql", **given)
    live = [s for s in sources if s["received"] and s["received"] < ask.scope.since]
    return Facts(
        rows=sum(s["n"] for s in sources),
        known=sum(s["known"] for s in sources),
        begins=min((s["begins"] for s in sources if s["begins"]), default=None),
        live=tuple(s["source"] for s in live),
        late=sum(s["late"] for s in live),
        weighted=any(s["weighted"] for s in sources),
        unvalued=int(moved.column("unvalued").sum()),
        **ask.rows("ledger_once.sql", **given)[0],
    )


def _restated(now: Movements, known: Movements | None, *, sliced: bool) -> dict[str, dict[str, Line]]:
    """The ledgers with the opening as it was known when the period began, and what late signals made of it."""
    nothing = Line(0, 0, 0.0)
    ledgers = now.lines(sliced=sliced)
    openings = {name: lines["opening"] for name, lines in ledgers.items()}
    if known is not None:
        openings = dict.fromkeys(ledgers, nothing)
        openings |= {name: lines["opening"] for name, lines in known.lines(sliced=sliced).items()}
    told_ = {}
    for name, then in openings.items():
        lines = {line: ledgers.get(name, {}).get(line, nothing) for line in LINES}
        change, value = lines["opening"].change - then.change, lines["opening"].value - then.value
        told_[name] = lines | {"opening": then, "restated": Line(abs(change), change, value)}
        check(told_[name], name)
    return told_


def _trend(ask: Ask, facts: Facts) -> dict[datetime, tuple[int, float]]:
    scope = ask.scope
    kept = [at for _, at in _month_ends(ask, facts)]
    ends = sorted({*kept, scope.since, scope.until, scope.before_since, scope.before_until})
    quotes = [(at, c, rate_at(ask.declarations, c, at)) for at in ends for c in currencies(ask.declarations)]
    rows = ask.rows(
        "ledger_trend.sql",
        **parameters(ask),
        instants=ends,
        latest=ends[-1],
        quote_instants=[q[0] for q in quotes],
        quote_currencies=[q[1] for q in quotes],
        quote_rates=[q[2] for q in quotes],
    )
    return {r["instant"]: (r["customers"], r["value"]) for r in rows}


def _month_ends(ask: Ask, facts: Facts) -> list[tuple[str, datetime]]:
    """The last day and the end of each of the last twelve months and the one before, as far as the log goes back."""
    zone = zone_of(ask.scope.zone)
    end = ask.scope.period.last + timedelta(days=1)
    days = [add_months(end, -i) for i in range(12, -1, -1)]
    ends = [((day - timedelta(days=1)).isoformat(), midnight(day, zone)) for day in days]
    return [(day, at) for day, at in ends if facts.begins is not None and at > facts.begins]


def _agree(counted: _Counted) -> None:
    total, trend, scope = counted.total, counted.trend, counted.ask.scope
    opened = total["opening"].change + total["restated"].change, total["opening"].value + total["restated"].value
    closed = total["closing"].change, total["closing"].value
    for one, other in ((opened, trend[scope.since]), (closed, trend[scope.until])):
        if one[0] != other[0] or abs(one[1] - other[1]) > 1e-6 * (1.0 + abs(other[1])):
            raise Damaged(
                f"The base counted twice gives {one} and {other}.",
                where="customers/ledger",
                hint="This is a defect of Regard, not of your data. Please report it with the scope and declarations.",
            )


def _finding(counted: _Counted) -> Ledger:
    ask, facts, total = counted.ask, counted.facts, counted.total
    worth = ask.declarations.value.kind is not None
    reasons = _reasons(counted)
    left = counted.moved.line_of()["lost"]
    stayed_until = int((left & counted.moved.column("at_opening")).sum())
    opening = total["opening"].change + total["restated"].change
    return Ledger(
        answer=sentence(ask, total, worth=worth),
        customers=total["closing"].customers,
        opening=total["opening"].customers,
        value=counted.amount(total["closing"].value),
        opening_value=counted.amount(total["opening"].value),
        currency=ask.declarations.currency if worth else "",
        change_before=_change_before(counted),
        churn_rate=stayed_until / opening if opening and facts.once_share <= ONCE else None,
        lost=total["lost"].customers,
        lost_value=counted.amount(-total["lost"].value),
        came_and_left=int(left.sum()) - stayed_until,
        restated_known=bool(facts.live),
        rows=tuple(
            LedgerRow(line=name, customers=x.customers, change=x.change, value=counted.amount(x.value))
            for name, x in total.items()
        ),
        slices=tuple(_slice(counted, name) for name in counted.slices),
        reasons=reasons,
        months=tuple(
            BaseAt(day=day, customers=counted.trend[at][0], value=counted.amount(counted.trend[at][1]))
            for day, at in _month_ends(ask, facts)
        ),
        facts=told(ask, facts, total, [(r.reason, r.customers) for r in reasons]),
        cautions=cautions(ask, facts),
        evidence=ask.evidence(
            n=facts.rows, customers=len(counted.moved.table), method=method(ask), complete=facts.complete
        ),
    )


def _change_before(counted: _Counted) -> int | None:
    scope, begins = counted.ask.scope, counted.facts.begins
    if begins is None or begins >= scope.before_since:
        return None
    return counted.trend[scope.before_until][0] - counted.trend[scope.before_since][0]


def _slice(counted: _Counted, name: str) -> LedgerSlice:
    lines = counted.slices[name]
    return LedgerSlice(
        slice=name,
        opening=lines["opening"].customers,
        restated=lines["restated"].change,
        new=lines["new"].customers,
        returned=lines["returned"].customers,
        moved_in=lines["moved in"].customers,
        moved_out=lines["moved out"].customers,
        lost=lines["lost"].customers,
        closing=lines["closing"].customers,
        opening_value=counted.amount(lines["opening"].value),
        closing_value=counted.amount(lines["closing"].value),
        lost_value=counted.amount(-lines["lost"].value),
        grown_value=counted.amount(lines["grown"].value),
        shrunk_value=counted.amount(-lines["shrunk"].value),
    )


def _reasons(counted: _Counted) -> tuple[LossReason, ...]:
    moved = counted.moved
    at = np.flatnonzero(moved.line_of()["lost"])
    columns = (moved.table.column(name).take(at).to_pylist() for name in ("reason", "reason_from"))
    values = np.where(moved.column("at_opening"), moved.column("opening"), moved.column("leaving"))[at]
    sums: dict[tuple[str, str], tuple[int, float]] = {}
    for reason, origin, amount in zip(*columns, values, strict=True):
        key = (reason, origin or "recorded") if reason else ("unknown", "unknown")
        n, value = sums.get(key, (0, 0.0))
        sums[key] = n + 1, value + float(amount)
    ranked = sorted(sums.items(), key=lambda item: (-item[1][1], -item[1][0], item[0]))
    return tuple(
        LossReason(reason=reason, known_from=origin, customers=n, value=counted.amount(value))
        for (reason, origin), (n, value) in ranked
    )


def figure(finding: Ledger) -> Figure | None:
    """From opening to closing, in count and, where value is declared, in value on the same columns."""
    if not finding.rows:
        return None
    counts = tuple(
        Step(label=wording.sentence(r.line), amount=r.change, total=r.line in _ENDS)
        for r in finding.rows
        if r.change or r.line in _ENDS
    )
    panels = [Panel(name="Customers", steps=counts)]
    if finding.value is not None:
        steps = tuple(_priced(r, finding.currency) for r in finding.rows if r.value or r.line in _ENDS)
        panels.append(Panel(name="Value", steps=steps))
    return waterfall(panels, title=finding.answer)


_ENDS = ("opening", "closing")


def _priced(row: LedgerRow, currency: str) -> Step:
    end = row.line in _ENDS
    amount = row.value or 0.0
    text = wording.money(amount, currency) if end else wording.signed_money(amount, currency)
    return Step(label=wording.sentence(row.line), amount=amount, text=text, total=end)
