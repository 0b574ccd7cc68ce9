"""What customers are worth from here on, how long they stay, and what is at risk by which reason, in parts."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from regard.customers import bought, contracted
from regard.customers.worths import Value
from regard.errors import Refusal
from regard.figures import Figure, GroupBar, Staying, group_bars, staying
from regard.findings import Interval
from regard.listening.staked import staked
from regard.questions import question
from regard.signals.ask import Ask
from regard.wording import count, money, number, percent


@question(title="Value", needs=("subscription|order",))
def value(
    *,
    ask: Ask,
    ahead: Annotated[int, Meta(description="Days ahead.", ge=30, le=3660)] = 365,
    discount: Annotated[float, Meta(description="Discount a year, as 0.1.", ge=0, le=1)] = 0.1,
    limit: Annotated[int, Meta(description="Customers shown.", ge=1, le=100_000)] = 50,
) -> Value:
    """What are our customers worth from here on, how long do they stay, and what is at risk for which reason?"""
    lost = ask.declarations.base.lost
    under_contract = lost == "subscription ends" or (lost is None and ask.count("subscription") > 0)
    told = contracted.told if under_contract else bought.told
    found = told(ask, ahead=ahead, discount=discount)
    if lost:
        found = _with_stakes(ask, found)
    return msgspec.structs.replace(found, rows=found.rows[:limit])


def _with_stakes(ask: Ask, found: Value) -> Value:
    """With what is at stake by what was met, from the one source of it; and what is at risk where nothing told it."""
    try:
        held = staked(ask)
    except Refusal:
        return found
    if found.at_risk is None and not held.total.refused and held.total.value > 0:
        risk = Interval(held.total.low, held.total.high)
        found = msgspec.structs.replace(found, at_risk=held.total.value, at_risk_interval=risk)
    return msgspec.structs.replace(found, stakes=held.rows())


def figure(finding: Value) -> Figure | None:
    """Under contract: the curve of those who stay, above it those gone by reason. Else value by tenth of customers."""
    if finding.curve:
        names = [r.reason for r in finding.reasons] if len(finding.reasons) > 1 else []
        steps = [
            Staying(at=c.months, share=c.stay, low=c.low, high=c.high, gone=c.gone if names else ())
            for c in finding.curve
        ]
        return staying(
            steps, title=finding.answer, reasons=names, unit="months since the start", write=lambda v: number(v, 0)
        )
    if not finding.tenths:
        return None
    bars = [
        GroupBar(
            label=f"tenth {t.tenth}",
            value=t.value,
            text=money(t.value, finding.currency),
            note=count(t.customers, "customer"),
        )
        for t in reversed(finding.tenths)
    ]
    return group_bars(bars, title=finding.answer, alt=f"{percent(finding.top_share)} lies with the top tenth")
